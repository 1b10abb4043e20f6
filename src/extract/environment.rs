//! Tokens in the environment of the scan's own process: grants at `env:NAME`.

use std::collections::HashSet;

use super::Context;
use super::grants::{Drafted, RawGrant, strike};
use super::lines::Finder;
use super::{Facts, Placed};
use crate::grant::{CredentialKind, Grant};
use crate::host::Host;
use crate::parse::{Body, Entry};
use crate::report::ReadableBy;
use crate::rule::schema::CacheRule;

/// The credentials that the caller's shell hands to every program: by the variables that cache rules name, else by what an
/// assignment in a dotfile would be known by.
pub fn environment(context: &Context<'_>, host: &Host) -> Vec<Placed> {
    let mut placed = Vec::new();
    let mut named = HashSet::new();
    for loaded in context.pack.rules() {
        for (pattern, kind) in &loaded.rule.env_tokens {
            let meant = host.env.iter().filter(|(name, _)| is_named(name, pattern));
            for (name, value) in meant {
                if named.insert(name) {
                    let grant = by_name(context, &loaded.rule, *kind, name, value);
                    placed.extend(grant.map(|grant| place(grant, name, host)));
                }
            }
        }
    }
    for (name, value) in host.env.iter().filter(|(name, _)| !named.contains(name)) {
        let mut finder = Finder::of_environment(context);
        finder.consider(&Entry { line: 0, time: None, body: Body::Assignment { name, value } });
        placed.extend(finder.grants().into_iter().map(|mut grant| {
            grant.spot.line = None;
            grant.identity.name.get_or_insert_with(|| name.clone());
            grant.spot.key.get_or_insert_with(|| name.clone());
            place(grant, name, host)
        }));
    }
    placed
}

/// What a variable holds that a cache rule names.
fn by_name(
    context: &Context<'_>,
    rule: &CacheRule,
    kind: CredentialKind,
    name: &str,
    value: &str,
) -> Option<Grant> {
    let output = serde_json::json!({"kind": kind, "secret": value, "name": name, "at": name});
    let Drafted::Grant(mut draft) = RawGrant::read(output)?.draft(context, rule) else {
        return None;
    };
    let secrets = std::mem::take(&mut draft.secrets);
    strike(&mut draft.grant, &secrets.iter().collect::<Vec<_>>());
    Some(draft.finish(rule))
}

fn place(grant: Grant, name: &str, host: &Host) -> Placed {
    Placed {
        grant,
        path: format!("env:{name}").into(),
        facts: Facts {
            owner: host.user.clone(),
            readable_by: ReadableBy::Owner,
            home: host.home.clone(),
            ..Facts::default()
        },
    }
}

