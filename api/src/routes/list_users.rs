//! `GET /v1/admin/users`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use contracts::audit::ResourceKind;
use domain::{PatientId, Role, UserId};
use jiff::Timestamp;
use serde::Serialize;
use store::reading::{UserFilter, UserRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Audited, Note};
use crate::documents::ListDocument;
use crate::extract::{Administrator, Page, QueryParameters};
use crate::problem::Problem;

/// An account, as administrators see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListedUser {
    /// Who.
    #[schema(value_type = String, format = Uuid)]
    id: UserId,
    /// What they sign in with.
    #[schema(format = Email)]
    email: String,
    /// What they may do.
    #[schema(value_type = String)]
    role: Role,
    /// Whether they can sign in.
    active: bool,
    /// Since when there is the account.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<UserRow> for ListedUser {
    fn from(user: UserRow) -> Self {
        Self {
            id: user.id,
            email: user.email.into(),
            role: user.role,
            active: user.is_active,
            created_at: user.created_at,
        }
    }
}

/// All accounts, oldest first.
#[utoipa::path(
    get,
    path = "/v1/admin/users",
    tag = "administration",
    params(
        ("role" = Option<String>, Query, description = "`patient`, `doctor`, `admin`, `operator`"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<ListedUser>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_users(
    State(app): State<App>,
    Administrator(caller): Administrator,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Audited<Response>, Problem> {
    let role =
        query.take("role", "patient, doctor, admin or operator", |text| text.parse().ok())?;
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let filter = UserFilter { role, after: page.after.map(UserId::from), limit: page.rows() };
    let rows = app.read_as(&caller).await?.users(filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let patients = rows.iter().filter(|user| user.role == Role::Patient);
    let patients = patients.map(|user| PatientId::from(user.id));
    let note = Note::search(ResourceKind::Person, patients);
    let items = rows.into_iter().map(ListedUser::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok(Audited::new(note, (link, Json(ListDocument { items })).into_response()))
}
