//! Who lives on a machine: its user databases, read as files.
//!
//! No name service is asked, which would mean a socket or a process: what such services keep as files is read instead.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::parse::{self, Options};
use crate::source::volume::{Kind, Volume, names_in, read_small};

/// Largest user database that is read, in bytes: a hundred thousand users.
const MAX_DATABASE: u64 = 16 << 20;

/// Most records of one user each that are read.
const MAX_RECORDS: usize = 10_000;

/// How many homes are looked at to tell a system.
const MOST_HOMES: usize = 64;

/// Databases in the form of passwd(5): the system's own, those of nss-altfiles and of libnss-extrausers.
const PASSWD: [&str; 3] = ["/etc/passwd", "/usr/lib/passwd", "/var/lib/extrausers/passwd"];

/// Folders of user records in JSON (<https://systemd.io/USER_RECORD/>): `*.user`, and `*.identity` of systemd-homed.
const RECORDS: [&str; 5] = [
    "/etc/userdb",
    "/run/userdb",
    "/usr/local/lib/userdb",
    "/usr/lib/userdb",
    "/var/lib/systemd/home",
];

/// Folders of macOS's local directory: a property list a user.
const DIRECTORY: [&str; 2] =
    ["/var/db/dslocal/nodes/Default/users", "/private/var/db/dslocal/nodes/Default/users"];

/// Folders with a home each, whoever is registered: Linux, macOS and Windows.
const HOMES: [&str; 4] = ["/home", "/var/home", "/Users", "/Documents and Settings"];

/// Homes that no user database names: root's, the skeleton of new ones, those of Windows' own services.
const FURTHER_HOMES: [&str; 8] = [
    "/root",
    "/var/root",
    "/private/var/root",
    "/etc/skel",
    "/Windows/System32/config/systemprofile",
    "/Windows/SysWOW64/config/systemprofile",
    "/Windows/ServiceProfiles/LocalService",
    "/Windows/ServiceProfiles/NetworkService",
];

/// A user of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Home folder, as the machine names it.
    pub home: PathBuf,
}

/// Everyone whom a machine's files name, in their order; of equal names the first counts.
pub fn users(machine: &dyn Volume) -> Vec<User> {
    let read = |path: &Path| read_small(machine, path, MAX_DATABASE);
    let mut found: Vec<User> = Vec::new();
    for path in PASSWD {
        let text = read(Path::new(path)).unwrap_or_default();
        found.extend(passwd(&String::from_utf8_lossy(&text)));
    }
    for (folder, name) in files_in(machine, &RECORDS, &["user", "identity"]) {
        found.extend(read(&folder.join(name)).and_then(|bytes| record(&bytes)));
    }
    for (folder, name) in files_in(machine, &DIRECTORY, &["plist"]) {
        found.extend(read(&folder.join(name)).and_then(|bytes| directory_record(&bytes)));
    }
    let mut known = BTreeSet::new();
    found.retain(|user| known.insert(user.name.clone()));
    found
}

fn files_in<'f>(
    machine: &'f dyn Volume,
    folders: &'f [&str],
    endings: &'f [&str],
) -> impl Iterator<Item = (&'f Path, OsString)> {
    let fits = |name: &OsString| {
        Path::new(name).extension().is_some_and(|ending| endings.iter().any(|it| ending == *it))
    };
    let all = folders.iter().flat_map(move |folder| {
        let names = names_in(machine, Path::new(folder)).into_iter().filter(fits);
        names.map(|name| (Path::new(*folder), name))
    });
    all.take(MAX_RECORDS)
}

/// Users of a passwd(5) text.
pub fn passwd(text: &str) -> Vec<User> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            // `+` and `-` begin what a network service adds.
            let name = fields.next().filter(|name| !name.is_empty())?;
            let name = Some(name).filter(|name| !name.starts_with(['+', '-', '#']))?;
            let uid = fields.nth(1)?.parse().ok()?;
            let home = fields.nth(2).filter(|home| home.starts_with('/'))?;
            Some(User { name: name.into(), uid, home: home.into() })
        })
        .collect()
}

fn document(format: &str, bytes: &[u8]) -> Option<Value> {
    let read = parse::format(format)?.document?;
    read(bytes, Options::default()).ok().map(|document| document.0)
}

/// The user of a JSON user record, whose home may stand in its part for this machine.
fn record(bytes: &[u8]) -> Option<User> {
    let record = document("json", bytes)?;
    let bound = record["binding"].as_object().and_then(|machines| machines.values().next());
    let field = |name: &str| {
        Some(&record[name]).filter(|it| !it.is_null()).or_else(|| bound.map(|bound| &bound[name]))
    };
    let name = record["userName"].as_str()?;
    let uid = u32::try_from(field("uid")?.as_u64()?).ok()?;
    let home = field("homeDirectory").and_then(Value::as_str).map(PathBuf::from);
    let home = home.filter(|home| home.has_root());
    Some(User {
        name: name.into(),
        uid,
        home: home.unwrap_or_else(|| Path::new("/home").join(name)),
    })
}

/// The user of a record of macOS's local directory: every value is an array of texts.
fn directory_record(bytes: &[u8]) -> Option<User> {
    let record = document("plist", bytes)?;
    let first = |name: &str| record.get(name)?.get(0)?.as_str();
    let home = first("home").filter(|home| home.starts_with('/'))?;
    Some(User { name: first("name")?.into(), uid: first("uid")?.parse().ok()?, home: home.into() })
}

