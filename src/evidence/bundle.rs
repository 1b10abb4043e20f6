//! A report as a bundle. Its files are opened before the scan, which itself opens none for writing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::chain::Link;
use super::facts::Facts;
use super::manifest::{
    Config, Counts, Digested, ExceptionCounts, FORMAT, FileDigest, Looked, Machine, Manifest,
    PolicyDigest, Program, Runner, Scope, Times,
};
use super::{COVERAGE, EXCEPTIONS, FINDINGS, MANIFEST, POLICY, RULES, SUMS, sums};
use crate::cli::ScanArgs;
use crate::error::{Error, plain};
use crate::output::file::Pending;
use crate::output::{Format, Style};
use crate::plan::Plan;
use crate::privacy::Level;
use crate::report::{Report, Severity};

/// What a bundle is made for.
pub struct Purpose {
    /// Who asked for it.
    pub operator: Option<String>,
    /// What for.
    pub purpose: Option<String>,
    /// Days from the scan's start for which it is to be kept.
    pub retain_days: u32,
    /// The bundle before.
    pub previous: Option<Link>,
}

/// A folder whose files are open and still without a name.
pub struct Draft {
    dir: PathBuf,
    files: BTreeMap<String, Pending>,
    renderings: Vec<&'static Format>,
}

impl Draft {
    /// Makes the folder, for its owner only, and opens the files.
    ///
    /// # Errors
    /// A folder that holds something already, or cannot be made.
    pub fn open(dir: &Path, renderings: Vec<&'static Format>) -> Result<Self, Error> {
        make(dir)?;
        let dir = dir.canonicalize().map_err(|source| failed(dir, source))?;
        let fixed =
            [FINDINGS, COVERAGE, EXCEPTIONS, RULES, POLICY, MANIFEST, SUMS].map(str::to_owned);
        let names = fixed.into_iter().chain(renderings.iter().map(|format| rendered(format)));
        let files = names
            .map(|name| Ok((name.clone(), Pending::open(&dir.join(&name))?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { dir, files, renderings })
    }

    /// The folder in which the files get their names.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Writes the bundle; `SHA256SUMS` comes last, so that a bundle which has it is whole.
    ///
    /// # Errors
    /// A file that could not be written.
    pub fn write(
        mut self,
        mut report: Report,
        plan: &Plan,
        args: &ScanArgs,
        facts: &Facts,
        purpose: Purpose,
    ) -> Result<(), Error> {
        settle(&mut report, facts);
        let mut contents = contents(&report, plan)?;
        if facts.clock_is_set {
            report.scan.id = id_of(&contents, &report);
        }
        for format in &self.renderings {
            let style = Style { unicode: true, all: true, ..Style::default() };
            let mut bytes = Vec::new();
            (format.write)(&report, &style, &mut bytes)
                .map_err(|source| failed(&self.dir, source))?;
            contents.insert(rendered(format), bytes);
        }
        let manifest = manifest(&report, plan, args, facts, purpose, &contents);
        contents.insert(MANIFEST.into(), lines(&[pretty(&manifest)?]));
        let digests =
            contents.iter().map(|(name, bytes)| (name.clone(), sums::digest(bytes))).collect();
        let summed = sums::text(&digests).into_bytes();
        for (name, bytes) in contents.into_iter().chain([(SUMS.to_owned(), summed)]) {
            let file = self.files.remove(&name).ok_or_else(|| Error::Internal(name.clone()))?;
            file.finish(|out| out.write_all(&bytes))?;
        }
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Output { path: crate::output::safe(&path.to_string_lossy()), source }
}

fn make(dir: &Path) -> Result<(), Error> {
    let shown = crate::output::safe(&dir.to_string_lossy());
    let refused = |why: &str| Err(Error::Usage(format!("{shown}: {why}")));
    if dir.is_symlink() {
        return refused("is a symbolic link; name the folder itself");
    }
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => refused("is not empty: a bundle is written into a new folder"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(dir).map_err(|source| failed(dir, source))
        }
        Err(error) => refused(&plain(&error)),
    }
}

/// Name of a rendering.
fn rendered(format: &Format) -> String {
    format!("report-{}.{}", format.name, format.endings.first().unwrap_or(&"txt"))
}

/// Leaves out of a report what differs from run to run and says nothing: fingerprints under a key that is thrown away, and a
/// duration finer than start and end.
fn settle(report: &mut Report, facts: &Facts) {
    if report.scan.fingerprint_key == "scan" {
        for credential in report.findings.iter_mut().flat_map(|it| &mut it.credentials) {
            credential.fingerprint = None;
        }
    }
    if facts.clock_is_set {
        report.coverage.duration_ms = 0;
    }
    report.findings.sort_by(|a, b| order(a).cmp(&order(b)));
    report.coverage.skipped.sort();
}

fn order(finding: &crate::report::Finding) -> (&str, Option<&str>, Option<u64>, &str) {
    let location = &finding.location;
    (&location.path, location.key.as_deref(), location.line, &finding.id)
}

/// The files that tell what was found, and by which rules.
fn contents(report: &Report, plan: &Plan) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let findings = report.findings.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let coverage = &report.coverage;
    let roots = report.scan.roots.iter().map(|root| json!({"type": "root", "path": root}));
    let pruned = coverage
        .pruned
        .iter()
        .map(|it| json!({"type": "pruned", "reason": it.reason, "count": it.count}));
    let skips = coverage.skipped.iter().map(|skip| {
        json!({"type": "skip", "path": skip.path, "reason": skip.reason, "count": skip.count})
    });
    let coverage =
        roots.chain(pruned).chain(skips).map(|it| line(&it)).collect::<Result<Vec<_>, _>>()?;
    let exceptions = exceptions(report).iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let files = plan.pack.set().files();
    let lock = json!({
        "count": report.tool.rules.count,
        "sha256": report.tool.rules.sha256,
        "files": files
            .iter()
            .map(|file| json!({"path": file.path, "sha256": sums::digest(file.text.as_bytes())}))
            .collect::<Vec<_>>(),
    });
    let policy = plan.pack.set().table("policy.yaml").map(|file| file.text.as_bytes().to_vec());
    Ok(BTreeMap::from([
        (FINDINGS.to_owned(), lines(&findings)),
        (COVERAGE.to_owned(), lines(&coverage)),
        (EXCEPTIONS.to_owned(), lines(&exceptions)),
        (RULES.to_owned(), lines(&[pretty(&lock)?])),
        (POLICY.to_owned(), policy.unwrap_or_default()),
    ]))
}

/// Exceptions in force, with the finding that each accepts.
fn exceptions(report: &Report) -> Vec<serde_json::Value> {
    let excepted = report.findings.iter().filter_map(|it| Some((it, it.exception.as_ref()?)));
    excepted
        .map(|(finding, exception)| json!({"finding": finding.id, "rule": finding.rule, "exception": exception}))
        .collect()
}

fn line(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value).map_err(|_| Error::Internal("JSON".into()))?;
    Ok(crate::output::json::visible(&text).into_owned())
}

