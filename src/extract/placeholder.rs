//! Placeholders and references: what stands where a secret would, and is none.
//!
//! A value must be *nothing but* a placeholder: people do use `mail-Secret-7`, and a random token may hold `xxxx` by chance.

use super::published::is_published;

/// Whether `value` is empty, a reference to where the secret is (`${VAR}`, `$(cmd)`, `op://…`), or a stand-in for one (`<token>`,
/// `xxxx`, `changeme`, `your-token-here`, the example of a standard).
pub(crate) fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']).trim();
    is_reference(value)
        || is_enclosed(value)
        || is_masked(value)
        || is_worded(value)
        || is_published(value)
}

/// Prefixes after which a tool looks elsewhere for the secret.
const SCHEMES: &[&str] = &[
    "op://",
    "vault:",
    "vault://",
    "ref+",
    "env:",
    "env://",
    "file:",
    "secret://",
    "keyring:",
    "keychain:",
    "sops:",
    "bw://",
    "ssm:",
    "arn:aws",
    "projects/",
    "@Microsoft.KeyVault(",
    "!Ref ",
    "!GetAtt ",
    "!Sub ",
    "!ImportValue ",
    "!reference ",
    "!env ",
    "!secret ",
    "process.env",
    "os.environ",
    "os.getenv(",
    "getenv(",
    "env(",
    "ENV[",
    "Deno.env",
    "System.getenv(",
    "{{resolve:",
];

fn is_reference(value: &str) -> bool {
    let between = |open: &str, close: &str| {
        value.find(open).is_some_and(|at| value[at + open.len()..].contains(close))
    };
    SCHEMES.iter().any(|scheme| value.starts_with(scheme))
        || between("${", "}")
        || between("$(", ")")
        || between("{{", "}}")
        || between("<%", "%>")
        || enclosed(value, "{env:", "}").is_some()
        || enclosed(value, "{file:", "}").is_some()
        || value
            .strip_prefix('$')
            .is_some_and(|name| is_identifier(name.strip_prefix("env:").unwrap_or(name)))
        || enclosed(value, "%", "%").is_some_and(is_identifier)
        || enclosed(value, "`", "`").is_some()
        || enclosed(value, "(", ")").is_some_and(|command| command.contains(' '))
        || is_dotted(value)
        || is_variable_name(value)
}

/// `var.db_password` of HCL, `secrets.TOKEN` of workflows.
fn is_dotted(value: &str) -> bool {
    let Some((root, rest)) = value.split_once('.') else { return false };
    matches!(root, "var" | "local" | "data" | "module" | "secrets" | "env" | "vars")
        && rest.split('.').all(is_identifier)
}

/// `GITHUB_TOKEN` as a value is the name of a variable.
fn is_variable_name(value: &str) -> bool {
    let Some((head, tail)) = value.rsplit_once('_') else { return false };
    head.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        && matches!(
            tail,
            "TOKEN" | "KEY" | "SECRET" | "PASSWORD" | "PASSWD" | "PASS" | "PW" | "PAT" | "HERE"
        )
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn enclosed<'a>(value: &'a str, open: &str, close: &str) -> Option<&'a str> {
    value.strip_prefix(open)?.strip_suffix(close)
}

/// `<token>`, `[token]`, `{token}`, `__TOKEN__`: a name in brackets.
fn is_enclosed(value: &str) -> bool {
    let is_name = |name: &str| {
        name.len() <= 40
            && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b" _-.".contains(&byte))
    };
    enclosed(value, "<", ">").is_some_and(|name| name.len() <= 80 && !name.contains(['<', '>']))
        || enclosed(value, "[", "]").is_some_and(is_name)
        || enclosed(value, "{", "}").is_some_and(is_name)
        || enclosed(value, "__", "__").is_some_and(is_name)
}

/// Blanked out: all one character, mask characters, or one run that makes up most of it (`ghp_xxxxxxxxxxxx`, `AKIAXXXXXXXXXXXX`,
/// `…1234567890abcdefghij`).
fn is_masked(value: &str) -> bool {
    let mut characters = value.chars();
    let first = characters.next();
    characters.all(|c| Some(c) == first)
        || value.contains("***")
        || value.contains('…')
        || value.ends_with("...")
        || value.chars().all(|c| "xX*.-_#?•/ ".contains(c))
        || value.ends_with("EXAMPLE")
        || value.ends_with("EXAMPLEKEY")
        || is_filled_in(value.as_bytes())
}

