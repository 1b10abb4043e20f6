//! One layer, read in one pass: what a scan may want of it is kept, of everything else only that it is there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::archive::{self, Archive};
use super::sieve::{Sieve, Wanted};
use crate::artifact::SNIFFED_BYTES;
use crate::report::SkipReason;
use crate::source::volume::{Kind, Stat};

/// Longest path, in bytes, as in the kernel.
const MAX_PATH: usize = 4096;

/// Deepest path, in components.
const MAX_DEPTH: usize = 256;

/// Most entries of all layers, and of folders named by them alone: each costs 8 bytes.
const MAX_ENTRIES: u64 = 4_000_000;

/// Most room for entries of which more is kept than that they are there (deletions, links, places that rules name), in bytes as
/// [`room`] has them.
const MAX_KEPT: u64 = 12 << 20;

/// What keeping an entry costs beside its names, and what a folder costs that only it lies in, in bytes, measured with the walk that
/// follows.
const ENTRY: u64 = 256;
const FOLDER: u64 = 640;

/// How many entries are sorted as one: so many are looked up at once, and no more is copied while they grow.
const RUN: usize = 1 << 18;

/// Most content that is kept of all layers, in bytes.
const MAX_HELD: u64 = 24 << 20;

/// Most content that waits for a hard link to name it, in bytes.
const MAX_RECENT: usize = 1 << 20;

/// Largest file that waits.
const MAX_WAITING: u64 = 16 * 1024;

/// What begins the name of a deletion (image-spec, layer.md).
const WHITEOUT: &[u8] = b".wh.";

/// What marks a folder that hides whatever lower layers have in it.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The content of a file. Holds secrets: no `Debug`.
#[derive(Clone)]
pub(super) enum Content {
    Held(Arc<Zeroizing<Vec<u8>>>),
    /// It was asked for and found no room.
    NoRoom,
    /// A rule that knows its files by content did not know it.
    Unwanted,
}

/// What a layer has at a path.
pub(super) enum Entry {
    File(Content, Stat),
    Folder(Stat),
    Link(PathBuf),
    HardLink(PathBuf),
    Special(Stat),
}

/// What is kept of a layer.
#[derive(Default)]
pub(super) struct Layer {
    /// What more is known of than that it is there.
    pub(super) entries: BTreeMap<PathBuf, Entry>,
    /// Everything, by a keyed hash of its path; the lowest bit tells folders.
    others: Others,
    /// Paths that lower layers have no more.
    pub(super) whiteouts: BTreeSet<PathBuf>,
    /// Folders whose content in lower layers is hidden.
    pub(super) opaque: BTreeSet<PathBuf>,
    pub(super) folders: u64,
    pub(super) files: u64,
    /// Why it is not all that it should be.
    pub(super) faults: Vec<SkipReason>,
}

/// Hashes in sorted runs.
#[derive(Default)]
struct Others {
    runs: Vec<Vec<u64>>,
    growing: Vec<u64>,
}

impl Others {
    fn push(&mut self, hash: u64) {
        self.growing.push(hash);
        if self.growing.len() == RUN {
            self.settle();
        }
    }

    fn settle(&mut self) {
        let mut run = std::mem::take(&mut self.growing);
        run.sort_unstable();
        run.dedup();
        if !run.is_empty() {
            run.shrink_to_fit();
            self.runs.push(run);
        }
    }

    fn has(&self, hash: u64) -> bool {
        self.runs.iter().any(|run| run.binary_search(&hash).is_ok())
    }
}

/// What all layers of a scan share: how much may be kept, and when to end.
pub(super) struct Limits<'l> {
    pub(super) stop: &'l (dyn Fn() -> bool + Sync),
    pub(super) max_file: u64,
    entries: AtomicU64,
    kept: AtomicU64,
    held: AtomicU64,
    key: RandomState,
}

impl<'l> Limits<'l> {
    pub(super) fn new(max_file: u64, stop: &'l (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            stop,
            max_file,
            entries: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            held: AtomicU64::new(0),
            key: RandomState::new(),
        }
    }

    /// Takes room for this many bytes, if there is some.
    fn take(&self, bytes: u64) -> bool {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held > MAX_HELD {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
        held <= MAX_HELD
    }

    /// Takes room for one more entry, if there is some.
    fn may_keep(&self, room: u64) -> bool {
        self.kept.fetch_add(room, Ordering::Relaxed).saturating_add(room) <= MAX_KEPT
    }

    pub(super) fn key(&self) -> &RandomState {
        &self.key
    }
}

