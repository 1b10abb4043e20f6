//! What a cache rule must be beyond its shape.

use std::str::FromStr as _;

use serde::Deserialize as _;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde_json::Value;

use super::Diagnostic;
use super::node::{Content, Node};
use crate::grant::{CredentialKind, Storage};
use crate::parse::Format;
use crate::report::SkipReason;
use crate::rule::Dialect;
use crate::rule::duration;
use crate::rule::filter::{Filter, Part, Problem, keys, nearest};
use crate::rule::glob::Glob;
use crate::rule::paths::Pattern;

const STORAGES: [Storage; 5] = [
    Storage::Plaintext,
    Storage::Obfuscated,
    Storage::Encrypted,
    Storage::Keychain,
    Storage::Helper,
];

/// Keys of a grant, in the order of the design.
const GRANT_KEYS: &[&str] = &[
    "account",
    "tenant",
    "host",
    "issuer",
    "audience",
    "client_id",
    "client_name",
    "scopes",
    "roles",
    "reach",
    "issued",
    "expires",
    "storage",
    "held_by",
    "active",
    "name",
    "at",
    "line",
    "privilege",
    "confidence",
    "kind",
    "secret",
    "credentials",
    "from",
];

/// Keys of an element of `credentials`.
const CREDENTIAL_KEYS: &[&str] =
    &["kind", "name", "account", "secret", "issued", "expires", "from"];

/// Keys of a command.
const COMMAND_KEYS: &[&str] = &["text", "time", "line", "shell", "name", "value"];

/// Fields that a template under `end:` may name: none of them is secret.
const TEMPLATE_FIELDS: &[&str] = &[
    "account",
    "tenant",
    "host",
    "issuer",
    "audience",
    "client_id",
    "client_name",
    "name",
    "at",
    "path",
];

/// Fields that would be.
const SECRET_FIELDS: &[&str] =
    &["secret", "token", "password", "key", "credentials", "access_token", "refresh_token"];

/// Checks one file.
pub(super) fn check(file: &str, text: &str, rule: &Node, formats: &[Format]) -> Vec<Diagnostic> {
    let mut check = Check { file, text, formats, found: Vec::new() };
    check.identity(rule);
    check.evidence(rule);
    check.client(rule);
    check.environment(rule);
    for cache in rule.items_of("caches") {
        check.cache(cache);
    }
    check.filters(rule);
    check.lifetimes(rule);
    check.templates(rule);
    check.tests(rule);
    check.found
}

/// What is wrong with the filters of a file alone.
pub fn filters(file: &str, text: &str) -> Vec<Diagnostic> {
    let Ok(rule) = serde_yaml::from_str::<Node>(text) else { return Vec::new() };
    let mut check = Check { file, text, formats: &[], found: Vec::new() };
    check.filters(&rule);
    check.found
}

struct Check<'a> {
    file: &'a str,
    text: &'a str,
    formats: &'a [Format],
    found: Vec<Diagnostic>,
}

impl<'a> Check<'a> {
    fn report(&mut self, at: &Node, message: &str) {
        self.report_with(at, message, None);
    }

    fn report_with(&mut self, at: &Node, message: &str, hint: Option<String>) {
        self.found.push(Diagnostic {
            line: at.line,
            column: at.column,
            hint,
            ..Diagnostic::new(self.file, message)
        });
    }

    /// The file's place says what the rule is called and where it belongs.
    fn identity(&mut self, rule: &Node) {
        let parts: Vec<_> = self.file.split('/').collect();
        let ["caches", folder, name] = parts[..] else {
            return self.report(rule, "a cache rule lies in caches/<category>/<id>.yaml");
        };
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        for (key, expected, what) in
            [("id", stem, "the file is"), ("category", folder, "the folder is")]
        {
            let Some(node) = rule.get(key) else { continue };
            if node.text().is_some_and(|text| text != expected) {
                self.report_with(
                    node,
                    &format!("`{key}` differs from its place"),
                    Some(format!("{what} `{expected}`")),
                );
            }
        }
        for key in ["id", "provider", "category"] {
            let Some(node) = rule.get(key) else { continue };
            if node.text().is_some_and(|text| !is_kebab(text)) {
                self.report(node, &format!("`{key}` is written in lower case, digits and hyphens"));
            }
        }
        for key in ["tool", "summary"] {
            let Some(node) = rule.get(key) else { continue };
            if node.text().is_some_and(|text| text.trim().is_empty()) {
                self.report(node, &format!("`{key}` says nothing"));
            }
        }
    }

