//! What a filter may say: the syntax and builtins that end on every document.
//!
//! Left out are definitions, folds and labels (they can loop, or stop what meters them), and builtins that loop, that look outside the
//! document, or that blow a small one up. What stays is total: each builtin visits its input a bounded number of times.

use jaq_core::load::lex::{self, Lexer, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Parser, Term};
use jaq_core::load::span;
use jaq_core::ops::Math;

use super::Problem;
use super::tree::{Tree, children, first_slice, literal};

/// Longest filter, in bytes.
const MAX_SOURCE: usize = 32 * 1024;

/// Deepest nesting of brackets and strings.
const MAX_NESTING: usize = 48;

/// Most operators and keywords that may stand inside one another, or in a row: bounds the recursion of parser and compiler.
const MAX_CHAIN: usize = 200;

/// Builtins, with the numbers of arguments they may be given.
pub(super) const BUILTINS: &[(&str, &[usize])] = &[
    ("add", &[0, 1]),
    ("all", &[0, 1, 2]),
    ("any", &[0, 1, 2]),
    ("arrays", &[0]),
    ("ascii_downcase", &[0]),
    ("ascii_upcase", &[0]),
    ("basic", &[0]),
    ("sha256", &[0]),
    ("booleans", &[0]),
    ("capture", &[1, 2]),
    ("ceil", &[0]),
    ("contains", &[1]),
    ("del", &[1]),
    ("empty", &[0]),
    ("endswith", &[1]),
    ("error", &[0, 1]),
    ("false", &[0]),
    ("first", &[0, 1]),
    ("flatten", &[0, 1]),
    ("floor", &[0]),
    ("from_entries", &[0]),
    ("fromdate", &[0]),
    ("fromdateiso8601", &[0]),
    ("fromjson", &[0]),
    ("getpath", &[1]),
    ("group_by", &[1]),
    ("gsub", &[2, 3]),
    ("has", &[1]),
    ("in", &[1]),
    ("index", &[1]),
    ("indices", &[1]),
    ("inside", &[1]),
    ("isempty", &[1]),
    ("iterables", &[0]),
    ("join", &[1]),
    ("jwt", &[0]),
    ("keys", &[0]),
    ("keys_unsorted", &[0]),
    ("last", &[0, 1]),
    ("length", &[0]),
    ("ltrim", &[0]),
    ("ltrimstr", &[1]),
    ("map", &[1]),
    ("map_values", &[1]),
    ("max", &[0]),
    ("max_by", &[1]),
    ("min", &[0]),
    ("min_by", &[1]),
    ("not", &[0]),
    ("null", &[0]),
    ("nulls", &[0]),
    ("numbers", &[0]),
    ("objects", &[0]),
    ("path", &[1]),
    ("paths", &[0, 1]),
    ("recurse", &[0]),
    ("reverse", &[0]),
    ("rindex", &[1]),
    ("round", &[0]),
    ("rtrim", &[0]),
    ("rtrimstr", &[1]),
    ("scalars", &[0]),
    ("scan", &[1, 2]),
    ("select", &[1]),
    ("sort", &[0]),
    ("sort_by", &[1]),
    ("split", &[1, 2]),
    ("startswith", &[1]),
    ("strings", &[0]),
    ("sub", &[2, 3]),
    ("test", &[1, 2]),
    ("to_entries", &[0]),
    ("toboolean", &[0]),
    ("todate", &[0]),
    ("todateiso8601", &[0]),
    ("tojson", &[0]),
    ("tonumber", &[0]),
    ("tostring", &[0]),
    ("trim", &[0]),
    ("true", &[0]),
    ("type", &[0]),
    ("unique", &[0]),
    ("unique_by", &[1]),
    ("urluser", &[0]),
    ("utf8bytelength", &[0]),
    ("values", &[0]),
    ("with_entries", &[1]),
    ("vncpassword", &[0]),
    ("x509", &[0]),
];

/// Formats a string may be given.
const FORMATS: &[&str] = &["@base64d", "@text", "@uri"];

/// Builtins of jq that are left out, with what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("$ENV", "a filter sees its document only; `env:` of the cache names variables"),
    ("combinations", "name the values you need"),
    ("debug", "try the filter with `nhi-scan rules test`"),
    ("env", "a filter sees its document only; `env:` of the cache names variables"),
    ("halt", "`empty` yields nothing, `error` marks the file unrecognised"),
    ("halt_error", "`error` marks the file unrecognised"),
    ("input", "a filter sees one document"),
    ("inputs", "a filter sees one document"),
    ("limit", "`first(f)` takes the first"),
    ("match", "`capture` gives the named groups, `scan` all matches"),
    ("now", "ages are the engine's business: output `issued` and `expires`"),
    ("range", "`.[]`, `to_entries[]` and `.[a:b]` visit what is there"),
    ("recurse", "`..` visits everything"),
    ("setpath", "write `path |= value`"),
    ("splits", "write `split(re; null)[]`"),
    ("test", "the pattern is one string literal"),
    ("until", "`..` visits everything"),
    ("walk", "`..` visits everything"),
    ("while", "`..` visits everything"),
    ("@base64", "only `@base64d`, `@text` and `@uri` are known"),
    ("@json", "write `tojson`"),
];

