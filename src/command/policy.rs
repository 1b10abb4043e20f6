//! `nhi-scan policy`: the limits in force, and what is wrong with a file of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum, ValueHint};

use super::{Told, json};
use crate::error::Error;
use crate::output::safe;
use crate::plan;
use crate::policy::{self, Policy, PolicyFile};
use crate::rule::filter::nearest;
use crate::rule::load::RuleSet;
use crate::rule::pack::Pack;

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the limits in force: the built-in ones, changed by a file
    Show {
        /// Limits of your own
        #[arg(long, value_name = "FILE", env = "NHI_SCAN_POLICY", value_hint = ValueHint::FilePath)]
        policy: Option<PathBuf>,
        /// YAML that --policy takes, or JSON
        #[arg(long, value_name = "FORMAT", default_value = "yaml")]
        format: Form,
    },
    /// Report every problem of a policy file, and what in it names nothing there is
    Check {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// Form of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Form {
    #[default]
    Yaml,
    Json,
}

/// Does it.
///
/// # Errors
/// A file that cannot be read, or is no policy.
pub fn run(command: &PolicyCommand) -> Result<Told, Error> {
    let rules = RuleSet::built_in().map_err(|problems| plan::broken(&problems))?;
    let pack = Pack::new(rules)?;
    match command {
        PolicyCommand::Show { policy, format } => {
            let limits = plan::policy(policy.as_deref(), &pack.policy)?;
            let text = match (format, limits.is_built_in()) {
                (Form::Json, _) => json(limits.file()),
                // With its comments.
                (Form::Yaml, true) => pack
                    .set()
                    .table("policy.yaml")
                    .map(|file| file.text.to_string())
                    .unwrap_or_default(),
                (Form::Yaml, false) => yaml(limits.file())?,
            };
            Ok(Told::text(text))
        }
        PolicyCommand::Check { file } => {
            let name = file.to_string_lossy();
            let limits = pack.policy.clone().with(&name, &policy::read_file(file)?);
            let limits = limits.map_err(|problems| {
                let lines: Vec<_> = problems.iter().map(|it| safe(&it.to_string())).collect();
                Error::Rules(format!("{} in the policy:\n{}", count(lines.len()), lines.join("\n")))
            })?;
            let doubts = doubts(&limits, &pack);
            let doubts = doubts.iter().map(|doubt| format!("{}: {}\n", safe(&name), safe(doubt)));
            Ok(Told::text(format!(
                "{}the policy is well-formed; sha256 {}\n",
                doubts.collect::<String>(),
                limits.sha256()
            )))
        }
    }
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".into() } else { format!("{problems} problems") }
}

/// A whole policy as YAML.
fn yaml(file: &PolicyFile) -> Result<String, Error> {
    let text = serde_yaml::to_string(file)
        .map_err(|_| Error::Internal("a policy has no YAML form".into()))?;
    Ok(format!("# The built-in limits, changed by --policy.\n{text}"))
}

/// Names that no rule knows: no mistake where rules are added, else a slip.
fn doubts(limits: &Policy, pack: &Pack) -> Vec<String> {
    let rules: BTreeSet<&str> = pack.rules().iter().map(|loaded| loaded.rule.id.as_str()).collect();
    let loaded = pack.rules().iter().map(|loaded| loaded.rule.provider.as_str());
    let providers: BTreeSet<&str> =
        loaded.chain(pack.commands.rules().iter().map(|it| it.spec.provider.as_str())).collect();
    let file = limits.file();
    let ignored = file.ignore.iter().flat_map(|ignore| &ignore.rules);
    let named = file.by_provider.keys().chain(file.providers.iter().flatten());
    let unknown = |what: &str, name: &str, known: &BTreeSet<&str>| {
        if known.contains(name) {
            return None;
        }
        let hint = nearest(name, known.iter().copied()).map(|hint| format!(" ({hint})"));
        Some(format!("no built-in rule has the {what} `{name}`{}", hint.unwrap_or_default()))
    };
    let ignored = ignored.filter_map(|id| unknown("id", id, &rules));
    named.filter_map(|name| unknown("provider", name, &providers)).chain(ignored).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack() -> Pack {
        Pack::new(RuleSet::built_in().ok().unwrap()).unwrap()
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        let pack = pack();
        let changed =
            pack.policy.clone().with("p", "{version: 1, reach: 3, providers: [aws]}").unwrap();
        let text = yaml(changed.file()).unwrap();
        let again = pack.policy.clone().with("p", &text).unwrap();
        assert_eq!(again.sha256(), changed.sha256(), "{text}");
    }

    #[test]
    fn names_that_no_rule_knows_are_told() {
        let pack = pack();
        let text = "{version: 1, providers: [githb], ignore: {rules: [gh, ghh]}}";
        let doubts = doubts(&pack.policy.clone().with("p", text).unwrap(), &pack);
        assert_eq!(
            doubts,
            [
                "no built-in rule has the provider `githb` (did you mean `github`?)",
                "no built-in rule has the id `ghh` (did you mean `gh`?)"
            ]
        );
    }
}
