//! Every text file, whatever its name: tokens by their shape, secrets by the words before them.
//!
//! The bytes of a file are pushed through a [`Search`] once, in a buffer of fixed size: no file is too large, and none is read
//! a second time, because what a rule reads is pushed through on the way ([`Tee`]). What is no text is left out by its content.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use zeroize::Zeroizing;

use super::lines::Finder;
use super::{Context, Extracted, Placed};
use crate::artifact::{Admitted, Artifact, Facts, reason_of};
use crate::grant::{Confidence, FoldKey, Grant};
use crate::parse::{Body, Entry, Language};
use crate::report::{SkipReason, Skipped};
use crate::rule::token::LONGEST_BLOCK;
use crate::source::{Loose, is_example};

/// Reads a file that no rule claims.
pub fn loose(context: &Context<'_>, loose: &Loose<'_>) -> Extracted {
    let mut extracted = Extracted::default();
    match read(context, loose) {
        Ok(placed) => extracted.placed = placed,
        // What has gone meanwhile holds nothing any more.
        Err(SkipReason::Vanished | SkipReason::SpecialFile | SkipReason::Symlink) => {}
        Err(reason) => extracted.skipped.push(Skipped::new(&loose.path(), reason)),
    }
    extracted
}

fn read(context: &Context<'_>, loose: &Loose<'_>) -> Result<Vec<Placed>, SkipReason> {
    let mut opened = context.door.admit(loose.open())?;
    let mut search = Search::new(context, Place::of(loose));
    let finished = search.take_from(&mut opened.file, opened.size);
    context.door.count_streamed(&opened.file, search.taken);
    let grants = search.finish();
    if !grants.is_empty() {
        let path = loose.path();
        let facts = Facts { foreign: loose.foreign, ..context.door.facts(&opened, &path, &path) };
        return Ok(placed(grants, &path, &facts));
    }
    finished.map(|()| Vec::new()).map_err(|error| reason_of(&error))
}

pub(super) fn placed(grants: Vec<Grant>, path: &Path, facts: &Facts) -> Vec<Placed> {
    let place = |grant| Placed { grant, path: path.to_owned(), facts: facts.clone() };
    grants.into_iter().map(place).collect()
}

/// Size of the buffer, in bytes.
const BUFFER: usize = 1 << 20;

/// How much is read before it is known whether a file is text, in bytes.
const FIRST: usize = 64 * 1024;

/// What a hit may reach to behind its beginning, in bytes: a hit nearer to the end of the buffer waits for what follows.
const REACH: usize = LONGEST_BLOCK + 1;

/// What a hit may need from before its beginning, in bytes: the word that names it, the beginning of its line.
const BEFORE: usize = 8 * 1024;

/// Longest line that is looked at whole, in bytes; of longer ones, a stretch around the word.
const LINE: usize = 4 * 1024;

/// Where bytes come from, as far as it decides what is sought.
#[derive(Clone, Copy)]
pub(super) struct Place {
    syntax: Option<Syntax>,
    ceiling: Confidence,
}

impl Place {
    fn of(loose: &Loose<'_>) -> Self {
        if loose.foreign {
            // Published software assigns tokens of its own making to variables of every name.
            return Self { syntax: None, ceiling: Confidence::Low };
        }
        let ceiling = if loose.is_example() { Confidence::Medium } else { Confidence::High };
        Self { syntax: Syntax::of_name(loose.name), ceiling }
    }

    /// A file that rules looked at by its ending, and that is none of theirs.
    fn unwanted(path: &Path) -> Self {
        let ceiling = if is_example(path) { Confidence::Medium } else { Confidence::High };
        Self { syntax: path.file_name().and_then(Syntax::of_name), ceiling }
    }

    /// A file that a rule reads: its words are the rule's to tell, what else is in it is known by shape alone.
    const CLAIMED: Self = Self { syntax: None, ceiling: Confidence::High };
}

/// How a file writes assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    /// Commands of a shell.
    Shell(Language),
    /// `name: value` or `name = value`, one a line, quoted or not.
    Settings,
    /// A programming language: values are quoted.
    Code,
    /// Told by the first line, if that is `#!`.
    Unknown,
}

/// Endings of scripts, settings and code.
const SYNTAXES: &[(&str, Syntax)] = &[
    (
        "sh bash zsh ksh ash dash command bats dockerfile containerfile makefile mk",
        Syntax::Shell(Language::Posix),
    ),
    ("fish", Syntax::Shell(Language::Fish)),
    ("ps1 psm1 psd1", Syntax::Shell(Language::PowerShell)),
    (
        "yml yaml toml ini cfg conf config cnf properties env envrc tf tfvars hcl service json jsonc json5",
        Syntax::Settings,
    ),
    (
        "py js mjs cjs ts mts cts jsx tsx go rb php java kt kts cs rs swift scala groovy gradle lua pl pm r jl ex exs clj dart sql ipynb vue svelte xml http rest",
        Syntax::Code,
    ),
];

