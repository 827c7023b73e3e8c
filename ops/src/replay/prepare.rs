//! What must exist before the first booking: doctors and patients. Done once; later runs find it
//! in the state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::PractitionerId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use reqwest::Url;
use runtime::Shutdown;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::accounts::{Identities, Patients};
use super::doctors::{self, Administrator};
use super::journal::Journal;
use super::rows::Row;
use super::server::Server;
use super::state::State;
use crate::client::http::{Ask, Encounters, Http, Purpose};
use crate::client::sign_in::{self, Credentials};
use crate::progress::{self, Step};

/// Accounts made at once. A password's hash keeps a core of the server busy; more would only
/// queue there.
const AT_ONCE: usize = 4;

/// Accounts made between two writes of the state.
const SAVE_EVERY: usize = 250;

/// How long the first question may wait: whether there is a server at all.
const GREETING_PATIENCE: Duration = Duration::from_secs(3);

/// What has to be prepared, and with what.
pub struct Preparation<'a> {
    /// The server and its administrator.
    pub server: &'a Server,
    /// How long to ask for an answer.
    pub patience: Duration,
    /// Where the state is kept.
    pub state_path: &'a Path,
    /// The chosen rows.
    pub rows: &'a [Row],
    /// By the clinics' wall clock.
    pub today: Date,
    /// Stops the preparation.
    pub shutdown: &'a Shutdown,
}

/// What was prepared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreparedSummary {
    /// Patients of the chosen rows.
    pub patients: usize,
    /// Of those, new at the server.
    pub patients_registered: usize,
    /// Doctors of the clinics.
    pub doctors: usize,
    /// Of those, new at the server.
    pub doctors_made: usize,
    /// The server didn't know what the state knew: everything was done again.
    pub server_started_over: bool,
    /// Answers of 429 on the way.
    pub throttled: u64,
    /// How long it took.
    pub elapsed_s: f64,
}

/// Everything is there: what a run needs of it.
pub struct Prepared {
    /// The patients, signed in.
    pub patients: Patients,
    /// The doctors of each clinic.
    pub doctors: BTreeMap<u32, Vec<PractitionerId>>,
    /// In numbers.
    pub summary: PreparedSummary,
}

