//! Settles batches.

use std::sync::Arc;

use contracts::Outcome;
use domain::SharedClock;
use jiff::{Timestamp, Unit};
use runtime::settings::SchedulingSettings;
use store::booking::appointments::{FindParties, Parties};
use store::booking::{Failure, Pool};
use tokio::sync::Notify;

use crate::report::report;
use crate::segments::{cancelled_before_bookings, split};
use crate::settle::SettleSegment;
use crate::{Request, metrics};

/// Settles batches of requests against the database. Clones share it.
#[derive(Clone)]
pub struct Settler {
    pool: Pool,
    clock: SharedClock,
    outbox_filled: Arc<Notify>,
    standard_horizon_days: u16,
}

impl Settler {
    /// A settler that tells `outbox_filled` after each commit.
    pub fn new(pool: Pool, clock: SharedClock, outbox_filled: Arc<Notify>) -> Self {
        let standard_horizon_days = SchedulingSettings::default().standard_horizon_days;
        Self { pool, clock, outbox_filled, standard_horizon_days }
    }

    /// The same, with another limit to how far ahead a standard visit can be booked.
    #[must_use]
    pub fn with_standard_horizon(self, days: u16) -> Self {
        Self { standard_horizon_days: days, ..self }
    }

    /// Settles each request once, as if they came one after the other, and answers each: one
    /// that ended before gets the answer that it got then.
    ///
    /// After a failure some may be settled and others not; giving it the same batch again is
    /// right, whatever happened.
    pub async fn settle(&self, requests: &[Request<'_>]) -> Result<Vec<Outcome>, Failure> {
        let parties = self.parties(requests).await?;
        let mut outcomes = Vec::with_capacity(requests.len());
        for range in split(requests, &parties) {
            let requests = &requests[range];
            let work = self.segment(requests);
            let settlements = self.pool.transact(&work).await?;
            self.outbox_filled.notify_one();
            metrics::SEGMENTS.inc();
            for (request, settlement) in requests.iter().zip(settlements) {
                report(request, &settlement);
                outcomes.push(settlement.outcome);
            }
        }
        Ok(outcomes)
    }

    pub(crate) fn segment<'a>(&self, requests: &'a [Request<'a>]) -> SettleSegment<'a> {
        let standard_horizon_days = self.standard_horizon_days;
        SettleSegment { requests, now: self.now(), standard_horizon_days }
    }

    /// Whose visits are cancelled before something is booked.
    async fn parties(&self, requests: &[Request<'_>]) -> Result<Parties, Failure> {
        let cancelled = cancelled_before_bookings(requests);
        if cancelled.is_empty() {
            return Ok(Parties::new());
        }
        self.pool.transact(&FindParties(cancelled)).await
    }

    /// As exact as the database stores it, so that an answer is the same before and after.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.round(Unit::Microsecond).unwrap_or(now)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }
}
