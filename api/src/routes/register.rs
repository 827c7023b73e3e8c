//! `POST /v1/auth/register`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Email, HumanName, Role, UserId};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan as _, tz};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::identity::{NewUser, Registration};
use utoipa::ToSchema;

use crate::account;
use crate::app::App;
use crate::audit::{Audited, Note, Who};
use crate::documents::NameDocument;
use crate::extract::{Anonymous, Form, Origin, text};
use crate::problem::{Problem, ProblemType};

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

/// What became of a registration, whether or not there was an account of that address before.
#[derive(Serialize, ToSchema)]
pub struct RegisteredDocument {
    /// What to do now.
    pub detail: &'static str,
}

/// Register as a patient; then sign in. When somebody has that address already the answer is the
/// same, the account stays as it is, and its owner is told.
#[utoipa::path(
    post,
    path = "/v1/auth/register",
    tag = "sign-in",
    security(()),
    request_body = RegisterForm,
    responses((status = ACCEPTED, body = RegisteredDocument))
)]
pub async fn register(
    State(app): State<App>,
    anonymous: Anonymous,
    origin: Origin,
    Form(form): Form<RegisterForm>,
) -> Result<Audited<(StatusCode, Json<RegisteredDocument>)>, Problem> {
    origin.count_attempt(&app)?;
    check_birth_date(form.birth_date, app.clock.now())?;
    let names = [form.name.given(), form.name.family()];
    let password_hash =
        account::hash(&app, form.password, &form.email, &names, "/password").await?;
    let user = NewUser {
        id: UserId::generate(),
        email: &form.email,
        password_hash: &password_hash,
        role: Role::Patient,
        created_by: None,
        created_at: app.clock.now(),
    };
    let accounts = app.accounts.within(anonymous.correlation_id);
    let note = match accounts.register_patient(&user, &form.name, form.birth_date).await? {
        Registration::Done => {
            tracing::info!(user.id = %user.id, "a patient registered");
            Note::registration(Who { id: user.id, role: user.role, session: None })
        }
        Registration::AddressTaken => Note::repeated_registration(),
    };
    let detail = "If the address was free, there is an account now: sign in with it.";
    Ok(Audited::new(note, (StatusCode::ACCEPTED, Json(RegisteredDocument { detail }))))
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
