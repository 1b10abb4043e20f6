//! Git: the credential store, its configuration, and a remote's URL.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn git_store_configuration_and_remote() {
    let Some(git) = tool::find("git") else { return };
    let mut home = Home::new();
    home.set("GIT_CONFIG_NOSYSTEM", "1");
    let [stored, rewritten, header, basic, remote] = [(); 5].map(|()| fake::letters(32));
    home.run(&git, ["config", "--global", "user.email", "dana@corp.example"]);
    home.run(&git, ["config", "--global", "credential.helper", "store"]);
    home.feed(
        &git,
        &["credential", "approve"],
        &format!(
            "protocol=https\nhost=git.corp.example:8443\nusername=dana\npassword={stored}@/:\n\n"
        ),
    );
    let url = format!("url.https://robot:{rewritten}@code.corp.example/.insteadOf");
    home.run(&git, ["config", "--global", &url, "https://code.corp.example/"]);
    let header_line = format!("Authorization: Bearer {header}");
    home.run(
        &git,
        ["config", "--global", "http.https://lfs.corp.example/.extraheader", &header_line],
    );
    home.run(&git, ["init", "-q", "work/app"]);
    let url = format!("https://ci:{remote}@git.corp.example/team/app.git");
    home.run(&git, ["-C", "work/app", "remote", "add", "origin", &url]);
    home.run(
        &git,
        ["-C", "work/app", "remote", "add", "fork", "ssh://git@git.corp.example/dana/app.git"],
    );
    let pair = base64(&format!("x-access-token:{basic}"));
    let header_line = format!("AUTHORIZATION: basic {pair}");
    home.run(
        &git,
        ["-C", "work/app", "config", "http.https://git.corp.example/.extraheader", &header_line],
    );
    home.must_report(&[
        json!({
            "rule": "git-credentials", "path": "~/.git-credentials", "line": 1, "host": "git.corp.example:8443", "account": "dana",
            "storage": "plaintext", "mode": "0600",
            // Git writes `@/:` as percent signs; the password is what was typed.
            "credentials": [home.credential("password", &format!("{stored}@/:"))],
        }),
        json!({
            "rule": "git-config", "path": "~/.gitconfig", "host": "code.corp.example", "account": "robot",
            "storage": "plaintext", "credentials": [home.credential("password", &rewritten)],
        }),
        json!({
            "rule": "git-config", "path": "~/.gitconfig", "host": "lfs.corp.example", "storage": "plaintext",
            "credentials": [home.credential("oauth-access-token", &header)],
        }),
        json!({
            "rule": "git-config", "path": "~/work/app/.git/config", "host": "git.corp.example", "account": "ci",
            "reach": ["https://git.corp.example/team/app.git"],
            "storage": "plaintext", "credentials": [home.credential("password", &remote)],
        }),
        json!({
            "rule": "git-config", "path": "~/work/app/.git/config", "host": "git.corp.example", "account": "x-access-token",
            "storage": "obfuscated", "credentials": [home.credential("password", &basic)],
        }),
    ]);
}

#[test]
fn git_store_and_configuration_by_other_names() {
    let Some(git) = tool::find("git") else { return };
    let mut home = Home::new();
    home.set("GIT_CONFIG_NOSYSTEM", "1");
    let [stored, token, lfs] = [(); 3].map(|()| fake::letters(32));
    let helper = "store --file ~/.git-creds-work";
    home.run(&git, ["config", "--global", "credential.helper", helper]);
    home.feed(
        &git,
        &["credential", "approve"],
        &format!("protocol=https\nhost=git.corp.example\nusername=dana\npassword={stored}\n\n"),
    );
    home.run(&git, ["config", "--global", "include.path", "~/.gitconfig-work"]);
    home.run(&git, ["config", "--file", ".gitconfig-work", "github.user", "dana"]);
    home.run(&git, ["config", "--file", ".gitconfig-work", "github.token", &token]);
    home.run(&git, ["init", "-q", "work/app"]);
    let url = format!("https://kim:{lfs}@lfs.corp.example/app");
    home.run(&git, ["config", "--file", "work/app/.lfsconfig", "lfs.url", &url]);
    home.must_report(&[
        json!({
            "rule": "git-credentials", "path": "~/.git-creds-work", "host": "git.corp.example", "account": "dana",
            "storage": "plaintext", "mode": "0600", "credentials": [home.credential("password", &stored)],
        }),
        json!({
            "rule": "git-config", "path": "~/.gitconfig-work", "host": "github.com", "account": "dana", "storage": "plaintext",
            "credentials": [home.credential("personal-access-token", &token)],
        }),
        json!({
            "rule": "git-config", "path": "~/work/app/.lfsconfig", "host": "lfs.corp.example", "account": "kim",
            "storage": "plaintext", "credentials": [home.credential("password", &lfs)],
        }),
    ]);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
