//! Rotation evidence: what a series of reports proves of each grant.
//!
//! Reports are put in the order of their scans, host by host, and each is compared with the one before it: a grant is followed
//! through moves and rotations as `diff` pairs findings. One that is away for some reports and comes back is two.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diff::{Evidence, Secret, same_grants};
use crate::report::{Finding, Report, SCHEMA_VERSION, State};

/// What a series of reports proves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Version of this shape.
    pub schema_version: String,
    /// Scans, by host and time.
    pub scans: Vec<Scanned>,
    /// Grants: those overdue first, then the longest unrotated.
    pub grants: Vec<GrantHistory>,
    /// What limits the evidence, in sentences.
    pub notes: Vec<String>,
}

/// One of the scans.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scanned {
    /// Id of the run.
    pub scan_id: String,
    /// Its start, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// Keyed hash of the machine id.
    pub host_id: Option<String>,
    /// Host name.
    pub host_name: Option<String>,
}

/// What is known of a grant over the series.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GrantHistory {
    /// Its id in the last report that has it.
    pub id: String,
    /// Keyed hash of the machine id.
    pub host_id: Option<String>,
    /// Tool.
    pub tool: String,
    /// Provider.
    pub provider: String,
    /// Account.
    pub account: Option<String>,
    /// Path in the last report that has it.
    pub path: String,
    /// Key within the file, likewise.
    pub key: Option<String>,
    /// Start of the first scan that has it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub first_seen: Timestamp,
    /// Start of the last scan that has it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_seen: Timestamp,
    /// Whether the last scan of its host has it.
    pub present: bool,
    /// Number of reports that have it.
    pub reports: usize,
    /// Rotations that the reports prove, the first first.
    pub rotations: Vec<RotationSeen>,
    /// Days from the first sign of the secret in use to the last scan that has it: since its issue where that is told, since the
    /// last rotation, or since it was first seen, whichever tells the most; at least that old.
    pub unrotated_days: i64,
    /// Days after which the policy of the last report wants it rotated; null where it did not say.
    pub limit_days: Option<u32>,
    /// Whether it was rotated in time.
    pub standing: Standing,
}

/// A rotation that two reports in a row prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotationSeen {
    /// The last scan that saw the old secret.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub after: Timestamp,
    /// The first scan that saw the new one.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub before: Timestamp,
    /// What tells.
    pub evidence: Evidence,
}

/// Whether a grant was rotated in time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The secret is older than the policy lets it become, and no report saw another.
    NeverRotated,
    /// It was rotated, and is due again.
    Overdue,
    /// Its secret is not older than the policy lets it become.
    InTime,
    /// It has ended, or is gone: nothing is due.
    Ended,
    /// No limit is known.
    Unknown,
}

/// Follows every grant through the reports.
pub fn history(mut reports: Vec<Report>) -> History {
    reports.sort_by_key(|report| (report.host.id.clone(), report.scan.started_at));
    let mut grants = Vec::new();
    for of_host in reports.chunk_by(|one, next| one.host.id == next.host.id) {
        grants.extend(of_series(of_host));
    }
    grants.sort_by(|a, b| {
        let rank = |it: &GrantHistory| (it.standing, std::cmp::Reverse(it.unrotated_days));
        rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)).then_with(|| a.id.cmp(&b.id))
    });
    let scans = reports.iter().map(|report| Scanned {
        scan_id: report.scan.id.clone(),
        started_at: report.scan.started_at,
        host_id: report.host.id.clone(),
        host_name: report.host.name.clone(),
    });
    History {
        schema_version: SCHEMA_VERSION.into(),
        scans: scans.collect(),
        notes: notes(&reports),
        grants,
    }
}

fn notes(reports: &[Report]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut keys: Vec<&str> = reports.iter().map(|it| it.scan.fingerprint_key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.contains(&"scan") || keys.len() > 1 {
        notes.push("Not all reports were made under one --fingerprint-key-file: between those that were not, rotation is told only where a file states when its secret was issued.".into());
    }
    if reports.len() == 1 {
        notes.push("One report proves no rotation; give it those of earlier days.".into());
    }
    let partial = reports.iter().filter(|report| !report.coverage.complete).count();
    if partial > 0 {
        notes.push(format!("{partial} of the scans did not look at everything: what is not in them may have been there."));
    }
    notes
}

/// One grant on its way through a series.
struct Thread {
    first: usize,
    last: usize,
    at: usize,
    reports: usize,
    rotations: Vec<RotationSeen>,
    /// When the secret in use was first seen.
    since: Timestamp,
}

fn of_series(reports: &[Report]) -> Vec<GrantHistory> {
    let mut threads: Vec<Thread> = Vec::new();
    // Thread of each finding of the report before.
    let mut open: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, report) in reports.iter().enumerate() {
        let now = report.scan.started_at;
        let mut next: BTreeMap<usize, usize> = BTreeMap::new();
        if let Some(before) = number.checked_sub(1).map(|before| &reports[before]) {
            for (old, new, secret) in same_grants(before, report) {
                let Some(&thread) = open.get(&old) else { continue };
                let it = &mut threads[thread];
                (it.last, it.at, it.reports) = (number, new, it.reports + 1);
                if let Secret::Rotated(evidence) = secret {
                    it.rotations.push(RotationSeen {
                        after: before.scan.started_at,
                        before: now,
                        evidence,
                    });
                    it.since = now;
                }
                next.insert(new, thread);
            }
        }
        for at in 0..report.findings.len() {
            next.entry(at).or_insert_with(|| {
                threads.push(Thread {
                    first: number,
                    last: number,
                    at,
                    reports: 1,
                    rotations: Vec::new(),
                    since: now,
                });
                threads.len() - 1
            });
        }
        open = next;
    }
    threads.into_iter().map(|thread| thread.told(reports)).collect()
}

impl Thread {
    fn told(self, reports: &[Report]) -> GrantHistory {
        let last = &reports[self.last];
        let finding = &last.findings[self.at];
        let present = self.last + 1 == reports.len();
        let now = last.scan.started_at;
        let seen = now.duration_since(self.since).as_hours() / 24;
        let told = finding.rotation.last_at.map(|at| now.duration_since(at).as_hours() / 24);
        let unrotated_days = told.unwrap_or(0).max(seen);
        let limit_days = Some(finding.rotation.limit_days).filter(|days| *days > 0);
        GrantHistory {
            id: finding.id.clone(),
            host_id: last.host.id.clone(),
            tool: finding.tool.clone(),
            provider: finding.provider.clone(),
            account: finding.identity.account.clone().or_else(|| finding.identity.name.clone()),
            path: finding.location.path.clone(),
            key: finding.location.key.clone(),
            first_seen: reports[self.first].scan.started_at,
            last_seen: now,
            present,
            reports: self.reports,
            standing: standing(
                finding,
                present,
                unrotated_days,
                limit_days,
                self.rotations.is_empty(),
            ),
            rotations: self.rotations,
            unrotated_days,
            limit_days,
        }
    }
}

fn standing(
    finding: &Finding,
    present: bool,
    days: i64,
    limit: Option<u32>,
    never: bool,
) -> Standing {
    match limit {
        _ if !present || finding.lifetime.state == State::Expired => Standing::Ended,
        None => Standing::Unknown,
        Some(limit) if days <= i64::from(limit) => Standing::InTime,
        Some(_) if never => Standing::NeverRotated,
        Some(_) => Standing::Overdue,
    }
}
