//! Images: `docker save`, OCI layouts and pipes, made here entry by entry.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::machine::{GOOD, Machine, report};

/// A GitHub token whose checksum fits, made for tests.
const ENV_TOKEN: &str = "gho_16C7e42F292c6912E7710c838347Ae178B4a";
const RUN_TOKEN: &str = "kQ3vX9bT2mZ7sW5nYc8RkQ3vX9bT2mZ7sW5nYc8R";
const AWS: &str = "[default]\naws_access_key_id = AKIAQ3EGR7UZKEXAMP7Q\naws_secret_access_key = 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\n";

/// A day after the files were written.
const NOW: &str = "1700086400";

#[derive(Clone, Copy)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// One layer: its archive, and how it is stored.
struct Layer {
    tar: Vec<u8>,
    blob: Vec<u8>,
    made_by: &'static str,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    let digits = sum.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.filter_map(|it| char::from_digit(it.into(), 16)).collect();
    format!("sha256:{hex}")
}

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header
}

/// `path` and content; a path that ends with `/` is a folder, a content that begins with `->` a link, with `=>` a hard link.
fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (path, content) in entries {
        let link = content.strip_prefix("->").map(|target| (EntryType::Symlink, target));
        let link = link.or_else(|| content.strip_prefix("=>").map(|to| (EntryType::Link, to)));
        if let Some((kind, target)) = link {
            tar.append_link(&mut header(kind, 0), path, target).unwrap();
        } else if path.ends_with('/') {
            let mut folder = header(EntryType::Directory, 0);
            folder.set_mode(0o755);
            tar.append_data(&mut folder, path, std::io::empty()).unwrap();
        } else {
            let mut file = header(EntryType::Regular, content.len());
            tar.append_data(&mut file, path, content.as_bytes()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

fn layer(packing: Packing, made_by: &'static str, entries: &[(&str, &str)]) -> Layer {
    let tar = archive(entries);
    let blob = match packing {
        Packing::Plain => tar.clone(),
        Packing::Gzip => gzipped(&tar),
        Packing::Zstd => zstd::encode_all(&*tar, 3).unwrap(),
    };
    Layer { tar, blob, made_by }
}

/// A token that is deleted again, one in the environment, one in a `RUN` line, one in a zstd layer.
fn layers() -> Vec<Layer> {
    vec![
        layer(
            Packing::Gzip,
            "/bin/sh -c #(nop) ADD file:x in / ",
            &[
                ("etc/", ""),
                ("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv/app:/bin/sh\n"),
                ("root/", ""),
                ("root/.vault-token", GOOD),
                ("usr/lib/python3/x.py", "pass"),
            ],
        ),
        layer(
            Packing::Plain,
            "RUN /bin/sh -c rm /root/.vault-token # buildkit",
            &[("root/.wh..vault-token", "")],
        ),
        layer(
            Packing::Zstd,
            "COPY credentials /srv/app/.aws/credentials # buildkit",
            &[("srv/app/.aws/", ""), ("srv/app/.aws/credentials", AWS)],
        ),
    ]
}

fn config(layers: &[Layer], architecture: &str) -> Vec<u8> {
    let mut history: Vec<Value> = layers
        .iter()
        .map(|layer| json!({"created": "2023-11-14T22:00:00Z", "created_by": layer.made_by}))
        .collect();
    history.push(json!({
        "created": "2023-11-14T22:10:00Z",
        "created_by": format!("RUN /bin/sh -c curl -H 'Authorization: Bearer {RUN_TOKEN}' https://api.example # buildkit"),
        "empty_layer": true,
    }));
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/bin", format!("GH_TOKEN={ENV_TOKEN}")], "Labels": {"maintainer": "me"}},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| digest(&layer.tar)).collect::<Vec<_>>()},
        "history": history,
    });
    serde_json::to_vec(&config).unwrap()
}

/// Files of an image's archive or folder.
type Files = Vec<(String, Vec<u8>)>;

fn blob_file(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn described(files: &mut Files, kind: &str, bytes: Vec<u8>) -> Value {
    let digest = digest(&bytes);
    let described = json!({"mediaType": kind, "digest": digest, "size": bytes.len()});
    files.push((blob_file(&digest), bytes));
    described
}

fn manifest(files: &mut Files, layers: &[Layer], architecture: &str) -> Value {
    let config =
        described(files, "application/vnd.oci.image.config.v1+json", config(layers, architecture));
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| described(files, "application/vnd.oci.image.layer.v1.tar", layer.blob.clone()))
        .collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    let mut manifest = described(
        files,
        "application/vnd.oci.image.manifest.v1+json",
        serde_json::to_vec(&manifest).unwrap(),
    );
    manifest["platform"] = json!({"os": "linux", "architecture": architecture});
    manifest
}

fn oci_of(images: &[(&str, &[Layer])]) -> Files {
    let mut files = vec![("oci-layout".into(), br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec())];
    let manifests: Vec<Value> = images
        .iter()
        .map(|(architecture, layers)| manifest(&mut files, layers, architecture))
        .collect();
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    files.push(("index.json".into(), serde_json::to_vec(&index).unwrap()));
    files
}

fn oci(layers: &[Layer]) -> Files {
    oci_of(&[("amd64", layers)])
}

/// As Docker before 25: a folder a layer, plain, `manifest.json` at the end.
fn docker(layers: &[Layer]) -> Files {
    let mut files = Files::new();
    let config = config(layers, "amd64");
    let config_name = format!("{}.json", &digest(&config)[7..]);
    let mut names = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let name = format!("{at}/layer.tar");
        files.push((format!("{at}/VERSION"), b"1.0".to_vec()));
        files.push((name.clone(), layer.tar.clone()));
        names.push(name);
    }
    files.push((config_name.clone(), config));
    let manifest = json!([{"Config": config_name, "RepoTags": ["x:latest"], "Layers": names}]);
    files.push(("manifest.json".into(), serde_json::to_vec(&manifest).unwrap()));
    files
}

