//! `availability_rules`: a practitioner's weekly hours.

use std::collections::HashMap;

use domain::{Availability, OpeningHours, PractitionerId, SlotLength};
use jiff::civil::{Time, Weekday};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Failure, Transaction};

const WEEKS: &str = "
    SELECT practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes
    FROM availability_rules
    WHERE practitioner_id = ANY ($1)
    ORDER BY practitioner_id";

/// The weeks of those of `ids` who have hours.
pub async fn weeks(
    transaction: &Transaction<'_>,
    ids: &[PractitionerId],
) -> Result<HashMap<PractitionerId, Availability>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(WEEKS, &[&ids]).await?;
    let owner = |row: &Row| row.get::<_, Uuid>(0);
    rows.chunk_by(|a, b| owner(a) == owner(b))
        .map(|rules| {
            let practitioner = owner(&rules[0]);
            let week = week(rules)?.ok_or_else(|| {
                Failure::unreadable_row("availability_rules.practitioner_id", practitioner)
            })?;
            Ok((practitioner.into(), week))
        })
        .collect()
}

/// The week that all rules of one practitioner make; nothing if they make no sense together.
fn week(rules: &[Row]) -> Result<Option<Availability>, Failure> {
    let zone: &str = rules[0].try_get(4)?;
    let Ok(slot_length) = SlotLength::try_from(rules[0].try_get::<_, i16>(5)?) else {
        return Ok(None);
    };
    let mut hours = Vec::with_capacity(rules.len());
    for rule in rules {
        let weekday: i16 = rule.try_get(1)?;
        let Ok(weekday) = Weekday::from_monday_one_offset(weekday as i8) else { return Ok(None) };
        hours.push(OpeningHours { weekday, start: rule.try_get(2)?, end: rule.try_get(3)? });
    }
    Ok(Availability::new(zone, slot_length, hours).ok())
}

/// Rows can't be locked that don't exist yet, and two replacements at once would leave a mixture
/// of both: hence one lock per practitioner, taken in one order by everybody.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(hashtextextended('availability_rules ' || id, 0))
    FROM (SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id) AS ids";

const DELETE: &str = "DELETE FROM availability_rules WHERE practitioner_id = ANY ($1)";

const INSERT: &str = "
    INSERT INTO availability_rules
        (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes)
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::time[], $4::time[], $5::text[],
        $6::smallint[])";

/// Replaces the hours of these practitioners. Each may appear once.
pub async fn replace(
    transaction: &Transaction<'_>,
    weeks: &[(PractitionerId, &Availability)],
) -> Result<(), Failure> {
    let ids: Vec<Uuid> = weeks.iter().map(|(id, _)| id.as_uuid()).collect();
    transaction.query(LOCK, &[&ids]).await?;
    transaction.execute(DELETE, &[&ids]).await?;

    let rules =
        || weeks.iter().flat_map(|(id, week)| week.hours().iter().map(move |h| (id, *week, h)));
    let ids: Vec<Uuid> = rules().map(|(id, ..)| id.as_uuid()).collect();
    let weekdays: Vec<i16> =
        rules().map(|(.., hours)| hours.weekday.to_monday_one_offset().into()).collect();
    let starts: Vec<Time> = rules().map(|(.., hours)| hours.start).collect();
    let ends: Vec<Time> = rules().map(|(.., hours)| hours.end).collect();
    let zones: Vec<&str> = rules().map(|(_, week, _)| week.zone_name()).collect();
    let minutes: Vec<i16> = rules().map(|(_, week, _)| week.slot_length().minutes()).collect();
    transaction.execute(INSERT, &[&ids, &weekdays, &starts, &ends, &zones, &minutes]).await?;
    Ok(())
}
