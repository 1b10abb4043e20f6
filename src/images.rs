//! Images from their layers to their grants: what a container sees, what later layers hide, and what the configuration says.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::artifact::{Door, Facts};
use crate::extract::{self, Context, Placed};
use crate::grant::FoldKey;
use crate::host::{Homes, Host};
use crate::report::{LayerPlace, PlaceState, SkipReason, Skipped};
use crate::source::directory::Root;
use crate::source::disk::Disk;
use crate::source::image::{Picture, Pictures, Sieve, Sight, Source, Text, Wish, Words};
use crate::source::site::Site;
use crate::survey::{Ground, Survey, Watch, survey};
use crate::target::{Image, is_windows};
use crate::users::{self, User};

/// What findings of the configuration have for a path: it is no file of the image.
const CONFIGURATION: &str = "image:config";

/// How often an image is read again for files that others point to.
const MOST_PASSES: usize = 3;

/// Scans an image.
pub(crate) fn scan(watch: &Watch<'_>, image: &Mutex<Image>) -> Survey {
    let mut image = image.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *image {
        Image::Layers(source) => layers(watch, source),
        Image::Disk(disk) => of_disk(watch, disk),
    }
}

/// A disk is walked as any other; what of it could not be read is told by its partition.
fn of_disk(watch: &Watch<'_>, disk: &Disk) -> Survey {
    let opened = disk.open();
    let mut all = Survey::default();
    for (name, reason) in opened.skipped {
        all.skipped.push(Skipped { path: name, reason, count: 1 });
    }
    let Some(volume) = opened.volume else { return all };
    let users = users::users(&*volume);
    let homes = users::homes(&*volume, &users);
    let anonymous = is_windows(&*volume);
    let site = Site { volume: Some(volume), golden: true, anonymous, ..Site::default() };
    let host = elsewhere(watch, users);
    let homes = Homes::at(&site, &homes);
    let roots = [Root { path: PathBuf::from("/"), only: None }];
    let ground =
        Ground { site: &site, host: &host, homes: &homes, roots: &roots, environment: false };
    all.absorb(survey(watch, &ground));
    all
}

/// A machine that is not this one.
fn elsewhere(watch: &Watch<'_>, users: Vec<User>) -> Host {
    Host {
        home: None,
        env: BTreeMap::new(),
        users,
        mounts: Vec::new(),
        uid: None,
        user: None,
        ..watch.plan.host.clone()
    }
}

fn layers(watch: &Watch<'_>, source: &mut Source) -> Survey {
    let mut named: Vec<PathBuf> = Vec::new();
    for pass in 1.. {
        let read = read(watch, source, &named);
        let survey = survey_all(watch, &read);
        let mut missed: Vec<PathBuf> = read.pictures.iter().flat_map(Picture::missed).collect();
        missed.retain(|path| !named.contains(path));
        if missed.is_empty() {
            return survey;
        }
        if !source.is_seekable() || pass == MOST_PASSES || watch.is_over() {
            let mut survey = survey;
            let skipped = missed.iter().map(|path| Skipped::new(path, SkipReason::LayerMissing));
            survey.skipped.extend(skipped);
            return survey;
        }
        named.extend(missed);
    }
    Survey::default()
}

fn read(watch: &Watch<'_>, source: &mut Source, named: &[PathBuf]) -> Pictures {
    let plan = watch.plan;
    let is_over = || watch.is_over();
    source.read(&Wish {
        sieve: Sieve::new(&plan.pack, &plan.index, plan.mode).and(named.to_vec()),
        platform: plan.platform.as_deref(),
        max_file: plan.max_file_size,
        stop: &is_over,
    })
}

fn survey_all(watch: &Watch<'_>, read: &Pictures) -> Survey {
    let mut all =
        Survey { skipped: read.skipped.clone(), pruned: read.pruned.clone(), ..Survey::default() };
    let several = read.pictures.len() > 1;
    let mut placed = Vec::new();
    for picture in &read.pictures {
        let mut survey = survey_one(watch, picture);
        placed.extend(std::mem::take(&mut survey.placed).into_iter().map(|mut place| {
            if let (true, Some(image)) = (several, &mut place.facts.image) {
                image.platforms.push(picture.platform.clone());
            }
            place
        }));
        all.absorb(survey);
    }
    all.placed = fold(placed);
    all.directories = read.folders;
    all.files_seen = read.files;
    all.bytes_read = read.bytes;
    all
}

