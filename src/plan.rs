//! Every decision of a run, made before anything is scanned. What can fail the run fails here.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rayon::{ThreadPool, ThreadPoolBuilder};
use zeroize::Zeroizing;

use crate::cli::ScanArgs;
use crate::error::{Error, plain};
use crate::extract::secret::Fingerprinter;
use crate::host::{Homes, Host};
use crate::policy::{self, Exceptions, Policy};
use crate::report::{Mode, Sandbox, Skipped};
use crate::rule::check::Diagnostic;
use crate::rule::duration::seconds;
use crate::rule::load::RuleSet;
use crate::rule::pack::{Pack, Yields};
use crate::rule::paths::{Anchor, Folder, PathIndex, Pattern, in_flatpak};
use crate::rule::schema::CacheRule;
use crate::source::directory::Root;
use crate::source::site::{MovedEntry, MovedHome, Site};
use crate::target::{Image, Target};

/// Variables that move the folders of the XDG base directory specification, and where these lie otherwise.
const XDG: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", "~/.config/"),
    ("XDG_DATA_HOME", "~/.local/share/"),
    ("XDG_STATE_HOME", "~/.local/state/"),
    ("XDG_CACHE_HOME", "~/.cache/"),
];

/// What a scan does.
pub struct Plan {
    /// The machine.
    pub host: Host,
    /// What absolute paths hang on.
    pub site: Site,
    /// Which folders are homes.
    pub homes: Homes,
    /// Rules, compiled.
    pub pack: Arc<Pack>,
    /// Paths of all caches, with what the environment moved.
    pub index: PathIndex,
    /// Where to look.
    pub roots: Vec<Root>,
    /// What the user asked for, as the report names it.
    pub asked: Vec<PathBuf>,
    /// The image that is scanned instead of folders.
    pub image: Option<Mutex<Image>>,
    /// Only for this platform.
    pub platform: Option<String>,
    /// What of it cannot be looked at.
    pub skipped: Vec<Skipped>,
    /// How far to look.
    pub mode: Mode,
    /// What to leave out.
    pub exclude: Gitignore,
    /// Largest cache that is read, in bytes.
    pub max_file_size: u64,
    /// When to end.
    pub max_time: Option<Duration>,
    /// Number of threads.
    pub threads: usize,
    pool: OnceLock<Option<ThreadPool>>,
    /// Limits.
    pub policy: Policy,
    /// What is accepted.
    pub exceptions: Exceptions,
    /// Keys for fingerprints.
    pub prints: Fingerprinter,
    /// Whether to look at the environment of this process.
    pub environment: bool,
    /// What the kernel enforces; nothing before [`crate::sandbox::enter`] was called.
    pub sandbox: Sandbox,
}

impl Plan {
    /// Decides.
    ///
    /// # Errors
    /// What was asked for cannot be done: a path that is not there, a broken rule, an unusable key file.
    pub fn new(args: &ScanArgs, host: Host) -> Result<Self, Error> {
        Self::with(Arc::new(Pack::new(rules(args)?)?), args, host)
    }

    /// Decides, with rules that are compiled already and may serve several scans.
    ///
    /// # Errors
    /// As [`Self::new`], but for rules.
    pub fn with(pack: Arc<Pack>, args: &ScanArgs, host: Host) -> Result<Self, Error> {
        let Target { mut site, users, homes, asked, skipped, image } =
            Target::new(args, &host, &pack.places)?;
        let mut host = host;
        host.users = users;
        let mode = match () {
            () if args.quick => Mode::Quick,
            () if args.deep => Mode::Deep,
            () if args.thorough => Mode::Thorough,
            () => Mode::Default,
        };
        // Another machine's disk holds nobody's home who is here.
        let is_here = site.machine.is_none() && image.is_none();
        let own_home = host.home.as_deref().filter(|_| is_here);
        let own_home = own_home.and_then(|home| home.canonicalize().ok());
        let holds_own_home =
            own_home.as_ref().is_some_and(|home| asked.iter().any(|root| home.starts_with(root)));
        let mut paths = pack.paths.clone();
        if site.any_case {
            paths = paths.into_iter().map(Pattern::in_any_case).collect();
        }
        paths.retain(|pattern| site.golden || !pack.golden_only[pattern.target]);
        let folders = if image.is_some() { &[][..] } else { &asked[..] };
        let mut roots: Vec<Root> =
            folders.iter().flat_map(|path| roots_of(path, mode, &homes, &paths)).collect();
        if let (Some(machine), Mode::Quick) = (&site.machine, mode) {
            let rooted = paths.iter().filter(|pattern| pattern.anchor == Anchor::Root);
            roots.push(Root { path: machine.clone(), only: Some(rooted.cloned().collect()) });
        }
        if holds_own_home {
            site.moved = moved_home(&pack, &host.env, own_home.as_deref());
            let moved = moved(&pack, &host.env, Path::new("/"));
            for Moved { base, patterns } in moved {
                if !asked.iter().any(|root| base.starts_with(root)) || mode == Mode::Quick {
                    roots.push(Root::limited(&base, &patterns));
                }
                paths.extend(patterns);
            }
        }
        let policy = policy(args.policy.as_deref(), &pack.policy)?;
        Ok(Self {
            exceptions: exceptions(args.exceptions.as_deref(), &policy)?,
            policy,
            index: PathIndex::of(paths),
            roots,
            asked,
            mode,
            exclude: exclude(&args.exclude)?,
            max_file_size: args.max_file_size * 1024 * 1024,
            max_time: max_time(args.max_time.as_deref())?,
            threads: args.threads.map_or(host.processors, usize::from),
            pool: OnceLock::new(),
            prints: prints(args, &host)?,
            environment: holds_own_home && !args.no_env,
            sandbox: Sandbox::none(),
            homes,
            site,
            skipped,
            image: image.map(Mutex::new),
            platform: args.platform.clone(),
            pack,
            host,
        })
    }
}

