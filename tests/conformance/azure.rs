//! Azure: the command line's own store of tokens and service principals.

use serde_json::json;

use crate::home::Home;
use crate::{fake, tool};

/// What `az login` calls once Entra has answered: MSAL's cache in the file of the command line, and its profile.
const LOGIN: &str = r"
import json, os, sys
from azure.cli.core.auth.persistence import load_persisted_token_cache
given = json.load(sys.stdin)
folder = os.path.expanduser('~/.azure')
os.makedirs(folder, exist_ok=True)
cache = load_persisted_token_cache(os.path.join(folder, 'msal_token_cache'), False)
cache.add({
    'client_id': given['client'], 'scope': ['https://management.core.windows.net//.default'], 'environment': 'login.microsoftonline.com',
    'token_endpoint': 'https://login.microsoftonline.com/%s/oauth2/v2.0/token' % given['tenant'],
    'response': {
        'token_type': 'Bearer', 'expires_in': 4800, 'access_token': given['access'], 'refresh_token': given['refresh'], 'foci': '1',
        'id_token_claims': {'oid': given['user'], 'tid': given['tenant'], 'sub': 's', 'preferred_username': 'dana@corp.example'},
        'client_info': given['client_info'],
    },
})
";

#[test]
fn az_login_of_a_person() {
    let Some(az) = tool::installed("az") else { return };
    let home = Home::new();
    let [tenant, user, client] = [
        "72f988bf-86f1-41af-91ab-2d7cd011db47",
        "0a1b2c3d-0000-4000-8000-00000000da7a",
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    ];
    let [access, refresh] = [fake::letters(300), format!("1.A{}", fake::letters(300))];
    let info = base64_of(&json!({"uid": user, "utid": tenant}).to_string());
    let given = json!({
        "client": client, "tenant": tenant, "user": user, "access": access, "refresh": refresh, "client_info": info,
    });
    home.feed(&tool::python(&az), &["-c", LOGIN], &given.to_string());
    home.must_report(&[json!({
        "rule": "az", "path": "~/.azure/msal_token_cache.json", "account": "dana@corp.example", "tenant": tenant,
        "host": "login.microsoftonline.com", "client_id": client, "storage": "plaintext",
        "reach": ["Microsoft first-party clients (family 1)"],
        "credentials": [home.credential("oauth-refresh-token", &refresh), home.credential("oauth-access-token", &access)],
    })]);
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

/// What `az login --service-principal` keeps.
const PRINCIPAL: &str = r"
import json, os, sys
from azure.cli.core.auth.identity import ServicePrincipalStore
from azure.cli.core.auth.persistence import load_secret_store
folder = os.path.expanduser('~/.azure')
os.makedirs(folder, exist_ok=True)
ServicePrincipalStore(load_secret_store(os.path.join(folder, 'service_principal_entries'), False)).save_entry(json.load(sys.stdin))
";

#[test]
fn az_login_of_a_service_principal() {
    let Some(az) = tool::installed("az") else { return };
    let home = Home::new();
    let [id, tenant] =
        ["9f8e7d6c-0000-4000-8000-000000000001", "72f988bf-86f1-41af-91ab-2d7cd011db47"];
    let secret = format!("{}8Q~{}", fake::letters(3), fake::letters(34));
    let given = json!({"client_id": id, "tenant": tenant, "client_secret": secret});
    home.feed(&tool::python(&az), &["-c", PRINCIPAL], &given.to_string());
    home.must_report(&[json!({
        "rule": "az", "path": "~/.azure/service_principal_entries.json", "account": id, "tenant": tenant, "client_id": id,
        "storage": "plaintext", "credentials": [home.credential("client-secret", &secret)],
    })]);
}

#[test]
fn az_storage_defaults() {
    let Some(az) = tool::installed("az") else { return };
    let mut home = Home::new();
    home.set("AZURE_CORE_COLLECT_TELEMETRY", "false");
    let key = fake::letters(86) + "==";
    let connection = format!(
        "storage.connection_string=DefaultEndpointsProtocol=https;AccountName=acmelogs;AccountKey={key};EndpointSuffix=core.windows.net"
    );
    home.run(&az, ["config", "set", "core.output=table", &connection]);
    home.must_report(&[json!({
        "rule": "az", "path": "~/.azure/config", "key": "storage.connection_string", "account": "acmelogs", "storage": "plaintext",
        "credentials": [home.credential("api-key", &key)],
    })]);
}
