//! Files that are looked at and never opened: that they are there is all there is to know.

use serde_json::json;

use super::{Document, Format, Options, Unreadable, bounded};

/// A store of people's secrets, such as a browser's. Whoever watches a machine takes opening it for theft.
pub(super) const FORMAT: Format = Format {
    name: "presence",
    about: "{size}, in bytes: the file is looked at and never opened",
    dialects: &[],
    document: Some(read),
    entries: None,
};

/// The document of a file of so many bytes.
pub(super) fn document(bytes: u64) -> Document {
    Document(json!({"size": bytes}))
}

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    bounded(document(bytes.len() as u64).0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn only_the_size_is_told() {
        check("presence", None, &[("", json!({"size": 0})), ("key = v", json!({"size": 7}))]);
    }
}
