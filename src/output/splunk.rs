//! Splunk's HTTP event collector: the NDJSON lines as events, one object after another.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Format, Style, ndjson};
use crate::report::Report;

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "splunk",
    endings: &["hec.json", "hec.ndjson"],
    about: "events for Splunk's HTTP event collector, each under its default of 10,000 bytes",
    write,
};

/// Writes an event a line.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let host = report.host.name.as_ref().or(report.host.id.as_ref());
    ndjson::each(report, &mut |line, time| {
        let event: Value = serde_json::from_str(line)?;
        // Seconds with milliseconds; a number of this size keeps them.
        #[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
        let seconds = time.as_millisecond() as f64 / 1000.0;
        let kind = event["type"].as_str().unwrap_or_default().replace('.', ":");
        let finding = &event["finding"];
        let fields = json!({
            "severity": finding["score"]["severity"],
            "tool": finding["tool"],
            "rule": finding["rule"],
            "finding_id": finding["id"],
        });
        put_event(
            json!({
                "time": seconds,
                "host": host.map_or("unknown", String::as_str),
                "source": "nhi-scan",
                "sourcetype": format!("nhi:scan:{}", kind.trim_start_matches("scan:")),
                "fields": if finding.is_null() { Value::Null } else { fields },
                "event": event,
            }),
            out,
        )
    })
}

/// The envelope without what it does not know; the event keeps its nulls.
fn put_event(mut envelope: Value, out: &mut dyn Write) -> io::Result<()> {
    let event = envelope["event"].take();
    let mut envelope = super::json::without_nulls(envelope);
    envelope["event"] = event;
    let text = envelope.to_string();
    out.write_all(super::json::visible(&text).as_bytes())?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn events_are_short_and_typed() {
        let mut report = testdata::report();
        report.findings[0].scope.reach = vec!["x".repeat(100); 1000];
        let mut out = Vec::new();
        write(&report, &Style::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.len() < 10_000));
        let types: Vec<String> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["sourcetype"].as_str().unwrap().into()
            })
            .collect();
        assert_eq!(types[0], "nhi:scan:start");
        assert_eq!(types[1], "nhi:scan:finding");
        assert_eq!(types.last().unwrap(), "nhi:scan:end");
    }
}
