//! Sources: where candidates for reading come from. A folder is walked here; an image or a disk would be another source.

pub mod directory;
pub mod disk;
pub mod foreign;
pub mod image;
mod list;
pub mod rooted;
pub mod site;
pub mod volume;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::report::{PlaceState, Skipped};
use volume::Opened;

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

/// A regular file that no rule claims, as a walk that hands over every file meets it. Not yet opened.
pub struct Loose<'l> {
    dir: &'l list::Dir,
    folder: &'l Path,
    /// Its name.
    pub name: &'l OsStr,
    /// It lies in a store of published packages, where what looks like a credential is likely someone else's example.
    pub foreign: bool,
}

/// What people call folders and files that hold tests and examples.
const EXAMPLES: [&str; 17] = [
    "test", "tests", "testing", "testdata", "fixture", "fixtures", "mock", "mocks", "spec",
    "specs", "example", "examples", "sample", "samples", "demo", "doc", "docs",
];

/// How many folders above a file are asked what they are for.
const FOLDERS_ABOVE: usize = 4;

/// Whether the name of a file, or of a folder close above, says that it is a test or an example.
pub(crate) fn is_example(path: &Path) -> bool {
    path.iter().rev().take(1 + FOLDERS_ABOVE).any(says_example)
}

fn says_example(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| EXAMPLES.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

impl Loose<'_> {
    /// As the report names it.
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// Whether its name or a folder close above says that it is a test or an example.
    pub fn is_example(&self) -> bool {
        says_example(self.name) || self.folder.iter().rev().take(FOLDERS_ABOVE).any(says_example)
    }

    /// Opens it in its folder, not through a link, and without waiting for anyone if it has become a FIFO.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open(&self) -> io::Result<Opened> {
        self.dir.open_file(self.name)
    }
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
    /// Whether it lies among published packages, where no rule expects a credential of anybody's own.
    pub foreign: bool,
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
