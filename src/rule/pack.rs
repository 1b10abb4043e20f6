//! The rule pack: every rule, compiled as far as a scan needs it.

use super::check::Diagnostic;
use super::command::{self, CommandRules};
use super::controls::Controls;
use super::filter::Filter;
use super::load::{LoadedRule, RuleFile, RuleSet};
use super::paths::{PathIndex, Pattern};
use super::places::{Places, PlacesFile};
use super::schema::{Cache, CacheRule, Commands, Dialect, Holds};
use super::token::{TokenFile, TokenShapes};
use crate::error::Error;
use crate::parse::{self, Format};
use crate::policy::Policy;

/// All rules of a scan.
pub struct Pack {
    set: RuleSet,
    /// All caches of all cache rules.
    pub caches: Vec<CompiledCache>,
    /// Paths of all caches; a pattern's target is an index into `caches`.
    pub paths: Vec<Pattern>,
    /// Places that match `paths` and are none of the cache; a pattern's target is an index into `caches`.
    pub except: PathIndex,
    /// Whether a cache is claimed by content, by index.
    pub sniffed: Vec<bool>,
    /// Whether a cache is asked only where machines are made from what is scanned, by index.
    pub golden_only: Vec<bool>,
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
}

/// One cache of one rule, with its format at hand.
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
        let mut except = Vec::new();
        let mut sniffed = Vec::new();
        let mut golden_only = Vec::new();
        let controls = file(&set, "controls.yaml")?
            .parse()
            .ok()
            .and_then(Controls::of)
            .ok_or_else(|| broken("controls.yaml", "malformed"))?;
        for (rule_at, loaded) in set.caches().iter().enumerate() {
            let rule = &loaded.rule;
            for (cache_at, cache) in rule.caches.iter().enumerate() {
                let compile = |path: &String| {
                    Pattern::compile(path, caches.len())
                        .map_err(|bad| broken(&rule.id, &format!("path `{path}`: {}", bad.0)))
                };
                for path in &cache.paths {
                    paths.extend(compile(path)?);
                }
                for path in &cache.except {
                    except.extend(compile(path)?);
                }
                let golden = cache.golden.as_ref();
                let is_known = |id: &str| controls.issues.iter().any(|issue| issue.id == id);
                if let Some(golden) = golden.filter(|golden| !is_known(&golden.issue)) {
                    let why = format!("unknown issue `{}`", golden.issue);
                    return Err(broken(&rule.id, &why));
                }
                golden_only.push(golden.is_some_and(|golden| golden.only));
                sniffed.push(cache.sniff.is_some());
                caches.push(CompiledCache::new(rule_at, cache_at, rule, cache)?);
            }
        }
        Ok(Self {
            caches,
            paths,
            except: PathIndex::of(except),
            sniffed,
            golden_only,
            commands: commands(&set)?,
            tokens: tokens(&set)?,
            controls,
            policy: file(&set, "policy.yaml")?
                .parse()
                .map_err(|problem| vec![problem])
                .and_then(Policy::built_in)
                .map_err(|problems| crate::plan::broken(&problems))?,
            places: places(&set)?,
            set,
        })
    }

    /// Cache rules, built-in ones first.
    pub fn rules(&self) -> &[LoadedRule] {
        self.set.caches()
    }

    /// The rules as they were loaded.
    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// The rule of a cache.
    pub fn rule(&self, compiled: &CompiledCache) -> &CacheRule {
        &self.rules()[compiled.rule].rule
    }

    /// A cache as it is written.
    pub fn cache(&self, compiled: &CompiledCache) -> &Cache {
        &self.rule(compiled).caches[compiled.cache]
    }

    /// The filter of a cache; none if it has none or it does not compile, which `rules check` tells.
    pub fn filter(&self, compiled: &CompiledCache) -> Option<&Filter> {
        let loaded = &self.rules()[compiled.rule];
        match compiled.yields {
            Yields::Grants => loaded.grants(compiled.cache),
            Yields::FilteredEntries(_) => loaded.commands(compiled.cache),
            Yields::Entries(_) => None,
        }
    }

    /// The filter that tells what a file of a cache includes, if the rule has one.
    pub fn includes(&self, compiled: &CompiledCache) -> Option<&Filter> {
        self.rules()[compiled.rule].includes(compiled.cache)
    }

    /// Number of cache and command rules and of token shapes.
    pub fn count(&self) -> usize {
        self.rules().len() + self.commands.rules().len() + self.tokens.iter().count()
    }

    /// SHA-256 over all rule files, hex.
    pub fn sha256(&self) -> &str {
        self.set.sha256()
    }
}

impl CompiledCache {
    fn new(
        rule_at: usize,
        cache_at: usize,
        rule: &CacheRule,
        cache: &Cache,
    ) -> Result<Self, Error> {
        let format = parse::format(&cache.format)
            .ok_or_else(|| broken(&rule.id, &format!("unknown format `{}`", cache.format)))?;
        let holds = cache.holds.unwrap_or(Holds::Dotfile);
        let yields = match &cache.commands {
            None | Some(Commands::Format(false)) => Yields::Grants,
            Some(Commands::Format(true)) => Yields::Entries(holds),
            Some(Commands::Filter(_)) => Yields::FilteredEntries(holds),
        };
        Ok(Self { rule: rule_at, cache: cache_at, format, dialect: cache.dialect, yields })
    }
}

fn commands(set: &RuleSet) -> Result<CommandRules, Error> {
    let mut all = Vec::new();
    for file in set.commands() {
        let mut specs: Vec<command::CommandSpec> =
            file.parse().map_err(|problem| told(&problem))?;
        for spec in &mut specs {
            spec.id.insert_str(0, file.namespace());
        }
        all.extend(specs);
    }
    Ok(CommandRules::new(all))
}

fn tokens(set: &RuleSet) -> Result<TokenShapes, Error> {
    let mut all = Vec::new();
    for file in set.tokens() {
        let mut shapes: TokenFile = file.parse().map_err(|problem| told(&problem))?;
        for shape in &mut shapes.tokens {
            shape.id.insert_str(0, file.namespace());
        }
        all.push(shapes);
    }
    TokenShapes::compile(all).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.rule, problem.message))
            .collect();
        Error::Rules(format!("broken token shapes:\n{}", lines.join("\n")))
    })
}

fn places(set: &RuleSet) -> Result<Places, Error> {
    let file = set.table("places.yaml").ok_or_else(|| broken("places.yaml", "missing"))?;
    let parsed: PlacesFile = file.parse().map_err(|problem| told(&problem))?;
    Places::new(parsed).map_err(|bad| broken("places.yaml", &bad.0))
}

fn file<'s>(set: &'s RuleSet, name: &str) -> Result<&'s RuleFile, Error> {
    set.table(name).ok_or_else(|| broken(name, "missing"))
}

fn told(problem: &Diagnostic) -> Error {
    Error::Rules(problem.to_string())
}

fn broken(rule: &str, problem: &str) -> Error {
    Error::Rules(format!("{rule}: {problem} (`nhi-scan rules check` lists every problem)"))
}
