//! One bounded, safe read, and the facts of how the bytes were kept.
//!
//! The [`Door`] is the only way to the content of a scanned file: relative to the handle of a root, through no link, regular
//! files only, at most so many bytes, atime unchanged where the system lets us.

mod custody;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::guest;
use crate::host::{Homes, Host};
use crate::report::{Exposure, LayerPlace, PlaceState, ReadableBy, SkipReason};
use crate::rule::places::Places;
use crate::source::site::Site;
use crate::source::volume::{self, Kind, Stat, Volume};
use custody::Custodian;

/// How many leading bytes decide whether a file is what a rule claims by content.
pub const SNIFFED_BYTES: usize = 4096;

/// From this size on, in bytes, a file that was read would push others out of the system's memory.
const LARGE: u64 = 8 << 20;

/// A file as it was read: its bytes, and how they were kept. Holds secrets: no `Debug`.
pub struct Artifact {
    /// Where it lies, as the report names it.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How it was kept.
    pub facts: Facts,
}

/// How a file is kept: facts here, judgement in `score`.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Permission bits (`0o7777`), where the system has them.
    pub mode: Option<u32>,
    /// Owner's name, else uid.
    pub owner: Option<String>,
    /// Who can read it, through its parents.
    pub readable_by: ReadableBy,
    /// What hands it to others.
    pub exposures: Vec<Exposure>,
    /// Last change of the content.
    pub modified: Option<Timestamp>,
    /// Home it belongs to.
    pub home: Option<PathBuf>,
    /// The file that led to it, as one that includes it does.
    pub included_by: Option<Box<Path>>,
    /// What kind of place it is.
    pub state: PlaceState,
    /// Digest of the image layer it lies in.
    pub layer: Option<String>,
    /// Where in the layers of an image it lies.
    pub image: Option<LayerPlace>,
    /// It lies in a store of published packages: likely someone else's example.
    pub foreign: bool,
    /// It is copied to every machine that is made from this one: an image, a template, the skeleton of homes.
    pub golden: bool,
    /// What that means for what the file holds: a kind of issue.
    pub golden_issue: Option<String>,
}

/// An open file of a scanned root, and how it is kept.
pub struct Opened {
    /// Positioned at its start.
    pub file: volume::Content,
    /// Size in bytes when it was opened.
    pub size: u64,
    /// How it is kept.
    pub facts: Facts,
}

/// An open file that a walk has come to, of whose keeping nothing was asked yet.
pub struct Admitted {
    /// Positioned at its start.
    pub file: volume::Content,
    /// Size in bytes when it was opened.
    pub size: u64,
    stat: Stat,
}

/// What came of reading a whole file.
pub enum Content {
    /// All of it.
    Whole(Artifact),
    /// Only its beginning, because it was not wanted or is larger than the cap (then the reason is told).
    Start(Zeroizing<Vec<u8>>, Admitted, Option<SkipReason>),
}

/// The way into a root.
enum Way {
    Disk(handle::Root),
    Volume(Arc<dyn Volume>),
}

/// The only way to the content of scanned files.
pub struct Door<'d> {
    roots: Vec<(PathBuf, Way)>,
    site: &'d Site,
    max_size: u64,
    stay_in_home: bool,
    custodian: Custodian<'d>,
    files_read: AtomicU64,
    bytes_read: AtomicU64,
}

