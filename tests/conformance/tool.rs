//! Whether a tool is on this machine, and where.

use std::io::Write as _;
use std::path::PathBuf;

/// Where `name` lies on the search path. Without it the test that asks has nothing to say.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skip(name, "is not installed");
    }
    found
}

/// Tells on stderr that a test is left out, and why.
///
/// # Panics
///
/// Where `NHI_SCAN_CONFORMANCE` says that it must run.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
pub(crate) fn skip(name: &str, reason: &str) {
    let required = std::env::var("NHI_SCAN_CONFORMANCE").unwrap_or_default();
    let required = required.split(',').any(|word| word == "all" || word == name);
    assert!(!required, "{name} {reason}, and NHI_SCAN_CONFORMANCE wants it");
    // Not `eprintln!`: the test harness keeps that to itself when the test passes.
    writeln!(std::io::stderr(), "conformance: {name} {reason}, skipped").ok();
}
