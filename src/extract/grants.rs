//! One output of a rule's filter to one grant.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::placeholder::is_placeholder;
use super::secret::{Secret, hex};
use super::time::timestamp;
use super::jwt::{self, Claims};
use super::{Context, ending};
use crate::grant::{
    Confidence, Credential, CredentialKind, End, Grant, Identity, Life, Privilege, Spot, Storage,
};
use crate::rule::schema::{CacheRule, Status};

/// What a `grants` filter may put out: one login.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawGrant {
    #[serde(deserialize_with = "text")]
    account: Option<String>,
    #[serde(deserialize_with = "text")]
    tenant: Option<String>,
    #[serde(deserialize_with = "text")]
    host: Option<String>,
    #[serde(deserialize_with = "text")]
    issuer: Option<String>,
    #[serde(deserialize_with = "text")]
    audience: Option<String>,
    #[serde(deserialize_with = "text")]
    client_id: Option<String>,
    #[serde(deserialize_with = "text")]
    client_name: Option<String>,
    #[serde(deserialize_with = "words")]
    scopes: Vec<String>,
    #[serde(deserialize_with = "list")]
    roles: Vec<String>,
    #[serde(deserialize_with = "list")]
    reach: Vec<String>,
    #[serde(deserialize_with = "time")]
    issued: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    expires: Option<Timestamp>,
    storage: Option<Storage>,
    #[serde(deserialize_with = "text")]
    held_by: Option<String>,
    #[serde(deserialize_with = "flag")]
    active: Option<bool>,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    at: Option<String>,
    line: Option<u64>,
    privilege: Option<Privilege>,
    kind: Option<CredentialKind>,
    #[serde(deserialize_with = "secret")]
    secret: Option<Secret>,
    #[serde(deserialize_with = "text")]
    from: Option<String>,
    credentials: Option<Vec<RawCredential>>,
}

/// One secret of a [`RawGrant`].
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCredential {
    kind: Option<CredentialKind>,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    account: Option<String>,
    #[serde(deserialize_with = "secret")]
    secret: Option<Secret>,
    #[serde(deserialize_with = "text")]
    from: Option<String>,
    #[serde(deserialize_with = "time")]
    issued: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    expires: Option<Timestamp>,
}

/// A grant while its secrets are still at hand.
pub(super) struct Draft {
    pub(super) grant: Grant,
    pub(super) secrets: Vec<Secret>,
}

/// A key or token file that a cache points to.
pub(super) struct Followed {
    /// Its secret; none where it is locked with a passphrase.
    pub(super) secret: Option<Secret>,
}

impl RawGrant {
    /// Reads an output; none if it is not an object of the keys above.
    pub(super) fn read(output: Value) -> Option<Self> {
        serde_json::from_value(output).ok()
    }

    /// The file that holds the secret, as the cache names it.
    pub(super) fn from(&self) -> Option<&str> {
        let listed = self.credentials.iter().flatten().find_map(|credential| credential.from.as_deref());
        self.from.as_deref().or(listed)
    }

    /// The grant; none where every secret of it turned out to be a placeholder, a reference or public.
    pub(super) fn draft(
        mut self,
        context: &Context<'_>,
        rule: &CacheRule,
        followed: Option<Followed>,
    ) -> Option<Draft> {
        let credentials = self.take_credentials();
        let held = matches!(self.storage, Some(Storage::Keychain | Storage::Helper | Storage::Encrypted));
        let locked = followed.as_ref().is_some_and(|file| file.secret.is_none());
        let named = !credentials.is_empty();
        let storage = if locked { Storage::Encrypted } else { self.storage.unwrap_or(Storage::Plaintext) };
        let mut draft = Draft { grant: self.grant(rule, storage), secrets: Vec::new() };
        let mut followed = followed.and_then(|file| file.secret);
        for mut credential in credentials {
            if credential.from.is_some() {
                credential.secret = followed.take();
            }
            draft.add(context, rule, credential, held || locked);
        }
        if draft.grant.credentials.is_empty() && (named || !held) {
            return None;
        }
        draft.grant.client(rule);
        Some(draft)
    }