    /// What the rule rests on.
    fn evidence(&mut self, rule: &Node) {
        for reference in rule.items_of("references") {
            let is_url = reference.text().is_some_and(|text| {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                rest.is_some_and(|rest| rest.contains('.') && !rest.contains(char::is_whitespace))
            });
            if !is_url {
                self.report(reference, "a reference is a URL");
            }
        }
        if rule.get("confirmed").is_none_or(Node::is_null)
            && rule.text_of("status") != Some("experimental")
        {
            let hint = "`confirmed: tool|source|docs`, or `status: experimental`";
            self.report_with(rule, "nothing says what the rule rests on", Some(hint.into()));
        }
    }

    fn client(&mut self, rule: &Node) {
        let Some(client) = rule.get("client") else { return };
        for secret in client.items_of("public_secrets") {
            let is_sha256 = secret.text().is_some_and(|text| {
                text.len() == 64
                    && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            });
            if !is_sha256 {
                self.report(
                    secret,
                    "a public secret is named by its SHA-256, 64 lower-case hex digits",
                );
            }
        }
    }

    fn environment(&mut self, rule: &Node) {
        for (name, _) in rule.get("env_tokens").map_or(&[][..], Node::entries) {
            let text = name.text().unwrap_or_default();
            // `TF_TOKEN_*` stands for one variable a host. npm takes names that no shell can set.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_/:.-".contains(&byte);
            let (first, rest) = text.split_once('*').unwrap_or((text, ""));
            if !is_identifier(first.split(['/', ':', '.']).next().unwrap_or_default())
                || !first.bytes().chain(rest.bytes()).all(plain)
            {
                let hint = rest.contains('*').then(|| "one `*`, after its beginning".to_owned());
                self.report_with(name, "not a name of a variable", hint);
            }
        }
    }

    fn cache(&mut self, cache: &Node) {
        let paths = cache.items_of("paths");
        if paths.is_empty() && cache.get("paths").is_some() {
            self.report(cache, "`paths` is empty");
        }
        for path in paths {
            if let Some(fault) = path.text().and_then(path_fault) {
                self.report(path, fault);
            }
        }
        for (name, below) in cache.get("env").map_or(&[][..], Node::entries) {
            self.variable(name);
            if let Some(fault) = below.text().and_then(below_fault) {
                self.report(below, fault);
            }
        }
        if let Some(sniff) =
            cache.get("sniff").filter(|sniff| sniff.text().is_some_and(|text| text.len() < 4))
        {
            self.report(sniff, "`sniff` is too short to tell a file by");
        }
        let format = self.format(cache);
        self.content(cache, format);
        for (name, file) in cache.get("beside").map_or(&[][..], Node::entries) {
            self.beside(name, file);
        }
    }

    fn beside(&mut self, name: &Node, file: &Node) {
        let is_name =
            |text: &str| text != "path" && is_identifier(text) && text == text.to_lowercase();
        if !name.text().is_some_and(is_name) {
            self.report(name, "a name of `beside` is a lower-case variable other than `path`");
        }
        if let Some(path) = file.get("path") {
            let below = path.text().map(|text| match text.strip_prefix("~/") {
                Some(below) => below,
                // A file of the same store may lie above.
                None => text.trim_start_matches("../"),
            });
            if let Some(fault) = below.and_then(below_fault) {
                self.report(path, fault);
            } else if below.is_some_and(|text| text.is_empty() || text.matches('*').count() > 1) {
                self.report(path, "a path of `beside` names one file, with at most one `*`");
            }
        }
        if let Some(format) = self.format(file).filter(|format| format.document.is_none()) {
            self.report(file, &format!("`{}` gives no document", format.name));
        }
    }

