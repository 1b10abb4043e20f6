//! What two scans looked at, and so what their difference can tell.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::CoverageChange;
use crate::report::{Finding, Mode, Report, SkipReason};

/// Why a scan did not look where the other found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// Outside its roots.
    Outside,
    /// Skipped, with this reason.
    Skipped(SkipReason),
    /// It did not look that far.
    Mode(Mode),
    /// It had fewer rules, and none of its findings is by this one.
    Rules,
}

/// What a scan looked at.
pub(super) struct Looked<'r> {
    report: &'r Report,
    paths: HashSet<&'r str>,
    rules: HashSet<&'r str>,
    skips: HashMap<&'r str, SkipReason>,
}

impl<'r> Looked<'r> {
    pub(super) fn at(report: &'r Report) -> Self {
        Self {
            report,
            paths: report.findings.iter().map(|it| it.location.path.as_str()).collect(),
            rules: report.findings.iter().map(|it| it.rule.as_str()).collect(),
            skips: report.coverage.skipped.iter().map(|it| (it.path.as_str(), it.reason)).collect(),
        }
    }

    /// Why it did not look where `other` has a finding; none if it did.
    pub(super) fn unseen(&self, finding: &Finding, other: &Self) -> Option<Unseen> {
        let path = finding.location.path.as_str();
        let is_of_environment = path.starts_with("env:");
        let roots = &self.report.scan.roots;
        let is_root = |place: &str| {
            roots.iter().any(|root| root == place || root.trim_end_matches(['/', '\\']) == place)
        };
        if !is_of_environment && !places(path).any(is_root) {
            return Some(Unseen::Outside);
        }
        if let Some(reason) = places(path).find_map(|place| self.skips.get(place)) {
            return Some(Unseen::Skipped(*reason));
        }
        if self.paths.contains(path) {
            return None;
        }
        let (mode, others) = (self.report.scan.mode, other.report.scan.mode);
        if rank(mode) < rank(others) && !is_of_environment {
            return Some(Unseen::Mode(mode));
        }
        let (rules, others) = (self.report.tool.rules.count, other.report.tool.rules.count);
        (rules < others && !self.rules.contains(finding.rule.as_str())).then_some(Unseen::Rules)
    }
}

/// A path and every folder above it, the innermost first; the outermost is empty or a drive.
fn places(path: &str) -> impl Iterator<Item = &str> {
    let cuts = path.rmatch_indices(['/', '\\']).map(|(at, _)| &path[..at]);
    std::iter::once(path).chain(cuts)
}

const fn rank(mode: Mode) -> u8 {
    match mode {
        Mode::Quick => 0,
        Mode::Default => 1,
        Mode::Thorough => 2,
        Mode::Deep => 3,
    }
}

/// Places that only one of the scans could look into.
pub(super) fn changes(old: &Report, new: &Report) -> Vec<CoverageChange> {
    let places = |report: &Report| -> BTreeSet<(String, SkipReason)> {
        report.coverage.skipped.iter().map(|skip| (skip.path.clone(), skip.reason)).collect()
    };
    let (old_skips, new_skips) = (places(old), places(new));
    let paths = |skips: &BTreeSet<(String, SkipReason)>| -> BTreeSet<String> {
        skips.iter().map(|(path, _)| path.clone()).collect()
    };
    let (old_paths, new_paths) = (paths(&old_skips), paths(&new_skips));
    let of = |skips: BTreeSet<(String, SkipReason)>, others: &BTreeSet<String>, looked_at| {
        let only = skips.into_iter().filter(|(path, _)| !others.contains(path));
        only.map(|(path, reason)| CoverageChange { path, looked_at, reason }).collect::<Vec<_>>()
    };
    let mut changes = of(new_skips, &old_paths, false);
    changes.extend(of(old_skips, &new_paths, true));
    changes
}

/// What a reader must know of the two scans before believing the difference.
pub(super) fn notes(old: &Report, new: &Report, comparable: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |is: bool, text: String| {
        if is {
            notes.push(text);
        }
    };
    let keys = [&old.scan.fingerprint_key, &new.scan.fingerprint_key];
    let keyless = keys.iter().any(|key| *key == "scan");
    note(
        !comparable && keyless,
        "Secrets cannot be compared: a scan without --fingerprint-key-file has fingerprints of its own. Rotation is told only where a file states when its secret was issued, a move not at all.".into(),
    );
    note(
        !comparable && !keyless,
        format!(
            "Secrets cannot be compared: the fingerprints were made under different keys ({} and {}). Rotation is told only where a file states when its secret was issued, a move not at all.",
            keys[0], keys[1]
        ),
    );
    let without = unfingerprinted(new);
    note(
        comparable && without > 0,
        format!(
            "{without} findings of the new report have credentials without a fingerprint (passwords, keychains): rotation of these is told only where their issue time is."
        ),
    );
    note(old.host.id != new.host.id, "The reports are of different hosts.".into());
    note(old.scan.roots != new.scan.roots, "The scans had different roots.".into());
    note(old.scan.mode != new.scan.mode, "The scans did not look equally far.".into());
    note(
        old.tool.rules.sha256 != new.tool.rules.sha256
            || old.tool.rules.count != new.tool.rules.count,
        format!(
            "The rules differ ({} and {}): a finding may be new or gone because of them.",
            old.tool.rules.count, new.tool.rules.count
        ),
    );
    let policies = [&old.policy.sha256, &new.policy.sha256];
    note(
        policies[0] != policies[1] && policies.iter().all(|it| !it.is_empty()),
        "The policies differ: scores may.".into(),
    );
    note(!new.coverage.complete, "The new scan did not look at everything.".into());
    note(old.scan.started_at > new.scan.started_at, "The old report is the later one.".into());
    notes
}

/// Findings of which no credential has a fingerprint, though there are some.
fn unfingerprinted(report: &Report) -> usize {
    let bare = |finding: &&Finding| {
        !finding.credentials.is_empty()
            && finding.credentials.iter().all(|credential| credential.fingerprint.is_none())
    };
    report.findings.iter().filter(bare).count()
}
