//! Formats that are not read here, told by their first bytes, and what makes them readable.

/// How many bytes tell a format: the superblock of btrfs ends there.
pub const BEGINNING: usize = 0x10048;

/// A format that is not read here.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    /// As the report names it.
    pub name: &'static str,
    /// Nothing of it can be read without a key.
    pub is_locked: bool,
    /// What makes it readable: a command for `FILE`.
    pub instead: &'static str,
    /// Where its mark stands, in bytes, and the mark.
    mark: (usize, &'static [u8]),
}

const CONVERT: &str = "`qemu-img convert -O qcow2 FILE disk.qcow2` makes a disk that is";
const MOUNT: &str = "`mount -o ro,loop FILE DIR` makes a folder for `--root`";
const UNPACK: &str = "unpack it into a folder, for `--root`";

/// The file systems and containers that are known by name. A boot sector may look like a partition table: these are asked first.
const KNOWN: [Foreign; 25] = [
    file("XFS", "`mount -o ro,norecovery,loop FILE DIR` makes a folder for `--root`", 0, b"XFSB"),
    file("btrfs", MOUNT, 0x10040, b"_BHRfS_M"),
    file("NTFS", MOUNT, 3, b"NTFS    "),
    file("exFAT", MOUNT, 3, b"EXFAT   "),
    file("F2FS", MOUNT, 1024, b"\x10\x20\xF5\xF2"),
    file("ISO 9660", MOUNT, 0x8001, b"CD001"),
    file("squashfs", "`unsquashfs -d DIR FILE` makes a folder for `--root`", 0, b"hsqs"),
    file("EROFS", MOUNT, 1024, b"\xE2\xE1\xF5\xE0"),
    file("LVM", "`guestmount --ro -a FILE -i DIR` makes a folder for `--root`", 512, b"LABELONE"),
    Foreign {
        name: "LUKS",
        is_locked: true,
        instead: "after `cryptsetup open --readonly FILE NAME` it is `--image /dev/mapper/NAME`",
        mark: (0, b"LUKS\xBA\xBE"),
    },
    Foreign {
        name: "BitLocker",
        is_locked: true,
        instead: "after `cryptsetup bitlkOpen --readonly FILE NAME` mount /dev/mapper/NAME, for `--root`",
        mark: (3, b"-FVE-FS-"),
    },
    file("VMDK", CONVERT, 0, b"KDMV"),
    file("VMDK", CONVERT, 0, b"# Disk Descriptor"),
    file("VDI", CONVERT, 64, b"\x7F\x10\xDA\xBE"),
    file("VHD", CONVERT, 0, b"conectix"),
    file("VHDX", CONVERT, 0, b"vhdxfile"),
    file("QED", CONVERT, 0, b"QED\0"),
    file("Parallels", CONVERT, 0, b"WithoutFreeSpace"),
    file("Parallels", CONVERT, 0, b"WithouFreSpacExt"),
    file(
        "EWF",
        "`ewfmount FILE DIR` makes a disk, DIR/ewf1, for `--image`",
        0,
        b"EVF\x09\x0D\x0A\xFF\0",
    ),
    file("xz", "try `xz -dc FILE | nhi-scan --image -`", 0, b"\xFD7zXZ\0"),
    file("bzip2", "try `bzip2 -dc FILE | nhi-scan --image -`", 4, b"1AY&SY"),
    file("lz4", "try `lz4 -dc FILE | nhi-scan --image -`", 0, b"\x04\x22\x4D\x18"),
    file("ZIP", UNPACK, 0, b"PK\x03\x04"),
    file("7z", UNPACK, 0, b"7z\xBC\xAF\x27\x1C"),
];

const fn file(
    name: &'static str,
    instead: &'static str,
    at: usize,
    mark: &'static [u8],
) -> Foreign {
    Foreign { name, is_locked: false, instead, mark: (at, mark) }
}

impl Foreign {
    /// What begins so, if it is one of these.
    pub fn of(start: &[u8]) -> Option<&'static Self> {
        KNOWN.iter().find(|known| {
            let (at, mark) = known.mark;
            start.get(at..at + mark.len()) == Some(mark)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_lies_in_the_beginning() {
        for known in &KNOWN {
            let (at, mark) = known.mark;
            assert!(at + mark.len() <= BEGINNING, "{}", known.name);
            let mut start = vec![0; BEGINNING];
            start[at..at + mark.len()].copy_from_slice(mark);
            assert_eq!(Foreign::of(&start).map(|it| it.name), Some(known.name));
            assert_eq!(Foreign::of(&start[..at + mark.len() - 1]), None);
        }
    }
}
