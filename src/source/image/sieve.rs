//! Which files of a layer are kept while it streams by: those that a walk of the finished tree could ask for.
//!
//! The walk decides again once the tree is whole; here a file too many costs memory, and a file too few would be missed.

use std::ffi::OsStr;
use std::path::{Component as PathComponent, Path, PathBuf};

use crate::report::Mode;
use crate::rule::pack::Pack;
use crate::rule::paths::{Component, Folder, PathIndex, Pattern, original_name};
use crate::rule::places::remaining;
use crate::source::directory::below;

/// Files that say who lives in an image and whom it is made for, and those that the walk reads itself.
const ALWAYS: [&str; 11] = [
    "/etc/passwd",
    "/usr/lib/passwd",
    "/var/lib/extrausers/passwd",
    "/etc/login.defs",
    "/usr/etc/login.defs",
    "/etc/userdb/*.user",
    "/usr/lib/userdb/*.user",
    "/var/lib/systemd/home/*.identity",
    "/var/db/dslocal/nodes/Default/users/*.plist",
    "**/CACHEDIR.TAG",
    "**/.git/index",
];

/// Largest file that is kept because another may point to it, in bytes.
const POINTED_TO: u64 = 16 * 1024;

/// What stands in the names of files that others point to: keys, certificates, tokens, passwords.
const POINTED_TO_NAMES: [&str; 9] =
    ["key", "cert", "token", "pass", "secret", "cred", ".pem", ".crt", ".p12"];

/// What a scan wants of an image.
pub struct Sieve<'s> {
    pack: &'s Pack,
    index: &'s PathIndex,
    companions: PathIndex,
    /// Every folder is looked into, published packages too.
    thorough: bool,
    /// Further files, by their exact path.
    named: Vec<PathBuf>,
}

/// Why a file is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever is in it.
    Whole,
    /// If one of these literals stands at its beginning.
    Sniffed(Vec<String>),
}

impl<'s> Sieve<'s> {
    /// For these rules.
    pub fn new(pack: &'s Pack, index: &'s PathIndex, mode: Mode) -> Self {
        let mut companions = Vec::new();
        for path in ALWAYS {
            companions.extend(Pattern::compile(path, 0).unwrap_or_default());
        }
        for pattern in index.patterns() {
            let compiled = &pack.caches[pattern.target];
            let cache = pack.cache(compiled);
            for beside in cache.beside.values() {
                companions.extend(companion(pattern, &beside.path));
            }
            if compiled.format.name == "sqlite" {
                companions.extend(log_of(pattern));
            }
        }
        let thorough = mode != Mode::Default;
        Self { pack, index, companions: PathIndex::of(companions), thorough, named: Vec::new() }
    }

    /// Also for these files, by their exact path.
    #[must_use]
    pub fn and(mut self, named: Vec<PathBuf>) -> Self {
        self.named.extend(named);
        self
    }

    /// Begins a layer.
    pub(super) fn trail(&self) -> Trail<'_, 's> {
        Trail { sieve: self, path: PathBuf::from("/"), steps: Vec::new() }
    }

    fn wanted(&self, folder: &Folder<'_>, name: &str, foreign: bool) -> Option<Wanted> {
        let mut literals = Some(Vec::new());
        let mut any = false;
        let mut ask = |name: &str| {
            let wanted = |cache: usize| !(foreign && self.pack.sniffed[cache]);
            let hanging = self.index.hanging_on(folder);
            self.index.matches_of(wanted, folder, &hanging, name, |id, _| {
                any = true;
                let cache = self.pack.cache(&self.pack.caches[self.index.pattern(id).target]);
                match (&cache.sniff, &mut literals) {
                    (Some(literal), Some(all)) => all.push(literal.clone()),
                    _ => literals = None,
                }
            });
        };
        ask(name);
        if let Some(original) = original_name(name) {
            ask(original);
        }
        let mut companion = false;
        let hanging = self.companions.hanging_on(folder);
        self.companions.matches(folder, &hanging, name, |_, _| companion = true);
        match literals {
            _ if companion => Some(Wanted::Whole),
            Some(literals) if any => Some(Wanted::Sniffed(literals)),
            None => Some(Wanted::Whole),
            Some(_) => None,
        }
    }
}

