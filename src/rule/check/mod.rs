//! Checks of a rule pack: everything that is wrong with it, at once, with file, line and what was probably meant.

mod cache;
pub(crate) mod node;
mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use schemars::schema_for;
use serde_json::Value;

use super::command::{CommandRules, CommandSpec};
use super::load::{self, RuleSet};
use super::token::TokenShapes;
use crate::parse::{self, Format};
use crate::rule::schema::CacheRule;
use node::{Content, Node};

pub use cache::filters;

/// Something wrong in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, as it was given.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// One clause.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// About a file as a whole.
    pub(crate) fn new(file: &str, message: &str) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, message: message.to_owned(), hint: None }
    }

    /// What the YAML reader says. It may be shown: rule files hold no secrets.
    pub(crate) fn of_yaml(file: &str, error: &serde_yaml::Error) -> Self {
        let place = error.location();
        let at = |at: u64| usize::try_from(at).unwrap_or(1).max(1);
        let message = error.without_snippet().to_string();
        // The place is told beside it.
        let message = message.split(" at line ").next().unwrap_or_default();
        Self {
            line: place.map_or(1, |place| at(place.line())),
            column: place.map_or(1, |place| at(place.column())),
            ..Self::new(file, message.lines().next().unwrap_or("no YAML"))
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, hint } = self;
        write!(formatter, "{file}:{line}:{column}: {message}")?;
        hint.iter().try_for_each(|hint| write!(formatter, " ({hint})"))
    }
}

/// What a rule file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// One cache rule: a map.
    Cache,
    /// Command rules: a list.
    Commands,
    /// Shapes of tokens: a map with `tokens`.
    Tokens,
}

impl Sort {
    /// Told by the file's own form: its folder need not say.
    pub fn of(text: &str) -> Self {
        match serde_yaml::from_str::<Node>(text) {
            Ok(node) if matches!(node.content, Content::List(_)) => Self::Commands,
            Ok(node) if node.get("tokens").is_some() => Self::Tokens,
            _ => Self::Cache,
        }
    }
}

/// The text of one rule file.
///
/// # Errors
/// A file that cannot be read.
pub fn read(path: &Path) -> Result<String, Vec<Diagnostic>> {
    let told = |error| vec![Diagnostic::new(&path.to_string_lossy(), &crate::error::plain(&error))];
    load::read(path).map_err(told)
}

/// The tree of a YAML file, and everything in it that is not as its published schema says.
///
/// # Errors
/// What is no YAML.
pub(crate) fn shaped(
    file: &str,
    text: &str,
    schema: &Value,
) -> Result<(Node, Vec<Diagnostic>), Vec<Diagnostic>> {
    let tree: Node =
        serde_yaml::from_str(text).map_err(|error| vec![Diagnostic::of_yaml(file, &error)])?;
    let misfits = shape::misfits(&tree, schema).into_iter().map(|misfit| Diagnostic {
        line: misfit.line,
        column: misfit.column,
        hint: misfit.hint,
        ..Diagnostic::new(file, &misfit.message)
    });
    let misfits = misfits.collect();
    Ok((tree, misfits))
}

/// Checks one file of rules of any sort, wherever it lies: the category of a cache rule is the one it names.
///
/// # Errors
/// A file that cannot be read.
pub fn file(path: &Path) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let shown = path.to_string_lossy();
    let text = read(path)?;
    match Sort::of(&text) {
        Sort::Commands => return Ok(commands(&[(&shown, &text)])),
        Sort::Tokens => return Ok(tokens(&[(&shown, &text)])),
        Sort::Cache => {}
    }
    let category = serde_yaml::from_str::<Node>(&text).ok();
    let category = category.as_ref().and_then(|rule| rule.text_of("category")).unwrap_or("file");
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let found = check(&[(&format!("caches/{category}/{name}"), &text)], parse::FORMATS);
    let found = found.into_iter().map(|it| Diagnostic { file: shown.clone().into_owned(), ..it });
    Ok(found.collect())
}

