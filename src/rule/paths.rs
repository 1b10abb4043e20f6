//! Where caches lie: the paths of all rules, compiled for one look-up per directory entry.
//!
//! A pattern is a row of components matched from the right, on component boundaries: `~/.aws/credentials` names that file
//! below any folder (so a backup or a mounted disk is found too), `/etc/x` lies below the scanned root, `**/x` anywhere.

use std::collections::HashSet;
use std::path::{Component as PathComponent, Path, PathBuf};

use aho_corasick::automaton::{Automaton as _, OverlappingState};
use aho_corasick::{Anchored, Input, MatchKind, StartKind, dfa};
use foldhash::HashMap;

use super::glob::Glob;

/// Longest path of a rule, in bytes.
const MAX_LENGTH: usize = 1024;

/// Most paths that the braces of one may stand for: each is looked up.
const MAX_ALTERNATIVES: usize = 256;

/// Most `**` of a path: each tries every depth of a folder anew.
const MAX_ANY_DEPTH: usize = 3;

/// Index of a pattern in its [`PathIndex`].
pub type PatternId = usize;

/// What a pattern hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// `~/…`: below any home.
    Home,
    /// `/…`: below the scanned root.
    Root,
    /// `**/…`: anywhere.
    Anywhere,
}

/// One step of a pattern.
#[derive(Clone, Debug)]
pub enum Component {
    /// Exactly this name.
    Literal(Box<str>),
    /// A name that this glob matches.
    Glob(Glob),
    /// Any number of folders.
    AnyDepth,
}

impl Component {
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(name) => Some(name),
            _ => None,
        }
    }
}

/// One compiled path.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What it hangs on.
    pub anchor: Anchor,
    /// Its steps, from the anchor to the file.
    pub components: Vec<Component>,
    /// Windows and macOS forms match whatever the case.
    pub insensitive: bool,
    /// What the owner of the index wants to know about a match.
    pub target: usize,
}

/// Why a path of a rule is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPath(pub String);

/// Many patterns, found by the last component of a path.
#[derive(Default)]
pub struct PathIndex {
    patterns: Vec<Pattern>,
    names: HashMap<Box<str>, Vec<Hook>>,
    /// By what follows the last wildcard, from a dot on.
    endings: HashMap<Box<str>, Vec<Hook>>,
    parents: HashMap<Box<str>, Vec<Hook>>,
    /// By the last literal component, of patterns that end in `*` below a component that is none.
    above: HashMap<Box<str>, Vec<Hook>>,
    /// What their names look like, which spares most folders a look-up.
    above_looks: Looks,
    prefixes: Option<Prefixes>,
    loose: Vec<Hook>,
    folders: HashSet<Box<str>>,
}

struct Prefixes {
    automaton: dfa::DFA,
    patterns: Vec<Vec<Hook>>,
}

/// A pattern where it hangs, with what can be told without going to look at it: a thousand patterns do not stay in the
/// processor's nearest memory, the rows that a name meets do.
#[derive(Clone, Copy)]
pub struct Hook {
    id: PatternId,
    target: usize,
    needed: Letters,
}

/// The patterns that a folder's own path brings into question for each of its entries.
pub struct Hanging<'i> {
    parent: &'i [Hook],
    above: Vec<Hook>,
}

