//! Whose grants, or which.

use schemars::JsonSchema;
use serde::Serialize;

use crate::output::fold::{Places, digits};
use crate::report::{Finding, Report};

/// What is to end: everything, or what answers each kind of choice that was made.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Selection {
    /// Accounts: an e-mail address, a user or principal name; or the user whose home it is.
    pub persons: Vec<String>,
    /// Services by host (their subdomains too), or the machine by name or id.
    pub hosts: Vec<String>,
    /// Findings, by the beginning of their id.
    pub grants: Vec<String>,
}

/// A choice that nothing in the report answers.
#[derive(Debug, thiserror::Error)]
#[error("nothing in the report answers --{option} {}", crate::output::safe(value))]
pub struct Unmatched {
    option: &'static str,
    value: String,
}

type Answers = fn(&Report, &Finding, &str) -> bool;

impl Selection {
    fn choices(&self) -> [(&'static str, &[String], Answers); 3] {
        [
            ("person", &self.persons, is_of),
            ("host", &self.hosts, is_at),
            ("grant", &self.grants, is_called),
        ]
    }

    /// Each choice must be answered by something: a slip of the pen must not look like a clean machine.
    pub(super) fn check(&self, report: &Report) -> Result<(), Unmatched> {
        for (option, values, answers) in self.choices() {
            let unanswered = values.iter().find(|value| {
                !report.findings.iter().any(|finding| answers(report, finding, value))
            });
            if let Some(value) = unanswered {
                return Err(Unmatched { option, value: value.clone() });
            }
        }
        Ok(())
    }

    /// Whether a grant is chosen, by any of its places.
    pub(super) fn takes(&self, report: &Report, grant: &Places<'_>) -> bool {
        let findings = || grant.others.iter().copied().chain([grant.lead]);
        self.choices().into_iter().all(|(_, values, answers)| {
            values.is_empty()
                || findings().any(|it| values.iter().any(|value| answers(report, it, value)))
        })
    }
}

/// By one of its accounts, whole or up to the `@`, or by the home it lies in.
fn is_of(_: &Report, finding: &Finding, person: &str) -> bool {
    let named = |account: &str| {
        account.eq_ignore_ascii_case(person)
            || account.split_once('@').is_some_and(|(user, _)| user.eq_ignore_ascii_case(person))
    };
    let accounts = finding.credentials.iter().filter_map(|it| it.account.as_deref());
    let mut accounts = accounts.chain(finding.identity.account.as_deref());
    let home = finding.location.home.as_deref().map(|home| home.trim_end_matches(['/', '\\']));
    let user = home.and_then(|home| home.rsplit(['/', '\\']).next());
    accounts.any(named) || user == Some(person)
}

/// By the host it is presented to or by the machine it lies on.
fn is_at(report: &Report, finding: &Finding, host: &str) -> bool {
    let machine = [report.host.name.as_deref(), report.host.id.as_deref()];
    let here = machine.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(host));
    here || finding.identity.host.as_deref().is_some_and(|known| is_below(known, host))
}

/// Whether a host, or the host of a URL, is this one or a subdomain of it.
fn is_below(known: &str, host: &str) -> bool {
    let rest = known.split_once("://").map_or(known, |(_, rest)| rest);
    let name = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let name = name.rsplit('@').next().unwrap_or(name);
    let name = name.split_once(':').map_or(name, |(name, _)| name).to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    name == host || name.strip_suffix(&host).is_some_and(|rest| rest.ends_with('.'))
}

fn is_called(_: &Report, finding: &Finding, id: &str) -> bool {
    let wanted = digits(id.trim()).to_ascii_lowercase();
    !wanted.is_empty() && digits(&finding.id).starts_with(&wanted)
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn hosts_and_their_subdomains() {
        for (known, host, expected) in [
            ("github.com", "github.com", true),
            ("https://ghe.corp.example:8443/api", "corp.example", true),
            ("https://user@ghe.corp.example", "ghe.corp.example", true),
            ("evilcorp.example", "corp.example", false),
            ("corp.example.evil", "corp.example", false),
            ("", "corp.example", false),
        ] {
            assert_eq!(is_below(known, host), expected, "{known} {host}");
        }
    }
}
