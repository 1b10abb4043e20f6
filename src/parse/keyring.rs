//! Keyring files of desktops: what an encrypted one tells without its password, and all of one that has none.
//!
//! gnome-keyring writes a collection with an empty password as a plain key file, so "it is in the keyring" may mean nothing.
//! Layouts: `docs/file-format.txt` and `pkcs11/secret-store` of gnome-keyring; `kwalletbackend` of `KWallet`.

use serde_json::{Map, Value, json};

use super::cursor::Cursor;
use super::{Document, Format, MALFORMED, Malformed, Options, Unreadable};
use crate::extract::secret::hex;

/// gnome-keyring and `KWallet` files.
pub(super) const FORMAT: Format = Format {
    name: "keyring",
    about: "{kind, encrypted, name, created, modified, items}: items are counted where encrypted, else \
            [{display_name, secret, created, modified, attributes}]",
    dialects: &[],
    document: Some(document),
    entries: None,
};

const GNOME: &[u8] = b"GnomeKeyring\n\r\0\n";
const KWALLET: &[u8] = b"KWALLET\n\r\0\r\n";
const TEXT: &str = "[keyring]";

/// Most lines a collection in the clear may have.
const MAX_LINES: u64 = 100_000;

/// Length that stands for "no text".
const NO_TEXT: &[u8] = &[0xff; 4];

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    if bytes.starts_with(KWALLET) {
        return Ok(Document(json!({"kind": "kwallet", "encrypted": true})));
    }
    if bytes.starts_with(GNOME) {
        return header(bytes).map(Document).ok_or(MALFORMED);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| MALFORMED)?;
    if !text.trim_start().starts_with(TEXT) {
        return Err(MALFORMED);
    }
    Ok(Document(collection(&groups(text)?)))
}

/// What a locked collection tells.
fn header(bytes: &[u8]) -> Option<Value> {
    let mut fields = Cursor::new(bytes);
    fields.literal(GNOME)?;
    let _version_cipher_digest = fields.take(4)?;
    let name = match fields.literal(NO_TEXT) {
        Some(()) => None,
        None => Some(String::from_utf8_lossy(fields.block()?)),
    };
    let (created, modified) = (fields.u64()?, fields.u64()?);
    let (_flags, _timeout, _rounds, _salt) =
        (fields.u32()?, fields.u32()?, fields.u32()?, fields.u64()?);
    let _reserved = fields.take(16)?;
    let items = fields.u32()?;
    Some(json!({
        "kind": "gnome-keyring",
        "encrypted": true,
        "name": name,
        "created": time(Some(created)),
        "modified": time(Some(modified)),
        "items": items,
    }))
}

/// Zero is no time.
fn time(seconds: Option<u64>) -> Option<u64> {
    seconds.filter(|seconds| *seconds > 0)
}

type Groups<'a> = Vec<(&'a str, Map<String, Value>)>;

/// The groups of a key file, in their order.
fn groups(text: &str) -> Result<Groups<'_>, Unreadable> {
    let mut groups: Groups<'_> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let malformed = Unreadable::Malformed(Malformed { line: Some(number), column: None });
        if number > MAX_LINES {
            return Err(malformed);
        }
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name.trim_end().strip_suffix(']').ok_or(malformed)?;
            groups.push((name, Map::new()));
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(malformed)?;
        let (_, group) = groups.last_mut().ok_or(malformed)?;
        group.insert(key.trim_end().to_owned(), unescaped(value.trim_start()).into());
    }
    Ok(groups)
}

/// A collection in the clear: `[keyring]`, then `[1]` for each item, then `[1:attribute0]` for each of its attributes.
fn collection(groups: &Groups<'_>) -> Value {
    let mut keyring = Value::Null;
    let mut items: Vec<(&str, Value)> = Vec::new();
    for (name, group) in groups {
        match name.split_once(':') {
            None if *name == "keyring" => keyring = described(group),
            None => items.push((name, item(group))),
            Some((owner, _)) => {
                // Attributes follow their item.
                if let Some((_, item)) = items.last_mut().filter(|(name, _)| *name == owner) {
                    attribute(item, group);
                }
            }
        }
    }
    keyring["items"] = items.into_iter().map(|(_, item)| item).collect();
    keyring
}

fn described(group: &Map<String, Value>) -> Value {
    json!({
        "kind": "gnome-keyring",
        "encrypted": false,
        "name": group.get("display-name"),
        "created": seconds(group.get("ctime")),
        "modified": seconds(group.get("mtime")),
    })
}