/// Checks the built-in rules, or a folder laid out like them: cache rules, command rules, token shapes. A path that is no
/// folder is one file of any of them.
///
/// # Errors
/// What cannot be read.
pub fn pack(folder: Option<&Path>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    if let Some(path) = folder.filter(|path| path.is_file()) {
        return file(path);
    }
    let set;
    let added;
    let files = match folder {
        None => {
            set = RuleSet::built_in()?;
            set.files()
        }
        Some(folder) => {
            added = load::read_folder(folder)?;
            if added.is_empty() {
                let message = "no rules here: expected caches/<category>/*.yaml, commands/*.yaml or tokens/*.yaml";
                return Err(vec![Diagnostic::new(&folder.to_string_lossy(), message)]);
            }
            &added
        }
    };
    let files: Vec<(&str, &str)> = files.iter().map(|file| (&*file.layout, &*file.text)).collect();
    Ok(texts(&files))
}

/// Checks the files of a pack of every sort, `(path in the layout of rules/, text)`. Sorted by place.
pub fn texts(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let mut found = check(files, parse::FORMATS);
    let of = |folder: &str| -> Vec<(&str, &str)> {
        files.iter().copied().filter(|(path, _)| path.starts_with(folder)).collect()
    };
    found.extend(commands(&of("commands/")));
    found.extend(tokens(&of("tokens/")));
    found.sort();
    found.dedup();
    found
}

fn commands(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let mut specs = Vec::new();
    let mut found = Vec::new();
    for (path, text) in files {
        match serde_yaml::from_str(text) {
            Ok::<Vec<CommandSpec>, _>(rules) => specs.extend(rules),
            Err(error) => found.push(Diagnostic::of_yaml(path, &error)),
        }
    }
    let problems = CommandRules::new(specs).check();
    found.extend(problems.iter().map(|problem| placed(files, &problem.rule, &problem.what)));
    found
}

fn tokens(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let problems = TokenShapes::load(files).err().unwrap_or_default();
    problems.iter().map(|problem| placed(files, &problem.rule, &problem.message)).collect()
}

/// A problem of the rule with this id, at the line that names it.
fn placed(files: &[(&str, &str)], id: &str, message: &str) -> Diagnostic {
    let names = |line: &str| {
        line.trim_start_matches(['-', ' ', '{'])
            .strip_prefix("id: ")
            .is_some_and(|rest| rest.starts_with(id))
    };
    let place = files.iter().find_map(|(path, text)| Some((path, text.lines().position(names)?)));
    match place {
        Some((path, line)) => {
            Diagnostic { line: line + 1, ..Diagnostic::new(path, &format!("{id}: {message}")) }
        }
        None => Diagnostic::new(id, message),
    }
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema_for!(CacheRule).to_value());

/// Checks the files of a pack, `(path in the layout of rules/, text)`, against the input formats there are. Sorted by place.
pub fn check(files: &[(&str, &str)], formats: &[Format]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    for &(file, text) in files {
        let node: Node = match serde_yaml::from_str(text) {
            Ok(node) => node,
            Err(error) => {
                found.push(Diagnostic::of_yaml(file, &error));
                continue;
            }
        };
        if file.split('/').next() != Some("caches") {
            continue;
        }
        let misfits = shape::misfits(&node, &SCHEMA).into_iter();
        found.extend(misfits.map(|misfit| Diagnostic {
            line: misfit.line,
            column: misfit.column,
            hint: misfit.hint,
            ..Diagnostic::new(file, &misfit.message)
        }));
        found.extend(cache::check(file, text, &node, formats));
        if let Some(id) = node.get("id")
            && let Some(first) = id.text().and_then(|name| ids.insert(name.to_owned(), file))
        {
            let message = format!("`{}` is also the id of {first}", id.text().unwrap_or_default());
            found.push(Diagnostic {
                line: id.line,
                column: id.column,
                ..Diagnostic::new(file, &message)
            });
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests;
