//! `PuTTY`'s private keys: a text file whose first lines are never encrypted.
//!
//! Layout: <https://tartarus.org/~simon/putty-snapshots/htmldoc/AppendixC.html>.

use serde_json::json;

use super::{Document, Format, MALFORMED, Malformed, Options, Unreadable, pem};

/// `PuTTY` private keys.
pub(super) const FORMAT: Format = Format {
    name: "ppk",
    about: "{version, algorithm, encryption, encrypted, comment, text}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

const MAGIC: &str = "PuTTY-User-Key-File-";

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    let lines = || text.lines().map(str::trim_end);
    let header =
        |name| lines().filter_map(|line| line.split_once(": ")).find(|line| line.0 == name);
    let value = |name| header(name).map(|line| line.1);

    let first = lines().next().unwrap_or_default();
    let (version, algorithm) =
        first.strip_prefix(MAGIC).and_then(|rest| rest.split_once(": ")).ok_or(FIRST_LINE)?;
    let version: u8 = version.parse().map_err(|_| FIRST_LINE)?;
    let encryption = value("Encryption").ok_or(MALFORMED)?;
    // A file that was cut off is no key.
    header("Private-MAC").or_else(|| header("Private-Hash")).ok_or(MALFORMED)?;
    Ok(Document(json!({
        "version": version,
        "algorithm": pem::ssh_algorithm(algorithm).unwrap_or(algorithm),
        "encryption": encryption,
        "encrypted": encryption != "none",
        "comment": value("Comment").filter(|comment| !comment.is_empty()),
        "text": lines().collect::<Vec<_>>().join("\n"),
    })))
}

const FIRST_LINE: Unreadable = Unreadable::Malformed(Malformed { line: Some(1), column: None });

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Random bytes in the right places; no key.
    fn key(version: u8, encryption: &str, comment: &str) -> String {
        format!(
            "PuTTY-User-Key-File-{version}: ssh-ed25519\nEncryption: {encryption}\nComment: {comment}\n\
             Public-Lines: 2\nAAAAC3NzaC1lZDI1NTE5AAAAIG4Vt0pXNnGhVdGvCQqQnWPq3vWw0bT3rWm5oyd8Yq1k\nAAAA\n\
             Private-Lines: 1\nAAAAIFJ2c0hHZ2tBd1J5V3h3c2pKdE9pWUR1cUZzTkhQYm5l\n\
             Private-MAC: 5a0d6cf5a3a3b24ab5df8e5e5a0c5b0b8d2f6f8c1e1d4b7a9c3e5f7081920a1b"
        )
    }

    #[test]
    fn headers() {
        let cases = [
            (2, "none", "kim@box", false, json!("kim@box")),
            (3, "aes256-cbc", "a: b", true, json!("a: b")),
            (3, "none", "", false, json!(null)),
        ];
        for (version, encryption, comment, encrypted, told) in cases {
            let text = key(version, encryption, comment);
            let expected = json!({
                "version": version, "algorithm": "ed25519", "encryption": encryption,
                "encrypted": encrypted, "comment": told, "text": text.replace("Comment: \n", "Comment:\n"),
            });
            for file in [text.clone(), format!("{}\r\n", text.replace('\n', "\r\n"))] {
                let document =
                    document(file.as_bytes(), Options::default()).map(|document| document.0);
                assert_eq!(document, Ok(expected.clone()));
            }
        }
    }

    #[test]
    fn what_is_no_key() {
        let whole = key(3, "none", "kim");
        for text in
            ["", "PuTTY-User-Key-File-x: rsa", "Encryption: none", &whole[..whole.len() - 90]]
        {
            assert!(document(text.as_bytes(), Options::default()).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = document(&bytes, Options::default());
            let _ = document(&[MAGIC.as_bytes(), &bytes].concat(), Options::default());
        }
    }
}
