//! `mediconnect breaker list`

use std::process::ExitCode;

use clap::Args;
use reqwest::Url;
use serde_json::Value;

use super::{Breaker, accepted, show};
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;

/// List the payers' breakers: who decides, and how each worker's stands.
///
/// Who you are comes from the same places as for `mediconnect dlq`.
#[derive(Args, Debug)]
pub struct ListArguments {
    /// The server [default: the one that a `mediconnect up` here runs, else http://127.0.0.1:8080]
    #[arg(long)]
    url: Option<Url>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(arguments: &ListArguments) -> anyhow::Result<ExitCode> {
    let mut maintainer = Maintainer::sign_in(arguments.url.as_ref()).await?;
    let answer = maintainer.ask(&Ask::get(Purpose::Operate, "/v1/breakers")).await?;
    let mut document = accepted(answer)?.json::<Value>()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        show(&serde_json::from_value::<Vec<Breaker>>(document["items"].take())?);
    }
    Ok(ExitCode::SUCCESS)
}
