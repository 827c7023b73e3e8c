//! Opening hours in every zone of the IANA database, over ten years, against an oracle that knows
//! nothing of gaps and folds: it walks through time and looks at the clock.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps in vain")]

use domain::{
    Availability, Hours, Modality, NotOffered, OpeningHours, RequestedStart, Slot, SlotLength,
    VisitNumbers, VisitRules, VisitType,
};
use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The walk's step. Every change of every clock in these years happens at a multiple of it, and so
/// begins and ends everything below.
const STEP_MINUTES: i64 = 15;

/// No zone is further from UTC.
const FAR: SignedDuration = SignedDuration::from_hours(16);

/// Opening hours (the end 0 is midnight), steps and length of visits, in minutes.
const CASES: [(i64, i64, i64, i64); 6] = [
    (0, 24 * 60, 60, 60),
    (0, 24 * 60, 45, 90),
    (30, 3 * 60, 30, 30),
    (60, 2 * 60 + 30, 15, 60),
    (105, 5 * 60, 75, 45),
    (21 * 60 + 15, 24 * 60, 30, 60),
];

struct Case {
    date: Date,
    opens: SignedDuration,
    closes: SignedDuration,
    step: SignedDuration,
    length: SignedDuration,
    week: Availability,
    visit: VisitType,
}

impl Case {
    fn new(zone: &str, date: Date, (opens, closes, step, length): (i64, i64, i64, i64)) -> Self {
        let minutes = SignedDuration::from_mins;
        let time = |of_day: i64| Time::midnight().wrapping_add(minutes(of_day));
        let hours = Hours { start: time(opens), end: time(closes), ..Hours::all_day() };
        let hours = OpeningHours { weekday: date.weekday(), hours };
        let slot_length = SlotLength::try_from(15).unwrap();
        let rules = VisitRules::new(VisitNumbers {
            duration_minutes: length as i16,
            buffer_before_minutes: 0,
            buffer_after_minutes: 0,
            alignment_minutes: step as i16,
            minimum_notice_minutes: 0,
            horizon_days: 1,
        });
        Self {
            date,
            opens: minutes(opens),
            closes: minutes(closes),
            step: minutes(step),
            length: minutes(length),
            week: Availability::new(zone, slot_length, vec![hours]).unwrap(),
            visit: VisitType { id: None, modality: Modality::InPerson, rules: rules.unwrap() },
        }
    }

    fn offered(&self, walk: &[(Timestamp, DateTime)]) -> Vec<Slot> {
        let (from, to) = (walk[0].0, walk[walk.len() - 1].0);
        let offers = self.week.offers_between(&self.visit, None, from, to);
        offers.into_iter().map(|offer| offer.slot).collect()
    }

    /// Open from the first look at which the clock shows the beginning or later until the first at
    /// which it shows the end or later; a visit may begin whenever it shows a whole number of steps.
    fn oracle(&self, walk: &[(Timestamp, DateTime)]) -> Vec<Slot> {
        let midnight = self.date.at(0, 0, 0, 0);
        let since = |clock: DateTime| midnight.duration_until(clock);
        let first = |time: SignedDuration| {
            walk.iter().find(|(_, clock)| since(*clock) >= time).map(|(at, _)| *at).unwrap()
        };
        let (opens, closes) = (first(self.opens), first(self.closes));
        let may_begin = |clock: DateTime| {
            let open_for = since(clock) - self.opens;
            !open_for.is_negative()
                && since(clock) < self.closes
                && open_for.as_mins() % self.step.as_mins() == 0
        };
        walk.iter()
            .filter(|(at, clock)| *at >= opens && may_begin(*clock))
            .map(|(at, _)| Slot { start: *at, end: *at + self.length })
            .filter(|slot| slot.end <= closes)
            .collect()
    }

    /// Whatever is offered can be booked, and the same step later or earlier can't where it isn't.
    fn can_be_booked(&self, offered: &[Slot], name: &str) {
        let book = |start| {
            let start = RequestedStart::Instant(start);
            self.week.offer_at(&self.visit, None, &start).map(|offer| offer.slot)
        };
        let ends = [offered.first(), offered.last()];
        for slot in ends.into_iter().flatten() {
            assert_eq!(book(slot.start), Ok(*slot), "{name}");
            for step in [-STEP_MINUTES, STEP_MINUTES] {
                let beside = slot.start + SignedDuration::from_mins(step);
                let is_offered = offered.iter().any(|slot| slot.start == beside);
                assert_eq!(book(beside).is_ok(), is_offered, "{name}, {beside}");
            }
        }
    }
}

