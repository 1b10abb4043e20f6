//! `~/.pgpass`: <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use serde_json::{Value, json};

use super::{
    Document, Format, Malformed, Options, Unreadable, bounded, numbered_lines, plain_text, sparse,
};

/// One login a line.
pub(super) const FORMAT: Format = Format {
    name: "pgpass",
    about: "an array of {host, port, database, user, password, line}, escapes undone",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = plain_text(bytes)?;
    sparse(&text, b"\n", 7)?;
    let mut logins = Vec::new();
    let mut short = None;
    for (line, content) in numbered_lines(&text) {
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        match fields(content) {
            Some([host, port, database, user, password]) => logins.push(json!({
                "host": host, "port": port, "database": database, "user": user,
                "password": password, "line": line,
            })),
            None => short = short.or(Some(line)),
        }
    }
    match short {
        // libpq passes over lines that are too short; a file of nothing else is of another kind.
        Some(line) if logins.is_empty() => Err(Malformed::on(line).into()),
        _ => bounded(Value::Array(logins)),
    }
}

/// The fields between colons that no backslash escapes; what follows a sixth is nobody's.
fn fields(line: &str) -> Option<[String; 5]> {
    let mut fields: [String; 5] = Default::default();
    let mut at = 0;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ':' if at == 4 => break,
            ':' => at += 1,
            '\\' => fields[at].push(chars.next().unwrap_or('\\')),
            _ => fields[at].push(char),
        }
    }
    (at == 4).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_malformed};
    use super::*;

    #[test]
    fn logins() {
        let login = json!({
            "host": "db:1", "port": "5432", "database": "*", "user": "app", "password": "p\\w:#",
            "line": 3,
        });
        let input = "# c\nshort:line\ndb\\:1:5432:*:app:p\\\\w\\:#:rest\n";
        check("pgpass", None, &[(input, json!([login])), ("# c\n", json!([]))]);
        check_malformed("pgpass", &[("\n{\"json\": 1}\n", Some(2), None)]);
    }
}
