//! A machine laid out to hurt the scan: it ends soon, finds what is good beside the bad, and names what is bad with its reason.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{FileType, Mode, OFlags};
use serde_json::Value;

use crate::machine::{GOOD, Machine, PROGRAM, findings_below, report, skips_of};

/// A user without rights on anything, to whom this machine is given when root runs the tests.
const NOBODY: u32 = 65534;

/// A name that turns, colours, breaks and hides the line it is printed on.
const STEERING: &str = "a\n\u{1b}[31m\u{1b}]0;x\u{7}\r\u{202e}\u{200b}\u{feff}\u{9b}b";

/// A home of the machine, with a good cache in it.
fn home(machine: &Machine, name: impl AsRef<OsStr>) -> PathBuf {
    let home = machine.root.join("home").join(name.as_ref());
    machine.write(home.join(".vault-token"), GOOD);
    home
}

fn put(path: &Path, content: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    path.to_owned()
}

fn parent(path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

/// A place that cannot be looked at, and why.
struct Bad {
    path: PathBuf,
    reason: &'static str,
}

/// Everything that has a reason of its own. A home each, so that none hides another.
fn bad_places(machine: &Machine) -> Vec<Bad> {
    let mut bad = Vec::new();
    let mut told = |path: PathBuf, reason| bad.push(Bad { path, reason });

    told(put(&home(machine, "json").join(".docker/config.json"), "{\"auths\": {"), "malformed");
    told(
        put(&home(machine, "brackets").join(".docker/config.json"), "[".repeat(30_000)),
        "malformed",
    );
    told(
        put(&home(machine, "braces").join(".docker/config.json"), "{\"a\":".repeat(30_000)),
        "malformed",
    );
    told(
        put(&home(machine, "bytes").join(".docker/config.json"), b"\xff\xfe\xfd{\x00\x80"),
        "malformed",
    );
    told(put(&home(machine, "bomb").join(".kube/config"), alias_bomb()), "malformed");
    told(put(&home(machine, "flow").join(".kube/config"), "[".repeat(30_000)), "malformed");
    let database = put(
        &home(machine, "sqlite").join(".config/gcloud/credentials.db"),
        b"SQLite format 3\0\x10\0\x01\x01\0",
    );
    told(database, "malformed");
    told(
        put(&home(machine, "odd").join(".kube/gke_gcloud_auth_plugin_cache"), "[1, 2, 3]"),
        "unrecognised",
    );

    let large = parent(home(machine, "large").join(".aws/credentials"));
    File::create(&large).unwrap().set_len(2 << 30).unwrap();
    told(large, "too-large");

    for name in [".aws/credentials", ".docker/config.json", ".config/gcloud/credentials.db"] {
        let fifo = parent(home(machine, "fifo").join(name));
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
        told(fifo, "special-file");
    }
    let socket = parent(home(machine, "socket").join(".aws/credentials"));
    drop(UnixListener::bind(&socket).unwrap());
    told(socket, "special-file");

    let turning = parent(home(machine, "turning").join(".aws/credentials"));
    symlink("credentials", &turning).unwrap();
    told(turning, "symlink");
    let outward = parent(home(machine, "outward").join(".aws/credentials"));
    symlink("/etc/passwd", &outward).unwrap();
    told(outward, "symlink");
    let outward = home(machine, "outward-folder").join(".aws");
    symlink("/etc", &outward).unwrap();
    told(outward, "symlink");

    told(put(&home(machine, STEERING).join(".docker/config.json"), "{"), "malformed");

    let closed = home(machine, "closed");
    put(&closed.join(".azure/msal_token_cache.json"), "{}");
    let file = put(&closed.join(".aws/credentials"), "[default]");
    told(closed.join(".azure"), "permission-denied");
    told(file, "permission-denied");

    told(deep(&home(machine, "deep"), "d", 600, 512), "depth-limit");
    bad
}

/// Ten levels of ten: a billion nodes.
fn alias_bomb() -> String {
    let levels = (1..10).map(|level| {
        let before = format!("*a{}", level - 1);
        format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "))
    });
    format!("a0: &a0 [{}]\n{}users: *a9\n", ["x"; 10].join(", "), levels.collect::<String>())
}

/// A row of folders, each in the one before; gives the one after so many.
fn deep(home: &Path, name: &str, depth: usize, told: usize) -> PathBuf {
    let mut folder =
        rustix::fs::open(home, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755)).unwrap();
        folder =
            rustix::fs::openat(&folder, name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())
                .unwrap();
    }
    let cache = rustix::fs::openat(
        &folder,
        ".vault-token",
        OFlags::CREATE | OFlags::WRONLY,
        Mode::from_raw_mode(0o600),
    )
    .unwrap();
    rustix::io::write(&cache, GOOD.as_bytes()).unwrap();
    (0..told).fold(home.to_owned(), |path, _| path.join(name))
}

