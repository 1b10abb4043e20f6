//! Rules for secrets on command lines and in assignments: `rules/commands/*.yaml`.
//!
//! A rule speaks of words, options and assignments of one simple command, or of the text (`anywhere`). Finding the rules that
//! concern a command costs one look-up of its name, one set match a variable, one prefilter pass over the text. Patterns are
//! compiled when first needed: a scan that meets no `ldapsearch` does not pay for its rule. [`CommandRules::check`] compiles all.

use std::collections::HashMap;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::grant::{CredentialKind, Storage};

/// Bytes that one compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// One rule of a file under `rules/commands/`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// Kebab-case, unique among command rules.
    pub id: String,
    /// The tool whose credential leaks, as its users say it.
    pub tool: String,
    /// Who issues the credential; kebab-case.
    pub provider: String,
    /// One sentence: what lies open where.
    pub summary: String,
    /// What the secret is, unless its own shape tells otherwise.
    pub kind: CredentialKind,
    /// Command word and sub-commands (`docker login`); several sequences as a list.
    #[serde(default)]
    pub command: OneOrMany,
    /// Options whose value is, or holds, the secret: `-p`, `--password`, `-passin`, `/pass:`.
    #[serde(default)]
    pub option: Vec<String>,
    /// How an option's value may be written.
    #[serde(default)]
    pub form: OptionForm,
    /// Single-letter options may be written together, the last one with the value: `-sSu name:password`.
    #[serde(default)]
    pub cluster: bool,
    /// Which operand is, or holds, the secret.
    #[serde(default)]
    pub argument: Option<Argument>,
    /// Pattern of an operand behind which `argument` counts.
    #[serde(default)]
    pub after: Option<String>,
    /// Options of the command that take the next word, so that it is no operand.
    #[serde(default)]
    pub valued: Vec<String>,
    /// One of these words must be among the command's.
    #[serde(default)]
    pub with: Vec<String>,
    /// None of these words may be among the command's.
    #[serde(default)]
    pub without: Vec<String>,
    /// Words compare without regard to case.
    #[serde(default)]
    pub ignore_case: bool,
    /// Pattern of the value, with `(?<secret>…)` and perhaps `(?<account>…)`, `(?<host>…)`.
    #[serde(default)]
    pub value: Option<String>,
    /// Pattern of secrets that are none.
    #[serde(default)]
    pub except: Option<String>,
    /// The value is a list of `NAME=value`, each judged as an assignment.
    #[serde(default)]
    pub pairs: Option<Pairs>,
    /// Pattern of a variable's name, in upper snake case: `dbPassword`, `db-password` and `db.password` are `DB_PASSWORD`.
    #[serde(default)]
    pub assignment: Option<String>,
    /// Pattern of names that are none, in the same form.
    #[serde(default)]
    pub unless: Option<String>,
    /// Pattern of a long option's name, of any command, in lower kebab case.
    #[serde(default)]
    pub any_option: Option<String>,
    /// Pattern with `(?<secret>…)` in the text of an entry, perhaps with `(?<name>…)`, which is judged as a variable's name.
    #[serde(default)]
    pub anywhere: Option<String>,
    /// Literals, one of which `anywhere` cannot match without; case does not matter.
    #[serde(default)]
    pub literals: Vec<String>,
    /// Where the account stands.
    #[serde(default)]
    pub account: Option<Source>,
    /// Where the host stands.
    #[serde(default)]
    pub host: Option<Source>,
    /// How the secret is kept there; `plaintext` unless said or decoded.
    #[serde(default)]
    pub storage: Option<Storage>,
    /// How the secret is coded.
    #[serde(default)]
    pub decode: Option<Decode>,
    /// What a value must look like, where names and places prove little.
    #[serde(default)]
    pub looks: Option<Looks>,
    /// Any other rule that finds the same secret is heard first.
    #[serde(default)]
    pub generic: bool,
    /// What `location.key` says; command words and option, or the variable's name, otherwise.
    #[serde(default)]
    pub key: Option<String>,
    /// Lines and the secret in each.
    #[serde(default)]
    pub positive: Vec<Positive>,
    /// Lines in which no rule at all may find anything.
    #[serde(default)]
    pub negative: Vec<Line>,
}

/// A text or a list of texts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say all")]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// How an option's value may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptionForm {
    /// `-p value`, `-pvalue`, `--password value`, `--password=value`.
    #[default]
    Any,
    /// `-pvalue`, `--password=value` only: the next word is something else.
    Attached,
    /// `-p value`, `--password value` and `--password=value` only.
    Separate,
}

/// Which operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Argument {
    /// 1-based.
    Index(usize),
    /// By word.
    Word(ArgumentWord),
}

