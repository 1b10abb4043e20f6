//! The recipes of docs/images.md, docs/ci and action.yml do what they say, run in a shell with the program on the path.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::images::digest;
use crate::machine::{GOOD, Machine, PROGRAM};

const BASH: &str = "/bin/bash";

/// A machine with what the recipes name: images, a root, a `docker` and a `skopeo` that hand out an image.
fn workshop() -> Option<Machine> {
    if !Path::new(BASH).exists() {
        return None;
    }
    let machine = Machine::new();
    let image = image();
    machine.write("app.tar", &image);
    let mut archive = tar::Archive::new(&*image);
    archive.unpack(machine.root.join("layout")).unwrap();
    machine.write("rootfs/home/kim/.vault-token", GOOD);
    machine.write("rootfs.tar.gz", rootfs());
    machine.write("disk.img", disk());
    machine.write("project/.env", format!("VAULT_TOKEN={GOOD}\n"));
    tool(&machine, "docker", "[ \"$1\" = save ] && exec cat app.tar");
    tool(
        &machine,
        "skopeo",
        "if [ \"$1\" = login ]; then cat > login; else [ \"$1\" = copy ] && cp app.tar \"${3#oci-archive:}\"; fi",
    );
    tool(&machine, "nhi-scan", &format!("exec {PROGRAM} \"$@\""));
    Some(machine)
}

fn tool(machine: &Machine, name: &str, script: &str) {
    let path = machine.write(Path::new("bin").join(name), format!("#!{BASH}\n{script}\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// What `docker save` writes of an image with one layer.
fn image() -> Vec<u8> {
    let file = |tar: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // A token that was written long ago has ended.
        header.set_mtime(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
        tar.append_data(&mut header, path, bytes).unwrap();
    };
    let mut layer = tar::Builder::new(Vec::new());
    file(&mut layer, "root/.vault-token", GOOD.as_bytes());
    let layer = layer.into_inner().unwrap();
    let sum = digest(&layer);
    let config =
        format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"diff_ids":["{sum}"]}}}}"#);
    let manifest = r#"[{"Config":"config.json","Layers":["0/layer.tar"]}]"#;
    let mut image = tar::Builder::new(Vec::new());
    file(&mut image, "0/layer.tar", &layer);
    file(&mut image, "config.json", config.as_bytes());
    file(&mut image, "manifest.json", manifest.as_bytes());
    image.into_inner().unwrap()
}

/// What `docker export` writes of a container, compressed.
fn rootfs() -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(GOOD.len() as u64);
    tar.append_data(&mut header, "root/.vault-token", GOOD.as_bytes()).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

/// A FAT file system.
fn disk() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![0; 1 << 20]);
    fatfs::format_volume(&mut bytes, fatfs::FormatVolumeOptions::new()).unwrap();
    bytes.into_inner()
}

