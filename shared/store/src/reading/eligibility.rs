//! Table `eligibility_checks`: what insurers said, what people decided, and what nobody knows yet.

use domain::{
    AppointmentId, CoverageFinding, CoverageId, EligibilityCheckId, EligibilityDecision,
    EligibilityStatus, PatientId, PayerId, UserId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// How something stands: a coverage, or a visit by whichever of its coverages serves it best.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which check says so.
    pub check: EligibilityCheckId,
    /// For people.
    pub status: EligibilityStatus,
    /// What the insurer said last, and when; however long ago.
    pub last_known: Option<(CoverageFinding, Timestamp)>,
    /// Why there is no newer answer, a word.
    pub error_class: Option<String>,
    /// The insurer's AAA code for that.
    pub error_code: Option<String>,
    /// When the insurer is asked (again).
    pub next_at: Option<Timestamp>,
    /// What a person decided.
    pub decision: Option<Decided>,
}

/// What a person decided about a check.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What.
    pub decision: EligibilityDecision,
    /// Why, in their own words. Never logged.
    pub reason: String,
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// A check.
#[derive(Clone, Debug)]
pub struct CheckRow {
    /// Which.
    pub id: EligibilityCheckId,
    /// What is checked.
    pub coverage_id: CoverageId,
    /// Whose coverage; none when the caller may not see it.
    pub patient_id: Option<PatientId>,
    /// For which visit; none for the coverage itself.
    pub appointment_id: Option<AppointmentId>,
    /// When that begins.
    pub visit_start: Option<Timestamp>,
    /// Who is asked.
    pub payer: PayerId,
    /// For which day.
    pub service_date: Date,
    /// How it stands.
    pub standing: Standing,
}

/// Which checks, in the order of their visits; those without a visit come last.
#[derive(Clone, Debug, Default)]
pub struct CheckFilter {
    /// In one of these; in any when there are none.
    pub statuses: Vec<EligibilityStatus>,
    /// With this insurer.
    pub payer: Option<PayerId>,
    /// Behind this one.
    pub after: Option<CheckPosition>,
    /// At most so many.
    pub limit: i64,
}

/// A place in the order of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckPosition {
    /// When the visit begins, if there is one.
    pub visit_start: Option<Timestamp>,
    /// Which check.
    pub id: EligibilityCheckId,
}

/// What became of asking at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recheck {
    /// It will be asked, or is being asked, or was a moment ago.
    Asked,
    /// Nobody asks: the visit is called off, the coverage over, or the patient pays.
    Stopped,
}

struct Row {
    id: Uuid,
    coverage_id: Uuid,
    patient_id: Option<Uuid>,
    appointment_id: Option<Uuid>,
    visit_start: Option<jiff_sqlx::Timestamp>,
    payer_id: String,
    service_date: jiff_sqlx::Date,
    standing: String,
    last_result: Option<String>,
    last_result_at: Option<jiff_sqlx::Timestamp>,
    error_class: Option<String>,
    error_code: Option<String>,
    next_at: Option<jiff_sqlx::Timestamp>,
    decision: Option<String>,
    decision_reason: Option<String>,
    decided_by: Option<Uuid>,
    decided_at: Option<jiff_sqlx::Timestamp>,
}

impl TryFrom<Row> for CheckRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id;
        let bad =
            |column| StoreError::BadRow { table: "eligibility_checks", column, id: id.to_string() };
        let last_known = row.last_result.zip(row.last_result_at).map(|(result, at)| {
            let finding = result.parse().map_err(|_| bad("last_result"))?;
            Ok::<_, StoreError>((finding, at.to_jiff()))
        });
        let decided = row.decision.zip(row.decision_reason).zip(row.decided_by.zip(row.decided_at));
        let decided = decided.map(|((decision, reason), (by, at))| {
            let decision = decision.parse().map_err(|_| bad("decision"))?;
            Ok::<_, StoreError>(Decided { decision, reason, by: by.into(), at: at.to_jiff() })
        });
        Ok(Self {
            id: id.into(),
            coverage_id: row.coverage_id.into(),
            patient_id: row.patient_id.map(Into::into),
            appointment_id: row.appointment_id.map(Into::into),
            visit_start: row.visit_start.map(jiff_sqlx::Timestamp::to_jiff),
            payer: row.payer_id.try_into().map_err(|_| bad("payer_id"))?,
            service_date: row.service_date.to_jiff(),
            standing: Standing {
                check: id.into(),
                status: row.standing.parse().map_err(|_| bad("standing"))?,
                last_known: last_known.transpose()?,
                error_class: row.error_class,
                error_code: row.error_code,
                next_at: row.next_at.map(jiff_sqlx::Timestamp::to_jiff),
                decision: decided.transpose()?,
            },
        })
    }
}

/// Checks, by what stands behind `WHERE`.
macro_rules! checks_where {
    ([$($condition:literal),+], $($parameter:expr),* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, coverage_id,
                   (SELECT patient_id FROM coverages WHERE id = coverage_id) AS patient_id,
                   appointment_id, visit_start AS "visit_start: jiff_sqlx::Timestamp", payer_id,
                   service_date AS "service_date: jiff_sqlx::Date", standing AS "standing!",
                   last_result, last_result_at AS "last_result_at: jiff_sqlx::Timestamp",
                   error_class, error_code, next_at AS "next_at: jiff_sqlx::Timestamp",
                   decision, decision_reason, decided_by,
                   decided_at AS "decided_at: jiff_sqlx::Timestamp"
               FROM eligibility_checks WHERE "# $(+ $condition)+,
            $($parameter),*
        )
    };
}

