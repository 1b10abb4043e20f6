//! PEM blocks (RFC 7468), and what the keys in them say of themselves without being unlocked.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::der::{BIT_STRING, CONTEXT_0, Der, INTEGER, OCTET_STRING, OID, bits};
use super::{Document, Format, Malformed, Options, Unreadable, x509};

/// PEM files.
pub(super) const FORMAT: Format = Format {
    name: "pem",
    about: "array of {label, pem, kind, encrypted, algorithm, bits, comment, line, x509}, one a block",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Private keys of SSH, which are PEM to the eye.
pub(super) const SSH_KEY: Format =
    Format { name: "ssh-key", about: "private keys of OpenSSH; the same array as `pem`", ..FORMAT };

/// Most blocks a file may have.
const MAX_BLOCKS: usize = 1_000;

/// Longest block, in bytes.
const MAX_BLOCK: usize = 1 << 20;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Base64 as people paste it: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    let blocks = blocks(&text)?;
    Ok(Document(blocks.iter().map(described).collect()))
}

/// One block of a file.
pub(super) struct Block<'a> {
    /// What stands after `BEGIN`.
    pub(super) label: &'a str,
    /// 1-based line of `BEGIN`.
    pub(super) line: u64,
    /// The lines between, trimmed.
    lines: Vec<&'a str>,
}

/// The blocks of a text; what stands between them is ignored.
///
/// # Errors
/// A block that does not end, or one past the bounds.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, Unreadable> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block<'_>, usize)> = None;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
        if let Some(label) = marked(line, BEGIN) {
            open = Some((Block { label, line: number, lines: Vec::new() }, 0));
            continue;
        }
        let Some((mut block, size)) = open.take() else { continue };
        if marked(line, END) == Some(block.label) {
            blocks.push(block);
            if blocks.len() > MAX_BLOCKS {
                return Err(malformed_at(number));
            }
            continue;
        }
        let size = size + line.len() + 1;
        if size > MAX_BLOCK {
            return Err(malformed_at(block.line));
        }
        block.lines.push(line);
        open = Some((block, size));
    }
    match open {
        Some((block, _)) => Err(malformed_at(block.line)),
        None => Ok(blocks),
    }
}

fn malformed_at(line: u64) -> Unreadable {
    Unreadable::Malformed(Malformed { line: Some(line), column: None })
}

fn marked<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.strip_prefix(mark)?.strip_suffix(DASHES)
}

impl Block<'_> {
    /// The bytes that the block encodes: nothing where it is not base64.
    pub(super) fn decoded(&self) -> Vec<u8> {
        let (_, body) = self.headers_and_body();
        // OpenPGP ends its armor with a checksum on a line of its own.
        let body: String = body.iter().copied().filter(|line| !line.starts_with('=')).collect();
        decoded(&body).unwrap_or_default()
    }

    /// `BEGIN` to `END` with LF and no final newline.
    fn text(&self) -> String {
        let Self { label, lines, .. } = self;
        let begin = format!("{BEGIN}{label}{DASHES}");
        let end = format!("{END}{label}{DASHES}");
        let between = lines.iter().copied();
        [begin.as_str()]
            .into_iter()
            .chain(between)
            .chain([end.as_str()])
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Headers as RFC 1421 has them stand before an empty line.
    fn headers_and_body(&self) -> (&[&str], &[&str]) {
        match self.lines.iter().position(|line| line.is_empty()) {
            Some(end) if self.lines[..end].iter().any(|line| line.contains(':')) => {
                self.lines.split_at(end)
            }
            _ => (&[], &self.lines),
        }
    }

    fn is_locked_by_headers(&self) -> bool {
        let (headers, _) = self.headers_and_body();
        headers
            .iter()
            .any(|header| header.starts_with("Proc-Type:") && header.contains("ENCRYPTED"))
    }

    /// Whether it holds a certificate.
    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }
}

/// The bytes of a text in base64, which may be folded.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    BASE64.decode(text).ok()
}

