use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::grant::{CredentialKind, Storage};
use crate::output::testdata;
use crate::report::{
    CredentialReport, Exception, Exposure, ReadableBy, SkipReason, Skipped, State,
};

const KEY: &str = "0a0b0c0d";

fn at(days: i64) -> Timestamp {
    "2026-11-23T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * days)
}

#[expect(clippy::unnecessary_wraps, reason = "the field is optional")]
fn print(secret: &str) -> Option<String> {
    Some(format!("hk1:{KEY}:{secret:0>32}"))
}

/// One API key of `octo` at a place, as a plain file of its owner.
fn finding(path: &str, secret: &str) -> Finding {
    let mut it = testdata::report().findings.remove(1);
    it.id = format!("nhi1:{path}");
    it.rule = "demo".into();
    it.category = "saas".into();
    it.identity.account = Some("octo".into());
    it.location.path = path.into();
    it.location.key = Some("token".into());
    it.also_in = Vec::new();
    it.issues = vec!["plaintext-at-rest".into()];
    it.credentials = vec![credential(CredentialKind::ApiKey, secret)];
    it.lifetime.state = State::NoExpiry;
    it.lifetime.expires_at = None;
    it.custody.mode = Some("0600".into());
    it.custody.readable_by = ReadableBy::Owner;
    it.custody.exposures = Vec::new();
    it.custody.storage = Storage::Plaintext;
    it.scope.scopes = vec!["read".into()];
    it.exception = None;
    it.rotation.limit_days = 90;
    it
}

fn credential(kind: CredentialKind, secret: &str) -> CredentialReport {
    let mut it = testdata::report().findings[1].credentials[0].clone();
    it.kind = kind;
    it.account = None;
    it.fingerprint = print(secret);
    it.issued_at = None;
    it.expires_at = None;
    it
}

fn report(day: i64, findings: Vec<Finding>) -> Report {
    let mut report = testdata::empty();
    report.scan.started_at = at(day);
    report.scan.fingerprint_key = KEY.into();
    report.scan.roots = vec!["/home/a".into()];
    report.coverage.skipped = Vec::new();
    report.findings = findings;
    report
}

/// The words said, each with the path it is said of.
fn words(old: &Report, new: &Report) -> Vec<String> {
    let diff = diff(old, new);
    let told = diff
        .changes
        .iter()
        .flat_map(|it| it.told.iter().map(|told| format!("{} {}", told.change.as_str(), it.path)));
    let told: BTreeSet<String> = told.collect();
    assert_eq!(
        diff.counts.values().sum::<usize>(),
        diff.changes.iter().map(|it| it.told.len()).sum::<usize>()
    );
    told.into_iter().collect()
}

