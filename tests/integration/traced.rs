//! What a whole scan asks of the kernel, as `strace` and `/proc` tell it: nothing of the network, of other programs, of files for
//! writing; and nothing before the kernel holds every thread to that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;

use crate::machine::{GOOD, Machine, PROGRAM};

/// Calls of the network and of other programs: `strace`'s classes, less those of threads and of a process's own end.
const NEVER: &str = r"^(socket|socketpair|connect|bind|listen|accept4?|send\w*|recv\w*|shutdown|execve(at)?|v?fork|kill|tkill|ptrace|pidfd_\w+|wait4|waitid)$";

/// Calls that change files, whatever their arguments.
const CHANGES: &str = r"^(creat|mkdir(at)?|mknod(at)?|rmdir|symlink(at)?|truncate|ftruncate|f?chmod(at2?)?|l?f?chown(at)?|utime\w*|futimesat|l?f?(set|remove)xattr|fallocate|copy_file_range|sendfile|splice)$";

#[test]
fn a_whole_scan_asks_for_nothing_else() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let scanned = if fixtures.is_dir() { fixtures } else { machine.home() };
    let outputs = machine.root.join("out");
    fs::create_dir(&outputs).unwrap();
    let trace = machine.root.join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-s", "200", "-o"]).arg(&trace);
    strace.args(["-e", "trace=network,process,file,desc,seccomp,landlock_restrict_self,prctl"]);
    strace.arg(PROGRAM).arg(&scanned).arg(machine.home()).env_clear().env("HOME", machine.home());
    for name in ["json=a.json", "html=b.html", "sarif=c.sarif"] {
        strace.arg("-o").arg(name.replacen('=', &format!("={}/", outputs.display()), 1));
    }
    let status =
        strace.args(["--threads", "4"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        println!("nothing can be traced here");
        return;
    }
    let calls = Call::read(&fs::read_to_string(&trace).unwrap());
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(outputs.join("a.json")).unwrap()).unwrap();
    let confined =
        report["scan"]["sandbox"] != serde_json::json!({"landlock": "none", "seccomp": "none"});

    let never = Regex::new(NEVER).unwrap();
    let changes = Regex::new(CHANGES).unwrap();
    let mut through = Vec::new();
    let mut refused = BTreeMap::new();
    // The first call is that of `strace`, which becomes the program.
    for call in &calls[1..] {
        let wants = match () {
            () if never.is_match(&call.name) || changes.is_match(&call.name) => true,
            () if call.name.starts_with("clone") => !call.text.contains("CLONE_THREAD"),
            () if call.name.starts_with("open") => {
                call.is_for_writing() && !call.makes_a_nameless_file_in(&outputs)
            }
            () if call.is_a_name() => !call.text.contains(outputs.to_str().unwrap()),
            () => false,
        };
        match () {
            () if wants && call.is_refused() => *refused.entry(call.name.clone()).or_insert(0) += 1,
            () if wants => through.push(&call.text),
            () => {}
        }
    }
    let mut counts = BTreeMap::new();
    for call in &calls {
        *counts.entry(&*call.name).or_insert(0) += 1;
    }
    println!("{} calls: {counts:?}", calls.len());
    println!("refused by the kernel: {refused:?}");
    assert_eq!(through, Vec::<&String>::new());
    if !confined {
        return;
    }
    // What was tried to see that it is refused.
    assert!(refused.contains_key("socket") && refused.contains_key("openat2"), "{refused:?}");
    let first = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted);
    let landlock = first(&|call| call.name == "landlock_restrict_self");
    let seccomp = calls.iter().rposition(|call| call.name == "seccomp");
    let held = landlock.max(seccomp);
    let thread =
        first(&|call| call.name.starts_with("clone") && call.text.contains("CLONE_THREAD"));
    assert!(landlock.is_some() && seccomp.is_some(), "nothing holds it");
    assert!(thread.is_some() && held < thread, "a thread is older than what holds it");
    let is_open_in = |call: &Call| call.name == "openat2" && !call.is_refused();
    let read = first(&|call| is_open_in(call) && call.text.contains(scanned.to_str().unwrap()));
    assert!(held < read, "something was read before");
    // Whoever opens a file has given up the last right.
    let mut sealed = BTreeSet::new();
    let mut readers = BTreeSet::new();
    for call in &calls[thread.unwrap_or_default()..] {
        if call.name == "landlock_restrict_self" {
            sealed.insert(call.thread);
        } else if is_open_in(call) && !call.text.contains("O_DIRECTORY") {
            assert!(sealed.contains(&call.thread), "read before it was sealed: {}", call.text);
            readers.insert(call.thread);
        }
    }
    assert!(!readers.is_empty(), "nobody read anything");
}

