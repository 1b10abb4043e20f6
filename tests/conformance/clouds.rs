//! Clouds: the command-line tools of AWS and Google.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

#[test]
fn aws_configure_set() {
    let Some(aws) = tool::find("aws") else { return };
    let home = Home::new();
    let [id, session_id] = ["AKIA", "ASIA"].map(fake::aws_key_id);
    let [secret, session_secret] = [fake::letters(40), fake::letters(40)];
    let session = format!("IQoJb3JpZ2luX2VjE{}", fake::letters(300));
    let set = |profile: &str, name: &str, value: &str| {
        home.run(&aws, ["configure", "set", name, value, "--profile", profile]);
    };
    set("default", "aws_access_key_id", &id);
    set("default", "aws_secret_access_key", &secret);
    set("default", "region", "eu-west-1");
    set("mfa", "aws_access_key_id", &session_id);
    set("mfa", "aws_secret_access_key", &session_secret);
    set("mfa", "aws_session_token", &session);
    set("admin", "role_arn", "arn:aws:iam::994411330088:role/OrgAdmin");
    set("admin", "source_profile", "default");
    set("vault", "credential_process", "/opt/bin/aws-vault export --format=json work");
    home.must_report(&[
        json!({
            "rule": "aws", "path": "~/.aws/credentials", "key": "default.aws_secret_access_key", "account": id, "name": "default",
            "active": true, "reach": ["arn:aws:iam::994411330088:role/OrgAdmin"], "storage": "plaintext", "mode": "0600",
            "state": "no-expiry", "credentials": [home.credential("api-key", &secret)],
        }),
        json!({
            "rule": "aws", "path": "~/.aws/credentials", "key": "mfa.aws_secret_access_key", "account": session_id, "name": "mfa",
            "storage": "plaintext", "credentials": [
                home.credential("session-token", &session_secret), home.credential("session-token", &session),
            ],
        }),
        json!({
            "rule": "aws", "path": "~/.aws/config", "key": "vault.credential_process", "name": "vault", "storage": "helper",
            "held_by": "aws-vault", "credentials": [],
        }),
    ]);
}

#[test]
fn aws_single_sign_on_settings_are_silent() {
    let Some(aws) = tool::find("aws") else { return };
    let home = Home::new();
    for (name, value) in [
        ("sso_start_url", "https://acme.awsapps.com/start"),
        ("sso_region", "eu-west-1"),
        ("sso_account_id", "571190283364"),
        ("sso_role_name", "PowerUserAccess"),
    ] {
        home.run(&aws, ["configure", "set", name, value, "--profile", "dev"]);
    }
    home.must_report(&[]);
}

#[test]
fn gcloud_activate_service_account() {
    let Some(gcloud) = tool::find("gcloud") else { return };
    let Some(openssl) = tool::aid("openssl") else { return };
    let token = format!("ya29.c.{}", fake::letters(200));
    let answer =
        json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}).to_string();
    let google = loopback::serve(move |_| Answer::ok(&answer));
    let mut home = Home::new();
    home.set("CLOUDSDK_CORE_DISABLE_PROMPTS", "1");
    home.set("CLOUDSDK_AUTH_TOKEN_HOST", &format!("http://{google}/token"));
    let key =
        home.run(&openssl, ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let account = "deploy@acme-demo-431907.iam.gserviceaccount.com";
    let key_id = fake::hex(40);
    let file = home.outside("key.json");
    let content = json!({
        "type": "service_account", "project_id": "acme-demo-431907", "private_key_id": key_id, "private_key": key,
        "client_email": account, "client_id": "104857600000000000000", "token_uri": format!("http://{google}/token"),
    });
    std::fs::write(&file, content.to_string()).expect("a file can be written");
    home.run(&gcloud, ["auth", "activate-service-account", "--key-file", &file.to_string_lossy()]);
    let mut key = home.credential("service-account-key", key.trim_end());
    key["account"] = json!(key_id);
    let expires = token_expiry(&home.path(".config/gcloud/access_tokens.db"));
    let folder = "~/.config/gcloud";
    home.must_report(&[
        json!({
            "rule": "gcloud", "path": format!("{folder}/credentials.db"), "account": account, "tenant": "acme-demo-431907",
            "active": true, "storage": "plaintext", "mode": "0600", "state": "no-expiry", "credentials": [key],
        }),
        json!({
            "rule": "gcloud", "path": format!("{folder}/legacy_credentials/{account}/adc.json"), "account": account,
            "tenant": "acme-demo-431907", "storage": "plaintext", "mode": "0600", "state": "no-expiry", "credentials": [key],
        }),
        json!({
            "rule": "gcloud", "path": format!("{folder}/access_tokens.db"), "account": account, "storage": "plaintext",
            "mode": "0600", "state": "live", "expires_at": expires, "credentials": [home.credential("oauth-access-token", &token)],
        }),
    ]);
}

/// When the access token ends, as gcloud wrote it: UTC, without saying so.
fn token_expiry(database: &Path) -> String {
    let database = Connection::open(database).expect("gcloud wrote a database");
    let expiry: String = database
        .query_row("SELECT token_expiry FROM access_tokens", [], |row| row.get(0))
        .expect("with one token");
    let expiry: DateTime = expiry.parse().expect("and the time of its end");
    TimeZone::UTC.to_timestamp(expiry).expect("it is in range").to_string()
}
