//! Every format is accepted by its own validator: of a real home, of nothing, of hostile names, of thousands of findings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nhi_scan::output::FORMATS;
use serde_json::{Value, json};

use crate::machine::{GOOD, Machine, report};

/// What a name can try in a terminal, a page, a table, a spreadsheet, a shell.
const HOSTILE: &str = "=1+1\u{1b}[2J\u{7}</script><img src=x onerror=alert(1)>|`&\"'\n\r\t\u{202e}\0\u{fffe}\u{e0041}]]>${x} ";

/// Fields of a finding that files write.
const WRITTEN: &[&str] = &[
    "rule",
    "tool",
    "provider",
    "category",
    "title",
    "account",
    "tenant",
    "host",
    "issuer",
    "audience",
    "client_id",
    "client_name",
    "name",
    "scopes",
    "roles",
    "reach",
    "held_by",
    "owner",
    "path",
    "key",
    "layer",
    "logout",
    "revoke",
    "verify",
    "better",
    "token_type",
    "text",
    "change",
];

#[test]
fn a_report_is_rewritten_without_a_scan() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let scanned = machine.scan(&["--no-env"]);
    let file = machine.write("report.json", scanned.to_string());
    let again =
        machine.program().arg("report").arg(&file).args(["--format", "json"]).output().unwrap();
    assert_eq!(report(&again), scanned);
    let piped = machine
        .program()
        .args(["report", "-", "--format", "oneline", "--fail-on", "info"])
        .write_stdin(scanned.to_string())
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(1), "--fail-on judges");
    assert!(piped.stdout.starts_with(b"nhi-scan: "));
    let torn = machine.write("torn.json", "{\"schema_version\": \"secret");
    let refused = machine.program().arg("report").arg(&torn).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("secret"));
}

#[test]
fn every_format_is_accepted_by_its_validator() {
    let machine = Machine::new();
    machine.program().args(["demo", "demo"]).assert().success();
    machine.write("~/.docker/config.json", "{");
    let real = machine.scan(&["--no-env"]);
    let cases = machine.root.join("cases");
    for (name, report) in [
        ("real", real.clone()),
        ("empty", empty(&real)),
        ("hostile", hostile(&real)),
        ("many", many(&real, 5_000)),
    ] {
        write_all(&machine, &cases.join(name), &report);
    }
    let Some((python, node)) = validators() else {
        println!("skipped: NHI_SCAN_VALIDATORS names no folder of validators (.ci/run makes one)");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validators/check.py");
    let output = Command::new(python).arg(script).arg(&cases).arg(&node).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    let refused: Vec<&str> = told.lines().filter(|line| line.contains("REFUSED")).collect();
    assert!(output.status.success(), "{refused:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    meet_in_a_browser(&cases, &node);
}

/// Search, sorting, links, copying, paper, contrast, widths; and nothing asked of anyone else.
fn meet_in_a_browser(cases: &Path, node: &Path) {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(Path::new);
    let chromium = chromium.into_iter().find(|path| path.exists());
    let Some(chromium) = chromium.filter(|_| node.join("playwright-core").exists()) else {
        println!("skipped: no Chromium, or no Playwright, to meet the page in");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validators/page.mjs");
    let pages = ["real", "empty", "hostile", "many"].map(|name| {
        // A browser goes by the ending.
        let page = cases.join(format!("{name}.html"));
        fs::copy(cases.join(name).join("html"), &page).unwrap();
        page
    });
    let output =
        Command::new("node").arg(script).arg(chromium).arg(node).args(pages).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Python with the validators' packages, and the folder of those from npm.
fn validators() -> Option<(PathBuf, PathBuf)> {
    let folder = PathBuf::from(std::env::var_os("NHI_SCAN_VALIDATORS")?);
    let python = folder.join("venv/bin/python");
    python.exists().then(|| (python, folder.join("node_modules")))
}

/// A report in every format, each in a file of the format's name, and the schemas it keeps to.
fn write_all(machine: &Machine, folder: &Path, report: &Value) {
    fs::create_dir_all(folder).unwrap();
    let source = folder.join("source");
    fs::write(&source, report.to_string()).unwrap();
    let targets = FORMATS.iter().filter(|format| format.name != "table");
    let targets = targets.map(|it| format!("{}={}", it.name, folder.join(it.name).display()));
    let mut command = machine.program();
    command.arg("report").arg(&source);
    for target in targets {
        command.args(["-o", &target]);
    }
    command.assert().success();
    for name in ["report", "ndjson"] {
        let schema = machine.program().args(["schema", name]).output().unwrap().stdout;
        fs::write(folder.join(format!("{name}.schema")), schema).unwrap();
    }
}

fn empty(real: &Value) -> Value {
    let mut report = real.clone();
    report["findings"] = json!([]);
    report["coverage"]["skipped"] = json!([]);
    report["coverage"]["complete"] = true.into();
    report["summary"] = json!({"findings": 0, "grants": 0, "by_severity": {}, "by_tool": []});
    report
}

fn hostile(real: &Value) -> Value {
    let mut report = real.clone();
    spoil(&mut report["findings"], false);
    spoil(&mut report["host"]["name"], true);
    report["scan"]["roots"] = json!([HOSTILE, "/"]);
    report["findings"][0]["exception"] =
        json!({"reason": HOSTILE, "owner": HOSTILE, "expires": "2027-01-01T00:00:00Z"});
    report["coverage"]["skipped"] = json!([{"path": HOSTILE, "reason": "malformed", "count": 3}]);
    report["coverage"]["complete"] = false.into();
    report
}

fn spoil(value: &mut Value, written: bool) {
    match value {
        Value::String(text) if written => text.insert_str(0, HOSTILE),
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, written)),
        Value::Object(members) => {
            for (name, member) in members {
                spoil(member, WRITTEN.contains(&name.as_str()));
            }
        }
        _ => {}
    }
}

fn many(real: &Value, number: usize) -> Value {
    let mut report = real.clone();
    let known = real["findings"].as_array().unwrap();
    let findings = (0..number).map(|at| {
        let mut finding = known[at % known.len()].clone();
        finding["id"] = format!("nhi1:{at:08x}{:024x}", at.wrapping_mul(2_654_435_761)).into();
        finding["location"]["path"] = format!("/home/u{at}/.config/tool-{at}/token").into();
        finding["also_in"] = json!([]);
        finding
    });
    let mut findings: Vec<Value> = findings.collect();
    findings.sort_by_key(|it| std::cmp::Reverse(it["score"]["total"].as_u64()));
    report["summary"]["findings"] = number.into();
    report["summary"]["grants"] = number.into();
    report["findings"] = findings.into();
    report["scan"]["roots"] = json!(["/"]);
    report
}
