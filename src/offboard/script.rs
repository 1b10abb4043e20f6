//! A plan as a shell script that does nothing: every line is a comment, for a person to read and to uncomment.

use std::fmt::Write as _;

use super::{Plan, Step};
use crate::output::safe;

/// Writes it. Each line but the first begins with `#`, and no text can end its line: [`safe`] spells line ends out.
pub(super) fn plan(plan: &Plan) -> String {
    let mut out = String::from("#!/bin/sh\n");
    let mut line = |text: &str| {
        let text = safe(text);
        // A command is told from words by its mark, which takes both hands to remove.
        let mark = if text.starts_with('>') { "#" } else { "# " };
        let _ = writeln!(out, "{}", format!("{mark}{text}").trim_end());
    };
    line("Offboarding, to be reviewed: everything is commented out.");
    line(
        "Remove the `#> ` before a command to run it, in this order, once its braces and capitals are filled in.",
    );
    line(&format!("From the scan {} of {}.", plan.report.scan_id, plan.report.started_at));
    plan.caveats.iter().for_each(|caveat| line(caveat));
    for (at, phase) in plan.phases.iter().enumerate() {
        line("");
        line(&format!("== {}. {} ==", at + 1, phase.phase.title()));
        line(phase.phase.why());
        for step in &phase.steps {
            item(&mut line, step);
        }
    }
    out
}

fn item(line: &mut dyn FnMut(&str), step: &Step) {
    line("");
    let grants: Vec<String> = step.grants.iter().map(ToString::to_string).collect();
    let gap = if step.fill_in { " (fill in)" } else { "" };
    line(&format!("[ ] {} {}, grant {}{gap}", step.number, step.tool, grants.join(", ")));
    line(&format!("    {}", step.text));
    for place in &step.places {
        line(&format!("    where: {}", place.path));
    }
    if let Some(command) = &step.command {
        line(&format!("> {command}"));
    }
}
