//! The bundle before.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::manifest::{Manifest, Previous};
use super::{MANIFEST, SUMS, sums};
use crate::error::{Error, plain};

/// Largest manifest that is read, in bytes.
const MAX: u64 = 16 << 20;

/// A bundle as another one refers to it.
pub struct Link {
    /// What the other writes down.
    pub previous: Previous,
    /// How many came before it.
    pub sequence: u64,
    /// Its machine.
    pub host_id: Option<String>,
    /// What it says came before it.
    pub before: Option<Previous>,
    /// When its scan began.
    pub start: jiff::Timestamp,
}

impl Link {
    /// Reads a bundle's manifest and the digest of its sums.
    ///
    /// # Errors
    /// No bundle, or one whose manifest is not the one that was summed.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let shown = crate::output::safe(&dir.to_string_lossy());
        let refused = |why: &str| Error::Usage(format!("{shown} is no evidence bundle: {why}"));
        let read = |name: &str, max| {
            small(&dir.join(name), max)
                .map_err(|error| refused(&format!("{name}: {}", plain(&error))))
        };
        let summed = read(SUMS, sums::MAX)?;
        let manifest = read(MANIFEST, MAX)?;
        let text = String::from_utf8_lossy(&summed);
        let listed = sums::parse(&text).map_err(|fault| refused(&format!("{SUMS}: {fault}")))?;
        if listed.get(MANIFEST) != Some(&sums::digest(&manifest)) {
            return Err(refused("its manifest was edited"));
        }
        let manifest =
            parse(&manifest).map_err(|line| refused(&format!("{MANIFEST}: line {line}")))?;
        Ok(Self {
            previous: Previous {
                scan_id: manifest.scan_id,
                sha256sums_sha256: sums::digest(&summed),
                end: manifest.time.end,
            },
            sequence: manifest.sequence,
            host_id: manifest.host.id,
            before: manifest.previous,
            start: manifest.time.start,
        })
    }
}

/// A manifest, or the line at which it is none. The parser's words would quote it.
pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, usize> {
    serde_json::from_slice(bytes).map_err(|error| error.line())
}

/// A regular file of at most `max` bytes; a link is none.
pub(super) fn small(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let facts = std::fs::symlink_metadata(path)?;
    if !facts.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
