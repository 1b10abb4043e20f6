//! What a real scan writes is what the program publishes as its schema.

use jsonschema::Validator;
use serde_json::Value;

use crate::machine::{GOOD, Machine};

#[test]
fn reports_and_lines_are_as_published() {
    let machine = busy_machine();
    let report = validator(&machine, "report");
    assert_valid(&report, &machine.scan(&[]));
    assert_valid(&report, &machine.scan(&["--quick", "--no-env"]));

    let lines = machine.program().arg(&machine.root).args(["--format", "ndjson"]).output().unwrap();
    let line = validator(&machine, "ndjson");
    let lines = String::from_utf8(lines.stdout).unwrap();
    let types: Vec<String> = lines
        .lines()
        .map(|text| {
            assert!(text.len() < 8 * 1024, "a line of {} bytes", text.len());
            let value: Value = serde_json::from_str(text).unwrap();
            assert_valid(&line, &value);
            value["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(types.first().map(String::as_str), Some("scan.start"));
    assert_eq!(types.last().map(String::as_str), Some("scan.end"));
    for kind in ["finding", "skip"] {
        assert!(types.iter().any(|known| known == kind), "{kind}");
    }
}

#[test]
fn every_schema_is_one() {
    let machine = Machine::new();
    for name in nhi_scan::output::schema::NAMES {
        let _ = validator(&machine, name);
    }
    let by_rules = machine.program().args(["rules", "schema"]).output().unwrap();
    let by_name = machine.program().args(["schema", "rule"]).output().unwrap();
    assert_eq!(by_rules.stdout, by_name.stdout);
}

/// Findings of many kinds, a grant that opens very much, and skips.
fn busy_machine() -> Machine {
    let machine = Machine::new();
    machine.program().args(["demo", "demo"]).assert().success();
    machine.write("~/.vault-token", GOOD);
    machine.write("backup/.vault-token", GOOD);
    machine.write("~/.docker/config.json", "{");
    let roles = (0..150).map(|n| {
        format!("[profile r{n}]\nrole_arn = arn:aws:iam::1111{n:08}:role/a-role-whose-name-is-long-enough-to-fill-lines-{n}\nsource_profile = default\n")
    });
    machine.write("~/.aws/config", roles.collect::<String>());
    machine.write(
        "~/.aws/credentials",
        "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n",
    );
    machine
}

fn validator(machine: &Machine, name: &str) -> Validator {
    let output = machine.program().args(["schema", name]).output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(jsonschema::meta::is_valid(&schema), "{name}");
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}
