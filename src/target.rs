//! What a scan is asked for: paths of this machine, everyone's homes, or another machine's disk.

use std::collections::HashSet;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::CommandFactory as _;

use crate::artifact::reason_of;
use crate::cli::{Cli, ScanArgs};
use crate::error::{Error, plain};
use crate::host::{Homes, Host};
use crate::report::{SkipReason, Skipped};
use crate::rule::places::Places;
use crate::source::disk::Disk;
use crate::source::foreign::{BEGINNING, Foreign};
use crate::source::image;
use crate::source::rooted::Rooted;
use crate::source::site::{MovedHome, Site};
use crate::source::volume::{Volume, names_in};
use crate::users::{self, User};

/// What is asked for.
pub struct Target {
    /// What absolute paths hang on.
    pub site: Site,
    /// Who lives there.
    pub users: Vec<User>,
    /// Which folders are homes.
    pub homes: Homes,
    /// Where to look: absolute, links resolved, none inside another.
    pub asked: Vec<PathBuf>,
    /// What cannot be looked at.
    pub skipped: Vec<Skipped>,
    /// The image that is scanned instead of folders.
    pub image: Option<Image>,
}

/// An image that was asked for.
pub enum Image {
    /// Of a container.
    Layers(image::Source),
    /// Of a disk.
    Disk(Disk),
}

impl Target {
    /// Finds out.
    ///
    /// # Errors
    /// A path that is not there, a root that is no folder.
    pub fn new(args: &ScanArgs, host: &Host, places: &Places) -> Result<Self, Error> {
        let mut target = match &args.root {
            Some(root) => Self::machine(root)?,
            None => Self {
                site: Site::default(),
                users: host.users.clone(),
                homes: Homes::of(host),
                asked: Vec::new(),
                skipped: Vec::new(),
                image: None,
            },
        };
        if let Some(image) = &args.image {
            target.image = Some(open_image(image)?);
            target.site.golden = true;
            target.asked = vec![image.canonicalize().unwrap_or_else(|_| image.clone())];
        } else if args.all_homes {
            target.ask_for_homes(host, places)?;
        } else if args.root.is_none() {
            target.asked = asked(args, host)?;
        }
        Ok(target)
    }

    /// Another machine's disk.
    fn machine(root: &Path) -> Result<Self, Error> {
        let root = root.canonicalize().map_err(|error| cannot_scan(root, &error))?;
        if !root.is_dir() {
            return Err(cannot_scan(&root, &io::ErrorKind::NotADirectory.into()));
        }
        let volume = Rooted::open(&root).map_err(|error| cannot_scan(&root, &error))?;
        let users = users::users(&volume);
        let homes = users::homes(&volume, &users);
        let anonymous = is_windows(&volume);
        let site = Site {
            machine: Some(root.clone()),
            anonymous,
            moved: MovedHome::default(),
            any_case: anonymous || users::is_macos(&volume),
            volume: Some(Arc::new(volume)),
            golden: true,
        };
        let homes = Homes::at(&site, &homes);
        Ok(Self { site, users, homes, asked: vec![root], skipped: Vec::new(), image: None })
    }

