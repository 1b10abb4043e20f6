//! Evidence proves itself: with this program, and with `sha256sum` and `ssh-keygen` alone. Whatever is changed is found and named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nhi_scan::evidence::verify::{Against, Kind, verify};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use crate::machine::{GOOD, Machine};

const NAMESPACE: &str = "nhi-scan-evidence@v1";

fn key(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "test").unwrap()
}

fn allowed(key: &PrivateKey, options: &str) -> String {
    format!("auditor@example {options} {}\n", key.public_key().to_openssh().unwrap())
}

/// Three bundles of one machine, each naming the one before, all signed by key 1.
struct Chain {
    machine: Machine,
}

impl Chain {
    fn new() -> Self {
        let machine = Machine::new();
        machine.write("~/.vault-token", GOOD);
        machine.write("~/.aws/credentials", "[default]\naws_access_key_id = AKIAQ5ZK3M7WVX2B4N6P\naws_secret_access_key = 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\n");
        machine.write("~/.kube/config", "apiVersion: v1\nusers: [\n");
        machine.write("key", key(1).to_openssh(LineEnding::LF).unwrap().as_bytes());
        let chain = Self { machine };
        chain.create("first", None, 1_795_521_600);
        chain.create("second", Some("first"), 1_795_608_000);
        chain.create("third", Some("second"), 1_795_694_400);
        for name in ["first", "second", "third"] {
            chain.sign(name);
        }
        chain
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.machine.root.join(name)
    }

    fn create(&self, name: &str, previous: Option<&str>, now: u64) {
        let mut command = self.machine.program();
        command.args(["evidence", "create", name]).arg(self.machine.home());
        command.env("SOURCE_DATE_EPOCH", now.to_string());
        if let Some(previous) = previous {
            command.args(["--previous", previous]);
        }
        command.assert().success();
    }

    fn sign(&self, name: &str) {
        self.machine.program().args(["evidence", "sign", name, "--key", "key"]).assert().success();
    }

    /// A copy of the third bundle, to be spoilt.
    fn copy(&self) -> PathBuf {
        let copy = self.dir("copy");
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(self.dir("third")).unwrap().flatten() {
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        copy
    }

    fn against(&self) -> Against {
        Against {
            allowed_signers: Some(allowed(&key(1), &format!("namespaces=\"{NAMESPACE}\""))),
            signer: Some("auditor@example".into()),
            previous: vec![self.dir("second"), self.dir("first")],
            now: "2026-12-01T00:00:00Z".parse().unwrap(),
        }
    }
}

fn edit(path: &Path, change: impl Fn(&str) -> String) {
    assert!(!path.is_symlink());
    let text = fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "{}", path.display());
    fs::write(path, changed).unwrap();
}

fn manifest(dir: &Path, change: impl Fn(&mut Value)) {
    edit(&dir.join("MANIFEST.json"), |text| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        change(&mut value);
        format!("{value:#}\n")
    });
}

fn digest(path: &Path) -> String {
    let hash = Sha256::digest(fs::read(path).unwrap());
    hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Brings manifest and sums in line with what was changed, as one who knows the format would.
fn sum_again(dir: &Path) {
    let path = dir.join("MANIFEST.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for file in value["files"].as_array_mut().unwrap() {
        let path = dir.join(file["name"].as_str().unwrap());
        file["size"] = json!(fs::metadata(&path).unwrap().len());
        file["sha256"] = json!(digest(&path));
    }
    fs::write(&path, format!("{value:#}\n")).unwrap();
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with("SHA256SUMS") {
            sums.insert(name, digest(&entry.path()));
        }
    }
    let text = joined(sums.iter().map(|(name, sum)| format!("{sum}  {name}")));
    fs::write(dir.join("SHA256SUMS"), text).unwrap();
}

fn sign(dir: &Path, key: &PrivateKey, namespace: &str) {
    let summed = fs::read(dir.join("SHA256SUMS")).unwrap();
    let signature = key.sign(namespace, HashAlg::Sha512, &summed).unwrap();
    fs::write(dir.join("SHA256SUMS.sig"), signature.to_pem(LineEnding::LF).unwrap()).unwrap();
}

