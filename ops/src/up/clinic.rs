//! A small clinic to begin with, made through the public API, as an administrator would.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use domain::{LocationId, UserId};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use servers::{generate_password, read_or_create_secret};

use super::home::{Home, write_whole};
use super::screen::Screen;
use super::secrets::Administrator;
use super::start::Wishes;
use crate::client::http::{Ask, Encounters, Http, Purpose};
use crate::client::settle::{self, Settled};
use crate::client::sign_in::{self, Credentials};

/// How long one question may take, repeats included.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets the keys of these requests apart from all others.
const KEY_PREFIX: &str = "up-clinic";

/// A doctor of the clinic, with hours that are the same on each of the days.
struct Doctor {
    given: &'static str,
    family: &'static str,
    specialty: &'static str,
    licence: &'static str,
    time_zone: &'static str,
    slot_minutes: i64,
    days: &'static [&'static str],
    hours: &'static [(&'static str, &'static str)],
}

/// Three doctors on three continents, so that nobody forgets that time zones exist.
const DOCTORS: [Doctor; 3] = [
    Doctor {
        given: "Beatriz",
        family: "Costa",
        specialty: "general practice",
        licence: "CLINIC-1",
        time_zone: "America/Sao_Paulo",
        slot_minutes: 15,
        days: &["mon", "tue", "wed", "thu", "fri"],
        hours: &[("08:00", "12:00"), ("13:00", "17:00")],
    },
    Doctor {
        given: "Jonas",
        family: "Weber",
        specialty: "cardiology",
        licence: "CLINIC-2",
        time_zone: "Europe/Berlin",
        slot_minutes: 30,
        days: &["mon", "tue", "wed", "thu"],
        hours: &[("09:00", "12:30"), ("14:00", "18:00")],
    },
    Doctor {
        given: "Meera",
        family: "Nair",
        specialty: "paediatrics",
        licence: "CLINIC-3",
        time_zone: "Asia/Kolkata",
        slot_minutes: 20,
        days: &["tue", "wed", "thu", "fri", "sat"],
        hours: &[("10:00", "16:00")],
    },
];

/// Where the first doctor sees patients.
const PLACE: &str = "Centro";

/// What can be booked besides doctors' standard visits.
fn services() -> [Value; 2] {
    [
        json!({
            "name": "First visit",
            "modality": "in-person",
            "duration_minutes": 45,
            "buffer_after_minutes": 15,
            "alignment_minutes": 15,
            "minimum_notice_minutes": 120,
            "horizon_days": 90,
        }),
        json!({
            "name": "Video consultation",
            "modality": "video",
            "duration_minutes": 20,
            "alignment_minutes": 20,
            "minimum_notice_minutes": 30,
            "horizon_days": 60,
        }),
    ]
}

/// Makes the clinic unless it was made before. Safe to repeat after an interruption.
pub async fn ensure(
    url: &str,
    administrator: &Administrator,
    home: &Home,
    wishes: &Wishes,
    screen: &Screen,
) -> anyhow::Result<()> {
    // The mark is about the private database; one that exists has its own doctors.
    if wishes.settings.database.url.is_some() || home.clinic_mark().exists() {
        return Ok(());
    }
    let step = screen.begin("a small clinic");
    let http = Http::new(&Url::parse(url)?, PATIENCE, Arc::new(Encounters::default()))?;
    let Some(access_token) = sign_in(&http, administrator).await? else {
        step.end("left out, since the administrator here is somebody else");
        return Ok(());
    };
    let passwords = passwords(home)?;
    let front_desk = FrontDesk { http, access_token };
    let place = front_desk.make_place().await.context("making a location")?;
    for service in services() {
        front_desk.put("/v1/services", &service).await.context("making a visit type")?;
    }
    for (doctor, password) in DOCTORS.iter().zip(passwords) {
        let made = front_desk.make(doctor, &password, &place).await;
        made.with_context(|| format!("making Dr {}", doctor.family))?;
    }
    write_whole(&home.clinic_mark(), 0o644, "")?;
    let (doctors, services) = (DOCTORS.len(), services().len());
    step.end(&format!("{doctors} doctors, a location, {services} visit types"));
    Ok(())
}

async fn sign_in(http: &Http, who: &Administrator) -> anyhow::Result<Option<String>> {
    let credentials = Credentials { email: &who.email, password: who.password.expose_secret() };
    let signed_in = sign_in::log_in(http, credentials).await?;
    Ok(signed_in.map(|account| account.tokens.access))
}

/// Written down before they are used, so that an interrupted run can be repeated.
fn passwords(home: &Home) -> anyhow::Result<Vec<String>> {
    #[derive(Serialize, Deserialize)]
    struct Login {
        email: String,
        password: String,
    }
    let generate = || {
        let logins = DOCTORS.each_ref().map(|doctor| Login {
            email: doctor.email(),
            password: generate_password().expose_secret().to_owned(),
        });
        json!(logins).to_string()
    };
    let path = home.files.secrets().join("doctors.json");
    let text: SecretString = read_or_create_secret(&path, generate)?;
    let logins: Vec<Login> = serde_json::from_str(text.expose_secret())
        .with_context(|| format!("{} is damaged; remove it", path.display()))?;
    Ok(logins.into_iter().map(|login| login.password).collect())
}

