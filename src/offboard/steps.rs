//! Grants into steps: what the rules say, and what the report saw.

use std::collections::BTreeSet;

use super::template::{Said, has_gaps, say, tell};
use super::{Phase, PhaseName, Place, Step};
use crate::extract::ending::is_harmless;
use crate::grant::{CredentialKind, Storage};
use crate::output::fold::Places;
use crate::output::markdown::code;
use crate::report::{Exposure, Finding, PlaceState, State};
use crate::rule::load::RuleSet;
use crate::rule::schema::CacheRule;

/// Kinds that end by themselves, soon, where nothing renews them.
const SHORT_LIVED: [CredentialKind; 4] = [
    CredentialKind::OauthAccessToken,
    CredentialKind::SessionToken,
    CredentialKind::IdToken,
    CredentialKind::Cookie,
];

/// All places of a grant, the riskiest first.
pub(super) fn places<'r>(grant: &'r Places<'r>) -> impl Iterator<Item = &'r Finding> {
    std::iter::once(grant.lead).chain(grant.others.iter().copied())
}

/// Kinds of a grant's credentials, wherever they lie.
pub(super) fn kinds(grant: &Places<'_>) -> Vec<CredentialKind> {
    let kinds =
        places(grant).flat_map(|it| it.credentials.iter().map(|credential| credential.kind));
    kinds.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The phases that have steps. Steps that say the same are one.
pub(super) fn phases(grants: &[Places<'_>], rules: &RuleSet) -> Vec<Phase> {
    let mut draft = Draft::default();
    for (at, grant) in grants.iter().enumerate() {
        draft.grant(at + 1, grant, rules);
    }
    if !grants.is_empty() {
        draft.look_again(grants.len());
    }
    draft.phases()
}

/// Steps being gathered, each with its phase.
#[derive(Default)]
struct Draft(Vec<(PhaseName, Step)>);

impl Draft {
    fn grant(&mut self, number: usize, grant: &Places<'_>, rules: &RuleSet) {
        // One secret may serve several logins, such as a password that was used twice: each is ended in its own way.
        for (lead, known) in Known::voices(grant, rules) {
            let of = Of { number, grant, lead, known };
            // What has ended needs no end: only its remains are left.
            if grant.lead.lifetime.state != State::Expired {
                self.end_at_provider(&of);
                self.rotate(&of);
                self.check(&of);
            }
            self.log_out(&of);
            self.left_by_logout(&of);
        }
        self.remains(&Of { number, grant, lead: grant.lead, known: Known::Nothing }, rules);
    }

    fn end_at_provider(&mut self, of: &Of<'_>) {
        let lead = of.lead;
        if let Some(logout) = of.logout_that_revokes() {
            let mut said = say(logout, lead);
            said.add("Run it before anything else of this tool: it ends the credential at the provider, which takes one that still works.");
            self.put(PhaseName::Revoke, of, said, Vec::new());
        }
        let revocable = kinds(of.grant).into_iter().filter(|kind| of.rotated(*kind).is_none());
        let revocable: Vec<CredentialKind> = revocable.collect();
        if revocable.is_empty() && !kinds(of.grant).is_empty() {
            return;
        }
        let mut said = match of.known.rule().and_then(|rule| rule.end.revoke.as_deref()) {
            Some(revoke) => say(revoke, lead),
            None => Said::of_report(&[
                "No rule says how: look for the keys and sessions of this account at",
                &lead.provider,
            ]),
        };
        if let Some(end) = lead.lifetime.expires_at
            && revocable.iter().all(|kind| SHORT_LIVED.contains(kind))
            && lead.lifetime.state == State::Live
        {
            said.add(&format!("It ends by itself at {end}."));
        }
        self.put(PhaseName::Revoke, of, said, Vec::new());
    }

    fn rotate(&mut self, of: &Of<'_>) {
        let lead = of.lead;
        let texts: BTreeSet<&str> =
            kinds(of.grant).into_iter().filter_map(|kind| of.rotated(kind)).collect();
        for text in texts {
            self.put(PhaseName::Rotate, of, say(text, lead), Vec::new());
        }
    }

    fn log_out(&mut self, of: &Of<'_>) {
        let Known::Own(rule) = of.known else { return };
        let Some(logout) = rule.end.logout.as_deref() else { return };
        // Where it ends the credential at the provider too, it is done already, unless there was nothing to end.
        if of.logout_that_revokes().is_some() && of.lead.lifetime.state != State::Expired {
            return;
        }
        for place in of.own_places(rule) {
            let mut said = say(logout, place);
            if rule.end.logout_revokes == Some(false) {
                said.add("The credential stays valid at the provider: that is what the first step is for.");
            }
            self.put(PhaseName::Logout, of, said, vec![Place::of(place)]);
        }
    }

    /// What the tool's rule knows to survive a logout.
    fn left_by_logout(&mut self, of: &Of<'_>) {
        let lead = of.lead;
        for text in of.known.own().into_iter().flat_map(|rule| &rule.end.survives) {
            self.put(PhaseName::Remains, of, tell(text, lead), Vec::new());
        }
        if let Storage::Keychain | Storage::Helper = lead.custody.storage
            && let Some(keeper) = &lead.custody.held_by
        {
            let said = Said::of_report(&[
                "The secret is not in the file: see that its item is gone from",
                keeper,
            ]);
            self.put(PhaseName::Remains, of, said, vec![Place::of(lead)]);
        }
    }

    /// Places that no logout reaches, and what hands a place on.
    fn remains(&mut self, of: &Of<'_>, rules: &RuleSet) {
        for place in places(of.grant) {
            let rule = rules.cache(&place.rule).map(|loaded| &loaded.rule);
            let of = Of { number: of.number, grant: of.grant, lead: place, known: of.known };
            if !rule.is_some_and(|rule| is_own_place(place, rule)) {
                self.put(PhaseName::Remains, &of, removal(place), vec![Place::of(place)]);
            }
            for text in place.custody.exposures.iter().filter_map(|it| left_by(*it)) {
                let said = Said::of_report(&[text]);
                self.put(PhaseName::Remains, &of, said, vec![Place::of(place)]);
            }
        }
    }

    fn check(&mut self, of: &Of<'_>) {
        let Some(verify) = of.known.own().and_then(|rule| rule.end.verify.as_deref()) else {
            return;
        };
        let mut said = say(verify, of.lead);
        if !verify.contains('(') {
            said.add("It must be refused.");
        }
        self.put(PhaseName::Check, of, said, Vec::new());
    }

    fn look_again(&mut self, grants: usize) {
        let scan = "Scan the same folders again and compare: `nhi-scan --format json > after.json`, then `nhi-scan offboard --verify before.json after.json`.";
        let step = Step {
            number: String::new(),
            grants: (1..=grants).collect(),
            tool: "nhi-scan".into(),
            text: scan.into(),
            command: None,
            fill_in: false,
            places: Vec::new(),
            marked: scan.into(),
        };
        self.0.push((PhaseName::Rescan, step));
    }

    fn put(&mut self, phase: PhaseName, of: &Of<'_>, said: Said, places: Vec<Place>) {
        let tool = &of.lead.tool;
        let same = self
            .0
            .iter_mut()
            .find(|(known, step)| *known == phase && step.tool == *tool && step.text == said.plain);
        if let Some((_, step)) = same {
            if !step.grants.contains(&of.number) {
                step.grants.push(of.number);
            }
            step.places.extend(places);
            return;
        }
        let step = Step {
            number: String::new(),
            grants: vec![of.number],
            tool: tool.clone(),
            fill_in: said.command.as_deref().is_some_and(has_gaps),
            text: said.plain,
            command: said.command,
            places,
            marked: said.marked,
        };
        self.0.push((phase, step));
    }

    fn phases(self) -> Vec<Phase> {
        let mut phases: Vec<Phase> =
            PhaseName::ALL.into_iter().map(|phase| Phase { phase, steps: Vec::new() }).collect();
        for (name, step) in self.0 {
            let phase = phases.iter_mut().find(|phase| phase.phase == name);
            if let Some(phase) = phase {
                phase.steps.push(step);
            }
        }
        phases.retain(|phase| !phase.steps.is_empty());
        for (at, phase) in phases.iter_mut().enumerate() {
            for (nth, step) in phase.steps.iter_mut().enumerate() {
                step.number = format!("{}.{}", at + 1, nth + 1);
            }
        }
        phases
    }
}

/// A login of a grant and what is known of it.
struct Of<'a> {
    number: usize,
    grant: &'a Places<'a>,
    lead: &'a Finding,
    known: Known<'a>,
}

impl<'a> Of<'a> {
    /// The places that a logout of this login reaches.
    fn own_places(&self, rule: &'a CacheRule) -> impl Iterator<Item = &'a Finding> {
        let lead = self.lead;
        places(self.grant).filter(move |it| is_own_place(it, rule) && is_same_login(it, lead))
    }

    fn logout_that_revokes(&self) -> Option<&'a str> {
        let rule = self.known.own().filter(|rule| rule.end.logout_revokes == Some(true))?;
        self.own_places(rule).next()?;
        // A logout ends sessions; what can only be changed, it forgets.
        let kinds = kinds(self.grant);
        let ends = kinds.is_empty() || kinds.iter().any(|kind| self.rotated(*kind).is_none());
        rule.end.logout.as_deref().filter(|_| ends)
    }

    /// What to change, for a kind that cannot be revoked.
    fn rotated(&self, kind: CredentialKind) -> Option<&'a str> {
        let rule = self.known.rule();
        if let Some(text) = rule.and_then(|rule| rule.end.rotate.get(&kind)) {
            return Some(text);
        }
        if kind != CredentialKind::Password {
            return None;
        }
        let revoke = rule.and_then(|rule| rule.end.revoke.as_deref());
        let changes = revoke.filter(|text| text.contains("change the password"));
        let host = self.lead.identity.host.as_deref().filter(|host| is_harmless(host));
        changes.or(Some(match host {
            Some(_) => "change the password of {account} at {host}: nothing else ends it",
            None => {
                "change the password of {account} wherever it is accepted: nothing else ends it"
            }
        }))
    }
}

