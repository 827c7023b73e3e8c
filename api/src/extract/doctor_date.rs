//! A doctor and a date in a path.

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::PractitionerId;
use jiff::civil::Date;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// Whose date. What is no id or no date names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct DoctorDate {
    /// Whose.
    pub practitioner_id: PractitionerId,
    /// By the doctor's wall clock.
    pub date: Date,
}

impl FromRequestParts<App> for DoctorDate {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let path = parts.extract::<Path<(String, String)>>().await;
        let Path((id, date)) = path.map_err(|_| ProblemType::NotFound)?;
        parse(&id, &date).ok_or_else(|| ProblemType::NotFound.into())
    }
}

fn parse(id: &str, date: &str) -> Option<DoctorDate> {
    let practitioner_id = id.parse().ok().filter(|_| id.len() == 36)?;
    Some(DoctorDate { practitioner_id, date: parse_date(date)? })
}

/// Only `2027-03-01`, so that one thing has one URL, in the years that every part knows.
pub fn parse_date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (text.len() == 10 && date.year() >= 1).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_plain_date_and_nothing_else() {
        let id = PractitionerId::generate().to_string();
        assert!(parse(&id, "2027-02-28").is_some());
        for text in ["", "2027-02-29", "20270228", "2027-02-28T00:00", "0000-01-01", "tomorrow"] {
            assert!(parse(&id, text).is_none(), "{text}");
        }
        assert!(parse("*", "2027-02-28").is_none());
    }
}
