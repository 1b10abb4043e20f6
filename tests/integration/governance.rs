//! Governance as a story on homes that tools wrote: what may be, who accepted what and until when, what changed since.

#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, UNIX_EPOCH};

use nhi_scan::rule::sample::expand;
use serde_json::{Value, json};

use crate::machine::{GOOD, Machine};

/// The clock of the story: 24 November 2026, noon.
const NOW: &str = "1795521600";
const LATER: &str = "1795521660";

/// A machine with what aws, kubectl, gh, npm and docker leave, all of it readable by its owner only.
fn machine() -> Machine {
    let machine = Machine::new();
    for fixture in [
        "aws/keys-and-roles",
        "kubectl/every-form",
        "npm/user-project-and-log",
        "docker/plain-logins",
    ] {
        let home =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture).join("home");
        for entry in walkdir::WalkDir::new(&home).into_iter().map(Result::unwrap) {
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(&home).unwrap();
                machine.write(Path::new("~").join(path), fs::read(entry.path()).unwrap());
            }
        }
    }
    let gh = "github.com:\n    user: octo\n    oauth_token: <crc:gho_>\n    git_protocol: https\n";
    machine.write("~/.config/gh/hosts.yml", expand(gh, "before"));
    machine.write("key", "a key of the tests, known to all");
    for entry in walkdir::WalkDir::new(machine.home()).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            chmod(entry.path(), 0o600);
            let written = UNIX_EPOCH + Duration::from_secs(NOW.parse::<u64>().unwrap() - 3600);
            fs::File::options()
                .append(true)
                .open(entry.path())
                .unwrap()
                .set_modified(written)
                .unwrap();
        }
    }
    machine
}

