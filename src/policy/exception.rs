//! Exceptions: findings that someone has accepted, for a reason and until a day.
//!
//! A time is RFC 3339 in UTC (`2026-11-23T08:00:00Z`), or a day in UTC: granted from its start, expiring with its end. Of several
//! things that an entry names, a finding must have all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::Bounds;
use super::glob::PathGlob;
use super::read::{at, typed};
use crate::report::{Exception, ExceptionRecord, ExceptionState, Finding};
use crate::rule::check::Diagnostic;
use crate::rule::check::node::Node;
use crate::rule::controls::Controls;

/// The issue of a finding whose exception has ended.
pub(crate) const EXPIRED: &str = "exception-expired";

/// Most entries of a file.
const ENTRIES: usize = 10_000;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema_for!(ExceptionsFile).to_value());

/// A file of exceptions, as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionsFile {
    /// Version of this shape: 1.
    pub version: u32,
    /// Each accepts some findings.
    pub exceptions: Vec<Entry>,
}

/// One entry: at least one of `finding`, `rule`, `path`, `account` and `fingerprint`, and all of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Id of a finding, whole: `nhi1:` and 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// Id of a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Glob over the path: `*` stays within a component, `**` does not, `~/` is below any home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Account of the grant or of one of its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Fingerprint of one of its credentials, made under a key file: `hk1:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where that was decided.
    pub ticket: String,
    /// From when, UTC: a time that ends in `Z`, or a day from its start.
    pub granted: String,
    /// Until when, UTC: a time that ends in `Z`, or a day to its end.
    pub expires: String,
}

/// The exceptions of a scan.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    entries: Vec<Accepted>,
}

/// An entry that was found sound.
#[derive(Clone, Debug)]
struct Accepted {
    entry: Entry,
    path: Option<PathGlob>,
    granted: Timestamp,
    expires: Timestamp,
    /// 1-based, in its file.
    line: usize,
}

