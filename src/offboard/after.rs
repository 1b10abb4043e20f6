//! Two reports of one machine: which of the grants that were to end are still there.
//!
//! A place counts as empty only where the second scan looked. What it could not look into is told as such.

use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Place, SCHEMA_VERSION, Selection, Source, Unmatched, steps};
use crate::output::fold;
use crate::output::markdown::code;
use crate::report::{Finding, Mode, Report, SkipReason};

/// What is still there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Aftermath {
    /// Version of this shape.
    pub schema_version: &'static str,
    /// The scan before.
    pub before: Source,
    /// The scan after.
    pub after: Source,
    /// What was chosen.
    pub selection: Selection,
    /// Places by what became of them.
    pub counts: Counts,
    /// The chosen grants, in the plan's order.
    pub grants: Vec<Remains>,
    /// Why less can be told than one would like.
    pub caveats: Vec<String>,
}

/// Places by what became of them.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Counts {
    /// Looked at, and empty.
    pub gone: usize,
    /// As it was.
    pub still_there: usize,
    /// The same login with another secret.
    pub replaced: usize,
    /// Gone from there, but the same secret lies elsewhere.
    pub moved: usize,
    /// Not looked at.
    pub not_looked_at: usize,
}

/// What became of one grant.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Remains {
    /// Its number in the plan.
    pub number: usize,
    /// The tool that holds it.
    pub tool: String,
    /// Whom it acts as.
    pub account: Option<String>,
    /// Its places.
    pub places: Vec<PlaceAfter>,
}

/// What became of one place.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlaceAfter {
    /// Which.
    #[serde(flatten)]
    pub place: Place,
    /// What became of it.
    pub outcome: Outcome,
    /// Where the secret is now, or why the place was not looked at.
    pub note: Option<String>,
}

/// What became of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Looked at, and empty.
    Gone,
    /// As it was.
    StillThere,
    /// The same login with another secret.
    Replaced,
    /// Gone from there, but the same secret lies elsewhere.
    Moved,
    /// Not looked at.
    NotLookedAt,
}

/// Why two reports cannot be compared, or a choice that nothing answers.
#[derive(Debug, thiserror::Error)]
pub enum Incomparable {
    /// They are of two machines.
    #[error("the reports are of different machines")]
    Machines,
    /// The second was made first.
    #[error("the second report is older than the first")]
    Order,
    /// Nothing answers a choice.
    #[error(transparent)]
    Unmatched(#[from] Unmatched),
}

/// Compares.
///
/// # Errors
/// Reports of two machines or in the wrong order; a choice that nothing in the first answers.
pub fn compare(
    before: &Report,
    after: &Report,
    selection: Selection,
) -> Result<Aftermath, Incomparable> {
    if matches!((&before.host.id, &after.host.id), (Some(one), Some(other)) if one != other) {
        return Err(Incomparable::Machines);
    }
    if after.scan.started_at < before.scan.started_at {
        return Err(Incomparable::Order);
    }
    selection.check(before)?;
    let mut grants = fold::grants(before);
    grants.retain(|grant| selection.takes(before, grant));
    grants.sort_by_key(|grant| grant.lead.lifetime.state == crate::report::State::Expired);
    let look = Look { before, after };
    let grants: Vec<Remains> = grants
        .iter()
        .enumerate()
        .map(|(at, grant)| Remains {
            number: at + 1,
            tool: grant.lead.tool.clone(),
            account: grant.lead.identity.account.clone(),
            places: steps::places(grant).map(|finding| look.at(finding)).collect(),
        })
        .collect();
    let mut counts = Counts::default();
    for place in grants.iter().flat_map(|grant| &grant.places) {
        *match place.outcome {
            Outcome::Gone => &mut counts.gone,
            Outcome::StillThere => &mut counts.still_there,
            Outcome::Replaced => &mut counts.replaced,
            Outcome::Moved => &mut counts.moved,
            Outcome::NotLookedAt => &mut counts.not_looked_at,
        } += 1;
    }
    Ok(Aftermath {
        schema_version: SCHEMA_VERSION,
        before: Source::of(before),
        after: Source::of(after),
        selection,
        counts,
        grants,
        caveats: look.caveats(),
    })
}

impl Aftermath {
    /// Whether everything is gone, and was looked at.
    pub fn is_clean(&self) -> bool {
        let Counts { still_there, replaced, moved, not_looked_at, .. } = self.counts;
        still_there + replaced + moved + not_looked_at == 0
    }

