//! `requests`, the inbox: one row per request that has ended.

use std::collections::HashMap;

use contracts::{Applied, BookingKind, IdempotencyId, Outcome, Rejection};
use domain::{CorrelationId, RequestId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::{Failure, Transaction};

/// How a request ended, and whose it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Its caller.
    pub caller_id: UserId,
    /// Its end, as it was answered.
    pub outcome: Outcome,
}

const SETTLED: &str = "
    SELECT id, caller_id, outcome, reason, result, blocked_times
    FROM requests WHERE id = ANY ($1)";

/// Those of `ids` that have ended.
pub async fn settled(
    transaction: &Transaction<'_>,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, Settled>, Failure> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(SETTLED, &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let id: Uuid = row.try_get(0)?;
            let caller_id = row.try_get::<_, Uuid>(1)?.into();
            Ok((id.into(), Settled { caller_id, outcome: outcome(row, id)? }))
        })
        .collect()
}

fn outcome(row: &Row, id: Uuid) -> Result<Outcome, Failure> {
    let unreadable = |column| Failure::unreadable_row(column, id);
    match row.try_get(2)? {
        "applied" => match row.try_get(4) {
            Ok(Json::<Applied>(result)) => Ok(Outcome::Applied { result }),
            Err(_) => Err(unreadable("requests.result")),
        },
        "rejected" => {
            let reason = row.try_get::<_, &str>(3)?.parse::<Rejection>();
            let reason = reason.map_err(|_| unreadable("requests.reason"))?;
            match row.try_get(5) {
                Ok(None) => Ok(Outcome::Rejected { reason }),
                Ok(Some(Json(times))) => Ok(Outcome::Blocked { reason, times }),
                Err(_) => Err(unreadable("requests.blocked_times")),
            }
        }
        "withdrawn" => Ok(Outcome::Withdrawn),
        _ => Err(unreadable("requests.outcome")),
    }
}

const KEY_HOLDERS: &str = "
    SELECT idempotency_id, id FROM requests WHERE idempotency_id = ANY ($1)";

/// For those of `keys` that were used, the request that used it first.
pub async fn key_holders(
    transaction: &Transaction<'_>,
    keys: &[IdempotencyId],
) -> Result<HashMap<Uuid, RequestId>, Failure> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<Uuid> = keys.iter().map(|key| key.as_uuid()).collect();
    let rows = transaction.query(KEY_HOLDERS, &[&keys]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<_, Uuid>(1)?.into()))).collect()
}

/// A request that ends in this transaction.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// Which.
    pub id: RequestId,
    /// What it asked for.
    pub kind: BookingKind,
    /// Its caller.
    pub caller_id: UserId,
    /// Its idempotency id, unless another request holds that.
    pub idempotency_id: Option<IdempotencyId>,
    /// How it ends.
    pub outcome: &'a Outcome,
    /// Its correlation id.
    pub correlation_id: CorrelationId,
    /// Position of its message in `MC_COMMANDS`.
    pub stream_sequence: u64,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

const INSERT: &str = "
    INSERT INTO requests
        (id, kind, caller_id, idempotency_id, outcome, reason, result, correlation_id,
         stream_sequence, accepted_at, blocked_times, settled_at)
    SELECT endings.*, $12
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
        $7::jsonb[], $8::uuid[], $9::bigint[], $10::timestamptz[], $11::jsonb[]) AS endings";

/// Adds rows. When another transaction has settled one of these requests, or used one of their
/// keys, since this one looked, it is [`super::Contention::SettledElsewhere`].
pub async fn insert(
    transaction: &Transaction<'_>,
    endings: &[Ending<'_>],
    settled_at: Timestamp,
) -> Result<(), Failure> {
    if endings.is_empty() {
        return Ok(());
    }
    // One order for everybody: two workers with the same requests wait for each other at most
    // one way.
    let mut endings: Vec<&Ending<'_>> = endings.iter().collect();
    endings.sort_unstable_by_key(|ending| ending.id);

    let ids: Vec<Uuid> = endings.iter().map(|ending| ending.id.as_uuid()).collect();
    let kinds: Vec<&str> = endings.iter().map(|ending| ending.kind.as_str()).collect();
    let callers: Vec<Uuid> = endings.iter().map(|ending| ending.caller_id.as_uuid()).collect();
    let keys: Vec<Option<Uuid>> =
        endings.iter().map(|ending| ending.idempotency_id.map(IdempotencyId::as_uuid)).collect();
    let outcomes: Vec<&str> = endings.iter().map(|ending| ending.outcome.as_str()).collect();
    let reasons: Vec<Option<&str>> =
        endings.iter().map(|ending| ending.outcome.reason().map(Rejection::as_str)).collect();
    let results: Vec<Option<Json<&Applied>>> =
        endings.iter().map(|ending| ending.outcome.result().map(Json)).collect();
    let correlations: Vec<Uuid> =
        endings.iter().map(|ending| ending.correlation_id.as_uuid()).collect();
    let sequences: Vec<i64> =
        endings.iter().map(|ending| ending.stream_sequence.cast_signed()).collect();
    let accepted: Vec<Timestamp> = endings.iter().map(|ending| ending.accepted_at).collect();
    let blocked: Vec<Option<Json<&[Timestamp]>>> =
        endings.iter().map(|ending| ending.outcome.blocked_times().map(Json)).collect();
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &ids,
        &kinds,
        &callers,
        &keys,
        &outcomes,
        &reasons,
        &results,
        &correlations,
        &sequences,
        &accepted,
        &blocked,
        &settled_at,
    ];
    transaction.execute(INSERT, parameters).await?;
    Ok(())
}
