//! The wire format, held still: what is in a stream today must be readable by every later
//! version. A snapshot that changes is a new version of its schema, not a new snapshot.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps in vain")]

use contracts::audit::{
    AuditAction, AuditOutcome, AuditResource, AuditWord, PurposeOfUse, ResourceKind,
    UnreadableEntry,
};
use contracts::outcome::AppointmentState;
use contracts::{
    Applied, AuditAnchor, AuditEntry, AuditKind, BookAppointment, BookingCommand, BookingKind,
    CancelAppointment, IdempotencyId, Metadata, Outcome, Rejection, Route, SetAvailability,
    TraceContext, WithdrawRequest,
};
use domain::{
    Actor, AppointmentStatus, CancelationReason, RequestId, RequestedStart, Role, UserId,
};
use insta::assert_snapshot;
use uuid::Uuid;

fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

fn commands() -> [BookingCommand; 4] {
    let start = |text: &str| RequestedStart::try_from(text.to_owned()).unwrap();
    let hours = r#"{"practitioner_id":"00000000-0000-0000-0000-000000000001",
        "time_zone":"America/Sao_Paulo","slot_minutes":15,
        "hours":[{"day":"mon","start":"09:00","end":"17:30"}]}"#;
    [
        BookingCommand::Book(BookAppointment {
            practitioner_id: id(1),
            patient_id: id(2),
            start: start("2027-03-01T09:00:00-03:00"),
        }),
        BookingCommand::Cancel(CancelAppointment {
            appointment_id: id(3),
            version: 1,
            reason: CancelationReason::Patient,
        }),
        BookingCommand::Withdraw(WithdrawRequest {
            request_id: id(4),
            kind: BookingKind::Book,
            correlation_id: id(5),
            idempotency_id: None,
            stream_sequence: 6,
            accepted_at: "2027-02-01T07:00:00Z".parse().unwrap(),
        }),
        BookingCommand::SetAvailability(serde_json::from_str::<SetAvailability>(hours).unwrap()),
    ]
}

fn metadata(command: &BookingCommand) -> Metadata {
    let caller = id::<UserId>(2);
    let key = IdempotencyId::derive(caller, Route::BookAppointment, "key");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Metadata {
        correlation_id: id(10),
        request_id: id::<RequestId>(11),
        causation_id: Some(Uuid::from_u128(12)),
        reply_to: Some("mc.reply.instance.0b".to_owned()),
        actor: Actor { id: caller, role: Role::Patient },
        schema: command.schema(),
        accepted_at: "2027-02-01T08:00:00.123456789Z".parse().unwrap(),
        idempotency_id: Some(key),
        trace: Some(TraceContext::parse(trace, Some("vendor=1")).unwrap()),
    }
}

