//! One JSON document: the report as its types have it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::text::{hex, is_hidden};
use super::{Format, Style};
use crate::report::Report;

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "json",
    endings: &["json"],
    about: "the whole report as one document (nhi-scan schema report)",
    write,
};

/// Writes the report, indented, with a final newline.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    out.write_all(visible(&text).as_bytes())?;
    out.write_all(b"\n")
}

/// SHA-256, in hex, of what [`write`] writes: by it other formats name the report that they were made of.
pub(super) fn digest(report: &Report) -> io::Result<String> {
    let mut hash = Hashing(Sha256::new());
    write(report, &Style::default(), &mut hash)?;
    Ok(hex(&hash.0.finalize()))
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a document of another shape, indented, without members that are null.
pub(super) fn put_document(document: Value, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&without_nulls(document))?;
    out.write_all(visible(&text).as_bytes())?;
    out.write_all(b"\n")
}

/// Writes one line of another shape, without members that are null.
pub(super) fn put_line(line: Value, out: &mut dyn Write) -> io::Result<()> {
    let text = without_nulls(line).to_string();
    out.write_all(visible(&text).as_bytes())?;
    out.write_all(b"\n")
}

/// Most other shapes know no null: what is not known is left out.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        plain => plain,
    }
}

/// The same JSON with hidden characters as `\u` escapes, so that a terminal it is printed on obeys none of them.
///
/// JSON has such characters in strings only, and serializers escape those below U+0020 already.
pub(crate) fn visible(json: &str) -> Cow<'_, str> {
    let acts = |c: char| c == '\u{7f}' || (!c.is_ascii() && is_hidden(c));
    if !json.contains(acts) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    for c in json.chars() {
        if !acts(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A string takes what is written to it.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::testdata;

    proptest! {
        #[test]
        fn escapes_change_no_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = visible(&json);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }

    #[test]
    fn a_report_survives_the_way_through() {
        let report = testdata::report();
        let mut out = Vec::new();
        write(&report, &Style::default(), &mut out).unwrap();
        assert!(out.ends_with(b"}\n"));
        let back: Report = serde_json::from_slice(&out).unwrap();
        assert_eq!(serde_json::to_value(&back).unwrap(), serde_json::to_value(&report).unwrap());
    }
}
