//! `eligibility.*`: the eligibility worker, its insurers and their circuit breakers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::violation::{Violation, within};

/// Settings of the eligibility worker.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EligibilitySettings {
    /// Where `GET /metrics` listens. Default: `127.0.0.1:9467`.
    pub metrics_listen: SocketAddr,
    /// Where insurers are asked: the clearinghouse's base URL, `https` unless it is on this
    /// machine or in a private network. Default: none, so that checks wait.
    pub insurer_url: Option<String>,
    /// Base URLs of payers that are asked elsewhere, by payer id. Default: none.
    pub payer_urls: BTreeMap<String, String>,
    /// Whether insurers may be at loopback, private or link-local addresses. Default: false.
    pub allow_private_addresses: bool,
    /// National Provider Identifier that we ask with. Default: `0000000000`.
    pub provider_npi: String,
    /// The clinic's name that we ask with. Default: `MediConnect`.
    pub provider_name: String,
    /// Longest time for one call. Default: 20,000 ms.
    pub call_timeout_ms: u64,
    /// Longest answer that is read. Default: 1 MiB.
    pub answer_max_bytes: u64,
    /// Calls to one payer at once, by one worker. Default: 4.
    pub calls_at_once: u32,
    /// Calls to one payer begun in a second, by one worker: insurers expect the pace of people, and
    /// one that is back must not be run over. Default: 10.
    pub calls_per_s: u32,
    /// Pause between two looks for checks that are due. Default: 500 ms.
    pub poll_ms: u64,
    /// How long a worker has a check to itself; longer than a call. Default: 60,000 ms.
    pub lease_ms: u64,
    /// First pause after a call that the insurer failed; it doubles. Default: 2,000 ms.
    pub retry_first_ms: u64,
    /// Longest of these pauses. Default: 60,000 ms.
    pub retry_max_ms: u64,
    /// How long before its visit a check is asked again: people change their insurer. Default:
    /// 48 h.
    pub recheck_before_visit_h: u32,
    /// Length of the window in which a payer's breaker counts. Default: 10,000 ms.
    pub breaker_window_ms: u64,
    /// Calls that must have finished in it before the breaker may open. Default: 5.
    pub breaker_min_calls: u64,
    /// It opens when more than this share of them failed, percent. Default: 50.
    pub breaker_failure_percent: u32,
    /// How long it stays open before one probe. Default: 10,000 ms.
    pub breaker_open_ms: u64,
}

impl Default for EligibilitySettings {
    fn default() -> Self {
        Self {
            metrics_listen: (Ipv4Addr::LOCALHOST, 9467).into(),
            insurer_url: None,
            payer_urls: BTreeMap::new(),
            allow_private_addresses: false,
            provider_npi: "0000000000".to_owned(),
            provider_name: "MediConnect".to_owned(),
            call_timeout_ms: 20_000,
            answer_max_bytes: 1 << 20,
            calls_at_once: 4,
            calls_per_s: 10,
            poll_ms: 500,
            lease_ms: 60_000,
            retry_first_ms: 2_000,
            retry_max_ms: 60_000,
            recheck_before_visit_h: 48,
            breaker_window_ms: 10_000,
            breaker_min_calls: 5,
            breaker_failure_percent: 50,
            breaker_open_ms: 10_000,
        }
    }
}

impl EligibilitySettings {
    pub(super) fn check(&self) -> Result<(), Violation> {
        if self.insurer_url.as_deref().is_some_and(|url| !is_base_url(url)) {
            return Err(Violation::value("eligibility.insurer_url", BASE_URL));
        }
        if !self.payer_urls.values().all(|url| is_base_url(url)) {
            return Err(Violation::value("eligibility.payer_urls", BASE_URL));
        }
        let is_npi = self.provider_npi.len() == 10
            && self.provider_npi.bytes().all(|byte| byte.is_ascii_digit());
        if !is_npi {
            return Err(Violation::value("eligibility.provider_npi", "must have ten digits"));
        }
        within(
            10..=600_000,
            &[
                ("eligibility.call_timeout_ms", self.call_timeout_ms),
                ("eligibility.poll_ms", self.poll_ms),
                ("eligibility.lease_ms", self.lease_ms),
                ("eligibility.retry_first_ms", self.retry_first_ms),
                ("eligibility.retry_max_ms", self.retry_max_ms),
                ("eligibility.breaker_window_ms", self.breaker_window_ms),
                ("eligibility.breaker_open_ms", self.breaker_open_ms),
            ],
        )?;
        within(1_024..=1 << 30, &[("eligibility.answer_max_bytes", self.answer_max_bytes)])?;
        within(1..=1_000, &[("eligibility.calls_at_once", self.calls_at_once.into())])?;
        within(1..=100_000, &[("eligibility.calls_per_s", self.calls_per_s.into())])?;
        within(
            1..=720,
            &[("eligibility.recheck_before_visit_h", self.recheck_before_visit_h.into())],
        )?;
        within(1..=1_000_000, &[("eligibility.breaker_min_calls", self.breaker_min_calls)])?;
        within(
            0..=100,
            &[("eligibility.breaker_failure_percent", self.breaker_failure_percent.into())],
        )?;
        if self.lease_ms <= self.call_timeout_ms {
            return Err(Violation::value(
                "eligibility.lease_ms",
                "must be longer than eligibility.call_timeout_ms",
            ));
        }
        Ok(())
    }
}

const BASE_URL: &str =
    "must be a base URL like https://insurer.example, without user, query or fragment";

/// What can be told without a parser of URLs; the worker reads the rest.
fn is_base_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#".contains(&byte))
    })
}
