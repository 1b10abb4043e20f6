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
pub mod trial;
pub mod wipe;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use artifact::Door;
use extract::{Context, Extracted, Placed};
use plan::Plan;
use report::{Bench, Coverage, Frame, Mode, Report, SkipReason, Skipped};
use source::directory::{Root, Walk};
use source::{Candidate, Loose};

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
    let pool = rayon::ThreadPoolBuilder::new().num_threads(plan.threads).build();
    let run = || look(plan, control, clock);
    match pool {
        Ok(pool) => pool.install(run),
        // Without threads of its own a scan runs on those that are there.
        Err(_) => run(),
    }
}

fn look(plan: &Plan, control: &Control, clock: Instant) -> Report {
    let stop = &control.interrupted;
    let out_of_time = || plan.max_time.is_some_and(|limit| clock.elapsed() >= limit);
    let roots = plan.roots.iter().map(|root| root.path.clone());
    let door = Door::new(roots, plan.max_file_size, &plan.host, &plan.homes, &plan.pack.places);
    let deep = plan.mode == Mode::Deep;
    let is_over = || stop.load(Ordering::Relaxed) || out_of_time();
    let context =
        Context { pack: &plan.pack, door: &door, prints: &plan.prints, deep, stop: &is_over };
    let found: Mutex<Extracted> = Mutex::default();
    let search = |loose: &Loose<'_>| {
        let extracted = catch_unwind(AssertUnwindSafe(|| extract::deep::loose(&context, loose)))
            .unwrap_or_else(|_| Extracted::failed(&loose.path(), SkipReason::Internal));
        if !extracted.placed.is_empty() || !extracted.skipped.is_empty() {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.placed.extend(extracted.placed);
            found.skipped.extend(extracted.skipped);
        }
    };
    let gathered = Walk {
        roots: &plan.roots,
        index: &plan.index,
        except: &plan.pack.except,
        machine: None,
        sniffed: &plan.pack.sniffed,
        places: &plan.pack.places,
        homes: &plan.homes,
        mounts: &plan.host.mounts,
        mode: plan.mode,
        exclude: &plan.exclude,
        stay_in_home: plan.host.uid == Some(0),
        loose: deep.then_some(&search),
        stop: &is_over,
        progress: &control.folders,
    }
    .run();
    let read = |candidate: &Candidate| {
        if stop.load(Ordering::Relaxed) {
            return Extracted::failed(&candidate.path, SkipReason::Interrupted);
        }
        if out_of_time() {
            return Extracted::failed(&candidate.path, SkipReason::TimeBudget);
        }
        control.places.fetch_add(1, Ordering::Relaxed);
        // A defect met by one file must not cost the others.
        catch_unwind(AssertUnwindSafe(|| extract::extract(&context, candidate)))
            .unwrap_or_else(|_| Extracted::failed(&candidate.path, SkipReason::Internal))
    };
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut placed: Vec<Placed> = found.placed;
    let mut skipped = gathered.skipped;
    skipped.extend(found.skipped);
    for extracted in gathered.candidates.par_iter().map(read).collect::<Vec<_>>() {
        placed.extend(extracted.placed);
        skipped.extend(extracted.skipped);
    }
    if plan.environment {
        placed.extend(extract::environment(&context, &plan.host));
    }
    let ended = [
        (stop.load(Ordering::Relaxed), SkipReason::Interrupted),
        (out_of_time(), SkipReason::TimeBudget),
    ];
    for (_, reason) in ended.into_iter().filter(|(ended, _)| *ended) {
        skipped.extend(plan.asked.iter().map(|root| Skipped::new(root, reason)));
    }
    extract::mark_git_tracked(&door, &mut placed);
    let coverage = Coverage {
        directories: gathered.directories,
        files_seen: gathered.files_seen,
        files_read: door.files_read(),
        bytes_read: door.bytes_read(),
        pruned: gathered
            .pruned
            .into_iter()
            .map(|(reason, count)| report::Pruned { reason, count })
            .collect(),
        skipped,
        duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        complete: false,
    };
    let bench = Bench {
        now: plan.host.now,
        policy: &plan.policy,
        controls: &plan.pack.controls,
        exceptions: &plan.exceptions,
    };
    report::assemble(placed, &bench, frame(plan, coverage, clock.elapsed()))
}

fn frame(plan: &Plan, coverage: Coverage, elapsed: Duration) -> Frame {
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
            roots: outermost(&plan.roots),
            sandbox: plan.sandbox.clone(),
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
    let outer = roots.iter().map(|root| &root.path).filter(|path| !inner(path));
    outer.map(|path| path.to_string_lossy().into_owned()).collect()
}
