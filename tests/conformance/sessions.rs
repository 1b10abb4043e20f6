//! Sessions: `HTTPie`'s on disk, and the files of a running Jupyter server.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer, Server};
use crate::{fake, tool};

#[test]
fn httpie_sessions() {
    let Some(http) = tool::installed("http") else { return };
    let home = Home::new();
    let server = loopback::serve(|_| Answer::ok("{}"));
    let [bearer, password, key] = [fake::letters(40), fake::letters(20), fake::hex(32)];
    let get = |name: &str, more: &[&str]| {
        let address = format!("http://{server}/");
        let session = format!("--session={name}");
        home.run(
            &http,
            [
                &["--ignore-stdin", "--quiet", &session],
                &more[..more.len() - 1],
                &[&address],
                &more[more.len() - 1..],
            ]
            .concat(),
        );
    };
    get("bearer", &["--auth-type=bearer", &format!("--auth={bearer}"), "Accept:*/*"]);
    get("basic", &[&format!("--auth=dana:{password}"), "Accept:*/*"]);
    get("header", &[&format!("X-Api-Key:{key}")]);
    let port = server.port();
    let found = |name: &str, account: Option<&str>, kind: &str, secret: &str| {
        json!({
            "rule": "httpie", "path": format!("~/.config/httpie/sessions/127.0.0.1_{port}/{name}.json"), "name": name, "account": account,
            "host": format!("127.0.0.1:{port}"), "storage": "plaintext", "credentials": [home.credential(kind, secret)],
        })
    };
    home.must_report(&[
        found("bearer", None, "oauth-access-token", &bearer),
        found("basic", Some("dana"), "password", &password),
        found("header", None, "api-key", &key),
    ]);
}

#[test]
fn jupyter_server_while_it_runs() {
    let Some(jupyter) = tool::installed("jupyter-server") else { return };
    let home = Home::new();
    let token = fake::hex(48);
    let port = loopback::free_port();
    let runtime = home.path(".local/share/jupyter/runtime");
    let mut server = std::process::Command::new(&jupyter);
    server
        .args(["--no-browser", "--ip=127.0.0.1", "--allow-root", "--ServerApp.port_retries=0"])
        .arg(format!("--port={port}"))
        .env_clear()
        .envs(home.environment())
        .env("JUPYTER_RUNTIME_DIR", &runtime)
        .env("JUPYTER_TOKEN", &token)
        .current_dir(home.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let server = Server::start(&mut server);
    loopback::await_listener(port);
    let pid = server.pid();
    let page = runtime.join(format!("jpserver-{pid}-open.html"));
    let until = Instant::now() + Duration::from_secs(10);
    while !page.is_file() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let folder = "~/.local/share/jupyter/runtime";
    let credentials = [home.credential("session-token", &token)];
    let cookie = home.read(".local/share/jupyter/runtime/jupyter_cookie_secret");
    home.must_report(&[
        json!({
            "rule": "jupyter", "path": format!("{folder}/jpserver-{pid}.json"), "host": format!("http://127.0.0.1:{port}/"),
            "storage": "plaintext", "mode": "0600", "credentials": credentials,
        }),
        json!({
            "rule": "jupyter", "path": format!("{folder}/jpserver-{pid}-open.html"), "storage": "plaintext", "credentials": credentials,
        }),
        json!({
            "rule": "jupyter", "path": format!("{folder}/jupyter_cookie_secret"), "storage": "plaintext", "mode": "0600",
            "credentials": [home.credential("session-token", cookie.trim_end())],
        }),
    ]);
}
