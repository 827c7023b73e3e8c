//! When a practitioner can be booked: weekly hours on a wall clock, exceptions by date, and the
//! visits that fit into them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::hours::{
    ExceptionKind, Exceptions, Hours, InvalidAvailability, MAX_HOURS, MAX_SERVICES, OpeningHours,
    SlotLength,
};
use crate::ids::{HealthcareServiceId, LocationId};
use crate::start::{RequestedStart, Unresolvable};
use crate::visit_type::{Modality, VisitType};
use crate::wall_day::WallDay;

/// A practitioner's hours: a week in one zone, cut into slots of one length, and dates that differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Availability {
    zone: TimeZone,
    zone_name: String,
    slot_length: SlotLength,
    hours: Vec<OpeningHours>,
    exceptions: BTreeMap<Date, Exceptions>,
}

/// Why a start can't be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOffered {
    /// The clocks skip this time.
    InGap,
    /// The clocks show this time twice and no offset says which is meant.
    Ambiguous,
    /// The practitioner doesn't work then, or not for as long.
    OutsideHours,
    /// The practitioner works then, but offers no such visit, or not there.
    NotThis,
    /// Within opening hours, but between two times at which such visits begin.
    OffGrid,
}

/// A bookable time: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// When it begins.
    pub start: Timestamp,
    /// When the next may begin.
    pub end: Timestamp,
}

impl Slot {
    /// Whether both take some of the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether that moment lies within it.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment < self.end
    }

    /// Whether the other one lies within it.
    pub fn holds(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The slot, and what the practitioner needs before and after it. That may lie outside of
    /// opening hours: who prepares a room at ten to nine can begin at nine.
    #[must_use]
    pub fn with_buffers(&self, visit: &VisitType) -> Self {
        let rules = &visit.rules;
        let start = self.start.saturating_sub(rules.buffer_before()).unwrap_or(Timestamp::MIN);
        let end = self.end.saturating_add(rules.buffer_after()).unwrap_or(Timestamp::MAX);
        Self { start, end }
    }
}

/// A time at which a visit can take place, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// When.
    pub slot: Slot,
    /// Where; none by video, and where the hours name no place.
    pub location_id: Option<LocationId>,
}

/// A visit that was booked, as far as hours are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedVisit {
    /// When.
    pub slot: Slot,
    /// Its type; none: a standard visit.
    pub service_id: Option<HealthcareServiceId>,
    /// Where; none: nobody has to be anywhere in particular.
    pub location_id: Option<LocationId>,
}

/// Hours of one date, as instants.
struct Window<'a> {
    hours: &'a Hours,
    during: Slot,
    /// Whether the date's closed times count.
    is_of_week: bool,
}

/// What can be booked on one date.
struct Opening<'a> {
    windows: Vec<Window<'a>>,
    closed: Vec<Slot>,
}

impl<'a> Opening<'a> {
    /// The hours in which that moment lies.
    fn at(&self, moment: Timestamp) -> impl Iterator<Item = &Window<'a>> {
        let is_closed = self.closed.iter().any(|closed| closed.contains(moment));
        self.windows.iter().filter(move |window| {
            window.during.contains(moment) && !(window.is_of_week && is_closed)
        })
    }

    fn is_closed(&self, window: &Window<'_>, slot: &Slot) -> bool {
        window.is_of_week && self.closed.iter().any(|closed| closed.overlaps(slot))
    }
}

impl Availability {
    /// A week from its parts. No hours at all means: not bookable.
    pub fn new(
        zone_name: &str,
        slot_length: SlotLength,
        mut hours: Vec<OpeningHours>,
    ) -> Result<Self, InvalidAvailability> {
        if hours.len() > MAX_HOURS {
            return Err(InvalidAvailability::TooMany);
        }
        if hours.iter().any(|one| one.hours.service_ids.len() > MAX_SERVICES) {
            return Err(InvalidAvailability::TooManyServices);
        }
        let zone = TimeZone::get(zone_name).map_err(|_| InvalidAvailability::Zone)?;
        // The database's own spelling, so that one zone has one name.
        let zone_name = zone.iana_name().ok_or(InvalidAvailability::Zone)?.to_owned();
        hours.sort_by_key(|one| (one.weekday.to_monday_zero_offset(), one.hours.start));
        let is_short =
            |one: &OpeningHours| one.hours.ends() - one.hours.begins() < slot_length.duration();
        if hours.iter().any(is_short) {
            return Err(InvalidAvailability::TooShort);
        }
        let overlap = |pair: &[OpeningHours]| {
            pair[0].weekday == pair[1].weekday && pair[0].hours.overlaps(&pair[1].hours)
        };
        if hours.windows(2).any(overlap) {
            return Err(InvalidAvailability::Overlap);
        }
        Ok(Self { zone, zone_name, slot_length, hours, exceptions: BTreeMap::new() })
    }

