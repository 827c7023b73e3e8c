//! Days of appointment requests through the public API, as their patients would ask.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use store::ServiceRole;
use tokio::process::Command;
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::lab::{Database, Lab, Memory, Program, Who, api, booking_worker, mediconnect};
use crate::report::Section;

const TITLE: &str = "Days through the public API";

const CONNECTIONS: [u32; 2] = [8, 64];

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The administrator of the measured clinic.
const ADMIN_EMAIL: &str = "admin@bench.invalid";

/// What was measured with one number of connections, round by round.
#[derive(Default)]
struct Samples {
    bookings_per_s: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    rows: f64,
    booked: f64,
}

/// Books the days with each number of connections in turn.
pub async fn measure(lab: &Lab, arguments: &Arguments) -> anyhow::Result<Section> {
    let database = lab.database("days").await?;
    lab.empty_streams().await?;
    let clinic = RealClinic { lab, database: &database, arguments, password: Uuid::new_v4() };
    clinic.prepare().await?;

    let mut samples = CONNECTIONS.map(|_| Samples::default());
    let (mut idle, mut loaded) = (Memory::default(), Memory::default());
    let rounds = arguments.rounds();
    for round in 1..=rounds {
        for (index, connections) in CONNECTIONS.into_iter().enumerate() {
            let services = Services::start(lab, &database).await?;
            idle.look(&services.all(lab));
            // Each time on days of its own, so that nothing is booked already.
            let own_round = (round - 1) * CONNECTIONS.len() as u32 + index as u32 + 1;
            let title = format!("days {round}/{rounds}: {connections} connections");
            let booking = clinic.book(&services, connections, own_round);
            eprintln!("{title}");
            let processes = services.all(lab);
            let report = watch_memory(booking, &mut loaded, &processes).await?;
            samples[index].add(&report)?;
            services.stop().await?;
        }
    }
    lab.drop_database(database).await?;
    lab.empty_streams().await?;
    Ok(section(arguments, &samples, &idle, &loaded))
}

/// The server of the days, and where they come from.
pub struct RealClinic<'a> {
    /// Its servers.
    pub lab: &'a Lab,
    /// Its database.
    pub database: &'a Database,
    /// Which days.
    pub arguments: &'a Arguments,
    /// Its administrator's password.
    pub password: Uuid,
}

/// api and worker.
pub struct Services {
    /// The door.
    pub api: Program,
    /// The booking worker.
    pub worker: Program,
}

impl Services {
    /// Starts both.
    pub async fn start(lab: &Lab, database: &Database) -> anyhow::Result<Self> {
        let (api, worker) = tokio::try_join!(api(lab, database), booking_worker(lab, database))?;
        Ok(Self { api, worker })
    }

    fn all(&self, lab: &Lab) -> [Who; 4] {
        let [postgres, nats] = lab.servers();
        [self.api.who(), self.worker.who(), postgres, nats]
    }

    /// Stops both.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.api.stop().await?;
        self.worker.stop().await
    }
}

impl RealClinic<'_> {
    /// Makes the administrator, the doctors and the patients.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        let mut create = self.command(&["admin", "create"])?;
        let accounts_url = self.database.url_for(ServiceRole::Accounts)?;
        create.env("MC_DATABASE__ACCOUNTS_URL", accounts_url.expose_secret());
        answer(create.output().await?).context("creating the administrator")?;
        let services = Services::start(self.lab, self.database).await?;
        let mut replay = self.replay(&services)?;
        replay.arg("--seed");
        eprintln!("days: doctors and patients");
        answer(replay.output().await?)?;
        services.stop().await
    }

    /// Books the days; what `mediconnect replay` says of it.
    pub async fn book(
        &self,
        services: &Services,
        connections: u32,
        round: u32,
    ) -> anyhow::Result<Value> {
        let mut replay = self.replay(services)?;
        replay.args(["--speed", "max", "--no-ledger"]);
        replay.args(["--connections", &connections.to_string(), "--round", &round.to_string()]);
        answer(replay.output().await?)
    }

    fn replay(&self, services: &Services) -> anyhow::Result<Command> {
        let mut replay = self.command(&["replay"])?;
        replay.arg(&self.arguments.file).args(["--json", "--url", services.api.url()]);
        replay.args(["--days", &self.arguments.days.to_string()]);
        if let Some(day) = self.arguments.day {
            replay.args(["--day", &day.to_string()]);
        }
        replay.arg("--state").arg(self.lab.home().join("replay.json"));
        Ok(replay)
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(mediconnect()?);
        command.args(arguments).env_clear().kill_on_drop(true);
        command.env("ADMIN_EMAIL", ADMIN_EMAIL).env("ADMIN_PASSWORD", self.password.to_string());
        // It shows its own progress, and says itself what is wrong.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        Ok(command)
    }
}

/// What a command printed, when it succeeded.
fn answer(output: Output) -> anyhow::Result<Value> {
    ensure!(output.status.success(), "mediconnect ended with {}", output.status);
    // `admin create` prints a sentence.
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

async fn watch_memory<T>(
    work: impl Future<Output = anyhow::Result<T>>,
    memory: &mut Memory,
    who: &[Who],
) -> anyhow::Result<T> {
    let mut work = std::pin::pin!(work);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = looks.tick() => memory.look(who),
        }
    }
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
        self.rows = number("/rows/chosen")?;
        self.booked = number("/rows/booked")?;
        Ok(())
    }
}

fn section(arguments: &Arguments, samples: &[Samples], idle: &Memory, loaded: &Memory) -> Section {
    let mut section = Section::new(TITLE);
    for (connections, samples) in CONNECTIONS.into_iter().zip(samples) {
        let named = |what: &str| format!("{connections} connections: {what}");
        section.figure(named("bookings"), "/s", &samples.bookings_per_s);
        section.figure(named("booking with wait, p50"), "ms", &samples.p50_ms);
        section.figure(named("booking with wait, p99"), "ms", &samples.p99_ms);
    }
    for (name, mb) in idle.most_mb() {
        section.figure(format!("memory at rest: {name}"), "MB", &[mb]);
    }
    for (name, mb) in loaded.most_mb() {
        section.figure(format!("memory under load, at most: {name}"), "MB", &[mb]);
    }
    let Arguments { days, .. } = arguments;
    let (rows, booked) = (samples[0].rows, samples[0].booked);
    section.note(format!(
        "{days} days of {}: {rows} requests, {booked} of them booked. Each searches a free slot \
         and books it, with an Idempotency-Key and wait, as fast as the connections allow; both \
         count in bookings/s. api and worker are fresh each time, the database is not.",
        arguments.file_name()
    ));
    section.note(
        "Memory is resident memory (of PostgreSQL's processes, what they share counts once), the \
         most that was seen in any round.",
    );
    section
}
