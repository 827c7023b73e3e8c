//! One call to an insurer: bounded in time and size, never led elsewhere.

use std::collections::HashMap;
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use contracts::insurer::{
    Dependent, ELIGIBILITY_PATH, EligibilityAnswer, EligibilityQuestion, Encounter,
    HEALTH_BENEFIT_PLAN_COVERAGE, InsurerError, Provider, Subscriber,
};
use domain::PayerId;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use runtime::settings::EligibilitySettings;
use serde::de::DeserializeOwned;
use store::eligibility::Claimed;

use crate::address::{PublicOnly, is_public};

/// A refusal's body is a sentence or two.
const REFUSAL_MAX_BYTES: u64 = 64 << 10;

/// Longest `Retry-After` that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CallEnd {
    /// 200 and readable; perhaps a refusal all the same.
    Answer(Box<EligibilityAnswer>),
    /// Another status.
    Refused { status: u16, retry_after: Option<Duration>, body: InsurerError },
    /// No answer in time.
    TimedOut,
    /// No answer, or none that makes sense; a word that says which.
    Failed(&'static str),
}

/// Asks insurers. Clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Insurer {
    http: Client,
    default: Option<Url>,
    by_payer: HashMap<PayerId, Url>,
    provider: Provider,
    answer_max_bytes: u64,
}

impl Insurer {
    /// Checks where insurers are, and asks nobody yet.
    pub fn new(settings: &EligibilitySettings) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(settings.call_timeout_ms);
        let mut http = Client::builder()
            .redirect(Policy::none())
            .timeout(timeout)
            .connect_timeout(timeout)
            // A proxy from the environment would see everything, and could ask anybody.
            .no_proxy()
            .referer(false)
            .user_agent("mediconnect-eligibility");
        if !settings.allow_private_addresses {
            http = http.dns_resolver(Arc::new(PublicOnly));
        }
        let place = |text: &str| endpoint(text, settings.allow_private_addresses);
        let by_payer = settings.payer_urls.iter().map(|(payer, url)| {
            let id = payer.parse::<PayerId>().with_context(|| {
                format!("eligibility.payer_urls has the key {payer}, which is no payer id")
            })?;
            Ok((id, place(url).with_context(|| format!("eligibility.payer_urls.{payer}"))?))
        });
        let default = settings.insurer_url.as_deref().map(place).transpose();
        Ok(Self {
            http: http.build().context("preparing calls to insurers")?,
            default: default.context("eligibility.insurer_url")?,
            by_payer: by_payer.collect::<anyhow::Result<_>>()?,
            provider: Provider {
                npi: settings.provider_npi.clone(),
                organization_name: Some(settings.provider_name.clone()),
                ..Provider::default()
            },
            answer_max_bytes: settings.answer_max_bytes,
        })
    }

    /// Where that payer is asked; nowhere when nobody has said.
    pub fn endpoint(&self, payer: &PayerId) -> Option<&Url> {
        self.by_payer.get(payer).or(self.default.as_ref())
    }

    /// Asks. Always ends, within the timeout.
    pub async fn ask(&self, payer: &PayerId, check: &Claimed) -> CallEnd {
        let Some(endpoint) = self.endpoint(payer) else { return CallEnd::Failed("not_configured") };
        let question = question(payer, &self.provider, check);
        match self.http.post(endpoint.clone()).json(&question).send().await {
            Ok(response) => self.read(response).await.unwrap_or_else(|end| end),
            Err(error) => failed(&error),
        }
    }

    async fn read(&self, response: Response) -> Result<CallEnd, CallEnd> {
        let status = response.status();
        if status == StatusCode::OK {
            let answer = body(response, self.answer_max_bytes).await?;
            return Ok(CallEnd::Answer(Box::new(answer)));
        }
        if status.is_redirection() {
            return Ok(CallEnd::Failed("redirected"));
        }
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(CallEnd::Failed("unreadable_answer"));
        }
        let retry_after = retry_after(&response);
        // What the body says is a help; the status says enough.
        let max_bytes = REFUSAL_MAX_BYTES.min(self.answer_max_bytes);
        let body = body(response, max_bytes).await.unwrap_or_default();
        Ok(CallEnd::Refused { status: status.as_u16(), retry_after, body })
    }
}

/// Reads a body, and not a byte more than is allowed.
async fn body<T: DeserializeOwned>(mut response: Response, max_bytes: u64) -> Result<T, CallEnd> {
    let too_large = CallEnd::Failed("answer_too_large");
    if response.content_length().is_some_and(|length| length > max_bytes) {
        return Err(too_large);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        if (body.len() + chunk.len()) as u64 > max_bytes {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| CallEnd::Failed("unreadable_answer"))
}

/// The error's text quotes the URL and nothing of a person; the log gets a word all the same.
fn failed(error: &reqwest::Error) -> CallEnd {
    if error.is_timeout() {
        return CallEnd::TimedOut;
    }
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::debug!(cause, "a call to an insurer failed");
    CallEnd::Failed(if error.is_decode() || error.is_body() {
        "broken_answer"
    } else {
        "connection"
    })
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(value.parse().ok()?).min(RETRY_AFTER_MAX))
}

fn endpoint(text: &str, allows_private: bool) -> anyhow::Result<Url> {
    let base: Url = text.parse().context("that is no URL")?;
    let is_literal_private = match base.host_str().map(|host| host.trim_matches(['[', ']'])) {
        None => bail!("the URL names no host"),
        Some(host) => host.parse::<IpAddr>().is_ok_and(|address| !is_public(address)),
    };
    if !allows_private && is_literal_private {
        bail!("that is no public address; set eligibility.allow_private_addresses to allow it");
    }
    if !allows_private && base.scheme() != "https" {
        bail!("insurers are asked by https; eligibility.allow_private_addresses allows http");
    }
    let joined = format!("{}{ELIGIBILITY_PATH}", base.as_str().trim_end_matches('/'));
    joined.parse().context("that is no base URL")
}

fn question(payer: &PayerId, provider: &Provider, check: &Claimed) -> EligibilityQuestion {
    let subscriber = &check.subscriber;
    let dependents = check.dependent.iter().map(|patient| Dependent {
        first_name: patient.name.given().to_owned(),
        last_name: patient.name.family().to_owned(),
        date_of_birth: patient.birth_date,
    });
    EligibilityQuestion {
        trading_partner_service_id: payer.clone(),
        provider: provider.clone(),
        subscriber: Subscriber {
            member_id: check.member_id.clone(),
            first_name: subscriber.name.given().to_owned(),
            last_name: subscriber.name.family().to_owned(),
            date_of_birth: subscriber.birth_date,
        },
        dependents: dependents.collect(),
        encounter: Some(Encounter {
            date_of_service: Some(check.service_date.into()),
            service_type_codes: vec![HEALTH_BENEFIT_PLAN_COVERAGE.to_owned()],
            ..Encounter::default()
        }),
    }
}

#[cfg(test)]
#[path = "insurer_tests.rs"]
mod tests;
