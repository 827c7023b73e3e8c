//! Whether an insurer's failure costs bookings anything: days of requests by insured patients, while
//! the insurer answers, and while it fails in every way.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::days::{RealClinic, Services};
use crate::lab::{Database, Lab, Program, eligibility_worker, insurer};
use crate::report::{Section, Target};

const TITLE: &str = "Bookings while the insurer fails";

const CONNECTIONS: u32 = 8;

/// At least this part of the bookings, and at most this much of the time.
const RATE_TARGET: Target = Target::AtLeast(0.95);
const P99_TARGET: Target = Target::AtMost(1.2);

/// Everybody has the same insurer, and it covers them.
const INSURE: &str = "
    INSERT INTO coverages (id, patient_id, payer_id, subscriber_id, relationship, status,
        created_at, created_by)
    SELECT gen_random_uuid(), id, '00042', 'M-ACTIVE', 'self', 'active', now(), id FROM patients";

/// How the insurer is.
struct Mood {
    name: &'static str,
    /// The simulator's knobs.
    knobs: fn() -> Value,
    /// The outcome by which its counter shows that this was met.
    met: &'static str,
}

const ANSWERS: Mood = Mood { name: "answers", knobs: || json!({}), met: "answer" };

const FAILURES: [Mood; 4] = [
    Mood {
        name: "is down",
        knobs: || json!({ "mix": [{ "weight": 1, "outcome": "reset" }] }),
        met: "reset",
    },
    Mood {
        name: "hangs",
        knobs: || json!({ "mix": [{ "weight": 1, "outcome": "hang" }] }),
        met: "hang",
    },
    Mood {
        name: "flaps",
        knobs: || json!({ "flapping": { "period_ms": 2000, "up_ratio": 0.5, "outcome": "reset" } }),
        met: "reset",
    },
    Mood {
        name: "lies",
        knobs: || {
            let lies =
                [json!("garbage"), json!("truncated"), json!({ "reject": { "code": "42" } })];
            json!({ "mix": lies.map(|outcome| json!({ "weight": 1, "outcome": outcome })) })
        },
        met: "garbage",
    },
];

/// What was measured with the insurer in one mood, round by round.
#[derive(Default)]
struct Samples {
    bookings_per_s: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
}

/// Books the days in all moods in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let database = lab.database("containment").await?;
    lab.empty_streams().await?;
    let clinic = RealClinic { lab, database: &database, arguments, password: Uuid::new_v4() };
    clinic.prepare().await?;
    database.connect().await?.batch_execute(INSURE).await?;

    let mut moods: Vec<(&Mood, Samples)> =
        [&ANSWERS].into_iter().chain(&FAILURES).map(|mood| (mood, Samples::default())).collect();
    let rounds = arguments.rounds();
    // Each time on days of its own, so that nothing is booked already.
    let mut own_rounds = 1..;
    for round in 1..=rounds {
        for (mood, samples) in &mut moods {
            let own_round = own_rounds.next().context("days without an end")?;
            eprintln!("containment {round}/{rounds}: the insurer {}", mood.name);
            samples.add(&book(&clinic, &database, own_round, mood).await?)?;
        }
    }
    lab.drop_database(database).await?;
    lab.empty_streams().await?;
    Ok(section(arguments, &moods))
}

/// Books the days once, with fresh services; what `mediconnect replay` says of it.
async fn book(
    clinic: &RealClinic<'_>,
    database: &Database,
    round: u32,
    mood: &Mood,
) -> anyhow::Result<Value> {
    let insurer = insurer(clinic.lab).await?;
    let url = format!("{}/admin/knobs", insurer.url());
    reqwest::Client::new().put(url).json(&(mood.knobs)()).send().await?.error_for_status()?;
    let services = Services::start(clinic.lab, database).await?;
    let eligibility = eligibility_worker(clinic.lab, database, &insurer).await?;
    let report = clinic.book(&services, CONNECTIONS, round).await?;
    let met = calls(&insurer, mood.met).await?;
    ensure!(met > 0, "the insurer was never met while it {}: this measures nothing", mood.name);
    eligibility.stop().await?;
    services.stop().await?;
    insurer.stop().await?;
    Ok(report)
}

/// How many calls had that outcome.
async fn calls(insurer: &Program, outcome: &str) -> anyhow::Result<u64> {
    let url = format!("{}/admin/calls", insurer.url());
    let counts: Value = reqwest::get(url).await?.error_for_status()?.json().await?;
    let payers = counts["payers"].as_object().context("the insurer counts by payer")?;
    Ok(payers.values().filter_map(|payer| payer["outcomes"][outcome].as_u64()).sum())
}

impl Samples {
    fn add(&mut self, report: &Value) -> anyhow::Result<()> {
        let number = |pointer: &str| {
            let found = report.pointer(pointer).and_then(Value::as_f64);
            found.with_context(|| format!("mediconnect replay says nothing of {pointer}"))
        };
        self.bookings_per_s.push(number("/bookings_per_s")?);
        self.p50_ms.push(number("/booking/p50_ms")?);
        self.p99_ms.push(number("/booking/p99_ms")?);
        Ok(())
    }
}

fn section(arguments: &Arguments, moods: &[(&Mood, Samples)]) -> Section {
    let mut section = Section::new(TITLE);
    for (mood, samples) in moods {
        let mood = mood.name;
        section.figure(format!("it {mood}: bookings"), "/s", &samples.bookings_per_s);
        section.figure(format!("it {mood}: booking with wait, p50"), "ms", &samples.p50_ms);
        section.figure(format!("it {mood}: booking with wait, p99"), "ms", &samples.p99_ms);
    }
    let Some(((_, answers), failures)) = moods.split_first() else { return section };
    for (Mood { name, .. }, fails) in failures {
        let rates = (&fails.bookings_per_s[..], &answers.bookings_per_s[..]);
        section.ratio(format!("bookings/s, {name} ÷ answers"), RATE_TARGET, rates);
        let p99 = (&fails.p99_ms[..], &answers.p99_ms[..]);
        section.ratio(format!("p99, {name} ÷ answers"), P99_TARGET, p99);
    }
    section.note(format!(
        "{} days of {}, over {CONNECTIONS} connections. Every patient is insured, so every booking \
         has a check; api, both workers and the insurer simulator are fresh each time, the \
         database is not. The simulator's own counter says that it was asked, and failed.",
        arguments.days,
        arguments.file_name()
    ));
    section
}
