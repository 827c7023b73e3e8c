//! Pages of lists: `limit`, an opaque `cursor`, and a `Link` to the next page (RFC 8288).

use axum::http::{HeaderValue, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AppointmentId, HealthcareServiceId};
use jiff::Timestamp;
use store::reading::{AppointmentPosition, AuditPosition, CheckPosition};
use uuid::Uuid;

use super::{QueryParameters, is_instant};
use crate::problem::Problem;
use crate::slots::SlotPosition;

/// Entries of a page, unless the caller says how many.
const DEFAULT_LIMIT: u16 = 50;

/// Entries of a page at most.
const MAX_LIMIT: u16 = 200;

/// A place in a list, as text that means nothing outside of this module.
pub trait Cursor: Sized {
    /// As text.
    fn encode(&self) -> String;

    /// From text.
    fn decode(text: &str) -> Option<Self>;
}

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<C> {
    /// Entries at most.
    pub limit: u16,
    /// Behind this entry.
    pub after: Option<C>,
}

impl<C: Cursor> Page<C> {
    /// Takes `limit` and `cursor`.
    pub fn take(query: &mut QueryParameters) -> Result<Self, Problem> {
        Self::take_within(query, DEFAULT_LIMIT, MAX_LIMIT)
    }

    /// As [`Page::take`], of a list whose pages have other sizes.
    pub fn take_within(
        query: &mut QueryParameters,
        default: u16,
        most: u16,
    ) -> Result<Self, Problem> {
        let in_bounds = |text: &str| text.parse().ok().filter(|n| (1..=most).contains(n));
        let expected = format!("a number from 1 to {most}");
        let limit = query.take("limit", &expected, in_bounds)?;
        let after = query.take("cursor", "a cursor from a Link header", C::decode)?;
        Ok(Self { limit: limit.unwrap_or(default), after })
    }

    /// How many rows to ask for: one more than the page has tells whether there is another.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the rows to the page; the link leads to the next one, if there is one.
    pub fn cut<T>(
        &self,
        mut rows: Vec<T>,
        uri: &Uri,
        place: impl FnOnce(&T) -> C,
    ) -> (Vec<T>, Option<HeaderValue>) {
        if rows.len() <= usize::from(self.limit) {
            return (rows, None);
        }
        rows.truncate(usize::from(self.limit));
        let link = rows.last().map(|last| next_link(uri, &place(last).encode()));
        (rows, link)
    }
}

/// `Link` to the same list, behind that cursor.
fn next_link(uri: &Uri, cursor: &str) -> HeaderValue {
    let others = uri.query().unwrap_or_default().split('&');
    let mut query = String::new();
    for pair in others.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")) {
        query.push_str(pair);
        query.push('&');
    }
    let link = format!("<{}?{query}cursor={cursor}>; rel=\"next\"", uri.path());
    HeaderValue::try_from(link).expect("a URL that was received holds no control characters")
}

impl Cursor for Uuid {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.as_bytes())
    }

    fn decode(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Self::from_slice(&bytes).ok())
    }
}

impl Cursor for i64 {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_be_bytes())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl Cursor for AppointmentPosition {
    fn encode(&self) -> String {
        let start = self.start.as_nanosecond().to_be_bytes();
        URL_SAFE_NO_PAD.encode([start.as_slice(), self.id.as_uuid().as_bytes()].concat())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (start, id) = bytes.split_first_chunk::<16>()?;
        Some(Self { start: instant(*start)?, id: AppointmentId::from(Uuid::from_slice(id).ok()?) })
    }
}

impl Cursor for AuditPosition {
    fn encode(&self) -> String {
        let time = self.recorded_at.as_nanosecond().to_be_bytes();
        URL_SAFE_NO_PAD.encode([time.as_slice(), &self.position.to_be_bytes()].concat())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (time, position) = bytes.split_first_chunk::<16>()?;
        Some(Self {
            recorded_at: instant(*time)?,
            position: i64::from_be_bytes(position.try_into().ok()?),
        })
    }
}

