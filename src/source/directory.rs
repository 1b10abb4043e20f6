//! The parallel walk of folders.
//!
//! Folders are opened relative to their parent's handle and never through a link, entries are judged by name alone: nothing is
//! opened or `stat`ed here but folders. A walk can be limited to rows of components (`only`): that is how a pruned store is
//! still asked for the places that a rule names in it, and how `--quick` looks nowhere else.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::gitignore::Gitignore;
use rayon::Scope;

use super::list::Dir;
use super::site::Site;
use super::volume::Kind;
use super::{Candidate, Claim, Gathered, Loose};
use crate::artifact::reason_of;
use crate::host::{Homes, Mount};
use crate::report::{Mode, PlaceState, SkipReason, Skipped};
use crate::rule::paths::{Anchor, Component, Folder, Hanging, PathIndex, Pattern, original_name};
use crate::rule::places::{CompiledPrune, Places, Unpacked, remaining};

/// Deepest folder below a root that is listed.
const MAX_FOLDER_DEPTH: usize = 512;

/// How many files that no rule claims are handed on together.
const BATCH: usize = 64;

/// How many batches may wait for a thread: beyond that, whoever lists a huge folder reads its files itself.
const MOST_WAITING: usize = 64;

/// How many links a path may lead through (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// First bytes of a `CACHEDIR.TAG` that marks a cache (bford.info/cachedir).
const CACHEDIR_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Where a walk begins.
#[derive(Clone, Debug)]
pub struct Root {
    /// Absolute, links resolved.
    pub path: PathBuf,
    /// Looks only at these rows of components below it; at everything if none.
    pub only: Option<Vec<Pattern>>,
}

/// Everything a walk obeys.
pub struct Walk<'w> {
    /// Where it begins.
    pub roots: &'w [Root],
    /// Paths of all caches; a pattern's target is the cache.
    pub index: &'w PathIndex,
    /// Places that match a cache's paths and are none of it.
    pub except: &'w PathIndex,
    /// What absolute paths hang on.
    pub site: &'w Site,
    /// Whether a cache is claimed by content, and so not in stores of foreign files.
    pub sniffed: &'w [bool],
    /// What is left out.
    pub places: &'w Places,
    /// Which folders are homes.
    pub homes: &'w Homes,
    /// File systems.
    pub mounts: &'w [Mount],
    /// How far it looks.
    pub mode: Mode,
    /// What the user leaves out.
    pub exclude: &'w Gitignore,
    /// Whether links out of a home are refused although a root holds their target: the caller is root.
    pub stay_in_home: bool,
    /// Takes every regular file that no rule claims, on the threads of the walk and while it goes on.
    pub loose: Option<&'w (dyn Fn(&Loose<'_>) + Sync)>,
    /// Whether to end early.
    pub stop: &'w (dyn Fn() -> bool + Sync),
    /// Counts folders for whoever shows progress.
    pub progress: &'w AtomicU64,
}

