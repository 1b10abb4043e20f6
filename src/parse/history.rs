//! Histories of shells and other prompts, entry by entry.

use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use super::lines::{Held, Lines, MAX_LINE};
use super::shell::LogicalLine;
use super::{Body, Entry, Format, Language, Options};
use crate::rule::Dialect;

/// `shell-history`.
pub(crate) const FORMAT: Format = Format {
    name: "shell-history",
    about: "entries of a shell's or another prompt's history, with their times where it keeps them",
    dialects: &[
        Dialect::Bash,
        Dialect::Zsh,
        Dialect::Fish,
        Dialect::Powershell,
        Dialect::Readline,
        Dialect::Psql,
        Dialect::PromptToolkit,
    ],
    document: None,
    entries: Some(read),
};

/// Lines after which an unfinished entry is given up and its lines stand for themselves.
const MAX_JOINED: usize = 500;

/// First line of the files that libedit writes; blanks and control characters in them are octal escapes.
const LIBEDIT: &str = "_HiStOrY_V2_";

type Each<'e> = &'e mut dyn FnMut(Entry<'_>);

fn read(reader: &mut dyn BufRead, options: Options<'_>, each: Each<'_>) -> io::Result<()> {
    if matches!(options.dialect, None | Some(Dialect::Bash)) {
        match reader.fill_buf()? {
            [0x81, 0x01, ..] => return ksh93(reader, each),
            [0xab, 0xcd, ..] => return mksh(reader, each),
            _ => {}
        }
    }
    let lines = Lines::new(reader);
    match options.dialect {
        Some(Dialect::Zsh) => zsh(lines, each),
        Some(Dialect::Fish) => fish(lines, each),
        Some(Dialect::Powershell) => powershell(lines, each),
        Some(Dialect::Readline | Dialect::Psql) => readline(lines, each),
        Some(Dialect::PromptToolkit) => prompt_toolkit(lines, each),
        _ => bash(lines, each),
    }
}

/// Hands a text on, unless it is blank.
fn give(text: &str, line: u64, time: Option<Timestamp>, language: Language, each: Each<'_>) {
    if !text.trim().is_empty() {
        each(Entry { line, time, body: Body::Commands(text, language) });
    }
}

/// ksh93: two bytes that mark the file, then entries that end in NUL, with NULs for padding.
fn ksh93(reader: &mut dyn BufRead, each: Each<'_>) -> io::Result<()> {
    reader.consume(2);
    let mut line = 1;
    while let Some(entry) = until_nul(reader)? {
        framed(&entry, &mut line, each);
    }
    Ok(())
}

/// mksh: two bytes that mark the file, then entries of the byte 255, a number in four bytes, text and NUL.
fn mksh(reader: &mut dyn BufRead, each: Each<'_>) -> io::Result<()> {
    reader.consume(2);
    let mut line = 1;
    let mut head = [0; 5];
    while read_whole(reader, &mut head)? {
        let Some(entry) = until_nul(reader)? else { break };
        framed(&entry, &mut line, each);
    }
    Ok(())
}

/// Fills the buffer; false at the end.
fn read_whole(reader: &mut dyn BufRead, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The bytes before the next NUL, at most [`MAX_LINE`] of them.
fn until_nul(reader: &mut dyn BufRead) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut entry = Zeroizing::new(Vec::new());
    let read = (&mut *reader).take(MAX_LINE as u64).read_until(0, &mut entry)?;
    if entry.last() == Some(&0) {
        entry.pop();
    } else if read == MAX_LINE {
        reader.skip_until(0)?;
    }
    Ok((read > 0).then_some(entry))
}

/// Hands on a framed entry, and counts the lines that it takes.
fn framed(entry: &[u8], line: &mut u64, each: Each<'_>) {
    let text = Zeroizing::new(String::from_utf8_lossy(entry).into_owned());
    give(text.trim_end_matches('\n'), *line, None, Language::Posix, each);
    *line += text.matches('\n').count() as u64;
}

/// Bash (also tcsh, and ksh where it writes plain lines): a line an entry, or, where `#EPOCH` lines stand before the entries, all lines up to the next.
///
/// Without times bash joins the lines of a command itself, but for here-documents and, in old versions, escaped newlines.
fn bash(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    let mut logical = LogicalLine::new(Language::Posix, false);
    let mut time = None;
    let mut timed = false;
    while let Some(line) = lines.next_text()? {
        // Crashes leave tails of NULs.
        let line = line.trim_matches('\0').to_owned();
        let line = Zeroizing::new(line);
        let number = lines.number();
        if let Some(epoch) = epoch_line(&line) {
            give_held(&mut held, time, timed, each);
            logical.reset();
            time = Some(epoch);
            timed = true;
            continue;
        }
        if held.is_full(line.len()) || !timed && held.lines >= MAX_JOINED {
            give_held(&mut held, time, timed, each);
            logical.reset();
        }
        held.push(&line, number);
        if !timed && logical.ends_with(&line) {
            give(&held.text, held.line, None, Language::Posix, each);
            held.clear();
        }
    }
    give_held(&mut held, time, timed, each);
    Ok(())
}

/// Hands on what is held: whole, if times frame the entries; else it waited for an end that never came, so line by line.
fn give_held(held: &mut Held, time: Option<Timestamp>, whole: bool, each: Each<'_>) {
    if held.is_empty() {
        return;
    }
    if whole {
        give(&held.text, held.line, time, Language::Posix, each);
    } else {
        for (number, line) in (held.line..).zip(held.text.split('\n')) {
            give(line, number, time, Language::Posix, each);
        }
    }
    held.clear();
}

/// `#1700000000` of bash, `#+1700000000` of tcsh.
fn epoch_line(line: &str) -> Option<Timestamp> {
    let digits = line.trim_end().strip_prefix('#')?;
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    (matches!(digits.len(), 9..=11)).then(|| epoch(digits)).flatten()
}

fn epoch(digits: &str) -> Option<Timestamp> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    plain
        .then(|| digits.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()))
        .flatten()
}

