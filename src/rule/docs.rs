//! Rules for people: the table of all, the list, one in full.

use std::fmt::Write as _;

use super::load::{LoadedRule, RuleSet};
use super::schema::{CacheRule, Confirmed, Status};
use crate::grant::CredentialKind;

/// The README's table: one row a cache rule, by category.
pub fn docs(rules: &RuleSet) -> String {
    let mut table = String::from(
        "| category | tool | rule | places | credentials | rests on |\n|---|---|---|---|---|---|\n",
    );
    for rule in by_category(rules) {
        let paths: Vec<_> = paths(rule).map(|path| format!("`{}`", cell(path))).collect();
        let kinds: Vec<_> = kinds(rule).into_iter().map(CredentialKind::as_str).collect();
        let _ = writeln!(
            table,
            "| {} | {} | `{}` | {} | {} | {} |",
            cell(&rule.category),
            cell(&rule.tool),
            cell(&rule.id),
            paths.join(" "),
            kinds.join(", "),
            rests_on(rule)
        );
    }
    table
}

/// One line a rule: id, tool, category, what it rests on.
pub fn list(rules: &RuleSet) -> String {
    let rules = by_category(rules);
    let width = |of: fn(&CacheRule) -> &str| {
        rules.iter().map(|rule| of(rule).chars().count()).max().unwrap_or(0)
    };
    let (ids, tools, categories) =
        (width(|rule| &rule.id), width(|rule| &rule.tool), width(|rule| &rule.category));
    let mut lines = String::new();
    for rule in rules {
        let CacheRule { id, tool, category, .. } = rule;
        let _ =
            writeln!(lines, "{id:ids$}  {tool:tools$}  {category:categories$}  {}", rests_on(rule));
    }
    lines
}

/// Everything a rule says to those who read its findings.
pub fn show(loaded: &LoadedRule) -> String {
    let rule = &loaded.rule;
    let mut text = format!("{} ({})\n{}\n", rule.tool, rule.id, rule.summary.trim());
    section(&mut text, "Provider", [rule.provider.as_str()]);
    section(&mut text, "Places", paths(rule));
    let moved =
        rule.caches.iter().flat_map(|cache| &cache.env).map(|(name, below)| match below.as_str() {
            "" => format!("${name}"),
            below => format!("${name}/{below}"),
        });
    section(&mut text, "Moved by", moved);
    section(&mut text, "Environment", rule.env_tokens.keys());
    section(&mut text, "Credentials", kinds(rule).into_iter().map(CredentialKind::as_str));
    let lives = rule.lifetime.iter().map(|(kind, life)| {
        let ends = life.ends.as_ref().map(|ends| {
            if ends == "never" { "never ends".to_owned() } else { format!("ends after {ends}") }
        });
        let idle = life.idle.as_ref().map(|idle| format!("ends {idle} after its last use"));
        let words: Vec<_> = [ends, idle].into_iter().flatten().collect();
        format!("{}: {}", kind.as_str(), words.join(", "))
    });
    section(&mut text, "Lifetime", lives);
    section(&mut text, "Log out", &rule.end.logout);
    section(&mut text, "Revoke", &rule.end.revoke);
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

fn by_category(rules: &RuleSet) -> Vec<&CacheRule> {
    let mut rules: Vec<_> = rules.caches().iter().map(|loaded| &loaded.rule).collect();
    rules.sort_by(|a, b| {
        (&a.category, a.tool.to_lowercase(), &a.id).cmp(&(
            &b.category,
            b.tool.to_lowercase(),
            &b.id,
        ))
    });
    rules
}

fn paths(rule: &CacheRule) -> impl Iterator<Item = &str> {
    rule.caches.iter().flat_map(|cache| &cache.paths).map(String::as_str)
}

/// The kinds a rule may find: those its filters, its lifetimes and its variables name.
fn kinds(rule: &CacheRule) -> Vec<CredentialKind> {
    let filters = rule.caches.iter().filter_map(|cache| cache.grants.as_deref());
    let texts: Vec<_> = filters.collect();
    let named = |kind: &CredentialKind| {
        let literal = format!("\"{}\"", kind.as_str());
        texts.iter().any(|text| text.contains(&literal))
            || rule.lifetime.contains_key(kind)
            || rule.env_tokens.values().any(|value| value == kind)
    };
    CredentialKind::ALL.into_iter().filter(named).collect()
}

fn rests_on(rule: &CacheRule) -> &'static str {
    match (rule.status, rule.confirmed) {
        (Some(Status::Experimental), _) | (None, None) => "experimental",
        (None, Some(Confirmed::Tool)) => "tool",
        (None, Some(Confirmed::Source)) => "source",
        (None, Some(Confirmed::Docs)) => "docs",
    }
}

/// Text that does not end a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            docs(&rules),
            list(&rules),
            show(rules.cache("gh").unwrap())
        ));
    }
}
