//! Reports to bytes: one file a format; a format sees the [`Report`] and nothing else.
//!
//! Every string of a report was written by whoever wrote the scanned files. On a screen it passes [`text::safe`]; in JSON
//! it is escaped so that printing it to a terminal does nothing either.

use std::io;

use crate::report::{Report, Severity};

pub mod delivery;
pub mod explain;
pub mod json;
pub mod ndjson;
pub mod schema;
pub mod table;

mod columns;
mod coverage;
mod file;
mod fold;
mod phrase;
#[cfg(test)]
mod testdata;
mod text;

/// Writes a whole report. Fails only as its writer fails.
pub type WriteReport = fn(&Report, &Style, &mut dyn io::Write) -> io::Result<()>;

/// One output format.
pub struct Format {
    /// Its name for `--format`.
    pub name: &'static str,
    /// File name endings, without the dot, by which `--output` chooses it.
    pub endings: &'static [&'static str],
    /// One clause for the help.
    pub about: &'static str,
    /// The writer.
    pub write: WriteReport,
}

/// The formats, in the order of the help.
pub const FORMATS: &[Format] = &[table::FORMAT, json::FORMAT, ndjson::FORMAT];

/// A text of unknown origin for a terminal: what could steer it, or hide, is escaped visibly.
pub fn safe(text: &str) -> String {
    text::safe(text, true)
}

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The format that a file name's ending asks for.
pub fn format_of(file_name: &str) -> Option<&'static Format> {
    let (_, ending) = file_name.rsplit_once('.')?;
    FORMATS
        .iter()
        .find(|format| format.endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
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
                let text = String::from_utf8(out).unwrap();
                let acting: Vec<_> =
                    text.chars().filter(|c| text::is_hidden(*c) && *c != '\n').collect();
                assert_eq!(acting, [], "{}", format.name);
            }
        }
    }

    #[test]
    fn formats_are_stable() {
        let report = testdata::report();
        for format in [json::FORMAT, ndjson::FORMAT] {
            let mut out = Vec::new();
            (format.write)(&report, &Style::default(), &mut out).unwrap();
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(format.name, String::from_utf8(out).unwrap());
            });
        }
    }
}