/// Zsh: `: EPOCH:ELAPSED;command` or the bare command; a backslash at the end stands for a newline within the entry.
fn zsh(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    while let Some(bytes) = lines.next_bytes()? {
        let bytes = unmetafied(bytes);
        let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
        let number = lines.number();
        let (line, continues) = match text.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (text.as_str(), false),
        };
        if held.is_full(line.len()) {
            zsh_entry(&mut held, each);
        }
        held.push(line, number);
        if !continues {
            zsh_entry(&mut held, each);
        }
    }
    zsh_entry(&mut held, each);
    Ok(())
}

fn zsh_entry(held: &mut Held, each: Each<'_>) {
    let (time, command) = match extended(&held.text) {
        Some((time, command)) => (Some(time), command),
        // A plain entry that begins with a colon is written with a backslash, not to look like an extended one.
        None if held.text.starts_with("\\:") => (None, &held.text[1..]),
        None => (None, held.text.as_str()),
    };
    give(command, held.line, time, Language::Posix, each);
    held.clear();
}

/// The parts of `: EPOCH:ELAPSED;command`.
fn extended(text: &str) -> Option<(Timestamp, &str)> {
    let (head, command) = text.strip_prefix(": ")?.split_once(';')?;
    let (start, elapsed) = head.split_once(':')?;
    elapsed.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    Some((epoch(start.trim())?, command))
}

/// Undoes zsh's "metafication": 0x83 announces a byte whose bit 5 is flipped.
fn unmetafied(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            0x83 => plain.extend(rest.next().map(|next| next ^ 32)),
            byte => plain.push(byte),
        }
    }
    plain
}

