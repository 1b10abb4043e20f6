//! Reports on disk: whole under the asked name, or not there; and nothing else on the disk has changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::machine::{GOOD, Machine, PROGRAM};

fn filled() -> Machine {
    let machine = Machine::new();
    for copy in 0..30 {
        machine.write(format!("home/u{copy}/.vault-token"), GOOD);
        machine.write(
            format!("home/u{copy}/.bash_history"),
            "curl -u kim:Vq7mT2xZp9 https://x.example\n",
        );
    }
    // Long not read: the first reading would show.
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for copy in 0..30 {
        for name in [".vault-token", ".bash_history"] {
            let file = machine.root.join(format!("home/u{copy}/{name}"));
            let times = fs::FileTimes::new().set_accessed(long_ago);
            fs::File::open(file).unwrap().set_times(times).unwrap();
        }
    }
    machine
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_place_that_others_could_swap_is_refused() {
    let machine = filled();
    let folder = machine.root.join("out");
    fs::create_dir(&folder).unwrap();
    machine.write("out/target.json", "kept");
    symlink("target.json", folder.join("link.json")).unwrap();
    symlink("nowhere", folder.join("dangling.json")).unwrap();
    let run = |output: &str, mode: u32| {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let output = machine.program().args(["home", "-o", output]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (output, mode, told) in [
        ("out/link.json", 0o755, "symbolic link"),
        ("out/dangling.json", 0o755, "symbolic link"),
        ("out/new.json", 0o777, "everybody may change files"),
        ("out/target.json", 0o777, "everybody may change files"),
    ] {
        let (status, stderr) = run(output, mode);
        assert!(status == Some(2) && stderr.contains(told), "{output}: {status:?} {stderr}");
    }
    assert_eq!(names(&folder).len(), 3);
    assert_eq!(fs::read_to_string(folder.join("target.json")).unwrap(), "kept");
    for (output, mode) in [("out/sticky.json", 0o1777), ("out/group.json", 0o775)] {
        assert_eq!(run(output, mode), (Some(0), String::new()), "{output}");
        let written = fs::metadata(machine.root.join(output)).unwrap();
        assert_eq!(written.mode() & 0o7777, 0o600);
    }
}

#[test]
fn a_report_replaces_another_only_when_it_is_whole() {
    let machine = filled();
    let kept = machine.write("full/report.json", "the last report");
    let run = |output: &str| {
        let output = machine.program().args(["home", "-o", output]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // A device that is always full is written to as it is.
    if Path::new("/dev/full").exists() {
        let (status, stderr) = run("json=/dev/full");
        assert!(status == Some(4) && stderr.contains("cannot write /dev/full"), "{stderr}");
    }
    let disk = kept.parent().unwrap();
    if !small_disk(disk) {
        println!("no disk of one's own can be mounted here");
        return;
    }
    fs::write(&kept, "the last report").unwrap();
    let ended = std::panic::catch_unwind(|| {
        let (status, stderr) = run("full/report.json");
        assert!(status == Some(4) && stderr.contains("report.json"), "{status:?} {stderr}");
        assert_eq!(fs::read_to_string(&kept).unwrap(), "the last report");
        assert_eq!(names(disk), ["report.json"]);
    });
    assert!(Command::new("umount").arg(disk).status().unwrap().success());
    ended.unwrap();
}

/// A disk with room for less than a report.
fn small_disk(folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=16k", "none"]).arg(folder).stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_the_scan() {
    let machine = filled();
    let folder = machine.root.join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Modes do not bind root; a file system of the kernel does.
    let root = rustix::process::geteuid().is_root();
    let output = if root { "/proc/report.json" } else { "closed/report.json" };
    let output = machine.program().args(["home", "-v", "-o", output]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("cannot write") && !stderr.contains("rules,"), "{stderr}");
}

/// Killed, ended or interrupted at any moment, a run leaves a whole report or none, and nothing beside it. `NHI_SCAN_KILLS` says how
/// often.
#[test]
fn killed_at_any_moment_nothing_is_half() {
    let kills: u32 =
        std::env::var("NHI_SCAN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25);
    let machine = filled();
    fs::create_dir(machine.root.join("out")).unwrap();
    let report = machine.root.join("out/report.json");
    let before = Snapshot::of(&machine.root.join("home"));
    let start = || {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", machine.home()).current_dir(&machine.root);
        command.args(["home", "-o", "out/report.json"]).stderr(Stdio::null()).spawn().unwrap()
    };
    let clock = std::time::Instant::now();
    assert!(start().wait().unwrap().success());
    let whole = clock.elapsed() * 3 / 2;
    fs::remove_file(&report).unwrap();
    let (mut absent, mut finished, mut interrupted) = (0, 0, 0);
    for round in 0..kills {
        let mut child = start();
        std::thread::sleep(whole * round / kills);
        let signal = [Signal::KILL, Signal::KILL, Signal::TERM, Signal::INT][round as usize % 4];
        let _ = kill_process(Pid::from_child(&child), signal);
        let status = child.wait().unwrap();
        match fs::read(&report) {
            Ok(bytes) => {
                let report: Value = serde_json::from_slice(&bytes).expect("a whole report");
                if report["coverage"]["complete"] == false {
                    assert_eq!(status.code(), Some(130));
                    interrupted += 1;
                } else {
                    assert_eq!(report["summary"]["findings"], 60);
                    finished += 1;
                }
            }
            Err(_) => absent += 1,
        }
        let beside: Vec<_> = names(&machine.root.join("out"))
            .into_iter()
            .filter(|name| name != "report.json")
            .collect();
        assert_eq!(beside, Vec::<String>::new(), "round {round}");
        let _ = fs::remove_file(&report);
    }
    println!(
        "{kills} signals: {finished} whole reports, {interrupted} of interrupted scans, {absent} none"
    );
    assert_eq!(Snapshot::of(&machine.root.join("home")), before);
}

/// Nothing of the scanned tree changes, not even when it was last read.
#[test]
fn the_scanned_tree_stays_as_it_was() {
    let machine = filled();
    machine.write("~/.config/gcloud/credentials.db", database());
    machine.write("~/project/.git/index", "DIRC");
    machine.write("~/project/.env", "API_TOKEN=Vq7mT2xZp9Lk4\n");
    symlink("../u1/.vault-token", machine.root.join("home/u2/link")).unwrap();
    let home = machine.root.join("home");
    let before = Snapshot::of(&home);
    for args in [&[][..], &["--thorough"], &["--quick"], &["--all", "-vv"]] {
        let output = machine.program().arg("home").args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
    }
    assert_eq!(Snapshot::of(&home), before);
}

fn database() -> Vec<u8> {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE credentials (account_id TEXT, value BLOB)").unwrap();
    connection.serialize("main").unwrap().to_vec()
}

/// Everything that can be seen of a tree, times of reading too where looking does not change them.
#[derive(Debug, PartialEq)]
struct Snapshot(BTreeMap<PathBuf, Seen>);

#[derive(Debug, PartialEq)]
struct Seen {
    mode: u32,
    links: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    accessed: Option<(i64, i64)>,
    content: Option<Vec<u8>>,
}

impl Snapshot {
    fn of(root: &Path) -> Self {
        let seen = |path: PathBuf| {
            let facts = fs::symlink_metadata(&path).unwrap();
            let seen = Seen {
                mode: facts.mode(),
                links: facts.nlink(),
                modified: (facts.mtime(), facts.mtime_nsec()),
                changed: (facts.ctime(), facts.ctime_nsec()),
                accessed: (facts.is_file() && cfg!(target_os = "linux"))
                    .then(|| (facts.atime(), facts.atime_nsec())),
                content: facts.is_file().then(|| read_quietly(&path)),
            };
            (path, seen)
        };
        let all = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.unwrap().into_path());
        Self(all.map(seen).collect())
    }
}

/// Reads a file of one's own without a trace.
fn read_quietly(path: &Path) -> Vec<u8> {
    let mut open = fs::File::options();
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let quietly = rustix::fs::OFlags::NOATIME.bits();
        open.custom_flags(quietly.cast_signed());
    }
    let mut content = Vec::new();
    open.read(true).open(path).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// Reading leaves no trace in what the caller owns.
#[cfg(target_os = "linux")]
#[test]
fn the_time_of_last_reading_stays() {
    let machine = filled();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let home = machine.root.join("home");
    let all = || walkdir::WalkDir::new(&home).contents_first(true).into_iter().map(Result::unwrap);
    for entry in all() {
        let times = fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago);
        fs::File::open(entry.path()).unwrap().set_times(times).unwrap();
    }
    let output = machine.program().arg("home").args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    // The deepest first, for listing a folder here is a reading too.
    for path in [home.join("u1/.vault-token"), home.join("u1/.bash_history"), home.join("u1"), home]
    {
        assert_eq!(fs::metadata(&path).unwrap().atime(), 1_000_000_000, "{}", path.display());
    }
}
