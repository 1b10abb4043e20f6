//! What an image says of itself: indexes, manifests and configurations (OCI image-spec, Docker's image-spec v1.2 and v2 schema 2).

use std::collections::BTreeMap;

use serde::Deserialize;

/// Largest of these documents that is read, in bytes (the distribution-spec asks registries for 4 MiB).
pub(super) const MAX_DOCUMENT: u64 = 4 << 20;

/// An image index, or Docker's manifest list.
#[derive(Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
}

/// What a document says of another, or of a layer.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: Option<u64>,
    pub(super) platform: Option<Platform>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Whether it describes no image but what was said of one when it was built.
    pub(super) fn is_attestation(&self) -> bool {
        let is_for_nothing =
            |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
        self.annotations.contains_key("vnd.docker.reference.type")
            || self.platform.as_ref().is_some_and(is_for_nothing)
    }

    /// Whether its bytes are locked.
    pub(super) fn is_locked(&self) -> bool {
        self.media_type.ends_with("+encrypted")
    }

    /// Whether it says of itself that it is something else than a layer.
    fn is_no_layer(&self) -> bool {
        let kind = &self.media_type;
        !kind.is_empty() && !kind.contains("tar") && !kind.contains("layer")
    }

    pub(super) fn is_index(&self) -> bool {
        self.media_type.contains("image.index") || self.media_type.contains("manifest.list")
    }
}

/// For which machines an image is made.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) architecture: String,
    pub(super) variant: Option<String>,
}

impl Platform {
    /// `linux/arm64/v8`.
    pub(super) fn name(&self) -> String {
        let variant = self.variant.iter().filter(|it| !it.is_empty());
        let parts = [&self.os, &self.architecture].into_iter().chain(variant);
        parts.map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// Whether `os`, `os/arch` or `os/arch/variant` means this one.
    pub(super) fn is(&self, asked: &str) -> bool {
        let name = self.name();
        name == asked || name.strip_prefix(asked).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// An image manifest.
#[derive(Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

impl Manifest {
    /// Whether it is of something else that registries keep: a signature, a list of parts.
    pub(super) fn is_artifact(&self) -> bool {
        !self.layers.is_empty() && self.layers.iter().all(Descriptor::is_no_layer)
    }
}

/// An entry of the `manifest.json` that `docker save` writes; names are those of files in the archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    pub(super) layers: Vec<String>,
}

/// An image configuration. Its texts may be secrets: no `Debug`.
#[derive(Default, Deserialize)]
pub(super) struct Config {
    #[serde(flatten)]
    pub(super) platform: Platform,
    #[serde(default)]
    pub(super) config: Option<Run>,
    #[serde(default)]
    pub(super) rootfs: RootFs,
    #[serde(default)]
    pub(super) history: Vec<Step>,
}

/// How a container is run.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Run {
    #[serde(default)]
    pub(super) env: Option<Vec<String>>,
    #[serde(default)]
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) entrypoint: Option<Vec<String>>,
    #[serde(default)]
    pub(super) cmd: Option<Vec<String>>,
    #[serde(default)]
    pub(super) on_build: Option<Vec<String>>,
    #[serde(default)]
    pub(super) healthcheck: Option<Healthcheck>,
}

/// How a container is asked whether it is well.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Healthcheck {
    #[serde(default)]
    pub(super) test: Option<Vec<String>>,
}

/// The layers as they are when unpacked.
#[derive(Default, Deserialize)]
pub(super) struct RootFs {
    #[serde(default)]
    pub(super) diff_ids: Vec<String>,
}

/// One instruction of the build.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) created: Option<String>,
    #[serde(default)]
    pub(super) created_by: Option<String>,
    #[serde(default)]
    pub(super) comment: Option<String>,
    #[serde(default)]
    pub(super) empty_layer: bool,
}

/// Reads one of these documents. The parser's message would quote it.
pub(super) fn read<T: for<'d> Deserialize<'d>>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