/// As crane, Kaniko, ko and Jib do: layers packed, named by no digest of theirs that an OCI layout would promise.
fn packed_docker(layers: &[Layer]) -> Files {
    let mut files = Files::new();
    let config = config(layers, "amd64");
    let config_name = digest(&config);
    files.push((config_name.clone(), config));
    let mut names = Vec::new();
    for layer in layers {
        let name = format!("{}.tar.gz", &digest(&layer.blob)[7..]);
        files.push((name.clone(), layer.blob.clone()));
        names.push(name);
    }
    let manifest = json!([{"Config": config_name, "RepoTags": null, "Layers": names}]);
    files.push(("manifest.json".into(), serde_json::to_vec(&manifest).unwrap()));
    files
}

/// As `skopeo copy … dir:` does: the manifest of one image, its blobs beside it.
fn flat(layers: &[Layer]) -> Files {
    let mut files = oci(layers);
    let index = files.iter().find(|(path, _)| path == "index.json").unwrap();
    let index: Value = serde_json::from_slice(&index.1).unwrap();
    let manifest = blob_file(index["manifests"][0]["digest"].as_str().unwrap());
    files.retain(|(path, _)| path.starts_with("blobs/"));
    for (path, _) in &mut files {
        *path = if *path == manifest {
            "manifest.json".into()
        } else {
            path.rsplit('/').next().unwrap().to_owned()
        };
    }
    files.push(("version".into(), b"Directory Transport Version: 1.1\n".to_vec()));
    files
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn packed(files: &Files) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (path, bytes) in files {
        tar.append_data(&mut header(EntryType::Regular, bytes.len()), path, &**bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn unpacked(machine: &Machine, name: &str, files: &Files) -> PathBuf {
    for (path, bytes) in files {
        machine.write(Path::new(name).join(path), bytes);
    }
    machine.root.join(name)
}

fn scan(machine: &Machine, image: &Path, args: &[&str]) -> Value {
    let mut command = machine.program();
    command.arg("--image").arg(image).args(["--format", "json"]).args(args);
    command.env("SOURCE_DATE_EPOCH", NOW);
    report(&command.output().unwrap())
}

fn piped(machine: &Machine, bytes: &[u8]) -> Value {
    let mut command = machine.program();
    command.args(["--image", "-", "--format", "json"]).write_stdin(bytes);
    command.env("SOURCE_DATE_EPOCH", NOW);
    report(&command.output().unwrap())
}

fn scan_of(machine: &Machine, bytes: &[u8]) -> Value {
    let path = machine.write("image.tar", bytes);
    scan(machine, &path, &[])
}

/// `path key layer-index state`, sorted.
fn told(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut told: Vec<String> = findings
        .map(|it| {
            let location = &it["location"];
            let word = |value: &Value| match value {
                Value::String(text) => text.clone(),
                Value::Null => "-".into(),
                other => other.to_string(),
            };
            let words = ["path", "key"].map(|name| word(&location[name]));
            let index = word(&location["image"]["index"]);
            format!("{} {} {index} {}", words[0], words[1], word(&location["state"]))
        })
        .collect();
    told.sort();
    told
}

fn skips(report: &Value) -> Vec<String> {
    let skips = report["coverage"]["skipped"].as_array().unwrap().iter();
    skips
        .map(|skip| {
            format!("{} {}", skip["path"].as_str().unwrap(), skip["reason"].as_str().unwrap())
        })
        .collect()
}

const EXPECTED: [&str; 4] = [
    "/root/.vault-token - 0 deleted-but-recoverable",
    "/srv/app/.aws/credentials default.aws_secret_access_key 2 present",
    "image:config config.Env.GH_TOKEN - present",
    "image:config history[3] - present",
];

/// What differs between two runs is left out.
fn settled(mut report: Value) -> Value {
    for name in ["scan", "coverage"] {
        report[name] = Value::Null;
    }
    for finding in report["findings"].as_array_mut().unwrap() {
        for credential in finding["credentials"].as_array_mut().unwrap() {
            credential["fingerprint"] = Value::Null;
        }
    }
    report
}

#[test]
fn every_form_of_an_image_tells_the_same() {
    let machine = Machine::new();
    let layers = layers();
    let (oci, docker) = (oci(&layers), docker(&layers));
    let by_others = packed_docker(&layers);
    let forms = [
        ("OCI folder", scan(&machine, &unpacked(&machine, "layout", &oci), &[])),
        ("OCI archive", scan_of(&machine, &packed(&oci))),
        ("OCI pipe", piped(&machine, &packed(&oci))),
        ("docker folder", scan(&machine, &unpacked(&machine, "saved", &docker), &[])),
        ("docker archive", scan_of(&machine, &packed(&docker))),
        ("docker pipe", piped(&machine, &packed(&docker))),
        ("docker archive, compressed", scan_of(&machine, &gzipped(&packed(&docker)))),
        ("docker pipe, compressed", piped(&machine, &gzipped(&packed(&docker)))),
        ("archive of packed layers", scan_of(&machine, &packed(&by_others))),
        ("pipe of packed layers", piped(&machine, &packed(&by_others))),
        ("skopeo's folder", scan(&machine, &unpacked(&machine, "flat", &flat(&layers)), &[])),
        ("skopeo's folder in an archive", scan_of(&machine, &packed(&flat(&layers)))),
    ];
    let first = settled(forms[0].1.clone());
    for (form, report) in forms {
        assert_eq!(told(&report), EXPECTED, "{form}");
        assert_eq!(report["coverage"]["complete"], true, "{form}: {:?}", skips(&report));
        assert_eq!(report["coverage"]["files_seen"], 4, "{form}");
        assert_eq!(settled(report), first, "{form}");
    }
}

#[test]
fn a_finding_tells_its_layer_and_what_became_of_it() {
    let machine = Machine::new();
    let layers = layers();
    let report = scan_of(&machine, &packed(&oci(&layers)));
    let findings = report["findings"].as_array().unwrap();
    let of = |path: &str| findings.iter().find(|it| it["location"]["path"] == path).unwrap();
    let token = of("/root/.vault-token");
    assert_eq!(token["location"]["layer"], digest(&layers[0].tar));
    assert_eq!(token["custody"]["owner"], "root");
    assert_eq!(token["custody"]["mode"], "0600");
    assert_eq!(
        token["location"]["image"],
        json!({"index": 0, "created_by": "ADD … /", "platforms": [], "history": [
            {"layer": digest(&layers[0].tar), "index": 0, "created_by": "ADD … /", "change": "written"},
            {"layer": digest(&layers[1].tar), "index": 1, "created_by": "RUN rm …", "change": "deleted"},
        ]})
    );
    assert_eq!(of("/srv/app/.aws/credentials")["location"]["home"], "/srv/app");
    assert_eq!(of("image:config")["location"]["layer"], Value::Null);
    for finding in findings {
        let issues = finding["issues"].as_array().unwrap();
        assert!(issues.contains(&json!("golden-image")), "{issues:?}");
    }
    // No secret of the image is in the report.
    let text = serde_json::to_string(&report).unwrap();
    for secret in [GOOD, ENV_TOKEN, RUN_TOKEN] {
        assert!(!text.contains(secret));
    }
}

/// No secret of an image is in any form of its report, raw or in base64, nor where the image is broken.
#[test]
fn no_report_of_an_image_tells_a_secret() {
    let machine = Machine::new();
    let whole = packed(&docker(&layers()));
    let images = [
        machine.write("whole.tar", &whole),
        machine.write("part.tar", &whole[..whole.len() * 2 / 3]),
    ];
    let key = "9tL2mQx7vB4nK8sWfR1cYpZ5hJ3dG6aUeT0oXwQi";
    let secrets = [GOOD, ENV_TOKEN, RUN_TOKEN, key];
    for format in nhi_scan::output::FORMATS {
        for image in &images {
            let mut command = machine.program();
            command.arg("--image").arg(image).args(["-vv", "--all", "--format", format.name]);
            let output = command.output().unwrap();
            for bytes in [&output.stdout, &output.stderr] {
                let text = String::from_utf8_lossy(bytes);
                for secret in secrets {
                    let coded = STANDARD.encode(secret);
                    let shown = text.contains(secret) || text.contains(&coded[..coded.len() - 4]);
                    assert!(!shown, "{} of {}", format.name, image.display());
                }
            }
        }
    }
}

/// Whiteouts, opaque folders, replaced files, folders that became files, links.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn layers_are_laid_over_each_other() {
    let other = GOOD.replace("CAESI", "CAESJ");
    let other = other.as_str();
    for (case, lower, upper, expected) in [
        (
            "a folder is deleted",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/.wh.u", "")],
            vec!["/home/u/.vault-token - 0 deleted-but-recoverable"],
        ),
        (
            "a folder is emptied",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/u/", ""), ("home/u/.wh..wh..opq", "")],
            vec!["/home/u/.vault-token - 0 deleted-but-recoverable"],
        ),
        (
            "emptied and filled again",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/u/.vault-token", other), ("home/u/.wh..wh..opq", "")],
            vec![
                "/home/u/.vault-token - 0 deleted-but-recoverable",
                "/home/u/.vault-token - 1 present",
            ],
        ),
        (
            "replaced",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/u/.vault-token", other)],
            vec![
                "/home/u/.vault-token - 0 deleted-but-recoverable",
                "/home/u/.vault-token - 1 present",
            ],
        ),
        (
            "written again",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/u/.vault-token", GOOD)],
            vec!["/home/u/.vault-token - 1 present"],
        ),
        (
            "a folder becomes a file",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/u", "x")],
            vec!["/home/u/.vault-token - 0 deleted-but-recoverable"],
        ),
        (
            "a folder becomes a link",
            vec![("home/u/.vault-token", GOOD)],
            vec![("home/u", "->/nowhere")],
            vec!["/home/u/.vault-token - 0 deleted-but-recoverable"],
        ),
        (
            "a whiteout is for lower layers",
            vec![("etc/x", "")],
            vec![("home/u/.vault-token", GOOD), ("home/u/.wh..vault-token", "")],
            vec!["/home/u/.vault-token - 1 present"],
        ),
        (
            "a link to a kept file",
            vec![("home/u/.vault-token", "->../data/token"), ("home/data/token", GOOD)],
            vec![("etc/x", "")],
            vec!["/home/u/.vault-token - 0 present"],
        ),
        (
            "an absolute link",
            vec![("home/u/.vault-token", "->/data/blob"), ("data/blob", GOOD)],
            vec![("etc/x", "")],
            vec!["/home/u/.vault-token - 0 present"],
        ),
        (
            "a link to the target in another layer",
            vec![("home/u/.vault-token", "->/data/blob")],
            vec![("data/blob", GOOD)],
            vec!["/home/u/.vault-token - 1 present"],
        ),
        (
            "a hard link to a file of another name",
            vec![("data/blob", GOOD), ("home/u/.vault-token", "=>data/blob")],
            vec![("etc/x", "")],
            vec!["/home/u/.vault-token - 0 present"],
        ),
        (
            "a hard link, its target deleted",
            vec![("data/blob", GOOD), ("home/u/.vault-token", "=>data/blob")],
            vec![("data/.wh.blob", "")],
            vec!["/home/u/.vault-token - 0 present"],
        ),
        (
            "a link through a folder",
            vec![
                ("var/run", "->/run"),
                ("run/u/.vault-token", GOOD),
                ("etc/passwd", "u:x:1:1::/var/run/u:/bin/sh\n"),
            ],
            vec![("etc/x", "")],
            vec!["/run/u/.vault-token - 0 present"],
        ),
    ] {
        let machine = Machine::new();
        let layers = [layer(Packing::Gzip, "lower", &lower), layer(Packing::Zstd, "upper", &upper)];
        let report = scan_of(&machine, &packed(&oci(&layers)));
        let mut files = told(&report);
        files.retain(|line| !line.starts_with("image:config"));
        assert_eq!(files, expected, "{case}");
        assert_eq!(skips(&report), Vec::<String>::new(), "{case}");
    }
}

/// A pipe is not read twice: what a link leads to by another name is there, or it is told.
#[test]
fn a_pipe_tells_what_went_by() {
    let machine = Machine::new();
    let filler = "x".repeat(40_000);
    let lower = [("data/blob", filler.as_str()), ("home/u/.vault-token", "->/data/blob")];
    let layers = [layer(Packing::Plain, "lower", &lower)];
    let report = piped(&machine, &packed(&docker(&layers)));
    assert_eq!(skips(&report), ["/data/blob layer-missing", "/home/u/.vault-token vanished"]);
    assert_eq!(report["coverage"]["complete"], false);
}

#[test]
fn each_platform_is_scanned_or_the_one_that_was_asked_for() {
    let machine = Machine::new();
    let other = GOOD.replace("CAESI", "CAESJ");
    let shared = || layer(Packing::Gzip, "base", &[("home/u/.vault-token", GOOD)]);
    let amd = [shared(), layer(Packing::Gzip, "amd", &[("home/amd/.vault-token", &other)])];
    let arm = [shared(), layer(Packing::Gzip, "arm", &[("home/arm/.vault-token", &other)])];
    let image = packed(&oci_of(&[("amd64", &amd), ("arm64", &arm)]));
    let path = machine.write("image.tar", image);
    let files = |report: &Value| {
        let mut files = told(report);
        files.retain(|line| !line.starts_with("image:config"));
        files
    };
    let both = scan(&machine, &path, &[]);
    assert_eq!(
        files(&both),
        [
            "/home/amd/.vault-token - 1 present",
            "/home/arm/.vault-token - 1 present",
            "/home/u/.vault-token - 0 present"
        ]
    );
    let shared = both["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["location"]["path"] == "/home/u/.vault-token");
    assert_eq!(
        shared.unwrap()["location"]["image"]["platforms"],
        json!(["linux/amd64", "linux/arm64"])
    );
    let one = scan(&machine, &path, &["--platform", "linux/arm64"]);
    assert_eq!(
        files(&one),
        ["/home/arm/.vault-token - 1 present", "/home/u/.vault-token - 0 present"]
    );
    let none = scan(&machine, &path, &["--platform", "linux/s390x"]);
    assert_eq!(told(&none), Vec::<String>::new());
    assert_eq!(skips(&none).len(), 1);
}

#[test]
fn what_is_missing_or_not_what_it_claims_to_be_is_told() {
    let layers = layers();
    let top = digest(&layers[2].blob);
    let label = digest(&layers[2].tar);
    let broken = |change: &dyn Fn(&mut Files)| {
        let mut files = oci(&layers);
        change(&mut files);
        let machine = Machine::new();
        let (file, pipe) = (scan_of(&machine, &packed(&files)), piped(&machine, &packed(&files)));
        assert_eq!(told(&file), told(&pipe));
        (told(&file), skips(&file))
    };
    let at = |files: &Files, name: &str| files.iter().position(|(path, _)| path == name).unwrap();
    let (found, skipped) = broken(&|files| {
        let at = at(files, &blob_file(&top));
        files.remove(at);
    });
    assert_eq!((found.len(), skipped), (3, vec![format!("{label} layer-missing")]));
    let (found, skipped) = broken(&|files| {
        let at = at(files, &blob_file(&top));
        files[at].1 = zstd::encode_all(&*archive(&[("home/u/.vault-token", GOOD)]), 3).unwrap();
    });
    assert_eq!(skipped, [format!("{label} malformed")]);
    assert!(found.iter().any(|line| line.starts_with("/home/u/.vault-token")), "{found:?}");
    let (_, skipped) = broken(&|files| {
        let at = at(files, &blob_file(&top));
        let half = files[at].1.len() / 2;
        files[at].1.truncate(half);
    });
    assert_eq!(skipped, [format!("{label} malformed")]);
    let (_, skipped) = broken(&|files| {
        let at = at(files, &blob_file(&top));
        files[at].1 = b"no archive at all".to_vec();
    });
    assert_eq!(skipped, [format!("{label} malformed")]);
    let (found, skipped) = broken(&|files| files.retain(|(path, _)| path != "index.json"));
    assert_eq!((found.len(), skipped.len()), (0, 1));
    assert!(skipped[0].ends_with(" unrecognised"), "{skipped:?}");
}

/// Names that lead out, names and links without end, more than memory has room for, and what grows when it is unpacked.
#[test]
fn hostile_layers_end_in_a_reason() {
    let raw = |path: &[u8], kind: EntryType, link: &[u8], size: u64, content: &[u8]| {
        let mut header = header(kind, 0);
        header.set_size(size);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..path.len()].copy_from_slice(path);
        gnu.linkname[..link.len()].copy_from_slice(link);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
        bytes
    };
    let token =
        raw(b"home/u/.vault-token", EntryType::Regular, b"", GOOD.len() as u64, GOOD.as_bytes());
    let file = |path: &[u8]| raw(path, EntryType::Regular, b"", GOOD.len() as u64, GOOD.as_bytes());
    let bomb = |name: &str, size: u64| {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&token).unwrap();
        gzip.write_all(&raw(name.as_bytes(), EntryType::Regular, b"", size, b"")).unwrap();
        std::io::copy(&mut std::io::repeat(0).take(size), &mut gzip).unwrap();
        gzip.write_all(&[0; 1024]).unwrap();
        gzip.finish().unwrap()
    };
    let long_name = raw(b"././@LongLink", EntryType::GNULongName, b"", 64 << 20, b"");
    for (case, blob, reason, found) in [
        (
            "leads out",
            [file(b"../../etc/.vault-token"), token.clone()].concat(),
            Some("malformed"),
            1,
        ),
        ("absolute", [file(b"/home/v/.vault-token"), token.clone()].concat(), None, 2),
        (
            "ends early",
            [token.clone(), raw(b"x", EntryType::Regular, b"", 1 << 40, b"")].concat(),
            Some("malformed"),
            1,
        ),
        ("a broken sum", [token.clone(), vec![1; 512]].concat(), Some("malformed"), 1),
        ("a huge name", [token.clone(), long_name].concat(), Some("too-large"), 1),
        (
            "links in a circle",
            [raw(b"home/u/.aws", EntryType::Symlink, b".aws", 0, b""), token.clone()].concat(),
            Some("symlink"),
            1,
        ),
        (
            "a hard link to itself",
            [raw(b"home/u/.pgpass", EntryType::Link, b"home/u/.pgpass", 0, b""), token.clone()]
                .concat(),
            None,
            1,
        ),
        (
            "a hard link out",
            [raw(b"home/u/.pgpass", EntryType::Link, b"../../etc/shadow", 0, b""), token.clone()]
                .concat(),
            None,
            1,
        ),
        (
            "a device",
            [raw(b"home/u/.pgpass", EntryType::Char, b"", 0, b""), token.clone()].concat(),
            Some("special-file"),
            1,
        ),
        ("a large cache", bomb("home/u/.pgpass", 64 << 20), Some("too-large"), 1),
        ("a large file", bomb("var/x", 64 << 20), None, 1),
    ] {
        let machine = Machine::new();
        let layers = [Layer { tar: blob.clone(), blob, made_by: "x" }];
        let mut files = oci(&layers);
        // Where the bytes are packed, what they unpack to is promised by another digest.
        let report = scan_of(&machine, &packed(&files));
        let mut found_files = told(&report);
        found_files.retain(|line| !line.starts_with("image:config"));
        assert_eq!(found_files.len(), found, "{case}: {found_files:?} {:?}", skips(&report));
        let reasons: Vec<String> =
            skips(&report).iter().map(|skip| skip.rsplit(' ').next().unwrap().to_owned()).collect();
        match reason {
            Some(reason) => assert!(reasons.iter().any(|it| it == reason), "{case}: {reasons:?}"),
            None => assert_eq!(reasons, Vec::<String>::new(), "{case}"),
        }
        files.clear();
    }
}

/// `docker export`, LXC, WSL, debootstrap: no image describes them, so there is no layer to tell.
#[test]
fn an_archive_of_a_machines_files_is_its_root() {
    let machine = Machine::new();
    let tar = archive(&[
        ("./", ""),
        ("./srv/", ""),
        ("./srv/app/.aws/credentials", AWS),
        ("./etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:0:0::/srv/app:/bin/sh\n"),
        ("./data/blob", GOOD),
        ("./root/.vault-token", "->/data/blob"),
        ("./var/filler", &"x".repeat(100_000)),
    ]);
    let expected = [
        "/root/.vault-token - - present",
        "/srv/app/.aws/credentials default.aws_secret_access_key - present",
    ];
    let unplanned = archive(&[("notes.txt", "x"), ("home.txt", "x")]);
    for (form, bytes) in [
        ("plain", tar.clone()),
        ("gzip", gzipped(&tar)),
        ("zstd", zstd::encode_all(&*tar, 3).unwrap()),
    ] {
        let report = scan_of(&machine, &bytes);
        assert_eq!(told(&report), expected, "{form}: {:?}", skips(&report));
        for finding in report["findings"].as_array().unwrap() {
            assert_eq!(finding["location"]["layer"], Value::Null);
            assert!(finding["issues"].as_array().unwrap().contains(&json!("golden-image")));
        }
        let by_pipe = piped(&machine, &bytes);
        assert_eq!(told(&by_pipe), expected[1..], "{form}");
        assert!(skips(&by_pipe).contains(&"/data/blob layer-missing".into()), "{form}");
        fs::remove_file(machine.root.join("image.tar")).unwrap();
    }
    assert_eq!(skips(&scan_of(&machine, &unplanned)).len(), 1);
}

/// What lies in a layout beside images, and what is locked.
#[test]
fn what_is_no_image_in_a_layout_is_told_as_such() {
    let machine = Machine::new();
    let layers = layers();
    let mut files = oci(&layers);
    let at = files.iter().position(|(path, _)| path == "index.json").unwrap();
    let (_, index) = files.remove(at);
    let mut index: Value = serde_json::from_slice(&index).unwrap();
    let manifests = index["manifests"].as_array_mut().unwrap();
    let signature =
        described(&mut files, "application/vnd.dev.cosign.simplesigning.v1+json", b"{}".to_vec());
    let empty = described(&mut files, "application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let signed = json!({"schemaVersion": 2, "config": empty, "layers": [signature]});
    let signed = serde_json::to_vec(&signed).unwrap();
    manifests.push(described(&mut files, "application/vnd.oci.image.manifest.v1+json", signed));
    let mut statement = manifests[0].clone();
    statement["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    manifests.push(statement);
    files.push(("index.json".into(), serde_json::to_vec(&index).unwrap()));
    let report = scan_of(&machine, &packed(&files));
    assert_eq!(told(&report), EXPECTED);
    assert_eq!(skips(&report), Vec::<String>::new());
    assert_eq!(
        report["coverage"]["pruned"],
        json!([
            {"reason": "artifacts that are no images", "count": 1},
            {"reason": "attestations of the build", "count": 1},
        ])
    );
    let mut locked = Files::new();
    let mut manifest = manifest(&mut locked, &layers, "amd64");
    let at = locked
        .iter()
        .position(|(path, _)| *path == blob_file(manifest["digest"].as_str().unwrap()))
        .unwrap();
    let (_, bytes) = locked.remove(at);
    let text =
        String::from_utf8(bytes).unwrap().replace("layer.v1.tar", "layer.v1.tar+gzip+encrypted");
    manifest =
        described(&mut locked, "application/vnd.oci.image.manifest.v1+json", text.into_bytes());
    locked.push((
        "index.json".into(),
        serde_json::to_vec(&json!({"manifests": [manifest]})).unwrap(),
    ));
    let report = scan_of(&machine, &packed(&locked));
    assert_eq!(told(&report), EXPECTED[2..]);
    assert_eq!(skips(&report).len(), 3);
    assert!(skips(&report).iter().all(|skip| skip.ends_with(" unsupported-encryption")));
}

/// `FROM scratch` and `ENV`, nothing else.
#[test]
fn an_image_without_layers_has_its_configuration() {
    let machine = Machine::new();
    let report = scan_of(&machine, &packed(&oci(&[])));
    assert_eq!(
        told(&report),
        ["image:config config.Env.GH_TOKEN - present", "image:config history[0] - present"]
    );
    assert_eq!(skips(&report), Vec::<String>::new());
}

/// More layers than engines make, the same file in each.
#[test]
fn a_file_of_many_layers_is_one_finding_a_content() {
    let machine = Machine::new();
    let layers: Vec<Layer> = (0..140)
        .map(|at| {
            let token = AWS.replace("tL2m", &format!("t{at:03}"));
            layer(Packing::Gzip, "RUN make", &[("root/.aws/credentials", &*token)])
        })
        .collect();
    let report = scan_of(&machine, &packed(&oci(&layers)));
    let mut files = told(&report);
    files.retain(|line| !line.starts_with("image:config"));
    assert_eq!(files.len(), 140);
    assert_eq!(files.iter().filter(|line| line.ends_with(" 139 present")).count(), 1);
    assert_eq!(skips(&report), Vec::<String>::new());
}

/// More places than there is room for: those that were first are read, and it is said that there were more.
#[test]
fn a_layer_of_more_places_than_there_is_room_for_ends() {
    let machine = Machine::new();
    let mut tar = Builder::new(Vec::new());
    let mut file = |path: String, content: &str| {
        tar.append_data(&mut header(EntryType::Regular, content.len()), path, content.as_bytes())
            .unwrap();
    };
    file("home/first/.vault-token".into(), GOOD);
    for at in 0..20_000 {
        file(format!("home/u{at}/.vault-token"), "");
    }
    let tar = tar.into_inner().unwrap();
    let layers = [Layer { blob: gzipped(&tar), tar, made_by: "x" }];
    let report = scan_of(&machine, &packed(&oci(&layers)));
    assert_eq!(told(&report)[0], "/home/first/.vault-token - 0 present");
    assert_eq!(skips(&report), [format!("{} too-large", digest(&layers[0].tar))]);
}

/// Every beginning of an archive, and archives with a byte changed: an end, never a hang or a crash.
#[test]
fn broken_archives_end() {
    let machine = Machine::new();
    let whole = packed(&docker(&layers()));
    let try_it = |bytes: &[u8]| {
        let mut command = machine.program();
        command.args(["--image", "-", "--format", "json"]).write_stdin(bytes);
        let output = command.output().unwrap();
        // Where nothing begins as an archive does, it is none.
        (output.status.code() != Some(2)).then(|| report(&output))
    };
    for cut in (0..whole.len()).step_by(whole.len() / 12) {
        let Some(report) = try_it(&whole[..cut]) else {
            assert_eq!(cut, 0);
            continue;
        };
        let all_there = told(&report) == EXPECTED;
        assert_eq!(report["coverage"]["complete"], all_there, "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 12) {
        let mut changed = whole.clone();
        changed[at] ^= 0x5A;
        try_it(&changed);
    }
}

/// What is no image is refused, and told is what to do.
#[test]
fn what_is_no_image_is_refused() {
    let machine = Machine::new();
    let marked = |at: usize, mark: &[u8]| {
        let mut bytes = vec![0; 70_000];
        bytes[at..at + mark.len()].copy_from_slice(mark);
        bytes
    };
    for (name, bytes, told) in [
        ("notes.txt", b"nothing of the kind\n".to_vec(), "neither an archive"),
        ("empty", Vec::new(), "it is empty"),
        ("disk.vmdk", marked(0, b"KDMV"), "qemu-img convert -O qcow2 disk.vmdk disk.qcow2"),
        ("disk.vhdx", marked(0, b"vhdxfile"), "VHDX is not read here"),
        ("root.tar.xz", marked(0, b"\xFD7zXZ\0"), "xz -dc root.tar.xz | nhi-scan --image -"),
        ("a b.xz", marked(0, b"\xFD7zXZ\0"), "xz -dc FILE | nhi-scan --image -"),
        ("app.snap", marked(0, b"hsqs"), "unsquashfs -d DIR app.snap"),
        ("live.iso", marked(0x8001, b"CD001"), "mount -o ro,loop live.iso DIR"),
        ("data.btrfs", marked(0x10040, b"_BHRfS_M"), "btrfs is not read here"),
        ("data.xfs", marked(0, b"XFSB"), "ro,norecovery,loop"),
        ("locked", marked(0, b"LUKS\xBA\xBE"), "cryptsetup open --readonly locked NAME"),
        ("disk.img.gz", gzipped(&marked(510, &[0x55, 0xAA])), "a disk is unpacked first"),
    ] {
        let path = machine.write(name, &bytes);
        let mut by_pipe = machine.program();
        by_pipe.args(["--image", "-"]).write_stdin(bytes);
        let mut by_name = machine.program();
        by_name.current_dir(&machine.root).args(["--image", name]);
        for (output, told) in [
            (by_name.output().unwrap(), told),
            (by_pipe.output().unwrap(), told.split(' ').next().unwrap()),
        ] {
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name}: {error}");
            assert!(error.contains(told), "{name}: {error}");
        }
        fs::remove_file(path).unwrap();
    }
    for (name, told) in
        [("home", "--root"), ("alpine:3", "skopeo copy docker://NAME oci-archive:FILE")]
    {
        let mut command = machine.program();
        let output = command.current_dir(&machine.root).args(["--image", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{name}: {error}");
    }
    let mut command = machine.program();
    command.args(["--image", "-"]).write_stdin(marked(510, &[0x55, 0xAA]));
    let error = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(error.contains("a disk cannot be read from a pipe"), "{error}");
    for args in [
        &["--platform", "linux/amd64"][..],
        &["--image", "-", "--root", "/"],
        &["--image", "-", "home"],
    ] {
        let output = machine.program().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

/// An image in CI: exit status 1 for what was found, 3 for what is missing.
#[test]
fn the_exit_status_is_that_of_any_scan() {
    let machine = Machine::new();
    let mut files = oci(&layers());
    let whole = machine.write("whole.tar", packed(&files));
    files.retain(|(path, _)| *path != blob_file(&digest(&layers()[2].blob)));
    let part = machine.write("part.tar", packed(&files));
    for (image, args, code) in [
        (&whole, &["--fail-on", "medium"][..], 1),
        (&whole, &["--require-complete"], 0),
        (&part, &["--fail-on", "medium", "--require-complete"], 3),
        (&part, &[], 0),
    ] {
        let output = machine.program().arg("--image").arg(image).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
    fs::remove_file(whole).unwrap();
}