impl Walk<'_> {
    /// Walks all roots. Never fails: what could not be listed is in `skipped`.
    pub fn run(&self) -> Gathered {
        let run = Run {
            walk: self,
            left_alone: self.left_alone(),
            files_seen: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            gathered: Mutex::default(),
        };
        rayon::scope(|scope| {
            for root in self.roots {
                let task = Task {
                    parent: None,
                    name: OsString::new(),
                    path: root.path.clone(),
                    target: None,
                    only: root.only.clone(),
                    foreign: self.is_foreign(&root.path),
                    depth: 0,
                };
                let run = &run;
                scope.spawn(move |scope| run.visit(task, scope));
            }
        });
        let mut gathered = run.gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
        gathered.directories = self.progress.load(Ordering::Relaxed);
        gathered.files_seen = run.files_seen.into_inner();
        settle(&mut gathered);
        gathered
    }

    /// Whether a root lies in a store of foreign files.
    fn is_foreign(&self, root: &Path) -> bool {
        root.ancestors().any(|folder| {
            let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
                return false;
            };
            let Ok(dir) = Dir::open(self.site.walked(), parent) else { return false };
            let parent = Folder::new(self.site.inside(parent));
            let pruned = self.places.prunes_in(&parent);
            let prune = self.prune(&parent, &pruned, &dir, &name.to_string_lossy());
            prune.is_some_and(|prune| prune.foreign)
        })
    }

    fn is_excluded(&self, path: &Path, is_folder: bool) -> bool {
        !self.exclude.is_empty()
            && self.exclude.matched(self.site.inside(path), is_folder).is_ignore()
    }

    /// What a default scan leaves a folder out for.
    fn prune(
        &self,
        parent: &Folder<'_>,
        hanging: &Hanging<'_>,
        dir: &Dir,
        name: &str,
    ) -> Option<&CompiledPrune> {
        let mut fitting = None;
        self.places.prunes(parent, hanging, name, &mut |prune| {
            let has = |names: &[String], prefix: &str| {
                names.is_empty() || names.iter().any(|inner| dir.has(&format!("{prefix}{inner}")))
            };
            if has(&prune.beside, "") && has(&prune.inside, &format!("{name}/")) {
                fitting = Some(prune);
            }
        });
        fitting
    }

    /// Mount points below the roots that are not entered.
    fn left_alone(&self) -> HashMap<&Path, Left> {
        let judged = self.mounts.iter().filter_map(|mount| {
            let root = self.roots.iter().find(|root| mount.path.starts_with(&root.path))?;
            let back = || mount.leads_back(&root.path, self.mounts).then_some(Left::Back);
            Some((&*mount.path, self.judge(mount).or_else(back)?))
        });
        judged.collect()
    }

    /// Why a file system is left alone, if it is.
    fn judge(&self, mount: &Mount) -> Option<Left> {
        let kinds = &self.places.filesystems;
        match () {
            () if kinds.pseudo.contains(&mount.kind) => Some(Left::Pseudo),
            () if kinds.is_network(&mount.kind) => Some(Left::Network),
            () => None,
        }
    }

    /// Where a path leads when its links are followed. It ends at a file system that is left alone, of which nothing is asked: what
    /// answers for it could keep the scan waiting.
    fn resolve(&self, path: &Path) -> Result<PathBuf, SkipReason> {
        if !self.site.is_own() {
            return self.site.real(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SkipReason::Vanished,
                _ => SkipReason::Symlink,
            });
        }
        let mut resolved = PathBuf::new();
        let mut rest: Vec<PathBuf> = steps(path);
        let mut links = 0;
        while let Some(step) = rest.pop() {
            if step == Path::new("..") {
                resolved.pop();
                continue;
            }
            resolved.push(step);
            let mount = self.mounts.iter().rfind(|mount| mount.path == resolved);
            match mount.and_then(|mount| self.judge(mount)) {
                Some(Left::Network) => return Err(SkipReason::NetworkMount),
                Some(_) => return Err(SkipReason::Symlink),
                None => {}
            }
            match resolved.read_link() {
                Ok(_) if links == MOST_LINKS => return Err(SkipReason::Symlink),
                Ok(target) => {
                    links += 1;
                    resolved.pop();
                    rest.extend(steps(&target));
                }
                // It is no link.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(SkipReason::Vanished);
                }
                Err(_) => return Err(SkipReason::Symlink),
            }
        }
        Ok(resolved)
    }
}

/// The parts of a path, the last one first.
fn steps(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().rev().filter(|part| *part != std::path::Component::CurDir);
    parts.map(|part| PathBuf::from(part.as_os_str())).collect()
}

/// Why a mount is not entered.
#[derive(Clone, Copy)]
enum Left {
    /// There are no files on a disk behind it.
    Pseudo,
    /// Somebody else answers for it.
    Network,
    /// It shows a folder above it.
    Back,
}

