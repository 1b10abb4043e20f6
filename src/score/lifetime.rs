//! Effective lifetime: how long a grant lives, from its dates, the vendor's word and the nature of its credentials.

use jiff::Timestamp;

use super::DAY;
use crate::artifact::Facts;
use crate::grant::{Credential, CredentialKind, Grant, Life, Storage};
use crate::report::{AgeBasis, Lifetime, State};

/// An issue time further ahead than this is no clock that runs fast but a wrong time (milliseconds read as seconds, say).
const SKEW: i64 = DAY;

/// An end further ahead than this is a way to write "never" (31 December 9999, the largest number).
const FOREVER: i64 = 50 * 365 * DAY;

/// An end before this is a way to write "none": Go's zero time is in the year 1, an unset number is 1970.
const UNSET: i64 = DAY;

/// What is known of the life of one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// What it is.
    pub(crate) kind: CredentialKind,
    /// State at scan time.
    pub(crate) state: State,
    /// End, where told or certain: the file's, or issue and the vendor's word.
    pub(crate) ends: Option<Timestamp>,
    /// Seconds it lives in all, or has left where its issue time is not told. None where it has no end that is known.
    pub(crate) lives: Option<i64>,
}

/// The life of the whole grant: that of its longest-lived usable credential. The age rests on the earliest stated issue time
/// (basis `stated`; the caller knows which came from a token's own claims), else on the file's last change.
pub fn lifetime(grant: &Grant, facts: &Facts, now: Timestamp) -> Lifetime {
    let spans = spans(grant, facts, now);
    let state = effective(grant, &spans);
    let ends = deciding(grant, &spans).filter_map(|span| span.ends).max();
    let issued = grant.credentials.iter().filter_map(|credential| issued(credential, now)).min();
    let (age_days, age_basis) = age(grant, issued, facts, now);
    Lifetime {
        state,
        issued_at: issued,
        expires_at: match state {
            State::Live | State::Renewable | State::Expired => ends,
            State::NoExpiry | State::Unknown => None,
        },
        age_days,
        age_basis,
        renewable: state == State::Renewable
            || spans.iter().any(|span| span.state == State::Renewable),
    }
}

/// The life of each credential, in the grant's order.
pub(crate) fn spans(grant: &Grant, facts: &Facts, now: Timestamp) -> Vec<Span> {
    grant.credentials.iter().map(|credential| span(credential, grant, facts, now)).collect()
}

/// The credentials that give the grant its state.
pub(crate) fn deciding<'a>(grant: &Grant, spans: &'a [Span]) -> impl Iterator<Item = &'a Span> {
    let state = effective(grant, spans);
    let kinds = kinds(grant);
    spans.iter().filter(move |span| span.state == state && opens(span.kind, &kinds))
}

/// Whether the secret lies in the scanned file, so that the file's dates and its readers are the secret's.
pub(crate) fn in_file(storage: Storage) -> bool {
    match storage {
        Storage::Plaintext | Storage::Obfuscated | Storage::Encrypted => true,
        Storage::Keychain | Storage::Helper => false,
    }
}

/// An end that means one.
pub(crate) fn told_end(credential: &Credential) -> Option<Timestamp> {
    credential.expires.filter(|end| end.as_second() > UNSET)
}

fn span(credential: &Credential, grant: &Grant, facts: &Facts, now: Timestamp) -> Span {
    let kind = credential.kind;
    let life = grant.lives.iter().find(|(of, _)| *of == kind).map(|(_, life)| *life);
    let end = End::of(credential, grant, life.unwrap_or_default(), facts, now);
    let state = match end {
        End::At(at, _) | End::Latest(at, _) if at <= now => State::Expired,
        // One that never ends is still a token that renews others: that is what ends with it.
        _ if kind == CredentialKind::OauthRefreshToken => State::Renewable,
        End::Never => State::NoExpiry,
        End::At(..) | End::Latest(..) | End::Within(_) => State::Live,
        End::Untold => State::Unknown,
    };
    let (ends, lives) = match end {
        End::At(at, lives) => (Some(at), Some(lives)),
        End::Latest(_, lives) | End::Within(lives) => (None, Some(lives)),
        End::Never | End::Untold => (None, None),
    };
    Span { kind, state, ends, lives }
}

