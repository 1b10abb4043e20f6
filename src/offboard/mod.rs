//! Offboarding: a report's grants into an ordered plan that ends them, and two reports into what is still there.
//!
//! A report is a file like any other, so nothing in it is taken for an instruction: what to do comes from the rules of this
//! program, found by the rule id that a finding names, and a report's values enter them only where they mean nothing to a shell.
//! The order is the one that works: what is ended at the provider first, while its credential still proves who asks; then what
//! can only be changed; then the proof, which a tool gives only as long as it holds the credential; then this machine; then what a
//! logout leaves.

mod after;
mod markdown;
mod script;
mod selection;
mod steps;
mod template;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::grant::CredentialKind;
use crate::output::fold;
use crate::report::{PlaceState, Report, State};
use crate::rule::load::RuleSet;

pub use after::{Aftermath, Incomparable, compare};
pub use selection::{Selection, Unmatched};

/// Version of the shapes of this room.
pub const SCHEMA_VERSION: &str = "1.0";

/// One way to write a plan.
pub struct Form {
    /// Its name for `--format`.
    pub name: &'static str,
    /// The writer.
    pub write: fn(&Plan) -> String,
}

/// The ways, the usual one first.
pub const FORMS: &[Form] = &[
    Form { name: "markdown", write: markdown::plan },
    Form { name: "json", write: json },
    Form { name: "script", write: script::plan },
];

/// What ends the chosen grants, in order.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// Version of this shape.
    pub schema_version: &'static str,
    /// The report it was made from.
    pub report: Source,
    /// What was chosen.
    pub selection: Selection,
    /// The chosen grants, numbered from 1: those that live first, riskiest first among them.
    pub grants: Vec<Ending>,
    /// What to do, in order.
    pub phases: Vec<Phase>,
    /// What the plan cannot know.
    pub caveats: Vec<String>,
}

/// Which scan a plan or a comparison rests on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Source {
    /// Its id.
    pub scan_id: String,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// Machine, by its keyed id.
    pub host_id: Option<String>,
    /// Machine, by name.
    pub host_name: Option<String>,
    /// Whether it could look at everything.
    pub complete: bool,
}

impl Source {
    fn of(report: &Report) -> Self {
        Self {
            scan_id: report.scan.id.clone(),
            started_at: report.scan.started_at,
            host_id: report.host.id.clone(),
            host_name: report.host.name.clone(),
            complete: report.coverage.complete,
        }
    }
}

/// A grant that is to end.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ending {
    /// Its number in this plan.
    pub number: usize,
    /// The tool that holds it.
    pub tool: String,
    /// Who issued it.
    pub provider: String,
    /// Whom it acts as.
    pub account: Option<String>,
    /// Where it is presented.
    pub host: Option<String>,
    /// What the tool calls it.
    pub name: Option<String>,
    /// Kinds of its credentials.
    pub kinds: Vec<CredentialKind>,
    /// Whether it still works, as far as its file tells.
    pub state: State,
    /// Its end, where told.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// Where it lies.
    pub places: Vec<Place>,
}

/// One place of a grant.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Place {
    /// Id of the finding.
    pub id: String,
    /// Path, as in the report.
    pub path: String,
    /// Line, where the file has lines.
    pub line: Option<u64>,
    /// Path of keys, or command words.
    pub key: Option<String>,
    /// What kind of place.
    pub state: PlaceState,
}

/// Steps that are done together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Phase {
    /// Which.
    pub phase: PhaseName,
    /// In order.
    pub steps: Vec<Step>,
}

/// The phases, in the order in which they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// End it at the provider.
    Revoke,
    /// Change what nothing at the provider ends.
    Rotate,
    /// See that it is refused, while the tool still has it.
    Check,
    /// Log out on this machine.
    Logout,
    /// Remove what a logout leaves.
    Remains,
    /// See that it is gone.
    Rescan,
}

impl PhaseName {
    const ALL: [Self; 6] =
        [Self::Revoke, Self::Rotate, Self::Check, Self::Logout, Self::Remains, Self::Rescan];

