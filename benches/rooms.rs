//! What each room costs: one name of a folder, one document, one filter, one score, one block of text.
//!
//! `cargo bench`. Whole processes beside other programs are measured by `tests/bench/run`.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use nhi_scan::artifact::Facts;
use nhi_scan::grant::{
    Confidence, Credential, CredentialKind, End, Grant, Identity, Privilege, Spot, Storage,
};
use nhi_scan::parse::{self, Options};
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::pack::Pack;
use nhi_scan::rule::paths::{Folder, PathIndex};
use nhi_scan::score;
use serde_json::json;

fn main() {
    divan::main();
}

static PACK: LazyLock<Pack> = LazyLock::new(pack);

fn pack() -> Pack {
    let Ok(set) = RuleSet::built_in() else { unreachable!("the built-in rules load") };
    let Ok(pack) = Pack::new(set) else { unreachable!("the built-in rules compile") };
    pack
}

/// What every start of the program pays.
#[divan::bench]
fn start_up() -> Pack {
    pack()
}

/// Names of a folder against the paths of all rules.
#[divan::bench(args = ["/home/kim/app/node_modules/left/lib", "/home/kim/.aws"])]
fn match_entries(bencher: Bencher<'_, '_>, folder: &str) {
    let index = PathIndex::of(PACK.paths.clone());
    let endings = ["js", "json", "rs", "md", "pem", "yml", "d.ts", ""];
    let names: Vec<String> =
        (0..1024).map(|n| format!("module{n}.{}", endings[n % endings.len()])).collect();
    bencher.counter(ItemsCount::new(names.len())).bench(|| {
        let folder = Folder::new(Path::new(black_box(folder)));
        let hanging = index.hanging_on(&folder);
        let mut matched = 0;
        for name in &names {
            index.matches(&folder, &hanging, name, |_, _| matched += 1);
        }
        matched
    });
}

#[divan::bench(args = ["json", "yaml", "toml", "ini", "dotenv", "xml"])]
fn parse_document(bencher: Bencher<'_, '_>, format: &str) {
    let rows = |row: fn(usize) -> String| (0..500).map(row).collect::<String>();
    let text = match format {
        "json" => format!(
            "{{{}\"end\": 1}}",
            rows(|n| format!("\"key{n}\": {{\"token\": \"value{n}\"}},\n"))
        ),
        "yaml" => rows(|n| format!("key{n}:\n  token: value{n}\n")),
        "toml" => rows(|n| format!("[key{n}]\ntoken = \"value{n}\"\n")),
        "ini" => rows(|n| format!("[key{n}]\ntoken = value{n}\n")),
        "xml" => format!(
            "<all>{}</all>",
            rows(|n| format!("<key{n}><token>value{n}</token></key{n}>\n"))
        ),
        _ => rows(|n| format!("KEY{n}=value{n}\n")),
    };
    let read = parse::format(format).and_then(|format| format.document);
    let Some(read) = read else { unreachable!("these formats make documents") };
    bencher
        .counter(BytesCount::of_str(&*text))
        .bench(|| read(black_box(text.as_bytes()), Options::default()).is_ok());
}

/// The filter of the GitHub CLI's rule over the document it reads.
#[divan::bench]
fn filter(bencher: Bencher<'_, '_>) {
    let rule = PACK.rules().iter().find(|loaded| loaded.rule.id == "gh");
    let Some(filter) = rule.and_then(|loaded| loaded.grants(0)) else { return };
    let document =
        json!({"github.com": {"user": "kim", "users": {"kim": {"oauth_token": "gho_x"}}}});
    let path = json!(["home", "kim", ".config", "gh", "hosts.yml"]);
    bencher.bench(|| filter.run(black_box(&document), std::slice::from_ref(&path)).outputs.len());
}

#[divan::bench]
fn score_grant(bencher: Bencher<'_, '_>) {
    let path = PathBuf::from("/home/kim/.config/gh/hosts.yml");
    let context = score::Context {
        now: jiff::Timestamp::UNIX_EPOCH,
        policy: &PACK.policy,
        controls: &PACK.controls,
        path: &path,
        copies: 2,
    };
    let grant = grant();
    bencher.bench(|| score::finding(grant.clone(), &Facts::default(), &context).score.total);
}

fn grant() -> Grant {
    Grant {
        rule: "gh".into(),
        tool: "GitHub CLI".into(),
        provider: "github".into(),
        category: "vcs".into(),
        title: String::new(),
        confidence: Confidence::High,
        identity: Identity::default(),
        credentials: vec![Credential {
            kind: CredentialKind::OauthAccessToken,
            name: None,
            account: None,
            fingerprint: None,
            fold: None,
            token_type: None,
            issued: None,
            expires: None,
            checksum_ok: Some(true),
            occurrences: 1,
        }],
        scopes: vec!["repo".into()],
        roles: Vec::new(),
        reach: Vec::new(),
        privilege: Privilege::Write,
        storage: Storage::Plaintext,
        held_by: None,
        spot: Spot::default(),
        lives: Vec::new(),
        end: End::default(),
        first_party: None,
        claimed: false,
    }
}

/// What `--deep` does to a block of text in which there is no token.
#[divan::bench]
fn find_tokens(bencher: Bencher<'_, '_>) {
    let text = "export default async function request(path, token) { return fetch(path); }\n"
        .repeat(14_000);
    bencher.counter(BytesCount::of_str(&*text)).bench(|| PACK.tokens.find(black_box(&text)).len());
}
