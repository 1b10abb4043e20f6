//! A fake home with fake credentials, made from the tests that rules carry: what it shows is what the rules know.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::plan;
use crate::rule::load::RuleSet;
use crate::rule::sample;
use crate::rule::schema::Expect;
use crate::trial::example_path;

/// Rules whose first test goes into the demo.
const SHOWN: [&str; 14] = [
    "gh",
    "aws",
    "az",
    "gcloud",
    "kubectl",
    "docker",
    "npm",
    "git-credentials",
    "netrc",
    "pgpass",
    "terraform",
    "vault",
    "huggingface",
    "claude-code",
];

const HISTORY: &str = "cd src\nexport GITHUB_TOKEN=<crc:ghp_>\n\
    curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com\n\
    docker login -u ci -p dckr_pat_<27>\nPGPASSWORD=<14> psql -h db.example.com -U app\nmake\n";

/// Writes the home and says how to scan it.
///
/// # Errors
/// The folder exists, or cannot be written.
pub fn write(dir: &Path) -> Result<String, Error> {
    if dir.exists() {
        return Err(Error::Usage(format!("{} exists: name a folder that does not", dir.display())));
    }
    let set = RuleSet::built_in().map_err(|problems| plan::broken(&problems))?;
    let home = dir.join("home").join("demo");
    let mut files = 0;
    for rule in set
        .caches()
        .iter()
        .map(|loaded| &loaded.rule)
        .filter(|rule| SHOWN.contains(&rule.id.as_str()))
    {
        let shown = rule.tests.iter().find(|test| {
            matches!(&test.expect, Expect::Grants(grants) if !grants.is_empty())
                && rule.caches.get(test.cache).is_some_and(|cache| cache.format != "sqlite")
        });
        let Some(test) = shown else { continue };
        let path = test.path.clone().or_else(|| example_path(rule.caches.get(test.cache)?));
        let Some(path) = path.filter(|path| path.starts_with("~/") || !path.starts_with('/'))
        else {
            continue;
        };
        put(&home, &path, &sample::expand(&test.file, &rule.id))?;
        files += 1;
        for (path, text) in &test.beside {
            put(&home, path, &sample::expand(text, &rule.id))?;
            files += 1;
        }
    }
    put(&home, ".bash_history", &sample::expand(HISTORY, "history"))?;
    put(
        &home,
        "project/.env",
        &sample::expand("PORT=8080\nSTRIPE_API_KEY=sk_live_<24>\nAPI_KEY=${API_KEY}\n", "env"),
    )?;
    Ok(format!(
        "{} files with fake credentials are in {}. Try:\n\n  nhi-scan {}\n",
        files + 2,
        dir.display(),
        dir.display()
    ))
}

fn put(home: &Path, path: &str, text: &str) -> Result<(), Error> {
    let path = home.join(path.trim_start_matches("~/"));
    let failed = |source| Error::Output { path: path.display().to_string(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(&path, text).map_err(failed)?;
    owner_only(&path).map_err(failed)
}

#[cfg(unix)]
fn owner_only(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn owner_only(_: &Path) -> std::io::Result<()> {
    Ok(())
}
