//! Every field of a report, and what becomes of it at each level. What is done and what `nhi-scan privacy` prints are this table;
//! a test holds it against the published schema, so a new field without a decision does not get in.

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It leaves as it is.
    Kept,
    /// It leaves, with homes as `~` and names of user and machine as pseudonyms.
    Text,
    /// A path: below a home only where a rule names the whole of it, else the file's name behind a keyed hash of its folder.
    Place,
    /// `~`, if it is a home.
    Home,
    /// A keyed pseudonym in its place.
    Pseudonym,
    /// The day, without the time.
    Day,
    /// Keyed, so that nobody can find out by guessing what it was made of.
    Keyed,
    /// Does not leave.
    Null,
    /// Does not leave; this word is there, because something must be.
    Word(&'static str),
    /// Does not leave; the list it is in is empty.
    Empty,
}

impl Treatment {
    /// As the table says it.
    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::Kept => "leaves",
            Self::Text => "leaves, without names of homes, user and machine",
            Self::Place => "known places leave, others as hash and file name",
            Self::Home => "as `~`",
            Self::Pseudonym => "as a keyed pseudonym",
            Self::Day => "as a day",
            Self::Keyed => "keyed",
            Self::Null | Self::Word(_) | Self::Empty => "-",
        }
    }
}

/// A field and its treatment.
pub(super) struct Field {
    /// Where it is: names joined by dots, `[]` for the items of a list.
    pub(super) path: &'static str,
    /// At the level `standard`.
    pub(super) standard: Treatment,
    /// At the level `strict`.
    pub(super) strict: Treatment,
    /// Whether it quotes or times what a person typed, and so does not leave at `standard` where the place is a history.
    pub(super) typed: bool,
}

use Treatment::{Day, Empty, Home, Kept, Keyed, Null, Place, Pseudonym, Text, Word};

const fn field(path: &'static str, standard: Treatment, strict: Treatment) -> Field {
    Field { path, standard, strict, typed: false }
}

const fn typed(path: &'static str, standard: Treatment, strict: Treatment) -> Field {
    Field { path, standard, strict, typed: true }
}

/// In place of a text that must be there.
pub(super) const WITHHELD: &str = "withheld";

const GONE: Treatment = Word(WITHHELD);

