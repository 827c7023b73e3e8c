//! One row: from the search for a free slot to an outcome.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::{Clock as _, PractitionerId, SystemClock};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::accounts::Patients;
use super::choice::{Choice, FreeSlot};
use super::days::Calendar;
use super::doctors::FIRST_SLOT;
use super::journal::{Attempt, Journal};
use super::rows::Row;
use super::tally::{Conflict, RowEnd, Tally};
use crate::client::http::{Ask, Http, Purpose};
use crate::client::settle::{self, Settled};

/// How many free slots one search brings: enough to spread patients over, and no more.
const SLOTS_PER_SEARCH: usize = 40;

/// What all connections of a run share.
#[derive(Debug)]
pub struct Run {
    /// Sets this state's keys apart from those of others.
    pub label: String,
    /// The clinics' wall clock.
    pub zone: TimeZone,
    /// Which day became which.
    pub calendar: Calendar,
    /// The doctors of each clinic.
    pub doctors: BTreeMap<u32, Vec<PractitionerId>>,
    /// The patients.
    pub patients: Patients,
    /// What was asked for each row.
    pub journal: Journal,
    /// What became of it.
    pub tally: Tally,
}

#[derive(Serialize)]
struct BookingBody {
    practitioner_id: PractitionerId,
    start: Timestamp,
}

#[derive(Deserialize)]
struct SlotsBody {
    items: Vec<FreeSlot>,
}

impl Run {
    /// Brings one row to its end.
    pub async fn settle_row(&self, http: &Http, row: &Row) -> RowEnd {
        let booking = Booking { run: self, http, row };
        let end = if row.asks_for_the_past() {
            booking.ask_for_the_past().await
        } else {
            booking.find_and_book().await
        };
        end.unwrap_or_else(|error| RowEnd::Undecided(format!("{error:#}")))
    }
}

/// One row on its way.
struct Booking<'a> {
    run: &'a Run,
    http: &'a Http,
    row: &'a Row,
}

