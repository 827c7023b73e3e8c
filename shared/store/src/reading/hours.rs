//! Tables `availability_rules` and `availability_exceptions`: when practitioners work.

use std::collections::{BTreeMap, HashMap};

use contracts::UpcomingVisit;
use domain::{
    Availability, BookedVisit, Exception, ExceptionKind, Exceptions, HealthcareServiceId, Hours,
    OpeningHours, PractitionerId, Slot, SlotLength,
};
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// Dates that differ from their days of the week.
pub type Dates = BTreeMap<Date, Exceptions>;

/// Columns of `availability_rules` of one practitioner, one array per column.
pub(super) struct WeekColumns {
    pub time_zone: String,
    pub slot_minutes: i16,
    pub weekdays: Vec<i16>,
    pub starts: Vec<jiff_sqlx::Time>,
    pub ends: Vec<jiff_sqlx::Time>,
    pub locations: Vec<Option<Uuid>>,
    /// Ids with blanks between them: PostgreSQL's arrays of arrays are rectangles.
    pub services: Vec<String>,
}

impl WeekColumns {
    pub fn availability(self, practitioner: Uuid) -> Result<Availability, StoreError> {
        let bad = |column| StoreError::BadRow {
            table: "availability_rules",
            column,
            id: practitioner.to_string(),
        };
        let times = self.starts.into_iter().zip(self.ends);
        let places = self.locations.into_iter().zip(&self.services);
        let rules = self.weekdays.into_iter().zip(times).zip(places);
        let hours = rules.map(|((weekday, (start, end)), (location, services))| {
            let weekday = i8::try_from(weekday).ok().map(Weekday::from_monday_one_offset);
            let weekday = weekday.and_then(Result::ok).ok_or_else(|| bad("weekday"))?;
            let (start, end): (Time, Time) = (start.to_jiff(), end.to_jiff());
            let location_id = location.map(Into::into);
            let services = services.split_ascii_whitespace().map(str::parse);
            let service_ids = services
                .collect::<Result<Vec<HealthcareServiceId>, _>>()
                .map_err(|_| bad("service_ids"))?;
            Ok(OpeningHours { weekday, hours: Hours { start, end, location_id, service_ids } })
        });
        let hours = hours.collect::<Result<_, StoreError>>()?;
        let slot_length =
            SlotLength::try_from(self.slot_minutes).map_err(|_| bad("slot_minutes"))?;
        Availability::new(&self.time_zone, slot_length, hours)
            .map_err(|_| bad("time_zone, starts_at or ends_at"))
    }
}

/// A row of `availability_exceptions`.
struct ExceptionRow {
    practitioner_id: Uuid,
    date: jiff_sqlx::Date,
    kind: String,
    starts_at: jiff_sqlx::Time,
    ends_at: jiff_sqlx::Time,
    location_id: Option<Uuid>,
    service_ids: Vec<Uuid>,
}

/// The rows of several practitioners, in the order of theirs and their dates.
fn dates(rows: Vec<ExceptionRow>) -> Result<HashMap<PractitionerId, Dates>, StoreError> {
    let bad = |practitioner: Uuid| StoreError::BadRow {
        table: "availability_exceptions",
        column: "kind, starts_at or ends_at",
        id: practitioner.to_string(),
    };
    let mut entries: BTreeMap<(Uuid, Date), Vec<Exception>> = BTreeMap::new();
    for row in rows {
        let kind: ExceptionKind = row.kind.parse().map_err(|_| bad(row.practitioner_id))?;
        let hours = Hours {
            start: row.starts_at.to_jiff(),
            end: row.ends_at.to_jiff(),
            location_id: row.location_id.map(Into::into),
            service_ids: row.service_ids.into_iter().map(Into::into).collect(),
        };
        let key = (row.practitioner_id, row.date.to_jiff());
        entries.entry(key).or_default().push(Exception { kind, hours });
    }
    let mut dates: HashMap<PractitionerId, Dates> = HashMap::new();
    for ((practitioner, date), entries) in entries {
        let exceptions = Exceptions::new(entries).map_err(|_| bad(practitioner))?;
        dates.entry(practitioner.into()).or_default().insert(date, exceptions);
    }
    Ok(dates)
}

