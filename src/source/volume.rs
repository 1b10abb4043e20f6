//! Volumes: file systems that are looked at without being the one this process lives in: another machine's disk below a folder,
//! the layers of an image, a disk image.
//!
//! Paths in a volume are absolute, `/` being its own root; what a link names is resolved inside it and nowhere else.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

/// Most links that one path may lead through, as in the kernel (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// Most components of a path while it is resolved: links could make it grow without end.
const MAX_COMPONENTS: usize = 4096;

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// FIFO, socket or device.
    Special,
}

impl Kind {
    /// What the system says.
    pub fn of(kind: FileType) -> Self {
        match () {
            () if kind.is_symlink() => Self::Link,
            () if kind.is_dir() => Self::Folder,
            () if kind.is_file() => Self::File,
            () => Self::Special,
        }
    }
}

/// What a file system says of an entry, links not followed.
#[derive(Clone, Debug)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Permission bits (`0o7777`), where the file system has them.
    pub mode: Option<u32>,
    /// Owner's user id, where the file system has them.
    pub uid: Option<u32>,
    /// Number of names.
    pub links: u64,
    /// Last change of the content.
    pub modified: Option<Timestamp>,
}

impl Stat {
    /// What the system says.
    pub fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (mode, uid, links) = {
            use std::os::unix::fs::MetadataExt as _;
            (Some(metadata.mode() & 0o7777), Some(metadata.uid()), metadata.nlink())
        };
        #[cfg(not(unix))]
        let (mode, uid, links) = (None, None, 1);
        Self {
            kind: Kind::of(metadata.file_type()),
            size: metadata.len(),
            mode,
            uid,
            links,
            modified: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
        }
    }

    /// What the system says of an entry that is not open.
    #[cfg(unix)]
    #[allow(
        clippy::cast_lossless,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "each system has its own widths"
    )]
    pub fn of_raw(stat: &rustix::fs::Stat) -> Self {
        use rustix::fs::FileType;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Special,
        };
        let nanoseconds = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Self {
            kind,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: Some(stat.st_mode as u32 & 0o7777),
            uid: Some(stat.st_uid),
            links: stat.st_nlink as u64,
            modified: Timestamp::new(stat.st_mtime as i64, nanoseconds).ok(),
        }
    }
}

/// A file system that can be read. What it holds is hostile: every call ends, whatever the bytes are.
pub trait Volume: Send + Sync {
    /// Calls `each` for every entry of a folder but `.` and `..`.
    ///
    /// # Errors
    /// What is no folder, or cannot be read.
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()>;

    /// What an entry is; the last component is not followed, and no other component is a link.
    ///
    /// # Errors
    /// What is not there, or cannot be read.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// What a link says.
    ///
    /// # Errors
    /// What is no link, or cannot be read.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Opens a regular file; no component of the path is a link.
    ///
    /// # Errors
    /// What is not there, is no file, or cannot be read.
    fn open(&self, path: &Path) -> io::Result<Opened>;
}

/// An open file.
pub struct Opened {
    /// Its content, from the start.
    pub content: Content,
    /// What the file system said when it was opened.
    pub stat: Stat,
}

impl Opened {
    /// A file of the system.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn of(file: File) -> io::Result<Self> {
        let stat = Stat::of(&file.metadata()?);
        Ok(Self { content: Content::File(file), stat })
    }
}

/// The content of an open file.
pub enum Content {
    /// Of the system.
    File(File),
    /// Of a volume.
    Volume(Box<dyn Read + Send>),
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Volume(content) => content.read(buffer),
        }
    }
}

