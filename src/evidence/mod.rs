//! Evidence: a scan as a folder that proves itself to someone who trusts nobody.
//!
//! `SHA256SUMS` covers every file, an SSH signature covers `SHA256SUMS`, and the manifest names the bundle before. All of it can
//! be checked without this program: `sha256sum --strict -c SHA256SUMS`, `ssh-keygen -Y verify`, and a look at `previous` in
//! `MANIFEST.json`. [`verify::verify`] does the same and looks into the files as well.
//!
//! Bundles are deterministic: the same tree, rules, policy, options and `SOURCE_DATE_EPOCH` give the same bytes. Without a clock
//! that is set, the manifest and what is rendered differ, for they tell when; findings, coverage, exceptions, rules and policy do
//! not.
//!
//! No agent is asked for a signature: that takes a socket, and this program opens none. `ssh-keygen -Y sign` writes the same
//! `SHA256SUMS.sig` with a key that an agent or a token holds.

pub mod bundle;
pub mod manifest;
pub mod sign;
pub mod verify;

mod chain;
mod facts;
mod signers;
mod sums;

pub use bundle::{Draft, Purpose};
pub use chain::Link;
pub use facts::Facts;

/// Purpose of the signatures (`ssh-keygen -n`): one made for another purpose proves nothing here.
pub const NAMESPACE: &str = "nhi-scan-evidence@v1";

const MANIFEST: &str = "MANIFEST.json";
const FINDINGS: &str = "findings.ndjson";
const COVERAGE: &str = "coverage.ndjson";
const EXCEPTIONS: &str = "exceptions.ndjson";
const RULES: &str = "rules.lock.json";
const POLICY: &str = "policy.yaml";
const SUMS: &str = "SHA256SUMS";
const SIGNATURE: &str = "SHA256SUMS.sig";
/// An RFC 3161 time stamp over `SHA256SUMS`, which others may add.
const TIME_STAMP: &str = "SHA256SUMS.tsr";

/// What may lie in a bundle without a sum.
const UNSUMMED: [&str; 3] = [SUMS, SIGNATURE, TIME_STAMP];
