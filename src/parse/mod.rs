//! Bytes to documents: one file a syntax, one shape for all.
//!
//! Every format turns hostile bytes into the same JSON-like [`Document`] (at most [`MAX_DEPTH`] deep), or into a stream of
//! [`Entry`]s where the content is commands rather than data. A parser's own error text quotes its input, so it is dropped
//! unread: what survives is [`Malformed`], a place without content.

mod dotenv;
mod history;
mod lines;
mod script;
#[allow(dead_code, reason = "nothing calls it before the rooms are joined")]
pub(crate) mod shell;

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
pub type ReadEntries = fn(&mut dyn BufRead, Options<'_>, &mut dyn FnMut(Entry<'_>)) -> io::Result<()>;

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
    dotenv::FORMAT,
    history::FORMAT,
    script::FORMAT,
];

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
