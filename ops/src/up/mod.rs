//! `mediconnect up`: everything on one machine, until Ctrl-C.
//!
//! [`start`] brings things up in order, [`supervise`] keeps them running, [`stop`] takes them
//! down: the services first, then nats-server, then PostgreSQL.

mod backing;
mod clinic;
mod home;
mod limits;
mod ports;
mod screen;
mod secrets;
mod services;
mod start;
mod stop;
mod supervise;
mod telling;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use servers::{LockHolder, UpLock, clear_orphans};

use crate::exit::UsageError;
use crate::local::{DEFAULT_FOLDER, FOLDER_VARIABLE};
use crate::settings;
use home::Home;
use screen::Screen;
use start::{Started, Wishes};
use stop::StopSignals;

/// Run everything on this machine, until Ctrl-C: private servers, api, workers.
///
/// PostgreSQL and nats-server listen on loopback only, and their data is kept between runs.
/// Servers that exist are used instead when DATABASE_URL or NATS_URL is set.
///
/// With a private PostgreSQL, and unless eligibility.insurer_url says where insurers are, it also
/// runs an insurer simulator (see `mediconnect insurer`).
///
/// The first administrator is taken from ADMIN_EMAIL and ADMIN_PASSWORD, or generated and shown
/// once. Ctrl-C or SIGTERM stops everything in order; a second Ctrl-C stops it hard.
#[derive(Args, Debug)]
pub struct UpArguments {
    /// Start over: removes the private servers' data, passwords and keys.
    #[arg(long)]
    fresh: bool,
    /// Port of the API [default: 8080, or a free one when it is taken].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Where data, logs, passwords and tools are kept.
    #[arg(
        long,
        value_name = "FOLDER",
        env = FOLDER_VARIABLE,
        hide_env_values = true,
        default_value = DEFAULT_FOLDER
    )]
    dir: PathBuf,
}

/// Runs the command.
pub async fn run(arguments: UpArguments, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let settings = settings::load(config)?;
    let wishes = Wishes::new(settings, config, arguments.port)?;
    if arguments.fresh && wishes.uses_existing_servers() {
        return Err(UsageError(
            "--fresh only starts over with private servers: unset DATABASE_URL and NATS_URL, or \
             leave --fresh away"
                .to_owned(),
        )
        .into());
    }
    let stop = StopSignals::install()?;
    let home = Home::open(&arguments.dir)?;
    let mut lock = match UpLock::take(&home.lock())? {
        Ok(lock) => lock,
        Err(holder) => return Ok(already_running(&holder, &home)),
    };
    let screen = Screen::new();
    let cleared = clear_orphans(home.path()).await?;
    if !cleared.is_empty() {
        let names: Vec<_> = cleared.iter().map(|orphan| orphan.name.as_str()).collect();
        screen.say(&format!("ended what an earlier run had left: {}", names.join(", ")));
    }
    home.forget_readiness()?;
    if arguments.fresh {
        home.start_over()?;
        screen.say("started over: data, passwords and keys were removed");
    }
    let started = tokio::select! {
        biased;
        () = stop.requested() => None,
        started = start::start(&wishes, &home, &screen) => Some(started?),
    };
    let Some(started) = started else {
        screen.say("stopped before it was ready");
        return Ok(ExitCode::FAILURE);
    };
    lock.set_url(&started.up_json.url)?;
    run_until_stopped(started, &home, &screen, &stop).await
}

/// From ready to gone.
async fn run_until_stopped(
    started: Started,
    home: &Home,
    screen: &Screen,
    stop: &StopSignals,
) -> anyhow::Result<ExitCode> {
    telling::tell_programs(&started, home)?;
    telling::tell_people(&started, home);
    let result = supervise::until_stopped(started.processes, screen, stop).await;
    home.forget_readiness()?;
    match result {
        Ok(()) => {
            screen.say("everything is stopped");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error),
    }
}

fn already_running(holder: &LockHolder, home: &Home) -> ExitCode {
    let place = match &holder.url {
        Some(url) => format!("at {url}"),
        None => "and starting".to_owned(),
    };
    let pid = holder.pid;
    eprintln!(
        "mediconnect: it is running already in {}, as process {pid} {place}. Stop it with Ctrl-C \
         there or `kill {pid}`, or start another beside it with --dir.",
        home.shown().display(),
    );
    ExitCode::FAILURE
}
