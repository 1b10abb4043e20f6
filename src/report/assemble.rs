//! Placed grants to the finished report: fold, judge, name, order, count.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::fold::{self, Places};
use super::{
    AgeBasis, Coverage, Finding, Host, PolicyUsed, Report, RulePack, SCHEMA_VERSION, Scan,
    Severity, SkipReason, Summary, Tool, ToolCount,
};
use crate::extract::Placed;
use crate::extract::secret::hex;
use crate::policy::{Exceptions, Policy};
use crate::rule::controls::Controls;
use crate::score::{self, Context};

/// What judges the grants.
pub struct Bench<'b> {
    /// The clock.
    pub now: Timestamp,
    /// Limits.
    pub policy: &'b Policy,
    /// Issue kinds and their controls.
    pub controls: &'b Controls,
    /// What is accepted.
    pub exceptions: &'b Exceptions,
}

/// What is known of the run beside its findings.
pub struct Frame {
    /// Rules applied.
    pub rules: RulePack,
    /// The run.
    pub scan: Scan,
    /// The machine.
    pub host: Host,
    /// What was looked at; `complete` and order are decided here.
    pub coverage: Coverage,
}

/// Builds the report.
pub fn assemble(placed: Vec<Placed>, bench: &Bench<'_>, frame: Frame) -> Report {
    let placed = fold::within_files(placed);
    let places = Places::of(&placed);
    let mut findings: Vec<Finding> = placed
        .iter()
        .enumerate()
        .map(|(at, placed)| {
            let context = Context {
                now: bench.now,
                policy: bench.policy,
                controls: bench.controls,
                path: &placed.path,
                copies: places.others(at).len(),
            };
            let mut finding = score::finding(placed.grant.clone(), &placed.facts, &context);
            if placed.grant.claimed && finding.lifetime.age_basis == AgeBasis::Stated {
                finding.lifetime.age_basis = AgeBasis::Claim;
            }
            finding
        })
        .collect();
    name(&mut findings);
    let ids: Vec<String> = findings.iter().map(|finding| finding.id.clone()).collect();
    for (at, finding) in findings.iter_mut().enumerate() {
        finding.also_in = places.others(at).iter().map(|&other| ids[other].clone()).collect();
        finding.also_in.sort_unstable();
    }
    let exceptions =
        bench.exceptions.apply(&mut findings, bench.now, bench.policy.exceptions, bench.controls);
    for finding in &mut findings {
        finding.ignored = bench.policy.ignores(&finding.rule, &finding.location);
    }
    let grants = places.grants(|at| findings[at].counts());
    findings.sort_by(|a, b| {
        let rank = |f: &Finding| {
            (std::cmp::Reverse(f.score.total), f.tool.clone(), f.location.path.clone())
        };
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.location.line.cmp(&b.location.line))
            .then_with(|| a.id.cmp(&b.id))
    });
    Report {
        schema_version: SCHEMA_VERSION.into(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            rules: frame.rules,
        },
        scan: frame.scan,
        host: frame.host,
        policy: PolicyUsed { built_in: bench.policy.is_built_in(), sha256: bench.policy.sha256() },
        summary: summary(&findings, grants),
        findings,
        exceptions,
        coverage: settled(frame.coverage),
        baseline: None,
    }
}

/// Gives each finding its stable id: a hash of place and identity, never of a secret. A history entry is told from its
/// neighbours by its time, since lines move; whatever is equal then is counted.
fn name(findings: &mut [Finding]) {
    let mut equals: HashMap<String, u32> = HashMap::new();
    for finding in findings {
        let kind = finding.credentials.first().map_or("", |credential| credential.kind.as_str());
        let entry_time = match finding.category.as_str() {
            "history" => finding.lifetime.issued_at.map(|time| time.as_second().to_string()),
            _ => None,
        };
        let parts = [
            finding.rule.as_str(),
            &finding.location.path,
            finding.location.key.as_deref().unwrap_or_default(),
            finding.identity.account.as_deref().unwrap_or_default(),
            kind,
            entry_time.as_deref().unwrap_or_default(),
        ];
        let ordinal = equals.entry(parts.join("\0")).or_default();
        let digest = Sha256::digest(format!("{}\0{ordinal}", parts.join("\0")));
        *ordinal += 1;
        finding.id = format!("nhi1:{}", hex(&digest[..16]));
    }
}

fn summary(findings: &[Finding], grants: usize) -> Summary {
    let mut by_severity: BTreeMap<Severity, usize> = Severity::ALL.map(|band| (band, 0)).into();
    let mut by_tool: BTreeMap<&str, usize> = BTreeMap::new();
    let counting = || findings.iter().filter(|finding| finding.counts());
    for finding in counting() {
        *by_severity.entry(finding.score.severity).or_default() += 1;
        *by_tool.entry(&finding.tool).or_default() += 1;
    }
    let mut by_tool: Vec<ToolCount> =
        by_tool.into_iter().map(|(tool, count)| ToolCount { tool: tool.into(), count }).collect();
    by_tool.sort_by_key(|tool| std::cmp::Reverse(tool.count));
    let accepted = findings.iter().filter(|finding| finding.exception.is_some()).count();
    let findings_that_count = counting().count();
    let ignored = findings.len() - findings_that_count - accepted;
    Summary { findings: findings_that_count, grants, accepted, ignored, by_severity, by_tool }
}

/// Ordered skips, and the verdict: complete when nothing but what the user excluded was left out.
fn settled(mut coverage: Coverage) -> Coverage {
    let mut counts: BTreeMap<(String, SkipReason), u64> = BTreeMap::new();
    for skip in coverage.skipped.drain(..) {
        let known = counts.entry((skip.path, skip.reason)).or_default();
        *known = (*known).max(skip.count);
    }
    coverage.skipped = counts
        .into_iter()
        .map(|((path, reason), count)| super::Skipped { path, reason, count })
        .collect();
    coverage.complete = coverage.skipped.iter().all(|skip| skip.reason == SkipReason::Excluded);
    coverage
}
