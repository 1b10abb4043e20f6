//! A fake home with fake credentials, made from the tests that rules carry: what it shows is what the rules know.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::error::Error;
use crate::plan;
use crate::rule::load::RuleSet;
use crate::rule::sample;
use crate::rule::schema::{CacheRule, Expect, RuleTest};
use crate::trial::example_path;

/// What the demo shows of a rule.
struct Shown {
    rule: &'static str,
    /// Its first test with this storage is taken.
    storage: &'static str,
    /// File mode.
    mode: u32,
    /// Age of the file in days.
    age: u64,
}

const fn shown(rule: &'static str, storage: &'static str, mode: u32, age: u64) -> Shown {
    Shown { rule, storage, mode, age }
}

/// A home as one meets it: some old, some open to everyone, some well kept.
const SHOWN: &[Shown] = &[
    shown("aws", "plaintext", 0o600, 412),
    shown("az", "plaintext", 0o644, 30),
    shown("gh", "keychain", 0o600, 90),
    shown("kubectl", "plaintext", 0o644, 200),
    shown("docker", "obfuscated", 0o600, 120),
    shown("npm", "plaintext", 0o600, 800),
    shown("netrc", "plaintext", 0o600, 500),
    shown("ssh-key", "encrypted", 0o600, 900),
    shown("vault", "plaintext", 0o600, 1),
    shown("claude-code", "plaintext", 0o600, 3),
];

const HISTORY: &str = "cd src\nexport GITHUB_TOKEN=<crc:ghp_>\n\
    curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com\n\
    docker login -u ci -p dckr_pat_<27>\nPGPASSWORD=<14> psql -h db.example.com -U app\nmake\n";

const DOTENV: &str = "PORT=8080\nSTRIPE_API_KEY=sk_live_<24>\nAPI_KEY=${API_KEY}\n";

/// Writes the home and says how to scan it.
///
/// # Errors
/// The folder exists, or cannot be written.
pub fn write(dir: &Path) -> Result<String, Error> {
    if dir.exists() {
        return Err(Error::Usage(format!("{} exists: name a folder that does not", dir.display())));
    }
    let set = RuleSet::built_in().map_err(|problems| plan::broken(&problems))?;
    let mut home = Home { folder: dir.join("home").join("demo"), files: 0 };
    for shown in SHOWN {
        let Some(loaded) = set.cache(shown.rule) else { continue };
        home.add(&loaded.rule, shown)?;
    }
    home.put(".bash_history", &sample::expand(HISTORY, "history"), 0o600, 10)?;
    home.put("project/.env", &sample::expand(DOTENV, "env"), 0o644, 40)?;
    Ok(format!(
        "{} files with fake credentials are in {}. Try:\n\n  nhi-scan {}\n",
        home.files,
        dir.display(),
        dir.display()
    ))
}

struct Home {
    folder: PathBuf,
    files: usize,
}

impl Home {
    /// Writes the files of the rule's first test that has the wanted storage.
    fn add(&mut self, rule: &CacheRule, shown: &Shown) -> Result<(), Error> {
        let fits = |test: &&RuleTest| match &test.expect {
            Expect::Word(_) => false,
            Expect::Grants(grants) => grants.first().is_some_and(|grant| {
                let storage = grant.get("storage").and_then(Value::as_str);
                storage.unwrap_or("plaintext") == shown.storage
            }),
        };
        let Some(test) = rule.tests.iter().find(fits) else { return Ok(()) };
        let place = || example_path(rule.caches.get(test.cache)?);
        let Some(path) = test.path.clone().or_else(place) else { return Ok(()) };
        self.put(&path, &sample::expand(&test.file, &rule.id), shown.mode, shown.age)?;
        for (path, text) in &test.beside {
            self.put(path, &sample::expand(text, &rule.id), shown.mode, shown.age)?;
        }
        Ok(())
    }

    fn put(&mut self, path: &str, text: &str, mode: u32, age: u64) -> Result<(), Error> {
        let path = self.folder.join(path.trim_start_matches("~/").trim_start_matches('/'));
        let failed = |source| Error::Output { path: path.display().to_string(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(&path, text).map_err(failed)?;
        let file = fs::File::options().write(true).open(&path).map_err(failed)?;
        let now = file.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
        file.set_modified(now - Duration::from_secs(age * 86_400)).map_err(failed)?;
        set_mode(&path, mode).map_err(failed)?;
        self.files += 1;
        Ok(())
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}
