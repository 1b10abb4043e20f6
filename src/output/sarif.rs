//! SARIF 2.1.0 for code scanning, editors and vulnerability managers, within GitHub's limits.
//!
//! No snippet and no content of a file is in it. A result's line hash comes from place and identity, never from the secret: it
//! stays when a token is rotated, and GitHub need not read the file to make one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::control::{self, FRAMEWORKS};
use super::fold::digits;
use super::json::put_document;
use super::text::{count, cut_bytes, instant, safe, word};
use super::{Format, Style, phrase, uri};
use crate::report::{Finding, Report, Severity, SkipReason, Skipped};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "sarif",
    endings: &["sarif", "sarif.json"],
    about: "SARIF 2.1.0 for code scanning and editors, within GitHub's limits",
    write,
};

/// Most results of a run that GitHub takes.
const RESULTS: usize = 25_000;

/// Most other places of a result, and most skipped places; GitHub takes 1,000 locations and shows 100.
const PLACES: usize = 100;
const SKIPS: usize = 1_000;

/// Longest description of a rule, in bytes; GitHub takes 1,024 characters.
const DESCRIPTION: usize = 1_000;

/// Most tags of a rule that GitHub shows.
const TAGS: usize = 10;

/// Writes the log.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let findings = &report.findings[..report.findings.len().min(RESULTS)];
    let rules = Rules::new(findings);
    let taxonomies = Taxonomies::new(findings);
    let since = report.baseline.as_ref().map(|diff| diff.states());
    let results = findings.iter().map(|finding| {
        let mut result = result(finding, &rules, report, style);
        if let Some(since) = &since {
            // What nothing is said of is as it was.
            let state = since.get(finding.id.as_str()).copied().unwrap_or("unchanged");
            result["baselineState"] = state.into();
        }
        result
    });
    let results: Vec<Value> = results.collect();
    let scan = &report.scan;
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": report.tool.name,
                    "semanticVersion": report.tool.version,
                    "rules": rules.describe(&taxonomies),
                    "notifications": notifications(),
                    "supportedTaxonomies": taxonomies.references(),
                },
                "extensions": [{
                    "name": "nhi-scan-rules",
                    "version": format!("sha256-{}", report.tool.rules.sha256),
                    "properties": {"rules": report.tool.rules.count},
                }],
            },
            "automationDetails": {"id": format!("nhi-scan/{}/{}", word(&scan.mode), scan.id)},
            "invocations": [{
                "executionSuccessful": !is_interrupted(report),
                "startTimeUtc": instant(scan.started_at),
                "endTimeUtc": instant(scan.finished_at),
                "toolExecutionNotifications": told(report, findings.len()),
            }],
            "originalUriBaseIds": roots(report),
            "columnKind": "unicodeCodePoints",
            "redactionTokens": ["[REDACTED]"],
            "taxonomies": taxonomies.describe(),
            "results": results,
            "properties": {"complete": report.coverage.complete, "hostId": report.host.id},
        }],
    });
    put_document(document, out)
}

fn is_interrupted(report: &Report) -> bool {
    report.coverage.skipped.iter().any(|skip| skip.reason == SkipReason::Interrupted)
}

/// Names of the roots that relative places are below.
fn root_name(at: usize) -> String {
    if at == 0 { "ROOT".into() } else { format!("ROOT{}", at + 1) }
}

fn roots(report: &Report) -> Value {
    let names = report.scan.roots.iter().enumerate().map(|(at, root)| {
        let about = format!("A root of the scan: {}", safe(root, true));
        (root_name(at), json!({"uri": uri::folder(root, report), "description": {"text": about}}))
    });
    Value::Object(names.collect())
}

fn artifact(place: &uri::Place) -> Value {
    json!({"uri": place.uri, "uriBaseId": place.root.map(root_name)})
}

/// The rules of a report's findings: what SARIF calls so is told with every run.
struct Rules<'r>(BTreeMap<String, Vec<&'r Finding>>);

impl<'r> Rules<'r> {
    fn new(findings: &'r [Finding]) -> Self {
        let mut rules: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for finding in findings {
            rules.entry(rule_id(finding)).or_default().push(finding);
        }
        Self(rules)
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.0.keys().position(|known| known == id)
    }

    fn describe(&self, taxonomies: &Taxonomies<'_>) -> Vec<Value> {
        self.0.iter().map(|(id, findings)| rule(id, findings, taxonomies)).collect()
    }
}