fn described(block: &Block<'_>) -> Value {
    let content = block.decoded();
    let key = Key::of(block, &content);
    json!({
        "label": block.label,
        "pem": block.text(),
        "kind": kind(block),
        "encrypted": key.encrypted,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "comment": key.comment,
        "line": block.line,
        "x509": if block.is_certificate() { x509::from_der(&content) } else { None },
    })
}

fn kind(block: &Block<'_>) -> &'static str {
    match block.label {
        label if label.ends_with("PRIVATE KEY") => "private-key",
        label if label.ends_with("PUBLIC KEY") => "public-key",
        _ if block.is_certificate() => "certificate",
        _ => "other",
    }
}

/// What can be told of a key without unlocking it.
#[derive(Default)]
struct Key {
    encrypted: bool,
    algorithm: Option<&'static str>,
    bits: Option<u64>,
    comment: Option<String>,
}

impl Key {
    fn of(block: &Block<'_>, content: &[u8]) -> Self {
        let locked = block.is_locked_by_headers();
        // What headers lock is noise, but the label names the algorithm.
        let readable = if locked { &[] } else { content };
        let key = match block.label {
            "OPENSSH PRIVATE KEY" => return openssh(content).unwrap_or_default(),
            "ENCRYPTED PRIVATE KEY" => return Self { encrypted: true, ..Self::default() },
            "RSA PRIVATE KEY" => {
                Self { algorithm: Some("rsa"), ..Self::sized(second_integer(readable)) }
            }
            "DSA PRIVATE KEY" => {
                Self { algorithm: Some("dsa"), ..Self::sized(second_integer(readable)) }
            }
            "EC PRIVATE KEY" => Self { algorithm: Some("ec"), ..Self::sized(sec1(readable)) },
            "RSA PUBLIC KEY" => Self { algorithm: Some("rsa"), ..Self::sized(modulus(readable)) },
            "PUBLIC KEY" => public(readable).unwrap_or_default(),
            _ if block.is_certificate() => {
                x509::public_key(content).and_then(public).unwrap_or_default()
            }
            label if label.ends_with("PRIVATE KEY") => pkcs8(readable).unwrap_or_default(),
            _ => Self::default(),
        };
        Self { encrypted: locked, ..key }
    }

    fn sized(bits: Option<u64>) -> Self {
        Self { bits, ..Self::default() }
    }
}

/// Version, then the modulus (PKCS#1) or the prime (DSA).
fn second_integer(der: &[u8]) -> Option<u64> {
    let mut fields = Der::new(der).sequence()?;
    fields.take(INTEGER)?;
    fields.integer_bits()
}

/// `RSAPublicKey`: modulus and exponent.
fn modulus(der: &[u8]) -> Option<u64> {
    Der::new(der).sequence()?.integer_bits()
}

/// `ECPrivateKey` (RFC 5915): version, key, curve, public key.
fn sec1(der: &[u8]) -> Option<u64> {
    let mut fields = Der::new(der).sequence()?;
    fields.take(INTEGER)?;
    fields.take(OCTET_STRING)?;
    curve_bits(Der::new(fields.take(CONTEXT_0)?).take(OID)?)
}

/// `PrivateKeyInfo` (RFC 5958): version, algorithm, key.
fn pkcs8(der: &[u8]) -> Option<Key> {
    let mut fields = Der::new(der).sequence()?;
    fields.take(INTEGER)?;
    let algorithm = Algorithm::read(fields.sequence()?)?;
    let key = fields.take(OCTET_STRING)?;
    Some(algorithm.key(second_integer(key)))
}

/// `SubjectPublicKeyInfo` (RFC 5280): algorithm, key.
fn public(der: &[u8]) -> Option<Key> {
    let mut fields = Der::new(der).sequence()?;
    let algorithm = Algorithm::read(fields.sequence()?)?;
    let (_unused_bits, key) = fields.take(BIT_STRING)?.split_first()?;
    Some(algorithm.key(modulus(key)))
}

/// `AlgorithmIdentifier`: what it is, and its size where that does not lie in the key.
struct Algorithm {
    name: &'static str,
    bits: Option<u64>,
}

impl Algorithm {
    fn read(mut fields: Der<'_>) -> Option<Self> {
        let (name, bits) = match fields.take(OID)? {
            // rsaEncryption and id-RSASSA-PSS, RFC 8017
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 | 0x0a] => ("rsa", None),
            // id-ecPublicKey, RFC 5480
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => {
                ("ec", fields.take(OID).and_then(curve_bits))
            }
            // id-dsa, RFC 3279: its parameters begin with the prime
            [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => {
                ("dsa", fields.sequence().and_then(|mut parameters| parameters.integer_bits()))
            }
            // RFC 8410
            [0x2b, 0x65, 0x6e] => ("x25519", Some(256)),
            [0x2b, 0x65, 0x6f] => ("x448", Some(448)),
            [0x2b, 0x65, 0x70] => ("ed25519", Some(256)),
            [0x2b, 0x65, 0x71] => ("ed448", Some(456)),
            _ => return None,
        };
        Some(Self { name, bits })
    }

    fn key(self, modulus: Option<u64>) -> Key {
        let bits = if self.name == "rsa" { modulus } else { self.bits };
        Key { algorithm: Some(self.name), bits, ..Key::default() }
    }
}

/// Size of a named curve (SEC 2, RFC 5639).
pub(super) fn curve_bits(oid: &[u8]) -> Option<u64> {
    const X9_62: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01];
    const SECG: &[u8] = &[0x2b, 0x81, 0x04, 0x00];
    const BRAINPOOL: &[u8] = &[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01];
    let (curve, family) = oid.split_last()?;
    Some(match (family, curve) {
        (X9_62, 0x01) => 192,
        (SECG, 0x21) => 224,
        (X9_62 | BRAINPOOL, 0x07) | (SECG, 0x0a) => 256,
        (SECG, 0x22) | (BRAINPOOL, 0x0b) => 384,
        (BRAINPOOL, 0x0d) => 512,
        (SECG, 0x23) => 521,
        _ => return None,
    })
}

