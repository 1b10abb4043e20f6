//! The rules in force: those built in, and those of `--rules DIR`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use super::check::Diagnostic;
use super::filter::Filter;
use super::schema::{Cache, CacheRule, Commands};
use crate::extract::secret::hex;

/// `(path below rules/, text, the same as JSON but for its tests, its tests as JSON)`, by the build script.
type Shipped = (&'static str, &'static str, &'static str, &'static str);

const BUILT_IN: &[Shipped] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// What [`RuleSet::sha256`] is of these, by the build script.
const BUILT_IN_SHA256: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.sha256"));

/// Namespace of rules that are not built in.
const CUSTOM: &str = "custom/";

/// Largest rule file of `--rules`, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// One file of a rule pack.
pub struct RuleFile {
    /// As a person finds it: below `rules/`, or in the folder of `--rules`.
    pub path: Cow<'static, str>,
    /// Its path in the layout of a pack, `caches/vcs/gh.yaml`.
    pub layout: Cow<'static, str>,
    /// What it says.
    pub text: Cow<'static, str>,
    json: &'static str,
    tests: &'static str,
    custom: bool,
}

impl RuleFile {
    /// Reads it as the type it should have; a built-in cache rule comes without its tests.
    ///
    /// # Errors
    /// What the YAML reader says, with its place: rule files hold no secrets.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        // JSON has lost which scalars were unquoted text that looks like a number; where that matters, the YAML tells.
        serde_json::from_str(self.json).or_else(|_| self.parse_yaml())
    }

    fn parse_yaml<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        serde_yaml::from_str(&self.text).map_err(|error| Diagnostic::of_yaml(&self.path, &error))
    }

    fn cache_rule(&self, tests: Tests) -> Result<CacheRule, Diagnostic> {
        let mut rule: CacheRule = self.parse()?;
        if tests == Tests::Read && !self.tests.is_empty() {
            match serde_json::from_str(self.tests) {
                Ok(tests) => rule.tests = tests,
                Err(_) => return self.parse_yaml(),
            }
        }
        Ok(rule)
    }

    /// Namespace of what it defines: `custom/`, or nothing for built-in rules.
    pub fn namespace(&self) -> &'static str {
        if self.custom { CUSTOM } else { "" }
    }

    fn is_in(&self, folder: &str) -> bool {
        self.layout.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Whether the tests of built-in rules are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    Read,
    Left,
}

/// A cache rule and its filters, which are compiled when the first file needs them.
pub struct LoadedRule {
    /// What the file says; its id carries the namespace.
    pub rule: CacheRule,
    filters: Vec<Filters>,
}

#[derive(Default)]
struct Filters {
    grants: OnceLock<Option<Filter>>,
    commands: OnceLock<Option<Filter>>,
    includes: OnceLock<Option<Filter>>,
}

impl LoadedRule {
    fn new(mut rule: CacheRule, namespace: &str) -> Self {
        rule.id.insert_str(0, namespace);
        let filters = rule.caches.iter().map(|_| Filters::default()).collect();
        Self { rule, filters }
    }

    /// The filter that yields the grants of the cache at `index`; its variables are [`variables`].
    pub fn grants(&self, index: usize) -> Option<&Filter> {
        let cache = self.rule.caches.get(index)?;
        let compiled = || compile(cache, cache.grants.as_deref()?);
        self.filters.get(index)?.grants.get_or_init(compiled).as_ref()
    }

    /// The filter that yields the paths of what a file of the cache at `index` includes.
    pub fn includes(&self, index: usize) -> Option<&Filter> {
        let cache = self.rule.caches.get(index)?;
        let compiled = || compile(cache, cache.includes.as_deref()?);
        self.filters.get(index)?.includes.get_or_init(compiled).as_ref()
    }

    /// The filter that yields the commands of the cache at `index`, where the format does not.
    pub fn commands(&self, index: usize) -> Option<&Filter> {
        let cache = self.rule.caches.get(index)?;
        let compiled = || match cache.commands.as_ref()? {
            Commands::Filter(source) => compile(cache, source),
            Commands::Format(_) => None,
        };
        self.filters.get(index)?.commands.get_or_init(compiled).as_ref()
    }
}

