//! `mediconnect-testkit with-servers -- COMMAND…`: runs a command with the servers that the test
//! suite shares, and ends them afterwards. `./dev test` is its user.

mod suite;

use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "usage: mediconnect-testkit with-servers -- COMMAND [ARGUMENT]...";

/// The exit code of wrong usage, as everywhere in the product.
const EXIT_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(command) = command_of(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_USAGE);
    };
    match suite::run(command).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command_of(arguments: &[OsString]) -> Option<&[OsString]> {
    match arguments {
        [verb, dashes, command @ ..] if verb == "with-servers" && dashes == "--" => {
            (!command.is_empty()).then_some(command)
        }
        _ => None,
    }
}
