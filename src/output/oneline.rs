//! One line for a person, a log or a manager that shows one.

use std::io::{self, Write};

use super::tally::Tally;
use super::text::{count, thousands};
use super::{Format, Style};
use crate::report::{Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "oneline",
    endings: &[],
    about: "one line of counts, without names and times, for logs and fleet managers",
    write,
};

/// Writes the line.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::new(report);
    let number = |count: usize| thousands(count as u64);
    let mut parts = vec![
        format!("{} act now", number(tally.act_now())),
        format!("{} plan", number(tally.of(Severity::Medium))),
        format!("{} fine", number(tally.fine())),
        format!("worst {}", tally.worst),
    ];
    if tally.accepted > 0 {
        parts.push(format!("{} accepted", number(tally.accepted)));
    }
    parts.push(if tally.complete {
        "complete".into()
    } else {
        format!("incomplete: {} not looked into", count(tally.skipped, "place"))
    });
    writeln!(out, "nhi-scan: {}", parts.join(", "))
}
