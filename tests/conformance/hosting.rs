//! Hosting: the tools of Firebase, Vercel, Cloudflare, Twilio, Linode, Hetzner, Sentry.

use std::path::Path;

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

/// Runs JavaScript among the packages of a tool; `given` is in its environment as `GIVEN`, so that no file holds it.
fn call(home: &mut Home, tool: &Path, script: &str, given: &serde_json::Value) {
    let Some(node) = tool::aid("node") else { panic!("{} runs in node", tool.display()) };
    home.set("NODE_PATH", &tool::modules(tool).to_string_lossy());
    home.feed(
        &node,
        &["-e", &format!("const given = JSON.parse(require('fs').readFileSync(0));{script}")],
        &given.to_string(),
    );
}

#[test]
fn firebase_login() {
    let Some(firebase) = tool::installed("firebase") else { return };
    let mut home = Home::new();
    let [access, refresh] =
        [format!("ya29.{}", fake::letters(180)), format!("1//{}", fake::letters(90))];
    let given = json!({
        "user": {"email": "dana@corp.example"}, "scopes": ["email", "https://www.googleapis.com/auth/cloud-platform"],
        "tokens": {
            "access_token": access, "refresh_token": refresh, "expires_at": 1_795_438_059_000_i64,
            "scopes": ["email", "https://www.googleapis.com/auth/cloud-platform"],
        },
    });
    let script = "require('firebase-tools/lib/auth').recordCredentials(given)";
    call(&mut home, &firebase, script, &given);
    let mut access = home.credential("oauth-access-token", &access);
    access["expires_at"] = json!("2026-11-23T12:47:39Z");
    home.must_report(&[json!({
        "rule": "firebase", "path": "~/.config/configstore/firebase-tools.json", "account": "dana@corp.example", "active": true,
        "scopes": ["email", "https://www.googleapis.com/auth/cloud-platform"], "storage": "plaintext", "mode": "0600",
        "state": "renewable", "credentials": [home.credential("oauth-refresh-token", &refresh), access],
    })]);
}

/// Logs in as a browser would come back, and waits until the tool has written what it got.
const WRANGLER: &str = r"
import re, subprocess, sys, threading, time, urllib.error, urllib.request
tool = subprocess.Popen(
    [sys.argv[1], 'login', '--browser=false', '--callback-port=' + sys.argv[2]],
    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
watchdog = threading.Timer(60, tool.kill)
watchdog.start()
# It goes on to a page of the vendor's, which is out of reach.
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_): return None
def come_back(state):
    address = 'http://localhost:%s/oauth/callback?code=c0de&state=%s' % (sys.argv[2], state)
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(address)
    except urllib.error.HTTPError as answer:
        return answer.code == 307
    except urllib.error.URLError:
        return False
for line in tool.stdout:
    state = re.search(r'[?&]state=([^&\s]+)', line)
    if state:
        # It names the page before it listens.
        while tool.poll() is None and not come_back(state[1]):
            time.sleep(0.1)
        break
tool.stdout.read()
watchdog.cancel()
sys.exit(tool.wait(30))
";

#[test]
fn wrangler_login() {
    let Some(wrangler) = tool::installed("wrangler") else { return };
    let Some(python) = tool::aid("python3") else { return };
    let [access, refresh] =
        [(); 2].map(|()| format!("{}.{}", fake::letters(43), fake::letters(43)));
    let answer = json!({
        "access_token": access, "refresh_token": refresh, "expires_in": 3600, "scope": "account:read workers:write offline_access",
        "token_type": "bearer",
    });
    let answer = answer.to_string();
    let cloudflare = loopback::serve(move |_| Answer::ok(&answer));
    let mut home = Home::new();
    home.set("WRANGLER_TOKEN_URL", &format!("http://{cloudflare}/oauth2/token"));
    home.set("WRANGLER_SEND_METRICS", "false");
    home.set("CI", "true");
    let port = loopback::free_port().to_string();
    home.run(&python, ["-c", WRANGLER, &wrangler.to_string_lossy(), &port]);
    home.must_report(&[json!({
        "rule": "wrangler", "path": "~/.config/.wrangler/config/default.toml", "active": true, "storage": "plaintext",
        "state": "renewable", "scopes": ["account:read", "workers:write", "offline_access"],
        "credentials": [home.credential("oauth-access-token", &access), home.credential("oauth-refresh-token", &refresh)],
    })]);
}

