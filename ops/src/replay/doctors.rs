//! Enough doctors in every clinic, made through the administrator's part of the API.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use domain::{PractitionerId, UserId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::accounts::Identities;
use super::rows::Row;
use crate::client::http::{Ask, Http, Purpose};
use crate::client::settle;
use crate::client::sign_in::{self, Credentials, NameBody};

/// The clinics' wall clock.
pub const TIME_ZONE: &str = "America/Sao_Paulo";

/// How long a visit takes.
const SLOT_MINUTES: i64 = 15;

/// Opening hours, the same every day: a mapped day keeps its weekday, whichever that is.
const HOURS: [(&str, &str); 2] = [("08:00", "12:00"), ("13:00", "17:00")];

/// When the first slot of a day begins.
pub const FIRST_SLOT: jiff::civil::Time = jiff::civil::time(8, 0, 0, 0);

/// Visits that one doctor sees in a day.
const VISITS_PER_DAY: usize = 8 * 60 / SLOT_MINUTES as usize;

/// Room for patients who have two visits on a day and can't take the last free slots.
const HEADROOM_PERCENT: usize = 15;

/// The most practitioners that one search takes.
const DOCTORS_MAX: usize = 50;

/// How many doctors each clinic needs for the busiest of the chosen days.
pub fn needed(rows: &[Row]) -> BTreeMap<u32, usize> {
    let mut visits: HashMap<(u32, Date), usize> = HashMap::new();
    for row in rows {
        *visits.entry((row.clinic, row.visit_day)).or_default() += 1;
    }
    let mut needed = BTreeMap::new();
    for ((clinic, _), visits) in visits {
        let doctors = (visits * (100 + HEADROOM_PERCENT)).div_ceil(VISITS_PER_DAY * 100);
        let most: &mut usize = needed.entry(clinic).or_default();
        *most = doctors.min(DOCTORS_MAX).max(*most);
    }
    needed
}

/// Who makes doctors.
pub struct Administrator<'a> {
    /// The way to the server.
    pub http: &'a Http,
    /// Its access token. Doctors are made before it ends.
    pub access_token: &'a str,
    /// Names and passwords.
    pub identities: &'a Identities,
}

#[derive(Serialize)]
struct DoctorBody<'a> {
    email: &'a str,
    password: &'a str,
    name: NameBody<'a>,
    specialty: &'a str,
    licence: &'a str,
}

#[derive(Deserialize)]
struct DoctorMade {
    id: UserId,
}

impl Administrator<'_> {
    /// Makes the doctor with this number at a clinic; when this returns, they can be booked.
    pub async fn make_doctor(&self, clinic: u32, number: usize) -> anyhow::Result<PractitionerId> {
        let make = async {
            let id = self.create(clinic, number).await?;
            self.approve(id).await?;
            self.set_hours(id).await?;
            Ok(PractitionerId::from(id))
        };
        let result: anyhow::Result<_> = make.await;
        result.with_context(|| format!("doctor {number} of clinic {clinic}"))
    }

    /// Whether the server knows a doctor who was made earlier.
    pub async fn knows(&self, id: PractitionerId) -> anyhow::Result<bool> {
        let path = format!("/v1/doctors/{id}");
        let ask = Ask::get(Purpose::Prepare, &path).bearer(self.access_token);
        let answer = self.http.ask(&ask).await?;
        match answer.status() {
            200 => Ok(true),
            404 => Ok(false),
            _ => anyhow::bail!("looking for a doctor failed: {answer}"),
        }
    }

    async fn create(&self, clinic: u32, number: usize) -> anyhow::Result<UserId> {
        let who = format!("doctor-{clinic}-{number}");
        let (email, password) = (self.identities.email(&who), self.identities.password(&who));
        let body = DoctorBody {
            email: &email,
            password: &password,
            name: NameBody { given: "Doctor", family: &format!("{clinic}-{number}") },
            specialty: "general practice",
            licence: &format!("REPLAY-{}-{clinic}-{number}", self.identities.label()),
        };
        let ask = Ask::post(Purpose::Prepare, "/v1/admin/doctors", &body).bearer(self.access_token);
        let answer = self.http.ask(&ask).await?;
        match answer.status() {
            201 => Ok(answer.json::<DoctorMade>()?.id),
            // Made before, by a run that ended before it could say so.
            409 => {
                let credentials = Credentials { email: &email, password: &password };
                let doctor = sign_in::log_in(self.http, credentials).await?;
                Ok(doctor.context("the address belongs to somebody else")?.id)
            }
            _ => anyhow::bail!("creating failed: {answer}"),
        }
    }

    async fn approve(&self, id: UserId) -> anyhow::Result<()> {
        let path = format!("/v1/admin/doctors/{id}/approve");
        let ask = Ask::post(Purpose::Prepare, &path, &json!({})).bearer(self.access_token);
        let answer = self.http.ask(&ask).await?;
        anyhow::ensure!(answer.status() == 200, "approving failed: {answer}");
        Ok(())
    }

    async fn set_hours(&self, id: UserId) -> anyhow::Result<()> {
        let path = format!("/v1/doctors/{id}/availability");
        let ask = Ask::put(Purpose::Prepare, &path, &week())
            .bearer(self.access_token)
            .once_and_wait(&format!("{}-hours-of-{id}", self.identities.label()));
        match settle::ask(self.http, &ask, self.access_token).await? {
            settle::Settled::Applied => Ok(()),
            settle::Settled::Rejected(why) => anyhow::bail!("setting the hours failed: {why}"),
            settle::Settled::HeldForReview => anyhow::bail!("the hours became a dead letter"),
            settle::Settled::SignInEnded => anyhow::bail!("the administrator's sign-in ended"),
        }
    }
}

fn week() -> serde_json::Value {
    let hours: Vec<_> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .iter()
        .flat_map(|day| HOURS.map(|(start, end)| json!({ "day": day, "start": start, "end": end })))
        .collect();
    json!({ "time_zone": TIME_ZONE, "slot_minutes": SLOT_MINUTES, "hours": hours })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;

    fn rows(clinic: u32, day: Date, count: usize) -> Vec<Row> {
        let row = Row {
            line: 2,
            requested_at: Timestamp::UNIX_EPOCH,
            visit_day: day,
            patient: 1,
            clinic,
            age: 1,
        };
        vec![row; count]
    }

    #[test]
    fn the_busiest_day_decides() {
        let (monday, tuesday) = (date(2016, 6, 6), date(2016, 6, 7));
        let rows = [
            rows(23, monday, 372),
            rows(23, tuesday, 320),
            rows(7, tuesday, 1),
            rows(8, monday, 28),
        ]
        .concat();
        let needed = needed(&rows);
        assert_eq!(needed, BTreeMap::from([(23, 14), (7, 1), (8, 2)]));
    }

    #[test]
    fn the_hours_hold_as_many_visits_as_are_counted_on() {
        let body: contracts::SetAvailability = serde_json::from_value({
            let mut week = week();
            week["practitioner_id"] = json!(UserId::generate());
            week
        })
        .unwrap();
        let week = body.availability().unwrap();
        let day = date(2027, 1, 10).to_zoned(jiff::tz::TimeZone::get(TIME_ZONE).unwrap()).unwrap();
        let slots = week.slots_between(day.timestamp(), day.tomorrow().unwrap().timestamp());
        assert_eq!(slots.len(), VISITS_PER_DAY);
        let first = slots[0].start.to_zoned(day.time_zone().clone()).time();
        assert_eq!(first, FIRST_SLOT);
    }
}
