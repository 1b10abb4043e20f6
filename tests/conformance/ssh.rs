//! Keys by `ssh-keygen`.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn ssh_keygen_with_and_without_a_passphrase() {
    let Some(ssh_keygen) = tool::find("ssh-keygen") else { return };
    let home = Home::new();
    home.write(".ssh/known_hosts", "");
    let passphrase = fake::letters(20);
    home.run(
        &ssh_keygen,
        ["-q", "-t", "ed25519", "-N", "", "-C", "dana@laptop", "-f", ".ssh/id_ed25519"],
    );
    home.run(
        &ssh_keygen,
        ["-q", "-t", "ed25519", "-N", &passphrase, "-C", "dana@work", "-f", ".ssh/work"],
    );
    home.run(
        &ssh_keygen,
        [
            "-q",
            "-t",
            "rsa",
            "-b",
            "2048",
            "-m",
            "PEM",
            "-N",
            "",
            "-C",
            "dana@old",
            "-f",
            ".ssh/legacy",
        ],
    );
    let key = |name: &str| home.read(name).trim_end().to_owned();
    home.must_report(&[
        json!({
            "rule": "ssh-key", "path": "~/.ssh/id_ed25519", "account": "dana@laptop", "name": "ed25519 256", "storage": "plaintext",
            "mode": "0600", "state": "no-expiry", "credentials": [home.credential("private-key", &key(".ssh/id_ed25519"))],
        }),
        json!({
            "rule": "ssh-key", "path": "~/.ssh/work", "account": "dana@work", "storage": "encrypted",
            "credentials": [{"kind": "private-key", "fingerprint": null}],
        }),
        // The old form holds no comment: the public half beside it does.
        json!({
            "rule": "ssh-key", "path": "~/.ssh/legacy", "account": "dana@old", "name": "rsa 2048", "storage": "plaintext",
            "credentials": [home.credential("private-key", &key(".ssh/legacy"))],
        }),
    ]);
}

#[test]
fn ssh_keygen_in_folders_and_by_other_names() {
    let Some(ssh_keygen) = tool::find("ssh-keygen") else { return };
    let home = Home::new();
    let make =
        |words: &[&str]| drop(home.run(&ssh_keygen, [&["-q", "-N", "", "-f"], words].concat()));
    home.write(".ssh/keys/README", "keys of the build machines\n");
    home.write("work/app/README", "the app\n");
    make(&[".ssh/keys/build", "-t", "ecdsa", "-b", "384", "-m", "PKCS8", "-C", "dana@build"]);
    make(&["work/app/deploy_key", "-t", "ed25519", "-C", "deploy@ci"]);
    make(&["work/app/server.pem", "-t", "rsa", "-b", "2048", "-m", "PEM", "-C", "dana@old"]);
    let found = |rule: &str, path: &str, account: &str| {
        let key = home.read(path);
        json!({
            "rule": rule, "path": format!("~/{path}"), "account": account, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("private-key", key.trim_end())],
        })
    };
    home.must_report(&[
        found("ssh-key", ".ssh/keys/build", "dana@build"),
        found("ssh-key", "work/app/deploy_key", "deploy@ci"),
        found("pem", "work/app/server.pem", "dana@old"),
    ]);
}
