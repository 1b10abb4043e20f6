//! Commands and assignments to grants: one secret in one file is one credential, however often it was typed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use jiff::Timestamp;
use serde_json::Value;

use super::Context;
use super::commands::{self, Sighting};
use super::secret::Secret;
use super::time::timestamp;
use crate::grant::{
    Confidence, Credential, End, FoldKey, Grant, Identity, Privilege, Spot, Storage,
};
use crate::parse::{Body, Entry, Language};
use crate::rule::schema::Holds;
use crate::rule::token::Match;

/// Collects what one file of commands tells.
pub(super) struct Finder<'f, 'x> {
    context: &'f Context<'x>,
    category: &'static str,
    /// The surest that anything found here may be.
    ceiling: Confidence,
    grants: Vec<Grant>,
    known: HashMap<FoldKey, usize>,
    /// Where each secret stood: that several rules see it in one place does not make it more.
    counted: HashSet<(FoldKey, Place)>,
    /// Entries so far.
    entries: u64,
    silent: Silent,
}

/// Where a secret stands, for counting.
#[derive(PartialEq, Eq, Hash)]
enum Place {
    Line(u64),
    /// Of a file that has no lines.
    Entry(u64),
}

/// Entries that told nothing, by a keyed hash, so that nobody can hide a command behind another: histories repeat themselves.
#[derive(Default)]
struct Silent {
    key: RandomState,
    hashes: HashSet<u64>,
}

/// How many silent entries are remembered.
const REMEMBERED: usize = 16 * 1024;

impl Silent {
    fn hash(&self, body: &Body<'_>) -> u64 {
        self.key.hash_one(match *body {
            Body::Commands(text, language) => (0, text, "", language == Language::Posix),
            Body::Assignment { name, value } => (1, value, name, false),
            Body::Text(text) => (2, text, "", false),
            Body::Prose(text) => (3, text, "", false),
        })
    }

    fn remember(&mut self, hash: u64) {
        if self.hashes.len() < REMEMBERED {
            self.hashes.insert(hash);
        }
    }
}

impl<'f, 'x> Finder<'f, 'x> {
    pub(super) fn new(context: &'f Context<'x>, holds: Holds) -> Self {
        let category = match holds {
            Holds::History => "history",
            Holds::Dotfile => "dotfile",
        };
        Self::of(context, category, Confidence::High)
    }

    /// For the variables of a process.
    pub(super) fn of_environment(context: &'f Context<'x>) -> Self {
        Self::of(context, "environment", Confidence::High)
    }

    /// For a file of which no rule says what it holds.
    pub(super) fn anywhere(context: &'f Context<'x>, ceiling: Confidence) -> Self {
        Self::of(context, "file", ceiling)
    }

    fn of(context: &'f Context<'x>, category: &'static str, ceiling: Confidence) -> Self {
        let silent = Silent::default();
        Self {
            context,
            category,
            ceiling,
            grants: Vec::new(),
            known: HashMap::new(),
            counted: HashSet::new(),
            entries: 0,
            silent,
        }
    }

    /// Looks at one entry: by the command rules, then for tokens that are recognised wherever they stand.
    pub(super) fn consider(&mut self, entry: &Entry<'_>) {
        let context = self.context;
        self.entries += 1;
        let hash = self.silent.hash(&entry.body);
        if self.silent.hashes.contains(&hash) {
            return;
        }
        let mut told = false;
        commands::inspect(entry, &context.pack.commands, &mut |sighting| {
            told = true;
            self.sighted(sighting);
        });
        let text = match entry.body {
            Body::Commands(text, _) | Body::Text(text) | Body::Prose(text) => text,
            Body::Assignment { value, .. } => value,
        };
        for (range, shape) in context.pack.tokens.find(text) {
            told = true;
            let line = entry.line + text[..range.start].matches('\n').count() as u64;
            self.recognised(&Secret::new(text[range].to_owned()), &shape, line, entry.time);
        }
        if !told {
            self.silent.remember(hash);
        }
    }

    /// Takes a token that stands somewhere in a file.
    pub(super) fn shaped(&mut self, token: &str, found: &Match<'_>, line: u64) {
        let secret = Secret::new(token.to_owned()).unfolded();
        if !super::grants::is_public_client(self.context, &secret) {
            self.recognised(&secret, found, line, None);
        }
    }

    /// Takes what the words of an entry tell, where nobody said that the file holds secrets: only what looks made by a machine.
    pub(super) fn told(&mut self, entry: &Entry<'_>) {
        let context = self.context;
        commands::inspect(entry, &context.pack.commands, &mut |sighting| {
            if commands::is_made(sighting.secret.expose())
                && !super::grants::is_public_client(context, &sighting.secret)
            {
                let ceiling = std::mem::replace(&mut self.ceiling, Confidence::Medium);
                self.sighted(sighting);
                self.ceiling = ceiling;
            }
        });
    }

