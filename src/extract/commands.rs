//! Command rules x entries to sightings of secrets.
//!
//! Each find has a rank: an option or operand that a rule knows, before a variable's name, before a pattern in the text. Of several
//! finds of one secret in one entry the highest rank is told. What a variable or a substitution stands for is never a secret.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use jiff::Timestamp;
use regex::bytes::Captures;
use zeroize::Zeroizing;

use super::placeholder::is_placeholder;
use super::secret::Secret;
use crate::grant::{CredentialKind, Storage};
use crate::parse::shell::{self, Assignment, SimpleCommand, Word, program};
use crate::parse::{Body, Entry, Language};
use crate::rule::command::{
    Argument, ArgumentWord, CommandRule, CommandRules, CommandSpec, Decode, FactSource, Looks,
    OptionForm, Pairs, upper_snake,
};

/// A secret that an entry gives away.
pub(crate) struct Sighting<'r> {
    /// The rule that found it.
    pub(crate) rule: &'r CommandRule,
    /// What it is, by the rule or the variable's name.
    pub(crate) kind: CredentialKind,
    /// As one would use it: decoded, where the rule tells how.
    pub(crate) secret: Secret,
    /// Whose it is, where the command tells.
    pub(crate) account: Option<String>,
    /// Where it is presented, where the command tells.
    pub(crate) host: Option<String>,
    /// How it is kept there.
    pub(crate) storage: Storage,
    /// 1-based physical line.
    pub(crate) line: u64,
    /// When the entry was typed.
    pub(crate) time: Option<Timestamp>,
    /// Command words and option, or the variable's name; never a value.
    pub(crate) key: String,
}

/// Hands on every secret that the entry gives away, each once, in the order of its lines.
pub(crate) fn inspect<'r>(
    entry: &Entry<'_>,
    rules: &'r CommandRules,
    each: &mut dyn FnMut(Sighting<'r>),
) {
    let mut search = Search { rules, finds: Vec::new() };
    match entry.body {
        Body::Assignment { name, value } => {
            search.named(name, Value::whole(&Word::literal(value)), entry.line, None);
        }
        Body::Commands(text, language) => search.text(text, language, entry.line),
        Body::Text(text) => search.anywhere(Value::whole(&Word::literal(text)), None, entry.line),
        Body::Prose(_) => {}
    }
    for find in distinct(search.finds) {
        each(Sighting {
            rule: find.rule,
            kind: find.kind,
            secret: Secret::new(find.secret.to_string()),
            account: find.account.filter(|account| is_principal(account, &find.secret)),
            host: find.host.filter(|host| !host.contains(find.secret.as_str())),
            storage: find.storage,
            line: find.line,
            time: entry.time,
            key: find.key,
        });
    }
}

/// Longest variable name, account or host worth telling.
const MAX_FACT: usize = 200;

/// User names that say how one logs in, not who.
const NO_PRINCIPALS: &[&str] = &[
    "oauth2",
    "x-access-token",
    "x-token-auth",
    "__token__",
    "_token",
    "token",
    "private-token",
    "gitlab-ci-token",
    "_json_key",
    "_json_key_base64",
    "oauth2accesstoken",
    "AWS",
    "git",
    "00000000-0000-0000-0000-000000000000",
    "user",
    "username",
];

struct Find<'r> {
    rule: &'r CommandRule,
    rank: u8,
    kind: CredentialKind,
    secret: Zeroizing<String>,
    account: Option<String>,
    host: Option<String>,
    storage: Storage,
    line: u64,
    key: String,
}

/// Ranks of the places; a rule that is not generic has one more.
const IN_TEXT: u8 = 0;
const IN_ANY_OPTION: u8 = 2;
const IN_NAME: u8 = 4;
const IN_COMMAND: u8 = 6;

struct Search<'r> {
    rules: &'r CommandRules,
    finds: Vec<Find<'r>>,
}

/// Part of a word that may hold a secret.
#[derive(Clone, Copy)]
struct Value<'w> {
    word: &'w Word,
    from: usize,
    to: usize,
}

impl<'w> Value<'w> {
    fn whole(word: &'w Word) -> Self {
        Self::after(word, 0)
    }

    fn after(word: &'w Word, from: usize) -> Self {
        Self { word, from, to: word.text().len() }
    }

    fn text(&self) -> &'w str {
        self.word.text().get(self.from..self.to).unwrap_or_default()
    }

    /// The text of a part, unless the shell would have put something else there.
    fn known(&self, part: &Range<usize>) -> Option<&'w str> {
        let range = self.from + part.start..self.from + part.end;
        let text = self.word.text().get(range.clone())?;
        (!self.word.is_dynamic_in(&range)).then_some(text)
    }
}

/// A command word with its own words, within a simple command.
struct Head<'c> {
    command: &'c SimpleCommand,
    words: &'c [Word],
    /// Index of the first word behind the command word and its sub-commands.
    operands_at: usize,
    line: u64,
}

/// What is known of a secret's place.
struct Place<'r> {
    rule: &'r CommandRule,
    rank: u8,
    line: u64,
    key: String,
}

/// What a value says beside the secret.
#[derive(Default)]
struct Facts {
    account: Option<String>,
    host: Option<String>,
}

