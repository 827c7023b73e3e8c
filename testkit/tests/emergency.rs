//! Charts: whose they are, doctors who open others' in an emergency, and patients who see who looked.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Answer, Api, System};

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

fn chart(patient: &Api) -> anyhow::Result<String> {
    Ok(format!("/v1/patients/{}", id(patient)?))
}

/// A patient of somebody else's, with a visit and a coverage, and a doctor who has never met them.
struct Scene {
    system: System,
    patient: Api,
    doctor: Api,
    visit: String,
    stranger: Api,
    admin: Api,
}

impl Scene {
    async fn set(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut system = System::start_with(settings).await?;
        system.start_audit()?;
        let api = system.api();
        let (patient, doctor) = (api.new_patient().await?, api.new_doctor().await?);
        let slots = patient.free_slots(id(&doctor)?).await?;
        let booked = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
        let visit = format!("/v1/appointments/{}", booked["id"].as_str().context("an id")?);
        let coverages = format!("{}/coverages", chart(&patient)?);
        let insured = json!({ "payer": "00042", "subscriber_id": "M-1-ACTIVE" });
        patient.post(&coverages, insured).await?.expect(201)?;
        let (stranger, admin) = (api.new_doctor().await?, api.admin().await?);
        Ok(Self { system, patient, doctor, visit, stranger, admin })
    }

    async fn open(&self) -> anyhow::Result<Answer> {
        let why = json!({ "patient_id": id(&self.patient)?, "reason": "unconscious, ward 3" });
        self.stranger.post("/v1/emergency-access", why).await
    }

    /// What is recorded of an answer, once it is.
    async fn recorded(&self, answer: &Answer) -> anyhow::Result<Value> {
        let id = answer.header("x-correlation-id").context("every answer has one")?;
        let path = format!("/v1/audit?correlation_id={id}");
        let items = || async {
            Ok::<_, anyhow::Error>(self.admin.get(&path).await?.expect(200)?["items"].clone())
        };
        let is_there =
            || async { Ok(items().await?.as_array().is_some_and(|rows| !rows.is_empty())) };
        self.system.wait_until("it is recorded", is_there).await?;
        Ok(items().await?[0].clone())
    }
}

#[tokio::test]
async fn a_chart_is_its_patients_and_their_doctors() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    let path = chart(&scene.patient)?;
    let own = scene.patient.get(&path).await?.expect(200)?;
    ensure!(own["name"]["given"] == "Pat" && own["birth_date"] == "1980-02-29", "{own}");
    ensure!(own["coverages"][0]["payer"] == "00042" && own["is_emergency"] == false, "{own}");
    let seen = scene.doctor.get(&path).await?;
    ensure!(!seen.text.contains("00042"), "who insures a patient is not their doctor's business");
    let seen = seen.expect(200)?;
    let visit = seen["visits"][0]["id"].as_str().context("a visit")?;
    ensure!(scene.visit.ends_with(visit) && seen["visits"][0]["status"] == "booked", "{seen}");
    scene.stranger.get(&path).await?.problem(404)?;

    let patients = scene.doctor.get("/v1/patients").await?.expect(200)?;
    ensure!(patients["items"].as_array().map(Vec::len) == Some(1), "{patients}");
    ensure!(patients["items"][0]["id"] == id(&scene.patient)?, "{patients}");
    ensure!(scene.stranger.get("/v1/patients").await?.expect(200)?["items"] == json!([]));
    let _other = scene.system.api().new_patient().await?;
    let first = scene.admin.get("/v1/patients?limit=1").await?;
    let next = first.header("link").and_then(|link| link.strip_prefix('<')?.split_once('>'));
    let (next, _) = next.context("a second page")?;
    let second = scene.admin.get(next).await?.expect(200)?;
    ensure!(second["items"][0]["id"] != first.expect(200)?["items"][0]["id"]);
    Ok(())
}

