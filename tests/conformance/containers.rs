//! Clusters and containers: kubectl, the client of Docker, podman.

use std::fs;
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

/// A key with its certificate, made by openssl outside the home.
struct Pair {
    certificate: String,
    key: String,
    key_text: String,
    not_before: String,
    not_after: String,
}

impl Pair {
    fn make(home: &Home, openssl: &Path, subject: &str) -> Self {
        let [certificate, key] =
            ["cert.pem", "key.pem"].map(|name| home.outside(name).to_string_lossy().into_owned());
        home.run(
            openssl,
            [
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "30",
                "-subj",
                subject,
                "-keyout",
                &key,
                "-out",
                &certificate,
            ],
        );
        let dates = home.run(openssl, ["x509", "-noout", "-dates", "-in", &certificate]);
        let date = |name: &str| {
            let text = dates
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .expect("openssl tells both dates");
            let date =
                DateTime::strptime("%b %d %H:%M:%S %Y GMT", text).expect("openssl writes dates so");
            TimeZone::UTC.to_timestamp(date).expect("it is in range").to_string()
        };
        let key_text = home.read(&key).trim_end().to_owned();
        Self {
            key_text,
            not_before: date("notBefore="),
            not_after: date("notAfter="),
            certificate,
            key,
        }
    }
}

#[test]
fn kubectl_token_password_certificate_and_exec() {
    let Some(kubectl) = tool::find("kubectl") else { return };
    let Some(openssl) = tool::aid("openssl") else { return };
    let home = Home::new();
    // Debian 12's build dies in its JSON encoder whenever there is something to write.
    let probe = format!("--kubeconfig={}", home.outside("probe").display());
    let probe = home
        .command(&kubectl)
        .args(["config", "set-credentials", "probe", "--token=x", &probe])
        .ok();
    if probe.is_err() {
        return tool::skip("kubectl", "cannot write a configuration");
    }
    let pair = Pair::make(&home, &openssl, "/O=system:masters/CN=dana");
    let [token, password] = [fake::letters(40), fake::letters(24)];
    let config = |words: &[&str]| drop(home.run(&kubectl, [&["config"], words].concat()));
    config(&["set-cluster", "prod", "--server=https://prod.corp.example:6443"]);
    config(&["set-cluster", "lab", "--server=https://lab.corp.example:6443"]);
    config(&["set-credentials", "robot", &format!("--token={token}")]);
    config(&["set-credentials", "legacy", "--username=admin", &format!("--password={password}")]);
    config(&[
        "set-credentials",
        "dana",
        "--embed-certs=true",
        &format!("--client-certificate={}", pair.certificate),
        &format!("--client-key={}", pair.key),
    ]);
    config(&[
        "set-credentials",
        "sso",
        "--exec-api-version=client.authentication.k8s.io/v1beta1",
        "--exec-command=aws",
        "--exec-arg=eks,get-token,--cluster-name,prod",
    ]);
    for (context, cluster) in
        [("robot", "prod"), ("legacy", "lab"), ("dana", "prod"), ("sso", "prod")]
    {
        config(&[
            "set-context",
            context,
            &format!("--cluster={cluster}"),
            &format!("--user={context}"),
        ]);
    }
    config(&["use-context", "robot"]);
    let prod = "cluster prod https://prod.corp.example:6443";
    home.must_report(&[
        json!({
            "rule": "kubectl", "path": "~/.kube/config", "key": "users[robot].token", "name": "robot", "active": true, "mode": "0600",
            "host": "https://prod.corp.example:6443", "reach": ["context robot", prod], "storage": "plaintext",
            "credentials": [home.credential("api-key", &token)],
        }),
        json!({
            "rule": "kubectl", "path": "~/.kube/config", "key": "users[legacy].password", "account": "admin", "active": false,
            "host": "https://lab.corp.example:6443", "storage": "plaintext", "credentials": [home.credential("password", &password)],
        }),
        json!({
            "rule": "kubectl", "path": "~/.kube/config", "account": "dana", "roles": ["system:masters"], "reach": ["context dana", prod],
            "storage": "plaintext", "issued_at": pair.not_before, "expires_at": pair.not_after,
            // The certificate is public; its dates are the key's.
            "credentials": [{
                "kind": "private-key", "fingerprint": home.fingerprint(&pair.key_text),
                "issued_at": pair.not_before, "expires_at": pair.not_after,
            }],
        }),
        json!({
            "rule": "kubectl", "path": "~/.kube/config", "name": "sso", "storage": "helper", "held_by": "aws", "credentials": [],
        }),
    ]);
}

