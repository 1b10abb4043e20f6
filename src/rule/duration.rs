//! Durations as rules and policies write them: `90s`, `15m`, `12h`, `365d`.

/// Seconds in `text`; none where it is no whole number of one unit, or more than fits.
pub fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| digits)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_and_one_unit() {
        for (text, expected) in [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("12h", Some(43_200)),
            ("365d", Some(31_536_000)),
            ("0d", Some(0)),
            ("d", None),
            ("", None),
            ("1w", None),
            ("-1d", None),
            ("+1d", None),
            ("1.5h", None),
            ("1 d", None),
            ("12é", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
