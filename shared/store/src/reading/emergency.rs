//! Tables `emergency_accesses` and `emergency_access_reviews`: doctors who look at the charts of
//! patients who aren't theirs, and who has looked at that since. Doctors see their own,
//! administrators all.

use domain::{CorrelationId, EmergencyAccessId, HumanName, PatientId, PractitionerId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// An emergency access.
#[derive(Clone, Debug)]
pub struct EmergencyAccess {
    /// Which.
    pub id: EmergencyAccessId,
    /// Who looks.
    pub practitioner_id: PractitionerId,
    /// What they are called.
    pub practitioner: HumanName,
    /// At whose chart.
    pub patient_id: PatientId,
    /// Why, in the doctor's words. Never logged.
    pub reason: String,
    /// From when.
    pub began_at: Timestamp,
    /// Till when at the latest.
    pub expires_at: Timestamp,
    /// When the doctor ended it.
    pub ended_at: Option<Timestamp>,
    /// What somebody found who looked at it.
    pub review: Option<Review>,
}

/// What somebody found who looked at an emergency access.
#[derive(Clone, Debug)]
pub struct Review {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// What, in their words. Never logged.
    pub note: String,
}

/// An emergency access to be opened, in the caller's name.
#[derive(Clone, Copy, Debug)]
pub struct NewEmergencyAccess<'a> {
    /// Which.
    pub id: EmergencyAccessId,
    /// To whose chart.
    pub patient: PatientId,
    /// Why.
    pub reason: &'a str,
    /// From when.
    pub began_at: Timestamp,
    /// Till when at the latest.
    pub expires_at: Timestamp,
    /// Of the request.
    pub correlation_id: CorrelationId,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenEmergency {
    /// The chart is open.
    Opened,
    /// The caller is no approved doctor.
    NotApproved,
    /// The patient is the caller's own: their chart is open already.
    InCare,
    /// No such patient.
    UnknownPatient,
}

/// What became of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewEmergency {
    /// It is written down.
    Reviewed,
    /// Somebody has reviewed it before.
    AlreadyReviewed,
    /// No such access.
    Unknown,
}

/// Which accesses, oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmergencyFilter {
    /// Only those that were reviewed, or weren't.
    pub is_reviewed: Option<bool>,
    /// Behind this one.
    pub after: Option<EmergencyAccessId>,
    /// At most so many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    practitioner_id: Uuid,
    given_name: String,
    family_name: String,
    patient_id: Uuid,
    reason: String,
    began_at: jiff_sqlx::Timestamp,
    expires_at: jiff_sqlx::Timestamp,
    ended_at: Option<jiff_sqlx::Timestamp>,
    reviewed_by: Option<Uuid>,
    reviewed_at: Option<jiff_sqlx::Timestamp>,
    note: Option<String>,
}

impl TryFrom<Row> for EmergencyAccess {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let practitioner = HumanName::new(&row.given_name, &row.family_name);
        let review = row.reviewed_by.zip(row.reviewed_at).zip(row.note);
        Ok(Self {
            id: row.id.into(),
            practitioner_id: row.practitioner_id.into(),
            practitioner: practitioner.map_err(|_| StoreError::BadRow {
                table: "practitioners",
                column: "given_name or family_name",
                id: row.practitioner_id.to_string(),
            })?,
            patient_id: row.patient_id.into(),
            reason: row.reason,
            began_at: row.began_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
            ended_at: row.ended_at.map(jiff_sqlx::Timestamp::to_jiff),
            review: review.map(|((by, at), note)| Review { by: by.into(), at: at.to_jiff(), note }),
        })
    }
}

macro_rules! accesses_where {
    ($condition:literal, $($parameter:expr),* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT e.id, e.practitioner_id, p.given_name, p.family_name, e.patient_id, e.reason,
                   e.began_at AS "began_at: jiff_sqlx::Timestamp",
                   e.expires_at AS "expires_at: jiff_sqlx::Timestamp",
                   e.ended_at AS "ended_at: jiff_sqlx::Timestamp",
                   r.reviewed_by AS "reviewed_by?",
                   r.reviewed_at AS "reviewed_at?: jiff_sqlx::Timestamp", r.note AS "note?"
               FROM emergency_accesses e
               JOIN practitioners p ON p.id = e.practitioner_id
               LEFT JOIN emergency_access_reviews r ON r.access_id = e.id
               WHERE "# + $condition,
            $($parameter),*
        )
    };
}

