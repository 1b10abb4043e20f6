//! What changed between two reports, in words that each mean one thing.
//!
//! Findings are paired first ([`pair`]): by id, by the secret they share, by place. Then each pair, and each finding without one,
//! is told by the words of [`Word`]. What cannot be known is said: secrets can be compared only where both scans fingerprinted
//! under the same key file, and what was not looked at is not gone.

mod coverage;
mod pair;
mod told;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{Finding, Mode, Report, SCHEMA_VERSION, Severity};
use crate::rule::controls::Controls;

use coverage::Looked;
use pair::Pairs;

/// Two reports compared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// Version of this shape.
    pub schema_version: String,
    /// The earlier scan.
    pub old: Side,
    /// The later scan.
    pub new: Side,
    /// Whether secrets could be compared: both scans used the same fingerprint key.
    pub secrets_comparable: bool,
    /// What limits the comparison, in sentences.
    pub notes: Vec<String>,
    /// How many findings each word is said of, every word named.
    pub counts: BTreeMap<Word, usize>,
    /// Findings of which no word is said.
    pub unchanged: usize,
    /// Findings of which a word is said: riskiest first.
    pub changes: Vec<Change>,
    /// Places that one scan looked into and the other did not.
    pub coverage: Vec<CoverageChange>,
}

/// One of the scans.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// Id of the run.
    pub scan_id: String,
    /// Its start, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// Keyed hash of the machine id.
    pub host_id: Option<String>,
    /// Host name.
    pub host_name: Option<String>,
    /// Absolute paths that were scanned.
    pub roots: Vec<String>,
    /// How far it looked.
    pub mode: Mode,
    /// Whether it looked at everything it was to look at.
    pub complete: bool,
    /// Number of findings.
    pub findings: usize,
}

/// What is said of a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// A place with a secret that the old report has nowhere, and the old scan had looked there.
    New,
    /// A further place of a grant that the old report has: the secret is there still, and here too.
    Copied,
    /// The same grant with another secret: its key, password, refresh token or token without an end was replaced.
    Rotated,
    /// The same grant in another place, or kept in another way, and no longer where it was.
    Moved,
    /// Who can get at the file changed: mode, owner, readers, access list, or a circumstance that hands it to others.
    RePermissioned,
    /// What it may do or open changed: privilege, scopes, roles, reach, or which kinds of credentials it holds.
    ScopeChanged,
    /// It worked, and has ended since.
    Expired,
    /// Its end lies later than it did, or it had ended and works again, without another long-lived secret.
    Renewed,
    /// An exception accepts it that did not.
    ExceptionBegun,
    /// An exception accepted it and does no longer.
    ExceptionEnded,
    /// It is in one report only, because the other scan did not look there.
    CoverageChanged,
    /// No longer there, and the new scan had looked.
    Gone,
}

impl Word {
    /// Every word, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::New,
        Self::Copied,
        Self::Rotated,
        Self::Moved,
        Self::RePermissioned,
        Self::ScopeChanged,
        Self::Expired,
        Self::Renewed,
        Self::ExceptionBegun,
        Self::ExceptionEnded,
        Self::CoverageChanged,
        Self::Gone,
    ];

    /// The kebab-case name that reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Copied => "copied",
            Self::Rotated => "rotated",
            Self::Moved => "moved",
            Self::RePermissioned => "re-permissioned",
            Self::ScopeChanged => "scope-changed",
            Self::Expired => "expired",
            Self::Renewed => "renewed",
            Self::ExceptionBegun => "exception-begun",
            Self::ExceptionEnded => "exception-ended",
            Self::CoverageChanged => "coverage-changed",
            Self::Gone => "gone",
        }
    }
}

/// A finding of which something is said.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Its id in the new report; of what is only in the old one, that.
    pub id: String,
    /// Its id in the old report, null where it is in the new one only.
    pub old_id: Option<String>,
    /// Whether it is in the new report.
    pub present: bool,
    /// What is said, in the order of the words.
    pub told: Vec<Told>,
    /// Tool.
    pub tool: String,
    /// Rule.
    pub rule: String,
    /// Account, or what else names the grant.
    pub account: Option<String>,
    /// Path.
    pub path: String,
    /// Key within the file.
    pub key: Option<String>,
    /// Band of the score, in the new report where it is there.
    pub severity: Severity,
    /// Score, likewise.
    #[schemars(range(max = 100))]
    pub score: u8,
    /// Score in the old report.
    #[schemars(range(max = 100))]
    pub old_score: Option<u8>,
    /// Whether it counts: neither an exception nor the policy takes it out.
    pub counts: bool,
}

/// One word and why it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// The word.
    pub change: Word,
    /// Why, in one clause.
    pub text: String,
}

/// A place that only one of two scans looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageChange {
    /// The place.
    pub path: String,
    /// Whether the new scan looked into it; the other did not.
    pub looked_at: bool,
    /// Why the other did not.
    pub reason: crate::report::SkipReason,
}

impl Diff {
    /// Findings that someone should look at for the first time: new, copied, or seen only now; what does not count is left out.
    pub fn first_seen(&self) -> impl Iterator<Item = &Change> {
        let is_first =
            |told: &Told| matches!(told.change, Word::New | Word::Copied | Word::CoverageChanged);
        self.changes
            .iter()
            .filter(move |it| it.present && it.counts && it.told.iter().any(is_first))
    }

