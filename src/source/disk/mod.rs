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
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// A file, by its first 4096 bytes.
    pub fn of(file: File, start: &[u8]) -> Option<Self> {
        let has = |at: usize, magic: &[u8]| start.get(at..at + magic.len()) == Some(magic);
        let qcow2 = has(0, b"QFI\xFB");
        let is_disk = has(510, b"\x55\xAA") || has(512, b"EFI PART") || has(4096 - 8, b"EFI PART");
        let holds_files =
            !matches!(FileSystem::of(start), FileSystem::Unknown | FileSystem::Nothing);
        let known = qcow2 || is_disk || holds_files;
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
            Err(reason) => opened.skipped.push((name, reason)),
        }
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
    /// Locked.
    Luks,
    /// Nothing that is a file.
    Nothing,
    /// Of a kind that is not read here.
    Other,
    Unknown,
}

/// How many bytes tell what a partition holds: a page of swap ends with its mark.
const BEGINNING: usize = 4096;

impl FileSystem {
    fn of(start: &[u8]) -> Self {
        let has = |at: usize, magic: &[u8]| start.get(at..at + magic.len()) == Some(magic);
        match () {
            () if has(1024 + 56, &[0x53, 0xEF]) => Self::Ext4,
            () if has(0, b"LUKS\xBA\xBE") => Self::Luks,
            () if has(4086, b"SWAPSPACE2") => Self::Nothing,
            () if has(0, b"XFSB") || has(3, b"NTFS    ") || has(3, b"EXFAT   ") => Self::Other,
            // Volume groups of LVM, in the second sector; squashfs; F2FS.
            () if has(512, b"LABELONE") || has(0, b"hsqs") => Self::Other,
            () if has(1024, &[0x10, 0x20, 0xF5, 0xF2]) => Self::Other,
            () if has(54, b"FAT") || has(82, b"FAT32") => Self::Fat,
            () if start.iter().all(|byte| *byte == 0) => Self::Nothing,
            () => Self::Unknown,
        }
    }
}

fn file_system(bytes: &Arc<dyn Bytes>) -> Result<Option<System>, SkipReason> {
    let mut start = vec![0; BEGINNING.min(usize::try_from(bytes.size()).unwrap_or(BEGINNING))];
    bytes.read(0, &mut start).map_err(|error| crate::artifact::reason_of(&error))?;
    match FileSystem::of(&start) {
        FileSystem::Ext4 => ext4::open(bytes).map(Some),
        FileSystem::Fat => fat::open(bytes).map(Some),
        FileSystem::Luks => Err(SkipReason::UnsupportedEncryption),
        FileSystem::Nothing => Ok(None),
        FileSystem::Other | FileSystem::Unknown => Err(SkipReason::Unrecognised),
    }
}

/// A file as it is.
struct Raw {
    file: File,
    size: u64,
}

impl Raw {
    fn of(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
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
