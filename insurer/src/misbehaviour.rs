//! Outcomes, carried out on the wire.

use std::convert::Infallible;
use std::future::{pending, ready};

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::insurer::{EligibilityQuestion, InsurerError};
use futures::{Stream, StreamExt as _, stream};

use crate::answers::aaa;
use crate::call::Call;
use crate::connection::Connection;
use crate::knobs::Outcome;
use crate::simulator::Simulator;

/// Where the default redirect points.
pub const REDIRECTED_PATH: &str = "/redirected";

/// A body that begins like an answer and isn't even text.
const GARBAGE: &[u8] = b"{\"id\":\"ec_\xff\xfe\x00<html>]";

/// What an enormous body is sent in.
static FILLING: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// How a body ends before its end.
#[derive(Clone, Copy)]
enum Cut {
    Reset,
    Close,
}

/// Does to a call what was decided.
pub async fn carry_out(
    outcome: Outcome,
    simulator: &Simulator,
    question: &EligibilityQuestion,
    call: Call,
    connection: Connection,
) -> Response {
    let cut = match outcome {
        Outcome::Hang => return pending().await,
        Outcome::Reset => {
            call.finish();
            connection.reset();
            return pending().await;
        }
        Outcome::Enormous { bytes } => return json(Body::from_stream(enormous(bytes, call))),
        Outcome::ResetMidway => Cut::Reset,
        Outcome::Truncated => Cut::Close,
        outcome => {
            let response = complete(outcome, simulator, question);
            call.finish();
            return response;
        }
    };
    let answer = Json(simulator.answer(question)).into_response();
    match http_body_util::BodyExt::collect(answer.into_body()).await {
        Ok(whole) => half_of(&whole.to_bytes(), cut, call, connection),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The outcomes that are whole HTTP responses.
fn complete(outcome: Outcome, simulator: &Simulator, question: &EligibilityQuestion) -> Response {
    match outcome {
        Outcome::Reject { code } => Json(simulator.rejection(question, &code)).into_response(),
        Outcome::Status { code, reject, retry_after_s } => {
            status(code, reject.as_deref(), retry_after_s)
        }
        Outcome::Garbage => json(GARBAGE.into()),
        Outcome::Redirect { location } => redirect(location.as_deref().unwrap_or(REDIRECTED_PATH)),
        _ => Json(simulator.answer(question)).into_response(),
    }
}

fn json(body: Body) -> Response {
    let mut response = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A refusal in the insurer's own form.
pub fn refusal(status: StatusCode, code: &str, message: &str, reject: Option<&str>) -> Response {
    let error = InsurerError {
        code: code.to_owned(),
        message: message.to_owned(),
        errors: reject.map(aaa).into_iter().collect(),
    };
    (status, Json(error)).into_response()
}

fn status(code: u16, reject: Option<&str>, retry_after_s: Option<u32>) -> Response {
    // The knobs hold 400 to 599 only.
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("refused");
    let mut response = refusal(status, &format!("STATUS_{code}"), reason, reject);
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn redirect(location: &str) -> Response {
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The first half of a body that was announced whole, and then the end of the connection.
fn half_of(whole: &Bytes, cut: Cut, call: Call, connection: Connection) -> Response {
    let half = whole.slice(..whole.len() / 2);
    let end = async move {
        // The server writes what it has as soon as this waits, and only then sees the cut: the
        // half reaches the socket.
        call.finish();
        match cut {
            Cut::Reset => connection.reset(),
            Cut::Close => connection.close(),
        }
        pending::<Result<Bytes, Infallible>>().await
    };
    let body = stream::once(ready(Ok(half))).chain(stream::once(end));
    let mut response = json(Body::from_stream(body));
    response.headers_mut().insert(CONTENT_LENGTH, whole.len().into());
    response
}

/// JSON, valid to the end, `bytes` long. None of it is ever held in memory.
fn enormous(bytes: u64, call: Call) -> impl Stream<Item = Result<Bytes, Infallible>> {
    const BEGIN: &[u8] = b"{\"id\":\"";
    const END: &[u8] = b"\"}";
    let filling = bytes.saturating_sub((BEGIN.len() + END.len()) as u64);
    let chunks = filling / FILLING.len() as u64;
    let rest = (filling % FILLING.len() as u64) as usize;
    let whole = std::iter::repeat_n(Bytes::from_static(&FILLING), chunks as usize);
    let parts = std::iter::once(Bytes::from_static(BEGIN))
        .chain(whole)
        .chain(std::iter::once(Bytes::from_static(&FILLING[..rest])));
    let end = async move {
        call.finish();
        Ok(Bytes::from_static(END))
    };
    stream::iter(parts).map(Ok).chain(stream::once(end))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::SystemClock;

    use super::*;

    #[tokio::test]
    async fn an_enormous_body_has_its_length_and_is_json() {
        let simulator = Arc::new(Simulator::new(1, Arc::new(SystemClock)));
        for bytes in [9, 65_000, 200_000] {
            let call = Call::new(Arc::clone(&simulator), "1".parse().unwrap(), false);
            let parts: Vec<_> = enormous(bytes, call).collect().await;
            let body = parts.into_iter().flat_map(Result::unwrap).collect::<Vec<_>>();
            assert_eq!(body.len() as u64, bytes);
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }
}
