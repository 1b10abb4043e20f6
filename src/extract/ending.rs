//! The commands and pages that end a grant, with values from hostile files filled in only where they are harmless.

use crate::grant::{End, Grant};
use crate::rule::schema::CacheRule;

/// Reads one field of a grant.
pub type Field = fn(&Grant) -> Option<&str>;

/// The fields a template may name, and where a grant has them.
pub const FIELDS: &[(&str, Field)] = &[
    ("account", |grant| grant.identity.account.as_deref()),
    ("tenant", |grant| grant.identity.tenant.as_deref()),
    ("host", |grant| grant.identity.host.as_deref()),
    ("issuer", |grant| grant.identity.issuer.as_deref()),
    ("audience", |grant| grant.identity.audience.as_deref()),
    ("client_id", |grant| grant.identity.client_id.as_deref()),
    ("name", |grant| grant.identity.name.as_deref()),
    ("held_by", |grant| grant.held_by.as_deref()),
];

/// Fills the templates of a rule.
pub(super) fn fill(rule: &CacheRule, grant: &Grant) -> End {
    let template = &rule.end;
    let filled = |text: &Option<String>| text.as_deref().map(|text| fill_one(text, grant));
    End {
        logout: filled(&template.logout),
        revoke: filled(&template.revoke),
        verify: filled(&template.verify),
        better: rule.better.clone(),
    }
}

fn fill_one(template: &str, grant: &Grant) -> String {
    FIELDS.iter().fold(template.to_owned(), |text, (name, field)| {
        match field(grant).filter(|value| is_harmless(value)) {
            Some(value) => text.replace(&format!("{{{name}}}"), value),
            None => text,
        }
    })
}

/// Whether a value can stand in a command line without carrying another command: `[A-Za-z0-9._@:/+-]+`, no leading `-`.
pub(crate) fn is_harmless(value: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._@:/+-".contains(c);
    !value.is_empty() && !value.starts_with('-') && value.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn only_harmless_values_enter_a_command() {
        for (value, expected) in [
            ("octo@github.com", true),
            ("arn:aws:iam::123456789012:user/dana", true),
            ("", false),
            ("-rf", false),
            ("x; rm -rf ~", false),
            ("$(id)", false),
            ("a b", false),
            ("a\nb", false),
            ("ü", false),
        ] {
            assert_eq!(is_harmless(value), expected, "{value}");
        }
    }
}