/// OpenSSH's own container (PROTOCOL.key in its source): cipher, key derivation and its options, count, public key, private part.
fn openssh(container: &[u8]) -> Option<Key> {
    let mut fields = Cursor::new(container);
    fields.literal(b"openssh-key-v1\0")?;
    let encrypted = fields.block()? != b"none";
    let (_derivation, _options, _count) = (fields.block()?, fields.block()?, fields.u32()?);
    let public = fields.block()?;
    let comment = fields.block().filter(|_| !encrypted).and_then(openssh_comment);
    let (algorithm, bits) = ssh_public(public).unzip();
    Some(Key { encrypted, algorithm, bits: bits.flatten(), comment })
}

/// Algorithm and size of a public key of SSH (RFC 4253, 5656, 8709; `sk-` lives in a security key).
pub(super) fn ssh_public(blob: &[u8]) -> Option<(&'static str, Option<u64>)> {
    let mut fields = Cursor::new(blob);
    let kind = std::str::from_utf8(fields.block()?).ok()?;
    let algorithm = ssh_algorithm(kind)?;
    let size = match algorithm {
        "rsa" => fields.block().and_then(|_exponent| fields.block()).map(bits),
        "dsa" => fields.block().map(bits),
        "ed25519" | "ed25519-sk" => Some(256),
        "ed448" => Some(456),
        _ => kind.split_once("nistp").and_then(|(_, size)| size.split('@').next()?.parse().ok()),
    };
    Some((algorithm, size))
}

/// SSH's name of an algorithm in our words.
pub(super) fn ssh_algorithm(name: &str) -> Option<&'static str> {
    Some(match name {
        "ssh-rsa" => "rsa",
        "ssh-dss" => "dsa",
        "ssh-ed25519" => "ed25519",
        "ssh-ed448" => "ed448",
        "sk-ssh-ed25519@openssh.com" => "ed25519-sk",
        "sk-ecdsa-sha2-nistp256@openssh.com" => "ec-sk",
        _ if name.starts_with("ecdsa-sha2-") => "ec",
        _ => return None,
    })
}

