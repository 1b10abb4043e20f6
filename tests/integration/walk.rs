//! Where a scan looks: stores are left out, counted, and still asked for what rules name; nothing outside the roots is told.

use std::fs;
use std::path::{Path, PathBuf};

use nhi_scan::cli::ScanArgs;
use nhi_scan::host::Host;
use nhi_scan::plan::Plan;
use nhi_scan::report::Report;
use nhi_scan::{Control, scan};
use proptest::prelude::*;
use serde_json::Value;

use crate::machine::{GOOD, Machine, findings_below, skips_of};

/// A Google service account key, known by its content under any `*.json` name.
const SNIFFED: &str = r#"{"type": "service_account", "project_id": "shop", "private_key_id": "4f0f1c6a1b0d2e3f4a5b6c7d8e9f001122334455",
"private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n",
"client_email": "ci@shop.iam.gserviceaccount.com", "client_id": "109876543210987654321"}"#;

#[test]
fn pruned_stores_are_counted_and_asked_for_what_rules_name() {
    let machine = Machine::new();
    let named = machine.write("~/project/node_modules/x/.aws/credentials", aws());
    let sniffed = machine.write("~/project/node_modules/x/service.json", SNIFFED);
    let outside = machine.write("~/project/service.json", SNIFFED);
    let deep = machine.write("~/project/node_modules/x/y/.vault-token", GOOD);
    let report = machine.scan(&[]);
    assert_eq!(findings_below(&report, &outside).len(), 1);
    assert_eq!(findings_below(&report, &sniffed).len(), 0, "stores hold other people's examples");
    assert_eq!(findings_below(&report, &named).len(), 0);
    assert_eq!(findings_below(&report, &deep).len(), 0);
    assert_eq!(pruned(&report, "published packages of JavaScript"), 1);
    assert_eq!(report["coverage"]["complete"], true, "{}", report["coverage"]);

    let report = machine.scan(&["--thorough"]);
    for example in [&named, &deep] {
        let [found] = &findings_below(&report, example)[..] else {
            panic!("{}", example.display())
        };
        assert_eq!(capped(found), ["in a published package: at most 34"]);
    }
    assert_eq!(findings_below(&report, &sniffed).len(), 0);
    assert_eq!(pruned(&report, "published packages of JavaScript"), 0);
}

#[test]
fn what_is_kept_in_a_virtual_environment_is_somebodys_own() {
    let machine = Machine::new();
    machine.write("~/project/.venv/pyvenv.cfg", "home = /usr/bin\n");
    let index = "[global]\nindex-url = https://ci:Zq7vT2mXw9LrB4kN@pypi.corp.example/simple\n";
    let own = machine.write("~/project/.venv/pip.conf", index);
    let example = machine.write("~/project/.venv/lib/python3/site-packages/x/pip.conf", index);
    for (flags, examples) in [(&[][..], 0), (&["--thorough"][..], 1)] {
        let report = machine.scan(flags);
        let [found] = &findings_below(&report, &own)[..] else { panic!("{flags:?}") };
        assert_eq!(capped(found), [""; 0]);
        let found = findings_below(&report, &example);
        assert_eq!(found.len(), examples);
        assert!(found.iter().all(|found| !capped(found).is_empty()));
    }
}

/// What bounds a finding's score.
fn capped(finding: &Value) -> Vec<&str> {
    let factors = finding["score"]["factors"].as_array().into_iter().flatten();
    let reasons = factors.filter(|factor| factor["factor"] == "caps").flat_map(|factor| {
        factor["reasons"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|reason| reason["text"].as_str())
    });
    reasons.collect()
}

