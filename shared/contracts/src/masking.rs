//! A body as somebody may see it who may not see patients: its structure and types, and of the
//! values only those that say nothing of a person.
//!
//! What isn't known to be harmless is masked, names of unknown fields included: a body that no
//! worker could read may hold anything anywhere.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Fields of our own bodies.
const FIELDS: [&str; 60] = [
    "accepted_at",
    "active",
    "alignment_minutes",
    "appointment",
    "appointment_id",
    "appointments",
    "availability",
    "buffer_after_minutes",
    "buffer_before_minutes",
    "cancelation_reason",
    "care_relation",
    "care_relation_id",
    "changed",
    "conflicts",
    "correlation_id",
    "count",
    "date",
    "day",
    "duration_minutes",
    "end",
    "entries",
    "every_weeks",
    "exception",
    "expires_at",
    "first",
    "horizon_days",
    "hours",
    "id",
    "idempotency_id",
    "kind",
    "location",
    "location_id",
    "minimum_notice_minutes",
    "modality",
    "name",
    "note",
    "note_id",
    "override_reason",
    "patient_id",
    "practitioner_id",
    "reason",
    "request_id",
    "result",
    "series",
    "series_id",
    "service",
    "service_id",
    "service_ids",
    "since",
    "slot_minutes",
    "specialty",
    "start",
    "status",
    "stream_sequence",
    "text",
    "time_zone",
    "until",
    "version",
    "visits",
    "withdrawal",
];

/// Of those, ids of what is no patient.
const SHOWN_IDS: [&str; 6] =
    ["correlation_id", "location_id", "practitioner_id", "request_id", "service_id", "service_ids"];

/// Of those, small numbers.
const SHOWN_NUMBERS: [&str; 4] = ["count", "every_weeks", "slot_minutes", "version"];

/// The longest number that is shown: short of a birth date or a telephone.
const LARGEST_NUMBER: u64 = 999;

/// Words that may stand in `kind`, `day` and `status`.
const SHOWN_WORDS: [&str; 37] = [
    "book",
    "cancel",
    "withdraw",
    "set-availability",
    "set-exception",
    "set-location",
    "set-service",
    "closed",
    "open",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "proposed",
    "pending",
    "booked",
    "arrived",
    "checked-in",
    "fulfilled",
    "cancelled",
    "noshow",
    "waitlist",
    "hold",
    "confirm",
    "release",
    "reschedule",
    "set-status",
    "undo-status",
    "book-series",
    "cancel-series",
    "add-note",
    "revise-note",
    "assign-care",
    "end-care",
];

/// The body, masked.
pub fn masked(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(value) => mask("", value),
        Err(_) => Value::String(format!("‹no JSON, {} bytes›", body.len())),
    }
}

/// A value of our own, masked.
pub fn masked_value(value: Value) -> Value {
    mask("", value)
}

fn mask(field: &str, value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => tag("boolean"),
        Value::Number(number) => {
            let is_small = number.as_u64().is_some_and(|number| number <= LARGEST_NUMBER);
            if SHOWN_NUMBERS.contains(&field) && is_small {
                Value::Number(number)
            } else {
                tag("number")
            }
        }
        Value::String(text) => mask_text(field, text),
        Value::Array(items) => items.into_iter().map(|item| mask(field, item)).collect(),
        Value::Object(fields) => Value::Object(mask_fields(fields)),
    }
}

fn mask_fields(fields: Map<String, Value>) -> Map<String, Value> {
    let mut masked = Map::new();
    for (name, value) in fields {
        let value = mask(&name, value);
        if FIELDS.contains(&name.as_str()) {
            masked.insert(name, value);
        } else {
            let number = masked.len() + 1;
            masked.insert(format!("‹unknown field {number}›"), value);
        }
    }
    masked
}

fn mask_text(field: &str, text: String) -> Value {
    let is_shown = match field {
        "kind" | "day" | "status" => SHOWN_WORDS.contains(&text.as_str()),
        "time_zone" => jiff::tz::TimeZone::get(&text).is_ok(),
        _ => SHOWN_IDS.contains(&field) && is_id(&text),
    };
    if is_shown {
        return Value::String(text);
    }
    if is_id(&text) {
        tag("id")
    } else if is_time(&text) {
        tag("time")
    } else {
        tag(&format!("text, {} characters", text.chars().count()))
    }
}

fn tag(what: &str) -> Value {
    Value::String(format!("‹{what}›"))
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

fn is_time(text: &str) -> bool {
    text.len() <= 100
        && (text.parse::<Timestamp>().is_ok()
            || text.parse::<DateTime>().is_ok()
            || text.parse::<Date>().is_ok()
            || text.parse::<Time>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_structure_and_types_and_nobody() {
        let practitioner = Uuid::now_v7();
        let body = json!({
            "practitioner_id": practitioner,
            "patient_id": Uuid::now_v7(),
            "start": "2027-03-01T09:00:00-03:00",
            "hours": [{ "day": "mon", "start": "09:00" }],
            "version": 3,
            "time_zone": "Europe/Berlin",
        });
        assert_eq!(
            masked(body.to_string().as_bytes()),
            json!({
                "practitioner_id": practitioner,
                "patient_id": "‹id›",
                "start": "‹time›",
                "hours": [{ "day": "mon", "start": "‹time›" }],
                "version": 3,
                "time_zone": "Europe/Berlin",
            })
        );
    }

    #[test]
    fn a_person_is_not_shown_wherever_they_stand() {
        let body = json!({
            "Ada Lovelace": 1815,
            "practitioner_id": "Ada Lovelace",
            "kind": "Ada Lovelace",
            "time_zone": "Ada/Lovelace",
            "version": 18_151_210,
            "reason": ["Ada Lovelace", { "Ada": "1815-12-10" }, true, null],
        });
        let shown = masked(body.to_string().as_bytes()).to_string();
        assert!(!shown.contains("Ada") && !shown.contains("1815"), "{shown}");
        assert!(shown.contains("‹text, 12 characters›") && shown.contains("‹time›"), "{shown}");
    }

    #[test]
    fn a_note_is_as_long_as_it_is_and_says_nothing() {
        let body = json!({ "note_id": Uuid::now_v7(), "version": 2, "text": "the left knee" });
        let shown = json!({
            "note_id": "‹id›", "version": 2, "text": "‹text, 13 characters›",
        });
        assert_eq!(masked(body.to_string().as_bytes()), shown);
        // Whatever it says, and also where it says what could be shown elsewhere.
        for text in ["mon", "booked", "2027-03-01T09:00:00Z", "Europe/Berlin"] {
            let body = json!({ "text": text, "override_reason": text });
            let shown = masked(body.to_string().as_bytes()).to_string();
            assert!(!shown.contains(text), "{shown}");
        }
    }

    #[test]
    fn every_kind_of_command_can_be_shown() {
        for kind in crate::BookingKind::ALL {
            assert!(SHOWN_WORDS.contains(&kind.as_str()), "{}", kind.as_str());
        }
    }

    #[test]
    fn of_what_is_no_json_only_the_size_is_shown() {
        assert_eq!(masked(b"Ada Lovelace"), json!("‹no JSON, 12 bytes›"));
        assert_eq!(masked(b""), json!("‹no JSON, 0 bytes›"));
    }
}
