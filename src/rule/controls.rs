//! Issue kinds and the controls they touch: `rules/controls.yaml`.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Titles of controls, by `framework:id`, where their owners give them short ones.
    pub titles: BTreeMap<String, String>,
    /// Ids of older texts.
    pub aliases: Vec<Alias>,
}

/// An id of an older text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// As it is written there.
    pub id: String,
    /// What it is today, `framework:id`.
    pub now: Vec<String>,
    /// Why, in a clause.
    pub because: String,
}

/// What an id that someone wrote means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// `framework:id` of what it is today.
    pub controls: Vec<String>,
    /// Why it is not what was written, where it is not.
    pub because: Option<String>,
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

    /// Every control that an issue touches, by framework, each once.
    pub fn all(&self) -> Vec<String> {
        let mut all = self.touched(self.issues.iter().map(|issue| issue.id.as_str()));
        let framework = |control: &str| {
            let (framework, _) = control.split_once(':').unwrap_or_default();
            self.frameworks.iter().position(|known| known.id == framework)
        };
        all.sort_by_cached_key(|control| (framework(control), tokens(control)));
        all
    }

    /// What an id means: one of those in use, however it is spelt (`pr.aa-1`, `ia-5.7`, `NHI7`, `A.5.17`), or one of an older text.
    pub fn meaning(&self, id: &str) -> Option<Meaning> {
        let id = id.trim();
        if let Some(alias) = self.aliases.iter().find(|alias| unpadded(&alias.id) == unpadded(id)) {
            let because = Some(alias.because.clone());
            return Some(Meaning { controls: alias.now.clone(), because });
        }
        let wanted = tokens(id);
        let found = self.all().into_iter().filter(|control| is_spelt(control, id, &wanted));
        let controls: Vec<String> = found.collect();
        let is_as_written = |control: &String| {
            control == id || control.split_once(':').is_some_and(|(_, own)| own == id)
        };
        let respelt = !controls.iter().any(is_as_written);
        let because = respelt.then(|| "it is written so today".to_owned());
        (!controls.is_empty()).then_some(Meaning { controls, because })
    }

    /// Checks what the file says.
    pub(crate) fn of(file: File) -> Option<Self> {
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
        let titles = file.titles.into_iter().flat_map(|(framework, titles)| {
            titles.into_iter().map(move |(id, title)| (format!("{framework}:{id}"), title))
        });
        Some(Self { frameworks, issues, titles: titles.collect(), aliases: file.aliases })
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    version: u32,
    // Maps that keep the order of the file, which is that of the report.
    frameworks: Map<String, Value>,
    issues: Map<String, Value>,
    #[serde(default)]
    titles: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    aliases: Vec<Alias>,
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

/// Runs of letters, in capitals, and numbers; what stands between them differs from text to text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Number(u64),
    Word(String),
}

fn tokens(id: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = id;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit || !c.is_ascii_alphanumeric());
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        if run.is_empty() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        tokens.push(match run.parse() {
            Ok(number) => Token::Number(number),
            Err(_) => Token::Word(run.to_ascii_uppercase()),
        });
        rest = after;
    }
    tokens
}

/// In capitals, numbers without leading zeros.
fn unpadded(id: &str) -> String {
    let mut out = String::new();
    let mut in_number = false;
    for (at, c) in id.char_indices() {
        let ends_number = !id[at + c.len_utf8()..].starts_with(|next: char| next.is_ascii_digit());
        if c == '0' && !in_number && !ends_number {
            continue;
        }
        in_number = c.is_ascii_digit();
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// Whether a control in use is what someone wrote.
fn is_spelt(control: &str, written: &str, wanted: &[Token]) -> bool {
    if control.eq_ignore_ascii_case(written) {
        return true;
    }
    let Some((framework, id)) = control.split_once(':') else { return false };
    let own = tokens(id);
    match framework {
        // The year may be left out.
        "owasp-nhi" => own == wanted || (wanted.len() == 2 && own.starts_with(wanted)),
        "iso27001" => {
            let annex = [Token::Word("A".into())];
            own == wanted || wanted.strip_prefix(&annex).is_some_and(|rest| rest == own)
        }
        "cis" => {
            let name = [Token::Word("CIS".into())];
            own == wanted || wanted.strip_prefix(&name).is_some_and(|rest| rest == own)
        }
        "pci" => {
            let name = [Token::Word("PCI".into())];
            own == wanted || wanted.strip_prefix(&name).is_some_and(|rest| rest == own)
        }
        _ => own == wanted,
    }
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
    fn ids_are_understood_however_they_are_spelt() {
        let controls = built_in();
        for (written, now, as_written) in [
            ("PR.AA-01", &["nist-csf:PR.AA-01"][..], true),
            ("nist-csf:PR.AA-01", &["nist-csf:PR.AA-01"], true),
            ("pr.aa-1", &["nist-csf:PR.AA-01"], false),
            ("NHI7:2025", &["owasp-nhi:NHI7:2025"], true),
            ("nhi7", &["owasp-nhi:NHI7:2025"], false),
            ("NHI-07", &["owasp-nhi:NHI7:2025"], false),
            (
                "NHI-03",
                &["owasp-nhi:NHI7:2025", "owasp-nhi:NHI1:2025", "owasp-nhi:NHI2:2025"],
                false,
            ),
            ("NHI3", &["owasp-nhi:NHI3:2025"], false),
            ("PR.AC-1", &["nist-csf:PR.AA-01", "nist-csf:PR.AA-05"], false),
            ("PR.AC-01", &["nist-csf:PR.AA-01", "nist-csf:PR.AA-05"], false),
            ("ia-5.7", &["nist-800-53:IA-5(7)"], false),
            ("IA-05(07)", &["nist-800-53:IA-5(7)"], false),
            ("IA-5", &["nist-800-53:IA-5"], true),
            ("A.5.17", &["iso27001:5.17"], false),
            ("A.9.2.4", &["iso27001:5.17"], false),
            ("CIS 6.2", &["cis:6.2"], false),
            ("T1552.003", &["attack:T1552.003"], true),
            ("T1139", &["attack:T1552.003"], false),
            ("cwe 312", &["cwe:CWE-312"], false),
        ] {
            let meaning = controls.meaning(written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(meaning.controls, now, "{written}");
            assert_eq!(meaning.because.is_none(), as_written, "{written}");
        }
        for unknown in ["", "NHI-11", "PR.XX-9", "T1", "é", "0", "000000000000000000000000000"] {
            assert_eq!(controls.meaning(unknown), None, "{unknown}");
        }
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
