//! Visits that were booked or moved: their coverages are to be checked.

use std::sync::Arc;

use bus::{DeadReason, FactHandler, HandleError, ReceivedFact};
use contracts::{AppointmentEvent, EventKind};
use domain::SharedClock;
use store::booking::{Failure, Pool};
use store::eligibility::{OpenChecks, VisitToCheck};
use tokio::sync::Notify;

use crate::metrics;

/// What happens to visits. Whatever it is, the checks are brought in line with how the visit stands
/// in the database. A status that is taken back may make a visit of a cancelled one.
pub(crate) const FOLLOWED: &[EventKind] = &[
    EventKind::AppointmentBooked,
    EventKind::AppointmentRescheduled,
    EventKind::AppointmentStatusChanged,
];

/// Makes rows of visits, and says so.
pub(crate) struct Intake {
    pub pool: Pool,
    pub clock: SharedClock,
    pub opened: Arc<Notify>,
}

impl FactHandler for Intake {
    type Fact = VisitToCheck;

    fn decode(&self, fact: &ReceivedFact) -> Result<VisitToCheck, DeadReason> {
        let event: AppointmentEvent =
            serde_json::from_slice(&fact.body).map_err(|error| DeadReason {
                class: "undecodable",
                detail: format!(
                    "body does not match its schema, line {} column {}",
                    error.line(),
                    error.column()
                ),
            })?;
        Ok(VisitToCheck {
            appointment_id: event.appointment.id,
            correlation_id: fact.correlation_id,
            trace: fact.trace.clone(),
        })
    }

    async fn handle(&self, visits: &[VisitToCheck]) -> Result<(), HandleError> {
        let work = OpenChecks { visits, at: self.clock.now() };
        match self.pool.transact(&work).await {
            Ok(opened) => {
                metrics::OPENED.inc_by(opened);
                if opened > 0 {
                    self.opened.notify_one();
                }
                Ok(())
            }
            Err(Failure::Refused { class, detail }) => Err(HandleError::Failed { class, detail }),
            Err(failure) => Err(HandleError::Outage(failure.to_string())),
        }
    }
}
