//! Forges and version control: GitHub's command line, Subversion.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer, Server};
use crate::{fake, tool};

#[test]
fn gh_auth_login_with_a_token() {
    let Some(gh) = tool::find("gh") else { return };
    let home = Home::new();
    let socket = home.outside("github.sock");
    loopback::serve_at(&socket, |_| Answer {
        header: "X-Oauth-Scopes: repo, read:org, gist\r\n",
        ..Answer::ok("{}")
    });
    home.run(&gh, ["config", "set", "http_unix_socket", &socket.to_string_lossy()]);
    let [github, enterprise] = [(); 2].map(|()| format!("gho_{}", fake::letters(36)));
    for (host, token) in [("github.com", &github), ("github.corp.example", &enterprise)] {
        home.feed(&gh, &["auth", "login", "--with-token", "--hostname", host], token);
    }
    let path = "~/.config/gh/hosts.yml";
    home.must_report(&[
        json!({
            "rule": "gh", "path": path, "host": "github.com", "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("oauth-access-token", &github)],
        }),
        json!({
            "rule": "gh", "path": path, "host": "github.corp.example", "storage": "plaintext",
            "credentials": [home.credential("oauth-access-token", &enterprise)],
        }),
    ]);
}

#[test]
fn gh_settings_are_silent() {
    let Some(gh) = tool::find("gh") else { return };
    let home = Home::new();
    home.run(&gh, ["config", "set", "editor", "vim"]);
    home.run(&gh, ["config", "set", "git_protocol", "ssh", "--host", "github.com"]);
    home.must_report(&[]);
}

#[test]
fn svn_keeps_the_password_it_was_told() {
    let Some(svn) = tool::find("svn") else { return };
    let Some(svnserve) = tool::aid("svnserve") else { return };
    let Some(svnadmin) = tool::aid("svnadmin") else { return };
    let home = Home::new();
    let password = fake::letters(20);
    let repository = home.outside("repository");
    home.run(&svnadmin, ["create".as_ref(), repository.as_os_str()]);
    let configuration = [
        (
            "conf/svnserve.conf",
            "[general]\nanon-access = none\npassword-db = passwd\nrealm = Acme\n".to_owned(),
        ),
        ("conf/passwd", format!("[users]\ndana = {password}\n")),
    ];
    for (name, text) in configuration {
        std::fs::write(repository.join(name), text).expect("a file can be written");
    }
    let port = loopback::free_port();
    let mut server = Command::new(svnserve);
    server
        .args(["--daemon", "--foreground", "--listen-host=127.0.0.1", "--root"])
        .arg(&repository)
        .arg(format!("--listen-port={port}"))
        .stdin(Stdio::null());
    let server = Server::start(&mut server);
    loopback::await_listener(port);
    let url = format!("svn://127.0.0.1:{port}");
    home.run(
        &svn,
        [
            "info",
            &url,
            "--non-interactive",
            "--username=dana",
            &format!("--password={password}"),
            "--config-option=servers:global:store-plaintext-passwords=yes",
            "--config-option=config:auth:password-stores=",
        ],
    );
    drop(server);
    let name = std::fs::read_dir(home.path(".subversion/auth/svn.simple"))
        .expect("svn made it")
        .flatten()
        .next()
        .expect("and one file in it");
    home.must_report(&[json!({
        "rule": "svn", "path": format!("~/.subversion/auth/svn.simple/{}", name.file_name().to_string_lossy()), "host": url,
        "account": "dana", "name": "Acme", "storage": "plaintext", "readable_by": "owner",
        "credentials": [home.credential("password", &password)],
    })]);
}
