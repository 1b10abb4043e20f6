//! The lexer proper: quoting, operators, redirections, here-documents, substitutions.

use std::mem;
use std::ops::Range;

use zeroize::Zeroizing;

use super::{Assignment, Body, MAX_NESTING, SimpleCommand, Word, meaning, newlines};
use crate::parse::Language;

/// What stands in a word's text for a substitution whose commands were taken out.
const SUBSTITUTION: &str = "$()";

/// How many levels of nesting a command line within a word counts for: its text is read again, level by level.
const COMMAND_LINE_DEPTH: usize = 8;

/// Appends the commands of `text`, found `depth` levels deep and `line` lines into the whole.
pub(super) fn split(
    text: &str,
    language: Language,
    depth: usize,
    line: u64,
    commands: &mut Vec<SimpleCommand>,
) {
    if depth >= MAX_NESTING {
        return;
    }
    let mut lexer = Lexer { text, at: 0, line, language, depth, commands: mem::take(commands) };
    lexer.list(None, None);
    *commands = lexer.commands;
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: u64,
    language: Language,
    depth: usize,
    commands: Vec<SimpleCommand>,
}

/// The state of one list of commands; a substitution begins another.
#[derive(Default)]
struct Frame {
    command: SimpleCommand,
    draft: Option<Draft>,
    redirect: Option<Redirect>,
    heredocs: Vec<Heredoc>,
    /// What the command on the left of the pipe prints.
    printed: Option<Word>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirect {
    Target,
    HereString,
}

struct Heredoc {
    delimiter: String,
    strip_tabs: bool,
    /// Index of the command it feeds; none while that one is still being read.
    owner: Option<usize>,
}

/// A word being read.
#[derive(Default)]
struct Draft {
    text: Zeroizing<String>,
    expansions: Vec<Range<usize>>,
    /// Length of the unquoted start, once it has ended.
    plain: Option<usize>,
    quotes: usize,
    /// Something stood outside the quotes.
    bare: bool,
    /// Length of the text when the last quote closed.
    closed_at: usize,
    line: u64,
}

impl Draft {
    fn push_plain(&mut self, text: &str) {
        self.bare = true;
        self.text.push_str(text);
    }

    fn push_quoted(&mut self, text: &str) {
        self.end_plain();
        self.text.push_str(text);
    }

    fn push_expansion(&mut self, text: &str, quoted: bool) {
        self.end_plain();
        self.bare |= !quoted;
        let start = self.text.len();
        self.text.push_str(text);
        self.expansions.push(start..self.text.len());
    }

    fn end_plain(&mut self) {
        self.plain.get_or_insert(self.text.len());
    }

    fn open_quote(&mut self) {
        self.end_plain();
        self.quotes += 1;
    }

    fn close_quote(&mut self) {
        self.closed_at = self.text.len();
    }

    fn finish(mut self) -> Word {
        // `password='x', host='y'` of a program's arguments: no shell user ends a quoted word in a bare comma.
        if self.quotes > 0 && self.text.get(self.closed_at..) == Some(",") {
            self.text.truncate(self.closed_at);
            self.bare = self.plain.is_some_and(|plain| plain > 0);
        }
        Word {
            plain: self.plain.unwrap_or(self.text.len()),
            quoted: self.quotes == 1 && !self.bare,
            text: self.text,
            expansions: self.expansions,
            line_offset: self.line,
        }
    }
}

impl Lexer<'_> {
    /// Reads commands up to `closer` or the end; `head` is a command word that is already known.
    fn list(&mut self, closer: Option<u8>, head: Option<&str>) {
        let mut frame = Frame::default();
        frame.command.line_offset = self.line;
        frame.command.words.extend(head.map(Word::literal));
        while let Some(byte) = self.peek() {
            if Some(byte) == closer {
                self.at += 1;
                break;
            }
            self.step(byte, &mut frame);
        }
        self.end_command(&mut frame, false);
    }