type Edit = fn(&mut Finding);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_word_for_what_it_means() {
    use CredentialKind as K;
    let nothing: Edit = |_| {};
    for (what, before, after, told) in [
        ("nothing", nothing, nothing, &[][..]),
        ("another key", nothing, |it| it.credentials[0].fingerprint = print("2"), &["rotated"]),
        ("a mode", nothing, |it| it.custody.mode = Some("0644".into()), &["re-permissioned"]),
        ("an owner", nothing, |it| it.custody.owner = Some("root".into()), &["re-permissioned"]),
        (
            "put into git",
            nothing,
            |it| it.custody.exposures = vec![Exposure::GitTracked],
            &["re-permissioned"],
        ),
        ("a scope", nothing, |it| it.scope.scopes.push("write".into()), &["scope-changed"]),
        (
            "scopes in another order",
            |it| it.scope.scopes = vec!["a".into(), "b".into()],
            |it| it.scope.scopes = vec!["b".into(), "a".into()],
            &[],
        ),
        ("what it opens", nothing, |it| it.scope.reach = vec!["prod".into()], &["scope-changed"]),
        ("an end that came", nothing, |it| it.lifetime.state = State::Expired, &["expired"]),
        (
            "an end that moved",
            |it| it.lifetime.expires_at = Some(at(3)),
            |it| it.lifetime.expires_at = Some(at(9)),
            &["renewed"],
        ),
        (
            "a new login after the end",
            |it| it.lifetime.state = State::Expired,
            |it| it.credentials[0].fingerprint = print("2"),
            &["rotated"],
        ),
        (
            "an access token made anew by the same refresh token",
            |it| {
                it.credentials = vec![
                    credential(K::OauthRefreshToken, "1"),
                    credential(K::OauthAccessToken, "2"),
                ];
            },
            |it| {
                it.credentials = vec![
                    credential(K::OauthRefreshToken, "1"),
                    credential(K::OauthAccessToken, "3"),
                ];
            },
            &[],
        ),
        (
            "another refresh token",
            |it| {
                it.credentials = vec![
                    credential(K::OauthRefreshToken, "1"),
                    credential(K::OauthAccessToken, "2"),
                ];
            },
            |it| {
                it.credentials = vec![
                    credential(K::OauthRefreshToken, "4"),
                    credential(K::OauthAccessToken, "3"),
                ];
            },
            &["rotated"],
        ),
        (
            "a session made anew",
            |it| {
                it.credentials = vec![credential(K::SessionToken, "1")];
                it.lifetime.expires_at = Some(at(0));
            },
            |it| {
                it.credentials = vec![credential(K::SessionToken, "2")];
                it.lifetime.expires_at = Some(at(1));
            },
            &["renewed"],
        ),
        (
            "a token without an end replaced",
            |it| it.credentials = vec![credential(K::OauthAccessToken, "1")],
            |it| it.credentials = vec![credential(K::OauthAccessToken, "2")],
            &["rotated"],
        ),
        (
            "a file that was rewritten",
            |it| it.lifetime.state = State::Expired,
            |it| it.lifetime.state = State::Live,
            &[],
        ),
        (
            "into a keychain",
            nothing,
            |it| {
                it.custody.storage = Storage::Keychain;
                it.credentials[0].fingerprint = None;
            },
            &["moved"],
        ),
        (
            "a password of which only the date tells",
            |it| {
                it.credentials = vec![CredentialReport {
                    issued_at: Some(at(-9)),
                    fingerprint: None,
                    ..credential(K::Password, "")
                }];
            },
            |it| {
                it.credentials = vec![CredentialReport {
                    issued_at: Some(at(-1)),
                    fingerprint: None,
                    ..credential(K::Password, "")
                }];
            },
            &["rotated"],
        ),
        (
            "another key id in the same place",
            |it| {
                it.id = "nhi1:1".into();
                it.identity.account = Some("AKIA5PLHV7JXUTFVQOTJ".into());
            },
            |it| {
                it.identity.account = Some("AKIAQPLHV7JXUTFVQOTX".into());
                it.credentials[0].fingerprint = print("2");
            },
            &["rotated"],
        ),
        ("an exception", nothing, |it| it.exception = Some(exception()), &["exception-begun"]),
        (
            "an exception that ended",
            |it| it.exception = Some(exception()),
            nothing,
            &["exception-ended"],
        ),
        (
            "two things at once",
            nothing,
            |it| {
                it.credentials[0].fingerprint = print("2");
                it.custody.mode = Some("0640".into());
            },
            &["re-permissioned", "rotated"],
        ),
    ] {
        let (mut old, mut new) = (finding("/home/a/x", "1"), finding("/home/a/x", "1"));
        before(&mut old);
        after(&mut new);
        let told: Vec<String> = told.iter().map(|word| format!("{word} /home/a/x")).collect();
        assert_eq!(words(&report(0, vec![old]), &report(1, vec![new])), told, "{what}");
    }
}

fn exception() -> Exception {
    Exception {
        reason: "r".into(),
        owner: "o".into(),
        ticket: None,
        granted: None,
        expires: at(30),
    }
}

#[test]
fn places_by_the_secrets_in_them() {
    let of = |places: &[(&str, &str)]| -> Vec<Finding> {
        places.iter().map(|(path, secret)| finding(&format!("/home/a/{path}"), secret)).collect()
    };
    for (old, new, told) in [
        (&[("x", "1")][..], &[("x", "1"), ("y", "2")][..], &["new /home/a/y"][..]),
        (&[("x", "1"), ("y", "2")], &[("x", "1")], &["gone /home/a/y"]),
        (&[("x", "1")], &[("y", "1")], &["moved /home/a/y"]),
        (&[("x", "1")], &[("x", "1"), ("y", "1")], &["copied /home/a/y"]),
        (&[("x", "1"), ("y", "1")], &[("x", "1")], &["gone /home/a/y"]),
        (&[("x", "1")], &[("y", "1"), ("z", "1")], &["copied /home/a/z", "moved /home/a/y"]),
        // What was in x is in y now, and x has another secret.
        (&[("x", "1")], &[("x", "2"), ("y", "1")], &["copied /home/a/y", "rotated /home/a/x"]),
        (
            &[("x", "1"), ("y", "2")],
            &[("x", "2"), ("y", "1")],
            &["rotated /home/a/x", "rotated /home/a/y"],
        ),
        (&[], &[], &[]),
    ] {
        assert_eq!(words(&report(0, of(old)), &report(1, of(new))), told, "{old:?} {new:?}");
    }
}

