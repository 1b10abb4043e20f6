//! `OpenPGP` keys: exported blocks and old keyrings, `GnuPG`'s keybox, and the files of its agent.
//!
//! A file of the agent names nobody, and a keybox holds no secret; `public` is what the two have in common.
//! Layouts: RFC 4880, RFC 9580; `doc/keyformat.txt` and `kbx/keybox-blob.c` of `GnuPG`.

use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Document, Format, MALFORMED, Options, Unreadable, pem};

/// `OpenPGP` keys in all their files.
pub(super) const FORMAT: Format = Format {
    name: "gpg",
    about: "array of keys and subkeys {kind: private-key|public-key, primary, encrypted, stub: card|offline, algorithm, bits, \
            user_ids, created, expires, revoked, fingerprint, public, secret}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Most keys, subkeys included, that a file may have.
const MAX_KEYS: usize = 5_000;

/// Most user ids of a key that are told, and the longest, in bytes.
const MAX_USER_IDS: usize = 16;
const MAX_USER_ID: usize = 1_024;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let keys = if bytes.get(8..12) == Some(b"KBXf") {
        keybox::keys(bytes)
    } else if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        packets::keys(bytes)
    } else {
        text(std::str::from_utf8(bytes).ok(), bytes)?
    };
    let keys = keys.filter(|keys| keys.len() <= MAX_KEYS).ok_or(MALFORMED)?;
    Ok(Document(keys.into_iter().map(Key::into_value).collect()))
}

/// Armored blocks or a file of the agent.
fn text(text: Option<&str>, bytes: &[u8]) -> Result<Option<Vec<Key>>, Unreadable> {
    let Some(text) = text.filter(|text| text.contains("-----BEGIN PGP ")) else {
        return Ok(agent::key(bytes).map(|key| vec![key]));
    };
    let mut keys = Vec::new();
    for block in pem::blocks(text)?.iter().filter(|block| block.label.ends_with("KEY BLOCK")) {
        match packets::keys(&block.decoded()) {
            Some(found) => keys.extend(found),
            None => return Ok(None),
        }
    }
    Ok(Some(keys))
}

/// One key or subkey. Holds the secret's text.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct Key {
    private: bool,
    primary: bool,
    encrypted: bool,
    /// Where the secret is instead: on a card, or kept apart.
    stub: Option<&'static str>,
    algorithm: Option<&'static str>,
    bits: Option<u64>,
    user_ids: Vec<String>,
    /// Seconds since 1970.
    created: Option<i64>,
    /// Seconds since 1970.
    expires: Option<i64>,
    revoked: bool,
    fingerprint: Option<String>,
    /// The number or point that is the public key, in hex.
    public: Option<String>,
    secret: Option<String>,
}

impl Key {
    fn into_value(self) -> Value {
        json!({
            "kind": if self.private { "private-key" } else { "public-key" },
            "primary": self.primary,
            "encrypted": self.encrypted,
            "stub": self.stub,
            "algorithm": self.algorithm,
            "bits": self.bits,
            "user_ids": self.user_ids,
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
            "fingerprint": self.fingerprint,
            "public": self.public,
            "secret": self.secret,
        })
    }
}

/// Numbers are written with and without leading zeros.
fn hex_number(number: &[u8]) -> String {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    crate::extract::secret::hex(&number[start..])
}

/// `OpenPGP` packets.
mod packets {
    use base64::Engine as _;
    use sha1::{Digest as _, Sha1};
    use sha2::Sha256;

    use super::super::cursor::Cursor;
    use super::super::der::bits;
    use super::{BASE64, Key, MAX_KEYS, MAX_USER_ID, MAX_USER_IDS, hex_number};
    use crate::extract::secret::hex;

    // Tags of packets.
    const SIGNATURE: u8 = 2;
    const SECRET_KEY: u8 = 5;
    const PUBLIC_KEY: u8 = 6;
    const SECRET_SUBKEY: u8 = 7;
    const USER_ID: u8 = 13;
    const PUBLIC_SUBKEY: u8 = 14;

