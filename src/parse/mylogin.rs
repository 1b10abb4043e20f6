//! `.mylogin.cnf` of `MySQL`: an option file behind a lock whose key lies in the same file.
//!
//! Layout: four unused bytes, a key of 20 bytes, then records of a length (little-endian, 32 bits) and a line of text under
//! AES-128-ECB with PKCS#7 padding; the key folds into 16 bytes by exclusive or.

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::{Document, Format, MALFORMED, Options, Unreadable, option_file};

/// `MySQL` login paths.
pub(super) const FORMAT: Format = Format {
    name: "mylogin",
    about: "{login path: {option: value}}, unlocked",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Longest file, in bytes; real ones have a few hundred.
const MAX_FILE: usize = 1 << 20;

const BLOCK: usize = 16;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    if bytes.is_empty() {
        return Ok(Document(json!({})));
    }
    if bytes.len() > MAX_FILE {
        return Err(MALFORMED);
    }
    let text = unlocked(bytes).ok_or(MALFORMED)?;
    let groups = option_file::groups(&text, option_file::Kind::Login).map_err(|_| MALFORMED)?;
    Ok(Document(Value::Object(groups)))
}

/// The option file.
fn unlocked(bytes: &[u8]) -> Option<String> {
    let mut fields = Cursor::new(bytes);
    fields.take(4)?;
    let cipher = Aes128::new(&folded(fields.take(20)?).into());
    let mut text = Vec::new();
    while !fields.is_empty() {
        let length = usize::try_from(fields.u32_le()?).ok()?;
        text.extend(line(&cipher, fields.take(length)?)?);
    }
    String::from_utf8(text).ok()
}

fn folded(key: &[u8]) -> [u8; BLOCK] {
    let mut folded = [0; BLOCK];
    for (index, byte) in key.iter().enumerate() {
        folded[index % BLOCK] ^= byte;
    }
    folded
}

fn line(cipher: &Aes128, record: &[u8]) -> Option<Vec<u8>> {
    let (blocks, odd) = record.as_chunks::<BLOCK>();
    if !odd.is_empty() {
        return None;
    }
    let mut line = Vec::with_capacity(record.len());
    for block in blocks {
        let mut block = (*block).into();
        cipher.decrypt_block(&mut block);
        line.extend_from_slice(&block);
    }
    let padding = *line.last()?;
    let end = line.len().checked_sub(padding.into())?;
    let padded = (1..=BLOCK).contains(&usize::from(padding))
        && line[end..].iter().all(|byte| *byte == padding);
    line.truncate(end);
    padded.then_some(line)
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockCipherEncrypt as _;
    use proptest::prelude::*;

    use super::*;

    fn locked(lines: &[&str]) -> Vec<u8> {
        let key: Vec<u8> = (0..20).map(|byte| byte * 7 + 1).collect();
        let cipher = Aes128::new(&folded(&key).into());
        let mut file = [&[0; 4], &key[..]].concat();
        for line in lines {
            let padding = BLOCK - line.len() % BLOCK;
            let padded = [line.as_bytes(), &vec![u8::try_from(padding).unwrap(); padding]].concat();
            file.extend(u32::try_from(padded.len()).unwrap().to_le_bytes());
            for block in padded.as_chunks::<BLOCK>().0 {
                let mut block = (*block).into();
                cipher.encrypt_block(&mut block);
                file.extend_from_slice(&block);
            }
        }
        file
    }

    fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
        document(bytes, Options::default()).map(|document| document.0)
    }

    #[test]
    fn login_paths() {
        let file = locked(&[
            "[client]\n",
            "user = \"kim\"\n",
            "password = \"p#ss\\\\\\\"w=rd\"\n",
            "host = db.example\n",
            "[shop]\n",
            "port = 3307\n",
            "skip-ssl\n",
        ]);
        let expected = json!({
            "client": {"user": "kim", "password": "p#ss\\\"w=rd", "host": "db.example"},
            "shop": {"port": "3307", "skip-ssl": null},
        });
        assert_eq!(read(&file), Ok(expected));
        assert_eq!(read(b""), Ok(json!({})));
        assert_eq!(read(&locked(&[])), Ok(json!({})));
    }

    /// A record as an independent reader of the format took it: key 16 bytes of 0x10, then zeros.
    #[test]
    fn the_key_folds() {
        assert_eq!(folded(&[0x10; 20])[..5], [0, 0, 0, 0, 0x10]);
        let record = [
            0xc0, 0x28, 0xa5, 0x3c, 0x7b, 0xd2, 0x5a, 0x3f, 0x33, 0xe6, 0x2f, 0xfa, 0x75, 0x33,
            0x42, 0x6e,
        ];
        let file = [&[0; 4][..], &[0x10; 20], &[16, 0, 0, 0], &record].concat();
        assert_eq!(read(&file), Ok(json!({"client": {}})));
    }

    #[test]
    fn what_is_no_login_file() {
        let whole = locked(&["[client]\n", "user = kim\n"]);
        let mut wrong_key = whole.clone();
        wrong_key[10] ^= 1;
        for bytes in
            [&whole[..20], &whole[..whole.len() - 1], &wrong_key, &locked(&["user = kim\n"])]
        {
            assert_eq!(read(bytes), Err(MALFORMED));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), text in ".*") {
            let _ = read(&bytes);
            let _ = read(&locked(&[&text]));
        }
    }
}