impl PathIndex {
    /// Compiles `(path, target)` pairs; braces are alternatives.
    ///
    /// # Errors
    /// The paths that are not of the form `~/x`, `/x` or `**/x`, or hold a malformed glob.
    pub fn new<'p>(paths: impl IntoIterator<Item = (&'p str, usize)>) -> Result<Self, BadPath> {
        let mut patterns = Vec::new();
        for (path, target) in paths {
            patterns.extend(Pattern::compile(path, target)?);
        }
        Ok(Self::of(patterns))
    }

    /// Indexes compiled patterns.
    pub fn of(patterns: Vec<Pattern>) -> Self {
        let mut index = Self::default();
        let mut prefixes: HashMap<String, Vec<Hook>> = HashMap::default();
        for pattern in patterns {
            index.add(pattern, &mut prefixes);
        }
        index.prefixes = Prefixes::new(prefixes);
        index
    }

    fn add(&mut self, pattern: Pattern, prefixes: &mut HashMap<String, Vec<Hook>>) {
        let needed = match pattern.components.last() {
            Some(Component::Glob(glob)) => Letters::of_glob(glob.text()),
            _ => Letters(0),
        };
        let id = Hook { id: self.patterns.len(), target: pattern.target, needed };
        let steps = &pattern.components;
        let parent = steps.len().checked_sub(2).map(|at| &steps[at]);
        match (steps.last(), parent) {
            (Some(Component::Literal(name)), _) => {
                self.names.entry(lower(name)).or_default().push(id);
            }
            (Some(Component::Glob(_)), Some(Component::Literal(folder))) => {
                self.parents.entry(lower(folder)).or_default().push(id);
            }
            (Some(Component::Glob(glob)), _) => {
                let text = glob.text();
                if let Some(dot) = glob.tail().find('.') {
                    self.endings.entry(lower(&glob.tail()[dot..])).or_default().push(id);
                } else if let Some(prefix) = literal_prefix(text) {
                    prefixes.entry(prefix.to_ascii_lowercase()).or_default().push(id);
                } else if let Some(name) = steps.iter().rev().find_map(Component::literal) {
                    self.above_looks.add(name);
                    self.above.entry(lower(name)).or_default().push(id);
                } else {
                    self.loose.push(id);
                }
            }
            _ => {}
        }
        self.folders.extend(steps.iter().rev().skip(1).filter_map(Component::literal).map(lower));
        self.patterns.push(pattern);
    }

    /// The pattern of this id.
    pub fn pattern(&self, id: PatternId) -> &Pattern {
        &self.patterns[id]
    }

    /// Every pattern, by id.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether some pattern passes through a folder of this name.
    pub fn passes_through(&self, folder: &str) -> bool {
        self.folders.contains(&*lower(folder))
    }

    /// Patterns that hang on the path of this folder, to be handed to [`Self::matches`] for each of its entries.
    pub fn hanging_on(&self, folder: &Folder<'_>) -> Hanging<'_> {
        let parent = lowered(folder.name(), |name| self.parents.get(name));
        let mut above: Vec<Hook> = Vec::new();
        let names = folder.components.iter().chain(folder.written.iter().flatten());
        for name in names.filter(|name| self.above_looks.may_be(name)) {
            for hook in lowered(name, |name| self.above.get(name)).into_iter().flatten() {
                if above.iter().all(|known| known.id != hook.id) {
                    above.push(*hook);
                }
            }
        }
        Hanging { parent: parent.map_or(&[], Vec::as_slice), above }
    }

    /// Calls `each` for every pattern that matches the entry `name` of `folder` (an absolute path), with the number of
    /// leading components of `folder` that lie before the pattern.
    pub fn matches(
        &self,
        folder: &Folder<'_>,
        hanging: &Hanging<'_>,
        name: &str,
        each: impl FnMut(PatternId, usize),
    ) {
        self.matches_of(|_| true, folder, hanging, name, each);
    }

    /// [`Self::matches`] of patterns whose target is wanted.
    pub fn matches_of(
        &self,
        wanted: impl Fn(usize) -> bool,
        folder: &Folder<'_>,
        hanging: &Hanging<'_>,
        name: &str,
        mut each: impl FnMut(PatternId, usize),
    ) {
        lowered(name, |lower| {
            let letters = Letters::of_name(lower);
            let mut consider = |hooks: &[Hook]| {
                for hook in hooks {
                    if letters.hold(hook.needed)
                        && wanted(hook.target)
                        && let Some(before) = self.patterns[hook.id].matches(folder, name)
                    {
                        each(hook.id, before);
                    }
                }
            };
            consider(hanging.parent);
            consider(&hanging.above);
            consider(&self.loose);
            if let Some(hooks) = self.names.get(lower) {
                consider(hooks);
            }
            for (dot, _) in lower.match_indices('.') {
                if let Some(hooks) = self.endings.get(&lower[dot..]) {
                    consider(hooks);
                }
            }
            if let Some(prefixes) = &self.prefixes {
                prefixes.each(lower, &mut consider);
            }
        });
    }
}

