//! Models and their makers: Hugging Face, Codex, Weights & Biases, llm.

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

#[test]
fn hf_auth_login() {
    let Some(hf) = tool::installed("hf") else { return };
    let mut home = Home::new();
    let answer = json!({"type": "user", "name": "dana", "orgs": [], "auth": {"accessToken": {"displayName": "laptop", "role": "write"}}});
    let answer = answer.to_string();
    let hub = loopback::serve(move |_| Answer::ok(&answer));
    home.set("HF_ENDPOINT", &format!("http://{hub}"));
    home.set("HF_HUB_DISABLE_TELEMETRY", "1");
    home.set("HF_HUB_DISABLE_UPDATE_CHECK", "1");
    let token = format!("hf_{}", fake::letters(34));
    home.run(&hf, ["auth", "login", "--token", &token]);
    let credentials = [home.credential("personal-access-token", &token)];
    home.must_report(&[
        json!({
            "rule": "huggingface", "path": "~/.cache/huggingface/token", "name": "laptop", "active": true, "storage": "plaintext",
            "mode": "0600", "credentials": credentials,
        }),
        json!({
            "rule": "huggingface", "path": "~/.cache/huggingface/stored_tokens", "name": "laptop", "active": true,
            "storage": "plaintext", "mode": "0600", "credentials": credentials,
        }),
    ]);
}

#[test]
fn codex_login_with_an_api_key() {
    let Some(codex) = tool::installed("codex") else { return };
    let home = Home::new();
    let key = format!("sk-{}T3BlbkFJ{}", fake::letters(20), fake::letters(20));
    home.feed(&codex, &["login", "--with-api-key"], &key);
    home.must_report(&[json!({
        "rule": "codex", "path": "~/.codex/auth.json", "key": "OPENAI_API_KEY", "storage": "plaintext", "mode": "0600",
        "credentials": [home.credential("api-key", &key)],
    })]);
}

/// It keeps the key in the file of another tool.
#[test]
fn wandb_login() {
    let Some(wandb) = tool::installed("wandb") else { return };
    let home = Home::new();
    let server = loopback::serve(|_| Answer::ok("{}"));
    let key = fake::hex(40);
    home.run(&wandb, ["login", "--host", &format!("http://{server}"), "--no-verify", &key]);
    home.must_report(&[json!({
        "rule": "netrc", "path": "~/.netrc", "host": server.to_string(), "storage": "plaintext", "mode": "0600",
        "credentials": [home.credential("api-key", &key)],
    })]);
}

#[test]
fn llm_keys_set() {
    let Some(llm) = tool::installed("llm") else { return };
    let home = Home::new();
    let [one, two] = [(); 2].map(|()| fake::letters(48));
    for (name, key) in [("acme", &one), ("example", &two)] {
        home.run(&llm, ["keys", "set", name, "--value", key]);
    }
    let found = |name: &str, key: &str| {
        json!({
            "rule": "llm", "path": "~/.config/io.datasette.llm/keys.json", "name": name, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("api-key", key)],
        })
    };
    home.must_report(&[found("acme", &one), found("example", &two)]);
}
