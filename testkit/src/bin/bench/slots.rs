//! What slot search costs in a clinic with many visits, against one with few.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::{Clock as _, SystemClock};
use futures::future::try_join_all;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::lab::{Database, Lab, Program, api, post};
use crate::progress::{step, watch};
use crate::report::{Section, Target};

const TITLE: &str = "Slot search";

const PRACTITIONERS: u32 = 1_000;

/// The days that searches look at, and visits lie on.
const DAYS: u32 = 90;

const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;

/// Searches of a round, on each side.
const COUNT: u32 = 600;

/// As many as there are cores on a small machine.
const CONNECTIONS: u32 = 2;

/// At most this much of the time in the clinic with few visits.
const TARGET: Target = Target::AtMost(1.3);

/// Practitioners of ten specialties at five places: every day from 8 to 18, in slots of half an
/// hour. Beside their standard visits they offer one type in person and one by video. Ids are
/// numbers, so that everything below can name them. Nobody else works.
const CLINIC: &str = "
    DELETE FROM availability_rules;
    INSERT INTO users (id, email, password_hash, role, created_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, n || '@slots.bench.invalid', '!',
        CASE WHEN n < 100000 THEN 'doctor' ELSE 'patient' END, now()
    FROM generate_series(1, 1000) AS numbers (i),
        LATERAL (VALUES (i), (100000 + i)) AS both_of (n);
    INSERT INTO patients (id, given_name, family_name, birth_date)
    SELECT lpad(to_hex(100000 + i), 32, '0')::uuid, 'Given', 'Family', '1980-01-01'
    FROM generate_series(1, 1000) AS i;
    INSERT INTO practitioners
        (id, given_name, family_name, specialty, licence, approved_at, approved_by)
    SELECT lpad(to_hex(i), 32, '0')::uuid, 'Given', 'Family', 'specialty ' || i % 10,
        'slots ' || i, now(), lpad(to_hex(i), 32, '0')::uuid
    FROM generate_series(1, 1000) AS i;
    INSERT INTO locations (id, name, time_zone, active, version)
    SELECT lpad(to_hex(200000 + i), 32, '0')::uuid, 'Place ' || i, 'Europe/Berlin', true, 1
    FROM generate_series(0, 4) AS i;
    INSERT INTO healthcare_services (id, name, modality, duration_minutes, buffer_before_minutes,
        buffer_after_minutes, alignment_minutes, minimum_notice_minutes, horizon_days, active,
        version)
    SELECT lpad(to_hex(300000 + i), 32, '0')::uuid, kind, kind, 30, 0, 0, 30, 0, 365, true, 1
    FROM (VALUES (0, 'in-person'), (1, 'video')) AS kinds (i, kind);
    INSERT INTO availability_rules
        (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes, location_id)
    SELECT lpad(to_hex(i), 32, '0')::uuid, weekday, '08:00', '18:00', 'Europe/Berlin', 30,
        lpad(to_hex(200000 + i % 5), 32, '0')::uuid
    FROM generate_series(1, 1000) AS i, generate_series(1, 7) AS weekday";

/// The `k`-th visit of every practitioner: on another of their 1,800 slots each (7 shares no factor
/// with that), and never with a patient who is with somebody else at that time.
const VISITS: &str = "
    INSERT INTO appointments (id, practitioner_id, patient_id, during, occupied, status, version,
        request_id, created_at)
    SELECT gen_random_uuid(), lpad(to_hex(i), 32, '0')::uuid,
        lpad(to_hex(100001 + (i + slot) % 1000), 32, '0')::uuid, during, during, 'booked', 1,
        gen_random_uuid(), now()
    FROM generate_series($1::integer, $2::integer) AS k, generate_series(1, 1000) AS i,
        LATERAL (SELECT (k * 7 + i * 13) % 1800) AS slots (slot),
        LATERAL (SELECT ($3::date + slot / 20 + time '08:00') AT TIME ZONE 'Europe/Berlin'
            + slot % 20 * interval '30 min') AS starts (starts_at),
        LATERAL (SELECT tstzrange(starts_at, starts_at + interval '30 min')) AS visits (during)";

/// Visits of every practitioner that are written at once.
const VISITS_AT_ONCE: u32 = 10;

/// What was measured in one clinic, round by round.
#[derive(Default)]
struct Samples {
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    per_s: Vec<f64>,
}

/// A clinic with that many visits, and its door.
struct Side {
    database: Database,
    api: Program,
    access_token: String,
}

/// Measures both sides in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let many = arguments.count(MANY);
    lab.empty_streams().await?;
    let sides =
        [Side::open(lab, "slots_few", FEW).await?, Side::open(lab, "slots_many", many).await?];
    let count = arguments.count(COUNT);
    // To warm up.
    for side in &sides {
        side.search(count / 4, 0, "warming up").await?;
    }
    let mut samples = [Samples::default(), Samples::default()];
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        for (side, samples) in sides.iter().zip(&mut samples) {
            let title = format!("slots {round}/{rounds}: {}", side.database.name());
            samples.add(side.search(count, round, &title).await?);
        }
    }
    for Side { database, api, .. } in sides {
        api.stop().await?;
        lab.drop_database(database).await?;
    }
    lab.empty_streams().await?;
    Ok(section(&samples, count, many))
}

