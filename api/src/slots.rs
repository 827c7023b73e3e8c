//! Free slots of many practitioners and visit types, earliest first.
//!
//! What could be offered follows from hours alone and is made a few hours at a time; whether it is
//! free is asked of the database for the earliest of it only. So what a search costs follows from
//! how much it shows, not from how many visits there are.

use std::collections::HashSet;

use domain::{HealthcareServiceId, LocationId, Offer, PractitionerId, Slot, VisitType, WallDay};
use jiff::{SignedDuration, Timestamp, ToSpan};
use store::StoreError;
use store::reading::{Busy, CallerTx, Schedule};

/// How much time is looked at at once for what could be offered.
const STEP: SignedDuration = SignedDuration::from_hours(6);

/// Of how many slots is asked at first whether they are free, at least: one look is cheap, and many
/// of them are taken on a busy day.
const FIRST_LOOK: usize = 64;

/// Of how many at most.
const LONGEST_LOOK: usize = 4_096;

/// A slot of a practitioner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedSlot {
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// When.
    pub slot: Slot,
    /// What; none: a standard visit.
    pub service_id: Option<HealthcareServiceId>,
    /// Where, if anywhere in particular.
    pub location_id: Option<LocationId>,
    /// The slot, and what the practitioner needs before and after it.
    occupied: Slot,
}

/// A place in the order of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotPosition {
    /// When it begins.
    pub start: Timestamp,
    /// With whom.
    pub practitioner_id: PractitionerId,
    /// What.
    pub service_id: Option<HealthcareServiceId>,
}

impl OfferedSlot {
    /// Its place in the order of slots.
    pub const fn position(&self) -> SlotPosition {
        let Self { practitioner_id, service_id, slot, .. } = *self;
        SlotPosition { start: slot.start, practitioner_id, service_id }
    }
}

/// A visit type, and who offers it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The visit type.
    pub visit: VisitType,
    /// Offered by practitioners of this specialty only.
    pub specialty: Option<String>,
}

/// One practitioner's hours, and what is wanted of them.
struct Calendar {
    schedule: Schedule,
    visits: Vec<VisitType>,
}

/// What could be offered, and in which time.
pub struct Offers {
    /// Grouped by zone, so that a day of a wall clock is looked up once for all of them.
    calendars: Vec<Calendar>,
    places: Places,
    now: Timestamp,
    begin: Timestamp,
    end: Timestamp,
    after: Option<SlotPosition>,
}

/// Where somebody goes.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Only there; none named: anywhere, or nowhere by video.
    pub wanted: Vec<LocationId>,
    /// Never there.
    pub inactive: HashSet<LocationId>,
}

impl Places {
    fn include(&self, place: Option<LocationId>) -> bool {
        match place {
            Some(place) if self.inactive.contains(&place) => false,
            Some(place) => self.wanted.is_empty() || self.wanted.contains(&place),
            None => self.wanted.is_empty(),
        }
    }
}

impl Offers {
    /// What those practitioners could offer of what is wanted; of a practitioner's standard visit
    /// it is `standard` that makes one. Nothing that begins before `from`, or at `to` or later, or
    /// at or before `after` in the order of slots.
    pub fn new(
        schedules: Vec<Schedule>,
        wanted: &[Wanted],
        standard: Option<u16>,
        places: Places,
        now: Timestamp,
        (from, to): (Timestamp, Timestamp),
        after: Option<SlotPosition>,
    ) -> Self {
        let mut calendars: Vec<Calendar> = schedules
            .into_iter()
            .map(|schedule| {
                let length = schedule.availability.slot_length();
                let standard = standard.map(|days| VisitType::standard(length, days));
                let offers = |wanted: &&Wanted| {
                    wanted.specialty.as_ref().is_none_or(|only| *only == schedule.specialty)
                };
                let others = wanted.iter().filter(offers).map(|wanted| wanted.visit);
                let visits = standard.into_iter().chain(others).collect();
                Calendar { schedule, visits }
            })
            .collect();
        calendars.sort_by(|a, b| zone_name(a).cmp(zone_name(b)));
        let begin = after.map_or(from, |after| from.max(after.start));
        Self { calendars, places, now, begin, end: to, after }
    }

    /// The earliest of what was not given yet, `count` or more unless there is no more.
    fn next(&mut self, count: usize) -> Vec<OfferedSlot> {
        let mut offered = Vec::new();
        while offered.len() < count && self.begin < self.end {
            let step = self.begin.saturating_add(STEP).unwrap_or(self.end).min(self.end);
            let mut found = self.between(self.begin, step);
            // Stable: of two hours at the same time, those of the week come first.
            found.sort_by_key(OfferedSlot::position);
            found.dedup_by_key(|slot| slot.position());
            found.retain(|slot| self.after.is_none_or(|after| slot.position() > after));
            offered.append(&mut found);
            self.begin = step;
        }
        offered
    }

