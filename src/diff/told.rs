//! The words for a pair of findings, and for one without a partner.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coverage::Unseen;
use super::pair::{Pairs, is_key_id, prints};
use super::{Told, Word};
use crate::grant::CredentialKind;
use crate::policy::{day, last_day};
use crate::report::{Finding, Mode, ReadableBy, Report, State};

/// What became of the secret of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// It is the same.
    Kept,
    /// Another, as this tells.
    Rotated(Evidence),
    /// Only what passes by itself was replaced by a later one.
    Renewed,
    /// Nothing tells.
    Unknown,
}

/// What tells of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Fingerprints under one key differ.
    Fingerprint,
    /// The file states a later issue time.
    IssueTime,
    /// The id of the key differs.
    KeyId,
}

/// What is said of a grant that is in both reports.
pub(super) fn of_pair(old: &Finding, new: &Finding, comparable: bool) -> Vec<Told> {
    let mut told = Vec::new();
    let mut say = |change: Word, text: String| told.push(Told { change, text });
    let secret = secret(old, new, comparable);
    if let Secret::Rotated(evidence) = secret {
        say(Word::Rotated, rotated(old, new, evidence));
    }
    if let Some(text) = moved(old, new) {
        say(Word::Moved, text);
    }
    if let Some(text) = re_permissioned(old, new) {
        say(Word::RePermissioned, text);
    }
    if let Some(text) = scope_changed(old, new) {
        say(Word::ScopeChanged, text);
    }
    let (before, after) = (&old.lifetime, &new.lifetime);
    let has_ended = |state: State| state == State::Expired;
    if !has_ended(before.state) && has_ended(after.state) {
        let when = after.expires_at.map(|at| format!(" on {}", day(at))).unwrap_or_default();
        say(Word::Expired, format!("ended{when}"));
    } else if !matches!(secret, Secret::Rotated(_)) {
        let later = match (before.expires_at, after.expires_at) {
            (Some(before), Some(after)) => after > before,
            _ => false,
        };
        // A file that was rewritten makes what it still holds look younger; without a date of its own that is no new life.
        let revived = has_ended(before.state)
            && !has_ended(after.state)
            && after.expires_at.is_some()
            && before.expires_at != after.expires_at;
        if later || revived || secret == Secret::Renewed {
            let until = after.expires_at.map(|at| format!("ends {}", day(at)));
            say(Word::Renewed, until.unwrap_or_else(|| "works again".into()));
        }
    }
    match (&old.exception, &new.exception) {
        (None, Some(exception)) => {
            let text = format!(
                "until {} by {}: {}",
                last_day(exception.expires),
                exception.owner,
                exception.reason
            );
            say(Word::ExceptionBegun, text);
        }
        (Some(exception), None) => {
            let text =
                format!("it was until {} by {}", last_day(exception.expires), exception.owner);
            say(Word::ExceptionEnded, text);
        }
        _ => {}
    }
    told
}

/// What is said of a finding that is only in the new report.
pub(super) fn of_new(
    finding: &Finding,
    old: &Report,
    new: &Report,
    pairs: &Pairs,
    unseen: Option<Unseen>,
) -> Told {
    if let Some(unseen) = unseen {
        let text = format!("seen only now: the old scan {}", why(unseen));
        return Told { change: Word::CoverageChanged, text };
    }
    match pairs.known_elsewhere(finding, old, new) {
        Some(other) => Told {
            change: Word::Copied,
            text: format!("the same secret as in {}", other.location.path),
        },
        None => Told { change: Word::New, text: "was not there".into() },
    }
}

/// What is said of a finding that is only in the old report.
pub(super) fn of_gone(finding: &Finding, pairs: &Pairs, unseen: Option<Unseen>) -> Told {
    if let Some(unseen) = unseen {
        let text = format!("not looked at this time: the new scan {}", why(unseen));
        return Told { change: Word::CoverageChanged, text };
    }
    let text = if pairs.stays_elsewhere(finding) {
        "from here; the secret lies elsewhere still"
    } else {
        "no longer there"
    };
    Told { change: Word::Gone, text: text.into() }
}

