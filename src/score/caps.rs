//! Caps: what bounds the harm, as reasons with negative points.

use super::{Case, Factor};
use crate::grant::{Confidence, Storage};
use crate::report::Reason;

/// See the module.
pub(super) const FACTOR: Factor = Factor {
    name: "caps",
    about: "expired, held by a keychain, a helper or a lock, not opened, in a published package, or of low confidence: bounded, whatever else",
    max: 0,
    assess,
};

/// Most that residue can score: it tells an account and a tenant, and opens nothing.
const RESIDUE: i16 = 9;

/// Most that a secret can score which the file does not give away.
const HELD: i16 = 34;

/// Most that a secret can score which everybody who installs the package has too.
const EXAMPLE: i16 = 34;

/// Most that a place can score in which no secret lies.
const MARK: i16 = 34;

/// Most that a store can score which was not opened and may be empty: below what is known to be held, and above what opens nothing.
const UNOPENED: i16 = 19;

/// Most that can be said of what may be no credential at all.
const DOUBTFUL: i16 = 34;

fn assess(case: &Case<'_>, total: i16) -> Vec<Reason> {
    let Some((most, text)) = bound(case).filter(|(most, _)| total > *most) else {
        return Vec::new();
    };
    vec![Reason { points: most - total, text: format!("{text}: at most {most}") }]
}

/// The lowest bound that holds, and why.
fn bound(case: &Case<'_>) -> Option<(i16, &'static str)> {
    if case.is_residue() {
        return Some((RESIDUE, "expired and cannot renew"));
    }
    if case.facts.foreign {
        return Some((EXAMPLE, "in a published package"));
    }
    if case.is_mark() {
        return Some((MARK, "no secret itself"));
    }
    if case.facts.unopened && case.grant.confidence != Confidence::High {
        return Some((UNOPENED, "not opened, and may hold nothing"));
    }
    match case.grant.storage {
        Storage::Encrypted => Some((HELD, "encrypted without its key")),
        Storage::Keychain => Some((HELD, "held by a keychain")),
        Storage::Helper => Some((HELD, "held by a helper")),
        Storage::Plaintext | Storage::Obfuscated => {
            let doubtful = case.grant.confidence == Confidence::Low;
            doubtful.then_some((DOUBTFUL, "of low confidence"))
        }
    }
}
