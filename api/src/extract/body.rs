//! JSON bodies.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// A body that is JSON and has the form of `T`.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        let body = read(request.into_body(), app.settings.body_limit_bytes as usize).await?;
        parse(&body).map(Self)
    }
}

/// Fails unless the body claims to be JSON in UTF-8, as it is.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refusal = Problem::new(ProblemType::UnsupportedMediaType);
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let Some(Ok(media_type)) = media_type else { return Err(refusal) };
    let media_type = media_type.to_ascii_lowercase();
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if !is_json {
        return Err(refusal);
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    if charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return Err(refusal.with_detail("JSON is sent in UTF-8, whatever the charset says"));
    }
    let is_as_it_is =
        |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_as_it_is) {
        return Err(refusal.with_detail("send the body as it is, without Content-Encoding"));
    }
    Ok(())
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(ProblemType::BodyTooLarge)
                .with_detail(format!("the limit is {limit} bytes")))
        }
        // The caller went away, or sent chunks that are none.
        Err(_) => Err(Problem::new(ProblemType::MalformedJson)
            .with_detail("the body ended before it was complete")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would take an array of the right values for an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(body).map_err(|error| malformed(&error))?;
        return Err(Problem::new(ProblemType::InvalidBody).at_pointer("", "expected an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let form = serde_path_to_error::deserialize(&mut deserializer);
    let form = form.map_err(|error| explain(error.inner(), error.path()))?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(form)
}

fn explain(error: &serde_json::Error, path: &Path) -> Problem {
    if error.classify() != Category::Data {
        return malformed(error);
    }
    let (field, expected) = expectation(&error.to_string());
    let pointer = pointer(path, field.as_deref());
    Problem::new(ProblemType::InvalidBody).at_pointer(pointer, expected)
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    Problem::new(ProblemType::MalformedJson)
        .with_detail(format!("reading stopped at line {line}, column {column}"))
}

/// What serde's message expects, and the field it names. Its quotes of the caller's own values
/// are left out: they may be passwords.
fn expectation(message: &str) -> (Option<String>, String) {
    let message = message.rfind(" at line ").map_or(message, |end| &message[..end]);
    if let Some(field) = message.strip_prefix("missing field `") {
        return (Some(field.trim_end_matches('`').to_owned()), "required".to_owned());
    }
    if let Some(field) = message.strip_prefix("duplicate field `") {
        return (Some(field.trim_end_matches('`').to_owned()), "given twice".to_owned());
    }
    let expected = message.rfind(", expected ").map(|start| &message[start + 2..]);
    if message.starts_with("UUID parsing failed") {
        return (None, "expected a UUID".to_owned());
    }
    let detail = match expected {
        Some(expected) if message.starts_with("unknown field ") => {
            format!("unknown field, {expected}")
        }
        Some(expected) => in_words(expected).to_owned(),
        None if message.starts_with("unknown field ") => "unknown field".to_owned(),
        None => message.to_owned(),
    };
    (None, detail)
}

/// Rust's names of types, in words.
fn in_words(expected: &str) -> &str {
    match expected {
        "expected u8" | "expected i16" | "expected u32" | "expected i64" => {
            "expected a whole number"
        }
        "expected a nonzero u32" => "expected a whole number above zero",
        "expected a boolean" => "expected true or false",
        other if other.starts_with("expected struct ") => "expected an object",
        other => other,
    }
}

/// RFC 6901.
fn pointer(path: &Path, field: Option<&str>) -> String {
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    if let Some(field) = field {
        pointer.push('/');
        pointer.push_str(field);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use domain::{CorrelationId, Email, HumanName, PatientId};
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Sample {
        email: Email,
        #[serde(default)]
        items: Vec<Item>,
        name: Option<HumanName>,
        patient_id: Option<PatientId>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Item {
        count: u8,
    }

    fn refusal(body: &str) -> Value {
        let problem = parse::<Sample>(body.as_bytes()).unwrap_err();
        serde_json::to_value(problem.document(CorrelationId::generate(), None)).unwrap()
    }

    #[test]
    fn points_at_what_is_wrong_without_quoting_it() {
        for (body, pointer, detail) in [
            ("{}", "/email", "required"),
            (r#"{"email":1234567}"#, "/email", "expected a string"),
            (r#"{"email":"a@b.c","email":"a@b.c"}"#, "/email", "given twice"),
            (
                r#"{"email":"a@b.c","items":[{"count":300}]}"#,
                "/items/0/count",
                "expected a whole number",
            ),
            (r#"{"email":"a@b.c","name":"x"}"#, "/name", "expected an object"),
            (r#"{"email":"a@b.c","patient_id":"x"}"#, "/patient_id", "expected a UUID"),
            (r#"{"email":"a@b.c","role":"admin"}"#, "/role", "unknown field"),
            (r#"{"email":"a@b.c","items":[{"price":1}]}"#, "/items/0/price", "unknown field"),
            (r#"["a@b.c",[]]"#, "", "expected an object"),
            ("7", "", "expected an object"),
        ] {
            let document = refusal(body);
            assert_eq!(document["type"], "/problems/invalid_body", "{body}");
            let error = &document["errors"][0];
            assert_eq!(error["pointer"], pointer, "{body}: {error}");
            let said = error["detail"].as_str().unwrap();
            assert!(said.contains(detail), "{body}: {said}");
        }
        let document = refusal(r#"{"email":"secret-value"}"#).to_string();
        assert!(document.contains("not an e-mail address") && !document.contains("secret-value"));
    }

    #[test]
    fn says_where_json_ends_to_be_json() {
        let deep = "[".repeat(200);
        for body in ["", "{", "{\"email\":}", "{} {}", "\u{feff}{}", "nul", &deep] {
            let document = refusal(body);
            let expected = if body == "{} {}" { "invalid_body" } else { "malformed_json" };
            assert_eq!(document["type"], format!("/problems/{expected}"), "{body}");
        }
        let trailing = r#"{"email":"a@b.c"} x"#;
        assert_eq!(refusal(trailing)["type"], json!("/problems/malformed_json"));
    }

    #[test]
    fn takes_json_only() {
        let with = |media_type: &'static str| {
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))])
        };
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/fhir+json",
        ] {
            assert!(check_media_type(&with(json)).is_ok(), "{json}");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=iso-8859-1",
        ] {
            let refusal = check_media_type(&with(other)).unwrap_err();
            assert_eq!(refusal.kind(), ProblemType::UnsupportedMediaType, "{other}");
        }
        assert!(check_media_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn takes_bodies_as_they_are_only() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
        assert!(check_media_type(&headers).is_ok());
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(check_media_type(&headers).is_err());
    }

    #[tokio::test]
    async fn reads_no_further_than_the_limit() {
        assert_eq!(read(Body::from("12345678"), 8).await.unwrap().len(), 8);
        let refusal = read(Body::from("123456789"), 8).await.unwrap_err();
        assert_eq!(refusal.kind(), ProblemType::BodyTooLarge);
    }
}
