//! GitLab's secret detection report, schema 15.2.4: what a merge request and the vulnerability report read.
//!
//! A report that breaks its schema is dropped whole. Its traps: times without a zone, a commit even where there is none, and one
//! vulnerability for all that share file, line and first identifier, so that the first identifier is the finding's own. The
//! source of a finding is never in it.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::put_document;
use super::text::{count, cut_bytes, safe, word};
use super::uuid::uuid;
use super::{Format, Style, control, phrase, uri};
use crate::report::{Finding, Report, Severity, SkipReason};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "gitlab",
    endings: &["gitlab.json", "gl-secret-detection-report.json"],
    about: "GitLab secret detection report (schema 15.2.4), for artifacts:reports:secret_detection",
    write,
};

const SCHEMA: &str = "15.2.4";

/// Most findings, and most notes on places that were not looked into.
const FINDINGS: usize = 20_000;
const NOTES: usize = 200;

/// Longest name and longest description that the schema takes are 255 and 1,048,576 characters.
const NAME: usize = 250;
const TEXT: usize = 4_000;

/// Writes the report.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.findings.iter().take(FINDINGS);
    let by = json!({
        "id": report.tool.name,
        "name": report.tool.name,
        "version": report.tool.version,
        "vendor": {"name": report.tool.name},
    });
    let interrupted =
        report.coverage.skipped.iter().any(|skip| skip.reason == SkipReason::Interrupted);
    let document = json!({
        "version": SCHEMA,
        "schema": format!("https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v{SCHEMA}/dist/secret-detection-report-format.json"),
        "scan": {
            "type": "secret_detection",
            "analyzer": by,
            "scanner": by,
            "start_time": clock(report.scan.started_at),
            "end_time": clock(report.scan.finished_at),
            "status": if interrupted { "failure" } else { "success" },
            "messages": messages(report),
        },
        "vulnerabilities": findings.map(|it| vulnerability(it, report, style)).collect::<Vec<_>>(),
    });
    put_document(document, out)
}

fn clock(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn messages(report: &Report) -> Vec<Value> {
    let skipped = &report.coverage.skipped;
    let note = |skip: &crate::report::Skipped| {
        let level = if skip.reason == SkipReason::Excluded { "info" } else { "warn" };
        let value = format!("not looked into, {}: {}", word(&skip.reason), safe(&skip.path, true));
        json!({"level": level, "value": cut_bytes(&value, TEXT)})
    };
    let mut messages: Vec<Value> = skipped.iter().take(NOTES).map(note).collect();
    for (left, what) in [
        (report.findings.len().saturating_sub(FINDINGS), "finding"),
        (skipped.len().saturating_sub(NOTES), "skipped place"),
    ] {
        if left > 0 {
            let value =
                format!("{} left out of this file; the JSON report has all", count(left, what));
            messages.push(json!({"level": "warn", "value": value}));
        }
    }
    messages
}

fn vulnerability(finding: &Finding, report: &Report, style: &Style) -> Value {
    let it = finding;
    let identity = phrase::identity(it);
    let who = identity.first().map_or("?", String::as_str);
    let lifetime = phrase::lifetime(&it.lifetime, report.scan.started_at, style);
    // A report of GitLab's has no state for it; the text can say so.
    let accepted = phrase::accepted(it).map(|accepted| format!("Accepted {accepted}. "));
    let description = format!(
        "{}{} {}; {}; {}.",
        accepted.unwrap_or_default(),
        it.title,
        phrase::grant(it, false).join(", "),
        lifetime.first().map_or("no stated end", String::as_str),
        phrase::custody(it, 1 + it.also_in.len()).join(", ")
    );
    let ways =
        [("revoke", &it.end.revoke), ("log out", &it.end.logout), ("verify", &it.end.verify)];
    let ways: Vec<String> = ways
        .iter()
        .filter_map(|(name, way)| Some(format!("{name}: {}", (*way).as_deref()?)))
        .collect();
    json!({
        "id": uuid(&["gitlab", &it.id]),
        "name": shown(&format!("{}: {who}", it.tool), NAME),
        "description": shown(&description, TEXT),
        "severity": severity(it.score.severity),
        "solution": (!ways.is_empty()).then(|| shown(&ways.join("; "), TEXT)),
        "identifiers": identifiers(it),
        "location": {
            "file": file(it, report),
            "start_line": it.location.line.unwrap_or(1).max(1),
            "end_line": it.location.line.unwrap_or(1).max(1),
            "commit": {"sha": "0000000"},
        },
    })
}

fn shown(text: &str, limit: usize) -> String {
    cut_bytes(&safe(text, true), limit)
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
    }
}

fn identifiers(finding: &Finding) -> Vec<Value> {
    let rule = shown(&finding.rule, NAME);
    let own = json!({
        "type": "nhi_scan_finding",
        "name": shown(&format!("nhi-scan {rule} {}", finding.id), NAME),
        "value": finding.id,
    });
    let by_rule =
        json!({"type": "nhi_scan_rule", "name": format!("nhi-scan rule {rule}"), "value": rule});
    let weaknesses = control::of(&finding.controls, "cwe").map(|id| {
        let number = id.trim_start_matches("CWE-");
        let url = format!("https://cwe.mitre.org/data/definitions/{number}.html");
        json!({"type": "cwe", "name": id, "value": number, "url": url})
    });
    // The schema ends at 20.
    [own, by_rule].into_iter().chain(weaknesses).take(20).collect()
}

/// Below the root that was scanned, which in a pipeline is the project.
fn file(finding: &Finding, report: &Report) -> String {
    let path = finding.location.path.as_str();
    let rest = uri::below(path.as_bytes(), report).map_or(path.as_bytes(), |(_, rest)| rest);
    shown(&String::from_utf8_lossy(rest), TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn no_two_vulnerabilities_are_one() {
        let mut out = Vec::new();
        write(&testdata::report(), &Style::default(), &mut out).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["scan"]["start_time"], "2026-11-23T08:00:00");
        let all = document["vulnerabilities"].as_array().unwrap();
        let mut first: Vec<&str> =
            all.iter().map(|it| it["identifiers"][0]["value"].as_str().unwrap()).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), all.len());
        assert_eq!(all[0]["location"]["file"], ".azure/msal_token_cache.json");
    }
}
