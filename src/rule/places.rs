//! Places: folders that hold no credentials, folders that are copied elsewhere, file systems to leave alone.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::paths::{BadPath, Component, Folder, Hanging, PathIndex, Pattern};
use crate::report::Exposure;

/// `rules/places.yaml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacesFile {
    /// Stores that a default scan leaves out.
    pub prune: Vec<Prune>,
    /// Folders of any name into which packages were unpacked.
    pub unpacked: Vec<Unpacked>,
    /// Folders whose content goes elsewhere.
    pub exposed: Vec<Exposed>,
    /// File systems that are not entered.
    pub filesystems: Filesystems,
}

/// A store that holds no credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// Folders, in the path grammar of rules.
    pub dirs: Vec<String>,
    /// Why they hold none; the reason in the report's coverage.
    pub why: String,
    /// Only where one of these lies beside the folder.
    #[serde(default)]
    pub beside: Vec<String>,
    /// Only where one of these lies in it.
    #[serde(default)]
    pub inside: Vec<String>,
    /// Paths inside that are still looked at: never in a foreign store.
    #[serde(default)]
    pub except: Vec<String>,
    /// Whether a credential in it is likely someone else's example: content is not sniffed there, and what is found by its name
    /// scores low.
    #[serde(default)]
    pub foreign: bool,
}

/// Published packages in a folder that no name tells (`pip install --target DIR`, an unpacked wheel). The packages are left out as a
/// store's are, and foreign; what else lies there is somebody's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unpacked {
    /// How the name of a folder ends that lies beside the packages, and nowhere else.
    pub beside: String,
    /// A package is a folder that holds one of these.
    pub inside: Vec<String>,
    /// The reason in the report's coverage.
    pub why: String,
}

/// Folders whose content goes elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exposed {
    /// Folders, in the path grammar of rules.
    pub dirs: Vec<String>,
    /// What that means for a file in them.
    pub exposure: Exposure,
}

/// Kernel names of file systems.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filesystems {
    /// Not files on a disk.
    pub pseudo: Vec<String>,
    /// Somebody else's disk, behind a network or a daemon. So is every `fuse.…` that is not `local`.
    pub network: Vec<String>,
    /// Served by a daemon of this machine from its own disk.
    pub local: Vec<String>,
}

impl Filesystems {
    /// Whether files of this kind lie behind a network or a daemon.
    pub fn is_network(&self, kind: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|known| known == kind);
        is_in(&self.network)
            || kind.starts_with("fuse.") && !is_in(&self.local) && !is_in(&self.pseudo)
    }

    /// The same, and what is mounted from there by whoever looks.
    pub fn is_elsewhere(&self, kind: &str) -> bool {
        kind == "autofs" || self.is_network(kind)
    }
}

/// The compiled places.
pub struct Places {
    prunes: Vec<CompiledPrune>,
    pruned: PathIndex,
    exposures: Vec<Exposure>,
    exposed: PathIndex,
    /// Packages in folders of any name.
    pub unpacked: Vec<Unpacked>,
    /// File systems that are not entered.
    pub filesystems: Filesystems,
}

/// A compiled [`Prune`].
pub struct CompiledPrune {
    /// The reason in coverage.
    pub why: String,
    /// Needed beside the folder.
    pub beside: Vec<String>,
    /// Needed in it.
    pub inside: Vec<String>,
    /// Still looked at, relative to the folder.
    pub except: Vec<Pattern>,
    /// Whether content is not sniffed in it.
    pub foreign: bool,
}

impl Places {
    /// Compiles the file.
    ///
    /// # Errors
    /// A path that is not of the grammar of rules; a foreign store with exceptions.
    pub fn new(file: PlacesFile) -> Result<Self, BadPath> {
        let mut pruned = Vec::new();
        let mut prunes = Vec::new();
        for (target, prune) in file.prune.into_iter().enumerate() {
            if prune.foreign && !prune.except.is_empty() {
                let why = prune.why;
                return Err(BadPath(format!(
                    "`{why}`: nothing of one's own lies in a foreign store"
                )));
            }
            pruned.extend(prune.dirs.into_iter().map(|dir| (dir, target)));
            let except = prune.except.iter().map(|path| (&**path, 0));
            prunes.push(CompiledPrune {
                why: prune.why,
                beside: prune.beside,
                inside: prune.inside,
                except: relative_patterns(except)?,
                foreign: prune.foreign,
            });
        }
        let mut exposures = Vec::new();
        let mut exposed = Vec::new();
        for (target, place) in file.exposed.into_iter().enumerate() {
            exposed.extend(place.dirs.into_iter().map(|dir| (dir, target)));
            exposures.push(place.exposure);
        }
        Ok(Self {
            prunes,
            pruned: PathIndex::new(pruned.iter().map(|(dir, target)| (&**dir, *target)))?,
            exposures,
            exposed: PathIndex::new(exposed.iter().map(|(dir, target)| (&**dir, *target)))?,
            unpacked: file.unpacked,
            filesystems: file.filesystems,
        })
    }

    /// Prunes that hang on the path of a folder, to be handed to [`Self::prunes`] for each of the folders in it.
    pub fn prunes_in(&self, parent: &Folder<'_>) -> Hanging<'_> {
        self.pruned.hanging_on(parent)
    }

    /// The prunes that fit a folder by its path alone; guards are the walker's to test.
    pub fn prunes<'a>(
        &'a self,
        parent: &Folder<'_>,
        hanging: &Hanging<'_>,
        name: &str,
        each: &mut dyn FnMut(&'a CompiledPrune),
    ) {
        self.pruned.matches(parent, hanging, name, |id, _| {
            each(&self.prunes[self.pruned.pattern(id).target]);
        });
    }

    /// What the folders above a file do to it.
    pub fn exposures(&self, file: &Path) -> Vec<Exposure> {
        let mut found = Vec::new();
        let mut above = file.ancestors().skip(1);
        while let Some((folder, parent)) = above.next().and_then(|dir| Some((dir, dir.parent()?))) {
            let parent = Folder::new(parent);
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let hanging = self.exposed.hanging_on(&parent);
            self.exposed.matches(&parent, &hanging, name, |id, _| {
                found.push(self.exposures[self.exposed.pattern(id).target]);
            });
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Patterns without an anchor, for walks that are limited to them.
fn relative_patterns<'p>(
    paths: impl Iterator<Item = (&'p str, usize)>,
) -> Result<Vec<Pattern>, BadPath> {
    let anchored: Vec<_> = paths.map(|(path, target)| (format!("~/{path}"), target)).collect();
    let index = PathIndex::new(anchored.iter().map(|(path, target)| (&**path, *target)))?;
    Ok(index.patterns().to_vec())
}

/// The steps of a pattern that remain below `folder`, where `folder` is a proper prefix of it.
pub fn remaining(pattern: &Pattern, folder: &Folder<'_>) -> Vec<Pattern> {
    let steps = &pattern.components;
    (1..steps.len())
        .filter(|&taken| {
            let (head, path) = (&steps[..taken], folder.components());
            !head.iter().any(|step| matches!(step, Component::AnyDepth))
                && path.len() >= taken
                && head
                    .iter()
                    .zip(&path[path.len() - taken..])
                    .all(|(step, name)| pattern.step(step, name))
        })
        .map(|taken| Pattern { components: steps[taken..].to_vec(), ..pattern.clone() })
        .collect()
}
