//! What surrounds every request: its correlation id, its span, its metrics, its line in the log,
//! and the document of its error.

use std::sync::LazyLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::CorrelationId;
use runtime::metrics::{self, HistogramVec, IntGauge, LATENCIES_SECONDS};
use runtime::telemetry::{TraceContext, propagation};
use tracing::{Instrument as _, Span};

use crate::problem::{self, Problem, ProblemType};

/// Carries the correlation id, in both directions.
pub const X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The longest path and query that is read.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Stands for every path that isn't ours.
const NO_ROUTE: &str = "unmatched";

static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    metrics::histogram_vec(
        "http_request_duration_seconds",
        "Time from a request's headers to its answer's, by route, method and status.",
        LATENCIES_SECONDS,
        &["route", "method", "status"],
    )
});

static IN_FLIGHT: LazyLock<IntGauge> =
    LazyLock::new(|| metrics::gauge("http_requests_in_flight", "Requests being answered."));

/// The outermost layer: gives the request its correlation id and span, and the answer its
/// headers and, when it is an error, its document.
pub async fn correlate(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _in_flight = InFlight::begin();
    let correlation_id = correlation_id(request.headers());
    request.extensions_mut().insert(correlation_id);
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = method_word(request.method());
    let path = request.uri().path().to_owned();
    let span = span(correlation_id, method, &route, request.headers());

    async {
        let response = if uri_length(&request) > MAX_URI_BYTES {
            Problem::new(ProblemType::UriTooLong).into_response()
        } else {
            next.run(request).await
        };
        let mut response = problem::render(response, correlation_id, &path);
        let value = HeaderValue::try_from(correlation_id.to_string());
        let value = value.expect("a UUID is a valid header value");
        response.headers_mut().insert(X_CORRELATION_ID, value);
        observe(&route, method, &response, started);
        response
    }
    .instrument(span)
    .await
}

/// The caller's id when it is a UUID, else a new one: anything else would let names and numbers
/// of people into every log.
fn correlation_id(headers: &HeaderMap) -> CorrelationId {
    let mut values = headers.get_all(X_CORRELATION_ID).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(text), None) => text.parse().unwrap_or_else(|_| CorrelationId::generate()),
        _ => CorrelationId::generate(),
    }
}

fn span(correlation_id: CorrelationId, method: &str, route: &str, headers: &HeaderMap) -> Span {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let parent = TraceContext::parse_or_new(header("traceparent"), header("tracestate"));
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        %correlation_id,
        trace_id = parent.trace_id(),
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
    );
    propagation::set_parent(&span, &parent);
    span
}

fn observe(route: &str, method: &str, response: &Response, started: Instant) {
    let elapsed = started.elapsed();
    let status = response.status();
    Span::current().record("http.response.status_code", status.as_u16());
    DURATION.with_label_values(&[route, method, status.as_str()]).observe(elapsed.as_secs_f64());
    let duration_ms = elapsed.as_secs_f64() * 1000.0;
    if is_probe(route) {
        tracing::debug!(http.status = status.as_u16(), duration_ms, "answered a probe");
    } else {
        tracing::info!(http.status = status.as_u16(), duration_ms, "answered");
    }
}

/// Probes come every few seconds for ever; their lines would drown the others.
fn is_probe(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz")
}

/// A word of a closed set, since methods are free text.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}

fn uri_length(request: &Request) -> usize {
    request.uri().path_and_query().map_or(0, |path_and_query| path_and_query.as_str().len())
}

/// Counts a request until it is answered or its caller is gone.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        IN_FLIGHT.inc();
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.dec();
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(request: Request) -> (StatusCode, HeaderMap, Value) {
        let router = Router::new()
            .route("/here/{id}", get(|| async { "found" }))
            .layer(axum::middleware::from_fn(correlate));
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn request(method: &str, uri: &str, headers: &[(HeaderName, &str)]) -> Request {
        let request = Request::builder().method(method).uri(uri);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn keeps_an_id_that_is_a_uuid_and_replaces_everything_else() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        let (_, headers, _) = ask(request("GET", "/here/1", &[(X_CORRELATION_ID, id)])).await;
        assert_eq!(headers[X_CORRELATION_ID], id);
        for other in ["", "Ada Lovelace", "mc.*", ">", "0190163d"] {
            let (_, headers, _) =
                ask(request("GET", "/here/1", &[(X_CORRELATION_ID, other)])).await;
            let made = headers[X_CORRELATION_ID].to_str().unwrap();
            assert!(made.parse::<CorrelationId>().is_ok(), "{made}");
        }
        let twice = [(X_CORRELATION_ID, id), (X_CORRELATION_ID, id)];
        let (_, headers, _) = ask(request("GET", "/here/1", &twice)).await;
        assert_ne!(headers[X_CORRELATION_ID], id);
    }

    #[tokio::test]
    async fn every_error_is_a_problem_with_the_correlation_id() {
        let long = format!("/here/{}", "x".repeat(MAX_URI_BYTES));
        for (method, uri, kind) in [
            ("GET", "/nowhere", ProblemType::NotFound),
            ("PUT", "/here/1", ProblemType::MethodNotAllowed),
            ("BREW", "/here/1", ProblemType::MethodNotAllowed),
            ("GET", &long, ProblemType::UriTooLong),
        ] {
            let (status, headers, body) = ask(request(method, uri, &[])).await;
            assert_eq!(status, kind.status());
            assert_eq!(body["type"], kind.uri());
            assert_eq!(body["correlation_id"], headers[X_CORRELATION_ID].to_str().unwrap());
        }
    }
}