fn pretty(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(|_| Error::Internal("JSON".into()))?;
    Ok(crate::output::json::visible(&text).into_owned())
}

fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.bytes().chain([b'\n'])).collect()
}

/// Under a clock that is set, a scan is the same scan wherever it is done again.
fn id_of(contents: &BTreeMap<String, Vec<u8>>, report: &Report) -> String {
    let mut text = format!("nhi-scan/evidence/scan/v1\n{}\n", report.scan.started_at);
    for (name, bytes) in contents {
        text.push_str(&format!("{}  {name}\n", sums::digest(bytes)));
    }
    sums::digest(text.as_bytes())[..32].to_owned()
}

fn manifest(
    report: &Report,
    plan: &Plan,
    args: &ScanArgs,
    facts: &Facts,
    purpose: Purpose,
    contents: &BTreeMap<String, Vec<u8>>,
) -> Manifest {
    let level = Level::of(args);
    let host = &report.host;
    let full = level == Level::Full;
    let start = report.scan.started_at;
    let sequence = purpose.previous.as_ref().map_or(0, |link| link.sequence.saturating_add(1));
    let digest_of =
        |name: &str| contents.get(name).map(|bytes| sums::digest(bytes)).unwrap_or_default();
    Manifest {
        format: FORMAT.into(),
        scan_id: report.scan.id.clone(),
        tool: Program {
            name: report.tool.name.clone(),
            version: report.tool.version.clone(),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            binary_sha256: facts.binary_sha256.clone(),
        },
        rules: Digested {
            count: report.tool.rules.count,
            sha256: report.tool.rules.sha256.clone(),
        },
        policy: PolicyDigest { sha256: digest_of(POLICY) },
        argv: full.then(|| facts.argv.clone()),
        effective_config: Config {
            mode: report.scan.mode,
            max_file_size: plan.max_file_size,
            max_time_s: plan.max_time.map(|time| time.as_secs()),
            environment: plan.environment,
            only_rules: args.rule.clone(),
            only_tools: args.tool.clone(),
            fingerprint_key: report.scan.fingerprint_key.clone(),
            privacy: level.as_str().into(),
            sandbox: report.scan.sandbox.clone(),
        },
        host: Machine {
            id: host.id.clone(),
            id_method: "HMAC-SHA-256 of the machine id".into(),
            name: host.name.clone(),
            os: host.os.clone(),
            os_version: facts.os_version.clone(),
            kernel: facts.kernel.clone(),
            arch: host.arch.clone(),
        },
        runner: Runner {
            uid: plan.host.uid.filter(|_| level != Level::Strict),
            user: host.user.clone(),
            elevated: plan.host.uid == Some(0),
        },
        operator: purpose.operator,
        purpose: purpose.purpose,
        time: Times {
            start,
            end: report.scan.finished_at,
            source: if facts.clock_is_set { "SOURCE_DATE_EPOCH" } else { "system" }.into(),
            ntp_synchronized: facts.ntp_synchronized,
        },
        scope: Scope {
            roots: report.scan.roots.clone(),
            excluded_globs: if full { args.exclude.clone() } else { Vec::new() },
        },
        coverage: looked(report),
        counts: counts(report),
        exceptions: ExceptionCounts { active: exceptions(report).len(), expired: expired(report) },
        previous: purpose.previous.map(|link| link.previous),
        sequence,
        files: contents
            .iter()
            .map(|(name, bytes)| FileDigest {
                name: name.clone(),
                size: bytes.len() as u64,
                sha256: sums::digest(bytes),
            })
            .collect(),
        retention_until: start
            .checked_add(SignedDuration::from_hours(24 * i64::from(purpose.retain_days)))
            .unwrap_or(Timestamp::MAX),
    }
}

