//! Asking a program for its version.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::ServerError;

/// A program's version: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub major: u32,
    pub minor: u32,
}

/// Runs `path --version` and reads the first thing that looks like a version.
pub(crate) fn ask(path: &Path) -> Result<Version, ServerError> {
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::at("running", path))?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    parse(&answer).ok_or_else(|| ServerError::UnknownVersion { path: path.to_owned(), answer })
}

/// Finds the first word like `15.18`, `v2.15.1` or `17beta1` in a program's answer.
fn parse(answer: &str) -> Option<Version> {
    answer.split_whitespace().find_map(|word| {
        let mut parts = word.trim_start_matches('v').split('.');
        let major = leading_number(parts.next()?)?;
        let minor = parts.next().and_then(leading_number).unwrap_or(0);
        Some(Version { major, minor })
    })
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_programs_really_print() {
        for (answer, major, minor) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15, 18),
            ("postgres (PostgreSQL) 19beta2", 19, 0),
            ("nats-server: v2.15.1", 2, 15),
            ("nats-server: v2.9.10", 2, 9),
        ] {
            assert_eq!(parse(answer), Some(Version { major, minor }), "{answer}");
        }
        assert_eq!(parse("not found"), None);
    }

    #[test]
    fn compares_minor_versions_as_numbers() {
        assert!(Version { major: 2, minor: 9 } < Version { major: 2, minor: 14 });
    }
}
