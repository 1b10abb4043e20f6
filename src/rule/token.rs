//! Token shapes: what a credential looks like, wherever it stands, and what it says of itself.
//!
//! A shape is data (`rules/tokens/<provider>.yaml`). It classifies a value that a rule has picked ([`TokenShapes::classify`]) and
//! finds a bare token in text ([`TokenShapes::find`]): one pass over the literals of all shapes, then the shape's regex at the hit,
//! then its offline check.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use jiff::Timestamp;
use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::schema::Lifetime;
use crate::extract::check::{self, Check, Reading};
use crate::extract::placeholder::is_placeholder;
use crate::extract::secret::hex;
use crate::grant::{Confidence, CredentialKind, Life, Privilege, Storage};

/// One YAML file under `rules/tokens/`: the tokens that one provider issues.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// File stem; kebab-case.
    pub provider: String,
    /// The provider's name as its users say it.
    pub name: String,
    /// Vendor pages the facts come from.
    #[serde(default)]
    pub references: Vec<String>,
    /// One a shape.
    pub tokens: Vec<TokenRule>,
}

/// One documented shape.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a yes or no of its own, as the author of a rule writes it"
)]
pub struct TokenRule {
    /// Unique over all files; becomes `token_type`.
    pub id: String,
    /// What it is good for.
    pub kind: CredentialKind,
    /// `false` for what is public (a key's id, a publishable key) or locked (a hash, an encrypted value): not a credential.
    #[serde(default = "yes")]
    pub secret: bool,
    /// One line: what it is, and what a holder can do.
    pub summary: String,
    /// The whole token and nothing beside it. Linear: no look-around, no back-references, ASCII only. A group `(?<account>...)`
    /// names the part that says whose it is; other groups do not capture.
    pub regex: String,
    /// Literals, one of which every such token holds at `lead`.
    #[serde(default)]
    pub prefilter: Vec<String>,
    /// How many bytes of the token may stand before the literal; none means that it begins the token.
    #[serde(default)]
    pub lead: Vec<usize>,
    /// Words, one of which must stand shortly before it (or in the name of its variable): for shapes that are nobody's alone. Found
    /// as written, in lower and upper case, and capitalised.
    #[serde(default)]
    pub near: Vec<String>,
    /// What may not touch it on the left, beside letters and digits.
    #[serde(default = "underscore")]
    pub before: String,
    /// What may not touch it on the right, beside letters and digits.
    #[serde(default = "underscore")]
    pub after: String,
    /// It holds blanks or line breaks, as a PEM block does.
    #[serde(default)]
    pub lines: bool,
    /// Name of an offline check.
    #[serde(default)]
    #[schemars(schema_with = "check_names")]
    pub check: Option<String>,
    /// A text that fails the check is no such token; else it only lowers confidence.
    #[serde(default)]
    pub certain: bool,
    /// Too weak, or too little proved, to be found bare in text.
    #[serde(default)]
    pub classify_only: bool,
    /// Several kinds look like this (a PEM block, a JSON Web Token): a rule's word for the kind stands.
    #[serde(default)]
    pub generic: bool,
    /// How sure the shape alone makes a finding.
    #[serde(default)]
    pub confidence: Confidence,
    /// How a secret of this shape is kept by its own form (`encrypted` for a key under a passphrase).
    #[serde(default)]
    pub storage: Option<Storage>,
    /// How far its class goes.
    #[serde(default)]
    pub privilege: Option<Privilege>,
    /// Literals, one of which marks a token of a test or sandbox environment.
    #[serde(default)]
    pub test: Vec<String>,
    /// What the vendor says of its life.
    #[serde(default)]
    pub lifetime: Lifetime,
    /// SHA-256 (hex) of values that are printed in published software and so are no credentials.
    #[serde(default)]
    pub public_values: Vec<String>,
    /// The one tool that keeps such tokens, where there is one.
    #[serde(default)]
    pub tool: Option<String>,
    /// Fake tokens that prove the shape.
    pub examples: Examples,
}

/// Fake tokens, of the right shape and nobody's.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Texts that hold such a token.
    pub positive: Vec<String>,
    /// Texts that hold none, or one whose check fails.
    #[serde(default)]
    pub negative: Vec<Negative>,
}

/// A text that holds no such token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Negative {
    /// The text.
    pub text: String,
    /// Why it is none.
    pub why: String,
}

