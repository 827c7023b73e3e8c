//! Table `coverages`: who insures whom. Patients see and change their own, administrators all.

use domain::{
    CorrelationId, CoverageId, CoverageStatus, EligibilityCheckId, HumanName, MemberId, PatientId,
    PayerId, Relationship,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// Active coverages that a patient has at most.
const MAX_ACTIVE: i64 = 10;

/// The subscriber, when that is not the patient.
#[derive(Clone, Debug)]
pub struct SubscriberRow {
    /// What they are called.
    pub name: HumanName,
    /// When they were born.
    pub birth_date: Date,
}

/// A coverage.
#[derive(Clone, Debug)]
pub struct CoverageRow {
    /// Which.
    pub id: CoverageId,
    /// Grows by one with every change.
    pub version: i32,
    /// Whose.
    pub patient_id: PatientId,
    /// Which insurer.
    pub payer: PayerId,
    /// What the insurer knows the subscriber by.
    pub subscriber_id: MemberId,
    /// The patient to the subscriber.
    pub relationship: Relationship,
    /// The subscriber, when that is somebody else.
    pub subscriber: Option<SubscriberRow>,
    /// Whether it counts.
    pub status: CoverageStatus,
    /// First day.
    pub period_start: Option<Date>,
    /// Last day.
    pub period_end: Option<Date>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A coverage to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewCoverage<'a> {
    /// The coverage. It is active.
    pub coverage: &'a CoverageRow,
    /// Of the request that adds it: its checks go by it.
    pub correlation_id: CorrelationId,
    /// The trace of that.
    pub traceparent: Option<&'a str>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddCoverage {
    /// It is there, and will be checked.
    Added,
    /// No such patient, or not the caller's.
    UnknownPatient,
    /// The patient has an active one with the same insurer and number.
    AlreadyThere,
    /// The patient has as many as anybody may have.
    TooMany,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum ChangeCoverage {
    /// It was made; this is how the coverage reads now.
    Changed(Box<CoverageRow>),
    /// No such coverage, or not the caller's.
    Unknown,
    /// It isn't in the version that was to be changed.
    VersionMismatch,
    /// It is over.
    Ended,
    /// The patient has another active one with the same insurer and number.
    AlreadyThere,
    /// Its last day would come before its first.
    EndsBeforeItBegins,
}

struct Row {
    id: Uuid,
    version: i32,
    patient_id: Uuid,
    payer_id: String,
    subscriber_id: String,
    relationship: String,
    subscriber_given_name: Option<String>,
    subscriber_family_name: Option<String>,
    subscriber_birth_date: Option<jiff_sqlx::Date>,
    status: String,
    period_start: Option<jiff_sqlx::Date>,
    period_end: Option<jiff_sqlx::Date>,
    created_at: jiff_sqlx::Timestamp,
}

impl TryFrom<Row> for CoverageRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id;
        let bad = |column| StoreError::BadRow { table: "coverages", column, id: id.to_string() };
        let name = row.subscriber_given_name.zip(row.subscriber_family_name);
        let subscriber = name.zip(row.subscriber_birth_date).map(|((given, family), born)| {
            let name = HumanName::new(&given, &family).map_err(|_| bad("subscriber_given_name"))?;
            Ok::<_, StoreError>(SubscriberRow { name, birth_date: born.to_jiff() })
        });
        Ok(Self {
            id: id.into(),
            version: row.version,
            patient_id: row.patient_id.into(),
            payer: row.payer_id.try_into().map_err(|_| bad("payer_id"))?,
            subscriber_id: row.subscriber_id.try_into().map_err(|_| bad("subscriber_id"))?,
            relationship: row.relationship.parse().map_err(|_| bad("relationship"))?,
            subscriber: subscriber.transpose()?,
            status: row.status.parse().map_err(|_| bad("status"))?,
            period_start: row.period_start.map(jiff_sqlx::Date::to_jiff),
            period_end: row.period_end.map(jiff_sqlx::Date::to_jiff),
            created_at: row.created_at.to_jiff(),
        })
    }
}

