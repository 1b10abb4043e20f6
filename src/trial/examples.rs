//! The examples that command rules and token shapes carry, judged beside all built-in ones: what another rule takes first is not
//! this one's in a scan either.

use super::Results;
use crate::error::Error;
use crate::extract::commands::{Sighting, inspect};
use crate::parse::{Body, Entry, Language};
use crate::plan;
use crate::rule::check::Diagnostic;
use crate::rule::command::{CommandRule, CommandRules, CommandSpec, Line, Positive, Shell};
use crate::rule::load::RuleSet;
use crate::rule::sample;
use crate::rule::token::{Match, TokenFile, TokenShapes};

/// Judges the examples of one file's text, or all built-in ones.
pub(super) type Judge = fn(&RuleSet, Option<&str>) -> Result<Results, Error>;

/// Judges command rules.
pub(super) fn of_commands(set: &RuleSet, text: Option<&str>) -> Result<Results, Error> {
    let mut specs: Vec<CommandSpec> = Vec::new();
    for file in set.commands() {
        specs.extend(file.parse::<Vec<_>>().map_err(broken)?);
    }
    let own: Option<Vec<CommandSpec>> = text.map(parsed).transpose()?;
    if let Some(own) = &own {
        specs.retain(|spec| own.iter().all(|other| other.id != spec.id));
    }
    let tried: Option<Vec<String>> =
        own.as_ref().map(|own| own.iter().map(|spec| spec.id.clone()).collect());
    specs.extend(own.into_iter().flatten());
    let rules = CommandRules::new(specs);
    let mut results = Results::default();
    for rule in rules.rules() {
        let id = &rule.spec.id;
        if tried.as_ref().is_some_and(|tried| !tried.contains(id)) {
            continue;
        }
        for (number, positive) in rule.spec.positive.iter().enumerate() {
            let label = format!("{id} positive {}", number + 1);
            results.note(&label, found(rule, positive, &rules));
        }
        for (number, negative) in rule.spec.negative.iter().enumerate() {
            let label = format!("{id} negative {}", number + 1);
            results.note(&label, silent(negative, &rules));
        }
    }
    Ok(results)
}

/// Judges token shapes.
pub(super) fn of_tokens(set: &RuleSet, text: Option<&str>) -> Result<Results, Error> {
    let mut files: Vec<TokenFile> = Vec::new();
    for file in set.tokens() {
        files.push(file.parse().map_err(broken)?);
    }
    let own: Option<TokenFile> = text.map(parsed).transpose()?;
    let tried: Option<Vec<String>> =
        own.as_ref().map(|own| own.tokens.iter().map(|shape| shape.id.clone()).collect());
    if let Some(tried) = &tried {
        for file in &mut files {
            file.tokens.retain(|shape| !tried.contains(&shape.id));
        }
    }
    files.extend(own);
    let shapes = TokenShapes::compile(files).map_err(|problems| {
        let told = problems.iter().map(|problem| format!("{}: {}", problem.rule, problem.message));
        Error::Rules(told.collect::<Vec<_>>().join("\n"))
    })?;
    let mut results = Results::default();
    for rule in shapes.iter().map(|shape| &shape.rule) {
        let id = &rule.id;
        if tried.as_ref().is_some_and(|tried| !tried.contains(id)) {
            continue;
        }
        for (number, text) in rule.examples.positive.iter().enumerate() {
            results.note(&format!("{id} positive {}", number + 1), recognised(&shapes, id, text));
        }
        for (number, negative) in rule.examples.negative.iter().enumerate() {
            let outcome = if refused(&shapes, id, &negative.text) {
                Ok(())
            } else {
                Err(format!("recognised, and must not be: {}", negative.why))
            };
            results.note(&format!("{id} negative {}", number + 1), outcome);
        }
    }
    Ok(results)
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_yaml::from_str(text).map_err(|error| broken(Diagnostic::of_yaml("the file", &error)))
}

fn broken(problem: Diagnostic) -> Error {
    plan::broken(&[problem])
}

/// Fills the templates of an example; the same template is always the same secret, so that a line and its secret agree.
fn filled(example: &str) -> String {
    example.split_inclusive('>').map(|part| sample::expand(part, "example")).collect()
}

fn sightings<'r>(line: &str, shell: Shell, rules: &'r CommandRules) -> Vec<Sighting<'r>> {
    let language = match shell {
        Shell::Posix => Language::Posix,
        Shell::Fish => Language::Fish,
        Shell::Powershell => Language::PowerShell,
    };
    let mut found = Vec::new();
    let entry = Entry { line: 1, time: None, body: Body::Commands(line, language) };
    inspect(&entry, rules, &mut |sighting| found.push(sighting));
    found
}

