//! What was said to an assistant and by it: lines of JSON or prose, in which nothing but tokens is sought.

use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;
use memchr::memmem;
use zeroize::Zeroizing;

use super::lines::MAX_LINE;
use super::{Body, Entry, Format, Options};

/// `transcript`.
pub(super) const FORMAT: Format = Format {
    name: "transcript",
    about: "what was said to an assistant and by it, in lines of JSON or prose: only tokens are sought, by their shape",
    dialects: &[],
    document: None,
    entries: Some(entries),
};

/// Longest token that is kept whole where a line is too long to be read at once, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

fn entries(
    reader: &mut dyn BufRead,
    _: Options<'_>,
    each: &mut dyn FnMut(Entry<'_>),
) -> io::Result<()> {
    let mut line = Zeroizing::new(Vec::new());
    let mut number = 1;
    loop {
        let room = MAX_LINE.saturating_sub(line.len()) as u64;
        if (&mut *reader).take(room).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_whole = line.last() == Some(&b'\n');
        let end = if is_whole || line.len() < MAX_LINE { line.len() } else { whole_words(&line) };
        give(&line[..end], number, each);
        number += u64::from(is_whole);
        line.drain(..end);
    }
    if !line.is_empty() {
        give(&line, number, each);
    }
    Ok(())
}

fn give(line: &[u8], number: u64, each: &mut dyn FnMut(Entry<'_>)) {
    let text = without_escapes(line);
    let text = Zeroizing::new(String::from_utf8_lossy(&text).into_owned());
    each(Entry { line: number, time: time_of(line), body: Body::Prose(&text) });
}

/// Where the last word begins that may go on behind the end.
fn whole_words(line: &[u8]) -> usize {
    let from = line.len().saturating_sub(LONGEST_TOKEN);
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\');
    line[from..].iter().rposition(ends).map_or(line.len(), |at| from + at)
}

/// The text with blanks for its escapes, each as long: in a string within a string they are escaped again, and `\n` before a token is
/// no letter of it.
fn without_escapes(line: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(line.to_vec());
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\\', &text[from..]).map(|at| from + at) {
        let backslashes = text[at..].iter().take_while(|byte| **byte == b'\\').count();
        let letter = at + backslashes;
        let more = match text.get(letter) {
            Some(b'n' | b'r' | b't' | b'b' | b'f') => 1,
            Some(b'u') => {
                let digits = text[letter + 1..].iter().take(4);
                1 + digits.take_while(|byte| byte.is_ascii_hexdigit()).count()
            }
            _ => 0,
        };
        from = letter + more;
        text[at..from].fill(b' ');
    }
    text
}

/// When it was said, if the line tells.
fn time_of(line: &[u8]) -> Option<Timestamp> {
    const KEY: &[u8] = b"\"timestamp\":\"";
    let value = &line[memmem::find(line, KEY)? + KEY.len()..];
    let value = &value[..memchr::memchr(b'"', value.get(..40).unwrap_or(value))?];
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &[u8]) -> Vec<(u64, String, Option<String>)> {
        let mut bytes = text;
        let mut said = Vec::new();
        entries(&mut bytes, Options::default(), &mut |entry| {
            let Body::Prose(text) = entry.body else { return };
            let time = entry.time.map(|time| time.to_string());
            said.push((entry.line, text.trim_end().to_owned(), time));
        })
        .unwrap();
        said
    }

    #[test]
    fn lines() {
        for (text, expected, time) in [
            ("plain\n", "plain", None),
            (r#"{"t":"a\nghp_x\\nghp_y"}"#, r#"{"t":"a  ghp_x   ghp_y"}"#, None),
            (r#""\u001b[0mghp_x\"y\/z""#, r#""      [0mghp_x "y /z""#, None),
            (
                r#"{"timestamp":"2026-11-24T12:00:00.5Z","t":"x"}"#,
                r#"{"timestamp":"2026-11-24T12:00:00.5Z","t":"x"}"#,
                Some("2026-11-24T12:00:00.5Z"),
            ),
            (r#"{"timestamp":"soon"}"#, r#"{"timestamp":"soon"}"#, None),
            ("end\\", "end", None),
        ] {
            let expected = vec![(1, expected.to_owned(), time.map(str::to_owned))];
            assert_eq!(said(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(said(b"a\n\nb").iter().map(|entry| entry.0).collect::<Vec<_>>(), [1, 2, 3]);
    }

    /// A token at the end of what is read at once is neither cut nor told twice.
    #[test]
    fn long_lines_are_read_by_words() {
        let long = format!("{} token{} end\nnext", "x".repeat(MAX_LINE - 10), "y".repeat(100));
        let found = said(long.as_bytes());
        assert_eq!(found.iter().map(|entry| entry.0).collect::<Vec<_>>(), [1, 1, 2]);
        let whole = format!("token{} end", "y".repeat(100));
        assert_eq!(found[1].1.trim_start(), whole);
        let endless = "z".repeat(3 * MAX_LINE);
        let length: usize = said(endless.as_bytes()).iter().map(|it| it.1.len()).sum();
        assert_eq!(length, endless.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[\\\\nu0\" a]{0,60}") {
            said(&bytes);
            said(text.as_bytes());
        }
    }
}
