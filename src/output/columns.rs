//! Columns that fit: each cell offers wordings from long to short, and columns leave one by one where there is no room.

use std::collections::BTreeMap;

use super::Style;
use super::text::{Paint, cut_end, cut_middle, width};

/// Spaces between columns.
const GAP: usize = 2;

/// One column of a table.
pub(super) struct Column {
    /// Its heading.
    pub(super) title: &'static str,
    /// Narrower than this it says too little; it then gives way or leaves.
    pub(super) least: usize,
    /// Leaves before those of lower rank; 0 stays.
    pub(super) rank: u8,
}

/// What stands in one place of a table.
#[derive(Default)]
pub(super) struct Cell {
    /// Safe wordings, longest first.
    pub(super) choices: Vec<String>,
    /// Safe text that follows whichever wording is taken, uncut.
    pub(super) tail: String,
    /// Where the shortest wording is cut if even that is too long.
    pub(super) cut: Cut,
    /// Colour.
    pub(super) paint: Paint,
}

/// Where a text is cut.
#[derive(Clone, Copy, Default)]
pub(super) enum Cut {
    #[default]
    End,
    Middle,
}

impl Cell {
    /// A cell of these wordings, made safe.
    pub(super) fn new(choices: impl IntoIterator<Item = impl AsRef<str>>, style: &Style) -> Self {
        let choices = choices.into_iter().map(|choice| style.safe(choice.as_ref())).collect();
        Self { choices, ..Self::default() }
    }

    /// A cell that says all items, or as many from the front as there is room for and how many more there are.
    pub(super) fn items(items: &[String], style: &Style) -> Self {
        let wording = |n: usize| match items.len() - n {
            0 => items.join(", "),
            more => format!("{} +{more}", items[..n].join(", ")),
        };
        Self::new((1..=items.len()).rev().map(wording), style)
    }

    /// With this colour.
    pub(super) fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    /// Widths at which it says more than in less.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.choices.iter().map(|choice| width(choice) + width(&self.tail))
    }

    fn natural(&self) -> usize {
        self.lengths().next().unwrap_or(0)
    }

    /// The wording for this width.
    pub(super) fn fit(&self, limit: usize, mark: &str) -> String {
        let room = limit.saturating_sub(width(&self.tail));
        let Some(shortest) = self.choices.last() else { return String::new() };
        let text = match self.choices.iter().find(|choice| width(choice) <= room) {
            Some(choice) => choice.clone(),
            None => match self.cut {
                Cut::End => cut_end(shortest, room, mark),
                Cut::Middle => cut_middle(shortest, room, mark),
            },
        };
        text + &self.tail
    }
}

/// Width of every column, none for those that leave, so that a row takes at most `available` columns of the screen.
pub(super) fn widths(
    columns: &[Column],
    rows: &[Vec<Cell>],
    available: usize,
) -> Vec<Option<usize>> {
    let least = |(at, column): (usize, &Column)| {
        let natural = rows.iter().map(|row| row[at].natural()).max().unwrap_or(0);
        Some(natural.min(column.least).max(width(column.title)))
    };
    let mut widths: Vec<_> = columns.iter().enumerate().map(least).collect();
    while total(&widths) > available {
        let staying = (0..columns.len()).filter(|&at| widths[at].is_some() && columns[at].rank > 0);
        let Some(leaving) = staying.max_by_key(|&at| columns[at].rank) else { break };
        widths[leaving] = None;
    }
    let mut spare = available.saturating_sub(total(&widths));
    while let Some((at, step)) = best_step(&widths, rows, spare) {
        widths[at] = widths[at].map(|width| width + step);
        spare -= step;
    }
    widths
}

/// Weight of a cell that is no longer cut, against one that gets a longer wording.
const UNCUT: usize = 4;

/// Rows that are asked how wide they want to be; those below take what there is.
const ASKED: usize = 200;

/// The column, and by how much to widen it, that gains most for each column of the screen. Upper rows count for more.
fn best_step(widths: &[Option<usize>], rows: &[Vec<Cell>], spare: usize) -> Option<(usize, usize)> {
    let rows = &rows[..rows.len().min(ASKED)];
    let mut best: Option<(usize, usize, usize)> = None;
    for (at, width) in widths.iter().enumerate() {
        let Some(width) = *width else { continue };
        // Gain by step: a cell gains where the next of its wordings begins to fit.
        let mut gains: BTreeMap<usize, usize> = BTreeMap::new();
        for (row, place) in rows.iter().zip((1..=rows.len()).rev()) {
            let Some(next) = row[at].lengths().filter(|length| *length > width).min() else {
                continue;
            };
            let cut = row[at].lengths().all(|length| length > width);
            *gains.entry(next - width).or_default() += if cut { place * UNCUT } else { place };
        }
        let mut gain = 0;
        for (step, more) in gains.range(..=spare) {
            gain += more;
            if best.is_none_or(|(_, best_step, best_gain)| gain * best_step > best_gain * step) {
                best = Some((at, *step, gain));
            }
        }
    }
    best.map(|(at, step, _)| (at, step))
}

fn total(widths: &[Option<usize>]) -> usize {
    widths.iter().flatten().map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// Spaces that bring `text` to `width` and the gap after it.
pub(super) fn padding(text: &str, column: usize) -> String {
    " ".repeat(column.saturating_sub(width(text)) + GAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { title: "ID", least: 6, rank: 0 },
        Column { title: "WHERE", least: 10, rank: 2 },
        Column { title: "WHAT", least: 8, rank: 1 },
    ];

    fn rows() -> Vec<Vec<Cell>> {
        let style = Style { unicode: true, ..Style::default() };
        let row = |place: usize, what: &[usize]| {
            let what = what.iter().map(|length| "b".repeat(*length));
            vec![
                Cell::new(["3fa91c"], &style),
                Cell::new(["a".repeat(place)], &style),
                Cell::new(what, &style),
            ]
        };
        vec![row(30, &[20, 12]), row(16, &[9])]
    }

    #[test]
    fn columns_widen_where_it_says_most_and_leave_where_there_is_no_room() {
        for (available, expected) in [
            (80, [Some(6), Some(30), Some(20)]),
            (59, [Some(6), Some(30), Some(12)]),
            (45, [Some(6), Some(16), Some(12)]),
            (40, [Some(6), Some(16), Some(12)]),
            (32, [Some(6), Some(10), Some(12)]),
            (28, [Some(6), Some(10), Some(8)]),
            (27, [Some(6), None, Some(12)]),
            (16, [Some(6), None, Some(8)]),
            (15, [Some(6), None, None]),
            (3, [Some(6), None, None]),
        ] {
            assert_eq!(widths(COLUMNS, &rows(), available), expected, "{available}");
        }
    }

    #[test]
    fn cells_take_the_longest_wording_that_fits() {
        let style = Style { unicode: true, ..Style::default() };
        let items = ["plaintext".to_owned(), "synced".to_owned(), "in git".to_owned()];
        let cell = Cell { tail: "!".into(), ..Cell::items(&items, &style) };
        for (limit, expected) in [
            (30, "plaintext, synced, in git!"),
            (21, "plaintext, synced +1!"),
            (20, "plaintext +2!"),
            (9, "plainte…!"),
            (0, "…!"),
        ] {
            assert_eq!(cell.fit(limit, "…"), expected);
        }
    }
}
