//! JSON as tools write it: strict first, then with comments, trailing commas and what else JSON5 allows.

use std::borrow::Cow;

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::Value;

use super::tree::{Room, Tree};
use super::{
    Document, Format, Malformed, Options, Unreadable, bounded, decode_text, unicode_escape,
};

/// One value.
pub(super) const FORMAT: Format = Format {
    name: "json",
    about: "the value; comments, trailing commas, byte order marks and UTF-16 are tolerated; an empty file is null",
    dialects: &[],
    document: Some(read),
    entries: None,
};

/// One value a line.
pub(super) const LINES: Format = Format {
    name: "jsonl",
    about: "an array of the values, one a line; a last line that was torn while being written is left out",
    dialects: &[],
    document: Some(read_lines),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    match serde_json::from_str::<Tree>(&text) {
        Ok(Tree(value)) => Ok(Document(value)),
        Err(_) => lenient(&text),
    }
}

/// All that JSON5 allows. A missing comma, which the crate would let pass as well, is damage.
fn lenient(text: &str) -> Result<Document, Unreadable> {
    let options = ParseOptions { allow_missing_commas: false, ..ParseOptions::default() };
    match parse_to_serde_value::<Tree>(&mended(text), &options) {
        Ok(Tree(value)) => Ok(Document(value)),
        Err(error) => Err(Malformed::at(error.line_display(), error.column_display()).into()),
    }
}

fn read_lines(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    let room = Room::default();
    let mut values = Vec::new();
    let mut torn = None;
    for (line, record) in super::numbered_lines(&text).filter(|(_, r)| !r.trim().is_empty()) {
        if let Some(place) = torn {
            return Err(Unreadable::Malformed(place));
        }
        match record_value(record, &room) {
            Ok(value) => values.push(value),
            Err(column) => torn = Some(Malformed { line: Some(line), column }),
        }
    }
    match torn {
        // Of a file that holds nothing else, one cannot say that it was of this syntax.
        Some(place) if values.is_empty() => Err(place.into()),
        _ => bounded(Value::Array(values)),
    }
}

/// The value of one line, or the column where it fails.
fn record_value(record: &str, room: &Room) -> Result<Value, Option<u64>> {
    let strict = |text: &str| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = room.grow(&mut deserializer)?;
        deserializer.end().map(|()| value)
    };
    strict(record)
        .or_else(|_| strict(&mended(record)))
        .map_err(|error| u64::try_from(error.column()).ok())
}

/// The text with `\ufffd` for surrogate escapes that lack their other half: JavaScript writes these when it cuts a string
/// within an emoji, and both parsers refuse the whole file for one.
fn mended(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(escape) = text[at..].find('\\').map(|found| at + found) {
        at = escape + 1;
        let Some(rest) = text.get(at..) else { break };
        let Some(hex) = rest.strip_prefix('u') else {
            at += rest.chars().next().map_or(0, char::len_utf8);
            continue;
        };
        let Some((char, taken)) = unicode_escape(hex) else { continue };
        if char == char::REPLACEMENT_CHARACTER {
            mended.push_str(&text[kept..escape]);
            mended.push_str("\\ufffd");
            kept = at + 1 + taken;
        }
        at += 1 + taken;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[kept..]);
    Cow::Owned(mended)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{check, check_malformed, parse};
    use super::*;

    #[test]
    fn values() {
        check(
            "json",
            None,
            &[
                (r#"{"b": 1, "a": [true, null, "x"]}"#, json!({"b": 1, "a": [true, null, "x"]})),
                ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
                ("-9223372036854775808", json!(i64::MIN)),
                ("1.5", json!(1.5)),
                (r#"{"a": 1, "a": 2}"#, json!({"a": 2})),
                ("// c\n{\"a\": [1, 2,], /* c */ }", json!({"a": [1, 2]})),
                (
                    "{a: 'b', \"n\": 9007199254740993,}",
                    json!({"a": "b", "n": 9_007_199_254_740_993_u64}),
                ),
                ("// nothing else", Value::Null),
                (r#""cut \ud83d""#, json!("cut \u{FFFD}")),
                (
                    r#""\udc00\\ud83d\ud83d\ude00\ud83d\u0041""#,
                    json!("\u{FFFD}\\ud83d\u{1F600}\u{FFFD}A"),
                ),
            ],
        );
    }

    #[test]
    fn encodings() {
        let utf16: Vec<u8> =
            "\u{FEFF}{\"a\": \"é\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse("json", None, &utf16), Ok(json!({"a": "é"})));
        assert_eq!(parse("json", None, b"\xEF\xBB\xBF{}"), Ok(json!({})));
        assert_eq!(parse("json", None, b"\"\xE9\""), Ok(json!("\u{FFFD}")));
    }

    #[test]
    fn malformed() {
        check_malformed(
            "json",
            &[
                ("{\"a\": 1}\n{\"a\": 2}", Some(2), Some(1)),
                ("{\"a\":\n  ?}", Some(2), Some(3)),
                ("[1 2]", Some(1), Some(3)),
                ("{\"a\": 1", Some(1), Some(8)),
            ],
        );
    }

    #[test]
    fn lines() {
        check(
            "jsonl",
            None,
            &[
                ("{\"a\": 1}\r\n\n[2]\n", json!([{"a": 1}, [2]])),
                ("{\"a\": 1}\n{\"a\": ", json!([{"a": 1}])),
                ("\"\\ud83d\"\n", json!(["\u{FFFD}"])),
            ],
        );
        check_malformed(
            "jsonl",
            &[
                ("1\n{\n2\n", Some(2), Some(1)),
                ("not json", Some(1), Some(2)),
                ("1 2", Some(1), Some(3)),
            ],
        );
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        assert!(matches!(mended(r#"{"a": "\u00e9\n"}"#), Cow::Borrowed(_)));
    }
}
