//! XML, as far as configuration needs it: elements, attributes, text. A document type is passed over, so nothing expands.

use quick_xml::{Reader, XmlVersion};
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

use super::{
    Document, Format, MAX_DEPTH, Malformed, Options, Unreadable, bounded, decode_text, sparse,
};

/// Any XML document.
pub(super) const FORMAT: Format = Format {
    name: "xml",
    about: "{root: [element]}; an element is its text, or an object of \"@attribute\", \"#text\" and child: [elements]; \
            namespaces are dropped",
    dialects: &[],
    document: Some(read),
    entries: None,
};

/// Elements within elements; each is an object and an array of the document.
const MAX_ELEMENTS: usize = MAX_DEPTH / 2;

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    sparse(&text, b"<=", 1)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    match root(&mut reader) {
        Some(root) => bounded(root),
        None => Err(place(&text, &reader).into()),
    }
}

fn place(text: &str, reader: &Reader<&[u8]>) -> Malformed {
    let offset = reader.error_position().max(1).min(reader.buffer_position());
    Malformed::at_offset(text, usize::try_from(offset).unwrap_or(usize::MAX))
}

/// An element whose end is yet to come.
#[derive(Default)]
struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Option<Self> {
        let name = start.local_name().as_ref().to_owned();
        let mut members = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let name = format!("@{}", attribute.key.local_name().as_ref());
            // An entity of a document type is left as it is written.
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or(attribute.value);
            members.insert(name, value.into());
        }
        Some(Self { name, members, text: String::new() })
    }

    fn adopt(&mut self, child: Self) {
        let name = child.name.clone();
        let siblings = self.members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(siblings) = siblings {
            siblings.push(child.into_value());
        }
    }

    fn into_value(mut self) -> Value {
        let text = self.text.trim();
        if self.members.is_empty() {
            return text.into();
        }
        if !text.is_empty() {
            self.members.insert("#text".to_owned(), text.into());
        }
        self.members.into()
    }
}

/// The document, as a nameless element that holds the root; `None` where it is malformed.
fn root(reader: &mut Reader<&[u8]>) -> Option<Value> {
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() < MAX_ELEMENTS => open.push(Element::new(&start)?),
            Event::Start(_) => return None,
            Event::End(_) => {
                let element = open.pop()?;
                open.last_mut()?.adopt(element);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => refer(&reference, &mut open.last_mut()?.text)?,
            Event::Eof => break,
            _ => {}
        }
    }
    let document = open.pop().filter(|document| document.text.trim().is_empty())?;
    open.is_empty().then(|| document.members.into())
}

/// `&#x2F;` and the five entities of XML; others stay as they are written.
fn refer(reference: &BytesRef<'_>, text: &mut String) -> Option<()> {
    if let Some(char) = reference.resolve_char_ref().ok()? {
        text.push(char);
        return Some(());
    }
    let name: &str = reference.as_ref();
    match resolve_xml_entity(name) {
        Some(meaning) => text.push_str(meaning),
        None => text.extend(["&", name, ";"]),
    }
    Some(())
}
