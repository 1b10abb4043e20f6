//! Images: what `docker save` writes, OCI layouts, archives of them, pipes of these, and archives of a machine's files.
//!
//! Each layer streams by once and is unpacked nowhere; what rules may ask for is kept in memory ([`sieve`]), and the layers laid
//! over each other ([`tree`]) are walked and read as any file system is. What a later layer deleted or replaced is walked again
//! as its own layer left it.

mod archive;
mod blob;
mod history;
mod layer;
mod manifest;
mod sieve;
mod start;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::artifact::handle;
use crate::report::{LayerChange, LayerPlace, PlaceChange, SkipReason, Skipped};
use crate::source::volume::{Volume, resolve};
use archive::{Archive, Kind};
pub(super) use blob::read_at;
use blob::{Blobs, Form, Summed};
use history::Instruction;
use layer::{Layer, Limits};
use manifest::{Config, Descriptor, Index, MAX_DOCUMENT, Manifest, Saved};
pub use sieve::Sieve;
use start::Holds;
use tree::{Change, Tree, View};

/// Most images of one source.
const MAX_IMAGES: usize = 64;

/// Most layers of one image: engines stop at 127.
const MAX_LAYERS: usize = 512;

/// How deep an index may name another.
const MAX_INDEXES: usize = 4;

/// Most bytes of documents that are kept while a pipe is read.
const MAX_DOCUMENTS: u64 = 8 << 20;

/// Most changes that are told of one file.
const MAX_CHANGES: usize = 8;

/// Where images are read from. Opened before the kernel holds the process; nothing was read yet but what tells its kind.
pub struct Source {
    from: From,
    /// As the report names it.
    name: String,
}

enum From {
    Folder(handle::Root),
    /// An archive that can be read in any order.
    Archive(File),
    /// An archive that is read from front to back.
    Stream(Stream, Holds),
}

/// What is read from front to back.
enum Stream {
    /// As often as one likes.
    File(File),
    /// Once.
    Pipe(Option<Box<dyn Read + Send>>),
}

impl Stream {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::File(file) => {
                let mut again = file.try_clone()?;
                again.rewind()?;
                Ok(Box::new(again))
            }
            Self::Pipe(from) => from.take().ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// What a file or pipe that is no image is.
#[derive(Debug)]
pub struct NoImage;

/// An image for one platform.
pub struct Picture {
    /// `linux/arm64`.
    pub platform: String,
    tree: Arc<Tree>,
    labels: Vec<String>,
    /// The instruction of each layer, as it may be told.
    made_by: Vec<Option<String>>,
    config: Config,
}

/// What was read of a source.
#[derive(Default)]
pub struct Pictures {
    /// The images.
    pub pictures: Vec<Picture>,
    /// What is missing, broken, or not what it claims to be.
    pub skipped: Vec<Skipped>,
    /// What was not looked at on purpose: reason -> number.
    pub pruned: BTreeMap<String, u64>,
    /// Folders in all layers.
    pub folders: u64,
    /// Files in all layers.
    pub files: u64,
    /// Bytes of all layers, as stored.
    pub bytes: u64,
}

/// How images are read.
pub struct Wish<'w> {
    /// What is kept.
    pub sieve: Sieve<'w>,
    /// Only images for this `os/arch`.
    pub platform: Option<&'w str>,
    /// Largest file that is kept, in bytes.
    pub max_file: u64,
    /// Whether to end early.
    pub stop: &'w (dyn Fn() -> bool + Sync),
}

