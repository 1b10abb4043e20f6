//! Commands of governance: what may be, who accepted what, what changed, which controls that touches. Each makes a text; nothing
//! here scans.

pub mod controls;
pub mod diff;
pub mod exceptions;
pub mod history;
pub mod policy;

use clap::ValueEnum;

/// What a command has to say.
pub struct Told {
    /// For stdout.
    pub text: String,
    /// Whether what was asked about is there, so that the program ends with 1.
    pub found: bool,
}

impl Told {
    /// A text that ends well.
    pub fn text(text: String) -> Self {
        Self { text, found: false }
    }
}

/// Form of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Form {
    #[default]
    Text,
    Json,
}

/// A document as indented JSON, printed without harm.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", crate::output::json::visible(&value))
}

/// Rows under their titles, in columns; the last is as long as it is.
pub(crate) fn table<const N: usize>(titles: &[&str; N], rows: &[[String; N]]) -> String {
    use comfy_table::Table;
    use comfy_table::presets::NOTHING;
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(titles.to_vec());
    for row in rows {
        table.add_row(row.to_vec());
    }
    let lines =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.map(|line| line + "\n").collect()
}
