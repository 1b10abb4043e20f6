//! Whether a bundle is what was signed, what it says of itself, and what follows the bundle before.
//!
//! Everything in it is hostile until shown otherwise: files are regular, of bounded size and named in `SHA256SUMS`, or told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use ssh_key::{PublicKey, SshSig};

use super::bundle::severities;
use super::chain::{self, Link};
use super::manifest::{ExceptionCounts, FORMAT, FileDigest, Manifest, Previous};
use super::signers::{self, Standing};
use super::{
    COVERAGE, EXCEPTIONS, FINDINGS, MANIFEST, NAMESPACE, POLICY, RULES, SIGNATURE, SUMS, UNSUMMED,
};
use super::{facts, sums};
use crate::error::plain;
use crate::output::safe;
use crate::report::Finding;

/// Largest file whose lines are looked at, in bytes; larger ones are digested only.
const MAX_LINES: u64 = 1 << 30;

/// Names of a folder that are looked at.
const MAX_NAMES: usize = 10_000;

/// How far the clock of the checking machine may be behind.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What a bundle is checked against.
#[derive(Default)]
pub struct Against {
    /// Text of a file of allowed signers.
    pub allowed_signers: Option<String>,
    /// Who must have signed, by a principal of that file.
    pub signer: Option<String>,
    /// Folders of bundles before.
    pub previous: Vec<PathBuf>,
    /// The time now.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verdict {
    /// Whether nothing is wrong.
    pub sound: bool,
    /// In the order in which it was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Check {
    /// Whether it holds.
    pub outcome: Outcome,
    /// What kind of check, or of fault.
    pub what: Kind,
    /// In words.
    pub text: String,
}

/// Whether a check holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Ok,
    /// It does not.
    Wrong,
    /// It could not be checked.
    NotChecked,
}

/// What was looked at, or what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Every file is what it was.
    Files,
    /// A file is not what it was.
    Edited,
    /// A file is not there.
    Missing,
    /// A file that the sums do not name.
    Added,
    /// A link in place of a file.
    Link,
    /// Something else that is no regular file.
    SpecialFile,
    /// A file that cannot be read.
    Unreadable,
    /// `SHA256SUMS` is not of its form.
    Sums,
    /// The manifest is not of its form, or names other files.
    Manifest,
    /// The files do not say what the manifest says of them.
    Contents,
    /// Lines are not in their order.
    Reordered,
    /// The signature.
    Signature,
    /// Signed for another purpose.
    OtherPurpose,
    /// Signed by a key that may not sign.
    UnknownSigner,
    /// Signed by a key that might not sign at that time.
    SignerTime,
    /// The bundle before.
    Chain,
    /// A bundle between two is missing, or another was put in its place.
    ChainBroken,
    /// Of another machine than the bundle before.
    OtherMachine,
    /// The clock.
    Clock,
    /// A clock that went back.
    ClockBack,
}

impl Verdict {
    /// What is wrong.
    pub fn faults(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Wrong)
    }

    /// For people: a line a check.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for check in &self.checks {
            let mark = match check.outcome {
                Outcome::Ok => "ok         ",
                Outcome::Wrong => "WRONG      ",
                Outcome::NotChecked => "not checked",
            };
            let kind = serde_json::to_value(check.what).unwrap_or_default();
            out.push_str(&format!(
                "{mark}  {}: {}\n",
                kind.as_str().unwrap_or_default(),
                check.text
            ));
        }
        out.push_str(if self.sound { "sound\n" } else { "NOT SOUND\n" });
        out
    }

    /// For programs.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{}\n", crate::output::json::visible(&text))
    }
}

/// Checks a bundle.
pub fn verify(dir: &Path, against: &Against) -> Verdict {
    let mut look = Look { dir, checks: Vec::new() };
    look.all(against);
    let sound = look.checks.iter().all(|check| check.outcome != Outcome::Wrong);
    Verdict { sound, checks: look.checks }
}

