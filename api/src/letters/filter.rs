//! Which letters, from a query or a body.

use domain::CorrelationId;
use jiff::Timestamp;
use serde::Deserialize;
use store::reading::{LetterFilter, LetterState};
use utoipa::ToSchema;

use crate::extract::{AN_INSTANT, QueryParameters, is_instant, parse_instant, text};
use crate::problem::{Problem, ProblemType};

const A_STATE: &str = "open, replaying, resolved or discarded";
const A_WORD: &str = "a word of letters, digits, - and _";

/// Which letters. What isn't said doesn't matter.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterForm {
    /// Of this worker.
    #[schema(example = "booking")]
    worker: Option<String>,
    /// With this class of error.
    #[schema(example = "constraint_violation")]
    error_class: Option<String>,
    /// Of this group.
    fingerprint: Option<String>,
    /// Of this correlation id.
    #[schema(value_type = Option<String>, format = Uuid)]
    correlation_id: Option<CorrelationId>,
    /// That failed last before then.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "text::instant")]
    failed_before: Option<Timestamp>,
    /// That failed last then or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "text::instant")]
    failed_since: Option<Timestamp>,
}

impl FilterForm {
    /// Those of them that are in a state, or in any.
    pub fn in_state(self, state: Option<LetterState>) -> Result<LetterFilter, Problem> {
        let is_word = |text: &Option<String>| text.as_deref().is_none_or(is_word);
        for (pointer, field) in [
            ("/filter/worker", &self.worker),
            ("/filter/error_class", &self.error_class),
            ("/filter/fingerprint", &self.fingerprint),
        ] {
            if !is_word(field) {
                let problem = Problem::new(ProblemType::InvalidBody);
                return Err(problem.at_pointer(pointer, format!("expected {A_WORD}")));
            }
        }
        for (pointer, time) in [
            ("/filter/failed_before", self.failed_before),
            ("/filter/failed_since", self.failed_since),
        ] {
            if !time.as_ref().is_none_or(is_instant) {
                let problem = Problem::new(ProblemType::InvalidBody);
                return Err(problem.at_pointer(pointer, format!("expected {AN_INSTANT}")));
            }
        }
        Ok(LetterFilter {
            state,
            worker: self.worker,
            error_class: self.error_class,
            fingerprint: self.fingerprint,
            correlation_id: self.correlation_id,
            failed_before: self.failed_before,
            failed_since: self.failed_since,
        })
    }
}

/// Takes a filter from a query.
pub fn take_filter(query: &mut QueryParameters) -> Result<LetterFilter, Problem> {
    let word = |text: &str| is_word(text).then(|| text.to_owned());
    Ok(LetterFilter {
        state: query.take("state", A_STATE, LetterState::from_word)?,
        worker: query.take("worker", A_WORD, word)?,
        error_class: query.take("error_class", A_WORD, word)?,
        fingerprint: query.take("fingerprint", A_WORD, word)?,
        correlation_id: query.take("correlation_id", "a UUID", |text| text.parse().ok())?,
        failed_before: query.take("failed_before", AN_INSTANT, parse_instant)?,
        failed_since: query.take("failed_since", AN_INSTANT, parse_instant)?,
    })
}

/// Words from messages have this form; text of any other finds nothing, and may be anything.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_letters_can_have_and_nothing_else() {
        let mut query = QueryParameters::of("state=open&error_class=panic&worker=booking");
        let filter = take_filter(&mut query).unwrap();
        assert_eq!(filter.state, Some(LetterState::Open));
        assert_eq!(filter.error_class.as_deref(), Some("panic"));
        for query in ["state=lost", "worker=%25", "error_class=", "failed_since=monday"] {
            assert!(take_filter(&mut QueryParameters::of(query)).is_err(), "{query}");
        }
        let form = FilterForm { worker: Some("a b".to_owned()), ..FilterForm::default() };
        assert!(form.in_state(None).is_err());
        let long_ago = "-005000-01-01T00:00:00Z".parse().ok();
        let form = FilterForm { failed_since: long_ago, ..FilterForm::default() };
        assert!(form.in_state(None).is_err());
    }
}
