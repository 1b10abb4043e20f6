//! Rule x document to grants; the last room with secrets.
//!
//! A candidate goes in, its grants come out, each with the place and the custody of the file that holds it. What could not be
//! read or understood comes out as a skip: a bad file is a fact, not an error.

pub(crate) mod check;
pub(crate) mod commands;
pub mod deep;
pub mod ending;
mod environment;
mod grants;
pub(crate) mod jwt;
mod lines;
pub(crate) mod placeholder;
mod published;
pub mod secret;
pub(crate) mod time;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::artifact::{Artifact, Content, Door, Facts, SNIFFED_BYTES, reason_of};
use crate::grant::Grant;
use crate::parse::{self, Body, Document, Language, Options, Unreadable, sqlite};
use crate::report::{Exposure, SkipReason, Skipped};
use crate::rule::pack::{CompiledCache, Pack, Yields};
use crate::rule::paths::{in_home, original_name};
use crate::rule::schema::{Beside, Cache, CacheRule, Holds};
use crate::source::image::Words;
use crate::source::{Candidate, Claim};
use deep::{Also, Tee};
pub use environment::environment;
use grants::{Draft, Drafted, RawGrant, strike};
use secret::{Fingerprinter, Secret};

/// How deep files include others; git and `MySQL` go no further.
const MAX_INCLUDE_DEPTH: usize = 10;

/// Most files that one leads to by including them.
const MAX_INCLUDED: usize = 64;

/// What extraction works with.
pub struct Context<'x> {
    /// Rules.
    pub pack: &'x Pack,
    /// The way to files.
    pub door: &'x Door<'x>,
    /// Keys for fingerprints.
    pub prints: &'x Fingerprinter,
    /// Whether what rules read is searched for tokens too.
    pub deep: bool,
    /// Whether to end early, within a file that is read as a stream.
    pub stop: &'x (dyn Fn() -> bool + Sync),
}

/// A grant, and the file that holds it.
pub struct Placed {
    /// The grant.
    pub grant: Grant,
    /// Where, as the report names it.
    pub path: PathBuf,
    /// How that file is kept.
    pub facts: Facts,
}

/// What one candidate came to.
#[derive(Default)]
pub struct Extracted {
    /// Its grants.
    pub placed: Vec<Placed>,
    /// What of it could not be read or understood.
    pub skipped: Vec<Skipped>,
}

impl Extracted {
    /// A file that was not read.
    pub fn failed(path: &Path, reason: SkipReason) -> Self {
        Self { placed: Vec::new(), skipped: vec![Skipped::new(path, reason)] }
    }
}

/// The grants that a text of an image's configuration holds, by the rules for commands and the shapes of tokens.
pub fn in_text(context: &Context<'_>, words: &Words<'_>) -> Vec<Grant> {
    let body = match words {
        Words::Commands(text) => Body::Commands(text, Language::Posix),
        Words::Assignment(name, value) => Body::Assignment { name, value },
        Words::Plain(text) => Body::Text(text),
        Words::Owned(text) => Body::Commands(text, Language::Posix),
    };
    let mut finder = lines::Finder::new(context, Holds::Dotfile);
    finder.consider(&parse::Entry { line: 0, time: None, body });
    finder.grants()
}

/// Marks what lies in the index of a git work tree: it goes wherever the repository goes.
pub fn mark_git_tracked(door: &Door<'_>, placed: &mut [Placed]) {
    let mut known: HashMap<PathBuf, bool> = HashMap::new();
    for place in placed {
        let tracked =
            *known.entry(place.path.clone()).or_insert_with_key(|path| door.is_git_tracked(path));
        if tracked {
            place.facts.exposures.push(Exposure::GitTracked);
        }
    }
}

