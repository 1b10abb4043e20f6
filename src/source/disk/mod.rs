//! Disk images: a whole disk with partitions, or one file system, as its bytes or in a qcow2 file. Read directly, without a mount
//! and without rights; nothing is written.
//!
//! The file systems of a disk become one tree: that of the machine lies at `/`, others where its `fstab` puts them, and what it
//! does not name at `/partition-N`.

mod ext4;
mod fat;
mod mounts;
mod partitions;
mod qcow2;

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::foreign::{BEGINNING, Foreign};
use super::image::read_at;
use super::volume::{Kind, Volume};
use crate::report::SkipReason;
use mounts::Mounts;
use partitions::Partition;

/// Bytes that can be read in any order.
pub(crate) trait Bytes: Send + Sync {
    /// Reads exactly so many bytes.
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// How many there are.
    fn size(&self) -> u64;
}

/// A disk image that was opened; nothing was read yet but what tells its kind.
pub struct Disk {
    file: File,
    qcow2: bool,
}

/// What was made of a disk.
#[derive(Default)]
pub struct Opened {
    /// Its files.
    pub volume: Option<Arc<dyn Volume>>,
    /// Parts that could not be read, as the report names them, and why.
    pub skipped: Vec<(String, SkipReason)>,
}

impl Disk {
    /// A file, by its first [`BEGINNING`] bytes.
    pub fn of(file: File, start: &[u8]) -> Option<Self> {
        let has = |at: usize, magic: &[u8]| start.get(at..at + magic.len()) == Some(magic);
        let qcow2 = has(0, b"QFI\xFB");
        let is_disk = has(510, b"\x55\xAA") || has(512, b"EFI PART") || has(4096 - 8, b"EFI PART");
        let known = match FileSystem::of(start) {
            FileSystem::Ext4 | FileSystem::Fat => true,
            FileSystem::Foreign(_) => false,
            FileSystem::Nothing | FileSystem::Unknown => qcow2 || is_disk,
        };
        known.then_some(Self { file, qcow2 })
    }

    /// Reads how it is made up.
    pub fn open(&self) -> Opened {
        match self.bytes() {
            Ok(bytes) => open(&bytes),
            Err(reason) => Opened { volume: None, skipped: vec![("disk".into(), reason)] },
        }
    }

    fn bytes(&self) -> Result<Arc<dyn Bytes>, SkipReason> {
        let file = self.file.try_clone().map_err(|error| crate::artifact::reason_of(&error))?;
        let raw = Raw::of(file).map_err(|error| crate::artifact::reason_of(&error))?;
        if self.qcow2 { Ok(Arc::new(qcow2::Qcow2::open(raw)?)) } else { Ok(Arc::new(raw)) }
    }
}

fn open(disk: &Arc<dyn Bytes>) -> Opened {
    let mut opened = Opened::default();
    let partitions = match partitions::read(&**disk) {
        Ok(partitions) => partitions,
        Err(reason) => {
            opened.skipped.push(("disk".into(), reason));
            return opened;
        }
    };
    let mut found = Vec::new();
    for partition in partitions {
        let name = partition.name();
        let bytes: Arc<dyn Bytes> = Arc::new(Part::of(disk, &partition));
        match file_system(&bytes) {
            Ok(Some(system)) => found.push((partition, system)),
            Ok(None) => {}
            Err(Unread { what: None, reason: SkipReason::Unrecognised })
                if partition.is_without_files => {}
            Err(Unread { what: Some(what), reason }) => {
                opened.skipped.push((format!("{name} ({what})"), reason));
            }
            Err(Unread { what: None, reason }) => opened.skipped.push((name, reason)),
        }
    }
    if found.is_empty() && opened.skipped.is_empty() {
        opened.skipped.push(("disk".into(), SkipReason::Unrecognised));
    }
    opened.volume = match found.len() {
        0 => None,
        1 => found.pop().map(|(_, system)| system.volume),
        _ => Some(Arc::new(Mounts::of(found))),
    };
    opened
}