/// What a clock shows around a date.
fn walk(zone: &TimeZone, date: Date) -> Vec<(Timestamp, DateTime)> {
    let midnight = date.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let (from, to) = (midnight - FAR, midnight + SignedDuration::from_hours(24) + FAR);
    let look = |at: Timestamp| (at, zone.to_datetime(at));
    let steps = from.duration_until(to).as_mins() / STEP_MINUTES;
    (0..=steps).map(|step| look(from + SignedDuration::from_mins(step * STEP_MINUTES))).collect()
}

/// Dates on which the clocks change, and some on which they don't.
fn dates(zone: &TimeZone, seed: usize) -> Vec<Date> {
    let (first, last) = (date(2026, 1, 1), date(2036, 1, 1));
    let from = first.to_zoned(zone.clone()).unwrap().timestamp();
    let to = last.to_zoned(zone.clone()).unwrap().timestamp();
    let mut dates = Vec::new();
    for change in zone.following(from).take_while(|change| change.timestamp() < to) {
        let at = change.timestamp();
        assert_eq!(at.as_second() % (STEP_MINUTES * 60), 0, "the walk would step over {at}");
        let before = zone.to_datetime(at - SignedDuration::from_mins(STEP_MINUTES));
        dates.extend([before.date(), zone.to_datetime(at).date()]);
    }
    // Others for each zone.
    for index in 0..4 {
        let day = (seed * 7_919 + index * 104_729) % 3_650;
        dates.push(first + (day as i64).days());
    }
    dates.sort_unstable();
    dates.dedup();
    dates
}

#[test]
fn hours_are_open_as_the_clock_on_the_wall_shows_in_every_zone_for_ten_years() {
    let (mut zones, mut changes, mut offers) = (0, 0, 0);
    for (seed, name) in jiff::tz::db().available().enumerate() {
        let name = name.as_str();
        let zone = TimeZone::get(name).unwrap();
        if zone.iana_name().is_none() {
            continue;
        }
        zones += 1;
        for (index, date) in dates(&zone, seed).into_iter().enumerate() {
            let walk = walk(&zone, date);
            // Each change meets each case in the course of the years.
            for case in [index, index + 3].map(|index| CASES[(seed + index) % CASES.len()]) {
                let case = Case::new(name, date, case);
                let offered = case.offered(&walk);
                assert_eq!(offered, case.oracle(&walk), "{name} on {date}");
                case.can_be_booked(&offered, name);
                offers += offered.len();
            }
            changes += usize::from(walk.windows(2).any(|pair| {
                let shown = pair[0].1.duration_until(pair[1].1);
                shown.as_mins() != STEP_MINUTES
            }));
        }
    }
    // Fewer would mean that the database is not what it was, or that nothing was compared.
    assert!(zones > 400, "{zones} zones");
    assert!(changes > 3_000, "{changes} dates on which clocks change");
    assert!(offers > 50_000, "{offers} offers");
}

#[test]
fn a_patient_elsewhere_means_the_same_moment_by_their_own_clock() {
    let mut asked = [0, 0];
    let names: Vec<_> = jiff::tz::db().available().collect();
    let zones: Vec<TimeZone> =
        names.iter().filter_map(|name| TimeZone::get(name.as_str()).ok()).collect();
    // Doctors whose clocks change on three different days, and who work all of these.
    for (doctor, day) in [
        ("America/New_York", date(2027, 11, 7)),
        ("Europe/Berlin", date(2027, 3, 28)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),
    ] {
        let case = Case::new(doctor, day, (0, 24 * 60, 30, 30));
        let offered = case.offered(&walk(case.week.zone(), day));
        for patient in &zones {
            for slot in &offered {
                let clock = patient.to_datetime(slot.start);
                let start = RequestedStart::Wall(clock, patient.clone());
                let met = case.week.offer_at(&case.visit, None, &start).map(|offer| offer.slot);
                let is_shown_twice = matches!(
                    patient.to_ambiguous_timestamp(clock).offset(),
                    AmbiguousOffset::Fold { .. }
                );
                asked[usize::from(is_shown_twice)] += 1;
                if is_shown_twice {
                    assert_eq!(met, Err(NotOffered::Ambiguous), "{clock} in {patient:?}");
                } else {
                    assert_eq!(met, Ok(*slot), "{clock} in {patient:?}");
                }
            }
        }
    }
    assert!(asked[0] > 50_000 && asked[1] > 100, "{asked:?}");
}
