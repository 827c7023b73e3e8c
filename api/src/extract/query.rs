//! Query parameters, taken one by one, so that the answer can name the one that is wrong.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// The parameters of a query. Take each that is known, then [`QueryParameters::finish`].
#[derive(Clone, Debug)]
pub struct QueryParameters {
    left: Vec<(String, String)>,
    taken: Vec<&'static str>,
}

impl FromRequestParts<App> for QueryParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let Query(pairs) =
            Query::try_from_uri(&parts.uri).map_err(|_| ProblemType::InvalidQuery)?;
        Ok(Self { left: pairs, taken: Vec::new() })
    }
}

impl QueryParameters {
    /// The parameter of that name, made into a `T` by `parse`; what it doesn't understand is
    /// answered with "expected …".
    pub fn take<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(position) = self.left.iter().position(|(given, _)| given == name) else {
            return Ok(None);
        };
        self.taken.push(name);
        let (_, text) = self.left.remove(position);
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(refusal(name, &format!("expected {expected}"))),
        }
    }

    /// As [`QueryParameters::take`], but it must be there.
    pub fn require<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Problem> {
        self.take(name, expected, parse)?.ok_or_else(|| refusal(name, "required"))
    }

    /// The parameters of that text.
    #[cfg(test)]
    pub fn of(query: &str) -> Self {
        let uri = format!("/v1/x?{query}").parse().expect("a test's query");
        Self { left: Query::try_from_uri(&uri).expect("a test's query").0, taken: Vec::new() }
    }

    /// Refuses what nobody took: parameters that don't exist, or are given twice.
    pub fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let is_taken = self.taken.contains(&name.as_str());
        Err(refusal(name, if is_taken { "given twice" } else { "there is no such parameter" }))
    }
}

fn refusal(name: &str, detail: &str) -> Problem {
    Problem::new(ProblemType::InvalidQuery).at_parameter(name, detail)
}

#[cfg(test)]
mod tests {
    use domain::CorrelationId;
    use serde_json::{Value, json};

    use super::*;

    fn complaint(refused: Result<(), Problem>) -> Value {
        let document = refused.unwrap_err().document(CorrelationId::generate(), None);
        serde_json::to_value(&document.errors[0]).unwrap()
    }

    fn parameters(query: &str) -> QueryParameters {
        QueryParameters::of(query)
    }

    fn number(text: &str) -> Option<u8> {
        text.parse().ok()
    }

    #[test]
    fn takes_what_is_known_and_refuses_the_rest() {
        let mut query = parameters("limit=7&name=a%20b");
        assert_eq!(query.take("limit", "a number", number).unwrap(), Some(7));
        assert_eq!(query.take("cursor", "a number", number).unwrap(), None);
        assert!(query.clone().finish().is_err());
        let name = query.require("name", "a name", |text| Some(text.to_owned())).unwrap();
        assert_eq!(name, "a b");
        query.finish().unwrap();
    }

    #[test]
    fn names_the_parameter_that_is_wrong() {
        assert!(parameters("limit=x").take("limit", "a number", number).is_err());
        assert!(parameters("").require("limit", "a number", number).is_err());
        let mut twice = parameters("limit=1&limit=2");
        twice.take("limit", "a number", number).unwrap();
        assert_eq!(
            complaint(twice.finish()),
            json!({ "parameter": "limit", "detail": "given twice" })
        );
        let unknown = json!({ "parameter": "limti", "detail": "there is no such parameter" });
        assert_eq!(complaint(parameters("limti=1").finish()), unknown);
    }
}
