//! The kinds of hostile things that a scan meets, each with what it has to say of them.
//!
//! Each is laid out in a home of its own, so that none hides another, beside a cache that must be found. What is swapped, grows or
//! vanishes while a scan goes on is in `outside.rs`, what is mounted in `mounts.rs`.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use crate::machine::GOOD;

/// Something hostile.
pub(crate) struct Kind {
    /// What it is, and the name of its home.
    pub(crate) name: &'static str,
    /// Where it lies in the home.
    pub(crate) at: &'static str,
    /// Makes it.
    lay: fn(&Path),
    /// What is told of it.
    pub(crate) told: Told,
}

/// What a report says of a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Told {
    /// It was left, with this reason.
    Skip(&'static str),
    /// The same, to those whom modes bind.
    Closed,
    /// It is nothing, or there is nothing in it.
    Nothing,
    /// So many findings, and no more.
    Found(usize),
    /// The same, where the caller may make it at all.
    IfMade(&'static str),
}

use Told::{Closed, Found, IfMade, Nothing, Skip};

const DOCKER: &str = ".docker/config.json";
const KUBE: &str = ".kube/config";
const AWS: &str = ".aws/credentials";
const GCLOUD: &str = ".config/gcloud/credentials.db";
const CARGO: &str = ".cargo/credentials.toml";
const IDEA: &str = "p/.idea/dataSources.xml";
const LAUNCHD: &str = "Library/LaunchAgents/x.plist";
const TERRAFORM: &str = ".terraformrc";
const HISTORY: &str = ".bash_history";
const SSH: &str = ".ssh/id_ed25519";
const MALFORMED: Told = Skip("malformed");

const fn kind(name: &'static str, at: &'static str, told: Told, lay: fn(&Path)) -> Kind {
    Kind { name, at, lay, told }
}

/// All of them.
pub(crate) const KINDS: &[Kind] = &[
    // What is no file.
    kind("fifo", AWS, Skip("special-file"), fifo),
    kind("fifo-for-a-database", GCLOUD, Skip("special-file"), fifo),
    kind("fifo-for-a-history", HISTORY, Skip("special-file"), fifo),
    kind("socket", AWS, Skip("special-file"), |path| drop(UnixListener::bind(path).unwrap())),
    kind("character-device", AWS, IfMade("special-file"), |path| {
        device(path, FileType::CharacterDevice, 1, 5);
    }),
    kind("block-device", AWS, IfMade("special-file"), |path| {
        device(path, FileType::BlockDevice, 7, 0);
    }),
    kind("folder-for-a-file", AWS, Nothing, |path| fs::create_dir(path).unwrap()),
    kind("file-for-a-folder", ".aws", Nothing, |path| put(path, "[default]\n")),
    kind("file-for-the-folder-of-keys", ".ssh", Nothing, |path| put(path, "x")),
    // Links.
    kind("link-to-itself", AWS, Skip("symlink"), |path| symlink("credentials", path).unwrap()),
    kind("links-in-a-ring", AWS, Skip("symlink"), |path| {
        symlink("b", path).unwrap();
        symlink("credentials", path.with_file_name("b")).unwrap();
    }),
    kind("links-in-a-chain", AWS, Skip("symlink"), |path| {
        put(&path.with_file_name("l0"), "[default]\n");
        for at in 1..60 {
            symlink(format!("l{}", at - 1), path.with_file_name(format!("l{at}"))).unwrap();
        }
        symlink("l59", path).unwrap();
    }),
    kind("link-to-nothing", AWS, Nothing, |path| symlink("nowhere", path).unwrap()),
    kind("link-to-a-file-outside", AWS, Skip("symlink"), |path| {
        symlink("/proc/version", path).unwrap();
    }),
    kind("link-to-a-folder-outside", ".aws", Skip("symlink"), |path| {
        symlink("/etc", path).unwrap();
    }),
    kind("link-to-a-device", AWS, Skip("symlink"), |path| symlink("/dev/zero", path).unwrap()),
    kind("link-to-the-scan-itself", AWS, Skip("symlink"), |path| {
        symlink("/proc/self/environ", path).unwrap();
    }),
    kind("link-through-an-open-file", AWS, Skip("symlink"), |path| {
        symlink("/proc/self/fd/0", path).unwrap();
    }),
    kind("link-to-a-fifo", AWS, Skip("special-file"), |path| {
        fifo(&path.with_file_name("fifo"));
        symlink("fifo", path).unwrap();
    }),
    kind("link-to-its-own-folder", ".aws", Nothing, |path| symlink(".", path).unwrap()),
    kind("link-to-the-folder-above", ".config/gcloud", Nothing, |path| {
        symlink("..", path).unwrap();
    }),
    kind("link-with-a-long-target", AWS, Nothing, |path| {
        symlink("x/../".repeat(800) + "y", path).unwrap();
    }),
    kind("hard-link", "second/.vault-token", Found(1), |path| {
        fs::hard_link(path.parent().unwrap().with_file_name(".vault-token"), path).unwrap();
    }),
    // Sizes.
    kind("empty", DOCKER, Nothing, |path| put(path, "")),
    kind("sparse-of-two-gigabytes", AWS, Skip("too-large"), |path| sparse(path, 2 << 30)),
    kind("sparse-of-eight-exabytes", DOCKER, Skip("too-large"), |path| sparse(path, 1 << 43)),
    kind("sparse-of-a-gigabyte-for-a-database", GCLOUD, Skip("too-large"), |path| {
        sparse(path, 1 << 30);
    }),
    kind("history-of-one-line", HISTORY, Found(1), |path| {
        put(
            path,
            format!(
                "curl -u kim:Vq7mT2xZp9Lk https://x.example\necho {}\n",
                "a".repeat(100_000_000)
            ),
        );
    }),
    kind("history-of-zeros", HISTORY, Nothing, |path| sparse(path, 64 << 20)),
    kind("ini-of-100000-lines", AWS, Found(1), |path| {
        let more = (0..100_000).map(|at| format!("[p{at}]\nregion = x\n"));
        put(path, AWS_KEY.to_owned() + &more.collect::<String>());
    }),
    kind("json-of-a-million-values", DOCKER, Nothing, |path| {
        put(path, format!("{{\"a\": [{}0]}}", "0,".repeat(1_000_000)));
    }),
    kind("json-of-too-many-values", DOCKER, MALFORMED, |path| {
        put(path, format!("[{}0]", "0,".repeat(3_000_000)));
    }),
    kind("folder-of-10000-files", "many/.vault-token", Found(1), |path| {
        for at in 0..10_000 {
            put(&path.with_file_name(format!("f{at}")), "");
        }
        put(path, GOOD);
    }),
    kind("folders-in-folders", "", Skip("depth-limit"), |home| deep(home, "d", 600)),
    // Nesting.
    kind("nested-json-arrays", DOCKER, MALFORMED, |path| put(path, "[".repeat(1_000_000))),
    kind("nested-json-objects", DOCKER, MALFORMED, |path| put(path, "{\"a\":".repeat(300_000))),
    kind("nested-yaml-flow", KUBE, MALFORMED, |path| put(path, "[".repeat(1_000_000))),
    kind("nested-yaml-blocks", KUBE, MALFORMED, |path| {
        put(path, (0..2_000).map(|at| " ".repeat(at) + "a:\n").collect::<String>());
    }),
    kind("nested-yaml-lists", KUBE, MALFORMED, |path| put(path, "- ".repeat(1_000_000))),
    kind("nested-toml", CARGO, MALFORMED, |path| {
        put(path, format!("a = {}", "[".repeat(1_000_000)));
    }),
    kind("nested-toml-keys", CARGO, MALFORMED, |path| {
        put(path, format!("{}a = 1", "a.".repeat(1_000_000)));
    }),
    kind("nested-xml", IDEA, MALFORMED, |path| put(path, "<a>".repeat(1_000_000))),
    kind("nested-hcl", TERRAFORM, MALFORMED, |path| put(path, "a {\n".repeat(200_000))),
    kind("nested-hcl-brackets", TERRAFORM, MALFORMED, |path| {
        put(path, format!("a = {}", "[".repeat(200_000)));
    }),
    kind("nested-plist", LAUNCHD, MALFORMED, |path| {
        put(path, PLIST.to_owned() + &"<array>".repeat(200_000));
    }),
    kind("nested-shell", HISTORY, Nothing, |path| put(path, "$(".repeat(200_000))),
    kind("nested-shell-quotes", HISTORY, Nothing, |path| put(path, "\"`'$((".repeat(100_000))),
    kind("nested-messages", ".local/state/nvim/shada/main.shada", MALFORMED, |path| {
        put(path, [0x91; 1_000_000]);
    }),
    kind("nested-s-expressions", ".gnupg/private-keys-v1.d/A.key", MALFORMED, |path| {
        put(path, "(".repeat(1_000_000));
    }),
    kind("nested-der", "k/server.key", Found(1), |path| {
        use base64::Engine as _;
        let der = [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff].repeat(20_000);
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        put(path, format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"));
    }),
    // Bombs.
    kind("yaml-of-aliases", KUBE, MALFORMED, |path| put(path, alias_bomb())),
    kind("messages-in-keys-of-keys", ".local/state/nvim/shada/main.shada", MALFORMED, |path| {
        put(path, [[0x81; 100], [0; 100]].concat());
    }),
    kind("yaml-of-keys-of-keys", KUBE, MALFORMED, |path| {
        put(path, format!("{}a{}\n", "{? ".repeat(60), ": b}".repeat(60)));
    }),
    kind("yaml-of-merged-keys", KUBE, MALFORMED, |path| put(path, merge_bomb())),
    kind("yaml-of-an-alias-of-itself", KUBE, MALFORMED, |path| {
        put(path, "a: &a [*a]\nusers: *a\n");
    }),
    kind("xml-of-entities", IDEA, Nothing, |path| put(path, entity_bomb())),
    kind("xml-of-a-file-outside", IDEA, Nothing, |path| {
        put(path, "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><project>&x;</project>");
    }),
    kind("plist-of-itself", LAUNCHD, MALFORMED, |path| put(path, plist_of_itself())),
    kind("plist-of-entities", LAUNCHD, Nothing, |path| {
        put(
            path,
            "<!DOCTYPE plist [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><plist><string>&b;</string></plist>",
        );
    }),
    kind("compressed-json", DOCKER, MALFORMED, |path| {
        put(path, [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 4096]].concat());
    }),
    kind("expanding-properties", ".gradle/gradle.properties", Nothing, |path| {
        put(path, "a=${a}${a}\n".repeat(10_000));
    }),
    kind("ssh-configuration-of-itself", ".ssh/config", Nothing, |path| {
        put(path, "Include ~/.ssh/config\n".repeat(10_000));
    }),
    // Text.
    kind("cut-json", DOCKER, MALFORMED, |path| put(path, "{\"auths\": {")),
    kind("numbers-without-end", DOCKER, MALFORMED, |path| {
        let digits = "9".repeat(100_000);
        put(
            path,
            format!(
                "{{\"a\": {digits}, \"b\": 1e{digits}, \"c\": -0.{digits}, {}",
                &DOCKER_AUTH[1..]
            ),
        );
    }),
    kind("a-key-of-a-megabyte", DOCKER, Found(1), |path| {
        put(path, format!("{{\"{}\": 1, {}", "k".repeat(1 << 20), &DOCKER_AUTH[1..]));
    }),
    kind("one-key-100000-times", DOCKER, Found(1), |path| {
        put(path, format!("{{{} {}", "\"a\": 1,".repeat(100_000), &DOCKER_AUTH[1..]));
    }),
    kind("bytes-that-are-no-text", DOCKER, MALFORMED, |path| put(path, b"\xff\xfe\xfd{\x00\x80")),
    kind("utf-16-cut-in-a-character", DOCKER, MALFORMED, |path| put(path, b"\xff\xfe{\0\"\0a")),
    kind("utf-16-of-halves", DOCKER, MALFORMED, |path| {
        put(path, b"\xff\xfe\x00\xd8\x00\xd8\x00\xdc\x00\xdc");
    }),
    kind("zeros", DOCKER, MALFORMED, |path| put(path, [0; 4096])),
    kind("three-marks-of-order", DOCKER, MALFORMED, |path| {
        put(path, format!("\u{feff}\u{feff}\u{feff}{DOCKER_AUTH}"));
    }),
    kind("one-mark-of-order", DOCKER, Found(1), |path| put(path, format!("\u{feff}{DOCKER_AUTH}"))),
    kind("lines-of-windows", AWS, Found(1), |path| put(path, AWS_KEY.replace('\n', "\r\n"))),
    kind("text-that-steers", AWS, Found(1), |path| {
        put(path, format!("#!\u{1b}[2J\n{}", AWS_KEY.replace("AKIAQ", "AKIAQ\u{1b}[31m\u{202e}")));
    }),
    kind("netrc-without-end", ".netrc", Nothing, |path| put(path, "machine ".repeat(100_000))),
    kind("token-of-a-megabyte", ".config/x/.env", Nothing, |path| {
        put(path, format!("TOKEN=eyJ{}.eyJ{}.x\n", "a".repeat(1 << 19), "b".repeat(1 << 19)));
    }),
    kind(
        "not-what-the-tool-writes",
        ".kube/gke_gcloud_auth_plugin_cache",
        Skip("unrecognised"),
        |path| {
            put(path, "[1, 2, 3]");
        },
    ),
    // Databases.
    kind("database-cut-in-its-head", GCLOUD, MALFORMED, |path| {
        put(path, b"SQLite format 3\0\x10\0\x01\x01\0");
    }),
    kind("database-of-a-view", GCLOUD, Nothing, |path| {
        database(
            path,
            "CREATE VIEW credentials AS WITH RECURSIVE c(account_id, value) AS \
                        (SELECT 1, 1 UNION ALL SELECT account_id + 1, value FROM c) SELECT * FROM c",
        );
    }),
    kind("database-of-triggers", GCLOUD, Nothing, |path| {
        database(
            path,
            "CREATE TABLE credentials (account_id TEXT, value BLOB); \
                        CREATE TRIGGER t AFTER INSERT ON credentials BEGIN SELECT load_extension('/tmp/x'); END",
        );
    }),
    kind("database-of-a-virtual-table", GCLOUD, Nothing, |path| {
        database(path, "CREATE TABLE credentials (account_id TEXT, value BLOB)");
        schema(path, "CREATE VIRTUAL TABLE credentials USING fts5(account_id, value)");
    }),
    kind("database-of-computed-columns", GCLOUD, MALFORMED, |path| {
        database(
            path,
            "CREATE TABLE credentials (account_id TEXT, value BLOB); INSERT INTO credentials VALUES ('a', '{}')",
        );
        schema(
            path,
            "CREATE TABLE credentials (account_id TEXT, value AS (randomblob(2000000000)))",
        );
    }),
    kind("database-of-huge-blobs", GCLOUD, MALFORMED, |path| {
        database(
            path,
            "CREATE TABLE credentials (account_id TEXT, value BLOB); INSERT INTO credentials VALUES ('a', zeroblob(20000))",
        );
        poke_after(path, b"\x03\x0f", &[0x8f, 0xff, 0xff, 0xff, 0x7f]);
    }),
    kind("database-of-a-tree-in-a-ring", GCLOUD, MALFORMED, |path| {
        database(
            path,
            "CREATE TABLE credentials (account_id TEXT, value BLOB); WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL \
                        SELECT x + 1 FROM c WHERE x < 2000) INSERT INTO credentials SELECT x, hex(randomblob(40)) FROM c",
        );
        // The right-most child of the table's root page is that page.
        poke(path, 4096 + 8, &2_u32.to_be_bytes());
    }),
    kind("database-of-noise", GCLOUD, MALFORMED, |path| {
        database(path, "CREATE TABLE credentials (account_id TEXT, value BLOB)");
        poke(path, 100, &[0xa5; 3996]);
    }),
    kind("database-with-a-log-of-noise", GCLOUD, Nothing, |path| {
        database(
            path,
            "PRAGMA journal_mode = wal; CREATE TABLE credentials (account_id TEXT, value BLOB)",
        );
        put(&path.with_file_name("credentials.db-wal"), [0x37, 0x7f, 0x06, 0x82].repeat(100_000));
    }),
    // Other binary files.
    kind("bolt-of-a-ring", ".local/state/elvish/db.bolt", MALFORMED, |path| put(path, bolt_ring())),
    kind("mysql-login-of-absurd-lengths", ".mylogin.cnf", MALFORMED, |path| {
        put(path, [&[0; 24][..], &[0xff, 0xff, 0xff, 0x7f], &[7; 64]].concat());
    }),
    kind("keyring-of-absurd-lengths", ".local/share/keyrings/login.keyring", MALFORMED, |path| {
        put(path, [b"GnomeKeyring\n\r\0\n\0\0\0\0", &[0x7f; 256][..]].concat());
    }),
    kind("keystore-of-absurd-lengths", "k/x.jks", MALFORMED, |path| {
        put(
            path,
            [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0x27, 0x10][..], &[0x7f; 256]].concat(),
        );
    }),
    kind("pkcs12-of-open-nesting", "k/x.p12", MALFORMED, |path| {
        put(path, [0x30, 0x80].repeat(1_000_000));
    }),
    kind("pkcs12-of-empty-elements", "k/x.p12", MALFORMED, |path| {
        put(path, [&[0x30, 0x80][..], &[0x05, 0].repeat(1_000_000)].concat());
    }),
    kind("vnc-password-of-noise", ".vnc/passwd", MALFORMED, |path| put(path, [0x7f; 16])),
    kind("x-authority-of-absurd-lengths", ".Xauthority", MALFORMED, |path| {
        put(path, [&[1, 0, 0xff, 0xff][..], &[0x7f; 256]].concat());
    }),
    kind("tickets-of-absurd-lengths", "krb5cc_1000", MALFORMED, |path| {
        put(path, [&[5, 4, 0, 0, 0, 0, 0, 1][..], &[0x7f; 256]].concat());
    }),
    kind("putty-key-of-absurd-lengths", "k/x.ppk", MALFORMED, |path| {
        put(
            path,
            "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 4294967295\nAAAA\n",
        );
    }),
    kind("pgp-of-absurd-lengths", ".gnupg/secring.gpg", MALFORMED, |path| {
        put(path, [&[0xc5, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[4; 64]].concat());
    }),
    kind("ssh-key-of-absurd-lengths", SSH, Found(1), |path| {
        use base64::Engine as _;
        let body =
            [b"openssh-key-v1\0\x7f\xff\xff\xff".as_slice(), &(0..=255).collect::<Vec<u8>>()]
                .concat();
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        put(
            path,
            format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
            ),
        );
    }),
    kind("keys-without-end", "k/x.pem", MALFORMED, |path| {
        put(path, "-----BEGIN PRIVATE KEY-----\n".repeat(100_000));
    }),
    // Files that name others.
    kind("path-to-a-fifo", KUBE, Nothing, |path| {
        fifo(&path.with_file_name("token"));
        put(path, token_file("token"));
    }),
    kind("path-to-itself", KUBE, Found(1), |path| put(path, token_file("config"))),
    kind("path-out-of-the-home", KUBE, Nothing, |path| {
        put(path, token_file("../../../../etc/hostname"));
    }),
    kind("path-to-the-machine", KUBE, Nothing, |path| put(path, token_file("/proc/self/environ"))),
    kind("git-folder-elsewhere", "p/.git", Nothing, |path| put(path, "gitdir: /etc\n")),
    kind("git-folder-is-a-fifo", "p/.git", Nothing, fifo),
    kind("git-index-of-absurd-lengths", "p/.env", Found(1), |path| {
        let index = path.with_file_name(".git").join("index");
        fs::create_dir_all(index.parent().unwrap()).unwrap();
        put(&index, [b"DIRC\0\0\0\x02\xff\xff\xff\xff".as_slice(), &[0xff; 512]].concat());
        put(path, "API_TOKEN=q7Zv4nK8sWf1cYpZ5hJ3dG6aUeT0oX\n");
    }),
    kind("git-configuration-of-itself", "p/.git/config", Nothing, |path| {
        put(path, "[include]\n\tpath = config\n".repeat(10_000));
    }),
    // Marks that lie.
    kind("mark-of-a-cache-is-a-fifo", "c/.vault-token", Found(1), |path| {
        fifo(&path.with_file_name("CACHEDIR.TAG"));
        put(path, GOOD);
    }),
    kind("mark-of-a-cache-is-a-folder", "c/.vault-token", Found(1), |path| {
        fs::create_dir(path.with_file_name("CACHEDIR.TAG")).unwrap();
        put(path, GOOD);
    }),
    kind("mark-of-a-cache-is-unsigned", "c/.vault-token", Found(1), |path| {
        put(&path.with_file_name("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc56");
        put(path, GOOD);
    }),
    kind("mark-of-a-cache-around-a-tool", ".aws/credentials", Found(1), |path| {
        put(&path.with_file_name("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55");
        put(path, AWS_KEY);
    }),
    // Modes.
    kind("closed-file", AWS, Closed, |path| {
        put(path, AWS_KEY);
        mode(path, 0o000);
    }),
    kind("file-that-can-only-be-written", AWS, Closed, |path| {
        put(path, AWS_KEY);
        mode(path, 0o200);
    }),
    kind("closed-folder", ".azure", Closed, |path| {
        fs::create_dir(path).unwrap();
        put(&path.join("msal_token_cache.json"), "{}");
        mode(path, 0o000);
    }),
    kind("folder-that-cannot-be-entered", AWS, Closed, |path| {
        put(path, AWS_KEY);
        mode(path.parent().unwrap(), 0o444);
    }),
    kind("all-odd-bits", AWS, Found(1), |path| {
        put(path, AWS_KEY);
        mode(path, 0o7400);
    }),
    // Names. Their homes have others than these; see `NAMES`.
];

/// Names of homes that steer, hide, turn and mean something elsewhere. In each lies a cache that cannot be read, and a good one.
pub(crate) const NAMES: &[&[u8]] = &[
    // Turns, colours, breaks and hides the line it is printed on.
    "a\n\u{1b}[31m\u{1b}]0;x\u{7}\r\u{202e}\u{200b}\u{feff}\u{9b}b".as_bytes(),
    "\u{2066}\u{5d0}\u{5d1}\u{202b}right to left\u{2069}".as_bytes(),
    b"latin\xff\xfe",
    b"--output=x",
    b"-rf",
    b"$(touch x);`touch y`|&'\"<>",
    b"=cmd|' C calc'!A0",
    b"<img src=x onerror=alert(1)>",
    b"[x](javascript:y) | **z**",
    b"%s%n%00..%2f",
    b"...",
    b" ",
    b"~",
    b"*?[a]{b,c}",
    b"CON",
    "e\u{301}\u{1f468}\u{200d}\u{1f469}".as_bytes(),
    &[b'n'; 255],
];

const AWS_KEY: &str = "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi\n";
const DOCKER_AUTH: &str =
    r#"{"auths": {"registry.example.com": {"auth": "amFuZTpxN3ZCNG5LOHNXZlIxY1lw"}}}"#;
const PLIST: &str = "<?xml version=\"1.0\"?><plist version=\"1.0\">";

impl Kind {
    /// Makes it in this home, beside a good cache; tells whether it could be made.
    pub(crate) fn lay_out(&self, home: &Path) -> bool {
        let place = home.join(self.at);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::create_dir_all(home).unwrap();
        put(&home.join(".vault-token"), GOOD);
        (self.lay)(&place);
        !matches!(self.told, IfMade(_)) || place.exists()
    }
}

/// Writes a file where there is none, and never through a link.
pub(crate) fn put(path: &Path, content: impl AsRef<[u8]>) {
    assert!(!path.is_symlink());
    fs::write(path, content).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .unwrap();
}

fn device(path: &Path, kind: FileType, major: u32, minor: u32) {
    let number = rustix::fs::makedev(major, minor);
    let _ = rustix::fs::mknodat(rustix::fs::CWD, path, kind, Mode::from_raw_mode(0o600), number);
}

fn sparse(path: &Path, size: u64) {
    let file = File::create_new(path).unwrap();
    // Not every file system has files as large as that.
    if file.set_len(size).is_err() {
        file.set_len(2 << 30).unwrap();
    }
}

fn poke(path: &Path, at: u64, bytes: &[u8]) {
    File::options().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

/// Writes over what follows the last place of these bytes in the file.
fn poke_after(path: &Path, mark: &[u8], bytes: &[u8]) {
    let content = fs::read(path).unwrap();
    let at = content.windows(mark.len()).rposition(|window| window == mark).unwrap_or(4096);
    poke(path, at as u64, bytes);
}

fn database(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Puts other words in the place of those that made the table.
fn schema(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA writable_schema = on").unwrap();
    connection
        .execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'credentials'", [sql])
        .unwrap();
}

/// A row of folders, each in the one before, with a cache in the last one.
pub(crate) fn deep(home: &Path, name: &str, depth: usize) {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
    let mut folder = rustix::fs::open(home, flags, Mode::empty()).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755)).unwrap();
        folder = rustix::fs::openat(&folder, name, flags, Mode::empty()).unwrap();
    }
    let flags = OFlags::CREATE | OFlags::WRONLY;
    let cache = rustix::fs::openat(&folder, ".vault-token", flags, Mode::from_raw_mode(0o600));
    rustix::io::write(cache.unwrap(), GOOD.as_bytes()).unwrap();
}

/// Ten levels of ten: ten billion nodes.
fn alias_bomb() -> String {
    let levels = (1..10).map(|level| {
        let before = format!("*a{}", level - 1);
        format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "))
    });
    format!("a0: &a0 [{}]\n{}users: *a9\n", ["x"; 10].join(", "), levels.collect::<String>())
}

/// Each mapping holds all of the one before, twice over.
fn merge_bomb() -> String {
    let levels = (1..40).map(|level| {
        let before = level - 1;
        format!("a{level}: &a{level}\n  <<: *a{before}\n  x{level}: *a{before}\n  y{level}: *a{before}\n")
    });
    format!("a0: &a0 {{x: y}}\n{}users: *a39\n", levels.collect::<String>())
}

/// A billion laughs.
fn entity_bomb() -> String {
    let levels = (1..10)
        .map(|level| format!("<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(10)));
    let levels: String = levels.collect();
    format!("<!DOCTYPE project [<!ENTITY a0 \"lol\">{levels}]><project>&a9;</project>")
}

/// A binary property list whose one array holds itself.
fn plist_of_itself() -> Vec<u8> {
    let mut bytes = b"bplist00\xa1\x00\x08".to_vec();
    bytes.extend([0; 6]);
    bytes.extend([1, 1]);
    for number in [1_u64, 0, 10] {
        bytes.extend(number.to_be_bytes());
    }
    bytes
}

/// Two pages that tell of the root, and a root that is its own child.
fn bolt_ring() -> Vec<u8> {
    let mut bytes = Vec::new();
    for page in 0..2_u64 {
        let mut meta = [&page.to_le_bytes()[..], &4_u16.to_le_bytes(), &[0; 6]].concat();
        for number in [0xED0C_DAED_u32, 2, 4096, 0] {
            meta.extend(number.to_le_bytes());
        }
        for number in [2_u64, 0, 3, 4, page, 0] {
            meta.extend(number.to_le_bytes());
        }
        meta.resize(4096, 0);
        bytes.extend(meta);
    }
    let mut branch =
        [&2_u64.to_le_bytes()[..], &1_u16.to_le_bytes(), &9_u16.to_le_bytes(), &[0; 4]].concat();
    for _ in 0..9 {
        branch.extend([&[0; 8][..], &2_u64.to_le_bytes()].concat());
    }
    branch.resize(4096, 0);
    bytes.extend(branch);
    bytes
}

fn token_file(path: &str) -> String {
    format!("apiVersion: v1\nkind: Config\nusers: [{{name: u, user: {{tokenFile: {path:?}}}}}]\n")
}
