//! Markdown for job summaries, tickets and chats (GitHub's flavour): verdict, what to do, what was not looked into.
//!
//! Whatever a file wrote stands as code, where it can make no link, mention, row or element.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::fold::{Places, ShortIds, grants};
use super::text::{count, cut_middle, instant, safe, thousands, word};
use super::{Format, Style, changes, phrase};
use crate::report::{Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "markdown",
    endings: &["md", "markdown"],
    about: "a summary for pull requests, tickets and job summaries: what to do first, what was not looked into",
    write,
};

/// Rows of one table. A job summary ends at 1 MiB, a comment much earlier.
const ROWS: usize = 500;

/// Characters of a cell.
const CELL: usize = 160;

/// Writes the summary.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let grants = grants(report);
    let ids = ShortIds::new(report);
    let (accepted, open): (Vec<_>, Vec<_>) = grants.iter().partition(|it| it.is_accepted());
    head(report, out)?;
    for (title, bands) in [
        ("Act now", &[Severity::Critical, Severity::High][..]),
        ("Plan", &[Severity::Medium]),
        ("Fine", &[Severity::Low, Severity::Info]),
    ] {
        let rows: Vec<_> =
            open.iter().filter(|it| bands.contains(&it.lead.score.severity)).copied().collect();
        table(title, &rows, report, &ids, style, out)?;
    }
    table("Accepted", &accepted, report, &ids, style, out)?;
    exceptions(report, out)?;
    if let Some(diff) = &report.baseline {
        writeln!(out, "## Since {}\n", instant(diff.old.started_at))?;
        changes::markdown_table(diff, out)?;
    }
    coverage(report, out)
}

fn head(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let host = report.host.name.as_deref().map(|name| format!(" on {}", code(name)));
    writeln!(out, "# Credentials{}\n", host.unwrap_or_default())?;
    let coverage = &report.coverage;
    let complete = if coverage.complete {
        "complete".to_owned()
    } else {
        let places: u64 = coverage.skipped.iter().map(|skip| skip.count).sum();
        format!("**incomplete: {} not looked into**", count(places, "place"))
    };
    writeln!(
        out,
        "{} in {}, {} read, {complete}. nhi-scan {}, {}, {}.\n",
        count(report.summary.grants, "grant"),
        count(report.summary.findings, "place"),
        count(coverage.files_read, "file"),
        code(&report.tool.version),
        count(report.tool.rules.count, "rule"),
        instant(report.scan.started_at)
    )
}

fn table(
    title: &str,
    grants: &[&Places<'_>],
    report: &Report,
    ids: &ShortIds<'_>,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if grants.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {title} ({})\n", thousands(grants.len() as u64))?;
    writeln!(out, "| risk | tool | identity | grant | lifetime | custody | place | do next |")?;
    writeln!(out, "|---:|---|---|---|---|---|---|---|")?;
    for grant in grants.iter().take(ROWS) {
        let it = grant.lead;
        let next = match (&it.exception, &it.ignored, phrase::best_fix(it)) {
            (Some(exception), ..) => {
                format!("{} until {}", code(&exception.reason), exception.expires)
            }
            (None, Some(clause), _) => code(clause),
            (None, None, Some(fix)) => format!("{} → {}", code(&fix.change), fix.total),
            (None, None, None) => it.end.logout.as_deref().map_or("-".into(), code),
        };
        let lifetime = phrase::lifetime(&it.lifetime, report.scan.started_at, style);
        writeln!(
            out,
            "| {} {} | {} | {} | {} | {} | {} | {} {} | {next} |",
            it.score.total,
            phrase::severity(it.score.severity),
            code(&it.tool),
            code(phrase::identity(it).first().map_or("?", String::as_str)),
            code(&phrase::grant(it, false).join(", ")),
            code(lifetime.first().map_or("-", String::as_str)),
            code(&phrase::custody(it, grant.count()).join(", ")),
            code(&it.location.path),
            code(ids.get(&it.id)),
        )?;
    }
    if grants.len() > ROWS {
        let more = thousands((grants.len() - ROWS) as u64);
        writeln!(out, "\n{more} more rows are left out here; the JSON report has them.")?;
    }
    writeln!(out)
}

fn exceptions(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.exceptions.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## Exceptions\n\n| state | findings | accepts | reason | owner | ticket | until |"
    )?;
    writeln!(out, "|---|---:|---|---|---|---|---|")?;
    for it in report.exceptions.iter().take(ROWS) {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            phrase::exception(it),
            it.findings.len(),
            code(&it.accepts),
            code(&it.reason),
            code(&it.owner),
            code(&it.ticket),
            it.expires
        )?;
    }
    writeln!(out)
}

fn coverage(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let skipped = &report.coverage.skipped;
    if skipped.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Not looked into\n\n| reason | places | where |\n|---|---:|---|")?;
    for skip in skipped.iter().take(ROWS) {
        writeln!(
            out,
            "| {} | {} | {} |",
            word(&skip.reason),
            thousands(skip.count),
            code(&skip.path)
        )?;
    }
    if skipped.len() > ROWS {
        let more = thousands((skipped.len() - ROWS) as u64);
        writeln!(out, "\n{more} more rows are left out here; the JSON report has them.")?;
    }
    Ok(())
}

/// A text of unknown origin as code. Where a code span cannot hold it, an element does, its punctuation as entities.
pub(crate) fn code(text: &str) -> String {
    let text = cut_middle(&safe(text, true), CELL, "…");
    if text.is_empty() {
        return "-".into();
    }
    let simple = !text.contains(['`', '|', '\\']) && text.trim() == text;
    if simple {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out + "</code>"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::testdata;

    #[test]
    fn what_a_file_wrote_is_code() {
        for (text, shown) in [
            ("~/a b", "`~/a b`"),
            ("@octo https://x <b>", "`@octo https://x <b>`"),
            ("a|b", "<code>a&#124;b</code>"),
            ("`", "<code>&#96;</code>"),
            ("C:\\x", "<code>C&#58;&#92;x</code>"),
            ("", "-"),
        ] {
            assert_eq!(code(text), shown);
        }
    }

    #[test]
    fn many_rows_are_cut_with_a_note() {
        let mut report = testdata::report();
        let one = report.findings[1].clone();
        report.findings = (0..2 * ROWS)
            .map(|n| crate::report::Finding { id: format!("nhi1:{n:032x}"), ..one.clone() })
            .collect();
        let mut out = Vec::new();
        write(&report, &Style::default(), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("500 more rows are left out here"));
    }

    proptest! {
        #[test]
        fn code_ends_no_cell(text in any::<String>()) {
            prop_assert!(!code(&text).contains(['|', '\n', '\r']));
        }
    }
}