/// When a credential ends. The last number is the seconds it lives.
enum End {
    At(Timestamp, i64),
    /// At this time or before: the file is older than the credential can be.
    Latest(Timestamp, i64),
    /// So many seconds after an issue time that nobody tells.
    Within(i64),
    Never,
    Untold,
}

impl End {
    fn of(
        credential: &Credential,
        grant: &Grant,
        life: Life,
        facts: &Facts,
        now: Timestamp,
    ) -> Self {
        if let Some(at) = told_end(credential) {
            return Self::at(at, issued(credential, now), now);
        }
        match life.ends {
            Some(None) => return Self::Never,
            Some(Some(seconds)) => return Self::by_vendor(credential, grant, seconds, facts, now),
            None => {}
        }
        match credential.kind {
            // A key beside an X.509 certificate opens what the certificate opens, as long as it does.
            CredentialKind::PrivateKey => certificate(grant)
                .and_then(|certificate| Some((certificate, told_end(certificate)?)))
                .map_or(Self::Never, |(of, at)| Self::at(at, issued(of, now), now)),
            // Nothing in a password or a service account's key ends it; somebody has to.
            CredentialKind::Password | CredentialKind::ServiceAccountKey => Self::Never,
            _ => Self::Untold,
        }
    }

    fn at(at: Timestamp, issued: Option<Timestamp>, now: Timestamp) -> Self {
        if seconds(now, at) > FOREVER {
            return Self::Never;
        }
        Self::At(at, seconds(issued.unwrap_or(now), at).max(0))
    }

    fn by_vendor(
        credential: &Credential,
        grant: &Grant,
        seconds: i64,
        facts: &Facts,
        now: Timestamp,
    ) -> Self {
        let lives = seconds.max(0);
        if let Some(at) = issued(credential, now).and_then(|issued| after(issued, lives)) {
            return Self::At(at, lives);
        }
        // What was written at some time was issued before it.
        let written = facts.modified.filter(|_| in_file(grant.storage));
        match written.and_then(|written| after(written, lives)) {
            Some(at) => Self::Latest(at, lives),
            None => Self::Within(lives),
        }
    }
}

/// The state of the grant: the longest life among the credentials that open something.
fn effective(grant: &Grant, spans: &[Span]) -> State {
    let kinds = kinds(grant);
    let longest = spans
        .iter()
        .filter(|span| opens(span.kind, &kinds))
        .map(|span| span.state)
        .max_by_key(|state| rank(*state));
    longest.unwrap_or_else(|| state_elsewhere(grant))
}

const fn rank(state: State) -> u8 {
    match state {
        State::Expired => 0,
        State::Unknown => 1,
        State::Live => 2,
        State::Renewable => 3,
        State::NoExpiry => 4,
    }
}

/// Where no credential is told (a keychain or helper holds it), only a vendor who speaks of refresh tokens tells something.
fn state_elsewhere(grant: &Grant) -> State {
    let refreshes = grant.lives.iter().any(|(kind, _)| *kind == CredentialKind::OauthRefreshToken);
    if refreshes { State::Renewable } else { State::Unknown }
}

fn kinds(grant: &Grant) -> Vec<CredentialKind> {
    grant.credentials.iter().map(|credential| credential.kind).collect()
}

/// Whether a credential opens something by itself, given its company. A client's secret or a certificate beside the token or
/// key it belongs to does not, nor does the key that a token is bound to.
fn opens(kind: CredentialKind, company: &[CredentialKind]) -> bool {
    match kind {
        CredentialKind::ClientSecret | CredentialKind::Certificate => company.iter().all(|other| {
            matches!(other, CredentialKind::ClientSecret | CredentialKind::Certificate)
        }),
        CredentialKind::PrivateKey => !company.iter().any(|other| {
            matches!(
                other,
                CredentialKind::OauthAccessToken
                    | CredentialKind::OauthRefreshToken
                    | CredentialKind::SessionToken
                    | CredentialKind::IdToken
            )
        }),
        _ => true,
    }
}

fn certificate(grant: &Grant) -> Option<&Credential> {
    grant.credentials.iter().find(|credential| credential.kind == CredentialKind::Certificate)
}

