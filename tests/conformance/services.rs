//! Command lines of services that keep a login in a small file: AWX, Posit Connect, Mastodon, the Internet Archive, Cloudinary,
//! Globus, the Open Build Service, ngrok, Clever Cloud, Turborepo.

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

#[test]
fn tower_cli_config() {
    let Some(tower) = tool::installed("tower-cli") else { return };
    let home = Home::new();
    let [password, token] = [fake::letters(20), fake::letters(30)];
    for (name, value) in [
        ("host", "https://tower.corp.example"),
        ("username", "dana"),
        ("password", &password),
        ("oauth_token", &token),
    ] {
        home.run(&tower, ["config", name, value]);
    }
    let found = |kind: &str, secret: &str| {
        json!({
            "rule": "tower-cli", "path": "~/.tower_cli.cfg", "account": "dana", "host": "https://tower.corp.example",
            "storage": "plaintext", "mode": "0600", "credentials": [home.credential(kind, secret)],
        })
    };
    home.must_report(&[found("password", &password), found("oauth-access-token", &token)]);
}

/// What `rsconnect add` keeps once the servers have answered.
const RSCONNECT: &str = r"
import json, sys
from rsconnect.metadata import ServerStore
given = json.load(sys.stdin)
store = ServerStore()
store.set('prod', 'https://connect.corp.example/', api_key=given['key'])
store.set('apps', 'https://api.shinyapps.io', account_name='dana', token=given['token'], secret=given['secret'])
";

#[test]
fn rsconnect_servers() {
    let Some(rsconnect) = tool::installed("rsconnect") else { return };
    let home = Home::new();
    let [key, token, secret] = [fake::letters(32), fake::hex(32).to_uppercase(), fake::letters(40)];
    let given = json!({"key": key, "token": token, "secret": secret});
    home.feed(&tool::python(&rsconnect), &["-c", RSCONNECT], &given.to_string());
    let mut signing = home.credential("client-secret", &secret);
    signing["account"] = json!(token);
    home.must_report(&[
        json!({
            "rule": "rsconnect-python", "path": "~/.config/rsconnect-python/servers.json", "name": "prod",
            "host": "https://connect.corp.example/", "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("api-key", &key)],
        }),
        json!({
            "rule": "rsconnect-python", "path": "~/.config/rsconnect-python/servers.json", "name": "apps", "account": "dana",
            "host": "https://api.shinyapps.io", "storage": "plaintext", "credentials": [signing],
        }),
    ]);
}

/// What `toot login` keeps once the instance has registered it.
const TOOT: &str = r"
import json, sys
from toot import App, User, config
given = json.load(sys.stdin)
config.save_app(App('mastodon.corp.example', 'https://mastodon.corp.example', given['id'], given['secret']))
user = User('mastodon.corp.example', 'dana', given['token'])
config.save_user(user)
config.activate_user(user)
";

#[test]
fn toot_login() {
    let Some(toot) = tool::installed("toot") else { return };
    let home = Home::new();
    let [id, secret, token] = [(); 3].map(|()| fake::letters(43));
    let given = json!({"id": id, "secret": secret, "token": token});
    home.feed(&tool::python(&toot), &["-c", TOOT], &given.to_string());
    home.must_report(&[
        json!({
            "rule": "toot", "path": "~/.config/toot/config.json", "account": "dana@mastodon.corp.example",
            "host": "mastodon.corp.example", "active": true, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("oauth-access-token", &token)],
        }),
        json!({
            "rule": "toot", "path": "~/.config/toot/config.json", "account": id, "host": "mastodon.corp.example",
            "credentials": [home.credential("client-secret", &secret)],
        }),
    ]);
}

