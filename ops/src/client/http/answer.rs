//! What came back.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, LINK, LOCATION, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::retry_after;

/// A whole response.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// The part of an RFC 9457 problem document that decides what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<PartError>,
}

/// What is wrong with one part of the request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct PartError {
    pointer: Option<String>,
    parameter: Option<String>,
    detail: String,
}

impl Problem {
    /// The reason as a word: the last part of the problem's type.
    pub fn reason(&self) -> String {
        let word = self.kind.rsplit('/').next().unwrap_or_default();
        word.replace('-', "_")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detail.as_deref().unwrap_or(&self.title))?;
        for PartError { pointer, parameter, detail } in &self.errors {
            let part = pointer.as_deref().or(parameter.as_deref()).filter(|part| !part.is_empty());
            write!(f, "; {}: {detail}", part.unwrap_or("the body"))?;
        }
        Ok(())
    }
}

impl Answer {
    pub(super) async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body as what it should be.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            anyhow::anyhow!("the server's answer ({self}) is not what was expected: {error}")
        })
    }

    /// The problem document, if it is one.
    pub fn problem(&self) -> Option<Problem> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The reason of the problem, or the bare status.
    pub fn reason(&self) -> String {
        self.problem()
            .map(|problem| problem.reason())
            .filter(|reason| !reason.is_empty())
            .unwrap_or_else(|| format!("status_{}", self.status))
    }

    /// Path of `Location`, whether it was given as a path or as a URL.
    pub fn location_path(&self) -> Option<String> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        if location.starts_with('/') {
            return Some(location.to_owned());
        }
        reqwest::Url::parse(location).ok().map(|url| url.path().to_owned())
    }

    /// The cursor of the next page, if there is one.
    pub fn next_cursor(&self) -> Option<String> {
        let link = self.headers.get(LINK)?.to_str().ok()?;
        let (_, behind) = link.split_once("cursor=")?;
        let end = behind.find(['&', '>'])?;
        Some(behind[..end].to_owned())
    }

    /// How long the server asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        retry_after::parse(value, domain::Clock::now(&domain::SystemClock))
    }
}

#[cfg(test)]
impl Answer {
    /// An answer with this status and body.
    pub fn for_tests(status: u16, body: &str) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }
}

impl fmt::Display for Answer {
    /// The status and, if there is one, what the problem document says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        match self.problem() {
            Some(problem) => write!(f, " {problem}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse().unwrap(), reqwest::header::HeaderValue::from_static(value))
        });
        Answer { status, headers: headers.collect(), body: body.into() }
    }

    #[test]
    fn a_problems_reason_is_the_last_word_of_its_type() {
        let body = r#"{"type":"/problems/slot-taken","title":"Taken","status":409,"detail":null}"#;
        let answer = answer(409, &[], body);
        assert_eq!(answer.reason(), "slot_taken");
        assert_eq!(answer.to_string(), "409 Taken");
    }

    #[test]
    fn a_problem_says_which_parts_are_wrong() {
        let body = r#"{"type":"/problems/invalid_body","title":"Invalid body","errors":[
            {"pointer":"/reason","detail":"too short"},
            {"parameter":"limit","detail":"too large"}]}"#;
        let answer = answer(422, &[], body);
        let said = "422 Invalid body; /reason: too short; limit: too large";
        assert_eq!(answer.to_string(), said);
    }

    #[test]
    fn without_a_problem_the_status_is_the_reason() {
        assert_eq!(answer(404, &[], "<html>").reason(), "status_404");
        assert_eq!(answer(404, &[], r#"{"type":""}"#).reason(), "status_404");
    }

    #[test]
    fn a_link_leads_to_the_next_page() {
        let link = r#"</v1/dead-letters?limit=2&cursor=AAE>; rel="next""#;
        assert_eq!(answer(200, &[("link", link)], "").next_cursor().as_deref(), Some("AAE"));
        assert_eq!(answer(200, &[], "").next_cursor(), None);
    }

    #[test]
    fn a_location_may_be_a_path_or_a_url() {
        for location in ["/v1/requests/7", "http://clinic.example/v1/requests/7"] {
            let answer = answer(202, &[("location", location)], "");
            assert_eq!(answer.location_path().as_deref(), Some("/v1/requests/7"));
        }
        assert_eq!(answer(202, &[], "").location_path(), None);
    }
}
