//! Which payers have something due, and their loops.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{CorrelationId, PayerId};
use runtime::Shutdown;
use store::booking::Failure;
use store::eligibility::{
    CountOpen, DuePayers, FindOverlooked, FollowVisits, Postpone, ReleaseLeases, VisitToCheck,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::breakers::Breakers;
use crate::metrics;
use crate::payer_loop::{Desk, PayerLoop};

/// Payers with a loop, at most: anybody can name one. Those beyond wait.
const MAX_PAYERS: usize = 1_000;

/// Why a check is not asked, in metrics and rows.
const NOT_CONFIGURED: &str = "not_configured";

/// How many looks lie between two counts of what is open.
const COUNT_EVERY: u32 = 20;

/// Coverages that are looked through for overlooked visits with each count: ten thousand of them
/// take a few minutes, and no statement takes long.
const LOOKED_THROUGH: i64 = 250;

/// Starts and wakes the payers' loops.
pub(crate) struct Payers {
    pub desk: Arc<Desk>,
    pub breakers: Arc<Breakers>,
    /// Told when checks were made.
    pub opened: Arc<Notify>,
}

impl Payers {
    /// Runs until the soft stop, then gives everything back that is in hand.
    pub async fn run(self, shutdown: Shutdown) {
        let poll = Duration::from_millis(self.desk.settings.poll_ms);
        let mut loops: HashMap<PayerId, Arc<Notify>> = HashMap::new();
        let mut running = JoinSet::new();
        let (mut is_failing, mut looks, mut looked_through) = (false, 0_u32, Uuid::nil());
        while !shutdown.is_soft_stopped() {
            let looked = self.look(&mut loops, &mut running, &shutdown).await;
            if let Err(failure) = &looked
                && !is_failing
            {
                tracing::warn!(%failure, "can't look for checks that are due");
            }
            is_failing = looked.is_err();
            if looks.is_multiple_of(COUNT_EVERY) {
                self.count().await;
                looked_through = self.find_overlooked(looked_through).await.unwrap_or_default();
            }
            looks = looks.wrapping_add(1);
            tokio::select! {
                () = tokio::time::sleep(poll) => {}
                () = self.opened.notified() => {}
                () = shutdown.soft_stopped() => {}
            }
        }
        while running.join_next().await.is_some() {}
        let work = ReleaseLeases { owner: self.desk.owner, at: self.desk.clock.now() };
        if let Err(failure) = self.desk.pool.transact(&work).await {
            tracing::warn!(%failure, "checks in hand are left until their lease ends");
        }
    }

    async fn look(
        &self,
        loops: &mut HashMap<PayerId, Arc<Notify>>,
        running: &mut JoinSet<()>,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let at = self.desk.clock.now();
        let due = self.desk.pool.transact(&DuePayers { at, limit: MAX_PAYERS as i64 }).await?;
        for payer in due {
            if let Some(wake) = loops.get(&payer) {
                wake.notify_one();
            } else if self.desk.insurer.endpoint(&payer).is_none() {
                self.postpone(&payer).await?;
            } else if loops.len() < MAX_PAYERS {
                let breaker = self.breakers.of(&payer);
                loops.insert(payer.clone(), Arc::clone(&breaker.wake));
                let payer_loop = PayerLoop::new(Arc::clone(&self.desk), payer, breaker);
                running.spawn(payer_loop.run(shutdown.clone()));
            }
        }
        Ok(())
    }

    async fn postpone(&self, payer: &PayerId) -> Result<(), Failure> {
        let at = self.desk.clock.now();
        let postponed =
            self.desk.pool.transact(&Postpone { payer, reason: NOT_CONFIGURED, at }).await?;
        let labels = &[payer.as_str(), NOT_CONFIGURED];
        metrics::REFUSED.with_label_values(labels).inc_by(postponed);
        if postponed > 0 {
            tracing::warn!(
                %payer,
                checks = postponed,
                "nobody has said where this payer is asked: set eligibility.insurer_url"
            );
        }
        Ok(())
    }

    /// Visits whose facts never arrived, or became dead letters. Gives where to go on; nothing
    /// when that is the beginning.
    async fn find_overlooked(&self, after: Uuid) -> Option<Uuid> {
        let at = self.desk.clock.now();
        let found = FindOverlooked { after, limit: LOOKED_THROUGH, at };
        // An outage shows in the next look; nothing is missed by beginning anew.
        let (last, visits) = self.desk.pool.transact(&found).await.ok()??;
        if visits.is_empty() {
            return Some(last);
        }
        let correlation_id = CorrelationId::generate();
        let visits: Vec<VisitToCheck> = visits
            .into_iter()
            .map(|appointment_id| VisitToCheck { appointment_id, correlation_id, trace: None })
            .collect();
        let followed = self.desk.pool.transact(&FollowVisits { visits: &visits, at }).await.ok()?;
        metrics::OVERLOOKED.inc_by(visits.len() as u64);
        tracing::warn!(
            %correlation_id,
            visits = visits.len(),
            checks = followed,
            "visits were found whose facts never arrived"
        );
        Some(last)
    }

    async fn count(&self) {
        // An outage shows in the next look.
        let Ok(counts) = self.desk.pool.transact(&CountOpen).await else { return };
        for status in ["not_checked", "checking", "pending_verification", "needs_attention"] {
            let count = counts.iter().find(|(word, _)| word == status).map_or(0, |(_, n)| *n);
            metrics::OPEN.with_label_values(&[status]).set(count);
        }
    }
}
