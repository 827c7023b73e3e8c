//! Reports of clients' errors. They come from anybody and may hold anything, so nothing is kept but
//! what is known to be harmless: names of errors that we know, places in scripts, words of routes
//! that we know, a release. Messages, values, queries and names of functions are dropped unread.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Places that are kept of a stack.
const FRAMES_MAX: usize = 20;

/// Lines of a stack that are looked at.
const LINES_MAX: usize = 200;

/// Segments that are kept of a route.
const SEGMENTS_MAX: usize = 8;

/// Longer names of scripts are none of ours.
const SCRIPT_CHARS_MAX: usize = 60;

/// Errors that ECMAScript, the DOM and React's loaders name. All others are `other`.
const NAMES: [&str; 22] = [
    "AbortError",
    "AggregateError",
    "ChunkLoadError",
    "ConstraintError",
    "DataCloneError",
    "DataError",
    "EncodingError",
    "Error",
    "EvalError",
    "HydrationError",
    "InvalidStateError",
    "NetworkError",
    "NotAllowedError",
    "NotFoundError",
    "NotSupportedError",
    "QuotaExceededError",
    "RangeError",
    "ReferenceError",
    "SecurityError",
    "SyntaxError",
    "TimeoutError",
    "TypeError",
];

/// Words that the routes of our clients are made of. All others may be somebody's.
const WORDS: [&str; 46] = [
    "access",
    "account",
    "admin",
    "appointments",
    "approve",
    "arrivals",
    "audit",
    "availability",
    "book",
    "breakers",
    "calendar",
    "cancel",
    "care",
    "check-in",
    "confirm",
    "coverages",
    "dashboard",
    "day",
    "dead-letters",
    "doctors",
    "edit",
    "eligibility",
    "errors",
    "exceptions",
    "find",
    "hours",
    "locations",
    "login",
    "me",
    "new",
    "notes",
    "operations",
    "password-reset",
    "patients",
    "register",
    "requests",
    "reschedule",
    "second-factor",
    "services",
    "sessions",
    "settings",
    "sign-in",
    "slots",
    "users",
    "visits",
    "week",
];

/// An error that a client met.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportForm {
    /// The error's `name`.
    #[schema(example = "TypeError")]
    name: String,
    /// Its `message`. Never kept: it may quote what somebody typed.
    #[serde(default)]
    #[expect(dead_code, reason = "clients send it; that it isn't read is the point")]
    message: Option<String>,
    /// Its `stack`, of which places in scripts are kept.
    #[serde(default)]
    stack: Option<String>,
    /// Where in the client it happened: a template, such as `/patients/[id]`.
    #[serde(default)]
    #[schema(example = "/patients/[id]")]
    route: Option<String>,
    /// Which build of the client: a version or a commit.
    #[serde(default)]
    #[schema(example = "1.4.2")]
    release: Option<String>,
    /// Of the request that it followed, as the answer's `X-Correlation-ID` said.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    correlation_id: Option<Uuid>,
}

/// What is left of a report.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One of [`NAMES`], or `other`.
    pub name: &'static str,
    /// `script.js:line:column`, the innermost first.
    pub frames: Vec<String>,
    /// With `{}` for whatever isn't one of [`WORDS`].
    pub route: String,
    /// None when it doesn't look like one.
    pub release: Option<String>,
    /// Of the request that it followed.
    pub correlation_id: Option<Uuid>,
}

impl From<ReportForm> for Report {
    fn from(form: ReportForm) -> Self {
        let stack = form.stack.unwrap_or_default();
        Self {
            name: NAMES.iter().copied().find(|known| *known == form.name).unwrap_or("other"),
            frames: stack.lines().take(LINES_MAX).filter_map(frame).take(FRAMES_MAX).collect(),
            route: route(&form.route.unwrap_or_default()),
            release: form.release.filter(|release| is_release(release)),
            correlation_id: form.correlation_id,
        }
    }
}

