//! Whole cases: what typical findings score, and the properties that every score has.

use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::grant::{
    Confidence, Credential, CredentialKind as K, End, Identity, Life, Privilege, Spot, Storage,
};
use crate::report::{Exposure, PlaceState, ReadableBy, Severity};

/// 24 November 2026, 12:00 UTC.
pub(super) const NOW: Timestamp = Timestamp::constant(1_795_521_600, 0);

pub(super) const fn days(days: i64) -> i64 {
    days * DAY
}

/// So many days before now; after it, if negative.
pub(super) fn ago(days: i64) -> Timestamp {
    let since = Timestamp::from_second(NOW.as_second() - days * DAY);
    since.unwrap_or(if days < 0 { Timestamp::MAX } else { Timestamp::MIN })
}

pub(super) fn policy() -> &'static Policy {
    static POLICY: LazyLock<Policy> =
        LazyLock::new(|| Policy::load(include_str!("../../rules/policy.yaml")).expect("loads"));
    &POLICY
}

pub(super) fn controls() -> &'static Controls {
    static CONTROLS: LazyLock<Controls> =
        LazyLock::new(|| Controls::load(include_str!("../../rules/controls.yaml")).expect("loads"));
    &CONTROLS
}

pub(super) fn credential(kind: K) -> Credential {
    Credential {
        kind,
        name: None,
        account: None,
        fingerprint: None,
        fold: None,
        token_type: None,
        issued: None,
        expires: None,
        checksum_ok: None,
        occurrences: 1,
    }
}

pub(super) fn grant(credentials: impl IntoIterator<Item = Credential>) -> Grant {
    Grant {
        rule: "rule".into(),
        tool: "Tool".into(),
        provider: "provider".into(),
        category: "vcs".into(),
        title: "Acts as somebody.".into(),
        confidence: Confidence::High,
        identity: Identity { account: Some("octo".into()), ..Identity::default() },
        credentials: credentials.into_iter().collect(),
        scopes: Vec::new(),
        roles: Vec::new(),
        reach: Vec::new(),
        privilege: Privilege::Unknown,
        storage: Storage::Plaintext,
        held_by: None,
        spot: Spot::default(),
        lives: Vec::new(),
        end: End::default(),
        first_party: None,
        claimed: false,
    }
}

fn judge(grant: Grant, facts: &Facts, copies: usize) -> Finding {
    let path = Path::new("/home/octo/.config/tool");
    finding(
        grant,
        facts,
        &Context { now: NOW, policy: policy(), controls: controls(), path, copies },
    )
}

/// A file of mode 0600, last changed so many days ago.
fn private(modified: i64) -> Facts {
    Facts {
        mode: Some(0o100_600),
        readable_by: ReadableBy::Owner,
        modified: Some(ago(modified)),
        home: Some(PathBuf::from("/home/octo")),
        ..Facts::default()
    }
}

fn open(modified: i64, exposures: &[Exposure]) -> Facts {
    Facts {
        mode: Some(0o644),
        readable_by: ReadableBy::Everyone,
        exposures: exposures.to_vec(),
        ..private(modified)
    }
}

const NEVER: Life = Life { ends: Some(None), idle: None };

fn one(kind: K, change: impl FnOnce(&mut Grant)) -> Grant {
    let mut grant = grant([credential(kind)]);
    change(&mut grant);
    grant
}

fn ends(kind: K, issued: Option<i64>, in_days: i64) -> Grant {
    let expires = Some(ago(-in_days));
    grant([Credential { issued: issued.map(ago), expires, ..credential(kind) }])
}

fn gh() -> Grant {
    one(K::OauthAccessToken, |grant| {
        grant.lives = vec![(K::OauthAccessToken, NEVER)];
        grant.scopes = vec!["gist".into(), "read:org".into(), "repo".into()];
    })
}

fn gh_keychain() -> Grant {
    Grant { credentials: Vec::new(), storage: Storage::Keychain, ..gh() }
}

