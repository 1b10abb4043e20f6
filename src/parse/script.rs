//! Scripts, start-up files, unit files, crontabs and environment files, command by command.

use std::io::{self, BufRead};

use zeroize::Zeroizing;

use super::lines::{Held, Lines};
use super::shell::LogicalLine;
use super::{Body, Entry, Format, Language, Options, dotenv};
use crate::rule::Dialect;

/// `shell-script`.
pub(crate) const FORMAT: Format = Format {
    name: "shell-script",
    about: "commands and assignments of scripts, start-up files, units, crontabs, environment files",
    dialects: &[
        Dialect::Bash,
        Dialect::Fish,
        Dialect::Powershell,
        Dialect::Systemd,
        Dialect::Crontab,
        Dialect::Environment,
        Dialect::FishVariables,
    ],
    document: None,
    entries: Some(read),
};

/// Lines after which an open quote or here-document is taken for a slip of ours, and its lines stand for themselves.
const MAX_JOINED: usize = 400;

type Each<'e> = &'e mut dyn FnMut(Entry<'_>);

fn read(reader: &mut dyn BufRead, options: Options<'_>, each: Each<'_>) -> io::Result<()> {
    let lines = Lines::new(reader);
    match options.dialect {
        Some(Dialect::Fish) => script(lines, Language::Fish, each),
        Some(Dialect::Powershell) => script(lines, Language::PowerShell, each),
        Some(Dialect::Systemd) => systemd(lines, each),
        Some(Dialect::Crontab) => crontab(lines, each),
        Some(Dialect::Environment) => environment(lines, each),
        Some(Dialect::FishVariables) => fish_variables(lines, each),
        _ => script(lines, Language::Posix, each),
    }
}

fn give_commands(text: &str, line: u64, language: Language, each: Each<'_>) {
    if !text.trim().is_empty() {
        each(Entry { line, time: None, body: Body::Commands(text, language) });
    }
}

fn give_assignment(name: &str, value: &str, line: u64, each: Each<'_>) {
    each(Entry { line, time: None, body: Body::Assignment { name, value } });
}

/// Logical lines: escaped newlines, open quotes and here-documents joined.
fn script(mut lines: Lines<'_>, language: Language, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    let mut logical = LogicalLine::new(language, true);
    while let Some(line) = lines.next_text()? {
        let line = Zeroizing::new(line.into_owned());
        if held.is_full(line.len()) || held.lines >= MAX_JOINED {
            give_lines(&mut held, language, each);
            logical.reset();
        }
        held.push(&line, lines.number());
        if logical.ends_with(&line) {
            give_commands(&held.text, held.line, language, each);
            held.clear();
        }
    }
    give_lines(&mut held, language, each);
    Ok(())
}

/// Hands on what waited for an end that never came.
fn give_lines(held: &mut Held, language: Language, each: Each<'_>) {
    if !held.is_empty() {
        for (number, line) in (held.line..).zip(held.text.split('\n')) {
            give_commands(line, number, language, each);
        }
    }
    held.clear();
}

/// Unit files: `Environment=`, `SetCredential=`, and the commands of `Exec…=`.
fn systemd(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    while let Some(line) = lines.next_text()? {
        let line = Zeroizing::new(line.into_owned());
        let (text, continues) = match line.strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line.as_str(), false),
        };
        if held.is_full(text.len()) {
            setting(&held, each);
            held.clear();
        }
        held.push(text, lines.number());
        if !continues {
            setting(&held, each);
            held.clear();
        }
    }
    setting(&held, each);
    Ok(())
}

fn setting(held: &Held, each: Each<'_>) {
    let text = held.text.trim();
    if text.starts_with(['#', ';', '[']) {
        return;
    }
    let Some((key, value)) = text.split_once('=') else { return };
    let (key, value) = (key.trim(), value.trim());
    match key {
        "Environment" => {
            for word in quoted_words(value) {
                if let Some((name, value)) = word.split_once('=') {
                    give_assignment(name, value, held.line, each);
                }
            }
        }
        "SetCredential" => {
            if let Some((name, value)) = value.split_once(':') {
                give_assignment(name, value, held.line, each);
            }
        }
        _ if key.starts_with("Exec") => {
            let command = value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
            give_commands(command, held.line, Language::Posix, each);
        }
        _ => {}
    }
}

/// Words as systemd splits them: blanks, both quotes, backslash escapes; dollars are no variables here.
fn quoted_words(text: &str) -> Vec<Zeroizing<String>> {
    let mut words = Vec::new();
    let mut word: Option<Zeroizing<String>> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Crontabs: `NAME=value` lines, and commands after five fields or an `@word`.
fn crontab(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    while let Some(line) = lines.next_text()? {
        let line = Zeroizing::new(line.trim().to_owned());
        let number = lines.number();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields = if line.starts_with('@') { 1 } else { 5 };
        if is_schedule(&line) {
            give_commands(after_fields(&line, fields), number, Language::Posix, each);
        } else if let Some((name, value)) = dotenv::assignment(&line) {
            give_assignment(name, without_quotes(value), number, each);
        }
    }
    Ok(())
}

fn is_schedule(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | '@' | '-' | '~'))
}

fn after_fields(line: &str, fields: usize) -> &str {
    (0..fields).fold(line, |rest, _| {
        rest.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start())
    })
}