impl Plan {
    /// The threads of the scan; none where the system has none to give. They start when they are first asked for.
    pub fn pool(&self) -> Option<&ThreadPool> {
        let start = || ThreadPoolBuilder::new().num_threads(self.threads).build().ok();
        self.pool.get_or_init(start).as_ref()
    }

    /// Whether all folders are listed before the first file is read: not where any text may hold a token, nor where folders are
    /// themselves read from a file.
    pub fn lists_first(&self) -> bool {
        self.mode != Mode::Deep && self.image.is_none() && self.site.is_own()
    }

    /// Gives up all but the rules. They hold no secret, and to free their many small parts, where the process is about to end,
    /// takes longer than to look at all the places of a home.
    pub fn leave(self) {
        let Self { pack, index, .. } = self;
        std::mem::forget((pack, index));
    }
}

/// The rules in force: built in, added, and narrowed to what was asked for.
pub(crate) fn rules(args: &ScanArgs) -> Result<RuleSet, Error> {
    let mut set = RuleSet::for_a_scan().map_err(|problems| broken(&problems))?;
    if let Some(folder) = &args.rules {
        set.add_folder(folder).map_err(|problems| {
            let folder = folder.display().to_string();
            Error::Rules(format!(
                "{}\n`nhi-scan rules check {}` tells more",
                broken(&problems),
                folder.escape_debug()
            ))
        })?;
    }
    if let Some(unknown) = args.rule.iter().find(|id| set.cache(id).is_none()) {
        return Err(Error::Usage(format!(
            "no rule has the id `{unknown}`; `nhi-scan rules list` shows them"
        )));
    }
    if args.rule.is_empty() && args.tool.is_empty() {
        return Ok(set);
    }
    let is_asked = |rule: &CacheRule| {
        let named = |names: &[String], name: &str| {
            names.iter().any(|asked| asked.eq_ignore_ascii_case(name))
        };
        named(&args.rule, &rule.id) || named(&args.tool, &rule.tool) || named(&args.tool, &rule.id)
    };
    set.retain(is_asked);
    if set.caches().is_empty() {
        let asked = args.tool.join(", ");
        return Err(Error::Usage(format!(
            "no rule is for `{asked}`; `nhi-scan rules list` shows them"
        )));
    }
    Ok(set)
}

/// Rule files hold no secrets: their problems are told in full.
pub(crate) fn broken(problems: &[Diagnostic]) -> Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Error::Rules(format!("broken rules:\n{}", lines.join("\n")))
}

/// The built-in policy, changed by the file that was asked for.
pub(crate) fn policy(path: Option<&Path>, built_in: &Policy) -> Result<Policy, Error> {
    let Some(path) = path else { return Ok(built_in.clone()) };
    let text = policy::read_file(path)?;
    built_in
        .clone()
        .with(&path.to_string_lossy(), &text)
        .map_err(|problems| unusable("policy", &problems))
}

/// The exceptions of the file that was asked for.
pub(crate) fn exceptions(path: Option<&Path>, policy: &Policy) -> Result<Exceptions, Error> {
    let Some(path) = path else { return Ok(Exceptions::default()) };
    let text = policy::read_file(path)?;
    let read = Exceptions::load(&path.to_string_lossy(), &text, policy.exceptions);
    read.map_err(|problems| unusable("exceptions", &problems))
}

/// Such files are the caller's own and hold no secrets: their problems are told in full.
fn unusable(what: &str, problems: &[Diagnostic]) -> Error {
    let lines: Vec<String> =
        problems.iter().map(|problem| crate::output::safe(&problem.to_string())).collect();
    Error::Usage(format!("unusable {what}; nothing was scanned:\n{}", lines.join("\n")))
}

