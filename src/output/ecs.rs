//! Elastic Common Schema 9: a document a line, with its own fields below `nhi`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::put_line;
use super::text::instant;
use super::{Format, Style, control, ndjson};
use crate::report::{Finding, Report, Skipped};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "ecs",
    endings: &["ecs.json", "ecs.ndjson"],
    about: "Elastic Common Schema 9 documents, a line each, for Elasticsearch and OpenSearch",
    write,
};

const VERSION: &str = "9.0.0";

/// Writes a document a finding, a document a skipped place, and one of the scan.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        put_line(document(report, of_finding(finding, report)?), out)?;
    }
    for skip in &report.coverage.skipped {
        put_line(document(report, of_skip(skip)), out)?;
    }
    put_line(document(report, of_scan(report)), out)
}

/// What every document says, then its own.
fn document(report: &Report, own: Value) -> Value {
    let host = &report.host;
    let mut document = json!({
        "@timestamp": instant(report.scan.finished_at),
        "ecs": {"version": VERSION},
        "observer": {"vendor": "nhi-scan", "product": report.tool.name, "version": report.tool.version},
        "host": {
            "id": host.id,
            "name": host.name,
            "architecture": host.arch,
            "os": {"type": host.os},
        },
    });
    if let (Value::Object(all), Value::Object(own)) = (&mut document, own) {
        all.extend(own);
    }
    document
}

fn of_finding(finding: &Finding, report: &Report) -> io::Result<Value> {
    let is_alert = finding.counts() && !finding.issues.is_empty();
    let mut own = ndjson::finding(finding, report)?;
    let location = &finding.location;
    let (parents, name) = location.path.rsplit_once(['/', '\\']).unwrap_or(("", &location.path));
    let is_file = !location.path.starts_with("env:");
    let (techniques, parts): (Vec<&str>, Vec<&str>) =
        control::of(&finding.controls, "attack").partition(|id| !id.contains('.'));
    let names =
        |ids: &[&str]| ids.iter().filter_map(|id| control::technique(id)).collect::<Vec<_>>();
    Ok(json!({
        "message": finding.title,
        "event": {
            "kind": if is_alert { "alert" } else { "state" },
            "category": ["configuration"],
            "type": ["info"],
            "module": "nhi_scan",
            "dataset": "nhi_scan.finding",
            "id": finding.id,
            "risk_score": finding.score.total,
            "severity": finding.score.total,
            "provider": finding.tool,
        },
        "rule": {"id": finding.rule, "name": finding.rule, "description": finding.title, "category": finding.category},
        "file": is_file.then(|| json!({
            "path": location.path,
            "directory": parents,
            "name": name,
            "mode": finding.custody.mode,
            "owner": finding.custody.owner,
        })),
        "user": {"name": finding.identity.account},
        "threat": (!techniques.is_empty() || !parts.is_empty()).then(|| json!({
            "framework": "MITRE ATT&CK",
            "technique": {
                "id": techniques,
                "name": names(&techniques),
                "subtechnique": {"id": parts, "name": names(&parts)},
            },
        })),
        "tags": finding.issues,
        "nhi": {
            "scan_id": report.scan.id,
            "truncated": own["truncated"].take(),
            "finding": own["finding"].take(),
        },
    }))
}

fn of_skip(skip: &Skipped) -> Value {
    json!({
        "message": "A place was not looked into.",
        "event": {
            "kind": "event",
            "category": ["file"],
            "type": ["info"],
            "outcome": "failure",
            "reason": skip.reason,
            "module": "nhi_scan",
            "dataset": "nhi_scan.skip",
        },
        "file": {"path": skip.path},
        "nhi": {"skip": {"reason": skip.reason, "count": skip.count}},
    })
}

fn of_scan(report: &Report) -> Value {
    let coverage = &report.coverage;
    json!({
        "message": "A scan for credentials ended.",
        "event": {
            "kind": "metric",
            "category": ["configuration"],
            "type": ["info", "end"],
            "outcome": if coverage.complete { "success" } else { "unknown" },
            "module": "nhi_scan",
            "dataset": "nhi_scan.scan",
            "id": report.scan.id,
            "start": instant(report.scan.started_at),
            "end": instant(report.scan.finished_at),
            "duration": coverage.duration_ms.saturating_mul(1_000_000),
        },
        "nhi": {
            "scan": report.scan,
            "rules": report.tool.rules,
            "summary": report.summary,
            "coverage": {
                "complete": coverage.complete,
                "directories": coverage.directories,
                "files_seen": coverage.files_seen,
                "files_read": coverage.files_read,
                "bytes_read": coverage.bytes_read,
                "skipped": coverage.skipped.len(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn every_document_names_schema_time_and_host() {
        let report = testdata::report();
        let mut out = Vec::new();
        write(&report, &Style::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), report.findings.len() + report.coverage.skipped.len() + 1);
        for line in text.lines() {
            let document: Value = serde_json::from_str(line).unwrap();
            assert_eq!(document["@timestamp"], "2026-11-23T08:00:00.212Z");
            assert_eq!(document["ecs"]["version"], VERSION);
            assert_eq!(document["host"]["name"], "thinkpad");
            assert!(document["event"]["dataset"].as_str().unwrap().starts_with("nhi_scan."));
        }
    }
}