/// The place at the end of a line of a stack: `at f (https://host/path/script.js?v=1:10:5)`.
fn frame(line: &str) -> Option<String> {
    let line = line.trim().trim_end_matches(')');
    let (rest, column) = line.rsplit_once(':')?;
    let (url, row) = rest.rsplit_once(':')?;
    let path = url.split(['?', '#']).next()?;
    let script = path.rsplit(['/', '\\', '(', ' ', '@']).next()?;
    let is_place = |text: &str| (1..=7).contains(&text.len()) && is_number(text);
    (is_script(script) && is_place(row) && is_place(column))
        .then(|| format!("{script}:{row}:{column}"))
}

/// The name of a bundle or module: no long number, which could be somebody's.
fn is_script(name: &str) -> bool {
    let stem = [".js", ".mjs", ".cjs", ".ts", ".tsx"].iter().find_map(|end| name.strip_suffix(end));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.[]".contains(&byte);
    stem.is_some_and(|stem| {
        !stem.is_empty()
            && name.len() <= SCRIPT_CHARS_MAX
            && stem.bytes().all(is_plain)
            && !stem.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 5)
    })
}

/// Its known words; whatever else may be somebody's.
fn route(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let segments = path.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_MAX);
    let known = |segment: &str| WORDS.iter().copied().find(|word| *word == segment);
    segments.flat_map(|segment| ["/", known(segment).unwrap_or("{}")]).collect()
}

/// A version (`1.4.2`) or a commit in hexadecimal.
fn is_release(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_version =
        parts.len() == 3 && parts.iter().all(|part| part.len() <= 4 && is_number(part));
    let is_commit = (7..=40).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && !is_number(text);
    is_version || is_commit
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_helps() {
        let report = Report::from(ReportForm {
            name: "TypeError".into(),
            stack: Some(
                "TypeError: x is undefined\n    at show (https://clinic.example/_next/page-3f2a.js:1:2345)\n\
                 load@https://clinic.example/app.mjs?v=7:10:5\n    at async main.tsx:3:1"
                    .into(),
            ),
            route: Some("/patients/[id]/coverages".into()),
            release: Some("9e1100d".into()),
            ..ReportForm::default()
        });
        assert_eq!(report.name, "TypeError");
        assert_eq!(report.frames, ["page-3f2a.js:1:2345", "app.mjs:10:5", "main.tsx:3:1"]);
        assert_eq!(report.route, "/patients/{}/coverages");
        assert_eq!(report.release.as_deref(), Some("9e1100d"));
    }

    #[test]
    fn keeps_nothing_of_a_person() {
        let canary = "Ada Lovelace ada@clinic.example 1815-12-10 0171555123";
        let report = Report::from(ReportForm {
            name: canary.into(),
            message: Some(canary.into()),
            stack: Some(format!(
                "{canary}\n at {canary} (https://x/patients/Ada:1:2)\n at lovelace (https://x/Ada%20L.js:1:2)\n\
                 at f (https://x/18151210.js:1:2)\n at g (https://x/a.js:18151210:2)\n at ada@clinic.example:1:2"
            )),
            route: Some("/patients/ada-lovelace/18151210?email=ada@clinic.example".into()),
            release: Some("18151210".into()),
            correlation_id: None,
        });
        let kept = Report {
            name: "other",
            frames: vec![],
            route: "/patients/{}/{}".into(),
            release: None,
            correlation_id: None,
        };
        assert_eq!(report, kept);
    }

    #[test]
    fn is_bounded() {
        let report = Report::from(ReportForm {
            stack: Some("at f (a.js:1:2)\n".repeat(10_000)),
            route: Some("/users".repeat(1_000)),
            ..ReportForm::default()
        });
        assert_eq!(report.frames.len(), FRAMES_MAX);
        assert_eq!(report.route, "/users".repeat(SEGMENTS_MAX));
    }

    #[test]
    fn the_lists_are_sorted_and_without_doubles() {
        assert!(NAMES.is_sorted_by(|one, next| one < next));
        assert!(WORDS.is_sorted_by(|one, next| one < next));
    }
}