impl Source {
    /// A folder with an OCI layout, or with what `docker save` put into an archive.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn folder(path: &Path) -> io::Result<Self> {
        Ok(Self {
            from: From::Folder(handle::Root::open(path)?),
            name: path.to_string_lossy().into(),
        })
    }

    /// A file, by its first bytes.
    ///
    /// # Errors
    /// The file is no archive.
    pub fn file(path: &Path, file: File, start: &[u8]) -> Result<Self, NoImage> {
        let holds = start::holds(start).ok_or(NoImage)?;
        let from = match (Form::of(start), holds) {
            (Form::Tar, Holds::Images) => From::Archive(file),
            _ => From::Stream(Stream::File(file), holds),
        };
        Ok(Self { from, name: path.to_string_lossy().into() })
    }

    /// A pipe that begins so.
    ///
    /// # Errors
    /// What comes is no archive.
    pub fn pipe(from: Box<dyn Read + Send>, start: &[u8]) -> Result<Self, NoImage> {
        let holds = start::holds(start).ok_or(NoImage)?;
        let whole = Box::new(io::Cursor::new(start.to_vec()).chain(from));
        Ok(Self { from: From::Stream(Stream::Pipe(Some(whole)), holds), name: "-".into() })
    }

    /// Whether it can be read again.
    pub fn is_seekable(&self) -> bool {
        !matches!(self.from, From::Stream(Stream::Pipe(_), _))
    }

    /// Reads the images; a pipe only once.
    pub fn read(&mut self, wish: &Wish<'_>) -> Pictures {
        let limits = Limits::new(wish.max_file, wish.stop);
        let mut pictures = Pictures::default();
        let opened = match &mut self.from {
            From::Stream(stream, Holds::Files) => {
                match stream.open() {
                    Ok(stream) => pictures.add_files(stream, &self.name, wish, &limits),
                    Err(error) => pictures.skip(&self.name, layer::fault_of(&error)),
                }
                return pictures;
            }
            From::Stream(stream, Holds::Images) => {
                stream.open().and_then(|from| Passed::by(from, wish, &limits)).map(Stock::Passed)
            }
            From::Folder(root) => root.again().map(|root| Stock::Blobs(Blobs::Folder(root))),
            From::Archive(file) => file.try_clone().and_then(Blobs::of_archive).map(Stock::Blobs),
        };
        match opened {
            Ok(stock) => {
                let mut reading =
                    Reading { stock, wish, limits: &limits, flat: false, told: &mut pictures };
                reading.run(&self.name);
            }
            Err(error) => pictures.skip(&self.name, layer::fault_of(&error)),
        }
        pictures
    }
}

impl Pictures {
    fn skip(&mut self, what: &str, reason: SkipReason) {
        self.skipped.push(Skipped { path: what.to_owned(), reason, count: 1 });
    }

    fn leave_out(&mut self, what: &str) {
        *self.pruned.entry(what.to_owned()).or_default() += 1;
    }

    /// The files of a machine, as an image of one layer that nobody described.
    fn add_files(
        &mut self,
        from: Box<dyn Read + Send>,
        name: &str,
        wish: &Wish<'_>,
        limits: &Limits<'_>,
    ) {
        let read = read_layer(from, u64::MAX, &Sums::NONE, wish, limits);
        for fault in &read.layer.faults {
            self.skip(name, *fault);
        }
        self.count(&read);
        self.pictures.push(Picture {
            platform: String::new(),
            tree: Arc::new(Tree::new(vec![read.layer], limits.key().clone())),
            labels: Vec::new(),
            made_by: Vec::new(),
            config: Config::default(),
        });
    }

    fn count(&mut self, read: &ReadLayer) {
        self.folders += read.layer.folders;
        self.files += read.layer.files;
        self.bytes += read.size;
    }
}

/// What is at hand: blobs that can be opened by name, or what came by.
enum Stock {
    Blobs(Blobs),
    Passed(Passed),
}

impl Stock {
    fn document(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Blobs(blobs) => blobs.document(name),
            Self::Passed(passed) => passed.documents.get(passed.real(name)).cloned(),
        }
    }
}

/// A layer, and what its bytes came to.
#[derive(Clone)]
struct ReadLayer {
    layer: Arc<Layer>,
    digest: Option<String>,
    /// Of its unpacked bytes, where nothing was promised of the others.
    unpacked: Option<String>,
    size: u64,
}

/// What is summed up of a layer.
struct Sums {
    /// Its bytes, by this algorithm.
    algorithm: &'static str,
    /// Its unpacked bytes, too.
    unpacked: bool,
}

impl Sums {
    const NONE: Self = Self { algorithm: "", unpacked: false };

