//! Key-value files of Go programs (`bbolt`): Elvish's history, and stores like it.
//!
//! Layout: `internal/common/{meta,page,bucket}.go` of <https://github.com/etcd-io/bbolt>. The numbers are those of the machine
//! that wrote it; little-endian ones are read.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::{Document, Format, MALFORMED, MAX_NODES, Options, Unreadable};
use crate::extract::secret::hex;

/// `bbolt` databases.
pub(super) const FORMAT: Format = Format {
    name: "bolt",
    about: "{bucket: [{key, value}]}, buckets in buckets with a slash between their names; keys and values that are no text are in \
            hexadecimal and {\"$base64\": \"...\"}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

const MAGIC: u32 = 0xED0C_DAED;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const META: u16 = 0x04;
/// What a leaf says of a value that is a bucket.
const BUCKET: u32 = 0x01;
/// Length of what stands before a page's elements, of an element, and of what a bucket's value begins with.
const HEADER: usize = 16;

/// Longest name of a bucket, those around it included.
const MAX_NAME: usize = 1024;

/// Nodes of the document an entry costs: the object, its key, its value.
const NODES_EACH: usize = 3;

fn document(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let mut found =
        Found { room: bytes.len(), entries: MAX_NODES / NODES_EACH, ..Found::default() };
    found.walk(bytes).ok_or(MALFORMED)?;
    Ok(Document(json!(found.buckets)))
}

/// The newer of the two first pages tells where the rest begins.
struct Meta {
    page_size: usize,
    root: u64,
    transaction: u64,
}

impl Meta {
    fn read(page: &[u8]) -> Option<Self> {
        let mut fields = Cursor::new(page);
        let (_id, flags, _count, _overflow) =
            (u64_le(&mut fields)?, u16_le(&mut fields)?, fields.take(2)?, fields.take(4)?);
        let (magic, _version) = (fields.u32_le()?, fields.u32_le()?);
        if flags & META == 0 || magic != MAGIC {
            return None;
        }
        let page_size = usize::try_from(fields.u32_le()?).ok()?;
        let (_flags, root, _sequence) =
            (fields.u32_le()?, u64_le(&mut fields)?, u64_le(&mut fields)?);
        let (_free, _pages, transaction) =
            (u64_le(&mut fields)?, u64_le(&mut fields)?, u64_le(&mut fields)?);
        Some(Self { page_size, root, transaction })
    }

    /// Of the two, the one of the later transaction.
    fn newest(bytes: &[u8]) -> Option<Self> {
        let first = Self::read(bytes)?;
        let second = bytes.get(first.page_size..).and_then(Self::read);
        Some(match second {
            Some(second) if second.transaction > first.transaction => second,
            _ => first,
        })
    }
}

#[derive(Default)]
struct Found {
    buckets: BTreeMap<String, Vec<Value>>,
    /// Bytes that elements may still claim: those of a sound file do not overlap.
    room: usize,
    /// Entries there may still be.
    entries: usize,
}

impl Found {
    fn walk(&mut self, bytes: &[u8]) -> Option<()> {
        let meta = Meta::newest(bytes)?;
        let page = |id: u64| {
            let at = usize::try_from(id).ok()?.checked_mul(meta.page_size)?;
            bytes.get(at..).filter(|page| page.len() >= HEADER)
        };
        let mut seen = HashSet::from([meta.root]);
        let mut open = VecDeque::from([(page(meta.root)?, Rc::<str>::from(""))]);
        while let Some((bytes, bucket)) = open.pop_front() {
            let mut fields = Cursor::new(bytes.get(8..)?);
            let (flags, count) = (u16_le(&mut fields)?, u16_le(&mut fields)?);
            (flags & (BRANCH | LEAF) != 0).then_some(())?;
            for element in (0..usize::from(count)).map(|nth| HEADER + nth * HEADER) {
                let element = bytes.get(element..)?;
                let mut fields = Cursor::new(element);
                if flags & BRANCH != 0 {
                    let _key = fields.take(8)?;
                    let child = u64_le(&mut fields)?;
                    seen.insert(child).then_some(())?;
                    open.push_back((page(child)?, Rc::clone(&bucket)));
                    self.claim(HEADER)?;
                } else {
                    let (kind, position) = (fields.u32_le()?, fields.u32_le()?);
                    let lengths = [fields.u32_le()?, fields.u32_le()?];
                    let [key, value] = lengths.map(|length| usize::try_from(length).ok());
                    self.claim(HEADER)?;
                    self.claim(key?.checked_add(value?)?)?;
                    let mut data = Cursor::new(element.get(usize::try_from(position).ok()?..)?);
                    let (key, value) = (data.take(key?)?, data.take(value?)?);
                    if kind & BUCKET == 0 {
                        self.add(&bucket, key, value)?;
                        continue;
                    }
                    let name: Rc<str> = match &*bucket {
                        "" => name(key).into(),
                        outer => format!("{outer}/{}", name(key)).into(),
                    };
                    (name.len() <= MAX_NAME).then_some(())?;
                    self.buckets.entry(name.to_string()).or_default();
                    // A small bucket is in the value itself.
                    match u64_le(&mut Cursor::new(value))? {
                        0 => open.push_back((value.get(HEADER..)?, name)),
                        root => {
                            seen.insert(root).then_some(())?;
                            open.push_back((page(root)?, name));
                        }
                    }
                }
            }
        }
        Some(())
    }

    fn claim(&mut self, bytes: usize) -> Option<()> {
        self.room = self.room.checked_sub(bytes)?;
        Some(())
    }

    fn add(&mut self, bucket: &str, key: &[u8], value: &[u8]) -> Option<()> {
        self.entries = self.entries.checked_sub(1)?;
        let value = match std::str::from_utf8(value) {
            Ok(text) => json!(text),
            Err(_) => json!({ "$base64": BASE64.encode(value) }),
        };
        let entry = json!({"key": name(key), "value": value});
        self.buckets.entry(bucket.to_owned()).or_default().push(entry);
        Some(())
    }
}

/// A key as text, or in hexadecimal where it is a number or the like.
fn name(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => hex(key),
    }
}