/// One way to spoil a bundle, and what it must be called.
struct Tampering {
    name: &'static str,
    with: fn(&Path),
    /// All of these are among the faults.
    told: &'static [Kind],
}

const fn row(name: &'static str, with: fn(&Path), told: &'static [Kind]) -> Tampering {
    Tampering { name, with, told }
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

fn without_line(text: &str, at: usize) -> String {
    joined(
        text.lines().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| line.to_owned()),
    )
}

fn turned(text: &str) -> String {
    joined(text.lines().rev().map(str::to_owned))
}

/// As an insider would: with the right key.
fn properly(dir: &Path) {
    sum_again(dir);
    sign(dir, &key(1), NAMESPACE);
}

const TAMPERINGS: &[Tampering] = &[
    row(
        "findings edited",
        |dir| {
            edit(&dir.join("findings.ndjson"), |text| {
                text.replacen("critical", "low", 1)
                    .replacen("medium", "low", 1)
                    .replacen("high", "low", 1)
            });
        },
        &[Kind::Edited],
    ),
    row(
        "coverage edited",
        |dir| edit(&dir.join("coverage.ndjson"), |text| text.replacen("malformed", "excluded", 1)),
        &[Kind::Edited],
    ),
    row(
        "exceptions edited",
        |dir| edit(&dir.join("exceptions.ndjson"), |text| format!("{text}{{}}\n")),
        &[Kind::Edited],
    ),
    row(
        "rules edited",
        |dir| edit(&dir.join("rules.lock.json"), |text| text.replacen("sha256", "sha512", 1)),
        &[Kind::Edited],
    ),
    row(
        "policy edited",
        |dir| edit(&dir.join("policy.yaml"), |text| format!("{text}\n")),
        &[Kind::Edited],
    ),
    row(
        "manifest edited",
        |dir| manifest(dir, |it| it["operator"] = json!("somebody else")),
        &[Kind::Edited],
    ),
    row(
        "sums edited",
        |dir| {
            edit(&dir.join("SHA256SUMS"), |text| {
                if let Some(rest) = text.strip_prefix('0') {
                    format!("1{rest}")
                } else {
                    format!("0{}", &text[1..])
                }
            });
        },
        &[Kind::Edited, Kind::Signature],
    ),
    row(
        "signature edited",
        |dir| edit(&dir.join("SHA256SUMS.sig"), |text| text.replacen("U1NIU0lH", "U1NIU0lI", 1)),
        &[Kind::Signature],
    ),
    row(
        "findings removed",
        |dir| fs::remove_file(dir.join("findings.ndjson")).unwrap(),
        &[Kind::Missing],
    ),
    row(
        "manifest removed",
        |dir| fs::remove_file(dir.join("MANIFEST.json")).unwrap(),
        &[Kind::Missing],
    ),
    row("sums removed", |dir| fs::remove_file(dir.join("SHA256SUMS")).unwrap(), &[Kind::Missing]),
    row(
        "signature removed",
        |dir| fs::remove_file(dir.join("SHA256SUMS.sig")).unwrap(),
        &[Kind::Signature],
    ),
    row("file added", |dir| fs::write(dir.join("extra.ndjson"), "{}\n").unwrap(), &[Kind::Added]),
    row("hidden file added", |dir| fs::write(dir.join(".extra"), "").unwrap(), &[Kind::Added]),
    row(
        "folder added",
        |dir| fs::create_dir(dir.join("more")).unwrap(),
        &[Kind::Added, Kind::SpecialFile],
    ),
    row(
        "folder in place of a file",
        |dir| {
            fs::remove_file(dir.join("policy.yaml")).unwrap();
            fs::create_dir(dir.join("policy.yaml")).unwrap();
        },
        &[Kind::SpecialFile],
    ),
    row("sums reordered", |dir| edit(&dir.join("SHA256SUMS"), turned), &[Kind::Sums]),
    row(
        "sums name a file twice",
        |dir| {
            edit(&dir.join("SHA256SUMS"), |text| {
                format!("{}\n{text}", text.lines().next().unwrap())
            });
        },
        &[Kind::Sums],
    ),
    row(
        "sums lead out of the folder",
        |dir| {
            edit(&dir.join("SHA256SUMS"), |text| {
                text.replacen("  policy.yaml", "  ../policy.yaml", 1)
            });
        },
        &[Kind::Sums],
    ),
    row(
        "a file taken out of the sums",
        |dir| {
            edit(&dir.join("SHA256SUMS"), |text| {
                joined(
                    text.lines()
                        .filter(|line| !line.ends_with("findings.ndjson"))
                        .map(str::to_owned),
                )
            });
        },
        &[Kind::Added, Kind::Manifest, Kind::Signature],
    ),
    row(
        "findings reordered, summed again",
        |dir| {
            edit(&dir.join("findings.ndjson"), turned);
            sum_again(dir);
        },
        &[Kind::Reordered, Kind::Signature],
    ),
    row(
        "a finding dropped, summed again",
        |dir| {
            edit(&dir.join("findings.ndjson"), |text| without_line(text, 0));
            sum_again(dir);
        },
        &[Kind::Contents, Kind::Signature],
    ),
    row(
        "a skip dropped, summed and signed again",
        |dir| {
            edit(&dir.join("coverage.ndjson"), |text| {
                joined(text.lines().filter(|line| !line.contains("malformed")).map(str::to_owned))
            });
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row(
        "said to be complete, signed again",
        |dir| {
            manifest(dir, |it| it["coverage"]["complete"] = json!(true));
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row(
        "a severity lowered, signed again",
        |dir| {
            edit(&dir.join("findings.ndjson"), |text| {
                text.replacen("\"severity\":\"medium\"", "\"severity\":\"low\"", 1)
            });
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row(
        "another policy, signed again",
        |dir| {
            edit(&dir.join("policy.yaml"), |text| format!("{text}\n"));
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row(
        "other rules, signed again",
        |dir| {
            manifest(dir, |it| it["rules"]["sha256"] = json!("0".repeat(64)));
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row(
        "an exception invented, signed again",
        |dir| {
            edit(&dir.join("exceptions.ndjson"), |text| format!("{text}{{}}\n"));
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row(
        "a line that is no finding, signed again",
        |dir| {
            edit(&dir.join("findings.ndjson"), |text| text.replacen("\"rule\"", "\"rules\"", 1));
            properly(dir);
        },
        &[Kind::Contents],
    ),
    row("signed by another key", |dir| sign(dir, &key(2), NAMESPACE), &[Kind::UnknownSigner]),
    row("signed for another purpose", |dir| sign(dir, &key(1), "git"), &[Kind::OtherPurpose]),
    row(
        "the signature of another bundle",
        |dir| {
            fs::copy(
                dir.parent().unwrap().join("first/SHA256SUMS.sig"),
                dir.join("SHA256SUMS.sig"),
            )
            .unwrap();
        },
        &[Kind::Signature],
    ),
    row(
        "another bundle named before it",
        |dir| {
            manifest(dir, |it| it["previous"]["sha256sums_sha256"] = json!("0".repeat(64)));
            properly(dir);
        },
        &[Kind::ChainBroken],
    ),
    row(
        "said to be the first",
        |dir| {
            manifest(dir, |it| it["previous"] = Value::Null);
            properly(dir);
        },
        &[Kind::ChainBroken],
    ),
    row(
        "numbered anew",
        |dir| {
            manifest(dir, |it| it["sequence"] = json!(9));
            properly(dir);
        },
        &[Kind::ChainBroken],
    ),
    row(
        "of another machine",
        |dir| {
            manifest(dir, |it| it["host"]["id"] = json!("f".repeat(32)));
            properly(dir);
        },
        &[Kind::OtherMachine],
    ),
    row(
        "began before the one before it",
        |dir| {
            manifest(dir, |it| it["time"]["start"] = json!("2026-11-25T11:00:00Z"));
            properly(dir);
        },
        &[Kind::ClockBack],
    ),
    row(
        "ended before it began",
        |dir| {
            manifest(dir, |it| it["time"]["end"] = json!("2026-11-26T11:00:00Z"));
            properly(dir);
        },
        &[Kind::ClockBack],
    ),
    row(
        "still to come",
        |dir| {
            manifest(dir, |it| {
                it["time"]["start"] = json!("2027-11-26T11:00:00Z");
                it["time"]["end"] = json!("2027-11-26T11:00:00Z");
                it["time"]["source"] = json!("system");
            });
            properly(dir);
        },
        &[Kind::ClockBack],
    ),
    row(
        "another format",
        |dir| {
            manifest(dir, |it| it["format"] = json!("nhi-scan/evidence/9"));
            properly(dir);
        },
        &[Kind::Manifest],
    ),
    row(
        "no manifest at all",
        |dir| {
            fs::write(dir.join("MANIFEST.json"), "[]").unwrap();
        },
        &[Kind::Edited, Kind::Manifest],
    ),
];

#[cfg(unix)]
const LINKS: &[Tampering] = &[
    row(
        "a file linked to a copy of itself",
        |dir| {
            let outside = dir.with_extension("outside");
            fs::rename(dir.join("findings.ndjson"), &outside).unwrap();
            std::os::unix::fs::symlink(outside, dir.join("findings.ndjson")).unwrap();
        },
        &[Kind::Link],
    ),
    row(
        "the sums linked",
        |dir| {
            let outside = dir.with_extension("sums");
            fs::rename(dir.join("SHA256SUMS"), &outside).unwrap();
            std::os::unix::fs::symlink(outside, dir.join("SHA256SUMS")).unwrap();
        },
        &[Kind::Link],
    ),
    row(
        "a pipe in place of a file",
        |dir| {
            fs::remove_file(dir.join("policy.yaml")).unwrap();
            rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("policy.yaml"), rustix::fs::Mode::RUSR)
                .unwrap();
        },
        &[Kind::SpecialFile],
    ),
];

#[test]
fn whatever_is_tampered_with_is_named() {
    let chain = Chain::new();
    let sound = verify(&chain.copy(), &chain.against());
    assert!(sound.sound, "{}", sound.text());
    let mut rows: Vec<&Tampering> = TAMPERINGS.iter().collect();
    #[cfg(unix)]
    rows.extend(LINKS);
    assert!(rows.len() >= 40);
    for tampering in rows {
        let dir = chain.copy();
        (tampering.with)(&dir);
        let verdict = verify(&dir, &chain.against());
        assert!(!verdict.sound, "{} is not noticed:\n{}", tampering.name, verdict.text());
        for kind in tampering.told {
            let named = verdict.faults().any(|fault| fault.what == *kind);
            assert!(named, "{} is not called {kind:?}:\n{}", tampering.name, verdict.text());
        }
        assert!(verdict.faults().all(|fault| !fault.text.is_empty()));
    }
}

/// What is at hand, who may sign, and what is wrong then.
type Case = (&'static str, Vec<PathBuf>, Option<String>, Option<Kind>);

#[test]
fn the_wrong_surroundings_are_named() {
    let chain = Chain::new();
    let third = chain.dir("third");
    // A second bundle made anew is another one.
    chain.create("second-again", Some("first"), 1_795_600_000);
    // What is at hand, who may sign; what it must be called, if anything.
    let only = |names: &[&str]| names.iter().map(|name| chain.dir(name)).collect::<Vec<_>>();
    let may = |options: &str| Some(allowed(&key(1), options));
    let cases: Vec<Case> = vec![
        ("all is at hand", only(&["first", "second"]), may("namespaces=\"*@v1\""), None),
        ("nothing is at hand", vec![], None, None),
        ("only the one before", only(&["second"]), may(""), None),
        ("a link is missing", only(&["first"]), may(""), Some(Kind::ChainBroken)),
        (
            "another in its place",
            only(&["first", "second-again"]),
            may(""),
            Some(Kind::ChainBroken),
        ),
        (
            "one too many",
            only(&["first", "second", "second-again"]),
            may(""),
            Some(Kind::ChainBroken),
        ),
        ("no longer allowed", vec![], may("valid-before=\"20260101Z\""), Some(Kind::SignerTime)),
        ("not yet allowed", vec![], may("valid-after=\"20270101Z\""), Some(Kind::SignerTime)),
        (
            "allowed for another purpose",
            vec![],
            may("namespaces=\"git\""),
            Some(Kind::OtherPurpose),
        ),
        ("another key", vec![], Some(allowed(&key(2), "")), Some(Kind::UnknownSigner)),
        (
            "no list of signers",
            vec![],
            Some("auditor@example what".into()),
            Some(Kind::UnknownSigner),
        ),
    ];
    for (name, previous, allowed_signers, expected) in cases {
        let against = Against { previous, allowed_signers, signer: None, ..chain.against() };
        let verdict = verify(&third, &against);
        let kinds: Vec<Kind> = verdict.faults().map(|fault| fault.what).collect();
        assert_eq!(kinds.first().copied(), expected, "{name}:\n{}", verdict.text());
    }
    let against = Against { signer: Some("boss@example".into()), ..chain.against() };
    assert!(verify(&third, &against).faults().any(|it| it.what == Kind::UnknownSigner));
}

#[test]
fn two_runs_over_the_same_tree_give_the_same_bytes() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write("~/.aws/credentials", "[default]\naws_access_key_id = AKIAQ5ZK3M7WVX2B4N6P\naws_secret_access_key = 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\n");
    for name in ["one", "two"] {
        let mut command = machine.program();
        command.args(["evidence", "create", name]).arg(machine.home());
        command.args(["--render", "html", "--render", "json", "--render", "sqlite"]);
        command.env("SOURCE_DATE_EPOCH", "1795521600").assert().success();
    }
    let sums = |name: &str| fs::read_to_string(machine.root.join(name).join("SHA256SUMS")).unwrap();
    assert_eq!(sums("one"), sums("two"));
    // Without a clock that is set, all but what tells when is the same.
    let data = |name: &str| -> Vec<String> {
        machine.program().args(["evidence", "create", name]).arg(machine.home()).assert().success();
        sums(name).lines().filter(|line| !line.contains("MANIFEST")).map(str::to_owned).collect()
    };
    assert_eq!(data("three"), data("four"));
}

#[test]
fn a_bundle_is_for_its_owner_and_never_written_over() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    let create = |dir: &str| {
        let mut command = machine.program();
        command.args(["evidence", "create", dir]).arg(machine.home());
        command.assert()
    };
    create("bundle").success();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&machine.root.join("bundle")), 0o700);
        assert_eq!(mode(&machine.root.join("bundle/findings.ndjson")), 0o600);
    }
    create("bundle").code(2);
    machine.write("key", key(1).to_openssh(LineEnding::LF).unwrap().as_bytes());
    let sign = || machine.program().args(["evidence", "sign", "bundle", "--key", "key"]).assert();
    sign().success();
    sign().code(2);
    fs::remove_file(machine.root.join("bundle/SHA256SUMS.sig")).unwrap();
    edit(&machine.root.join("bundle/policy.yaml"), |text| format!("{text}\n"));
    sign().code(2);
    let verify = machine.program().args(["evidence", "verify", "bundle"]).output().unwrap();
    assert_eq!(verify.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verify.stdout).contains("policy.yaml was edited"));
}

/// The commands of the documentation, run as they stand there.
#[test]
fn the_documented_commands_verify_a_bundle() {
    let Ok(probe) = Command::new("ssh-keygen").arg("-?").output() else {
        println!("skipped: no ssh-keygen here");
        return;
    };
    drop(probe);
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.md")).unwrap();
    let mut script = String::from("set -eu\n");
    for block in docs.split("```sh\n").skip(1) {
        script.push_str(block.split("```").next().unwrap());
    }
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write("~/.ssh/config", "");
    let program = Path::new(crate::machine::PROGRAM).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.display());
    let output = Command::new("sh")
        .arg("-c")
        .arg(&script)
        .env_clear()
        .env("HOME", machine.home())
        .env("PATH", path)
        .current_dir(&machine.root)
        .output()
        .unwrap();
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{script}\n{told}");
    for line in [
        "findings.ndjson: OK",
        "Good \"nhi-scan-evidence@v1\" signature for auditor@example",
        "sound",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}
