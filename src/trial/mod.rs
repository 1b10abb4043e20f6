//! Trials: the tests that rules carry, run as a scan would run them.
//!
//! Each test of a cache rule has files that are written into a fresh folder of the system's temporary directory, laid out as a home,
//! walked and read by the same rooms as any home; only the rule under test is asked. Command rules and token shapes carry examples.

mod examples;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::artifact::Door;
use crate::error::Error;
use crate::extract::secret::Fingerprinter;
use crate::extract::time::timestamp;
use crate::extract::{self, Context, Extracted, Placed};
use crate::grant::Credential;
use crate::host::{Homes, Host};
use crate::plan;
use crate::report::Mode;
use crate::rule::check::{self, Diagnostic, Sort};
use crate::rule::load::RuleSet;
use crate::rule::pack::Pack;
use crate::rule::paths::PathIndex;
use crate::rule::sample;
use crate::rule::schema::{Cache, CacheRule, Expect, RuleTest};
use crate::source::directory::{Root, Walk};
use crate::source::site::Site;

/// What came of the trials.
#[derive(Debug, Default)]
pub struct Results {
    /// Tests that held.
    pub passed: usize,
    /// What did not hold: rule, number of the test, and in what way.
    pub failures: Vec<String>,
    /// What is wrong with the rule whatever its tests say.
    pub problems: Vec<Diagnostic>,
}

impl Results {
    /// Whether any test did not hold, or the rule is not well-formed.
    pub fn failed(&self) -> bool {
        !self.failures.is_empty() || !self.problems.is_empty()
    }

    fn add(&mut self, more: Self) {
        self.passed += more.passed;
        self.failures.extend(more.failures);
        self.problems.extend(more.problems);
    }

    /// Notes one test, and in what way it does not hold.
    fn note(&mut self, label: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(difference) => self.failures.push(format!("{label}: {difference}")),
        }
    }
}

impl fmt::Display for Results {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(out, "{problem}")?;
        }
        for failure in &self.failures {
            writeln!(out, "{failure}")?;
        }
        writeln!(out, "{} passed, {} failed", self.passed, self.failures.len())
    }
}

/// Runs the tests of all built-in rules, or checks one file of rules and runs its tests.
///
/// # Errors
/// Rules that cannot be loaded, a folder that cannot be written.
pub fn run(file: Option<&Path>, host: &Host) -> Result<Results, Error> {
    let problems = file.map_or(Ok(Vec::new()), check::file).map_err(|told| plan::broken(&told))?;
    if let Some(file) = file {
        let text = check::read(file).map_err(|told| plan::broken(&told))?;
        let judge = match Sort::of(&text) {
            Sort::Cache => None,
            Sort::Commands => Some(examples::of_commands as examples::Judge),
            Sort::Tokens => Some(examples::of_tokens as examples::Judge),
        };
        if let Some(judge) = judge {
            if !problems.is_empty() {
                return Err(plan::broken(&problems));
            }
            return judge(&built_in()?, Some(&text));
        }
    }
    let set = match file {
        None => RuleSet::built_in(),
        Some(file) => of_file(file),
    };
    let pack = match set.map_err(|told| plan::broken(&told)).and_then(Pack::new) {
        Ok(pack) => pack,
        // The check says more than the loader, which stops at the first problem.
        Err(_) if !problems.is_empty() => return Err(plan::broken(&problems)),
        Err(error) => return Err(error),
    };
    let mut results = Results { problems, ..Results::default() };
    if file.is_none() {
        results.add(examples::of_commands(pack.set(), None)?);
        results.add(examples::of_tokens(pack.set(), None)?);
    }
    for (at, loaded) in pack.rules().iter().enumerate() {
        let rule = &loaded.rule;
        for (number, test) in rule.tests.iter().enumerate() {
            let label = format!("{} test {}", rule.id, number + 1);
            results.note(&label, trial(&pack, at, test, &label, host)?);
        }
    }
    Ok(results)
}

fn built_in() -> Result<RuleSet, Error> {
    RuleSet::built_in().map_err(|told| plan::broken(&told))
}

/// The built-in data with the cache rules of one file alone.
fn of_file(file: &Path) -> Result<RuleSet, Vec<Diagnostic>> {
    let mut set = RuleSet::built_in()?;
    set.retain(|_| false);
    set.add_file(file)?;
    Ok(set)
}

