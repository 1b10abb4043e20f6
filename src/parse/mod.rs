//! Bytes to documents: one file a syntax, one shape for all.
//!
//! Every format turns hostile bytes into the same JSON-like [`Document`] (at most [`MAX_DEPTH`] deep), or into a stream of
//! [`Entry`]s where the content is commands rather than data. A parser's own error text quotes its input, so it is dropped
//! unread: what survives is [`Malformed`], a place without content.

mod git_credentials;
mod hcl;
mod ini;
mod json;
mod netrc;
mod pgpass;
mod plist;
mod properties;
mod text;
mod toml;
mod tree;
mod xml;
mod yaml;

use std::borrow::Cow;
use std::io::{self, BufRead};

use jiff::Timestamp;
use serde_json::Value;

use crate::rule::Dialect;

/// Deepest nesting a document may have.
pub const MAX_DEPTH: usize = 128;

/// Most nodes a document may have; bounds what filters, polynomial in it, can cost.
pub const MAX_NODES: usize = 2_000_000;

/// A parsed file. Holds secrets: no `Debug`, no `Display`, no `Serialize`.
pub struct Document(pub(crate) Value);

/// Where a parser gave up. Never what it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Malformed {
    /// 1-based line, where known.
    pub line: Option<u64>,
    /// 1-based column, where known.
    pub column: Option<u64>,
}

impl Malformed {
    /// Somewhere on this 1-based line.
    fn on(line: u64) -> Self {
        Self { line: Some(line), column: None }
    }

    /// At this 1-based line and column; 0 is "not known", as crates say it.
    fn at(line: usize, column: usize) -> Self {
        let known = |n: usize| u64::try_from(n).ok().filter(|n| *n > 0);
        Self { line: known(line), column: known(column) }
    }

    /// At this byte of the text, columns counted in characters.
    fn at_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::at(line, before[start..].chars().count() + 1)
    }
}

impl From<Malformed> for Unreadable {
    fn from(place: Malformed) -> Self {
        Self::Malformed(place)
    }
}

/// Why bytes did not become a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not of this syntax, or past a bound.
    Malformed(Malformed),
    /// Of this syntax, but in an encryption or version that cannot be looked into and whose header tells nothing.
    UnsupportedEncryption,
}

/// What a document parser may need beside the bytes.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Flavour of the syntax.
    pub dialect: Option<Dialect>,
    /// Tables to read, for `sqlite`.
    pub tables: &'a [String],
    /// Content of the `-wal` file beside a database.
    pub wal: Option<&'a [u8]>,
}

/// One command or assignment of a history, script, unit file or `.env`. Borrowed from the reader's buffer: holds secrets.
pub struct Entry<'a> {
    /// 1-based physical line on which it begins.
    pub line: u64,
    /// When it was typed, where the file tells.
    pub time: Option<Timestamp>,
    /// What it says.
    pub body: Body<'a>,
}

/// What an [`Entry`] says.
pub enum Body<'a> {
    /// Source text, to be split by [`shell::commands`] in this language. May span lines.
    Commands(&'a str, Language),
    /// A plain assignment whose value is already unquoted.
    Assignment {
        /// Variable.
        name: &'a str,
        /// Value as a program would see it.
        value: &'a str,
    },
}

/// The quoting rules a command line follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// sh, bash, zsh, ksh; near enough for nushell, xonsh, tcsh.
    Posix,
    /// fish.
    Fish,
    /// PowerShell.
    PowerShell,
}

/// Turns bytes into a document.
pub type ReadDocument = fn(&[u8], Options<'_>) -> Result<Document, Unreadable>;

/// Streams entries without holding the file; invalid UTF-8 is replaced, over-long lines are cut at 1 MiB.
pub type ReadEntries =
    fn(&mut dyn BufRead, Options<'_>, &mut dyn FnMut(Entry<'_>)) -> io::Result<()>;

/// One input format.
pub struct Format {
    /// Its name in rules.
    pub name: &'static str,
    /// The document it makes, for rule authors.
    pub about: &'static str,
    /// Flavours a rule may name.
    pub dialects: &'static [Dialect],
    /// To a document, for `grants` filters.
    pub document: Option<ReadDocument>,
    /// To entries, for `commands: true`.
    pub entries: Option<ReadEntries>,
}

/// The formats, in the order of the README.
pub const FORMATS: &[Format] = &[
    json::FORMAT,
    json::LINES,
    yaml::FORMAT,
    toml::FORMAT,
    hcl::FORMAT,
    ini::FORMAT,
    netrc::FORMAT,
    properties::FORMAT,
    xml::FORMAT,
    plist::FORMAT,
    text::FORMAT,
    text::LINES,
    pgpass::FORMAT,
    git_credentials::FORMAT,
];

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// A value as a document, if it keeps within [`MAX_DEPTH`] and [`MAX_NODES`].
fn bounded(value: Value) -> Result<Document, Unreadable> {
    let mut room = MAX_NODES;
    if fits(&value, 0, &mut room) {
        return Ok(Document(value));
    }
    Err(Malformed::default().into())
}

fn fits(value: &Value, depth: usize, room: &mut usize) -> bool {
    let Some(left) = room.checked_sub(1) else { return false };
    *room = left;
    match value {
        Value::Array(items) => {
            depth < MAX_DEPTH && items.iter().all(|item| fits(item, depth + 1, room))
        }
        Value::Object(members) => {
            depth < MAX_DEPTH && members.values().all(|member| fits(member, depth + 1, room))
        }
        _ => true,
    }
}

/// Refuses a text that could hold more than [`MAX_NODES`], told by its separators, before anything is built of it.
fn sparse(text: &str, separators: &[u8], nodes_each: usize) -> Result<(), Malformed> {
    let most = MAX_NODES / nodes_each;
    let over = text.bytes().filter(|byte| separators.contains(byte)).nth(most);
    over.map_or(Ok(()), |_| Err(Malformed::default()))
}

/// Bytes as text: UTF-8, or UTF-16 that says so by its byte order mark; what is neither becomes U+FFFD. The mark is dropped.
fn decode_text(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).into(),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).into(),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// [`decode_text`] for syntaxes so loose that any bytes would pass: a NUL tells that this is no text, such as a file
/// that a crash left full of zeros.
fn plain_text(bytes: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let text = decode_text(bytes);
    match text.find('\0') {
        Some(nul) => Err(Malformed::at_offset(&text, nul)),
        None => Ok(text),
    }
}

/// The lines of a text with their 1-based numbers, without line ends.
fn numbered_lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines())
}

/// The code point that a `\uXXXX` escape begins, and how much of `hex` (what follows `\u`) it takes; a surrogate without
/// its other half is U+FFFD. `None` where there are no four digits.
fn unicode_escape(hex: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = hex.get(at..at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(char) = char::from_u32(first.into()) {
        return Some((char, 4));
    }
    let second = hex.get(4..6).filter(|lead| *lead == "\\u").and_then(|_| unit(6));
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(char)) => Some((char, 10)),
        _ => Some((char::REPLACEMENT_CHARACTER, 4)),
    }
}