#[test]
fn twilio_profile() {
    let Some(twilio) = tool::installed("twilio") else { return };
    let mut home = Home::new();
    let [account, key] = [format!("AC{}", fake::hex(32)), format!("SK{}", fake::hex(32))];
    let secret = fake::letters(32);
    let script = "
        const { Config, ConfigData } = require('twilio-cli/node_modules/@twilio/cli-core').services.config;
        const data = new ConfigData();
        data.addProfile('acme', given.account, undefined, undefined, given.key, given.secret);
        data.setActiveProfile('acme');
        new Config(process.env.HOME + '/.twilio-cli').save(data);
    ";
    call(&mut home, &twilio, script, &json!({"account": account, "key": key, "secret": secret}));
    let mut credential = home.credential("api-key", &secret);
    credential["account"] = json!(key);
    home.must_report(&[json!({
        "rule": "twilio-cli", "path": "~/.twilio-cli/config.json", "account": account, "name": "acme", "active": true,
        "storage": "plaintext", "credentials": [credential],
    })]);
}

/// What `linode-cli configure --token` keeps once the service has told whose the token is.
const LINODE: &str = r"
import sys
from linodecli.configuration.config import CLIConfig
config = CLIConfig('https://api.linode.example', skip_config=True)
config.config.set('DEFAULT', 'default-user', 'dana')
config.config.add_section('dana')
config.config.set('dana', 'token', sys.stdin.read())
config.config.set('dana', 'region', 'eu-central')
config.write_config()
";

#[test]
fn linode_configure() {
    let Some(linode) = tool::installed("linode-cli") else { return };
    let mut home = Home::new();
    let token = fake::hex(64);
    // Else the module asks its questions once it is loaded.
    home.set("LINODE_CLI_TEST_MODE", "1");
    home.feed(&tool::python(&linode), &["-c", LINODE], &token);
    home.must_report(&[json!({
        "rule": "linode-cli", "path": "~/.config/linode-cli", "account": "dana", "active": true, "storage": "plaintext",
        "credentials": [home.credential("personal-access-token", &token)],
    })]);
}

/// The configuration package of the tool itself, by which its login is written.
#[test]
fn vercel_login() {
    let Some(vercel) = tool::installed("vercel") else { return };
    let mut home = Home::new();
    let [access, refresh] =
        [format!("vca_{}", fake::letters(56)), format!("vcr_{}", fake::letters(56))];
    let script = "
        const config = require('vercel/node_modules/@vercel/cli-config');
        const folder = config.getGlobalPathConfig();
        require('fs').mkdirSync(folder, { recursive: true });
        config.writeAuthConfig(folder, { ...config.getDefaultAuthConfig(), ...given });
        config.writeGlobalConfigFile(config.getConfigFilePath(folder), { ...config.defaultGlobalConfig, currentTeam: 'team_Ab12Cd34' });
    ";
    let given = json!({"token": access, "refreshToken": refresh, "expiresAt": 1_795_438_059, "userId": "Zx9Yw8Vu7Ts6Rq5P"});
    call(&mut home, &vercel, script, &given);
    let mut access = home.credential("oauth-access-token", &access);
    access["expires_at"] = json!("2026-11-23T12:47:39Z");
    home.must_report(&[json!({
        "rule": "vercel", "path": "~/.local/share/com.vercel.cli/auth.json", "account": "Zx9Yw8Vu7Ts6Rq5P", "tenant": "team_Ab12Cd34",
        "storage": "plaintext", "mode": "0600", "state": "renewable",
        "credentials": [access, home.credential("oauth-refresh-token", &refresh)],
    })]);
}

#[test]
fn sentry_cli_login() {
    let Some(sentry) = tool::installed("sentry-cli") else { return };
    let home = Home::new();
    let token = format!("sntryu_{}", fake::hex(64));
    let answer = json!({"auth": {"scopes": ["project:read"]}, "user": {"email": "dana@corp.example", "id": "7"}});
    let answer = answer.to_string();
    let server = loopback::serve(move |_| Answer::ok(&answer));
    let url = format!("http://{server}");
    home.run(&sentry, ["--url", &url, "--auth-token", &token, "login", "--global"]);
    home.must_report(&[json!({
        "rule": "sentry-cli", "path": "~/.sentryclirc", "host": url, "storage": "plaintext", "mode": "0600",
        "credentials": [home.credential("personal-access-token", &token)],
    })]);
}

#[test]
fn hcloud_context_create() {
    let Some(hcloud) = tool::find("hcloud") else { return };
    let Some(python) = tool::aid("python3") else { return };
    let mut home = Home::new();
    let file = home.path(".config/hcloud/cli.toml");
    // Older ones look for the home among the accounts of the machine.
    home.set("HCLOUD_CONFIG", &file.to_string_lossy());
    home.write(".config/hcloud/cli.toml", "");
    let [lab, prod] = [(); 2].map(|()| fake::letters(64));
    for (name, token) in [("lab", &lab), ("prod", &prod)] {
        home.type_at(&python, &hcloud, &["context", "create", name], token);
    }
    let found = |name: &str, active: bool, token: &str| {
        json!({
            "rule": "hcloud", "path": "~/.config/hcloud/cli.toml", "name": name, "active": active, "storage": "plaintext",
            "credentials": [home.credential("api-key", token)],
        })
    };
    home.must_report(&[found("lab", false, &lab), found("prod", true, &prod)]);
}
