//! ext2, ext3 and ext4, by the `ext4-view` crate.
//!
//! Its handles belong to one thread, so every thread has one of its own, opened when it first asks. A journal that was not played
//! back is followed, not written.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType, Metadata};
use jiff::Timestamp;

use super::{Bytes, System, broken};
use crate::extract::secret::hex;
use crate::report::SkipReason;
use crate::source::volume::{Content, Kind, Opened, Stat, Volume};

/// Most block groups: as many as a disk of 16 TiB has.
const MAX_GROUPS: u64 = 1 << 17;

/// Longest target of a link, in bytes: one block of the largest kind.
const MAX_LINK: u64 = 65536;

/// Most folders that are listed: in a hostile file system folders can lie in themselves.
const MAX_FOLDERS: u64 = 1 << 20;

/// Largest folder, in bytes: some hundred thousand entries.
const MAX_FOLDER: u64 = 32 << 20;

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// Numbers the file systems that were opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The handles of this thread.
    static HANDLES: RefCell<HashMap<u64, Ext4>> = RefCell::new(HashMap::new());
}

pub(super) fn open(bytes: &Arc<dyn Bytes>) -> Result<System, SkipReason> {
    check(&**bytes)?;
    let system = Arc::new(Inner {
        bytes: Arc::clone(bytes),
        number: OPENED.fetch_add(1, Ordering::Relaxed),
        folders: AtomicU64::new(0),
    });
    let named = system.ask(|ext4| {
        let uuid = hex(ext4.uuid().as_bytes());
        let label = String::from_utf8_lossy(ext4.label().as_bytes());
        Ok((dashed(&uuid), label.trim_end_matches('\0').to_owned()))
    });
    let (uuid, label) = named.map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => SkipReason::Unrecognised,
        _ => crate::artifact::reason_of(&error),
    })?;
    Ok(System { volume: Arc::new(Volume4(system)), uuid, label })
}

/// `8-4-4-4-12`.
fn dashed(hex: &str) -> String {
    let mut text = hex.to_owned();
    for at in [20, 16, 12, 8] {
        if text.len() > at {
            text.insert(at, '-');
        }
    }
    text
}

/// Refuses what would make the crate ask for more memory than the disk could fill.
fn check(bytes: &dyn Bytes) -> Result<(), SkipReason> {
    let mut superblock = [0; 1024];
    bytes.read(1024, &mut superblock).map_err(|error| crate::artifact::reason_of(&error))?;
    let number = |at: usize| {
        let mut four = [0; 4];
        four.copy_from_slice(&superblock[at..at + 4]);
        u64::from(u32::from_le_bytes(four))
    };
    // 64-bit block counts have their upper half here; without that feature it is unused.
    let wide = number(0x60) & 0x80 != 0;
    let blocks = number(0x04) | if wide { number(0x150) << 32 } else { 0 };
    let groups = blocks.checked_div(number(0x20)).ok_or(SkipReason::Malformed)?;
    let fits = number(0x18) <= 6 && groups < MAX_GROUPS;
    if fits { Ok(()) } else { Err(SkipReason::TooLarge) }
}

/// A file system, for all threads.
struct Inner {
    bytes: Arc<dyn Bytes>,
    number: u64,
    folders: AtomicU64,
}

impl Inner {
    /// Asks this thread's handle. A panic of the crate is an error like others.
    fn ask<T>(&self, what: impl FnOnce(&Ext4) -> Result<T, Ext4Error>) -> io::Result<T> {
        let ask = || -> io::Result<T> {
            let known = HANDLES.with_borrow(|handles| handles.get(&self.number).cloned());
            let handle = if let Some(handle) = known {
                handle
            } else {
                let reader = Box::new(Reader(Arc::clone(&self.bytes)));
                let handle = Ext4::load(reader).map_err(told)?;
                HANDLES.with_borrow_mut(|handles| handles.insert(self.number, handle.clone()));
                handle
            };
            what(&handle).map_err(told)
        };
        catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| Err(broken()))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.ask(|ext4| ext4.symlink_metadata(bytes_of(path)).map(|metadata| stat(&metadata)))
    }
}

