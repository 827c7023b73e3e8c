//! Two patients with a doctor, a visit, a coverage and a request each, and staff.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Api, System};
use uuid::Uuid;

use crate::table::{Role, Thing, Whose};

/// Somebody who asks.
pub struct Person {
    pub name: &'static str,
    pub role: Role,
    pub api: Api,
    /// Whose side they are on: 0 or 1. Things of the same side are their own.
    side: usize,
}

/// What one side has.
struct Side {
    patient: String,
    doctor: String,
    visit: String,
    coverage: String,
    check: String,
    letter: String,
    patients_request: String,
    doctors_request: String,
    access: String,
    hold: String,
    series: String,
    note: String,
    care: String,
    location: String,
    service: String,
    patients_session: String,
    doctors_session: String,
    /// What nobody else may read: names, numbers.
    secrets: Vec<String>,
}

pub struct Scene {
    _system: System,
    sides: [Side; 2],
    pub people: Vec<Person>,
}

impl Scene {
    pub async fn set() -> anyhow::Result<Self> {
        let system = System::start_with(&[("MC_API__RECHECK_PAUSE_S", "0")]).await?;
        let (api, admin) = (system.api(), system.api().admin().await?);
        let operator = json!({
            "email": "operator@clinic.example",
            "password": "grumpy walnut tram forty",
            "role": "operator",
        });
        admin.post("/v1/admin/users", operator).await?.expect(201)?;
        let operator = api.sign_in("operator@clinic.example", "grumpy walnut tram forty").await?;
        // Whose chart both doctors open: nobody's patient here.
        let stranger = api.new_patient().await?;
        let (ada, bob) = (patient(&api, "Adabella").await?, patient(&api, "Bobberto").await?);
        let (doctor, other_doctor) = (api.new_doctor().await?, api.new_doctor().await?);
        let sides = [
            Side::of(&system, &admin, "Adabella", &ada, &doctor, &stranger).await?,
            Side::of(&system, &admin, "Bobberto", &bob, &other_doctor, &stranger).await?,
        ];
        let people = [
            ("nobody", Role::Nobody, api, 0),
            ("a patient", Role::Patient, ada, 0),
            ("the other patient", Role::Patient, bob, 1),
            ("a doctor", Role::Doctor, doctor, 0),
            ("the other doctor", Role::Doctor, other_doctor, 1),
            ("an administrator", Role::Admin, admin, 0),
            ("an operator", Role::Operator, operator, 0),
        ];
        let people = people.map(|(name, role, api, side)| Person { name, role, api, side });
        Ok(Self { _system: system, sides, people: people.into() })
    }

    /// The text with ids in place of `$id` and others.
    pub fn fill(&self, text: &str, thing: Thing, person: &Person, whose: Whose) -> String {
        let own = &self.sides[person.side];
        let id = match whose {
            Whose::Own => own.id(thing, person.role),
            Whose::Others => self.sides[1 - person.side].id(thing, person.role),
            Whose::Absent => Uuid::now_v7().to_string(),
        };
        let now: Timestamp = domain::Clock::now(&domain::SystemClock);
        text.replace("$id", &id)
            .replace("$doctor", &own.doctor)
            .replace("$now", &now.to_string())
            .replace("$tomorrow", &(now + SignedDuration::from_hours(24)).to_string())
    }

    /// What no answer to this person may say.
    pub fn secrets_from(&self, person: &Person) -> Vec<String> {
        match person.role {
            Role::Admin => Vec::new(),
            Role::Patient | Role::Doctor => self.sides[1 - person.side].secrets.clone(),
            Role::Nobody | Role::Operator => {
                self.sides.iter().flat_map(|side| side.secrets.clone()).collect()
            }
        }
    }
}

