//! Hours as doctors have them.

use jiff::civil::{Time, Weekday, time};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::availability::{Availability, BookedVisit, NotOffered, Offer, Slot};
use crate::hours::{
    Exception, ExceptionKind, Exceptions, Hours, InvalidAvailability, OpeningHours, SlotLength,
};
use crate::start::RequestedStart;
use crate::visit_type::{Modality, VisitNumbers, VisitRules, VisitType};

fn week(zone: &str, minutes: i16, hours: &[(Weekday, Time, Time)]) -> Availability {
    let hours = hours.iter().map(|&(weekday, start, end)| OpeningHours {
        weekday,
        hours: Hours { start, end, ..Hours::all_day() },
    });
    Availability::new(zone, minutes.try_into().unwrap(), hours.collect()).unwrap()
}

fn slot_at(week: &Availability, start: &RequestedStart) -> Result<Slot, NotOffered> {
    let standard = VisitType::standard(week.slot_length(), 1);
    week.offer_at(&standard, None, start).map(|offer| offer.slot)
}

fn at(text: &str) -> RequestedStart {
    RequestedStart::try_from(text.to_owned()).unwrap()
}

#[test]
fn cuts_a_morning_into_slots() {
    let monday = (Weekday::Monday, time(9, 0, 0, 0), time(10, 10, 0, 0));
    let week = week("America/Sao_Paulo", 30, &[monday]);
    let slots = week.slots_between(
        "2027-03-01T00:00:00Z".parse().unwrap(),
        "2027-03-08T00:00:00Z".parse().unwrap(),
    );
    let starts: Vec<_> = slots.iter().map(|slot| slot.start.to_string()).collect();
    assert_eq!(starts, ["2027-03-01T12:00:00Z", "2027-03-01T12:30:00Z"]);
}

#[test]
fn every_slot_that_is_found_can_be_booked() {
    let days = [Weekday::Saturday, Weekday::Sunday, Weekday::Monday];
    let hours = days.map(|day| (day, time(0, 0, 0, 0), time(23, 59, 0, 0)));
    for zone in ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"] {
        let week = week(zone, 25, &hours);
        let year = week.slots_between(
            "2027-01-01T00:00:00Z".parse().unwrap(),
            "2028-01-01T00:00:00Z".parse().unwrap(),
        );
        assert!(year.len() > 5000);
        for slot in year {
            let start = RequestedStart::Instant(slot.start);
            assert_eq!(slot_at(&week, &start), Ok(slot), "{zone}");
        }
    }
}

#[test]
fn no_slot_begins_while_the_clocks_skip() {
    let sunday = (Weekday::Sunday, time(1, 0, 0, 0), time(4, 0, 0, 0));
    let week = week("America/New_York", 30, &[sunday]);
    let slots = week.slots_between(
        "2027-03-14T00:00:00Z".parse().unwrap(),
        "2027-03-15T00:00:00Z".parse().unwrap(),
    );
    // 01:00 and 01:30 EST, then 03:00 and 03:30 EDT.
    assert_eq!(slots.len(), 4);
    assert!(slots.is_sorted());
    let skipped = at("2027-03-14T02:30:00[America/New_York]");
    assert_eq!(slot_at(&week, &skipped), Err(NotOffered::InGap));
}

#[test]
fn says_why_a_start_is_not_offered() {
    let monday = (Weekday::Monday, time(9, 0, 0, 0), time(12, 0, 0, 0));
    let week = week("Europe/Berlin", 30, &[monday]);
    assert_eq!(slot_at(&week, &at("2027-03-01T08:10:00Z")), Err(NotOffered::OffGrid));
    assert_eq!(slot_at(&week, &at("2027-03-01T11:00:00Z")), Err(NotOffered::OutsideHours));
    assert_eq!(slot_at(&week, &at("2027-03-02T08:30:00Z")), Err(NotOffered::OutsideHours));
    assert!(slot_at(&week, &at("2027-03-01T08:30:00Z")).is_ok());
}

