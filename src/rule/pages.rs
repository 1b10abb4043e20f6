//! Documentation made from rules: a page a tool and an index, in Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::controls::Controls;
use super::docs::{cell, lives, moved};
use super::list::{by_category, kinds, rests_on};
use super::load::RuleSet;
use super::schema::{CacheRule, Holds};
use crate::error::Error;
use crate::grant::{CredentialKind, Privilege, Storage};
use crate::output::safe;

/// First line of every page: what bears it is ours to replace.
const MARK: &str = "<!-- made by `nhi-scan rules docs`: edit the rule, not this page -->";

/// File name of the index.
const INDEX: &str = "README.md";

/// An issue that follows from what a rule says, and how.
type Likely = (&'static str, fn(&Reading<'_>) -> bool);

/// Issues that a page foretells of its tool.
const OF_A_TOOL: &[Likely] = &[
    ("no-expiry", |it| it.never_ends),
    ("plaintext-at-rest", |it| it.storage.contains(&Storage::Plaintext)),
    ("weak-encoding", |it| it.storage.contains(&Storage::Obfuscated)),
    ("over-scoped", |it| it.privilege == Some(Privilege::Admin)),
    ("shell-history", |it| it.holds(Holds::History)),
    ("hardcoded", |it| it.holds(Holds::Dotfile)),
    ("unprotected-private-key", |it| it.may_be(CredentialKind::PrivateKey)),
    ("standing-refresh", |it| it.may_be(CredentialKind::OauthRefreshToken)),
    ("third-party-holder", |it| {
        it.rule.category == "editor" || it.filters().any(|text| text.contains("mcp"))
    }),
    ("weak-auth-method", |it| it.may_be(CredentialKind::Password)),
    ("human-use-of-nhi", |it| it.may_be(CredentialKind::ServiceAccountKey)),
    ("unregistered-client", |it| it.rule.client.as_ref().is_some_and(|client| client.id.is_some())),
];

/// Issues that depend on the file found, not on the tool; the index tells them.
const OF_ANY_FILE: &[&str] = &[
    "long-lived",
    "loose-permissions",
    "reused",
    "cross-environment",
    "stale-unused",
    "expired-present",
    "golden-image",
    "exposed-location",
];

/// Writes a page a tool and an index into a folder, replacing those it holds from before.
///
/// # Errors
/// A folder that holds anything else; what cannot be written.
pub fn write(rules: &RuleSet, controls: &Controls, dir: &Path) -> Result<String, Error> {
    let failed = |source| Error::Output { path: safe(&dir.to_string_lossy()), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let before = ours(dir).map_err(failed)?.map_err(|foreign| {
        let (dir, foreign) = (safe(&dir.to_string_lossy()), safe(&foreign));
        Error::Usage(format!(
            "{dir} holds what is no page of ours ({foreign}): name an empty or a new folder"
        ))
    })?;
    let pages = pages(rules, controls);
    for gone in before.iter().filter(|name| !pages.contains_key(*name)) {
        fs::remove_file(dir.join(gone)).map_err(failed)?;
    }
    for (name, text) in &pages {
        put(dir, name, text).map_err(failed)?;
    }
    Ok(format!("{} pages in {}, beginning with {INDEX}\n", pages.len(), dir.display()))
}

/// Every page by the name of its file.
pub fn pages(rules: &RuleSet, controls: &Controls) -> BTreeMap<String, String> {
    let tools = by_tool(rules);
    let page = |tool: &Tool<'_>| (tool.file(), tool.page(controls));
    let mut pages: BTreeMap<String, String> = tools.iter().map(page).collect();
    pages.insert(INDEX.to_owned(), index(&tools, controls));
    pages
}

/// The README's table: for each category the number of its tools and their names.
pub fn by_category_table(rules: &RuleSet) -> String {
    let mut table = String::from("| category | tools | which |\n|---|---:|---|\n");
    for (category, tools) in by_category_of_tools(&by_tool(rules)) {
        let names: Vec<String> = tools.iter().map(|tool| prose(tool.name)).collect();
        let _ = writeln!(table, "| {category} | {} | {} |", tools.len(), names.join(", "));
    }
    table
}

/// The names of the pages in a folder, or the name of something that is none.
#[expect(
    clippy::disallowed_methods,
    reason = "pages that an earlier run wrote are no scanned files"
)]
fn ours(dir: &Path) -> io::Result<Result<Vec<String>, String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_page = entry.file_type()?.is_file()
            && Path::new(&name).extension().is_some_and(|ending| ending == "md")
            && fs::read(entry.path())?.starts_with(MARK.as_bytes());
        if !is_page {
            return Ok(Err(name));
        }
        names.push(name);
    }
    Ok(Ok(names))
}

