//! What may not leave does not: every fixture's home on one machine, every format, every level.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use nhi_scan::cli::ScanArgs;
use nhi_scan::host::{Host, User};
use nhi_scan::output::{self, Style};
use nhi_scan::plan::Plan;
use nhi_scan::privacy::{self, Key, Level};
use nhi_scan::report::Report;
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::pack::Pack;
use nhi_scan::{Control, scan};

use crate::machine::Machine;

const MACHINE: &str = "qx7-laptop-of-kim";
const USER: &str = "kimqx7";

/// A machine with the home of every fixture, and its report.
struct Fleet {
    machine: Machine,
    pack: Arc<Pack>,
    host: Host,
    report: Report,
}

impl Fleet {
    fn new() -> Self {
        let machine = Machine::new();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let mut homes = 0;
        for rule in fs::read_dir(fixtures).unwrap().flatten() {
            for case in fs::read_dir(rule.path()).unwrap().flatten() {
                let home = case.path().join("home");
                if home.is_dir() {
                    copy(&home, &machine.root.join(format!("home/{USER}{homes:04}")));
                    homes += 1;
                }
            }
        }
        assert!(homes > 300, "{homes}");
        let pack = Arc::new(Pack::new(RuleSet::built_in().ok().unwrap()).unwrap());
        let mut host = Host::read().unwrap();
        host.name = Some(MACHINE.into());
        host.user = Some(USER.into());
        host.machine_id = Some("0123456789abcdef0123456789abcdef".into());
        host.home = None;
        host.env.clear();
        if let Some(uid) = host.uid {
            host.users = vec![User { name: USER.into(), uid, home: machine.root.join("home/x") }];
        }
        host.now = "2026-11-24T12:00:00Z".parse().unwrap();
        let args = ScanArgs {
            paths: vec![machine.root.clone()],
            max_file_size: 16,
            ..ScanArgs::default()
        };
        let plan = Plan::with(Arc::clone(&pack), &args, host.clone()).unwrap();
        let report = scan(&plan, &Control::default());
        assert!(report.findings.len() > 500, "{}", report.findings.len());
        Self { machine, pack, host, report }
    }

    fn at(&self, report: &Report, level: Level) -> Report {
        let key = Key::of(&self.host);
        privacy::apply(report.clone(), level, &key, &self.pack.paths).unwrap()
    }
}

/// Files only: what a link leads to is none of the home's.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            assert!(!target.is_symlink());
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn formats(report: &Report) -> Vec<(&'static str, Vec<u8>)> {
    let style = Style { unicode: true, all: true, verbosity: 2, ..Style::default() };
    let write = |format: &output::Format| {
        let mut out = Vec::new();
        (format.write)(report, &style, &mut out).unwrap();
        (format.name, out)
    };
    output::FORMATS.iter().map(write).collect()
}

/// All that a report says of accounts, places and hosts.
fn told(report: &Report) -> Vec<String> {
    let mut words = Vec::new();
    for finding in &report.findings {
        let it = &finding.identity;
        let identity = [
            &it.account,
            &it.tenant,
            &it.host,
            &it.issuer,
            &it.audience,
            &it.client_id,
            &it.client_name,
            &it.name,
        ];
        words.extend(identity.into_iter().flatten().cloned());
        for credential in &finding.credentials {
            words.extend(credential.name.iter().chain(&credential.account).cloned());
        }
        let place = &finding.location;
        words.push(place.path.clone());
        words.extend(place.home.iter().chain(&place.key).cloned());
        words.extend(finding.scope.reach.iter().cloned());
        words.extend(finding.custody.owner.clone());
    }
    words.extend(report.coverage.skipped.iter().map(|skip| skip.path.clone()));
    words.extend(report.scan.roots.iter().cloned());
    words.sort();
    words.dedup();
    words
}