impl<'r> Search<'r> {
    /// Looks at commands and at the text itself.
    fn text(&mut self, text: &str, language: Language, line: u64) {
        for command in shell::commands(text, language) {
            self.command(&command, line + command.line_offset);
            for body in &command.bodies {
                self.body(&body.text, line + body.line_offset);
            }
        }
        let whole = Word::literal(text);
        self.anywhere(Value::whole(&whole), None, line);
    }

    /// Looks at a here-document line by line: it may be of any language, so quotes that are odd must not spoil the rest.
    fn body(&mut self, text: &str, first_line: u64) {
        for (line, text) in (first_line..).zip(text.lines()) {
            for command in shell::commands(text, Language::Posix) {
                self.command(&command, line);
            }
        }
    }

    fn command(&mut self, command: &SimpleCommand, line: u64) {
        for head in &command.heads {
            let words = &command.words[head.clone()];
            let name = program(words[0].text());
            for (entry, rule) in self.rules.of_command(&name) {
                if let Some(operands_at) = follows(words, &entry.rest, rule.spec.ignore_case) {
                    let head = Head { command, words, operands_at, line };
                    self.known_command(&head, &entry.command, rule);
                }
            }
        }
        let last = command.heads.last().cloned().unwrap_or_default();
        let head = Head { command, words: &command.words[last], operands_at: 1, line };
        for Assignment { name, value } in &command.assignments {
            self.named(name, Value::whole(value), line, Some(&head));
        }
        for (index, word) in command.words.iter().enumerate().skip(1) {
            self.operand(word, &head);
            self.long_option(word, command.words.get(index + 1), &head);
        }
    }

    /// `NAME=value` as an operand of any command, where the name is written as those of the environment are.
    fn operand(&mut self, word: &Word, head: &Head<'_>) {
        let Some((name, _)) = word.text().split_once('=') else { return };
        let is_environment = name.len() > 2
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if is_environment {
            self.named(name, Value::after(word, name.len() + 1), head.line, Some(head));
        }
    }

    /// `--api-token value` of a command that no rule knows.
    fn long_option(&mut self, word: &Word, next: Option<&Word>, head: &Head<'_>) {
        let Some(option) = word.text().strip_prefix("--") else { return };
        let (name, value) = match option.split_once('=') {
            Some((name, _)) => (name, Some(Value::after(word, name.len() + 3))),
            None => (option, next.filter(|next| !next.text().starts_with('-')).map(Value::whole)),
        };
        let Some(value) = value.filter(|_| name.len() < MAX_FACT) else { return };
        for rule in self.rules.of_any_option() {
            if rule.any_option.as_ref().is_some_and(|pattern| pattern.is_match(name))
                && !self.knows_option(head.command, name)
            {
                let key = format!("--{}", tidy(name));
                let place = Place { rule, rank: IN_ANY_OPTION, line: head.line, key };
                self.value(value, &place, facts(rule, head));
            }
        }
    }

    /// Whether a rule of one of the commands speaks of this long option: then it has the last word.
    fn knows_option(&self, command: &SimpleCommand, name: &str) -> bool {
        command.heads.iter().any(|head| {
            let words = &command.words[head.clone()];
            self.rules.of_command(&program(words[0].text())).any(|(entry, rule)| {
                let speaks = |option: &String| option.strip_prefix("--") == Some(name);
                rule.spec.option.iter().any(speaks)
                    && follows(words, &entry.rest, rule.spec.ignore_case).is_some()
            })
        })
    }

    fn known_command(&mut self, head: &Head<'_>, command: &str, rule: &'r CommandRule) {
        let spec = &rule.spec;
        let has = |word: &String| has_word(head.words, word, spec);
        if !spec.with.is_empty() && !spec.with.iter().any(has) || spec.without.iter().any(has) {
            return;
        }
        let facts = || facts(rule, head);
        let place = |key: String, line| Place {
            rule,
            rank: IN_COMMAND,
            line,
            key: rule.spec.key.clone().unwrap_or(key),
        };
        if !spec.option.is_empty() {
            for (option, value) in option_values(head.words, &spec.option, spec.form, spec) {
                self.value(value, &place(format!("{command} {option}"), head.line), facts());
            }
        } else if spec.argument == Some(Argument::Word(ArgumentWord::Stdin)) {
            let key =
                spec.with.first().map_or(command.to_owned(), |with| format!("{command} {with}"));
            for body in &head.command.bodies {
                let word = Word::literal(body.text.trim());
                if !word.text().contains(['$', '`']) {
                    self.value(Value::whole(&word), &place(key.clone(), head.line), facts());
                }
            }
            if let Some(word) = &head.command.stdin {
                let value = Value { word, from: 0, to: word.text().trim_end().len() };
                self.value(value, &place(key, head.line), facts());
            }
        } else if let Some(argument) = spec.argument {
            for word in arguments(head, argument, rule) {
                self.value(Value::whole(word), &place(command.to_owned(), head.line), facts());
            }
        }
    }

    /// Judges a value by the name of the variable, and by what it says itself.
    fn named(&mut self, name: &str, value: Value<'_>, line: u64, head: Option<&Head<'_>>) {
        if name.len() > MAX_FACT {
            return;
        }
        if let Some(rule) = self.rules.of_name(&upper_snake(name)) {
            let place = Place { rule, rank: IN_NAME, line, key: name.to_owned() };
            let facts = head.map_or_else(Facts::default, |head| facts(rule, head));
            self.value(value, &place, facts);
        }
        self.anywhere(value, Some(name), line);
    }

