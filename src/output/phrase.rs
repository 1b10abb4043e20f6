//! Facts of a finding in a few words, the same on every screen.

use jiff::Timestamp;

use super::Style;
use super::text::{count, days_long, span};
use crate::grant::{CredentialKind, Privilege, Storage};
use crate::policy::last_day;
use crate::report::{
    AgeBasis, CredentialReport, ExceptionRecord, ExceptionState, Exposure, Finding, Lifetime,
    PlaceState, ReadableBy, Severity, SkipReason, State, WhatIf,
};

/// Name of a severity.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Info => "info",
    }
}

/// Who the grant acts as; where no account is told, the nearest thing that tells it from its neighbours.
pub(super) fn identity(finding: &Finding) -> Vec<String> {
    let identity = &finding.identity;
    let file = || finding.location.path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty());
    let (account, name) = (identity.account.as_deref(), identity.name.as_deref());
    let who = [account, name, identity.tenant.as_deref(), identity.client_name.as_deref(), file()];
    let who = who.into_iter().flatten().next().unwrap_or("?").to_owned();
    let host = identity.host.as_deref().map(bare_host).filter(|host| !who.contains(host));
    let host = host.map(|host| format!(" @ {host}"));
    let name = name.filter(|name| *name != who).map(|name| format!(" ({name})"));
    let short = who.clone() + host.as_deref().or(name.as_deref()).unwrap_or_default();
    let full =
        [Some(who.as_str()), name.as_deref(), host.as_deref()].into_iter().flatten().collect();
    vec![full, short, who]
}

/// A URL without scheme and final slash.
fn bare_host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/')
}

/// What a credential kind is called.
pub(super) const fn kind(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::OauthAccessToken => "access token",
        CredentialKind::OauthRefreshToken => "refresh token",
        CredentialKind::ApiKey => "API key",
        CredentialKind::PersonalAccessToken => "personal token",
        CredentialKind::SessionToken => "session",
        CredentialKind::Password => "password",
        CredentialKind::PrivateKey => "private key",
        CredentialKind::ServiceAccountKey => "service key",
        CredentialKind::ClientSecret => "client secret",
        CredentialKind::Certificate => "certificate",
        CredentialKind::IdToken => "ID token",
        CredentialKind::Cookie => "cookie",
    }
}

/// What it is called where there is little room.
const fn short_kind(short: CredentialKind) -> &'static str {
    match short {
        CredentialKind::OauthAccessToken => "access",
        CredentialKind::OauthRefreshToken => "refresh",
        CredentialKind::PersonalAccessToken => "PAT",
        CredentialKind::ClientSecret => "client",
        long => kind(long),
    }
}

/// The credential that matters most: a usable one before an expired one, then the one that lives and reaches furthest.
fn strongest(credentials: &[CredentialReport]) -> Option<&CredentialReport> {
    credentials.iter().min_by_key(|credential| {
        let rank = match credential.kind {
            CredentialKind::OauthRefreshToken => 0,
            CredentialKind::ServiceAccountKey | CredentialKind::PrivateKey => 1,
            CredentialKind::PersonalAccessToken | CredentialKind::ApiKey => 2,
            CredentialKind::Password | CredentialKind::SessionToken => 3,
            CredentialKind::OauthAccessToken | CredentialKind::Cookie => 4,
            CredentialKind::ClientSecret => 5,
            CredentialKind::Certificate | CredentialKind::IdToken => 6,
        };
        (credential.state == State::Expired, rank)
    })
}

/// What is held, how far it goes, and what it opens; `short` where there is little room.
pub(super) fn grant(finding: &Finding, short: bool) -> Vec<String> {
    let scope = &finding.scope;
    let held = strongest(&finding.credentials).map(|credential| credential.kind);
    let held = held.map_or("login", if short { short_kind } else { kind });
    let mut items = vec![match privilege(scope.privilege) {
        Some(privilege) => format!("{privilege} {held}"),
        None => held.to_owned(),
    }];
    match scope.scopes.as_slice() {
        [] => {}
        few @ ([_] | [_, _]) => items.push(few.join(" ")),
        many => items.push(count(many.len(), "scope")),
    }
    match scope.roles.as_slice() {
        [] => {}
        [role] => items.push(role.clone()),
        many => items.push(count(many.len(), "role")),
    }
    if !scope.reach.is_empty() {
        items.push(format!("opens {} more", scope.reach.len()));
    }
    items
}