/// A page appears whole or not at all, and never through a link.
fn put(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    open_to_readers(&file)?;
    file.persist(dir.join(name)).map_err(|error| error.error)?;
    Ok(())
}

/// A temporary file is for its owner only; a page is for everyone.
#[cfg(unix)]
fn open_to_readers(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_readers(_: &tempfile::NamedTempFile) -> io::Result<()> {
    Ok(())
}

/// The rules of one tool.
struct Tool<'r> {
    name: &'r str,
    rules: Vec<&'r CacheRule>,
}

fn by_tool(rules: &RuleSet) -> Vec<Tool<'_>> {
    let mut tools: Vec<Tool<'_>> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in by_category(rules) {
        if let Some(&known) = at.get(rule.tool.as_str()) {
            tools[known].rules.push(rule);
        } else {
            at.insert(&rule.tool, tools.len());
            tools.push(Tool { name: &rule.tool, rules: vec![rule] });
        }
    }
    for tool in &mut tools {
        tool.rules.sort_by_key(|rule| (rule.id.len(), &rule.id));
    }
    tools
}

fn by_category_of_tools<'t, 'r>(tools: &'t [Tool<'r>]) -> BTreeMap<&'r str, Vec<&'t Tool<'r>>> {
    let mut categories: BTreeMap<&str, Vec<&Tool<'_>>> = BTreeMap::new();
    for tool in tools {
        let category = tool.rules.first().map_or("", |rule| rule.category.as_str());
        categories.entry(category).or_default().push(tool);
    }
    categories
}

fn index(tools: &[Tool<'_>], controls: &Controls) -> String {
    let mut text = format!("{MARK}\n# Where tools keep credentials\n\nOne page a tool.\n");
    for (category, tools) in by_category_of_tools(tools) {
        let _ = write!(text, "\n## {category}\n\n");
        for tool in tools {
            let summary = tool.rules.first().map_or("", |rule| rule.summary.trim());
            let _ = writeln!(text, "- [{}]({}): {}", prose(tool.name), tool.file(), prose(summary));
        }
    }
    text.push_str("\n## What any file can raise\n\nThese depend on the file that is found, whatever tool wrote it.\n\n");
    text.push_str(&issues(OF_ANY_FILE, controls));
    text.push_str("\nThe letters before a colon name the catalogue of a control:\n\n");
    for framework in &controls.frameworks {
        let _ = writeln!(text, "- {}: {}, {}", framework.id, framework.name, framework.edition);
    }
    text
}

fn issues(ids: &[&str], controls: &Controls) -> String {
    let mut table = String::from("| issue | controls |\n|---|---|\n");
    for issue in controls.issues.iter().filter(|issue| ids.contains(&issue.id.as_str())) {
        let _ = writeln!(table, "| {} | {} |", issue.id, cell(&issue.controls.join(", ")));
    }
    table
}

impl Tool<'_> {
    /// The shortest id of its rules names the page: `aws` before `aws-sso`.
    fn file(&self) -> String {
        let id = self.rules.first().map_or("", |rule| rule.id.as_str());
        format!("{}.md", id.replace('/', "-"))
    }

    fn page(&self, controls: &Controls) -> String {
        let mut text = format!("{MARK}\n# {}\n", prose(self.name));
        for rule in &self.rules {
            // A tool with several rules has a part for each.
            let level = if self.rules.len() > 1 {
                let _ = write!(text, "\n## `{}`\n", rule.id);
                "###"
            } else {
                "##"
            };
            Reading::of(rule).part(level, controls, &mut text);
        }
        let _ = write!(text, "\n[All tools]({INDEX})\n");
        text
    }
}

/// A rule, and what can be told from it without a file.
struct Reading<'r> {
    rule: &'r CacheRule,
    kinds: Vec<CredentialKind>,
    storage: BTreeSet<Storage>,
    privilege: Option<Privilege>,
    never_ends: bool,
}

impl<'r> Reading<'r> {
    fn of(rule: &'r CacheRule) -> Self {
        let mut it = Self {
            rule,
            kinds: kinds(rule),
            storage: BTreeSet::new(),
            privilege: rule.scope.as_ref().and_then(|scope| scope.privilege),
            never_ends: rule.lifetime.values().any(|life| life.ends.as_deref() == Some("never")),
        };
        it.storage = it.storages();
        it
    }

