//! A plan as Markdown, with boxes to tick. Whatever a report wrote stands as code.

use std::fmt::Write as _;

use super::{Ending, Place, Plan, Step};
use crate::output::markdown::code;
use crate::report::{PlaceState, State};

/// Places of one step that are named.
const PLACES: usize = 50;

/// Writes it.
pub(super) fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    let host = plan.report.host_name.as_deref().map(|name| format!(" on {}", code(name)));
    let _ = writeln!(out, "# Offboarding{}\n", host.unwrap_or_default());
    let _ = writeln!(
        out,
        "{} to end, from the scan {} of {}.{}\n",
        number(plan.grants.len(), "grant"),
        code(&plan.report.scan_id),
        plan.report.started_at,
        chosen(plan)
    );
    for caveat in &plan.caveats {
        let _ = writeln!(out, "> {caveat}");
    }
    let _ = writeln!(
        out,
        "\n| grant | tool | acts as | at | kinds | state | places |\n|---:|---|---|---|---|---|---:|"
    );
    for grant in &plan.grants {
        let _ = writeln!(out, "{}", row(grant));
    }
    for (at, phase) in plan.phases.iter().enumerate() {
        let name = phase.phase;
        let _ = writeln!(out, "\n## {}. {}\n\n{}\n", at + 1, name.title(), name.why());
        for step in &phase.steps {
            item(&mut out, step, plan.grants.len());
        }
    }
    out
}

fn chosen(plan: &Plan) -> String {
    let chosen = &plan.selection;
    let mut words = Vec::new();
    for (what, values) in
        [("person", &chosen.persons), ("host", &chosen.hosts), ("grant", &chosen.grants)]
    {
        words.extend(values.iter().map(|value| format!("{what} {}", code(value))));
    }
    if words.is_empty() { String::new() } else { format!(" Chosen: {}.", words.join(", ")) }
}

fn row(grant: &Ending) -> String {
    let cell = |value: Option<&str>| value.map_or("-".into(), code);
    let kinds: Vec<&str> = grant.kinds.iter().map(|kind| kind.as_str()).collect();
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |",
        grant.number,
        code(&grant.tool),
        cell(grant.account.as_deref().or(grant.name.as_deref())),
        cell(grant.host.as_deref()),
        kinds.join(", "),
        state(grant),
        grant.places.len()
    )
}

fn state(grant: &Ending) -> String {
    match (grant.state, grant.expires_at) {
        (State::Live, Some(end)) => format!("ends {end}"),
        (State::Live, None) => "live".into(),
        (State::Renewable, _) => "renews itself".into(),
        (State::NoExpiry, _) => "never ends".into(),
        (State::Expired, _) => "expired".into(),
        (State::Unknown, _) => "no stated end".into(),
    }
}

fn item(out: &mut String, step: &Step, all: usize) {
    let _ = writeln!(
        out,
        "- [ ] **{}** {} ({}): {}",
        step.number,
        code(&step.tool),
        served(step, all),
        step.marked
    );
    if step.fill_in {
        let _ = writeln!(out, "      (fill in what stands in braces or capitals)");
    }
    for place in step.places.iter().take(PLACES) {
        let _ = writeln!(out, "  - {}", where_exactly(place));
    }
    if step.places.len() > PLACES {
        let _ = writeln!(out, "  - and {} more, which the JSON names", step.places.len() - PLACES);
    }
}

fn served(step: &Step, all: usize) -> String {
    let numbers: Vec<String> = step.grants.iter().map(ToString::to_string).collect();
    match step.grants.len() {
        1 => format!("grant {}", numbers[0]),
        several if several == all => "all grants".into(),
        _ => format!("grants {}", numbers.join(", ")),
    }
}

fn where_exactly(place: &Place) -> String {
    let mut text = code(&place.path);
    if let Some(line) = place.line {
        let _ = write!(text, " line {line}");
    }
    if let Some(key) = &place.key {
        let _ = write!(text, " at {}", code(key));
    }
    match place.state {
        PlaceState::Present => text,
        PlaceState::Copy => text + " (copy)",
        PlaceState::DeletedButRecoverable => text + " (deleted, recoverable)",
    }
}

fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