/// Which of 64 kinds of bytes a name holds: what lacks one that a pattern needs cannot match it.
#[derive(Clone, Copy)]
struct Letters(u64);

impl Letters {
    fn of_name(lower: &str) -> Self {
        Self(lower.bytes().fold(0, |kinds, byte| kinds | 1 << (byte & 63)))
    }

    /// Of the literal parts; what a class may stand for is not needed.
    fn of_glob(glob: &str) -> Self {
        if glob.contains('[') {
            return Self(0);
        }
        Self::of_name(&glob.to_ascii_lowercase().replace(['*', '?'], ""))
    }

    fn hold(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }
}

/// What some names look like, whatever their case: a name that looks like none of them is none of them.
#[derive(Default)]
struct Looks([u64; 4]);

impl Looks {
    fn add(&mut self, name: &str) {
        let (word, bit) = Self::of(name);
        self.0[word] |= bit;
    }

    fn may_be(&self, name: &str) -> bool {
        let (word, bit) = Self::of(name);
        self.0[word] & bit != 0
    }

    /// By its ends and its length: the word, and the bit in it.
    fn of(name: &str) -> (usize, u64) {
        let ends = |byte: Option<&u8>| usize::from(byte.map_or(0, u8::to_ascii_lowercase));
        let bytes = name.as_bytes();
        let look = ends(bytes.first()) ^ ends(bytes.last()) << 3 ^ bytes.len() << 5;
        (look >> 6 & 3, 1 << (look & 63))
    }
}

impl Prefixes {
    fn new(map: HashMap<String, Vec<Hook>>) -> Option<Self> {
        if map.is_empty() {
            return None;
        }
        let (keys, patterns): (Vec<_>, Vec<_>) = map.into_iter().unzip();
        let automaton = dfa::Builder::new()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Anchored)
            .build(&keys)
            .ok()?;
        Some(Self { automaton, patterns })
    }

    fn each(&self, name: &str, consider: &mut impl FnMut(&[Hook])) {
        let input = Input::new(name).anchored(Anchored::Yes);
        let mut state = OverlappingState::start();
        while self.automaton.try_find_overlapping(&input, &mut state).is_ok() {
            let Some(found) = state.get_match() else { return };
            consider(&self.patterns[found.pattern().as_usize()]);
        }
    }
}

/// The folder whose entries are being matched, split once.
///
/// Its components are what they stand for: those of a copy that was set aside (`.aws.bak`) have their own names back, and the
/// folders of a flatpak's home those of any home.
pub struct Folder<'p> {
    components: Vec<&'p str>,
    /// The components as they are, where a flatpak's folder is among them.
    written: Option<Vec<&'p str>>,
    /// Number of components up to the last that was set aside.
    set_aside: usize,
}

impl<'p> Folder<'p> {
    /// Splits an absolute path; components that are not UTF-8 match nothing but `*`.
    pub fn new(path: &'p Path) -> Self {
        // A usual path needs no more than to be cut at its slashes.
        let plain = path.to_str().filter(|_| std::path::MAIN_SEPARATOR == '/');
        match plain {
            Some(path) => {
                Self::of(path.split('/').filter(|name| !matches!(*name, "" | "." | "..")))
            }
            None => Self::of(path.components().filter_map(|part| match part {
                PathComponent::Normal(name) => Some(name.to_str().unwrap_or("\u{fffd}")),
                _ => None,
            })),
        }
    }

    fn of(names: impl Iterator<Item = &'p str>) -> Self {
        let mut components = Vec::with_capacity(16);
        let mut set_aside = 0;
        for name in names {
            let original = original_name(name);
            components.push(original.unwrap_or(name));
            if original.is_some() {
                set_aside = components.len();
            }
        }
        match flatpak(&components) {
            Some(plain) => Self { components: plain, written: Some(components), set_aside },
            None => Self { components, written: None, set_aside },
        }
    }