impl CallerTx {
    /// Adds a coverage and the checks that follow: one of itself, and one for each visit to come
    /// that it covers the day of.
    pub async fn add_coverage(&mut self, new: NewCoverage<'_>) -> Result<AddCoverage, StoreError> {
        let NewCoverage { coverage, .. } = new;
        let patient = coverage.patient_id.as_uuid();
        // Row-level security shows the caller whom they may add one for. Two at once may pass the
        // limit by one, which does no harm.
        let known = sqlx::query!(
            r#"SELECT (SELECT count(*) FROM coverages
                   WHERE patient_id = $1 AND status = 'active') AS "count!"
               FROM patients WHERE id = $1"#,
            patient,
        )
        .fetch_optional(self.connection())
        .await?;
        match known {
            None => return Ok(AddCoverage::UnknownPatient),
            Some(known) if known.count >= MAX_ACTIVE => return Ok(AddCoverage::TooMany),
            Some(_) => {}
        }
        match self.insert_coverage(coverage).await {
            Ok(()) => {}
            Err(error) if error.is_violation_of("coverages_once") => {
                return Ok(AddCoverage::AlreadyThere);
            }
            Err(error) => return Err(error),
        }
        self.open_checks(new, coverage.created_at).await?;
        Ok(AddCoverage::Added)
    }

    async fn insert_coverage(&mut self, coverage: &CoverageRow) -> Result<(), StoreError> {
        let actor = self.actor.id.as_uuid();
        let subscriber = coverage.subscriber.as_ref();
        sqlx::query!(
            "INSERT INTO coverages
                 (id, patient_id, payer_id, subscriber_id, relationship, subscriber_given_name,
                  subscriber_family_name, subscriber_birth_date, status, period_start, period_end,
                  created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            coverage.id.as_uuid(),
            coverage.patient_id.as_uuid(),
            coverage.payer.as_str(),
            coverage.subscriber_id.as_str(),
            coverage.relationship.as_str(),
            subscriber.map(|it| it.name.given()),
            subscriber.map(|it| it.name.family()),
            subscriber.map(|it| jiff_sqlx::Date::from(it.birth_date)) as _,
            coverage.status.as_str(),
            coverage.period_start.map(jiff_sqlx::Date::from) as _,
            coverage.period_end.map(jiff_sqlx::Date::from) as _,
            jiff_sqlx::Timestamp::from(coverage.created_at) as _,
            actor,
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// What is asked about it: for itself, and for each visit to come that it covers the day of.
    /// What is asked already is asked anew.
    async fn open_checks(&mut self, new: NewCoverage<'_>, at: Timestamp) -> Result<(), StoreError> {
        let NewCoverage { coverage, correlation_id, traceparent } = new;
        sqlx::query!(
            "INSERT INTO eligibility_checks
                 (id, coverage_id, appointment_id, payer_id, service_date, next_at,
                  correlation_id, traceparent, created_at, changed_at, coverage_version, visit_start)
             SELECT $1::uuid, $2::uuid, NULL::uuid, $3::text,
                 ($4::timestamptz AT TIME ZONE 'UTC')::date, $4::timestamptz, $5::uuid, $6::text,
                 $4, $4, $10::integer, NULL
             UNION ALL
             SELECT gen_random_uuid(), $2, a.id, $3, day.day, $4, $5, $6, $4, $4, $10,
                 lower(a.during)
             FROM appointments a
             CROSS JOIN LATERAL service_date(a.practitioner_id, lower(a.during)) AS day (day)
             WHERE a.patient_id = $7 AND a.status IN ('pending', 'booked') AND lower(a.during) > $4
               AND day.day BETWEEN coalesce($8::date, day.day) AND coalesce($9::date, day.day)
             ON CONFLICT ON CONSTRAINT eligibility_checks_once DO UPDATE
             SET payer_id = excluded.payer_id, service_date = excluded.service_date,
                 visit_start = excluded.visit_start, next_at = excluded.next_at,
                 coverage_version = excluded.coverage_version, is_stopped = false,
                 changed_at = excluded.changed_at",
            EligibilityCheckId::generate().as_uuid(),
            coverage.id.as_uuid(),
            coverage.payer.as_str(),
            jiff_sqlx::Timestamp::from(at) as _,
            correlation_id.as_uuid(),
            traceparent,
            coverage.patient_id.as_uuid(),
            coverage.period_start.map(jiff_sqlx::Date::from) as _,
            coverage.period_end.map(jiff_sqlx::Date::from) as _,
            coverage.version,
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Replaces what is known of a coverage, if it still is in `version`, and has everything asked
    /// anew: what the insurer said of something else is forgotten. `new.coverage` names which one;
    /// whose it is doesn't change.
    pub async fn correct_coverage(
        &mut self,
        new: NewCoverage<'_>,
        version: i32,
        at: Timestamp,
    ) -> Result<ChangeCoverage, StoreError> {
        let coverage = new.coverage;
        let found = match self.changeable_coverage(coverage.id, version).await? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        let actor = self.actor.id.as_uuid();
        let subscriber = coverage.subscriber.as_ref();
        let changed = sqlx::query!(
            "UPDATE coverages
             SET payer_id = $3, subscriber_id = $4, relationship = $5, subscriber_given_name = $6,
                 subscriber_family_name = $7, subscriber_birth_date = $8, period_start = $9,
                 period_end = $10, version = version + 1, changed_at = $11, changed_by = $12
             WHERE id = $1 AND version = $2",
            coverage.id.as_uuid(),
            version,
            coverage.payer.as_str(),
            coverage.subscriber_id.as_str(),
            coverage.relationship.as_str(),
            subscriber.map(|it| it.name.given()),
            subscriber.map(|it| it.name.family()),
            subscriber.map(|it| jiff_sqlx::Date::from(it.birth_date)) as _,
            coverage.period_start.map(jiff_sqlx::Date::from) as _,
            coverage.period_end.map(jiff_sqlx::Date::from) as _,
            jiff_sqlx::Timestamp::from(at) as _,
            actor,
        )
        .execute(self.connection())
        .await
        .map_err(StoreError::from);
        match changed {
            Ok(changed) if changed.rows_affected() == 1 => {}
            Ok(_) => return Ok(ChangeCoverage::VersionMismatch),
            Err(error) if error.is_violation_of("coverages_once") => {
                return Ok(ChangeCoverage::AlreadyThere);
            }
            Err(error) => return Err(error),
        }
        let coverage = CoverageRow {
            version: version + 1,
            patient_id: found.patient_id,
            created_at: found.created_at,
            ..coverage.clone()
        };
        self.open_checks(NewCoverage { coverage: &coverage, ..new }, at).await?;
        // Visits that it is no longer for, and questions about it as it was.
        sqlx::query!(
            "UPDATE eligibility_checks
             SET is_stopped = true, next_at = NULL, payer_id = $3, coverage_version = $2,
                 changed_at = $4
             WHERE coverage_id = $1 AND coverage_version < $2
               AND (next_at IS NOT NULL OR visit_start > $4)",
            coverage.id.as_uuid(),
            coverage.version,
            coverage.payer.as_str(),
            jiff_sqlx::Timestamp::from(at) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(ChangeCoverage::Changed(Box::new(coverage)))
    }

    /// Ends a coverage with that day, if it still is in `version`; without one, at once. Nobody
    /// asks about visits after that any more.
    pub async fn end_coverage(
        &mut self,
        id: CoverageId,
        version: i32,
        last_day: Option<Date>,
        at: Timestamp,
    ) -> Result<ChangeCoverage, StoreError> {
        let found = match self.changeable_coverage(id, version).await? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        let today = at.to_zoned(TimeZone::UTC).date();
        let begins = found.period_start;
        if last_day.zip(begins).is_some_and(|(last, first)| last < first) {
            return Ok(ChangeCoverage::EndsBeforeItBegins);
        }
        let is_over = last_day.is_none_or(|last| last < today);
        // One that hasn't begun never will.
        let until_today = begins.is_none_or(|first| first <= today).then_some(today);
        let period_end = last_day.or(until_today).map_or(found.period_end, |last| {
            Some(found.period_end.map_or(last, |known| known.min(last)))
        });
        let status = if is_over { CoverageStatus::Cancelled } else { CoverageStatus::Active };
        let actor = self.actor.id.as_uuid();
        let changed = sqlx::query!(
            "UPDATE coverages
             SET status = $3, period_end = $4, version = version + 1, changed_at = $5,
                 changed_by = $6
             WHERE id = $1 AND version = $2",
            id.as_uuid(),
            version,
            status.as_str(),
            period_end.map(jiff_sqlx::Date::from) as _,
            jiff_sqlx::Timestamp::from(at) as _,
            actor,
        )
        .execute(self.connection())
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(ChangeCoverage::VersionMismatch);
        }
        sqlx::query!(
            "UPDATE eligibility_checks SET is_stopped = true, next_at = NULL, changed_at = $4
             WHERE coverage_id = $1 AND NOT is_stopped
               AND (($2 AND (appointment_id IS NULL OR visit_start > $4))
                   OR (appointment_id IS NOT NULL AND service_date > $3))",
            id.as_uuid(),
            is_over,
            period_end.map(jiff_sqlx::Date::from) as _,
            jiff_sqlx::Timestamp::from(at) as _,
        )
        .execute(self.connection())
        .await?;
        let version = version + 1;
        let changed = CoverageRow { version, status, period_end, ..found };
        Ok(ChangeCoverage::Changed(Box::new(changed)))
    }

    async fn changeable_coverage(
        &mut self,
        id: CoverageId,
        version: i32,
    ) -> Result<Result<CoverageRow, ChangeCoverage>, StoreError> {
        Ok(match self.coverage(id).await? {
            None => Err(ChangeCoverage::Unknown),
            Some(found) if found.version != version => Err(ChangeCoverage::VersionMismatch),
            Some(found) if found.status != CoverageStatus::Active => Err(ChangeCoverage::Ended),
            Some(found) => Ok(found),
        })
    }

    /// One coverage, if it is there and the caller may see it.
    pub async fn coverage(&mut self, id: CoverageId) -> Result<Option<CoverageRow>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, version, patient_id, payer_id, subscriber_id, relationship,
                   subscriber_given_name, subscriber_family_name,
                   subscriber_birth_date AS "subscriber_birth_date: jiff_sqlx::Date", status,
                   period_start AS "period_start: jiff_sqlx::Date",
                   period_end AS "period_end: jiff_sqlx::Date",
                   created_at AS "created_at: jiff_sqlx::Timestamp"
               FROM coverages WHERE id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// A patient's coverages, the oldest first; none when there is no such patient, or not for the
    /// caller's eyes. A patient has a few, so there are no pages.
    pub async fn coverages_of(
        &mut self,
        patient: PatientId,
    ) -> Result<Option<Vec<CoverageRow>>, StoreError> {
        let known = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM patients WHERE id = $1) AS "known!""#,
            patient.as_uuid(),
        )
        .fetch_one(self.connection())
        .await?;
        if !known {
            return Ok(None);
        }
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, version, patient_id, payer_id, subscriber_id, relationship,
                   subscriber_given_name, subscriber_family_name,
                   subscriber_birth_date AS "subscriber_birth_date: jiff_sqlx::Date", status,
                   period_start AS "period_start: jiff_sqlx::Date",
                   period_end AS "period_end: jiff_sqlx::Date",
                   created_at AS "created_at: jiff_sqlx::Timestamp"
               FROM coverages WHERE patient_id = $1 ORDER BY id LIMIT 200"#,
            patient.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect::<Result<_, _>>().map(Some)
    }
}
