//! Bytes to documents: one file a syntax, one shape for all.
//!
//! Every format turns hostile bytes into the same JSON-like [`Document`] (at most [`MAX_DEPTH`] deep), or into a stream of
//! [`Entry`]s where the content is commands rather than data. A parser's own error text quotes its input, so it is dropped
//! unread: what survives is [`Malformed`], a place without content.

mod bolt;
mod cursor;
mod der;
mod dotenv;
mod git_credentials;
mod gpg;
mod hcl;
mod history;
mod ini;
mod json;
mod kerberos;
mod keyring;
mod keystore;
mod lines;
mod msgpack;
mod mylogin;
mod netrc;
mod option_file;
mod pem;
mod pgpass;
mod plist;
mod ppk;
mod properties;
mod script;
pub(crate) mod shell;
pub(crate) mod sqlite;
mod text;
mod toml;
mod transcript;
mod tree;
pub(crate) mod vnc;
pub(crate) mod x509;
mod xauthority;
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
    /// Code or prose, in which only patterns that need no command are sought.
    Text(&'a str),
    /// Somebody's words, in which nothing but tokens is sought.
    Prose(&'a str),
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
    sqlite::FORMAT,
    pem::FORMAT,
    pem::SSH_KEY,
    ppk::FORMAT,
    gpg::FORMAT,
    x509::FORMAT,
    mylogin::FORMAT,
    keyring::FORMAT,
    keystore::FORMAT,
    kerberos::FORMAT,
    vnc::FORMAT,
    xauthority::FORMAT,
    msgpack::FORMAT,
    bolt::FORMAT,
    dotenv::FORMAT,
    history::FORMAT,
    script::FORMAT,
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
    transcript::FORMAT,
    pgpass::FORMAT,
    git_credentials::FORMAT,
];

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Given up without knowing where.
const MALFORMED: Unreadable = Unreadable::Malformed(Malformed { line: None, column: None });
/// The first private key of a PEM text: a block as the `pem` format describes it.
pub(crate) fn private_key(bytes: &[u8]) -> Option<Value> {
    let read = format("pem")?.document?;
    let Value::Array(blocks) = read(bytes, Options::default()).ok()?.0 else { return None };
    blocks.into_iter().find(|block| block["kind"] == "private-key")
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
pub(crate) fn decode_text(bytes: &[u8]) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {

    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::json;

    use super::*;

    /// The document of these bytes, or where it is malformed.
    pub(super) fn parse(
        name: &str,
        dialect: Option<Dialect>,
        bytes: &[u8],
    ) -> Result<Value, Malformed> {
        let read = format(name).and_then(|format| format.document).expect("a document format");
        match read(bytes, Options { dialect, ..Options::default() }) {
            Ok(Document(value)) => Ok(value),
            Err(Unreadable::Malformed(place)) => Err(place),
            Err(Unreadable::UnsupportedEncryption) => panic!("not of an encrypted format"),
        }
    }

    /// Rows of input and document.
    pub(super) fn check(name: &str, dialect: Option<Dialect>, cases: &[(&str, Value)]) {
        for (input, document) in cases {
            assert_eq!(parse(name, dialect, input.as_bytes()).as_ref(), Ok(document), "{input:?}");
        }
    }

    /// Rows of input and 1-based place.
    pub(super) fn check_malformed(name: &str, cases: &[(&str, Option<u64>, Option<u64>)]) {
        for (input, line, column) in cases {
            let place = Malformed { line: *line, column: *column };
            assert_eq!(parse(name, None, input.as_bytes()), Err(place), "{input:?}");
        }
    }

    #[test]
    fn text_is_decoded() {
        let cases: &[(&[u8], &str)] = &[
            (b"", ""),
            (b"plain", "plain"),
            (b"\xEF\xBB\xBFmarked", "marked"),
            (b"\xFF\xFEl\0e\0", "le"),
            (b"\xFE\xFF\0b\0e", "be"),
            (b"\xFF\xFE\x3D\xD8\x00\xDE", "\u{1F600}"),
            (b"\xFF\xFE\x3D\xD8x", "\u{FFFD}"),
            (b"caf\xE9", "caf\u{FFFD}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(decode_text(bytes), *text, "{bytes:?}");
        }
    }

    #[test]
    fn a_document_has_bounds() {
        let nested = |depth| (0..depth).fold(json!(1), |value, _| json!([value]));
        assert!(bounded(nested(MAX_DEPTH)).is_ok());
        assert!(bounded(nested(MAX_DEPTH + 1)).is_err());
        assert!(bounded(Value::Array(vec![Value::Null; MAX_NODES])).is_err());
    }

    #[test]
    fn names_are_unique() {
        for (at, one) in FORMATS.iter().enumerate() {
            assert!(FORMATS[..at].iter().all(|other| other.name != one.name), "{}", one.name);
        }
    }

    #[test]
    fn deep_nesting_is_malformed_at_once() {
        let block = (0..300).map(|depth| " ".repeat(depth) + "k:\n").collect::<String>();
        let cases: Vec<(&str, String)> = vec![
            ("json", "[".repeat(30_000)),
            ("json", r#"{"a":"#.repeat(30_000)),
            ("json", "/**/[".repeat(30_000)),
            ("jsonl", "[".repeat(30_000)),
            ("yaml", "[".repeat(30_000)),
            ("yaml", "{a: ".repeat(30_000)),
            ("yaml", "{? ".repeat(30_000)),
            ("yaml", "- ".repeat(30_000)),
            ("yaml", "? ".repeat(30_000)),
            ("yaml", "a: &a ".repeat(30_000)),
            ("yaml", block),
            ("toml", "a = ".to_owned() + &"[".repeat(30_000)),
            ("toml", "a = ".to_owned() + &"{a = ".repeat(30_000)),
            ("toml", "a.".repeat(30_000) + "a = 1"),
            ("toml", "[".to_owned() + &"a.".repeat(30_000) + "a]"),
            ("hcl", "a = ".to_owned() + &"[".repeat(30_000)),
            ("hcl", "a = ".to_owned() + &"(".repeat(30_000)),
            ("hcl", "a = ".to_owned() + &"{a = ".repeat(30_000)),
            ("hcl", "a = ".to_owned() + &"!".repeat(30_000)),
            ("hcl", "a = ".to_owned() + &"\"${".repeat(30_000)),
            ("hcl", "a = ".to_owned() + &"x ? ".repeat(30_000)),
            ("hcl", "a = ".to_owned() + &"f(".repeat(30_000)),
            ("hcl", "a = 1 ".to_owned() + &"+ 1 ".repeat(30_000)),
            ("hcl", "a {\n".repeat(30_000)),
            ("xml", "<a>".repeat(30_000)),
            ("plist", "<plist>".to_owned() + &"<array>".repeat(30_000)),
            ("plist", "<plist>".to_owned() + &"<dict><key>a</key>".repeat(30_000)),
        ];
        for (name, input) in cases {
            let head = &input[..20];
            assert!(parse(name, None, input.as_bytes()).is_err(), "{name} {head:?}");
        }
    }

    /// A recursive parser is at its slowest where it may try again at each level, just short of its limit: were it exponential, this would not end.
    #[test]
    fn nesting_within_limits_is_not_exponential() {
        for (open, close) in [("[", "]"), ("(", ")"), ("{a = ", "}"), ("\"${", "}\""), ("f(", ")")]
        {
            for depth in [20, 40, 60] {
                let open = "a = ".to_owned() + &open.repeat(depth);
                for input in [open.clone(), open.clone() + "1" + &close.repeat(depth) + "\n"] {
                    for name in ["hcl", "toml"] {
                        let _ = parse(name, None, input.as_bytes());
                    }
                }
            }
        }
    }

    #[test]
    fn many_nodes_are_malformed_at_once() {
        for (name, input) in [
            ("json", "[".to_owned() + &"0,".repeat(MAX_NODES) + "0]"),
            ("jsonl", "0\n".repeat(MAX_NODES)),
            ("yaml", "[".to_owned() + &"0,".repeat(MAX_NODES) + "0]"),
            ("toml", "a = [".to_owned() + &"0,".repeat(MAX_NODES) + "0]"),
            ("hcl", "a = [".to_owned() + &"0,".repeat(MAX_NODES) + "0]"),
            ("lines", "0\n".repeat(MAX_NODES)),
            ("ini", "0\n".repeat(MAX_NODES)),
            ("netrc", "machine ".repeat(MAX_NODES)),
            ("xml", "<a>".to_owned() + &"<a/>".repeat(MAX_NODES)),
        ] {
            assert!(parse(name, None, input.as_bytes()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_of_zeros_is_malformed() {
        for name in ["json", "yaml", "toml", "hcl", "ini", "netrc", "properties", "plist", "pgpass"]
        {
            assert!(parse(name, None, &[0; 512]).is_err(), "{name}");
        }
    }

    #[test]
    fn an_empty_file_is_an_empty_document() {
        for (name, document) in [
            ("json", Value::Null),
            ("jsonl", json!([])),
            ("yaml", Value::Null),
            ("toml", json!({})),
            ("hcl", json!({})),
            ("ini", json!({})),
            ("netrc", json!([])),
            ("properties", json!({})),
            ("xml", json!({})),
            ("text", json!("")),
            ("lines", json!([])),
            ("pgpass", json!([])),
            ("git-credentials", json!([])),
        ] {
            check(
                name,
                None,
                &[("", document.clone()), ("\n", document.clone()), ("\u{FEFF}", document)],
            );
        }
    }

    /// A file of many syntaxes' signs, for mutation.
    const SAMPLES: &[&str] = &[
        r#"{"a": [1, -2.5e3, "\ud83d\ude00\ud83d", null, true], /* c */ 'b': {"c": "d",},}"#,
        "{\"a\": 1}\n{\"b\": [2]}\n",
        "a: &x {b: [1, 2], c: !!str 3}\nd: *x\ne:\n  <<: [*x]\n  f: |\n    text\n---\n- ? k\n  : v\n",
        "a = 1979-05-27T07:32:00Z\n[b.\"c d\"]\ne = [{f = '''x'''}, 0x1f]\n[[g]]\nh = \"\\u00e9\"\n",
        "a \"b\" {\n  c = \"${var.d}\"\n  e = <<EOT\nx\nEOT\n  f = [for i in g : i if h]\n}\n",
        "x = y\n[a]\nk: 'v'\n  more\ns3 =\n  n = 1\n[b \"c\"]\n\tk = \"v\\n\" # c\n//r/:_t=${E}\nk[] = \\;\n",
        "machine h login \"u\\\"\" password p # c\nmacdef m\nx\n\ndefault account a\n",
        "a\\ b = c\\u00e9\\\n  d\n! c\ne:f\n",
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e \"x\">]><a b='&lt;&e;'><n:c>x &#x41;<![CDATA[<]]></n:c><d/></a>",
        "<plist version=\"1.0\"><dict><key>a</key><array><date>2024-01-02T03:04:05Z</date><data>AAE=</data><real>1.5</real></array></dict></plist>",
        "h\\:1:5432:*:u:p\\\\w\n# c\n",
        "https://u%40x:p%2F@host:8443/a/b?c\n",
    ];

    fn readable_or_refused(bytes: &[u8]) {
        for format in FORMATS {
            let Some(read) = format.document else { continue };
            let dialects = format.dialects.iter().copied().map(Some).chain([None]);
            for dialect in dialects {
                if let Ok(document) = read(bytes, Options { dialect, ..Options::default() }) {
                    assert!(bounded(document.0).is_ok(), "{} is out of bounds", format.name);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_fatal(bytes: Vec<u8>) {
            readable_or_refused(&bytes);
        }

        #[test]
        fn no_text_is_fatal(text in r#"[\[\]{}<>&:=,.'"`$%!?*|\\/#;@~+ \t\r\n\-a-c0-2é😀]{0,80}"#) {
            readable_or_refused(text.as_bytes());
        }

        #[test]
        fn no_damage_is_fatal(
            sample in select(SAMPLES),
            damage in prop::collection::vec((any::<Index>(), any::<Option<u8>>()), 1..8),
        ) {
            let mut bytes = sample.as_bytes().to_vec();
            for (at, byte) in damage {
                if bytes.is_empty() {
                    break;
                }
                let at = at.index(bytes.len());
                match byte {
                    Some(byte) => bytes[at] = byte,
                    None => drop(bytes.split_off(at)),
                }
            }
            readable_or_refused(&bytes);
        }
    }
}
