//! `.Xauthority`: what lets a program talk to an X server.
//!
//! Layout (`Xau` of X.Org): family, then address, display number, name of the scheme and its data, each behind a length of 16 bits.

use serde_json::{Value, json};

use super::cursor::Cursor;
use super::{Document, Format, MALFORMED, Options, Unreadable};
use crate::extract::secret::hex;

/// Authority files of X.
pub(super) const FORMAT: Format = Format {
    name: "xauthority",
    about: "array of {family (local, internet, internet6, wild, ...), address, display, scheme, secret (hex)}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Most entries a file may have.
const MAX_ENTRIES: usize = 10_000;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let mut fields = Cursor::new(bytes);
    let mut entries = Vec::new();
    while !fields.is_empty() {
        if entries.len() == MAX_ENTRIES {
            return Err(MALFORMED);
        }
        entries.push(entry(&mut fields).ok_or(MALFORMED)?);
    }
    Ok(Document(entries.into()))
}

fn entry(fields: &mut Cursor<'_>) -> Option<Value> {
    let family = family(fields.u16()?)?;
    let address = short_block(fields)?;
    let (display, scheme, data) = (text(fields)?, text(fields)?, short_block(fields)?);
    Some(json!({
        "family": family,
        "address": told(family, address),
        "display": display,
        "scheme": scheme,
        "secret": (!data.is_empty()).then(|| hex(data)),
    }))
}

fn family(number: u16) -> Option<&'static str> {
    Some(match number {
        0 => "internet",
        1 => "decnet",
        2 => "chaos",
        5 => "server-interpreted",
        6 => "internet6",
        252 => "localhost",
        253 => "krb5-principal",
        254 => "netname",
        256 => "local",
        0xffff => "wild",
        _ => return None,
    })
}

fn told(family: &str, address: &[u8]) -> String {
    match (family, <[u8; 4]>::try_from(address), <[u8; 16]>::try_from(address)) {
        ("internet", Ok(address), _) => std::net::Ipv4Addr::from(address).to_string(),
        ("internet6", _, Ok(address)) => std::net::Ipv6Addr::from(address).to_string(),
        _ => String::from_utf8_lossy(address).into_owned(),
    }
}

fn text(fields: &mut Cursor<'_>) -> Option<String> {
    let text = std::str::from_utf8(short_block(fields)?).ok()?;
    (!text.contains(char::is_control)).then(|| text.to_owned())
}

fn short_block<'a>(fields: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = fields.u16()?;
    fields.take(length.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    fn entry(family: u16, parts: [&[u8]; 4]) -> Vec<u8> {
        let mut entry = family.to_be_bytes().to_vec();
        for part in parts {
            entry.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            entry.extend(part);
        }
        entry
    }

    fn file() -> Vec<u8> {
        let scheme = b"MIT-MAGIC-COOKIE-1";
        [
            entry(256, [b"vm", b"0", scheme, b"\x69\xc7"]),
            entry(0, [&[10, 0, 0, 5], b"10", scheme, b"\x01"]),
            entry(6, [&[0; 16], b"", b"XDM-AUTHORIZATION-1", b""]),
            entry(0xffff, [b"", b"", scheme, b"\xff"]),
        ]
        .concat()
    }

    #[test]
    fn entries() {
        let scheme = "MIT-MAGIC-COOKIE-1";
        let expected = json!([
            {"family": "local", "address": "vm", "display": "0", "scheme": scheme, "secret": "69c7"},
            {"family": "internet", "address": "10.0.0.5", "display": "10", "scheme": scheme, "secret": "01"},
            {"family": "internet6", "address": "::", "display": "", "scheme": "XDM-AUTHORIZATION-1", "secret": null},
            {"family": "wild", "address": "", "display": "", "scheme": scheme, "secret": "ff"},
        ]);
        assert_eq!(read(&file()), Ok(expected));
        assert_eq!(read(b""), Ok(json!([])));
    }

    #[test]
    fn what_is_none() {
        let whole = file();
        let cases: [&[u8]; 4] =
            [b"text", b"\0", &whole[..whole.len() - 1], b"\x00\x09\0\0\0\0\0\0\0\0"];
        for bytes in cases {
            assert_eq!(read(bytes), Err(MALFORMED), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in any::<prop::sample::Index>(), noise in any::<[u8; 2]>()) {
            let mut bytes = file();
            let at = at.index(bytes.len() - 2);
            bytes[at..at + 2].copy_from_slice(&noise);
            let _ = read(&bytes);
        }
    }
}
