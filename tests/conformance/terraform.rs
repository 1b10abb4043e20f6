//! Terraform: its state and its command-line configuration.

use serde_json::json;

use crate::home::Home;
use crate::loopback::{self, Answer};
use crate::{fake, tool};

#[test]
fn terraform_state_keeps_sensitive_outputs() {
    let Some(terraform) = tool::find("terraform") else { return };
    let mut home = Home::new();
    home.set("CHECKPOINT_DISABLE", "1");
    home.set("TF_IN_AUTOMATION", "1");
    home.set("TF_CLI_CONFIG_FILE", &home.path("etc/cli.tfrc").to_string_lossy());
    let token = format!("{}.atlasv1.{}", fake::letters(14), fake::letters(67));
    home.write(
        "etc/cli.tfrc",
        &format!("credentials \"tfe.corp.example\" {{\n  token = \"{token}\"\n}}\n"),
    );
    home.write(
        "infra/main.tf",
        r#"
        variable "db_password" {
          type      = string
          sensitive = true
        }
        resource "terraform_data" "database" {
          input = { username = "app", password = var.db_password }
        }
        output "db_password" {
          value     = var.db_password
          sensitive = true
        }
        output "region" {
          value = "eu-west-1"
        }
        "#,
    );
    let [before, now] = [fake::letters(24), fake::letters(24)];
    home.run(&terraform, ["-chdir=infra", "init", "-input=false", "-no-color"]);
    for password in [&before, &now] {
        // On the command line, so that the state is the only file with it.
        let variable = format!("-var=db_password={password}");
        home.run(
            &terraform,
            ["-chdir=infra", "apply", "-auto-approve", "-input=false", "-no-color", &variable],
        );
    }
    home.must_report(&[
        json!({
            "rule": "terraform", "path": "~/etc/cli.tfrc", "host": "tfe.corp.example", "storage": "plaintext",
            "credentials": [home.credential("personal-access-token", &token)],
        }),
        // Resource and output hold the same password: told once, where an account stands beside it.
        json!({
            "rule": "terraform-state", "path": "~/infra/terraform.tfstate", "account": "app", "storage": "plaintext",
            "credentials": [home.credential("password", &now)],
        }),
        json!({
            "rule": "terraform-state", "path": "~/infra/terraform.tfstate.backup", "account": "app", "storage": "plaintext",
            "credentials": [home.credential("password", &before)],
        }),
    ]);
}

/// What `init` was told of a backend on the command line stays in the working folder.
#[test]
fn terraform_init_keeps_the_backend_password() {
    let Some(terraform) = tool::find("terraform") else { return };
    let mut home = Home::new();
    home.set("CHECKPOINT_DISABLE", "1");
    let store =
        loopback::serve(|_| Answer { status: "404 Not Found", header: "", body: String::new() });
    let address = format!("http://{store}/prod");
    home.write(
        "infra/main.tf",
        &format!(
            "terraform {{\n  backend \"http\" {{\n    address = \"{address}\"\n    username = \"ci\"\n  }}\n}}\n"
        ),
    );
    let password = fake::letters(24);
    let option = format!("-backend-config=password={password}");
    home.run(&terraform, ["-chdir=infra", "init", "-input=false", "-no-color", &option]);
    home.must_report(&[json!({
        "rule": "terraform-state", "path": "~/infra/.terraform/terraform.tfstate", "key": "backend.config", "host": address,
        "account": "ci", "name": "backend http", "storage": "plaintext", "credentials": [home.credential("password", &password)],
    })]);
}