    /// The format of a cache or `beside` file, if it is known.
    fn format(&mut self, node: &Node) -> Option<&'a Format> {
        let name = node.get("format")?;
        let text = name.text()?;
        let Some(format) = self.formats.iter().find(|format| format.name == text) else {
            let hint = nearest(text, self.formats.iter().map(|format| format.name));
            self.report_with(name, &format!("unknown format `{text}`"), hint);
            return None;
        };
        if let Some(dialect) = node.get("dialect")
            && let Some(Ok(known)) = dialect.text().map(serde_yaml::from_str::<Dialect>)
            && !format.dialects.contains(&known)
        {
            self.report(dialect, &format!("`{text}` has no such dialect"));
        }
        let tables = node.get("tables");
        match tables {
            None if text == "sqlite" => self.report(name, "`sqlite` needs the `tables` to read"),
            Some(tables) if text != "sqlite" => self.report(tables, "only `sqlite` has tables"),
            _ => {}
        }
        Some(format)
    }

    /// A cache yields grants or commands, and its format must give what the one or the other is made of.
    fn content(&mut self, cache: &Node, format: Option<&Format>) {
        let grants = cache.get("grants");
        let commands = cache.get("commands").filter(|commands| !is_false(commands));
        if grants.is_none() && commands.is_none() {
            self.report(cache, "neither `grants` nor `commands`: the cache yields nothing");
        }
        if let Some(commands) = commands
            && cache.get("holds").is_none()
        {
            self.report(commands, "`commands` needs `holds: history` or `holds: dotfile`");
        }
        if let Some(includes) = cache.get("includes").filter(|_| grants.is_none()) {
            self.report(includes, "what is included is read for `grants`, and there are none");
        }
        let Some(format) = format else { return };
        let document = [grants, commands.filter(|commands| commands.text().is_some())];
        for filter in document.into_iter().flatten().filter(|_| format.document.is_none()) {
            self.report(filter, &format!("`{}` gives no document for a filter", format.name));
        }
        if let Some(commands) =
            commands.filter(|commands| commands.text().is_none() && format.entries.is_none())
        {
            self.report(commands, &format!("`{}` yields no commands", format.name));
        }
    }

    fn filters(&mut self, rule: &Node) {
        for cache in rule.items_of("caches") {
            let beside = cache.get("beside").map_or(&[][..], Node::entries);
            let mut variables = vec!["$path".to_owned()];
            variables
                .extend(beside.iter().filter_map(|(name, _)| Some(format!("${}", name.text()?))));
            for (key, known) in
                [("grants", GRANT_KEYS), ("commands", COMMAND_KEYS), ("includes", &[])]
            {
                if let Some(filter) = cache.get(key) {
                    self.filter(filter, &variables, known);
                }
            }
        }
    }

    fn filter(&mut self, node: &Node, variables: &[String], known: &[&str]) {
        let Some(source) = node.text() else { return };
        let variables: Vec<_> = variables.iter().map(String::as_str).collect();
        for Problem { line, column, message, hint } in
            Filter::compile(source, &variables).err().unwrap_or_default()
        {
            self.report_in(node, (line, column), &message, hint);
        }
        for key in keys(source) {
            let known = if key.part == Part::Credential { CREDENTIAL_KEYS } else { known };
            let place = (key.line, key.column);
            if !known.contains(&key.name.as_str()) {
                let hint = nearest(&key.name, known.iter().copied());
                self.report_in(
                    node,
                    place,
                    &format!("unknown key `{}` in an output", key.name),
                    hint,
                );
            }
            for text in &key.texts {
                let (is_known, words): (bool, Vec<&str>) = match key.name.as_str() {
                    "kind" => (
                        CredentialKind::from_str(text).is_ok(),
                        CredentialKind::ALL.map(CredentialKind::as_str).to_vec(),
                    ),
                    "storage" => {
                        (Storage::from_str(text).is_ok(), STORAGES.map(Storage::as_str).to_vec())
                    }
                    _ => continue,
                };
                if !is_known {
                    let hint = nearest(text, words);
                    self.report_in(node, place, &format!("unknown {} `{text}`", key.name), hint);
                }
            }
        }
    }

    /// Reports a place inside the text of a scalar, as it stands in the file.
    fn report_in(
        &mut self,
        node: &Node,
        (line, column): (usize, usize),
        message: &str,
        hint: Option<String>,
    ) {
        let (line, column) = place_in_file(self.text, node, line, column);
        self.found.push(Diagnostic { line, column, hint, ..Diagnostic::new(self.file, message) });
    }

    fn lifetimes(&mut self, rule: &Node) {
        for (_, life) in rule.get("lifetime").map_or(&[][..], Node::entries) {
            for (key, never) in [("ends", true), ("idle", false)] {
                let Some(node) = life.get(key).filter(|node| !node.is_null()) else { continue };
                let is_known = node.text().is_some_and(|text| {
                    (never && text == "never") || duration::seconds(text).is_some()
                });
                if !is_known {
                    let never = if never { ", or `never`" } else { "" };
                    self.report(
                        node,
                        &format!("a duration is one number and one of s, m, h, d (`365d`){never}"),
                    );
                }
            }
        }
    }

    /// Commands that end a grant may name what is told of it, never a secret.
    fn templates(&mut self, rule: &Node) {
        let Some(end) = rule.get("end") else { return };
        for (_, template) in end.entries() {
            for field in template.text().map(fields).unwrap_or_default() {
                if TEMPLATE_FIELDS.contains(&field) {
                    continue;
                }
                if SECRET_FIELDS.contains(&field) {
                    self.report(template, &format!("`{{{field}}}` would be a secret"));
                } else {
                    let hint = nearest(field, TEMPLATE_FIELDS.iter().copied())
                        .or_else(|| Some(format!("one of {}", TEMPLATE_FIELDS.join(", "))));
                    self.report_with(template, &format!("unknown field `{{{field}}}`"), hint);
                }
            }
        }
    }

    /// A rule proves what it finds, what it leaves alone, and that it notices a file it does not understand.
    fn tests(&mut self, rule: &Node) {
        let caches = rule.items_of("caches");
        // Any text is a history or a script; and text that need not hold a grant is never misunderstood.
        let any_text = |cache: &&Node| {
            let is_lenient = matches!(cache.text_of("format"), Some("dotenv" | "text" | "lines"))
                && cache.get("may_be_empty").is_some();
            cache.get("commands").is_some() || is_lenient
        };
        let mut broken = caches.iter().any(|cache| any_text(&cache));
        let caches = caches.len();
        if caches == 0 {
            // A rule for variables alone has no file to show.
            return;
        }
        let (mut found, mut nothing) = (false, false);
        for test in rule.items_of("tests") {
            if let Some(index) = test.get("cache")
                && let Content::Scalar(number) = &index.content
                && number.as_u64().is_some_and(|number| {
                    usize::try_from(number).is_ok_and(|number| number >= caches)
                })
            {
                self.report(index, &format!("there are {caches} caches, counted from 0"));
            }
            let Some(expect) = test.get("expect") else { continue };
            match expect.text() {
                Some("nothing") => nothing = true,
                Some("malformed" | "unrecognised") => broken = true,
                Some(word)
                    if SkipReason::deserialize(
                        IntoDeserializer::<ValueError>::into_deserializer(word),
                    )
                    .is_err() =>
                {
                    let hint = nearest(word, ["nothing", "malformed", "unrecognised"]);
                    self.report_with(
                        expect,
                        &format!("`{word}` is neither a skip reason nor `nothing`"),
                        hint,
                    );
                }
                Some(_) => {}
                None => {
                    let held = |grant: &Node| {
                        matches!(
                            grant.text_of("storage"),
                            Some("keychain" | "helper" | "encrypted")
                        )
                    };
                    nothing |= expect.items().is_empty() || expect.items().iter().any(held);
                    found |= expect.items().iter().any(|grant| !held(grant));
                }
            }
        }
        let missing = [
            (found, "a file with a grant"),
            (nothing, "a file without a secret (`nothing`, or a grant in a keychain)"),
            (broken, "a file that is not understood (`malformed` or `unrecognised`)"),
        ];
        let at = rule.get("tests").unwrap_or(rule);
        for (_, what) in missing.into_iter().filter(|(is_there, _)| !is_there) {
            self.report(at, &format!("no test of {what}"));
        }
    }

    /// Names of the environment.
    fn variable(&mut self, name: &Node) {
        if !name.text().is_some_and(is_identifier) {
            self.report(name, "not a name of a variable");
        }
    }
}

