//! `booking.book-series`: books a visit that comes again, every date of it or none.

use contracts::{Applied, BookAppointment, BookSeries, Outcome, Rejection, SeriesState};
use domain::{RequestedStart, SeriesId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::booking::appointments::{self, NewAppointment};
use store::booking::{Contention, Failure, Transaction};

use crate::book::{may_book_for, offered};
use crate::facts::Facts;
use crate::order::{Order, Outcomes};

/// Settles one series after the other.
pub(crate) async fn settle(
    transaction: &Transaction<'_>,
    orders: &[Order<'_, BookSeries>],
    facts: &Facts,
    now: Timestamp,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    for order in orders {
        let outcome = match visits(order, facts, now) {
            Ok(visits) => write(transaction, &visits, now).await?,
            Err(refusal) => *refusal,
        };
        outcomes.set(order.index, outcome);
    }
    Ok(())
}

/// What is in the way is looked at first: of what is written, nothing could be taken back alone.
async fn write(
    transaction: &Transaction<'_>,
    visits: &[NewAppointment],
    now: Timestamp,
) -> Result<Outcome, Failure> {
    let busy = appointments::busy(transaction, visits).await?;
    let in_the_way = |(visit, busy): (&NewAppointment, &appointments::Busy)| {
        (busy.practitioner || busy.patient).then_some(visit.slot.start)
    };
    let times: Vec<Timestamp> = visits.iter().zip(&busy).filter_map(in_the_way).collect();
    if !times.is_empty() {
        let is_taken = busy.iter().any(|busy| busy.practitioner);
        let reason = if is_taken { Rejection::SlotTaken } else { Rejection::PatientBusy };
        return Ok(Outcome::Blocked { reason, times });
    }
    let booked = appointments::insert(transaction, visits, now).await?;
    if booked.len() < visits.len() {
        return Err(Failure::Contended(Contention::ChangedMeanwhile));
    }
    let id = visits[0].series_id.unwrap_or_else(SeriesId::generate);
    let appointments = visits.iter().map(NewAppointment::state).collect();
    Ok(Outcome::Applied { result: Applied::Series(SeriesState { id, appointments }) })
}

/// The visits of a series, or why they aren't offered whoever else has visits then.
fn visits(
    order: &Order<'_, BookSeries>,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<NewAppointment>, Box<Outcome>> {
    let rejected = |reason| Box::new(Outcome::Rejected { reason });
    let BookSeries { first, .. } = order.command;
    if !may_book_for(order.metadata.actor, first.patient_id) {
        return Err(rejected(Rejection::NotAllowed));
    }
    let recurrence = order.command.recurrence().map_err(|_| rejected(Rejection::InvalidSeries))?;
    // Whatever is wrong with the first is wrong with the series.
    let request = order.metadata.request_id;
    let begin = offered(first, request, facts, now).map_err(rejected)?.slot.start;
    let zone = facts.zone_of(first.practitioner_id).ok_or(rejected(Rejection::OutsideHours))?;
    let starts = recurrence.starts(begin, &zone);

    let series_id = Some(SeriesId::generate());
    let mut visits = Vec::with_capacity(starts.len());
    let mut refused: Option<Rejection> = None;
    let mut times = Vec::new();
    for start in starts {
        let time = nearest(&start, &zone);
        match offered(&BookAppointment { start, ..first.clone() }, request, facts, now) {
            Ok(visit) => visits.push(NewAppointment { series_id, ..visit }),
            Err(reason) => {
                refused.get_or_insert(reason);
                times.extend(time);
            }
        }
    }
    match refused {
        None => Ok(visits),
        Some(reason) => Err(Box::new(Outcome::Blocked { reason, times })),
    }
}

/// A time for people to read, also of a start that the clocks skip or show twice.
fn nearest(start: &RequestedStart, zone: &TimeZone) -> Option<Timestamp> {
    match start {
        RequestedStart::Instant(instant) => Some(*instant),
        RequestedStart::Wall(wall, _) => zone.to_ambiguous_timestamp(*wall).compatible().ok(),
    }
}