    fn step(&mut self, byte: u8, frame: &mut Frame) {
        let powershell = self.language == Language::PowerShell;
        match byte {
            b' ' | b'\t' | b'\r' => {
                self.at += 1;
                self.end_word(frame);
            }
            b'\n' => {
                self.end_command_at_newline(frame);
            }
            b';' | b')' => {
                self.at += 1;
                self.end_command(frame, false);
            }
            b'|' => self.pipe(frame),
            b'&' => self.ampersand(frame),
            b'#' if frame.draft.is_none() => self.skip_to(b'\n'),
            b'\'' => self.single(frame),
            b'"' => self.double(frame),
            b'\\' if !powershell => self.backslash(frame),
            b'`' => self.backtick(frame, false),
            b'$' => self.dollar(frame, false),
            b'(' => self.parenthesis(frame),
            b'<' | b'>' => self.angle(byte, frame),
            b'{' | b'}' | b'@' | b',' | b'=' if powershell => self.powershell(byte, frame),
            _ => self.ordinary(frame),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.byte(0)
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Text from `start` up to here.
    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_to(&mut self, byte: u8) {
        let length = self.rest().bytes().position(|b| b == byte);
        self.at += length.unwrap_or(self.rest().len());
    }

    /// Moves over `length` bytes, counting lines.
    fn advance(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        self.line += newlines(&self.text.as_bytes()[self.at..end]);
        self.at = end;
    }

    /// Moves over the run of bytes that are not `special`, at least one character, and returns its range.
    fn run(&mut self, special: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.at;
        let first = self.rest().chars().next().map_or(0, char::len_utf8);
        let more = self.rest().as_bytes()[first..].iter().position(|b| special(*b));
        self.advance(more.map_or(self.rest().len(), |more| first + more));
        start..self.at
    }

    fn draft<'f>(&self, frame: &'f mut Frame) -> &'f mut Draft {
        let line = self.line;
        frame.draft.get_or_insert_with(|| Draft { line, ..Draft::default() })
    }

    fn ordinary(&mut self, frame: &mut Frame) {
        self.draft(frame);
        let powershell = self.language == Language::PowerShell;
        let run = self.run(|b| {
            matches!(
                b,
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'\'' | b'"' | b'`' | b'$'
            ) || matches!(b, b'(' | b')' | b'<' | b'>' | b'\\')
                || powershell && matches!(b, b'{' | b'}' | b',' | b'=')
        });
        let text = &self.text[run];
        self.draft(frame).push_plain(text);
    }

    fn end_word(&mut self, frame: &mut Frame) {
        let Some(word) = frame.draft.take().map(Draft::finish) else { return };
        match frame.redirect.take() {
            Some(Redirect::Target) => {}
            Some(Redirect::HereString) => frame.command.stdin = Some(word),
            None => self.place(word, &mut frame.command),
        }
    }

    /// Puts a word where it belongs: reserved words nowhere, assignments before the command word apart.
    fn place(&self, word: Word, command: &mut SimpleCommand) {
        if command.words.is_empty() {
            if word.plain == word.text.len() && meaning::is_reserved(&word.text, self.language) {
                return;
            }
            if command.assignments.is_empty() {
                command.line_offset = word.line_offset;
            }
            if self.language != Language::PowerShell
                && let Some((name, length)) = word.assignment_prefix()
            {
                let name = name.to_owned();
                command.assignments.push(Assignment { name, value: word.tail(length) });
                return;
            }
        }
        command.words.push(word);
    }

    fn end_command_at_newline(&mut self, frame: &mut Frame) {
        self.end_word(frame);
        self.end_command(frame, false);
        self.advance(1);
        self.bodies(frame);
    }

    fn end_command(&mut self, frame: &mut Frame, piped: bool) {
        self.end_word(frame);
        frame.redirect = None;
        let waits = frame.heredocs.iter().any(|heredoc| heredoc.owner.is_none());
        if frame.command.words.is_empty() && frame.command.assignments.is_empty() && !waits {
            return;
        }
        let mut command = mem::take(&mut frame.command);
        let printed = frame.printed.take();
        command.stdin = command.stdin.or(printed);
        frame.printed = if piped { meaning::printed(&command.words, self.language) } else { None };
        for heredoc in &mut frame.heredocs {
            heredoc.owner.get_or_insert(self.commands.len());
        }
        let nested = meaning::interpret(&mut command, self.language);
        self.commands.push(command);
        for inner in nested {
            let line = inner.line_offset;
            let depth = self.depth + COMMAND_LINE_DEPTH;
            split(&inner.text, inner.language, depth, line, &mut self.commands);
        }
    }

