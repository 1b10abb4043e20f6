//! Is a rule file of the published shape? The JSON Schema that authors see is what is checked, key by key, with places.

use serde_json::{Number, Value};

use super::node::{Content, Node};
use crate::rule::filter::nearest;

/// Something in a file that is not as the schema says.
pub(super) struct Misfit {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Everything in `node` that is not as `schema` says.
pub(super) fn misfits(node: &Node, schema: &Value) -> Vec<Misfit> {
    let mut shape = Shape { root: schema, found: Vec::new() };
    shape.node(node, schema);
    shape.found
}

struct Shape<'s> {
    root: &'s Value,
    found: Vec<Misfit>,
}

impl<'s> Shape<'s> {
    fn report(&mut self, node: &Node, message: String, hint: Option<String>) {
        self.found.push(Misfit { line: node.line, column: node.column, message, hint });
    }

    fn node(&mut self, node: &Node, schema: &'s Value) {
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.into_iter().for_each(|target| self.node(node, target));
        }
        let words = words(schema);
        if !words.is_empty() {
            return self.word(node, &words);
        }
        if let Some(forms) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array())
        {
            return self.forms(node, forms);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is(node, name)) {
            let wanted: Vec<_> =
                types.iter().filter(|name| **name != "null").map(|name| named(name)).collect();
            return self.report(node, format!("{} expected", wanted.join(" or ")), None);
        }
        match &node.content {
            Content::Map(entries) => self.map(node, entries, schema),
            Content::List(items) => {
                let each = schema.get("items");
                if let Some(each) = each {
                    for item in items {
                        self.node(item, each);
                    }
                }
            }
            Content::Scalar(Value::Number(number)) => self.number(node, number, schema),
            Content::Scalar(_) => {}
        }
    }

    /// A number within its bounds.
    fn number(&mut self, node: &Node, number: &Number, schema: &Value) {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let Some(number) = number.as_f64() else { return };
        match (bound("minimum"), bound("maximum")) {
            (Some(least), _) if number < least => {
                self.report(node, format!("a whole number from {least} on expected"), None);
            }
            (_, Some(most)) if number > most => {
                self.report(node, format!("at most {most} expected"), None);
            }
            _ => {}
        }
    }

    /// A value of a closed list.
    fn word(&mut self, node: &Node, words: &[&str]) {
        match node.text() {
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let hint = nearest(text, words.iter().copied())
                    .or_else(|| Some(format!("one of {}", words.join(", "))));
                self.report(node, format!("`{text}` is not known"), hint);
            }
            None => self.report(node, format!("one of {} expected", words.join(", ")), None),
        }
    }

    /// One of several forms: the first that fits, else what is wrong with the nearest.
    fn forms(&mut self, node: &Node, forms: &'s [Value]) {
        let mut least: Option<Vec<Misfit>> = None;
        for form in forms {
            let mut shape = Shape { root: self.root, found: Vec::new() };
            shape.node(node, form);
            if shape.found.is_empty() {
                return;
            }
            // What lies deeper in the file is nearer to the form that was meant.
            let depth =
                |found: &[Misfit]| found.iter().map(|misfit| (misfit.line, misfit.column)).max();
            if least.as_ref().is_none_or(|least| depth(&shape.found) > depth(least)) {
                least = Some(shape.found);
            }
        }
        self.found.extend(least.into_iter().flatten());
    }

    fn map(&mut self, node: &Node, entries: &[(Node, Node)], schema: &'s Value) {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in entries {
            let Some(name) = key.text() else {
                self.report(key, "a key must be text".into(), None);
                continue;
            };
            if let Some(schema) = known.and_then(|known| known.get(name)) {
                self.node(value, schema);
            } else if others == Some(&Value::Bool(false)) {
                let names = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
                let hint = nearest(name, names);
                self.report(key, format!("unknown key `{name}`"), hint);
            } else {
                schema.get("propertyNames").into_iter().for_each(|names| self.node(key, names));
                if let Some(others) = others {
                    self.node(value, others);
                }
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| node.get(name).is_none()) {
            self.report(node, format!("`{name}` is missing"), None);
        }
    }
}

/// The words of a closed list, if the schema is one.
fn words(schema: &Value) -> Vec<&str> {
    let word = |form: &'_ Value| form.get("const").and_then(Value::as_str).map(|_| ());
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().filter_map(Value::as_str).collect();
    }
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return vec![word];
    }
    let Some(forms) = schema.get("oneOf").and_then(Value::as_array) else { return Vec::new() };
    if forms.iter().any(|form| word(form).is_none() && form.get("enum").is_none()) {
        return Vec::new();
    }
    forms.iter().flat_map(words).collect()
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Unquoted numbers and booleans are text where text is wanted, as serde reads them.
fn is(node: &Node, name: &str) -> bool {
    match (&node.content, name) {
        (Content::Scalar(Value::Null), "null")
        | (Content::Scalar(Value::Bool(_)), "boolean")
        | (Content::Scalar(Value::Number(_)), "number")
        | (Content::Map(_), "object")
        | (Content::List(_), "array") => true,
        (Content::Scalar(Value::Number(number)), "integer") => !number.is_f64(),
        (Content::Scalar(value), "string") => !value.is_null(),
        _ => false,
    }
}

fn named(name: &str) -> &str {
    match name {
        "string" => "text",
        "array" => "a list",
        "object" => "a map",
        "boolean" => "true or false",
        "integer" => "a whole number",
        other => other,
    }
}
