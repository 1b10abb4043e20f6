//! The README says what is so: its counts, screens and tables come from the program, its rule passes its own tests, its
//! commands run. `UPDATE_README=1 cargo test --test readme` writes what has changed.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and reads its own files and environment"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use nhi_scan::parse;
use nhi_scan::report::SkipReason;
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::pack::Pack;
use nhi_scan::rule::pages;

/// The clock of the screens.
const NOW: u64 = 1_795_521_600;

#[test]
fn readme_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let home = demo_home(scratch.path());
    let parts = [
        ("counts", counts()),
        ("tools", pages::by_category_table(&RuleSet::built_in().ok().unwrap())),
        ("screen-140", fenced(&screen(&home, "140"))),
        ("screen-80", fenced(&screen(&home, "80"))),
        ("explain", fenced(&explained(&home))),
        ("skip-reasons", skip_reasons()),
        ("formats", formats()),
        ("output-formats", output_formats()),
    ];
    let current = parts.iter().fold(text.clone(), |text, (name, part)| with(&text, name, part));
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, &current).unwrap();
        return;
    }
    assert!(
        text == current,
        "README.md is not current: UPDATE_README=1 cargo test --test readme\n{current}"
    );
}

#[test]
fn the_rule_in_the_readme_passes_its_tests() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let rule = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo-cli.yaml");
    fs::write(&file, rule).unwrap();
    let out = run(Command::new(binary()).args(["rules", "test"]).arg(&file));
    assert!(out.contains("3 passed, 0 failed"), "{out}");
    let pack = folder.path().join("pack");
    fs::create_dir_all(pack.join("caches/saas")).unwrap();
    fs::copy(&file, pack.join("caches/saas/demo-cli.yaml")).unwrap();
    let out = run(Command::new(binary()).args(["rules", "check"]).arg(&pack));
    assert!(out.contains("every rule is well-formed"), "{out}");
}

/// Every command of the README's tables parses: `--help` at its end makes it end there.
#[test]
fn the_commands_in_the_readme_exist() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut seen = 0;
    for command in text.split('`').filter(|code| code.starts_with("nhi-scan ")) {
        let words = command.split_whitespace().skip(1).filter(|word| !word.starts_with(['…', '<']));
        let out = Command::new(binary()).args(words).arg("--help").output().unwrap();
        assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} commands in the README");
}

fn binary() -> PathBuf {
    assert_cmd::cargo::cargo_bin!("nhi-scan").to_owned()
}

fn run(command: &mut Command) -> String {
    let out = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// The demo home, as old at the clock of the screens as it says.
fn demo_home(scratch: &Path) -> PathBuf {
    let dir = scratch.join("demo");
    run(Command::new(binary()).arg("demo").arg(&dir));
    let shift = std::time::SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(NOW));
    for entry in walkdir::WalkDir::new(&dir)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
    {
        let modified = entry.metadata().unwrap().modified().unwrap();
        let then = match &shift {
            Ok(later) => modified - *later,
            Err(earlier) => modified + earlier.duration(),
        };
        fs::File::options().append(true).open(entry.path()).unwrap().set_modified(then).unwrap();
    }
    dir.join("home/demo")
}

fn scan(home: &Path, width: &str) -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("HOME", home)
        .env("COLUMNS", width)
        .env("SOURCE_DATE_EPOCH", NOW.to_string());
    command
}

/// The screen, without what is this machine's and this run's.
fn screen(home: &Path, width: &str) -> String {
    let out = run(&mut scan(home, width));
    let mut lines: Vec<String> = out.lines().map(|line| line.trim_end().to_owned()).collect();
    if let Some(first) = lines.first_mut() {
        let files = first.split(" · ").nth(2).unwrap_or_default().to_owned();
        *first = format!("nhi-scan {} · ~ on laptop · {files} · …", env!("CARGO_PKG_VERSION"));
    }
    // What is in force is the machine's.
    if let Some(enforced) = lines.get_mut(1) {
        *enforced = "Read-only (enforced by Landlock), no network (enforced by seccomp)".into();
    }
    stable_ids(&lines.join("\n"))
}

/// Ids come from absolute paths, which are this run's: each is replaced by one that depends on its rank alone.
fn stable_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() >= 6 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ids = text.lines().filter_map(|line| line.split(' ').next()).filter(|word| is_id(word));
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.iter().enumerate().fold(text.to_owned(), |text, (rank, id)| {
        text.replace(id, &format!("{:06x}", (rank as u64 + 1) * 0x9e37_79b1 % 0x00ff_ffff))
    })
}

