//! The published shapes, as JSON Schema 2020-12 derived from the types that are written.
//!
//! Report and lines are open for additional properties, because schema 1.x may add fields; their enums are closed. A rule
//! is closed: what the schema does not know, loading refuses.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::ndjson::Line;
use crate::diff::Diff;
use crate::evidence;
use crate::history::History;
use crate::offboard;
use crate::policy::{ExceptionsFile, PolicyFile};
use crate::report::{Report, SCHEMA_VERSION};
use crate::rule::schema::CacheRule;

/// What has a schema here.
pub const NAMES: &[&str] = &[
    "report",
    "ndjson",
    "rule",
    "policy",
    "exceptions",
    "diff",
    "history",
    "offboard",
    "offboard-verify",
    "evidence",
    "evidence-verify",
];

/// The schema of that name.
pub fn schema(name: &str) -> Option<Value> {
    let schema = match name {
        "report" => of::<Report>(SchemaSettings::draft2020_12().for_serialize()),
        "ndjson" => of::<Line<'static>>(SchemaSettings::draft2020_12().for_serialize()),
        "rule" => of::<CacheRule>(SchemaSettings::draft2020_12().for_deserialize()),
        "diff" => of::<Diff>(SchemaSettings::draft2020_12().for_serialize()),
        "history" => of::<History>(SchemaSettings::draft2020_12().for_serialize()),
        "exceptions" => of::<ExceptionsFile>(SchemaSettings::draft2020_12().for_deserialize()),
        "policy" => of::<PolicyFile>(SchemaSettings::draft2020_12().for_deserialize()),
        "offboard" => of::<offboard::Plan>(SchemaSettings::draft2020_12().for_serialize()),
        "offboard-verify" => {
            of::<offboard::Aftermath>(SchemaSettings::draft2020_12().for_serialize())
        }
        "evidence" => {
            of::<evidence::manifest::Manifest>(SchemaSettings::draft2020_12().for_serialize())
        }
        "evidence-verify" => {
            of::<evidence::verify::Verdict>(SchemaSettings::draft2020_12().for_serialize())
        }
        _ => return None,
    };
    Some(named(schema, name))
}

fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema with the name under which others may refer to it.
fn named(mut schema: Value, name: &str) -> Value {
    if let Value::Object(keywords) = &mut schema {
        keywords
            .insert("$id".into(), format!("urn:nhi-scan:schema:{name}:{SCHEMA_VERSION}").into());
        keywords.insert("title".into(), format!("nhi-scan {name}").into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use jsonschema::Validator;

    use super::*;
    use crate::output::{Style, ndjson, testdata};

    fn validator(name: &str) -> Validator {
        jsonschema::options().should_validate_formats(true).build(&schema(name).unwrap()).unwrap()
    }

    #[test]
    fn every_name_has_a_sound_schema() {
        for name in NAMES {
            let schema = schema(name).unwrap();
            assert!(jsonschema::meta::is_valid(&schema), "{name}");
            assert_eq!(schema["$id"], format!("urn:nhi-scan:schema:{name}:1.0"));
        }
        assert!(schema("nothing").is_none());
    }

    #[test]
    fn published_shapes_change_only_on_purpose() {
        for name in ["report", "ndjson"] {
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_json_snapshot!(format!("schema-{name}"), schema(name).unwrap());
            });
        }
    }

    #[test]
    fn reports_are_as_published() {
        let validator = validator("report");
        for report in testdata::reports() {
            let value = serde_json::to_value(&report).unwrap();
            let errors: Vec<_> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new());
        }
    }

    #[test]
    fn lines_are_as_published() {
        let validator = validator("ndjson");
        for report in testdata::reports() {
            let mut out = Vec::new();
            ndjson::write(&report, &Style::default(), &mut out).unwrap();
            for line in String::from_utf8(out).unwrap().lines() {
                let value: Value = serde_json::from_str(line).unwrap();
                let errors: Vec<_> =
                    validator.iter_errors(&value).map(|error| error.to_string()).collect();
                assert_eq!(errors, Vec::<String>::new(), "{line}");
            }
        }
    }

    #[test]
    fn enums_are_closed_and_objects_open() {
        let validator = validator("report");
        let sound = serde_json::to_value(testdata::report()).unwrap();
        for (pointer, value, accepted) in [
            ("/findings/0/custody/storage", "plaintext", true),
            ("/findings/0/custody/storage", "on-fire", false),
            ("/findings/0/score/severity", "severe", false),
            ("/findings/0/lifetime/issued_at", "yesterday", false),
            ("/findings/0/lifetime/issued_at", "2026-11-23T08:00:00Z", true),
            ("/findings/0/id", "nhi1:12", false),
            ("/scan/mode", "slow", false),
        ] {
            let mut report = sound.clone();
            *report.pointer_mut(pointer).unwrap() = value.into();
            assert_eq!(validator.is_valid(&report), accepted, "{pointer} {value}");
        }
        let mut report = sound.clone();
        report["later"] = true.into();
        report["findings"][0]["later"] = true.into();
        assert!(validator.is_valid(&report));
        let mut report = sound.clone();
        report["findings"][0]["score"]["total"] = 101.into();
        assert!(!validator.is_valid(&report), "scores end at 100");
        let mut report = sound;
        report["summary"]["by_severity"]["severe"] = 1.into();
        assert!(!validator.is_valid(&report), "severities are closed");
    }
}