/// What in a parsed filter is outside the subset.
pub(super) fn check(source: &str, tree: &Tree<'_>) -> Vec<Problem> {
    let mut check = Check { source, problems: Vec::new() };
    check.term(tree);
    check.problems
}

/// The parse tree of any text that is jq, or what is wrong with it.
pub(super) fn parse(source: &str) -> Result<Tree<'_>, Vec<Problem>> {
    if source.len() > MAX_SOURCE {
        return Err(vec![Problem::new(source, "", "longer than 32 KiB")]);
    }
    if let Some(deep) = too_deep(source) {
        return Err(vec![Problem::new(source, deep, "brackets nested too deeply")]);
    }
    let tokens = Lexer::new(source).lex().map_err(|errors| {
        let problem = |(expected, found): lex::Error<&str>| {
            Problem::new(source, found, &format!("{} expected", expected.as_str()))
        };
        errors.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    if chain(&tokens) > MAX_CHAIN {
        return Err(vec![Problem::new(source, "", "too many operators in one another")]);
    }
    Parser::new(&tokens).parse(Parser::term).map_err(|errors| {
        let problem = |(expected, found)| {
            let at = Token::opt_as_str(found, source);
            let found = if at.is_empty() { "the end" } else { "this" };
            let message = match jaq_core::load::parse::Expect::as_str(&expected) {
                "nothing" | "" => format!("{found} does not belong here"),
                expected => format!("{expected} expected, not {found}"),
            };
            Problem::new(source, at, &message)
        };
        errors.into_iter().map(problem).collect()
    })
}

/// Where brackets and strings nest deeper than [`MAX_NESTING`]: the lexer recurses on both, so this is asked before it runs.
/// Follows its rules: `"…"` with `\(…)` inside, `#` comments.
fn too_deep(source: &str) -> Option<&str> {
    let bytes = source.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let in_string = open.last() == Some(&b'"');
        match (in_string, byte) {
            (true, b'\\') => {
                at += 1;
                if bytes.get(at) == Some(&b'(') {
                    open.push(b'(');
                }
            }
            (true, b'"') | (false, b')' | b']' | b'}') => {
                open.pop();
            }
            (false, b'(' | b'[' | b'{' | b'"') => open.push(byte),
            (false, b'#') => at = comment_end(bytes, at),
            _ => {}
        }
        if open.len() > MAX_NESTING {
            return source.get(at..);
        }
        at += 1;
    }
    None
}

