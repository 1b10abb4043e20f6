//! Flags and help; decides nothing.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::command::controls::ControlsArgs;
use crate::command::diff::DiffArgs;
use crate::command::exceptions::ExceptionsCommand;
use crate::command::history::HistoryArgs;
use crate::command::policy::PolicyCommand;
use crate::offboard;
use crate::output;
use crate::privacy::Level;
use crate::report::Severity;

/// Inventory of the credentials that command-line tools leave on a machine: whose they are, how old, how wide, how safely kept,
/// and how to end them.
///
/// Reads only. Never prints a secret, opens a socket, starts a process or asks a question.
#[derive(Debug, Parser)]
#[command(
    name = "nhi-scan",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        nhi-scan                                  scan your home\n  \
        nhi-scan --all                            show every row, and every place that could not be read\n  \
        nhi-scan --format json > report.json      for programs\n  \
        nhi-scan --fail-on high --require-complete /srv/home\n  \
        nhi-scan explain 3fa91c                   one finding: every fact, point and way out\n  \
        nhi-scan diff old.json new.json           what changed between two reports\n\n\
        Exit status: 0 scanned, 1 a finding at or above --fail-on or an exception that has ended,\n\
        2 usage or rule error, 3 incomplete under --require-complete, 4 internal error or output not\n\
        written, 130 interrupted."
)]
pub struct Cli {
    /// What to do instead of a scan.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to scan.
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// What to do instead of a scan.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List, show, check and test rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// One finding: every fact, every point, every way out
    Explain {
        /// Id on the screen or in a report; the first digits are enough
        id: String,
        /// A JSON report that has it; without one, your home is scanned again
        #[arg(value_hint = ValueHint::FilePath)]
        report: Option<PathBuf>,
        /// How to scan, where no report is given
        #[command(flatten)]
        scan: Box<ScanArgs>,
    },
    /// What changed between two JSON reports: new, copied, rotated, moved, re-permissioned, expired, gone, …
    Diff(DiffArgs),
    /// Rotation evidence over a series of JSON reports: age, rotations, first and last seen, what was never rotated in time
    History(HistoryArgs),
    /// Controls and what touches them; an id, of today or of an older text, is explained
    Controls(ControlsArgs),
    /// The limits by which findings are judged
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Findings that someone accepted, for a reason and until a day
    #[command(subcommand)]
    Exceptions(ExceptionsCommand),
    /// Write a JSON report in other formats, without a scan
    Report(ReportArgs),
    /// A scan as a folder that proves itself: make it, sign it, verify it
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Print which fields of a report leave at each level of --privacy
    Privacy,
    /// How to end what a report found, in order; with --verify, what is still there
    Offboard(OffboardArgs),
    /// Print a JSON Schema: of reports, NDJSON lines, rules, the policy, exceptions, diffs, histories, plans or evidence
    Schema {
        /// Which one
        #[arg(default_value = "report", value_parser = output::schema::NAMES.to_vec())]
        name: String,
    },
    /// Print a completion script
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Print the manual page (roff)
    Man,
    /// Write a fake home with fake credentials into a new folder, to try a scan on
    Demo {
        /// A folder that does not exist yet
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

/// Which report to hand out again, and how.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// A JSON report (`--format json`); `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    pub report: PathBuf,
    /// Form of what stdout gets [default: table]
    #[arg(long, value_name = "FORMAT", env = "NHI_SCAN_FORMAT", value_parser = format_names())]
    pub format: Option<String>,
    /// Write it into a file, its form by its ending or named before `=`; repeatable
    #[arg(
        short,
        long,
        value_name = "[FORMAT=]PATH",
        env = "NHI_SCAN_OUTPUT",
        value_delimiter = '\n'
    )]
    pub output: Vec<String>,
    /// How much of it may leave (`nhi-scan privacy` lists every field) [default: full]
    #[arg(long, value_name = "LEVEL", env = "NHI_SCAN_PRIVACY")]
    pub privacy: Option<Level>,
    /// Show every row and every place that could not be read
    #[arg(long, env = "NHI_SCAN_ALL", value_parser = switch())]
    pub all: bool,
    /// Show only rows at or above this severity
    #[arg(long, value_name = "SEVERITY", env = "NHI_SCAN_MIN_SEVERITY")]
    pub min_severity: Option<Band>,
    /// Exit with 1 if there is a finding at or above this severity, or an exception that has ended; `new`: any that the baseline of
    /// the report did not have
    #[arg(long, value_name = "SEVERITY", env = "NHI_SCAN_FAIL_ON")]
    pub fail_on: Option<FailOn>,
    /// Exit with 3 if anything could not be looked at
    #[arg(long, env = "NHI_SCAN_REQUIRE_COMPLETE", value_parser = switch())]
    pub require_complete: bool,
}

