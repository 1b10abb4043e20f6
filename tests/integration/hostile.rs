//! A machine laid out to hurt the scan: it ends, finds what is good beside the bad, and names what is bad with its reason.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nhi_scan::rule::load::RuleSet;
use serde_json::Value;

use crate::kinds::{KINDS, Kind, NAMES, Told, deep, put};
use crate::machine::{GOOD, Machine, PROGRAM, findings_below, report, skips_of};

/// A user without rights on anything, to whom this machine is given when root runs the tests.
const NOBODY: u32 = 65534;

/// A scan that takes longer hangs: without optimisation, on a machine with other work, seconds become minutes.
const PATIENCE: Duration = Duration::from_mins(8);

/// One home for each kind, and for each name.
struct Hostile {
    machine: Machine,
    /// Those that could be made here.
    kinds: Vec<&'static Kind>,
    homes: PathBuf,
}

/// Makes the homes; gives the kinds that could be made.
fn lay_out(homes: &Path) -> Vec<&'static Kind> {
    for name in NAMES.iter().map(|name| homes.join(OsStr::from_bytes(name))) {
        fs::create_dir_all(name.join(".docker")).unwrap();
        put(&name.join(".docker/config.json"), "{");
        put(&name.join(".vault-token"), GOOD);
    }
    KINDS.iter().filter(|kind| kind.lay_out(&homes.join(kind.name))).collect()
}

/// Leaves the machine in the folder that `NHI_SCAN_HOSTILE` names, for whoever would measure a scan of it.
#[test]
#[ignore = "for measurements"]
fn leave_a_hostile_machine() {
    let Some(folder) = std::env::var_os("NHI_SCAN_HOSTILE").map(PathBuf::from) else { return };
    println!("{} kinds", lay_out(&folder.join("home")).len());
}

impl Hostile {
    fn new() -> Self {
        let machine = Machine::new();
        fs::remove_dir(machine.home()).unwrap();
        let homes = machine.root.join("home");
        Self { kinds: lay_out(&homes), machine, homes }
    }

    fn as_root(&self) -> assert_cmd::Command {
        let mut program = self.machine.program();
        program.timeout(PATIENCE);
        program
    }

    fn place(&self, kind: &Kind) -> PathBuf {
        match kind.told {
            // The folder behind which it is too deep.
            _ if kind.at.is_empty() => {
                (0..512).fold(self.homes.join(kind.name), |path, _| path.join("d"))
            }
            _ => self.homes.join(kind.name).join(kind.at),
        }
    }

    /// Everything that is not as it should be told.
    fn wrong(&self, report: &Value, modes_bind: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for kind in &self.kinds {
            let place = self.place(kind);
            let skips = skips_of(report, &place);
            let found = findings_below(report, &place).len();
            let (reason, findings) = match kind.told {
                Told::Skip(reason) | Told::IfMade(reason) => (Some(reason), 0),
                Told::Closed if modes_bind => (Some("permission-denied"), 0),
                Told::Nothing => (None, 0),
                Told::Found(count) => (None, count),
                Told::Closed => continue,
            };
            if skips != Vec::from_iter(reason) || found != findings {
                let name = kind.name;
                wrong.push(format!("{name}: {reason:?} {findings}; was {skips:?} {found}"));
            }
        }
        for home in fs::read_dir(&self.homes).unwrap().map(|entry| entry.unwrap().path()) {
            let good = home.join(".vault-token");
            if findings_below(report, Path::new(&*good.to_string_lossy())).len() != 1 {
                wrong.push(format!("{:.60}: no good cache", home.display().to_string()));
            }
        }
        for name in NAMES {
            let bad = self.homes.join(OsStr::from_bytes(name)).join(".docker/config.json");
            if skips_of(report, &bad) != ["malformed"] {
                wrong.push(format!("{:.60}: not told", bad.display().to_string()));
            }
        }
        let skipped = report["coverage"]["skipped"].as_array().unwrap();
        wrong.extend(
            skipped.iter().filter(|skip| skip["reason"] == "internal").map(Value::to_string),
        );
        wrong
    }
}

#[test]
fn a_hostile_machine_is_scanned() {
    assert!(KINDS.len() + NAMES.len() >= 100, "{} kinds", KINDS.len() + NAMES.len());
    let hostile = Hostile::new();
    let root = rustix::process::geteuid().is_root();
    if root {
        println!("{} kinds and {} names, as root", hostile.kinds.len(), NAMES.len());
        let output = hostile.as_root().arg(&hostile.homes).args(["--format", "json"]).output();
        assert_eq!(hostile.wrong(&report(&output.unwrap()), false), Vec::<String>::new());
    }
    let user = User::without_rights(&hostile);
    let run = |args: &[&str]| user.run(args);
    let told = report(&run(&["--format", "json"]));
    assert_eq!(hostile.wrong(&told, true), Vec::<String>::new());
    assert_eq!(told["coverage"]["complete"], false);
    assert_tells_names(&told, &hostile);
    for (args, status) in
        [(&["-vv", "--all", "--no-env"][..], 0), (&["--format", "ndjson", "--require-complete"], 3)]
    {
        let output = run(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}");
        assert_harmless(&output.stdout);
        assert_harmless(&output.stderr);
    }
    let told = report(&run(&["--thorough", "--format", "json"]));
    assert_eq!(hostile.wrong(&told, true), Vec::<String>::new());
    hostile.open();
}

