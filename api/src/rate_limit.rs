//! How many requests one caller, or one address without a caller, may make
//! (draft-ietf-httpapi-ratelimit-headers-11). Kept in memory, per process.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::HeaderName;
use axum::response::Response;
use domain::UserId;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use runtime::Shutdown;
use runtime::metrics::{self, IntCounterVec};
use runtime::settings::ApiSettings;

use crate::problem::{Problem, ProblemType};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

static RATE_LIMITED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("http_rate_limited_total", "Requests refused with 429.", &["who"])
});

/// Refusals of somebody unknown that are recorded singly, per second and at once: of one address,
/// and of all together. What goes beyond is counted.
const ENTRIES: (NonZeroU32, NonZeroU32) = (non_zero(2), non_zero(20));
const ALL_ENTRIES: (NonZeroU32, NonZeroU32) = (non_zero(50), non_zero(500));

/// How often whoever has been away for long is forgotten.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

const fn non_zero(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("the limits above are not zero")
}

/// The limits of this process.
#[derive(Debug)]
pub struct RateLimits {
    callers: Limiter<UserId>,
    addresses: Limiter<IpAddr>,
    attempts: Limiter<IpAddr>,
    reports_of_callers: Limiter<UserId>,
    reports_of_addresses: Limiter<IpAddr>,
    entries: Limiter<IpAddr>,
    all_entries: Limiter<()>,
}

/// Whether a request may go on, and what its answer says about the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// None when it may go on; else the seconds until the next may.
    pub retry_after_s: Option<u64>,
    policy: HeaderValue,
    state: HeaderValue,
}

#[derive(Debug)]
struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    quota: Quota,
    policy: HeaderValue,
    requests: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

impl RateLimits {
    /// The limits of the settings.
    pub fn new(settings: &ApiSettings) -> Self {
        let per_s = |per_s, burst| Quota::per_second(per_s).allow_burst(burst);
        let per_min = |per_min, burst| Quota::per_minute(per_min).allow_burst(burst);
        let anonymous = per_s(settings.anonymous_per_s, settings.anonymous_burst);
        let reports = per_min(settings.client_errors_per_min, settings.client_errors_burst);
        let attempts = per_min(settings.sign_in_per_min, settings.sign_in_burst);
        Self {
            callers: Limiter::new("caller", per_s(settings.caller_per_s, settings.caller_burst)),
            addresses: Limiter::new("address", anonymous),
            attempts: Limiter::new("attempts", attempts),
            reports_of_callers: Limiter::new("reports", reports),
            reports_of_addresses: Limiter::new("reports", reports),
            entries: Limiter::new("entries", per_s(ENTRIES.0, ENTRIES.1)),
            all_entries: Limiter::new("all entries", per_s(ALL_ENTRIES.0, ALL_ENTRIES.1)),
        }
    }

    /// Counts a request of somebody who is signed in.
    pub fn caller(&self, user: UserId) -> Decision {
        self.callers.count(&user)
    }

    /// Counts an attempt with a password, a code or a token; refuses when there were too many.
    pub fn attempt(&self, address: IpAddr) -> Result<(), Problem> {
        self.attempts.count(&household(address)).refuse("attempt")
    }

    /// Counts a report of a client's error; refuses when there were too many.
    pub fn report(&self, caller: Option<UserId>, address: IpAddr) -> Result<(), Problem> {
        let decision = match caller {
            Some(user) => self.reports_of_callers.count(&user),
            None => self.reports_of_addresses.count(&household(address)),
        };
        decision.refuse("report")
    }

    /// Counts a request of somebody unknown.
    pub fn address(&self, address: IpAddr) -> Decision {
        self.addresses.count(&household(address))
    }

    /// Whether one more refusal of somebody unknown at that address is recorded singly.
    pub fn admits_entry(&self, address: IpAddr) -> bool {
        let of_address = self.entries.count(&household(address));
        of_address.retry_after_s.is_none() && self.all_entries.count(&()).retry_after_s.is_none()
    }

