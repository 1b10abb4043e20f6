//! The screen: one row a grant, riskiest first, and what to do next; above and below it, how much of the machine that is.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;

use super::columns::{Cell, Column, Cut, padding, widths};
use super::coverage;
use super::fold::{Places, ShortIds, grants};
use super::text::{Paint, Screen, count, cut_end, cut_middle, span, width};
use super::{Format, Style, changes, phrase};
use crate::grant::Confidence;
use crate::policy::last_day;
use crate::report::{ExceptionRecord, ExceptionState, Finding, Report, Severity, State};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "table",
    endings: &["txt"],
    about: "one row a grant, riskiest first, for people",
    write,
};

/// Rows below medium fill the screen up to this many; those at medium and above are never folded.
const SCREENFUL: usize = 20;

/// Columns before the lines that belong to a row.
const INDENT: usize = 8;

/// From 80 columns on, who, how risky, how kept and what to do; more as there is room for it.
const COLUMNS: &[Column] = &[
    // A name that is cut names nothing.
    Column { title: "ID", least: 32, rank: 0 },
    Column { title: "RISK", least: 12, rank: 0 },
    Column { title: "TOOL", least: 6, rank: 0 },
    Column { title: "IDENTITY", least: 16, rank: 0 },
    Column { title: "GRANT", least: 14, rank: 3 },
    Column { title: "LIFETIME", least: 13, rank: 2 },
    Column { title: "CUSTODY", least: 12, rank: 1 },
    Column { title: "PLACE", least: 36, rank: 4 },
    Column { title: "DO NEXT", least: 16, rank: 0 },
];

/// Screens from this width on have room for whole words.
const WIDE: usize = 132;

/// Columns that an owner and a ticket may take.
const OWNER: usize = 40;

/// Index of the column that tells where.
const PLACE: usize = 7;

/// Writes the screen.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut screen = Screen::new(style, out);
    let grants = grants(report);
    coverage::header(report, style, &mut screen)?;
    screen.end()?;
    if grants.is_empty() {
        return coverage::nothing_found(report, style, &mut screen);
    }
    let ids = ShortIds::new(report);
    let (shown, folded) = choose(&grants, style);
    rows(&shown, &ids, report.scan.started_at, style, &mut screen)?;
    fold_line(&folded, style, &mut screen)?;
    screen.end()?;
    tally(&grants, report, style, &mut screen)?;
    exceptions(report, style, &mut screen)?;
    coverage::not_seen(&report.coverage, style, &mut screen)?;
    coverage::left_out(&report.coverage, style, &mut screen)?;
    if let Some(diff) = &report.baseline {
        changes::since_baseline(diff, style, &mut screen)?;
    }
    hints(ids.get(&shown.first().copied().unwrap_or(&grants[0]).lead.id), style, &mut screen)
}

/// How to see more, with an id that can be copied.
fn hints(id: &str, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let mut hints = vec![(Paint::Dim, format!("nhi-scan explain {id}: all about one"))];
    if !style.all {
        hints.insert(0, (Paint::Dim, "-v: where each lies".into()));
    }
    screen.flow(&hints, style.dot(), 0)
}

/// Splits the grants into those with a row and those that are only counted.
fn choose<'g, 'r>(
    grants: &'g [Places<'r>],
    style: &Style,
) -> (Vec<&'g Places<'r>>, Vec<&'g Places<'r>>) {
    let mut shown = 0;
    grants.iter().partition(|grant| {
        let show = is_shown(grant.lead, shown, style);
        shown += usize::from(show);
        show
    })
}

fn is_shown(finding: &Finding, before: usize, style: &Style) -> bool {
    let severity = finding.score.severity;
    match style.min_severity {
        Some(least) => severity >= least,
        None if style.all || severity >= Severity::Medium => true,
        // Good custody is worth a row, residue is not.
        None => before < SCREENFUL && !is_residue(finding),
    }
}

fn is_residue(finding: &Finding) -> bool {
    finding.lifetime.state == State::Expired
        || (finding.score.severity == Severity::Info && !phrase::is_well_kept(finding))
}

