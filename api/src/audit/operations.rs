//! The table: what is recorded of which operation. An operation that isn't here, or that shows a
//! patient's data without a note, fails the tests below; at run time its answer doesn't leave.

use contracts::audit::ResourceKind;

/// What is recorded of an operation that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// What its handler says: it answers with [`super::Audited`].
    Noted,
    /// What its handler says before it does it: it has a [`super::Recorder`].
    Ahead,
    /// The fact that follows (`mc.evt.*`): a command.
    ByFact,
    /// Nothing: it shows nothing of a patient, and changes nothing.
    Nothing,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    /// What is recorded when it succeeds.
    pub recording: Recording,
    /// What the id in its path is of.
    pub resource: Option<ResourceKind>,
}

const fn operation(
    method: &'static str,
    path: &'static str,
    recording: Recording,
    resource: Option<ResourceKind>,
) -> Operation {
    Operation { method, path, recording, resource }
}

use Recording::{Ahead, ByFact, Noted, Nothing};
use ResourceKind::{
    Appointment, AuditEvent, Consent, Coverage, CoverageEligibilityResponse, Endpoint,
    HealthcareService, Location, MessageHeader, Patient, Person, Practitioner, Schedule, Task,
};
use ResourceKind::{CareTeam, DocumentReference};

const PREVIEW_EXCEPTIONS: &str = "/v1/doctors/{id}/availability/exceptions/{date}/preview";