impl<'d> Door<'d> {
    /// A door to what lies below these roots. A root that cannot be opened gives no way in.
    pub fn new(
        roots: impl IntoIterator<Item = PathBuf>,
        site: &'d Site,
        max_size: u64,
        host: &'d Host,
        homes: &'d Homes,
        places: &'d Places,
    ) -> Self {
        let opened = roots.into_iter().filter_map(|root| {
            let way = match site.walked() {
                None => Way::Disk(handle::Root::open(&root).ok()?),
                Some(volume) => Way::Volume(Arc::clone(volume)),
            };
            Some((root, way))
        });
        Self {
            roots: opened.collect(),
            site,
            max_size,
            stay_in_home: host.uid == Some(0),
            custodian: Custodian::new(site, host, homes, places),
            files_read: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Whether a file of this home may lead to that path. For root it may only lead to files of the same home: whoever owns the
    /// home could name files there that are not theirs.
    pub fn may_lead(&self, home: Option<&Path>, path: &Path) -> bool {
        !self.stay_in_home || home.is_none_or(|home| path.starts_with(home))
    }

    /// What absolute paths hang on.
    pub fn site(&self) -> &Site {
        self.site
    }

    /// Opens a regular file that lies at `path` (no component of it a link), to be named `shown` in the report.
    pub fn open(&self, path: &Path, shown: &Path) -> Result<Opened, SkipReason> {
        let admitted = self.enter(path)?;
        let facts = self.facts(&admitted, path, shown);
        Ok(Opened { file: admitted.file, size: admitted.size, facts })
    }

    /// Opens a regular file without asking how it is kept.
    fn enter(&self, path: &Path) -> Result<Admitted, SkipReason> {
        let (way, rest) = self
            .roots
            .iter()
            .filter_map(|(root, way)| Some((way, path.strip_prefix(root).ok()?)))
            .min_by_key(|(_, rest)| rest.as_os_str().len())
            .ok_or(SkipReason::Symlink)?;
        if matches!(way, Way::Disk(_)) && is_placeholder(path) {
            return Err(SkipReason::CloudPlaceholder);
        }
        self.admit(match way {
            Way::Disk(root) => root.open_file(rest).and_then(volume::Opened::of),
            Way::Volume(volume) => volume.open(path),
        })
    }

    /// Reads a whole file, unless `wanted` refuses its first [`SNIFFED_BYTES`]: then none.
    pub fn read(
        &self,
        path: &Path,
        shown: &Path,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Artifact>, SkipReason> {
        match self.content(path, shown, wanted)? {
            Content::Whole(artifact) => Ok(Some(artifact)),
            Content::Start(.., None) => Ok(None),
            Content::Start(.., Some(reason)) => Err(reason),
        }
    }

    /// Like [`Self::read`], but what was begun can be gone on with.
    pub fn content(
        &self,
        path: &Path,
        shown: &Path,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Content, SkipReason> {
        let mut opened = self.enter(path)?;
        let room = usize::try_from(opened.size.min(self.max_size)).unwrap_or(0);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
        let mut take = |limit: u64, bytes: &mut Vec<u8>| {
            let read = opened.file.by_ref().take(limit).read_to_end(bytes);
            read.map_err(|error| reason_of(&error))
        };
        take(SNIFFED_BYTES as u64, &mut bytes)?;
        if !wanted(&bytes) {
            return Ok(Content::Start(bytes, opened, None));
        }
        if opened.size > self.max_size {
            return Ok(Content::Start(bytes, opened, Some(SkipReason::TooLarge)));
        }
        // One byte more than the cap tells a file that grew meanwhile.
        take(self.max_size + 1 - bytes.len() as u64, &mut bytes)?;
        if bytes.len() as u64 > self.max_size {
            return Ok(Content::Start(bytes, opened, Some(SkipReason::TooLarge)));
        }
        self.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let facts = self.facts(&opened, path, shown);
        Ok(Content::Whole(Artifact { path: shown.to_owned(), bytes, facts }))
    }

    /// Lets in a file that the walk opened in its folder, if it is a regular one.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub fn admit(&self, opened: io::Result<volume::Opened>) -> Result<Admitted, SkipReason> {
        let volume::Opened { content, stat } = opened.map_err(|error| reason_of(&error))?;
        if stat.kind != Kind::File {
            return Err(SkipReason::SpecialFile);
        }
        self.files_read.fetch_add(1, Ordering::Relaxed);
        Ok(Admitted { file: content, size: stat.size, stat })
    }

    /// How an admitted file is kept, which really lies at `path` and is told as `shown`.
    pub fn facts(&self, admitted: &Admitted, path: &Path, shown: &Path) -> Facts {
        self.custodian.facts(&admitted.file, &admitted.stat, path, shown)
    }

    /// Counts bytes that were streamed from an [`Opened`] file.
    /// After many, the system need not keep them in memory: others' files lie there.
    pub fn count_streamed(&self, file: &volume::Content, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        if let volume::Content::File(file) = file
            && bytes >= LARGE
        {
            guest::forget(file);
        }
    }

    /// Whether a file that holds a credential is in the index of the git work tree around it.
    pub fn is_git_tracked(&self, path: &Path) -> bool {
        self.custodian.is_git_tracked(path, &|index| {
            self.read(index, index, |_| true).ok().flatten().map(|artifact| artifact.bytes)
        })
    }

    /// Files opened so far.
    pub fn files_read(&self) -> u64 {
        self.files_read.load(Ordering::Relaxed)
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

/// Whether the content lies in a cloud, and opening the file would fetch it (chflags(2), `SF_DATALESS`).
#[cfg(target_os = "macos")]
fn is_placeholder(path: &Path) -> bool {
    use std::os::macos::fs::MetadataExt as _;
    const DATALESS: u32 = 0x4000_0000;
    path.symlink_metadata().is_ok_and(|facts| facts.st_flags() & DATALESS != 0)
}

/// Whether the content lies in a cloud, and opening or reading the file would fetch it (`FILE_ATTRIBUTE_OFFLINE`,
/// `…_RECALL_ON_OPEN`, `…_RECALL_ON_DATA_ACCESS`).
#[cfg(windows)]
fn is_placeholder(path: &Path) -> bool {
    use std::os::windows::fs::MetadataExt as _;
    const ELSEWHERE: u32 = 0x1000 | 0x4_0000 | 0x40_0000;
    path.symlink_metadata().is_ok_and(|facts| facts.file_attributes() & ELSEWHERE != 0)
}

/// Other systems' clouds are file systems of their own, and left alone as such.
#[cfg(not(any(target_os = "macos", windows)))]
const fn is_placeholder(_: &Path) -> bool {
    false
}

/// The skip reason that an error of the system stands for. Its text, which may hold a path, is dropped.
pub(crate) fn reason_of(error: &io::Error) -> SkipReason {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            // EPERM without EACCES is how macOS refuses what its privacy settings protect.
            Some(Errno::PERM) if cfg!(target_os = "macos") => return SkipReason::TccDenied,
            Some(Errno::PERM | Errno::ACCESS) => return SkipReason::PermissionDenied,
            Some(Errno::LOOP | Errno::XDEV | Errno::MLINK) => return SkipReason::Symlink,
            Some(Errno::NXIO | Errno::NODEV | Errno::ISDIR) => return SkipReason::SpecialFile,
            Some(Errno::NOENT | Errno::NOTDIR | Errno::STALE) => return SkipReason::Vanished,
            _ => {}
        }
    }
    match error.kind() {
        io::ErrorKind::FileTooLarge => SkipReason::TooLarge,
        io::ErrorKind::InvalidData => SkipReason::Malformed,
        io::ErrorKind::PermissionDenied => SkipReason::PermissionDenied,
        io::ErrorKind::NotFound => SkipReason::Vanished,
        _ => SkipReason::IoError,
    }
}

#[cfg(unix)]
pub(crate) mod handle {
    use std::fs::File;
    use std::io;
    use std::path::{Component, Path};

    use rustix::fd::OwnedFd;
    use rustix::fs::{Mode, OFlags};

    /// An open root, below which files are opened.
    pub(crate) enum Root {
        Folder(OwnedFd),
        /// A root that is one file.
        File(std::path::PathBuf),
    }

    impl Root {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            if path.is_file() {
                return Ok(Self::File(path.to_owned()));
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self::Folder(rustix::fs::open(path, flags, Mode::empty())?))
        }

        /// A further handle of the same.
        pub(crate) fn again(&self) -> io::Result<Self> {
            match self {
                Self::Folder(root) => Ok(Self::Folder(root.try_clone()?)),
                Self::File(path) => Ok(Self::File(path.clone())),
            }
        }

        /// Opens without blocking on a FIFO and without following a link, in any component where the kernel can promise it.
        pub(crate) fn open_file(&self, rest: &Path) -> io::Result<File> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            match self {
                Self::File(path) => Ok(rustix::fs::open(path, flags, Mode::empty())?.into()),
                Self::Folder(root) => {
                    #[cfg(target_os = "linux")]
                    if let Ok(file) = open_beneath(root, rest, flags | OFlags::NOATIME) {
                        return Ok(file);
                    }
                    open_beneath(root, rest, flags)
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn open_beneath(root: &OwnedFd, rest: &Path, flags: OFlags) -> io::Result<File> {
        use rustix::fs::ResolveFlags;
        use rustix::io::Errno;

        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(root, rest, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(file.into()),
            // Before Linux 5.6, and under filters that do not know the call.
            Err(Errno::NOSYS | Errno::INVAL) => open_step_by_step(root, rest, flags),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(root: &OwnedFd, rest: &Path, flags: OFlags) -> io::Result<File> {
        open_step_by_step(root, rest, flags)
    }

    /// Each folder is opened in the one before, so that no part of the path can be a link, nor become one.
    fn open_step_by_step(root: &OwnedFd, rest: &Path, flags: OFlags) -> io::Result<File> {
        let mut folder = root.try_clone()?;
        for part in rest.parent().unwrap_or(Path::new("")).components() {
            let Component::Normal(name) = part else { return Err(io::ErrorKind::NotFound.into()) };
            let through = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = rustix::fs::openat(&folder, name, through, Mode::empty())?;
        }
        let name = rest.file_name().unwrap_or_default();
        Ok(rustix::fs::openat(&folder, name, flags, Mode::empty())?.into())
    }
}

#[cfg(not(unix))]
pub(crate) mod handle {
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    /// A root, below which files are opened.
    pub(crate) struct Root(PathBuf);

    impl Root {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(path.to_owned()))
        }

        #[expect(clippy::unnecessary_wraps, reason = "as where a folder is a handle")]
        pub(crate) fn again(&self) -> io::Result<Self> {
            Ok(Self(self.0.clone()))
        }

        pub(crate) fn open_file(&self, rest: &Path) -> io::Result<File> {
            let path = self.0.join(rest);
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            File::open(path)
        }
    }
}
