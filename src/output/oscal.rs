//! OSCAL assessment results: NIST SP 800-53 controls, the observations against them, and the risks that were accepted.
//!
//! All UUIDs but that of the document come from host and finding, so that the results of two runs compare.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::put_document;
use super::text::{count, cut_bytes, instant, safe, word};
use super::uuid::uuid;
use super::{Format, Style, control, json, phrase};
use crate::report::{Finding, Report};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "oscal",
    endings: &["oscal.json"],
    about: "OSCAL 1.2 assessment results against NIST SP 800-53, for governance tools",
    write,
};

const VERSION: &str = "1.2.1";

/// Most findings, riskiest first; readers hold a document in memory.
const FINDINGS: usize = 5_000;

/// Longest text, in bytes.
const LONGEST: usize = 2_000;

/// Controls that every scan looks at, found wanting or not.
const REVIEWED: &[&str] = &["ac-2", "ac-6", "cm-8", "ia-4", "ia-5", "ia-5.7"];

/// Writes the document.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let names =
        Names { host: report.host.id.as_deref().or(report.host.name.as_deref()).unwrap_or("") };
    let findings = &report.findings[..report.findings.len().min(FINDINGS)];
    let touched = touched(findings);
    let mut reviewed: Vec<&str> =
        REVIEWED.iter().copied().chain(touched.keys().map(String::as_str)).collect();
    reviewed.sort_unstable();
    reviewed.dedup();
    let host = safe(report.host.name.as_deref().unwrap_or("unknown host"), true);
    let observations = findings.iter().map(|it| observation(it, &names, report, style));
    let observations: Vec<Value> = observations.chain(coverage(report, &names)).collect();
    let risks = findings.iter().filter(|it| !it.issues.is_empty());
    let risks: Vec<Value> = risks.map(|it| risk(it, &names)).collect();
    let unmet: Vec<Value> = touched.iter().map(|(id, of)| unmet(id, of, &names)).collect();
    let left = report.findings.len() - findings.len();
    let note = if left > 0 {
        format!(" {} left out; the JSON report has all.", count(left, "finding"))
    } else {
        String::new()
    };
    let document = json!({"assessment-results": {
        "uuid": uuid(&["oscal", &report.scan.id]),
        "metadata": {
            "title": "Credentials that command-line tools keep",
            "last-modified": instant(report.scan.finished_at),
            "version": report.scan.id,
            "oscal-version": VERSION,
        },
        "import-ap": {"href": format!("#{}", names.of("plan", ""))},
        "results": [{
            "uuid": uuid(&["oscal-result", &report.scan.id]),
            "title": format!("Scan of {host}"),
            "description": format!(
                "{} in {}; {}.{note}",
                count(report.summary.grants, "grant"),
                count(report.summary.findings, "place"),
                if report.coverage.complete { "complete" } else { "incomplete" }
            ),
            "start": instant(report.scan.started_at),
            "end": instant(report.scan.finished_at),
            "local-definitions": {"inventory-items": [{
                "uuid": names.of("host", ""),
                "description": format!("{host} ({} {})", report.host.os, report.host.arch),
            }]},
            "reviewed-controls": {"control-selections": [{
                "include-controls": reviewed.iter().map(|id| json!({"control-id": id})).collect::<Vec<_>>(),
            }]},
            "observations": some(observations),
            "risks": some(risks),
            "findings": some(unmet),
        }],
        "back-matter": {"resources": [
            {
                "uuid": names.of("plan", ""),
                "title": "Scan plan",
                "description": format!(
                    "nhi-scan {}, {} rules (sha256:{}), mode {}, roots: {}",
                    report.tool.version,
                    report.tool.rules.count,
                    report.tool.rules.sha256,
                    word(&report.scan.mode),
                    shown(&report.scan.roots.join(", "))
                ),
            },
            {
                "uuid": uuid(&["oscal-report", &report.scan.id]),
                "title": "JSON report of the scan",
                "description": format!("SHA-256 {}", json::digest(report)?),
            },
        ]},
    }});
    put_document(document, out)
}

/// Lists that stand must not be empty.
fn some(list: Vec<Value>) -> Option<Vec<Value>> {
    (!list.is_empty()).then_some(list)
}

fn shown(text: &str) -> String {
    let text = cut_bytes(&safe(text, true), LONGEST);
    if text.trim().is_empty() { "-".into() } else { text.trim().to_owned() }
}

/// UUIDs of what lies on one host.
struct Names<'r> {
    host: &'r str,
}

impl Names<'_> {
    fn of(&self, what: &str, id: &str) -> String {
        uuid(&["oscal", what, self.host, id])
    }
}

/// `IA-5(7)` as OSCAL has it: `ia-5.7`.
fn control_id(id: &str) -> String {
    id.to_ascii_lowercase().replace('(', ".").replace(')', "")
}

