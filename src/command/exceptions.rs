//! `nhi-scan exceptions`: what a file of exceptions says, whether it is sound, and a new entry for it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;

use super::{Form, Told, json};
use crate::error::Error;
use crate::output::delivery;
use crate::output::safe;
use crate::plan;
use crate::policy::{
    self, Day, Entry, Exceptions, ExceptionsFile, Policy, day, instant, is_finding_id, last_day,
    left,
};
use crate::report::{ExceptionRecord, ExceptionState, Finding, Report};
use crate::rule::load::RuleSet;
use crate::rule::pack::Pack;

/// What to do with exceptions.
#[derive(Debug, Subcommand)]
pub enum ExceptionsCommand {
    /// Report every problem of a file, and what is sound but no good idea; with a report, also what matches nothing
    Lint(FileArgs),
    /// One line an exception: whether it is in force, until when, whose it is, and with a report how many findings it accepts
    List {
        /// Which file
        #[command(flatten)]
        file: FileArgs,
        /// Columns for people, or JSON
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: Form,
    },
    /// Add an entry for a finding to a file, which is made if it is not there; comments and order stay
    Add(AddArgs),
}

/// Which file, and what it is held against.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// A JSON report whose findings it is to accept
    #[arg(long, value_name = "REPORT", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// The policy that bounds it
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_POLICY", value_hint = ValueHint::FilePath)]
    policy: Option<PathBuf>,
}

/// What is to be accepted, and on whose word.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Id of the finding; whole, or with --report its first digits
    finding: String,
    /// The file
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_EXCEPTIONS", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Why
    #[arg(long)]
    reason: String,
    /// Who answers for it
    #[arg(long)]
    owner: String,
    /// Where it was decided
    #[arg(long)]
    ticket: String,
    /// Until when: a day (to its end, UTC), or a time that ends in Z
    #[arg(long, value_name = "TIME")]
    expires: String,
    /// From when: a day (from its start, UTC), or a time that ends in Z [default: now]
    #[arg(long, value_name = "TIME")]
    granted: Option<String>,
    /// A JSON report that has the finding
    #[arg(long, value_name = "REPORT", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// The policy that bounds it
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_POLICY", value_hint = ValueHint::FilePath)]
    policy: Option<PathBuf>,
}

/// Does it, at this time; `read` reads a report.
///
/// # Errors
/// A file that cannot be read or written, or is not sound; a finding that is not there.
pub fn run(
    command: &ExceptionsCommand,
    now: Timestamp,
    read: impl Fn(&Path) -> Result<Report, Error>,
) -> Result<Told, Error> {
    let report = |path: Option<&PathBuf>| path.map(|path| read(path)).transpose();
    match command {
        ExceptionsCommand::Lint(args) => {
            let pack = pack()?;
            let policy = plan::policy(args.policy.as_deref(), &pack.policy)?;
            let exceptions = load(&args.file, &policy)?;
            let name = safe(&args.file.to_string_lossy());
            let mut text = String::new();
            for (line, doubt) in exceptions.doubts(now, policy.exceptions) {
                let _ = writeln!(text, "{name}:{line}: {}", safe(&doubt));
            }
            if let Some(report) = report(args.report.as_ref())? {
                let records = records(&exceptions, report.findings, now, &policy, &pack);
                for record in records.iter().filter(|record| record.findings.is_empty()) {
                    let _ = writeln!(text, "{name}: {} matches nothing", safe(&record.accepts));
                }
            }
            text.push_str("every exception is well-formed\n");
            Ok(Told::text(text))
        }
        ExceptionsCommand::List { file, format } => {
            let pack = pack()?;
            let policy = plan::policy(file.policy.as_deref(), &pack.policy)?;
            let exceptions = load(&file.file, &policy)?;
            let report = report(file.report.as_ref())?;
            let counted = report.is_some();
            let findings = report.map(|report| report.findings).unwrap_or_default();
            let records = records(&exceptions, findings, now, &policy, &pack);
            Ok(Told::text(match format {
                Form::Json => json(&records),
                Form::Text => listing(&records, counted, now),
            }))
        }
        ExceptionsCommand::Add(args) => {
            let policy = plan::policy(args.policy.as_deref(), &pack()?.policy)?;
            let finding = resolve(&args.finding, report(args.report.as_ref())?.as_ref())?;
            add(args, &finding, now, &policy)
        }
    }
}

fn pack() -> Result<Pack, Error> {
    Pack::new(RuleSet::built_in().map_err(|problems| plan::broken(&problems))?)
}