/// Which operand, by word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArgumentWord {
    /// The last one.
    Last,
    /// Each that matches `value`.
    Any,
    /// None: what is piped in, or given as a here-string or here-document.
    Stdin,
}

/// What stands between the `NAME=value` of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// Nothing: there is one.
    One,
    /// Blanks.
    Blanks,
    /// Commas.
    Commas,
    /// Ampersands, and names and values are URL-encoded.
    Ampersands,
}

/// Where a fact beside the secret stands, in the same simple command. The first that is there counts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Options.
    #[serde(default)]
    pub option: Vec<String>,
    /// An operand.
    #[serde(default)]
    pub argument: Option<Argument>,
    /// Pattern of a variable's name, as `assignment` of a rule.
    #[serde(default)]
    pub assignment: Option<String>,
    /// Pattern with `(?<it>…)` that takes the fact out of it.
    #[serde(default)]
    pub value: Option<String>,
}

/// How a secret is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decode {
    /// Base64 of `account:password`.
    Base64Basic,
    /// Base64 of the secret.
    Base64,
    /// Percent signs.
    Url,
    /// PEM whose line ends may be written as `\n`.
    Pem,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Looks {
    /// Anything but nothing.
    Anything,
    /// One word that is no setting.
    Password,
    /// Of some length and not a plain word.
    Token,
    /// Long, of letters and digits: made by a machine.
    Random,
}

/// A line in which a rule must find something.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Positive {
    /// The line. `<N>` and `<hex:N>` stand for N random letters and digits, the same ones in the secret.
    pub line: String,
    /// What must be found, decoded.
    pub secret: String,
    /// Its account.
    #[serde(default)]
    pub account: Option<String>,
    /// Its kind, where it is not the rule's.
    #[serde(default)]
    pub kind: Option<CredentialKind>,
    /// Whose quoting rules hold; a POSIX shell's otherwise.
    #[serde(default)]
    pub shell: Shell,
}

/// A line of a test.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Line {
    /// For a POSIX shell.
    Text(String),
    /// For another.
    Of {
        /// The line.
        line: String,
        /// The shell.
        shell: Shell,
    },
}

/// Whose quoting rules hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say all")]
pub enum Shell {
    #[default]
    Posix,
    Fish,
    Powershell,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Id of the rule, or the file where it could not be read at all.
    pub rule: String,
    /// What to mend.
    pub what: String,
}

/// A rule made ready.
pub struct CommandRule {
    /// As written.
    pub spec: CommandSpec,
    pub(crate) value: Option<Pattern>,
    pub(crate) except: Option<Pattern>,
    pub(crate) after: Option<Pattern>,
    pub(crate) unless: Option<Pattern>,
    pub(crate) any_option: Option<Pattern>,
    pub(crate) anywhere: Option<Pattern>,
    pub(crate) account: Option<FactSource>,
    pub(crate) host: Option<FactSource>,
}

/// A [`Source`] made ready.
pub(crate) struct FactSource {
    pub(crate) spec: Source,
    pub(crate) assignment: Option<Pattern>,
    pub(crate) value: Option<Pattern>,
}

/// A regular expression, compiled when first used. One that does not compile matches nothing.
///
/// `\w`, `\s`, `\b` and case are ASCII's: that compiles many times faster, and no rule needs more.
pub(crate) struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(source: &str) -> Self {
        Self { source: source.to_owned(), compiled: OnceLock::new() }
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compile(&self.source).ok()).as_ref()
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex()?.captures(text.as_bytes())
    }

    pub(crate) fn captures_iter<'t>(&self, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
        self.regex().into_iter().flat_map(move |regex| regex.captures_iter(text.as_bytes()))
    }
}

fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).unicode(false).size_limit(PATTERN_SIZE).build()
}

/// All command rules, arranged for look-up.
pub struct CommandRules {
    rules: Vec<CommandRule>,
    /// Command word -> what it calls for.
    by_command: HashMap<String, Vec<CommandEntry>>,
    names: NameSet,
    any_option: Vec<usize>,
    anywhere: Prefilter,
}

/// One word sequence of a rule's `command`.
pub(crate) struct CommandEntry {
    /// As the rule writes it.
    pub(crate) command: String,
    /// The sub-commands that must follow the command word.
    pub(crate) rest: Vec<String>,
    rule: usize,
}

struct NameSet {
    rules: Vec<usize>,
    set: OnceLock<Option<RegexSet>>,
}

struct Prefilter {
    /// The rule of each literal.
    rules: Vec<usize>,
    literals: Vec<String>,
    automaton: OnceLock<Option<AhoCorasick>>,
}

/// Reads one file of rules.
pub fn read(file: &str, text: &str) -> Result<Vec<CommandSpec>, Problem> {
    serde_yaml::from_str(text)
        .map_err(|error| Problem { rule: file.to_owned(), what: error.to_string() })
}

