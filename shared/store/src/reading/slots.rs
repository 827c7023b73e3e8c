//! What free slots are made of: opening hours and busy times, of many practitioners at once.

use domain::{Availability, PractitionerId, Slot};
use jiff::Timestamp;

use super::CallerTx;
use super::practitioners::WeekColumns;
use crate::StoreError;

/// Opening hours and busy times of one practitioner.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// Whose.
    pub practitioner_id: PractitionerId,
    /// When they work.
    pub availability: Availability,
    /// When they are busy, in order and without overlaps: the database's constraint says so.
    pub busy: Vec<Slot>,
}

impl CallerTx {
    /// The calendars of those of `practitioners` who can be booked, with what is busy between
    /// `from` and `to`. One round trip, and it never says with whom they are busy.
    pub async fn calendars(
        &mut self,
        practitioners: &[PractitionerId],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Calendar>, StoreError> {
        let ids: Vec<_> = practitioners.iter().map(|id| id.as_uuid()).collect();
        let rows = sqlx::query!(
            r#"SELECT p.id, week.time_zone AS "time_zone!", week.slot_minutes AS "slot_minutes!",
                   week.weekdays AS "weekdays!", week.starts AS "starts!: Vec<jiff_sqlx::Time>",
                   week.ends AS "ends!: Vec<jiff_sqlx::Time>",
                   busy.starts AS "busy_starts?: Vec<jiff_sqlx::Timestamp>",
                   busy.ends AS "busy_ends?: Vec<jiff_sqlx::Timestamp>"
               FROM practitioners p
               JOIN (
                   SELECT practitioner_id, min(time_zone) AS time_zone,
                       min(slot_minutes) AS slot_minutes, array_agg(weekday) AS weekdays,
                       array_agg(starts_at) AS starts, array_agg(ends_at) AS ends
                   FROM availability_rules WHERE practitioner_id = ANY ($1)
                   GROUP BY practitioner_id
               ) week ON week.practitioner_id = p.id
               LEFT JOIN (
                   SELECT practitioner_id, array_agg(lower(busy) ORDER BY lower(busy)) AS starts,
                       array_agg(upper(busy) ORDER BY lower(busy)) AS ends
                   FROM busy_ranges($1, tstzrange($2, $3))
                   GROUP BY practitioner_id
               ) busy ON busy.practitioner_id = p.id
               WHERE p.id = ANY ($1) AND p.approved_at IS NOT NULL"#,
            &ids,
            jiff_sqlx::Timestamp::from(from) as _,
            jiff_sqlx::Timestamp::from(to) as _,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter()
            .map(|row| {
                let week = WeekColumns {
                    time_zone: row.time_zone,
                    slot_minutes: row.slot_minutes,
                    weekdays: row.weekdays,
                    starts: row.starts,
                    ends: row.ends,
                };
                let starts = row.busy_starts.unwrap_or_default();
                let ends = row.busy_ends.unwrap_or_default();
                Ok(Calendar {
                    practitioner_id: row.id.into(),
                    availability: week.availability(row.id)?,
                    busy: starts
                        .into_iter()
                        .zip(ends)
                        .map(|(start, end)| Slot { start: start.to_jiff(), end: end.to_jiff() })
                        .collect(),
                })
            })
            .collect()
    }
}