    fn take_credentials(&mut self) -> Vec<RawCredential> {
        let single = self.kind.is_some() || self.secret.is_some() || self.from.is_some();
        let mut credentials = self.credentials.take().unwrap_or_default();
        if single {
            credentials.push(RawCredential {
                kind: self.kind,
                secret: self.secret.take(),
                from: self.from.take(),
                ..RawCredential::default()
            });
        }
        let only = credentials.len() == 1;
        for credential in &mut credentials {
            credential.issued = credential.issued.or(self.issued);
            credential.expires = credential.expires.or(self.expires.filter(|_| only));
        }
        credentials
    }

    fn grant(self, rule: &CacheRule, storage: Storage) -> Grant {
        Grant {
            rule: rule.id.clone(),
            tool: rule.tool.clone(),
            provider: rule.provider.clone(),
            category: rule.category.clone(),
            title: rule.summary.clone(),
            confidence: match rule.status {
                Some(Status::Experimental) => Confidence::Low,
                None => Confidence::High,
            },
            identity: Identity {
                account: self.account,
                tenant: self.tenant,
                host: self.host,
                issuer: self.issuer,
                audience: self.audience,
                client_id: self.client_id,
                client_name: self.client_name,
                name: self.name,
                active: self.active,
            },
            credentials: Vec::new(),
            scopes: self.scopes,
            roles: self.roles,
            reach: self.reach,
            privilege: self.privilege.unwrap_or_default(),
            storage,
            held_by: self.held_by,
            spot: Spot { line: self.line, key: self.at },
            lives: lives(rule),
            end: End::default(),
            claimed: false,
            better: rule.better.clone(),
        }
    }
}

impl Draft {
    /// Judges one secret by what it says of itself, and adds it if it is a credential.
    fn add(&mut self, context: &Context<'_>, rule: &CacheRule, raw: RawCredential, held: bool) {
        let mut credential = Credential {
            kind: raw.kind.unwrap_or(CredentialKind::ApiKey),
            name: raw.name,
            account: raw.account,
            fingerprint: None,
            fold: None,
            token_type: None,
            issued: raw.issued,
            expires: raw.expires,
            checksum_ok: None,
            occurrences: 1,
        };
        let Some(secret) = raw.secret else {
            if held || raw.kind == Some(CredentialKind::Certificate) {
                self.grant.credentials.push(credential);
            }
            return;
        };
        let secret = secret.as_used();
        if is_placeholder(secret.expose()) || is_public(rule, &secret) {
            return;
        }
        if !self.grant.learn(context, &secret, &mut credential) {
            return;
        }
        credential.fingerprint = context.prints.fingerprint(credential.kind, &secret);
        credential.fold = Some(context.prints.fold(&secret));
        self.grant.credentials.push(credential);
        self.secrets.push(secret);
    }

    /// Fills in what the vendor says where neither file nor token told, and the ways to end it. Comes after secrets were struck.
    pub(super) fn finish(mut self, rule: &CacheRule) -> Grant {
        let grant = &mut self.grant;
        if let Some(default) = &rule.scope {
            if grant.scopes.is_empty() && grant.roles.is_empty() {
                grant.scopes.clone_from(&default.assume);
                if grant.privilege == Privilege::Unknown {
                    grant.privilege = default.privilege.unwrap_or_default();
                }
            }
        }
        grant.end = ending::fill(&rule.end, grant);
        self.grant
    }
}