fn rows(
    grants: &[&Places<'_>],
    ids: &ShortIds<'_>,
    now: Timestamp,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    if grants.is_empty() {
        return Ok(());
    }
    let cells: Vec<_> = grants.iter().map(|grant| row(grant, ids, now, style)).collect();
    let widths = widths(COLUMNS, &cells, style.columns());
    let titles: Vec<_> =
        COLUMNS.iter().map(|column| Cell::new([column.title], style).paint(Paint::Bold)).collect();
    line(&titles, &widths, style, screen)?;
    for (grant, cells) in grants.iter().zip(&cells) {
        line(cells, &widths, style, screen)?;
        if style.all || style.verbosity > 0 {
            places(grant, ids, style, screen)?;
        } else if widths[PLACE].is_none() && is_urgent(grant) {
            detail(grant, style, screen)?;
        }
    }
    Ok(())
}

/// Whether someone should act now.
fn is_urgent(grant: &Places<'_>) -> bool {
    grant.lead.score.severity >= Severity::High && !grant.is_accepted()
}

pub(super) fn line(
    cells: &[Cell],
    widths: &[Option<usize>],
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    let last = widths.iter().rposition(Option::is_some);
    for (at, (cell, column)) in cells.iter().zip(widths).enumerate() {
        let Some(column) = *column else { continue };
        let text = cell.fit(column, style.ellipsis());
        screen.put(cell.paint, &text)?;
        if Some(at) != last {
            screen.put(Paint::Plain, &padding(&text, column))?;
        }
    }
    screen.end()
}

fn row(grant: &Places<'_>, ids: &ShortIds<'_>, now: Timestamp, style: &Style) -> Vec<Cell> {
    let finding = grant.lead;
    let faded = if is_residue(finding) || grant.is_accepted() { Paint::Dim } else { Paint::Plain };
    let kept = if phrase::is_well_kept(finding) { Paint::Good } else { faded };
    vec![
        Cell::new([ids.get(&finding.id)], style).paint(Paint::Dim),
        risk(finding, style),
        tool(finding, style).paint(faded),
        Cell::new(phrase::identity(finding), style).paint(faded),
        held(finding, style).paint(faded),
        Cell::new(phrase::lifetime(&finding.lifetime, now, style), style).paint(faded),
        custody(grant, style).paint(kept),
        place(grant, style).paint(faded),
        do_next(grant, style).paint(faded),
    ]
}

fn risk(finding: &Finding, style: &Style) -> Cell {
    let (total, severity) = (finding.score.total, finding.score.severity);
    let word = match severity {
        Severity::Critical if style.columns() < WIDE => "crit",
        Severity::Medium if style.columns() < WIDE => "med",
        _ => phrase::severity(severity),
    };
    let doubt = if finding.confidence == Confidence::Low { "?" } else { "" };
    Cell::new([format!("{total:>2} {word}{doubt}")], style).paint(paint(severity))
}

/// The tool's name, or what it is called on a command line where that is shorter.
fn tool(finding: &Finding, style: &Style) -> Cell {
    let short = if finding.rule.len() < finding.tool.len() { &finding.rule } else { &finding.tool };
    let long = Some(&finding.tool).filter(|_| style.columns() >= WIDE);
    Cell::new(long.into_iter().chain([short]), style)
}

/// What is held, then what it may do.
fn held(finding: &Finding, style: &Style) -> Cell {
    let mut cell = Cell::items(&phrase::grant(finding, true), style);
    cell.choices.insert(0, style.safe(&phrase::grant(finding, false).join(", ")));
    cell
}

/// The form, then the flaws; where there is little room, the flaws alone.
fn custody(grant: &Places<'_>, style: &Style) -> Cell {
    let items = phrase::custody(grant.lead, grant.count());
    match items.as_slice() {
        [_, flaws @ ..] if !flaws.is_empty() && !phrase::is_well_kept(grant.lead) => {
            let mut cell = Cell::items(flaws, style);
            cell.choices.insert(0, style.safe(&items.join(", ")));
            cell
        }
        items => Cell::items(items, style),
    }
}

/// Colour of a severity.
pub(super) const fn paint(severity: Severity) -> Paint {
    match severity {
        Severity::Critical => Paint::Critical,
        Severity::High => Paint::High,
        Severity::Medium => Paint::Medium,
        Severity::Low => Paint::Low,
        Severity::Info => Paint::Dim,
    }
}

fn place(grant: &Places<'_>, style: &Style) -> Cell {
    let location = &grant.lead.location;
    let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
    let more =
        if grant.others.is_empty() { String::new() } else { format!(" +{}", grant.others.len()) };
    Cell { tail: line + &more, cut: Cut::Middle, ..Cell::new([style.path(&location.path)], style) }
}

/// The fix that helps most and the score it gives, else the command or page that ends the grant.
fn do_next(grant: &Places<'_>, style: &Style) -> Cell {
    let finding = grant.lead;
    if let Some(exception) = &finding.exception {
        let until = last_day(exception.expires);
        return Cell::new(
            [format!("accepted until {until}"), format!("ok till {until}"), "accepted".into()],
            style,
        );
    }
    if finding.ignored.is_some() {
        return Cell::new(["ignored by policy", "ignored"], style);
    }
    let urgent = finding.score.severity >= Severity::Medium;
    let end = way_out(finding).filter(|_| urgent || !phrase::is_well_kept(finding));
    let mut choices = match (phrase::best_fix(finding).filter(|_| urgent), end) {
        (None, None) => Vec::new(),
        (None, Some(end)) => vec![end.to_owned(), end.trim_start_matches("https://").to_owned()],
        (Some(fix), _) => {
            let effect = format!("{} {} {}", fix.change, style.arrow(), fix.total);
            vec![effect, fix.change.clone()]
        }
    };
    if finding.issues.iter().any(|issue| issue == "exception-expired") {
        for choice in &mut choices {
            choice.insert_str(0, "exception expired; ");
        }
        choices.push("exception expired".into());
    }
    if choices.is_empty() {
        Cell::new(["-"], style).paint(Paint::Dim)
    } else {
        Cell::new(choices, style)
    }
}

/// The nearest way to end a grant.
fn way_out(finding: &Finding) -> Option<&str> {
    finding.end.logout.as_deref().or(finding.end.revoke.as_deref())
}

/// The day of a time, UTC.
pub(super) fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// Where an urgent grant lies, and the command that ends it, whole.
fn detail(grant: &Places<'_>, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let mut place =
        place(grant, style).fit(style.columns() - INDENT - width(" places"), style.ellipsis());
    if !grant.others.is_empty() {
        place += if grant.others.len() == 1 { " place" } else { " places" };
    }
    let end = way_out(grant.lead).map(|end| format!("end it: {end}"));
    let items: Vec<_> =
        [Some(place), end].into_iter().flatten().map(|item| (Paint::Dim, item)).collect();
    screen.put(Paint::Plain, &" ".repeat(INDENT))?;
    screen.flow(&items, style.dot(), INDENT)
}

/// One line for each place of a grant, and the command that ends an urgent one.
fn places(
    grant: &Places<'_>,
    ids: &ShortIds<'_>,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    let indent = " ".repeat(INDENT);
    for finding in [grant.lead].into_iter().chain(grant.others.iter().copied()) {
        let id = if grant.others.is_empty() {
            String::new()
        } else {
            format!("{} ", ids.get(&finding.id))
        };
        let text = format!("{id}{}", where_exactly(finding, style));
        let text = cut_middle(&text, style.columns() - INDENT, style.ellipsis());
        screen.line(Paint::Dim, &format!("{indent}{text}"))?;
    }
    match way_out(grant.lead).filter(|_| is_urgent(grant)) {
        Some(end) => screen.line(Paint::Dim, &format!("{indent}end it: {end}")),
        None => Ok(()),
    }
}

/// Path, line and key of a finding, safe.
pub(super) fn where_exactly(finding: &Finding, style: &Style) -> String {
    let location = &finding.location;
    let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
    let key =
        location.key.as_deref().map(|key| format!("  {}", style.safe(key))).unwrap_or_default();
    let state =
        phrase::place_state(location.state).map(|state| format!("  ({state})")).unwrap_or_default();
    format!("{}{line}{key}{state}", style.path(&location.path))
}

/// What has no row, counted by the reason for which it has none.
fn fold_line(folded: &[&Places<'_>], style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    if folded.is_empty() {
        return Ok(());
    }
    let mut counts: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for grant in folded {
        let key = match grant.lead.score.severity {
            _ if grant.lead.lifetime.state == State::Expired => (9, "expired"),
            severity => (Severity::Critical as u8 - severity as u8, phrase::severity(severity)),
        };
        *counts.entry(key).or_default() += 1;
    }
    let counts: Vec<_> =
        counts.iter().map(|((_, words), count)| format!("{count} {words}")).collect();
    let mark = style.ellipsis();
    let gap = INDENT.saturating_sub(width(mark));
    let why =
        if style.min_severity.is_some() { "below --min-severity" } else { "--all shows every row" };
    let text =
        format!("{mark}{:gap$}{} not shown: {} ({why})", "", folded.len(), counts.join(", "));
    screen.line(Paint::Dim, &text)
}

/// The counts by what they ask of the reader.
fn tally(
    grants: &[Places<'_>],
    report: &Report,
    style: &Style,
    screen: &mut Screen<'_>,
) -> io::Result<()> {
    let now = report.scan.started_at;
    let open = |low: Severity, high: Severity| {
        let within = |grant: &&Places<'_>| (low..=high).contains(&grant.lead.score.severity);
        grants.iter().filter(|grant| !grant.is_accepted()).filter(within).count()
    };
    let bands = [
        (open(Severity::High, Severity::Critical), "act now", Paint::Critical),
        (open(Severity::Medium, Severity::Medium), "plan", Paint::Medium),
        (open(Severity::Info, Severity::Low), "fine", Paint::Good),
    ];
    let mut items: Vec<_> = bands
        .into_iter()
        .map(|(number, words, paint)| {
            (if number > 0 { paint } else { Paint::Plain }, format!("{number} {words}"))
        })
        .collect();
    items.extend(accepted(grants, now).map(|words| (Paint::Plain, words)));
    items.extend(ignored(grants).map(|words| (Paint::Plain, words)));
    items.extend(breaking(grants, report).map(|words| (Paint::Plain, words)));
    items.extend(spread(grants).map(|words| (Paint::Plain, words)));
    screen.flow(&items, style.dot(), 0)
}

/// Exceptions that someone must look after, each on a line.
fn exceptions(report: &Report, style: &Style, screen: &mut Screen<'_>) -> io::Result<()> {
    let needs_care =
        |it: &&ExceptionRecord| it.state != ExceptionState::InForce || it.findings.is_empty();
    for it in report.exceptions.iter().filter(needs_care) {
        let state = phrase::exception(it);
        let room = style.columns().saturating_sub("exception : ".len() + state.len());
        let accepts = cut_end(&style.safe(&it.accepts), room, style.ellipsis());
        let items = [
            (Paint::Medium, format!("exception {state}: {accepts}")),
            (Paint::Plain, format!("until {}", last_day(it.expires))),
            (Paint::Plain, cut_end(&style.safe(&it.owner), OWNER, style.ellipsis())),
            (Paint::Plain, cut_end(&style.safe(&it.ticket), OWNER, style.ellipsis())),
        ];
        screen.flow(&items, style.dot(), 2)?;
    }
    Ok(())
}

/// How many exceptions are in force, and when the first of them ends.
fn accepted(grants: &[Places<'_>], now: Timestamp) -> Option<String> {
    let exceptions = grants.iter().filter_map(|grant| grant.lead.exception.as_ref());
    let ends: Vec<_> = exceptions.map(|exception| exception.expires).collect();
    let first = ends.iter().min()?;
    let left = span(first.as_second().saturating_sub(now.as_second()).try_into().unwrap_or(0));
    Some(match ends.len() {
        1 => format!("1 accepted (ends in {left})"),
        many => format!("{many} accepted (the first ends in {left})"),
    })
}

fn ignored(grants: &[Places<'_>]) -> Option<String> {
    let ignored = grants.iter().filter(|grant| grant.lead.ignored.is_some()).count();
    (ignored > 0).then(|| format!("{ignored} ignored by policy"))
}

/// How many grants break a policy of the user's own; by the built-in one most do, and the score says so.
fn breaking(grants: &[Places<'_>], report: &Report) -> Option<String> {
    if report.policy.built_in {
        return None;
    }
    let breaking = grants.iter().filter(|grant| !grant.is_accepted());
    match breaking.filter(|grant| !grant.lead.policy.is_empty()).count() {
        0 => None,
        1 => Some("1 breaks the policy".into()),
        many => Some(format!("{many} break the policy")),
    }
}

fn spread(grants: &[Places<'_>]) -> Option<String> {
    let spread: Vec<_> = grants.iter().map(Places::count).filter(|places| *places > 1).collect();
    match spread.as_slice() {
        [] => None,
        [places] => Some(format!("1 grant in {}", count(*places, "place"))),
        many => Some(format!("{} grants in several places", many.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    fn screen(report: &Report, style: &Style) -> String {
        let mut out = Vec::new();
        write(report, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn style(width: Option<u16>) -> Style {
        Style { width, unicode: true, home: Some("/home/alice".into()), ..Style::default() }
    }

    fn looks(name: &str, report: &Report, style: &Style) {
        let screen = screen(report, style).replace('\x1b', "␛");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("table-{name}"), screen);
        });
    }

    #[test]
    fn screens_are_as_designed() {
        let report = testdata::report();
        looks("80", &report, &style(Some(80)));
        looks("100", &report, &style(Some(100)));
        looks("140", &report, &style(Some(140)));
        looks("200", &report, &style(Some(200)));
        looks("piped", &report, &style(None));
        looks("80-color", &report, &Style { color: true, ..style(Some(80)) });
        looks("140-color", &report, &Style { color: true, ..style(Some(140)) });
        looks("100-ascii", &report, &Style { unicode: false, ..style(Some(100)) });
        looks("140-all", &report, &Style { all: true, ..style(Some(140)) });
        looks("140-verbose", &report, &Style { verbosity: 1, ..style(Some(140)) });
        looks(
            "100-min-high",
            &report,
            &Style { min_severity: Some(Severity::High), ..style(Some(100)) },
        );
    }

    #[test]
    fn a_screen_without_findings_says_what_was_looked_at() {
        looks("empty", &testdata::empty(), &style(Some(100)));
        looks("empty-incomplete", &testdata::empty_and_incomplete(), &style(Some(100)));
        looks("interrupted", &testdata::interrupted(), &style(Some(100)));
        for report in [testdata::empty_and_incomplete(), testdata::interrupted()] {
            let screen = screen(&report, &style(None));
            assert!(screen.contains("incomplete") && screen.contains("not everything"), "{screen}");
        }
    }

    #[test]
    fn rows_keep_to_the_screen() {
        for columns in [80_u16, 90, 100, 120, 140, 200] {
            let screen = screen(&testdata::report(), &Style { all: true, ..style(Some(columns)) });
            for line in screen.lines().filter(|line| !line.contains("end it:")) {
                assert!(width(line) <= columns.into(), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn the_screen_is_filled_with_lesser_rows_but_not_more() {
        let mut report = testdata::report();
        let (urgent, minor) = (report.findings[1].clone(), report.findings[9].clone());
        assert_eq!((urgent.score.severity, minor.score.severity), (Severity::High, Severity::Low));
        let copies = |finding: &Finding, number: usize| {
            (0..number).map(|_| finding.clone()).collect::<Vec<_>>()
        };
        for (urgent, minor, shown) in [
            (copies(&urgent, 30), copies(&minor, 5), 30),
            (copies(&urgent, 2), copies(&minor, 40), SCREENFUL),
        ] {
            report.findings = urgent.into_iter().chain(minor).collect();
            for (at, finding) in report.findings.iter_mut().enumerate() {
                finding.id = format!("nhi1:{at:032x}");
            }
            let grants = grants(&report);
            assert_eq!(choose(&grants, &style(None)).0.len(), shown);
            assert_eq!(choose(&grants, &Style { all: true, ..style(None) }).1.len(), 0);
        }
    }

    #[test]
    fn an_exception_that_ended_is_told() {
        let mut report = testdata::report();
        report.findings[1].issues.push("exception-expired".into());
        assert!(screen(&report, &style(Some(140))).contains("exception expired"));
    }
}
