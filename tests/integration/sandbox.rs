//! What the kernel enforces: a process that was taken over can neither speak, nor start anything, nor change a file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use nhi_scan::report::Sandbox;
use nhi_scan::sandbox::{Needs, enter, seal};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::machine::{GOOD, Machine};

/// Where the intruder below finds its machine; set by the test that starts it.
const MACHINE: &str = "NHI_SCAN_TEST_INTRUDER";

#[test]
fn a_scan_tells_what_is_in_force() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let report = machine.scan(&[]);
    let sandbox: Sandbox = serde_json::from_value(report["scan"]["sandbox"].clone()).unwrap();
    let run = |args: &[&str]| {
        machine.program().arg("home").args(args).args(["--require-sandbox", "-v"]).output().unwrap()
    };
    let missing = sandbox.missing();
    let required = run(&[]);
    let told = String::from_utf8(required.stderr).unwrap();
    if !missing.is_empty() {
        assert_eq!((required.status.code(), &*required.stdout), (Some(2), &b""[..]));
        assert!(missing.iter().all(|part| told.contains(part)), "{told}");
        return;
    }
    assert_eq!(required.status.code(), Some(0));
    assert!(told.contains(&format!("landlock {}, seccomp filter", sandbox.landlock)), "{told}");
    // With outputs, and with as many threads as one likes.
    let output = run(&["-o", "report.json", "--threads", "16"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read_to_string(machine.root.join("report.json")).unwrap();
    assert!(written.contains(&format!("\"landlock\": \"{}\"", sandbox.landlock)));
}

/// A process of its own enters the sandbox and then tries all that an intruder would.
#[test]
fn what_an_intruder_tries_is_refused() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write("~/victim", "as it was");
    machine.write("outside/secret", "outside");
    machine.write("output/old", "as it was");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::intruder", "--ignored", "--nocapture"])
        .env(MACHINE, &machine.root)
        .output()
        .unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    for kept in ["home/user/victim", "output/old"] {
        assert_eq!(fs::read_to_string(machine.root.join(kept)).unwrap(), "as it was");
    }
    let names = |folder: &str| fs::read_dir(machine.root.join(folder)).unwrap().count();
    assert_eq!((names("home/user"), names("output"), names("outside")), (2, 1, 1));
}

#[test]
#[ignore = "started by the test above, in a process of its own"]
fn intruder() {
    let Some(root) = std::env::var_os(MACHINE).map(PathBuf::from) else { return };
    let (home, outputs) = (root.join("home/user"), root.join("output"));
    let open = File::open(home.join("victim")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sandbox = enter(&Needs { read: vec![&home], outputs: vec![&outputs] });
    if !sandbox.missing().is_empty() {
        println!("not in force here: {:?}", sandbox.missing());
        return;
    }

    // What a scan needs works.
    let mut text = String::new();
    File::open(home.join("victim")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "as it was");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 2);
    std::thread::spawn(|| assert!(refused(&TcpStream::connect(("127.0.0.1", 1))))).join().unwrap();

    assert_refused(&tries(&root, &open, &listener, address));
    assert!(seal());
    let sealed = openat2(&home.join("victim"), OFlags::RDONLY | OFlags::TRUNC);
    assert_refused(&[("cut by openat2", sealed)]);
    assert_refused(&tries(&root, &open, &listener, address));
}

/// What an intruder may not do from the first step of the sandbox on.
fn tries(
    root: &Path,
    open: &File,
    listener: &TcpListener,
    address: SocketAddr,
) -> Vec<(&'static str, io::Result<()>)> {
    let (home, outputs) = (root.join("home/user"), root.join("output"));
    let victim = home.join("victim");
    let old = outputs.join("old");
    let secret = root.join("outside/secret");
    let new = |name: &str| home.join(name);
    vec![
        ("connect TCP", TcpStream::connect(address).map(drop)),
        ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
        ("accept", listener.accept().map(drop)),
        ("UDP", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("Unix socket", UnixStream::connect("/run/x").map(drop)),
        ("pair of sockets", UnixStream::pair().map(drop)),
        ("start a program", Command::new("/bin/true").status().map(drop)),
        ("become a program", Err(Command::new("/bin/true").exec())),
        ("fork and look for a program", Command::new("true").current_dir("/").status().map(drop)),
        ("signal", signal()),
        ("write over", fs::write(&victim, "x")),
        ("append", File::options().append(true).open(&victim).map(drop)),
        ("read and write", File::options().read(true).write(true).open(&victim).map(drop)),
        ("cut", File::options().write(true).truncate(true).open(&victim).map(drop)),
        ("cut an open file", open.set_len(0)),
        ("make", File::create_new(new("made")).map(drop)),
        ("make in the output folder", File::create_new(outputs.join("made")).map(drop)),
        ("write over a report", fs::write(&old, "x")),
        ("make without a name", nameless(&outputs)),
        ("write by openat2", openat2(&victim, OFlags::WRONLY)),
        ("device", File::options().write(true).open("/dev/null").map(drop)),
        ("remove", fs::remove_file(&victim)),
        ("remove a folder", fs::remove_dir(&home)),
        ("make a folder", fs::create_dir(new("folder"))),
        ("rename", fs::rename(&victim, new("renamed"))),
        ("rename out", fs::rename(&victim, outputs.join("taken"))),
        ("rename in", fs::rename(&old, new("brought"))),
        ("link", fs::hard_link(&victim, new("link"))),
        ("link out", fs::hard_link(&victim, outputs.join("link"))),
        ("link by name", symlink(&secret, new("link"))),
        ("mode", fs::set_permissions(&victim, fs::Permissions::from_mode(0o777))),
        ("mode of an open file", open.set_permissions(fs::Permissions::from_mode(0o777))),
        ("owner", chown(&victim, Some(0), Some(0))),
        ("time", open.set_modified(SystemTime::UNIX_EPOCH)),
        ("read outside", fs::read(&secret).map(drop)),
        ("read outside by a way round", fs::read(home.join("../../outside/secret")).map(drop)),
        ("list outside", fs::read_dir(root.join("outside")).map(drop)),
        ("read an output", fs::read(&old).map(drop)),
        ("read the machine", fs::read("/etc/passwd").map(drop)),
        ("read memory", fs::read("/proc/self/mem").map(drop)),
        ("read the environment", fs::read("/proc/self/environ").map(drop)),
    ]
}

fn assert_refused(tries: &[(&str, io::Result<()>)]) {
    let through: Vec<&str> =
        tries.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(name, _)| *name).collect();
    assert_eq!(through, Vec::<&str>::new());
    let otherwise: Vec<_> = tries.iter().filter(|(_, outcome)| !refused(outcome)).collect();
    assert!(otherwise.is_empty(), "failed, but not because it was refused: {otherwise:?}");
}

/// Whether it was refused, and not merely in vain. Landlock answers `EXDEV` to who would give a file a name elsewhere.
fn refused<T>(outcome: &io::Result<T>) -> bool {
    let kind = outcome.as_ref().err().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices))
}

fn signal() -> io::Result<()> {
    let own = rustix::process::getpid();
    Ok(rustix::process::kill_process(own, rustix::process::Signal::CONT)?)
}

fn nameless(folder: &Path) -> io::Result<()> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY;
    Ok(rustix::fs::openat(CWD, folder, flags, Mode::RUSR).map(drop)?)
}

fn openat2(path: &Path, flags: OFlags) -> io::Result<()> {
    Ok(rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::empty()).map(drop)?)
}
