//! Facts about this machine: the one door to environment, users, clock, mounts and randomness.
//!
//! Everything below receives a [`Host`], so a test can say when and where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

#[cfg(unix)]
use crate::source::rooted::Rooted;
use crate::source::site::Site;
use crate::users::{self, User};

/// The machine and the caller, as a scan may know them.
#[derive(Clone)]
pub struct Host {
    /// `linux`, `macos`, `windows`, …
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Host name.
    pub name: Option<String>,
    /// The machine's own id; only a keyed hash of it is ever told.
    pub machine_id: Option<String>,
    /// The caller's user name.
    pub user: Option<String>,
    /// The caller's effective user id.
    pub uid: Option<u32>,
    /// The caller's home.
    pub home: Option<PathBuf>,
    /// The environment. Values may be secrets.
    pub env: BTreeMap<String, String>,
    /// Users of the machine.
    pub users: Vec<User>,
    /// Mounted file systems.
    pub mounts: Vec<Mount>,
    /// The clock, or `SOURCE_DATE_EPOCH`.
    pub now: Timestamp,
    /// Fresh randomness for keys and ids of this scan.
    pub random: [u8; 64],
    /// Number of processors.
    pub processors: usize,
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub path: PathBuf,
    /// Type, as the kernel names it.
    pub kind: String,
    /// Number of the device that holds it.
    pub device: String,
    /// Which folder of that device is seen there; another than `/` for a bind mount.
    pub shows: PathBuf,
}

impl Mount {
    /// Whether this mount shows a folder that lies above it and below `root`: a bind mount that leads back to where one came from.
    pub fn leads_back(&self, root: &Path, mounts: &[Self]) -> bool {
        let sources =
            mounts.iter().filter(|mount| mount.device == self.device).filter_map(|mount| {
                let source = mount.path.join(self.shows.strip_prefix(&mount.shows).ok()?);
                // Another mount may hide that place.
                let seen = Self::around(&source, mounts)?;
                std::ptr::eq(seen, mount).then_some(source)
            });
        let above = |source: &PathBuf| {
            source.starts_with(root) && self.path.starts_with(source) && self.path != *source
        };
        sources.into_iter().any(|source| above(&source))
    }

    /// The mount that a path lies on: of two on one place the later, which is the one that is seen.
    pub fn around<'m>(path: &Path, mounts: &'m [Self]) -> Option<&'m Self> {
        let around = mounts.iter().filter(|mount| path.starts_with(&mount.path));
        around.max_by_key(|mount| mount.path.as_os_str().len())
    }
}

impl Host {
    /// Reads this machine.
    ///
    /// # Errors
    /// When `SOURCE_DATE_EPOCH` is not a number of seconds, or the system gives no randomness.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one door to environment, clock and system files"
    )]
    pub fn read() -> Result<Self, String> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let users = own_users();
        let uid = uid();
        let now = match env.get("SOURCE_DATE_EPOCH") {
            None => Timestamp::now(),
            Some(text) => text
                .parse()
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or("SOURCE_DATE_EPOCH is not a number of seconds since 1970")?,
        };
        let mut random = [0; 64];
        getrandom::fill(&mut random).map_err(|_| "the system gives no randomness")?;
        Ok(Self {
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            name: host_name(),
            machine_id: ["/etc/machine-id", "/var/lib/dbus/machine-id"]
                .into_iter()
                .find_map(read)
                .map(|id| id.trim().to_owned())
                .filter(|id| !id.is_empty()),
            user: users
                .iter()
                .find(|user| Some(user.uid) == uid)
                .map(|user| user.name.clone())
                .or_else(|| env.get("USER").or_else(|| env.get("USERNAME")).cloned()),
            uid,
            home: etcetera::home_dir().ok().filter(|home| home.is_absolute()),
            env,
            users,
            mounts: read("/proc/self/mountinfo").map(|text| mounts(&text)).unwrap_or_default(),
            now,
            random,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }
}

#[cfg(unix)]
fn own_users() -> Vec<User> {
    Rooted::open(Path::new("/")).map(|own| users::users(&own)).unwrap_or_default()
}

#[cfg(not(unix))]
fn own_users() -> Vec<User> {
    Vec::new()
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no user ids")]
fn uid() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "the one door to the environment")]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// Mounts of a `/proc/self/mountinfo` text (proc(5): fields 3 to 5 are the device, the folder of it that is seen, and where, with
/// octal escapes; the type follows ` - `).
pub fn mounts(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut fields = before.split(' ').skip(2);
            Some(Mount {
                device: fields.next()?.to_owned(),
                shows: unescape_octal(fields.next()?).into(),
                path: unescape_octal(fields.next()?).into(),
                kind: after.split(' ').next()?.to_owned(),
            })
        })
        .collect()
}

fn unescape_octal(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) if code.is_ascii() => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

/// Which folders are homes, and whose file a path is.
#[derive(Clone, Debug, Default)]
pub struct Homes {
    known: BTreeSet<OsString>,
}

impl Homes {
    /// The users' homes and the caller's. `/` and the folders that services are given are none.
    pub fn of(host: &Host) -> Self {
        let homes = host.users.iter().map(|user| user.home.clone());
        let real = host.home.as_ref().and_then(|home| home.canonicalize().ok());
        let homes = homes.filter(|home| users::is_real(home)).chain(host.home.clone()).chain(real);
        Self { known: homes.map(|home| normal(&home)).collect() }
    }