#[test]
fn a_tagged_cache_is_left_out() {
    let machine = Machine::new();
    machine.write("~/build/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    let inside = machine.write("~/build/a/.vault-token", GOOD);
    machine.write("~/other/CACHEDIR.TAG", "no signature\n");
    let beside = machine.write("~/other/a/.vault-token", GOOD);
    let report = machine.scan(&[]);
    assert_eq!(findings_below(&report, &inside).len(), 0);
    assert_eq!(findings_below(&report, &beside).len(), 1);
    assert_eq!(pruned(&report, "marked as a cache by CACHEDIR.TAG"), 1);
    assert_eq!(findings_below(&machine.scan(&["--thorough"]), &inside).len(), 1);
}

#[test]
fn packages_in_a_folder_of_any_name_are_somebody_elses() {
    let machine = Machine::new();
    machine.write("~/py/moto-5.2.dist-info/RECORD", "");
    machine.write("~/py/moto/__init__.py", "");
    let example = machine.write("~/py/moto/data/service.json", SNIFFED);
    let named = machine.write("~/py/moto/x/.aws/credentials", aws());
    let own = machine.write("~/py/deploy/service.json", SNIFFED);
    let token = machine.write("~/py/.vault-token", GOOD);
    machine.write("~/src/app/__init__.py", "");
    let project = machine.write("~/src/app/service.json", SNIFFED);
    for (flags, of_named, packages) in [(&[][..], 0, 1), (&["--thorough"][..], 1, 0)] {
        let report = machine.scan(flags);
        for (path, count) in
            [(&example, 0), (&named, of_named), (&own, 1), (&token, 1), (&project, 1)]
        {
            let found = findings_below(&report, path).len();
            assert_eq!(found, count, "{} {flags:?}", path.display());
        }
        assert_eq!(pruned(&report, "installed packages of Python"), packages, "{flags:?}");
    }
}

/// A home may itself lie in what looks like a store: what a rule names below that home is still looked at.
#[test]
fn a_tag_in_a_tool_folder_hides_no_cache() {
    let machine = Machine::new();
    machine.write("~/.docker/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    let cache = machine.write("~/.docker/config.json", docker());
    assert_eq!(findings_below(&machine.scan(&[]), &cache).len(), 1);
}

#[test]
fn what_is_excluded_is_told_and_costs_no_completeness() {
    let machine = Machine::new();
    machine.write("~/.vault-token", GOOD);
    machine.write("~/old/.vault-token", GOOD);
    machine.write("~/old/.docker/config.json", "{");
    let report = machine.scan(&["--exclude", "old/"]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(skips_of(&report, &machine.home().join("old")), ["excluded"]);
    assert_eq!(report["coverage"]["complete"], true);
}

fn pruned(report: &Value, reason: &str) -> u64 {
    let pruned = report["coverage"]["pruned"].as_array().unwrap();
    pruned
        .iter()
        .filter(|store| store["reason"] == reason)
        .filter_map(|store| store["count"].as_u64())
        .sum()
}

fn aws() -> String {
    "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi\n".into()
}

fn docker() -> String {
    r#"{"auths": {"registry.example.com": {"auth": "amFuZTpxN3ZCNG5LOHNXZlIxY1lw"}}}"#.into()
}

/// Steps of a random tree. Two siblings exist, and only one of them is scanned.
#[derive(Clone, Debug)]
enum Step {
    File(usize, usize),
    Link(usize, usize, usize),
}

const FOLDERS: [&str; 8] = [
    "in",
    "in/a",
    "in/home/u",
    "in/home/u/.aws",
    "in/home/u/.config/gcloud",
    "out",
    "out/.aws",
    "out/home/v/.docker",
];
const NAMES: [&str; 6] = [".vault-token", ".aws", ".docker", "credentials", "config.json", "x"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..FOLDERS.len(), 0..NAMES.len()).prop_map(|(folder, name)| Step::File(folder, name)),
        (0..FOLDERS.len(), 0..NAMES.len(), 0..FOLDERS.len() + 4)
            .prop_map(|(folder, name, target)| Step::Link(folder, name, target)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// However links lie, every path in a report is inside the root that was asked for, and so is what was read for it.
    #[cfg(unix)]
    #[test]
    fn reports_stay_inside_the_roots(steps in prop::collection::vec(step(), 1..24)) {
        let machine = Machine::new();
        for folder in FOLDERS {
            fs::create_dir_all(machine.root.join(folder)).unwrap();
        }
        for step in &steps {
            let _ = plant(&machine.root, step);
        }
        let root = machine.root.join("in");
        let report = look(&root);
        for finding in &report.findings {
            let path = Path::new(&finding.location.path);
            prop_assert!(path.starts_with(&root), "{}", path.display());
            let real = path.canonicalize().unwrap();
            prop_assert!(real.starts_with(&root), "{} is really {}", path.display(), real.display());
        }
        for skip in &report.coverage.skipped {
            prop_assert!(Path::new(&skip.path).starts_with(&root), "{}", skip.path);
        }
        prop_assert_eq!(&report.scan.roots, &[root.to_string_lossy().into_owned()]);
    }
}

#[cfg(unix)]
fn plant(root: &Path, step: &Step) -> std::io::Result<()> {
    match *step {
        Step::File(folder, name) => {
            let content = [GOOD, &aws(), &docker()][name % 3].to_owned();
            let path = root.join(FOLDERS[folder]).join(NAMES[name]);
            // Never write through a link that an earlier step made.
            if path.is_symlink() { Ok(()) } else { fs::write(path, content) }
        }
        Step::Link(folder, name, target) => {
            let target: PathBuf = match FOLDERS.get(target) {
                Some(folder) => root.join(folder),
                None => ["..", ".", "../../../out/.aws/credentials", "/etc/passwd"]
                    [target - FOLDERS.len()]
                .into(),
            };
            std::os::unix::fs::symlink(target, root.join(FOLDERS[folder]).join(NAMES[name]))
        }
    }
}

fn look(root: &Path) -> Report {
    let mut host = Host::read().unwrap();
    host.home = None;
    host.env.clear();
    host.mounts.clear();
    let args = ScanArgs {
        paths: vec![root.to_owned()],
        max_file_size: 16,
        threads: Some(2),
        ..ScanArgs::default()
    };
    scan(&Plan::new(&args, host).unwrap(), &Control::default())
}

/// What a configuration includes is read under any name, once, however many files lead to it and whether or not a rule names it too.
#[test]
fn included_files_are_read_once() {
    let machine = Machine::new();
    let token = |host: &str| {
        format!(
            "[http \"https://{host}\"]\n\textraheader = AUTHORIZATION: bearer kJ8vQ2mZp4Xw7Tn1Rb6Yc3\n"
        )
    };
    let main = "[include]\n\tpath = ~/dot/any.name\n\tpath = ~/.gitconfig-work\n\tpath = /etc/hosts\n\tpath = ~/dot\n";
    machine.write("~/.gitconfig", main);
    machine.write("~/src/app/.git/config", "[include]\n\tpath = ../../../dot/any.name\n");
    let any = machine.write(
        "~/dot/any.name",
        format!("{}[include]\n\tpath = any.name\n\tpath = ~/.gitconfig\n", token("a.example")),
    );
    let named = machine.write("~/.gitconfig-work", token("b.example"));
    let broken = machine.write("~/dot/broken", "[user\n");
    machine.write("~/.gitconfig-x", "[include]\n\tpath = dot/broken\n");
    let report = machine.scan(&[]);
    for (file, host) in [(&any, "a.example"), (&named, "b.example")] {
        let found = findings_below(&report, file);
        assert_eq!(found.len(), 1, "{host}");
        assert_eq!(found[0]["rule"], "git-config");
        assert_eq!(found[0]["identity"]["host"], host);
        assert_eq!(found[0]["credentials"][0]["occurrences"], 1, "{host}");
    }
    assert_eq!(skips_of(&report, &broken), ["malformed"]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 2);
}