    /// Takes the secret out of a value that a rule has pointed at.
    fn value(&mut self, value: Value<'_>, place: &Place<'r>, facts: Facts) {
        let text = value.text();
        if text.is_empty() || text == "-" || text.starts_with('@') {
            return;
        }
        if let Some(pairs) = place.rule.spec.pairs {
            return self.pairs(value, pairs, place);
        }
        let Some(pattern) = &place.rule.value else {
            let secret = value.known(&(0..text.len()));
            return self.found(secret, place, facts);
        };
        for captures in pattern.captures_iter(text) {
            let group = |name| captures.name(name).and_then(|found| value.known(&found.range()));
            let told = |name| group(name).filter(|fact| !fact.is_empty()).map(ToOwned::to_owned);
            let facts = Facts {
                account: told("account").or_else(|| facts.account.clone()),
                host: told("host").or_else(|| facts.host.clone()),
            };
            self.found(group("secret"), place, facts);
        }
    }

    /// Judges each `NAME=value` of a list.
    fn pairs(&mut self, value: Value<'_>, pairs: Pairs, place: &Place<'r>) {
        let text = value.text();
        let separator = |c: char| match pairs {
            Pairs::One => false,
            Pairs::Blanks => c.is_whitespace(),
            Pairs::Commas => c == ',',
            Pairs::Ampersands => c == '&',
        };
        let mut at = 0;
        for pair in text.split(separator) {
            let start = at;
            at += pair.len() + 1;
            let Some((name, inner)) = pair.split_once('=') else { continue };
            if name.len() > MAX_FACT || inner.starts_with('@') {
                continue;
            }
            let quotes = inner.len() - inner.trim_start_matches(['"', '\'']).len();
            let inner = inner.trim_matches(['"', '\'']);
            let from = start + name.len() + 1 + quotes;
            let part =
                Value { from: value.from + from, to: value.from + from + inner.len(), ..value };
            let key = format!("{} {}", place.key, tidy(name));
            match self.rules.of_name(&upper_snake(name)) {
                Some(named) => {
                    let secret = part.known(&(0..inner.len()));
                    let place = Place { key, ..*place };
                    self.judged(secret, &place, named, Facts::default());
                }
                None => self.anywhere(part, Some(&key), place.line),
            }
        }
    }

    /// Applies the patterns that need no command. `name` is the variable whose value this is.
    fn anywhere(&mut self, value: Value<'_>, name: Option<&str>, first_line: u64) {
        let text = value.text();
        for rule in self.rules.of_text(text) {
            let Some(pattern) = &rule.anywhere else { continue };
            let (mut line, mut counted) = (first_line, 0);
            for captures in pattern.captures_iter(text) {
                let Some(secret) = captures.name("secret") else { continue };
                let before = text.as_bytes().get(counted..secret.start()).unwrap_or_default();
                line += shell::newlines(before);
                counted = secret.start();
                let known = value.known(&secret.range()).filter(|text| !holds_reference(text));
                let line = if name.is_some() { first_line } else { line };
                self.in_text(rule, known, (text, &captures), name, line);
            }
        }
    }