fn looked(report: &Report) -> Looked {
    let coverage = &report.coverage;
    let mut skipped = BTreeMap::new();
    for skip in &coverage.skipped {
        let reason = serde_json::to_value(skip.reason).unwrap_or_default();
        *skipped.entry(reason.as_str().unwrap_or_default().to_owned()).or_default() += skip.count;
    }
    Looked {
        complete: coverage.complete,
        directories: coverage.directories,
        files_seen: coverage.files_seen,
        files_read: coverage.files_read,
        bytes_read: coverage.bytes_read,
        pruned: coverage.pruned.clone(),
        skipped,
    }
}

fn counts(report: &Report) -> Counts {
    let mut by_issue = BTreeMap::new();
    for issue in report.findings.iter().flat_map(|finding| &finding.issues) {
        *by_issue.entry(issue.clone()).or_default() += 1;
    }
    Counts {
        findings: report.findings.len(),
        grants: report.summary.grants,
        by_severity: severities(report.findings.iter().map(|finding| finding.score.severity)),
        by_issue,
    }
}

/// How many of each, every severity named.
pub(super) fn severities(all: impl Iterator<Item = Severity>) -> BTreeMap<Severity, usize> {
    let mut counts: BTreeMap<_, _> =
        Severity::ALL.into_iter().map(|severity| (severity, 0)).collect();
    all.for_each(|severity| *counts.entry(severity).or_default() += 1);
    counts
}

fn expired(report: &Report) -> usize {
    let is_expired = |issue: &String| issue == "exception-expired";
    report.findings.iter().filter(|finding| finding.issues.iter().any(is_expired)).count()
}
