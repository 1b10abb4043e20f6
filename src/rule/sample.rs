//! The file texts of inline tests: templates with fake secrets of the right shape, the same for the same seed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Replaces every `<…>` that names a fake secret (see [`crate::rule::schema::RuleTest::file`]); other text stays.
pub fn expand(template: &str, seed: &str) -> String {
    expand_noting(template, seed, &mut |_, _| {})
}

/// Like [`expand`], and tells each fake secret with the part of the template that lies before it.
pub fn expand_noting<'t>(
    template: &'t str,
    seed: &str,
    note: &mut dyn FnMut(&'t str, &str),
) -> String {
    let mut random = Random::new(seed);
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        rest = &rest[open..];
        if let Some((secret, length)) = placeholder(rest, &mut random) {
            note(&template[..template.len() - rest.len()], &secret);
            text.push_str(&secret);
            rest = &rest[length..];
        } else {
            text.push('<');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    text
}

/// The secret that a text beginning with `<` asks for, and the length of its placeholder.
fn placeholder(text: &str, random: &mut Random) -> Option<(String, usize)> {
    if let Some(claims) = text.strip_prefix("<jwt:") {
        let end = claims.find("}>")? + 1;
        return Some((random.jwt(&claims[..end]), "<jwt:".len() + end + 1));
    }
    let end = text.find('>')?;
    let inner = &text[1..end];
    let secret = match inner.split_once(':') {
        None => random.letters(BASE62, inner.parse().ok()?),
        Some(("hex", length)) => random.letters(b"0123456789abcdef", length.parse().ok()?),
        Some(("digits", length)) => random.letters(b"0123456789", length.parse().ok()?),
        Some(("upper", length)) => {
            random.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length.parse().ok()?)
        }
        Some(("b64", length)) => STANDARD.encode(random.bytes(length.parse().ok()?)),
        Some(("crc", prefix)) => random.checked(prefix),
        Some(_) => return None,
    };
    Some((secret, end + 1))
}

/// A stream of bytes from a seed: SHA-256 in counter mode. Nothing secret depends on it.
struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    fn new(seed: &str) -> Self {
        Self { seed: Sha256::digest(seed).into(), counter: 0 }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 32);
        while bytes.len() < length {
            let block =
                Sha256::new().chain_update(self.seed).chain_update(self.counter.to_le_bytes());
            bytes.extend(block.finalize());
            self.counter += 1;
        }
        bytes.truncate(length);
        bytes
    }

    fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        let pick = |byte: u8| char::from(alphabet[usize::from(byte) % alphabet.len()]);
        self.bytes(length.min(100_000)).into_iter().map(pick).collect()
    }

    /// A token in GitHub's form: 30 characters and the CRC-32 of them in base 62.
    fn checked(&mut self, prefix: &str) -> String {
        let body = self.letters(BASE62, 30);
        let mut crc = crc32fast::hash(body.as_bytes());
        let mut digits = Vec::new();
        for _ in 0..6 {
            digits.push(char::from(BASE62[(crc % 62) as usize]));
            crc /= 62;
        }
        format!("{prefix}{body}{}", digits.iter().rev().collect::<String>())
    }

    fn jwt(&mut self, claims: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        // Inside a JSON file the template's own quotes are escaped.
        let payload = URL_SAFE_NO_PAD.encode(claims.replace("\\\"", "\""));
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(self.bytes(64)))
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn templates_become_fakes_of_the_right_shape() {
        assert_eq!(expand("a <token> b <", "s"), "a <token> b <");
        assert_eq!(expand("<36>", "s").len(), 36);
        assert_ne!(expand("<36>", "s"), expand("<36>", "t"));
        assert!(expand("k: ghp_<hex:8>", "s").starts_with("k: ghp_"));
        assert_eq!(expand("<crc:gho_>", "s").len(), 40);
        assert_eq!(expand("<jwt:{\"sub\":\"x\"}>", "s").matches('.').count(), 2);
    }
}