    /// How the tool may keep it: what its filters name, and plaintext where they hand out a secret as it stands.
    fn storages(&self) -> BTreeSet<Storage> {
        use Storage::{Encrypted, Helper, Keychain, Obfuscated, Plaintext};
        let named = |storage: &Storage| {
            let literal = format!("\"{}\"", storage.as_str());
            self.filters().any(|text| text.contains(&literal))
        };
        let mut all: BTreeSet<Storage> =
            [Obfuscated, Encrypted, Keychain, Helper].into_iter().filter(named).collect();
        let commands = self.rule.caches.iter().any(|cache| cache.commands.is_some());
        // A filter that calls every secret obfuscated has no word for plain ones.
        let plain = self.filters().any(|text| {
            (text.contains("secret") || text.contains("from:"))
                && !text.contains("storage: \"obfuscated\"")
        });
        if commands || plain {
            all.insert(Plaintext);
        }
        all
    }

    fn filters(&self) -> impl Iterator<Item = &str> {
        self.rule.caches.iter().filter_map(|cache| cache.grants.as_deref())
    }

    fn holds(&self, what: Holds) -> bool {
        self.rule
            .caches
            .iter()
            .any(|cache| cache.commands.is_some() && cache.holds.unwrap_or(Holds::Dotfile) == what)
    }

    fn may_be(&self, kind: CredentialKind) -> bool {
        self.kinds.contains(&kind)
    }

    fn part(&self, level: &str, controls: &Controls, text: &mut String) {
        let rule = self.rule;
        let _ = write!(text, "\n{}\n\n", prose(rule.summary.trim()));
        let _ = writeln!(
            text,
            "- rule `{}`, category {}, issued by {}",
            rule.id,
            rule.category,
            prose(&rule.provider)
        );
        let _ = writeln!(text, "- rests on {}", evidence(rests_on(rule)));
        let heading = |text: &mut String, title: &str| {
            let _ = write!(text, "\n{level} {title}\n\n");
        };
        if !rule.caches.is_empty() || !rule.env_tokens.is_empty() {
            heading(text, "Where");
            self.places(text);
        }
        heading(text, "Why it matters");
        self.reach(text);
        heading(text, "How long it lives");
        if rule.lifetime.is_empty() {
            text.push_str("As the file or the token says; the vendor names no general term.\n");
        } else {
            text.push_str("Where the file or the token says nothing else:\n\n");
            list(text, lives(rule));
        }
        heading(text, "How it is kept");
        self.custody(text);
        heading(text, "How to end it");
        self.end(text);
        heading(text, "What it can raise");
        let likely: Vec<&str> =
            OF_A_TOOL.iter().filter(|(_, follows)| follows(self)).map(|(id, _)| *id).collect();
        if !likely.is_empty() {
            let _ = writeln!(text, "{}", issues(&likely, controls));
        }
        let _ = writeln!(text, "And [what any file can raise]({INDEX}#what-any-file-can-raise).");
        if !rule.references.is_empty() {
            heading(text, "References");
            list(text, rule.references.iter().map(|reference| linked(reference)));
        }
    }

    fn places(&self, text: &mut String) {
        if !self.rule.caches.is_empty() {
            text.push_str("| system | path | format |\n|---|---|---|\n");
        }
        for cache in &self.rule.caches {
            for path in &cache.paths {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} |",
                    system(path),
                    cell(&code(path)),
                    cache.format
                );
            }
        }
        let env: Vec<String> = moved(self.rule).map(|place| code(&place)).collect();
        if !env.is_empty() {
            let _ = write!(text, "\nMoved by {}.\n", env.join(", "));
        }
        if !self.rule.env_tokens.is_empty() {
            let names = self.rule.env_tokens.iter();
            let names: Vec<String> =
                names.map(|(name, kind)| format!("`{name}` ({})", kind.as_str())).collect();
            let gap = if self.rule.caches.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}In the environment: {}.", names.join(", "));
        }
    }

    fn reach(&self, text: &mut String) {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let mut facts = vec![match kinds.as_slice() {
            [] => "credentials: each as its own shape tells".to_owned(),
            kinds => format!("credentials: {}", kinds.join(", ")),
        }];
        if let Some(scope) = &self.rule.scope {
            facts.extend(
                scope
                    .privilege
                    .map(|privilege| format!("privilege unless told: {}", word(privilege))),
            );
            let scopes: Vec<String> = scope.assume.iter().map(|scope| code(scope)).collect();
            if !scopes.is_empty() {
                facts.push(format!("scopes unless told: {}", scopes.join(", ")));
            }
        }
        if let Some(client) = &self.rule.client {
            let id = client.id.as_ref().map(|id| format!(" {}", code(id))).unwrap_or_default();
            let by = if client.first_party { ", the provider's own" } else { "" };
            facts.push(format!("client: {}{id}{by}", prose(&client.name)));
        }
        list(text, facts);
    }

    fn custody(&self, text: &mut String) {
        let storage: Vec<&str> = self.storage.iter().map(|storage| storage.as_str()).collect();
        if !storage.is_empty() {
            let _ = writeln!(text, "Seen as: {}.", storage.join(", "));
        }
        match &self.rule.better {
            Some(better) => {
                let gap = if storage.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}Safer: {}", prose(better));
            }
            None if storage.is_empty() => text.push_str("The rule does not say.\n"),
            None => {}
        }
    }

    fn end(&self, text: &mut String) {
        let end = &self.rule.end;
        let steps = [("Revoke", &end.revoke), ("Log out", &end.logout), ("Verify", &end.verify)];
        let steps: Vec<_> =
            steps.into_iter().filter_map(|(name, step)| Some((name, step.as_ref()?))).collect();
        if steps.is_empty() {
            text.push_str("The rule knows no way: ask the provider, then delete it here.\n");
        }
        for (number, (name, step)) in (1..).zip(steps) {
            let _ = writeln!(text, "{number}. {name}: {}", linked(step));
        }
    }
}

