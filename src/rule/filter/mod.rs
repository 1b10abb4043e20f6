//! Filters: a terminating subset of [jq](https://jqlang.org) over one document.
//!
//! A filter is checked on its parse tree, rewritten so that its work is metered, and run by the `jaq` crates. It sees its document and
//! the variables it is given, nothing else.

mod meter;
mod native;
mod outline;
mod pattern;
mod prelude;
mod subset;
mod tree;
mod value;

use std::cell::Cell;

use jaq_core::compile::Undefined;
use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use serde_json::Value;

use native::{Engine, Run};
use pattern::Pattern;
use value::Allowance;

pub use outline::{Key, Part, keys};
pub(crate) use subset::nearest;

/// Most outputs of one run.
const MAX_OUTPUTS: usize = 100_000;

/// Most values and bytes of text in the outputs of one run.
const MAX_OUTPUT_NODES: usize = crate::parse::MAX_NODES;
const MAX_OUTPUT_BYTES: usize = 64 << 20;

/// What is wrong with a filter, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// One clause.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at `part`, a slice of `source`.
    fn new(source: &str, part: &str, message: &str) -> Self {
        let (line, column) = subset::place(source, part);
        Self { line, column, message: message.to_owned(), hint: None }
    }
}

/// A compiled filter. Holds nothing of any document.
pub struct Filter {
    program: jaq_core::Filter<Engine>,
    patterns: Vec<Pattern>,
    variables: usize,
}

/// What a run gave. Holds secrets: no `Debug`.
pub struct Outcome {
    /// In order; those before a failure count.
    pub outputs: Vec<Value>,
    /// The filter did not understand the document, or hit a bound. Why is never told: jaq's errors quote their input.
    pub failed: bool,
}

impl Filter {
    /// Compiles `source`. `variables` are the names it may use without binding them, with their `$`.
    ///
    /// # Errors
    /// Everything in it that is no jq, or not of the subset, in the order of the text.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, Vec<Problem>> {
        let arena = Arena::default();
        let tree = subset::parse(source)?;
        let bound = tree::variables(&tree);
        let mut problems = subset::check(source, &tree);
        let mut meter = meter::Meter::new(source, &arena);
        let body = meter.filter(tree);
        problems.append(&mut meter.problems);
        if problems.is_empty() {
            match program(body, variables, &arena) {
                Ok(program) => {
                    return Ok(Self {
                        program,
                        patterns: meter.patterns,
                        variables: variables.len(),
                    });
                }
                Err(undefined) => {
                    problems = undefined
                        .into_iter()
                        .map(|name| unbound(source, name, variables, &bound))
                        .collect();
                }
            }
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(problems)
    }

    /// Runs it. `values` are those of the variables, in the order in which they were named; a missing one is null. Ends after a bounded number of steps.
    ///
    /// The document must be at most [`crate::parse::MAX_DEPTH`] deep, as every [`crate::parse::Document`] is.
    pub fn run(&self, document: &Value, values: &[Value]) -> Outcome {
        self.run_within(native::STEPS, document, values)
    }

    fn run_within(&self, steps: usize, document: &Value, values: &[Value]) -> Outcome {
        let steps = Cell::new(steps);
        let run = Run { lut: &self.program.lut, patterns: &self.patterns, steps };
        let missing = std::iter::repeat(&Value::Null);
        let variables = values.iter().chain(missing).take(self.variables).map(value::to_val);
        let variables = Vars::new(variables);
        let ctx = Ctx::<Engine>::new(&run, variables);
        let mut left = Allowance { nodes: MAX_OUTPUT_NODES, bytes: MAX_OUTPUT_BYTES };
        let mut outcome = Outcome { outputs: Vec::new(), failed: false };
        for output in self.program.id.run((ctx, value::to_val(document))).map(unwrap_valr) {
            let output = output.ok().and_then(|output| value::from_val(&output, &mut left));
            // A filter may catch the error that says its steps are spent; it is not to go on.
            let Some(output) = output.filter(|_| run.steps.get() > 0) else {
                outcome.failed = true;
                break;
            };
            if outcome.outputs.len() == MAX_OUTPUTS {
                outcome.failed = true;
                break;
            }
            outcome.outputs.push(output);
        }
        outcome.failed |= run.steps.get() == 0;
        outcome
    }
}

/// Links a checked and metered tree with the definitions it reaches; or names the variables that nothing binds.
fn program<'s>(
    body: tree::Tree<'s>,
    variables: &[&'s str],
    arena: &'s Arena,
) -> Result<jaq_core::Filter<Engine>, Vec<&'s str>> {
    let main = |body| Def { name: "main", args: Vec::new(), body };
    let definitions = prelude::reachable(&body);
    let loader = Loader::new(definitions.into_iter().chain([main(body)]));
    let Ok(modules) = loader.load(arena, File { code: "main", path: () }) else {
        unreachable!("`main` is a filter")
    };
    let compiler = Compiler::default()
        .with_funs(native::natives())
        .with_global_vars(variables.iter().copied());
    compiler.compile(modules).map_err(|errors| {
        let undefined = errors.into_iter().flat_map(|(_, errors)| errors);
        undefined
            .map(|(name, kind)| {
                debug_assert!(matches!(kind, Undefined::Var), "{name} is allowed, but undefined");
                name
            })
            .collect()
    })
}

fn unbound(source: &str, name: &str, variables: &[&str], bound: &[String]) -> Problem {
    let known = variables.iter().copied().chain(bound.iter().map(String::as_str));
    let hint = subset::reason(name).or_else(|| nearest(name, known.filter(|known| *known != name)));
    Problem { hint, ..Problem::new(source, name, &format!("`{name}` is not bound")) }
}

#[cfg(test)]
mod tests;
