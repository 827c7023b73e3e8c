//! `outbox`: facts that are committed but may not be published yet.

use contracts::{
    AppointmentEvent, AvailabilityChanged, CareEvent, EventKind, LocationChanged, NoteEvent,
    ServiceChanged, TraceContext,
};
use domain::{Actor, CorrelationId, EventId, RequestId};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::{Failure, Transaction, Work};

/// What a fact says.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A visit was booked or changed.
    Appointment(AppointmentEvent),
    /// A practitioner's hours were replaced.
    Availability(AvailabilityChanged),
    /// A note was written or revised.
    Note(NoteEvent),
    /// A practitioner cares for a patient, or no longer does.
    Care(CareEvent),
    /// A location was made or changed.
    Location(LocationChanged),
    /// A visit type was made or changed.
    Service(ServiceChanged),
}

/// A fact to be published once this transaction is committed.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    /// What happened.
    pub kind: EventKind,
    /// Version of the aggregate after it.
    pub aggregate_version: i32,
    /// The body.
    pub fact: Fact,
    /// Of the request that caused it.
    pub correlation_id: CorrelationId,
    /// The request that caused it.
    pub request_id: RequestId,
    /// Its caller.
    pub actor: Actor,
    /// The trace of its message.
    pub trace: Option<&'a TraceContext>,
}

const INSERT: &str = "
    INSERT INTO outbox
        (event_id, kind, version, body, correlation_id, request_id, actor, traceparent,
         tracestate, created_at)
    SELECT events.*, $10
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::jsonb[], $5::uuid[], $6::uuid[],
        $7::text[], $8::text[], $9::text[]) AS events";

/// Adds facts.
pub async fn insert(
    transaction: &Transaction<'_>,
    events: &[NewEvent<'_>],
    created_at: Timestamp,
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = events.iter().map(|_| EventId::generate().as_uuid()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let versions: Vec<i32> = events.iter().map(|event| event.aggregate_version).collect();
    let bodies: Vec<Json<&Fact>> = events.iter().map(|event| Json(&event.fact)).collect();
    let correlations: Vec<Uuid> =
        events.iter().map(|event| event.correlation_id.as_uuid()).collect();
    let requests: Vec<Uuid> = events.iter().map(|event| event.request_id.as_uuid()).collect();
    let actors: Vec<String> = events.iter().map(|event| event.actor.to_string()).collect();
    let traces: Vec<Option<String>> =
        events.iter().map(|event| event.trace.map(TraceContext::traceparent)).collect();
    let states: Vec<Option<&str>> =
        events.iter().map(|event| event.trace.and_then(TraceContext::tracestate)).collect();
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &ids,
        &kinds,
        &versions,
        &bodies,
        &correlations,
        &requests,
        &actors,
        &traces,
        &states,
        &created_at,
    ];
    transaction.execute(INSERT, parameters).await?;
    Ok(())
}

/// A fact on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedEvent {
    /// Grows in the order of writing.
    pub position: i64,
    /// Consumers deduplicate by it.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Version of the aggregate after it.
    pub aggregate_version: i32,
    /// JSON.
    pub body: String,
    /// Of the request that caused it.
    pub correlation_id: CorrelationId,
    /// The request that caused it.
    pub request_id: RequestId,
    /// `<user-id>/<role>` of its caller.
    pub actor: String,
    /// The trace of its message.
    pub trace: Option<TraceContext>,
}

const TAKE: &str = "
    DELETE FROM outbox
    WHERE position = ANY (ARRAY(
        SELECT position FROM outbox WHERE kind = ANY ($2)
        ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING position, event_id, kind, version, body::text, correlation_id, request_id, actor,
        traceparent, tracestate";

/// Takes the oldest facts out that nobody else is taking, oldest first. They are back when the
/// transaction is rolled back. Those of a kind that this version doesn't know stay for one that
/// does.
pub async fn take(
    transaction: &Transaction<'_>,
    limit: usize,
) -> Result<Vec<CommittedEvent>, Failure> {
    let rows = transaction.query(TAKE, &[&(limit as i64), &known_kinds()]).await?;
    let mut events = rows.iter().map(event).collect::<Result<Vec<_>, Failure>>()?;
    events.sort_unstable_by_key(|event| event.position);
    Ok(events)
}

fn known_kinds() -> Vec<&'static str> {
    EventKind::ALL.map(EventKind::as_str).to_vec()
}

fn event(row: &Row) -> Result<CommittedEvent, Failure> {
    let position: i64 = row.try_get(0)?;
    let kind = row.try_get::<_, &str>(2)?.parse();
    let (parent, state): (Option<&str>, Option<&str>) = (row.try_get(8)?, row.try_get(9)?);
    Ok(CommittedEvent {
        position,
        id: row.try_get::<_, Uuid>(1)?.into(),
        kind: kind.map_err(|_| Failure::unreadable_row("outbox.kind", position))?,
        aggregate_version: row.try_get(3)?,
        body: row.try_get(4)?,
        correlation_id: row.try_get::<_, Uuid>(5)?.into(),
        request_id: row.try_get::<_, Uuid>(6)?.into(),
        actor: row.try_get(7)?,
        trace: parent.and_then(|parent| TraceContext::parse(parent, state).ok()),
    })
}

/// Facts that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// All of them.
    pub facts: i64,
    /// Those of a kind that this version doesn't know.
    pub unknown: i64,
}

/// Counts the facts that wait.
#[derive(Clone, Copy, Debug)]
pub struct CountPending;

const COUNT: &str = "SELECT count(*), count(*) FILTER (WHERE kind <> ALL ($1)) FROM outbox";

impl Work for CountPending {
    type Output = Pending;
    const NAME: &'static str = "count_outbox";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Pending, Failure> {
        let rows = transaction.query(COUNT, &[&known_kinds()]).await?;
        let [row] = &rows[..] else { return Ok(Pending { facts: 0, unknown: 0 }) };
        Ok(Pending { facts: row.try_get(0)?, unknown: row.try_get(1)? })
    }
}
