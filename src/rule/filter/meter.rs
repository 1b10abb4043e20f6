//! Metering: a filter's work is counted while it runs, so that no document can make it run long.
//!
//! The subset ends on every document, yet a quadratic filter over a hostile one of 16 MiB would outlive us. So the tree is rewritten: what
//! multiplies (`.[]`, `..`, `,`) or copies (`+`, text with holes, slices, calls) passes the native `!tick`, which counts what flows through
//! it, and fails once [`super::native::STEPS`] are spent.

use jaq_core::load::Arena;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Opt, Part, Path};

use super::Problem;
use super::pattern::{Pattern, PatternCall};
use super::tree::{Tree, map_children};

/// Builtins whose cost does not depend on what they are given.
const FREE: &[&str] = &[
    "arrays",
    "booleans",
    "empty",
    "error",
    "false",
    "isempty",
    "iterables",
    "not",
    "null",
    "nulls",
    "numbers",
    "objects",
    "scalars",
    "select",
    "strings",
    "true",
    "type",
    "values",
];

/// Rewrites a filter, and compiles the expressions it uses.
pub(super) struct Meter<'s> {
    source: &'s str,
    arena: &'s Arena,
    pub(super) patterns: Vec<Pattern>,
    pub(super) problems: Vec<Problem>,
}

impl<'s> Meter<'s> {
    pub(super) fn new(source: &'s str, arena: &'s Arena) -> Self {
        Self { source, arena, patterns: Vec::new(), problems: Vec::new() }
    }

    pub(super) fn filter(&mut self, term: Tree<'s>) -> Tree<'s> {
        let Term::Call(name, arguments) = term else {
            let term = map_children(term, &mut |child| self.filter(child));
            return match term {
                Term::Str(format, parts) => text(format, parts),
                term => metered(term),
            };
        };
        if FREE.contains(&name) {
            return Term::Call(
                name,
                arguments.into_iter().map(|argument| self.filter(argument)).collect(),
            );
        }
        let call = match PatternCall::of(name, &arguments) {
            Some(call) => self.pattern_call(name, &call, &arguments),
            None => Term::Call(
                name,
                arguments.into_iter().map(|argument| self.filter(argument)).collect(),
            ),
        };
        pipe(tick(), pipe(call, tick()))
    }

    /// `test("…")` becomes `!test(0)`: the number of its expression.
    fn pattern_call(
        &mut self,
        name: &'s str,
        call: &PatternCall<'_, 's>,
        arguments: &[Tree<'s>],
    ) -> Tree<'s> {
        let number = self.arena.alloc(self.patterns.len().to_string()).as_str();
        match call.compile() {
            Ok(pattern) => self.patterns.push(pattern),
            Err(message) => self.problems.push(Problem::new(self.source, name, &message)),
        }
        let mut given = vec![Term::Num(number)];
        if call.native == "!sub" {
            given.push(self.filter(arguments[1].clone()));
        }
        Term::Call(call.native, given)
    }
}

/// Rewrites a definition of the standard library, which brings its own names.
pub(super) fn definition(term: Tree<'static>) -> Tree<'static> {
    metered(map_children(term, &mut definition))
}

/// Meters what `term` itself does; its children have been seen to.
fn metered(term: Tree<'_>) -> Tree<'_> {
    match term {
        Term::Recurse => pipe(Term::Recurse, tick()),
        Term::BinOp(left, BinaryOp::Comma, right) => {
            Term::BinOp(left, BinaryOp::Comma, Box::new(pipe(tick(), *right)))
        }
        Term::BinOp(left, BinaryOp::Math(Math::Add), right) => {
            Term::Call("!add", vec![*left, *right])
        }
        Term::BinOp(left, BinaryOp::Math(Math::Mul), right) => {
            Term::Call("!multiply", vec![*left, *right])
        }
        Term::Path(base, Path(parts)) => path(*base, parts),
        other => other,
    }
}

/// `"a\(b)"` as `"a" + (b | tostring)`.
fn text<'s>(format: Option<&'s str>, parts: Vec<StrPart<&'s str, Tree<'s>>>) -> Tree<'s> {
    if !parts.iter().any(|part| matches!(part, StrPart::Term(_))) {
        return Term::Str(format, parts);
    }
    let format = format.unwrap_or("tostring");
    let parts = parts.into_iter().map(|part| match part {
        StrPart::Term(inner) => pipe(tick(), pipe(inner, Term::Call(format, Vec::new()))),
        plain => Term::Str(None, vec![plain]),
    });
    parts
        .rev()
        .reduce(|right, left| Term::Call("!add", vec![left, right]))
        .unwrap_or(Term::Str(None, Vec::new()))
}

/// Meters each `.[]` and slice on both sides: it copies what it is given, and multiplies what follows. What follows is often free by
/// itself (`select(.a == $b)`), so each element pays for some of it.
fn path<'s>(base: Tree<'s>, parts: Vec<(Part<Tree<'s>>, Opt)>) -> Tree<'s> {
    let mut base = base;
    let mut pending = Vec::new();
    for part in parts {
        let visits = matches!(part.0, Part::Range(..));
        if visits {
            base = pipe(step(base, std::mem::take(&mut pending)), tick());
        }
        pending.push(part);
        if visits {
            base = pipe(step(base, std::mem::take(&mut pending)), Term::Call("!visit", Vec::new()));
        }
    }
    step(base, pending)
}

fn step<'s>(base: Tree<'s>, parts: Vec<(Part<Tree<'s>>, Opt)>) -> Tree<'s> {
    if parts.is_empty() { base } else { Term::Path(Box::new(base), Path(parts)) }
}

fn pipe<'s>(left: Tree<'s>, right: Tree<'s>) -> Tree<'s> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn tick<'s>() -> Tree<'s> {
    Term::Call("!tick", Vec::new())
}