impl CallerTx {
    /// Opens the chart of a patient who isn't the caller's.
    pub async fn open_emergency(
        &mut self,
        new: NewEmergencyAccess<'_>,
    ) -> Result<OpenEmergency, StoreError> {
        let caller = self.actor.id.as_uuid();
        let patient = new.patient.as_uuid();
        let known = sqlx::query!(
            r#"SELECT in_care_of_caller($1) AS "is_in_care!",
                   EXISTS (SELECT FROM practitioners
                       WHERE id = $2 AND approved_at IS NOT NULL) AS "is_approved!""#,
            patient,
            caller,
        )
        .fetch_one(self.connection())
        .await?;
        if !known.is_approved {
            return Ok(OpenEmergency::NotApproved);
        }
        if known.is_in_care {
            return Ok(OpenEmergency::InCare);
        }
        let opened = sqlx::query!(
            "INSERT INTO emergency_accesses
                 (id, practitioner_id, patient_id, reason, began_at, expires_at, correlation_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            new.id.as_uuid(),
            caller,
            patient,
            new.reason,
            jiff_sqlx::Timestamp::from(new.began_at) as _,
            jiff_sqlx::Timestamp::from(new.expires_at) as _,
            new.correlation_id.as_uuid(),
        )
        .execute(self.connection())
        .await
        .map_err(StoreError::from);
        match opened {
            Ok(_) => Ok(OpenEmergency::Opened),
            Err(error) if error.is_violation_of("emergency_accesses_patient_id_fkey") => {
                Ok(OpenEmergency::UnknownPatient)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends one of the caller's own, unless it is over. False when there is no such access.
    pub async fn end_emergency(
        &mut self,
        id: EmergencyAccessId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = sqlx::query!(
            "UPDATE emergency_accesses
             SET ended_at = coalesce(ended_at, least(greatest($2, began_at), expires_at))
             WHERE id = $1",
            id.as_uuid(),
            jiff_sqlx::Timestamp::from(at) as _,
        )
        .execute(self.connection())
        .await?;
        Ok(ended.rows_affected() == 1)
    }

    /// Writes down what the caller found. Once.
    pub async fn review_emergency(
        &mut self,
        id: EmergencyAccessId,
        note: &str,
        at: Timestamp,
    ) -> Result<ReviewEmergency, StoreError> {
        let caller = self.actor.id.as_uuid();
        let reviewed = sqlx::query!(
            "INSERT INTO emergency_access_reviews (access_id, reviewed_by, reviewed_at, note)
             SELECT id, $2, $3, $4 FROM emergency_accesses WHERE id = $1
             ON CONFLICT (access_id) DO NOTHING",
            id.as_uuid(),
            caller,
            jiff_sqlx::Timestamp::from(at) as _,
            note,
        )
        .execute(self.connection())
        .await?;
        if reviewed.rows_affected() == 1 {
            return Ok(ReviewEmergency::Reviewed);
        }
        let is_known = self.emergency_access(id).await?.is_some();
        Ok(if is_known { ReviewEmergency::AlreadyReviewed } else { ReviewEmergency::Unknown })
    }

    /// Accesses that the caller may see.
    pub async fn emergency_accesses(
        &mut self,
        filter: EmergencyFilter,
    ) -> Result<Vec<EmergencyAccess>, StoreError> {
        let rows = accesses_where!(
            "e.id > $1 AND ($2::boolean IS NULL OR (r.access_id IS NOT NULL) = $2)
             ORDER BY e.id LIMIT $3",
            filter.after.map_or(BEFORE_ALL, EmergencyAccessId::as_uuid),
            filter.is_reviewed,
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One access, if it is there and the caller may see it.
    pub async fn emergency_access(
        &mut self,
        id: EmergencyAccessId,
    ) -> Result<Option<EmergencyAccess>, StoreError> {
        let row =
            accesses_where!("e.id = $1", id.as_uuid()).fetch_optional(self.connection()).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Whether the caller sees this patient's chart only because of an emergency.
    pub async fn is_emergency(&mut self, patient: PatientId) -> Result<bool, StoreError> {
        let is_emergency = sqlx::query_scalar!(
            r#"SELECT $1 IN (SELECT emergency_patients()) AND NOT in_care_of_caller($1)
                   AS "is_emergency!""#,
            patient.as_uuid(),
        )
        .fetch_one(self.connection())
        .await?;
        Ok(is_emergency)
    }
}
