//! No secret leaves the program, in no format, at no verbosity, in no usual coding.
//!
//! The secrets are known exactly: they are the canaries that the templates of the rules' own tests ask for. Each test of each
//! rule becomes a machine of its own, whole and cut in half (errors like to quote what they stumble over); histories, dotfiles and
//! the environment are filled with more. All of it is scanned, and everything the program writes is searched.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use nhi_scan::output::Style;
use nhi_scan::output::explain::explain;
use nhi_scan::report::Report;
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::sample::expand_noting;
use nhi_scan::rule::schema::Expect;
use nhi_scan::trial::lay_out;
use regex::Regex;
use serde_json::Value;
use sha2::Sha256;

use crate::machine::{Machine, findings_below, report};

/// Pieces of this many characters are searched for.
pub(crate) const PIECE: usize = 8;

/// Where they are digits, decimal or hexadecimal, or what UUIDs are made of, of which reports are full, this many.
const PIECE_OF_DIGITS: usize = 12;

/// Secrets shorter than this say too little to be told from chance.
const SHORTEST: usize = 8;

const KEY: &str = "Kq8vZ2mXw5nB7cT1yR4pL9sD";

/// Random values of templates that are names, not secrets, by what stands before them: reports tell them on purpose.
static PUBLIC: LazyLock<Regex> = LazyLock::new(|| {
    let before_an_id = r"(?:A[A-Z]IA|AROA|AIDA|LTAI5t|STS\.N|EXO|GOOG1E|SCW|AKID|EU\.)";
    let key_of_an_id = r"(?:client|user|tenant|account|project|private_?key|subscription|object|device|org|app|access_?key)[_ .-]?id";
    let key_of_a_name = r"(?:user(?:name)?|account|email|login_?name|sub)";
    let value = r#"\\?["']?\s*[:=]\s*\\?["']?"#;
    let uuid = r"(?:<hex:\d+>-)*";
    Regex::new(&format!("(?i)(?:{before_an_id}|(?:{key_of_an_id}|{key_of_a_name}){value}){uuid}$"))
        .unwrap()
});

/// Ids that go by the name of a key, read and judged one by one: rule, and what stands before them.
const KEYS_THAT_ARE_IDS: &[(&str, &str)] = &[
    ("cloud-init", "consumer_key: "),
    ("cloud-init", "token_key: "),
    ("composer", "consumer-key\": \"As"),
    ("elasticsearch", "api_key: \""),
    ("hcp", "\"service-principals\": {\""),
    ("linode-cli", "obj-access-key = "),
    ("mc", "\"accessKey\": \""),
    ("notion", "{\"<hex:8>-<hex:4>-<hex:4>-<hex:4>-"),
    ("ovh", "application_key="),
    ("rancher-cli", "\"accessKey\": \""),
    ("rsconnect", "accountId: 4711\ntoken: "),
    ("rsconnect", "accountId: 12\ntoken: T"),
    ("talosctl", "cluster: {id: \""),
];

fn is_public(seed: &str, before: &str) -> bool {
    let rule = seed.split(' ').next().unwrap_or_default();
    PUBLIC.is_match(before)
        || KEYS_THAT_ARE_IDS.iter().any(|(of, end)| *of == rule && before.ends_with(end))
}

/// The part of a secret that is secret: the signature of a token whose claims are told, what follows the host of an address, the
/// name of a token or of the cookie's host, the header of a binary key; of a signed address, the signature.
fn secret_part(text: &str) -> &str {
    let text = text.rsplit('\0').next().unwrap_or(text);
    for mark in [".example=", "kubeconfig-u-1:", "X-Amz-Signature="] {
        if let Some((_, rest)) = text.split_once(mark) {
            return rest;
        }
    }
    match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or(rest, |(_, rest)| rest),
        None if text.starts_with("eyJ") => {
            text.rsplit_once('.').map_or(text, |(_, signature)| signature)
        }
        None => text,
    }
}

