//! Table `eligibility_checks`: what insurers said, and what nobody knows yet.

use domain::{
    AppointmentId, CoverageFinding, CoverageId, EligibilityCheckId, EligibilityStatus, PatientId,
    PayerId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// How something stands: a coverage, or a visit by whichever of its coverages serves it best.
#[derive(Clone, Debug)]
pub struct Standing {
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
    /// Who is asked.
    pub payer: PayerId,
    /// For which day.
    pub service_date: Date,
    /// How it stands.
    pub standing: Standing,
}

/// Which checks, in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct CheckFilter {
    /// In this status.
    pub status: Option<EligibilityStatus>,
    /// With this insurer.
    pub payer: Option<PayerId>,
    /// Behind this one.
    pub after: Option<EligibilityCheckId>,
    /// At most so many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    coverage_id: Uuid,
    patient_id: Option<Uuid>,
    appointment_id: Option<Uuid>,
    payer_id: String,
    service_date: jiff_sqlx::Date,
    status: String,
    last_result: Option<String>,
    last_result_at: Option<jiff_sqlx::Timestamp>,
    error_class: Option<String>,
    error_code: Option<String>,
    next_at: Option<jiff_sqlx::Timestamp>,
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
        Ok(Self {
            id: id.into(),
            coverage_id: row.coverage_id.into(),
            patient_id: row.patient_id.map(Into::into),
            appointment_id: row.appointment_id.map(Into::into),
            payer: row.payer_id.try_into().map_err(|_| bad("payer_id"))?,
            service_date: row.service_date.to_jiff(),
            standing: Standing {
                status: row.status.parse().map_err(|_| bad("status"))?,
                last_known: last_known.transpose()?,
                error_class: row.error_class,
                error_code: row.error_code,
                next_at: row.next_at.map(jiff_sqlx::Timestamp::to_jiff),
            },
        })
    }
}

impl CallerTx {
    /// How a visit is covered. With several coverages: one that is active is enough; else what
    /// nobody knows yet; else what a person has to look at; and only then "not covered". None
    /// when the patient has no coverage.
    pub async fn eligibility_of_appointment(
        &mut self,
        id: AppointmentId,
    ) -> Result<Option<Standing>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, coverage_id,
                   (SELECT patient_id FROM coverages WHERE id = coverage_id) AS patient_id,
                   appointment_id, payer_id,
                   service_date AS "service_date: jiff_sqlx::Date", status, last_result,
                   last_result_at AS "last_result_at: jiff_sqlx::Timestamp", error_class,
                   error_code, next_at AS "next_at: jiff_sqlx::Timestamp"
               FROM eligibility_checks WHERE appointment_id = $1
               ORDER BY array_position(ARRAY['self_pay', 'active', 'checking', 'not_checked',
                   'pending_verification', 'needs_attention', 'inactive'], status), id
               LIMIT 1"#,
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
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, coverage_id,
                   (SELECT patient_id FROM coverages WHERE id = coverage_id) AS patient_id,
                   appointment_id, payer_id,
                   service_date AS "service_date: jiff_sqlx::Date", status, last_result,
                   last_result_at AS "last_result_at: jiff_sqlx::Timestamp", error_class,
                   error_code, next_at AS "next_at: jiff_sqlx::Timestamp"
               FROM eligibility_checks
               WHERE coverage_id = ANY ($1) AND appointment_id IS NULL"#,
            &ids,
        )
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
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, coverage_id,
                   (SELECT patient_id FROM coverages WHERE id = coverage_id) AS patient_id,
                   appointment_id, payer_id,
                   service_date AS "service_date: jiff_sqlx::Date", status, last_result,
                   last_result_at AS "last_result_at: jiff_sqlx::Timestamp", error_class,
                   error_code, next_at AS "next_at: jiff_sqlx::Timestamp"
               FROM eligibility_checks
               WHERE status = coalesce($1, status) AND payer_id = coalesce($2, payer_id)
                 AND id > $3
               ORDER BY id LIMIT $4"#,
            filter.status.map(EligibilityStatus::as_str),
            filter.payer.as_ref().map(PayerId::as_str),
            filter.after.map_or(BEFORE_ALL, EligibilityCheckId::as_uuid),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