    // Kinds of signatures.
    const CERTIFICATION_FIRST: u8 = 0x10;
    const CERTIFICATION_LAST: u8 = 0x13;
    const SUBKEY_BINDING: u8 = 0x18;
    const DIRECT: u8 = 0x1f;
    const REVOCATION: u8 = 0x20;
    const SUBKEY_REVOCATION: u8 = 0x28;

    /// `GnuPG`'s own "string to key": no passphrase, for there is nothing to unlock.
    const NONE_HERE: u8 = 101;

    /// The keys of a transferable key, or of several one after the other. None for anything that is cut off or no packets at all.
    /// A message or a signature, which begins with another packet, has none.
    pub(super) fn keys(bytes: &[u8]) -> Option<Vec<Key>> {
        if begins_a_message(*bytes.first()?) {
            return Some(Vec::new());
        }
        let mut packets = Cursor::new(bytes);
        let mut keys: Vec<Dated> = Vec::new();
        let mut primary = 0;
        while !packets.is_empty() {
            let (tag, body) = packet(&mut packets)?;
            match tag {
                SECRET_KEY | PUBLIC_KEY => {
                    primary = keys.len();
                    keys.push(Dated::of(key(body, tag)?));
                }
                SECRET_SUBKEY | PUBLIC_SUBKEY => {
                    let user_ids = keys.get(primary)?.key.user_ids.clone();
                    keys.push(Dated::of(Key { user_ids, ..key(body, tag)? }));
                }
                USER_ID => name(&mut keys.get_mut(primary)?.key, body),
                SIGNATURE => sign(&mut keys, primary, body),
                _ => {}
            }
            if keys.len() > MAX_KEYS {
                return None;
            }
        }
        Some(keys.into_iter().map(|dated| dated.key).collect())
    }

    /// Whether a packet with this header stands first in a message (RFC 4880, 11.3): session keys, a signature, and what is signed,
    /// compressed or encrypted.
    fn begins_a_message(header: u8) -> bool {
        let tag = if header & 0x40 != 0 { header & 0x3f } else { header >> 2 & 0xf };
        matches!(tag, 1..=4 | 8 | 9 | 11 | 18 | 20)
    }

    fn name(key: &mut Key, user_id: &[u8]) {
        if user_id.len() <= MAX_USER_ID && key.user_ids.len() < MAX_USER_IDS {
            key.user_ids.push(String::from_utf8_lossy(user_id).into_owned());
        }
    }

