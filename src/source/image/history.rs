//! The instructions that built an image: as commands to be looked at, and as what may be told of them.

/// What an instruction does, and with what.
pub(super) struct Instruction<'t> {
    /// `RUN`, `COPY`, `ENV`, …
    pub(super) keyword: &'t str,
    /// The build arguments that a `RUN` was given, as assignments.
    pub(super) arguments: &'t str,
    /// What follows.
    pub(super) rest: &'t str,
}

/// What older builders write before instructions that run nothing.
const NO_OPERATION: &str = "#(nop)";

/// Shells in which builders run commands.
const SHELLS: [&str; 3] = ["/bin/sh -c", "/bin/bash -c", "cmd /S /C"];

/// Instructions of a Dockerfile.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Programs whose first argument is what they print, assign or test.
const SPEAKING: [&str; 8] = ["echo", "printf", "export", "set", "test", "[", "env", "read"];

/// Longest text that is told of an instruction, in characters.
const MAX_TOLD: usize = 160;

impl<'t> Instruction<'t> {
    /// Reads what a builder wrote as `created_by`.
    pub(super) fn read(text: &'t str) -> Self {
        let text = text.trim();
        let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
        let (keyword, rest) = match in_shell(text) {
            Some(rest) => match rest.strip_prefix(NO_OPERATION) {
                Some(rest) => keyword_of(rest.trim_start()).unwrap_or(("", rest.trim_start())),
                None => ("RUN", rest),
            },
            None => keyword_of(text).unwrap_or(("", text)),
        };
        let mut instruction = Self { keyword, arguments: "", rest };
        // `RUN |2 A=a B=b /bin/sh -c make`
        if let Some(given) = rest.strip_prefix('|') {
            let given = given.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            let shell = SHELLS.iter().filter_map(|shell| given.find(shell)).min();
            let (arguments, command) = given.split_at(shell.unwrap_or(given.len()));
            instruction.keyword = "RUN";
            instruction.arguments = arguments.trim_end();
            instruction.rest = in_shell(command).unwrap_or(command);
        } else if keyword == "RUN" {
            instruction.rest = in_shell(rest).unwrap_or(rest);
        }
        instruction
    }

    /// What may be told: which instruction and which programs, never their arguments, which may be secrets.
    pub(super) fn told(&self) -> String {
        let told = match self.keyword {
            "ENV" | "ARG" | "LABEL" => names(self.rest),
            "COPY" | "ADD" => self
                .rest
                .split_whitespace()
                .last()
                .filter(|it| is_place(it))
                .map_or_else(|| "…".to_owned(), |place| format!("… {place}")),
            "RUN" | "" => programs(self.rest),
            "WORKDIR" | "USER" if is_place(self.rest) || is_word(self.rest) => self.rest.to_owned(),
            _ => "…".to_owned(),
        };
        let told = format!("{} {told}", self.keyword);
        let told = told.trim();
        match told.char_indices().nth(MAX_TOLD) {
            Some((end, _)) => format!("{}…", &told[..end]),
            None => told.to_owned(),
        }
    }
}

fn in_shell(text: &str) -> Option<&str> {
    SHELLS.iter().find_map(|shell| text.strip_prefix(shell)).map(str::trim_start)
}

fn keyword_of(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    KEYWORDS.contains(&word).then(|| (word, rest.trim_start()))
}

/// The names that assignments give values to.
fn names(text: &str) -> String {
    let words = text.split_whitespace();
    let named = words.filter_map(|word| word.split_once('=')).map(|(name, _)| name);
    let named: Vec<String> =
        named.filter(|name| is_name(name)).map(|name| format!("{name}=…")).collect();
    if named.is_empty() { "…".into() } else { named.join(" ") }
}

/// The programs of a command line, each with its subcommand where it has one.
fn programs(text: &str) -> String {
    let mut told: Vec<String> = Vec::new();
    for command in text.split(['\n', ';', '|', '&']) {
        let mut words = command.split_whitespace().skip_while(|word| word.contains('='));
        let Some(program) = words.next().filter(|word| is_word(word) || is_place(word)) else {
            continue;
        };
        let next = words.next();
        let sub = next.filter(|word| is_subcommand(word) && !SPEAKING.contains(&program));
        told.push(match (sub, next) {
            (Some(sub), _) if words.next().is_some() => format!("{program} {sub} …"),
            (Some(sub), _) => format!("{program} {sub}"),
            (None, Some(_)) => format!("{program} …"),
            (None, None) => program.to_owned(),
        });
    }
    if told.is_empty() { "…".into() } else { told.join("; ") }
}

fn is_name(word: &str) -> bool {
    word.len() <= 64
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// What a program may be called.
fn is_word(word: &str) -> bool {
    word.len() <= 24
        && word.starts_with(|c: char| c.is_ascii_lowercase() || c == '[')
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_.+[0123456789".contains(&byte))
}

/// `install`, `add-apt-repository`: no digits, in which passwords differ from words.
fn is_subcommand(word: &str) -> bool {
    (2..=16).contains(&word.len())
        && word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// An absolute path whose parts are short words.
fn is_place(word: &str) -> bool {
    let plain = |part: &str| {
        part.len() <= 24
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"._-0123456789".contains(&byte))
    };
    word.starts_with('/') && word.len() <= 96 && word.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_of_every_builder_are_read() {
        for (text, keyword, arguments, rest) in [
            ("/bin/sh -c #(nop)  ENV A=b", "ENV", "", "A=b"),
            ("/bin/sh -c #(nop) COPY file:12 in /app ", "COPY", "", "file:12 in /app"),
            ("/bin/sh -c apt-get update", "RUN", "", "apt-get update"),
            ("RUN /bin/sh -c make all # buildkit", "RUN", "", "make all"),
            ("RUN |2 A=a B=b /bin/sh -c make # buildkit", "RUN", "A=a B=b", "make"),
            ("|1 A=a /bin/sh -c make", "RUN", "A=a", "make"),
            ("ENV A=b", "ENV", "", "A=b"),
            ("apt-get install x", "", "", "apt-get install x"),
            ("RUN |", "RUN", "", ""),
            ("", "", "", ""),
        ] {
            let read = Instruction::read(text);
            assert_eq!(
                (read.keyword, read.arguments, read.rest),
                (keyword, arguments, rest),
                "{text}"
            );
        }
    }

    #[test]
    fn arguments_are_not_told() {
        for (text, expected) in [
            (
                "RUN /bin/sh -c apt-get update && apt-get install -y curl",
                "RUN apt-get update; apt-get install …",
            ),
            ("RUN curl -H 'Authorization: Bearer x' https://x", "RUN curl …"),
            ("RUN TOKEN=abc npm ci", "RUN npm ci"),
            ("RUN echo hunter > /etc/x", "RUN echo …"),
            ("RUN docker login -u me -p secret reg", "RUN docker login …"),
            ("RUN |1 TOKEN=abc /bin/sh -c make", "RUN make"),
            ("ENV TOKEN=abc OTHER=def", "ENV TOKEN=… OTHER=…"),
            ("COPY id_rsa /root/.ssh/id_rsa # buildkit", "COPY … /root/.ssh/id_rsa"),
            ("ADD x /pass/AbC123", "ADD …"),
            ("CMD [\"x\"]", "CMD …"),
            ("\u{1b}[31mred", "…"),
        ] {
            assert_eq!(Instruction::read(text).told(), expected, "{text}");
        }
    }
}
