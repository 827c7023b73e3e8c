//! Everything that can go wrong, as it is answered: RFC 9457 problem documents.
//!
//! The table in `types` is the only place where a reason gets a status and words. A handler
//! returns a [`Problem`]; [`render`] writes the document when it leaves the process, because only there
//! the correlation id and the path are known. Responses with an error status from elsewhere
//! (axum, a layer) become problems there too.

mod types;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::CorrelationId;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

pub use types::ProblemType;

use crate::audit::{Audited, Note};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem on its way to its caller.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    kind: ProblemType,
    detail: Option<String>,
    errors: Vec<FieldError>,
    times: Vec<Timestamp>,
    headers: HeaderMap,
    note: Option<Note>,
    second_factor: Option<(OneTimeToken, i64)>,
}

/// A token on its way to its owner; no log shows it.
#[derive(Clone, Serialize, ToSchema)]
#[serde(transparent)]
pub struct OneTimeToken(String);

impl std::fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTimeToken(…)")
    }
}

/// What is wrong with one part of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is expected.
    pub detail: String,
}

/// RFC 9457, with the correlation id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// `/problems/<name>`: what kind of problem; a text about it is at that path.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, or else what this kind of problem means and what to do.
    pub detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Joins this answer with everything else that the request caused.
    #[schema(value_type = String, format = Uuid)]
    pub correlation_id: CorrelationId,
    /// Which parts of the request are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Which times are in the way, where that is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub times: Vec<Timestamp>,
    /// With `second_factor_required`: goes to `/v1/auth/second-factor` beside a code, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub second_factor_token: Option<OneTimeToken>,
    /// Its life, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: ProblemType) -> Self {
        let mut headers = HeaderMap::new();
        if kind.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if kind.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Self(Box::new(Content {
            kind,
            detail: None,
            errors: Vec::new(),
            times: Vec::new(),
            headers,
            note: None,
            second_factor: None,
        }))
    }

    /// What kind it is.
    pub fn kind(&self) -> ProblemType {
        self.0.kind
    }

    /// Says what happened this time. Never quotes what the caller sent.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Points at a part of the body.
    #[must_use]
    pub fn at_pointer(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (Some(pointer.into()), detail.into());
        self.0.errors.push(FieldError { pointer, parameter: None, detail });
        self
    }

    /// Points at a query parameter.
    #[must_use]
    pub fn at_parameter(mut self, name: impl Into<String>, detail: impl Into<String>) -> Self {
        let (parameter, detail) = (Some(name.into()), detail.into());
        self.0.errors.push(FieldError { pointer: None, parameter, detail });
        self
    }

    /// Tells which times are in the way.
    #[must_use]
    pub fn with_times(mut self, times: &[Timestamp]) -> Self {
        self.0.times = times.to_vec();
        self
    }

    /// Tells when to come back; at least a second from now.
    #[must_use]
    pub fn with_retry_after_s(mut self, seconds: u64) -> Self {
        self.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        self
    }

    /// Says that the token was refused, as RFC 6750 wants it.
    #[must_use]
    pub fn with_invalid_token(mut self) -> Self {
        let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
        self.0.headers.insert(WWW_AUTHENTICATE, challenge);
        self
    }

    /// Hands over what the second step of a sign-in needs.
    #[must_use]
    pub fn with_second_factor_token(mut self, token: &SecretString, expires_in_s: i64) -> Self {
        let token = OneTimeToken(token.expose_secret().to_owned());
        self.0.second_factor = Some((token, expires_in_s));
        self
    }

    /// Says what is to be recorded of it, when that isn't a mere denial.
    #[must_use]
    pub fn noted(mut self, note: Note) -> Self {
        self.0.note = Some(note);
        self
    }

    /// The document, for this request.
    pub fn document(
        &self,
        correlation_id: CorrelationId,
        instance: Option<String>,
    ) -> ProblemDocument {
        let Content { kind, detail, errors, times, second_factor, .. } = &*self.0;
        ProblemDocument {
            kind: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.clone().unwrap_or_else(|| kind.explanation().to_owned()),
            instance,
            correlation_id,
            errors: errors.clone(),
            times: times.clone(),
            second_factor_token: second_factor.as_ref().map(|(token, _)| token.clone()),
            expires_in: second_factor.as_ref().map(|(_, expires_in_s)| *expires_in_s),
        }
    }
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
        Self::new(kind)
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        if let Some(note) = self.0.note.take() {
            return Audited::new(note, self).into_response();
        }
        let mut response = self.0.kind.status().into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks a response whose status is an error's, but whose body is what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Intended;

/// Gives an error its document; leaves every other response alone.
pub fn render(response: Response, correlation_id: CorrelationId, path: &str) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<Intended>().is_some() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    if parts.headers.get(CONTENT_TYPE).is_some_and(|media_type| media_type == MEDIA_TYPE) {
        return Response::from_parts(parts, body);
    }
    let problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| {
        let problem = Problem::new(ProblemType::from_status(status));
        for (name, value) in &problem.0.headers {
            parts.headers.entry(name).or_insert_with(|| value.clone());
        }
        problem
    });
    let document = problem.document(correlation_id, Some(path.to_owned()));
    let document = serde_json::to_vec(&document)
        .expect("the document has string keys only, so writing JSON to memory can't fail");
    parts.status = problem.kind().status();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if parts.status != StatusCode::METHOD_NOT_ALLOWED {
        parts.headers.remove(ALLOW);
    }
    Response::from_parts(parts, Body::from(document))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    async fn rendered(response: impl IntoResponse) -> (StatusCode, HeaderMap, Value) {
        let response = render(response.into_response(), Uuid::nil().into(), "/v1/x");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn writes_the_document() {
        let problem = Problem::new(ProblemType::InvalidBody)
            .with_detail("one field is wrong")
            .at_pointer("/name/given", "required");
        let (status, headers, body) = rendered(problem).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(headers[CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(
            body,
            json!({
                "type": "/problems/invalid_body",
                "title": ProblemType::InvalidBody.title(),
                "status": 422,
                "detail": "one field is wrong",
                "instance": "/v1/x",
                "correlation_id": "00000000-0000-0000-0000-000000000000",
                "errors": [{ "pointer": "/name/given", "detail": "required" }],
            })
        );
    }

    #[tokio::test]
    async fn an_error_from_elsewhere_becomes_a_problem() {
        let (status, _, body) = rendered((StatusCode::PAYLOAD_TOO_LARGE, "too large")).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body["type"], "/problems/body_too_large");
        let (_, headers, body) = rendered(StatusCode::SERVICE_UNAVAILABLE).await;
        assert_eq!((&headers[RETRY_AFTER], &body["status"]), (&"1".parse().unwrap(), &json!(503)));
        let (_, headers, _) = rendered((StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")])).await;
        assert_eq!(headers[ALLOW], "GET");
    }

    #[tokio::test]
    async fn an_intended_body_stays() {
        let intended = (StatusCode::SERVICE_UNAVAILABLE, axum::Extension(Intended), "7");
        let (status, _, body) = rendered(intended).await;
        assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, json!(7)));
    }

    #[tokio::test]
    async fn tells_how_to_go_on() {
        let (_, headers, _) = rendered(Problem::new(ProblemType::Unauthorized)).await;
        assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
        let delayed = Problem::new(ProblemType::SignInDelayed).with_retry_after_s(0);
        let (_, headers, _) = rendered(delayed).await;
        assert_eq!(headers[RETRY_AFTER], "1");
    }
}
