//! The public API as a person uses it.

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A person at the API: nobody in particular, or somebody signed in.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
    /// The signed-in person's id.
    pub id: Option<String>,
    /// The refresh token of the session.
    pub refresh_token: Option<String>,
}

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, `null` when it is empty or no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body, when the status is the expected one.
    pub fn expect(self, status: u16) -> anyhow::Result<Value> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.text);
        Ok(self.body)
    }

    /// Nothing, when the status is the expected one and there is no body.
    pub fn expect_empty(self, status: u16) -> anyhow::Result<()> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.text);
        ensure!(self.text.is_empty(), "expected no body, got {}", self.text);
        Ok(())
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The last part of a problem's `type`, when the answer is a well-formed problem document
    /// with the expected status.
    pub fn problem(&self, status: u16) -> anyhow::Result<&str> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.text);
        ensure!(self.header("content-type") == Some("application/problem+json"), "{}", self.text);
        ensure!(self.body["status"] == status, "{}", self.text);
        ensure!(self.body["title"].is_string() && self.body["detail"].is_string(), "{}", self.text);
        let correlation_id = self.header("x-correlation-id");
        ensure!(self.body["correlation_id"].as_str() == correlation_id, "{}", self.text);
        let kind = self.body["type"].as_str().context("a problem has a type")?;
        kind.strip_prefix("/problems/").context("types are our own")
    }
}

impl Api {
    pub(crate) fn at(base: String) -> Self {
        runtime::telemetry::install_crypto();
        Self { base, http: reqwest::Client::new(), token: None, id: None, refresh_token: None }
    }

    /// The same person with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The access token.
    pub fn token(&self) -> anyhow::Result<&str> {
        self.token.as_deref().context("nobody is signed in")
    }

    /// A request to be completed by the test.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, body, text })
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// `POST` with a JSON body, waiting for the outcome.
    pub async fn post_and_wait(&self, path: &str, body: Value) -> anyhow::Result<Answer> {
        let request = self.request(Method::POST, path).header("prefer", "wait=20");
        self.send(request.json(&body)).await
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> anyhow::Result<Self> {
        let body = json!({ "email": email, "password": password });
        self.signed_in(self.post("/v1/auth/login", body).await?.expect(200)?)
    }

    /// This client in the name of whom a token body speaks.
    pub fn signed_in(&self, body: Value) -> anyhow::Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Ok(Self {
            token: Some(text(&body["access_token"]).context("no access token")?),
            id: text(&body["user"]["id"]),
            refresh_token: text(&body["refresh_token"]),
            ..self.clone()
        })
    }

    /// Registers a new patient with an address of their own.
    pub async fn new_patient(&self) -> anyhow::Result<Self> {
        let email = format!("{}@patients.example", uuid::Uuid::new_v4().simple());
        let body = json!({
            "email": email,
            "password": "a long enough passphrase",
            "name": { "given": "Pat", "family": "Example" },
            "birth_date": "1980-02-29",
        });
        self.post("/v1/auth/register", body).await?.expect(202)?;
        self.sign_in(&email, "a long enough passphrase").await
    }

    /// The administrator, signed in.
    pub async fn admin(&self) -> anyhow::Result<Self> {
        self.sign_in(crate::ADMIN_EMAIL, crate::ADMIN_PASSWORD).await
    }

    /// A new approved doctor who works every day from 00:00 to 23:00 UTC in half hours, signed in.
    pub async fn new_doctor(&self) -> anyhow::Result<Self> {
        self.new_doctor_of(&self.admin().await?).await
    }

    /// As [`Api::new_doctor`], approved by this administrator.
    pub async fn new_doctor_of(&self, admin: &Self) -> anyhow::Result<Self> {
        let doctor = self.new_unapproved_doctor(admin).await?;
        let id = doctor.id.as_deref().context("doctors have ids")?;
        admin.post(&format!("/v1/admin/doctors/{id}/approve"), json!({})).await?.expect(200)?;
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let hours = days.map(|day| json!({ "day": day, "start": "00:00", "end": "23:00" }));
        let week = json!({ "time_zone": "Etc/UTC", "slot_minutes": 30, "hours": hours });
        let path = format!("/v1/doctors/{id}/availability");
        let request = doctor.request(Method::PUT, &path).header("prefer", "wait=20").json(&week);
        doctor.send(request).await?.expect(200)?;
        Ok(doctor)
    }

    /// A new doctor whom nobody has approved, signed in.
    pub async fn new_unapproved_doctor(&self, admin: &Self) -> anyhow::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let email = format!("{unique}@doctors.example");
        let password = "another long passphrase";
        let body = json!({
            "email": email,
            "password": password,
            "name": { "given": "Doc", "family": "Example" },
            "specialty": "general",
            "licence": unique,
        });
        admin.post("/v1/admin/doctors", body).await?.expect(201)?;
        self.sign_in(&email, password).await
    }

    /// Free slots of a practitioner in the week from tomorrow on.
    pub async fn free_slots(&self, practitioner: &str) -> anyhow::Result<Vec<String>> {
        let now: Timestamp = domain::Clock::now(&domain::SystemClock);
        // Far enough away to be called off and moved for as long as a test lasts.
        let from = now + SignedDuration::from_hours(25);
        let to = from + SignedDuration::from_hours(7 * 24);
        let path =
            format!("/v1/slots?practitioner_id={practitioner}&from={from}&to={to}&limit=1000");
        let body = self.get(&path).await?.expect(200)?;
        let items = body["items"].as_array().context("a list")?;
        Ok(items.iter().filter_map(|slot| Some(slot["start"].as_str()?.to_owned())).collect())
    }

    /// Books a slot and waits for the outcome.
    pub async fn book(&self, practitioner: &str, start: &str) -> anyhow::Result<Answer> {
        let body = json!({ "practitioner_id": practitioner, "start": start });
        self.post_and_wait("/v1/appointments", body).await
    }
}
