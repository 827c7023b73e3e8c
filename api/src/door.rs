//! The layers around all routes, and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use runtime::settings::ApiSettings;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::audit::record;
use crate::correlation::correlate;
use crate::extract::Prefer;
use crate::identify::identify;
use crate::problem::{Problem, ProblemType};
use crate::routes;

/// Answers are data: nothing in them is to be run, framed or guessed at.
const CSP_OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'";

/// The docs page brings its own scripts and styles, and calls this API and nothing else.
const CSP_OF_DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' \
    'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// How long browsers remember to come by HTTPS only.
const HSTS: &str = "max-age=31536000; includeSubDomains";

/// All routes behind all layers.
pub fn router(app: App) -> Router {
    let docs = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    let docs = Router::<App>::from(docs).route("/", get(to_docs)).layer(from_fn(docs_headers));
    let docs = if app.settings.serve_docs { docs } else { Router::new() };
    let (all, _) = routes::all().split_for_parts();
    let (probes, _) = routes::probes().split_for_parts();
    let limits = Arc::new(Limits::new(&app.settings));
    all.merge(docs)
        .fallback(nothing_here)
        .layer(from_fn_with_state(app.clone(), record))
        .layer(from_fn_with_state(Arc::clone(&app.doorkeeper), identify))
        .merge(probes)
        .layer(from_fn_with_state(Arc::clone(&limits), bound_time))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(limits, default_headers))
        .layer(from_fn(correlate))
        .with_state(app)
}

struct Limits {
    request_timeout: Duration,
    max_wait_s: u32,
    is_public_https: bool,
}

impl Limits {
    fn new(settings: &ApiSettings) -> Self {
        let public_url = settings.public_url.as_deref().unwrap_or_default();
        Self {
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            max_wait_s: settings.max_wait_s,
            is_public_https: public_url.starts_with("https://"),
        }
    }
}

/// The address that `mediconnect up` prints first.
async fn to_docs() -> Redirect {
    Redirect::temporary("/docs")
}

async fn nothing_here() -> Problem {
    ProblemType::NotFound.into()
}

/// The panic itself is logged by the hook of `runtime::telemetry`.
fn answer_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::new(ProblemType::Internal).into_response()
}

/// Reading a request and answering it has an end, beside the wait that it asked for.
async fn bound_time(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let wait = Prefer::from_headers(request.headers()).unwrap_or_default().wait(limits.max_wait_s);
    match tokio::time::timeout(limits.request_timeout + wait, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(ProblemType::Timeout).into_response(),
    }
}

async fn default_headers(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    set_default(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_default(&mut response, REFERRER_POLICY, "no-referrer");
    set_default(&mut response, CONTENT_SECURITY_POLICY, CSP_OF_DATA);
    set_default(&mut response, CACHE_CONTROL, "no-store");
    if limits.is_public_https {
        set_default(&mut response, STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

async fn docs_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    set_default(&mut response, CONTENT_SECURITY_POLICY, CSP_OF_DOCS);
    set_default(&mut response, CACHE_CONTROL, "public, max-age=300");
    response
}

fn set_default(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(router: Router, headers: &[(&str, &str)]) -> Response {
        let request = Request::get("/");
        let request = headers.iter().fold(request, |request, (n, v)| request.header(*n, *v));
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn limits(public_url: Option<&str>) -> Arc<Limits> {
        Arc::new(Limits::new(&ApiSettings {
            request_timeout_ms: 100,
            max_wait_s: 1,
            public_url: public_url.map(str::to_owned),
            ..ApiSettings::default()
        }))
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        async fn fail() -> StatusCode {
            panic!("on purpose")
        }
        let router = Router::new()
            .route("/", get(fail))
            .layer(CatchPanicLayer::custom(answer_panic))
            .layer(from_fn(correlate));
        assert_eq!(ask(router, &[]).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_bounded_beyond_the_wait() {
        let never = || async { std::future::pending::<StatusCode>().await };
        let router = Router::new()
            .route("/", get(never))
            .layer(from_fn_with_state(limits(None), bound_time));
        let started = tokio::time::Instant::now();
        assert_eq!(ask(router.clone(), &[]).await.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(started.elapsed().as_millis(), 100);
        let response = ask(router, &[("prefer", "wait=60")]).await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(started.elapsed().as_millis(), 100 + 1100, "the wait is on top, and capped");
    }

    #[tokio::test]
    async fn every_answer_is_inert() {
        let router = |limits| {
            Router::new()
                .route("/", get(|| async { "data" }))
                .layer(from_fn_with_state(limits, default_headers))
        };
        let response = ask(router(limits(None)), &[]).await;
        let headers = response.headers();
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"));
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        let response = ask(router(limits(Some("https://clinic.example"))), &[]).await;
        assert!(response.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