    /// By what a file of this name, or its digest, promises.
    fn of(promise: Option<&str>) -> Self {
        let algorithm =
            if promise.is_some_and(|it| it.contains("sha512")) { "sha512:" } else { "sha256:" };
        Self { algorithm, unpacked: promise.is_none() }
    }
}

/// What came by in a stream.
#[derive(Default)]
struct Passed {
    documents: HashMap<String, Vec<u8>>,
    layers: HashMap<String, ReadLayer>,
    links: HashMap<String, String>,
    /// Why the stream was not read to its end.
    fault: Option<SkipReason>,
}

impl Passed {
    /// Reads an archive from front to back. Which of its blobs are layers of which image is told at its end only.
    fn by(stream: Box<dyn Read + Send>, wish: &Wish<'_>, limits: &Limits<'_>) -> io::Result<Self> {
        let mut passed = Self::default();
        let (_, stream) = blob::unpacked(stream, u64::MAX)?;
        let mut archive = Archive::new(stream);
        let mut room = MAX_DOCUMENTS;
        while !(wish.stop)() {
            let entry = match archive.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    passed.fault = Some(layer::fault_of(&error));
                    break;
                }
            };
            let name = String::from_utf8_lossy(&entry.path).trim_start_matches("./").to_owned();
            if passed.documents.len() + passed.layers.len() + passed.links.len() > 100_000 {
                passed.fault = Some(SkipReason::TooLarge);
                break;
            }
            match entry.kind {
                Kind::Link | Kind::HardLink => {
                    let target = blob::linked(&name, &String::from_utf8_lossy(&entry.link));
                    passed.links.insert(name, target);
                }
                Kind::File => {
                    let taken =
                        passed.take(&name, entry.size, &mut archive, &mut room, wish, limits);
                    if let Err(error) = taken {
                        passed.fault = Some(layer::fault_of(&error));
                        break;
                    }
                }
                Kind::Folder | Kind::Special => {}
            }
        }
        Ok(passed)
    }

    fn take<R: Read + Send>(
        &mut self,
        name: &str,
        size: u64,
        archive: &mut Archive<R>,
        room: &mut u64,
        wish: &Wish<'_>,
        limits: &Limits<'_>,
    ) -> io::Result<()> {
        let mut content = archive.content();
        let start = blob::beginning(&mut content)?;
        let whole = io::Cursor::new(start.clone()).chain(content);
        match Form::of(&start) {
            Form::Document if size <= MAX_DOCUMENT && size <= *room => {
                *room -= size;
                let mut bytes = Vec::new();
                { whole }.read_to_end(&mut bytes)?;
                self.documents.insert(name.to_owned(), bytes);
            }
            Form::Gzip | Form::Zstd | Form::Tar => {
                let sums = Sums::of(digest_in(name).as_deref());
                let read = read_layer(whole, size, &sums, wish, limits);
                self.layers.insert(name.to_owned(), read);
            }
            Form::Document | Form::Other => {}
        }
        Ok(())
    }

    fn real<'n>(&'n self, name: &'n str) -> &'n str {
        self.links.get(name).map_or(name, String::as_str)
    }
}

/// Reads a layer and sums up its bytes.
fn read_layer(
    from: impl Read + Send,
    size: u64,
    sums: &Sums,
    wish: &Wish<'_>,
    limits: &Limits<'_>,
) -> ReadLayer {
    let mut summed = Summed::new(from, sums.algorithm);
    let mut digest = None;
    let mut layer = match blob::unpacked(&mut summed, size) {
        Ok((form, from)) => {
            let algorithm = if sums.unpacked && form != Form::Tar { "sha256:" } else { "" };
            let mut unpacked = Summed::new(from, algorithm);
            let layer = layer::read(&mut unpacked, &wish.sieve, limits);
            digest = unpacked.digest();
            layer
        }
        Err(error) => {
            let mut layer = Layer::default();
            layer.fault(layer::fault_of(&error));
            layer
        }
    };
    // Behind what was unpacked there may be more, which the digest covers.
    if layer.faults.is_empty()
        && !(wish.stop)()
        && let Err(error) = io::copy(&mut summed, &mut io::sink())
    {
        layer.fault(layer::fault_of(&error));
    }
    let size = summed.read;
    ReadLayer { layer: Arc::new(layer), digest: summed.digest(), unpacked: digest, size }
}

