//! Facts of custody: mode, owner, who can read a file through its parents, and what hands it to others.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use zeroize::Zeroizing;

use super::Facts;
use crate::host::{Homes, Host};
use crate::report::{Exposure, PlaceState, ReadableBy};
use crate::rule::paths::original_name;
use crate::rule::places::Places;
use crate::source::site::Site;
use crate::source::volume::{Content, Stat};

/// Gathers the facts; remembers folders, which many files share.
pub(super) struct Custodian<'c> {
    site: &'c Site,
    host: &'c Host,
    homes: &'c Homes,
    places: &'c Places,
    names: OnceLock<HashMap<u32, &'c str>>,
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
    pub(super) fn new(
        site: &'c Site,
        host: &'c Host,
        homes: &'c Homes,
        places: &'c Places,
    ) -> Self {
        let (folders, indexes) = (Mutex::default(), Mutex::default());
        Self { site, host, homes, places, names: OnceLock::new(), folders, indexes }
    }

    /// The facts of an open file that really lies at `path` and is told as `shown`.
    pub(super) fn facts(&self, file: &Content, stat: &Stat, path: &Path, shown: &Path) -> Facts {
        let mut exposures = self.places.exposures(&self.site.told(shown));
        if path != shown {
            exposures.push(Exposure::Symlinked);
            exposures.extend(self.places.exposures(&self.site.told(path)));
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
        let permissions = self.permissions(file, stat, path, home.as_deref(), &mut exposures);
        let golden = self.site.golden || home.as_deref().is_some_and(is_skeleton);
        exposures.sort_unstable();
        exposures.dedup();
        Facts {
            mode: permissions.mode,
            owner: permissions.owner,
            readable_by: permissions.readable_by,
            exposures,
            modified: stat.modified,
            home,
            included_by: None,
            state: PlaceState::Present,
            layer: None,
            image: None,
            foreign: false,
            golden,
            golden_issue: None,
        }
    }

    /// Whether the index of the work tree around `path` lists it. `read` is the door.
    pub(super) fn is_git_tracked(
        &self,
        path: &Path,
        read: &dyn Fn(&Path) -> Option<Zeroizing<Vec<u8>>>,
    ) -> bool {
        let Some(tree) =
            path.ancestors().skip(1).find(|folder| self.site.is_folder(&folder.join(".git")))
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
        if self.site.walked().is_some() {
            return false;
        }
        self.site
            .mount_around(path, &self.host.mounts)
            .is_some_and(|mount| self.places.filesystems.is_network(&mount.kind))
    }
}

#[derive(Default)]
struct Permissions {
    mode: Option<u32>,
    owner: Option<String>,
    readable_by: ReadableBy,
}

impl Custodian<'_> {
    fn permissions(
        &self,
        file: &Content,
        stat: &Stat,
        path: &Path,
        home: Option<&Path>,
        exposures: &mut Vec<Exposure>,
    ) -> Permissions {
        if stat.links > 1 {
            exposures.push(Exposure::HardLinked);
        }
        let (Some(mode), Some(uid), false) = (stat.mode, stat.uid, self.site.anonymous) else {
            return Permissions::default();
        };
        let parents = path.parent().map_or(Folder::OPEN, |folder| self.folder(folder));
        let readable_by = match () {
            () if mode & 0o004 != 0 && parents.everyone => ReadableBy::Everyone,
            () if mode & 0o040 != 0 && parents.group => ReadableBy::Group,
            () => ReadableBy::Owner,
        };
        if (mode & 0o002 != 0 && parents.everyone) || (mode & 0o020 != 0 && parents.group) {
            exposures.push(Exposure::WritableByOthers);
        }
        let keeper = home.and_then(|home| self.folder(home).owner);
        if keeper.is_some_and(|keeper| keeper != uid) {
            exposures.push(Exposure::ForeignOwner);
        }
        if let Content::File(file) = file
            && has_acl(file)
        {
            exposures.push(Exposure::Acl);
        }
        Permissions { mode: Some(mode), owner: Some(self.user_name(uid)), readable_by }
    }

    /// The user's name, else the number; of several users with one number the first counts.
    fn user_name(&self, uid: u32) -> String {
        let names = self.names.get_or_init(|| {
            self.host.users.iter().rev().map(|user| (user.uid, &*user.name)).collect()
        });
        names.get(&uid).map_or_else(|| uid.to_string(), |name| (*name).to_owned())
    }

    fn folder(&self, path: &Path) -> Folder {
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        if let Some(known) = known {
            return known;
        }
        // What lies above another machine's disk keeps nobody out once that machine runs.
        let is_top = self.site.machine.as_deref() == Some(path);
        let above = path.parent().filter(|_| !is_top);
        let above = above.map_or(Folder::OPEN, |parent| self.folder(parent));
        let folder = self.site.stat(path).map_or(above, |stat| {
            let mode = stat.mode.unwrap_or(0o777);
            Folder {
                everyone: above.everyone && mode & 0o001 != 0,
                group: above.group && mode & 0o011 != 0,
                owner: stat.uid,
            }
        });
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(path.to_owned(), folder);
        folder
    }
}

/// What every new home is made from.
fn is_skeleton(home: &Path) -> bool {
    home.ends_with("etc/skel")
}

impl Folder {
    /// Above everything: nobody is kept out.
    const OPEN: Self = Self { group: true, everyone: true, owner: None };
}

/// An access list of its own, beyond the mode (acl(5): the attribute exists only then).
#[cfg(target_os = "linux")]
fn has_acl(file: &std::fs::File) -> bool {
    let mut value = [0_u8; 1024];
    match rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut value) {
        Ok(length) => length > 0,
        Err(error) => error == rustix::io::Errno::RANGE,
    }
}

#[cfg(not(target_os = "linux"))]
fn has_acl(_: &std::fs::File) -> bool {
    false
}