    /// Everyone's homes: those of root and of people, and those that somebody left behind where homes lie. None twice, and none
    /// that lies on another machine.
    fn ask_for_homes(&mut self, host: &Host, places: &Places) -> Result<(), Error> {
        let own = || Rooted::open(Path::new("/")).map(|own| Arc::new(own) as Arc<dyn Volume>);
        let machine = self.site.volume.clone().map_or_else(own, Ok);
        let machine = machine.map_err(|error| cannot_scan(Path::new("/"), &error))?;
        let people = users::people(&*machine);
        let is_person = |uid: u32| uid == 0 || people.iter().any(|range| range.contains(&uid));
        let (people, strangers): (Vec<&User>, Vec<&User>) =
            self.users.iter().partition(|user| is_person(user.uid));
        let homes_of = |users: Vec<&User>| -> HashSet<PathBuf> {
            users.into_iter().map(|user| user.home.clone()).collect()
        };
        let (registered, strange) = (homes_of(people), homes_of(strangers));
        let mut seen = HashSet::new();
        self.asked.clear();
        for home in users::homes(&*machine, &self.users) {
            if !registered.contains(&home) && (strange.contains(&home) || !lies_with_homes(&home)) {
                continue;
            }
            let path = self.site.outside(&home);
            // Before anything there is touched: that alone could mount it, or wait for a server that is gone.
            if is_elsewhere(&self.site, &path, host, places) {
                self.skipped.push(Skipped::new(&home, SkipReason::NetworkMount));
                continue;
            }
            match self.site.real(&path) {
                Ok(real) if is_elsewhere(&self.site, &real, host, places) => {
                    self.skipped.push(Skipped::new(&home, SkipReason::NetworkMount));
                }
                Ok(real) => {
                    if self.site.is_folder(&real) && seen.insert(identity(&real)) {
                        self.asked.push(real);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.skipped.push(Skipped::new(&home, reason_of(&error))),
            }
        }
        outermost(&mut self.asked);
        Ok(())
    }
}

/// Whether a folder is a home by where it lies: below `home` or `Users`, or root's.
fn lies_with_homes(home: &Path) -> bool {
    Homes::default().is_home(home) && !home.ends_with("lost+found")
}

/// Whether a place lies on another machine, or behind a mount that would be made by looking.
fn is_elsewhere(site: &Site, path: &Path, host: &Host, places: &Places) -> bool {
    let around = site.mount_around(path, &host.mounts);
    around.is_some_and(|mount| places.filesystems.is_elsewhere(&mount.kind))
}

/// What is the same for all paths of a folder.
#[cfg(unix)]
fn identity(folder: &Path) -> (u64, u64, PathBuf) {
    use std::os::unix::fs::MetadataExt as _;
    match folder.metadata() {
        Ok(facts) => (facts.dev(), facts.ino(), PathBuf::new()),
        Err(_) => (0, 0, folder.to_owned()),
    }
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> PathBuf {
    folder.to_owned()
}

/// Windows, whose file systems have owners of their own kind: whoever mounts one makes up mode and owner. Told by its folders, or
/// by those of a profile where only these were copied.
pub(crate) fn is_windows(machine: &dyn Volume) -> bool {
    let names_in = |folder: &Path| -> Vec<String> {
        let names = names_in(machine, folder);
        names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
    };
    let find = |names: &[String], name: &str| {
        names.iter().find(|known| known.eq_ignore_ascii_case(name)).cloned()
    };
    let top = names_in(Path::new("/"));
    let Some(users) = find(&top, "Users") else { return false };
    let users = Path::new("/").join(users);
    let has_profile = || {
        let profiles = names_in(&users).into_iter().take(MOST_PROFILES);
        profiles.map(|name| users.join(name)).any(|it| find(&names_in(&it), "AppData").is_some())
    };
    find(&top, "etc").is_none()
        && (["Windows", "ProgramData"].iter().any(|name| find(&top, name).is_some())
            || has_profile())
}

/// How many profiles are looked at to tell a system.
const MOST_PROFILES: usize = 64;

/// The image is the caller's, and only its beginning is read here.
fn open_image(path: &Path) -> Result<Image, Error> {
    let failed = |error: io::Error| cannot_scan(path, &error);
    if path == Path::new("-") {
        return pipe(path, Box::new(io::stdin()));
    }
    if path.is_dir() {
        let is_layout =
            ["index.json", "manifest.json"].iter().any(|name| path.join(name).is_file());
        if is_layout {
            return image::Source::folder(path).map(Image::Layers).map_err(failed);
        }
        return Err(no_image(
            path,
            "no `docker save` archive or OCI layout was unpacked there; for a folder that is `/` there is `--root`",
        ));
    }
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(no_image(
                path,
                "no such file or folder; an image in a registry or engine is handed over by `skopeo copy docker://NAME oci-archive:FILE`, or by `docker save NAME | nhi-scan --image -`",
            ));
        }
        opened => opened.map_err(failed)?,
    };
    if is_pipe(&file.metadata().map_err(failed)?) {
        return pipe(path, Box::new(file));
    }
    let start = beginning(&mut file).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let disk = file.try_clone().ok().and_then(|file| Disk::of(file, &start));
    if let Some(disk) = disk {
        return Ok(Image::Disk(disk));
    }
    if let Some(foreign) = Foreign::of(&start) {
        return Err(not_read_here(path, foreign));
    }
    image::Source::file(path, file, &start).map(Image::Layers).map_err(|_| unknown(path, &start))
}

/// What comes through a pipe is looked at from front to back: no disk can be.
fn pipe(path: &Path, mut from: Box<dyn io::Read + Send>) -> Result<Image, Error> {
    let start = beginning(&mut from).map_err(|error| cannot_scan(path, &error))?;
    if let Some(foreign) = Foreign::of(&start) {
        return Err(not_read_here(path, foreign));
    }
    let source = image::Source::pipe(from, &start);
    source.map(Image::Layers).map_err(|_| unknown(path, &start))
}

fn beginning(from: &mut impl io::Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    from.take(BEGINNING as u64).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(unix)]
fn is_pipe(facts: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    !facts.is_file() && !facts.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_pipe(facts: &std::fs::Metadata) -> bool {
    !facts.is_file()
}

fn not_read_here(path: &Path, foreign: &Foreign) -> Error {
    let name = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-+@".contains(c);
    let is_word = !name.starts_with('-') && name.chars().all(is_plain);
    let instead = foreign.instead.replace("FILE", if is_word { &name } else { "FILE" });
    no_image(path, &format!("{} is not read here: {instead}", foreign.name))
}

/// What is neither read nor known.
fn unknown(path: &Path, start: &[u8]) -> Error {
    let is_disk = start.get(510..512) == Some(&[0x55, 0xAA]) || start.starts_with(b"QFI\xFB");
    let why = match start {
        [] => "it is empty",
        [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] => {
            "what is compressed in it is no archive; a disk is unpacked first"
        }
        _ if is_disk => "a disk cannot be read from a pipe; name its file",
        _ => {
            "neither an archive of `docker save`, of an OCI layout or of a machine's files, nor a disk image that is read here"
        }
    };
    no_image(path, why)
}

fn no_image(path: &Path, why: &str) -> Error {
    Error::Usage(format!("cannot scan {}: {why}", path.to_string_lossy().escape_debug()))
}

/// The asked paths, links resolved, none inside another.
fn asked(args: &ScanArgs, host: &Host) -> Result<Vec<PathBuf>, Error> {
    let home = || {
        host.home.clone().ok_or_else(|| Error::Usage("your home is not known: name a PATH".into()))
    };
    let wishes = if args.paths.is_empty() { vec![home()?] } else { args.paths.clone() };
    let mut paths = Vec::new();
    for wish in wishes {
        paths.push(wish.canonicalize().map_err(|error| cannot_scan(&wish, &error))?);
    }
    outermost(&mut paths);
    Ok(paths)
}

fn outermost(paths: &mut Vec<PathBuf>) {
    paths.sort();
    paths.dedup_by(|inner, outer| inner.starts_with(outer));
}

/// Says so, and what was probably meant: flags before a command make its name a path.
pub(crate) fn cannot_scan(wish: &Path, error: &io::Error) -> Error {
    let name = wish.to_string_lossy();
    let is_command = Cli::command().get_subcommands().any(|command| command.get_name() == name);
    let hint = if is_command {
        format!(" (the flags of a command come after it: `nhi-scan {name} … FLAGS`)")
    } else {
        String::new()
    };
    Error::Usage(format!("cannot scan {}: {}{hint}", name.escape_debug(), plain(error)))
}
