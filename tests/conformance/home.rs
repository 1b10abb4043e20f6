//! A scratch home: tools run in it, and a scan of it is held against what they were given.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const KEY: &[u8] = b"the key of the conformance tests, known to all";

const TYPIST: &str = r"
import os, pty, select, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
lines = sys.stdin.read().splitlines()
until = time.monotonic() + 60
while time.monotonic() < until:
    if select.select([terminal], [], [], 0.5)[0]:
        try:
            if not os.read(terminal, 4096):
                break
        except OSError:
            break
    elif lines:
        os.write(terminal, lines.pop(0).encode() + b'\r')
else:
    os.kill(child, 9)
    sys.exit('it did not end by itself')
os.waitpid(child, 0)
";

/// Folder, environment and secrets of one test.
pub(crate) struct Home {
    scratch: TempDir,
    path: PathBuf,
    env: Vec<(&'static str, String)>,
    /// What was given to [`Home::fingerprint`]; must not be seen in what a scan prints.
    secrets: RefCell<Vec<String>>,
}

impl Home {
    /// An empty home of a user called `user`.
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a temporary folder can be made");
        let path = scratch.path().canonicalize().expect("it is there").join("home/user");
        fs::create_dir_all(&path).expect("the home can be made");
        fs::create_dir(scratch.path().join("tmp")).expect("a folder beside it can be made");
        fs::write(scratch.path().join("key"), KEY).expect("the key can be written");
        Self { scratch, path, env: Vec::new(), secrets: RefCell::default() }
    }

