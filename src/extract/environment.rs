//! Tokens in the environment of the scan's own process: grants at `env:NAME`.

use super::Context;
use super::grants::{Drafted, RawGrant, strike};
use super::{Facts, Placed};
use crate::host::Host;
use crate::report::ReadableBy;

/// The credentials that the caller's shell hands to every program, by the variables that rules name.
pub fn environment(context: &Context<'_>, host: &Host) -> Vec<Placed> {
    let named = context.pack.rules.iter().flat_map(|rule| {
        rule.env_tokens.iter().map(move |(name, kind)| (rule, name, kind))
    });
    let mut seen = std::collections::HashSet::new();
    named
        .filter(|(_, name, _)| seen.insert((*name).clone()))
        .filter_map(|(rule, name, kind)| {
            let value = host.env.get(name)?;
            let output = serde_json::json!({"kind": kind, "secret": value, "name": name, "at": name});
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