/// Whose words there are.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// Of the rule that found it.
    Own(&'a CacheRule),
    /// Of a rule for the same provider: the place is another.
    Provider(&'a CacheRule),
    Nothing,
}

impl<'a> Known<'a> {
    /// The logins of a grant, by the rules that found them; if none did, the grant as its provider knows it.
    fn voices(grant: &'a Places<'a>, rules: &'a RuleSet) -> Vec<(&'a Finding, Self)> {
        let mut voices: Vec<(&Finding, Self)> = Vec::new();
        // The place where a tool looks tells more than a copy of it.
        for present in [true, false] {
            for place in places(grant) {
                let is_known = |(lead, _): &(&Finding, Self)| {
                    lead.rule == place.rule && (!present || is_same_login(lead, place))
                };
                if (place.location.state == PlaceState::Present) == present
                    && let Some(loaded) = rules.cache(&place.rule)
                    && !voices.iter().any(is_known)
                {
                    voices.push((place, Self::Own(&loaded.rule)));
                }
            }
        }
        if voices.is_empty() {
            voices.push((grant.lead, Self::of_provider(grant, rules)));
        }
        voices
    }

    fn of_provider(grant: &Places<'_>, rules: &'a RuleSet) -> Self {
        let lead = grant.lead;
        let others = || rules.caches().iter().map(|loaded| &loaded.rule);
        let same_tool = others().find(|rule| rule.tool.eq_ignore_ascii_case(&lead.tool));
        let same = same_tool.or_else(|| {
            let mut same = others().filter(|rule| rule.provider == lead.provider);
            same.find(|rule| rule.end.revoke.is_some())
        });
        same.map_or(Self::Nothing, Self::Provider)
    }

    fn own(self) -> Option<&'a CacheRule> {
        match self {
            Self::Own(rule) => Some(rule),
            Self::Provider(_) | Self::Nothing => None,
        }
    }

    fn rule(self) -> Option<&'a CacheRule> {
        match self {
            Self::Own(rule) | Self::Provider(rule) => Some(rule),
            Self::Nothing => None,
        }
    }
}

