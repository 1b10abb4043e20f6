//! The report: what a scan says, in the shape in which it is published.
//!
//! These types *are* the JSON contract (schema 1.x, additive changes only). Every output format sees this and nothing else.

mod assemble;
mod fold;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diff::Diff;
use crate::grant::{Confidence, CredentialKind, End, Identity, Privilege, Storage};

pub use assemble::{Bench, Frame, assemble};

/// Version of the report's shape.
pub const SCHEMA_VERSION: &str = "1.0";

/// Everything one scan says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this shape.
    pub schema_version: String,
    /// Program and rules that made it.
    pub tool: Tool,
    /// The run.
    pub scan: Scan,
    /// The machine.
    pub host: Host,
    /// The limits by which it was judged.
    #[serde(default)]
    pub policy: PolicyUsed,
    /// Counts.
    pub summary: Summary,
    /// Highest score first.
    pub findings: Vec<Finding>,
    /// What became of each exception that was handed in, in the order of its file.
    #[serde(default)]
    pub exceptions: Vec<ExceptionRecord>,
    /// What was looked at, and what could not be, and why.
    pub coverage: Coverage,
    /// What changed since the report of `--baseline`; only there where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Box<Diff>>,
}

/// Program and rules.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Always `nhi-scan`.
    pub name: String,
    /// Program version.
    pub version: String,
    /// The rule pack.
    pub rules: RulePack,
}

/// Which rules were applied.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RulePack {
    /// Number of cache, command and token rules.
    pub count: usize,
    /// SHA-256 over the rule files, hex.
    pub sha256: String,
}

/// How far a scan looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Known places of known homes only, without a walk.
    Quick,
    /// A walk that leaves out stores known to hold no credentials.
    #[default]
    Default,
    /// A walk that leaves nothing out.
    Thorough,
    /// The same, and every text file is searched for tokens.
    Deep,
}

/// The run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scan {
    /// Random id of this run.
    pub id: String,
    /// Start, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// End, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub finished_at: Timestamp,
    /// How far it looked.
    pub mode: Mode,
    /// Absolute paths that were scanned.
    pub roots: Vec<String>,
    /// What the kernel enforced.
    pub sandbox: Sandbox,
    /// `scan` for a random key of this run, else the id of the key file.
    pub fingerprint_key: String,
}

/// What the kernel enforced while scanning.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Sandbox {
    /// `none`, or `abi-` and the number of the Landlock ABI in force: 1 keeps all files from being written and all outside the
    /// roots from being read, 3 from being cut, 4 closes TCP, 6 other processes.
    pub landlock: String,
    /// `none`, or `filter`: no call of the kernel can be made but those a scan needs.
    pub seccomp: String,
}

/// The machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Keyed hash of the machine id, never the id itself; null where there is none.
    pub id: Option<String>,
    /// Host name.
    pub name: Option<String>,
    /// `linux`, `macos`, `windows`, …
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Who ran the scan.
    pub user: Option<String>,
}

/// The limits by which findings were judged.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PolicyUsed {
    /// Whether it is the built-in one, unchanged.
    pub built_in: bool,
    /// SHA-256 over the limits as JSON, hex: equal where the same limits hold. Empty in reports of before there was one.
    pub sha256: String,
}

/// Counts over the findings that count: neither an exception nor the policy takes them out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Findings: grants in places.
    pub findings: usize,
    /// Different grants: the same secrets in several places count once.
    pub grants: usize,
    /// Further findings that an exception in force accepts.
    #[serde(default)]
    pub accepted: usize,
    /// Further findings that the policy ignores.
    #[serde(default)]
    pub ignored: usize,
    /// Findings by severity, every severity named.
    pub by_severity: BTreeMap<Severity, usize>,
    /// Findings by tool, most first.
    pub by_tool: Vec<ToolCount>,
}

/// Findings of one tool.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ToolCount {
    /// Tool.
    pub tool: String,
    /// Number of findings.
    pub count: usize,
}

/// A band of the score.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the bands are in DESIGN.md 6 and the README")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// Every band, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The kebab-case name that reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A grant in one place, judged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// `nhi1:` and 32 hex digits, from place and identity, never from the secret.
    #[schemars(regex(pattern = "^nhi1:[0-9a-f]{32}$"))]
    pub id: String,
    /// Rule that found it.
    pub rule: String,
    /// Tool whose credential it is.
    pub tool: String,
    /// Who issues such credentials.
    pub provider: String,
    /// What kind of tool.
    pub category: String,
    /// One line.
    pub title: String,
    /// How sure.
    pub confidence: Confidence,
    /// Who.
    pub identity: Identity,
    /// With what.
    pub credentials: Vec<CredentialReport>,
    /// How long.
    pub lifetime: Lifetime,
    /// What it may do.
    pub scope: Scope,
    /// How it is kept.
    pub custody: Custody,
    /// Where.
    pub location: Location,
    /// Issue kinds, keys of `controls.yaml`.
    pub issues: Vec<String>,
    /// `framework:id` of every control an issue touches.
    pub controls: Vec<String>,
    /// How risky, and why.
    pub score: Score,
    /// How to end it.
    pub end: End,
    /// Ids of findings that hold the same secret.
    pub also_in: Vec<String>,
    /// The exception in force, or null.
    pub exception: Option<Exception>,
    /// What of the policy's `ignore` takes it out of the counts, or null.
    #[serde(default)]
    pub ignored: Option<String>,
    /// Clauses of the policy that it breaks.
    #[serde(default)]
    pub policy: Vec<Breach>,
    /// The OAuth client that holds it, as far as it is registered anywhere; null where no client is known.
    #[serde(default)]
    pub client: Option<ClientStanding>,
    /// When it was last rotated, and by what that is known.
    #[serde(default)]
    pub rotation: Rotation,
}

