//! YAML, composed from parser events: a document is built without recursion, and every copy that an alias makes is paid for.
//!
//! Typing is narrower than YAML's own. A plain scalar is a number only if a program would write that number just so; `012`,
//! `1_000`, `1.10`, `0x1f` and `52847e91` may be tokens or passwords, and stay text, as do `no` and timestamps.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Number, Value};
use serde_yaml::granit_parser::{Event, Marker, Parser, ScalarStyle, Tag, options};

use super::{
    Document, Format, MAX_DEPTH, MAX_NODES, Malformed, Options, Unreadable, bounded, decode_text,
};

/// One document, or an array of several.
pub(super) const FORMAT: Format = Format {
    name: "yaml",
    about: "the value; an array of them where a file has several documents; keys are text, so is a scalar in doubt",
    dialects: &[],
    document: Some(read),
    entries: None,
};

/// Bytes that copies of anchored nodes may take, a node counted as [`NODE_SIZE`]; real files stay far below.
const COPIES: usize = 32 << 20;

/// Bytes of a node without its text, near enough.
const NODE_SIZE: usize = 64;

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    let value = compose(&text)
        .or_else(|malformed| quoted(&text).and_then(|text| compose(&text).ok()).ok_or(malformed))?;
    bounded(value)
}

fn compose(text: &str) -> Result<Value, Malformed> {
    let mut composer = Composer { nodes: MAX_NODES, copies: COPIES, ..Composer::default() };
    for event in Parser::new_from_str_with_options(text, options! { emit_comments: false }) {
        let (event, span) = event.map_err(|error| place(error.marker()))?;
        composer.take(event).map_err(|OutOfBounds| place(&span.start))?;
    }
    Ok(composer.finish())
}

/// The text with quotes around the plain values that YAML forbids and templates have (`version: @project.version@` of Maven,
/// ``tag: `hash` ``), each on its own line; none if there are no such values.
fn quoted(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len() + 64);
    let mut any = false;
    for line in text.split_inclusive('\n') {
        match value_that_needs_quotes(line) {
            Some(value) => {
                let (head, tail) = (&line[..value.start], &line[value.end..]);
                let plain = line[value].replace('\'', "''");
                mended.extend([head, "'", &plain, "'", tail]);
                any = true;
            }
            None => mended.push_str(line),
        }
    }
    any.then_some(mended)
}

/// Where the value of a line (after its key or dash) begins with a character that YAML reserves, up to a comment.
fn value_that_needs_quotes(line: &str) -> Option<Range<usize>> {
    let body = line.trim_end();
    let start = body.find(['@', '`', '%'])?;
    let head = body[..start].trim_end_matches(' ');
    if head.len() == start
        || !(head.ends_with(':') || head.trim_start_matches([' ', '-']).is_empty())
    {
        return None;
    }
    let end = body.find(" #").filter(|at| *at > start).unwrap_or(body.len());
    Some(start..body[..end].trim_end().len())
}

/// The parser counts columns from 0.
fn place(marker: &Marker) -> Malformed {
    Malformed::at(marker.line(), marker.col() + 1)
}

struct OutOfBounds;

#[derive(Default)]
struct Composer {
    documents: Vec<Value>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, Size)>,
    /// Nodes that may still come.
    nodes: usize,
    /// Bytes that may still be copied.
    copies: usize,
}

/// A collection that is being filled, and its anchor (0: none).
struct Open {
    anchor: usize,
    holds: Holds,
}

enum Holds {
    Items(Vec<Value>),
    Members { members: Map<String, Value>, merged: Vec<Map<String, Value>>, next: Next },
}

/// What the next node of a mapping is.
enum Next {
    Key,
    Value(String),
    Merge,
}

