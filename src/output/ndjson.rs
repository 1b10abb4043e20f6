//! One JSON object a line, short enough for any log pipeline: `scan.start`, a line a finding, a line a skipped place,
//! `scan.end`.

use std::io::{self, Write};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::json::visible;
use super::{Format, Style};
use crate::report::{
    Coverage, ExceptionRecord, ExceptionState, Finding, Host, PolicyUsed, Pruned, Report,
    SCHEMA_VERSION, Scan, Skipped, Summary, Tool,
};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "ndjson",
    endings: &["ndjson", "jsonl"],
    about: "a line a finding and a line a skipped place, each under 8 KiB, for log pipelines (nhi-scan schema ndjson)",
    write,
};

/// Every line, its newline included, is shorter than this; syslog relays and log agents cut or drop longer ones.
pub const MAX_LINE: usize = 8 * 1024;

/// One line.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type")]
pub enum Line<'r> {
    /// The first line: who looks, at what, and with which rules.
    #[serde(rename = "scan.start")]
    Start {
        #[serde(flatten)]
        #[expect(missing_docs, reason = "flattened away")]
        stamp: Stamp<'r>,
        /// Program and rules.
        tool: &'r Tool,
        /// The run.
        scan: &'r Scan,
        /// The machine.
        host: &'r Host,
        /// The limits.
        policy: &'r PolicyUsed,
    },
    /// A grant in one place.
    #[serde(rename = "finding")]
    Finding {
        #[serde(flatten)]
        #[expect(missing_docs, reason = "flattened away")]
        stamp: Stamp<'r>,
        /// As in the report.
        finding: &'r Finding,
    },
    /// A place that was not read or not understood.
    #[serde(rename = "skip")]
    Skip {
        #[serde(flatten)]
        #[expect(missing_docs, reason = "flattened away")]
        stamp: Stamp<'r>,
        /// As in the report's coverage.
        skip: &'r Skipped,
    },
    /// The last line: without it, lines are missing.
    #[serde(rename = "scan.end")]
    End {
        #[serde(flatten)]
        #[expect(missing_docs, reason = "flattened away")]
        stamp: Stamp<'r>,
        /// Counts over all findings.
        summary: &'r Summary,
        /// Exceptions that were handed in.
        exceptions: ExceptionCounts,
        /// What was looked at; skipped places have lines of their own.
        coverage: Totals<'r>,
        /// What should have arrived before this line.
        lines: Counts,
    },
}

/// What every line says, so that each can be understood alone.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Stamp<'r> {
    /// Version of the lines' shape.
    pub schema_version: &'static str,
    /// Random id of the run, the same on all its lines.
    pub scan_id: &'r str,
    /// Keyed hash of the machine id, null where there is none.
    pub host_id: Option<&'r str>,
    /// Start of the scan on the first line, its end on all others.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// Fields that lost items from their end, or text, to keep the line short.
    pub truncated: Vec<String>,
}

/// How much was looked at.
#[derive(Serialize, JsonSchema)]
pub struct Totals<'r> {
    /// True when nothing but `excluded` was skipped.
    pub complete: bool,
    /// Folders listed.
    pub directories: u64,
    /// Files met.
    pub files_seen: u64,
    /// Files opened and read.
    pub files_read: u64,
    /// Bytes read from them.
    pub bytes_read: u64,
    /// Stores left out, by reason.
    pub pruned: &'r [Pruned],
    /// Duration in milliseconds.
    pub duration_ms: u64,
}

impl<'r> Totals<'r> {
    fn new(coverage: &'r Coverage) -> Self {
        Self {
            complete: coverage.complete,
            directories: coverage.directories,
            files_seen: coverage.files_seen,
            files_read: coverage.files_read,
            bytes_read: coverage.bytes_read,
            pruned: &coverage.pruned,
            duration_ms: coverage.duration_ms,
        }
    }
}

/// Lines by type.
#[derive(Serialize, JsonSchema)]
pub struct Counts {
    /// Lines of type `finding`.
    pub findings: usize,
    /// Lines of type `skip`.
    pub skips: usize,
}

/// Exceptions by what became of them.
#[derive(Default, Serialize, JsonSchema)]
pub struct ExceptionCounts {
    /// In force, those that end soon among them.
    pub in_force: usize,
    /// In force, and soon no more.
    pub ending: usize,
    /// Over.
    pub expired: usize,
    /// Granted from later on.
    pub pending: usize,
    /// Those that match nothing, in whatever state.
    pub unmatched: usize,
}

impl ExceptionCounts {
    fn new(records: &[ExceptionRecord]) -> Self {
        let of = |state| records.iter().filter(|it| it.state == state).count();
        let ending = of(ExceptionState::Ending);
        Self {
            in_force: of(ExceptionState::InForce) + ending,
            ending,
            expired: of(ExceptionState::Expired),
            pending: of(ExceptionState::Pending),
            unmatched: records.iter().filter(|it| it.findings.is_empty()).count(),
        }
    }
}

/// Writes all lines.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    each(report, &mut |line, _| {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")
    })
}