/// An image that was chosen, and where its parts lie.
struct Chosen {
    platform: String,
    config: Config,
    layers: Vec<Wanted>,
}

/// A layer of a chosen image.
#[derive(Clone)]
struct Wanted {
    /// Its file.
    name: String,
    /// What its bytes must sum up to; none where only the unpacked bytes are promised.
    digest: Option<String>,
    size: Option<u64>,
    /// As the report names it: the digest of its unpacked bytes.
    label: String,
    /// Locked with a key that nobody has here (`OCIcrypt`).
    locked: bool,
}

struct Reading<'r, 'w> {
    stock: Stock,
    wish: &'r Wish<'w>,
    limits: &'r Limits<'w>,
    /// Blobs lie beside their manifest, named by their sum alone.
    flat: bool,
    told: &'r mut Pictures,
}

impl Reading<'_, '_> {
    fn run(&mut self, name: &str) {
        let (chosen, any) = self.choose();
        if !any {
            self.told.skip(name, SkipReason::Unrecognised);
        } else if let (true, Some(platform)) = (chosen.is_empty(), self.wish.platform) {
            self.told.skip(&format!("{name}: {platform}"), SkipReason::LayerMissing);
        }
        if let Stock::Passed(Passed { fault: Some(fault), .. }) = &self.stock {
            self.told.skip(name, *fault);
        }
        let read = self.layers(&chosen);
        for read in read.values() {
            self.told.count(read);
        }
        for chosen in chosen {
            self.picture(chosen, &read);
        }
    }

    /// The images that were asked for, and whether there are any at all.
    fn choose(&mut self) -> (Vec<Chosen>, bool) {
        let mut chosen: Vec<(String, Chosen)> = Vec::new();
        let mut any = false;
        let saved = self.stock.document("manifest.json");
        for saved in saved.as_deref().and_then(manifest::read::<Vec<Saved>>).unwrap_or_default() {
            any = true;
            let Some(config) = self.config(&saved.config, None) else { continue };
            let layers = Self::saved_layers(&saved, &config);
            self.choose_one(&mut chosen, &saved.config, config, layers);
        }
        let index = self.stock.document("index.json");
        if let Some(index) = index.as_deref().and_then(manifest::read::<Index>) {
            let has_saved = any;
            any |= self.choose_of(&index, &mut chosen, has_saved, 0);
        } else if let Some(manifest) = saved.as_deref().and_then(manifest::read::<Manifest>) {
            // What `skopeo copy … dir:` and `podman save --format docker-dir` write.
            self.flat = true;
            any |= self.choose_manifest(&manifest, &mut chosen);
        }
        (chosen.into_iter().map(|(_, chosen)| chosen).collect(), any)
    }

    fn choose_of(
        &mut self,
        index: &Index,
        chosen: &mut Vec<(String, Chosen)>,
        has_saved: bool,
        depth: usize,
    ) -> bool {
        let mut any = false;
        for descriptor in &index.manifests {
            if descriptor.is_attestation() {
                self.told.leave_out("attestations of the build");
                continue;
            }
            if chosen.len() >= MAX_IMAGES || depth > MAX_INDEXES {
                self.told.skip(&descriptor.digest, SkipReason::TooLarge);
                return any;
            }
            let elsewhere = self.wish.platform.zip(descriptor.platform.as_ref());
            if !descriptor.is_index() && elsewhere.is_some_and(|(asked, it)| !it.is(asked)) {
                any = true;
                continue;
            }
            let Some(bytes) = self.stock.document(&self.file_of(&descriptor.digest)) else {
                any = true;
                // Docker lists every platform and saves those that it has.
                if !has_saved {
                    self.told.skip(&descriptor.digest, SkipReason::LayerMissing);
                }
                continue;
            };
            self.verify(&bytes, descriptor);
            if let Some(inner) = manifest::read::<Index>(&bytes) {
                any |= self.choose_of(&inner, chosen, has_saved, depth + 1);
                continue;
            }
            let Some(manifest) = manifest::read::<Manifest>(&bytes) else {
                any = true;
                self.told.skip(&descriptor.digest, SkipReason::Malformed);
                continue;
            };
            any |= self.choose_manifest(&manifest, chosen);
        }
        any
    }

