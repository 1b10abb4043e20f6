//! What fuzzing found: inputs that reach far into the parsers, and those that once broke something.

use std::fs;
use std::path::Path;

use nhi_scan::fuzz::TARGETS;

#[test]
fn what_fuzzing_found_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for target in TARGETS {
        let inputs = fs::read_dir(corpus.join(target.name)).unwrap();
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            (target.run)(&bytes);
            count += 1;
        }
        assert!(count > 10, "{} has no corpus", target.name);
    }
}
