//! INI and four of its cousins. There is no standard: this reads what the tools that write credentials into it accept.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value, json};

use super::{
    Document, Format, Malformed, Options, Unreadable, bounded, numbered_lines, option_file,
    plain_text, sparse,
};
use crate::rule::Dialect;

/// Sections of keys.
pub(super) const FORMAT: Format = Format {
    name: "ini",
    about: "{section: {key: value}}, keys before a section under \"\", null for a key alone; `aws` nests `s3 =` blocks; \
            `git` is an array of {section, name, key, value, line}; `npm` of {key, value, line}; `mysql` is read as `MySQL` reads option files, with \"!include\": [paths]",
    dialects: &[Dialect::Aws, Dialect::Git, Dialect::Npm, Dialect::Mysql],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], options: Options<'_>) -> Result<Document, Unreadable> {
    let text = plain_text(bytes)?;
    match options.dialect {
        Some(Dialect::Git) => git(&text),
        Some(Dialect::Npm) => npm(&text),
        Some(Dialect::Mysql) => option_groups(&text),
        dialect => sections(&text, dialect == Some(Dialect::Aws)),
    }
}

/// Python's reading (`configparser`), which is the widest: two delimiters, and deeper indented lines go on with a value.
fn sections(text: &str, aws: bool) -> Result<Document, Unreadable> {
    sparse(text, b"\n", 2)?;
    let mut document = Map::new();
    let mut section = String::new();
    // The key that an indented line would continue, and its own indentation.
    let mut last: Option<(String, usize)> = None;
    for (line, raw) in numbered_lines(text) {
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let indent = raw.len() - raw.trim_start().len();
        let deeper = last.as_ref().filter(|(_, at)| indent > *at).map(|(key, _)| key);
        if content.starts_with('[') && (deeper.is_none() || content.ends_with(']')) {
            let name = header(content).ok_or(Malformed::on(line))?;
            if aws { name.trim() } else { name }.clone_into(&mut section);
            keys_of(&mut document, &section);
            last = None;
            continue;
        }
        let keys = keys_of(&mut document, &section);
        if let Some(value) = deeper.and_then(|key| keys.get_mut(key)).filter(|v| !v.is_null()) {
            go_on(value, content, aws);
            continue;
        }
        let (key, value) = option(content, if aws { &['='] } else { &['=', ':'] });
        keys.insert(key.to_owned(), value.map(unquoted).into());
        last = Some((key.to_owned(), indent));
    }
    bounded(Value::Object(document))
}

/// The name between brackets, which may hold brackets itself (`[https://[::1]/]`).
fn header(content: &str) -> Option<&str> {
    let inner = content.strip_prefix('[')?;
    inner.strip_suffix(']').or_else(|| inner.split_once(']').map(|(name, _)| name))
}

fn keys_of<'d>(document: &'d mut Map<String, Value>, section: &str) -> &'d mut Map<String, Value> {
    let keys = document.entry(section).or_insert_with(|| Value::Object(Map::new()));
    match keys {
        Value::Object(keys) => keys,
        _ => unreachable!("a section is inserted as an object"),
    }
}

/// Adds an indented line to the value above. In AWS files, one below an empty value is a key of its own (`s3 =`).
fn go_on(value: &mut Value, content: &str, aws: bool) {
    if aws && value == "" {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(nested) => {
            let (key, value) = option(content, &['=']);
            nested.insert(key.to_owned(), value.map(unquoted).into());
        }
        Value::String(text) if text.is_empty() => content.clone_into(text),
        Value::String(text) => text.extend(["\n", content]),
        _ => {}
    }
}

fn option<'l>(content: &'l str, delimiters: &[char]) -> (&'l str, Option<&'l str>) {
    match content.split_once(delimiters) {
        Some((key, value)) => (key.trim_end(), Some(value.trim_start())),
        None => (content, None),
    }
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value)
}

fn option_groups(text: &str) -> Result<Document, Unreadable> {
    sparse(text, b"\n", 2)?;
    let groups = option_file::groups(text, option_file::Kind::Plain).map_err(Malformed::on)?;
    bounded(Value::Object(groups))
}

/// npm's reading (its `ini` package); sections mean nothing to npm.
fn npm(text: &str) -> Result<Document, Unreadable> {
    sparse(text, b"\n", 4)?;
    let mut options = Vec::new();
    for (line, content) in numbered_lines(text) {
        let content = content.trim();
        if content.is_empty() || content.starts_with(['#', ';', '[']) {
            continue;
        }
        let (key, value) = option(content, &['=']);
        let value = value.map_or(Cow::Borrowed("true"), npm_text);
        options.push(json!({"key": npm_text(key), "value": value, "line": line}));
    }
    bounded(Value::Array(options))
}

/// Quotes and escapes undone; outside quotes, `;` and `#` begin a comment unless escaped.
fn npm_text(text: &str) -> Cow<'_, str> {
    if text.len() > 1 && text.starts_with('"') && text.ends_with('"') {
        return serde_json::from_str(text).map_or_else(|_| unquoted(text).into(), Cow::Owned);
    }
    let inner = unquoted(text);
    if inner.len() < text.len() || !text.contains(['\\', ';', '#']) {
        return inner.into();
    }
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            ';' | '#' => break,
            '\\' => match chars.next() {
                Some(escaped @ (';' | '#' | '\\')) => plain.push(escaped),
                Some(other) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            _ => plain.push(char),
        }
    }
    plain.truncate(plain.trim_end().len());
    plain.into()
}