    fn packet<'a>(packets: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
        let header = packets.u8().filter(|header| header & 0x80 != 0)?;
        let (tag, length) = if header & 0x40 != 0 {
            (header & 0x3f, new_length(packets, 255)?)
        } else {
            let length = match header & 3 {
                0 => packets.u8()?.into(),
                1 => packets.u16()?.into(),
                2 => packets.u32()?,
                // "Until the end" is for streams.
                _ => return None,
            };
            (header >> 2 & 0xf, length)
        };
        Some((tag, packets.take(usize::try_from(length).ok()?)?))
    }

    /// Length of a packet or, with the same first two forms, of a subpacket. Partial lengths are for streams.
    fn new_length(fields: &mut Cursor<'_>, two_bytes_below: u8) -> Option<u32> {
        let first = fields.u8()?;
        match first {
            0..192 => Some(first.into()),
            255 => fields.u32(),
            224..255 if two_bytes_below == 255 => None,
            _ => Some(((u32::from(first) - 192) << 8) + u32::from(fields.u8()?) + 192),
        }
    }

    /// A key and the self-signature that counts so far: the newest.
    struct Dated {
        key: Key,
        signed: Option<u32>,
    }

    impl Dated {
        fn of(key: Key) -> Self {
            Self { key, signed: None }
        }
    }

    /// Body of a key packet. Unknown versions and algorithms are keys of which little is told.
    fn key(body: &[u8], tag: u8) -> Option<Key> {
        let private = matches!(tag, SECRET_KEY | SECRET_SUBKEY);
        let mut fields = Cursor::new(body);
        let version = fields.u8()?;
        let created = fields.u32()?;
        if version < 4 {
            fields.u16()?;
        }
        let algorithm = fields.u8()?;
        if version > 4 {
            fields.u32()?;
        }
        let mut key = Key {
            private,
            primary: matches!(tag, SECRET_KEY | PUBLIC_KEY),
            created: Some(created.into()),
            secret: private.then(|| BASE64.encode(body)),
            ..Key::default()
        };
        let Some(public) = Public::read(&mut fields, algorithm) else {
            // What cannot be told apart from the secret is taken for locked.
            key.encrypted = private;
            return Some(key);
        };
        key.algorithm = Some(public.algorithm);
        key.bits = public.bits;
        key.public = Some(hex_number(public.number));
        key.fingerprint = fingerprint(version, &body[..body.len() - fields.rest().len()]);
        if private {
            (key.encrypted, key.stub) = lock(&mut fields, version)?;
        }
        Some(key)
    }

    struct Public<'a> {
        algorithm: &'static str,
        bits: Option<u64>,
        number: &'a [u8],
    }

    impl<'a> Public<'a> {
        fn read(fields: &mut Cursor<'a>, algorithm: u8) -> Option<Self> {
            let (algorithm, number) = match algorithm {
                1..=3 => ("rsa", first_of(fields, 2)?),
                16 | 20 => ("elgamal", first_of(fields, 3)?),
                17 => {
                    let prime = mpi(fields)?;
                    let (_order, _generator, number) = (mpi(fields)?, mpi(fields)?, mpi(fields)?);
                    return Some(Self { algorithm: "dsa", bits: Some(bits(prime)), number });
                }
                18 | 19 | 22 => {
                    let (name, size) = curve(octets(fields)?)?;
                    let number = mpi(fields)?;
                    if algorithm == 18 {
                        let _derivation = octets(fields)?;
                    }
                    return Some(Self { algorithm: name, bits: Some(size), number });
                }
                25 => ("x25519", fields.take(32)?),
                26 => ("x448", fields.take(56)?),
                27 => ("ed25519", fields.take(32)?),
                28 => ("ed448", fields.take(57)?),
                _ => return None,
            };
            let bits = match algorithm {
                "rsa" | "elgamal" => bits(number),
                _ => number.len() as u64 * 8,
            };
            Some(Self { algorithm, bits: Some(bits), number })
        }
    }

    /// The first of so many numbers.
    fn first_of<'a>(fields: &mut Cursor<'a>, count: usize) -> Option<&'a [u8]> {
        let first = mpi(fields)?;
        for _ in 1..count {
            mpi(fields)?;
        }
        Some(first)
    }

    fn mpi<'a>(fields: &mut Cursor<'a>) -> Option<&'a [u8]> {
        let bits = usize::from(fields.u16()?);
        fields.take(bits.div_ceil(8))
    }

    fn octets<'a>(fields: &mut Cursor<'a>) -> Option<&'a [u8]> {
        let length = fields.u8()?;
        fields.take(length.into())
    }

    fn curve(oid: &[u8]) -> Option<(&'static str, u64)> {
        Some(match oid {
            [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01] => ("ed25519", 256),
            [0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01] => ("x25519", 256),
            [0x2b, 0x65, 0x71] => ("ed448", 456),
            [0x2b, 0x65, 0x6f] => ("x448", 448),
            _ => ("ec", super::super::pem::curve_bits(oid)?),
        })
    }

    /// Of the body up to the end of the public part (RFC 9580, 5.5.4).
    fn fingerprint(version: u8, public: &[u8]) -> Option<String> {
        let length = u32::try_from(public.len()).ok()?.to_be_bytes();
        match version {
            4 => {
                let digest = Sha1::new()
                    .chain_update([0x99])
                    .chain_update(&length[2..])
                    .chain_update(public);
                Some(hex(&digest.finalize()))
            }
            5 | 6 => {
                let digest = Sha256::new()
                    .chain_update([0x95 + version])
                    .chain_update(length)
                    .chain_update(public);
                Some(hex(&digest.finalize()))
            }
            _ => None,
        }
    }

    /// Whether what follows the public part is encrypted, or a stub without a secret.
    fn lock(fields: &mut Cursor<'_>, version: u8) -> Option<(bool, Option<&'static str>)> {
        let usage = fields.u8()?;
        if usage == 0 {
            return Some((false, None));
        }
        if version > 4 {
            fields.u8()?;
        }
        if !(253..=255).contains(&usage) {
            return Some((true, None));
        }
        let _cipher = fields.u8()?;
        if usage == 253 {
            fields.u8()?;
        }
        if fields.u8()? != NONE_HERE {
            return Some((true, None));
        }
        fields.u8()?;
        fields.literal(b"GNU")?;
        let stub = if fields.u8()? == 2 { "card" } else { "offline" };
        Some((false, Some(stub)))
    }

    /// Takes over what a signature of the primary key says of the last key. It is not verified: nothing rests on it but a date.
    fn sign(keys: &mut [Dated], primary: usize, body: &[u8]) {
        let Some(signature) = Signature::read(body) else { return };
        let signer = keys.get(primary).and_then(|dated| dated.key.fingerprint.as_ref());
        if !signer.is_some_and(|signer| signature.is_by(signer)) {
            return;
        }
        let Some(Dated { key, signed }) = keys.last_mut() else { return };
        match signature.kind {
            REVOCATION | SUBKEY_REVOCATION => key.revoked = true,
            CERTIFICATION_FIRST..=CERTIFICATION_LAST | SUBKEY_BINDING | DIRECT
                if signed.is_none_or(|signed| signed <= signature.created) =>
            {
                *signed = Some(signature.created);
                let lifetime = signature.lifetime.filter(|seconds| *seconds > 0);
                key.expires = key
                    .created
                    .zip(lifetime)
                    .map(|(created, seconds)| created + i64::from(seconds));
            }
            _ => {}
        }
    }

    #[derive(Default)]
    struct Signature {
        kind: u8,
        /// Seconds since 1970.
        created: u32,
        /// Seconds after the key's creation.
        lifetime: Option<u32>,
        /// Fingerprint or key id, in hex.
        issuer: Option<String>,
    }

    impl Signature {
        /// Versions 4 to 6; older ones tell nothing of a key's life.
        fn read(body: &[u8]) -> Option<Self> {
            let mut fields = Cursor::new(body);
            let version = fields.u8().filter(|version| (4..=6).contains(version))?;
            let mut signature = Self { kind: fields.u8()?, ..Self::default() };
            let (_algorithm, _digest) = (fields.u8()?, fields.u8()?);
            for hashed in [true, false] {
                let length = if version == 6 { fields.u32()? } else { fields.u16()?.into() };
                signature.subpackets(fields.take(usize::try_from(length).ok()?)?, hashed)?;
            }
            Some(signature)
        }

        /// A key id is the end of a fingerprint, or in version 6 its beginning.
        fn is_by(&self, fingerprint: &str) -> bool {
            let issuer = self.issuer.as_deref().filter(|issuer| issuer.len() >= 16);
            issuer.is_some_and(|issuer| {
                fingerprint.ends_with(issuer) || fingerprint.starts_with(issuer)
            })
        }

        fn subpackets(&mut self, area: &[u8], hashed: bool) -> Option<()> {
            let mut area = Cursor::new(area);
            while !area.is_empty() {
                let length = new_length(&mut area, 0)?;
                let mut fields = Cursor::new(area.take(usize::try_from(length).ok()?)?);
                match fields.u8()? & 0x7f {
                    2 if hashed => self.created = fields.u32()?,
                    9 if hashed => self.lifetime = Some(fields.u32()?),
                    // The key id may stand outside of what is signed; it only sorts out the signatures of others.
                    16 if self.issuer.is_none() => self.issuer = Some(hex(fields.take(8)?)),
                    33 if hashed => {
                        fields.u8()?;
                        self.issuer = Some(hex(fields.rest()));
                    }
                    _ => {}
                }
            }
            Some(())
        }
    }
}

