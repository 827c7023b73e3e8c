//! `mediconnect dlq discard`

use std::process::ExitCode;

use serde_json::{Value, json};

use super::accepted;
use super::arguments::DiscardArguments;
use crate::client::http::{Ask, Purpose};
use crate::client::maintainer::Maintainer;

/// Runs the command.
pub async fn run(
    maintainer: &mut Maintainer,
    arguments: &DiscardArguments,
) -> anyhow::Result<ExitCode> {
    let (mut discarded, mut refused) = (Vec::new(), Vec::new());
    for id in &arguments.ids {
        let path = format!("/v1/dead-letters/{id}/discard");
        let body = json!({ "reason": arguments.reason });
        let answer = maintainer.ask(&Ask::post(Purpose::Operate, &path, &body)).await?;
        match answer.status() {
            409 => refused.push((id, answer.reason(), answer.to_string())),
            _ => discarded.push((id, accepted(answer)?.json::<Value>()?)),
        }
    }
    if arguments.json {
        let refused: Vec<Value> = refused
            .iter()
            .map(|(id, reason, detail)| json!({ "id": id, "reason": reason, "detail": detail }))
            .collect();
        let discarded: Vec<&Value> = discarded.iter().map(|(_, letter)| letter).collect();
        let document = json!({ "discarded": discarded, "refused": refused });
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        for (id, _) in &discarded {
            println!("discarded  {id}");
        }
        for (id, _, detail) in &refused {
            println!("refused    {id}  {detail}");
        }
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