/// Whether runs of equal or counting characters make up three fifths of a value that is long enough for chance to be ruled out.
fn is_filled_in(value: &[u8]) -> bool {
    let mut in_runs = 0;
    let mut at = 0;
    while at < value.len() {
        let equal = run(&value[at..], |a, b| a == b);
        let counting = run(&value[at..], |a, b| {
            a.checked_add(1) == Some(b) || (a, b) == (b'9', b'0') || (a, b) == (b'0', b'a')
        });
        let (length, least) = if equal >= counting { (equal, 6) } else { (counting, 8) };
        if length >= least {
            in_runs += length;
        }
        at += length;
    }
    value.len() >= 12 && in_runs * 5 >= value.len() * 3
}

/// How many leading bytes follow each other by `next`; at least 1.
fn run(bytes: &[u8], next: fn(u8, u8) -> bool) -> usize {
    1 + bytes
        .windows(2)
        .take_while(|pair| next(pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase()))
        .count()
}

/// Values that say in one word that there is no secret yet.
const WORDS: &[&str] = &[
    "changeme",
    "changeit",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    "redacted",
    "removed",
    "masked",
    "hidden",
    "censored",
    "sanitized",
    "example",
    "sample",
    "dummy",
    "fake",
    "todo",
    "fixme",
    "tbd",
    "na",
    "null",
    "nil",
    "none",
    "undefined",
    "unset",
    "empty",
    "blank",
    "notset",
    "notasecret",
    "false",
    "true",
    "yourtoken",
    "yourpassword",
    "yoursecret",
    "yourapikey",
    "mytoken",
    "mypassword",
    "mysecret",
    "myapikey",
    "token",
    "password",
    "passwd",
    "secret",
    "apikey",
    "supersecret",
    "fillmein",
    "insertme",
    "xxx",
    "filtered",
    "notreal",
];

/// Words that only a stand-in is made of.
const STRONG: &[&str] = &[
    "your",
    "example",
    "sample",
    "dummy",
    "fake",
    "placeholder",
    "changeme",
    "change",
    "replace",
    "replaceme",
    "insert",
    "enter",
    "paste",
    "here",
    "redacted",
    "removed",
    "todo",
    "fixme",
    "put",
    "fill",
    "goes",
];

/// Words that may stand beside a strong one.
const WEAK: &[&str] = &[
    "a",
    "access",
    "account",
    "admin",
    "an",
    "and",
    "ant",
    "api",
    "app",
    "auth",
    "aws",
    "azure",
    "bearer",
    "bot",
    "client",
    "credential",
    "credentials",
    "db",
    "default",
    "demo",
    "dev",
    "docker",
    "gcp",
    "generated",
    "ghp",
    "git",
    "github",
    "gitlab",
    "glpat",
    "google",
    "id",
    "in",
    "it",
    "its",
    "key",
    "live",
    "login",
    "me",
    "my",
    "new",
    "not",
    "npm",
    "of",
    "openai",
    "or",
    "own",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "personal",
    "pk",
    "private",
    "proj",
    "pw",
    "real",
    "refresh",
    "registry",
    "secret",
    "service",
    "session",
    "sk",
    "slack",
    "some",
    "stripe",
    "test",
    "text",
    "the",
    "this",
    "to",
    "token",
    "url",
    "user",
    "username",
    "value",
    "with",
    "xoxb",
];