/// The checks and what each looks at, for editors that complete from the schema.
fn check_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let names: Vec<serde_json::Value> = check::CHECKS
        .iter()
        .map(|check| serde_json::json!({"const": check.name, "description": check.about}))
        .collect();
    schemars::json_schema!({"oneOf": names})
}

fn yes() -> bool {
    true
}

fn underscore() -> String {
    "_".into()
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Id of the rule, or name of the file.
    pub rule: String,
    /// What, and where in the file.
    pub message: String,
}

/// A shape, ready to match.
pub struct TokenShape {
    /// As written.
    pub rule: TokenRule,
    /// Who issues it.
    pub provider: String,
    /// The provider's name as its users say it.
    pub provider_name: String,
    /// What the vendor says of its life.
    pub life: Life,
    check: Option<&'static Check>,
    lengths: Range<usize>,
    before: Edge,
    after: Edge,
    regex: OnceLock<Option<Regex>>,
}

/// All shapes.
pub struct TokenShapes {
    shapes: Vec<TokenShape>,
    finder: OnceLock<Finder>,
}

/// A token's shape, and what the token says of itself. Holds no secret.
pub struct Match<'s> {
    /// Which shape.
    pub shape: &'s TokenShape,
    /// What it is good for.
    pub kind: CredentialKind,
    /// Outcome of the offline check; none where the shape has none.
    pub checksum_ok: Option<bool>,
    /// Principal, key id or tenant.
    pub account: Option<String>,
    /// When it was issued.
    pub issued: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Scopes it carries.
    pub scopes: Vec<String>,
    /// How far it goes.
    pub privilege: Option<Privilege>,
    /// It belongs to a test or sandbox environment.
    pub test: bool,
}

impl Match<'_> {
    /// Whether the shape decides the kind over a rule's word: a documented shape that is one kind's alone. A failed
    /// check makes it less sure that somebody issued it, not what it would be.
    pub fn unmistakable(&self) -> bool {
        let rule = &self.shape.rule;
        rule.secret && !rule.generic && !rule.classify_only && rule.confidence == Confidence::High
    }

    /// How sure: the shape's own confidence, lowered by a failed check.
    pub fn confidence(&self) -> Confidence {
        if self.checksum_ok == Some(false) {
            self.shape.rule.confidence.min(Confidence::Medium)
        } else {
            self.shape.rule.confidence
        }
    }
}

impl TokenShapes {
    /// Reads and compiles rule files given as `(file name, text)`; the name's stem must be the provider.
    pub fn load(files: &[(&str, &str)]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut parsed = Vec::new();
        for (name, text) in files {
            let mut problem =
                |message: String| problems.push(Problem { rule: (*name).to_owned(), message });
            match serde_yaml::from_str::<TokenFile>(text) {
                Ok(file) => {
                    let stem = name
                        .rsplit('/')
                        .next()
                        .and_then(|name| name.split('.').next())
                        .unwrap_or(name);
                    if file.provider != stem {
                        problem(format!(
                            "provider is `{}`, the file's name says `{stem}`",
                            file.provider
                        ));
                    }
                    parsed.push(file);
                }
                Err(error) => problem(error.to_string()),
            }
        }
        match Self::compile(parsed) {
            Ok(shapes) if problems.is_empty() => Ok(shapes),
            Ok(_) => Err(problems),
            Err(more) => Err(problems.into_iter().chain(more).collect()),
        }
    }

    /// Compiles parsed files, or tells everything that is wrong with them.
    pub fn compile(files: Vec<TokenFile>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut ids = BTreeSet::new();
        let mut shapes = Vec::new();
        for file in files {
            for rule in file.tokens {
                let id = rule.id.clone();
                if !ids.insert(id.clone()) {
                    problems.push(Problem {
                        rule: id.clone(),
                        message: "another shape has this id".into(),
                    });
                }
                match TokenShape::compile(rule, &file.provider, &file.name) {
                    Ok(shape) => shapes.push(shape),
                    Err(messages) => problems.extend(
                        messages.into_iter().map(|message| Problem { rule: id.clone(), message }),
                    ),
                }
            }
        }
        if problems.is_empty() {
            Ok(Self { shapes, finder: OnceLock::new() })
        } else {
            Err(problems)
        }
    }