/// Token shapes are looked for in everything: the same machine, with more to stumble over.
#[test]
fn a_hostile_machine_is_scanned_deeply() {
    let hostile = Hostile::new();
    let report =
        hostile.as_root().arg(&hostile.homes).args(["--deep", "--format", "json"]).output();
    let report = report_of(report);
    let internal = report["coverage"]["skipped"].as_array().unwrap().iter();
    assert_eq!(internal.filter(|skip| skip["reason"] == "internal").count(), 0);
    for home in fs::read_dir(&hostile.homes).unwrap().map(|entry| entry.unwrap().path()) {
        let good = home.join(".vault-token");
        let found = findings_below(&report, Path::new(&*good.to_string_lossy()));
        assert!(!found.is_empty(), "{}", home.display());
    }
    hostile.open();
}

fn report_of(output: std::io::Result<Output>) -> Value {
    report(&output.unwrap())
}

impl Hostile {
    /// Opens what is closed, so that it can be removed.
    fn open(&self) {
        for kind in self.kinds.iter().filter(|kind| kind.told == Told::Closed) {
            let place = self.place(kind);
            for path in [place.parent().unwrap(), &place] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
            }
        }
    }
}

/// A path that is not UTF-8 is told whole.
fn assert_tells_names(report: &Value, hostile: &Hostile) {
    for name in NAMES.iter().filter(|name| std::str::from_utf8(name).is_err()) {
        let path = hostile.homes.join(OsStr::from_bytes(name)).join(".vault-token");
        let encoded = Value::from(STANDARD.encode(path.as_os_str().as_bytes()));
        let findings = report["findings"].as_array().unwrap().iter();
        let told = findings.filter(|finding| finding["location"]["path_base64"] == encoded);
        assert_eq!(told.count(), 1, "{}", path.display());
    }
}

/// A folder of the name of each file that a rule asks for, and a file of the name of each folder.
#[test]
fn folders_named_like_files_and_files_named_like_folders() {
    let machine = Machine::new();
    let set = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
    let patterns =
        set.caches().iter().flat_map(|loaded| &loaded.rule.caches).flat_map(|cache| &cache.paths);
    let places: Vec<&str> = patterns
        .filter_map(|pattern| pattern.strip_prefix("~/"))
        .filter(|path| !path.contains(['*', '?', '[', '{']))
        .collect();
    let home = |name: &str| machine.root.join("home").join(name);
    let (mut folders, mut files) = (0, 0);
    for place in &places {
        let folder = home("folders").join(place);
        folders += usize::from(fs::create_dir_all(folder).is_ok());
        let Some((parent, _)) = place.rsplit_once('/') else { continue };
        let file = home("files").join(parent);
        let made = fs::create_dir_all(file.parent().unwrap()).is_ok() && !file.exists();
        files += usize::from(made && fs::write(&file, "[default]\n").is_ok());
    }
    println!("{folders} folders named like files, {files} files named like folders");
    assert!(folders > 300 && files > 50);
    for name in ["folders", "files"] {
        put(&home(name).join(".vault-token.bak"), GOOD);
    }
    let report = machine.scan(&["--thorough"]);
    // Some folders of today were files in former days: these are read, and are no cache.
    let skipped = report["coverage"]["skipped"].as_array().unwrap();
    let odd = skipped.iter().filter(|skip| {
        !["malformed", "unrecognised"].iter().any(|reason| skip["reason"] == *reason)
    });
    assert_eq!(odd.count() + usize::from(skipped.len() > 9), 0, "{skipped:?}");
    for name in ["folders", "files"] {
        assert_eq!(findings_below(&report, &home(name)).len(), 1, "{name}");
    }
}