fn list(text: &mut String, items: impl IntoIterator<Item = String>) {
    for item in items {
        let _ = writeln!(text, "- {item}");
    }
}

fn evidence(word: &str) -> &'static str {
    match word {
        "tool" => "the tool itself: it was run, and wrote these files",
        "source" => "the tool's source",
        "docs" => "the vendor's documents",
        _ => "nothing confirmed: its findings are shown as experimental",
    }
}

const fn word(privilege: Privilege) -> &'static str {
    match privilege {
        Privilege::Admin => "admin",
        Privilege::Write => "write",
        Privilege::Read => "read",
        Privilege::Unknown => "unknown",
    }
}

/// The systems on which a path is where the tool puts it.
fn system(path: &str) -> &'static str {
    let begins = |heads: &[&str]| heads.iter().any(|head| path.starts_with(head));
    match () {
        () if begins(&[
            "~/AppData/",
            "~/Documents/",
            "/ProgramData/",
            "/Windows/",
            "/Program Files",
        ]) =>
        {
            "Windows"
        }
        () if begins(&["~/Library/", "/Library/", "/private/", "/opt/homebrew/"]) => "macOS",
        () if begins(&[
            "~/.local/",
            "~/.cache/",
            "~/snap/",
            "~/.var/",
            "/run/",
            "/proc/",
            "/home/",
        ]) =>
        {
            "Linux"
        }
        () if begins(&["/"]) => "Linux, macOS",
        () => "all",
    }
}

/// Text in which every address is a link, and nothing else is Markdown.
fn linked(text: &str) -> String {
    let words = text.trim().split_inclusive(char::is_whitespace).map(|word| {
        let plain = word.trim_end();
        let gap = &word[plain.len()..];
        let address = plain.trim_end_matches([',', ';', ':', '.', ')']);
        // A placeholder makes it a pattern of addresses.
        if address.starts_with("https://") && !address.contains(['{', '<', '>', '*']) {
            format!("<{address}>{}{gap}", &plain[address.len()..])
        } else {
            prose(plain) + gap
        }
    });
    words.collect()
}

/// Text without the signs that Markdown would take; code between backquotes stays code.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_code = false;
    for sign in text.chars() {
        match sign {
            '`' => in_code = !in_code,
            '<' | '>' | '*' | '_' | '[' | ']' | '\\' | '|' | '#' if !in_code => out.push('\\'),
            _ => {}
        }
        out.push(if sign == '\n' { ' ' } else { sign });
    }
    out
}

/// Text as code.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pack::Pack;

    const RULE: &str = r#"
