//! One request, from asking to its outcome.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::http::{Answer, Ask, Http, NoAnswer, Problem, Purpose};

/// The pause between two looks at a waiting request, when the server names none.
const POLL_PAUSE: Duration = Duration::from_millis(500);

/// The shortest pause between two looks, whatever the server says.
const SHORTEST_POLL_PAUSE: Duration = Duration::from_millis(50);

/// How a request ended, as far as its client can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was done.
    Applied,
    /// It was refused, at the door or by the worker.
    Rejected(Refusal),
    /// It lies with the operators, as a dead letter.
    HeldForReview,
    /// The access token is no longer good: nothing was done.
    SignInEnded,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A word.
    pub reason: String,
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What became of the request is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// The server didn't answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// It was accepted, and hasn't ended yet.
    #[error("accepted, and not settled within {} s", .0.as_secs())]
    StillWaiting(Duration),
    /// It was accepted, and then the server knew nothing of it: accepted work is lost.
    #[error("accepted, and then unknown to the server")]
    Forgotten,
    /// An answer that makes no sense.
    #[error("{0}")]
    Unintelligible(String),
}

#[derive(Deserialize)]
struct RequestBody {
    status: RequestStatus,
    problem: Option<Problem>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RequestStatus {
    Accepted,
    Applied,
    Rejected,
    Withdrawn,
    HeldForReview,
}

/// Asks, and follows an accepted request to its end. `ask` must be safe to repeat.
pub async fn ask(http: &Http, ask: &Ask<'_>, access_token: &str) -> Result<Settled, Unsettled> {
    let answer = http.ask(ask).await?;
    if answer.status() != 202 {
        return Ok(at_once(&answer));
    }
    let location = answer.location_path();
    let path = location.ok_or_else(|| {
        Unsettled::Unintelligible("the server accepted without saying where to look".into())
    })?;
    follow(http, &path, access_token, answer.retry_after()).await
}

fn at_once(answer: &Answer) -> Settled {
    match answer.status() {
        200 | 201 => Settled::Applied,
        401 => Settled::SignInEnded,
        _ => Settled::Rejected(Refusal { reason: answer.reason(), text: answer.to_string() }),
    }
}

async fn follow(
    http: &Http,
    path: &str,
    access_token: &str,
    first_pause: Option<Duration>,
) -> Result<Settled, Unsettled> {
    let deadline = Instant::now() + http.patience();
    let mut pause = first_pause;
    loop {
        let wait = pause.unwrap_or(POLL_PAUSE).max(SHORTEST_POLL_PAUSE);
        if Instant::now() + wait > deadline {
            return Err(Unsettled::StillWaiting(http.patience()));
        }
        tokio::time::sleep(wait).await;
        let answer = http.ask(&Ask::get(Purpose::Poll, path).bearer(access_token)).await?;
        if let Some(settled) = look(&answer)? {
            return Ok(settled);
        }
        pause = answer.retry_after();
    }
}

/// What one look at a request says; none while it waits.
fn look(answer: &Answer) -> Result<Option<Settled>, Unsettled> {
    match answer.status() {
        200 => {}
        401 => return Ok(Some(Settled::SignInEnded)),
        404 => return Err(Unsettled::Forgotten),
        _ => return Err(Unsettled::Unintelligible(format!("looking at a request: {answer}"))),
    }
    let body: RequestBody =
        answer.json().map_err(|error| Unsettled::Unintelligible(error.to_string()))?;
    Ok(match body.status {
        RequestStatus::Accepted => None,
        RequestStatus::Applied => Some(Settled::Applied),
        RequestStatus::HeldForReview => Some(Settled::HeldForReview),
        RequestStatus::Withdrawn => Some(Settled::Rejected(Refusal {
            reason: "withdrawn".into(),
            text: "somebody withdrew it".into(),
        })),
        RequestStatus::Rejected => Some(Settled::Rejected(match body.problem {
            Some(problem) => Refusal { reason: problem.reason(), text: problem.to_string() },
            None => Refusal { reason: "rejected".into(), text: "rejected without a reason".into() },
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> Result<Option<Settled>, Unsettled> {
        look(&Answer::for_tests(200, json))
    }

    #[test]
    fn a_waiting_request_is_looked_at_again() {
        assert_eq!(body(r#"{"status":"accepted","id":"x"}"#), Ok(None));
    }

    #[test]
    fn every_end_is_understood() {
        assert_eq!(body(r#"{"status":"applied"}"#), Ok(Some(Settled::Applied)));
        assert_eq!(body(r#"{"status":"held_for_review"}"#), Ok(Some(Settled::HeldForReview)));
        let rejected = r#"{"status":"rejected","problem":{"type":"/problems/slot-taken"}}"#;
        let Ok(Some(Settled::Rejected(refusal))) = body(rejected) else { panic!("not rejected") };
        assert_eq!(refusal.reason, "slot_taken");
    }

    #[test]
    fn a_forgotten_request_is_not_an_end() {
        assert_eq!(look(&Answer::for_tests(404, "{}")), Err(Unsettled::Forgotten));
        assert!(matches!(body("{}"), Err(Unsettled::Unintelligible(_))));
    }
}
