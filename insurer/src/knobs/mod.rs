//! How the insurer behaves, as it is told.

mod latency;
mod outcome;
mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::PayerId;
use serde::{Deserialize, Serialize};

use crate::draw::Draw;
pub use latency::{Latency, PercentilePoint};
pub use outcome::Outcome;
pub use window::{Flapping, Outage};

/// Longest mix.
const MIX_MAX: usize = 50;
/// Greatest weight of a share.
const WEIGHT_MAX: u32 = 1_000_000;
/// Greatest limit of concurrency.
const CONCURRENCY_MAX: u32 = 100_000;
/// Longest `Retry-After`: a day.
const RETRY_AFTER_MAX_S: u32 = 86_400;

/// Everything that can be told. What isn't said is as it is by default: at once, and honest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    /// How long it takes before anything else happens.
    pub latency: Latency,
    /// What happens, each with its weight; empty means that questions are answered.
    pub mix: Vec<Share>,
    /// More calls than this at the same time get a 429, at once.
    pub concurrency: Option<Concurrency>,
    /// A time during which all calls fail, counted from when this is set.
    pub outage: Option<Outage>,
    /// All calls fail for a part of every period, counted from when this is set.
    pub flapping: Option<Flapping>,
}

/// One part of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its part of the sum of all weights.
    pub weight: u32,
    /// What happens.
    pub outcome: Outcome,
}

/// A limit of calls at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// The limit; calls that hang count.
    pub limit: u32,
    /// What a refused call reads in `Retry-After`, in seconds. Default: 1.
    #[serde(default = "one_second")]
    pub retry_after_s: u32,
}

const fn one_second() -> u32 {
    1
}

/// A value that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at} {expected}")]
pub struct InvalidKnobs {
    /// Where it stands, dotted.
    pub at: String,
    /// What it must be.
    pub expected: String,
}

/// The knobs of one payer, or of all, as they stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PresentKnobs {
    /// What was set, with the defaults filled in.
    pub knobs: Knobs,
    /// Whether they are the payer's own; otherwise those of all payers hold.
    pub is_own: bool,
    /// When they were set, in milliseconds since the start.
    pub set_at_ms: u64,
    /// Whether neither an outage nor flapping keeps it down now.
    pub is_up: bool,
}

/// All knobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllKnobs {
    /// Decides all chance.
    pub seed: u64,
    /// Milliseconds since the start.
    pub now_ms: u64,
    /// For payers that have none of their own.
    pub all: PresentKnobs,
    /// Payers that have their own.
    pub payers: BTreeMap<PayerId, PresentKnobs>,
}

/// What will happen to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// First this passes.
    pub latency: Duration,
    /// Then this happens.
    pub outcome: Outcome,
    /// It is over the limit of concurrency.
    pub is_over_limit: bool,
}

impl Knobs {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), InvalidKnobs> {
        self.latency.check("latency")?;
        require(self.mix.len() <= MIX_MAX, "mix", || format!("has at most {MIX_MAX} shares"))?;
        for (index, share) in self.mix.iter().enumerate() {
            let at = format!("mix.{index}");
            within(1, WEIGHT_MAX.into(), share.weight.into(), &format!("{at}.weight"))?;
            share.outcome.check(&format!("{at}.outcome"))?;
        }
        if let Some(concurrency) = self.concurrency {
            let (limit, max) = (concurrency.limit.into(), CONCURRENCY_MAX.into());
            within(1, max, limit, "concurrency.limit")?;
            check_retry_after(concurrency.retry_after_s, "concurrency.retry_after_s")?;
        }
        self.outage.as_ref().map_or(Ok(()), |outage| outage.check("outage"))?;
        self.flapping.as_ref().map_or(Ok(()), |flapping| flapping.check("flapping"))
    }

    /// What happens to a call that comes `elapsed` after these were set, while `in_flight` others
    /// are under way.
    pub fn plan(&self, elapsed: Duration, in_flight: u64, draw: &Draw) -> Planned {
        if let Some(concurrency) = self.concurrency.filter(|c| in_flight >= c.limit.into()) {
            return Planned {
                latency: Duration::ZERO,
                outcome: Outcome::too_many_requests(concurrency.retry_after_s),
                is_over_limit: true,
            };
        }
        let outcome = self.down(elapsed).unwrap_or_else(|| self.drawn(draw)).clone();
        Planned { latency: self.latency.drawn(draw), outcome, is_over_limit: false }
    }

    /// What happens to all calls, when something does.
    pub fn down(&self, elapsed: Duration) -> Option<&Outcome> {
        let outage = self.outage.as_ref().filter(|outage| outage.covers(elapsed));
        let flapping = self.flapping.as_ref().filter(|flapping| flapping.is_down(elapsed));
        outage.map(|outage| &outage.outcome).or(flapping.map(|flapping| &flapping.outcome))
    }

    fn drawn(&self, draw: &Draw) -> &Outcome {
        let total = self.mix.iter().map(|share| f64::from(share.weight)).sum::<f64>();
        let mut left = draw.fraction(0) * total;
        for share in &self.mix {
            left -= f64::from(share.weight);
            if left < 0.0 {
                return &share.outcome;
            }
        }
        self.mix.last().map_or(&Outcome::Answer, |share| &share.outcome)
    }
}

