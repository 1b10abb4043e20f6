//! An SQLite database that osquery's automatic tables and Fleet read: `scan`, `findings`, `credentials`, `skips`, `exceptions`.

use std::io::{self, Write};

use jiff::Timestamp;
use rusqlite::{Connection, MAIN_DB, Transaction, params_from_iter};

use super::row::{COLUMNS, text, time};
use super::text::word;
use super::{Format, Style};
use crate::report::{CredentialReport, ExceptionRecord, Finding, Report, Severity, Skipped};

/// The registry entry.
pub const FORMAT: Format = Format {
    name: "sqlite",
    endings: &["sqlite", "sqlite3", "db"],
    about: "an SQLite database (tables scan, findings, credentials, skips, exceptions) for osquery, Fleet and your own queries",
    write,
};

/// Writes the database.
pub fn write(report: &Report, _: &Style, out: &mut dyn Write) -> io::Result<()> {
    let bytes = database(report).map_err(io::Error::other)?;
    out.write_all(&bytes)
}

/// Built in memory, so that a reader never meets half of it.
fn database(report: &Report) -> rusqlite::Result<Vec<u8>> {
    let mut connection = Connection::open_in_memory()?;
    let work = connection.transaction()?;
    put(&work, "scan", SCAN, [report])?;
    put_findings(&work, &report.findings)?;
    put_credentials(&work, &report.findings)?;
    put(&work, "skips", SKIPS, &report.coverage.skipped)?;
    put(&work, "exceptions", EXCEPTIONS, &report.exceptions)?;
    work.commit()?;
    Ok(connection.serialize(MAIN_DB)?.to_vec())
}