struct Look<'d> {
    dir: &'d Path,
    checks: Vec<Check>,
}

impl Look<'_> {
    fn all(&mut self, against: &Against) {
        let Some(names) = self.names() else { return };
        let Some((summed, listed)) = self.sums() else {
            self.unlisted(&names, &BTreeMap::new());
            return;
        };
        self.unlisted(&names, &listed);
        self.files(&listed);
        let manifest = self.manifest(&listed);
        let at = manifest.as_ref().map_or(against.now, |manifest| manifest.time.end);
        self.signature(&summed, at, against);
        let Some(manifest) = manifest else { return };
        self.contents(&manifest);
        self.clock(&manifest, against.now);
        self.chain(&manifest, &summed, &against.previous);
    }

    fn put(&mut self, outcome: Outcome, what: Kind, text: impl Into<String>) {
        self.checks.push(Check { outcome, what, text: text.into() });
    }

    fn wrong(&mut self, what: Kind, text: impl Into<String>) {
        self.put(Outcome::Wrong, what, text);
    }

    /// What lies in the folder; what is no regular file is told.
    fn names(&mut self) -> Option<BTreeSet<String>> {
        let entries = match fs::read_dir(self.dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.wrong(Kind::Unreadable, format!("the folder: {}", plain(&error)));
                return None;
            }
        };
        let mut names = BTreeSet::new();
        for entry in entries.flatten().take(MAX_NAMES) {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => {
                    self.wrong(Kind::Link, format!("{} is a symbolic link", safe(&name)));
                }
                Ok(kind) if !kind.is_file() => {
                    self.wrong(Kind::SpecialFile, format!("{} is no regular file", safe(&name)));
                }
                _ => {}
            }
            names.insert(name);
        }
        Some(names)
    }

    fn sums(&mut self) -> Option<(Vec<u8>, BTreeMap<String, String>)> {
        let bytes = match chain::small(&self.dir.join(SUMS), sums::MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.wrong(Kind::Missing, format!("{SUMS} is missing"));
                return None;
            }
            Err(error) => {
                self.wrong(Kind::Unreadable, format!("{SUMS}: {}", plain(&error)));
                return None;
            }
        };
        match sums::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(listed) => Some((bytes, listed)),
            Err(fault) => {
                self.wrong(Kind::Sums, format!("{SUMS}: {fault}"));
                None
            }
        }
    }

    fn unlisted(&mut self, names: &BTreeSet<String>, listed: &BTreeMap<String, String>) {
        for name in names {
            if !listed.contains_key(name) && !UNSUMMED.contains(&name.as_str()) {
                self.wrong(Kind::Added, format!("{} is not in {SUMS}", safe(name)));
            }
        }
    }

    fn files(&mut self, listed: &BTreeMap<String, String>) {
        let mut sound = 0;
        for (name, expected) in listed {
            let path = self.dir.join(name);
            // Links and devices were told already; reading one might never end.
            match fs::symlink_metadata(&path) {
                Ok(facts) if !facts.is_file() => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.wrong(Kind::Missing, format!("{name} is missing"));
                    continue;
                }
                _ => {}
            }
            match facts::digest(&path) {
                Ok(digest) if digest == *expected => sound += 1,
                Ok(_) => {
                    self.wrong(Kind::Edited, format!("{name} was edited: its digest is another"));
                }
                Err(error) => self.wrong(Kind::Unreadable, format!("{name}: {}", plain(&error))),
            }
        }
        if sound == listed.len() {
            self.put(Outcome::Ok, Kind::Files, format!("{sound} files have their digests"));
        }
    }

    fn manifest(&mut self, listed: &BTreeMap<String, String>) -> Option<Manifest> {
        // That it is missing or unreadable was told by its digest, if the sums name it.
        if !listed.contains_key(MANIFEST) {
            self.wrong(Kind::Manifest, format!("{SUMS} does not name {MANIFEST}"));
        }
        let bytes = chain::small(&self.dir.join(MANIFEST), 16 << 20).ok()?;
        let manifest = match chain::parse(&bytes) {
            Ok(manifest) => manifest,
            Err(line) => {
                self.wrong(Kind::Manifest, format!("{MANIFEST} is none (line {line})"));
                return None;
            }
        };
        if manifest.format != FORMAT {
            self.wrong(Kind::Manifest, format!("its format is not {FORMAT}"));
            return None;
        }
        let named: BTreeMap<&String, &String> =
            manifest.files.iter().map(|file| (&file.name, &file.sha256)).collect();
        let summed: BTreeMap<&String, &String> =
            listed.iter().filter(|(name, _)| *name != MANIFEST).collect();
        if named != summed || named.len() != manifest.files.len() {
            self.wrong(Kind::Manifest, format!("{MANIFEST} and {SUMS} do not name the same files"));
        }
        for FileDigest { name, size, .. } in &manifest.files {
            let real = fs::symlink_metadata(self.dir.join(name)).ok().filter(fs::Metadata::is_file);
            if sums::is_plain(name) && real.is_some_and(|facts| facts.len() != *size) {
                self.wrong(Kind::Manifest, format!("{name} is not as long as {MANIFEST} says"));
            }
        }
        for required in [FINDINGS, COVERAGE, EXCEPTIONS, RULES, POLICY] {
            if !manifest.files.iter().any(|file| file.name == required) {
                self.wrong(Kind::Manifest, format!("{MANIFEST} does not name {required}"));
            }
        }
        Some(manifest)
    }

    fn signature(&mut self, summed: &[u8], at: Timestamp, against: &Against) {
        let required = against.allowed_signers.is_some() || against.signer.is_some();
        let pem = match chain::small(&self.dir.join(SIGNATURE), 64 << 10) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let outcome = if required { Outcome::Wrong } else { Outcome::NotChecked };
                self.put(outcome, Kind::Signature, "the bundle is not signed");
                return;
            }
            Err(error) => {
                return self.wrong(Kind::Signature, format!("{SIGNATURE}: {}", plain(&error)));
            }
        };
        let Ok(signature) = SshSig::from_pem(&pem) else {
            return self.wrong(Kind::Signature, format!("{SIGNATURE} is no SSH signature"));
        };
        if signature.namespace() != NAMESPACE {
            let text =
                format!("it was signed for `{}`, not for {NAMESPACE}", safe(signature.namespace()));
            return self.wrong(Kind::OtherPurpose, text);
        }
        let key = PublicKey::from(signature.public_key().clone());
        let print = key.fingerprint(ssh_key::HashAlg::Sha256).to_string();
        if !is_checked_here(&signature) {
            let text = format!(
                "signatures of {} keys are not checked here: ssh-keygen -Y verify can ({print})",
                safe(signature.algorithm().as_str())
            );
            self.put(Outcome::NotChecked, Kind::Signature, text);
        } else if key.verify(NAMESPACE, summed, &signature).is_err() {
            return self.wrong(Kind::Signature, format!("the signature is not over this {SUMS}"));
        } else {
            self.put(Outcome::Ok, Kind::Signature, format!("{SUMS} is signed by {print}"));
        }
        self.signer(signature.public_key(), &print, at, against);
    }

    fn signer(
        &mut self,
        key: &ssh_key::public::KeyData,
        print: &str,
        at: Timestamp,
        against: &Against,
    ) {
        let Some(text) = &against.allowed_signers else {
            let text = "whether this key may sign: name a file with --allowed-signers";
            return self.put(Outcome::NotChecked, Kind::UnknownSigner, text);
        };
        let signers = match signers::parse(text) {
            Ok(signers) => signers,
            Err(line) => {
                return self.wrong(
                    Kind::UnknownSigner,
                    format!("the allowed signers: line {line} is none"),
                );
            }
        };
        match signers::standing(&signers, key, NAMESPACE, at) {
            Standing::Allowed(principals) => {
                let asked = against.signer.as_deref();
                if asked.is_some_and(|name| !principals.split(',').any(|known| known == name)) {
                    let text =
                        format!("{print} is {}, not the signer asked for", safe(&principals));
                    return self.wrong(Kind::UnknownSigner, text);
                }
                self.put(
                    Outcome::Ok,
                    Kind::UnknownSigner,
                    format!("the signer is {}", safe(&principals)),
                );
            }
            Standing::OtherPurpose => {
                self.wrong(Kind::OtherPurpose, format!("{print} may not sign {NAMESPACE}"));
            }
            Standing::OtherTime => {
                self.wrong(Kind::SignerTime, format!("{print} was not allowed to sign at {at}"));
            }
            Standing::Unknown => {
                self.wrong(Kind::UnknownSigner, format!("{print} is none of the allowed signers"));
            }
        }
    }

    /// Whether the files say what the manifest says of them: whoever edits one and sums again has to get all of this right.
    fn contents(&mut self, manifest: &Manifest) {
        let before = self.checks.len();
        if let Some(lines) = self.lines(FINDINGS) {
            self.findings(&lines, manifest);
        }
        if let Some(lines) = self.lines(COVERAGE) {
            self.coverage(&lines, manifest);
        }
        if let Some(lines) = self.lines(EXCEPTIONS) {
            self.exceptions(&lines, manifest);
        }
        self.rules(manifest);
        if self.is_file(POLICY)
            && facts::digest(&self.dir.join(POLICY)).unwrap_or_default() != manifest.policy.sha256
        {
            self.wrong(Kind::Contents, format!("{POLICY} is not the policy that {MANIFEST} names"));
        }
        if self.checks.len() == before {
            self.put(
                Outcome::Ok,
                Kind::Contents,
                format!("the files say what {MANIFEST} says of them"),
            );
        }
    }

    fn is_file(&self, name: &str) -> bool {
        fs::symlink_metadata(self.dir.join(name)).is_ok_and(|facts| facts.is_file())
    }

    /// The JSON lines of a file that is there; a line that is none is told.
    fn lines(&mut self, name: &str) -> Option<Vec<Value>> {
        if !self.is_file(name) {
            return None;
        }
        let bytes = match chain::small(&self.dir.join(name), MAX_LINES) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.put(Outcome::NotChecked, Kind::Contents, format!("{name}: {}", plain(&error)));
                return None;
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut values = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let Ok(value) = serde_json::from_str(line) else {
                self.wrong(Kind::Contents, format!("{name}: line {} is no JSON", at + 1));
                return None;
            };
            values.push(value);
        }
        Some(values)
    }

    fn findings(&mut self, lines: &[Value], manifest: &Manifest) {
        let mut findings = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let Ok(finding) = serde_json::from_value::<Finding>(line.clone()) else {
                return self
                    .wrong(Kind::Contents, format!("{FINDINGS}: line {} is no finding", at + 1));
            };
            findings.push(finding);
        }
        let order = |finding: &Finding| {
            let it = &finding.location;
            (it.path.clone(), it.key.clone(), it.line, finding.id.clone())
        };
        if let Some(at) = findings.windows(2).position(|two| order(&two[0]) > order(&two[1])) {
            self.wrong(Kind::Reordered, format!("{FINDINGS}: line {} is out of order", at + 2));
        }
        let counts = &manifest.counts;
        if counts.findings != findings.len() {
            let text = format!(
                "{FINDINGS} has {} lines, {MANIFEST} says {}",
                findings.len(),
                counts.findings
            );
            self.wrong(Kind::Contents, text);
        }
        if severities(findings.iter().map(|finding| finding.score.severity)) != counts.by_severity {
            self.wrong(
                Kind::Contents,
                format!("the severities of {FINDINGS} are not those of {MANIFEST}"),
            );
        }
        let mut by_issue = BTreeMap::new();
        for issue in findings.iter().flat_map(|finding| &finding.issues) {
            *by_issue.entry(issue.clone()).or_insert(0) += 1;
        }
        if by_issue != counts.by_issue {
            self.wrong(
                Kind::Contents,
                format!("the issues of {FINDINGS} are not those of {MANIFEST}"),
            );
        }
    }

    fn coverage(&mut self, lines: &[Value], manifest: &Manifest) {
        let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
        let mut roots = Vec::new();
        for line in lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            match line["type"].as_str() {
                Some("skip") => {
                    let count = skipped.entry(text("reason")).or_default();
                    *count = count.saturating_add(line["count"].as_u64().unwrap_or_default());
                }
                Some("root") => roots.push(text("path")),
                _ => {}
            }
        }
        if skipped != manifest.coverage.skipped {
            self.wrong(
                Kind::Contents,
                format!("the skips of {COVERAGE} are not those of {MANIFEST}"),
            );
        }
        if roots != manifest.scope.roots {
            self.wrong(
                Kind::Contents,
                format!("the roots of {COVERAGE} are not those of {MANIFEST}"),
            );
        }
        let complete = skipped.keys().all(|reason| reason == "excluded");
        if complete != manifest.coverage.complete {
            self.wrong(
                Kind::Contents,
                format!(
                    "{MANIFEST} says complete: {}, {COVERAGE} does not",
                    manifest.coverage.complete
                ),
            );
        }
    }

    fn exceptions(&mut self, lines: &[Value], manifest: &Manifest) {
        let ExceptionCounts { active, .. } = manifest.exceptions;
        if lines.len() != active {
            let text = format!("{EXCEPTIONS} has {} lines, {MANIFEST} says {active}", lines.len());
            self.wrong(Kind::Contents, text);
        }
    }

    fn rules(&mut self, manifest: &Manifest) {
        let Ok(bytes) = chain::small(&self.dir.join(RULES), 64 << 20) else { return };
        let lock: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let same = lock["sha256"].as_str() == Some(&manifest.rules.sha256)
            && lock["count"].as_u64() == Some(manifest.rules.count as u64);
        if !same {
            self.wrong(
                Kind::Contents,
                format!("{RULES} is not the rule pack that {MANIFEST} names"),
            );
        }
    }

    fn clock(&mut self, manifest: &Manifest, now: Timestamp) {
        let time = &manifest.time;
        if time.end < time.start {
            self.wrong(Kind::ClockBack, "the scan ended before it began: its clock went back");
        } else if time.start.duration_since(now) > SLACK && time.source == "system" {
            self.wrong(
                Kind::ClockBack,
                format!("the scan began at {}, which is still to come", time.start),
            );
        }
        if let Some(previous) = &manifest.previous
            && time.start < previous.end
        {
            let text = format!(
                "the scan began at {}, before the one before it ended ({}): the clock went back",
                time.start, previous.end
            );
            self.wrong(Kind::ClockBack, text);
        }
        let (outcome, text) = match (&*time.source, time.ntp_synchronized) {
            ("system", Some(true)) => (Outcome::Ok, "the clock was kept by a time service"),
            ("system", _) => {
                (Outcome::NotChecked, "whether a time service kept the clock was not known")
            }
            _ => (Outcome::NotChecked, "the times are those of SOURCE_DATE_EPOCH"),
        };
        self.put(outcome, Kind::Clock, text);
    }

    /// Follows the chain back through the bundles at hand.
    fn chain(&mut self, manifest: &Manifest, summed: &[u8], folders: &[PathBuf]) {
        let mut links: BTreeMap<String, Link> = BTreeMap::new();
        for folder in folders {
            match Link::read(folder) {
                Ok(link) => {
                    links.insert(link.previous.sha256sums_sha256.clone(), link);
                }
                Err(error) => self.wrong(Kind::ChainBroken, error.to_string()),
            }
        }
        links.remove(&sums::digest(summed));
        let mut here = Here {
            before: manifest.previous.clone(),
            sequence: manifest.sequence,
            host_id: manifest.host.id.clone(),
            start: manifest.time.start,
            scan_id: manifest.scan_id.clone(),
        };
        let mut followed = 0;
        while let Some(before) = here.before.clone() {
            let Some(link) = links.remove(&before.sha256sums_sha256) else {
                self.lost(&here, &before, folders.is_empty(), &links);
                return;
            };
            self.joint(&here, &before, &link);
            followed += 1;
            here = Here {
                scan_id: link.previous.scan_id,
                before: link.before,
                sequence: link.sequence,
                host_id: link.host_id,
                start: link.start,
            };
        }
        if here.sequence != 0 {
            self.wrong(
                Kind::ChainBroken,
                format!("the scan {} is said to follow others and names none", safe(&here.scan_id)),
            );
        } else if !links.is_empty() {
            self.wrong(
                Kind::ChainBroken,
                format!("{} of the bundles at hand are none of those before this one", links.len()),
            );
        } else if followed == 0 {
            self.put(Outcome::Ok, Kind::Chain, "it is the first of its chain");
        } else {
            self.put(
                Outcome::Ok,
                Kind::Chain,
                format!("the chain holds through {followed} bundles before, to its first"),
            );
        }
    }

    /// A bundle that should be at hand is not.
    fn lost(
        &mut self,
        here: &Here,
        before: &Previous,
        none: bool,
        others: &BTreeMap<String, Link>,
    ) {
        let who = format!(
            "the scan {} follows {} (its {SUMS}: {})",
            safe(&here.scan_id),
            safe(&before.scan_id),
            safe(&before.sha256sums_sha256)
        );
        if none {
            return self.put(
                Outcome::NotChecked,
                Kind::Chain,
                format!("{who}: name it with --previous"),
            );
        }
        let same = others.values().any(|link| link.previous.scan_id == before.scan_id);
        if same {
            self.wrong(Kind::ChainBroken, format!("{who}, and that bundle is another than it was"));
        } else if others.is_empty() {
            self.put(Outcome::NotChecked, Kind::Chain, format!("{who}, which is not at hand"));
        } else {
            self.wrong(Kind::ChainBroken, format!("{who}: this link is missing"));
        }
    }

    fn joint(&mut self, here: &Here, before: &Previous, link: &Link) {
        let name = safe(&before.scan_id);
        if link.previous.scan_id != before.scan_id || link.previous.end != before.end {
            self.wrong(
                Kind::ChainBroken,
                format!("what is said of {name} is not what it says of itself"),
            );
        }
        if here.sequence != link.sequence.saturating_add(1) {
            self.wrong(
                Kind::ChainBroken,
                format!("the scan {} is not numbered after {name}", safe(&here.scan_id)),
            );
        }
        if matches!((&here.host_id, &link.host_id), (Some(one), Some(other)) if one != other) {
            self.wrong(Kind::OtherMachine, format!("{name} is of another machine"));
        }
        if here.start < link.previous.end {
            self.wrong(
                Kind::ClockBack,
                format!(
                    "the scan {} began before {name} ended: the clock went back",
                    safe(&here.scan_id)
                ),
            );
        }
    }
}

/// A bundle on the way back.
struct Here {
    scan_id: String,
    before: Option<Previous>,
    sequence: u64,
    host_id: Option<String>,
    start: Timestamp,
}

/// Keys whose signatures the `ssh-key` crate checks as it is built here.
fn is_checked_here(signature: &SshSig) -> bool {
    let key = signature.public_key();
    key.is_ed25519()
        || key.is_sk_ed25519()
        || matches!(
            key.ecdsa(),
            Some(
                ssh_key::public::EcdsaPublicKey::NistP256(_)
                    | ssh_key::public::EcdsaPublicKey::NistP384(_)
            )
        )
}