fn why(unseen: Unseen) -> String {
    match unseen {
        Unseen::Outside => "had other roots".into(),
        Unseen::Skipped(reason) => {
            format!("skipped it ({})", word(&reason))
        }
        Unseen::Mode(mode) => match mode {
            Mode::Quick => "looked at known places only (--quick)".into(),
            Mode::Default | Mode::Thorough | Mode::Deep => "did not look that far".into(),
        },
        Unseen::Rules => "had fewer rules".into(),
    }
}

/// Whether a grant's long-lived secrets are the same in both reports, as fingerprints under one key tell.
pub(super) fn keeps_secret(old: &Finding, new: &Finding) -> bool {
    secret(old, new, true) == Secret::Kept
}

/// What became of the secret.
pub(crate) fn secret(old: &Finding, new: &Finding, comparable: bool) -> Secret {
    let accounts = (old.identity.account.as_deref(), new.identity.account.as_deref());
    if let (Some(before), Some(after)) = accounts
        && before != after
        && is_key_id(before)
        && is_key_id(after)
    {
        return Secret::Rotated(Evidence::KeyId);
    }
    if comparable {
        let (before, after) = (lasting(old), lasting(new));
        if !before.is_empty() && !after.is_empty() {
            let replaced = before.difference(&after).next().is_some()
                && after.difference(&before).next().is_some();
            return if replaced { Secret::Rotated(Evidence::Fingerprint) } else { Secret::Kept };
        }
        let (before, after): (BTreeSet<_>, BTreeSet<_>) =
            (prints(old).collect(), prints(new).collect());
        if !before.is_empty() && !after.is_empty() {
            return match before.is_disjoint(&after) {
                false => Secret::Kept,
                true if ends_later(old, new) => Secret::Renewed,
                true => Secret::Rotated(Evidence::Fingerprint),
            };
        }
    }
    match (issued(old), issued(new)) {
        (Some(before), Some(after))
            if after > before && ends_later(old, new) && is_passing(new) =>
        {
            Secret::Renewed
        }
        (Some(before), Some(after)) if after > before => Secret::Rotated(Evidence::IssueTime),
        _ => Secret::Unknown,
    }
}

/// Fingerprints of what does not pass by itself.
fn lasting(finding: &Finding) -> BTreeSet<&str> {
    let lasting = finding.credentials.iter().filter(|credential| is_lasting(credential.kind));
    lasting.filter_map(|credential| credential.fingerprint.as_deref()).collect()
}

/// Kinds that last until someone replaces them; the others are made anew by these, or by a login.
const fn is_lasting(kind: CredentialKind) -> bool {
    match kind {
        CredentialKind::OauthRefreshToken
        | CredentialKind::ApiKey
        | CredentialKind::PersonalAccessToken
        | CredentialKind::Password
        | CredentialKind::PrivateKey
        | CredentialKind::ServiceAccountKey
        | CredentialKind::ClientSecret => true,
        CredentialKind::OauthAccessToken
        | CredentialKind::SessionToken
        | CredentialKind::Certificate
        | CredentialKind::IdToken
        | CredentialKind::Cookie => false,
    }
}

fn is_passing(finding: &Finding) -> bool {
    finding.credentials.iter().all(|credential| !is_lasting(credential.kind))
}

fn ends_later(old: &Finding, new: &Finding) -> bool {
    let (before, after) = (&old.lifetime, &new.lifetime);
    let later =
        matches!((before.expires_at, after.expires_at), (Some(old), Some(new)) if new > old);
    later || (before.state == State::Expired && after.state != State::Expired)
}

/// When the lasting secrets were issued, or where there are none, the others, as the file states it.
fn issued(finding: &Finding) -> Option<Timestamp> {
    let passing = is_passing(finding);
    let deciding = finding.credentials.iter().filter(|it| passing || is_lasting(it.kind));
    deciding.filter_map(|it| it.issued_at).max()
}