/// A slash would make a hierarchy of it.
fn rule_id(finding: &Finding) -> String {
    safe(&finding.rule, true).replace('/', ".")
}

fn rule(id: &str, findings: &[&Finding], taxonomies: &Taxonomies<'_>) -> Value {
    // Reports begin with the riskiest; GitHub knows one severity a rule.
    let worst = findings[0];
    let title = cut_bytes(&sentence(&safe(&worst.title, true)), DESCRIPTION);
    let tool = safe(&worst.tool, true);
    let mut controls: Vec<&String> = findings.iter().flat_map(|it| &it.controls).collect();
    controls.sort_unstable();
    controls.dedup();
    let cwe = controls.iter().filter_map(|it| it.strip_prefix("cwe:CWE-"));
    let owasp = controls.iter().filter_map(|it| it.strip_prefix("owasp-nhi:"));
    let tags = ["security".to_owned()]
        .into_iter()
        .chain(owasp.map(str::to_owned))
        .chain(cwe.map(|id| format!("external/cwe/cwe-{id}")));
    let (text, markdown) = help(worst, &title);
    json!({
        "id": id,
        "name": pascal(id) + "Credential",
        "shortDescription": {"text": sentence(&cut_bytes(&format!("{tool} keeps credentials"), 200))},
        "fullDescription": {"text": title},
        "help": {"text": text, "markdown": markdown},
        "helpUri": worst.end.revoke.as_deref().filter(|link| is_link(link)),
        "defaultConfiguration": {"level": level(worst)},
        "properties": {
            "tags": tags.take(TAGS).collect::<Vec<_>>(),
            "precision": match worst.confidence {
                crate::grant::Confidence::High => "very-high",
                crate::grant::Confidence::Medium => "medium",
                crate::grant::Confidence::Low => "low",
            },
            "security-severity": security_severity(worst.score.total),
        },
        "relationships": controls
            .iter()
            .filter_map(|control| taxonomies.target(control))
            .map(|target| json!({"target": target, "kinds": ["relevant"]}))
            .collect::<Vec<_>>(),
    })
}

fn is_link(text: &str) -> bool {
    let plain =
        |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '`' | '\\' | '{' | '}');
    text.starts_with("https://") && text.chars().all(plain)
}

fn help(finding: &Finding, title: &str) -> (String, String) {
    let end = &finding.end;
    let ways = [
        ("Revoke", &end.revoke),
        ("Log out", &end.logout),
        ("Verify", &end.verify),
        ("Better", &end.better),
    ];
    let mut text = title.to_owned();
    let mut markdown = title.to_owned();
    for (name, way) in ways {
        let Some(way) = way else { continue };
        // The page is the rule's, its values one finding's.
        let way = cut_bytes(&safe(way, true), DESCRIPTION);
        text.extend(["\n", name, ": ", &way]);
        markdown.extend(["\n\n**", name, ":** `", &way.replace('`', "'"), "`"]);
    }
    (text, markdown)
}

/// `gh-cli` as `GhCli`.
fn pascal(id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("Rule{name}") }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

const fn level(finding: &Finding) -> &'static str {
    match finding.score.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The score on GitHub's scale, so that its band is ours: critical over 9, high from 7, medium from 4, low from 0.1.
fn security_severity(total: u8) -> String {
    let (low, high, from, to) = match total {
        80.. => (80, 100, 91, 100),
        60.. => (60, 79, 70, 89),
        35.. => (35, 59, 40, 69),
        10.. => (10, 34, 1, 39),
        _ => return "0.0".into(),
    };
    let tenths = from + (u16::from(total.min(high)) - low) * (to - from) / (u16::from(high) - low);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Frameworks of which a control is touched, each with the controls touched.
struct Taxonomies<'r>(Vec<(&'static control::Framework, Vec<&'r str>)>);

impl<'r> Taxonomies<'r> {
    fn new(findings: &'r [Finding]) -> Self {
        let touched = |framework: &'static control::Framework| {
            let ids = findings.iter().flat_map(|it| control::of(&it.controls, framework.id));
            let mut ids: Vec<_> = ids.collect();
            ids.sort_unstable();
            ids.dedup();
            (framework, ids)
        };
        Self(FRAMEWORKS.iter().map(touched).filter(|(_, ids)| !ids.is_empty()).collect())
    }

    fn describe(&self) -> Vec<Value> {
        let taxonomy = |(framework, ids): &(&control::Framework, Vec<&str>)| {
            let about = format!("{} {}", framework.name, framework.edition);
            json!({
                "name": framework.id,
                "version": framework.edition,
                "shortDescription": {"text": sentence(&about)},
                "isComprehensive": false,
                "taxa": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>(),
            })
        };
        self.0.iter().map(taxonomy).collect()
    }

    fn references(&self) -> Vec<Value> {
        let names = self.0.iter().enumerate();
        names.map(|(at, (framework, _))| json!({"name": framework.id, "index": at})).collect()
    }

    fn target(&self, control: &str) -> Option<Value> {
        let (framework, id) = control::split(control)?;
        let at = self.0.iter().position(|(known, _)| known.id == framework.id)?;
        let index = self.0[at].1.iter().position(|known| *known == id)?;
        let component = json!({"name": framework.id, "index": at});
        Some(json!({"id": id, "index": index, "toolComponent": component}))
    }
}