/// An issue time that can be one.
pub(crate) fn issued(credential: &Credential, now: Timestamp) -> Option<Timestamp> {
    credential.issued.filter(|issued| issued.as_second() > UNSET && seconds(now, *issued) <= SKEW)
}

fn age(
    grant: &Grant,
    issued: Option<Timestamp>,
    facts: &Facts,
    now: Timestamp,
) -> (Option<i64>, AgeBasis) {
    let days = |since| (seconds(since, now) / DAY).max(0);
    if let Some(issued) = issued {
        return (Some(days(issued)), AgeBasis::Stated);
    }
    // The age of a file that only names a keychain or helper says nothing of the secret there.
    match facts.modified.filter(|_| in_file(grant.storage)) {
        Some(modified) => (Some(days(modified)), AgeBasis::FileModified),
        None => (None, AgeBasis::Unknown),
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

fn after(time: Timestamp, seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(time.as_second().checked_add(seconds)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::cases::{NOW, ago, credential, days, grant};
    use CredentialKind as K;

    const NEVER: Life = Life { ends: Some(None), idle: None };
    const HOUR: Life = Life { ends: Some(Some(3600)), idle: None };

    fn of(grant: &Grant, modified: Option<i64>) -> Lifetime {
        let facts = Facts { modified: modified.map(ago), ..Facts::default() };
        lifetime(grant, &facts, NOW)
    }

    #[test]
    fn a_grant_lives_as_long_as_its_longest_lived_usable_credential() {
        let none = None;
        for (what, credentials, state) in [
            ("live access", vec![(K::OauthAccessToken, Some(1))], State::Live),
            ("dead access", vec![(K::OauthAccessToken, Some(-1))], State::Expired),
            (
                "dead access, refresh",
                vec![(K::OauthAccessToken, Some(-1)), (K::OauthRefreshToken, none)],
                State::Renewable,
            ),
            (
                "dead access, live refresh",
                vec![(K::OauthAccessToken, Some(-1)), (K::OauthRefreshToken, Some(9))],
                State::Renewable,
            ),
            (
                "both dead",
                vec![(K::OauthAccessToken, Some(-9)), (K::OauthRefreshToken, Some(-1))],
                State::Expired,
            ),
            (
                "live access, dead refresh",
                vec![(K::OauthAccessToken, Some(1)), (K::OauthRefreshToken, Some(-1))],
                State::Live,
            ),
            (
                "a client's secret renews nothing",
                vec![(K::OauthAccessToken, Some(-1)), (K::ClientSecret, Some(60))],
                State::Expired,
            ),
            ("a registration alone", vec![(K::ClientSecret, Some(60))], State::Live),
            ("a dead registration", vec![(K::ClientSecret, Some(-60))], State::Expired),
            ("a service principal", vec![(K::ClientSecret, none)], State::Unknown),
            (
                "key and certificate",
                vec![(K::PrivateKey, none), (K::Certificate, Some(-3))],
                State::Expired,
            ),
            (
                "key and live certificate",
                vec![(K::Certificate, Some(3)), (K::PrivateKey, none)],
                State::Live,
            ),
            ("key", vec![(K::PrivateKey, none)], State::NoExpiry),
            (
                "token bound to a key",
                vec![(K::SessionToken, Some(-1)), (K::PrivateKey, none)],
                State::Expired,
            ),
            ("password", vec![(K::Password, none)], State::NoExpiry),
            ("api key of whom nobody tells", vec![(K::ApiKey, none)], State::Unknown),
            ("token of whom nobody tells", vec![(K::PersonalAccessToken, none)], State::Unknown),
            ("31 December 9999", vec![(K::ApiKey, Some(2_900_000))], State::NoExpiry),
            ("Go's zero time", vec![(K::OauthAccessToken, Some(-730_000))], State::Unknown),
            ("nothing", vec![], State::Unknown),
        ] {
            let grant = grant(credentials.into_iter().map(|(kind, ends)| Credential {
                expires: ends.map(|ends| ago(-ends)),
                ..credential(kind)
            }));
            assert_eq!(of(&grant, Some(400)).state, state, "{what}");
        }
    }

    #[test]
    fn the_vendor_tells_where_the_file_does_not() {
        for (what, kind, life, issued, modified, state) in [
            ("never", K::OauthAccessToken, NEVER, None, Some(9), State::NoExpiry),
            ("issued within the hour", K::OauthAccessToken, HOUR, Some(0), Some(0), State::Live),
            ("issued yesterday", K::OauthAccessToken, HOUR, Some(1), Some(0), State::Expired),
            ("written yesterday", K::OauthAccessToken, HOUR, None, Some(1), State::Expired),
            ("written now", K::OauthAccessToken, HOUR, None, Some(0), State::Live),
            ("written when?", K::OauthAccessToken, HOUR, None, None, State::Live),
            (
                "refresh token, dead by the vendor's word",
                K::OauthRefreshToken,
                HOUR,
                Some(1),
                None,
                State::Expired,
            ),
            (
                "refresh token",
                K::OauthRefreshToken,
                Life::default(),
                Some(400),
                None,
                State::Renewable,
            ),
        ] {
            let mut grant = grant([Credential { issued: issued.map(ago), ..credential(kind) }]);
            grant.lives = vec![(kind, life)];
            assert_eq!(of(&grant, modified).state, state, "{what}");
        }
    }

    #[test]
    fn the_vendors_word_on_a_key_goes_before_its_certificate() {
        let dead = Credential { expires: Some(ago(3)), ..credential(K::Certificate) };
        let mut grant = grant([credential(K::PrivateKey), dead]);
        grant.lives = vec![(K::PrivateKey, NEVER)];
        assert_eq!(of(&grant, None).state, State::NoExpiry);
    }

    #[test]
    fn age_rests_on_what_is_known() {
        let stated =
            |days| grant([Credential { issued: Some(ago(days)), ..credential(K::ApiKey) }]);
        let untold = || grant([credential(K::ApiKey)]);
        let mut keychain = untold();
        keychain.storage = Storage::Keychain;
        for (what, grant, modified, age, basis) in [
            ("stated", stated(412), Some(3), Some(412), AgeBasis::Stated),
            ("a clock that runs fast", stated(-1), Some(3), Some(0), AgeBasis::Stated),
            ("no time at all", stated(-9000), Some(3), Some(3), AgeBasis::FileModified),
            ("the file's", untold(), Some(3), Some(3), AgeBasis::FileModified),
            ("a file from the future", untold(), Some(-3), Some(0), AgeBasis::FileModified),
            ("nothing", untold(), None, None, AgeBasis::Unknown),
            ("keychain", keychain, Some(3), None, AgeBasis::Unknown),
        ] {
            let life = of(&grant, modified);
            assert_eq!((life.age_days, life.age_basis), (age, basis), "{what}");
        }
    }

    #[test]
    fn dates_of_the_grant() {
        let access = Credential {
            issued: Some(ago(2)),
            expires: Some(ago(1)),
            ..credential(K::OauthAccessToken)
        };
        let refresh = Credential {
            issued: Some(ago(30)),
            expires: Some(ago(-60)),
            ..credential(K::OauthRefreshToken)
        };
        let life = of(&grant([access, refresh]), None);
        assert_eq!((life.issued_at, life.expires_at), (Some(ago(30)), Some(ago(-60))));
        assert!(life.renewable);
        let mut by_vendor =
            grant([Credential { issued: Some(ago(2)), ..credential(K::SessionToken) }]);
        by_vendor.lives = vec![(K::SessionToken, Life { ends: Some(Some(days(7))), idle: None })];
        assert_eq!(of(&by_vendor, None).expires_at, Some(ago(-5)));
    }

    #[test]
    fn times_at_the_edges_do_not_overflow() {
        for time in [Timestamp::MIN, Timestamp::MAX] {
            for seconds in [i64::MIN, 0, i64::MAX] {
                let mut grant =
                    grant([Credential { issued: Some(time), ..credential(K::OauthAccessToken) }]);
                grant.lives =
                    vec![(K::OauthAccessToken, Life { ends: Some(Some(seconds)), idle: None })];
                grant.credentials.push(Credential { expires: Some(time), ..credential(K::Cookie) });
                let facts = Facts { modified: Some(time), ..Facts::default() };
                for now in [Timestamp::MIN, NOW, Timestamp::MAX] {
                    lifetime(&grant, &facts, now);
                }
            }
        }
    }
}