fn chmod(path: &Path, mode: u32) {
    assert!(!path.is_symlink());
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Scans the home at a time, under the machine's key.
fn scan(machine: &Machine, now: &str, args: &[&str]) -> Output {
    let mut command = machine.program();
    command.env("SOURCE_DATE_EPOCH", now).arg(machine.home()).args(["--fingerprint-passwords"]);
    command.arg("--fingerprint-key-file").arg(machine.root.join("key")).args(args);
    command.output().unwrap()
}

/// The JSON report of a scan, and the file it is in.
fn report(machine: &Machine, name: &str, now: &str, args: &[&str]) -> (Value, PathBuf) {
    let out = scan(machine, now, &[&["--format", "json"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let path = machine.write(name, &out.stdout);
    (serde_json::from_slice(&out.stdout).unwrap(), path)
}

fn run(machine: &Machine, args: &[&str]) -> Output {
    machine.program().env("SOURCE_DATE_EPOCH", NOW).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn findings<'r>(report: &'r Value, rule: &str) -> Vec<&'r Value> {
    report["findings"].as_array().unwrap().iter().filter(|it| it["rule"] == rule).collect()
}

/// The words that `diff` says, each with the path below the home and the key.
fn words(machine: &Machine, old: &Path, new: &Path) -> Vec<String> {
    let out =
        run(machine, &["diff", old.to_str().unwrap(), new.to_str().unwrap(), "--format", "json"]);
    let diff: Value = serde_json::from_slice(&out.stdout).unwrap();
    let home = machine.home();
    let changes = diff["changes"].as_array().unwrap().iter().flat_map(|change| {
        let path = Path::new(change["path"].as_str().unwrap());
        let path = path.strip_prefix(&home).unwrap_or(path).display().to_string();
        let key = change["key"].as_str().unwrap_or_default().to_owned();
        change["told"]
            .as_array()
            .unwrap()
            .iter()
            .map(move |told| format!("{} {path} {key}", told["change"].as_str().unwrap()))
    });
    let mut changes: Vec<String> = changes.collect();
    changes.sort();
    changes
}

/// Runs a real tool in the home; whether it is there and did it.
fn tool(machine: &Machine, name: &str, args: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Shims look for their versions in the real home.
    let pyenv = std::env::var_os("PYENV_ROOT").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".pyenv"),
        PathBuf::from,
    );
    let ran = Command::new(name)
        .args(args)
        .env_clear()
        .env("PATH", path)
        .env("PYENV_ROOT", pyenv)
        .env("HOME", machine.home())
        .current_dir(&machine.root)
        .output();
    let did = ran.is_ok_and(|out| out.status.success());
    let how = if did { "rotates" } else { "is not here or fails; its file is edited instead" };
    // Not `eprintln!`: the test harness keeps that to itself when the test passes.
    writeln!(std::io::stderr(), "governance: {name} {how}").ok();
    did
}

/// Replaces a text that a file must have.
fn edit(path: &Path, from: &str, to: &str) {
    assert!(!path.is_symlink());
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

const POLICY: &str = "version: 1
refresh_tokens: false
by_provider:
  aws: {max_age: {api-key: 30}, endless: []}
  npm: {clients: [some-registered-client]}
ignore: {rules: [], paths: ['~/.npm/_logs/*']}
";

/// Three exceptions: one that has ended, one that ends within the time of warning, one that matches nothing.
fn exceptions(ends: &str) -> String {
    format!(
        "version: 1
exceptions:
  # the old key of the CI account
  - {{rule: aws, account: AKIAEIAJIRYZ5CS4WM2F, reason: rotation is planned, owner: platform, ticket: SEC-1, granted: 2026-09-01, expires: 2026-11-01}}
  - {{rule: docker, path: ~/.docker/config.json, reason: the registry has no helper, owner: build, ticket: SEC-2, granted: 2026-10-01, expires: {ends}}}
  - {{rule: vault, reason: gone long ago, owner: nobody, ticket: SEC-3, granted: 2026-11-01, expires: 2027-03-01}}
"
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a story is told from its beginning to its end")]
fn a_story_from_policy_to_what_changed() {
    let machine = machine();
    let policy = machine.write("policy.yaml", POLICY);
    let accepted = machine.write("exceptions.yaml", exceptions("2026-12-01"));
    let (policy, accepted) = (policy.to_str().unwrap(), accepted.to_str().unwrap());
    let governed = ["--policy", policy, "--exceptions", accepted];

    // What may be, and who accepted what.
    let (first, old) = report(&machine, "old.json", NOW, &governed);
    let states: Vec<_> = first["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["state"].as_str().unwrap(), it["findings"].as_array().unwrap().len()))
        .collect();
    assert_eq!(states, [("expired", 1), ("ending", 6), ("in-force", 0)]);
    let ci = findings(&first, "aws")
        .into_iter()
        .find(|it| it["identity"]["account"] == "AKIAEIAJIRYZ5CS4WM2F")
        .unwrap();
    assert!(ci["issues"].as_array().unwrap().contains(&json!("exception-expired")), "{ci}");
    assert!(ci["controls"].as_array().unwrap().contains(&json!("nist-csf:ID.RA-07")), "{ci}");
    assert_eq!(ci["exception"], Value::Null);
    let clauses: Vec<_> =
        ci["policy"].as_array().unwrap().iter().map(|it| it["clause"].as_str().unwrap()).collect();
    assert_eq!(clauses, ["by_provider.aws.endless", "storage"]);
    for docker in findings(&first, "docker")
        .iter()
        .filter(|it| it["location"]["path"].as_str().unwrap().ends_with("config.json"))
    {
        assert_eq!(
            (&docker["exception"]["owner"], &docker["exception"]["ticket"]),
            (&json!("build"), &json!("SEC-2"))
        );
    }
    let refreshing = first["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["lifetime"]["renewable"] == true);
    for it in refreshing.filter(|it| it["lifetime"]["state"] != "expired") {
        assert!(it["policy"].to_string().contains("refresh_tokens"), "{it}");
    }
    // What is accepted or ignored is there, and not counted.
    let summary = &first["summary"];
    let count = |name: &str| usize::try_from(summary[name].as_u64().unwrap()).unwrap();
    assert_eq!((count("accepted"), count("ignored")), (6, 1));
    assert_eq!(count("findings") + 7, first["findings"].as_array().unwrap().len());

    // One that has ended fails a run that may fail; two say so on stderr where there is no table.
    let out = scan(
        &machine,
        NOW,
        &[&governed[..], &["--fail-on", "critical", "--format", "oneline"]].concat(),
    );
    assert_eq!(out.status.code(), Some(1));
    let told = text(&out.stderr);
    for line in [
        "(platform, SEC-1) ended 2026-11-01",
        "(build, SEC-2) ends 2026-12-01",
        "(nobody, SEC-3) is in force and matches nothing",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let out = scan(&machine, NOW, &governed);
    assert_eq!(out.status.code(), Some(0), "without --fail-on nothing fails");
    for line in [
        "exception expired: rule aws, account AKIAEIAJIRYZ5CS4WM2F",
        "exception ends soon: rule docker",
        "exception matches nothing: rule vault",
    ] {
        assert!(text(&out.stdout).contains(line), "{}", text(&out.stdout));
    }

    // Nothing has changed yet.
    let (_, again) = report(&machine, "again.json", LATER, &governed);
    assert_eq!(words(&machine, &old, &again), Vec::<String>::new());

    // A token rotated with each tool, or where it is not here by an edit of its file; one copied; one opened to everyone.
    let aws = machine.home().join(".aws/credentials");
    let secret = expand("<40>", "after");
    let set = |name: &str, value: &str| {
        tool(&machine, "aws", &["configure", "set", name, value, "--profile", "default"])
    };
    if !(set("aws_access_key_id", "AKIAZ7JAVCA3D3CET7X5") && set("aws_secret_access_key", &secret))
    {
        edit(&aws, "AKIA2X7JAVCA3D3CET75", "AKIAZ7JAVCA3D3CET7X5");
        edit(&aws, "zmrE6qCcYdthSd/nr+uXOjTdWA6oU/Vk3T1JtWvy", &secret);
    }
    let kube = machine.home().join(".kube/config");
    let token = expand("o6r377.<16>", "after").to_lowercase();
    let kubeconfig = format!("--kubeconfig={}", kube.display());
    let given = format!("--token={token}");
    if !tool(&machine, "kubectl", &["config", &kubeconfig, "set-credentials", "bootstrap", &given])
    {
        edit(&kube, "o6r377.9t9nopdb67rzq9e9", &token);
    }
    let hosts = machine.home().join(".config/gh/hosts.yml");
    let before = fs::read_to_string(&hosts).unwrap();
    let old_token = before.split("oauth_token: ").nth(1).unwrap().lines().next().unwrap();
    edit(&hosts, old_token, &expand("<crc:gho_>", "after"));
    let npmrc = fs::read(machine.home().join("src/app/.npmrc")).unwrap();
    chmod(&machine.write("~/backup/src/app/.npmrc", npmrc), 0o600);
    chmod(&machine.home().join(".dockercfg"), 0o644);

    let (_, new) = report(&machine, "new.json", LATER, &governed);
    let told = words(&machine, &old, &new);
    let expected = [
        "copied backup/src/app/.npmrc //npm.acme.example:_authToken",
        "re-permissioned .dockercfg auths.https://index.docker.io/v1/.auth",
        "rotated .aws/credentials default.aws_secret_access_key",
        "rotated .config/gh/hosts.yml github.com.octo",
        "rotated .kube/config users[bootstrap].token",
    ];
    assert_eq!(told, expected);

    // A run held against its baseline fails for what was not there, and only for that.
    let baseline = ["--baseline", old.to_str().unwrap()];
    let in_force = machine.write(
        "later.yaml",
        exceptions("2026-12-01").replace("expires: 2026-11-01", "expires: 2026-12-31"),
    );
    let governed = ["--policy", policy, "--exceptions", in_force.to_str().unwrap()];
    let fails = |on: &str| {
        let out = scan(
            &machine,
            LATER,
            &[&governed[..], &baseline, &["--fail-on", on, "--format", "json"]].concat(),
        );
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(report["baseline"]["counts"]["copied"], 1);
        out.status.code().unwrap()
    };
    assert_eq!((fails("new"), fails("critical")), (1, 0));
    let out = run(
        &machine,
        &["diff", old.to_str().unwrap(), again.to_str().unwrap(), "--fail-on", "new"],
    );
    assert_eq!(out.status.code(), Some(0));
    let out =
        run(&machine, &["diff", old.to_str().unwrap(), new.to_str().unwrap(), "--fail-on", "new"]);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stdout));

    let out = scan(&machine, LATER, &[&governed[..], &baseline, &["--format", "sarif"]].concat());
    let sarif: Value = serde_json::from_slice(&out.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let states = |state: &str| results.iter().filter(|it| it["baselineState"] == state).count();
    // Three rotated, one opened to everyone, one accepted; one is new, all others are as they were.
    assert_eq!((states("new"), states("updated"), states("unchanged")), (1, 5, results.len() - 6));

    // The exception begun again is told as well.
    let (_, begun) = report(&machine, "begun.json", LATER, &governed);
    assert_eq!(
        words(&machine, &new, &begun),
        ["exception-begun .aws/credentials ci.aws_secret_access_key"]
    );
    assert_eq!(
        words(&machine, &begun, &new),
        ["exception-ended .aws/credentials ci.aws_secret_access_key"]
    );

    // And the series proves the rotations.
    let args = [
        "history",
        "--format",
        "json",
        new.to_str().unwrap(),
        old.to_str().unwrap(),
        again.to_str().unwrap(),
    ];
    let history: Value = serde_json::from_slice(&run(&machine, &args).stdout).unwrap();
    let rotated = history["grants"].as_array().unwrap().iter();
    let mut rotated: Vec<_> = rotated
        .filter(|it| it["rotations"] != json!([]))
        .map(|it| it["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    rotated.sort_unstable();
    assert_eq!(rotated, ["config", "credentials", "hosts.yml"]);
}

#[test]
fn what_is_not_sound_scans_nothing() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    for (flag, content, told) in [
        (
            "--policy",
            "version: 1\nmax_age: {api-kay: 3}\nreach: -1\n",
            &["policy.yaml:2:11: unknown key `api-kay` (did you mean `api-key`?)", ":3:8:"][..],
        ),
        ("--policy", "\u{0}", &["policy.yaml:1:"]),
        (
            "--exceptions",
            "version: 1\nexceptions:\n- {rule: vault, reason: r, owner: o, ticket: t, granted: 2026-01-01, expires: 2027-01-01}\n",
            &["the policy grants at most 180 days"],
        ),
        (
            "--exceptions",
            "version: 1\nexceptions:\n- {rule: vault}\n",
            &[
                "`reason` is missing",
                "`owner` is missing",
                "`ticket` is missing",
                "`granted` is missing",
                "`expires` is missing",
            ],
        ),
    ] {
        let path = machine.write("policy.yaml", content);
        let out = machine.program().arg(machine.home()).arg(flag).arg(&path).output().unwrap();
        assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0));
        let stderr = text(&out.stderr);
        for told in told {
            assert!(stderr.contains(told), "{told}: {stderr}");
        }
    }
    let large = machine.write("large.yaml", "# ".to_owned() + &"x".repeat(1 << 20));
    for path in [large, machine.root.join("nothing"), machine.home()] {
        let out = machine.program().arg(machine.home()).arg("--policy").arg(path).output().unwrap();
        assert_eq!(out.status.code(), Some(2));
    }
    let out = machine.program().arg(machine.home()).args(["--fail-on", "new"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn an_entry_is_written_for_a_finding_and_accepts_it() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let (first, path) = report_plain(&machine);
    let id = first["findings"][0]["id"].as_str().unwrap();
    let file = machine.write("exceptions.yaml", "# ours\nversion: 1\nexceptions: []\n");
    chmod(&file, 0o640);
    let add = |finding: &str, expires: &str| {
        let args = [
            "exceptions",
            "add",
            finding,
            "--report",
            path.to_str().unwrap(),
            "--file",
            file.to_str().unwrap(),
        ];
        let fields = [
            "--reason",
            "a \"quoted\" reason",
            "--owner",
            "me",
            "--ticket",
            "T-1",
            "--expires",
            expires,
        ];
        run(&machine, &[&args[..], &fields].concat())
    };
    assert_eq!(add("ffffff", "2026-12-31").status.code(), Some(2));
    assert_eq!(add(&id[5..13], "2028-01-01").status.code(), Some(2), "more than the policy grants");
    assert_eq!(add(&id[5..13], "2026-12-31T00:00:00+01:00").status.code(), Some(2), "not UTC");
    let out = add(&id[5..13], "2026-12-31");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("# ours\nversion: 1\nexceptions:\n  - finding: "), "{written}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let shown = file.to_str().unwrap();
    let out = run(&machine, &["exceptions", "lint", shown, "--report", path.to_str().unwrap()]);
    assert!(
        out.status.success() && text(&out.stdout).ends_with("every exception is well-formed\n")
    );
    let out = run(
        &machine,
        &["exceptions", "list", shown, "--report", path.to_str().unwrap(), "--format", "json"],
    );
    let listed: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&listed[0]["state"], &listed[0]["findings"]), (&json!("in-force"), &json!([id])));
    let out = machine
        .program()
        .env("SOURCE_DATE_EPOCH", NOW)
        .arg(machine.home())
        .args(["--exceptions", shown, "--fail-on", "info"])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));

    let link = machine.root.join("link.yaml");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let args = [
        "exceptions",
        "add",
        id,
        "--file",
        link.to_str().unwrap(),
        "--reason",
        "r",
        "--owner",
        "o",
        "--ticket",
        "t",
        "--expires",
        "2026-12-01",
    ];
    assert_eq!(run(&machine, &args).status.code(), Some(2), "a link is not written through");
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

fn report_plain(machine: &Machine) -> (Value, PathBuf) {
    let out = machine
        .program()
        .env("SOURCE_DATE_EPOCH", NOW)
        .arg(machine.home())
        .args(["--format", "json"])
        .output()
        .unwrap();
    let path = machine.write("report.json", &out.stdout);
    (serde_json::from_slice(&out.stdout).unwrap(), path)
}

/// Every verb of governance has its answer, in the report and on the page of a finding.
#[test]
fn every_verb_of_governance_is_answered() {
    let machine = machine();
    let policy = machine.write("policy.yaml", "{version: 1, clients: [178c6fc778ccc68e1d6a]}");
    let policy = ["--policy", policy.to_str().unwrap()];
    let (report, path) = report(&machine, "r.json", NOW, &policy);
    let gh = findings(&report, "gh")[0];
    assert_eq!(gh["identity"]["client_id"], "178c6fc778ccc68e1d6a");
    assert_eq!(gh["client"], json!({"first_party": true, "listed": true}));
    assert_eq!(
        (&gh["custody"]["storage"], &gh["custody"]["mode"]),
        (&json!("plaintext"), &json!("0600"))
    );
    assert!(!gh["scope"]["scopes"].as_array().unwrap().is_empty());
    assert_eq!(gh["rotation"]["evidence"], "file-modified");
    assert!(gh["rotation"]["last_at"].is_string() && gh["rotation"]["limit_days"].is_u64());
    assert!(gh["end"]["revoke"].is_string() && gh["end"]["logout"].is_string());
    assert!(gh["also_in"].is_array());
    let page = run(&machine, &["explain", gh["id"].as_str().unwrap(), path.to_str().unwrap()]);
    let page = text(&page.stdout);
    for line in [
        "client      GitHub CLI (178c6fc778ccc68e1d6a)",
        "registered  by the provider itself, on the policy's list",
        "kept        plaintext, mode 0600",
        "scopes ",
        "rotated     not since ",
        "revoke ",
        "policy      storage: kept in plaintext",
        "controls ",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[test]
fn controls_are_counted_and_explained() {
    let machine = machine();
    let (report, path) = report(&machine, "r.json", NOW, &[]);
    let path = path.to_str().unwrap();
    let out = run(&machine, &["controls", "--report", path, "--format", "json"]);
    let controls: Value = serde_json::from_slice(&out.stdout).unwrap();
    let secret_leakage =
        controls.as_array().unwrap().iter().find(|it| it["id"] == "NHI2:2025").unwrap();
    let touching =
        report["findings"].as_array().unwrap().iter().filter(|it| {
            it["controls"].as_array().unwrap().contains(&json!("owasp-nhi:NHI2:2025"))
        });
    assert_eq!(secret_leakage["findings"], touching.count());
    for (id, told) in [
        ("NHI-03", "owasp-nhi:NHI7:2025  Long-Lived Secrets  (owasp-nhi 2025)"),
        ("PR.AC-1", "nist-csf:PR.AA-01  (nist-csf 2.0)"),
        ("long-lived", "attack:T1528  Steal Application Access Token"),
        ("ia-5.7", "nist-800-53:IA-5(7)  No Embedded Unencrypted Static Authenticators"),
    ] {
        let out = run(&machine, &["controls", id]);
        assert!(text(&out.stdout).contains(told), "{id}: {}", text(&out.stdout));
    }
    let out = run(&machine, &["controls", "PR.AB-01"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("did you mean `PR.AA-01`?"), "{}", text(&out.stderr));
}

#[test]
fn what_is_written_is_as_published() {
    let machine = machine();
    let (_, old) = report(&machine, "old.json", NOW, &[]);
    machine.write("~/.vault-token", GOOD);
    let baseline = ["--baseline", old.to_str().unwrap()];
    let (_, new) = report(&machine, "new.json", LATER, &baseline);
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    for (name, args) in [
        ("diff", &["diff", old, new, "--format", "json"][..]),
        ("history", &["history", old, new, "--format", "json"]),
        ("report", &["report", new, "--format", "json"]),
        ("policy", &["policy", "show", "--format", "json"]),
    ] {
        let schema: Value =
            serde_json::from_slice(&run(&machine, &["schema", name]).stdout).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let document: Value = serde_json::from_slice(&run(&machine, args).stdout).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
}

/// Reports of before there were policies and exceptions are read, compared and followed still.
#[test]
fn reports_of_earlier_versions_are_read() {
    let machine = machine();
    let (mut report, new) = report(&machine, "new.json", NOW, &[]);
    for name in ["policy", "exceptions"] {
        report.as_object_mut().unwrap().remove(name);
    }
    for name in ["accepted", "ignored"] {
        report["summary"].as_object_mut().unwrap().remove(name);
    }
    for finding in report["findings"].as_array_mut().unwrap() {
        for name in ["policy", "client", "rotation", "ignored"] {
            assert!(finding.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
    }
    let old = machine.write("old.json", report.to_string());
    assert_eq!(words(&machine, &old, &new), Vec::<String>::new());
    for args in [
        &["history", old.to_str().unwrap(), new.to_str().unwrap()][..],
        &["report", old.to_str().unwrap()],
    ] {
        let out = run(&machine, args);
        assert!(out.status.success(), "{}", text(&out.stderr));
    }
    let out = run(&machine, &["report", new.to_str().unwrap(), "--fail-on", "new"]);
    assert_eq!(out.status.code(), Some(2), "it has no baseline");
}
