//! `availability_rules` and `availability_exceptions`: a practitioner's hours.

use std::collections::{BTreeMap, HashMap};

use domain::{
    Availability, Exception, ExceptionKind, Exceptions, HealthcareServiceId, Hours, OpeningHours,
    PractitionerId, SlotLength,
};
use jiff::civil::{Date, Time, Weekday};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction};

const WEEKS: &str = "
    SELECT practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes, location_id,
        service_ids
    FROM availability_rules
    WHERE practitioner_id = ANY ($1)
    ORDER BY practitioner_id";

const EXCEPTIONS: &str = "
    SELECT practitioner_id, date, starts_at, ends_at, kind, location_id, service_ids
    FROM availability_exceptions
    WHERE practitioner_id = ANY ($1) AND date >= $2
    ORDER BY practitioner_id, date";

/// The hours of those of `ids` who have a week, with the exceptions from that date on.
pub async fn hours(
    transaction: &Transaction<'_>,
    ids: &[PractitionerId],
    from: Date,
) -> Result<HashMap<PractitionerId, Availability>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let weeks: &[&(dyn ToSql + Sync)] = &[&uuids];
    let (rules, mut exceptions) = tokio::try_join!(
        biased;
        transaction.query(WEEKS, weeks),
        exceptions(transaction, ids, from),
    )?;
    let owner = |row: &Row| row.get::<_, Uuid>(0);
    rules
        .chunk_by(|a, b| owner(a) == owner(b))
        .map(|rules| {
            let practitioner = owner(&rules[0]);
            let week = week(rules)?.ok_or_else(|| {
                Failure::unreadable_row("availability_rules.practitioner_id", practitioner)
            })?;
            let practitioner = practitioner.into();
            let exceptions = exceptions.remove(&practitioner).unwrap_or_default();
            Ok((practitioner, week.with_exceptions(exceptions)))
        })
        .collect()
}

/// The week that all rules of one practitioner make; nothing if they make no sense together.
fn week(rules: &[Row]) -> Result<Option<Availability>, Failure> {
    let zone: &str = rules[0].try_get(4)?;
    let Ok(slot_length) = SlotLength::try_from(rules[0].try_get::<_, i16>(5)?) else {
        return Ok(None);
    };
    let mut opening = Vec::with_capacity(rules.len());
    for rule in rules {
        let weekday: i16 = rule.try_get(1)?;
        let Ok(weekday) = Weekday::from_monday_one_offset(weekday as i8) else { return Ok(None) };
        opening.push(OpeningHours { weekday, hours: entry(rule, 6)? });
    }
    Ok(Availability::new(zone, slot_length, opening).ok())
}

/// Dates that differ from their days of the week.
pub type Dates = BTreeMap<Date, Exceptions>;

/// The exceptions of those of `ids` who have any, from that date on.
pub async fn exceptions(
    transaction: &Transaction<'_>,
    ids: &[PractitionerId],
    from: Date,
) -> Result<HashMap<PractitionerId, Dates>, Failure> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(EXCEPTIONS, &[&ids, &from]).await?;
    let key = |row: &Row| (row.get::<_, Uuid>(0), row.get::<_, Date>(1));
    let mut dates: HashMap<PractitionerId, Dates> = HashMap::new();
    for rows in rows.chunk_by(|a, b| key(a) == key(b)) {
        let (practitioner, date) = key(&rows[0]);
        let unreadable =
            || Failure::unreadable_row("availability_exceptions.practitioner_id", practitioner);
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let kind: ExceptionKind =
                row.try_get::<_, &str>(4)?.parse().map_err(|_| unreadable())?;
            entries.push(Exception { kind, hours: entry(row, 5)? });
        }
        let exceptions = Exceptions::new(entries).map_err(|_| unreadable())?;
        dates.entry(practitioner.into()).or_default().insert(date, exceptions);
    }
    Ok(dates)
}

/// From the columns `starts_at` and `ends_at`, the third and fourth, and from `location_id` and
/// `service_ids`, of which the first is at `place`.
fn entry(row: &Row, place: usize) -> Result<Hours, Failure> {
    let services: Vec<Uuid> = row.try_get(place + 1)?;
    Ok(Hours {
        start: row.try_get(2)?,
        end: row.try_get(3)?,
        location_id: row.try_get::<_, Option<Uuid>>(place)?.map(Into::into),
        service_ids: services.into_iter().map(Into::into).collect(),
    })
}

/// Rows can't be locked that don't exist yet, and two replacements at once would leave a mixture
/// of both: hence one lock per practitioner, taken in one order by everybody.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(hashtextextended('availability_rules ' || id, 0))
    FROM (SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id) AS ids";