    fn pipe(&mut self, frame: &mut Frame) {
        self.at += 1;
        match self.peek() {
            Some(b'|') => {
                self.at += 1;
                self.end_command(frame, false);
            }
            next => {
                self.at += usize::from(next == Some(b'&'));
                self.end_command(frame, true);
            }
        }
    }

    fn ampersand(&mut self, frame: &mut Frame) {
        self.at += 1;
        match self.peek() {
            Some(b'>') if self.language == Language::Posix => self.end_word(frame),
            Some(b'&') => {
                self.at += 1;
                self.end_command(frame, false);
            }
            // PowerShell calls what follows.
            _ if self.language == Language::PowerShell => self.end_word(frame),
            _ => self.end_command(frame, false),
        }
    }

    fn single(&mut self, frame: &mut Frame) {
        self.at += 1;
        self.draft(frame).open_quote();
        while let Some(byte) = self.peek() {
            let language = self.language;
            match byte {
                b'\'' if language == Language::PowerShell && self.byte(1) == Some(b'\'') => {
                    self.at += 2;
                    self.draft(frame).push_quoted("'");
                }
                b'\'' => {
                    self.at += 1;
                    break;
                }
                b'\\'
                    if language == Language::Fish
                        && matches!(self.byte(1), Some(b'\'' | b'\\')) =>
                {
                    self.at += 1;
                    self.push_next_char(frame);
                }
                _ => {
                    let run = self.run(|b| b == b'\'' || language == Language::Fish && b == b'\\');
                    let text = &self.text[run];
                    self.draft(frame).push_quoted(text);
                }
            }
        }
        self.draft(frame).close_quote();
    }