struct Task {
    parent: Option<Arc<Dir>>,
    name: OsString,
    path: PathBuf,
    /// The real folder, when a link led here.
    target: Option<PathBuf>,
    only: Option<Vec<Pattern>>,
    foreign: bool,
    depth: usize,
}

struct Run<'r, 'w> {
    walk: &'r Walk<'w>,
    left_alone: HashMap<&'r Path, Left>,
    files_seen: AtomicU64,
    /// Batches that no thread has taken up yet.
    waiting: AtomicUsize,
    gathered: Mutex<Gathered>,
}

/// Files of one folder that no rule claims.
struct Batch {
    dir: Arc<Dir>,
    folder: PathBuf,
    foreign: bool,
    names: Vec<OsString>,
}

/// What one folder yields.
#[derive(Default)]
struct Harvest {
    candidates: Vec<Candidate>,
    skipped: Vec<Skipped>,
    pruned: Vec<String>,
    folders: Vec<Task>,
    /// Names of files that no rule claims, while somebody wants them.
    loose: Vec<OsString>,
    files: u64,
    tagged: bool,
    /// Whose packages lie in it, by what lies beside them.
    unpacked: Option<usize>,
}

impl<'r> Run<'r, '_> {
    fn visit<'s>(&'s self, mut task: Task, scope: &Scope<'s>)
    where
        'r: 's,
    {
        if (self.walk.stop)() {
            return;
        }
        let dir = match self.open(&task) {
            Ok(dir) => Arc::new(dir),
            Err(reason) => {
                let skip = Skipped::new(&task.path, reason);
                self.lock().skipped.push(skip);
                return;
            }
        };
        self.walk.progress.fetch_add(1, Ordering::Relaxed);
        let mut harvest = self.list(&task, &dir, scope);
        let prunable = self.walk.mode == Mode::Default && task.depth > 0 && task.only.is_none();
        if harvest.tagged
            && prunable
            && dir.begins_with("CACHEDIR.TAG", CACHEDIR_TAG)
            && dir.rewind().is_ok()
        {
            task.only = Some(self.named_in(&Folder::new(self.walk.site.inside(&task.path)), &[]));
            let files = harvest.files;
            harvest = self.list(&task, &dir, scope);
            harvest.files = files;
            harvest.pruned.push("marked as a cache by CACHEDIR.TAG".into());
        }
        self.files_seen.fetch_add(harvest.files, Ordering::Relaxed);
        if let Some(place) = harvest.unpacked.filter(|_| !task.foreign && task.only.is_none()) {
            self.leave_packages(&self.walk.places.unpacked[place], &dir, &mut harvest);
        }
        for folder in std::mem::take(&mut harvest.folders) {
            scope.spawn(move |scope| self.visit(folder, scope));
        }
        let rest = Batch::of(&task, &dir, std::mem::take(&mut harvest.loose));
        self.hand_over(harvest);
        self.hand_on(&rest);
    }

    /// Takes the packages among the folders of a folder for what they are, once it is known that some lie there.
    fn leave_packages(&self, place: &Unpacked, dir: &Dir, harvest: &mut Harvest) {
        let Harvest { folders, pruned, .. } = harvest;
        folders.retain_mut(|folder| {
            if !is_package(place, dir, &folder.name.to_string_lossy()) {
                return true;
            }
            folder.foreign = true;
            if self.walk.mode != Mode::Default || folder.only.is_some() {
                return true;
            }
            pruned.push(place.why.clone());
            let named = self.named_in(&Folder::new(self.walk.site.inside(&folder.path)), &[]);
            let is_asked = !named.is_empty();
            folder.only = Some(named);
            is_asked
        });
    }

    fn open(&self, task: &Task) -> Result<Dir, SkipReason> {
        let opened = match (&task.parent, &task.target) {
            (Some(parent), _) => match parent.open_in(&task.name) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    // What was mounted since the scan began was not judged, and may keep it waiting.
                    let real = task.target.as_ref().unwrap_or(&task.path);
                    let mounts = self.walk.mounts;
                    if !mounts.is_empty() && !mounts.iter().any(|mount| mount.path == *real) {
                        return Err(SkipReason::OtherFilesystem);
                    }
                    parent.open_across(&task.name)
                }
                opened => opened,
            },
            (None, Some(target)) => Dir::open_resolved(self.walk.site.walked(), target),
            (None, None) => Dir::open(self.walk.site.walked(), &task.path),
        };
        opened.map_err(|error| reason_of(&error))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self, harvest: Harvest) {
        if harvest.candidates.is_empty() && harvest.skipped.is_empty() && harvest.pruned.is_empty()
        {
            return;
        }
        let mut gathered = self.lock();
        gathered.candidates.extend(harvest.candidates);
        gathered.skipped.extend(harvest.skipped);
        for reason in harvest.pruned {
            *gathered.pruned.entry(reason).or_default() += 1;
        }
    }

    /// Hands on a batch to the thread that is free first.
    fn queue<'s>(&'s self, batch: Batch, scope: &Scope<'s>)
    where
        'r: 's,
    {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return self.hand_on(&batch);
        }
        scope.spawn(move |_| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.hand_on(&batch);
        });
    }

    fn hand_on(&self, batch: &Batch) {
        let Some(take) = self.walk.loose else { return };
        for name in &batch.names {
            if (self.walk.stop)() {
                return;
            }
            take(&Loose { dir: &batch.dir, folder: &batch.folder, name, foreign: batch.foreign });
        }
    }

    fn list<'s>(&'s self, task: &Task, dir: &Arc<Dir>, scope: &Scope<'s>) -> Harvest
    where
        'r: 's,
    {
        let folder = Folder::new(self.walk.site.inside(&task.path));
        let hanging = self.walk.index.hanging_on(&folder);
        let pruned = self.walk.places.prunes_in(&folder);
        let mut harvest = Harvest::default();
        let listed = dir.list(&mut |name, kind| {
            let text = name.to_str().map_or_else(|| name.to_string_lossy(), Cow::Borrowed);
            let entry = Entry {
                task,
                dir,
                folder: &folder,
                hanging: &hanging,
                pruned: &pruned,
                name,
                text: &text,
            };
            self.consider(&entry, kind, &mut harvest);
            if harvest.loose.len() == BATCH {
                let names = std::mem::take(&mut harvest.loose);
                self.queue(Batch::of(task, dir, names), scope);
            }
        });
        if let Err(error) = listed {
            harvest.skipped.push(Skipped::new(&task.path, reason_of(&error)));
        }
        harvest
    }

    fn consider(&self, entry: &Entry<'_>, kind: Kind, harvest: &mut Harvest) {
        if kind == Kind::File {
            harvest.files += 1;
            harvest.tagged |= entry.text == "CACHEDIR.TAG";
        } else if kind == Kind::Folder {
            let ends = |place: &Unpacked| entry.text.ends_with(&*place.beside);
            harvest.unpacked = harvest.unpacked.or(self.walk.places.unpacked.iter().position(ends));
        }
        let inner = match &entry.task.only {
            None => None,
            Some(only) => {
                let mut inner = below(only, entry.text);
                if inner.is_empty() {
                    inner = original_name(entry.text).map_or(inner, |name| below(only, name));
                }
                if inner.is_empty() {
                    return;
                }
                Some(inner)
            }
        };
        match kind {
            Kind::Folder => self.folder(entry, inner, harvest),
            Kind::Link => self.link(entry, harvest),
            Kind::File | Kind::Special => {
                let claims = self.claims(entry);
                if claims.is_empty() {
                    if kind == Kind::File && self.walk.loose.is_some() {
                        self.loose(entry, inner.as_deref(), harvest);
                    }
                    return;
                }
                let path = entry.path();
                if self.walk.is_excluded(&path, false) {
                    harvest.skipped.push(Skipped::new(&path, SkipReason::Excluded));
                } else if kind == Kind::Special {
                    harvest.skipped.push(Skipped::new(&path, SkipReason::SpecialFile));
                } else {
                    let target = entry.real();
                    // A single file can be a mount as well.
                    if self.is_left_alone(&path, target.as_deref(), harvest) {
                        return;
                    }
                    harvest.candidates.push(Candidate { path, target, claims });
                }
            }
        }
    }

    /// Keeps the name of a file that no rule claims, unless the walk is limited to others.
    fn loose(&self, entry: &Entry<'_>, inner: Option<&[Pattern]>, harvest: &mut Harvest) {
        let is_asked = |rows: &[Pattern]| rows.iter().any(|row| row.components.is_empty());
        if entry.task.target.is_some() || !inner.is_none_or(is_asked) {
            return;
        }
        if !self.walk.exclude.is_empty() && self.walk.is_excluded(&entry.path(), false) {
            return harvest.skipped.push(Skipped::new(&entry.path(), SkipReason::Excluded));
        }
        harvest.loose.push(entry.name.to_owned());
    }

    fn folder(&self, entry: &Entry<'_>, inner: Option<Vec<Pattern>>, harvest: &mut Harvest) {
        let path = entry.path();
        let real = entry.real();
        if self.is_left_alone(&path, real.as_deref(), harvest) {
            return;
        }
        if self.walk.is_excluded(&path, true) {
            return harvest.skipped.push(Skipped::new(&path, SkipReason::Excluded));
        }
        if entry.task.depth >= MAX_FOLDER_DEPTH {
            return harvest.skipped.push(Skipped::new(&path, SkipReason::DepthLimit));
        }
        let inner = match inner {
            Some(rows) => {
                let deeper: Vec<_> =
                    rows.into_iter().filter(|row| !row.components.is_empty()).collect();
                if deeper.is_empty() {
                    return;
                }
                Some(deeper)
            }
            None => None,
        };
        let is_known = entry.task.foreign && self.walk.mode != Mode::Default;
        let prune = if inner.is_none() && !is_known {
            self.walk.prune(entry.folder, entry.pruned, entry.dir, entry.text)
        } else {
            None
        };
        let foreign = entry.task.foreign || prune.is_some_and(|prune| prune.foreign);
        let mut only = inner;
        if let Some(prune) = prune.filter(|_| self.walk.mode == Mode::Default) {
            harvest.pruned.push(prune.why.clone());
            let named = self.named_in(&Folder::new(self.walk.site.inside(&path)), &prune.except);
            if named.is_empty() {
                return;
            }
            only = Some(named);
        }
        harvest.folders.push(Task {
            parent: Some(Arc::clone(entry.dir)),
            name: entry.name.to_owned(),
            path,
            target: real,
            only,
            foreign,
            depth: entry.task.depth + 1,
        });
    }

    /// Whether a place is a mount that is not entered, and tells it.
    fn is_left_alone(&self, path: &Path, real: Option<&Path>, harvest: &mut Harvest) -> bool {
        // A path takes long to hash, and most roots hold no mount.
        if self.left_alone.is_empty() {
            return false;
        }
        match self.left_alone.get(real.unwrap_or(path)) {
            None => return false,
            Some(Left::Pseudo) => harvest.pruned.push("pseudo file system".into()),
            Some(Left::Back) => harvest.pruned.push("shows a folder above it again".into()),
            Some(Left::Network) => {
                harvest.skipped.push(Skipped::new(path, SkipReason::NetworkMount));
            }
        }
        true
    }

    /// What a pruned folder is still asked for: its exceptions, and what rules name in it.
    fn named_in(&self, folder: &Folder<'_>, except: &[Pattern]) -> Vec<Pattern> {
        let mut named = except.to_vec();
        if self.walk.index.passes_through(folder.name()) {
            named.extend(
                self.walk.index.patterns().iter().flat_map(|pattern| remaining(pattern, folder)),
            );
        }
        named
    }

    fn claims(&self, entry: &Entry<'_>) -> Vec<Claim> {
        let mut claims = self.claims_by(entry, entry.text, false);
        if let Some(original) = original_name(entry.text) {
            let more = self.claims_by(entry, original, true);
            let named: HashSet<usize> = claims.iter().map(|claim| claim.cache).collect();
            claims.extend(more.into_iter().filter(|claim| !named.contains(&claim.cache)));
        }
        claims
    }

    /// The claims on an entry, were this its name.
    fn claims_by(&self, entry: &Entry<'_>, name: &str, set_aside: bool) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        let wanted = |cache: usize| !(entry.task.foreign && self.walk.sniffed[cache]);
        self.walk.index.matches_of(wanted, entry.folder, entry.hanging, name, |id, before| {
            let pattern = self.walk.index.pattern(id);
            let mut claim = self.claim(pattern, entry.task, before);
            // Of a path that may lie anywhere the folders above say nothing.
            let anchored = pattern.anchor != Anchor::Anywhere;
            claim.set_aside = set_aside || anchored && entry.folder.is_set_aside(before);
            if claim.set_aside {
                claim.state = PlaceState::Copy;
            }
            match claims.iter_mut().find(|known| known.cache == claim.cache) {
                Some(known) if known.state == PlaceState::Copy => *known = claim,
                Some(_) => {}
                None => claims.push(claim),
            }
        });
        if !claims.is_empty() {
            let except = self.walk.except;
            let hooks = except.hanging_on(entry.folder);
            except.matches(entry.folder, &hooks, name, |id, _| {
                claims.retain(|claim| claim.cache != except.pattern(id).target);
            });
        }
        claims
    }

    fn claim(&self, pattern: &Pattern, task: &Task, before: usize) -> Claim {
        let folder = &task.path;
        let home = || self.walk.homes.home_of(&folder.join("_")).map(Path::to_owned);
        let (home, state) = if pattern.anchor == Anchor::Home {
            let inside = self.walk.site.inside(folder);
            let outside = folder.components().count() - inside.components().count();
            let root = usize::from(inside.has_root());
            let above: PathBuf = folder.components().take(outside + root + before).collect();
            if self.walk.homes.is_home(&above) {
                (Some(above), PlaceState::Present)
            } else {
                (home(), PlaceState::Copy)
            }
        } else {
            (home(), PlaceState::Present)
        };
        // What a rule expects in this very place is somebody's own also there.
        let expected = state == PlaceState::Present && pattern.anchor != Anchor::Anywhere;
        let foreign = task.foreign && task.only.is_none() && !expected;
        Claim { cache: pattern.target, home, state, set_aside: false, foreign }
    }

    /// A link whose own path a rule names, or that leads to such a path, is resolved once, inside the roots.
    fn link(&self, entry: &Entry<'_>, harvest: &mut Harvest) {
        let claims = self.claims(entry);
        let path = entry.path();
        let leads_to = if claims.is_empty() {
            self.named_in(&Folder::new(self.walk.site.inside(&path)), &[])
        } else {
            Vec::new()
        };
        // Limits with `**` would follow a link to a parent without end.
        let only: Vec<Pattern> = leads_to
            .into_iter()
            .filter(|rest| !rest.components.iter().any(|step| matches!(step, Component::AnyDepth)))
            .collect();
        if (claims.is_empty() && only.is_empty()) || entry.task.depth >= MAX_FOLDER_DEPTH {
            return;
        }
        // A link that only has the ending of a key file may lead anywhere.
        let named = !only.is_empty() || claims.iter().any(|claim| !self.walk.sniffed[claim.cache]);
        let real = entry.real();
        let target = match self.walk.resolve(real.as_ref().unwrap_or(&path)) {
            Ok(target) if self.may_reach(&path, &target) => target,
            Err(SkipReason::Vanished) => return,
            led if named => {
                let reason = led.err().unwrap_or(SkipReason::Symlink);
                return harvest.skipped.push(Skipped::new(&path, reason));
            }
            _ => return,
        };
        if self.walk.site.is_folder(&target) {
            if !only.is_empty() {
                harvest.folders.push(Task {
                    parent: None,
                    name: OsString::new(),
                    path,
                    target: Some(target),
                    only: Some(only),
                    foreign: entry.task.foreign,
                    depth: entry.task.depth + 1,
                });
            }
        } else if !claims.is_empty() {
            harvest.candidates.push(Candidate { path, target: Some(target), claims });
        }
    }

    fn may_reach(&self, link: &Path, target: &Path) -> bool {
        let inside = self.walk.roots.iter().any(|root| target.starts_with(&root.path));
        let home = self.walk.homes.home_of(link);
        inside && (!self.walk.stay_in_home || home.is_none_or(|home| target.starts_with(home)))
    }
}