fn load(path: &Path, policy: &Policy) -> Result<Exceptions, Error> {
    let name = path.to_string_lossy();
    Exceptions::load(&name, &policy::read_file(path)?, policy.exceptions).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(|it| safe(&it.to_string())).collect();
        Error::Rules(format!("the exceptions are not sound:\n{}", lines.join("\n")))
    })
}

fn records(
    exceptions: &Exceptions,
    mut findings: Vec<Finding>,
    now: Timestamp,
    policy: &Policy,
    pack: &Pack,
) -> Vec<ExceptionRecord> {
    exceptions.apply(&mut findings, now, policy.exceptions, &pack.controls)
}

fn listing(records: &[ExceptionRecord], counted: bool, now: Timestamp) -> String {
    if records.is_empty() {
        return "no exceptions\n".into();
    }
    let rows: Vec<[String; 6]> = records
        .iter()
        .map(|it| {
            let state = match it.state {
                ExceptionState::Pending => format!("from {}", day(it.granted)),
                ExceptionState::InForce | ExceptionState::Ending => {
                    format!("ends in {}", left(now, it.expires))
                }
                ExceptionState::Expired => format!("ended {}", last_day(it.expires)),
            };
            let findings = if counted { it.findings.len().to_string() } else { "-".into() };
            let cells = [
                state,
                findings,
                it.owner.clone(),
                it.ticket.clone(),
                it.accepts.clone(),
                it.reason.clone(),
            ];
            cells.map(|cell| safe(&cell))
        })
        .collect();
    super::table(&["STATE", "FINDINGS", "OWNER", "TICKET", "ACCEPTS", "REASON"], &rows)
}

/// The whole id that is meant.
fn resolve(id: &str, report: Option<&Report>) -> Result<String, Error> {
    let wanted = id.trim().to_ascii_lowercase();
    let Some(report) = report else {
        return if is_finding_id(&wanted) {
            Ok(wanted)
        } else {
            Err(Error::Usage(
                "a whole id is needed (`nhi1:` and 32 hex digits), or --report to find it in"
                    .into(),
            ))
        };
    };
    let digits = wanted.strip_prefix("nhi1:").unwrap_or(&wanted);
    let begins = |finding: &&Finding| {
        finding.id.strip_prefix("nhi1:").is_some_and(|known| known.starts_with(digits))
    };
    let found: Vec<&Finding> = report.findings.iter().filter(begins).collect();
    match found.as_slice() {
        [one] if !digits.is_empty() => Ok(one.id.clone()),
        [] => Err(Error::Usage(format!("no finding of the report has the id {}", safe(id)))),
        many => Err(Error::Usage(format!(
            "the id {} is the beginning of {} findings; give more of it",
            safe(id),
            many.len()
        ))),
    }
}

