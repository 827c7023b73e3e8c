//! Settles batches.

use std::sync::Arc;

use contracts::Outcome;
use domain::SharedClock;
use jiff::{Timestamp, Unit};
use store::booking::appointments::{FindParties, Parties};
use store::booking::{Failure, Pool};
use tokio::sync::Notify;

use crate::report::report;
use crate::segments::{named_before_takings, split};
use crate::settle::SettleSegment;
use crate::{Request, Rules, metrics};

/// Settles batches of requests against the database. Clones share it.
#[derive(Clone)]
pub struct Settler {
    pool: Pool,
    clock: SharedClock,
    outbox_filled: Arc<Notify>,
    rules: Rules,
}

impl Settler {
    /// A settler that tells `outbox_filled` after each commit.
    pub fn new(pool: Pool, clock: SharedClock, outbox_filled: Arc<Notify>) -> Self {
        Self { pool, clock, outbox_filled, rules: Rules::default() }
    }

    /// The same by other rules.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The same, with another limit to how far ahead a standard visit can be booked.
    #[must_use]
    pub fn with_standard_horizon(self, days: u16) -> Self {
        Self { rules: Rules { standard_horizon_days: days, ..self.rules }, ..self }
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
        SettleSegment { requests, rules: self.rules, now: self.now() }
    }

    /// Whose visits are named before something takes time.
    async fn parties(&self, requests: &[Request<'_>]) -> Result<Parties, Failure> {
        let named = named_before_takings(requests);
        if named.is_empty() {
            return Ok(Parties::new());
        }
        self.pool.transact(&FindParties(named)).await
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
