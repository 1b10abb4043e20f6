//! Loading: built-in files and a folder of the user's.
#![allow(missing_docs)]
use std::path::Path;

use super::command::{self, CommandRules};
use super::controls::Controls;
use super::places::Places;
use super::schema::CacheRule;
use super::token::TokenShapes;
use crate::error::Error;
use crate::policy::Policy;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

pub struct RuleSet {
    pub caches: Vec<CacheRule>,
    pub commands: CommandRules,
    pub tokens: TokenShapes,
    pub controls: Controls,
    pub policy: Policy,
    pub places: Places,
    pub count: usize,
    pub sha256: String,
}

impl RuleSet {
    pub fn load(_dir: Option<&Path>) -> Result<Self, Error> {
        let bad = |what: String| Error::Rules(what);
        let mut caches: Vec<CacheRule> = Vec::new();
        let mut specs = Vec::new();
        let mut tokens = Vec::new();
        let text = |name: &str| FILES.iter().find(|(path, _)| *path == name).map(|(_, text)| *text).unwrap_or_default();
        for (path, text) in FILES {
            if path.starts_with("caches/") {
                caches.push(serde_yaml::from_str(text).map_err(|e| bad(format!("{path}: {e}")))?);
            } else if path.starts_with("commands/") {
                specs.extend(command::read(path, text).map_err(|e| bad(format!("{path}: {}", e.what)))?);
            } else if path.starts_with("tokens/") {
                tokens.push((*path, *text));
            }
        }
        let count = caches.len() + specs.len() + tokens.len();
        Ok(Self {
            caches,
            commands: CommandRules::new(specs),
            tokens: TokenShapes::load(&tokens).map_err(|p| bad(format!("{}: {}", p[0].rule, p[0].message)))?,
            controls: Controls::load(text("controls.yaml")).map_err(|_| bad("controls".into()))?,
            policy: Policy::load(text("policy.yaml")).map_err(|_| bad("policy".into()))?,
            places: serde_yaml::from_str(text("places.yaml")).map_err(|e| bad(format!("places: {e}"))).and_then(|f| Places::new(f).map_err(|e| bad(e.0)))?,
            count,
            sha256: String::new(),
        })
    }
    pub fn load_file(file: &Path) -> Result<Self, Error> {
        let mut set = Self::load(None)?;
        let text = std::fs::read_to_string(file).map_err(|e| Error::Rules(e.to_string()))?;
        set.caches = vec![serde_yaml::from_str(&text).map_err(|e| Error::Rules(e.to_string()))?];
        Ok(set)
    }
}
