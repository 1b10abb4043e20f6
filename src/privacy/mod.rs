//! How much of a report may leave.

use clap::ValueEnum;

use crate::cli::ScanArgs;

/// How much of a report may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everything.
    #[default]
    Full,
    /// No names of users and machines, no paths of the user's own, nothing a person typed, days instead of times.
    Standard,
    /// Counts by rule and severity: no paths, no accounts.
    Strict,
}

impl Level {
    /// What the arguments ask for.
    pub fn of(args: &ScanArgs) -> Self {
        args.privacy.unwrap_or_default()
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}
