//! Listing one folder, relative to a directory handle so that no component can be swapped for a link on the way.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::volume::{Kind, Opened, Volume};

/// An open folder.
pub(super) enum Dir {
    /// Of the system this process lives in.
    Disk(Handle),
    /// Of a volume.
    Volume(Arc<dyn Volume>, PathBuf),
}

/// An open folder of the system.
pub(super) struct Handle {
    #[cfg(unix)]
    fd: rustix::fd::OwnedFd,
    #[cfg(not(unix))]
    path: PathBuf,
}

impl Dir {
    /// Opens a folder by its absolute path, following links: for roots.
    pub(super) fn open(volume: Option<&Arc<dyn Volume>>, path: &Path) -> io::Result<Self> {
        match volume {
            None => Handle::open(path).map(Self::Disk),
            Some(volume) => Ok(Self::Volume(Arc::clone(volume), path.to_owned())),
        }
    }

    /// Opens a folder by an absolute path whose links were resolved before. What became a link since is refused: any part of the
    /// path where the kernel can promise it, else the last.
    pub(super) fn open_resolved(volume: Option<&Arc<dyn Volume>>, path: &Path) -> io::Result<Self> {
        match volume {
            None => Handle::open_resolved(path).map(Self::Disk),
            Some(_) => Self::open(volume, path),
        }
    }

    /// Opens a folder in this one; a link is refused, and where the kernel can tell, a mount as [`io::ErrorKind::CrossesDevices`].
    pub(super) fn open_in(&self, name: &OsStr) -> io::Result<Self> {
        match self {
            Self::Disk(handle) => handle.open_in(name).map(Self::Disk),
            Self::Volume(volume, path) => Ok(Self::Volume(Arc::clone(volume), path.join(name))),
        }
    }

    /// Opens a folder in this one, also if something is mounted there; a link is refused.
    pub(super) fn open_across(&self, name: &OsStr) -> io::Result<Self> {
        match self {
            Self::Disk(handle) => handle.open_across(name).map(Self::Disk),
            Self::Volume(..) => self.open_in(name),
        }
    }

    /// Whether this folder has an entry of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Disk(handle) => handle.has(name),
            Self::Volume(volume, path) => volume.stat(&path.join(name)).is_ok(),
        }
    }

    /// Opens a file in this folder for reading; a link is refused, a FIFO does not block.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<Opened> {
        match self {
            Self::Disk(handle) => Opened::of(handle.open_file(name)?),
            Self::Volume(volume, path) => volume.open(&path.join(name)),
        }
    }

    /// Whether the file `name` begins with these bytes. Only a regular file is opened.
    pub(super) fn begins_with(&self, name: &str, bytes: &[u8]) -> bool {
        let Ok(mut file) = self.open_file(OsStr::new(name)) else { return false };
        let mut start = vec![0; bytes.len()];
        file.content.read_exact(&mut start).is_ok_and(|()| start == bytes)
    }

    /// Calls `each` for every entry but `.` and `..`.
    pub(super) fn list(&self, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
        match self {
            Self::Disk(handle) => handle.list(each),
            Self::Volume(volume, path) => volume.list(path, each),
        }
    }

    /// Makes it listable again.
    pub(super) fn rewind(&self) -> io::Result<()> {
        match self {
            Self::Disk(handle) => handle.rewind(),
            Self::Volume(..) => Ok(()),
        }
    }
}

