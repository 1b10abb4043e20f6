//! The findings: a line each, that opens to every fact, every point and every way out.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use super::{Page, amount, band, shown};
use crate::output::instruction::command_end;
use crate::output::phrase;
use crate::output::text::{instant, word};
use crate::report::{CredentialReport, Finding, Severity};

/// Heading, tools and the beginning of the list.
pub(super) fn begin(page: &Page<'_>) -> Markup {
    let mut tools: Vec<String> = page.report.findings.iter().map(|it| shown(&it.tool)).collect();
    tools.sort_unstable();
    tools.dedup();
    html! {
        (PreEscaped("<section id=\"findings\" aria-labelledby=\"h-findings\">"))
        h2 #h-findings { "Every finding" }
        p { (amount(page)) ", riskiest first. A line opens to all that is known of it." }
        @if !page.report.findings.is_empty() {
            div.tools #tools role="search" hidden {
                label { "Search " input #q type="search" autocomplete="off" spellcheck="false"; }
                label { "Tool " select #tool { option value="" { "all" } @for tool in &tools { option { (tool) } } } }
                label { "Sort by " select #sort {
                    option value="risk" { "risk" } option value="tool" { "tool" } option value="age" { "age" }
                    option value="end" { "end" } option value="path" { "path" }
                } }
                fieldset {
                    legend { "Show" }
                    @for severity in Severity::ALL.iter().rev() {
                        label.check { input type="checkbox" name="band" value=(*severity as u8) checked; " " (severity.as_str()) }
                    }
                    label.check { input #accepted type="checkbox" checked; " accepted" }
                }
                button #clear type="button" { "Show all" }
                p #shown role="status" {}
            }
        }
        (PreEscaped("<ol class=\"findings\" id=\"list\">\n"))
    }
}

/// The end of the list.
pub(super) fn end(page: &Page<'_>) -> Markup {
    html! {
        (PreEscaped("</ol>"))
        @if page.report.findings.is_empty() { p { "No credential was found." } }
        (PreEscaped("</section>\n"))
    }
}

/// One finding.
pub(super) fn entry(page: &Page<'_>, it: &Finding) -> Markup {
    let identity = phrase::identity(it);
    let who = identity.first().map_or("?", String::as_str);
    let life = phrase::lifetime(&it.lifetime, page.now, page.style);
    let life = life.first().map_or("no stated end", String::as_str);
    let custody = phrase::custody(it, 1 + it.also_in.len()).join(", ");
    let next = phrase::best_fix(it);
    let ends = it.lifetime.expires_at.map(Timestamp::as_second);
    html! {
        li.finding id=(page.anchor(it)) data-band=(it.score.severity as u8) data-score=(it.score.total)
            data-age=[it.lifetime.age_days] data-end=[ends] data-accepted=[(!it.counts()).then_some(1)] {
            details {
                summary {
                    span.risk { b { (it.score.total) } " " (band(it.score.severity)) }
                    span.tool { (shown(&it.tool)) }
                    span.who { (shown(who)) }
                    span.life { (shown(life)) }
                    span.kept { (shown(&custody)) }
                    span.next {
                        @if it.exception.is_some() { "accepted" } @else if it.ignored.is_some() { "ignored" }
                        @else if let Some(fix) = next { (shown(&fix.change)) " → " (fix.total) }
                        @else { "–" }
                    }
                }
                (body(page, it))
            }
        }
        "\n"
    }
}

fn body(page: &Page<'_>, it: &Finding) -> Markup {
    html! {
        p { (shown(&it.title)) }
        dl.facts {
            (fact("Place", Some(&it.location.path)))
            @if let Some(line) = it.location.line { dt { "Line" } dd { (line) } }
            (fact("Key", it.location.key.as_deref()))
            (fact("Layer", it.location.layer.as_deref()))
            (facts("Layers", &phrase::history(it)))
            (fact("Account", it.identity.account.as_deref()))
            (fact("Called", it.identity.name.as_deref()))
            (fact("Tenant", it.identity.tenant.as_deref()))
            (fact("Host", it.identity.host.as_deref()))
            (fact("Issuer", it.identity.issuer.as_deref()))
            (fact("Client", it.identity.client_name.as_deref().or(it.identity.client_id.as_deref())))
            dt { "May" } dd { (shown(&phrase::grant(it, false).join(", "))) }
            (facts("Scopes", &it.scope.scopes))
            (facts("Roles", &it.scope.roles))
            (facts("Opens", &it.scope.reach))
            dt { "Kept" } dd { (it.custody.storage.as_str())
                @if let Some(holder) = &it.custody.held_by { " by " (shown(holder)) }
                @if let Some(mode) = &it.custody.mode { ", mode " (shown(mode)) }
                @if let Some(owner) = &it.custody.owner { ", owner " (shown(owner)) }
                @for exposure in &it.custody.exposures { ", " (phrase::exposure(*exposure).1) }
            }
            @if !it.also_in.is_empty() { dt { "Also in" } dd { (others(page, it)) } }
            dt { "Rule" } dd { (shown(&it.rule)) ", confidence " (word(&it.confidence)) }
            dt { "Id" } dd { code { (shown(&it.id)) } }
        }
        @if !it.credentials.is_empty() { ul { @for one in &it.credentials { li { (credential(page, one)) } } } }
        (points(it))
        (ways(it))
        @if let Some(exception) = &it.exception {
            p { b { "Accepted" } " until " (instant(exception.expires)) " by " (shown(&exception.owner)) ": " (shown(&exception.reason)) }
        }
        @if let Some(clause) = &it.ignored { p { b { "Ignored" } " by the policy, " (shown(clause)) } }
        @if !it.policy.is_empty() { p.small { b { "Policy " } (shown(&phrase::breaches(it).join("; "))) } }
        @if !it.issues.is_empty() { p.small { b { "Issues " } (shown(&it.issues.join(", "))) } }
        @if !it.controls.is_empty() { p.small { b { "Controls " } (shown(&it.controls.join(", "))) } }
    }
}

fn fact(name: &str, value: Option<&str>) -> Markup {
    html! { @if let Some(value) = value { dt { (name) } dd { (shown(value)) } } }
}

/// Long lists end with how much more there is; the JSON report has all.
fn facts(name: &str, values: &[String]) -> Markup {
    const MOST: usize = 20;
    html! {
        @if !values.is_empty() {
            dt { (name) }
            dd {
                (shown(&values[..values.len().min(MOST)].join(", ")))
                @if values.len() > MOST { " and " (values.len() - MOST) " more" }
            }
        }
    }
}

fn others(page: &Page<'_>, it: &Finding) -> Markup {
    let others = page.report.findings.iter().filter(|other| it.also_in.contains(&other.id));
    html! { @for (at, other) in others.enumerate() {
        @if at > 0 { ", " }
        a href={ "#" (page.anchor(other)) } { (shown(&other.location.path)) }
    } }
}

fn credential(page: &Page<'_>, one: &CredentialReport) -> Markup {
    html! {
        (phrase::kind(one.kind))
        @if let Some(name) = &one.name { " " (shown(name)) }
        @if let Some(account) = &one.account { ", " (shown(account)) }
        ", " (phrase::state(one.state, one.expires_at, page.now))
        @if let Some(issued) = one.issued_at { ", issued " (instant(issued)) }
        @if let Some(print) = &one.fingerprint { ", " code { (shown(print)) } }
    }
}

fn points(it: &Finding) -> Markup {
    html! {
        dl.points {
            @for factor in &it.score.factors {
                dt { (shown(&factor.factor)) " " b { (format!("{:+}", factor.points)) } }
                dd { @for (at, reason) in factor.reasons.iter().enumerate() {
                    @if at > 0 { ", " }
                    (format!("{:+} ", reason.points)) (shown(&reason.text))
                } }
            }
            @if !it.score.what_if.is_empty() {
                dt { "What if" }
                dd { @for (at, fix) in it.score.what_if.iter().enumerate() {
                    @if at > 0 { ", " }
                    (shown(&fix.change)) " → " b { (fix.total) }
                } }
            }
        }
    }
}

/// How to end it, in the order that works.
pub(super) fn ways(it: &Finding) -> Markup {
    let end = &it.end;
    let ways = [("Revoke", &end.revoke), ("Log out", &end.logout), ("Verify", &end.verify)];
    html! {
        @if ways.iter().any(|(_, way)| way.is_some()) {
            ol.ways { @for (name, way) in ways { @if let Some(way) = way {
                li { span.way { (name) } " " (way_out(way)) }
            } } }
        }
        @if let Some(better) = &end.better { p.small { b { "Safer " } (shown(better)) } }
    }
}

fn way_out(way: &str) -> Markup {
    let text = shown(way);
    let is_link = text.starts_with("https://")
        && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`'));
    let (command, words) = text.split_at(command_end(&text));
    html! {
        @if is_link { a href=(text) rel="noreferrer noopener" { (text) } } @else {
            @if !command.is_empty() { code.copy { (command) } }
            (words)
        }
    }
}
