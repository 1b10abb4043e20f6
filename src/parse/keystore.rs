//! Keystores: JKS and JCEKS of Java, and PKCS #12 of everybody else.
//!
//! What a store says without its passphrase: which entries there are, since when, and in JKS the certificates. Layouts:
//! `sun.security.provider.JavaKeyStore` of `OpenJDK`, and RFC 7292 (its structures are those of RFC 2315, in BER).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::der::{CONTEXT_0, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, definite};
use super::{Document, Format, MALFORMED, Options, Unreadable, x509};

/// Keystores of any of the three layouts: names of files do not tell which.
pub(super) const FORMAT: Format = Format {
    name: "keystore",
    about: "{kind: jks, jceks, pkcs12 or other, sealed (whether parts show with the passphrase only), entries: [{kind: private-key, \
            secret-key or certificate, alias, created, encrypted, pem, x509}]}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Most entries a store may have.
const MAX_ENTRIES: usize = 10_000;

/// Deepest nesting of bags in bags.
const MAX_BAGS: usize = 8;

const JKS: u32 = 0xfeed_feed;
const JCEKS: u32 = 0xcece_cece;

/// Content that is there to be read: 1.2.840.113549.1.7.1.
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// The last part of 1.2.840.113549.1.12.10.1.x tells a bag's kind.
const BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";
/// 1.2.840.113549.1.9.22.1.
const X509: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
/// 1.2.840.113549.1.9.20.
const FRIENDLY_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
/// 1.2.840.113549.1.9.21: joins a key and its certificate.
const LOCAL_KEY_ID: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15";
const BMP_STRING: u8 = 0x1e;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let mut fields = Cursor::new(bytes);
    let value = match fields.u32() {
        Some(JKS) => java("jks", &mut fields),
        Some(JCEKS) => java("jceks", &mut fields),
        _ if bytes.first() == Some(&SEQUENCE) => {
            pkcs12(bytes).or_else(|| pkcs12(&definite(bytes)?))
        }
        _ if bytes.is_empty() => Some(Value::Null),
        // The keyring of GNOME, a token of a program's own: the endings are anybody's.
        _ => Some(store("other", true, Vec::new())),
    };
    value.map(Document).ok_or(MALFORMED)
}

/// One entry; texts and times as they are told.
#[derive(Default)]
struct Entry {
    kind: &'static str,
    alias: Option<String>,
    /// Milliseconds since 1970.
    created: Option<u64>,
    encrypted: bool,
    pem: Option<String>,
    x509: Option<Value>,
    /// What joins it to others in PKCS #12.
    local_id: Option<Vec<u8>>,
}

impl Entry {
    fn told(self) -> Value {
        let Self { kind, alias, created, encrypted, pem, x509, .. } = self;
        json!({"kind": kind, "alias": alias, "created": created, "encrypted": encrypted, "pem": pem, "x509": x509})
    }
}

fn store(kind: &str, sealed: bool, entries: Vec<Entry>) -> Value {
    let entries: Vec<_> = entries.into_iter().map(Entry::told).collect();
    json!({"kind": kind, "sealed": sealed, "entries": entries})
}

/// Version, count, entries, and a digest over all of it that needs the passphrase.
fn java(kind: &str, fields: &mut Cursor<'_>) -> Option<Value> {
    let version = fields.u32().filter(|version| (1..=2).contains(version))?;
    let count = usize::try_from(fields.u32()?).ok().filter(|count| *count <= MAX_ENTRIES)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let tag = fields.u32()?;
        let mut entry =
            Entry { alias: Some(text(fields)?), created: fields.u64(), ..Entry::default() };
        match tag {
            1 => {
                entry.kind = "private-key";
                entry.encrypted = true;
                entry.pem = Some(pem("ENCRYPTED PRIVATE KEY", fields.block()?));
                let chain = fields.u32()?;
                for place in 0..chain {
                    let certificate = java_certificate(version, fields)?;
                    if place == 0 {
                        entry.x509 = x509::from_der(certificate);
                    }
                }
            }
            2 => {
                entry.kind = "certificate";
                entry.x509 = x509::from_der(java_certificate(version, fields)?);
            }
            // A serialised object without a length: what follows cannot be found.
            3 if kind == "jceks" => {
                entry.kind = "secret-key";
                entry.encrypted = true;
                entries.push(entry);
                return Some(store(kind, true, entries));
            }
            _ => return None,
        }
        entries.push(entry);
    }
    Some(store(kind, false, entries))
}

