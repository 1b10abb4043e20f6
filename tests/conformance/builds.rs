//! Package managers of other languages: Composer, Maven, Yarn, pnpm, Conan, `RubyGems`.

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

#[test]
fn composer_config() {
    let Some(composer) = tool::find("composer") else { return };
    let mut home = Home::new();
    home.set("COMPOSER_ALLOW_SUPERUSER", "1");
    home.set("COMPOSER_DISABLE_NETWORK", "1");
    let [github, gitlab, password, bearer, secret] = [(); 5].map(|()| fake::letters(40));
    let config =
        |words: &[&str]| drop(home.run(&composer, [&["config", "--global"], words].concat()));
    config(&["github-oauth.github.com", &github]);
    config(&["gitlab-token.gitlab.corp.example", "oauth2", &gitlab]);
    config(&["http-basic.repo.corp.example", "dana", &password]);
    config(&["bearer.satis.corp.example", &bearer]);
    config(&["bitbucket-oauth.bitbucket.org", "AscpFDuUAWmaiBaUjm", &secret]);
    config(&["repositories.acme", "composer", "https://repo.corp.example"]);
    let found = |host: &str, account: Option<&str>, kind: &str, secret: &str| {
        json!({
            "rule": "composer", "path": "~/.config/composer/auth.json", "host": host, "account": account, "storage": "plaintext",
            "mode": "0600", "credentials": [home.credential(kind, secret)],
        })
    };
    home.must_report(&[
        found("github.com", None, "personal-access-token", &github),
        found("gitlab.corp.example", Some("oauth2"), "personal-access-token", &gitlab),
        found("repo.corp.example", Some("dana"), "password", &password),
        found("satis.corp.example", None, "api-key", &bearer),
        found("bitbucket.org", Some("AscpFDuUAWmaiBaUjm"), "client-secret", &secret),
    ]);
}

#[test]
fn composer_config_of_a_project() {
    let Some(composer) = tool::find("composer") else { return };
    let mut home = Home::new();
    home.set("COMPOSER_ALLOW_SUPERUSER", "1");
    home.set("COMPOSER_DISABLE_NETWORK", "1");
    let [bearer, password] = [(); 2].map(|()| fake::letters(40));
    home.write("app/composer.json", "{\"name\": \"acme/app\"}\n");
    let config = |words: &[&str]| {
        drop(home.run(&composer, [&["config", "--working-dir=app"], words].concat()));
    };
    config(&["--auth", "bearer.satis.corp.example", &bearer]);
    let url = format!("https://dana:{password}@repo.corp.example");
    config(&["repositories.acme", "composer", &url]);
    home.must_report(&[
        json!({
            "rule": "composer", "path": "~/app/auth.json", "host": "satis.corp.example", "storage": "plaintext",
            "credentials": [home.credential("api-key", &bearer)],
        }),
        json!({
            "rule": "composer", "path": "~/app/composer.json", "host": "repo.corp.example", "account": "dana",
            "storage": "plaintext", "credentials": [home.credential("password", &password)],
        }),
    ]);
}

/// Maven 3 prints the locked passwords and leaves it to the person to write them down.
#[test]
fn mvn_encrypt_password() {
    let Some(mvn) = tool::find("mvn") else { return };
    let mut home = Home::new();
    home.set("MAVEN_OPTS", &format!("-Duser.home={}", home.path("").display()));
    let [master, password] = [fake::letters(16), fake::letters(16)];
    let lock = |option: &str, word: &str| {
        let printed = home.run(&mvn, ["--offline", "--batch-mode", option, word]);
        let locked =
            printed.lines().find_map(|line| line.find('{').map(|at| line[at..].to_owned()));
        locked.expect("Maven prints it in braces")
    };
    let master = lock("--encrypt-master-password", &master);
    home.write(
        ".m2/settings-security.xml",
        &format!("<settingsSecurity>\n  <master>{master}</master>\n</settingsSecurity>\n"),
    );
    let password = lock("--encrypt-password", &password);
    home.write(
        ".m2/settings.xml",
        &format!(
            "<settings>\n  <servers>\n    <server><id>acme</id><username>dana</username><password>{password}</password></server>\n  </servers>\n</settings>\n"
        ),
    );
    home.must_report(&[
        json!({
            "rule": "maven", "path": "~/.m2/settings.xml", "name": "acme", "account": "dana", "storage": "obfuscated",
            "credentials": [home.credential("password", password.trim_end())],
        }),
        json!({
            "rule": "maven", "path": "~/.m2/settings-security.xml", "storage": "obfuscated",
            "credentials": [home.credential("password", master.trim_end())],
        }),
    ]);
}

