//! Whole machines: `--root`, a disk that is `/` of another machine, and `--all-homes`.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::machine::{GOOD, Machine, report};

const AWS: &str = "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n";

/// The report of `--root` on a machine's folder.
fn root(machine: &Machine, args: &[&str]) -> Value {
    let mut command = machine.program();
    command.arg("--root").arg(&machine.root).args(["--format", "json"]).args(args);
    report(&command.output().unwrap())
}

/// `path owner home state`, sorted.
fn told(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut told: Vec<String> = findings
        .map(|it| {
            let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let location = &it["location"];
            let words = [
                word(&location["path"]),
                word(&it["custody"]["owner"]),
                word(&location["home"]),
                word(&location["state"]),
            ];
            words.join(" ")
        })
        .collect();
    told.sort();
    told
}

fn issues_of<'r>(report: &'r Value, path: &str) -> Vec<&'r str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let of_it = findings.filter(|it| it["location"]["path"] == path);
    of_it.flat_map(|it| it["issues"].as_array().unwrap()).map(|it| it.as_str().unwrap()).collect()
}

#[cfg(unix)]
#[test]
fn places_are_named_as_the_machine_names_them_and_owned_by_its_own_users() {
    let machine = Machine::new();
    let uid = rustix::process::geteuid().as_raw();
    machine.write(
        "etc/passwd",
        format!(
            "dana:x:{uid}:100::/home/dana:/bin/sh\njenkins:x:4711:100::/var/lib/jenkins:/bin/sh\n"
        ),
    );
    machine.write("home/dana/.vault-token", GOOD);
    machine.write("var/lib/jenkins/.aws/credentials", AWS);
    machine.write("root/.vault-token", GOOD);
    machine.write("srv/old/home/kim/.vault-token", GOOD);
    machine.write("srv/backup/dana/.vault-token", GOOD);
    machine.write("etc/skel/.vault-token", GOOD);
    for mode in ["--thorough", "--no-env"] {
        let report = root(&machine, &[mode]);
        let expected = [
            "/etc/skel/.vault-token dana /etc/skel present",
            "/home/dana/.vault-token dana /home/dana present",
            "/root/.vault-token dana /root present",
            "/srv/backup/dana/.vault-token dana - copy",
            "/srv/old/home/kim/.vault-token dana /srv/old/home/kim present",
            "/var/lib/jenkins/.aws/credentials dana /var/lib/jenkins present",
        ];
        assert_eq!(told(&report), expected);
        assert_eq!(report["coverage"]["complete"], true);
        assert_eq!(report["scan"]["roots"], serde_json::json!([machine.root]));
    }
    assert_eq!(told(&root(&machine, &["--quick"])).len(), 4);
}

/// `/var/run -> /run`, as on every Linux; and a link to what only this machine has.
#[cfg(unix)]
#[test]
fn absolute_links_are_resolved_inside() {
    let machine = Machine::new();
    machine.write("data/secrets/token", GOOD);
    machine.write("etc/static/passwd", "u:x:1:1::/data/homes/u:/bin/sh\n");
    symlink("/etc/static/passwd", machine.root.join("etc/passwd")).unwrap();
    symlink("/data/secrets/token", machine.home().join(".vault-token")).unwrap();
    machine.write("data/homes/u/.vault-token", GOOD);
    fs::create_dir_all(machine.root.join("root")).unwrap();
    symlink("../../../../../../data/secrets/token", machine.root.join("root/.vault-token"))
        .unwrap();
    fs::create_dir_all(machine.root.join("home/v/.config")).unwrap();
    symlink("/proc/version", machine.root.join("home/v/.vault-token")).unwrap();
    let report = root(&machine, &[]);
    let paths: Vec<String> =
        told(&report).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    // As root no link leads out of a home, on another machine neither.
    let expected: &[&str] = if rustix::process::geteuid().is_root() {
        &["/data/homes/u/.vault-token"]
    } else {
        &["/data/homes/u/.vault-token", "/home/user/.vault-token"]
    };
    for path in expected {
        assert!(paths.iter().any(|it| it == path), "{path} in {paths:?}");
    }
    assert!(!serde_json::to_string(&report).unwrap().contains("Linux version"));
}

#[test]
fn what_a_clone_must_not_have_is_an_issue_of_its_own() {
    let machine = Machine::new();
    machine.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    machine.write("etc/ssh/ssh_host_ed25519_key", fs::read(key()).unwrap());
    machine.write("root/.ssh/authorized_keys", fs::read(key().with_extension("pub")).unwrap());
    machine.write(
        "var/lib/cloud/instances/i-1/user-data.txt",
        "#cloud-config\nchpasswd: {list: \"ops:Kw7x2mJp9sLe3SfR\"}\n",
    );
    machine.write("home/dana/.vault-token", GOOD);
    let report = root(&machine, &[]);
    for (path, issue) in [
        ("/etc/machine-id", "shared-identity"),
        ("/etc/ssh/ssh_host_ed25519_key", "shared-identity"),
        ("/root/.ssh/authorized_keys", "left-access"),
        ("/var/lib/cloud/instances/i-1/user-data.txt", "user-data-secret"),
        ("/home/dana/.vault-token", "golden-image"),
    ] {
        assert!(
            issues_of(&report, path).contains(&issue),
            "{path}: {:?}",
            issues_of(&report, path)
        );
    }
    assert_eq!(told(&report).len(), 5);
    // The same folder as somebody's files: a running machine has an id.
    let own = machine.scan(&[]);
    let text = serde_json::to_string(&own["findings"]).unwrap();
    for issue in ["shared-identity", "left-access", "golden-image", "user-data-secret"] {
        assert!(!text.contains(issue), "{issue}");
    }
}

