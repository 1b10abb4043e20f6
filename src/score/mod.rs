//! Score: facts to points, each with its reason, and the finding they make.
//!
//! A total is the sum of its factors, a factor the sum of its reasons. While its credentials keep
//! their lifetime states it is monotonic: what is older, goes further or is less safely kept never scores lower.

mod age;
mod breaches;
mod caps;
mod fixes;
mod issues;
mod lifetime;
mod scope;
mod storage;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::artifact::Facts;
use crate::grant::{CredentialKind, Grant};
use crate::policy::Policy;
use crate::report::{
    ClientStanding, CredentialReport, Custody, FactorScore, Finding, Lifetime, Location, Reason,
    Scope, Score, State,
};
use crate::rule::controls::Controls;

pub use lifetime::lifetime;

/// A day in seconds.
const DAY: i64 = 24 * 60 * 60;

/// What a grant is judged by, beside itself and how its file is kept.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The scan's clock.
    pub now: Timestamp,
    /// Limits.
    pub policy: &'a Policy,
    /// Issue kinds and their controls.
    pub controls: &'a Controls,
    /// Where the grant lies, as the report names it; `env:NAME` for the environment.
    pub path: &'a Path,
    /// Further places that hold the same secret.
    pub copies: usize,
}

/// One part of the score.
pub struct Factor {
    /// Its name in reports.
    pub name: &'static str,
    /// What raises it, in a line.
    pub about: &'static str,
    /// Most points it gives; 0 for caps, which take points away.
    pub max: i16,
    /// Reasons in a case, given the sum of the factors before it.
    pub assess: fn(&Case<'_>, i16) -> Vec<Reason>,
}

/// The factors, in the order in which they are summed and shown: caps look at the sum of the others.
pub const FACTORS: &[Factor] = &[age::FACTOR, scope::FACTOR, storage::FACTOR, caps::FACTOR];

/// A grant in its place, as the factors see it.
#[derive(Clone)]
pub struct Case<'a> {
    /// The grant.
    pub grant: Grant,
    /// How its file is kept.
    pub facts: Facts,
    /// Further places that hold the same secret.
    pub copies: usize,
    /// The scan's clock.
    pub now: Timestamp,
    /// Limits.
    pub policy: &'a Policy,
    /// Effective lifetime.
    pub lifetime: Lifetime,
    /// Longest age in days: the least of the credentials that decide the lifetime.
    pub limit: i64,
    /// The life of each credential, in the grant's order.
    spans: Vec<lifetime::Span>,
}

/// Judges a grant. `id` and `also_in` stay empty and `exception` null: they need the whole report.
pub fn finding(grant: Grant, facts: &Facts, context: &Context<'_>) -> Finding {
    let case = Case::new(grant, facts.clone(), context.copies, context.now, context.policy);
    let issues = issues::issues(&case, context.controls);
    let controls = context.controls.touched(issues.iter().map(String::as_str));
    let score = score(&case);
    let privilege = scope::privilege(&case.grant, case.policy);
    let location = location(&case, context.path);
    let credentials = credentials(&case);
    let policy = breaches::breaches(&case);
    let rotation = breaches::rotation(&case);
    let client = client(&case);
    let Case { grant, facts, lifetime, .. } = case;
    Finding {
        id: String::new(),
        rule: grant.rule,
        tool: grant.tool,
        provider: grant.provider,
        category: grant.category,
        title: grant.title,
        confidence: grant.confidence,
        identity: grant.identity,
        credentials,
        lifetime,
        scope: Scope { privilege, scopes: grant.scopes, roles: grant.roles, reach: grant.reach },
        custody: Custody {
            storage: grant.storage,
            held_by: grant.held_by,
            mode: facts.mode.map(storage::octal),
            owner: facts.owner,
            readable_by: facts.readable_by,
            exposures: facts.exposures,
        },
        location,
        issues,
        controls,
        score,
        end: grant.end,
        also_in: Vec::new(),
        exception: None,
        ignored: None,
        policy,
        client,
        rotation,
    }
}

impl<'a> Case<'a> {
    fn new(grant: Grant, facts: Facts, copies: usize, now: Timestamp, policy: &'a Policy) -> Self {
        let lifetime = lifetime(&grant, &facts, now);
        let spans = lifetime::spans(&grant, &facts, now);
        let limit = lifetime::deciding(&grant, &spans)
            .map(|span| policy.max_age(span.kind, &grant.provider))
            .min();
        // Where nothing is known of its kind, it is held to what static keys are held to.
        let limit =
            limit.unwrap_or_else(|| policy.max_age(CredentialKind::ApiKey, &grant.provider));
        Self { grant, facts, copies, now, policy, lifetime, limit, spans }
    }

