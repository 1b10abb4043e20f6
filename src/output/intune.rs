//! Output of an Intune Remediations detection script: one line of JSON under 2,048 characters, without anything personal.
//!
//! No names of accounts or paths and no times, so that it changes only when something has changed. Run with `--fail-on`: exit
//! status 1 is "issue found".

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::json::put_line;
use super::tally::Tally;
use super::text::{cut_bytes, safe};
use super::{Format, Style};
use crate::report::{Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "intune",
    endings: &[],
    about: "an Intune Remediations detection result: counts as JSON, under 2,048 characters, nothing personal",
    write,
};

/// Characters that Intune keeps.
const LIMIT: usize = 2_048;

/// Tools named at first; fewer where they do not fit.
const TOOLS: usize = 40;

/// Writes the line.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::new(report);
    let fits = |line: &Value| line.to_string().len() + 1 < LIMIT;
    let lines = (0..=TOOLS).rev().map(|tools| line(&tally, tools));
    let mut lines = lines.skip_while(|line| !fits(line));
    put_line(lines.next().unwrap_or_default(), out)
}

fn line(tally: &Tally, tools: usize) -> Value {
    let name = |tool: &str| cut_bytes(&safe(tool, false), 40);
    let named = tally.by_tool.iter().take(tools);
    let named: Map<String, Value> =
        named.map(|(tool, count)| (name(tool), (*count).into())).collect();
    let mut line = json!({
        "worst": tally.worst,
        "critical": tally.of(Severity::Critical),
        "high": tally.of(Severity::High),
        "medium": tally.of(Severity::Medium),
        "low": tally.of(Severity::Low),
        "info": tally.of(Severity::Info),
        "accepted": tally.accepted,
        "complete": tally.complete,
        "skipped": tally.skipped,
        "rules": tally.rules,
        "tools": named,
    });
    if tally.by_tool.len() > tools {
        line["more_tools"] = (tally.by_tool.len() - tools).into();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn however_many_tools_it_fits() {
        let mut report = testdata::report();
        let one = report.findings[0].clone();
        report.findings = (0..500)
            .map(|n| crate::report::Finding {
                tool: format!("tool {n} \u{1b}{}", "\"".repeat(60)),
                ..one.clone()
            })
            .collect();
        let mut out = Vec::new();
        write(&report, &Style::default(), &mut out).unwrap();
        let line: Value = serde_json::from_slice(&out).unwrap();
        assert!(out.len() < LIMIT, "{}", out.len());
        assert!(line["more_tools"].as_u64().unwrap() > 400);
    }
}