fn add(args: &AddArgs, finding: &str, now: Timestamp, policy: &Policy) -> Result<Told, Error> {
    let wrong = |key: &'static str| move |why: String| Error::Usage(format!("--{key}: {why}"));
    instant(&args.expires, Day::End).map_err(wrong("expires"))?;
    if let Some(granted) = &args.granted {
        instant(granted, Day::Start).map_err(wrong("granted"))?;
    }
    let entry = Entry {
        finding: Some(finding.to_owned()),
        reason: args.reason.clone(),
        owner: args.owner.clone(),
        ticket: args.ticket.clone(),
        granted: args
            .granted
            .clone()
            .unwrap_or_else(|| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        expires: args.expires.clone(),
        ..Entry::default()
    };
    let path = &args.file;
    let shown = safe(&path.to_string_lossy());
    if path.is_symlink() {
        return Err(Error::Usage(format!("{shown} is a symbolic link; name the file itself")));
    }
    let before = if path.exists() { Some(policy::read_file(path)?) } else { None };
    if before.is_some() {
        load(path, policy)?;
    }
    let after = with_entry(before.as_deref(), &entry).ok_or_else(|| {
        Error::Usage(format!(
            "{shown} is not laid out so that an entry can be added; add it by hand:\n{}",
            block(&entry, 0)
        ))
    })?;
    let name = path.to_string_lossy();
    Exceptions::load(&name, &after, policy.exceptions).map_err(|problems| {
        let why: Vec<_> = problems.iter().map(|it| safe(&it.message)).collect();
        Error::Usage(why.join("; "))
    })?;
    delivery::replace(path, &after)?;
    Ok(Told::text(format!("{shown}: added\n{}", block(&entry, 0))))
}

/// The text with one more entry at the end of its list; none where that cannot be done and nothing else be changed.
fn with_entry(before: Option<&str>, entry: &Entry) -> Option<String> {
    let Some(before) = before else {
        return Some(format!("version: 1\nexceptions:\n{}", block(entry, 2)));
    };
    let known: ExceptionsFile = serde_yaml::from_str(before).ok()?;
    let candidates = [
        appended(before, entry, 2),
        appended(before, entry, 0),
        in_place_of_nothing(before, entry),
    ];
    candidates.into_iter().flatten().find(|text| {
        let Ok(read) = serde_yaml::from_str::<ExceptionsFile>(text) else { return false };
        let mut wanted = known.exceptions.clone();
        wanted.push(entry.clone());
        read.version == known.version && read.exceptions == wanted
    })
}

/// The entry behind the last line of the list, whose dashes stand `indent` columns in.
fn appended(before: &str, entry: &Entry, indent: usize) -> Option<String> {
    let mut lines: Vec<&str> = before.lines().collect();
    let begins = lines.iter().position(|line| line.starts_with("exceptions:"))?;
    let is_next =
        |line: &&str| line.starts_with(|first: char| first.is_ascii_alphabetic() || first == '.');
    let end =
        lines[begins + 1..].iter().position(is_next).map_or(lines.len(), |at| begins + 1 + at);
    // Behind what belongs to the list: comments and blank lines before the next key are that key's.
    let is_of_next = |line: &&str| line.trim().is_empty() || line.starts_with('#');
    let trailing = lines[begins + 1..end].iter().rev().take_while(|line| is_of_next(line)).count();
    let place = if end == lines.len() { end } else { end - trailing };
    let text = block(entry, indent);
    lines.splice(place..place, text.lines());
    Some(lines.join("\n") + "\n")
}

/// The entry in place of an empty list.
fn in_place_of_nothing(before: &str, entry: &Entry) -> Option<String> {
    let list = before.lines().find(|line| {
        line.strip_prefix("exceptions:").is_some_and(|rest| rest.trim_start().starts_with("[]"))
    })?;
    let note = list.split_once("[]").map(|(_, note)| note).unwrap_or_default();
    let filled = format!("exceptions:{note}\n{}", block(entry, 2));
    Some(before.replacen(list, filled.trim_end(), 1).trim_end().to_owned() + "\n")
}

/// An entry as a block of YAML. JSON strings are YAML strings.
fn block(entry: &Entry, indent: usize) -> String {
    let value = serde_json::to_value(entry).unwrap_or_default();
    let mut text = String::new();
    for (at, (key, value)) in value.as_object().into_iter().flatten().enumerate() {
        let dash = if at == 0 { "- " } else { "  " };
        let _ = writeln!(text, "{:indent$}{dash}{key}: {value}", "");
    }
    crate::output::json::visible(&text.replace('\n', "\u{0}")).replace('\u{0}', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            finding: Some(format!("nhi1:{}", "ab".repeat(16))),
            reason: "it's: \"so\" # really\u{202e}".into(),
            owner: "o".into(),
            ticket: "T-1".into(),
            granted: "2026-11-01".into(),
            expires: "2026-12-01".into(),
            ..Entry::default()
        }
    }

    const OLD: &str = "- rule: gh # why\n    reason: r\n    owner: o\n    ticket: t\n    granted: 2026-09-01\n    expires: 2026-12-01\n";

    #[test]
    fn an_entry_is_added_and_nothing_else_changes() {
        for (what, before) in [
            ("indented", format!("# ours\nversion: 1\nexceptions: # all\n  {OLD}")),
            ("flush", format!("version: 1\nexceptions:\n{}", OLD.replace("\n    ", "\n  "))),
            ("no final newline", format!("version: 1\nexceptions:\n  {}", OLD.trim_end())),
            ("first", format!("exceptions:\n  {OLD}\n# the shape\nversion: 1\n")),
            ("a comment at the end", format!("version: 1\nexceptions:\n  {OLD}  # end\n")),
            ("none yet", "version: 1\nexceptions: [] # none\n".into()),
        ] {
            let after = with_entry(Some(&before), &entry()).unwrap_or_else(|| panic!("{what}"));
            let kept = before
                .lines()
                .map(|line| line.replace(" []", ""))
                .all(|line| after.contains(&line));
            assert!(kept, "{what}: {after}");
            assert!(!after.contains('\u{202e}'), "{after}");
        }
        assert!(with_entry(None, &entry()).is_some());
        let flow = "{version: 1, exceptions: [{rule: a, reason: r, owner: o, ticket: t, granted: a, expires: b}]}";
        assert_eq!(with_entry(Some(flow), &entry()), None);
    }

    #[test]
    fn ids_are_whole_or_found_in_a_report() {
        let whole = format!("nhi1:{}", "ab".repeat(16));
        assert_eq!(resolve(&whole, None).ok(), Some(whole));
        assert!(resolve("abab", None).is_err());
    }
}
