//! Comma-separated values for spreadsheets: one row a finding, one row a place that was not looked into.
//!
//! RFC 4180: CRLF, a header, every cell quoted. Columns are only ever added at the end. Names in it are hostile: a cell that a
//! spreadsheet would take for a formula begins with an apostrophe, and hidden characters are spelled out.

use std::io::{self, Write};

use ::csv::{QuoteStyle, Terminator, WriterBuilder};
use jiff::Timestamp;

use super::text::{cut_bytes, safe, word};
use super::{Format, Style, phrase};
use crate::report::{Finding, Report, Skipped};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "csv",
    endings: &["csv"],
    about: "a row a finding and a row a skipped place, for spreadsheets; cells that look like formulas are disarmed",
    write,
};

/// Longest cell; spreadsheets cut at 32,767 characters without a word.
const LONGEST: usize = 32_000;

/// What joins the items of a list.
const JOIN: &str = ";";

/// A column: its name, and its cell of a finding.
type Column = (&'static str, fn(&Finding) -> String);

const COLUMNS: &[Column] = &[
    ("id", |it| it.id.clone()),
    ("severity", |it| it.score.severity.as_str().into()),
    ("score", |it| it.score.total.to_string()),
    ("tool", |it| it.tool.clone()),
    ("account", |it| text(it.identity.account.as_deref())),
    ("path", |it| it.location.path.clone()),
    ("line", |it| text(it.location.line)),
    ("key", |it| text(it.location.key.as_deref())),
    ("title", |it| it.title.clone()),
    ("rule", |it| it.rule.clone()),
    ("provider", |it| it.provider.clone()),
    ("category", |it| it.category.clone()),
    ("confidence", |it| word(&it.confidence)),
    ("tenant", |it| text(it.identity.tenant.as_deref())),
    ("host", |it| text(it.identity.host.as_deref())),
    ("issuer", |it| text(it.identity.issuer.as_deref())),
    ("audience", |it| text(it.identity.audience.as_deref())),
    ("client_id", |it| text(it.identity.client_id.as_deref())),
    ("client_name", |it| text(it.identity.client_name.as_deref())),
    ("name", |it| text(it.identity.name.as_deref())),
    ("active", |it| text(it.identity.active)),
    ("credentials", |it| list(it.credentials.iter().map(|one| one.kind.as_str()))),
    ("fingerprints", |it| list(it.credentials.iter().filter_map(|one| one.fingerprint.as_deref()))),
    ("lifetime", |it| word(&it.lifetime.state)),
    ("issued_at", |it| time(it.lifetime.issued_at)),
    ("expires_at", |it| time(it.lifetime.expires_at)),
    ("age_days", |it| text(it.lifetime.age_days)),
    ("age_basis", |it| word(&it.lifetime.age_basis)),
    ("renewable", |it| it.lifetime.renewable.to_string()),
    ("privilege", |it| word(&it.scope.privilege)),
    ("scopes", |it| list(it.scope.scopes.iter().map(String::as_str))),
    ("roles", |it| list(it.scope.roles.iter().map(String::as_str))),
    ("reach", |it| list(it.scope.reach.iter().map(String::as_str))),
    ("storage", |it| it.custody.storage.as_str().into()),
    ("held_by", |it| text(it.custody.held_by.as_deref())),
    ("mode", |it| text(it.custody.mode.as_deref())),
    ("owner", |it| text(it.custody.owner.as_deref())),
    ("readable_by", |it| word(&it.custody.readable_by)),
    ("exposures", |it| it.custody.exposures.iter().map(word).collect::<Vec<_>>().join(JOIN)),
    ("path_base64", |it| text(it.location.path_base64.as_deref())),
    ("home", |it| text(it.location.home.as_deref())),
    ("layer", |it| text(it.location.layer.as_deref())),
    ("place", |it| word(&it.location.state)),
    ("issues", |it| list(it.issues.iter().map(String::as_str))),
    ("controls", |it| list(it.controls.iter().map(String::as_str))),
    ("points_age", |it| points(it, "age")),
    ("points_scope", |it| points(it, "scope")),
    ("points_storage", |it| points(it, "storage")),
    ("points_caps", |it| points(it, "caps")),
    ("next", |it| text(phrase::best_fix(it).map(|fix| fix.change.as_str()))),
    ("score_then", |it| text(phrase::best_fix(it).map(|fix| fix.total))),
    ("logout", |it| text(it.end.logout.as_deref())),
    ("revoke", |it| text(it.end.revoke.as_deref())),
    ("verify", |it| text(it.end.verify.as_deref())),
    ("better", |it| text(it.end.better.as_deref())),
    ("also_in", |it| list(it.also_in.iter().map(String::as_str))),
    ("exception_reason", |it| text(it.exception.as_ref().map(|one| one.reason.as_str()))),
    ("exception_owner", |it| text(it.exception.as_ref().map(|one| one.owner.as_str()))),
    ("exception_expires", |it| time(it.exception.as_ref().map(|one| one.expires))),
];

/// Columns of a place that was not looked into; `path` is shared.
const SKIP: [&str; 2] = ["skip_reason", "skip_count"];

/// Columns that every row ends with.
const SCAN: [&str; 5] = ["scan_id", "scanned_at", "scan_complete", "host_id", "host_name"];

/// Writes header and rows.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(out);
    let names = COLUMNS.iter().map(|(name, _)| *name);
    rows.write_record(["record"].into_iter().chain(names).chain(SKIP).chain(SCAN))?;
    let scan = [
        report.scan.id.clone(),
        time(Some(report.scan.started_at)),
        report.coverage.complete.to_string(),
        text(report.host.id.as_deref()),
        text(report.host.name.as_deref()),
    ];
    let findings = report.findings.iter().map(row);
    let skips = report.coverage.skipped.iter().map(skipped_row);
    for row in findings.chain(skips) {
        rows.write_record(row.iter().chain(&scan).map(|cell| disarm(cell)))?;
    }
    rows.flush()
}