/// Errors of the crate may quote names; only their nature is kept.
#[expect(clippy::needless_pass_by_value, reason = "it takes the place of what it is given")]
fn told(error: Ext4Error) -> io::Error {
    match error {
        Ext4Error::NotFound => io::ErrorKind::NotFound.into(),
        Ext4Error::Encrypted | Ext4Error::Incompatible(_) => io::ErrorKind::Unsupported.into(),
        Ext4Error::FileTooLarge => io::ErrorKind::FileTooLarge.into(),
        Ext4Error::NotADirectory | Ext4Error::IsADirectory => io::ErrorKind::InvalidInput.into(),
        _ => broken(),
    }
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

#[cfg(unix)]
fn name_of(bytes: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    use std::os::unix::ffi::OsStrExt as _;
    OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn name_of(bytes: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    std::ffi::OsString::from(String::from_utf8_lossy(bytes).into_owned()).into()
}

fn stat(metadata: &Metadata) -> Stat {
    Stat {
        kind: kind(metadata.file_type()),
        size: metadata.len(),
        mode: Some(u32::from(metadata.mode()) & 0o7777),
        uid: Some(metadata.uid()),
        links: 1,
        modified: Timestamp::from_second(metadata.modified().seconds()).ok(),
    }
}

fn kind(kind: FileType) -> Kind {
    match () {
        () if kind.is_regular_file() => Kind::File,
        () if kind.is_dir() => Kind::Folder,
        () if kind.is_symlink() => Kind::Link,
        () => Kind::Special,
    }
}

/// What the crate reads from.
struct Reader(Arc<dyn Bytes>);

impl Ext4Read for Reader {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.read(at, into)?)
    }
}

struct Volume4(Arc<Inner>);

impl Volume for Volume4 {
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
        let too_many = self.0.folders.fetch_add(1, Ordering::Relaxed) >= MAX_FOLDERS;
        if too_many || self.0.stat(folder)?.size > MAX_FOLDER {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let entries = self.0.ask(|ext4| {
            let mut entries = Vec::new();
            for entry in ext4.read_dir(bytes_of(folder))? {
                let entry = entry?;
                let kind = kind(entry.file_type()?);
                entries.push((name_of(entry.file_name().as_ref()).into_owned(), kind));
            }
            Ok(entries)
        })?;
        for (name, kind) in entries.iter().filter(|(name, _)| name != "." && name != "..") {
            each(name, *kind);
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.stat(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        if self.0.stat(path)?.size > MAX_LINK {
            return Err(broken());
        }
        let target = self.0.ask(|ext4| {
            let target = ext4.read_link(bytes_of(path))?;
            Ok(name_of(target.as_path().as_ref()).into_owned())
        })?;
        Ok(target.into())
    }

    fn open(&self, path: &Path) -> io::Result<Opened> {
        let stat = self.0.stat(path)?;
        if stat.kind != Kind::File {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = Reading {
            system: Arc::clone(&self.0),
            path: path.to_owned(),
            at: 0,
            chunk: Vec::new(),
            taken: 0,
        };
        Ok(Opened { content: Content::Volume(Box::new(file)), stat })
    }
}

/// A file that is read on whatever thread asks.
struct Reading {
    system: Arc<Inner>,
    path: PathBuf,
    at: u64,
    chunk: Vec<u8>,
    taken: usize,
}

impl Reading {
    fn fill(&mut self) -> io::Result<()> {
        let (path, at) = (&self.path, self.at);
        self.chunk = self.system.ask(|ext4| {
            let mut file = ext4.open(bytes_of(path))?;
            file.seek_to(at)?;
            let mut chunk = vec![0; CHUNK];
            let mut filled = 0;
            while filled < chunk.len() {
                match file.read_bytes(&mut chunk[filled..])? {
                    0 => break,
                    read => filled += read,
                }
            }
            chunk.truncate(filled);
            Ok(chunk)
        })?;
        self.taken = 0;
        self.at += self.chunk.len() as u64;
        Ok(())
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.chunk.len() {
            self.fill()?;
        }
        let left = &self.chunk[self.taken..];
        let read = left.len().min(buffer.len());
        buffer[..read].copy_from_slice(&left[..read]);
        self.taken += read;
        Ok(read)
    }
}
