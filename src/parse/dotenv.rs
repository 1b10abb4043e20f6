//! `.env` files: `NAME=value`, with the quoting that their readers share.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::lines::Lines;
use super::{Body, Document, Entry, Format, Malformed, Options, Unreadable};

/// `dotenv`.
pub(crate) const FORMAT: Format = Format {
    name: "dotenv",
    about: "{NAME: value}, last one wins, quotes undone, references left as they are",
    dialects: &[],
    document: Some(document),
    entries: Some(entries),
};

/// Lines that a quoted value may span.
const MAX_VALUE_LINES: usize = 256;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let mut object = Map::new();
    let mut bytes = bytes;
    entries(&mut bytes, Options::default(), &mut |entry| {
        if let Body::Assignment { name, value } = entry.body {
            object.insert(name.to_owned(), Value::String(value.to_owned()));
        }
    })
    .map_err(|_| Unreadable::Malformed(Malformed::default()))?;
    Ok(Document(Value::Object(object)))
}

fn entries(
    reader: &mut dyn BufRead,
    _: Options<'_>,
    each: &mut dyn FnMut(Entry<'_>),
) -> io::Result<()> {
    let mut source = Ahead { lines: Lines::new(reader), ahead: VecDeque::new() };
    while let Some((line, text)) = source.next()? {
        let Some((name, value)) = assignment(&text) else { continue };
        let value = match opening_quote(value) {
            Some(quote) => source.quoted(&value[1..], quote)?,
            None => None,
        }
        .unwrap_or_else(|| bare(value));
        each(Entry { line, time: None, body: Body::Assignment { name, value: &value } });
    }
    Ok(())
}

/// The halves of `export NAME = value`; none for comments and anything else.
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    is_name.then(|| (name, value.trim()))
}

fn opening_quote(value: &str) -> Option<char> {
    value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))
}

/// An unquoted value: a comment begins with a blank and `#`.
fn bare(value: &str) -> Zeroizing<String> {
    let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
    let value = if value.starts_with('#') { "" } else { value[..end].trim_end() };
    Zeroizing::new(value.to_owned())
}

/// Lines, of which some may have to be read again.
struct Ahead<'r> {
    lines: Lines<'r>,
    ahead: VecDeque<(u64, Zeroizing<String>)>,
}

impl Ahead<'_> {
    fn next(&mut self) -> io::Result<Option<(u64, Zeroizing<String>)>> {
        match self.ahead.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.read(),
        }
    }

    fn read(&mut self) -> io::Result<Option<(u64, Zeroizing<String>)>> {
        let text = self.lines.next_text()?.map(|text| Zeroizing::new(text.into_owned()));
        Ok(text.map(|text| (self.lines.number(), text)))
    }

    /// The value after an opening quote. None if the quote is never closed: then it was no quote, and nothing is consumed.
    fn quoted(&mut self, first: &str, quote: char) -> io::Result<Option<Zeroizing<String>>> {
        let mut value = Zeroizing::new(String::new());
        if unquote(first, quote, &mut value) {
            return Ok(Some(value));
        }
        for index in 0..MAX_VALUE_LINES {
            if index == self.ahead.len() {
                let Some(line) = self.read()? else { return Ok(None) };
                self.ahead.push_back(line);
            }
            value.push('\n');
            if value.len() > super::lines::MAX_LINE {
                return Ok(None);
            }
            if unquote(&self.ahead[index].1, quote, &mut value) {
                self.ahead.drain(..=index);
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Appends text up to the closing quote, escapes of double quotes undone; true if it was there.
fn unquote(text: &str, quote: char, value: &mut String) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return true,
            '\\' if quote == '"' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(c @ ('"' | '\\' | '$' | '`')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
                None => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &[u8]) -> Vec<String> {
        let mut bytes = text;
        let mut found = Vec::new();
        entries(&mut bytes, Options::default(), &mut |entry| {
            let Body::Assignment { name, value } = entry.body else { return };
            found.push(format!("{} {name}={}", entry.line, value.replace('\n', "⏎")));
        })
        .unwrap();
        found
    }

    #[test]
    fn assignments() {
        for (text, expected) in [
            ("A=b", &["1 A=b"][..]),
            ("# c\n\nexport A = b # c", &["3 A=b"]),
            ("A=b#c", &["1 A=b#c"]),
            ("A='x #$y' # c", &["1 A=x #$y"]),
            (r#"A="x\n\"y\$" z"#, &["1 A=x⏎\"y$"]),
            ("A=\"1\n2\"\nB=3", &["1 A=1⏎2", "3 B=3"]),
            ("A='open\nB=3", &["1 A='open", "2 B=3"]),
            ("A=${B}\nC=", &["1 A=${B}", "2 C="]),
            ("not a pair\n1A=b\nA B=c", &[]),
            ("A=`x`", &["1 A=x"]),
        ] {
            assert_eq!(found(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(found(b"\xFF\xFEA\0=\0b\0"), ["1 A=b"]);
    }

    #[test]
    fn document_keeps_the_last() {
        let Ok(Document(value)) = document(b"A=1\nA=2\nB='x'", Options::default()) else {
            panic!()
        };
        assert_eq!(value, serde_json::json!({"A": "2", "B": "x"}));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([A-Z=\"'` \\\\\n#]{0,80})", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            found(text.as_bytes());
            found(&bytes);
        }
    }
}
