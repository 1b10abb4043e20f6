//! UUIDs that two runs agree on (RFC 9562, version 5), for formats that know no other names.

use sha1::{Digest as _, Sha1};

use super::text::hex;

/// The namespace of ours, chosen once at random.
const NAMESPACE: [u8; 16] = [
    0x6f, 0x1e, 0x5c, 0x0d, 0x93, 0x7a, 0x4b, 0x52, 0x8e, 0x21, 0xd4, 0x0b, 0x7c, 0x96, 0x3a, 0xf5,
];

/// The UUID of these words, in this order.
pub(super) fn uuid(words: &[&str]) -> String {
    let mut hash = Sha1::new();
    hash.update(NAMESPACE);
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    let mut bytes: [u8; 16] = std::array::from_fn(|at| hash[at]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex(&bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn has_version_and_variant() {
        let one = uuid(&["finding", "nhi1:00"]);
        assert_eq!((one.len(), &one[14..15]), (36, "5"));
        assert!(matches!(&one[19..20], "8" | "9" | "a" | "b"), "{one}");
        assert_eq!(one, uuid(&["finding", "nhi1:00"]));
        assert_ne!(one, uuid(&["findingnhi1:00"]));
    }
}
