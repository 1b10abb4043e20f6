//! Policy: the limits by which findings are judged, as data (`rules/policy.yaml`), and the exceptions from them.

mod exception;
mod file;
mod glob;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::extract::secret::hex;
use crate::grant::{CredentialKind, Privilege, Storage};
use crate::report::{Location, Severity};
use crate::rule::check::Diagnostic;
use crate::rule::glob::Glob;

pub(crate) use exception::{Day, EXPIRED, day, instant, is_finding_id, last_day, left, warning};
pub use exception::{Entry, Exceptions, ExceptionsFile};
pub use file::{Bands, Bounds, Ignore, PolicyFile, ProviderLimits, Words};
pub use read::read_file;

use file::PrivilegeWords;
use glob::PathGlob;

/// The limits in force. Every credential kind has a maximum age of at least one day; the bands of severity rise.
#[derive(Clone, Debug)]
pub struct Policy {
    file: PolicyFile,
    is_built_in: bool,
    scopes: Vec<Glob>,
    scopes_by_provider: BTreeMap<String, Vec<Glob>>,
    severity: Bands,
    privilege: Privileges,
    administrators: BTreeSet<String>,
    environments: Environments,
    ignored_paths: Vec<PathGlob>,
    /// Most further roles, clusters or projects that one grant may open.
    pub reach: u32,
    /// Days after which a renewable cache that nobody rewrote counts as unused.
    pub unused: u32,
    /// How exceptions are bounded.
    pub exceptions: Bounds,
}

