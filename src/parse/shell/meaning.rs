//! What the words of a simple command mean: which command they run, what they set, and which of them are command lines.

use zeroize::Zeroizing;

use super::lexer::c_escape;
use super::{Assignment, SimpleCommand, Word, is_name};
use crate::parse::Language;

/// Most commands that one line of words may run through each other (`sudo env nice …`).
const MAX_HEADS: usize = 8;

/// A command line within a word.
pub(super) struct Nested {
    pub(super) text: Zeroizing<String>,
    pub(super) language: Language,
    pub(super) line_offset: u64,
}

/// A command that runs another, named by its further words.
struct Runner {
    words: &'static [&'static str],
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// Words of its own before the command it runs.
    operands: usize,
}

const fn runner(
    words: &'static [&'static str],
    valued: &'static [&'static str],
    operands: usize,
) -> Runner {
    Runner { words, valued, operands }
}

const SUDO: &[&str] = &[
    "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-D", "-R", "-U", "--user", "--group",
    "--prompt", "--chdir", "--host",
];
const EXEC: &[&str] =
    &["-e", "-u", "-w", "--env", "--user", "--workdir", "--env-file", "--detach-keys", "--index"];
const RUN: &[&str] = &[
    "-e",
    "--env",
    "-v",
    "--volume",
    "-p",
    "--publish",
    "--name",
    "-w",
    "--workdir",
    "-u",
    "--user",
    "--network",
    "--net",
    "--entrypoint",
    "-h",
    "--hostname",
    "-l",
    "--label",
    "--link",
    "--mount",
    "-m",
    "--memory",
    "--cpus",
    "-c",
    "--env-file",
    "--platform",
    "--restart",
    "--add-host",
    "--device",
    "--ulimit",
    "--pull",
    "--cap-add",
    "--cap-drop",
    "--tmpfs",
    "--log-driver",
    "--log-opt",
    "--security-opt",
    "--shm-size",
    "--gpus",
    "--ip",
    "--dns",
    "--expose",
    "--volumes-from",
    "--cidfile",
    "--ipc",
    "--pid",
    "--network-alias",
    "--userns",
    "--group-add",
    "--health-cmd",
    "--runtime",
    "--stop-signal",
];
const SSH: &[&str] = &[
    "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-Q",
    "-R", "-S", "-W", "-w",
];

