//! How much of a report may leave: a pass over the report before anything is written.
//!
//! What each level does to each field is a table ([`fields`]). Pseudonyms and hashes are keyed with what only this machine knows,
//! so they are the same from scan to scan here and cannot be guessed elsewhere.

mod fields;
mod places;

use std::collections::BTreeMap;

use clap::ValueEnum;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::cli::ScanArgs;
use crate::error::Error;
use crate::extract::secret::hex;
use crate::host::Host;
use crate::report::{Report, Skipped};
use crate::rule::paths::Pattern;

use fields::{FIELDS, Field, Treatment};
use places::Places;

/// How much of a report may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everything.
    #[default]
    Full,
    /// No names of users and machines, no paths of the user's own, nothing a person typed, days instead of times.
    Standard,
    /// Counts by rule and severity: no paths, no accounts.
    Strict,
}

impl Level {
    /// What the arguments ask for.
    pub fn of(args: &ScanArgs) -> Self {
        args.privacy.unwrap_or_default()
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}

/// Under which pseudonyms are made.
pub struct Key([u8; 32]);

impl Key {
    /// What only this machine knows: its id. Where it has none, a key for this run alone.
    pub fn of(host: &Host) -> Self {
        match &host.machine_id {
            Some(id) => Self(tag(b"nhi-scan/privacy/v1", id.as_bytes())),
            None => Self(tag(b"nhi-scan/privacy/v1", &host.random)),
        }
    }

    /// 128 bits that stand for a text, hex.
    fn print(&self, purpose: &str, text: &str) -> String {
        hex(&tag(&self.0, format!("{purpose}\0{text}").as_bytes())[..16])
    }
}

fn tag(key: &[u8], text: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// The report as it may leave. `patterns` are the paths that rules name.
///
/// # Errors
/// A report that is not of its own shape, which is a defect of this program.
pub fn apply(
    report: Report,
    level: Level,
    key: &Key,
    patterns: &[Pattern],
) -> Result<Report, Error> {
    if level == Level::Full {
        return Ok(report);
    }
    let broken = |_| Error::Internal("a report could not be reduced".into());
    let names = Names::of(&report, key);
    let pass = Pass { level, key, names, places: Places::new(patterns, key), typed: false };
    let mut value = serde_json::to_value(report).map_err(broken)?;
    pass.walk(&mut value, &mut String::new());
    let mut report: Report = serde_json::from_value(value).map_err(broken)?;
    if level == Level::Strict {
        // An order by path would tell of the paths.
        report.findings.sort_by(|a, b| {
            b.score.total.cmp(&a.score.total).then_with(|| (&a.rule, &a.id).cmp(&(&b.rule, &b.id)))
        });
    }
    merge(&mut report.coverage.skipped);
    Ok(report)
}

/// What `nhi-scan privacy` prints: every field, and what becomes of it.
pub fn table() -> String {
    let width = FIELDS.iter().map(|field| field.path.len()).max().unwrap_or(0);
    let second = FIELDS.iter().map(|field| standard(field).len()).max().unwrap_or(0);
    let mut out = String::from(
        "What leaves at each level of --privacy. At `full` every field leaves as it is. No level lets a secret out.\n\
         Pseudonyms, hashes and keyed ids are HMAC-SHA-256 under the machine's id, which never leaves: they are the same from\n\
         scan to scan on one machine, and mean nothing elsewhere.\n\n",
    );
    out.push_str(&format!("{:width$}  {:second$}  strict\n", "field", "standard"));
    for field in FIELDS {
        out.push_str(&format!(
            "{:width$}  {:second$}  {}\n",
            field.path,
            standard(field),
            field.strict.says()
        ));
    }
    out
}

fn standard(field: &Field) -> String {
    let history = if field.typed { "; - from histories" } else { "" };
    format!("{}{history}", field.standard.says())
}

/// Skips that have become the same are one.
fn merge(skipped: &mut Vec<Skipped>) {
    let mut merged = BTreeMap::new();
    for Skipped { path, reason, count } in skipped.drain(..) {
        let sum: &mut u64 = merged.entry((reason, path)).or_default();
        *sum = sum.saturating_add(count);
    }
    skipped.extend(merged.into_iter().map(|((reason, path), count)| Skipped {
        path,
        reason,
        count,
    }));
    skipped.sort();
}

/// Names of people and machine that a report mentions, with their pseudonyms.
struct Names {
    homes: Vec<String>,
    users: BTreeMap<String, String>,
    machine: Option<String>,
}

impl Names {
    fn of(report: &Report, key: &Key) -> Self {
        let mut homes: Vec<String> =
            report.findings.iter().filter_map(|finding| finding.location.home.clone()).collect();
        homes.sort_unstable();
        homes.dedup();
        // The innermost first: a home inside another is a home of its own.
        homes.reverse();
        let last = |home: &String| home.rsplit(['/', '\\']).next().map(str::to_owned);
        let users = homes.iter().filter_map(last).chain(report.host.user.clone());
        let owners = report.findings.iter().filter_map(|finding| finding.custody.owner.clone());
        let users = users.chain(owners).filter(|name| !is_nobodys(name));
        Self {
            users: users.map(|name| (name.clone(), pseudonym(key, &name))).collect(),
            machine: report.host.name.clone().filter(|name| !name.is_empty()),
            homes,
        }
    }

    /// A text without them: homes become `~`, a name that stands alone its pseudonym, `@machine` at the end goes.
    fn scrub(&self, text: &str) -> String {
        if let Some(pseudonym) = self.users.get(text) {
            return pseudonym.clone();
        }
        let mut text = text.to_owned();
        if let Some(machine) = &self.machine {
            if text == *machine {
                return "this-machine".into();
            }
            if let Some((user, _)) = text.rsplit_once('@').filter(|(_, host)| host == machine) {
                let user = self.users.get(user).map_or(user, String::as_str);
                text = format!("{user}@this-machine");
            }
        }
        for home in &self.homes {
            text = text.replace(home.as_str(), "~");
        }
        text
    }
}

/// Names that every machine has.
fn is_nobodys(name: &str) -> bool {
    name.is_empty() || name == "root" || name.bytes().all(|byte| byte.is_ascii_digit())
}

fn pseudonym(key: &Key, name: &str) -> String {
    format!("user-{}", &key.print("user", name)[..8])
}

/// One way through a report.
struct Pass<'p> {
    level: Level,
    key: &'p Key,
    names: Names,
    places: Places,
    typed: bool,
}

impl Pass<'_> {
    fn walk(&self, value: &mut Value, path: &mut String) {
        let length = path.len();
        match value {
            Value::Object(fields) => {
                let pass = self.of_finding(fields, path);
                for (name, value) in fields {
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(name);
                    pass.as_ref().unwrap_or(self).walk(value, path);
                    path.truncate(length);
                }
            }
            Value::Array(items) => {
                path.push_str("[]");
                if self.empties(path) {
                    items.clear();
                }
                for item in items {
                    self.walk(item, path);
                }
                path.truncate(length);
            }
            _ => self.leaf(value, path),
        }
    }

