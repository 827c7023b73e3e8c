//! Recording who saw or did what. One entry per answer, and it is durable before the answer
//! leaves: what can't be recorded is answered with 503.
//!
//! The one place that records is a layer around all routes ([`record`]). Handlers say what they
//! show ([`Audited`]); refusals are seen here. Handlers that change something record it before they
//! do it ([`Recorder`]), so that no change goes unrecorded. `operations` is the table of what is
//! recorded of which operation.

mod note;
mod operations;
mod recorder;
mod withheld;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bus::{AuditPublisher, PublishError};
use contracts::audit::{AuditAction, AuditOutcome, AuditResource, AuditWord, PurposeOfUse};
use contracts::{AuditEntry, AuditKind};
use domain::{AuditEntryId, CorrelationId, SharedClock};
use runtime::metrics::{self, IntCounter, IntCounterVec};
use runtime::telemetry::propagation;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Verified;
use crate::client_address::ClientAddress;
use crate::identify::Identity;
use crate::problem::{Problem, ProblemType};

use note::Noted;
pub use note::{Audited, Note, Who};
use operations::{Operation, Recording};
pub use recorder::Recorder;
pub use withheld::{Withheld, record_withheld};

static RECORDED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("audit_entries_total", "Audit entries that are durable.", &["kind"])
});

static FAILED: LazyLock<IntCounter> = LazyLock::new(|| {
    metrics::counter(
        "audit_failures_total",
        "Answers that were held back because they could not be recorded.",
    )
});

/// Makes entries durable.
pub struct Auditor {
    /// Where they go.
    pub publisher: AuditPublisher,
    /// How long that may take.
    pub patience: Duration,
    /// The time.
    pub clock: SharedClock,
    /// `api/<instance>`.
    pub source: AuditWord,
    /// Refusals of nobody in particular that are counted.
    pub withheld: Withheld,
}

/// What is known of a request before it is answered.
struct About {
    operation: Option<&'static Operation>,
    name: String,
    resource_id: Option<Uuid>,
    caller: Option<Verified>,
    address: IpAddr,
    correlation_id: CorrelationId,
    /// Its handler has recorded it.
    is_recorded: AtomicBool,
}

/// The layer: answers, records, and only then lets the answer go.
pub async fn record(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let about = Arc::new(About::of(&request));
    request.extensions_mut().insert(Arc::clone(&about));
    let mut response = next.run(request).await;
    let noted = response.extensions_mut().remove::<Noted>();
    let problem = response.extensions().get::<Problem>().map(Problem::kind);
    let note = match (noted, problem) {
        (Some(Noted(Some(note))), _) => Some(note),
        (_, Some(problem)) => about.refusal(problem),
        (None, None) if about.must_be_noted(response.status()) => {
            tracing::error!(operation = about.name, "an answer without a note is held back");
            return Problem::new(ProblemType::Internal).into_response();
        }
        (Some(Noted(None)) | None, None) => None,
    };
    let Some(note) = note else { return response };
    let problem = note.untold.or(problem);
    if !about.is_recorded_singly(&app, &note) && app.auditor.withheld.count(note.kind) {
        if app.shutdown.is_soft_stopped() {
            // Whoever records it otherwise may have done so for the last time.
            app.auditor.record_withheld(&mut Vec::new()).await;
        }
        return response;
    }
    let entry = app.auditor.entry(&about, note, problem);
    let held_back = app.auditor.publish(entry).await.err();
    held_back.map_or(response, IntoResponse::into_response)
}

