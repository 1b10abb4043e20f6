//! The program as its users meet it: one binary, run on machines made for the purpose.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests may fail, and read what they wrote"
)]

mod authoring;
mod cli;
mod corpus;
mod deep;
mod dependencies;
mod determinism;
mod disks;
mod evidence;
mod formats;
mod frameworks;
mod governance;
#[cfg(unix)]
mod hostile;
mod images;
#[cfg(unix)]
mod kinds;
mod machine;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod mounts;
mod offboard;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod outside;
mod privacy;
mod promises;
mod recipes;
mod roots;
mod rules;
#[cfg(target_os = "linux")]
mod sandbox;
mod schema;
mod secrecy;
#[cfg(target_os = "linux")]
mod traced;
mod walk;
