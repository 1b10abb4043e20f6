//! Facts of custody: mode, owner, who can read a file through its parents, and what hands it to others.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::Facts;
use crate::host::{Homes, Host, Mount};
use crate::report::{Exposure, PlaceState, ReadableBy};
use crate::rule::paths::original_name;
use crate::rule::places::Places;

/// Gathers the facts; remembers folders, which many files share.
pub(super) struct Custodian<'c> {
    host: &'c Host,
    homes: &'c Homes,
    places: &'c Places,
    folders: Mutex<HashMap<PathBuf, Folder>>,
    indexes: Mutex<HashMap<PathBuf, Option<Zeroizing<Vec<u8>>>>>,
}

/// Who may pass through a folder and all above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Folder {
    group: bool,
    everyone: bool,
    owner: Option<u32>,
}

impl<'c> Custodian<'c> {
    pub(super) fn new(host: &'c Host, homes: &'c Homes, places: &'c Places) -> Self {
        Self { host, homes, places, folders: Mutex::default(), indexes: Mutex::default() }
    }

    /// The facts of an open file that really lies at `path` and is told as `shown`.
    pub(super) fn facts(
        &self,
        file: &File,
        metadata: &Metadata,
        path: &Path,
        shown: &Path,
    ) -> Facts {
        let mut exposures = self.places.exposures(shown);
        if path != shown {
            exposures.push(Exposure::Symlinked);
            exposures.extend(self.places.exposures(path));
        }
        let name = shown.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // What Vim keeps of an edited file.
        let swapped = Path::new(name).extension().is_some_and(|ending| ending == "swp");
        if swapped || original_name(name).is_some() {
            exposures.push(Exposure::Backup);
        }
        if self.is_on_network(path) {
            exposures.push(Exposure::NetworkFileSystem);
        }
        let home = self.homes.home_of(shown).map(Path::to_owned);
        let permissions = self.permissions(file, metadata, path, home.as_deref(), &mut exposures);
        exposures.sort_unstable();
        exposures.dedup();
        Facts {
            mode: permissions.mode,
            owner: permissions.owner,
            readable_by: permissions.readable_by,
            exposures,
            modified: metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
            home,
            state: PlaceState::Present,
            layer: None,
            foreign: false,
        }
    }

    /// Whether the index of the work tree around `path` lists it. `read` is the door.
    pub(super) fn is_git_tracked(
        &self,
        path: &Path,
        read: &dyn Fn(&Path) -> Option<Zeroizing<Vec<u8>>>,
    ) -> bool {
        let Some(tree) = path.ancestors().skip(1).find(|folder| folder.join(".git").is_dir())
        else {
            return false;
        };
        let Some(relative) = path.strip_prefix(tree).ok().and_then(Path::to_str) else {
            return false;
        };
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = indexes
            .entry(tree.to_owned())
            .or_insert_with(|| read(&tree.join(".git").join("index")));
        // gitformat-index: versions 2 and 3 hold each path whole, ended by a NUL.
        let entry = [relative.as_bytes(), b"\0"].concat();
        index.as_ref().is_some_and(|index| {
            aho_corasick::AhoCorasick::new([&entry]).is_ok_and(|needle| needle.is_match(&***index))
        })
    }

    fn is_on_network(&self, path: &Path) -> bool {
        Mount::around(path, &self.host.mounts)
            .is_some_and(|mount| self.places.filesystems.is_network(&mount.kind))
    }
}

#[derive(Default)]
struct Permissions {
    mode: Option<u32>,
    owner: Option<String>,
    readable_by: ReadableBy,
}

#[cfg(unix)]
impl Custodian<'_> {
    fn permissions(
        &self,
        file: &File,
        metadata: &Metadata,
        path: &Path,
        home: Option<&Path>,
        exposures: &mut Vec<Exposure>,
    ) -> Permissions {
        use std::os::unix::fs::MetadataExt as _;

        let mode = metadata.mode() & 0o7777;
        let parents = path.parent().map_or(Folder::OPEN, |folder| self.folder(folder));
        let readable_by = match () {
            () if mode & 0o004 != 0 && parents.everyone => ReadableBy::Everyone,
            () if mode & 0o040 != 0 && parents.group => ReadableBy::Group,
            () => ReadableBy::Owner,
        };
        if (mode & 0o002 != 0 && parents.everyone) || (mode & 0o020 != 0 && parents.group) {
            exposures.push(Exposure::WritableByOthers);
        }
        if metadata.nlink() > 1 {
            exposures.push(Exposure::HardLinked);
        }
        let keeper = home.and_then(|home| self.folder(home).owner);
        if keeper.is_some_and(|keeper| keeper != metadata.uid()) {
            exposures.push(Exposure::ForeignOwner);
        }
        if has_acl(file) {
            exposures.push(Exposure::Acl);
        }
        Permissions {
            mode: Some(mode),
            owner: Some(self.host.user_name(metadata.uid())),
            readable_by,
        }
    }

    fn folder(&self, path: &Path) -> Folder {
        use std::os::unix::fs::MetadataExt as _;

        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        if let Some(known) = known {
            return known;
        }
        let above = path.parent().map_or(Folder::OPEN, |parent| self.folder(parent));
        let folder = std::fs::metadata(path).map_or(above, |metadata| {
            let mode = metadata.mode();
            Folder {
                everyone: above.everyone && mode & 0o001 != 0,
                group: above.group && mode & 0o011 != 0,
                owner: Some(metadata.uid()),
            }
        });
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(path.to_owned(), folder);
        folder
    }
}

#[cfg(not(unix))]
impl Custodian<'_> {
    fn permissions(
        &self,
        _: &File,
        _: &Metadata,
        _: &Path,
        _: Option<&Path>,
        _: &mut Vec<Exposure>,
    ) -> Permissions {
        Permissions::default()
    }
}

impl Folder {
    /// Above everything: nobody is kept out.
    const OPEN: Self = Self { group: true, everyone: true, owner: None };
}

/// An access list of its own, beyond the mode (acl(5): the attribute exists only then).
#[cfg(target_os = "linux")]
fn has_acl(file: &File) -> bool {
    let mut value = [0_u8; 1024];
    match rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut value) {
        Ok(length) => length > 0,
        Err(error) => error == rustix::io::Errno::RANGE,
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn has_acl(_: &File) -> bool {
    false
}