/// Longer forms before the shorter ones they begin with. What follows `--` is a command in any case.
const RUNNERS: &[Runner] = &[
    runner(&["sudo"], SUDO, 0),
    runner(&["doas"], &["-u", "-C"], 0),
    runner(&["env"], &["-u", "-C", "-S", "--unset", "--chdir"], 0),
    runner(&["time"], &["-f", "-o"], 0),
    runner(&["nohup"], &[], 0),
    runner(&["exec"], &["-a"], 0),
    runner(&["command"], &[], 0),
    runner(&["builtin"], &[], 0),
    runner(&["noglob"], &[], 0),
    runner(&["nocorrect"], &[], 0),
    runner(&["setsid"], &[], 0),
    runner(&["unbuffer"], &[], 0),
    runner(&["winpty"], &[], 0),
    runner(&["rlwrap"], &["-H", "-f", "-C"], 0),
    runner(&["proxychains"], &["-f"], 0),
    runner(&["proxychains4"], &["-f"], 0),
    runner(&["torsocks"], &[], 0),
    runner(&["caffeinate"], &["-t", "-w"], 0),
    runner(&["nice"], &["-n", "--adjustment"], 0),
    runner(&["ionice"], &["-c", "-n"], 0),
    runner(&["stdbuf"], &["-i", "-o", "-e"], 0),
    runner(&["strace"], &["-e", "-o", "-p", "-s", "-P", "-u"], 0),
    runner(&["timeout"], &["-k", "-s", "--kill-after", "--signal"], 1),
    runner(&["gtimeout"], &["-k", "-s"], 1),
    runner(&["taskset"], &[], 1),
    runner(&["chroot"], &[], 1),
    runner(&["flock"], &["-w", "-E"], 1),
    runner(&["xargs"], &["-I", "-n", "-P", "-a", "-d", "-E", "-L", "-s"], 0),
    runner(&["watch"], &["-n", "--interval"], 0),
    runner(&["ssh"], SSH, 1),
    runner(&["sshpass"], &["-p", "-f", "-d", "-P"], 0),
    runner(&["docker", "exec"], EXEC, 1),
    runner(&["docker", "run"], RUN, 1),
    runner(&["docker", "compose", "exec"], EXEC, 1),
    runner(&["docker", "compose", "run"], EXEC, 1),
    runner(&["docker-compose", "exec"], EXEC, 1),
    runner(&["docker-compose", "run"], EXEC, 1),
    runner(&["podman", "exec"], EXEC, 1),
    runner(&["podman", "run"], RUN, 1),
    runner(&["nerdctl", "exec"], EXEC, 1),
    runner(&["nerdctl", "run"], RUN, 1),
    runner(&["python", "-m"], &[], 0),
    runner(&["python3", "-m"], &[], 0),
    runner(&["py", "-m"], &[], 0),
    runner(&["poetry", "run"], &[], 0),
    runner(&["pipenv", "run"], &[], 0),
    runner(&["uv", "run"], &["--with", "--python", "-p"], 0),
    runner(&["uvx"], &["--from", "--with"], 0),
    runner(&["pipx", "run"], &["--spec"], 0),
    runner(&["conda", "run"], &["-n", "-p"], 0),
    runner(&["bundle", "exec"], &[], 0),
    runner(&["npx"], &["-p", "--package"], 0),
    runner(&["bunx"], &[], 0),
    runner(&["pnpm", "dlx"], &[], 0),
    runner(&["pnpm", "exec"], &[], 0),
    runner(&["yarn", "dlx"], &[], 0),
    runner(&["npm", "exec"], &[], 0),
    runner(&["direnv", "exec"], &[], 1),
    runner(&["aws-vault", "exec"], &["-d", "--duration"], 1),
    runner(&["chamber", "exec"], &[], 1),
    // The user column of a system crontab.
    runner(&["root"], &[], 0),
    runner(&["www-data"], &[], 0),
    runner(&["nobody"], &[], 0),
];

/// Words that only give structure, where a command word may stand.
pub(super) fn is_reserved(word: &str, language: Language) -> bool {
    match language {
        Language::Posix => matches!(
            word,
            "if" | "then"
                | "else"
                | "elif"
                | "fi"
                | "do"
                | "done"
                | "while"
                | "until"
                | "!"
                | "{"
                | "}"
                | "esac"
                | "coproc"
        ),
        Language::Fish => {
            matches!(
                word,
                "if" | "else" | "while" | "and" | "or" | "not" | "begin" | "end" | "!" | "{" | "}"
            )
        }
        Language::PowerShell => false,
    }
}

/// Fills in heads and assignments; returns the command lines that stand within words.
pub(super) fn interpret(command: &mut SimpleCommand, language: Language) -> Vec<Nested> {
    if let Some(assignment) = assignment_statement(&mut command.words, language) {
        command.assignments.push(assignment);
    }
    find_heads(command);
    let Some(head) = command.heads.last().cloned() else { return Vec::new() };
    let words = &command.words[head.clone()];
    let set = assigned(words, language);
    // `ssh host 'cmd …'`, `watch 'cmd …'`
    let runs_text = head.start > 0 && words[0].is_quoted() && words[0].text().contains([' ', '\n']);
    let nested = if runs_text {
        vec![nested(&words[0], Language::Posix)]
    } else {
        command_lines(words, language)
    };
    command.assignments.extend(set);
    nested
}

/// The name by which a program is known: no folder, no Windows extension, lower case.
pub(crate) fn program(word: &str) -> String {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase();
    [".exe", ".cmd", ".bat", ".sh", ".ps1"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|stem| !stem.is_empty())
        .map_or(name.clone(), ToOwned::to_owned)
}