/// What `ia configure` keeps of the archive's answer.
const ARCHIVE: &str = r"
import json, sys
from internetarchive.config import write_config_file
given = json.load(sys.stdin)
until = '; expires=Tue, 23-Nov-2027 12:47:39 GMT; Max-Age=31536000; path=/; domain=.archive.org'
write_config_file({
    's3': {'access': given['access'], 'secret': given['secret']},
    'cookies': {'logged-in-user': 'dana%40corp.example' + until, 'logged-in-sig': given['cookie'] + until},
    'general': {'screenname': 'dana'},
})
";

#[test]
fn internet_archive_configure() {
    let Some(ia) = tool::installed("ia") else { return };
    let home = Home::new();
    let [access, secret] = [(); 2].map(|()| fake::letters(16));
    let cookie = format!("1826974059%201795438059%20{}", fake::hex(64));
    let given = json!({"access": access, "secret": secret, "cookie": cookie});
    home.feed(&tool::python(&ia), &["-c", ARCHIVE], &given.to_string());
    let mut key = home.credential("api-key", &secret);
    key["account"] = json!(access);
    let mut session = home.credential("cookie", &cookie);
    session["expires_at"] = json!("2027-11-23T12:47:39Z");
    home.must_report(&[json!({
        "rule": "internetarchive", "path": "~/.config/internetarchive/ia.ini", "account": "dana", "storage": "plaintext",
        "mode": "0600", "credentials": [key, session],
    })]);
}

#[test]
fn cloudinary_config() {
    let Some(cld) = tool::installed("cld") else { return };
    let home = Home::new();
    let secret = fake::letters(27);
    let url = format!("cloudinary://123456789012345:{secret}@acme");
    let script = "import sys; from cloudinary_cli.utils.config_utils import update_config; update_config({'acme': sys.stdin.read()})";
    home.feed(&tool::python(&cld), &["-c", script], &url);
    let mut key = home.credential("api-key", &secret);
    key["account"] = json!("123456789012345");
    home.must_report(&[json!({
        "rule": "cloudinary", "path": "~/.cloudinary-cli/config.json", "name": "acme", "tenant": "acme",
        "account": "123456789012345", "storage": "plaintext", "credentials": [key],
    })]);
}

/// What `globus login` keeps: the client it registered for itself, and the tokens of one resource server.
const GLOBUS: &str = r"
import json, sys
from globus_cli.login_manager.storage import CLIStorage
given = json.load(sys.stdin)
class Answer:
    by_resource_server = {given['tokens']['resource_server']: given['tokens']}
storage = CLIStorage()
storage.store_well_known_config('auth_client_data', {'client_id': given['client'], 'client_secret': given['secret']})
storage.store_well_known_config('auth_user_data', {'sub': given['user']})
storage.adapter.store(Answer())
storage.close()
";

#[test]
fn globus_login() {
    let Some(globus) = tool::installed("globus") else { return };
    let home = Home::new();
    let [access, refresh] = [90, 60].map(|length| format!("Ag{}", fake::letters(length)));
    let secret = fake::letters(44);
    let [client, user] =
        ["0b99bdf9-2ea0-4e3d-9ec6-a93492b671b3", "1c99bdf9-2ea0-4e3d-9ec6-a93492b671b4"];
    let given = json!({
        "client": client, "secret": secret, "user": user,
        "tokens": {
            "resource_server": "transfer.api.globus.org", "scope": "urn:globus:auth:scope:transfer.api.globus.org:all",
            "access_token": access, "refresh_token": refresh, "expires_at_seconds": 1_795_438_059, "token_type": "Bearer",
        },
    });
    home.feed(&tool::python(&globus), &["-c", GLOBUS], &given.to_string());
    let mut access = home.credential("oauth-access-token", &access);
    access["expires_at"] = json!("2026-11-23T12:47:39Z");
    home.must_report(&[
        json!({
            "rule": "globus", "path": "~/.globus/cli/storage.db", "account": client, "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("client-secret", &secret)],
        }),
        json!({
            "rule": "globus", "path": "~/.globus/cli/storage.db", "account": user, "client_id": client,
            "host": "transfer.api.globus.org", "scopes": ["urn:globus:auth:scope:transfer.api.globus.org:all"],
            "state": "renewable", "credentials": [access, home.credential("oauth-refresh-token", &refresh)],
        }),
    ]);
}

