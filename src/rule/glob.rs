//! Globs over one name: `*`, `?` and `[…]`. Read once and matched as they are, because the rules hold a thousand of them and a
//! scan asks few: as regular expressions they would take a tenth of a second to compile at every start.

use std::iter::Peekable;
use std::str::Chars;

/// A glob over one component of a path.
#[derive(Clone, Debug)]
pub struct Glob {
    text: Box<str>,
    parts: Box<[Part]>,
    insensitive: bool,
    /// What stands before the first wildcard.
    head: Box<str>,
    /// What stands behind the last.
    tail: Box<str>,
}

#[derive(Clone, Debug)]
enum Part {
    Char(char),
    /// `?`
    One,
    /// `*`
    Any,
    /// `[a-z_]` or `[!a-z_]`
    Class(bool, Box<[(char, char)]>),
}

impl Glob {
    /// Reads a glob; none if a class is not closed or is empty. ASCII letters match in either case if `insensitive`.
    pub fn new(text: &str, insensitive: bool) -> Option<Self> {
        let mut parts = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            parts.push(match char {
                '*' => Part::Any,
                '?' => Part::One,
                '[' => class(&mut chars)?,
                char => Part::Char(char),
            });
        }
        let literal = |end: &str| -> Box<str> { end.into() };
        let head = literal(text.split(['*', '?', '[']).next().unwrap_or_default());
        let tail = literal(text.rsplit(['*', '?', ']']).next().unwrap_or_default());
        Some(Self { text: text.into(), parts: parts.into(), insensitive, head, tail })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands behind the last wildcard.
    pub fn tail(&self) -> &str {
        &self.tail
    }

    /// Whether it takes the whole name. Costs at most the product of both lengths.
    pub fn is_match(&self, name: &str) -> bool {
        let (name_bytes, head, tail) =
            (name.as_bytes(), self.head.as_bytes(), self.tail.as_bytes());
        let same = |part: &[u8], literal: &[u8]| {
            part == literal || self.insensitive && part.eq_ignore_ascii_case(literal)
        };
        let Some(room) = name_bytes.len().checked_sub(tail.len()) else { return false };
        if !same(&name_bytes[room..], tail) {
            return false;
        }
        let begins = name_bytes.get(..head.len()).is_some_and(|start| same(start, head));
        let has_one_star = self.text.len() == head.len() + 1 + tail.len()
            && self.text[head.len()..].starts_with('*');
        if !begins || has_one_star {
            return begins && head.len() <= room;
        }
        self.is_match_throughout(name)
    }

    fn is_match_throughout(&self, name: &str) -> bool {
        let (mut part, mut rest) = (0, name.chars());
        // The last `*` and what it had taken so far: it can always take one more.
        let mut resume: Option<(usize, Chars<'_>)> = None;
        loop {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    resume = Some((part, rest.clone()));
                    part += 1;
                    continue;
                }
                None if rest.as_str().is_empty() => return true,
                Some(one) => {
                    let mut ahead = rest.clone();
                    if ahead.next().is_some_and(|char| self.takes(one, char)) {
                        (part, rest) = (part + 1, ahead);
                        continue;
                    }
                }
                None => {}
            }
            let Some((star, taken)) = &mut resume else { return false };
            if taken.next().is_none() {
                return false;
            }
            (part, rest) = (*star + 1, taken.clone());
        }
    }

    fn takes(&self, part: &Part, char: char) -> bool {
        let same =
            |known: char| known == char || self.insensitive && known.eq_ignore_ascii_case(&char);
        match part {
            Part::Char(known) => same(*known),
            Part::One | Part::Any => true,
            Part::Class(negated, ranges) => {
                let is_in =
                    |char: char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&char));
                let folded = self.insensitive
                    && (is_in(char.to_ascii_lowercase()) || is_in(char.to_ascii_uppercase()));
                (is_in(char) || folded) != *negated
            }
        }
    }
}

/// What follows `[`, up to and with the `]` that closes it.
fn class(chars: &mut Peekable<Chars<'_>>) -> Option<Part> {
    let negated = chars.next_if(|char| matches!(char, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let from = chars.next()?;
        if from == ']' && !ranges.is_empty() {
            return Some(Part::Class(negated, ranges.into()));
        }
        let mut to = from;
        if chars.peek() == Some(&'-') {
            chars.next();
            match chars.next()? {
                ']' => {
                    ranges.extend([(from, from), ('-', '-')]);
                    return Some(Part::Class(negated, ranges.into()));
                }
                end => to = end,
            }
        }
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_take_whole_names() {
        for (glob, name, expected) in [
            ("*", "", true),
            ("*", "a.b", true),
            ("*.json", "a.json", true),
            ("*.json", "a.json5", false),
            ("id_*", "id_rsa", true),
            ("id_*", "xid_rsa", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3cd", false),
            ("?", "\u{e4}", true),
            ("?", "ab", false),
            ("k[0-9_]", "k7", true),
            ("k[0-9_]", "k_", true),
            ("k[!0-9]", "k7", false),
            ("k[^0-9]", "kx", true),
            ("[]]", "]", true),
            ("[a-]", "-", true),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("ab?", "ab", false),
            ("a]b", "a]b", true),
            ("*.JSON", "a.json", false),
        ] {
            assert_eq!(
                Glob::new(glob, false).unwrap().is_match(name),
                expected,
                "{glob} on {name}"
            );
        }
        assert!(Glob::new("*.JSON", true).unwrap().is_match("a.json"));
        assert!(Glob::new("[A-Z]x", true).unwrap().is_match("aX"));
        for bad in ["[", "[]", "[a", "[a-", "[!"] {
            assert!(Glob::new(bad, false).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_globset(glob in "[ab*?.]{0,8}", name in "[ab.]{0,12}") {
            let other = globset::GlobBuilder::new(&glob).literal_separator(true).build();
            // Two stars in a row mean folders there.
            if let Ok(other) = other && !glob.contains("**") {
                prop_assert_eq!(
                    Glob::new(&glob, false).unwrap().is_match(&name),
                    other.compile_matcher().is_match(&name)
                );
            }
        }

        #[test]
        fn any_text_is_read_and_matched(glob in ".{0,20}", name in ".{0,40}") {
            if let Some(glob) = Glob::new(&glob, true) {
                glob.is_match(&name);
            }
        }
    }
}