/// The same report of other people on another machine.
fn of_others(report: &Report) -> Report {
    let mut report = report.clone();
    let other = |number: usize, text: &mut Option<String>| {
        *text = (!number.is_multiple_of(3)).then(|| format!("other-{number}"));
    };
    report.host.name = Some("elsewhere".into());
    report.host.user = None;
    report.scan.roots = vec!["/elsewhere".into(); 3];
    for (number, finding) in report.findings.iter_mut().enumerate() {
        let it = &mut finding.identity;
        for text in [
            &mut it.account,
            &mut it.tenant,
            &mut it.host,
            &mut it.issuer,
            &mut it.audience,
            &mut it.client_id,
            &mut it.client_name,
            &mut it.name,
            &mut finding.location.home,
            &mut finding.location.key,
            &mut finding.location.layer,
            &mut finding.custody.owner,
            &mut finding.custody.held_by,
            &mut finding.end.logout,
            &mut finding.end.revoke,
            &mut finding.end.verify,
        ] {
            other(number, text);
        }
        it.active = None;
        finding.location.path = format!("/elsewhere/{number}");
        finding.location.path_base64 = Some("L3g=".into());
        finding.location.line = Some(7);
        finding.lifetime.age_days = Some(3);
        finding.lifetime.issued_at = Some(report.scan.started_at);
        finding.lifetime.expires_at = None;
        finding.scope.scopes = vec!["other".into()];
        finding.scope.roles.clear();
        finding.scope.reach = vec![format!("reach-{number}")];
        finding.score.what_if.clear();
        for factor in &mut finding.score.factors {
            factor.reasons.clear();
        }
        for credential in &mut finding.credentials {
            other(number, &mut credential.name);
            other(number, &mut credential.account);
            other(number, &mut credential.fingerprint);
            credential.issued_at = None;
            credential.expires_at = Some(report.scan.started_at);
        }
    }
    for (number, skip) in report.coverage.skipped.iter_mut().enumerate() {
        skip.path = format!("/elsewhere/skip/{number}");
    }
    report
}

#[test]
fn strict_tells_nothing_of_people_places_and_hosts() {
    let fleet = Fleet::new();
    let ours = formats(&fleet.at(&fleet.report, Level::Strict));
    let theirs = formats(&fleet.at(&of_others(&fleet.report), Level::Strict));
    // Whatever differs between two machines with the same tools does not show: the strongest form of "is not told".
    for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "{name} tells what strict withholds");
    }
    // And in plain words: no path, account or host name is there. What the program itself says of tools is no name of anyone.
    let words: Vec<String> =
        told(&fleet.report).into_iter().filter(|word| word.len() >= 4).collect();
    let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&words).unwrap();
    let found = |outputs: &[(&str, Vec<u8>)]| -> HashSet<usize> {
        let all = outputs.iter().flat_map(|(_, out)| finder.find_overlapping_iter(out));
        all.map(|found| found.pattern().as_usize()).collect()
    };
    let public = found(&theirs);
    let leaked: Vec<&String> = found(&ours).difference(&public).map(|at| &words[*at]).collect();
    assert_eq!(leaked, Vec::<&String>::new());
    let searched = words.len() - public.len();
    assert!(searched > 1000, "{searched}");
    let root = fleet.machine.root.to_string_lossy().into_owned();
    for (name, out) in &ours {
        for word in [MACHINE, USER, &*root, "home/"] {
            assert!(memchr::memmem::find(out, word.as_bytes()).is_none(), "{name} tells {word}");
        }
    }
    println!("{} findings, {searched} words, {} formats", fleet.report.findings.len(), ours.len());
}