/// What shells, dotfiles and scripts hold.
pub(crate) const TYPED: &[(&str, &str)] = &[
    (
        ".bash_history",
        "export GITHUB_TOKEN=<crc:ghp_>\ncurl -H \"Authorization: Bearer <40>\" https://api.example.com\n\
         docker login -u ci -p <27> registry.example.com\nPGPASSWORD=<14> psql -h db.example.com -U app\n\
         git clone https://kim:<24>@git.example.com/x.git\nmysql -u root -p<20> shop\n\
         curl -u kim:<20> 'https://api.example.com/?access_token=<32>'\naws configure set aws_secret_access_key <b64:40>\n",
    ),
    (
        ".zsh_history",
        ": 1795433125:0;export STRIPE_API_KEY=sk_live_<24>\n: 1795433126:0;vault login hvs.<90>\n",
    ),
    (
        ".zshrc",
        "export OPENAI_API_KEY=sk-<48>\nexport NPM_TOKEN=\"npm_<36>\"\nalias x='curl -H \"X-Api-Key: <32>\" https://x'\n",
    ),
    (
        "project/.env",
        "DATABASE_URL=postgres://app:<20>@db.example.com/shop\nSECRET_KEY=<50>\nJWT=<jwt:{\"sub\":\"kim\"}>\n",
    ),
    (".netrc", "machine api.example.com login kim password <20>\n"),
    (".git-credentials", "https://kim:<20>@git.example.com\n"),
    (".npmrc", "//registry.example.com/:_authToken=<36>\n"),
    (".pgpass", "db.example.com:5432:shop:app:<20>\n"),
];

/// A secret that must not be seen.
pub(crate) struct Canary {
    /// Whose it is.
    pub(crate) label: String,
    pub(crate) text: String,
}

pub(crate) struct Canaries {
    pub(crate) all: Vec<Canary>,
    /// Token shapes of which a part is the documented id of the token's account.
    with_id: Vec<Regex>,
}

impl Canaries {
    pub(crate) fn new(set: &RuleSet) -> Self {
        let shapes = set.tokens().flat_map(|file| {
            let file: Value = file.parse().unwrap_or_else(|problem| panic!("{problem}"));
            let shapes = file["tokens"].as_array().cloned().unwrap_or_default();
            shapes.into_iter().filter_map(|shape| shape["regex"].as_str().map(str::to_owned))
        });
        let with_id = shapes
            .filter(|regex| regex.contains("(?<account>"))
            .map(|regex| Regex::new(&regex).unwrap());
        Self { all: Vec::new(), with_id: with_id.collect() }
    }

    /// Fills a template and keeps its secrets.
    pub(crate) fn expand(&mut self, template: &str, seed: &str) -> String {
        let mut noted = Vec::new();
        let text = expand_noting(template, seed, &mut |before, secret| {
            if !is_public(seed, before) {
                let context: String =
                    before.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
                noted.push(Canary {
                    label: format!("{seed}, after `{context}`"),
                    text: secret_part(secret).to_owned(),
                });
            }
        });
        let ids = self.ids(&text);
        noted.retain(|canary| !ids.iter().any(|id| id.contains(&canary.text)));
        self.all.append(&mut noted);
        text
    }

    /// Parts of tokens that are reported on purpose.
    fn ids<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let groups = self.with_id.iter().flat_map(|shape| shape.captures_iter(text));
        groups.filter_map(|groups| Some(groups.name("account")?.as_str())).collect()
    }

    /// Keeps a secret, less the id in it.
    fn keep(&mut self, label: &str, secret: &str) {
        let rest = self.ids(secret).into_iter().fold(vec![secret_part(secret)], |parts, id| {
            parts.into_iter().flat_map(|part| part.split(id)).collect()
        });
        let kept: Vec<Canary> = rest
            .into_iter()
            .map(|part| Canary { label: label.into(), text: part.into() })
            .collect();
        self.all.extend(kept);
    }
}

