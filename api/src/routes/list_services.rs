//! `GET /v1/services`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use domain::HealthcareServiceId;
use store::reading::ServiceFilter;
use uuid::Uuid;

use crate::account::ShortText;
use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{A_MODALITY, Caller, Page, QueryParameters};
use crate::problem::Problem;
use crate::scheduling::ServiceDocument;

/// Visit types.
#[utoipa::path(
    get,
    path = "/v1/services",
    tag = "services",
    params(
        ("specialty" = Option<String>, Query, description = "Offered by doctors of this specialty"),
        ("modality" = Option<String>, Query, description = "`in-person` or `video`"),
        ("active" = Option<bool>, Query, description = "Only those that can be booked, or only the \
            others"),
        ("limit" = Option<u16>, Query, description = "1 to 200; 50 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<ServiceDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn list_services(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    mut query: QueryParameters,
) -> Result<Response, Problem> {
    let specialty = query.take("specialty", "1 to 100 characters", ShortText::parse)?;
    let modality = query.take("modality", A_MODALITY, |text| text.parse().ok())?;
    let active = query.take("active", "true or false", |text| text.parse().ok())?;
    let page = Page::<Uuid>::take(&mut query)?;
    query.finish()?;
    let filter = ServiceFilter {
        specialty: specialty.as_ref().map(ShortText::as_str),
        modality,
        active,
        after: page.after.map(HealthcareServiceId::from),
        limit: page.rows(),
    };
    let rows = app.read_as(&caller).await?.services(filter).await?;
    let (rows, link) = page.cut(rows, &uri, |last| last.id.as_uuid());
    let items = rows.iter().map(ServiceDocument::from).collect();
    let link = link.map(|link| [(LINK, link)]);
    Ok((link, Json(ListDocument { items })).into_response())
}