/// One that lets everyone in who gives any password.
fn registry() -> String {
    let registry = loopback::serve(|request| match request.authorization {
        Some(_) => Answer::ok("{}"),
        None => Answer {
            status: "401 Unauthorized",
            header: "Www-Authenticate: Basic realm=\"x\"\r\n",
            body: "{}".to_owned(),
        },
    });
    registry.to_string()
}

#[test]
fn docker_login() {
    let Some(docker) = tool::find("docker") else { return };
    let mut home = Home::new();
    // No daemon is asked: the client logs in by itself.
    home.set("DOCKER_HOST", &format!("unix://{}", home.outside("docker.sock").display()));
    let password = fake::letters(28);
    let host = registry();
    home.feed(&docker, &["login", "--username", "dana", "--password-stdin", &host], &password);
    home.must_report(&[json!({
        "rule": "docker", "path": "~/.docker/config.json", "host": host, "account": "dana", "mode": "0600", "storage": "obfuscated",
        "credentials": [home.credential("password", &password)],
    })]);
}

#[test]
fn docker_context_with_tls() {
    let Some(docker) = tool::find("docker") else { return };
    let Some(openssl) = tool::aid("openssl") else { return };
    let home = Home::new();
    let pair = Pair::make(&home, &openssl, "/O=Acme/CN=build-client");
    let endpoint = format!(
        "host=tcp://docker.corp.example:2376,ca={0},cert={0},key={1}",
        pair.certificate, pair.key
    );
    home.run(&docker, ["context", "create", "build", "--docker", &endpoint]);
    let tls = fs::read_dir(home.path(".docker/contexts/tls"))
        .expect("the client made it")
        .flatten()
        .next();
    let tls = tls.expect("one folder a context").file_name().to_string_lossy().into_owned();
    home.must_report(&[json!({
        "rule": "docker-tls", "path": format!("~/.docker/contexts/tls/{tls}/docker/key.pem"), "account": "build-client",
        "roles": ["Acme"], "storage": "plaintext", "expires_at": pair.not_after,
        "credentials": [{
            "kind": "private-key", "fingerprint": home.fingerprint(&pair.key_text),
            "issued_at": pair.not_before, "expires_at": pair.not_after,
        }],
    })]);
}

#[test]
fn podman_login_and_secret() {
    let Some(podman) = tool::find("podman") else { return };
    let mut home = Home::new();
    // By default the file lies on the session's memory disk, outside every home.
    home.set("REGISTRY_AUTH_FILE", &home.path(".config/containers/auth.json").to_string_lossy());
    let [password, secret] = [fake::letters(28), fake::letters(24)];
    let host = registry();
    let storage = home.path(".local/share/containers/storage");
    let global = [
        format!("--root={}", storage.display()),
        format!("--runroot={}", home.outside("run").display()),
    ];
    let global = [global[0].as_str(), &global[1], "--storage-driver=vfs"];
    let login = ["login", "--tls-verify=false", "--username=dana", "--password-stdin", &host];
    home.feed(&podman, &[&global[..], &login].concat(), &password);
    home.feed(&podman, &[&global[..], &["secret", "create", "db-password", "-"]].concat(), &secret);
    home.must_report(&[
        json!({
            "rule": "podman", "path": "~/.config/containers/auth.json", "host": host, "account": "dana", "mode": "0600",
            "storage": "obfuscated", "credentials": [home.credential("password", &password)],
        }),
        json!({
            "rule": "podman", "path": "~/.local/share/containers/storage/secrets/filedriver/secretsdata.json", "name": "db-password",
            "storage": "obfuscated", "credentials": [home.credential("password", &secret)],
        }),
    ]);
}