impl CallerTx {
    /// When a practitioner works in a week: none without such a practitioner, an inner none when
    /// they never said.
    pub async fn availability(
        &mut self,
        id: PractitionerId,
    ) -> Result<Option<Option<Availability>>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT week.time_zone AS "time_zone?", week.slot_minutes AS "slot_minutes?",
                   week.weekdays AS "weekdays?", week.starts AS "starts?: Vec<jiff_sqlx::Time>",
                   week.ends AS "ends?: Vec<jiff_sqlx::Time>",
                   week.locations AS "locations?: Vec<Option<Uuid>>",
                   week.services AS "services?: Vec<String>"
               FROM practitioners p
               LEFT JOIN (
                   SELECT practitioner_id, min(time_zone) AS time_zone,
                       min(slot_minutes) AS slot_minutes, array_agg(weekday) AS weekdays,
                       array_agg(starts_at) AS starts, array_agg(ends_at) AS ends,
                       array_agg(location_id) AS locations,
                       array_agg(array_to_string(service_ids, ' ')) AS services
                   FROM availability_rules WHERE practitioner_id = $1
                   GROUP BY practitioner_id
               ) week ON week.practitioner_id = p.id
               WHERE p.id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (Some(time_zone), Some(slot_minutes)) = (row.time_zone, row.slot_minutes) else {
            return Ok(Some(None));
        };
        let week = WeekColumns {
            time_zone,
            slot_minutes,
            weekdays: row.weekdays.unwrap_or_default(),
            starts: row.starts.unwrap_or_default(),
            ends: row.ends.unwrap_or_default(),
            locations: row.locations.unwrap_or_default(),
            services: row.services.unwrap_or_default(),
        };
        Ok(Some(Some(week.availability(id.as_uuid())?)))
    }

    /// The exceptions of these practitioners, from the first date to the last.
    pub async fn exceptions(
        &mut self,
        practitioners: &[PractitionerId],
        (first, last): (Date, Date),
    ) -> Result<HashMap<PractitionerId, Dates>, StoreError> {
        let ids: Vec<_> = practitioners.iter().map(|id| id.as_uuid()).collect();
        let rows = sqlx::query_as!(
            ExceptionRow,
            r#"SELECT practitioner_id, date AS "date: jiff_sqlx::Date", kind,
                   starts_at AS "starts_at: jiff_sqlx::Time",
                   ends_at AS "ends_at: jiff_sqlx::Time", location_id, service_ids
               FROM availability_exceptions
               WHERE practitioner_id = ANY ($1) AND date BETWEEN $2 AND $3"#,
            &ids,
            jiff_sqlx::Date::from(first) as _,
            jiff_sqlx::Date::from(last) as _,
        )
        .fetch_all(self.connection())
        .await?;
        dates(rows)
    }

    /// The exceptions of everybody, from the first date to the last.
    pub async fn all_exceptions(
        &mut self,
        (first, last): (Date, Date),
    ) -> Result<HashMap<PractitionerId, Dates>, StoreError> {
        let rows = sqlx::query_as!(
            ExceptionRow,
            r#"SELECT practitioner_id, date AS "date: jiff_sqlx::Date", kind,
                   starts_at AS "starts_at: jiff_sqlx::Time",
                   ends_at AS "ends_at: jiff_sqlx::Time", location_id, service_ids
               FROM availability_exceptions
               WHERE date BETWEEN $1 AND $2"#,
            jiff_sqlx::Date::from(first) as _,
            jiff_sqlx::Date::from(last) as _,
        )
        .fetch_all(self.connection())
        .await?;
        dates(rows)
    }

    /// The visits of a practitioner that begin after `now`, as far as the caller may see them, by
    /// start.
    pub async fn upcoming_visits(
        &mut self,
        practitioner: PractitionerId,
        now: Timestamp,
    ) -> Result<Vec<UpcomingVisit>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, patient_id, lower(during) AS "start!: jiff_sqlx::Timestamp",
                   upper(during) AS "end!: jiff_sqlx::Timestamp", service_id, location_id
               FROM appointments
               WHERE practitioner_id = $1 AND lower(during) >= $2
                 AND status IN ('pending', 'booked', 'arrived', 'checked-in')
                 AND (expires_at IS NULL OR expires_at > $2)
               ORDER BY lower(during), id"#,
            practitioner.as_uuid(),
            jiff_sqlx::Timestamp::from(now) as _,
        )
        .fetch_all(self.connection())
        .await?;
        let visits = rows.into_iter().map(|row| UpcomingVisit {
            id: row.id.into(),
            patient_id: row.patient_id.into(),
            booked: BookedVisit {
                slot: Slot { start: row.start.to_jiff(), end: row.end.to_jiff() },
                service_id: row.service_id.map(Into::into),
                location_id: row.location_id.map(Into::into),
            },
        });
        Ok(visits.collect())
    }
}
