//! What lies outside the roots, and for root outside a home, is never read through what lies inside: not at rest, and not while
//! someone swaps files and folders under the scan.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::machine::{GOOD, Machine, findings_below, report, skips_of};

/// Key id of the credentials outside.
const OUTSIDE: &str = "AKIAOUTSIDEOUTSIDE77";
const INSIDE: &str = "AKIAQ3EGR7UZKEXAMP7Q";

fn aws(id: &str) -> String {
    format!(
        "[default]\naws_access_key_id = {id}\naws_secret_access_key = 9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi\n"
    )
}

fn kubeconfig(token_file: &Path) -> String {
    let path = token_file.display();
    format!("apiVersion: v1\nkind: Config\nusers: [{{name: u, user: {{tokenFile: {path}}}}}]\n")
}

fn link(target: impl AsRef<Path>, path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, &path).unwrap();
    path
}

/// A user may lead a scan by anybody else through links and paths in files; root, who could read all, is not led out of the home.
#[test]
fn root_is_not_led_out_of_a_home() {
    let machine = Machine::new();
    let root = rustix::process::geteuid().is_root();
    let victim = machine.write("home/victim/.aws/credentials", aws(INSIDE));
    let token = machine.write("home/victim/token", GOOD);
    let mallory = machine.root.join("home/mallory");
    let led = [
        link(&victim, mallory.join(".aws/credentials")),
        link(machine.root.join("home/victim/.aws"), mallory.join("b/.aws")),
        machine.write("home/mallory/.kube/config", kubeconfig(&token)),
    ];
    // The same ways within a home.
    let own = machine.write("home/mallory/own/token", GOOD);
    let control = machine.write("home/mallory/c/.kube/config", kubeconfig(&own));
    let inner = machine.write("home/mallory/own/credentials", aws(INSIDE));
    let inner = [control.with_file_name("x"), link(inner, mallory.join("d/.aws/credentials"))];

    let report = machine.scan(&[]);
    for path in [&own, &inner[1]] {
        assert_eq!(findings_below(&report, path).len(), 1, "{}", path.display());
    }
    if root {
        for path in &led {
            assert_eq!(findings_below(&report, path), Vec::<&Value>::new());
        }
        assert_eq!(findings_below(&report, &token), Vec::<&Value>::new());
        for path in &led[..2] {
            assert_eq!(skips_of(&report, path), ["symlink"], "{}", path.display());
        }
    } else {
        assert_eq!(findings_below(&report, &token).len(), 1);
    }
}