/// What to do with evidence.
#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Scan, and write a bundle into a new folder
    Create {
        /// The folder; it does not exist yet, or is empty
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// The bundle before, which this one names
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Evidence")]
        previous: Option<PathBuf>,
        /// Write the report in this form too; repeatable
        #[arg(long, value_name = "FORMAT", value_parser = format_names(), help_heading = "Evidence")]
        render: Vec<String>,
        /// Who asked for it
        #[arg(long, value_name = "NAME", help_heading = "Evidence")]
        operator: Option<String>,
        /// What for
        #[arg(long, value_name = "TEXT", help_heading = "Evidence")]
        purpose: Option<String>,
        /// Days for which it is to be kept
        #[arg(long, value_name = "DAYS", default_value_t = 400, help_heading = "Evidence")]
        retain_days: u32,
        /// How to scan
        #[command(flatten)]
        scan: Box<ScanArgs>,
    },
    /// Sign a bundle with an OpenSSH key in a file; `ssh-keygen -Y sign` does it with a key that an agent holds
    Sign {
        /// The bundle
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// A private key without a passphrase
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        key: PathBuf,
    },
    /// Check a bundle: files, signature, contents, clock and chain
    Verify {
        /// The bundle
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// Who may sign (ssh-keygen(1), ALLOWED SIGNERS)
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        allowed_signers: Option<PathBuf>,
        /// Who must have signed, by a principal of that file
        #[arg(long, value_name = "PRINCIPAL", requires = "allowed_signers")]
        signer: Option<String>,
        /// A bundle before it; repeatable, in any order
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        previous: Vec<PathBuf>,
        /// Lines for people, or JSON
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: ListFormat,
    },
}

