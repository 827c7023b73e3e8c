//! A value of the right type that still makes no sense.

/// Which key, and what is expected of it: the end of a sentence that starts with the key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub key: &'static str,
    pub expected: String,
}

impl Violation {
    pub fn new(key: &'static str, expected: impl Into<String>) -> Self {
        Self { key, expected: expected.into() }
    }
}

/// Fails on the first key whose value lies outside `range`.
pub(super) fn within(
    range: std::ops::RangeInclusive<u64>,
    values: &[(&'static str, u64)],
) -> Result<(), Violation> {
    let outside = values.iter().find(|(_, value)| !range.contains(value));
    outside.map_or(Ok(()), |(key, _)| {
        Err(Violation::new(
            key,
            format!("must be between {} and {}", range.start(), range.end()),
        ))
    })
}
