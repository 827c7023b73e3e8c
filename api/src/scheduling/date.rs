//! A date of a doctor's that differs from its day of the week.

use contracts::commands::ExceptionEntry;
use contracts::{Conflicts, SetException};
use domain::{ExceptionKind, Exceptions, HealthcareServiceId, LocationId, PractitionerId};
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConflictsDocument, wall_time};
use crate::extract::text;
use crate::problem::{Problem, ProblemType};

/// In what a date differs from its day of the week, to replace what was said of it before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DateForm {
    /// 1 to 20 of them.
    entries: Vec<EntryDocument>,
}

/// A date that differs from its day of the week.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DateDocument {
    /// By the doctor's wall clock.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// In what it differs; in nothing when there are none.
    pub entries: Vec<EntryDocument>,
}

/// A date, and what doesn't fit into it any more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedDateDocument {
    /// The date.
    #[serde(flatten)]
    pub date: DateDocument,
    /// Booked visits of that date that don't fit any more. They stay booked.
    pub conflicts: ConflictsDocument,
}

/// Closed, or open as well, from `start` to `end`. What is open as well is open even if all of the
/// date is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryDocument {
    /// `closed`: the week's hours don't count then. `open`: in addition to them.
    #[schema(value_type = String, example = "closed")]
    kind: ExceptionKind,
    /// By the wall clock; the beginning of the day when it isn't said.
    #[schema(value_type = Option<String>, example = "09:00")]
    #[serde(
        default = "Time::midnight",
        serialize_with = "wall_time::start",
        deserialize_with = "text::time"
    )]
    start: Time,
    /// By the wall clock; the end of the day, `24:00`, when it isn't said.
    #[schema(value_type = Option<String>, example = "12:00")]
    #[serde(
        default = "Time::midnight",
        serialize_with = "wall_time::end",
        deserialize_with = "wall_time::read_end"
    )]
    end: Time,
    /// Where the doctor is then, while open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    location_id: Option<LocationId>,
    /// The visit types that can be booked then, while open; none named: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    service_ids: Vec<HealthcareServiceId>,
}

impl DateForm {
    /// The command to make it so, and what it makes.
    pub fn command(
        self,
        practitioner_id: PractitionerId,
        date: Date,
    ) -> Result<(SetException, Exceptions), Problem> {
        let entries = self.entries.into_iter().map(|entry| ExceptionEntry {
            kind: entry.kind,
            start: entry.start,
            end: entry.end,
            location_id: entry.location_id,
            service_ids: entry.service_ids,
        });
        let command = SetException { practitioner_id, date, entries: entries.collect() };
        let refusal =
            |error: String| Problem::new(ProblemType::InvalidAvailability).with_detail(error);
        match command.exceptions() {
            Ok(Some(exceptions)) => Ok((command, exceptions)),
            Ok(None) => Err(refusal("expected 1 to 20 entries; DELETE takes all away".to_owned())),
            Err(error) => Err(refusal(error.to_string())),
        }
    }
}

impl DateDocument {
    /// That date.
    pub fn new(date: Date, exceptions: Option<&Exceptions>) -> Self {
        let entries = exceptions.map_or(&[][..], Exceptions::entries);
        let entries = entries.iter().map(|entry| EntryDocument {
            kind: entry.kind,
            start: entry.hours.start,
            end: entry.hours.end,
            location_id: entry.hours.location_id,
            service_ids: entry.hours.service_ids.clone(),
        });
        Self { date, entries: entries.collect() }
    }

    /// With the visits that don't fit into it.
    pub fn changed(self, conflicts: &Conflicts) -> ChangedDateDocument {
        ChangedDateDocument { date: self, conflicts: conflicts.into() }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn command(entries: serde_json::Value) -> Result<DateDocument, String> {
        let form = serde_json::from_value::<DateForm>(json!({ "entries": entries }));
        let form = form.map_err(|error| error.to_string())?;
        let day = date(2027, 3, 1);
        let made = form.command(PractitionerId::generate(), day);
        let (_, exceptions) = made.map_err(|problem| format!("{:?}", problem.kind()))?;
        Ok(DateDocument::new(day, Some(&exceptions)))
    }

    #[test]
    fn a_date_that_is_closed_needs_no_times() {
        let closed = command(json!([{ "kind": "closed" }])).unwrap();
        let expected = json!({
            "date": "2027-03-01",
            "entries": [{ "kind": "closed", "start": "00:00", "end": "24:00" }],
        });
        assert_eq!(serde_json::to_value(&closed).unwrap(), expected);
    }

    #[test]
    fn entries_that_make_no_sense_are_refused() {
        assert!(command(json!([])).is_err());
        assert!(command(json!([{ "kind": "half" }])).is_err());
        let backwards = json!([{ "kind": "open", "start": "12:00", "end": "09:00" }]);
        assert!(command(backwards).is_err());
    }
}
