//! `Prefer: respond-async, wait=5` (RFC 7240): how long the caller wants to wait for the
//! outcome. Other preferences are ignored, as the standard says.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// What the caller prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// Wait so many seconds for the outcome, before answering that the request was accepted.
    pub wait_s: Option<u32>,
}

impl Prefer {
    /// The wait, no longer than that.
    pub fn wait(self, max_s: u32) -> Duration {
        Duration::from_secs(self.wait_s.unwrap_or_default().min(max_s).into())
    }
}

impl FromRequestParts<App> for Prefer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Self::from_headers(&parts.headers)
    }
}

impl Prefer {
    /// Reads the header, which may be given several times. The first `wait` counts.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        for value in headers.get_all("prefer") {
            let text = value.to_str().map_err(|_| malformed())?;
            for preference in text.split(',') {
                // Parameters of a preference follow after semicolons; `wait` has none.
                let preference = preference.split(';').next().unwrap_or_default();
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                if name.trim().eq_ignore_ascii_case("wait") {
                    return parse_wait(value.trim()).map(|wait_s| Self { wait_s: Some(wait_s) });
                }
            }
        }
        Ok(Self::default())
    }
}

fn parse_wait(text: &str) -> Result<u32, Problem> {
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = quoted.unwrap_or(text);
    let is_number = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).ok_or_else(malformed)
}

fn malformed() -> Problem {
    Problem::new(ProblemType::InvalidHeader).with_detail("in Prefer, wait is a number of seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&str]) -> Result<Option<u32>, ProblemType> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        let prefer = Prefer::from_headers(&headers);
        prefer.map(|prefer| prefer.wait_s).map_err(|problem| problem.kind())
    }

    #[test]
    fn finds_the_wait_among_other_preferences() {
        assert_eq!(wait(&[]), Ok(None));
        assert_eq!(wait(&["respond-async"]), Ok(None));
        assert_eq!(wait(&["wait=5"]), Ok(Some(5)));
        assert_eq!(wait(&["respond-async, Wait = \"10\""]), Ok(Some(10)));
        assert_eq!(wait(&["return=minimal; foo=bar", "wait=3, wait=9"]), Ok(Some(3)));
        assert_eq!(wait(&["waiting=5"]), Ok(None));
    }

    #[test]
    fn refuses_a_wait_that_is_no_number_and_caps_a_long_one() {
        for value in ["wait", "wait=", "wait=-1", "wait=*", "wait=>", "wait=1e3", "wait=9999999999"]
        {
            assert_eq!(wait(&[value]), Err(ProblemType::InvalidHeader), "{value}");
        }
        let prefer = Prefer { wait_s: Some(1000) };
        assert_eq!(prefer.wait(30), Duration::from_secs(30));
        assert_eq!(Prefer::default().wait(30), Duration::ZERO);
    }
}
