//! OCSF 1.8: a Data Security Finding (2006) a finding, a Compliance Finding (2003) a control touched, and a Scan Activity (6007).
//!
//! One event a line. What OCSF has no name for is below `unmapped.nhi`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::put_line;
use super::text::{safe, word};
use super::{Format, Style, control, ndjson, phrase};
use crate::grant::Confidence;
use crate::report::{Finding, Report, Severity, SkipReason};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "ocsf",
    endings: &["ocsf.json", "ocsf.jsonl", "ocsf.ndjson"],
    about: "OCSF 1.8 events, a line each: findings (2006), controls (2003) and the scan (6007), for security lakes",
    write,
};

const VERSION: &str = "1.8.0";

/// Most findings that a control names, and most skipped places that the scan names.
const RESOURCES: usize = 50;
const SKIPS: usize = 100;

/// Writes an event a line.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        put_line(data_security(finding, report)?, out)?;
    }
    for (control, findings) in controls(report) {
        if let Some(event) = compliance(control, &findings, report) {
            put_line(event, out)?;
        }
    }
    put_line(scan(report), out)
}

/// An event of a class, with what every event says.
fn event(report: &Report, class: u32, activity: u32, uid: &str, own: Value) -> Value {
    let mut event = json!({
        "class_uid": class,
        "category_uid": class / 1000,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "time": milliseconds(report.scan.finished_at),
        "metadata": {
            "version": VERSION,
            "profiles": ["host"],
            "product": {
                "name": report.tool.name,
                "vendor_name": report.tool.name,
                "version": report.tool.version,
            },
            "uid": uid,
            "correlation_uid": report.scan.id,
        },
        "device": device(report),
    });
    if let (Value::Object(all), Value::Object(own)) = (&mut event, own) {
        all.extend(own);
    }
    event
}

fn milliseconds(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn device(report: &Report) -> Value {
    let host = &report.host;
    let os = match host.os.as_str() {
        "windows" => 100,
        "linux" => 200,
        "macos" => 300,
        _ => 99,
    };
    json!({
        "type_id": 0,
        "uid": host.id,
        // One of the two must be there.
        "hostname": host.name.as_deref().or(host.id.is_none().then_some("unknown")),
        "os": {"name": host.os, "type_id": os},
    })
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn data_security(finding: &Finding, report: &Report) -> io::Result<Value> {
    let mut own = ndjson::finding(finding, report)?;
    let attacks: Vec<Value> = control::of(&finding.controls, "attack")
        .map(|id| json!({"technique": {"uid": id, "name": control::technique(id)}}))
        .collect();
    let location = &finding.location;
    let name = location.path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty());
    let is_file = !location.path.starts_with("env:");
    Ok(event(
        report,
        2006,
        1,
        &format!("{}:{}", report.scan.id, finding.id),
        json!({
            "severity_id": severity(finding.score.severity),
            // New, or suppressed by an exception or the policy.
            "status_id": if finding.counts() { 1 } else { 3 },
            "message": phrase::identity(finding).first(),
            "finding_info": {
                "uid": finding.id,
                "title": finding.title,
                "types": finding.issues,
                "created_time": finding.lifetime.issued_at.map(milliseconds),
                "last_seen_time": milliseconds(report.scan.started_at),
                "analytic": {"uid": finding.rule, "name": finding.rule, "type_id": 1},
                "attacks": (!attacks.is_empty()).then_some(attacks),
            },
            "file": is_file.then(|| json!({
                "name": name.unwrap_or("?"),
                "path": location.path,
                "type_id": 1,
                "owner": finding.custody.owner.as_ref().map(|name| json!({"name": name})),
            })),
            "resources": [{
                "uid": finding.id,
                "name": phrase::identity(finding).first(),
                "type": finding.tool,
            }],
            "data_security": {
                "category_id": 6,
                "detection_system_id": 1,
                "data_lifecycle_state_id": 1,
                "detection_pattern": finding.rule,
            },
            "risk_score": finding.score.total,
            "risk_level_id": severity(finding.score.severity) - 1,
            "confidence_id": match finding.confidence {
                Confidence::Low => 1,
                Confidence::Medium => 2,
                Confidence::High => 3,
            },
            "unmapped": {"nhi": {"finding": own["finding"].take(), "truncated": own["truncated"].take()}},
        }),
    ))
}

/// Every control that a finding touches, with those findings.
fn controls(report: &Report) -> BTreeMap<&str, Vec<&Finding>> {
    let mut controls: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        for control in &finding.controls {
            controls.entry(control).or_default().push(finding);
        }
    }
    controls
}

