//! What `git credential-store` keeps: <https://git-scm.com/docs/git-credential-store#_storage_format>.

use serde_json::{Value, json};

use super::{
    Document, Format, Malformed, Options, Unreadable, bounded, numbered_lines, plain_text, sparse,
};

/// One URL a line.
pub(super) const FORMAT: Format = Format {
    name: "git-credentials",
    about: "an array of {protocol, host (with port), path, user, password, line}, percent-encoding undone",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = plain_text(bytes)?;
    sparse(&text, b"\n", 7)?;
    let mut logins = Vec::new();
    let mut other = None;
    for (line, content) in numbered_lines(&text) {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match login(content, line) {
            Some(login) => logins.push(login),
            None => other = other.or(Some(line)),
        }
    }
    match other {
        // Git passes over lines that are no URL; a file of nothing else is of another kind.
        Some(line) if logins.is_empty() => Err(Malformed::on(line).into()),
        _ => bounded(Value::Array(logins)),
    }
}

/// Cuts a URL as git does: user information ends at the first `@` before the path.
fn login(url: &str, line: u64) -> Option<Value> {
    let (protocol, rest) = url.split_once("://").filter(|(protocol, _)| !protocol.is_empty())?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (userinfo, host) = match authority.split_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority),
    };
    let (user, password) = match userinfo.map(|userinfo| userinfo.split_once(':')) {
        Some(Some((user, password))) => (Some(user), Some(password)),
        _ => (userinfo, None),
    };
    let path = Some(path.trim_matches('/')).filter(|path| !path.is_empty());
    Some(json!({
        "protocol": protocol,
        "host": percent_decoded(host),
        "path": path.map(percent_decoded),
        "user": user.map(percent_decoded),
        "password": password.map(percent_decoded),
        "line": line,
    }))
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let Some((high, low)) = escaped else {
            decoded.push(*first);
            rest = after;
            continue;
        };
        decoded.push(high << 4 | low);
        rest = &rest[3..];
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_malformed};
    use super::*;

    #[test]
    fn logins() {
        let row = |protocol, host, path: Option<&str>, user, password: Option<&str>| {
            json!([{
                "protocol": protocol, "host": host, "path": path, "user": user, "password": password,
                "line": 1,
            }])
        };
        check(
            "git-credentials",
            None,
            &[
                (
                    "https://oct%40o:p%2F%3a%zz@git.example:8443/a/b.git\n",
                    row(
                        "https",
                        "git.example:8443",
                        Some("a/b.git"),
                        Some("oct@o"),
                        Some("p/:%zz"),
                    ),
                ),
                ("https://octo:tok@host", row("https", "host", None, Some("octo"), Some("tok"))),
                ("https://octo@host/", row("https", "host", None, Some("octo"), None)),
                ("https://host/a@b", row("https", "host", Some("a@b"), None, None)),
            ],
        );
        check_malformed("git-credentials", &[("\nnot a url\n", Some(2), None)]);
    }
}