const DELETE: &str = "DELETE FROM availability_rules WHERE practitioner_id = ANY ($1)";

const INSERT: &str = "
    INSERT INTO availability_rules
        (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes, location_id,
         service_ids)
    SELECT practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes, location_id,
        services::uuid[]
    FROM unnest($1::uuid[], $2::smallint[], $3::time[], $4::time[], $5::text[], $6::smallint[],
        $7::uuid[], $8::text[])
        AS rules (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes,
            location_id, services)";

/// Replaces the weekly hours of these practitioners. Each may appear once.
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
        rules().map(|(.., one)| one.weekday.to_monday_one_offset().into()).collect();
    let columns = Columns::of(rules().map(|(.., one)| &one.hours));
    let zones: Vec<&str> = rules().map(|(_, week, _)| week.zone_name()).collect();
    let minutes: Vec<i16> = rules().map(|(_, week, _)| week.slot_length().minutes()).collect();
    let Columns { starts, ends, locations, services } = &columns;
    let parameters: &[&(dyn ToSql + Sync)] =
        &[&ids, &weekdays, starts, ends, &zones, &minutes, locations, services];
    transaction.execute(INSERT, parameters).await?;
    Ok(())
}

const DELETE_DATES: &str = "
    DELETE FROM availability_exceptions e
    USING unnest($1::uuid[], $2::date[]) AS gone (practitioner_id, date)
    WHERE e.practitioner_id = gone.practitioner_id AND e.date = gone.date";

const INSERT_EXCEPTIONS: &str = "
    INSERT INTO availability_exceptions
        (practitioner_id, date, kind, starts_at, ends_at, location_id, service_ids)
    SELECT practitioner_id, date, kind, starts_at, ends_at, location_id, services::uuid[]
    FROM unnest($1::uuid[], $2::date[], $3::text[], $4::time[], $5::time[], $6::uuid[], $7::text[])
        AS entries (practitioner_id, date, kind, starts_at, ends_at, location_id, services)";

/// The exceptions of one practitioner's date; none: it is as its day of the week.
pub type ChangedDate<'a> = (PractitionerId, Date, Option<&'a Exceptions>);

/// Replaces the exceptions of these dates. Each date of a practitioner may appear once.
pub async fn replace_exceptions(
    transaction: &Transaction<'_>,
    changed: &[ChangedDate<'_>],
) -> Result<(), Failure> {
    let practitioners: Vec<Uuid> = changed.iter().map(|(id, ..)| id.as_uuid()).collect();
    let dates: Vec<Date> = changed.iter().map(|(_, date, _)| *date).collect();
    transaction.query(LOCK, &[&practitioners]).await?;
    transaction.execute(DELETE_DATES, &[&practitioners, &dates]).await?;

    let entries = || {
        changed.iter().flat_map(|(id, date, exceptions)| {
            let entries = exceptions.map_or(&[][..], Exceptions::entries);
            entries.iter().map(move |entry| (id, *date, entry))
        })
    };
    let practitioners: Vec<Uuid> = entries().map(|(id, ..)| id.as_uuid()).collect();
    let dates: Vec<Date> = entries().map(|(_, date, _)| date).collect();
    let kinds: Vec<&str> = entries().map(|(.., entry)| entry.kind.as_str()).collect();
    let columns = Columns::of(entries().map(|(.., entry)| &entry.hours));
    let Columns { starts, ends, locations, services } = &columns;
    let parameters: &[&(dyn ToSql + Sync)] =
        &[&practitioners, &dates, &kinds, starts, ends, locations, services];
    transaction.execute(INSERT_EXCEPTIONS, parameters).await?;
    Ok(())
}

/// Hours, as one array per column.
#[derive(Default)]
struct Columns {
    starts: Vec<Time>,
    ends: Vec<Time>,
    locations: Vec<Option<Uuid>>,
    /// As text, because PostgreSQL's arrays of arrays are rectangles.
    services: Vec<String>,
}

impl Columns {
    fn of<'a>(entries: impl Iterator<Item = &'a Hours>) -> Self {
        let mut columns = Self::default();
        for hours in entries {
            columns.starts.push(hours.start);
            columns.ends.push(hours.end);
            columns.locations.push(hours.location_id.map(domain::LocationId::as_uuid));
            let ids: Vec<String> =
                hours.service_ids.iter().map(HealthcareServiceId::to_string).collect();
            columns.services.push(format!("{{{}}}", ids.join(",")));
        }
        columns
    }
}
