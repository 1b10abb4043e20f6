//! The command line: what is said, where it goes, and with which status it ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::machine::{GOOD, Machine, PROGRAM, findings_below, report, skips_of};

const AWS: &str = "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n";

/// Whole conversations, as files.
#[test]
fn conversations() {
    let home = tempfile::tempdir().unwrap();
    let cases = trycmd::TestCases::new();
    for (name, value) in [
        ("HOME", &*home.path().to_string_lossy()),
        ("NO_COLOR", "1"),
        ("COLUMNS", "100"),
        ("LC_ALL", "C.UTF-8"),
    ] {
        cases.env(name, value);
    }
    cases.default_bin_name("nhi-scan").case("tests/cli/*.trycmd");
}

#[test]
fn statuses() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write("bad/home/user/.docker/config.json", "{");
    machine.write("clean/x", "");
    for (args, status) in [
        (&["home"][..], 0),
        (&["clean"], 0),
        (&["bad"], 0),
        (&["home", "--fail-on", "low"], 1),
        (&["home", "--fail-on", "critical"], 0),
        (&["clean", "--fail-on", "info"], 0),
        (&["nowhere"], 2),
        (&["home", "--rule", "nothing"], 2),
        (&["home", "--tool", "nothing"], 2),
        (&["home", "--max-time", "soon"], 2),
        (&["home", "--no-such-flag"], 2),
        (&["home", "--quick", "--thorough"], 2),
        (&["home", "-q", "-v"], 2),
        (&["home", "-o", "report.unknown"], 2),
        (&["home", "--fingerprint-passwords"], 2),
        (&["home", "--fingerprint-key-file", "clean/x"], 2),
        (&["home", "--exclude", "[b-a"], 2),
        (&["bad", "--require-complete"], 3),
        (&["bad", "home", "--require-complete", "--fail-on", "info"], 3),
        (&["home", "--max-time", "0s", "--require-complete"], 3),
        (&["home", "-o", "nowhere/report.json"], 4),
        (&["home", "-o", "nowhere/report.json", "--fail-on", "info"], 4),
        (&["explain", "ffffff", "clean/x"], 2),
        (&["schema", "nothing"], 2),
    ] {
        let output = machine.program().args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert_eq!(stderr.is_empty(), !matches!(status, 2 | 4), "{args:?}: {stderr}");
        if matches!(status, 2) {
            assert!(output.stdout.is_empty(), "{args:?}: nothing was scanned");
        }
    }
}

