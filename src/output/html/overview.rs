//! What comes before and after the findings.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use maud::{Markup, html};

use super::charts::{Row, chart};
use super::entry::ways;
use super::{Page, amount, band, shown};
use crate::grant::{Privilege, Storage};
use crate::output::fold::Places;
use crate::output::text::{bytes, count, instant, thousands, word};
use crate::output::{control, phrase, uri};
use crate::report::{Finding, ReadableBy, Severity, State};

/// Rows of a list or chart before the rest is only counted.
const MOST: usize = 15;

const ACT: &[Severity] = &[Severity::Critical, Severity::High];
const PLAN: &[Severity] = &[Severity::Medium];
const FINE: &[Severity] = &[Severity::Low, Severity::Info];

/// Title, verdict, contents.
pub(super) fn header(page: &Page<'_>, title: &str) -> Markup {
    let report = page.report;
    let coverage = &report.coverage;
    let places: u64 = coverage.skipped.iter().map(|skip| skip.count).sum();
    html! {
        header {
            h1 { (title) }
            p {
                (amount(page)) ", scanned " time { (instant(report.scan.started_at)) }
                @if let Some(user) = &report.host.user { " by " (shown(user)) }
                " in " (shown(&report.scan.roots.join(", "))) "."
            }
            ul.verdict {
                li.act { a href="#s=43" { b { (thousands(page.open(ACT).count() as u64)) } " act now" } }
                li.plan { a href="#s=2" { b { (thousands(page.open(PLAN).count() as u64)) } " plan" } }
                li.fine { a href="#s=10" { b { (thousands(page.open(FINE).count() as u64)) } " fine" } }
                @if page.accepted() > 0 { li { b { (thousands(page.accepted() as u64)) } " accepted" } }
                @if coverage.complete { li.complete { "complete" } }
                @else { li.incomplete { a href="#coverage" { b { "incomplete: " } (count(places, "place")) " not looked into" } } }
            }
            nav aria-label="Contents" {
                @for (id, name) in [
                    ("todo", "What to do"), ("risk", "Risk"), ("lifetimes", "Lifetimes"), ("custody", "Custody"),
                    ("reach", "Reach"), ("reuse", "Reuse"), ("issues", "Issues"), ("findings", "Findings"), ("coverage", "Coverage"),
                    ("enforced", "Enforced"),
                ] { a href={ "#" (id) } { (name) } " " }
            }
        }
    }
}

/// What to do, most urgent first.
pub(super) fn todo(page: &Page<'_>) -> Markup {
    html! {
        section #todo aria-labelledby="h-todo" {
            h2 #h-todo { "What to do" }
            (group(page, "Act now", "#s=43", &page.open(ACT).collect::<Vec<_>>()))
            (group(page, "Plan", "#s=2", &page.open(PLAN).collect::<Vec<_>>()))
            @let fine = page.open(FINE).count();
            @if fine > 0 { h3 { "Fine" } p { a href="#s=10" { (count(fine, "grant")) } ": well kept, narrow, short or ended." } }
            @if page.grants.is_empty() { p { "Nothing: no credential was found" @if !page.report.coverage.complete { ", but not everything was looked into" } "." } }
        }
    }
}

fn group(page: &Page<'_>, name: &str, link: &str, grants: &[&Places<'_>]) -> Markup {
    html! {
        @if !grants.is_empty() {
            h3 { (name) " (" (thousands(grants.len() as u64)) ")" }
            ol.todo { @for grant in grants.iter().take(MOST) { (task(page, grant)) } }
            @if grants.len() > MOST { p { a href=(link) { (thousands((grants.len() - MOST) as u64)) " more" } } }
        }
    }
}

