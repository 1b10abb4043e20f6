//! `JUnit` XML for any CI: a suite a tool, a case a finding.
//!
//! A finding at or above `--fail-on` (high where that is not given) is a failure, an accepted one and a place that was not looked
//! into are skipped, all others pass. The rules that found nothing are one case that passes, so that no file reads "0 tests".

use std::collections::BTreeMap;
use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::fold::ShortIds;
use super::text::{count, cut_bytes, instant, safe, word};
use super::{Format, Style, phrase};
use crate::report::{Finding, Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "junit",
    endings: &["xml", "junit.xml"],
    about: "JUnit XML for any CI; a finding at or above --fail-on (high if not given) is a failure",
    write,
};

/// Longest message, in bytes.
const LONGEST: usize = 2_000;

/// Most cases; GitLab shows no more.
const CASES: usize = 100_000;

/// What became of a case.
enum Outcome {
    Passed,
    Failed { kind: String, message: String, details: String },
    Skipped(String),
}

struct Case {
    class: String,
    name: String,
    file: Option<String>,
    line: Option<u64>,
    outcome: Outcome,
}

/// Writes the suites.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    let ids = ShortIds::new(report);
    let limit = style.fail_on.unwrap_or(Severity::High);
    for finding in report.findings.iter().take(CASES) {
        let case = case(finding, ids.get(&finding.id), limit, report, style);
        suites.entry(visible(&finding.tool)).or_default().push(case);
    }
    let mut all: Vec<(String, Vec<Case>)> = suites.into_iter().collect();
    all.push(("rules".into(), vec![clean(report)]));
    let skipped = &report.coverage.skipped;
    if !skipped.is_empty() || report.findings.len() > CASES {
        all.push(("coverage".into(), coverage(report)));
    }
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let total = |wanted| all.iter().map(|(_, cases)| of(cases, wanted)).sum::<usize>().to_string();
    xml.create_element("testsuites")
        .with_attribute(("name", "nhi-scan"))
        .with_attribute(("tests", total("tests").as_str()))
        .with_attribute(("failures", total("failures").as_str()))
        .with_attribute(("errors", "0"))
        .with_attribute(("skipped", total("skipped").as_str()))
        .write_inner_content(|xml| {
            all.iter().try_for_each(|(name, cases)| suite(name, cases, report, xml))
        })?;
    xml.into_inner().write_all(b"\n")
}

fn of(cases: &[Case], wanted: &str) -> usize {
    let counts = |case: &&Case| match case.outcome {
        Outcome::Passed => wanted == "tests",
        Outcome::Failed { .. } => matches!(wanted, "tests" | "failures"),
        Outcome::Skipped(_) => matches!(wanted, "tests" | "skipped"),
    };
    cases.iter().filter(counts).count()
}

fn suite(
    name: &str,
    cases: &[Case],
    report: &Report,
    xml: &mut Writer<&mut dyn Write>,
) -> io::Result<()> {
    let milliseconds = report.coverage.duration_ms;
    let time = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    xml.create_element("testsuite")
        .with_attribute(("name", format!("nhi-scan: {name}").as_str()))
        .with_attribute(("timestamp", instant(report.scan.started_at).as_str()))
        .with_attribute(("tests", of(cases, "tests").to_string().as_str()))
        .with_attribute(("failures", of(cases, "failures").to_string().as_str()))
        .with_attribute(("errors", "0"))
        .with_attribute(("skipped", of(cases, "skipped").to_string().as_str()))
        .with_attribute(("time", time.as_str()))
        .write_inner_content(|xml| cases.iter().try_for_each(|case| put(case, xml)))?;
    Ok(())
}

fn put(case: &Case, xml: &mut Writer<&mut dyn Write>) -> io::Result<()> {
    let line = case.line.map(|line| line.to_string());
    let mut element = xml
        .create_element("testcase")
        .with_attribute(("classname", case.class.as_str()))
        .with_attribute(("name", case.name.as_str()))
        .with_attribute(("time", "0"));
    if let Some(file) = &case.file {
        element = element.with_attribute(("file", file.as_str()));
    }
    if let Some(line) = &line {
        element = element.with_attribute(("line", line.as_str()));
    }
    match &case.outcome {
        Outcome::Passed => element.write_empty()?,
        Outcome::Skipped(why) => element.write_inner_content(|xml| {
            xml.create_element("skipped")
                .with_attribute(("message", why.as_str()))
                .write_empty()?;
            Ok(())
        })?,
        Outcome::Failed { kind, message, details } => element.write_inner_content(|xml| {
            xml.create_element("failure")
                .with_attribute(("type", kind.as_str()))
                .with_attribute(("message", message.as_str()))
                .write_text_content(BytesText::new(details))?;
            Ok(())
        })?,
    };
    Ok(())
}