#[tokio::test]
async fn a_doctor_opens_a_chart_in_an_emergency_and_everybody_hears_of_it() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    let (path, coverages) =
        (chart(&scene.patient)?, format!("{}/coverages", chart(&scene.patient)?));
    scene.stranger.get(&scene.visit).await?.problem(404)?;
    let opened = scene.open().await?;
    let row = scene.recorded(&opened).await?;
    ensure!(row["kind"] == "emergency-access" && row["purpose"] == "BTG", "{row:#}");
    ensure!(row["stated_reason"] == "unconscious, ward 3", "{row:#}");
    ensure!(row["patient_id"] == id(&scene.patient)?, "{row:#}");
    let opened = opened.expect(201)?;
    ensure!(opened["is_open"] == true && opened.get("review").is_none(), "{opened}");

    // Reading, all of it, and each time as an emergency.
    let seen = scene.stranger.get(&path).await?;
    let row = scene.recorded(&seen).await?;
    ensure!(row["purpose"] == "BTG" && row["patient_id"] == id(&scene.patient)?, "{row:#}");
    ensure!(!seen.text.contains("M-1-ACTIVE"), "a number on a card");
    let seen = seen.expect(200)?;
    ensure!(seen["is_emergency"] == true && seen["coverages"][0]["payer"] == "00042", "{seen}");
    ensure!(seen["visits"].as_array().map(Vec::len) == Some(1), "{seen}");
    let visit = scene.stranger.get(&scene.visit).await?;
    ensure!(scene.recorded(&visit).await?["purpose"] == "BTG");
    visit.expect(200)?;
    // Nothing else: no list of patients, no change, nobody else's chart.
    ensure!(scene.stranger.get("/v1/patients").await?.expect(200)?["items"] == json!([]));
    scene.stranger.get(&coverages).await?.problem(403)?;
    let cancel = scene.stranger.request(reqwest::Method::POST, &format!("{}/cancel", scene.visit));
    let cancel = cancel.header("if-match", "\"v1\"").header("prefer", "wait=20");
    scene.stranger.send(cancel.json(&json!({ "reason": "prov" }))).await?.problem(404)?;
    let other = scene.system.api().new_patient().await?;
    scene.stranger.get(&chart(&other)?).await?.problem(404)?;
    // Their own doctor needs none, and looks as always.
    let why = json!({ "patient_id": id(&scene.patient)?, "reason": "unconscious" });
    let refused = scene.doctor.post("/v1/emergency-access", why).await?;
    ensure!(refused.problem(409)? == "patient_in_care");
    let usual = scene.doctor.get(&path).await?;
    ensure!(scene.recorded(&usual).await?["purpose"] == "TREAT");

    // The patient sees who looked, and only at what is theirs.
    let looked = || async {
        let list = scene.patient.get("/v1/me/record-access").await?.expect(200)?;
        let items = list["items"].as_array().context("a list")?.clone();
        Ok::<_, anyhow::Error>(items)
    };
    let is_complete = || async {
        Ok(looked().await?.iter().filter(|it| it["is_emergency"] == true).count() >= 3)
    };
    scene.system.wait_until("the patient sees the emergency", is_complete).await?;
    let items = looked().await?;
    let emergency = items.iter().find(|it| it["is_emergency"] == true).context("it")?;
    ensure!(emergency["role"] == "doctor" && emergency["name"]["given"] == "Doc", "{emergency}");
    ensure!(items.iter().all(|it| it["role"] != "patient"), "their own looks: {items:#?}");
    ensure!(items.iter().any(|it| it["is_emergency"] == false && it["role"] == "doctor"));
    ensure!(other.get("/v1/me/record-access").await?.expect(200)?["items"] == json!([]));
    let first = scene.patient.get("/v1/me/record-access?limit=1").await?;
    let next = first.header("link").and_then(|link| link.strip_prefix('<')?.split_once('>'));
    let second = scene.patient.get(next.context("a second page")?.0).await?.expect(200)?;
    ensure!(second["items"][0] != first.expect(200)?["items"][0], "{second}");
    // Why the doctor looked is written down, and in no log.
    ensure!(!scene.system.log("api").contains("ward 3"), "the log says why");
    Ok(())
}

