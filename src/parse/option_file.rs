//! Option files of `MySQL` and `MariaDB`, as their programs read them (`mysys/my_default`).

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// What the lines of an option file are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `my.cnf`: `#` ends a line, but within quotes, and lines that begin with `!` name further files.
    Plain,
    /// What a login file holds once it is unlocked: no comments behind values.
    Login,
}

/// `{group: {option: value}}`, and the paths of `!include` and `!includedir` by these words.
///
/// # Errors
/// The number of a line, from 1, that the programs refuse: an option outside of groups (of a login file only: what
/// a person wrote is read as far as it goes), a group without an end.
pub(super) fn groups(text: &str, kind: Kind) -> Result<Map<String, Value>, u64> {
    let mut groups = Map::new();
    let mut group: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(directive) = line.strip_prefix('!') {
            include(&mut groups, directive.trim_start());
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let (name, _) = rest.split_once(']').ok_or(number)?;
            groups.entry(name.trim_end()).or_insert_with(|| json!({}));
            group = Some(name.trim_end().to_owned());
            continue;
        }
        if group.is_none() && kind == Kind::Login {
            return Err(number);
        }
        let line = if kind == Kind::Plain { without_comment(line) } else { line };
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, unescaped(unquoted(value.trim())).into()),
            None => (line, Value::Null),
        };
        let options = groups.entry(group.as_deref().unwrap_or("")).or_insert_with(|| json!({}));
        if let Value::Object(options) = options {
            options.insert(name.trim_end().to_owned(), value);
        }
    }
    Ok(groups)
}

/// Notes the path of a directive. No group has its name: one would stand in brackets, and what it holds would be an object.
fn include(groups: &mut Map<String, Value>, directive: &str) {
    let Some((word, path)) = directive.split_once(char::is_whitespace) else { return };
    let key = match word {
        "include" => "!include",
        "includedir" => "!includedir",
        _ => return,
    };
    if let Value::Array(paths) = groups.entry(key).or_insert_with(|| json!([])) {
        paths.push(path.trim_start().into());
    }
}

/// The line up to a `#` that stands in no quotes. A backslash protects a quote only within others.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (at, char) in line.char_indices() {
        if matches!(char, '"' | '\'') && !escaped {
            match quote {
                None => quote = Some(char),
                Some(open) if open == char => quote = None,
                Some(_) => {}
            }
        }
        if quote.is_none() && char == '#' {
            return line[..at].trim_end();
        }
        escaped = quote.is_some() && char == '\\' && !escaped;
    }
    line
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value)
}

/// Undoes escapes; a backslash before another character stays.
fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return value.into();
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('s') => text.push(' '),
            Some(escaped @ ('\\' | '"' | '\'')) => text.push(escaped),
            other => {
                text.push('\\');
                text.extend(other);
            }
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values as the readers named above take them.
    #[test]
    fn values() {
        for (written, plain, login) in [
            ("p#w", "p", "p#w"),
            ("\"p#w\"", "p#w", "p#w"),
            ("'p#w' # old", "p#w", "'p#w' # old"),
            ("\"a\\\"#b\"", "a\"#b", "a\"#b"),
            ("it's # not", "it's # not", "it's # not"),
            ("pw ; no comment", "pw ; no comment", "pw ; no comment"),
            ("a\\sb\\tc\\\\d\\qe\\", "a b\tc\\d\\qe\\", "a b\tc\\d\\qe\\"),
            ("\\#x", "\\", "\\#x"),
            ("\" lead\"", " lead", " lead"),
            ("\"", "\"", "\""),
            ("a=b:c", "a=b:c", "a=b:c"),
            ("  spaced out  ", "spaced out", "spaced out"),
            ("", "", ""),
        ] {
            for (kind, value) in [(Kind::Plain, plain), (Kind::Login, login)] {
                let text = format!("[client]\npassword = {written}\n");
                let expected = json!({"client": {"password": value}});
                assert_eq!(groups(&text, kind).map(Value::Object), Ok(expected), "{written}");
            }
        }
    }

    #[test]
    fn lines() {
        for (text, expected) in [
            (
                "  [ client ]x\n\tuser=kim\n  password=a\n",
                json!({" client": {"user": "kim", "password": "a"}}),
            ),
            ("[a]\nx\n[b]\n[a]\ny # z\n", json!({"a": {"x": null, "y": null}, "b": {}})),
            ("user=kim\n[a]\n", json!({"": {"user": "kim"}, "a": {}})),
            (
                "!include /a b.cnf \n[client_prod]\n! includedir\t~/d\n!other x\n!include\nx=1\n",
                json!({"!include": ["/a b.cnf"], "!includedir": ["~/d"], "client_prod": {"x": "1"}}),
            ),
            ("[a]\n; c\n# c\nport: 3\n", json!({"a": {"port: 3": null}})),
        ] {
            assert_eq!(groups(text, Kind::Plain).map(Value::Object), Ok(expected), "{text}");
        }
        assert_eq!(groups("[a]\n[b\n", Kind::Plain), Err(2));
        assert_eq!(groups("x=1\n", Kind::Login), Err(1));
    }
}
