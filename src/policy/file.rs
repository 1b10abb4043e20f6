//! A policy file as it is written.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::grant::{CredentialKind, Storage};

/// A policy file. All keys may be left out but `version`; what is left out keeps the built-in value.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Version of this shape: 1.
    pub version: u32,
    /// Longest age and longest life in days, by kind; replaces kind by kind.
    #[serde(default)]
    pub max_age: BTreeMap<CredentialKind, u32>,
    /// Whether a grant may renew itself without a person; replaces.
    pub refresh_tokens: Option<bool>,
    /// Kinds of credentials that may have no end; replaces.
    pub endless: Option<Vec<CredentialKind>>,
    /// Ways of keeping that are no issue; replaces.
    pub storage: Option<Vec<Storage>>,
    /// OAuth client ids that may hold a grant, empty for any; replaces.
    pub clients: Option<Vec<String>>,
    /// Providers of which a grant may be held, empty for any; replaces.
    pub providers: Option<Vec<String>>,
    /// Scopes that may be granted, `*` for any part of one, empty for any; replaces.
    pub scopes: Option<Vec<String>>,
    /// What differs for one provider; replaces provider by provider and key by key.
    #[serde(default)]
    pub by_provider: BTreeMap<String, ProviderLimits>,
    /// Most further roles, clusters or projects that one grant may open.
    pub reach: Option<u32>,
    /// Days after which a renewable cache that nobody rewrote counts as unused.
    pub unused: Option<u32>,
    /// Least total of each band; replaces.
    pub severity: Option<Bands>,
    /// How far scopes and roles go; adds.
    #[serde(default)]
    pub privilege: PrivilegeWords,
    /// Account and profile names that point to an administrator; adds.
    #[serde(default)]
    pub administrators: Vec<String>,
    /// Words that tell production from test; adds.
    #[serde(default)]
    pub environments: EnvironmentWords,
    /// Bounds of exceptions; replaces.
    pub exceptions: Option<Bounds>,
    /// What does not count; replaces.
    pub ignore: Option<Ignore>,
}

/// What differs for one provider. What is left out is as for all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderLimits {
    /// Longest age and longest life in days, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub max_age: BTreeMap<CredentialKind, u32>,
    /// Whether a grant may renew itself without a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_tokens: Option<bool>,
    /// Kinds of credentials that may have no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endless: Option<Vec<CredentialKind>>,
    /// Ways of keeping that are no issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Vec<Storage>>,
    /// OAuth client ids that may hold a grant, empty for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<String>>,
    /// Scopes that may be granted, empty for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

/// Least total of each band.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of `Severity`")]
pub struct Bands {
    pub critical: u8,
    pub high: u8,
    pub medium: u8,
    pub low: u8,
}

/// Names and words of scopes and roles, by how far they go.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrivilegeWords {
    /// Everything the principal could do, or administration of others.
    pub admin: Words,
    /// Changes something.
    pub write: Words,
    /// Looks only.
    pub read: Words,
}

/// How one level is recognised.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Words {
    /// A whole scope or its last segment after `/`.
    pub names: Vec<String>,
    /// A word within a scope.
    pub words: Vec<String>,
}

/// Words in the names of places.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentWords {
    /// Where it counts.
    pub production: Vec<String>,
    /// Where it is tried.
    pub test: Vec<String>,
}

/// Bounds of exceptions, in days.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Longest from granted to expires.
    pub longest: u32,
    /// How long before its end the report warns.
    pub warn: u32,
}

/// Findings that do not count.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ignore {
    /// Rule ids.
    pub rules: Vec<String>,
    /// Globs over the path; `~/` is below any home.
    pub paths: Vec<String>,
}

impl PolicyFile {
    /// Puts another file over this one: what it names replaces, kind by kind where there are kinds; names and words add.
    pub(super) fn put_over(&mut self, file: Self) {
        self.version = file.version;
        self.max_age.extend(file.max_age);
        replace(&mut self.refresh_tokens, file.refresh_tokens);
        replace(&mut self.endless, file.endless);
        replace(&mut self.storage, file.storage);
        replace(&mut self.clients, file.clients);
        replace(&mut self.providers, file.providers);
        replace(&mut self.scopes, file.scopes);
        for (provider, limits) in file.by_provider {
            self.by_provider.entry(provider).or_default().put_over(limits);
        }
        replace(&mut self.reach, file.reach);
        replace(&mut self.unused, file.unused);
        replace(&mut self.severity, file.severity);
        replace(&mut self.exceptions, file.exceptions);
        replace(&mut self.ignore, file.ignore);
        self.privilege.add(file.privilege);
        add(&mut self.administrators, file.administrators);
        add(&mut self.environments.production, file.environments.production);
        add(&mut self.environments.test, file.environments.test);
    }
}

impl ProviderLimits {
    fn put_over(&mut self, limits: Self) {
        self.max_age.extend(limits.max_age);
        replace(&mut self.refresh_tokens, limits.refresh_tokens);
        replace(&mut self.endless, limits.endless);
        replace(&mut self.storage, limits.storage);
        replace(&mut self.clients, limits.clients);
        replace(&mut self.scopes, limits.scopes);
    }
}

impl PrivilegeWords {
    /// Takes what is added out of the other levels: of two files the later holds, of two levels of one file the wider.
    fn add(&mut self, more: Self) {
        let mut levels = [&mut self.read, &mut self.write, &mut self.admin];
        for (at, added) in [more.read, more.write, more.admin].into_iter().enumerate() {
            let lower = |list: &[String]| -> BTreeSet<String> {
                list.iter().map(|name| name.to_lowercase()).collect()
            };
            let (names, words) = (lower(&added.names), lower(&added.words));
            for level in &mut levels {
                level.names.retain(|name| !names.contains(&name.to_lowercase()));
                level.words.retain(|word| !words.contains(&word.to_lowercase()));
            }
            levels[at].names.extend(added.names);
            levels[at].words.extend(added.words);
        }
    }
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

fn add(known: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !known.contains(&name) {
            known.push(name);
        }
    }
}