/// `GnuPG`'s `pubring.kbx`.
mod keybox {
    use super::super::cursor::Cursor;
    use super::{Key, MAX_KEYS, packets};

    const OPENPGP: u8 = 2;

    pub(super) fn keys(bytes: &[u8]) -> Option<Vec<Key>> {
        let mut rest = Cursor::new(bytes);
        let mut keys = Vec::new();
        while !rest.is_empty() && keys.len() <= MAX_KEYS {
            // A blob counts its own length.
            let length = usize::try_from(Cursor::new(rest.rest()).u32()?).ok()?;
            let blob = rest.take(length.max(5))?;
            if blob[4] == OPENPGP {
                keys.extend(packets::keys(keyblock(blob)?)?);
            }
        }
        Some(keys)
    }

    fn keyblock(blob: &[u8]) -> Option<&[u8]> {
        let mut fields = Cursor::new(blob.get(8..)?);
        let (start, length) =
            (usize::try_from(fields.u32()?).ok()?, usize::try_from(fields.u32()?).ok()?);
        blob.get(start..)?.get(..length)
    }
}

/// `private-keys-v1.d/<keygrip>.key`: an S-expression, alone or under the name `Key` among others.
mod agent {
    use std::borrow::Cow;

    use base64::Engine as _;
    use jiff::civil::DateTime;
    use jiff::tz::TimeZone;

