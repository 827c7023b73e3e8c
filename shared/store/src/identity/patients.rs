//! Table `patients`: who is treated.

use domain::HumanName;
use jiff::civil::Date;
use secrecy::ExposeSecret as _;

use super::notices::{self, Notice};
use super::{Accounts, NewUser};
use crate::StoreError;

/// What came of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// There is an account now.
    Done,
    /// Somebody has that address already; they will be told.
    AddressTaken,
}

impl Accounts {
    /// Creates a patient, unless the address is taken. The same statements either way, so that no
    /// time tells whether somebody has an account.
    pub async fn register_patient(
        &self,
        user: &NewUser<'_>,
        name: &HumanName,
        birth_date: Date,
    ) -> Result<Registration, StoreError> {
        let mut transaction = self.begin().await?;
        let inserted = sqlx::query!(
            "INSERT INTO users (id, email, password_hash, role, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email) DO NOTHING",
            user.id.as_uuid(),
            user.email.as_str(),
            user.password_hash.expose_secret(),
            user.role.as_str(),
            jiff_sqlx::Timestamp::from(user.created_at) as _,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO patients (id, given_name, family_name, birth_date)
             SELECT id, $2, $3, $4 FROM users WHERE id = $1",
            user.id.as_uuid(),
            name.given(),
            name.family(),
            jiff_sqlx::Date::from(birth_date) as _,
        )
        .execute(&mut *transaction)
        .await?;
        let (notice, address) = (Notice::RegistrationRepeated, user.email.as_str());
        let but = Some(user.id);
        notices::leave_at(&mut transaction, notice, address, but, user.created_at).await?;
        transaction.commit().await?;
        let is_new = inserted.rows_affected() > 0;
        Ok(if is_new { Registration::Done } else { Registration::AddressTaken })
    }
}
