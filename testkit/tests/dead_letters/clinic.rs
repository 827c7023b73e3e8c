//! A running system with an operator, and ways to make letters.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::{HeaderMap, jetstream};
use contracts::metadata::header;
use contracts::{BookAppointment, BookingCommand, Metadata, subjects};
use domain::{
    Actor, CorrelationId, PatientId, PractitionerId, RequestId, RequestedStart, Role, UserId,
};
use futures::StreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Api, System};

const OPERATOR: &str = "operator@clinic.example";
const PASSWORD: &str = "grumpy walnut tram forty";

/// What somebody could be recognised by. It must not be seen where nobody's data belongs.
pub const CANARY: &str = "Ada Lovelace 1815-12-10";

pub struct Clinic {
    pub system: System,
    pub admin: Api,
    pub operator: Api,
    pub doctor: Api,
    context: jetstream::Context,
}

/// A letter's error, as far as it differs.
#[derive(Clone, Copy)]
pub struct Death {
    pub class: &'static str,
    pub fingerprint: &'static str,
    pub at: &'static str,
}

pub const PANIC: Death = Death { class: "panic", fingerprint: "aaaa", at: "2026-11-01T10:00:00Z" };

impl Clinic {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(settings: &[(&str, &str)]) -> Self {
        let system = System::start_with(settings).await.unwrap();
        let admin = system.api().admin().await.unwrap();
        let form = json!({ "email": OPERATOR, "password": PASSWORD, "role": "operator" });
        admin.post("/v1/admin/users", form).await.unwrap().expect(201).unwrap();
        let operator = system.api().sign_in(OPERATOR, PASSWORD).await.unwrap();
        let doctor = system.api().new_doctor().await.unwrap();
        let context = jetstream::new(system.nats.client().await.unwrap());
        Self { system, admin, operator, doctor, context }
    }

    pub fn doctor_id(&self) -> PractitionerId {
        id_of(&self.doctor).into()
    }

    pub async fn free_slots(&self) -> Vec<String> {
        self.doctor.free_slots(self.doctor.id.as_deref().unwrap()).await.unwrap()
    }

    /// A booking of theirs, as api would publish it.
    pub fn booking(&self, patient: &Api, start: &str) -> (BookingCommand, Metadata) {
        let patient = id_of(patient);
        let command = BookingCommand::Book(BookAppointment {
            practitioner_id: self.doctor_id(),
            patient_id: PatientId::from(patient),
            start: RequestedStart::try_from(start.to_owned()).unwrap(),
            service_id: None,
            location_id: None,
        });
        let metadata = envelope(Actor { id: patient, role: Role::Patient }, &command);
        (command, metadata)
    }

    /// Puts a message into the stream of commands.
    pub async fn publish(&self, subject: String, metadata: &Metadata, body: Vec<u8>) {
        self.put(subject, headers(metadata), body).await;
    }

    /// Puts a letter into the dead letters, as a worker that gave up would, and never had the
    /// message in the stream.
    pub async fn bury(&self, command: &BookingCommand, metadata: &Metadata, death: Death) {
        let id = metadata.request_id;
        let mut headers = headers(metadata);
        // Of its own; the last bits of an id are random.
        let sequence = 1_000_000 + (id.as_uuid().as_u64_pair().1 & 0xffff_ffff);
        for (name, value) in [
            (header::DEAD_ORIGIN_STREAM, subjects::COMMANDS.to_owned()),
            (header::DEAD_ORIGIN_SEQUENCE, sequence.to_string()),
            (header::DEAD_ORIGIN_SUBJECT, command.kind().subject(id)),
            (header::DEAD_CONSUMER, "booking".to_owned()),
            (header::DEAD_ATTEMPTS, "5".to_owned()),
            (header::DEAD_FIRST_FAILURE, death.at.to_owned()),
            (header::DEAD_LAST_FAILURE, death.at.to_owned()),
            (header::DEAD_ERROR_CLASS, death.class.to_owned()),
            (header::DEAD_ERROR_DETAIL, "as planted".to_owned()),
            (header::DEAD_FINGERPRINT, death.fingerprint.to_owned()),
        ] {
            headers.insert(name, value.as_str());
        }
        let subject = subjects::dead_letter("booking", command.kind().as_str(), &id.to_string());
        self.put(subject, headers, command.to_body()).await;
    }