    /// For people.
    pub fn markdown(&self) -> String {
        let Counts { gone, still_there, replaced, moved, not_looked_at } = self.counts;
        let mut out = String::from("# After the offboarding\n\n");
        let _ = writeln!(
            out,
            "Places: {gone} gone, {still_there} still there, {replaced} with another secret, {moved} moved, {not_looked_at} not looked at.\n"
        );
        for caveat in &self.caveats {
            let _ = writeln!(out, "> {caveat}");
        }
        for grant in &self.grants {
            let account = grant.account.as_deref().map(|account| format!(" {}", code(account)));
            let _ = writeln!(
                out,
                "\n{}. {}{}\n",
                grant.number,
                code(&grant.tool),
                account.unwrap_or_default()
            );
            for place in &grant.places {
                let done = if place.outcome == Outcome::Gone { "x" } else { " " };
                let note = place.note.as_deref().map(|note| format!(": {}", code(note)));
                let _ = writeln!(
                    out,
                    "   - [{done}] {} {}{}",
                    words(place.outcome),
                    code(&place.place.path),
                    note.unwrap_or_default()
                );
            }
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{}\n", crate::output::json::visible(&text))
    }
}

const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Gone => "gone from",
        Outcome::StillThere => "still in",
        Outcome::Replaced => "another secret in",
        Outcome::Moved => "moved from",
        Outcome::NotLookedAt => "not looked at:",
    }
}

/// The second scan, asked about places of the first.
struct Look<'r> {
    before: &'r Report,
    after: &'r Report,
}

impl Look<'_> {
    fn at(&self, finding: &Finding) -> PlaceAfter {
        let (outcome, note) = self.outcome(finding);
        PlaceAfter { place: Place::of(finding), outcome, note }
    }

    fn outcome(&self, finding: &Finding) -> (Outcome, Option<String>) {
        if let Some(same) = self.after.findings.iter().find(|other| other.id == finding.id) {
            let both = (prints(finding), prints(same));
            let replaced = self.prints_compare()
                && !both.0.is_empty()
                && !both.1.is_empty()
                && !both.0.iter().any(|print| both.1.contains(print));
            return (if replaced { Outcome::Replaced } else { Outcome::StillThere }, None);
        }
        let known = prints(finding);
        let elsewhere = self.after.findings.iter().find(|other| {
            self.prints_compare() && prints(other).iter().any(|print| known.contains(print))
        });
        // Other places of the same grant have a row of their own.
        if let Some(other) = elsewhere.filter(|other| !finding.also_in.contains(&other.id)) {
            return (Outcome::Moved, Some(other.location.path.clone()));
        }
        match self.unseen(finding) {
            Some(why) => (Outcome::NotLookedAt, Some(why)),
            None => (Outcome::Gone, None),
        }
    }

    /// Why the second scan says nothing about a place.
    fn unseen(&self, finding: &Finding) -> Option<String> {
        let path = &finding.location.path;
        if path.starts_with("env:") {
            return Some("an environment is each process's own".into());
        }
        if finding.location.layer.is_some() {
            return Some("a layer of an image is looked at by scanning that image".into());
        }
        let (before, after) = (&self.before.tool.rules, &self.after.tool.rules);
        if after.count < before.count {
            return Some(format!(
                "the second scan applied {} of {} rules",
                after.count, before.count
            ));
        }
        let path = Path::new(path);
        if !self.after.scan.roots.iter().any(|root| path.starts_with(root)) {
            return Some("outside the roots of the second scan".into());
        }
        if breadth(self.after.scan.mode) < breadth(self.before.scan.mode) {
            return Some("the second scan looked less far".into());
        }
        let skipped = &self.after.coverage.skipped;
        let skip = skipped
            .iter()
            .find(|skip| path.starts_with(&skip.path) && skip.reason != SkipReason::Vanished)?;
        let reason = serde_json::to_value(skip.reason).unwrap_or_default();
        Some(format!("skipped: {}", reason.as_str().unwrap_or_default()))
    }

    /// Whether fingerprints of both scans are under one key.
    fn prints_compare(&self) -> bool {
        let key = &self.before.scan.fingerprint_key;
        key != "scan" && *key == self.after.scan.fingerprint_key
    }

    fn caveats(&self) -> Vec<String> {
        let mut caveats = vec![
            "Two scans compare files. Whether a provider still accepts a credential, only the provider can show."
                .to_owned(),
        ];
        if !self.prints_compare() {
            caveats.push(
                "The scans have no fingerprint key in common, so a secret that was replaced, or moved elsewhere, is not recognised (--fingerprint-key-file)."
                    .into(),
            );
        }
        if self.before.tool.rules.sha256 != self.after.tool.rules.sha256 {
            caveats.push("The scans applied different rules.".into());
        }
        caveats
    }
}

fn prints(finding: &Finding) -> Vec<&str> {
    finding.credentials.iter().filter_map(|credential| credential.fingerprint.as_deref()).collect()
}

const fn breadth(mode: Mode) -> u8 {
    match mode {
        Mode::Quick => 0,
        Mode::Default => 1,
        Mode::Thorough => 2,
        Mode::Deep => 3,
    }
}
