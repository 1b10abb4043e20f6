//! The layers of an image laid over each other: what a container sees, and what a later layer only hides.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::RandomState;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::layer::{self, Content, Entry, Layer};
use crate::source::volume::{self, Kind, Opened, Stat, Volume};

/// Most hard links that one leads to.
const MAX_HARD_LINKS: usize = 8;

/// The layers of an image, lowest first.
pub(super) struct Tree {
    layers: Vec<Arc<Layer>>,
    key: RandomState,
    /// What is there and was not kept, and a file that was kept points to.
    missed: Mutex<BTreeSet<PathBuf>>,
}

/// What a layer did to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Wrote,
    Deleted,
}

/// What is found at a path.
enum Found<'f> {
    Entry(&'f Entry),
    /// Nothing more is known than what it is.
    Other(Kind),
}

impl Tree {
    pub(super) fn new(layers: Vec<Arc<Layer>>, key: RandomState) -> Self {
        Self { layers, key, missed: Mutex::default() }
    }

    pub(super) fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    /// Files that a view was asked for and that were not kept.
    pub(super) fn missed(&self) -> Vec<PathBuf> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.iter().cloned().collect()
    }

    /// The layer that a path is from, seen from this one.
    pub(super) fn layer_of(&self, path: &Path, from: usize) -> Option<usize> {
        self.find(path, from).map(|(layer, _)| layer)
    }

    /// What each layer did to a path, lowest first.
    pub(super) fn history(&self, path: &Path) -> Vec<(usize, Change)> {
        let mut all = Vec::new();
        let mut there = false;
        let hashes = self.hashes(path);
        for (at, layer) in self.layers.iter().enumerate() {
            if layer.other(hashes[0]).is_some() {
                all.push((at, Change::Wrote));
                there = true;
            } else if there && hides(layer, path, &hashes) {
                all.push((at, Change::Deleted));
                there = false;
            }
        }
        all
    }

    fn find(&self, path: &Path, from: usize) -> Option<(usize, Found<'_>)> {
        let hashes = self.hashes(path);
        for (at, layer) in self.layers.iter().enumerate().take(from + 1).rev() {
            if let Some(kind) = layer.other(hashes[0]) {
                let entry = layer.entries.get(path).map(Found::Entry);
                return Some((at, entry.unwrap_or(Found::Other(kind))));
            }
            if hides(layer, path, &hashes) {
                return None;
            }
        }
        None
    }

    /// By what layers know a path and all folders above it, innermost first.
    fn hashes(&self, path: &Path) -> Vec<u64> {
        path.ancestors().map(|above| layer::hash(above, &self.key)).collect()
    }
}

/// Whether a layer that has nothing at a path hides what lower ones have there.
fn hides(layer: &Layer, path: &Path, hashes: &[u64]) -> bool {
    let mut above = path.ancestors();
    (!layer.whiteouts.is_empty() && above.any(|deleted| layer.whiteouts.contains(deleted)))
        || (!layer.opaque.is_empty()
            && path.ancestors().skip(1).any(|emptied| layer.opaque.contains(emptied)))
        // A file or link where a folder was.
        || hashes[1..].iter().any(|above| layer.other(*above) == Some(Kind::File))
}

/// An image as one of its layers leaves it.
pub(super) struct View {
    tree: Arc<Tree>,
    layer: usize,
    /// What is listed: names by folder.
    listed: BTreeMap<PathBuf, BTreeSet<OsString>>,
}

impl View {
    /// What a container sees.
    pub(super) fn whole(tree: &Arc<Tree>) -> Self {
        let mut view = Self::empty(tree, tree.layers.len().saturating_sub(1));
        for path in tree.layers.iter().flat_map(|layer| layer.entries.keys()) {
            view.add(path);
        }
        view
    }

    /// What a layer wrote and a later one replaced or deleted; none if there is nothing of the kind.
    pub(super) fn hidden(tree: &Arc<Tree>, layer: usize) -> Option<Self> {
        let mut view = Self::empty(tree, layer);
        let top = tree.layers.len().saturating_sub(1);
        let files = tree.layers[layer].entries.iter();
        for (path, _) in
            files.filter(|(_, entry)| matches!(entry, Entry::File(..) | Entry::HardLink(_)))
        {
            if tree.layer_of(path, top) != Some(layer) {
                view.add(path);
            }
        }
        (!view.listed.is_empty()).then_some(view)
    }

    fn empty(tree: &Arc<Tree>, layer: usize) -> Self {
        Self { tree: Arc::clone(tree), layer, listed: BTreeMap::new() }
    }

    fn add(&mut self, path: &Path) {
        for inner in path.ancestors() {
            let (Some(folder), Some(name)) = (inner.parent(), inner.file_name()) else { return };
            if !self.listed.entry(folder.to_owned()).or_default().insert(name.to_owned()) {
                return;
            }
        }
    }

    fn find(&self, path: &Path) -> io::Result<Found<'_>> {
        if path == Path::new("/") {
            return Ok(Found::Other(Kind::Folder));
        }
        let found = self.tree.find(path, self.layer);
        found.map(|(_, found)| found).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The file that a path names, hard links followed.
    fn file(&self, path: &Path) -> io::Result<(PathBuf, Found<'_>, u64)> {
        let mut path = path.to_owned();
        for links in 0..MAX_HARD_LINKS {
            let found = self.find(&path)?;
            let Found::Entry(Entry::HardLink(target)) = found else {
                return Ok((path, found, if links > 0 { 2 } else { 1 }));
            };
            path.clone_from(target);
        }
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn missed(&self, path: PathBuf) -> io::Error {
        let mut missed = self.tree.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.insert(path);
        io::ErrorKind::NotFound.into()
    }
}

impl Volume for View {
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
        for name in self.listed.get(folder).into_iter().flatten() {
            if let Ok(stat) = self.stat(&folder.join(name)) {
                each(name, stat.kind);
            }
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let (_, found, links) = self.file(path)?;
        Ok(match found {
            Found::Entry(Entry::File(_, stat)) => {
                Stat { links: links.max(stat.links), ..stat.clone() }
            }
            Found::Entry(Entry::Folder(stat) | Entry::Special(stat)) => stat.clone(),
            Found::Entry(Entry::Link(_)) => plain(Kind::Link),
            Found::Entry(Entry::HardLink(_)) => plain(Kind::File),
            Found::Other(kind) => plain(kind),
        })
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        match self.find(path)? {
            Found::Entry(Entry::Link(target)) => Ok(target.clone()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Opened> {
        let (real, found, _) = self.file(path)?;
        let content: Box<dyn Read + Send> = match found {
            Found::Entry(Entry::File(Content::Held(bytes), _)) => {
                Box::new(Held { bytes: Arc::clone(bytes), at: 0 })
            }
            Found::Entry(Entry::File(Content::NoRoom, _)) => {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Found::Other(Kind::File) => return Err(self.missed(real)),
            // Of a file that no rule knew by its content nothing was kept.
            Found::Entry(_) | Found::Other(_) => Box::new(io::empty()),
        };
        Ok(Opened { content: volume::Content::Volume(content), stat: self.stat(path)? })
    }
}

/// What is known of an entry of which nothing was kept: open to all, and root's.
fn plain(kind: Kind) -> Stat {
    Stat { kind, size: 0, mode: Some(0o755), uid: Some(0), links: 1, modified: None }
}

/// Reads what is held.
struct Held {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    at: usize,
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let read = left.len().min(buffer.len());
        buffer[..read].copy_from_slice(&left[..read]);
        self.at += read;
        Ok(read)
    }
}
