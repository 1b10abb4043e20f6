//! Caps: what bounds the harm, as reasons with negative points.

use super::{Case, Factor};
use crate::grant::Storage;
use crate::report::Reason;

/// See the module.
pub(super) const FACTOR: Factor = Factor {
    name: "caps",
    about: "expired, held by a keychain, a helper or a lock, or in a published package: bounded, whatever else",
    max: 0,
    assess,
};

/// Most that residue can score: it tells an account and a tenant, and opens nothing.
const RESIDUE: i16 = 9;

/// Most that a secret can score which the file does not give away.
const HELD: i16 = 34;

/// Most that a secret can score which everybody who installs the package has too.
const EXAMPLE: i16 = 34;

fn assess(case: &Case<'_>, total: i16) -> Vec<Reason> {
    let (most, text) = if case.is_residue() {
        (RESIDUE, "expired and cannot renew")
    } else if case.facts.foreign {
        (EXAMPLE, "in a published package")
    } else {
        let text = match case.grant.storage {
            Storage::Plaintext | Storage::Obfuscated => return Vec::new(),
            Storage::Encrypted => "encrypted without its key",
            Storage::Keychain => "held by a keychain",
            Storage::Helper => "held by a helper",
        };
        (HELD, text)
    };
    if total <= most {
        return Vec::new();
    }
    vec![Reason { points: most - total, text: format!("{text}: at most {most}") }]
}
