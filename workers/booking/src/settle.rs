//! One segment of a batch, settled in one transaction.

use std::collections::HashMap;

use contracts::{
    AddNote, AssignCare, BookSeries, BookingCommand, CancelAppointment, CancelSeries, EndCare,
    Outcome, PreviousTime, Rejection, RescheduleAppointment, ReviseNote, SeenAppointment,
    SetAppointmentStatus, SetAvailability, SetException, SetLocation, SetService, WithdrawRequest,
};
use domain::{RequestId, UserId};
use jiff::Timestamp;
use store::booking::{Failure, Transaction, Work};

use crate::book::Taking;
use crate::facts::Facts;
use crate::order::{Order, Outcomes};
use crate::record::Record;
use crate::triage::{Triage, triage};
use crate::{
    Request, Rules, book, book_series, cancel, cancel_series, care, confirm, notes, reschedule,
    set_availability, set_exception, set_location, set_service, set_status, transitions,
    undo_status, withdraw,
};

/// Settles requests that don't depend on a change among them.
pub(crate) struct SettleSegment<'a> {
    pub requests: &'a [Request<'a>],
    pub rules: Rules,
    pub now: Timestamp,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settlement {
    pub outcome: Outcome,
    /// It ended in this transaction, not before.
    pub is_new: bool,
}

impl Work for SettleSegment<'_> {
    type Output = Vec<Settlement>;
    const NAME: &'static str = "settle";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Vec<Settlement>, Failure> {
        let horizon = self.rules.standard_horizon_days;
        let mut facts = Facts::read(transaction, self.requests, self.now, horizon).await?;
        let (triage, mut keys) = triage(self.requests, &facts);
        let orders = Orders::of(self.requests, &triage);

        let mut outcomes = Outcomes::unknown(self.requests.len());
        let moved = self.take_time(transaction, &orders, &mut facts, &mut outcomes).await?;
        self.change(transaction, &orders, &mut facts, &mut outcomes).await?;
        notes::settle(
            transaction,
            &orders.notes,
            &orders.revisions,
            &facts,
            self.now,
            &mut outcomes,
        )
        .await?;
        care::assign(transaction, &orders.care, &facts, self.now, &mut outcomes).await?;
        care::end(transaction, &orders.ends_of_care, &facts, self.now, &mut outcomes).await?;
        set_location::settle(transaction, &orders.locations, &facts, &mut outcomes).await?;
        set_service::settle(transaction, &orders.services, &facts, &mut outcomes).await?;
        let (weeks, dates) = (&orders.weeks, &orders.dates);
        set_availability::settle(transaction, weeks, &facts, self.now, &mut outcomes).await?;
        set_exception::settle(transaction, dates, &facts, self.now, &mut outcomes).await?;
        let ending = self.ending(&triage);
        let tombstones = withdraw::settle(
            &orders.withdrawals,
            &facts.settled,
            &ending,
            &mut keys,
            &mut outcomes,
        );

        let settlements = settlements(&triage, outcomes);
        let mut record = Record::new(settlements.len(), self.now, moved);
        if let Some(first) = self.requests.first() {
            for hold in &facts.expired {
                record.add_expired(hold, first.metadata.correlation_id);
            }
        }
        for (index, settlement) in settlements.iter().enumerate() {
            if settlement.is_new {
                let keeps_key = triage[index] != Triage::KeyReused;
                record.add(index, &self.requests[index], &settlement.outcome, keeps_key);
            }
        }
        for tombstone in &tombstones {
            record.add_ending(tombstone.ending());
        }
        record.write(transaction).await?;
        Ok(settlements)
    }
}

impl SettleSegment<'_> {
    /// Whatever wants time that others may want as well. Gives, by index, when visits that were
    /// moved would have been.
    async fn take_time(
        &self,
        transaction: &Transaction<'_>,
        orders: &Orders<'_>,
        facts: &mut Facts,
        outcomes: &mut Outcomes,
    ) -> Result<HashMap<usize, PreviousTime>, Failure> {
        let (rules, now) = (&self.rules, self.now);
        book::settle(transaction, &orders.takings, facts, rules, now, outcomes).await?;
        book_series::settle(transaction, &orders.series, facts, now, outcomes).await?;
        let moved =
            reschedule::settle(transaction, &orders.moves, facts, rules, now, outcomes).await?;
        let Facts { histories, appointments, .. } = facts;
        undo_status::settle(transaction, &orders.undos, histories, appointments, outcomes).await?;
        Ok(moved)
    }

    /// Whatever else becomes of visits.
    async fn change(
        &self,
        transaction: &Transaction<'_>,
        orders: &Orders<'_>,
        facts: &mut Facts,
        outcomes: &mut Outcomes,
    ) -> Result<(), Failure> {
        let (rules, now) = (&self.rules, self.now);
        cancel_series::settle(transaction, &orders.ends_of_series, facts, rules, now, outcomes)
            .await?;
        let visits = &mut facts.appointments;
        let seen = |seen: &SeenAppointment| seen.appointment_id;
        let confirmed =
            |order: &Order<'_, _>, visit: Option<&_>| confirm::confirmed(order, visit, now);
        transitions::settle(transaction, &orders.confirms, seen, confirmed, visits, outcomes)
            .await?;
        let released =
            |order: &Order<'_, _>, visit: Option<&_>| confirm::released(order, visit, now);
        transitions::settle(transaction, &orders.releases, seen, released, visits, outcomes)
            .await?;
        let cancelled = |cancel: &CancelAppointment| cancel.appointment_id;
        let decide =
            |order: &Order<'_, _>, visit: Option<&_>| cancel::decide(order, visit, rules, now);
        transitions::settle(transaction, &orders.cancels, cancelled, decide, visits, outcomes)
            .await?;
        let set = |set: &SetAppointmentStatus| set.appointment_id;
        let decide =
            |order: &Order<'_, _>, visit: Option<&_>| set_status::decide(order, visit, now);
        transitions::settle(transaction, &orders.statuses, set, decide, visits, outcomes).await
    }

    /// The requests that end in this segment by themselves, and whose they are.
    fn ending(&self, triage: &[Triage]) -> HashMap<RequestId, UserId> {
        let is_withdrawal =
            |request: &Request<'_>| matches!(request.command, BookingCommand::Withdraw(_));
        if !self.requests.iter().any(is_withdrawal) {
            return HashMap::new();
        }
        self.requests
            .iter()
            .zip(triage)
            .filter(|(_, triage)| matches!(triage, Triage::New | Triage::KeyReused))
            .map(|(request, _)| (request.metadata.request_id, request.metadata.actor.id))
            .collect()
    }
}