/// What is wrong with a path of a cache.
fn path_fault(path: &str) -> Option<&'static str> {
    let below = ["~/", "/", "**/"].iter().find_map(|start| path.strip_prefix(start));
    let Some(below) = below else {
        return Some("a path begins with `~/` (any home), `/` (the root) or `**/` (anywhere)");
    };
    if below.is_empty() { Some("a path names a file") } else { below_fault(below) }
}

/// What is wrong with a path below some folder; none may leave it.
fn below_fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return None;
    }
    if path.contains('\\') {
        return Some("paths are written with `/`");
    }
    if path.starts_with(['/', '~']) {
        return Some("a path below another is relative");
    }
    if path.ends_with('/')
        || path.split('/').any(|part| part.is_empty() || part == "." || part == "..")
    {
        return Some("a path has no `.`, `..` or empty components");
    }
    if path.split('/').any(|part| Glob::new(part, false).is_none()) {
        return Some("not a glob (`*`, `**`, `?`, `[]`, `{a,b}`)");
    }
    // What is left of a path when its braces are opened must name something as well.
    let opened = Pattern::compile(&format!("/{path}"), 0);
    opened.is_err().then_some("with its braces opened, not a path that names a file")
}

fn is_false(node: &Node) -> bool {
    matches!(node.content, Content::Scalar(Value::Bool(false)))
}

