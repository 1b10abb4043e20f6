//! One finding in full: every fact, every point of its score, every place, every way out.

use std::io::{self, Write};

use jiff::Timestamp;

use super::fold::{ShortIds, digits};
use super::table::{date, paint, where_exactly};
use super::text::{Paint, Screen, count};
use super::{Style, phrase};
use crate::policy::last_day;
use crate::report::{AgeBasis, CredentialReport, ExceptionState, Finding, Report, Rotation};

/// Columns before a fact; its label stands in them.
const LABEL: usize = 14;

/// Near ids told on a miss.
const SUGGESTIONS: usize = 3;

/// Why a finding was not explained.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No finding has this id.
    #[error("no finding has the id {id}{}", suggestion(near))]
    NotFound {
        /// The id, safe to show.
        id: String,
        /// Short ids that look like it, nearest first.
        near: Vec<String>,
    },
    /// Several findings begin with this id.
    #[error("the id {id} is the beginning of {}: {}", count(ids.len(), "finding"), ids.join(", "))]
    Ambiguous {
        /// The id, safe to show.
        id: String,
        /// Their short ids.
        ids: Vec<String>,
    },
    /// The output could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn suggestion(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) }
}

/// Writes all that is known of the finding whose id is, or begins with, `id` (with or without `nhi1:`).
pub fn explain(report: &Report, id: &str, style: &Style, out: &mut dyn Write) -> Result<(), Error> {
    let ids = ShortIds::new(report);
    let finding = find(report, id, &ids, style)?;
    let mut page = Page { screen: Screen::new(style, out), style, now: report.scan.started_at };
    page.title(finding, ids.get(&finding.id))?;
    page.facts(finding)?;
    page.credentials(&finding.credentials)?;
    page.places(finding, report, &ids)?;
    page.score(finding)?;
    page.what_if(finding)?;
    page.end(finding)?;
    page.governance(finding, report)?;
    Ok(())
}

fn find<'r>(
    report: &'r Report,
    id: &str,
    ids: &ShortIds<'_>,
    style: &Style,
) -> Result<&'r Finding, Error> {
    let wanted = digits(id.trim()).to_ascii_lowercase();
    let begins =
        |finding: &&Finding| !wanted.is_empty() && digits(&finding.id).starts_with(&wanted);
    let matching: Vec<_> = report.findings.iter().filter(begins).collect();
    match matching.as_slice() {
        [finding] => Ok(finding),
        [] => Err(Error::NotFound { near: near(report, &wanted, ids, style), id: style.safe(id) }),
        // A report that names a finding twice is not ours, but its first word can still be explained.
        [first, rest @ ..] if rest.iter().all(|other| other.id == first.id) => Ok(first),
        several => {
            let ids = several.iter().map(|finding| style.safe(ids.get(&finding.id))).collect();
            Err(Error::Ambiguous { id: style.safe(id), ids })
        }
    }
}

/// Short ids within two slips of what was typed.
fn near(report: &Report, wanted: &str, ids: &ShortIds<'_>, style: &Style) -> Vec<String> {
    let length = wanted.chars().count();
    let distance = |finding: &Finding| {
        let begin: String = digits(&finding.id).chars().take(length).collect();
        strsim::damerau_levenshtein(&begin, wanted)
    };
    let mut near: Vec<_> =
        report.findings.iter().map(|finding| (distance(finding), ids.get(&finding.id))).collect();
    near.retain(|(slips, _)| *slips <= 2 && length > 2);
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(SUGGESTIONS).map(|(_, id)| style.safe(id)).collect()
}

/// The page being written.
struct Page<'a> {
    screen: Screen<'a>,
    style: &'a Style,
    now: Timestamp,
}

