//! The site of a scan: the system this process lives in, another machine's disk below a folder, or a volume.

use std::borrow::Cow;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::volume::{Kind, Stat, Volume, resolve};
use crate::host::Mount;

/// What absolute paths hang on.
#[derive(Clone, Default)]
pub struct Site {
    /// The folder that stands for `/`, links resolved, where another machine's disk is looked at.
    pub machine: Option<PathBuf>,
    /// What is looked at instead of the system's own files; beside a `machine`, only how links in it are resolved.
    pub volume: Option<Arc<dyn Volume>>,
    /// What lies here is copied to every machine that is made from it: an image, a template.
    pub golden: bool,
    /// Names that differ in case only are the same.
    pub any_case: bool,
    /// Owners and modes are made up by whoever mounted the disk.
    pub anonymous: bool,
    /// What the environment puts elsewhere than below the home.
    pub moved: MovedHome,
}

/// Where variables of the caller's environment (`XDG_CONFIG_HOME`, `AWS_CONFIG_FILE`) put what rules name below the home.
#[derive(Clone, Default)]
pub struct MovedHome {
    /// The caller's home; none if no root holds it.
    pub home: Option<PathBuf>,
    /// What was moved.
    pub entries: Vec<MovedEntry>,
}

/// One file or folder that a variable moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedEntry {
    /// Its path below the home, with a final `/` if it is a folder.
    pub from: String,
    /// Where it is.
    pub to: PathBuf,
}

impl MovedEntry {
    fn is_folder(&self) -> bool {
        self.from.ends_with('/')
    }

    /// Whether this file is, or lies beside or below, what was moved.
    fn holds(&self, file: &Path) -> bool {
        let folder = if self.is_folder() { Some(&*self.to) } else { self.to.parent() };
        folder.is_some_and(|folder| file.starts_with(folder))
    }

    /// Where the path below the home is, if it was moved.
    fn place(&self, rest: &str) -> Option<PathBuf> {
        let below = rest.strip_prefix(&*self.from)?;
        if self.is_folder() {
            return Some(self.to.join(below));
        }
        below.is_empty().then(|| self.to.clone())
    }
}

impl MovedHome {
    /// The home of what lies in none, because it was moved.
    pub fn home_of(&self, file: &Path) -> Option<&Path> {
        self.entries.iter().any(|entry| entry.holds(file)).then_some(self.home.as_deref()?)
    }

    /// Whether this home is the caller's, who put this path there.
    pub fn is_of(&self, home: Option<&Path>, path: &Path) -> bool {
        let is_there = |entry: &MovedEntry| {
            path == entry.to || entry.is_folder() && path.starts_with(&entry.to)
        };
        home.is_some() && home == self.home.as_deref() && self.entries.iter().any(is_there)
    }

    /// Where a path below that home may be: what was moved together is looked for together, what was left behind at its old place
    /// first.
    pub fn places(&self, file: &Path, rest: &str, at_home: PathBuf) -> Vec<PathBuf> {
        let place = |entry: &MovedEntry| entry.place(rest);
        let (near, far): (Vec<&MovedEntry>, _) =
            self.entries.iter().partition(|entry| entry.holds(file));
        let near = near.into_iter().filter_map(place);
        near.chain([at_home]).chain(far.into_iter().filter_map(place)).collect()
    }
}