/// `$env:NAME = "value"` and its like. A command on the right side (`$x = Get-Thing`) stays as the command.
fn assignment_statement(words: &mut Vec<Word>, language: Language) -> Option<Assignment> {
    if !words.get(1).is_some_and(|word| matches!(word.text(), "=" | "+=" | ":=")) {
        return None;
    }
    let name = variable_name(words[0].text())?;
    let single = words.len() == 3;
    // In a POSIX shell this is no assignment, so it is one of xonsh, nushell or a program's source, whose strings are quoted.
    let is_value = match language {
        Language::PowerShell => single && (words[2].quoted || words[2].is_dynamic()),
        _ => single && words[2].quoted,
    };
    if is_value {
        let value = words.pop()?;
        words.clear();
        return Some(Assignment { name, value });
    }
    if language == Language::PowerShell {
        words.drain(..2);
    }
    None
}

/// `NAME` of `$NAME`, `${env:NAME}`, `$env.NAME`, `os.environ[NAME]`, `E:NAME`.
fn variable_name(text: &str) -> Option<String> {
    let name = text.trim_start_matches('$').trim_matches(['{', '}']);
    let name = name.trim_end_matches(']').rsplit(['.', ':', '[']).next()?;
    (!name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')))
    .then(|| name.to_owned())
}

fn find_heads(command: &mut SimpleCommand) {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < command.words.len() && starts.len() < MAX_HEADS {
        starts.push(at);
        let Some(next) = after_runner(command, at).or_else(|| after_dashes(&command.words, at))
        else {
            break;
        };
        at = next;
    }
    let ends = starts.iter().skip(1).copied().chain([command.words.len()]);
    command.heads = starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect();
}

/// Where the command begins that the one at `at` runs.
fn after_runner(command: &mut SimpleCommand, at: usize) -> Option<usize> {
    let name = program(command.words[at].text());
    let runner = RUNNERS.iter().find(|runner| {
        runner.words[0] == name
            && runner.words[1..].iter().enumerate().all(|(i, word)| {
                command.words.get(at + 1 + i).is_some_and(|found| found.text() == *word)
            })
    })?;
    let mut operands = runner.operands;
    let mut next = at + runner.words.len();
    while let Some(word) = command.words.get(next) {
        let text = word.text();
        if text == "--" {
            return Some(next + 1);
        }
        if text.len() > 1 && text.starts_with('-') {
            next += if runner.valued.contains(&text) { 2 } else { 1 };
        } else if let Some((name, length)) = word.assignment_prefix()
            && matches!(runner.words[0], "env" | "sudo" | "doas")
        {
            let assignment = Assignment { name: name.to_owned(), value: word.tail(length) };
            command.assignments.push(assignment);
            next += 1;
        } else if operands > 0 {
            operands -= 1;
            next += 1;
        } else {
            return Some(next);
        }
    }
    None
}

fn after_dashes(words: &[Word], at: usize) -> Option<usize> {
    let dashes = words[at + 1..].iter().position(|word| word.text() == "--")?;
    Some(at + dashes + 2)
        .filter(|next| words.get(*next).is_some_and(|word| !word.text().starts_with('-')))
}

/// The variables that the builtin or program `words[0]` sets.
fn assigned(words: &[Word], language: Language) -> Vec<Assignment> {
    let Some((first, arguments)) = words.split_first() else { return Vec::new() };
    match program(first.text()).as_str() {
        "set" if language == Language::Fish => fish_set(arguments),
        "set" => set(arguments),
        "export" | "declare" | "typeset" | "local" | "readonly" | "let-env" => {
            declared(arguments, false)
        }
        "%env" | "%set_env" => declared(arguments, true),
        "setenv" | "setx" | "set-env" | "setenvironmentvariable" => pair(arguments),
        "launchctl" if arguments.first().is_some_and(|word| word.text() == "setenv") => {
            pair(&arguments[1..])
        }
        "set-item" | "new-item" | "si" | "ni" => powershell_item(arguments),
        _ => Vec::new(),
    }
}

/// `NAME=value …`, or `NAME = value`, or `NAME value`.
fn declared(arguments: &[Word], ipython: bool) -> Vec<Assignment> {
    let assignments: Vec<_> = arguments.iter().filter_map(split_at_equals).collect();
    match arguments {
        [name, equals, value] if equals.text() == "=" => named(name, value),
        // IPython's `%env NAME value`.
        [name, value] if ipython && assignments.is_empty() => named(name, value),
        _ => assignments,
    }
}

/// cmd's `set NAME=value` and `set "NAME=value"`, tcsh's `set name = value`.
fn set(arguments: &[Word]) -> Vec<Assignment> {
    match arguments {
        [name, equals, value] if equals.text() == "=" => named(name, value),
        [one] => split_at_equals(one).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn split_at_equals(word: &Word) -> Option<Assignment> {
    let (name, _) = word.text().split_once('=')?;
    is_name(name).then(|| Assignment { name: name.to_owned(), value: word.tail(name.len() + 1) })
}

/// `NAME value`.
fn pair(arguments: &[Word]) -> Vec<Assignment> {
    let mut operands = arguments.iter().filter(|word| !word.text().starts_with(['-', '/']));
    match (operands.next(), operands.next()) {
        (Some(name), Some(value)) => named(name, value),
        _ => Vec::new(),
    }
}

fn named(name: &Word, value: &Word) -> Vec<Assignment> {
    let assignment = |name| Assignment { name, value: value.tail(0) };
    variable_name(name.text()).map(assignment).into_iter().collect()
}

/// fish's `set -gx NAME value …`; `-e`, `-q` and `-S` set nothing.
fn fish_set(arguments: &[Word]) -> Vec<Assignment> {
    let options = arguments.iter().take_while(|word| word.text().starts_with('-')).count();
    let (options, rest) = arguments.split_at(options);
    let sets = options.iter().all(|option| match option.text() {
        "--erase" | "--query" | "--show" | "--names" => false,
        text => text.starts_with("--") || !text.contains(['e', 'q', 'S', 'n']),
    });
    let Some((name, values)) = rest.split_first().filter(|_| sets) else { return Vec::new() };
    values.iter().flat_map(|value| named(name, value)).collect()
}

/// `Set-Item -Path env:NAME -Value value`.
fn powershell_item(arguments: &[Word]) -> Vec<Assignment> {
    let operands: Vec<_> =
        arguments.iter().filter(|word| !word.text().starts_with('-') || word.is_quoted()).collect();
    let variable =
        |word: &Word| word.text().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("env:"));
    match operands.as_slice() {
        [name, value, ..] if variable(name) => named(name, value),
        _ => Vec::new(),
    }
}

/// The words of this command that a shell will read as command lines.
fn command_lines(words: &[Word], language: Language) -> Vec<Nested> {
    let Some((first, arguments)) = words.split_first() else { return Vec::new() };
    match program(first.text()).as_str() {
        "sh" | "bash" | "zsh" | "dash" | "ash" | "ksh" | "su" | "runuser" | "script" => {
            after_option(arguments, 'c')
                .map(|word| nested(word, Language::Posix))
                .into_iter()
                .collect()
        }
        "fish" => after_option(arguments, 'c')
            .map(|word| nested(word, Language::Fish))
            .into_iter()
            .collect(),
        "eval" | "trap" => arguments.iter().map(|word| nested(word, language)).collect(),
        "powershell" | "pwsh" => {
            let line = arguments.iter().skip_while(|word| !is_command_option(word.text())).skip(1);
            line.map(|word| nested(word, Language::PowerShell)).collect()
        }
        "alias" | "abbr" => arguments.iter().map(|word| alias_value(word, language)).collect(),
        "echo" | "printf" | "write-output" => printed(words, language)
            .map(|word| nested(&word, Language::Posix))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn is_command_option(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "-c" | "-command" | "/c")
}

fn nested(word: &Word, language: Language) -> Nested {
    Nested {
        text: Zeroizing::new(word.text().to_owned()),
        language,
        line_offset: word.line_offset(),
    }
}

/// The word after `-c`, `-lc`, `--command`.
fn after_option(arguments: &[Word], letter: char) -> Option<&Word> {
    let is_option = |word: &Word| {
        let text = word.text();
        text == "--command"
            || text.starts_with('-') && !text.starts_with("--") && text.ends_with(letter)
    };
    let at = arguments.iter().position(is_option)?;
    arguments.get(at + 1)
}

/// `cmd` of `name='cmd'` or of `name 'cmd'`.
fn alias_value(word: &Word, language: Language) -> Nested {
    let value = word.assignment_prefix().map(|(_, length)| word.tail(length));
    nested(value.as_ref().unwrap_or(word), language)
}

/// What a command certainly prints: the operands of `echo`, the filled format of `printf`, a PowerShell string.
pub(super) fn printed(words: &[Word], language: Language) -> Option<Word> {
    let (first, arguments) = words.split_first()?;
    match program(first.text()).as_str() {
        "echo" | "write-output" | "print" => Some(echoed(arguments)),
        "printf" => formatted(arguments),
        _ if language == Language::PowerShell && words.len() == 1 && first.quoted => {
            Some(first.tail(0))
        }
        _ => None,
    }
}

fn echoed(arguments: &[Word]) -> Word {
    let is_option = |word: &&Word| {
        let text = word.text();
        text.len() > 1 && text.starts_with('-') && text[1..].bytes().all(|b| b"neE".contains(&b))
    };
    let options = arguments.iter().take_while(is_option).count();
    let escapes = arguments[..options].iter().any(|word| word.text().contains('e'));
    let mut line = Word::default();
    for (index, word) in arguments[options..].iter().enumerate() {
        if index == 0 {
            line.line_offset = word.line_offset;
        } else {
            line.text.push(' ');
        }
        if escapes { append_unescaped(&mut line, word) } else { line.append(word) }
    }
    line
}

fn formatted(arguments: &[Word]) -> Option<Word> {
    let format = arguments.iter().position(|word| word.text() != "--")?;
    let (format, mut values) = (&arguments[format], arguments[format + 1..].iter());
    let mut line = Word { line_offset: format.line_offset, ..Word::default() };
    let mut source = Source::new(format);
    while let Some(at) = source.find('%') {
        source.unescape_to(at, &mut line);
        source.at += 1;
        match source.rest().chars().next() {
            Some('s' | 'b' | 'q') => {
                if let Some(value) = values.next() {
                    line.append(value);
                }
                source.at += 1;
            }
            Some('%') => {
                line.text.push('%');
                source.at += 1;
            }
            _ => line.text.push('%'),
        }
    }
    source.unescape_to(format.text().len(), &mut line);
    Some(line)
}

/// Reads a word from the left, keeping track of its expansions.
struct Source<'w> {
    word: &'w Word,
    at: usize,
    expansions: &'w [std::ops::Range<usize>],
}

impl<'w> Source<'w> {
    fn new(word: &'w Word) -> Self {
        Self { word, at: 0, expansions: &word.expansions }
    }

    fn rest(&self) -> &'w str {
        self.word.text().get(self.at..).unwrap_or_default()
    }

    fn find(&self, c: char) -> Option<usize> {
        self.rest().find(c).map(|at| self.at + at)
    }

    fn copy_to(&mut self, end: usize, line: &mut Word) {
        let start = line.text.len();
        line.text.push_str(self.word.text().get(self.at..end).unwrap_or_default());
        while let Some((known, rest)) = self.expansions.split_first().filter(|(k, _)| k.start < end)
        {
            let begin = known.start.saturating_sub(self.at) + start;
            line.expansions.push(begin..(known.end.saturating_sub(self.at) + start));
            self.expansions = rest;
        }
        self.at = end.max(self.at);
    }

    /// Copies up to `end`, backslash escapes undone.
    fn unescape_to(&mut self, end: usize, line: &mut Word) {
        while let Some(at) = self.find('\\').filter(|at| *at < end) {
            self.copy_to(at, line);
            let (escape, length) = c_escape(&self.rest()[1..]);
            line.text.push_str(&escape);
            self.at += 1 + length;
        }
        self.copy_to(end, line);
    }
}

/// Appends a word, its backslash escapes undone.
fn append_unescaped(line: &mut Word, word: &Word) {
    Source::new(word).unescape_to(word.text().len(), line);
}
