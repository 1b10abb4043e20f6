//! Documents to jaq's values and back, without loss: 64-bit integers stay exact, objects keep their order.

use jaq_json::{Map, Num, Val};
use serde_json::{Number, Value};

/// Deepest output; filters nest a document that is 128 deep a little deeper.
const MAX_DEPTH: usize = 256;

/// What may still come out of one run.
pub(super) struct Allowance {
    /// Values.
    pub(super) nodes: usize,
    /// Bytes of text.
    pub(super) bytes: usize,
}

/// A document as jaq sees it.
pub(super) fn to_val(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(truth) => Val::Bool(*truth),
        Value::Number(number) => Val::Num(to_num(number)),
        Value::String(text) => to_text(text),
        Value::Array(items) => items.iter().map(to_val).collect(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (to_text(key), to_val(value)));
            Val::obj(entries.collect())
        }
    }
}

pub(super) fn to_text(text: &str) -> Val {
    Val::utf8_str(text.as_bytes().to_vec())
}

fn to_num(number: &Number) -> Num {
    if let Some(integer) = number.as_i64() {
        return Num::from_integral(integer);
    }
    if let Some(integer) = number.as_u64() {
        return Num::from_integral(integer);
    }
    Num::Float(number.as_f64().unwrap_or(f64::NAN))
}

/// An output as a document; none past a bound, or where a key is no text.
pub(super) fn from_val(val: &Val, left: &mut Allowance) -> Option<Value> {
    within(val, left, MAX_DEPTH)
}

fn within(val: &Val, left: &mut Allowance, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    left.nodes = left.nodes.checked_sub(1)?;
    Some(match val {
        Val::Null => Value::Null,
        Val::Bool(truth) => Value::Bool(*truth),
        Val::Num(num) => from_num(num),
        Val::TStr(bytes) | Val::BStr(bytes) => Value::String(from_text(bytes, left)?),
        Val::Arr(items) => {
            Value::Array(items.iter().map(|item| within(item, left, depth)).collect::<Option<_>>()?)
        }
        Val::Obj(entries) => Value::Object(from_entries(entries, left, depth)?),
    })
}

fn from_entries(
    entries: &Map,
    left: &mut Allowance,
    depth: usize,
) -> Option<serde_json::Map<String, Value>> {
    let entry = |(key, value): (&Val, &Val)| {
        let (Val::TStr(key) | Val::BStr(key)) = key else { return None };
        Some((from_text(key, left)?, within(value, left, depth)?))
    };
    entries.iter().map(entry).collect()
}

fn from_text(bytes: &[u8], left: &mut Allowance) -> Option<String> {
    left.bytes = left.bytes.checked_sub(bytes.len())?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

fn from_num(num: &Num) -> Value {
    match num {
        Num::Int(integer) => Value::from(*integer),
        Num::BigInt(integer) => {
            let text = integer.to_string();
            let exact = text.parse::<u64>().map(Value::from);
            exact.unwrap_or_else(|_| float(text.parse().unwrap_or(f64::NAN)))
        }
        Num::Float(number) => float(*number),
        Num::Dec(text) => float(text.parse().unwrap_or(f64::NAN)),
    }
}

/// Not a number and infinity are null, as JSON has neither.
fn float(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
