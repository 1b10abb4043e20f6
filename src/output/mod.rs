//! Reports to bytes: one file a format; a format sees the [`Report`] and nothing else.
//!
//! Every string of a report was written by whoever wrote the scanned files. On a screen it passes [`text::safe`]; in JSON
//! it is escaped so that printing it to a terminal does nothing either.

use std::io;

use crate::report::{Report, Severity};

pub mod changes;
pub mod csv;
pub mod cyclonedx;
pub mod delivery;
pub mod ecs;
pub mod explain;
pub mod gitlab;
pub mod html;
pub mod in_toto;
pub mod intune;
pub mod intune_compliance;
pub mod jamf_ea;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod ndjson;
pub mod ocsf;
pub mod oneline;
pub mod oscal;
pub mod otlp;
pub mod sarif;
pub mod schema;
pub mod splunk;
pub mod sqlite;
pub mod table;

mod columns;
mod control;
mod coverage;
pub(crate) mod file;
pub(crate) mod fold;
pub(crate) mod instruction;
mod phrase;
mod row;
mod tally;
#[cfg(test)]
pub(crate) mod testdata;
mod text;
mod uri;
mod uuid;

/// Writes a whole report. Fails only as its writer fails.
pub type WriteReport = fn(&Report, &Style, &mut dyn io::Write) -> io::Result<()>;

/// One output format.
pub struct Format {
    /// Its name for `--format`.
    pub name: &'static str,
    /// File name endings, without the dot, by which `--output` chooses it; lower case, of one or more parts.
    pub endings: &'static [&'static str],
    /// One clause for the help.
    pub about: &'static str,
    /// The writer.
    pub write: WriteReport,
}

/// The formats, in the order of the help.
pub const FORMATS: &[Format] = &[
    table::FORMAT,
    json::FORMAT,
    ndjson::FORMAT,
    html::FORMAT,
    markdown::FORMAT,
    csv::FORMAT,
    sarif::FORMAT,
    junit::FORMAT,
    gitlab::FORMAT,
    ocsf::FORMAT,
    ecs::FORMAT,
    splunk::FORMAT,
    otlp::FORMAT,
    cyclonedx::FORMAT,
    cyclonedx::FORMAT_1_7,
    oscal::FORMAT,
    in_toto::FORMAT,
    in_toto::FORMAT_TEST_RESULT,
    sqlite::FORMAT,
    jamf_ea::FORMAT,
    intune::FORMAT,
    intune_compliance::FORMAT,
    oneline::FORMAT,
];

/// A text of unknown origin for a terminal: what could steer it, or hide, is escaped visibly.
pub fn safe(text: &str) -> String {
    text::safe(text, true)
}

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The format that a file name's ending asks for; the longest ending that fits decides, so `x.cdx.json` is no `x.json`.
pub fn format_of(file_name: &str) -> Option<&'static Format> {
    let name = file_name.to_ascii_lowercase();
    let fits = |ending: &&&str| {
        name.strip_suffix(**ending).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    };
    let longest =
        |format: &&Format| format.endings.iter().filter(fits).map(|ending| ending.len()).max();
    FORMATS.iter().filter(|format| longest(format).is_some()).max_by_key(longest)
}

/// How a person wants to see it. Only [`table`] and [`explain`] heed it: JSON is the same for everyone.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// Columns of the terminal; none where the output is no terminal, which fixes the width.
    pub width: Option<u16>,
    /// Whether colours may be used. They never carry meaning alone.
    pub color: bool,
    /// Whether more than ASCII may be shown; if not, everything else is escaped.
    pub unicode: bool,
    /// Every row, every place and every skipped place.
    pub all: bool,
    /// Rows below this are counted, not shown.
    pub min_severity: Option<Severity>,
    /// What `--fail-on` asks for; `JUnit` fails from there on.
    pub fail_on: Option<Severity>,
    /// From 1 on, each row is followed by its places.
    pub verbosity: u8,
    /// The viewer's home, shown as `~`.
    pub home: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_endings_find_one_format() {
        for wanted in FORMATS {
            assert_eq!(format(wanted.name).unwrap().name, wanted.name);
        }
        for (file, name) in [
            ("out.txt", Some("table")),
            ("a.b/x.JSON", Some("json")),
            ("x.ndjson", Some("ndjson")),
            ("x.jsonl", Some("ndjson")),
            ("json", None),
            (".json", None),
            ("x.", None),
        ] {
            assert_eq!(format_of(file).map(|format| format.name), name, "{file}");
        }
    }

    #[test]
    fn no_format_lets_a_name_act_on_the_terminal() {
        for format in FORMATS {
            for report in testdata::reports() {
                let mut out = Vec::new();
                (format.write)(
                    &report,
                    &Style { unicode: true, all: true, ..Style::default() },
                    &mut out,
                )
                .unwrap();
                // What is no text is no text for a terminal either.
                let Ok(text) = String::from_utf8(out) else { continue };
                let text = text.replace("\r\n", "\n");
                let acting: Vec<_> =
                    text.chars().filter(|c| text::is_hidden(*c) && *c != '\n').collect();
                assert_eq!(acting, [], "{}", format.name);
            }
        }
    }

    #[test]
    fn formats_are_stable() {
        let report = testdata::report();
        for format in FORMATS.iter().filter(|format| format.name != table::FORMAT.name) {
            let mut out = Vec::new();
            (format.write)(&report, &Style::default(), &mut out).unwrap();
            let mut again = Vec::new();
            (format.write)(&report, &Style::default(), &mut again).unwrap();
            assert!(out == again, "{} differs from run to run", format.name);
            let Ok(out) = String::from_utf8(out) else { continue };
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(format.name, out);
            });
        }
    }
}