    /// Sets a variable for the tools and for the scan.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.env.push((name, value.to_owned()));
    }

    /// The path of `name` in the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A path outside the home, for what a tool is given to read.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file by hand, with its folders.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().expect("it lies in the home"))
            .expect("folders can be made");
        fs::write(file, content).expect("a file can be written");
    }

    /// The text of a file in the home or outside; zsh's histories are not UTF-8 throughout.
    #[expect(
        clippy::disallowed_methods,
        reason = "read as anyone would read it, to judge Artifact::read by"
    )]
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        let bytes = fs::read(self.path.join(name)).expect("the tool wrote the file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs a tool in the home.
    ///
    /// # Panics
    ///
    /// If it does not succeed.
    pub(crate) fn run<I, A>(&self, tool: &Path, arguments: I) -> String
    where
        I: IntoIterator<Item = A>,
        A: AsRef<std::ffi::OsStr>,
    {
        output(self.command(tool).args(arguments))
    }

    /// Runs a tool in the home, with `input` to read.
    ///
    /// # Panics
    ///
    /// If it does not succeed.
    pub(crate) fn feed(&self, tool: &Path, arguments: &[&str], input: &str) -> String {
        output(self.command(tool).args(arguments).write_stdin(input))
    }

    /// Types lines at a tool that asks at a terminal, each once it has been silent for a moment.
    ///
    /// # Panics
    ///
    /// If it does not succeed.
    pub(crate) fn type_at(&self, python: &Path, tool: &Path, arguments: &[&str], lines: &str) {
        let tool = tool.to_string_lossy();
        self.feed(python, &[&["-c", TYPIST, &tool], arguments].concat(), lines);
    }

    /// A tool with the environment of the home.
    pub(crate) fn command(&self, tool: &Path) -> Command {
        // It ends what the tool started, too, and leaves it no terminal to ask at; the second limit is for what gets away.
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", "120"])
            .arg(tool)
            .current_dir(&self.path)
            .timeout(Duration::from_mins(3))
            .env_clear()
            .envs(self.environment());
        command
    }

    /// The environment of the home: nothing is inherited but the search path, and no proxy answers.
    #[expect(clippy::disallowed_methods, reason = "a test has no Host")]
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let temporary = self.scratch.path().join("tmp");
        let mut environment = vec![
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", self.path.clone().into()),
            ("XDG_CONFIG_HOME", self.path(".config").into()),
            ("XDG_DATA_HOME", self.path(".local/share").into()),
            ("XDG_STATE_HOME", self.path(".local/state").into()),
            ("XDG_CACHE_HOME", self.path(".cache").into()),
            ("XDG_RUNTIME_DIR", temporary.clone().into()),
            ("TMPDIR", temporary.into()),
            ("USER", "user".into()),
            ("LOGNAME", "user".into()),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "dumb".into()),
            ("TZ", "UTC".into()),
            ("no_proxy", "127.0.0.1,localhost".into()),
            ("NO_PROXY", "127.0.0.1,localhost".into()),
        ];
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            environment.push((name, "http://127.0.0.1:9".into()));
        }
        environment.extend(self.env.iter().map(|(name, value)| (*name, value.into())));
        environment
    }

    /// What a scan must call this secret (DESIGN, section 8).
    pub(crate) fn fingerprint(&self, secret: &str) -> String {
        self.secrets.borrow_mut().push(secret.to_owned());
        let mut hash = Sha256::new();
        hash.update(b"nhi-scan/keyid/v1\0");
        hash.update(KEY);
        let key_id = hex(&hash.finalize()[..4]);
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("HMAC takes keys of any length");
        mac.update(b"nhi-scan/fp/v1\0");
        mac.update(secret.as_bytes());
        format!("hk1:{key_id}:{}", hex(&mac.finalize().into_bytes()[..16]))
    }

    /// One credential of a finding, with this kind and the fingerprint of this secret.
    pub(crate) fn credential(&self, kind: &str, secret: &str) -> Value {
        json!({"kind": kind, "fingerprint": self.fingerprint(secret)})
    }

    /// Scans the home. The findings must be these and no others; of each only what is given is compared, lists whole.
    ///
    /// # Panics
    ///
    /// If they are not, if anything was skipped, or if a secret is in what the scan printed.
    pub(crate) fn must_report(&self, expected: &[Value]) {
        let report = self.scan();
        assert_eq!(
            report["coverage"]["skipped"],
            json!([]),
            "a file that the tool wrote was not understood"
        );
        assert_eq!(report["coverage"]["complete"], json!(true));
        let mut found: Vec<Value> = report["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|finding| self.tell(finding))
            .collect();
        let mut missing = Vec::new();
        for wanted in expected {
            match found.iter().position(|told| covers(told, wanted)) {
                Some(at) => drop(found.remove(at)),
                None => missing.push(wanted),
            }
        }
        assert!(
            missing.is_empty() && found.is_empty(),
            "missing: {:#}\nbeyond what was expected: {:#}",
            json!(missing),
            json!(found)
        );
    }

    fn scan(&self) -> Value {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_nhi-scan")));
        let output = command
            .args(["--format", "json", "--fingerprint-passwords", "--thorough", "--no-progress"])
            .arg("--fingerprint-key-file")
            .arg(self.scratch.path().join("key"))
            .arg(&self.path)
            .assert()
            .success()
            .get_output()
            .clone();
        let printed = String::from_utf8([output.stdout.as_slice(), &output.stderr].concat())
            .expect("reports are UTF-8");
        for secret in self.secrets.borrow().iter() {
            assert!(!printed.contains(secret.as_str()), "a secret is in what the scan printed");
        }
        serde_json::from_slice(&output.stdout).expect("the report is JSON")
    }

    /// A finding laid flat, its path beginning at the home.
    fn tell(&self, finding: &Value) -> Value {
        let mut told = Map::new();
        for part in ["scope", "lifetime", "custody", "location", "identity"] {
            told.extend(finding[part].as_object().cloned().unwrap_or_default());
        }
        for name in ["rule", "tool", "category", "credentials"] {
            told.insert(name.to_owned(), finding[name].clone());
        }
        told.insert("state".to_owned(), finding["lifetime"]["state"].clone());
        told.insert("place".to_owned(), finding["location"]["state"].clone());
        let path = finding["location"]["path"].as_str().unwrap_or_default();
        let home = self.path.to_string_lossy();
        assert_eq!(finding["location"]["home"], json!(home), "{path} lies in the home");
        assert_eq!(
            finding["custody"]["mode"],
            mode(Path::new(path)),
            "{path} is told with its mode"
        );
        told.insert("path".to_owned(), json!(path.replace(&*home, "~")));
        Value::Object(told)
    }
}

fn output(command: &mut Command) -> String {
    let assert = command.assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// Whether `told` says all that `wanted` says.
fn covers(told: &Value, wanted: &Value) -> bool {
    match (told, wanted) {
        (Value::Object(told), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| covers(told.get(name).unwrap_or(&Value::Null), wanted)),
        (Value::Array(told), Value::Array(wanted)) => {
            told.len() == wanted.len()
                && told.iter().zip(wanted).all(|(told, wanted)| covers(told, wanted))
        }
        _ => told == wanted,
    }
}

fn mode(path: &Path) -> Value {
    let mode = fs::metadata(path).expect("the file is there").mode() & 0o7777;
    json!(format!("{mode:04o}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
