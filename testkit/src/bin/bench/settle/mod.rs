//! How fast one worker settles bookings, between two limits: one commit per booking, and SQL that
//! has nothing to decide.

mod sql;
mod worker;

use std::sync::atomic::AtomicU64;

use anyhow::ensure;

use crate::arguments::Arguments;
use crate::lab::{CpuMeter, Database, Lab, Table, count, count_while};
use crate::progress::{step, watch};
use crate::report::{Section, Target, better};
use sql::Script;

const TITLE: &str = "Bookings settled";

/// Bookings of a round, on each side.
const COUNT: u32 = 20_000;

/// At least so many times as fast as one commit per booking.
const TARGET_SINGLE: Target = Target::AtLeast(2.0);

/// At least this part of the limit's speed.
const TARGET_BATCHES: Target = Target::AtLeast(0.6);

/// What was measured, round by round.
#[derive(Default)]
struct Samples {
    worker_per_s: Vec<f64>,
    cpu_us: Vec<Vec<(&'static str, f64)>>,
    single: InSql,
    batches: [InSql; 2],
}

/// What was measured of one side in SQL, round by round.
#[derive(Default)]
struct InSql {
    per_s: Vec<f64>,
    cpu_us: Vec<Vec<(&'static str, f64)>>,
}

/// Measures all sides in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let count = arguments.count(COUNT);
    lab.empty_streams().await?;
    step("settle: filling the stream", worker::fill_stream(lab, count)).await?;
    let mut samples = Samples::default();
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        let title = |side: &str| format!("settle {round}/{rounds}: {side}");
        settle_by_worker(lab, count, &title("worker"), &mut samples).await?;
        let single = &mut samples.single;
        in_sql(lab, count, Script::Single, &title("pgbench, 16 clients"), single).await?;
        for (clients, batches) in (1..).zip(&mut samples.batches) {
            let title = title(&format!("SQL, 250 at once, {clients} clients"));
            in_sql(lab, count, Script::Batches { clients }, &title, batches).await?;
        }
    }
    lab.empty_streams().await?;
    Ok(section(&samples, count))
}

async fn settle_by_worker(
    lab: &Lab,
    count: u32,
    title: &str,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let database = lab.database("worker").await?;
    lab.forget_consumers().await?;
    let cpu = CpuMeter::start(lab.servers());
    let settled = AtomicU64::new(0);
    let settling = worker::settle_all(lab, &database, count, &settled);
    let run = watch(title, count, &settled, settling).await?;
    let mut used = cpu.us_per(count.into());
    used.push(("booking worker", run.worker_cpu_us));
    samples.cpu_us.push(used);
    samples.worker_per_s.push(run.per_second);
    lab.drop_database(database).await
}

async fn in_sql(
    lab: &Lab,
    total: u32,
    script: Script,
    title: &str,
    samples: &mut InSql,
) -> anyhow::Result<()> {
    let database = lab.database("sql").await?;
    let client = database.connect().await?;
    let written = AtomicU64::new(0);
    let running = sql::run(lab, &database, script, total);
    let running = count_while(&client, Table::Requests, &written, running);
    let cpu = CpuMeter::start([lab.servers()[0]]);
    samples.per_s.push(watch(title, total, &written, running).await?);
    samples.cpu_us.push(cpu.us_per(total.into()));
    check_rows(&database, total, u64::from(total)).await?;
    lab.drop_database(database).await
}

/// Everybody must have written the same rows.
async fn check_rows(database: &Database, total: u32, in_outbox: u64) -> anyhow::Result<()> {
    let client = database.connect().await?;
    for table in Table::ALL {
        let wanted = if table == Table::Outbox { in_outbox } else { total.into() };
        let found = count(&client, table).await?;
        ensure!(found == wanted, "{} has {found} rows instead of {wanted}", table.as_str());
    }
    Ok(())
}

fn section(samples: &Samples, count: u32) -> Section {
    let Samples { worker_per_s, cpu_us, single, batches: [one, two] } = samples;
    let mut section = Section::new(TITLE);
    section.figure("one booking worker", "/s", worker_per_s);
    section.figure("pgbench, 16 clients, one commit per booking", "/s", &single.per_s);
    section.figure("SQL, 250 per commit, one client", "/s", &one.per_s);
    section.figure("SQL, 250 per commit, two clients", "/s", &two.per_s);
    section.cpu("booking by the worker", cpu_us);
    section.cpu("booking by pgbench", &single.cpu_us);
    section.cpu("booking in SQL, one client", &one.cpu_us);
    section.cpu("booking in SQL, two clients", &two.cpu_us);
    let single = single.per_s.as_slice();
    section.ratio("worker ÷ one commit per booking", TARGET_SINGLE, (worker_per_s, single));
    let limit = better(&one.per_s, &two.per_s);
    let name = "worker ÷ SQL, 250 per commit (the better)";
    section.ratio(name, TARGET_BATCHES, (worker_per_s, limit));
    section.note(format!(
        "{count} bookings a round that can all be made, of 100 practitioners and 2,000 patients, \
         mixed; on a fresh copy of one database, with the same schema, role, constraints and \
         session settings."
    ));
    section.note(
        "All sides write a row of requests (the inbox), appointments, appointment_status_history \
         and outbox. The worker alone also reads the messages and what it decides by, publishes \
         the outbox and deletes it again, and acknowledges.",
    );
    section.note(
        "The worker is timed from its first to its last batch (settled_at), its start left out. \
         The SQL sides copy rows that lie ready in the same database.",
    );
    section
}
