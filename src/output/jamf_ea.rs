//! A Jamf Pro extension attribute: a short text between `<result>` tags that changes only when something has changed.

use std::io::{self, Write};

use super::tally::Tally;
use super::{Format, Style};
use crate::report::{Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "jamf-ea",
    endings: &[],
    about: "a Jamf Pro extension attribute (String): counts between <result> tags, the same until something changes",
    write,
};

/// Writes the attribute. Only numbers and words of ours are in it, so nothing needs escaping.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::new(report);
    let bands = Severity::ALL.iter().rev();
    let bands = bands.map(|band| format!("{}={}", band.as_str(), tally.of(*band)));
    let complete = if tally.complete { "yes" } else { "no" };
    writeln!(
        out,
        "<result>worst={} {} accepted={} complete={complete} skipped={} rules={}</result>",
        tally.worst,
        bands.collect::<Vec<_>>().join(" "),
        tally.accepted,
        tally.skipped,
        tally.rules
    )
}