#[test]
fn yarn_config_set() {
    let Some(yarn) = tool::installed("yarn") else { return };
    let mut home = Home::new();
    home.set("YARN_ENABLE_TELEMETRY", "0");
    home.set("YARN_IGNORE_PATH", "1");
    let [token, password] = [fake::letters(36), fake::letters(24)];
    let set =
        |name: &str, value: &str| drop(home.run(&yarn, ["config", "set", "--home", name, value]));
    set("npmRegistryServer", "https://registry.corp.example");
    set("npmAuthToken", &token);
    set("npmRegistries[\"//packages.corp.example\"].npmAuthIdent", &format!("dana:{password}"));
    home.must_report(&[
        json!({
            "rule": "yarn", "path": "~/.yarnrc.yml", "host": "registry.corp.example", "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
        json!({
            "rule": "yarn", "path": "~/.yarnrc.yml", "host": "packages.corp.example", "account": "dana", "storage": "plaintext",
            "credentials": [home.credential("password", &password)],
        }),
    ]);
}

#[test]
fn pnpm_config_set() {
    let Some(pnpm) = tool::installed("pnpm") else { return };
    let home = Home::new();
    let token = fake::letters(36);
    let name = "//registry.corp.example/:_authToken";
    home.run(&pnpm, ["config", "set", name, &token]);
    home.run(&pnpm, ["config", "set", "store-dir", "/var/cache/pnpm"]);
    let password = fake::letters(20);
    let proxy = format!("http://dana:{password}@proxy.corp.example:3128");
    home.run(&pnpm, ["config", "set", "https-proxy", &proxy]);
    home.must_report(&[
        json!({
            "rule": "pnpm", "path": "~/.config/pnpm/auth.ini", "host": "registry.corp.example", "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
        json!({
            "rule": "pnpm", "path": "~/.config/pnpm/config.yaml", "host": "proxy.corp.example:3128", "account": "dana",
            "storage": "plaintext", "credentials": [home.credential("password", &password)],
        }),
    ]);
}

#[test]
fn conan_remote_login() {
    let Some(conan) = tool::installed("conan") else { return };
    let home = Home::new();
    let [password, token] = [fake::letters(20), fake::letters(60)];
    let answer = token.clone();
    let server = loopback::serve(move |_| Answer {
        header: "Content-Type: text/plain\r\nX-Conan-Server-Capabilities: revisions\r\n",
        ..Answer::ok(&answer)
    });
    let url = format!("http://{server}");
    home.run(&conan, ["remote", "add", "acme", &url]);
    home.run(&conan, ["remote", "login", "acme", "dana", "-p", &password]);
    home.must_report(&[json!({
        "rule": "conan", "path": "~/.conan2/.conan.db", "account": "dana", "host": url, "storage": "plaintext",
        "credentials": [home.credential("session-token", &token)],
    })]);
}

/// What `gem signin` calls with the server's answer; it asks for the password at a terminal.
const GEM: &str = "
require 'rubygems'
own, other = STDIN.read.split
Gem.configuration.set_api_key(:rubygems_api_key, own)
Gem.configuration.set_api_key('https://gems.corp.example', other)
";

#[test]
fn gem_signin() {
    let Some(gem) = tool::find("gem") else { return };
    let home = Home::new();
    let [own, other] = [format!("rubygems_{}", fake::hex(48)), fake::hex(40)];
    home.feed(&gem.with_file_name("ruby"), &["-e", GEM], &format!("{own} {other}"));
    let path = "~/.local/share/gem/credentials";
    home.must_report(&[
        json!({
            "rule": "gem", "path": path, "name": "rubygems_api_key", "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("api-key", &own)],
        }),
        json!({
            "rule": "gem", "path": path, "host": "https://gems.corp.example", "storage": "plaintext",
            "credentials": [home.credential("api-key", &other)],
        }),
    ]);
}