#[cfg(unix)]
mod unix {
    #[cfg(target_os = "linux")]
    use std::cell::RefCell;
    use std::fs::File;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    #[cfg(target_os = "linux")]
    use rustix::fs::RawDir;
    use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags};

    use super::{Handle, Kind, OsStr, io};

    /// Room for what the kernel lists at a time, in bytes.
    #[cfg(target_os = "linux")]
    const LISTED_AT_ONCE: usize = 64 * 1024;

    /// Where the next entry would be when there is none: no position in a folder comes after the greatest. ext4 says it of the
    /// last entry (`EXT4_HTREE_EOF_64BIT` in `fs/ext4/ext4.h`), which saves asking once more for nothing.
    #[cfg(target_os = "linux")]
    const NOTHING_AFTER: u64 = i64::MAX.cast_unsigned();

    impl Handle {
        /// Opens a folder by its absolute path, following links: for roots.
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            open_at(rustix::fs::CWD, path.as_os_str(), OFlags::empty())
        }

        /// Opens a folder by an absolute path whose links were resolved before. What became a link since is refused: any part of the
        /// path where the kernel can promise it, else the last.
        pub(super) fn open_resolved(path: &Path) -> io::Result<Self> {
            #[cfg(target_os = "linux")]
            {
                use rustix::fs::ResolveFlags;
                use rustix::io::Errno;

                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let no_links = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
                let open = |flags| {
                    rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), no_links)
                };
                match open(flags | OFlags::NOATIME).or_else(|_| open(flags)) {
                    Err(Errno::NOSYS) => {}
                    opened => return Ok(Self { fd: opened? }),
                }
            }
            open_at(rustix::fs::CWD, path.as_os_str(), OFlags::NOFOLLOW)
        }

        /// Opens a folder in this one; a link is refused, and where the kernel can tell, a mount as [`io::ErrorKind::CrossesDevices`].
        #[cfg(target_os = "linux")]
        pub(super) fn open_in(&self, name: &OsStr) -> io::Result<Self> {
            use rustix::fs::ResolveFlags;
            use rustix::io::Errno;

            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
            let open = |flags| rustix::fs::openat2(&self.fd, name, flags, Mode::empty(), resolve);
            // O_NOATIME leaves no trace, and is refused for folders of others.
            let opened = match open(flags | OFlags::NOATIME) {
                Err(Errno::PERM) => open(flags),
                opened => opened,
            };
            match opened {
                Err(Errno::NOSYS | Errno::INVAL) => self.open_across(name),
                opened => Ok(Self { fd: opened? }),
            }
        }

        /// Opens a folder in this one; a link is refused.
        #[cfg(not(target_os = "linux"))]
        pub(super) fn open_in(&self, name: &OsStr) -> io::Result<Self> {
            self.open_across(name)
        }

        /// Opens a folder in this one, also if something is mounted there; a link is refused.
        pub(super) fn open_across(&self, name: &OsStr) -> io::Result<Self> {
            open_at(&self.fd, name, OFlags::NOFOLLOW)
        }

        /// Whether this folder has an entry of that name.
        pub(super) fn has(&self, name: &str) -> bool {
            rustix::fs::accessat(&self.fd, name, Access::EXISTS, AtFlags::empty()).is_ok()
        }

        /// Opens a file in this folder for reading; a link is refused, a FIFO does not block.
        pub(super) fn open_file(&self, name: &OsStr) -> io::Result<File> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            #[cfg(target_os = "linux")]
            match rustix::fs::openat(&self.fd, name, flags | OFlags::NOATIME, Mode::empty()) {
                // It is refused for files of others.
                Err(rustix::io::Errno::PERM) => {}
                opened => return Ok(opened?.into()),
            }
            Ok(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?.into())
        }

        /// Calls `each` for every entry but `.` and `..`.
        pub(super) fn list(&self, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
            self.entries(&mut |name, listed| {
                if name != b"." && name != b".." {
                    let name = OsStr::from_bytes(name);
                    each(name, self.kind(name, listed));
                }
            })
        }

        /// Makes it listable again.
        pub(super) fn rewind(&self) -> io::Result<()> {
            Ok(rustix::fs::seek(&self.fd, rustix::fs::SeekFrom::Start(0)).map(drop)?)
        }

        /// Straight from the kernel into one buffer a thread: the walk allocates nothing for an entry that it does not want.
        #[cfg(target_os = "linux")]
        fn entries(&self, each: &mut dyn FnMut(&[u8], FileType)) -> io::Result<()> {
            thread_local! {
                static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(LISTED_AT_ONCE));
            }
            let mut buffer = BUFFER.take();
            buffer.reserve(LISTED_AT_ONCE);
            let mut entries = RawDir::new(&self.fd, buffer.spare_capacity_mut());
            let mut listed = Ok(());
            while let Some(entry) = entries.next() {
                match entry {
                    Ok(entry) => {
                        each(entry.file_name().to_bytes(), entry.file_type());
                        if entry.next_entry_cookie() == NOTHING_AFTER {
                            break;
                        }
                    }
                    Err(error) => {
                        listed = Err(error.into());
                        break;
                    }
                }
            }
            BUFFER.replace(buffer);
            listed
        }

        #[cfg(not(target_os = "linux"))]
        fn entries(&self, each: &mut dyn FnMut(&[u8], FileType)) -> io::Result<()> {
            for entry in rustix::fs::Dir::read_from(&self.fd)? {
                let entry = entry?;
                each(entry.file_name().to_bytes(), entry.file_type());
            }
            Ok(())
        }

        fn kind(&self, name: &OsStr, listed: FileType) -> Kind {
            let told = match listed {
                FileType::Unknown => rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                told => told,
            };
            match told {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                _ => Kind::Special,
            }
        }
    }

    fn open_at(folder: impl rustix::fd::AsFd, name: &OsStr, extra: OFlags) -> io::Result<Handle> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | extra;
        // O_NOATIME leaves no trace, and is refused for folders of others.
        #[cfg(target_os = "linux")]
        if let Ok(fd) = rustix::fs::openat(&folder, name, flags | OFlags::NOATIME, Mode::empty()) {
            return Ok(Handle { fd });
        }
        Ok(Handle { fd: rustix::fs::openat(&folder, name, flags, Mode::empty())? })
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs;
    use std::path::Path;

    use super::{Handle, Kind, OsStr, io};

    impl Handle {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            fs::read_dir(path).map(|_| Self { path: path.to_owned() })
        }

        pub(super) fn open_in(&self, name: &OsStr) -> io::Result<Self> {
            Self::open_resolved(&self.path.join(name))
        }

        pub(super) fn open_across(&self, name: &OsStr) -> io::Result<Self> {
            self.open_in(name)
        }

        pub(super) fn open_resolved(path: &Path) -> io::Result<Self> {
            if fs::symlink_metadata(path)?.is_symlink() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Self::open(path)
        }

        #[expect(clippy::unnecessary_wraps, reason = "as where a folder is a handle")]
        pub(super) fn rewind(&self) -> io::Result<()> {
            let Self { path: _ } = self;
            Ok(())
        }

        pub(super) fn has(&self, name: &str) -> bool {
            fs::symlink_metadata(self.path.join(name)).is_ok()
        }

        pub(super) fn open_file(&self, name: &OsStr) -> io::Result<fs::File> {
            let path = self.path.join(name);
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            fs::File::open(path)
        }

        pub(super) fn list(&self, each: &mut dyn FnMut(&OsStr, Kind)) -> io::Result<()> {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                each(&entry.file_name(), entry.file_type().map_or(Kind::Special, Kind::of));
            }
            Ok(())
        }
    }
}
