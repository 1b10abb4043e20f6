//! Package managers: npm, pip, cargo.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

#[test]
fn npm_token_and_basic_pair() {
    let Some(npm) = tool::find("npm") else { return };
    let mut home = Home::new();
    home.set("npm_config_logs_max", "0");
    let [token, password] = [fake::letters(36), fake::letters(20)];
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("dana:{password}"));
    home.run(&npm, ["config", "set", "@acme:registry=https://registry.corp.example/"]);
    home.run(&npm, ["config", "set", &format!("//registry.corp.example/:_authToken={token}")]);
    home.run(&npm, ["config", "set", &format!("//packages.corp.example/npm/:_auth={pair}")]);
    home.must_report(&[
        json!({
            "rule": "npm", "path": "~/.npmrc", "host": "registry.corp.example", "reach": ["@acme"], "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
        json!({
            "rule": "npm", "path": "~/.npmrc", "host": "packages.corp.example", "account": "dana", "storage": "obfuscated",
            "credentials": [home.credential("password", &password)],
        }),
    ]);
}

/// npm masks tokens of its own shape in its logs, and leaves those of other registries as they were typed.
#[test]
fn npm_logs_keep_what_was_typed() {
    let Some(npm) = tool::find("npm") else { return };
    let home = Home::new();
    let token = fake::letters(36);
    home.run(&npm, ["config", "set", &format!("//registry.corp.example/:_authToken={token}")]);
    let credential = json!([home.credential("api-key", &token)]);
    let mut expected = vec![json!({"rule": "npm", "path": "~/.npmrc", "credentials": credential})];
    for log in fs::read_dir(home.path(".npm/_logs")).into_iter().flatten().flatten() {
        let name = log.file_name().to_string_lossy().into_owned();
        if home.read(format!(".npm/_logs/{name}")).contains(&token) {
            expected.push(json!({
                "category": "history", "tool": "npm", "path": format!("~/.npm/_logs/{name}"), "key": "npm config set",
                "storage": "plaintext", "credentials": [{"fingerprint": home.fingerprint(&token)}],
            }));
        }
    }
    home.must_report(&expected);
}

#[test]
fn npm_settings_without_a_secret_are_silent() {
    let Some(npm) = tool::find("npm") else { return };
    let home = Home::new();
    home.run(
        &npm,
        [
            "config",
            "set",
            "registry=https://registry.corp.example/",
            "save-exact=true",
            "init-author-name=Dana",
        ],
    );
    home.run(&npm, ["config", "set", "//registry.corp.example/:_authToken=${NPM_TOKEN}"]);
    home.must_report(&[]);
}

#[test]
fn pip_index_url() {
    let Some(pip) = tool::find("pip3") else { return };
    let home = Home::new();
    let password = fake::letters(24);
    let url = format!("https://dana:{password}@pypi.corp.example/simple");
    home.run(&pip, ["config", "--user", "set", "global.index-url", &url]);
    home.run(&pip, ["config", "--user", "set", "global.timeout", "30"]);
    home.must_report(&[json!({
        "rule": "pip", "path": "~/.config/pip/pip.conf", "key": "global.index-url", "host": "pypi.corp.example", "account": "dana",
        "reach": ["https://pypi.corp.example/simple"], "storage": "plaintext",
        "credentials": [home.credential("password", &password)],
    })]);
}

/// Settings have dots in their names, too, and the commonest host of private gems looks like one of them.
#[test]
fn bundle_config() {
    let Some(bundle) = tool::find("bundle") else { return };
    let home = Home::new();
    let [password, fury, token] = [20, 20, 36].map(fake::letters);
    let pair = format!("dana:{password}");
    let github = format!("x-access-token:ghp_{token}");
    for (name, value) in [
        ("gems.corp.example", pair.as_str()),
        ("gem.fury.io", &fury),
        ("github.com", &github),
        ("gem.test", "rspec"),
        ("build.nokogiri", "--use-system-libraries"),
        ("jobs", "4"),
    ] {
        home.run(&bundle, ["config", "set", "--global", name, value]);
    }
    let found = |host: &str, account: Option<&str>, kind: &str, secret: &str| {
        json!({
            "rule": "bundler", "path": "~/.bundle/config", "host": host, "account": account, "storage": "plaintext",
            "credentials": [home.credential(kind, secret)],
        })
    };
    home.must_report(&[
        found("gems.corp.example", Some("dana"), "password", &password),
        found("gem.fury.io", None, "api-key", &fury),
        found(
            "github.com",
            Some("x-access-token"),
            "personal-access-token",
            &format!("ghp_{token}"),
        ),
    ]);
}

#[test]
fn cargo_login() {
    // `cargo` on the search path may be rustup's, which looks for its toolchains in the home.
    let cargo = Path::new(env!("CARGO"));
    tool::used("cargo", cargo);
    let home = Home::new();
    let token = fake::letters(35);
    let registry = loopback::serve(|request| match request.path.as_str() {
        "/config.json" => {
            Answer::ok(r#"{"dl": "http://127.0.0.1:9/dl", "api": "http://127.0.0.1:9"}"#)
        }
        _ => Answer { status: "404 Not Found", header: "", body: "{}".to_owned() },
    });
    home.write(
        ".cargo/config.toml",
        &format!("[registries.acme]\nindex = \"sparse+http://{registry}/\"\n"),
    );
    home.feed(cargo, &["login", "--registry", "acme"], &token);
    home.must_report(&[json!({
        "rule": "cargo", "path": "~/.cargo/credentials.toml", "key": "registries.acme.token", "name": "acme",
        "host": registry.to_string(), "storage": "plaintext", "mode": "0600",
        "credentials": [home.credential("api-key", &token)],
    })]);
}
