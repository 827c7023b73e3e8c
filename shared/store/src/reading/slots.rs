//! What free slots are made of: the hours of many practitioners, and when they are busy.

use std::collections::HashMap;

use domain::{Availability, PractitionerId, Slot};
use jiff::civil::Date;

use super::CallerTx;
use super::hours::WeekColumns;
use crate::StoreError;

/// Whose slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScheduleFilter<'a> {
    /// These practitioners; none named: all.
    pub practitioners: Option<&'a [PractitionerId]>,
    /// Treating this.
    pub specialty: Option<&'a str>,
}

/// When a practitioner who can be booked works.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Whose.
    pub practitioner_id: PractitionerId,
    /// What they treat.
    pub specialty: String,
    /// When they work.
    pub availability: Availability,
}

/// When practitioners are busy: in order, and without overlaps, because the database's constraint
/// says so.
pub type Busy = HashMap<PractitionerId, Vec<Slot>>;

/// One query for some and one for all: the planner knows each of them by itself.
macro_rules! schedules_where {
    ($caller:ident, $condition:literal, $($parameter:expr),+) => {
        sqlx::query!(
            r#"SELECT p.id, p.specialty, week.time_zone AS "time_zone!",
                   week.slot_minutes AS "slot_minutes!", week.weekdays AS "weekdays!",
                   week.starts AS "starts!: Vec<jiff_sqlx::Time>",
                   week.ends AS "ends!: Vec<jiff_sqlx::Time>",
                   week.locations AS "locations!: Vec<Option<uuid::Uuid>>",
                   week.services AS "services!: Vec<String>"
               FROM practitioners p
               JOIN (
                   SELECT practitioner_id, min(time_zone) AS time_zone,
                       min(slot_minutes) AS slot_minutes, array_agg(weekday) AS weekdays,
                       array_agg(starts_at) AS starts, array_agg(ends_at) AS ends,
                       array_agg(location_id) AS locations,
                       array_agg(array_to_string(service_ids, ' ')) AS services
                   FROM availability_rules "#
                + $condition
                + " GROUP BY practitioner_id
               ) week ON week.practitioner_id = p.id
               WHERE p.approved_at IS NOT NULL AND p.account_active
                 AND p.specialty = coalesce($1, p.specialty)",
            $($parameter),+
        )
        .fetch_all($caller.connection())
        .await?
        .into_iter()
        .map(|row| {
            let week = WeekColumns {
                time_zone: row.time_zone,
                slot_minutes: row.slot_minutes,
                weekdays: row.weekdays,
                starts: row.starts,
                ends: row.ends,
                locations: row.locations,
                services: row.services,
            };
            Ok(Schedule {
                practitioner_id: row.id.into(),
                specialty: row.specialty,
                availability: week.availability(row.id)?,
            })
        })
        .collect::<Result<Vec<Schedule>, StoreError>>()?
    };
}

impl CallerTx {
    /// When those who can be booked work, with the exceptions from the first date to the last.
    pub async fn schedules(
        &mut self,
        filter: ScheduleFilter<'_>,
        dates: (Date, Date),
    ) -> Result<Vec<Schedule>, StoreError> {
        let specialty = filter.specialty;
        let (mut schedules, mut exceptions) = if let Some(practitioners) = filter.practitioners {
            let ids: Vec<_> = practitioners.iter().map(|id| id.as_uuid()).collect();
            let schedules =
                schedules_where!(self, "WHERE practitioner_id = ANY ($2)", specialty, &ids);
            (schedules, self.exceptions(practitioners, dates).await?)
        } else {
            let schedules = schedules_where!(self, "", specialty);
            (schedules, self.all_exceptions(dates).await?)
        };
        for schedule in &mut schedules {
            if let Some(dates) = exceptions.remove(&schedule.practitioner_id) {
                schedule.availability = schedule.availability.clone().with_exceptions(dates);
            }
        }
        Ok(schedules)
    }

    /// When these practitioners are busy between two moments. Never says with whom.
    pub async fn busy(
        &mut self,
        practitioners: &[PractitionerId],
        during: Slot,
    ) -> Result<Busy, StoreError> {
        let ids: Vec<_> = practitioners.iter().map(|id| id.as_uuid()).collect();
        let rows = sqlx::query!(
            r#"SELECT practitioner_id AS "practitioner_id!",
                   lower(busy) AS "start!: jiff_sqlx::Timestamp",
                   upper(busy) AS "end!: jiff_sqlx::Timestamp"
               FROM busy_ranges($1, tstzrange($2, $3))"#,
            &ids,
            jiff_sqlx::Timestamp::from(during.start) as _,
            jiff_sqlx::Timestamp::from(during.end) as _,
        )
        .fetch_all(self.connection())
        .await?;
        let mut busy = Busy::new();
        for row in rows {
            let slot = Slot { start: row.start.to_jiff(), end: row.end.to_jiff() };
            busy.entry(row.practitioner_id.into()).or_default().push(slot);
        }
        // By the visits' starts they come; what is reserved before a visit may begin earlier.
        for slots in busy.values_mut() {
            slots.sort_unstable();
        }
        Ok(busy)
    }
}