fn row(finding: &Finding) -> Vec<String> {
    let mut cells = vec!["finding".to_owned()];
    cells.extend(COLUMNS.iter().map(|(_, cell)| cell(finding)));
    cells.extend(SKIP.map(|_| String::new()));
    cells
}

fn skipped_row(skip: &Skipped) -> Vec<String> {
    let mut cells = vec!["skip".to_owned()];
    let path = |name: &str| if name == "path" { skip.path.clone() } else { String::new() };
    cells.extend(COLUMNS.iter().map(|(name, _)| path(name)));
    cells.extend([word(&skip.reason), skip.count.to_string()]);
    cells
}

/// The cell, visible, short enough, and nothing that a spreadsheet would run. Wide forms count: some locales take them.
fn disarm(cell: &str) -> String {
    let cell = cut_bytes(&safe(cell, true), LONGEST);
    let runs = cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if runs { format!("'{cell}") } else { cell }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn time(time: Option<Timestamp>) -> String {
    text(time)
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(JOIN)
}

fn points(finding: &Finding, factor: &str) -> String {
    text(finding.score.factors.iter().find(|it| it.factor == factor).map(|it| it.points))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    fn rows(report: &Report) -> Vec<::csv::StringRecord> {
        let mut out = Vec::new();
        write(report, &Style::default(), &mut out).unwrap();
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
        reader.records().map(Result::unwrap).collect()
    }

    #[test]
    fn every_row_has_every_column() {
        let report = testdata::report();
        let rows = rows(&report);
        assert_eq!(rows.len(), 1 + report.findings.len() + report.coverage.skipped.len());
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        assert_eq!(rows.iter().filter(|row| &row[0] == "skip").count(), 5);
    }

    #[test]
    fn nothing_is_a_formula() {
        for (cell, shown) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("＝cmd", "'＝cmd"),
            ("\t=1", "\\t=1"),
            ("\r=1", "\\r=1"),
            ("a=1", "a=1"),
            ("0600", "0600"),
        ] {
            assert_eq!(disarm(cell), shown);
        }
        assert!(disarm(&"é".repeat(40_000)).len() <= LONGEST);
    }
}
