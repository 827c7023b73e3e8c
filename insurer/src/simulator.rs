//! All payers: their knobs and their counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contracts::insurer::{EligibilityAnswer, EligibilityQuestion};
use domain::{PayerId, SharedClock};
use jiff::tz::TimeZone;

use crate::answers;
use crate::call::Call;
use crate::counts::{AllCalls, PayerCalls, Tally};
use crate::draw::Draw;
use crate::knobs::{AllKnobs, Knobs, Outcome, Planned, PresentKnobs};
use crate::standing::Standing;

/// Payers that are told apart; their ids come from callers.
const PAYERS_MAX: usize = 1_000;

/// The simulator without its server.
pub struct Simulator {
    seed: u64,
    clock: SharedClock,
    started: Instant,
    payers: Mutex<Payers>,
}

/// There is no room for another payer.
#[derive(Debug, thiserror::Error)]
#[error("there are {PAYERS_MAX} payers already, and no room for another")]
pub struct TooManyPayers;

struct Payers {
    all: Setting,
    known: BTreeMap<PayerId, Payer>,
    unreadable: u64,
    followed_redirects: u64,
}

#[derive(Default)]
struct Payer {
    own: Option<Setting>,
    /// Numbers the calls since the knobs were set, for chance that repeats.
    draws: u64,
    tally: Tally,
}

#[derive(Clone)]
struct Setting {
    knobs: Arc<Knobs>,
    at: Instant,
}

impl Setting {
    fn now(knobs: Knobs) -> Self {
        Self { knobs: Arc::new(knobs), at: Instant::now() }
    }
}

impl Payers {
    fn entry(&mut self, payer: &PayerId) -> Result<&mut Payer, TooManyPayers> {
        if !self.known.contains_key(payer) && self.known.len() >= PAYERS_MAX {
            return Err(TooManyPayers);
        }
        Ok(self.known.entry(payer.clone()).or_default())
    }
}

impl Simulator {
    /// With no calls and all knobs at their defaults.
    pub fn new(seed: u64, clock: SharedClock) -> Self {
        let payers = Payers {
            all: Setting::now(Knobs::default()),
            known: BTreeMap::new(),
            unreadable: 0,
            followed_redirects: 0,
        };
        Self { seed, clock, started: Instant::now(), payers: Mutex::new(payers) }
    }

    /// A question comes: it is counted, and what happens to it is decided.
    pub fn arrive(
        self: &Arc<Self>,
        question: &EligibilityQuestion,
    ) -> Result<(Planned, Call), TooManyPayers> {
        let payer = &question.trading_partner_service_id;
        let member = &question.subscriber.member_id;
        let mut payers = self.lock();
        let all = payers.all.clone();
        let entry = payers.entry(payer)?;
        let setting = entry.own.as_ref().unwrap_or(&all);
        let number = entry.draws.to_be_bytes();
        let draw = Draw::new(self.seed, &[b"call", payer.as_str().as_bytes(), &number]);
        entry.draws += 1;
        let mut planned = setting.knobs.plan(setting.at.elapsed(), entry.tally.in_flight(), &draw);
        if planned.outcome == Outcome::Answer
            && let Standing::Rejected(code) = Standing::of(self.seed, payer, member)
        {
            planned.outcome = Outcome::Reject { code };
        }
        let stays = !planned.is_over_limit;
        let label = if stays { planned.outcome.label() } else { "over_limit".into() };
        entry.tally.arrive(member, label.into_owned(), self.ms_at(Instant::now()), stays);
        Ok((planned, Call::new(Arc::clone(self), payer.clone(), stays)))
    }

    pub(crate) fn leave(&self, payer: &PayerId, was_abandoned: bool) {
        if let Some(payer) = self.lock().known.get_mut(payer) {
            payer.tally.leave(was_abandoned);
        }
    }

    /// A request came that is no question.
    pub fn count_unreadable(&self) {
        self.lock().unreadable += 1;
    }

    /// Somebody followed the default redirect.
    pub fn count_followed_redirect(&self) {
        self.lock().followed_redirects += 1;
    }

    /// What is on file.
    pub fn answer(&self, question: &EligibilityQuestion) -> EligibilityAnswer {
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        answers::from_file(self.seed, question, today)
    }

