//! What is left in the process's memory once a scan is done: nothing of what was read.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nhi_scan::rule::load::RuleSet;

use crate::machine::{Machine, PROGRAM};
use crate::secrecy::{Canaries, Likely, PIECE, TYPED, plant_rules};

/// What may be left of all secrets together: a register's worth here and there, moved with a value into room it does not use. No
/// allocator sees that.
const LEFT: usize = 64;

/// The program: that of the tests, or another build of it that `NHI_SCAN_PROGRAM` names.
fn program() -> std::ffi::OsString {
    std::env::var_os("NHI_SCAN_PROGRAM").unwrap_or_else(|| PROGRAM.into())
}

/// The secrets of every test of every rule are read; then, while the program waits for the reader of its report, its memory is
/// searched for any piece of them.
#[test]
fn what_was_read_is_gone_after_the_scan() {
    if !rustix::process::geteuid().is_root() {
        println!("only root may look into another process");
        return;
    }
    let machine = Machine::new();
    let set = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut canaries = Canaries::new(&set);
    plant_rules(&machine, &set, &mut canaries);
    for (path, template) in TYPED {
        let text = canaries.expand(template, path);
        machine.write(std::path::Path::new("~").join(path), text);
    }
    let told = machine.program().arg(&machine.root).args(["--format", "json"]).output().unwrap();
    let pieces = pieces(&canaries, &told.stdout);

    let mut child = Command::new(program());
    child.env_clear().env("HOME", machine.home()).current_dir(&machine.root);
    child.arg(&machine.root).args(["--format", "json"]).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    // The report is far larger than a pipe holds: once its first byte is here, the scan is over and the program waits.
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let memory = memory_of(child.id());
    child.kill().unwrap();
    child.wait().unwrap();

    let root = machine.root.to_str().unwrap().as_bytes();
    let seen = memory.iter().filter(|(_, bytes)| bytes.windows(root.len()).any(|w| w == root));
    assert!(seen.count() > 0, "the memory that was searched is that of the scan");
    let likely = Likely::new(pieces.keys());
    let mut left: HashMap<usize, (usize, &str)> = HashMap::new();
    for (region, bytes) in &memory {
        let mut end = 0;
        for (at, piece) in bytes.windows(PIECE).enumerate() {
            let piece: &[u8; PIECE] = piece.try_into().unwrap();
            if let Some(whose) = likely.has(piece).then(|| pieces.get(piece)).flatten() {
                let entry = left.entry(*whose).or_insert((0, region));
                entry.0 += at + PIECE - end.max(at);
                end = at + PIECE;
            }
        }
    }
    let bytes: usize = left.values().map(|(bytes, _)| bytes).sum();
    println!("{} secrets read, {bytes} bytes of {} of them left", canaries.all.len(), left.len());
    for (whose, (bytes, region)) in &left {
        println!(
            "{bytes} in {region}: {} {}",
            canaries.all[*whose].label, canaries.all[*whose].text
        );
    }
    let longest = left.values().map(|(bytes, _)| *bytes).max().unwrap_or_default();
    assert!(bytes <= LEFT && longest <= LEFT / 4, "{bytes} bytes, {longest} of one secret");
}

/// The pieces of all secrets, and whose they are. What a report tells on purpose is no secret: another test sees to that.
fn pieces(canaries: &Canaries, told: &[u8]) -> HashMap<[u8; PIECE], usize> {
    let told: HashSet<&[u8]> = told.windows(PIECE).collect();
    let secret = canaries.all.iter().enumerate().filter(|(_, canary)| {
        canary.text.len() >= 2 * PIECE
            && !canary.text.as_bytes().windows(PIECE).any(|piece| told.contains(piece))
    });
    secret
        .flat_map(|(at, canary)| {
            let pieces = canary.text.as_bytes().windows(PIECE);
            pieces.filter_map(move |piece| Some((piece.try_into().ok()?, at)))
        })
        .collect()
}

/// Everything the process could have written to.
fn memory_of(process: u32) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let writable = maps.lines().filter(|line| line.split(' ').nth(1).unwrap().starts_with("rw"));
    writable
        .filter_map(|line| {
            let (start, rest) = line.split_once('-').unwrap();
            let (end, rest) = rest.split_once(' ').unwrap();
            let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            memory.read_exact_at(&mut bytes, start).ok()?;
            Some((rest.split_whitespace().last().unwrap().to_owned(), bytes))
        })
        .collect()
}

/// The limits of a scan that waits, as the kernel tells them.
#[test]
fn there_is_no_core_file() {
    let machine = Machine::new();
    for copy in 0..200 {
        machine.write(format!("home/u{copy}/.vault-token"), crate::machine::GOOD);
    }
    let mut child = Command::new(PROGRAM);
    child.env_clear().env("HOME", machine.home()).arg(&machine.root).args(["--format", "json"]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0]).unwrap();
    let told = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.id()));
    let limits = told("limits").unwrap_or_default();
    let status = told("status").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core = core.map(|line| line.split_whitespace().skip(4).take(2).collect::<Vec<_>>());
    assert!(core.is_none_or(|limits| limits == ["0", "0"]), "{limits}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
}
