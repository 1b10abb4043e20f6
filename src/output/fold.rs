//! One grant, its places: findings that share a secret are one row, and every row has a short name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::report::{Finding, Report};

/// Hex digits a short id has at least.
const SHORT: usize = 6;

/// A grant in all its places.
pub(crate) struct Places<'r> {
    /// The riskiest finding that counts, else the riskiest.
    pub(crate) lead: &'r Finding,
    /// The other places, in the report's order.
    pub(crate) others: Vec<&'r Finding>,
}

impl<'r> Places<'r> {
    fn new(mut findings: Vec<&'r Finding>) -> Self {
        let open = findings.iter().position(|finding| finding.counts());
        let lead = findings.remove(open.unwrap_or(0));
        Self { lead, others: findings }
    }

    /// Number of places.
    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether no place counts: exceptions or the policy cover all.
    pub(crate) fn is_accepted(&self) -> bool {
        !self.lead.counts()
    }
}

/// The grants of a report, riskiest first: findings that `also_in` links, however far around, are one.
pub(crate) fn grants(report: &Report) -> Vec<Places<'_>> {
    let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, finding) in report.findings.iter().enumerate() {
        by_id.entry(&finding.id).or_default().push(at);
    }
    let mut taken = vec![false; report.findings.len()];
    let mut grants = Vec::new();
    for first in 0..report.findings.len() {
        if taken[first] {
            continue;
        }
        taken[first] = true;
        let mut members = BTreeSet::new();
        let mut open = vec![first];
        while let Some(at) = open.pop() {
            members.insert(at);
            let linked = report.findings[at]
                .also_in
                .iter()
                .filter_map(|id| by_id.get(id.as_str()))
                .flatten();
            open.extend(linked.copied().filter(|&at| !std::mem::replace(&mut taken[at], true)));
        }
        grants.push(Places::new(members.into_iter().map(|at| &report.findings[at]).collect()));
    }
    grants.sort_by_key(|grant| Reverse(grant.lead.score.total));
    grants
}

/// Short ids: the first six hex digits, more where two findings begin alike.
pub(crate) struct ShortIds<'r>(BTreeMap<&'r str, usize>);

impl<'r> ShortIds<'r> {
    /// The short ids of a report's findings.
    pub(crate) fn new(report: &'r Report) -> Self {
        Self(lengths(report.findings.iter().map(|finding| finding.id.as_str())))
    }

    /// The short form of an id.
    pub(crate) fn get<'i>(&self, id: &'i str) -> &'i str {
        let digits = digits(id);
        let length = self.0.get(digits).copied().unwrap_or(SHORT);
        digits.get(..length).unwrap_or(digits)
    }
}

/// How many digits each id needs.
fn lengths<'i>(ids: impl Iterator<Item = &'i str>) -> BTreeMap<&'i str, usize> {
    let ids: BTreeSet<&str> = ids.map(digits).collect();
    let mut lengths: BTreeMap<&str, usize> = ids.iter().map(|id| (*id, SHORT)).collect();
    for (one, next) in ids.iter().zip(ids.iter().skip(1)) {
        let needed = 1 + one.bytes().zip(next.bytes()).take_while(|(a, b)| a == b).count();
        for id in [one, next] {
            lengths.entry(*id).and_modify(|length| *length = needed.max(*length));
        }
    }
    lengths
}

/// The short form of each of these ids.
pub(super) fn short<'i>(ids: &[&'i str]) -> BTreeMap<&'i str, &'i str> {
    let lengths = lengths(ids.iter().copied());
    let short = |id: &'i str| {
        let digits = digits(id);
        digits.get(..lengths.get(digits).copied().unwrap_or(SHORT)).unwrap_or(digits)
    };
    ids.iter().map(|id| (*id, short(id))).collect()
}

/// An id without its scheme.
pub(crate) fn digits(id: &str) -> &str {
    id.strip_prefix("nhi1:").unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn linked_findings_are_one_grant() {
        let report = testdata::report();
        let grants = grants(&report);
        let shapes: Vec<_> =
            grants.iter().map(|grant| (grant.lead.rule.as_str(), grant.count())).collect();
        assert_eq!(shapes[..3], [("az", 3), ("aws", 1), ("docker-login", 2)]);
        assert_eq!(grants.iter().map(Places::count).sum::<usize>(), report.findings.len());
    }

    #[test]
    fn links_that_lead_nowhere_or_in_circles_do_no_harm() {
        let mut report = testdata::report();
        let own = report.findings[0].id.clone();
        report.findings[0].also_in = vec![own, "nhi1:gone".into()];
        let last = report.findings.last().unwrap().clone();
        report.findings.push(last);
        assert_eq!(grants(&report).iter().map(Places::count).sum::<usize>(), report.findings.len());
    }

    #[test]
    fn ids_are_as_long_as_needed() {
        let mut report = testdata::report();
        for (finding, id) in report.findings.iter_mut().zip([
            "nhi1:aaaaaaa1",
            "nhi1:aaaaaaa2",
            "nhi1:bbb",
            "ünïcödé-ünïcödé",
        ]) {
            finding.id = id.into();
        }
        let ids = ShortIds::new(&report);
        assert_eq!(ids.get("nhi1:aaaaaaa1"), "aaaaaaa1");
        assert_eq!(ids.get("nhi1:bbb"), "bbb");
        assert_eq!(ids.get("ünïcödé-ünïcödé").chars().next(), Some('ü'));
    }
}