    /// The same, with everything derived from its changed facts.
    fn judged_again(self) -> Self {
        Self::new(self.grant, self.facts, self.copies, self.now, self.policy)
    }

    fn deciding(&self) -> impl Iterator<Item = &lifetime::Span> {
        lifetime::deciding(&self.grant, &self.spans)
    }

    /// Whole days that each credential lives which decides the lifetime, and the limit for its kind.
    fn lives(&self) -> impl Iterator<Item = (i64, i64)> {
        let limit = |kind| self.policy.max_age(kind, &self.grant.provider);
        self.deciding().filter_map(move |span| Some((span.lives? / DAY, limit(span.kind))))
    }

    /// When the youngest of the credentials that decide the lifetime was issued, where that is told.
    fn rotated_at(&self) -> Option<Timestamp> {
        let decides = |span: &lifetime::Span| self.deciding().any(|deciding| deciding == span);
        let issued = self.grant.credentials.iter().zip(&self.spans);
        let issued = issued.filter(|(_, span)| decides(span));
        issued.filter_map(|(credential, _)| lifetime::issued(credential, self.now)).max()
    }

    /// Whether the grant only holds credentials that have ended.
    fn is_residue(&self) -> bool {
        self.lifetime.state == State::Expired
    }

    fn holds(&self, kind: CredentialKind) -> bool {
        self.grant.credentials.iter().any(|credential| credential.kind == kind)
    }
}

fn score(case: &Case<'_>) -> Score {
    let factors = factors(case);
    let total = sum(&factors);
    Score {
        total,
        severity: case.policy.severity(total),
        factors,
        what_if: fixes::what_if(case, total),
    }
}

fn total(case: &Case<'_>) -> u8 {
    sum(&factors(case))
}

fn factors(case: &Case<'_>) -> Vec<FactorScore> {
    let mut so_far = 0;
    let mut scores = Vec::with_capacity(FACTORS.len());
    for factor in FACTORS {
        let reasons = within(factor.max, (factor.assess)(case, so_far));
        let points = reasons.iter().map(|reason| reason.points).sum();
        so_far += points;
        scores.push(FactorScore { factor: factor.name.into(), points, reasons });
    }
    scores
}

fn sum(factors: &[FactorScore]) -> u8 {
    let total: i16 = factors.iter().map(|factor| factor.points).sum();
    u8::try_from(total.clamp(0, 100)).unwrap_or(100)
}

/// Reasons in falling order, the last ones cut so that their sum stays within `max`.
fn within(max: i16, mut reasons: Vec<Reason>) -> Vec<Reason> {
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points));
    let mut room = max;
    for reason in reasons.iter_mut().filter(|reason| reason.points > 0) {
        reason.points = reason.points.min(room);
        room -= reason.points;
    }
    reasons
}

fn credentials(case: &Case<'_>) -> Vec<CredentialReport> {
    let judged = case.grant.credentials.iter().zip(&case.spans);
    judged
        .map(|(credential, span)| CredentialReport {
            kind: credential.kind,
            name: credential.name.clone(),
            account: credential.account.clone(),
            fingerprint: credential.fingerprint.clone(),
            token_type: credential.token_type.clone(),
            issued_at: credential.issued,
            expires_at: lifetime::told_end(credential),
            state: span.state,
            checksum_ok: credential.checksum_ok,
            occurrences: credential.occurrences,
        })
        .collect()
}

/// What is known of the client's registration.
fn client(case: &Case<'_>) -> Option<ClientStanding> {
    let identity = &case.grant.identity;
    identity.client_id.as_ref().or(identity.client_name.as_ref())?;
    let listed = identity.client_id.as_deref();
    let listed = listed.and_then(|id| case.policy.lists_client(id, &case.grant.provider));
    Some(ClientStanding { first_party: case.grant.first_party, listed })
}

fn location(case: &Case<'_>, path: &Path) -> Location {
    Location {
        path: path.to_string_lossy().into_owned(),
        path_base64: path
            .to_str()
            .is_none()
            .then(|| STANDARD.encode(path.as_os_str().as_encoded_bytes())),
        home: case.facts.home.as_ref().map(|home| home.to_string_lossy().into_owned()),
        line: case.grant.spot.line,
        key: case.grant.spot.key.clone(),
        layer: case.facts.layer.clone(),
        state: case.facts.state,
    }
}

/// Points on a log scale for how many: 2 for 1, 4 for 3, 6 for 7, 11 for 45.
fn steps(count: usize) -> i16 {
    let more = u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1);
    i16::try_from(more.saturating_mul(more).ilog2()).unwrap_or(i16::MAX)
}

/// `1 day`, `2 days`.
fn plural(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod cases;