/// Reads a layer. What is wrong with it is among its faults; what was read before is kept.
pub(super) fn read(from: impl Read, sieve: &Sieve<'_>, limits: &Limits<'_>) -> Layer {
    let mut reading = Reading {
        limits,
        trail: sieve.trail(),
        layer: Layer::default(),
        above: PathBuf::from("/"),
        kept_in: PathBuf::from("/"),
        recent: VecDeque::new(),
        recent_size: 0,
    };
    let mut archive = Archive::new(from);
    loop {
        if (limits.stop)() {
            break;
        }
        if limits.entries.fetch_add(1, Ordering::Relaxed) >= MAX_ENTRIES {
            reading.layer.fault(SkipReason::TooLarge);
            break;
        }
        match archive.next() {
            Ok(None) => break,
            Ok(Some(entry)) => {
                if let Err(error) = reading.take(&entry, &mut archive) {
                    reading.layer.fault(fault_of(&error));
                    break;
                }
            }
            Err(error) => {
                reading.layer.fault(fault_of(&error));
                break;
            }
        }
    }
    // What the digest covers may go on behind the archive's end.
    if reading.layer.faults.is_empty()
        && !(limits.stop)()
        && let Err(error) = io::copy(&mut archive.into_inner(), &mut io::sink())
    {
        reading.layer.fault(fault_of(&error));
    }
    let mut layer = reading.layer;
    layer.others.settle();
    layer
}

/// The reason that an error of an archive, or of what unpacks it, stands for.
pub(super) fn fault_of(error: &io::Error) -> SkipReason {
    match error.kind() {
        io::ErrorKind::FileTooLarge => SkipReason::TooLarge,
        _ if error.raw_os_error().is_some() => crate::artifact::reason_of(error),
        _ => SkipReason::Malformed,
    }
}

impl Layer {
    pub(super) fn fault(&mut self, reason: SkipReason) {
        if !self.faults.contains(&reason) {
            self.faults.push(reason);
        }
    }

    /// What it has at the path of this hash, links and all else being files here.
    pub(super) fn other(&self, hash: u64) -> Option<Kind> {
        match () {
            () if self.others.has(hash | 1) => Some(Kind::Folder),
            () if self.others.has(hash) => Some(Kind::File),
            () => None,
        }
    }
}

/// By what a layer knows a path; the lowest bit is free.
pub(super) fn hash(path: &Path, key: &RandomState) -> u64 {
    key.hash_one(path.as_os_str()) & !1
}

struct Reading<'r, 's, 'l> {
    limits: &'r Limits<'l>,
    trail: super::sieve::Trail<'r, 's>,
    layer: Layer,
    /// The folder of the last entry, which is known to be there with all above it.
    above: PathBuf,
    /// The folder of the last entry that was kept.
    kept_in: PathBuf,
    /// Small files that nobody asked for: a hard link to come may.
    recent: VecDeque<(PathBuf, Arc<Zeroizing<Vec<u8>>>)>,
    recent_size: usize,
}

