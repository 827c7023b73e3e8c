//! Everything that can go wrong, as it is answered: RFC 9457 problem documents.
//!
//! The table below is the only place where a reason gets a status and words. A handler returns
//! a [`Problem`]; [`render`] writes the document when it leaves the process, because only there
//! the correlation id and the path are known. Responses with an error status from elsewhere
//! (axum, a layer) become problems there too.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use contracts::Rejection;
use domain::CorrelationId;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! problem_types {
    ($($case:ident = $slug:literal, $status:ident, $title:literal, $explanation:literal;)*) => {
        /// What kinds of problems there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemType {$($case,)*}

        impl ProblemType {
            /// Every kind, by name.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The last part of `type`.
            pub const fn slug(self) -> &'static str {
                match self {$(Self::$case => $slug,)*}
            }

            /// The status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self {$(Self::$case => StatusCode::$status,)*}
            }

            /// What happened, in a few words.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$case => $title,)*}
            }

            /// What happened and what to do about it.
            pub const fn explanation(self) -> &'static str {
                match self {$(Self::$case => $explanation,)*}
            }
        }
    };
}

problem_types! {
    AlreadyRefreshed = "already_refreshed", CONFLICT,
        "Another request is using this refresh token",
        "It raced with this one and received new tokens: use those. Presenting the old token \
         again ends the session, because then somebody may have stolen it.";
    AlreadySettled = "already_settled", CONFLICT,
        "The request has ended already",
        "Only a request that still waits can be withdrawn. This one has ended: its own document \
         says how. A booking that was made can be cancelled instead.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE,
        "The body is too large",
        "No request to this API needs a body of that size. The limit is part of the detail.";
    EmailTaken = "email_taken", CONFLICT,
        "There is an account with that e-mail address",
        "Sign in instead, or use another address.";
    Forbidden = "forbidden", FORBIDDEN,
        "Your role doesn't allow this",
        "Who may do what is part of the API's description at /docs. Nothing was changed.";
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The headers are too large",
        "No request to this API needs headers of that size.";
    Internal = "internal", INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "The request may or may not have had an effect; one with an Idempotency-Key can be \
         repeated safely. When you report this, name the correlation id.";
    InvalidAvailability = "invalid_availability", UNPROCESSABLE_ENTITY,
        "These opening hours make no sense",
        "A week has an IANA time zone, slots of 5 to 240 minutes in steps of 5, and opening \
         hours that end at least one slot after they begin and don't overlap.";
    InvalidBody = "invalid_body", UNPROCESSABLE_ENTITY,
        "The body doesn't have the form that is expected",
        "The body is JSON, but a field is missing, unknown, or not what it should be. `errors` \
         says which, by JSON pointer. Nothing was changed.";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED,
        "E-mail address or password is wrong",
        "Which of the two is not said, so that nobody learns who has an account. After several \
         failures in a row the next attempt has to wait.";
    InvalidHeader = "invalid_header", BAD_REQUEST,
        "A header can't be read",
        "The detail says which header and what is expected. Nothing was changed.";
    InvalidQuery = "invalid_query", BAD_REQUEST,
        "A query parameter can't be read",
        "`errors` says which parameter and what is expected.";
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED,
        "The refresh token isn't valid",
        "It is unknown, was used before, has expired, or its session was ended. Sign in again.";
    KeyReused = "key_reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was used with another request",
        "A key stands for one request, body included. Use a new key for a new request.";
    LicenceTaken = "licence_taken", CONFLICT,
        "Another practitioner has that licence",
        "Each licence belongs to one practitioner.";
    MalformedJson = "malformed_json", BAD_REQUEST,
        "The body isn't JSON",
        "The detail says at which line and column reading stopped. Nothing was changed.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED,
        "This path has no such method",
        "The header Allow lists the methods it has.";
    NotAllowed = "not_allowed", FORBIDDEN,
        "You may not do this",
        "The request was accepted and then rejected, because it isn't yours to make.";
    NotCancellable = "not_cancellable", CONFLICT,
        "The appointment can't be cancelled any more",
        "Only a visit that hasn't begun and isn't cancelled already can be called off.";
    NotFound = "not_found", NOT_FOUND,
        "There is nothing here",
        "It doesn't exist, or it isn't yours to see: the two look the same.";
    OffGrid = "off_grid", UNPROCESSABLE_ENTITY,
        "No slot begins at that time",
        "The practitioner works then, but slots begin at other minutes. GET /v1/slots lists them.";
    OutsideHours = "outside_hours", UNPROCESSABLE_ENTITY,
        "The practitioner doesn't work at that time",
        "GET /v1/slots lists the times that can be booked.";
    PatientBusy = "patient_busy", CONFLICT,
        "The patient has another appointment at that time",
        "Nobody can be in two places at once. Cancel the other appointment, or choose another \
         time.";
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED,
        "The header If-Match is required",
        "Read the appointment first, and send the ETag that came with it as If-Match, so that \
         nobody changes what they haven't seen.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS,
        "Too many requests",
        "Wait as many seconds as Retry-After says. RateLimit-Policy and RateLimit tell the limit \
         and what is left of it.";
    SignInDelayed = "sign_in_delayed", TOO_MANY_REQUESTS,
        "Too many failed sign-ins in a row",
        "Wait as many seconds as Retry-After says, then try again. The wait grows with every \
         failure and ends by itself.";
    SlotTaken = "slot_taken", CONFLICT,
        "Somebody else has that slot",
        "GET /v1/slots lists the ones that are free.";
    StartAmbiguous = "start_ambiguous", UNPROCESSABLE_ENTITY,
        "The clocks show that time twice",
        "They go back in that hour. Say which of the two is meant by an offset instead of a zone.";
    StartInGap = "start_in_gap", UNPROCESSABLE_ENTITY,
        "The clocks skip that time",
        "They go forward in that hour. Choose a time before or after it.";
    StartInPast = "start_in_past", UNPROCESSABLE_ENTITY,
        "That time has passed",
        "Only times in the future can be booked.";
    Timeout = "timeout", GATEWAY_TIMEOUT,
        "It took too long",
        "The request may or may not have had an effect; one with an Idempotency-Key can be \
         repeated safely.";
    Unauthorized = "unauthorized", UNAUTHORIZED,
        "A valid access token is required",
        "Send `Authorization: Bearer <access token>`. POST /v1/auth/login gives one, POST \
         /v1/auth/refresh a new one.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE,
        "Not possible at the moment",
        "Something this request needs is away or overloaded. Repeat it after as many seconds as \
         Retry-After says, with the same Idempotency-Key. GET /readyz says what is missing.";
    UnknownAppointment = "unknown_appointment", NOT_FOUND,
        "There is no such appointment",
        "It doesn't exist, or it isn't yours: the two look the same.";
    UnknownPatient = "unknown_patient", NOT_FOUND,
        "There is no such patient",
        "The id belongs to no patient.";
    UnknownPractitioner = "unknown_practitioner", NOT_FOUND,
        "There is no such practitioner",
        "The id belongs to nobody who can be booked. GET /v1/doctors lists those who can.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The body has to be JSON",
        "Send it with `Content-Type: application/json`.";
    UriTooLong = "uri_too_long", URI_TOO_LONG,
        "The URL is too long",
        "No request to this API needs a URL of that length.";
    VersionMismatch = "version_mismatch", PRECONDITION_FAILED,
        "The appointment has changed since you read it",
        "Read it again, and decide again.";
    Withdrawn = "withdrawn", CONFLICT,
        "The request was withdrawn",
        "It was taken back before it was done, and had no effect. Use a new Idempotency-Key to \
         ask again.";
}