    const fn title(self) -> &'static str {
        match self {
            Self::Revoke => "End at the provider",
            Self::Rotate => "Change what cannot be revoked",
            Self::Logout => "Log out on the machine",
            Self::Remains => "Remove what a logout leaves",
            Self::Check => "See that it is refused",
            Self::Rescan => "See that it is gone",
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Revoke => {
                "First, while the credentials still prove who asks: a copy that nobody knows of dies with these steps."
            }
            Self::Rotate => {
                "Nothing ends these but a new secret in their place. Everyone who needs the old one needs the new one."
            }
            Self::Logout => "Now the machine may forget them.",
            Self::Remains => "A logout does not reach these.",
            Self::Check => {
                "Before the logout: a tool that has forgotten its credential is refused whether or not the credential still works. What was fetched before may go on until it expires."
            }
            Self::Rescan => {
                "Two scans compare files; that a provider refuses a credential, only the steps before can show."
            }
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// Its number: that of its phase among all, a dot, its own.
    pub number: String,
    /// The grants it serves.
    pub grants: Vec<usize>,
    /// The tool it is about.
    pub tool: String,
    /// What to do, in words.
    pub text: String,
    /// The command of these words, where they begin with one.
    pub command: Option<String>,
    /// Whether the command has parts that a person must fill in.
    pub fill_in: bool,
    /// Where it is done, if not everywhere the grants lie.
    pub places: Vec<Place>,
    /// The words for Markdown: values of the report as code.
    #[serde(skip)]
    marked: String,
}

/// Plans the end of what was chosen.
///
/// # Errors
/// A choice that nothing in the report answers.
pub fn plan(report: &Report, rules: &RuleSet, selection: Selection) -> Result<Plan, Unmatched> {
    let mut grants = fold::grants(report);
    selection.check(report)?;
    grants.retain(|grant| selection.takes(report, grant));
    // What still works comes first; within that the report's order of risk stays.
    grants.sort_by_key(|grant| grant.lead.lifetime.state == State::Expired);
    let endings = grants.iter().enumerate().map(|(at, grant)| Ending::of(at + 1, grant)).collect();
    Ok(Plan {
        schema_version: SCHEMA_VERSION,
        report: Source::of(report),
        phases: steps::phases(&grants, rules),
        caveats: caveats(report, rules),
        grants: endings,
        selection,
    })
}

impl Ending {
    fn of(number: usize, grant: &fold::Places<'_>) -> Self {
        let lead = grant.lead;
        Self {
            number,
            tool: lead.tool.clone(),
            provider: lead.provider.clone(),
            account: lead.identity.account.clone(),
            host: lead.identity.host.clone(),
            name: lead.identity.name.clone(),
            kinds: steps::kinds(grant),
            state: lead.lifetime.state,
            expires_at: lead.lifetime.expires_at,
            places: steps::places(grant).map(Place::of).collect(),
        }
    }
}

impl Place {
    fn of(finding: &crate::report::Finding) -> Self {
        let location = &finding.location;
        Self {
            id: finding.id.clone(),
            path: location.path.clone(),
            line: location.line,
            key: location.key.clone(),
            state: location.state,
        }
    }
}

fn caveats(report: &Report, rules: &RuleSet) -> Vec<String> {
    let mut caveats = vec![
        "The plan knows what the scan saw: credentials on other machines, in a browser, on a phone or in a CI system are not in it."
            .to_owned(),
    ];
    if !report.coverage.complete {
        let places: u64 = report.coverage.skipped.iter().map(|skip| skip.count).sum();
        caveats.push(format!(
            "The scan was incomplete: {places} places were not looked into, and may hold more."
        ));
    }
    let mut unknown: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| {
            finding.rule.starts_with("custom/") && rules.cache(&finding.rule).is_none()
        })
        .map(|finding| finding.rule.as_str())
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    if !unknown.is_empty() {
        caveats.push(format!(
            "{} of the report's rules are not at hand, so the plan cannot say how to end what they found: name their folder with --rules.",
            unknown.len()
        ));
    }
    caveats
}

fn json(plan: &Plan) -> String {
    let text = serde_json::to_string_pretty(plan).unwrap_or_default();
    format!("{}\n", crate::output::json::visible(&text))
}