/// Whether two places hold the same login, not only the same secret.
fn is_same_login(one: &Finding, other: &Finding) -> bool {
    let login = |it: &Finding| {
        (it.identity.account.clone(), it.identity.host.clone(), it.identity.name.clone())
    };
    one.rule == other.rule && login(one) == login(other)
}

/// Whether a logout of the rule's tool reaches a place.
fn is_own_place(finding: &Finding, rule: &CacheRule) -> bool {
    finding.rule == rule.id
        && finding.location.state == PlaceState::Present
        && !finding.location.path.starts_with("env:")
        && !finding
            .custody
            .exposures
            .iter()
            .any(|it| matches!(it, Exposure::Backup | Exposure::Trash | Exposure::History))
}

/// How a place is emptied that no logout reaches.
fn removal(finding: &Finding) -> Said {
    let location = &finding.location;
    let has = |exposure| finding.custody.exposures.contains(&exposure);
    if let Some(name) = location.path.strip_prefix("env:") {
        return Said::of_report(&[
            "Unset it where it is set, and end every process that inherited",
            name,
        ]);
    }
    if location.state == PlaceState::DeletedButRecoverable || location.layer.is_some() {
        return Said::of_report(&[
            "Build the image anew without this layer and delete the old one from every registry: deleting the file in a later layer leaves it readable in",
            location.layer.as_deref().unwrap_or(&location.path),
        ]);
    }
    if has(Exposure::History) || finding.category == "history" {
        return Said::of_report(&[
            "End the shells that are open, then remove the line: a running shell writes its history again.",
        ]);
    }
    let whole_file =
        location.state == PlaceState::Copy || has(Exposure::Backup) || has(Exposure::Trash);
    if !whole_file || finding.category == "dotfile" {
        return Said::of_report(&["Remove the credential from the file."]);
    }
    let mut said = Said::of_report(&["Delete the copy:", &location.path]);
    if is_harmless(&location.path) {
        let command = format!("rm -- {}", location.path);
        said.plain.clone_from(&command);
        said.marked = code(&command);
        said.command = Some(command);
        said.add("This deletes the copy; see first that nothing else is in it.");
    }
    said
}