/// Reads a candidate by all rules that claim it.
pub fn extract(context: &Context<'_>, candidate: &Candidate) -> Extracted {
    let mut extracted = Extracted::default();
    let real = candidate.target.as_deref().unwrap_or(&candidate.path);
    let (streamed, whole): (Vec<&Claim>, Vec<&Claim>) = candidate
        .claims
        .iter()
        .partition(|claim| matches!(context.cache(claim).yields, Yields::Entries(_)));
    let mut also = Also::new(context);
    for claim in streamed {
        if let Err(reason) = stream(context, candidate, real, claim, &mut also, &mut extracted) {
            extracted.skipped.push(Skipped::new(&candidate.path, reason));
        }
    }
    let sniffs = |claim: &Claim, start: &[u8]| context.is_wanted(claim, start);
    if whole.is_empty() {
        also.conclude(&candidate.path, &mut extracted);
        return extracted;
    }
    let wanted = |start: &[u8]| whole.iter().any(|claim| sniffs(claim, start));
    match context.door.content(real, &candidate.path, wanted) {
        Ok(Content::Start(start, opened, reason)) => {
            extracted.skipped.extend(reason.map(|reason| Skipped::new(&candidate.path, reason)));
            also.go_on(&start, opened, real, &candidate.path);
        }
        Ok(Content::Whole(artifact)) => {
            also.whole(&artifact);
            let start = &artifact.bytes[..artifact.bytes.len().min(SNIFFED_BYTES)];
            let claims = whole.into_iter().filter(|claim| sniffs(claim, start)).collect();
            documents(context, candidate, real, &artifact, claims, &mut extracted);
        }
        Err(reason) => extracted.skipped.push(Skipped::new(&candidate.path, reason)),
    }
    also.conclude(&candidate.path, &mut extracted);
    extracted
}

/// Reads one whole file by its claims. Those that name the file go before those that know it by its content, which are only
/// asked where the former understood nothing; of one rule, the first cache that yields is enough.
fn documents(
    context: &Context<'_>,
    candidate: &Candidate,
    real: &Path,
    artifact: &Artifact,
    mut claims: Vec<&Claim>,
    extracted: &mut Extracted,
) {
    claims.sort_by_key(|claim| (context.pack.sniffed[claim.cache], claim.set_aside, claim.cache));
    let mut by_name: Option<Extracted> = None;
    let mut heard = Vec::new();
    for claim in claims {
        let sniffed = context.pack.sniffed[claim.cache];
        if sniffed && by_name.as_ref().is_some_and(|named| !named.placed.is_empty()) {
            break;
        }
        // Grants of a file and commands in it are two questions.
        let asked = (context.cache(claim).rule, context.cache(claim).yields == Yields::Grants);
        if heard.contains(&asked) {
            continue;
        }
        let mut one = Extracted::default();
        document(context, candidate, real, artifact, claim, &mut one);
        if !one.placed.is_empty() {
            heard.push(asked);
        }
        if sniffed && one.placed.is_empty() {
            // Content that only looks like a rule's is not that rule's layout.
            one.skipped.retain(|skip| skip.reason != SkipReason::Unrecognised);
        }
        let all = by_name.get_or_insert_default();
        all.placed.append(&mut one.placed);
        all.skipped.append(&mut one.skipped);
    }
    let mut all = by_name.unwrap_or_default();
    extracted.placed.append(&mut all.placed);
    extracted.skipped.append(&mut all.skipped);
}

impl<'x> Context<'x> {
    fn cache(&self, claim: &Claim) -> &'x CompiledCache {
        &self.pack.caches[claim.cache]
    }

    fn rule(&self, cache: &CompiledCache) -> (&'x CacheRule, &'x Cache) {
        (self.pack.rule(cache), self.pack.cache(cache))
    }

    /// Whether a file's first bytes hold what the rule claims it by.
    fn is_wanted(&self, claim: &Claim, start: &[u8]) -> bool {
        let (_, cache) = self.rule(self.cache(claim));
        cache
            .sniff
            .as_deref()
            .is_none_or(|literal| memchr::memmem::find(start, literal.as_bytes()).is_some())
    }
}

