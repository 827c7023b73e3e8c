//! Growing waits after failed sign-ins: too slow to guess, never a lock-out for good. Counted by the
//! address that was typed, whether anybody has it or not; devices that the account's owner has signed
//! in from before are counted apart, so that a stranger's failures don't keep the owner out.

use jiff::{SignedDuration, Timestamp};

use crate::problem::{Problem, ProblemType};

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: i32 = 4;

/// NIST SP 800-63B allows so many failures in a row. Who still doesn't know it then may try once a
/// day, from devices that aren't known.
const FAILURES_IN_A_ROW_MAX: i32 = 100;

const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// The wait after so many failures in a row: none, then 1 s, doubling up to the longest.
pub fn wait_after(failures: i32, longest_s: u32) -> SignedDuration {
    if failures >= FAILURES_IN_A_ROW_MAX {
        return A_DAY;
    }
    let doublings = failures - FREE_FAILURES - 1;
    if doublings < 0 {
        return SignedDuration::ZERO;
    }
    SignedDuration::from_secs((1_i64 << doublings.min(30)).min(longest_s.into()))
}

/// Refuses an attempt that comes too early.
pub fn refuse_before(retry_after: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let wait = retry_after.map_or(0, |retry_after| now.duration_until(retry_after).as_millis());
    if wait <= 0 {
        return Ok(());
    }
    let seconds = (wait as u64).div_ceil(1000);
    Err(Problem::new(ProblemType::SignInDelayed).with_retry_after_s(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let waits: Vec<_> = (1..=8).map(|n| wait_after(n, 900).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(wait_after(99, 900).as_secs(), 900);
    }

    #[test]
    fn item_05_the_hundredth_failure_in_a_row_costs_a_day_and_never_more() {
        assert_eq!(wait_after(100, 900), A_DAY);
        assert_eq!(wait_after(i32::MAX, 900), A_DAY);
        // A hundred guesses take at least half a day before that.
        let all: i64 = (1..100).map(|n| wait_after(n, 900).as_secs()).sum();
        assert!(all > 12 * 60 * 60, "{all} s");
    }

    #[test]
    fn an_early_attempt_is_told_when_to_come_back() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(refuse_before(None, now).is_ok());
        assert!(refuse_before(Some(now), now).is_ok());
        let refusal = refuse_before(Some(now + SignedDuration::from_millis(1500)), now);
        assert_eq!(refusal.unwrap_err().kind(), ProblemType::SignInDelayed);
    }
}
