//! Keys and passwords in files of their own: keytool, openssl, pk12util, vncpasswd, xauth, adb; and `NuGet`, which locks them with a key in the home.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn keytool_keystores() {
    let Some(keytool) = tool::find("keytool") else { return };
    let home = Home::new();
    let passphrase = fake::letters(16);
    home.write(".android/.keep", "");
    let store = |kind: &str, file: &str, arguments: &[&str]| {
        let common = ["-keystore", file, "-storetype", kind, "-storepass", &passphrase];
        home.run(&keytool, arguments.iter().copied().chain(common));
    };
    let pair = |kind: &str, file: &str, alias: &str, name: &str| {
        let dname = format!("CN={name}, O=Corp");
        store(
            kind,
            file,
            &[
                "-genkeypair",
                "-alias",
                alias,
                "-keyalg",
                "EC",
                "-dname",
                &dname,
                "-validity",
                "800",
            ],
        );
    };
    pair("JKS", "release.jks", "upload", "Acme Release");
    pair("PKCS12", "server.p12", "tls", "web.corp.example");
    pair("JKS", ".android/debug.keystore", "androiddebugkey", "Android Debug");
    store(
        "PKCS12",
        ".keystore",
        &["-genseckey", "-alias", "session", "-keyalg", "AES", "-keysize", "256"],
    );
    let export = ["-exportcert", "-alias", "upload", "-file", "upload.cer"];
    store("JKS", "release.jks", &export);
    let import = ["-importcert", "-noprompt", "-alias", "root", "-file", "upload.cer"];
    store("JKS", "truststore.jks", &import);
    store("PKCS12", "truststore.p12", &import);
    let locked = |path: &str, account: &str, alias: &str| {
        json!({
            "rule": "keystores", "path": path, "account": account, "name": alias, "storage": "encrypted",
            "credentials": [{"kind": "private-key", "fingerprint": null}],
        })
    };
    home.must_report(&[
        locked("~/.keystore", "session", "session"),
        locked("~/release.jks", "Acme Release", "upload"),
        locked("~/server.p12", "tls", "tls"),
    ]);
}