fn result(finding: &Finding, rules: &Rules<'_>, report: &Report, style: &Style) -> Value {
    let rule = rule_id(finding);
    let hash = digits(&finding.id);
    let fingerprints = finding.credentials.iter().filter_map(|one| one.fingerprint.as_ref());
    let exception = finding.exception.as_ref().map(|exception| {
        let until = format!("{} (until {})", safe(&exception.reason, true), exception.expires);
        json!([{
            "kind": "external",
            "status": "accepted",
            "justification": until,
            "properties": {
                "owner": exception.owner,
                "ticket": exception.ticket,
                "expires": exception.expires,
            },
        }])
    });
    let ignored = finding.ignored.as_ref().map(|clause| {
        let why = format!("by policy, {}", safe(clause, true));
        json!([{"kind": "external", "status": "accepted", "justification": why}])
    });
    // What has no issue is inventory.
    let is_issue = !finding.issues.is_empty();
    json!({
        "ruleIndex": rules.index(&rule),
        "ruleId": rule,
        "kind": if is_issue { "fail" } else { "informational" },
        "level": if is_issue { level(finding) } else { "none" },
        "message": {"text": message(finding, report, style)},
        "locations": [location(finding, report)],
        "relatedLocations": related(finding, report),
        "rank": finding.score.total,
        "partialFingerprints": {
            "primaryLocationLineHash": format!("{}:1", hash.get(..16).unwrap_or(hash)),
            "nhiFinding/v1": finding.id,
        },
        "suppressions": exception.or(ignored),
        "properties": {
            "severity": finding.score.severity,
            "issues": finding.issues,
            "controls": finding.controls,
            "fingerprints": fingerprints.collect::<Vec<_>>(),
            "storage": finding.custody.storage,
            "lifetime": finding.lifetime.state,
            "ageDays": finding.lifetime.age_days,
            "policy": (!finding.policy.is_empty()).then_some(&finding.policy),
        },
    })
}

/// Tool, identity, grant; lifetime; custody.
fn message(finding: &Finding, report: &Report, style: &Style) -> String {
    let identity = phrase::identity(finding);
    let lifetime = phrase::lifetime(&finding.lifetime, report.scan.started_at, style);
    let text = format!(
        "{}: {}, {}; {}; {}",
        finding.tool,
        identity.first().map_or("?", String::as_str),
        phrase::grant(finding, false).join(", "),
        lifetime.first().map_or("no stated end", String::as_str),
        phrase::custody(finding, 1 + finding.also_in.len()).join(", ")
    );
    sentence(&cut_bytes(&safe(&text, true), DESCRIPTION))
}

fn location(finding: &Finding, report: &Report) -> Value {
    let line = finding.location.line.unwrap_or(1).max(1);
    let key = finding.location.key.as_deref();
    json!({
        "physicalLocation": {
            "artifactLocation": artifact(&uri::place(&finding.location, report)),
            "region": {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 1},
        },
        "logicalLocations": key
            .map(|key| json!([{"fullyQualifiedName": cut_bytes(&safe(key, true), 500), "kind": "member"}])),
    })
}

/// The other places of the same secret.
fn related(finding: &Finding, report: &Report) -> Option<Value> {
    if finding.also_in.is_empty() {
        return None;
    }
    let others = report.findings.iter().filter(|other| finding.also_in.contains(&other.id));
    let places: Vec<Value> = others
        .take(PLACES)
        .enumerate()
        .map(|(at, other)| {
            let mut place = location(other, report);
            place["id"] = (at + 1).into();
            place["message"] = json!({"text": "The same credential."});
            place
        })
        .collect();
    (!places.is_empty()).then_some(Value::Array(places))
}

