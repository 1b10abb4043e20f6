//! XML, as far as configuration needs it: elements, attributes, text. A document type is passed over, so nothing expands.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
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
    let place = |offset| Malformed::at_offset(&text, usize::try_from(offset).unwrap_or(usize::MAX));
    bounded(root(&mut reader).map_err(place)?)
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
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or(attribute.value);
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

/// The document as an object of its root, or the byte where it is malformed.
fn root(reader: &mut Reader<&[u8]>) -> Result<Value, u64> {
    // The document itself is a nameless element.
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|_| reader.error_position())?;
        if matches!(event, Event::Eof) {
            break;
        }
        take(event, &mut open).ok_or_else(|| reader.buffer_position())?;
    }
    let document = open.pop().filter(|document| document.text.trim().is_empty());
    let document = document.filter(|_| open.is_empty()).ok_or_else(|| reader.buffer_position())?;
    Ok(document.members.into())
}

fn take(event: Event<'_>, open: &mut Vec<Element>) -> Option<()> {
    match event {
        Event::Start(start) if open.len() < MAX_ELEMENTS => open.push(Element::new(&start)?),
        Event::Start(_) => return None,
        Event::End(_) => {
            let element = open.pop()?;
            open.last_mut()?.adopt(element);
        }
        Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
        Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
        Event::GeneralRef(reference) => refer(&reference, &mut open.last_mut()?.text)?,
        _ => {}
    }
    Some(())
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::super::tests::{check, check_malformed};

    #[test]
    fn elements() {
        check(
            "xml",
            None,
            &[
                (
                    "<?xml version=\"1.0\"?>\n<settings xmlns=\"urn:m\" xmlns:x=\"urn:x\" x:v=\"1\">\
                     <!-- c --><server><id> a&amp;b </id><password><![CDATA[<&>]]></password></server>\
                     <server/></settings>\n",
                    json!({"settings": [{"@v": "1", "server": [{"id": ["a&b"], "password": ["<&>"]}, ""]}]}),
                ),
                (
                    "<a k='&quot;&#x41;'> t <b>x</b></a>",
                    json!({"a": [{"@k": "\"A", "b": ["x"], "#text": "t"}]}),
                ),
                ("<n:a><n:b/><b/></n:a>", json!({"a": [{"b": ["", ""]}]})),
            ],
        );
    }

    #[test]
    fn entities_do_not_expand() {
        let mut bomb = String::from("<!DOCTYPE l [<!ENTITY l0 \"lol\">");
        for n in 1..10 {
            let ten = format!("&l{};", n - 1).repeat(10);
            write!(bomb, "<!ENTITY l{n} \"{ten}\">").unwrap();
        }
        bomb += "]><l k=\"&l9;\">&l9;</l>";
        check("xml", None, &[(&bomb, json!({"l": [{"@k": "&l9;", "#text": "&l9;"}]}))]);
    }

    #[test]
    fn malformed() {
        check_malformed(
            "xml",
            &[
                ("<a>\n<b></a>", Some(2), Some(4)),
                ("<a>", Some(1), Some(4)),
                ("text", Some(1), Some(5)),
                ("<a b></a>", Some(1), Some(6)),
            ],
        );
    }
}
