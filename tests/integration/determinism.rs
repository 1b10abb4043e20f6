//! The same tree, rules, key and clock give the same bytes, whatever the number of threads.

use std::fs;

use serde_json::Value;

use crate::machine::{GOOD, Machine};

#[test]
fn equal_scans_give_equal_bytes() {
    let machine = Machine::new();
    machine.program().args(["demo", "home/demo"]).assert().success();
    for copy in 0..40 {
        machine.write(format!("srv/{copy}/.vault-token"), GOOD);
        machine.write(format!("home/u{copy}/.vault-token"), format!("{GOOD}{copy}"));
        machine.write(format!("home/u{copy}/.docker/config.json"), "{");
    }
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "a key that is long enough").unwrap();
    let run = |threads: &str, format: &str| {
        let mut scan = machine.program();
        scan.env("SOURCE_DATE_EPOCH", "1795521600")
            .args(["srv", "home"])
            .args(["--threads", threads]);
        scan.args(["--format", format, "--fingerprint-passwords", "--fingerprint-key-file"])
            .arg(key.path());
        let output = scan.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        settled(&output.stdout, format)
    };
    for format in ["json", "ndjson", "table"] {
        let first = run("1", format);
        for threads in ["1", "2", "8"] {
            assert!(run(threads, format) == first, "{format} with {threads} threads");
        }
    }
}

/// The output without what tells runs apart on purpose: the scan's id and how long it took.
fn settled(output: &[u8], format: &str) -> String {
    let text = String::from_utf8(output.to_owned()).unwrap();
    match format {
        "json" => without_run(serde_json::from_str(&text).unwrap()),
        "ndjson" => text
            .lines()
            .map(|line| without_run(serde_json::from_str(line).unwrap()) + "\n")
            .collect(),
        // The first line ends with the duration.
        _ => text.split_once('\n').unwrap().1.to_owned(),
    }
}

fn without_run(mut value: Value) -> String {
    strike(&mut value);
    value.to_string()
}

fn strike(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["scan_id", "duration_ms"] {
                fields.shift_remove(name);
            }
            if let Some(scan) = fields.get_mut("scan").and_then(Value::as_object_mut) {
                scan.shift_remove("id");
            }
            fields.values_mut().for_each(strike);
        }
        Value::Array(items) => items.iter_mut().for_each(strike),
        _ => {}
    }
}