/// Git's reading: <https://git-scm.com/docs/git-config#_syntax>.
fn git(text: &str) -> Result<Document, Unreadable> {
    sparse(text, b"\n", 6)?;
    let text = text.replace("\r\n", "\n");
    let mut config = GitConfig { chars: text.chars().peekable(), line: 1 };
    let mut variables = Vec::new();
    let mut section = (String::new(), None);
    loop {
        config.skip_while(char::is_whitespace);
        let line = config.line;
        match config.chars.peek() {
            None => break,
            Some('#' | ';') => config.skip_while(|char| char != '\n'),
            Some('[') => section = config.header().ok_or(Malformed::on(line))?,
            Some(_) => {
                let (key, value) = config.variable().ok_or(Malformed::on(line))?;
                let (section, name) = &section;
                variables.push(json!({
                    "section": section, "name": name, "key": key, "value": value, "line": line,
                }));
            }
        }
    }
    bounded(Value::Array(variables))
}

struct GitConfig<'a> {
    chars: Peekable<Chars<'a>>,
    line: u64,
}

impl GitConfig<'_> {
    /// `[section]`, `[section "name"]`, or the old `[section.name]`, which ignores case.
    fn header(&mut self) -> Option<(String, Option<String>)> {
        self.next();
        let section =
            self.take_while(|char| !matches!(char, ']' | '"' | '\n') && !char.is_whitespace());
        let section = section.to_ascii_lowercase();
        self.skip_while(|char| matches!(char, ' ' | '\t'));
        let name = match self.next()? {
            ']' => {
                return Some(match section.split_once('.') {
                    Some((section, name)) => (section.to_owned(), Some(name.to_owned())),
                    None => (section, None),
                });
            }
            '"' => self.subsection()?,
            _ => return None,
        };
        self.skip_while(|char| matches!(char, ' ' | '\t'));
        (self.next()? == ']').then_some((section, Some(name)))
    }

    fn subsection(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.next()? {
                '"' => return Some(name),
                '\n' => return None,
                '\\' => name.push(self.next().filter(|char| *char != '\n')?),
                char => name.push(char),
            }
        }
    }

    /// A key alone is `true`.
    fn variable(&mut self) -> Option<(String, String)> {
        let key = self.take_while(|char| {
            !matches!(char, '=' | '#' | ';' | '[' | '"') && !char.is_whitespace()
        });
        self.skip_while(|char| matches!(char, ' ' | '\t'));
        let key = Some(key.to_ascii_lowercase()).filter(|key| !key.is_empty())?;
        match self.chars.peek() {
            Some('=') => {
                self.next();
                Some((key, self.value()?))
            }
            None | Some('\n' | '#' | ';') => Some((key, "true".to_owned())),
            Some(_) => None,
        }
    }

    fn value(&mut self) -> Option<String> {
        let mut value = String::new();
        // White space counts only if something follows it.
        let mut space = String::new();
        let mut quoted = false;
        loop {
            let char = match self.next() {
                None | Some('\n') => return (!quoted).then_some(value),
                Some('"') => {
                    quoted = !quoted;
                    value.push_str(&std::mem::take(&mut space));
                    continue;
                }
                Some('#' | ';') if !quoted => {
                    self.skip_while(|char| char != '\n');
                    return Some(value);
                }
                Some(char) if char.is_whitespace() && !quoted => {
                    if !value.is_empty() {
                        space.push(char);
                    }
                    continue;
                }
                Some('\\') if self.chars.peek() == Some(&'\n') => {
                    self.next();
                    continue;
                }
                Some('\\') => self.escape()?,
                Some(char) => char,
            };
            value.push_str(&std::mem::take(&mut space));
            value.push(char);
        }
    }

    /// What a backslash means within a line. Git refuses the file for any other escape.
    fn escape(&mut self) -> Option<char> {
        match self.next()? {
            't' => Some('\t'),
            'n' => Some('\n'),
            'b' => Some('\x08'),
            char @ ('\\' | '"') => Some(char),
            _ => None,
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(char) = self.chars.next_if(|char| wanted(*char)) {
            self.line += u64::from(char == '\n');
            taken.push(char);
        }
        taken
    }

    fn skip_while(&mut self, unwanted: impl Fn(char) -> bool) {
        while self.chars.peek().is_some_and(|char| unwanted(*char)) {
            self.next();
        }
    }

    fn next(&mut self) -> Option<char> {
        let char = self.chars.next()?;
        self.line += u64::from(char == '\n');
        Some(char)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_malformed, parse};
    use super::*;

    #[test]
    fn plain() {
        check(
            "ini",
            None,
            &[
                (
                    "top = 1\n[A b]\nKey: v\nk=a=b:c\n",
                    json!({"": {"top": "1"}, "A b": {"Key": "v", "k": "a=b:c"}}),
                ),
                ("[a]\n# c\n; c\np = x # y ; z\n", json!({"a": {"p": "x # y ; z"}})),
                (
                    "[a]\np = \"q r\"\ns = 'q'\nt = \"\nu = \"a\" b\n",
                    json!({"a": {"p": "q r", "s": "q", "t": "\"", "u": "\"a\" b"}}),
                ),
                (
                    "[a]\nk = one\n  two\n\n\tthree\nn = 1\n",
                    json!({"a": {"k": "one\ntwo\nthree", "n": "1"}}),
                ),
                (
                    "[a]\nurls =\n  https://u:p@h/\n  x=y\n",
                    json!({"a": {"urls": "https://u:p@h/\nx=y"}}),
                ),
                (
                    "[a]\n  k = 1\n  l = 2\n [b]\n  m = 3\n",
                    json!({"a": {"k": "1", "l": "2"}, "b": {"m": "3"}}),
                ),
                ("[a]\nx = 1\n[b]\n[a]\nx = 2\ny\n", json!({"a": {"x": "2", "y": null}, "b": {}})),
                (
                    "[https://[::1]:8080]\n[b] # c\nskip\n  k = 1\n",
                    json!({"https://[::1]:8080": {}, "b": {"skip": null, "k": "1"}}),
                ),
                ("[list]\nk =\n  [1,\n  2]\n", json!({"list": {"k": "[1,\n2]"}})),
            ],
        );
        check_malformed("ini", &[("[a]\n[b\n", Some(2), None)]);
    }

    #[test]
    fn aws() {
        check(
            "ini",
            Some(Dialect::Aws),
            &[(
                "[ default ]\naws_access_key_id = AKIA\naws_session_token=a/b+c==\n[profile p]\n\
                     s3 =\n  max = 20\n  host: x = y\nregion = eu\n[sso-session s]\n",
                json!({
                    "default": {"aws_access_key_id": "AKIA", "aws_session_token": "a/b+c=="},
                    "profile p": {"s3": {"max": "20", "host: x": "y"}, "region": "eu"},
                    "sso-session s": {},
                }),
            )],
        );
    }

    #[test]
    fn git_config() {
        let rows = |input: &str| -> Vec<Value> {
            match parse("ini", Some(Dialect::Git), input.as_bytes()) {
                Ok(Value::Array(rows)) => rows,
                other => panic!("{input:?}: {other:?}"),
            }
        };
        for (input, section, name, key, value, line) in [
            ("[User]\n\tName = O  C \n", "user", None, "name", "O  C", 2),
            (
                "[url \"https://t@H/\"] insteadOf = x",
                "url",
                Some("https://t@H/"),
                "insteadof",
                "x",
                1,
            ),
            ("[a.B]\nk=v", "a", Some("b"), "k", "v", 2),
            ("[a \"q\\\"\\\\\"]\nk=v", "a", Some("q\"\\"), "k", "v", 2),
            ("[a]\r\nbare\r\n", "a", None, "bare", "true", 2),
            ("[a]\r\nk = a\\\r\nb\r\n", "a", None, "k", "ab", 2),
            ("[a]\nk = x # c", "a", None, "k", "x", 2),
            ("[a]\nk = \"x # \" y ; c", "a", None, "k", "x #  y", 2),
            ("[a]\nk = a\\\n  b\\t\\\"", "a", None, "k", "a  b\t\"", 2),
            (
                "[http \"https://h\"]\nextraheader = AUTHORIZATION: basic eA==",
                "http",
                Some("https://h"),
                "extraheader",
                "AUTHORIZATION: basic eA==",
                2,
            ),
            ("# c\n; c\n[a]\nk =\n", "a", None, "k", "", 4),
        ] {
            let row =
                json!({"section": section, "name": name, "key": key, "value": value, "line": line});
            assert_eq!(rows(input), [row], "{input:?}");
        }
        for (input, line) in
            [("[a\nk = v", 1), ("[a]\nk v\n", 2), ("[a]\n\nk = \"x\n", 3), ("[a]\n= v", 2)]
        {
            let place = parse("ini", Some(Dialect::Git), input.as_bytes());
            assert_eq!(place, Err(Malformed::on(line)), "{input:?}");
        }
    }

    #[test]
    fn npmrc() {
        let row =
            |key: &str, value: &str, line: u64| json!({"key": key, "value": value, "line": line});
        check(
            "ini",
            Some(Dialect::Npm),
            &[(
                "; c\n//registry.example/:_authToken=npm_x==\n//h/:_password = \"eA==\"\nca[] = \"a\\nb\"\n\
                     email = 'a b'\nstrict-ssl\nt = ${T}\np = a\\;b\\x ; c\n",
                json!([
                    row("//registry.example/:_authToken", "npm_x==", 2),
                    row("//h/:_password", "eA==", 3),
                    row("ca[]", "a\nb", 4),
                    row("email", "a b", 5),
                    row("strict-ssl", "true", 6),
                    row("t", "${T}", 7),
                    row("p", "a;b\\x", 8),
                ]),
            )],
        );
    }
}
