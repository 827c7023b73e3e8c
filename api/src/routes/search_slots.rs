//! `GET /v1/slots`

use axum::Json;
use axum::extract::State;
use domain::PractitionerId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{AN_INSTANT, Caller, QueryParameters, parse_instant};
use crate::problem::{Problem, ProblemType};
use crate::slots::{self, OfferedSlot};

const MAX_PRACTITIONERS: usize = 50;
const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 1000;

/// A time that can be booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SlotDocument {
    /// With whom.
    #[schema(value_type = String, format = Uuid)]
    practitioner_id: PractitionerId,
    /// Begins.
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// Ends, exclusive.
    #[schema(value_type = String, format = DateTime)]
    end: Timestamp,
}

impl From<OfferedSlot> for SlotDocument {
    fn from(offered: OfferedSlot) -> Self {
        let OfferedSlot { practitioner_id, slot } = offered;
        Self { practitioner_id, start: slot.start, end: slot.end }
    }
}

/// Free slots, earliest first. Doctors who can't be booked have none.
#[utoipa::path(
    get,
    path = "/v1/slots",
    tag = "appointments",
    params(
        ("practitioner_id" = String, Query, description = "One id, or up to 50 with commas"),
        ("from" = String, Query, format = DateTime, description = "Beginning then or later"),
        ("to" = String, Query, format = DateTime, description = "Beginning before; 31 days at most"),
        ("limit" = Option<u16>, Query, description = "1 to 1000; 20 by default"),
    ),
    responses((status = OK, body = ListDocument<SlotDocument>))
)]
pub async fn search_slots(
    State(app): State<App>,
    caller: Caller,
    query: QueryParameters,
) -> Result<Json<ListDocument<SlotDocument>>, Problem> {
    let Search { practitioners, from, to, limit } = Search::parse(query, app.clock.now())?;
    let calendars = app.read_as(&caller).await?.calendars(&practitioners, from, to).await?;
    let free = slots::free(&calendars, from, to, limit);
    Ok(Json(ListDocument { items: free.into_iter().map(SlotDocument::from).collect() }))
}

#[derive(Debug)]
struct Search {
    practitioners: Vec<PractitionerId>,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
}

impl Search {
    fn parse(mut query: QueryParameters, now: Timestamp) -> Result<Self, Problem> {
        let ids = format!("1 to {MAX_PRACTITIONERS} ids with commas between them");
        let practitioners = query.require("practitioner_id", &ids, parse_ids)?;
        let from: Timestamp = query.require("from", AN_INSTANT, parse_instant)?;
        let to: Timestamp = query.require("to", AN_INSTANT, parse_instant)?;
        let limit = query.take("limit", &format!("a number from 1 to {MAX_LIMIT}"), |text| {
            text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
        })?;
        query.finish()?;
        let window = from.duration_until(to);
        if window.is_negative() || window > MAX_WINDOW {
            let detail = "expected a time after `from`, at most 31 days later";
            return Err(Problem::new(ProblemType::InvalidQuery).at_parameter("to", detail));
        }
        // A slot that begins this very instant can't be booked any more.
        let from = from.max(now.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(now));
        Ok(Self { practitioners, from, to: to.max(from), limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }
}

fn parse_ids(text: &str) -> Option<Vec<PractitionerId>> {
    let ids: Option<Vec<PractitionerId>> = text
        .split(',')
        .take(MAX_PRACTITIONERS + 1)
        .map(|id| id.parse().ok().filter(|_| id.len() == 36))
        .collect();
    let mut ids = ids.filter(|ids| ids.len() <= MAX_PRACTITIONERS)?;
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &str) -> Result<Search, Problem> {
        let now = "2027-03-01T12:00:00Z".parse().unwrap();
        Search::parse(QueryParameters::of(query), now)
    }

    #[test]
    fn never_looks_into_the_past_nor_further_than_a_month() {
        let id = PractitionerId::generate();
        let query = |from: &str, to: &str| format!("practitioner_id={id}&from={from}&to={to}");
        let found = search(&query("2027-02-20T00:00:00Z", "2027-03-02T00:00:00Z")).unwrap();
        assert_eq!(found.from.to_string(), "2027-03-01T12:00:00.000000001Z");
        assert_eq!((found.limit, found.practitioners), (DEFAULT_LIMIT, vec![id]));
        assert!(search(&query("2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z")).is_ok());
        assert!(search(&query("2027-03-01T00:00:00Z", "2027-04-01T00:00:01Z")).is_err());
        assert!(search(&query("2027-03-02T00:00:00Z", "2027-03-01T00:00:00Z")).is_err());
        let passed = search(&query("2027-02-20T00:00:00Z", "2027-02-21T00:00:00Z")).unwrap();
        assert_eq!(passed.from, passed.to);
    }

    #[test]
    fn takes_up_to_fifty_practitioners() {
        let ids = |count| {
            let ids: Vec<_> = (0..count).map(|_| PractitionerId::generate().to_string()).collect();
            parse_ids(&ids.join(","))
        };
        assert_eq!(ids(50).unwrap().len(), 50);
        assert!(ids(51).is_none());
        for text in ["", ",", "*", "0190163d8694739baea5966c26f8ad91"] {
            assert!(parse_ids(text).is_none(), "{text}");
        }
    }
}
