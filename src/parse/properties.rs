//! Java property files: <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)>.

use std::iter::Peekable;
use std::str::Lines;

use serde_json::{Map, Value};

use super::{Document, Format, Options, Unreadable, bounded, plain_text, sparse, unicode_escape};

/// Keys and values.
pub(super) const FORMAT: Format = Format {
    name: "properties",
    about: "an object {key: value}, Java escapes and continuations undone",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = plain_text(bytes)?;
    sparse(&text, b"\n", 1)?;
    let mut lines = text.lines().peekable();
    let mut properties = Map::new();
    while let Some(line) = logical_line(&mut lines) {
        let (key, value) = split(&line);
        properties.insert(unescaped(key), unescaped(value).into());
    }
    bounded(Value::Object(properties))
}

/// The next line that says something, with the lines that continue it.
fn logical_line(lines: &mut Peekable<Lines<'_>>) -> Option<String> {
    let first = lines.find(|line| {
        let content = line.trim_start();
        !content.is_empty() && !content.starts_with(['#', '!'])
    })?;
    let mut logical = first.trim_start().to_owned();
    while continues(&logical) {
        logical.pop();
        let Some(next) = lines.next() else { break };
        logical.push_str(next.trim_start());
    }
    Some(logical)
}

/// Whether the line ends in a backslash that is not itself escaped.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// A key ends at the first `=`, `:` or white space that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|char| {
        let ends = !escaped && matches!(char, '=' | ':' | ' ' | '\t' | '\x0C');
        escaped = !escaped && char == '\\';
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\x0C'),
            Some('u') => match unicode_escape(chars.as_str()) {
                Some((char, taken)) => {
                    plain.push(char);
                    chars = chars.as_str()[taken..].chars();
                }
                None => plain.push_str("\\u"),
            },
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::check;

    #[test]
    fn properties() {
        check(
            "properties",
            None,
            &[
                ("# c\n! c\na=1\n b : 2\nc 3\nd\n", json!({"a": "1", "b": "2", "c": "3", "d": ""})),
                ("a\\ b\\=c = d=e", json!({"a b=c": "d=e"})),
                ("k = one\\\n    two\\\\\nnext=1", json!({"k": "onetwo\\", "next": "1"})),
                ("u=\\u00e9\\t\\q\\ud83d\\ude00\\uzz", json!({"u": "é\tq\u{1F600}\\uzz"})),
                ("a=1\na=2\n", json!({"a": "2"})),
                ("password=p#w!\\", json!({"password": "p#w!"})),
            ],
        );
    }
}
