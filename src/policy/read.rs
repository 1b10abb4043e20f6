//! Policy and exception files: read within bounds, and everything that is wrong with them told at once, with its place.
//!
//! They are the caller's own and hold no secrets, so that names in them may be shown.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::LazyLock;

use schemars::schema_for;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::file::{Bands, PolicyFile};
use super::glob::PathGlob;
use crate::error::{Error, plain};
use crate::grant::CredentialKind;
use crate::rule::check::node::Node;
use crate::rule::check::{Diagnostic, shaped};
use crate::rule::glob::Glob;

/// Largest file, in bytes.
const LARGEST: u64 = 1 << 20;

static POLICY: LazyLock<Value> = LazyLock::new(|| schema_for!(PolicyFile).to_value());

/// The text of a policy or exception file.
///
/// # Errors
/// A file that cannot be read, is no text, or has more than 1 MiB.
pub fn read_file(path: &Path) -> Result<String, Error> {
    let shown = crate::output::safe(&path.to_string_lossy());
    let unreadable = |why: &str| Error::Usage(format!("cannot read {shown}: {why}"));
    let file = File::open(path).map_err(|error| unreadable(&plain(&error)))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&plain(&error)))?;
    if bytes.len() as u64 > LARGEST {
        return Err(unreadable("larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| unreadable("not UTF-8"))
}

/// A file of this shape, and its tree with the places of everything in it.
pub(super) fn typed<T: DeserializeOwned>(
    name: &str,
    text: &str,
    schema: &Value,
) -> Result<(T, Node), Vec<Diagnostic>> {
    let (tree, problems) = shaped(name, text, schema)?;
    if !problems.is_empty() {
        return Err(problems);
    }
    let file = serde_yaml::from_str(text)
        .map_err(|error: serde_yaml::Error| vec![Diagnostic::of_yaml(name, &error)])?;
    Ok((file, tree))
}

/// A policy file in which every limit can hold.
pub(super) fn policy(name: &str, text: &str) -> Result<PolicyFile, Vec<Diagnostic>> {
    let (tree, mut problems) = shaped(name, text, &POLICY)?;
    limits(name, &tree, &mut problems);
    problems.sort();
    problems.dedup();
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_yaml::from_str(text)
        .map_err(|error: serde_yaml::Error| vec![Diagnostic::of_yaml(name, &error)])
}

/// Whether every limit is set.
pub(super) fn whole(name: &str, file: &PolicyFile) -> Result<(), Vec<Diagnostic>> {
    let kinds = CredentialKind::ALL.iter().all(|kind| file.max_age.contains_key(kind));
    let set = [
        file.refresh_tokens.is_some(),
        file.endless.is_some(),
        file.storage.is_some(),
        file.clients.is_some(),
        file.providers.is_some(),
        file.scopes.is_some(),
        file.reach.is_some(),
        file.unused.is_some(),
        file.severity.is_some(),
        file.exceptions.is_some(),
        file.ignore.is_some(),
    ];
    if kinds && !set.contains(&false) {
        return Ok(());
    }
    Err(vec![Diagnostic::new(name, "the built-in policy must set every limit")])
}

/// A problem at a node.
pub(super) fn at(name: &str, node: &Node, message: &str) -> Diagnostic {
    Diagnostic { line: node.line, column: node.column, ..Diagnostic::new(name, message) }
}

fn limits(name: &str, tree: &Node, problems: &mut Vec<Diagnostic>) {
    let mut tell = |node: &Node, message: &str| problems.push(at(name, node, message));
    if let Some(version) = tree.get("version")
        && version.whole() != Some(1)
    {
        tell(version, "`version` must be 1");
    }
    let own = tree.get("by_provider").map_or(&[][..], Node::entries).iter();
    for limits in own.map(|(_, limits)| limits).chain([tree]) {
        let ages = limits.get("max_age").map_or(&[][..], Node::entries);
        for (_, days) in ages.iter().filter(|(_, days)| days.whole() == Some(0)) {
            tell(days, "at least 1 day");
        }
        for scope in limits.items_of("scopes") {
            if scope.text().is_some_and(|text| Glob::new(text, false).is_none()) {
                tell(scope, "not a glob");
            }
        }
    }
    if let Some(node) = tree.get("severity") {
        let band =
            |key: &str| node.get(key).and_then(Node::whole).and_then(|it| u8::try_from(it).ok());
        let bands = || {
            Some(Bands {
                critical: band("critical")?,
                high: band("high")?,
                medium: band("medium")?,
                low: band("low")?,
            })
        };
        if bands().is_none_or(|bands| !bands.rise()) {
            tell(node, "bands must rise from low to critical, within 1 to 100");
        }
    }
    if let Some(node) = tree.get("exceptions") {
        let days =
            |key: &str| node.get(key).and_then(Node::whole).and_then(|it| u32::try_from(it).ok());
        match (days("longest"), days("warn")) {
            (Some(0), _) => tell(node, "`longest` must be at least 1 day"),
            (Some(longest), Some(warn)) if warn > longest => {
                tell(node, "`warn` must be within `longest`");
            }
            _ => {}
        }
    }
    for path in tree.get("ignore").map_or(&[][..], |ignore| ignore.items_of("paths")) {
        if let Some(Err(why)) = path.text().map(PathGlob::new) {
            tell(path, why);
        }
    }
}

impl Bands {
    const fn rise(self) -> bool {
        let Self { critical, high, medium, low } = self;
        100 >= critical && critical > high && high > medium && medium > low && low > 0
    }
}