#[test]
fn outputs_go_where_they_are_sent() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let both = ["home", "-o", "a.json", "-o", "ndjson=b"];
    let output = machine.program().args(both).output().unwrap();
    assert_eq!(
        (output.status.code(), &*output.stdout, &*output.stderr),
        (Some(0), &b""[..], &b""[..])
    );
    let json: Value =
        serde_json::from_slice(&fs::read(machine.root.join("a.json")).unwrap()).unwrap();
    assert_eq!(json["summary"]["findings"], 1);
    let lines = fs::read_to_string(machine.root.join("b")).unwrap();
    assert!(lines.starts_with("{\"type\":\"scan.start\"") && lines.lines().count() == 3, "{lines}");
    #[cfg(unix)]
    for name in ["a.json", "b"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(machine.root.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let names: Vec<_> =
        fs::read_dir(&machine.root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing temporary is left: {names:?}");

    let output =
        machine.program().args(["home", "-o", "a,b.json", "--format", "table"]).output().unwrap();
    assert!(output.stdout.starts_with(b"nhi-scan "), "--format speaks on stdout all the same");
    assert!(machine.root.join("a,b.json").is_file());
    let output = machine.program().args(["home", "-o", "json=-"]).output().unwrap();
    assert_eq!(report(&output)["summary"]["findings"], 1);
}

#[test]
fn a_scan_can_be_narrowed() {
    let machine = Machine::new();
    let token = machine.write("~/.vault-token", GOOD);
    let keys = machine.write("~/.aws/credentials", AWS);
    let backup = machine.write("~/backup/.aws/credentials", AWS);
    let found = |args: &[&str]| {
        let report = machine.scan(args);
        [&token, &keys, &backup].map(|path| findings_below(&report, path).len())
    };
    assert_eq!(found(&[]), [1, 1, 1]);
    assert_eq!(found(&["--rule", "vault"]), [1, 0, 0]);
    assert_eq!(found(&["--tool", "aws cli"]), [0, 1, 1]);
    assert_eq!(found(&["--tool", "aws", "--rule", "vault"]), [1, 1, 1]);
    assert_eq!(found(&["--exclude", "backup"]), [1, 1, 0]);
    assert_eq!(found(&["--exclude", "{backup,.vault-token}"]), [0, 1, 0]);
    assert_eq!(found(&["--quick"]), [1, 1, 0], "--quick looks at known places alone");
    let quick = machine.scan(&["--quick"]);
    assert_eq!(quick["scan"]["mode"], "quick");
    machine.write("~/a/b/c/d/e/f", "");
    assert_eq!(
        machine.scan(&["--quick"])["coverage"]["directories"],
        quick["coverage"]["directories"],
        "and does not walk"
    );

    let mut file = machine.program();
    let report = report(&file.arg(&keys).args(["--format", "json"]).output().unwrap());
    assert_eq!(findings_below(&report, &keys).len(), 1, "a PATH may be a file");
    assert_eq!(report["summary"]["findings"], 1);
}

#[test]
fn time_runs_out() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let report = machine.scan(&["--max-time", "0s"]);
    assert_eq!(report["coverage"]["complete"], false);
    assert_eq!(skips_of(&report, &machine.root), ["time-budget"]);
}

#[test]
fn variables_stand_for_flags() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write("~/backup/.vault-token", GOOD);
    let run = |variables: &[(&str, &str)]| {
        let mut program = machine.program();
        program.envs(variables.iter().copied()).arg("home").output().unwrap()
    };
    let json = ("NHI_SCAN_FORMAT", "json");
    assert_eq!(report(&run(&[json]))["summary"]["findings"], 2);
    for (name, value) in [
        ("NHI_SCAN_QUICK", "1"),
        ("NHI_SCAN_QUICK", "true"),
        ("NHI_SCAN_QUICK", "yes"),
        ("NHI_SCAN_EXCLUDE", "backup"),
    ] {
        assert_eq!(
            report(&run(&[json, (name, value)]))["summary"]["findings"],
            1,
            "{name}={value}"
        );
    }
    for (name, value) in
        [("NHI_SCAN_QUICK", "0"), ("NHI_SCAN_QUICK", "false"), ("NHI_SCAN_RULE", "vault,aws")]
    {
        assert_eq!(
            report(&run(&[json, (name, value)]))["summary"]["findings"],
            2,
            "{name}={value}"
        );
    }
    assert_eq!(run(&[("NHI_SCAN_FAIL_ON", "low")]).status.code(), Some(1));
    assert_eq!(run(&[("NHI_SCAN_FAIL_ON", "very")]).status.code(), Some(2));
    assert_eq!(run(&[("NHI_SCAN_OUTPUT", "a.json\nb.ndjson")]).stdout, b"");
    assert!(machine.root.join("a.json").is_file() && machine.root.join("b.ndjson").is_file());
    let listed =
        machine.program().env("NHI_SCAN_QUICK", "1").args(["rules", "list"]).output().unwrap();
    assert!(listed.status.success(), "variables of a scan do not disturb other commands");
    for (name, status) in [("SOURCE_DATE_EPOCH", 2), ("NHI_SCAN_NOTHING", 0)] {
        assert_eq!(run(&[(name, "never")]).status.code(), Some(status), "{name}");
    }
}

#[test]
fn moved_places_are_roots() {
    let machine = Machine::new();
    machine.write("moved/config/gcloud/application_default_credentials.json", adc());
    machine.write("moved/keys/main", AWS);
    machine.write("moved/keys/other", AWS);
    let config = machine.root.join("moved/config");
    let keys = machine.root.join("moved/keys/main");
    let mut program = machine.program();
    program
        .env("XDG_CONFIG_HOME", &config)
        .env("AWS_SHARED_CREDENTIALS_FILE", &keys)
        .args(["--format", "json"]);
    let moved = report(&program.output().unwrap());
    assert_eq!(findings_below(&moved, &config).len(), 1, "{moved:#}");
    assert_eq!(findings_below(&moved, &keys).len(), 1);
    assert_eq!(moved["summary"]["findings"], 2, "its neighbours are nobody's");
    let roots: Vec<&str> =
        moved["scan"]["roots"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for root in [machine.home(), config.clone(), machine.root.join("moved/keys")] {
        assert!(
            roots.contains(&&*root.to_string_lossy()),
            "{} is not in {roots:?}",
            root.display()
        );
    }
    // Another's home is not moved by the caller's variables.
    machine.write("home/other/x", "");
    let other = report(&program.arg("home/other").output().unwrap());
    assert_eq!(other["summary"]["findings"], 0);
}

fn adc() -> &'static str {
    r#"{"client_id": "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com", "client_secret": "d-FL95Q19q7MQmFpd7hHD0Ty",
    "refresh_token": "1//0eQw3mZx8vB4nK7sWfR1cYpZ5hJ3dG6aUeT0oXwQi9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi9tL2mQx7vB4nK8sWf", "type": "authorized_user"}"#
}