/// The time of those without a visit, who come last.
const NO_VISIT: [u8; 16] = [0xff; 16];

impl Cursor for CheckPosition {
    fn encode(&self) -> String {
        let start = self.visit_start.map_or(NO_VISIT, |start| start.as_nanosecond().to_be_bytes());
        URL_SAFE_NO_PAD.encode([start.as_slice(), self.id.as_uuid().as_bytes()].concat())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (start, id) = bytes.split_first_chunk::<16>()?;
        let visit_start = if *start == NO_VISIT { None } else { Some(instant(*start)?) };
        Some(Self { visit_start, id: Uuid::from_slice(id).ok()?.into() })
    }
}

impl Cursor for SlotPosition {
    fn encode(&self) -> String {
        let start = self.start.as_nanosecond().to_be_bytes();
        let service = self.service_id.map_or(Uuid::nil(), HealthcareServiceId::as_uuid);
        let ids = [self.practitioner_id.as_uuid(), service].map(Uuid::into_bytes).concat();
        URL_SAFE_NO_PAD.encode([start.as_slice(), ids.as_slice()].concat())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (start, ids) = bytes.split_first_chunk::<16>()?;
        let (practitioner, service) = ids.split_first_chunk::<16>()?;
        let service = Uuid::from_slice(service).ok()?;
        Some(Self {
            start: instant(*start)?,
            practitioner_id: Uuid::from_bytes(*practitioner).into(),
            service_id: (!service.is_nil()).then(|| service.into()),
        })
    }
}

fn instant(nanoseconds: [u8; 16]) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from_be_bytes(nanoseconds)).ok().filter(is_instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_nonsense_does_not() {
        let id = Uuid::now_v7();
        assert_eq!(Uuid::decode(&id.encode()), Some(id));
        let start = "2027-03-01T12:00:00Z".parse().unwrap();
        let place = AppointmentPosition { start, id: id.into() };
        assert_eq!(AppointmentPosition::decode(&place.encode()), Some(place));
        let place = AuditPosition { recorded_at: start, position: 7 };
        assert_eq!(AuditPosition::decode(&place.encode()), Some(place));
        for visit_start in [None, Some(start)] {
            let place = CheckPosition { visit_start, id: id.into() };
            assert_eq!(CheckPosition::decode(&place.encode()), Some(place));
        }
        for service_id in [None, Some(id.into())] {
            let place = SlotPosition { start, practitioner_id: id.into(), service_id };
            assert_eq!(SlotPosition::decode(&place.encode()), Some(place));
            assert_eq!(SlotPosition::decode(&place.encode()[1..]), None);
        }
        for text in ["", "*", "AAAA", "' OR 1=1", &id.encode()[1..]] {
            assert_eq!(SlotPosition::decode(text), None, "{text}");
            assert_eq!(Uuid::decode(text), None, "{text}");
            assert_eq!(AppointmentPosition::decode(text), None, "{text}");
            assert_eq!(AuditPosition::decode(text), None, "{text}");
        }
        for far in [i128::MAX, i128::from(i64::MIN) * 16] {
            let far = URL_SAFE_NO_PAD.encode([far.to_be_bytes(), [0; 16]].concat());
            assert_eq!(AppointmentPosition::decode(&far), None);
        }
    }

    #[test]
    fn links_to_the_next_page_only_when_there_is_one() {
        let uri: Uri = "/v1/doctors?specialty=a%20b&cursor=old&limit=2".parse().unwrap();
        let page = Page { limit: 2, after: None };
        let ids: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
        let (rows, link) = page.cut(ids.clone(), &uri, |id| *id);
        assert_eq!(rows, ids[..2]);
        let cursor = ids[1].encode();
        let expected =
            format!("</v1/doctors?specialty=a%20b&limit=2&cursor={cursor}>; rel=\"next\"");
        assert_eq!(link.unwrap(), expected);
        let (rows, link) = page.cut(ids[..2].to_vec(), &uri, |id| *id);
        assert_eq!((rows.len(), link), (2, None));
    }
}