fn item(group: &Map<String, Value>) -> Value {
    let binary = || Some(text_of_hex(group.get("binary-secret")?.as_str()?).into());
    json!({
        "display_name": group.get("display-name"),
        "secret": group.get("secret").cloned().or_else(binary),
        "created": seconds(group.get("ctime")),
        "modified": seconds(group.get("mtime")),
        "attributes": {},
    })
}

fn attribute(item: &mut Value, group: &Map<String, Value>) {
    if let (Some(name), Some(value)) =
        (group.get("name").and_then(Value::as_str), group.get("value"))
    {
        item["attributes"][name] = value.clone();
    }
}

fn seconds(value: Option<&Value>) -> Option<u64> {
    time(value?.as_str()?.trim().parse().ok())
}

/// The text that hex digits stand for; the digits themselves where it is none.
fn text_of_hex(digits: &str) -> String {
    let bytes: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    match bytes.map(String::from_utf8) {
        Some(Ok(text)) => text,
        Some(Err(error)) => hex(error.as_bytes()),
        None => digits.to_owned(),
    }
}

/// Undoes the escapes of key files (Desktop Entry Specification).
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        match (char == '\\').then(|| chars.next()).flatten() {
            None => text.push(char),
            Some('s') => text.push(' '),
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('\\') => text.push('\\'),
            Some(other) => text.extend(['\\', other]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    fn locked(name: &[u8]) -> Vec<u8> {
        let times = [0_u64, 1_795_433_773].map(u64::to_be_bytes).concat();
        [
            GNOME,
            &[0; 4],
            name,
            &times,
            &[0; 8],
            &[0, 0, 6, 98],
            &[7; 8],
            &[0; 16],
            &[0, 0, 0, 3],
            &[9; 40],
        ]
        .concat()
    }

    #[test]
    fn locked_collections() {
        for (name, told) in [(&b"\0\0\0\x05Login"[..], json!("Login")), (NO_TEXT, json!(null))] {
            let expected = json!({
                "kind": "gnome-keyring", "encrypted": true, "name": told,
                "created": null, "modified": 1_795_433_773, "items": 3,
            });
            assert_eq!(read(&locked(name)), Ok(expected));
        }
        let kwallet = [KWALLET, &[0, 1, 0, 2], &[5; 64]].concat();
        assert_eq!(read(&kwallet), Ok(json!({"kind": "kwallet", "encrypted": true})));
    }

    #[test]
    fn open_collections() {
        let text = "[keyring]\ndisplay-name=Default\nctime=1795433839\nmtime=0\nlock-on-idle=false\n\n\
            [1]\nitem-type=0\ndisplay-name=gh:github.com\nsecret=a\\sb\\n= c\\\\\nmtime=1795433840\nctime=1795433839\n\n\
            [1:attribute0]\nname=service\ntype=string\nvalue=gh:github.com\n\n\
            [1:attribute1]\nname=username\ntype=string\nvalue=octo\n\n\
            [2]\ndisplay-name=raw\nbinary-secret=6f6b\n\n[3]\nbinary-secret=FF00\n";
        let expected = json!({
            "kind": "gnome-keyring", "encrypted": false, "name": "Default", "created": 1_795_433_839, "modified": null,
            "items": [
                {
                    "display_name": "gh:github.com", "secret": "a b\n= c\\", "created": 1_795_433_839, "modified": 1_795_433_840,
                    "attributes": {"service": "gh:github.com", "username": "octo"},
                },
                {"display_name": "raw", "secret": "ok", "created": null, "modified": null, "attributes": {}},
                {"display_name": null, "secret": "ff00", "created": null, "modified": null, "attributes": {}},
            ],
        });
        assert_eq!(read(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn what_is_no_keyring() {
        let cut = locked(b"\0\0\0\x05Login");
        let cases: [(&[u8], Option<u64>); 5] = [
            (b"", None),
            (b"[other]\n", None),
            (&cut[..60], None),
            (b"[keyring]\nname=x\n[1\n", Some(3)),
            (b"[keyring]\nhalf a li", Some(2)),
        ];
        for (bytes, line) in cases {
            assert_eq!(read(bytes), Err(Unreadable::Malformed(Malformed { line, column: None })));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), text in "([\\[\\]a-z0-9:=\\\\\n]|binary-secret=|\\[1\\]\n){0,80}") {
            for magic in [GNOME, KWALLET, b"[keyring]\n"] {
                let _ = read(&[magic, &bytes].concat());
            }
            let _ = read(&bytes);
            let _ = read(format!("[keyring]\n{text}").as_bytes());
        }
    }
}
