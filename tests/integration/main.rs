//! The program as its users meet it: one binary, run on machines made for the purpose.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests may fail, and read what they wrote"
)]

mod cli;
mod dependencies;
mod determinism;
mod formats;
#[cfg(unix)]
mod hostile;
mod machine;
mod rules;
mod schema;
mod secrecy;
mod walk;