    fn in_text(
        &mut self,
        rule: &'r CommandRule,
        secret: Option<&str>,
        (text, captures): (&str, &Captures<'_>),
        variable: Option<&str>,
        line: u64,
    ) {
        let told = |name| text.get(captures.name(name)?.range()).map(ToOwned::to_owned);
        let facts = Facts {
            account: told("account").filter(|account| !holds_reference(account)),
            host: told("host").filter(|host| !holds_reference(host)),
        };
        // A variable's value belongs to the variable: that is a better key, and not a worse find.
        let rank = if variable.is_some() { IN_NAME } else { IN_TEXT };
        let key = variable
            .map_or_else(|| rule.spec.key.clone().unwrap_or_else(|| rule.spec.tool.clone()), tidy);
        let Some(name) = told("name") else {
            return self.found(secret, &Place { rule, rank, line, key }, facts);
        };
        if let Some(named) = self.rules.of_name(&upper_snake(&name)) {
            let key = variable.map_or_else(|| tidy(&name), tidy);
            self.judged(secret, &Place { rule, rank, line, key }, named, facts);
        }
    }

    /// A secret whose kind and look the rule of its name decides.
    fn judged(
        &mut self,
        secret: Option<&str>,
        place: &Place<'r>,
        named: &'r CommandRule,
        facts: Facts,
    ) {
        let Some(text) = secret else { return };
        if named.value.is_none()
            && is_plausible(text, looks(&named.spec))
            && !is_excepted(named, text)
        {
            // A name that says whose the secret is tells more than a pattern that fits any.
            let rule =
                if place.rule.spec.generic && !named.spec.generic { named } else { place.rule };
            let place = Place { rule, key: place.key.clone(), ..*place };
            self.keep(text, &place, named.spec.kind, facts);
        }
    }

    fn found(&mut self, secret: Option<&str>, place: &Place<'r>, facts: Facts) {
        let Some(text) = secret else { return };
        if is_plausible(text, looks(&place.rule.spec)) {
            self.keep(text, place, place.rule.spec.kind, facts);
        }
    }

    fn keep(&mut self, text: &str, place: &Place<'r>, kind: CredentialKind, mut facts: Facts) {
        let spec = &place.rule.spec;
        if is_excepted(place.rule, text) {
            return;
        }
        let Some((account, secret)) = decoded(text, spec.decode) else { return };
        if is_placeholder(&secret) || is_reference(&secret) {
            return;
        }
        facts.account = account.or(facts.account);
        let coded = matches!(spec.decode, Some(Decode::Base64 | Decode::Base64Basic));
        let kept = if coded { Storage::Obfuscated } else { Storage::Plaintext };
        self.finds.push(Find {
            rule: place.rule,
            rank: place.rank + u8::from(!spec.generic),
            kind,
            secret,
            account: facts.account,
            host: facts.host,
            storage: spec.storage.unwrap_or(kept),
            line: place.line,
            key: place.key.clone(),
        });
    }
}

fn is_excepted(rule: &CommandRule, secret: &str) -> bool {
    rule.except.as_ref().is_some_and(|except| except.is_match(secret))
}

/// What a rule's values must look like, where it does not say itself.
fn looks(spec: &CommandSpec) -> Looks {
    spec.looks.unwrap_or(match spec.kind {
        _ if spec.assignment.is_none() && spec.any_option.is_none() => Looks::Anything,
        CredentialKind::Password => Looks::Password,
        _ => Looks::Token,
    })
}

/// Index behind the sub-commands, if they follow the command word. Between them only options may stand, each with one word
/// that may be its value.
fn follows(words: &[Word], rest: &[String], ignore_case: bool) -> Option<usize> {
    let mut at = 1;
    for expected in rest {
        let mut after_option = false;
        loop {
            let text = words.get(at)?.text();
            at += 1;
            if same(text, expected, ignore_case) {
                break;
            }
            let is_option = text.starts_with('-');
            if !is_option && !after_option {
                return None;
            }
            after_option = is_option;
        }
    }
    Some(at)
}

fn same(text: &str, expected: &str, ignore_case: bool) -> bool {
    if ignore_case { text.eq_ignore_ascii_case(expected) } else { text == expected }
}

fn strip<'t>(text: &'t str, prefix: &str, ignore_case: bool) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    same(start, prefix, ignore_case).then(|| &text[prefix.len()..])
}

/// Whether the word, or the option with a value attached or among other letters, is among the words.
fn has_word(words: &[Word], wanted: &str, spec: &CommandSpec) -> bool {
    let letter = wanted.strip_prefix('-').filter(|letter| letter.len() == 1 && spec.cluster);
    words[1..].iter().any(|word| {
        let text = word.text();
        same(text, wanted, spec.ignore_case)
            || strip(text, wanted, spec.ignore_case).is_some_and(|rest| rest.starts_with('='))
            || letter.is_some_and(|letter| is_cluster(text) && text.contains(letter))
    })
}

fn is_cluster(text: &str) -> bool {
    text.len() > 2 && text.starts_with('-') && text[1..].bytes().all(|b| b.is_ascii_alphabetic())
}

/// The values of the options, each with the option's name.
fn option_values<'w>(
    words: &'w [Word],
    options: &'w [String],
    form: OptionForm,
    spec: &CommandSpec,
) -> Vec<(&'w str, Value<'w>)> {
    let mut values = Vec::new();
    for (index, word) in words.iter().enumerate().skip(1) {
        let next = words.get(index + 1).filter(|next| !next.text().starts_with('-'));
        let value = options.iter().find_map(|option| {
            option_value(word, next, option, form, spec).map(|value| (option.as_str(), value))
        });
        values.extend(value);
    }
    values
}

fn option_value<'w>(
    word: &'w Word,
    next: Option<&'w Word>,
    option: &str,
    form: OptionForm,
    spec: &CommandSpec,
) -> Option<Value<'w>> {
    let text = word.text();
    let separate = || next.filter(|_| form != OptionForm::Attached).map(Value::whole);
    let short = option.len() == 2 && option.starts_with('-');
    match strip(text, option, spec.ignore_case) {
        Some("") if option.ends_with([':', '=']) => None,
        Some("") => separate(),
        Some(_) if option.ends_with([':', '=']) => Some(Value::after(word, option.len())),
        Some(rest) if rest.starts_with('=') && !(short && form == OptionForm::Attached) => {
            Some(Value::after(word, option.len() + 1))
        }
        Some(rest) if rest.starts_with(':') && spec.ignore_case => {
            Some(Value::after(word, option.len() + 1))
        }
        Some(_) if short && form != OptionForm::Separate => Some(Value::after(word, option.len())),
        _ if short && spec.cluster && is_cluster(text) && text.ends_with(&option[1..]) => {
            separate()
        }
        _ => None,
    }
}

/// The words that are neither options nor their values.
fn operands<'w>(head: &Head<'w>, spec: &CommandSpec) -> Vec<&'w Word> {
    let mut operands = Vec::new();
    let mut words = head.words.get(head.operands_at..).unwrap_or_default().iter();
    while let Some(word) = words.next() {
        let text = word.text();
        if text.len() > 1 && text.starts_with('-') {
            if spec.valued.iter().any(|option| same(text, option, spec.ignore_case)) {
                words.next();
            }
        } else {
            operands.push(word);
        }
    }
    operands
}

