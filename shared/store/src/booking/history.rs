//! `appointment_status_history`: every status a visit has had, and who brought it about.

use contracts::AppointmentState;
use domain::{Actor, CancelationReason, CorrelationId, RequestId};
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
}

const INSERT: &str = "
    INSERT INTO appointment_status_history
        (appointment_id, version, status, reason, actor_id, actor_role, request_id,
         correlation_id, changed_at)
    SELECT changes.*, $9
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::uuid[], $6::text[],
        $7::uuid[], $8::uuid[]) AS changes";

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
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &ids,
        &versions,
        &statuses,
        &reasons,
        &actors,
        &roles,
        &requests,
        &correlations,
        &changed_at,
    ];
    transaction.execute(INSERT, parameters).await?;
    Ok(())
}
