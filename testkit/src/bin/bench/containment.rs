//! Whether an insurer that hangs costs bookings anything: days of requests by insured patients,
//! while the insurer answers and while it hangs.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::days::{RealClinic, Services};
use crate::lab::{Database, Lab, Program, eligibility_worker, insurer};
use crate::report::{Section, Target};

const TITLE: &str = "Bookings while the insurer hangs";

const CONNECTIONS: u32 = 8;

/// At least this part of the bookings, and at most this much of the time.
const RATE_TARGET: Target = Target::AtLeast(0.95);
const P99_TARGET: Target = Target::AtMost(1.2);

/// Everybody has the same insurer, and it covers them.
const INSURE: &str = "
    INSERT INTO coverages (id, patient_id, payer_id, subscriber_id, relationship, status,
        created_at, created_by)
    SELECT gen_random_uuid(), id, '00042', 'M-ACTIVE', 'self', 'active', now(), id FROM patients";

/// What was measured with the insurer in one mood, round by round.
#[derive(Default)]
struct Samples {
    bookings_per_s: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
}

/// Books the days in both moods in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let database = lab.database("containment").await?;
    lab.empty_streams().await?;
    let clinic = RealClinic { lab, database: &database, arguments, password: Uuid::new_v4() };
    clinic.prepare().await?;
    database.connect().await?.batch_execute(INSURE).await?;

    let mut samples = [Samples::default(), Samples::default()];
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        for (index, hangs) in [false, true].into_iter().enumerate() {
            // Each time on days of its own, so that nothing is booked already.
            let own_round = (round - 1) * 2 + index as u32 + 1;
            let mood = if hangs { "hangs" } else { "answers" };
            eprintln!("containment {round}/{rounds}: the insurer {mood}");
            samples[index].add(&book(&clinic, &database, own_round, hangs).await?)?;
        }
    }
    lab.drop_database(database).await?;
    lab.empty_streams().await?;
    Ok(section(arguments, &samples))
}

/// Books the days once, with fresh services; what `mediconnect replay` says of it.
async fn book(
    clinic: &RealClinic<'_>,
    database: &Database,
    round: u32,
    hangs: bool,
) -> anyhow::Result<Value> {
    let insurer = insurer(clinic.lab).await?;
    if hangs {
        let knobs = json!({ "mix": [{ "weight": 1, "outcome": "hang" }] });
        let url = format!("{}/admin/knobs", insurer.url());
        reqwest::Client::new().put(url).json(&knobs).send().await?.error_for_status()?;
    }
    let services = Services::start(clinic.lab, database).await?;
    let eligibility = eligibility_worker(clinic.lab, database, &insurer).await?;
    let report = clinic.book(&services, CONNECTIONS, round).await?;
    let met = calls(&insurer, if hangs { "hang" } else { "answer" }).await?;
    ensure!(met > 0, "the insurer was never asked, so this measures nothing");
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

fn section(arguments: &Arguments, samples: &[Samples; 2]) -> Section {
    let mut section = Section::new(TITLE);
    for (mood, samples) in ["the insurer answers", "it hangs"].into_iter().zip(samples) {
        section.figure(format!("{mood}: bookings"), "/s", &samples.bookings_per_s);
        section.figure(format!("{mood}: booking with wait, p50"), "ms", &samples.p50_ms);
        section.figure(format!("{mood}: booking with wait, p99"), "ms", &samples.p99_ms);
    }
    let [answers, hangs] = samples;
    let rates = (&hangs.bookings_per_s[..], &answers.bookings_per_s[..]);
    section.ratio("bookings/s, hanging ÷ answering", RATE_TARGET, rates);
    let p99 = (&hangs.p99_ms[..], &answers.p99_ms[..]);
    section.ratio("p99, hanging ÷ answering", P99_TARGET, p99);
    section.note(format!(
        "{} days of {}, over {CONNECTIONS} connections. Every patient is insured, so every booking \
         has a check; api, both workers and the insurer simulator are fresh each time, the \
         database is not. The simulator's own counter says that it was asked, and hung.",
        arguments.days,
        arguments.file_name()
    ));
    section
}
