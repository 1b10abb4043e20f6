//! One bounded, safe read, and the facts of how the bytes were kept.

use std::path::PathBuf;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::report::{Exposure, PlaceState, ReadableBy};

/// A file as it was read: its bytes, and how they were kept. Holds secrets: no `Debug`.
pub struct Artifact {
    /// Where it lies, as the report names it.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How it was kept.
    pub facts: Facts,
}

/// How a file is kept: facts here, judgement in `score`.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Permission bits (`0o7777`), where the system has them.
    pub mode: Option<u32>,
    /// Owner's name, else uid.
    pub owner: Option<String>,
    /// Who can read it, through its parents.
    pub readable_by: ReadableBy,
    /// What hands it to others.
    pub exposures: Vec<Exposure>,
    /// Last change of the content.
    pub modified: Option<Timestamp>,
    /// Home it belongs to.
    pub home: Option<PathBuf>,
    /// What kind of place it is.
    pub state: PlaceState,
    /// Digest of the image layer it lies in.
    pub layer: Option<String>,
}