impl Syntax {
    fn of_name(name: &OsStr) -> Option<Self> {
        let name = name.as_encoded_bytes();
        let ending = match name.iter().rposition(|byte| *byte == b'.') {
            Some(dot) => &name[dot + 1..],
            None => name,
        };
        let has = |endings: &str| {
            endings.split(' ').any(|known| ending.eq_ignore_ascii_case(known.as_bytes()))
        };
        let known = SYNTAXES.iter().find(|(endings, _)| has(endings)).map(|(_, syntax)| *syntax);
        known.or_else(|| (ending.len() == name.len()).then_some(Self::Unknown))
    }

    fn of_first_line(start: &[u8]) -> Option<Self> {
        let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let has = |word: &[u8]| line.windows(word.len()).any(|part| part == word);
        Some(match () {
            () if has(b"fish") => Self::Shell(Language::Fish),
            () if has(b"pwsh") => Self::Shell(Language::PowerShell),
            () if has(b"sh") => Self::Shell(Language::Posix),
            () => Self::Code,
        })
    }
}

/// Words of which one stands in every name, option or header that tells of a secret, in any case.
const WORDS: &[&str] = &[
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "api_key",
    "apikey",
    "api-key",
    "_key",
    "accesskey",
    "access-key",
    "privatekey",
    "credential",
    "authorization",
    "auth_",
    "://",
    "identified by",
];

fn words() -> Option<&'static AhoCorasick> {
    static AUTOMATON: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let build = || {
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(WORDS).ok()
    };
    AUTOMATON.get_or_init(build).as_ref()
}

thread_local! {
    /// The buffer of this thread, while no search uses it.
    static SPARE: Cell<Option<Zeroizing<Vec<u8>>>> = const { Cell::new(None) };
}

/// Bytes in, grants out. Holds secrets.
pub(super) struct Search<'s, 'x> {
    finder: Finder<'s, 'x>,
    context: &'s Context<'x>,
    place: Place,
    coding: Coding,
    buffer: Zeroizing<Vec<u8>>,
    filled: usize,
    /// 1-based line on which the buffer begins.
    line: u64,
    /// In the buffer: what begins before was told.
    tokens_from: usize,
    /// In the buffer: what begins before was looked at.
    lines_from: usize,
    /// Bytes of the file so far.
    taken: u64,
}

/// What the bytes of a file are.
enum Coding {
    NotYetKnown,
    /// Text in which ASCII is ASCII.
    Text,
    /// UTF-16, with the odd byte that waits for its other half.
    Wide(fn([u8; 2]) -> u16, Option<u8>),
    Binary,
}

impl Coding {
    /// Told by the first bytes.
    fn of(start: &[u8]) -> Self {
        match start {
            [0xFF, 0xFE, ..] => Self::Wide(u16::from_le_bytes, None),
            [0xFE, 0xFF, ..] => Self::Wide(u16::from_be_bytes, None),
            _ if is_binary(start) => Self::Binary,
            _ => Self::Text,
        }
    }
}

/// First bytes of what is compressed, drawn or linked, and may lack a NUL for long.
const MAGIC: &[&[u8]] = &[
    b"\x1F\x8B",
    b"PK\x03\x04",
    b"\x28\xB5\x2F\xFD",
    b"\xFD7zXZ",
    b"BZh",
    b"7z\xBC\xAF",
    b"\x89PNG",
    b"\xFF\xD8\xFF",
    b"GIF8",
    b"%PDF-",
    b"\x7FELF",
    b"OggS",
    b"ID3",
    b"wOFF",
    b"wOF2",
    b"!<arch>\n",
];

/// Text has no NUL and few other control characters, whatever its encoding; of random bytes one in ten is one.
fn is_binary(start: &[u8]) -> bool {
    let is_odd = |byte: &&u8| matches!(**byte, 1..=6 | 14..=26 | 28..=31 | 127);
    let sample = &start[..start.len().min(1024)];
    MAGIC.iter().any(|magic| start.starts_with(magic))
        || memchr::memchr(0, start).is_some()
        || sample.iter().filter(is_odd).count() * 32 > sample.len()
}

impl<'s, 'x> Search<'s, 'x> {
    pub(super) fn new(context: &'s Context<'x>, place: Place) -> Self {
        let buffer = SPARE.take().unwrap_or_else(|| Zeroizing::new(vec![0; BUFFER]));
        Self {
            finder: Finder::anywhere(context, place.ceiling),
            context,
            place,
            coding: Coding::NotYetKnown,
            buffer,
            filled: 0,
            line: 1,
            tokens_from: 0,
            lines_from: 0,
            taken: 0,
        }
    }

