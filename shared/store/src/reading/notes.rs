//! Table `clinical_notes`: what doctors wrote down, as far as the caller may see it.

use domain::{AppointmentId, NoteId, PatientId, PractitionerId};
use jiff::Timestamp;
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// One version of a note. `Debug` hides what it says.
#[derive(Clone)]
pub struct NoteRow {
    /// Which note.
    pub id: NoteId,
    /// Which version.
    pub version: i32,
    /// About which visit.
    pub appointment_id: AppointmentId,
    /// About whom.
    pub patient_id: PatientId,
    /// By whom.
    pub practitioner_id: PractitionerId,
    /// What it says.
    pub text: String,
    /// When this version was written.
    pub written_at: Timestamp,
}

impl std::fmt::Debug for NoteRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoteRow({}, version {})", self.id, self.version)
    }
}

struct Row {
    id: Uuid,
    version: i32,
    appointment_id: Uuid,
    patient_id: Uuid,
    practitioner_id: Uuid,
    text: String,
    written_at: jiff_sqlx::Timestamp,
}

impl From<Row> for NoteRow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            version: row.version,
            appointment_id: row.appointment_id.into(),
            patient_id: row.patient_id.into(),
            practitioner_id: row.practitioner_id.into(),
            text: row.text,
            written_at: row.written_at.to_jiff(),
        }
    }
}

impl CallerTx {
    /// The notes about a visit, each in its latest version, in the order in which they were begun.
    pub async fn notes_of_appointment(
        &mut self,
        id: AppointmentId,
    ) -> Result<Vec<NoteRow>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT DISTINCT ON (id) id, version, appointment_id, patient_id, practitioner_id,
                   text, written_at AS "written_at: jiff_sqlx::Timestamp"
               FROM clinical_notes WHERE appointment_id = $1
               ORDER BY id, version DESC"#,
            id.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(NoteRow::from).collect())
    }

    /// All versions of a note, the first one first; none of one that the caller may not see.
    pub async fn versions_of_note(&mut self, id: NoteId) -> Result<Vec<NoteRow>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, version, appointment_id, patient_id, practitioner_id, text,
                   written_at AS "written_at: jiff_sqlx::Timestamp"
               FROM clinical_notes WHERE id = $1
               ORDER BY version"#,
            id.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        Ok(rows.into_iter().map(NoteRow::from).collect())
    }
}