#[test]
fn nothing_that_is_written_holds_a_secret() {
    let machine = Machine::new();
    let set = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut canaries = Canaries::new(&set);
    let told = plant_rules(&machine, &set, &mut canaries);
    for (path, template) in TYPED {
        let text = canaries.expand(template, path);
        machine.write(Path::new("~").join(path), text);
    }
    let names = set.caches().iter().flat_map(|loaded| loaded.rule.env_tokens.keys());
    let env: Vec<(String, String)> = names
        .map(|name| name.replace('*', "X"))
        .map(|name| (name.clone(), canaries.expand("<40>", &name)))
        .collect();
    let outside = tempfile::tempdir().unwrap();
    let key = outside.path().join("key");
    fs::write(&key, KEY).unwrap();
    canaries.all.push(Canary { label: "the key file".into(), text: KEY.into() });

    let mut written: Vec<(String, Vec<u8>)> = Vec::new();
    let mut run = |name: &str, args: &[&str]| {
        let mut program = machine.program();
        program.envs(env.iter().map(|(name, value)| (name, value))).arg(&machine.root).args(args);
        let output = program.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        written.push((format!("{name}, stderr"), output.stderr.clone()));
        written.push((format!("{name}, stdout"), output.stdout.clone()));
        output
    };
    let files: Vec<String> = nhi_scan::output::FORMATS
        .iter()
        .map(|format| format!("{}={}", format.name, outside.path().join(format.name).display()))
        .collect();
    let files: Vec<&str> = files.iter().flat_map(|file| ["-o", file.as_str()]).collect();
    run("plain", &[&["-vv", "--all", "--format", "table"][..], &files].concat());
    let key = key.to_string_lossy().into_owned();
    let keyed = [
        "--fingerprint-key-file",
        &key,
        "--fingerprint-passwords",
        "--format",
        "json",
        "--thorough",
    ];
    let output = run("keyed", &keyed);
    for format in nhi_scan::output::FORMATS {
        written.push((
            format!("file, {}", format.name),
            fs::read(outside.path().join(format.name)).unwrap(),
        ));
    }
    written.push(("explain".into(), explained(&output.stdout)));

    let found = report(&output);
    // What is asked of images only lies on a running machine unread.
    let is_asked = |label: &str| {
        let id = label.split(' ').next().unwrap_or_default();
        let caches = &set.cache(id).unwrap().rule.caches;
        !caches.iter().all(|cache| cache.golden.as_ref().is_some_and(|golden| golden.only))
            || caches.is_empty()
    };
    for (rule, place) in told.into_iter().filter(|(rule, _)| is_asked(rule)) {
        assert!(
            !findings_below(&found, &place).is_empty(),
            "{rule} was not read, so nothing is proved of it"
        );
    }
    assert_fingerprinted(&found, &env);
    let searcher = Searcher::new(&canaries.all);
    let leaks: Vec<String> =
        written.iter().flat_map(|(name, bytes)| searcher.leaks(name, bytes)).collect();
    assert_eq!(leaks, Vec::<String>::new());
}

/// Set for the process that panics below: what it says then.
const LAST_WORDS: &str = "NHI_SCAN_TEST_LAST_WORDS";

/// A panic's message may quote what was read: it is told nowhere, on no thread.
#[test]
fn a_panic_tells_nothing() {
    let words = "Kq8vZ2mXw5nB7cT1yR4pL9sD";
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "secrecy::panicking", "--ignored", "--nocapture"]);
    let output = process.env(LAST_WORDS, words).env("RUST_BACKTRACE", "full").output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && String::from_utf8_lossy(&told).contains("1 passed"));
    let canaries = [Canary { label: "last words".into(), text: words.into() }];
    assert_eq!(Searcher::new(&canaries).leaks("panics", &told), Vec::<String>::new());
}

#[test]
#[ignore = "started by the test above, in a process of its own"]
fn panicking() {
    let Ok(words) = std::env::var(LAST_WORDS) else { return };
    nhi_scan::run::silence_panics();
    assert!(std::panic::catch_unwind(|| panic!("{words}")).is_err());
    assert!(std::panic::catch_unwind(|| std::panic::panic_any(words.clone())).is_err());
    let spoken = words.clone();
    assert!(std::thread::spawn(move || panic!("{spoken}")).join().is_err());
    assert!(std::panic::catch_unwind(|| words.parse::<u8>().expect(&words)).is_err());
}