/// Fish: `- cmd: …`, then `  when: EPOCH`. It looks like YAML and is not: values are not quoted.
fn fish(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    let mut time = None;
    while let Some(line) = lines.next_text()? {
        if let Some(command) = line.strip_prefix("- cmd: ") {
            let command = fish_unescaped(command);
            let number = lines.number();
            give(&held.text, held.line, time.take(), Language::Fish, each);
            held.clear();
            held.push(&command, number);
        } else if let Some(when) = line.strip_prefix("  when: ") {
            time = epoch(when.trim());
        }
    }
    give(&held.text, held.line, time, Language::Fish, each);
    Ok(())
}

fn fish_unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            c => plain.push(c),
        }
    }
    plain
}

/// `PSReadLine`: a backtick at the end of a line stands for a newline within the entry.
fn powershell(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    while let Some(text) = lines.next_text()? {
        let text = Zeroizing::new(text.into_owned());
        let number = lines.number();
        let (line, continues) = match text.strip_suffix('`') {
            Some(line) => (line, true),
            None => (text.as_str(), false),
        };
        if held.is_full(line.len()) {
            give(&held.text, held.line, None, Language::PowerShell, each);
            held.clear();
        }
        held.push(line, number);
        if !continues {
            give(&held.text, held.line, None, Language::PowerShell, each);
            held.clear();
        }
    }
    give(&held.text, held.line, None, Language::PowerShell, each);
    Ok(())
}

/// One entry a line: readline, libedit, and the prompts that write alike. A newline within an entry is the byte 1 in psql,
/// the text `<\n>` in nushell.
fn readline(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut libedit = false;
    while let Some(line) = lines.next_text()? {
        let line = Zeroizing::new(line.into_owned());
        let number = lines.number();
        if number == 1 && line.trim_end() == LIBEDIT {
            libedit = true;
            continue;
        }
        let line = if libedit { octal_unescaped(&line) } else { line };
        let line = Zeroizing::new(line.replace('\u{1}', "\n").replace("<\\n>", "\n"));
        give(&line, number, None, Language::Posix, each);
    }
    Ok(())
}

/// `prompt_toolkit`: `# 2026-11-23 11:32:18.087655`, in the machine's own time, then the lines of the entry, each behind a `+`.
fn prompt_toolkit(mut lines: Lines<'_>, each: Each<'_>) -> io::Result<()> {
    let mut held = Held::default();
    let mut time = None;
    while let Some(line) = lines.next_text()? {
        let line = Zeroizing::new(line.into_owned());
        let number = lines.number();
        let more = line.strip_prefix('+');
        if more.is_none_or(|more| held.is_full(more.len())) {
            give(&held.text, held.line, time, Language::Posix, each);
            held.clear();
        }
        match more {
            Some(more) => held.push(more, number),
            None => time = line.strip_prefix("# ").and_then(naive_time).or(time),
        }
    }
    give(&held.text, held.line, time, Language::Posix, each);
    Ok(())
}

/// `2026-11-23 11:32:18.087655`, to the second; it does not say in which zone, and UTC is as good as another.
fn naive_time(text: &str) -> Option<Timestamp> {
    let time: DateTime = text.trim().parse().ok()?;
    let time = TimeZone::UTC.to_timestamp(time).ok()?;
    Timestamp::from_second(time.as_second()).ok()
}

/// Undoes `\040`.
fn octal_unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escape = after.get(..3).filter(|digits| byte == b'\\' && is_octal_byte(digits));
        if let Some(digits) = escape {
            plain.push(digits.iter().fold(0, |value, digit| value << 3 | (digit - b'0')));
            rest = &after[3..];
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    Zeroizing::new(String::from_utf8_lossy(&plain).into_owned())
}

