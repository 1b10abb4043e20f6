//! SQLite databases, read from memory: the user's file, its locks and its `-wal` are never touched.
//!
//! The committed frames of a write-ahead log are laid over the image here (<https://sqlite.org/fileformat2.html#walformat>),
//! because a database in memory has no log beside it. Only tables that the rule names are read, and of those only what is stored:
//! no view, trigger, virtual table, generated column or other code that the file brings along is ever run.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};

use super::{Document, Format, MALFORMED, MAX_DEPTH, MAX_NODES, Options, Unreadable};

/// SQLite databases.
pub(super) const FORMAT: Format = Format {
    name: "sqlite",
    about: "{table: [rows as objects]} of the tables the rule names; values that hold a JSON object or array are parsed, \
            bytes that are no text are {\"$base64\": \"...\"}",
    dialects: &[],
    document: Some(document),
    entries: None,
};

/// Most rows a table may have; a larger one makes the file malformed rather than half read.
const MAX_ROWS: usize = 100_000;

/// Most steps of SQLite's virtual machine a file may cost: some seconds.
const MAX_STEPS: i32 = 50_000_000;

/// Steps between two looks at the count.
const STEPS_PER_LOOK: i32 = 1_000;

/// Most bytes of column names, counted anew for each row.
const MAX_NAMES: usize = 64 << 20;

/// Levels that a value lies below the document: tables, rows, columns.
const LEVELS_ABOVE_VALUE: usize = 3;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Most rows of a table that is read in parts: no history of a person is longer.
const MAX_ROWS_IN_PARTS: usize = 1_000_000;

/// Rows of a part.
const PART: usize = 10_000;

fn document(bytes: &[u8], options: Options<'_>) -> Result<Document, Unreadable> {
    if bytes.is_empty() {
        return Ok(Document(json!({})));
    }
    let image = image(bytes, options)?;
    tables(&image, options.tables).map(Document).ok_or(MALFORMED)
}

/// Hands on the rows of one table in documents of some thousand each, so that a history of any length takes little memory; `each`
/// says whether to go on.
///
/// # Errors
/// What is wrong with the file; what came before it was handed on.
pub(crate) fn in_parts(
    bytes: &[u8],
    options: Options<'_>,
    each: &mut dyn FnMut(Document) -> bool,
) -> Result<(), Unreadable> {
    if bytes.is_empty() {
        return Ok(());
    }
    let image = image(bytes, options)?;
    for name in options.tables {
        parts(&image, name, each).ok_or(MALFORMED)?;
    }
    Ok(())
}

fn parts(image: &[u8], name: &str, each: &mut dyn FnMut(Document) -> bool) -> Option<()> {
    let connection = open(image).ok()?;
    let stored = stored_tables(&connection).ok()?;
    let Some(table) = stored.iter().find(|table| table.eq_ignore_ascii_case(name)) else {
        return Some(());
    };
    let mut budget = Budget::of(image);
    let mut part = Vec::new();
    let mut count = 0_usize;
    let hand_on = |part: &mut Vec<Value>, each: &mut dyn FnMut(Document) -> bool| {
        each(Document(json!({ name: std::mem::take(part) })))
    };
    let read = each_row(&connection, table, &mut |row, columns| {
        count += 1;
        if count > MAX_ROWS_IN_PARTS {
            return None;
        }
        part.push(object(row, columns, &mut budget)?);
        if part.len() == PART {
            budget.renew();
            return Some(hand_on(&mut part, each));
        }
        Some(true)
    });
    hand_on(&mut part, each);
    read
}

/// The database as it would be, had its log been written back.
fn image(bytes: &[u8], options: Options<'_>) -> Result<Vec<u8>, Unreadable> {
    if !bytes.starts_with(MAGIC) {
        return Err(without_header(bytes));
    }
    let mut image = bytes.to_vec();
    if let Some(wal) = options.wal {
        wal::apply(&mut image, wal).ok_or(MALFORMED)?;
    }
    // The versions of the format for writing and reading: 2 asks for a write-ahead log, which memory does not have.
    image.get_mut(18..20).ok_or(MALFORMED)?.fill(1);
    Ok(image)
}

