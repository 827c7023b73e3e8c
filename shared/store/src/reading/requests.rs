//! Table `requests`: how the caller's requests ended.

use contracts::Outcome;
use domain::{CorrelationId, RequestId};
use jiff::Timestamp;

use super::CallerTx;
use crate::StoreError;

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct SettledRequest {
    /// What was asked for, as in its subject.
    pub kind: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The correlation id that it came with.
    pub correlation_id: CorrelationId,
    /// When api accepted it.
    pub accepted_at: Timestamp,
    /// When it ended.
    pub settled_at: Timestamp,
}

impl CallerTx {
    /// How a request ended; none while it hasn't, and for requests of others.
    pub async fn settled_request(
        &mut self,
        id: RequestId,
    ) -> Result<Option<SettledRequest>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT kind, outcome, reason, result, blocked_times, correlation_id,
                   accepted_at AS "accepted_at: jiff_sqlx::Timestamp",
                   settled_at AS "settled_at: jiff_sqlx::Timestamp"
               FROM requests WHERE id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(|row| {
            let reason = row.reason.as_deref();
            let outcome = outcome(&row.outcome, reason, row.result, row.blocked_times);
            Ok(SettledRequest {
                outcome: outcome.map_err(|column| StoreError::BadRow {
                    table: "requests",
                    column,
                    id: id.to_string(),
                })?,
                kind: row.kind,
                correlation_id: row.correlation_id.into(),
                accepted_at: row.accepted_at.to_jiff(),
                settled_at: row.settled_at.to_jiff(),
            })
        })
        .transpose()
    }
}

fn outcome(
    word: &str,
    reason: Option<&str>,
    result: Option<serde_json::Value>,
    blocked_times: Option<serde_json::Value>,
) -> Result<Outcome, &'static str> {
    match word {
        "applied" => {
            let result = result.ok_or("result")?;
            let result = serde_json::from_value(result).map_err(|_| "result")?;
            Ok(Outcome::Applied { result })
        }
        "rejected" => {
            let reason = reason.and_then(|reason| reason.parse().ok()).ok_or("reason")?;
            let Some(times) = blocked_times else { return Ok(Outcome::Rejected { reason }) };
            let times = serde_json::from_value(times).map_err(|_| "blocked_times")?;
            Ok(Outcome::Blocked { reason, times })
        }
        "withdrawn" => Ok(Outcome::Withdrawn),
        _ => Err("outcome"),
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Applied, Rejection};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn reads_every_end_and_names_the_column_it_cannot_read() {
        assert_eq!(outcome("withdrawn", None, None, None), Ok(Outcome::Withdrawn));
        let taken = outcome("rejected", Some("slot_taken"), None, None);
        assert_eq!(taken, Ok(Outcome::Rejected { reason: Rejection::SlotTaken }));
        let times = vec![Timestamp::UNIX_EPOCH];
        let blocked = serde_json::to_value(&times).unwrap();
        let blocked = outcome("rejected", Some("slot_taken"), None, Some(blocked));
        assert_eq!(blocked, Ok(Outcome::Blocked { reason: Rejection::SlotTaken, times }));
        let result = Applied::Withdrawal { request_id: Uuid::nil().into() };
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!(outcome("applied", None, Some(json), None), Ok(Outcome::Applied { result }));
        assert_eq!(outcome("applied", None, None, None), Err("result"));
        assert_eq!(outcome("rejected", Some("bad_mood"), None, None), Err("reason"));
        assert_eq!(outcome("lost", None, None, None), Err("outcome"));
    }
}