struct Call {
    thread: u32,
    name: String,
    text: String,
}

impl Call {
    /// The calls of a trace; one that another thread interrupted is put together again.
    fn read(trace: &str) -> Vec<Self> {
        let begun = Regex::new(r"^(\d+)\s+(\w+)\((.*)$").unwrap();
        let resumed = Regex::new(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$").unwrap();
        let mut calls: Vec<Self> = Vec::new();
        let mut open: BTreeMap<String, usize> = BTreeMap::new();
        for line in trace.lines() {
            if let Some(groups) = begun.captures(line) {
                if line.ends_with("<unfinished ...>") {
                    open.insert(groups[1].to_owned(), calls.len());
                }
                calls.push(Self {
                    thread: groups[1].parse().unwrap(),
                    name: groups[2].to_owned(),
                    text: groups[3].to_owned(),
                });
            } else if let Some(groups) = resumed.captures(line)
                && let Some(at) = open.remove(&groups[1])
            {
                calls[at].text.push_str(&groups[2]);
            }
        }
        calls
    }

    fn is_for_writing(&self) -> bool {
        ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"]
            .iter()
            .any(|flag| self.text.contains(flag))
    }

    /// A report that gets its name when it is whole.
    fn makes_a_nameless_file_in(&self, folder: &Path) -> bool {
        self.text.contains("O_TMPFILE")
            && self.text.contains(&format!("<{}>, \".\"", folder.display()))
    }

    fn is_a_name(&self) -> bool {
        self.name.starts_with("link")
            || self.name.starts_with("rename")
            || self.name.starts_with("unlink")
    }

    fn is_refused(&self) -> bool {
        ["= -1 EPERM", "= -1 EACCES", "= -1 ENOSYS"].iter().any(|answer| self.text.contains(answer))
    }
}

/// Every thread that a scan has is held, from its first moment on.
#[test]
fn every_thread_is_held() {
    let machine = Machine::new();
    machine.write("~/.bash_history", "ls -l\n".repeat(2_000_000));
    for copy in 0..8 {
        machine.write(
            format!("home/u{copy}/.bash_history"),
            "curl https://x.example\n".repeat(300_000),
        );
    }
    let sandbox = machine.scan(&["--threads", "1"])["scan"]["sandbox"].clone();
    if sandbox["seccomp"] == "none" {
        println!("nothing holds a thread here");
        return;
    }
    let mut child = Command::new(PROGRAM);
    child.env_clear().env("HOME", machine.home()).arg(&machine.root);
    let mut child = child.args(["--threads", "4"]).stdout(Stdio::null()).spawn().unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let mut seen = BTreeMap::new();
    while child.try_wait().unwrap().is_none() {
        for task in fs::read_dir(&tasks).into_iter().flatten().flatten() {
            let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim().to_owned()).unwrap_or_default()
            };
            let held = ["NoNewPrivs:", "Seccomp:"].map(field);
            let main = task.file_name().to_str() == Some(&child.id().to_string());
            // The first thread is there before anything is.
            if !main || held == ["1", "2"] {
                seen.insert(task.file_name(), held);
            }
        }
    }
    println!("{} threads", seen.len());
    assert!(seen.len() >= 5, "{seen:?}");
    assert!(seen.values().all(|held| *held == ["1", "2"]), "{seen:?}");
}