impl Exceptions {
    /// Reads a file, which is called `name` where something is wrong with it.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its place: what the schema does not know, blank fields, times that are not UTC, more
    /// time than the policy lets anyone grant.
    pub fn load(name: &str, text: &str, bounds: Bounds) -> Result<Self, Vec<Diagnostic>> {
        let (file, tree): (ExceptionsFile, _) = typed(name, text, &SCHEMA)?;
        let mut problems = Vec::new();
        if file.version != 1
            && let Some(version) = tree.get("version")
        {
            problems.push(at(name, version, "`version` must be 1"));
        }
        if file.exceptions.len() > ENTRIES {
            return Err(vec![at(name, &tree, "more than 10,000 exceptions")]);
        }
        let nodes = tree.items_of("exceptions");
        let mut entries = Vec::new();
        for (entry, node) in file.exceptions.into_iter().zip(nodes) {
            match accepted(name, entry, node, bounds) {
                Ok(entry) => entries.push(entry),
                Err(wrong) => problems.extend(wrong),
            }
        }
        problems.sort();
        if problems.is_empty() { Ok(Self { entries }) } else { Err(problems) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that are sound and yet no good idea: `(line, what)`.
    pub fn doubts(&self, now: Timestamp, bounds: Bounds) -> Vec<(usize, String)> {
        let mut doubts = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for it in &self.entries {
            let mut doubt = |text: String| doubts.push((it.line, text));
            match it.state(now, bounds) {
                ExceptionState::Expired => doubt(format!("ended {}", last_day(it.expires))),
                ExceptionState::Ending => doubt(format!("ends in {}", left(now, it.expires))),
                ExceptionState::Pending => {
                    doubt(format!("not in force before {}", day(it.granted)));
                }
                ExceptionState::InForce => {}
            }
            let only_path = it.entry.finding.is_none()
                && it.entry.rule.is_none()
                && it.entry.account.is_none()
                && it.entry.fingerprint.is_none();
            if only_path && it.path.as_ref().is_some_and(PathGlob::takes_all) {
                doubt("accepts every finding there is".into());
            }
            if let Some(first) = seen.insert(it.entry.accepts(), it.line) {
                doubt(format!("accepts what line {first} accepts"));
            }
        }
        doubts
    }

    /// Marks what is accepted, gives what is no longer accepted its issue, and tells what became of each entry.
    pub(crate) fn apply(
        &self,
        findings: &mut [Finding],
        now: Timestamp,
        bounds: Bounds,
        controls: &Controls,
    ) -> Vec<ExceptionRecord> {
        let mut records: Vec<_> = self.entries.iter().map(|it| it.record(now, bounds)).collect();
        for finding in findings {
            let mut ended = false;
            for (it, record) in self.entries.iter().zip(&mut records) {
                if !it.is_match(finding) {
                    continue;
                }
                record.findings.push(finding.id.clone());
                match record.state {
                    ExceptionState::Pending => {}
                    ExceptionState::Expired => ended = true,
                    // Of several in force the longest holds.
                    ExceptionState::InForce | ExceptionState::Ending => {
                        if finding.exception.as_ref().is_none_or(|known| known.expires < it.expires)
                        {
                            finding.exception = Some(it.exception());
                        }
                    }
                }
            }
            if ended && finding.exception.is_none() {
                finding.issues.push(EXPIRED.into());
                finding.issues = controls.in_order(&finding.issues);
                finding.controls = controls.touched(finding.issues.iter().map(String::as_str));
            }
        }
        for record in &mut records {
            record.findings.sort_unstable();
        }
        records
    }
}

impl Accepted {
    fn state(&self, now: Timestamp, bounds: Bounds) -> ExceptionState {
        let warn = SignedDuration::from_hours(24 * i64::from(bounds.warn));
        match () {
            () if self.expires <= now => ExceptionState::Expired,
            () if self.granted > now => ExceptionState::Pending,
            () if self.expires.duration_since(now) <= warn => ExceptionState::Ending,
            () => ExceptionState::InForce,
        }
    }

    fn is_match(&self, finding: &Finding) -> bool {
        let entry = &self.entry;
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let any =
            |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        same(&entry.finding, &finding.id)
            && same(&entry.rule, &finding.rule)
            && any(&entry.account, &|account| {
                let own = finding.credentials.iter().filter_map(|it| it.account.as_deref());
                finding.identity.account.as_deref().into_iter().chain(own).any(|it| it == account)
            })
            && any(&entry.fingerprint, &|print| {
                finding.credentials.iter().any(|it| it.fingerprint.as_deref() == Some(print))
            })
            && self.path.as_ref().is_none_or(|glob| glob.is_match(&finding.location))
    }

    fn exception(&self) -> Exception {
        let Entry { reason, owner, ticket, .. } = self.entry.clone();
        let (granted, expires) = (Some(self.granted), self.expires);
        Exception { reason, owner, ticket: Some(ticket), granted, expires }
    }

    fn record(&self, now: Timestamp, bounds: Bounds) -> ExceptionRecord {
        let Entry { reason, owner, ticket, .. } = self.entry.clone();
        ExceptionRecord {
            accepts: self.entry.accepts(),
            reason,
            owner,
            ticket,
            granted: self.granted,
            expires: self.expires,
            state: self.state(now, bounds),
            findings: Vec::new(),
        }
    }
}

impl Entry {
    /// What it accepts, in one line.
    fn accepts(&self) -> String {
        let mut text = String::new();
        for (name, value) in [
            ("finding", &self.finding),
            ("rule", &self.rule),
            ("path", &self.path),
            ("account", &self.account),
            ("fingerprint", &self.fingerprint),
        ] {
            let Some(value) = value else { continue };
            let comma = if text.is_empty() { "" } else { ", " };
            // A string takes what is written to it.
            let _ = write!(text, "{comma}{name} {value}");
        }
        text
    }
}

/// Checks an entry and reads its times.
fn accepted(
    name: &str,
    entry: Entry,
    node: &Node,
    bounds: Bounds,
) -> Result<Accepted, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut tell = |key: &str, message: String| {
        problems.push(at(name, node.get(key).unwrap_or(node), &message));
    };
    for (key, value) in
        [("reason", &entry.reason), ("owner", &entry.owner), ("ticket", &entry.ticket)]
    {
        if value.trim().is_empty() {
            tell(key, format!("`{key}` is blank"));
        }
    }
    let named = [&entry.finding, &entry.rule, &entry.path, &entry.account, &entry.fingerprint];
    if named.iter().all(|it| it.is_none()) {
        tell("", "one of `finding`, `rule`, `path`, `account` and `fingerprint` is missing".into());
    }
    if entry.finding.as_ref().is_some_and(|id| !is_finding_id(id)) {
        tell("finding", "a finding is `nhi1:` and 32 hex digits".into());
    }
    match entry.fingerprint.as_deref() {
        Some(print) if print.starts_with("hs1:") => {
            tell(
                "fingerprint",
                "`hs1:` holds for one scan only; scan with --fingerprint-key-file".into(),
            );
        }
        Some(print) if !print.starts_with("hk1:") => {
            tell("fingerprint", "a fingerprint begins with `hk1:`".into());
        }
        _ => {}
    }
    let path = match entry.path.as_deref().map(PathGlob::new) {
        Some(Err(why)) => {
            tell("path", why.into());
            None
        }
        Some(Ok(glob)) => Some(glob),
        None => None,
    };
    let granted = instant(&entry.granted, Day::Start).map_err(|why| tell("granted", why)).ok();
    let expires = instant(&entry.expires, Day::End).map_err(|why| tell("expires", why)).ok();
    if let (Some(granted), Some(expires)) = (granted, expires) {
        let longest = SignedDuration::from_hours(24 * i64::from(bounds.longest));
        if expires <= granted {
            tell("expires", "`expires` is not after `granted`".into());
        } else if expires.duration_since(granted) > longest {
            let latest = granted.checked_add(longest).map(|at| format!(", here to {at}"));
            let latest = latest.unwrap_or_default();
            tell("expires", format!("the policy grants at most {} days{latest}", bounds.longest));
        }
    }
    match (granted, expires, problems.is_empty()) {
        (Some(granted), Some(expires), true) => {
            Ok(Accepted { entry, path, granted, expires, line: node.line })
        }
        _ => Err(problems),
    }
}

/// Whether it is the whole id of a finding.
pub(crate) fn is_finding_id(id: &str) -> bool {
    id.strip_prefix("nhi1:").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Which end of a day is meant.
#[derive(Clone, Copy)]
pub(crate) enum Day {
    Start,
    End,
}

/// A time in UTC, or an end of a day in UTC.
///
/// # Errors
/// What is wrong with it, and where possible how it would be right.
pub(crate) fn instant(text: &str, day: Day) -> Result<Timestamp, String> {
    const WANTED: &str =
        "a time such as `2026-11-23T08:00:00Z` or a day such as `2026-11-23` expected";
    if text.len() == 10 {
        let date: Date = text.parse().map_err(|_| WANTED)?;
        let date = match day {
            Day::Start => date,
            Day::End => date.tomorrow().map_err(|_| WANTED)?,
        };
        return TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| WANTED.into());
    }
    let time: Timestamp = text.parse().map_err(|_| WANTED)?;
    if text.ends_with(['Z', 'z']) { Ok(time) } else { Err(format!("only UTC is read: `{time}`")) }
}

/// What someone should know of an exception, if anything.
pub(crate) fn warning(record: &ExceptionRecord) -> Option<String> {
    let state = match record.state {
        ExceptionState::Expired => format!("ended {}", last_day(record.expires)),
        ExceptionState::Ending => format!("ends {}", last_day(record.expires)),
        ExceptionState::Pending => format!("is not in force before {}", day(record.granted)),
        ExceptionState::InForce if record.findings.is_empty() => "is in force".into(),
        ExceptionState::InForce => return None,
    };
    let unmatched = if record.findings.is_empty() { " and matches nothing" } else { "" };
    let ExceptionRecord { accepts, owner, ticket, .. } = record;
    Some(format!("exception for {accepts} ({owner}, {ticket}) {state}{unmatched}"))
}

/// The day of a time, UTC.
pub(crate) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// The last day of something that ends then, UTC: midnight is the end of the day before.
pub(crate) fn last_day(end: Timestamp) -> String {
    day(end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(end))
}

/// Whole days to a time, or hours on its last two.
pub(crate) fn left(now: Timestamp, end: Timestamp) -> String {
    let hours = end.duration_since(now).as_hours().max(0);
    if hours < 48 { format!("{hours} h") } else { format!("{} d", hours / 24) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { longest: 180, warn: 14 };

    fn load(text: &str) -> Result<Exceptions, Vec<Diagnostic>> {
        Exceptions::load("x.yaml", text, BOUNDS)
    }

    fn entry(fields: &str) -> String {
        format!(
            "version: 1\nexceptions:\n- {{{fields}, reason: r, owner: o, ticket: t, granted: 2026-09-01, expires: 2026-12-01}}\n"
        )
    }

    #[test]
    fn days_are_utc_and_whole() {
        for (text, day, at) in [
            ("2026-11-23", Day::Start, Some("2026-11-23T00:00:00Z")),
            ("2026-11-23", Day::End, Some("2026-11-24T00:00:00Z")),
            ("2026-11-23T08:00:00Z", Day::End, Some("2026-11-23T08:00:00Z")),
            ("2026-11-23T08:00:00+01:00", Day::End, None),
            ("2026-11-23T08:00:00", Day::End, None),
            ("2026-02-30", Day::End, None),
            ("9999-12-31", Day::End, None),
            ("tomorrow", Day::End, None),
            ("23.11.2026", Day::End, None),
        ] {
            let read = instant(text, day).ok().map(|time| time.to_string());
            assert_eq!(read.as_deref(), at, "{text}");
        }
        assert_eq!(
            instant("2026-11-23T08:00:00+01:00", Day::End).unwrap_err(),
            "only UTC is read: `2026-11-23T07:00:00Z`"
        );
    }

    #[test]
    fn refuses_what_is_not_whole() {
        let id = format!("nhi1:{}", "0a".repeat(16));
        assert!(load(&entry(&format!("finding: '{id}'"))).is_ok());
        for (text, told) in [
            ("version: 1".to_owned(), "x.yaml:1:1: `exceptions` is missing"),
            ("version: 2\nexceptions: []".into(), "x.yaml:1:10: `version` must be 1"),
            (entry("findng: x"), "x.yaml:3:4: unknown key `findng` (did you mean `finding`?)"),
            (entry("finding: 3fa91c"), "x.yaml:3:13: a finding is `nhi1:` and 32 hex digits"),
            (entry("path: '*'"), "x.yaml:3:10: a path glob begins with"),
            (entry("fingerprint: 'hs1:aa'"), "x.yaml:3:17: `hs1:` holds for one scan only"),
            (entry("rule: gh").replace("owner: o, ", ""), "x.yaml:3:3: `owner` is missing"),
            (entry("rule: gh").replace("ticket: t", "ticket: ' '"), "x.yaml:3:43: `ticket` is blank"),
            (entry("rule: gh").replace("2026-12-01", "2027-03-01"), "x.yaml:3:76: the policy grants at most 180 days, here to 2027-02-28T00:00:00Z"),
            (entry("rule: gh").replace("2026-12-01", "2026-08-01"), "x.yaml:3:76: `expires` is not after `granted`"),
            (entry("rule: gh").replace("2026-12-01", "2026-12-01T00:00:00+02:00"), "x.yaml:3:76: only UTC is read: `2026-11-30T22:00:00Z`"),
            (
                "version: 1\nexceptions:\n- {reason: r, owner: o, ticket: t, granted: 2026-09-01, expires: 2026-12-01}".into(),
                "x.yaml:3:3: one of `finding`",
            ),
        ] {
            let problems = load(&text).map(|_| ()).expect_err(&text);
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(lines.iter().any(|line| line.starts_with(told)), "{told}: {lines:?}");
        }
    }

    #[test]
    fn every_problem_of_every_entry_is_told() {
        let text = entry("rule: gh").replace("reason: r", "reason: ''")
            + "- {rule: x, reason: r, owner: '', ticket: t, granted: yesterday, expires: 2026-12-01}\n";
        let lines: Vec<_> = load(&text).unwrap_err().iter().map(|it| it.line).collect();
        assert_eq!(lines, [3, 4, 4]);
    }

    #[test]
    fn states_at_their_edges() {
        let exceptions = load(&entry("rule: gh")).unwrap();
        for (now, state) in [
            ("2026-08-31T23:59:59Z", ExceptionState::Pending),
            ("2026-09-01T00:00:00Z", ExceptionState::InForce),
            ("2026-11-17T23:59:59Z", ExceptionState::InForce),
            ("2026-11-18T00:00:00Z", ExceptionState::Ending),
            ("2026-12-01T23:59:59Z", ExceptionState::Ending),
            ("2026-12-02T00:00:00Z", ExceptionState::Expired),
        ] {
            assert_eq!(exceptions.entries[0].state(now.parse().unwrap(), BOUNDS), state, "{now}");
        }
    }

    #[test]
    fn doubts() {
        let one = entry("rule: gh");
        let more = one.trim_start_matches("version: 1\nexceptions:\n");
        let exceptions = load(&format!("{}{more}{more}", entry("path: '/**'"))).unwrap();
        let doubts = exceptions.doubts("2026-11-20T00:00:00Z".parse().unwrap(), BOUNDS);
        let told: Vec<_> = doubts.iter().map(|(line, text)| format!("{line} {text}")).collect();
        assert_eq!(
            told,
            [
                "3 ends in 12 d",
                "3 accepts every finding there is",
                "4 ends in 12 d",
                "5 ends in 12 d",
                "5 accepts what line 4 accepts"
            ]
        );
    }
}
