//! One file system from the walk to its grants.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::artifact::Door;
use crate::extract::{self, Context, Extracted, Placed};
use crate::host::{Homes, Host};
use crate::plan::Plan;
use crate::report::{Coverage, Mode, Pruned, SkipReason, Skipped};
use crate::source::directory::{Root, Walk};
use crate::source::site::Site;
use crate::source::{Candidate, Loose};
use crate::{Control, sandbox};

/// A plan that is being carried out.
pub(crate) struct Watch<'w> {
    pub(crate) plan: &'w Plan,
    pub(crate) control: &'w Control,
    pub(crate) clock: Instant,
}

impl Watch<'_> {
    pub(crate) fn is_interrupted(&self) -> bool {
        self.control.interrupted.load(Ordering::Relaxed)
    }

    pub(crate) fn is_out_of_time(&self) -> bool {
        self.plan.max_time.is_some_and(|limit| self.clock.elapsed() >= limit)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_interrupted() || self.is_out_of_time()
    }
}

/// What is surveyed.
pub(crate) struct Ground<'g> {
    pub(crate) site: &'g Site,
    pub(crate) host: &'g Host,
    pub(crate) homes: &'g Homes,
    pub(crate) roots: &'g [Root],
    /// Whether the environment of this process belongs to it.
    pub(crate) environment: bool,
}

/// What was found, and what was looked at.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) placed: Vec<Placed>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) directories: u64,
    pub(crate) files_seen: u64,
    pub(crate) files_read: u64,
    pub(crate) bytes_read: u64,
    pub(crate) pruned: BTreeMap<String, u64>,
    /// A thread that reads is not held as the others are.
    pub(crate) unsealed: bool,
}

impl Survey {
    /// Takes in another.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.placed.extend(other.placed);
        self.skipped.extend(other.skipped);
        self.directories += other.directories;
        self.files_seen += other.files_seen;
        self.files_read += other.files_read;
        self.bytes_read += other.bytes_read;
        self.unsealed |= other.unsealed;
        for (reason, count) in other.pruned {
            *self.pruned.entry(reason).or_default() += count;
        }
    }

    /// As the report has it.
    pub(crate) fn finished(self, elapsed: Duration) -> (Vec<Placed>, Coverage) {
        let pruned = self.pruned.into_iter().map(|(reason, count)| Pruned { reason, count });
        let coverage = Coverage {
            directories: self.directories,
            files_seen: self.files_seen,
            files_read: self.files_read,
            bytes_read: self.bytes_read,
            pruned: pruned.collect(),
            skipped: self.skipped,
            duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            complete: false,
        };
        (self.placed, coverage)
    }
}

/// Walks and reads.
pub(crate) fn survey(watch: &Watch<'_>, ground: &Ground<'_>) -> Survey {
    let Watch { plan, control, .. } = watch;
    let Ground { site, host, homes, roots, .. } = ground;
    let paths = roots.iter().map(|root| root.path.clone());
    let door = Door::new(paths, site, plan.max_file_size, host, homes, &plan.pack.places);
    let deep = plan.mode == Mode::Deep;
    let is_over = || watch.is_over();
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
        roots,
        index: &plan.index,
        except: &plan.pack.except,
        site,
        sniffed: &plan.pack.sniffed,
        places: &plan.pack.places,
        homes,
        mounts: &host.mounts,
        mode: plan.mode,
        exclude: &plan.exclude,
        stay_in_home: host.uid == Some(0),
        loose: deep.then_some(&search),
        stop: &is_over,
        progress: &control.folders,
    }
    .run();
    let waits_for_seal = plan.lists_first() && plan.sandbox.has_landlock();
    let unsealed = waits_for_seal && rayon::broadcast(|_| sandbox::seal()).contains(&false);
    let read = |candidate: &Candidate| {
        if watch.is_interrupted() {
            return Extracted::failed(&candidate.path, SkipReason::Interrupted);
        }
        if watch.is_out_of_time() {
            return Extracted::failed(&candidate.path, SkipReason::TimeBudget);
        }
        control.places.fetch_add(1, Ordering::Relaxed);
        // A defect met by one file must not cost the others.
        let extract = || {
            #[cfg(test)]
            crate::tests::stumble(candidate);
            extract::extract(&context, candidate)
        };
        catch_unwind(AssertUnwindSafe(extract))
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
    if ground.environment {
        placed.extend(extract::environment(&context, host));
    }
    extract::mark_git_tracked(&door, &mut placed);
    tell(site, &mut placed, &mut skipped);
    Survey {
        placed,
        skipped,
        directories: gathered.directories,
        files_seen: gathered.files_seen,
        files_read: door.files_read(),
        bytes_read: door.bytes_read(),
        pruned: gathered.pruned,
        unsealed,
    }
}

/// Names places as the machine that they belong to does.
fn tell(site: &Site, placed: &mut [Placed], skipped: &mut [Skipped]) {
    if site.machine.is_none() {
        return;
    }
    for place in placed {
        place.path = site.told(&place.path).into_owned();
        place.facts.home = place.facts.home.as_ref().map(|home| site.told(home).into_owned());
    }
    for skip in skipped {
        skip.path = site.told(Path::new(&skip.path)).to_string_lossy().into_owned();
    }
}
