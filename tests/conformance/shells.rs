//! Histories, as the shells write them, and fish's universal variables.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::home::Home;
use crate::{fake, tool};

/// Lines with a secret each, and their like without one.
struct Lines {
    bearer: String,
    password: String,
    assigned: String,
}

impl Lines {
    fn new() -> Self {
        Self { bearer: fake::letters(40), password: fake::letters(16), assigned: fake::letters(32) }
    }

    fn all(&self) -> [String; 6] {
        let Self { bearer, password, assigned } = self;
        [
            format!(
                "curl -sS -H \"Authorization: Bearer {bearer}\" https://api.corp.example/v1/me"
            ),
            "curl -sS -H \"Authorization: Bearer $DEPLOY_TOKEN\" https://api.corp.example/v1/me"
                .to_owned(),
            format!("mysql -u dana -p{password} shop"),
            "mysql -u dana -p shop".to_owned(),
            format!("export DEPLOY_TOKEN={assigned}"),
            "mkdir -p secret/tokens".to_owned(),
        ]
    }

    /// What must be found in the history at `path`; `times` are those of the entries, if it has any.
    fn expected(&self, home: &Home, path: &str, times: &[String]) -> [Value; 3] {
        let found = |tool: &str, entry: usize, kind: &str, secret: &str, account: Option<&str>| {
            let mut credential = home.credential(kind, secret);
            credential["issued_at"] = json!(times.get(entry));
            credential["occurrences"] = json!(1);
            json!({
                "tool": tool, "category": "history", "path": path, "account": account, "storage": "plaintext", "mode": "0600",
                "issued_at": times.get(entry), "credentials": [credential],
            })
        };
        [
            found("curl", 0, "session-token", &self.bearer, None),
            found("MySQL", 2, "password", &self.password, Some("dana")),
            found("environment", 4, "session-token", &self.assigned, None),
        ]
    }
}

/// The times in a history, by what stands before and behind them in a line.
fn times(history: &str, before: &str, behind: &str) -> Vec<String> {
    let seconds = history
        .lines()
        .filter_map(|line| line.strip_prefix(before)?.split(behind).next()?.parse().ok());
    seconds
        .map(|seconds| {
            Timestamp::from_second(seconds).expect("the shell wrote a time of today").to_string()
        })
        .collect()
}

#[test]
fn bash_plain_and_timestamped() {
    let Some(bash) = tool::find("bash") else { return };
    let lines = Lines::new();
    for format in ["unset HISTTIMEFORMAT", "HISTTIMEFORMAT='%F %T '"] {
        let home = Home::new();
        let entries = lines.all().map(|line| format!("history -s '{line}'\n")).concat();
        let script = format!(
            "set -o history; umask 077; HISTFILE=$HOME/.bash_history; {format}\n{entries}history -w\nunset HISTFILE\n"
        );
        home.run(&bash, ["--norc", "--noprofile", "-c", &script]);
        let times = times(&home.read(".bash_history"), "#", " ");
        assert_eq!(times.is_empty(), format.starts_with("unset"));
        home.must_report(&lines.expected(&home, "~/.bash_history", &times));
    }
}

#[test]
fn zsh_plain_and_extended() {
    let Some(zsh) = tool::find("zsh") else { return };
    let lines = Lines::new();
    for option in ["unsetopt", "setopt"] {
        let home = Home::new();
        let entries = lines.all().map(|line| format!("print -sr -- '{line}'\n")).concat();
        // zsh hides some bytes of letters that are not ASCII, and ends the lines of one entry with a backslash.
        let entries = format!("{entries}print -sr -- 'echo Größe\necho zwei'\n");
        let script = format!(
            "HISTFILE=$HOME/.zsh_history HISTSIZE=99 SAVEHIST=99; {option} extended_history\n{entries}fc -W"
        );
        home.run(&zsh, ["-f", "-i", "-c", &script]);
        let times = times(&home.read(".zsh_history"), ": ", ":");
        assert_eq!(times.is_empty(), option == "unsetopt");
        home.must_report(&lines.expected(&home, "~/.zsh_history", &times));
    }
}

#[test]
fn fish_history() {
    let Some(fish) = tool::find("fish") else { return };
    let Some(python) = tool::aid("python3") else { return };
    let lines = Lines::new();
    let home = Home::new();
    let silent = "function curl; end; function mysql; end; function mkdir; end";
    let typed = lines.all().join("\n") + "\nexit\n";
    home.type_at(&python, &fish, &["--init-command", silent], &typed);
    let times = times(&home.read(".local/share/fish/fish_history"), "  when: ", " ");
    assert_eq!(times.len(), lines.all().len() + 1);
    home.must_report(&lines.expected(&home, "~/.local/share/fish/fish_history", &times));
}

