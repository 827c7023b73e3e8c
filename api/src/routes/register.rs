//! `POST /v1/auth/register`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Email, HumanName, Role, UserId};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan as _, tz};
use secrecy::SecretString;
use serde::Deserialize;
use store::identity::{Account, NewUser};
use utoipa::ToSchema;

use crate::account;
use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::documents::NameDocument;
use crate::extract::{Anonymous, Form, text};
use crate::problem::{Problem, ProblemType};
use crate::session::{Beginning, SessionDocument};

/// Nobody alive was born before.
const EARLIEST_BIRTH: Date = date(1890, 1, 1);

/// A patient to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterForm {
    /// What they will sign in with.
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What they are called.
    #[schema(value_type = NameDocument)]
    name: HumanName,
    /// When they were born.
    #[schema(value_type = String, format = Date)]
    #[serde(deserialize_with = "text::date")]
    birth_date: Date,
}

/// Register as a patient, and sign in.
#[utoipa::path(
    post,
    path = "/v1/auth/register",
    tag = "sign-in",
    security(()),
    request_body = RegisterForm,
    responses((status = CREATED, body = SessionDocument))
)]
pub async fn register(
    State(app): State<App>,
    anonymous: Anonymous,
    Form(form): Form<RegisterForm>,
) -> Result<Audited<(StatusCode, Json<SessionDocument>)>, Problem> {
    check_birth_date(form.birth_date, app.clock.now())?;
    let password_hash = account::hash(&app, form.password, &form.email).await?;
    let beginning = Beginning::new(&app);
    let user = NewUser {
        id: UserId::generate(),
        email: &form.email,
        password_hash: &password_hash,
        role: Role::Patient,
        created_by: None,
        created_at: app.clock.now(),
    };
    let session = beginning.record(user.id);
    let accounts = app.accounts.within(anonymous.correlation_id);
    accounts.register_patient(&user, &form.name, form.birth_date, session).await?;
    tracing::info!(user.id = %user.id, "a patient registered");
    let account = Account { id: user.id, role: user.role, email: form.email.clone() };
    let who = Who { id: account.id, role: account.role, session: Some(beginning.id()) };
    let answer = (StatusCode::CREATED, Json(beginning.document(&app, account)));
    Ok(Audited::new(Note::registration(who), answer))
}

fn check_birth_date(birth: Date, now: Timestamp) -> Result<(), Problem> {
    // Wherever they are, it is tomorrow at the latest.
    let tomorrow = now.to_zoned(tz::TimeZone::UTC).date().saturating_add(1.day());
    if (EARLIEST_BIRTH..=tomorrow).contains(&birth) {
        return Ok(());
    }
    let detail = format!("expected a date from {EARLIEST_BIRTH} until today");
    Err(Problem::new(ProblemType::InvalidBody).at_pointer("/birth_date", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_born_tomorrow_or_in_the_days_of_kings() {
        let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        assert!(check_birth_date(date(1990, 2, 28), now).is_ok());
        assert!(check_birth_date(date(2027, 3, 2), now).is_ok());
        assert!(check_birth_date(date(2027, 3, 3), now).is_err());
        assert!(check_birth_date(date(1815, 12, 10), now).is_err());
    }
}
