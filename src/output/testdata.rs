//! One report made by hand, for every format: all severities, all storages, all states, hostile names, several places.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::fold::grants;
use crate::grant::{Confidence, CredentialKind, End, Identity, Privilege, Storage};
use crate::report::{
    AgeBasis, Breach, ClientStanding, Coverage, CredentialReport, Custody, Exception,
    ExceptionRecord, ExceptionState, Exposure, FactorScore, Finding, Host, Lifetime, Location,
    Mode, PlaceState, PolicyUsed, Pruned, ReadableBy, Reason, Report, Rotation, RulePack,
    SCHEMA_VERSION, Sandbox, Scan, Scope, Score, Severity, SkipReason, Skipped, State, Summary,
    Tool, ToolCount, WhatIf,
};

/// When the scan began, and the home it looked at.
const NOW: &str = "2026-11-23T08:00:00Z";
const HOME: &str = "/home/alice";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn days(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

#[expect(clippy::unnecessary_wraps, reason = "the fields are optional")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

/// Complete but for three places, with everything that can be in a report.
pub(crate) fn report() -> Report {
    with(findings(), skipped())
}

/// Nothing found, everything seen.
pub(crate) fn empty() -> Report {
    with(Vec::new(), Vec::new())
}

/// Nothing found, not everything seen.
pub(crate) fn empty_and_incomplete() -> Report {
    with(Vec::new(), skipped())
}

/// Stopped by the user before anything was found.
pub(crate) fn interrupted() -> Report {
    let place = Skipped { path: HOME.into(), reason: SkipReason::Interrupted, count: 1 };
    Report { scan: Scan { mode: Mode::Quick, ..scan() }, ..with(Vec::new(), vec![place]) }
}

/// All of them.
pub(crate) fn reports() -> [Report; 4] {
    [report(), empty(), empty_and_incomplete(), interrupted()]
}

fn with(findings: Vec<Finding>, skipped: Vec<Skipped>) -> Report {
    let mut report = Report {
        schema_version: SCHEMA_VERSION.into(),
        tool: Tool {
            name: "nhi-scan".into(),
            version: "0.1.0".into(),
            rules: RulePack { count: 214, sha256: "9f".repeat(32) },
        },
        scan: scan(),
        host: Host {
            id: some("f5a0c2d7b1e84c6f9a3d5e7b2c4f6a81"),
            name: some("thinkpad"),
            os: "linux".into(),
            arch: "x86_64".into(),
            user: some("alice"),
        },
        policy: PolicyUsed { built_in: false, sha256: "3c".repeat(32) },
        summary: Summary::default(),
        findings,
        exceptions: Vec::new(),
        coverage: Coverage {
            complete: skipped.iter().all(|skipped| skipped.reason == SkipReason::Excluded),
            directories: 2911,
            files_seen: 18_204,
            files_read: 63,
            bytes_read: 1_289_000,
            pruned: vec![
                Pruned { reason: "git objects".into(), count: 41 },
                Pruned { reason: "node_modules".into(), count: 120 },
                Pruned { reason: "cargo registry".into(), count: 2 },
                Pruned { reason: "python packages".into(), count: 17 },
            ],
            skipped,
            duration_ms: 212,
        },
        baseline: None,
    };
    if !report.findings.is_empty() {
        report.exceptions = exceptions();
    }
    report.summary = summary(&report);
    report
}

/// One in force and ending soon, one over, one that matches nothing.
fn exceptions() -> Vec<ExceptionRecord> {
    let record = |accepts: &str, expires, state, findings: &[&str]| ExceptionRecord {
        accepts: accepts.into(),
        reason: "migration to workload identity".into(),
        owner: "platform team".into(),
        ticket: "SEC-4711".into(),
        granted: days(-60),
        expires: days(expires),
        state,
        findings: list(findings),
    };
    vec![
        record(
            "rule gcp-service-account",
            9,
            ExceptionState::Ending,
            &["nhi1:e6b3f9d10c5a4827a1e3b5d7f9c20468"],
        ),
        record("rule npm", -1, ExceptionState::Expired, &["nhi1:3fa91c00a1b2c3d4e5f60718293a4b5c"]),
        record("path ~/gone\u{1b}[2J/**", 90, ExceptionState::InForce, &[]),
    ]
}

fn scan() -> Scan {
    Scan {
        id: "0197a3c4d5e6f708".into(),
        started_at: now(),
        finished_at: now() + SignedDuration::from_millis(212),
        mode: Mode::Default,
        roots: vec![HOME.into()],
        sandbox: Sandbox { landlock: "abi-6".into(), seccomp: "filter".into() },
        fingerprint_key: "scan".into(),
    }
}

fn summary(report: &Report) -> Summary {
    let all = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let mut by_severity: BTreeMap<_, _> = all.into_iter().map(|severity| (severity, 0)).collect();
    let mut by_tool = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.counts()) {
        *by_severity.entry(finding.score.severity).or_default() += 1;
        *by_tool.entry(finding.tool.clone()).or_default() += 1;
    }
    let mut by_tool: Vec<_> =
        by_tool.into_iter().map(|(tool, count)| ToolCount { tool, count }).collect();
    by_tool.sort_by_key(|tool| std::cmp::Reverse(tool.count));
    let accepted = report.findings.iter().filter(|finding| finding.exception.is_some()).count();
    Summary {
        findings: report.findings.iter().filter(|finding| finding.counts()).count(),
        grants: grants(report).iter().filter(|grant| !grant.is_accepted()).count(),
        accepted,
        ignored: 0,
        by_severity,
        by_tool,
    }
}

