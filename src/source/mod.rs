//! Sources: where candidates for reading come from. A folder is walked here; an image or a disk would be another source.

pub mod directory;
mod list;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::report::{PlaceState, Skipped};

/// A place that a rule names, not yet opened.
#[derive(Debug)]
pub struct Candidate {
    /// As the report names it; for a linked place, the path of the link.
    pub path: PathBuf,
    /// Where it really lies, when a link led to it.
    pub target: Option<PathBuf>,
    /// Which caches claim it.
    pub claims: Vec<Claim>,
}

/// One cache's claim on a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Index of the cache among those of the plan.
    pub cache: usize,
    /// The home the place belongs to by this claim.
    pub home: Option<PathBuf>,
    /// Whether the tool would find it here.
    pub state: PlaceState,
    /// Whether it is claimed by the name that it, or a folder above, had before it was set aside (`credentials.bak`).
    pub set_aside: bool,
}

/// What a source hands on.
#[derive(Debug, Default)]
pub struct Gathered {
    /// In the order of their paths.
    pub candidates: Vec<Candidate>,
    /// Folders listed.
    pub directories: u64,
    /// Files met.
    pub files_seen: u64,
    /// Stores left out: reason -> number of folders.
    pub pruned: BTreeMap<String, u64>,
    /// Folders that could not be listed, places left alone.
    pub skipped: Vec<Skipped>,
}
