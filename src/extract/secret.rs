//! A secret's text, while it must be known, and the fingerprints that replace it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::grant::{CredentialKind, FoldKey};

/// A secret as one would use it. No `Debug`, `Display`, `Clone` or `Serialize`; wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// As one would use it: a PEM block from BEGIN to END inclusive, with LF and no final newline; other secrets as they are.
    pub(crate) fn into_used(self) -> Self {
        let text = self.expose();
        let Some(start) = text.find("-----BEGIN ") else { return self };
        let Some(tail) = text[start..].find("-----END ").map(|at| start + at) else { return self };
        let Some(end) = text[tail + 9..].find("-----").map(|at| tail + 9 + at + 5) else {
            return self;
        };
        Self::new(text[start..end].replace("\r\n", "\n"))
    }

    /// A PEM block without the indentation and the escaped line ends that the text around it wants; other secrets as they are.
    pub(crate) fn unfolded(self) -> Self {
        if !self.expose().starts_with("-----BEGIN ") {
            return self;
        }
        let text = Zeroizing::new(self.expose().replace("\\r", "").replace("\\n", "\n"));
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Self::new(lines.join("\n"))
    }

    /// The text, for recognition and fingerprinting inside this room.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Keys under which secrets become comparable without being known.
pub struct Fingerprinter {
    prefix: String,
    reported: Zeroizing<Vec<u8>>,
    private: Zeroizing<[u8; 32]>,
    passwords: bool,
}

impl Fingerprinter {
    /// Fingerprints that compare within this scan only: `hs1:<32 hex>` under a random key that is never kept.
    pub fn for_this_scan(random: [u8; 64]) -> Self {
        let (reported, private) = random.split_at(32);
        Self {
            prefix: "hs1:".into(),
            reported: Zeroizing::new(reported.to_vec()),
            private: private_key(private),
            passwords: true,
        }
    }

    /// Fingerprints that compare across scans and machines: `hk1:<key id>:<32 hex>` under `key`, the bytes of the key file less
    /// trailing newlines. Passwords, which whoever holds the key could guess, get one only if `passwords`.
    pub fn with_key(key: &[u8], passwords: bool, random: [u8; 64]) -> Self {
        Self {
            prefix: format!("hk1:{}:", key_id(key)),
            reported: Zeroizing::new(key.to_vec()),
            private: private_key(&random[32..]),
            passwords,
        }
    }

    /// What `scan.fingerprint_key` says: `scan`, or the key's id.
    pub fn key_name(&self) -> &str {
        self.prefix.strip_prefix("hk1:").map_or("scan", |id| id.trim_end_matches(':'))
    }

    /// First 128 bits of HMAC-SHA-256(key, "nhi-scan/fp/v1" 0x00 secret), or none for a password that may not have one.
    pub fn fingerprint(&self, kind: CredentialKind, secret: &Secret) -> Option<String> {
        if kind == CredentialKind::Password && !self.passwords {
            return None;
        }
        let tag = keyed(&self.reported, &[b"nhi-scan/fp/v1\0", secret.expose().as_bytes()]);
        Some(format!("{}{}", self.prefix, hex(&tag)))
    }

    /// Equality within this scan.
    pub fn fold(&self, secret: &Secret) -> FoldKey {
        FoldKey(keyed(&*self.private, &[b"fold\0", secret.expose().as_bytes()]))
    }
}

/// A random id of this scan: 128 bits, hex.
pub fn scan_id(random: &[u8; 64]) -> String {
    hex(&keyed(random, &[b"nhi-scan/scan/v1\0"]))
}

/// A name for the machine that does not tell its id: 128 bits of HMAC-SHA-256, keyed with a constant of this program.
pub fn host_id(machine_id: &str) -> String {
    hex(&keyed(b"nhi-scan/host/v1", &[machine_id.as_bytes()]))
}

/// First 8 hex digits of SHA-256("nhi-scan/keyid/v1" 0x00 key).
fn key_id(key: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"nhi-scan/keyid/v1\0").chain_update(key).finalize();
    hex(&digest[..4])
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    let mut tag = [0; 16];
    tag.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    tag
}

fn private_key(random: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(random);
    key
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_follow_the_published_recipe() {
        // python3: hmac.new(KEY, b'nhi-scan/fp/v1\0' + b'secret', hashlib.sha256).hexdigest()[:32]
        let key = b"score-real-cases-key-0123456789abcdef";
        let prints = Fingerprinter::with_key(key, false, [7; 64]);
        let secret = Secret::new("secret".into());
        assert_eq!(
            prints.fingerprint(CredentialKind::ApiKey, &secret).unwrap(),
            "hk1:2be97055:2b049f34d34371003bb7e562b02dd010"
        );
        assert_eq!(prints.fingerprint(CredentialKind::Password, &secret), None);
        assert!(prints.fold(&secret) == prints.fold(&Secret::new("secret".into())));
        assert!(prints.fold(&secret) != prints.fold(&Secret::new("Secret".into())));
    }
}