/// `SQLCipher` encrypts the header with everything else: pages of noise.
fn without_header(bytes: &[u8]) -> Unreadable {
    let pages = bytes.len() >= 1024 && bytes.len().is_multiple_of(512);
    let printable =
        bytes.iter().take(16).all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    if pages && !printable { Unreadable::UnsupportedEncryption } else { MALFORMED }
}

/// None for whatever goes wrong: SQLite's own messages quote the schema.
fn tables(image: &[u8], names: &[String]) -> Option<Value> {
    let connection = open(image).ok()?;
    let stored = stored_tables(&connection).ok()?;
    let mut budget = Budget::of(image);
    let mut tables = Map::new();
    for name in names {
        if let Some(table) = stored.iter().find(|table| table.eq_ignore_ascii_case(name)) {
            tables.insert(name.clone(), rows(&connection, table, &mut budget)?);
        }
    }
    Some(Value::Object(tables))
}

/// Opens the image read-only, distrusting all that it says (<https://sqlite.org/security.html>).
fn open(image: &[u8]) -> rusqlite::Result<Connection> {
    crate::wipe::sqlite_heap();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_in_memory_with_flags(flags)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    ] {
        connection.set_db_config(setting, on)?;
    }
    // Twice, for text that grows when it becomes UTF-8.
    let longest_value = i32::try_from(image.len().saturating_mul(2)).unwrap_or(i32::MAX);
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, longest_value),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 10),
        (Limit::SQLITE_LIMIT_VDBE_OP, 100_000),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    let mut looks = MAX_STEPS / STEPS_PER_LOOK;
    let tired = move || {
        looks = looks.saturating_sub(1);
        looks == 0
    };
    connection.progress_handler(STEPS_PER_LOOK, Some(tired))?;
    connection.deserialize_read_exact("main", image, image.len(), true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Names of the real tables. SQLite stores the statement of a real table so that it begins with these two words, and refuses a
/// schema in which statement and name differ.
fn stored_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema \
               WHERE type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE%'";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn rows(connection: &Connection, table: &str, budget: &mut Budget) -> Option<Value> {
    let mut rows = Vec::new();
    each_row(connection, table, &mut |row, columns| {
        if rows.len() == MAX_ROWS {
            return None;
        }
        rows.push(object(row, columns, budget)?);
        Some(true)
    })?;
    Some(Value::Array(rows))
}

/// Calls `each` for the rows of a table, until it says that this is enough; none if it fails, or the table cannot be read.
fn each_row(
    connection: &Connection,
    table: &str,
    each: &mut dyn FnMut(&Row<'_>, &[String]) -> Option<bool>,
) -> Option<()> {
    let columns = stored_columns(connection, table).ok()?;
    let list = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let select = format!("SELECT {list} FROM main.{}", quoted(table));
    let mut statement = connection.prepare(&select).ok()?;
    let mut cursor = statement.query([]).ok()?;
    while let Some(row) = cursor.next().ok()? {
        if !each(row, &columns)? {
            break;
        }
    }
    Some(())
}

/// Columns that are data: neither generated nor hidden.
fn stored_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut columns = Vec::new();
    connection.pragma(None, "table_xinfo", table, |row| {
        if row.get::<_, i64>("hidden")? == 0 {
            columns.push(row.get("name")?);
        }
        Ok(())
    })?;
    Ok(columns)
}

fn object(row: &Row<'_>, columns: &[String], budget: &mut Budget) -> Option<Value> {
    budget.nodes(1)?;
    let mut object = Map::new();
    for (index, name) in columns.iter().enumerate() {
        budget.names(name.len())?;
        object.insert(name.clone(), value(row.get_ref(index).ok()?, budget)?);
    }
    Some(Value::Object(object))
}

fn value(stored: ValueRef<'_>, budget: &mut Budget) -> Option<Value> {
    let bytes = match stored {
        ValueRef::Null => return scalar(Value::Null, budget),
        ValueRef::Integer(number) => return scalar(number.into(), budget),
        ValueRef::Real(number) => return scalar(number.into(), budget),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
    };
    budget.bytes(bytes.len())?;
    let Ok(text) = std::str::from_utf8(bytes) else {
        budget.nodes(2)?;
        return Some(json!({ "$base64": BASE64.encode(bytes) }));
    };
    match structured(text) {
        Some(value) => {
            budget.nodes(Size::of(&value).nodes)?;
            Some(value)
        }
        None => scalar(text.into(), budget),
    }
}

