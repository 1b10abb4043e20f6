use super::*;
use crate::parse::{Document, Options, Unreadable};
use crate::rule::Dialect;

fn document(_: &[u8], _: Options<'_>) -> Result<Document, Unreadable> {
    Err(Unreadable::UnsupportedEncryption)
}

#[expect(clippy::unnecessary_wraps, reason = "the type of `ReadEntries`")]
fn entries(
    _: &mut dyn std::io::BufRead,
    _: Options<'_>,
    _: &mut dyn FnMut(parse::Entry<'_>),
) -> std::io::Result<()> {
    Ok(())
}

const fn format(name: &'static str) -> Format {
    Format { name, about: "", dialects: &[], document: Some(document), entries: None }
}

const FORMATS: &[Format] = &[
    format("json"),
    format("yaml"),
    format("sqlite"),
    Format { dialects: &[Dialect::Aws, Dialect::Git], ..format("ini") },
    Format {
        dialects: &[Dialect::Bash],
        document: None,
        entries: Some(entries),
        ..format("shell-history")
    },
];

const GOOD: &str = r#"id: gh
tool: GitHub CLI
provider: github
category: vcs
summary: Acts as the signed-in GitHub user within the scopes granted at login.
references: [https://cli.github.com/manual/gh_auth_login]
confirmed: tool
client: {id: 178c6fc778ccc68e1d6a, name: GitHub CLI, first_party: true, public_secrets: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]}
caches:
  - paths: [~/.config/gh/hosts.yml, "~/AppData/Roaming/GitHub CLI/hosts.yml", "/etc/gh/{a,b}/*.yml", "**/gh/hosts.yml"]
    env: {GH_CONFIG_DIR: hosts.yml, GH_HOSTS: ""}
    format: yaml
    beside: {cert: {path: certs/*.pem, format: json}, profile: {path: ~/.x.json, format: json}, up: {path: ../x.json, format: json}}
    grants: |
      to_entries[] | .key as $host | .value as $h
      | ($h.users // {($h.user // ""): $h} | to_entries[])
      | (.value.oauth_token // if .key == $h.user then $h.oauth_token else null end) as $token
      | {host: $host, account: .key, active: (.key == $h.user), at: "\($host).\(.key)", roles: $cert, reach: $path}
        + if $token then {kind: "oauth-access-token", secret: $token} else {storage: "keychain"} end
env_tokens: {GH_TOKEN: personal-access-token, GH_TOKEN_*: personal-access-token, GH_*_TOKEN: api-key, "npm_config_//*/:_authToken": api-key}
lifetime: {oauth-access-token: {ends: never, idle: 365d}}
scope: {assume: [repo, "read:org", gist], privilege: write}
end:
  logout: "gh auth logout --hostname {host} --user {account}"
  revoke: https://github.com/settings/applications
  verify: "curl -d '{\"a\": 1}' ${HOME} {host}"
better: "OS keychain (gh >= 2.24 uses it when one is there)"
tests:
  - {file: "github.com: {user: octo, oauth_token: gho_<36>}", expect: [{account: octo, kind: oauth-access-token}]}
  - {file: "github.com: {user: octo, git_protocol: ssh}",     expect: [{account: octo, storage: keychain}]}
  - {file: "github.com: [",                                   expect: malformed}
"#;

const BROKEN: &str = r#"id: other
tool: ""
provider: Git Hub
category: cloud
summery: x
references: [not a url]
confirmed: toool
client: {name: x, public_secrets: [abc]}
caches:
  - paths: [.config/gh, ~/../x, "~/a//b", "~/[", ~/dir/]
    env: {1X: hosts.yml, GOOD: ../x, EMPTY: "{,tkt*}", FINE: "{,x/}y"}
    format: yml
    beside: {path: {path: a, format: json}, ok: {path: "a/../*/*", format: shell-history}, two: {path: "*/*", format: json}}
    grants: |
      to_entries[]
        | selct(.a)
        | {acount: .a, kind: "oauth", storage: "keychian",
           credentials: [{scret: 1}]}
  - paths: [~/x]
    format: sqlite
    grants: ".a | now"
  - paths: [~/x]
    format: ini
    dialect: bash
    tables: [a]
    grants: env
  - paths: [~/h]
    format: shell-history
    commands: true
  - paths: []
    format: json
    holds: history
    commands: true
    grants: >
      .a |
      now
  - {paths: [~/y], format: json}
env_tokens: {"A-B": api-key, "A_*_B_*": api-key, "*": api-key, OK: api-kee}
lifetime: {api-key: {ends: 1y, idle: never}, nope: {ends: 1d}}
scope: {assume: repo, privilege: root}
end: {logout: "x {acount} {secret}"}
tests:
  - {file: "", expect: malformd, cache: 9}
"#;

#[test]
fn a_sound_rule_has_no_problems() {
    assert_eq!(check(&[("caches/vcs/gh.yaml", GOOD), ("policy.yaml", "a: 1")], FORMATS), []);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let files = [
        ("caches/vcs/gh.yaml", BROKEN),
        ("caches/vcs/other.yaml", "id: other\nid: again\n"),
        ("caches/vcs/third.yaml", &GOOD.replace("id: gh\n", "id: other\n")),
        ("commands/curl.yaml", "a: [\n"),
        ("stray.yaml", "a: 1"),
    ];
    let told: Vec<_> = check(&files, FORMATS).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn places_inside_scalars_are_places_in_the_file() {
    for (grants, place) in [
        ("|\n    .x\n    | now", (4, 7)),
        ("|- # why\n\n    .x\n    | now", (5, 7)),
        ("now", (2, 11)),
        ("\"now\"", (2, 12)),
        ("'\"é\" | now'", (2, 18)),
        (">\n    .x |\n    now", (3, 5)),
    ] {
        let found = filters("x.yaml", &format!("caches:\n- grants: {grants}\n"));
        assert_eq!((found[0].line, found[0].column), place, "{grants}");
    }
}