/// Hands on every line, without its newline, with its time: other formats wrap them.
pub(super) fn each(
    report: &Report,
    take: &mut dyn FnMut(&str, Timestamp) -> io::Result<()>,
) -> io::Result<()> {
    let stamp = |time| Stamp {
        schema_version: SCHEMA_VERSION,
        scan_id: &report.scan.id,
        host_id: report.host.id.as_deref(),
        time,
        truncated: Vec::new(),
    };
    let start = stamp(report.scan.started_at);
    let stamp = stamp(report.scan.finished_at);
    let (findings, skips) = (&report.findings, &report.coverage.skipped);

    let mut put = |line: &Line<'_>, time| take(&short(line)?, time);
    let (begin, end) = (start.time, stamp.time);
    put(
        &Line::Start {
            stamp: start,
            tool: &report.tool,
            scan: &report.scan,
            host: &report.host,
            policy: &report.policy,
        },
        begin,
    )?;
    for finding in findings {
        put(&Line::Finding { stamp: stamp.clone(), finding }, end)?;
    }
    for skip in skips {
        put(&Line::Skip { stamp: stamp.clone(), skip }, end)?;
    }
    let coverage = Totals::new(&report.coverage);
    let lines = Counts { findings: findings.len(), skips: skips.len() };
    let exceptions = ExceptionCounts::new(&report.exceptions);
    put(&Line::End { stamp, summary: &report.summary, exceptions, coverage, lines }, end)
}

/// A finding as its line has it: short enough for any pipeline, what was cut named in `truncated`.
pub(super) fn finding(finding: &Finding, report: &Report) -> io::Result<Value> {
    let stamp = Stamp {
        schema_version: SCHEMA_VERSION,
        scan_id: &report.scan.id,
        host_id: report.host.id.as_deref(),
        time: report.scan.finished_at,
        truncated: Vec::new(),
    };
    Ok(serde_json::from_str(&short(&Line::Finding { stamp, finding })?)?)
}

fn short(line: &Line<'_>) -> io::Result<String> {
    let text = serde_json::to_string(line)?;
    let text = visible(&text);
    if fits(&text) {
        return Ok(text.into_owned());
    }
    Ok(shorten(serde_json::to_value(line)?))
}

/// Whether a line without its newline is short enough.
fn fits(text: &str) -> bool {
    text.len() + 1 < MAX_LINE
}

/// Lists that may lose items, those that are missed least first; `*` stands for every item of a list.
const LISTS: &[&[&str]] = &[
    &["finding", "scope", "reach"],
    &["finding", "scope", "scopes"],
    &["finding", "score", "factors", "*", "reasons"],
    &["finding", "scope", "roles"],
    &["finding", "also_in"],
    &["finding", "credentials"],
    &["finding", "score", "what_if"],
    &["finding", "controls"],
    &["finding", "issues"],
    &["finding", "custody", "exposures"],
    &["finding", "score", "factors"],
    &["scan", "roots"],
    &["summary", "by_tool"],
    &["coverage", "pruned"],
];

/// Longest texts, in bytes of JSON, that are tried in turn once no list can lose more. The shortest still holds every id,
/// time and word of an enum.
const TEXTS: &[usize] = &[1024, 256, 64];

/// Cuts a line until it fits.
fn shorten(mut line: Value) -> String {
    let mut text = encode(&line);
    for path in LISTS {
        if fits(&text) {
            return text;
        }
        let excess = text.len() + 2 - MAX_LINE;
        // The name in `truncated` takes room as well: quotes and a comma.
        let name = name(path);
        if pop(&mut line, path, excess + name.len() + 3) > 0 {
            note(&mut line, name);
            text = encode(&line);
        }
    }
    for limit in TEXTS {
        if fits(&text) {
            break;
        }
        let mut cut = Vec::new();
        cut_texts(&mut line, *limit, &mut Vec::new(), &mut cut);
        for name in cut {
            note(&mut line, name);
        }
        text = encode(&line);
    }
    text
}

fn encode(value: &Value) -> String {
    visible(&value.to_string()).into_owned()
}

/// The field's name in the report: what the line is about goes without saying.
fn name(path: &[&str]) -> String {
    let path = if path.first() == Some(&"finding") { &path[1..] } else { path };
    path.iter().filter(|part| **part != "*").copied().collect::<Vec<_>>().join(".")
}

fn note(line: &mut Value, name: String) {
    let Some(Value::Array(names)) = line.get_mut("truncated") else { return };
    if !names.iter().any(|known| *known == name) {
        names.push(name.into());
    }
}

/// Takes items from the end of the lists at `path`, last list first, until they freed `bytes`; returns what they freed.
fn pop(value: &mut Value, path: &[&str], bytes: usize) -> usize {
    match (path, value) {
        ([], Value::Array(items)) => {
            let mut freed = 0;
            while freed < bytes
                && let Some(item) = items.pop()
            {
                freed += encode(&item).len() + 1;
            }
            freed
        }
        (["*", rest @ ..], Value::Array(items)) => items
            .iter_mut()
            .rev()
            .fold(0, |freed, item| freed + pop(item, rest, bytes.saturating_sub(freed))),
        ([field, rest @ ..], Value::Object(fields)) => {
            fields.get_mut(*field).map_or(0, |value| pop(value, rest, bytes))
        }
        _ => 0,
    }
}