#[test]
fn openssl_pkcs12() {
    let Some(openssl) = tool::find("openssl") else { return };
    let home = Home::new();
    let certificate = home.outside("jane.pem");
    let key = home.outside("jane.key");
    let (key, certificate) = (key.to_string_lossy(), certificate.to_string_lossy());
    home.run(
        &openssl,
        [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "800",
            "-subj",
            "/O=Corp/CN=jane",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
    let export = |file: &str, more: &[&str]| {
        let common = [
            "pkcs12",
            "-export",
            "-inkey",
            &key,
            "-in",
            &certificate,
            "-name",
            "jane",
            "-out",
            file,
        ];
        home.run(&openssl, common.into_iter().chain(more.iter().copied()));
    };
    export("locked.p12", &["-passout", &format!("pass:{}", fake::letters(16))]);
    export("open.pfx", &["-keypbe", "NONE", "-certpbe", "NONE", "-nomac", "-passout", "pass:"]);
    home.run(
        &openssl,
        [
            "pkcs12",
            "-export",
            "-nokeys",
            "-in",
            &certificate,
            "-out",
            "ca.p12",
            "-passout",
            "pass:x",
        ],
    );
    let pem = home.read(&*key).trim_end().to_owned();
    home.must_report(&[
        json!({"rule": "keystores", "path": "~/locked.p12", "account": "jane", "storage": "encrypted", "mode": "0600"}),
        json!({
            "rule": "keystores", "path": "~/open.pfx", "account": "jane", "roles": ["Corp"], "storage": "plaintext",
            "credentials": [home.credential("private-key", &pem)],
        }),
    ]);
}

/// What Firefox and Thunderbird export: BER, not DER.
#[test]
fn nss_pk12util() {
    let (Some(pk12util), Some(certutil)) = (tool::find("pk12util"), tool::aid("certutil")) else {
        return;
    };
    let home = Home::new();
    let database = format!("sql:{}", home.outside("tmp").to_string_lossy());
    let noise = home.outside("tmp/noise");
    std::fs::write(&noise, fake::letters(64)).expect("a file can be written");
    home.run(&certutil, ["-N", "-d", &database, "--empty-password"]);
    home.run(
        &certutil,
        [
            "-S",
            "-d",
            &database,
            "-n",
            "jane",
            "-s",
            "CN=jane,O=Corp",
            "-x",
            "-t",
            "u,u,u",
            "-k",
            "ec",
            "-q",
            "nistp256",
            "-z",
            &noise.to_string_lossy(),
        ],
    );
    home.run(
        &pk12util,
        ["-o", "jane.p12", "-d", &database, "-n", "jane", "-W", &fake::letters(16)],
    );
    home.must_report(&[json!({
        "rule": "keystores", "path": "~/jane.p12", "account": "jane", "name": "jane", "storage": "encrypted",
    })]);
}

#[test]
fn vncpasswd_password_files() {
    let Some(vncpasswd) = tool::find("vncpasswd") else { return };
    let home = Home::new();
    let [full, look] = [fake::letters(8), fake::letters(8)];
    home.write(".vnc/passwd", "");
    let output = home
        .command(&vncpasswd)
        .arg("-f")
        .write_stdin(format!("{full}\n{look}\n"))
        .output()
        .expect("it runs");
    assert!(output.status.success() && output.status.signal().is_none());
    std::fs::write(home.path(".vnc/passwd"), output.stdout).expect("a file can be written");
    let password = |name: &str, secret: &str| {
        json!({
            "rule": "vnc", "path": "~/.vnc/passwd", "name": name, "storage": "obfuscated",
            "credentials": [home.credential("password", secret)],
        })
    };
    home.must_report(&[password("full control", &full), password("view-only", &look)]);
}

#[test]
fn xauth_add() {
    let Some(xauth) = tool::find("xauth") else { return };
    let home = Home::new();
    let cookie = fake::hex(32);
    home.run(&xauth, ["add", "laptop/unix:0", ".", &cookie]);
    home.must_report(&[json!({
        "rule": "xauthority", "path": "~/.Xauthority", "host": "laptop/unix:0",
        "mode": "0600", "credentials": [home.credential("session-token", &cookie)],
    })]);
}

#[test]
fn adb_keygen() {
    let Some(adb) = tool::find("adb") else { return };
    let mut home = Home::new();
    home.set("HOSTNAME", "laptop");
    home.write(".android/.keep", "");
    home.run(&adb, ["keygen", ".android/adbkey"]);
    let key = home.read(".android/adbkey").trim_end().to_owned();
    home.must_report(&[json!({
        "rule": "adb", "path": "~/.android/adbkey", "account": "user@laptop", "mode": "0600",
        "credentials": [home.credential("private-key", &key)],
    })]);
}

/// Mono's lock: its key lies in the same home.
#[test]
fn nuget_sources_add() {
    let Some(nuget) = tool::find("nuget") else { return };
    let home = Home::new();
    let [password, key] = [fake::letters(20), fake::letters(40)];
    let source = "https://nuget.corp.example/v3/index.json";
    home.run(
        &nuget,
        [
            "sources",
            "add",
            "-Name",
            "corp feed",
            "-Source",
            source,
            "-UserName",
            "dana",
            "-Password",
            &password,
        ],
    );
    home.run(&nuget, ["setapikey", &key, "-Source", "https://push.corp.example/api"]);
    let configuration = home.read(".config/NuGet/NuGet.Config");
    let locked = |after: &str| {
        let (_, rest) = configuration.split_once(after).expect("it is written");
        let (_, rest) = rest.split_once("value=\"").expect("with its value");
        rest.split_once('"').expect("which ends").0.to_owned()
    };
    let path = "~/.config/NuGet/NuGet.Config";
    home.must_report(&[
        json!({
            "rule": "nuget", "path": path, "name": "corp feed", "account": "dana", "host": source, "storage": "obfuscated",
            "credentials": [home.credential("password", &locked("key=\"Password\""))],
        }),
        json!({
            "rule": "nuget", "path": path, "host": "https://push.corp.example/api", "storage": "obfuscated",
            "credentials": [home.credential("api-key", &locked("https://push.corp.example/api"))],
        }),
    ]);
}
