//! Which finding of one report is which of the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::report::{Finding, Report};

/// Findings of two reports, by index.
pub(super) struct Pairs {
    /// Whether fingerprints of both were made under the same key file.
    pub(super) comparable: bool,
    /// The same grant: `(old, new)`.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Only in the new report.
    pub(super) new: Vec<usize>,
    /// Only in the old report.
    pub(super) gone: Vec<usize>,
    /// Secrets of the old report, each with where it lay.
    old_places: HashMap<String, usize>,
    /// Findings of the new report that have a partner, by id.
    known: HashMap<String, usize>,
    /// Secrets of the new report.
    new_prints: HashSet<String>,
    /// Ids in the old report of findings that have a partner.
    kept: HashSet<String>,
}

/// What tells that two findings may be the same grant.
type Likeness<'r, K> = fn(&'r Finding) -> Option<K>;

impl Pairs {
    /// Pairs them, the surest first: the same id and a shared secret; the same place and identity and a shared secret (ids count
    /// equals, and the count may have shifted); the same id; a shared secret; the same place with another key's id.
    pub(super) fn of(old: &Report, new: &Report) -> Self {
        let key = &old.scan.fingerprint_key;
        let comparable = key != "scan" && *key == new.scan.fingerprint_key;
        let mut matching = Matching {
            old,
            new,
            comparable,
            old_left: (0..old.findings.len()).collect(),
            new_left: (0..new.findings.len()).collect(),
            pairs: Vec::new(),
        };
        if comparable {
            matching.alike(|it| Some(it.id.as_str()), shares);
            matching.alike(|it| Some(slot(it)), shares);
        }
        matching.alike(|it| Some(it.id.as_str()), |_, _| true);
        if comparable {
            matching.by_secret(|old, new| {
                old.rule == new.rule && old.location.path == new.location.path
            });
            matching.by_secret(|old, new| old.rule == new.rule);
            matching.by_secret(|_, _| true);
        }
        matching.alike(|it| Some(place(it)), is_another_key);
        let Matching { old_left, new_left, mut pairs, .. } = matching;
        pairs.sort_unstable_by_key(|(_, after)| *after);
        let mut old_places = HashMap::new();
        if comparable {
            for (at, finding) in old.findings.iter().enumerate() {
                for print in prints(finding) {
                    old_places.entry(print.to_owned()).or_insert(at);
                }
            }
        }
        let known =
            pairs.iter().map(|&(_, after)| (new.findings[after].id.clone(), after)).collect();
        let new_prints = new.findings.iter().filter(|_| comparable).flat_map(prints);
        let new_prints = new_prints.map(str::to_owned).collect();
        let kept = pairs.iter().map(|&(before, _)| old.findings[before].id.clone()).collect();
        Self {
            comparable,
            pairs,
            new: new_left.into_iter().collect(),
            gone: old_left.into_iter().collect(),
            old_places,
            known,
            new_prints,
            kept,
        }
    }

    /// Where else the secret of a new finding lies or lay that the old report knows.
    pub(super) fn known_elsewhere<'r>(
        &self,
        finding: &'r Finding,
        old: &'r Report,
        new: &'r Report,
    ) -> Option<&'r Finding> {
        let beside = finding.also_in.iter().find_map(|id| self.known.get(id));
        let beside = beside.and_then(|at| new.findings.get(*at));
        let before = || {
            let at = prints(finding).find_map(|print| self.old_places.get(print))?;
            old.findings.get(*at)
        };
        beside.or_else(before)
    }

    /// Whether another place of what is gone is still there.
    pub(super) fn stays_elsewhere(&self, finding: &Finding) -> bool {
        finding.also_in.iter().any(|id| self.kept.contains(id))
            || prints(finding).any(|print| self.new_prints.contains(print))
    }
}

struct Matching<'r> {
    old: &'r Report,
    new: &'r Report,
    comparable: bool,
    old_left: BTreeSet<usize>,
    new_left: BTreeSet<usize>,
    pairs: Vec<(usize, usize)>,
}

impl<'r> Matching<'r> {
    /// Pairs what is alike and fits, in the order of the reports.
    fn alike<K: Ord + 'r>(
        &mut self,
        likeness: Likeness<'r, K>,
        fits: impl Fn(&Finding, &Finding) -> bool,
    ) {
        let mut by_key: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for &at in &self.new_left {
            if let Some(key) = likeness(&self.new.findings[at]) {
                by_key.entry(key).or_default().push(at);
            }
        }
        for before in self.old_left.clone() {
            let finding = &self.old.findings[before];
            let Some(candidates) = likeness(finding).and_then(|key| by_key.get_mut(&key)) else {
                continue;
            };
            let fitting = candidates.iter().position(|&at| fits(finding, &self.new.findings[at]));
            if let Some(place) = fitting {
                let after = candidates.remove(place);
                self.pair(before, after);
            }
        }
    }

    /// Pairs what shares a secret and fits.
    fn by_secret(&mut self, fits: impl Fn(&Finding, &Finding) -> bool) {
        debug_assert!(self.comparable, "fingerprints under different keys are never equal");
        let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
        for &at in &self.new_left {
            for print in prints(&self.new.findings[at]) {
                holders.entry(print).or_default().push(at);
            }
        }
        for before in self.old_left.clone() {
            let finding = &self.old.findings[before];
            let candidates = prints(finding).filter_map(|print| holders.get(print)).flatten();
            let found = candidates
                .copied()
                .find(|at| self.new_left.contains(at) && fits(finding, &self.new.findings[*at]));
            if let Some(after) = found {
                self.pair(before, after);
            }
        }
    }

    fn pair(&mut self, before: usize, after: usize) {
        self.old_left.remove(&before);
        self.new_left.remove(&after);
        self.pairs.push((before, after));
    }
}

/// Fingerprints of a finding's secrets.
pub(super) fn prints(finding: &Finding) -> impl Iterator<Item = &str> {
    finding.credentials.iter().filter_map(|credential| credential.fingerprint.as_deref())
}

fn shares(one: &Finding, other: &Finding) -> bool {
    prints(one).any(|print| prints(other).any(|other| other == print))
}

/// What an id is made of, but for the count of equals.
fn slot(finding: &Finding) -> (&str, &str, Option<&str>, Option<&str>, Option<&str>) {
    let (rule, path, key, kind) = place(finding);
    (rule, path, key, kind, finding.identity.account.as_deref())
}

/// The same without the account.
fn place(finding: &Finding) -> (&str, &str, Option<&str>, Option<&str>) {
    let kind = finding.credentials.first().map(|credential| credential.kind.as_str());
    (&finding.rule, &finding.location.path, finding.location.key.as_deref(), kind)
}

/// Whether two findings in one place differ in what names the key, not in whose it is.
fn is_another_key(old: &Finding, new: &Finding) -> bool {
    // Lines of a history are never rewritten: another line is another credential.
    if old.category == "history" {
        return false;
    }
    match (old.identity.account.as_deref(), new.identity.account.as_deref()) {
        (Some(old), Some(new)) => old != new && is_key_id(old) && is_key_id(new),
        // The file, or the rule, tells more or less of the account than it did.
        (None, _) | (_, None) => true,
    }
}

/// Whether an account is the id of a key and names nobody, such as an AWS access key id: a run of capitals and digits.
pub(super) fn is_key_id(account: &str) -> bool {
    let is_of = |byte: u8| byte.is_ascii_alphanumeric();
    account.len() >= 16
        && account.bytes().all(is_of)
        && account.bytes().any(|byte| byte.is_ascii_digit())
        && account.bytes().any(|byte| byte.is_ascii_uppercase())
}