/// Whose grants to end, and how to say it.
#[derive(Args, Debug)]
pub struct OffboardArgs {
    /// A JSON report (`--format json`); `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath, required_unless_present = "verify")]
    pub report: Option<PathBuf>,
    /// Compare two reports instead: what of the first is still there in the second
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], value_hint = ValueHint::FilePath, conflicts_with = "report")]
    pub verify: Vec<PathBuf>,
    /// Only grants of this account, or in the home of this user; repeatable
    #[arg(long, value_name = "ACCOUNT")]
    pub person: Vec<String>,
    /// Only grants for this service or its subdomains, or on this machine; repeatable
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// Only the grant of this finding; the first digits of its id are enough; repeatable
    #[arg(long, value_name = "ID")]
    pub grant: Vec<String>,
    /// Markdown with boxes to tick, JSON, or a shell script in which everything is commented out
    #[arg(long, value_name = "FORMAT", default_value = "markdown", value_parser = offboard_forms())]
    pub format: String,
    /// Write it into a file, for its owner only
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Know the rules of this folder too, as the scan did
    #[arg(long, value_name = "DIR", env = "NHI_SCAN_RULES", value_hint = ValueHint::DirPath)]
    pub rules: Option<PathBuf>,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// One line a rule, and what they come to
    List {
        /// Columns for people, or JSON
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: ListFormat,
    },
    /// One rule: where it looks, what it knows, how to end what it finds
    Show {
        /// Its id
        id: String,
    },
    /// Report every problem of the built-in rules, of a folder of rules, or of one cache rule
    Check {
        /// A folder of rules, or the file of one
        #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
        path: Option<PathBuf>,
    },
    /// Run the tests inside rules: all built-in ones, or those of one file, which is checked as well
    Test {
        /// A cache rule, command rules or token shapes
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Print the JSON Schema of a cache rule
    Schema,
    /// Print the table of rules in Markdown, or write a page a tool
    Docs {
        /// Write a page a tool and an index into this folder: a new one, an empty one, or one of such pages
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// Form of the list of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say all")]
pub enum ListFormat {
    Text,
    Json,
}

/// How to scan, and what to hand out.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Args, Clone, Debug, Default)]
pub struct ScanArgs {
    /// Folders or files to scan [default: your home]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,

    /// Scan another machine's disk: this folder is its `/`, its own users and homes count, links stay inside
    #[arg(long, value_name = "DIR", env = "NHI_SCAN_ROOT", value_hint = ValueHint::DirPath, conflicts_with = "paths", help_heading = "Where to look")]
    pub root: Option<PathBuf>,
    /// Scan an image: what `docker save` or `docker export` writes, an OCI layout or its archive, `-` for a pipe, or a disk (raw, qcow2)
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_IMAGE", value_hint = ValueHint::AnyPath, conflicts_with_all = ["paths", "root", "all_homes", "quick", "deep"], help_heading = "Where to look")]
    pub image: Option<PathBuf>,
    /// Of an image for several platforms, only this one (`linux/arm64`)
    #[arg(
        long,
        value_name = "OS/ARCH",
        env = "NHI_SCAN_PLATFORM",
        requires = "image",
        help_heading = "Where to look"
    )]
    pub platform: Option<String>,
    /// Scan the home of every user, root's included; with --root, of that machine's
    #[arg(long, env = "NHI_SCAN_ALL_HOMES", value_parser = switch(), conflicts_with = "paths", help_heading = "Where to look")]
    pub all_homes: bool,
    /// Look only at the known places of known homes, without a walk
    #[arg(long, env = "NHI_SCAN_QUICK", value_parser = switch(), conflicts_with = "thorough", help_heading = "Where to look")]
    pub quick: bool,
    /// Look into package stores and caches too
    #[arg(long, env = "NHI_SCAN_THOROUGH", value_parser = switch(), help_heading = "Where to look")]
    pub thorough: bool,
    /// Search every text file for tokens too, whatever its name, package stores included
    #[arg(long, env = "NHI_SCAN_DEEP", conflicts_with = "quick", help_heading = "Where to look")]
    pub deep: bool,
    /// Leave out the tokens in this process's own environment
    #[arg(long, env = "NHI_SCAN_NO_ENV", value_parser = switch(), help_heading = "Where to look")]
    pub no_env: bool,
    /// Leave out what matches (gitignore syntax); repeatable, in the environment one a line
    #[arg(
        long,
        value_name = "GLOB",
        env = "NHI_SCAN_EXCLUDE",
        value_delimiter = '\n',
        help_heading = "Where to look"
    )]
    pub exclude: Vec<String>,
    /// Largest cache that is read, in MiB; histories are read whatever their size
    #[arg(long, value_name = "MIB", default_value = "16", env = "NHI_SCAN_MAX_FILE_SIZE", value_parser = clap::value_parser!(u64).range(1..=2048), help_heading = "Where to look")]
    pub max_file_size: u64,
    /// End after this long with what was found (`30s`, `5m`); the report is then incomplete
    #[arg(long, value_name = "TIME", env = "NHI_SCAN_MAX_TIME", help_heading = "Where to look")]
    pub max_time: Option<String>,
    /// Threads [default: processors]
    #[arg(long, value_name = "N", env = "NHI_SCAN_THREADS", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Where to look")]
    pub threads: Option<u16>,
    /// Give way to everything else on the machine: idle processor and disk priority [default: under a scheduler, with no terminal]
    #[arg(long, env = "NHI_SCAN_NICE", help_heading = "Where to look")]
    pub nice: bool,

    /// Add the rules of a folder; their ids become `custom/…`
    #[arg(long, value_name = "DIR", env = "NHI_SCAN_RULES", value_hint = ValueHint::DirPath, help_heading = "Rules")]
    pub rules: Option<PathBuf>,
    /// Apply only this rule; repeatable
    #[arg(
        long,
        value_name = "ID",
        env = "NHI_SCAN_RULE",
        value_delimiter = ',',
        help_heading = "Rules"
    )]
    pub rule: Vec<String>,
    /// Apply only the rules of this tool; repeatable
    #[arg(
        long,
        value_name = "TOOL",
        env = "NHI_SCAN_TOOL",
        value_delimiter = ',',
        help_heading = "Rules"
    )]
    pub tool: Vec<String>,

    /// Form of what stdout gets [default: table]
    #[arg(long, value_name = "FORMAT", env = "NHI_SCAN_FORMAT", value_parser = format_names(), help_heading = "Output")]
    pub format: Option<String>,
    /// Write a report into a file, its form by its ending or named before `=`; repeatable. Without --format, stdout stays silent
    #[arg(
        short,
        long,
        value_name = "[FORMAT=]PATH",
        env = "NHI_SCAN_OUTPUT",
        value_delimiter = '\n',
        help_heading = "Output"
    )]
    pub output: Vec<String>,
    /// Show every row and every place that could not be read
    #[arg(long, env = "NHI_SCAN_ALL", value_parser = switch(), help_heading = "Output")]
    pub all: bool,
    /// Show only rows at or above this severity
    #[arg(long, value_name = "SEVERITY", env = "NHI_SCAN_MIN_SEVERITY", help_heading = "Output")]
    pub min_severity: Option<Band>,
    /// Fingerprint secrets under the key in this file (16 bytes or more), so that reports compare across scans and machines
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_FINGERPRINT_KEY_FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub fingerprint_key_file: Option<PathBuf>,
    /// Fingerprint passwords too: whoever has key and report can then guess weak ones
    #[arg(long, env = "NHI_SCAN_FINGERPRINT_PASSWORDS", value_parser = switch(), requires = "fingerprint_key_file", help_heading = "Output")]
    pub fingerprint_passwords: bool,
    /// How much of the report may leave: all of it; no names of users and machines and no paths of their own; or counts only
    /// (`nhi-scan privacy` lists every field) [default: full]
    #[arg(long, value_name = "LEVEL", env = "NHI_SCAN_PRIVACY", help_heading = "Output")]
    pub privacy: Option<Level>,
    /// No progress on stderr
    #[arg(long, env = "NHI_SCAN_NO_PROGRESS", value_parser = switch(), help_heading = "Output")]
    pub no_progress: bool,
    /// Nothing on stderr but errors
    #[arg(short, long, env = "NHI_SCAN_QUIET", value_parser = switch(), conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// More on stderr: what was decided; twice: every place that could not be read
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Judge by the limits in this file; what it leaves out stays as built in (`nhi-scan policy show`)
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_POLICY", value_hint = ValueHint::FilePath, help_heading = "Verdict")]
    pub policy: Option<PathBuf>,
    /// Accept what this file accepts, until the day it says
    #[arg(long, value_name = "FILE", env = "NHI_SCAN_EXCEPTIONS", value_hint = ValueHint::FilePath, help_heading = "Verdict")]
    pub exceptions: Option<PathBuf>,
    /// Tell what changed since this JSON report, and let --fail-on judge only that
    #[arg(long, value_name = "REPORT", env = "NHI_SCAN_BASELINE", value_hint = ValueHint::FilePath, help_heading = "Verdict")]
    pub baseline: Option<PathBuf>,
    /// Exit with 1 if there is a finding at or above this severity, or an exception that has ended; with --baseline, one that was
    /// not there already; `new`: any that was not there
    #[arg(long, value_name = "SEVERITY", env = "NHI_SCAN_FAIL_ON", help_heading = "Verdict")]
    pub fail_on: Option<FailOn>,
    /// Exit with 3 if anything could not be looked at
    #[arg(long, env = "NHI_SCAN_REQUIRE_COMPLETE", value_parser = switch(), help_heading = "Verdict")]
    pub require_complete: bool,
    /// Exit with 2, and scan nothing, where the kernel does not enforce what this program promises (Landlock and seccomp)
    #[arg(long, env = "NHI_SCAN_REQUIRE_SANDBOX", help_heading = "Verdict")]
    pub require_sandbox: bool,
}

/// What makes a run end with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the bands are those of the report")]
pub enum FailOn {
    /// Whatever was not there before.
    New,
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl FailOn {
    /// The band, if it is one.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::New => None,
            Self::Info => Some(Severity::Info),
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
            Self::Critical => Some(Severity::Critical),
        }
    }
}

/// A severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the bands are those of the report")]
pub enum Band {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl From<Band> for Severity {
    fn from(band: Band) -> Self {
        match band {
            Band::Info => Self::Info,
            Band::Low => Self::Low,
            Band::Medium => Self::Medium,
            Band::High => Self::High,
            Band::Critical => Self::Critical,
        }
    }
}

/// In the environment a switch is set by `1`, `true`, `yes` or `on`.
fn switch() -> BoolishValueParser {
    BoolishValueParser::new()
}

fn offboard_forms() -> Vec<&'static str> {
    offboard::FORMS.iter().map(|form| form.name).collect()
}

fn format_names() -> Vec<&'static str> {
    output::FORMATS.iter().map(|format| format.name).collect()
}