/// The newline that ends a comment: one after an odd number of backslashes does not.
fn comment_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(length) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'))
    {
        at += length;
        let line = bytes[start..at].strip_suffix(b"\r").unwrap_or(&bytes[start..at]);
        if line.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0 {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// Operators and keywords of a token sequence and of the deepest that it holds. Nesting is bounded by [`too_deep`].
fn chain(tokens: &[Token<&str>]) -> usize {
    let here = tokens.iter().filter(|Token(text, kind)| recurses(text, kind)).count();
    let inner = tokens.iter().map(|Token(_, kind)| match kind {
        Tok::Block(inner) => chain(inner),
        Tok::Str(parts) => parts.iter().map(string_chain).max().unwrap_or(0),
        Tok::Word | Tok::Var | Tok::Fmt | Tok::Num | Tok::Sym => 0,
    });
    here + inner.max().unwrap_or(0)
}

fn string_chain(part: &lex::StrPart<&str, Token<&str>>) -> usize {
    match part {
        lex::StrPart::Term(token) => chain(std::slice::from_ref(token)),
        lex::StrPart::Str(_) | lex::StrPart::Char(_) => 0,
    }
}

fn recurses(text: &str, kind: &Tok<&str>) -> bool {
    match kind {
        Tok::Sym => !matches!(text, "?" | ";" | ":" | ")" | "]" | "}") && !text.starts_with('.'),
        Tok::Word => matches!(
            text,
            "if" | "elif"
                | "try"
                | "catch"
                | "label"
                | "break"
                | "def"
                | "reduce"
                | "foreach"
                | "as"
                | "and"
                | "or"
        ),
        Tok::Var | Tok::Fmt | Tok::Num | Tok::Str(_) | Tok::Block(_) => false,
    }
}

/// Collects what is wrong with a filter.
struct Check<'s> {
    source: &'s str,
    problems: Vec<Problem>,
}

impl<'s> Check<'s> {
    fn refuse(&mut self, at: &str, message: &str, hint: impl Into<Option<String>>) {
        let problem = Problem { hint: hint.into(), ..Problem::new(self.source, at, message) };
        self.problems.push(problem);
    }

    fn term(&mut self, term: &Tree<'s>) {
        match term {
            Term::Def(definitions, _) => {
                for definition in definitions {
                    self.refuse(definition.name, "`def` is not part of the subset", None);
                }
            }
            Term::Label(name, _) => {
                self.refuse(name, "`label` is not part of the subset", first_takes());
            }
            Term::Break(name) => self.refuse(name, "`break` is not part of the subset", None),
            Term::Fold(name, ..) => {
                let hint = "`add`, `any`, `all`, `group_by` and `from_entries` fold".to_owned();
                self.refuse(name, &format!("`{name}` is not part of the subset"), hint);
            }
            Term::Str(Some(format), _) => self.format(format),
            Term::Call(name, arguments) if name.starts_with('@') => {
                self.format(name);
                if !arguments.is_empty() {
                    self.refuse(name, "a format takes no arguments", None);
                }
            }
            Term::Call(name, arguments) => self.call(name, arguments),
            Term::BinOp(left, op, right) => self.operator(left, op, right),
            _ => {}
        }
        for child in children(term) {
            self.term(child);
        }
    }

    fn format(&mut self, name: &str) {
        if !FORMATS.contains(&name) {
            let hint = reason(name).or_else(|| nearest(name, FORMATS.iter().copied()));
            self.refuse(name, &format!("`{name}` is not part of the subset"), hint);
        }
    }

    fn call(&mut self, name: &str, arguments: &[Tree<'s>]) {
        let Some((_, arities)) = BUILTINS.iter().find(|(known, _)| *known == name) else {
            let hint =
                reason(name).or_else(|| nearest(name, BUILTINS.iter().map(|(name, _)| *name)));
            return self.refuse(name, &format!("`{name}` is not part of the subset"), hint);
        };
        if !arities.contains(&arguments.len()) {
            let takes = arities.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            return self.refuse(name, &format!("`{name}` takes {takes} arguments"), reason(name));
        }
        if matches!(name, "del" | "path") {
            self.plain_path(&arguments[0]);
        }
    }

    fn operator(&mut self, left: &Tree<'s>, op: &BinaryOp<&'s str>, right: &Tree<'s>) {
        let at = first_slice(left).or_else(|| first_slice(right)).unwrap_or(self.source);
        match op {
            BinaryOp::Math(Math::Mul) if [left, right].into_iter().any(is_no_number) => {
                self.refuse(at, "`*` multiplies numbers only", None);
            }
            BinaryOp::UpdateMath(math) => {
                let sign = math.as_str();
                let hint = format!("write `path |= . {sign} value`");
                self.refuse(at, &format!("`{sign}=` is not part of the subset"), hint);
            }
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateAlt => self.plain_path(left),
            _ => {}
        }
    }

    /// What is updated is named by keys, indices and `.[]`. Updating `..` doubles at each level of a document; `getpath` digs as deep
    /// as the document tells it to.
    fn plain_path(&mut self, path: &Tree<'s>) {
        let deep = match path {
            Term::Recurse => true,
            Term::Call(name, _) => matches!(*name, "recurse" | "getpath" | "paths" | "path"),
            _ => false,
        };
        if deep {
            let at = first_slice(path).unwrap_or(self.source);
            self.refuse(at, "only keys, indices and `.[]` can be updated", None);
        }
        for child in children(path) {
            self.plain_path(child);
        }
    }
}

fn first_takes() -> String {
    "`first(f)` takes the first".to_owned()
}

fn is_no_number(term: &Tree<'_>) -> bool {
    matches!(term, Term::Str(..) | Term::Obj(_) | Term::Arr(_)) || literal(term).is_some()
}

pub(super) fn reason(name: &str) -> Option<String> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| (*reason).to_owned())
}

/// `did you mean …?`, where one of `known` is near.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let allowed = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// 1-based line and column (in characters) of a slice of `source`.
pub(super) fn place(source: &str, part: &str) -> (usize, usize) {
    let start = span_within(source, part).unwrap_or(0);
    let before = source.get(..start).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// `load::span` asks for a slice of the source; anything else has no place.
fn span_within(source: &str, part: &str) -> Option<usize> {
    let inside = source.as_bytes().as_ptr_range();
    let start = part.as_ptr();
    (inside.contains(&start) || start == inside.end).then(|| span(source, part).start)
}
