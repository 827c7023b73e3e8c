//! A visit was booked, or moved: from now on its coverages are to be checked, for its day.

use contracts::TraceContext;
use domain::{AppointmentId, CorrelationId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::booking::{Failure, Transaction, Work, correlation};

/// A booked visit.
#[derive(Clone, Debug)]
pub struct VisitToCheck {
    /// Which.
    pub appointment_id: AppointmentId,
    /// Of the request that booked it.
    pub correlation_id: CorrelationId,
    /// Its trace.
    pub trace: Option<TraceContext>,
}

/// Makes a check for each visit and each coverage that its patient has on that day; a check for
/// another day is asked again for this one. Doing it again changes nothing. Gives how many checks
/// are new or to be asked again.
#[derive(Clone, Copy, Debug)]
pub struct OpenChecks<'a> {
    /// The visits.
    pub visits: &'a [VisitToCheck],
    /// Now.
    pub at: Timestamp,
}

const OPEN: &str = "
    INSERT INTO eligibility_checks
        (id, coverage_id, appointment_id, payer_id, service_date, next_at, correlation_id,
         traceparent, created_at, changed_at)
    SELECT gen_random_uuid(), c.id, a.id, c.payer_id, day.day, $4, v.correlation_id, v.traceparent,
        $4, $4
    FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS v (id, correlation_id, traceparent)
    JOIN appointments a ON a.id = v.id AND a.status IN ('pending', 'booked')
        AND upper(a.during) > $4
    CROSS JOIN LATERAL service_date(a.practitioner_id, lower(a.during)) AS day (day)
    JOIN coverages c ON c.patient_id = a.patient_id AND c.status = 'active'
        AND day.day BETWEEN coalesce(c.period_start, day.day) AND coalesce(c.period_end, day.day)
    ON CONFLICT ON CONSTRAINT eligibility_checks_once DO NOTHING";

// What was known before stays until there is an answer for the new day. Whoever is asking about the
// old one settles in vain: their lease is gone.
const MOVE: &str = "
    UPDATE eligibility_checks e
    SET service_date = day.day, next_at = $2, attempts = 0, error_class = NULL, error_code = NULL,
        lease_owner = NULL, lease_until = NULL, changed_at = $2, status = 'not_checked'
    FROM appointments a
    CROSS JOIN LATERAL service_date(a.practitioner_id, lower(a.during)) AS day (day)
    WHERE e.appointment_id = ANY ($1) AND a.id = e.appointment_id AND day.day <> e.service_date
      AND a.status IN ('pending', 'booked') AND e.status <> 'self_pay'";

impl Work for OpenChecks<'_> {
    type Output = u64;
    const NAME: &'static str = "open_checks";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<u64, Failure> {
        let visits = self.visits;
        let ids: Vec<Uuid> = visits.iter().map(|it| it.appointment_id.as_uuid()).collect();
        let correlations: Vec<CorrelationId> = visits.iter().map(|it| it.correlation_id).collect();
        correlation::log(transaction, &correlations).await?;
        let correlations: Vec<Uuid> = correlations.iter().map(|id| id.as_uuid()).collect();
        let traces: Vec<Option<String>> =
            visits.iter().map(|it| it.trace.as_ref().map(TraceContext::traceparent)).collect();
        let parameters: &[&(dyn ToSql + Sync)] = &[&ids, &correlations, &traces, &self.at];
        let moved = transaction.execute(MOVE, &[&ids, &self.at]).await?;
        Ok(moved + transaction.execute(OPEN, parameters).await?)
    }
}