#[test]
fn equals_are_not_taken_for_each_other_when_one_leaves() {
    let numbered = |id: &str, secret: &str| Finding {
        id: format!("nhi1:{id}"),
        ..finding("/home/a/x", secret)
    };
    let old = report(0, vec![numbered("a", "1"), numbered("b", "2")]);
    // Ids count equals: the second is now called what the first was.
    let new = report(1, vec![numbered("a", "2")]);
    let diff = diff(&old, &new);
    let told: Vec<_> = diff.changes.iter().map(|it| (it.id.as_str(), it.told[0].change)).collect();
    assert_eq!(told, [("nhi1:a", Word::Gone)]);
}

#[test]
fn without_a_common_key_it_says_that_it_cannot_know() {
    let other = |secret: &str| {
        let mut it = finding("/home/a/x", secret);
        it.credentials[0].fingerprint = Some(format!("hs1:{secret:0>32}"));
        it
    };
    for key in ["scan", "ffffffff"] {
        let mut old = report(0, vec![other("1")]);
        let mut new = report(
            1,
            vec![other("2"), Finding { also_in: vec![other("2").id], ..finding("/home/a/y", "2") }],
        );
        old.scan.fingerprint_key = "scan".into();
        new.scan.fingerprint_key = key.into();
        let diff = diff(&old, &new);
        assert!(
            !diff.secrets_comparable && diff.notes[0].contains("cannot be compared"),
            "{:?}",
            diff.notes
        );
        let told: Vec<_> = diff.changes.iter().map(|it| it.told[0].change).collect();
        // Within the new report equality is known, whatever the key.
        assert_eq!(told, [Word::Copied]);
    }
}

#[test]
fn what_was_not_looked_at_is_not_gone_and_not_new() {
    type Scope = fn(&mut Report);
    for (what, limit, told) in [
        ("looked", (|_| {}) as Scope, Word::Gone),
        ("other roots", |it| it.scan.roots = vec!["/home/ab".into()], Word::CoverageChanged),
        ("a root above", |it| it.scan.roots = vec!["/".into()], Word::Gone),
        ("skipped", |it| it.coverage.skipped = vec![skip("/home/a/x")], Word::CoverageChanged),
        (
            "a folder above was skipped",
            |it| it.coverage.skipped = vec![skip("/home/a")],
            Word::CoverageChanged,
        ),
        (
            "a neighbour was skipped",
            |it| it.coverage.skipped = vec![skip("/home/a/xy")],
            Word::Gone,
        ),
        ("quick", |it| it.scan.mode = Mode::Quick, Word::CoverageChanged),
        ("deep", |it| it.scan.mode = Mode::Deep, Word::Gone),
        ("fewer rules", |it| it.tool.rules.count = 1, Word::CoverageChanged),
        (
            "quick, but the file was read",
            |it| {
                it.scan.mode = Mode::Quick;
                let other = finding("/home/a/x", "9");
                it.findings = vec![Finding { id: "nhi1:9".into(), rule: "other".into(), ..other }];
            },
            Word::Gone,
        ),
    ] {
        let found = report(0, vec![finding("/home/a/x", "1")]);
        let mut blind = report(1, Vec::new());
        limit(&mut blind);
        let of = |diff: Diff| {
            let told = diff.changes.into_iter().filter(|it| it.rule == "demo");
            told.map(|it| it.told[0].change).collect::<Vec<_>>()
        };
        assert_eq!(of(diff(&found, &blind)), [told], "{what}");
        let there = if told == Word::Gone { Word::New } else { told };
        assert_eq!(of(diff(&blind, &found)), [there], "{what}, the other way round");
    }
}

fn skip(path: &str) -> Skipped {
    Skipped { path: path.into(), reason: SkipReason::PermissionDenied, count: 1 }
}

#[test]
fn changed_coverage_is_told_by_place() {
    let mut old = report(0, Vec::new());
    let mut new = report(1, Vec::new());
    old.coverage.skipped = vec![skip("/home/a/p"), skip("/home/a/q")];
    new.coverage.skipped = vec![skip("/home/a/q"), skip("/home/a/r")];
    let told: Vec<_> =
        diff(&old, &new).coverage.into_iter().map(|it| (it.path, it.looked_at)).collect();
    assert_eq!(told, [("/home/a/r".into(), false), ("/home/a/p".into(), true)]);
}