    /// The shapes, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &TokenShape> {
        self.shapes.iter()
    }

    /// What `value` as a whole is, by its shape alone.
    pub fn classify(&self, value: &str) -> Option<Match<'_>> {
        self.classify_near(value, "")
    }

    /// What `value` as a whole is, where `context` (the name of its variable, the tool or provider of the rule that picked it) may
    /// name a shape that is nobody's alone.
    pub fn classify_near(&self, value: &str, context: &str) -> Option<Match<'_>> {
        let value = value.trim();
        let context = context.to_ascii_lowercase();
        let candidates = self.shapes.iter().filter_map(|shape| {
            let near = shape.rule.near.is_empty()
                || shape.rule.near.iter().any(|word| context.contains(&word.to_ascii_lowercase()));
            let found = if near { shape.whole(value) } else { None }?;
            Some((shape.weight(&found), found))
        });
        candidates.max_by_key(|(weight, _)| *weight).map(|(_, found)| found)
    }

    /// Bare tokens in `text`, in order and not overlapping; of two that overlap the longer, then the more specific stays. Public
    /// values, placeholders and shapes marked `classify_only` are left out. Time and memory are linear in the text, whatever it holds.
    pub fn find(&self, text: &str) -> Vec<(Range<usize>, Match<'_>)> {
        self.find_in(text.as_bytes())
    }

    /// [`Self::find`] in text of any encoding that keeps ASCII: tokens are ASCII.
    pub fn find_in(&self, text: &[u8]) -> Vec<(Range<usize>, Match<'_>)> {
        let finder = self.finder.get_or_init(|| Finder::new(&self.shapes));
        let mut fuel = Fuel::of(text);
        // Where the last token of each shape ended: a literal within a token does not begin another of the same shape.
        let mut ends = BTreeMap::new();
        let mut found = Vec::new();
        finder.literals.each(text, &mut |literal, hit| {
            for hook in &finder.hooks[literal] {
                let shape = &self.shapes[hook.shape];
                let end = ends.entry(hook.shape).or_insert(0);
                let range = match hook.lead {
                    Some(lead) => hit
                        .start
                        .checked_sub(lead)
                        .filter(|start| start >= end)
                        .and_then(|start| shape.at(text, start, &mut fuel)),
                    None => shape.soon_after(text, hit.end.max(*end), &mut fuel),
                };
                if let Some(range) = range
                    && let Some(token) = text.get(range.clone())
                    && let Ok(token) = str::from_utf8(token)
                {
                    *end = range.end;
                    if !is_placeholder(token)
                        && let Some(token) = shape.read(token)
                    {
                        found.push((range, token));
                    }
                }
            }
        });
        settle(found)
    }
}