    /// Whether a manifest is one of an image.
    fn choose_manifest(&mut self, manifest: &Manifest, chosen: &mut Vec<(String, Chosen)>) -> bool {
        if manifest.is_artifact() {
            self.told.leave_out("artifacts that are no images");
            return false;
        }
        let name = self.file_of(&manifest.config.digest);
        let Some(config) = self.config(&name, Some(&manifest.config)) else { return true };
        let layers = manifest.layers.iter().enumerate().map(|(at, layer)| Wanted {
            name: self.file_of(&layer.digest),
            digest: Some(layer.digest.clone()),
            size: layer.size,
            label: config.rootfs.diff_ids.get(at).unwrap_or(&layer.digest).clone(),
            locked: layer.is_locked(),
        });
        let layers = layers.collect();
        self.choose_one(chosen, &name, config, layers);
        true
    }

    fn choose_one(
        &mut self,
        chosen: &mut Vec<(String, Chosen)>,
        name: &str,
        config: Config,
        mut layers: Vec<Wanted>,
    ) {
        let known = chosen.iter().any(|(known, _)| known == name);
        let is_asked = self.wish.platform.is_none_or(|asked| config.platform.is(asked));
        if known || !is_asked {
            return;
        }
        if chosen.len() >= MAX_IMAGES || layers.len() > MAX_LAYERS {
            self.told.skip(name, SkipReason::TooLarge);
            layers.truncate(MAX_LAYERS);
            if chosen.len() >= MAX_IMAGES {
                return;
            }
        }
        let platform = config.platform.name();
        chosen.push((name.to_owned(), Chosen { platform, config, layers }));
    }

    fn saved_layers(saved: &Saved, config: &Config) -> Vec<Wanted> {
        let layers = saved.layers.iter().enumerate().map(|(at, name)| {
            let promised = digest_in(name);
            let unpacked = config.rootfs.diff_ids.get(at);
            let label = unpacked.cloned().or_else(|| promised.clone());
            Wanted {
                name: name.clone(),
                digest: promised,
                size: None,
                label: label.unwrap_or_else(|| name.clone()),
                locked: false,
            }
        });
        layers.collect()
    }

    /// Where the blob of a digest lies: in an OCI layout below `blobs`.
    fn file_of(&self, digest: &str) -> String {
        match digest.split_once(':') {
            Some((_, sum)) if self.flat => sum.to_owned(),
            _ => format!("blobs/{}", digest.replacen(':', "/", 1)),
        }
    }

    /// The configuration of an image.
    fn config(&mut self, name: &str, descriptor: Option<&Descriptor>) -> Option<Config> {
        let Some(bytes) = self.stock.document(name) else {
            self.told.skip(name, SkipReason::LayerMissing);
            return None;
        };
        if let Some(descriptor) = descriptor {
            self.verify(&bytes, descriptor);
        }
        let config = manifest::read(&bytes);
        if config.is_none() {
            self.told.skip(name, SkipReason::Malformed);
        }
        config
    }

    /// Compares a document with what another says of it.
    fn verify(&mut self, bytes: &[u8], descriptor: &Descriptor) {
        let mut summed = Summed::new(bytes, &descriptor.digest);
        let read = io::copy(&mut summed, &mut io::sink()).unwrap_or_default();
        let other_size = descriptor.size.is_some_and(|size| size != read);
        if other_size || summed.digest().is_none_or(|digest| digest != descriptor.digest) {
            self.told.skip(&descriptor.digest, SkipReason::Malformed);
        }
    }

