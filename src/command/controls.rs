//! `nhi-scan controls`: which control is touched by what, and what an id means.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;

use super::{Form, Told, json, table};
use crate::error::Error;
use crate::output::safe;
use crate::plan;
use crate::report::Report;
use crate::rule::controls::{Controls, Meaning};
use crate::rule::filter::nearest;
use crate::rule::load::RuleSet;
use crate::rule::pack::Pack;

/// Which controls, and counted in what.
#[derive(Args, Debug)]
pub struct ControlsArgs {
    /// Ids of controls, of today (`PR.AA-01`) or of older texts (`PR.AC-1`, `NHI-03`), or an issue; without one, all controls
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Count what touches them in this JSON report
    #[arg(long, value_name = "REPORT", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// Only those of this framework
    #[arg(long, value_name = "FRAMEWORK")]
    framework: Option<String>,
    /// Columns for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
}

/// A control and what touches it.
#[derive(Debug, Serialize)]
struct Touched {
    framework: String,
    edition: String,
    id: String,
    title: Option<String>,
    /// Findings that touch it and count; null without a report.
    findings: Option<usize>,
    /// Findings that touch it and are accepted or ignored; null without a report.
    accepted: Option<usize>,
    issues: Vec<Issue>,
}

/// An issue that touches a control.
#[derive(Debug, Serialize)]
struct Issue {
    issue: String,
    /// Findings that have it and count; null without a report.
    findings: Option<usize>,
}

/// What was asked for, and what it is.
#[derive(Debug, Serialize)]
struct Asked {
    asked: String,
    because: Option<String>,
    controls: Vec<Touched>,
}

/// Tells; `read` reads a report.
///
/// # Errors
/// A report that cannot be read; an id or framework that is not known.
pub fn run(
    args: &ControlsArgs,
    read: impl Fn(&Path) -> Result<Report, Error>,
) -> Result<Told, Error> {
    let pack = Pack::new(RuleSet::built_in().map_err(|problems| plan::broken(&problems))?)?;
    let controls = &pack.controls;
    let report = args.report.as_ref().map(|path| read(path)).transpose()?;
    let book = Book { controls, report: report.as_ref() };
    if let Some(name) = &args.framework {
        book.known_framework(name)?;
    }
    let is_of = |control: &String| {
        let framework = control.split_once(':').map(|(framework, _)| framework);
        args.framework.as_deref().is_none_or(|wanted| framework == Some(wanted))
    };
    if args.ids.is_empty() {
        let all = controls.all().into_iter().filter(is_of).map(|control| book.touched(&control));
        // With a report, what nothing touches is not listed.
        let all: Vec<_> = all.filter(|it| report.is_none() || it.is_touched()).collect();
        return Ok(Told::text(match args.format {
            Form::Json => json(&all),
            Form::Text => book.listing(&all),
        }));
    }
    let asked = args.ids.iter().map(|id| book.asked(id, &is_of)).collect::<Result<Vec<_>, _>>()?;
    Ok(Told::text(match args.format {
        Form::Json => json(&asked),
        Form::Text => asked.iter().map(Asked::explained).collect(),
    }))
}

struct Book<'b> {
    controls: &'b Controls,
    report: Option<&'b Report>,
}