/// Keeps the better of what overlaps.
fn settle(mut found: Vec<(Range<usize>, Match<'_>)>) -> Vec<(Range<usize>, Match<'_>)> {
    found.sort_by_key(|(range, token)| (range.start, std::cmp::Reverse(token.shape.weight(token))));
    let mut kept: Vec<(Range<usize>, Match<'_>)> = Vec::new();
    for (range, token) in found {
        match kept.last_mut() {
            Some(last) if range.start < last.0.end => {
                let rank = |range: &Range<usize>, token: &Match<'_>| {
                    (token.checksum_ok != Some(false), range.len(), token.shape.weight(token))
                };
                if rank(&range, &token) > rank(&last.0, &last.1) {
                    *last = (range, token);
                }
            }
            _ => kept.push((range, token)),
        }
    }
    kept
}

/// Furthest that a token may stand behind the word that names it, in bytes of the same line.
const NEAR: usize = 40;

/// Longest token of a shape without a bound, in bytes: JSON Web Tokens with many claims.
const LONGEST: usize = 16 * 1024;

/// Longest token of any shape, in bytes: PEM blocks of large keys.
pub const LONGEST_BLOCK: usize = 64 * 1024;

/// How many bytes the regexes of one text may look at, so that a text made of nothing but token beginnings costs linear time too. Of
/// 34,000 files of an operating system the hungriest used 5 a byte, nearly all less than one; a text that runs dry hides no more than
/// its author could hide by encoding it.
struct Fuel(usize);

impl Fuel {
    fn of(text: &[u8]) -> Self {
        Self(text.len().saturating_mul(16).saturating_add(1 << 20))
    }

    fn burn(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.0;
        self.0 = self.0.saturating_sub(bytes);
        enough
    }
}

/// Which literal hints at which shapes.
struct Finder {
    literals: Literals,
    /// By pattern.
    hooks: Vec<Vec<Hook>>,
}

/// A literal's meaning for one shape: it stands in the token behind `lead` bytes, or (none) names it beforehand.
struct Hook {
    shape: usize,
    lead: Option<usize>,
}

impl Finder {
    fn new(shapes: &[TokenShape]) -> Self {
        let mut by_literal: BTreeMap<String, Vec<Hook>> = BTreeMap::new();
        let sought = |shape: &&TokenShape| shape.rule.secret && !shape.rule.classify_only;
        for (index, shape) in shapes.iter().enumerate().filter(|(_, shape)| sought(shape)) {
            for word in &shape.rule.near {
                let spellings = BTreeSet::from([
                    word.clone(),
                    word.to_ascii_lowercase(),
                    word.to_ascii_uppercase(),
                    capitalised(word),
                ]);
                for spelling in spellings {
                    by_literal.entry(spelling).or_default().push(Hook { shape: index, lead: None });
                }
            }
            if shape.rule.near.is_empty() {
                for literal in &shape.rule.prefilter {
                    let hooks = by_literal.entry(literal.clone()).or_default();
                    hooks.extend(shape.leads().map(|lead| Hook { shape: index, lead: Some(lead) }));
                }
            }
        }
        let mut literals = Vec::new();
        let mut all = Vec::new();
        for (literal, hooks) in by_literal {
            let is_bound = hooks.iter().all(|hook| hook.lead == Some(0));
            literals.push(Literal { text: literal.into_bytes().into(), is_bound });
            all.push(hooks);
        }
        Self { literals: Literals::new(literals), hooks: all }
    }
}

/// Finds some hundred literals at once. A table that stays in the processor's nearest memory tells of each pair of bytes which
/// eighths of the literals begin with it, and which go on with it: two look-ups for a place of the text, none of which waits for
/// the one before, and one place in a hundred needs a second look. An Aho-Corasick automaton of as many literals, whose every step
/// waits for the last, takes four times as long.
struct Literals {
    literals: Vec<Literal>,
    /// Numbers of the literals, by a hash of their first three bytes.
    by_start: Vec<Vec<usize>>,
    /// By pair of bytes: in the low byte the eighths of literals that begin with it, in the high one those whose next two bytes it is.
    pairs: Box<[u16; 1 << 16]>,
}

struct Literal {
    text: Box<[u8]>,
    /// It begins a token: no letter and no digit stands before it.
    is_bound: bool,
}

/// Fewest bytes of a literal.
const SHORTEST_LITERAL: usize = 2;

/// How many places are looked at together.
const STRIDE: usize = 8;

/// The bytes that these places need.
type Window = [u8; STRIDE + 3];

impl Literals {
    #[expect(clippy::large_stack_arrays, reason = "once a run, and boxed at once")]
    fn new(literals: Vec<Literal>) -> Self {
        let mut pairs = Box::new([0; 1 << 16]);
        let mut by_start = vec![Vec::new(); 1 << 12];
        for (number, Literal { text, .. }) in literals.iter().enumerate() {
            let &[a, b, ..] = &**text else { continue };
            let eighth = 1_u16 << (number * 8 / literals.len());
            pairs[pair(a, b)] |= eighth;
            let of = |at: usize| text.get(at).map_or(0..=u8::MAX, |byte| *byte..=*byte);
            for c in of(2) {
                by_start[hash(a, b, c)].push(number);
                for d in of(3) {
                    pairs[pair(c, d)] |= eighth << 8;
                }
            }
        }
        Self { literals, by_start, pairs }
    }

    /// Calls `each` with the number and place of every literal, by place.
    fn each(&self, text: &[u8], each: &mut dyn FnMut(usize, Range<usize>)) {
        let mut at = 0;
        while let Some(window) = text[at..].first_chunk() {
            self.look(text, at, window, each);
            at += STRIDE;
        }
        while at < text.len() {
            let mut last: Window = [0; _];
            let rest = text.len().min(at + last.len()) - at;
            last[..rest].copy_from_slice(&text[at..at + rest]);
            self.look(text, at, &last, each);
            at += STRIDE;
        }
    }

    /// The places from `at` on, whose bytes the window holds.
    fn look(
        &self,
        text: &[u8],
        at: usize,
        window: &Window,
        each: &mut dyn FnMut(usize, Range<usize>),
    ) {
        let mut eighths = 0;
        for place in 0..STRIDE {
            let begun = self.pairs[pair(window[place], window[place + 1])];
            let gone_on = self.pairs[pair(window[place + 2], window[place + 3])];
            eighths |= u64::from(begun & gone_on >> 8) << (8 * place);
        }
        if eighths != 0 {
            self.verify(text, at, eighths, each);
        }
    }

    /// Of eight places, each a byte of `eighths`, those that are not zero.
    #[cold]
    fn verify(
        &self,
        text: &[u8],
        from: usize,
        mut eighths: u64,
        each: &mut dyn FnMut(usize, Range<usize>),
    ) {
        while eighths != 0 {
            let place = eighths.trailing_zeros() / 8;
            eighths &= !(0xFF << (8 * place));
            let at = from + place as usize;
            let Some(rest @ [a, b, after @ ..]) = text.get(at..) else { return };
            let is_inside = at > 0 && text[at - 1].is_ascii_alphanumeric();
            for &number in &self.by_start[hash(*a, *b, after.first().copied().unwrap_or(0))] {
                let literal = &self.literals[number];
                if !(is_inside && literal.is_bound) && rest.starts_with(&literal.text) {
                    each(number, at..at + literal.text.len());
                }
            }
        }
    }
}

fn pair(a: u8, b: u8) -> usize {
    u16::from_le_bytes([a, b]).into()
}

/// Fibonacci hashing: the upper 12 bits of a product with 2^32 over the golden ratio.
fn hash(a: u8, b: u8, c: u8) -> usize {
    (u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1) >> 20) as usize
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_ascii_uppercase() + rest
}