    fn double(&mut self, frame: &mut Frame) {
        self.at += 1;
        self.draft(frame).open_quote();
        let powershell = self.language == Language::PowerShell;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' if powershell && self.byte(1) == Some(b'"') => {
                    self.at += 2;
                    self.draft(frame).push_quoted("\"");
                }
                b'"' => {
                    self.at += 1;
                    break;
                }
                b'$' => self.dollar(frame, true),
                b'`' if self.language != Language::Fish => self.backtick(frame, true),
                b'\\' if !powershell => self.backslash_in_double(frame),
                _ => {
                    let run = self.run(|b| matches!(b, b'"' | b'$' | b'`' | b'\\'));
                    let text = &self.text[run];
                    self.draft(frame).push_quoted(text);
                }
            }
        }
        self.draft(frame).close_quote();
    }

    fn backslash_in_double(&mut self, frame: &mut Frame) {
        match self.byte(1) {
            Some(b'\n') => self.advance(2),
            Some(b'$' | b'"' | b'\\' | b'`') => {
                self.at += 1;
                self.push_next_char(frame);
            }
            _ => {
                self.at += 1;
                self.draft(frame).push_quoted("\\");
            }
        }
    }

    fn backslash(&mut self, frame: &mut Frame) {
        match self.byte(1) {
            Some(b'\n') => self.advance(2),
            Some(b'\r') if self.byte(2) == Some(b'\n') => self.advance(3),
            None => {
                self.at += 1;
                self.draft(frame).push_quoted("\\");
            }
            Some(letter) => {
                self.at += 1;
                let escape = match (self.language, letter) {
                    (Language::Fish, b'n') => Some("\n"),
                    (Language::Fish, b't') => Some("\t"),
                    (Language::Fish, b'r') => Some("\r"),
                    _ => None,
                };
                let Some(escape) = escape else { return self.push_next_char(frame) };
                self.at += 1;
                self.draft(frame).push_quoted(escape);
            }
        }
    }

    /// Takes one character for what it is.
    fn push_next_char(&mut self, frame: &mut Frame) {
        let start = self.at;
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        self.advance(length);
        let text = &self.text[start..self.at];
        self.draft(frame).push_quoted(text);
    }

    /// A backtick: PowerShell's escape, or an old-style substitution.
    fn backtick(&mut self, frame: &mut Frame, quoted: bool) {
        self.at += 1;
        match self.language {
            Language::PowerShell => self.powershell_escape(frame),
            Language::Fish => self.draft(frame).push_plain("`"),
            Language::Posix => {
                let (start, line) = (self.at, self.line);
                let mut escaped = false;
                let length = self.rest().bytes().position(|b| {
                    let end = b == b'`' && !escaped;
                    escaped = b == b'\\' && !escaped;
                    end
                });
                self.advance(length.unwrap_or(self.rest().len()));
                let inner = self.since(start).to_owned();
                self.at = (self.at + 1).min(self.text.len());
                let inner = Zeroizing::new(inner);
                split(&inner, self.language, self.depth + 1, line, &mut self.commands);
                self.draft(frame).push_expansion(SUBSTITUTION, quoted);
            }
        }
    }

    fn powershell_escape(&mut self, frame: &mut Frame) {
        let escape = match self.peek() {
            Some(b'\n') => return self.advance(1),
            Some(b'\r') if self.byte(1) == Some(b'\n') => return self.advance(2),
            Some(b'n') => "\n",
            Some(b't') => "\t",
            Some(b'r') => "\r",
            _ => return self.push_next_char(frame),
        };
        self.at += 1;
        self.draft(frame).push_quoted(escape);
    }

    /// A dollar sign: variable, substitution, arithmetic, or only itself.
    fn dollar(&mut self, frame: &mut Frame, quoted: bool) {
        let start = self.at;
        let posix = self.language == Language::Posix;
        match self.byte(1) {
            Some(b'(') if posix && self.byte(2) == Some(b'(') => {
                self.at += 1;
                self.skip_balanced(b'(', b')');
                self.draft(frame).push_expansion(SUBSTITUTION, quoted);
            }
            Some(b'(') if self.depth < MAX_NESTING => {
                self.at += 2;
                self.substitution(frame, b')', quoted);
            }
            Some(b'{') => {
                self.at += 1;
                self.skip_balanced(b'{', b'}');
                let text = self.text[start..self.at].to_owned();
                self.draft(frame).push_expansion(&text, quoted);
            }
            Some(b'\'') if posix && !quoted => self.ansi_c(frame),
            Some(b'"') if posix && !quoted => self.at += 1,
            Some(b'?' | b'$' | b'!' | b'#' | b'@' | b'*' | b'0'..=b'9') => {
                self.at += 2;
                let text = &self.text[start..self.at];
                self.draft(frame).push_expansion(text, quoted);
            }
            Some(letter) if letter.is_ascii_alphabetic() || letter == b'_' => {
                let scoped = self.language == Language::PowerShell;
                self.at += 1;
                self.run(|b| {
                    !(b.is_ascii_alphanumeric() || b == b'_' || scoped && matches!(b, b':'))
                });
                let text = &self.text[start..self.at];
                self.draft(frame).push_expansion(text, quoted);
            }
            _ => {
                self.at += 1;
                let draft = self.draft(frame);
                if quoted { draft.push_quoted("$") } else { draft.push_plain("$") }
            }
        }
    }

    /// Reads the commands up to `closer` and leaves a mark in the word.
    fn substitution(&mut self, frame: &mut Frame, closer: u8, quoted: bool) {
        self.draft(frame);
        self.nested(closer, None);
        self.draft(frame).push_expansion(SUBSTITUTION, quoted);
    }

    fn nested(&mut self, closer: u8, head: Option<&str>) {
        self.depth += 1;
        self.list(Some(closer), head);
        self.depth -= 1;
    }

    fn skip_balanced(&mut self, open: u8, close: u8) {
        let mut depth = 0_usize;
        let end = self.rest().bytes().position(|b| {
            if b == open {
                depth += 1;
            } else if b == close {
                depth = depth.saturating_sub(1);
                return depth == 0;
            }
            false
        });
        self.advance(end.map_or(self.rest().len(), |end| end + 1));
    }

    /// `$'…'`, with the escapes of C.
    fn ansi_c(&mut self, frame: &mut Frame) {
        self.at += 2;
        self.draft(frame).open_quote();
        while let Some(byte) = self.peek() {
            match byte {
                b'\'' => {
                    self.at += 1;
                    break;
                }
                b'\\' => {
                    let (text, length) = c_escape(&self.rest()[1..]);
                    self.draft(frame).push_quoted(&text);
                    self.advance(1 + length);
                }
                _ => {
                    let run = self.run(|b| matches!(b, b'\'' | b'\\'));
                    let text = &self.text[run];
                    self.draft(frame).push_quoted(text);
                }
            }
        }
        self.draft(frame).close_quote();
    }

    /// An opening parenthesis: subshell, array, function, arguments, or fish's substitution.
    fn parenthesis(&mut self, frame: &mut Frame) {
        self.at += 1;
        if self.depth >= MAX_NESTING {
            return self.end_command(frame, false);
        }
        match self.language {
            Language::Fish => self.substitution(frame, b')', false),
            Language::PowerShell => {
                let plain = frame.draft.as_ref().filter(|draft| draft.expansions.is_empty());
                let method = plain.map(|draft| method_name(&draft.text).to_owned());
                self.draft(frame);
                self.nested(b')', method.as_deref().filter(|name| !name.is_empty()));
                self.draft(frame).push_expansion(SUBSTITUTION, false);
            }
            Language::Posix => {
                let array = frame.draft.as_ref().is_some_and(|draft| draft.text.ends_with('='));
                if array {
                    return self.substitution(frame, b')', false);
                }
                self.end_command(frame, false);
                self.nested(b')', None);
            }
        }
    }

    fn powershell(&mut self, byte: u8, frame: &mut Frame) {
        let next = self.byte(1);
        match byte {
            b',' => {
                self.at += 1;
                self.end_word(frame);
            }
            b'=' if frame.command.words.is_empty() && frame.draft.is_some()
                || frame.command.words.len() == 1 && frame.draft.is_none() =>
            {
                self.end_word(frame);
                self.at += 1;
                frame.command.words.push(Word::literal("="));
            }
            b'{' | b'@' if self.depth < MAX_NESTING && (byte == b'{' || next == Some(b'{')) => {
                self.at += if byte == b'{' { 1 } else { 2 };
                self.substitution(frame, b'}', false);
            }
            b'@' if self.depth < MAX_NESTING && next == Some(b'(') => {
                self.at += 2;
                self.substitution(frame, b')', false);
            }
            b'@' if matches!(next, Some(b'\'' | b'"')) && frame.draft.is_none() => {
                self.here_string(frame);
            }
            b'{' | b'}' => {
                self.at += 1;
                self.end_command(frame, false);
            }
            _ => self.ordinary(frame),
        }
    }

    /// PowerShell's `@'` … `'@`; taken as literal in both forms, which loses nothing that a rule could use.
    fn here_string(&mut self, frame: &mut Frame) {
        let closer = if self.byte(1) == Some(b'"') { "\n\"@" } else { "\n'@" };
        self.draft(frame).open_quote();
        self.advance(2);
        let start = self.at;
        let length = self.rest().find(closer);
        self.advance(length.unwrap_or(self.rest().len()));
        let text = self.text[start..self.at].trim_start_matches(['\r', '\n']).to_owned();
        let text = Zeroizing::new(text);
        self.draft(frame).push_quoted(&text);
        self.draft(frame).close_quote();
        self.advance(closer.len());
    }

    /// `<` or `>`: redirection, here-document, here-string, process substitution.
    fn angle(&mut self, byte: u8, frame: &mut Frame) {
        let posix = self.language == Language::Posix;
        if self.byte(1) == Some(b'(') && posix && self.depth < MAX_NESTING {
            self.at += 2;
            return self.substitution(frame, b')', false);
        }
        if byte == b'<' && self.language == Language::PowerShell {
            return if self.byte(1) == Some(b'#') {
                self.block_comment();
            } else {
                self.ordinary(frame);
            };
        }
        let descriptor = frame.draft.as_ref().is_some_and(|draft| {
            draft.quotes == 0 && draft.text.bytes().all(|b| b.is_ascii_digit() || b == b'*')
        });
        if descriptor {
            frame.draft = None;
        } else {
            self.end_word(frame);
        }
        if posix && self.rest().starts_with("<<<") {
            self.at += 3;
            frame.redirect = Some(Redirect::HereString);
        } else if posix && self.rest().starts_with("<<") {
            self.at += 2;
            self.heredoc(frame);
        } else {
            self.run(|b| !matches!(b, b'<' | b'>' | b'&' | b'|'));
            frame.redirect = Some(Redirect::Target);
        }
    }

    fn block_comment(&mut self) {
        let end = self.rest().find("#>");
        self.advance(end.map_or(self.rest().len(), |end| end + 2));
    }

    fn heredoc(&mut self, frame: &mut Frame) {
        let (heredoc, length) = heredoc_delimiter(self.rest());
        self.at += length;
        if let Some((delimiter, strip_tabs)) = heredoc {
            frame.heredocs.push(Heredoc { delimiter, strip_tabs, owner: None });
        }
    }

    /// Reads the bodies that the line just ended has announced.
    fn bodies(&mut self, frame: &mut Frame) {
        for heredoc in mem::take(&mut frame.heredocs) {
            let (start, line_offset) = (self.at, self.line);
            let mut end = self.text.len();
            while self.at < self.text.len() {
                let from = self.at;
                self.skip_to(b'\n');
                let line = self.since(from).trim_end_matches('\r');
                let line = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
                let last = line == heredoc.delimiter;
                self.advance(1);
                if last {
                    end = from;
                    break;
                }
            }
            let text = Zeroizing::new(self.text[start..end].to_owned());
            if let Some(command) = heredoc.owner.and_then(|owner| self.commands.get_mut(owner)) {
                command.bodies.push(Body { text, line_offset });
            }
        }
    }
}

