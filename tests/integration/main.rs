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
mod formats;
#[cfg(unix)]
mod hostile;
#[cfg(unix)]
mod kinds;
mod machine;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod outside;
mod promises;
mod rules;
#[cfg(target_os = "linux")]
mod sandbox;
mod schema;
mod secrecy;
#[cfg(target_os = "linux")]
mod traced;
mod walk;