    /// The homes of another machine, as it names them.
    pub fn at(site: &Site, homes: &[PathBuf]) -> Self {
        let named = homes.iter().map(|home| site.outside(home));
        let real = homes.iter().filter_map(|home| site.real(&site.outside(home)).ok());
        Self { known: named.chain(real).map(|home| normal(&home)).collect() }
    }

    /// Whether this folder is a home: of a user here, or by its place (`home/*`, `Users/*`, `root`) on any mounted disk; also the
    /// home that a snap or a flatpak gives its program inside one.
    pub fn is_home(&self, folder: &Path) -> bool {
        // Both are absolute and normal: their bytes say it, without a look at each component.
        if self.known.contains(folder.as_os_str()) {
            return true;
        }
        let mut parts =
            folder.components().rev().map(|part| part.as_os_str().to_str().unwrap_or(""));
        let mut part = || parts.next().unwrap_or("");
        let within = || folder.ancestors().nth(3).is_some_and(|home| self.is_home(home));
        match (part(), part(), part()) {
            ("root", ..) | ("skel", "etc", _) | (_, "home" | "Documents and Settings", _) => true,
            (_, above, _) if above.eq_ignore_ascii_case("users") => true,
            (revision, _, "snap") => is_revision(revision) && within(),
            (_, "app", ".var") => within(),
            _ => false,
        }
    }

    /// The homes at or below a folder: those of users here, and those that lie in it by their place.
    pub fn below(&self, folder: &Path) -> Vec<PathBuf> {
        if self.is_home(folder) {
            return vec![folder.to_owned()];
        }
        let mut homes: Vec<PathBuf> = self
            .known
            .iter()
            .map(PathBuf::from)
            .filter(|home| home.starts_with(folder) && home.is_dir())
            .collect();
        for parent in [folder.to_owned(), folder.join("home"), folder.join("Users")] {
            let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
            homes.extend(entries.map(|entry| entry.path()).filter(|path| self.is_home(path)));
        }
        homes.sort();
        homes.dedup_by(|inner, outer| inner.starts_with(outer));
        homes
    }

    /// The homes that snaps and flatpaks give their programs inside this one.
    pub fn sandboxes(&self, home: &Path) -> Vec<PathBuf> {
        let inside = |folder: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.map(|entry| entry.path()).collect()
        };
        let snaps = inside(&home.join("snap")).into_iter().flat_map(|snap| inside(&snap));
        let mut homes: Vec<PathBuf> = snaps.chain(inside(&home.join(".var/app"))).collect();
        homes.retain(|folder| self.is_home(folder));
        homes.sort();
        homes
    }

    /// The innermost home that holds this path.
    pub fn home_of<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.ancestors().skip(1).find(|folder| self.is_home(folder))
    }
}

/// A path without what says nothing: a `/` at its end, or twice.
fn normal(path: &Path) -> OsString {
    path.components().collect::<PathBuf>().into()
}

/// What stands below `~/snap/NAME`: a folder for each revision (`x1` for one that was built here) and one for all.
fn is_revision(name: &str) -> bool {
    let number = name.strip_prefix('x').unwrap_or(name);
    name == "common" || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_files_are_read() {
        let text = "36 35 98:0 / /mnt/my\\040disk rw,noatime master:1 - fuse.sshfs host: rw\n";
        let expected = Mount {
            path: "/mnt/my disk".into(),
            kind: "fuse.sshfs".into(),
            device: "98:0".into(),
            shows: "/".into(),
        };
        assert_eq!(mounts(text), [expected]);
    }

    #[test]
    fn a_mount_that_leads_back_is_known() {
        let text = "1 0 8:0 / / rw - ext4 a rw\n2 1 8:0 /home/u /home/u/again rw - ext4 a rw\n\
                    3 1 8:0 /srv/data /home/u/data rw - ext4 a rw\n4 1 8:0 / /home/u/all rw - ext4 a rw\n\
                    5 1 8:1 / /disk rw - ext4 b rw\n6 1 8:0 /disk /disk/old rw - ext4 a rw\n\
                    7 1 8:1 /in /disk/in/side rw - ext4 b rw\n";
        let mounts = mounts(text);
        let back = |root: &str| -> Vec<usize> {
            let root = Path::new(root);
            (0..mounts.len()).filter(|at| mounts[*at].leads_back(root, &mounts)).collect()
        };
        // `/disk` of the first device is hidden by the second.
        assert_eq!(back("/"), [1, 3, 6]);
        assert_eq!(back("/home/u"), [1]);
        assert_eq!(back("/home/u/again"), Vec::<usize>::new());
    }

    #[test]
    fn homes_are_known_by_user_or_place() {
        let homes = Homes { known: BTreeSet::from([normal(Path::new("/data//kim/"))]) };
        for (folder, expected) in [
            ("/data/kim", true),
            ("/home/u", true),
            ("/mnt/old/Users/u", true),
            ("/root", true),
            ("/etc/skel", true),
            ("/mnt/c/users/u", true),
            ("/home", false),
            ("/home/u/project", false),
            ("/home/u/snap/gh/12", true),
            ("/data/kim/snap/gh/x1", true),
            ("/home/u/snap/gh/common", true),
            ("/home/u/snap/gh", false),
            ("/home/u/snap/gh/current", false),
            ("/srv/snap/gh/12", false),
            ("/home/u/.var/app/io.x.Y", true),
            ("/srv/.var/app/io.x.Y", false),
        ] {
            assert_eq!(homes.is_home(Path::new(folder)), expected, "{folder}");
        }
        assert_eq!(homes.home_of(Path::new("/home/u/.aws/x")), Some(Path::new("/home/u")));
        assert_eq!(homes.home_of(Path::new("/srv/x")), None);
    }
}
