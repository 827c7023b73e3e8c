//! The wire format, held still: what is in a stream today must be readable by every later
//! version. A snapshot that changes is a new version of its schema, not a new snapshot.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps in vain")]

use std::collections::HashSet;

use contracts::audit::{
    AuditAction, AuditOutcome, AuditResource, AuditWord, PurposeOfUse, ResourceKind, StatedReason,
    UnreadableEntry,
};
use contracts::commands::Seen;
use contracts::outcome::{AppointmentState, ConflictingVisit};
use contracts::{
    AddNote, Applied, AppointmentEvent, AssignCare, AuditAnchor, AuditEntry, AuditKind,
    BookAppointment, BookSeries, BookingCommand, BookingKind, CancelAppointment, CancelSeries,
    CareEvent, CareRelationState, Conflicts, EndCare, EventKind, IdempotencyId, LocationState,
    Metadata, NoteEvent, NoteState, Outcome, PreviousTime, Rejection, RescheduleAppointment,
    ReviseNote, Route, SeenAppointment, SeriesState, SetAppointmentStatus, SetAvailability,
    SetException, SetLocation, SetService, TraceContext, WithdrawRequest,
};
use domain::{
    Actor, AppointmentStatus, CancelationReason, Modality, NoteText, RequestId, RequestedStart,
    Role, UserId,
};
use insta::assert_snapshot;
use uuid::Uuid;

fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

fn set_service() -> SetService {
    SetService {
        changed: Some(Seen { id: id(7), version: 3 }),
        name: "First visit".to_owned(),
        specialty: Some("cardiology".to_owned()),
        modality: Modality::InPerson,
        duration_minutes: 50,
        buffer_before_minutes: 5,
        buffer_after_minutes: 10,
        alignment_minutes: 30,
        minimum_notice_minutes: 120,
        horizon_days: 90,
        active: true,
    }
}

