//! `mediconnect-bench`: measures the product against the limits of its servers.
//!
//! Behind `./dev bench`. Everything runs as it would at work: release builds in processes of their
//! own, PostgreSQL with fsync, nats-server syncing every write. What is compared is measured in
//! turn, round after round, so that a slow moment of the machine hits both sides. Nothing here
//! passes or fails: targets are shown as met or missed, and by how much.

mod accepts;
mod arguments;
mod audit;
mod containment;
mod days;
mod lab;
mod progress;
mod report;
mod settle;
mod slots;
mod start;

use std::process::ExitCode;

use clap::Parser;
use runtime::Shutdown;

use arguments::{Arguments, Measurement};
use lab::{Home, Lab};
use report::{Machine, Report, Section};

#[tokio::main]
async fn main() -> ExitCode {
    runtime::telemetry::install_crypto();
    let arguments = Arguments::parse();
    let ended = match Shutdown::on_signals(std::time::Duration::MAX) {
        // Dropping the work ends every process that it has started.
        Ok(shutdown) => tokio::select! {
            ended = run(&arguments) => ended,
            () = shutdown.soft_stopped() => Err(anyhow::anyhow!("stopped")),
        },
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mediconnect-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let home = Home::open().await?;
    let lab = Lab::start(&home).await?;
    let machine = Machine::look(&lab).await?;
    let mut sections = Vec::new();
    for measurement in Measurement::ALL {
        if arguments.wants(measurement) {
            sections.push(measure(measurement, &lab, arguments).await?);
        }
    }
    lab.stop().await?;
    let report = Report { machine, how: arguments.as_command(), sections };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    if arguments.is_complete() {
        report.write_document()?;
    } else {
        eprintln!("docs/benchmarks.md is left as it was: this was only a part, or a quick look");
    }
    Ok(())
}

async fn measure(
    measurement: Measurement,
    lab: &Lab,
    arguments: &Arguments,
) -> anyhow::Result<Section> {
    match measurement {
        Measurement::Accepts => accepts::measure(lab, arguments).await,
        Measurement::Settle => settle::measure(lab, arguments).await,
        Measurement::Audit => audit::measure(lab, arguments).await,
        Measurement::Days => days::measure(lab, arguments).await,
        Measurement::Containment => containment::measure(lab, arguments).await,
        Measurement::Slots => slots::measure(lab, arguments).await,
        Measurement::Start => start::measure(lab, arguments).await,
    }
}
