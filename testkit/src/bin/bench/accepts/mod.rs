//! How much of what JetStream can take durably gets through api.

mod load;
mod raw;
mod requests;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::lab::{CpuMeter, Lab, Program, Who, api};
use crate::progress::watch;
use crate::report::{Section, Target, better};
use requests::Patient;

const TITLE: &str = "Durable accepts";

/// Requests of a round, on each side.
const COUNT: u32 = 30_000;

/// A side that needs longer is measured by what it got done.
const PATIENCE: Duration = Duration::from_secs(10);

/// The raw side publishes what api published first, so that has to be complete.
const ANY_TIME: Duration = Duration::from_mins(5);

const CONNECTIONS: usize = 256;

/// Callers, each with a token of their own.
const PATIENTS: u32 = 32;

/// Commands in one batch of the raw side: as many as api takes at most.
const BATCH: usize = 250;

/// At least this part of the raw side's speed.
const TARGET: Target = Target::AtLeast(0.5);

/// What was measured, round by round.
#[derive(Default)]
struct Samples {
    accepts_per_s: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    cpu_us: Vec<Vec<(&'static str, f64)>>,
    raw_per_s: [Vec<f64>; 2],
    raw_cpu_us: Vec<Vec<(&'static str, f64)>>,
}

/// Measures both sides in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let count = arguments.count(COUNT);
    let database = lab.database("accepts").await?;
    lab.empty_streams().await?;
    let api = api(lab, &database).await?;
    let patients = requests::register_patients(api.url(), PATIENTS).await?;

    // To warm up, and to learn what api publishes.
    through_api(lab, &api, &patients, (count / 10, ANY_TIME), "warming up").await?;
    lab.empty_streams().await?;
    through_api(lab, &api, &patients, (count, ANY_TIME), "what api publishes").await?;
    let published = raw::read_back(lab).await?;

    let [_, nats] = lab.servers();
    let mut samples = Samples::default();
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        lab.empty_streams().await?;
        let title = format!("accepts {round}/{rounds}: api");
        let cpu = CpuMeter::start([api.who(), nats, Who::Myself]);
        let load = through_api(lab, &api, &patients, (count, PATIENCE), &title).await?;
        samples.cpu_us.push(cpu.us_per(load.accepted));
        samples.accepts_per_s.push(load.per_second());
        samples.p50_ms.push(load.latency_ms(0.50));
        samples.p99_ms.push(load.latency_ms(0.99));
        for in_flight in [1, 2] {
            lab.empty_streams().await?;
            let title = format!("accepts {round}/{rounds}: raw, {in_flight} in flight");
            let done = AtomicU64::new(0);
            let cpu = CpuMeter::start([nats, Who::Myself]);
            let publishing = raw::publish(lab, &published, in_flight, &done);
            let per_second = watch(&title, count, &done, publishing).await?;
            samples.raw_per_s[in_flight - 1].push(per_second);
            samples.raw_cpu_us.push(cpu.us_per(done.into_inner()));
        }
    }
    api.stop().await?;
    lab.drop_database(database).await?;
    lab.empty_streams().await?;
    Ok(section(&samples, count))
}

async fn through_api(
    lab: &Lab,
    api: &Program,
    patients: &[Patient],
    (count, patience): (u32, Duration),
    title: &str,
) -> anyhow::Result<load::Outcome> {
    let requests = requests::prepare(lab.clinic(), patients, count);
    let done = AtomicU64::new(0);
    watch(title, count, &done, load::run(api.url(), requests, patience, &done)).await
}

fn section(samples: &Samples, count: u32) -> Section {
    let [one, two] = &samples.raw_per_s;
    let mut section = Section::new(TITLE);
    let accepts = &samples.accepts_per_s;
    section.figure(format!("accepts through api, {CONNECTIONS} connections"), "/s", accepts);
    section.figure("raw batches of 250, one in flight", "/s", one);
    section.figure("raw batches of 250, two in flight", "/s", two);
    section.figure("api: time to accept, p50", "ms", &samples.p50_ms);
    section.figure("api: time to accept, p99", "ms", &samples.p99_ms);
    section.cpu("accept", &samples.cpu_us);
    section.cpu("raw publish", &samples.raw_cpu_us);
    let best = better(one, two);
    section.ratio("accepts ÷ raw batches (the better)", TARGET, (accepts, best));
    section.note(format!(
        "{count} distinct requests a round by {PATIENTS} patients, each with an Idempotency-Key, \
         without wait; no worker runs. An accept is a 202, which follows JetStream's \
         acknowledgement."
    ));
    section.note(
        "Raw: the very messages that api had published, headers and bodies, as atomic batches by \
         one client to the same stream, prepared beforehand.",
    );
    section.note("api's limits per caller and address are set out of the way; it still counts.");
    section
}
