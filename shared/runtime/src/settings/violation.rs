//! Values of the right type that still make no sense.

/// What a section's check found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// The value of `key` is not what is `expected`: the rest of a sentence.
    Value { key: &'static str, expected: String },
    /// One of two keys that go together is missing.
    Incomplete { set: &'static str, missing: &'static str },
}

impl Violation {
    pub fn value(key: &'static str, expected: impl Into<String>) -> Self {
        Self::Value { key, expected: expected.into() }
    }
}

/// Fails on the first key whose value lies outside `range`.
pub(super) fn within(
    range: std::ops::RangeInclusive<u64>,
    values: &[(&'static str, u64)],
) -> Result<(), Violation> {
    values.iter().find(|(_, value)| !range.contains(value)).map_or(Ok(()), |(key, _)| {
        let (least, most) = (range.start(), range.end());
        Err(Violation::value(key, format!("must be between {least} and {most}")))
    })
}

/// Fails when one of the two keys is set without the other.
pub(super) fn both_or_neither(
    (first, first_is_set): (&'static str, bool),
    (second, second_is_set): (&'static str, bool),
) -> Result<(), Violation> {
    match (first_is_set, second_is_set) {
        (true, false) => Err(Violation::Incomplete { set: first, missing: second }),
        (false, true) => Err(Violation::Incomplete { set: second, missing: first }),
        _ => Ok(()),
    }
}