fn task(page: &Page<'_>, grant: &Places<'_>) -> Markup {
    let it = grant.lead;
    html! {
        li {
            div.task {
                span.risk { b { (it.score.total) } " " (band(it.score.severity)) } " "
                a href={ "#" (page.anchor(it)) } { (shown(&it.tool)) ": " (who(it)) } " "
                span.where { (shown(&it.location.path)) @if grant.count() > 1 { " and " (count(grant.others.len(), "more place")) } }
                @if let Some(fix) = phrase::best_fix(it) { p.fix { "Do " b { (shown(&fix.change)) } ": risk " (it.score.total) " → " (fix.total) } }
                (ways(it))
            }
        }
    }
}

fn who(finding: &Finding) -> String {
    shown(phrase::identity(finding).first().map_or("?", String::as_str))
}

/// Which tools and whose identities are riskiest.
pub(super) fn risk(page: &Page<'_>) -> Markup {
    let findings = &page.report.findings;
    let tools =
        rows(findings, |it| shown(&it.tool), |name| Some(format!("#t={}", uri::segment(name))));
    let identities = rows(
        findings,
        |it| shown(phrase::identity(it).last().map_or("?", String::as_str)),
        |_| None,
    );
    section(
        "risk",
        "Risk by tool and identity",
        &html! {
            (top("Tools, riskiest first", "tool", tools))
            (top("Identities, riskiest first", "identity", identities))
        },
        findings.is_empty(),
    )
}

fn section(id: &str, title: &str, body: &Markup, empty: bool) -> Markup {
    let heading = format!("h-{id}");
    html! {
        section id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (title) }
            @if empty { p { "Nothing to show." } } @else { (body) }
        }
    }
}

/// Findings by a name, those with the worst bands first.
fn rows(
    findings: &[Finding],
    name: impl Fn(&Finding) -> String,
    link: impl Fn(&str) -> Option<String>,
) -> Vec<Row> {
    let mut by_name: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_name.entry(name(finding)).or_default().push(finding);
    }
    let mut rows: Vec<Row> =
        by_name.into_iter().map(|(name, of)| Row::new(name.clone(), link(&name), of)).collect();
    rows.sort_by(|one, two| {
        let rank = |row: &Row| row.bands.iter().rev().copied().collect::<Vec<_>>();
        rank(two).cmp(&rank(one)).then_with(|| one.name.cmp(&two.name))
    });
    rows
}

fn top(caption: &str, what: &str, mut rows: Vec<Row>) -> Markup {
    let left = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    html! {
        (chart(caption, what, &rows))
        @if left > 0 { p.small { "and " (thousands(left as u64)) " more" } }
    }
}