/// What follows `<<`: the delimiter and whether tabs are stripped, if it is one, and its length in bytes.
pub(super) fn heredoc_delimiter(text: &str) -> (Option<(String, bool)>, usize) {
    let strip_tabs = text.starts_with('-') || text.starts_with('~');
    let after = &text[usize::from(strip_tabs)..];
    let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
    let word = &after[blanks..];
    let begin = usize::from(strip_tabs) + blanks;
    if let Some(quote) = word.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let Some(end) = word[1..].find(quote) else { return (None, begin) };
        return (Some((word[1..=end].to_owned(), strip_tabs)), begin + end + 2);
    }
    let end = word
        .find(|c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | '<' | '>' | '(' | ')'))
        .unwrap_or(word.len());
    let delimiter = word[..end].replace('\\', "");
    // `$((1 << 2))` and `x << y)` are shifts.
    if !delimiter.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '-' | '!' | '%')) {
        return (None, begin);
    }
    (Some((delimiter, strip_tabs)), begin + end)
}

/// The last part of `[Type]::Method` or `$object.Method`.
fn method_name(text: &str) -> &str {
    text.rsplit(['.', ':']).next().unwrap_or_default()
}

/// What follows the backslash of a C escape: the text it stands for and its length.
pub(super) fn c_escape(text: &str) -> (String, usize) {
    let Some(letter) = text.chars().next() else { return ("\\".into(), 0) };
    let single = match letter {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'a' => "\x07",
        'b' => "\x08",
        'e' | 'E' => "\x1b",
        'f' => "\x0c",
        'v' => "\x0b",
        '\\' => "\\",
        '\'' => "'",
        '"' => "\"",
        '?' => "?",
        _ => "",
    };
    if !single.is_empty() {
        return (single.into(), 1);
    }
    let (prefix, radix, most) = match letter {
        'x' => (1, 16, 2),
        'u' => (1, 16, 4),
        'U' => (1, 16, 8),
        '0'..='7' => (0, 8, 3),
        _ => return (format!("\\{letter}"), letter.len_utf8()),
    };
    let digits: String =
        text[prefix..].chars().take(most).take_while(|c| c.is_digit(radix)).collect();
    let value = u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32);
    (value.map(String::from).unwrap_or_default(), prefix + digits.len())
}