fn require(is_so: bool, at: &str, expected: impl FnOnce() -> String) -> Result<(), InvalidKnobs> {
    if is_so { Ok(()) } else { Err(InvalidKnobs { at: at.to_owned(), expected: expected() }) }
}

fn within(min: u64, max: u64, value: u64, at: &str) -> Result<(), InvalidKnobs> {
    require((min..=max).contains(&value), at, || format!("must lie between {min} and {max}"))
}

fn check_retry_after(seconds: u32, at: &str) -> Result<(), InvalidKnobs> {
    within(0, RETRY_AFTER_MAX_S.into(), seconds.into(), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(weight: u32, outcome: Outcome) -> Share {
        Share { weight, outcome }
    }

    fn draw(number: u64) -> Draw {
        Draw::new(1, &[&number.to_be_bytes()])
    }

    #[test]
    fn shares_come_by_their_weight() {
        let mix = vec![share(3, Outcome::Answer), share(1, Outcome::Hang)];
        let knobs = Knobs { mix, ..Knobs::default() };
        let outcomes: Vec<_> =
            (0..1000).map(|n| knobs.plan(Duration::ZERO, 0, &draw(n)).outcome).collect();
        let hangs = outcomes.iter().filter(|outcome| **outcome == Outcome::Hang).count();
        assert!((200..300).contains(&hangs), "{hangs} of 1000 are a quarter");
    }

    #[test]
    fn the_limit_comes_before_the_outage_and_the_outage_before_the_mix() {
        let outage = Outage { start_in_ms: 10, duration_ms: 10, outcome: Outcome::Reset };
        let knobs = Knobs {
            mix: vec![share(1, Outcome::Hang)],
            concurrency: Some(Concurrency { limit: 2, retry_after_s: 5 }),
            outage: Some(outage),
            ..Knobs::default()
        };
        let at = |ms, in_flight| knobs.plan(Duration::from_millis(ms), in_flight, &draw(1)).outcome;
        assert_eq!(at(9, 1), Outcome::Hang);
        assert_eq!(at(10, 1), Outcome::Reset);
        assert_eq!(at(19, 1), Outcome::Reset);
        assert_eq!(at(20, 1), Outcome::Hang);
        assert_eq!(at(10, 2), Outcome::too_many_requests(5));
    }

    #[test]
    fn says_where_a_wrong_value_stands() {
        let wrong = |json: &str| {
            serde_json::from_str::<Knobs>(json).unwrap().check().unwrap_err().to_string()
        };
        for (json, complaint) in [
            (r#"{"mix":[{"weight":0,"outcome":"hang"}]}"#, "mix.0.weight must lie between 1"),
            (
                r#"{"mix":[{"weight":1,"outcome":{"status":{"code":200}}}]}"#,
                "mix.0.outcome.status.code must lie between 400 and 599",
            ),
            (
                r#"{"mix":[{"weight":1,"outcome":{"reject":{"code":"a b"}}}]}"#,
                "mix.0.outcome.reject.code must be",
            ),
            (r#"{"concurrency":{"limit":0}}"#, "concurrency.limit must lie between 1"),
            (r#"{"outage":{"duration_ms":0}}"#, "outage.duration_ms must lie"),
            (r#"{"flapping":{"period_ms":10,"up_ratio":1.5}}"#, "flapping.up_ratio must lie"),
            (
                r#"{"outage":{"duration_ms":1,"outcome":{"redirect":{"location":"x"}}}}"#,
                "outage.outcome.redirect.location must",
            ),
            (r#"{"latency":{"constant":{"ms":60001}}}"#, "latency.constant.ms must lie"),
        ] {
            let said = wrong(json);
            assert!(said.starts_with(complaint), "{json}: {said}");
        }
    }
}
