//! Breaches: which clauses of the policy a finding breaks. A clause is the path of keys by which the policy file says it.

use super::{Case, lifetime, plural};
use crate::grant::CredentialKind;
use crate::policy::ProviderLimits;
use crate::report::{AgeBasis, Breach, Rotation, State};

/// The clauses a finding breaks, in the order of the policy file. Residue breaks none: what it was good for has ended.
pub(super) fn breaches(case: &Case<'_>) -> Vec<Breach> {
    if case.is_residue() {
        return Vec::new();
    }
    let mut found = ages(case);
    found.extend(refresh(case));
    found.extend(endless(case));
    found.extend(storage(case));
    found.extend(client(case));
    found.extend(provider(case));
    found.extend(scopes(case));
    found.extend(reach(case));
    found
}

/// Older, or living longer, than its kind may.
fn ages(case: &Case<'_>) -> Vec<Breach> {
    let mut kinds: Vec<(CredentialKind, Option<i64>)> = case
        .deciding()
        .map(|span| (span.kind, span.lives.map(|lives| lives / super::DAY)))
        .collect();
    if kinds.is_empty() {
        // Held to what static keys are held to, as its age is.
        kinds.push((CredentialKind::ApiKey, None));
    }
    kinds.sort_unstable();
    let mut found: Vec<Breach> =
        kinds.into_iter().filter_map(|(kind, lives)| age(case, kind, lives)).collect();
    found.dedup_by(|next, first| next.clause == first.clause);
    found
}

fn age(case: &Case<'_>, kind: CredentialKind, lives: Option<i64>) -> Option<Breach> {
    let limit = case.policy.max_age(kind, &case.grant.provider);
    let lifetime = &case.lifetime;
    let text = match (lifetime.age_days, lives) {
        (Some(days), _) if days > limit => match lifetime.age_basis {
            AgeBasis::FileModified => {
                format!("in this file for at least {}, at most {limit}", plural(days, "day"))
            }
            _ => format!("issued {} ago, at most {limit}", plural(days, "day")),
        },
        (_, Some(days)) if days > limit => {
            format!("lives {}, at most {limit}", plural(days, "day"))
        }
        _ => return None,
    };
    let clause = format!("max_age.{}", kind.as_str());
    Some(breach(case, &clause, |own| own.max_age.contains_key(&kind), text))
}

fn refresh(case: &Case<'_>) -> Option<Breach> {
    let broken = case.lifetime.renewable && !case.policy.allows_refresh(&case.grant.provider);
    let text = || "renews itself without a person".to_owned();
    broken.then(|| breach(case, "refresh_tokens", |own| own.refresh_tokens.is_some(), text()))
}

fn endless(case: &Case<'_>) -> Option<Breach> {
    let endless = case.deciding().find(|span| {
        span.state == State::NoExpiry
            && !case.policy.allows_endless(span.kind, &case.grant.provider)
    })?;
    let text = format!("{} without an end", endless.kind.as_str());
    Some(breach(case, "endless", |own| own.endless.is_some(), text))
}

fn storage(case: &Case<'_>) -> Option<Breach> {
    let storage = case.grant.storage;
    let broken = !case.policy.allows_storage(storage, &case.grant.provider);
    let text = format!("kept in {}", storage.as_str());
    broken.then(|| breach(case, "storage", |own| own.storage.is_some(), text))
}

fn client(case: &Case<'_>) -> Option<Breach> {
    let id = case.grant.identity.client_id.as_deref()?;
    let broken = case.policy.lists_client(id, &case.grant.provider) == Some(false);
    let text = "held by a client that is not listed".to_owned();
    broken.then(|| breach(case, "clients", |own| own.clients.is_some(), text))
}

fn provider(case: &Case<'_>) -> Option<Breach> {
    let provider = &case.grant.provider;
    (!case.policy.allows_provider(provider))
        .then(|| Breach { clause: "providers".into(), text: format!("{provider} is not listed") })
}

fn scopes(case: &Case<'_>) -> Option<Breach> {
    let outside: Vec<&str> = outside_scopes(case).collect();
    let text = match outside.as_slice() {
        [] => return None,
        [one] => format!("scope {one} is not listed"),
        [one, more @ ..] => format!("scope {one} and {} more are not listed", more.len()),
    };
    Some(breach(case, "scopes", |own| own.scopes.is_some(), text))
}

/// Scopes that the policy does not list.
pub(super) fn outside_scopes<'c>(case: &'c Case<'_>) -> impl Iterator<Item = &'c str> {
    let scopes = case.grant.scopes.iter().map(String::as_str);
    scopes.filter(|scope| !case.policy.allows_scope(scope, &case.grant.provider))
}

