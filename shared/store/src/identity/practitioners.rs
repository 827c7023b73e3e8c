//! Table `practitioners`: who treats. Nobody books one before an administrator approved them.

use domain::{HumanName, PractitionerId, UserId};
use jiff::Timestamp;

use super::{Accounts, CreateError, NewUser, users};
use crate::StoreError;

/// A practitioner to be created.
#[derive(Clone, Debug)]
pub struct NewPractitioner<'a> {
    /// Their account.
    pub user: NewUser<'a>,
    /// What they are called.
    pub name: &'a HumanName,
    /// What they treat.
    pub specialty: &'a str,
    /// Their licence to do so; unique.
    pub licence: &'a str,
}

/// A practitioner after an approval.
#[derive(Clone, Debug)]
pub struct Approval {
    /// What they are called.
    pub name: HumanName,
    /// What they treat.
    pub specialty: String,
    /// Their licence.
    pub licence: String,
}

impl Accounts {
    /// Creates a practitioner, not approved yet.
    pub async fn create_practitioner(&self, new: &NewPractitioner<'_>) -> Result<(), CreateError> {
        let mut transaction = self.begin().await?;
        users::insert(&mut transaction, &new.user).await?;
        sqlx::query!(
            "INSERT INTO practitioners (id, given_name, family_name, specialty, licence)
             VALUES ($1, $2, $3, $4, $5)",
            new.user.id.as_uuid(),
            new.name.given(),
            new.name.family(),
            new.specialty,
            new.licence,
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Approves a practitioner; again changes nothing. None when there is no such practitioner.
    pub async fn approve_practitioner(
        &self,
        practitioner: PractitionerId,
        approved_by: UserId,
        approved_at: Timestamp,
    ) -> Result<Option<Approval>, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            "UPDATE practitioners SET approved_at = coalesce(approved_at, $3),
                 approved_by = coalesce(approved_by, $2)
             WHERE id = $1
             RETURNING given_name, family_name, specialty, licence",
            practitioner.as_uuid(),
            approved_by.as_uuid(),
            jiff_sqlx::Timestamp::from(approved_at) as _,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        row.map(|row| {
            let name = HumanName::new(&row.given_name, &row.family_name);
            Ok(Approval {
                name: name.map_err(|_| StoreError::BadRow {
                    table: "practitioners",
                    column: "given_name or family_name",
                    id: practitioner.to_string(),
                })?,
                specialty: row.specialty,
                licence: row.licence,
            })
        })
        .transpose()
    }
}