fn explained(home: &Path) -> String {
    let screen = run(&mut scan(home, "140"));
    let id = screen
        .lines()
        .find(|line| line.contains("AWS CLI"))
        .and_then(|line| line.split(' ').next())
        .unwrap();
    let out = run(scan(home, "100").args(["explain", id]));
    let owner = |line: &str| line.split(", owner ").next().unwrap_or_default().to_owned();
    let lines = out.lines().map(|line| {
        if line.contains("hs1:") {
            line.split("hs1:").next().unwrap_or_default().to_owned() + "hs1:…"
        } else {
            owner(line).trim_end().to_owned()
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let whole =
        text.split("nhi1:").nth(1).and_then(|rest| rest.split('\n').next()).unwrap_or_default();
    text.replace(whole, "3fa91c…").replace(id, "3fa91c")
}

fn counts() -> String {
    let pack = Pack::new(RuleSet::built_in().ok().unwrap()).unwrap();
    let tools: std::collections::BTreeSet<&str> =
        pack.rules().iter().map(|loaded| loaded.rule.tool.as_str()).collect();
    format!(
        "{} cache rules for {} tools, {} command rules, {} token shapes; `nhi-scan rules list` names the tools.\n",
        pack.rules().len(),
        tools.len(),
        pack.commands.rules().len(),
        pack.tokens.iter().count()
    )
}

fn formats() -> String {
    let rows =
        parse::FORMATS.iter().map(|format| format!("| `{}` | {} |\n", format.name, format.about));
    format!("| format | its document |\n|---|---|\n{}", rows.collect::<String>())
}

fn output_formats() -> String {
    let endings = |endings: &[&str]| {
        let named: Vec<String> = endings.iter().map(|ending| format!("`.{ending}`")).collect();
        named.join(" ")
    };
    let rows = nhi_scan::output::FORMATS.iter().map(|format| {
        format!("| `{}` | {} | {} |\n", format.name, endings(format.endings), format.about)
    });
    format!("| format | endings | what it is |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn skip_reasons() -> String {
    let schema = schemars::schema_for!(SkipReason).to_value();
    let names =
        schema["enum"].as_array().into_iter().flatten().chain(
            schema["oneOf"].as_array().into_iter().flatten().flat_map(|one| {
                one["enum"].as_array().into_iter().flatten().chain([&one["const"]])
            }),
        );
    let names: Vec<String> =
        names.filter_map(|name| name.as_str()).map(|name| format!("`{name}`")).collect();
    assert!(names.len() > 10, "{schema}");
    format!("{}\n", names.join(" "))
}

fn fenced(text: &str) -> String {
    format!("```text\n{text}\n```\n")
}

/// The text with the part between its marks replaced.
fn with(text: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no mark for {name}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no end mark for {name}"));
    format!("{before}{begin}{part}{end}{after}")
}

/// The page on governance is run from its beginning to its end: files are written, commands run in their order, and what they say
/// is what stands below them, but for ids, digests and paths of the run.
#[test]
fn the_governance_page_does_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/governance.md");
    let page = fs::read_to_string(page).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    demo_home(scratch.path());
    fs::rename(scratch.path().join("demo"), scratch.path().join("demo-home")).unwrap();
    fs::write(scratch.path().join("org.key"), "a key of the tests, known to all").unwrap();
    let mut ran = 0;
    for (before, block) in blocks(&page) {
        let (language, text) = block.split_once('\n').unwrap();
        if language == "yaml" {
            let name = before.trim_end().rsplit('`').nth(1).unwrap();
            fs::write(scratch.path().join(name), text).unwrap();
            continue;
        }
        assert_eq!(language, "console");
        for command in text.strip_prefix("$ ").unwrap().split("\n$ ") {
            check(command, scratch.path());
            ran += 1;
        }
    }
    assert!(ran >= 16, "only {ran} commands on the page");
}

/// The fenced blocks of a page, each with what stands before it.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = page.split("```").collect();
    parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

fn check(command: &str, folder: &Path) {
    let (line, told) = command.split_once('\n').unwrap_or((command, ""));
    let (status, told) = match told.strip_prefix("? ") {
        Some(rest) => rest.split_once('\n').unwrap(),
        None => ("0", told),
    };
    let program = binary();
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let out = Command::new("sh")
        .args(["-c", &line.replace("VAULT", &vault_id(folder))])
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.join("nowhere"))
        .env("SOURCE_DATE_EPOCH", NOW.to_string())
        .current_dir(folder)
        .output()
        .unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(out.status.code().unwrap().to_string(), status, "{line}: {said}");
    let folder = format!("{}/", folder.canonicalize().unwrap().display());
    let mut rest = said.lines().map(|line| plain(&line.replace(&folder, "")));
    for wanted in told.lines().filter(|line| !line.is_empty() && *line != "[..]") {
        let (begin, end) = wanted.split_once("[..]").unwrap_or((wanted, ""));
        let (begin, end) = (plain(begin), plain(end));
        let fits = |line: &String| {
            if wanted.contains("[..]") {
                line.starts_with(&begin) && line.ends_with(&end)
            } else {
                *line == begin
            }
        };
        assert!(rest.any(|line| fits(&line)), "{line}: no `{wanted}` in\n{said}");
    }
}

/// Ids and digests come from absolute paths, names from the machine; columns are as wide as these are long.
fn plain(line: &str) -> String {
    let is_hex = |word: &str| {
        word.len() >= 6
            && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let words = line
        .split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | ':'))
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = words.map(|word| if is_hex(word) { "ID" } else { word }).collect();
    if line.starts_with("# What changed on") {
        "# What changed on a machine".into()
    } else {
        words.join(" ")
    }
}

/// The short id of the Vault token, once a report has it.
fn vault_id(folder: &Path) -> String {
    let Ok(report) = fs::read(folder.join("old.json")) else { return String::new() };
    let report: nhi_scan::report::Report = serde_json::from_slice(&report).unwrap();
    let vault = report.findings.iter().find(|finding| finding.rule == "vault").unwrap();
    vault.id[5..13].to_owned()
}