fn case(finding: &Finding, id: &str, limit: Severity, report: &Report, style: &Style) -> Case {
    let outcome = match (&finding.exception, &finding.ignored) {
        (Some(exception), _) => Outcome::Skipped(visible(&format!(
            "exception until {}: {} ({})",
            exception.expires, exception.reason, exception.owner
        ))),
        (None, Some(clause)) => Outcome::Skipped(visible(&format!("by policy, {clause}"))),
        (None, None) if finding.score.severity >= limit => Outcome::Failed {
            kind: visible(finding.issues.first().map_or("finding", String::as_str)),
            message: visible(&message(finding, report, style)),
            details: details(finding),
        },
        (None, None) => Outcome::Passed,
    };
    let location = &finding.location;
    let key = location.key.as_deref().map(|key| format!(" {key}")).unwrap_or_default();
    Case {
        class: visible(&format!("nhi.{}", finding.rule)),
        name: visible(&format!("{}: {}{key} [{id}]", finding.rule, location.path)),
        file: (!location.path.starts_with("env:")).then(|| visible(&location.path)),
        line: location.line,
        outcome,
    }
}

fn message(finding: &Finding, report: &Report, style: &Style) -> String {
    let identity = phrase::identity(finding);
    let lifetime = phrase::lifetime(&finding.lifetime, report.scan.started_at, style);
    format!(
        "{} {}: {}; {}; {}",
        finding.score.total,
        finding.score.severity.as_str(),
        identity.first().map_or("?", String::as_str),
        lifetime.first().map_or("no stated end", String::as_str),
        phrase::custody(finding, 1 + finding.also_in.len()).join(", ")
    )
}

fn details(finding: &Finding) -> String {
    let mut lines = vec![finding.title.clone(), format!("id {}", finding.id)];
    for factor in &finding.score.factors {
        for reason in &factor.reasons {
            lines.push(format!("{:+} {}: {}", reason.points, factor.factor, reason.text));
        }
    }
    lines.extend(
        finding
            .score
            .what_if
            .iter()
            .map(|fix| format!("{} would make it {}", fix.change, fix.total)),
    );
    lines.extend(phrase::breaches(finding).into_iter().map(|it| format!("policy {it}")));
    let end = &finding.end;
    for (name, way) in [("revoke", &end.revoke), ("log out", &end.logout), ("verify", &end.verify)]
    {
        lines.extend(way.as_ref().map(|way| format!("{name}: {way}")));
    }
    lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n")
}

fn clean(report: &Report) -> Case {
    let mut found: Vec<&str> =
        report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    found.sort_unstable();
    found.dedup();
    let clean = report.tool.rules.count.saturating_sub(found.len());
    Case {
        class: "nhi.rules".into(),
        name: format!("{} found nothing", count(clean, "rule")),
        file: None,
        line: None,
        outcome: Outcome::Passed,
    }
}

fn coverage(report: &Report) -> Vec<Case> {
    let skipped = &report.coverage.skipped;
    let case = |name: String, why: String| Case {
        class: "nhi.coverage".into(),
        name: visible(&name),
        file: None,
        line: None,
        outcome: Outcome::Skipped(why),
    };
    let mut cases: Vec<Case> = skipped
        .iter()
        .take(CASES)
        .map(|skip| {
            case(format!("{}: {}", word(&skip.reason), skip.path), phrase::skip(skip.reason).into())
        })
        .collect();
    for (all, what) in [(report.findings.len(), "finding"), (skipped.len(), "skipped place")] {
        let left = all.saturating_sub(CASES);
        if left > 0 {
            cases.push(case(
                count(left, what),
                "left out of this file; the JSON report has all".into(),
            ));
        }
    }
    cases
}

/// The text, short, and visible: of what XML has no characters for, nothing is.
fn visible(text: &str) -> String {
    cut_bytes(&safe(text, true), LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::testdata;

    fn xml(report: &Report, style: &Style) -> String {
        let mut out = Vec::new();
        write(report, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_fails_is_what_was_asked_for() {
        let report = testdata::report();
        for (limit, failures) in
            [(None, 5), (Some(Severity::Critical), 1), (Some(Severity::Info), 13)]
        {
            let text = xml(&report, &Style { fail_on: limit, ..Style::default() });
            assert_eq!(text.matches("<failure ").count(), failures, "{limit:?}");
        }
    }

    #[test]
    fn no_report_has_no_tests() {
        for report in testdata::reports() {
            assert!(xml(&report, &Style::default()).contains("<testcase "));
        }
    }

    proptest! {
        #[test]
        fn text_is_of_xml(text in any::<String>()) {
            let is_xml = |c: char| matches!(c, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            prop_assert!(visible(&text).chars().all(is_xml));
        }
    }
}
