//! No network: no crate that could open a connection is in the program, on any system.

use std::path::Path;
use std::process::Command;

/// Crates, by prefix, that open connections or exist to serve those that do.
const NETWORK: &[&str] = &[
    "actix",
    "async-io",
    "async-net",
    "async-std",
    "attohttpc",
    "aws-",
    "axum",
    "curl",
    "dns-lookup",
    "h2",
    "h3",
    "hickory",
    "http-body",
    "hyper",
    "isahc",
    "libssh2",
    "mio",
    "minreq",
    "native-tls",
    "net2",
    "openssl",
    "polling",
    "quinn",
    "reqwest",
    "rustls",
    "schannel",
    "security-framework",
    "sentry",
    "smol",
    "socket2",
    "ssh2",
    "surf",
    "tokio",
    "tonic",
    "trust-dns",
    "tungstenite",
    "ureq",
    "warp",
    "webpki",
    "websocket",
    "zmq",
];

#[test]
fn no_crate_opens_a_connection() {
    for target in [&[][..], &["--target", "all"]] {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "-e",
                "normal,build",
                "--prefix",
                "none",
                "--format",
                "{p}",
            ])
            .args(target)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if target.is_empty() {
            assert!(output.status.success(), "{told}");
        } else if !output.status.success() {
            // Without the sources of other systems' crates there is nothing to list offline; the lock file is asked below.
            continue;
        }
        let listed = String::from_utf8(output.stdout).unwrap();
        let names: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.contains(&"nhi-scan") && names.len() > 50, "{listed}");
        assert_eq!(offending(names), Vec::<&str>::new());
    }
}

/// The lock file also holds what other systems and the tests need: nothing of that connects either.
#[test]
fn the_lock_file_names_none() {
    let lock =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    assert_eq!(offending(names.collect()), Vec::<&str>::new());
}

fn offending(names: Vec<&str>) -> Vec<&str> {
    let connects = |name: &&str| {
        NETWORK.iter().any(|known| match name.strip_prefix(known) {
            Some(rest) => known.ends_with('-') || rest.is_empty() || rest.starts_with(['-', '_']),
            None => false,
        })
    };
    names.into_iter().filter(connects).collect()
}
