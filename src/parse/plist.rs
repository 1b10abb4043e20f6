//! Apple property lists, binary and XML.

use super::tree::Tree;
use super::{Document, Format, Malformed, Options, Unreadable, decode_text};

/// Either encoding.
pub(super) const FORMAT: Format = Format {
    name: "plist",
    about: "the value of a binary or XML property list; dates are RFC 3339 text, data is base64 text",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let tree = if bytes.starts_with(b"bplist") {
        plist::from_bytes::<Tree>(bytes)
    } else {
        plist::from_reader_xml::<_, Tree>(decode_text(bytes).as_bytes())
    };
    // The crate tells the place in the text of its error only.
    tree.map(|Tree(value)| Document(value)).map_err(|_| Malformed::default().into())
}
