//! Scope: how far a grant goes, and how many doors it opens.

use super::{Case, Factor, plural, steps};
use crate::grant::{CredentialKind, Grant, Privilege};
use crate::policy::Policy;
use crate::report::Reason;

/// See the module.
pub(super) const FACTOR: Factor = Factor {
    name: "scope",
    about: "administers, writes or reads; opens further roles, clusters, projects",
    max: 35,
    assess,
};

/// Longest scope that is quoted whole in a reason, in characters.
const QUOTED: usize = 60;

fn assess(case: &Case<'_>, _: i16) -> Vec<Reason> {
    [Some(privilege_reason(case)), administrator(case), reach(case)].into_iter().flatten().collect()
}

/// How far a grant goes: what is known of it, else the widest of its scopes and roles.
pub(crate) fn privilege(grant: &Grant, policy: &Policy) -> Privilege {
    if grant.privilege != Privilege::Unknown {
        return grant.privilege;
    }
    widest(grant, policy).map_or(Privilege::Unknown, |(level, _)| level)
}

/// Whether nothing at all tells how far a grant goes, but its account or profile is named like an administrator.
pub(crate) fn named_administrator(grant: &Grant, policy: &Policy) -> bool {
    grant.privilege == Privilege::Unknown
        && grant.scopes.is_empty()
        && grant.roles.is_empty()
        && !is_registration(grant)
        && [&grant.identity.account, &grant.identity.name]
            .into_iter()
            .flatten()
            .any(|name| policy.is_administrator(name))
}

/// A client's registration without a principal: it starts a login, and opens nothing before a person ends it.
pub(crate) fn is_registration(grant: &Grant) -> bool {
    !grant.credentials.is_empty()
        && grant
            .credentials
            .iter()
            .all(|credential| credential.kind == CredentialKind::ClientSecret)
        && grant.identity.account.is_none()
        && grant.identity.tenant.is_none()
}

fn privilege_reason(case: &Case<'_>) -> Reason {
    let grant = &case.grant;
    if is_registration(grant) {
        return Reason {
            points: 2,
            text: "a client's registration; a person must still log in".into(),
        };
    }
    let level = privilege(grant, case.policy);
    let by = widest(grant, case.policy)
        .filter(|(of, _)| *of == level && level != Privilege::Unknown)
        .map_or_else(String::new, |(_, name)| format!("{} ", quoted(name)));
    let (points, text) = match (level, by.is_empty()) {
        (Privilege::Admin, true) => (24, "administers, or does all its account can".into()),
        (Privilege::Admin, false) => (24, format!("{by}administers, or does all its account can")),
        (Privilege::Write, true) => (17, "can change things".into()),
        (Privilege::Write, false) => (17, format!("{by}can change things")),
        (Privilege::Unknown, _) => (14, "what it may do is not told".into()),
        (Privilege::Read, true) => (8, "only reads".into()),
        (Privilege::Read, false) => (8, format!("{by}only reads")),
    };
    Reason { points, text }
}

/// Stays below a stated administrator: a name is a hint.
fn administrator(case: &Case<'_>) -> Option<Reason> {
    named_administrator(&case.grant, case.policy)
        .then(|| Reason { points: 9, text: "named like an administrator".into() })
}

fn reach(case: &Case<'_>) -> Option<Reason> {
    let count = case.grant.reach.len();
    let text = format!("opens {} more", plural(i64::try_from(count).unwrap_or(i64::MAX), "place"));
    (count > 0).then(|| Reason { points: steps(count).min(11), text })
}

/// The scope or role that goes furthest. What is not understood stands between writing and reading.
fn widest<'a>(grant: &'a Grant, policy: &Policy) -> Option<(Privilege, &'a str)> {
    let mut widest: Option<(Privilege, &str)> = None;
    for name in grant.scopes.iter().chain(&grant.roles) {
        let level = policy.privilege(name);
        if widest.is_none_or(|(so_far, _)| width(level) > width(so_far)) {
            widest = Some((level, name));
        }
    }
    widest
}

const fn width(level: Privilege) -> u8 {
    match level {
        Privilege::Read => 0,
        Privilege::Unknown => 1,
        Privilege::Write => 2,
        Privilege::Admin => 3,
    }
}

fn quoted(name: &str) -> String {
    if name.chars().nth(QUOTED).is_none() {
        return name.into();
    }
    name.chars().take(QUOTED - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::cases::{credential, grant, policy};

    #[test]
    fn the_widest_scope_decides() {
        for (known, scopes, roles, level) in [
            (Privilege::Unknown, vec![], vec![], Privilege::Unknown),
            (Privilege::Unknown, vec!["read:org", "repo"], vec![], Privilege::Write),
            (Privilege::Unknown, vec!["read:org"], vec!["cluster-admin"], Privilege::Admin),
            (Privilege::Unknown, vec!["read:org", "frobnicate"], vec![], Privilege::Unknown),
            (Privilege::Read, vec!["repo"], vec![], Privilege::Read),
        ] {
            let mut grant = grant([credential(CredentialKind::OauthAccessToken)]);
            grant.privilege = known;
            grant.scopes = scopes.iter().map(ToString::to_string).collect();
            grant.roles = roles.iter().map(ToString::to_string).collect();
            assert_eq!(privilege(&grant, policy()), level, "{scopes:?} {roles:?}");
        }
    }

    #[test]
    fn long_scopes_are_cut_between_characters() {
        assert_eq!(quoted("repo"), "repo");
        assert_eq!(quoted(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(quoted(&"é".repeat(61)), format!("{}…", "é".repeat(59)));
    }
}