/// A machine for each test of each rule, and the same cut in half. Gives the places where rules say that there are grants.
pub(crate) fn plant_rules(
    machine: &Machine,
    set: &RuleSet,
    canaries: &mut Canaries,
) -> Vec<(String, std::path::PathBuf)> {
    let mut told = Vec::new();
    for rule in set.caches().iter().map(|loaded| &loaded.rule) {
        for (number, test) in rule.tests.iter().enumerate() {
            for whole in [true, false] {
                let seed =
                    format!("{} test {}{}", rule.id, number + 1, if whole { "" } else { ", cut" });
                let place = machine
                    .root
                    .join(if whole { "whole" } else { "cut" })
                    .join(format!("{}-{number}", rule.id));
                lay_out(rule, test, &seed, &place.join("home/user")).unwrap();
                for template in std::iter::once(&test.file).chain(test.beside.values()) {
                    canaries.expand(template, &seed);
                }
                let has_grants =
                    matches!(&test.expect, Expect::Grants(grants) if !grants.is_empty());
                let moved = !test.env.is_empty()
                    || test.path.as_ref().is_some_and(|path| path.starts_with('/'));
                if !whole {
                    cut(&place);
                } else if has_grants && !moved {
                    told.push((seed, place));
                }
            }
        }
    }
    told
}

/// Halves every file.
fn cut(place: &Path) {
    for entry in walkdir::WalkDir::new(place)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
    {
        let bytes = fs::read(entry.path()).unwrap();
        fs::write(entry.path(), &bytes[..bytes.len().div_ceil(2)]).unwrap();
    }
}

/// Every finding of a JSON report, explained.
fn explained(json: &[u8]) -> Vec<u8> {
    let report: Report = serde_json::from_slice(json).unwrap();
    let style = Style { unicode: true, all: true, verbosity: 2, ..Style::default() };
    let mut text = Vec::new();
    for finding in &report.findings {
        explain(&report, &finding.id, &style, &mut text).unwrap();
    }
    text
}

/// That the canaries of the environment were read at all: their fingerprints are there.
fn assert_fingerprinted(report: &Value, env: &[(String, String)]) {
    let text = report.to_string();
    let known = env.iter().filter(|(_, value)| text.contains(&fingerprint(value)));
    assert!(known.count() > 5, "the environment was not read");
}

/// The digits of a secret's fingerprint under the test's key.
fn fingerprint(secret: &str) -> String {
    let mut tag = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    tag.update(b"nhi-scan/fp/v1\0");
    tag.update(secret.as_bytes());
    hex(&tag.finalize().into_bytes()[..16])
}

/// Homes that real tools wrote. Which of their words are secrets, the fingerprints tell: whatever the program itself took for a
/// secret may be in nothing it writes.
#[test]
fn what_was_fingerprinted_is_written_nowhere() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    if !fixtures.is_dir() {
        println!("no fixtures here");
        return;
    }
    let machine = Machine::new();
    let key = machine.write("key", KEY);
    let mut written: Vec<(String, Vec<u8>)> = Vec::new();
    for format in nhi_scan::output::FORMATS {
        let mut program = machine.program();
        program.arg(&fixtures).args([
            "-vv",
            "--all",
            "--thorough",
            "--format",
            format.name,
            "--fingerprint-passwords",
        ]);
        let output = program.arg("--fingerprint-key-file").arg(&key).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        written.push((format.name.into(), output.stdout));
        written.push((format!("{}, stderr", format.name), output.stderr));
    }
    let json = written.iter().find(|(name, _)| name == "json").unwrap().1.clone();
    written.push(("explain".into(), explained(&json)));
    let json = String::from_utf8(json).unwrap();
    let known: HashSet<&str> =
        json.match_indices("hk1:").filter_map(|(at, _)| json.get(at + 13..at + 45)).collect();
    let mut canaries =
        Canaries::new(&RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}")));
    for (path, word) in words(&fixtures) {
        if known.contains(&*fingerprint(&word)) {
            canaries.keep(&path, &word);
        }
    }
    assert!(!canaries.all.is_empty());
    let searcher = Searcher::of_words(&canaries.all);
    let leaks: Vec<String> =
        written.iter().flat_map(|(name, bytes)| searcher.leaks(name, bytes)).collect();
    assert_eq!(leaks, Vec::<String>::new());
}