    /// The same week with these exceptions instead of any others.
    #[must_use]
    pub fn with_exceptions(mut self, exceptions: BTreeMap<Date, Exceptions>) -> Self {
        self.exceptions = exceptions;
        self
    }

    /// The same hours but on this date: with these exceptions, or with none.
    #[must_use]
    pub fn with_exceptions_on(mut self, date: Date, exceptions: Option<Exceptions>) -> Self {
        match exceptions {
            Some(exceptions) => self.exceptions.insert(date, exceptions),
            None => self.exceptions.remove(&date),
        };
        self
    }

    /// The dates that differ.
    pub const fn exceptions(&self) -> &BTreeMap<Date, Exceptions> {
        &self.exceptions
    }

    /// The zone whose wall clock the hours follow.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The IANA name of the zone whose wall clock the hours follow.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// How long a slot lasts.
    pub fn slot_length(&self) -> SlotLength {
        self.slot_length
    }

    /// The opening hours, by day and time.
    pub fn hours(&self) -> &[OpeningHours] {
        &self.hours
    }

    /// Every standard visit that begins at or after `from` and before `to`, in order.
    pub fn slots_between(&self, from: Timestamp, to: Timestamp) -> Vec<Slot> {
        let standard = VisitType::standard(self.slot_length, 1);
        let offers = self.offers_between(&standard, None, from, to);
        offers.into_iter().map(|offer| offer.slot).collect()
    }

    /// Every such visit that begins at or after `from` and before `to`, in order; when a place is
    /// named, only there.
    pub fn offers_between(
        &self,
        visit: &VisitType,
        place: Option<LocationId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Offer> {
        let mut offers = Vec::new();
        for day in self.days(from, to) {
            self.offers_on(&day, visit, place, (from, to), &mut offers);
        }
        // On a day on which the clocks change, the wall's order may not be time's order; and hours
        // of an exception may repeat those of the week.
        offers.sort_by_key(|offer| offer.slot);
        offers.dedup_by_key(|offer| offer.slot.start);
        offers
    }

    /// Adds those visits of one date that begin at or after the first moment and before the second.
    /// May add one twice, and in another order than time's.
    pub fn offers_on(
        &self,
        day: &WallDay,
        visit: &VisitType,
        place: Option<LocationId>,
        (from, to): (Timestamp, Timestamp),
        offers: &mut Vec<Offer>,
    ) {
        let opening = self.opening(day);
        for window in &opening.windows {
            if !window.hours.offers(visit.id) || !serves(window.hours, visit, place) {
                continue;
            }
            if window.during.end <= from || window.during.start >= to {
                continue;
            }
            let slots = slots_within(day, window, visit);
            let slots = slots.filter(|slot| slot.start >= from && slot.start < to);
            let slots = slots.filter(|slot| !opening.is_closed(window, slot));
            let location_id = location(window.hours, visit);
            offers.extend(slots.map(|slot| Offer { slot, location_id }));
        }
    }

    /// Such a visit at that start, or why there is none.
    pub fn offer_at(
        &self,
        visit: &VisitType,
        place: Option<LocationId>,
        start: &RequestedStart,
    ) -> Result<Offer, NotOffered> {
        let start = start.resolve().map_err(|unresolvable| match unresolvable {
            Unresolvable::Gap => NotOffered::InGap,
            Unresolvable::Fold => NotOffered::Ambiguous,
        })?;
        let day = WallDay::new(&self.zone, start.to_zoned(self.zone.clone()).date());
        let opening = self.opening(&day);
        // Of several hours the one that comes closest says why not.
        let mut refusal = NotOffered::OutsideHours;
        for window in opening.at(start) {
            if !window.hours.offers(visit.id) || !serves(window.hours, visit, place) {
                refusal = refusal.or(NotOffered::NotThis);
                continue;
            }
            let Ok(end) = start.checked_add(visit.rules.duration()) else { continue };
            let slot = Slot { start, end };
            if !is_on_grid(&day, window.hours, visit, start) {
                refusal = refusal.or(NotOffered::OffGrid);
            } else if window.during.holds(&slot) && !opening.is_closed(window, &slot) {
                return Ok(Offer { slot, location_id: location(window.hours, visit) });
            }
        }
        Err(refusal)
    }

    /// Whether a booked visit lies within hours that offer it, wherever it begins. Two hours
    /// without a pause between them count as one.
    pub fn fits(&self, visit: &BookedVisit) -> bool {
        let Slot { start, end } = visit.slot;
        let mut open = Vec::new();
        for day in self.days(start, end) {
            let opening = self.opening(&day);
            for window in &opening.windows {
                if !window.hours.offers(visit.service_id) || !window.hours.is_at(visit.location_id)
                {
                    continue;
                }
                let closed: &[Slot] = if window.is_of_week { &opening.closed } else { &[] };
                open.extend(without(window.during, closed));
            }
        }
        open.sort_unstable();
        let mut covered = start;
        for piece in open {
            if piece.start <= covered {
                covered = covered.max(piece.end);
            }
        }
        covered >= end
    }

    /// Whether some of that time is on that date of the wall clock.
    pub fn is_on(&self, slot: Slot, date: Date) -> bool {
        let last = slot.end.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(slot.end);
        let date_of = |moment: Timestamp| moment.to_zoned(self.zone.clone()).date();
        (date_of(slot.start)..=date_of(last)).contains(&date)
    }

    /// The dates of the wall clock from one moment to another.
    fn days(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = WallDay> {
        let first_day = from.to_zoned(self.zone.clone()).date();
        let last_day = to.to_zoned(self.zone.clone()).date();
        let days = first_day.series(1.day()).take_while(move |day| *day <= last_day);
        days.map(|day| WallDay::new(&self.zone, day))
    }

    fn opening(&self, day: &WallDay) -> Opening<'_> {
        let during = |hours: &Hours| {
            let start = day.first_at(hours.begins())?;
            let end = day.first_at(hours.ends())?;
            // Nothing is left of hours that the clocks skip.
            (start < end).then_some(Slot { start, end })
        };
        let window =
            |hours, is_of_week| during(hours).map(|during| Window { hours, during, is_of_week });
        let weekday = day.date().weekday();
        let of_week = self.hours.iter().filter(|one| one.weekday == weekday);
        let mut windows: Vec<Window<'_>> =
            of_week.filter_map(|one| window(&one.hours, true)).collect();
        let mut closed = Vec::new();
        if let Some(exceptions) = self.exceptions.get(&day.date()) {
            let open = exceptions.hours(ExceptionKind::Open);
            windows.extend(open.filter_map(|hours| window(hours, false)));
            closed.extend(exceptions.hours(ExceptionKind::Closed).filter_map(during));
        }
        Opening { windows, closed }
    }
}

impl NotOffered {
    /// The reason that comes closer to an offer.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::OffGrid, _) | (_, Self::OffGrid) => Self::OffGrid,
            (Self::NotThis, _) | (_, Self::NotThis) => Self::NotThis,
            _ => self,
        }
    }
}

