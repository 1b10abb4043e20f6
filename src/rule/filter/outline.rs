//! What a filter puts out, as far as its text shows: the keys of the object literals in its last place.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Math;

use super::subset;
use super::tree::{Tree, first_slice, literal};

/// Which object a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An output itself.
    Output,
    /// An element of its `credentials`.
    Credential,
}

/// A key that some output has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Whose key.
    pub part: Part,
    /// Its name.
    pub name: String,
    /// The texts it may have, where they are literal.
    pub texts: Vec<String>,
}

/// The keys that can be seen in `source`; none where it is no jq.
pub fn keys(source: &str) -> Vec<Key> {
    let mut outline = Outline { source, keys: Vec::new() };
    if let Ok(tree) = subset::parse(source) {
        outline.outputs(&tree, Part::Output);
    }
    outline.keys
}

struct Outline<'s> {
    source: &'s str,
    keys: Vec<Key>,
}

impl<'s> Outline<'s> {
    fn outputs(&mut self, term: &Tree<'s>, part: Part) {
        match term {
            Term::BinOp(left, BinaryOp::Pipe(None), right) if passes(right) => {
                self.outputs(left, part);
            }
            Term::BinOp(left, BinaryOp::Pipe(None), right) if is_iteration(right) => {
                self.elements(left, part);
            }
            Term::BinOp(_, BinaryOp::Pipe(_), right) => self.outputs(right, part),
            Term::BinOp(
                left,
                BinaryOp::Comma | BinaryOp::Alt | BinaryOp::Math(Math::Add),
                right,
            ) => {
                self.outputs(left, part);
                self.outputs(right, part);
            }
            Term::IfThenElse(branches, otherwise) => {
                let branches = branches.iter().map(|(_, then)| then);
                for output in branches.chain(otherwise.as_deref()) {
                    self.outputs(output, part);
                }
            }
            Term::TryCatch(body, _) => self.outputs(body, part),
            Term::Path(base, _) if matches!(**base, Term::Arr(_)) => self.elements(base, part),
            Term::Obj(entries) => {
                for (key, value) in entries {
                    self.entry(key, value.as_ref(), part);
                }
            }
            _ => {}
        }
    }

    /// The outputs that an array holds.
    fn elements(&mut self, term: &Tree<'s>, part: Part) {
        match term {
            Term::Arr(Some(inner)) => self.outputs(inner, part),
            Term::BinOp(left, BinaryOp::Math(Math::Add), right) => {
                self.elements(left, part);
                self.elements(right, part);
            }
            Term::BinOp(left, BinaryOp::Pipe(None), right) => match &**right {
                Term::Call("map", arguments) if arguments.first().is_some_and(passes) => {
                    self.elements(left, part);
                }
                Term::Call("map", arguments) => {
                    for each in arguments {
                        self.outputs(each, part);
                    }
                }
                right => self.elements(right, part),
            },
            Term::BinOp(_, BinaryOp::Pipe(Some(_)), right) => self.elements(right, part),
            _ => {}
        }
    }

    fn entry(&mut self, key: &Tree<'s>, value: Option<&Tree<'s>>, part: Part) {
        let name = match key {
            Term::Var(name) if value.is_none() => Some(name.trim_start_matches('$').to_owned()),
            key => literal(key),
        };
        let Some(name) = name else { return };
        if let (Part::Output, "credentials", Some(value)) = (part, name.as_str(), value) {
            self.elements(value, Part::Credential);
        }
        let (line, column) = subset::place(self.source, first_slice(key).unwrap_or(self.source));
        let texts = value.map(texts).unwrap_or_default();
        self.keys.push(Key { line, column, part, name, texts });
    }
}

/// Whether a filter hands on what it is given, or nothing.
fn passes(term: &Tree<'_>) -> bool {
    matches!(
        term,
        Term::Id | Term::Call("select" | "values" | "objects" | "del" | "with_entries", _)
    )
}

fn is_iteration(term: &Tree<'_>) -> bool {
    matches!(term, Term::Path(base, path) if matches!(**base, Term::Id)
        && matches!(path.0[..], [(jaq_core::path::Part::Range(None, None), _)]))
}

/// The literal texts a value may be.
fn texts(term: &Tree<'_>) -> Vec<String> {
    match term {
        Term::Str(None, parts) if !parts.iter().any(|part| matches!(part, StrPart::Term(_))) => {
            literal(term).into_iter().collect()
        }
        Term::IfThenElse(branches, otherwise) => {
            let branches = branches.iter().map(|(_, then)| then);
            branches.chain(otherwise.as_deref()).flat_map(texts).collect()
        }
        Term::BinOp(left, BinaryOp::Alt, right) => {
            [left, right].into_iter().flat_map(|side| texts(side)).collect()
        }
        _ => Vec::new(),
    }
}
