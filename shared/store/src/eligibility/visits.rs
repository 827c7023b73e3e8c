//! Visits that were booked, moved or called off: their coverages' checks follow.

use contracts::TraceContext;
use domain::{AppointmentId, CorrelationId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::booking::{Failure, Transaction, Work, correlation};

/// A visit that something has happened to.
#[derive(Clone, Debug)]
pub struct VisitToCheck {
    /// Which.
    pub appointment_id: AppointmentId,
    /// Of the request that did it.
    pub correlation_id: CorrelationId,
    /// Its trace.
    pub trace: Option<TraceContext>,
}

/// Brings the checks of visits in line with how the visits stand now, whatever has happened to
/// them and in which order it was heard of: those of a visit that was called off are stopped, those
/// of one that was moved ask for its new day, and one that has none gets one for each coverage
/// that its patient has on that day. Doing it again changes nothing. Gives how many checks were
/// changed.
#[derive(Clone, Copy, Debug)]
pub struct FollowVisits<'a> {
    /// The visits.
    pub visits: &'a [VisitToCheck],
    /// Now.
    pub at: Timestamp,
}

const STOP: &str = "
    UPDATE eligibility_checks c
    SET is_stopped = true, next_at = NULL, lease_owner = NULL, lease_until = NULL, changed_at = $2
    FROM appointments a
    WHERE c.appointment_id = ANY ($1) AND a.id = c.appointment_id AND NOT c.is_stopped
      AND a.status NOT IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')";

const MOVE: &str = "
    UPDATE eligibility_checks c
    SET is_stopped = false, visit_start = lower(a.during), service_date = day.day,
        next_at = CASE WHEN c.decision = 'self_pay' THEN NULL ELSE $2::timestamptz END,
        changed_at = $2
    FROM appointments a
    CROSS JOIN LATERAL service_date(a.practitioner_id, lower(a.during)) AS day (day)
    WHERE c.appointment_id = ANY ($1) AND a.id = c.appointment_id
      AND a.status IN ('pending', 'booked') AND upper(a.during) > $2
      AND (c.is_stopped OR c.visit_start IS DISTINCT FROM lower(a.during))";

const OPEN: &str = "
    INSERT INTO eligibility_checks
        (id, coverage_id, coverage_version, appointment_id, payer_id, service_date, visit_start,
         next_at, correlation_id, traceparent, created_at, changed_at)
    SELECT gen_random_uuid(), c.id, c.version, a.id, c.payer_id, day.day, lower(a.during),
        $4, v.correlation_id, v.traceparent, $4, $4
    FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS v (id, correlation_id, traceparent)
    JOIN appointments a ON a.id = v.id AND a.status IN ('pending', 'booked')
        AND upper(a.during) > $4
    CROSS JOIN LATERAL service_date(a.practitioner_id, lower(a.during)) AS day (day)
    JOIN coverages c ON c.patient_id = a.patient_id AND c.status = 'active'
        AND day.day BETWEEN coalesce(c.period_start, day.day) AND coalesce(c.period_end, day.day)
    ON CONFLICT ON CONSTRAINT eligibility_checks_once DO NOTHING";

impl Work for FollowVisits<'_> {
    type Output = u64;
    const NAME: &'static str = "follow_visits";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<u64, Failure> {
        let visits = self.visits;
        let ids: Vec<Uuid> = visits.iter().map(|it| it.appointment_id.as_uuid()).collect();
        let correlations: Vec<CorrelationId> = visits.iter().map(|it| it.correlation_id).collect();
        correlation::log(transaction, &correlations).await?;
        let stopped = transaction.execute(STOP, &[&ids, &self.at]).await?;
        let moved = transaction.execute(MOVE, &[&ids, &self.at]).await?;
        let correlations: Vec<Uuid> = correlations.iter().map(|id| id.as_uuid()).collect();
        let traces: Vec<Option<String>> =
            visits.iter().map(|it| it.trace.as_ref().map(TraceContext::traceparent)).collect();
        let parameters: &[&(dyn ToSql + Sync)] = &[&ids, &correlations, &traces, &self.at];
        let opened = transaction.execute(OPEN, parameters).await?;
        Ok(stopped + moved + opened)
    }
}

/// Looks through the coverages, a part of them at a time, for visits to come whose checks aren't in
/// line with them: a fact that never arrived, or that nobody could take over, leaves no visit
/// unchecked. Gives where to go on and the visits; none behind the last coverage.
#[derive(Clone, Copy, Debug)]
pub struct FindOverlooked {
    /// Behind this coverage.
    pub after: Uuid,
    /// So many coverages.
    pub limit: i64,
    /// Now.
    pub at: Timestamp,
}

// By the patients' visits to come, which an index finds, and not by all visits.
const FIND_OVERLOOKED: &str = "
    WITH part AS (
        SELECT id, patient_id, status, period_start, period_end FROM coverages
        WHERE id > $1 ORDER BY id LIMIT $2),
    overlooked AS (
        SELECT a.id
        FROM part c
        JOIN appointments a ON a.patient_id = c.patient_id AND lower(a.during) > $3
        LEFT JOIN eligibility_checks e ON e.coverage_id = c.id AND e.appointment_id = a.id
        CROSS JOIN LATERAL service_date(a.practitioner_id, lower(a.during)) AS day (day)
        WHERE CASE WHEN e.id IS NULL
            -- A fact may still be on its way.
            THEN a.created_at < $3 - interval '1 minute'
                AND a.status = 'booked' AND c.status = 'active'
                AND day.day BETWEEN coalesce(c.period_start, day.day)
                    AND coalesce(c.period_end, day.day)
            ELSE (e.visit_start IS DISTINCT FROM lower(a.during) AND a.status = 'booked')
                OR (NOT e.is_stopped AND a.status IN ('cancelled', 'noshow', 'entered-in-error'))
            END)
    SELECT (SELECT id FROM part ORDER BY id DESC LIMIT 1),
        (SELECT array_agg(DISTINCT id) FROM overlooked)";

impl Work for FindOverlooked {
    type Output = Option<(Uuid, Vec<AppointmentId>)>;
    const NAME: &'static str = "find_overlooked_visits";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Self::Output, Failure> {
        let rows =
            transaction.query(FIND_OVERLOOKED, &[&self.after, &self.limit, &self.at]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let last: Option<Uuid> = row.try_get(0)?;
        let visits: Option<Vec<Uuid>> = row.try_get(1)?;
        let visits = visits.unwrap_or_default().into_iter().map(Into::into).collect();
        Ok(last.map(|last| (last, visits)))
    }
}
