//! Every `fixtures/<rule>/<case>` is one test: the home as a tool wrote it, and what a scan must say of it.
//!
//! `case.yaml` tells the clock, file modes and the environment; `expected.json` is what comes out. The folder's name says what
//! should happen: `ok-…` must stay silent. `UPDATE_FIXTURES=1 cargo test --test fixtures` writes what is missing or differs, to
//! be read before it is committed.

#![expect(clippy::disallowed_methods, reason = "a test reads its own files and environment")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nhi_scan::cli::ScanArgs;
use nhi_scan::host::Host;
use nhi_scan::plan::Plan;
use nhi_scan::report::Report;
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::pack::Pack;
use nhi_scan::{Control, scan};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    /// System the home comes from; only told.
    os: Option<String>,
    /// Clock of the scan.
    now: Option<String>,
    /// Path below the home -> octal mode.
    modes: BTreeMap<String, String>,
    /// Path below the home -> age of the content in days.
    ages: BTreeMap<String, i64>,
    /// Variables; `~` is the home.
    env: BTreeMap<String, String>,
    /// The folder is no home but `/` of a machine that others are made from.
    root: bool,
}

const NOW: &str = "2026-11-24T12:00:00Z";

/// How old the files of a case are where it does not say.
const AGE: Duration = Duration::from_hours(3);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn run(case_file: &Path) -> Result<()> {
    let folder = case_file.parent().ok_or("no folder")?;
    let case: Case = serde_yaml::from_str(&fs::read_to_string(case_file)?)?;
    let scratch = tempfile::tempdir()?;
    let home = scratch.path().canonicalize()?.join("home/user");
    let now: jiff::Timestamp = case.now.as_deref().unwrap_or(NOW).parse()?;
    // A token that tells no end of its own ends some time after its file was written, by the clock of the case.
    let written = UNIX_EPOCH + Duration::from_secs(u64::try_from(now.as_second())?) - AGE;
    copy(&folder.join("home"), &home, written)?;
    let report = scan_home(&home, &scratch.path().join("key"), &case)?;
    let told = tell(&report, &home);
    let expected_file = folder.join("expected.json");
    let update = std::env::vars_os().any(|(name, _)| name == "UPDATE_FIXTURES");
    let expected: Value = match fs::read_to_string(&expected_file) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Value::Null,
    };
    if update && expected != told {
        fs::write(&expected_file, format!("{told:#}\n"))?;
        return Ok(());
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("ok-") && told["findings"] != json!([]) {
        return Err(format!("an ok- case must stay silent: {:#}", told["findings"]).into());
    }
    if expected != told {
        return Err(format!("expected\n{expected:#}\ngot\n{told:#}").into());
    }
    Ok(())
}

static PACK: LazyLock<Arc<Pack>> = LazyLock::new(|| {
    let rules = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
    Arc::new(Pack::new(rules).unwrap_or_else(|error| panic!("{error}")))
});

fn scan_home(home: &Path, key: &Path, case: &Case) -> Result<Report> {
    fs::write(key, b"the key of the fixtures, known to all")?;
    for (path, mode) in &case.modes {
        set_mode(&home.join(path), u32::from_str_radix(mode, 8)?)?;
    }
    let mut host = Host::read()?;
    host.home = Some(home.to_owned());
    host.env = case
        .env
        .iter()
        .map(|(name, value)| (name.clone(), value.replace('~', &home.to_string_lossy())))
        .collect();
    host.now = case.now.as_deref().unwrap_or(NOW).parse()?;
    let now = UNIX_EPOCH + Duration::from_secs(u64::try_from(host.now.as_second())?);
    for (path, days) in &case.ages {
        let age = Duration::from_secs(u64::try_from(*days)? * 86_400);
        fs::File::options().append(true).open(home.join(path))?.set_modified(now - age)?;
    }
    let args = ScanArgs {
        paths: if case.root { Vec::new() } else { vec![home.to_owned()] },
        root: case.root.then(|| home.to_owned()),
        fingerprint_key_file: Some(key.to_owned()),
        fingerprint_passwords: true,
        max_file_size: 16,
        ..ScanArgs::default()
    };
    let plan = Plan::with(Arc::clone(&PACK), &args, host)?;
    Ok(scan(&plan, &Control::default()))
}

/// The report without what differs from run to run: ids, ages by file time, and the score, which has tests of its own.
fn tell(report: &Report, home: &Path) -> Value {
    let relative = |path: &str| path.replace(&*home.to_string_lossy(), "~");
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let mut told = json!({
                "rule": finding.rule,
                "tool": finding.tool,
                "confidence": finding.confidence,
                "identity": finding.identity,
                "credentials": finding.credentials,
                "state": finding.lifetime.state,
                "scope": finding.scope,
                "storage": finding.custody.storage,
                "held_by": finding.custody.held_by,
                "path": relative(&finding.location.path),
                "line": finding.location.line,
                "key": finding.location.key,
                "place": finding.location.state,
                "also_in": finding.also_in.len(),
                "end": finding.end,
            });
            prune(&mut told);
            told
        })
        .collect();
    let mut findings = findings;
    findings.sort_by_key(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (text("path"), finding["line"].as_u64(), text("key"), text("rule"), finding.to_string())
    });
    let skipped: Vec<Value> = report
        .coverage
        .skipped
        .iter()
        .map(|skip| json!({"path": relative(&skip.path), "reason": skip.reason}))
        .collect();
    json!({"findings": findings, "skipped": skipped})
}

/// Leaves out nulls and empty lists: what is not told needs no line.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields
                .retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// `dot_git` stands for `.git`: a repository inside a repository cannot be kept under its own name.
fn copy(from: &Path, to: &Path, written: SystemTime) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let target: PathBuf = to.join(if name == "dot_git" { ".git".into() } else { name });
        if entry.file_type()?.is_symlink() {
            symlink(&fs::read_link(entry.path())?, &target)?;
        } else if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, written)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::File::options().append(true).open(&target)?.set_modified(written)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

datatest_stable::harness! {
    { test = run, root = "fixtures", pattern = r"/case\.yaml$" },
}