/// Everything in the homes that could be a secret: lines, and what lies between separators, each once.
fn words(fixtures: &Path) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let mut words = Vec::new();
    let files = walkdir::WalkDir::new(fixtures)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file());
    for file in files.filter(|file| file.path().components().any(|part| part.as_os_str() == "home"))
    {
        let text = String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned();
        let separated = [
            text.lines().map(str::trim).collect::<Vec<_>>(),
            text.split(|c: char| c.is_whitespace() || "\"'".contains(c)).collect(),
            text.split(|c: char| c.is_whitespace() || "\"',;=:@/<>()[]{}&?".contains(c)).collect(),
            text.split(|c: char| c.is_whitespace() || "\"',;:@<>()[]{}&?".contains(c)).collect(),
        ];
        for word in
            separated.into_iter().flatten().filter(|word| (SHORTEST..4096).contains(&word.len()))
        {
            if seen.insert(word.to_owned()) {
                words.push((file.path().display().to_string(), word.to_owned()));
            }
        }
    }
    words
}

/// Finds secrets in bytes: raw, reversed, in hex, in base64 at any alignment, URL-encoded and escaped as in JSON.
struct Searcher<'c> {
    canaries: &'c [Canary],
    likely: Likely,
    pieces: HashMap<[u8; PIECE], usize>,
    digits: HashMap<[u8; PIECE_OF_DIGITS], usize>,
}

impl<'c> Searcher<'c> {
    fn new(canaries: &'c [Canary]) -> Self {
        Self::with(canaries, are_digits)
    }

    /// For secrets that people wrote, of which parts are words that stand everywhere.
    fn of_words(canaries: &'c [Canary]) -> Self {
        Self::with(canaries, |piece| are_digits(piece) || !piece.iter().any(u8::is_ascii_digit))
    }

    /// Pieces that `are_common` are looked for at their greater length.
    fn with(canaries: &'c [Canary], are_common: fn(&[u8]) -> bool) -> Self {
        let (mut pieces, mut digits) = (HashMap::new(), HashMap::new());
        for (at, canary) in
            canaries.iter().enumerate().filter(|(_, canary)| canary.text.len() >= PIECE)
        {
            for coded in codings(canary.text.as_bytes()) {
                for piece in coded.windows(PIECE).filter(|piece| !are_common(piece)) {
                    pieces.insert(piece.try_into().unwrap(), at);
                }
                for piece in
                    coded.windows(PIECE_OF_DIGITS).filter(|piece| are_common(&piece[..PIECE]))
                {
                    digits.insert(piece.try_into().unwrap(), at);
                }
            }
        }
        let starts =
            digits.keys().map(|piece: &[u8; PIECE_OF_DIGITS]| piece.first_chunk().unwrap());
        let likely = Likely::new(pieces.keys().chain(starts));
        Self { canaries, likely, pieces, digits }
    }

    /// Whose secrets are in these bytes, and around what: they are fakes, and whoever repairs a leak must see it.
    fn leaks(&self, name: &str, bytes: &[u8]) -> Vec<String> {
        let mut found: HashMap<usize, usize> = HashMap::new();
        for (at, piece) in bytes.windows(PIECE).enumerate() {
            if !self.likely.has(piece.try_into().unwrap()) {
                continue;
            }
            let longer = || self.digits.get(bytes.get(at..at + PIECE_OF_DIGITS)?);
            if let Some(whose) = self.pieces.get(piece).or_else(longer) {
                found.entry(*whose).or_insert(at + PIECE);
            }
        }
        let mut leaks: Vec<String> = found
            .into_iter()
            .map(|(at, end)| {
                let around = &bytes[end.saturating_sub(60)..end];
                format!("{name}: {}: …{}", self.canaries[at].label, String::from_utf8_lossy(around))
            })
            .collect();
        leaks.sort_unstable();
        leaks
    }
}

