//! Report strings made fit for a screen: whatever a file name, an account or a token says, it cannot write to the terminal.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthChar as _;

use super::Style;

/// Longest run of combining marks that is left to combine; more would climb over the lines above.
const MAX_MARKS: usize = 3;

/// The text with all that is invisible, moves the cursor or reorders its neighbours spelled out (`\u{202e}`), and all that
/// is not ASCII too, unless `unicode`. Applying it twice is applying it once.
pub(super) fn safe(text: &str, unicode: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for (at, c) in text.char_indices() {
        let mark = is_mark(c);
        marks = if mark { marks + 1 } else { 0 };
        let shown = if mark { at > 0 && marks <= MAX_MARKS } else { !is_hidden(c) };
        if shown && (unicode || c.is_ascii()) {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out
}

/// Whether a character shows nothing of itself, or changes how others are shown. Combining marks are among them.
pub(super) fn is_hidden(c: char) -> bool {
    let blank = c.is_whitespace() && c != ' ';
    // The last three take a cell and leave it empty, or stand for something that is not there.
    let looks_empty = matches!(
        c,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' | '\u{fff9}'..='\u{fffc}'
    );
    blank || looks_empty || c.width().is_none_or(|width| width == 0)
}

/// Whether a character of no width belongs to the letter before it, as in decomposed Latin, Hangul, Thai or Devanagari.
fn is_mark(c: char) -> bool {
    let joiner_or_filler =
        matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}');
    let combines = c.is_alphabetic() || matches!(c, '\u{300}'..='\u{36f}');
    combines && !joiner_or_filler && c.width() == Some(0)
}

/// The published name of an enum's value.
pub(super) fn word(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

/// The front of a text, at most `limit` bytes with the mark of the cut.
pub(super) fn cut_bytes(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

/// Columns a safe text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// As much of the front as fits, with the mark of the cut at its end.
pub(super) fn cut_end(text: &str, limit: usize, mark: &str) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut out = head(text, limit.saturating_sub(width(mark))).trim_end().to_owned();
    out.push_str(mark);
    out
}

/// Front and end of a path, with the mark of the cut between; the end, which names the file, gets more.
pub(super) fn cut_middle(text: &str, limit: usize, mark: &str) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(width(mark));
    let front = head(text, room / 3);
    let back: String = text.chars().rev().collect();
    let back: String = head(&back, room - width(front)).chars().rev().collect();
    format!("{front}{mark}{back}")
}

fn head(text: &str, limit: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > limit
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// A length of time in one unit, rounded down: `12 min`, `5 h`, `412 d`, `3 y`.
pub(super) fn span(seconds: u64) -> String {
    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..HOUR => format!("{} min", seconds / 60),
        HOUR..172_800 => format!("{} h", seconds / HOUR),
        _ => days_long(seconds / DAY),
    }
}

/// A number of days, in years from a thousand on.
pub(super) fn days_long(days: u64) -> String {
    if days < 1000 { format!("{days} d") } else { format!("{} y", days / 365) }
}

/// A number with commas between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts: `1 place`, `2,000 places`. Only for words that take an `s`.
pub(super) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Bytes in the unit that keeps the number small.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut unit = 0;
    let mut whole = number;
    let mut tenths = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    let number = thousands(whole);
    if unit > 0 && whole < 10 {
        format!("{number}.{tenths} {}", UNITS[unit])
    } else {
        format!("{number} {}", UNITS[unit])
    }
}

/// How a stretch of text is coloured, where colours may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    #[default]
    Plain,
    Bold,
    Dim,
    Critical,
    High,
    Medium,
    Low,
    Good,
}

impl Paint {
    /// Parameters of the SGR sequence.
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Critical => Some("1;31"),
            Self::High => Some("31"),
            Self::Medium => Some("33"),
            Self::Low => Some("36"),
            Self::Good => Some("32"),
        }
    }
}

/// The only door to the screen: whatever passes it is made [`safe`].
pub(super) struct Screen<'a> {
    style: &'a Style,
    out: &'a mut dyn Write,
}

impl<'a> Screen<'a> {
    /// A screen that writes to `out`.
    pub(super) fn new(style: &'a Style, out: &'a mut dyn Write) -> Self {
        Self { style, out }
    }

    /// Writes text within a line.
    pub(super) fn put(&mut self, paint: Paint, text: &str) -> io::Result<()> {
        let text = safe(text, self.style.unicode);
        match paint.code().filter(|_| self.style.color && !text.is_empty()) {
            Some(code) => write!(self.out, "\x1b[{code}m{text}\x1b[0m"),
            None => self.out.write_all(text.as_bytes()),
        }
    }

    /// Ends a line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// Writes a line of one colour.
    pub(super) fn line(&mut self, paint: Paint, text: &str) -> io::Result<()> {
        self.put(paint, text)?;
        self.end()
    }

