//! Keepers of secrets: `GnuPG`, a keyring in a file, Ansible's vault, age, Kerberos.

use std::fs;

use jiff::Timestamp;
use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn gpg_quick_gen_key() {
    let Some(gpg) = tool::find("gpg") else { return };
    let home = Home::new();
    let passphrase = fake::letters(20);
    let batch = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase"];
    let make = |passphrase: &str, words: &[&str]| {
        home.run(&gpg, [&batch[..], &[passphrase], words].concat())
    };
    make("", &["--quick-gen-key", "Dana Roe <dana@corp.example>", "ed25519", "sign", "30d"]);
    make(&passphrase, &["--quick-gen-key", "Ops <ops@corp.example>", "ed25519", "sign", "never"]);
    let exported = make("", &["--armor", "--export-secret-keys", "dana@corp.example"]);
    home.write("backup/dana.asc", &exported);
    let told = home.run(&gpg, ["--batch", "--with-colons", "--with-keygrip", "--list-secret-keys"]);
    let field = |record: &str, nth: usize, at: usize| -> String {
        let line = told.lines().filter(|line| line.starts_with(record)).nth(nth).expect("two keys");
        line.split(':').nth(at).unwrap_or_default().to_owned()
    };
    let time = |nth: usize, at: usize| {
        let seconds = field("sec:", nth, at).parse().expect("seconds");
        Timestamp::from_second(seconds).expect("in range").to_string()
    };
    let path = |nth: usize| format!("~/.gnupg/private-keys-v1.d/{}.key", field("grp:", nth, 9));
    let kept = home.read(path(0).trim_start_matches("~/"));
    home.run("/usr/bin/env".as_ref(), ["gpgconf", "--kill", "all"]);
    home.must_report(&[
        json!({
            "rule": "gpg", "path": path(0), "account": "Dana Roe <dana@corp.example>", "storage": "plaintext", "mode": "0600",
            "issued_at": time(0, 5), "expires_at": time(0, 6), "credentials": [home.credential("private-key", kept.trim_end())],
        }),
        json!({
            "rule": "gpg", "path": path(1), "account": "Ops <ops@corp.example>", "storage": "encrypted", "mode": "0600",
            "issued_at": time(1, 5), "credentials": [{"kind": "private-key", "fingerprint": null}],
        }),
        json!({
            "rule": "gpg", "path": "~/backup/dana.asc", "account": "Dana Roe <dana@corp.example>", "storage": "plaintext",
            "expires_at": time(0, 6), "credentials": [home.credential("private-key", &first_packet(&exported))],
        }),
    ]);
}

/// Each entry is one login; what is in it stays locked.
#[test]
fn pass_entries() {
    let Some(pass) = tool::aid("pass") else { return };
    let Some(gpg) = tool::aid("gpg") else { return };
    let home = Home::new();
    let batch = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    let make = ["--quick-gen-key", "Dana Roe <dana@corp.example>", "default", "default", "never"];
    home.run(&gpg, [&batch[..], &make].concat());
    home.run(&pass, ["init", "dana@corp.example"]);
    for entry in ["mail", "web/git.corp.example"] {
        home.feed(&pass, &["insert", "--multiline", entry], &format!("{}\n", fake::letters(20)));
    }
    home.run("/usr/bin/env".as_ref(), ["gpgconf", "--kill", "all"]);
    // The keys of the store lie in the same home, and are gpg's.
    fs::rename(home.path(".gnupg"), home.outside("gnupg")).expect("it can be moved");
    let found = |entry: &str| {
        json!({
            "rule": "pass", "path": format!("~/.password-store/{entry}.gpg"), "account": entry, "storage": "encrypted",
            "held_by": "OpenPGP key", "credentials": [{"kind": "password", "fingerprint": null}],
        })
    };
    home.must_report(&[found("mail"), found("web/git.corp.example")]);
}

#[test]
fn gpg_export_without_armor() {
    let Some(gpg) = tool::find("gpg") else { return };
    let home = Home::new();
    let batch = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    let call = |words: &[&str]| drop(home.run(&gpg, [&batch[..], words].concat()));
    call(&["--quick-gen-key", "Dana Roe <dana@corp.example>", "ed25519", "sign", "never"]);
    home.write("backup/note", "hello\n");
    call(&["--output", "backup/dana.gpg", "--export-secret-keys", "dana@corp.example"]);
    // Of the same name, and nobody's secret.
    call(&["--output", "backup/public.gpg", "--export", "dana@corp.example"]);
    call(&["--output", "backup/signed.gpg", "--sign", "backup/note"]);
    call(&["--output", "backup/signature.pgp", "--detach-sign", "backup/note"]);
    let told = home.run(&gpg, ["--batch", "--with-colons", "--with-keygrip", "--list-secret-keys"]);
    let grip = told.lines().find(|line| line.starts_with("grp:")).expect("one key");
    let grip = grip.split(':').nth(9).expect("a keygrip").to_owned();
    home.run("/usr/bin/env".as_ref(), ["gpgconf", "--kill", "all"]);
    let found = |path: &str| {
        json!({
            "rule": "gpg", "path": path, "account": "Dana Roe <dana@corp.example>", "storage": "plaintext",
            "credentials": [{"kind": "private-key"}],
        })
    };
    home.must_report(&[
        found(&format!("~/.gnupg/private-keys-v1.d/{grip}.key")),
        found("~/backup/dana.gpg"),
    ]);
}