impl Site {
    /// A path as the machine that it belongs to names it, for matching: relative, where a folder stands for `/`.
    pub fn inside<'p>(&self, path: &'p Path) -> &'p Path {
        let inside = self.machine.as_ref().and_then(|machine| path.strip_prefix(machine).ok());
        inside.unwrap_or(path)
    }

    /// A path as the report names it: absolute on the machine that it belongs to.
    pub fn told<'p>(&self, path: &'p Path) -> Cow<'p, Path> {
        match self.machine.as_ref().and_then(|machine| path.strip_prefix(machine).ok()) {
            Some(inside) => Path::new("/").join(inside).into(),
            None => path.into(),
        }
    }

    /// Where a path that the machine names lies.
    pub fn outside(&self, path: &Path) -> PathBuf {
        let Some(machine) = &self.machine else { return path.to_owned() };
        let names = path.components().filter(|part| matches!(part, Component::Normal(_)));
        names.fold(machine.clone(), |whole, name| whole.join(name))
    }

    /// The mount that a path lies on. By what another machine's disk is looked at through (FUSE, a server of evidence) is no fact of
    /// that machine: such a mount is none.
    pub fn mount_around<'m>(&self, path: &Path, mounts: &'m [Mount]) -> Option<&'m Mount> {
        let is_window = |mount: &&Mount| {
            self.machine.as_ref().is_some_and(|machine| machine.starts_with(&mount.path))
        };
        Mount::around(path, mounts).filter(|mount| !is_window(mount))
    }

    /// What files are opened in, if they are not the system's.
    pub fn walked(&self) -> Option<&Arc<dyn Volume>> {
        self.volume.as_ref().filter(|_| self.machine.is_none())
    }

    /// Whether links are those of the machine that scans.
    pub fn is_own(&self) -> bool {
        self.volume.is_none()
    }

    /// Where a path really lies. On another machine's disk links are resolved as that machine would.
    ///
    /// # Errors
    /// What is not there, cannot be read, or leads round in circles.
    pub fn real(&self, path: &Path) -> io::Result<PathBuf> {
        match &self.volume {
            None => path.canonicalize(),
            Some(volume) => Ok(self.outside(&resolve(&**volume, self.inside(path))?)),
        }
    }

    /// What the file system says of an entry; its last component is followed on the system's own disks.
    ///
    /// # Errors
    /// What is not there, or cannot be read.
    pub fn stat(&self, path: &Path) -> io::Result<Stat> {
        match self.walked() {
            None => path.metadata().map(|metadata| Stat::of(&metadata)),
            Some(volume) => volume.stat(path),
        }
    }

    /// Whether a folder is there.
    pub fn is_folder(&self, path: &Path) -> bool {
        self.stat(path).is_ok_and(|stat| stat.kind == Kind::Folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_moved_is_looked_for_together() {
        let entry = |from: &str, to: &str| MovedEntry { from: from.into(), to: to.into() };
        let moved = MovedHome {
            home: Some("/home/kim".into()),
            entries: vec![entry(".config/", "/data/cfg"), entry(".aws/config", "/data/aws/conf")],
        };
        for (file, rest, places) in [
            (
                "/data/cfg/gh/hosts.yml",
                ".config/gh/x",
                &["/data/cfg/gh/x", "/home/kim/.config/gh/x"][..],
            ),
            (
                "/home/kim/.config/gh/h",
                ".config/gh/x",
                &["/home/kim/.config/gh/x", "/data/cfg/gh/x"],
            ),
            ("/data/aws/cred", ".aws/config", &["/data/aws/conf", "/home/kim/.aws/config"]),
            ("/data/cfg/x", ".aws/config", &["/home/kim/.aws/config", "/data/aws/conf"]),
            ("/data/cfg/x", ".aws/config.d", &["/home/kim/.aws/config.d"]),
            ("/data/cfg/x", ".netrc", &["/home/kim/.netrc"]),
        ] {
            let places: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
            let at_home = Path::new("/home/kim").join(rest);
            assert_eq!(moved.places(Path::new(file), rest, at_home), places, "{file} {rest}");
        }
        for (file, home) in [
            ("/data/cfg/x", Some("/home/kim")),
            ("/data/aws/cred", Some("/home/kim")),
            ("/data/x", None),
        ] {
            assert_eq!(moved.home_of(Path::new(file)), home.map(Path::new), "{file}");
        }
    }

    #[test]
    fn what_a_disk_is_looked_at_through_is_no_mount_of_its_machine() {
        let mount = |path: &str, kind: &str| Mount {
            path: path.into(),
            kind: kind.into(),
            device: String::new(),
            shows: "/".into(),
        };
        let mounts = [mount("/", "ext4"), mount("/mnt", "fuse"), mount("/mnt/a/home", "nfs")];
        let own = Site::default();
        let other = Site { machine: Some("/mnt/a".into()), ..Site::default() };
        for (path, seen, inside) in [
            ("/mnt/a/root", Some("fuse"), None),
            ("/mnt/a", Some("fuse"), None),
            ("/mnt/a/home/kim", Some("nfs"), Some("nfs")),
            ("/etc", Some("ext4"), None),
        ] {
            let kind = |site: &Site| {
                site.mount_around(Path::new(path), &mounts).map(|mount| mount.kind.clone())
            };
            assert_eq!(kind(&own).as_deref(), seen, "{path}");
            assert_eq!(kind(&other).as_deref(), inside, "{path}");
        }
    }
}