    /// Its last component; empty for the root.
    pub fn name(&self) -> &'p str {
        self.components.last().copied().unwrap_or("")
    }

    /// All of its components.
    pub fn components(&self) -> &[&'p str] {
        &self.components
    }

    /// Whether one of the folders behind the first `before` is a copy that was set aside.
    pub fn is_set_aside(&self, before: usize) -> bool {
        self.set_aside > before
    }
}

/// What the home of a flatpak calls the folders of the XDG base directory specification
/// (<https://docs.flatpak.org/en/latest/conventions.html#xdg-base-directories>).
const FLATPAK: [(&str, &[&str]); 3] =
    [("config", &[".config"]), ("data", &[".local", "share"]), ("cache", &[".cache"])];

/// The components with `config` in `.var/app/ID` as `.config`, and so on; none if there is nothing to change.
fn flatpak<'p>(components: &[&'p str]) -> Option<Vec<&'p str>> {
    let at = components.windows(4).position(|four| four[0] == ".var" && four[1] == "app")? + 3;
    let (_, plain) = FLATPAK.iter().find(|(name, _)| *name == components[at])?;
    Some([&components[..at], plain, &components[at + 1..]].concat())
}

/// What patterns ask for in the folders of a flatpak's home: the folder's name, and what remains of them below it.
pub fn in_flatpak(patterns: &[Pattern]) -> impl Iterator<Item = (&'static str, Vec<Pattern>)> {
    FLATPAK.iter().map(|(name, plain)| {
        let rows = patterns.iter().filter_map(|pattern| {
            let (head, rest) = pattern.components.split_at_checked(plain.len())?;
            let is_it = |(step, name): (&Component, &&str)| {
                matches!(step, Component::Literal(_)) && pattern.step(step, name)
            };
            let inside = head.iter().zip(*plain).all(is_it) && !rest.is_empty();
            inside.then(|| Pattern { components: rest.to_vec(), ..pattern.clone() })
        });
        (*name, rows.collect())
    })
}

/// Where `rest` lies in this home, which may be that of a flatpak.
pub fn in_home(home: &Path, rest: &str) -> PathBuf {
    let in_flatpak = home.parent().is_some_and(|above| above.ends_with(".var/app"));
    let moved = FLATPAK.iter().filter(|_| in_flatpak).find_map(|(name, plain)| {
        let below = Path::new(rest).strip_prefix(plain.join("/")).ok()?;
        Some(home.join(name).join(below))
    });
    moved.unwrap_or_else(|| home.join(rest))
}

/// Endings that people, editors and package managers give to copies they set aside; a number or a date may follow.
const SET_ASIDE: [&str; 10] =
    ["bak", "backup", "bkp", "old", "orig", "save", "prev", "rpmsave", "pacsave", "dpkg-old"];

/// The name that a copy had before it was set aside: `config` for `config.bak`, `config.old.2`, `config~`.
pub fn original_name(name: &str) -> Option<&str> {
    if !name.bytes().any(|byte| matches!(byte, b'.' | b'~')) {
        return None;
    }
    let is_number = |c: char| c.is_ascii_digit();
    let original = if let Some(rest) = name.strip_suffix('~') {
        // Emacs numbers its copies: `config.~2~`.
        let numbered = rest.trim_end_matches(is_number).strip_suffix(".~");
        numbered.filter(|_| rest.ends_with(is_number)).unwrap_or(rest)
    } else {
        let numbered = name.ends_with(is_number);
        let name = name.trim_end_matches(|c| numbered && (is_number(c) || ".-_".contains(c)));
        let (original, ending) = name.rsplit_once('.')?;
        SET_ASIDE.iter().find(|known| ending.eq_ignore_ascii_case(known))?;
        original
    };
    (!original.is_empty()).then_some(original)
}

impl Pattern {
    /// Compiles a path of a rule; braces are alternatives, each a pattern of its own.
    ///
    /// # Errors
    /// A path that is not of the form `~/x`, `/x` or `**/x`, or holds a malformed glob.
    pub fn compile(path: &str, target: usize) -> Result<Vec<Self>, BadPath> {
        if path.len() > MAX_LENGTH {
            return Err(BadPath(format!("a path has at most {MAX_LENGTH} bytes")));
        }
        if alternatives(path).is_none_or(|number| number > MAX_ALTERNATIVES) {
            return Err(BadPath(format!("a path stands for at most {MAX_ALTERNATIVES} others")));
        }
        if path.matches("**").count() > MAX_ANY_DEPTH {
            return Err(BadPath(format!("a path has at most {MAX_ANY_DEPTH} `**`")));
        }
        expand_braces(path).iter().map(|plain| compile(plain, target)).collect()
    }