/// Bytes that may not touch a token: letters, digits, and some of a shape's own.
struct Edge(String);

impl Edge {
    fn contains(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || self.0.as_bytes().contains(&byte)
    }
}

impl TokenShape {
    fn compile(rule: TokenRule, provider: &str, name: &str) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let check = rule.check.as_deref().and_then(|name| {
            let known = check::check(name);
            if known.is_none() {
                problems.push(format!("no check is called `{name}`"));
            }
            known
        });
        if rule.certain && check.is_none_or(|check| !check.decides) {
            problems.push("`certain` needs a check that decides".into());
        }
        if rule.prefilter.is_empty() && rule.near.is_empty() && !rule.classify_only {
            problems.push(
                "without `prefilter` or `near` it cannot be found: say `classify_only: true`"
                    .into(),
            );
        }
        if rule.prefilter.iter().chain(&rule.near).chain(&rule.test).any(String::is_empty) {
            problems.push("an empty literal says nothing".into());
        }
        let sought = if rule.near.is_empty() { &rule.prefilter } else { &rule.near };
        let short = |word: &String| (1..SHORTEST_LITERAL).contains(&word.len());
        if !rule.classify_only && sought.iter().any(short) {
            problems.push("a literal of one byte is found everywhere".into());
        }
        let lengths = lengths(&rule).unwrap_or_else(|message| {
            problems.push(message);
            0..1
        });
        let life = life(&rule.lifetime).unwrap_or_else(|message| {
            problems.push(message);
            Life::default()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            life,
            check,
            lengths,
            before: Edge(rule.before.clone()),
            after: Edge(rule.after.clone()),
            regex: OnceLock::new(),
            provider: provider.to_owned(),
            provider_name: name.to_owned(),
            rule,
        })
    }

    fn leads(&self) -> impl Iterator<Item = usize> {
        let start = self.rule.lead.is_empty().then_some(0);
        self.rule.lead.iter().copied().chain(start)
    }

    /// Group `token`, and an edge behind it. Compiled on first use: a scan meets few of the shapes.
    fn regex(&self) -> Option<&Regex> {
        let build = || {
            let edge = regex_syntax::escape(&self.rule.after);
            let pattern = format!("\\A(?<token>{})(?:[^0-9A-Za-z{edge}]|\\z)", self.rule.regex);
            RegexBuilder::new(&pattern).unicode(false).build().ok()
        };
        self.regex.get_or_init(build).as_ref()
    }

    /// The whole value.
    fn whole<'s>(&'s self, value: &str) -> Option<Match<'s>> {
        let literal = |literal: &String| {
            self.leads().any(|lead| {
                value
                    .as_bytes()
                    .get(lead..)
                    .is_some_and(|rest| rest.starts_with(literal.as_bytes()))
            })
        };
        if !self.lengths.contains(&value.len())
            || !(self.rule.prefilter.is_empty() || self.rule.prefilter.iter().any(literal))
        {
            return None;
        }
        let token = self.regex()?.captures(value.as_bytes())?.name("token")?;
        if token.len() == value.len() { self.read(value) } else { None }
    }

    /// The token that begins at `start`.
    fn at(&self, bytes: &[u8], start: usize, fuel: &mut Fuel) -> Option<Range<usize>> {
        if fuel.0 == 0 || start > 0 && self.before.contains(bytes[start - 1]) {
            return None;
        }
        let window = self.window(&bytes[start..]);
        if window.len() < self.lengths.start || !fuel.burn(window.len()) {
            return None;
        }
        let token = self.regex()?.captures(window)?.name("token")?.range();
        // At the end of a cut window the edge was not seen.
        let cut = token.end == window.len()
            && bytes.get(start + token.end).is_some_and(|next| self.after.contains(*next));
        (!cut).then(|| start..start + token.end)
    }

    /// The stretch in which a token of this shape ends, and the byte behind it.
    fn window<'t>(&self, bytes: &'t [u8]) -> &'t [u8] {
        let reach = &bytes[..bytes.len().min(self.lengths.end)];
        if self.rule.lines {
            return reach;
        }
        let end = reach.iter().position(u8::is_ascii_whitespace).unwrap_or(reach.len());
        &reach[..end]
    }

    /// The first token of this shape that begins within [`NEAR`] bytes behind the word that names it, as a value does: behind a blank,
    /// quote or sign of assignment, and looking random.
    fn soon_after(&self, bytes: &[u8], from: usize, fuel: &mut Fuel) -> Option<Range<usize>> {
        let line = bytes.get(from..)?.iter().take(NEAR).take_while(|byte| **byte != b'\n').count();
        let begins = |at: &usize| *at > 0 && b" \t=:\"'`,(>".contains(&bytes[*at - 1]);
        (from..=from + line).filter(|at| *at < bytes.len()).filter(begins).find_map(|at| {
            let range = self.at(bytes, at, fuel)?;
            is_varied(&bytes[range.clone()]).then_some(range)
        })
    }

    fn read<'s>(&'s self, token: &str) -> Option<Match<'s>> {
        let public = &self.rule.public_values;
        if !public.is_empty() && public.contains(&hex(&Sha256::digest(token))) {
            return None;
        }
        let mut found = Match {
            shape: self,
            kind: self.rule.kind,
            checksum_ok: None,
            account: None,
            issued: None,
            expires: None,
            scopes: Vec::new(),
            privilege: self.rule.privilege,
            test: self.rule.test.iter().any(|mark| token.contains(mark)),
        };
        if let Some(check) = self.check {
            let reading = (check.read)(token);
            if reading.is_none() && self.rule.certain {
                return None;
            }
            found.checksum_ok = check.decides.then_some(reading.is_some());
            if let Some(Reading { account, issued, expires, scopes, privilege, kind }) = reading {
                found = Match {
                    account,
                    issued,
                    expires,
                    scopes,
                    privilege: privilege.or(found.privilege),
                    kind: kind.unwrap_or(found.kind),
                    ..found
                };
            }
        }
        if found.account.is_none() && self.rule.regex.contains("(?<account>") {
            let groups = self.regex()?.captures(token.as_bytes())?;
            found.account = groups
                .name("account")
                .map(|part| String::from_utf8_lossy(part.as_bytes()).into_owned());
        }
        Some(found)
    }

    /// What makes one shape of the same text better than another: a check that does not fail, a word near by, a longer literal.
    fn weight(&self, found: &Match<'_>) -> (bool, bool, bool, usize) {
        let literal = self.rule.prefilter.iter().map(String::len).max().unwrap_or(0);
        (
            found.checksum_ok != Some(false),
            !self.rule.classify_only,
            !self.rule.near.is_empty(),
            literal,
        )
    }
}

