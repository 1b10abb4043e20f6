//! What a bundle tells of program and machine beyond the report; gathered before the scan, while files may still be opened.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::extract::secret::hex;
use crate::host::Host;

/// Facts about program and machine.
#[derive(Clone, Debug)]
pub struct Facts {
    /// SHA-256 of the running program.
    pub binary_sha256: Option<String>,
    /// Name and version of the operating system.
    pub os_version: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Whether a time service keeps the clock.
    pub ntp_synchronized: Option<bool>,
    /// Whether `SOURCE_DATE_EPOCH` is the clock.
    pub clock_is_set: bool,
    /// What stands on the command line.
    pub argv: Vec<String>,
}

impl Facts {
    /// Gathers them. Where the program lies and where the bundle goes says nothing about the scan.
    #[expect(clippy::disallowed_methods, reason = "the system's own files, not scanned ones")]
    pub fn gather(host: &Host, bundle: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let program = std::env::current_exe().ok();
        let told = |word: std::ffi::OsString| {
            if word == bundle { "DIR".into() } else { word.to_string_lossy().into_owned() }
        };
        Self {
            binary_sha256: program.and_then(|path| digest(&path).ok()),
            os_version: read("/etc/os-release").and_then(|text| pretty_name(&text)),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            // systemd-timesyncd(8) makes this file once the clock was set; of other services nothing says so without asking them.
            ntp_synchronized: Path::new("/run/systemd/timesync/synchronized")
                .exists()
                .then_some(true),
            clock_is_set: host.env.contains_key("SOURCE_DATE_EPOCH"),
            argv: std::iter::once("nhi-scan".to_owned())
                .chain(std::env::args_os().skip(1).map(told))
                .collect(),
        }
    }
}

/// SHA-256 of a regular file, hex. Nothing else is opened: a pipe would never end.
pub(super) fn digest(path: &Path) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..count]);
    }
}

/// `PRETTY_NAME` of os-release(5).
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches('"').to_owned())
}