impl Side {
    async fn of(
        system: &System,
        admin: &Api,
        name: &str,
        patient: &Api,
        doctor: &Api,
        stranger: &Api,
    ) -> anyhow::Result<Self> {
        let doctor_id = id(doctor)?;
        let member = format!("M-{name}");
        let body = json!({ "payer": "00042", "subscriber_id": member });
        let insure = format!("/v1/patients/{}/coverages", id(patient)?);
        let coverage = text(&patient.post(&insure, body).await?.expect(201)?["id"])?;
        let found = patient.get(&format!("/v1/coverages/{coverage}")).await?.expect(200)?;
        let slots = patient.free_slots(&doctor_id).await?;
        let booked = patient.book(&doctor_id, &slots[0]).await?.expect(201)?;
        let accepted = patient
            .post("/v1/appointments", json!({ "practitioner_id": doctor_id, "start": slots[9] }))
            .await?
            .expect(202)?;
        let wait = async |who: &Api, method: Method, path: String, body: Value| {
            let request = who.request(method, &path).header("prefer", "wait=20").json(&body);
            let answer = who.send(request).await?;
            anyhow::ensure!(answer.status == 201, "{path}: {}", answer.text);
            anyhow::Ok(answer.body)
        };
        let at = |slot: usize| json!({ "practitioner_id": doctor_id, "start": slots[slot] });
        let hold = wait(patient, Method::POST, "/v1/holds".into(), at(2)).await?;
        let twice = json!({ "first": at(4), "count": 2 });
        let series = wait(patient, Method::POST, "/v1/series".into(), twice).await?;
        let about = format!("/v1/appointments/{}/notes", text(&booked["id"])?);
        let words = format!("{name} has a cold");
        let note = wait(doctor, Method::POST, about, json!({ "text": words })).await?;
        let relations = format!("/v1/patients/{}/care-relations", id(patient)?);
        let care = json!({ "practitioner_id": doctor_id });
        let care = wait(admin, Method::POST, relations, care).await?;
        let place = json!({ "name": "Downtown", "time_zone": "Etc/UTC" });
        let location = wait(admin, Method::POST, "/v1/locations".into(), place).await?;
        let kind = json!({ "name": "Short", "modality": "video", "duration_minutes": 10,
            "alignment_minutes": 10, "horizon_days": 90 });
        let service = wait(admin, Method::POST, "/v1/services".into(), kind).await?;
        let week = json!({ "time_zone": "Etc/UTC", "slot_minutes": 30,
            "hours": [{ "day": "mon", "start": "00:00", "end": "23:00" }] });
        let hours = format!("/v1/doctors/{doctor_id}/availability");
        let request = doctor.request(Method::PUT, &hours).json(&week);
        let changed = doctor.send(request).await?.expect(202)?;
        let settled = || async {
            let path =
                |body: &Value| format!("/v1/requests/{}", body["id"].as_str().unwrap_or("-"));
            let is_applied = |body: Value| body["status"] == "applied";
            let booked = patient.get(&path(&accepted)).await?.expect(200)?;
            Ok(is_applied(booked) && is_applied(doctor.get(&path(&changed)).await?.expect(200)?))
        };
        system.wait_until("both requests have ended", settled).await?;
        let emergency = json!({ "patient_id": id(stranger)?, "reason": "unconscious" });
        let access = doctor.post("/v1/emergency-access", emergency).await?.expect(201)?;
        Ok(Self {
            patient: id(patient)?,
            doctor: doctor_id,
            visit: text(&booked["id"])?,
            coverage,
            check: text(&found["eligibility"]["check_id"])?,
            letter: letter(system).await?,
            patients_request: text(&accepted["id"])?,
            doctors_request: text(&changed["id"])?,
            access: text(&access["id"])?,
            hold: text(&hold["id"])?,
            series: text(&series["id"])?,
            note: text(&note["id"])?,
            care: text(&care["id"])?,
            location: text(&location["id"])?,
            service: text(&service["id"])?,
            patients_session: session(system, &id(patient)?).await?,
            doctors_session: session(system, &id(doctor)?).await?,
            secrets: vec![name.to_owned(), member],
        })
    }

    fn id(&self, thing: Thing, role: Role) -> String {
        let id = match thing {
            Thing::Nothing => "-",
            Thing::Patient => &self.patient,
            Thing::Doctor => &self.doctor,
            Thing::Visit => &self.visit,
            Thing::Coverage => &self.coverage,
            Thing::Check => &self.check,
            Thing::Letter => &self.letter,
            Thing::Request if role == Role::Doctor => &self.doctors_request,
            Thing::Request => &self.patients_request,
            Thing::EmergencyAccess => &self.access,
            Thing::Hold => &self.hold,
            Thing::Series => &self.series,
            Thing::Note => &self.note,
            Thing::CareRelation => &self.care,
            Thing::Location => &self.location,
            Thing::Service => &self.service,
            Thing::Session if role == Role::Doctor => &self.doctors_session,
            Thing::Session => &self.patients_session,
        };
        id.to_owned()
    }
}

async fn patient(api: &Api, name: &str) -> anyhow::Result<Api> {
    let email = format!("{}@patients.example", name.to_lowercase());
    let password = "a long enough passphrase";
    let body = json!({
        "email": email,
        "password": password,
        "name": { "given": name, "family": "Example" },
        "birth_date": "1980-02-29",
    });
    api.post("/v1/auth/register", body).await?.expect(202)?;
    api.sign_in(&email, password).await
}

/// Another session of somebody's, which nobody uses.
async fn session(system: &System, person: &str) -> anyhow::Result<String> {
    let id = Uuid::now_v7();
    let insert = "INSERT INTO sessions (id, user_id, created_at, expires_at, last_used_at)
        VALUES ($1, $2::text::uuid, now(), now() + interval '1 h', now())";
    system.database().await?.execute(insert, &[&id, &person]).await?;
    Ok(id.to_string())
}

/// A dead letter without its bytes.
async fn letter(system: &System) -> anyhow::Result<String> {
    let id = Uuid::now_v7();
    let insert = "INSERT INTO dead_letters (id, dead_sequence, worker, kind, origin_stream,
            error_class, error_detail, fingerprint, generation, attempts, first_failure_at,
            last_failure_at, changed_at)
        VALUES ($1, 1000000, 'booking', 'book', 'MC_COMMANDS', 'panic', '', 'f', 1, 5, now(),
            now(), now())";
    system.database().await?.execute(insert, &[&id]).await?;
    Ok(id.to_string())
}

fn id(person: &Api) -> anyhow::Result<String> {
    person.id.clone().context("somebody is signed in")
}

fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).context("an id")
}