/// What the first packet of an armoured block holds, in Base64.
fn first_packet(armoured: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (_, block) = armoured.split_once("\n\n").expect("an empty line ends its header");
    let block: String = block.lines().take_while(|line| !line.starts_with('=')).collect();
    let bytes = STANDARD.decode(block).expect("it is Base64");
    let length = usize::from(bytes[1]);
    assert_eq!(bytes[0], 0x94, "a secret key, its length in one byte");
    STANDARD.encode(&bytes[2..2 + length])
}

#[test]
fn keyring_in_a_file() {
    let Some(keyring) = tool::installed("keyring") else { return };
    let mut home = Home::new();
    home.set("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring");
    let password = fake::letters(24);
    home.feed(&keyring, &["set", "https://upload.corp.example/legacy/", "dana"], &password);
    home.must_report(&[json!({
        "rule": "python-keyring", "path": "~/.local/share/python_keyring/keyring_pass.cfg",
        "host": "https://upload.corp.example/legacy/", "account": "dana", "storage": "obfuscated", "mode": "0600",
        "credentials": [home.credential("password", &password)],
    })]);
}

#[test]
fn ansible_vault_and_its_password() {
    let Some(vault) = tool::installed("ansible-vault") else { return };
    let mut home = Home::new();
    home.set("ANSIBLE_HOME", &home.path(".ansible").to_string_lossy());
    let [password, secret, token] = [fake::letters(24), fake::letters(20), fake::hex(40)];
    home.write(".vault_pass", &format!("{password}\n"));
    home.write("play/group_vars/all.yml", &format!("db_password: {secret}\n"));
    home.run(
        &vault,
        ["encrypt", "--vault-password-file", ".vault_pass", "play/group_vars/all.yml"],
    );
    // What `ansible-galaxy login` called.
    let store = "
import sys
from ansible.galaxy.token import GalaxyToken
GalaxyToken().set(sys.stdin.read())
";
    home.feed(&tool::python(&vault), &["-c", store], &token);
    assert!(fs::exists(home.path(".ansible/galaxy_token")).unwrap_or_default());
    home.must_report(&[
        json!({
            "rule": "ansible", "path": "~/.vault_pass", "storage": "plaintext",
            "credentials": [home.credential("password", &password)],
        }),
        json!({
            "rule": "ansible", "path": "~/play/group_vars/all.yml", "storage": "encrypted", "held_by": "vault password",
            "credentials": [],
        }),
        json!({
            "rule": "ansible", "path": "~/.ansible/galaxy_token", "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
    ]);
}

#[test]
fn age_keygen() {
    let Some(age) = tool::find("age-keygen") else { return };
    let home = Home::new();
    home.write(".config/sops/age/README", "");
    for file in ["key.txt", ".config/sops/age/keys.txt"] {
        home.run(&age, ["-o", file]);
    }
    let found = |rule: &str, file: &str| {
        let text = home.read(file);
        let account = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        let secret = text.lines().last().expect("the key comes last");
        json!({
            "rule": rule, "path": format!("~/{file}"), "account": account, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("private-key", secret)],
        })
    };
    home.must_report(&[found("age", "key.txt"), found("sops", ".config/sops/age/keys.txt")]);
}

#[test]
fn ktutil_keytab() {
    let Some(ktutil) = tool::find("ktutil") else { return };
    let home = Home::new();
    let add = |name: &str, version: u8| {
        let password = fake::letters(16);
        format!("addent -password -p {name} -k {version} -e aes256-cts-hmac-sha1-96\n{password}\n")
    };
    let [dana, service] =
        [add("dana@CORP.EXAMPLE", 3), add("HTTP/web.corp.example@CORP.EXAMPLE", 7)];
    home.feed(&ktutil, &[], &format!("{dana}{service}wkt dana.keytab\nquit\n"));
    let found = |account: &str, name: &str| {
        json!({
            "rule": "krb5", "path": "~/dana.keytab", "account": account, "storage": "plaintext", "mode": "0600",
            "credentials": [{"kind": "private-key", "name": name}],
        })
    };
    home.must_report(&[
        found("dana@CORP.EXAMPLE", "kvno 3, enctype 18"),
        found("HTTP/web.corp.example@CORP.EXAMPLE", "kvno 7, enctype 18"),
    ]);
}