fn aws(profile: &str) -> Grant {
    one(K::ApiKey, |grant| {
        grant.lives = vec![(K::ApiKey, NEVER)];
        grant.identity.account = Some("AKIAIOSFODNN7EXAMPLE".into());
        grant.identity.name = Some(profile.into());
    })
}

fn azure() -> Grant {
    let expired = Credential { expires: Some(ago(1)), ..credential(K::OauthAccessToken) };
    let mut grant = grant([expired, credential(K::OauthRefreshToken)]);
    grant.scopes = vec!["https://management.azure.com/user_impersonation".into()];
    grant.reach = vec!["a".into(), "b".into(), "c".into()];
    grant
}

fn registration() -> Grant {
    let mut grant = ends(K::ClientSecret, Some(45), 45);
    grant.identity.account = None;
    grant
}

#[test]
fn typical_findings_score_as_people_expect() {
    let history = |modified| Facts { exposures: vec![Exposure::History], ..private(modified) };
    let short = || ends(K::OauthAccessToken, None, 0);
    let hour = |scope: &str| {
        let mut grant = short();
        grant.credentials[0].expires = Some(Timestamp::constant(NOW.as_second() + 3600, 0));
        grant.scopes = vec![scope.into()];
        grant
    };
    let pat =
        || one(K::PersonalAccessToken, |grant| grant.lives = vec![(K::PersonalAccessToken, NEVER)]);
    let stored = |kind, storage| one(kind, |grant| grant.storage = storage);
    for (what, grant, facts, least, most) in vec![
        ("gh, 100 days", gh(), private(100), 50, 60),
        ("gh, 412 days", gh(), private(412), 55, 62),
        ("gh, today", gh(), private(0), 40, 50),
        ("gh in the keychain", gh_keychain(), private(100), 15, 28),
        ("aws admin, old", aws("prod-admin"), private(412), 65, 75),
        ("aws admin, old, 0644, synced", aws("prod-admin"), open(412, &[Exposure::Synced]), 85, 92),
        ("aws, old", aws("default"), private(412), 50, 60),
        ("az login, 30 days", azure(), private(30), 50, 60),
        ("az login, 0644, synced", azure(), open(30, &[Exposure::Synced]), 70, 79),
        ("ssh key without passphrase, 800 days", one(K::PrivateKey, |_| ()), private(800), 48, 55),
        ("ssh key without passphrase, new", one(K::PrivateKey, |_| ()), private(3), 40, 45),
        (
            "ssh key with passphrase",
            stored(K::PrivateKey, Storage::Encrypted),
            private(800),
            30,
            34,
        ),
        ("netrc password", one(K::Password, |_| ()), private(412), 48, 55),
        ("docker auth", stored(K::Password, Storage::Obfuscated), private(300), 45, 52),
        ("expired sso token", ends(K::OauthAccessToken, Some(2), -1), private(2), 0, 9),
        (
            "expired sso token, 0644, synced",
            ends(K::OauthAccessToken, Some(2), -1),
            open(2, &[Exposure::Synced]),
            0,
            9,
        ),
        ("expired id token", ends(K::IdToken, Some(400), -399), private(400), 0, 9),
        ("client registration", registration(), private(45), 15, 25),
        ("password in a history", one(K::Password, |_| ()), history(200), 60, 70),
        ("token in a history", pat(), history(100), 60, 70),
        ("access token for an hour", hour("repo"), private(0), 28, 35),
        ("access token for an hour, read", hour("read:org"), private(0), 20, 28),
        ("kubeconfig helper", stored(K::OauthAccessToken, Storage::Helper), private(900), 15, 34),
    ] {
        let finding = judge(grant, &facts, 0);
        let total = finding.score.total;
        assert!((least..=most).contains(&total), "{what}: {total}\n{:#?}", finding.score);
    }
}

