//! Tables `practitioners` and `availability_rules`: who can be booked, and when they work.

use domain::{Availability, HumanName, OpeningHours, PractitionerId, SlotLength};
use jiff::civil::{Time, Weekday};
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// An entry of the directory.
#[derive(Clone, Debug)]
pub struct Practitioner {
    /// Who.
    pub id: PractitionerId,
    /// What they are called.
    pub name: HumanName,
    /// What they treat.
    pub specialty: String,
}

/// Which entries, in the order of their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct PractitionerFilter<'a> {
    /// Treating this.
    pub specialty: Option<&'a str>,
    /// Behind this one.
    pub after: Option<PractitionerId>,
    /// At most so many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    given_name: String,
    family_name: String,
    specialty: String,
}

impl TryFrom<Row> for Practitioner {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let name = HumanName::new(&row.given_name, &row.family_name);
        Ok(Self {
            id: row.id.into(),
            name: name.map_err(|_| StoreError::BadRow {
                table: "practitioners",
                column: "given_name or family_name",
                id: row.id.to_string(),
            })?,
            specialty: row.specialty,
        })
    }
}

/// Columns of `availability_rules`, one array per column.
pub(super) struct WeekColumns {
    pub time_zone: String,
    pub slot_minutes: i16,
    pub weekdays: Vec<i16>,
    pub starts: Vec<jiff_sqlx::Time>,
    pub ends: Vec<jiff_sqlx::Time>,
}

impl WeekColumns {
    pub fn availability(self, practitioner: Uuid) -> Result<Availability, StoreError> {
        let bad = |column| StoreError::BadRow {
            table: "availability_rules",
            column,
            id: practitioner.to_string(),
        };
        let times = self.starts.into_iter().zip(self.ends);
        let hours = self.weekdays.into_iter().zip(times).map(|(weekday, (start, end))| {
            let weekday = i8::try_from(weekday).ok().map(Weekday::from_monday_one_offset);
            let weekday = weekday.and_then(Result::ok).ok_or_else(|| bad("weekday"))?;
            let (start, end): (Time, Time) = (start.to_jiff(), end.to_jiff());
            Ok(OpeningHours { weekday, start, end })
        });
        let hours = hours.collect::<Result<_, StoreError>>()?;
        let slot_length =
            SlotLength::try_from(self.slot_minutes).map_err(|_| bad("slot_minutes"))?;
        Availability::new(&self.time_zone, slot_length, hours)
            .map_err(|_| bad("time_zone, starts_at or ends_at"))
    }
}

impl CallerTx {
    /// Approved practitioners.
    pub async fn practitioners(
        &mut self,
        filter: PractitionerFilter<'_>,
    ) -> Result<Vec<Practitioner>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, given_name, family_name, specialty FROM practitioners
             WHERE approved_at IS NOT NULL
               AND specialty = coalesce($1, specialty)
               AND id > $2
             ORDER BY id
             LIMIT $3",
            filter.specialty,
            filter.after.map_or(BEFORE_ALL, PractitionerId::as_uuid),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One practitioner: approved, or visible to this caller all the same.
    pub async fn practitioner(
        &mut self,
        id: PractitionerId,
    ) -> Result<Option<Practitioner>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "SELECT id, given_name, family_name, specialty FROM practitioners WHERE id = $1",
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// When a practitioner works: none without such a practitioner, an inner none when they
    /// never said.
    pub async fn availability(
        &mut self,
        id: PractitionerId,
    ) -> Result<Option<Option<Availability>>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT week.time_zone AS "time_zone?", week.slot_minutes AS "slot_minutes?",
                   week.weekdays AS "weekdays?", week.starts AS "starts?: Vec<jiff_sqlx::Time>",
                   week.ends AS "ends?: Vec<jiff_sqlx::Time>"
               FROM practitioners p
               LEFT JOIN (
                   SELECT practitioner_id, min(time_zone) AS time_zone,
                       min(slot_minutes) AS slot_minutes, array_agg(weekday) AS weekdays,
                       array_agg(starts_at) AS starts, array_agg(ends_at) AS ends
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
        let weekdays = row.weekdays.unwrap_or_default();
        let (starts, ends) = (row.starts.unwrap_or_default(), row.ends.unwrap_or_default());
        let week = WeekColumns { time_zone, slot_minutes, weekdays, starts, ends };
        Ok(Some(Some(week.availability(id.as_uuid())?)))
    }
}
