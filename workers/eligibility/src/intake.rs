//! Visits that were booked, moved or called off: the checks of their coverages follow.

use std::sync::Arc;

use bus::{DeadReason, FactHandler, HandleError, ReceivedFact};
use contracts::{AppointmentEvent, EventKind};
use domain::SharedClock;
use store::booking::{Failure, Pool};
use store::eligibility::{FollowVisits, VisitToCheck};
use tokio::sync::Notify;

use crate::metrics;

/// What happens to visits. Whatever it is, the checks are brought in line with how the visit stands
/// in the database; so a kind that is added here needs nothing else.
pub(crate) const FOLLOWED: &[EventKind] = &[
    EventKind::AppointmentBooked,
    EventKind::AppointmentCancelled,
    EventKind::AppointmentRescheduled,
    EventKind::AppointmentStatusChanged,
];

/// Has checks follow their visits, and says so.
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
        let work = FollowVisits { visits, at: self.clock.now() };
        match self.pool.transact(&work).await {
            Ok(changed) => {
                metrics::FOLLOWED.inc_by(changed);
                if changed > 0 {
                    self.opened.notify_one();
                }
                Ok(())
            }
            Err(Failure::Refused { class, detail }) => Err(HandleError::Failed { class, detail }),
            Err(failure) => Err(HandleError::Outage(failure.to_string())),
        }
    }
}