#[test]
fn standard_tells_no_user_no_machine_and_no_folder_of_their_own() {
    let mut fleet = Fleet::new();
    // What people type stays with them.
    let history = fleet.machine.root.join(format!("home/{USER}0000/.bash_history"));
    assert!(!history.is_symlink());
    fs::write(&history, "curl -u typedname:Zk8vQ2mXw5nB7 https://typed.example\n").unwrap();
    let project = fleet.machine.root.join(format!("home/{USER}0000/own-folder-qx/.env"));
    fs::create_dir_all(project.parent().unwrap()).unwrap();
    fs::write(&project, "STRIPE_API_KEY=sk_live_4eC39HqLyjWDarjtT1zdp7dc\n").unwrap();
    let args = ScanArgs {
        paths: vec![fleet.machine.root.join(format!("home/{USER}0000"))],
        max_file_size: 16,
        ..ScanArgs::default()
    };
    let plan = Plan::with(Arc::clone(&fleet.pack), &args, fleet.host.clone()).unwrap();
    let small = scan(&plan, &Control::default());
    assert!(told(&small).iter().any(|word| word == "typedname"), "{:?}", told(&small));
    fleet.report.findings.extend(small.findings);
    let report = fleet.at(&fleet.report, Level::Standard);
    for (name, out) in formats(&report) {
        for word in [MACHINE, USER, "own-folder-qx", "typedname", "typed.example"] {
            assert!(memchr::memmem::find(&out, word.as_bytes()).is_none(), "{name} tells {word}");
        }
    }
    let ids = |report: &Report| -> Vec<String> {
        report.findings.iter().map(|finding| finding.id.clone()).collect()
    };
    assert_eq!(ids(&report), ids(&fleet.report), "ids stay");
    let paths: Vec<&str> = report.findings.iter().map(|it| it.location.path.as_str()).collect();
    assert!(paths.contains(&"~/.aws/credentials"), "known places are told");
    assert!(paths.iter().any(|path| path.starts_with("~/…") && path.ends_with("/.env")));
    for finding in &report.findings {
        let issued = finding.lifetime.issued_at.iter().chain(&finding.lifetime.expires_at);
        for time in issued {
            assert_eq!(time.as_second() % 86_400, 0, "days only");
        }
    }
}

#[test]
fn pseudonyms_are_the_same_here_and_others_elsewhere() {
    let machine = Machine::new();
    machine.write("~/.vault-token", crate::machine::GOOD);
    let mut host = Host::read().unwrap();
    host.env.clear();
    host.name = Some(MACHINE.into());
    host.user = Some(USER.into());
    let pack = Arc::new(Pack::new(RuleSet::built_in().ok().unwrap()).unwrap());
    let args =
        ScanArgs { paths: vec![machine.root.clone()], max_file_size: 16, ..ScanArgs::default() };
    let plan = Plan::with(Arc::clone(&pack), &args, host.clone()).unwrap();
    let report = scan(&plan, &Control::default());
    let told = |machine: &str| {
        let key = Key::of(&Host { machine_id: Some(machine.into()), ..host.clone() });
        let strict = privacy::apply(report.clone(), Level::Strict, &key, &[]).unwrap();
        let standard = privacy::apply(report.clone(), Level::Standard, &key, &pack.paths).unwrap();
        (strict.findings[0].id.clone(), standard.host.user)
    };
    assert_eq!(told("one"), told("one"));
    assert_ne!(told("one").0, told("two").0);
    assert_ne!(told("one").1, told("two").1);
}

#[test]
fn the_command_line_reduces() {
    let machine = Machine::new();
    machine.write("~/.vault-token", crate::machine::GOOD);
    for level in ["standard", "strict"] {
        let report = machine.scan(&["--privacy", level]);
        assert!(report["host"]["name"].is_null());
        let own = if level == "strict" { machine.root.clone() } else { machine.home() };
        assert!(!report.to_string().contains(&*own.to_string_lossy()), "{level}");
    }
    let report = machine.scan(&[]);
    let file = machine.write("report.json", report.to_string());
    let mut command = machine.program();
    let output = command
        .arg("report")
        .arg(file)
        .args(["--format", "json", "--privacy", "strict"])
        .output()
        .unwrap();
    let told = crate::machine::report(&output);
    assert_eq!(told["findings"][0]["location"]["path"], "withheld");
    let table = machine.program().arg("privacy").output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("findings[].location.path") && table.lines().count() > 90);
}