    /// Forgets whoever has been away, until the soft stop.
    pub async fn sweep(&self, shutdown: &Shutdown) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(SWEEP_EVERY) => {}
                () = shutdown.soft_stopped() => return,
            }
            self.callers.requests.retain_recent();
            self.addresses.requests.retain_recent();
            self.attempts.requests.retain_recent();
            self.reports_of_callers.requests.retain_recent();
            self.reports_of_addresses.requests.retain_recent();
            self.entries.requests.retain_recent();
        }
    }
}

impl Decision {
    /// Counts the refusal, if it is one.
    pub fn count_refusal(&self, who: &str) {
        if self.retry_after_s.is_some() {
            RATE_LIMITED.with_label_values(&[who]).inc();
        }
    }

    /// Tells the caller.
    pub fn describe(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(RATE_LIMIT_POLICY, self.policy);
        headers.insert(RATE_LIMIT, self.state);
    }

    fn refuse(&self, what: &str) -> Result<(), Problem> {
        let Some(seconds) = self.retry_after_s else { return Ok(()) };
        RATE_LIMITED.with_label_values(&[what]).inc();
        Err(Problem::new(ProblemType::RateLimited).with_retry_after_s(seconds))
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(name: &'static str, quota: Quota) -> Self {
        let burst = quota.burst_size();
        let window_s = seconds(quota.replenish_interval(), burst.get());
        Self {
            name,
            quota,
            policy: header(&format!("\"{name}\";q={burst};w={window_s}")),
            requests: RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>(),
        }
    }

    fn count(&self, key: &K) -> Decision {
        let burst = self.quota.burst_size().get();
        let (remaining, retry_after_s) = match self.requests.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity().min(burst), None),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.requests.clock().now());
                (0, Some(wait.as_secs_f64().ceil() as u64))
            }
        };
        let reset_s = seconds(self.quota.replenish_interval(), burst - remaining);
        let state = header(&format!("\"{}\";r={remaining};t={reset_s}", self.name));
        Decision { retry_after_s, policy: self.policy.clone(), state }
    }
}

/// Until so many are back, rounded up.
fn seconds(interval: Duration, count: u32) -> u64 {
    (interval * count).as_millis().div_ceil(1000) as u64
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("words and numbers are valid in a header")
}

/// Whoever has an IPv6 address has 2^64 of them.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_s: u32, burst: u32) -> RateLimits {
        let number = |n| NonZeroU32::new(n).unwrap();
        RateLimits::new(&ApiSettings {
            anonymous_per_s: number(per_s),
            anonymous_burst: number(burst),
            caller_per_s: number(per_s),
            caller_burst: number(burst),
            ..ApiSettings::default()
        })
    }

    #[test]
    fn lets_a_burst_through_and_then_says_when_to_come_back() {
        let limits = limits(1, 3);
        let user = UserId::generate();
        let states: Vec<_> = (0..3).map(|_| limits.caller(user)).collect();
        assert!(states.iter().all(|state| state.retry_after_s.is_none()));
        assert_eq!(states[0].state, "\"caller\";r=2;t=1");
        assert_eq!(states[0].policy, "\"caller\";q=3;w=3");
        let refused = limits.caller(user);
        assert_eq!(refused.retry_after_s, Some(1));
        assert_eq!(refused.state, "\"caller\";r=0;t=3");
        assert!(limits.caller(UserId::generate()).retry_after_s.is_none());
    }

    #[test]
    fn a_flood_from_one_address_leaves_room_for_the_others() {
        let limits = limits(1, 1);
        let admitted = |address: &str| {
            (0..100).filter(|_| limits.admits_entry(address.parse().unwrap())).count()
        };
        assert!((20..100).contains(&admitted("192.0.2.1")));
        assert!((20..100).contains(&admitted("192.0.2.2")));
    }

    #[test]
    fn neighbours_of_one_network_share_a_limit() {
        let limits = limits(1, 1);
        let count = |text: &str| limits.address(text.parse().unwrap()).retry_after_s.is_none();
        assert!(count("2001:db8::1"));
        assert!(!count("2001:db8::2"));
        assert!(count("2001:db8:0:1::1"));
        assert!(count("192.0.2.1"));
        assert!(!count("::ffff:192.0.2.1"));
        assert!(count("192.0.2.2"));
    }
}
