//! The command line of `mediconnect replay`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use reqwest::Url;
use secrecy::SecretString;

use super::pace::Speed;
use crate::values::{expected, from_1_to};

/// Book a file of appointment requests through the public API.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct ReplayArguments {
    /// The file: CSV, plain or gzipped, with the columns
    /// requested_at,visit_day,patient,clinic,age,sms,no_show
    #[arg(required_unless_present = "make_sample")]
    pub file: Option<PathBuf>,

    /// First day of the file to book [default: the first that has visits]
    #[arg(
        long,
        value_name = "YYYY-MM-DD",
        value_parser = expected::<Date>("a day like 2016-06-06")
    )]
    pub day: Option<Date>,

    /// How many days with visits, beginning with --day
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        value_parser = from_1_to::<NonZeroUsize>(100_000)
    )]
    pub days: NonZeroUsize,

    /// "max", or a number N: the requests are spread over 24 hours per chosen day divided by N,
    /// with gaps in proportion to those of their requested_at
    #[arg(long, value_name = "N|max", default_value = "max")]
    pub speed: Speed,

    /// Connections, each asking one thing after the other
    #[arg(
        long,
        value_name = "N",
        default_value = "8",
        value_parser = from_1_to::<NonZeroUsize>(10_000)
    )]
    pub connections: NonZeroUsize,

    /// The server [default: the one that a `mediconnect up` here runs, else http://127.0.0.1:8080]
    #[arg(long)]
    pub url: Option<Url>,

    /// An administrator of the server, who makes the doctors [default: the one that `mediconnect
    /// up` made]
    #[arg(long, env = "ADMIN_EMAIL", hide_env_values = true)]
    pub admin_email: Option<String>,

    /// The administrator's password; better given in the environment, where others can't see it
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true)]
    pub admin_password: Option<SecretString>,

    /// Prepare patients and doctors, and book nothing
    #[arg(long)]
    pub seed: bool,

    /// Book the same rows once more, on days of their own further in the future. Without another
    /// round a second run asks for the same bookings again, and gets the same answers
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        value_parser = from_1_to::<NonZeroU32>(10_000)
    )]
    pub round: NonZeroU32,

    /// How long one request is repeated or followed before its outcome counts as not known
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "120",
        value_parser = from_1_to::<NonZeroU32>(86_400)
    )]
    pub patience: NonZeroU32,

    /// Where accounts and day mapping are kept [default: below .mediconnect/replay]
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,

    /// Don't run the ledger at the end
    #[arg(long)]
    pub no_ledger: bool,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,

    /// Write a small invented file of the right form to standard output, and do nothing else
    #[arg(long, conflicts_with = "file")]
    pub make_sample: bool,
}