/// The kinds of notification, by the reasons for which a place is skipped.
fn notifications() -> Vec<Value> {
    let kind = |id: String, about: String| {
        let text = json!({"text": sentence(&about)});
        let name = pascal(&id) + "Notice";
        let help = json!({"text": text["text"], "markdown": text["text"]});
        json!({
            "id": id,
            "name": name,
            "shortDescription": text,
            "fullDescription": text,
            "help": help,
        })
    };
    let skips = REASONS.iter().map(|reason| {
        let about = format!("Not looked into: {}", phrase::skip(*reason));
        kind(format!("skip-{}", word(reason)), about)
    });
    let cut = kind("cut".into(), "Left out of this file to keep it within limits".into());
    skips.chain([cut]).collect()
}

use SkipReason as R;

const REASONS: &[SkipReason] = &[
    R::Excluded,
    R::PermissionDenied,
    R::TccDenied,
    R::TooLarge,
    R::NetworkMount,
    R::OtherFilesystem,
    R::CloudPlaceholder,
    R::Symlink,
    R::SpecialFile,
    R::Vanished,
    R::IoError,
    R::Malformed,
    R::Unrecognised,
    R::UnsupportedEncryption,
    R::TimeBudget,
    R::DepthLimit,
    R::LayerMissing,
    R::Interrupted,
    R::Internal,
];

fn told(report: &Report, results: usize) -> Vec<Value> {
    let skipped = &report.coverage.skipped;
    let mut told: Vec<Value> =
        skipped.iter().take(SKIPS).map(|skip| notification(skip, report)).collect();
    for (left, what) in [
        (report.findings.len() - results, "finding"),
        (skipped.len().saturating_sub(SKIPS), "skipped place"),
    ] {
        if left > 0 {
            let text =
                format!("{} left out of this file; the JSON report has all.", count(left, what));
            told.push(json!({
                "descriptor": {"id": "cut", "index": REASONS.len()},
                "level": "warning",
                "message": {"text": text},
            }));
        }
    }
    told
}

fn notification(skip: &Skipped, report: &Report) -> Value {
    let index = REASONS.iter().position(|known| *known == skip.reason);
    let times =
        if skip.count > 1 { format!(" ({})", count(skip.count, "place")) } else { String::new() };
    json!({
        "descriptor": {"id": format!("skip-{}", word(&skip.reason)), "index": index},
        "level": if skip.reason == SkipReason::Excluded { "note" } else { "warning" },
        "message": {"text": sentence(&format!("Not looked into: {}{times}", phrase::skip(skip.reason)))},
        "locations": [{
            "physicalLocation": {"artifactLocation": artifact(&uri::of(skip.path.as_bytes(), report))},
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    fn log(report: &Report) -> Value {
        let mut out = Vec::new();
        write(report, &Style::default(), &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn bands_stay_bands() {
        for (total, severity) in [
            (0, "0.0"),
            (9, "0.0"),
            (10, "0.1"),
            (34, "3.9"),
            (35, "4.0"),
            (59, "6.9"),
            (60, "7.0"),
            (79, "8.9"),
            (80, "9.1"),
            (100, "10.0"),
        ] {
            assert_eq!(security_severity(total), severity, "{total}");
        }
    }

    #[test]
    fn indices_point_at_what_they_name() {
        let log = log(&testdata::report());
        let run = &log["runs"][0];
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
        for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
            for relation in rule["relationships"].as_array().unwrap() {
                let target = &relation["target"];
                let at = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
                let taxonomy = &run["taxonomies"][at(&target["toolComponent"]["index"])];
                assert_eq!(taxonomy["taxa"][at(&target["index"])]["id"], target["id"]);
            }
        }
        for told in run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap() {
            let index = usize::try_from(told["descriptor"]["index"].as_u64().unwrap()).unwrap();
            let known = &run["tool"]["driver"]["notifications"][index];
            assert_eq!(known["id"], told["descriptor"]["id"]);
        }
    }

    #[test]
    fn too_many_results_are_cut_with_a_note() {
        let mut report = testdata::report();
        let one = report.findings[1].clone();
        report.findings = vec![one; RESULTS + 5];
        let log = log(&report);
        assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), RESULTS);
        assert!(log.to_string().contains("5 findings left out of this file"));
    }
}
