//! A folder of this system that is `/` of another machine, as a volume.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::volume::{Kind, Opened, Stat, Volume};
use crate::artifact::handle;

/// A folder that stands for `/`.
pub struct Rooted {
    path: PathBuf,
    handle: handle::Root,
}

impl Rooted {
    /// A folder by its absolute path, links resolved.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), handle: handle::Root::open(path)? })
    }

    fn outside(&self, path: &Path) -> PathBuf {
        self.path.join(relative(path))
    }
}

fn relative(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

impl Volume for Rooted {
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
        for entry in std::fs::read_dir(self.outside(folder))? {
            let entry = entry?;
            each(&entry.file_name(), entry.file_type().map_or(Kind::Special, Kind::of));
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.outside(path).symlink_metadata().map(|metadata| Stat::of(&metadata))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.outside(path).read_link()
    }

    fn open(&self, path: &Path) -> io::Result<Opened> {
        Opened::of(self.handle.open_file(&relative(path))?)
    }
}