fn commands() -> Vec<BookingCommand> {
    let start = |text: &str| RequestedStart::try_from(text.to_owned()).unwrap();
    let hours = r#"{"practitioner_id":"00000000-0000-0000-0000-000000000001",
        "time_zone":"America/Sao_Paulo","slot_minutes":15,
        "hours":[{"day":"mon","start":"09:00","end":"17:30"}]}"#;
    let first = BookAppointment {
        practitioner_id: id(1),
        patient_id: id(2),
        start: start("2027-03-01T09:00:00-03:00"),
        service_id: None,
        location_id: None,
    };
    let seen = SeenAppointment { appointment_id: id(3), version: 1 };
    let override_reason: Option<StatedReason> =
        Some("the doctor is ill".to_owned().try_into().unwrap());
    let text = |text: &str| NoteText::try_from(text.to_owned()).unwrap();
    let placed = r#"{"practitioner_id":"00000000-0000-0000-0000-000000000001",
        "time_zone":"America/Sao_Paulo","slot_minutes":15,
        "hours":[{"day":"mon","start":"09:00","end":"00:00",
            "location_id":"00000000-0000-0000-0000-000000000008",
            "service_ids":["00000000-0000-0000-0000-000000000007"]}]}"#;
    let exception = r#"{"practitioner_id":"00000000-0000-0000-0000-000000000001",
        "date":"2027-03-01","entries":[{"kind":"closed","start":"00:00","end":"00:00"},
            {"kind":"open","start":"18:00","end":"20:00",
            "location_id":"00000000-0000-0000-0000-000000000008"}]}"#;
    vec![
        BookingCommand::Book(BookAppointment {
            practitioner_id: id(1),
            patient_id: id(2),
            start: start("2027-03-01T09:00:00-03:00"),
            service_id: None,
            location_id: None,
        }),
        BookingCommand::Cancel(CancelAppointment {
            appointment_id: id(3),
            version: 1,
            reason: CancelationReason::Patient,
            override_reason: None,
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
        BookingCommand::Book(BookAppointment {
            practitioner_id: id(1),
            patient_id: id(2),
            start: start("2027-03-01T09:00:00[America/Sao_Paulo]"),
            service_id: Some(id(7)),
            location_id: Some(id(8)),
        }),
        BookingCommand::Cancel(CancelAppointment {
            appointment_id: id(3),
            version: 1,
            reason: CancelationReason::Weather,
            override_reason: override_reason.clone(),
        }),
        BookingCommand::Hold(first.clone()),
        BookingCommand::Confirm(seen.clone()),
        BookingCommand::Release(seen.clone()),
        BookingCommand::Reschedule(RescheduleAppointment {
            appointment_id: id(3),
            version: 1,
            start: start("2027-03-02T09:00:00-03:00"),
            practitioner_id: Some(id(9)),
            override_reason: override_reason.clone(),
        }),
        BookingCommand::SetStatus(SetAppointmentStatus {
            appointment_id: id(3),
            version: 1,
            status: AppointmentStatus::CheckedIn,
        }),
        BookingCommand::UndoStatus(seen),
        BookingCommand::BookSeries(BookSeries { first, every_weeks: 2, count: 10 }),
        BookingCommand::CancelSeries(CancelSeries {
            series_id: id(12),
            reason: CancelationReason::Patient,
            override_reason,
        }),
        BookingCommand::AddNote(AddNote {
            appointment_id: id(3),
            text: text("the left knee\nsince Monday"),
        }),
        BookingCommand::ReviseNote(ReviseNote {
            note_id: id(13),
            version: 1,
            text: text("the right knee"),
        }),
        BookingCommand::AssignCare(AssignCare {
            patient_id: id(2),
            practitioner_id: id(1),
            until: Some("2027-12-31T23:00:00Z".parse().unwrap()),
        }),
        BookingCommand::EndCare(EndCare { care_relation_id: id(14) }),
        BookingCommand::SetAvailability(serde_json::from_str::<SetAvailability>(placed).unwrap()),
        BookingCommand::SetException(serde_json::from_str::<SetException>(exception).unwrap()),
        BookingCommand::SetLocation(SetLocation {
            changed: None,
            name: "Downtown".to_owned(),
            time_zone: "America/Sao_Paulo".to_owned(),
            active: true,
        }),
        BookingCommand::SetService(set_service()),
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
    let commands = commands();
    let kinds: HashSet<_> = commands.iter().map(BookingCommand::kind).collect();
    assert_eq!(kinds.len(), BookingKind::ALL.len(), "every kind has its line");
    let lines = commands.iter().map(|command| {
        let body = String::from_utf8(command.to_body()).unwrap();
        format!("{} {} {body}", command.kind().subject(id(11)), command.schema())
    });
    let lines: Vec<_> = lines.collect();
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
        service_id: None,
        location_id: None,
        expires_at: None,
        series_id: None,
    };
    let held = AppointmentState {
        version: 1,
        status: AppointmentStatus::Pending,
        cancelation_reason: None,
        expires_at: Some("2027-02-01T08:05:00Z".parse().unwrap()),
        ..appointment.clone()
    };
    let of_series = AppointmentState {
        status: AppointmentStatus::Booked,
        cancelation_reason: None,
        series_id: Some(id(12)),
        ..appointment.clone()
    };
    let typed = AppointmentState {
        version: 1,
        status: AppointmentStatus::Booked,
        cancelation_reason: None,
        service_id: Some(id(7)),
        location_id: Some(id(8)),
        ..appointment.clone()
    };
    let outcomes = [
        Outcome::Applied { result: Applied::Appointment(appointment) },
        Outcome::Applied {
            result: Applied::Availability {
                practitioner_id: id(1),
                conflicts: Conflicts::default(),
            },
        },
        Outcome::Applied { result: Applied::Withdrawal { request_id: id(4) } },
        Outcome::Rejected { reason: Rejection::SlotTaken },
        Outcome::Withdrawn,
        Outcome::Applied { result: Applied::Appointment(typed) },
        Outcome::Applied { result: Applied::Appointment(held) },
        Outcome::Applied {
            result: Applied::Series(SeriesState { id: id(12), appointments: vec![of_series] }),
        },
        Outcome::Applied { result: Applied::Note(note()) },
        Outcome::Applied { result: Applied::CareRelation(care_relation()) },
        Outcome::Blocked {
            reason: Rejection::SlotTaken,
            times: vec!["2027-03-08T12:00:00Z".parse().unwrap()],
        },
        Outcome::Applied {
            result: Applied::Exception {
                practitioner_id: id(1),
                date: "2027-03-01".parse().unwrap(),
                conflicts: Conflicts {
                    count: 1,
                    visits: vec![ConflictingVisit {
                        id: id(3),
                        start: "2027-03-01T12:00:00Z".parse().unwrap(),
                        end: "2027-03-01T12:15:00Z".parse().unwrap(),
                    }],
                },
            },
        },
        Outcome::Applied {
            result: Applied::Location(LocationState {
                id: id(8),
                version: 1,
                name: "Downtown".to_owned(),
                time_zone: "America/Sao_Paulo".to_owned(),
                active: true,
            }),
        },
        Outcome::Applied { result: Applied::Service(set_service().service(id(7), 4).unwrap()) },
    ];
    let lines: Vec<_> = outcomes.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
    assert_snapshot!(lines.join("\n"));
    for (line, outcome) in lines.iter().zip(outcomes) {
        assert_eq!(serde_json::from_str::<Outcome>(line).unwrap(), outcome);
    }
}

fn note() -> NoteState {
    NoteState {
        id: id(13),
        version: 2,
        appointment_id: id(3),
        patient_id: id(2),
        practitioner_id: id(1),
    }
}

fn care_relation() -> CareRelationState {
    CareRelationState {
        id: id(14),
        practitioner_id: id(1),
        patient_id: id(2),
        since: "2027-02-01T08:00:00Z".parse().unwrap(),
        until: None,
    }
}

#[test]
fn facts_keep_their_form_and_read_back() {
    let occurred_at = "2027-02-01T08:00:00Z".parse().unwrap();
    let moved = AppointmentEvent {
        appointment: AppointmentState {
            id: id(3),
            version: 2,
            status: AppointmentStatus::Booked,
            practitioner_id: id(1),
            patient_id: id(2),
            start: "2027-03-02T12:00:00Z".parse().unwrap(),
            end: "2027-03-02T12:15:00Z".parse().unwrap(),
            cancelation_reason: None,
            service_id: None,
            location_id: None,
            expires_at: None,
            series_id: None,
        },
        occurred_at,
        previous: Some(PreviousTime {
            practitioner_id: id(9),
            start: "2027-03-01T12:00:00Z".parse().unwrap(),
            end: "2027-03-01T12:15:00Z".parse().unwrap(),
        }),
        override_reason: Some("the doctor is ill".to_owned().try_into().unwrap()),
    };
    let booked = AppointmentEvent { previous: None, override_reason: None, ..moved.clone() };
    let note = NoteEvent { note: note(), occurred_at };
    let care = CareEvent { care_relation: care_relation(), occurred_at };
    let bodies = [
        serde_json::to_string(&booked).unwrap(),
        serde_json::to_string(&moved).unwrap(),
        serde_json::to_string(&note).unwrap(),
        serde_json::to_string(&care).unwrap(),
    ];
    let kinds = EventKind::ALL.map(|kind| format!("{} {}", kind.subject(), kind.schema()));
    assert_snapshot!([kinds.join("\n"), bodies.join("\n")].join("\n"));
    let read = serde_json::from_str::<AppointmentEvent>(&bodies[0]).unwrap();
    assert_eq!(read, booked);
    assert_eq!(serde_json::from_str::<AppointmentEvent>(&bodies[1]).unwrap(), moved);
    assert_eq!(serde_json::from_str::<NoteEvent>(&bodies[2]).unwrap(), note);
    assert_eq!(serde_json::from_str::<CareEvent>(&bodies[3]).unwrap(), care);
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
        override_reason: None,
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
