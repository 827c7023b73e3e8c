//! Refusals of the admin paths (RFC 9457), and the reading of their bodies.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest body that is read, for questions and for knobs.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// Time to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why something was not done.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("refused");
        Self { kind: "about:blank", title, status: status.as_u16(), detail: detail.into() }
    }

    pub fn into_detail(self) -> String {
        self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self)).into_response();
        let form = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, form);
        response
    }
}

/// Reads a JSON body, and says where one that doesn't fit is wrong.
pub async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = read(body).await?;
    // serde would take an array of the right values for an object.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "expected an object, not an array"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(&body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.into_inner());
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        Problem::new(StatusCode::BAD_REQUEST, format!("{place}{reason}"))
    })?;
    let ended = deserializer.end();
    ended.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(value)
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let reading = axum::body::to_bytes(body, BODY_MAX_BYTES);
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {BODY_MAX_BYTES} bytes, or ended early"),
        )),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}
