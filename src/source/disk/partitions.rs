//! Partition tables: GPT (UEFI specification, 5.3) and the older MBR.
//!
//! The crates for these take tables of whatever size the disk claims into memory; here every table has a bound.

use std::io;

use super::{Bytes, FileSystem};
use crate::report::SkipReason;

/// Sizes of sectors that disks have.
const SECTORS: [u64; 2] = [512, 4096];

/// Most partitions of a disk: GPT has room for 128.
const MAX_PARTITIONS: usize = 256;

/// Types of MBR partitions that hold a chain of further ones.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];

/// The type by which an MBR says that a GPT follows.
const PROTECTIVE: u8 = 0xEE;

/// Types of GPT partitions that hold no files: the second stage of a boot loader, what Windows keeps for itself, swap.
const WITHOUT_FILES: [&str; 4] = [
    "21686148-6449-6e6f-744e-656564454649",
    "9e1a2d38-c612-4316-aa26-8b49521e5a8b",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
    "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
];

/// The same of an MBR: swap, the boot loader of POWER machines.
const WITHOUT_FILES_BY_NUMBER: [u8; 2] = [0x82, 0x41];

/// A part of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// Its number, from 1; 0 is the whole disk.
    pub(super) number: usize,
    /// Where it begins, in bytes.
    pub(super) at: u64,
    /// How long it is, in bytes.
    pub(super) size: u64,
    /// Its own identifier in a GPT, as an `fstab` writes it.
    pub(super) id: String,
    /// By its type it holds no files, so that it is nothing unread if none are seen there.
    pub(super) is_without_files: bool,
}

impl Partition {
    /// As the report names it.
    pub(super) fn name(&self) -> String {
        match self.number {
            0 => "disk".into(),
            number => format!("partition-{number}"),
        }
    }
}

/// The partitions of a disk; the disk itself where it has none.
pub(super) fn read(disk: &dyn Bytes) -> Result<Vec<Partition>, SkipReason> {
    let told = |error: io::Error| crate::artifact::reason_of(&error);
    let whole = Partition {
        number: 0,
        at: 0,
        size: disk.size(),
        id: String::new(),
        is_without_files: false,
    };
    let mut start = vec![0; usize::try_from(disk.size().min(4096)).unwrap_or(0)];
    disk.read(0, &mut start).map_err(told)?;
    // The boot sector of a FAT file system looks like a table, and ext4 leaves its first sector to others.
    let holds = FileSystem::of(&start);
    let is_table = start.get(510..512) == Some(&[0x55, 0xAA][..]);
    if !is_table || holds == FileSystem::Fat {
        return Ok(vec![whole]);
    }
    for sector in SECTORS {
        if let Some(found) = gpt(disk, sector).map_err(told)? {
            return Ok(found);
        }
    }
    let found = mbr(disk, &start).map_err(told)?;
    match () {
        () if !found.is_empty() => Ok(found),
        () if !matches!(holds, FileSystem::Unknown) => Ok(vec![whole]),
        () => Err(SkipReason::Unrecognised),
    }
}

fn gpt(disk: &dyn Bytes, sector: u64) -> io::Result<Option<Vec<Partition>>> {
    let mut header = [0; 92];
    if disk.size() < sector * 2 {
        return Ok(None);
    }
    disk.read(sector, &mut header)?;
    let mut sum = header;
    sum[16..20].fill(0);
    if !header.starts_with(b"EFI PART") || crc32fast::hash(&sum) != u32_at(&header, 16) {
        return Ok(None);
    }
    let (table, count, size) = (u64_at(&header, 72), u32_at(&header, 80), u32_at(&header, 84));
    if !(128..=4096).contains(&size) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut found = Vec::new();
    let mut entry = [0; 128];
    for at in 0..usize::try_from(count).unwrap_or(usize::MAX).min(MAX_PARTITIONS) {
        let place = table
            .checked_mul(sector)
            .and_then(|table| table.checked_add(u64::from(size).checked_mul(at as u64)?));
        disk.read(place.ok_or(io::ErrorKind::InvalidData)?, &mut entry)?;
        let (first, last) = (u64_at(&entry, 32), u64_at(&entry, 40));
        let is_used = entry[..16] != [0; 16];
        let Some(sectors) = last.checked_sub(first).and_then(|more| more.checked_add(1)) else {
            continue;
        };
        let (at, number) = (first.checked_mul(sector), at + 1);
        let (Some(at), Some(size), true) = (at, sectors.checked_mul(sector), is_used) else {
            continue;
        };
        if at < disk.size() {
            let is_without_files = WITHOUT_FILES.contains(&&*guid(&entry[..16]));
            let id = guid(&entry[16..32]);
            found.push(Partition { number, at, size, id, is_without_files });
        }
    }
    Ok(Some(found))
}

/// A GUID as text: its first three fields are little-endian.
fn guid(bytes: &[u8]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (at, byte) in order.into_iter().filter_map(|at| bytes.get(at)).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn mbr(disk: &dyn Bytes, start: &[u8]) -> io::Result<Vec<Partition>> {
    let mut found = Vec::new();
    for (at, entry) in start[446..510].chunks(16).enumerate() {
        let Some((kind, first, sectors)) = mbr_entry(entry) else { continue };
        if EXTENDED.contains(&kind) {
            logical(disk, first, &mut found)?;
        } else if kind != PROTECTIVE {
            found.extend(mbr_partition(disk, at + 1, kind, first, sectors));
        }
    }
    Ok(found)
}

/// The chain in an extended partition: each link names one partition and the next link.
fn logical(disk: &dyn Bytes, base: u64, found: &mut Vec<Partition>) -> io::Result<()> {
    let mut link = base;
    for number in 5..MAX_PARTITIONS {
        let mut sector = [0; 512];
        let at = link.saturating_mul(512);
        if at.saturating_add(512) > disk.size() {
            return Ok(());
        }
        disk.read(at, &mut sector)?;
        if sector[510..] != [0x55, 0xAA] {
            return Ok(());
        }
        if let Some((kind, first, sectors)) = mbr_entry(&sector[446..462])
            && !EXTENDED.contains(&kind)
        {
            found.extend(mbr_partition(disk, number, kind, link.saturating_add(first), sectors));
        }
        match mbr_entry(&sector[462..478]) {
            Some((kind, next, _)) if EXTENDED.contains(&kind) => link = base.saturating_add(next),
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Type, first sector and number of sectors.
fn mbr_entry(entry: &[u8]) -> Option<(u8, u64, u64)> {
    let (kind, first, sectors) = (entry[4], u32_at(entry, 8), u32_at(entry, 12));
    (kind != 0 && first != 0 && sectors != 0).then(|| (kind, first.into(), sectors.into()))
}

fn mbr_partition(
    disk: &dyn Bytes,
    number: usize,
    kind: u8,
    first: u64,
    sectors: u64,
) -> Option<Partition> {
    let at = first.checked_mul(512).filter(|at| *at < disk.size())?;
    let (size, id) = (sectors.checked_mul(512)?, String::new());
    let is_without_files = WITHOUT_FILES_BY_NUMBER.contains(&kind);
    Some(Partition { number, at, size, id, is_without_files })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
