//! What rules say of ending a credential: a command to run, or words to follow.

/// Length of the command with which an instruction begins; 0 where it is none. What stands in parentheses or behind a comma or
/// semicolon is said about it.
pub(crate) fn command_end(text: &str) -> usize {
    let mut words = text.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_name = first.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.')
        && first.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
        && (first.contains(|c: char| c.is_ascii_lowercase()))
        && (first.starts_with(|c: char| c.is_ascii_lowercase() || c == '.') || first.contains('-'));
    if !is_name || VERBS.contains(&first) || OBJECTS.contains(&second) {
        return 0;
    }
    let ends = [" (", ", ", "; ", " for a ", " for an ", " in the "]
        .iter()
        .filter_map(|end| text.find(end));
    let end = ends.min().unwrap_or(text.len());
    let is_sentence = text[..end].split(' ').any(|word| SENTENCE.contains(&word));
    if is_sentence { 0 } else { end }
}

/// Words with which an instruction begins that is no command.
const VERBS: &[&str] = &[
    "a",
    "agent",
    "at",
    "blank",
    "change",
    "clear",
    "close",
    "connect",
    "deauthorise",
    "delete",
    "edit",
    "encrypt",
    "have",
    "in",
    "issue",
    "log",
    "login",
    "make",
    "move",
    "none",
    "on",
    "publish",
    "remove",
    "replace",
    "revoke",
    "rotate",
    "run",
    "set",
    "sign",
    "stop",
    "storage",
    "take",
    "the",
    "token",
    "unmount",
];

/// Words that follow such a word, and no program's name.
const OBJECTS: &[&str] = &[
    "the", "it", "them", "its", "this", "that", "every", "each", "any", "a", "your", "all", "is",
    "page", "from",
];

/// Words that make a sentence of what begins with a program's name.
const SENTENCE: &[&str] = &["an", "the", "of", "has", "through", "where", "named"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_words() {
        for (text, command) in [
            ("gh auth logout --hostname {host}", "gh auth logout --hostname {host}"),
            ("docker logout {host} (the password or token stays valid)", "docker logout {host}"),
            ("delete the line", ""),
            ("rm ~/.s3cfg (the key stays valid)", "rm ~/.s3cfg"),
            ("shred the file, once it is not needed", ""),
            ("./config.sh remove --token TOKEN", "./config.sh remove --token TOKEN"),
            ("https://github.com/settings/tokens", ""),
            ("Clear-AzContext", "Clear-AzContext"),
            ("Entra admin center: the user", ""),
            ("ALTER USER {account}", ""),
            (
                "helm registry logout {host}, or helm repo remove {name}",
                "helm registry logout {host}",
            ),
            ("/logout in the session", ""),
            ("", ""),
        ] {
            assert_eq!(&text[..command_end(text)], command);
        }
    }
}
