//! The table. To add a route, add a row: what it is about (`.of(Thing::…)`, when its path or body has
//! an id: `{id}` in the path, `$id` in bodies and queries), what is sent, and the statuses for
//!
//! `nobody, a patient, a doctor, an administrator, an operator`,
//!
//! each as one number, or as three: for the caller's own, for somebody else's, for an id that doesn't
//! exist. Rows are asked in this order, by two patients and two doctors, all on the same server: so
//! let a row change nothing (a version that is out of date, a body that is refused after the caller
//! is known) or put it where that does no harm.

/// In which role somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Nobody,
    Patient,
    Doctor,
    Admin,
    Operator,
}

/// Whose thing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Own,
    Others,
    Absent,
}

/// What the id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Nothing,
    CareRelation,
    Check,
    Coverage,
    Doctor,
    EmergencyAccess,
    Hold,
    Letter,
    Location,
    Note,
    Patient,
    Request,
    Series,
    Service,
    Session,
    Visit,
}

/// One way to ask, and what each role is answered.
pub struct Row {
    pub operation: &'static str,
    pub thing: Thing,
    pub query: Option<&'static str>,
    pub body: Option<&'static str>,
    pub headers: &'static [(&'static str, &'static str)],
    statuses: [[u16; 3]; 5],
}

/// One status for whatever is asked for, or three.
pub struct Statuses([u16; 3]);

impl From<u16> for Statuses {
    fn from(status: u16) -> Self {
        Self([status; 3])
    }
}

impl From<[u16; 3]> for Statuses {
    fn from(statuses: [u16; 3]) -> Self {
        Self(statuses)
    }
}

fn route(operation: &'static str) -> Row {
    let (thing, query, body) = (Thing::Nothing, None, None);
    Row { operation, thing, query, body, headers: &[], statuses: [[0; 3]; 5] }
}

/// A version that nothing here has.
const OUT_OF_DATE: &[(&str, &str)] = &[("if-match", "\"v99\""), ("prefer", "wait=20")];

/// Until the worker says how it ended.
const WAIT: &[(&str, &str)] = &[("prefer", "wait=20")];

impl Row {
    fn of(self, thing: Thing) -> Self {
        Self { thing, ..self }
    }

    fn query(self, query: &'static str) -> Self {
        Self { query: Some(query), ..self }
    }

    fn body(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }

    fn headers(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    fn answers(
        self,
        nobody: impl Into<Statuses>,
        patient: impl Into<Statuses>,
        doctor: impl Into<Statuses>,
        admin: impl Into<Statuses>,
        operator: impl Into<Statuses>,
    ) -> Self {
        let statuses =
            [nobody.into(), patient.into(), doctor.into(), admin.into(), operator.into()];
        Self { statuses: statuses.map(|it| it.0), ..self }
    }

    /// Whose things to ask for: without an id there is one way only.
    pub fn relations(&self) -> &'static [Whose] {
        match self.thing {
            Thing::Nothing => &[Whose::Own],
            _ => &[Whose::Own, Whose::Others, Whose::Absent],
        }
    }

    pub fn expected(&self, role: Role, whose: Whose) -> u16 {
        self.statuses[role as usize][whose as usize]
    }
}