impl Grant {
    /// Takes over what a token says of itself: its shape's kind where that is unmistakable, its claims where the rule left
    /// something open. False if its shape is known to be public.
    pub(super) fn learn(
        &mut self,
        context: &Context<'_>,
        secret: &Secret,
        credential: &mut Credential,
    ) -> bool {
        let identity = &mut self.identity;
        let told = format!("{} {}", self.provider, identity.name.as_deref().unwrap_or_default());
        if let Some(token) = context.pack.tokens.classify_near(secret.expose(), &told) {
            let rule = &token.shape.rule;
            if !rule.secret && rule.storage.is_none() {
                return false;
            }
            if token.unmistakable() {
                credential.kind = token.kind;
            }
            self.confidence = self.confidence.min(match token.checksum_ok {
                Some(false) => Confidence::Medium,
                _ => Confidence::High,
            });
            credential.token_type = Some(rule.id.clone());
            credential.checksum_ok = token.checksum_ok;
            credential.issued = credential.issued.or(token.issued);
            credential.expires = credential.expires.or(token.expires);
            if self.scopes.is_empty() {
                self.scopes = token.scopes;
            }
            if self.privilege == Privilege::Unknown {
                self.privilege = token.privilege.unwrap_or_default();
            }
            if !self.lives.iter().any(|(kind, _)| *kind == credential.kind) {
                self.lives.push((credential.kind, token.shape.life));
            }
            fill(&mut identity.account, token.account);
        }
        if let Some(claims) = jwt::claims(secret.expose()).map(|claims| Claims::of(&claims)) {
            self.claimed |= credential.issued.is_none() && claims.issued.is_some();
            credential.issued = credential.issued.or(claims.issued);
            credential.expires = credential.expires.or(claims.expires);
            fill(&mut identity.account, claims.account);
            fill(&mut identity.issuer, claims.issuer);
            fill(&mut identity.audience, claims.audience);
            fill(&mut identity.client_id, claims.client_id);
            fill(&mut identity.tenant, claims.tenant);
            if self.scopes.is_empty() {
                self.scopes = claims.scopes;
            }
            if self.roles.is_empty() {
                self.roles = claims.roles;
            }
        }
        true
    }

    fn client(&mut self, rule: &CacheRule) {
        let Some(client) = &rule.client else { return };
        let same = self.identity.client_id.is_none() || self.identity.client_id == client.id;
        if same {
            fill(&mut self.identity.client_id, client.id.clone());
            fill(&mut self.identity.client_name, Some(client.name.clone()));
        }
    }
}

/// Nulls every non-secret output that equals a secret of the file, or contains one of 8 bytes or more.
pub(super) fn strike(grant: &mut Grant, secrets: &[&Secret]) {
    let tells = |text: &str| {
        secrets.iter().map(|secret| secret.expose()).any(|secret| {
            !secret.is_empty() && (text == secret || (secret.len() >= 8 && text.contains(secret)))
        })
    };
    let identity = &mut grant.identity;
    let mut single = vec![
        &mut identity.account,
        &mut identity.tenant,
        &mut identity.host,
        &mut identity.issuer,
        &mut identity.audience,
        &mut identity.client_id,
        &mut identity.client_name,
        &mut identity.name,
        &mut grant.held_by,
        &mut grant.spot.key,
    ];
    for credential in &mut grant.credentials {
        single.extend([&mut credential.name, &mut credential.account]);
    }
    for text in single {
        if text.as_deref().is_some_and(tells) {
            *text = None;
        }
    }
    for list in [&mut grant.scopes, &mut grant.roles, &mut grant.reach] {
        list.retain(|text| !tells(text));
    }
}

fn is_public(rule: &CacheRule, secret: &Secret) -> bool {
    let Some(client) = rule.client.as_ref().filter(|client| !client.public_secrets.is_empty()) else {
        return false;
    };
    let digest = hex(&Sha256::digest(secret.expose()));
    client.public_secrets.contains(&digest)
}

fn lives(rule: &CacheRule) -> Vec<(CredentialKind, Life)> {
    rule.lifetime.iter().map(|(kind, life)| (*kind, life.life())).collect()
}

fn fill(open: &mut Option<String>, told: Option<String>) {
    if open.is_none() {
        *open = told;
    }
}

/// Text or a number; anything else, and nothing, is null.
fn text<'d, D: Deserializer<'d>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(plain(Value::deserialize(from)?))
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn flag<'d, D: Deserializer<'d>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(Value::deserialize(from)?.as_bool())
}

fn time<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(timestamp(&Value::deserialize(from)?))
}

/// A list of texts, or one text.
fn list<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(items) => unique(items.into_iter().filter_map(plain)),
        single => plain(single).into_iter().collect(),
    })
}

/// A list of texts, or texts in one with spaces or commas between them.
fn words<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(items) => unique(items.into_iter().filter_map(plain)),
        single => {
            let joined = plain(single).unwrap_or_default();
            let split = joined.split([' ', ',', '\n']).filter(|word| !word.is_empty());
            unique(split.map(str::to_owned))
        }
    })
}

fn unique(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

fn secret<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(Secret::new(text)),
        Value::Number(number) => Some(Secret::new(number.to_string())),
        _ => None,
    })
}