    /// Takes a file of `size` bytes, or as much of it as tells that it is no text.
    fn take_from(&mut self, file: &mut impl Read, size: u64) -> io::Result<()> {
        loop {
            let room = &mut self.buffer[self.filled..];
            let room = if self.taken == 0 { &mut room[..FIRST] } else { room };
            match file.read(room) {
                Ok(0) => return Ok(()),
                Ok(read) => self.advance(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.taken >= size || self.is_over() || (self.context.stop)() {
                return Ok(());
            }
        }
    }

    /// Takes bytes that somebody else has read.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_over() {
            let room = &mut self.buffer[self.filled..];
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.advance(now.len());
            bytes = later;
        }
    }

    /// Whether nothing more can come of this file.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.coding, Coding::Binary)
    }

    /// The grants, in the order in which they first stood.
    pub(super) fn finish(mut self) -> Vec<Grant> {
        if !self.is_over() {
            self.look(true);
        }
        SPARE.set(Some(std::mem::take(&mut self.buffer)));
        self.finder.grants()
    }

    /// Counts in `fresh` bytes that were put behind the filled part.
    fn advance(&mut self, fresh: usize) {
        self.taken += fresh as u64;
        if let Coding::NotYetKnown = self.coding {
            let start = &self.buffer[..fresh];
            self.coding = Coding::of(start);
            if let Some(Syntax::Unknown) = self.place.syntax {
                self.place.syntax = Syntax::of_first_line(start);
            }
        }
        self.filled += match &mut self.coding {
            Coding::Wide(unit, half) => {
                narrow(&mut self.buffer[self.filled..self.filled + fresh], *unit, half)
            }
            _ => fresh,
        };
        if self.filled == self.buffer.len() {
            self.look(false);
        }
    }

    /// Looks at what the buffer holds and makes room, keeping what a hit may still need.
    fn look(&mut self, is_end: bool) {
        let until = if is_end { self.filled } else { self.filled.saturating_sub(REACH) };
        self.tokens(until);
        match self.place.syntax {
            None | Some(Syntax::Unknown) => {}
            Some(syntax) => self.words(syntax, until),
        }
        let done = until.saturating_sub(BEFORE);
        self.line += newlines(&self.buffer[..done]);
        self.buffer.copy_within(done..self.filled, 0);
        self.filled -= done;
        self.tokens_from = self.tokens_from.max(until) - done;
        self.lines_from = self.lines_from.max(until) - done;
    }

    fn tokens(&mut self, until: usize) {
        let text = &self.buffer[..self.filled];
        let mut lines = Lines { text, at: 0, line: self.line };
        for (range, found) in self.context.pack.tokens.find_in(text) {
            if range.start < self.tokens_from || range.start >= until {
                continue;
            }
            self.tokens_from = range.end;
            if let Ok(token) = str::from_utf8(&text[range.clone()]) {
                self.finder.shaped(token, &found, lines.of(range.start));
            }
        }
    }

    fn words(&mut self, syntax: Syntax, until: usize) {
        let Some(words) = words() else { return };
        let text = &self.buffer[..self.filled];
        let mut lines = Lines { text, at: 0, line: self.line };
        for hit in words.find_iter(text) {
            if hit.start() < self.lines_from {
                continue;
            }
            if hit.start() >= until {
                break;
            }
            let (start, end) = line_around(text, hit.start());
            self.lines_from = end;
            if let Ok(line) = str::from_utf8(&text[start..end]) {
                self.finder.told(&syntax.entry(line, lines.of(hit.start())));
            }
        }
    }
}

/// The line around `at`, or a stretch of it.
fn line_around(text: &[u8], at: usize) -> (usize, usize) {
    let floor = at.saturating_sub(LINE / 4);
    let start =
        memchr::memrchr(b'\n', &text[floor..at]).map_or(floor, |newline| floor + newline + 1);
    let roof = text.len().min(at + LINE);
    let end = memchr::memchr(b'\n', &text[at..roof]).map_or(roof, |newline| at + newline);
    let is_inner = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let forward = |at: usize| (at..text.len()).find(|at| !is_inner(at)).unwrap_or(text.len());
    (forward(start), forward(end))
}

impl Syntax {
    /// What the command rules are to see of a line.
    fn entry(self, text: &str, line: u64) -> Entry<'_> {
        let body = match self {
            Self::Shell(language) => Body::Commands(text, language),
            Self::Settings => setting(text).unwrap_or(Body::Text(text)),
            Self::Code | Self::Unknown => Body::Text(text),
        };
        Entry { line, time: None, body }
    }
}