const OPERATIONS: &[Operation] = &[
    operation("GET", "/.well-known/jwks.json", Nothing, None),
    operation("GET", "/healthz", Nothing, None),
    operation("GET", "/openapi.json", Nothing, None),
    operation("GET", "/problems/{name}", Nothing, None),
    operation("GET", "/readyz", Nothing, None),
    operation("POST", "/v1/admin/doctors", Ahead, Some(Practitioner)),
    operation("POST", "/v1/admin/doctors/{id}/approve", Ahead, Some(Practitioner)),
    operation("GET", "/v1/admin/users", Noted, Some(Person)),
    operation("POST", "/v1/admin/users", Ahead, Some(Person)),
    operation("POST", "/v1/admin/users/{id}/disable", Ahead, Some(Person)),
    operation("POST", "/v1/admin/users/{id}/enable", Ahead, Some(Person)),
    operation("POST", "/v1/admin/users/{id}/password-reset", Ahead, Some(Person)),
    operation("PUT", "/v1/admin/users/{id}/role", Ahead, Some(Person)),
    operation("POST", "/v1/admin/users/{id}/second-factor/remove", Ahead, Some(Person)),
    operation("GET", "/v1/appointments", Noted, Some(Appointment)),
    operation("POST", "/v1/appointments", ByFact, Some(Appointment)),
    operation("GET", "/v1/appointments/{id}", Noted, Some(Appointment)),
    operation("POST", "/v1/appointments/{id}/cancel", ByFact, Some(Appointment)),
    operation("GET", "/v1/appointments/{id}/history", Noted, Some(Appointment)),
    operation("GET", "/v1/appointments/{id}/notes", Noted, Some(Appointment)),
    operation("POST", "/v1/appointments/{id}/notes", ByFact, Some(Appointment)),
    operation("POST", "/v1/appointments/{id}/reschedule", ByFact, Some(Appointment)),
    operation("POST", "/v1/appointments/{id}/status", ByFact, Some(Appointment)),
    operation("POST", "/v1/appointments/{id}/undo", ByFact, Some(Appointment)),
    operation("GET", "/v1/audit", Noted, Some(AuditEvent)),
    operation("POST", "/v1/auth/login", Noted, None),
    operation("POST", "/v1/auth/logout", Noted, None),
    operation("POST", "/v1/auth/password", Ahead, Some(Person)),
    // Who asks isn't known, and whose password it is isn't looked up.
    operation("POST", "/v1/auth/password-reset", Nothing, None),
    operation("POST", "/v1/auth/password-reset/confirm", Ahead, Some(Person)),
    operation("POST", "/v1/auth/refresh", Noted, None),
    operation("POST", "/v1/auth/register", Noted, None),
    operation("POST", "/v1/auth/second-factor", Noted, None),
    operation("GET", "/v1/breakers", Nothing, Some(Endpoint)),
    operation("PUT", "/v1/breakers/{payer}", Ahead, Some(Endpoint)),
    operation("DELETE", "/v1/care-relations/{id}", ByFact, Some(CareTeam)),
    operation("POST", "/v1/client-errors", Nothing, None),
    operation("GET", "/v1/coverages/{id}", Noted, Some(Coverage)),
    operation("PUT", "/v1/coverages/{id}", Ahead, Some(Coverage)),
    operation("POST", "/v1/coverages/{id}/end", Ahead, Some(Coverage)),
    // Masked: nobody's data is shown.
    operation("GET", "/v1/dead-letters", Nothing, Some(MessageHeader)),
    operation("GET", "/v1/dead-letters/groups", Nothing, Some(MessageHeader)),
    operation("POST", "/v1/dead-letters/replay", Ahead, Some(MessageHeader)),
    operation("GET", "/v1/dead-letters/{id}", Nothing, Some(MessageHeader)),
    operation("POST", "/v1/dead-letters/{id}/discard", Ahead, Some(MessageHeader)),
    operation("POST", "/v1/dead-letters/{id}/rehearse", Nothing, Some(MessageHeader)),
    operation("POST", "/v1/dead-letters/{id}/replay", Ahead, Some(MessageHeader)),
    operation("POST", "/v1/dead-letters/{id}/unmask", Noted, Some(MessageHeader)),
    operation("GET", "/v1/doctors", Nothing, Some(Practitioner)),
    operation("GET", "/v1/doctors/{id}", Nothing, Some(Practitioner)),
    operation("GET", "/v1/doctors/{id}/availability", Nothing, Some(Schedule)),
    operation("PUT", "/v1/doctors/{id}/availability", ByFact, Some(Schedule)),
    operation("GET", "/v1/doctors/{id}/availability/exceptions", Nothing, Some(Schedule)),
    operation("PUT", "/v1/doctors/{id}/availability/exceptions/{date}", ByFact, Some(Schedule)),
    operation("DELETE", "/v1/doctors/{id}/availability/exceptions/{date}", ByFact, Some(Schedule)),
    operation("POST", PREVIEW_EXCEPTIONS, Noted, Some(Schedule)),
    operation("POST", "/v1/doctors/{id}/availability/preview", Noted, Some(Schedule)),
    operation("GET", "/v1/eligibility-checks", Noted, Some(CoverageEligibilityResponse)),
    operation("POST", "/v1/holds", ByFact, Some(Appointment)),
    operation("DELETE", "/v1/holds/{id}", ByFact, Some(Appointment)),
    operation("POST", "/v1/holds/{id}/confirm", ByFact, Some(Appointment)),
    operation("GET", "/v1/locations", Nothing, Some(Location)),
    operation("POST", "/v1/locations", ByFact, Some(Location)),
    operation("GET", "/v1/locations/{id}", Nothing, Some(Location)),
    operation("PUT", "/v1/locations/{id}", ByFact, Some(Location)),
    operation("GET", "/v1/me", Noted, Some(Person)),
    operation("GET", "/v1/notes/{id}", Noted, Some(DocumentReference)),
    operation("PUT", "/v1/notes/{id}", ByFact, Some(DocumentReference)),
    operation("GET", "/v1/notes/{id}/versions", Noted, Some(DocumentReference)),
    operation("GET", "/v1/patients/{id}/care-relations", Noted, Some(Patient)),
    operation("POST", "/v1/patients/{id}/care-relations", ByFact, Some(Patient)),
    operation(
        "POST",
        "/v1/eligibility-checks/{id}/recheck",
        Ahead,
        Some(CoverageEligibilityResponse),
    ),
    operation(
        "POST",
        "/v1/eligibility-checks/{id}/reopen",
        Ahead,
        Some(CoverageEligibilityResponse),
    ),
    operation(
        "POST",
        "/v1/eligibility-checks/{id}/self-pay",
        Ahead,
        Some(CoverageEligibilityResponse),
    ),
    operation(
        "POST",
        "/v1/eligibility-checks/{id}/verify-by-phone",
        Ahead,
        Some(CoverageEligibilityResponse),
    ),
    operation("GET", "/v1/emergency-access", Noted, Some(Consent)),
    operation("POST", "/v1/emergency-access", Ahead, Some(Consent)),
    operation("POST", "/v1/emergency-access/{id}/end", Ahead, Some(Consent)),
    operation("POST", "/v1/emergency-access/{id}/review", Ahead, Some(Consent)),
    operation("GET", "/v1/me", Noted, Some(Person)),
    operation("GET", "/v1/me/record-access", Noted, Some(AuditEvent)),
    operation("GET", "/v1/patients", Noted, Some(Patient)),
    operation("GET", "/v1/patients/{id}", Noted, Some(Patient)),
    operation("GET", "/v1/patients/{id}/coverages", Noted, Some(Patient)),
    operation("POST", "/v1/patients/{id}/coverages", Ahead, Some(Patient)),
    operation("GET", "/v1/requests/{id}", Noted, Some(Task)),
    operation("DELETE", "/v1/requests/{id}", Noted, Some(Task)),
    operation("POST", "/v1/series", ByFact, Some(Appointment)),
    operation("GET", "/v1/series/{id}", Noted, Some(Appointment)),
    operation("POST", "/v1/series/{id}/cancel", ByFact, Some(Appointment)),
    operation("GET", "/v1/services", Nothing, Some(HealthcareService)),
    operation("POST", "/v1/services", ByFact, Some(HealthcareService)),
    operation("GET", "/v1/services/{id}", Nothing, Some(HealthcareService)),
    operation("PUT", "/v1/services/{id}", ByFact, Some(HealthcareService)),
    operation("GET", "/v1/second-factor", Nothing, Some(Person)),
    operation("POST", "/v1/second-factor/recovery-codes", Ahead, Some(Person)),
    operation("POST", "/v1/second-factor/remove", Ahead, Some(Person)),
    operation("POST", "/v1/second-factor/totp", Ahead, Some(Person)),
    operation("POST", "/v1/second-factor/totp/confirm", Ahead, Some(Person)),
    // Of the caller alone, and nothing but times.
    operation("GET", "/v1/sessions", Nothing, Some(Person)),
    operation("DELETE", "/v1/sessions", Noted, Some(Person)),
    operation("DELETE", "/v1/sessions/{id}", Noted, Some(Person)),
    operation("GET", "/v1/slots", Nothing, None),
];