/// A key pair made for the tests of rules; it opens nothing.
fn key() -> std::path::PathBuf {
    let found = walkdir::WalkDir::new("fixtures/ssh-key").sort_by_file_name().into_iter().flatten();
    let pair = found.map(walkdir::DirEntry::into_path).find(|path| {
        path.extension().is_none() && path.is_file() && path.with_extension("pub").is_file()
    });
    pair.expect("a key pair among the fixtures")
}

/// Profiles in any case, text in UTF-16, no owners.
#[test]
fn a_windows_disk_is_read() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.root.join("home")).unwrap();
    for folder in ["Windows/System32", "ProgramData"] {
        fs::create_dir_all(machine.root.join(folder)).unwrap();
    }
    let wide: Vec<u8> =
        "\u{feff}Set-Location C:\\\n$env:GITLAB_TOKEN = \"glpat-kQ3vX9bT2mZ7sW5nYc8R\"\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
    machine.write(
        "Users/Dana/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt",
        wide,
    );
    machine.write("Users/Dana/appdata/roaming/gcloud/application_default_credentials.json", concat!(
        "{\"type\": \"authorized_user\", \"client_id\": \"x.apps.googleusercontent.com\", ",
        "\"client_secret\": \"d-FL95Q19q7MQmFpd7hHD0Ty\", \"refresh_token\": \"1//0gKq3vX9bT2mZ7sW5nYc8RkQ3vX9bT2mZ7sW5nYc8R\"}"
    ));
    machine.write("Users/Dana/.AWS/credentials", AWS);
    machine.write("Windows/System32/config/systemprofile/.aws/credentials", AWS);
    machine.write("ProgramData/ssh/ssh_host_ed25519_key", fs::read(key()).unwrap());
    let report = root(&machine, &[]);
    let expected = [
        "/ProgramData/ssh/ssh_host_ed25519_key - - present",
        "/Users/Dana/.AWS/credentials - /Users/Dana present",
        "/Users/Dana/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt - /Users/Dana present",
        "/Users/Dana/appdata/roaming/gcloud/application_default_credentials.json - /Users/Dana present",
        "/Windows/System32/config/systemprofile/.aws/credentials - /Windows/System32/config/systemprofile present",
    ];
    assert_eq!(told(&report), expected);
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["custody"]["readable_by"], "unknown");
    }
}

#[test]
fn a_macos_disk_is_read() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.root.join("home")).unwrap();
    fs::create_dir_all(machine.root.join("System/Library")).unwrap();
    machine.write("Users/dana/Library/Application Support/gcloud/x", "");
    machine.write(
        "Users/dana/.config/gh/hosts.yml",
        "github.com:\n    user: octo\n    oauth_token: gho_16C7e42F292c6912E7710c838347Ae178B4a\n",
    );
    machine.write(
        "Users/dana/.zsh_history",
        ": 1700000000:0;export GITLAB_TOKEN=glpat-kQ3vX9bT2mZ7sW5nYc8R\n",
    );
    machine.write("private/var/root/.vault-token", GOOD);
    machine.write("Library/LaunchDaemons/x.plist", concat!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>EnvironmentVariables</key><dict>",
        "<key>GITLAB_TOKEN</key><string>glpat-kQ3vX9bT2mZ7sW5nYc8S</string></dict></dict></plist>"
    ));
    let paths: Vec<String> = told(&root(&machine, &[]))
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    let expected = [
        "/Library/LaunchDaemons/x.plist",
        "/Users/dana/.config/gh/hosts.yml",
        "/Users/dana/.zsh_history",
        "/private/var/root/.vault-token",
    ];
    assert_eq!(paths, expected);
}