/// Whether those hours are for such a visit at that place. A visit by video has no place, wherever
/// the practitioner is.
fn serves(hours: &Hours, visit: &VisitType, place: Option<LocationId>) -> bool {
    match visit.modality {
        Modality::InPerson => hours.is_at(place),
        Modality::Video => place.is_none(),
    }
}

fn location(hours: &Hours, visit: &VisitType) -> Option<LocationId> {
    match visit.modality {
        Modality::InPerson => hours.location_id,
        Modality::Video => None,
    }
}

/// Visits begin where the wall clock shows a whole number of steps since the hours began. What the
/// clocks skip isn't offered; what they show twice is, twice. All of the visit lies within the
/// hours, as time passes.
fn slots_within(
    day: &WallDay,
    window: &Window<'_>,
    visit: &VisitType,
) -> impl Iterator<Item = Slot> {
    let (alignment, duration) = (visit.rules.alignment(), visit.rules.duration());
    let (begins, ends) = (window.hours.begins(), window.hours.ends());
    let steps = (ends - begins).as_secs().div_euclid(alignment.as_secs());
    let times = (0..=steps as i32).map(move |step| begins + alignment * step);
    let starts = times.take_while(move |time| *time < ends).flat_map(|time| day.all_at(time));
    let during = window.during;
    starts.filter_map(move |start| {
        let slot = Slot { start, end: start.checked_add(duration).ok()? };
        during.holds(&slot).then_some(slot)
    })
}

fn is_on_grid(day: &WallDay, hours: &Hours, visit: &VisitType, start: Timestamp) -> bool {
    let alignment = visit.rules.alignment();
    let since = day.time_at(start) - hours.begins();
    !since.is_negative() && since.as_nanos() % alignment.as_nanos() == 0
}

/// What is left of some time.
fn without(whole: Slot, taken: &[Slot]) -> Vec<Slot> {
    let mut left = vec![whole];
    for gone in taken {
        left = left
            .into_iter()
            .flat_map(|piece| {
                let before = Slot { start: piece.start, end: piece.end.min(gone.start) };
                let after = Slot { start: piece.start.max(gone.end), end: piece.end };
                [before, after].into_iter().filter(|one| one.start < one.end)
            })
            .collect();
    }
    left
}