fn arguments<'w>(head: &Head<'w>, argument: Argument, rule: &CommandRule) -> Vec<&'w Word> {
    let mut operands = operands(head, &rule.spec);
    if let Some(after) = &rule.after {
        let Some(at) = operands.iter().position(|word| after.is_match(word.text())) else {
            return Vec::new();
        };
        operands.drain(..=at);
    }
    chosen(&operands, argument)
}

fn chosen<'w>(operands: &[&'w Word], argument: Argument) -> Vec<&'w Word> {
    match argument {
        Argument::Index(index) => {
            operands.get(index.wrapping_sub(1)).copied().into_iter().collect()
        }
        Argument::Word(ArgumentWord::Last) => operands.last().copied().into_iter().collect(),
        Argument::Word(ArgumentWord::Any) => operands.to_vec(),
        Argument::Word(ArgumentWord::Stdin) => Vec::new(),
    }
}

/// What the command tells beside the secret.
fn facts(rule: &CommandRule, head: &Head<'_>) -> Facts {
    Facts {
        account: rule.account.as_ref().and_then(|source| fact(source, head, &rule.spec)),
        host: rule.host.as_ref().and_then(|source| fact(source, head, &rule.spec)),
    }
}

/// An account or host that stands elsewhere in the command.
fn fact(source: &FactSource, head: &Head<'_>, spec: &CommandSpec) -> Option<String> {
    let options = source.spec.option.iter().flat_map(|option| {
        let values = option_values(head.words, std::slice::from_ref(option), OptionForm::Any, spec);
        values.into_iter().map(|(_, value)| value)
    });
    let operands = source.spec.argument.map_or(Vec::new(), |argument| match argument {
        // What a runner runs may tell whose password it is given: `sshpass -p … ssh root@host`.
        Argument::Word(ArgumentWord::Any) => head.command.words.iter().skip(1).collect(),
        argument => chosen(&operands(head, spec), argument),
    });
    let variables = head.command.assignments.iter().filter(|assignment| {
        let name = upper_snake(&assignment.name);
        source.assignment.as_ref().is_some_and(|pattern| pattern.is_match(&name))
    });
    let words = operands.into_iter().chain(variables.map(|assignment| &assignment.value));
    options.chain(words.map(Value::whole)).find_map(|value| {
        let Some(pattern) = &source.value else {
            return value.known(&(0..value.text().len())).map(ToOwned::to_owned);
        };
        let range = pattern.captures(value.text())?.name("it")?.range();
        value.known(&range).map(ToOwned::to_owned)
    })
}

/// Undoes the coding: account, if it holds one, and secret.
fn decoded(text: &str, decode: Option<Decode>) -> Option<(Option<String>, Zeroizing<String>)> {
    match decode {
        None => Some((None, Zeroizing::new(text.to_owned()))),
        Some(Decode::Url) => Some((None, percent_decoded(text))),
        Some(Decode::Base64) => Some((None, base64_text(text)?)),
        Some(Decode::Pem) => {
            Some((None, Zeroizing::new(text.replace("\\n", "\n").replace(['\r'], ""))))
        }
        Some(Decode::Base64Basic) => {
            let pair = base64_text(text)?;
            let (account, secret) = pair.split_once(':')?;
            let account = Some(account.to_owned()).filter(|account| !account.is_empty());
            Some((account, Zeroizing::new(secret.to_owned())))
        }
    }
}

fn base64_text(text: &str) -> Option<Zeroizing<String>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let bytes = engine.decode(text).ok()?;
    String::from_utf8(bytes).ok().map(Zeroizing::new)
}

fn percent_decoded(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex =
            after.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a value where a secret could be is likely to be one.
fn is_plausible(value: &str, looks: Looks) -> bool {
    match looks {
        Looks::Anything => !value.is_empty() && !is_file(value),
        Looks::Password => {
            value.len() >= 4 && is_word(value) && !is_number_below(value, 6) || is_passphrase(value)
        }
        Looks::Token => value.len() >= 8 && is_word(value) && is_tokenlike(value),
        Looks::Random => value.len() >= 16 && is_word(value) && is_random(value),
    }
}

/// Settings that stand where secrets do.
const SETTINGS: &[&str] = &[
    "true",
    "false",
    "yes",
    "none",
    "null",
    "nil",
    "auto",
    "default",
    "basic",
    "bearer",
    "digest",
    "oauth",
    "oauth2",
    "oidc",
    "saml",
    "ldap",
    "enabled",
    "disabled",
    "enable",
    "disable",
    "required",
    "optional",
    "always",
    "never",
    "prompt",
    "keychain",
    "keyring",
    "helper",
    "vault",
    "local",
    "plain",
    "plaintext",
    "login",
    "system",
    "enter",
    "undefined",
    "unset",
    "empty",
    "file",
    "stdin",
];

/// One word that is no setting, path or address.
fn is_word(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    !value.contains(|c: char| c.is_whitespace() || c.is_control())
        && !value.ends_with(':')
        && !SETTINGS.contains(&lower.as_str())
        && !is_path(value)
        && !value.contains("://")
}

/// Words of messages, prompts and hints; who makes up a passphrase picks other ones.
const SPOKEN: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "as",
    "be",
    "by",
    "can",
    "cannot",
    "default",
    "does",
    "empty",
    "enter",
    "example",
    "failed",
    "for",
    "forgot",
    "from",
    "generate",
    "generated",
    "has",
    "here",
    "if",
    "in",
    "incorrect",
    "invalid",
    "is",
    "it",
    "key",
    "login",
    "missing",
    "must",
    "new",
    "no",
    "not",
    "of",
    "on",
    "or",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "please",
    "required",
    "reset",
    "same",
    "secret",
    "see",
    "set",
    "stored",
    "the",
    "this",
    "to",
    "token",
    "use",
    "user",
    "username",
    "via",
    "was",
    "with",
    "wrong",
    "you",
    "your",
];

