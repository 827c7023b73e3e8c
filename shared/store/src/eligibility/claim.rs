//! Taking checks that are due, so that nobody else asks the same meanwhile.

use contracts::TraceContext;
use domain::{CorrelationId, EligibilityCheckId, HumanName, MemberId, PayerId};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::booking::{Failure, Transaction, Work};

/// Takes checks of one payer that are due, the longest due first.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Whom to ask.
    pub payer: &'a PayerId,
    /// At most so many.
    pub limit: i64,
    /// Who takes them.
    pub owner: Uuid,
    /// Now.
    pub at: Timestamp,
    /// Until then nobody else takes them. To the microsecond, as the database stores it.
    pub until: Timestamp,
}

/// A check in hand: everything that the question says.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Which.
    pub id: EligibilityCheckId,
    /// The day that is asked for.
    pub service_date: Date,
    /// When the visit begins; none for a coverage without a visit.
    pub visit_start: Option<Timestamp>,
    /// The visit is called off or over, or the coverage isn't one for that day any more: nobody
    /// needs to know.
    pub is_moot: bool,
    /// The number on the card.
    pub member_id: MemberId,
    /// The member.
    pub subscriber: Subscriber,
    /// The patient, when that is somebody else.
    pub dependent: Option<Subscriber>,
    /// Calls in a row without an answer, before this one.
    pub attempts: i32,
    /// Joins it to the request that it began with.
    pub correlation_id: CorrelationId,
    /// The trace of that.
    pub trace: Option<TraceContext>,
}

/// A person as the question names them.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// What they are called.
    pub name: HumanName,
    /// When they were born. Hidden from `Debug` by [`contracts::insurer::X12Date`].
    pub birth_date: contracts::insurer::X12Date,
}

const CLAIM: &str = "
    WITH taken AS (
        UPDATE eligibility_checks
        SET lease_owner = $3, lease_until = $5, changed_at = $4,
            status = CASE status WHEN 'not_checked' THEN 'checking' ELSE status END
        WHERE id = ANY (ARRAY(
            SELECT id FROM eligibility_checks
            WHERE payer_id = $1 AND next_at <= $4 AND (lease_until IS NULL OR lease_until <= $4)
            ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING id, coverage_id, appointment_id, attempts, correlation_id, traceparent,
            -- A coverage without a visit is asked about as of today.
            CASE WHEN appointment_id IS NULL THEN ($4 AT TIME ZONE 'UTC')::date
                ELSE service_date END AS service_date)
    SELECT t.id, t.service_date, lower(a.during),
        c.status <> 'active' OR t.service_date > c.period_end
            OR (t.service_date < c.period_start AND a.id IS NOT NULL)
            OR coalesce(a.status NOT IN ('pending', 'booked', 'arrived', 'checked-in'), false),
        c.subscriber_id, c.relationship <> 'self',
        p.given_name, p.family_name, p.birth_date,
        c.subscriber_given_name, c.subscriber_family_name, c.subscriber_birth_date,
        t.attempts, t.correlation_id, t.traceparent
    FROM taken t
    JOIN coverages c ON c.id = t.coverage_id
    JOIN patients p ON p.id = c.patient_id
    LEFT JOIN appointments a ON a.id = t.appointment_id";

impl Work for Claim<'_> {
    type Output = Vec<Claimed>;
    const NAME: &'static str = "claim_checks";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Vec<Claimed>, Failure> {
        let payer = self.payer.as_str();
        let rows = transaction
            .query(CLAIM, &[&payer, &self.limit, &self.owner, &self.at, &self.until])
            .await?;
        rows.iter().map(claimed).collect()
    }
}

fn claimed(row: &Row) -> Result<Claimed, Failure> {
    let id: Uuid = row.try_get(0)?;
    let unreadable = |column| Failure::unreadable_row(column, id);
    let person = |first: usize| {
        let (given, family): (&str, &str) = (row.try_get(first)?, row.try_get(first + 1)?);
        let name = HumanName::new(given, family).map_err(|_| unreadable("patients.given_name"))?;
        Ok::<_, Failure>(Subscriber { name, birth_date: row.try_get::<_, Date>(first + 2)?.into() })
    };
    let patient = person(6)?;
    let is_dependent: bool = row.try_get(5)?;
    let (subscriber, dependent) =
        if is_dependent { (person(9)?, Some(patient)) } else { (patient, None) };
    let parent: Option<&str> = row.try_get(14)?;
    Ok(Claimed {
        id: id.into(),
        service_date: row.try_get(1)?,
        visit_start: row.try_get(2)?,
        is_moot: row.try_get::<_, Option<bool>>(3)?.unwrap_or_default(),
        member_id: row
            .try_get::<_, String>(4)?
            .try_into()
            .map_err(|_| unreadable("coverages.subscriber_id"))?,
        subscriber,
        dependent,
        attempts: row.try_get(12)?,
        correlation_id: row.try_get::<_, Uuid>(13)?.into(),
        trace: parent.and_then(|parent| TraceContext::parse(parent, None).ok()),
    })
}

/// Gives back everything that somebody holds, as at the end of a worker.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseLeases {
    /// Who.
    pub owner: Uuid,
    /// Now.
    pub at: Timestamp,
}

const RELEASE: &str = "
    UPDATE eligibility_checks
    SET lease_owner = NULL, lease_until = NULL, changed_at = $2,
        status = CASE status WHEN 'checking' THEN 'not_checked' ELSE status END
    WHERE lease_owner = $1";

impl Work for ReleaseLeases {
    type Output = u64;
    const NAME: &'static str = "release_checks";

    async fn run(&self, transaction: &Transaction<'_>) -> Result<u64, Failure> {
        transaction.execute(RELEASE, &[&self.owner, &self.at]).await
    }
}