    use super::super::der::bits;
    use super::{BASE64, Key, hex_number};

    /// Most tokens of an expression.
    const MAX_TOKENS: usize = 1_000;

    pub(super) fn key(bytes: &[u8]) -> Option<Key> {
        let (expression, created) = match bytes.first()? {
            b'(' => (Cow::Borrowed(bytes), None),
            _ => (Cow::Owned(named(bytes, b"key")?), named(bytes, b"created")),
        };
        let tokens = tokens(&expression)?;
        let [Token::Open, Token::Atom(state), Token::Open, Token::Atom(algorithm), ..] =
            &tokens[..]
        else {
            return None;
        };
        let (encrypted, stub) = match &**state {
            b"private-key" => (false, None),
            b"protected-private-key" => (true, None),
            b"shadowed-private-key" => (false, Some("card")),
            _ => return None,
        };
        let parameter = |name: &[u8]| {
            tokens.windows(3).find_map(|window| match window {
                [Token::Open, Token::Atom(found), Token::Atom(value)] if **found == *name => {
                    Some(&**value)
                }
                _ => None,
            })
        };
        let curve = parameter(b"curve").map(String::from_utf8_lossy);
        let (algorithm, size, public) = match &**algorithm {
            b"rsa" => ("rsa", parameter(b"n").map(bits), parameter(b"n")),
            b"dsa" => ("dsa", parameter(b"p").map(bits), parameter(b"y")),
            b"elg" => ("elgamal", parameter(b"p").map(bits), parameter(b"y")),
            b"ecc" | b"ecdsa" | b"ecdh" => {
                let (name, size) = named_curve(curve.as_deref().unwrap_or_default());
                (name, size, parameter(b"q"))
            }
            _ => return None,
        };
        Some(Key {
            private: true,
            primary: true,
            encrypted,
            stub,
            algorithm: Some(algorithm),
            bits: size,
            created: created.and_then(|time| seconds(&String::from_utf8_lossy(&time))),
            public: public.map(hex_number),
            secret: Some(text(bytes)),
            ..Key::default()
        })
    }

    fn named_curve(name: &str) -> (&'static str, Option<u64>) {
        match name {
            "Ed25519" => ("ed25519", Some(256)),
            "Curve25519" | "cv25519" => ("x25519", Some(256)),
            "Ed448" => ("ed448", Some(456)),
            "X448" => ("x448", Some(448)),
            "secp256k1" => ("ec", Some(256)),
            _ => {
                let digits = name.trim_start_matches(|char: char| !char.is_ascii_digit());
                let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
                ("ec", digits[..end].parse().ok())
            }
        }
    }

    fn seconds(time: &str) -> Option<i64> {
        let time = DateTime::strptime("%Y%m%dT%H%M%S", time.trim()).ok()?;
        Some(TimeZone::UTC.to_timestamp(time).ok()?.as_second())
    }

