//! `appointments`.

use std::collections::{HashMap, HashSet};

use contracts::{AppointmentState, UpcomingVisit};
use domain::{
    AppointmentId, AppointmentStatus, BookedVisit, CancelationReason, HealthcareServiceId,
    LocationId, PatientId, PractitionerId, RequestId, Slot,
};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction, Work};

/// The version of a visit that was just booked.
pub const FIRST_VERSION: i32 = 1;

/// A visit to be booked.
#[derive(Clone, Copy, Debug)]
pub struct NewAppointment {
    /// Its id.
    pub id: AppointmentId,
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// For whom.
    pub patient_id: PatientId,
    /// When.
    pub slot: Slot,
    /// The slot and what the practitioner needs before and after it.
    pub occupied: Slot,
    /// Its type, unless it is a standard visit.
    pub service_id: Option<HealthcareServiceId>,
    /// Where, unless it needs no place.
    pub location_id: Option<LocationId>,
    /// By which request.
    pub request_id: RequestId,
}

const INSERT: &str = "
    INSERT INTO appointments
        (id, practitioner_id, patient_id, during, occupied, service_id, location_id, status,
         version, request_id, created_at)
    SELECT id, practitioner_id, patient_id, tstzrange(starts_at, ends_at),
        tstzrange(occupied_from, occupied_to), service_id, location_id, 'booked', $11, request_id,
        $12
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
        $6::timestamptz[], $7::timestamptz[], $8::uuid[], $9::uuid[], $10::uuid[]) WITH ORDINALITY
        AS visits (id, practitioner_id, patient_id, starts_at, ends_at, occupied_from,
            occupied_to, service_id, location_id, request_id, position)
    ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING id";

/// Books what can be booked, in the order given, and says which those are. Whatever meets a visit
/// that exists, or one before it in `visits`, is left out.
pub async fn insert(
    transaction: &Transaction<'_>,
    visits: &[NewAppointment],
    created_at: Timestamp,
) -> Result<HashSet<AppointmentId>, Failure> {
    let columns = Columns::of(visits);
    let ids: Vec<Uuid> = visits.iter().map(|visit| visit.id.as_uuid()).collect();
    let requests: Vec<Uuid> = visits.iter().map(|visit| visit.request_id.as_uuid()).collect();
    let services: Vec<Option<Uuid>> =
        visits.iter().map(|visit| visit.service_id.map(HealthcareServiceId::as_uuid)).collect();
    let locations: Vec<Option<Uuid>> =
        visits.iter().map(|visit| visit.location_id.map(LocationId::as_uuid)).collect();
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &ids,
        &columns.practitioners,
        &columns.patients,
        &columns.starts,
        &columns.ends,
        &columns.occupied_starts,
        &columns.occupied_ends,
        &services,
        &locations,
        &requests,
        &FIRST_VERSION,
        &created_at,
    ];
    let rows = transaction.query(INSERT, parameters).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Uuid>(0)?.into())).collect()
}

/// Who has another visit at the time of one that could not be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The practitioner has.
    pub practitioner: bool,
    /// The patient has.
    pub patient: bool,
}

const BUSY: &str = "
    SELECT
        EXISTS (SELECT FROM appointments a
            WHERE a.practitioner_id = visits.practitioner_id AND a.occupied && visits.occupied
            AND a.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')),
        EXISTS (SELECT FROM appointments a
            WHERE a.patient_id = visits.patient_id AND a.during && visits.during
            AND a.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))
    FROM (
        SELECT practitioner_id, patient_id, tstzrange(starts_at, ends_at) AS during,
            tstzrange(occupied_from, occupied_to) AS occupied, position
        FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[],
            $5::timestamptz[], $6::timestamptz[]) WITH ORDINALITY
            AS visits (practitioner_id, patient_id, starts_at, ends_at, occupied_from,
                occupied_to, position)
    ) AS visits
    ORDER BY position";

/// Who is busy, for each of `visits`.
pub async fn busy(
    transaction: &Transaction<'_>,
    visits: &[NewAppointment],
) -> Result<Vec<Busy>, Failure> {
    let columns = Columns::of(visits);
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &columns.practitioners,
        &columns.patients,
        &columns.starts,
        &columns.ends,
        &columns.occupied_starts,
        &columns.occupied_ends,
    ];
    let rows = transaction.query(BUSY, parameters).await?;
    rows.iter()
        .map(|row| Ok(Busy { practitioner: row.try_get(0)?, patient: row.try_get(1)? }))
        .collect()
}

/// What [`insert`] and [`busy`] both pass, as one array per column.
struct Columns {
    practitioners: Vec<Uuid>,
    patients: Vec<Uuid>,
    starts: Vec<Timestamp>,
    ends: Vec<Timestamp>,
    occupied_starts: Vec<Timestamp>,
    occupied_ends: Vec<Timestamp>,
}

impl Columns {
    fn of(visits: &[NewAppointment]) -> Self {
        Self {
            practitioners: visits.iter().map(|visit| visit.practitioner_id.as_uuid()).collect(),
            patients: visits.iter().map(|visit| visit.patient_id.as_uuid()).collect(),
            starts: visits.iter().map(|visit| visit.slot.start).collect(),
            ends: visits.iter().map(|visit| visit.slot.end).collect(),
            occupied_starts: visits.iter().map(|visit| visit.occupied.start).collect(),
            occupied_ends: visits.iter().map(|visit| visit.occupied.end).collect(),
        }
    }
}