/// `changeme`, `your-token-here`, `sk_test_xxx`: every word is a stand-in's, and one of them can be nothing else.
fn is_worded(value: &str) -> bool {
    if value.len() > 80 {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    let joined: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    if WORDS.contains(&joined.as_str())
        && lower.chars().all(|c| c.is_ascii_alphanumeric() || " _-/!.:".contains(c))
    {
        return true;
    }
    let blanks =
        |word: &str| word.len() >= 3 && word.bytes().all(|byte| byte == b'x' || byte == b'0');
    let words =
        || lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let fits = |word: &str| {
        STRONG.contains(&word)
            || WEAK.contains(&word)
            || blanks(word)
            || (word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words().any(|word| STRONG.contains(&word) || blanks(word)) && words().all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stand_ins_and_references_are_no_secrets() {
        for value in [
            "",
            " ",
            "\"\"",
            "''",
            "${VAR}",
            "${env.GITHUB_TOKEN}",
            "${VAR:-default}",
            "$VAR",
            "$token",
            "$env:TOKEN",
            "Bearer ${TOKEN}",
            "Bearer $(gcloud auth print-access-token)",
            "$(op read op://dev/npm/token)",
            "$(pass show github/pat)",
            "`cat token`",
            "%VAR%",
            "%USERPROFILE%",
            "{{ x }}",
            "{{.credential.access_token}}",
            "${{ secrets.TOKEN }}",
            "<token>",
            "<your-key-here>",
            "<YOUR TOKEN>",
            "[token]",
            "[API KEY]",
            "{api_key}",
            "__TOKEN__",
            "xxxx",
            "XXXXXXXX",
            "****",
            "********",
            "...",
            "----",
            "ghp_***",
            "npm_***",
            "ghp_abc...",
            "sk-…",
            "changeme",
            "ChangeMe!",
            "change-me",
            "CHANGE_ME",
            "changeit",
            "your-token-here",
            "YOUR_API_KEY",
            "your_github_token",
            "my-secret",
            "insert your token here",
            "replace-with-your-key",
            "example",
            "example-token",
            "REDACTED",
            "[REDACTED]",
            "null",
            "None",
            "nil",
            "undefined",
            "TODO",
            "n/a",
            "a",
            "aaaaaaaa",
            "0000000000000000",
            "00000000-0000-0000-0000-000000000000",
            "sk_test_xxx",
            "sk-ant-xxxx",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIAXXXXXXXXXXXXXXXX",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "ghp_1234567890abcdefghijklmnopqrstuvwxyz",
            "op://dev/npm/token",
            "vault:secret/data/db#password",
            "ref+vault://kv/db",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
            "!Ref DbPassword",
            "env:VAR",
            "file:/run/secrets/db",
            "file:///run/secrets/db",
            "@Microsoft.KeyVault(SecretUri=https://x)",
            "process.env.TOKEN",
            "os.environ['GITHUB_TOKEN']",
            "var.db_password",
            "secrets.GITHUB_TOKEN",
            "GITHUB_TOKEN",
            "(pass show vault/root)",
            "password",
            "token",
            "secret",
            "<%= ENV['X'] %>",
        ] {
            assert!(is_placeholder(value), "{value:?}");
        }
    }

    #[test]
    fn credentials_are_not_placeholders() {
        for value in [
            "t0psecret-viz2o9q6f0",
            "Pg-Mcp-Pw9",
            "hK7gq2Lmzx9",
            "mail-Secret-7",
            "Acme-Repo-Pw-4",
            "Pypi-Mirror-Pw1",
            "Pr0xyPass-9",
            "Poetry-Pw-42",
            "Httpie-Pw1",
            "Ossrh-Tok-9f3kQ2",
            "Tr0ub4dor%263%2f1N",
            "kR7u29q7BcCm2B",
            "WqwmrqQ7iVes",
            "secret1",
            "root",
            "hunter2",
            "Password1!",
            "correct horse battery staple",
            "p@$$w0rd",
            "a$b",
            "100%",
            "50%off%now",
            "x7",
            "postgres",
            "ghp_Cz5Qguqxxxxeuyugjq0gtPMCCmGxHD0Mvq2a",
            "sk_live_QrfMYlfHrLp0lkN6lRwjMerf",
            "abcdefgh-7Kq92mZ0xVt4LwP1",
            "{a/s4vfLaiUIHyzmKcG7cXo1S/6R2Yc4nBaVf4yTw0E=}",
            "AKIA5QNA5A2JO4VYWW42",
            "j6ohui.dkiu7qfcu1n2v275",
            "[7xK!q]",
            "<3hearts",
            "dapi00adf0f3eddf32aa1bb2cc3dd4ee5ff6",
            "example.org-Zk81hq",
            "my-Dog-Rex",
            "nullpointer7",
            "todoist-9fKq2",
            "tokenizer",
            "AAAAB3NzaC1yc2EAAAADAQABAAABgQC7",
            "vaultkeeper",
            "environment1",
            "xxx7Kq92mZ0xVt4LwP1",
            "123456",
            "qwerty123",
            "4457291c-c2d0-4b31-9d0e-0a6b3d7be1f2",
            "pGJihQArlfc5Y2:x\\y",
        ] {
            assert!(!is_placeholder(value), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn random_tokens_are_credentials(token in "[0-9A-Za-z]{20,60}") {
            prop_assert!(!is_placeholder(&token));
        }

        #[test]
        fn never_panics(value in "\\PC{0,100}") {
            let _ = is_placeholder(&value);
        }
    }
}
