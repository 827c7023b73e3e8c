//! `POST /v1/client-errors`

use std::sync::LazyLock;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use runtime::metrics::{self, IntCounterVec};

use crate::app::App;
use crate::client_errors::{Report, ReportForm};
use crate::extract::{Form, Origin};
use crate::identify::Identity;
use crate::problem::Problem;

static REPORTED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("client_errors_total", "Errors that clients reported.", &["error"])
});

/// Report an error that a client met. With or without a token; what could say something of a person
/// is dropped.
#[utoipa::path(
    post,
    path = "/v1/client-errors",
    tag = "operation",
    security(()),
    request_body = ReportForm,
    responses((status = NO_CONTENT, description = "It was counted"))
)]
pub async fn report_client_error(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    origin: Origin,
    Form(form): Form<ReportForm>,
) -> Result<StatusCode, Problem> {
    let caller = match identity {
        Identity::Caller(verified) => Some(verified.actor.id),
        Identity::Anonymous | Identity::Refused => None,
    };
    app.doorkeeper.limits.report(caller, origin.address)?;
    let report = Report::from(form);
    REPORTED.with_label_values(&[report.name]).inc();
    tracing::warn!(
        client.error = report.name,
        client.frames = report.frames.join(" "),
        client.route = report.route,
        client.release = report.release,
        client.correlation_id = report.correlation_id.map(|id| id.to_string()),
        "a client met an error"
    );
    Ok(StatusCode::NO_CONTENT)
}
