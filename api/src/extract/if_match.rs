//! `ETag` and `If-Match`: the version of what is changed, so that nobody changes what they haven't
//! seen.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// The version that the caller saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i32);

/// The entity tag of that version.
pub fn etag(version: i32) -> HeaderValue {
    let tag = HeaderValue::try_from(format!("\"v{version}\""));
    tag.expect("a number in quotes is a valid header value")
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        from_headers(&parts.headers)
    }
}

fn from_headers(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let value = values.next().ok_or(ProblemType::PreconditionRequired)?;
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.and_then(parse).map(IfMatch).ok_or_else(|| {
        Problem::new(ProblemType::InvalidHeader).with_detail(
            "If-Match is given once and holds one ETag of what is changed, like \"v3\"",
        )
    })
}

fn parse(text: &str) -> Option<i32> {
    let version = text.trim().strip_prefix("\"v")?.strip_suffix('"')?;
    let is_plain = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
    version.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(values: &[&str]) -> Result<i32, ProblemType> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().unwrap());
        }
        from_headers(&headers).map(|version| version.0).map_err(|problem| problem.kind())
    }

    #[test]
    fn reads_back_its_own_tag() {
        assert_eq!(version(&[etag(12).to_str().unwrap()]), Ok(12));
    }

    #[test]
    fn requires_exactly_one_strong_tag() {
        assert_eq!(version(&[]), Err(ProblemType::PreconditionRequired));
        for value in ["*", "W/\"v1\"", "\"v1\", \"v2\"", "v1", "\"v\"", "\"v+1\"", "\"v01\"", ""] {
            assert_eq!(version(&[value]), Err(ProblemType::InvalidHeader), "{value}");
        }
        assert_eq!(version(&["\"v99999999999\""]), Err(ProblemType::InvalidHeader));
        assert_eq!(version(&["\"v1\"", "\"v2\""]), Err(ProblemType::InvalidHeader));
    }
}
