//! Ids in paths.

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// The id in a path. Whatever is no UUID names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T: From<Uuid>> FromRequestParts<App> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let path = parts.extract::<Path<String>>().await;
        let Path(text) = path.map_err(|_| ProblemType::NotFound)?;
        parse(&text).map(|id| Self(id.into())).ok_or_else(|| ProblemType::NotFound.into())
    }
}

/// Only the hyphenated form, so that one thing has one URL.
fn parse(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_uuids_and_nothing_else() {
        assert!(parse("0190163d-8694-739b-aea5-966c26f8ad91").is_some());
        for text in ["", "*", ">", "0190163d8694739baea5966c26f8ad91", "0190163d-8694\r\n", "1"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
