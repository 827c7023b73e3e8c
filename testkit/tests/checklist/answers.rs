//! What answers show, beside what they are asked for.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use testkit::{Answer, Api, System};

fn id(person: &Api) -> anyhow::Result<&str> {
    person.id.as_deref().context("somebody is signed in")
}

/// What a refusal says, but for the request's own id and path.
fn said(answer: &Answer) -> (u16, Value) {
    let mut body = answer.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| name != "correlation_id" && name != "instance");
    }
    (answer.status, body)
}

#[tokio::test]
async fn item_22_what_is_not_yours_and_what_is_not_there_look_the_same() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let (doctor, patient) = (api.new_doctor().await?, api.new_patient().await?);
    let (other, other_doctor) = (api.new_patient().await?, api.new_doctor().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let visit = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = visit["id"].as_str().context("an id")?;
    let form = json!({ "practitioner_id": id(&doctor)?, "start": slots[1] });
    let accepted = patient.post("/v1/appointments", form).await?;
    let request = accepted.header("location").context("where the outcome will be")?.to_owned();
    let insured = json!({ "payer": "00042", "subscriber_id": "M-1" });
    let coverages = format!("/v1/patients/{}/coverages", id(&patient)?);
    let coverage = patient.post(&coverages, insured).await?.expect(201)?;
    let coverage = coverage["id"].as_str().context("an id")?;
    let absent = uuid::Uuid::now_v7();

    let pairs = [
        (&other, format!("/v1/appointments/{visit}"), format!("/v1/appointments/{absent}")),
        (&other_doctor, format!("/v1/appointments/{visit}"), format!("/v1/appointments/{absent}")),
        (&other, request, format!("/v1/requests/{absent}")),
        (&other, coverages, format!("/v1/patients/{absent}/coverages")),
        (&other, format!("/v1/coverages/{coverage}"), format!("/v1/coverages/{absent}")),
    ];
    for (person, somebodys, nobodys) in pairs {
        let (one, other) = (person.get(&somebodys).await?, person.get(&nobodys).await?);
        assert_eq!(one.status, 404, "{somebodys}: {}", one.text);
        assert_eq!(said(&one), said(&other), "{somebodys} and {nobodys}");
    }
    Ok(())
}

/// The description of the API, to hold answers against.
struct Described(Value);