fn skipped() -> Vec<Skipped> {
    let skip = |path: &str, reason, count| Skipped { path: path.into(), reason, count };
    vec![
        skip("/home/alice/.kube/config", SkipReason::Malformed, 1),
        skip("/home/alice/.config/\u{1b}]0;owned\u{7}/hosts.yml", SkipReason::Unrecognised, 1),
        skip("/home/alice/mnt/nas", SkipReason::NetworkMount, 1),
        skip("/home/alice/.cache/private", SkipReason::PermissionDenied, 12),
        skip("/home/alice/work/customer", SkipReason::Excluded, 1),
    ]
}

const AZ: [&str; 3] = [
    "nhi1:3fa91c5d0e7b42a88c1f6d3e9b7a5021",
    "nhi1:c41d7e09b2f84d6aa3e5c7091b8f2d64",
    "nhi1:d8e2a6b4f10c4793b5d7e9f1a3c50b72",
];
const HISTORY: &str = "nhi1:5c0e81f7a9b34d26b8e4f0c2d6a81357";
const DOCKER: &str = "nhi1:91c0aa3e5d7f4b1286c4e0a2f8b6d913";

/// A finding to be filled in: a plaintext file of the owner, of unknown life and reach.
fn finding(id: &str, rule: &str, tool: &str, path: &str, total: u8) -> Finding {
    let severity = match total {
        80.. => Severity::Critical,
        60.. => Severity::High,
        35.. => Severity::Medium,
        10.. => Severity::Low,
        _ => Severity::Info,
    };
    Finding {
        id: id.into(),
        rule: rule.into(),
        tool: tool.into(),
        provider: rule.into(),
        category: "cloud".into(),
        title: format!("Acts as the signed-in user of {tool}."),
        confidence: Confidence::High,
        identity: Identity::default(),
        credentials: Vec::new(),
        lifetime: Lifetime {
            state: State::Unknown,
            issued_at: None,
            expires_at: None,
            age_days: None,
            age_basis: AgeBasis::Unknown,
            renewable: false,
        },
        scope: Scope {
            privilege: Privilege::Unknown,
            scopes: vec![],
            roles: vec![],
            reach: vec![],
        },
        custody: Custody {
            storage: Storage::Plaintext,
            held_by: None,
            mode: some("0600"),
            owner: some("alice"),
            readable_by: ReadableBy::Owner,
            exposures: vec![],
        },
        location: Location {
            path: path.into(),
            path_base64: None,
            home: some(HOME),
            line: None,
            key: None,
            layer: None,
            state: PlaceState::Present,
        },
        issues: list(&["plaintext-at-rest"]),
        controls: list(&["owasp-nhi:NHI2:2025"]),
        score: Score {
            total,
            severity,
            factors: vec![FactorScore {
                factor: "storage".into(),
                points: total.into(),
                reasons: vec![Reason { points: total.into(), text: "plaintext".into() }],
            }],
            what_if: vec![],
        },
        end: End::default(),
        also_in: vec![],
        exception: None,
        ignored: None,
        policy: Vec::new(),
        client: None,
        rotation: Rotation::default(),
    }
}

fn credential(kind: CredentialKind, state: State) -> CredentialReport {
    CredentialReport {
        kind,
        name: None,
        account: None,
        fingerprint: some("hs1:8d1f4c7a0b9e3625d48fa1c07be95236"),
        token_type: None,
        issued_at: None,
        expires_at: None,
        state,
        checksum_ok: None,
        occurrences: 1,
    }
}

