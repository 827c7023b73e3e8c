//! What a handler says of its answer, so that it can be recorded.

use axum::response::{IntoResponse, Response};
use contracts::AuditKind;
use contracts::BreakerControl;
use contracts::audit::{AuditAction, AuditResource, PurposeOfUse, ResourceKind, StatedReason};
use domain::{
    CoverageId, DeadLetterId, EligibilityCheckId, PatientId, PayerId, RequestId, Role, SessionId,
    UserId,
};
use uuid::Uuid;

use crate::problem::ProblemType;

/// What is to be recorded of an answer. Who asked, from where and for what is known without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub(super) kind: AuditKind,
    pub(super) action: AuditAction,
    pub(super) resource: Option<AuditResource>,
    pub(super) patients: Vec<PatientId>,
    pub(super) stated_reason: Option<StatedReason>,
    pub(super) who: Option<Who>,
    /// Another purpose than that of the role.
    pub(super) purpose: Option<PurposeOfUse>,
    /// A word behind the operation's name, where that alone doesn't say what was done.
    pub(super) detail: Option<&'static str>,
    /// Why it was refused, when the answer doesn't say so.
    pub(super) untold: Option<ProblemType>,
}

/// Somebody who was recognised by something else than an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// Their account.
    pub id: UserId,
    /// What they may do.
    pub role: Role,
    /// Their sign-in, if they have one.
    pub session: Option<SessionId>,
}

/// An answer, and what is to be recorded of it. Routes that show a patient's data answer with
/// nothing else; `operations` says which those are.
#[derive(Clone, Debug)]
pub struct Audited<T> {
    answer: T,
    note: Option<Note>,
}

/// The note on its way to the layer that records it; none says that there is nothing to record.
#[derive(Clone, Debug)]
pub(super) struct Noted(pub Option<Note>);

impl Note {
    /// What every note begins with.
    pub(super) const EMPTY: Self = Self {
        kind: AuditKind::Denial,
        action: AuditAction::Execute,
        resource: None,
        patients: Vec::new(),
        stated_reason: None,
        who: None,
        purpose: None,
        detail: None,
        untold: None,
    };

    /// A patient's data was shown.
    pub fn read(kind: ResourceKind, id: Uuid, patient: PatientId) -> Self {
        Self {
            patients: vec![patient],
            ..Self::about(AuditKind::Read, AuditAction::Read, kind, id)
        }
    }

    /// A list was shown, of or about these patients.
    pub fn search(kind: ResourceKind, patients: impl IntoIterator<Item = PatientId>) -> Self {
        let mut patients: Vec<PatientId> = patients.into_iter().collect();
        patients.sort_unstable();
        patients.dedup();
        let resource = Some(AuditResource { kind, id: None, version: None });
        let (kind, action) = (AuditKind::Search, AuditAction::Execute);
        Self { kind, action, resource, patients, ..Self::EMPTY }
    }

    /// Somebody changed who may do what.
    pub fn administration(action: AuditAction, kind: ResourceKind, id: UserId) -> Self {
        Self::about(AuditKind::Administration, action, kind, id.as_uuid())
    }

    /// Somebody decides what becomes of a dead letter.
    pub fn maintenance(action: AuditAction, letter: DeadLetterId, reason: &StatedReason) -> Self {
        let kind = AuditKind::Maintenance;
        let note = Self::about(kind, action, ResourceKind::MessageHeader, letter.as_uuid());
        Self { stated_reason: Some(reason.clone()), ..note }
    }