    fn between(&self, begin: Timestamp, end: Timestamp) -> Vec<OfferedSlot> {
        let mut offered = Vec::new();
        let mut offers: Vec<Offer> = Vec::new();
        for calendars in self.calendars.chunk_by(|a, b| zone_name(a) == zone_name(b)) {
            let days = days(&calendars[0], begin, end);
            for Calendar { schedule, visits } in calendars {
                for visit in visits {
                    let during = self.bookable(visit, begin, end);
                    for day in &days {
                        schedule.availability.offers_on(day, visit, None, during, &mut offers);
                    }
                    let offers = offers.drain(..);
                    let offers = offers.filter(|offer| self.places.include(offer.location_id));
                    offered.extend(offers.map(|Offer { slot, location_id }| OfferedSlot {
                        practitioner_id: schedule.practitioner_id,
                        slot,
                        service_id: visit.id,
                        location_id,
                        occupied: slot.with_buffers(visit),
                    }));
                }
            }
        }
        offered
    }

    /// What of that time is neither too near nor too far away for such a visit.
    fn bookable(
        &self,
        visit: &VisitType,
        begin: Timestamp,
        end: Timestamp,
    ) -> (Timestamp, Timestamp) {
        let behind = |last: Timestamp| {
            last.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX)
        };
        let rules = &visit.rules;
        (begin.max(rules.earliest(self.now)), end.min(behind(rules.latest(self.now))))
    }
}

fn zone_name(calendar: &Calendar) -> &str {
    calendar.schedule.availability.zone_name()
}

fn days(calendar: &Calendar, begin: Timestamp, end: Timestamp) -> Vec<WallDay> {
    let zone = calendar.schedule.availability.zone();
    let date = |moment: Timestamp| moment.to_zoned(zone.clone()).date();
    let last = date(end);
    let dates = date(begin).series(1.day()).take_while(|day| *day <= last);
    dates.map(|date| WallDay::new(zone, date)).collect()
}

/// The first `count` of what could be offered that are free.
pub async fn free(
    caller: &mut CallerTx,
    mut offers: Offers,
    count: usize,
) -> Result<Vec<OfferedSlot>, StoreError> {
    let mut free = Vec::with_capacity(count);
    let mut look = (count * 2).clamp(FIRST_LOOK, LONGEST_LOOK);
    let mut offered: Vec<OfferedSlot> = Vec::new();
    while free.len() < count {
        if offered.len() < look {
            let missing = look - offered.len();
            offered.append(&mut offers.next(missing));
        }
        if offered.is_empty() {
            break;
        }
        let later = offered.split_off(look.min(offered.len()));
        let busy = busy(caller, &offered).await?;
        free.extend(offered.into_iter().filter(|slot| is_free(slot, &busy)));
        offered = later;
        // The more are taken, the more are looked at.
        look = (look * 2).min(LONGEST_LOOK);
    }
    free.truncate(count);
    Ok(free)
}

/// When those who offer these slots are busy, around them.
async fn busy(caller: &mut CallerTx, offered: &[OfferedSlot]) -> Result<Busy, StoreError> {
    let mut practitioners: Vec<_> = offered.iter().map(|slot| slot.practitioner_id).collect();
    practitioners.sort_unstable();
    practitioners.dedup();
    let start = offered.iter().map(|slot| slot.occupied.start).min();
    let end = offered.iter().map(|slot| slot.occupied.end).max();
    match (start, end) {
        (Some(start), Some(end)) => caller.busy(&practitioners, Slot { start, end }).await,
        _ => Ok(Busy::new()),
    }
}

/// Whether what the slot needs meets no busy time of its practitioner; those are in order and don't
/// overlap.
fn is_free(offered: &OfferedSlot, busy: &Busy) -> bool {
    let Some(busy) = busy.get(&offered.practitioner_id) else { return true };
    let needed = &offered.occupied;
    let first_that_ends_later = busy.partition_point(|busy| busy.end <= needed.start);
    busy.get(first_that_ends_later).is_none_or(|busy| busy.start >= needed.end)
}

#[cfg(test)]
mod tests {
    use domain::{
        Availability, Hours, Modality, OpeningHours, SlotLength, VisitNumbers, VisitRules,
    };
    use jiff::civil::{Weekday, time};
    use uuid::Uuid;

    use super::*;