/// Several words as one remembers them, none of which a sentence, a command or a list would have.
fn is_passphrase(value: &str) -> bool {
    let shaped = (12..=120).contains(&value.len())
        && !value.contains(|c: char| c.is_control() || "$`(){}[]<>|;&/\\\"=,:".contains(c))
        && !value.ends_with(['.', '?'])
        && value.split(' ').all(|word| !word.is_empty() && !word.starts_with('-'));
    let words = || value.split(' ').map(str::to_lowercase);
    let is_spoken =
        |word: &str| SPOKEN.contains(&word.trim_end_matches(|c: char| !c.is_alphanumeric()));
    let odd = value.bytes().any(|byte| byte.is_ascii_digit());
    let least = if odd { 2 } else { 4 };
    shaped && (least..=12).contains(&words().count()) && !words().any(|word| is_spoken(&word))
}

fn is_number_below(value: &str, digits: usize) -> bool {
    value.len() < digits && value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let drive = matches!(bytes, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let rooted = value.starts_with('/') && !(value.len() >= 32 && is_random(value));
    drive
        || rooted
        || ["~/", "./", "../", "\\\\", "file:"].iter().any(|start| value.starts_with(start))
}

/// Whether an option that takes a secret or the file that holds it was given the file.
fn is_file(value: &str) -> bool {
    let endings =
        [".pem", ".key", ".json", ".txt", ".yaml", ".yml", ".p12", ".pfx", ".crt", ".env"];
    value.starts_with("~/")
        || value.starts_with("./")
        || value.starts_with("../")
        || endings.iter().any(|ending| value.ends_with(ending))
}

fn is_tokenlike(value: &str) -> bool {
    if value.contains(['(', ')', '{', '}', '<', '>', '[', ']', '"', '\'', '`', '|', ';']) {
        return false;
    }
    let digit = value.bytes().any(|b| b.is_ascii_digit());
    let letter = value.bytes().any(|b| b.is_ascii_alphabetic());
    let both_cases = value.bytes().any(|b| b.is_ascii_lowercase())
        && value.bytes().any(|b| b.is_ascii_uppercase());
    let one_word = !value.contains(['-', '_', '.', ':', '/']);
    letter && digit || both_cases && value.len() >= 16 || one_word && value.len() >= 20
}

/// Whether it looks made by a machine, whatever name it goes by.
pub(crate) fn is_made(value: &str) -> bool {
    value.len() >= 12 && is_word(value) && is_tokenlike(value) && is_random(value)
}

/// Whether it looks made by a machine: letters and digits well mixed, in the alphabets that machines use.
fn is_random(value: &str) -> bool {
    let alphabet = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'+' | b'/' | b'=' | b'_' | b'.' | b':' | b'~' | b'-')
    };
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let cases = [u8::is_ascii_lowercase as fn(&u8) -> bool, u8::is_ascii_uppercase]
        .iter()
        .filter(|case| value.bytes().any(|b| case(&b)))
        .count();
    let longest_word =
        value.split(|c: char| !c.is_ascii_lowercase()).map(str::len).max().unwrap_or(0);
    value.bytes().all(alphabet)
        && digits > 0
        && cases > 0
        && longest_word <= 12
        && (cases == 2 && digits >= 2 || digits * 6 >= value.len())
}

/// Whether a text holds what a shell, a template or a pattern would fill in.
fn holds_reference(text: &str) -> bool {
    let mut after_dollar = false;
    for c in text.chars() {
        if c == '`' || after_dollar && (c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '(')) {
            return true;
        }
        after_dollar = c == '$';
    }
    let template = text.contains("{{") || text.contains('<') && text.contains('>');
    // What `grep` and `sed` look for is no secret either.
    let pattern = ["\\(", "[^", ".*", ".+"].iter().any(|part| text.contains(part));
    template || pattern
}

/// Whether a value only tells where the secret is.
fn is_reference(value: &str) -> bool {
    let percent = value.len() > 2 && value.starts_with('%') && value.ends_with('%');
    let schemes = [
        "op://",
        "vault:",
        "ref+",
        "env:",
        "file:",
        "arn:aws",
        "encrypted:",
        "ENC[",
        "ENC(",
        "secretref:",
        "keyring:",
        "sops:",
        "os.environ",
        "process.env",
        "getenv(",
        "ENV[",
        "System.getenv",
        "!vault",
    ];
    percent || holds_reference(value) || schemes.iter().any(|scheme| value.starts_with(scheme))
}

fn is_principal(account: &str, secret: &str) -> bool {
    !account.is_empty()
        && account.len() <= MAX_FACT
        && !NO_PRINCIPALS.contains(&account)
        && account != secret
        && !is_placeholder(account)
        && !account.contains(secret)
}

/// A name from a file as it may be shown.
fn tidy(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_FACT).collect()
}

/// How many kept finds of one line a further one is compared with.
const MAX_COMPARED: usize = 64;