id: gh
tool: GitHub [CLI]
provider: github
category: vcs
summary: Acts as the signed-in_user.
references: [https://cli.github.com, "cmd/login.go, v2"]
confirmed: tool
client: {id: abc, name: GitHub CLI, first_party: true}
caches:
  - {paths: [~/.config/gh/hosts.yml, "~/AppData/a|b"], env: {GH_CONFIG_DIR: hosts.yml}, format: yaml, grants: '{kind: "oauth-refresh-token", secret: .t} + {storage: "keychain"}'}
env_tokens: {GH_TOKEN: personal-access-token}
lifetime: {oauth-refresh-token: {ends: never, idle: 365d}}
scope: {assume: [repo], privilege: admin}
end: {logout: "gh auth logout --hostname {host}", revoke: "https://github.com/settings/applications, or https://{host}/x"}
better: the keychain of the system
"#;
    const SECOND: &str = "id: gh-old\ntool: GitHub [CLI]\nprovider: github\ncategory: vcs\nsummary: Old.\ncaches: []\n";
    const OTHER: &str =
        "id: a\ntool: Ansible\nprovider: x\ncategory: iac\nsummary: s\ncaches: []\n";

    fn controls() -> Controls {
        let text = "version: 1\nframeworks: {cis: {name: CIS Controls, edition: '8'}}\n\
            issues: {no-expiry: {cis: ['6.2']}, plaintext-at-rest: {cis: ['3.11']}, standing-refresh: {cis: []}, reused: {cis: ['5.2']}}\n";
        Controls::load(text).unwrap()
    }

    fn rules(files: &[(&str, &str)]) -> RuleSet {
        RuleSet::from_texts(files).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn sample() -> RuleSet {
        rules(&[
            ("caches/vcs/gh.yaml", RULE),
            ("caches/vcs/gh-old.yaml", SECOND),
            ("caches/iac/a.yaml", OTHER),
        ])
    }

    #[test]
    fn a_page_and_the_index() {
        let pages = pages(&sample(), &controls());
        assert_eq!(pages.keys().collect::<Vec<_>>(), [INDEX, "a.md", "gh.md"]);
        insta::assert_snapshot!(format!("{}\n{}", pages[INDEX], pages["gh.md"]));
    }

    #[test]
    fn every_built_in_page_renders_and_every_link_leads_somewhere() {
        let pack = Pack::new(RuleSet::built_in().ok().unwrap()).unwrap();
        let pages = pages(pack.set(), &pack.controls);
        for rule in pack.rules() {
            assert!(pages.values().any(|page| page.contains(&format!("rule `{}`,", rule.rule.id))));
        }
        for (name, page) in &pages {
            assert!(page.starts_with(MARK) && page.ends_with('\n'), "{name}");
            assert!(!page.contains("\n\n\n"), "{name} has a gap");
            assert!(
                *name == INDEX || pages[INDEX].contains(&format!("]({name})")),
                "{name} is in no index"
            );
            for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let there = pages.get(file).unwrap_or_else(|| panic!("{name}: no page {target}"));
                let heading = |line: &str| {
                    line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-")
                };
                assert!(
                    anchor.is_empty()
                        || there
                            .lines()
                            .any(|line| line.starts_with('#') && heading(line) == anchor),
                    "{name}: {target}"
                );
            }
            for address in page.split("<https://").skip(1) {
                let address = address.split('>').next().unwrap();
                assert!(
                    address.contains('.') && !address.contains(char::is_whitespace),
                    "{name}: {address}"
                );
            }
        }
    }

    #[test]
    fn issues_that_pages_foretell_are_of_the_closed_list() {
        let pack = Pack::new(RuleSet::built_in().ok().unwrap()).unwrap();
        let known = |id: &str| pack.controls.issues.iter().any(|issue| issue.id == id);
        let ids = OF_A_TOOL.iter().map(|(id, _)| *id).chain(OF_ANY_FILE.iter().copied());
        assert_eq!(ids.filter(|id| !known(id)).collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn a_folder_is_written_again_but_only_if_all_in_it_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("docs");
        let files = || {
            let names = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(|name| name.to_string_lossy().into_owned()).collect::<BTreeSet<_>>()
        };
        write(&sample(), &controls(), &dir).unwrap();
        assert_eq!(files(), [INDEX, "a.md", "gh.md"].map(str::to_owned).into());
        write(&rules(&[("caches/iac/a.yaml", OTHER)]), &controls(), &dir).unwrap();
        assert_eq!(files(), [INDEX, "a.md"].map(str::to_owned).into());

        fs::write(dir.join("mine.md"), "# Mine").unwrap();
        let refused = write(&sample(), &controls(), &dir).unwrap_err();
        assert!(matches!(&refused, Error::Usage(text) if text.contains("mine.md")), "{refused}");
        assert_eq!(files(), [INDEX, "a.md", "mine.md"].map(str::to_owned).into());
    }

    #[test]
    fn signs_of_markdown_are_text() {
        for (text, expected) in [
            ("a_b `c_d` <e>", "a\\_b `c_d` \\<e\\>"),
            ("https://x.example/a_b, or {host}", "<https://x.example/a_b>, or {host}"),
            ("https://{host}/x", "https://{host}/x"),
            ("(https://x.example)", "(https://x.example)"),
        ] {
            assert_eq!(linked(text), expected, "{text}");
        }
    }
}