    /// Writes items with `separator` between them, breaking lines only between items; a line that continues begins with
    /// `indent` spaces, the first is taken to hold that much already.
    pub(super) fn flow(
        &mut self,
        items: &[(Paint, String)],
        separator: &str,
        indent: usize,
    ) -> io::Result<()> {
        let limit = self.style.columns();
        let mut used = indent;
        for (at, (paint, item)) in items.iter().enumerate() {
            let item = safe(item, self.style.unicode);
            let fits = used + width(separator) + width(&item) <= limit;
            if at > 0 && fits {
                self.put(Paint::Dim, separator)?;
                used += width(separator);
            } else if at > 0 {
                // A comma belongs to what it follows, a dot between two things to neither.
                let left = if separator.starts_with(' ') { "" } else { separator.trim_end() };
                self.put(Paint::Dim, left)?;
                self.end()?;
                self.put(Paint::Plain, &" ".repeat(indent))?;
                used = indent;
            }
            used += width(&item);
            self.put(*paint, &item)?;
        }
        self.end()
    }
}

impl Style {
    /// Width to lay out for: a fixed one where nobody's terminal is asked.
    pub(super) fn columns(&self) -> usize {
        self.width.map_or(120, |width| usize::from(width).max(40))
    }

    /// [`safe`] in this style.
    pub(super) fn safe(&self, text: &str) -> String {
        safe(text, self.unicode)
    }

    /// A path, safe, with the viewer's home as `~`.
    pub(super) fn path(&self, path: &str) -> String {
        self.safe(&self.tilde(path))
    }

    fn tilde(&self, path: &str) -> String {
        let Some(home) = self
            .home
            .as_deref()
            .map(|home| home.trim_end_matches('/'))
            .filter(|home| !home.is_empty())
        else {
            return path.to_owned();
        };
        match path.strip_prefix(home) {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '\\']) => format!("~{rest}"),
            _ => path.to_owned(),
        }
    }

    /// Mark of a cut.
    pub(super) const fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Between items of a line.
    pub(super) const fn dot(&self) -> &'static str {
        if self.unicode { " · " } else { " | " }
    }

    /// From one score to another.
    pub(super) const fn arrow(&self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// Before a number that is a lower bound.
    pub(super) const fn at_least(&self) -> &'static str {
        if self.unicode { "≥" } else { ">=" }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_is_spelled_out() {
        for (text, shown) in [
            ("plain ~/a b.json", "plain ~/a b.json"),
            ("\x1b[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("x\u{202e}gpj", "x\\u{202e}gpj"),
            ("a\u{200b}b\u{feff}c\u{ad}d\u{e0041}", "a\\u{200b}b\\u{feff}c\\u{ad}d\\u{e0041}"),
            ("a\u{a0}b\u{3000}c\u{2028}d", "a\\u{a0}b\\u{3000}c\\u{2028}d"),
            ("\u{3164}\u{2800}", "\\u{3164}\\u{2800}"),
            ("Zoë, Zoe\u{308}, 日本, สวัสดี", "Zoë, Zoe\u{308}, 日本, สวัสดี"),
            ("\u{308}x", "\\u{308}x"),
            ("e\u{301}\u{301}\u{301}\u{301}", "e\u{301}\u{301}\u{301}\\u{301}"),
            ("back\\slash", "back\\slash"),
        ] {
            assert_eq!(safe(text, true), shown);
        }
        assert_eq!(safe("Zoë", false), "Zo\\u{eb}");
    }

    proptest! {
        #[test]
        fn safe_text_has_no_hidden_characters_and_stays(text in any::<String>(), unicode in any::<bool>()) {
            let shown = safe(&text, unicode);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(!shown.chars().any(|c| is_hidden(c) && !is_mark(c)));
            prop_assert!(unicode || shown.is_ascii());
            prop_assert_eq!(&safe(&shown, unicode), &shown);
        }

        #[test]
        fn cuts_fit(text in any::<String>(), limit in 1usize..60) {
            let text = safe(&text, true);
            prop_assert!(width(&cut_end(&text, limit, "…")) <= limit);
            prop_assert!(width(&cut_middle(&text, limit, "…")) <= limit);
        }
    }

    #[test]
    fn cuts_keep_what_matters() {
        assert_eq!(cut_end("gh auth logout --hostname x", 15, "…"), "gh auth logout…");
        assert_eq!(
            cut_middle("~/very/long/way/to/credentials.json", 20, "…"),
            "~/very…dentials.json"
        );
        assert_eq!(cut_middle("日本語日本語", 7, "…"), "日…本語");
    }

    #[test]
    fn numbers_read_well() {
        for (seconds, shown) in [
            (0, "0 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (172_800, "2 d"),
            (35_596_800, "412 d"),
            (126_144_000, "4 y"),
        ] {
            assert_eq!(span(seconds), shown);
        }
        for (number, shown) in
            [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (43_000_000, "41 MiB")]
        {
            assert_eq!(bytes(number), shown);
        }
        assert_eq!(count(1u64, "place"), "1 place");
        assert_eq!(count(1_234_567_usize, "file"), "1,234,567 files");
    }

    #[test]
    fn only_the_whole_home_is_a_tilde() {
        let style = Style { home: Some("/home/alice/".into()), unicode: true, ..Style::default() };
        for (path, shown) in [
            ("/home/alice/x", "~/x"),
            ("/home/alice", "~"),
            ("/home/alicex/x", "/home/alicex/x"),
            ("env:X", "env:X"),
        ] {
            assert_eq!(style.path(path), shown);
        }
        assert_eq!(Style { home: Some("/".into()), ..style }.path("/etc/x"), "/etc/x");
    }
}