/// Each secret once, by the find of the highest rank; of overlapping ones on one line only that one. In the order of lines.
fn distinct(mut finds: Vec<Find<'_>>) -> Vec<Find<'_>> {
    finds.sort_by_key(|find| Reverse(find.rank));
    let mut seen: HashSet<&str> = HashSet::new();
    let mut on_line: HashMap<u64, Vec<&str>> = HashMap::new();
    let keep: Vec<bool> = finds
        .iter()
        .map(|find| {
            let secret = find.secret.as_str();
            let others = on_line.entry(find.line).or_default();
            let overlaps = |kept: &&str| kept.contains(secret) || secret.contains(kept);
            let new = !others.iter().take(MAX_COMPARED).any(overlaps) && seen.insert(secret);
            if new {
                others.push(secret);
            }
            new
        })
        .collect();
    let (mut kept, dropped): (Vec<_>, Vec<_>) =
        finds.into_iter().zip(keep).partition(|(_, keep)| *keep);
    lend_facts(&mut kept, &dropped);
    kept.sort_by_key(|(find, _)| find.line);
    kept.into_iter().map(|(find, _)| find).collect()
}

/// Gives a find the account and host that only a lesser find of the same secret tells.
fn lend_facts(kept: &mut [(Find<'_>, bool)], dropped: &[(Find<'_>, bool)]) {
    let mut told: HashMap<&str, (Option<&String>, Option<&String>)> = HashMap::new();
    for (find, _) in dropped {
        let (account, host) = told.entry(&find.secret).or_default();
        *account = account.or(find.account.as_ref());
        *host = host.or(find.host.as_ref());
    }
    for (find, _) in kept {
        let Some((account, host)) = told.get(find.secret.as_str()) else { continue };
        find.account = find.account.take().or_else(|| account.cloned());
        find.host = find.host.take().or_else(|| host.cloned());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::rule::command::{self, Shell};

    /// The rules of the repository.
    fn built_in() -> CommandRules {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/commands");
        let mut files: Vec<_> = walkdir::WalkDir::new(folder)
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .collect();
        files.sort();
        let read = |path: &std::path::PathBuf| {
            #[expect(clippy::disallowed_methods, reason = "the repository's own rules")]
            let text = std::fs::read_to_string(path).unwrap();
            command::read(&path.display().to_string(), &text).unwrap()
        };
        CommandRules::new(files.iter().flat_map(read).collect())
    }

    fn language(shell: Shell) -> Language {
        match shell {
            Shell::Posix => Language::Posix,
            Shell::Fish => Language::Fish,
            Shell::Powershell => Language::PowerShell,
        }
    }

    fn sightings<'r>(line: &str, shell: Shell, rules: &'r CommandRules) -> Vec<Sighting<'r>> {
        let mut found = Vec::new();
        let entry = Entry { line: 1, time: None, body: Body::Commands(line, language(shell)) };
        inspect(&entry, rules, &mut |sighting| found.push(sighting));
        found
    }

    fn told(found: &[Sighting<'_>]) -> Vec<String> {
        let tell = |s: &Sighting<'_>| {
            format!(
                "{} {} {} {} @{} {}:{}",
                s.rule.spec.id,
                s.kind.as_str(),
                s.secret.expose(),
                s.account.as_deref().unwrap_or("-"),
                s.host.as_deref().unwrap_or("-"),
                s.line,
                s.key,
            )
        };
        found.iter().map(tell).collect()
    }

    #[test]
    fn facts_are_told_once_and_well() {
        let rules = built_in();
        for (line, expected) in [
            (
                "A_TOKEN=k7Qm2xWp9LtR4vBz b --token k7Qm2xWp9LtR4vBz",
                &["variable-token session-token k7Qm2xWp9LtR4vBz - @- 1:A_TOKEN"][..],
            ),
            (
                "ls\nmysql -h db.example.test -ukim -pqebsoeQcQNj7 && docker login -p k7Qm2xWp9LtR r.example.test",
                &[
                    "mysql-password password qebsoeQcQNj7 kim @db.example.test 2:mysql -p",
                    "registry-login password k7Qm2xWp9LtR - @r.example.test 2:docker login -p",
                ],
            ),
            (
                "docker exec -it db mysql -uroot -pqebsoeQcQNj7",
                &["mysql-password password qebsoeQcQNj7 root @- 1:mysql -p"],
            ),
            (
                "export AWS_ACCESS_KEY_ID=AKIATCH6YDSYZGYAHG7U AWS_SECRET_ACCESS_KEY=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",
                &[
                    "variable-aws api-key 5+WO/HVLCx3uqe7jdE83CFrrEWSJPNizf0DZ2T7X AKIATCH6YDSYZGYAHG7U @- 1:AWS_SECRET_ACCESS_KEY",
                ],
            ),
            (
                "cat > .env <<'EOF'\nDEBUG=1\nDB_PASSWORD=qebsoeQcQNj7\nEOF",
                &["variable-password password qebsoeQcQNj7 - @- 3:DB_PASSWORD"],
            ),
            (
                "curl -sSu kim:qebsoeQcQNj7 https://x.example.test",
                &["curl-user password qebsoeQcQNj7 kim @- 1:curl -u"],
            ),
            (
                "git clone https://oauth2:qebsoeQcQNj7@g.example.test/a.git",
                &["git-url-oauth personal-access-token qebsoeQcQNj7 - @g.example.test 1:git clone"],
            ),
            (
                "ssh h 'mysql -pqebsoeQcQNj7'",
                &["mysql-password password qebsoeQcQNj7 - @- 1:mysql -p"],
            ),
            (
                "curl \"https://kim:qebsoeQcQNj7@$HOST/x\"",
                &["curl-url-password password qebsoeQcQNj7 kim @- 1:curl"],
            ),
            (
                "curl -d \"user=$U&password=qebsoeQcQNj7\" https://x.example.test",
                &["curl-form password qebsoeQcQNj7 - @- 1:curl -d password"],
            ),
        ] {
            assert_eq!(told(&sightings(line, Shell::Posix, &rules)), expected, "{line}");
        }
    }

    #[test]
    fn settings_of_dotfiles_are_silent() {
        let rules = built_in();
        for line in [
            "PORT=8080 PATH=$HOME/bin:$PATH LOG_LEVEL=debug",
            "export SSH_AUTH_SOCK=/run/user/1000/keyring/ssh GPG_TTY=$(tty)",
            "export TOKEN_URL=https://idp.example.test/token SECRET_NAME=db-credentials KEY_FILE=/etc/key.pem",
            "export PASSWORD_STORE_DIR=~/.password-store PASSWORD_FILE=/run/pw",
            "export AWS_ACCESS_KEY_ID=AKIATCH6YDSYZGYAHG7U AWS_PROFILE=prod",
            "USE_TOKEN=true PASSWORD_RESET=1 SHOW_PASSWORD=false AUTH=none MAX_TOKENS=128000",
            "bindkey '^[[A' up-line-or-search; KEYTIMEOUT=1; key[Home]=\"$terminfo[khome]\"",
            "zstyle ':completion:*:ssh:*' hosts kim@h.example.test",
            "alias gp='git push' tok='cat token.txt'",
            "mysqldump --user=kim --password shop_production1; az login --service-principal -u app -p ~/cert.pem",
            "mkdir -p secret/tokens && ssh -p 2222 kim@h && docker run -p 8080:80 nginx",
            "read -s -p 'Password: ' password; echo \"Enter password\"",
            "PASSWORD=$1; token=$(cat f); secret=${2:-}; apikey=`pass x`",
            "export FISH_KEY_BINDINGS=fish_vi_key_bindings COMPOSE_PROJECT_NAME=token-service",
            "grep -r 'password=\"[^\"]*\"' . | sed 's/token: \\(.*\\)/\\1/'",
            "export API_KEY_NAME=prod-key-2024 APIKEY_HEADER=X-Api-Key AUTH_TYPE=bearer",
            "openssl genrsa 4096; openssl rand -hex 32; ssh-keygen -t ed25519 -N ''",
            "git config --global user.signingkey ABCDEF0123456789ABCDEF0123456789ABCDEF01",
            "curl -H 'Accept: application/vnd.github+json' -H 'Content-Type: application/json' https://x",
        ] {
            assert_eq!(told(&sightings(line, Shell::Posix, &rules)), [""; 0], "{line}");
        }
    }

    #[test]
    fn likely_values() {
        use Looks::{Password, Random, Token};
        for (looks, value, likely) in [
            (Password, "hunter2", true),
            (Password, "abc", false),
            (Password, "12345", false),
            (Password, "true", false),
            (Password, "/run/pw", false),
            (Password, "two words", false),
            (Password, "correct horse battery staple", true),
            (Password, "Tr0ub4dor and friends", false),
            (Password, "Tr0ub4dor & friends", false),
            (Password, "blue kettle 42!", true),
            (Password, "correct  horse battery staple", false),
            (Password, "Please type four words", false),
            (Password, "The password is wrong!", false),
            (Password, "Passwort falsch eingegeben", false),
            (Password, "pass show work/db", false),
            (Password, "secret-tool lookup --label db", false),
            (Password, "ask kim, lee or sam", false),
            (Password, "see the wiki page 42", false),
            (Password, "correct $horse battery staple", false),
            (Token, "correct horse battery staple", false),
            (Token, "disabled", false),
            (Token, "my-app-token", false),
            (Token, "abcdefgh12", true),
            (Token, "https://x.example.test/token1", false),
            (Random, "0123abcd0123abcd", true),
            (Random, "my-key-for-production-2024", false),
            (Random, "/etc/ssl/private/key1.pem", false),
            (Random, "/aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5hJ7", true),
        ] {
            assert_eq!(is_plausible(value, looks), likely, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_entry_is_inspected(text in "(\\PC|[ \n'\"`$(){}<>|&;=,\\\\-]|curl |-u |-H |TOKEN=|password|a:b@|https://|<<E|echo |--token ){0,40}") {
            thread_local!(static RULES: CommandRules = built_in());
            RULES.with(|rules| {
                for shell in [Shell::Posix, Shell::Fish, Shell::Powershell] {
                    for sighting in sightings(&text, shell, rules) {
                        prop_assert!(sighting.line <= 1 + text.matches('\n').count() as u64);
                    }
                }
                let body = Body::Assignment { name: "API_TOKEN", value: &text };
                inspect(&Entry { line: 1, time: None, body }, rules, &mut |_| {});
                Ok(())
            })?;
        }
    }
}