    /// Somebody decides whether a payer is asked, and how. The resource's id is the name-based UUID (RFC
    /// 9562, version 5) of the payer's number in the namespace of OIDs, as payers have no UUID.
    pub fn breaker(payer: &PayerId, control: BreakerControl, reason: &StatedReason) -> Self {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, payer.as_str().as_bytes());
        let (kind, action) = (AuditKind::Maintenance, AuditAction::Update);
        let note = Self::about(kind, action, ResourceKind::Endpoint, id);
        let detail = Some(control.as_str());
        Self { stated_reason: Some(reason.clone()), detail, ..note }
    }

    /// Somebody says who insures a patient.
    pub fn insured(action: AuditAction, coverage: CoverageId, patient: PatientId) -> Self {
        let (kind, resource) = (AuditKind::Change, ResourceKind::Coverage);
        let note = Self::about(kind, action, resource, coverage.as_uuid());
        Self { patients: vec![patient], ..note }
    }

    /// Somebody decides about a check, or wants it asked again.
    pub fn checked(
        check: EligibilityCheckId,
        patient: Option<PatientId>,
        reason: Option<&StatedReason>,
    ) -> Self {
        let (kind, action) = (AuditKind::Change, AuditAction::Update);
        let resource = ResourceKind::CoverageEligibilityResponse;
        let note = Self::about(kind, action, resource, check.as_uuid());
        let patients = patient.into_iter().collect();
        Self { patients, stated_reason: reason.cloned(), ..note }
    }

    /// A doctor opens or closes the chart of a patient who isn't theirs, or somebody reviews that.
    pub fn emergency(
        action: AuditAction,
        patient: PatientId,
        reason: Option<&StatedReason>,
    ) -> Self {
        let kind = AuditKind::EmergencyAccess;
        let note = Self::about(kind, action, ResourceKind::Patient, patient.as_uuid());
        Self { patients: vec![patient], stated_reason: reason.cloned(), ..note }
    }

    /// A dead letter's message was shown as it is.
    pub fn unmasking(
        letter: DeadLetterId,
        reason: StatedReason,
        patients: impl IntoIterator<Item = PatientId>,
    ) -> Self {
        let (kind, resource) = (AuditKind::Unmasking, ResourceKind::MessageHeader);
        let note = Self::about(kind, AuditAction::Read, resource, letter.as_uuid());
        let patients = patients.into_iter().collect();
        Self { patients, stated_reason: Some(reason), ..note }
    }

    /// Somebody takes a request back. No fact says so: nothing has come of it.
    pub fn withdrawal(request: RequestId) -> Self {
        let (kind, action) = (AuditKind::Withdrawal, AuditAction::Update);
        Self::about(kind, action, ResourceKind::Task, request.as_uuid())
    }

    /// Somebody registered as a patient.
    pub fn registration(who: Who) -> Self {
        let about = (AuditKind::Registration, AuditAction::Create, ResourceKind::Patient);
        let note = Self::about(about.0, about.1, about.2, who.id.as_uuid());
        Self { patients: vec![who.id.into()], who: Some(who), ..note }
    }

    /// Somebody wanted to register with an address that is taken. The answer doesn't say so.
    pub fn repeated_registration() -> Self {
        let note = Self::session(AuditKind::Registration, None);
        Self { untold: Some(ProblemType::EmailTaken), ..note }
    }

    /// Somebody changed their own account, recognised by something else than an access token.
    #[must_use]
    pub fn by(mut self, who: Who) -> Self {
        self.who = Some(who);
        self
    }

    /// Somebody signed in.
    pub fn sign_in(who: Who) -> Self {
        Self::session(AuditKind::SignIn, Some(who))
    }

    /// Somebody didn't get in; whose account it was, if there is one.
    pub fn sign_in_failure(who: Option<Who>) -> Self {
        Self::session(AuditKind::SignInFailure, who)
    }

    /// Somebody signed out.
    pub fn sign_out(who: Who) -> Self {
        Self::session(AuditKind::SignOut, Some(who))
    }

    /// A refresh token was used twice.
    pub fn token_reuse(who: Who) -> Self {
        Self::session(AuditKind::TokenReuse, Some(who))
    }

    fn session(kind: AuditKind, who: Option<Who>) -> Self {
        let patients = Vec::new();
        let action = AuditAction::Execute;
        Self { kind, action, patients, who, ..Self::EMPTY }
    }

    fn about(kind: AuditKind, action: AuditAction, resource: ResourceKind, id: Uuid) -> Self {
        let resource = Some(AuditResource { kind: resource, id: Some(id), version: None });
        let patients = Vec::new();
        Self { kind, action, resource, patients, ..Self::EMPTY }
    }

    /// By the permission of an emergency, if `is_emergency`.
    #[must_use]
    pub fn in_emergency(self, is_emergency: bool) -> Self {
        let purpose = is_emergency.then_some(PurposeOfUse::BreakTheGlass).or(self.purpose);
        Self { purpose, ..self }
    }

    /// In that version.
    #[must_use]
    pub fn in_version(mut self, version: i32) -> Self {
        if let Some(resource) = &mut self.resource {
            resource.version = Some(version);
        }
        self
    }
}

impl<T> Audited<T> {
    /// An answer that leaves once this is recorded.
    pub fn new(note: Note, answer: T) -> Self {
        Self { answer, note: Some(note) }
    }

    /// An answer that says nothing of any patient.
    pub fn of_nobody(answer: T) -> Self {
        Self { answer, note: None }
    }
}

impl<T: IntoResponse> IntoResponse for Audited<T> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        response.extensions_mut().insert(Noted(self.note));
        response
    }
}