impl Book<'_> {
    fn known_framework(&self, name: &str) -> Result<(), Error> {
        let known: Vec<&str> = self.controls.frameworks.iter().map(|it| it.id.as_str()).collect();
        if known.contains(&name) {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "no framework is called {}; there are {}",
            safe(name),
            known.join(", ")
        )))
    }

    /// What an id, or an issue, means.
    fn asked(&self, id: &str, is_of: &impl Fn(&String) -> bool) -> Result<Asked, Error> {
        let issue = self.controls.issues.iter().find(|issue| issue.id == id);
        let meaning = match issue {
            Some(issue) => Some(Meaning {
                controls: issue.controls.clone(),
                because: Some("an issue; it touches".into()),
            }),
            None => self.controls.meaning(id),
        };
        let Some(meaning) = meaning else { return Err(self.unknown(id)) };
        let controls = meaning.controls.iter().filter(|it| is_of(it)).map(|it| self.touched(it));
        Ok(Asked { asked: id.to_owned(), because: meaning.because, controls: controls.collect() })
    }

    fn unknown(&self, id: &str) -> Error {
        let all = self.controls.all();
        let known = all.iter().filter_map(|it| Some(it.split_once(':')?.1));
        let known = known.chain(self.controls.aliases.iter().map(|it| it.id.as_str()));
        let known = known.chain(self.controls.issues.iter().map(|it| it.id.as_str()));
        let hint = nearest(id, known).unwrap_or_else(|| "`nhi-scan controls` lists them".into());
        Error::Usage(format!("no finding touches a control with the id {} ({hint})", safe(id)))
    }

    fn touched(&self, control: &str) -> Touched {
        let (framework, id) = control.split_once(':').unwrap_or(("", control));
        let edition = self.controls.frameworks.iter().find(|it| it.id == framework);
        let touching =
            self.controls.issues.iter().filter(|it| it.controls.iter().any(|it| it == control));
        let issues: Vec<&str> = touching.map(|it| it.id.as_str()).collect();
        let count = |counts: bool, wanted: &[&str]| {
            let findings = self.report?.findings.iter().filter(|it| it.counts() == counts);
            let has = |it: &&crate::report::Finding| {
                it.issues.iter().any(|issue| wanted.contains(&issue.as_str()))
            };
            Some(findings.filter(has).count())
        };
        Touched {
            framework: framework.into(),
            edition: edition.map(|it| it.edition.clone()).unwrap_or_default(),
            id: id.into(),
            title: self.controls.titles.get(control).cloned(),
            findings: count(true, &issues),
            accepted: count(false, &issues),
            issues: issues
                .iter()
                .map(|issue| Issue { issue: (*issue).into(), findings: count(true, &[issue]) })
                .collect(),
        }
    }

    fn listing(&self, all: &[Touched]) -> String {
        let mut by_framework: BTreeMap<usize, Vec<&Touched>> = BTreeMap::new();
        let place = |it: &Touched| {
            self.controls.frameworks.iter().position(|known| known.id == it.framework)
        };
        for it in all {
            by_framework.entry(place(it).unwrap_or(usize::MAX)).or_default().push(it);
        }
        let mut text = String::new();
        for (at, touched) in by_framework {
            if let Some(framework) = self.controls.frameworks.get(at) {
                // A string takes what is written to it.
                let _ =
                    writeln!(text, "{}, {} ({})", framework.name, framework.edition, framework.id);
            }
            let rows: Vec<[String; 4]> = touched
                .iter()
                .map(|it| {
                    let accepted = it
                        .accepted
                        .filter(|many| *many > 0)
                        .map(|many| format!(" +{many} accepted"));
                    let findings =
                        it.findings.map(|many| many.to_string() + &accepted.unwrap_or_default());
                    [
                        it.id.clone(),
                        findings.unwrap_or_else(|| "-".into()),
                        it.title.clone().unwrap_or_default(),
                        it.issues_in_words(),
                    ]
                    .map(|cell| safe(&cell))
                })
                .collect();
            text.push_str(&table(&["CONTROL", "FINDINGS", "TITLE", "TOUCHED BY"], &rows));
            text.push('\n');
        }
        if text.is_empty() {
            "no control is touched\n".into()
        } else {
            text.trim_end().to_owned() + "\n"
        }
    }
}

impl Touched {
    fn is_touched(&self) -> bool {
        self.findings.unwrap_or(0) + self.accepted.unwrap_or(0) > 0
    }

    /// Its issues; those that a report has, with how many findings have them.
    fn issues_in_words(&self) -> String {
        let words = self.issues.iter().filter_map(|it| match it.findings {
            None => Some(it.issue.clone()),
            Some(0) => None,
            Some(many) => Some(format!("{} {many}", it.issue)),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Asked {
    fn explained(&self) -> String {
        let because =
            self.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
        let mut text = format!("{}{because}\n", safe(&self.asked));
        for it in &self.controls {
            let title = it.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
            // A string takes what is written to it.
            let _ = writeln!(
                text,
                "  {}:{}{title}  ({} {})",
                it.framework, it.id, it.framework, it.edition
            );
            let words = it.issues_in_words();
            if let Some(findings) = it.findings {
                let _ = writeln!(
                    text,
                    "    {findings} findings, {} more accepted",
                    it.accepted.unwrap_or(0)
                );
            }
            if !words.is_empty() {
                let _ = writeln!(text, "    touched by {words}");
            } else if it.issues.is_empty() {
                let _ = writeln!(text, "    no issue touches it");
            }
        }
        text
    }
}