    const FROM: &str = "2027-03-01T00:00:00Z";
    const TO: &str = "2027-03-08T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn id<T: From<Uuid>>(number: u128) -> T {
        Uuid::from_u128(number).into()
    }

    /// Mondays and Tuesdays from nine to eleven, on the wall in that zone.
    fn schedule(number: u128, zone: &str) -> Schedule {
        let days = [Weekday::Monday, Weekday::Tuesday];
        let hours = days.map(|weekday| OpeningHours {
            weekday,
            hours: Hours {
                start: time(9, 0, 0, 0),
                end: time(11, 0, 0, 0),
                location_id: Some(id(number)),
                ..Hours::all_day()
            },
        });
        let length = SlotLength::try_from(30).unwrap();
        Schedule {
            practitioner_id: id(number),
            specialty: "gp".to_owned(),
            availability: Availability::new(zone, length, hours.into()).unwrap(),
        }
    }

    fn berlin(numbers: &[u128]) -> Vec<Schedule> {
        numbers.iter().map(|number| schedule(*number, "Europe/Berlin")).collect()
    }

    fn standard(schedules: Vec<Schedule>, after: Option<SlotPosition>) -> Offers {
        let places = Places::default();
        Offers::new(schedules, &[], Some(365), places, at(FROM), (at(FROM), at(TO)), after)
    }

    fn seen(offered: &[OfferedSlot]) -> Vec<(u128, String)> {
        let one = |slot: &OfferedSlot| {
            (slot.practitioner_id.as_uuid().as_u128(), slot.slot.start.to_string())
        };
        offered.iter().map(one).collect()
    }

    fn expected(pairs: &[(u128, &str)]) -> Vec<(u128, String)> {
        pairs.iter().map(|(number, start)| (*number, (*start).to_owned())).collect()
    }

    #[test]
    fn leaves_out_what_is_busy_even_in_part() {
        let offered = standard(berlin(&[1]), None).next(4);
        let busy = |start, end| Slot { start: at(start), end: at(end) };
        let busy = Busy::from([(
            id(1),
            vec![
                busy("2027-03-01T08:15:00Z", "2027-03-01T08:45:00Z"),
                busy("2027-03-01T09:30:00Z", "2027-03-01T10:00:00Z"),
            ],
        )]);
        let free: Vec<_> = offered.into_iter().filter(|slot| is_free(slot, &busy)).collect();
        assert_eq!(seen(&free), expected(&[(1, "2027-03-01T09:00:00Z")]));
    }

    #[test]
    fn practitioners_everywhere_are_merged_earliest_first() {
        let mut everywhere = berlin(&[2, 1]);
        everywhere.push(schedule(3, "Europe/London"));
        let mut offers = standard(everywhere, None);
        let offered = offers.next(5);
        let first = [
            (1, "2027-03-01T08:00:00Z"),
            (2, "2027-03-01T08:00:00Z"),
            (1, "2027-03-01T08:30:00Z"),
            (2, "2027-03-01T08:30:00Z"),
            (1, "2027-03-01T09:00:00Z"),
            (2, "2027-03-01T09:00:00Z"),
            (3, "2027-03-01T09:00:00Z"),
        ];
        assert_eq!(seen(&offered[..7]), expected(&first));
        let rest = offers.next(usize::MAX);
        assert_eq!(offered.len() + rest.len(), 24);
        assert!(offers.next(1).is_empty(), "the time is over");
    }

    #[test]
    fn goes_on_behind_the_last_slot_of_a_page() {
        let all = standard(berlin(&[1, 2]), None).next(usize::MAX);
        for last in [0, 3, 6, 14] {
            let after = all[last].position();
            let rest = standard(berlin(&[1, 2]), Some(after)).next(usize::MAX);
            assert_eq!(seen(&rest), seen(&all[last + 1..]));
        }
    }

    fn video(specialty: Option<&str>) -> Wanted {
        let rules = VisitRules::new(VisitNumbers {
            duration_minutes: 60,
            buffer_before_minutes: 15,
            buffer_after_minutes: 0,
            alignment_minutes: 60,
            minimum_notice_minutes: 9 * 60,
            horizon_days: 1,
        });
        Wanted {
            visit: VisitType { id: Some(id(7)), modality: Modality::Video, rules: rules.unwrap() },
            specialty: specialty.map(str::to_owned),
        }
    }

    #[test]
    fn visit_types_have_their_own_notice_and_horizon_and_are_offered_by_some() {
        let search = |specialty| {
            let (wanted, time) = ([video(specialty)], (at(FROM), at(TO)));
            let places = Places::default();
            Offers::new(berlin(&[1]), &wanted, None, places, at(FROM), time, None).next(99)
        };
        let offered = search(Some("gp"));
        assert_eq!(seen(&offered), expected(&[(1, "2027-03-01T09:00:00Z")]));
        assert_eq!(offered[0].occupied.start.to_string(), "2027-03-01T08:45:00Z");
        assert_eq!((offered[0].service_id, offered[0].location_id), (Some(id(7)), None));
        assert!(search(Some("cardiology")).is_empty());
    }

    #[test]
    fn a_place_is_wanted_or_not_in_use_and_video_is_nowhere() {
        let search = |wanted: &[u128], inactive: &[u128]| {
            let places = Places {
                wanted: wanted.iter().map(|place| id(*place)).collect(),
                inactive: inactive.iter().map(|place| id(*place)).collect(),
            };
            let time = (at(FROM), at(TO));
            let types = [video(None)];
            Offers::new(berlin(&[1, 2]), &types, Some(9), places, at(FROM), time, None)
                .next(99)
                .len()
        };
        assert_eq!(search(&[], &[]), 18);
        assert_eq!(search(&[1], &[]), 8);
        assert_eq!(search(&[1, 2], &[2]), 8);
        assert_eq!(search(&[], &[1]), 10, "video needs no place");
    }
}
