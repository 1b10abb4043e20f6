//! One output of a rule's filter to one grant.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::jwt::{self, Claims};
use super::placeholder::is_placeholder;
use super::secret::{Secret, hex};
use super::time::timestamp;
use super::{Context, ending};
use crate::grant::{
    Confidence, Credential, CredentialKind, End, Grant, Identity, Life, Privilege, Spot, Storage,
};
use crate::parse::{self, x509};
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
    confidence: Option<Confidence>,
    kind: Option<CredentialKind>,
    #[serde(deserialize_with = "secret")]
    secret: Option<Secret>,
    #[serde(deserialize_with = "text")]
    from: Option<String>,
    credentials: Option<Vec<RawCredential>>,
    /// It is a finding without a secret: what it names must not be in an image at all.
    #[serde(skip)]
    pub(super) is_mark: bool,
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
    /// The certificate that `from` led to.
    #[serde(skip)]
    certificate: Option<Value>,
    /// Whether the key that `from` led to, if it did, is locked with a passphrase.
    #[serde(skip)]
    locked: Option<bool>,
}

/// A credential whose secret lies in another file.
pub(super) struct Pointer<'p> {
    /// The file, as the cache names it.
    pub(super) path: String,
    credential: &'p mut RawCredential,
}

impl Pointer<'_> {
    /// Takes over what the file holds: a certificate's own words, the first private key, else the trimmed text; of a script
    /// nothing. True if the grant's secret lies there.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> bool {
        if self.credential.kind == Some(CredentialKind::Certificate) {
            self.credential.certificate = x509::certificate(bytes);
            return false;
        }
        let text = parse::decode_text(bytes);
        // A script fetches the secret from where it is.
        if text.starts_with("#!") {
            return false;
        }
        if !text.contains("-----BEGIN ") {
            self.credential.secret = Some(Secret::new(text.trim().to_owned()));
            return true;
        }
        let Some(key) = parse::private_key(bytes) else { return false };
        self.credential.locked = Some(key["encrypted"] == true);
        if self.credential.account.is_none() {
            self.credential.account = key["comment"].as_str().map(str::to_owned);
        }
        self.credential.secret = key["pem"].as_str().map(|pem| Secret::new(pem.to_owned()));
        true
    }
}

/// A grant while its secrets are still at hand.
pub(super) struct Draft {
    pub(super) grant: Grant,
    pub(super) secrets: Vec<Secret>,
    /// Whose a token's shape says it is: the account where nothing else tells.
    decoded: Option<String>,
}

/// What became of an output.
pub(super) enum Drafted {
    /// A grant.
    Grant(Box<Draft>),
    /// Every secret of it turned out to be a placeholder, a reference or public: understood, and nothing to report.
    Nothing,
    /// It names no secret and no keeper: nothing was understood.
    Empty,
}

impl RawGrant {
    /// Reads an output; none if it is not an object of the keys above.
    pub(super) fn read(output: Value) -> Option<Self> {
        serde_json::from_value(output).ok()
    }

