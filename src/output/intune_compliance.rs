//! Output of an Intune custom compliance script: one line of flat JSON, each member a setting that a rule compares.

use std::io::{self, Write};

use serde_json::json;

use super::json::put_line;
use super::tally::Tally;
use super::{Format, Style};
use crate::report::{Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "intune-compliance",
    endings: &[],
    about: "settings for an Intune custom compliance policy, as one flat JSON object",
    write,
};

/// Writes the settings.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::new(report);
    put_line(
        json!({
            "NhiScanWorstScore": tally.worst,
            "NhiScanCritical": tally.of(Severity::Critical),
            "NhiScanHigh": tally.of(Severity::High),
            "NhiScanMedium": tally.of(Severity::Medium),
            "NhiScanLow": tally.of(Severity::Low),
            "NhiScanActNow": tally.act_now(),
            "NhiScanAccepted": tally.accepted,
            "NhiScanComplete": tally.complete,
            "NhiScanSkipped": tally.skipped,
            "NhiScanVersion": report.tool.version,
        }),
        out,
    )
}
