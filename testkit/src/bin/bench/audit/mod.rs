//! How fast the audit log is sealed, against a COPY of the same rows.

mod copy;
mod worker;

use std::sync::atomic::AtomicU64;

use crate::arguments::Arguments;
use crate::lab::{CpuMeter, Lab};
use crate::progress::{step, watch};
use crate::report::{Section, Target};

const TITLE: &str = "Audit rows sealed";

/// Rows of a round, on each side.
const COUNT: u32 = 60_000;

/// At least this part of the limit's speed.
const TARGET: Target = Target::AtLeast(0.6);

/// What was measured, round by round.
#[derive(Default)]
struct Samples {
    sealed_per_s: Vec<f64>,
    seal_cpu_us: Vec<Vec<(&'static str, f64)>>,
    copied_per_s: Vec<f64>,
    copy_cpu_us: Vec<Vec<(&'static str, f64)>>,
}

/// Measures both sides in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let count = arguments.count(COUNT);
    lab.empty_streams().await?;
    lab.begin_audit_anew().await?;
    step("audit: filling the stream", worker::fill_stream(lab, count)).await?;
    let mut samples = Samples::default();
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        let title = |side: &str| format!("audit {round}/{rounds}: {side}");
        let rows = seal(lab, count, &title("worker"), &mut samples).await?;
        copy_again(lab, count, &rows, &title("COPY"), &mut samples).await?;
    }
    lab.empty_streams().await?;
    Ok(section(&samples, count))
}

/// Lets a worker seal everything; gives the rows that it wrote.
async fn seal(
    lab: &Lab,
    count: u32,
    title: &str,
    samples: &mut Samples,
) -> anyhow::Result<copy::Rows> {
    // Where the worker is in the streams, its database says; the anchor is of the one before.
    lab.forget_anchor().await?;
    let database = lab.database("audit").await?;
    let cpu = CpuMeter::start(lab.servers());
    let sealed = AtomicU64::new(0);
    let sealing = worker::seal_all(lab, &database, count, &sealed);
    let run = watch(title, count, &sealed, sealing).await?;
    let mut used = cpu.us_per(count.into());
    used.push(("audit worker", run.worker_cpu_us));
    samples.seal_cpu_us.push(used);
    samples.sealed_per_s.push(run.per_second);
    let rows = copy::read(&database).await?;
    lab.drop_database(database).await?;
    Ok(rows)
}

async fn copy_again(
    lab: &Lab,
    count: u32,
    rows: &copy::Rows,
    title: &str,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let database = lab.database("copy").await?;
    let cpu = CpuMeter::start([lab.servers()[0]]);
    let copied = AtomicU64::new(0);
    let copying = copy::write(&database, rows, count, &copied);
    samples.copied_per_s.push(watch(title, count, &copied, copying).await?);
    samples.copy_cpu_us.push(cpu.us_per(count.into()));
    lab.drop_database(database).await
}

fn section(samples: &Samples, count: u32) -> Section {
    let Samples { sealed_per_s, seal_cpu_us, copied_per_s, copy_cpu_us } = samples;
    let mut section = Section::new(TITLE);
    section.figure("one audit worker", "/s", sealed_per_s);
    section.figure("COPY, one transaction", "/s", copied_per_s);
    section.cpu("row by the worker", seal_cpu_us);
    section.cpu("row by COPY", copy_cpu_us);
    section.ratio("worker ÷ COPY", TARGET, (sealed_per_s, copied_per_s));
    section.note(format!(
        "{count} rows a round, each of an entry of its own, on a fresh copy of one database, with \
         the same table, indexes and role."
    ));
    section.note(
        "The worker alone also reads the messages, hashes each row, writes and chains a seal over \
         every 1,000 of them, and commits each seal with its rows. It is timed from its first to \
         its last seal (sealed_at), its start left out.",
    );
    section.note(
        "COPY sends the very rows that the worker wrote, as PostgreSQL gave them back (binary), in \
         one transaction by one client, prepared beforehand.",
    );
    section
}
