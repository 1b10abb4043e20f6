//! What fleet managers want to know of a machine: a few numbers that change only when something has changed.

use std::collections::BTreeMap;

use crate::report::{Report, Severity, SkipReason};

/// Counts over the findings that count.
pub(super) struct Tally {
    /// By band.
    by_severity: BTreeMap<Severity, usize>,
    /// By tool, most first.
    pub(super) by_tool: Vec<(String, usize)>,
    /// Highest score, 0 where there is none.
    pub(super) worst: u8,
    /// Findings that exceptions or the policy cover.
    pub(super) accepted: usize,
    /// Whether everything but what was excluded was looked into.
    pub(super) complete: bool,
    /// Places that were not, the excluded ones left out.
    pub(super) skipped: u64,
    /// Which rules, in eight digits.
    pub(super) rules: String,
}

impl Tally {
    /// Counts.
    pub(super) fn new(report: &Report) -> Self {
        let mut by_severity = BTreeMap::new();
        let mut by_tool: BTreeMap<&str, usize> = BTreeMap::new();
        let open = || report.findings.iter().filter(|it| it.counts());
        for finding in open() {
            *by_severity.entry(finding.score.severity).or_default() += 1;
            *by_tool.entry(&finding.tool).or_default() += 1;
        }
        let mut by_tool: Vec<_> =
            by_tool.into_iter().map(|(tool, count)| (tool.to_owned(), count)).collect();
        by_tool.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
        let skipped = report.coverage.skipped.iter();
        let skipped = skipped.filter(|skip| skip.reason != SkipReason::Excluded);
        Self {
            by_severity,
            by_tool,
            worst: open().map(|it| it.score.total).max().unwrap_or(0),
            accepted: report.findings.len() - open().count(),
            complete: report.coverage.complete,
            skipped: skipped.map(|skip| skip.count).sum(),
            rules: report.tool.rules.sha256.chars().take(8).collect(),
        }
    }

    /// Findings of a band.
    pub(super) fn of(&self, severity: Severity) -> usize {
        self.by_severity.get(&severity).copied().unwrap_or(0)
    }

    /// Critical and high ones.
    pub(super) fn act_now(&self) -> usize {
        self.of(Severity::Critical) + self.of(Severity::High)
    }

    /// Low ones and mere information.
    pub(super) fn fine(&self) -> usize {
        self.of(Severity::Low) + self.of(Severity::Info)
    }
}