fn reach(case: &Case<'_>) -> Option<Breach> {
    let (opens, most) = (case.grant.reach.len(), case.policy.reach);
    (opens > usize::try_from(most).unwrap_or(usize::MAX)).then(|| Breach {
        clause: "reach".into(),
        text: format!("opens {opens} more, at most {most}"),
    })
}

/// The clause, under the provider where that is what sets the limit.
fn breach(
    case: &Case<'_>,
    clause: &str,
    is_own: impl Fn(&ProviderLimits) -> bool,
    text: String,
) -> Breach {
    let provider = &case.grant.provider;
    let clause = if case.policy.differs_for(provider, is_own) {
        format!("by_provider.{provider}.{clause}")
    } else {
        clause.to_owned()
    };
    Breach { clause, text }
}

/// When what gives the grant its life was last rotated, and whether it is due again.
pub(super) fn rotation(case: &Case<'_>) -> Rotation {
    let lifetime = &case.lifetime;
    let modified = case.facts.modified.filter(|_| lifetime::in_file(case.grant.storage));
    // The last of those that give the grant its life: an access token is new every hour.
    let issued = case.rotated_at();
    let (last_at, evidence) = match (issued, modified) {
        (Some(issued), _) => (Some(issued), lifetime.age_basis),
        (None, Some(modified)) => (Some(modified), AgeBasis::FileModified),
        (None, None) => (None, AgeBasis::Unknown),
    };
    let days = last_at.map(|at| case.now.duration_since(at).as_hours() / 24);
    Rotation {
        last_at,
        evidence,
        limit_days: u32::try_from(case.limit).unwrap_or(u32::MAX),
        overdue: days.filter(|_| !case.is_residue()).map(|days| days > case.limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Facts;
    use crate::grant::Storage;
    use crate::policy::Policy;
    use crate::score::cases::{NOW, ago, credential, grant};
    use CredentialKind as K;

    fn policy(text: &str) -> Policy {
        let built_in = Policy::load(include_str!("../../rules/policy.yaml")).unwrap();
        built_in.with("p.yaml", &format!("{{version: 1, {text}}}")).unwrap()
    }

    fn clauses(
        policy: &Policy,
        change: impl Fn(&mut crate::grant::Grant),
        age: i64,
    ) -> Vec<String> {
        let mut grant = grant([credential(K::OauthRefreshToken)]);
        grant.provider = "github".into();
        grant.storage = Storage::Keychain;
        grant.credentials[0].issued = Some(ago(age));
        change(&mut grant);
        let case = Case::new(grant, Facts::default(), 0, NOW, policy);
        breaches(&case).into_iter().map(|it| format!("{}: {}", it.clause, it.text)).collect()
    }

    #[test]
    fn each_clause_is_told_by_its_key() {
        let plain = |_: &mut crate::grant::Grant| {};
        for (text, age, change, told) in [
            ("", 9, &plain as &dyn Fn(&mut crate::grant::Grant), &[][..]),
            ("", 91, &plain, &["max_age.oauth-refresh-token: issued 91 days ago, at most 90"]),
            (
                "by_provider: {github: {max_age: {oauth-refresh-token: 7}}}",
                8,
                &plain,
                &["by_provider.github.max_age.oauth-refresh-token: issued 8 days ago, at most 7"],
            ),
            ("by_provider: {aws: {max_age: {oauth-refresh-token: 7}}}", 8, &plain, &[]),
            (
                "refresh_tokens: false",
                9,
                &plain,
                &["refresh_tokens: renews itself without a person"],
            ),
            (
                "refresh_tokens: false, by_provider: {github: {refresh_tokens: true}}",
                9,
                &plain,
                &[],
            ),
            ("storage: [encrypted]", 9, &plain, &["storage: kept in keychain"]),
            ("providers: [aws]", 9, &plain, &["providers: github is not listed"]),
            (
                "clients: [x]",
                9,
                &|it| it.identity.client_id = Some("y".into()),
                &["clients: held by a client that is not listed"],
            ),
            ("clients: [x]", 9, &|it| it.identity.client_id = Some("x".into()), &[]),
            (
                "scopes: ['read:*', gist]",
                9,
                &|it| it.scopes = vec!["read:org".into(), "repo".into()],
                &["scopes: scope repo is not listed"],
            ),
            (
                "reach: 1",
                9,
                &|it| it.reach = vec!["a".into(), "b".into()],
                &["reach: opens 2 more, at most 1"],
            ),
            (
                "endless: [password]",
                9,
                &|it| it.credentials[0] = credential(K::PrivateKey),
                &["endless: private-key without an end"],
            ),
            ("endless: [private-key]", 9, &|it| it.credentials[0] = credential(K::PrivateKey), &[]),
            ("refresh_tokens: false", 9, &|it| it.credentials[0].expires = Some(ago(1)), &[]),
        ] {
            assert_eq!(clauses(&policy(text), change, age), told, "{text}");
        }
    }
}
