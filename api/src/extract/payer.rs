//! Payers in paths.

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::PayerId;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// The payer in a path. Whatever is no payer's id names nothing: 404.
#[derive(Clone, Debug)]
pub struct Payer(pub PayerId);

impl FromRequestParts<App> for Payer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let path = parts.extract::<Path<String>>().await;
        let Path(text) = path.map_err(|_| ProblemType::NotFound)?;
        Ok(Self(text.parse().map_err(|_| ProblemType::NotFound)?))
    }
}
