//! Lines of a stream, in bounded memory and whatever encoding Windows chose.

use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};

use zeroize::Zeroizing;

/// Longest line kept; the rest of a longer one is skipped.
pub(crate) const MAX_LINE: usize = 1 << 20;

/// Reads lines without their ends.
pub(crate) struct Lines<'r> {
    reader: &'r mut dyn BufRead,
    line: Zeroizing<Vec<u8>>,
    encoding: Option<Encoding>,
    number: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl<'r> Lines<'r> {
    /// Nothing is read yet.
    pub(crate) fn new(reader: &'r mut dyn BufRead) -> Self {
        Self { reader, line: Zeroizing::default(), encoding: None, number: 0 }
    }

    /// 1-based number of the line last read.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, invalid UTF-8 replaced.
    pub(crate) fn next_text(&mut self) -> io::Result<Option<Cow<'_, str>>> {
        Ok(self.next_bytes()?.map(|line| String::from_utf8_lossy(line)))
    }

    /// The next line as it stands (UTF-16 becomes UTF-8).
    pub(crate) fn next_bytes(&mut self) -> io::Result<Option<&[u8]>> {
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None => self.detect()?,
        };
        self.line.clear();
        let more = match encoding {
            Encoding::Utf8 => self.read_to_newline()?,
            Encoding::Utf16Le | Encoding::Utf16Be => self.read_utf16(encoding)?,
        };
        if !more {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }

    fn detect(&mut self) -> io::Result<Encoding> {
        let (encoding, mark) = match self.reader.fill_buf()? {
            [0xEF, 0xBB, 0xBF, ..] => (Encoding::Utf8, 3),
            [0xFF, 0xFE, ..] => (Encoding::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Encoding::Utf16Be, 2),
            _ => (Encoding::Utf8, 0),
        };
        self.reader.consume(mark);
        self.encoding = Some(encoding);
        Ok(encoding)
    }

    /// Reads to the newline and drops it; false at the end.
    fn read_to_newline(&mut self) -> io::Result<bool> {
        let read = (&mut *self.reader).take(MAX_LINE as u64).read_until(b'\n', &mut self.line)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read == MAX_LINE {
            self.reader.skip_until(b'\n')?;
        }
        Ok(read > 0)
    }

    fn read_utf16(&mut self, encoding: Encoding) -> io::Result<bool> {
        let mut units = Zeroizing::new(Vec::new());
        let mut pair = [0; 2];
        let mut any = false;
        while read_pair(self.reader, &mut pair)? {
            any = true;
            let unit = match encoding {
                Encoding::Utf16Be => u16::from_be_bytes(pair),
                _ => u16::from_le_bytes(pair),
            };
            if unit == u16::from(b'\n') {
                break;
            }
            if units.len() < MAX_LINE / 2 {
                units.push(unit);
            }
        }
        let text = Zeroizing::new(String::from_utf16_lossy(&units));
        self.line.extend_from_slice(text.as_bytes());
        Ok(any)
    }
}

/// Reads two bytes; false at the end (half a unit there is dropped).
fn read_pair(reader: &mut dyn BufRead, pair: &mut [u8; 2]) -> io::Result<bool> {
    match reader.read_exact(pair) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Text of an entry that may take further lines, with the place where it began.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) text: Zeroizing<String>,
    /// 1-based number of its first line; 0 when nothing is held.
    pub(crate) line: u64,
    pub(crate) lines: usize,
}

impl Held {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.line == 0
    }

    /// Whether another line of this length would pass the bound of an entry.
    pub(crate) fn is_full(&self, more: usize) -> bool {
        !self.is_empty() && self.text.len() + more >= MAX_LINE
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, line: &str, number: u64) {
        if self.is_empty() {
            self.line = number;
        } else {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.lines += 1;
    }

    /// Holds nothing any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<String> {
        let mut bytes = bytes;
        let mut lines = Lines::new(&mut bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next_text().unwrap() {
            all.push(line.into_owned());
        }
        all
    }

    #[test]
    fn lines_of_every_encoding() {
        assert_eq!(read(b""), [""; 0]);
        assert_eq!(read(b"a\r\n\nb"), ["a", "", "b"]);
        assert_eq!(read(b"\xEF\xBB\xBFa\n"), ["a"]);
        assert_eq!(read(b"\xFF\xFEa\0\r\0\n\0\x0a\x0ab\0"), ["a", "\u{0a0a}b"]);
        assert_eq!(read(b"\xFE\xFF\0a\0\n\0b\0"), ["a", "b"]);
        assert_eq!(read(b"\xFFa"), ["\u{FFFD}a"]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_read() {
        let mut bytes = vec![b'x'; MAX_LINE + 10];
        bytes.extend_from_slice(b"\nnext\n");
        let lines = read(&bytes);
        assert_eq!((lines.len(), lines[0].len(), lines[1].as_str()), (2, MAX_LINE, "next"));
    }
}