impl Booking<'_> {
    async fn find_and_book(&self) -> anyhow::Result<RowEnd> {
        let mut choice = Choice::of(self.row.patient);
        let mut attempt = match self.earlier_attempt() {
            Some(earlier) => earlier,
            None => match self.free_slot(&mut choice).await? {
                Some(slot) => self.attempt(0, slot)?,
                None => return Ok(no_free_slot()),
            },
        };
        loop {
            let refusal = match self.book(&attempt).await? {
                Settled::Rejected(refusal) => refusal.reason,
                other => return end_of(other),
            };
            match refusal.as_str() {
                "slot_taken" => self.run.tally.met(Conflict::SlotTaken),
                "patient_busy" => {
                    self.run.tally.met(Conflict::PatientBusy);
                    choice.is_busy_at(attempt.start);
                }
                _ => return Ok(RowEnd::Refused(refusal)),
            }
            let Some(slot) = self.free_slot(&mut choice).await? else { return Ok(no_free_slot()) };
            attempt = self.attempt(attempt.number + 1, slot)?;
        }
    }

    /// The row's day was over when it was asked for, so the start lies as far in the past. The
    /// server must refuse it.
    async fn ask_for_the_past(&self) -> anyhow::Result<RowEnd> {
        let attempt = match self.earlier_attempt() {
            Some(earlier) => earlier,
            None => self.attempt(0, self.slot_in_the_past()?)?,
        };
        match self.book(&attempt).await? {
            Settled::Rejected(refusal) => Ok(RowEnd::Refused(refusal.reason)),
            other => end_of(other),
        }
    }

    fn slot_in_the_past(&self) -> anyhow::Result<FreeSlot> {
        let today = SystemClock.now().to_zoned(self.run.zone.clone()).date();
        let day = today.saturating_sub(self.row.days_before_the_request().days());
        let start = day.to_datetime(FIRST_SLOT).to_zoned(self.run.zone.clone())?.timestamp();
        Ok(FreeSlot { practitioner_id: self.doctors()?[0], start })
    }

    /// The next slot to try, after a search if need be.
    async fn free_slot(&self, choice: &mut Choice) -> anyhow::Result<Option<FreeSlot>> {
        if let Some(slot) = choice.next() {
            return Ok(Some(slot));
        }
        let day = self.run.calendar.map(self.row.visit_day).to_zoned(self.run.zone.clone())?;
        let (mut from, to) = (day.timestamp(), day.tomorrow()?.timestamp());
        loop {
            let found = self.search(from, to).await?;
            let Some(last) = found.last().copied() else { return Ok(None) };
            let is_all = found.len() < SLOTS_PER_SEARCH;
            if choice.take_found(found) {
                return Ok(choice.next());
            }
            if is_all {
                return Ok(None);
            }
            // At every time found the patient is busy: look later in the day.
            from = last.start + 1.second();
        }
    }

    async fn search(&self, from: Timestamp, to: Timestamp) -> anyhow::Result<Vec<FreeSlot>> {
        let doctors: Vec<String> = self.doctors()?.iter().map(ToString::to_string).collect();
        let mut token = self.access_token().await?;
        loop {
            let ask = Ask::get(Purpose::Search, "/v1/slots")
                .query("practitioner_id", doctors.join(","))
                .query("from", from)
                .query("to", to)
                .query("limit", SLOTS_PER_SEARCH)
                .bearer(&token);
            let began = Instant::now();
            let answer = self.http.ask(&ask).await?;
            match answer.status() {
                200 => {
                    self.run.tally.searched(began.elapsed());
                    return Ok(answer.json::<SlotsBody>()?.items);
                }
                401 => token = self.another_access_token(&token).await?,
                _ => anyhow::bail!("searching free slots failed: {answer}"),
            }
        }
    }

    async fn book(&self, attempt: &Attempt) -> anyhow::Result<Settled> {
        let body = BookingBody { practitioner_id: attempt.practitioner_id, start: attempt.start };
        let key = self.key(attempt);
        let mut token = self.access_token().await?;
        loop {
            let ask = Ask::post(Purpose::Book, "/v1/appointments", &body)
                .bearer(&token)
                .once_and_wait(&key);
            let began = Instant::now();
            match settle::ask(self.http, &ask, &token).await? {
                Settled::SignInEnded => token = self.another_access_token(&token).await?,
                settled => {
                    self.run.tally.booking_took(began.elapsed());
                    return Ok(settled);
                }
            }
        }
    }

    fn earlier_attempt(&self) -> Option<Attempt> {
        let earlier = self.run.journal.earlier_attempt(self.row.line)?;
        self.run.tally.asked_before();
        Some(earlier)
    }

    /// A new attempt, written down.
    fn attempt(&self, number: u32, slot: FreeSlot) -> anyhow::Result<Attempt> {
        let attempt = Attempt {
            weeks: self.run.calendar.weeks(),
            line: self.row.line,
            number,
            practitioner_id: slot.practitioner_id,
            start: slot.start,
        };
        self.run.journal.write(&attempt)?;
        Ok(attempt)
    }

    /// The same for the same attempt, in every run.
    fn key(&self, attempt: &Attempt) -> String {
        let Attempt { weeks, line, number, .. } = attempt;
        format!("replay-{}-{weeks}-{line}-{number}", self.run.label)
    }

    async fn access_token(&self) -> anyhow::Result<String> {
        self.run.patients.access_token(self.http, self.row.patient).await
    }

    async fn another_access_token(&self, refused: &str) -> anyhow::Result<String> {
        self.run.patients.another_access_token(self.http, self.row.patient, refused).await
    }

    fn doctors(&self) -> anyhow::Result<&[PractitionerId]> {
        match self.run.doctors.get(&self.row.clinic) {
            Some(doctors) if !doctors.is_empty() => Ok(doctors),
            _ => anyhow::bail!("clinic {} has no doctors", self.row.clinic),
        }
    }
}

fn end_of(settled: Settled) -> anyhow::Result<RowEnd> {
    match settled {
        Settled::Applied => Ok(RowEnd::Booked),
        Settled::HeldForReview => Ok(RowEnd::HeldForReview),
        Settled::Rejected(refusal) => Ok(RowEnd::Refused(refusal.reason)),
        Settled::SignInEnded => anyhow::bail!("the sign-in ended"),
    }
}

fn no_free_slot() -> RowEnd {
    RowEnd::Refused("no_free_slot".into())
}

#[cfg(test)]
#[path = "booking_tests.rs"]
mod tests;