fn trial(
    pack: &Pack,
    rule_at: usize,
    test: &RuleTest,
    label: &str,
    host: &Host,
) -> Result<Result<(), String>, Error> {
    let loaded = &pack.rules()[rule_at];
    let rule = &loaded.rule;
    let folder = tempfile::tempdir().map_err(cannot_write)?;
    let home = folder.path().canonicalize().map_err(cannot_write)?.join("home/user");
    if let Err(problem) = lay_out(rule, test, label, &home) {
        return Ok(Err(problem));
    }
    let (placed, skips) = look(pack, rule_at, test, &home, host);
    Ok(compare(&test.expect, &placed, &skips, &home))
}

/// Writes the files of a test into a home, its fake secrets from `seed`.
///
/// # Errors
/// What of the test cannot be written, in words.
pub fn lay_out(rule: &CacheRule, test: &RuleTest, seed: &str, home: &Path) -> Result<(), String> {
    if rule.caches.is_empty() {
        // A rule for variables alone: its tests are in `env`.
        return fs::create_dir_all(home).map_err(|error| error.kind().to_string());
    }
    let cache = rule.caches.get(test.cache);
    let path = test.path.clone().or_else(|| example_path(cache?)).ok_or("no path: give `path`")?;
    let format = cache.map_or("text", |cache| cache.format.as_str());
    let format =
        if test.path.is_some() { format_at(rule, &path).unwrap_or(format) } else { format };
    put(home, &path, &sample::expand(&test.file, seed), format)?;
    for (beside, text) in &test.beside {
        put(home, beside, &sample::expand(text, seed), "text")?;
    }
    set_mode(&place(home, &path), test.mode.as_deref());
    Ok(())
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::Output { path: "a temporary folder".into(), source }
}

/// Walks and reads the home, asking only the rule under test.
fn look(
    pack: &Pack,
    rule_at: usize,
    test: &RuleTest,
    home: &Path,
    host: &Host,
) -> (Vec<Placed>, Vec<String>) {
    let root = home.parent().and_then(Path::parent).unwrap_or(home);
    let now = test.now.as_deref().and_then(|now| now.parse::<Timestamp>().ok());
    let host = Host {
        home: Some(home.to_owned()),
        env: test
            .env
            .iter()
            .map(|(name, value)| {
                let value = value.replace('~', &home.to_string_lossy());
                (name.clone(), sample::expand(&value, name))
            })
            .collect(),
        users: Vec::new(),
        mounts: Vec::new(),
        now: now.unwrap_or(host.now),
        ..host.clone()
    };
    let homes = Homes::of(&host);
    let mut paths = pack.paths.clone();
    paths.extend(plan::moved(pack, &host.env, root).into_iter().flat_map(|moved| moved.patterns));
    // What is only asked of images is asked too.
    let moved = plan::moved_home(pack, &host.env, Some(home));
    let site = Site { machine: Some(root.to_owned()), golden: true, moved, ..Site::default() };
    let gathered = Walk {
        roots: &[Root { path: root.to_owned(), only: None }],
        index: &PathIndex::of(paths),
        except: &pack.except,
        site: &site,
        sniffed: &pack.sniffed,
        places: &pack.places,
        homes: &homes,
        mounts: &[],
        mode: Mode::Default,
        exclude: &ignore::gitignore::Gitignore::empty(),
        stay_in_home: false,
        loose: None,
        stop: &|| false,
        progress: &AtomicU64::new(0),
    }
    .run();
    let door = Door::new([root.to_owned()], &site, 16 << 20, &host, &homes, &pack.places);
    let prints = Fingerprinter::for_this_scan(host.random);
    let context = Context { pack, door: &door, prints: &prints, deep: false, stop: &|| false };
    let rule = &pack.rules()[rule_at].rule;
    if rule.caches.is_empty() {
        let mut placed = extract::environment(&context, &host);
        placed.retain(|placed| placed.grant.rule == rule.id);
        return (placed, Vec::new());
    }
    let mut extracted = Extracted::default();
    for mut candidate in gathered.candidates {
        candidate.claims.retain(|claim| pack.caches[claim.cache].rule == rule_at);
        if !candidate.claims.is_empty() {
            let more = extract::extract(&context, &candidate);
            extracted.placed.extend(more.placed);
            extracted.skipped.extend(more.skipped);
        }
    }
    let word = |reason| {
        serde_json::to_value(reason).ok().and_then(|word| word.as_str().map(str::to_owned))
    };
    let skips =
        extracted.skipped.iter().chain(&gathered.skipped).filter_map(|skip| word(skip.reason));
    (extracted.placed, skips.collect())
}

