//! Embeds every file below `rules/`, so that a new one is never missed.

use std::fmt::Write as _;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=rules");
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("rules");
    let mut code = String::from("pub(crate) const FILES: &[(&str, &str)] = &[\n");
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|e| e == "yaml") {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            let name = entry.path().strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            writeln!(code, "({name:?}, include_str!({:?})),", entry.path()).unwrap();
        }
    }
    code.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap()).join("files.rs");
    std::fs::write(out, code).unwrap();
}