#[tokio::test]
async fn an_emergency_is_reviewed_once_by_an_administrator() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    let opened = scene.open().await?.expect(201)?;
    let path = format!("/v1/emergency-access/{}", opened["id"].as_str().context("an id")?);
    let queue = || async {
        let list = scene.admin.get("/v1/emergency-access?reviewed=false").await?.expect(200)?;
        Ok::<_, anyhow::Error>(list["items"].clone())
    };
    let waiting = queue().await?;
    ensure!(waiting[0]["reason"] == "unconscious, ward 3", "{waiting}");
    ensure!(waiting[0]["practitioner"]["given"] == "Doc", "{waiting}");
    let found = json!({ "note": "asked the ward: it was so" });
    scene.stranger.post(&format!("{path}/review"), found.clone()).await?.problem(403)?;
    let reviewed = scene.admin.post(&format!("{path}/review"), found.clone()).await?;
    let row = scene.recorded(&reviewed).await?;
    ensure!(row["kind"] == "emergency-access" && row["user_id"] == id(&scene.admin)?, "{row:#}");
    let reviewed = reviewed.expect(200)?;
    ensure!(reviewed["review"]["note"] == "asked the ward: it was so", "{reviewed}");
    ensure!(reviewed["review"]["reviewed_by"] == id(&scene.admin)?, "{reviewed}");
    let again = scene.admin.post(&format!("{path}/review"), found).await?;
    ensure!(again.problem(409)? == "emergency_reviewed");
    ensure!(queue().await? == json!([]));
    let own = scene.stranger.get("/v1/emergency-access?reviewed=true").await?.expect(200)?;
    ensure!(own["items"].as_array().map(Vec::len) == Some(1), "{own}");
    ensure!(scene.doctor.get("/v1/emergency-access").await?.expect(200)?["items"] == json!([]));
    for wrong in [json!({}), json!({ "note": "x" }), json!({ "note": "ok ok", "by": "me" })] {
        scene.admin.post(&format!("{path}/review"), wrong).await?.problem(422)?;
    }
    Ok(())
}

#[tokio::test]
async fn an_emergency_ends_by_its_doctor_or_by_itself() -> anyhow::Result<()> {
    let scene = Scene::set(&[("MC_API__EMERGENCY_ACCESS_S", "8")]).await?;
    let path = chart(&scene.patient)?;
    let opened = scene.open().await?.expect(201)?;
    scene.stranger.get(&path).await?.expect(200)?;
    let end = format!("/v1/emergency-access/{}/end", opened["id"].as_str().context("an id")?);
    scene.doctor.post(&end, json!({})).await?.problem(404)?;
    let ended = scene.stranger.post(&end, json!({})).await?.expect(200)?;
    ensure!(ended["is_open"] == false && ended["ended_at"].is_string(), "{ended}");
    scene.stranger.get(&path).await?.problem(404)?;
    let again = scene.stranger.post(&end, json!({})).await?.expect(200)?;
    ensure!(again["ended_at"] == ended["ended_at"], "{again}");

    let opened = scene.open().await?.expect(201)?;
    scene.stranger.get(&path).await?.expect(200)?;
    let is_shut = || async { Ok(scene.stranger.get(&path).await?.status == 404) };
    scene.system.wait_until("the chart is shut", is_shut).await?;
    let list = scene.stranger.get("/v1/emergency-access").await?.expect(200)?;
    let found = list["items"]
        .as_array()
        .and_then(|items| items.iter().find(|access| access["id"] == opened["id"]).cloned());
    let found = found.context("it is still on the list")?;
    ensure!(found["is_open"] == false && found.get("ended_at").is_none(), "{found}");
    Ok(())
}

#[tokio::test]
async fn an_emergency_needs_a_reason_a_patient_and_an_approved_doctor() -> anyhow::Result<()> {
    let scene = Scene::set(&[]).await?;
    let patient = id(&scene.patient)?;
    for wrong in [
        json!({}),
        json!({ "patient_id": patient }),
        json!({ "patient_id": patient, "reason": "x" }),
        json!({ "patient_id": patient, "reason": "y".repeat(201) }),
        json!({ "patient_id": "nobody", "reason": "unconscious" }),
        json!({ "patient_id": patient, "reason": "unconscious", "expires_at": "2099-01-01" }),
    ] {
        let answer = scene.stranger.post("/v1/emergency-access", wrong.clone()).await?;
        ensure!(answer.problem(422)? == "invalid_body", "{wrong}");
    }
    let nobody = json!({ "patient_id": uuid::Uuid::now_v7(), "reason": "unconscious" });
    let answer = scene.stranger.post("/v1/emergency-access", nobody).await?;
    ensure!(answer.problem(404)? == "unknown_patient");
    let applicant = scene.system.api().new_unapproved_doctor(&scene.admin).await?;
    let why = json!({ "patient_id": patient, "reason": "unconscious" });
    let answer = applicant.post("/v1/emergency-access", why).await?;
    ensure!(answer.problem(403)? == "forbidden");
    Ok(())
}