#[test]
fn reasons_are_said_in_plain_words() {
    let told: Vec<String> = judge(aws("prod-admin"), &open(412, &[Exposure::Synced]), 2)
        .score
        .factors
        .into_iter()
        .flat_map(|factor| factor.reasons)
        .map(|reason| format!("{} {}", reason.points, reason.text))
        .collect();
    assert_eq!(
        told,
        [
            "14 never ends by itself",
            "14 in this file for at least 412 days, limit 90",
            "14 what it may do is not told",
            "9 named like an administrator",
            "14 readable as it stands",
            "11 readable by every user (0644)",
            "9 in a folder that is synced elsewhere",
            "1 the same secret in 2 further places",
        ]
    );
}

#[test]
fn what_may_be_no_credential_is_low() {
    let mut doubtful = grant([credential(K::PrivateKey)]);
    doubtful.confidence = Confidence::Low;
    let sure = judge(grant([credential(K::PrivateKey)]), &open(412, &[]), 0).score;
    let score = judge(doubtful, &open(412, &[]), 0).score;
    assert!(sure.total > 34);
    assert_eq!((score.total, score.severity), (34, Severity::Low));
    assert_eq!(score.factors.last().unwrap().reasons[0].text, "of low confidence: at most 34");
}

#[test]
fn caps_are_reasons_with_negative_points() {
    let mut keychain = azure();
    keychain.storage = Storage::Keychain;
    let score = judge(keychain, &private(30), 0).score;
    assert_eq!(score.total, 34);
    let caps = score.factors.last().unwrap();
    assert_eq!(caps.reasons[0].text, "held by a keychain: at most 34");
    assert!(caps.points < 0);
}

#[test]
fn fixes_say_what_they_would_give() {
    let score = judge(aws("prod-admin"), &open(412, &[Exposure::Synced]), 1).score;
    let fixes: Vec<&str> = score.what_if.iter().map(|fix| fix.change.as_str()).collect();
    assert_eq!(
        fixes,
        [
            "use a keychain",
            "let it end in 90 d",
            "rotate",
            "chmod 600",
            "move out of the sync",
            "delete other copies",
        ]
    );
    assert!(score.what_if.iter().all(|fix| fix.total < score.total));
}

#[test]
fn fixes_fit_the_case() {
    let history = Facts { exposures: vec![Exposure::History], ..private(200) };
    let layer = Facts { layer: Some("sha256:0".into()), ..private(9) };
    let backup = Facts { exposures: vec![Exposure::Backup], ..private(9) };
    for (what, grant, facts, best) in [
        ("residue", ends(K::IdToken, None, -9), private(9), "delete it"),
        ("history", one(K::Password, |_| ()), history, "rotate; delete the line"),
        ("image", gh(), layer, "rotate it, then build the image without it"),
        ("backup", gh(), backup, "delete this copy"),
        ("ssh key", one(K::PrivateKey, |_| ()), private(9), "set a passphrase"),
    ] {
        let best_of = judge(grant, &facts, 0).score.what_if.into_iter().next();
        assert_eq!(best_of.expect(what).change, best, "{what}");
    }
    let of_keychain = judge(gh_keychain(), &open(9, &[Exposure::Synced]), 3).score.what_if;
    let changes: Vec<&str> = of_keychain.iter().map(|fix| fix.change.as_str()).collect();
    assert_eq!(changes, ["narrow to read"], "the file gives nothing away");
}