/// What ends, what renews itself, what never ends, and how old all is.
pub(super) fn lifetimes(page: &Page<'_>) -> Markup {
    let findings = &page.report.findings;
    let ends = |it: &Finding| it.lifetime.expires_at.map(|end| end.duration_since(page.now));
    let within = |from: i64, to: i64| {
        let day = SignedDuration::from_hours(24);
        move |it: &&Finding| {
            let left = ends(it).filter(|_| it.lifetime.state == State::Live);
            left.is_some_and(|left| {
                left > day * i32::try_from(from).unwrap_or(0)
                    && left <= day * i32::try_from(to).unwrap_or(i32::MAX)
            })
        }
    };
    let is = |state: State| move |it: &&Finding| it.lifetime.state == state;
    let unstated = |it: &&Finding| {
        it.lifetime.state == State::Unknown
            || (it.lifetime.state == State::Live && it.lifetime.expires_at.is_none())
    };
    let line = |name: &str, keep: &dyn Fn(&&Finding) -> bool| {
        Row::new(name, None, findings.iter().filter(keep))
    };
    let timeline = [
        line("has ended", &is(State::Expired)),
        line("ends within a day", &within(i64::from(i32::MIN / 2), 1)),
        line("within 7 days", &within(1, 7)),
        line("within 30 days", &within(7, 30)),
        line("within 90 days", &within(30, 90)),
        line("within a year", &within(90, 365)),
        line("later", &within(365, 200_000)),
        line("renews itself", &is(State::Renewable)),
        line("never ends", &is(State::NoExpiry)),
        line("no stated end", &unstated),
    ];
    let aged = |from: i64, to: i64| {
        move |it: &&Finding| it.lifetime.age_days.is_some_and(|age| age >= from && age < to)
    };
    let ages = [
        line("under 30 days", &aged(i64::MIN, 30)),
        line("30 to 90 days", &aged(30, 90)),
        line("90 days to a year", &aged(90, 365)),
        line("1 to 2 years", &aged(365, 730)),
        line("2 years and more", &aged(730, i64::MAX)),
        line("unknown", &|it| it.lifetime.age_days.is_none()),
    ];
    let mut next: Vec<&Finding> = findings
        .iter()
        .filter(|it| it.lifetime.state == State::Live && it.lifetime.expires_at.is_some())
        .collect();
    next.sort_by_key(|it| it.lifetime.expires_at);
    section(
        "lifetimes",
        "Lifetimes",
        &html! {
            (chart("When access ends", "end", &timeline))
            (chart("How old it is, at least", "age", &ages))
            @if !next.is_empty() {
                h3 { "Ends next" }
                ul { @for it in next.iter().take(MOST) { li {
                    @if let Some(end) = it.lifetime.expires_at { time { (instant(end)) } " " }
                    a href={ "#" (page.anchor(it)) } { (shown(&it.tool)) ": " (who(it)) }
                } } }
            }
        },
        findings.is_empty(),
    )
}

/// How credentials are kept, and what hands them to others.
pub(super) fn custody(page: &Page<'_>) -> Markup {
    let findings = &page.report.findings;
    let kept = [
        Storage::Plaintext,
        Storage::Obfuscated,
        Storage::Encrypted,
        Storage::Keychain,
        Storage::Helper,
    ]
    .map(|storage| {
        Row::new(
            storage.as_str(),
            Some(format!("#q={}", storage.as_str())),
            findings.iter().filter(|it| it.custody.storage == storage),
        )
    });
    let readers = [
        (ReadableBy::Everyone, "everyone"),
        (ReadableBy::Group, "its group"),
        (ReadableBy::Owner, "its owner only"),
        (ReadableBy::Unknown, "unknown"),
    ]
    .map(|(who, name)| {
        Row::new(name, None, findings.iter().filter(|it| it.custody.readable_by == who))
    });
    let mut exposed: BTreeMap<(u8, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        for exposure in &finding.custody.exposures {
            exposed.entry(phrase::exposure(*exposure)).or_default().push(finding);
        }
    }
    let exposed: Vec<Row> =
        exposed.into_iter().map(|((_, name), of)| Row::new(name, None, of)).collect();
    section(
        "custody",
        "Custody",
        &html! {
            (chart("How it is kept", "form", &kept))
            (chart("Who can read the file", "reader", &readers))
            @if !exposed.is_empty() { (chart("What hands it to others", "exposure", &exposed)) }
        },
        findings.is_empty(),
    )
}

