//! Embeds every file below `rules/`, so that a new one is never forgotten, and its JSON: 400 rules take 22 ms to read as YAML,
//! which every start of the program would pay, and 1 ms as JSON.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("rules");
    let generated = PathBuf::from(variable("OUT_DIR")?);
    // A folder stands for all that is in it, so files that come or go are noticed.
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=src/build.rs");
    let mut code = String::from("&[\n");
    let mut digest = Sha256::new();
    for entry in WalkDir::new(&root).sort_by_file_name() {
        match entry {
            Ok(entry) if is_rule(entry.path()) => {
                code.push_str(&embed(&root, entry.path(), &mut digest)?);
            }
            Ok(_) => {}
            Err(_) if !root.exists() => break,
            Err(error) => return Err(error.into()),
        }
    }
    code.push_str("]\n");
    fs::write(generated.join("rules.rs"), code)?;
    fs::write(generated.join("rules.sha256"), hex(&digest.finalize()))
}

#[expect(clippy::disallowed_methods, reason = "a build script has no Host")]
fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn is_rule(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "yaml")
}

/// `(path below rules/, text, JSON without tests, JSON of the tests)`. A scan needs no tests, which are a third of it all. What is
/// no YAML has no JSON; reading it again will say why.
#[expect(clippy::disallowed_methods, reason = "these files are ours")]
fn embed(root: &Path, path: &Path, digest: &mut Sha256) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let mut value = serde_yaml::from_str::<serde_json::Value>(&text).ok();
    let rule = value.as_mut().and_then(serde_json::Value::as_object_mut);
    let tests = rule.and_then(|rule| rule.remove("tests"));
    let json = |value: Option<serde_json::Value>| value.map(|value| value.to_string());
    let name = path.strip_prefix(root).map_err(io::Error::other)?;
    let name = name
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/");
    for part in [&name, &text] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    Ok(format!(
        "({name:?}, include_str!({:?}), {:?}, {:?}),\n",
        path.to_string_lossy(),
        json(value).unwrap_or_default(),
        json(tests).unwrap_or_default()
    ))
}