impl CommandRules {
    /// Arranges rules; earlier ones are heard first where several fit alike.
    pub fn new(specs: Vec<CommandSpec>) -> Self {
        let rules: Vec<_> = specs.into_iter().map(CommandRule::new).collect();
        let numbered = || rules.iter().enumerate();
        let mut by_command: HashMap<String, Vec<CommandEntry>> = HashMap::new();
        for (index, rule) in numbered() {
            for command in rule.spec.command.all() {
                let mut words = command.split(' ').map(ToOwned::to_owned);
                let word = words.next().unwrap_or_default().to_ascii_lowercase();
                let entry =
                    CommandEntry { command: command.clone(), rest: words.collect(), rule: index };
                by_command.entry(word).or_default().push(entry);
            }
        }
        let names = numbered().filter(|(_, rule)| rule.spec.assignment.is_some());
        let names =
            NameSet { rules: names.map(|(index, _)| index).collect(), set: OnceLock::new() };
        let any_option = numbered().filter(|(_, rule)| rule.any_option.is_some());
        let any_option = any_option.map(|(index, _)| index).collect();
        let mut anywhere =
            Prefilter { rules: Vec::new(), literals: Vec::new(), automaton: OnceLock::new() };
        for (index, rule) in numbered().filter(|(_, rule)| rule.anywhere.is_some()) {
            for literal in &rule.spec.literals {
                anywhere.rules.push(index);
                anywhere.literals.push(literal.clone());
            }
        }
        Self { rules, by_command, names, any_option, anywhere }
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[CommandRule] {
        &self.rules
    }

    /// Everything that is wrong with the rules, every pattern compiled.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut ids = std::collections::HashSet::new();
        for rule in &self.rules {
            let mut say =
                |what: String| problems.push(Problem { rule: rule.spec.id.clone(), what });
            if !ids.insert(&rule.spec.id) {
                say("another rule has this id".into());
            }
            rule.check(&mut say);
        }
        problems
    }

    /// The rules of a command word (lower case, without folder).
    pub(crate) fn of_command(
        &self,
        word: &str,
    ) -> impl Iterator<Item = (&CommandEntry, &CommandRule)> {
        let entries = self.by_command.get(word).map(Vec::as_slice).unwrap_or_default();
        entries.iter().map(|entry| (entry, &self.rules[entry.rule]))
    }

    /// The rule that takes this name for a secret's; names are compared in [`upper_snake`] form.
    pub(crate) fn of_name(&self, name: &str) -> Option<&CommandRule> {
        let set = self.names.set.get_or_init(|| {
            let patterns = self.names.rules.iter().map(|index| &self.rules[*index].spec.assignment);
            RegexSetBuilder::new(patterns.flatten()).unicode(false).build().ok()
        });
        let set = set.as_ref()?;
        let rules =
            set.matches(name.as_bytes()).into_iter().map(|at| &self.rules[self.names.rules[at]]);
        let fits =
            |rule: &&CommandRule| !rule.unless.as_ref().is_some_and(|not| not.is_match(name));
        rules.filter(fits).min_by_key(|rule| rule.spec.generic)
    }

    /// The rules for long options of any command.
    pub(crate) fn of_any_option(&self) -> impl Iterator<Item = &CommandRule> {
        self.any_option.iter().map(|index| &self.rules[*index])
    }

    /// The `anywhere` rules of which a literal stands in the text, in order.
    pub(crate) fn of_text(&self, text: &str) -> Vec<&CommandRule> {
        let automaton = self.anywhere.automaton.get_or_init(|| {
            AhoCorasick::builder().ascii_case_insensitive(true).build(&self.anywhere.literals).ok()
        });
        let Some(automaton) = automaton else { return Vec::new() };
        let mut found = vec![false; self.rules.len()];
        let mut any = false;
        for hit in automaton.find_overlapping_iter(text) {
            found[self.anywhere.rules[hit.pattern().as_usize()]] = true;
            any = true;
        }
        if !any {
            return Vec::new();
        }
        self.rules.iter().zip(found).filter_map(|(rule, found)| found.then_some(rule)).collect()
    }
}

impl CommandRule {
    fn new(spec: CommandSpec) -> Self {
        let pattern = |source: &Option<String>| source.as_deref().map(Pattern::new);
        let source = |source: &Option<Source>| {
            source.as_ref().map(|source| FactSource {
                assignment: pattern(&source.assignment),
                value: pattern(&source.value),
                spec: source.clone(),
            })
        };
        Self {
            value: pattern(&spec.value),
            except: pattern(&spec.except),
            after: pattern(&spec.after),
            unless: pattern(&spec.unless),
            any_option: pattern(&spec.any_option),
            anywhere: pattern(&spec.anywhere),
            account: source(&spec.account),
            host: source(&spec.host),
            spec,
        }
    }

