//! Holds: visits in status `pending`, which take their time until they expire.

use std::collections::HashMap;

use contracts::AppointmentState;
use domain::{PatientId, PractitionerId, RequestId};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Failure, Transaction, appointments};

/// A hold whose time ran out, and that counts for nothing any more.
#[derive(Clone, Debug)]
pub struct ExpiredHold {
    /// The visit just after: cancelled.
    pub appointment: AppointmentState,
    /// The request that made it.
    pub request_id: RequestId,
}

// One order for everybody, and before anything else is written: whoever waits here for another
// transaction holds nothing that it could want.
const EXPIRE: &str = "
    WITH expired AS MATERIALIZED (
        SELECT id FROM appointments
        WHERE id = ANY (ARRAY(
                SELECT id FROM appointments
                WHERE practitioner_id = ANY ($1) AND status = 'pending' AND expires_at <= $3
                UNION
                SELECT id FROM appointments
                WHERE patient_id = ANY ($2) AND status = 'pending' AND expires_at <= $3))
          AND status = 'pending' AND expires_at <= $3
        ORDER BY id FOR UPDATE)
    UPDATE appointments a
    SET status = 'cancelled', version = a.version + 1, cancelation_reason = 'hold-expired',
        expires_at = NULL
    FROM expired WHERE a.id = expired.id
    RETURNING a.id, a.version, a.status, a.practitioner_id, a.patient_id, lower(a.during),
        upper(a.during), a.cancelation_reason, a.service_id, a.location_id, a.expires_at,
        a.series_id, a.request_id";

/// Ends the holds of these practitioners, and of these patients, that have expired by `now`.
pub async fn expire(
    transaction: &Transaction<'_>,
    practitioners: &[PractitionerId],
    patients: &[PatientId],
    now: Timestamp,
) -> Result<Vec<ExpiredHold>, Failure> {
    if practitioners.is_empty() && patients.is_empty() {
        return Ok(Vec::new());
    }
    let practitioners: Vec<Uuid> = practitioners.iter().map(|id| id.as_uuid()).collect();
    let patients: Vec<Uuid> = patients.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(EXPIRE, &[&practitioners, &patients, &now]).await?;
    rows.iter()
        .map(|row| {
            Ok(ExpiredHold {
                appointment: appointments::state(row)?,
                request_id: row.try_get::<_, Uuid>(12)?.into(),
            })
        })
        .collect()
}

/// Two holds of one patient at once would not count each other: hence one lock per patient, taken
/// in one order by everybody.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(hashtextextended('holds ' || id, 0))
    FROM (SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id) AS ids";

const COUNT: &str = "
    SELECT patient_id, count(*) FROM appointments
    WHERE patient_id = ANY ($1) AND status = 'pending' AND expires_at > $2
    GROUP BY patient_id";

/// Sees to it that nobody else makes holds for these patients before the end of this transaction.
pub async fn lock(transaction: &Transaction<'_>, patients: &[PatientId]) -> Result<(), Failure> {
    if patients.is_empty() {
        return Ok(());
    }
    let patients: Vec<Uuid> = patients.iter().map(|id| id.as_uuid()).collect();
    transaction.query(LOCK, &[&patients]).await.map(drop)
}

/// How many times each of these patients holds; those that hold none are left out.
pub async fn count(
    transaction: &Transaction<'_>,
    patients: &[PatientId],
    now: Timestamp,
) -> Result<HashMap<PatientId, i64>, Failure> {
    if patients.is_empty() {
        return Ok(HashMap::new());
    }
    let patients: Vec<Uuid> = patients.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(COUNT, &[&patients, &now]).await?;
    rows.iter().map(|row| Ok((row.try_get::<_, Uuid>(0)?.into(), row.try_get(1)?))).collect()
}
