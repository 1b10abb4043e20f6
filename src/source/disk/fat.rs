//! FAT12, FAT16 and FAT32, by the `fatfs` crate: seeds of cloud-init, boot partitions.
//!
//! The crate follows chains of clusters wherever they lead, so each question has a budget of reads; it is never let to write.

use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fatfs::{Dir, FileSystem, FsOptions};

use super::{Bytes, System, broken};
use crate::report::SkipReason;
use crate::source::volume::{Content, Kind, Opened, Stat, Volume};

/// Most reads that one question may take: a folder of 65536 entries, or the chain of a file of 64 MiB in small clusters.
const BUDGET: u64 = 400_000;

/// Most reads that all questions may take.
const WHOLE_BUDGET: u64 = 4_000_000;

/// Most entries of a folder.
const MAX_ENTRIES: usize = 1 << 16;

/// Most folders that are listed: in a hostile file system folders can lie in themselves.
const MAX_FOLDERS: u64 = 1 << 14;

/// How much of the disk is read at a time, in bytes.
const WINDOW: usize = 4096;

/// How much of a file is asked for at a time, in bytes.
const CHUNK: usize = 256 * 1024;

pub(super) fn open(bytes: &Arc<dyn Bytes>) -> Result<System, SkipReason> {
    let inner = Arc::new(Inner {
        bytes: Arc::clone(bytes),
        folders: AtomicU64::new(0),
        left: Arc::new(AtomicU64::new(WHOLE_BUDGET)),
    });
    let named = inner.ask(|system| Ok((system.volume_id(), system.volume_label())));
    let (number, label) = named.map_err(|_| SkipReason::Malformed)?;
    let uuid = format!("{:04X}-{:04X}", number >> 16, number & 0xFFFF);
    Ok(System { volume: Arc::new(Fat(inner)), uuid, label: label.trim_end().to_owned() })
}

struct Inner {
    bytes: Arc<dyn Bytes>,
    folders: AtomicU64,
    left: Arc<AtomicU64>,
}

struct Fat(Arc<Inner>);

impl Inner {
    /// Asks the crate, whose handles belong to one thread: each question has its own. A panic of it is an error like others;
    /// errors are told by their nature only.
    fn ask<T>(&self, what: impl FnOnce(&FileSystem<Window>) -> io::Result<T>) -> io::Result<T> {
        let bytes = Arc::clone(&self.bytes);
        let left = Arc::clone(&self.left);
        let disk =
            Window { bytes, left: BUDGET, left_of_all: left, at: 0, from: 0, held: Vec::new() };
        let ask = || what(&FileSystem::new(disk, FsOptions::new())?);
        let asked = catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| Err(broken()));
        asked.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::ErrorKind::NotFound.into(),
            _ => broken(),
        })
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let Some((folder, name)) = split(path) else { return Ok(stat(Kind::Folder, 0)) };
        self.ask(|system| {
            let mut found = folder_at(system, folder)?.iter();
            let entry = found.find_map(|entry| match entry {
                Ok(entry) if entry.file_name().eq_ignore_ascii_case(name) => Some(Ok(entry)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            });
            let entry = entry.ok_or(io::ErrorKind::NotFound)??;
            Ok(stat(if entry.is_dir() { Kind::Folder } else { Kind::File }, entry.len()))
        })
    }
}

fn split(path: &Path) -> Option<(&Path, &str)> {
    Some((path.parent()?, path.file_name()?.to_str()?))
}

/// There are no owners and modes; the times are local ones of a place that is not told.
fn stat(kind: Kind, size: u64) -> Stat {
    Stat { kind, size, mode: None, uid: None, links: 1, modified: None }
}

fn folder_at<'s>(system: &'s FileSystem<Window>, path: &Path) -> io::Result<Dir<'s, Window>> {
    let mut folder = system.root_dir();
    for part in path.components() {
        if let Component::Normal(name) = part {
            folder = folder.open_dir(name.to_str().ok_or(io::ErrorKind::NotFound)?)?;
        }
    }
    Ok(folder)
}

impl Volume for Fat {
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
        if self.0.folders.fetch_add(1, Ordering::Relaxed) >= MAX_FOLDERS {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let entries = self.0.ask(|system| {
            let listed = folder_at(system, folder)?.iter().take(MAX_ENTRIES);
            listed
                .map(|entry| entry.map(|it| (it.file_name(), it.is_dir())))
                .collect::<io::Result<Vec<_>>>()
        })?;
        for (name, is_folder) in &entries {
            // A name is one component, whatever the bytes of the disk are.
            if name != "." && name != ".." && !name.is_empty() && !name.contains(['/', '\0']) {
                each(OsStr::new(name), if *is_folder { Kind::Folder } else { Kind::File });
            }
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.stat(path)
    }

    fn read_link(&self, _: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn open(&self, path: &Path) -> io::Result<Opened> {
        let stat = self.0.stat(path)?;
        if stat.kind != Kind::File {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = Reading { system: Arc::clone(&self.0), path: path.to_owned(), at: 0 };
        let content = io::BufReader::with_capacity(CHUNK, file);
        Ok(Opened { content: Content::Volume(Box::new(content)), stat })
    }
}

/// A file that is read on whatever thread asks.
struct Reading {
    system: Arc<Inner>,
    path: PathBuf,
    at: u64,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (folder, name) = split(&self.path).ok_or(io::ErrorKind::NotFound)?;
        let at = self.at;
        let read = self.system.ask(|system| {
            let mut file = folder_at(system, folder)?.open_file(name)?;
            file.seek(SeekFrom::Start(at))?;
            let mut filled = 0;
            while filled < buffer.len() {
                match file.read(&mut buffer[filled..])? {
                    0 => break,
                    read => filled += read,
                }
            }
            Ok(filled)
        })?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What the crate reads from.
struct Window {
    bytes: Arc<dyn Bytes>,
    left: u64,
    left_of_all: Arc<AtomicU64>,
    at: u64,
    from: u64,
    held: Vec<u8>,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(1).ok_or_else(broken)?;
        let one = |left: u64| left.checked_sub(1);
        let order = Ordering::Relaxed;
        self.left_of_all.fetch_update(order, order, one).map_err(|_| broken())?;
        let inside = self.at.checked_sub(self.from).and_then(|at| usize::try_from(at).ok());
        let inside = inside.filter(|at| *at < self.held.len());
        if inside.is_none() {
            let left = self.bytes.size().saturating_sub(self.at);
            self.held.resize(WINDOW.min(usize::try_from(left).unwrap_or(WINDOW)), 0);
            self.from = self.at;
            self.bytes.read(self.at, &mut self.held)?;
        }
        let inside = inside.unwrap_or(0);
        let held = &self.held[inside..];
        let read = held.len().min(buffer.len());
        buffer[..read].copy_from_slice(&held[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.bytes.size().checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Write for Window {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
