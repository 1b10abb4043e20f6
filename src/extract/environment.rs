//! Tokens in the environment of the scan's own process: grants at `env:NAME`.

use std::collections::HashSet;

use super::Context;
use super::grants::{Drafted, RawGrant, strike};
use super::{Facts, Placed};
use crate::host::Host;
use crate::report::ReadableBy;

/// The credentials that the caller's shell hands to every program, by the variables that rules name.
pub fn environment(context: &Context<'_>, host: &Host) -> Vec<Placed> {
    let rules = context.pack.rules().iter().map(|loaded| &loaded.rule);
    let named =
        rules.flat_map(|rule| rule.env_tokens.iter().map(move |(name, kind)| (rule, name, kind)));
    let mut seen = HashSet::new();
    named
        .flat_map(|(rule, pattern, kind)| {
            matching(host, pattern).map(move |found| (rule, kind, found))
        })
        .filter(|(.., (name, _))| seen.insert(*name))
        .filter_map(|(rule, kind, (name, value))| {
            let output =
                serde_json::json!({"kind": kind, "secret": value, "name": name, "at": name});
            let Drafted::Grant(mut draft) = RawGrant::read(output)?.draft(context, rule) else {
                return None;
            };
            let secrets = std::mem::take(&mut draft.secrets);
            strike(&mut draft.grant, &secrets.iter().collect::<Vec<_>>());
            Some(Placed {
                grant: draft.finish(rule),
                path: format!("env:{name}").into(),
                facts: Facts {
                    owner: host.user.clone(),
                    readable_by: ReadableBy::Owner,
                    home: host.home.clone(),
                    ..Facts::default()
                },
            })
        })
        .collect()
}

/// The variables that a rule names; a `*` at the end of the name stands for any rest.
fn matching<'h>(host: &'h Host, pattern: &str) -> impl Iterator<Item = (&'h String, &'h String)> {
    let (prefix, open) =
        pattern.strip_suffix('*').map_or((pattern, false), |prefix| (prefix, true));
    let prefix = prefix.to_owned();
    host.env.iter().filter(move |(name, _)| **name == prefix || (open && name.starts_with(&prefix)))
}
