//! Stores of files: rclone, s3cmd, Backblaze B2.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

#[test]
fn rclone_config_create() {
    let Some(rclone) = tool::find("rclone") else { return };
    let home = Home::new();
    let key_id = fake::aws_key_id("AKIA");
    let [key, access, refresh] = [fake::letters(40), fake::letters(60), fake::letters(80)];
    let token = json!({
        "access_token": format!("ya29.{access}"), "token_type": "Bearer", "refresh_token": format!("1//{refresh}"),
        "expiry": "2026-11-23T12:30:11.5Z",
    });
    let create = |name: &str, kind: &str, options: &[String]| {
        let options = options.iter().map(String::as_str);
        home.run(&rclone, ["config", "create", name, kind].into_iter().chain(options));
    };
    create(
        "prod",
        "s3",
        &[
            "provider=AWS".to_owned(),
            format!("access_key_id={key_id}"),
            format!("secret_access_key={key}"),
        ],
    );
    create(
        "nas",
        "sftp",
        &[
            "host=nas.corp.example".to_owned(),
            "user=dana".to_owned(),
            format!("pass={}", fake::letters(18)),
        ],
    );
    create(
        "drive",
        "drive",
        &[
            "scope=drive.readonly".to_owned(),
            format!("token={token}"),
            "config_refresh_token=false".to_owned(),
            "--non-interactive".to_owned(),
        ],
    );
    create("public", "http", &["url=https://files.corp.example".to_owned()]);
    let configuration = home.read(".config/rclone/rclone.conf");
    let obscured = configuration.lines().find_map(|line| line.strip_prefix("pass = "));
    let path = "~/.config/rclone/rclone.conf";
    home.must_report(&[
        json!({
            "rule": "rclone", "path": path, "name": "prod", "account": key_id, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("api-key", &key)],
        }),
        json!({
            "rule": "rclone", "path": path, "name": "nas", "account": "dana", "host": "nas.corp.example", "storage": "obfuscated",
            "credentials": [home.credential("password", obscured.expect("rclone obscured it"))],
        }),
        json!({
            "rule": "rclone", "path": path, "name": "drive", "scopes": ["drive.readonly"], "storage": "plaintext",
            "credentials": [
                home.credential("oauth-access-token", &format!("ya29.{access}")),
                home.credential("oauth-refresh-token", &format!("1//{refresh}")),
            ],
        }),
    ]);
}

#[test]
fn rclone_key_with_its_passphrase_and_an_address_with_its_password() {
    let Some(rclone) = tool::find("rclone") else { return };
    let Some(ssh_keygen) = tool::aid("ssh-keygen") else { return };
    let home = Home::new();
    let [passphrase, password] = [(); 2].map(|()| fake::letters(18));
    home.write(".ssh/config", "Host nas\n");
    let key = ["-q", "-t", "ed25519", "-N", &passphrase, "-C", "dana@nas", "-f", ".ssh/nas"];
    home.run(&ssh_keygen, key);
    let create = |words: &[&str]| drop(home.run(&rclone, [&["config", "create"], words].concat()));
    let passphrase = format!("key_file_pass={passphrase}");
    let file = ["host=nas.corp.example", "user=dana", "key_file=~/.ssh/nas", &passphrase];
    create(&[&["nas", "sftp"], &file[..]].concat());
    let url = format!("url=https://kim:{password}@files.corp.example/");
    create(&["files", "http", &url]);
    let configuration = home.read(".config/rclone/rclone.conf");
    let obscured = configuration.lines().find_map(|line| line.strip_prefix("key_file_pass = "));
    let path = "~/.config/rclone/rclone.conf";
    home.must_report(&[
        json!({
            "rule": "rclone", "path": path, "name": "nas", "account": "dana", "storage": "obfuscated",
            "credentials": [home.credential("password", obscured.expect("rclone obscured it"))],
        }),
        json!({
            "rule": "rclone", "path": path, "name": "files", "account": "kim", "host": "files.corp.example", "storage": "plaintext",
            "credentials": [home.credential("password", &password)],
        }),
        // Whoever has the configuration opens the key.
        json!({
            "rule": "rclone", "path": "~/.ssh/nas", "name": "nas", "account": "dana", "storage": "obfuscated",
            "credentials": [home.credential("private-key", home.read(".ssh/nas").trim_end())],
        }),
    ]);
}

#[test]
fn s3cmd_dump_config() {
    let Some(s3cmd) = tool::installed("s3cmd") else { return };
    let home = Home::new();
    let key_id = fake::aws_key_id("AKIA");
    let [key, passphrase] = [fake::letters(40), fake::letters(20)];
    let given = [format!("--access_key={key_id}"), format!("--secret_key={key}")];
    // What `s3cmd --configure` saves once its questions are answered.
    let dump = home.run(&s3cmd, ["--dump-config", "--host=s3.corp.example", &given[0], &given[1]]);
    let dump = dump.replace("gpg_passphrase = \n", &format!("gpg_passphrase = {passphrase}\n"));
    home.write(".s3cfg", &dump);
    home.must_report(&[
        json!({
            "rule": "s3cmd", "path": "~/.s3cfg", "account": key_id, "host": "s3.corp.example", "storage": "plaintext",
            "credentials": [home.credential("api-key", &key)],
        }),
        json!({
            "rule": "s3cmd", "path": "~/.s3cfg", "key": "default.gpg_passphrase", "storage": "plaintext",
            "credentials": [home.credential("password", &passphrase)],
        }),
    ]);
}

/// What `b2 account authorize` calls with the server's answer.
const B2: &str = r"
import sys
from b2sdk.v2 import SqliteAccountInfo
key_id, key, token, profile = sys.stdin.read().split()
SqliteAccountInfo(profile=profile).set_auth_data(
    account_id='d7ed3cbc293f', auth_token=token, api_url='https://api004.backblaze.example', download_url='https://f004.backblaze.example',
    recommended_part_size=100000000, absolute_minimum_part_size=5000000, application_key=key, realm='production',
    s3_api_url='https://s3.backblaze.example', application_key_id=key_id,
    allowed={'bucketId': 'b7', 'bucketName': 'acme-backups', 'capabilities': ['listBuckets', 'readFiles'], 'namePrefix': None},
)
";

#[test]
fn b2_account_info() {
    let Some(b2) = tool::installed("b2") else { return };
    let home = Home::new();
    let key_id = format!("004{}0000000001", fake::hex(12));
    let [key, token] = [format!("K004{}", fake::letters(27)), format!("4_{}", fake::letters(60))];
    let given = format!("{key_id} {key} {token} prod");
    home.feed(&tool::python(&b2), &["-c", B2], &given);
    home.must_report(&[json!({
        "rule": "b2", "path": "~/.config/b2/db-prod.sqlite", "account": key_id, "name": "prod", "host": "https://api004.backblaze.example",
        "scopes": ["listBuckets", "readFiles"], "reach": ["bucket acme-backups"], "storage": "plaintext",
        "credentials": [home.credential("api-key", &key), home.credential("session-token", &token)],
    })]);
}