    /// Text with LF and no final newline, or base64 of what is none.
    fn text(bytes: &[u8]) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.lines().collect::<Vec<_>>().join("\n"),
            Err(_) => BASE64.encode(bytes),
        }
    }

    /// The value of this name among `Name: value` lines; a value goes on where the next line begins with a space, which is not of it.
    fn named(bytes: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let mut lines =
            bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut value = lines.find_map(|line| {
            let (found, value) = line.split_at_checked(name.len())?;
            found
                .eq_ignore_ascii_case(name)
                .then(|| value.strip_prefix(b":"))
                .flatten()
                .map(<[u8]>::to_vec)
        })?;
        for more in lines.map_while(|line| line.strip_prefix(b" ")) {
            value.extend_from_slice(more);
        }
        Some(value)
    }

    enum Token<'a> {
        Open,
        Close,
        Atom(Cow<'a, [u8]>),
    }

    /// Tokens of one whole S-expression, canonical (`3:rsa`) or advanced (`rsa`, `"rsa"`, `#727361#`).
    fn tokens(mut rest: &[u8]) -> Option<Vec<Token<'_>>> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        while let Some(first) = rest.first() {
            if first.is_ascii_whitespace() {
                rest = &rest[1..];
                continue;
            }
            let (token, after) = token(rest)?;
            match token {
                Token::Open => depth += 1,
                Token::Close => depth = depth.checked_sub(1)?,
                Token::Atom(_) => {}
            }
            tokens.push(token);
            rest = after;
            if depth == 0 {
                return Some(tokens);
            }
            if tokens.len() > MAX_TOKENS {
                return None;
            }
        }
        None
    }

    /// The first token, and what follows it.
    fn token(bytes: &[u8]) -> Option<(Token<'_>, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        match first {
            b'(' => Some((Token::Open, rest)),
            b')' => Some((Token::Close, rest)),
            b'#' => {
                let end = rest.iter().position(|byte| *byte == b'#')?;
                Some((Token::Atom(hex_digits(&rest[..end])?.into()), &rest[end + 1..]))
            }
            b'"' => {
                let end = end_of_quote(rest)?;
                Some((Token::Atom(rest[..end].into()), &rest[end + 1..]))
            }
            _ => {
                let end = bytes.iter().position(|byte| b" \t\r\n()#\":".contains(byte))?;
                let (word, rest) = bytes.split_at(end);
                let Some(content) = rest.strip_prefix(b":") else {
                    return Some((Token::Atom(word.into()), rest));
                };
                let length = std::str::from_utf8(word).ok()?.parse().ok()?;
                let (content, rest) = content.split_at_checked(length)?;
                Some((Token::Atom(content.into()), rest))
            }
        }
    }

    /// Escapes stay as they are: what is quoted is not what we look for.
    fn end_of_quote(bytes: &[u8]) -> Option<usize> {
        let mut escaped = false;
        bytes.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })
    }

    fn hex_digits(digits: &[u8]) -> Option<Vec<u8>> {
        let digits: Vec<u8> =
            digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pairs = digits.as_chunks::<2>().0;
        pairs
            .iter()
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Written by GnuPG 2.2 for this test; they open nothing.
    const ARMORED: &[u8] = include_bytes!("testdata/kim.asc");
    const LOCKED: &[u8] = include_bytes!("testdata/ops.gpg");
    const STUB: &[u8] = include_bytes!("testdata/kim-without-primary.gpg");
    const KEYBOX: &[u8] = include_bytes!("testdata/pubring.kbx");
    const AGENT: &[u8] = include_bytes!("testdata/kim.key");
    const AGENT_LOCKED: &[u8] = include_bytes!("testdata/ops.key");

    const CREATED: i64 = 1_767_323_045;

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    /// Every key without its numbers.
    fn told(bytes: &[u8]) -> Vec<Value> {
        let mut keys = read(bytes).unwrap();
        for key in keys.as_array_mut().unwrap() {
            let key = key.as_object_mut().unwrap();
            assert_eq!(key["secret"].is_string(), key["kind"] == "private-key");
            key.remove("secret");
            key.remove("public");
        }
        keys.as_array().unwrap().clone()
    }

    fn kim() -> Value {
        json!({
            "kind": "private-key", "primary": true, "encrypted": false, "stub": null, "algorithm": "ed25519", "bits": 256,
            "user_ids": ["Kim Doe <kim@corp.example>"], "created": CREATED, "expires": 1_798_859_045, "revoked": false,
            "fingerprint": "ed554624cf7978380dbd4a04134c1b1115321197",
        })
    }

    fn kim_subkey() -> Value {
        json!({
            "kind": "private-key", "primary": false, "encrypted": false, "stub": null, "algorithm": "x25519", "bits": 256,
            "user_ids": ["Kim Doe <kim@corp.example>"], "created": CREATED, "expires": null, "revoked": false,
            "fingerprint": "251a373a9b6d67426f282db1fdbe344401c90707",
        })
    }

    fn ops() -> Value {
        json!({
            "kind": "private-key", "primary": true, "encrypted": true, "stub": null, "algorithm": "rsa", "bits": 1024,
            "user_ids": ["ops@corp.example"], "created": CREATED, "expires": null, "revoked": false,
            "fingerprint": "6cbe03127001bde48e270ca1179e884c640d3e28",
        })
    }

    fn with(mut key: Value, changes: &Value) -> Value {
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key
    }

    #[test]
    fn exported_keys() {
        assert_eq!(told(ARMORED), [kim(), kim_subkey()]);
        assert_eq!(told(LOCKED), [ops()]);
        assert_eq!(told(STUB), [with(kim(), &json!({"stub": "offline"})), kim_subkey()]);
        assert_eq!(told(&[LOCKED, STUB].concat()).len(), 3);
    }

    #[test]
    fn a_keybox_names_the_keys_of_the_agent() {
        let public = json!({"kind": "public-key", "encrypted": false});
        assert_eq!(
            told(KEYBOX),
            [with(kim(), &public), with(kim_subkey(), &public), with(ops(), &public)]
        );

        let nameless = json!({"user_ids": [], "expires": null, "fingerprint": null});
        assert_eq!(told(AGENT), [with(kim(), &nameless)]);
        assert_eq!(told(AGENT_LOCKED), [with(ops(), &nameless)]);

        let keybox = read(KEYBOX).unwrap();
        assert_eq!(read(AGENT).unwrap()[0]["public"], keybox[0]["public"]);
        assert_eq!(read(AGENT_LOCKED).unwrap()[0]["public"], keybox[2]["public"]);
    }

    #[test]
    fn expressions_of_the_agent() {
        let canonical = b"(11:private-key(3:ecc(5:curve10:NIST P-384)(1:q3:\x04ab)(1:d1:x)))";
        let cases: [(&[u8], Option<[Value; 4]>); 7] = [
            (canonical, Some([json!("ec"), json!(384), json!(false), json!(null)])),
            (
                b"Key: (shadowed-private-key (rsa (n #00FF#)\r\n  (e #03#)))\n",
                Some([json!("rsa"), json!(8), json!(false), json!("card")]),
            ),
            (
                b"Key: (protected-private-key (dsa (p #80\n 00#)(y \"a\\\")\")))",
                Some([json!("dsa"), json!(16), json!(true), json!(null)]),
            ),
            (b"Key: (private-key (rsa (n #00FF#)", None),
            (b"(11:private-key(3:rsa(1:n99:x", None),
            (b"(5:thing(3:rsa(1:n1:x)))", None),
            (b"Created: 20260101T000000\n", None),
        ];
        for (bytes, expected) in cases {
            let told = read(bytes).ok().map(|keys| {
                ["algorithm", "bits", "encrypted", "stub"].map(|name| keys[0][name].clone())
            });
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn what_is_cut_off() {
        for bytes in
            [b"", &LOCKED[..LOCKED.len() - 1], &ARMORED[..400], &KEYBOX[..900], &AGENT[..100]]
        {
            assert!(read(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(which in 0..6_usize, at in any::<prop::sample::Index>(), noise in any::<[u8; 2]>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = [ARMORED, LOCKED, STUB, KEYBOX, AGENT, AGENT_LOCKED][which].to_vec();
            let at = at.index(bytes.len() - 2);
            bytes[at..at + 2].copy_from_slice(&noise);
            bytes.truncate(cut.index(bytes.len() * 2));
            let _ = read(&bytes);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "Key: [(]([()#:\"\\\\0-9a-f ]|private-key|rsa){0,30}") {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
        }
    }
}