impl Described {
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                self.resolve(self.0.pointer(pointer).unwrap_or(&Value::Null))
            }
            None => schema,
        }
    }

    /// Every property that the schema allows; none when it allows any.
    fn properties<'a>(&'a self, schema: &'a Value) -> Option<BTreeMap<&'a str, &'a Value>> {
        let schema = self.resolve(schema);
        let mut known = BTreeMap::new();
        for part in ["allOf", "oneOf", "anyOf"] {
            for one in schema[part].as_array().into_iter().flatten() {
                known.extend(self.properties(one)?);
            }
        }
        let own = schema["properties"].as_object();
        known.extend(own.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
        let is_closed = !known.is_empty() || schema["type"] != "object";
        is_closed.then_some(known)
    }

    fn check(&self, schema: &Value, value: &Value, place: &str) -> anyhow::Result<()> {
        let schema = self.resolve(schema);
        match value {
            Value::Array(items) => {
                for item in items {
                    self.check(&schema["items"], item, &format!("{place}[]"))?;
                }
            }
            Value::Object(fields) => {
                let Some(known) = self.properties(schema) else { return Ok(()) };
                for (name, field) in fields {
                    let place = format!("{place}.{name}");
                    let schema = known.get(name.as_str());
                    let schema = schema.with_context(|| format!("{place} is in no schema"))?;
                    self.check(schema, field, &place)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[tokio::test]
async fn item_24_answers_show_nothing_that_is_not_in_their_schema() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let admin = api.admin().await?;
    let (doctor, patient) = (api.new_doctor_of(&admin).await?, api.new_patient().await?);
    let slots = patient.free_slots(id(&doctor)?).await?;
    let visit = patient.book(id(&doctor)?, &slots[0]).await?.expect(201)?;
    let visit = visit["id"].as_str().context("an id")?;
    let described = Described(api.get("/openapi.json").await?.expect(200)?);
    let (patient_id, doctor_id) = (id(&patient)?, id(&doctor)?);
    let week = "from=2030-01-07T00:00:00Z&to=2030-01-08T00:00:00Z";
    let questions = [
        (&patient, "/v1/me", "/v1/me".to_owned()),
        (&doctor, "/v1/me", "/v1/me".to_owned()),
        (&patient, "/v1/sessions", "/v1/sessions".to_owned()),
        (&patient, "/v1/second-factor", "/v1/second-factor".to_owned()),
        (&patient, "/v1/doctors", "/v1/doctors".to_owned()),
        (&patient, "/v1/doctors/{id}", format!("/v1/doctors/{doctor_id}")),
        (&patient, "/v1/appointments", "/v1/appointments".to_owned()),
        (&doctor, "/v1/appointments/{id}", format!("/v1/appointments/{visit}")),
        (&patient, "/v1/slots", format!("/v1/slots?practitioner_id={doctor_id}&{week}")),
        (&admin, "/v1/admin/users", "/v1/admin/users".to_owned()),
        (&admin, "/v1/audit", "/v1/audit".to_owned()),
        (&admin, "/v1/eligibility-checks", "/v1/eligibility-checks".to_owned()),
        (&admin, "/v1/dead-letters", "/v1/dead-letters".to_owned()),
        (&admin, "/v1/patients/{id}/coverages", format!("/v1/patients/{patient_id}/coverages")),
        (&api, "/.well-known/jwks.json", "/.well-known/jwks.json".to_owned()),
    ];
    let mut shown = 0;
    for (person, route, path) in questions {
        let answer = person.get(&path).await?.expect(200)?;
        let operation = &described.0["paths"][route]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        ensure!(!schema.is_null(), "{route} has no schema");
        described.check(schema, &answer, route)?;
        shown += answer.to_string().len();
    }
    ensure!(shown > 1_000, "there was hardly anything to hold against its schema");
    // It would be seen.
    let me = &described.0["components"]["schemas"]["MeDocument"];
    ensure!(described.check(me, &json!({ "password_hash": "x" }), "me").is_err(), "not seen");
    Ok(())
}

#[tokio::test]
async fn item_20_tokens_are_kept_and_found_as_digests_only() -> anyhow::Result<()> {
    let system = System::start().await?;
    let patient = system.api().new_patient().await?;
    let body =
        json!({ "email": "digest@patients.example", "password": "a long enough passphrase" });
    let new = json!({
        "email": body["email"], "password": body["password"],
        "name": { "given": "Pat", "family": "Example" }, "birth_date": "1980-02-29",
    });
    system.api().post("/v1/auth/register", new).await?.expect(202)?;
    let session = system.api().post("/v1/auth/login", body).await?.expect(200)?;
    let admin = system.api().admin().await?;
    let path = format!("/v1/admin/users/{}/password-reset", id(&patient)?);
    let reset = admin.post(&path, json!({})).await?.expect(201)?;
    let secrets = [&session["refresh_token"], &session["device_token"], &reset["reset_token"]];
    let database = system.database().await?;
    let tables = "SELECT relname::text FROM pg_class
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut rows = 0;
    for table in database.query(tables, &[]).await? {
        let table: String = table.get(0);
        let all = format!("SELECT row_to_json(r)::text FROM {table} r");
        for row in database.query(&all, &[]).await? {
            let row: String = row.get(0);
            rows += 1;
            for secret in secrets {
                let secret = secret.as_str().context("a token")?;
                let hex = secret.bytes().fold(String::new(), |hex, b| hex + &format!("{b:02x}"));
                ensure!(!row.contains(secret) && !row.contains(&hex), "a token is in {table}");
            }
        }
    }
    ensure!(rows > 10, "{rows} rows were looked at");
    Ok(())
}