/// A home that is a link itself is looked at where it lies, and a link in one that leads into itself is told as such.
#[test]
fn linked_homes_and_folders_are_found_once() {
    let machine = Machine::new();
    machine.write("disk/kim/.aws/credentials", aws("AKIAQ3EGR7UZKEXAMP7Q"));
    symlink("../disk/kim", machine.root.join("home/kim")).unwrap();
    machine.write("home/dotfiles/src/aws/credentials", aws("AKIAQ3EGR7UZKEXAMP7R"));
    symlink("src/aws", machine.root.join("home/dotfiles/.aws")).unwrap();
    let report = machine.scan(&[]);
    let linked = findings_below(&report, &machine.root.join("home/dotfiles/.aws/credentials"));
    assert_eq!(linked.len(), 1);
    assert!(linked[0]["custody"]["exposures"].to_string().contains("symlinked"));
    assert_eq!(findings_below(&report, &machine.root.join("home/dotfiles/src")).len(), 0);
    let of_kim = report["findings"].to_string().matches("AKIAQ3EGR7UZKEXAMP7Q").count();
    assert!(of_kim > 0, "{report:#}");
    let places = ["disk/kim", "home/kim"]
        .map(|path| findings_below(&report, &machine.root.join(path)).len());
    assert_eq!(places.iter().sum::<usize>(), 1, "{places:?}");
}

/// No character that a terminal would obey, and none that hides or turns text.
fn assert_harmless(output: &[u8]) {
    let text = std::str::from_utf8(output).unwrap();
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let line = text.lines().find(|line| line.contains(acts));
    assert_eq!(line, None);
}

/// The program as someone whom modes bind: the caller, or nobody where root runs the tests.
struct User {
    program: PathBuf,
    root: PathBuf,
    uid: Option<u32>,
}

impl User {
    fn without_rights(hostile: &Hostile) -> Self {
        let root = hostile.homes.clone();
        if !rustix::process::geteuid().is_root() {
            return Self { program: PROGRAM.into(), root, uid: None };
        }
        // The build folder may be closed to others.
        let program = hostile.machine.root.join("nhi-scan");
        fs::copy(PROGRAM, &program).unwrap();
        fs::set_permissions(&hostile.machine.root, fs::Permissions::from_mode(0o755)).unwrap();
        give(&root);
        Self { program, root, uid: Some(NOBODY) }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command.env_clear().env("HOME", "/nonexistent").current_dir("/").arg(&self.root).args(args);
        let mut command = assert_cmd::Command::from_std(command);
        command.timeout(PATIENCE).output().unwrap()
    }
}

fn give(folder: &Path) {
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            give(&entry.path());
        } else if !kind.is_symlink() {
            // Changing the owner takes the odd bits of the mode away.
            let mode = entry.metadata().unwrap().permissions();
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            fs::set_permissions(entry.path(), mode).unwrap();
        }
    }
}

/// Paths longer than the system takes in one call are reached by handles, or told.
#[test]
fn a_path_longer_than_the_system_allows_is_found_or_told() {
    let machine = Machine::new();
    deep(&machine.home(), &"d".repeat(40), 150);
    let report = machine.scan(&[]);
    let findings = report["findings"].as_array().unwrap().len();
    let skips = report["coverage"]["skipped"].as_array().unwrap().len();
    assert_eq!(findings + skips, 1, "{}", report["coverage"]);
}

/// A file that becomes a link out of the roots between walk and read is not followed.
#[test]
fn a_file_swapped_for_a_link_shows_nothing_from_outside() {
    let machine = Machine::new();
    let outside = machine.write("outside/credentials", aws("AKIAOUTSIDEOUTSIDE77"));
    let inside = machine.write("~/.aws/credentials", aws("AKIAQ3EGR7UZKEXAMP7Q"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let link = inside.with_file_name("link");
            let file = inside.with_file_name("file");
            while !done.load(Ordering::Relaxed) {
                let _ = symlink(&outside, &link);
                let _ = fs::rename(&link, &inside);
                let _ = fs::write(&file, aws("AKIAQ3EGR7UZKEXAMP7Q"));
                let _ = fs::rename(&file, &inside);
            }
        });
        for _ in 0..20 {
            let output =
                machine.program().arg(machine.home()).args(["--format", "json"]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            done.store(text.contains("OUTSIDE77"), Ordering::Relaxed);
            assert!(!text.contains("OUTSIDE77"));
            assert_eq!(output.status.code(), Some(0));
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn aws(id: &str) -> String {
    format!(
        "[default]\naws_access_key_id = {id}\naws_secret_access_key = 9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi\n"
    )
}

/// Many folders side by side on many levels need no more open handles than a shell gives.
#[test]
fn few_handles_are_enough() {
    let machine = Machine::new();
    let mut folder = machine.home();
    for _ in 0..200 {
        for side in 0..4 {
            machine.write(folder.join(format!("s{side}")).join(".vault-token"), GOOD);
        }
        folder = folder.join("d");
    }
    let limited = format!(
        "ulimit -n 256; exec {PROGRAM} --format json --threads 8 {}",
        machine.root.display()
    );
    let mut shell = assert_cmd::Command::new("sh");
    shell
        .env_clear()
        .env("HOME", machine.home())
        .args(["-c", &limited])
        .timeout(Duration::from_mins(1));
    let report = report(&shell.output().unwrap());
    assert_eq!(report["coverage"]["skipped"], serde_json::json!([]));
    assert_eq!(report["findings"].as_array().unwrap().len(), 800);
}
