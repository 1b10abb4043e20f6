//! A machine of its own for each test: a temporary folder with one home, and the program run on it with a clean environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_nhi-scan");

/// A Vault token file: the plainest cache there is, planted to be found.
pub(crate) const GOOD: &str =
    "hvs.CAESIJ1yPTgb5hMS2bFxwPp0tVbhqXz7y8u9w0e1r2t3y4u5i6o7p8a9s0d1f2g3h4j5k6l7z8x9c0v1b2n3m4";

/// Folders of a machine; gone when it is dropped.
pub(crate) struct Machine {
    _folder: TempDir,
    /// Its `/`, links resolved.
    pub(crate) root: PathBuf,
}

impl Machine {
    /// With an empty `home/user`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("home/user")).unwrap();
        Self { _folder: folder, root }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home/user")
    }

    /// Writes a file below the root; `~` is the home.
    pub(crate) fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = path.as_ref();
        let path = match path.strip_prefix("~") {
            Ok(rest) => self.home().join(rest),
            Err(_) => self.root.join(path),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The program, for a user whose home this is and who has set nothing else.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .env_clear()
            .env("HOME", self.home())
            .current_dir(&self.root)
            .timeout(Duration::from_mins(5));
        command
    }

    /// Runs a scan of the whole machine that must succeed, and gives its JSON report.
    pub(crate) fn scan(&self, args: &[&str]) -> Value {
        let mut command = self.program();
        command.arg(&self.root).args(["--format", "json"]).args(args);
        report(&command.output().unwrap())
    }
}

/// The JSON report on stdout of a run that went well.
pub(crate) fn report(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The findings whose path is, or lies below, this one.
pub(crate) fn findings_below<'r>(report: &'r Value, path: &Path) -> Vec<&'r Value> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| {
            Path::new(finding["location"]["path"].as_str().unwrap()).starts_with(path)
        })
        .collect()
}

/// The reasons for which this very path was skipped.
pub(crate) fn skips_of<'r>(report: &'r Value, path: &Path) -> Vec<&'r str> {
    let skips = report["coverage"]["skipped"].as_array().unwrap().iter();
    let of_it = skips.filter(|skip| skip["path"] == path.to_string_lossy().as_ref());
    of_it.map(|skip| skip["reason"].as_str().unwrap()).collect()
}