fn is_octal_byte(digits: &[u8]) -> bool {
    matches!(digits, [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `line time|- text`, newlines as `⏎`.
    fn entries(bytes: &[u8], dialect: Dialect) -> Vec<String> {
        let mut bytes = bytes;
        let mut found = Vec::new();
        let options = Options { dialect: Some(dialect), ..Options::default() };
        read(&mut bytes, options, &mut |entry| {
            let Body::Commands(text, _) = entry.body else { return };
            let time = entry.time.map_or("-".into(), |time| time.as_second().to_string());
            found.push(format!("{} {time} {}", entry.line, text.replace('\n', "⏎")));
        })
        .unwrap();
        found
    }

    #[test]
    fn bash_histories() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"ls\n\npwd\n", &["1 - ls", "3 - pwd"]),
            (
                b"#1700000000\nls\n#1700000001\ncat <<E\na\nE\n\n",
                &["2 1700000000 ls", "4 1700000001 cat <<E⏎a⏎E⏎"],
            ),
            (b"#+1700000000\nls\n", &["2 1700000000 ls"]),
            (b"ls\n#1700000000\npwd\n", &["1 - ls", "3 1700000000 pwd"]),
            (b"cat > f <<'EOF'\nA=b\nEOF\nls\n", &["1 - cat > f <<'EOF'⏎A=b⏎EOF", "4 - ls"]),
            (b"a \\\n  b\nc\n", &["1 - a \\⏎  b", "3 - c"]),
            (b"echo it's\nls\n", &["1 - echo it's", "2 - ls"]),
            (b"cat <<E\na\nb\n", &["1 - cat <<E", "2 - a", "3 - b"]),
            (b"echo $((1 << 2))\nls\n", &["1 - echo $((1 << 2))", "2 - ls"]),
            (b"ls\n\0\0\0\0", &["1 - ls"]),
            (
                b"\x81\x01ls\n\0\0cat <<E\na\nE\n\0pwd\n\0\0",
                &["1 - ls", "2 - cat <<E⏎a⏎E", "5 - pwd"],
            ),
            (b"\xab\xcd\xff\0\0\0\x0als\0\xff\0\0\0\x0ba \\\n b\0", &["1 - ls", "1 - a \\⏎ b"]),
            (b"\xab\xcd\xff\0\0", &[]),
            (b"\x81\x01", &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(&entries(bytes, Dialect::Bash), expected);
        }
    }

    #[test]
    fn other_histories() {
        let cases: &[(Dialect, &[u8], &[&str])] = &[
            (Dialect::Zsh, b": 1700000000:0;ls\n", &["1 1700000000 ls"]),
            (
                Dialect::Zsh,
                b": 1700000000:12;a \\\\\n  b\nls\n",
                &["1 1700000000 a \\⏎  b", "3 - ls"],
            ),
            (Dialect::Zsh, b"\\: colon\n", &["1 - : colon"]),
            (Dialect::Zsh, b"echo \xc3\x83\x83\n", &["1 - echo \u{e3}"]),
            (
                Dialect::Fish,
                b"- cmd: a: b\\nc\\\\d\n  when: 1700000000\n  paths:\n    - x\n- cmd: e\n",
                &["1 1700000000 a: b⏎c\\d", "5 - e"],
            ),
            (
                Dialect::Powershell,
                b"$h = @{`\n  A = 'b'`\n}\nls\r\n",
                &["1 - $h = @{⏎  A = 'b'⏎}", "4 - ls"],
            ),
            (Dialect::Readline, b"_HiStOrY_V2_\nCREATE\\040USER\\011x\n", &["2 - CREATE USER\tx"]),
            (Dialect::Readline, b"a <\\n>b\n", &["1 - a ⏎b"]),
            (Dialect::Psql, b"a\x01b\n\\dt\n", &["1 - a⏎b", "2 - \\dt"]),
            (
                Dialect::PromptToolkit,
                b"+old\n\n# 2023-11-14 22:13:20.087655\n+a \\\n+ b\n\n# 2023-11-14 22:13:21\n+c\n",
                &["1 - old", "4 1700000000 a \\⏎ b", "8 1700000001 c"],
            ),
        ];
        for (dialect, bytes, expected) in cases {
            assert_eq!(&entries(bytes, *dialect), expected);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), lines in "([:#; \\\\a-z0-9'\"<`\u{83}\n-]{0,60})") {
            for dialect in FORMAT.dialects {
                entries(&bytes, *dialect);
                entries(lines.as_bytes(), *dialect);
            }
        }
    }
}
