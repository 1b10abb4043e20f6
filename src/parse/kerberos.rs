//! Kerberos on disk: tickets in a credential cache, long-lived keys in a keytab.
//!
//! Layouts: <https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html> and `keytab_file_format.html` beside it.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::{Document, Format, MALFORMED, Options, Unreadable};

/// Credential caches (versions 3 and 4) and keytabs (version 2).
pub(super) const FORMAT: Format = Format {
    name: "kerberos",
    about: "{kind: ccache, principal, credentials: [{client, server, issued, start, end, renew_till, is_config, secret}]} or \
            {kind: keytab, principal, entries: [{principal, created, kvno, enctype, secret}]}; secrets are keys in base64",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Most credentials or keys a file may have.
const MAX_ENTRIES: usize = 10_000;

/// Realm under which MIT keeps settings of the cache in the guise of credentials.
const SETTINGS: &[u8] = b"X-CACHECONF:";

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let mut fields = Cursor::new(bytes);
    let value = match fields.u16().ok_or(MALFORMED)? {
        0x0504 => with_header(&mut fields),
        0x0503 => cache(&mut fields),
        0x0502 => keytab(&mut fields),
        // Older layouts depend on the machine that wrote them.
        0x0500..=0x05ff => return Err(Unreadable::UnsupportedEncryption),
        _ => None,
    };
    value.map(Document).ok_or(MALFORMED)
}

fn with_header(fields: &mut Cursor<'_>) -> Option<Value> {
    short_block(fields)?;
    cache(fields)
}

fn cache(fields: &mut Cursor<'_>) -> Option<Value> {
    let principal = Principal::of_cache(fields)?.text();
    let mut credentials = Vec::new();
    while !fields.is_empty() {
        if credentials.len() == MAX_ENTRIES {
            return None;
        }
        credentials.push(credential(fields)?);
    }
    Some(json!({"kind": "ccache", "principal": principal, "credentials": credentials}))
}

fn credential(fields: &mut Cursor<'_>) -> Option<Value> {
    let client = Principal::of_cache(fields)?.text();
    let server = Principal::of_cache(fields)?;
    let _cipher = fields.u16()?;
    let session_key = fields.block()?;
    let (issued, start, end, renew_till) =
        (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
    let (_is_session_key, _flags) = (fields.u8()?, fields.u32()?);
    for _addresses_then_authorization in 0..2 {
        for _ in 0..fields.u32()? {
            let (_kind, _content) = (fields.u16()?, fields.block()?);
        }
    }
    let (_ticket, _second_ticket) = (fields.block()?, fields.block()?);
    Some(json!({
        "client": client,
        "server": server.text(),
        "issued": time(issued),
        "start": time(start),
        "end": time(end),
        "renew_till": time(renew_till),
        "is_config": server.realm == SETTINGS,
        "secret": secret(session_key),
    }))
}

fn keytab(fields: &mut Cursor<'_>) -> Option<Value> {
    let mut entries = Vec::new();
    while !fields.is_empty() {
        let size = fields.u32()?.cast_signed();
        if size == 0 {
            break;
        }
        let entry = fields.take(usize::try_from(size.unsigned_abs()).ok()?)?;
        // A negative size is a hole that a removed key has left.
        if size > 0 {
            entries.push(key(&mut Cursor::new(entry))?);
        }
        if entries.len() > MAX_ENTRIES {
            return None;
        }
    }
    let principal = entries.first().map(|entry| entry["principal"].clone());
    Some(json!({"kind": "keytab", "principal": principal, "entries": entries}))
}

fn key(fields: &mut Cursor<'_>) -> Option<Value> {
    let principal = Principal::of_keytab(fields)?.text();
    let (_name_type, created) = (fields.u32()?, fields.u32()?);
    let short_version = fields.u8()?;
    let cipher = fields.u16()?;
    let key = short_block(fields)?;
    let version = fields.u32().filter(|version| *version > 0).unwrap_or(short_version.into());
    Some(json!({
        "principal": principal,
        "created": time(created),
        "kvno": version,
        "enctype": cipher,
        "secret": secret(key),
    }))
}

struct Principal<'a> {
    realm: &'a [u8],
    components: Vec<&'a [u8]>,
}

impl<'a> Principal<'a> {
    fn of_cache(fields: &mut Cursor<'a>) -> Option<Self> {
        let (_name_type, count) = (fields.u32()?, fields.u32()?);
        let realm = fields.block()?;
        // Collecting stops at the first that is missing, whatever the count claims.
        let components = (0..count).map(|_| fields.block()).collect::<Option<_>>()?;
        Some(Self { realm, components })
    }

    fn of_keytab(fields: &mut Cursor<'a>) -> Option<Self> {
        let count = fields.u16()?;
        let realm = short_block(fields)?;
        let components = (0..count).map(|_| short_block(fields)).collect::<Option<_>>()?;
        Some(Self { realm, components })
    }

    /// `primary/instance@REALM`, separators inside a part escaped.
    fn text(&self) -> String {
        let components: Vec<_> = self.components.iter().map(|part| escaped(part)).collect();
        format!("{}@{}", components.join("/"), escaped(self.realm))
    }
}