/// Those of people and root, each once; services' and strangers' files are not theirs.
#[cfg(unix)]
#[test]
fn all_homes_are_those_of_people() {
    let machine = Machine::new();
    let passwd = [
        "root:x:0:0::/root:/bin/sh",
        "daemon:x:2:2::/srv/daemon:/bin/false",
        "kim:x:1000:1000::/home/kim:/bin/sh",
        "lee:x:1001:1001::/data/lee:/bin/sh",
        "mia:x:1002:1002::/home/mia-link:/bin/sh",
        "twin:x:1003:1003::/home/kim:/bin/sh",
        "gone:x:1004:1004::/home/gone:/bin/sh",
        "nobody:x:65534:65534::/home/nobody-at-all:/bin/false",
        "low:x:500:500::/data/low:/bin/sh",
    ];
    machine.write("etc/passwd", passwd.join("\n"));
    machine.write(
        "etc/userdb/ann.user",
        r#"{"userName": "ann", "uid": 1010, "homeDirectory": "/data/ann"}"#,
    );
    for home in [
        "root",
        "home/kim",
        "data/lee",
        "home/mia",
        "data/ann",
        "home/left",
        "srv/daemon",
        "data/low",
        "opt",
    ] {
        machine.write(format!("{home}/.vault-token"), GOOD);
    }
    symlink("mia", machine.root.join("home/mia-link")).unwrap();
    let homes = |report: &Value| -> Vec<String> {
        let mut homes: Vec<String> =
            told(report).iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect();
        homes.dedup();
        homes
    };
    let expected = ["/data/ann", "/data/lee", "/home/kim", "/home/left", "/home/mia", "/root"];
    assert_eq!(homes(&root(&machine, &["--all-homes"])), expected);
    assert_eq!(homes(&root(&machine, &["--all-homes", "--quick"])), expected);
    machine.write("etc/login.defs", "UID_MIN 500\nUID_MAX 1000\n");
    assert_eq!(
        homes(&root(&machine, &["--all-homes"])),
        ["/data/low", "/home/kim", "/home/left", "/home/mia", "/root"]
    );
}

/// What an ordinary user may not look into is said.
#[cfg(unix)]
#[test]
fn homes_that_are_closed_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        return;
    }
    let machine = Machine::new();
    machine.write(
        "etc/passwd",
        "kim:x:1000:1000::/home/kim:/bin/sh\nlee:x:1001:1001::/home/lee:/bin/sh\n",
    );
    machine.write("home/kim/.vault-token", GOOD);
    machine.write("home/lee/.vault-token", GOOD);
    let closed = machine.root.join("home/lee");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    let report = root(&machine, &["--all-homes"]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(told(&report).len(), 1);
    assert_eq!(
        report["coverage"]["skipped"],
        serde_json::json!([{"path": "/home/lee", "reason": "permission-denied", "count": 1}])
    );
}

#[test]
fn a_root_must_be_a_folder() {
    let machine = Machine::new();
    let file = machine.write("file", "");
    for path in [&file, Path::new("/nonexistent")] {
        let output = machine.program().arg("--root").arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
    }
    let both = machine.program().arg("--root").arg(&machine.root).arg("home").output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

/// The users of a hostile machine end in bounded time, and nothing of theirs is obeyed.
#[test]
fn hostile_user_databases_end() {
    let machine = Machine::new();
    let mut passwd = "é:x:1000:1::/home/user:/bin/sh\n:::::::\n+::::::\n".repeat(1000);
    passwd.push_str("up:x:1000:1::/../../../../etc:/bin/sh\nrel:x:1001:1::home:/bin/sh\n");
    machine.write("etc/passwd", passwd);
    machine.write("etc/userdb/deep.user", "[".repeat(100_000));
    machine.write("var/db/dslocal/nodes/Default/users/x.plist", b"bplist00\xff\xff\xff");
    machine.write("etc/login.defs", "UID_MIN \nUID_MAX x\n");
    machine.write("~/.vault-token", GOOD);
    assert_eq!(told(&root(&machine, &["--all-homes"])).len(), 1);
}

/// What lies beside a cache by its path below the home is found where the environment put both, or one of them.
#[test]
fn neighbours_follow_what_the_environment_moved() {
    let machine = Machine::new();
    let context = |folder: &str| {
        machine.write(
            format!("{folder}/nats/context/shop.json"),
            r#"{"user": "kim", "password": "pw-8vQ2mZp4Xw7T"}"#,
        );
        machine.write(format!("{folder}/nats/context.txt"), "shop\n");
    };
    context("data/config");
    machine.write(
        "~/.aws/sso/cache/0123456789abcdef.json",
        r#"{"startUrl": "https://acme.awsapps.example/start", "accessToken": "kJ8vQ2mZp4Xw7Tn1Rb6Yc3kJ8vQ2mZp4Xw7Tn1Rb6Yc3", "expiresAt": "2026-11-24T13:00:00Z"}"#,
    );
    machine.write(
        "data/aws.ini",
        "[sso-session acme]\nsso_start_url = https://acme.awsapps.example/start\n",
    );
    let report = |moved: bool| {
        let mut command = machine.program();
        command.arg(machine.home()).args(["--format", "json"]);
        command.env("XDG_CONFIG_HOME", machine.root.join("data/config"));
        if moved {
            command.env("AWS_CONFIG_FILE", machine.root.join("data/aws.ini"));
        }
        report(&command.output().unwrap())
    };
    for moved in [true, false] {
        let report = report(moved);
        let of = |rule: &str| {
            let mut found = report["findings"].as_array().unwrap().iter();
            found.find(|finding| finding["rule"] == rule).unwrap()["identity"].clone()
        };
        assert_eq!(of("nats")["active"], true);
        assert_eq!(of("aws-sso")["name"], if moved { "acme".into() } else { Value::Null });
    }
}
