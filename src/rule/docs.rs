//! Rules for people: the table of all, one in full.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use super::list::{by_category, kinds, paths, rests_on};
use super::load::{LoadedRule, RuleSet};
use super::schema::CacheRule;
use crate::grant::CredentialKind;

/// A table in Markdown: one row a cache rule, by category. A row tells the first place; the pages tell all.
pub fn table(rules: &RuleSet) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "category",
        "tool",
        "rule",
        "place",
        "credentials",
        "rests on",
    ]);
    for rule in by_category(rules) {
        let more = paths(rule).count().saturating_sub(1);
        let place = paths(rule).next().map_or(String::new(), |path| format!("`{}`", cell(path)));
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let kinds: Vec<_> = kinds(rule).into_iter().map(CredentialKind::as_str).collect();
        table.add_row([
            cell(&rule.category),
            cell(&rule.tool),
            format!("`{}`", cell(&rule.id)),
            place + &more,
            kinds.join(", "),
            rests_on(rule).to_owned(),
        ]);
    }
    format!("{table}\n")
}

/// Everything a rule says to those who read its findings.
pub fn show(loaded: &LoadedRule) -> String {
    let rule = &loaded.rule;
    let mut text = format!("{} ({})\n{}\n", rule.tool, rule.id, rule.summary.trim());
    section(&mut text, "Provider", [rule.provider.as_str()]);
    section(&mut text, "Places", paths(rule));
    section(&mut text, "Moved by", moved(rule));
    section(&mut text, "Environment", rule.env_tokens.keys());
    section(&mut text, "Credentials", kinds(rule).into_iter().map(CredentialKind::as_str));
    section(&mut text, "Lifetime", lives(rule));
    section(&mut text, "Log out", &rule.end.logout);
    section(&mut text, "Left by it", &rule.end.survives);
    section(&mut text, "Revoke", &rule.end.revoke);
    section(&mut text, "Rotate", rule.end.rotate.values());
    section(&mut text, "Verify", &rule.end.verify);
    section(&mut text, "Better", &rule.better);
    section(&mut text, "Rests on", [rests_on(rule)]);
    section(&mut text, "References", &rule.references);
    text
}

fn section(text: &mut String, title: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
    for (at, line) in lines.into_iter().enumerate() {
        let title = if at == 0 { title } else { "" };
        let _ = writeln!(text, "{title:<12} {}", line.as_ref().trim());
    }
}

/// The variables that move a rule's files, each with what lies below its value.
pub(super) fn moved(rule: &CacheRule) -> impl Iterator<Item = String> {
    rule.caches.iter().flat_map(|cache| &cache.env).map(|(name, below)| match below.as_str() {
        "" => format!("${name}"),
        below => format!("${name}/{below}"),
    })
}

/// What the vendor says of each kind's life.
pub(super) fn lives(rule: &CacheRule) -> impl Iterator<Item = String> {
    rule.lifetime.iter().map(|(kind, life)| {
        let ends = life.ends.as_ref().map(|ends| {
            if ends == "never" { "never ends".to_owned() } else { format!("ends after {ends}") }
        });
        let idle = life.idle.as_ref().map(|idle| format!("ends {idle} after its last use"));
        let words: Vec<_> = [ends, idle].into_iter().flatten().collect();
        format!("{}: {}", kind.as_str(), words.join(", "))
    })
}

/// Text that does not end a cell of a Markdown table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::list::Listing;

    const RULE: &str = r#"
id: gh
tool: GitHub CLI
provider: github
category: vcs
summary: Acts as the signed-in user.
references: [https://cli.github.com]
confirmed: tool
caches:
  - {paths: [~/.config/gh/hosts.yml, "/etc/a|b"], env: {GH_CONFIG_DIR: hosts.yml, GH: ""}, format: yaml, grants: '{kind: "oauth-access-token"}'}
env_tokens: {GH_TOKEN: personal-access-token}
lifetime: {oauth-access-token: {ends: never, idle: 365d}, password: {ends: 90d}}
end: {logout: "gh auth logout", revoke: https://github.com/settings/applications}
better: keychain
"#;

    fn rules() -> RuleSet {
        let other = "id: a\ntool: Ansible\nprovider: x\ncategory: iac\nsummary: s\ncaches: []\n";
        let files = [("caches/vcs/gh.yaml", RULE), ("caches/iac/a.yaml", other)];
        RuleSet::from_texts(&files).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn table_list_and_rule() {
        let rules = rules();
        insta::assert_snapshot!(format!(
            "{}\n{}\n{}",
            table(&rules),
            Listing::of(&rules).text(),
            show(rules.cache("gh").unwrap())
        ));
    }
}