impl ProblemType {
    /// `type`: a reference, relative to wherever the API is.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The kind with that name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// What a bare status from elsewhere means.
    fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::URI_TOO_LONG => Self::UriTooLong,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::InvalidBody,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::InvalidHeader,
            _ => Self::Internal,
        }
    }
}

impl From<Rejection> for ProblemType {
    fn from(reason: Rejection) -> Self {
        match reason {
            Rejection::SlotTaken => Self::SlotTaken,
            Rejection::PatientBusy => Self::PatientBusy,
            Rejection::KeyReused => Self::KeyReused,
            Rejection::UnknownPractitioner => Self::UnknownPractitioner,
            Rejection::UnknownPatient => Self::UnknownPatient,
            Rejection::UnknownAppointment => Self::UnknownAppointment,
            Rejection::StartInPast => Self::StartInPast,
            Rejection::OutsideHours => Self::OutsideHours,
            Rejection::OffGrid => Self::OffGrid,
            Rejection::StartInGap => Self::StartInGap,
            Rejection::StartAmbiguous => Self::StartAmbiguous,
            Rejection::VersionMismatch => Self::VersionMismatch,
            Rejection::NotCancellable => Self::NotCancellable,
            Rejection::AlreadySettled => Self::AlreadySettled,
            Rejection::InvalidAvailability => Self::InvalidAvailability,
            Rejection::NotAllowed => Self::NotAllowed,
        }
    }
}

/// A problem on its way to its caller.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    kind: ProblemType,
    detail: Option<String>,
    errors: Vec<FieldError>,
    headers: HeaderMap,
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
        Self(Box::new(Content { kind, detail: None, errors: Vec::new(), headers }))
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

    /// The document, for this request.
    pub fn document(
        &self,
        correlation_id: CorrelationId,
        instance: Option<String>,
    ) -> ProblemDocument {
        let Content { kind, detail, errors, .. } = &*self.0;
        ProblemDocument {
            kind: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.clone().unwrap_or_else(|| kind.explanation().to_owned()),
            instance,
            correlation_id,
            errors: errors.clone(),
        }
    }
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
        Self::new(kind)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
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
    use std::collections::HashSet;

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

    #[test]
    fn the_table_is_complete_sorted_and_without_doubles() {
        let slugs: Vec<_> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
        assert!(slugs.is_sorted(), "keep the table in alphabetical order");
        assert_eq!(slugs.iter().collect::<HashSet<_>>().len(), slugs.len());
        for kind in ProblemType::ALL {
            let status = kind.status();
            assert!(status.is_client_error() || status.is_server_error());
            assert!(!kind.title().ends_with('.') && kind.explanation().ends_with('.'));
            assert_eq!(ProblemType::from_slug(kind.slug()), Some(*kind));
        }
    }

    #[test]
    fn every_reason_of_the_worker_is_a_problem_of_the_same_name() {
        for reason in Rejection::ALL {
            assert_eq!(ProblemType::from(*reason).slug(), reason.as_str());
        }
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
