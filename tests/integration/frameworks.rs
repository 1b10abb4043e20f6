//! Every control id that a finding can carry is one of its framework's edition, and none is withdrawn: held against lists of
//! ids in `tests/frameworks`, each of which names its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::pack::Pack;

/// Ids in force, and those withdrawn.
fn list(framework: &str) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks");
    let text = fs::read_to_string(folder.join(format!("{framework}.txt"))).ok()?;
    let ids = text.lines().filter(|line| !line.starts_with('#'));
    let (withdrawn, current): (Vec<_>, Vec<_>) = ids.partition(|line| line.starts_with("- "));
    let owned = |id: &str| id.trim_start_matches("- ").to_owned();
    Some((current.into_iter().map(owned).collect(), withdrawn.into_iter().map(owned).collect()))
}

/// PCI DSS is published under terms that do not let its list be copied: chapters and shape are checked.
fn is_pci(id: &str) -> bool {
    let parts: Vec<Option<u32>> = id.split('.').map(|part| part.parse().ok()).collect();
    (2..=4).contains(&parts.len())
        && parts.iter().all(Option::is_some)
        && parts[0].is_some_and(|it| (1..=12).contains(&it))
}

#[test]
fn no_withdrawn_id_is_emitted() {
    let controls = Pack::new(RuleSet::built_in().ok().unwrap()).unwrap().controls;
    let all = controls.all();
    let aliased = controls.aliases.iter().flat_map(|alias| alias.now.clone());
    let titled = controls.titles.keys().cloned();
    let (mut seen, mut checked) = (BTreeSet::new(), 0);
    for control in all.iter().cloned().chain(aliased).chain(titled) {
        let (framework, id) = control.split_once(':').unwrap();
        seen.insert(framework.to_owned());
        match list(framework) {
            Some((current, withdrawn)) => {
                assert!(!withdrawn.contains(id), "{control} is withdrawn");
                assert!(current.contains(id), "{control} is in no edition of it");
            }
            None => assert!(framework == "pci" && is_pci(id), "{control}"),
        }
        checked += 1;
    }
    let declared: BTreeSet<String> = controls.frameworks.iter().map(|it| it.id.clone()).collect();
    assert_eq!(seen, declared);
    assert!(checked > 150, "{checked}");
}

/// What an older text says is withdrawn indeed, or in no edition at all.
#[test]
fn aliases_are_no_ids_of_today() {
    let controls = Pack::new(RuleSet::built_in().ok().unwrap()).unwrap().controls;
    for alias in &controls.aliases {
        let (framework, _) = alias.now[0].split_once(':').unwrap();
        let (current, withdrawn) = list(framework).unwrap();
        assert!(!current.contains(&alias.id), "{} is in force", alias.id);
        let padded = alias.id.rsplit_once('-').map(|(stem, number)| format!("{stem}-{number:0>2}"));
        let known =
            withdrawn.contains(&alias.id) || padded.is_some_and(|id| withdrawn.contains(&id));
        assert!(
            known || ["owasp-nhi", "iso27001"].contains(&framework),
            "{} was never one",
            alias.id
        );
    }
}

#[test]
fn the_lists_are_whole() {
    for (framework, current, withdrawn) in [
        ("nist-csf", 106, 79),
        ("nist-800-53", 1007, 182),
        ("attack", 691, 144),
        ("cwe", 938, 25),
        ("owasp-nhi", 10, 0),
        ("nist-ai-rmf", 72, 0),
        ("cis", 153, 0),
        ("iso27001", 93, 0),
        ("soc2", 33, 0),
    ] {
        let (is, was) = list(framework).unwrap();
        assert_eq!((is.len(), was.len()), (current, withdrawn), "{framework}");
    }
}