/// What a circumstance leaves behind when the file is gone.
const fn left_by(exposure: Exposure) -> Option<&'static str> {
    match exposure {
        Exposure::Synced => Some(
            "The folder is synced: delete it on the other devices, and the older versions and the trash at the sync service.",
        ),
        Exposure::GitTracked => Some(
            "The file is in a git repository: its history and every clone keep the credential, so only ending it at the provider helps.",
        ),
        Exposure::HardLinked => {
            Some("The file has further names (hard links): deleting one leaves the others.")
        }
        Exposure::NetworkFileSystem => {
            Some("The file is on a network disk: its snapshots and backups keep it.")
        }
        Exposure::Symlinked => Some("The place is a link: the file itself lies elsewhere."),
        Exposure::ForeignOwner
        | Exposure::WritableByOthers
        | Exposure::Acl
        | Exposure::Backup
        | Exposure::Trash
        | Exposure::History => None,
    }
}

impl Said {
    /// Words of this program, then values of the report, which stand as they are and are code in Markdown.
    fn of_report(words: &[&str]) -> Self {
        let (first, values) =
            words.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let with = |marks: &dyn Fn(&str) -> String| {
            values.iter().fold(first.to_owned(), |text, value| format!("{text} {}", marks(value)))
        };
        Self {
            plain: with(&|value| crate::output::safe(value)),
            marked: with(&|value| code(value)),
            command: None,
        }
    }

    fn add(&mut self, sentence: &str) {
        for text in [&mut self.plain, &mut self.marked] {
            text.push_str(if text.ends_with(['.', ')']) { " " } else { ". " });
            text.push_str(sentence);
        }
    }
}
