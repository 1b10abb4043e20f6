//! Targets for fuzzing: each takes any bytes, and has to end soon, without a panic and within its bounds.
//!
//! `tests/fuzz` drives them with libFuzzer; what it found interesting lies in `tests/fuzz/corpus` and runs with the other tests.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::extract::commands::inspect;
use crate::parse::{self, Body, Document, Entry, FORMATS, Format, Language, MAX_DEPTH, Options};
use crate::rule::check;
use crate::rule::filter::Filter;
use crate::rule::load::RuleSet;
use crate::rule::pack::Pack;

/// Something that reads what others wrote.
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Reads; panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "formats", run: formats },
    Target { name: "rules", run: rules },
    Target { name: "filter", run: filter },
    Target { name: "shell", run: shell },
    Target { name: "secrets", run: secrets },
];

/// The built-in rules. They are data of this program: a broken one fails its own tests.
static PACK: LazyLock<Option<Pack>> =
    LazyLock::new(|| RuleSet::built_in().ok().and_then(|set| Pack::new(set).ok()));

/// Any format: the first byte says which, the second which flavour.
fn formats(bytes: &[u8]) {
    let [which, flavour, bytes @ ..] = bytes else { return };
    let Some(format) = chosen(FORMATS, *which) else { return };
    let dialect = chosen(format.dialects, *flavour).copied();
    let tables = ["t", "meta", "cookies"].map(str::to_owned);
    // Odd flavours of databases have a log beside them.
    let (bytes, wal) = match flavour % 2 {
        1 if format.name == "sqlite" => {
            let (image, wal) = bytes.split_at(bytes.len() / 2);
            (image, Some(wal))
        }
        _ => (bytes, None),
    };
    let options = Options { dialect, tables: &tables, wal };
    if let Some(Ok(Document(value))) = format.document.map(|read| read(bytes, options)) {
        assert!(depth(&value) <= MAX_DEPTH, "{} is too deep", format.name);
    }
    if format.name == "sqlite" {
        let _ = parse::sqlite::in_parts(bytes, options, &mut |_| true);
    }
    entries(format, bytes, options);
}

fn entries(format: &Format, mut bytes: &[u8], options: Options<'_>) {
    let Some(read) = format.entries else { return };
    // Reading from memory does not fail, and how much was understood is not the question.
    let _ = read(&mut bytes, options, &mut |entry| {
        if let Body::Commands(text, language) = entry.body {
            let _ = parse::shell::commands(text, language);
        }
    });
}

/// A rule of each sort, as someone might hand it over with `--rules`.
fn rules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let files = ["caches/x/x.yaml", "commands/x.yaml", "tokens/x.yaml"].map(|path| (path, text));
    let _ = check::texts(&files);
    if let Ok(set) = RuleSet::from_texts(&files[..1]) {
        for loaded in set.caches() {
            for cache in 0..loaded.rule.caches.len() {
                if let Some(filter) = loaded.grants(cache) {
                    let _ = filter.run(&json!({"a": [{"b": "c"}, 1, null]}), &[]);
                }
            }
        }
    }
}

/// A filter, and after a NUL the document it is run on.
fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (source, document) = text.split_once('\0').unwrap_or((text, "null"));
    let Ok(filter) = Filter::compile(source, &["$path", "$cert"]) else { return };
    let document = parse::format("json")
        .and_then(|json| json.document)
        .and_then(|read| read(document.as_bytes(), Options::default()).ok());
    let document = document.map_or(Value::Null, |document| document.0);
    let _ = filter.run(&document, &[json!(["home", "user"])]);
}

/// A command line; the first byte says in which language.
fn shell(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let _ = parse::shell::commands(&String::from_utf8_lossy(bytes), language(*which));
}

/// A command line or an assignment, through all command rules and token shapes.
fn secrets(bytes: &[u8]) {
    let (Some((which, bytes)), Some(pack)) = (bytes.split_first(), &*PACK) else { return };
    let text = String::from_utf8_lossy(bytes);
    let body = match text.split_once('=').filter(|_| which.is_multiple_of(4)) {
        Some((name, value)) => Body::Assignment { name, value },
        None => Body::Commands(&text, language(*which)),
    };
    inspect(&Entry { line: 1, time: None, body }, &pack.commands, &mut |sighting| {
        let _ = pack.tokens.classify_near(sighting.secret.expose(), &sighting.key);
    });
    for (range, _) in pack.tokens.find(&text) {
        assert!(text.get(range).is_some(), "a token is a part of the text");
    }
}

fn language(which: u8) -> Language {
    match which % 4 {
        0 | 1 => Language::Posix,
        2 => Language::Fish,
        _ => Language::PowerShell,
    }
}

fn chosen<T>(from: &[T], which: u8) -> Option<&T> {
    from.get(usize::from(which).checked_rem(from.len())?)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