    /// Reads the layers of all chosen images, each once.
    fn layers(&self, chosen: &[Chosen]) -> BTreeMap<String, ReadLayer> {
        let mut wanted: BTreeMap<&str, &Wanted> = BTreeMap::new();
        for layer in chosen.iter().flat_map(|chosen| &chosen.layers) {
            wanted.entry(&layer.name).or_insert(layer);
        }
        match &self.stock {
            Stock::Passed(passed) => {
                let at_hand = |name: &str| passed.layers.get(passed.real(name)).cloned();
                let found =
                    wanted.keys().filter_map(|name| Some(((*name).to_owned(), at_hand(name)?)));
                found.collect()
            }
            Stock::Blobs(blobs) => {
                let wanted: Vec<&Wanted> = wanted.into_values().collect();
                let read = |wanted: &&Wanted| {
                    let (from, size) = blobs.open(&wanted.name).ok()?;
                    let sums = Sums::of(wanted.digest.as_deref());
                    let read = read_layer(from, size, &sums, self.wish, self.limits);
                    Some((wanted.name.clone(), read))
                };
                wanted.par_iter().filter_map(read).collect()
            }
        }
    }

    /// Lays the layers of an image over each other.
    fn picture(&mut self, chosen: Chosen, read: &BTreeMap<String, ReadLayer>) {
        let mut layers = Vec::new();
        for wanted in &chosen.layers {
            if wanted.locked {
                self.told.skip(&wanted.label, SkipReason::UnsupportedEncryption);
                layers.push(Arc::new(Layer::default()));
                continue;
            }
            let Some(found) = read.get(&wanted.name) else {
                self.told.skip(&wanted.label, SkipReason::LayerMissing);
                layers.push(Arc::new(Layer::default()));
                continue;
            };
            for fault in &found.layer.faults {
                self.told.skip(&wanted.label, *fault);
            }
            // Where the archive's names promise nothing, the configuration promises the unpacked bytes.
            let promised = wanted.digest.as_ref().unwrap_or(&wanted.label);
            let is_whole = found.layer.faults.is_empty() && !(self.wish.stop)();
            let is_it = |digest: &Option<String>| digest.as_ref() == Some(promised);
            let differs = !(is_it(&found.digest) || is_it(&found.unpacked))
                || wanted.size.is_some_and(|size| size != found.size);
            if is_whole && differs {
                self.told.skip(&wanted.label, SkipReason::Malformed);
            }
            layers.push(Arc::clone(&found.layer));
        }
        let mut steps = chosen.config.history.iter().filter(|step| !step.empty_layer);
        let made_by = chosen.layers.iter().map(|_| {
            let step = steps.next()?.created_by.as_deref()?;
            Some(Instruction::read(step).told()).filter(|told| !told.is_empty())
        });
        let made_by = made_by.collect();
        let labels = chosen.layers.into_iter().map(|wanted| wanted.label).collect();
        let tree = Arc::new(Tree::new(layers, self.limits.key().clone()));
        self.told.pictures.push(Picture {
            platform: chosen.platform,
            tree,
            labels,
            made_by,
            config: chosen.config,
        });
    }
}

/// The digest that a file of an OCI layout is named by.
fn digest_in(name: &str) -> Option<String> {
    let (algorithm, sum) = name.strip_prefix("blobs/")?.split_once('/')?;
    Some(format!("{algorithm}:{sum}"))
}

/// What a walk is shown of an image.
pub struct Sight {
    /// The file system.
    pub volume: Arc<dyn Volume>,
    /// Whether a later layer hides it.
    pub hidden: bool,
    layer: usize,
}

impl Picture {
    /// What a container sees, then what each layer wrote and a later one hides.
    pub fn sights(&self) -> Vec<Sight> {
        // An image without layers still has its configuration.
        let top = self.tree.layers().len().saturating_sub(1);
        let whole: Arc<dyn Volume> = Arc::new(View::whole(&self.tree));
        let hidden = (0..top).filter_map(|layer| {
            let view = View::hidden(&self.tree, layer)?;
            Some(Sight { volume: Arc::new(view), hidden: true, layer })
        });
        std::iter::once(Sight { volume: whole, hidden: false, layer: top }).chain(hidden).collect()
    }

    /// Files that a walk was led to and that were not kept.
    pub fn missed(&self) -> Vec<PathBuf> {
        self.tree.missed()
    }

