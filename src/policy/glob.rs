//! Globs over where a finding lies.

use globset::{GlobBuilder, GlobMatcher};

use crate::report::Location;

/// Longest glob, in bytes.
const LONGEST: usize = 1024;

/// A glob over a path. `*` stays within a component, `**` does not; `~/` is below any home; `\` separates as `/` does, and ASCII
/// case is nothing where the glob names a drive.
#[derive(Clone, Debug)]
pub(super) struct PathGlob {
    text: String,
    below_home: bool,
    matcher: GlobMatcher,
}

impl PathGlob {
    /// Reads a glob.
    ///
    /// # Errors
    /// One clause on what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("a path glob has at most 1,024 bytes");
        }
        let slashed = text.replace('\\', "/");
        let drive = slashed.as_bytes().get(..3).is_some_and(|start| {
            start[0].is_ascii_alphabetic() && start[1] == b':' && start[2] == b'/'
        });
        let anchored =
            drive || ["/", "~/", "**/", "env:"].iter().any(|start| slashed.starts_with(start));
        if !anchored {
            return Err("a path glob begins with `/`, `~/`, `**/`, `env:` or a drive");
        }
        let (below_home, pattern) = match slashed.strip_prefix("~/") {
            Some(rest) => (true, rest),
            None => (false, slashed.as_str()),
        };
        let glob =
            GlobBuilder::new(pattern).literal_separator(true).case_insensitive(drive).build();
        let matcher = glob.map_err(|_| "not a glob")?.compile_matcher();
        Ok(Self { text: text.to_owned(), below_home, matcher })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it takes every path there is.
    pub(super) fn takes_all(&self) -> bool {
        ["/a", "/srv/.b/c.d"].iter().all(|path| self.is_match_of(path, None))
    }

    /// Whether a finding lies there.
    pub(super) fn is_match(&self, location: &Location) -> bool {
        self.is_match_of(&location.path, location.home.as_deref())
    }

    fn is_match_of(&self, path: &str, home: Option<&str>) -> bool {
        let slashed = path.replace('\\', "/");
        if !self.below_home {
            return self.matcher.is_match(&slashed);
        }
        let home = home.map(|home| home.replace('\\', "/"));
        let below =
            home.and_then(|home| slashed.strip_prefix(&home)?.strip_prefix('/').map(str::to_owned));
        below.is_some_and(|below| self.matcher.is_match(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (glob, path, home, is) in [
            ("/srv/*/.env", "/srv/app/.env", None, true),
            ("/srv/*/.env", "/srv/app/x/.env", None, false),
            ("/srv/**", "/srv/app/x/.env", None, true),
            ("~/.aws/*", "/home/a/.aws/credentials", Some("/home/a"), true),
            ("~/.aws/*", "/home/ab/.aws/credentials", Some("/home/a"), false),
            ("~/.aws/*", "/home/a/.aws/credentials", None, false),
            ("~/{.aws,.kube}/**", "/home/a/.kube/cache/x", Some("/home/a"), true),
            ("**/.env", "/x/y/.env", None, true),
            ("env:GH_*", "env:GH_TOKEN", None, true),
            (r"C:\Users\*\.aws\*", r"c:\users\Ann\.aws\credentials", None, true),
            (r"~\AppData\**", r"C:\Users\Ann\AppData\gh\hosts.yml", Some(r"C:\Users\Ann"), true),
        ] {
            let found = PathGlob::new(glob).unwrap().is_match_of(path, home);
            assert_eq!(found, is, "{glob} {path}");
        }
        for refused in ["", "x", "work/**", "*", &"/".repeat(2000), "/["] {
            assert!(PathGlob::new(refused).is_err(), "{refused}");
        }
        for (glob, all) in [("/**", true), ("**/*", true), ("/home/**", false), ("~/**", false)] {
            assert_eq!(PathGlob::new(glob).unwrap().takes_all(), all, "{glob}");
        }
    }
}
