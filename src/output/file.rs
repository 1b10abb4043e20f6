//! A report's file: opened before a scan, whole under its name after it, or not there at all.
//!
//! Where the system can, the file has no name while it is being written, so that a scan which is killed leaves nothing behind.
//! The folder is held open: it cannot be swapped for another meanwhile.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;

/// A file that waits for its report.
pub(crate) struct Pending {
    /// As the user is told.
    shown: String,
    to: To,
}

enum To {
    /// A pipe or device: written to as it is.
    Stream(File),
    Replaced {
        folder: folder::Folder,
        path: PathBuf,
        draft: Draft,
    },
}

enum Draft {
    #[cfg(target_os = "linux")]
    Nameless(File),
    Named(NamedTempFile),
}

impl Pending {
    /// Opens the file, for its owner only.
    ///
    /// # Errors
    /// A link, or a folder where everybody may swap files, which is refused; a file that cannot be made.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let shown = crate::output::safe(&path.to_string_lossy());
        let to = open(path, &shown)?;
        Ok(Self { shown, to })
    }

    /// The folder in which it gets its name.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.to {
            To::Stream(_) => None,
            To::Replaced { folder, .. } => Some(folder.path()),
        }
    }

    /// Gives it the mode of the file it will replace, if there is one.
    pub(super) fn keep_mode_of(&self, path: &Path) {
        let To::Replaced { draft, .. } = &self.to else { return };
        let Ok(facts) = path.symlink_metadata() else { return };
        if !facts.is_file() {
            return;
        }
        // Where that cannot be, it stays with its owner.
        let _ = match draft {
            #[cfg(target_os = "linux")]
            Draft::Nameless(file) => file.set_permissions(facts.permissions()),
            Draft::Named(file) => file.as_file().set_permissions(facts.permissions()),
        };
    }

    /// Hands over the file to `write`, then brings it to the disk and gives it its name.
    ///
    /// # Errors
    /// Whatever went wrong; what had the name before then keeps it.
    pub(crate) fn finish(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        let Self { shown, to } = self;
        finish(to, write).map_err(|source| Error::Output { path: shown, source })
    }
}

fn open(path: &Path, shown: &str) -> Result<To, Error> {
    let failed = |source| Error::Output { path: shown.to_owned(), source };
    let refused = |why: &str| Err(Error::Usage(format!("--output {shown}: {why}")));
    // The links of /dev are the system's own, such as /dev/stdout.
    if path.is_symlink() && !path.starts_with("/dev") {
        return refused("is a symbolic link; name the file itself");
    }
    if path.exists() && !path.is_file() {
        return Ok(To::Stream(File::options().write(true).open(path).map_err(failed)?));
    }
    let parent =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder::Folder::open(parent).map_err(failed)?;
    if folder.lets_everybody_swap_files() {
        return refused("everybody may change files in its folder; chmod it, or name another");
    }
    let Some(name) = path.file_name() else { return refused("names no file") };
    let path = folder.path().join(name);
    let draft = draft(&folder).map_err(failed)?;
    Ok(To::Replaced { folder, path, draft })
}

fn draft(folder: &folder::Folder) -> io::Result<Draft> {
    #[cfg(target_os = "linux")]
    if let Some(file) = folder.nameless_file() {
        return Ok(Draft::Nameless(file));
    }
    NamedTempFile::with_prefix_in(".nhi-scan-", folder.path()).map(Draft::Named)
}

fn finish(to: To, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let all = |file: &File| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    };
    match to {
        To::Stream(file) => all(&file),
        To::Replaced { folder, path, draft } => {
            match draft {
                #[cfg(target_os = "linux")]
                Draft::Nameless(file) => {
                    all(&file)?;
                    file.sync_all()?;
                    folder.give_name(&file, &path)?;
                }
                Draft::Named(file) => {
                    all(file.as_file())?;
                    file.as_file().sync_all()?;
                    file.persist(&path)?;
                }
            }
            folder.sync()
        }
    }
}

#[cfg(unix)]
mod folder {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};

    /// An open folder for output files.
    pub(super) struct Folder {
        path: PathBuf,
        handle: File,
    }

    impl Folder {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            let path = path.canonicalize()?;
            let handle = File::open(&path)?;
            if !handle.metadata()?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(Self { path, handle })
        }

        pub(super) fn path(&self) -> &Path {
            &self.path
        }

        /// Writable by everybody, without the bit that keeps files with their owners.
        pub(super) fn lets_everybody_swap_files(&self) -> bool {
            self.handle.metadata().is_ok_and(|facts| facts.mode() & 0o1002 == 0o002)
        }

        /// Names are on the disk too.
        pub(super) fn sync(&self) -> io::Result<()> {
            match self.handle.sync_all() {
                // Some file systems have nothing to do for a folder, and say so.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                synced => synced,
            }
        }
    }

    #[cfg(target_os = "linux")]
    mod linux {
        use std::os::fd::AsRawFd as _;

        use rustix::fs::{AtFlags, CWD, Mode, OFlags};

        use super::{File, Folder, Path, io};

        impl Folder {
            /// None where the file system has no such files, or the system no way to name one later.
            pub(in super::super) fn nameless_file(&self) -> Option<File> {
                let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&self.handle, ".", flags, Mode::RUSR | Mode::WUSR);
                let file = File::from(file.ok()?);
                own_link(&file).exists().then_some(file)
            }

            /// Gives the file a name, in place of what had it: a link cannot replace, a rename can.
            pub(in super::super) fn give_name(&self, file: &File, path: &Path) -> io::Result<()> {
                let mut random = [0; 8];
                getrandom::fill(&mut random).map_err(io::Error::other)?;
                let first = format!(".nhi-scan-{:016x}", u64::from_ne_bytes(random));
                let (folder, link) = (&self.handle, own_link(file));
                rustix::fs::linkat(CWD, &link, folder, &first, AtFlags::SYMLINK_FOLLOW)?;
                let name = path.file_name().unwrap_or_default();
                rustix::fs::renameat(folder, &first, folder, name).map_err(|error| {
                    let _ = rustix::fs::unlinkat(folder, &first, AtFlags::empty());
                    error.into()
                })
            }
        }

        /// `proc_pid_fd(5)`: the way to an open file that has no name.
        fn own_link(file: &File) -> super::PathBuf {
            format!("/proc/self/fd/{}", file.as_raw_fd()).into()
        }
    }
}

#[cfg(not(unix))]
mod folder {
    use std::io;
    use std::path::{Path, PathBuf};

    /// A folder for output files.
    pub(super) struct Folder(PathBuf);

    impl Folder {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            path.canonicalize().map(Self)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }

        #[expect(clippy::unused_self, reason = "other systems have modes")]
        pub(super) fn lets_everybody_swap_files(&self) -> bool {
            false
        }

        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "other systems can fail")]
        pub(super) fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }
}