/// Streams the commands of a history or dotfile through the command rules.
fn stream(
    context: &Context<'_>,
    candidate: &Candidate,
    real: &Path,
    claim: &Claim,
    also: &mut Also<'_, '_>,
    extracted: &mut Extracted,
) -> Result<(), SkipReason> {
    let compiled = context.cache(claim);
    let Yields::Entries(holds) = compiled.yields else { return Ok(()) };
    let Some(entries) = compiled.format.entries else { return Err(SkipReason::Internal) };
    let opened = context.door.open(real, &candidate.path)?;
    let (_, cache) = context.rule(compiled);
    let mut finder = lines::Finder::new(context, holds);
    let search = also.stream(&opened.facts);
    // What is written meanwhile waits for the next scan, or a file that grows faster than it is read would hold this one up.
    let growing = opened.file.take(opened.size);
    let mut reader = BufReader::with_capacity(64 * 1024, Tee::new(growing, search));
    let options = Options { dialect: compiled.dialect, ..Options::default() };
    let outcome = entries(&mut reader, options, &mut |entry| finder.consider(&entry));
    let read = reader.into_inner().into_inner().into_inner();
    context.door.count_streamed(&read, opened.size);
    let facts = placed_facts(opened.facts, claim, cache);
    extracted.placed.extend(finder.grants().into_iter().map(|grant| Placed {
        grant,
        path: candidate.path.clone(),
        facts: facts.clone(),
    }));
    outcome.map_err(|error| reason_of(&error))
}

/// Reads one whole file by one claim.
fn document(
    context: &Context<'_>,
    candidate: &Candidate,
    real: &Path,
    artifact: &Artifact,
    claim: &Claim,
    extracted: &mut Extracted,
) {
    let compiled = context.cache(claim);
    let (_, cache) = context.rule(compiled);
    let folders = [candidate.path.parent(), real.parent()];
    let near = Near { context, claim, file: &candidate.path, folders, included_by: None };
    if let (Yields::FilteredEntries(holds), "sqlite", [_]) =
        (compiled.yields, compiled.format.name, &*cache.tables)
    {
        return near.in_parts(compiled, holds, artifact, real, extracted);
    }
    let included = near.read(compiled, artifact, real, extracted);
    near.read_included(compiled, included, extracted);
}

fn placed_facts(mut facts: Facts, claim: &Claim, cache: &Cache) -> Facts {
    facts.state = claim.state;
    facts.foreign = claim.foreign;
    facts.home = claim.home.clone().or(facts.home);
    if cache.backup || claim.set_aside {
        facts.exposures.push(Exposure::Backup);
    }
    if cache.holds == Some(Holds::History) {
        facts.exposures.push(Exposure::History);
    }
    facts.golden_issue = cache.golden.as_ref().map(|golden| golden.issue.clone());
    facts.exposures.sort_unstable();
    facts.exposures.dedup();
    facts
}

/// The components of a file's path, by the names that the rule knows.
fn components(path: &Path, claim: &Claim) -> Value {
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.map(|name| Value::from(known_name(&name, claim))).collect::<Vec<_>>().into()
}

/// The name by which a cache claims a file or folder.
fn known_name<'n>(name: &'n str, claim: &Claim) -> &'n str {
    original_name(name).filter(|_| claim.set_aside).unwrap_or(name)
}

