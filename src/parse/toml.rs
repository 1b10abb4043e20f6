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
