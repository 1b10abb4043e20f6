//! A finding as a row, for spreadsheets and databases alike. Columns are only ever added at the end.

use jiff::Timestamp;

use super::phrase;
use super::text::{instant, word};
use crate::report::Finding;

/// What joins the items of a list.
const JOIN: &str = ";";

/// A column.
pub(super) struct Column {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether its cells are whole numbers.
    pub(super) is_number: bool,
    /// Its cell of a finding, empty where nothing is known.
    pub(super) cell: fn(&Finding) -> String,
}

const fn words(name: &'static str, cell: fn(&Finding) -> String) -> Column {
    Column { name, is_number: false, cell }
}

const fn number(name: &'static str, cell: fn(&Finding) -> String) -> Column {
    Column { name, is_number: true, cell }
}

/// What is told of a finding.
pub(super) const COLUMNS: &[Column] = &[
    words("id", |it| it.id.clone()),
    words("severity", |it| it.score.severity.as_str().into()),
    number("score", |it| it.score.total.to_string()),
    words("tool", |it| it.tool.clone()),
    words("account", |it| text(it.identity.account.as_deref())),
    words("path", |it| it.location.path.clone()),
    number("line", |it| text(it.location.line)),
    words("key", |it| text(it.location.key.as_deref())),
    words("title", |it| it.title.clone()),
    words("rule", |it| it.rule.clone()),
    words("provider", |it| it.provider.clone()),
    words("category", |it| it.category.clone()),
    words("confidence", |it| word(&it.confidence)),
    words("tenant", |it| text(it.identity.tenant.as_deref())),
    words("host", |it| text(it.identity.host.as_deref())),
    words("issuer", |it| text(it.identity.issuer.as_deref())),
    words("audience", |it| text(it.identity.audience.as_deref())),
    words("client_id", |it| text(it.identity.client_id.as_deref())),
    words("client_name", |it| text(it.identity.client_name.as_deref())),
    words("name", |it| text(it.identity.name.as_deref())),
    words("active", |it| text(it.identity.active)),
    words("credentials", |it| list(it.credentials.iter().map(|one| one.kind.as_str()))),
    words("fingerprints", |it| {
        list(it.credentials.iter().filter_map(|one| one.fingerprint.as_deref()))
    }),
    words("lifetime", |it| word(&it.lifetime.state)),
    words("issued_at", |it| time(it.lifetime.issued_at)),
    words("expires_at", |it| time(it.lifetime.expires_at)),
    number("age_days", |it| text(it.lifetime.age_days)),
    words("age_basis", |it| word(&it.lifetime.age_basis)),
    words("renewable", |it| it.lifetime.renewable.to_string()),
    words("privilege", |it| word(&it.scope.privilege)),
    words("scopes", |it| list(it.scope.scopes.iter().map(String::as_str))),
    words("roles", |it| list(it.scope.roles.iter().map(String::as_str))),
    words("reach", |it| list(it.scope.reach.iter().map(String::as_str))),
    words("storage", |it| it.custody.storage.as_str().into()),
    words("held_by", |it| text(it.custody.held_by.as_deref())),
    words("mode", |it| text(it.custody.mode.as_deref())),
    words("owner", |it| text(it.custody.owner.as_deref())),
    words("readable_by", |it| word(&it.custody.readable_by)),
    words("exposures", |it| it.custody.exposures.iter().map(word).collect::<Vec<_>>().join(JOIN)),
    words("path_base64", |it| text(it.location.path_base64.as_deref())),
    words("home", |it| text(it.location.home.as_deref())),
    words("layer", |it| text(it.location.layer.as_deref())),
    words("place", |it| word(&it.location.state)),
    words("issues", |it| list(it.issues.iter().map(String::as_str))),
    words("controls", |it| list(it.controls.iter().map(String::as_str))),
    number("points_age", |it| points(it, "age")),
    number("points_scope", |it| points(it, "scope")),
    number("points_storage", |it| points(it, "storage")),
    number("points_caps", |it| points(it, "caps")),
    words("next", |it| text(phrase::best_fix(it).map(|fix| fix.change.as_str()))),
    number("score_then", |it| text(phrase::best_fix(it).map(|fix| fix.total))),
    words("logout", |it| text(it.end.logout.as_deref())),
    words("revoke", |it| text(it.end.revoke.as_deref())),
    words("verify", |it| text(it.end.verify.as_deref())),
    words("better", |it| text(it.end.better.as_deref())),
    words("also_in", |it| list(it.also_in.iter().map(String::as_str))),
    words("exception_reason", |it| text(it.exception.as_ref().map(|one| one.reason.as_str()))),
    words("exception_owner", |it| text(it.exception.as_ref().map(|one| one.owner.as_str()))),
    words("exception_expires", |it| time(it.exception.as_ref().map(|one| one.expires))),
    words("exception_ticket", |it| {
        text(it.exception.as_ref().and_then(|one| one.ticket.as_deref()))
    }),
    words("ignored", |it| text(it.ignored.as_deref())),
    words("policy", |it| list(it.policy.iter().map(|one| one.clause.as_str()))),
    words("client_first_party", |it| text(it.client.as_ref().and_then(|one| one.first_party))),
    words("client_listed", |it| text(it.client.as_ref().and_then(|one| one.listed))),
    words("rotated_at", |it| time(it.rotation.last_at)),
    words("rotation_evidence", |it| word(&it.rotation.evidence)),
    words("rotation_overdue", |it| text(it.rotation.overdue)),
];

/// What is known, or nothing.
pub(super) fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A time, or nothing.
pub(super) fn time(time: Option<Timestamp>) -> String {
    text(time.map(instant))
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(JOIN)
}

fn points(finding: &Finding, factor: &str) -> String {
    text(finding.score.factors.iter().find(|it| it.factor == factor).map(|it| it.points))
}
