//! A walk over jq parse trees that meets every variant once, so that no pass can overlook one.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};

/// A parsed filter; its names and literals are slices of the source, which is how places are found.
pub(super) type Tree<'s> = Term<&'s str>;

/// Every direct subterm, in source order: patterns, string parts and path indices included.
pub(super) fn children<'t, 's>(term: &'t Tree<'s>) -> Vec<&'t Tree<'s>> {
    let mut found = Vec::new();
    match term {
        Term::Id
        | Term::Recurse
        | Term::Num(_)
        | Term::Break(_)
        | Term::Var(_)
        | Term::Arr(None) => {}
        Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => found.push(&**inner),
        Term::Str(_, parts) => found.extend(parts.iter().filter_map(|part| match part {
            StrPart::Term(inner) => Some(inner),
            StrPart::Str(_) | StrPart::Char(_) => None,
        })),
        Term::Obj(entries) => {
            for (key, value) in entries {
                found.push(key);
                found.extend(value);
            }
        }
        Term::BinOp(left, op, right) => {
            found.push(left);
            if let BinaryOp::Pipe(Some(pattern)) = op {
                pattern_terms(pattern, &mut found);
            }
            found.push(right);
        }
        Term::Fold(_, items, pattern, arguments) => {
            found.push(items);
            pattern_terms(pattern, &mut found);
            found.extend(arguments);
        }
        Term::TryCatch(body, catch) => {
            found.push(body);
            found.extend(catch.as_deref());
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, then) in branches {
                found.extend([condition, then]);
            }
            found.extend(otherwise.as_deref());
        }
        Term::Def(definitions, body) => {
            found.extend(definitions.iter().map(|definition| &definition.body));
            found.push(body);
        }
        Term::Call(_, arguments) => found.extend(arguments),
        Term::Path(base, path) => {
            found.push(base);
            for (part, _) in &path.0 {
                match part {
                    Part::Index(index) => found.push(index),
                    Part::Range(from, to) => found.extend(from.iter().chain(to)),
                }
            }
        }
    }
    found
}

fn pattern_terms<'t, 's>(pattern: &'t Pattern<&'s str>, found: &mut Vec<&'t Tree<'s>>) {
    match pattern {
        Pattern::Var(_) => {}
        Pattern::Arr(patterns) => patterns.iter().for_each(|inner| pattern_terms(inner, found)),
        Pattern::Obj(entries) => {
            for (key, inner) in entries {
                found.push(key);
                pattern_terms(inner, found);
            }
        }
    }
}

/// Rebuilds `term` with `change` applied to every direct subterm.
pub(super) fn map_children<'s>(
    term: Tree<'s>,
    change: &mut dyn FnMut(Tree<'s>) -> Tree<'s>,
) -> Tree<'s> {
    match term {
        Term::Id
        | Term::Recurse
        | Term::Num(_)
        | Term::Break(_)
        | Term::Var(_)
        | Term::Arr(None) => term,
        Term::Arr(Some(inner)) => Term::Arr(Some(boxed(*inner, change))),
        Term::Neg(inner) => Term::Neg(boxed(*inner, change)),
        Term::Label(name, inner) => Term::Label(name, boxed(*inner, change)),
        Term::Str(format, parts) => {
            let part = |part| match part {
                StrPart::Term(inner) => StrPart::Term(change(inner)),
                plain => plain,
            };
            Term::Str(format, parts.into_iter().map(part).collect())
        }
        Term::Obj(entries) => {
            let entry = |(key, value): (_, Option<_>)| {
                // `{$x}` and `{a}` are short forms that hang on the key's own variant.
                let key = if matches!(key, Term::Var(_)) { key } else { change(key) };
                (key, value.map(&mut *change))
            };
            Term::Obj(entries.into_iter().map(entry).collect())
        }
        Term::BinOp(left, op, right) => {
            let left = boxed(*left, change);
            let op = match op {
                BinaryOp::Pipe(Some(pattern)) => BinaryOp::Pipe(Some(map_pattern(pattern, change))),
                other => other,
            };
            Term::BinOp(left, op, boxed(*right, change))
        }
        Term::Fold(name, items, pattern, arguments) => {
            let items = boxed(*items, change);
            let pattern = map_pattern(pattern, change);
            Term::Fold(name, items, pattern, arguments.into_iter().map(change).collect())
        }
        Term::TryCatch(body, catch) => {
            let body = boxed(*body, change);
            Term::TryCatch(body, catch.map(|catch| boxed(*catch, change)))
        }
        Term::IfThenElse(branches, otherwise) => {
            let branch = |(condition, then)| (change(condition), change(then));
            let branches = branches.into_iter().map(branch).collect();
            Term::IfThenElse(branches, otherwise.map(|otherwise| boxed(*otherwise, change)))
        }
        Term::Def(definitions, body) => {
            let definition = |Def { name, args, body }| Def { name, args, body: change(body) };
            let definitions = definitions.into_iter().map(definition).collect();
            Term::Def(definitions, boxed(*body, change))
        }
        Term::Call(name, arguments) => {
            Term::Call(name, arguments.into_iter().map(change).collect())
        }
        Term::Path(base, path) => {
            let base = boxed(*base, change);
            let part = |(part, optional)| {
                let part = match part {
                    Part::Index(index) => Part::Index(change(index)),
                    Part::Range(from, to) => {
                        Part::Range(from.map(&mut *change), to.map(&mut *change))
                    }
                };
                (part, optional)
            };
            Term::Path(base, Path(path.0.into_iter().map(part).collect()))
        }
    }
}