    /// The path `below` (in the grammar of rules, without an anchor; may be empty) of one folder or file that is named literally.
    ///
    /// # Errors
    /// A malformed glob in `below`.
    pub fn compile_below(base: &Path, below: &str, target: usize) -> Result<Vec<Self>, BadPath> {
        let literal =
            Folder::new(base).components.into_iter().map(|name| Component::Literal(name.into()));
        let head: Vec<Component> = literal.collect();
        if below.is_empty() {
            return Ok(vec![Self {
                anchor: Anchor::Root,
                components: head,
                insensitive: false,
                target,
            }]);
        }
        let tails = Self::compile(&format!("/{below}"), target)?;
        let joined = tails
            .into_iter()
            .map(|tail| Self { components: [head.clone(), tail.components].concat(), ..tail });
        Ok(joined.collect())
    }

    /// The same, whatever the case of ASCII letters.
    #[must_use]
    pub fn in_any_case(mut self) -> Self {
        self.insensitive = true;
        for step in &mut self.components {
            if let Component::Glob(glob) = step
                && let Some(folded) = Glob::new(glob.text(), true)
            {
                *glob = folded;
            }
        }
        self
    }

    /// Whether the entry `name` of a folder matches.
    pub fn fits(&self, folder: &Folder<'_>, name: &str) -> bool {
        self.matches(folder, name).is_some()
    }

    /// Number of the folder's leading components before the match, if the entry `name` of it matches.
    fn matches(&self, folder: &Folder<'_>, name: &str) -> Option<usize> {
        let (last, before) = self.components.split_last()?;
        if !self.step(last, name) {
            return None;
        }
        let written = || self.ends(before, folder.written.as_deref()?);
        self.ends(before, &folder.components).or_else(written)
    }

    fn ends(&self, steps: &[Component], path: &[&str]) -> Option<usize> {
        let Some((step, rest)) = steps.split_last() else {
            let fits = self.anchor != Anchor::Root || path.is_empty();
            return fits.then_some(path.len());
        };
        if let Component::AnyDepth = step {
            return (0..=path.len()).rev().find_map(|length| self.ends(rest, &path[..length]));
        }
        let (name, above) = path.split_last()?;
        if self.step(step, name) { self.ends(rest, above) } else { None }
    }

    /// Whether one step of this pattern takes this name.
    pub fn step(&self, step: &Component, name: &str) -> bool {
        match step {
            Component::Literal(literal) if self.insensitive => literal.eq_ignore_ascii_case(name),
            Component::Literal(literal) => **literal == *name,
            Component::Glob(glob) => glob.is_match(name),
            Component::AnyDepth => true,
        }
    }
}

fn compile(path: &str, target: usize) -> Result<Pattern, BadPath> {
    let (anchor, rest) = if let Some(rest) = path.strip_prefix("~/") {
        (Anchor::Home, rest)
    } else if let Some(rest) = path.strip_prefix("**/") {
        (Anchor::Anywhere, rest)
    } else if let Some(rest) = path.strip_prefix('/') {
        (Anchor::Root, rest)
    } else {
        return Err(BadPath("a path begins with `~/`, `/` or `**/`".into()));
    };
    let insensitive = is_foreign(rest);
    let components =
        rest.split('/').map(|part| component(part, insensitive)).collect::<Result<Vec<_>, _>>()?;
    match components.last() {
        Some(Component::AnyDepth) => Err(BadPath("a path ends with the name of a file".into())),
        _ => Ok(Pattern { anchor, components, insensitive, target }),
    }
}