fn touched(findings: &[Finding]) -> BTreeMap<String, Vec<&Finding>> {
    let mut touched: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        for id in control::of(&finding.controls, "nist-800-53") {
            touched.entry(control_id(id)).or_default().push(finding);
        }
    }
    touched
}

fn observation(finding: &Finding, names: &Names<'_>, report: &Report, style: &Style) -> Value {
    let identity = phrase::identity(finding);
    let who = identity.first().map_or("?", String::as_str);
    let lifetime = phrase::lifetime(&finding.lifetime, report.scan.started_at, style);
    let about = format!(
        "{} {}; {}; {}; at {}.",
        finding.title,
        phrase::grant(finding, false).join(", "),
        lifetime.first().map_or("no stated end", String::as_str),
        phrase::custody(finding, 1 + finding.also_in.len()).join(", "),
        finding.location.path
    );
    json!({
        "uuid": names.of("observation", &finding.id),
        "title": shown(&format!("{}: {who}", finding.tool)),
        "description": shown(&about),
        "props": [
            {"name": "finding-id", "ns": NS, "value": finding.id},
            {"name": "score", "ns": NS, "value": finding.score.total.to_string()},
            {"name": "severity", "ns": NS, "value": finding.score.severity.as_str()},
        ],
        "methods": ["TEST"],
        "types": ["finding"],
        "subjects": [{"subject-uuid": names.of("host", ""), "type": "inventory-item"}],
        "relevant-evidence": [{
            "href": format!("#{}", uuid(&["oscal-report", &report.scan.id])),
            "description": format!("Finding {}.", finding.id),
        }],
        "collected": instant(report.scan.started_at),
    })
}

/// The namespace of our properties: a name, not a place.
const NS: &str = "urn:nhi-scan:oscal";

fn coverage(report: &Report, names: &Names<'_>) -> Option<Value> {
    let skipped = &report.coverage.skipped;
    if skipped.is_empty() {
        return None;
    }
    let places: Vec<String> =
        skipped.iter().map(|skip| format!("{} ({})", skip.path, word(&skip.reason))).collect();
    Some(json!({
        "uuid": names.of("coverage", &report.scan.id),
        "title": "Places that were not looked into",
        "description": shown(&format!("{}: {}", count(skipped.len(), "place"), places.join(", "))),
        "methods": ["TEST"],
        "types": ["ssp-statement-issue"],
        "subjects": [{"subject-uuid": names.of("host", ""), "type": "inventory-item"}],
        "collected": instant(report.scan.finished_at),
    }))
}

fn risk(finding: &Finding, names: &Names<'_>) -> Value {
    let identity = phrase::identity(finding);
    let who = identity.first().map_or("?", String::as_str);
    let reasons = finding.score.factors.iter().flat_map(|factor| &factor.reasons);
    let reasons: Vec<String> =
        reasons.map(|reason| format!("{:+} {}", reason.points, reason.text)).collect();
    let accepted = finding.exception.as_ref().map(|it| {
        json!([
            {"name": "accepted-because", "ns": NS, "value": shown(&it.reason)},
            {"name": "accepted-by", "ns": NS, "value": shown(&it.owner)},
        ])
    });
    json!({
        "uuid": names.of("risk", &finding.id),
        "title": shown(&format!("{}: {who}", finding.tool)),
        "description": shown(&finding.issues.join(", ")),
        "props": accepted,
        "statement": shown(&format!("Score {}: {}", finding.score.total, reasons.join(", "))),
        "status": if finding.counts() { "open" } else { "deviation-approved" },
        "deadline": finding.exception.as_ref().map(|it| instant(it.expires)),
        "related-observations": [{"observation-uuid": names.of("observation", &finding.id)}],
    })
}

fn unmet(id: &str, findings: &[&Finding], names: &Names<'_>) -> Value {
    let accepted = findings.iter().all(|it| !it.counts());
    let reason = accepted.then_some("pass-with-exception");
    json!({
        "uuid": names.of("control", id),
        "title": format!("{}: {}", id.to_ascii_uppercase(), count(findings.len(), "finding")),
        "description": format!("{} speak against {id}.", count(findings.len(), "finding")),
        "target": {
            "type": "objective-id",
            "target-id": format!("{id}_obj"),
            "status": {"state": "not-satisfied", "reason": reason},
        },
        "related-observations": findings
            .iter()
            .map(|it| json!({"observation-uuid": names.of("observation", &it.id)}))
            .collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_catalogue() {
        for (id, oscal) in [("IA-5", "ia-5"), ("IA-5(7)", "ia-5.7"), ("SC-28(1)", "sc-28.1")] {
            assert_eq!(control_id(id), oscal);
        }
    }
}