impl Policy {
    /// The built-in file alone: it must set every limit.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(built_in: &str) -> Result<Self, Vec<Diagnostic>> {
        let file = serde_yaml::from_str(built_in)
            .map_err(|error: serde_yaml::Error| vec![Diagnostic::of_yaml("policy.yaml", &error)])?;
        Self::built_in(file)
    }

    /// The same, of a file that was read. Its limits are checked when the program is tested; every start need not do so again.
    pub(crate) fn built_in(file: PolicyFile) -> Result<Self, Vec<Diagnostic>> {
        let mut whole = PolicyFile::default();
        whole.put_over(file);
        read::whole("policy.yaml", &whole)?;
        Ok(Self::of(whole, true))
    }

    /// This policy, changed by a file of the user's, which is called `name` where something is wrong with it.
    ///
    /// # Errors
    /// Everything that is wrong with it, with its place.
    pub fn with(self, name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let file = read::policy(name, text)?;
        let mut whole = self.file;
        whole.put_over(file);
        Ok(Self::of(whole, false))
    }

    /// The limits in force, as a file that would set them all.
    pub fn file(&self) -> &PolicyFile {
        &self.file
    }

    /// Whether no file of the user's changed it.
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// SHA-256 over the limits in force as JSON, hex: the same where the same limits hold, however they are written.
    pub fn sha256(&self) -> String {
        // Maps are sorted and nothing in it can fail to be written.
        hex(&Sha256::digest(serde_json::to_vec(&self.file).unwrap_or_default()))
    }

    /// Longest age and longest life of such a credential of a provider, in days.
    pub fn max_age(&self, kind: CredentialKind, provider: &str) -> i64 {
        let own = self.file.by_provider.get(provider).and_then(|limits| limits.max_age.get(&kind));
        // A whole policy has every kind.
        own.or_else(|| self.file.max_age.get(&kind)).copied().map_or(1, i64::from)
    }

    /// Whether a grant of this provider may renew itself without a person.
    pub fn allows_refresh(&self, provider: &str) -> bool {
        self.limit(
            provider,
            |limits| limits.refresh_tokens.as_ref(),
            self.file.refresh_tokens.as_ref(),
        )
        .is_none_or(|allowed| *allowed)
    }

    /// Whether such a credential of this provider may have no end.
    pub fn allows_endless(&self, kind: CredentialKind, provider: &str) -> bool {
        self.limit(provider, |limits| limits.endless.as_ref(), self.file.endless.as_ref())
            .is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether a credential of this provider may be kept so.
    pub fn allows_storage(&self, storage: Storage, provider: &str) -> bool {
        self.limit(provider, |limits| limits.storage.as_ref(), self.file.storage.as_ref())
            .is_some_and(|allowed| allowed.contains(&storage))
    }

    /// Whether this OAuth client is on the list of those that may hold a grant; none where there is no list.
    pub fn lists_client(&self, client_id: &str, provider: &str) -> Option<bool> {
        let list =
            self.limit(provider, |limits| limits.clients.as_ref(), self.file.clients.as_ref())?;
        (!list.is_empty()).then(|| list.iter().any(|allowed| allowed == client_id))
    }

    /// Whether a grant of this provider may be held.
    pub fn allows_provider(&self, provider: &str) -> bool {
        let list = self.file.providers.as_deref().unwrap_or_default();
        list.is_empty() || list.iter().any(|allowed| allowed == provider)
    }

    /// Whether this scope may be granted.
    pub fn allows_scope(&self, scope: &str, provider: &str) -> bool {
        let list = self.scopes_by_provider.get(provider).unwrap_or(&self.scopes);
        list.is_empty() || list.iter().any(|allowed| allowed.is_match(scope))
    }

    /// Whether a limit for this provider is set by what `by_provider` says of it.
    pub(crate) fn differs_for(
        &self,
        provider: &str,
        has: impl Fn(&ProviderLimits) -> bool,
    ) -> bool {
        self.file.by_provider.get(provider).is_some_and(has)
    }

    /// The key by which findings of this rule or path do not count, if there is one.
    pub fn ignores(&self, rule: &str, location: &Location) -> Option<String> {
        let ignore = self.file.ignore.as_ref()?;
        if ignore.rules.iter().any(|known| known == rule) {
            return Some(format!("ignore.rules: {rule}"));
        }
        let glob = self.ignored_paths.iter().find(|glob| glob.is_match(location))?;
        Some(format!("ignore.paths: {}", glob.text()))
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

    /// How far one scope or role goes, by its name, else by the words in it.
    pub fn privilege(&self, scope: &str) -> Privilege {
        self.privilege.of_scope(scope)
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

    fn of(file: PolicyFile, is_built_in: bool) -> Self {
        // What is wrong was told when the file was read.
        let globs =
            |scopes: &Vec<String>| scopes.iter().filter_map(|it| Glob::new(it, false)).collect();
        let by_provider = file.by_provider.iter().filter_map(|(provider, limits)| {
            Some((provider.clone(), limits.scopes.as_ref().map(globs)?))
        });
        let paths = file.ignore.iter().flat_map(|ignore| &ignore.paths);
        Self {
            is_built_in,
            scopes: file.scopes.as_ref().map(globs).unwrap_or_default(),
            scopes_by_provider: by_provider.collect(),
            severity: file.severity.unwrap_or_default(),
            privilege: Privileges::of(&file.privilege),
            administrators: lower(&file.administrators).collect(),
            environments: Environments {
                production: lower(&file.environments.production).collect(),
                test: lower(&file.environments.test).collect(),
            },
            ignored_paths: paths.filter_map(|path| PathGlob::new(path).ok()).collect(),
            reach: file.reach.unwrap_or_default(),
            unused: file.unused.unwrap_or_default(),
            exceptions: file.exceptions.unwrap_or_default(),
            file,
        }
    }

    /// What is said for a provider, else for all.
    fn limit<'p, T>(
        &'p self,
        provider: &str,
        own: impl Fn(&'p ProviderLimits) -> Option<&'p T>,
        all: Option<&'p T>,
    ) -> Option<&'p T> {
        self.file.by_provider.get(provider).and_then(own).or(all)
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

fn lower(names: &[String]) -> impl Iterator<Item = String> {
    names.iter().map(|name| name.to_lowercase())
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
    fn of(file: &PrivilegeWords) -> Self {
        let mut privileges = Self::default();
        let levels = [
            (&file.read, Privilege::Read),
            (&file.write, Privilege::Write),
            (&file.admin, Privilege::Admin),
        ];
        for (Words { names, words }, level) in levels {
            privileges.names.extend(lower(names).map(|name| (name, level)));
            privileges.words.extend(lower(words).map(|word| (word, level)));
        }
        privileges
    }

    fn of_scope(&self, scope: &str) -> Privilege {
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

    const BUILT_IN: &str = include_str!("../../rules/policy.yaml");

    fn built_in() -> Policy {
        Policy::load(BUILT_IN).expect("the built-in policy loads")
    }

    #[test]
    fn the_built_in_file_is_sound() {
        assert_eq!(read::policy("policy.yaml", BUILT_IN).map(|_| ()), Ok(()));
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
            .with("p.yaml", "{version: 1, max_age: {api-key: 30}, clients: [a], privilege: {admin: {names: [ship-it]}}}")
            .unwrap();
        assert_eq!(policy.max_age(CredentialKind::ApiKey, "aws"), 30);
        assert_eq!(policy.max_age(CredentialKind::Password, "aws"), 180);
        assert_eq!(policy.privilege("Ship-It"), Privilege::Admin);
        assert_eq!(policy.privilege("repo"), Privilege::Write);
        let listed = ["a", "b"].map(|client| policy.lists_client(client, "aws"));
        assert_eq!(listed, [Some(true), Some(false)]);
        assert_eq!(built_in().lists_client("a", "aws"), None);
        let kept = [Storage::Keychain, Storage::Plaintext];
        assert_eq!(kept.map(|storage| policy.allows_storage(storage, "aws")), [true, false]);
    }

    #[test]
    fn a_provider_may_have_limits_of_its_own() {
        let policy = built_in()
            .with(
                "p.yaml",
                "{version: 1, refresh_tokens: false, scopes: ['read:*'], by_provider: {aws: {max_age: {api-key: 7}, \
                 refresh_tokens: true, endless: [], scopes: []}, github: {storage: [plaintext], clients: [x]}}}",
            )
            .unwrap();
        assert_eq!(policy.max_age(CredentialKind::ApiKey, "aws"), 7);
        assert_eq!(policy.max_age(CredentialKind::ApiKey, "github"), 90);
        assert_eq!(policy.max_age(CredentialKind::Password, "aws"), 180);
        assert!(policy.allows_refresh("aws") && !policy.allows_refresh("github"));
        assert!(!policy.allows_endless(CredentialKind::ApiKey, "aws"));
        assert!(policy.allows_endless(CredentialKind::ApiKey, "github"));
        assert!(policy.allows_scope("repo", "aws") && !policy.allows_scope("repo", "github"));
        assert!(policy.allows_scope("read:org", "github"));
        assert!(policy.allows_storage(Storage::Plaintext, "github"));
        assert!(!policy.allows_storage(Storage::Keychain, "github"), "a list replaces");
        assert_eq!(policy.lists_client("y", "github"), Some(false));
        assert_eq!(policy.lists_client("y", "aws"), None);
    }

    #[test]
    fn the_digest_is_of_the_limits_not_of_how_they_are_written() {
        let one = built_in().with("p", "{version: 1, reach: 3, unused: 4}").unwrap();
        let two = built_in().with("p", "# the same\nunused: 4\nreach: 3\nversion: 1\n").unwrap();
        assert_eq!(one.sha256(), two.sha256());
        assert_ne!(one.sha256(), built_in().sha256());
        assert!(built_in().is_built_in() && !one.is_built_in());
    }

    #[test]
    fn a_scope_that_is_named_again_moves() {
        let text = "{version: 1, privilege: {read: {names: [REPO]}, write: {words: [ship]}, admin: {words: [ship]}}}";
        let policy = built_in().with("p", text).unwrap();
        assert_eq!(policy.privilege("repo"), Privilege::Read);
        assert_eq!(
            policy.privilege("ship:it"),
            Privilege::Admin,
            "of two meanings the wider holds"
        );
    }

    #[test]
    fn refuses_limits_that_cannot_hold() {
        for (text, told) in [
            ("{}", "p:1:1: `version` is missing"),
            ("{version: 2}", "p:1:11: `version` must be 1"),
            ("{version: 1, max_age: {api-key: 0}}", "p:1:33: at least 1 day"),
            (
                "{version: 1, max_age: {api-kay: 9}}",
                "p:1:24: unknown key `api-kay` (did you mean `api-key`?)",
            ),
            (
                "{version: 1, severity: {critical: 60, high: 60, medium: 35, low: 10}}",
                "p:1:24: bands must rise from low to critical, within 1 to 100",
            ),
            (
                "{version: 1, severity: {critical: 101, high: 60, medium: 35, low: 10}}",
                "p:1:24: bands must rise from low to critical, within 1 to 100",
            ),
            (
                "{version: 1, exceptions: {longest: 7, warn: 8}}",
                "p:1:26: `warn` must be within `longest`",
            ),
            (
                "{version: 1, exceptions: {longest: 0, warn: 0}}",
                "p:1:26: `longest` must be at least 1 day",
            ),
            ("{version: 1, unuzed: 3}", "p:1:14: unknown key `unuzed` (did you mean `unused`?)"),
            ("{version: 1, reach: -3}", "p:1:21: a whole number from 0 on expected"),
            (
                "{version: 1, ignore: {paths: [x/y]}}",
                "p:1:31: a path glob begins with `/`, `~/`, `**/`, `env:` or a drive",
            ),
            ("{version: 1, scopes: ['[']}", "p:1:23: not a glob"),
            ("- hunter2", "p:1:1: a map expected"),
            ("{version: 1", "p:"),
            ("", "p:1:1: a map expected"),
        ] {
            let refused = built_in().with("p", text).expect_err(text);
            let lines: Vec<String> = refused.iter().map(ToString::to_string).collect();
            assert!(lines.iter().any(|line| line.starts_with(told)), "{text}: {lines:?}");
            assert!(!lines.join("\n").contains("hunter2"));
        }
        assert!(Policy::load("{version: 1}").is_err(), "the built-in file must be whole");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = "version: 1\nmax_age:\n  api-key: 0\n  pasword: 3\nstorage: [vault]\nreech: 2\n";
        let refused = built_in().with("p", text).unwrap_err();
        let lines: Vec<_> = refused.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [3, 4, 5, 6]);
    }
}
