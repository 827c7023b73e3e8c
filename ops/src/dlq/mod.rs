//! `mediconnect dlq`: the operator's work on what no worker could settle. A client of the API, which
//! knows who may do it, and writes down who did.

mod arguments;
mod discard;
mod letter;
mod list;
mod rehearse;
mod replay;
mod show;

use std::process::ExitCode;

use anyhow::bail;
pub use arguments::DlqArguments;
use arguments::DlqCommand;

use crate::client::http::Answer;
use crate::client::maintainer::Maintainer;

/// Runs the command.
pub async fn run(arguments: DlqArguments) -> anyhow::Result<ExitCode> {
    // What is wrong with the command line shows before anybody is asked for a password.
    if let DlqCommand::Replay(replay) = &arguments.command {
        replay.check()?;
    }
    let mut maintainer = Maintainer::sign_in(arguments.url.as_ref()).await?;
    match arguments.command {
        DlqCommand::List(it) => list::run(&mut maintainer, &it).await,
        DlqCommand::Show(it) => show::run(&mut maintainer, &it).await,
        DlqCommand::Rehearse(it) => rehearse::run(&mut maintainer, &it).await,
        DlqCommand::Replay(it) => replay::run(&mut maintainer, &it).await,
        DlqCommand::Discard(it) => discard::run(&mut maintainer, &it).await,
    }
}

/// The answer, unless the API refused.
fn accepted(answer: Answer) -> anyhow::Result<Answer> {
    match answer.status() {
        200 => Ok(answer),
        401 => bail!("the API doesn't know this sign-in any more: {answer}"),
        403 => bail!("dead letters are for operators and administrators: {answer}"),
        404 => bail!("there is no such letter; `mediconnect dlq list --state all` lists them"),
        _ => bail!("refused: {answer}"),
    }
}
