//! One run, from the state of earlier ones to its report.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Clock as _, SystemClock};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use runtime::Shutdown;

use super::arguments::ReplayArguments;
use super::booking::Run;
use super::days::Calendar;
use super::drive::{Queue, drive};
use super::journal::Journal;
use super::prepare::{Preparation, Prepared, PreparedSummary};
use super::report::{self, ConflictsSummary, Report, RowsSummary};
use super::selection::Selection;
use super::server::Server;
use super::state::State;
use super::tally::Tally;
use super::{doctors, pace};
use crate::client::http::{Encounters, Http};
use crate::progress::{self, Step};

/// What one run works with.
pub struct Session<'a> {
    arguments: &'a ReplayArguments,
    selection: Selection,
    server: Server,
    state_path: PathBuf,
    state: State,
    zone: TimeZone,
    today: Date,
    calendar: Calendar,
}

impl<'a> Session<'a> {
    /// Settles which day becomes which.
    pub fn new(
        arguments: &'a ReplayArguments,
        selection: Selection,
        server: Server,
        state_path: PathBuf,
        mut state: State,
    ) -> anyhow::Result<Self> {
        let zone = TimeZone::get(doctors::TIME_ZONE)?;
        let today = SystemClock.now().to_zoned(zone.clone()).date();
        let (calendar, weeks) = selection.calendar(state.weeks, today, arguments.round.get());
        state.weeks = Some(weeks);
        Ok(Self { arguments, selection, server, state_path, state, zone, today, calendar })
    }

    /// What is about to happen.
    pub fn announcement(&self) -> String {
        self.selection.announcement(self.calendar)
    }

    /// Makes what must exist before the first booking.
    pub async fn prepare(&mut self, shutdown: &Shutdown) -> anyhow::Result<Prepared> {
        let preparation = Preparation {
            server: &self.server,
            patience: self.patience(),
            state_path: &self.state_path,
            rows: &self.selection.rows,
            today: self.today,
            shutdown,
        };
        preparation.run(&mut self.state).await
    }

    /// Books the rows, and says what came of it.
    pub async fn book(mut self, prepared: Prepared, shutdown: &Shutdown) -> anyhow::Result<Report> {
        let run = Arc::new(Run {
            label: self.state.label.clone(),
            zone: self.zone.clone(),
            calendar: self.calendar,
            doctors: prepared.doctors,
            patients: prepared.patients,
            journal: Journal::open(&self.state_path, self.calendar.weeks())?,
            tally: Tally::new(),
        });
        let encounters = Arc::new(Encounters::default());
        let connections = (0..self.arguments.connections.get())
            .map(|_| Http::new(&self.server.url, self.patience(), Arc::clone(&encounters)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let rows = self.selection.rows.clone();
        let due = pace::due(&rows, self.selection.day_count(), self.arguments.speed);
        let (total, began) = (rows.len() as u64, Instant::now());
        let elapsed = progress::watch(
            "booking",
            total,
            || glance(&run, &encounters, began.elapsed()),
            drive(&run, Arc::new(Queue::new(rows, due)), connections, shutdown),
        )
        .await;
        // Tokens were renewed on the way.
        self.state.patients.extend(run.patients.registered().await);
        self.state.save(&self.state_path)?;
        Ok(self.report(&run, &encounters, prepared.summary, elapsed?))
    }

    fn report(
        &self,
        run: &Run,
        encounters: &Encounters,
        prepared: PreparedSummary,
        elapsed: Duration,
    ) -> Report {
        let counts = run.tally.so_far();
        Report {
            url: self.server.url.to_string(),
            file: self.selection.summary(),
            days: self.selection.mapped_days(self.calendar),
            weeks: self.calendar.weeks(),
            prepared,
            connections: self.arguments.connections.get(),
            rows: RowsSummary::new(self.selection.rows.len() as u64, &counts),
            conflicts: ConflictsSummary {
                slot_taken: counts.slots_taken,
                patient_busy: counts.patients_busy,
            },
            encounters: encounters.so_far(),
            elapsed_s: elapsed.as_secs_f64(),
            bookings_per_s: report::per_second(counts.booked, elapsed),
            behind_s: counts.behind.as_secs_f64(),
            search: counts.search_latency(),
            booking: counts.booking_latency(),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.arguments.patience.get().into())
    }
}

fn glance(run: &Run, encounters: &Encounters, elapsed: Duration) -> Step {
    let glance = run.tally.glance();
    let met = encounters.so_far();
    let errors = met.unknown_outcomes + met.unreachable + glance.undecided;
    let note = format!(
        "{:.0}/s  {} ok  {} conflicts  {errors} errors",
        report::per_second(glance.booked, elapsed),
        glance.booked,
        glance.conflicts
    );
    Step { done: glance.ended, note }
}
