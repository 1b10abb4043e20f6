//! What is mounted below a home: a disk is looked at, a daemon's or another machine's files are left alone and told, and a mount that
//! leads back to where one came from is no second home. Needs root; everything is mounted in a namespace of the test's own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nhi_scan::cli::ScanArgs;
use nhi_scan::host::Host;
use nhi_scan::plan::Plan;
use nhi_scan::{Control, scan};
use serde_json::Value;

use crate::machine::{GOOD, Machine, PROGRAM, findings_below, report, skips_of};

/// Mounts in the folder it is started in, tells on stderr what the kernel would not, and becomes the program.
const LAY_OUT: &str = r#"
try() { "$@" 2>/dev/null || echo "cannot: $*" >&2; }
mount --make-rprivate / && cd home/user || exit 9
try mount -t tmpfs none disk && mkdir -p disk/.aws && cp ../../aws disk/.aws/credentials
try mount --bind . loop
try mount --rbind . loops/deeper
try mount --bind ../other other
try mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged
try mount -t proc none proc
# Daemons that never answer: whoever asks them anything waits for ever.
exec 7<>/dev/fuse && try mount -i -t fuse.sshfs -o fd=7,rootmode=40000,user_id=0,group_id=0 none nas
exec 8<>/dev/fuse && try mount -i -t fuse -o fd=8,rootmode=100000,user_id=0,group_id=0 none .docker/config.json
exec 9<>/dev/fuse && try mount -i -t fuse.unheard-of -o fd=9,rootmode=40000,user_id=0,group_id=0 none ../../outside
exec "$@"
"#;

#[test]
fn mounts_are_entered_or_told() {
    let machine = Machine::new();
    for folder in
        ["disk", "loop", "loops/deeper", "other", "merged", "upper", "work", "proc", "nas"]
    {
        fs::create_dir_all(machine.home().join(folder)).unwrap();
    }
    fs::create_dir_all(machine.root.join("outside")).unwrap();
    machine.write("aws", "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n");
    machine.write("~/.vault-token", GOOD);
    machine.write("home/other/.vault-token", GOOD);
    machine.write("~/lower/.vault-token", GOOD);
    machine.write("~/.docker/config.json", "{}");
    let link = |target: &str, at: &str| {
        std::os::unix::fs::symlink(target, machine.home().join(at)).unwrap();
    };
    link("nas/.azure", ".azure");
    link("../../outside/.kube", ".kube");
    let scan = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", LAY_OUT, "sh", PROGRAM, "--format", "json"]).args(args);
        command.arg(&machine.root).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.current_dir(&machine.root).env("HOME", machine.home());
        let mut command = assert_cmd::Command::from_std(command);
        command.timeout(Duration::from_mins(1)).output().unwrap()
    };
    let allowed = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("nothing can be mounted here");
        return;
    }
    for args in [&[][..], &["--thorough"], &["--deep"], &["--quick"]] {
        let output = scan(args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let home = machine.home();
        let mounted = |what: &str| {
            !told.lines().any(|line| line.starts_with("cannot:") && line.contains(what))
        };
        let report = report(&output);
        assert_eq!(findings_below(&report, &home.join(".vault-token")).len(), 1);
        if args == ["--quick"] {
            continue;
        }
        let tells = |path: &str, reason: &str| {
            assert_eq!(skips_of(&report, &home.join(path)), [reason], "{args:?} {path}");
        };
        for (path, what) in [("disk", "tmpfs"), ("other", "../other"), ("merged", "overlay")] {
            let found = findings_below(&report, &home.join(path)).len();
            assert!(!mounted(what) || found == 1, "{args:?} {path}: {found}, {told}");
        }
        for (path, what) in [("loop", ". loop"), ("loops", "loops/deeper"), ("proc", "proc")] {
            let found = findings_below(&report, &home.join(path)).len();
            assert!(!mounted(what) || found == 0, "{args:?} {path}: {found}");
        }
        if mounted("loop") && mounted("proc") {
            assert_eq!(pruned(&report, "shows a folder above it again"), 2);
            assert_eq!(pruned(&report, "pseudo file system"), 1);
        }
        if mounted("fuse.sshfs") {
            tells("nas", "network-mount");
            tells(".azure", "network-mount");
        }
        if mounted(".docker") {
            tells(".docker/config.json", "network-mount");
        }
        if mounted("unheard-of") {
            assert_eq!(skips_of(&report, &machine.root.join("outside")), ["network-mount"]);
            tells(".kube", "network-mount");
        }
        print!("{told}");
    }
}

fn pruned(report: &Value, reason: &str) -> u64 {
    let pruned = report["coverage"]["pruned"].as_array().unwrap();
    let of_it = pruned.iter().find(|store| store["reason"] == reason);
    of_it.and_then(|store| store["count"].as_u64()).unwrap_or_default()
}

/// Nothing is known of a mount that was not there when the scan began: it is not entered.
#[test]
fn what_is_mounted_during_a_scan_is_not_entered() {
    let place = Path::new("/dev/shm");
    let mut host = Host::read().unwrap();
    let known = host.mounts.len();
    host.mounts.retain(|mount| mount.path != place);
    if host.mounts.len() == known {
        println!("{} is no mount here", place.display());
        return;
    }
    host.home = None;
    host.env.clear();
    let args = ScanArgs {
        paths: vec!["/dev".into()],
        max_file_size: 16,
        threads: Some(2),
        ..ScanArgs::default()
    };
    let report = scan(&Plan::new(&args, host).unwrap(), &Control::default());
    let skips: Vec<Value> = report
        .coverage
        .skipped
        .iter()
        .map(|skip| serde_json::json!([skip.path, skip.reason]))
        .collect();
    assert!(skips.contains(&serde_json::json!(["/dev/shm", "other-filesystem"])), "{skips:?}");
}