/// A page in the order of visits. The condition is one that an index knows.
macro_rules! page_of_checks {
    ($caller:ident, $filter:ident, $condition:literal) => {{
        let statuses: Vec<String> =
            $filter.statuses.iter().map(|status| status.as_str().to_owned()).collect();
        let after = $filter.after;
        checks_where!(
            [
                $condition,
                " AND (cardinality($1::text[]) = 0 OR standing = ANY ($1))
                    AND payer_id = coalesce($2, payer_id)
                    AND (coalesce(visit_start, 'infinity'), id) > (coalesce($3, CASE WHEN $4
                        THEN '-infinity'::timestamptz ELSE 'infinity'::timestamptz END), $5)
                    ORDER BY coalesce(visit_start, 'infinity'), id LIMIT $6"
            ],
            &statuses,
            $filter.payer.as_ref().map(PayerId::as_str),
            after.and_then(|after| after.visit_start).map(jiff_sqlx::Timestamp::from) as _,
            after.is_none(),
            after.map_or(BEFORE_ALL, |after| after.id.as_uuid()),
            $filter.limit,
        )
        .fetch_all($caller.connection())
        .await?
    }};
}

impl CallerTx {
    /// How a visit is covered. With several coverages: one that is active is enough; else what
    /// nobody knows yet; else what a person has to look at; and only then "not covered". None
    /// when the patient has no coverage.
    pub async fn eligibility_of_appointment(
        &mut self,
        id: AppointmentId,
    ) -> Result<Option<Standing>, StoreError> {
        let row = checks_where!(
            ["appointment_id = $1
             ORDER BY array_position(ARRAY['self_pay', 'active', 'checking', 'not_checked',
                 'pending_verification', 'needs_attention', 'inactive'],
                 CASE WHEN NOT is_stopped THEN standing END), id
             LIMIT 1"],
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        Ok(row.map(CheckRow::try_from).transpose()?.map(|check| check.standing))
    }

    /// How coverages stand by themselves, without a visit.
    pub async fn eligibility_of_coverages(
        &mut self,
        ids: &[CoverageId],
    ) -> Result<Vec<(CoverageId, Standing)>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let rows = checks_where!(["coverage_id = ANY ($1) AND appointment_id IS NULL"], &ids)
            .fetch_all(self.connection())
            .await?;
        let standing = |row: Row| {
            let check = CheckRow::try_from(row)?;
            Ok((check.coverage_id, check.standing))
        };
        rows.into_iter().map(standing).collect()
    }

    /// Checks that the caller may see.
    pub async fn eligibility_checks(
        &mut self,
        filter: &CheckFilter,
    ) -> Result<Vec<CheckRow>, StoreError> {
        use EligibilityStatus::{NeedsAttention, PendingVerification};
        let is_to_do = |status| matches!(status, &NeedsAttention | &PendingVerification);
        let rows = if !filter.statuses.is_empty() && filter.statuses.iter().all(is_to_do) {
            page_of_checks!(self, filter, "standing IN ('needs_attention', 'pending_verification')")
        } else {
            page_of_checks!(self, filter, "true")
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One check, if it is there and the caller may see it.
    pub async fn eligibility_check(
        &mut self,
        id: EligibilityCheckId,
    ) -> Result<Option<CheckRow>, StoreError> {
        let row =
            checks_where!(["id = $1"], id.as_uuid()).fetch_optional(self.connection()).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Has a check that the caller sees asked at once, unless it is being asked or somebody wanted
    /// the same since `quiet_since`: however many want it, the insurer hears it once.
    pub async fn recheck(
        &mut self,
        id: EligibilityCheckId,
        quiet_since: Timestamp,
        at: Timestamp,
    ) -> Result<Recheck, StoreError> {
        let is_stopped = sqlx::query_scalar!(
            r#"SELECT is_stopped OR decision IS NOT DISTINCT FROM 'self_pay' AS "is_stopped!"
               FROM eligibility_checks WHERE id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        if is_stopped != Some(false) {
            return Ok(Recheck::Stopped);
        }
        sqlx::query!(
            "UPDATE eligibility_checks SET next_at = $2, asked_for_at = $2, changed_at = $2
             WHERE id = $1 AND (next_at IS NULL OR next_at > $2)
               AND (lease_until IS NULL OR lease_until <= $2)
               AND (asked_for_at IS NULL OR asked_for_at <= $3)",
            id.as_uuid(),
            jiff_sqlx::Timestamp::from(at) as _,
            jiff_sqlx::Timestamp::from(quiet_since) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(Recheck::Asked)
    }

    /// Writes down what the caller decides about a check, and why; with no decision, that it is the
    /// insurer's to say again. False when there is no such check, or not for the caller.
    pub async fn decide_check(
        &mut self,
        id: EligibilityCheckId,
        decision: Option<(EligibilityDecision, &str)>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (word, reason) =
            decision.map_or((None, None), |(word, reason)| (Some(word.as_str()), Some(reason)));
        let by = self.actor.id.as_uuid();
        let changed = sqlx::query!(
            "UPDATE eligibility_checks
             SET decision = $2, decision_reason = $3, decided_by = $4, decided_at = $5,
                 changed_at = $6,
                 next_at = CASE WHEN $2 = 'self_pay' THEN NULL
                     WHEN decision = 'self_pay' OR $2 IS NULL THEN $6::timestamptz
                     ELSE next_at END
             WHERE id = $1",
            id.as_uuid(),
            word,
            reason,
            decision.is_some().then_some(by),
            decision.is_some().then(|| jiff_sqlx::Timestamp::from(at)) as _,
            jiff_sqlx::Timestamp::from(at) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(changed.rows_affected() == 1)
    }
}