    /// The files that hold its secrets and certificates, as the cache names them.
    pub(super) fn followed(&mut self) -> impl Iterator<Item = Pointer<'_>> {
        self.fold_single();
        self.credentials.iter_mut().flatten().filter_map(|credential| {
            let path = credential.from.take()?;
            Some(Pointer { path, credential })
        })
    }

    /// `kind`, `secret` and `from` of the grant itself are its first credential.
    fn fold_single(&mut self) {
        if self.kind.is_none() && self.secret.is_none() && self.from.is_none() {
            return;
        }
        let single = RawCredential {
            kind: self.kind.take(),
            secret: self.secret.take(),
            from: self.from.take(),
            ..RawCredential::default()
        };
        self.credentials.get_or_insert_default().insert(0, single);
    }

    /// Judges the secrets, and says what became of the output.
    pub(super) fn draft(mut self, context: &Context<'_>, rule: &CacheRule) -> Drafted {
        let credentials = self.take_credentials();
        let storage = self.storage_of(&credentials);
        let held = matches!(storage, Storage::Keychain | Storage::Helper | Storage::Encrypted);
        let told = credentials.iter().any(|credential| credential.secret.is_some());
        let named = !credentials.is_empty();
        let may_be_bare = held || self.is_mark;
        let mut draft =
            Draft { grant: self.grant(rule, storage), secrets: Vec::new(), decoded: None };
        for credential in credentials {
            draft.add(context, rule, credential, held);
        }
        draft.drop_lone_certificates();
        if draft.grant.credentials.is_empty() && (named || !may_be_bare) {
            return if told { Drafted::Nothing } else { Drafted::Empty };
        }
        draft.certify();
        draft.grant.client(rule);
        Drafted::Grant(Box::new(draft))
    }

    /// A followed key tells itself whether it is locked; a rule that calls it obfuscated says that the passphrase is at hand.
    fn storage_of(&self, credentials: &[RawCredential]) -> Storage {
        let opens = self.storage == Some(Storage::Obfuscated);
        match credentials.iter().filter_map(|credential| credential.locked).max() {
            Some(true) if !opens => Storage::Encrypted,
            Some(false) if opens => Storage::Plaintext,
            _ => self.storage.unwrap_or(Storage::Plaintext),
        }
    }

    fn take_credentials(&mut self) -> Vec<RawCredential> {
        self.fold_single();
        let mut credentials = self.credentials.take().unwrap_or_default();
        let only = credentials.len() == 1;
        for credential in &mut credentials {
            credential.issued = credential.issued.or(self.issued);
            credential.expires = credential.expires.or(self.expires.filter(|_| only));
            if let Some(certificate) = &credential.certificate {
                let subject = &certificate["subject"];
                fill(&mut self.account, subject["CN"].as_str().map(str::to_owned));
                if self.roles.is_empty() {
                    let organisations = subject["O"].as_array().into_iter().flatten();
                    self.roles =
                        organisations.filter_map(|name| name.as_str().map(str::to_owned)).collect();
                }
                credential.issued = timestamp(&certificate["not_before"]);
                credential.expires = timestamp(&certificate["not_after"]);
            }
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
                None => self.confidence.unwrap_or_default(),
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
            first_party: None,
            claimed: false,
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
        let secret = secret.into_used();
        if is_placeholder(secret.expose()) || is_public(rule, &secret) {
            return;
        }
        let Some(learned) = self.grant.learn(context, &secret, &mut credential) else { return };
        if self.decoded.is_none() {
            self.decoded = learned.decoded;
        }
        // What is locked is known again by its ciphertext, but that is no secret anyone can use.
        if self.grant.storage != Storage::Encrypted {
            credential.fingerprint = context.prints.fingerprint(credential.kind, &secret);
        }
        credential.fold = Some(context.prints.fold(&secret));
        self.grant.credentials.push(credential);
        self.secrets.push(secret);
    }

    /// A certificate is public: without the key it belongs to, which lies elsewhere or is gone, it opens nothing.
    fn drop_lone_certificates(&mut self) {
        let held = self.grant.storage != Storage::Plaintext;
        let lone = |credential: &Credential| {
            credential.kind == CredentialKind::Certificate && credential.fingerprint.is_none()
        };
        if !held && self.grant.credentials.iter().all(lone) {
            self.grant.credentials.clear();
        }
    }

    /// A key ends with the certificate beside it: the certificate is public, its dates are the key's.
    fn certify(&mut self) {
        let credentials = &mut self.grant.credentials;
        let is_certificate = |credential: &Credential| {
            credential.kind == CredentialKind::Certificate && credential.fingerprint.is_none()
        };
        let Some(at) = credentials.iter().position(is_certificate) else { return };
        let Some(key) =
            credentials.iter().position(|credential| credential.kind == CredentialKind::PrivateKey)
        else {
            return;
        };
        let (issued, expires) = (credentials[at].issued, credentials[at].expires);
        credentials[key].issued = credentials[key].issued.or(issued);
        credentials[key].expires = credentials[key].expires.or(expires);
        credentials.retain(|credential| !is_certificate(credential));
    }

    /// Fills in what the vendor says where neither file nor token told, and the ways to end it. Comes after secrets were struck.
    pub(super) fn finish(mut self, rule: &CacheRule) -> Grant {
        let grant = &mut self.grant;
        fill(&mut grant.identity.account, self.decoded.take());
        if let Some(default) = rule.scope.as_ref().filter(|_| grant.is_login())
            && grant.scopes.is_empty()
            && grant.roles.is_empty()
        {
            grant.scopes.clone_from(&default.assume);
            if grant.privilege == Privilege::Unknown {
                grant.privilege = default.privilege.unwrap_or_default();
            }
        }
        grant.end = ending::fill(rule, grant);
        self.grant
    }
}

/// What a secret says that is the last word on nothing.
pub(super) struct Learned {
    /// The account that its shape carries.
    pub(super) decoded: Option<String>,
}

impl Grant {
    /// Takes over what a token says of itself: its shape's kind where that is unmistakable, its claims where the rule left
    /// something open. None if its shape is known to be public.
    pub(super) fn learn(
        &mut self,
        context: &Context<'_>,
        secret: &Secret,
        credential: &mut Credential,
    ) -> Option<Learned> {
        let identity = &mut self.identity;
        let mut decoded = None;
        let told = format!("{} {}", self.provider, identity.name.as_deref().unwrap_or_default());
        if let Some(token) = context.pack.tokens.classify_near(secret.expose(), &told) {
            let rule = &token.shape.rule;
            if !rule.secret && rule.storage.is_none() {
                return None;
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
            decoded = token.account;
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
        Some(Learned { decoded })
    }

    /// Whether it came about by a login through the tool: what the vendor says of logins is not so of keys put there by hand.
    fn is_login(&self) -> bool {
        use CredentialKind as Kind;
        let by_hand = |credential: &Credential| {
            matches!(
                credential.kind,
                Kind::ServiceAccountKey
                    | Kind::PersonalAccessToken
                    | Kind::PrivateKey
                    | Kind::Password
            )
        };
        self.credentials.is_empty() || !self.credentials.iter().all(by_hand)
    }

    fn client(&mut self, rule: &CacheRule) {
        let Some(client) = rule.client.as_ref().filter(|_| self.is_login()) else { return };
        let identity = &self.identity;
        let differs = |told: &Option<String>, known: Option<&String>| {
            told.as_ref().is_some_and(|told| Some(told) != known)
        };
        // A file may hold logins through another client beside the tool's own.
        if !differs(&identity.client_id, client.id.as_ref())
            && !differs(&identity.client_name, Some(&client.name))
        {
            fill(&mut self.identity.client_id, client.id.clone());
            fill(&mut self.identity.client_name, Some(client.name.clone()));
            self.first_party = Some(client.first_party);
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
    let Some(client) = rule.client.as_ref().filter(|client| !client.public_secrets.is_empty())
    else {
        return false;
    };
    let digest = hex(&Sha256::digest(secret.expose()));
    client.public_secrets.contains(&digest)
}

/// Whether it is the published secret of any tool's client.
pub(super) fn is_public_client(context: &Context<'_>, secret: &Secret) -> bool {
    context.pack.rules().iter().any(|loaded| is_public(&loaded.rule, secret))
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
