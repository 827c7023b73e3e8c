//! Table `patients`: who is treated.

use domain::HumanName;
use jiff::civil::Date;

use super::sessions::insert_session;
use super::{Accounts, CreateError, NewSession, NewUser, users};

impl Accounts {
    /// Creates a patient who signs in with this very request.
    pub async fn register_patient(
        &self,
        user: &NewUser<'_>,
        name: &HumanName,
        birth_date: Date,
        session: NewSession<'_>,
    ) -> Result<(), CreateError> {
        let mut transaction = self.begin().await?;
        users::insert(&mut transaction, user).await?;
        sqlx::query!(
            "INSERT INTO patients (id, given_name, family_name, birth_date) VALUES ($1, $2, $3, $4)",
            user.id.as_uuid(),
            name.given(),
            name.family(),
            jiff_sqlx::Date::from(birth_date) as _,
        )
        .execute(&mut *transaction)
        .await?;
        insert_session(&mut transaction, session).await?;
        Ok(transaction.commit().await?)
    }
}
