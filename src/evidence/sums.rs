//! `SHA256SUMS`, in the form that `sha256sum -c` reads: digest, two spaces, name.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::extract::secret::hex;

/// Largest such file that is read, in bytes.
pub(super) const MAX: u64 = 1 << 20;

/// SHA-256 of bytes, hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The text for these names and digests, sorted by name.
pub(super) fn text(sums: &BTreeMap<String, String>) -> String {
    sums.iter().fold(String::new(), |text, (name, digest)| text + digest + "  " + name + "\n")
}

/// What is wrong with such a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A line of another form.
    #[error("line {0} is not `digest  name`")]
    Line(usize),
    /// Out of order, so edited by something else.
    #[error("line {0} is out of order")]
    Order(usize),
    /// A name twice.
    #[error("line {0} names a file a second time")]
    Twice(usize),
}

/// Reads it. Names are those of files in the bundle's own folder: no `/`, no `\`, nothing hidden.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut sums = BTreeMap::new();
    let mut last = "";
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let (digest, name) = line.split_once("  ").ok_or(Fault::Line(number))?;
        let is_digest = digest.len() == 64
            && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest || !is_plain(name) {
            return Err(Fault::Line(number));
        }
        match last.cmp(name) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Err(Fault::Twice(number)),
            std::cmp::Ordering::Greater => return Err(Fault::Order(number)),
        }
        last = name;
        sums.insert(name.to_owned(), digest.to_owned());
    }
    if text.is_empty() || !text.ends_with('\n') {
        return Err(Fault::Line(text.lines().count().max(1)));
    }
    Ok(sums)
}

/// Whether a name is one this program gives: letters, digits, dots, dashes, not hidden.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_strict_form_is_read() {
        let one = "0".repeat(64);
        for (text, expected) in [
            (format!("{one}  a\n{one}  b\n"), Ok(2)),
            (format!("{one}  b\n{one}  a\n"), Err(Fault::Order(2))),
            (format!("{one}  a\n{one}  a\n"), Err(Fault::Twice(2))),
            (format!("{one} *a\n"), Err(Fault::Line(1))),
            (format!("{one}  ../a\n"), Err(Fault::Line(1))),
            (format!("{one}  a"), Err(Fault::Line(1))),
            (format!("\\{one}  a\n"), Err(Fault::Line(1))),
            (String::new(), Err(Fault::Line(1))),
        ] {
            assert_eq!(parse(&text).map(|sums| sums.len()), expected, "{text}");
        }
    }
}
