//! Apple property lists, binary and XML.

use super::tree::Tree;
use super::{Document, Format, Malformed, Options, Unreadable, decode_text};

/// Either encoding.
pub(super) const FORMAT: Format = Format {
    name: "plist",
    about: "the value of a binary or XML property list; dates are RFC 3339 text, data is base64 text",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let tree = if bytes.starts_with(b"bplist") {
        plist::from_bytes::<Tree>(bytes)
    } else {
        plist::from_reader_xml::<_, Tree>(decode_text(bytes).as_bytes())
    };
    // The crate tells the place in the text of its error only.
    tree.map(|Tree(value)| Document(value)).map_err(|_| Malformed::default().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{check, parse};

    #[test]
    fn both_encodings() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
            <plist version="1.0"><dict>
              <key>token</key><string>a&amp;b</string>
              <key>at</key><date>2024-01-02T03:04:05Z</date>
              <key>data</key><data>AAEC</data>
              <key>n</key><integer>-7</integer>
              <key>on</key><true/>
              <key>list</key><array><real>1.5</real><dict/></array>
            </dict></plist>"#;
        let document = json!({
            "token": "a&b", "at": "2024-01-02T03:04:05Z", "data": "AAEC", "n": -7, "on": true,
            "list": [1.5, {}],
        });
        let mut binary = Vec::new();
        let value = ::plist::Value::from_reader_xml(xml.as_bytes()).unwrap();
        value.to_writer_binary(&mut binary).unwrap();
        assert_eq!(parse("plist", None, &binary).as_ref(), Ok(&document));
        check("plist", None, &[(xml, document)]);
    }

    #[test]
    fn not_a_property_list() {
        for input in ["", "text", "<html/>", "bplist00", "<plist><dict><key>a</key></plist>"] {
            assert!(parse("plist", None, input.as_bytes()).is_err(), "{input}");
        }
    }

    #[test]
    fn entities_do_not_expand() {
        let bomb = "<!DOCTYPE plist [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><plist><string>x&b;</string></plist>";
        check("plist", None, &[(bomb, json!("x"))]);
    }

    /// Each of `depth` arrays names the one below it `width` times: small on disk, endless when followed.
    fn shared(depth: u8, width: u8, leaf: &[u8]) -> Vec<u8> {
        let mut file = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for level in 0..depth {
            offsets.push(file.len());
            file.extend([0xAF, 0x10, width]);
            file.extend(vec![level + 1; width.into()]);
        }
        offsets.push(file.len());
        file.extend(leaf);
        let table = file.len();
        file.extend(offsets.iter().flat_map(|at| u32::try_from(*at).unwrap().to_be_bytes()));
        file.extend([0, 0, 0, 0, 0, 0, 4, 1]);
        for number in [offsets.len(), 0, table] {
            file.extend((number as u64).to_be_bytes());
        }
        file
    }

    #[test]
    fn shared_objects_are_paid_for() {
        assert_eq!(parse("plist", None, &shared(1, 2, b"\x51x")), Ok(json!(["x", "x"])));
        assert!(parse("plist", None, &shared(12, 200, b"\x51x")).is_err());
        let mut text = b"\x5F\x12\x00\x10\x00\x00".to_vec();
        text.extend(vec![b'x'; 1 << 20]);
        assert!(parse("plist", None, &shared(1, 200, &text)).is_err());
    }
}