#[test]
fn issues_of_typical_findings() {
    let mut mcp = one(K::PersonalAccessToken, |_| ());
    mcp.spot.key = Some("mcpServers.github.env.GITHUB_TOKEN".into());
    let mut robot = one(K::ServiceAccountKey, |_| ());
    robot.identity.account = Some("ci@acme-prod.iam.gserviceaccount.com".into());
    robot.reach = vec!["acme-prod".into(), "acme-staging".into()];
    for (what, grant, facts, copies, expected) in [
        ("gh", gh(), private(9), 0, vec!["no-expiry", "plaintext-at-rest"]),
        ("gh in the keychain", gh_keychain(), open(9, &[]), 0, vec![]),
        (
            "aws",
            aws("prod-admin"),
            open(412, &[Exposure::Synced]),
            1,
            vec![
                "long-lived",
                "no-expiry",
                "plaintext-at-rest",
                "loose-permissions",
                "over-scoped",
                "reused",
                "exposed-location",
            ],
        ),
        (
            "az, unused",
            azure(),
            private(120),
            0,
            vec![
                "long-lived",
                "plaintext-at-rest",
                "over-scoped",
                "stale-unused",
                "standing-refresh",
            ],
        ),
        (
            "residue",
            ends(K::IdToken, None, -9),
            open(9, &[Exposure::Synced]),
            3,
            vec!["expired-present"],
        ),
        (
            "docker",
            one(K::Password, |grant| grant.storage = Storage::Obfuscated),
            private(9),
            0,
            vec!["no-expiry", "weak-encoding", "weak-auth-method"],
        ),
        (
            "ssh",
            one(K::PrivateKey, |_| ()),
            private(9),
            0,
            vec!["no-expiry", "plaintext-at-rest", "unprotected-private-key"],
        ),
        ("mcp", mcp, private(9), 0, vec!["plaintext-at-rest", "third-party-holder"]),
        (
            "service account",
            robot,
            private(9),
            0,
            vec!["no-expiry", "plaintext-at-rest", "cross-environment", "human-use-of-nhi"],
        ),
        (
            "a certificate for ten years",
            ends(K::Certificate, Some(5), 3650),
            private(5),
            0,
            vec!["long-lived", "plaintext-at-rest"],
        ),
    ] {
        let finding = judge(grant, &facts, copies);
        assert_eq!(finding.issues, expected, "{what}");
        assert_eq!(finding.controls.is_empty(), finding.issues.is_empty(), "{what}");
        assert!(finding.controls.is_sorted(), "{what}");
    }
}

#[test]
fn a_finding_holds_what_the_grant_and_its_file_tell() {
    let facts = Facts { layer: Some("sha256:0".into()), ..open(9, &[Exposure::Symlinked]) };
    let finding = judge(gh(), &facts, 0);
    assert_eq!(finding.id, "");
    assert_eq!(finding.scope.privilege, Privilege::Write);
    assert_eq!(finding.custody.mode.as_deref(), Some("0644"));
    assert_eq!(finding.custody.exposures, [Exposure::Symlinked]);
    assert_eq!(finding.location.path, "/home/octo/.config/tool");
    assert_eq!(finding.location.path_base64, None);
    assert_eq!(finding.location.home.as_deref(), Some("/home/octo"));
    assert_eq!(finding.location.layer.as_deref(), Some("sha256:0"));
    assert_eq!(finding.credentials[0].state, State::NoExpiry);
    assert_eq!(finding.score.factors.len(), FACTORS.len());
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_is_kept_as_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/home/\xff"));
    let context = Context { now: NOW, policy: policy(), controls: controls(), path, copies: 0 };
    let location = finding(gh(), &private(9), &context).location;
    assert_eq!(location.path_base64.as_deref(), Some("L2hvbWUv/w=="));
}

const STORAGE: [Storage; 5] = [
    Storage::Keychain,
    Storage::Helper,
    Storage::Encrypted,
    Storage::Obfuscated,
    Storage::Plaintext,
];

const READERS: [ReadableBy; 4] =
    [ReadableBy::Owner, ReadableBy::Unknown, ReadableBy::Group, ReadableBy::Everyone];

const PRIVILEGES: [Privilege; 3] = [Privilege::Read, Privilege::Write, Privilege::Admin];

const EXPOSURES: [Exposure; 11] = [
    Exposure::Symlinked,
    Exposure::HardLinked,
    Exposure::ForeignOwner,
    Exposure::WritableByOthers,
    Exposure::Acl,
    Exposure::Synced,
    Exposure::GitTracked,
    Exposure::Backup,
    Exposure::Trash,
    Exposure::NetworkFileSystem,
    Exposure::History,
];

