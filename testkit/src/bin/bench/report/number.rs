//! Numbers for people: three or more digits, and no more than they need.

/// `12,345`, `12.3`, `1.23`.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => with_separators(value.round() as i64),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn with_separators(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_whole_and_small_ones_are_not() {
        for (value, text) in [
            (1_234_567.8, "1,234,568"),
            (12_345.0, "12,345"),
            (-1_000.0, "-1,000"),
            (123.4, "123"),
            (12.34, "12.3"),
            (0.567, "0.57"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