/// A column: its name and type, and its cell; an empty cell is stored as null.
type Column<T> = (&'static str, fn(&T) -> String);

/// A column of a credential, which knows its finding.
type Held = (&'static str, fn(&Finding, &CredentialReport) -> String);

const SCAN: &[Column<Report>] = &[
    ("schema_version TEXT", |it| it.schema_version.clone()),
    ("scan_id TEXT", |it| it.scan.id.clone()),
    ("tool_version TEXT", |it| it.tool.version.clone()),
    ("rules INTEGER", |it| it.tool.rules.count.to_string()),
    ("rules_sha256 TEXT", |it| it.tool.rules.sha256.clone()),
    ("started_at TEXT", |it| time(Some(it.scan.started_at))),
    ("finished_at TEXT", |it| time(Some(it.scan.finished_at))),
    ("finished_unix INTEGER", |it| it.scan.finished_at.as_second().to_string()),
    ("mode TEXT", |it| word(&it.scan.mode)),
    ("roots TEXT", |it| it.scan.roots.join(";")),
    ("host_id TEXT", |it| text(it.host.id.as_deref())),
    ("host_name TEXT", |it| text(it.host.name.as_deref())),
    ("os TEXT", |it| it.host.os.clone()),
    ("arch TEXT", |it| it.host.arch.clone()),
    ("user TEXT", |it| text(it.host.user.as_deref())),
    ("landlock TEXT", |it| it.scan.sandbox.landlock.clone()),
    ("seccomp TEXT", |it| it.scan.sandbox.seccomp.clone()),
    ("fingerprint_key TEXT", |it| it.scan.fingerprint_key.clone()),
    ("complete INTEGER", |it| flag(it.coverage.complete)),
    ("directories INTEGER", |it| it.coverage.directories.to_string()),
    ("files_seen INTEGER", |it| it.coverage.files_seen.to_string()),
    ("files_read INTEGER", |it| it.coverage.files_read.to_string()),
    ("bytes_read INTEGER", |it| it.coverage.bytes_read.to_string()),
    ("duration_ms INTEGER", |it| it.coverage.duration_ms.to_string()),
    ("findings INTEGER", |it| it.findings.len().to_string()),
    ("grants INTEGER", |it| it.summary.grants.to_string()),
    ("critical INTEGER", |it| band(it, Severity::Critical)),
    ("high INTEGER", |it| band(it, Severity::High)),
    ("medium INTEGER", |it| band(it, Severity::Medium)),
    ("low INTEGER", |it| band(it, Severity::Low)),
    ("info INTEGER", |it| band(it, Severity::Info)),
    ("accepted INTEGER", |it| it.summary.accepted.to_string()),
    ("ignored INTEGER", |it| it.summary.ignored.to_string()),
    ("policy_sha256 TEXT", |it| it.policy.sha256.clone()),
];

const CREDENTIALS: &[Held] = &[
    ("finding_id TEXT", |it, _| it.id.clone()),
    ("kind TEXT", |_, one| one.kind.as_str().into()),
    ("name TEXT", |_, one| text(one.name.as_deref())),
    ("account TEXT", |_, one| text(one.account.as_deref())),
    ("fingerprint TEXT", |_, one| text(one.fingerprint.as_deref())),
    ("token_type TEXT", |_, one| text(one.token_type.as_deref())),
    ("issued_at TEXT", |_, one| time(one.issued_at)),
    ("expires_at TEXT", |_, one| time(one.expires_at)),
    ("expires_unix INTEGER", |_, one| text(one.expires_at.map(Timestamp::as_second))),
    ("state TEXT", |_, one| word(&one.state)),
    ("checksum_ok INTEGER", |_, one| one.checksum_ok.map(flag).unwrap_or_default()),
    ("occurrences INTEGER", |_, one| one.occurrences.to_string()),
];

const SKIPS: &[Column<Skipped>] = &[
    ("path TEXT", |it| it.path.clone()),
    ("reason TEXT", |it| word(&it.reason)),
    ("count INTEGER", |it| it.count.to_string()),
];

const EXCEPTIONS: &[Column<ExceptionRecord>] = &[
    ("accepts TEXT", |it| it.accepts.clone()),
    ("reason TEXT", |it| it.reason.clone()),
    ("owner TEXT", |it| it.owner.clone()),
    ("ticket TEXT", |it| it.ticket.clone()),
    ("granted TEXT", |it| time(Some(it.granted))),
    ("expires TEXT", |it| time(Some(it.expires))),
    ("expires_unix INTEGER", |it| it.expires.as_second().to_string()),
    ("state TEXT", |it| word(&it.state)),
    ("findings INTEGER", |it| it.findings.len().to_string()),
];

fn flag(set: bool) -> String {
    u8::from(set).to_string()
}

fn band(report: &Report, severity: Severity) -> String {
    report.summary.by_severity.get(&severity).copied().unwrap_or(0).to_string()
}

/// The columns of every row, and two to judge by: the band as a number, info 0 to critical 4, and whether it is accepted.
fn put_findings(work: &Transaction<'_>, findings: &[Finding]) -> rusqlite::Result<()> {
    let kind = |is_number| if is_number { "INTEGER" } else { "TEXT" };
    let mut names: Vec<String> = COLUMNS
        .iter()
        .map(|column| format!("{} {}", column.name, kind(column.is_number)))
        .collect();
    names.extend(["level INTEGER", "accepted INTEGER"].map(str::to_owned));
    let rows = findings.iter().map(|it| {
        let level = it.score.severity as u8;
        let judged = [level.to_string(), flag(!it.counts())];
        COLUMNS.iter().map(|column| (column.cell)(it)).chain(judged).collect()
    });
    create(work, "findings", &names, rows)
}

fn put_credentials(work: &Transaction<'_>, findings: &[Finding]) -> rusqlite::Result<()> {
    let names: Vec<&str> = CREDENTIALS.iter().map(|(name, _)| *name).collect();
    let rows = findings.iter().flat_map(|finding| {
        let row = |one| CREDENTIALS.iter().map(|(_, cell)| cell(finding, one)).collect();
        finding.credentials.iter().map(row)
    });
    create(work, "credentials", &names, rows)
}

fn put<'r, T: 'r>(
    work: &Transaction<'_>,
    table: &str,
    columns: &[Column<T>],
    rows: impl IntoIterator<Item = &'r T>,
) -> rusqlite::Result<()> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let rows = rows.into_iter().map(|row| columns.iter().map(|(_, cell)| cell(row)).collect());
    create(work, table, &names, rows)
}

/// Names are ours; cells, which are not, are bound. A column of numbers makes numbers of digits.
fn create(
    work: &Transaction<'_>,
    table: &str,
    columns: &[impl AsRef<str>],
    rows: impl Iterator<Item = Vec<String>>,
) -> rusqlite::Result<()> {
    let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
    work.execute(&format!("CREATE TABLE {table} ({})", names.join(", ")), [])?;
    let places = vec!["?"; columns.len()].join(", ");
    let mut insert = work.prepare(&format!("INSERT INTO {table} VALUES ({places})"))?;
    for row in rows {
        let cells = row.into_iter().map(|cell| (!cell.is_empty()).then_some(cell));
        insert.execute(params_from_iter(cells))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testdata;

    fn open(report: &Report) -> Connection {
        let bytes = database(report).unwrap();
        let mut connection = Connection::open_in_memory().unwrap();
        connection.deserialize_read_exact(MAIN_DB, &bytes[..], bytes.len(), true).unwrap();
        connection
    }

    #[test]
    fn answers_what_fleets_ask() {
        let report = testdata::report();
        let connection = open(&report);
        let count =
            |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
        for (query, number) in [
            ("SELECT count(*) FROM findings", 14),
            ("SELECT count(*) FROM findings WHERE level >= 4", 1),
            ("SELECT max(score) FROM findings", 91),
            ("SELECT count(*) FROM findings WHERE accepted", 1),
            ("SELECT complete FROM scan", 0),
            ("SELECT sum(count) FROM skips", 16),
            (
                "SELECT count(*) FROM credentials c JOIN findings f ON f.id = c.finding_id WHERE f.tool = 'Azure CLI'",
                4,
            ),
            ("SELECT typeof(age_days) = 'integer' FROM findings WHERE tool = 'AWS CLI'", 1),
            ("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM findings WHERE level > 4)", 1),
        ] {
            assert_eq!(count(query), number, "{query}");
        }
        let path: String = connection
            .query_row("SELECT path FROM findings WHERE tool LIKE 'npm%'", [], |row| row.get(0))
            .unwrap();
        assert!(report.findings.iter().any(|it| it.location.path == path), "names are as they are");
    }
}