fn java_certificate<'a>(version: u32, fields: &mut Cursor<'a>) -> Option<&'a [u8]> {
    if version == 2 {
        let _kind = text(fields)?;
    }
    fields.block()
}

/// Java's `writeUTF`, near enough to UTF-8.
fn text(fields: &mut Cursor<'_>) -> Option<String> {
    let length = fields.u16()?;
    Some(String::from_utf8_lossy(fields.take(length.into())?).into_owned())
}

fn pkcs12(bytes: &[u8]) -> Option<Value> {
    let mut pfx = Der::new(bytes).sequence()?;
    if pfx.take(INTEGER)? != [3] {
        return None;
    }
    let (kind, content) = content_info(&mut pfx)?;
    let mut store_of = Pkcs12::default();
    if kind == DATA {
        let safe = octets(content)?;
        read_either(&safe, &mut |safe| store_of.safe(safe))?;
    } else {
        store_of.sealed = true;
    }
    Some(store_of.told())
}

/// Reads DER, or what becomes DER of BER.
fn read_either(bytes: &[u8], read: &mut dyn FnMut(&[u8]) -> Option<()>) -> Option<()> {
    // BER shows at once: an outer length that is not told.
    if bytes.get(1) == Some(&0x80) { read(&definite(bytes)?) } else { read(bytes) }
}

/// Content of an octet string, whose parts may have been written one by one.
fn octets(element: &[u8]) -> Option<Vec<u8>> {
    if let Some(content) = Der::new(element).take(OCTET_STRING) {
        return Some(content.to_vec());
    }
    Some(Der::new(&definite(element)?).take(OCTET_STRING)?.to_vec())
}

fn content_info<'a>(der: &mut Der<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let mut info = der.sequence()?;
    Some((info.take(OID)?, info.take(CONTEXT_0)?))
}

#[derive(Default)]
struct Pkcs12 {
    sealed: bool,
    entries: Vec<Entry>,
}

impl Pkcs12 {
    fn safe(&mut self, bytes: &[u8]) -> Option<()> {
        let mut contents = Der::new(bytes).sequence()?;
        while !contents.is_empty() {
            let (kind, content) = content_info(&mut contents)?;
            if kind != DATA {
                self.sealed = true;
                continue;
            }
            let bags = octets(content)?;
            read_either(&bags, &mut |bags| self.bags(bags, 0))?;
        }
        Some(())
    }

    fn bags(&mut self, bytes: &[u8], depth: usize) -> Option<()> {
        let mut bags = Der::new(bytes).sequence()?;
        while !bags.is_empty() {
            let mut bag = bags.sequence()?;
            let kind = bag.take(OID)?.strip_prefix(BAG);
            let content = bag.take(CONTEXT_0)?;
            let entry = match kind {
                Some([1]) => Entry {
                    kind: "private-key",
                    pem: Some(pem("PRIVATE KEY", content)),
                    ..Entry::default()
                },
                Some([2]) => Entry {
                    kind: "private-key",
                    encrypted: true,
                    pem: Some(pem("ENCRYPTED PRIVATE KEY", content)),
                    ..Entry::default()
                },
                Some([3]) => {
                    Entry { kind: "certificate", x509: certificate(content), ..Entry::default() }
                }
                // Java locks what is in it once more.
                Some([5]) => Entry { kind: "secret-key", encrypted: true, ..Entry::default() },
                Some([6]) if depth < MAX_BAGS => {
                    self.bags(content, depth + 1)?;
                    continue;
                }
                _ => continue,
            };
            if self.entries.len() == MAX_ENTRIES {
                return None;
            }
            self.entries.push(named(entry, bag.take(SET).unwrap_or_default()));
        }
        Some(())
    }

