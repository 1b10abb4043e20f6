//! Storage: in what form a secret is kept, who can read it, and where else it gets to.

use super::{Case, Factor, plural, steps};
use crate::grant::Storage;
use crate::report::{Exposure, PlaceState, ReadableBy, Reason};
use crate::score::lifetime::in_file;

/// See the module.
pub(super) const FACTOR: Factor = Factor {
    name: "storage",
    about: "readable as it stands, by whom, and copied to where",
    max: 35,
    assess,
};

fn assess(case: &Case<'_>, _: i16) -> Vec<Reason> {
    if case.is_mark() {
        return Vec::new();
    }
    let mut reasons = vec![form(case.grant.storage)];
    if in_file(case.grant.storage) {
        reasons.extend(readers(case));
        reasons.extend(exposures(case));
        reasons.extend(place(case));
        reasons.extend(copies(case.copies));
    }
    reasons
}

fn form(storage: Storage) -> Reason {
    let (points, text) = match storage {
        Storage::Plaintext => (14, "readable as it stands"),
        Storage::Obfuscated => (12, "encoded, which anyone can undo"),
        Storage::Encrypted => (3, "encrypted, the key is elsewhere"),
        Storage::Keychain => (0, "held by a keychain"),
        Storage::Helper => (0, "fetched by a helper when needed"),
    };
    Reason { points, text: text.into() }
}

fn readers(case: &Case<'_>) -> Option<Reason> {
    let mode = case.facts.mode.map_or_else(String::new, |mode| format!(" ({})", octal(mode)));
    let (points, text) = match case.facts.readable_by {
        ReadableBy::Owner => return None,
        ReadableBy::Unknown => (2, "who can read it is not known".into()),
        ReadableBy::Group => (5, format!("readable by the file's group{mode}")),
        ReadableBy::Everyone => (11, format!("readable by every user{mode}")),
    };
    Some(Reason { points, text })
}

fn exposures(case: &Case<'_>) -> impl Iterator<Item = Reason> {
    let mut exposures = case.facts.exposures.clone();
    exposures.sort_unstable();
    exposures.dedup();
    exposures.into_iter().filter_map(exposure)
}

fn exposure(exposure: Exposure) -> Option<Reason> {
    let (points, text) = match exposure {
        // Where a link leads is scanned as well; the link hands nothing on.
        Exposure::Symlinked => return None,
        Exposure::HardLinked => (2, "has further hard links"),
        Exposure::ForeignOwner => (3, "owned by someone other than the home's owner"),
        Exposure::WritableByOthers => (3, "others can replace it"),
        Exposure::Acl => (3, "an access list lets in more than the mode shows"),
        Exposure::Synced => (9, "in a folder that is synced elsewhere"),
        Exposure::GitTracked => (9, "tracked by git"),
        Exposure::Backup => (4, "in a backup or old copy"),
        Exposure::Trash => (3, "in the trash"),
        Exposure::NetworkFileSystem => (4, "on a network file system"),
        Exposure::History => (14, "typed on a command line, kept in a history"),
    };
    Some(Reason { points, text: text.into() })
}

fn place(case: &Case<'_>) -> Option<Reason> {
    let (points, text) = match (case.facts.state, case.is_in_image()) {
        (PlaceState::DeletedButRecoverable, _) => (9, "deleted, but still in an image layer"),
        (_, true) => (9, "in an image that others can pull"),
        (PlaceState::Copy, false) => (3, "a copy, not where the tool looks"),
        (PlaceState::Present, false) => return None,
    };
    Some(Reason { points, text: text.into() })
}

fn copies(copies: usize) -> Option<Reason> {
    let count = plural(i64::try_from(copies).unwrap_or(i64::MAX), "further place");
    (copies > 0).then(|| Reason {
        points: steps(copies).min(6),
        text: format!("the same secret in {count}"),
    })
}

/// A mode as people write it.
pub(super) fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}
