//! `MessagePack`: a stream of values, as Neovim's `ShaDa` files are.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{Document, Format, MALFORMED, MAX_DEPTH, MAX_NODES, Options, Unreadable};

/// `msgpack`, by the [specification](https://github.com/msgpack/msgpack/blob/master/spec.md).
pub(crate) const FORMAT: Format = Format {
    name: "msgpack",
    about: "array of the values of a MessagePack stream; bytes that are text are strings, others {\"$base64\": \"...\"}, and so is \
            the data of extension types",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let mut reader = Reader { rest: bytes, room: MAX_NODES - 1 };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.value(1).ok_or(MALFORMED)?);
    }
    Ok(Document(Value::Array(values)))
}

struct Reader<'b> {
    rest: &'b [u8],
    /// Values that may still come.
    room: usize,
}

impl Reader<'_> {
    /// The next value; none where the bytes end too early, or a bound is passed.
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.room = self.room.checked_sub(1)?;
        let [first] = self.array()?;
        Some(match first {
            0x00..=0x7f => first.into(),
            0x80..=0x8f => return self.map(usize::from(first & 0x0f), depth),
            0x90..=0x9f => return self.list(usize::from(first & 0x0f), depth),
            0xa0..=0xbf => text(self.take(usize::from(first & 0x1f))?),
            0xc2 => false.into(),
            0xc3 => true.into(),
            0xc4 | 0xd9 => self.sized(1)?,
            0xc5 | 0xda => self.sized(2)?,
            0xc6 | 0xdb => self.sized(4)?,
            0xc7 => self.extension(1)?,
            0xc8 => self.extension(2)?,
            0xc9 => self.extension(4)?,
            0xca => f64::from(f32::from_be_bytes(self.array()?)).into(),
            0xcb => f64::from_be_bytes(self.array()?).into(),
            0xcc..=0xcf => self.unsigned(1 << (first & 3))?.into(),
            0xd0 => i8::from_be_bytes(self.array()?).into(),
            0xd1 => i16::from_be_bytes(self.array()?).into(),
            0xd2 => i32::from_be_bytes(self.array()?).into(),
            0xd3 => i64::from_be_bytes(self.array()?).into(),
            0xd4..=0xd8 => self.tagged(1 << (first - 0xd4))?,
            0xdc | 0xdd => {
                let length = self.length(if first == 0xdc { 2 } else { 4 })?;
                return self.list(length, depth);
            }
            0xde | 0xdf => {
                let length = self.length(if first == 0xde { 2 } else { 4 })?;
                return self.map(length, depth);
            }
            0xe0..=0xff => i8::from_be_bytes([first]).into(),
            // nil, and the one byte that is never used.
            0xc0 | 0xc1 => Value::Null,
        })
    }

    fn list(&mut self, length: usize, depth: usize) -> Option<Value> {
        self.fits(length, depth)?;
        (0..length).map(|_| self.value(depth + 1)).collect()
    }

    fn map(&mut self, length: usize, depth: usize) -> Option<Value> {
        self.fits(length, depth)?;
        let mut members = Map::new();
        for _ in 0..length {
            let key = key(self.value(depth + 1)?)?;
            members.insert(key, self.value(depth + 1)?);
        }
        Some(Value::Object(members))
    }

    /// Whether so many values can still come: each takes a byte at least.
    fn fits(&self, length: usize, depth: usize) -> Option<()> {
        (depth < MAX_DEPTH && length <= self.rest.len()).then_some(())
    }

    fn sized(&mut self, width: usize) -> Option<Value> {
        let length = self.length(width)?;
        self.take(length).map(text)
    }

    fn extension(&mut self, width: usize) -> Option<Value> {
        let length = self.length(width)?;
        self.tagged(length)
    }

    /// The data of an extension, behind the byte that tells its type.
    fn tagged(&mut self, length: usize) -> Option<Value> {
        self.take(1)?;
        self.take(length).map(binary)
    }

    fn length(&mut self, width: usize) -> Option<usize> {
        usize::try_from(self.unsigned(width)?).ok()
    }

    /// A big-endian number of at most 8 bytes.
    fn unsigned(&mut self, width: usize) -> Option<u64> {
        let bytes = self.take(width)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

/// A key as text. Maps and lists are none: each that stands in the key of another would be escaped once more, which doubles it.
fn key(value: Value) -> Option<String> {
    match value {
        Value::String(key) => Some(key),
        Value::Array(_) => None,
        Value::Object(bytes) => match bytes.get("$base64") {
            Some(Value::String(_)) if bytes.len() == 1 => Some(Value::Object(bytes).to_string()),
            _ => None,
        },
        other => Some(other.to_string()),
    }
}

/// Neovim, as most writers, does not tell text from bytes by type.
fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| binary(bytes), Value::from)
}

fn binary(bytes: &[u8]) -> Value {
    json!({ "$base64": BASE64.encode(bytes) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(bytes: &[u8]) -> Option<Value> {
        read(bytes, Options::default()).ok().map(|document| document.0)
    }

    #[test]
    fn values_are_read() {
        let cases: &[(&[u8], Value)] = &[
            (b"", json!([])),
            (b"\xc0\xc2\xc3\x00\x7f\xff\xe0", json!([null, false, true, 0, 127, -1, -32])),
            (b"\xcc\xff\xcd\x01\x00\xce\0\x01\0\0", json!([255, 256, 65536])),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", json!([u64::MAX])),
            (b"\xd0\x80\xd1\xff\x00\xd2\xff\xff\xff\xfe", json!([-128, -256, -2])),
            (b"\xd3\x80\0\0\0\0\0\0\0", json!([i64::MIN])),
            (b"\xca\x3f\xc0\0\0\xcb\xbf\xf8\0\0\0\0\0\0", json!([1.5, -1.5])),
            (b"\xcb\x7f\xf8\0\0\0\0\0\0", json!([null])),
            (b"\xa2hi\xd9\x02hi\xda\0\x02hi\xdb\0\0\0\x02hi", json!(["hi", "hi", "hi", "hi"])),
            (b"\xc4\x02hi\xc5\0\x02\xff\x00", json!(["hi", {"$base64": "/wA="}])),
            (b"\x92\x01\x91\xa1a\xdc\0\x01\x05", json!([[1, ["a"]], [5]])),
            (b"\x82\xa1a\x01\x02\x90\xde\0\x01\xa1b\xc0", json!([{"a": 1, "2": []}, {"b": null}])),
            (b"\x81\xc4\x01\xff\x01", json!([{"{\"$base64\":\"/w==\"}": 1}])),
            (b"\xd4\x01\xff\xc7\x02\x01hi", json!([{"$base64": "/w=="}, {"$base64": "aGk="}])),
        ];
        for (bytes, document) in cases {
            assert_eq!(parsed(bytes).as_ref(), Some(document), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_cut_or_too_much_is_malformed() {
        let deep = [0x91].repeat(30_000);
        let many = vec![0; MAX_NODES];
        let promised: &[u8] = b"\xdd\xff\xff\xff\xff\x01";
        // A map in the key of a map in the key of a map …
        let keys = [vec![0x81; 40], vec![0; 80]].concat();
        for bytes in
            [&deep, &many, &keys, promised, b"\xa2h", b"\xcd\x01", b"\x81\xa1a", b"\xd4\x01"]
        {
            assert!(parsed(bytes).is_none());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            let _ = parsed(&bytes);
        }
    }
}