/// How far a grant goes, where that is known.
pub(super) const fn privilege(privilege: Privilege) -> Option<&'static str> {
    match privilege {
        Privilege::Admin => Some("admin"),
        Privilege::Write => Some("write"),
        Privilege::Read => Some("read"),
        Privilege::Unknown => None,
    }
}

/// How long the grant lives and how old it is, in wordings from long to short.
pub(super) fn lifetime(lifetime: &Lifetime, now: Timestamp, style: &Style) -> Vec<String> {
    let state = state(lifetime.state, lifetime.expires_at, now);
    let Some(age) = age(lifetime, style) else { return vec![state] };
    let full = format!("{state}, {age} old");
    match lifetime.state {
        State::Renewable => {
            vec![format!("renews, {age} old"), format!("renews, {age}")]
        }
        State::NoExpiry => vec![format!("never, {age} old"), format!("never, {age}")],
        State::Unknown => vec![full, format!("{age} old")],
        State::Live => vec![state],
        State::Expired => vec![state, "expired".into()],
    }
}

/// How old the grant is, if that is at least a day.
pub(super) fn age(lifetime: &Lifetime, style: &Style) -> Option<String> {
    let days =
        lifetime.age_days.and_then(|days| u64::try_from(days).ok()).filter(|days| *days > 0)?;
    let bound = if lifetime.age_basis == AgeBasis::FileModified { style.at_least() } else { "" };
    Some(format!("{bound}{}", days_long(days)))
}

/// Whether and until when a credential works.
pub(super) fn state(state: State, expires: Option<Timestamp>, now: Timestamp) -> String {
    let distance = expires.map(|end| span(end.as_second().abs_diff(now.as_second())));
    match (state, distance) {
        (State::Renewable, _) => "renews itself".into(),
        (State::NoExpiry, _) => "never ends".into(),
        (State::Live, Some(time)) => format!("ends in {time}"),
        (State::Live, None) => "live".into(),
        (State::Expired, Some(time)) => format!("expired {time} ago"),
        (State::Expired, None) => "expired".into(),
        (State::Unknown, _) => "no stated end".into(),
    }
}

/// How the grant is kept: the form, then who else gets at it, worst first.
pub(super) fn custody(finding: &Finding, places: usize) -> Vec<String> {
    let custody = &finding.custody;
    let mut items = Vec::new();
    if is_well_kept(finding) {
        items.push(custody.storage.as_str().to_owned());
        items.extend(custody.held_by.clone());
    } else {
        let reader = reader(custody.readable_by);
        // The words say it better than the mode they come from.
        let mode = custody.mode.as_deref().filter(|_| reader.is_none());
        items.push(
            form(finding).to_owned() + &mode.map(|mode| format!(" {mode}")).unwrap_or_default(),
        );
        items.extend(reader.map(str::to_owned));
        let mut exposures: Vec<_> = custody.exposures.iter().map(|&it| exposure(it)).collect();
        exposures.sort_unstable();
        items.extend(exposures.into_iter().map(|(_, words)| words.to_owned()));
    }
    items.extend(place_state(finding.location.state).map(str::to_owned));
    if places > 1 {
        items.push(count(places, "place"));
    }
    items
}

fn form(finding: &Finding) -> &'static str {
    match finding.custody.storage {
        Storage::Plaintext if finding.location.path.starts_with("env:") => "environment",
        Storage::Plaintext => "plain",
        form => form.as_str(),
    }
}

/// Whether whoever reads the file still has no credential.
pub(super) const fn is_well_kept(finding: &Finding) -> bool {
    matches!(finding.custody.storage, Storage::Encrypted | Storage::Keychain | Storage::Helper)
}

