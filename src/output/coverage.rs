//! How much of a machine a report is about: what was seen, what was left out, and what could not be looked into.

use std::cmp::Reverse;
use std::io;

use super::text::{Paint, Screen, bytes, count, cut_middle, thousands, width};
use super::{Style, phrase};
use crate::report::{Coverage, Mode, Report, SkipReason, Skipped};

/// Roots, and without `--all` skipped places and kinds of stores, that are named.
const NAMED: usize = 3;

/// Columns a root may take.
const ROOT: usize = 40;

/// What was scanned, how much that was, and what held the scan back from doing more than reading.
pub(super) fn header(report: &Report, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let coverage = &report.coverage;
    let machine = report
        .host
        .name
        .as_deref()
        .map(|name| format!(" on {}", style.safe(name)))
        .unwrap_or_default();
    let mut items = vec![
        (Paint::Bold, format!("nhi-scan {}", report.tool.version)),
        (Paint::Plain, format!("{}{machine}", roots(report, style))),
        (Paint::Plain, seen(coverage)),
        (Paint::Plain, read(coverage)),
    ];
    items.extend(mode(report.scan.mode).map(|words| (Paint::Plain, words.to_owned())));
    if !coverage.complete {
        items.push((Paint::High, "incomplete".into()));
    }
    screen.flow(&items, style.dot(), 0)?;
    screen.line(Paint::Dim, &restraint(report))
}

/// The roots, those that have room.
fn roots(report: &Report, style: &Style) -> String {
    let roots = &report.scan.roots;
    let shown =
        roots.iter().take(NAMED).map(|root| cut_middle(&style.path(root), ROOT, style.ellipsis()));
    let mut text = shown.collect::<Vec<_>>().join(" ");
    if roots.len() > NAMED {
        text = format!("{text} and {} more", roots.len() - NAMED);
    }
    text
}

fn seen(coverage: &Coverage) -> String {
    format!("{} in {}", count(coverage.files_seen, "file"), count(coverage.directories, "folder"))
}

fn read(coverage: &Coverage) -> String {
    let (files, size) = (thousands(coverage.files_read), bytes(coverage.bytes_read));
    let time = coverage.duration_ms;
    let time = if time < 1000 {
        format!("{time} ms")
    } else {
        format!("{}.{} s", time / 1000, time % 1000 / 100)
    };
    format!("{files} read ({size}) in {time}")
}

const fn mode(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Quick => Some("quick: known places only"),
        Mode::Default => None,
        Mode::Thorough => Some("thorough: nothing left out"),
        Mode::Deep => Some("deep: nothing left out, every text file searched"),
    }
}

/// What keeps the scan from writing and from the network, and whether the kernel sees to it.
fn restraint(report: &Report) -> String {
    let by = |kernel: &str, state: &str| match state {
        "none" => "by design, not enforced".to_owned(),
        _ => format!("enforced by {kernel}"),
    };
    let sandbox = &report.scan.sandbox;
    format!(
        "Read-only ({}), no network ({})",
        by("Landlock", &sandbox.landlock),
        by("seccomp", &sandbox.seccomp)
    )
}

/// Places that could not be looked into: some of them by name, all of them with `--all`.
pub(super) fn not_seen(
    coverage: &Coverage,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    let (chosen, mut failed): (Vec<_>, Vec<_>) =
        coverage.skipped.iter().partition(|skipped| skipped.reason == SkipReason::Excluded);
    // A cache that was found but not understood says more than a folder that was not entered.
    failed.sort_by_key(|skipped| !is_not_understood(skipped.reason));
    if !failed.is_empty() || !coverage.complete {
        let text = match total(&failed) {
            0 => "The scan did not look at everything".to_owned(),
            places => format!("{} could not be looked into", count(places, "place")),
        };
        skip_list((Paint::Medium, &text), &failed, style, screen)?;
    }
    if !chosen.is_empty() {
        let text = format!("{} excluded, as asked", count(total(&chosen), "place"));
        skip_list((Paint::Plain, &text), &chosen, style, screen)?;
    }
    Ok(())
}

const fn is_not_understood(reason: SkipReason) -> bool {
    matches!(
        reason,
        SkipReason::Malformed | SkipReason::Unrecognised | SkipReason::UnsupportedEncryption
    )
}

fn total(skipped: &[&Skipped]) -> u64 {
    skipped.iter().map(|skipped| skipped.count).fold(0, u64::saturating_add)
}

fn skip_list(
    title: (Paint, &str),
    skipped: &[&Skipped],
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    screen.line(title.0, &format!("{}{}", title.1, if skipped.is_empty() { "" } else { ":" }))?;
    let named = if style.all { skipped.len() } else { NAMED.min(skipped.len()) };
    for place in &skipped[..named] {
        let several = if place.count > 1 {
            format!(", {} places", thousands(place.count))
        } else {
            String::new()
        };
        let reason = format!("  {}{several}", phrase::skip(place.reason));
        let room = style.columns().saturating_sub(2 + width(&reason));
        let path = cut_middle(&style.path(&place.path), room, style.ellipsis());
        screen.put(Paint::Plain, &format!("  {path}"))?;
        screen.line(Paint::Dim, &reason)?;
    }
    match total(&skipped[named..]) {
        0 => Ok(()),
        more => {
            let text =
                format!("  {} {} (--all lists them)", style.ellipsis(), count(more, "more place"));
            screen.line(Paint::Dim, &text)
        }
    }
}

/// Stores that were passed by because they hold no credentials.
pub(super) fn left_out(
    coverage: &Coverage,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    if coverage.pruned.is_empty() {
        return Ok(());
    }
    let mut pruned: Vec<_> = coverage.pruned.iter().collect();
    pruned.sort_by_key(|pruned| Reverse(pruned.count));
    let folders = pruned.iter().map(|pruned| pruned.count).fold(0, u64::saturating_add);
    let named = if style.all { pruned.len() } else { NAMED.min(pruned.len()) };
    let mut items: Vec<_> = pruned[..named]
        .iter()
        .map(|pruned| format!("{} {}", thousands(pruned.count), pruned.reason))
        .collect();
    items.extend(match pruned.len() - named {
        0 => None,
        more => Some(count(more, "more kind")),
    });
    items.push("--thorough enters them".into());
    let title = format!("{} left out: ", count(folders, "store"));
    screen.put(Paint::Dim, &title)?;
    let items: Vec<_> = items.into_iter().map(|item| (Paint::Dim, item)).collect();
    screen.flow(&items, ", ", width(&title))
}

/// The screen without a row: never a clean bill for what was not seen.
pub(super) fn nothing_found(
    report: &Report,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    let coverage = &report.coverage;
    let looked_at = match report.scan.mode {
        Mode::Quick => format!("the known places ({} read)", count(coverage.files_read, "file")),
        _ => format!(
            "{} of {}",
            count(coverage.files_seen, "file"),
            count(coverage.directories, "folder")
        ),
    };
    let (paint, but) = if coverage.complete {
        (Paint::Good, "")
    } else {
        (Paint::Medium, ", but not everything could be looked at")
    };
    screen.line(paint, &format!("No credentials found in {looked_at}{but}."))?;
    not_seen(coverage, style, screen)?;
    left_out(coverage, style, screen)
}
