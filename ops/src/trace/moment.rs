//! What happened at one time.

use bus::StoredMessage;
use contracts::metadata::header;
use contracts::subjects;
use domain::{Actor, RequestId};
use jiff::Timestamp;
use serde::Serialize;
use store::trace::{
    AuditedStep, FailedTries, LetterAction, SettledRequest, TracedCheck, TracedLetter, WaitingFact,
};

/// Where on its way a request is; in the order in which it gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// At api's door.
    Http,
    /// In the stream: from here on it isn't lost.
    Accepted,
    /// On its way to the worker, and back.
    Delivery,
    /// Settled.
    Transaction,
    /// A fact for others.
    Event,
    /// A question to an insurer.
    Eligibility,
    /// Who saw or did what.
    Audit,
    /// Put aside for an operator.
    DeadLetter,
}

impl Stage {
    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Accepted => "accepted",
            Self::Delivery => "delivery",
            Self::Transaction => "transaction",
            Self::Event => "event",
            Self::Eligibility => "eligibility",
            Self::Audit => "audit",
            Self::DeadLetter => "dead letter",
        }
    }
}

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// By the clock of the process that it happened in.
    pub at: Timestamp,
    /// Where.
    pub stage: Stage,
    /// What, in words.
    pub what: String,
    /// Somebody may have to look.
    pub is_trouble: bool,
    /// The request, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The stream and the position in it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A position in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Which stream.
    pub stream: &'static str,
    /// The position.
    pub sequence: u64,
}

impl Moment {
    fn new(at: Timestamp, stage: Stage, what: String) -> Self {
        Self { at, stage, what, is_trouble: false, request_id: None, place: None }
    }

    fn troubling(self, is_trouble: bool) -> Self {
        Self { is_trouble, ..self }
    }

    fn of(self, request: RequestId) -> Self {
        Self { request_id: Some(request), ..self }
    }

    fn at_place(self, stream: &'static str, sequence: u64) -> Self {
        Self { place: Some(Place { stream, sequence }), ..self }
    }

    /// A message of `MC_COMMANDS`: when api took the request, and when the stream did.
    pub fn of_command(message: &StoredMessage) -> Vec<Self> {
        let Some((kind, request)) = subjects::parse_command(&message.subject) else {
            return Vec::new();
        };
        let actor: Option<Actor> = message.header(header::ACTOR).and_then(|it| it.parse().ok());
        let role = actor.map_or("somebody", |actor| actor.role.as_str());
        let kind = kind.as_str();
        let accepted = match message.header(header::REPLAY_OF) {
            Some(_) => format!("{kind} stored again, as a replay"),
            None => format!("{kind} stored"),
        };
        let accepted = Self::new(message.stored_at, Stage::Accepted, accepted);
        let mut moments = vec![accepted.of(request).at_place(subjects::COMMANDS, message.sequence)];
        let asked_at = message.header(header::ACCEPTED_AT).and_then(|it| it.parse().ok());
        let is_first = message.header(header::REPLAY_OF).is_none();
        if let Some(asked_at) = asked_at.filter(|_| is_first) {
            let asked = Self::new(asked_at, Stage::Http, format!("{kind} asked for, as {role}"));
            moments.push(asked.of(request));
        }
        moments
    }

    /// Tries that failed.
    pub fn of_failures(tries: &FailedTries) -> Self {
        let (failures, class) = (tries.failures, &tries.error_class);
        let what = match (class.as_str(), failures) {
            ("started", _) => format!("started {failures} times, and never came to its end"),
            (_, 1) => format!("failed: {class}"),
            _ => format!("failed {failures} times: {class}"),
        };
        let moment = Self::new(tries.last_at, Stage::Delivery, what).troubling(true);
        moment.at_place(subjects::COMMANDS, tries.stream_sequence)
    }

    /// A message that has neither end nor letter.
    pub fn waiting(now: Timestamp, request: RequestId) -> Self {
        Self::new(now, Stage::Delivery, "waits for the booking worker".to_owned()).of(request)
    }

    /// The end of a request.
    pub fn of_settled(settled: &SettledRequest) -> Self {
        let SettledRequest { kind, outcome, reason, .. } = settled;
        let what = match reason {
            Some(reason) => format!("{kind} {outcome}: {reason}"),
            None => format!("{kind} {outcome}"),
        };
        let moment = Self::new(settled.settled_at, Stage::Transaction, what);
        moment.of(settled.id).at_place(subjects::COMMANDS, settled.stream_sequence)
    }

    /// A fact that is published.
    pub fn of_fact(message: &StoredMessage) -> Self {
        let kind = message.subject.strip_prefix("mc.evt.").unwrap_or(&message.subject);
        Self::new(message.stored_at, Stage::Event, format!("{kind} published"))
            .at_place(subjects::EVENTS, message.sequence)
    }

    /// A fact that isn't.
    pub fn of_waiting(fact: &WaitingFact) -> Self {
        let what = format!("{} waits in the outbox", fact.kind);
        Self::new(fact.created_at, Stage::Event, what)
    }

    /// A row of the audit log; rows of facts are facts.
    pub fn of_audited(step: &AuditedStep) -> Self {
        let operation = step.operation.as_deref().unwrap_or(&step.kind);
        if step.stream == subjects::EVENTS {
            let what = format!("{operation} published");
            return Self::new(step.recorded_at, Stage::Event, what)
                .at_place(subjects::EVENTS, step.sequence);
        }
        let resource = step.resource_kind.as_ref().map(|resource| format!(" of {resource}"));
        let role = step.role.as_ref().map(|role| format!(", as {role}"));
        let failed = step.reason.as_deref().unwrap_or("failed");
        let refusal = (step.outcome != 0).then(|| format!(": {failed}"));
        let parts = [Some(operation.to_owned()), resource, role, refusal];
        let what = parts.into_iter().flatten().collect();
        Self::new(step.recorded_at, Stage::Audit, what)
            .troubling(step.outcome != 0)
            .at_place(subjects::AUDIT, step.sequence)
    }

    /// A question to an insurer: when it arose, and since when it stands as it does.
    pub fn of_check(check: &TracedCheck) -> Vec<Self> {
        let TracedCheck { id, is_answered, attempts, .. } = check;
        let arose = Self::new(check.created_at, Stage::Eligibility, format!("{id}: to be asked"));
        let stands = match (&check.error_class, is_answered) {
            (Some(class), _) => format!("{id}: no answer after {attempts} calls: {class}"),
            (None, true) => format!("{id}: the insurer answered"),
            (None, false) => return vec![arose],
        };
        let stands = Self::new(check.changed_at, Stage::Eligibility, stands);
        vec![arose, stands.troubling(check.error_class.is_some())]
    }

    /// A dead letter: when it died, and since when it stands as it does.
    pub fn of_letter(letter: &TracedLetter) -> Vec<Self> {
        let TracedLetter { id, worker, error_class, attempts, .. } = letter;
        let what = format!("{id}: given up by {worker} after {attempts} tries: {error_class}");
        let is_open = letter.state == "open";
        let died = Self::new(letter.last_failure_at, Stage::DeadLetter, what).troubling(is_open);
        let stands = (!is_open).then(|| {
            Self::new(letter.changed_at, Stage::DeadLetter, format!("{id}: {}", letter.state))
        });
        std::iter::once(died).chain(stands).collect()
    }

    /// What an operator did with a letter.
    pub fn of_action(action: &LetterAction) -> Self {
        let LetterAction { letter_id, action: verb, role, .. } = action;
        Self::new(action.acted_at, Stage::DeadLetter, format!("{letter_id}: {verb}, as {role}"))
    }
}