fn findings() -> Vec<Finding> {
    let mut findings = vec![
        az(),
        aws(),
        history(),
        stale_copy(),
        service_account(),
        hostile(),
        docker(),
        second_copy(),
        environment(),
        gh(),
        ssh(),
        kube(),
        residue(),
        faint(),
    ];
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.score.total));
    findings
}

fn az() -> Finding {
    let mut it = finding(AZ[0], "az", "Azure CLI", "/home/alice/.azure/msal_token_cache.json", 91);
    it.identity = Identity {
        account: some("alice@corp.example"),
        tenant: some("72f988bf-0000-4d1c-9e53-2d7cd011db47"),
        host: some("login.microsoftonline.com"),
        client_id: some("04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        client_name: some("Microsoft Azure CLI"),
        active: Some(true),
        ..Identity::default()
    };
    it.credentials = vec![
        CredentialReport {
            expires_at: Some(days(-2)),
            token_type: some("jwt"),
            ..credential(CredentialKind::OauthAccessToken, State::Expired)
        },
        credential(CredentialKind::OauthRefreshToken, State::Renewable),
    ];
    it.lifetime.state = State::Renewable;
    it.lifetime.renewable = true;
    it.lifetime.age_days = Some(47);
    it.lifetime.age_basis = AgeBasis::FileModified;
    it.scope = Scope {
        privilege: Privilege::Admin,
        scopes: list(&["user_impersonation", "openid", "profile", "offline_access"]),
        roles: list(&["Owner"]),
        reach: list(&["sub-prod", "sub-staging", "sub-dev"]),
    };
    it.custody.mode = some("0644");
    it.custody.readable_by = ReadableBy::Everyone;
    it.custody.exposures = vec![Exposure::Synced];
    it.location.key = some("RefreshToken.0");
    it.issues = list(&[
        "standing-refresh",
        "plaintext-at-rest",
        "loose-permissions",
        "exposed-location",
        "reused",
    ]);
    it.controls = list(&[
        "owasp-nhi:NHI2:2025",
        "owasp-nhi:NHI7:2025",
        "nist-csf:PR.AA-01",
        "nist-csf:PR.AA-05",
    ]);
    it.score.factors = vec![
        factor("age", &[(20, "renews itself"), (4, "at least 47 days old")]),
        factor("scope", &[(28, "admin"), (6, "opens 3 more")]),
        factor(
            "storage",
            &[
                (15, "plaintext"),
                (10, "everyone can read it"),
                (5, "in a synced folder"),
                (3, "in 3 places"),
            ],
        ),
    ];
    it.score.what_if =
        vec![fix("chmod 600", 81), fix("move to the keychain", 34), fix("unsync", 86)];
    it.end = End {
        logout: some("az logout --username alice@corp.example"),
        revoke: some("https://myaccount.microsoft.com/device-list"),
        verify: some("az account show"),
        better: some("sign in with a managed identity"),
    };
    it.also_in = list(&AZ[1..]);
    it
}

fn factor(name: &str, reasons: &[(i16, &str)]) -> FactorScore {
    let reasons: Vec<_> =
        reasons.iter().map(|&(points, text)| Reason { points, text: text.into() }).collect();
    FactorScore {
        factor: name.into(),
        points: reasons.iter().map(|reason| reason.points).sum(),
        reasons,
    }
}

fn fix(change: &str, total: u8) -> WhatIf {
    WhatIf { change: change.into(), total }
}

fn stale_copy() -> Finding {
    let mut it = finding(
        AZ[1],
        "az",
        "Azure CLI",
        "/home/alice/backup-2026-08/.azure/msal_token_cache.json",
        64,
    );
    it.identity.account = some("alice@corp.example");
    it.credentials = vec![credential(CredentialKind::OauthRefreshToken, State::Renewable)];
    it.lifetime.state = State::Renewable;
    it.location.state = PlaceState::Copy;
    it.also_in = list(&[AZ[0], AZ[2]]);
    it
}

fn second_copy() -> Finding {
    let path =
        "/home/alice/OneDrive - Corp/Laptop Migration/home/alice/.azure/msal_token_cache.json";
    Finding {
        id: AZ[2].into(),
        also_in: list(&AZ[..2]),
        location: Location { path: path.into(), ..stale_copy().location },
        ..stale_copy()
    }
}

fn aws() -> Finding {
    let mut it = finding(
        "nhi1:b07d22c9e4a14f5d9b3c7e8f1a2d4065",
        "aws",
        "AWS CLI",
        "/home/alice/.aws/credentials",
        76,
    );
    it.identity.account = some("AKIAQ3EGR7UZKEXAMP7Q");
    it.identity.name = some("prod-admin");
    it.credentials = vec![credential(CredentialKind::ApiKey, State::NoExpiry)];
    it.lifetime.state = State::NoExpiry;
    it.lifetime.age_days = Some(412);
    it.lifetime.age_basis = AgeBasis::FileModified;
    it.scope.reach = (1..=14).map(|n| format!("arn:aws:iam::1111{n:08}:role/deploy")).collect();
    it.location.key = some("prod-admin");
    it.score.what_if = vec![fix("rotate", 58), fix("move to SSO", 31)];
    it.end.revoke = some("aws iam delete-access-key --access-key-id AKIAQ3EGR7UZKEXAMP7Q");
    it
}

fn history() -> Finding {
    let mut it = finding(HISTORY, "docker-login", "Docker", "/home/alice/.bash_history", 66);
    it.category = "history".into();
    it.identity.account = some("ci-bot");
    it.identity.host = some("https://registry.corp.example/");
    it.credentials = vec![CredentialReport {
        occurrences: 3,
        ..credential(CredentialKind::Password, State::Unknown)
    }];
    it.lifetime.issued_at = Some(days(-31));
    it.lifetime.age_days = Some(31);
    it.lifetime.age_basis = AgeBasis::Stated;
    it.custody.exposures = vec![Exposure::History];
    it.location.line = Some(1812);
    it.location.key = some("docker login -p");
    it.score.what_if = vec![fix("rotate", 40)];
    it.end.logout = some("docker logout registry.corp.example");
    it.also_in = list(&[DOCKER]);
    it
}

fn docker() -> Finding {
    let mut it = finding(DOCKER, "docker", "Docker", "/home/alice/.docker/config.json", 41);
    it.identity.account = some("ci-bot");
    it.identity.host = some("registry.corp.example");
    it.credentials = vec![credential(CredentialKind::Password, State::Unknown)];
    it.custody.storage = Storage::Obfuscated;
    it.location.key = some("auths.registry.corp.example");
    it.also_in = list(&[HISTORY]);
    it
}

fn service_account() -> Finding {
    let path =
        "/home/alice/src/shop/deploy/terraform/environments/production/gcp-service-account.json";
    let mut it = finding(
        "nhi1:e6b3f9d10c5a4827a1e3b5d7f9c20468",
        "gcp-service-account",
        "Google Cloud",
        path,
        58,
    );
    it.identity.account = some("deployer@shop-production-4711.iam.gserviceaccount.com");
    it.identity.tenant = some("shop-production-4711");
    it.credentials = vec![credential(CredentialKind::ServiceAccountKey, State::NoExpiry)];
    it.lifetime.state = State::NoExpiry;
    it.lifetime.age_days = Some(1200);
    it.lifetime.age_basis = AgeBasis::Stated;
    it.scope.privilege = Privilege::Write;
    it.custody.mode = some("0640");
    it.custody.readable_by = ReadableBy::Group;
    it.custody.exposures = vec![Exposure::GitTracked];
    it.score.what_if = vec![fix("use workload identity", 12)];
    it.policy = vec![Breach {
        clause: "max_age.service-account-key".into(),
        text: "issued 1200 days ago, at most 90".into(),
    }];
    it.client = Some(ClientStanding { first_party: Some(true), listed: Some(false) });
    it.rotation = Rotation {
        last_at: Some(days(-1200)),
        evidence: AgeBasis::Stated,
        limit_days: 90,
        overdue: Some(true),
    };
    it.exception = Some(Exception {
        reason: "migration to workload identity".into(),
        owner: "platform team".into(),
        ticket: some("SEC-4711"),
        granted: Some(days(-60)),
        expires: days(9),
    });
    it
}

/// What a name can do to a terminal, if it is let.
fn hostile() -> Finding {
    let path = "/home/alice/Downloads/\u{1b}[2J\u{1b}[31mnot\na row\t\u{202e}nosj.terces";
    let mut it = finding("nhi1:3fa91c00a1b2c3d4e5f60718293a4b5c", "npm", "npm\u{200b}", path, 47);
    it.category = "package".into();
    it.identity.account = some("eve\u{202e}gpj.exe\u{1b}[0m\n\r\u{9b}1A");
    it.identity.host = some("evil.example\u{7}");
    it.credentials = vec![CredentialReport {
        checksum_ok: Some(false),
        token_type: some("npm-token\u{1b}[8m"),
        ..credential(CredentialKind::PersonalAccessToken, State::Live)
    }];
    it.lifetime.state = State::Live;
    it.lifetime.expires_at = Some(days(3));
    it.lifetime.issued_at = Some(days(-1));
    it.lifetime.age_days = Some(1);
    it.lifetime.age_basis = AgeBasis::Claim;
    it.scope.scopes = list(&["read\u{1b}[1m"]);
    it.location.path_base64 = some("L2hvbWUvYWxpY2UvRG93bmxvYWRzL/8=");
    it.location.key = some("//evil.example/:_authToken\u{2028}");
    it.end.logout = some("npm logout\n--registry x");
    it
}

fn environment() -> Finding {
    let mut it = finding(
        "nhi1:7b1f0d3c5e9a48628e4c6a0b2d8f1735",
        "huggingface",
        "Hugging Face",
        "env:HF_TOKEN",
        32,
    );
    it.identity.name = some("HF_TOKEN");
    it.credentials = vec![credential(CredentialKind::ApiKey, State::Unknown)];
    it.scope.privilege = Privilege::Read;
    it.custody.mode = None;
    it.custody.owner = None;
    it.custody.readable_by = ReadableBy::Unknown;
    it.location.home = None;
    it.end.revoke = some("https://huggingface.co/settings/tokens");
    it
}

fn gh() -> Finding {
    let mut it = finding(
        "nhi1:a25c8e1f7b3d4960b1d3f5a7c9e80246",
        "gh",
        "GitHub CLI",
        "/home/alice/.config/gh/hosts.yml",
        22,
    );
    it.identity.account = some("octo");
    it.identity.host = some("github.com");
    it.scope.privilege = Privilege::Write;
    it.scope.scopes = list(&["repo", "gist"]);
    it.custody.storage = Storage::Keychain;
    it.custody.held_by = some("gnome-keyring");
    it.end.logout = some("gh auth logout --hostname github.com --user octo");
    it
}

fn ssh() -> Finding {
    let mut it = finding(
        "nhi1:60d4b8f2a6e04c1795b7d9f1e3a5c082",
        "ssh",
        "OpenSSH",
        "/home/alice/.ssh/id_ed25519",
        18,
    );
    it.credentials = vec![CredentialReport {
        fingerprint: None,
        ..credential(CredentialKind::PrivateKey, State::NoExpiry)
    }];
    it.lifetime.state = State::NoExpiry;
    it.lifetime.age_days = Some(800);
    it.lifetime.age_basis = AgeBasis::FileModified;
    it.custody.storage = Storage::Encrypted;
    it
}

fn kube() -> Finding {
    let mut it = finding(
        "nhi1:18f3c5a7e9b14d02a4c6e8f0b2d49617",
        "kubectl",
        "kubectl",
        "/home/alice/.kube/config",
        12,
    );
    it.identity.account = some("system:serviceaccount:ci:deploy");
    it.identity.name = some("prod");
    it.identity.host = some("https://10.0.0.1:6443");
    it.custody.storage = Storage::Helper;
    it.custody.held_by = some("aws eks get-token");
    it.confidence = Confidence::Medium;
    it
}

fn residue() -> Finding {
    let path = "/home/alice/.claude/.credentials.json";
    let mut it =
        finding("nhi1:f94e6b8d0a2c4751c3e5a7b9d1f30862", "claude-code", "Claude Code", path, 9);
    it.identity.account = some("alice@corp.example");
    it.credentials = vec![CredentialReport {
        expires_at: Some(days(-412)),
        ..credential(CredentialKind::OauthAccessToken, State::Expired)
    }];
    it.lifetime.state = State::Expired;
    it.lifetime.expires_at = Some(days(-412));
    it.score.factors = vec![
        factor("storage", &[(15, "plaintext")]),
        factor("caps", &[(-6, "expired and not renewable: at most 9")]),
    ];
    it.end.logout = some("claude logout");
    it
}

fn faint() -> Finding {
    let mut it = finding(
        "nhi1:2d7a9c1e3f5b4806d2f4b6c8e0a19573",
        "pgpass",
        "PostgreSQL",
        "/home/alice/.pgpass",
        7,
    );
    it.confidence = Confidence::Low;
    it.identity.account = some("reader");
    it.identity.host = some("localhost:5432");
    it.credentials = vec![CredentialReport {
        fingerprint: None,
        ..credential(CredentialKind::Password, State::Unknown)
    }];
    it
}