#[test]
fn refuses_a_week_that_makes_no_sense() {
    let hours =
        |start: i8, end: i8| OpeningHours { weekday: Weekday::Monday, hours: hours(start, end) };
    let new = |hours| Availability::new("Europe/Berlin", half_hour(), hours);
    assert_eq!(new(vec![hours(12, 9)]), Err(InvalidAvailability::TooShort));
    assert_eq!(new(vec![hours(9, 12), hours(11, 13)]), Err(InvalidAvailability::Overlap));
    assert_eq!(new(vec![hours(9, 12); 51]), Err(InvalidAvailability::TooMany));
    let zone = Availability::new("Mars/Olympus", half_hour(), vec![]);
    assert_eq!(zone, Err(InvalidAvailability::Zone));
    assert_eq!(SlotLength::try_from(7), Err(InvalidAvailability::SlotLength));
    assert!(Availability::new("Europe/Berlin", half_hour(), vec![hours(20, 0)]).is_ok());
    assert_eq!(new(vec![hours(20, 0), hours(23, 0)]), Err(InvalidAvailability::Overlap));
}

fn hours(start: i8, end: i8) -> Hours {
    Hours { start: time(start, 0, 0, 0), end: time(end, 0, 0, 0), ..Hours::all_day() }
}

fn visit_type(id: u128, modality: Modality, duration_minutes: i16) -> VisitType {
    let rules = VisitRules::new(VisitNumbers {
        duration_minutes,
        buffer_before_minutes: 15,
        buffer_after_minutes: 10,
        alignment_minutes: 30,
        minimum_notice_minutes: 0,
        horizon_days: 90,
    });
    VisitType { id: Some(id_of(id)), modality, rules: rules.unwrap() }
}

fn half_hour() -> SlotLength {
    SlotLength::try_from(30).unwrap()
}

fn id_of<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

/// Mondays in Berlin, where 1 March 2027 is one: from nine to twelve at place 1 for everything,
/// from two to six at place 2 for visit type 7 alone.
fn two_places() -> Availability {
    let monday = |start, end, place, services: &[u128]| OpeningHours {
        weekday: Weekday::Monday,
        hours: Hours {
            location_id: Some(id_of(place)),
            service_ids: services.iter().map(|id| id_of(*id)).collect(),
            ..hours(start, end)
        },
    };
    let hours = vec![monday(9, 12, 1, &[]), monday(14, 18, 2, &[7])];
    Availability::new("Europe/Berlin", half_hour(), hours).unwrap()
}

/// Clock hands in Berlin of what is offered on 1 March 2027.
fn offered(week: &Availability, visit: &VisitType, place: Option<u128>) -> Vec<String> {
    let place = place.map(id_of);
    let (from, to) = ("2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z");
    let offers = week.offers_between(visit, place, from.parse().unwrap(), to.parse().unwrap());
    let hand = |offer: &Offer| {
        offer.slot.start.to_zoned(week.zone().clone()).strftime("%H:%M").to_string()
    };
    offers.iter().map(hand).collect()
}

#[test]
fn hours_are_for_some_visit_types_at_some_place() {
    let week = two_places();
    let standard = VisitType::standard(week.slot_length(), 90);
    assert_eq!(offered(&week, &standard, None).len(), 6, "not where a type is named");
    let long = visit_type(7, Modality::InPerson, 120);
    assert_eq!(offered(&week, &long, Some(1)), ["09:00", "09:30", "10:00"]);
    assert_eq!(offered(&week, &long, Some(2)).len(), 5);
    assert_eq!(offered(&week, &long, None).len(), 8);
    assert_eq!(offered(&week, &long, Some(3)).len(), 0);
    let other = visit_type(8, Modality::InPerson, 120);
    assert_eq!(offered(&week, &other, None).len(), 3);

    let at_two = at("2027-03-01T14:00:00[Europe/Berlin]");
    let place = week.offer_at(&long, None, &at_two).unwrap().location_id;
    assert_eq!(place, Some(id_of(2)));
    for (visit, place) in [(&other, None), (&standard, None), (&long, Some(id_of(1)))] {
        assert_eq!(week.offer_at(visit, place, &at_two), Err(NotOffered::NotThis));
    }
    let too_late = at("2027-03-01T10:30:00[Europe/Berlin]");
    assert_eq!(week.offer_at(&long, None, &too_late), Err(NotOffered::OutsideHours));
}

#[test]
fn a_visit_by_video_has_no_place() {
    let week = two_places();
    let video = visit_type(7, Modality::Video, 30);
    assert_eq!(offered(&week, &video, None).len(), 14);
    assert_eq!(offered(&week, &video, Some(1)).len(), 0);
    let at_two = at("2027-03-01T14:00:00[Europe/Berlin]");
    assert_eq!(week.offer_at(&video, None, &at_two).unwrap().location_id, None);
}