/// `/etc/environment`, `environment.d`, and PAM's `NAME DEFAULT=value OVERRIDE=value`.
fn environment(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    while let Some(line) = lines.next_text()? {
        let line = Zeroizing::new(line.into_owned());
        let number = lines.number();
        if let Some((name, value)) = dotenv::assignment(&line) {
            give_assignment(name, without_quotes(value), number, each);
        } else if let Some((name, settings)) = line.trim().split_once(char::is_whitespace) {
            for word in quoted_words(settings) {
                let value =
                    word.strip_prefix("DEFAULT=").or_else(|| word.strip_prefix("OVERRIDE="));
                if let Some(value) = value {
                    give_assignment(name, value, number, each);
                }
            }
        }
    }
    Ok(())
}

fn without_quotes(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

/// Fish's universal variables: `SETUVAR --export NAME:value`, every unusual character escaped; before 3.0 `SET_EXPORT NAME:value`.
fn fish_variables(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    while let Some(line) = lines.next_text()? {
        let Some(rest) =
            ["SETUVAR ", "SET ", "SET_EXPORT "].iter().find_map(|word| line.strip_prefix(word))
        else {
            continue;
        };
        let Some((name, value)) = after_options(rest).split_once(':') else { continue };
        let value = fish_unescaped(value);
        let (name, number) = (name.to_owned(), lines.number());
        // A list is joined by 0x1e; 0x1d alone is the empty list.
        for element in value.split('\u{1e}').filter(|element| *element != "\u{1d}") {
            give_assignment(&name, element, number, each);
        }
    }
    Ok(())
}

fn after_options(mut rest: &str) -> &str {
    while let Some((_, after)) = rest.split_once(' ').filter(|(word, _)| word.starts_with("--")) {
        rest = after;
    }
    rest
}

/// Undoes `\xHH`, `\uXXXX`, `\UXXXXXXXX`, `\n` and their like; runs of `\xHH` are UTF-8.
fn fish_unescaped(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let length = unescape_one(escape, &mut bytes);
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

/// Appends what the escape stands for; returns its length without the backslash.
fn unescape_one(escape: &str, bytes: &mut Vec<u8>) -> usize {
    let Some(letter) = escape.chars().next() else { return 0 };
    let most = match letter {
        'x' | 'X' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    let digits: String = escape[letter.len_utf8()..]
        .chars()
        .take(most)
        .take_while(char::is_ascii_hexdigit)
        .collect();
    if let Ok(value) = u32::from_str_radix(&digits, 16) {
        match u8::try_from(value) {
            Ok(byte) if most == 2 => bytes.push(byte),
            _ => {
                let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        return letter.len_utf8() + digits.len();
    }
    match letter {
        'n' => bytes.push(b'\n'),
        't' => bytes.push(b'\t'),
        'r' => bytes.push(b'\r'),
        other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    letter.len_utf8()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(text: &[u8], dialect: Dialect) -> Vec<String> {
        let mut bytes = text;
        let mut found = Vec::new();
        let options = Options { dialect: Some(dialect), ..Options::default() };
        read(&mut bytes, options, &mut |entry| {
            let text = match entry.body {
                Body::Commands(text, _) | Body::Text(text) | Body::Prose(text) => {
                    format!("$ {text}")
                }
                Body::Assignment { name, value } => format!("{name}={value}"),
            };
            found.push(format!("{} {}", entry.line, text.replace('\n', "⏎")));
        })
        .unwrap();
        found
    }

    #[test]
    fn dialects() {
        let cases: &[(Dialect, &str, &[&str])] = &[
            (
                Dialect::Bash,
                "a\n\n# it's\nb 'c\nd'\ne",
                &["1 $ a", "3 $ # it's", "4 $ b 'c⏎d'", "6 $ e"],
            ),
            (
                Dialect::Bash,
                "a \\\nb\ncat <<-E\n\tx\n\tE\nc",
                &["1 $ a \\⏎b", "3 $ cat <<-E⏎\tx⏎\tE", "6 $ c"],
            ),
            (Dialect::Bash, "a 'b\nc", &["1 $ a 'b", "2 $ c"]),
            (Dialect::Bash, "a $'it\\'s'\nb", &["1 $ a $'it\\'s'", "2 $ b"]),
            (Dialect::Fish, "set -x A 'b\\'c'\nd", &["1 $ set -x A 'b\\'c'", "2 $ d"]),
            (Dialect::Powershell, "a `\n b\n$x = 'c'", &["1 $ a `⏎ b", "3 $ $x = 'c'"]),
            (
                Dialect::Systemd,
                "[Service]\nEnvironment=\"A=b c\" D=e \\\n  F=g\nExecStartPre=-/bin/x -p y\nUser=kim\n#Environment=X=y\nSetCredential=db:pw",
                &["2 A=b c", "2 D=e", "2 F=g", "4 $ /bin/x -p y", "7 db=pw"],
            ),
            (
                Dialect::Crontab,
                "# c\nA=\"b\"\n0 3 * * *  root x -p y\n@daily z\nMAILTO=kim",
                &["2 A=b", "3 $ root x -p y", "4 $ z", "5 MAILTO=kim"],
            ),
            (Dialect::Environment, "A=\"b c\"\n#x\nT DEFAULT=\"v\"", &["1 A=b c", "3 T=v"]),
            (
                Dialect::FishVariables,
                "# v\nSETUVAR --export A:b\\x2dc\\xc3\\xa4\nSETUVAR L:a\\x1eb\nSETUVAR E:\\x1d\nSET_EXPORT O:2",
                &["2 A=b-c\u{e4}", "3 L=a", "3 L=b", "5 O=2"],
            ),
        ];
        for (dialect, text, expected) in cases {
            assert_eq!(&entries(text.as_bytes(), *dialect), expected);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text in "([A-Za-z =\"'` \\\\\n#<@*:\u{e4}x-]{0,120})", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for dialect in FORMAT.dialects {
                entries(text.as_bytes(), *dialect);
                entries(&bytes, *dialect);
            }
        }
    }
}