impl Page<'_> {
    fn title(&mut self, finding: &Finding, short: &str) -> io::Result<()> {
        let score = &finding.score;
        let identity = phrase::identity(finding).into_iter().next().unwrap_or_default();
        self.screen.put(Paint::Bold, &format!("{}: {identity}", finding.tool))?;
        self.screen.put(Paint::Plain, "  ")?;
        self.screen.put(
            paint(score.severity),
            &format!("{} {}", score.total, phrase::severity(score.severity)),
        )?;
        self.screen.line(Paint::Dim, &format!("  {short}"))?;
        self.screen.line(Paint::Plain, &finding.title)
    }

    fn facts(&mut self, finding: &Finding) -> io::Result<()> {
        let identity = &finding.identity;
        self.screen.end()?;
        self.fact("acts as", identity.account.as_deref())?;
        self.fact("called", identity.name.as_deref())?;
        self.fact("tenant", identity.tenant.as_deref())?;
        self.fact("host", identity.host.as_deref())?;
        self.fact(
            "client",
            named(identity.client_name.as_deref(), identity.client_id.as_deref()).as_deref(),
        )?;
        self.list("registered", &client(finding))?;
        self.fact("issued by", identity.issuer.as_deref())?;
        self.fact("meant for", identity.audience.as_deref())?;
        self.fact(
            "in use",
            identity.active.map(|active| if active { "yes" } else { "no, another login is" }),
        )?;
        self.facts_of_scope(finding)?;
        self.list("lives", &self.lifetime(finding))?;
        self.list("rotated", &self.rotation(&finding.rotation))?;
        self.list("kept", &custody(finding))?;
        let rule = format!(
            "{} ({}, {}), confidence {}",
            finding.rule,
            finding.category,
            finding.provider,
            word(&finding.confidence)
        );
        self.fact("rule", Some(&rule))?;
        self.fact("id", Some(&finding.id))
    }

    fn facts_of_scope(&mut self, finding: &Finding) -> io::Result<()> {
        let scope = &finding.scope;
        self.fact(
            "may",
            Some(
                phrase::privilege(scope.privilege)
                    .unwrap_or("unknown: neither file, token nor rule tells"),
            ),
        )?;
        self.list("scopes", &scope.scopes)?;
        self.list("roles", &scope.roles)?;
        self.list("also opens", &scope.reach)
    }

    fn lifetime(&self, finding: &Finding) -> Vec<String> {
        let lifetime = &finding.lifetime;
        let mut items = vec![phrase::state(lifetime.state, lifetime.expires_at, self.now)];
        items.extend(phrase::age(lifetime, self.style).map(|age| format!("{age} old")));
        items.extend(lifetime.issued_at.map(|time| format!("issued {}", date(time))));
        items.extend(lifetime.expires_at.map(|time| format!("stated end {}", date(time))));
        let basis = match lifetime.age_basis {
            AgeBasis::Stated => "age as the file states",
            AgeBasis::Claim => "age as the token claims",
            AgeBasis::FileModified => "age by the file's last change, so at least that",
            AgeBasis::Unknown => "age unknown",
        };
        items.push(basis.into());
        items
    }

    /// When the secret was last replaced, by which evidence, and whether that is due again.
    fn rotation(&self, rotation: &Rotation) -> Vec<String> {
        let Some(at) = rotation.last_at else {
            return vec!["nothing tells when".into()];
        };
        let days = self.now.duration_since(at).as_hours() / 24;
        let when = match rotation.evidence {
            AgeBasis::FileModified => format!("not since {}, when the file changed", date(at)),
            _ => format!("last on {}", date(at)),
        };
        let due = match rotation.overdue {
            Some(true) => {
                format!("overdue by {} d", days.saturating_sub(rotation.limit_days.into()))
            }
            _ => format!("due every {} d", rotation.limit_days),
        };
        vec![when, due]
    }

    fn credentials(&mut self, credentials: &[CredentialReport]) -> io::Result<()> {
        self.heading("Credentials")?;
        if credentials.is_empty() {
            return self.screen.line(Paint::Plain, "  none in the file");
        }
        for credential in credentials {
            let facts = [
                Some(phrase::kind(credential.kind).to_owned()),
                credential.name.clone(),
                credential.account.clone(),
                Some(phrase::state(credential.state, credential.expires_at, self.now)),
                credential.issued_at.map(|time| format!("issued {}", date(time))),
                credential.token_type.as_ref().map(|shape| format!("shape {shape}")),
                credential
                    .checksum_ok
                    .map(|ok| if ok { "checksum good" } else { "checksum wrong" }.to_owned()),
                (credential.occurrences > 1)
                    .then(|| format!("{} times in the file", credential.occurrences)),
                credential.fingerprint.clone(),
            ];
            let facts: Vec<_> =
                facts.into_iter().flatten().map(|fact| (Paint::Plain, fact)).collect();
            self.screen.put(Paint::Plain, "  ")?;
            self.screen.flow(&facts, ", ", 2)?;
        }
        Ok(())
    }

    fn places(&mut self, finding: &Finding, report: &Report, ids: &ShortIds<'_>) -> io::Result<()> {
        self.heading("Places")?;
        self.screen.line(Paint::Plain, &format!("  {}", where_exactly(finding, self.style)))?;
        self.fact("layer", finding.location.layer.as_deref())?;
        self.fact("path bytes", finding.location.path_base64.as_deref())?;
        for id in &finding.also_in {
            let short = ids.get(id);
            let Some(other) = report.findings.iter().find(|other| other.id == *id) else {
                self.screen.line(Paint::Plain, &format!("  {short} (not in this report)"))?;
                continue;
            };
            let score = &other.score;
            self.screen.put(Paint::Plain, &format!("  {}", where_exactly(other, self.style)))?;
            let points = format!("  {} {}", score.total, phrase::severity(score.severity));
            self.screen.put(paint(score.severity), &points)?;
            self.screen.line(Paint::Dim, &format!("  {short}"))?;
        }
        Ok(())
    }

    /// The score as a sum; its lines add up to the total.
    fn score(&mut self, finding: &Finding) -> io::Result<()> {
        let score = &finding.score;
        self.heading("Score")?;
        for factor in &score.factors {
            let shown = format!("  {:<9}{:>+4}  ", factor.factor, factor.points);
            self.screen.put(Paint::Plain, &shown)?;
            let reasons = factor
                .reasons
                .iter()
                .map(|reason| (Paint::Plain, format!("{:+} {}", reason.points, reason.text)));
            self.screen.flow(&reasons.collect::<Vec<_>>(), ", ", shown.len())?;
        }
        self.screen.put(Paint::Bold, &format!("  {:<9}{:>4}  ", "total", score.total))?;
        self.screen.line(paint(score.severity), phrase::severity(score.severity))
    }

    fn what_if(&mut self, finding: &Finding) -> io::Result<()> {
        let score = &finding.score;
        if score.what_if.is_empty() {
            return Ok(());
        }
        self.heading("What if")?;
        let longest =
            score.what_if.iter().map(|fix| fix.change.chars().count()).max().unwrap_or(0).min(40);
        for fix in &score.what_if {
            let line = format!(
                "  {:<longest$}  {} {} {}",
                fix.change,
                score.total,
                self.style.arrow(),
                fix.total
            );
            self.screen.line(Paint::Plain, &line)?;
        }
        Ok(())
    }

    /// The ways out, in the order that works: what is revoked first need not be found again.
    fn end(&mut self, finding: &Finding) -> io::Result<()> {
        let end = &finding.end;
        self.heading("To end it")?;
        let steps = [("revoke", &end.revoke), ("log out", &end.logout), ("verify", &end.verify)];
        let known = steps.into_iter().filter_map(|(label, step)| Some((label, step.as_ref()?)));
        for (number, (label, step)) in (1..).zip(known) {
            self.screen.line(Paint::Plain, &format!("  {number} {label:<9}{step}"))?;
        }
        let note = match (&end.logout, &end.revoke) {
            (Some(_), Some(_)) => {
                "Logging out alone may leave it valid for whoever has a copy: revoke it too."
            }
            (Some(_), None) => {
                "Logging out removes it here; it may stay valid for whoever has a copy."
            }
            (None, Some(_)) => "Delete it here as well, once it is revoked.",
            (None, None) => "The rule knows no way: ask the provider, then delete it here.",
        };
        self.screen.line(Paint::Dim, &format!("  {note}"))?;
        match &end.better {
            Some(better) => self.screen.line(Paint::Plain, &format!("  safer: {better}")),
            None => Ok(()),
        }
    }

    fn governance(&mut self, finding: &Finding, report: &Report) -> io::Result<()> {
        self.screen.end()?;
        self.list("policy", &phrase::breaches(finding))?;
        self.list("issues", &finding.issues)?;
        self.list("controls", &finding.controls)?;
        self.fact("accepted", phrase::accepted(finding).as_deref())?;
        let of_it = report.exceptions.iter().filter(|it| it.findings.contains(&finding.id));
        for it in
            of_it.filter(|it| !matches!(it.state, ExceptionState::InForce | ExceptionState::Ending))
        {
            let text = format!(
                "{}, until {} by {}, {}: {}",
                phrase::exception(it),
                last_day(it.expires),
                it.owner,
                it.ticket,
                it.reason
            );
            self.fact("exception", Some(&text))?;
        }
        Ok(())
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        self.screen.end()?;
        self.screen.line(Paint::Bold, text)
    }

    /// A labelled fact, if there is one.
    fn fact(&mut self, label: &str, fact: Option<&str>) -> io::Result<()> {
        let Some(fact) = fact else { return Ok(()) };
        self.list(label, &[fact.to_owned()])
    }

    /// A labelled list, if there is anything in it.
    fn list(&mut self, label: &str, items: &[String]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.screen.put(Paint::Dim, &format!("  {label:<0$}", LABEL - 2))?;
        let items: Vec<_> = items.iter().map(|item| (Paint::Plain, item.clone())).collect();
        self.screen.flow(&items, ", ", LABEL)
    }
}

