//! HCL, the language of Terraform and its kin, in the shape its JSON syntax would have.

use super::tree::Tree;
use super::{Document, Format, Malformed, Options, Unreadable, decode_text, sparse};

/// Attributes and blocks.
pub(super) const FORMAT: Format = Format {
    name: "hcl",
    about: "attributes and blocks: `credentials \"host\" { token = \"x\" }` is {credentials: {host: {token: \"x\"}}}, \
            blocks of one name and label an array; expressions are \"${...}\" text",
    dialects: &[],
    document: Some(read),
    entries: None,
};

fn read(bytes: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    let text = decode_text(bytes);
    // An expression of the syntax tree takes some ten times the memory of a value.
    sparse(&text, b",=:.[{\n", 10)?;
    match hcl::from_str::<Tree>(&text) {
        Ok(Tree(value)) => Ok(Document(value)),
        Err(hcl::Error::Parse(error)) => {
            let place = error.location();
            Err(Malformed::at(place.line(), place.column()).into())
        }
        Err(_) => Err(Malformed::default().into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{check, check_malformed};

    #[test]
    fn bodies() {
        check(
            "hcl",
            None,
            &[
                (
                    "credentials \"app.example.com\" {\n  token = \"x.atlasv1.y\"\n}\n",
                    json!({"credentials": {"app.example.com": {"token": "x.atlasv1.y"}}}),
                ),
                (
                    "a = [1, true, null]\nb = { c = \"d\" }\n",
                    json!({"a": [1, true, null], "b": {"c": "d"}}),
                ),
                (
                    "a = var.token\nb = \"p-${var.b}\"\n",
                    json!({"a": "${var.token}", "b": "p-${var.b}"}),
                ),
                ("h {\n n = 1\n}\nh {\n n = 2\n}\n", json!({"h": [{"n": 1}, {"n": 2}]})),
                ("k = <<EOT\nline\nEOT\n", json!({"k": "line\n"})),
                ("# c\n// c\n/* c */\n", json!({})),
            ],
        );
    }

    #[test]
    fn malformed() {
        check_malformed("hcl", &[("a = 1\nb = = 2\n", Some(2), Some(5))]);
    }
}
