//! The page for rule authors, `rules/README.md`, says what is so: each of its rules passes, each row of its tables holds.

use std::path::Path;

use nhi_scan::host::Host;
use nhi_scan::rule::filter::Filter;
use nhi_scan::rule::paths::{Folder, PathIndex};
use nhi_scan::rule::sample;
use nhi_scan::trial;
use serde_json::Value;

const PAGE: &str = include_str!("../../rules/README.md");

/// The rules of the page, without the indentation of a list.
fn rules() -> Vec<String> {
    let blocks = PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let plain = |block: &str| {
        let indent = block.len() - block.trim_start().len();
        block.lines().map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect()
    };
    // The fence of a list's block is indented as its lines are.
    blocks.map(plain).collect()
}

/// The rows of the table whose header this is, each cell without its backquotes.
fn table(header: &str) -> Vec<Vec<String>> {
    let (_, rest) =
        PAGE.split_once(&format!("{header}\n")).unwrap_or_else(|| panic!("no {header}"));
    let rows = rest.lines().skip(1).take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows.map(cells).collect();
    assert!(rows.len() > 2, "{header}: {} rows", rows.len());
    rows
}

fn cells(row: &str) -> Vec<String> {
    let hidden = row.replace("\\|", "\u{0}");
    let inner = hidden.trim().trim_matches('|');
    inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// The pieces of code of a cell.
fn codes(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn code(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

fn tried(rule: &str, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, rule).unwrap();
    match trial::run(Some(&file), &Host::read().unwrap()) {
        Ok(results) => results.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_rule_passes() {
    let rules = rules();
    assert_eq!(rules.len(), 4);
    for rule in &rules {
        let named = ["id: ", "- id: ", "provider: "].iter().find_map(|key| rule.strip_prefix(key));
        let name = named.and_then(|rest| rest.lines().next()).unwrap();
        assert_eq!(tried(rule, &format!("{name}.yaml")), "4 passed, 0 failed\n", "{name}");
    }
    assert!(PAGE.contains("4 passed, 0 failed"));
}

#[test]
fn every_key_of_the_schema_is_on_the_page() {
    let schema = nhi_scan::output::schema::schema("rule").unwrap();
    let of = |pointer: &str| schema.pointer(pointer).and_then(Value::as_object).unwrap().keys();
    let keys = of("/properties")
        .chain(of("/$defs/Cache/properties"))
        .chain(of("/$defs/RuleTest/properties"));
    let missing: Vec<&String> = keys.filter(|key| !PAGE.contains(&format!("`{key}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

/// A filter that puts out every key of the page's table, and one that does not exist.
#[test]
fn every_key_of_a_grant_is_one() {
    let (_, section) = PAGE.split_once("## What a grant tells\n").unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let keys: Vec<String> = rows.flat_map(|row| codes(&cells(row)[0])).collect();
    assert!(keys.len() > 20, "{keys:?}");
    let entries: Vec<String> = keys.iter().map(|key| format!("{key}: null")).collect();
    let filter = "objects | select(.user)";
    let rule =
        rules()[0].replacen(filter, &format!("({{{}}} | empty), {filter}", entries.join(", ")), 1);
    assert_ne!(rule, rules()[0]);
    let told = tried(&rule, "my-tool.yaml");
    assert!(!told.contains("unknown key"), "{told}");
}

#[test]
fn every_mistake_is_told_as_the_page_says() {
    let right = &rules()[0];
    for row in table("| instead of | written | it says |") {
        let [instead, written, says] = row.as_slice() else { panic!("{row:?}") };
        let (instead, written) = (code(instead), code(written));
        assert!(right.contains(&instead), "{instead} is not in the rule");
        let told = tried(&right.replacen(&instead, &written, 1), "my-tool.yaml");
        assert!(told.contains(says.as_str()), "{written}: says not {says}, but\n{told}");
    }
}

#[test]
fn paths_match_as_the_page_says() {
    for row in table("| path | matches | does not match |") {
        let [path, yes, no] =
            row.iter().map(|cell| code(cell)).collect::<Vec<_>>().try_into().unwrap();
        let index = PathIndex::new([(path.as_str(), 0)]).unwrap_or_else(|bad| panic!("{}", bad.0));
        let matches = |file: &str| {
            let file = Path::new(file);
            let folder = Folder::new(file.parent().unwrap());
            let mut found = false;
            let name = file.file_name().unwrap().to_str().unwrap();
            index.matches(&folder, &index.hanging_on(&folder), name, |_, _| found = true);
            found
        };
        assert!(matches(&yes), "{path} must match {yes}");
        assert!(!matches(&no), "{path} must not match {no}");
    }
}

#[test]
fn formats_give_what_the_page_says() {
    let peek = "{at: tojson, storage: \"helper\"}";
    assert!(PAGE.contains(&format!("`{peek}`")));
    for row in table("| format | file | document |") {
        let [name, file, document] =
            row.iter().map(|cell| code(cell)).collect::<Vec<_>>().try_into().unwrap();
        let file = Value::from(file.replace("\\n", "\n"));
        let rule = format!(
            "id: x\ntool: X\nprovider: x\ncategory: x\nsummary: X.\nconfirmed: docs\ncaches: [{{paths: [~/.x], format: {name}, grants: '{peek}'}}]\n\
             tests: [{{file: {file}, expect: [{{storage: helper, at: {}}}]}}]\n",
            Value::from(document)
        );
        let told = tried(&rule, "x.yaml");
        assert!(told.contains("1 passed, 0 failed"), "{name}: {told}");
    }
}

#[test]
fn filters_give_what_the_page_says() {
    for row in table("| filter | document | gives |") {
        let [filter, document, gives] = row.as_slice() else { panic!("{row:?}") };
        let filter = code(filter);
        let compiled = Filter::compile(&filter, &["$path"])
            .unwrap_or_else(|told| panic!("{filter}: {told:?}"));
        let document: Value = serde_json::from_str(&code(document)).unwrap();
        let path = serde_json::json!(["home", "octo", ".config", "my-tool", "auth.json"]);
        let outcome = compiled.run(&document, &[path]);
        let wanted: Vec<Value> =
            codes(gives).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert!(!outcome.failed && outcome.outputs == wanted, "{filter}: {:?}", outcome.outputs);
    }
    for row in table("| filter | says |") {
        let [filter, says] = row.as_slice() else { panic!("{row:?}") };
        let Err(told) = Filter::compile(&code(filter), &["$path"]) else {
            panic!("{filter} is fine")
        };
        assert!(
            told.iter().any(|problem| problem.message.contains(says.as_str())),
            "{filter}: {told:?}"
        );
    }
}

#[test]
fn templates_become_what_the_page_says() {
    for row in table("| in a test | becomes |") {
        let [template, shape] =
            row.iter().map(|cell| code(cell)).collect::<Vec<_>>().try_into().unwrap();
        let shape = regex::Regex::new(&format!("^(?:{shape})$")).unwrap();
        let made = sample::expand(&template, "the page");
        assert!(shape.is_match(&made), "{template} became {made}");
    }
}
