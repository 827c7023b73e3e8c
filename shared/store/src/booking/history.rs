//! `appointment_status_history`: every status a visit has had, and who brought it about.

use std::collections::HashMap;

use contracts::AppointmentState;
use domain::{Actor, AppointmentId, CancelationReason, CorrelationId, RequestId, StatusChange};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction};

/// A visit that reached a new version.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The visit just after.
    pub appointment: &'a AppointmentState,
    /// In whose name.
    pub actor: Actor,
    /// By which request.
    pub request_id: RequestId,
    /// And its correlation id.
    pub correlation_id: CorrelationId,
    /// It took the change before it back.
    pub is_undo: bool,
}

const INSERT: &str = "
    INSERT INTO appointment_status_history
        (appointment_id, version, status, reason, actor_id, actor_role, request_id,
         correlation_id, practitioner_id, is_undo, during, changed_at)
    SELECT id, version, status, reason, actor_id, actor_role, request_id, correlation_id,
        practitioner_id, is_undo, tstzrange(starts_at, ends_at), $13
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::uuid[], $6::text[],
        $7::uuid[], $8::uuid[], $9::uuid[], $10::boolean[], $11::timestamptz[],
        $12::timestamptz[])
        AS changes (id, version, status, reason, actor_id, actor_role, request_id, correlation_id,
            practitioner_id, is_undo, starts_at, ends_at)";

/// Adds what happened at `changed_at`.
pub async fn insert(
    transaction: &Transaction<'_>,
    changes: &[Change<'_>],
    changed_at: Timestamp,
) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let visits = || changes.iter().map(|change| change.appointment);
    let ids: Vec<Uuid> = visits().map(|visit| visit.id.as_uuid()).collect();
    let versions: Vec<i32> = visits().map(|visit| visit.version).collect();
    let statuses: Vec<&str> = visits().map(|visit| visit.status.as_str()).collect();
    let reasons: Vec<Option<&str>> =
        visits().map(|visit| visit.cancelation_reason.map(CancelationReason::as_str)).collect();
    let actors: Vec<Uuid> = changes.iter().map(|change| change.actor.id.as_uuid()).collect();
    let roles: Vec<&str> = changes.iter().map(|change| change.actor.role.as_str()).collect();
    let requests: Vec<Uuid> = changes.iter().map(|change| change.request_id.as_uuid()).collect();
    let correlations: Vec<Uuid> =
        changes.iter().map(|change| change.correlation_id.as_uuid()).collect();
    let practitioners: Vec<Uuid> = visits().map(|visit| visit.practitioner_id.as_uuid()).collect();
    let undone: Vec<bool> = changes.iter().map(|change| change.is_undo).collect();
    let starts: Vec<Timestamp> = visits().map(|visit| visit.start).collect();
    let ends: Vec<Timestamp> = visits().map(|visit| visit.end).collect();
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &ids,
        &versions,
        &statuses,
        &reasons,
        &actors,
        &roles,
        &requests,
        &correlations,
        &practitioners,
        &undone,
        &starts,
        &ends,
        &changed_at,
    ];
    transaction.execute(INSERT, parameters).await?;
    Ok(())
}

const CHANGES: &str = "
    SELECT appointment_id, status, is_undo FROM appointment_status_history
    WHERE appointment_id = ANY ($1)
    ORDER BY appointment_id, version";

/// What has happened to these visits, from their first version on.
pub async fn changes(
    transaction: &Transaction<'_>,
    ids: &[AppointmentId],
) -> Result<HashMap<AppointmentId, Vec<StatusChange>>, Failure> {
    let mut changes: HashMap<AppointmentId, Vec<StatusChange>> = HashMap::new();
    if ids.is_empty() {
        return Ok(changes);
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    for row in &transaction.query(CHANGES, &[&ids]).await? {
        let id: Uuid = row.try_get(0)?;
        let status = row.try_get::<_, &str>(1)?.parse();
        let status =
            status.map_err(|_| Failure::unreadable_row("appointment_status_history.status", id))?;
        let change = StatusChange { status, is_undo: row.try_get(2)? };
        changes.entry(id.into()).or_default().push(change);
    }
    Ok(changes)
}
