//! What is known of a grant, without its secret.
//!
//! A [`Grant`] is one delegated identity found in a cache. The secret's text stays behind in the rooms `artifact`, `parse`
//! and `extract`; from here on only fingerprints travel, so nothing downstream *can* leak one.

use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one secret is good for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the field's own terms")]
pub enum CredentialKind {
    OauthAccessToken,
    OauthRefreshToken,
    ApiKey,
    PersonalAccessToken,
    SessionToken,
    Password,
    PrivateKey,
    ServiceAccountKey,
    ClientSecret,
    Certificate,
    IdToken,
    Cookie,
}

impl CredentialKind {
    /// Every kind, in the order of the published schema.
    pub const ALL: [Self; 12] = [
        Self::OauthAccessToken,
        Self::OauthRefreshToken,
        Self::ApiKey,
        Self::PersonalAccessToken,
        Self::SessionToken,
        Self::Password,
        Self::PrivateKey,
        Self::ServiceAccountKey,
        Self::ClientSecret,
        Self::Certificate,
        Self::IdToken,
        Self::Cookie,
    ];

    /// The kebab-case name that rules and reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OauthAccessToken => "oauth-access-token",
            Self::OauthRefreshToken => "oauth-refresh-token",
            Self::ApiKey => "api-key",
            Self::PersonalAccessToken => "personal-access-token",
            Self::SessionToken => "session-token",
            Self::Password => "password",
            Self::PrivateKey => "private-key",
            Self::ServiceAccountKey => "service-account-key",
            Self::ClientSecret => "client-secret",
            Self::Certificate => "certificate",
            Self::IdToken => "id-token",
            Self::Cookie => "cookie",
        }
    }
}

impl FromStr for CredentialKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// How a credential is kept on disk, best understood as "what a thief of the file still needs".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// Readable as it stands.
    Plaintext,
    /// Encoded, or locked with a key that lies beside it or is the same for everyone.
    Obfuscated,
    /// Locked with a key or passphrase that is not in the home.
    Encrypted,
    /// Held by the operating system's credential store.
    Keychain,
    /// Minted or fetched on demand by a credential helper, `exec` plugin or `credential_process`.
    Helper,
}

impl Storage {
    /// The kebab-case name that rules and reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Obfuscated => "obfuscated",
            Self::Encrypted => "encrypted",
            Self::Keychain => "keychain",
            Self::Helper => "helper",
        }
    }
}

impl FromStr for Storage {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Plaintext, Self::Obfuscated, Self::Encrypted, Self::Keychain, Self::Helper]
            .into_iter()
            .find(|storage| storage.as_str() == text)
            .ok_or(())
    }
}

/// How much a grant may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Privilege {
    /// Everything its principal could do, or administration of others.
    Admin,
    /// Changes something.
    Write,
    /// Looks only.
    Read,
    /// Neither the file, the token nor the rule tells.
    #[default]
    Unknown,
}

/// How sure the scan is that a finding is a live-looking credential of the kind it names.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A guess from a name or an unproved layout.
    Low,
    /// The place or the shape tells, not both; or a checksum failed.
    Medium,
    /// The tool's own cache, or a shape with a passing checksum.
    #[default]
    High,
}

/// Who the grant acts as, and through which client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// The principal: an ARN, UPN, e-mail, service account, user name; else a key id or tenant.
    pub account: Option<String>,
    /// Tenant, organisation, project or subscription the principal belongs to.
    pub tenant: Option<String>,
    /// Host or URL the credential is presented to.
    pub host: Option<String>,
    /// Who issued the credential, where the file or the token says so.
    pub issuer: Option<String>,
    /// Whom a token is meant for (`aud`).
    pub audience: Option<String>,
    /// OAuth client registration that holds the grant.
    pub client_id: Option<String>,
    /// Name of that client.
    pub client_name: Option<String>,
    /// What the tool calls this login: profile, context, section, variable.
    pub name: Option<String>,
    /// Whether the tool uses this login now.
    pub active: Option<bool>,
}

/// Compares secrets within one scan under a key that never leaves it; passwords fold even when no fingerprint is reported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FoldKey(pub(crate) [u8; 16]);

/// One secret of a grant, as far as it may be told.
#[derive(Clone)]
pub struct Credential {
    /// What it is good for.
    pub kind: CredentialKind,
    /// What the file calls it, where the grant holds several.
    pub name: Option<String>,
    /// The account of this credential where it differs from the grant's (a key id).
    pub account: Option<String>,
    /// `hk1:…` or `hs1:…`; none where the secret is not in the file or may not be fingerprinted.
    pub fingerprint: Option<String>,
    /// Equality under the scan's private key.
    pub fold: Option<FoldKey>,
    /// Id of the token shape that recognised it.
    pub token_type: Option<String>,
    /// When it was issued, where the file or the token tells.
    pub issued: Option<Timestamp>,
    /// When it ends, where the file or the token tells.
    pub expires: Option<Timestamp>,
    /// Outcome of the shape's offline check; none where the shape has none.
    pub checksum_ok: Option<bool>,
    /// How often it stands in this file.
    pub occurrences: u32,
}

/// Where in a file a grant was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// 1-based line, where the format has lines.
    pub line: Option<u64>,
    /// Path of keys, or command words and option; never a value.
    pub key: Option<String>,
}

/// One delegated identity in one place.
#[derive(Clone)]
pub struct Grant {
    /// Rule that found it (a cache rule, or the command rule or token shape within a history or dotfile).
    pub rule: String,
    /// Tool whose credential it is.
    pub tool: String,
    /// Who issues such credentials.
    pub provider: String,
    /// Folder of the rule (`cloud`, `vcs`, …), or `history` and `dotfile`.
    pub category: String,
    /// One line on what the grant is.
    pub title: String,
    /// How sure.
    pub confidence: Confidence,
    /// Who.
    pub identity: Identity,
    /// With what.
    pub credentials: Vec<Credential>,
    /// Scopes granted.
    pub scopes: Vec<String>,
    /// Roles, groups and certificate organisations.
    pub roles: Vec<String>,
    /// Every further role, cluster, project, registry or profile it opens.
    pub reach: Vec<String>,
    /// How far its scopes, roles or class go.
    pub privilege: Privilege,
    /// How its secrets are kept.
    pub storage: Storage,
    /// Which helper or keychain holds it.
    pub held_by: Option<String>,
    /// Where.
    pub spot: Spot,
    /// What the vendor says of how long each kind lives: `(kind, life)`.
    pub lives: Vec<(CredentialKind, Life)>,
    /// How to end it, placeholders filled.
    pub end: End,
    /// Whether the provider itself publishes the client; none where the rule does not know this client.
    pub first_party: Option<bool>,
    /// Whether its issue time is a token's own claim rather than the file's word.
    pub claimed: bool,
}

/// How long a kind of credential lives, by the vendor's word (durations in seconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// `Some(None)`: never ends by itself. `Some(Some(s))`: ends `s` seconds after issue.
    pub ends: Option<Option<i64>>,
    /// Ends after this many seconds without use.
    pub idle: Option<i64>,
}

/// How to end a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Command that removes it from this machine; often leaves it valid at the provider.
    pub logout: Option<String>,
    /// Page or command that ends it at the provider.
    pub revoke: Option<String>,
    /// Command or page that shows whether it still works.
    pub verify: Option<String>,
    /// A safer way to hold such a grant.
    pub better: Option<String>,
}
