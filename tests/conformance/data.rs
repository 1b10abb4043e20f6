//! Warehouses of data: Databricks, Snowflake.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn databricks_configure() {
    let Some(databricks) = tool::installed("databricks") else { return };
    let home = Home::new();
    let [first, second] = [(); 2].map(|()| format!("dapi{}", fake::hex(32)));
    for (profile, host, token) in [
        ("DEFAULT", "https://adb-583.3.azuredatabricks.net", &first),
        ("PROD", "https://dbc-a1b2.cloud.databricks.com", &second),
    ] {
        let file = home.outside(profile);
        std::fs::write(&file, token).expect("a file can be written");
        let file = file.to_string_lossy();
        home.run(
            &databricks,
            ["configure", "--profile", profile, "--host", host, "--token-file", &file],
        );
    }
    let found = |profile: &str, host: &str, token: &str| {
        json!({
            "rule": "databricks", "path": "~/.databrickscfg", "name": profile, "host": host, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("personal-access-token", token)],
        })
    };
    home.must_report(&[
        found("DEFAULT", "https://adb-583.3.azuredatabricks.net", &first),
        found("PROD", "https://dbc-a1b2.cloud.databricks.com", &second),
    ]);
}

/// What the connector calls when a login in a browser has given it a token that it may keep.
const CACHE: &str = r"
import sys
from snowflake.connector.token_cache import FileTokenCache, TokenKey, TokenType
kind = TokenType.OAUTH_REFRESH_TOKEN
try:
    key = TokenKey('DANA', 'ACME-EU1.snowflakecomputing.com', kind)
    FileTokenCache.make().store(key, sys.stdin.read())
except TypeError:
    key = TokenKey(user='DANA', host='ACME-EU1.snowflakecomputing.com', tokenType=kind)
    FileTokenCache.make().store(key, sys.stdin.read())
";

#[test]
fn snow_connections_and_cached_token() {
    let Some(snow) = tool::installed("snow") else { return };
    let home = Home::new();
    let [password, token] =
        [fake::letters(24), format!("ver:2-hint:965536335879-did:1001-{}", fake::letters(80))];
    let add = |name: &str, more: &[&str]| {
        let basic = [
            "connection",
            "add",
            "--no-interactive",
            "--account",
            "ACME-EU1",
            "--user",
            "DANA",
            "--connection-name",
            name,
        ];
        home.run(&snow, [&basic[..], more].concat());
    };
    add("prod", &["--password", &password, "--role", "SYSADMIN", "--default"]);
    add("browser", &["--authenticator", "externalbrowser"]);
    home.feed(&tool::python(&snow), &["-c", CACHE], &token);
    home.must_report(&[
        json!({
            "rule": "snowflake", "path": "~/.config/snowflake/config.toml", "name": "prod", "account": "DANA", "tenant": "ACME-EU1",
            "active": true, "roles": ["SYSADMIN"], "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("password", &password)],
        }),
        json!({
            "rule": "snowflake", "path": "~/.cache/snowflake/credential_cache_v1.json", "account": "DANA", "tenant": "ACME-EU1",
            "storage": "plaintext", "mode": "0600", "credentials": [home.credential("oauth-refresh-token", &token)],
        }),
    ]);
}