/// Whether the client is the provider's own, and whether the policy lists it.
fn client(finding: &Finding) -> Vec<String> {
    let Some(client) = &finding.client else { return Vec::new() };
    let party = match client.first_party {
        Some(true) => "by the provider itself",
        Some(false) => "by someone else than the provider",
        None => "by someone the rule does not know",
    };
    let listed = match client.listed {
        Some(true) => "on the policy's list",
        Some(false) => "not on the policy's list",
        None => "the policy has no list",
    };
    vec![party.into(), listed.into()]
}

fn named(name: Option<&str>, id: Option<&str>) -> Option<String> {
    match (name, id) {
        (Some(name), Some(id)) => Some(format!("{name} ({id})")),
        (name, id) => name.or(id).map(str::to_owned),
    }
}

fn custody(finding: &Finding) -> Vec<String> {
    let custody = &finding.custody;
    let mut items = vec![custody.storage.as_str().to_owned()];
    items.extend(custody.held_by.as_ref().map(|holder| format!("held by {holder}")));
    items.extend(custody.mode.as_ref().map(|mode| format!("mode {mode}")));
    items.extend(custody.owner.as_ref().map(|owner| format!("owner {owner}")));
    items.extend(phrase::reader(custody.readable_by).map(str::to_owned));
    items.extend(custody.exposures.iter().map(|&exposure| phrase::exposure(exposure).1.to_owned()));
    items
}

