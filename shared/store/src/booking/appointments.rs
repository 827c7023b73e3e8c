//! `appointments`.

use std::collections::{HashMap, HashSet};

use contracts::{AppointmentState, UpcomingVisit};
use domain::{
    AppointmentId, AppointmentStatus, BookedVisit, CancelationReason, HealthcareServiceId,
    LocationId, PatientId, PractitionerId, RequestId, SeriesId, Slot,
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
    /// When its time is given back unless it is confirmed; none: it is booked.
    pub expires_at: Option<Timestamp>,
    /// The series that it belongs to.
    pub series_id: Option<SeriesId>,
}

impl NewAppointment {
    /// The visit once it is written.
    pub fn state(&self) -> AppointmentState {
        AppointmentState {
            id: self.id,
            version: FIRST_VERSION,
            status: match self.expires_at {
                Some(_) => AppointmentStatus::Pending,
                None => AppointmentStatus::Booked,
            },
            practitioner_id: self.practitioner_id,
            patient_id: self.patient_id,
            start: self.slot.start,
            end: self.slot.end,
            cancelation_reason: None,
            service_id: self.service_id,
            location_id: self.location_id,
            expires_at: self.expires_at,
            series_id: self.series_id,
        }
    }
}

const INSERT: &str = "
    INSERT INTO appointments
        (id, practitioner_id, patient_id, during, occupied, service_id, location_id, status,
         version, request_id, created_at, expires_at, series_id)
    SELECT id, practitioner_id, patient_id, tstzrange(starts_at, ends_at),
        tstzrange(occupied_from, occupied_to), service_id, location_id,
        CASE WHEN expires_at IS NULL THEN 'booked' ELSE 'pending' END, $11, request_id, $12,
        expires_at, series_id
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
        $6::timestamptz[], $7::timestamptz[], $8::uuid[], $9::uuid[], $10::uuid[],
        $13::timestamptz[], $14::uuid[]) WITH ORDINALITY
        AS visits (id, practitioner_id, patient_id, starts_at, ends_at, occupied_from,
            occupied_to, service_id, location_id, request_id, expires_at, series_id, position)
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
    let expiries: Vec<Option<Timestamp>> = visits.iter().map(|visit| visit.expires_at).collect();
    let series: Vec<Option<Uuid>> =
        visits.iter().map(|visit| visit.series_id.map(SeriesId::as_uuid)).collect();
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
        &expiries,
        &series,
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
        cancelation_reason, service_id, location_id, expires_at, series_id
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

pub(super) fn state(row: &Row) -> Result<AppointmentState, Failure> {
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
        expires_at: row.try_get(10)?,
        series_id: row.try_get::<_, Option<Uuid>>(11)?.map(Into::into),
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

const OF_SERIES: &str = "
    SELECT id, version, status, practitioner_id, patient_id, lower(during), upper(during),
        cancelation_reason, service_id, location_id, expires_at, series_id
    FROM appointments WHERE series_id = ANY ($1)
    ORDER BY lower(during), id";

/// The visits of these series, by start.
pub async fn of_series(
    transaction: &Transaction<'_>,
    series: &[SeriesId],
) -> Result<HashMap<SeriesId, Vec<AppointmentState>>, Failure> {
    let mut visits: HashMap<SeriesId, Vec<AppointmentState>> = HashMap::new();
    if series.is_empty() {
        return Ok(visits);
    }
    let series: Vec<Uuid> = series.iter().map(|id| id.as_uuid()).collect();
    for row in &transaction.query(OF_SERIES, &[&series]).await? {
        let visit = state(row)?;
        if let Some(series) = visit.series_id {
            visits.entry(series).or_default().push(visit);
        }
    }
    Ok(visits)
}

const CHANGE_STATUS: &str = "
    UPDATE appointments a
    SET status = c.status, version = c.version, cancelation_reason = c.reason,
        expires_at = NULL
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[])
        AS c (id, version, status, reason)
    WHERE a.id = c.id AND a.version = c.version - 1";

/// Brings visits, each named once, to the status that they have in `states`, unless somebody has
/// changed them meanwhile, and counts those that could be. None of them may take its time anew.
pub async fn change_status(
    transaction: &Transaction<'_>,
    states: &[&AppointmentState],
) -> Result<u64, Failure> {
    let mut states = states.to_vec();
    // One order for everybody, as far as the database follows it.
    states.sort_unstable_by_key(|state| state.id);
    let ids: Vec<Uuid> = states.iter().map(|state| state.id.as_uuid()).collect();
    let versions: Vec<i32> = states.iter().map(|state| state.version).collect();
    let statuses: Vec<&str> = states.iter().map(|state| state.status.as_str()).collect();
    let reasons: Vec<Option<&str>> = states
        .iter()
        .map(|state| state.cancelation_reason.map(CancelationReason::as_str))
        .collect();
    transaction.execute(CHANGE_STATUS, &[&ids, &versions, &statuses, &reasons]).await
}

