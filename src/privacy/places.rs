//! Paths: a place that rules name in full says what tool is there, and nothing of its user; any other path is the user's own.

use std::path::Path;
use std::sync::Arc;

use super::Key;
use crate::rule::paths::{Anchor, Component, Folder, PathIndex, Pattern};

/// Which paths may be told.
#[derive(Clone)]
pub(super) struct Places {
    known: Arc<PathIndex>,
    key: [u8; 32],
}

impl Places {
    pub(super) fn new(patterns: &[Pattern], key: &Key) -> Self {
        let is_plain = |pattern: &&Pattern| {
            let folders = pattern.components.split_last().map_or(&[][..], |(_, folders)| folders);
            pattern.anchor == Anchor::Home
                && folders.iter().all(|step| matches!(step, Component::Literal(_)))
        };
        let known = patterns.iter().filter(is_plain).cloned().collect();
        Self { known: Arc::new(PathIndex::of(known)), key: key.0 }
    }

    /// The path as it may be told: `~` for a home, `~/…` and a keyed hash of the folder for what no rule names.
    pub(super) fn place(&self, path: &str, homes: &[String]) -> String {
        if path.starts_with("env:") {
            return path.to_owned();
        }
        let Some((home, rest)) = split(path, homes) else { return path.to_owned() };
        if rest.is_empty() {
            return "~".into();
        }
        let rest = rest.trim_start_matches(['/', '\\']);
        if self.is_known(home, path) {
            return format!("~/{rest}");
        }
        let (folder, name) = rest.rsplit_once(['/', '\\']).unwrap_or(("", rest));
        let hash = Key(self.key).print("folder", &format!("{home}\0{folder}"));
        format!("~/…{}/{name}", &hash[..8])
    }

    fn is_known(&self, home: &str, path: &str) -> bool {
        let path = Path::new(path);
        let (Some(folder), Some(name)) =
            (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return false;
        };
        let folder = Folder::new(folder);
        let depth = Folder::new(Path::new(home)).components().len();
        let mut known = false;
        self.known.matches(&folder, &self.known.hanging_on(&folder), name, |_, before| {
            known |= before == depth;
        });
        known && !folder.is_set_aside(depth)
    }
}

/// Home and what is below it: a home the report names, else one by its place (`/home/*`, `/Users/*`, `/root`).
fn split<'p>(path: &'p str, homes: &[String]) -> Option<(&'p str, &'p str)> {
    let ends = |at: usize| path[at..].is_empty() || path[at..].starts_with(['/', '\\']);
    let named = homes.iter().find(|home| path.starts_with(home.as_str()) && ends(home.len()));
    if let Some(home) = named {
        return Some(path.split_at(home.len()));
    }
    let mut at = 0;
    let mut last = "";
    for part in path.split_inclusive('/') {
        let name = part.trim_end_matches('/');
        at += name.len();
        if !name.is_empty()
            && (matches!(last, "home" | "Users") || (name == "root" && last.is_empty()))
        {
            return Some(path.split_at(at));
        }
        at += part.len() - name.len();
        if !name.is_empty() {
            last = name;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rules_name_is_told() {
        let patterns = ["~/.aws/credentials", "~/.ssh/*", "~/.config/*/x.json", "**/.env"]
            .iter()
            .flat_map(|path| Pattern::compile(path, 0).unwrap())
            .collect::<Vec<_>>();
        let places = Places::new(&patterns, &Key([7; 32]));
        let homes = ["/srv/kim".to_owned()];
        for (path, begins, ends) in [
            ("/home/a/.aws/credentials", "~/.aws/credentials", ""),
            ("/home/a/.ssh/id_x", "~/.ssh/id_x", ""),
            ("/srv/kim/.aws/credentials", "~/.aws/credentials", ""),
            ("/srv/kim", "~", ""),
            ("/mnt/old/home/b/.aws/credentials", "~/.aws/credentials", ""),
            ("/home/a/.config/secret-project/x.json", "~/…", "/x.json"),
            ("/home/a/work/customer/.env", "~/…", "/.env"),
            ("/home/a/backup/.aws/credentials", "~/…", "/credentials"),
            ("/home/a/.aws.bak/credentials", "~/…", "/credentials"),
            ("/root/.env", "~/…", "/.env"),
            ("/etc/x", "/etc/x", ""),
            ("env:GH_TOKEN", "env:GH_TOKEN", ""),
        ] {
            let told = places.place(path, &homes);
            assert!(told.starts_with(begins) && told.ends_with(ends), "{path}: {told}");
            assert!(!told.contains("customer") && !told.contains("secret-project"), "{told}");
        }
    }
}