/// Variables of a cache's filters, in the order of their values: `$path`, then those of `beside` by name.
pub fn variables(cache: &Cache) -> Vec<String> {
    let beside = cache.beside.keys().map(|name| format!("${name}"));
    std::iter::once("$path".to_owned()).chain(beside).collect()
}

fn compile(cache: &Cache, source: &str) -> Option<Filter> {
    let variables = variables(cache);
    let names: Vec<_> = variables.iter().map(String::as_str).collect();
    Filter::compile(source, &names).ok()
}

/// The rules in force.
pub struct RuleSet {
    caches: Vec<LoadedRule>,
    files: Vec<RuleFile>,
    sha256: OnceLock<String>,
}

impl RuleSet {
    /// The rules in the program.
    ///
    /// # Errors
    /// Files that are no rules; a release has none.
    pub fn built_in() -> Result<Self, Vec<Diagnostic>> {
        Self::shipped(Tests::Read)
    }

    /// The rules in the program, without their tests: all that a scan needs, and read sooner.
    ///
    /// # Errors
    /// As [`Self::built_in`].
    pub fn for_a_scan() -> Result<Self, Vec<Diagnostic>> {
        Self::shipped(Tests::Left)
    }

    fn shipped(tests: Tests) -> Result<Self, Vec<Diagnostic>> {
        let file = |&(path, text, json, tests): &Shipped| RuleFile {
            path: path.into(),
            layout: path.into(),
            text: text.into(),
            json,
            tests,
            custom: false,
        };
        let set = Self::of(BUILT_IN.iter().map(file).collect(), tests)?;
        Ok(Self { sha256: OnceLock::from(BUILT_IN_SHA256.to_owned()), ..set })
    }

    /// The rules of `(path, text)` pairs laid out like `rules/`.
    ///
    /// # Errors
    /// Files that are no rules.
    pub fn from_texts(files: &[(&str, &str)]) -> Result<Self, Vec<Diagnostic>> {
        let file = |&(path, text): &(&str, &str)| RuleFile {
            path: path.to_owned().into(),
            layout: path.to_owned().into(),
            text: text.to_owned().into(),
            json: "",
            tests: "",
            custom: false,
        };
        Self::of(files.iter().map(file).collect(), Tests::Read)
    }

    fn of(files: Vec<RuleFile>, tests: Tests) -> Result<Self, Vec<Diagnostic>> {
        let caches = cache_rules(&files, tests)?;
        Ok(Self { caches, files, sha256: OnceLock::new() })
    }

    /// Adds the rules of a folder laid out like `rules/`, under the namespace `custom/`, where they shadow nothing.
    ///
    /// # Errors
    /// Files that cannot be read or are no rules, filters that do not compile, ids that occur twice.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), Vec<Diagnostic>> {
        let files = read_folder(folder)?;
        if files.is_empty() {
            let message = "no rules here: expected caches/<category>/*.yaml, commands/*.yaml or tokens/*.yaml";
            return Err(vec![Diagnostic::new(&folder.to_string_lossy(), message)]);
        }
        let added = sound_rules(&files)?;
        self.caches.extend(added);
        self.files.extend(files);
        self.sha256 = OnceLock::new();
        Ok(())
    }

    /// Cache rules, built-in ones first.
    pub fn caches(&self) -> &[LoadedRule] {
        &self.caches
    }

    /// Adds the cache rule of one file, wherever it lies, under its own id.
    ///
    /// # Errors
    /// A file that cannot be read or is no rule, filters that do not compile.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Vec<Diagnostic>> {
        let shown = path.to_string_lossy().into_owned();
        let text = read(path).map_err(|error| vec![Diagnostic::new(&shown, &error.to_string())])?;
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let file = RuleFile {
            layout: format!("caches/file/{name}").into(),
            path: shown.into(),
            text: text.into(),
            json: "",
            tests: "",
            custom: false,
        };
        let files = vec![file];
        self.caches.extend(sound_rules(&files)?);
        Ok(())
    }

    /// Keeps only some cache rules.
    pub fn retain(&mut self, keep: impl Fn(&CacheRule) -> bool) {
        self.caches.retain(|loaded| keep(&loaded.rule));
    }

    /// The cache rule of this id.
    pub fn cache(&self, id: &str) -> Option<&LoadedRule> {
        self.caches.iter().find(|loaded| loaded.rule.id == id)
    }

    /// Files of command rules.
    pub fn commands(&self) -> impl Iterator<Item = &RuleFile> {
        self.files.iter().filter(|file| file.is_in("commands"))
    }

    /// Files of token shapes.
    pub fn tokens(&self) -> impl Iterator<Item = &RuleFile> {
        self.files.iter().filter(|file| file.is_in("tokens"))
    }

    /// The built-in file of this name at the top: `controls.yaml`, `places.yaml`, `policy.yaml`.
    pub fn table(&self, name: &str) -> Option<&RuleFile> {
        self.files.iter().find(|file| !file.custom && file.layout == name)
    }

    /// Every file, in the order in which they are digested.
    pub fn files(&self) -> &[RuleFile] {
        &self.files
    }

    /// SHA-256 over path and text of every file, each ended by NUL, hex.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| digest(&self.files))
    }
}

