//! `GET /v1/slots`

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use domain::{HealthcareServiceId, LocationId, Modality, PractitionerId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Serialize;
use store::reading::{CallerTx, ScheduleFilter, ServiceFilter};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::account::ShortText;
use crate::app::App;
use crate::documents::ListDocument;
use crate::extract::{A_MODALITY, AN_INSTANT, Caller, Page, QueryParameters, parse_instant};
use crate::problem::{Problem, ProblemType};
use crate::slots::{self, OfferedSlot, Offers, Places, SlotPosition, Wanted};

const MAX_IDS: usize = 50;
const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);
const DEFAULT_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 1000;

/// Visit types of a clinic that are looked through at most.
const MAX_SERVICES: i64 = 1_000;

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
    /// What kind of visit; a slot without one is for the doctor's standard visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    service_id: Option<HealthcareServiceId>,
    /// Where; none by video, or where the doctor has one place only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    location_id: Option<LocationId>,
}

impl From<OfferedSlot> for SlotDocument {
    fn from(offered: OfferedSlot) -> Self {
        let OfferedSlot { practitioner_id, slot, service_id, location_id, .. } = offered;
        Self { practitioner_id, start: slot.start, end: slot.end, service_id, location_id }
    }
}

/// Free slots of all doctors, or of some, earliest first. Doctors who can't be booked have none.
/// Without `service_id` and `modality` they are for standard visits; with `modality` for every
/// visit type of that kind, and in person for standard visits, too.
#[utoipa::path(
    get,
    path = "/v1/slots",
    tag = "appointments",
    params(
        ("from" = String, Query, format = DateTime, description = "Beginning then or later"),
        ("to" = String, Query, format = DateTime, description = "Beginning before; 31 days at most"),
        ("practitioner_id" = Option<String>, Query, description = "One id, or up to 50 with commas"),
        ("specialty" = Option<String>, Query, description = "Of doctors with exactly this specialty"),
        ("location_id" = Option<String>, Query, description = "One id, or up to 50 with commas"),
        ("service_id" = Option<String>, Query, description = "One id, or up to 50 with commas"),
        ("modality" = Option<String>, Query, description = "`in-person` or `video`"),
        ("limit" = Option<u16>, Query, description = "1 to 1000; 20 by default"),
        ("cursor" = Option<String>, Query, description = "From the Link header of a page"),
    ),
    responses((status = OK, body = ListDocument<SlotDocument>,
        headers(("Link" = String, description = "The next page, if there is one"))))
)]
pub async fn search_slots(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    query: QueryParameters,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let search = Search::parse(query, now)?;
    let mut reading = app.read_as(&caller).await?;
    let offers = search.offers(&mut reading, now, app.standard_horizon_days).await?;
    let rows = usize::from(search.page.limit) + 1;
    let free = slots::free(&mut reading, offers, rows).await?;
    let (free, link) = search.page.cut(free, &uri, OfferedSlot::position);
    let link = link.map(|link| [(LINK, link)]);
    let items = free.into_iter().map(SlotDocument::from).collect();
    Ok((link, Json(ListDocument { items })).into_response())
}

#[derive(Debug)]
struct Search {
    from: Timestamp,
    to: Timestamp,
    practitioners: Option<Vec<PractitionerId>>,
    specialty: Option<ShortText>,
    locations: Vec<LocationId>,
    services: Option<Vec<HealthcareServiceId>>,
    modality: Option<Modality>,
    page: Page<SlotPosition>,
}

impl Search {
    fn parse(mut query: QueryParameters, now: Timestamp) -> Result<Self, Problem> {
        let ids = format!("1 to {MAX_IDS} ids with commas between them");
        let practitioners = query.take("practitioner_id", &ids, parse_ids)?;
        let specialty = query.take("specialty", "1 to 100 characters", ShortText::parse)?;
        let locations = query.take("location_id", &ids, parse_ids)?;
        let services = query.take("service_id", &ids, parse_ids)?;
        let modality = query.take("modality", A_MODALITY, |text| text.parse().ok())?;
        let from: Timestamp = query.require("from", AN_INSTANT, parse_instant)?;
        let to: Timestamp = query.require("to", AN_INSTANT, parse_instant)?;
        let page = Page::take_within(&mut query, DEFAULT_LIMIT, MAX_LIMIT)?;
        query.finish()?;
        let window = from.duration_until(to);
        if window.is_negative() || window > MAX_WINDOW {
            let detail = "expected a time after `from`, at most 31 days later";
            return Err(Problem::new(ProblemType::InvalidQuery).at_parameter("to", detail));
        }
        // A slot that begins this very instant can't be booked any more.
        let from = from.max(now.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(now));
        Ok(Self {
            from,
            to: to.max(from),
            practitioners,
            specialty,
            locations: locations.unwrap_or_default(),
            services,
            modality,
            page,
        })
    }