/// How far grants go.
pub(super) fn reach(page: &Page<'_>) -> Markup {
    let findings = &page.report.findings;
    let far = [
        (Privilege::Admin, "admin"),
        (Privilege::Write, "write"),
        (Privilege::Read, "read"),
        (Privilege::Unknown, "unknown"),
    ]
    .map(|(privilege, name)| {
        Row::new(name, None, findings.iter().filter(|it| it.scope.privilege == privilege))
    });
    let mut wide: Vec<&Finding> = findings.iter().filter(|it| !it.scope.reach.is_empty()).collect();
    wide.sort_by_key(|it| std::cmp::Reverse(it.scope.reach.len()));
    section(
        "reach",
        "Reach",
        &html! {
            (chart("What it may do", "privilege", &far))
            @if !wide.is_empty() {
                h3 { "Opens most" }
                ul { @for it in wide.iter().take(MOST) { li {
                    a href={ "#" (page.anchor(it)) } { (shown(&it.tool)) ": " (who(it)) }
                    " opens " (thousands(it.scope.reach.len() as u64)) " more: " (shown(&it.scope.reach.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ")))
                    @if it.scope.reach.len() > 5 { " …" }
                } } }
            }
        },
        findings.is_empty(),
    )
}

/// One grant, its places.
pub(super) fn reuse(page: &Page<'_>) -> Markup {
    let reused: Vec<_> = page.grants.iter().filter(|grant| grant.count() > 1).collect();
    section(
        "reuse",
        "Reuse",
        &html! {
            p { (count(reused.len(), "grant")) " in several places: ending it means cleaning all of them." }
            ul { @for grant in reused.iter().take(MOST) { li {
                (shown(&grant.lead.tool)) ": " (who(grant.lead)) " in " (count(grant.count(), "place"))
                ul { @for it in std::iter::once(&grant.lead).chain(&grant.others).take(MOST) {
                    li { a href={ "#" (page.anchor(it)) } { (shown(&it.location.path)) } @if let Some(state) = phrase::place_state(it.location.state) { ", " (state) } }
                } @if grant.count() > MOST { li { (thousands((grant.count() - MOST) as u64)) " more" } } }
            } } }
            @if reused.len() > MOST { p.small { "and " (thousands((reused.len() - MOST) as u64)) " more" } }
        },
        reused.is_empty(),
    )
}

/// Kinds of issue, and the controls that they touch.
pub(super) fn issues(page: &Page<'_>) -> Markup {
    let mut by_issue: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let mut by_framework: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for finding in &page.report.findings {
        for issue in &finding.issues {
            by_issue.entry(issue).or_default().push(finding);
        }
        for (framework, id) in finding.controls.iter().filter_map(|it| control::split(it)) {
            *by_framework.entry(framework.id).or_default().entry(id).or_default() += 1;
        }
    }
    let mut rows: Vec<Row> = by_issue
        .into_iter()
        .map(|(issue, of)| Row::new(shown(issue), Some(format!("#q={}", uri::segment(issue))), of))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.total()));
    let empty = rows.is_empty();
    section(
        "issues",
        "Issues and controls",
        &html! {
            (chart("Issues, most frequent first", "issue", &rows))
            details {
                summary { "Controls that findings touch" }
                @for framework in control::FRAMEWORKS { @if let Some(ids) = by_framework.get(framework.id) {
                    h3 { (framework.name) " " (framework.edition) }
                    p { @for (at, (id, findings)) in ids.iter().enumerate() {
                        @if at > 0 { ", " } (shown(id)) " (" (findings) ")"
                    } }
                } }
            }
        },
        empty,
    )
}

/// Who accepted what, and what changed since the baseline; nothing where neither was handed in.
pub(super) fn governance(page: &Page<'_>) -> Markup {
    let exceptions = &page.report.exceptions;
    html! {
        @if !exceptions.is_empty() {
            section #exceptions aria-labelledby="h-exceptions" {
                h2 #h-exceptions { "Exceptions" }
                div.scroll tabindex="0" role="region" aria-label="Exceptions" { table {
                    caption { "What was accepted, by whom, and until when" }
                    thead { tr {
                        th scope="col" { "state" } th.number scope="col" { "findings" } th scope="col" { "accepts" }
                        th scope="col" { "reason" } th scope="col" { "owner" } th scope="col" { "ticket" } th scope="col" { "until" }
                    } }
                    tbody { @for it in exceptions { tr {
                        td { (phrase::exception(it)) } td.number { (it.findings.len()) } td { (shown(&it.accepts)) }
                        td { (shown(&it.reason)) } td { (shown(&it.owner)) } td { (shown(&it.ticket)) } td { (instant(it.expires)) }
                    } } }
                } }
            }
        }
        @if let Some(diff) = &page.report.baseline {
            section #changes aria-labelledby="h-changes" {
                h2 #h-changes { "Changes since " (instant(diff.old.started_at)) }
                div.scroll tabindex="0" role="region" aria-label="Changes" { table {
                    caption { (diff.unchanged) " unchanged" }
                    thead { tr {
                        th scope="col" { "change" } th scope="col" { "tool" } th scope="col" { "place" } th scope="col" { "what" }
                    } }
                    tbody { @for it in &diff.changes { @for told in &it.told { tr {
                        td { (told.change.as_str()) } td { (shown(&it.tool)) } td { (shown(&it.path)) } td { (shown(&told.text)) }
                    } } } }
                } }
                @for note in &diff.notes { p.small { (shown(note)) } }
            }
        }
    }
}