#[test]
fn fish_universal_variable() {
    let Some(fish) = tool::find("fish") else { return };
    let home = Home::new();
    let token = format!("{}-{}+{}", fake::letters(12), fake::letters(12), fake::letters(8));
    home.run(&fish, ["-c", &format!("set -Ux DEPLOY_TOKEN '{token}'; set -Ux EDITOR vi")]);
    home.must_report(&[json!({
        "category": "dotfile", "path": "~/.config/fish/fish_variables", "storage": "plaintext",
        "credentials": [{"fingerprint": home.fingerprint(&token)}],
    })]);
}

#[test]
fn elvish_history() {
    let Some(elvish) = tool::find("elvish") else { return };
    let Some(python) = tool::aid("python3") else { return };
    let lines = Lines::new();
    let home = Home::new();
    // What it does not understand it refuses at the prompt, and forgets.
    // Functions, for what is typed while a program runs is lost.
    let silent = "fn curl {|@all| }; fn mysql {|@all| }\n";
    let typed = silent.to_owned() + &lines.all()[..4].join("\n") + "\nexit\n";
    home.type_at(&python, &elvish, &["-norc"], &typed);
    home.must_report(&lines.expected(&home, "~/.local/state/elvish/db.bolt", &[])[..2]);
}

/// mksh frames each entry in bytes of its own; yash keeps the time in hexadecimal.
#[test]
fn mksh_and_yash_history() {
    let Some(python) = tool::aid("python3") else { return };
    let lines = Lines::new();
    for (name, file, start) in
        [("mksh", ".mksh_history", ".mkshrc"), ("yash", ".yash_history", ".yashrc")]
    {
        let Some(shell) = tool::find(name) else { continue };
        let home = Home::new();
        home.write(
            start,
            &format!(
                "HISTFILE=$HOME/{file}\nHISTSIZE=99\ncurl() {{ :; }}\nmysql() {{ :; }}\nmkdir() {{ :; }}\n"
            ),
        );
        let typed = lines.all().join("\n") + "\nexit\n";
        home.type_at(&python, &shell, &["-i"], &typed);
        let history = home.read(file);
        let times: Vec<String> = history
            .lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(' '))
            .filter_map(|(time, _)| i64::from_str_radix(time, 16).ok())
            .filter_map(|seconds| Some(Timestamp::from_second(seconds).ok()?.to_string()))
            .collect();
        let times = if name == "yash" { times } else { Vec::new() };
        home.must_report(&lines.expected(&home, &format!("~/{file}"), &times));
    }
}

#[test]
fn vim_registers_and_variables() {
    let Some(vim) = tool::find("vim") else { return };
    let lines = EditorLines::new();
    let home = Home::new();
    let quiet = ["-Nes", "-u", "NONE", "-i", ".viminfo", "+set viminfo+=!"].map(str::to_owned);
    home.run(
        &vim,
        [&quiet[..], &lines.commands(), &["+wviminfo!".to_owned(), "+qa!".to_owned()]].concat(),
    );
    home.must_report(&lines.expected(&home, "~/.viminfo"));
}

#[test]
fn nvim_registers_and_variables() {
    let Some(nvim) = tool::find("nvim") else { return };
    let lines = EditorLines::new();
    let home = Home::new();
    let file = ".local/state/nvim/shada/main.shada";
    let quiet = ["--headless", "-u", "NONE", "-i", file, "+set shada+=!"].map(str::to_owned);
    home.run(
        &nvim,
        [&quiet[..], &lines.commands(), &["+wshada!".to_owned(), "+qa!".to_owned()]].concat(),
    );
    home.must_report(&lines.expected(&home, &format!("~/{file}")));
}

/// What an editor keeps between two sessions: a register, a global variable, a command line.
struct EditorLines([String; 3]);

impl EditorLines {
    fn new() -> Self {
        Self([(); 3].map(|()| fake::letters(36)))
    }

    fn commands(&self) -> [String; 3] {
        let Self([register, variable, typed]) = self;
        [
            format!("+let @a = 'export DEPLOY_TOKEN={register}'"),
            format!("+let API_TOKEN = '{variable}'"),
            format!("+call histadd(':', '!mysql -ukim -p{typed} shop')"),
        ]
    }

    fn expected(&self, home: &Home, path: &str) -> [Value; 3] {
        self.0.each_ref().map(|secret| {
            json!({
                "category": "history", "path": path, "storage": "plaintext",
                "credentials": [{"fingerprint": home.fingerprint(secret)}],
            })
        })
    }
}
