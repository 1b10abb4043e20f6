//! Times as tools write them: one parser decides, whatever the file's habit.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::Value;

/// 1990-01-01T00:00:00Z in seconds: no credential is older, so a smaller number is a duration or a flag.
const EARLIEST: i64 = 631_152_000;

/// 2200-01-01T00:00:00Z in seconds: beyond lie sentinels for "never", such as the year 9999.
const LATEST: i64 = 7_258_118_400;

/// The moment that `value` names: epoch seconds, milliseconds or microseconds (number or text), RFC 3339, RFC 2822, `... UTC`,
/// or a naive date and time, taken as UTC. None for anything else, and for moments outside the years 1990 to 2199.
pub(crate) fn timestamp(value: &Value) -> Option<Timestamp> {
    let moment = match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => epoch(whole),
            None => number.as_f64().and_then(epoch_float),
        },
        Value::String(text) => written(text.trim()),
        _ => None,
    }?;
    (EARLIEST..LATEST).contains(&moment.as_second()).then_some(moment)
}

/// The units' sensible ranges do not overlap, so the size of the number tells the unit.
fn epoch(number: i64) -> Option<Timestamp> {
    let moment = if number < LATEST {
        Timestamp::from_second(number)
    } else if number < LATEST * 1000 {
        Timestamp::from_millisecond(number)
    } else {
        Timestamp::from_microsecond(number)
    };
    moment.ok()
}

fn epoch_float(number: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_precision_loss, reason = "the bound is far below 2^53")]
    let seconds = number < LATEST as f64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates; what is absurd is dropped by the range"
    )]
    if seconds {
        Timestamp::from_microsecond((number * 1e6).round() as i64).ok()
    } else {
        epoch(number as i64)
    }
}

fn written(text: &str) -> Option<Timestamp> {
    // The longest sensible form is far shorter; a parser need not see a megabyte.
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text
            .parse()
            .ok()
            .and_then(epoch)
            .or_else(|| text.parse().ok().and_then(epoch_float));
    }
    text.parse()
        .ok()
        .or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
        .or_else(|| naive(text))
}

/// Date and time without `Z`: `UTC` or `GMT` behind it, Go's ` +0000 UTC`, or nothing.
fn naive(text: &str) -> Option<Timestamp> {
    let bare =
        text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim_end();
    if let Some((clock, offset)) = bare.rsplit_once(' ')
        && offset.starts_with(['+', '-'])
    {
        return format!("{clock}{offset}").parse().ok();
    }
    let civil: DateTime = bare.parse().ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_habit_names_the_same_moment() {
        for value in [
            json!(1_795_433_128),
            json!(1_795_433_128_000_i64),
            json!(1_795_433_128_000_000_i64),
            json!(1_795_433_128.0),
            json!(1_795_433_128_000.0),
            json!("1795433128"),
            json!(" 1795433128 "),
            json!("1795433128.0"),
            json!("1795433128000"),
            json!("2026-11-23T11:25:28Z"),
            json!("2026-11-23T11:25:28+00:00"),
            json!("2026-11-23T12:25:28+01:00"),
            json!("2026-11-23T12:25:28+0100"),
            json!("2026-11-23t11:25:28z"),
            json!("2026-11-23 11:25:28Z"),
            json!("2026-11-23 11:25:28 UTC"),
            json!("2026-11-23T11:25:28UTC"),
            json!("2026-11-23 11:25:28 +0000 UTC"),
            json!("2026-11-23 12:25:28 +0100"),
            json!("2026-11-23 11:25:28"),
            json!("2026-11-23T11:25:28"),
            json!("2026-11-23T11:25:28.000"),
            json!("Mon, 23 Nov 2026 11:25:28 GMT"),
            json!("Mon, 23 Nov 2026 12:25:28 +0100"),
            json!("23 Nov 2026 11:25:28 -0000"),
        ] {
            assert_eq!(
                timestamp(&value).map(|t| t.to_string()).as_deref(),
                Some("2026-11-23T11:25:28Z"),
                "{value}"
            );
        }
    }

    #[test]
    fn fractions_are_kept() {
        for (value, expected) in [
            (json!("2026-11-23T11:37:04.881086185Z"), "2026-11-23T11:37:04.881086185Z"),
            (json!("2026-11-23 11:37:04.5"), "2026-11-23T11:37:04.5Z"),
            (json!("2026-11-23 11:37:04.5 +0000 UTC"), "2026-11-23T11:37:04.5Z"),
            (json!(1_795_433_128_330_i64), "2026-11-23T11:25:28.33Z"),
            (json!(1_795_433_128.25), "2026-11-23T11:25:28.25Z"),
            (json!("2026-11-23"), "2026-11-23T00:00:00Z"),
        ] {
            assert_eq!(
                timestamp(&value).map(|t| t.to_string()).as_deref(),
                Some(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn what_names_no_moment_is_none() {
        for value in [
            json!(null),
            json!(true),
            json!([]),
            json!(0),
            json!(-1),
            json!(3600),
            json!("0"),
            json!(""),
            json!("never"),
            json!("no expiry"),
            json!("365d"),
            json!("1.2.3"),
            json!("."),
            json!("9999-12-31T23:59:59Z"),
            json!("0001-01-01T00:00:00Z"),
            json!("2200-01-01T00:00:00Z"),
            json!("1989-12-31T23:59:59Z"),
            json!(253_402_300_799_i64),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
            json!("99999999999999999999999999"),
            json!("2026-13-45T99:99:99Z"),
            json!("x".repeat(100_000)),
            json!("é".repeat(20)),
        ] {
            assert_eq!(timestamp(&value), None, "{value}");
        }
    }
}
