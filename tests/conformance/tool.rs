//! Whether a tool is on this machine, and where.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where `name` lies on the search path. Without it the test that asks has nothing to say.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    first(name, std::env::split_paths(&path).map(|folder| folder.join(name)))
}

/// Where `name` lies in the folder that `.ci/tools` filled from PyPI and npm, and `NHI_SCAN_TOOLS` names.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("NHI_SCAN_TOOLS").map(PathBuf::from);
    first(name, folder.into_iter().map(|folder| folder.join(name).join("bin").join(name)))
}

fn first(name: &str, mut places: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let found = places.find(|file| file.is_file());
    if found.is_none() {
        skip(name, "is not installed");
    }
    found
}

/// The interpreter that a tool from PyPI runs in, where its modules can be called.
pub(crate) fn python(tool: &Path) -> PathBuf {
    tool.with_file_name("python")
}

/// The folder of the packages that a tool from npm consists of.
pub(crate) fn modules(tool: &Path) -> PathBuf {
    tool.with_file_name("../lib/node_modules")
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
