//! Disk images: tables and qcow2 files written here, file systems by their own programs where these are there.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::machine::{GOOD, Machine, report};

const USER_DATA: &str = "#cloud-config\nchpasswd: {list: \"ops:Kw7x2mJp9sLe3SfR\"}\n";

fn scan(machine: &Machine, image: &Path) -> Value {
    let mut command = machine.program();
    command.arg("--image").arg(image).args(["--format", "json"]);
    report(&command.output().unwrap())
}

fn paths(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut paths: Vec<&str> =
        findings.map(|it| it["location"]["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

fn skips(report: &Value) -> Vec<String> {
    let skips = report["coverage"]["skipped"].as_array().unwrap().iter();
    skips
        .map(|skip| {
            format!("{} {}", skip["path"].as_str().unwrap(), skip["reason"].as_str().unwrap())
        })
        .collect()
}

/// A FAT file system with the seed of cloud-init.
fn fat() -> Vec<u8> {
    let mut bytes = Cursor::new(vec![0; 2 << 20]);
    fatfs::format_volume(&mut bytes, fatfs::FormatVolumeOptions::new()).unwrap();
    let system = fatfs::FileSystem::new(&mut bytes, fatfs::FsOptions::new()).unwrap();
    let folder = system.root_dir().create_dir("seed").unwrap();
    folder.create_file("user-data").unwrap().write_all(USER_DATA.as_bytes()).unwrap();
    folder.create_file("a rather long name.txt").unwrap().write_all(b"x").unwrap();
    drop(folder);
    drop(system);
    bytes.into_inner()
}

/// An ext4 file system of a folder, if this machine can make one.
fn ext4(machine: &Machine, folder: &Path, label: &str) -> Option<Vec<u8>> {
    let path = machine.root.join("made.ext4");
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-L", label, "-d"])
        .arg(folder)
        .arg(&path)
        .arg("8M")
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        println!("left out: no mkfs.ext4 here");
        return None;
    }
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    Some(bytes)
}

/// Partitions behind an MBR: the second and later ones in an extended partition.
fn mbr(partitions: &[Vec<u8>]) -> Vec<u8> {
    let mut disk = vec![0; 1 << 20];
    let entry = |kind: u8, first: usize, sectors: usize| {
        let mut entry = [0; 16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&u32::try_from(first).unwrap().to_le_bytes());
        entry[12..16].copy_from_slice(&u32::try_from(sectors).unwrap().to_le_bytes());
        entry
    };
    let first = disk.len() / 512;
    disk[446..462].copy_from_slice(&entry(0x83, first, partitions[0].len() / 512));
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk.extend_from_slice(&partitions[0]);
    let base = disk.len() / 512;
    disk[462..478].copy_from_slice(&entry(0x05, base, 1 << 20));
    for (at, partition) in partitions[1..].iter().enumerate() {
        let mut link = vec![0; 512 * 64];
        link[446..462].copy_from_slice(&entry(0x83, 64, partition.len() / 512));
        if at + 2 < partitions.len() {
            let next = disk.len() / 512 + 64 + partition.len() / 512 - base;
            link[462..478].copy_from_slice(&entry(0x05, next, 1));
        }
        link[510..512].copy_from_slice(&[0x55, 0xAA]);
        disk.extend_from_slice(&link);
        disk.extend_from_slice(partition);
    }
    disk
}

/// A qcow2 of a disk, its clusters stored last to first, every third one compressed; changed by `change` before it is written.
fn qcow2(disk: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    const CLUSTER: usize = 65536;
    let clusters: Vec<&[u8]> = disk.chunks(CLUSTER).collect();
    let mut file = vec![0; CLUSTER * 3];
    file[..4].copy_from_slice(b"QFI\xFB");
    file[4..8].copy_from_slice(&3_u32.to_be_bytes());
    file[20..24].copy_from_slice(&16_u32.to_be_bytes());
    file[24..32].copy_from_slice(&(disk.len() as u64).to_be_bytes());
    file[36..40].copy_from_slice(&1_u32.to_be_bytes());
    file[40..48].copy_from_slice(&(CLUSTER as u64).to_be_bytes());
    file[100..104].copy_from_slice(&104_u32.to_be_bytes());
    file[CLUSTER..CLUSTER + 8].copy_from_slice(&((1 << 63) | (2 * CLUSTER as u64)).to_be_bytes());
    for (at, cluster) in clusters.iter().enumerate().rev() {
        if cluster.iter().all(|byte| *byte == 0) {
            continue;
        }
        let entry = if at % 3 == 0 {
            let mut whole = cluster.to_vec();
            whole.resize(CLUSTER, 0);
            let mut packer =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(&whole).unwrap();
            let packed = packer.finish().unwrap();
            let place = file.len() as u64;
            let sectors = (place + packed.len() as u64).div_ceil(512) - place / 512 - 1;
            file.extend_from_slice(&packed);
            (1 << 62) | (sectors << 54) | place
        } else {
            file.resize(file.len().div_ceil(CLUSTER) * CLUSTER, 0);
            let place = file.len() as u64;
            file.extend_from_slice(cluster);
            (1 << 63) | place
        };
        let slot = 2 * CLUSTER + at * 8;
        file[slot..slot + 8].copy_from_slice(&entry.to_be_bytes());
    }
    file.resize(file.len().div_ceil(512) * 512, 0);
    change(&mut file);
    file
}

#[test]
fn a_fat_file_system_is_read_bare_in_a_partition_and_in_a_qcow2() {
    let machine = Machine::new();
    for (case, bytes) in [
        ("bare", fat()),
        ("in a partition", mbr(&[fat()])),
        ("in a qcow2", qcow2(&fat(), |_| {})),
        ("in a partition in a qcow2", qcow2(&mbr(&[fat()]), |_| {})),
    ] {
        let report = scan(&machine, &machine.write("disk.img", bytes));
        assert_eq!(paths(&report), ["/seed/user-data"], "{case}");
        assert_eq!(skips(&report), Vec::<String>::new(), "{case}");
        let issues = report["findings"][0]["issues"].as_array().unwrap();
        assert!(issues.contains(&json!("user-data-secret")), "{issues:?}");
    }
}

/// The file systems of a disk are one tree, as its `fstab` makes it.
#[test]
fn an_ext4_disk_tells_what_its_tree_tells() {
    let machine = Machine::new();
    machine.write(
        "tree/etc/passwd",
        "root:x:0:0::/root:/bin/sh\nkim:x:1000:1000::/home/kim:/bin/sh\n",
    );
    machine.write(
        "tree/etc/fstab",
        "# what where\nLABEL=data /home ext4 defaults 0 2\nUUID=none /mnt ext4 defaults 0 0\n",
    );
    fs::create_dir_all(machine.root.join("tree/usr")).unwrap();
    machine.write("tree/root/.vault-token", GOOD);
    machine.write("tree/var/lib/cloud/instances/i/user-data.txt", USER_DATA);
    machine.write("homes/kim/.aws/credentials", "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        "/var/lib/cloud/instances/i",
        machine.root.join("tree/var/lib/cloud/instance"),
    )
    .unwrap();
    let (tree, homes) = (machine.root.join("tree"), machine.root.join("homes"));
    let (Some(system), Some(data)) =
        (ext4(&machine, &tree, "system"), ext4(&machine, &homes, "data"))
    else {
        return;
    };
    let mut command = machine.program();
    let of_tree =
        report(&command.arg("--root").arg(&tree).args(["--format", "json"]).output().unwrap());
    let bare = scan(&machine, &machine.write("system.img", &system));
    assert_eq!(paths(&bare), ["/root/.vault-token", "/var/lib/cloud/instances/i/user-data.txt"]);
    for (a, b) in
        of_tree["findings"].as_array().unwrap().iter().zip(bare["findings"].as_array().unwrap())
    {
        for field in ["id", "location", "custody", "issues", "score", "lifetime"] {
            assert_eq!(a[field], b[field], "{field}");
        }
    }
    let disk = mbr(&[system, data, fat()]);
    for (case, bytes) in [("raw", disk.clone()), ("qcow2", qcow2(&disk, |_| {}))] {
        let report = scan(&machine, &machine.write("disk.img", bytes));
        assert_eq!(
            paths(&report),
            [
                "/home/kim/.aws/credentials",
                "/partition-6/seed/user-data",
                "/root/.vault-token",
                "/var/lib/cloud/instances/i/user-data.txt"
            ],
            "{case}"
        );
        assert_eq!(skips(&report), Vec::<String>::new(), "{case}");
        let kim =
            report["findings"].as_array().unwrap().iter().find(|it| it["rule"] == "aws").unwrap();
        assert_eq!(kim["location"]["home"], "/home/kim");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let machine = Machine::new();
    let be = |at: usize, bytes: Vec<u8>| {
        move |file: &mut Vec<u8>| file[at..at + bytes.len()].copy_from_slice(&bytes)
    };
    let mut luks = vec![0; 1 << 20];
    luks[..6].copy_from_slice(b"LUKS\xBA\xBE");
    let mut xfs = vec![0; 1 << 20];
    xfs[..4].copy_from_slice(b"XFSB");
    let mut huge = vec![0; 1 << 20];
    huge[1080..1082].copy_from_slice(&[0x53, 0xEF]);
    huge[1028..1032].fill(0xFF);
    huge[1056..1060].copy_from_slice(&1_u32.to_le_bytes());
    let mut gpt = mbr(&[fat()]);
    gpt[510] = 0;
    for (case, bytes, reason) in [
        (
            "a backing file",
            qcow2(&fat(), be(8, 1_u64.to_be_bytes().to_vec())),
            "disk layer-missing",
        ),
        (
            "encrypted",
            qcow2(&fat(), be(32, 2_u32.to_be_bytes().to_vec())),
            "disk unsupported-encryption",
        ),
        ("external data", qcow2(&fat(), be(72, 4_u64.to_be_bytes().to_vec())), "disk unrecognised"),
        (
            "a table without end",
            qcow2(&fat(), be(24, (1_u64 << 49).to_be_bytes().to_vec())),
            "disk malformed",
        ),
        (
            "a table out of the file",
            qcow2(&fat(), be(40, (1_u64 << 60).to_be_bytes().to_vec())),
            "disk io-error",
        ),
        (
            "clusters of no size",
            qcow2(&fat(), be(20, 63_u32.to_be_bytes().to_vec())),
            "disk malformed",
        ),
        ("only a header", b"QFI\xFB\0\0\0\x03".to_vec(), "disk malformed"),
        ("locked", qcow2(&luks, |_| {}), "disk (LUKS) unsupported-encryption"),
        ("a partition is locked", mbr(&[luks, fat()]), "partition-1 (LUKS) unsupported-encryption"),
        ("another file system", mbr(&[xfs]), "partition-1 (XFS) unrecognised"),
        (
            "a partition of nothing known",
            mbr(&[vec![0x5A; 1 << 20], fat()]),
            "partition-1 unrecognised",
        ),
        ("nothing in it", qcow2(&vec![0; 1 << 20], |_| {}), "disk unrecognised"),
        ("more block groups than memory has room for", huge, "disk too-large"),
    ] {
        let report = scan(&machine, &machine.write("disk.img", bytes));
        assert_eq!(skips(&report), [reason], "{case}");
    }
}

/// What a boot loader keeps in a partition is no file system that was not read.
#[test]
fn partitions_of_boot_loaders_and_swap_are_no_gap() {
    let machine = Machine::new();
    for kind in [0x82, 0x41] {
        let mut disk = mbr(&[vec![0x5A; 1 << 20], fat()]);
        disk[450] = kind;
        let report = scan(&machine, &machine.write("disk.img", disk));
        assert_eq!(skips(&report), Vec::<String>::new());
        assert_eq!(paths(&report), ["/seed/user-data"]);
    }
}

/// Bytes changed anywhere in a disk: an end, never a hang or a crash.
#[test]
fn broken_disks_end() {
    let machine = Machine::new();
    let tree = machine.root.join("tree");
    machine.write("tree/home/kim/.vault-token", GOOD);
    let mut disks = vec![fat(), qcow2(&mbr(&[fat()]), |_| {})];
    disks.extend(ext4(&machine, &tree, "x"));
    for disk in disks {
        let path: PathBuf = machine.root.join("disk.img");
        let last = disk.iter().rposition(|byte| *byte != 0).unwrap();
        let used: Vec<usize> = (0..last).filter(|at| disk[*at] != 0).collect();
        for at in used.iter().step_by((used.len() / 16).max(1)) {
            let mut changed = disk.clone();
            changed[*at] ^= 0xFF;
            fs::write(&path, &changed).unwrap();
            let output = machine.program().arg("--image").arg(&path).output().unwrap();
            assert!(matches!(output.status.code(), Some(0 | 2)), "{at}: {}", output.status);
        }
        fs::write(&path, &disk[..last / 2]).unwrap();
        scan(&machine, &path);
    }
}
