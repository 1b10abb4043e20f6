//! Models and their makers: Hugging Face, Codex, Weights & Biases, llm, Modal, Kaggle, and what agents' MCP servers are given.

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

#[test]
fn modal_token_set() {
    let Some(modal) = tool::installed("modal") else { return };
    let home = Home::new();
    let [id, secret] = [format!("ak-{}", fake::letters(22)), format!("as-{}", fake::letters(22))];
    let words = ["token", "set", "--no-verify", "--profile", "acme", "--token-id", &id];
    home.run(&modal, [&words[..], &["--token-secret", &secret]].concat());
    home.must_report(&[json!({
        "rule": "modal", "path": "~/.modal.toml", "account": id, "name": "acme", "active": true, "storage": "plaintext",
        "credentials": [home.credential("api-key", &secret)],
    })]);
}

/// What `kaggle auth login` calls once the browser is back.
const KAGGLE: &str = r"
import json, sys
from datetime import datetime, timezone
from kagglesdk.kaggle_creds import KaggleCredentials
given = json.load(sys.stdin)
ends = datetime(2026, 11, 23, 13, 0, tzinfo=timezone.utc)
KaggleCredentials(None, given['refresh'], given['access'], ends, 'dana', ['resources.admin:*']).save()
";

#[test]
fn kaggle_auth_login() {
    let Some(kaggle) = tool::installed("kaggle") else { return };
    let home = Home::new();
    let [refresh, access] = [(); 2].map(|()| fake::letters(64));
    let given = json!({"refresh": refresh, "access": access}).to_string();
    home.feed(&tool::python(&kaggle), &["-c", KAGGLE], &given);
    let mut access = home.credential("oauth-access-token", &access);
    access["expires_at"] = json!("2026-11-23T13:00:00Z");
    home.must_report(&[json!({
        "rule": "kaggle", "path": "~/.kaggle/credentials.json", "account": "dana", "scopes": ["resources.admin:*"],
        "storage": "plaintext", "mode": "0600", "state": "renewable",
        "credentials": [home.credential("oauth-refresh-token", &refresh), access],
    })]);
}

/// A key in the environment of an MCP server, and a token in the headers of another.
struct Servers {
    key: String,
    bearer: String,
}

impl Servers {
    fn new() -> Self {
        Self { key: fake::letters(32), bearer: fake::letters(40) }
    }

    fn variable(&self) -> String {
        format!("ACME_API_KEY={}", self.key)
    }

    fn header(&self) -> String {
        format!("Authorization: Bearer {}", self.bearer)
    }

    fn expected(&self, home: &Home, path: &str) -> [serde_json::Value; 2] {
        [
            json!({
                "rule": "mcp", "path": path, "name": "ACME_API_KEY", "reach": ["MCP server acme"], "storage": "plaintext",
                "credentials": [home.credential("api-key", &self.key)],
            }),
            json!({
                "rule": "mcp", "path": path, "name": "Authorization", "host": "mcp.corp.example", "reach": ["MCP server corp"],
                "storage": "plaintext", "credentials": [{"fingerprint": home.fingerprint(&self.bearer)}],
            }),
        ]
    }
}

#[test]
fn claude_mcp_add() {
    let Some(claude) = tool::installed("claude") else { return };
    let mut home = Home::new();
    home.set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    let servers = Servers::new();
    let add = ["mcp", "add", "--scope", "user"];
    let [variable, header] = [servers.variable(), servers.header()];
    home.run(&claude, [&add[..], &["acme", "-e", &variable, "--", "acme-mcp"]].concat());
    let remote =
        ["--transport", "http", "corp", "https://mcp.corp.example/mcp", "--header", &header];
    home.run(&claude, [&add[..], &remote].concat());
    home.must_report(&servers.expected(&home, "~/.claude.json"));
}

#[test]
fn gemini_mcp_add() {
    let Some(gemini) = tool::installed("gemini") else { return };
    let home = Home::new();
    let servers = Servers::new();
    let add = ["mcp", "add", "--scope", "user"];
    let [variable, header] = [servers.variable(), servers.header()];
    home.run(&gemini, [&add[..], &["-e", &variable, "acme", "acme-mcp"]].concat());
    let remote = ["--transport", "http", "-H", &header, "corp", "https://mcp.corp.example/mcp"];
    home.run(&gemini, [&add[..], &remote].concat());
    home.must_report(&servers.expected(&home, "~/.gemini/settings.json"));
}

#[test]
fn codex_mcp_add() {
    let Some(codex) = tool::installed("codex") else { return };
    let home = Home::new();
    let servers = Servers::new();
    home.run(&codex, ["mcp", "add", "acme", "--env", &servers.variable(), "--", "acme-mcp"]);
    home.must_report(&servers.expected(&home, "~/.codex/config.toml")[..1]);
}