fn u16_le(fields: &mut Cursor<'_>) -> Option<u16> {
    fields.take(2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u64_le(fields: &mut Cursor<'_>) -> Option<u64> {
    fields.take(8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::parse;
    use super::*;

    const PAGE: usize = 256;

    fn page(flags: u16, count: u16, rest: &[u8]) -> Vec<u8> {
        let mut page = [&[0; 8][..], &flags.to_le_bytes(), &count.to_le_bytes(), &[0; 4]].concat();
        page.extend(rest);
        page.resize(PAGE, 0);
        page
    }

    fn meta(root: u64, transaction: u64) -> Vec<u8> {
        let mut rest =
            [MAGIC.to_le_bytes(), 2u32.to_le_bytes(), 256u32.to_le_bytes(), [0; 4]].concat();
        for number in [root, 0, 0, 0, transaction, 0] {
            rest.extend(number.to_le_bytes());
        }
        page(META, 0, &rest)
    }

    /// A leaf of these elements: what it says of the value, key, value.
    fn leaf(elements: &[(u32, &[u8], &[u8])]) -> Vec<u8> {
        let mut heads = Vec::new();
        let mut data = Vec::new();
        for (nth, (kind, key, value)) in elements.iter().enumerate() {
            let position = (elements.len() - nth) * HEADER + data.len();
            for number in [*kind as usize, position, key.len(), value.len()] {
                heads.extend(u32::try_from(number).unwrap().to_le_bytes());
            }
            data.extend([*key, *value].concat());
        }
        page(LEAF, u16::try_from(elements.len()).unwrap(), &[heads, data].concat())
    }

    fn branch(children: &[u64]) -> Vec<u8> {
        let elements = children.iter().flat_map(|child| [[0; 8], child.to_le_bytes()].concat());
        page(BRANCH, u16::try_from(children.len()).unwrap(), &elements.collect::<Vec<_>>())
    }

    fn bucket(root: u64, inline: &[u8]) -> Vec<u8> {
        [&root.to_le_bytes()[..], &[0; 8], inline].concat()
    }

    #[test]
    fn trees_and_buckets_in_values() {
        let inline = leaf(&[(0, b"k", b"v\xff")]);
        let file = [
            meta(9, 4),
            meta(2, 5),
            leaf(&[
                (BUCKET, b"cmd", &bucket(3, &[])),
                (BUCKET, b"dir", &bucket(0, &inline[..=34])),
            ]),
            branch(&[4, 5]),
            leaf(&[(0, &[0, 1], b"curl a"), (0, &[0, 2], b"curl b")]),
            leaf(&[(0, &[0, 3], "größer".as_bytes()), (BUCKET, b"in", &bucket(6, &[]))]),
            leaf(&[]),
        ]
        .concat();
        assert_eq!(
            parse("bolt", None, &file),
            Ok(json!({
                "cmd": [
                    {"key": "0001", "value": "curl a"},
                    {"key": "0002", "value": "curl b"},
                    {"key": "0003", "value": "größer"},
                ],
                "cmd/in": [],
                "dir": [{"key": "k", "value": {"$base64": "dv8="}}],
            }))
        );
    }

    #[test]
    fn what_points_astray_is_malformed() {
        let cases: [(&str, Vec<Vec<u8>>); 7] = [
            ("nothing", vec![]),
            ("no meta page", vec![leaf(&[])]),
            ("a root beyond the end", vec![meta(7, 1)]),
            ("a root that is no page of a tree", vec![meta(1, 1), meta(1, 1)]),
            ("a tree in a circle", vec![meta(2, 1), meta(2, 1), branch(&[3]), branch(&[2])]),
            (
                "a bucket that is its own",
                vec![meta(2, 1), meta(2, 1), leaf(&[(BUCKET, b"a", &bucket(2, &[]))])],
            ),
            (
                "a bucket without a root",
                vec![meta(2, 1), meta(2, 1), leaf(&[(BUCKET, b"a", b"short")])],
            ),
        ];
        for (name, pages) in cases {
            assert!(parse("bolt", None, &pages.concat()).is_err(), "{name}");
        }
    }

    /// Elements that all claim the same bytes would make more of a file than it is.
    #[test]
    fn overlapping_values_are_malformed() {
        let element = [0u32, 16, 0, 200].map(u32::to_le_bytes).concat();
        let page = page(LEAF, 10, &element.repeat(10));
        let file = [meta(2, 1), meta(2, 1), page, vec![0; 16]].concat();
        assert!(parse("bolt", None, &file).is_err());
    }
}