fn scalar(value: Value, budget: &mut Budget) -> Option<Value> {
    budget.nodes(1)?;
    Some(value)
}

/// The JSON object or array that the text is, if it is one and no deeper than a document may be.
fn structured(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let value = serde_json::from_str(text).ok()?;
    (Size::of(&value).depth + LEVELS_ABOVE_VALUE <= MAX_DEPTH).then_some(value)
}

struct Size {
    depth: usize,
    nodes: usize,
}

impl Size {
    /// Recursion ends because the parser of JSON refuses more than 128 levels.
    fn of(value: &Value) -> Self {
        let parts: &mut dyn Iterator<Item = &Value> = match value {
            Value::Array(items) => &mut items.iter(),
            Value::Object(members) => &mut members.values(),
            _ => return Self { depth: 0, nodes: 1 },
        };
        parts.map(Self::of).fold(Self { depth: 1, nodes: 1 }, |whole, part| Self {
            depth: whole.depth.max(part.depth + 1),
            nodes: whole.nodes + part.nodes,
        })
    }
}

/// What a document may still grow by. A hostile file can make many rows share the same pages, or the same long column name.
struct Budget {
    nodes: usize,
    bytes: usize,
    names: usize,
}

impl Budget {
    /// Text in UTF-16 grows by half when it becomes UTF-8; nothing grows by more.
    fn of(image: &[u8]) -> Self {
        Self { nodes: MAX_NODES, bytes: image.len().saturating_mul(2), names: MAX_NAMES }
    }

    /// For the next part; the bytes are those of the whole file.
    fn renew(&mut self) {
        (self.nodes, self.names) = (MAX_NODES, MAX_NAMES);
    }

    fn nodes(&mut self, spent: usize) -> Option<()> {
        self.nodes = self.nodes.checked_sub(spent)?;
        Some(())
    }

    fn bytes(&mut self, spent: usize) -> Option<()> {
        self.bytes = self.bytes.checked_sub(spent)?;
        Some(())
    }

    fn names(&mut self, spent: usize) -> Option<()> {
        self.names = self.names.checked_sub(spent)?;
        Some(())
    }
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Write-ahead logs.
mod wal {
    use super::super::cursor::Cursor;

    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    const VERSION: u32 = 3_007_000;

    /// Lays the committed frames of `log` over `image`. A log that was never finished, was reset, or belongs to an older state of the
    /// database ends where its salts or checksums do, as SQLite has it; none if it cannot belong to this image at all.
    pub(super) fn apply(image: &mut Vec<u8>, log: &[u8]) -> Option<()> {
        let Some(header) = Header::read(log) else { return Some(()) };
        if header.version != VERSION || header.page_size != page_size(image)? {
            return None;
        }
        let frames = header.frames(log);
        let Some(last) = frames.iter().rposition(|frame| frame.pages_after_commit > 0) else {
            return Some(());
        };
        let pages = usize::try_from(frames[last].pages_after_commit).ok()?;
        let size = pages.checked_mul(header.page_size)?;
        // Pages beyond the old end come from the log; what neither has cannot be asked for.
        if size > image.len().saturating_add(log.len()) {
            return None;
        }
        image.resize(size, 0);
        for frame in &frames[..=last] {
            let start =
                usize::try_from(frame.page).ok()?.checked_sub(1)?.checked_mul(header.page_size)?;
            // A page that a later commit cut off again has no place.
            if let Some(page) =
                start.checked_add(header.page_size).and_then(|end| image.get_mut(start..end))
            {
                page.copy_from_slice(frame.content);
            }
        }
        Some(())
    }