impl Preparation<'_> {
    /// Prepares what is missing and keeps it in `state`, also when it ends early.
    pub async fn run(&self, state: &mut State) -> anyhow::Result<Prepared> {
        let began = Instant::now();
        let encounters = std::sync::Arc::new(Encounters::default());
        Http::new(&self.server.url, GREETING_PATIENCE, encounters.clone())?
            .greet(&self.server.url)
            .await?;
        let http = Http::new(&self.server.url, self.patience, encounters.clone())?;
        let access_token = self.sign_in_as_admin(&http).await?;

        let server_started_over = self.forget_if_started_over(&http, &access_token, state).await?;
        let needed = doctors::needed(self.rows);
        let doctors_before: usize = state.doctors.values().map(Vec::len).sum();
        let made = self.make_doctors(&http, &access_token, state, &needed).await;
        state.save(self.state_path)?;
        made?;
        let doctors_now: usize = state.doctors.values().map(Vec::len).sum();

        let patients = Patients::new(state, &ages(self.rows), self.today);
        let registered_before = patients.registered().await.len();
        self.sign_patients_in(&http, &patients, state).await?;

        let doctors: BTreeMap<_, _> = needed
            .keys()
            .map(|clinic| (*clinic, state.doctors.get(clinic).cloned().unwrap_or_default()))
            .collect();
        let summary = PreparedSummary {
            patients: patients.numbers().len(),
            patients_registered: patients.numbers().len() - registered_before,
            doctors: doctors.values().map(Vec::len).sum(),
            doctors_made: doctors_now - doctors_before,
            server_started_over,
            throttled: encounters.so_far().throttled,
            elapsed_s: began.elapsed().as_secs_f64(),
        };
        Ok(Prepared { patients, doctors, summary })
    }

    async fn sign_in_as_admin(&self, http: &Http) -> anyhow::Result<String> {
        let password = self.server.admin.password.expose_secret();
        let credentials = Credentials { email: &self.server.admin.email, password };
        let admin = sign_in::log_in(http, credentials).await?.context(
            "the server doesn't accept the administrator's e-mail and password; \
             set ADMIN_EMAIL and ADMIN_PASSWORD to those of an administrator of this server",
        )?;
        Ok(admin.tokens.access)
    }

    /// A server that was started over knows none of the accounts; then neither do we.
    async fn forget_if_started_over(
        &self,
        http: &Http,
        access_token: &str,
        state: &mut State,
    ) -> anyhow::Result<bool> {
        let Some(doctor) = state.doctors.values().flatten().next().copied() else {
            return Ok(false);
        };
        let identities = Identities::of(state);
        let administrator = Administrator { http, access_token, identities: &identities };
        if administrator.knows(doctor).await? {
            return Ok(false);
        }
        let weeks = state.weeks;
        *state = State::new();
        state.weeks = weeks;
        Journal::forget(self.state_path)?;
        Ok(true)
    }

    async fn make_doctors(
        &self,
        http: &Http,
        access_token: &str,
        state: &mut State,
        needed: &BTreeMap<u32, usize>,
    ) -> anyhow::Result<()> {
        let identities = Identities::of(state);
        let administrator = &Administrator { http, access_token, identities: &identities };
        let missing: Vec<(u32, usize)> = needed
            .iter()
            .flat_map(|(clinic, count)| {
                let there = state.doctors.get(clinic).map_or(0, Vec::len);
                (there..*count).map(|number| (*clinic, number))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (total, done) = (missing.len() as u64, AtomicU64::new(0));
        // In order, so that a clinic's doctors have consecutive numbers whenever this ends.
        let mut making = stream::iter(missing)
            .take_while(|_| std::future::ready(!self.shutdown.is_soft_stopped()))
            .map(|(clinic, number)| async move {
                administrator.make_doctor(clinic, number).await.map(|id| (clinic, id))
            })
            .buffered(AT_ONCE);
        let make = async {
            while let Some((clinic, id)) = making.try_next().await? {
                state.doctors.entry(clinic).or_default().push(id);
                done.fetch_add(1, Ordering::Relaxed);
            }
            self.ensure_not_stopped()
        };
        progress::watch("preparing doctors", total, || step(&done), make).await
    }

    async fn sign_patients_in(
        &self,
        http: &Http,
        patients: &Patients,
        state: &mut State,
    ) -> anyhow::Result<()> {
        let numbers = patients.numbers();
        let (total, done) = (numbers.len() as u64, &AtomicU64::new(0));
        let sign_in = async {
            for numbers in numbers.chunks(SAVE_EVERY) {
                let signed_in = self.sign_in_some(http, patients, numbers, done).await;
                let registered = patients.registered().await;
                let is_news = |(number, now)| state.patients.get(number) != Some(now);
                if registered.iter().any(is_news) {
                    state.patients.extend(registered);
                    state.save(self.state_path)?;
                }
                signed_in?;
                self.ensure_not_stopped()?;
            }
            Ok(())
        };
        progress::watch("preparing patients", total, || step(done), sign_in).await
    }

    async fn sign_in_some(
        &self,
        http: &Http,
        patients: &Patients,
        numbers: &[u32],
        done: &AtomicU64,
    ) -> anyhow::Result<()> {
        stream::iter(numbers)
            .take_while(|_| std::future::ready(!self.shutdown.is_soft_stopped()))
            .map(|number| patients.access_token(http, *number))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_token| {
                done.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Ok(()))
            })
            .await
    }

    fn ensure_not_stopped(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.shutdown.is_soft_stopped(),
            "stopped while preparing; what was prepared is kept for the next run"
        );
        Ok(())
    }
}

impl Http {
    /// Whether there is a server at all, and ours.
    async fn greet(&self, url: &Url) -> anyhow::Result<()> {
        let answer =
            self.ask(&Ask::get(Purpose::Prepare, "/healthz")).await.with_context(|| {
                format!("there is no MediConnect at {url}: start one with ./dev up, or say --url")
            })?;
        anyhow::ensure!(
            answer.status() == 200,
            "the server at {url} is no healthy MediConnect (/healthz says {answer})"
        );
        Ok(())
    }
}

/// Everybody's age, by the first row that asks for them.
fn ages(rows: &[Row]) -> BTreeMap<u32, i32> {
    let mut ages = BTreeMap::new();
    for row in rows {
        ages.entry(row.patient).or_insert(row.age);
    }
    ages
}

fn step(done: &AtomicU64) -> Step {
    Step { done: done.load(Ordering::Relaxed), note: String::new() }
}