    async fn put(&self, subject: String, headers: HeaderMap, body: Vec<u8>) {
        let published = self.context.publish_with_headers(subject, headers, body.into()).await;
        published.unwrap().await.unwrap();
    }

    /// Acknowledges the one message that waits for the worker, behind the worker's back, and says
    /// where it is.
    pub async fn skip_one(&self) -> u64 {
        let stream = self.context.get_stream(subjects::COMMANDS).await.unwrap();
        let consumer: PullConsumer = stream.get_consumer("booking").await.unwrap();
        let mut batch = consumer.fetch().max_messages(1).messages().await.unwrap();
        let message = batch.next().await.unwrap().unwrap();
        message.double_ack().await.unwrap();
        message.info().unwrap().stream_sequence
    }

    /// How many messages a stream holds.
    pub async fn messages(&self, stream: &str) -> u64 {
        self.context.get_stream(stream).await.unwrap().cached_info().state.messages
    }

    /// The letters of a query, once there are that many.
    pub async fn letters(&self, query: &str, count: usize) -> Vec<Value> {
        let path = format!("/v1/dead-letters?{query}");
        let look = || async {
            let body = self.operator.get(&path).await?.expect(200)?;
            Ok(body["items"].as_array().is_some_and(|items| items.len() == count))
        };
        self.system.wait_until(&format!("{count} letters: {query}"), look).await.unwrap();
        let body = self.operator.get(&path).await.unwrap().expect(200).unwrap();
        body["items"].as_array().unwrap().clone()
    }

    /// The letter of a request, once it is in that state.
    pub async fn letter(&self, metadata: &Metadata, state: &str) -> Value {
        let query = format!("state={state}&correlation_id={}", metadata.correlation_id);
        self.letters(&query, 1).await.remove(0)
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.system.database().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
    }

    pub async fn sql(&self, sql: &str) {
        self.system.database().await.unwrap().batch_execute(sql).await.unwrap();
    }

    /// The rows of a request in the audit log, once there are that many.
    pub async fn recorded(&self, answer: &testkit::Answer, count: usize) -> Vec<Value> {
        let id = answer.header("x-correlation-id").unwrap();
        let path = format!("/v1/audit?correlation_id={id}");
        let items = |body: Value| body["items"].as_array().cloned().unwrap_or_default();
        let look = || async { Ok(items(self.admin.get(&path).await?.expect(200)?).len() == count) };
        self.system.wait_until(&format!("{count} rows of {path}"), look).await.unwrap();
        let mut rows = items(self.admin.get(&path).await.unwrap().expect(200).unwrap());
        // In the order in which they were sealed.
        rows.reverse();
        rows
    }

    /// Posts to one letter, as somebody.
    pub async fn act(&self, who: &Api, letter: &Value, deed: &str, body: Value) -> testkit::Answer {
        let path = format!("/v1/dead-letters/{}/{deed}", letter["id"].as_str().unwrap());
        who.post(&path, body).await.unwrap()
    }
}

pub fn envelope(actor: Actor, command: &BookingCommand) -> Metadata {
    Metadata {
        correlation_id: CorrelationId::generate(),
        request_id: RequestId::generate(),
        causation_id: None,
        reply_to: None,
        actor,
        schema: command.schema(),
        accepted_at: domain::Clock::now(&domain::SystemClock),
        idempotency_id: None,
        trace: None,
    }
}

pub fn id_of(person: &Api) -> UserId {
    person.id.as_deref().unwrap().parse().unwrap()
}

pub fn why(reason: &str) -> Value {
    json!({ "reason": reason })
}

/// A moment that has passed.
pub fn yesterday() -> String {
    let now: Timestamp = domain::Clock::now(&domain::SystemClock);
    (now - jiff::SignedDuration::from_hours(24)).to_string()
}

fn headers(metadata: &Metadata) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in metadata.to_headers() {
        headers.insert(name, value.as_str());
    }
    headers
}