#[test]
fn tokens_of_the_environment_are_grants() {
    let machine = Machine::new();
    let path = std::path::Path::new("env:VAULT_TOKEN");
    let run = |args: &[&str]| {
        let output = machine
            .program()
            .env("VAULT_TOKEN", GOOD)
            .args(["--format", "json"])
            .args(args)
            .output()
            .unwrap();
        report(&output)
    };
    assert_eq!(findings_below(&run(&[]), path).len(), 1);
    assert_eq!(findings_below(&run(&["--no-env"]), path).len(), 0);
    machine.write("elsewhere/x", "");
    assert_eq!(
        findings_below(&run(&["elsewhere"]), path).len(),
        0,
        "the caller's own home is not scanned"
    );
}

#[test]
fn the_demo_shows_something() {
    let machine = Machine::new();
    let made = machine.program().args(["demo", "demo"]).output().unwrap();
    assert!(made.status.success());
    let again = machine.program().args(["demo", "demo"]).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "nothing is overwritten");
    let report = machine.scan(&[]);
    let tools: std::collections::BTreeSet<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    for rule in ["aws", "az", "docker", "kubectl", "vault"] {
        assert!(tools.contains(rule), "{rule} is not in {tools:?}");
    }
    assert_eq!(report["coverage"]["skipped"], serde_json::json!([]));
    let id = report["findings"][0]["id"].as_str().unwrap();
    let explained = machine.program().args(["explain", &id[5..17], "demo"]).output().unwrap();
    assert_eq!(explained.status.code(), Some(2), "a folder is no report");
    machine.write("report.json", report.to_string());
    let explained =
        machine.program().args(["explain", &id[5..17], "report.json"]).output().unwrap();
    assert!(explained.status.success() && !explained.stdout.is_empty());
}

#[test]
fn colour_is_asked_for_and_refused() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let colours = |variables: &[(&str, &str)]| {
        let output =
            machine.program().envs(variables.iter().copied()).arg("home").output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!colours(&[]), "a pipe is not coloured");
    assert!(colours(&[("CLICOLOR_FORCE", "1")]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let machine = Machine::new();
    for copy in 0..200 {
        machine.write(format!("home/u{copy}/.vault-token"), GOOD);
    }
    for args in [&["--all"][..], &["--format", "json"], &["--format", "ndjson"]] {
        let mut child = start(&machine, &[&["home"][..], args].concat());
        let mut start = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{args:?}");
    }
    let mut child = start(&machine, &["man"]);
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// Ctrl-C ends the scan with what was found.
#[cfg(unix)]
#[test]
fn an_interrupted_scan_tells_what_it_has() {
    let machine = Machine::new();
    machine.write("home/a/.vault-token", GOOD);
    let slow = format!(
        "{{\"auths\": {{{}\"x\": {{}}}}}}",
        "\"registry.example.com\": {\"auth\": \"\"}, ".repeat(300_000)
    );
    for copy in 0..24 {
        machine.write(format!("home/u{copy}/.docker/config.json"), &slow);
    }
    let clock = Instant::now();
    let mut child = start(&machine, &["home", "--format", "json", "--threads", "1", "-v"]);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while told.read_line(&mut line).unwrap() > 0 && !line.contains("threads") {}
    std::thread::sleep(Duration::from_millis(300));
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "after {:?}", clock.elapsed());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["coverage"]["complete"], false);
    assert_eq!(skips_of(&report, &machine.root.join("home")), ["interrupted"]);
}

fn start(machine: &Machine, args: &[&str]) -> std::process::Child {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("HOME", machine.home()).current_dir(&machine.root).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn help_and_manual_name_every_flag() {
    let machine = Machine::new();
    let said = |args: &[&str]| {
        String::from_utf8(machine.program().args(args).output().unwrap().stdout).unwrap()
    };
    let (help, manual, completions) =
        (said(&["--help"]), said(&["man"]), said(&["completions", "bash"]));
    let flags: Vec<&str> = help
        .lines()
        .filter_map(|line| {
            line.trim_start()
                .strip_prefix("--")
                .or_else(|| line.split_once(", --").map(|(_, flag)| flag))
        })
        .collect();
    assert!(flags.len() > 20, "{flags:?}");
    for flag in flags {
        let name: String =
            flag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        assert!(manual.contains(&name.replace('-', "\\-")), "{name} is not in the manual");
        assert!(completions.contains(&format!("--{name}")), "{name} is not completed");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(said(&["completions", shell]).contains("nhi-scan"), "{shell}");
    }
}