/// Where a walk of an asked path begins, and what it is limited to.
fn roots_of(path: &Path, mode: Mode, homes: &Homes, paths: &[Pattern]) -> Vec<Root> {
    if path.is_file() {
        let name = path.file_name().map_or(path, Path::new);
        let only = Pattern::compile_below(name, "", 0).unwrap_or_default();
        let parent = path.parent().unwrap_or(path).to_owned();
        return vec![Root { path: parent, only: Some(only) }];
    }
    if mode != Mode::Quick {
        return vec![Root { path: path.to_owned(), only: None }];
    }
    let in_a_home: Vec<Pattern> =
        paths.iter().filter(|pattern| pattern.anchor == Anchor::Home).cloned().collect();
    let mut below = homes.below(path);
    if below.is_empty() {
        below.push(path.to_owned());
    }
    let sandboxes: Vec<PathBuf> = below.iter().flat_map(|home| homes.sandboxes(home)).collect();
    let mut roots = Vec::new();
    for home in &sandboxes {
        let folders = in_flatpak(&in_a_home);
        let folders = folders.map(|(name, rows)| Root { path: home.join(name), only: Some(rows) });
        roots.extend(folders.filter(|root| root.path.is_dir()));
    }
    let homes = below.into_iter().chain(sandboxes);
    roots.extend(homes.map(|path| Root { path, only: Some(in_a_home.clone()) }));
    roots
}

/// Places that a variable moved.
pub(crate) struct Moved {
    pub(crate) base: PathBuf,
    pub(crate) patterns: Vec<Pattern>,
}

impl Root {
    /// Looks, below a base that a variable names, only at what rules name there.
    fn limited(base: &Path, patterns: &[Pattern]) -> Self {
        let depth = base.components().count().saturating_sub(1);
        let is_file = base.is_file();
        let depth = if is_file { depth.saturating_sub(1) } else { depth };
        let only = patterns.iter().map(|pattern| Pattern {
            components: pattern.components[depth..].to_vec(),
            ..pattern.clone()
        });
        let path = if is_file { base.parent().unwrap_or(base) } else { base };
        Self { path: path.to_owned(), only: Some(only.collect()) }
    }
}

/// What the environment moved, by the folder or file that a variable names; `machine` is the folder that stands for `/`.
pub(crate) fn moved(pack: &Pack, env: &BTreeMap<String, String>, machine: &Path) -> Vec<Moved> {
    let mut by_base: BTreeMap<PathBuf, Vec<Pattern>> = BTreeMap::new();
    for (at, compiled) in pack.caches.iter().enumerate() {
        let cache = pack.cache(compiled);
        let own = cache.env.iter().map(|(name, below)| (name.as_str(), below.as_str()));
        let xdg = XDG.iter().flat_map(|(name, prefix)| {
            let below = cache.paths.iter().filter_map(move |path| path.strip_prefix(prefix));
            below.map(|below| (*name, below))
        });
        for (name, below) in own.chain(xdg) {
            let Some(value) = env.get(name) else { continue };
            for base in std::env::split_paths(value) {
                let Ok(base) = base.canonicalize() else { continue };
                let inside = base.strip_prefix(machine).unwrap_or(&base);
                let patterns = Pattern::compile_below(inside, below, at).unwrap_or_default();
                by_base.entry(base).or_default().extend(patterns);
            }
        }
    }
    let mut moved = Vec::new();
    for (base, mut patterns) in by_base {
        let inside = base.strip_prefix(machine).unwrap_or(&base);
        one_reader(pack, env, inside, &mut patterns);
        if !patterns.is_empty() {
            moved.push(Moved { base, patterns });
        }
    }
    moved
}

/// Where the environment put what rules name below this home: by the variables of the XDG base directories, and by those of each
/// rule, where its own path and what the variable is followed by end in the same name.
pub(crate) fn moved_home(
    pack: &Pack,
    env: &BTreeMap<String, String>,
    home: Option<&Path>,
) -> MovedHome {
    let mut entries: Vec<MovedEntry> = Vec::new();
    let mut add = |from: &str, to: PathBuf| {
        let entry = MovedEntry { from: from.to_owned(), to };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    };
    let base = |name: &str| Path::new(env.get(name)?).canonicalize().ok();
    for cache in pack.caches.iter().map(|compiled| pack.cache(compiled)) {
        for (name, below) in &cache.env {
            let Some(base) = base(name) else { continue };
            let to = if below.is_empty() { base } else { base.join(below) };
            for path in cache.paths.iter().filter_map(|path| path.strip_prefix("~/")) {
                let same = below.is_empty() || path.ends_with(&format!("/{below}"));
                if same && !path.contains(['*', '{', '[', '?']) {
                    add(path, to.clone());
                }
            }
        }
    }
    for (name, prefix) in XDG {
        if let (Some(base), Some(from)) = (base(name), prefix.strip_prefix("~/")) {
            add(from, base);
        }
    }
    MovedHome { home: home.map(Path::to_owned), entries }
}