    fn check(&self, say: &mut dyn FnMut(String)) {
        let spec = &self.spec;
        let places = [
            !spec.command.all().is_empty(),
            spec.assignment.is_some(),
            spec.any_option.is_some(),
            spec.anywhere.is_some(),
        ];
        if places.iter().filter(|place| **place).count() != 1 {
            say("needs exactly one of command, assignment, any_option, anywhere".into());
        }
        if !spec.command.all().is_empty() && spec.option.is_empty() == spec.argument.is_none() {
            say("a command needs exactly one of option, argument".into());
        }
        if spec.anywhere.is_some() && spec.literals.is_empty() {
            say("anywhere needs literals".into());
        }
        if spec.positive.is_empty() {
            say("needs a positive example".into());
        }
        let groups: [(&str, Option<&String>, &str); 10] = [
            ("value", spec.value.as_ref(), "secret"),
            ("anywhere", spec.anywhere.as_ref(), "secret"),
            ("except", spec.except.as_ref(), ""),
            ("after", spec.after.as_ref(), ""),
            ("unless", spec.unless.as_ref(), ""),
            ("assignment", spec.assignment.as_ref(), ""),
            ("any_option", spec.any_option.as_ref(), ""),
            ("account.value", spec.account.as_ref().and_then(|s| s.value.as_ref()), "it"),
            ("host.value", spec.host.as_ref().and_then(|s| s.value.as_ref()), "it"),
            ("account.assignment", spec.account.as_ref().and_then(|s| s.assignment.as_ref()), ""),
        ];
        for (key, source, group) in groups {
            let Some(source) = source else { continue };
            match compile(source) {
                Err(error) => say(format!("{key}: {error}")),
                Ok(regex)
                    if !group.is_empty()
                        && !regex.capture_names().flatten().any(|n| n == group) =>
                {
                    say(format!("{key}: has no (?<{group}>...)"));
                }
                Ok(_) => {}
            }
        }
    }
}

/// A variable's, option's or header's name in the form in which names are compared: `dbPassword`, `db-password`, `db.password`
/// are `DB_PASSWORD`.
pub(crate) fn upper_snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut lower_before = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower_before {
            snake.push('_');
        }
        lower_before = c.is_ascii_lowercase();
        snake.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(yaml: &str) -> Vec<String> {
        match read("x.yaml", yaml) {
            Ok(specs) => CommandRules::new(specs)
                .check()
                .into_iter()
                .map(|p| format!("{}: {}", p.rule, p.what))
                .collect(),
            Err(problem) => vec![format!("{}: unreadable", problem.rule)],
        }
    }

    #[test]
    fn problems_are_told_with_the_rule() {
        let head = "- id: a\n  tool: t\n  provider: p\n  summary: s\n  kind: password\n";
        let example = "  positive: [{line: x, secret: x}]\n";
        for (rest, expected) in [
            ("  command: x\n  option: [-p]\n", None),
            ("  command: x\n", Some("a: a command needs exactly one of option, argument")),
            (
                "  command: x\n  argument: 1\n  assignment: y\n",
                Some("a: needs exactly one of command, assignment, any_option, anywhere"),
            ),
            ("  anywhere: '(?<secret>x)'\n", Some("a: anywhere needs literals")),
            ("  anywhere: 'x'\n  literals: [x]\n", Some("a: anywhere: has no (?<secret>...)")),
            ("  commands: x\n", Some("x.yaml: unreadable")),
        ] {
            assert_eq!(
                problems(&format!("{head}{rest}{example}")).first().map(String::as_str),
                expected,
                "{rest}"
            );
        }
        let broken =
            problems(&format!("{head}  assignment: '('\n{example}{head}  assignment: x\n"));
        assert!(broken[0].starts_with("a: assignment: regex parse error"), "{broken:?}");
        assert_eq!(broken[1..], ["a: another rule has this id", "a: needs a positive example"]);
    }

    #[test]
    fn a_broken_pattern_matches_nothing() {
        let pattern = Pattern::new("(");
        assert!(!pattern.is_match("(") && pattern.captures("(").is_none());
    }

    #[test]
    fn names_have_one_form() {
        for (name, expected) in [
            ("dbPassword", "DB_PASSWORD"),
            ("db-password", "DB_PASSWORD"),
            ("db.password", "DB_PASSWORD"),
            ("DB_PASSWORD", "DB_PASSWORD"),
            ("APIKey", "APIKEY"),
            ("\u{e4}x", "_X"),
        ] {
            assert_eq!(upper_snake(name), expected);
        }
    }
}
