//! Files that are one secret, or a list of them.

use serde_json::{Value, json};

use super::{Document, Format, Options, Unreadable, bounded, decode_text, numbered_lines, sparse};

/// The whole file.
pub(super) const FORMAT: Format = Format {
    name: "text",
    about: "the content as one string, without white space at its end",
    dialects: &[],
    document: Some(read),
    entries: None,
};

/// Line by line.
pub(super) const LINES: Format = Format {
    name: "lines",
    about: "an array of {line, text}, without blank lines",
    dialects: &[],
    document: Some(read_lines),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    bounded(decode_text(bytes).trim_end().into())
}

fn read_lines(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    sparse(&text, b"\n", 3)?;
    let lines = numbered_lines(&text)
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(line, text)| json!({"line": line, "text": text}));
    bounded(Value::Array(lines.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn content() {
        check("text", None, &[("\u{FEFF} tok\r\n\n", json!(" tok")), ("a\nb\n", json!("a\nb"))]);
        check(
            "lines",
            None,
            &[("a\r\n\n \n b", json!([{"line": 1, "text": "a"}, {"line": 4, "text": " b"}]))],
        );
    }
}
