//! The few things that stop a run. A scanned file is never among them.

use thiserror::Error as ThisError;

/// Why nothing was scanned, or its result could not be handed over.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The command line or a configuration file asks for what cannot be done (exit 2).
    #[error("{0}")]
    Usage(String),
    /// A rule pack is broken (exit 2).
    #[error("{0}")]
    Rules(String),
    /// The report could not be written (exit 4).
    #[error("cannot write {path}: {}", plain(source))]
    Output {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A defect of this program (exit 4).
    #[error("internal error: {0}")]
    Internal(String),
}

/// What a person is told of a system error: its kind in plain words, never its text, which may quote a path.
pub fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".into(),
        kind => kind.to_string(),
    }
}