fn component(part: &str, insensitive: bool) -> Result<Component, BadPath> {
    match part {
        "" | "." | ".." => Err(BadPath(format!("a path has no component `{part}`"))),
        "**" => Ok(Component::AnyDepth),
        _ if part.contains(['*', '?', '[']) => Glob::new(part, insensitive)
            .map(Component::Glob)
            .ok_or_else(|| BadPath(format!("`{part}` has an unclosed or empty class"))),
        _ => Ok(Component::Literal(part.into())),
    }
}

/// Windows and macOS profiles have folders of these names; both systems fold case.
fn is_foreign(path: &str) -> bool {
    ["AppData/", "Library/", "Documents/"].iter().any(|folder| path.starts_with(folder))
        || path.starts_with("ProgramData/")
}

/// How many paths [`expand_braces`] makes of one.
fn alternatives(path: &str) -> Option<usize> {
    let Some((choices, rest)) = path.split_once('{').and_then(|(_, rest)| rest.split_once('}'))
    else {
        return Some(1);
    };
    choices.split(',').count().checked_mul(alternatives(rest)?)
}

/// `a{b,c}d` as `abd`, `acd`; nothing nested.
fn expand_braces(path: &str) -> Vec<String> {
    let Some(open) = path.find('{') else { return vec![path.to_owned()] };
    let Some(close) = path[open..].find('}').map(|at| open + at) else {
        return vec![path.to_owned()];
    };
    path[open + 1..close]
        .split(',')
        .flat_map(|choice| {
            expand_braces(&path[close + 1..])
                .into_iter()
                .map(move |tail| format!("{}{choice}{tail}", &path[..open]))
        })
        .collect()
}

fn literal_prefix(glob: &str) -> Option<&str> {
    let end = glob.find(['*', '?', '['])?;
    (end > 0).then(|| &glob[..end])
}

fn lower(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into_boxed_str()
}