fn survey_one(watch: &Watch<'_>, picture: &Picture) -> Survey {
    let mut all = Survey::default();
    let sights = picture.sights();
    let Some(whole) = sights.first() else { return all };
    let users = users::users(&*whole.volume);
    let homes = users::homes(&*whole.volume, &users);
    let host = Host { env: picture.environment(), ..elsewhere(watch, users) };
    let seen_in = |sight: &Sight| Site {
        volume: Some(sight.volume.clone()),
        golden: true,
        ..Site::default()
    };
    // Once for all layers: where a home lies takes a look at each of them.
    let homes = Homes::at(&seen_in(whole), &homes);
    for sight in &sights {
        let site = seen_in(sight);
        let roots = [Root { path: PathBuf::from("/"), only: None }];
        let ground =
            Ground { site: &site, host: &host, homes: &homes, roots: &roots, environment: false };
        let mut survey = survey(watch, &ground);
        for place in &mut survey.placed {
            stamp(picture, sight, place);
        }
        if !sight.hidden {
            survey.placed.extend(configuration(watch, &ground, picture));
        }
        all.absorb(survey);
    }
    all
}

/// Tells of a file which layer it is from.
fn stamp(picture: &Picture, sight: &Sight, place: &mut Placed) {
    if let Some((layer, image)) = picture.place(sight, &place.path) {
        place.facts.layer = Some(layer);
        place.facts.image = Some(image);
    }
    if sight.hidden {
        place.facts.state = PlaceState::DeletedButRecoverable;
    }
}

/// What the configuration holds: the environment by the variables that rules name, everything by the rules for commands.
fn configuration(watch: &Watch<'_>, ground: &Ground<'_>, picture: &Picture) -> Vec<Placed> {
    let plan = watch.plan;
    let is_over = || watch.is_over();
    let places = &plan.pack.places;
    let door = Door::new([], ground.site, plan.max_file_size, ground.host, ground.homes, places);
    let context = Context {
        pack: &plan.pack,
        door: &door,
        prints: &plan.prints,
        deep: false,
        stop: &is_over,
    };
    let facts = Facts { golden: true, image: Some(LayerPlace::default()), ..Facts::default() };
    let mut placed = extract::environment(&context, ground.host);
    for place in &mut placed {
        let name = place.grant.spot.key.take().unwrap_or_default();
        place.grant.spot.key = Some(format!("config.Env.{name}"));
        place.path = CONFIGURATION.into();
        place.facts = facts.clone();
    }
    let known = |placed: &[Placed], fold: Option<FoldKey>| {
        let credentials = placed.iter().flat_map(|place| &place.grant.credentials);
        fold.is_some() && credentials.into_iter().any(|credential| credential.fold == fold)
    };
    let variables = picture.environment();
    let environment = variables.iter().map(|(name, value)| Text {
        key: format!("config.Env.{name}"),
        layer: None,
        place: LayerPlace::default(),
        created: None,
        body: Words::Assignment(name, value),
    });
    for text in environment.chain(picture.texts()) {
        let created = text.created.and_then(|time| time.parse().ok());
        let facts = Facts {
            layer: text.layer.clone(),
            image: Some(text.place.clone()),
            modified: created,
            ..facts.clone()
        };
        for mut grant in extract::in_text(&context, &text.body) {
            if grant.credentials.iter().any(|credential| known(&placed, credential.fold)) {
                continue;
            }
            grant.spot.key = Some(text.key.clone());
            placed.push(Placed { grant, path: CONFIGURATION.into(), facts: facts.clone() });
        }
    }
    placed
}

/// One finding for what is the same in several layers or images: the one that is not deleted, of the highest layer.
fn fold(placed: Vec<Placed>) -> Vec<Placed> {
    let mut kept: Vec<Placed> = Vec::new();
    let mut known: HashMap<(PathBuf, String, Option<String>, Vec<FoldKey>), usize> = HashMap::new();
    for place in placed {
        let secrets = place.grant.credentials.iter().filter_map(|credential| credential.fold);
        let mut secrets: Vec<FoldKey> = secrets.collect();
        secrets.sort_unstable();
        if secrets.is_empty() {
            // Nothing tells two of these apart but what they say of themselves.
            let same = |other: &Placed| {
                other.path == place.path
                    && other.grant.rule == place.grant.rule
                    && other.grant.identity == place.grant.identity
                    && other.grant.spot == place.grant.spot
                    && other.grant.credentials.is_empty() == place.grant.credentials.is_empty()
            };
            match kept.iter().position(same) {
                Some(at) => merge(&mut kept[at], place),
                None => kept.push(place),
            }
            continue;
        }
        let key =
            (place.path.clone(), place.grant.rule.clone(), place.grant.spot.key.clone(), secrets);
        if let Some(&at) = known.get(&key) {
            merge(&mut kept[at], place);
        } else {
            known.insert(key, kept.len());
            kept.push(place);
        }
    }
    kept
}

fn merge(kept: &mut Placed, mut other: Placed) {
    let rank = |place: &Placed| {
        let present = place.facts.state != PlaceState::DeletedButRecoverable;
        (present, place.facts.image.as_ref().and_then(|image| image.index))
    };
    if rank(&other) > rank(kept) {
        std::mem::swap(kept, &mut other);
    }
    if let (Some(image), Some(other)) = (&mut kept.facts.image, other.facts.image) {
        for platform in other.platforms {
            if !image.platforms.contains(&platform) {
                image.platforms.push(platform);
            }
        }
    }
}