/// Where a path of a volume really lies: links in it are followed, absolute ones from the volume's root, and `..` never leads
/// out of it.
///
/// # Errors
/// What is not there, cannot be read, or leads round in circles.
pub fn resolve(volume: &dyn Volume, path: &Path) -> io::Result<PathBuf> {
    let mut ahead: VecDeque<OsString> = names(path).collect();
    let mut real = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&name);
        if volume.stat(&next)?.kind != Kind::Link {
            real = next;
            continue;
        }
        links += 1;
        let target = volume.read_link(&next)?;
        let target_names: Vec<OsString> = names(&target).collect();
        if links > MAX_LINKS || target_names.len() + ahead.len() > MAX_COMPONENTS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if target.has_root() {
            real = PathBuf::from("/");
        }
        for name in target_names.into_iter().rev() {
            ahead.push_front(name);
        }
    }
    Ok(real)
}

fn names(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

/// Reads a file of at most so many bytes, links followed; none if it is not there, larger or no regular file.
pub fn read_small(volume: &dyn Volume, path: &Path, limit: u64) -> Option<Vec<u8>> {
    let real = resolve(volume, path).ok()?;
    let opened = volume.open(&real).ok().filter(|opened| opened.stat.kind == Kind::File)?;
    let mut bytes = Vec::new();
    opened.content.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some(bytes)
}

/// The names in a folder, links followed, in order; none if it cannot be listed.
pub fn names_in(volume: &dyn Volume, folder: &Path) -> Vec<OsString> {
    let mut found = Vec::new();
    if let Ok(real) = resolve(volume, folder) {
        let _ = volume.list(&real, &mut |name, _| found.push(name.to_owned()));
    }
    found.sort();
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Files, links and their folders, by path.
    #[derive(Default)]
    pub(crate) struct Sketch(pub(crate) BTreeMap<&'static str, (Kind, &'static str)>);

    impl Volume for Sketch {
        fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
            let inside = self.0.iter().filter(|(path, _)| Path::new(path).parent() == Some(folder));
            for (path, (kind, _)) in inside {
                each(Path::new(path).file_name().unwrap(), *kind);
            }
            Ok(())
        }

        fn stat(&self, path: &Path) -> io::Result<Stat> {
            let found = self.0.get(path.to_str().unwrap()).map(|(kind, _)| *kind);
            let above = || self.0.keys().any(|known| Path::new(known).starts_with(path));
            let kind =
                found.or_else(|| above().then_some(Kind::Folder)).ok_or(io::ErrorKind::NotFound)?;
            Ok(Stat { kind, size: 0, mode: None, uid: None, links: 1, modified: None })
        }

        fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
            Ok(self.0[path.to_str().unwrap()].1.into())
        }

        fn open(&self, path: &Path) -> io::Result<Opened> {
            let (_, text) = self.0.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
            let content = Content::Volume(Box::new(text.as_bytes()));
            Ok(Opened { content, stat: self.stat(path)? })
        }
    }

    #[test]
    fn links_are_resolved_inside() {
        let volume = Sketch(BTreeMap::from([
            ("/run/secrets/token", (Kind::File, "x")),
            ("/var/run", (Kind::Link, "/run")),
            ("/etc/up", (Kind::Link, "../../../run/./secrets")),
            ("/etc/round", (Kind::Link, "round")),
            ("/etc/twice", (Kind::Link, "up/../secrets")),
        ]));
        for (path, expected) in [
            ("/run/secrets/token", Some("/run/secrets/token")),
            ("/var/run/secrets/token", Some("/run/secrets/token")),
            ("/etc/up/token", Some("/run/secrets/token")),
            ("/etc/twice/token", Some("/run/secrets/token")),
            ("/../../var/run", Some("/run")),
            ("/etc/round", None),
            ("/etc/none", None),
        ] {
            let real = resolve(&volume, Path::new(path)).ok();
            assert_eq!(real.as_deref(), expected.map(Path::new), "{path}");
        }
        assert_eq!(read_small(&volume, Path::new("/var/run/secrets/token"), 1), Some(b"x".into()));
        assert_eq!(read_small(&volume, Path::new("/var/run/secrets/token"), 0), None);
    }
}
