//! in-toto statements for policy engines, bare: who signs them wraps them.
//!
//! A statement is about something with a digest. Here that is the JSON report of the scan; the predicate says what was scanned.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::{digest, put_document};
use super::text::{instant, safe, word};
use super::{Format, Style};
use crate::report::{Finding, Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "in-toto",
    endings: &["intoto.json"],
    about: "in-toto statement with a token inventory as its predicate: counts, coverage, digests",
    write: |report, _, out| put(report, INVENTORY, &inventory(report), out),
};

/// The registry entry of the standard predicate.
pub const FORMAT_TEST_RESULT: Format = Format {
    name: "in-toto-test-result",
    endings: &["test-result.intoto.json"],
    about: "in-toto statement with the standard test-result predicate, judged by --fail-on (high if not given)",
    write: |report, style, out| put(report, TEST_RESULT, &test_result(report, style), out),
};

/// A name, not a place: nothing is to be fetched from it.
const INVENTORY: &str = "urn:nhi-scan:attestation:token-inventory:v1";
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

fn put(report: &Report, kind: &str, predicate: &Value, out: &mut dyn Write) -> io::Result<()> {
    let document = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "nhi-scan-report.json", "digest": {"sha256": digest(report)?}}],
        "predicateType": kind,
        "predicate": predicate,
    });
    put_document(document, out)
}

fn inventory(report: &Report) -> Value {
    let coverage = &report.coverage;
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for skip in &coverage.skipped {
        *skipped.entry(word(&skip.reason)).or_default() += skip.count;
    }
    let roots = report.scan.roots.iter().map(|root| safe(root, true));
    json!({
        "scanner": {"uri": "urn:nhi-scan", "version": report.tool.version},
        "rulePack": {
            "uri": "urn:nhi-scan:rules",
            "digest": {"sha256": report.tool.rules.sha256},
            "count": report.tool.rules.count,
        },
        "metadata": {
            "scanStartedOn": instant(report.scan.started_at),
            "scanFinishedOn": instant(report.scan.finished_at),
            "scanId": report.scan.id,
            "hostId": report.host.id,
        },
        "scanned": {"mode": report.scan.mode, "roots": roots.collect::<Vec<_>>()},
        "coverage": {
            "complete": coverage.complete,
            "directories": coverage.directories,
            "filesSeen": coverage.files_seen,
            "filesRead": coverage.files_read,
            "skipped": skipped,
        },
        "sandbox": report.scan.sandbox,
        "counts": {
            "findings": report.summary.findings,
            "grants": report.summary.grants,
            "accepted": report.summary.accepted,
            "ignored": report.summary.ignored,
            "bySeverity": report.summary.by_severity,
        },
    })
}

fn test_result(report: &Report, style: &Style) -> Value {
    let limit = style.fail_on.unwrap_or(Severity::High);
    let open = || report.findings.iter().filter(|it| it.counts());
    let mut bands = Bands { failed: Vec::new(), warned: Vec::new(), passed: Vec::new() };
    for severity in Severity::ALL {
        let is_of = |it: &&Finding| it.score.severity == severity;
        let name = format!("no-{}-findings", severity.as_str());
        match open().filter(is_of).count() {
            0 => bands.passed.push(name),
            _ if severity >= limit => bands.failed.push(name),
            _ => bands.warned.push(name),
        }
    }
    let complete = "scan-complete".to_owned();
    if report.coverage.complete { &mut bands.passed } else { &mut bands.warned }.push(complete);
    let result = match () {
        () if !bands.failed.is_empty() => "FAILED",
        () if !bands.warned.is_empty() => "WARNED",
        () => "PASSED",
    };
    json!({
        "result": result,
        "configuration": [{
            "name": "nhi-scan-rules",
            "digest": {"sha256": report.tool.rules.sha256},
            "annotations": {"failOn": limit, "scanner": report.tool.version},
        }],
        "passedTests": bands.passed,
        "warnedTests": bands.warned,
        "failedTests": bands.failed,
    })
}

struct Bands {
    failed: Vec<String>,
    warned: Vec<String>,
    passed: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn verdicts() {
        for (report, fail_on, result) in [
            (testdata::report(), None, "FAILED"),
            (testdata::empty(), Some(Severity::Info), "PASSED"),
            (testdata::empty_and_incomplete(), None, "WARNED"),
        ] {
            let style = Style { fail_on, ..Style::default() };
            assert_eq!(test_result(&report, &style)["result"], result);
        }
    }
}