/// The operation of that method and route, if it is one of ours.
pub fn find(method: &str, path: &str) -> Option<&'static Operation> {
    let method = if method == "HEAD" { "GET" } else { method };
    OPERATIONS.iter().find(|known| known.method == method && known.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Schemas of answers that say something of a patient.
    const OF_PATIENTS: [&str; 21] = [
        "AppointmentDocument",
        "AuditDocument",
        "CareRelationDocument",
        "ChangedAvailabilityDocument",
        "ChangedDateDocument",
        "ChartDocument",
        "CheckDocument",
        "ConflictsDocument",
        "CoverageDocument",
        "EmergencyAccessDocument",
        "HistoryDocument",
        "ListedUser",
        "MeDocument",
        "NoteDocument",
        "PatientDocument",
        "ReadAppointmentDocument",
        "RecordAccessDocument",
        "RequestDocument",
        "SeriesDocument",
        "SessionDocument",
        "WrittenNoteDocument",
    ];

    fn described() -> Vec<(String, String, Value)> {
        let description = serde_json::to_value(crate::openapi::describe()).unwrap();
        let mut operations = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                operations.push((method.to_uppercase(), path.clone(), operation.clone()));
            }
        }
        operations
    }

    /// Names of the schemas that the successful answers of an operation are made of.
    fn answered(operation: &Value) -> BTreeSet<String> {
        let successes = operation["responses"].as_object().unwrap().iter();
        let successes = successes.filter(|(status, _)| status.starts_with('2'));
        let text: String = successes.map(|(_, response)| response.to_string()).collect();
        let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.map(|name| name.trim_start_matches("ListDocument_").to_owned()).collect()
    }

    #[test]
    fn every_operation_is_in_the_table_and_nothing_else() {
        let described: BTreeSet<_> =
            described().into_iter().map(|(method, path, _)| (method, path)).collect();
        let known: BTreeSet<_> = OPERATIONS
            .iter()
            .map(|known| (known.method.to_owned(), known.path.to_owned()))
            .collect();
        assert_eq!(known, described, "say in OPERATIONS what is recorded of each operation");
    }

    #[test]
    fn whatever_shows_a_patients_data_is_recorded() {
        let mut showing = 0;
        for (method, path, operation) in described() {
            let names = answered(&operation);
            let shows = OF_PATIENTS.iter().any(|name| names.contains(*name));
            showing += usize::from(shows);
            let known = find(&method, &path).unwrap();
            assert!(!shows || known.recording != Nothing, "{method} {path} shows {names:?}");
        }
        assert!(showing >= 15, "the schemas have other names now: {showing}");
    }

    #[test]
    fn every_schema_of_an_answer_was_thought_of() {
        // Those of which nothing is a patient's.
        let others = [
            "AcceptedDocument",
            "AvailabilityDocument",
            "BreakerDocument",
            "DateDocument",
            "DoctorDocument",
            "EnrolmentDocument",
            "Health",
            "JsonWebKeySet",
            "LetterDocument",
            "LetterGroupDocument",
            "LocationDocument",
            "LiveSessionDocument",
            "PractitionerDocument",
            // Masked, but where it is `Noted`.
            "ReadLetterDocument",
            "Readiness",
            "RecoveryCodesDocument",
            "RegisteredDocument",
            "RehearsalDocument",
            "ReplayedDocument",
            "ServiceDocument",
            "ResetDocument",
            "ResetRequestedDocument",
            "SecondFactorDocument",
            "SlotDocument",
            "UserDocument",
        ];
        let description = serde_json::to_value(crate::openapi::describe()).unwrap();
        let schemas = description["components"]["schemas"].as_object().unwrap();
        for (method, path, operation) in described() {
            for name in answered(&operation) {
                let is_schema = schemas.contains_key(&name);
                let is_known = OF_PATIENTS.contains(&&*name) || others.contains(&&*name);
                assert!(
                    !is_schema || is_known,
                    "{method} {path} answers with {name}: whose is it?"
                );
            }
        }
    }
}