const STATES: &str = "
    SELECT id, version, status, practitioner_id, patient_id, lower(during), upper(during),
        cancelation_reason, service_id, location_id
    FROM appointments WHERE id = ANY ($1)";

/// How those of `ids` that exist stand.
pub async fn states(
    transaction: &Transaction<'_>,
    ids: &[AppointmentId],
) -> Result<HashMap<AppointmentId, AppointmentState>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(STATES, &[&ids]).await?;
    rows.iter().map(|row| state(row).map(|state| (state.id, state))).collect()
}

fn state(row: &Row) -> Result<AppointmentState, Failure> {
    let id: Uuid = row.try_get(0)?;
    let status = row.try_get::<_, &str>(2)?.parse::<AppointmentStatus>();
    let reason = row.try_get::<_, Option<&str>>(7)?.map(str::parse::<CancelationReason>);
    Ok(AppointmentState {
        id: id.into(),
        version: row.try_get(1)?,
        status: status.map_err(|_| Failure::unreadable_row("appointments.status", id))?,
        practitioner_id: row.try_get::<_, Uuid>(3)?.into(),
        patient_id: row.try_get::<_, Uuid>(4)?.into(),
        start: row.try_get(5)?,
        end: row.try_get(6)?,
        cancelation_reason: reason
            .transpose()
            .map_err(|_| Failure::unreadable_row("appointments.cancelation_reason", id))?,
        service_id: row.try_get::<_, Option<Uuid>>(8)?.map(Into::into),
        location_id: row.try_get::<_, Option<Uuid>>(9)?.map(Into::into),
    })
}

const UPCOMING: &str = "
    SELECT practitioner_id, id, patient_id, lower(during), upper(during), service_id, location_id
    FROM appointments
    WHERE practitioner_id = ANY ($1) AND lower(during) >= $2
      AND status IN ('pending', 'booked', 'arrived', 'checked-in')
      AND (expires_at IS NULL OR expires_at > $2)
    ORDER BY practitioner_id, lower(during), id";

/// The visits of these practitioners that begin after `now`, by start.
pub async fn upcoming(
    transaction: &Transaction<'_>,
    practitioners: &[PractitionerId],
    now: Timestamp,
) -> Result<HashMap<PractitionerId, Vec<UpcomingVisit>>, Failure> {
    if practitioners.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = practitioners.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(UPCOMING, &[&ids, &now]).await?;
    let mut upcoming: HashMap<PractitionerId, Vec<UpcomingVisit>> = HashMap::new();
    for row in &rows {
        let visit = UpcomingVisit {
            id: row.try_get::<_, Uuid>(1)?.into(),
            patient_id: row.try_get::<_, Uuid>(2)?.into(),
            booked: BookedVisit {
                slot: Slot { start: row.try_get(3)?, end: row.try_get(4)? },
                service_id: row.try_get::<_, Option<Uuid>>(5)?.map(Into::into),
                location_id: row.try_get::<_, Option<Uuid>>(6)?.map(Into::into),
            },
        };
        upcoming.entry(row.try_get::<_, Uuid>(0)?.into()).or_default().push(visit);
    }
    Ok(upcoming)
}

/// A visit to be called off.
#[derive(Clone, Copy, Debug)]
pub struct Cancellation {
    /// Which.
    pub id: AppointmentId,
    /// The version that was looked at.
    pub version: i32,
    /// Why.
    pub reason: CancelationReason,
}

const CANCEL: &str = "
    UPDATE appointments a
    SET status = 'cancelled', version = a.version + 1, cancelation_reason = c.reason
    FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS c (id, version, reason)
    WHERE a.id = c.id AND a.version = c.version";

/// Calls visits off that still have the version that was looked at, and counts them. Each may
/// appear once.
pub async fn cancel(
    transaction: &Transaction<'_>,
    cancellations: &[Cancellation],
) -> Result<u64, Failure> {
    let ids: Vec<Uuid> = cancellations.iter().map(|c| c.id.as_uuid()).collect();
    let versions: Vec<i32> = cancellations.iter().map(|c| c.version).collect();
    let reasons: Vec<&str> = cancellations.iter().map(|c| c.reason.as_str()).collect();
    transaction.execute(CANCEL, &[&ids, &versions, &reasons]).await
}

/// Finds out whose visits some are. That never changes, so it can be asked beforehand.
#[derive(Clone, Debug)]
pub struct FindParties(pub Vec<AppointmentId>);

/// Practitioner and patient, by visit.
pub type Parties = HashMap<AppointmentId, (PractitionerId, PatientId)>;

impl Work for FindParties {
    type Output = Parties;
    const NAME: &'static str = "find_parties";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Parties, Failure> {
        let states = states(transaction, &self.0).await?;
        let parties = |state: AppointmentState| (state.practitioner_id, state.patient_id);
        Ok(states.into_iter().map(|(id, state)| (id, parties(state))).collect())
    }
}