/// A file of commands is read once, in one shell's way, though the variable that names it is several shells' (`HISTFILE`): by
/// the rule whose own path it has, else by that of the shell it is called after, that of the user's shell, the first.
fn one_reader(
    pack: &Pack,
    env: &BTreeMap<String, String>,
    file: &Path,
    patterns: &mut Vec<Pattern>,
) {
    let streams = |cache: usize| matches!(pack.caches[cache].yields, Yields::Entries(_));
    let depth = file.components().filter(|part| matches!(part, Component::Normal(_))).count();
    let names_file =
        |pattern: &Pattern| pattern.components.len() == depth && streams(pattern.target);
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(OsStr::to_str))
    else {
        return;
    };
    let mut readers: Vec<usize> =
        patterns.iter().filter(|it| names_file(it)).map(|pattern| pattern.target).collect();
    if readers.is_empty() {
        return;
    }
    let folder = Folder::new(folder);
    let own = pack.paths.iter().filter(|pattern| streams(pattern.target));
    let own: HashSet<usize> =
        own.filter(|own| own.fits(&folder, name)).map(|own| own.target).collect();
    if own.is_empty() {
        let shell = env.get("SHELL").and_then(|shell| Path::new(shell).file_name()?.to_str());
        let is_late = |cache: &usize| {
            let id = &*pack.rule(&pack.caches[*cache]).id;
            (!name.contains(id), shell != Some(id), *cache)
        };
        readers.sort_by_key(is_late);
        readers.truncate(1);
    }
    patterns.retain(|it| {
        !names_file(it) || own.contains(&it.target) || own.is_empty() && readers == [it.target]
    });
}

fn exclude(globs: &[String]) -> Result<Gitignore, Error> {
    let mut builder = GitignoreBuilder::new("/");
    for glob in globs {
        builder.add_line(None, glob).map_err(|_| {
            Error::Usage(format!("--exclude `{}` is not a glob", glob.escape_debug()))
        })?;
    }
    builder.build().map_err(|_| Error::Usage("--exclude: too many globs".into()))
}

fn max_time(text: Option<&str>) -> Result<Option<Duration>, Error> {
    let Some(text) = text else { return Ok(None) };
    let seconds = seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = seconds
        .ok_or_else(|| Error::Usage("--max-time takes a time such as `30s` or `5m`".into()))?;
    Ok(Some(Duration::from_secs(seconds)))
}

#[expect(clippy::disallowed_methods, reason = "the key file is the caller's, not a scanned file")]
fn prints(args: &ScanArgs, host: &Host) -> Result<Fingerprinter, Error> {
    let Some(path) = &args.fingerprint_key_file else {
        return Ok(Fingerprinter::for_this_scan(host.random));
    };
    let unusable =
        |why: &str| Error::Usage(format!("--fingerprint-key-file {}: {why}", path.display()));
    let key = Zeroizing::new(std::fs::read(path).map_err(|error| unusable(&plain(&error)))?);
    let end =
        key.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    if end < 16 {
        return Err(unusable("a key has at least 16 bytes"));
    }
    Ok(Fingerprinter::with_key(&key[..end], args.fingerprint_passwords, host.random))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules whose history a file is, by what variables say.
    fn readers(pack: &Pack, file: &Path, env: &[(&str, &str)]) -> Vec<String> {
        let machine = file.ancestors().nth(3).unwrap();
        let shell = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let named = [("HISTFILE".to_owned(), file.to_str().unwrap().to_owned())];
        let env = shell.chain(named).collect();
        let moved = moved(pack, &env, machine);
        let patterns = moved.iter().flat_map(|moved| &moved.patterns);
        patterns.map(|pattern| pack.rule(&pack.caches[pattern.target]).id.clone()).collect()
    }

    #[test]
    fn a_history_has_one_reader() {
        let pack = Pack::new(RuleSet::built_in().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap().join("home/u");
        std::fs::create_dir_all(&home).unwrap();
        for (name, env, reader) in [
            (".bash_history", &[][..], "bash"),
            (".bash_history", &[("SHELL", "/bin/zsh")], "bash"),
            (".zsh_history", &[], "zsh"),
            (".history-zsh", &[("SHELL", "/bin/bash")], "zsh"),
            ("typed", &[("SHELL", "/usr/bin/zsh")], "zsh"),
            ("typed", &[("SHELL", "/bin/bash")], "bash"),
            ("typed", &[], "bash"),
        ] {
            let file = home.join(name);
            std::fs::write(&file, "").unwrap();
            assert_eq!(readers(&pack, &file, env), [reader], "{name} {env:?}");
        }
    }
}