fn digest(files: &[RuleFile]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        for part in [&file.path, &file.text] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
    }
    hex(&digest.finalize())
}

fn cache_rules(files: &[RuleFile], tests: Tests) -> Result<Vec<LoadedRule>, Vec<Diagnostic>> {
    let mut loaded: Vec<LoadedRule> = Vec::new();
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.is_in("caches")) {
        match file.cache_rule(tests) {
            Ok(rule) => loaded.push(LoadedRule::new(rule, file.namespace())),
            Err(problem) => problems.push(problem),
        }
    }
    let mut ids: Vec<&str> = loaded.iter().map(|loaded| loaded.rule.id.as_str()).collect();
    ids.sort_unstable();
    for pair in ids.windows(2).filter(|pair| pair[0] == pair[1]) {
        problems.push(Diagnostic::new(pair[0], "two rules have this id"));
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// The rules of files whose filters compile too; else everything that is wrong, at once.
fn sound_rules(files: &[RuleFile]) -> Result<Vec<LoadedRule>, Vec<Diagnostic>> {
    match cache_rules(files, Tests::Read) {
        Ok(rules) => {
            let broken = broken_filters(files, &rules);
            if broken.is_empty() { Ok(rules) } else { Err(broken) }
        }
        Err(mut problems) => {
            problems.extend(problems_of_filters(files));
            problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            Err(problems)
        }
    }
}

/// Rules that we did not ship are compiled before anything is scanned: a filter that fails then would look like a file not understood.
fn broken_filters(files: &[RuleFile], rules: &[LoadedRule]) -> Vec<Diagnostic> {
    let sound = rules.iter().all(|loaded| {
        loaded.rule.caches.iter().enumerate().all(|(index, cache)| {
            let grants = cache.grants.is_none() || loaded.grants(index).is_some();
            let commands = !matches!(cache.commands, Some(Commands::Filter(_)))
                || loaded.commands(index).is_some();
            let includes = cache.includes.is_none() || loaded.includes(index).is_some();
            grants && commands && includes
        })
    });
    if sound {
        return Vec::new();
    }
    problems_of_filters(files).collect()
}

fn problems_of_filters(files: &[RuleFile]) -> impl Iterator<Item = Diagnostic> {
    files.iter().flat_map(|file| super::check::filters(&file.path, &file.text))
}

/// Every rule file of a folder laid out like `rules/`.
///
/// # Errors
/// Files that cannot be read.
pub fn read_folder(folder: &Path) -> Result<Vec<RuleFile>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                problems.push(Diagnostic::new(&folder.to_string_lossy(), &error.to_string()));
                continue;
            }
        };
        let path = entry.path();
        if !entry.file_type().is_file()
            || path.extension().is_none_or(|extension| extension != "yaml")
        {
            continue;
        }
        let layout = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let shown = path.to_string_lossy().into_owned();
        match read(path) {
            Ok(text) => files.push(RuleFile {
                path: shown.into(),
                layout: layout.into(),
                text: text.into(),
                json: "",
                tests: "",
                custom: true,
            }),
            Err(error) => problems.push(Diagnostic::new(&shown, &error.to_string())),
        }
    }
    files.retain(|file: &RuleFile| {
        ["caches", "commands", "tokens"].iter().any(|kind| file.is_in(kind))
    });
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// The text of a rule file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::rule::schema::Commands;

    const RULE: &str = "id: x\ntool: X\nprovider: x\ncategory: dev\nsummary: Does.\nconfirmed: docs\n\
        caches: [{paths: [~/.x], format: json, beside: {b: {path: y, format: json}}, grants: '{account: $b, at: $path}', commands: '.[]'}]\n";

    #[test]
    fn built_in_rules_load_and_compile() {
        let rules = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(rules.files().len(), BUILT_IN.len());
        assert_eq!(rules.sha256(), digest(rules.files()));
        let tests = |set: &RuleSet| set.caches().iter().map(|loaded| loaded.rule.tests.len()).sum();
        let (read, left): (usize, usize) =
            (tests(&rules), tests(&RuleSet::for_a_scan().ok().unwrap()));
        assert!(read > rules.caches().len() && left == 0, "{read} {left}");
        assert_eq!(broken_filters(rules.files(), rules.caches()), []);
    }

    #[test]
    fn filters_get_path_and_beside() {
        let rules = RuleSet::from_texts(&[
            ("caches/dev/x.yaml", RULE),
            ("commands/c.yaml", "a"),
            ("tokens/t.yaml", "b"),
            ("policy.yaml", "c"),
        ]);
        let rules = rules.unwrap_or_else(|problems| panic!("{problems:?}"));
        let loaded = rules.cache("x").unwrap();
        assert_eq!(variables(&loaded.rule.caches[0]), ["$path", "$b"]);
        let outcome =
            loaded.grants(0).unwrap().run(&serde_json::json!({}), &["p".into(), "q".into()]);
        assert_eq!(outcome.outputs, [serde_json::json!({"account": "q", "at": "p"})]);
        assert!(matches!(loaded.rule.caches[0].commands, Some(Commands::Filter(_))));
        assert!(loaded.commands(0).is_some() && loaded.grants(1).is_none());
        assert_eq!(rules.commands().map(|file| &*file.text).collect::<Vec<_>>(), ["a"]);
        assert_eq!(rules.tokens().map(|file| &*file.text).collect::<Vec<_>>(), ["b"]);
        assert_eq!(rules.table("policy.yaml").unwrap().parse::<String>().unwrap(), "c");
        assert!(rules.table("places.yaml").is_none());
    }

    #[test]
    fn a_folder_adds_rules_under_its_namespace() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("caches/dev");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("x.yaml"), RULE).unwrap();
        fs::write(folder.path().join("README.yaml"), "not: a rule").unwrap();
        let mut rules = RuleSet::from_texts(&[("caches/dev/x.yaml", RULE)]).ok().unwrap();
        let before = rules.sha256().to_owned();
        assert_eq!(rules.add_folder(folder.path()), Ok(()));
        let ids: Vec<_> = rules.caches().iter().map(|loaded| loaded.rule.id.as_str()).collect();
        assert_eq!(ids, ["x", "custom/x"]);
        assert_ne!(rules.sha256(), before);

        fs::write(place.join("y.yaml"), RULE).unwrap();
        fs::write(place.join("z.yaml"), RULE.replace("id: x", "id: z\nidd: q")).unwrap();
        let problems = rules.add_folder(folder.path()).unwrap_err();
        let told: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert!(told[0].contains("idd") && told[1] == "two rules have this id", "{told:?}");

        fs::remove_file(place.join("y.yaml")).unwrap();
        fs::write(place.join("z.yaml"), RULE.replace("id: x", "id: z").replace("$path", "$pth"))
            .unwrap();
        let problems = rules.add_folder(folder.path()).unwrap_err();
        assert_eq!((problems[0].message.as_str(), problems[0].line), ("`$pth` is not bound", 7));
        assert_eq!(rules.caches().len(), 2);

        assert!(rules.add_folder(&folder.path().join("nothing")).is_err());
    }

    #[test]
    fn numbers_that_are_text_are_read_from_the_yaml() {
        let file = RuleFile {
            path: "x".into(),
            layout: "x".into(),
            text: "a: 0600".into(),
            json: "{\"a\": 600}",
            tests: "",
            custom: false,
        };
        let read: std::collections::BTreeMap<String, String> = file.parse().unwrap();
        assert_eq!(read["a"], "0600");
    }
}
