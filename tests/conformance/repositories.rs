//! Version control but git: CVS and Fossil; and the bookmarks of lftp.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn cvs_login() {
    let Some(cvs) = tool::find("cvs") else { return };
    let Some(python) = tool::aid("python3") else { return };
    let home = Home::new();
    let password = fake::letters(16);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut asked = Vec::new();
        let mut buffer = [0; 1024];
        while !asked.ends_with(b"END VERIFICATION REQUEST\n") {
            match stream.read(&mut buffer)? {
                0 => break,
                read => asked.extend_from_slice(&buffer[..read]),
            }
        }
        stream.write_all(b"I LOVE YOU\n")
    });
    let root = format!(":pserver:dana@127.0.0.1:{port}/srv/cvs");
    home.type_at(&python, &cvs, &["-d", &root, "login"], &password);
    server.join().expect("it ends").expect("it was asked, and answered");
    home.must_report(&[json!({
        "rule": "cvs", "path": "~/.cvspass", "account": "dana", "host": "127.0.0.1", "storage": "obfuscated", "mode": "0600",
        "credentials": [home.credential("password", &password)],
    })]);
}

/// The password of the remote is kept scrambled, that of the local user as it is until somebody changes it.
#[test]
fn fossil_remote_and_local_user() {
    let Some(fossil) = tool::find("fossil") else { return };
    let home = Home::new();
    let told = home.run(&fossil, ["init", "shop.fossil"]);
    let local = told
        .lines()
        .find(|line| line.starts_with("admin-user:"))
        .and_then(|line| line.split('"').nth(1))
        .expect("it tells the password it made");
    let url = format!("https://dana:{}@fossil.corp.example/shop", fake::letters(16));
    home.run(&fossil, ["remote", "add", "origin", &url, "-R", "shop.fossil"]);
    home.must_report(&[
        json!({
            "rule": "fossil", "path": "~/shop.fossil", "key": "sync-pw:origin", "account": "dana",
            "host": "https://fossil.corp.example/shop", "storage": "obfuscated",
        }),
        json!({
            "rule": "fossil", "path": "~/shop.fossil", "key": "user.user", "account": "user", "storage": "plaintext",
            "credentials": [home.credential("password", local)],
        }),
    ]);
}

#[test]
fn lftp_bookmarks() {
    let Some(lftp) = tool::find("lftp") else { return };
    let home = Home::new();
    let password = fake::letters(16);
    // It makes this folder where no variable names the one above it.
    std::fs::create_dir_all(home.path(".local/share/lftp")).expect("folders can be made");
    let script = format!(
        "set bmk:save-passwords yes\nbookmark add corp ftp://dana:{password}@ftp.corp.example/pub/\nbookmark add open sftp://dana@sftp.corp.example/\nexit\n"
    );
    home.feed(&lftp, &[], &script);
    home.must_report(&[json!({
        "rule": "lftp", "path": "~/.local/share/lftp/bookmarks", "name": "corp", "account": "dana", "host": "ftp.corp.example",
        "storage": "plaintext", "mode": "0600", "credentials": [home.credential("password", &password)],
    })]);
}
