//! Issues: which kinds of `controls.yaml` a finding has.

use super::scope::{named_administrator, privilege};
use super::{Case, lifetime};
use crate::grant::{CredentialKind, Privilege, Storage};
use crate::report::{Exposure, PlaceState, ReadableBy, State};
use crate::rule::controls::Controls;

/// One issue kind and how it is told from the facts.
struct Issue {
    id: &'static str,
    holds: fn(&Case<'_>) -> bool,
}

/// The issues that one finding can tell by itself. Others need more: `not-rotated` an earlier report, `orphaned` what is
/// installed, `exception-expired` the exceptions, `scan-incomplete` the coverage.
const ISSUES: &[Issue] = &[
    Issue { id: "long-lived", holds: long_lived },
    Issue { id: "no-expiry", holds: |case| case.lifetime.state == State::NoExpiry },
    Issue { id: "plaintext-at-rest", holds: |case| kept(case, Storage::Plaintext) },
    Issue { id: "weak-encoding", holds: |case| kept(case, Storage::Obfuscated) },
    Issue { id: "loose-permissions", holds: loose_permissions },
    Issue { id: "over-scoped", holds: over_scoped },
    Issue { id: "shell-history", holds: |case| exposed(case, &[Exposure::History]) },
    Issue { id: "hardcoded", holds: |case| case.grant.category == "dotfile" },
    Issue { id: "unprotected-private-key", holds: unprotected_private_key },
    Issue { id: "reused", holds: |case| case.copies > 0 },
    Issue { id: "cross-environment", holds: cross_environment },
    Issue { id: "stale-unused", holds: stale_unused },
    Issue { id: "standing-refresh", holds: |case| case.lifetime.renewable },
    Issue { id: "golden-image", holds: |case| case.facts.layer.is_some() },
    Issue { id: "exposed-location", holds: exposed_location },
    Issue { id: "third-party-holder", holds: third_party_holder },
    Issue { id: "weak-auth-method", holds: |case| case.holds(CredentialKind::Password) },
    Issue { id: "human-use-of-nhi", holds: human_use_of_nhi },
    Issue { id: "unregistered-client", holds: unregistered_client },
];

/// The issues of a finding, in the order of `controls`. Residue has one: that it is still there.
pub(super) fn issues(case: &Case<'_>, controls: &Controls) -> Vec<String> {
    controls.issues.iter().map(|issue| &issue.id).filter(|id| holds(case, id)).cloned().collect()
}

fn holds(case: &Case<'_>, id: &str) -> bool {
    if case.is_residue() || id == "expired-present" {
        return case.is_residue() && id == "expired-present";
    }
    ISSUES.iter().any(|issue| issue.id == id && (issue.holds)(case))
}

fn long_lived(case: &Case<'_>) -> bool {
    case.lifetime.age_days.is_some_and(|days| days > case.limit)
        || case.lives().any(|(days, limit)| days > limit)
}

fn kept(case: &Case<'_>, storage: Storage) -> bool {
    case.grant.storage == storage && !case.policy.allows_storage(storage, &case.grant.provider)
}

fn loose_permissions(case: &Case<'_>) -> bool {
    // Who can replace a file that names a helper chooses the program that is run.
    exposed(case, &[Exposure::WritableByOthers])
        || lifetime::in_file(case.grant.storage)
            && (exposed(case, &[Exposure::Acl])
                || matches!(case.facts.readable_by, ReadableBy::Group | ReadableBy::Everyone))
}

fn over_scoped(case: &Case<'_>) -> bool {
    privilege(&case.grant, case.policy) == Privilege::Admin
        || named_administrator(&case.grant, case.policy)
        || super::breaches::outside_scopes(case).next().is_some()
        || case.grant.reach.len() > usize::try_from(case.policy.reach).unwrap_or(usize::MAX)
}

fn unprotected_private_key(case: &Case<'_>) -> bool {
    case.holds(CredentialKind::PrivateKey)
        && matches!(case.grant.storage, Storage::Plaintext | Storage::Obfuscated)
}

fn cross_environment(case: &Case<'_>) -> bool {
    let name = case.grant.identity.name.iter();
    case.policy.crosses_environments(case.grant.reach.iter().chain(name).map(String::as_str))
}

/// Each use of a refresh token brings an access token that is written beside it.
fn stale_unused(case: &Case<'_>) -> bool {
    case.lifetime.state == State::Renewable
        && lifetime::in_file(case.grant.storage)
        && !exposed(case, &[Exposure::History, Exposure::Backup])
        && case.facts.modified.is_some_and(|modified| {
            case.now.duration_since(modified).as_hours() / 24 > i64::from(case.policy.unused)
        })
}

fn exposed_location(case: &Case<'_>) -> bool {
    lifetime::in_file(case.grant.storage)
        && (case.facts.state != PlaceState::Present
            || exposed(
                case,
                &[
                    Exposure::Synced,
                    Exposure::GitTracked,
                    Exposure::Backup,
                    Exposure::Trash,
                    Exposure::NetworkFileSystem,
                ],
            ))
}

/// An extension of an editor or a server of an agent holds it, not the tool itself.
fn third_party_holder(case: &Case<'_>) -> bool {
    case.grant.category == "editor"
        || case.grant.spot.key.as_ref().is_some_and(|key| key.to_lowercase().contains("mcp"))
}

fn human_use_of_nhi(case: &Case<'_>) -> bool {
    let robot = case.grant.identity.account.as_ref().is_some_and(|account| {
        account.ends_with(".gserviceaccount.com")
            || account.starts_with("system:serviceaccount:")
            || account.starts_with("robot$")
    });
    case.facts.home.is_some() && (robot || case.holds(CredentialKind::ServiceAccountKey))
}

fn unregistered_client(case: &Case<'_>) -> bool {
    let provider = &case.grant.provider;
    let client = case.grant.identity.client_id.as_ref();
    client.is_some_and(|id| case.policy.lists_client(id, provider) == Some(false))
        || !case.policy.allows_provider(provider)
}

fn exposed(case: &Case<'_>, to: &[Exposure]) -> bool {
    case.facts.exposures.iter().any(|exposure| to.contains(exposure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::cases::controls;

    #[test]
    fn every_issue_is_one_of_the_closed_list() {
        for issue in ISSUES {
            assert!(controls().issues.iter().any(|known| known.id == issue.id), "{}", issue.id);
        }
    }
}