impl Reading<'_, '_, '_> {
    fn take<R: Read>(&mut self, head: &archive::Entry, archive: &mut Archive<R>) -> io::Result<()> {
        let Some(path) = absolute(&head.path) else {
            // Out of the image, or too long for any system to unpack it.
            self.layer.fault(SkipReason::Malformed);
            return Ok(());
        };
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            // The root itself.
            return Ok(());
        };
        self.pass_through(parent);
        if let Some(deleted) = name.as_encoded_bytes().strip_prefix(WHITEOUT) {
            self.whiteout(parent, name, deleted);
            return Ok(());
        }
        let is_folder = head.kind == archive::Kind::Folder;
        match head.kind {
            archive::Kind::Folder => self.layer.folders += 1,
            archive::Kind::File | archive::Kind::HardLink => self.layer.files += 1,
            archive::Kind::Link | archive::Kind::Special => {}
        }
        self.layer.others.push(hash(&path, self.limits.key()) | u64::from(is_folder));
        let entry = match head.kind {
            archive::Kind::Folder => {
                // What is open to all and root's needs no note.
                let plain = head.mode & 0o077 == 0o055 && head.uid == 0;
                (!plain).then(|| Entry::Folder(stat(head, Kind::Folder)))
            }
            archive::Kind::File => self.file(&path, head, archive)?,
            archive::Kind::Link => {
                let wanted = self.trail.passes(&path);
                to_path(&head.link).filter(|_| wanted).map(Entry::Link)
            }
            archive::Kind::HardLink => self.hard_link(&path, head),
            archive::Kind::Special => {
                let wanted = self.trail.asks_for(&path, u64::MAX).is_some();
                wanted.then(|| Entry::Special(stat(head, Kind::Special)))
            }
        };
        let Some(entry) = entry else {
            self.layer.entries.remove(&path);
            return Ok(());
        };
        if self.may_keep(&path, &entry) {
            self.layer.entries.insert(path, entry);
        } else {
            self.layer.fault(SkipReason::TooLarge);
        }
        Ok(())
    }

    fn may_keep(&mut self, path: &Path, entry: &Entry) -> bool {
        let target = match entry {
            Entry::Link(target) | Entry::HardLink(target) => target.as_os_str().len(),
            _ => 0,
        };
        self.limits.may_keep(self.room(path) + target as u64)
    }

    /// The room that an entry takes: those of one folder mostly follow each other, and share it.
    fn room(&mut self, path: &Path) -> u64 {
        let size = |path: &Path| path.as_os_str().len() as u64;
        let above = path.ancestors().skip(1).take_while(|above| !self.kept_in.starts_with(above));
        let folders: u64 = above.map(|above| FOLDER + size(above)).sum();
        path.parent().unwrap_or(path).clone_into(&mut self.kept_in);
        ENTRY + 2 * size(path) + folders
    }

    /// Folders above an entry are there, whether the archive lists them or not.
    fn pass_through(&mut self, parent: &Path) {
        if self.above == parent {
            return;
        }
        let key = self.limits.key();
        let mut count = 0;
        for folder in parent.ancestors().take_while(|folder| folder.parent().is_some()) {
            if self.above.starts_with(folder) {
                break;
            }
            self.layer.others.push(hash(folder, key) | 1);
            count += 1;
        }
        self.limits.entries.fetch_add(count, Ordering::Relaxed);
        parent.clone_into(&mut self.above);
    }

    fn whiteout(&mut self, parent: &Path, name: &OsStr, deleted: &[u8]) {
        let room = self.room(&parent.join(name));
        if !self.limits.may_keep(room) {
            return self.layer.fault(SkipReason::TooLarge);
        }
        if name.as_encoded_bytes() == OPAQUE {
            self.layer.opaque.insert(parent.to_owned());
        } else if !deleted.is_empty() && !deleted.starts_with(WHITEOUT) {
            self.layer.whiteouts.extend(to_name(deleted).map(|name| parent.join(name)));
        }
    }

    fn file<R: Read>(
        &mut self,
        path: &Path,
        head: &archive::Entry,
        archive: &mut Archive<R>,
    ) -> io::Result<Option<Entry>> {
        let stat = stat(head, Kind::File);
        let Some(wanted) = self.trail.asks_for(path, head.size) else {
            if head.size > 0 && head.size <= MAX_WAITING {
                let mut bytes = Zeroizing::new(Vec::new());
                archive.content().read_to_end(&mut bytes)?;
                self.remember(path, bytes);
            }
            return Ok(None);
        };
        if head.size > self.limits.max_file {
            return Ok(Some(Entry::File(Content::NoRoom, stat)));
        }
        let mut content = archive.content();
        let mut bytes = Zeroizing::new(Vec::new());
        content.by_ref().take(SNIFFED_BYTES as u64).read_to_end(&mut bytes)?;
        if let Wanted::Sniffed(literals) = wanted
            && !literals.iter().any(|it| memchr::memmem::find(&bytes, it.as_bytes()).is_some())
        {
            return Ok(Some(Entry::File(Content::Unwanted, stat)));
        }
        if !self.limits.take(head.size) {
            return Ok(Some(Entry::File(Content::NoRoom, stat)));
        }
        content.read_to_end(&mut bytes)?;
        bytes.shrink_to_fit();
        Ok(Some(Entry::File(Content::Held(Arc::new(bytes)), stat)))
    }

    fn remember(&mut self, path: &Path, bytes: Zeroizing<Vec<u8>>) {
        self.recent_size += bytes.len();
        self.recent.push_back((path.to_owned(), Arc::new(bytes)));
        while self.recent_size > MAX_RECENT {
            let Some((_, old)) = self.recent.pop_front() else { break };
            self.recent_size -= old.len();
        }
    }

    /// A further name of an earlier file. Where the file went by unasked and has not been forgotten, it is kept now.
    fn hard_link(&mut self, path: &Path, head: &archive::Entry) -> Option<Entry> {
        let target = absolute(&head.link)?;
        self.trail.asks_for(path, u64::MAX)?;
        if !self.layer.entries.contains_key(&target)
            && let Some((_, bytes)) = self.recent.iter().rev().find(|(known, _)| *known == target)
            && self.limits.take(bytes.len() as u64)
        {
            let stat = Stat { links: 2, size: bytes.len() as u64, ..stat(head, Kind::File) };
            return Some(Entry::File(Content::Held(Arc::clone(bytes)), stat));
        }
        Some(Entry::HardLink(target))
    }
}

fn stat(head: &archive::Entry, kind: Kind) -> Stat {
    Stat {
        kind,
        size: head.size,
        mode: Some(head.mode),
        uid: Some(head.uid),
        links: 1,
        modified: Timestamp::from_second(head.modified).ok(),
    }
}

/// A name of an archive as an absolute path; none if it leads out of the image.
fn absolute(name: &[u8]) -> Option<PathBuf> {
    let mut path = PathBuf::from("/");
    let name = to_path(name)?;
    for (depth, part) in name.components().enumerate() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
        if depth > MAX_DEPTH {
            return None;
        }
    }
    Some(path)
}

fn to_path(bytes: &[u8]) -> Option<PathBuf> {
    (bytes.len() <= MAX_PATH).then(|| to_name(bytes).map(PathBuf::from)).flatten()
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no such names")]
fn to_name(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(OsStr::from_bytes(bytes).to_owned())
}

#[cfg(not(unix))]
fn to_name(bytes: &[u8]) -> Option<OsString> {
    std::str::from_utf8(bytes).ok().map(OsString::from)
}
