//! One segment of a batch, settled in one transaction.

use std::collections::HashMap;

use contracts::{
    BookAppointment, BookingCommand, CancelAppointment, Outcome, Rejection, SetAvailability,
    SetException, SetLocation, SetService, WithdrawRequest,
};
use domain::{RequestId, UserId};
use jiff::Timestamp;
use store::booking::{Failure, Transaction, Work};

use crate::facts::Facts;
use crate::order::{Order, Outcomes};
use crate::record::Record;
use crate::triage::{Triage, triage};
use crate::{
    Request, book, cancel, set_availability, set_exception, set_location, set_service, withdraw,
};

/// Settles requests that don't depend on a change among them.
pub(crate) struct SettleSegment<'a> {
    pub requests: &'a [Request<'a>],
    pub now: Timestamp,
    pub standard_horizon_days: u16,
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
        let mut facts =
            Facts::read(transaction, self.requests, self.now, self.standard_horizon_days).await?;
        let (triage, mut keys) = triage(self.requests, &facts);
        let orders = Orders::of(self.requests, &triage);

        let mut outcomes = Outcomes::unknown(self.requests.len());
        book::settle(transaction, &orders.books, &facts, self.now, &mut outcomes).await?;
        cancel::settle(transaction, &orders.cancels, &mut facts.appointments, &mut outcomes)
            .await?;
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
        let mut record = Record::with_capacity(settlements.len(), self.now);
        for (index, settlement) in settlements.iter().enumerate() {
            if settlement.is_new {
                let keeps_key = triage[index] != Triage::KeyReused;
                record.add(&self.requests[index], &settlement.outcome, keeps_key);
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
    books: Vec<Order<'a, BookAppointment>>,
    cancels: Vec<Order<'a, CancelAppointment>>,
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
            if *triage != Triage::New {
                continue;
            }
            let metadata = request.metadata;
            match request.command {
                BookingCommand::Book(command) => {
                    orders.books.push(Order { index, metadata, command });
                }
                BookingCommand::Cancel(command) => {
                    orders.cancels.push(Order { index, metadata, command });
                }
                BookingCommand::SetAvailability(command) => {
                    orders.weeks.push(Order { index, metadata, command });
                }
                BookingCommand::SetException(command) => {
                    orders.dates.push(Order { index, metadata, command });
                }
                BookingCommand::SetLocation(command) => {
                    orders.locations.push(Order { index, metadata, command });
                }
                BookingCommand::SetService(command) => {
                    orders.services.push(Order { index, metadata, command });
                }
                BookingCommand::Withdraw(command) => {
                    orders.withdrawals.push(Order { index, metadata, command });
                }
            }
        }
        orders
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