impl About {
    fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        let method = request.method().as_str();
        let operation = route.and_then(|route| operations::find(method, route));
        // Methods are free text; those of our operations aren't.
        let name = match (operation, route) {
            (Some(_), Some(route)) => format!("{method} {route}"),
            _ => "unmatched".to_owned(),
        };
        let address = extensions.get().copied();
        let address = address.unwrap_or(ClientAddress(Ipv4Addr::UNSPECIFIED.into()));
        let id = |segment: &str| Uuid::try_parse(segment).ok().filter(|_| segment.len() == 36);
        Self {
            operation,
            name,
            resource_id: request.uri().path().split('/').find_map(id),
            caller: match extensions.get::<Identity>() {
                Some(Identity::Caller(verified)) => Some(*verified),
                _ => None,
            },
            address: address.0,
            correlation_id: extensions.get().copied().unwrap_or_else(CorrelationId::generate),
            is_recorded: AtomicBool::new(false),
        }
    }

    fn recording(&self) -> Recording {
        self.operation.map_or(Recording::Nothing, |operation| operation.recording)
    }

    fn must_be_noted(&self, status: StatusCode) -> bool {
        self.recording() == Recording::Noted && status.is_success()
    }

    /// The note of a refusal, if this problem is one: what is not yours and what is not there
    /// look alike, here as in the answer.
    fn refusal(&self, problem: ProblemType) -> Option<Note> {
        if self.is_recorded.load(Ordering::Relaxed) {
            return None;
        }
        let is_refusal = match problem.status() {
            StatusCode::UNAUTHORIZED => self.caller.is_none(),
            StatusCode::FORBIDDEN => self.operation.is_some(),
            StatusCode::NOT_FOUND => {
                let may_be_somebodys = self.recording() != Recording::Nothing;
                self.caller.is_some() && self.resource_id.is_some() && may_be_somebodys
            }
            _ => false,
        };
        is_refusal.then(|| Note {
            kind: AuditKind::Denial,
            action: AuditAction::Execute,
            resource: self.resource(),
            ..Note::EMPTY
        })
    }

    fn is_recorded_singly(&self, app: &App, note: &Note) -> bool {
        let may_flood = self.caller.is_none()
            && matches!(note.kind, AuditKind::Denial | AuditKind::SignInFailure);
        !may_flood || app.doorkeeper.limits.admits_entry(self.address)
    }

    fn resource(&self) -> Option<AuditResource> {
        let kind = self.operation?.resource?;
        Some(AuditResource { kind, id: self.resource_id, version: None })
    }
}

impl Auditor {
    fn entry(&self, about: &About, note: Note, problem: Option<ProblemType>) -> AuditEntry {
        let caller = about.caller.map(|verified| Who {
            id: verified.actor.id,
            role: verified.actor.role,
            session: Some(verified.session),
        });
        let who = note.who.or(caller);
        AuditEntry {
            id: AuditEntryId::generate(),
            kind: note.kind,
            recorded_at: self.clock.now(),
            action: note.action,
            operation: match note.detail {
                Some(detail) => AuditWord::of(&format!("{} {detail}", about.name)),
                None => AuditWord::of(&about.name),
            },
            outcome: match problem {
                None => AuditOutcome::Success,
                Some(problem) if problem.status().is_server_error() => AuditOutcome::SeriousFailure,
                Some(_) => AuditOutcome::MinorFailure,
            },
            reason: problem.map(|problem| AuditWord::of(problem.slug())),
            stated_reason: note.stated_reason,
            user_id: who.map(|who| who.id),
            role: who.map(|who| who.role),
            session_id: who.and_then(|who| who.session),
            source_address: Some(about.address.to_canonical()),
            purpose: note.purpose.or(who.map(|who| PurposeOfUse::of(who.role))),
            resource: note.resource,
            patients: note.patients,
            occurrences: 1,
            correlation_id: about.correlation_id,
            source: self.source.clone(),
        }
    }

    /// Returns once the entry is durable, or with what is to be answered instead.
    async fn publish(&self, entry: AuditEntry) -> Result<(), Problem> {
        self.make_durable(&entry).await.map_err(|error| {
            FAILED.inc();
            tracing::warn!(%error, "an answer is held back: it can't be recorded");
            Problem::new(ProblemType::Unavailable)
                .with_detail("who sees or does what is recorded first, and that isn't possible now")
        })
    }

    async fn make_durable(&self, entry: &AuditEntry) -> Result<(), PublishError> {
        let trace = propagation::current_trace_context();
        self.publisher.publish(entry, trace.as_ref(), self.patience).await?;
        RECORDED.with_label_values(&[entry.kind.as_str()]).inc();
        Ok(())
    }
}
