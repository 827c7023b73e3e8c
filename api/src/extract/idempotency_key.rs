//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// The longest key.
const MAX_CHARS: usize = 255;

/// The caller's key, if there is one: a structured string (in quotes) or the same without.
///
/// It may hold anything a caller finds unique, names included, so it goes nowhere but into a
/// hash; `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// The key, without quotes.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        from_headers(&parts.headers)
    }
}

fn from_headers(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(IdempotencyKey(None)) };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    match text.and_then(parse) {
        Some(key) => Ok(IdempotencyKey(Some(key))),
        None => Err(Problem::new(ProblemType::InvalidHeader).with_detail(format!(
            "Idempotency-Key is given once, as 1 to {MAX_CHARS} visible ASCII characters \
             (without * and >), with or without quotes around them"
        ))),
    }
}

fn parse(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"') {
        Some(quoted) => unescape(quoted.strip_suffix('"')?)?,
        None => text.to_owned(),
    };
    // * and > would be wildcards if a key ever came near a subject. It doesn't; all the same.
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'*' && byte != b'>';
    let is_valid = (1..=MAX_CHARS).contains(&key.len()) && key.bytes().all(is_allowed);
    is_valid.then_some(key)
}

/// RFC 8941: only a quote and a backslash are escaped, and they always are.
fn unescape(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => key.push(c),
        }
    }
    Some(key)
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IdempotencyKey").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn key(values: &[&[u8]]) -> Result<Option<String>, ProblemType> {
        let header = |value: &&[u8]| HeaderValue::from_bytes(value).unwrap();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", header(value));
        }
        from_headers(&headers).map(|key| key.0).map_err(|problem| problem.kind())
    }

    #[test]
    fn reads_quoted_and_bare_keys_alike() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[b"8e03978e-40d5"]), Ok(Some("8e03978e-40d5".to_owned())));
        assert_eq!(key(&[br#""8e03978e-40d5""#]), Ok(Some("8e03978e-40d5".to_owned())));
        assert_eq!(key(&[br#""a\"b\\c""#]), Ok(Some(r#"a"b\c"#.to_owned())));
        assert!(key(&["k".repeat(MAX_CHARS).as_bytes()]).is_ok());
    }

    #[test]
    fn refuses_everything_else() {
        let long = "k".repeat(MAX_CHARS + 1);
        let bad: [&[u8]; 11] = [
            b"",
            br#""""#,
            br#""open"#,
            br#""a"b""#,
            br#""a\b""#,
            b"two words",
            b"tab\tbed",
            b"mc.*",
            b"mc.>",
            "schl\u{fc}ssel".as_bytes(),
            long.as_bytes(),
        ];
        for value in bad {
            assert_eq!(key(&[value]), Err(ProblemType::InvalidHeader), "{value:?}");
        }
        assert_eq!(key(&[b"a", b"b"]), Err(ProblemType::InvalidHeader));
    }
}
