//! What changed between two reports, on a screen and in Markdown.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::columns::{Cell, Column, Cut, widths};
use super::markdown::code;
use super::text::{Paint, Screen, count, cut_middle, instant, thousands, word};
use super::{Style, phrase, table};
use crate::diff::{Change, Diff, Word};

/// Rows of a Markdown table.
const ROWS: usize = 500;

/// Places of changed coverage that a screen names without `--all`.
const NAMED: usize = 5;

const COLUMNS: &[Column] = &[
    Column { title: "CHANGE", least: 16, rank: 0 },
    Column { title: "ID", least: 12, rank: 0 },
    Column { title: "RISK", least: 12, rank: 2 },
    Column { title: "TOOL", least: 6, rank: 1 },
    Column { title: "IDENTITY", least: 16, rank: 0 },
    Column { title: "PLACE", least: 24, rank: 3 },
    Column { title: "WHAT", least: 24, rank: 0 },
];

/// Writes the screen: a row a word.
pub fn screen(diff: &Diff, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut screen = Screen::new(style, out);
    heading(diff, style, &mut screen)?;
    rows(diff, style, &mut screen)?;
    summary(diff, style, &mut screen)?;
    coverage(diff, style, &mut screen)?;
    for note in &diff.notes {
        screen.flow(&words(note), " ", 0)?;
    }
    Ok(())
}

/// The changes of a scan since its baseline, below its own table.
pub(super) fn since_baseline(
    diff: &Diff,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    screen.end()?;
    screen.line(Paint::Bold, &format!("Since {}", instant(diff.old.started_at)))?;
    rows(diff, style, screen)?;
    summary(diff, style, screen)?;
    for note in &diff.notes {
        screen.flow(&words(note), " ", 0)?;
    }
    Ok(())
}

fn words(note: &str) -> Vec<(Paint, String)> {
    note.split(' ').map(|word| (Paint::Dim, word.to_owned())).collect()
}

fn heading(diff: &Diff, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let host = diff.new.host_name.as_deref().map(|host| style.safe(host));
    let times = format!(
        "{} {} {}",
        instant(diff.old.started_at),
        style.arrow(),
        instant(diff.new.started_at)
    );
    let roots = diff
        .new
        .roots
        .iter()
        .take(3)
        .map(|root| cut_middle(&style.path(root), 40, style.ellipsis()));
    let items = [Some(times), host, Some(roots.collect::<Vec<_>>().join(" "))];
    let items: Vec<_> = items.into_iter().flatten().map(|item| (Paint::Bold, item)).collect();
    screen.flow(&items, style.dot(), 0)?;
    screen.end()
}

fn rows(diff: &Diff, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let ids = Ids::new(diff);
    let told = diff.changes.iter().flat_map(|it| it.told.iter().map(move |told| (it, told)));
    let mut told: Vec<_> = told.collect();
    if told.is_empty() {
        return screen.line(Paint::Good, "nothing changed");
    }
    told.sort_by_key(|(_, told)| told.change);
    let rows: Vec<Vec<Cell>> = told
        .iter()
        .map(|(it, told)| {
            let risk = match it.old_score {
                Some(old) if it.present && old != it.score => {
                    format!("{old} {} {}", style.arrow(), it.score)
                }
                _ => format!("{} {}", it.score, phrase::severity(it.severity)),
            };
            let place = match &it.key {
                Some(key) => format!("{}  {key}", style.path(&it.path)),
                None => style.path(&it.path),
            };
            let who = it.account.as_deref().unwrap_or_else(|| file_name(&it.path));
            vec![
                Cell::new([told.change.as_str()], style).paint(paint(told.change)),
                Cell::new([ids.get(&it.id)], style).paint(Paint::Dim),
                Cell::new([risk], style).paint(table::paint(it.severity)),
                Cell::new([&it.tool], style),
                Cell::new([who], style),
                Cell { cut: Cut::Middle, ..Cell::new([place, style.path(&it.path)], style) },
                Cell::new([&told.text], style),
            ]
        })
        .collect();
    let widths = widths(COLUMNS, &rows, style.columns());
    let titles: Vec<_> =
        COLUMNS.iter().map(|column| Cell::new([column.title], style).paint(Paint::Bold)).collect();
    table::line(&titles, &widths, style, screen)?;
    rows.iter().try_for_each(|cells| table::line(cells, &widths, style, screen))
}

