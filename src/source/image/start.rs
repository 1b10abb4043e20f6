//! What an archive holds, by its first entries: images, or the files of a machine (`docker export`, LXC, WSL, `debootstrap`).

use std::io::Read as _;

use super::archive::{self, Archive};
use super::blob::{self, Form};
use crate::source::foreign::BEGINNING;

/// Most entries that are looked at.
const MAX_ENTRIES: usize = 64;

/// Folders at the top of a machine's file system: Linux, macOS and Windows.
const TOP: [&str; 26] = [
    "Library",
    "ProgramData",
    "System",
    "Users",
    "Windows",
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
];

/// What an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Images, with their descriptions.
    Images,
    /// The files of one machine.
    Files,
}

/// What an archive holds that begins so, packed or not; none if it is no archive.
pub(super) fn holds(start: &[u8]) -> Option<Holds> {
    match Form::of(start) {
        Form::Tar => Some(first_entries(start)),
        Form::Gzip | Form::Zstd => {
            let (_, mut from) = blob::unpacked(start, u64::MAX).ok()?;
            let mut inner = Vec::new();
            // Where the beginning ends, unpacking fails.
            let _ = from.by_ref().take(BEGINNING as u64).read_to_end(&mut inner);
            archive::begins(&inner).then(|| first_entries(&inner))
        }
        Form::Document | Form::Other => None,
    }
}

fn first_entries(start: &[u8]) -> Holds {
    let mut archive = Archive::new(start);
    for _ in 0..MAX_ENTRIES {
        let Ok(Some(entry)) = archive.next() else { break };
        let mut parts = entry.path.split(|byte| *byte == b'/');
        let first = parts.find(|part| !part.is_empty() && *part != b".");
        if first.is_some_and(|first| TOP.iter().any(|name| name.as_bytes() == first)) {
            return Holds::Files;
        }
    }
    Holds::Images
}