// What others have at that time is looked at first, because a violated constraint would end the
// whole transaction. Whoever is faster between look and write costs another run.
const MOVE: &str = "
    UPDATE appointments a
    SET version = $2, practitioner_id = $3, during = tstzrange($4, $5),
        occupied = tstzrange($6, $7), location_id = $8
    WHERE a.id = $1 AND a.version = $2 - 1
      AND NOT EXISTS (SELECT FROM appointments b
        WHERE b.practitioner_id = $3 AND b.occupied && tstzrange($6, $7) AND b.id <> $1
        AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))
      AND NOT EXISTS (SELECT FROM appointments b
        WHERE b.patient_id = a.patient_id AND b.during && tstzrange($4, $5) AND b.id <> $1
        AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))";

/// Moves a visit, in one statement, to where it is in `state` and to what it occupies there: unless
/// somebody has that time, or has changed the visit meanwhile. Says whether it is moved.
pub async fn reschedule(
    transaction: &Transaction<'_>,
    state: &AppointmentState,
    occupied: Slot,
) -> Result<bool, Failure> {
    let (id, practitioner) = (state.id.as_uuid(), state.practitioner_id.as_uuid());
    let location = state.location_id.map(LocationId::as_uuid);
    let parameters: &[&(dyn ToSql + Sync)] = &[
        &id,
        &state.version,
        &practitioner,
        &state.start,
        &state.end,
        &occupied.start,
        &occupied.end,
        &location,
    ];
    Ok(transaction.execute(MOVE, parameters).await? > 0)
}

const TAKE_AGAIN: &str = "
    UPDATE appointments a
    SET status = $3, version = $2, cancelation_reason = NULL
    WHERE a.id = $1 AND a.version = $2 - 1
      AND NOT EXISTS (SELECT FROM appointments b
        WHERE b.practitioner_id = a.practitioner_id AND b.occupied && a.occupied AND b.id <> $1
        AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))
      AND NOT EXISTS (SELECT FROM appointments b
        WHERE b.patient_id = a.patient_id AND b.during && a.during AND b.id <> $1
        AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))";

/// Brings a visit back to a status in which it takes its time: unless somebody has that time, or
/// has changed the visit meanwhile. Says whether it is so now.
pub async fn take_again(
    transaction: &Transaction<'_>,
    state: &AppointmentState,
) -> Result<bool, Failure> {
    let id = state.id.as_uuid();
    let status = state.status.as_str();
    Ok(transaction.execute(TAKE_AGAIN, &[&id, &state.version, &status]).await? > 0)
}

const BUSY_BESIDE: &str = "
    SELECT
        EXISTS (SELECT FROM appointments b
            WHERE b.practitioner_id = $2 AND b.id <> a.id
            AND b.occupied && CASE WHEN $5::timestamptz IS NULL THEN a.occupied
                ELSE tstzrange($5, $6::timestamptz) END
            AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')),
        EXISTS (SELECT FROM appointments b
            WHERE b.patient_id = a.patient_id AND b.id <> a.id
            AND b.during && tstzrange($3::timestamptz, $4::timestamptz)
            AND b.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))
    FROM appointments a WHERE a.id = $1";

/// Who has another visit than this one where it is in `state`; `occupied` is what it would occupy,
/// or else what it occupies now.
pub async fn busy_beside(
    transaction: &Transaction<'_>,
    state: &AppointmentState,
    occupied: Option<Slot>,
) -> Result<Busy, Failure> {
    let (id, practitioner) = (state.id.as_uuid(), state.practitioner_id.as_uuid());
    let (from, to) = (occupied.map(|slot| slot.start), occupied.map(|slot| slot.end));
    let parameters: &[&(dyn ToSql + Sync)] =
        &[&id, &practitioner, &state.start, &state.end, &from, &to];
    let rows = transaction.query(BUSY_BESIDE, parameters).await?;
    let row = rows.first().ok_or_else(|| Failure::unreadable_row("appointments.id", id))?;
    Ok(Busy { practitioner: row.try_get(0)?, patient: row.try_get(1)? })
}

/// Finds out whose visits some are, before they are changed.
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
