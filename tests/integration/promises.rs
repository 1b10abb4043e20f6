//! SECURITY.md is kept: its tests are there, its dependencies are those there are, and `unsafe` is where it says.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use toml::Table;

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_promise_names_a_test_that_is_there() {
    let text = file("SECURITY.md");
    let named = Regex::new(r"`(\w+)::(\w+)`").unwrap();
    let tests: Vec<(&str, &str)> = named
        .captures_iter(&text)
        .map(|groups| (groups.get(1).unwrap().as_str(), groups.get(2).unwrap().as_str()))
        .filter(|(module, _)| !["Door", "Walk", "file"].contains(module))
        .collect();
    assert!(tests.len() > 20);
    for (module, test) in tests {
        let source = file(&format!("tests/integration/{module}.rs"));
        assert!(source.contains(&format!("#[test]\nfn {test}()")), "{module}::{test}");
    }
    let paths = Regex::new(r"`(src/[\w./]+)`").unwrap();
    for groups in paths.captures_iter(&text) {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&groups[1]).exists(), "{}", &groups[1]);
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: Table = file("Cargo.toml").parse().unwrap();
    let mut tables = vec![&manifest];
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    tables.extend(targets.into_iter().flat_map(Table::values).filter_map(|of| of.as_table()));
    let names = tables
        .iter()
        .filter_map(|table| table.get("dependencies")?.as_table())
        .flat_map(Table::keys);
    let text = file("SECURITY.md");
    let (_, reasons) = text.split_once("## Dependencies").unwrap();
    let without: Vec<&String> =
        names.filter(|name| !reasons.contains(&format!("`{name}`"))).collect();
    assert_eq!(without, Vec::<&String>::new());
}

#[test]
fn unsafe_code_is_in_one_place() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allows = Regex::new(r"(?:allow|expect|warn)\(\s*unsafe_code").unwrap();
    let places: Vec<PathBuf> = walkdir::WalkDir::new(&sources)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| {
            path.extension().is_some_and(|end| end == "rs")
                && allows.is_match(&fs::read_to_string(path).unwrap())
        })
        .collect();
    assert_eq!(places, [sources.join("wipe.rs")]);
}
