//! Table `practitioners`: who can be booked.

use domain::{HumanName, PractitionerId};
use uuid::Uuid;

use super::{BEFORE_ALL, CallerTx};
use crate::StoreError;

/// An entry of the directory.
#[derive(Clone, Debug)]
pub struct Practitioner {
    /// Who.
    pub id: PractitionerId,
    /// What they are called.
    pub name: HumanName,
    /// What they treat.
    pub specialty: String,
}

/// Which entries, in the order of their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct PractitionerFilter<'a> {
    /// Treating this.
    pub specialty: Option<&'a str>,
    /// Behind this one.
    pub after: Option<PractitionerId>,
    /// At most so many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    given_name: String,
    family_name: String,
    specialty: String,
}

impl TryFrom<Row> for Practitioner {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let name = HumanName::new(&row.given_name, &row.family_name);
        Ok(Self {
            id: row.id.into(),
            name: name.map_err(|_| StoreError::BadRow {
                table: "practitioners",
                column: "given_name or family_name",
                id: row.id.to_string(),
            })?,
            specialty: row.specialty,
        })
    }
}

impl CallerTx {
    /// Approved practitioners.
    pub async fn practitioners(
        &mut self,
        filter: PractitionerFilter<'_>,
    ) -> Result<Vec<Practitioner>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, given_name, family_name, specialty FROM practitioners
             WHERE approved_at IS NOT NULL
               AND specialty = coalesce($1, specialty)
               AND id > $2
             ORDER BY id
             LIMIT $3",
            filter.specialty,
            filter.after.map_or(BEFORE_ALL, PractitionerId::as_uuid),
            filter.limit,
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// One practitioner: approved, or visible to this caller all the same.
    pub async fn practitioner(
        &mut self,
        id: PractitionerId,
    ) -> Result<Option<Practitioner>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "SELECT id, given_name, family_name, specialty FROM practitioners WHERE id = $1",
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }
}