/// Scans again and again while others swap what they can. `NHI_SCAN_RACES` says how often.
#[test]
fn nothing_outside_is_reported_while_everything_is_swapped() {
    let scans = std::env::var("NHI_SCAN_RACES").ok().and_then(|text| text.parse().ok());
    let scans: u32 = scans.unwrap_or(8);
    let machine = Machine::new();
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().canonicalize().unwrap();
    let put = |path: &str| {
        let path = outside.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, aws(OUTSIDE)).unwrap();
        path
    };
    let secret = put(".aws/credentials");
    put("deep/er/.aws/credentials");
    machine.write("~/.aws/credentials", aws(INSIDE));
    machine.write("~/deep/er/.aws/credentials", aws(INSIDE));
    machine.write("~/linked/.aws/credentials", aws(INSIDE));
    machine.write("~/real/aws/credentials", aws(INSIDE));
    link(machine.home().join("real/aws"), machine.home().join("by-link/.aws"));
    let home = machine.home();
    let (stop, swaps_made) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut inside = 0;
    let swaps = [
        // A file, its folder, a folder above, the target of a link that leads to its folder, a link's own target.
        (secret.clone(), home.join(".aws/credentials")),
        (outside.join(".aws"), home.join("linked/.aws")),
        (outside.join("deep"), home.join("deep")),
        (outside.join(".aws"), home.join("real/aws")),
    ];
    std::thread::scope(|scope| {
        for (target, place) in &swaps {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    swap(target, place).unwrap();
                    swaps_made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..scans {
                let output = machine.program().arg(&home).args(["--format", "json"]).output();
                let output = output.unwrap();
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(!text.contains(OUTSIDE), "{text}");
                inside += text.matches(INSIDE).count();
                report(&output);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        ended.unwrap();
    });
    let swaps = swaps_made.into_inner();
    println!("{scans} scans, {swaps} swaps; the inner secret told {inside} times, the outer never");
    assert!(inside > 0 && swaps > scans);
}

/// Where the swappers below find what they swap; set by the test that starts them.
const SWAPS: &str = "NHI_SCAN_TEST_SWAPS";

/// The same with processes of others, in both ways of looking: one swaps files for links, the other folders. `NHI_SCAN_RACE_SECONDS`
/// says how long.
#[test]
fn nothing_outside_is_reported_while_processes_swap() {
    let seconds = std::env::var("NHI_SCAN_RACE_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(4));
    let machine = Machine::new();
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().canonicalize().unwrap();
    for path in ["file", "folder/.aws/credentials", "folder/notes.txt"] {
        let path = outside.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, aws(OUTSIDE)).unwrap();
    }
    for path in [
        "~/.aws/credentials",
        "~/a/notes.txt",
        "~/b/.aws/credentials",
        "~/b/notes.txt",
        "~/c/.aws/credentials",
    ] {
        machine.write(path, aws(INSIDE));
    }
    let home = machine.home();
    let swappers: Vec<_> = [
        (
            "files",
            vec![
                (outside.join("file"), home.join(".aws/credentials")),
                (outside.join("file"), home.join("a/notes.txt")),
            ],
        ),
        (
            "folders",
            vec![
                (outside.join("folder"), home.join("b")),
                (outside.join("folder/.aws"), home.join("c/.aws")),
            ],
        ),
    ]
    .into_iter()
    .map(|(name, swaps)| {
        let lines: Vec<String> =
            swaps.iter().map(|(to, at)| format!("{}\t{}", to.display(), at.display())).collect();
        let list = outside.join(name);
        fs::write(&list, lines.join("\n")).unwrap();
        let mut swapper = std::process::Command::new(std::env::current_exe().unwrap());
        swapper
            .args(["--exact", "outside::swapper", "--ignored"])
            .env(SWAPS, &list)
            .stdout(std::process::Stdio::null());
        (swapper.spawn().unwrap(), list.with_extension("count"))
    })
    .collect();
    let mut counts = [0_u32; 2];
    let (mut inside, mut leak) = (0, None);
    while Instant::now() < end && leak.is_none() {
        for (count, args) in
            counts.iter_mut().zip([&["--format", "json"][..], &["--deep", "--format", "json"]])
        {
            let output = machine.program().arg(&home).args(args).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            report(&output);
            inside += text.matches(INSIDE).count();
            *count += 1;
            leak = leak.or_else(|| text.contains(OUTSIDE).then_some(text));
        }
    }
    let mut swaps = 0_u64;
    for (mut swapper, count) in swappers {
        swapper.kill().unwrap();
        swapper.wait().unwrap();
        swaps += fs::read_to_string(count)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default();
    }
    let [default, deep] = counts;
    println!(
        "{default} scans, {deep} deep ones, at least {swaps} swaps by two processes; the inner secret told {inside} times"
    );
    assert_eq!(leak, None);
    assert!(inside > 0 && swaps > 0);
}

#[test]
#[ignore = "started by the test above, in a process of its own"]
fn swapper() {
    let Some(list) = std::env::var_os(SWAPS).map(PathBuf::from) else { return };
    let text = fs::read_to_string(&list).unwrap();
    let swaps: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let count = list.with_extension("count");
    for round in 1_u64.. {
        for (target, place) in &swaps {
            swap(Path::new(target), Path::new(place)).unwrap();
        }
        if round % 100 == 0 {
            fs::write(count.with_extension("new"), (round * swaps.len() as u64).to_string())
                .unwrap();
            fs::rename(count.with_extension("new"), &count).unwrap();
        }
    }
}

/// Puts a link in the place of what is there, and what was there back, at once each time.
fn swap(target: &Path, place: &Path) -> std::io::Result<()> {
    let (link, kept) = (place.with_extension("link"), place.with_extension("kept"));
    symlink(target, &link)?;
    fs::rename(place, &kept)?;
    fs::rename(&link, place)?;
    std::thread::yield_now();
    fs::rename(place, &link)?;
    fs::rename(&kept, place)?;
    fs::remove_file(&link)?;
    std::thread::yield_now();
    Ok(())
}

/// Files that grow without end, shrink and vanish while they are read hold nothing up.
#[test]
fn files_that_change_while_they_are_read_hold_nothing_up() {
    let machine = Machine::new();
    let history = machine.write("~/.bash_history", "ls\n".repeat(100_000));
    let cache = machine.write("~/.docker/config.json", "{}");
    machine.write("~/.vault-token", GOOD);
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write as _;
            let mut file = fs::File::options().append(true).open(&history).unwrap();
            let line = "curl -u kim:x https://api.example.com\n".repeat(1000);
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) && written < 1 << 30 {
                file.write_all(line.as_bytes()).unwrap();
                written += line.len();
                if written % (64 << 20) < line.len() {
                    file.set_len(300_000).unwrap();
                }
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::write(&cache, "{\"auths\": {".repeat(10_000));
                let _ = fs::write(&cache, "{}");
                let _ = fs::remove_file(&cache);
            }
        });
        let ended = std::panic::catch_unwind(|| {
            for _ in 0..5 {
                let report = machine.scan(&[]);
                let token = machine.home().join(".vault-token");
                assert_eq!(findings_below(&report, &token).len(), 1);
            }
        });
        stop.store(true, Ordering::Relaxed);
        ended
    });
    ended.unwrap();
}