/// Cuts every text that takes more than `limit` bytes, and names the fields.
fn cut_texts(value: &mut Value, limit: usize, path: &mut Vec<String>, cut: &mut Vec<String>) {
    match value {
        Value::String(text) if encode(&Value::from(text.as_str())).len() > limit + 2 => {
            *text = cut_text(text, limit);
            cut.push(name(&path.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut_texts(item, limit, path, cut)),
        Value::Object(fields) => {
            for (field, value) in fields {
                path.push(field.clone());
                cut_texts(value, limit, path, cut);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The front of a text, at most `limit` bytes of JSON with the mark of the cut.
fn cut_text(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    let mut used = MARK.len();
    let kept = text.chars().take_while(|c| {
        used += encode(&Value::from(c.to_string())).len() - 2;
        used <= limit
    });
    kept.chain(MARK.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;
    use crate::report::Reason;

    fn lines(report: &Report) -> Vec<Value> {
        let mut out = Vec::new();
        write(report, &Style::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with('\n'));
        assert!(text.lines().all(|line| line.len() + 1 < MAX_LINE));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn the_last_line_counts_the_others() {
        let lines = lines(&testdata::report());
        let of_type = |wanted: &str| lines.iter().filter(|line| line["type"] == wanted).count();
        let end = lines.last().unwrap();
        assert_eq!(lines[0]["type"], "scan.start");
        assert_eq!(end["type"], "scan.end");
        assert_eq!(end["lines"]["findings"], of_type("finding"));
        assert_eq!(end["lines"]["skips"], of_type("skip"));
        assert_eq!(lines.len(), 2 + of_type("finding") + of_type("skip"));
    }

    #[test]
    fn long_lists_are_cut_first_and_named() {
        let mut report = testdata::report();
        report.findings.truncate(1);
        let finding = &mut report.findings[0];
        finding.scope.reach = (0..1000).map(|n| format!("project-{n}")).collect();
        finding.scope.scopes = (0..100).map(|n| format!("scope-{n}")).collect();
        let line = &lines(&report)[1];
        assert_eq!(line["truncated"], serde_json::json!(["scope.reach"]));
        let kept = line["finding"]["scope"]["reach"].as_array().unwrap();
        assert!(kept.len() > 100 && kept[0] == "project-0", "{}", kept.len());
        assert_eq!(line["finding"]["scope"]["scopes"].as_array().unwrap().len(), 100);
    }

    #[test]
    fn nothing_makes_a_line_too_long() {
        let mut report = testdata::report();
        let hostile = "\u{e0041}\u{1}\"".repeat(5000);
        let finding = &mut report.findings[0];
        finding.also_in = vec!["nhi1:00000000000000000000000000000000".into(); 1000];
        let credential = finding.credentials[0].clone();
        finding.credentials = vec![credential; 500];
        finding.score.factors[0].reasons = vec![Reason { points: 1, text: hostile.clone() }; 20];
        for text in [
            &mut finding.location.path,
            &mut finding.title,
            &mut finding.tool,
            &mut finding.rule,
            &mut finding.provider,
            &mut finding.category,
        ] {
            text.clone_from(&hostile);
        }
        for text in [
            &mut finding.identity.account,
            &mut finding.identity.tenant,
            &mut finding.identity.host,
            &mut finding.identity.issuer,
            &mut finding.identity.audience,
            &mut finding.identity.client_id,
            &mut finding.identity.client_name,
            &mut finding.identity.name,
            &mut finding.location.key,
            &mut finding.location.home,
            &mut finding.location.layer,
            &mut finding.location.path_base64,
            &mut finding.custody.held_by,
            &mut finding.custody.owner,
            &mut finding.custody.mode,
            &mut finding.end.logout,
            &mut finding.end.revoke,
            &mut finding.end.verify,
            &mut finding.end.better,
        ] {
            *text = Some(hostile.clone());
        }
        report.coverage.skipped[0].path.clone_from(&hostile);
        report.scan.roots = vec![hostile.clone(); 10];
        report.host.name = Some(hostile.clone());
        report.summary.by_tool = vec![crate::report::ToolCount { tool: hostile, count: 1 }; 400];
        let lines = lines(&report);
        let finding = &lines[1];
        assert!(
            finding["truncated"].as_array().unwrap().iter().any(|name| name == "location.path")
        );
        assert_eq!(finding["finding"]["id"], report.findings[0].id);
        for (at, pointer) in
            [(1, "/finding/location/path"), (1, "/finding/identity/account"), (0, "/host/name")]
        {
            assert!(
                lines[at].pointer(pointer).unwrap().as_str().unwrap().ends_with('…'),
                "{pointer}"
            );
        }
    }
}