/// Hands on the lower-cased name without an allocation: file names have at most 255 bytes on the systems we know.
fn lowered<T>(name: &str, use_it: impl FnOnce(&str) -> T) -> T {
    let mut buffer = [0_u8; 256];
    let Some(room) = buffer.get_mut(..name.len()) else {
        return use_it(&name.to_ascii_lowercase());
    };
    room.copy_from_slice(name.as_bytes());
    room.make_ascii_lowercase();
    use_it(std::str::from_utf8(room).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], path: &str) -> Vec<(usize, usize)> {
        let index =
            PathIndex::new(patterns.iter().enumerate().map(|(n, path)| (*path, n))).unwrap();
        let (folder, name) = path.rsplit_once('/').unwrap();
        let folder = Folder::new(Path::new(folder));
        let mut hits = Vec::new();
        index.matches(&folder, &index.hanging_on(&folder), name, |id, before| {
            hits.push((index.pattern(id).target, before));
        });
        hits.sort_unstable();
        hits
    }

    #[test]
    fn paths_match_on_component_boundaries() {
        for (pattern, path, expected) in [
            ("~/.aws/credentials", "/home/u/.aws/credentials", Some(2)),
            ("~/.aws/credentials", "/home/u/backup/.aws/credentials", Some(3)),
            ("~/.aws/credentials", "/home/u/x.aws/credentials", None),
            ("~/.aws/credentials", "/home/u/.AWS/credentials", None),
            ("~/AppData/Roaming/gh/hosts.yml", "/c/Users/u/appdata/roaming/GH/hosts.yml", Some(3)),
            ("~/.aws/sso/cache/*.json", "/home/u/.aws/sso/cache/ab.json", Some(2)),
            ("~/.aws/sso/cache/*.json", "/home/u/.aws/sso/other/ab.json", None),
            ("/etc/rancher/k3s.yaml", "/etc/rancher/k3s.yaml", Some(0)),
            ("/etc/rancher/k3s.yaml", "/mnt/etc/rancher/k3s.yaml", None),
            ("**/.env*", "/srv/a/.env.local", Some(2)),
            ("**/.env*", "/srv/a/xenv", None),
            ("**/*.tfvars", "/srv/prod.tfvars", Some(1)),
            ("~/a/**/k", "/home/u/a/b/c/k", Some(2)),
            ("~/a/**/k", "/home/u/a/k", Some(2)),
            ("~/{.x,.y}/k", "/home/u/.y/k", Some(2)),
            ("~/.x/**/*", "/home/u/.x/k", Some(2)),
            ("~/.x/**/*", "/home/u/.x/a/b/k", Some(2)),
            ("~/.x/**/*", "/home/u/x/k", None),
            ("~/.x/*/*", "/home/u/.x/.x/k", Some(2)),
            ("~/.x/*/*", "/home/u/.x/a/b/k", None),
            ("**/run/*.d/*", "/srv/run/run/a.d/k", Some(2)),
            ("~/.config/*/*", "/home/u/.var/app/io.x.Y/config/a/k", Some(5)),
            ("~/.z/*_history", "/home/u/.z/my_history", Some(2)),
            ("**/*_history", "/home/u/my_history", Some(2)),
            ("~/.aws/credentials", "/home/u/.aws.bak/credentials", Some(2)),
            ("~/.config/gh/hosts.yml", "/home/u/.var/app/io.x.Y/config/gh/hosts.yml", Some(5)),
            ("~/.config/*.conf", "/home/u/.var/app/io.x.Y/config/a.conf", Some(5)),
            ("~/.local/share/a/b", "/home/u/.var/app/io.x.Y/data/a/b", Some(5)),
            ("~/.var/app/io.x.Y/data/a/b", "/home/u/.var/app/io.x.Y/data/a/b", Some(2)),
            ("~/.config/gh/hosts.yml", "/home/u/config/gh/hosts.yml", None),
        ] {
            let expected: Vec<_> = expected.map(|before| (0, before)).into_iter().collect();
            assert_eq!(found(&[pattern], path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_name_looks_like_itself_in_any_case() {
        let mut looks = Looks::default();
        for name in ["", "a", "Keys", ".aws", "Größe", "a very long name of a folder of somebody"]
        {
            looks.add(name);
            assert!(looks.may_be(name) && looks.may_be(&name.to_ascii_uppercase()), "{name}");
        }
        assert!(!looks.may_be("node_modules"));
    }

    #[test]
    fn copies_that_were_set_aside_are_known_by_their_names() {
        for (name, original) in [
            ("config.bak", Some("config")),
            ("config.BAK", Some("config")),
            ("hosts.yml~", Some("hosts.yml")),
            ("config.~2~", Some("config")),
            ("config.~", Some("config.")),
            ("config.old.2", Some("config")),
            ("config.bak-2026-01-02_10", Some("config")),
            ("config.dpkg-old", Some("config")),
            ("config.json", None),
            ("config.2", None),
            ("bak", None),
            (".bak", None),
            ("~", None),
            ("1", None),
            ("é", None),
        ] {
            assert_eq!(original_name(name), original, "{name}");
        }
        let folder = Folder::new(Path::new("/home/u/.aws.bak/sso"));
        assert!(folder.is_set_aside(2));
        assert!(!folder.is_set_aside(3));
    }

    #[test]
    fn homes_of_flatpaks_are_laid_out_in_their_own_way() {
        for (home, rest, path) in [
            ("/home/u", ".config/x", "/home/u/.config/x"),
            ("/home/u/.var/app/io.x.Y", ".config/x", "/home/u/.var/app/io.x.Y/config/x"),
            ("/home/u/.var/app/io.x.Y", ".local/share/x", "/home/u/.var/app/io.x.Y/data/x"),
            ("/home/u/.var/app/io.x.Y", ".local/state/x", "/home/u/.var/app/io.x.Y/.local/state/x"),
        ] {
            assert_eq!(in_home(Path::new(home), rest), Path::new(path));
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let braces = format!("~/{}", "{a,b}".repeat(60));
        let nested = format!("~/{}", "{a,{b}".repeat(60));
        let depths = format!("~/{}x", "**/".repeat(8));
        let long = format!("~/{}", "x".repeat(2000));
        for bad in ["x", "~/../x", "~/a//b", "~/a/**", "~/[", "", &braces, &nested, &depths, &long]
        {
            assert!(PathIndex::new([(bad, 0)]).is_err(), "{bad}");
        }
    }
}
