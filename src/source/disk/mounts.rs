//! Several file systems as one tree, as the machine that they belong to mounts them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::partitions::Partition;
use super::{System, is_machine, unnamed};
use crate::source::volume::{Kind, Opened, Stat, Volume, read_small};

/// Largest `fstab` that is read, in bytes.
const MAX_FSTAB: u64 = 1 << 20;

/// File systems by where they are mounted.
pub(super) struct Mounts(BTreeMap<PathBuf, Arc<dyn Volume>>);

impl Mounts {
    pub(super) fn of(systems: Vec<(Partition, System)>) -> Self {
        let machine = systems.iter().position(|(_, system)| is_machine(&*system.volume));
        let fstab = machine
            .and_then(|at| read_small(&*systems[at].1.volume, Path::new("/etc/fstab"), MAX_FSTAB));
        let fstab = String::from_utf8_lossy(&fstab.unwrap_or_default()).into_owned();
        let mut mounts = BTreeMap::new();
        for (at, (partition, system)) in systems.into_iter().enumerate() {
            let place = match machine {
                Some(machine) if machine == at => PathBuf::from("/"),
                _ => place(&fstab, &partition, &system).unwrap_or_else(|| unnamed(&partition)),
            };
            // Two that claim one place are both shown.
            let place = if mounts.contains_key(&place) { unnamed(&partition) } else { place };
            mounts.insert(place, system.volume);
        }
        Self(mounts)
    }

    /// The file system that a path lies in, and the path in it.
    fn at(&self, path: &Path) -> io::Result<(&Arc<dyn Volume>, PathBuf)> {
        let mount = path.ancestors().find_map(|above| Some((above, self.0.get(above)?)));
        let (above, volume) = mount.ok_or(io::ErrorKind::NotFound)?;
        Ok((volume, Path::new("/").join(path.strip_prefix(above).unwrap_or(path))))
    }

    /// Names of mount points, and of folders on the way to them, in a folder.
    fn mounted_in<'m>(&'m self, folder: &'m Path) -> impl Iterator<Item = &'m OsStr> {
        self.0.keys().filter_map(move |mount| {
            mount.strip_prefix(folder).ok()?.components().next().map(Component::as_os_str)
        })
    }
}

/// Where an fstab(5) mounts a file system.
fn place(fstab: &str, partition: &Partition, system: &System) -> Option<PathBuf> {
    let is_it = |what: &str| {
        let what = what.replace('"', "");
        let Some((name, value)) = what.split_once('=') else { return false };
        let is = |known: &str| !known.is_empty() && value.eq_ignore_ascii_case(known);
        match name {
            "UUID" => is(&system.uuid),
            "LABEL" => is(&system.label),
            "PARTUUID" => is(&partition.id),
            _ => false,
        }
    };
    let lines = fstab.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut mounts = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?, fields.next()?))
    });
    let (_, place) = mounts.find(|(what, _)| is_it(what))?;
    let place = Path::new(place);
    let plain =
        place.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    (plain && place.parent().is_some()).then(|| place.components().collect())
}

impl Volume for Mounts {
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
        let mut mounted: Vec<&OsStr> = self.mounted_in(folder).collect();
        mounted.sort_unstable();
        mounted.dedup();
        for name in &mounted {
            each(name, Kind::Folder);
        }
        let listed = self.at(folder).and_then(|(volume, inside)| {
            volume.list(&inside, &mut |name, kind| {
                if !mounted.contains(&name) {
                    each(name, kind);
                }
            })
        });
        // A folder that is only on the way to a mount point need not be there.
        if mounted.is_empty() { listed } else { Ok(()) }
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let stat = self.at(path).and_then(|(volume, inside)| volume.stat(&inside));
        if stat.is_err() && self.mounted_in(path).next().is_some() {
            let mode = Some(0o755);
            return Ok(Stat {
                kind: Kind::Folder,
                size: 0,
                mode,
                uid: Some(0),
                links: 1,
                modified: None,
            });
        }
        stat
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let (volume, inside) = self.at(path)?;
        volume.read_link(&inside)
    }

    fn open(&self, path: &Path) -> io::Result<Opened> {
        let (volume, inside) = self.at(path)?;
        volume.open(&inside)
    }
}
