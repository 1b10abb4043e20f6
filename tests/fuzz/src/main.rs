//! libFuzzer on one of the targets of `nhi_scan::fuzz`, named by `FUZZ_TARGET`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nhi_scan::fuzz::{TARGETS, Target};

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET is none of {:?}", names()))
});

fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|target| target.name).collect()
}

fuzz_target!(|bytes: &[u8]| (CHOSEN.run)(bytes));