impl Side {
    async fn open(lab: &Lab, name: &str, visits: u32) -> anyhow::Result<Self> {
        let database = lab.database(name).await?;
        let client = database.connect().await?;
        client.batch_execute(CLINIC).await?;
        let each = visits / PRACTITIONERS;
        let done = AtomicU64::new(0);
        let (first_day, title) = (first_day(), format!("slots: {visits} visits"));
        let filling = async {
            for first in (0..each).step_by(VISITS_AT_ONCE as usize) {
                let last = (first + VISITS_AT_ONCE).min(each) - 1;
                let (first, last) = (first.cast_signed(), last.cast_signed());
                let written = client.execute(VISITS, &[&first, &last, &first_day]).await?;
                done.fetch_add(written, Ordering::Relaxed);
            }
            client.batch_execute("VACUUM (ANALYZE)").await
        };
        watch(&title, visits, &done, filling).await?;
        anyhow::ensure!(done.into_inner() == u64::from(visits), "some visits met others");
        let api = step("slots: api", api(lab, &database)).await?;
        let access_token = register(api.url()).await?;
        Ok(Self { database, api, access_token })
    }

    /// How long each of the searches took.
    async fn search(&self, count: u32, round: u32, title: &str) -> anyhow::Result<Vec<Duration>> {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let http = reqwest::Client::builder().no_proxy().build()?;
        let one_connection = async || {
            let mut took = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= u64::from(count) {
                    return anyhow::Ok(took);
                }
                let url = format!("{}/v1/slots?{}", self.api.url(), query(index, round));
                let began = Instant::now();
                let answer = http.get(url).bearer_auth(&self.access_token).send().await?;
                let answer: Value = answer.error_for_status()?.json().await?;
                took.push(began.elapsed());
                let found = answer["items"].as_array().map_or(0, Vec::len);
                anyhow::ensure!(found > 0, "a search found nothing, so this measures nothing");
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let searching = try_join_all((0..CONNECTIONS).map(|_| one_connection()));
        Ok(watch(title, count, &done, searching).await?.concat())
    }
}

/// Searches as people make them: anybody at all, a specialty, a place, by video, and one
/// practitioner; from some day on, the next twenty. The same on both sides.
fn query(index: u64, round: u32) -> String {
    let number = index * 7_919 + u64::from(round) * 104_729;
    let from: Timestamp = first_day()
        .saturating_add((number % u64::from(DAYS - 30)).cast_signed().days())
        .to_zoned(TimeZone::UTC)
        .expect("a day of the next months has a midnight")
        .timestamp();
    let from = from + (number % 24).cast_signed().hours();
    let to = from + (24 * 28).hours();
    let id = |number: u64| Uuid::from_u128(number.into());
    let filter = match index % 5 {
        0 => String::new(),
        1 => format!("&specialty=specialty%20{}", number % 10),
        2 => format!("&location_id={}", id(200_000 + number % 5)),
        3 => "&modality=video".to_owned(),
        _ => format!("&practitioner_id={}", id(1 + number % u64::from(PRACTITIONERS))),
    };
    format!("from={from}&to={to}{filter}")
}

/// Soon, and far enough from now that all of it can be booked.
fn first_day() -> jiff::civil::Date {
    SystemClock.now().to_zoned(TimeZone::UTC).date().saturating_add(2.days())
}

async fn register(url: &str) -> anyhow::Result<String> {
    let form = json!({
        "email": "slots@bench.invalid",
        "password": Uuid::new_v4().to_string(),
        "name": { "given": "Given", "family": "Family" },
        "birth_date": "1980-01-01",
    });
    let answer = post(&format!("{url}/v1/auth/register"), &form).await?;
    Ok(answer["access_token"].as_str().context("no access token")?.to_owned())
}

impl Samples {
    fn add(&mut self, mut took: Vec<Duration>) {
        took.sort_unstable();
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let at = |quantile: f64| ms(took[(took.len() as f64 * quantile) as usize]);
        self.p50_ms.push(at(0.50));
        self.p99_ms.push(at(0.99));
        let total: Duration = took.iter().sum();
        self.per_s.push(took.len() as f64 * f64::from(CONNECTIONS) / total.as_secs_f64());
    }
}

fn section(samples: &[Samples; 2], count: u32, many: u32) -> Section {
    let mut section = Section::new(TITLE);
    let [few, lots] = samples;
    for (visits, samples) in [(FEW, few), (many, lots)] {
        section.figure(format!("{visits} visits: searches"), "/s", &samples.per_s);
        section.figure(format!("{visits} visits: search, p50"), "ms", &samples.p50_ms);
        section.figure(format!("{visits} visits: search, p99"), "ms", &samples.p99_ms);
    }
    let p99 = (&lots.p99_ms[..], &few.p99_ms[..]);
    section.ratio(format!("slot search p99, {many} visits ÷ {FEW}"), TARGET, p99);
    section.note(format!(
        "{PRACTITIONERS} practitioners who work every day, {DAYS} days with visits, {count} \
         searches a round over {CONNECTIONS} connections: a fifth each of everybody, of one \
         specialty, of one place, by video, and of one practitioner; from some day on, the next \
         20 slots within four weeks."
    ));
    section
}