    /// The pass for a finding in a history: what a person typed stays behind.
    fn of_finding(&self, fields: &serde_json::Map<String, Value>, path: &str) -> Option<Self> {
        let exposures = fields.get("custody").and_then(|custody| custody.get("exposures"));
        let in_history = |list: &Value| {
            list.as_array().is_some_and(|list| list.iter().any(|it| it == "history"))
        };
        let is_history = path == "findings[]"
            && (fields.get("category").is_some_and(|it| it == "history")
                || exposures.is_some_and(in_history));
        is_history.then(|| Self {
            level: self.level,
            key: self.key,
            names: Names {
                homes: self.names.homes.clone(),
                users: self.names.users.clone(),
                machine: self.names.machine.clone(),
            },
            places: self.places.clone(),
            typed: true,
        })
    }

    /// Whether a list, by the path of its items, is emptied.
    fn empties(&self, path: &str) -> bool {
        let mut below = FIELDS.iter().filter(|field| field.path.starts_with(path)).peekable();
        below.peek().is_some() && below.all(|field| self.treatment(field) == Treatment::Empty)
    }

    fn treatment(&self, field: &Field) -> Treatment {
        match self.level {
            Level::Full => Treatment::Kept,
            Level::Standard if self.typed && field.typed => Treatment::Null,
            Level::Standard => field.standard,
            Level::Strict => field.strict,
        }
    }

    fn leaf(&self, value: &mut Value, path: &str) {
        // A field that the table does not have does not leave; a test sees to it that there is none.
        let treatment = FIELDS
            .iter()
            .find(|field| is_at(field.path, path))
            .map_or(Treatment::Null, |field| self.treatment(field));
        match (treatment, &mut *value) {
            (_, Value::Null) | (Treatment::Kept, _) => {}
            (Treatment::Null | Treatment::Empty, value) => *value = Value::Null,
            (Treatment::Word(word), value) => *value = word.into(),
            (Treatment::Text, Value::String(text)) => *text = self.names.scrub(text),
            (Treatment::Place, Value::String(text)) => {
                *text = self.places.place(text, &self.names.homes);
            }
            (Treatment::Home, Value::String(text)) => "~".clone_into(text),
            (Treatment::Pseudonym, Value::String(text)) if !is_nobodys(text) => {
                *text = pseudonym(self.key, text);
            }
            (Treatment::Day, Value::String(text)) => {
                let day = text.get(..10).unwrap_or("1970-01-01");
                *text = format!("{day}T00:00:00Z");
            }
            (Treatment::Keyed, Value::String(text)) => {
                *text = format!("nhi1:{}", self.key.print("finding", text));
            }
            _ => {}
        }
    }
}

/// Whether a field of the table is at this path; its last part may be `*`.
fn is_at(field: &str, path: &str) -> bool {
    match field.strip_suffix('*') {
        Some(prefix) => path.strip_prefix(prefix).is_some_and(|rest| !rest.contains('.')),
        None => field == path,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::output::schema::schema;

    /// Paths of all leaves of a schema.
    fn leaves(root: &Value, node: &Value, path: &str, out: &mut BTreeSet<String>) {
        if let Some(name) = node["$ref"].as_str() {
            return leaves(root, &root["$defs"][name.rsplit('/').next().unwrap()], path, out);
        }
        let choices = ["anyOf", "oneOf"].into_iter().filter_map(|it| node[it].as_array()).flatten();
        let objects: Vec<&Value> = choices.filter(|it| it["$ref"].is_string()).collect();
        if let [object] = objects[..] {
            return leaves(root, object, path, out);
        }
        if let Some(fields) = node["properties"].as_object() {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(root, field, &format!("{path}{dot}{name}"), out);
            }
        } else if node["items"].is_object() {
            leaves(root, &node["items"], &format!("{path}[]"), out);
        } else {
            out.insert(path.to_owned());
        }
    }

    #[test]
    fn every_field_of_the_report_is_decided() {
        let report = schema("report").unwrap();
        let mut fields = BTreeSet::new();
        leaves(&report, &report, "", &mut fields);
        let undecided: Vec<&String> = fields
            .iter()
            .filter(|path| !FIELDS.iter().any(|field| is_at(field.path, path)))
            .collect();
        assert_eq!(undecided, Vec::<&String>::new());
        for field in FIELDS {
            assert!(fields.iter().any(|path| is_at(field.path, path)), "no field {}", field.path);
        }
    }
}