const fn paint(word: Word) -> Paint {
    match word {
        Word::New | Word::Copied => Paint::High,
        Word::ExceptionEnded | Word::RePermissioned | Word::ScopeChanged => Paint::Medium,
        Word::Rotated | Word::Gone | Word::Expired => Paint::Good,
        Word::Moved | Word::Renewed | Word::ExceptionBegun | Word::CoverageChanged => Paint::Plain,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("?")
}

fn summary(diff: &Diff, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    screen.end()?;
    let told = diff.counts.iter().filter(|(_, count)| **count > 0);
    let mut items: Vec<_> =
        told.map(|(word, count)| (Paint::Plain, format!("{count} {}", word.as_str()))).collect();
    items.push((Paint::Plain, format!("{} unchanged", diff.unchanged)));
    screen.flow(&items, style.dot(), 0)
}

fn coverage(diff: &Diff, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let shown = if style.all { diff.coverage.len() } else { NAMED };
    for it in diff.coverage.iter().take(shown) {
        let path = cut_middle(&style.path(&it.path), 60, style.ellipsis());
        let text = if it.looked_at {
            format!("looked at again: {path} (was {})", word(&it.reason))
        } else {
            format!("not looked at this time: {path} ({})", word(&it.reason))
        };
        screen.line(Paint::Medium, &text)?;
    }
    match diff.coverage.len().saturating_sub(shown) {
        0 => Ok(()),
        more => {
            let text =
                format!("{} more of changed coverage (--all shows them)", count(more, "place"));
            screen.line(Paint::Dim, &text)
        }
    }
}

/// Writes Markdown for pull requests and tickets.
pub fn markdown(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let host = diff.new.host_name.as_deref().map(|name| format!(" on {}", code(name)));
    writeln!(out, "# What changed{}\n", host.unwrap_or_default())?;
    writeln!(out, "From {} to {}.\n", instant(diff.old.started_at), instant(diff.new.started_at))?;
    markdown_table(diff, out)?;
    if !diff.coverage.is_empty() {
        writeln!(out, "## Looked at\n\n| place | change | reason |\n|---|---|---|")?;
        for it in diff.coverage.iter().take(ROWS) {
            let change = if it.looked_at { "looked at again" } else { "not looked at this time" };
            writeln!(out, "| {} | {change} | {} |", code(&it.path), word(&it.reason))?;
        }
        more(diff.coverage.len(), out)?;
    }
    for note in &diff.notes {
        writeln!(out, "- {note}")?;
    }
    Ok(())
}

/// The table of changes and what they come to.
pub(super) fn markdown_table(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let counts = diff.counts.iter().filter(|(_, count)| **count > 0);
    let mut counts: Vec<_> =
        counts.map(|(word, count)| format!("{count} {}", word.as_str())).collect();
    counts.push(format!("{} unchanged", diff.unchanged));
    writeln!(out, "{}.\n", counts.join(", "))?;
    if diff.changes.is_empty() {
        return Ok(());
    }
    let ids = Ids::new(diff);
    writeln!(
        out,
        "| change | risk | tool | identity | place | what |\n|---|---:|---|---|---|---|"
    )?;
    let mut rows: Vec<_> =
        diff.changes.iter().flat_map(|it| it.told.iter().map(move |told| (it, told))).collect();
    rows.sort_by_key(|(_, told)| told.change);
    for (it, told) in rows.iter().take(ROWS) {
        writeln!(
            out,
            "| {} | {} {} | {} | {} | {} {} | {} |",
            told.change.as_str(),
            it.score,
            phrase::severity(it.severity),
            code(&it.tool),
            code(it.account.as_deref().unwrap_or_else(|| file_name(&it.path))),
            code(&it.path),
            code(ids.get(&it.id)),
            code(&told.text),
        )?;
    }
    more(rows.len(), out)
}

fn more(rows: usize, out: &mut dyn Write) -> io::Result<()> {
    match rows.saturating_sub(ROWS) {
        0 => writeln!(out),
        left => writeln!(
            out,
            "\n{} more rows are left out here; the JSON has them.\n",
            thousands(left as u64)
        ),
    }
}

/// Short ids of what is told.
struct Ids<'d>(BTreeMap<&'d str, &'d str>);

impl<'d> Ids<'d> {
    fn new(diff: &'d Diff) -> Self {
        let all: Vec<&str> =
            diff.changes.iter().map(|change: &Change| change.id.as_str()).collect();
        Self(super::fold::short(&all))
    }

    fn get<'i>(&self, id: &'i str) -> &'i str
    where
        'd: 'i,
    {
        self.0.get(id).copied().unwrap_or(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::diff;
    use crate::output::testdata;

    fn changed() -> Diff {
        let old = testdata::report();
        let mut new = testdata::report();
        new.findings[1].custody.mode = Some("0644".into());
        let copy = crate::report::Finding {
            id: format!("nhi1:{}", "ab".repeat(16)),
            also_in: vec![new.findings[3].id.clone()],
            ..new.findings[3].clone()
        };
        new.findings.push(copy);
        new.findings.remove(5);
        new.coverage.skipped.pop();
        diff(&old, &new)
    }

    #[test]
    fn screens_and_pages_are_as_designed() {
        for (name, columns, color) in
            [("80", 80, false), ("140", 140, false), ("140-color", 140, true)]
        {
            let style = Style {
                width: Some(columns),
                unicode: true,
                color,
                home: Some("/home/alice".into()),
                ..Style::default()
            };
            let mut out = Vec::new();
            screen(&changed(), &style, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let plain = !color;
            let fits = |line: &str| super::super::text::width(line) <= columns.into();
            assert!(!plain || text.lines().all(fits), "{text}");
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(format!("changes-{name}"), text.replace('\x1b', "␛"));
            });
        }
        let mut out = Vec::new();
        markdown(&changed(), &mut out).unwrap();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("changes-markdown", String::from_utf8(out).unwrap());
        });
    }
}
