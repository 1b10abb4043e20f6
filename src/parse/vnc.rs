//! Passwords of VNC: eight bytes under DES with a key that stands in the source of every VNC program.
//!
//! Layout of a password file: `vncpasswd` of `TigerVNC` and `TightVNC` write one such block, or two where there is a second password to look only.

use des::Des;
use des::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use serde_json::json;

use super::{Document, Format, MALFORMED, Options, Unreadable};

/// Password files of VNC servers, which viewers read as well.
pub(super) const FORMAT: Format = Format {
    name: "vnc",
    about: "{password, view_only}, unlocked",
    dialects: &[],
    document: Some(document),
    entries: None,
};

const BLOCK: usize = 8;

/// The published key, 23 82 107 6 35 78 88 7, with the bits of each byte in the order of FIPS 46 (VNC's DES takes them the other way round).
const KEY: [u8; BLOCK] = [0xe8, 0x4a, 0xd6, 0x60, 0xc4, 0x72, 0x1a, 0xe0];

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let (blocks, odd) = bytes.as_chunks::<BLOCK>();
    let told = match blocks {
        [full] if odd.is_empty() => json!({"password": password(*full), "view_only": null}),
        [full, look] if odd.is_empty() => {
            json!({"password": password(*full), "view_only": password(*look)})
        }
        [] if odd.is_empty() => json!({"password": "", "view_only": null}),
        _ => return Err(MALFORMED),
    };
    // Eight other bytes become noise.
    let blank = |name| blocks.len() > usize::from(name == "view_only") && told[name].is_null();
    if blank("password") || blank("view_only") {
        return Err(MALFORMED);
    }
    Ok(Document(told))
}

/// What the eight bytes lock: text that NULs fill up. None where that is not so.
pub(crate) fn password(block: [u8; BLOCK]) -> Option<String> {
    let mut block = block.into();
    Des::new(&KEY.into()).decrypt_block(&mut block);
    let end = block.iter().position(|byte| *byte == 0).unwrap_or(BLOCK);
    let (text, filling) = block.split_at(end);
    let is_text =
        filling.iter().all(|byte| *byte == 0) && text.iter().all(|byte| !byte.is_ascii_control());
    is_text.then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    /// Written by `vncpasswd -f`.
    const HUNTER2: &[u8] = b"\x0e\x20\x91\x4c\xff\x61\x06\x3a";
    const LOOKONLY: &[u8] = b"\xaf\xfc\xca\x01\x1a\x35\x47\xb2";

    #[test]
    fn passwords() {
        let both = [HUNTER2, LOOKONLY].concat();
        assert_eq!(read(HUNTER2), Ok(json!({"password": "hunter2", "view_only": null})));
        assert_eq!(read(&both), Ok(json!({"password": "hunter2", "view_only": "lookonly"})));
        assert_eq!(read(b""), Ok(json!({"password": "", "view_only": null})));
    }

    #[test]
    fn what_is_none() {
        let odd = [HUNTER2, b"\n"].concat();
        let half = [HUNTER2, b"12345678"].concat();
        let three = [HUNTER2, HUNTER2, HUNTER2].concat();
        let cases: [&[u8]; 5] = [b"hunter2", b"password", &odd, &half, &three];
        for bytes in cases {
            assert_eq!(read(bytes), Err(MALFORMED), "{bytes:?}");
        }
    }
}
