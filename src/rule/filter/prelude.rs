//! The part of jq's standard library that filters may reach, metered, parsed once per process.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jaq_core::load::parse::{Def, Term};

use super::meter;
use super::tree::{Tree, children};

/// Definitions that are natives of ours: they recompile patterns, recurse, or copy without measure.
const OURS: &[&str] = &[
    "capture",
    "gsub",
    "join",
    "match",
    "scan",
    "scan_",
    "split_",
    "splits",
    "sub",
    "test",
    "capture_of_match",
];

static DEFINITIONS: LazyLock<Vec<Def<&'static str>>> = LazyLock::new(|| {
    jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|def| !OURS.contains(&def.name) && (def.name, def.args.len()) != ("split", 2))
        .map(|Def { name, args, body }| Def { name, args, body: meter::definition(body) })
        .collect()
});

/// The definitions that `tree` reaches, in the order in which they are defined: compiling all of them costs more than most filters.
pub(super) fn reachable(tree: &Tree<'_>) -> Vec<Def<&'static str>> {
    let mut wanted = BTreeSet::new();
    calls(tree, &mut wanted);
    let mut taken = vec![false; DEFINITIONS.len()];
    loop {
        let mut grown = false;
        for (def, taken) in DEFINITIONS.iter().zip(&mut taken) {
            if !*taken && wanted.contains(&(def.name, def.args.len())) {
                *taken = true;
                grown = true;
                calls(&def.body, &mut wanted);
            }
        }
        if !grown {
            break;
        }
    }
    let kept = DEFINITIONS.iter().zip(taken).filter(|(_, taken)| *taken);
    kept.map(|(def, _)| def.clone()).collect()
}

fn calls<'s>(term: &Tree<'s>, wanted: &mut BTreeSet<(&'s str, usize)>) {
    match term {
        Term::Call(name, arguments) => _ = wanted.insert((name, arguments.len())),
        // What the compiler says for text with a format.
        Term::Str(Some(format), _) => _ = wanted.insert((format, 0)),
        _ => {}
    }
    for child in children(term) {
        calls(child, wanted);
    }
}
