//! `--deep`: what is found in files that no rule names, what is left out, and at what cost.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use nhi_scan::cli::ScanArgs;
use nhi_scan::grant::Confidence;
use nhi_scan::host::Host;
use nhi_scan::plan::Plan;
use nhi_scan::report::{Finding, Report};
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::pack::Pack;
use nhi_scan::{Control, scan};
use tempfile::TempDir;

/// A Hugging Face token: nobody's, of the right shape.
const TOKEN: &str = "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";

fn tree(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn deep(folder: &Path) -> Report {
    let mut host = Host::read().unwrap();
    host.home = Some(folder.to_owned());
    host.env.clear();
    let args = ScanArgs {
        paths: vec![folder.to_owned()],
        deep: true,
        max_file_size: 16,
        ..ScanArgs::default()
    };
    scan(&Plan::new(&args, host).unwrap(), &Control::default())
}

/// Name of the file, line and rule of each finding, in order.
fn places(report: &Report) -> Vec<(String, u64, String)> {
    let place = |finding: &Finding| {
        let name = finding.location.path.rsplit('/').next().unwrap_or_default();
        (name.to_owned(), finding.location.line.unwrap_or(0), finding.rule.clone())
    };
    let mut places: Vec<_> = report.findings.iter().map(place).collect();
    places.sort();
    places
}

fn found(name: &str, line: u64) -> (String, u64, String) {
    (name.into(), line, "huggingface-user".into())
}

#[test]
fn every_documented_shape_is_found_in_any_text() {
    let pack = Pack::new(RuleSet::built_in().ok().unwrap()).ok().unwrap();
    let sought =
        || pack.tokens.iter().filter(|shape| shape.rule.secret && !shape.rule.classify_only);
    let mut text = String::new();
    let mut expected = BTreeSet::new();
    for shape in sought() {
        for example in &shape.rule.examples.positive {
            text +=
                &"Lorem ipsum dolor sit amet, consectetur adipiscing.\n".repeat(example.len() % 7);
            text += example;
            text += "\n";
        }
        expected.insert(shape.rule.id.clone());
    }
    // The text does not end within the buffer, so some stand across its border.
    let text = text.repeat(1 + (3 << 20) / text.len());
    let folder = tree(&[("notes", text.as_bytes())]);
    let rules: BTreeSet<String> =
        deep(folder.path()).findings.into_iter().map(|finding| finding.rule).collect();
    let missing: Vec<_> = expected.difference(&rules).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_token_across_the_border_of_the_buffer_is_found_once() {
    for border in [1_usize << 20, (1 << 20) - 64 * 1024 - 1] {
        for before in (0..TOKEN.len() + 2).step_by(5) {
            let mut text = vec![b'.'; border - before];
            text[10] = b'\n';
            text.extend(format!(" {TOKEN} \n").bytes());
            text.resize((5 << 20) + 7, b'-');
            let folder = tree(&[("log", &text)]);
            let report = deep(folder.path());
            assert_eq!(places(&report), [found("log", 2)], "{before} bytes before {border}");
            assert_eq!(report.findings[0].credentials[0].occurrences, 1);
        }
    }
}

#[test]
fn what_is_no_text_is_left_out_by_its_content() {
    let line = format!("{TOKEN}\n");
    let with = |start: &[u8]| [start, line.as_bytes()].concat();
    let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}one\r\n".encode_utf16().chain(line.encode_utf16()).flat_map(order).collect()
    };
    let noise: Vec<u8> = (0..200_u8).map(|byte| byte.wrapping_mul(167) | 1).collect();
    let folder = tree(&[
        ("text.dat", &with(b"")),
        ("latin1", &with("h\u{e4}tte\n".chars().map(|c| c as u8).collect::<Vec<_>>().as_slice())),
        ("colours", &with(b"\x1b[31mred\x1b[0m\n")),
        ("wide-le", &wide(u16::to_le_bytes)),
        ("wide-be", &wide(u16::to_be_bytes)),
        ("program.txt", &with(b"\x7fELF")),
        ("nul.txt", &with(b"a\0b\n")),
        ("squeezed.txt", &with(b"\x1f\x8b\x08")),
        ("noise.txt", &with(&noise)),
        ("empty", b""),
    ]);
    let expected = [
        found("colours", 2),
        found("latin1", 2),
        found("text.dat", 1),
        found("wide-be", 2),
        found("wide-le", 2),
    ];
    assert_eq!(places(&deep(folder.path())), expected);
}