#[rustfmt::skip]
pub fn rows() -> Vec<Row> {
    use Thing::{
        CareRelation, Check, Coverage, Doctor, EmergencyAccess, Hold, Letter, Location, Note,
        Patient, Request, Series, Service, Session, Visit,
    };
    const DATE: &str = r#"{"entries":[{"kind":"closed","start":"12:00","end":"13:00"}]}"#;
    const TEXT: &str = r#"{"text":"nothing new"}"#;
    const PAST: &str = r#"{"practitioner_id":"$doctor","start":"2020-01-01T09:00:00Z"}"#;
    const WEEK: &str = r#"{"time_zone":"Etc/UTC","slot_minutes":30,"hours":[]}"#;
    const WHY: &str = r#"{"reason":"just because"}"#;
    const INSURED: &str = r#"{"payer":"00042","subscriber_id":"M-1"}"#;
    vec![
        // For machines, and for whoever wants to know what there is.
        route("GET /.well-known/jwks.json").answers(200, 200, 200, 200, 200),
        route("GET /healthz").answers(200, 200, 200, 200, 200),
        route("GET /readyz").answers(200, 200, 200, 200, 200),
        route("GET /openapi.json").answers(200, 200, 200, 200, 200),
        route("GET /problems/{name}").answers(200, 200, 200, 200, 200),

        // Signing in is for everybody; an empty form is refused.
        route("POST /v1/auth/login").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/auth/logout").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/auth/refresh").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/auth/register").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/auth/second-factor").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/auth/password-reset").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/auth/password-reset/confirm").body("{}").answers(422, 422, 422, 422, 422),
        route("POST /v1/client-errors").body("{}").answers(422, 422, 422, 422, 422),

        // Everybody's own account.
        route("POST /v1/auth/password").body("{}").answers(401, 422, 422, 422, 422),
        route("GET /v1/second-factor").answers(401, 200, 200, 200, 200),
        route("POST /v1/second-factor/totp").body("{}").answers(401, 422, 422, 422, 422),
        route("POST /v1/second-factor/totp/confirm").body("{}").answers(401, 422, 422, 422, 422),
        route("POST /v1/second-factor/recovery-codes").body("{}").answers(401, 409, 409, 409, 409),
        route("POST /v1/second-factor/remove").body("{}").answers(401, 422, 422, 422, 422),
        route("GET /v1/sessions").answers(401, 200, 200, 200, 200),
        route("DELETE /v1/sessions/{id}").of(Session)
            .answers(401, [204, 404, 404], [204, 404, 404], 404, 404),
        route("GET /v1/me").answers(401, 200, 200, 200, 200),
        route("GET /v1/me/record-access").answers(401, 200, 403, 403, 403),

        // Administration.
        route("GET /v1/admin/users").answers(401, 403, 403, 200, 403),
        route("POST /v1/admin/users").body("{}").answers(401, 403, 403, 422, 403),
        route("POST /v1/admin/doctors").body("{}").answers(401, 403, 403, 422, 403),
        route("POST /v1/admin/doctors/{id}/approve").of(Doctor)
            .answers(401, 403, 403, [200, 200, 404], 403),
        route("PUT /v1/admin/users/{id}/role").of(Patient).body("{}")
            .answers(401, 403, 403, 422, 403),
        route("GET /v1/audit").answers(401, 403, 403, 200, 403),

        // Where patients come, and for what.
        route("GET /v1/locations").answers(401, 200, 200, 200, 200),
        route("GET /v1/locations/{id}").of(Location)
            .answers(401, [200, 200, 404], [200, 200, 404], [200, 200, 404], [200, 200, 404]),
        route("POST /v1/locations").body("{}").answers(401, 403, 403, 422, 403),
        route("PUT /v1/locations/{id}").of(Location).headers(OUT_OF_DATE)
            .body(r#"{"name":"Elsewhere","time_zone":"Etc/UTC"}"#)
            .answers(401, 403, 403, [412, 412, 404], 403),
        route("GET /v1/services").answers(401, 200, 200, 200, 200),
        route("GET /v1/services/{id}").of(Service)
            .answers(401, [200, 200, 404], [200, 200, 404], [200, 200, 404], [200, 200, 404]),
        route("POST /v1/services").body("{}").answers(401, 403, 403, 422, 403),
        route("PUT /v1/services/{id}").of(Service).headers(OUT_OF_DATE)
            .body(r#"{"name":"Longer","modality":"video","duration_minutes":50,
                "alignment_minutes":10,"horizon_days":90}"#)
            .answers(401, 403, 403, [412, 412, 404], 403),

        // Doctors, and when they work: a directory.
        route("GET /v1/doctors").answers(401, 200, 200, 200, 200),
        route("GET /v1/doctors/{id}").of(Doctor)
            .answers(401, [200, 200, 404], [200, 200, 404], [200, 200, 404], [200, 200, 404]),
        route("GET /v1/doctors/{id}/availability").of(Doctor)
            .answers(401, [200, 200, 404], [200, 200, 404], [200, 200, 404], [200, 200, 404]),
        route("GET /v1/doctors/{id}/availability/exceptions").of(Doctor)
            .answers(401, [200, 200, 404], [200, 200, 404], [200, 200, 404], [200, 200, 404]),
        route("POST /v1/doctors/{id}/availability/exceptions/{date}/preview").of(Doctor).body(DATE)
            .answers(401, 403, [200, 403, 403], [200, 200, 404], 403),
        route("PUT /v1/doctors/{id}/availability/exceptions/{date}").of(Doctor).headers(WAIT)
            .body(DATE)
            .answers(401, 403, [200, 403, 403], [200, 200, 404], 403),
        route("DELETE /v1/doctors/{id}/availability/exceptions/{date}").of(Doctor).headers(WAIT)
            .answers(401, 403, [200, 403, 403], [200, 200, 404], 403),
        route("PUT /v1/doctors/{id}/availability").of(Doctor).headers(WAIT)
            .body(r#"{"time_zone":"Etc/UTC","slot_minutes":30,"hours":[]}"#)
            .answers(401, 403, [200, 403, 403], [200, 200, 404], 403),
        route("POST /v1/doctors/{id}/availability/preview").of(Doctor).body(WEEK)
            .answers(401, 403, [200, 403, 403], [200, 200, 404], 403),
        route("GET /v1/slots").query("practitioner_id=$doctor&from=$now&to=$tomorrow")
            .answers(401, 200, 200, 200, 200),

        // Visits. A past time and an old version change nothing.
        route("GET /v1/appointments").answers(401, 200, 200, 200, 403),
        route("POST /v1/appointments").headers(WAIT)
            .body(r#"{"practitioner_id":"$doctor","start":"2020-01-01T09:00:00Z"}"#)
            .answers(401, 422, 403, 422, 403),
        route("GET /v1/appointments/{id}").of(Visit)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("POST /v1/appointments/{id}/cancel").of(Visit).headers(OUT_OF_DATE)
            .body(r#"{"reason":"pat"}"#)
            .answers(401, [412, 404, 404], [412, 404, 404], [412, 412, 404], 403),
        route("POST /v1/appointments/{id}/reschedule").of(Visit).headers(OUT_OF_DATE)
            .body(r#"{"start":"2020-01-01T09:00:00Z"}"#)
            .answers(401, [412, 404, 404], [412, 404, 404], [412, 412, 404], 403),
        // A patient says that they are there, and nothing else.
        route("POST /v1/appointments/{id}/status").of(Visit).headers(OUT_OF_DATE)
            .body(r#"{"status":"checked-in"}"#)
            .answers(401, [412, 404, 404], [412, 404, 404], [412, 412, 404], 403),
        route("POST /v1/appointments/{id}/undo").of(Visit).headers(OUT_OF_DATE)
            .answers(401, 403, [412, 404, 404], [412, 412, 404], 403),
        route("GET /v1/appointments/{id}/history").of(Visit)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("POST /v1/holds").headers(WAIT).body(PAST).answers(401, 422, 403, 422, 403),
        route("POST /v1/holds/{id}/confirm").of(Hold).headers(OUT_OF_DATE)
            .answers(401, [412, 404, 404], 403, [412, 412, 404], 403),
        route("DELETE /v1/holds/{id}").of(Hold).headers(OUT_OF_DATE)
            .answers(401, [412, 404, 404], 403, [412, 412, 404], 403),
        route("POST /v1/series").headers(WAIT)
            .body(r#"{"first":{"practitioner_id":"$doctor","start":"2020-01-01T09:00:00Z"},"count":2}"#)
            .answers(401, 422, 403, 422, 403),
        route("GET /v1/series/{id}").of(Series)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("POST /v1/series/{id}/cancel").of(Series).body("{}")
            .answers(401, 422, 422, 422, 403),

        // What doctors write down.
        route("POST /v1/appointments/{id}/notes").of(Visit).headers(WAIT).body(TEXT)
            .answers(401, 403, [201, 404, 404], 403, 403),
        route("GET /v1/appointments/{id}/notes").of(Visit)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("GET /v1/notes/{id}").of(Note)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("GET /v1/notes/{id}/versions").of(Note)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("PUT /v1/notes/{id}").of(Note).headers(OUT_OF_DATE).body(TEXT)
            .answers(401, 403, [412, 404, 404], 403, 403),
        route("GET /v1/requests/{id}").of(Request)
            .answers(401, [200, 404, 404], [200, 404, 404], 404, 404),
        route("DELETE /v1/requests/{id}").of(Request).headers(WAIT)
            .answers(401, [409, 404, 404], [409, 404, 404], 404, 404),

        // Patients.
        route("GET /v1/patients").answers(401, 403, 200, 200, 403),
        route("GET /v1/patients/{id}").of(Patient)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),

        route("GET /v1/patients/{id}/care-relations").of(Patient)
            .answers(401, [200, 404, 404], [200, 404, 404], [200, 200, 404], 403),
        route("POST /v1/patients/{id}/care-relations").of(Patient).body("{}")
            .answers(401, 403, 403, 422, 403),

        // Who insures them.
        route("GET /v1/patients/{id}/coverages").of(Patient)
            .answers(401, [200, 404, 404], 403, [200, 200, 404], 403),
        route("POST /v1/patients/{id}/coverages").of(Patient).body(INSURED)
            .answers(401, [201, 404, 404], 403, [409, 409, 404], 403),
        route("GET /v1/coverages/{id}").of(Coverage)
            .answers(401, [200, 404, 404], 403, [200, 200, 404], 403),
        route("PUT /v1/coverages/{id}").of(Coverage).headers(OUT_OF_DATE).body(INSURED)
            .answers(401, [412, 404, 404], 403, [412, 412, 404], 403),
        route("POST /v1/coverages/{id}/end").of(Coverage).headers(OUT_OF_DATE).body("{}")
            .answers(401, [412, 404, 404], 403, [412, 412, 404], 403),
        route("GET /v1/eligibility-checks").answers(401, 403, 403, 200, 403),
        route("POST /v1/eligibility-checks/{id}/recheck").of(Check)
            .answers(401, [202, 404, 404], 403, [202, 202, 404], 403),
        route("POST /v1/eligibility-checks/{id}/verify-by-phone").of(Check).body(WHY)
            .answers(401, 403, 403, [200, 200, 404], 403),
        route("POST /v1/eligibility-checks/{id}/self-pay").of(Check).body(WHY)
            .answers(401, 403, 403, [200, 200, 404], 403),
        route("POST /v1/eligibility-checks/{id}/reopen").of(Check).body(WHY)
            .answers(401, 403, 403, [200, 200, 404], 403),

        // The machinery.
        route("GET /v1/breakers").answers(401, 403, 403, 200, 200),
        route("PUT /v1/breakers/{payer}").body(r#"{"control":"automatic","reason":"just because"}"#)
            .answers(401, 403, 403, 200, 200),
        route("GET /v1/dead-letters").answers(401, 403, 403, 200, 200),
        route("GET /v1/dead-letters/groups").answers(401, 403, 403, 200, 200),
        route("POST /v1/dead-letters/replay").body("{}").answers(401, 403, 403, 422, 422),
        route("GET /v1/dead-letters/{id}").of(Letter)
            .answers(401, 403, 403, [200, 200, 404], [200, 200, 404]),
        route("POST /v1/dead-letters/{id}/unmask").of(Letter).body(WHY)
            .answers(401, 403, 403, [200, 200, 404], [200, 200, 404]),
        // Their bytes are gone.
        route("POST /v1/dead-letters/{id}/rehearse").of(Letter).body("{}")
            .answers(401, 403, 403, [409, 409, 404], [409, 409, 404]),
        route("POST /v1/dead-letters/{id}/replay").of(Letter).body(WHY)
            .answers(401, 403, 403, [409, 409, 404], [409, 409, 404]),
        route("POST /v1/dead-letters/{id}/discard").of(Letter).body(r#"{"reason":"x"}"#)
            .answers(401, 403, 403, 422, 422),

        // Emergencies. The last row lets each doctor see the other's patient.
        route("GET /v1/emergency-access").answers(401, 403, 200, 200, 403),
        route("POST /v1/emergency-access/{id}/review").of(EmergencyAccess)
            .body(r#"{"note":"as it should be"}"#)
            .answers(401, 403, 403, [200, 200, 404], 403),
        route("POST /v1/emergency-access/{id}/end").of(EmergencyAccess)
            .answers(401, 403, [200, 404, 404], 403, 403),
        route("POST /v1/emergency-access").of(Patient)
            .body(r#"{"patient_id":"$id","reason":"unconscious"}"#)
            .answers(401, 403, [409, 201, 404], 403, 403),

        // What ends something, at the end.
        route("DELETE /v1/care-relations/{id}").of(CareRelation).headers(WAIT)
            .answers(401, 403, 403, [200, 200, 404], 403),
        route("POST /v1/admin/users/{id}/enable").of(Patient)
            .answers(401, 403, 403, [204, 204, 404], 403),
        route("POST /v1/admin/users/{id}/password-reset").of(Patient)
            .answers(401, 403, 403, [201, 201, 404], 403),
        // They have none.
        route("POST /v1/admin/users/{id}/second-factor/remove").of(Patient)
            .answers(401, 403, 403, 404, 403),
        route("POST /v1/admin/users/{id}/disable").of(Doctor)
            .answers(401, 403, 403, [204, 204, 404], 403),
        route("DELETE /v1/sessions").answers(401, 204, 401, 204, 204),
    ]
}
