//! Oracle Cloud.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

/// What `oci setup keys` calls: where it is given no passphrase it asks for one at the terminal, where none is an answer.
const KEY: &str = r"
import sys
from oci_cli import cli_setup, cli_util
cli_setup.write_private_key_to_file(sys.argv[1], cli_util.generate_key(), None)
";

const PROFILE: &str = r"
import os, sys
from oci_cli import cli_setup
user, fingerprint, key, tenancy, name = sys.argv[1:]
cli_setup.write_config(os.path.expanduser('~/.oci/config'), user, fingerprint, key, tenancy, 'eu-frankfurt-1', profile_name=name)
";

#[test]
fn oci_setup() {
    let Some(oci) = tool::installed("oci") else { return };
    let home = Home::new();
    let folder = home.path(".oci").to_string_lossy().into_owned();
    let passphrase = fake::letters(20);
    let keys = |name: &str, passphrase: &str| {
        home.run(
            &oci,
            [
                "setup",
                "keys",
                "--output-dir",
                &folder,
                "--key-name",
                name,
                "--passphrase",
                passphrase,
            ],
        );
    };
    keys("locked", &passphrase);
    home.run(&tool::python(&oci), ["-c", KEY, &format!("{folder}/open.pem")]);
    let [user, tenancy] =
        ["user", "tenancy"].map(|kind| format!("ocid1.{kind}.oc1..{}", fake::hex(60)));
    let fingerprints = ["DEFAULT", "OPS"].map(|_| fake::hex(32));
    for ((name, key), fingerprint) in
        [("DEFAULT", "open"), ("OPS", "locked")].iter().zip(&fingerprints)
    {
        let key = format!("{folder}/{key}.pem");
        home.run(&tool::python(&oci), ["-c", PROFILE, &user, fingerprint, &key, &tenancy, name]);
    }
    let key = home.read(".oci/open.pem");
    let end = key.find("-----END PRIVATE KEY-----").expect("it is a key")
        + "-----END PRIVATE KEY-----".len();
    home.must_report(&[
        json!({
            "rule": "oci", "path": "~/.oci/open.pem", "account": user, "tenant": tenancy, "name": "DEFAULT", "storage": "plaintext",
            "mode": "0600", "credentials": [home.credential("private-key", &key[..end])],
        }),
        json!({
            "rule": "oci", "path": "~/.oci/locked.pem", "account": user, "tenant": tenancy, "name": "OPS", "storage": "encrypted",
            "credentials": [{"kind": "private-key", "fingerprint": null}],
        }),
    ]);
}
