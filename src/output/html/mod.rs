//! One HTML file for people: what to do first, then what there is, then what was not looked into.
//!
//! Nothing in it comes from elsewhere and nothing leaves it: its policy allows one style and one script by their hashes and no
//! request. Without scripts it reads the same; they add search, sorting, filters, copying.

mod charts;
mod entry;
mod overview;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::fold::{Places, ShortIds, grants};
use super::text::{count, instant, safe, thousands};
use super::{Format, Style, json};
use crate::report::{Finding, Report, Severity};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "html",
    endings: &["html", "htm"],
    about: "one self-contained page: what to do first, risk, lifetimes, custody, reuse, every finding, coverage",
    write,
};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let page = Page::new(report, style);
    let title = format!("Credentials on {}", page.host());
    let head = html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
        a.skip-link href="#findings" { "To the findings" }
        (overview::header(&page, &title))
        (PreEscaped("<main>"))
        (overview::todo(&page))
        (overview::risk(&page))
        (overview::lifetimes(&page))
        (overview::custody(&page))
        (overview::reach(&page))
        (overview::reuse(&page))
        (overview::issues(&page))
        (entry::begin(&page))
    };
    out.write_all(head.into_string().as_bytes())?;
    // One at a time: a page of thousands of findings is not held in memory twice.
    for finding in &report.findings {
        out.write_all(entry::entry(&page, finding).into_string().as_bytes())?;
    }
    let foot = html! {
        (entry::end(&page))
        (overview::governance(&page))
        (overview::coverage(&page))
        (overview::enforced(&page))
        (PreEscaped("</main>"))
        (footer(&page)?)
        script { (PreEscaped(SCRIPT)) }
        (PreEscaped("</body></html>\n"))
    };
    out.write_all(foot.into_string().as_bytes())
}

/// What all parts of the page know.
struct Page<'r> {
    report: &'r Report,
    style: &'r Style,
    now: Timestamp,
    ids: ShortIds<'r>,
    grants: Vec<Places<'r>>,
}

impl<'r> Page<'r> {
    fn new(report: &'r Report, style: &'r Style) -> Self {
        let now = report.scan.started_at;
        Self { report, style, now, ids: ShortIds::new(report), grants: grants(report) }
    }

    fn host(&self) -> String {
        self.report.host.name.as_deref().map_or_else(|| "this machine".into(), shown)
    }

    /// The anchor of a finding.
    fn anchor(&self, finding: &Finding) -> String {
        let id = self.ids.get(&finding.id);
        let plain = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        format!("f-{}", plain.collect::<String>())
    }

    /// Grants of these bands that count.
    fn open<'p>(&'p self, bands: &'p [Severity]) -> impl Iterator<Item = &'p Places<'r>> + 'p {
        let of_band = |it: &&Places<'r>| bands.contains(&it.lead.score.severity);
        self.grants.iter().filter(|it| !it.is_accepted()).filter(of_band)
    }

    fn accepted(&self) -> usize {
        self.grants.iter().filter(|it| it.is_accepted()).count()
    }
}

/// A text of unknown origin: visible, of harmless characters. The template escapes what is markup.
fn shown(text: &str) -> String {
    safe(text, true)
}

/// A band in words, its number for the style.
fn band(severity: Severity) -> Markup {
    html! { span class={ "band b" (severity as u8) } { (severity.as_str()) } }
}

fn policy() -> String {
    let hash =
        |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn footer(page: &Page<'_>) -> io::Result<Markup> {
    let report = page.report;
    Ok(html! {
        footer {
            dl.facts {
                dt { "Program" } dd { (shown(&report.tool.name)) " " (shown(&report.tool.version)) }
                dt { "Rules" } dd { (thousands(report.tool.rules.count as u64)) ", SHA-256 " code { (shown(&report.tool.rules.sha256)) } }
                dt { "Scan" } dd { code { (shown(&report.scan.id)) } ", " (instant(report.scan.started_at)) " to " (instant(report.scan.finished_at)) }
                @if let Some(id) = &report.host.id { dt { "Host" } dd { code { (shown(id)) } " (a keyed hash)" } }
                dt { "JSON report" } dd { "SHA-256 " code { (json::digest(report)?) } }
            }
            p { "No secret is in this page. It tells where secrets are: keep it like one." }
        }
    })
}

/// `3 grants in 5 places`.
fn amount(page: &Page<'_>) -> String {
    let summary = &page.report.summary;
    format!("{} in {}", count(summary.grants, "grant"), count(summary.findings, "place"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    fn page(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &Style { unicode: true, ..Style::default() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let page = page(&testdata::report());
        for outside in
            ["src=", "@import", "url(", "<link rel=\"stylesheet\"", " style=", " onclick"]
        {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("<style").count(), 1);
    }

    #[test]
    fn names_are_no_markup() {
        let mut report = testdata::report();
        let hostile = "</script><img src=x onerror=alert(1)>\"'";
        report.findings[0].tool = hostile.into();
        report.findings[0].identity.account = Some(hostile.into());
        report.findings[0].end.revoke = Some(format!("https://x/{hostile}"));
        report.findings[0].end.better = Some("javascript:alert(1)".into());
        report.coverage.skipped[0].path = hostile.into();
        report.host.name = Some(hostile.into());
        let page = page(&report);
        assert!(!page.contains("<img"));
        assert!(!page.contains("href=\"javascript"));
        assert_eq!(page.matches("<script").count(), 1);
    }

    #[test]
    fn commands_are_to_be_copied_and_words_to_be_read() {
        let mut report = testdata::report();
        let end = &mut report.findings[0].end;
        end.logout = Some("docker logout hub.example (the token stays valid)".into());
        end.revoke = Some("delete the token on its page".into());
        let page = page(&report);
        assert!(page.contains(
            "<code class=\"copy\">docker logout hub.example</code> (the token stays valid)"
        ));
        assert!(page.contains("</span> delete the token on its page"));
    }

    #[test]
    fn style_and_script_stay_inside_their_elements() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</"));
    }

    #[test]
    fn every_finding_and_skip_is_there() {
        for report in testdata::reports() {
            let page = page(&report);
            assert_eq!(page.matches("class=\"finding\"").count(), report.findings.len());
            for skip in &report.coverage.skipped {
                let path = shown(&skip.path);
                assert!(page.contains(&path), "{path}");
            }
        }
    }
}
