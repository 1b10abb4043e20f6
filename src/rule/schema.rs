//! The shape of rule files. These types are the contract with rule authors; `nhi-scan schema rule` is derived from them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::seconds;
use crate::grant::{CredentialKind, Life, Privilege};

/// One YAML file under `rules/caches/<category>/`: how one tool keeps its credentials on disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// File stem and fixture folder.
    pub id: String,
    /// The tool's name as its users say it.
    pub tool: String,
    /// Who issues the credentials; kebab-case.
    pub provider: String,
    /// Name of the folder the file lies in.
    pub category: String,
    /// One sentence: what a holder of the grant can do.
    pub summary: String,
    /// Vendor pages or source files the facts come from.
    #[serde(default)]
    pub references: Vec<String>,
    /// What the facts rest on.
    #[serde(default)]
    pub confirmed: Option<Confirmed>,
    /// `experimental` where the facts rest on nothing confirmed.
    #[serde(default)]
    pub status: Option<Status>,
    /// OAuth client through which the tool logs in.
    #[serde(default)]
    pub client: Option<Client>,
    /// Where, in what syntax, and which grants.
    pub caches: Vec<Cache>,
    /// Environment variables that carry a credential of this tool: name -> kind. One `*` stands for any part of the name.
    #[serde(default)]
    pub env_tokens: BTreeMap<String, CredentialKind>,
    /// What the vendor says of lifetimes, where the file does not.
    #[serde(default)]
    pub lifetime: BTreeMap<CredentialKind, Lifetime>,
    /// What a login grants when file and token say nothing.
    #[serde(default)]
    pub scope: Option<ScopeDefault>,
    /// How to end a grant.
    #[serde(default)]
    pub end: EndTemplate,
    /// A safer way to hold it.
    #[serde(default)]
    pub better: Option<String>,
    /// Inline tests.
    #[serde(default)]
    pub tests: Vec<RuleTest>,
}

/// What a rule's facts rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmed {
    /// The tool was run and wrote the file.
    Tool,
    /// The tool's source was read.
    Source,
    /// The vendor's documentation says so.
    Docs,
}

/// Standing of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Its findings are shown as unproved (confidence `low`).
    Experimental,
}

/// An OAuth client registration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Client id.
    pub id: Option<String>,
    /// Its name at the provider.
    pub name: String,
    /// Whether the provider itself publishes the client.
    #[serde(default)]
    pub first_party: bool,
    /// SHA-256 (hex) of client secrets that are printed in the tool's source and so are no credentials.
    #[serde(default)]
    pub public_secrets: Vec<String>,
}

/// Places of one syntax.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// `~/x` below any home, `/etc/x` below the scanned root, `**/x` anywhere.
    pub paths: Vec<String>,
    /// Variable that moves the file -> path below its value (`""`: the value names the file; `:` lists allowed).
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Name of a `parse::FORMATS` entry.
    pub format: String,
    /// Flavour of the format.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// Tables to read, for `sqlite`.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Literal that must stand in the first 4 KiB.
    #[serde(default)]
    pub sniff: Option<String>,
    /// Places that match `paths` and are others' (`**/.env.example`).
    #[serde(default)]
    pub except: Vec<String>,
    /// Sibling files: variable name -> where and what.
    #[serde(default)]
    pub beside: BTreeMap<String, Beside>,
    /// jq filter; each output is one grant.
    #[serde(default)]
    pub grants: Option<String>,
    /// jq filter; each output is the path of a further file of this syntax, which is read as the cache itself wherever it lies.
    #[serde(default)]
    pub includes: Option<String>,
    /// `true` where the format itself yields commands; else a jq filter whose outputs are
    /// `{text, time?, line?, shell?}` or `{name, value, ...}`.
    #[serde(default)]
    pub commands: Option<Commands>,
    /// What a commands cache is: decides `category`, the issue kind and the exposure of its findings.
    #[serde(default)]
    pub holds: Option<Holds>,
    /// A document without grants is normal here, not a layout we do not know.
    #[serde(default)]
    pub may_be_empty: bool,
    /// Grants are in old or second copies that the tool keeps itself.
    #[serde(default)]
    pub backup: bool,
    /// What its grants mean where machines are made from what is scanned: in an image, below `--root`.
    #[serde(default)]
    pub golden: Option<Golden>,
}