/// Whether the rule, and no other, finds the secret of an example.
fn found(rule: &CommandRule, positive: &Positive, rules: &CommandRules) -> Result<(), String> {
    let found = sightings(&filled(&positive.line), positive.shell, rules);
    let [one] = found.as_slice() else {
        return Err(format!("{}: one secret is expected", told(&found)));
    };
    if one.rule.spec.id != rule.spec.id {
        return Err(told(&found));
    }
    let secret = one.secret.expose();
    if secret != filled(&positive.secret) || one.key.contains(secret) {
        return Err("finds another text than `secret`".into());
    }
    let spec = &rule.spec;
    let judged_by_name = spec.pairs.is_some()
        || spec.anywhere.as_ref().is_some_and(|pattern| pattern.contains("?<name>"));
    let kind = positive.kind.or((!judged_by_name).then_some(spec.kind));
    if let Some(kind) = kind.filter(|kind| *kind != one.kind) {
        return Err(format!("kind is {}, expected {}", one.kind.as_str(), kind.as_str()));
    }
    if positive.account.is_some() && positive.account != one.account {
        let account = one.account.as_deref().unwrap_or("null");
        return Err(format!("account is {account}"));
    }
    Ok(())
}

fn silent(negative: &Line, rules: &CommandRules) -> Result<(), String> {
    let (line, shell) = match negative {
        Line::Text(line) => (line, Shell::Posix),
        Line::Of { line, shell } => (line, *shell),
    };
    let found = sightings(&filled(line), shell, rules);
    if found.is_empty() { Ok(()) } else { Err(told(&found)) }
}

/// What was found, without it.
fn told(found: &[Sighting<'_>]) -> String {
    let rules = found.iter().map(|one| format!("`{}` as {}", one.rule.spec.id, one.key));
    match found.len() {
        0 => "nothing is found".into(),
        _ => format!("found by {}", rules.collect::<Vec<_>>().join(", ")),
    }
}

fn found_in<'s>(shapes: &'s TokenShapes, text: &str, id: &str) -> Vec<Match<'s>> {
    let found = shapes.find(text).into_iter().map(|(_, token)| token);
    found.filter(|token| token.shape.rule.id == id).collect()
}

/// Whether a shape recognises its example: bare in text, and by itself where the example is nothing but the token.
fn recognised(shapes: &TokenShapes, id: &str, text: &str) -> Result<(), String> {
    let Some(rule) = shapes.iter().map(|shape| &shape.rule).find(|rule| rule.id == id) else {
        return Ok(());
    };
    let holds = |token: &Match<'_>| token.checksum_ok.is_none_or(|ok| ok);
    // Shapes that need a word near by, or that are part of a document, have examples with text around.
    let whole = rule.near.is_empty()
        && shapes.find(text).first().is_none_or(|(range, _)| range.len() == text.len());
    let classified = shapes.classify(text).filter(|token| token.shape.rule.id == id);
    if whole && !classified.as_ref().is_some_and(holds) {
        return Err("not recognised, or its check fails".into());
    }
    let bare = found_in(shapes, text, id);
    let expected = usize::from(rule.secret && !rule.classify_only);
    if bare.len() != expected || !bare.iter().all(holds) {
        return Err(format!("found {} times in its text, expected {expected}", bare.len()));
    }
    Ok(())
}

/// Whether a shape leaves an example alone, or tells that its check fails.
fn refused(shapes: &TokenShapes, id: &str, text: &str) -> bool {
    let classified = shapes.classify(text).filter(|token| token.shape.rule.id == id);
    let bare = found_in(shapes, text, id);
    classified.iter().chain(&bare).all(|token| token.checksum_ok == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(judge: Judge, text: Option<&str>) -> Results {
        judge(&RuleSet::built_in().unwrap(), text).unwrap()
    }

    #[test]
    fn every_built_in_example_holds() {
        for judge in [of_commands as Judge, of_tokens] {
            let results = judged(judge, None);
            assert!(results.passed > 500, "{}", results.passed);
            assert!(results.failures.is_empty(), "{}", results.failures.join("\n"));
        }
    }

    #[test]
    fn what_does_not_hold_is_told_without_the_secret() {
        let commands = "- id: acme\n  tool: Acme\n  provider: acme\n  summary: Acme.\n  kind: api-key\n  command: acme login\n  option: [--code]\n  positive:\n    - {line: acme login --code <24>, secret: <24>}\n    - {line: acme login --kode <24>, secret: <24>}\n    - {line: acme login --code <24>, secret: x}\n  negative:\n    - acme login\n    - acme login --code <24>\n";
        let results = judged(of_commands, Some(commands));
        assert_eq!(results.passed, 2);
        assert_eq!(
            results.failures,
            [
                "acme positive 2: nothing is found: one secret is expected",
                "acme positive 3: finds another text than `secret`",
                "acme negative 2: found by `acme` as acme login --code",
            ]
        );
        let tokens = "provider: acme\nname: Acme\ntokens:\n  - id: acme-key\n    summary: Acme.\n    kind: api-key\n    regex: 'acmekey_[0-9A-Za-z]{24}'\n    prefilter: [acmekey_]\n    examples:\n      positive: [acmekey_k2Qm9xT4vB7nL1sR8pW3zYc6, acmekey_short]\n      negative: [{text: acmekey_short, why: too short}, {text: acmekey_k2Qm9xT4vB7nL1sR8pW3zYc6, why: revoked}]\n";
        let results = judged(of_tokens, Some(tokens));
        assert_eq!(results.passed, 2);
        assert_eq!(
            results.failures,
            [
                "acme-key positive 2: not recognised, or its check fails",
                "acme-key negative 2: recognised, and must not be: revoked",
            ]
        );
    }
}