impl Composer {
    fn take(&mut self, event: Event<'_>) -> Result<(), OutOfBounds> {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag),
            Event::SequenceStart(_, anchor, _) => self.open(anchor, Holds::Items(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let (members, merged, next) = (Map::new(), Vec::new(), Next::Key);
                self.open(anchor, Holds::Members { members, merged, next })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Value {
        match self.documents.len() {
            0 => Value::Null,
            1 => self.documents.swap_remove(0),
            _ => Value::Array(self.documents),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
    ) -> Result<(), OutOfBounds> {
        self.count(1)?;
        let plain = style == ScalarStyle::Plain && !tag.is_some_and(|tag| means_text(&tag));
        let value = if plain { resolve(&text) } else { None };
        if anchor != 0 {
            let value = value.clone().unwrap_or_else(|| text.as_ref().into());
            self.remember(anchor, &value)?;
        }
        // A key is the text as written, whatever it would resolve to.
        if let Some(next) = self.awaited_key() {
            *next =
                if plain && text == "<<" { Next::Merge } else { Next::Value(text.into_owned()) };
            return Ok(());
        }
        self.put(value.unwrap_or_else(|| text.into_owned().into()))
    }

    fn open(&mut self, anchor: usize, holds: Holds) -> Result<(), OutOfBounds> {
        self.count(1)?;
        if self.open.len() == MAX_DEPTH {
            return Err(OutOfBounds);
        }
        self.open.push(Open { anchor, holds });
        Ok(())
    }

    fn close(&mut self) -> Result<(), OutOfBounds> {
        let Some(Open { anchor, holds }) = self.open.pop() else { return Ok(()) };
        let value = match holds {
            Holds::Items(items) => Value::Array(items),
            Holds::Members { members, merged, .. } => merge(members, merged).into(),
        };
        if anchor != 0 {
            self.remember(anchor, &value)?;
        }
        self.put(value)
    }

    /// An alias within its own anchor has nothing to copy yet, and is refused.
    fn alias(&mut self, anchor: usize) -> Result<(), OutOfBounds> {
        let (value, size) = self.anchors.get(&anchor).ok_or(OutOfBounds)?;
        if self.open.len() + size.height > MAX_DEPTH {
            return Err(OutOfBounds);
        }
        self.copies = self.copies.checked_sub(size.bytes).ok_or(OutOfBounds)?;
        let (value, nodes) = (value.clone(), size.nodes);
        self.count(nodes)?;
        self.put(value)
    }

    fn remember(&mut self, anchor: usize, value: &Value) -> Result<(), OutOfBounds> {
        let size = Size::of(value);
        self.copies = self.copies.checked_sub(size.bytes).ok_or(OutOfBounds)?;
        self.anchors.insert(anchor, (value.clone(), size));
        Ok(())
    }

    fn count(&mut self, nodes: usize) -> Result<(), OutOfBounds> {
        self.nodes = self.nodes.checked_sub(nodes).ok_or(OutOfBounds)?;
        Ok(())
    }

    fn awaited_key(&mut self) -> Option<&mut Next> {
        match self.open.last_mut()?.holds {
            Holds::Members { next: ref mut next @ Next::Key, .. } => Some(next),
            _ => None,
        }
    }

    /// Hands a finished node to the collection it lies in. A document of nothing (after a last `---`) is none.
    fn put(&mut self, value: Value) -> Result<(), OutOfBounds> {
        let Some(open) = self.open.last_mut() else {
            self.documents.extend(Some(value).filter(|value| !value.is_null()));
            return Ok(());
        };
        let (members, merged, next) = match &mut open.holds {
            Holds::Items(items) => {
                items.push(value);
                return Ok(());
            }
            Holds::Members { members, merged, next } => (members, merged, next),
        };
        match std::mem::replace(next, Next::Key) {
            Next::Key => *next = Next::Value(key_text(value)?),
            Next::Value(key) => drop(members.insert(key, value)),
            Next::Merge => match value {
                Value::Object(source) => merged.push(source),
                Value::Array(sources) if sources.iter().all(Value::is_object) => {
                    merged.extend(sources.into_iter().filter_map(|source| match source {
                        Value::Object(source) => Some(source),
                        _ => None,
                    }));
                }
                other => drop(members.insert("<<".to_owned(), other)),
            },
        }
        Ok(())
    }
}

/// Own keys win over merged ones, earlier sources over later ones, wherever the `<<` stands.
fn merge(mut members: Map<String, Value>, merged: Vec<Map<String, Value>>) -> Map<String, Value> {
    for (key, value) in merged.into_iter().flatten() {
        members.entry(key).or_insert(value);
    }
    members
}

/// A collection or alias as key. One in the key of another is escaped once more, which doubles it: that ends soon.
fn key_text(value: Value) -> Result<String, OutOfBounds> {
    match value {
        Value::String(text) => Ok(text),
        other => Some(other.to_string()).filter(|text| text.len() <= MAX_KEY).ok_or(OutOfBounds),
    }
}

/// `!!str` and the lone `!`.
fn means_text(tag: &Tag) -> bool {
    tag.is_yaml_core_schema_tag("str") || tag.original() == "!"
}

/// What a plain scalar is, where it is not text.
fn resolve(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(true.into()),
        "false" | "False" | "FALSE" => Some(false.into()),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => number(text),
        _ => None,
    }
}

/// The number that is written just so.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return (whole.to_string() == text).then(|| whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return (whole.to_string() == text).then(|| whole.into());
    }
    let float = text.parse::<f64>().ok()?;
    (format!("{float:?}") == text && !text.contains('e'))
        .then(|| Number::from_f64(float).map(Value::Number))?
}

/// Longest text of a collection that is a key, in bytes.
const MAX_KEY: usize = 4096;

/// How much a copy of a value is.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    height: usize,
    bytes: usize,
}