    /// What could be offered of what is searched.
    async fn offers(
        &self,
        reading: &mut CallerTx,
        now: Timestamp,
        standard_horizon_days: u16,
    ) -> Result<Offers, Problem> {
        let wanted = self.wanted(reading).await?;
        let specialty = self.specialty.as_ref().map(ShortText::as_str);
        let filter = ScheduleFilter { practitioners: self.practitioners.as_deref(), specialty };
        // Dates of whatever wall clock.
        let date = |moment: Timestamp| moment.to_zoned(TimeZone::UTC).date();
        let dates =
            (date(self.from).saturating_sub(1.day()), date(self.to).saturating_add(1.day()));
        let schedules = reading.schedules(filter, dates).await?;
        let inactive = reading.inactive_locations().await?;
        let places = Places { wanted: self.locations.clone(), inactive };
        let standard = self.wants_standard().then_some(standard_horizon_days);
        let window = (self.from, self.to);
        let after = self.page.after;
        Ok(Offers::new(schedules, &wanted, standard, places, now, window, after))
    }

    /// Whether standard visits are searched.
    fn wants_standard(&self) -> bool {
        self.services.is_none()
            && self.modality.is_none_or(|modality| modality == Modality::InPerson)
    }

    /// The visit types that are searched.
    async fn wanted(&self, reading: &mut CallerTx) -> Result<Vec<Wanted>, Problem> {
        if self.services.is_none() && self.modality.is_none() {
            return Ok(Vec::new());
        }
        let filter = ServiceFilter {
            modality: self.modality,
            active: Some(true),
            limit: MAX_SERVICES,
            ..ServiceFilter::default()
        };
        let known = reading.services(filter).await?;
        let is_named = |id: &HealthcareServiceId| {
            self.services.as_ref().is_none_or(|services| services.contains(id))
        };
        let named = known.into_iter().filter(|service| is_named(&service.id));
        // The database's constraints say that the numbers are within their bounds.
        let wanted = named.filter_map(|service| {
            Some(Wanted { visit: service.visit_type().ok()?, specialty: service.specialty })
        });
        Ok(wanted.collect())
    }
}

fn parse_ids<T: From<Uuid> + Ord>(text: &str) -> Option<Vec<T>> {
    let ids: Option<Vec<T>> = text
        .split(',')
        .take(MAX_IDS + 1)
        .map(|id| Uuid::try_parse(id).ok().filter(|_| id.len() == 36).map(Into::into))
        .collect();
    let mut ids = ids.filter(|ids| ids.len() <= MAX_IDS)?;
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
        assert_eq!((found.page.limit, found.practitioners), (DEFAULT_LIMIT, Some(vec![id])));
        assert!(search(&query("2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z")).is_ok());
        assert!(search(&query("2027-03-01T00:00:00Z", "2027-04-01T00:00:01Z")).is_err());
        assert!(search(&query("2027-03-02T00:00:00Z", "2027-03-01T00:00:00Z")).is_err());
        let passed = search(&query("2027-02-20T00:00:00Z", "2027-02-21T00:00:00Z")).unwrap();
        assert_eq!(passed.from, passed.to);
    }

    #[test]
    fn standard_visits_are_searched_unless_something_else_is_named() {
        let with = |filters: &str| {
            let window = "from=2027-03-01T00:00:00Z&to=2027-03-02T00:00:00Z";
            search(&format!("{window}{filters}")).unwrap().wants_standard()
        };
        let id = Uuid::now_v7();
        assert!(with("") && with("&modality=in-person") && with("&specialty=cardiology"));
        assert!(!with("&modality=video") && !with(&format!("&service_id={id}")));
        assert!(!with(&format!("&service_id={id}&modality=in-person")));
    }

    #[test]
    fn takes_up_to_fifty_ids() {
        let ids = |count| {
            let ids: Vec<_> = (0..count).map(|_| PractitionerId::generate().to_string()).collect();
            parse_ids::<PractitionerId>(&ids.join(","))
        };
        assert_eq!(ids(50).unwrap().len(), 50);
        assert!(ids(51).is_none());
        for text in ["", ",", "*", "0190163d8694739baea5966c26f8ad91"] {
            assert!(parse_ids::<PractitionerId>(text).is_none(), "{text}");
        }
    }
}
