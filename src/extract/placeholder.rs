//! Placeholders and references: what stands where a secret would, and is none.

/// Whether `value` is empty, a reference to where the secret is, or a stand-in for one.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let lower = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let mut chars = lower.chars();
    let first = chars.next();
    let enclosed = |open, close| lower.starts_with(open) && lower.ends_with(close);
    let stand_ins = [
        "your",
        "-example",
        "changeme",
        "change-me",
        "placeholder",
        "redacted",
        "xxxx",
        "***",
        "...",
    ];
    chars.all(|c| Some(c) == first)
        || enclosed('<', '>')
        || enclosed('%', '%')
        || lower.starts_with('$')
        || lower.contains("${")
        || lower.contains("{{")
        || lower.starts_with("op://")
        || lower.starts_with("os.environ")
        || lower.ends_with("_token")
        || stand_ins.iter().any(|word| lower.contains(word))
        || matches!(
            lower.as_str(),
            "password"
                | "pass"
                | "passwd"
                | "secret"
                | "token"
                | "pw"
                | "null"
                | "none"
                | "changeit"
        )
}