/// Whether a rule that names variables like this means this one; one `*` stands for any part of a name that is not empty.
fn is_named(name: &str, pattern: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else { return name == pattern };
    name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::artifact::Door;
    use crate::extract::secret::Fingerprinter;
    use crate::host::Homes;
    use crate::rule::load::RuleSet;
    use crate::rule::pack::Pack;
    use crate::rule::sample;
    use crate::source::site::Site;

    /// Rule, kind, account and place of what an environment holds; that no value is told is seen to.
    fn told(env: &[(&str, &str)]) -> Vec<String> {
        let env: BTreeMap<String, String> = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), sample::expand(value, name)))
            .collect();
        let host = Host {
            os: "linux".into(),
            arch: "x86_64".into(),
            name: None,
            machine_id: None,
            user: Some("octo".into()),
            uid: None,
            home: None,
            env,
            users: Vec::new(),
            mounts: Vec::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
            random: [7; 64],
            processors: 1,
        };
        let pack = Pack::new(RuleSet::built_in().unwrap()).unwrap();
        let homes = Homes::of(&host);
        let site = Site::default();
        let door = Door::new([], &site, 0, &host, &homes, &pack.places);
        let prints = Fingerprinter::for_this_scan(host.random);
        let context =
            Context { pack: &pack, door: &door, prints: &prints, deep: false, stop: &|| false };
        let found = environment(&context, &host);
        let tell = |it: &Placed| {
            let credential = it.grant.credentials.first().unwrap();
            assert_eq!(credential.occurrences, 1);
            assert_eq!(it.facts.owner.as_deref(), Some("octo"));
            let account = it.grant.identity.account.as_deref().unwrap_or("-");
            let kind = credential.kind.as_str();
            format!("{} {kind} {account} {}", it.grant.rule, it.path.display())
        };
        found.iter().map(tell).collect()
    }

    #[test]
    fn variables_are_told_once_by_whoever_knows_them_best() {
        for (name, value, expected) in [
            ("GH_TOKEN", "<crc:ghp_>", "gh personal-access-token - env:GH_TOKEN"),
            ("MY_GH", "<crc:ghp_>", "github-ghp personal-access-token - env:MY_GH"),
            ("ACME_DB_PASSWORD", "kR7-<14>", "variable-password password - env:ACME_DB_PASSWORD"),
            (
                "DATABASE_URL",
                "postgres://app:<18>@db.acme.example/app",
                "url-postgresql password app env:DATABASE_URL",
            ),
            (
                "CARGO_REGISTRIES_ACME_TOKEN",
                "<32>",
                "cargo api-key - env:CARGO_REGISTRIES_ACME_TOKEN",
            ),
            (
                "npm_config_//r.acme.example/:_authToken",
                "<36>",
                "npm api-key - env:npm_config_//r.acme.example/:_authToken",
            ),
        ] {
            assert_eq!(told(&[(name, value)]), [expected], "{name}");
        }
    }

    #[test]
    fn settings_references_and_stand_ins_are_no_credentials() {
        assert_eq!(
            told(&[
                ("PATH", "/usr/local/bin:/usr/bin:/home/octo/.local/bin"),
                ("SSH_AUTH_SOCK", "/tmp/ssh-XXXXXXqk3G1c/agent.4242"),
                ("SSH_AGENT_PID", "4242"),
                ("GPG_AGENT_INFO", "/run/user/1000/gnupg/S.gpg-agent:0:1"),
                ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus,guid=ab12cd34ef56"),
                ("XDG_SESSION_ID", "c2"),
                ("LS_COLORS", "rs=0:di=01;34:*.tar=01;31"),
                ("PIP_INDEX_URL", "https://pypi.acme.example/simple"),
                ("HTTP_PROXY", "http://proxy.acme.example:3128"),
                ("MY_TOKEN", "$GITHUB_TOKEN"),
                ("API_KEY", "changeme"),
                ("GH_TOKEN", "<token>"),
                ("GITHUB_TOKEN_FILE", "/run/secrets/github"),
                ("TF_TOKEN_", "kR7u29q7BcCm2B"),
                ("WINDOWID", "60817411"),
                ("INVOCATION_ID", "0b6b1dff6b1f4d6a8f7f3f1c5a7a9e11"),
                ("JOURNAL_STREAM", "8:12345"),
            ]),
            [""; 0]
        );
    }

    #[test]
    fn a_star_stands_for_a_part_of_a_name() {
        for (name, pattern, is_it) in [
            ("TF_TOKEN_app_example", "TF_TOKEN_*", true),
            ("TF_TOKEN_", "TF_TOKEN_*", false),
            ("UV_INDEX_ACME_PASSWORD", "UV_INDEX_*_PASSWORD", true),
            ("UV_INDEX_PASSWORD", "UV_INDEX_*_PASSWORD", false),
            ("UV_INDEX_ACME_USERNAME", "UV_INDEX_*_PASSWORD", false),
            ("A_B", "A_B", true),
            ("A_BC", "A_B", false),
        ] {
            assert_eq!(is_named(name, pattern), is_it, "{name} {pattern}");
        }
    }
}
