//! `nhi-scan`: an inventory of the credentials that command-line tools leave on a machine.
//!
//! A scan is a line of rooms; each takes one noun in and hands one noun out, and none looks back:
//!
//! ```text
//! cli -> plan -> source -> artifact -> parse -> extract -> score -> report -> output
//!         ^     Candidate  Artifact   Document   Grant    Finding   Report    bytes
//!    rule (YAML), policy (YAML), host (facts about this machine) are handed in at plan
//! ```
//!
//! What can fail the run fails while the [`plan::Plan`] is made; after that a file is only *skipped*, with a reason, in the
//! report. The text of a secret exists in `artifact`, `parse` and `extract` only: a [`grant::Grant`] carries fingerprints, so
//! from there on nothing can leak one. There is no network code, no child process and no prompt anywhere.

pub mod artifact;
pub mod cli;
pub mod command;
pub mod demo;
pub mod diff;
pub mod error;
pub mod evidence;
pub mod extract;
#[doc(hidden)]
pub mod fuzz;
pub mod grant;
pub mod guest;
pub mod history;
pub mod host;
mod images;
pub mod offboard;
pub mod output;
pub mod parse;
pub mod plan;
pub mod policy;
pub mod privacy;
pub mod progress;
pub mod report;
pub mod rule;
pub mod run;
pub mod sandbox;
pub mod score;
pub mod source;
mod survey;
pub mod target;
pub mod trial;
pub mod users;
pub mod wipe;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use plan::Plan;
use report::{Bench, Frame, Report, SkipReason, Skipped};
use source::directory::Root;
use survey::{Ground, Survey, Watch};

/// How a running scan is watched and ended from outside.
#[derive(Debug, Default)]
pub struct Control {
    /// Ends the scan; the report then says so.
    pub interrupted: AtomicBool,
    /// Folders listed so far.
    pub folders: AtomicU64,
    /// Places read so far.
    pub places: AtomicU64,
}

/// Looks, reads, judges. Never fails: what went wrong with a file is in the report's coverage.
pub fn scan(plan: &Plan, control: &Control) -> Report {
    let clock = Instant::now();
    let run = || look(plan, control, clock);
    match plan.pool() {
        Some(pool) => pool.install(run),
        // Without threads of its own a scan runs on those that are there.
        None => run(),
    }
}

fn look(plan: &Plan, control: &Control, clock: Instant) -> Report {
    let watch = Watch { plan, control, clock };
    let mut survey = match &plan.image {
        None => own(&watch),
        Some(image) => images::scan(&watch, image),
    };
    survey.skipped.extend(plan.skipped.iter().cloned());
    let ended = [
        (watch.is_interrupted(), SkipReason::Interrupted),
        (watch.is_out_of_time(), SkipReason::TimeBudget),
    ];
    for (_, reason) in ended.into_iter().filter(|(ended, _)| *ended) {
        let asked = plan.asked.iter().map(|root| plan.site.told(root));
        survey.skipped.extend(asked.map(|root| Skipped::new(&root, reason)));
    }
    let bench = Bench {
        now: plan.host.now,
        policy: &plan.policy,
        controls: &plan.pack.controls,
        exceptions: &plan.exceptions,
    };
    let mut sandbox = plan.sandbox.clone();
    if survey.unsealed {
        sandbox.landlock = "none".into();
    }
    let (placed, coverage) = survey.finished(clock.elapsed());
    report::assemble(placed, &bench, frame(plan, sandbox, coverage, clock.elapsed()))
}

/// The folders of this system, or another machine's disk.
fn own(watch: &Watch<'_>) -> Survey {
    let plan = watch.plan;
    let ground = Ground {
        site: &plan.site,
        host: &plan.host,
        homes: &plan.homes,
        roots: &plan.roots,
        environment: plan.environment,
    };
    survey::survey(watch, &ground)
}

fn frame(
    plan: &Plan,
    sandbox: report::Sandbox,
    coverage: report::Coverage,
    elapsed: Duration,
) -> Frame {
    let host = &plan.host;
    let started = host.now;
    let finished = if host.env.contains_key("SOURCE_DATE_EPOCH") {
        started
    } else {
        started.checked_add(elapsed).unwrap_or(started)
    };
    Frame {
        rules: report::RulePack { count: plan.pack.count(), sha256: plan.pack.sha256().into() },
        scan: report::Scan {
            id: extract::secret::scan_id(&host.random),
            started_at: started,
            finished_at: finished,
            mode: plan.mode,
            roots: if plan.image.is_some() { names(&plan.asked) } else { outermost(&plan.roots) },
            sandbox,
            fingerprint_key: plan.prints.key_name().into(),
        },
        host: report::Host {
            id: host.machine_id.as_deref().map(extract::secret::host_id),
            name: host.name.clone(),
            os: host.os.clone(),
            arch: host.arch.clone(),
            user: host.user.clone(),
        },
        coverage,
    }
}

/// The roots that lie in no other: what a quick scan probes inside a home needs no mention.
fn outermost(roots: &[Root]) -> Vec<String> {
    let inner =
        |path: &Path| roots.iter().any(|other| other.path != path && path.starts_with(&other.path));
    names(roots.iter().map(|root| &root.path).filter(|path| !inner(path)))
}

fn names<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Vec<String> {
    paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECRET: &str = "Kq8vZ2mXw5nB7cT1yR4pL9sD";

    /// The defect that the test below wants: a panic that quotes what the file holds.
    pub(crate) fn stumble(candidate: &source::Candidate) {
        let stumbles = candidate.path.ends_with("stumble/.vault-token");
        assert!(!stumbles, "{SECRET}");
    }

    #[test]
    fn a_panic_costs_one_file_and_tells_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["stumble", "walk"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(".vault-token"), format!("hvs.{SECRET}"))
                .unwrap();
        }
        let mut host = host::Host::read().unwrap();
        host.home = None;
        host.env.clear();
        let args = cli::ScanArgs {
            paths: vec![folder.path().to_owned()],
            max_file_size: 16,
            ..cli::ScanArgs::default()
        };
        let report = scan(&Plan::new(&args, host).unwrap(), &Control::default());
        let told = serde_json::to_string(&report).unwrap();
        assert!(!told.contains(&SECRET[..8]), "{told}");
        assert_eq!(report.findings.len(), 1);
        let skipped = &report.coverage.skipped;
        assert_eq!(skipped.len(), 1);
        assert!(skipped[0].path.ends_with("stumble/.vault-token"));
        assert_eq!(skipped[0].reason, SkipReason::Internal);
    }
}
