//! Paths as URI references.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::report::{Location, Report};

/// A path in two parts: which root of the scan it lies below, and the rest, percent-encoded.
pub(super) struct Place {
    /// Index into the roots of the scan.
    pub(super) root: Option<usize>,
    /// Relative below that root, else absolute.
    pub(super) uri: String,
}

/// Where a finding lies. Bytes that are no text are encoded as they are.
pub(super) fn place(location: &Location, report: &Report) -> Place {
    let bytes = location.path_base64.as_deref().and_then(|text| STANDARD.decode(text).ok());
    let bytes = bytes.unwrap_or_else(|| location.path.clone().into_bytes());
    of(&bytes, report)
}

/// Where a path lies.
pub(super) fn of(path: &[u8], report: &Report) -> Place {
    let windows = report.host.os == "windows";
    if !is_absolute(path, windows) {
        // `env:NAME` is a URI already, of a scheme of its own.
        return Place { root: None, uri: encode(path, windows) };
    }
    let below = report.scan.roots.iter().enumerate().filter_map(|(at, root)| {
        let rest = path.strip_prefix(root.as_bytes())?;
        let rest = match rest.first() {
            Some(b'/') => &rest[1..],
            Some(b'\\') if windows => &rest[1..],
            _ if root.ends_with(['/', '\\']) => rest,
            _ => return None,
        };
        Some((at, rest)).filter(|(_, rest)| !rest.is_empty())
    });
    match below.min_by_key(|(_, rest)| rest.len()) {
        // A first segment with a colon would read as a scheme.
        Some((at, rest)) => {
            Place { root: Some(at), uri: encode(rest, windows).replace(':', "%3A") }
        }
        None => Place { root: None, uri: file(path, windows) },
    }
}

/// A folder as an absolute URI with its final slash.
pub(super) fn folder(path: &str, report: &Report) -> String {
    let uri = file(path.as_bytes(), report.host.os == "windows");
    if uri.ends_with('/') { uri } else { uri + "/" }
}

fn is_absolute(path: &[u8], windows: bool) -> bool {
    path.starts_with(b"/") || (windows && (path.starts_with(b"\\") || path.get(1) == Some(&b':')))
}

fn file(path: &[u8], windows: bool) -> String {
    let path = encode(path, windows);
    if path.starts_with('/') { format!("file://{path}") } else { format!("file:///{path}") }
}

fn encode(path: &[u8], windows: bool) -> String {
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'\\' if windows => out.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(byte.into()),
            b'/' | b'-' | b'.' | b'_' | b'~' | b'@' | b'+' | b',' | b'=' | b':' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    #[test]
    fn paths_become_references() {
        let mut report = testdata::report();
        report.scan.roots = vec!["/home/a".into(), "/home/a/b".into(), "/".into()];
        for (path, root, uri) in [
            ("/home/a/.x y", Some(0), ".x%20y"),
            ("/home/a/b/c", Some(1), "c"),
            ("/home/ab/c", Some(2), "home/ab/c"),
            ("/home/a/k:v", Some(0), "k%3Av"),
            ("/home/a/\u{1b}#?%", Some(0), "%1B%23%3F%25"),
            ("env:HF_TOKEN", None, "env:HF_TOKEN"),
        ] {
            let place = of(path.as_bytes(), &report);
            assert_eq!((place.root, place.uri.as_str()), (root, uri), "{path}");
        }
        report.scan.roots = vec!["/srv".into()];
        assert_eq!(of(b"/home/\xff", &report).uri, "file:///home/%FF");
        assert_eq!(folder("/srv/x", &report), "file:///srv/x/");
        report.host.os = "windows".into();
        report.scan.roots = vec!["C:\\Users\\kim".into()];
        assert_eq!(of(b"C:\\Users\\kim\\.aws\\x", &report).uri, ".aws/x");
        assert_eq!(folder("C:\\Users\\kim", &report), "file:///C:/Users/kim/");
    }
}