/// A quick answer that is mostly right: whether a piece may be among those looked for.
pub(crate) struct Likely(Vec<bool>);

impl Likely {
    const BITS: u32 = 22;

    pub(crate) fn new<'p>(pieces: impl Iterator<Item = &'p [u8; PIECE]>) -> Self {
        let mut likely = Self(vec![false; 1 << Self::BITS]);
        for piece in pieces {
            likely.0[Self::place(piece)] = true;
        }
        likely
    }

    fn place(piece: &[u8; PIECE]) -> usize {
        (u64::from_ne_bytes(*piece).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Self::BITS))
            as usize
    }

    pub(crate) fn has(&self, piece: &[u8; PIECE]) -> bool {
        self.0[Self::place(piece)]
    }
}

fn are_digits(piece: &[u8]) -> bool {
    piece.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

fn codings(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut codings = vec![secret.to_owned(), secret.iter().rev().copied().collect()];
    codings.push(hex(secret).into_bytes());
    codings.push(hex(secret).to_ascii_uppercase().into_bytes());
    codings.push(url_encoded(secret).into_bytes());
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = Value::from(text).to_string();
        let escaped = quoted.trim_matches('"').to_owned();
        codings.push(escaped.replace('/', "\\/").into_bytes());
        codings.push(escaped.into_bytes());
    }
    for skipped in 0..3.min(secret.len()) {
        // Whole groups of three bytes look the same whatever follows.
        let aligned = &secret[skipped..];
        let aligned = &aligned[..aligned.len() / 3 * 3];
        codings.push(STANDARD_NO_PAD.encode(aligned).into_bytes());
        codings.push(URL_SAFE_NO_PAD.encode(aligned).into_bytes());
    }
    codings.sort_unstable();
    codings.dedup();
    codings
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn url_encoded(bytes: &[u8]) -> String {
    let coded = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(coded).collect()
}

/// The search itself, on leaks made for it.
#[test]
fn leaks_are_found_in_every_coding() {
    let canaries = [
        Canary { label: "long".into(), text: "q7Zv+4nK8sWf/1cY=Z5hJ3dG".into() },
        Canary { label: "short".into(), text: "Yb3$kL+9w".into() },
    ];
    let searcher = Searcher::new(&canaries);
    let long = canaries[0].text.as_bytes();
    let in_base64 = |before: &str| STANDARD_NO_PAD.encode([before.as_bytes(), long].concat());
    for leak in [
        canaries[0].text.clone(),
        "8sWf/1cY".into(),
        "cY=Z5hJ3".into(),
        r"8sWf\/1c".into(),
        canaries[0].text.chars().rev().collect(),
        hex(long),
        hex(&long[..7]),
        url_encoded(long),
        in_base64(""),
        in_base64("k"),
        in_base64("kim"),
        in_base64("kim:"),
        in_base64("robot"),
    ] {
        let leaks = searcher.leaks("x", format!("a {leak} b").as_bytes());
        assert!(leaks.len() == 1 && leaks[0].starts_with("x: long: "), "{leak}: {leaks:?}");
    }
    assert_eq!(searcher.leaks("x", b"a Yb3$kL+9w b"), ["x: short: …a Yb3$kL+9"]);
    assert_eq!(searcher.leaks("x", b"a Yb3$kL+ 9wb"), Vec::<String>::new());
}

#[test]
fn ids_are_public_and_secrets_are_not() {
    for (before, public) in [
        ("aws_access_key_id = AKIA", true),
        (r#"{"client_id": ""#, true),
        (r#"{"tenantId": "<hex:8>-<hex:4>-<hex:4>-<hex:4>-"#, true),
        ("secret_id: ", false),
        ("<hex:8>-<hex:4>-", false),
        (r#""client_secret": ""#, false),
        ("token=", false),
        ("api_key: ", false),
    ] {
        assert_eq!(PUBLIC.is_match(before), public, "{before}");
    }
}