    /// Looks at one output of a `commands` filter; false if it is none.
    pub(super) fn consider_output(&mut self, output: &Value) -> bool {
        let time = output.get("time").and_then(timestamp);
        let line = output.get("line").and_then(Value::as_u64).unwrap_or(0);
        let field = |name: &str| output.get(name).and_then(Value::as_str);
        let body = match (field("text"), field("name"), field("value")) {
            (Some(text), ..) => Body::Commands(text, language(field("shell"))),
            (None, Some(name), Some(value)) => Body::Assignment { name, value },
            _ => return false,
        };
        self.consider(&Entry { line, time, body });
        true
    }

    /// The grants, in the order in which they first stood.
    pub(super) fn grants(self) -> Vec<Grant> {
        self.grants
    }

    fn sighted(&mut self, sighting: Sighting<'_>) {
        let rule = &sighting.rule.spec;
        let mut grant = self.grant(&rule.id, &rule.tool, &rule.provider);
        grant.title.clone_from(&rule.summary);
        grant.identity.account = sighting.account;
        grant.identity.host = sighting.host;
        grant.storage = sighting.storage;
        grant.spot = Spot { line: line(sighting.line), key: Some(sighting.key) };
        let credential = credential(sighting.kind, sighting.time);
        self.add(grant, credential, &sighting.secret);
    }

    fn recognised(&mut self, token: &Secret, found: &Match<'_>, at: u64, time: Option<Timestamp>) {
        let rule = &found.shape.rule;
        if !rule.secret {
            return;
        }
        let tool = rule.tool.as_deref().unwrap_or(&found.shape.provider_name);
        let mut grant = self.grant(&rule.id, tool, &found.shape.provider);
        grant.title.clone_from(&rule.summary);
        grant.confidence = self.ceiling.min(found.confidence());
        grant.spot = Spot { line: line(at), key: None };
        // Of a shape that is nobody's alone the words around it told what it is.
        let credential = Credential {
            token_type: Some(rule.id.clone()),
            checksum_ok: found.checksum_ok,
            ..credential(found.kind, time)
        };
        self.add(grant, credential, token);
    }

    fn add(&mut self, mut grant: Grant, mut credential: Credential, secret: &Secret) {
        let fold = self.context.prints.fold(secret);
        let place = grant.spot.line.map_or(Place::Entry(self.entries), Place::Line);
        let is_new_place = self.counted.insert((fold, place));
        if let Some(&known) = self.known.get(&fold) {
            return self.grants[known].seen_again(&grant, &credential, is_new_place);
        }
        let Some(learned) = grant.learn(self.context, secret, &mut credential) else { return };
        if grant.identity.account.is_none() {
            grant.identity.account = learned.decoded;
        }
        super::grants::strike(&mut grant, &[secret]);
        credential.fingerprint = self.context.prints.fingerprint(credential.kind, secret);
        credential.fold = Some(fold);
        grant.credentials.push(credential);
        self.known.insert(fold, self.grants.len());
        self.grants.push(grant);
    }

    fn grant(&self, rule: &str, tool: &str, provider: &str) -> Grant {
        Grant {
            rule: rule.into(),
            tool: tool.into(),
            provider: provider.into(),
            category: self.category.into(),
            title: String::new(),
            confidence: self.ceiling,
            identity: Identity::default(),
            credentials: Vec::new(),
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
}

impl Grant {
    /// The same secret stood in this file again: the earliest time, the first line and the richer identity are kept.
    fn seen_again(&mut self, again: &Self, credential: &Credential, elsewhere: bool) {
        if let Some(mine) = self.credentials.first_mut() {
            mine.occurrences += u32::from(elsewhere);
            mine.issued = match (mine.issued, credential.issued) {
                (Some(mine), Some(other)) => Some(mine.min(other)),
                (mine, other) => mine.or(other),
            };
        }
        let identity = &mut self.identity;
        let told = |mine: &mut Option<String>, other: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(other);
            }
        };
        told(&mut identity.account, &again.identity.account);
        told(&mut identity.host, &again.identity.host);
        told(&mut self.spot.key, &again.spot.key);
    }
}

fn credential(kind: crate::grant::CredentialKind, time: Option<Timestamp>) -> Credential {
    Credential {
        kind,
        name: None,
        account: None,
        fingerprint: None,
        fold: None,
        token_type: None,
        issued: time,
        expires: None,
        checksum_ok: None,
        occurrences: 1,
    }
}

/// 0 stands for "the file has no lines".
fn line(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

fn language(shell: Option<&str>) -> Language {
    match shell {
        Some("fish") => Language::Fish,
        Some("powershell" | "pwsh") => Language::PowerShell,
        _ => Language::Posix,
    }
}