fn escaped(part: &[u8]) -> String {
    let mut text = String::with_capacity(part.len());
    for char in String::from_utf8_lossy(part).chars() {
        if matches!(char, '/' | '@' | '\\') {
            text.push('\\');
        }
        text.push(char);
    }
    text
}

fn short_block<'a>(fields: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = fields.u16()?;
    fields.take(length.into())
}

/// Zero is no time.
fn time(seconds: u32) -> Option<u32> {
    (seconds > 0).then_some(seconds)
}

fn secret(key: &[u8]) -> Option<String> {
    (!key.is_empty()).then(|| BASE64.encode(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    fn long(text: &str) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
    }

    fn short(text: &str) -> Vec<u8> {
        [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
    }

    fn principal(realm: &str, components: &[&str]) -> Vec<u8> {
        let count = u32::try_from(components.len()).unwrap().to_be_bytes();
        let components: Vec<_> = components.iter().flat_map(|part| long(part)).collect();
        [&[0, 0, 0, 1], &count[..], &long(realm), &components].concat()
    }

    fn ticket(realm: &str, server: &[&str], key: &str, times: [u32; 4]) -> Vec<u8> {
        let address = [&[0, 2][..], &long("\x7f\0\0\x01")].concat();
        [
            principal("CORP.EXAMPLE", &["jane"]),
            principal(realm, server),
            vec![0, 18],
            long(key),
            times.map(u32::to_be_bytes).concat(),
            vec![0, 0, 0x50, 0, 0],
            vec![0, 0, 0, 1],
            address,
            vec![0, 0, 0, 0],
            long("ticket"),
            long(""),
        ]
        .concat()
    }

    fn ccache() -> Vec<u8> {
        let start = [
            &[5, 4][..],
            &short("\0\x01\0\x08\0\0\0\0\0\0\0\0"),
            &principal("CORP.EXAMPLE", &["jane"]),
        ]
        .concat();
        let setting = ticket("X-CACHECONF:", &["krb5_ccache_conf_data", "fast_avail"], "", [0; 4]);
        let granting =
            ticket("CORP.EXAMPLE", &["krbtgt", "CORP.EXAMPLE"], "key", [100, 100, 200, 300]);
        [start, setting, granting].concat()
    }

    fn keytab() -> Vec<u8> {
        let entry = [
            &[0, 2][..],
            &short("CORP.EXAMPLE"),
            &short("HTTP"),
            &short("a/b"),
            &[0, 0, 0, 1, 0, 0, 0, 100, 1, 0, 18],
            &short("key"),
            &[0, 0, 1, 1],
        ]
        .concat();
        let size = u32::try_from(entry.len()).unwrap().to_be_bytes();
        [&[5, 2, 0xff, 0xff, 0xff, 0xfd, 9, 9, 9][..], &size, &entry].concat()
    }

    #[test]
    fn tickets() {
        let expected = json!({
            "kind": "ccache",
            "principal": "jane@CORP.EXAMPLE",
            "credentials": [
                {
                    "client": "jane@CORP.EXAMPLE", "server": "krb5_ccache_conf_data/fast_avail@X-CACHECONF:", "is_config": true,
                    "issued": null, "start": null, "end": null, "renew_till": null, "secret": null,
                },
                {
                    "client": "jane@CORP.EXAMPLE", "server": "krbtgt/CORP.EXAMPLE@CORP.EXAMPLE", "is_config": false,
                    "issued": 100, "start": 100, "end": 200, "renew_till": 300, "secret": "a2V5",
                },
            ],
        });
        assert_eq!(read(&ccache()), Ok(expected));
    }

    #[test]
    fn keys() {
        let principal = "HTTP/a\\/b@CORP.EXAMPLE";
        let entry = json!({"principal": principal, "created": 100, "kvno": 257, "enctype": 18, "secret": "a2V5"});
        let expected = json!({"kind": "keytab", "principal": principal, "entries": [entry]});
        assert_eq!(read(&keytab()), Ok(expected));
        assert_eq!(read(&[5, 2]), Ok(json!({"kind": "keytab", "principal": null, "entries": []})));
    }

    #[test]
    fn what_is_neither() {
        let (ccache, keytab) = (ccache(), keytab());
        for bytes in [&b""[..], b"tkt", &ccache[..ccache.len() - 1], &keytab[..keytab.len() - 1]] {
            assert_eq!(read(bytes), Err(MALFORMED));
        }
        assert_eq!(read(&[5, 1, 0, 0]), Err(Unreadable::UnsupportedEncryption));
    }

    proptest! {
        #[test]
        fn damage_never_panics(tickets in any::<bool>(), at in any::<prop::sample::Index>(), noise in any::<[u8; 2]>()) {
            let mut bytes = if tickets { ccache() } else { keytab() };
            let at = at.index(bytes.len() - 2);
            bytes[at..at + 2].copy_from_slice(&noise);
            let _ = read(&bytes);
        }
    }
}