#[test]
fn what_a_rule_reads_is_read_once_and_searched_too() {
    let history = format!("#1700000000\ncurl -H 'X: {TOKEN}' https://example.test\n");
    let other = TOKEN.replace("qWb", "AbC");
    let dotenv = format!("# old: {other}\nHF_TOKEN={TOKEN}\n");
    let large = format!("{}\n{TOKEN}\n", "x".repeat(17 << 20));
    let folder = tree(&[
        (".bash_history", history.as_bytes()),
        ("app/.env", dotenv.as_bytes()),
        ("app/main.rs", b"fn main() {}\n"),
        (".config/gh/hosts.yml", large.as_bytes()),
        ("key.json", format!("{{\"note\": \"{TOKEN}\"}}").as_bytes()),
    ]);
    let report = deep(folder.path());
    let mut told: Vec<_> =
        places(&report).into_iter().map(|(name, line, _)| format!("{name}:{line}")).collect();
    told.dedup();
    assert_eq!(told, [".bash_history:2", ".env:1", ".env:2", "hosts.yml:2", "key.json:1"]);
    assert_eq!((report.coverage.files_seen, report.coverage.files_read), (5, 5));
}

#[test]
fn words_tell_of_secrets_in_scripts_and_settings_alone() {
    let value = "q7Wb2Tz9XcVn4MkLp8Rs";
    let folder = tree(&[
        ("deploy.sh", format!("#!/bin/sh\nexport ACME_TOKEN={value}\n").as_bytes()),
        ("settings.yml", format!("db:\n  password: {value}\n").as_bytes()),
        ("app.py", format!("client = Client(api_key=\"{value}\")\n").as_bytes()),
        ("run", format!("#!/usr/bin/env bash\nACME_TOKEN={value} ./go\n").as_bytes()),
        ("story.txt", format!("password: {value}\n").as_bytes()),
        ("weak.yml", b"password: correct-horse\ntoken: ${TOKEN}\nsecret: changeme\n"),
        ("node_modules/p/app.py", format!("api_key=\"{value}\"\n").as_bytes()),
    ]);
    let report = deep(folder.path());
    let mut names: Vec<_> =
        places(&report).into_iter().map(|(name, line, _)| (name, line)).collect();
    names.sort();
    let expected = [("app.py", 1), ("deploy.sh", 2), ("run", 2), ("settings.yml", 2)];
    assert_eq!(names, expected.map(|(name, line)| (name.to_owned(), line)));
    assert!(report.findings.iter().all(|finding| finding.confidence == Confidence::Medium));
}

#[test]
fn published_packages_and_tests_are_told_apart() {
    let text = format!("x = {TOKEN}\n");
    let folder = tree(&[
        ("node_modules/p/index.js", text.as_bytes()),
        ("app/tests/a.txt", text.as_bytes()),
        ("app/a.txt", text.as_bytes()),
    ]);
    let mut seen: Vec<_> = deep(folder.path())
        .findings
        .into_iter()
        .map(|finding| (finding.confidence, finding.score.total <= 34))
        .collect();
    seen.sort_by_key(|(confidence, _)| *confidence);
    assert_eq!(
        seen,
        [(Confidence::Low, true), (Confidence::Medium, false), (Confidence::High, false)]
    );
}

/// Memory is that of the buffer, whatever the size of a file; its end is looked at as its beginning.
#[test]
fn a_huge_file_is_searched_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = fs::File::create(folder.path().join("huge.log")).unwrap();
    let line = format!("{}\n", "2026-11-24 a line of a log that tells of nothing;".repeat(20));
    let block = line.repeat(1 << 10);
    let blocks = (300 << 20) / block.len();
    for _ in 0..blocks {
        file.write_all(block.as_bytes()).unwrap();
    }
    writeln!(file, "{TOKEN}").unwrap();
    drop(file);
    let lines = (blocks << 10) as u64;
    assert_eq!(places(&deep(folder.path())), [found("huge.log", lines + 1)]);
}
