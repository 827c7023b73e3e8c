//! Letters as the API tells of them.

use domain::{Clock as _, CorrelationId, DeadLetterId, RequestId, SystemClock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A letter. Fields that this version doesn't know are kept for `--json` elsewhere.
#[derive(Clone, Debug, Deserialize)]
pub struct Letter {
    pub id: DeadLetterId,
    pub state: String,
    pub changed_at: Timestamp,
    pub worker: String,
    pub kind: String,
    pub error_class: String,
    pub error_detail: String,
    pub fingerprint: String,
    pub request_id: Option<RequestId>,
    pub correlation_id: Option<CorrelationId>,
    pub origin_stream: String,
    pub origin_sequence: Option<i64>,
    pub dead_sequence: u64,
    pub generation: i32,
    pub attempts: i64,
    pub first_failure_at: Timestamp,
    pub last_failure_at: Timestamp,
    pub outcome: Option<String>,
}

/// A letter with its message.
#[derive(Clone, Debug, Deserialize)]
pub struct ReadLetter {
    #[serde(flatten)]
    pub letter: Letter,
    pub payload: Option<Value>,
    pub masked: bool,
    pub actions: Vec<Action>,
}

/// What somebody did.
#[derive(Clone, Debug, Deserialize)]
pub struct Action {
    #[serde(rename = "action")]
    pub deed: String,
    pub generation: i32,
    pub actor_id: String,
    pub actor_role: String,
    pub reason: String,
    pub acted_at: Timestamp,
}

/// Letters that failed alike.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    pub fingerprint: String,
    pub worker: String,
    pub error_class: String,
    pub error_detail: String,
    pub count: u64,
    pub last_failure_at: Timestamp,
}

/// A list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct List<T> {
    pub items: Vec<T>,
}

/// How long ago, in the largest unit that fits.
pub fn age(moment: Timestamp) -> String {
    age_in(SystemClock.now().duration_since(moment).as_secs())
}

fn age_in(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_fits() {
        let ages = [-5, 59, 60, 3_599, 3_600, 172_799, 172_800].map(age_in);
        assert_eq!(ages, ["0s", "59s", "1m", "59m", "1h", "47h", "2d"]);
    }
}
