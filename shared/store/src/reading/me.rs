//! The caller, by their own eyes.

use domain::{Email, HumanName};
use jiff::civil::Date;

use super::CallerTx;
use crate::StoreError;

/// The caller.
#[derive(Clone, Debug)]
pub struct Me {
    /// What they sign in with.
    pub email: Email,
    /// What they are called: patients and practitioners.
    pub name: Option<HumanName>,
    /// When they were born: patients.
    pub birth_date: Option<Date>,
}

impl CallerTx {
    /// The caller's own data; none when the account is gone.
    pub async fn me(&mut self) -> Result<Option<Me>, StoreError> {
        let id = self.actor.id;
        let row = sqlx::query!(
            r#"SELECT u.email, coalesce(p.given_name, d.given_name) AS given_name,
                   coalesce(p.family_name, d.family_name) AS family_name,
                   p.birth_date AS "birth_date?: jiff_sqlx::Date"
               FROM users u
               LEFT JOIN patients p ON p.id = u.id
               LEFT JOIN practitioners d ON d.id = u.id
               WHERE u.id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        let bad = |table, column| StoreError::BadRow { table, column, id: id.to_string() };
        row.map(|row| {
            let name = row.given_name.zip(row.family_name);
            Ok(Me {
                email: row.email.try_into().map_err(|_| bad("users", "email"))?,
                name: name
                    .map(|(given, family)| HumanName::new(&given, &family))
                    .transpose()
                    .map_err(|_| bad("patients or practitioners", "given_name or family_name"))?,
                birth_date: row.birth_date.map(jiff_sqlx::Date::to_jiff),
            })
        })
        .transpose()
    }
}
