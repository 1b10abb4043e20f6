//! qcow2, the disk format of QEMU (docs/interop/qcow2.rst in its sources), read only.
//!
//! A file names its clusters in tables of two levels. Both are bounded by the size of the file, and every offset is checked
//! against it. What needs a second file (a backing file, external data) is refused.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Bytes, Raw, broken};
use crate::report::SkipReason;

/// Largest table of the first level, in bytes: QEMU's own limit.
const MAX_L1: u64 = 32 << 20;

/// Largest disk, in bytes.
const MAX_SIZE: u64 = 1 << 50;

/// How many tables of the second level are remembered; each is as large as a cluster.
const REMEMBERED: usize = 16;

/// What a reader must understand: dirty and corrupt marks change nothing for one that only reads, and the compression type is read.
const UNDERSTOOD: u64 = 0b1011;

/// A cluster is only in this file if the offset has no other bits.
const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;

/// The bit of a cluster that is compressed.
const COMPRESSED: u64 = 1 << 62;

/// A table or an unpacked cluster, by where it lies.
type Kept = (u64, Arc<[u8]>);

/// An open image.
pub(super) struct Qcow2 {
    file: Raw,
    size: u64,
    cluster_bits: u32,
    zstd: bool,
    l1: Vec<u64>,
    tables: Mutex<Vec<Kept>>,
    unpacked: Mutex<Vec<Kept>>,
}

/// How a cluster is stored.
enum Cluster {
    Zero,
    At(u64),
    Packed { at: u64, size: usize },
}

impl Qcow2 {
    pub(super) fn open(file: Raw) -> Result<Self, SkipReason> {
        let told = |error: io::Error| crate::artifact::reason_of(&error);
        let mut header = [0; 112];
        let there = usize::try_from(file.size()).unwrap_or(usize::MAX).min(header.len());
        file.read(0, &mut header[..there]).map_err(told)?;
        let version = u32_at(&header, 4);
        let cluster_bits = u32_at(&header, 20);
        let size = u64_at(&header, 24);
        if !(2..=3).contains(&version) || !(9..=21).contains(&cluster_bits) || size > MAX_SIZE {
            return Err(SkipReason::Malformed);
        }
        if u64_at(&header, 8) != 0 {
            // Its other part is a file of its own.
            return Err(SkipReason::LayerMissing);
        }
        if u32_at(&header, 32) != 0 {
            return Err(SkipReason::UnsupportedEncryption);
        }
        let features = if version >= 3 { u64_at(&header, 72) } else { 0 };
        if features & !UNDERSTOOD != 0 {
            return Err(SkipReason::Unrecognised);
        }
        let zstd = features & 0b1000 != 0 && header[104] == 1;
        let covered = 1_u64 << (cluster_bits + cluster_bits - 3);
        let entries = size.div_ceil(covered);
        if entries * 8 > MAX_L1 || entries > u64::from(u32_at(&header, 36)) {
            return Err(SkipReason::Malformed);
        }
        let mut table = vec![0; usize::try_from(entries * 8).unwrap_or(0)];
        file.read(u64_at(&header, 40), &mut table).map_err(told)?;
        let l1 = table.chunks_exact(8).map(|entry| u64_at(entry, 0)).collect();
        let (tables, unpacked) = (Mutex::default(), Mutex::default());
        Ok(Self { file, size, cluster_bits, zstd, l1, tables, unpacked })
    }

    fn cluster_size(&self) -> usize {
        1 << self.cluster_bits
    }

    fn cluster(&self, number: u64) -> io::Result<Cluster> {
        let per_table = self.cluster_bits - 3;
        let table = usize::try_from(number >> per_table).ok().and_then(|at| self.l1.get(at));
        let table = table.ok_or_else(broken)? & OFFSET;
        if table == 0 {
            return Ok(Cluster::Zero);
        }
        let entries = remembered(&self.tables, table, || {
            let mut entries = vec![0; self.cluster_size()];
            self.file.read(table, &mut entries)?;
            Ok(entries)
        })?;
        let within = usize::try_from(number & ((1 << per_table) - 1)).map_err(|_| broken())?;
        let entry = u64_at(&entries, within * 8);
        if entry & COMPRESSED != 0 {
            let bits = 62 - (self.cluster_bits - 8);
            let at = entry & ((1 << bits) - 1);
            let sectors = (entry >> bits) & ((1 << (self.cluster_bits - 8)) - 1);
            let size = (sectors + 1) * 512 - (at & 511);
            return Ok(Cluster::Packed { at, size: usize::try_from(size).map_err(|_| broken())? });
        }
        let at = entry & OFFSET;
        // The lowest bit says that it reads as zeros, whatever is stored.
        Ok(if at == 0 || entry & 1 != 0 { Cluster::Zero } else { Cluster::At(at) })
    }

    fn unpack(&self, at: u64, size: usize) -> io::Result<Arc<[u8]>> {
        remembered(&self.unpacked, at, || {
            // The last sectors may reach behind the end of the file.
            let there = self.file.size().saturating_sub(at);
            let mut packed = vec![0; size.min(usize::try_from(there).unwrap_or(usize::MAX))];
            self.file.read(at, &mut packed)?;
            let mut cluster = vec![0; self.cluster_size()];
            if self.zstd {
                zstd::stream::read::Decoder::with_buffer(&*packed)?.read_exact(&mut cluster)?;
            } else {
                flate2::bufread::DeflateDecoder::new(&*packed).read_exact(&mut cluster)?;
            }
            Ok(cluster)
        })
    }
}

impl Bytes for Qcow2 {
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(into.len() as u64).filter(|end| *end <= self.size);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut at = at;
        let mut rest = into;
        while !rest.is_empty() {
            let within =
                usize::try_from(at & ((1 << self.cluster_bits) - 1)).map_err(|_| broken())?;
            let (now, later) = rest.split_at_mut(rest.len().min(self.cluster_size() - within));
            match self.cluster(at >> self.cluster_bits)? {
                Cluster::Zero => now.fill(0),
                Cluster::At(cluster) => {
                    self.file.read(cluster.saturating_add(within as u64), now)?;
                }
                Cluster::Packed { at, size } => {
                    let cluster = self.unpack(at, size)?;
                    now.copy_from_slice(&cluster[within..within + now.len()]);
                }
            }
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// What is kept of a place, or what is read there now.
fn remembered(
    kept: &Mutex<Vec<Kept>>,
    place: u64,
    read: impl FnOnce() -> io::Result<Vec<u8>>,
) -> io::Result<Arc<[u8]>> {
    let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    let known = lock().iter().find(|(at, _)| *at == place).map(|(_, bytes)| Arc::clone(bytes));
    if let Some(known) = known {
        return Ok(known);
    }
    let bytes: Arc<[u8]> = read()?.into();
    let mut kept = lock();
    if kept.len() >= REMEMBERED {
        kept.remove(0);
    }
    kept.push((place, Arc::clone(&bytes)));
    Ok(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(number)
}