/// `name: value` or `name = value` alone on its line.
fn setting(text: &str) -> Option<Body<'_>> {
    let text =
        text.trim().trim_start_matches("- ").trim_start_matches("export ").trim_end_matches(',');
    let (name, value) = text.split_once([':', '='])?;
    let name = name.trim().trim_matches(['"', '\'']);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let value = value.trim();
    let quoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = value.strip_prefix(quote)?;
        inner.find(quote).map(|end| &inner[..end])
    });
    let bare = || value.split(" #").next().unwrap_or(value).trim_end();
    Some(Body::Assignment { name, value: quoted.unwrap_or_else(bare) })
}

/// Counts lines along with hits that come in order.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> u64 {
        let at = at.max(self.at);
        self.line += newlines(&self.text[self.at..at]);
        self.at = at;
        self.line
    }
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// UTF-16 to one byte a unit, in place: what is not ASCII is no part of a token.
fn narrow(bytes: &mut [u8], unit: fn([u8; 2]) -> u16, half: &mut Option<u8>) -> usize {
    let mut written = 0;
    for at in 0..bytes.len() {
        let Some(first) = half.take() else {
            *half = Some(bytes[at]);
            continue;
        };
        let ascii = u8::try_from(unit([first, bytes[at]])).ok().filter(u8::is_ascii);
        bytes[written] = ascii.unwrap_or(b'?');
        written += 1;
    }
    written
}

/// The search of a file that rules read, on the way and once, however many rules there are.
pub(super) struct Also<'s, 'x> {
    context: &'s Context<'x>,
    search: Option<Search<'s, 'x>>,
    /// How the file is kept, once something was pushed through.
    facts: Option<Facts>,
}

impl<'s, 'x> Also<'s, 'x> {
    pub(super) fn new(context: &'s Context<'x>) -> Self {
        let search = context.deep.then(|| Search::new(context, Place::CLAIMED));
        Self { context, search, facts: None }
    }

    /// The search, if nothing was pushed through it yet.
    fn begin(&mut self, facts: &Facts) -> Option<&mut Search<'s, 'x>> {
        if self.facts.is_some() {
            return None;
        }
        self.facts = self.search.is_some().then(|| facts.clone());
        self.search.as_mut()
    }

    /// For a file that is read as a stream.
    pub(super) fn stream(&mut self, facts: &Facts) -> Option<&mut Search<'s, 'x>> {
        self.begin(facts)
    }

    /// A file that was read whole.
    pub(super) fn whole(&mut self, artifact: &Artifact) {
        if let Some(search) = self.begin(&artifact.facts) {
            search.push(&artifact.bytes);
        }
    }

    /// A file of which no rule wanted more than the beginning.
    pub(super) fn go_on(&mut self, start: &[u8], mut opened: Admitted, path: &Path, shown: &Path) {
        let door = self.context.door;
        if self.search.is_none() || self.facts.is_some() {
            return;
        }
        self.search = Some(Search::new(self.context, Place::unwanted(shown)));
        if let Some(search) = self.begin(&door.facts(&opened, path, shown)) {
            search.push(start);
            // What can be read no further was told, or is no text.
            let _ = search.take_from(&mut opened.file, opened.size);
            door.count_streamed(&opened.file, search.taken);
        }
    }

    /// Adds what no rule has told.
    pub(super) fn conclude(self, path: &Path, extracted: &mut Extracted) {
        let (Some(search), Some(facts)) = (self.search, self.facts) else { return };
        let told: HashSet<FoldKey> = extracted
            .placed
            .iter()
            .filter(|place| place.path == path)
            .flat_map(|place| place.grant.credentials.iter().filter_map(|known| known.fold))
            .collect();
        let mut grants = search.finish();
        grants.retain(|grant| {
            grant
                .credentials
                .iter()
                .all(|found| found.fold.is_none_or(|fold| !told.contains(&fold)))
        });
        extracted.placed.extend(placed(grants, path, &facts));
    }
}

/// A reader that pushes through a search whatever is read from it.
pub(super) struct Tee<'t, 's, 'x, R> {
    from: R,
    search: Option<&'t mut Search<'s, 'x>>,
}

impl<'t, 's, 'x, R> Tee<'t, 's, 'x, R> {
    pub(super) fn new(from: R, search: Option<&'t mut Search<'s, 'x>>) -> Self {
        Self { from, search }
    }

    pub(super) fn into_inner(self) -> R {
        self.from
    }
}

impl<R: Read> Read for Tee<'_, '_, '_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(room)?;
        if let Some(search) = &mut self.search {
            search.push(&room[..read]);
        }
        Ok(read)
    }
}