    /// A rejection, whatever is on file.
    pub fn rejection(&self, question: &EligibilityQuestion, code: &str) -> EligibilityAnswer {
        answers::rejection(self.seed, question, code)
    }

    /// Sets the knobs of all payers that have none of their own.
    pub fn set_all(&self, knobs: Knobs) -> PresentKnobs {
        let mut payers = self.lock();
        payers.all = Setting::now(knobs);
        for payer in payers.known.values_mut().filter(|payer| payer.own.is_none()) {
            payer.draws = 0;
        }
        self.present(&payers.all, false)
    }

    /// Sets one payer's own knobs.
    pub fn set(&self, payer: &PayerId, knobs: Knobs) -> Result<PresentKnobs, TooManyPayers> {
        let setting = Setting::now(knobs);
        let present = self.present(&setting, true);
        let mut payers = self.lock();
        let entry = payers.entry(payer)?;
        entry.own = Some(setting);
        entry.draws = 0;
        Ok(present)
    }

    /// Everything back to the defaults, each payer's own knobs as well.
    pub fn reset_all(&self) {
        let mut payers = self.lock();
        payers.all = Setting::now(Knobs::default());
        for payer in payers.known.values_mut() {
            payer.own = None;
            payer.draws = 0;
        }
    }

    /// Takes a payer's own knobs away: those of all payers hold again.
    pub fn reset(&self, payer: &PayerId) {
        if let Some(payer) = self.lock().known.get_mut(payer) {
            payer.own = None;
            payer.draws = 0;
        }
    }

    /// All knobs as they stand.
    pub fn knobs(&self) -> AllKnobs {
        let payers = self.lock();
        let own = payers.known.iter().filter_map(|(id, payer)| Some((id, payer.own.as_ref()?)));
        AllKnobs {
            seed: self.seed,
            now_ms: self.ms_at(Instant::now()),
            all: self.present(&payers.all, false),
            payers: own.map(|(id, own)| (id.clone(), self.present(own, true))).collect(),
        }
    }

    /// The knobs that hold for one payer.
    pub fn knobs_of(&self, payer: &PayerId) -> PresentKnobs {
        let payers = self.lock();
        match payers.known.get(payer).and_then(|payer| payer.own.as_ref()) {
            Some(own) => self.present(own, true),
            None => self.present(&payers.all, false),
        }
    }

    /// The counts of all payers.
    pub fn calls(&self) -> AllCalls {
        let payers = self.lock();
        let totals = |(id, payer): (&PayerId, &Payer)| (id.clone(), payer.tally.totals().clone());
        AllCalls {
            now_ms: self.ms_at(Instant::now()),
            calls: payers.known.values().map(|payer| payer.tally.totals().calls).sum(),
            unreadable: payers.unreadable,
            followed_redirects: payers.followed_redirects,
            payers: payers.known.iter().map(totals).collect(),
        }
    }

    /// One payer's counts and arrivals: nothing but zeros when nobody ever asked it.
    pub fn calls_of(&self, payer: &PayerId) -> PayerCalls {
        let now_ms = self.ms_at(Instant::now());
        let payers = self.lock();
        let known = payers.known.get(payer);
        let nothing = || PayerCalls { now_ms, ..PayerCalls::default() };
        known.map_or_else(nothing, |payer| payer.tally.everything(now_ms))
    }

    /// Forgets all counts.
    pub fn forget_calls(&self) {
        let mut payers = self.lock();
        (payers.unreadable, payers.followed_redirects) = (0, 0);
        payers.known.values_mut().for_each(|payer| payer.tally.forget());
    }

    /// Forgets one payer's counts.
    pub fn forget_calls_of(&self, payer: &PayerId) {
        if let Some(payer) = self.lock().known.get_mut(payer) {
            payer.tally.forget();
        }
    }

    fn present(&self, setting: &Setting, is_own: bool) -> PresentKnobs {
        PresentKnobs {
            knobs: (*setting.knobs).clone(),
            is_own,
            set_at_ms: self.ms_at(setting.at),
            is_up: setting.knobs.down(setting.at.elapsed()).is_none(),
        }
    }

    fn ms_at(&self, instant: Instant) -> u64 {
        let since: Duration = instant.saturating_duration_since(self.started);
        since.as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Payers> {
        // A count may be off by one after a panic; the next test resets it.
        self.payers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("seed", &self.seed).finish_non_exhaustive()
    }
}