    /// Bytes a page, from the database's own header.
    fn page_size(image: &[u8]) -> Option<usize> {
        match image.get(16..18)? {
            [0, 1] => Some(65_536),
            [high, low] => Some(usize::from(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    struct Header {
        version: u32,
        page_size: usize,
        salts: [u8; 8],
        checksum: Checksum,
    }

    struct Frame<'a> {
        page: u32,
        pages_after_commit: u32,
        content: &'a [u8],
    }

    impl Header {
        /// None if the log has no header whose checksum holds: SQLite takes such a log for empty.
        fn read(log: &[u8]) -> Option<Self> {
            let mut fields = Cursor::new(log);
            let mut checksum = Checksum::new(fields.u32()?)?;
            let version = fields.u32()?;
            let page_size = usize::try_from(fields.u32()?).ok()?;
            let _checkpoint = fields.u32()?;
            let salts = fields.take(8)?.try_into().ok()?;
            checksum.add(log.get(..24)?);
            let valid = checksum.is(fields.u32()?, fields.u32()?)
                && page_size.is_power_of_two()
                && (512..=65_536).contains(&page_size);
            valid.then_some(Self { version, page_size, salts, checksum })
        }

        /// The frames up to the first that is not of this log.
        fn frames<'a>(&self, log: &'a [u8]) -> Vec<Frame<'a>> {
            let mut checksum = self.checksum;
            let frames = log.get(HEADER..).unwrap_or_default();
            frames
                .chunks_exact(FRAME_HEADER + self.page_size)
                .map_while(|frame| {
                    let mut fields = Cursor::new(frame);
                    let (page, pages_after_commit) = (fields.u32()?, fields.u32()?);
                    fields.literal(&self.salts)?;
                    checksum.add(&frame[..8]);
                    checksum.add(&frame[FRAME_HEADER..]);
                    let valid = checksum.is(fields.u32()?, fields.u32()?) && page > 0;
                    valid.then_some(Frame {
                        page,
                        pages_after_commit,
                        content: &frame[FRAME_HEADER..],
                    })
                })
                .collect()
        }
    }

    /// The log's running checksum: two sums over pairs of words in the byte order that the magic number names.
    #[derive(Clone, Copy)]
    struct Checksum {
        word: fn([u8; 4]) -> u32,
        sums: [u32; 2],
    }

    impl Checksum {
        fn new(magic: u32) -> Option<Self> {
            let word = match magic {
                0x377f_0682 => u32::from_le_bytes,
                0x377f_0683 => u32::from_be_bytes,
                _ => return None,
            };
            Some(Self { word, sums: [0, 0] })
        }

        /// `bytes` are a multiple of eight, as everything in a log is.
        fn add(&mut self, bytes: &[u8]) {
            let [mut first, mut second] = self.sums;
            for pair in bytes.as_chunks::<4>().0.as_chunks::<2>().0 {
                first = first.wrapping_add((self.word)(pair[0])).wrapping_add(second);
                second = second.wrapping_add((self.word)(pair[1])).wrapping_add(first);
            }
            self.sums = [first, second];
        }

        fn is(&self, first: u32, second: u32) -> bool {
            self.sums == [first, second]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// A database, its log while the writer still has it open, and the folder that holds both.
    fn written(statements: &[&str]) -> (Vec<u8>, Vec<u8>) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("state.db");
        let connection = Connection::open(&path).unwrap();
        for statement in statements {
            connection.execute_batch(statement).unwrap();
        }
        (contents(&path), contents(&folder.path().join("state.db-wal")))
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    fn contents(path: &std::path::Path) -> Vec<u8> {
        fs::read(path).unwrap_or_default()
    }

    fn read(bytes: &[u8], wal: Option<&[u8]>, tables: &[&str]) -> Result<Value, Unreadable> {
        let tables: Vec<_> = tables.iter().map(ToString::to_string).collect();
        let options = Options { dialect: None, tables: &tables, wal };
        document(bytes, options).map(|document| document.0)
    }

    const LOGGED: &[&str] = &[
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0",
        "CREATE TABLE auth (key TEXT PRIMARY KEY, value TEXT)",
        "INSERT INTO auth VALUES ('kept', '1')",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "INSERT INTO auth VALUES ('late', '2')",
        "UPDATE auth SET value = '3' WHERE key = 'kept'",
    ];

    #[test]
    fn stored_values_become_json() {
        let (bytes, _) = written(&[
            "CREATE TABLE \"odd \"\"name\" (id INTEGER PRIMARY KEY, a, b, twice AS (id * 2) STORED)",
            "INSERT INTO \"odd \"\"name\" (a, b) VALUES (1.5, NULL), ('text', x'6f6b'), (x'ff00', ' {\"k\": [1]}'), ('{', '[1')",
            "CREATE TABLE other (x); INSERT INTO other VALUES ('not asked for')",
        ]);
        let expected = json!({"ODD \"name": [
            {"id": 1, "a": 1.5, "b": null},
            {"id": 2, "a": "text", "b": "ok"},
            {"id": 3, "a": {"$base64": "/wA="}, "b": {"k": [1]}},
            {"id": 4, "a": "{", "b": "[1"},
        ]});
        assert_eq!(read(&bytes, None, &["ODD \"name", "absent"]), Ok(expected));
    }

    #[test]
    fn only_real_tables_are_read() {
        let (bytes, _) = written(&[
            "CREATE TABLE real (x); INSERT INTO real VALUES (1)",
            "CREATE VIEW seen AS SELECT * FROM real",
            "CREATE VIRTUAL TABLE found USING fts5(x)",
            "CREATE TRIGGER t AFTER INSERT ON real BEGIN DELETE FROM real; END",
        ]);
        assert_eq!(
            read(&bytes, None, &["real", "seen", "found", "sqlite_schema"]),
            Ok(json!({"real": [{"x": 1}]}))
        );
    }

    #[test]
    fn committed_frames_are_seen() {
        let (bytes, wal) = written(LOGGED);
        let without = json!({"auth": [{"key": "kept", "value": "1"}]});
        let with = json!({"auth": [{"key": "kept", "value": "3"}, {"key": "late", "value": "2"}]});
        assert_eq!(read(&bytes, None, &["auth"]), Ok(without.clone()));
        assert_eq!(read(&bytes, Some(&wal), &["auth"]), Ok(with));
        assert_eq!(read(&bytes, Some(&[]), &["auth"]), Ok(without.clone()));
        // A log whose header is torn is no log.
        let mut torn = wal.clone();
        torn[20] ^= 1;
        assert_eq!(read(&bytes, Some(&torn), &["auth"]), Ok(without));
    }

    #[test]
    fn pages_of_every_size() {
        for size in [512, 65_536] {
            let first = format!("PRAGMA page_size = {size}");
            let (bytes, wal) = written(&[&[first.as_str()], LOGGED].concat());
            let kept = read(&bytes, Some(&wal), &["auth"]).unwrap();
            assert_eq!(kept["auth"][0], json!({"key": "kept", "value": "3"}));
            let (other, _) = written(&["PRAGMA page_size = 1024", "CREATE TABLE auth (key)"]);
            assert_eq!(read(&other, Some(&wal), &["auth"]), Err(MALFORMED));
        }
    }

    #[test]
    fn frames_after_the_last_commit_are_not_seen() {
        let mut statements = LOGGED.to_vec();
        // A cache this small spills pages of an open transaction into the log.
        statements.push("PRAGMA cache_size = 2; BEGIN");
        statements.push(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
             INSERT INTO auth SELECT 'open' || i, hex(zeroblob(500)) FROM n",
        );
        let committed = written(LOGGED);
        let (bytes, wal) = written(&statements);
        assert!(wal.len() > committed.1.len());
        assert_eq!(
            read(&bytes, Some(&wal), &["auth"]),
            read(&committed.0, Some(&committed.1), &["auth"])
        );

        statements.push("ROLLBACK");
        statements.push("INSERT INTO auth VALUES ('after', '4')");
        let (bytes, wal) = written(&statements);
        let keys = read(&bytes, Some(&wal), &["auth"]).unwrap();
        let keys: Vec<_> =
            keys["auth"].as_array().unwrap().iter().map(|row| row["key"].clone()).collect();
        assert_eq!(keys, ["kept", "late", "after"]);
    }

    #[test]
    fn a_damaged_frame_ends_the_log() {
        let (bytes, wal) = written(LOGGED);
        let frame = 24 + 4096;
        let mut damaged = wal.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let first_commit =
            json!({"auth": [{"key": "kept", "value": "1"}, {"key": "late", "value": "2"}]});
        assert_eq!(read(&bytes, Some(&damaged), &["auth"]), Ok(first_commit.clone()));
        assert_eq!(read(&bytes, Some(&wal[..wal.len() - 1]), &["auth"]), Ok(first_commit));
        // A log left over from before a restart has other salts.
        let mut stale = wal.clone();
        stale[32 + 8] ^= 1;
        assert!(wal.len() > 2 * frame);
        assert_eq!(read(&bytes, Some(&stale), &["auth"]), read(&bytes, None, &["auth"]));
    }

    /// The same log as a big-endian machine writes it.
    #[test]
    fn both_byte_orders_are_read() {
        let (bytes, wal) = written(LOGGED);
        let mut sums = [0_u32; 2];
        let mut sign = |parts: [&[u8]; 2]| {
            for pair in parts.concat().chunks(8) {
                let [first, second] = [&pair[..4], &pair[4..]]
                    .map(|word| u32::from_be_bytes(word.try_into().unwrap()));
                sums[0] = sums[0].wrapping_add(first).wrapping_add(sums[1]);
                sums[1] = sums[1].wrapping_add(second).wrapping_add(sums[0]);
            }
            sums.map(u32::to_be_bytes).concat()
        };
        let mut big = wal.clone();
        big[3] = 0x83;
        let signature = sign([&big[..24], &[]]);
        big[24..32].copy_from_slice(&signature);
        for frame in big[32..].chunks_mut(24 + 4096) {
            let signature = sign([&frame[..8], &frame[24..]]);
            frame[16..24].copy_from_slice(&signature);
        }
        assert_eq!(read(&bytes, Some(&big), &["auth"]), read(&bytes, Some(&wal), &["auth"]));
    }

    #[test]
    fn what_is_no_database() {
        let noise: Vec<u8> =
            (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (bytes, _) =
            written(&["CREATE TABLE t (x); INSERT INTO t VALUES (hex(zeroblob(9000)))"]);
        let cases: [(&[u8], Result<Value, Unreadable>); 6] = [
            (b"", Ok(json!({}))),
            (b"{}", Err(MALFORMED)),
            (&noise, Err(Unreadable::UnsupportedEncryption)),
            (&b"text ".repeat(1024), Err(MALFORMED)),
            (&bytes[..4096], Err(MALFORMED)),
            (&bytes[..18], Err(MALFORMED)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes, None, &["t"]), expected);
        }
    }

    #[test]
    fn a_table_past_the_bound_is_malformed() {
        let (bytes, _) = written(&["CREATE TABLE t (x);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= 100000) INSERT INTO t SELECT i FROM n"]);
        assert_eq!(read(&bytes, None, &["t"]), Err(MALFORMED));
    }

    #[test]
    fn long_tables_come_in_parts() {
        let (bytes, _) = written(&[
            "CREATE TABLE h (cmd TEXT); CREATE TABLE other (x)",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
             INSERT INTO h SELECT 'ls ' || i FROM n",
        ]);
        let read = |most: usize| {
            let (mut parts, mut rows) = (0, 0);
            let tables = ["h".to_owned()];
            let options = Options { tables: &tables, ..Options::default() };
            let outcome = in_parts(&bytes, options, &mut |part| {
                parts += 1;
                rows += part.0["h"].as_array().unwrap().len();
                parts < most
            });
            assert!(outcome.is_ok());
            (parts, rows)
        };
        // The last part is what is left: here nothing.
        assert_eq!(read(usize::MAX), (13, 120_000));
        assert_eq!(read(2).1, 20_000);
        assert!(in_parts(b"no database", Options::default(), &mut |_| true).is_err());
    }

    proptest! {
        #[test]
        fn damage_never_panics(log in any::<bool>(), at in any::<prop::sample::Index>(), noise in any::<[u8; 4]>(), cut in any::<prop::sample::Index>()) {
            static FILES: std::sync::OnceLock<(Vec<u8>, Vec<u8>)> = std::sync::OnceLock::new();
            let (mut bytes, mut wal) = FILES.get_or_init(|| written(LOGGED)).clone();
            let damaged = if log { &mut wal } else { &mut bytes };
            let at = at.index(damaged.len() - 4);
            damaged[at..at + 4].copy_from_slice(&noise);
            let cut = cut.index(damaged.len() * 3).min(damaged.len());
            damaged.truncate(cut);
            let _ = read(&bytes, Some(&wal), &["auth"]);
        }
    }
}
