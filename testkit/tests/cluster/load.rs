//! Patients who book at both instances of api at the same time, and insist on an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;
use testkit::{Api, Deployment};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const PATIENTS: usize = 24;
const DOCTORS: usize = 6;

/// A bound against hanging.
const PATIENCE: Duration = Duration::from_mins(2);

/// Pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// What the patients know.
#[derive(Default)]
pub struct Seen {
    /// Requests that were sent and not answered.
    pub in_flight: AtomicUsize,
    /// Answers that were no outcome, and lost connections: asked again with the same key.
    pub repeats: AtomicUsize,
    /// The outcome of each key.
    pub outcomes: Mutex<HashMap<String, u16>>,
    enough: AtomicBool,
}

impl Seen {
    /// How many requests have an outcome.
    pub fn settled(&self) -> usize {
        self.outcomes.lock().expect("nobody panics with it").len()
    }

    /// How many were booked.
    pub fn booked(&self) -> usize {
        let outcomes = self.outcomes.lock().expect("nobody panics with it");
        outcomes.values().filter(|status| **status == 201).count()
    }
}

/// Bookings under way.
pub struct Load {
    pub seen: Arc<Seen>,
    patients: JoinSet<anyhow::Result<()>>,
}

impl Load {
    /// Every patient asks for slots that nobody else asks for, and every eighth time for one that
    /// the next patient will want too.
    pub async fn start(deployment: &Deployment) -> anyhow::Result<Self> {
        let mut clinics = Vec::new();
        let admin = deployment.admin().await?;
        for _ in 0..DOCTORS {
            let doctor = deployment.api(0).new_doctor_of(&admin).await?;
            let id = doctor.id.clone().context("doctors have ids")?;
            let slots = doctor.free_slots(&id).await?;
            clinics.push((id, slots));
        }
        let seen = Arc::new(Seen::default());
        let mut patients = JoinSet::new();
        for number in 0..PATIENTS {
            let apis = [0, 1].map(|instance| deployment.api(instance));
            let patient = apis[number % 2].new_patient().await?;
            let token = patient.token()?;
            let apis = apis.map(|api| api.with_token(token));
            let (doctor, slots) = clinics[number % DOCTORS].clone();
            let wishes = wishes(&slots, number / DOCTORS);
            let visit = Visits { apis, doctor, wishes, seen: Arc::clone(&seen), number };
            patients.spawn(visit.book_all());
        }
        Ok(Self { seen, patients })
    }

    /// Lets everybody finish what they asked for. Each request has an outcome then.
    pub async fn end(mut self) -> anyhow::Result<Arc<Seen>> {
        self.seen.enough.store(true, Ordering::Relaxed);
        while let Some(patient) = self.patients.join_next().await {
            patient??;
        }
        Ok(self.seen)
    }
}

/// The slots that one of the patients of a doctor wants, in their order.
fn wishes(slots: &[String], place: usize) -> Vec<String> {
    let others = PATIENTS / DOCTORS;
    let mut wishes = Vec::new();
    for (round, slot) in slots.iter().skip(place).step_by(others).enumerate() {
        wishes.push(slot.clone());
        if round % 8 == 7 {
            wishes.extend(slots.get(round * others + place + 1).cloned());
        }
    }
    wishes
}

struct Visits {
    apis: [Api; 2],
    doctor: String,
    wishes: Vec<String>,
    seen: Arc<Seen>,
    number: usize,
}

impl Visits {
    async fn book_all(self) -> anyhow::Result<()> {
        // Who has asked for everything begins again, and is told that it is taken.
        for slot in self.wishes.iter().cycle() {
            if self.seen.enough.load(Ordering::Relaxed) {
                return Ok(());
            }
            let key = uuid::Uuid::new_v4().to_string();
            let status = self.book(slot, &key).await?;
            self.seen.outcomes.lock().expect("nobody panics with it").insert(key, status);
        }
        bail!("patient {} wants nothing", self.number)
    }

    /// Asks until there is an outcome, at the other instance after each failure.
    async fn book(&self, slot: &str, key: &str) -> anyhow::Result<u16> {
        let give_up = Instant::now() + PATIENCE;
        for attempt in self.number.. {
            let body = json!({ "practitioner_id": self.doctor, "start": slot });
            let api = &self.apis[attempt % 2];
            let request = api.request(reqwest::Method::POST, "/v1/appointments");
            let request = request.header("prefer", "wait=20").header("idempotency-key", key);
            self.seen.in_flight.fetch_add(1, Ordering::Relaxed);
            let answer = api.send(request.json(&body)).await;
            self.seen.in_flight.fetch_sub(1, Ordering::Relaxed);
            let told = match answer {
                Ok(answer) if matches!(answer.status, 201 | 409) => return Ok(answer.status),
                Ok(answer) if matches!(answer.status, 202 | 429 | 503) => answer.text,
                Ok(answer) => bail!("{}: {}", answer.status, answer.text),
                Err(error) => error.to_string(),
            };
            self.seen.repeats.fetch_add(1, Ordering::Relaxed);
            ensure!(Instant::now() < give_up, "no outcome in time, last: {told}");
            sleep(PAUSE).await;
        }
        unreachable!("the range has no end")
    }
}
