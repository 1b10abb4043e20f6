//! Fixes: what each would make of the score, found by changing the facts and scoring again.

use jiff::Timestamp;

use super::scope::privilege;
use super::{Case, DAY, total};
use crate::grant::{CredentialKind, Privilege, Storage};
use crate::report::{Exposure, PlaceState, ReadableBy, State, WhatIf};

/// One fix: changes the facts as it would, and says what it is; none where it does not apply.
type Fix = fn(&mut Case<'_>) -> Option<Change>;

/// What a fix does.
enum Change {
    /// The facts are better.
    Betters(String),
    /// Nothing is left here to score.
    Ends(&'static str),
}

/// In the order in which equals are shown: the cheapest first.
const FIXES: &[Fix] = &[
    delete_residue,
    leave_out,
    delete_from_history,
    delete_copy,
    rebuild_image,
    restrict,
    move_out_of_sync,
    take_out_of_git,
    remove_copies,
    hold_better,
    rotate,
    shorten,
    narrow,
];

/// The fixes that lower the total, best first.
pub(super) fn what_if(case: &Case<'_>, now_total: u8) -> Vec<WhatIf> {
    let mut fixes: Vec<WhatIf> = FIXES
        .iter()
        .filter_map(|fix| applied(case, *fix))
        .filter(|fixed| fixed.total < now_total)
        .collect();
    fixes.sort_by_key(|fixed| fixed.total);
    fixes
}

fn applied(case: &Case<'_>, fix: Fix) -> Option<WhatIf> {
    let mut changed = case.clone();
    Some(match fix(&mut changed)? {
        Change::Betters(change) => WhatIf { change, total: total(&changed.judged_again()) },
        Change::Ends(change) => WhatIf { change: change.into(), total: 0 },
    })
}

fn delete_residue(case: &mut Case<'_>) -> Option<Change> {
    if !case.is_residue() {
        return None;
    }
    let image = case.is_in_image();
    Some(Change::Ends(if image { "build the image without it" } else { "delete it" }))
}

fn leave_out(case: &mut Case<'_>) -> Option<Change> {
    case.is_mark().then_some(Change::Ends("leave it out of the image"))
}

fn delete_from_history(case: &mut Case<'_>) -> Option<Change> {
    if !exposed(case, Exposure::History) || case.is_residue() {
        return None;
    }
    Some(Change::Ends("rotate; delete the line"))
}

fn delete_copy(case: &mut Case<'_>) -> Option<Change> {
    let copy = exposed(case, Exposure::Backup)
        || exposed(case, Exposure::Trash)
        || case.facts.state == PlaceState::Copy;
    if !copy || case.is_residue() {
        return None;
    }
    Some(Change::Ends("delete this copy"))
}

fn rebuild_image(case: &mut Case<'_>) -> Option<Change> {
    if !case.is_in_image() || case.is_residue() {
        return None;
    }
    Some(Change::Ends("rotate it, then build the image without it"))
}

fn restrict(case: &mut Case<'_>) -> Option<Change> {
    let loose = matches!(case.facts.readable_by, ReadableBy::Group | ReadableBy::Everyone)
        || exposed(case, Exposure::WritableByOthers)
        || exposed(case, Exposure::Acl);
    if !loose || case.is_in_image() {
        return None;
    }
    case.facts.readable_by = ReadableBy::Owner;
    case.facts
        .exposures
        .retain(|exposure| !matches!(exposure, Exposure::WritableByOthers | Exposure::Acl));
    let how = if case.facts.mode.is_some() { "chmod 600" } else { "let only its owner read it" };
    Some(Change::Betters(how.into()))
}

fn move_out_of_sync(case: &mut Case<'_>) -> Option<Change> {
    without(case, Exposure::Synced).then_some(())?;
    Some(Change::Betters("move out of the sync".into()))
}

fn take_out_of_git(case: &mut Case<'_>) -> Option<Change> {
    without(case, Exposure::GitTracked).then_some(())?;
    Some(Change::Betters("untrack in git; rotate".into()))
}

fn remove_copies(case: &mut Case<'_>) -> Option<Change> {
    if std::mem::take(&mut case.copies) == 0 {
        return None;
    }
    Some(Change::Betters("delete other copies".into()))
}

fn hold_better(case: &mut Case<'_>) -> Option<Change> {
    let bare = matches!(case.grant.storage, Storage::Plaintext | Storage::Obfuscated);
    if !bare || exposed(case, Exposure::History) || case.is_in_image() {
        return None;
    }
    if case.grant.credentials.iter().all(|credential| credential.kind == CredentialKind::PrivateKey)
        && !case.grant.credentials.is_empty()
    {
        case.grant.storage = Storage::Encrypted;
        return Some(Change::Betters("set a passphrase".into()));
    }
    case.grant.storage = Storage::Keychain;
    Some(Change::Betters("use a keychain".into()))
}

fn rotate(case: &mut Case<'_>) -> Option<Change> {
    if case.is_residue() || case.lifetime.age_days == Some(0) || exposed(case, Exposure::History) {
        return None;
    }
    renew(case);
    let renews = case.lifetime.state == State::Renewable;
    let how = if renews { "log out and in again" } else { "rotate" };
    Some(Change::Betters(how.into()))
}

/// Passwords and bare keys cannot be told when to end.
fn shorten(case: &mut Case<'_>) -> Option<Change> {
    let long = match case.lifetime.state {
        State::NoExpiry | State::Unknown => true,
        State::Live => case.lives().any(|(days, limit)| days > limit),
        State::Renewable | State::Expired => false,
    };
    let fixed = case.holds(CredentialKind::Password) || case.holds(CredentialKind::PrivateKey);
    let typed = exposed(case, Exposure::History);
    if !long || fixed || typed || case.grant.credentials.is_empty() {
        return None;
    }
    let ends = Timestamp::from_second(case.now.as_second() + case.limit * DAY - 1).ok()?;
    renew(case);
    for credential in &mut case.grant.credentials {
        credential.expires = Some(ends);
    }
    let limit = format!("{} d", case.limit);
    Some(Change::Betters(format!("let it end in {limit}")))
}

fn narrow(case: &mut Case<'_>) -> Option<Change> {
    let wide = matches!(privilege(&case.grant, case.policy), Privilege::Admin | Privilege::Write);
    if !wide || exposed(case, Exposure::History) {
        return None;
    }
    case.grant.privilege = Privilege::Read;
    Some(Change::Betters("narrow to read".into()))
}

/// As if issued now.
fn renew(case: &mut Case<'_>) {
    case.facts.modified = Some(case.now);
    for credential in &mut case.grant.credentials {
        credential.issued = Some(case.now);
    }
}

fn exposed(case: &Case<'_>, to: Exposure) -> bool {
    case.facts.exposures.contains(&to)
}

fn without(case: &mut Case<'_>, exposure: Exposure) -> bool {
    let before = case.facts.exposures.len();
    case.facts.exposures.retain(|other| *other != exposure);
    case.facts.exposures.len() < before
}
