//! Policy: the limits by which findings are judged, as data (`rules/policy.yaml`).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::grant::{CredentialKind, Privilege, Storage};
use crate::parse::Malformed;
use crate::report::Severity;

/// The limits in force. Every credential kind has a maximum age of at least one day; the bands of severity rise.
#[derive(Clone, Debug)]
pub struct Policy {
    max_age: BTreeMap<CredentialKind, u32>,
    storage: Vec<Storage>,
    clients: Vec<String>,
    severity: Bands,
    privilege: Privileges,
    administrators: BTreeSet<String>,
    environments: Environments,
    /// Most further roles, clusters or projects that one grant may open.
    pub reach: u32,
    /// Days after which a renewable cache that nobody rewrote counts as unused.
    pub unused: u32,
    /// How exceptions are bounded.
    pub exceptions: Exceptions,
    /// What does not count.
    pub ignore: Ignore,
}

/// Why a policy was refused. Never what stood in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not YAML, or not of this shape.
    #[error("not a policy file (line {line})", line = .0.line.map_or_else(|| "unknown".into(), |line| line.to_string()))]
    Shape(Malformed),
    /// Of the right shape, but with a limit that cannot hold.
    #[error("{0}")]
    Limit(&'static str),
}

/// A policy file. All keys may be left out but `version`; what is left out keeps the built-in value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Version of this shape: 1.
    pub version: u32,
    /// Longest age and longest life in days, by kind; replaces kind by kind.
    #[serde(default)]
    pub max_age: BTreeMap<CredentialKind, u32>,
    /// Ways of keeping that are no issue; replaces.
    pub storage: Option<Vec<Storage>>,
    /// OAuth client ids that may hold a grant, empty for any; replaces.
    pub clients: Option<Vec<String>>,
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
    pub exceptions: Option<Exceptions>,
    /// What does not count; replaces.
    pub ignore: Option<Ignore>,
}

/// Least total of each band.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of `Severity`")]
pub struct Bands {
    pub critical: u8,
    pub high: u8,
    pub medium: u8,
    pub low: u8,
}

/// Names and words of scopes and roles, by how far they go.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Words {
    /// A whole scope or its last segment after `/`.
    pub names: Vec<String>,
    /// A word within a scope.
    pub words: Vec<String>,
}

/// Words in the names of places.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentWords {
    /// Where it counts.
    pub production: Vec<String>,
    /// Where it is tried.
    pub test: Vec<String>,
}

/// Bounds of exceptions, in days.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Longest from granted to expires.
    pub longest: u32,
    /// How long before its end the report warns.
    pub warn: u32,
}

/// Findings that do not count.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ignore {
    /// Rule ids.
    pub rules: Vec<String>,
    /// Globs over the path.
    pub paths: Vec<String>,
}

impl Policy {
    /// The built-in file alone: it must set every limit.
    pub fn load(built_in: &str) -> Result<Self, Invalid> {
        let mut policy = Self::empty();
        policy.apply(read(built_in)?);
        policy.checked()
    }

    /// This policy, changed by a file of the user's.
    pub fn with(mut self, text: &str) -> Result<Self, Invalid> {
        self.apply(read(text)?);
        self.checked()
    }

    /// Longest age and longest life of such a credential, in days.
    pub fn max_age(&self, kind: CredentialKind) -> i64 {
        // `checked` saw every kind.
        self.max_age.get(&kind).copied().map_or(1, i64::from)
    }

    /// The band of a total.
    pub fn severity(&self, total: u8) -> Severity {
        match total {
            total if total >= self.severity.critical => Severity::Critical,
            total if total >= self.severity.high => Severity::High,
            total if total >= self.severity.medium => Severity::Medium,
            total if total >= self.severity.low => Severity::Low,
            _ => Severity::Info,
        }
    }

    /// Whether a credential may be kept so.
    pub fn allows_storage(&self, storage: Storage) -> bool {
        self.storage.contains(&storage)
    }