/// The homes of a machine, as it names them: of its users, those that lie where homes lie, and those of no user.
pub fn homes(machine: &dyn Volume, users: &[User]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        users.iter().map(|user| user.home.clone()).filter(|home| is_real(home)).collect();
    for folder in HOMES {
        let folder = Path::new(folder);
        found.extend(names_in(machine, folder).into_iter().map(|name| folder.join(name)));
    }
    found.extend(FURTHER_HOMES.map(PathBuf::from));
    found.sort();
    found.dedup();
    found
}

/// `/` and the folders directly below it, which services are given, are no homes; root's is.
pub(crate) fn is_real(home: &Path) -> bool {
    home.components().count() > 2 || home == Path::new("/root")
}

/// Which user ids a machine gives to people (login.defs(5)); systemd's own range of homed users is among them
/// (<https://systemd.io/UIDS-GIDS/>).
pub fn people(machine: &dyn Volume) -> Vec<RangeInclusive<u32>> {
    let text = read_small(machine, Path::new("/etc/login.defs"), MAX_DATABASE)
        .or_else(|| read_small(machine, Path::new("/usr/etc/login.defs"), MAX_DATABASE))
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let limit = |name: &str, otherwise: u32| {
        let mut words = text.lines().map(str::split_whitespace);
        let told = words.find_map(|mut words| (words.next()? == name).then(|| words.next())?);
        told.and_then(number).unwrap_or(otherwise)
    };
    // macOS begins at 501.
    let least = if is_macos(machine) { 501 } else { 1000 };
    vec![limit("UID_MIN", least)..=limit("UID_MAX", 60_000), 60_001..=60_513]
}

/// Whether a machine runs macOS, or only its homes were copied.
pub(crate) fn is_macos(machine: &dyn Volume) -> bool {
    let is_folder = |path: &Path| machine.stat(path).is_ok_and(|stat| stat.kind == Kind::Folder);
    let users = Path::new("/Users");
    let has_library = || {
        let homes = names_in(machine, users).into_iter().take(MOST_HOMES);
        homes.map(|name| users.join(name).join("Library")).any(|library| is_folder(&library))
    };
    is_folder(Path::new("/System/Library")) || has_library()
}

/// A number as login.defs(5) writes it: decimal, octal or hexadecimal.
fn number(text: &str) -> Option<u32> {
    match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
        (_, Some(octal)) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::source::volume::tests::Sketch;

    fn user(name: &str, uid: u32, home: &str) -> User {
        User { name: name.into(), uid, home: home.into() }
    }

    #[test]
    fn passwd_lines_are_read() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbad\n+@staff::::::\n:x:1:1::/x:\nu:x:1000:1000:,,,:/home/u:/bin/sh\n";
        assert_eq!(passwd(text), [user("root", 0, "/root"), user("u", 1000, "/home/u")]);
    }

    #[test]
    fn users_of_every_database_are_known_once() {
        let plist = r#"<plist version="1.0"><dict><key>name</key><array><string>dana</string></array>
            <key>uid</key><array><string>501</string></array><key>home</key><array><string>/Users/dana</string></array></dict></plist>"#;
        let machine = Sketch(BTreeMap::from([
            ("/etc/passwd", (Kind::Link, "/etc/static/passwd")),
            ("/etc/static/passwd", (Kind::File, "kim:x:1000:1000::/home/kim:/bin/sh\n")),
            (
                "/usr/lib/passwd",
                (Kind::File, "kim:x:1:1::/other:/bin/sh\ncore:x:1001:1::/var/home/core:/bin/sh\n"),
            ),
            ("/etc/userdb/lee.user", (Kind::File, r#"{"userName": "lee", "uid": 60100}"#)),
            (
                "/var/lib/systemd/home/mia.identity",
                (
                    Kind::File,
                    r#"{"userName": "mia", "binding": {"m": {"uid": 60101, "homeDirectory": "/home/mia"}}}"#,
                ),
            ),
            ("/etc/userdb/broken.user", (Kind::File, "{")),
            ("/var/db/dslocal/nodes/Default/users/dana.plist", (Kind::File, plist)),
            ("/home/left", (Kind::Folder, "")),
        ]));
        let found = users(&machine);
        let expected = [
            user("kim", 1000, "/home/kim"),
            user("core", 1001, "/var/home/core"),
            user("lee", 60100, "/home/lee"),
            user("mia", 60101, "/home/mia"),
            user("dana", 501, "/Users/dana"),
        ];
        assert_eq!(found, expected);
        let homes = homes(&machine, &found);
        for home in ["/home/kim", "/home/left", "/var/home/core", "/Users/dana", "/etc/skel"] {
            assert!(homes.contains(&PathBuf::from(home)), "{home}");
        }
    }

    #[test]
    fn people_are_told_by_the_limits_of_the_machine() {
        for (text, uid, expected) in [
            ("", 999, false),
            ("", 1000, true),
            ("", 60_513, true),
            ("", 65_534, false),
            ("# UID_MIN 1\nUID_MIN\t500\nUID_MAX 0x1FF\n", 500, true),
            ("UID_MIN 500\nUID_MAX 0777\n", 512, false),
        ] {
            let machine = Sketch(BTreeMap::from([("/etc/login.defs", (Kind::File, text))]));
            let is_one = people(&machine).iter().any(|range| range.contains(&uid));
            assert_eq!(is_one, expected, "{uid} by {text:?}");
        }
    }
}
