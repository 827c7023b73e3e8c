//! A simulator of the test's own, and a client that asks it.

use std::net::SocketAddr;
use std::time::Duration;

use contracts::insurer::{
    ELIGIBILITY_PATH, EligibilityAnswer, EligibilityQuestion, Encounter, Provider, Subscriber,
};
use insurer::{AllCalls, Knobs, Options, Outcome, PayerCalls, Share};
use jiff::civil::date;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use runtime::Shutdown;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// A bound against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_secs(30);

pub const PAYER: &str = "00042";

pub struct Lab {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub http: Client,
}

impl Lab {
    pub async fn start() -> Self {
        Self::with_seed(1).await
    }

    pub async fn with_seed(seed: u64) -> Self {
        runtime::telemetry::install_crypto();
        let shutdown = Shutdown::new();
        let options = Options { listen: ([127, 0, 0, 1], 0).into(), seed };
        let address = insurer::start(options, &shutdown).await.unwrap();
        let http = Client::builder().redirect(Policy::none()).timeout(PATIENCE).build().unwrap();
        Self { address, shutdown, http }
    }

    /// One whose only outcome is this.
    pub async fn always(outcome: Outcome) -> Self {
        let lab = Self::start().await;
        lab.set(&Knobs { mix: vec![Share { weight: 1, outcome }], ..Knobs::default() }).await;
        lab
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn ask(&self, payer: &str, member: &str) -> reqwest::Result<Response> {
        self.ask_with(&self.http, payer, member).await
    }

    pub async fn ask_with(
        &self,
        http: &Client,
        payer: &str,
        member: &str,
    ) -> reqwest::Result<Response> {
        http.post(self.url(ELIGIBILITY_PATH)).json(&question(payer, member)).send().await
    }

    pub async fn answer(&self, payer: &str, member: &str) -> EligibilityAnswer {
        let response = self.ask(payer, member).await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Asks without ever giving up, and leaves it to the test to end that.
    pub fn ask_in_background(&self, member: &str) -> tokio::task::JoinHandle<()> {
        let request = Client::new().post(self.url(ELIGIBILITY_PATH));
        let request = request.json(&question(PAYER, member));
        tokio::spawn(async move { drop(request.send().await) })
    }

    pub async fn set(&self, knobs: &Knobs) {
        let response = self.http.put(self.url("/admin/knobs")).json(knobs).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }

    pub async fn send(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let request = self.http.request(method, self.url(path)).body(body.to_owned());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> T {
        let response = self.http.get(self.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    pub async fn calls(&self) -> AllCalls {
        self.read("/admin/calls").await
    }

    pub async fn calls_of(&self, payer: &str) -> PayerCalls {
        self.read(&format!("/admin/payers/{payer}/calls")).await
    }

    /// Looks at the usual payer's counts until they are as they should be.
    pub async fn wait_for(&self, holds: impl Fn(&PayerCalls) -> bool) -> PayerCalls {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let calls = self.calls_of(PAYER).await;
            if holds(&calls) {
                return calls;
            }
            assert!(Instant::now() < give_up, "waited in vain: {calls:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub fn question(payer: &str, member: &str) -> EligibilityQuestion {
    EligibilityQuestion {
        trading_partner_service_id: payer.parse().unwrap(),
        provider: Provider {
            npi: "0000000000".to_owned(),
            organization_name: Some("Test Clinic".to_owned()),
            ..Provider::default()
        },
        subscriber: Subscriber {
            member_id: member.parse().unwrap(),
            first_name: "Given".to_owned(),
            last_name: "Family".to_owned(),
            date_of_birth: date(2000, 1, 1).into(),
        },
        dependents: Vec::new(),
        encounter: Some(Encounter {
            date_of_service: Some(date(2027, 3, 20).into()),
            ..Encounter::default()
        }),
    }
}
