//! Issue kinds and the controls they touch: `rules/controls.yaml`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::parse::Malformed;

/// The closed list of issue kinds, and for each the ids of the controls it touches.
#[derive(Clone, Debug)]
pub struct Controls {
    /// In the order of the file.
    pub frameworks: Vec<Framework>,
    /// In the order in which findings list their issues.
    pub issues: Vec<Issue>,
}

/// A catalogue of controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framework {
    /// What stands before the colon of a control, such as `nist-csf`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The edition whose ids are used.
    pub edition: String,
}

/// One kind of issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its name in reports, such as `long-lived`.
    pub id: String,
    /// `framework:id` of every control it touches, sorted.
    pub controls: Vec<String>,
}

impl Controls {
    /// Reads the file. Every framework that an issue names must be declared, and an id stands once.
    pub fn load(text: &str) -> Result<Self, Malformed> {
        let file: File = serde_yaml::from_str(text).map_err(|error| place(&error))?;
        Self::of(file).ok_or_else(Malformed::default)
    }

    /// `framework:id` of every control that one of these issues touches, sorted, each once.
    pub fn touched<'a>(&self, issues: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let wanted: BTreeSet<&str> = issues.into_iter().collect();
        let touched: BTreeSet<&String> = self
            .issues
            .iter()
            .filter(|issue| wanted.contains(issue.id.as_str()))
            .flat_map(|issue| &issue.controls)
            .collect();
        touched.into_iter().cloned().collect()
    }

    /// These issues, in the order in which findings list them, each once.
    pub fn in_order(&self, issues: &[String]) -> Vec<String> {
        self.issues
            .iter()
            .map(|known| &known.id)
            .filter(|id| issues.contains(id))
            .cloned()
            .collect()
    }

    fn of(file: File) -> Option<Self> {
        if file.version != 1 {
            return None;
        }
        let frameworks: Vec<Framework> = file
            .frameworks
            .into_iter()
            .map(|(id, about)| {
                let About { name, edition } = serde_json::from_value(about).ok()?;
                Some(Framework { id, name, edition })
            })
            .collect::<Option<_>>()?;
        let issues = file
            .issues
            .into_iter()
            .map(|(id, controls)| Some(Issue { id, controls: flatten(controls, &frameworks)? }))
            .collect::<Option<_>>()?;
        Some(Self { frameworks, issues })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    // Maps that keep the order of the file, which is that of the report.
    frameworks: Map<String, Value>,
    issues: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    name: String,
    edition: String,
}

fn flatten(controls: Value, frameworks: &[Framework]) -> Option<Vec<String>> {
    let Value::Object(by_framework) = controls else { return None };
    let mut all = BTreeSet::new();
    for (framework, ids) in by_framework {
        if !frameworks.iter().any(|known| known.id == framework) {
            return None;
        }
        let Value::Array(ids) = ids else { return None };
        for id in ids {
            if !all.insert(format!("{framework}:{}", id.as_str()?)) {
                return None;
            }
        }
    }
    Some(all.into_iter().collect())
}

fn place(error: &serde_yaml::Error) -> Malformed {
    let at = error.location();
    Malformed { line: at.map(|at| at.line()), column: at.map(|at| at.column()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Controls {
        Controls::load(include_str!("../../rules/controls.yaml")).expect("the built-in file loads")
    }

    #[test]
    fn keeps_the_order_of_the_file() {
        let controls = built_in();
        assert_eq!(controls.frameworks.len(), 10);
        let ids: Vec<&str> = controls.issues.iter().map(|issue| issue.id.as_str()).collect();
        assert_eq!(ids[..3], ["long-lived", "no-expiry", "not-rotated"]);
        assert_eq!(ids.last(), Some(&"scan-incomplete"));
    }

    #[test]
    fn controls_are_sorted_and_stand_once() {
        let touched = built_in().touched(["no-expiry", "long-lived", "no-such-issue"]);
        assert!(touched.is_sorted());
        assert!(touched.contains(&"owasp-nhi:NHI7:2025".into()));
        assert!(touched.contains(&"cis:6.2".into()), "ids that look like numbers stay text");
        let once: BTreeSet<&String> = touched.iter().collect();
        assert_eq!(once.len(), touched.len());
    }

    #[test]
    fn refuses_what_it_cannot_vouch_for() {
        let head = "version: 1\nframeworks: {cis: {name: CIS, edition: '8'}}\nissues: ";
        for (tail, fine) in [
            ("{a: {cis: ['6.2']}}", true),
            ("{a: {}}", true),
            ("{a: {cis: ['6.2', '6.2']}}", false),
            ("{a: {nope: ['1']}}", false),
            ("{a: {cis: 6.2}}", false),
            ("{a: [cis]}", false),
            ("[", false),
        ] {
            assert_eq!(Controls::load(&format!("{head}{tail}")).is_ok(), fine, "{tail}");
        }
    }
}
