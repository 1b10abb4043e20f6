//! Bars as inline SVG, always beside their numbers: colour and length never stand alone.

use maud::{Markup, html};

use crate::output::text::thousands;
use crate::report::{Finding, Severity};

/// A row of a chart: what it is called, how it is filtered for, and its findings by band, mildest first.
pub(super) struct Row {
    pub(super) name: String,
    /// Fragment that shows exactly these, where there is one.
    pub(super) link: Option<String>,
    pub(super) bands: [usize; 5],
}

impl Row {
    /// Counts findings by band.
    pub(super) fn new<'f>(
        name: impl Into<String>,
        link: Option<String>,
        findings: impl IntoIterator<Item = &'f Finding>,
    ) -> Self {
        let mut bands = [0; 5];
        for finding in findings {
            bands[finding.score.severity as usize] += 1;
        }
        Self { name: name.into(), link, bands }
    }

    pub(super) fn total(&self) -> usize {
        self.bands.iter().sum()
    }
}

/// A table of rows with a bar each; `what` heads the first column.
pub(super) fn chart(caption: &str, what: &str, rows: &[Row]) -> Markup {
    let longest = rows.iter().map(Row::total).max().unwrap_or(1).max(1);
    html! {
        // Wide tables scroll, also by keyboard.
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table.chart {
                caption { (caption) }
                thead { tr {
                    th scope="col" { (what) }
                    th.bar scope="col" { "findings" }
                    th.number scope="col" { "all" }
                    @for band in Severity::ALL.iter().rev() { th.number scope="col" { (band.as_str()) } }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" {
                        @if let Some(link) = &row.link { a href=(link) { (row.name) } } @else { (row.name) }
                    }
                    td.bar { (bar(&row.bands, longest)) }
                    td.number { (thousands(row.total() as u64)) }
                    @for number in row.bands.iter().rev() {
                        td.number { @if *number > 0 { (thousands(*number as u64)) } @else { span.none { "–" } } }
                    }
                } } }
            }
        }
    }
}

/// One bar of stacked bands, worst first, in thousandths of the longest.
fn bar(bands: &[usize; 5], longest: usize) -> Markup {
    let mut x = 0;
    let mut parts = Vec::new();
    for (level, count) in bands.iter().enumerate().rev() {
        let width = count * 1000 / longest;
        let width = if *count > 0 { width.max(4) } else { 0 };
        parts.push((level, x, width));
        x += width;
    }
    html! {
        svg viewBox="0 0 1020 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (level, x, width) in parts { @if width > 0 {
                rect class={ "b" (level) } x=(x) y="0" width=(width) height="10" {}
            } }
        }
    }
}
