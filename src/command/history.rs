//! `nhi-scan history`: rotation evidence over a series of reports.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Form, Told, json, table};
use crate::error::Error;
use crate::history::{GrantHistory, Standing, history};
use crate::output::safe;
use crate::policy::day;
use crate::report::Report;

/// Which reports.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// JSON reports of one machine or of several, in any order
    #[arg(value_name = "REPORT", required = true, value_hint = ValueHint::FilePath)]
    reports: Vec<PathBuf>,
    /// Columns for people, or JSON (`nhi-scan schema history`)
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
}

/// Follows the grants; `read` reads a report.
///
/// # Errors
/// A report that cannot be read.
pub fn run(
    args: &HistoryArgs,
    read: impl Fn(&Path) -> Result<Report, Error>,
) -> Result<Told, Error> {
    let reports = args.reports.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let history = history(reports);
    if args.format == Form::Json {
        return Ok(Told::text(json(&history)));
    }
    let rows: Vec<_> = history.grants.iter().map(row).collect();
    let titles = [
        "STANDING",
        "UNROTATED",
        "LIMIT",
        "ROTATIONS",
        "FIRST SEEN",
        "LAST SEEN",
        "TOOL",
        "IDENTITY",
        "PLACE",
    ];
    let mut text = table(&titles, &rows);
    let never = history.grants.iter().filter(|it| it.standing == Standing::NeverRotated).count();
    let scans = history.scans.len();
    // A string takes what is written to it.
    let _ = writeln!(text, "\n{never} never rotated in time, in {scans} reports");
    for note in &history.notes {
        let _ = writeln!(text, "{note}");
    }
    Ok(Told::text(text))
}

fn row(it: &GrantHistory) -> [String; 9] {
    let standing = match it.standing {
        Standing::NeverRotated => "never rotated",
        Standing::Overdue => "overdue",
        Standing::InTime => "in time",
        Standing::Ended if it.present => "ended",
        Standing::Ended => "gone",
        Standing::Unknown => "no limit",
    };
    let rotations = match it.rotations.last() {
        Some(last) => format!("{}, last {}", it.rotations.len(), day(last.before)),
        None => "0".into(),
    };
    [
        standing.into(),
        format!("{} d", it.unrotated_days),
        it.limit_days.map_or("-".into(), |days| format!("{days} d")),
        rotations,
        day(it.first_seen),
        day(it.last_seen),
        it.tool.clone(),
        it.account.clone().unwrap_or_else(|| "-".into()),
        it.path.clone(),
    ]
    .map(|cell| safe(&cell))
}
