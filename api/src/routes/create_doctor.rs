//! `POST /v1/admin/doctors`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use contracts::audit::{AuditAction, ResourceKind};
use domain::{Email, HumanName, PractitionerId, Role, UserId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::identity::{NewPractitioner, NewUser};
use utoipa::ToSchema;

use crate::account::{self, ShortText};
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::documents::NameDocument;
use crate::extract::{Administrator, Form};
use crate::problem::Problem;

/// A doctor to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorForm {
    /// What they will sign in with.
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// At least 15 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What they are called.
    #[schema(value_type = NameDocument)]
    name: HumanName,
    /// What they treat.
    #[schema(value_type = String, example = "cardiology")]
    specialty: ShortText,
    /// Their licence; unique.
    #[schema(value_type = String)]
    licence: ShortText,
}

/// A doctor, as administrators see them.
#[derive(Serialize, ToSchema)]
pub struct DoctorDocument {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    pub id: PractitionerId,
    /// What they are called.
    pub name: NameDocument,
    /// What they treat.
    pub specialty: String,
    /// Their licence.
    pub licence: String,
    /// Whether they can be booked.
    pub approved: bool,
}

/// Create a doctor, who can't be booked before being approved.
#[utoipa::path(
    post,
    path = "/v1/admin/doctors",
    tag = "administration",
    request_body = DoctorForm,
    responses((status = CREATED, body = DoctorDocument))
)]
pub async fn create_doctor(
    State(app): State<App>,
    Administrator(caller): Administrator,
    recorder: Recorder,
    Form(form): Form<DoctorForm>,
) -> Result<Response, Problem> {
    let names = [form.name.given(), form.name.family()];
    let password_hash =
        account::hash(&app, form.password, &form.email, &names, "/password").await?;
    let id = UserId::generate();
    let user = NewUser {
        id,
        email: &form.email,
        password_hash: &password_hash,
        role: Role::Doctor,
        created_by: Some(caller.actor.id),
        created_at: app.clock.now(),
    };
    let (name, specialty, licence) = (&form.name, form.specialty.as_str(), form.licence.as_str());
    let practitioner = NewPractitioner { user, name, specialty, licence };
    let note = Note::administration(AuditAction::Create, ResourceKind::Practitioner, id);
    let accounts = app.accounts.within(caller.correlation_id);
    let creating = async { Ok(accounts.create_practitioner(&practitioner).await?) };
    recorder.around(note, creating).await?;
    tracing::info!(practitioner.id = %id, "a practitioner was created");
    let document = DoctorDocument {
        id: id.into(),
        name: name.into(),
        specialty: specialty.to_owned(),
        licence: licence.to_owned(),
        approved: false,
    };
    let location = format!("/v1/doctors/{id}");
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(document)).into_response())
}
