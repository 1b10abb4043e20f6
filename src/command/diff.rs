//! `nhi-scan diff`: what changed between two reports.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use super::{Told, json};
use crate::cli::FailOn;
use crate::diff::{diff, is_worse};
use crate::error::Error;
use crate::output::{Style, changes};
use crate::report::Report;

/// What to compare, and how to tell it.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The earlier JSON report; `-` reads one of the two from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    old: PathBuf,
    /// The later one
    #[arg(value_hint = ValueHint::FilePath)]
    new: PathBuf,
    /// Rows for people, JSON (`nhi-scan schema diff`), or Markdown [default: by the ending of --output, else text]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Form>,
    /// Write it into a file
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Show every place of which the coverage changed
    #[arg(long)]
    pub all: bool,
    /// Exit with 1 if NEW has a finding at or above this severity that OLD did not have there already; `new`: any that OLD did not
    /// have
    #[arg(long, value_name = "SEVERITY", env = "NHI_SCAN_FAIL_ON")]
    fail_on: Option<FailOn>,
}

/// Form of a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Form {
    #[default]
    Text,
    Json,
    Markdown,
}

/// Compares; `read` reads a report.
///
/// # Errors
/// A report that cannot be read.
pub fn run(
    args: &DiffArgs,
    read: impl Fn(&Path) -> Result<Report, Error>,
    style: &Style,
) -> Result<Told, Error> {
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let difference = diff(&old, &new);
    let found = args.fail_on.is_some_and(|fail_on| match fail_on.severity() {
        Some(limit) => is_worse(&old, &new, limit),
        None => difference.first_seen().next().is_some(),
    });
    let mut text = Vec::new();
    // A file is read elsewhere and later: no width, no colour, nothing left out.
    let whole = Style { unicode: true, all: true, ..Style::default() };
    let style = if args.output.is_some() { &whole } else { style };
    let written = match args.form() {
        Form::Json => return Ok(Told { text: json(&difference), found }),
        Form::Text => changes::screen(&difference, style, &mut text),
        Form::Markdown => changes::markdown(&difference, &mut text),
    };
    written.map_err(|_| Error::Internal("a text could not be written".into()))?;
    Ok(Told { text: String::from_utf8_lossy(&text).into_owned(), found })
}

impl DiffArgs {
    fn form(&self) -> Form {
        let ending = self.output.as_ref().and_then(|path| path.extension()?.to_str());
        self.format.unwrap_or(match ending {
            Some("json") => Form::Json,
            Some("md" | "markdown") => Form::Markdown,
            _ => Form::Text,
        })
    }
}
