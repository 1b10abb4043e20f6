//! Folding: equal secrets in one file are one credential; over files, each place is a finding that names the others.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::extract::Placed;
use crate::grant::{FoldKey, Grant};

/// Folds equal secrets of one file into the grant that tells most of its identity.
pub(super) fn within_files(mut placed: Vec<Placed>) -> Vec<Placed> {
    // Stable: what a file yields stays in the file's order.
    placed.sort_by(|a, b| a.path.cmp(&b.path));
    let mut kept: Vec<Placed> = Vec::with_capacity(placed.len());
    let mut file: Vec<Placed> = Vec::new();
    for place in placed {
        if file.last().is_some_and(|last| last.path != place.path) {
            kept.extend(one_file(std::mem::take(&mut file)));
        }
        file.push(place);
    }
    kept.extend(one_file(file));
    kept
}

/// A file that several others include, or that a rule claims as well, was read by that rule more than once: its first reading counts.
fn read_once(placed: &mut Vec<Placed>) {
    if placed.iter().all(|place| place.facts.included_by.is_none()) {
        return;
    }
    let mut first: HashMap<String, Option<Box<Path>>> = HashMap::new();
    for place in &*placed {
        let by = &place.facts.included_by;
        let known = first.entry(place.grant.rule.clone()).or_insert_with(|| by.clone());
        if by < known {
            known.clone_from(by);
        }
    }
    placed.retain(|place| first.get(&place.grant.rule) == Some(&place.facts.included_by));
}

fn one_file(mut placed: Vec<Placed>) -> Vec<Placed> {
    read_once(&mut placed);
    let mut by_richness: Vec<(usize, Placed)> = placed.into_iter().enumerate().collect();
    by_richness.sort_by_key(|(_, placed)| std::cmp::Reverse(richness(&placed.grant)));
    let mut kept: Vec<(usize, Placed)> = Vec::with_capacity(by_richness.len());
    let mut owners: HashMap<FoldKey, usize> = HashMap::new();
    for (order, mut place) in by_richness {
        let held = place.grant.credentials.is_empty();
        place.grant.credentials.retain(|credential| {
            let Some(fold) = credential.fold else { return true };
            let Some(&owner) = owners.get(&fold) else { return true };
            merge(&mut kept, owner, fold, credential);
            false
        });
        if !held && place.grant.credentials.is_empty() {
            continue;
        }
        let same = |known: &Placed| {
            known.grant.rule == place.grant.rule
                && known.grant.identity == place.grant.identity
                && known.grant.spot == place.grant.spot
        };
        if held && kept.iter().any(|(_, known)| known.grant.credentials.is_empty() && same(known)) {
            continue;
        }
        dedup(&mut place.grant);
        for fold in place.grant.credentials.iter().filter_map(|credential| credential.fold) {
            owners.insert(fold, kept.len());
        }
        kept.push((order, place));
    }
    kept.sort_by_key(|(order, _)| *order);
    kept.into_iter().map(|(_, placed)| placed).collect()
}

fn merge(
    kept: &mut [(usize, Placed)],
    owner: usize,
    fold: FoldKey,
    again: &crate::grant::Credential,
) {
    let credentials = &mut kept[owner].1.grant.credentials;
    let Some(known) = credentials.iter_mut().find(|known| known.fold == Some(fold)) else { return };
    known.occurrences += again.occurrences;
    known.issued = match (known.issued, again.issued) {
        (Some(known), Some(again)) => Some(known.min(again)),
        (known, again) => known.or(again),
    };
    known.expires = known.expires.or(again.expires);
    if known.account.is_none() {
        known.account.clone_from(&again.account);
    }
}

/// A grant that lists the same secret twice has it once.
fn dedup(grant: &mut Grant) {
    let mut seen = HashSet::new();
    grant.credentials.retain(|credential| credential.fold.is_none_or(|fold| seen.insert(fold)));
}

/// How much a grant tells of who and what.
fn richness(grant: &Grant) -> usize {
    let identity = &grant.identity;
    let told = [
        &identity.account,
        &identity.tenant,
        &identity.host,
        &identity.issuer,
        &identity.client_id,
        &identity.name,
        &grant.spot.key,
    ];
    let lists = [&grant.scopes, &grant.roles, &grant.reach];
    told.iter().filter(|field| field.is_some()).count() * 2
        + lists.iter().filter(|list| !list.is_empty()).count()
        + usize::from(identity.active.is_some())
}

/// Which placed grants share a secret.
pub(super) struct Places {
    others: Vec<Vec<usize>>,
    groups: Vec<usize>,
}

impl Places {
    pub(super) fn of(placed: &[Placed]) -> Self {
        let mut holders: HashMap<FoldKey, Vec<usize>> = HashMap::new();
        for (at, place) in placed.iter().enumerate() {
            for fold in place.grant.credentials.iter().filter_map(|credential| credential.fold) {
                holders.entry(fold).or_default().push(at);
            }
        }
        let mut others = vec![Vec::new(); placed.len()];
        let mut groups: Vec<usize> = (0..placed.len()).collect();
        for together in holders.values() {
            for &at in together {
                others[at].extend(together.iter().copied().filter(|&other| other != at));
                let (mine, first) = (find(&groups, at), find(&groups, together[0]));
                groups[mine.max(first)] = mine.min(first);
            }
        }
        for list in &mut others {
            list.sort_unstable();
            list.dedup();
        }
        let groups = (0..placed.len()).map(|at| find(&groups, at)).collect();
        Self { others, groups }
    }

    /// The other places that hold a secret of this one.
    pub(super) fn others(&self, at: usize) -> &[usize] {
        &self.others[at]
    }

    /// Number of different grants of which a place counts.
    pub(super) fn grants(&self, counts: impl Fn(usize) -> bool) -> usize {
        let counting = (0..self.groups.len()).filter(|&at| counts(at));
        counting.map(|at| self.groups[at]).collect::<HashSet<_>>().len()
    }
}

fn find(groups: &[usize], mut at: usize) -> usize {
    while groups[at] != at {
        at = groups[at];
    }
    at
}
