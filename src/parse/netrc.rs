//! `~/.netrc`: <https://everything.curl.dev/usingcurl/netrc.html>.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Value, json};

use super::{Document, Format, Malformed, Options, Unreadable, bounded, plain_text, sparse};

/// Logins of machines.
pub(super) const FORMAT: Format = Format {
    name: "netrc",
    about: "an array of {machine (\"default\" for default), login, account, password, line}; macros are left out",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = plain_text(bytes)?;
    // The shortest login is two words.
    sparse(&text, b" \t\r\n", 3)?;
    let mut words = Words { chars: text.chars().peekable(), line: 1 };
    let mut logins: Vec<Value> = Vec::new();
    while let Some((word, line)) = words.keyword() {
        let name = match word.as_str() {
            "machine" => words.value(),
            "default" => Some("default".to_owned()),
            "macdef" => {
                words.skip_macro();
                continue;
            }
            field => {
                // Before the first machine, a word tells that this is no netrc; after it, netrc readers pass over it.
                let login = logins.last_mut().ok_or(Malformed::on(line))?;
                if let "login" | "account" | "password" = field {
                    login[field] = words.value().into();
                }
                continue;
            }
        };
        let login = json!({"machine": name, "login": null, "account": null, "password": null, "line": line});
        logins.push(login);
    }
    bounded(Value::Array(logins))
}

struct Words<'a> {
    chars: Peekable<Chars<'a>>,
    line: u64,
}

impl Words<'_> {
    /// The next word and its line. A `#` here begins a comment; in a value's place it is part of a password.
    fn keyword(&mut self) -> Option<(String, u64)> {
        loop {
            self.skip_space();
            if *self.chars.peek()? != '#' {
                break;
            }
            self.skip_line();
        }
        let line = self.line;
        self.value().map(|word| (word, line))
    }

    /// The next word, whatever it begins with.
    fn value(&mut self) -> Option<String> {
        self.skip_space();
        if *self.chars.peek()? == '"' {
            self.next();
            return Some(self.quoted());
        }
        let mut word = String::new();
        while let Some(char) = self.chars.next_if(|char| !char.is_whitespace()) {
            word.push(char);
        }
        Some(word)
    }

    /// The rest of a quoted word, curl's escapes undone.
    fn quoted(&mut self) -> String {
        let mut word = String::new();
        while let Some(char) = self.next() {
            match char {
                '"' => break,
                '\\' => word.extend(self.next().map(|escaped| match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                })),
                _ => word.push(char),
            }
        }
        word
    }

    /// A macro goes on to the first empty line.
    fn skip_macro(&mut self) {
        self.skip_line();
        while self.chars.peek().is_some_and(|char| !matches!(char, '\n' | '\r')) {
            self.skip_line();
        }
    }

    fn skip_space(&mut self) {
        while self.chars.peek().is_some_and(|char| char.is_whitespace()) {
            self.next();
        }
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|char| char != '\n') {}
    }

    fn next(&mut self) -> Option<char> {
        let char = self.chars.next()?;
        self.line += u64::from(char == '\n');
        Some(char)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_malformed};
    use super::*;

    fn row(machine: &str, login: Option<&str>, password: Option<&str>, line: u64) -> Value {
        json!({
            "machine": machine, "login": login, "account": null, "password": password, "line": line,
        })
    }

    #[test]
    fn logins() {
        check(
            "netrc",
            None,
            &[
                ("machine a login b password c\n", json!([row("a", Some("b"), Some("c"), 1)])),
                (
                    "# c\nmachine a\n\tlogin b # c\n\tpassword #c\ndefault login d password e\n",
                    json!([
                        row("a", Some("b"), Some("#c"), 2),
                        row("default", Some("d"), Some("e"), 5)
                    ]),
                ),
                ("machine a password \"x \\\"y\\n\"", json!([row("a", None, Some("x \"y\n"), 1)])),
                (
                    "machine a\nmacdef init\nmachine x\n\nmachine b password",
                    json!([row("a", None, None, 1), row("b", None, None, 5)]),
                ),
                ("machine a port 22 password c", json!([row("a", None, Some("c"), 1)])),
            ],
        );
        check_malformed("netrc", &[("# c\n{\"json\": 1}", Some(2), None)]);
    }
}