impl Size {
    /// Recurses; a composed value is at most [`MAX_DEPTH`] high.
    fn of(value: &Value) -> Self {
        let mut size = Self { nodes: 1, height: 0, bytes: NODE_SIZE };
        match value {
            Value::String(text) => size.bytes += text.len(),
            Value::Array(items) => items.iter().for_each(|item| size.add(Self::of(item))),
            Value::Object(members) => members.iter().for_each(|(key, member)| {
                size.bytes += key.len();
                size.add(Self::of(member));
            }),
            _ => {}
        }
        if value.is_array() || value.is_object() {
            size.height += 1;
        }
        size
    }

    fn add(&mut self, part: Self) {
        self.nodes += part.nodes;
        self.height = self.height.max(part.height);
        self.bytes += part.bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::super::tests::{check, check_malformed, parse};
    use super::*;

    #[test]
    fn keys_in_keys_end_soon() {
        let nested = |depth: usize| format!("{}a{}\n", "{? ".repeat(depth), ": b}".repeat(depth));
        check("yaml", None, &[(&nested(2), json!({"{\"a\":\"b\"}": "b"}))]);
        for depth in [40, 100] {
            assert!(parse("yaml", None, nested(depth).as_bytes()).is_err());
        }
    }

    #[test]
    fn scalars() {
        for (text, value) in [
            ("no", json!("no")),
            ("on", json!("on")),
            ("y", json!("y")),
            ("true", json!(true)),
            ("False", json!(false)),
            ("~", Value::Null),
            ("null", Value::Null),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("18446744073709551615", json!(u64::MAX)),
            ("123456789012345678901234567890", json!("123456789012345678901234567890")),
            ("012", json!("012")),
            ("+12", json!("+12")),
            ("-0", json!("-0")),
            ("1_000", json!("1_000")),
            ("0x1f", json!("0x1f")),
            ("52847e91", json!("52847e91")),
            ("1e999", json!("1e999")),
            ("1.5", json!(1.5)),
            ("1.0", json!(1.0)),
            ("1700000000.123456", json!(1_700_000_000.123_456)),
            ("1.10", json!("1.10")),
            ("1.2.3", json!("1.2.3")),
            (".inf", json!(".inf")),
            ("-.inf", json!("-.inf")),
            (".nan", json!(".nan")),
            ("2024-01-02T03:04:05Z", json!("2024-01-02T03:04:05Z")),
            ("10:20", json!("10:20")),
            ("'12'", json!("12")),
            ("\"true\"", json!("true")),
            ("!!str 12", json!("12")),
            ("! 12", json!("12")),
            ("!vault |\n  $ANSIBLE_VAULT;1.1\n  6162\n", json!("$ANSIBLE_VAULT;1.1\n6162\n")),
            ("!!binary aGk=", json!("aGk=")),
        ] {
            assert_eq!(parse("yaml", None, text.as_bytes()), Ok(value), "{text}");
        }
    }

    #[test]
    fn collections() {
        check(
            "yaml",
            None,
            &[
                ("b: 1\na: [x, {y: z}]\n", json!({"b": 1, "a": ["x", {"y": "z"}]})),
                (
                    "012: a\n0x1f: b\nnull: c\ntrue: d\n[1, 2]: e\n",
                    json!({"012": "a", "0x1f": "b", "null": "c", "true": "d", "[1,2]": "e"}),
                ),
                ("a: 1\na: 2\n", json!({"a": 2})),
                ("a:\nb:\n", json!({"a": null, "b": null})),
                ("key: |\n  one\n  two\n", json!({"key": "one\ntwo\n"})),
                ("# only a comment\n", Value::Null),
            ],
        );
    }

    #[test]
    fn documents() {
        check(
            "yaml",
            None,
            &[
                ("---\na: 1\n", json!({"a": 1})),
                ("a: 1\n---\nb: 2\n", json!([{"a": 1}, {"b": 2}])),
                ("a: 1\n---\n", json!({"a": 1})),
                ("a: 1\n...\n", json!({"a": 1})),
            ],
        );
    }

    #[test]
    fn anchors_and_merges() {
        check(
            "yaml",
            None,
            &[
                ("a: &x {n: 1}\nb: *x\n", json!({"a": {"n": 1}, "b": {"n": 1}})),
                ("a: &x one\n*x : two\n", json!({"a": "one", "one": "two"})),
                ("&k a: *k\n", json!({"a": "a"})),
                (
                    "a: &x {n: 1, m: 1}\nb:\n  m: 2\n  <<: *x\n",
                    json!({"a": {"n": 1, "m": 1}, "b": {"m": 2, "n": 1}}),
                ),
                (
                    "a: &x {n: 1}\nb: &y {n: 2, m: 2}\nc: {<<: [*x, *y]}\n",
                    json!({"a": {"n": 1}, "b": {"n": 2, "m": 2}, "c": {"n": 1, "m": 2}}),
                ),
                ("<<: text\n", json!({"<<": "text"})),
                ("'<<': {a: 1}\n", json!({"<<": {"a": 1}})),
            ],
        );
        assert!(parse("yaml", None, b"&a [*a]").is_err());
        assert!(parse("yaml", None, b"a: *unknown").is_err());
    }

    #[test]
    fn kube_config_with_tags() {
        let config =
            "apiVersion: v1\nusers:\n- name: dev\n  user: !custom\n    token: !secret k3YbQz81\n";
        let user = json!({"name": "dev", "user": {"token": "k3YbQz81"}});
        check("yaml", None, &[(config, json!({"apiVersion": "v1", "users": [user]}))]);
    }

    #[test]
    fn malformed() {
        check_malformed(
            "yaml",
            &[
                ("github.com: [", Some(1), Some(13)),
                ("a: 1\n b: 2\n", Some(2), Some(3)),
                ("a: \"x\n", Some(1), Some(4)),
            ],
        );
    }

    #[test]
    fn values_that_only_templates_have_are_text() {
        check(
            "yaml",
            None,
            &[
                (
                    "info:\n  version: @project.version@ # filled in\n  token: k3YbQz81\n",
                    json!({"info": {"version": "@project.version@", "token": "k3YbQz81"}}),
                ),
                ("- @a@\n-   @it's@\n", json!(["@a@", "@it's@"])),
                ("a: `hash`\r\nb: %now%\r\n", json!({"a": "`hash`", "b": "%now%"})),
                ("a: \"@x\"\nb: a@b\n", json!({"a": "@x", "b": "a@b"})),
            ],
        );
        // What is malformed for another reason stays so, at its place.
        check_malformed("yaml", &[("a: @x@\nb: [\n", Some(1), Some(4))]);
    }

    #[test]
    fn alias_bombs_are_malformed() {
        // Expanded, they would not end in the life of a machine.
        let mut doubling = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        let mut climbing = String::from("a0: &a0 [x]\n");
        for n in 1..400 {
            let below = format!("*a{}", n - 1);
            let nine = [below.as_str(); 9].join(", ");
            writeln!(doubling, "a{n}: &a{n} [{nine}]").unwrap();
            writeln!(climbing, "a{n}: &a{n} [{below}]").unwrap();
        }
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1 << 10));
        let anchors = "[".to_owned() + &"&a [".repeat(120) + &"x, ".repeat(20_000);
        for bomb in [doubling, climbing, text, anchors + &"]".repeat(121)] {
            assert!(parse("yaml", None, bomb.as_bytes()).is_err());
        }
    }
}