#[test]
fn differences_of_the_scans_are_noted() {
    let old = report(0, Vec::new());
    let mut new = report(-1, Vec::new());
    new.host.id = Some("other".into());
    new.scan.roots = vec!["/srv".into()];
    new.scan.mode = Mode::Deep;
    new.tool.rules.count += 1;
    new.coverage.complete = false;
    let notes = diff(&old, &new).notes.join(" ");
    for part in [
        "different hosts",
        "different roots",
        "equally far",
        "rules differ",
        "did not look at everything",
        "is the later one",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    assert_eq!(diff(&old, &old).notes, Vec::<String>::new());
}

#[test]
fn a_baseline_judges_only_what_was_not_there() {
    let critical = |path: &str, counts: bool| {
        let mut it = finding(path, path);
        it.score.severity = Severity::Critical;
        it.exception = (!counts).then(exception);
        it
    };
    let old = || report(0, vec![critical("/home/a/x", true)]);
    for (what, new, worse, first) in [
        ("the same", vec![critical("/home/a/x", true)], false, 0),
        ("one more", vec![critical("/home/a/x", true), critical("/home/a/y", true)], true, 1),
        (
            "one more, accepted",
            vec![critical("/home/a/x", true), critical("/home/a/y", false)],
            false,
            0,
        ),
        ("none", vec![], false, 0),
    ] {
        let new = report(1, new);
        assert_eq!(is_worse(&old(), &new, Severity::Critical), worse, "{what}");
        assert_eq!(diff(&old(), &new).first_seen().count(), first, "{what}");
    }
    let mut milder = old();
    milder.findings[0].score.severity = Severity::High;
    assert!(is_worse(&milder, &old(), Severity::Critical), "it was there, but not at that band");
    let accepted = report(0, vec![critical("/home/a/x", false)]);
    assert!(is_worse(&accepted, &old(), Severity::Critical), "an exception that ended counts");
}

#[test]
fn a_secret_that_a_baseline_has_already_may_prove_that_it_was_not_rotated() {
    let controls = Controls::load(include_str!("../../rules/controls.yaml")).unwrap();
    for (days, secret, issue) in [(91, "1", true), (90, "1", false), (91, "2", false)] {
        let old = report(0, vec![finding("/home/a/x", "1")]);
        let mut new = report(days, vec![finding("/home/a/x", secret)]);
        since(&old, &mut new, &controls);
        let has = new.findings[0].issues.iter().any(|issue| issue == "not-rotated");
        assert_eq!(has, issue, "{days} days, secret {secret}");
        assert!(new.baseline.is_some());
    }
}

#[test]
fn series_of_reports_prove_rotations() {
    use crate::history::{Standing, history};
    let place = |day: i64, secret: &str| report(day, vec![finding("/home/a/x", secret)]);
    for (what, series, rotations, days, standing) in [
        ("one report", vec![place(0, "1")], 0, 0, Standing::InTime),
        (
            "kept",
            vec![place(0, "1"), place(60, "1"), place(91, "1")],
            0,
            91,
            Standing::NeverRotated,
        ),
        ("in any order", vec![place(91, "1"), place(0, "1")], 0, 91, Standing::NeverRotated),
        ("rotated", vec![place(0, "1"), place(60, "2"), place(91, "2")], 1, 31, Standing::InTime),
        (
            "rotated, and due",
            vec![place(0, "1"), place(10, "2"), place(110, "2")],
            1,
            100,
            Standing::Overdue,
        ),
        (
            "rotated twice",
            vec![place(0, "1"), place(1, "2"), place(2, "3")],
            2,
            0,
            Standing::InTime,
        ),
        (
            "moved",
            vec![place(0, "1"), report(91, vec![finding("/home/a/y", "1")])],
            0,
            91,
            Standing::NeverRotated,
        ),
        ("gone", vec![place(0, "1"), report(91, Vec::new())], 0, 0, Standing::Ended),
    ] {
        let grants = history(series).grants;
        let told: Vec<_> =
            grants.iter().map(|it| (it.rotations.len(), it.unrotated_days, it.standing)).collect();
        assert_eq!(told, [(rotations, days, standing)], "{what}");
    }
    let mut other = place(5, "1");
    other.host.id = Some("other".into());
    assert_eq!(history(vec![place(0, "1"), other]).grants.len(), 2, "hosts are kept apart");
}

proptest! {
    /// Whatever two reports hold, each finding is told of or unchanged, once; nothing differs from itself.
    #[test]
    fn every_finding_has_one_place_in_a_difference(
        old in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..3), 0..8),
        new in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..3), 0..8),
        same_key in any::<bool>(),
    ) {
        let of = |day, parts: &[(u8, u8, u8)]| {
            let findings = parts.iter().map(|(path, secret, id)| Finding {
                id: format!("nhi1:{path}{id}"),
                ..finding(&format!("/home/a/{path}"), &secret.to_string())
            });
            report(day, findings.collect())
        };
        let (old, mut new) = (of(0, &old), of(1, &new));
        if !same_key {
            new.scan.fingerprint_key = "ffffffff".into();
        }
        let diff = diff(&old, &new);
        let present = diff.changes.iter().filter(|it| it.present).count();
        let from_old = diff.changes.iter().filter(|it| it.old_id.is_some()).count();
        prop_assert_eq!(present + diff.unchanged, new.findings.len());
        prop_assert_eq!(from_old + diff.unchanged, old.findings.len());
        prop_assert!(super::diff(&old, &old).changes.is_empty());
    }
}