impl Finding {
    /// Whether it counts: no exception in force accepts it, and the policy does not ignore it.
    pub const fn counts(&self) -> bool {
        self.exception.is_none() && self.ignored.is_none()
    }
}

/// A clause of the policy that a finding breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Breach {
    /// Path of keys in the policy, such as `max_age.api-key` or `by_provider.aws.scopes`.
    pub clause: String,
    /// How it is broken, in one clause.
    pub text: String,
}

/// Where an OAuth client is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientStanding {
    /// Whether the provider itself publishes it; null where the rule does not know this client.
    pub first_party: Option<bool>,
    /// Whether it is on the policy's list of clients; null where the policy has no list.
    pub listed: Option<bool>,
}

/// The last rotation of what gives a grant its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rotation {
    /// When the secret in use came to be: at this time if stated or claimed, not later if by the file's last change.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_at: Option<Timestamp>,
    /// What that rests on.
    pub evidence: AgeBasis,
    /// Days after which the policy wants it rotated.
    pub limit_days: u32,
    /// Whether that time has passed; null where nothing tells.
    pub overdue: Option<bool>,
}

impl Default for Rotation {
    /// Nothing known, as of a report of before rotation was told.
    fn default() -> Self {
        Self { last_at: None, evidence: AgeBasis::Unknown, limit_days: 0, overdue: None }
    }
}

/// A recorded, time-boxed acceptance of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exception {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was decided.
    #[serde(default)]
    pub ticket: Option<String>,
    /// When it began.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub granted: Option<Timestamp>,
    /// When it ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires: Timestamp,
}

/// What became of an exception in a scan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionRecord {
    /// What it accepts, such as `rule gh, path ~/work/**`.
    pub accepts: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was decided.
    pub ticket: String,
    /// When it begins.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub granted: Timestamp,
    /// When it ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires: Timestamp,
    /// Whether it is in force.
    pub state: ExceptionState,
    /// Ids of the findings it speaks of; empty where it matches nothing.
    pub findings: Vec<String>,
}

/// Whether an exception is in force at scan time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionState {
    /// Granted from later on.
    Pending,
    /// In force.
    InForce,
    /// In force, and soon no more: within the policy's time of warning.
    Ending,
    /// Over: what it accepted counts again.
    Expired,
}

/// One secret of a finding.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CredentialReport {
    /// What it is good for.
    pub kind: CredentialKind,
    /// What the file calls it.
    pub name: Option<String>,
    /// Its own account, where that differs from the grant's.
    pub account: Option<String>,
    /// Keyed fingerprint; null where the secret is not in the file, or is a password and may not be fingerprinted.
    pub fingerprint: Option<String>,
    /// Token shape that recognised it.
    pub token_type: Option<String>,
    /// Issue time where told.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub issued_at: Option<Timestamp>,
    /// End where told.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// State at scan time.
    pub state: State,
    /// Outcome of the offline check, null where the shape has none.
    pub checksum_ok: Option<bool>,
    /// How often it stands in this file.
    pub occurrences: u32,
}

/// Whether a credential still works, as far as its file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Ends in the future.
    Live,
    /// Renews itself without the human.
    Renewable,
    /// Never ends by itself.
    NoExpiry,
    /// Past its end.
    Expired,
    /// Not told.
    Unknown,
}

/// What `age_days` rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgeBasis {
    /// The file states when it was issued.
    Stated,
    /// The token's own claims.
    Claim,
    /// The file's modification time: the credential is at least that old.
    FileModified,
    /// Nothing tells.
    Unknown,
}

/// Effective lifetime of the whole grant: that of its longest-lived usable credential.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Lifetime {
    /// State at scan time.
    pub state: State,
    /// Earliest stated issue time.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub issued_at: Option<Timestamp>,
    /// End, where told.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// Whole days since issue, at least.
    pub age_days: Option<i64>,
    /// What the age rests on.
    pub age_basis: AgeBasis,
    /// Whether it renews itself.
    pub renewable: bool,
}

