//! Table `patients`, and the visits of a chart. Patients see themselves, doctors their own patients
//! and those of an emergency, administrators all.

use domain::{AppointmentId, AppointmentStatus, HumanName, PatientId, PractitionerId, Role};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// A patient.
#[derive(Clone, Debug)]
pub struct PatientRow {
    /// Who.
    pub id: PatientId,
    /// What they are called.
    pub name: HumanName,
    /// When they were born.
    pub birth_date: Date,
}

/// A visit in a chart.
#[derive(Clone, Copy, Debug)]
pub struct VisitRow {
    /// Which.
    pub id: AppointmentId,
    /// How it stands.
    pub status: AppointmentStatus,
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// Begins.
    pub start: Timestamp,
    /// Ends, exclusive.
    pub end: Timestamp,
}

struct Row {
    id: Uuid,
    given_name: String,
    family_name: String,
    birth_date: jiff_sqlx::Date,
}

impl TryFrom<Row> for PatientRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let name = HumanName::new(&row.given_name, &row.family_name);
        Ok(Self {
            id: row.id.into(),
            name: name.map_err(|_| StoreError::BadRow {
                table: "patients",
                column: "given_name or family_name",
                id: row.id.to_string(),
            })?,
            birth_date: row.birth_date.to_jiff(),
        })
    }
}

impl CallerTx {
    /// A patient, if they are there and the caller may see them.
    pub async fn patient(&mut self, id: PatientId) -> Result<Option<PatientRow>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, given_name, family_name, birth_date AS "birth_date: jiff_sqlx::Date"
               FROM patients WHERE id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// A doctor's own patients, or all of them for administrators, in the order of their ids. Those
    /// of an emergency aren't among them.
    pub async fn patients(
        &mut self,
        after: Option<PatientId>,
        limit: i64,
    ) -> Result<Vec<PatientRow>, StoreError> {
        let after = after.map_or(BEFORE_ALL, PatientId::as_uuid);
        let rows = if self.actor.role == Role::Doctor {
            sqlx::query_as!(
                Row,
                r#"SELECT p.id, p.given_name, p.family_name,
                       p.birth_date AS "birth_date: jiff_sqlx::Date"
                   FROM patients_in_care() AS own (id) JOIN patients p ON p.id = own.id
                   WHERE own.id > $1 ORDER BY own.id LIMIT $2"#,
                after,
                limit,
            )
            .fetch_all(self.connection())
            .await?
        } else {
            sqlx::query_as!(
                Row,
                r#"SELECT id, given_name, family_name, birth_date AS "birth_date: jiff_sqlx::Date"
                   FROM patients WHERE id > $1 ORDER BY id LIMIT $2"#,
                after,
                limit,
            )
            .fetch_all(self.connection())
            .await?
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The latest visits of a patient, as far as the caller may see them, the latest first.
    pub async fn visits_of(
        &mut self,
        patient: PatientId,
        limit: i64,
    ) -> Result<Vec<VisitRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, status, practitioner_id,
                   lower(during) AS "start!: jiff_sqlx::Timestamp",
                   upper(during) AS "end!: jiff_sqlx::Timestamp"
               FROM appointments
               WHERE patient_id = $1 AND (expires_at IS NULL OR expires_at > now())
               ORDER BY lower(during) DESC, id DESC LIMIT $2"#,
            patient.as_uuid(),
            limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(VisitRow {
                    id: row.id.into(),
                    status: row.status.parse().map_err(|_| StoreError::BadRow {
                        table: "appointments",
                        column: "status",
                        id: row.id.to_string(),
                    })?,
                    practitioner_id: row.practitioner_id.into(),
                    start: row.start.to_jiff(),
                    end: row.end.to_jiff(),
                })
            })
            .collect()
    }
}