/// Random text of a token's length holds both letters and digits, and many different ones.
fn is_varied(token: &[u8]) -> bool {
    let different = token.iter().collect::<BTreeSet<_>>().len();
    different >= 8
        && token.iter().any(u8::is_ascii_digit)
        && token.iter().any(u8::is_ascii_alphabetic)
}

/// Shortest and longest token of the shape; tells what is wrong with its regex without the cost of compiling it.
fn lengths(rule: &TokenRule) -> Result<Range<usize>, String> {
    let hir = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(true)
        .build()
        .parse(&rule.regex)
        .map_err(|error| format!("regex: {error}"))?;
    let properties = hir.properties();
    let groups = usize::from(rule.regex.contains("(?<account>"));
    if properties.explicit_captures_len() != groups {
        return Err("regex: only `account` may be captured; write (?:...)".into());
    }
    let shortest = properties
        .minimum_len()
        .filter(|length| *length > 0)
        .ok_or("regex: matches nothing, or the empty text")?;
    let bound = if rule.lines { LONGEST_BLOCK } else { LONGEST };
    let longest = properties.maximum_len().unwrap_or(bound).min(bound);
    Ok(shortest..longest + 1)
}

fn life(lifetime: &Lifetime) -> Result<Life, String> {
    let ends = match lifetime.ends.as_deref() {
        None => None,
        Some("never") => Some(None),
        Some(duration) => Some(Some(seconds(duration)?)),
    };
    Ok(Life { ends, idle: lifetime.idle.as_deref().map(seconds).transpose()? })
}

