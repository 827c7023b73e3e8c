//! Calls to the simulator: every way it can misbehave ends the call, within its bounds.

use ::insurer::{Knobs, Options, Outcome, Share};
use domain::{CorrelationId, EligibilityCheckId, HumanName};
use jiff::civil::date;
use runtime::Shutdown;
use store::eligibility::Subscriber as Person;

use super::*;

const TIMEOUT_MS: u64 = 300;

struct Lab {
    shutdown: Shutdown,
    base: String,
    insurer: Insurer,
}

impl Lab {
    async fn start() -> Self {
        runtime::telemetry::install_crypto();
        let shutdown = Shutdown::new();
        let options = Options { listen: ([127, 0, 0, 1], 0).into(), seed: 1 };
        let base = format!("http://{}", ::insurer::start(options, &shutdown).await.unwrap());
        let settings = EligibilitySettings {
            insurer_url: Some(base.clone()),
            allow_private_addresses: true,
            call_timeout_ms: TIMEOUT_MS,
            ..EligibilitySettings::default()
        };
        let insurer = Insurer::new(&settings).unwrap();
        Self { shutdown, base, insurer }
    }

    async fn ask_when(&self, outcome: Outcome) -> CallEnd {
        let knobs = Knobs { mix: vec![Share { weight: 1, outcome }], ..Knobs::default() };
        let url = format!("{}/admin/knobs", self.base);
        let told = Client::new().put(url).json(&knobs).send().await.unwrap();
        assert!(told.status().is_success());
        self.insurer.ask(&"00042".parse().unwrap(), &check()).await
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.shutdown.trigger_hard();
    }
}

fn check() -> Claimed {
    let person = Person {
        name: HumanName::new("Given", "Family").unwrap(),
        birth_date: date(2000, 1, 1).into(),
    };
    Claimed {
        id: EligibilityCheckId::generate(),
        service_date: date(2027, 3, 20),
        visit_start: None,
        is_moot: false,
        member_id: "M-ACTIVE".parse().unwrap(),
        subscriber: person.clone(),
        dependent: Some(person),
        attempts: 0,
        correlation_id: CorrelationId::generate(),
        trace: None,
    }
}

#[tokio::test]
async fn every_misbehaviour_ends_the_call_with_a_word() {
    let lab = Lab::start().await;
    let CallEnd::Answer(answer) = lab.ask_when(Outcome::Answer).await else { panic!("no answer") };
    assert_eq!(answer.finding(), domain::CoverageFinding::Active);
    for (outcome, word) in [
        (Outcome::Reset, "connection"),
        (Outcome::ResetMidway, "broken_answer"),
        (Outcome::Truncated, "broken_answer"),
        (Outcome::Garbage, "unreadable_answer"),
        (Outcome::Enormous { bytes: 1 << 30 }, "answer_too_large"),
        (Outcome::Redirect { location: None }, "redirected"),
        (Outcome::Redirect { location: Some("http://192.0.2.1/".into()) }, "redirected"),
    ] {
        let label = outcome.label().into_owned();
        assert_eq!(lab.ask_when(outcome).await, CallEnd::Failed(word), "{label}");
    }
    assert_eq!(lab.ask_when(Outcome::Hang).await, CallEnd::TimedOut);
}

#[tokio::test]
async fn refusals_keep_their_reason_and_their_pause() {
    let lab = Lab::start().await;
    let limited = lab.ask_when(Outcome::too_many_requests(3)).await;
    let CallEnd::Refused { status: 429, retry_after, .. } = limited else { panic!("{limited:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(3)));
    let outcome = Outcome::Status { code: 400, reject: Some("79".to_owned()), retry_after_s: None };
    let refused = lab.ask_when(outcome).await;
    let CallEnd::Refused { status: 400, body, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(body.errors[0].code, "79");
}

#[tokio::test]
async fn a_name_that_leads_into_our_own_network_is_not_asked() {
    let lab = Lab::start().await;
    let port = lab.base.rsplit(':').next().unwrap();
    let settings = EligibilitySettings {
        insurer_url: Some(format!("https://localhost:{port}")),
        call_timeout_ms: TIMEOUT_MS,
        ..EligibilitySettings::default()
    };
    let careful = Insurer::new(&settings).unwrap();
    let end = careful.ask(&"00042".parse().unwrap(), &check()).await;
    assert_eq!(end, CallEnd::Failed("connection"));
    let calls = reqwest::get(format!("{}/admin/calls", lab.base)).await.unwrap();
    let calls: ::insurer::AllCalls = calls.json().await.unwrap();
    assert_eq!((calls.calls, calls.unreadable), (0, 0));
}

#[test]
fn private_places_and_plain_http_need_leave() {
    for text in [
        "https://127.0.0.1",
        "https://10.0.0.1:8443/x",
        "https://[::1]",
        "https://[fd00::1]",
        "http://insurer.example",
        "https://[::ffff:192.168.0.1]/",
        // URLs have many ways to write a number.
        "https://2130706433",
        "https://0x7f.1",
    ] {
        assert!(endpoint(text, false).is_err(), "{text}");
    }
    assert!(endpoint("http://127.0.0.1:1", true).is_ok());
    let joined = endpoint("https://insurer.example/base/", false).unwrap();
    assert_eq!(joined.path(), format!("/base{ELIGIBILITY_PATH}"));
}