/// What the grant may do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// How far it goes.
    pub privilege: Privilege,
    /// Scopes granted.
    pub scopes: Vec<String>,
    /// Roles and groups.
    pub roles: Vec<String>,
    /// What else it opens.
    pub reach: Vec<String>,
}

/// Who can read a file, through its parents.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReadableBy {
    /// Its owner only.
    Owner,
    /// The file's group too.
    Group,
    /// Every user of the machine.
    Everyone,
    /// Cannot be told here.
    #[default]
    Unknown,
}

/// A circumstance that hands a file to someone else.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// Reached through a symbolic link.
    Symlinked,
    /// Has further hard links.
    HardLinked,
    /// Owned by someone other than the home's owner.
    ForeignOwner,
    /// Writable by group or everyone.
    WritableByOthers,
    /// An access list grants more than the mode shows.
    Acl,
    /// Inside a folder that a sync client copies elsewhere.
    Synced,
    /// Inside a git work tree and in its index.
    GitTracked,
    /// A backup or old copy.
    Backup,
    /// In a trash folder.
    Trash,
    /// On a network file system.
    NetworkFileSystem,
    /// In a shell history.
    History,
}

/// How the grant is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Custody {
    /// In what form.
    pub storage: Storage,
    /// By which keychain or helper.
    pub held_by: Option<String>,
    /// Octal mode such as `0600`; null where there is none.
    pub mode: Option<String>,
    /// Owner's name, else uid.
    pub owner: Option<String>,
    /// Who can read it.
    pub readable_by: ReadableBy,
    /// What hands it to others.
    pub exposures: Vec<Exposure>,
}

/// What kind of place it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceState {
    /// Where the tool looks for it.
    #[default]
    Present,
    /// Only in an earlier image layer.
    DeletedButRecoverable,
    /// A cache that lies elsewhere than in a home: a backup, a mounted disk.
    Copy,
}

/// Where.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Absolute on the scanned machine; `env:NAME` for the environment.
    pub path: String,
    /// The path's bytes, where they are not UTF-8.
    pub path_base64: Option<String>,
    /// Home it belongs to.
    pub home: Option<String>,
    /// 1-based line.
    pub line: Option<u64>,
    /// Path of keys, or command words and option.
    pub key: Option<String>,
    /// Image layer digest.
    pub layer: Option<String>,
    /// What kind of place.
    pub state: PlaceState,
}

/// How risky, and why: the factors' points sum to `total`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// 0 to 100.
    #[schemars(range(max = 100))]
    pub total: u8,
    /// Band of the total.
    pub severity: Severity,
    /// The arithmetic.
    pub factors: Vec<FactorScore>,
    /// What each fix that applies would make of it.
    pub what_if: Vec<WhatIf>,
}

/// Points of one factor.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FactorScore {
    /// `age`, `scope`, `storage` or `caps`.
    pub factor: String,
    /// Sum of the reasons' points.
    pub points: i16,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// One reason of a factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Points, negative for caps.
    pub points: i16,
    /// One short clause.
    pub text: String,
}

/// The score after a fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhatIf {
    /// The fix.
    pub change: String,
    /// The total it would give.
    #[schemars(range(max = 100))]
    pub total: u8,
}

/// What was looked at, and what could not be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// True when nothing but `excluded` was skipped.
    pub complete: bool,
    /// Folders listed.
    pub directories: u64,
    /// Files met.
    pub files_seen: u64,
    /// Files opened and read.
    pub files_read: u64,
    /// Bytes read from them.
    pub bytes_read: u64,
    /// Stores left out, by reason.
    pub pruned: Vec<Pruned>,
    /// Places that a rule names and that could not be read or understood, folders that could not be listed.
    pub skipped: Vec<Skipped>,
    /// Duration in milliseconds.
    pub duration_ms: u64,
}

/// Stores left out for one reason.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pruned {
    /// Why such a store holds no credentials.
    pub reason: String,
    /// How many folders.
    pub count: u64,
}

/// A place that was not read or not understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Path, as in [`Location::path`].
    pub path: String,
    /// Why.
    pub reason: SkipReason,
    /// How many places this stands for.
    pub count: u64,
}

impl Skipped {
    /// One skipped place.
    pub fn new(path: &Path, reason: SkipReason) -> Self {
        Self { path: path.to_string_lossy().into_owned(), reason, count: 1 }
    }
}

/// Why a place was not read or not understood.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the closed list of DESIGN.md 8, explained in the README")]
pub enum SkipReason {
    Excluded,
    PermissionDenied,
    TccDenied,
    TooLarge,
    NetworkMount,
    OtherFilesystem,
    CloudPlaceholder,
    Symlink,
    SpecialFile,
    Vanished,
    IoError,
    Malformed,
    Unrecognised,
    UnsupportedEncryption,
    TimeBudget,
    DepthLimit,
    LayerMissing,
    Interrupted,
    Internal,
}
