//! The list of rules: what is covered, what each rests on, and how much proof it carries.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::load::RuleSet;
use super::schema::{CacheRule, Confirmed, Expect, RuleTest, Status};
use crate::grant::CredentialKind;

/// Every cache rule, by category, and what they come to.
#[derive(Serialize)]
pub struct Listing<'r> {
    totals: Totals,
    rules: Vec<Entry<'r>>,
}

/// What the rules come to. A rule counts once: as experimental, or by what it rests on.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    tools: usize,
    rules: usize,
    confirmed: ByEvidence,
    experimental: usize,
}

/// Rules by what confirms them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct ByEvidence {
    tool: usize,
    source: usize,
    docs: usize,
}

/// One rule in short.
#[derive(Serialize)]
struct Entry<'r> {
    id: &'r str,
    tool: &'r str,
    provider: &'r str,
    category: &'r str,
    confirmed: Option<Confirmed>,
    experimental: bool,
    formats: BTreeSet<&'r str>,
    kinds: Vec<CredentialKind>,
    paths: Vec<&'r str>,
    env_tokens: Vec<&'r str>,
    tests: Proof,
}

/// Inline tests: those in which a grant comes out, and those in which none may.
#[derive(Clone, Copy, Debug, Serialize)]
struct Proof {
    positive: usize,
    negative: usize,
}

impl<'r> Listing<'r> {
    /// Lists the cache rules in force.
    pub fn of(rules: &'r RuleSet) -> Self {
        let rules = by_category(rules);
        Self { totals: Totals::of(&rules), rules: rules.into_iter().map(Entry::of).collect() }
    }

    /// Columns for people, one line a rule, tests as `+positive -negative`; the last line tells the totals.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["ID", "TOOL", "CATEGORY", "RESTS ON", "TESTS"]);
        for entry in &self.rules {
            let Proof { positive, negative } = entry.tests;
            let rests_on = word(entry.experimental, entry.confirmed);
            let tests = format!("+{positive} -{negative}");
            table.add_row([entry.id, entry.tool, entry.category, rests_on, tests.as_str()]);
        }
        // The first column's padding would set every line off the margin.
        let lines = table.lines();
        let mut text: String = lines
            .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n")
            .collect();
        let Totals { tools, rules, confirmed, experimental } = &self.totals;
        let ByEvidence { tool, source, docs } = confirmed;
        let _ = writeln!(
            text,
            "\n{tools} tools, {rules} rules: {tool} confirmed by the tool itself, {source} by its source, {docs} by documents, {experimental} experimental"
        );
        text
    }
}

impl Totals {
    fn of(rules: &[&CacheRule]) -> Self {
        let tools: BTreeSet<&str> = rules.iter().map(|rule| rule.tool.as_str()).collect();
        let count = |word: &str| rules.iter().filter(|rule| rests_on(rule) == word).count();
        Self {
            tools: tools.len(),
            rules: rules.len(),
            confirmed: ByEvidence {
                tool: count("tool"),
                source: count("source"),
                docs: count("docs"),
            },
            experimental: count("experimental"),
        }
    }
}

impl<'r> Entry<'r> {
    fn of(rule: &'r CacheRule) -> Self {
        let negative = rule.tests.iter().filter(|test| is_negative(test)).count();
        Self {
            id: &rule.id,
            tool: &rule.tool,
            provider: &rule.provider,
            category: &rule.category,
            confirmed: rule.confirmed,
            experimental: is_experimental(rule),
            formats: rule.caches.iter().map(|cache| cache.format.as_str()).collect(),
            kinds: kinds(rule),
            paths: paths(rule).collect(),
            env_tokens: rule.env_tokens.keys().map(String::as_str).collect(),
            tests: Proof { positive: rule.tests.len() - negative, negative },
        }
    }
}

/// The cache rules by category, then by their tool's name.
pub(super) fn by_category(rules: &RuleSet) -> Vec<&CacheRule> {
    let mut rules: Vec<_> = rules.caches().iter().map(|loaded| &loaded.rule).collect();
    rules.sort_by_cached_key(|rule| (&rule.category, rule.tool.to_lowercase(), &rule.id));
    rules
}

/// The paths of all caches of a rule.
pub(super) fn paths(rule: &CacheRule) -> impl Iterator<Item = &str> {
    rule.caches.iter().flat_map(|cache| &cache.paths).map(String::as_str)
}

/// The kinds a rule may find: those its filters, its lifetimes, its variables and its tests name.
pub(super) fn kinds(rule: &CacheRule) -> Vec<CredentialKind> {
    let filters: Vec<_> = rule.caches.iter().filter_map(|cache| cache.grants.as_deref()).collect();
    let expected: BTreeSet<&str> = rule.tests.iter().flat_map(expected_kinds).collect();
    let named = |kind: &CredentialKind| {
        let literal = format!("\"{}\"", kind.as_str());
        filters.iter().any(|text| text.contains(&literal))
            || rule.lifetime.contains_key(kind)
            || rule.env_tokens.values().any(|value| value == kind)
            || expected.contains(kind.as_str())
    };
    CredentialKind::ALL.into_iter().filter(named).collect()
}

fn expected_kinds(test: &RuleTest) -> impl Iterator<Item = &str> {
    let grants = match &test.expect {
        Expect::Grants(grants) => grants.as_slice(),
        Expect::Word(_) => &[],
    };
    grants.iter().filter_map(|grant| grant.get("kind")?.as_str())
}

/// What a rule rests on, in one word.
pub(super) fn rests_on(rule: &CacheRule) -> &'static str {
    word(is_experimental(rule), rule.confirmed)
}

fn word(experimental: bool, confirmed: Option<Confirmed>) -> &'static str {
    match confirmed {
        _ if experimental => "experimental",
        None => "experimental",
        Some(Confirmed::Tool) => "tool",
        Some(Confirmed::Source) => "source",
        Some(Confirmed::Docs) => "docs",
    }
}

fn is_experimental(rule: &CacheRule) -> bool {
    rule.status == Some(Status::Experimental) || rule.confirmed.is_none()
}

fn is_negative(test: &RuleTest) -> bool {
    match &test.expect {
        Expect::Word(_) => true,
        Expect::Grants(grants) => grants.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_tools_each_with_a_positive_and_a_negative_test() {
        let rules = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
        let listing = Listing::of(&rules);
        assert!(listing.totals.tools >= 200, "{:?}", listing.totals);
        let bare = |entry: &&Entry<'_>| entry.tests.positive == 0 || entry.tests.negative == 0;
        let bare: Vec<&str> = listing.rules.iter().filter(bare).map(|entry| entry.id).collect();
        assert_eq!(bare, Vec::<&str>::new());
    }

    #[test]
    fn every_rule_is_counted_once() {
        let rules = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
        let Totals { rules, confirmed, experimental, .. } = Listing::of(&rules).totals;
        assert_eq!(confirmed.tool + confirmed.source + confirmed.docs + experimental, rules);
    }
}