const SCOPES: [&str; 7] =
    ["read:org", "repo", "admin:org", "frobnicate", "openid", ".default", "workers:write"];

/// One way to make a case worse.
#[derive(Clone, Copy, Debug)]
enum Worse {
    IssuedEarlier(i64),
    WrittenEarlier(i64),
    EndsLater(i64),
    Privilege,
    Scope(&'static str),
    Role(&'static str),
    Reach(usize),
    Storage,
    Readers,
    Exposure(Exposure),
    Copy,
    Layer,
    Place,
}

fn worsen(grant: &mut Grant, facts: &mut Facts, copies: &mut usize, how: Worse) {
    match how {
        Worse::IssuedEarlier(days) => {
            for issued in grant.credentials.iter_mut().filter_map(|held| held.issued.as_mut()) {
                *issued = earlier(*issued, days);
            }
        }
        Worse::WrittenEarlier(days) => {
            facts.modified = facts.modified.map(|modified| earlier(modified, days));
        }
        Worse::EndsLater(days) => {
            for expires in grant.credentials.iter_mut().filter_map(|held| held.expires.as_mut()) {
                *expires = earlier(*expires, -days);
            }
        }
        Worse::Privilege => grant.privilege = next(&PRIVILEGES, grant.privilege),
        // The first scope turns "not told" into "told": that is no widening.
        Worse::Scope(scope) if !grant.scopes.is_empty() => grant.scopes.push(scope.into()),
        Worse::Role(role) if !grant.roles.is_empty() => grant.roles.push(role.into()),
        Worse::Scope(_) | Worse::Role(_) => {}
        Worse::Reach(more) => grant.reach.extend((0..more).map(|place| place.to_string())),
        Worse::Storage => grant.storage = next(&STORAGE, grant.storage),
        Worse::Readers => facts.readable_by = next(&READERS, facts.readable_by),
        Worse::Exposure(exposure) => facts.exposures.push(exposure),
        Worse::Copy => *copies += 1,
        Worse::Layer => facts.layer = Some("sha256:0".into()),
        Worse::Place => {
            facts.state = match facts.state {
                PlaceState::Present => PlaceState::Copy,
                _ => PlaceState::DeletedButRecoverable,
            }
        }
    }
}

fn earlier(time: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_second(time.as_second() - days * DAY).unwrap_or(time)
}

fn next<T: Copy + PartialEq>(all: &[T], now: T) -> T {
    let at = all.iter().position(|one| *one == now);
    at.and_then(|at| all.get(at + 1)).copied().unwrap_or(now)
}

fn worse() -> impl Strategy<Value = Worse> {
    prop_oneof![
        (0..900i64).prop_map(Worse::IssuedEarlier),
        (0..900i64).prop_map(Worse::WrittenEarlier),
        (0..900i64).prop_map(Worse::EndsLater),
        Just(Worse::Privilege),
        select(&SCOPES).prop_map(Worse::Scope),
        select(&SCOPES).prop_map(Worse::Role),
        (1..60usize).prop_map(Worse::Reach),
        Just(Worse::Storage),
        Just(Worse::Readers),
        select(&EXPOSURES).prop_map(Worse::Exposure),
        Just(Worse::Copy),
        Just(Worse::Layer),
        Just(Worse::Place),
    ]
}

/// A grant that a failing property can show.
#[derive(Clone)]
struct Any(Grant);

impl std::fmt::Debug for Any {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Grant {
            credentials, scopes, roles, reach, privilege, storage, identity, lives, ..
        } = &self.0;
        let dates: Vec<_> =
            credentials.iter().map(|held| (held.kind, held.issued, held.expires)).collect();
        write!(out, "{dates:?} {lives:?} {scopes:?} {roles:?} {} {privilege:?} ", reach.len())?;
        write!(out, "{storage:?} {:?}", identity.account)
    }
}

/// One credential, as kind and the days since its issue and until its end.
type Dates = (K, Option<i64>, Option<i64>);

prop_compose! {
    fn any_credential()(
        kind in select(&K::ALL),
        issued in proptest::option::of(0..900i64),
        expires in proptest::option::of(-900..900i64),
    ) -> Dates {
        (kind, issued, expires)
    }
}

prop_compose! {
    fn any_grant()(
        credentials in vec(any_credential(), 0..4),
        scopes in vec(select(&SCOPES), 0..3),
        roles in vec(select(&SCOPES), 0..3),
        reach in 0..80usize,
        privilege in select(&[Privilege::Unknown, Privilege::Read, Privilege::Write, Privilege::Admin]),
        storage in select(&STORAGE),
        account in proptest::option::of(select(&["octo", "admin", "root@corp.example"])),
        lives in vec((select(&K::ALL), proptest::option::of(proptest::option::of(0..days(900)))), 0..4),
    ) -> Any {
        let mut grant = grant(credentials.into_iter().map(|(kind, issued, expires)| Credential {
            issued: issued.map(ago),
            expires: expires.map(ago),
            ..credential(kind)
        }));
        grant.scopes = scopes.into_iter().map(Into::into).collect();
        grant.roles = roles.into_iter().map(Into::into).collect();
        grant.reach = (0..reach).map(|place| format!("p{place}")).collect();
        grant.privilege = privilege;
        grant.storage = storage;
        grant.identity.account = account.map(Into::into);
        grant.lives = lives.into_iter().map(|(kind, ends)| (kind, Life { ends, idle: None })).collect();
        Any(grant)
    }
}

prop_compose! {
    fn any_facts()(
        modified in proptest::option::of(-2..900i64),
        readable_by in select(&READERS),
        exposures in vec(select(&EXPOSURES), 0..4),
        layer in any::<bool>(),
    ) -> Facts {
        let layer = layer.then(|| "sha256:0".into());
        Facts { readable_by, exposures, modified: modified.map(ago), layer, ..Facts::default() }
    }
}

fn states(finding: &Finding) -> Vec<State> {
    let credentials = finding.credentials.iter().map(|credential| credential.state);
    credentials.chain([finding.lifetime.state]).collect()
}

proptest! {
    #[test]
    fn worse_never_scores_lower(
        Any(base) in any_grant(), facts in any_facts(), copies in 0..9usize, changes in vec(worse(), 1..4),
    ) {
        let before = judge(base.clone(), &facts, copies);
        let (mut grant, mut kept, mut places) = (base, facts, copies);
        for change in changes {
            worsen(&mut grant, &mut kept, &mut places, change);
        }
        let after = judge(grant, &kept, places);
        prop_assert!(
            states(&before) != states(&after) || after.score.total >= before.score.total,
            "{:#?}\n{:#?}", before.score, after.score
        );
    }

    #[test]
    fn the_arithmetic_adds_up(Any(grant) in any_grant(), facts in any_facts(), copies in 0..2000usize) {
        let Score { total, severity, factors, what_if } = judge(grant, &facts, copies).score;
        for (factor, Factor { name, max, .. }) in factors.iter().zip(FACTORS) {
            let reasons: i16 = factor.reasons.iter().map(|reason| reason.points).sum();
            prop_assert_eq!(factor.points, reasons);
            prop_assert_eq!(&factor.factor, name);
            prop_assert!(factor.points <= *max);
        }
        let sum: i16 = factors.iter().map(|factor| factor.points).sum();
        prop_assert_eq!(i16::from(total), sum);
        prop_assert!(total <= 100);
        prop_assert!((severity == Severity::Critical) == (total >= 80));
        prop_assert!(what_if.iter().all(|fix| fix.total < total));
        prop_assert!(what_if.is_sorted_by_key(|fix| fix.total));
    }
}
