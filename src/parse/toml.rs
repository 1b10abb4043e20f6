//! TOML.

use serde_json::Value;

use super::tree::Tree;
use super::{Document, Format, Malformed, Options, Unreadable, decode_text, sparse};

/// Any TOML document.
pub(super) const FORMAT: Format = Format {
    name: "toml",
    about: "the table; dates and times are text",
    dialects: &[],
    document: Some(read),
    entries: None,
};

/// The key under which the `toml` crate hides a date from serde; a contract of its with `toml_datetime`.
const DATETIME: &str = "$__toml_private_datetime";

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    sparse(&text, b",=[", 1)?;
    match toml::from_str::<Tree>(&text) {
        Ok(Tree(mut value)) => {
            show_datetimes(&mut value);
            Ok(Document(value))
        }
        Err(error) => Err(error
            .span()
            .map_or_else(Malformed::default, |span| Malformed::at_offset(&text, span.start))
            .into()),
    }
}

/// Recurses; a tree is of bounded depth.
fn show_datetimes(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(show_datetimes),
        Value::Object(members) => match members.get_mut(DATETIME).map(Value::take) {
            Some(datetime) => *value = datetime,
            None => members.values_mut().for_each(show_datetimes),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{check, check_malformed};

    #[test]
    fn tables() {
        check(
            "toml",
            None,
            &[
                ("b = 1\na = \"x\"\n", json!({"b": 1, "a": "x"})),
                (
                    "[r.\"a b\"]\nt = 'x'\n[[l]]\nn = 1.5\n[[l]]\n",
                    json!({"r": {"a b": {"t": "x"}}, "l": [{"n": 1.5}, {}]}),
                ),
                (
                    "at = 1979-05-27T07:32:00Z\ndays = [2024-01-02]\n",
                    json!({"at": "1979-05-27T07:32:00Z", "days": ["2024-01-02"]}),
                ),
                ("n = inf\n", json!({"n": "inf"})),
            ],
        );
    }

    #[test]
    fn malformed() {
        check_malformed(
            "toml",
            &[("a = 1\nb = = 2\n", Some(2), Some(5)), ("a = 1\na = 2\n", Some(2), Some(1))],
        );
    }
}
