//! X.509 certificates: whose, by whom, until when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde_json::{Value, json};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::der::Der;
use super::{Document, Format, MALFORMED, Options, Unreadable, pem};
use crate::extract::secret::hex;

/// Certificates, PEM or DER.
pub(super) const FORMAT: Format = Format {
    name: "x509",
    about: "array of certificates {subject: {CN, O: [], OU: []}, issuer: {CN, O: []}, not_before, not_after, serial, sans: [], emails: []}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Most alternative names, and most values of an attribute, that are told of a certificate.
const MAX_NAMES: usize = 1_000;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    if let Some(certificate) = from_der(bytes) {
        return Ok(Document(json!([certificate])));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| MALFORMED)?;
    let blocks = pem::blocks(text)?;
    let certificates = blocks.iter().filter(|block| block.is_certificate());
    let certificates = certificates.map(|block| from_der(&block.decoded()).ok_or(MALFORMED));
    certificates.collect::<Result<_, _>>().map(Value::Array).map(Document)
}

/// The first certificate in PEM, DER, or base64 of either.
#[allow(dead_code, reason = "for the native `x509` of filters")]
pub(crate) fn certificate(text_or_der: &[u8]) -> Option<Value> {
    plain(text_or_der).or_else(|| {
        let text = std::str::from_utf8(text_or_der).ok()?;
        plain(&pem::decoded(text)?)
    })
}

fn plain(bytes: &[u8]) -> Option<Value> {
    from_der(bytes).or_else(|| {
        let blocks = pem::blocks(std::str::from_utf8(bytes).ok()?).ok()?;
        from_der(&blocks.iter().find(|block| block.is_certificate())?.decoded())
    })
}

/// A certificate; what follows it (trust settings of OpenSSL) is ignored.
pub(super) fn from_der(der: &[u8]) -> Option<Value> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let (sans, alternative_emails) = alternative_names(&certificate);
    let subject = certificate.subject();
    let emails = texts(subject.iter_email()).chain(alternative_emails);
    Some(json!({
        "subject": {
            "CN": common_name(subject),
            "O": texts(subject.iter_organization()).collect::<Vec<_>>(),
            "OU": texts(subject.iter_organizational_unit()).collect::<Vec<_>>(),
        },
        "issuer": {
            "CN": common_name(certificate.issuer()),
            "O": texts(certificate.issuer().iter_organization()).collect::<Vec<_>>(),
        },
        "not_before": time(certificate.validity().not_before),
        "not_after": time(certificate.validity().not_after),
        "serial": serial(certificate.raw_serial()),
        "sans": sans,
        "emails": emails.collect::<Vec<_>>(),
    }))
}

/// The `SubjectPublicKeyInfo` of a certificate.
pub(super) fn public_key(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.subject_pki.raw)
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    texts(name.iter_common_name()).next()
}

fn texts<'a>(
    attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>,
) -> impl Iterator<Item = String> {
    attributes.filter_map(|attribute| attribute.as_str().ok().map(str::to_owned)).take(MAX_NAMES)
}

fn time(time: ASN1Time) -> Option<String> {
    Timestamp::from_second(time.timestamp()).ok().map(|time| time.to_string())
}

/// Lower-case hex without the zero that keeps a number positive.
fn serial(number: &[u8]) -> String {
    match number {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        _ => hex(number),
    }
}

/// Names and, apart from them, mail addresses.
fn alternative_names(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<String>) {
    let (mut names, mut emails) = (Vec::new(), Vec::new());
    for extension in certificate.extensions() {
        let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension()
        else {
            continue;
        };
        for name in alternatives.general_names.iter().take(MAX_NAMES) {
            match name {
                GeneralName::RFC822Name(email) => emails.push((*email).to_owned()),
                GeneralName::DNSName(name) | GeneralName::URI(name) => {
                    names.push((*name).to_owned());
                }
                GeneralName::IPAddress(address) => names.extend(ip(address)),
                GeneralName::OtherName(kind, value) => {
                    names.extend(principal(kind.as_bytes(), value));
                }
                _ => {}
            }
        }
    }
    (names, emails)
}

fn ip(address: &[u8]) -> Option<String> {
    let address: IpAddr = match address.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).into(),
        _ => return None,
    };
    Some(address.to_string())
}

/// A user principal name, which Windows puts into certificates for logging in.
fn principal(kind: &[u8], value: &[u8]) -> Option<String> {
    const USER_PRINCIPAL_NAME: &[u8] =
        &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03];
    const UTF8_STRING: u8 = 0x0c;
    if kind != USER_PRINCIPAL_NAME {
        return None;
    }
    let value = Der::new(value).take(super::der::CONTEXT_0).unwrap_or(value);
    let name = Der::new(value).take(UTF8_STRING)?;
    std::str::from_utf8(name).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use proptest::prelude::*;

    use super::*;

    const PEM: &str = include_str!("testdata/certificate.pem");

    fn der() -> Vec<u8> {
        pem::blocks(PEM).unwrap()[0].decoded()
    }

    fn expected() -> Value {
        json!({
            "subject": {"CN": "kim", "O": ["system:masters", "devs"], "OU": ["Ops"]},
            "issuer": {"CN": "kim", "O": ["system:masters", "devs"]},
            "not_before": "2026-11-24T07:17:02Z",
            "not_after": "2027-11-24T07:17:02Z",
            "serial": "f00dfeed",
            "sans": ["box.example", "10.0.0.7", "fd00::7", "spiffe://corp.example/kim", "kim@ad.example"],
            "emails": ["kim@corp.example", "ops@corp.example"],
        })
    }

    #[test]
    fn a_certificate_in_every_coat() {
        let twice = BASE64.encode(PEM);
        let once = BASE64.encode(der());
        for bytes in [PEM.as_bytes(), &der(), twice.as_bytes(), once.as_bytes()] {
            assert_eq!(certificate(bytes), Some(expected()));
        }
        for bytes in [&b""[..], b"null", b"e30=", &der()[..500], &PEM.as_bytes()[..500]] {
            assert_eq!(certificate(bytes), None);
        }
    }

    #[test]
    fn documents() {
        let chain =
            format!("{PEM}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{PEM}");
        let damaged = PEM.replace("MII", "MIA");
        let cases: [(&[u8], Result<Value, Unreadable>); 5] = [
            (chain.as_bytes(), Ok(json!([expected(), expected()]))),
            (&der(), Ok(json!([expected()]))),
            (b"", Ok(json!([]))),
            (damaged.as_bytes(), Err(MALFORMED)),
            (&der()[..500], Err(MALFORMED)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(document(bytes, Options::default()).map(|document| document.0), expected);
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in any::<prop::sample::Index>(), noise in any::<[u8; 2]>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = der();
            let at = at.index(bytes.len() - 2);
            bytes[at..at + 2].copy_from_slice(&noise);
            bytes.truncate(cut.index(bytes.len() * 2));
            let _ = certificate(&bytes);
            let _ = public_key(&bytes);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = certificate(&bytes);
        }
    }
}