/// What follows the first key of a private part that is not encrypted.
fn openssh_comment(private: &[u8]) -> Option<String> {
    let mut fields = Cursor::new(private);
    let (check, repeated) = (fields.u32()?, fields.u32()?);
    if check != repeated {
        return None;
    }
    let (before, flags, after) = match ssh_algorithm(std::str::from_utf8(fields.block()?).ok()?)? {
        "rsa" => (6, 0, 0),
        "dsa" => (5, 0, 0),
        "ec" => (3, 0, 0),
        // Public key and application, flags, handle, reserved.
        "ed25519-sk" => (2, 1, 2),
        "ec-sk" => (3, 1, 2),
        _ => (2, 0, 0),
    };
    for _ in 0..before {
        fields.block()?;
    }
    fields.take(flags)?;
    for _ in 0..after {
        fields.block()?;
    }
    let comment = std::str::from_utf8(fields.block()?).ok()?;
    (!comment.is_empty()).then(|| comment.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by ssh-keygen and openssl for this test; they open nothing.
    const KEYS: &str = include_str!("testdata/keys.pem");

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    #[test]
    fn keys_tell_what_they_are() {
        const OPENSSH: &str = "OPENSSH PRIVATE KEY";
        #[rustfmt::skip]
        let expected = [
            (OPENSSH,                 1,   "private-key", false, Some("ed25519"), Some(256),  Some("kim@box")),
            (OPENSSH,                 9,   "private-key", false, Some("ec"),      Some(384),  Some("kim@ec")),
            (OPENSSH,                 19,  "private-key", false, Some("rsa"),     Some(1024), Some("rsa comment")),
            (OPENSSH,                 35,  "private-key", false, Some("dsa"),     Some(1024), Some("dsa comment")),
            (OPENSSH,                 56,  "private-key", true,  Some("ed25519"), Some(256),  None),
            (OPENSSH,                 64,  "private-key", false, Some("ed25519"), Some(256),  None),
            ("RSA PRIVATE KEY",       71,  "private-key", false, Some("rsa"),     Some(1024), None),
            ("RSA PRIVATE KEY",       86,  "private-key", true,  Some("rsa"),     None,       None),
            ("PRIVATE KEY",           104, "private-key", false, Some("rsa"),     Some(1024), None),
            ("ENCRYPTED PRIVATE KEY", 120, "private-key", true,  None,            None,       None),
            ("EC PARAMETERS",         138, "other",       false, None,            None,       None),
            ("EC PRIVATE KEY",        141, "private-key", false, Some("ec"),      Some(256),  None),
            ("PRIVATE KEY",           146, "private-key", false, Some("ec"),      Some(256),  None),
            ("PRIVATE KEY",           151, "private-key", false, Some("ed25519"), Some(256),  None),
            ("PRIVATE KEY",           154, "private-key", false, Some("ed448"),   Some(456),  None),
            ("PRIVATE KEY",           158, "private-key", false, Some("x25519"),  Some(256),  None),
            ("PRIVATE KEY",           161, "private-key", false, Some("dsa"),     Some(1024), None),
            ("DSA PRIVATE KEY",       171, "private-key", false, Some("dsa"),     Some(1024), None),
            ("PUBLIC KEY",            183, "public-key",  false, Some("rsa"),     Some(1024), None),
            ("RSA PUBLIC KEY",        189, "public-key",  false, Some("rsa"),     Some(1024), None),
            ("PUBLIC KEY",            194, "public-key",  false, Some("ed25519"), Some(256),  None),
            ("CERTIFICATE",           197, "certificate", false, Some("ec"),      Some(256),  None),
        ];
        let blocks = read(KEYS.as_bytes()).unwrap();
        let blocks = blocks.as_array().unwrap();
        assert_eq!(blocks.len(), expected.len());
        for (block, (label, line, kind, encrypted, algorithm, bits, comment)) in
            blocks.iter().zip(expected)
        {
            let mut told = block.clone();
            let text = told["pem"].take();
            assert!(KEYS.contains(text.as_str().unwrap()), "{label} at {line}");
            assert_eq!(told["x509"].take().is_object(), kind == "certificate");
            let expected = json!({
                "label": label, "pem": null, "kind": kind, "encrypted": encrypted, "algorithm": algorithm,
                "bits": bits, "comment": comment, "line": line, "x509": null,
            });
            assert_eq!(told, expected);
        }
    }

    /// PROTOCOL.key and PROTOCOL.u2f of OpenSSH: what such a file holds is a handle, the key stays in the token.
    #[test]
    fn keys_in_security_keys() {
        let string =
            |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat();
        let kind = string(b"sk-ssh-ed25519@openssh.com");
        let public = [&kind[..], &string(&[1; 32]), &string(b"ssh:")].concat();
        let private = [
            &[7; 8],
            &public[..],
            &[1],
            &string(&[9; 64]),
            &string(b""),
            &string(b"kim@token"),
            &[1, 2],
        ]
        .concat();
        let container = [
            &b"openssh-key-v1\0"[..],
            &string(b"none"),
            &string(b"none"),
            &string(b""),
            &[0, 0, 0, 1],
            &string(&public),
            &string(&private),
        ];
        let key = openssh(&container.concat()).unwrap();
        assert!(!key.encrypted);
        assert_eq!((key.algorithm, key.bits), (Some("ed25519-sk"), Some(256)));
        assert_eq!(key.comment.as_deref(), Some("kim@token"));
    }

    #[test]
    fn blocks_are_cut_out_of_what_surrounds_them() {
        let tidy = "-----BEGIN X-----\nAAAA\n-----END X-----";
        let malformed = |line| Err(malformed_at(line));
        let cases = [
            ("", Ok(vec![])),
            ("no key here\n", Ok(vec![])),
            ("\u{feff}-----BEGIN X-----\r\nAAAA\r\n-----END X-----\r\n", Ok(vec![(1, tidy)])),
            ("key: |\n  -----BEGIN X-----\n  AAAA\n  -----END X-----", Ok(vec![(2, tidy)])),
            ("-----BEGIN Y-----\n-----BEGIN X-----\nAAAA\n-----END X-----\n", Ok(vec![(2, tidy)])),
            ("\n-----BEGIN X-----\nAAAA\n", malformed(2)),
            ("-----BEGIN X-----\nAAAA\n-----END Y-----\n", malformed(1)),
        ];
        for (text, expected) in cases {
            let blocks = blocks(text).map(|blocks| {
                blocks.iter().map(|block| (block.line, block.text())).collect::<Vec<_>>()
            });
            let expected = expected.map(|blocks: Vec<(u64, &str)>| {
                blocks.into_iter().map(|(line, text)| (line, text.to_owned())).collect()
            });
            assert_eq!(blocks, expected, "{text}");
        }
    }

    #[test]
    fn bounds() {
        let many = "-----BEGIN X-----\n-----END X-----\n".repeat(MAX_BLOCKS);
        assert_eq!(blocks(&many).unwrap().len(), MAX_BLOCKS);
        let more = format!("{many}{}", &many[..34]);
        assert_eq!(blocks(&more).err(), Some(malformed_at(2002)));
        let long = format!("-----BEGIN X-----\n{}\n-----END X-----\n", "A".repeat(MAX_BLOCK));
        assert_eq!(blocks(&long).err(), Some(malformed_at(1)));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in any::<prop::sample::Index>(), noise in any::<[u8; 3]>()) {
            let mut bytes = KEYS.as_bytes().to_vec();
            let at = at.index(bytes.len() - 3);
            bytes[at..at + 3].copy_from_slice(&noise);
            let _ = read(&bytes);
        }

        /// Damage below the base64, where it meets the binary layouts.
        #[test]
        fn damaged_content_never_panics(block in 0..22_usize, at in any::<prop::sample::Index>(), noise in any::<[u8; 2]>(), cut in any::<prop::sample::Index>()) {
            let blocks = blocks(KEYS).unwrap();
            let mut content = blocks[block].decoded();
            let at = at.index(content.len() - 2);
            content[at..at + 2].copy_from_slice(&noise);
            content.truncate(cut.index(content.len() * 2));
            let _ = Key::of(&blocks[block], &content);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), label in "(OPENSSH |EC |RSA |DSA |)PRIVATE KEY|PUBLIC KEY|CERTIFICATE") {
            let _ = read(&bytes);
            let _ = Key::of(&Block { label: &label, line: 1, lines: vec![] }, &bytes);
        }
    }
}
