//! `MANIFEST.json`: all that an auditor asks of a list that a tool made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{Mode, Pruned, Sandbox, Severity};

/// Value of `format`.
pub const FORMAT: &str = "nhi-scan/evidence/1";

/// What was done, by whom, when, with what, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Always `nhi-scan/evidence/1`.
    pub format: String,
    /// Id of the scan; under `SOURCE_DATE_EPOCH` it follows from what was found.
    pub scan_id: String,
    /// The program.
    pub tool: Program,
    /// The rules, file by file in `rules.lock.json`.
    pub rules: Digested,
    /// The policy, in `policy.yaml`.
    pub policy: PolicyDigest,
    /// What was written on the command line; null where privacy asks for less.
    pub argv: Option<Vec<String>>,
    /// What that came to.
    pub effective_config: Config,
    /// The machine.
    pub host: Machine,
    /// Who ran it.
    pub runner: Runner,
    /// Who asked for it (`--operator`).
    pub operator: Option<String>,
    /// What for (`--purpose`).
    pub purpose: Option<String>,
    /// When, and by which clock.
    pub time: Times,
    /// What it was to look at.
    pub scope: Scope,
    /// What it looked at.
    pub coverage: Looked,
    /// What it found.
    pub counts: Counts,
    /// Exceptions in `exceptions.ndjson`.
    pub exceptions: ExceptionCounts,
    /// The bundle before this one, null for a first.
    pub previous: Option<Previous>,
    /// How many bundles came before.
    pub sequence: u64,
    /// Every other file but `SHA256SUMS` and what is made over it, by name.
    pub files: Vec<FileDigest>,
    /// Until when it is to be kept.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub retention_until: Timestamp,
}

/// The program.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Always `nhi-scan`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Operating system and processor it was built for.
    pub target: String,
    /// SHA-256 of the running program, null where it cannot read itself.
    pub binary_sha256: Option<String>,
}

/// A set of files under one digest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Digested {
    /// Cache, command and token rules.
    pub count: usize,
    /// As the report names them.
    pub sha256: String,
}

/// The policy's digest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDigest {
    /// SHA-256 of `policy.yaml`.
    pub sha256: String,
}

/// Options as they were in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Config {
    /// How far the scan looked.
    pub mode: Mode,
    /// Largest cache that was read, in bytes.
    pub max_file_size: u64,
    /// When the scan was to end, in seconds.
    pub max_time_s: Option<u64>,
    /// Whether the environment of the scan was looked at.
    pub environment: bool,
    /// Rules asked for, empty for all.
    pub only_rules: Vec<String>,
    /// Tools asked for, empty for all.
    pub only_tools: Vec<String>,
    /// `scan`, or the id of the fingerprint key.
    pub fingerprint_key: String,
    /// How much may leave.
    pub privacy: String,
    /// What the kernel enforced.
    pub sandbox: Sandbox,
}

/// The machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Keyed hash of the machine id.
    pub id: Option<String>,
    /// How the id is made.
    pub id_method: String,
    /// Its name; null where privacy asks for less.
    pub name: Option<String>,
    /// Kind of operating system.
    pub os: String,
    /// Name and version of it, where it tells.
    pub os_version: Option<String>,
    /// Kernel release, where it tells.
    pub kernel: Option<String>,
    /// Processor architecture.
    pub arch: String,
}

/// Who ran the scan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Runner {
    /// Effective user id, where there is one.
    pub uid: Option<u32>,
    /// User name; null where privacy asks for less.
    pub user: Option<String>,
    /// Whether the user may read everything.
    pub elevated: bool,
}

/// When, and by which clock.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// Start.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start: Timestamp,
    /// End.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end: Timestamp,
    /// `system`, or `SOURCE_DATE_EPOCH` where that was set.
    pub source: String,
    /// Whether the clock was kept by a time service, null where the system does not tell.
    pub ntp_synchronized: Option<bool>,
}

/// What the scan was to look at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Roots.
    pub roots: Vec<String>,
    /// Globs left out.
    pub excluded_globs: Vec<String>,
}

/// What the scan looked at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Looked {
    /// True when nothing but `excluded` was skipped.
    pub complete: bool,
    /// Folders listed.
    pub directories: u64,
    /// Files met.
    pub files_seen: u64,
    /// Files read.
    pub files_read: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Stores left out.
    pub pruned: Vec<Pruned>,
    /// Places by the reason for which they were not read.
    pub skipped: BTreeMap<String, u64>,
}

/// What the scan found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Lines of `findings.ndjson`.
    pub findings: usize,
    /// Different grants among them.
    pub grants: usize,
    /// Findings by severity.
    pub by_severity: BTreeMap<Severity, usize>,
    /// Findings by issue.
    pub by_issue: BTreeMap<String, usize>,
}

/// Lines of `exceptions.ndjson`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionCounts {
    /// In force.
    pub active: usize,
    /// Past their end.
    pub expired: usize,
}

/// The bundle before.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Previous {
    /// Its scan.
    pub scan_id: String,
    /// SHA-256 of its `SHA256SUMS`.
    pub sha256sums_sha256: String,
    /// When its scan ended.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end: Timestamp,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileDigest {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
}
