//! Comma-separated values for spreadsheets: one row a finding, one row a place that was not looked into.
//!
//! RFC 4180: CRLF, a header, every cell quoted. Columns are only ever added at the end. Names in it are hostile: a cell that a
//! spreadsheet would take for a formula begins with an apostrophe, and hidden characters are spelled out.

use std::io::{self, Write};

use super::row::{COLUMNS, text, time};
use super::text::{cut_bytes, safe, word};
use super::{Format, Style};
use crate::report::{Finding, Report, Skipped};
use ::csv::{QuoteStyle, Terminator, WriterBuilder};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "csv",
    endings: &["csv"],
    about: "a row a finding and a row a skipped place, for spreadsheets; cells that look like formulas are disarmed",
    write,
};

/// Longest cell; spreadsheets cut at 32,767 characters without a word.
const LONGEST: usize = 32_000;

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
    let names = COLUMNS.iter().map(|column| column.name);
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
    cells.extend(COLUMNS.iter().map(|column| (column.cell)(finding)));
    cells.extend(SKIP.map(|_| String::new()));
    cells
}

fn skipped_row(skip: &Skipped) -> Vec<String> {
    let mut cells = vec!["skip".to_owned()];
    let path = |name: &str| if name == "path" { skip.path.clone() } else { String::new() };
    cells.extend(COLUMNS.iter().map(|column| path(column.name)));
    cells.extend([word(&skip.reason), skip.count.to_string()]);
    cells
}

/// The cell, visible, short enough, and nothing that a spreadsheet would run. Wide forms count: some locales take them.
fn disarm(cell: &str) -> String {
    let cell = cut_bytes(&safe(cell, true), LONGEST);
    let runs = cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if runs { format!("'{cell}") } else { cell }
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