/// What `osc` writes after it has asked for a user and a password.
const OSC: &str = r"
import json, os, sys
import osc.conf, osc.credentials
given = json.load(sys.stdin)
folder = os.path.expanduser('~/.config/osc')
os.makedirs(folder)
osc.conf.write_initial_config(
    folder + '/oscrc', {'user': 'dana', 'pass': given, 'apiurl': 'https://api.corp.example'},
    creds_mgr_descriptor=osc.credentials.PlaintextConfigFileDescriptor())
";

#[test]
fn osc_first_configuration() {
    let Some(osc) = tool::installed("osc") else { return };
    let home = Home::new();
    let password = fake::letters(20);
    home.feed(&tool::python(&osc), &["-c", OSC], &json!(password).to_string());
    home.must_report(&[json!({
        "rule": "copr", "path": "~/.config/osc/oscrc", "account": "dana", "host": "https://api.corp.example",
        "storage": "plaintext", "mode": "0600", "credentials": [home.credential("password", &password)],
    })]);
}

/// pyngrok writes the agent's configuration as `ngrok config add-authtoken` would, without the agent.
const NGROK: &str = r"
import os, sys
from pyngrok import installer
file = os.path.expanduser('~/.config/ngrok/ngrok.yml')
os.makedirs(os.path.dirname(file))
installer.install_default_config(file, {'authtoken': sys.stdin.read()})
";

#[test]
fn ngrok_authtoken() {
    let Some(pyngrok) = tool::installed("pyngrok") else { return };
    let home = Home::new();
    let token = format!("2{}_{}", fake::letters(26), fake::letters(21));
    home.feed(&tool::python(&pyngrok), &["-c", NGROK], &token);
    home.must_report(&[json!({
        "rule": "ngrok", "path": "~/.config/ngrok/ngrok.yml", "storage": "plaintext",
        "credentials": [home.credential("api-key", &token)],
    })]);
}

#[test]
fn clever_login() {
    let Some(clever) = tool::installed("clever") else { return };
    let home = Home::new();
    let [token, secret] = [(); 2].map(|()| fake::hex(32));
    // It asks whose they are only after they are kept, and nobody answers.
    home.command(&clever)
        .args(["login", "--token", &token, "--secret", &secret])
        .output()
        .expect("it can be started");
    home.must_report(&[json!({
        "rule": "clever-tools", "path": "~/.config/clever-cloud/clever-tools.json", "storage": "plaintext",
        "credentials": [home.credential("oauth-access-token", &token), home.credential("client-secret", &secret)],
    })]);
}

#[test]
fn turbo_login_to_a_cache_of_ones_own() {
    let Some(turbo) = tool::installed("turbo") else { return };
    let Some(python) = tool::aid("python3") else { return };
    let mut home = Home::new();
    home.set("TURBO_TELEMETRY_DISABLED", "1");
    home.set("TURBO_NO_UPDATE_NOTIFIER", "1");
    let token = fake::letters(24);
    let cache = loopback::serve(|_| Answer::ok(r#"{"status": "enabled"}"#));
    home.write("package.json", r#"{"name": "app", "packageManager": "npm@10.0.0"}"#);
    home.write("turbo.json", r#"{"tasks": {}}"#);
    // It asks where the cache is, how the team is named (the first way, by its id), which it is, and for the token.
    home.type_at(
        &python,
        &turbo,
        &["login", "--manual"],
        &format!("http://{cache}\n\nteam_Ab12Cd34\n{token}"),
    );
    home.must_report(&[json!({
        "rule": "turborepo", "path": "~/.config/turborepo/config.json", "storage": "plaintext", "mode": "0600",
        "credentials": [home.credential("oauth-access-token", &token)],
    })]);
}
