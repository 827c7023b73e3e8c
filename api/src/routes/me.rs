//! `GET /v1/me`

use axum::Json;
use axum::extract::State;
use contracts::audit::ResourceKind;
use domain::{Actor, Role, UserId};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::NameDocument;
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

/// The caller.
#[derive(Serialize, ToSchema)]
pub struct MeDocument {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    id: UserId,
    /// What they sign in with.
    #[schema(format = Email)]
    email: String,
    /// What they may do.
    #[schema(value_type = String)]
    role: Role,
    /// What they are called: patients and doctors.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<NameDocument>,
    /// When they were born: patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    birth_date: Option<Date>,
}

/// Who you are.
#[utoipa::path(
    get,
    path = "/v1/me",
    tag = "sign-in",
    responses((status = OK, body = MeDocument))
)]
pub async fn me(
    State(app): State<App>,
    caller: Caller,
) -> Result<Audited<Json<MeDocument>>, Problem> {
    let me = app.read_as(&caller).await?.me().await?.ok_or(ProblemType::Unauthorized)?;
    let Actor { id, role } = caller.actor;
    let document = Json(MeDocument {
        id,
        email: me.email.into(),
        role,
        name: me.name.as_ref().map(NameDocument::from),
        birth_date: me.birth_date,
    });
    Ok(if role == Role::Patient {
        Audited::new(Note::read(ResourceKind::Patient, id.as_uuid(), id.into()), document)
    } else {
        Audited::of_nobody(document)
    })
}
