//! Whether a physical line ends a command, told line by line and without looking back.

use std::collections::VecDeque;

use super::lexer::heredoc_delimiter;
use crate::parse::Language;

/// What a command line still waits for.
pub(crate) struct LogicalLine {
    language: Language,
    /// Whether an open quote continues the command.
    joins_quotes: bool,
    quote: Option<Quote>,
    heredocs: VecDeque<(String, bool)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
    AnsiC,
}

impl LogicalLine {
    /// Nothing read yet. Histories keep one entry a line, so that an odd quote spoils no more than its own line
    /// (`joins_quotes: false`); in scripts, quotes do span lines.
    pub(crate) fn new(language: Language, joins_quotes: bool) -> Self {
        Self { language, joins_quotes, quote: None, heredocs: VecDeque::new() }
    }

    /// Takes the next line; true if the command ends with it.
    pub(crate) fn ends_with(&mut self, line: &str) -> bool {
        if let Some((delimiter, strip_tabs)) = self.heredocs.front() {
            let line = line.trim_end_matches('\r');
            let line = if *strip_tabs { line.trim_start_matches('\t') } else { line };
            if line == delimiter {
                self.heredocs.pop_front();
            }
            return self.heredocs.is_empty();
        }
        let continued = self.scan(line);
        if !self.joins_quotes {
            self.quote = None;
        }
        !continued && self.quote.is_none() && self.heredocs.is_empty()
    }

    /// Forgets what was open.
    pub(crate) fn reset(&mut self) {
        self.quote = None;
        self.heredocs.clear();
    }

    /// Reads one line; true if it ends in the escape that joins it to the next.
    fn scan(&mut self, line: &str) -> bool {
        let bytes = line.trim_end_matches('\r').as_bytes();
        let escape = if self.language == Language::PowerShell { b'`' } else { b'\\' };
        let fish = self.language == Language::Fish;
        let mut at = 0;
        let mut blank_before = self.quote.is_none();
        while let Some(&byte) = bytes.get(at) {
            let before = blank_before;
            blank_before = false;
            match self.quote {
                Some(Quote::Single) => {
                    if byte == b'\'' {
                        self.quote = None;
                    } else if fish && byte == escape {
                        at += 1;
                    }
                }
                Some(Quote::Double | Quote::AnsiC) if byte == escape => {
                    if at + 1 == bytes.len() {
                        return true;
                    }
                    at += 1;
                }
                Some(Quote::Double) => {
                    if byte == b'"' {
                        self.quote = None;
                    }
                }
                Some(Quote::AnsiC) => {
                    if byte == b'\'' {
                        self.quote = None;
                    }
                }
                None => match byte {
                    b'\''
                        if at > 0 && bytes[at - 1] == b'$' && self.language == Language::Posix =>
                    {
                        self.quote = Some(Quote::AnsiC);
                    }
                    b'\'' => self.quote = Some(Quote::Single),
                    b'"' => self.quote = Some(Quote::Double),
                    b'#' if before => return false,
                    b'<' if self.language == Language::Posix && bytes[at..].starts_with(b"<<") => {
                        at += self.heredoc(line, at + 2);
                    }
                    b' ' | b'\t' | b';' | b'|' | b'&' | b'(' | b')' => blank_before = true,
                    _ if byte == escape => {
                        if at + 1 == bytes.len() {
                            return true;
                        }
                        at += 1;
                    }
                    _ => {}
                },
            }
            at += 1;
        }
        false
    }

    /// Notes the here-document whose `<<` ends at `at`; returns by how many bytes the scan may go on.
    fn heredoc(&mut self, line: &str, at: usize) -> usize {
        let Some(after) = line.get(at..) else { return 0 };
        if after.starts_with('<') {
            return 2;
        }
        let (heredoc, length) = heredoc_delimiter(after);
        self.heredocs.extend(heredoc);
        1 + length
    }
}