    /// Whether this OAuth client may hold a grant.
    pub fn allows_client(&self, client_id: &str) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|allowed| allowed == client_id)
    }

    /// How far one scope or role goes, by its name, else by the words in it.
    pub fn privilege(&self, scope: &str) -> Privilege {
        self.privilege.of(scope)
    }

    /// Whether an account or profile is named like an administrator.
    pub fn is_administrator(&self, name: &str) -> bool {
        // `alice@admin.example` is no administrator, `admin@corp.example` is.
        let local = name.split('@').next().unwrap_or(name);
        self.administrators.contains(&local.to_lowercase())
            || words(local).any(|word| self.administrators.contains(&word))
    }

    /// Whether these names speak both of production and of a test environment.
    pub fn crosses_environments<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let (mut production, mut test) = (false, false);
        for word in names.into_iter().flat_map(words) {
            production |= self.environments.production.contains(&word);
            test |= self.environments.test.contains(&word);
        }
        production && test
    }

    fn empty() -> Self {
        Self {
            max_age: BTreeMap::new(),
            storage: Vec::new(),
            clients: Vec::new(),
            severity: Bands::default(),
            privilege: Privileges::default(),
            administrators: BTreeSet::new(),
            environments: Environments::default(),
            reach: 0,
            unused: 0,
            exceptions: Exceptions::default(),
            ignore: Ignore::default(),
        }
    }

    fn apply(&mut self, file: PolicyFile) {
        self.max_age.extend(file.max_age);
        replace(&mut self.storage, file.storage);
        replace(&mut self.clients, file.clients);
        replace(&mut self.reach, file.reach);
        replace(&mut self.unused, file.unused);
        replace(&mut self.severity, file.severity);
        replace(&mut self.exceptions, file.exceptions);
        replace(&mut self.ignore, file.ignore);
        self.privilege.add(file.privilege);
        self.administrators.extend(lower(file.administrators));
        self.environments.production.extend(lower(file.environments.production));
        self.environments.test.extend(lower(file.environments.test));
    }

    fn checked(self) -> Result<Self, Invalid> {
        if CredentialKind::ALL
            .iter()
            .any(|kind| self.max_age.get(kind).is_none_or(|days| *days == 0))
        {
            return Err(Invalid::Limit(
                "`max_age` must be at least 1 day for every credential kind",
            ));
        }
        let Bands { critical, high, medium, low } = self.severity;
        if !(100 >= critical && critical > high && high > medium && medium > low && low > 0) {
            return Err(Invalid::Limit(
                "`severity` must rise from low to critical, within 1 to 100",
            ));
        }
        if self.exceptions.longest == 0 || self.exceptions.warn > self.exceptions.longest {
            return Err(Invalid::Limit(
                "`exceptions` need `longest` of at least 1 day, and `warn` within it",
            ));
        }
        Ok(self)
    }
}

/// The words of a name in lower case: `Files.ReadWrite.All` is files, read, write, all; `SYSADMIN` is one word.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (after_lower && letter.is_uppercase()) {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase();
    }
    words.push(word);
    words.into_iter().filter(|word| !word.is_empty())
}

