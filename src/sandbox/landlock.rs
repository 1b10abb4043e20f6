//! Landlock: which files may be opened, and which folders changed (<https://docs.kernel.org/userspace-api/landlock.html>).

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use super::Needs;

/// The newest ABI asked for; an older kernel enforces what it knows.
const NEWEST: ABI = ABI::V10;

/// Restricts this thread and all it starts; gives the ABI in force, if any is. Whether files may be cut is left to
/// [`refuse_cutting`].
pub(super) fn restrict(needs: &Needs<'_>) -> Option<i32> {
    let status = ruleset(needs).ok()?;
    let enforced = status.ruleset != RulesetStatus::NotEnforced;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if enforced => Some(effective_abi as i32),
        _ => None,
    }
}

fn ruleset(needs: &Needs<'_>) -> Result<RestrictionStatus, RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    // A rename gives a folder one name and takes another from it.
    let rename: BitFlags<AccessFs> = AccessFs::MakeReg | AccessFs::RemoveFile;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST) & !AccessFs::Truncate)?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(&needs.read, read))?
        .add_rules(path_beneath_rules(&needs.outputs, rename))?
        .restrict_self()
}

/// Lets this thread, and those it will start, cut no file anywhere; tells whether the kernel does so, or is too old to know of it.
///
/// Landlock looks up at each `open` whether the file may be cut later, on the whole way from the file to `/` if no folder says so
/// (`hook_file_open` in `security/landlock/fs.c`): a third of the time that opening a folder takes.
pub(super) fn refuse_cutting() -> bool {
    let refused = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::Truncate)?
            .create()?
            .restrict_self()
    };
    let Ok(status): Result<RestrictionStatus, RulesetError> = refused() else { return false };
    let knows = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi >= ABI::V3,
        _ => false,
    };
    !knows || status.ruleset != RulesetStatus::NotEnforced
}

/// Whether no file can be opened for writing and nothing outside the roots for reading. The file would have no name, so where
/// the kernel lets it through nothing is left behind.
pub(super) fn holds(needs: &Needs<'_>) -> bool {
    let open = |path: &Path, flags| {
        rustix::fs::openat2(CWD, path, flags, Mode::RUSR | Mode::WUSR, ResolveFlags::empty())
    };
    let places = needs.read.iter().chain(&needs.outputs).copied();
    let written = places
        .chain([Path::new("/tmp")])
        .any(|folder| open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC).is_ok());
    let all = Path::new("/");
    let read = !needs.read.contains(&all)
        && open(all, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC).is_ok();
    !written && !read
}
