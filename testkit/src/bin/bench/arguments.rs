//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use jiff::civil::Date;

/// The invented days that come with the sources. They prove that it works; real days say more.
const SYNTHETIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/synthetic.csv");

/// Measures the product against the limits of its servers, and writes docs/benchmarks.md.
#[derive(Debug, Parser)]
#[command(name = "mediconnect-bench", version)]
pub struct Arguments {
    /// Only this measurement [default: all, and docs/benchmarks.md is written]
    #[arg(long, value_enum)]
    only: Option<Measurement>,
    /// Rounds of each measurement [default: 5, quick 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: Option<u32>,
    /// Fewer rounds with less in each: to see that it works, not to be quoted
    #[arg(long)]
    quick: bool,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub json: bool,
    /// File of appointment requests whose days are booked [default: the invented one]
    #[arg(long, value_name = "FILE", default_value = SYNTHETIC, hide_default_value = true)]
    pub file: PathBuf,
    /// First day of the file to book [default: the first that has visits]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub day: Option<Date>,
    /// How many days with visits, beginning with --day
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub days: u32,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
    /// Durable accepts through api, against raw publishing
    Accepts,
    /// Bookings settled by one worker, against SQL
    Settle,
    /// Audit rows sealed by the audit worker, against COPY
    Audit,
    /// Days of appointment requests through the public API
    Days,
    /// Bookings while the insurer hangs, against bookings while it answers
    Containment,
    /// Slot search among a million visits, against ten thousand
    Slots,
    /// From start to ready, and memory at rest
    Start,
}

impl Measurement {
    /// All, in the order in which they run.
    pub const ALL: [Self; 7] = [
        Self::Accepts,
        Self::Settle,
        Self::Audit,
        Self::Days,
        Self::Containment,
        Self::Slots,
        Self::Start,
    ];
}

impl Arguments {
    /// Whether it is to be measured.
    pub fn wants(&self, measurement: Measurement) -> bool {
        self.only.is_none_or(|only| only == measurement)
    }

    /// Whether the result may stand in the documentation.
    pub fn is_complete(&self) -> bool {
        self.only.is_none() && !self.quick
    }

    /// Rounds of each measurement.
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 })
    }

    /// `full`, or a fifth of it for a quick look.
    pub fn count(&self, full: u32) -> u32 {
        if self.quick { full / 5 } else { full }
    }

    /// The file, without folders.
    pub fn file_name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How to run this again.
    pub fn as_command(&self) -> String {
        let mut command = "./dev bench".to_owned();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                command.extend([" --", name, " ", &value]);
            }
        };
        let is_synthetic = self.file == Path::new(SYNTHETIC);
        add("rounds", self.rounds.map(|rounds| rounds.to_string()));
        add("file", (!is_synthetic).then(|| self.file_name()));
        add("day", self.day.map(|day| day.to_string()));
        add("days", (self.days != 3).then(|| self.days.to_string()));
        command
    }
}