/// The word under which an enum's value is published.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    fn style() -> Style {
        Style {
            width: Some(100),
            unicode: true,
            home: Some("/home/alice".into()),
            ..Style::default()
        }
    }

    fn page(report: &Report, id: &str) -> Result<String, String> {
        let mut out = Vec::new();
        explain(report, id, &style(), &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn pages_are_as_designed() {
        let report = testdata::report();
        for (name, id) in [
            ("refresh-token", "3fa91c5"),
            ("hostile", "3fa91c0"),
            ("history", "5c0e81"),
            ("accepted", "e6b3f9"),
            ("keychain", "a25c8e"),
            ("residue", "f94e6b"),
        ] {
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(format!("explain-{name}"), page(&report, id).unwrap());
            });
        }
    }

    #[test]
    fn ids_may_be_long_or_short_but_must_tell_one() {
        let report = testdata::report();
        let whole = page(&report, "nhi1:b07d22c9e4a14f5d9b3c7e8f1a2d4065").unwrap();
        for id in ["b07d22", "B07D22C9", " b07 ", "b07d22c9e4a14f5d9b3c7e8f1a2d4065"] {
            assert_eq!(page(&report, id).unwrap(), whole);
        }
        for (id, error) in [
            ("3fa91c", "the id 3fa91c is the beginning of 2 findings: 3fa91c5, 3fa91c0"),
            ("b07e22", "no finding has the id b07e22; near it: b07d22"),
            ("bd0722", "no finding has the id bd0722; near it: b07d22"),
            ("\u{1b}[2Jx", "no finding has the id \\u{1b}[2Jx"),
            ("", "no finding has the id "),
        ] {
            assert_eq!(page(&report, id).unwrap_err(), error);
        }
    }

    #[test]
    fn every_finding_can_be_explained() {
        for finding in &testdata::report().findings {
            let page = page(&testdata::report(), &finding.id).unwrap();
            assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "{page}");
            assert!(page.contains(&finding.id));
        }
    }
}