/// In the order of the report.
pub(super) const FIELDS: &[Field] = &[
    field("schema_version", Kept, Kept),
    field("tool.name", Kept, Kept),
    field("tool.version", Kept, Kept),
    field("tool.rules.count", Kept, Kept),
    field("tool.rules.sha256", Kept, Kept),
    field("scan.id", Kept, Kept),
    field("scan.started_at", Kept, Kept),
    field("scan.finished_at", Kept, Kept),
    field("scan.mode", Kept, Kept),
    field("scan.roots[]", Place, Empty),
    field("scan.sandbox.landlock", Kept, Kept),
    field("scan.sandbox.seccomp", Kept, Kept),
    field("scan.fingerprint_key", Kept, Kept),
    field("host.id", Kept, Kept),
    field("host.name", Null, Null),
    field("host.os", Kept, Kept),
    field("host.arch", Kept, Kept),
    field("host.user", Pseudonym, Null),
    field("summary.findings", Kept, Kept),
    field("summary.grants", Kept, Kept),
    field("summary.accepted", Kept, Kept),
    field("summary.ignored", Kept, Kept),
    field("summary.by_severity.*", Kept, Kept),
    field("summary.by_tool[].tool", Kept, Kept),
    field("summary.by_tool[].count", Kept, Kept),
    field("findings[].id", Kept, Keyed),
    field("findings[].rule", Kept, Kept),
    field("findings[].tool", Kept, Kept),
    field("findings[].provider", Kept, Kept),
    field("findings[].category", Kept, Kept),
    field("findings[].title", Kept, Kept),
    field("findings[].confidence", Kept, Kept),
    typed("findings[].identity.account", Text, Null),
    typed("findings[].identity.tenant", Text, Null),
    typed("findings[].identity.host", Text, Null),
    typed("findings[].identity.issuer", Text, Null),
    typed("findings[].identity.audience", Text, Null),
    typed("findings[].identity.client_id", Text, Null),
    typed("findings[].identity.client_name", Text, Null),
    typed("findings[].identity.name", Text, Null),
    field("findings[].identity.active", Kept, Null),
    field("findings[].credentials[].kind", Kept, Kept),
    typed("findings[].credentials[].name", Text, Null),
    typed("findings[].credentials[].account", Text, Null),
    field("findings[].credentials[].fingerprint", Kept, Null),
    field("findings[].credentials[].token_type", Kept, Kept),
    typed("findings[].credentials[].issued_at", Day, Null),
    typed("findings[].credentials[].expires_at", Day, Null),
    field("findings[].credentials[].state", Kept, Kept),
    field("findings[].credentials[].checksum_ok", Kept, Kept),
    field("findings[].credentials[].occurrences", Kept, Kept),
    field("findings[].lifetime.state", Kept, Kept),
    typed("findings[].lifetime.issued_at", Day, Null),
    typed("findings[].lifetime.expires_at", Day, Null),
    typed("findings[].lifetime.age_days", Kept, Null),
    field("findings[].lifetime.age_basis", Kept, Kept),
    field("findings[].lifetime.renewable", Kept, Kept),
    field("findings[].scope.privilege", Kept, Kept),
    field("findings[].scope.scopes[]", Text, Empty),
    field("findings[].scope.roles[]", Text, Empty),
    field("findings[].scope.reach[]", Text, Empty),
    field("findings[].custody.storage", Kept, Kept),
    field("findings[].custody.held_by", Text, Null),
    field("findings[].custody.mode", Kept, Kept),
    field("findings[].custody.owner", Pseudonym, Null),
    field("findings[].custody.readable_by", Kept, Kept),
    field("findings[].custody.exposures[]", Kept, Kept),
    field("findings[].location.path", Place, GONE),
    field("findings[].location.path_base64", Null, Null),
    field("findings[].location.home", Home, Null),
    typed("findings[].location.line", Kept, Null),
    typed("findings[].location.key", Text, Null),
    field("findings[].location.layer", Kept, Null),
    field("findings[].location.image.index", Kept, Kept),
    field("findings[].location.image.created_by", Text, Null),
    field("findings[].location.image.platforms[]", Kept, Kept),
    field("findings[].location.image.history[].layer", Kept, GONE),
    field("findings[].location.image.history[].index", Kept, Kept),
    field("findings[].location.image.history[].created_by", Text, Null),
    field("findings[].location.image.history[].change", Kept, Kept),
    field("findings[].location.state", Kept, Kept),
    field("findings[].issues[]", Kept, Kept),
    field("findings[].controls[]", Kept, Kept),
    field("findings[].score.total", Kept, Kept),
    field("findings[].score.severity", Kept, Kept),
    field("findings[].score.factors[].factor", Kept, Kept),
    field("findings[].score.factors[].points", Kept, Kept),
    field("findings[].score.factors[].reasons[].points", Kept, Empty),
    field("findings[].score.factors[].reasons[].text", Text, Empty),
    field("findings[].score.what_if[].change", Text, Empty),
    field("findings[].score.what_if[].total", Kept, Empty),
    typed("findings[].end.logout", Text, Null),
    typed("findings[].end.revoke", Text, Null),
    typed("findings[].end.verify", Text, Null),
    field("findings[].end.better", Kept, Null),
    field("findings[].also_in[]", Kept, Keyed),
    field("findings[].client.first_party", Kept, Kept),
    field("findings[].client.listed", Kept, Kept),
    typed("findings[].rotation.last_at", Day, Null),
    field("findings[].rotation.evidence", Kept, Kept),
    field("findings[].rotation.limit_days", Kept, Kept),
    field("findings[].rotation.overdue", Kept, Kept),
    field("findings[].policy[].clause", Kept, Kept),
    field("findings[].policy[].text", Text, GONE),
    field("findings[].ignored", Text, GONE),
    field("findings[].exception.reason", Text, GONE),
    field("findings[].exception.owner", Text, GONE),
    field("findings[].exception.ticket", Text, Null),
    field("findings[].exception.granted", Day, Day),
    field("findings[].exception.expires", Day, Day),
    field("policy.sha256", Kept, Kept),
    field("policy.built_in", Kept, Kept),
    field("exceptions[].accepts", Text, GONE),
    field("exceptions[].reason", Text, GONE),
    field("exceptions[].owner", Text, GONE),
    field("exceptions[].ticket", Text, GONE),
    field("exceptions[].granted", Day, Day),
    field("exceptions[].expires", Day, Day),
    field("exceptions[].state", Kept, Kept),
    field("exceptions[].findings[]", Kept, Keyed),
    field("baseline.schema_version", Kept, Kept),
    field("baseline.old.scan_id", Kept, Kept),
    field("baseline.old.started_at", Kept, Kept),
    field("baseline.old.host_id", Kept, Kept),
    field("baseline.old.host_name", Null, Null),
    field("baseline.old.roots[]", Place, Empty),
    field("baseline.old.mode", Kept, Kept),
    field("baseline.old.complete", Kept, Kept),
    field("baseline.old.findings", Kept, Kept),
    field("baseline.new.scan_id", Kept, Kept),
    field("baseline.new.started_at", Kept, Kept),
    field("baseline.new.host_id", Kept, Kept),
    field("baseline.new.host_name", Null, Null),
    field("baseline.new.roots[]", Place, Empty),
    field("baseline.new.mode", Kept, Kept),
    field("baseline.new.complete", Kept, Kept),
    field("baseline.new.findings", Kept, Kept),
    field("baseline.secrets_comparable", Kept, Kept),
    field("baseline.notes[]", Text, Empty),
    field("baseline.counts.*", Kept, Kept),
    field("baseline.unchanged", Kept, Kept),
    field("baseline.changes[].id", Kept, Keyed),
    field("baseline.changes[].old_id", Kept, Keyed),
    field("baseline.changes[].present", Kept, Kept),
    field("baseline.changes[].told[].change", Kept, Kept),
    field("baseline.changes[].told[].text", GONE, GONE),
    field("baseline.changes[].tool", Kept, Kept),
    field("baseline.changes[].rule", Kept, Kept),
    field("baseline.changes[].account", Null, Null),
    field("baseline.changes[].path", Place, GONE),
    field("baseline.changes[].key", Null, Null),
    field("baseline.changes[].severity", Kept, Kept),
    field("baseline.changes[].score", Kept, Kept),
    field("baseline.changes[].old_score", Kept, Kept),
    field("baseline.changes[].counts", Kept, Kept),
    field("baseline.coverage[].path", Place, GONE),
    field("baseline.coverage[].looked_at", Kept, Kept),
    field("baseline.coverage[].reason", Kept, Kept),
    field("coverage.complete", Kept, Kept),
    field("coverage.directories", Kept, Kept),
    field("coverage.files_seen", Kept, Kept),
    field("coverage.files_read", Kept, Kept),
    field("coverage.bytes_read", Kept, Kept),
    field("coverage.pruned[].reason", Kept, Kept),
    field("coverage.pruned[].count", Kept, Kept),
    field("coverage.skipped[].path", Place, GONE),
    field("coverage.skipped[].reason", Kept, Kept),
    field("coverage.skipped[].count", Kept, Kept),
    field("coverage.duration_ms", Kept, Kept),
];
