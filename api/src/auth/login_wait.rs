//! Growing waits after failed sign-ins: too slow to guess, never a lock-out for good.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Email;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: i32 = 4;

/// The longest wait. Under a constant attack that is what the owner of the account waits too.
const MAX_WAIT_S: i64 = 300;

/// Addresses remembered at most; beyond that all are forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// The wait after so many failures in a row: none, then 1 s, doubling up to the longest.
pub fn wait_after(failures: i32) -> SignedDuration {
    let doublings = failures - FREE_FAILURES - 1;
    if doublings < 0 {
        return SignedDuration::ZERO;
    }
    SignedDuration::from_secs((1_i64 << doublings.min(30)).min(MAX_WAIT_S))
}

/// Failures of this process, by address, whether anybody has it or not: so a wait doesn't tell
/// who has an account. What belongs to an account is stored as well, for all processes.
#[derive(Debug, Default)]
pub struct FailedSignIns(Mutex<HashMap<[u8; 32], Failures>>);

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    in_a_row: i32,
    retry_after: Option<Timestamp>,
}

impl FailedSignIns {
    /// No attempt counts before this.
    pub fn retry_after(&self, email: &Email) -> Option<Timestamp> {
        self.lock().get(&key(email)).and_then(|failures| failures.retry_after)
    }

    /// Counts a failure.
    pub fn record(&self, email: &Email, now: Timestamp) {
        let mut addresses = self.lock();
        if addresses.len() >= MAX_ADDRESSES {
            addresses.clear();
        }
        let failures = addresses.entry(key(email)).or_default();
        failures.in_a_row += 1;
        failures.retry_after = Some(now + wait_after(failures.in_a_row));
    }

    /// Forgets the failures: the owner of the account is here.
    pub fn forget(&self, email: &Email) {
        self.lock().remove(&key(email));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(email: &Email) -> [u8; 32] {
    let digest = digest(&SHA256, email.as_str().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let waits: Vec<_> = (1..=8).map(|n| wait_after(n).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(wait_after(i32::MAX).as_secs(), MAX_WAIT_S);
    }

    #[test]
    fn failures_of_an_address_add_up_until_its_owner_signs_in() {
        let failed = FailedSignIns::default();
        let email = Email::try_from("nobody@clinic.example".to_owned()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(failed.retry_after(&email), None);
        for _ in 0..6 {
            failed.record(&email, now);
        }
        assert_eq!(failed.retry_after(&email), Some(now + wait_after(6)));
        failed.forget(&email);
        assert_eq!(failed.retry_after(&email), None);
    }
}
