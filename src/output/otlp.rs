//! OpenTelemetry logs as OTLP/JSON, one export request a line, as the collector's `otlpjsonfile` receiver reads them.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::json::put_line;
use super::{Format, Style, ndjson};
use crate::report::Report;

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "otlp",
    endings: &["otlp.json", "otlp.jsonl", "otlp.ndjson"],
    about: "OpenTelemetry logs (OTLP/JSON lines) for the collector's otlpjsonfile receiver",
    write,
};

/// Writes a request a line.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let resource = resource(report);
    ndjson::each(report, &mut |line, time| {
        let event: Value = serde_json::from_str(line)?;
        put_line(
            json!({"resourceLogs": [{
                "resource": {"attributes": resource},
                "scopeLogs": [{
                    "scope": {"name": report.tool.name, "version": report.tool.version},
                    "logRecords": [record(event, time)],
                }],
            }]}),
            out,
        )
    })
}

fn resource(report: &Report) -> Vec<Value> {
    let os = match report.host.os.as_str() {
        "macos" => "darwin",
        os => os,
    };
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    let attributes = [
        ("service.name", text(Some(&report.tool.name))),
        ("service.version", text(Some(&report.tool.version))),
        ("host.id", text(report.host.id.as_deref())),
        ("host.name", text(report.host.name.as_deref())),
        ("host.arch", text(Some(&report.host.arch))),
        ("os.type", text(Some(os))),
    ];
    attributes.into_iter().filter_map(|(name, value)| attribute(name, value)).collect()
}

fn record(event: Value, time: Timestamp) -> Value {
    let severity = event.pointer("/finding/score/severity").and_then(Value::as_str);
    let (number, text) = match (severity, event["type"].as_str()) {
        (Some("critical"), _) => (21, "FATAL"),
        (Some("high"), _) => (17, "ERROR"),
        (Some("medium"), _) | (None, Some("skip")) => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let name = event["type"].as_str().unwrap_or_default().to_owned();
    let body = event.pointer("/finding/title").cloned().unwrap_or_else(|| name.clone().into());
    let nanoseconds = time.as_nanosecond().to_string();
    let mut attributes = Vec::new();
    flatten("nhi", event, &mut attributes);
    json!({
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("nhi_scan.{}", name.trim_start_matches("scan.")),
        "body": value(body),
        "attributes": attributes,
    })
}

/// Members as attributes named by their path; lists stay lists.
fn flatten(path: &str, event: Value, attributes: &mut Vec<Value>) {
    match event {
        Value::Object(members) => {
            for (name, member) in members {
                flatten(&format!("{path}.{name}"), member, attributes);
            }
        }
        plain => attributes.extend(attribute(path, plain)),
    }
}

fn attribute(name: &str, plain: Value) -> Option<Value> {
    Some(json!({"key": name, "value": value(plain)?}))
}

fn value(plain: Value) -> Option<Value> {
    Some(match plain {
        Value::Null => return None,
        Value::Bool(it) => json!({"boolValue": it}),
        // 64-bit integers are text in the JSON of protocol buffers.
        Value::Number(it) => json!({"intValue": it.to_string()}),
        Value::String(it) => json!({"stringValue": it}),
        Value::Array(items) => {
            json!({"arrayValue": {"values": items.into_iter().filter_map(value).collect::<Vec<_>>()}})
        }
        Value::Object(members) => json!({"kvlistValue": {"values": pairs(members)}}),
    })
}

fn pairs(members: Map<String, Value>) -> Vec<Value> {
    members.into_iter().filter_map(|(name, member)| attribute(&name, member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn every_line_is_a_request_with_one_record() {
        let report = testdata::report();
        let mut out = Vec::new();
        write(&report, &Style::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2 + report.findings.len() + report.coverage.skipped.len());
        let record = &lines[1]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["severityNumber"], 21);
        assert_eq!(record["eventName"], "nhi_scan.finding");
        let total = record["attributes"].as_array().unwrap().iter();
        let total: Vec<_> = total.filter(|it| it["key"] == "nhi.finding.score.total").collect();
        assert_eq!(total[0]["value"]["intValue"], "91");
    }
}