/// What was looked at, and every place that was not.
pub(super) fn coverage(page: &Page<'_>) -> Markup {
    let coverage = &page.report.coverage;
    html! {
        section #coverage aria-labelledby="h-coverage" {
            h2 #h-coverage { "Coverage" }
            p {
                @if coverage.complete { b { "Complete." } " Nothing was left out but what was excluded on purpose." }
                @else { b { "Incomplete." } " What is below was not looked into or not understood; nothing is known of it." }
            }
            dl.facts {
                dt { "Roots" } dd { (shown(&page.report.scan.roots.join(", "))) }
                dt { "Mode" } dd { (word(&page.report.scan.mode)) }
                dt { "Folders" } dd { (thousands(coverage.directories)) }
                dt { "Files met" } dd { (thousands(coverage.files_seen)) }
                dt { "Files read" } dd { (thousands(coverage.files_read)) ", " (bytes(coverage.bytes_read)) }
                dt { "Time" } dd { (thousands(coverage.duration_ms)) " ms" }
            }
            @if !coverage.skipped.is_empty() {
                div.scroll tabindex="0" role="region" aria-label="Places not looked into" { table {
                    caption { "Not looked into" }
                    thead { tr { th scope="col" { "reason" } th scope="col" { "place" } th.number scope="col" { "count" } } }
                    tbody { @for skip in &coverage.skipped { tr {
                        td { (phrase::skip(skip.reason)) } td { (shown(&skip.path)) } td.number { (thousands(skip.count)) }
                    } } }
                } }
            }
            @if !coverage.pruned.is_empty() {
                div.scroll tabindex="0" role="region" aria-label="Stores left out" { table {
                    caption { "Stores left out because they hold no credentials" }
                    thead { tr { th scope="col" { "kind" } th.number scope="col" { "folders" } } }
                    tbody { @for pruned in &coverage.pruned { tr { td { (shown(&pruned.reason)) } td.number { (thousands(pruned.count)) } } } }
                } }
            }
        }
    }
}

/// What the kernel enforced, and what the program promises.
pub(super) fn enforced(page: &Page<'_>) -> Markup {
    let scan = &page.report.scan;
    let none = |word: &str| word == "none";
    html! {
        section #enforced aria-labelledby="h-enforced" {
            h2 #h-enforced { "What was enforced" }
            dl.facts {
                dt { "Read only" }
                dd { @if none(&scan.sandbox.landlock) { "by design; the kernel was not asked to enforce it" }
                    @else { "enforced by the kernel: Landlock ABI " (shown(&scan.sandbox.landlock)) } }
                dt { "No network" }
                dd { @if none(&scan.sandbox.seccomp) { "by design; the kernel was not asked to enforce it" }
                    @else { "enforced by the kernel: seccomp " (shown(&scan.sandbox.seccomp)) } }
                dt { "Fingerprints" }
                dd { @if scan.fingerprint_key == "scan" { "under a random key of this scan: they compare within this page only" }
                    @else { "under key " code { (shown(&scan.fingerprint_key)) } } }
            }
        }
    }
}
