//! The rule pack: every rule, compiled as far as a scan needs it.

use std::sync::OnceLock;

use super::command::CommandRules;
use super::controls::Controls;
use super::filter::Filter;
use super::load::RuleSet;
use super::paths::Pattern;
use super::places::Places;
use super::schema::{Cache, CacheRule, Commands, Dialect, Holds};
use super::token::TokenShapes;
use crate::error::Error;
use crate::parse::{self, Format};
use crate::policy::Policy;

/// All rules of a scan.
pub struct Pack {
    /// Cache rules, in the order of their files.
    pub rules: Vec<CacheRule>,
    /// All caches of all rules.
    pub caches: Vec<CompiledCache>,
    /// Paths of all caches; a pattern's target is an index into `caches`.
    pub paths: Vec<Pattern>,
    /// Whether a cache is claimed by content, by index.
    pub sniffed: Vec<bool>,
    /// Secrets on command lines.
    pub commands: CommandRules,
    /// Shapes of tokens.
    pub tokens: TokenShapes,
    /// Issue kinds and the controls they touch.
    pub controls: Controls,
    /// Limits.
    pub policy: Policy,
    /// Folders and file systems.
    pub places: Places,
    /// Number of rules.
    pub count: usize,
    /// SHA-256 over all files, hex.
    pub sha256: String,
}

/// One cache of one rule, with its format at hand and its filter compiled when first needed.
pub struct CompiledCache {
    /// Index of the rule in [`Pack::rules`].
    pub rule: usize,
    /// Index of the cache in that rule.
    pub cache: usize,
    /// Its format.
    pub format: &'static Format,
    /// Flavour of the format.
    pub dialect: Option<Dialect>,
    /// How its content becomes grants.
    pub yields: Yields,
    filter: OnceLock<Option<Filter>>,
}

/// How the content of a cache becomes grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// A filter over the document; each output is a grant.
    Grants,
    /// The format streams commands.
    Entries(Holds),
    /// A filter over the document; each output is a command.
    FilteredEntries(Holds),
}

impl Pack {
    /// Compiles what was loaded; filters wait until a file needs them (`rules check` and the tests compile all).
    ///
    /// # Errors
    /// A cache of an unknown format, a malformed path, data files that do not fit their schema.
    pub fn new(set: RuleSet) -> Result<Self, Error> {
        let mut caches = Vec::new();
        let mut paths = Vec::new();
        let mut sniffed = Vec::new();
        for (rule_at, rule) in set.caches.iter().enumerate() {
            for (cache_at, cache) in rule.caches.iter().enumerate() {
                for path in &cache.paths {
                    let patterns = Pattern::compile(path, caches.len())
                        .map_err(|bad| broken(&rule.id, &format!("path `{path}`: {}", bad.0)))?;
                    paths.extend(patterns);
                }
                sniffed.push(cache.sniff.is_some());
                caches.push(CompiledCache::new(rule_at, cache_at, rule, cache)?);
            }
        }
        Ok(Self {
            caches,
            paths,
            sniffed,
            commands: set.commands,
            tokens: set.tokens,
            controls: set.controls,
            policy: set.policy,
            places: set.places,
            count: set.count,
            sha256: set.sha256,
            rules: set.caches,
        })
    }
}

impl CompiledCache {
    fn new(rule_at: usize, cache_at: usize, rule: &CacheRule, cache: &Cache) -> Result<Self, Error> {
        let format = parse::format(&cache.format)
            .ok_or_else(|| broken(&rule.id, &format!("unknown format `{}`", cache.format)))?;
        let holds = cache.holds.unwrap_or(Holds::Dotfile);
        let yields = match &cache.commands {
            None | Some(Commands::Format(false)) => Yields::Grants,
            Some(Commands::Format(true)) => Yields::Entries(holds),
            Some(Commands::Filter(_)) => Yields::FilteredEntries(holds),
        };
        Ok(Self {
            rule: rule_at,
            cache: cache_at,
            format,
            dialect: cache.dialect,
            yields,
            filter: OnceLock::new(),
        })
    }

    /// The compiled filter; none if it does not compile, which `rules check` tells.
    pub fn filter(&self, cache: &Cache) -> Option<&Filter> {
        self.filter.get_or_init(|| compile(cache)?.ok()).as_ref()
    }
}

/// The names of the variables that a cache's filter may use, in the order in which their values are handed over.
pub fn variables(cache: &Cache) -> Vec<String> {
    let names = std::iter::once("path").chain(cache.beside.keys().map(String::as_str));
    names.map(|name| format!("${name}")).collect()
}

/// Compiles the filter of a cache, if it has one.
pub fn compile(cache: &Cache) -> Option<Result<Filter, Vec<super::filter::Problem>>> {
    let source = match (&cache.grants, &cache.commands) {
        (Some(source), _) | (None, Some(Commands::Filter(source))) => source,
        _ => return None,
    };
    let names = variables(cache);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Some(Filter::compile(source, &names))
}

fn broken(rule: &str, problem: &str) -> Error {
    Error::Rules(format!("rule {rule}: {problem} (`nhi-scan rules check` lists every problem)"))
}