    /// Keys with the certificates that say they are theirs.
    fn told(mut self) -> Value {
        let certificates: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == "certificate")
            .filter_map(|entry| Some((entry.local_id.clone()?, entry.x509.clone()?)))
            .collect();
        for key in self.entries.iter_mut().filter(|entry| entry.kind == "private-key") {
            let id = key.local_id.as_ref();
            let own = certificates.iter().find(|(of, _)| Some(of) == id);
            key.x509 = own.map(|(_, certificate)| certificate.clone());
        }
        store("pkcs12", self.sealed, self.entries)
    }
}

fn certificate(bag: &[u8]) -> Option<Value> {
    let mut bag = Der::new(bag).sequence()?;
    if bag.take(OID)? != X509 {
        return None;
    }
    x509::from_der(&octets(bag.take(CONTEXT_0)?)?)
}

/// An entry with its attributes.
fn named(mut entry: Entry, attributes: &[u8]) -> Entry {
    let mut attributes = Der::new(attributes);
    while let Some(mut attribute) = attributes.sequence() {
        let (Some(kind), Some(values)) = (attribute.take(OID), attribute.take(SET)) else { break };
        let mut values = Der::new(values);
        if kind == FRIENDLY_NAME {
            entry.alias = values.take(BMP_STRING).map(utf16);
        } else if kind == LOCAL_KEY_ID {
            let id = values.take(OCTET_STRING).unwrap_or_default();
            entry.created = created(id);
            entry.local_id = Some(id.to_vec());
        }
    }
    entry
}

/// Java writes the time as the id.
fn created(id: &[u8]) -> Option<u64> {
    std::str::from_utf8(id).ok()?.strip_prefix("Time ")?.parse().ok()
}

fn utf16(bytes: &[u8]) -> String {
    super::utf16(bytes, u16::from_be_bytes)
}