/// A path of the cache with its globs filled by names that fit them.
pub(crate) fn example_path(cache: &Cache) -> Option<String> {
    let path = cache.paths.first()?;
    let plain = match (path.find('{'), path.find('}')) {
        (Some(open), Some(close)) if open < close => {
            let first = path[open + 1..close].split(',').next().unwrap_or_default();
            format!("{}{first}{}", &path[..open], &path[close + 1..])
        }
        _ => path.clone(),
    };
    let parts = plain.split('/').map(|part| match part {
        "**" => "project".to_owned(),
        _ if part.starts_with('*') => part.replacen('*', "example", 1).replace('*', ""),
        _ => part.replace('*', "").replace('?', "x"),
    });
    Some(parts.collect::<Vec<_>>().join("/"))
}

/// The format of the cache whose path is the longest that ends like this one.
fn format_at<'r>(rule: &'r CacheRule, path: &str) -> Option<&'r str> {
    let patterns =
        rule.caches.iter().flat_map(|cache| cache.paths.iter().map(move |path| (cache, path)));
    let relative = path.trim_start_matches("~/");
    let fits = |pattern: &str| {
        let index = PathIndex::new([(pattern, 0)]).ok()?;
        let whole = PathBuf::from("/home/user").join(relative);
        let name = whole.file_name()?.to_str()?.to_owned();
        let folder = crate::rule::paths::Folder::new(whole.parent()?);
        let mut found = false;
        index.matches(&folder, &index.hanging_on(&folder), &name, |_, _| {
            found = true;
        });
        found.then_some(())
    };
    patterns
        .filter(|(_, pattern)| fits(pattern).is_some())
        .max_by_key(|(_, pattern)| pattern.len())
        .map(|(cache, _)| cache.format.as_str())
}

/// Where a path of a test lies: below the home, or below the root of its machine.
fn place(home: &Path, path: &str) -> PathBuf {
    match path.strip_prefix('/') {
        Some(absolute) => home.parent().and_then(Path::parent).unwrap_or(home).join(absolute),
        None => home.join(path.trim_start_matches("~/")),
    }
}

/// Writes one file of a test. For `sqlite` the text is SQL that makes the database; `base64:` begins the content of a binary one.
fn put(home: &Path, path: &str, text: &str, format: &str) -> Result<(), String> {
    let path = place(home, path);
    let failed =
        |error: std::io::Error| format!("cannot write {}: {}", path.display(), error.kind());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let is_sql = text.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create"));
    if format == "sqlite" && is_sql {
        let made =
            rusqlite::Connection::open(&path).and_then(|database| database.execute_batch(text));
        return made.map_err(|error| format!("its SQL: {error}"));
    }
    if let Some(encoded) = text.strip_prefix("base64:") {
        use base64::Engine as _;
        let plain: String = encoded.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(plain)
            .map_err(|_| "its base64 is malformed".to_owned())?;
        return fs::write(&path, bytes).map_err(failed);
    }
    fs::write(&path, text).map_err(failed)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: Option<&str>) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(bits) = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok()) {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(bits));
    }
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: Option<&str>) {}

fn compare(
    expect: &Expect,
    placed: &[Placed],
    skips: &[String],
    home: &Path,
) -> Result<(), String> {
    let told: Vec<BTreeMap<&str, Value>> = placed.iter().map(|placed| tell(placed, home)).collect();
    match expect {
        Expect::Word(word) if word == "nothing" => {
            if told.is_empty() && skips.is_empty() {
                return Ok(());
            }
            Err(format!("expected nothing, got {} and skips {skips:?}{}", shown(&told), why(skips)))
        }
        Expect::Word(word) => {
            if skips.contains(word) {
                Ok(())
            } else {
                Err(format!("expected `{word}`, got {} and skips {skips:?}", shown(&told)))
            }
        }
        Expect::Grants(wanted) => {
            if !skips.is_empty() {
                let why = why(skips);
                return Err(format!("skips {skips:?}{why}, and {}", shown(&told)));
            }
            if wanted.len() != told.len() {
                return Err(format!("expected {} grants, got {}", wanted.len(), shown(&told)));
            }
            for (number, (wanted, told)) in wanted.iter().zip(&told).enumerate() {
                for (key, value) in wanted {
                    let got = told.get(key.as_str()).unwrap_or(&Value::Null);
                    if !same(value, got) {
                        return Err(format!(
                            "grant {}: {key} is {got}, expected {value}",
                            number + 1
                        ));
                    }
                }
            }
            Ok(())
        }
    }
}