/// Where a sibling of what a pattern names lies.
fn companion(pattern: &Pattern, path: &str) -> Vec<Pattern> {
    let path = path.replace("{name}", "*").replace("{stem}", "*");
    if path.starts_with("~/") {
        return Pattern::compile(&path, 0).unwrap_or_default();
    }
    let mut folder = pattern.components.clone();
    folder.pop();
    let mut rest = path.as_str();
    loop {
        match (rest.strip_prefix("../"), rest.strip_prefix("./")) {
            (Some(above), _) => {
                folder.pop();
                rest = above;
            }
            (_, Some(here)) => rest = here,
            _ => break,
        }
    }
    let tails = Pattern::compile(&format!("/{rest}"), 0).unwrap_or_default();
    let joined = |tail: Pattern| Pattern {
        components: [folder.clone(), tail.components].concat(),
        ..pattern.clone()
    };
    tails.into_iter().map(joined).collect()
}

/// Where the write-ahead log of a database lies.
fn log_of(pattern: &Pattern) -> Option<Pattern> {
    let last = match pattern.components.last()? {
        Component::Literal(name) => format!("{name}-wal"),
        Component::Glob(glob) => format!("{}-wal", glob.text()),
        Component::AnyDepth => return None,
    };
    let last = Pattern::compile(&format!("/{last}"), 0).ok()?.pop()?.components.pop()?;
    let mut log = pattern.clone();
    *log.components.last_mut()? = last;
    Some(log)
}

/// One folder on the way to the present entry.
struct Step {
    /// What it is still asked for, if it is left out otherwise.
    only: Option<Vec<Pattern>>,
    foreign: bool,
}

/// The folders above the present entry: entries of one folder mostly follow each other.
pub(super) struct Trail<'t, 's> {
    sieve: &'t Sieve<'s>,
    path: PathBuf,
    steps: Vec<Step>,
}

impl Trail<'_, '_> {
    /// Why a file is kept, if it is.
    pub(super) fn asks_for(&mut self, path: &Path, size: u64) -> Option<Wanted> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return None };
        if self.sieve.named.iter().any(|named| named == path) {
            return Some(Wanted::Whole);
        }
        self.go_to(parent);
        let name = name.to_string_lossy();
        let folder = Folder::new(parent);
        let foreign = self.steps.last().is_some_and(|step| step.foreign);
        if let Some(only) = self.steps.last().and_then(|step| step.only.as_ref()) {
            let is_asked = |name: &str| !below(only, name).is_empty();
            if !is_asked(&name) && !original_name(&name).is_some_and(is_asked) {
                return None;
            }
            return self.sieve.wanted(&folder, &name, foreign);
        }
        self.sieve.wanted(&folder, &name, foreign).or_else(|| {
            let lower = name.to_ascii_lowercase();
            let may_be = POINTED_TO_NAMES.iter().any(|part| lower.contains(part));
            (may_be && !foreign && size <= POINTED_TO).then_some(Wanted::Whole)
        })
    }

    /// Whether a walk would come by here: only then a link may lead it somewhere.
    pub(super) fn passes(&mut self, path: &Path) -> bool {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return false };
        self.go_to(parent);
        let only = self.steps.last().and_then(|step| step.only.as_ref());
        only.is_none_or(|only| !below(only, &name.to_string_lossy()).is_empty())
    }

    fn go_to(&mut self, folder: &Path) {
        if self.path == folder {
            return;
        }
        while !folder.starts_with(&self.path) {
            self.path.pop();
            self.steps.pop();
        }
        let rest = folder.strip_prefix(&self.path).unwrap_or(Path::new("")).to_owned();
        for part in rest.components() {
            if let PathComponent::Normal(name) = part {
                self.enter(name);
            }
        }
    }

    fn enter(&mut self, name: &OsStr) {
        let text = name.to_string_lossy();
        let parent = Folder::new(&self.path);
        let above = self.steps.last();
        let mut step = Step {
            only: above.and_then(|step| step.only.as_ref()).map(|only| below(only, &text)),
            foreign: above.is_some_and(|step| step.foreign),
        };
        let mut fitting = None;
        if step.only.is_none() {
            let places = &self.sieve.pack.places;
            places.prunes(&parent, &places.prunes_in(&parent), &text, &mut |prune| {
                // Whether its guards lie there is known once the tree is whole.
                if prune.beside.is_empty() && prune.inside.is_empty() {
                    fitting = Some(prune);
                }
            });
        }
        self.path.push(name);
        if let Some(prune) = fitting {
            step.foreign |= prune.foreign;
            if !self.sieve.thorough {
                let folder = Folder::new(&self.path);
                let mut named = prune.except.clone();
                for index in [self.sieve.index, &self.sieve.companions] {
                    if index.passes_through(folder.name()) {
                        let patterns = index.patterns().iter();
                        named.extend(patterns.flat_map(|pattern| remaining(pattern, &folder)));
                    }
                }
                step.only = Some(named);
            }
        }
        self.steps.push(step);
    }
}