/// A file system, and what names it in an `fstab`.
pub(crate) struct System {
    pub(crate) volume: Arc<dyn Volume>,
    pub(crate) uuid: String,
    pub(crate) label: String,
}

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileSystem {
    Ext4,
    Fat,
    /// Nothing that is a file.
    Nothing,
    /// Of a kind that is not read here.
    Foreign(&'static Foreign),
    Unknown,
}

/// Why a partition was not read, and what it is, where that is known.
struct Unread {
    what: Option<&'static str>,
    reason: SkipReason,
}

impl From<SkipReason> for Unread {
    fn from(reason: SkipReason) -> Self {
        Self { what: None, reason }
    }
}

impl FileSystem {
    fn of(start: &[u8]) -> Self {
        let has = |at: usize, magic: &[u8]| start.get(at..at + magic.len()) == Some(magic);
        if has(1024 + 56, &[0x53, 0xEF]) {
            return Self::Ext4;
        }
        if let Some(foreign) = Foreign::of(start) {
            return Self::Foreign(foreign);
        }
        match () {
            () if has(4086, b"SWAPSPACE2") => Self::Nothing,
            () if has(54, b"FAT") || has(82, b"FAT32") => Self::Fat,
            () if start.iter().all(|byte| *byte == 0) => Self::Nothing,
            () => Self::Unknown,
        }
    }
}

fn file_system(bytes: &Arc<dyn Bytes>) -> Result<Option<System>, Unread> {
    let mut start = vec![0; BEGINNING.min(usize::try_from(bytes.size()).unwrap_or(BEGINNING))];
    bytes.read(0, &mut start).map_err(|error| crate::artifact::reason_of(&error))?;
    match FileSystem::of(&start) {
        FileSystem::Ext4 => Ok(Some(ext4::open(bytes)?)),
        FileSystem::Fat => Ok(Some(fat::open(bytes)?)),
        FileSystem::Nothing => Ok(None),
        FileSystem::Foreign(foreign) => {
            let locked = foreign.is_locked.then_some(SkipReason::UnsupportedEncryption);
            let reason = locked.unwrap_or(SkipReason::Unrecognised);
            Err(Unread { what: Some(foreign.name), reason })
        }
        FileSystem::Unknown => Err(SkipReason::Unrecognised.into()),
    }
}

/// A file as it is.
struct Raw {
    file: File,
    size: u64,
}

impl Raw {
    fn of(mut file: File) -> io::Result<Self> {
        // Of a device the system tells no size but this way.
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
    }
}

impl Bytes for Raw {
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < into.len() {
            match read_at(&self.file, &mut into[done..], at.saturating_add(done as u64)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// A part of a disk.
struct Part {
    disk: Arc<dyn Bytes>,
    at: u64,
    size: u64,
}

impl Part {
    fn of(disk: &Arc<dyn Bytes>, partition: &Partition) -> Self {
        let at = partition.at.min(disk.size());
        Self { disk: Arc::clone(disk), at, size: partition.size.min(disk.size() - at) }
    }
}

impl Bytes for Part {
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(into.len() as u64).filter(|end| *end <= self.size);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.disk.read(self.at + at, into)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Whether a file system is that of a machine, not of its data.
fn is_machine(volume: &dyn Volume) -> bool {
    let is_there =
        |path: &str, kind: Kind| volume.stat(Path::new(path)).is_ok_and(|stat| stat.kind == kind);
    is_there("/etc", Kind::Folder)
        && (is_there("/usr", Kind::Folder) || is_there("/var", Kind::Folder))
}

/// The place of what no `fstab` names.
fn unnamed(partition: &Partition) -> PathBuf {
    PathBuf::from(format!("/{}", partition.name()))
}

/// The nature of an error that a library tells in its own words, which are dropped.
fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