fn rotated(old: &Finding, new: &Finding, evidence: Evidence) -> String {
    match evidence {
        Evidence::Fingerprint => "another secret, as fingerprints tell".into(),
        Evidence::IssueTime => {
            let at = issued(new).map(day).unwrap_or_default();
            format!("issued {at}, as the file states")
        }
        Evidence::KeyId => {
            let account = |of: &Finding| of.identity.account.clone().unwrap_or_default();
            format!("key {} in place of {}", account(new), account(old))
        }
    }
}

fn moved(old: &Finding, new: &Finding) -> Option<String> {
    if old.location.path != new.location.path {
        return Some(format!("from {}", old.location.path));
    }
    let (before, after) = (&old.custody, &new.custody);
    (before.storage != after.storage).then(|| {
        let holder = after.held_by.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        format!("from {} to {}{holder}", before.storage.as_str(), after.storage.as_str())
    })
}

fn re_permissioned(old: &Finding, new: &Finding) -> Option<String> {
    // In another place other permissions are no change of these.
    if old.location.path != new.location.path {
        return None;
    }
    let (before, after) = (&old.custody, &new.custody);
    let mut parts = Vec::new();
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    if before.mode != after.mode {
        parts.push(format!("mode {} to {}", shown(&before.mode), shown(&after.mode)));
    }
    if before.owner != after.owner {
        parts.push(format!("owner {} to {}", shown(&before.owner), shown(&after.owner)));
    }
    if before.readable_by != after.readable_by {
        parts.push(
            match after.readable_by {
                ReadableBy::Owner => "only its owner reads it",
                ReadableBy::Group => "its group reads it",
                ReadableBy::Everyone => "everyone reads it",
                ReadableBy::Unknown => "who reads it is not known",
            }
            .into(),
        );
    }
    let exposures = |of: &Finding| of.custody.exposures.iter().map(word).collect::<BTreeSet<_>>();
    let (was, is) = (exposures(old), exposures(new));
    parts.extend(is.difference(&was).map(|exposure| format!("now {exposure}")));
    parts.extend(was.difference(&is).map(|exposure| format!("no longer {exposure}")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn scope_changed(old: &Finding, new: &Finding) -> Option<String> {
    let mut parts = Vec::new();
    let (before, after) = (&old.scope, &new.scope);
    if before.privilege != after.privilege {
        parts.push(format!("{} to {}", word(&before.privilege), word(&after.privilege)));
    }
    for (what, was, is) in [
        ("scope", &before.scopes, &after.scopes),
        ("role", &before.roles, &after.roles),
        ("reach", &before.reach, &after.reach),
    ] {
        parts.extend(listed(what, was, is));
    }
    let kinds = |of: &Finding| -> Vec<String> {
        let kinds: BTreeSet<_> = of.credentials.iter().map(|it| it.kind.as_str()).collect();
        kinds.into_iter().map(str::to_owned).collect()
    };
    // What is in a keychain now is not told, and not lost.
    if old.custody.storage == new.custody.storage {
        parts.extend(listed("credential", &kinds(old), &kinds(new)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What a list gained and lost: few by name.
fn listed(what: &str, was: &[String], is: &[String]) -> Vec<String> {
    const NAMED: usize = 3;
    let sets = |list: &'_ [String]| list.iter().cloned().collect::<BTreeSet<_>>();
    let (was, is) = (sets(was), sets(is));
    let side = |sign: &str, items: Vec<&String>| match items.len() {
        0 => None,
        1..=NAMED => {
            let items: Vec<_> = items.into_iter().map(String::as_str).collect();
            Some(format!("{sign}{what} {}", items.join(" ")))
        }
        many => Some(format!("{sign}{many} of {what}")),
    };
    let gained = side("+", is.difference(&was).collect());
    let lost = side("-", was.difference(&is).collect());
    gained.into_iter().chain(lost).collect()
}

/// The published name of an enum's value.
fn word(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}
