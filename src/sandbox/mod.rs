//! What the kernel enforces while a scan runs, so that the promises do not rest on this program's own care.
//!
//! [`enter`] comes after everything was decided and opened, and before the first byte of a scanned file and the first thread:
//! Landlock holds for the thread that asks and for those it starts. From then on the process reads beneath the roots, gives the
//! asked outputs their names, and nothing else: no file is opened for writing, no socket made, no program started. What the kernel
//! refuses is an error of that call, not the end of the scan. Afterwards the process tries what must not work; the report tells
//! only what held.
//!
//! One right is given up in a second step, [`seal`], by each thread before it reads what a file holds: to cut a file with an
//! `openat2` that asks for reading only, which seccomp cannot see. A thread that merely lists folders pays for that refusal at
//! every open, and meets nothing but names.

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod seccomp;

use std::path::Path;

use crate::report::Sandbox;

/// What a scan still needs once the kernel holds it.
pub struct Needs<'n> {
    /// Folders beneath which files are read.
    pub read: Vec<&'n Path>,
    /// Folders in which finished reports get their names; their files are open already.
    pub outputs: Vec<&'n Path>,
}

impl Sandbox {
    /// Nothing is enforced.
    pub fn none() -> Self {
        Self { landlock: "none".into(), seccomp: "none".into() }
    }

    /// Whether Landlock is in force.
    pub fn has_landlock(&self) -> bool {
        self.landlock != "none"
    }

    /// The parts that are not in force, by name.
    pub fn missing(&self) -> Vec<&'static str> {
        let parts = [("Landlock", &self.landlock), ("seccomp", &self.seccomp)];
        parts.into_iter().filter(|(_, state)| *state == "none").map(|(name, _)| name).collect()
    }
}

/// Gives up, for this thread and all it will start, what a scan does not need; tells what the kernel enforces.
///
/// For good: the process cannot leave again. Where the kernel lacks a part, the rest holds.
#[cfg(target_os = "linux")]
pub fn enter(needs: &Needs<'_>) -> Sandbox {
    let mut sandbox = Sandbox::none();
    // Without this promise the kernel takes no restriction from a process without privileges.
    if rustix::thread::set_no_new_privs(true).is_err() {
        return sandbox;
    }
    stay_out_of_dumps();
    if let Some(abi) = landlock::restrict(needs).filter(|_| landlock::holds(needs)) {
        sandbox.landlock = format!("abi-{abi}");
    }
    if seccomp::restrict(!needs.outputs.is_empty()) && seccomp::holds() {
        sandbox.seccomp = "filter".into();
    }
    sandbox
}

/// The second step, for this thread and all it will start; tells whether it holds. Only after [`enter`], where Landlock is in force.
#[cfg(target_os = "linux")]
pub fn seal() -> bool {
    landlock::refuse_cutting()
}

/// Other systems' kernels are not asked.
#[cfg(not(target_os = "linux"))]
pub fn seal() -> bool {
    true
}

/// Other systems' kernels are not asked.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &Needs<'_>) -> Sandbox {
    Sandbox::none()
}

/// No core file, and no look into this process's memory by others of the same user.
#[cfg(target_os = "linux")]
fn stay_out_of_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};

    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, nothing);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
