//! Doctors who look at the charts of patients who aren't theirs, because it can't wait.

use contracts::audit::StatedReason;
use domain::{EmergencyAccessId, PatientId, PractitionerId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::reading::EmergencyAccess;
use utoipa::ToSchema;

use crate::documents::NameDocument;

/// Whose chart, and why it can't wait.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmergencyForm {
    /// Whose chart.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// Why, in 3 to 200 characters. Somebody will review it.
    #[schema(value_type = String, min_length = 3, max_length = 200)]
    pub reason: StatedReason,
}

/// What somebody found who looked at an emergency access.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewForm {
    /// What, in 3 to 200 characters.
    #[schema(value_type = String, min_length = 3, max_length = 200)]
    pub note: StatedReason,
}

/// What somebody found who looked at it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReviewDocument {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    pub reviewed_by: UserId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub reviewed_at: Timestamp,
    /// What.
    pub note: String,
}

/// A doctor's look at the chart of a patient who isn't theirs.
#[derive(Clone, Serialize, ToSchema)]
pub struct EmergencyAccessDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: EmergencyAccessId,
    /// Who looks.
    #[schema(value_type = String, format = Uuid)]
    pub practitioner_id: PractitionerId,
    /// What they are called.
    pub practitioner: NameDocument,
    /// At whose chart.
    #[schema(value_type = String, format = Uuid)]
    pub patient_id: PatientId,
    /// Why, in the doctor's words.
    pub reason: String,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// Till when at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When the doctor ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Whether the chart is open to the doctor now.
    pub is_open: bool,
    /// What somebody found who looked at it; absent while it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewDocument>,
}

impl EmergencyAccessDocument {
    /// The access as it stands now.
    pub fn of(access: EmergencyAccess, now: Timestamp) -> Self {
        let end = access.ended_at.map_or(access.expires_at, |end| end.min(access.expires_at));
        Self {
            id: access.id,
            practitioner_id: access.practitioner_id,
            practitioner: (&access.practitioner).into(),
            patient_id: access.patient_id,
            reason: access.reason,
            began_at: access.began_at,
            expires_at: access.expires_at,
            ended_at: access.ended_at,
            is_open: now < end,
            review: access.review.map(|review| ReviewDocument {
                reviewed_by: review.by,
                reviewed_at: review.at,
                note: review.note,
            }),
        }
    }
}