    /// The layer of a file that was found in a sight, and what all layers did to it; none where there are only files.
    pub fn place(&self, sight: &Sight, path: &Path) -> Option<(String, LayerPlace)> {
        let real = resolve(&*sight.volume, path).unwrap_or_else(|_| path.to_owned());
        let at = self.tree.layer_of(&real, sight.layer)?;
        let changes = self.tree.history(&real);
        let history = changes.into_iter().take(MAX_CHANGES).map(|(at, change)| LayerChange {
            layer: self.label(at).unwrap_or_default(),
            index: at,
            created_by: self.made_by(at),
            change: match change {
                Change::Wrote => PlaceChange::Written,
                Change::Deleted => PlaceChange::Deleted,
            },
        });
        let place = LayerPlace {
            index: Some(at),
            created_by: self.made_by(at),
            platforms: Vec::new(),
            history: history.collect(),
        };
        Some((self.label(at)?, place))
    }

    fn label(&self, at: usize) -> Option<String> {
        self.labels.get(at).cloned()
    }

    fn made_by(&self, at: usize) -> Option<String> {
        self.made_by.get(at).cloned().flatten()
    }

    /// The texts of the configuration, to be looked at by the rules for commands.
    pub fn texts(&self) -> Vec<Text<'_>> {
        let mut texts = Vec::new();
        let mut layers = 0;
        for (at, step) in self.config.history.iter().enumerate() {
            let layer = (!step.empty_layer).then_some(layers);
            layers += usize::from(!step.empty_layer);
            let place = |key: String| Text {
                key,
                layer: layer.and_then(|at| self.label(at)),
                place: LayerPlace {
                    index: layer,
                    created_by: layer.and_then(|at| self.made_by(at)),
                    platforms: Vec::new(),
                    history: Vec::new(),
                },
                created: step.created.as_deref(),
                body: Words::Plain(""),
            };
            if let Some(text) = &step.created_by {
                let instruction = Instruction::read(text);
                let key = || format!("history[{at}]");
                texts.push(Text { body: Words::Commands(instruction.arguments), ..place(key()) });
                let words = match instruction.keyword {
                    "RUN" | "" | "ENV" | "ARG" | "LABEL" => Words::Commands(instruction.rest),
                    _ => Words::Plain(instruction.rest),
                };
                texts.push(Text { body: words, ..place(key()) });
            }
            if let Some(comment) = &step.comment {
                let key = format!("history[{at}].comment");
                texts.push(Text { body: Words::Plain(comment), ..place(key) });
            }
        }
        let Some(run) = &self.config.config else { return texts };
        let text = |key: String, body| Text {
            key,
            layer: None,
            place: LayerPlace::default(),
            created: None,
            body,
        };
        for (name, value) in run.labels.iter().flatten() {
            texts.push(text(format!("config.Labels.{name}"), Words::Assignment(name, value)));
        }
        let test = run.healthcheck.as_ref().and_then(|check| check.test.as_ref());
        for (name, words) in [
            ("Entrypoint", &run.entrypoint),
            ("Cmd", &run.cmd),
            ("OnBuild", &run.on_build),
            ("Healthcheck", &test.cloned()),
        ] {
            for words in words.iter().flatten() {
                texts.push(text(format!("config.{name}"), Words::Owned(words.clone())));
            }
        }
        texts
    }

    /// The environment of the containers.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let run = self.config.config.iter().flat_map(|run| run.env.iter().flatten());
        let pairs = run.filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// A text of an image's configuration. May hold secrets: no `Debug`.
pub struct Text<'t> {
    /// As the report names it.
    pub key: String,
    /// The layer that the instruction made.
    pub layer: Option<String>,
    /// The same, by number.
    pub place: LayerPlace,
    /// When, in RFC 3339.
    pub created: Option<&'t str>,
    /// What it says.
    pub body: Words<'t>,
}

/// What a text is.
pub enum Words<'t> {
    /// Commands of a shell.
    Commands(&'t str),
    /// A name and what it stands for.
    Assignment(&'t str, &'t str),
    /// Anything.
    Plain(&'t str),
    /// A word of a command.
    Owned(String),
}