impl Batch {
    fn of(task: &Task, dir: &Arc<Dir>, names: Vec<OsString>) -> Self {
        let folder = if names.is_empty() { PathBuf::new() } else { task.path.clone() };
        Self { dir: Arc::clone(dir), folder, foreign: task.foreign, names }
    }
}

/// One entry of a folder that is being listed.
struct Entry<'e> {
    task: &'e Task,
    dir: &'e Arc<Dir>,
    folder: &'e Folder<'e>,
    hanging: &'e Hanging<'e>,
    pruned: &'e Hanging<'e>,
    name: &'e OsStr,
    text: &'e str,
}

impl Entry<'_> {
    fn path(&self) -> PathBuf {
        let folder = &self.task.path;
        let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 1 + self.name.len());
        path.push(folder);
        path.push(self.name);
        path
    }

    /// Where it really lies, when a link led to its folder.
    fn real(&self) -> Option<PathBuf> {
        self.task.target.as_ref().map(|real| real.join(self.name))
    }
}

fn is_package(place: &Unpacked, parent: &Dir, name: &str) -> bool {
    place.inside.iter().any(|inner| parent.has(&format!("{name}/{inner}")))
}

/// What remains of these rows below an entry of that name; a row that ends in it remains as itself.
pub(super) fn below(only: &[Pattern], name: &str) -> Vec<Pattern> {
    let mut inner = Vec::new();
    for pattern in only {
        let Some((first, rest)) = pattern.components.split_first() else { continue };
        let with = |steps: &[Component]| Pattern { components: steps.to_vec(), ..pattern.clone() };
        if let Component::AnyDepth = first {
            inner.push(pattern.clone());
            inner.extend(below(&[with(rest)], name));
        } else if pattern.step(first, name) {
            inner.push(with(rest));
        }
    }
    inner
}

/// Orders what threads brought in, and leaves a file that a link already led to with the link.
fn settle(gathered: &mut Gathered) {
    gathered.candidates.sort_by(|a, b| a.path.cmp(&b.path));
    let mut linked = HashSet::new();
    gathered.candidates.retain(|candidate| {
        candidate.target.as_ref().is_none_or(|real| linked.insert(real.clone()))
    });
    gathered
        .candidates
        .retain(|candidate| candidate.target.is_some() || !linked.contains(&candidate.path));
    gathered.candidates.dedup_by(|a, b| a.path == b.path);
    let mut counts: BTreeMap<(String, SkipReason), u64> = BTreeMap::new();
    for skip in gathered.skipped.drain(..) {
        *counts.entry((skip.path, skip.reason)).or_default() += skip.count;
    }
    gathered.skipped =
        counts.into_iter().map(|((path, reason), _)| Skipped { path, reason, count: 1 }).collect();
}