fn shell(machine: &Machine, script: &str, env: &[(&str, &str)]) -> Output {
    let path = format!("{}:/usr/bin:/bin", machine.root.join("bin").display());
    let mut command = Command::new(BASH);
    command.env_clear().env("PATH", path).env("HOME", machine.home()).current_dir(&machine.root);
    command.envs(env.iter().copied()).args(["-c", script]);
    command.output().unwrap()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

/// The lines of the blocks that are fenced as ones to be run.
fn blocks(text: &str) -> Vec<&str> {
    let rest = text.split("```sh\n").skip(1);
    rest.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_commands_of_the_page_run() {
    let Some(machine) = workshop() else { return };
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if has("qemu-img") {
        for format in ["qcow2", "vmdk"] {
            let made = shell(
                &machine,
                &format!("qemu-img convert -O {format} disk.img disk.{format}"),
                &[],
            );
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
    } else {
        println!("left out: no qemu-img here");
    }
    let text = read("docs/images.md");
    let mut run = 0;
    for line in blocks(&text).into_iter().flat_map(str::lines) {
        if line.contains("qcow2") && !has("qemu-img") {
            continue;
        }
        let output = shell(&machine, &format!("set -o pipefail; {line}"), &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        // The token of the image is one to fail on.
        let code = i32::from(line.contains("--fail-on"));
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        run += 1;
    }
    assert!(run >= 8, "{run}");
    for report in ["image.sarif", "image.html"] {
        assert!(machine.root.join(report).is_file(), "{report}");
    }
}

/// Links of the page lead somewhere.
#[test]
fn the_page_names_files_that_are_there() {
    for part in read("docs/images.md").split("](").skip(1) {
        let target = part.split(')').next().unwrap();
        assert!(repository("docs").join(target).is_file(), "{target}");
    }
}

#[test]
fn the_action_fails_on_what_it_finds() {
    let Some(machine) = workshop() else { return };
    let action: Value = serde_yaml::from_str(&read("action.yml")).unwrap();
    let steps = action["runs"]["steps"].as_array().unwrap();
    let script = steps[1]["run"].as_str().unwrap();
    let names: Vec<&str> =
        steps[1]["env"].as_object().unwrap().keys().map(String::as_str).collect();
    for (name, value, code) in [
        ("DOCKER_IMAGE", "app:latest", 1),
        ("IMAGE", "app.tar", 1),
        ("IMAGE", "layout", 1),
        ("ROOT", "rootfs", 1),
        ("SCAN_PATH", "project", 1),
        ("SCAN_PATH", "bin", 0),
    ] {
        let mut env: Vec<(&str, &str)> = names.iter().map(|name| (*name, "")).collect();
        env.extend([("FAIL_ON", "info"), ("REPORT", "out.sarif"), (name, value)]);
        let output = shell(&machine, script, &env);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}={value}: {told}");
        let sarif = fs::read(machine.root.join("out.sarif")).unwrap();
        let sarif: Value = serde_json::from_slice(&sarif).unwrap();
        assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().is_empty(), code == 0);
        fs::remove_file(machine.root.join("out.sarif")).unwrap();
    }
    let install = shell(&machine, steps[0]["run"].as_str().unwrap(), &[]);
    assert!(install.status.success());
}

#[test]
fn the_gitlab_template_writes_its_report() {
    let Some(machine) = workshop() else { return };
    let template: Value = serde_yaml::from_str(&read("docs/ci/gitlab.yml")).unwrap();
    let job = &template[".nhi-scan-image"];
    let script: Vec<&str> =
        job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let script = format!("set -e\n{}", script.join("\n"));
    for (password, is_login) in [("", false), ("made-for-tests", true)] {
        let env =
            [("IMAGE", "app:latest"), ("FAIL_ON", "info"), ("CI_REGISTRY_PASSWORD", password)];
        let output = shell(&machine, &script, &env);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(machine.root.join("login").exists(), is_login);
    }
    let report = job["artifacts"]["reports"]["secret_detection"].as_str().unwrap();
    let report: Value =
        serde_json::from_slice(&fs::read(machine.root.join(report)).unwrap()).unwrap();
    assert_eq!(report["vulnerabilities"].as_array().unwrap().len(), 1);
}

/// The commands of the Packer and Dockerfile recipes, without Packer and Docker.
#[test]
fn the_commands_in_other_recipes_run() {
    let Some(machine) = workshop() else { return };
    machine.write("output/golden.qcow2", disk());
    let packer = read("docs/ci/packer.pkr.hcl");
    let inline = packer.rsplit("inline = [\"").next().unwrap().split("\"]").next().unwrap();
    let output = shell(&machine, inline, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(machine.root.join("golden.html").is_file());
    let dockerfile = read("docs/ci/Dockerfile");
    let run =
        dockerfile.lines().find(|line| line.trim_start().starts_with("/scanner/nhi-scan")).unwrap();
    let run = run.trim().replace("/scanner/", "").replace("/image", "rootfs");
    assert_eq!(shell(&machine, &run, &[]).status.code(), Some(1));
    let nbd = shell(&machine, "nhi-scan --image disk.img --format oneline", &[]);
    assert!(nbd.status.success());
}