/// What a grant means where machines are made from what holds it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The kind of issue, a key of `controls.yaml`.
    pub issue: String,
    /// The cache is asked only there: on a machine that runs it is as it should be.
    #[serde(default)]
    pub only: bool,
}

/// A sibling file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Relative to the cache's folder, or `~/…` of the same home; `{name}` and `{stem}` are those of the cache's own file.
    pub path: String,
    /// Name of a format.
    pub format: String,
    /// Flavour of the format.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// Tables to read, for `sqlite`.
    #[serde(default)]
    pub tables: Vec<String>,
}

/// Whether and how a cache yields commands.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Commands {
    /// The format yields entries.
    Format(bool),
    /// A filter yields them from a document.
    Filter(String),
}

/// What a file of commands is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// What a person typed.
    History,
    /// Start-up files, scripts, `.env`, unit files.
    Dotfile,
}

/// Flavours of a syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the name of the program whose flavour it is")]
pub enum Dialect {
    Aws,
    Git,
    Npm,
    Mysql,
    Bash,
    Zsh,
    Fish,
    Powershell,
    Readline,
    Psql,
    PromptToolkit,
    Systemd,
    Crontab,
    Environment,
    FishVariables,
}

/// What the vendor says of one kind's life.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// `never`, or a duration after issue (`12h`, `90d`).
    pub ends: Option<String>,
    /// Ends after this long without use (`365d`).
    pub idle: Option<String>,
}

impl Lifetime {
    /// In seconds; a malformed duration, which `rules check` refuses, says nothing.
    pub fn life(&self) -> Life {
        let ends = match self.ends.as_deref() {
            Some("never") => Some(None),
            Some(text) => seconds(text).map(Some),
            None => None,
        };
        Life { ends, idle: self.idle.as_deref().and_then(seconds) }
    }
}

/// What a login grants when nothing tells.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeDefault {
    /// Scopes the tool asks for.
    #[serde(default)]
    pub assume: Vec<String>,
    /// How far they go.
    #[serde(default)]
    pub privilege: Option<Privilege>,
}

/// How to end a grant; `{account}` and other non-secret fields of the grant may be named.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndTemplate {
    /// Command on this machine.
    pub logout: Option<String>,
    /// Page or command at the provider.
    pub revoke: Option<String>,
    /// How to see that it is gone.
    pub verify: Option<String>,
    /// Whether the logout also ends the credential at the provider, so that it has to run while the credential still works.
    #[serde(default)]
    pub logout_revokes: Option<bool>,
    /// What to change instead, for kinds of credentials that nothing at the provider ends: a password, a certificate's key.
    #[serde(default)]
    pub rotate: BTreeMap<CredentialKind, String>,
    /// What a logout leaves here or at the provider: client registrations, copies, minted credentials that live on.
    #[serde(default)]
    pub survives: Vec<String>,
}

/// One inline test of a cache rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTest {
    /// The file's text. `<N>` stands for N random base-62 characters, `<hex:N>`, `<digits:N>`, `<b64:N>`, `<upper:N>` likewise,
    /// `<jwt:{claims}>` for a token, `<crc:PREFIX>` for a GitHub-style token with a valid checksum.
    pub file: String,
    /// Path of the file below the home; the first of `caches.paths` with its globs filled, otherwise.
    #[serde(default)]
    pub path: Option<String>,
    /// Index of the cache under test, where `path` is not given.
    #[serde(default)]
    pub cache: usize,
    /// Further files of the home: path -> text.
    #[serde(default)]
    pub beside: BTreeMap<String, String>,
    /// Environment of the scan.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Octal mode of the file.
    #[serde(default)]
    pub mode: Option<String>,
    /// RFC 3339 clock of the scan.
    #[serde(default)]
    pub now: Option<String>,
    /// What must come out.
    pub expect: Expect,
}

/// What a test expects.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Expect {
    /// A skip reason (`malformed`, `unrecognised`), or `nothing`.
    Word(String),
    /// Exactly these grants, in this order; each is a subset of the fields told of one.
    Grants(Vec<BTreeMap<String, serde_json::Value>>),
}