/// What is to be done, by message.
#[derive(Default)]
struct Orders<'a> {
    takings: Vec<Taking<'a>>,
    series: Vec<Order<'a, BookSeries>>,
    moves: Vec<Order<'a, RescheduleAppointment>>,
    undos: Vec<Order<'a, SeenAppointment>>,
    ends_of_series: Vec<Order<'a, CancelSeries>>,
    confirms: Vec<Order<'a, SeenAppointment>>,
    releases: Vec<Order<'a, SeenAppointment>>,
    cancels: Vec<Order<'a, CancelAppointment>>,
    statuses: Vec<Order<'a, SetAppointmentStatus>>,
    notes: Vec<Order<'a, AddNote>>,
    revisions: Vec<Order<'a, ReviseNote>>,
    care: Vec<Order<'a, AssignCare>>,
    ends_of_care: Vec<Order<'a, EndCare>>,
    weeks: Vec<Order<'a, SetAvailability>>,
    dates: Vec<Order<'a, SetException>>,
    locations: Vec<Order<'a, SetLocation>>,
    services: Vec<Order<'a, SetService>>,
    withdrawals: Vec<Order<'a, WithdrawRequest>>,
}

impl<'a> Orders<'a> {
    fn of(requests: &'a [Request<'a>], triage: &[Triage]) -> Self {
        let mut orders = Self::default();
        for (index, (request, triage)) in requests.iter().zip(triage).enumerate() {
            if *triage == Triage::New {
                orders.add(index, request);
            }
        }
        orders
    }

    fn add(&mut self, index: usize, request: &Request<'a>) {
        fn order<'a, C>(index: usize, request: &Request<'a>, command: &'a C) -> Order<'a, C> {
            Order { index, metadata: request.metadata, command }
        }
        macro_rules! add {
            ($orders:ident, $command:ident) => {
                self.$orders.push(order(index, request, $command))
            };
        }
        match request.command {
            BookingCommand::Book(command) => {
                let order = order(index, request, command);
                self.takings.push(Taking { order, is_hold: false });
            }
            BookingCommand::Hold(command) => {
                let order = order(index, request, command);
                self.takings.push(Taking { order, is_hold: true });
            }
            BookingCommand::BookSeries(command) => add!(series, command),
            BookingCommand::Reschedule(command) => add!(moves, command),
            BookingCommand::UndoStatus(command) => add!(undos, command),
            BookingCommand::CancelSeries(command) => add!(ends_of_series, command),
            BookingCommand::Confirm(command) => add!(confirms, command),
            BookingCommand::Release(command) => add!(releases, command),
            BookingCommand::Cancel(command) => add!(cancels, command),
            BookingCommand::SetStatus(command) => add!(statuses, command),
            BookingCommand::AddNote(command) => add!(notes, command),
            BookingCommand::ReviseNote(command) => add!(revisions, command),
            BookingCommand::AssignCare(command) => add!(care, command),
            BookingCommand::EndCare(command) => add!(ends_of_care, command),
            BookingCommand::SetAvailability(command) => add!(weeks, command),
            BookingCommand::SetException(command) => add!(dates, command),
            BookingCommand::SetLocation(command) => add!(locations, command),
            BookingCommand::SetService(command) => add!(services, command),
            BookingCommand::Withdraw(command) => add!(withdrawals, command),
        }
    }
}

fn settlements(triage: &[Triage], outcomes: Outcomes) -> Vec<Settlement> {
    let mut settlements: Vec<Settlement> = Vec::with_capacity(triage.len());
    for (triage, outcome) in triage.iter().zip(outcomes) {
        let settlement = match triage {
            Triage::Settled(outcome) => Settlement { outcome: outcome.clone(), is_new: false },
            Triage::RepeatOf(first) => {
                Settlement { outcome: settlements[*first].outcome.clone(), is_new: false }
            }
            Triage::KeyReused => Settlement {
                outcome: Outcome::Rejected { reason: Rejection::KeyReused },
                is_new: true,
            },
            Triage::New => Settlement {
                outcome: outcome.expect("each message's file settles every order it is given"),
                is_new: true,
            },
        };
        settlements.push(settlement);
    }
    settlements
}