fn compliance(control: &str, findings: &[&Finding], report: &Report) -> Option<Value> {
    let (framework, id) = control::split(control)?;
    let open: Vec<&&Finding> = findings.iter().filter(|it| it.counts()).collect();
    let worst = findings.iter().map(|it| it.score.severity).max()?;
    let (status_id, status) = if open.is_empty() { (2, "Warning") } else { (3, "Fail") };
    let host = report.host.id.as_deref().unwrap_or("unknown");
    let resources = findings.iter().take(RESOURCES);
    Some(event(
        report,
        2003,
        1,
        &format!("{}:{control}", report.scan.id),
        json!({
            "severity_id": severity(worst),
            "finding_info": {
                "uid": format!("{host}:{control}"),
                "title": format!("{} {}: {id}", framework.name, framework.edition),
            },
            "compliance": {
                "standards": [format!("{} {}", framework.name, framework.edition)],
                "control": id,
                "requirements": [id],
                "status_id": status_id,
                "status": status,
            },
            "resources": resources
                .map(|it| json!({"uid": it.id, "name": phrase::identity(it).first(), "type": it.tool}))
                .collect::<Vec<_>>(),
            "unmapped": {"nhi": {
                "findings": findings.len(),
                "accepted": findings.len() - open.len(),
                "left_out": findings.len().saturating_sub(RESOURCES),
            }},
        }),
    ))
}

fn scan(report: &Report) -> Value {
    let (scan, coverage) = (&report.scan, &report.coverage);
    let ended_by = |reason| coverage.skipped.iter().any(|skip| skip.reason == reason);
    let activity = match () {
        () if ended_by(SkipReason::Interrupted) => 3,
        () if ended_by(SkipReason::TimeBudget) => 4,
        () => 2,
    };
    let skipped: u64 = coverage.skipped.iter().map(|skip| skip.count).sum();
    let places = coverage.skipped.iter().take(SKIPS);
    event(
        report,
        6007,
        activity,
        &scan.id,
        json!({
            "severity_id": 1,
            "status_id": if coverage.complete { 1 } else { 99 },
            "status": if coverage.complete { "Complete" } else { "Incomplete" },
            "scan": {"uid": scan.id, "name": format!("nhi-scan {}", word(&scan.mode)), "type_id": 0},
            "start_time": milliseconds(scan.started_at),
            "end_time": milliseconds(scan.finished_at),
            "duration": coverage.duration_ms,
            "num_files": coverage.files_seen,
            "num_folders": coverage.directories,
            "num_detections": report.findings.len(),
            "num_skipped_items": skipped,
            "total": coverage.files_read,
            "policy": {
                "uid": format!("sha256:{}", report.tool.rules.sha256),
                "name": format!("{} rules", report.tool.rules.count),
            },
            "unmapped": {"nhi": {
                "scan": scan,
                "summary": report.summary,
                "complete": coverage.complete,
                "skipped": places
                    .map(|skip| json!({"path": safe(&skip.path, true), "reason": skip.reason, "count": skip.count}))
                    .collect::<Vec<_>>(),
                "skipped_left_out": coverage.skipped.len().saturating_sub(SKIPS),
            }},
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn the_scan_says_how_it_ended() {
        for (report, activity, complete) in [
            (testdata::empty(), 2, true),
            (testdata::empty_and_incomplete(), 2, false),
            (testdata::interrupted(), 3, false),
        ] {
            let event = scan(&report);
            assert_eq!(event["type_uid"], 600_700 + activity);
            assert_eq!(event["unmapped"]["nhi"]["complete"], complete);
        }
    }
}
