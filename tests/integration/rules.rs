//! The built-in rules are sound: every filter compiles, `rules check` is silent, every inline test holds.

use nhi_scan::host::Host;
use nhi_scan::rule::check;
use nhi_scan::rule::load::RuleSet;
use nhi_scan::rule::schema::Commands;
use nhi_scan::trial;

#[test]
fn every_filter_compiles() {
    let set = RuleSet::built_in().unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(!set.caches().is_empty());
    for loaded in set.caches() {
        for (at, cache) in loaded.rule.caches.iter().enumerate() {
            if cache.grants.is_some() {
                assert!(loaded.grants(at).is_some(), "{}: grants of cache {at}", loaded.rule.id);
            }
            if matches!(cache.commands, Some(Commands::Filter(_))) {
                assert!(
                    loaded.commands(at).is_some(),
                    "{}: commands of cache {at}",
                    loaded.rule.id
                );
            }
        }
    }
}

#[test]
fn check_has_nothing_to_say() {
    let problems = check::pack(None).unwrap_or_else(|problems| panic!("{problems:?}"));
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn every_inline_test_holds() {
    let results = trial::run(None, &Host::read().unwrap()).unwrap();
    assert!(results.passed > 0);
    assert!(!results.failed(), "{results}");
}
