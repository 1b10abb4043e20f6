//! Trees grown from serde events, within bounds: a parser is stopped where they are passed, not found out afterwards.

use std::cell::Cell;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, MAX_NODES};

/// Most bytes of text in a tree: a binary property list can name one string a million times.
const MAX_TEXT: usize = 64 << 20;

/// A value of any shape. The last of equal keys wins; bytes become base64 text.
pub(super) struct Tree(pub(super) Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Room::default().grow(deserializer).map(Self)
    }
}

/// What is left of the bounds; several trees may share it.
pub(super) struct Room {
    nodes: Cell<usize>,
    text: Cell<usize>,
}

impl Default for Room {
    fn default() -> Self {
        Self { nodes: Cell::new(MAX_NODES), text: Cell::new(MAX_TEXT) }
    }
}

impl Room {
    /// Grows a tree; it fails where the crate fails or a bound is passed.
    pub(super) fn grow<'de, D: Deserializer<'de>>(&self, from: D) -> Result<Value, D::Error> {
        Node { room: self, depth: 0 }.deserialize(from)
    }

    fn take<E: Error>(left: &Cell<usize>, amount: usize) -> Result<(), E> {
        left.set(left.get().checked_sub(amount).ok_or_else(|| E::custom("out of bounds"))?);
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Node<'r> {
    room: &'r Room,
    depth: usize,
}

impl Node<'_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("out of bounds"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn text<E: Error>(self, text: String) -> Result<Value, E> {
        Room::take(&self.room.text, text.len())?;
        Ok(Value::String(text))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Room::take(&self.room.nodes, 1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.text(value)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        self.text(BASE64_STANDARD.encode(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(below)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            Room::take(&self.room.text, key.len())?;
            members.insert(key, map.next_value_seed(below)?);
        }
        Ok(Value::Object(members))
    }
}
