//! `with-servers COMMAND…`: runs a command with the servers that the test suite shares, and ends
//! them afterwards. `./dev test` and `./dev sqlx` are its users.
//!
//! It lives here and not with the tests, because it must build while the crates that need a
//! database to be compiled don't.

mod suite;

use std::ffi::OsString;
use std::process::ExitCode;

/// The exit code of wrong usage, as everywhere in the product.
const EXIT_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let command: Vec<OsString> = std::env::args_os().skip(1).collect();
    if command.is_empty() {
        eprintln!("usage: with-servers COMMAND [ARGUMENT]...");
        return ExitCode::from(EXIT_USAGE);
    }
    match suite::run(&command).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
