//! Regular expressions of a filter: literal, so that they are compiled once and their faults show before a scan.

use jaq_core::load::parse::Term;
use regex::{Regex, RegexBuilder};

use super::tree::{Tree, literal};

/// Largest compiled expression, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// One expression, as a builtin applies it.
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// All matches, not the first.
    pub(super) global: bool,
}

/// A call of a builtin that takes an expression.
pub(super) struct PatternCall<'t, 's> {
    /// The native that does the work, given the expression's number.
    pub(super) native: &'static str,
    pattern: &'t Tree<'s>,
    flags: Option<&'t Tree<'s>>,
    global: bool,
}

impl<'t, 's> PatternCall<'t, 's> {
    /// The call's parts, if it is one of these builtins.
    pub(super) fn of(name: &str, arguments: &'t [Tree<'s>]) -> Option<Self> {
        let (native, global) = match name {
            "test" => ("!test", false),
            "capture" => ("!capture", false),
            "scan" => ("!scan", true),
            "split" => ("!split", true),
            "sub" => ("!sub", false),
            "gsub" => ("!sub", true),
            _ => return None,
        };
        let (pattern, flags) = match (native, arguments) {
            ("!sub", [pattern, _]) | ("!test" | "!capture" | "!scan", [pattern]) => (pattern, None),
            ("!sub", [pattern, _, flags])
            | ("!test" | "!capture" | "!scan" | "!split", [pattern, flags]) => {
                (pattern, Some(flags))
            }
            // `split/1` takes a plain separator.
            _ => return None,
        };
        Some(Self { native, pattern, flags, global })
    }

    /// Compiles the expression; the message says why it cannot be.
    pub(super) fn compile(&self) -> Result<Pattern, String> {
        let pattern = literal(self.pattern).ok_or("the pattern must be a string literal")?;
        let flags = match self.flags {
            None | Some(Term::Call("null", _)) => String::new(),
            Some(flags) => literal(flags).ok_or("flags must be a string literal")?,
        };
        let mut builder = RegexBuilder::new(&pattern);
        builder.size_limit(MAX_SIZE);
        let mut global = self.global;
        for flag in flags.chars() {
            match flag {
                'g' => global = true,
                'i' => _ = builder.case_insensitive(true),
                'm' => _ = builder.multi_line(true),
                's' => _ = builder.dot_matches_new_line(true),
                'x' => _ = builder.ignore_whitespace(true),
                other => return Err(format!("unknown flag `{other}`; there are g, i, m, s and x")),
            }
        }
        let regex = builder.build().map_err(|error| invalid(&error))?;
        Ok(Pattern { regex, global })
    }
}

/// The crate draws the pattern over several lines; the last one says what is wrong.
fn invalid(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!("invalid pattern: {}", last.trim_start_matches("error: "))
}