/// An administrator at work.
struct FrontDesk {
    http: Http,
    access_token: String,
}

#[derive(Deserialize)]
struct DoctorMade {
    id: UserId,
}

#[derive(Deserialize)]
struct PlaceMade {
    id: LocationId,
    name: String,
}

#[derive(Deserialize)]
struct Places {
    items: Vec<PlaceMade>,
}

impl FrontDesk {
    /// Makes something, once however often this runs.
    async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let name = body["name"].as_str().unwrap_or_default();
        let ask = Ask::post(Purpose::Prepare, path, body)
            .bearer(&self.access_token)
            .once_and_wait(&format!("{KEY_PREFIX}-{}", name.replace(' ', "-")));
        match settle::ask(&self.http, &ask, &self.access_token).await? {
            Settled::Applied => Ok(()),
            other => bail!("{name}: {other:?}"),
        }
    }

    async fn make_place(&self) -> anyhow::Result<LocationId> {
        let body = json!({ "name": PLACE, "time_zone": DOCTORS[0].time_zone });
        self.put("/v1/locations", &body).await?;
        let ask = Ask::get(Purpose::Prepare, "/v1/locations").bearer(&self.access_token);
        let places = self.http.ask(&ask).await?.json::<Places>()?;
        let made = places.items.into_iter().find(|place| place.name == PLACE);
        Ok(made.context("it isn't listed")?.id)
    }

    async fn make(
        &self,
        doctor: &Doctor,
        password: &str,
        place: &LocationId,
    ) -> anyhow::Result<()> {
        let id = self.create(doctor, password).await?;
        let path = format!("/v1/admin/doctors/{id}/approve");
        let ask = Ask::post(Purpose::Prepare, &path, &json!({})).bearer(&self.access_token);
        let answer = self.http.ask(&ask).await?;
        ensure!(answer.status() == 200, "approving failed: {answer}");
        self.set_hours(id, doctor, place).await
    }

    async fn create(&self, doctor: &Doctor, password: &str) -> anyhow::Result<UserId> {
        let email = doctor.email();
        let body = json!({
            "email": email,
            "password": password,
            "name": { "given": doctor.given, "family": doctor.family },
            "specialty": doctor.specialty,
            "licence": doctor.licence,
        });
        let ask = Ask::post(Purpose::Prepare, "/v1/admin/doctors", &body);
        let answer = self.http.ask(&ask.bearer(&self.access_token)).await?;
        match answer.status() {
            201 => Ok(answer.json::<DoctorMade>()?.id),
            // Made by a run that was interrupted.
            409 => {
                let doctor = sign_in::log_in(&self.http, Credentials { email: &email, password });
                Ok(doctor.await?.context("the address belongs to somebody else")?.id)
            }
            _ => bail!("creating failed: {answer}"),
        }
    }

    async fn set_hours(
        &self,
        id: UserId,
        doctor: &Doctor,
        place: &LocationId,
    ) -> anyhow::Result<()> {
        let path = format!("/v1/doctors/{id}/availability");
        let ask = Ask::put(Purpose::Prepare, &path, &doctor.week(place))
            .bearer(&self.access_token)
            .once_and_wait(&format!("{KEY_PREFIX}-{id}"));
        match settle::ask(&self.http, &ask, &self.access_token).await? {
            Settled::Applied => Ok(()),
            other => bail!("setting the hours failed: {other:?}"),
        }
    }
}

impl Doctor {
    fn email(&self) -> String {
        let name = format!("{}.{}", self.given, self.family);
        format!("{}@mediconnect.example", name.to_lowercase())
    }

    /// The place is in the first doctor's town; the others see nobody anywhere else.
    fn week(&self, place: &LocationId) -> Value {
        let is_there = self.time_zone == DOCTORS[0].time_zone;
        let hours: Vec<_> = self
            .days
            .iter()
            .flat_map(|day| {
                self.hours.iter().map(move |(start, end)| {
                    let mut hours = json!({ "day": day, "start": start, "end": end });
                    if is_there {
                        hours["location_id"] = json!(place);
                    }
                    hours
                })
            })
            .collect();
        json!({ "time_zone": self.time_zone, "slot_minutes": self.slot_minutes, "hours": hours })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_every_doctor_are_a_week_that_can_be_booked() {
        for doctor in &DOCTORS {
            let mut week = doctor.week(&LocationId::generate());
            week["practitioner_id"] = json!(UserId::generate());
            let body: contracts::SetAvailability = serde_json::from_value(week).unwrap();
            body.availability().unwrap();
        }
    }
}
