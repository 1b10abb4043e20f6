//! Package managers from `PyPI`: Poetry, Hatch, PDM, uv.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn poetry_config() {
    let Some(poetry) = tool::installed("poetry") else { return };
    let mut home = Home::new();
    home.set("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
    let [token, password] = [fake::letters(60), fake::letters(20)];
    home.run(&poetry, ["config", "repositories.acme", "https://pypi.corp.example/legacy/"]);
    home.run(&poetry, ["config", "keyring.enabled", "false"]);
    home.run(&poetry, ["config", "http-basic.acme", "dana", &password]);
    home.run(&poetry, ["config", "pypi-token.pypi", &token]);
    home.must_report(&[
        json!({
            "rule": "poetry", "path": "~/.config/pypoetry/auth.toml", "name": "acme", "account": "dana", "host": "pypi.corp.example",
            "storage": "plaintext", "mode": "0600", "credentials": [home.credential("password", &password)],
        }),
        json!({
            "rule": "poetry", "path": "~/.config/pypoetry/auth.toml", "name": "pypi", "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
    ]);
}

#[test]
fn hatch_config_set() {
    let Some(hatch) = tool::installed("hatch") else { return };
    let home = Home::new();
    let token = fake::letters(60);
    home.run(&hatch, ["config", "set", "publish.index.user", "__token__"]);
    home.run(&hatch, ["config", "set", "publish.index.auth", &token]);
    home.must_report(&[json!({
        "rule": "hatch", "path": "~/.config/hatch/config.toml", "account": "__token__", "storage": "plaintext",
        "credentials": [home.credential("api-key", &token)],
    })]);
}

#[test]
fn pdm_config() {
    let Some(pdm) = tool::installed("pdm") else { return };
    let mut home = Home::new();
    home.set("PDM_CHECK_UPDATE", "false");
    home.set("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
    let [token, password] = [fake::letters(60), fake::letters(20)];
    for (name, value) in [
        ("repository.acme.url", "https://upload.corp.example/legacy/"),
        ("repository.acme.username", "__token__"),
        ("repository.acme.password", &token),
        ("pypi.corp.url", "https://pypi.corp.example/simple"),
        ("pypi.corp.username", "dana"),
        ("pypi.corp.password", &password),
    ] {
        home.run(&pdm, ["config", name, value]);
    }
    home.must_report(&[
        json!({
            "rule": "pdm", "path": "~/.config/pdm/config.toml", "name": "acme", "host": "https://upload.corp.example/legacy/",
            "storage": "plaintext", "credentials": [home.credential("api-key", &token)],
        }),
        json!({
            "rule": "pdm", "path": "~/.config/pdm/config.toml", "name": "corp", "account": "dana", "host": "https://pypi.corp.example/simple",
            "storage": "plaintext", "credentials": [home.credential("password", &password)],
        }),
    ]);
}

#[test]
fn uv_auth_login() {
    let Some(uv) = tool::installed("uv") else { return };
    let home = Home::new();
    let [token, password] = [fake::letters(60), fake::letters(20)];
    home.run(
        &uv,
        [
            "auth",
            "login",
            "https://pypi.corp.example/simple",
            "--username",
            "dana",
            "--password",
            &password,
        ],
    );
    home.run(&uv, ["auth", "login", "https://upload.corp.example/legacy", "--token", &token]);
    let path = "~/.local/share/uv/credentials/credentials.toml";
    home.must_report(&[
        json!({
            "rule": "uv", "path": path, "host": "pypi.corp.example", "account": "dana", "storage": "plaintext",
            "credentials": [home.credential("password", &password)],
        }),
        json!({
            "rule": "uv", "path": path, "host": "upload.corp.example", "account": "__token__", "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
    ]);
}