    /// Of each finding of the new report that changed, whether it is `new` or `updated`.
    pub fn states(&self) -> HashMap<&str, &'static str> {
        let is_new =
            |told: &Told| matches!(told.change, Word::New | Word::Copied | Word::CoverageChanged);
        let present = self.changes.iter().filter(|change| change.present);
        let state =
            |change: &Change| if change.told.iter().any(is_new) { "new" } else { "updated" };
        present.map(|change| (change.id.as_str(), state(change))).collect()
    }
}

/// Compares two reports.
pub fn diff(old: &Report, new: &Report) -> Diff {
    let pairs = Pairs::of(old, new);
    let (old_looked, new_looked) = (Looked::at(old), Looked::at(new));
    let mut changes = Vec::new();
    for &(before, after) in &pairs.pairs {
        let (before, after) = (&old.findings[before], &new.findings[after]);
        let told = told::of_pair(before, after, pairs.comparable);
        if !told.is_empty() {
            changes.push(Change::of(after, Some(before), true, told));
        }
    }
    let unchanged = pairs.pairs.len() - changes.len();
    for &at in &pairs.new {
        let finding = &new.findings[at];
        let told = told::of_new(finding, old, new, &pairs, old_looked.unseen(finding, &new_looked));
        changes.push(Change::of(finding, None, true, vec![told]));
    }
    for &at in &pairs.gone {
        let finding = &old.findings[at];
        let told = told::of_gone(finding, &pairs, new_looked.unseen(finding, &old_looked));
        changes.push(Change::of(finding, Some(finding), false, vec![told]));
    }
    changes.sort_by(|a, b| {
        let rank = |it: &Change| (!it.present, std::cmp::Reverse(it.score));
        rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)).then_with(|| a.id.cmp(&b.id))
    });
    let mut counts: BTreeMap<Word, usize> = Word::ALL.map(|word| (word, 0)).into();
    for told in changes.iter().flat_map(|change| &change.told) {
        *counts.entry(told.change).or_default() += 1;
    }
    Diff {
        schema_version: SCHEMA_VERSION.into(),
        old: Side::of(old),
        new: Side::of(new),
        secrets_comparable: pairs.comparable,
        notes: coverage::notes(old, new, pairs.comparable),
        counts,
        unchanged,
        changes,
        coverage: coverage::changes(old, new),
    }
}

/// What changed since a baseline, put into the report; secrets that the baseline proves to be older than the policy lets them
/// become without rotation get their issue.
pub fn since(baseline: &Report, report: &mut Report, controls: &Controls) {
    report.baseline = Some(Box::new(diff(baseline, report)));
    let pairs = Pairs::of(baseline, report);
    let days = report.scan.started_at.duration_since(baseline.scan.started_at).as_hours() / 24;
    for (before, after) in pairs.pairs {
        let finding = &mut report.findings[after];
        let limit = i64::from(finding.rotation.limit_days);
        let kept = pairs.comparable && told::keeps_secret(&baseline.findings[before], finding);
        if kept && limit > 0 && days > limit && !finding.issues.is_empty() {
            finding.issues.push("not-rotated".into());
            finding.issues = controls.in_order(&finding.issues);
            finding.controls = controls.touched(finding.issues.iter().map(String::as_str));
        }
    }
}

/// Whether the new report has a finding at or above a band that the old one did not have there already.
pub fn is_worse(old: &Report, new: &Report, limit: Severity) -> bool {
    let pairs = Pairs::of(old, new);
    let before: BTreeMap<usize, usize> =
        pairs.pairs.iter().map(|&(before, after)| (after, before)).collect();
    let reaches = |finding: &Finding| finding.counts() && finding.score.severity >= limit;
    new.findings.iter().enumerate().any(|(at, finding)| {
        reaches(finding) && !before.get(&at).is_some_and(|&before| reaches(&old.findings[before]))
    })
}

/// The findings of two reports that are the same grant: `(index in old, index in new)`, and whether it kept its secret.
pub(crate) fn same_grants(old: &Report, new: &Report) -> Vec<(usize, usize, Secret)> {
    let pairs = Pairs::of(old, new);
    let secret = |before: usize, after: usize| {
        told::secret(&old.findings[before], &new.findings[after], pairs.comparable)
    };
    pairs.pairs.iter().map(|&(before, after)| (before, after, secret(before, after))).collect()
}

pub use told::Evidence;
pub(crate) use told::Secret;

impl Change {
    fn of(finding: &Finding, old: Option<&Finding>, present: bool, told: Vec<Told>) -> Self {
        let identity = &finding.identity;
        let names = [&identity.account, &identity.name, &identity.tenant, &identity.client_name];
        Self {
            id: finding.id.clone(),
            old_id: old.map(|old| old.id.clone()),
            present,
            told,
            tool: finding.tool.clone(),
            rule: finding.rule.clone(),
            account: names.into_iter().flatten().next().cloned(),
            path: finding.location.path.clone(),
            key: finding.location.key.clone(),
            severity: finding.score.severity,
            score: finding.score.total,
            old_score: old.map(|old| old.score.total),
            counts: finding.counts(),
        }
    }
}

impl Side {
    fn of(report: &Report) -> Self {
        Self {
            scan_id: report.scan.id.clone(),
            started_at: report.scan.started_at,
            host_id: report.host.id.clone(),
            host_name: report.host.name.clone(),
            roots: report.scan.roots.clone(),
            mode: report.scan.mode,
            complete: report.coverage.complete,
            findings: report.findings.len(),
        }
    }
}

#[cfg(test)]
mod tests;