fn is_empty(document: &Value) -> bool {
    match document {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

/// The neighbourhood of a file that is being read: what lies beside it, and what it points to.
struct Near<'n, 'x> {
    context: &'n Context<'x>,
    claim: &'n Claim,
    /// The file, as it was reached.
    file: &'n Path,
    /// The file's folder as it was reached, and as it really is.
    folders: [Option<&'n Path>; 2],
    /// The claimed file that led to it, where it is not that one itself.
    included_by: Option<&'n Path>,
}

impl Near<'_, '_> {
    /// Reads the file as a document. Gives the places of what it includes.
    fn read(
        &self,
        compiled: &CompiledCache,
        artifact: &Artifact,
        real: &Path,
        extracted: &mut Extracted,
    ) -> Vec<PathBuf> {
        let mut skip = |reason| {
            extracted.skipped.push(Skipped::new(&artifact.path, reason));
            Vec::new()
        };
        let (rule, cache) = self.context.rule(compiled);
        let document = match self.parse(compiled, &cache.tables, artifact, real) {
            Ok(document) => document,
            Err(Unreadable::Malformed(_)) => return skip(SkipReason::Malformed),
            Err(Unreadable::UnsupportedEncryption) => {
                return skip(SkipReason::UnsupportedEncryption);
            }
        };
        let Some(filter) = self.context.pack.filter(compiled) else {
            return skip(SkipReason::Internal);
        };
        let told = self.context.door.site().told(self.file);
        let mut variables = vec![components(&told, self.claim)];
        variables.extend(cache.beside.values().map(|beside| self.beside(beside)));
        let outcome = filter.run(&document.0, &variables);
        let mut facts = placed_facts(artifact.facts.clone(), self.claim, cache);
        facts.included_by = self.included_by.map(Box::from);
        let understood = match compiled.yields {
            Yields::FilteredEntries(holds) => {
                let mut finder = lines::Finder::new(self.context, holds);
                let understood = Understood::of(&mut finder, &outcome.outputs);
                extracted.placed.extend(deep::placed(finder.grants(), &artifact.path, &facts));
                understood
            }
            _ => self.place(rule, outcome.outputs, artifact, &facts, extracted),
        };
        let silent = !understood.any && !cache.may_be_empty && !is_empty(&document.0);
        if outcome.failed || understood.odd || silent {
            extracted.skipped.push(Skipped::new(&artifact.path, SkipReason::Unrecognised));
        }
        let Some(includes) = self.context.pack.includes(compiled) else { return Vec::new() };
        let paths = includes.run(&document.0, &variables).outputs;
        let paths = paths.iter().filter_map(Value::as_str).filter(|path| !path.is_empty());
        paths.take(MAX_INCLUDED).flat_map(|path| self.resolve(path)).collect()
    }

    /// Reads what a document includes as the cache itself, and what that includes: each file once.
    fn read_included(
        &self,
        compiled: &CompiledCache,
        included: Vec<PathBuf>,
        extracted: &mut Extracted,
    ) {
        let mut seen = vec![self.file.to_owned()];
        let mut level = included;
        for _ in 0..MAX_INCLUDE_DEPTH {
            let mut deeper = Vec::new();
            for path in level {
                if seen.len() <= MAX_INCLUDED && !seen.contains(&path) {
                    deeper.extend(self.read_one_included(compiled, &path, extracted));
                    seen.push(path);
                }
            }
            level = deeper;
        }
    }

    /// A file that is not there, or lies outside the roots, includes nothing; one that cannot be read is told.
    fn read_one_included(
        &self,
        compiled: &CompiledCache,
        path: &Path,
        extracted: &mut Extracted,
    ) -> Vec<PathBuf> {
        let door = self.context.door;
        let Ok(real) = door.site().real(path) else { return Vec::new() };
        if !door.may_lead(self.claim.home.as_deref(), &real) {
            return Vec::new();
        }
        let artifact = match door.read(&real, path, |_| true) {
            Ok(Some(artifact)) => artifact,
            Ok(None) | Err(SkipReason::Vanished | SkipReason::Symlink) => return Vec::new(),
            Err(reason) => {
                extracted.skipped.push(Skipped::new(path, reason));
                return Vec::new();
            }
        };
        let folders = [path.parent(), real.parent()];
        let near = Near { file: path, folders, included_by: Some(self.file), ..*self };
        near.read(compiled, &artifact, &real, extracted)
    }

    fn parse(
        &self,
        cache: &CompiledCache,
        tables: &[String],
        artifact: &Artifact,
        real: &Path,
    ) -> Result<Document, Unreadable> {
        let Some(read) = cache.format.document else {
            return Err(Unreadable::Malformed(parse::Malformed::default()));
        };
        let log = (cache.format.name == "sqlite").then(|| self.write_ahead_log(real)).flatten();
        let wal = log.as_ref().map(|log| &**log.bytes);
        read(&artifact.bytes, Options { dialect: cache.dialect, tables, wal })
    }

    /// Reads a history that is one table of a database, however many rows it has.
    fn in_parts(
        &self,
        compiled: &CompiledCache,
        holds: Holds,
        artifact: &Artifact,
        real: &Path,
        extracted: &mut Extracted,
    ) {
        let (_, cache) = self.context.rule(compiled);
        let mut skip = |reason| extracted.skipped.push(Skipped::new(&artifact.path, reason));
        let Some(filter) = self.context.pack.filter(compiled) else {
            return skip(SkipReason::Internal);
        };
        let mut variables = vec![components(self.file, self.claim)];
        variables.extend(cache.beside.values().map(|beside| self.beside(beside)));
        let mut finder = lines::Finder::new(self.context, holds);
        let (mut understood, mut failed, mut empty) = (Understood::default(), false, true);
        let log = self.write_ahead_log(real);
        let wal = log.as_ref().map(|log| &**log.bytes);
        let options = Options { dialect: compiled.dialect, tables: &cache.tables, wal };
        let read = sqlite::in_parts(&artifact.bytes, options, &mut |part| {
            let outcome = filter.run(&part.0, &variables);
            let of_part = Understood::of(&mut finder, &outcome.outputs);
            understood.any |= of_part.any;
            understood.odd |= of_part.odd;
            failed |= outcome.failed;
            empty &= is_empty(&part.0);
            !(self.context.stop)()
        });
        match read {
            Ok(()) if failed || understood.odd => skip(SkipReason::Unrecognised),
            Ok(()) if !(understood.any || cache.may_be_empty || empty) => {
                skip(SkipReason::Unrecognised);
            }
            Ok(()) => {}
            Err(Unreadable::Malformed(_)) => skip(SkipReason::Malformed),
            Err(Unreadable::UnsupportedEncryption) => skip(SkipReason::UnsupportedEncryption),
        }
        let facts = placed_facts(artifact.facts.clone(), self.claim, cache);
        extracted.placed.extend(deep::placed(finder.grants(), &artifact.path, &facts));
    }

    /// Rows that SQLite has not yet moved into the database itself.
    fn write_ahead_log(&self, database: &Path) -> Option<Artifact> {
        let mut name = database.file_name()?.to_owned();
        name.push("-wal");
        let path = database.with_file_name(name);
        self.context.door.read(&path, &path, |_| true).ok().flatten()
    }

    /// The document of a sibling file, or null.
    fn beside(&self, beside: &Beside) -> Value {
        let Some(format) = parse::format(&beside.format) else { return Value::Null };
        let Some(read) = format.document else { return Value::Null };
        let options = Options { dialect: beside.dialect, tables: &beside.tables, wal: None };
        let parsed = self.resolve(&self.named(&beside.path)).into_iter().find_map(|path| {
            let artifact = self.context.door.read(&path, &path, |_| true).ok().flatten()?;
            read(&artifact.bytes, options).ok()
        });
        parsed.map_or(Value::Null, |document| document.0)
    }

    /// A sibling's path with `{name}` and `{stem}` of the file that is being read filled in.
    fn named(&self, path: &str) -> String {
        let name = self.file.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        let name = known_name(&name, self.claim);
        let stem = Path::new(name).file_stem().map(OsStr::to_string_lossy).unwrap_or_default();
        path.replace("{name}", name).replace("{stem}", &stem)
    }

    /// Where a path that a rule or a file names may lie and be read.
    fn resolve(&self, path: &str) -> Vec<PathBuf> {
        let mut places = self.places(path);
        let (door, home) = (self.context.door, self.claim.home.as_deref());
        places.retain(|place| door.may_lead(home, place) || door.site().moved.is_of(home, place));
        places
    }

    /// Where such a path may lie: below the home, absolute, or in the file's folder.
    fn places(&self, path: &str) -> Vec<PathBuf> {
        if let Some(rest) = path.strip_prefix("~/") {
            return self.places_at_home(rest);
        }
        let named = |folder: &Path| match Path::new(path) {
            absolute if absolute.has_root() => self.context.door.site().outside(&normal(absolute)),
            relative => normal(&folder.join(relative)),
        };
        let mut places: Vec<PathBuf> = self.folders.into_iter().flatten().map(named).collect();
        // A copied home still names its files by where it lay.
        if let (Some(home), Some(rest)) = (&self.claim.home, below_a_home(path)) {
            places.push(home.join(rest));
        }
        places.dedup();
        places
    }

    /// Where a path below the home of the file may lie.
    fn places_at_home(&self, rest: &str) -> Vec<PathBuf> {
        let moved = &self.context.door.site().moved;
        let home = self.claim.home.as_deref().or_else(|| moved.home_of(self.file));
        let Some(home) = home else { return Vec::new() };
        let rest = normal(Path::new(rest));
        let rest = rest.to_string_lossy();
        let at_home = normal(&in_home(home, &rest));
        if moved.home.as_deref() != Some(home) {
            return vec![at_home];
        }
        moved.places(self.file, &rest, at_home)
    }

    /// Turns outputs into placed grants.
    fn place(
        &self,
        rule: &CacheRule,
        outputs: Vec<Value>,
        artifact: &Artifact,
        facts: &Facts,
        extracted: &mut Extracted,
    ) -> Understood {
        let mut understood = Understood::default();
        let mut placings: Vec<Placing> = Vec::new();
        for output in outputs {
            let Some(mut raw) = RawGrant::read(output) else {
                understood.odd = true;
                continue;
            };
            let (_, cache) = self.context.rule(self.context.cache(self.claim));
            raw.is_mark = cache.golden.as_ref().is_some_and(|golden| golden.only);
            let place = self.follow(&mut raw, extracted);
            let (path, facts) = place.unwrap_or_else(|| (artifact.path.clone(), facts.clone()));
            match raw.draft(self.context, rule) {
                Drafted::Grant(draft) => placings.push((draft, path, facts)),
                Drafted::Nothing => {}
                Drafted::Empty => continue,
            }
            understood.any = true;
        }
        let (mut placings, secrets) = split(placings);
        let secrets: Vec<&Secret> = secrets.iter().flatten().collect();
        for (draft, ..) in &mut placings {
            strike(&mut draft.grant, &secrets);
        }
        extracted.placed.extend(placings.into_iter().map(|(draft, path, facts)| Placed {
            grant: draft.finish(rule),
            path,
            facts,
        }));
        understood
    }

    /// Reads the key, token and certificate files that a cache points to; gives the place of the secret, if it lies there. A file
    /// that is not there, or lies outside the roots, is no credential; one that cannot be read is told.
    fn follow(&self, raw: &mut RawGrant, extracted: &mut Extracted) -> Option<(PathBuf, Facts)> {
        let mut place = None;
        for mut pointer in raw.followed() {
            for path in self.resolve(&pointer.path) {
                match self.context.door.read(&path, &path, |_| true) {
                    Ok(Some(artifact)) => {
                        if pointer.fill(&artifact.bytes) {
                            let mut facts = artifact.facts;
                            facts.home = facts.home.or_else(|| self.claim.home.clone());
                            place = Some((path, facts));
                        }
                        break;
                    }
                    Ok(None) | Err(SkipReason::Vanished | SkipReason::Symlink) => {}
                    Err(reason) => extracted.skipped.push(Skipped::new(&path, reason)),
                }
            }
        }
        place
    }
}

/// How much of a document was understood.
#[derive(Default)]
struct Understood {
    /// Something: a grant, or what is none for a known reason.
    any: bool,
    /// An output was no object of the known keys.
    odd: bool,
}

impl Understood {
    /// What a search understands of what a `commands` filter put out.
    fn of(finder: &mut lines::Finder<'_, '_>, outputs: &[Value]) -> Self {
        let known = outputs.iter().filter(|output| finder.consider_output(output)).count();
        Self { any: known > 0, odd: known < outputs.len() }
    }
}

type Placing = (Box<Draft>, PathBuf, Facts);

/// Takes the secrets out of the drafts, to be struck from all of them.
fn split(placings: Vec<Placing>) -> (Vec<Placing>, Vec<Vec<Secret>>) {
    placings
        .into_iter()
        .map(|(mut draft, path, facts)| {
            let secrets = std::mem::take(&mut draft.secrets);
            ((draft, path, facts), secrets)
        })
        .unzip()
}

/// What an absolute path names below somebody's home, on any system.
fn below_a_home(path: &str) -> Option<PathBuf> {
    let plain = path.replace('\\', "/");
    let drive = plain.get(1..3).is_some_and(|after| after == ":/");
    let absolute = if drive { &plain[2..] } else { &plain };
    let rest = ["/home/", "/Users/"].iter().find_map(|homes| absolute.strip_prefix(homes))?;
    let (_, rest) = rest.split_once('/')?;
    Some(normal(Path::new(rest)))
}

/// Without `.` and `..`, which a handle would refuse.
fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
