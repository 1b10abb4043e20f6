//! `CycloneDX` 1.6 and 1.7: every credential as a cryptographic asset, for tools that keep inventories. Never a value.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::put_document;
use super::text::{count, cut_bytes, instant, safe, word};
use super::uuid::uuid;
use super::{Format, Style, phrase};
use crate::grant::{CredentialKind, Storage};
use crate::report::{CredentialReport, Finding, Report, State};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "cyclonedx",
    endings: &["cdx.json", "bom.json"],
    about: "CycloneDX 1.6 bill of materials: credentials as cryptographic assets, without values",
    write: |report, _, out| write(report, "1.6", out),
};

/// The registry entry of the newer version.
pub const FORMAT_1_7: Format = Format {
    name: "cyclonedx-1.7",
    endings: &["cdx17.json"],
    about: "the same as CycloneDX 1.7",
    write: |report, _: &Style, out| write(report, "1.7", out),
};

/// Most credentials; importers read a bill whole.
const COMPONENTS: usize = 20_000;

/// Longest text, in bytes.
const LONGEST: usize = 1_000;

fn write(report: &Report, version: &str, out: &mut dyn Write) -> io::Result<()> {
    let all = report.findings.iter().flat_map(|finding| components(finding, report));
    let components: Vec<Value> = all.take(COMPONENTS).collect();
    let known: usize = report.findings.iter().map(|it| it.credentials.len().max(1)).sum();
    let left = known - components.len();
    let document = json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{version}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": format!("urn:uuid:{}", uuid(&["cyclonedx", &report.scan.id])),
        "version": 1,
        "metadata": {
            "timestamp": instant(report.scan.finished_at),
            "tools": {"components": [
                {"type": "application", "name": report.tool.name, "version": report.tool.version},
            ]},
            "component": {
                "type": "device",
                "bom-ref": "host",
                "name": shown(report.host.name.as_deref().unwrap_or("unknown")),
            },
            "properties": properties(&[
                ("scan", Some(report.scan.id.clone())),
                ("host", report.host.id.clone()),
                ("rules", Some(format!("sha256:{}", report.tool.rules.sha256))),
                ("complete", Some(report.coverage.complete.to_string())),
                ("skipped", Some(report.coverage.skipped.len().to_string())),
                ("left-out", (left > 0).then(|| count(left, "credential"))),
            ]),
        },
        "components": components,
    });
    put_document(document, out)
}

fn shown(text: &str) -> String {
    cut_bytes(&safe(text, true), LONGEST)
}

fn components<'r>(finding: &'r Finding, report: &'r Report) -> impl Iterator<Item = Value> + 'r {
    // A login whose secret is elsewhere is an asset all the same.
    let elsewhere = finding.credentials.is_empty().then(|| component(finding, None, 0, report));
    let held = finding.credentials.iter().enumerate();
    held.map(|(at, one)| component(finding, Some(one), at, report)).chain(elsewhere)
}

fn component(
    finding: &Finding,
    credential: Option<&CredentialReport>,
    at: usize,
    report: &Report,
) -> Value {
    let identity = phrase::identity(finding);
    let who = identity.first().map_or("?", String::as_str);
    let kind = credential.map_or("login", |one| phrase::kind(one.kind));
    let fingerprint = credential.and_then(|one| one.fingerprint.clone());
    let location = &finding.location;
    json!({
        "type": "cryptographic-asset",
        "bom-ref": format!("{}#{at}", finding.id),
        "name": shown(&format!("{}: {who}, {kind}", finding.tool)),
        "description": shown(&finding.title),
        "cryptoProperties": asset(finding, credential),
        "evidence": {"occurrences": [{
            "location": shown(&location.path),
            "line": location.line,
            "additionalContext": shown(&phrase::custody(finding, 1 + finding.also_in.len()).join(", ")),
        }]},
        "properties": properties(&[
            ("finding", Some(finding.id.clone())),
            ("fingerprint", fingerprint),
            ("rule", Some(finding.rule.clone())),
            ("tool", Some(finding.tool.clone())),
            ("account", finding.identity.account.clone()),
            ("key", location.key.clone()),
            ("storage", Some(word(&finding.custody.storage))),
            ("mode", finding.custody.mode.clone()),
            ("privilege", Some(word(&finding.scope.privilege))),
            ("lifetime", Some(word(&finding.lifetime.state))),
            ("score", Some(finding.score.total.to_string())),
            ("severity", Some(finding.score.severity.as_str().into())),
            ("issues", Some(finding.issues.join(","))),
            ("policy", Some(clauses(finding))),
            ("ignored", finding.ignored.clone()),
            ("exception-until", finding.exception.as_ref().map(|it| instant(it.expires))),
            ("scan", Some(report.scan.id.clone())),
        ]),
    })
}

fn clauses(finding: &Finding) -> String {
    finding.policy.iter().map(|breach| breach.clause.as_str()).collect::<Vec<_>>().join(",")
}

fn properties(known: &[(&str, Option<String>)]) -> Vec<Value> {
    let known = known.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    known
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| json!({"name": format!("nhi-scan:{name}"), "value": shown(value)}))
        .collect()
}

fn asset(finding: &Finding, credential: Option<&CredentialReport>) -> Value {
    let issued = credential.and_then(|one| one.issued_at).map(instant);
    let expires = credential.and_then(|one| one.expires_at).map(instant);
    if credential.is_some_and(|one| one.kind == CredentialKind::Certificate) {
        return json!({
            "assetType": "certificate",
            "certificateProperties": {"notValidBefore": issued, "notValidAfter": expires},
        });
    }
    json!({
        "assetType": "related-crypto-material",
        "relatedCryptoMaterialProperties": {
            "type": credential.map_or("credential", |one| material(one.kind)),
            "id": finding.id,
            "state": credential.and_then(|one| state(one.state)),
            "creationDate": issued,
            "expirationDate": expires,
            "format": credential.and_then(|one| one.token_type.as_deref()).map(shown),
            "securedBy": {"mechanism": mechanism(finding)},
        },
    })
}

const fn material(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::OauthAccessToken
        | CredentialKind::OauthRefreshToken
        | CredentialKind::PersonalAccessToken
        | CredentialKind::SessionToken
        | CredentialKind::IdToken
        | CredentialKind::Cookie => "token",
        CredentialKind::ApiKey | CredentialKind::Certificate => "credential",
        CredentialKind::Password => "password",
        CredentialKind::PrivateKey | CredentialKind::ServiceAccountKey => "private-key",
        CredentialKind::ClientSecret => "shared-secret",
    }
}

const fn state(state: State) -> Option<&'static str> {
    match state {
        State::Live | State::Renewable | State::NoExpiry => Some("active"),
        State::Expired => Some("deactivated"),
        State::Unknown => None,
    }
}

fn mechanism(finding: &Finding) -> String {
    let custody = &finding.custody;
    match (custody.storage, custody.held_by.as_deref()) {
        (Storage::Plaintext | Storage::Obfuscated, _) => "None".into(),
        (_, Some(holder)) => shown(holder),
        (storage, None) => storage.as_str().into(),
    }
}