/// DER as PEM.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while let Some((line, after)) =
        rest.split_at_checked(64).or((!rest.is_empty()).then_some((rest, "")))
    {
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + &format!("-----END {label}-----")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by the tools themselves; nobody's keys.
    const STORES: [(&str, &[u8]); 9] = [
        ("jks", include_bytes!("testdata/release.jks")),
        ("jks truststore", include_bytes!("testdata/trust.jks")),
        ("jceks", include_bytes!("testdata/secret.jceks")),
        ("p12 of keytool", include_bytes!("testdata/release.p12")),
        ("p12 of keytool, a secret key", include_bytes!("testdata/secret.p12")),
        ("p12 truststore", include_bytes!("testdata/trust.p12")),
        ("p12 of openssl", include_bytes!("testdata/client.p12")),
        ("p12 of openssl, open", include_bytes!("testdata/open.p12")),
        ("p12 of NSS", include_bytes!("testdata/nss.p12")),
    ];

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    fn bytes(name: &str) -> &'static [u8] {
        STORES.iter().find(|(of, _)| *of == name).expect("a store").1
    }

    /// Kind, sealed, and of each entry: kind, alias, whether locked, how its PEM begins, whose certificate.
    fn outline(bytes: &[u8]) -> Value {
        let document = read(bytes).unwrap_or_default();
        let entries = document["entries"].as_array().into_iter().flatten().map(|entry| {
            let label = entry["pem"].as_str().and_then(|pem| pem.split("-----").nth(1));
            json!([
                entry["kind"],
                entry["alias"],
                entry["encrypted"],
                label,
                entry["x509"]["subject"]["CN"]
            ])
        });
        json!([document["kind"], document["sealed"], entries.collect::<Vec<_>>()])
    }

    #[test]
    fn stores_of_the_tools() {
        let locked = "BEGIN ENCRYPTED PRIVATE KEY";
        let cases = [
            json!(["jks", false, [["private-key", "upload", true, locked, "Acme Release"]]]),
            json!(["jks", false, [["certificate", "root", false, null, "Acme Release"]]]),
            json!(["jceks", true, [["secret-key", "session", true, null, null]]]),
            json!(["pkcs12", true, [["private-key", "upload", true, locked, null]]]),
            json!(["pkcs12", false, [["secret-key", "session", true, null, null]]]),
            json!(["pkcs12", true, []]),
            json!(["pkcs12", true, [["private-key", "jane", true, locked, null]]]),
            json!([
                "pkcs12",
                false,
                [
                    ["certificate", "jane", false, null, "jane"],
                    ["private-key", "jane", false, "BEGIN PRIVATE KEY", "jane"],
                ]
            ]),
            json!(["pkcs12", true, [["private-key", "jane", true, locked, null]]]),
        ];
        for ((name, bytes), expected) in STORES.iter().zip(cases) {
            assert_eq!(outline(bytes), expected, "{name}");
        }
    }

    #[test]
    fn times_are_told() {
        for name in ["jks", "p12 of keytool"] {
            let created = read(bytes(name)).unwrap()["entries"][0]["created"].as_u64();
            assert!(created.is_some_and(|at| at > 1_790_000_000_000), "{name}");
        }
        assert_eq!(read(bytes("p12 of openssl")).unwrap()["entries"][0]["created"], Value::Null);
    }

    #[test]
    fn keys_are_pem() {
        let store = read(bytes("p12 of openssl, open")).unwrap();
        let key =
            crate::parse::private_key(store["entries"][1]["pem"].as_str().unwrap().as_bytes());
        assert_eq!(key.unwrap()["algorithm"], "ec");
    }

    /// As NSS and older Bouncy Castle write it: lengths left open, octets in parts.
    fn open_ended(der: &[u8]) -> Vec<u8> {
        let (tag, content) = (der[0], Der::new(der).take(der[0]).unwrap());
        let inner = match tag {
            OCTET_STRING => {
                let part = |part: &[u8]| {
                    [&[OCTET_STRING, u8::try_from(part.len()).unwrap()], part].concat()
                };
                content.chunks(100).flat_map(part).collect()
            }
            _ if tag & 0x20 != 0 => {
                let mut rest = content;
                let mut inner = Vec::new();
                while !rest.is_empty() {
                    let mut der = Der::new(rest);
                    der.take(rest[0]).unwrap();
                    let length = rest.len() - der.rest().len();
                    inner.extend(open_ended(&rest[..length]));
                    rest = &rest[length..];
                }
                inner
            }
            _ => return der.to_vec(),
        };
        [&[tag | 0x20, 0x80][..], &inner, &[0, 0]].concat()
    }

    #[test]
    fn ber() {
        for name in ["p12 of keytool", "p12 of openssl", "p12 of openssl, open", "p12 truststore"] {
            let ber = open_ended(bytes(name));
            assert_eq!(outline(&ber), outline(bytes(name)), "{name}");
        }
    }

    #[test]
    fn what_is_none() {
        let jks = bytes("jks");
        let cases: [&[u8]; 5] = [
            &jks[..100],
            b"0\x03\x02\x01\x02",
            b"\xfe\xed\xfe\xed\0\0\0\x09\0\0\0\0",
            b"\xfe\xed\xfe\xed\0\0\0\x02\xff\xff\xff\xff",
            b"0\x80\x02\x01\x03",
        ];
        for bytes in cases {
            assert_eq!(read(bytes), Err(MALFORMED));
        }
        assert_eq!(read(b""), Ok(Value::Null));
        assert_eq!(outline(b"-----BEGIN CERTIFICATE-----"), json!(["other", true, []]));
        assert_eq!(outline(b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\0"), json!(["jks", false, []]));
    }

    proptest! {
        #[test]
        fn damage_never_panics(which in 0..STORES.len(), ber in any::<bool>(), at in any::<prop::sample::Index>(), noise in any::<[u8; 2]>()) {
            let (name, whole) = STORES[which];
            let mut bytes = if ber && name.starts_with("p12") && whole[1] != 0x80 { open_ended(whole) } else { whole.to_vec() };
            let at = at.index(bytes.len() - 2);
            bytes[at..at + 2].copy_from_slice(&noise);
            let _ = read(&bytes);
            let _ = read(&bytes[..at]);
        }
    }
}
