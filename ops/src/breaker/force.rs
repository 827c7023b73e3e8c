//! `mediconnect breaker force`

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use domain::PayerId;
use reqwest::Url;
use serde_json::{Value, json};

use super::{Breaker, accepted, show};
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;

const HELP: &str = "\
Examples:
  mediconnect breaker force 00042 open --reason 'the insurer asked us to stop'
  mediconnect breaker force 00042 automatic --reason 'they are back'";

/// Force a payer's breaker open or closed, or let it decide again.
///
/// Every worker follows within moments. Bookings go on meanwhile, and what is due at a payer that
/// nobody may ask waits as `pending_verification`. What you do is written down with your reason.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct ForceArguments {
    /// The payer's number
    payer: PayerId,
    /// Who is to decide
    to: To,
    /// Why, in 3 to 200 characters
    #[arg(long)]
    reason: String,
    /// The server [default: the one that a `mediconnect up` here runs, else http://127.0.0.1:8080]
    #[arg(long)]
    url: Option<Url>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Who is to decide.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// You: nobody asks that payer
    Open,
    /// You: everybody asks it, whatever comes of it
    Closed,
    /// The breaker
    Automatic,
}

impl To {
    fn word(self) -> &'static str {
        match self {
            Self::Open => "forced_open",
            Self::Closed => "forced_closed",
            Self::Automatic => "automatic",
        }
    }
}

/// Runs the command.
pub async fn run(arguments: &ForceArguments) -> anyhow::Result<ExitCode> {
    let mut maintainer = Maintainer::sign_in(arguments.url.as_ref()).await?;
    let path = format!("/v1/breakers/{}", arguments.payer);
    let body = json!({ "control": arguments.to.word(), "reason": arguments.reason });
    let answer = maintainer.ask(&Ask::put(Purpose::Operate, &path, &body)).await?;
    let document = accepted(answer)?.json::<Value>()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        show(&[serde_json::from_value::<Breaker>(document)?]);
    }
    Ok(ExitCode::SUCCESS)
}