fn boxed<'s>(term: Tree<'s>, change: &mut dyn FnMut(Tree<'s>) -> Tree<'s>) -> Box<Tree<'s>> {
    Box::new(change(term))
}

fn map_pattern<'s>(
    pattern: Pattern<&'s str>,
    change: &mut dyn FnMut(Tree<'s>) -> Tree<'s>,
) -> Pattern<&'s str> {
    match pattern {
        Pattern::Var(_) => pattern,
        Pattern::Arr(patterns) => {
            Pattern::Arr(patterns.into_iter().map(|inner| map_pattern(inner, change)).collect())
        }
        Pattern::Obj(entries) => {
            let entry = |(key, inner)| (change(key), map_pattern(inner, change));
            Pattern::Obj(entries.into_iter().map(entry).collect())
        }
    }
}

/// The text of a string literal, if `term` is one; escapes undone.
pub(super) fn literal(term: &Tree<'_>) -> Option<String> {
    let Term::Str(None, parts) = term else { return None };
    parts
        .iter()
        .map(|part| match part {
            StrPart::Str(text) => Some((*text).to_owned()),
            StrPart::Char(c) => Some(c.to_string()),
            StrPart::Term(_) => None,
        })
        .collect()
}

/// The first slice of the source that `term` holds, for a place to point at.
pub(super) fn first_slice<'s>(term: &Tree<'s>) -> Option<&'s str> {
    match term {
        Term::Num(text)
        | Term::Break(text)
        | Term::Var(text)
        | Term::Label(text, _)
        | Term::Call(text, _)
        | Term::Fold(text, ..)
        | Term::Str(Some(text), _) => Some(text),
        Term::Str(None, parts) => parts.iter().find_map(|part| match part {
            StrPart::Str(text) => Some(*text),
            StrPart::Term(inner) => first_slice(inner),
            StrPart::Char(_) => None,
        }),
        Term::Def(definitions, body) => {
            definitions.first().map(|definition| definition.name).or_else(|| first_slice(body))
        }
        _ => children(term).into_iter().find_map(first_slice),
    }
}

/// Every variable that some pattern of `term` binds.
pub(super) fn variables(term: &Tree<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if let Term::BinOp(_, BinaryOp::Pipe(Some(pattern)), _) = term {
        pattern_variables(pattern, &mut names);
    }
    names.extend(children(term).into_iter().flat_map(variables));
    names
}

fn pattern_variables(pattern: &Pattern<&str>, names: &mut Vec<String>) {
    match pattern {
        Pattern::Var(name) => names.push((*name).to_owned()),
        Pattern::Arr(patterns) => patterns.iter().for_each(|inner| pattern_variables(inner, names)),
        Pattern::Obj(entries) => {
            for (_, inner) in entries {
                pattern_variables(inner, names);
            }
        }
    }
}
