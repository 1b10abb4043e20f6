//! Whether a tool is on this machine, where, and in which version.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// What has been told already: a tool is told once, however many tests it is in.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Where `name` lies on the search path. Without it the test that asks has nothing to say.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let tool = on_path(name);
    match &tool {
        Some(tool) => used(name, tool),
        None => skip(name, "is not installed"),
    }
    tool
}

/// As [`find`], for what a test needs beside the tool it is about: it is not counted.
pub(crate) fn aid(name: &str) -> Option<PathBuf> {
    let tool = on_path(name);
    if tool.is_none() {
        skip(name, "is not installed");
    }
    tool
}

/// Where `name` lies in the folder that `.ci/tools` filled from `PyPI` and npm, and `NHI_SCAN_TOOLS` names.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let Some(tools) = std::env::var_os("NHI_SCAN_TOOLS") else {
        skip("second stage", "NHI_SCAN_TOOLS names no folder that .ci/tools filled");
        return None;
    };
    let folder = Path::new(&tools).join(name);
    let tool = folder.join("bin").join(name);
    // Written last: without it, the installation broke off.
    let Ok(packages) = fs::read_to_string(folder.join("packages")) else {
        skip(name, "is not installed");
        return None;
    };
    if !tool.is_file() {
        skip(name, "is not in its packages");
        return None;
    }
    tell(&format!("{name} ran {}", packages.trim()));
    Some(tool)
}

/// The interpreter that a tool from `PyPI` runs in, where its modules can be called.
pub(crate) fn python(tool: &Path) -> PathBuf {
    tool.with_file_name("python")
}

/// The folder of the packages that a tool from npm consists of.
pub(crate) fn modules(tool: &Path) -> PathBuf {
    tool.with_file_name("../lib/node_modules")
}

/// Tells that a tool is put to the test, and its version as it says it.
pub(crate) fn used(name: &str, tool: &Path) {
    let version = version(name, tool);
    tell(&format!("{name} ran {version}"));
}

/// Tells that a test is left out, and why.
///
/// # Panics
///
/// Where `NHI_SCAN_CONFORMANCE` says that it must run.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
pub(crate) fn skip(name: &str, reason: &str) {
    let required = std::env::var("NHI_SCAN_CONFORMANCE").unwrap_or_default();
    let required = required.split(',').any(|word| word == "all" || word == name);
    assert!(!required, "{name} {reason}, and NHI_SCAN_CONFORMANCE wants it");
    tell(&format!("{name} skipped: {reason}"));
}

#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The first line of what it says of itself.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
fn version(name: &str, tool: &Path) -> String {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60"]);
    match name {
        "ssh-keygen" => command.args(["ssh", "-V"]),
        "ktutil" => command.args(["klist", "-V"]),
        "hcloud" | "openssl" | "terraform" => command.arg(tool).arg("version"),
        "xauth" => command.arg(tool).arg("-V"),
        "keytool" => command.args(["java", "--version"]),
        // They do not say it themselves.
        "nuget" => command.args(["dpkg-query", "-W", "nuget"]),
        "pk12util" => command.args(["dpkg-query", "-W", "libnss3-tools"]),
        "vncpasswd" => command.args(["dpkg-query", "-W", "tigervnc-tools"]),
        "kubectl" => command.arg(tool).args(["version", "--client"]),
        _ => command.arg(tool).arg("--version"),
    };
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("COMPOSER_ALLOW_SUPERUSER", "1")
        .env("TERM", "dumb")
        .current_dir(home.path())
        .stdin(Stdio::null());
    let Ok(output) = command.output() else { return "unknown".to_owned() };
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    // Without what makes it bold.
    let line = printed.replace("\u{1b}[1m", "").replace("\u{1b}[m", "");
    let line =
        line.lines().find(|line| !line.trim().is_empty()).unwrap_or("in no version it tells");
    line.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

/// One line on stderr, and in the file that `NHI_SCAN_CONFORMANCE_REPORT` names.
#[expect(clippy::disallowed_methods, reason = "a test has no Host")]
fn tell(line: &str) {
    if !TOLD.lock().is_ok_and(|mut told| told.insert(line.to_owned())) {
        return;
    }
    // Not `eprintln!`: the test harness keeps that to itself when the test passes.
    writeln!(std::io::stderr(), "conformance: {line}").ok();
    if let Some(report) = std::env::var_os("NHI_SCAN_CONFORMANCE_REPORT") {
        let file = OpenOptions::new().create(true).append(true).open(report);
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .expect("the report can be written");
    }
}