/// `90s`, `10m`, `12h` or `90d` in seconds.
fn seconds(duration: &str) -> Result<i64, String> {
    let wrong = || format!("`{duration}` is no duration; write 12h or 90d");
    let unit = match duration.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = duration[..duration.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "tests read the rule files of the source tree")]
    fn built_in() -> &'static TokenShapes {
        static SHAPES: OnceLock<TokenShapes> = OnceLock::new();
        SHAPES.get_or_init(|| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/tokens");
            let files: Vec<(String, String)> = walkdir::WalkDir::new(folder)
                .sort_by_file_name()
                .into_iter()
                .map(Result::unwrap)
                .filter(|entry| entry.file_type().is_file())
                .map(|entry| {
                    (
                        entry.file_name().to_string_lossy().into_owned(),
                        std::fs::read_to_string(entry.path()).unwrap(),
                    )
                })
                .collect();
            let files: Vec<(&str, &str)> =
                files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            TokenShapes::load(&files).unwrap_or_else(|problems| panic!("{problems:#?}"))
        })
    }

    fn ids(text: &str) -> Vec<&str> {
        built_in().find(text).into_iter().map(|(_, token)| token.shape.rule.id.as_str()).collect()
    }

    const GHP: &str = "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";
    const WANDB: &str = "5fffb65e9246eedec7a1c0d2b3e4f5a697887766";

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        for (text, expected) in [
            (GHP.to_owned(), vec!["github-ghp"]),
            (format!("export GH_TOKEN={GHP}"), vec!["github-ghp"]),
            (format!("https://kim:{GHP}@github.com/acme/app.git"), vec!["github-ghp"]),
            (format!("\u{e9}{GHP}\u{e9} {GHP}"), vec!["github-ghp", "github-ghp"]),
            (format!("{GHP}x"), vec![]),
            (format!("x{GHP}"), vec![]),
            ("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".into(), vec![]),
            (format!("WANDB_API_KEY={WANDB}"), vec!["wandb-legacy"]),
            (format!("wandb login '{WANDB}'"), vec!["wandb-legacy"]),
            (format!("wandb/commit/{WANDB}"), vec![]),
            ("ghp_token".into(), vec![]),
            ("github_pat".into(), vec![]),
            ("xxxxxxxxxxxxxxxx".into(), vec![]),
            (format!("\"private_key_id\": \"{WANDB}\""), vec![]),
            (format!("wandb\n{WANDB}"), vec![]),
            (WANDB.into(), vec![]),
            ("WANDB_API_KEY=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".into(), vec![]),
        ] {
            assert_eq!(ids(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_near_by_tells_whose_a_common_shape_is() {
        let shapes = built_in();
        let id = |context: &str| {
            shapes.classify_near(WANDB, context).map(|token| token.shape.rule.id.as_str())
        };
        assert_eq!(id(""), None);
        assert_eq!(id("WANDB_API_KEY"), Some("wandb-legacy"));
        assert_eq!(id("datadog_app_key"), Some("datadog-app"));
    }

    #[test]
    fn only_unmistakable_shapes_decide_the_kind() {
        let shapes = built_in();
        let decides =
            |value: &str| shapes.classify(value).is_some_and(|token| token.unmistakable());
        let jwt = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc5NTQzNjY0N30.c2lnbmF0dXJlc2lnbmF0dXJl";
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\nMIIE{}\n-----END PRIVATE KEY-----\n",
            "vQIBADANBgkqhkiG9w0BAQEFAASC".repeat(4)
        );
        for (value, expected) in [
            (GHP, true),
            // A mistyped token is one of its kind all the same.
            ("ghp_Cz5QguqexZSeuYugjq0grPMCCmGxHD0Mvq2a", true),
            (jwt, false),
            (&pem, false),
            ("AKIA5QNA5A2JO4VYWW42", false),
            ("j6ohui.dkiu7qfcu1n2v275", false),
        ] {
            assert!(shapes.classify(value).is_some(), "{value}");
            assert_eq!(decides(value), expected, "{value}");
        }
    }

    #[test]
    fn tokens_say_what_they_are_for() {
        let shapes = built_in();
        let token =
            shapes.classify("xoxb-783433181544-783433181545-QrfMYlfHrLp0lkN6lRwjMerf").unwrap();
        assert_eq!(token.account.as_deref(), Some("783433181544"));
        let token = shapes.classify("sk_test_QrfMYlfHrLp0lkN6lRwjMerf").unwrap();
        assert!(token.test);
        assert_eq!(token.privilege, Some(Privilege::Admin));
        let token = shapes.classify("AKIA5QNA5A2JO4VYWW42").unwrap();
        assert_eq!(token.account.map(|account| account.len()), Some(12));
        assert!(!token.shape.rule.secret);
        assert_eq!(token.shape.life.ends, Some(None));
    }

    #[test]
    fn the_schema_names_the_checks() {
        let schema = serde_json::to_string(&schemars::schema_for!(TokenFile)).unwrap();
        assert!(schema.contains("gitlab-routable") && schema.contains("public_values"));
    }

    #[test]
    fn problems_are_all_told() {
        let text = "provider: acme\nname: Acme\ntokens:\n  - {id: a, kind: api-key, summary: x, regex: '(a)', examples: {positive: []}}\n  \
                    - {id: a, kind: api-key, summary: x, regex: 'aa(?=b)', prefilter: [aa], check: nope, lifetime: {ends: soon}, examples: {positive: []}}\n";
        let problems =
            TokenShapes::load(&[("other.yaml", text), ("broken.yaml", "tokens: [")]).err().unwrap();
        let expected = [
            "file's name",
            "",
            "`prefilter`",
            "account",
            "another shape",
            "no check",
            "look-around",
            "duration",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.message.contains(part), "{problem:?}");
        }
    }

    #[test]
    fn hostile_text_costs_linear_time() {
        for unit in [
            "-eyJ",
            "sv=2023-01-01&",
            "azure ado ",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-eyJaaaaaaaaaaaaaaaa.eyJaaaaaaaaaaaaaaaaaaa",
        ] {
            let text = unit.repeat(50_000 / unit.len());
            assert!(built_in().find(&text).is_empty());
        }
    }

    proptest! {
        #[test]
        fn literals_are_found_wherever_they_may_stand(
            parts in prop::collection::vec((any::<prop::sample::Index>(), "[ -~]{0,3}"), 0..12),
        ) {
            let shapes = built_in();
            let finder = Finder::new(&shapes.shapes);
            let literals = &finder.literals.literals;
            let mut text = Vec::new();
            for (part, between) in parts {
                text.extend_from_slice(&literals[part.index(literals.len())].text);
                text.extend_from_slice(between.as_bytes());
            }
            let mut found = BTreeSet::new();
            finder.literals.each(&text, &mut |literal, range| {
                found.insert((range.start, literal));
            });
            let mut expected = BTreeSet::new();
            for (number, literal) in literals.iter().enumerate() {
                for at in 0..text.len() {
                    let inside = at > 0 && text[at - 1].is_ascii_alphanumeric();
                    if text[at..].starts_with(&literal.text) && !(literal.is_bound && inside) {
                        expected.insert((at, number));
                    }
                }
            }
            prop_assert_eq!(expected, found);
        }

        #[test]
        fn never_panics(text in "\\PC{0,200}", literal in any::<prop::sample::Index>(), tail in "[!-~]{0,80}") {
            let shapes = built_in();
            let literals: Vec<&String> = shapes.iter().flat_map(|shape| shape.rule.prefilter.iter().chain(&shape.rule.near)).collect();
            let text = format!("{text}{}{tail}\u{e9}{text}", literals[literal.index(literals.len())]);
            for (range, _) in shapes.find(&text) {
                prop_assert!(text.get(range).is_some());
            }
            let _ = shapes.classify(&text);
        }
    }

    #[test]
    fn every_regex_compiles() {
        let wrong: Vec<&str> = built_in()
            .iter()
            .filter(|shape| shape.regex().is_none())
            .map(|shape| shape.rule.id.as_str())
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