fn read(text: &str) -> Result<PolicyFile, Invalid> {
    let file: PolicyFile = serde_yaml::from_str(text).map_err(|error| {
        let at = error.location();
        Invalid::Shape(Malformed { line: at.map(|at| at.line()), column: at.map(|at| at.column()) })
    })?;
    if file.version != 1 {
        return Err(Invalid::Limit("`version` must be 1"));
    }
    Ok(file)
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

fn lower(names: Vec<String>) -> impl Iterator<Item = String> {
    names.into_iter().map(|name| name.to_lowercase())
}

#[derive(Clone, Debug, Default)]
struct Environments {
    production: BTreeSet<String>,
    test: BTreeSet<String>,
}

/// Names and words with what they mean; of two meanings the wider holds.
#[derive(Clone, Debug, Default)]
struct Privileges {
    names: BTreeMap<String, Privilege>,
    words: BTreeMap<String, Privilege>,
}

impl Privileges {
    fn add(&mut self, file: PrivilegeWords) {
        let levels = [
            (file.read, Privilege::Read),
            (file.write, Privilege::Write),
            (file.admin, Privilege::Admin),
        ];
        for (Words { names, words }, level) in levels {
            self.names.extend(lower(names).map(|name| (name, level)));
            self.words.extend(lower(words).map(|word| (word, level)));
        }
    }

    fn of(&self, scope: &str) -> Privilege {
        let whole = scope.trim().to_lowercase();
        let last = whole.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if let Some(level) = self.names.get(&whole).or_else(|| self.names.get(last)) {
            return *level;
        }
        let mut found = [false; 3];
        for word in words(scope) {
            match self.words.get(&word) {
                Some(Privilege::Admin) => found[0] = true,
                Some(Privilege::Write) => found[1] = true,
                Some(Privilege::Read) => found[2] = true,
                Some(Privilege::Unknown) | None => {}
            }
        }
        match found {
            // `admin.directory.user.readonly` looks at what administrators see.
            [_, false, true] => Privilege::Read,
            [true, ..] => Privilege::Admin,
            [_, true, _] => Privilege::Write,
            [false, false, false] => Privilege::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Policy {
        Policy::load(include_str!("../rules/policy.yaml")).expect("the built-in policy loads")
    }

    #[test]
    fn scopes_and_roles_by_how_far_they_go() {
        let policy = built_in();
        for (scope, level) in [
            ("repo", Privilege::Write),
            ("read:org", Privilege::Read),
            ("admin:org", Privilege::Admin),
            ("delete_repo", Privilege::Admin),
            ("write:packages", Privilege::Write),
            ("gist", Privilege::Write),
            ("api", Privilege::Admin),
            ("read_api", Privilege::Read),
            ("https://www.googleapis.com/auth/cloud-platform", Privilege::Admin),
            ("https://www.googleapis.com/auth/drive.readonly", Privilege::Read),
            ("https://www.googleapis.com/auth/admin.directory.user.readonly", Privilege::Read),
            ("https://www.googleapis.com/auth/userinfo.email", Privilege::Read),
            ("https://www.googleapis.com/auth/devstorage.full_control", Privilege::Admin),
            ("https://mail.google.com/", Privilege::Write),
            ("https://management.core.windows.net//.default", Privilege::Admin),
            ("https://management.azure.com/user_impersonation", Privilege::Admin),
            ("Files.ReadWrite.All", Privilege::Write),
            ("User.Read", Privilege::Read),
            ("Directory.ReadWrite.All", Privilege::Admin),
            ("workers:write", Privilege::Write),
            ("listKeys", Privilege::Read),
            ("deleteFiles", Privilege::Write),
            ("ACCOUNTADMIN", Privilege::Admin),
            ("session:role:SYSADMIN", Privilege::Admin),
            ("session:role:ANALYST", Privilege::Unknown),
            ("system:masters", Privilege::Admin),
            ("kubeadm:cluster-admins", Privilege::Admin),
            ("arn:aws:iam::123456789012:role/AdministratorAccess", Privilege::Admin),
            ("arn:aws:iam::123456789012:role/ReadOnlyAccess", Privilege::Read),
            ("arn:aws:iam::aws:policy/PowerUserAccess", Privilege::Write),
            ("roles/owner", Privilege::Admin),
            ("roles/editor", Privilege::Write),
            ("roles/viewer", Privilege::Read),
            ("*:*", Privilege::Admin),
            ("user:inference", Privilege::Unknown),
            ("", Privilege::Unknown),
            ("é\u{130}\u{0}:::", Privilege::Unknown),
        ] {
            assert_eq!(policy.privilege(scope), level, "{scope}");
        }
    }

    #[test]
    fn administrators_by_name() {
        let policy = built_in();
        for (name, is) in [
            ("root", true),
            ("prod-admin", true),
            ("admin@corp.example", true),
            ("cluster-admin", true),
            ("alice@admin.example", false),
            ("administered", false),
            ("", false),
        ] {
            assert_eq!(policy.is_administrator(name), is, "{name}");
        }
    }

    #[test]
    fn production_and_test_in_one_grant() {
        let policy = built_in();
        assert!(policy.crosses_environments(["acme-prod", "acme-staging"]));
        assert!(!policy.crosses_environments(["acme-prod", "contest", "product"]));
    }

    #[test]
    fn bands() {
        let policy = built_in();
        for (total, severity) in [
            (0, Severity::Info),
            (9, Severity::Info),
            (10, Severity::Low),
            (34, Severity::Low),
            (35, Severity::Medium),
            (59, Severity::Medium),
            (60, Severity::High),
            (79, Severity::High),
            (80, Severity::Critical),
            (100, Severity::Critical),
        ] {
            assert_eq!(policy.severity(total), severity, "{total}");
        }
    }

    #[test]
    fn a_file_of_the_users_changes_only_what_it_names() {
        let policy = built_in()
            .with("{version: 1, max_age: {api-key: 30}, clients: [a], privilege: {admin: {names: [ship-it]}}}")
            .unwrap();
        assert_eq!(policy.max_age(CredentialKind::ApiKey), 30);
        assert_eq!(policy.max_age(CredentialKind::Password), 180);
        assert_eq!(policy.privilege("Ship-It"), Privilege::Admin);
        assert_eq!(policy.privilege("repo"), Privilege::Write);
        assert!(policy.allows_client("a") && !policy.allows_client("b"));
        assert!(
            policy.allows_storage(Storage::Keychain) && !policy.allows_storage(Storage::Plaintext)
        );
    }

    #[test]
    fn refuses_limits_that_cannot_hold() {
        for text in [
            "{}",
            "{version: 2}",
            "{version: 1, max_age: {api-key: 0}}",
            "{version: 1, max_age: {api-kay: 9}}",
            "{version: 1, severity: {critical: 60, high: 60, medium: 35, low: 10}}",
            "{version: 1, severity: {critical: 101, high: 60, medium: 35, low: 10}}",
            "{version: 1, exceptions: {longest: 7, warn: 8}}",
            "{version: 1, colour: blue}",
            "- hunter2",
        ] {
            let refused = built_in().with(text).expect_err(text);
            assert!(!refused.to_string().contains("hunter2"));
        }
        assert!(Policy::load("{version: 1}").is_err(), "the built-in file must be whole");
    }
}
