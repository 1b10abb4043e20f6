//! Words of a rule with values of a report: plain, for Markdown, and the command in them.

use crate::extract::ending::is_harmless;
use crate::output::instruction::command_end;
use crate::output::markdown::code;
use crate::report::Finding;

/// Reads one value of a finding.
type Value = fn(&Finding) -> Option<&str>;

/// What a template may name.
const VALUES: &[(&str, Value)] = &[
    ("{account}", |it| it.identity.account.as_deref()),
    ("{tenant}", |it| it.identity.tenant.as_deref()),
    ("{host}", |it| it.identity.host.as_deref()),
    ("{issuer}", |it| it.identity.issuer.as_deref()),
    ("{audience}", |it| it.identity.audience.as_deref()),
    ("{client_id}", |it| it.identity.client_id.as_deref()),
    ("{name}", |it| it.identity.name.as_deref()),
    ("{held_by}", |it| it.custody.held_by.as_deref()),
    ("{at}", |it| it.location.key.as_deref()),
    ("{path}", |it| Some(&it.location.path)),
];

/// A template, filled.
#[derive(Debug)]
pub(super) struct Said {
    /// As it is.
    pub(super) plain: String,
    /// For Markdown: whatever came from the report, and a command, as code.
    pub(super) marked: String,
    /// The command at its beginning.
    pub(super) command: Option<String>,
}

/// Fills a template that may begin with a command.
pub(super) fn say(template: &str, finding: &Finding) -> Said {
    said(template, command_end(template), finding)
}

/// Fills a template of words.
pub(super) fn tell(template: &str, finding: &Finding) -> Said {
    said(template, 0, finding)
}

fn said(template: &str, end: usize, finding: &Finding) -> Said {
    let (command, rest) = template.split_at(end);
    let plain_command = (end > 0).then(|| filled(command, finding).0);
    let mut marked = plain_command.as_deref().map(code).unwrap_or_default();
    for (at, word) in rest.split(' ').enumerate() {
        if at > 0 {
            marked.push(' ');
        }
        marked.push_str(&mark(word, finding));
    }
    Said { plain: filled(template, finding).0, marked, command: plain_command }
}

/// A word of a template for Markdown. One that holds a value is code, so that a value is never a link, a mention or an element.
fn mark(word: &str, finding: &Finding) -> String {
    let (text, changed) = filled(word, finding);
    if !changed {
        return text.replace('<', "&lt;");
    }
    let kept = text.trim_end_matches([':', ',', ';', '.', ')']);
    format!("{}{}", code(kept), &text[kept.len()..])
}

/// The text with all placeholders replaced whose values are harmless, and whether any was.
fn filled(template: &str, finding: &Finding) -> (String, bool) {
    let mut text = String::with_capacity(template.len());
    let mut changed = false;
    let mut rest = template;
    // A value is never looked into again: it may be spelled like a placeholder.
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = VALUES.iter().find(|(name, _)| rest.starts_with(name));
        let value = known.and_then(|(_, value)| value(finding)).filter(|value| is_harmless(value));
        if let (Some((name, _)), Some(value)) = (known, value) {
            text.push_str(value);
            rest = &rest[name.len()..];
            changed = true;
        } else {
            text.push('{');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    (text, changed)
}

/// Whether a command has parts that a person must fill in: `{name}`, or a word in capitals.
pub(super) fn has_gaps(command: &str) -> bool {
    let is_gap = |word: &str| {
        let letters = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        letters.len() > 1 && letters.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == '-')
    };
    let mut words = command.split([' ', '=', '/']).skip(1);
    (command.contains('{') && command.contains('}')) || words.any(is_gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load::RuleSet;

    /// Every command of the built-in rules, to be read when rules change.
    #[test]
    fn commands_of_the_rules() {
        let rules = RuleSet::built_in().ok().unwrap();
        let mut lines = Vec::new();
        for loaded in rules.caches() {
            let end = &loaded.rule.end;
            for text in [&end.logout, &end.revoke, &end.verify].into_iter().flatten() {
                let command = &text[..command_end(text)];
                if !command.is_empty() {
                    lines.push(format!("{}: {command}", loaded.rule.id));
                }
            }
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("offboard-commands", lines.join("\n"));
        });
    }
}