/// What makes a file unrecognised: the one skip that is the rule's own doing.
fn why(skips: &[String]) -> &'static str {
    if skips.iter().any(|skip| skip == "unrecognised") {
        " (the filter failed, or put out what is no grant, or nothing: `may_be_empty: true` where nothing is normal)"
    } else {
        ""
    }
}

/// Whether a told value is the wanted one; times may be written in any way, numbers as text.
fn same(wanted: &Value, got: &Value) -> bool {
    if wanted == got {
        return true;
    }
    match (wanted, got) {
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len()
                && wanted.iter().zip(got).all(|(wanted, got)| same(wanted, got))
        }
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.iter().all(|(key, wanted)| same(wanted, got.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Number(number), Value::String(text)) if number.to_string() == *text => true,
        (Value::Number(_), Value::String(text)) => {
            let wanted = timestamp(wanted);
            wanted.is_some() && wanted == text.parse().ok()
        }
        (Value::String(wanted), Value::String(got)) => {
            let time = |text: &str| timestamp(&json!(text));
            matches!((time(wanted), time(got)), (Some(wanted), Some(got)) if wanted == got)
        }
        _ => false,
    }
}

/// A grant in the words of `expect`. There is no secret in it.
fn tell(placed: &Placed, home: &Path) -> BTreeMap<&'static str, Value> {
    let grant = &placed.grant;
    let identity = &grant.identity;
    let first = grant.credentials.first();
    let kinds: Vec<&str> =
        grant.credentials.iter().map(|credential| credential.kind.as_str()).collect();
    let time = |time: Option<Timestamp>| json!(time.map(|time| time.to_string()));
    let path = placed.path.strip_prefix(home).unwrap_or(&placed.path);
    BTreeMap::from([
        ("rule", json!(grant.rule)),
        (
            "account",
            json!(identity.account.as_ref().or(first.and_then(|first| first.account.as_ref()))),
        ),
        ("tenant", json!(identity.tenant)),
        ("host", json!(identity.host)),
        ("issuer", json!(identity.issuer)),
        ("audience", json!(identity.audience)),
        ("client_id", json!(identity.client_id)),
        ("client_name", json!(identity.client_name)),
        ("name", json!(identity.name)),
        ("active", json!(identity.active)),
        ("kind", json!(kinds.first())),
        ("kinds", json!(kinds)),
        ("credentials", grant.credentials.iter().map(tell_credential).collect()),
        ("scopes", json!(grant.scopes)),
        ("roles", json!(grant.roles)),
        ("reach", json!(grant.reach)),
        ("storage", json!(grant.storage)),
        ("held_by", json!(grant.held_by)),
        ("privilege", json!(grant.privilege)),
        ("confidence", json!(grant.confidence)),
        ("at", json!(grant.spot.key)),
        ("line", json!(grant.spot.line)),
        ("issued", time(first.and_then(|first| first.issued))),
        ("expires", time(first.and_then(|first| first.expires))),
        ("path", json!(path.to_string_lossy())),
        ("logout", json!(grant.end.logout)),
    ])
}

fn tell_credential(credential: &Credential) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "kind": credential.kind,
        "name": credential.name,
        "account": credential.account,
        "issued": time(credential.issued),
        "expires": time(credential.expires),
    })
}

fn shown(told: &[BTreeMap<&str, Value>]) -> String {
    let rows: Vec<String> = told
        .iter()
        .map(|grant| {
            let told = grant.iter().filter(|(_, value)| !value.is_null() && **value != json!([]));
            let fields: Vec<String> = told.map(|(key, value)| format!("{key}: {value}")).collect();
            format!("{{{}}}", fields.join(", "))
        })
        .collect();
    format!("[{}]", rows.join(", "))
}