/// The `{field}`s of a template. Braces around anything but a name are text: commands hold JSON and shell.
fn fields(template: &str) -> Vec<&str> {
    let candidates = template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    candidates.filter(|name| is_identifier(name) && *name == name.to_lowercase()).collect()
}

/// Where line and column of a scalar's text are in the file. A literal block keeps its lines under one indent, what stands on one line
/// keeps its columns. Folded scalars keep neither: what points into one points at its beginning.
fn place_in_file(file: &str, node: &Node, line: usize, column: usize) -> (usize, usize) {
    let lines: Vec<&str> = file.lines().collect();
    let start = lines.get(node.line - 1).copied().unwrap_or_default();
    match block_style(&lines, node) {
        Some('|') => {
            // Blank lines at the top belong to the text, but the place is that of its first word.
            let above = lines[..node.line - 1]
                .iter()
                .rev()
                .take_while(|text| text.trim().is_empty())
                .count();
            ((node.line + line).saturating_sub(above + 1).max(1), node.column - 1 + column)
        }
        None if line == 1 => {
            let quote = usize::from(
                start.chars().nth(node.column - 1).is_some_and(|c| c == '"' || c == '\''),
            );
            (node.line, node.column - 1 + column + quote)
        }
        _ => (node.line, node.column),
    }
}

/// `|` or `>`, where the node is a block scalar: its text begins a line, and the line before ends in the sign.
fn block_style(lines: &[&str], node: &Node) -> Option<char> {
    let before: String = lines.get(node.line - 1)?.chars().take(node.column - 1).collect();
    if !before.trim().is_empty() {
        return None;
    }
    let header = lines[..node.line - 1].iter().rev().find(|text| !text.trim().is_empty())?;
    let header = header.split(" #").next()?.trim_end();
    let sign = header.trim_end_matches(|c: char| c == '+' || c == '-' || c.is_ascii_digit());
    sign.chars().last().filter(|c| matches!(c, '|' | '>'))
}

fn is_kebab(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_identifier(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(plain) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