#[test]
fn buffers_may_reach_beyond_opening_hours() {
    let week = two_places();
    let visit = visit_type(7, Modality::InPerson, 60);
    let slot = week.offer_at(&visit, None, &at("2027-03-01T08:00:00Z")).unwrap().slot;
    let occupied = slot.with_buffers(&visit);
    assert_eq!(occupied.start.to_string(), "2027-03-01T07:45:00Z");
    assert_eq!(occupied.end.to_string(), "2027-03-01T09:10:00Z");
}

fn with(week: Availability, entries: Vec<(ExceptionKind, Hours)>) -> Availability {
    let entries = entries.into_iter().map(|(kind, hours)| Exception { kind, hours });
    let exceptions = Exceptions::new(entries.collect()).unwrap();
    week.with_exceptions_on(jiff::civil::date(2027, 3, 1), Some(exceptions))
}

#[test]
fn a_date_may_be_closed_in_part_or_open_as_well() {
    use ExceptionKind::{Closed, Open};
    let standard = VisitType::standard(half_hour(), 90);
    let noon = with(two_places(), vec![(Closed, hours(10, 11))]);
    assert_eq!(offered(&noon, &standard, None), ["09:00", "09:30", "11:00", "11:30"]);
    let start = at("2027-03-01T10:30:00[Europe/Berlin]");
    assert_eq!(noon.offer_at(&standard, None, &start), Err(NotOffered::OutsideHours));
    let long = visit_type(7, Modality::InPerson, 90);
    assert_eq!(offered(&noon, &long, Some(1)).len(), 0, "it would go on while closed");

    let instead = with(two_places(), vec![(Closed, Hours::all_day()), (Open, hours(7, 8))]);
    assert_eq!(offered(&instead, &standard, None), ["07:00", "07:30"]);
    let more = with(two_places(), vec![(Open, hours(8, 10))]);
    assert_eq!(offered(&more, &standard, None).len(), 8, "what is open twice counts once");
}

#[test]
fn a_booked_visit_fits_wherever_it_begins_as_long_as_somebody_is_there() {
    use ExceptionKind::Closed;
    let booked = |start: &str, minutes, service: Option<u128>, place: Option<u128>| {
        let start: Timestamp = start.parse().unwrap();
        BookedVisit {
            slot: Slot { start, end: start + SignedDuration::from_mins(minutes) },
            service_id: service.map(id_of),
            location_id: place.map(id_of),
        }
    };
    let week = two_places();
    assert!(week.fits(&booked("2027-03-01T08:10:00Z", 50, None, Some(1))));
    assert!(!week.fits(&booked("2027-03-01T08:10:00Z", 50, None, Some(2))), "the place");
    assert!(!week.fits(&booked("2027-03-01T10:30:00Z", 50, None, None)), "the end");
    assert!(week.fits(&booked("2027-03-01T13:00:00Z", 30, Some(7), None)));
    assert!(!week.fits(&booked("2027-03-01T13:00:00Z", 30, Some(8), None)), "the type");
    let noon = with(two_places(), vec![(Closed, hours(10, 11))]);
    assert!(noon.fits(&booked("2027-03-01T08:00:00Z", 60, None, None)));
    assert!(!noon.fits(&booked("2027-03-01T08:30:00Z", 60, None, None)), "closed in part");

    let halves = [(0, 12), (12, 0)]
        .map(|(start, end)| OpeningHours { weekday: Weekday::Monday, hours: hours(start, end) });
    let whole = Availability::new("Europe/Berlin", half_hour(), halves.into()).unwrap();
    assert!(whole.fits(&booked("2027-03-01T10:30:00Z", 60, None, None)), "across noon");
}

#[test]
fn refuses_exceptions_that_make_no_sense() {
    use ExceptionKind::{Closed, Open};
    let new = |entries: &[(ExceptionKind, Hours)]| {
        let entries = entries.iter().cloned();
        Exceptions::new(entries.map(|(kind, hours)| Exception { kind, hours }).collect())
    };
    assert_eq!(new(&[]), Err(InvalidAvailability::CountOfExceptions));
    assert_eq!(new(&[(Open, hours(12, 9))]), Err(InvalidAvailability::ExceptionTooShort));
    let twice = [(Open, hours(9, 12)), (Open, hours(11, 0))];
    assert_eq!(new(&twice), Err(InvalidAvailability::ExceptionsOverlap));
    let placed = Hours { location_id: Some(id_of(1)), ..hours(9, 12) };
    assert_eq!(new(&[(Closed, placed.clone())]), Err(InvalidAvailability::ClosedForSome));
    assert!(new(&[(Closed, Hours::all_day()), (Open, placed)]).is_ok());
}