/// Who but the owner reads a file.
pub(super) const fn reader(readable_by: ReadableBy) -> Option<&'static str> {
    match readable_by {
        ReadableBy::Everyone => Some("all read"),
        ReadableBy::Group => Some("group reads"),
        ReadableBy::Owner | ReadableBy::Unknown => None,
    }
}

/// A circumstance in words, behind its rank.
pub(super) const fn exposure(exposure: Exposure) -> (u8, &'static str) {
    match exposure {
        Exposure::WritableByOthers => (0, "others write"),
        Exposure::GitTracked => (1, "in git"),
        Exposure::Synced => (2, "synced"),
        Exposure::Acl => (3, "ACL"),
        Exposure::NetworkFileSystem => (4, "network disk"),
        Exposure::History => (5, "in history"),
        Exposure::ForeignOwner => (6, "foreign owner"),
        Exposure::Backup => (7, "backup"),
        Exposure::Trash => (8, "in trash"),
        Exposure::Symlinked => (9, "via symlink"),
        Exposure::HardLinked => (10, "hard links"),
    }
}

/// What is special about a place.
pub(super) const fn place_state(state: PlaceState) -> Option<&'static str> {
    match state {
        PlaceState::Present => None,
        PlaceState::DeletedButRecoverable => Some("deleted, recoverable"),
        PlaceState::Copy => Some("copy"),
    }
}

/// The fix to begin with: what one command closes, then what is overdue; else what lowers the score most.
pub(super) fn best_fix(finding: &Finding) -> Option<&WhatIf> {
    let fixes = || finding.score.what_if.iter().filter(|fix| fix.total < finding.score.total);
    let overdue = finding.issues.iter().any(|issue| issue == "long-lived");
    fixes()
        .find(|fix| fix.change.starts_with("chmod"))
        .or_else(|| fixes().find(|fix| overdue && fix.change.starts_with("rotate")))
        .or_else(|| fixes().min_by_key(|fix| fix.total))
}

/// Until when, by whom and why it is accepted, or by which key of the policy it is ignored.
pub(super) fn accepted(finding: &Finding) -> Option<String> {
    let by_exception = finding.exception.as_ref().map(|it| {
        let ticket = it.ticket.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        format!("until {} by {}{ticket}: {}", last_day(it.expires), it.owner, it.reason)
    });
    by_exception.or_else(|| Some(format!("by the policy, {}", finding.ignored.as_ref()?)))
}

/// What became of an exception, in a word or two.
pub(super) const fn exception(record: &ExceptionRecord) -> &'static str {
    match record.state {
        ExceptionState::Expired if record.findings.is_empty() => "expired, matches nothing",
        ExceptionState::Expired => "expired",
        ExceptionState::Pending => "not yet in force",
        _ if record.findings.is_empty() => "matches nothing",
        ExceptionState::Ending => "ends soon",
        ExceptionState::InForce => "in force",
    }
}

/// The clauses of the policy that it breaks, and how.
pub(super) fn breaches(finding: &Finding) -> Vec<String> {
    finding.policy.iter().map(|it| format!("{}: {}", it.clause, it.text)).collect()
}

/// Why a place was not looked into.
pub(super) const fn skip(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Excluded => "excluded",
        SkipReason::PermissionDenied => "permission denied",
        SkipReason::TccDenied => "denied by macOS privacy settings",
        SkipReason::TooLarge => "too large",
        SkipReason::NetworkMount => "network mount",
        SkipReason::OtherFilesystem => "other file system",
        SkipReason::CloudPlaceholder => "in the cloud only",
        SkipReason::Symlink => "link leads outside",
        SkipReason::SpecialFile => "not a regular file",
        SkipReason::Vanished => "vanished",
        SkipReason::IoError => "read error",
        SkipReason::Malformed => "malformed",
        SkipReason::Unrecognised => "layout not recognised",
        SkipReason::UnsupportedEncryption => "unsupported encryption",
        SkipReason::TimeBudget => "out of time",
        SkipReason::DepthLimit => "too deep",
        SkipReason::LayerMissing => "layer missing",
        SkipReason::Interrupted => "interrupted",
        SkipReason::Internal => "internal error",
    }
}