/// Odd places that are no reason to skip anything: what is good in them is found.
fn odd_places(machine: &Machine) {
    symlink("nowhere", parent(home(machine, "dangling").join(".aws/credentials"))).unwrap();
    fs::create_dir_all(home(machine, "folder").join(".aws/credentials")).unwrap();

    let circle = home(machine, "circle");
    symlink(".", circle.join(".aws")).unwrap();
    fs::create_dir_all(circle.join(".config")).unwrap();
    symlink("..", circle.join(".config/gcloud")).unwrap();
    symlink(&circle, circle.join(".kube")).unwrap();

    home(machine, OsStr::from_bytes(b"latin\xff"));
    home(machine, "n".repeat(255));
    let content = "#!\u{1b}[2J\n[default]\naws_access_key_id = AKIA\u{1b}[31m\u{202e}\naws_secret_access_key = 9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi\n";
    put(&home(machine, "content").join(".aws/credentials"), content);

    let hard = home(machine, "hard");
    fs::remove_file(hard.join(".vault-token")).unwrap();
    fs::hard_link(machine.root.join("home/folder/.vault-token"), hard.join(".vault-token"))
        .unwrap();

    let dotfiles = home(machine, "dotfiles");
    let content = "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n";
    put(&dotfiles.join("src/dotfiles/aws/credentials"), content);
    symlink("src/dotfiles/aws", dotfiles.join(".aws")).unwrap();
}

#[test]
fn a_hostile_machine_is_scanned() {
    let machine = Machine::new();
    fs::remove_dir(machine.home()).unwrap();
    let bad = bad_places(&machine);
    odd_places(&machine);
    let homes = fs::read_dir(machine.root.join("home")).unwrap().count();
    let user = as_a_user_without_rights(&machine);
    for closed in bad.iter().filter(|bad| bad.reason == "permission-denied") {
        fs::set_permissions(&closed.path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let run = |args: &[&str]| {
        let clock = Instant::now();
        let output = user.run(args);
        assert!(clock.elapsed() < Duration::from_secs(20), "{args:?} took {:?}", clock.elapsed());
        output
    };

    let report = report(&run(&["--format", "json"]));
    assert_names_the_bad(&report, &bad);
    assert_finds_the_good(&report, &machine, homes);
    assert_eq!(run(&["--require-complete", "--format", "json"]).status.code(), Some(3));
    for args in [
        &["--all"][..],
        &["-vv", "--all"],
        &["--format", "json"],
        &["--format", "ndjson"],
        &["--all", "--no-env"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_harmless(&output.stdout);
        assert_harmless(&output.stderr);
    }
    assert_names_the_bad(&crate::machine::report(&run(&["--thorough", "--format", "json"])), &bad);

    for closed in bad.iter().filter(|bad| bad.reason == "permission-denied") {
        fs::set_permissions(&closed.path, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

fn assert_names_the_bad(report: &Value, bad: &[Bad]) {
    for bad in bad {
        let shown = bad.path.display().to_string();
        assert_eq!(skips_of(report, &bad.path), [bad.reason], "{shown:.200}");
        assert_eq!(findings_below(report, &bad.path).len(), 0);
    }
    let skipped = report["coverage"]["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), bad.len(), "{skipped:#?}");
    assert_eq!(report["coverage"]["complete"], false);
}

fn assert_finds_the_good(report: &Value, machine: &Machine, homes: usize) {
    let findings = report["findings"].as_array().unwrap();
    let tokens: Vec<&Value> =
        findings.iter().filter(|finding| finding["rule"] == "vault").collect();
    assert_eq!(tokens.len(), homes, "a good cache in each home");
    let latin =
        machine.root.join("home").join(OsStr::from_bytes(b"latin\xff")).join(".vault-token");
    let encoded = STANDARD.encode(latin.as_os_str().as_bytes());
    let with_bytes: Vec<&Value> = tokens
        .iter()
        .map(|finding| &finding["location"]["path_base64"])
        .filter(|bytes| !bytes.is_null())
        .collect();
    assert_eq!(with_bytes, [&Value::from(encoded)]);

    let exposures = |path: &str| {
        let found = findings_below(report, &machine.root.join("home").join(path));
        assert_eq!(found.len(), 1, "{path}: {found:#?}");
        found[0]["custody"]["exposures"].to_string()
    };
    assert!(exposures("dotfiles/.aws/credentials").contains("symlinked"));
    assert!(exposures("hard/.vault-token").contains("hard-linked"));
    assert_eq!(
        findings_below(report, &machine.root.join("home/dotfiles/src")).len(),
        0,
        "found once, at the link"
    );
    assert_eq!(
        findings_below(report, &machine.root.join("home/content/.aws/credentials")).len(),
        1
    );
}

/// No character that a terminal would obey, and none that hides or turns text.
fn assert_harmless(output: &[u8]) {
    let text = std::str::from_utf8(output).unwrap();
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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

fn as_a_user_without_rights(machine: &Machine) -> User {
    let root = machine.root.join("home");
    if !rustix::process::geteuid().is_root() {
        return User { program: PROGRAM.into(), root, uid: None };
    }
    // The build folder may be closed to others.
    let program = machine.root.join("nhi-scan");
    fs::copy(PROGRAM, &program).unwrap();
    fs::set_permissions(&machine.root, fs::Permissions::from_mode(0o755)).unwrap();
    give(&root);
    User { program, root, uid: Some(NOBODY) }
}

fn give(folder: &Path) {
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            give(&entry.path());
        } else if !kind.is_symlink() {
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

impl User {
    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command.env_clear().env("HOME", "/nonexistent").current_dir("/").arg(&self.root).args(args);
        let mut command = assert_cmd::Command::from_std(command);
        command.timeout(Duration::from_mins(1)).output().unwrap()
    }
}

/// Paths longer than the system takes in one call are reached by handles, or told.
#[test]
fn a_path_longer_than_the_system_allows_is_found_or_told() {
    let machine = Machine::new();
    deep(&machine.home(), &"d".repeat(40), 150, 0);
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