#[test]
fn commands_keep_their_form() {
    let lines = commands().map(|command| {
        let body = String::from_utf8(command.to_body()).unwrap();
        format!("{} {} {body}", command.kind().subject(id(11)), command.schema())
    });
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn commands_read_back() {
    for command in commands() {
        let read = BookingCommand::from_message(&metadata(&command), &command.to_body());
        assert_eq!(read, Ok(command));
    }
}

#[test]
fn envelopes_keep_their_form_and_read_back() {
    let metadata = metadata(&commands()[0]);
    let headers = metadata.to_headers();
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_snapshot!(lines.join("\n"));
    let get = |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
    assert_eq!(Metadata::from_headers(get), Ok(metadata));
}

#[test]
fn outcomes_keep_their_form_and_read_back() {
    let appointment = AppointmentState {
        id: id(3),
        version: 2,
        status: AppointmentStatus::Cancelled,
        practitioner_id: id(1),
        patient_id: id(2),
        start: "2027-03-01T12:00:00Z".parse().unwrap(),
        end: "2027-03-01T12:15:00Z".parse().unwrap(),
        cancelation_reason: Some(CancelationReason::Patient),
    };
    let outcomes = [
        Outcome::Applied { result: Applied::Appointment(appointment) },
        Outcome::Applied { result: Applied::Availability { practitioner_id: id(1) } },
        Outcome::Applied { result: Applied::Withdrawal { request_id: id(4) } },
        Outcome::Rejected { reason: Rejection::SlotTaken },
        Outcome::Withdrawn,
    ];
    let lines: Vec<_> = outcomes.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
    assert_snapshot!(lines.join("\n"));
    for (line, outcome) in lines.iter().zip(outcomes) {
        assert_eq!(serde_json::from_str::<Outcome>(line).unwrap(), outcome);
    }
}

#[test]
fn a_body_with_more_or_less_than_its_schema_is_no_command() {
    let metadata = metadata(&commands()[1]);
    for body in ["", "{}", "[]", "null", r#"{"appointment_id":"x","version":1,"reason":"pat"}"#] {
        assert!(BookingCommand::from_message(&metadata, body.as_bytes()).is_err(), "{body}");
    }
    let mut more = serde_json::to_value(CancelAppointment {
        appointment_id: id(3),
        version: 1,
        reason: CancelationReason::Other,
    })
    .unwrap();
    more["status"] = "fulfilled".into();
    assert!(BookingCommand::from_message(&metadata, more.to_string().as_bytes()).is_err());
}

fn word(text: &str) -> AuditWord {
    AuditWord::try_from(text.to_owned()).unwrap()
}

fn audit_entries() -> [AuditEntry; 3] {
    let full = AuditEntry {
        id: id(20),
        kind: AuditKind::Read,
        recorded_at: "2027-02-01T08:00:00.123456Z".parse().unwrap(),
        action: AuditAction::Read,
        operation: word("GET /v1/appointments/{id}"),
        outcome: AuditOutcome::Success,
        reason: None,
        stated_reason: None,
        user_id: Some(id(1)),
        role: Some(Role::Doctor),
        session_id: Some(id(21)),
        source_address: Some("192.0.2.7".parse().unwrap()),
        purpose: Some(PurposeOfUse::Treatment),
        resource: Some(AuditResource {
            kind: ResourceKind::Appointment,
            id: Some(Uuid::from_u128(3)),
            version: Some(2),
        }),
        patients: vec![id(2)],
        occurrences: 1,
        correlation_id: id(10),
        source: word("api/0b"),
    };
    let empty = AuditEntry {
        kind: AuditKind::Denial,
        action: AuditAction::Execute,
        outcome: AuditOutcome::MinorFailure,
        reason: Some(word("unauthorized")),
        user_id: None,
        role: None,
        session_id: None,
        source_address: None,
        purpose: None,
        resource: None,
        patients: Vec::new(),
        occurrences: 17,
        ..full.clone()
    };
    let explained = AuditEntry {
        kind: AuditKind::Unmasking,
        stated_reason: Some("the caller asked".to_owned().try_into().unwrap()),
        ..full.clone()
    };
    [full, empty, explained]
}

#[test]
fn audit_entries_keep_their_form_and_read_back() {
    let lines = audit_entries().map(|entry| {
        let body = entry.to_body();
        let schema = entry.kind.schema();
        assert_eq!(AuditEntry::from_message(Some(&schema), &body), Ok(entry.clone()));
        format!("{} {schema} {}", entry.kind.subject(), String::from_utf8(body).unwrap())
    });
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_kind_of_entry_has_its_subject() {
    let subjects: Vec<_> = AuditKind::ALL.iter().map(|kind| kind.subject()).collect();
    assert_snapshot!(subjects.join("\n"));
}

#[test]
fn what_is_no_audit_entry_is_told_apart() {
    let [entry, ..] = audit_entries();
    let read = |schema, body: &[u8]| AuditEntry::from_message(schema, body);
    assert_eq!(read(None, &entry.to_body()), Err(UnreadableEntry::Schema));
    assert_eq!(read(Some("audit.read"), &entry.to_body()), Err(UnreadableEntry::Schema));
    for other in ["audit.read/2", "audit.rumour/1", "booking.book/1"] {
        assert_eq!(read(Some(other), &entry.to_body()), Err(UnreadableEntry::Kind), "{other}");
    }
    assert_eq!(read(Some("audit.search/1"), &entry.to_body()), Err(UnreadableEntry::Body));
    assert_eq!(read(Some("audit.read/1"), b"{}"), Err(UnreadableEntry::Body));
    let mut more = serde_json::to_value(&entry).unwrap();
    more["name"] = "somebody".into();
    let more = more.to_string();
    assert_eq!(read(Some("audit.read/1"), more.as_bytes()), Err(UnreadableEntry::Body));
}

#[test]
fn anchors_keep_their_form_and_read_back() {
    let anchor = AuditAnchor {
        seal: 7,
        hash: "00ff".to_owned(),
        last_row: 12,
        audit: 9,
        events: 4,
        ..AuditAnchor::default()
    };
    let text = serde_json::to_string(&anchor).unwrap();
    assert_snapshot!(text, @r#"{"seal":7,"hash":"00ff","last_row":12,"audit":9,"events":4}"#);
    assert_eq!(text.parse::<AuditAnchor>().unwrap(), anchor);
    let made = Some(jiff::Timestamp::UNIX_EPOCH);
    let anchor = AuditAnchor { audit_created_at: made, events_created_at: made, ..anchor };
    let text = serde_json::to_string(&anchor).unwrap();
    assert_snapshot!(text, @r#"{"seal":7,"hash":"00ff","last_row":12,"audit":9,"events":4,"audit_created_at":"1970-01-01T00:00:00Z","events_created_at":"1970-01-01T00:00:00Z"}"#);
    assert_eq!(text.parse::<AuditAnchor>().unwrap(), anchor);
}
