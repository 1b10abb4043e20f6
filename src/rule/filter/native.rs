//! Builtins of our own: what jaq's would do slowly or without bound, and what credentials need.

use std::borrow::Cow;
use std::cell::Cell;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jaq_core::box_iter::box_once;
use jaq_core::native::{Filter, Fun, bome, run, v};
use jaq_core::{Bind, Ctx, Cv, DataT, Error, Exn, Lut, Native, RunPtr, ValR, ValXs};
use jaq_json::{Map, Val};
use regex::Captures;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::pattern::Pattern;
use super::value::{to_text, to_val};
use crate::extract::jwt;
use crate::extract::secret::hex;
use crate::parse::{vnc, x509};

/// Steps one run may take; a few seconds. A document of 16 MiB visited twice takes a fifth of it.
pub(super) const STEPS: usize = 10_000_000;

/// Steps that an element of `.[]` pays for what is done with it.
const VISIT: usize = 3;

/// Bytes of text that cost a step, and elements.
const BYTES_A_STEP: usize = 32;
const ELEMENTS_A_STEP: usize = 4;

/// What the natives know of the run they serve.
pub(super) struct Run<'a> {
    pub(super) lut: &'a Lut<Engine>,
    pub(super) patterns: &'a [Pattern],
    pub(super) steps: Cell<usize>,
}

/// jaq's values, with [`Run`] at hand.
pub(super) struct Engine;

impl DataT for Engine {
    type V<'a> = Val;
    type Data<'a> = &'a Run<'a>;
}

impl<'a> jaq_core::data::HasLut<'a, Engine> for &'a Run<'a> {
    fn lut(&self) -> &'a Lut<Engine> {
        self.lut
    }
}

/// Natives of jaq that the subset and its definitions rest on. None of the others is even there.
const BORROWED: &[&str] = &[
    "ascii_downcase",
    "ascii_upcase",
    "ceil",
    "contains",
    "encode_uri",
    "endswith",
    "error_empty",
    "first",
    "floor",
    "fromdateiso8601",
    "group_by",
    "has",
    "indices",
    "key_values",
    "keys_unsorted",
    "last",
    "length",
    "ltrim",
    "ltrimstr",
    "max_by_or_empty",
    "min_by_or_empty",
    "path",
    "path_value",
    "reverse",
    "round",
    "rtrim",
    "rtrimstr",
    "skip",
    "sort",
    "sort_by",
    "startswith",
    "todateiso8601",
    "tojson",
    "trim",
    "utf8bytelength",
];

/// Every native a filter can reach. Of two with one name the compiler takes the first, which is ours.
pub(super) fn natives() -> impl Iterator<Item = Fun<Engine>> {
    let theirs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    ours().into_iter().chain(theirs.filter(|(name, ..)| BORROWED.contains(name)))
}

fn ours() -> Vec<Fun<Engine>> {
    let mut natives = vec![("!tick", v(0), spending::<0>()), ("!visit", v(0), spending::<VISIT>())];
    let functions: [Filter<RunPtr<Engine>>; 16] = [
        ("!add", v(2), add),
        ("!multiply", v(2), multiply),
        ("!test", v(1), test),
        ("!capture", v(1), capture),
        ("!scan", v(1), scan),
        ("!split", v(1), split),
        ("!sub", [Bind::Var(()), Bind::Fun(())].into(), sub),
        ("join", v(1), join),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("decode_base64", v(0), |cv| bome(from_base64(&cv.1))),
        ("jwt", v(0), |cv| bome(Ok(claims(&cv.1)))),
        ("basic", v(0), |cv| bome(Ok(basic(&cv.1)))),
        ("sha256", v(0), |cv| bome(Ok(sha256(&cv.1)))),
        ("urluser", v(0), |cv| bome(Ok(url_user(&cv.1)))),
        ("vncpassword", v(0), |cv| bome(Ok(vnc_password(&cv.1)))),
        ("x509", v(0), |cv| bome(Ok(certificate(&cv.1)))),
    ];
    natives.extend(functions.map(run::<Engine>));
    natives
}

/// Hands on what it is given, for its cost and so many steps more.
fn spending<const MORE: usize>() -> Native<Engine> {
    Native::new(|(ctx, val)| box_once(spend(&ctx, MORE + cost(&val)).map(|()| val)))
        .with_paths(|(ctx, val)| box_once(spend(&ctx, MORE + cost(&val.0)).map(|()| val)))
        .with_update(|(ctx, val), update| match spend(&ctx, MORE + cost(&val)) {
            Ok(()) => update(val),
            Err(spent) => box_once(Err(spent)),
        })
}

/// Steps that handing `val` on is worth.
fn cost(val: &Val) -> usize {
    1 + match val {
        Val::Null | Val::Bool(_) | Val::Num(_) => 0,
        Val::TStr(text) | Val::BStr(text) => text.len() / BYTES_A_STEP,
        Val::Arr(items) => items.len() / ELEMENTS_A_STEP,
        Val::Obj(entries) => entries.len() / ELEMENTS_A_STEP,
    }
}

fn spend<'a>(ctx: &Ctx<'a, Engine>, steps: usize) -> Result<(), Exn<'a, Val>> {
    let left = ctx.data().steps.get().saturating_sub(steps);
    ctx.data().steps.set(left);
    if left == 0 { Err(fail("too much work").into()) } else { Ok(()) }
}

/// An error without content.
fn fail(message: &'static str) -> Error<Val> {
    Error::str(message)
}

fn text(val: &Val) -> ValR<&str, Val> {
    let (Val::TStr(bytes) | Val::BStr(bytes)) = val else { return Err(fail("text expected")) };
    std::str::from_utf8(bytes).map_err(|_| fail("text expected"))
}

/// What jq says for text of a scalar, null being none.
fn scalar_text(val: &Val) -> ValR<Cow<'_, str>, Val> {
    match val {
        Val::Null => Ok(Cow::Borrowed("")),
        Val::Bool(_) | Val::Num(_) => Ok(Cow::Owned(val.to_string())),
        Val::TStr(_) | Val::BStr(_) => text(val).map(Cow::Borrowed),
        Val::Arr(_) | Val::Obj(_) => Err(fail("text expected")),
    }
}

/// Both arguments of a binary native. The input goes first: it may be the left side's other owner, and make appending copy it.
fn operands((mut ctx, input): Cv<'_, Engine>) -> (Ctx<'_, Engine>, Val, Val) {
    drop(input);
    let right = ctx.pop_var();
    let left = ctx.pop_var();
    (ctx, left, right)
}

fn add(cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    let (ctx, left, right) = operands(cv);
    let copied = match &left {
        Val::TStr(text) | Val::BStr(text) => !text.is_unique(),
        Val::Arr(items) => std::sync::Arc::strong_count(items) > 1,
        Val::Obj(entries) => std::sync::Arc::strong_count(entries) > 1,
        Val::Null | Val::Bool(_) | Val::Num(_) => false,
    };
    let steps = cost(&right) + if copied { cost(&left) } else { 0 };
    box_once(spend(&ctx, steps).and_then(|()| Ok((left + right)?)))
}

/// Numbers only: text times a number repeats it, objects merge without a depth limit.
fn multiply(cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    bome(match operands(cv) {
        (_, left @ Val::Num(_), right @ Val::Num(_)) => left * right,
        _ => Err(fail("numbers expected")),
    })
}

/// The expression a rewritten call names, and the text it applies to.
fn matching<'a>(cv: &mut Cv<'a, Engine>) -> Option<&'a Pattern> {
    let number = cv.0.pop_var();
    let Val::Num(number) = number else { return None };
    cv.0.data().patterns.get(usize::try_from(number.as_isize()?).ok()?)
}

/// Runs a native that needs an expression.
fn with_pattern<'a, T>(
    cv: &mut Cv<'a, Engine>,
    apply: impl FnOnce(&'a Pattern, &str) -> ValR<T, Val>,
) -> ValR<T, Val> {
    let pattern = matching(cv).ok_or_else(|| fail("no such pattern"))?;
    apply(pattern, text(&cv.1)?)
}

fn test(mut cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    bome(with_pattern(&mut cv, |pattern, text| Ok(Val::Bool(pattern.regex.is_match(text)))))
}

fn capture(mut cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    let found = with_pattern(&mut cv, |pattern, text| {
        let most = if pattern.global { usize::MAX } else { 1 };
        let all = pattern.regex.captures_iter(text).take(most);
        Ok(all.map(|captures| named(pattern, &captures)).collect::<Vec<_>>())
    });
    several(found)
}

fn scan(mut cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    let found = with_pattern(&mut cv, |pattern, text| {
        let groups = pattern.regex.captures_len() > 1;
        let one = |captures: Captures<'_>| {
            if groups {
                captures.iter().skip(1).map(group).collect()
            } else {
                group(captures.get(0))
            }
        };
        Ok(pattern.regex.captures_iter(text).map(one).collect::<Vec<_>>())
    });
    several(found)
}

fn several<'a>(found: ValR<Vec<Val>, Val>) -> ValXs<'a, Val> {
    match found {
        Ok(found) => Box::new(found.into_iter().map(Ok)),
        Err(error) => bome(Err(error)),
    }
}

fn split(mut cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    bome(with_pattern(&mut cv, |pattern, text| {
        Ok(pattern.regex.split(text).map(to_text).collect())
    }))
}

/// Replaces matches with the first output of the argument, which sees the named groups: one text out, whatever the document.
fn sub(mut cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    let (replace, ctx) = cv.0.pop_fun();
    let Some(pattern) = matching(&mut cv) else { return bome(Err(fail("no such pattern"))) };
    let input = match text(&cv.1) {
        Ok(input) => input,
        Err(error) => return bome(Err(error)),
    };
    let mut replaced = String::with_capacity(input.len());
    let mut end = 0;
    let most = if pattern.global { usize::MAX } else { 1 };
    for captures in pattern.regex.captures_iter(input).take(most) {
        let Some(whole) = captures.get(0) else { continue };
        replaced.push_str(input.get(end..whole.start()).unwrap_or_default());
        end = whole.end();
        let output = replace.run((ctx.clone(), named(pattern, &captures))).next();
        match output.transpose() {
            Ok(Some(output)) => match text(&output) {
                Ok(output) => replaced.push_str(output),
                Err(error) => return bome(Err(error)),
            },
            Ok(None) => {}
            Err(exception) => return box_once(Err(exception)),
        }
        if let Err(spent) = spend(&cv.0, 1 + replaced.len() / (64 * BYTES_A_STEP)) {
            return box_once(Err(spent));
        }
    }
    replaced.push_str(input.get(end..).unwrap_or_default());
    bome(Ok(Val::from(replaced)))
}

/// `{name: text or null}` of the named groups.
fn named(pattern: &Pattern, captures: &Captures<'_>) -> Val {
    let names = pattern.regex.capture_names().flatten();
    Val::obj(names.map(|name| (to_text(name), group(captures.name(name)))).collect::<Map>())
}

fn group(found: Option<regex::Match<'_>>) -> Val {
    found.map_or(Val::Null, |found| to_text(found.as_str()))
}

fn join(mut cv: Cv<'_, Engine>) -> ValXs<'_, Val> {
    let separator = cv.0.pop_var();
    let joined = || {
        let Val::Arr(items) = &cv.1 else { return Err(fail("array expected")) };
        let separator = text(&separator)?;
        let mut joined = String::new();
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                joined.push_str(separator);
            }
            joined.push_str(&scalar_text(item)?);
            // A long separator between many items, or one long item many times over.
            if joined.len() > BYTES_A_STEP * STEPS / 8 {
                return Err(fail("too much work"));
            }
        }
        Ok(Val::from(joined))
    };
    bome(joined())
}

/// jaq's recurses as deep as its input says; this one stops at 128.
fn from_json(val: &Val) -> ValR<Val, Val> {
    let parsed = serde_json::from_str::<Value>(text(val)?);
    parsed.map(|value| to_val(&value)).map_err(|_| fail("no JSON"))
}

/// Standard or URL-safe, padded or not, over several lines or one.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let engine = if compact.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode(compact).ok()
}

fn from_base64(val: &Val) -> ValR<Val, Val> {
    let bytes = decode_base64(text(val)?).ok_or_else(|| fail("no base64"))?;
    Ok(Val::from(String::from_utf8_lossy(&bytes).into_owned()))
}

fn claims(val: &Val) -> Val {
    let claims = text(val).ok().and_then(jwt::claims);
    claims.map_or(Val::Null, |claims| to_val(&Value::Object(claims)))
}

/// base64 `user:password`, as HTTP's Basic scheme and container registries write it.
fn basic(val: &Val) -> Val {
    let parts = || {
        let bytes = decode_base64(text(val).ok()?)?;
        let pair = String::from_utf8(bytes).ok()?;
        let (account, secret) = pair.split_once(':')?;
        // Docker pads identity tokens with NUL.
        Some(object(&[("account", Some(account)), ("secret", Some(secret.trim_end_matches('\0')))]))
    };
    parts().unwrap_or(Val::Null)
}

/// Lower-case hex of the digest of a text: some tools name their entries so.
fn sha256(val: &Val) -> Val {
    text(val).map_or(Val::Null, |text| Val::from(hex(&Sha256::digest(text))))
}

/// Hex of what VNC programs keep of a password; what follows the first eight bytes (a checksum of Windows) is ignored.
fn vnc_password(val: &Val) -> Val {
    let password = || {
        let digits = text(val).ok()?.as_bytes();
        let bytes = digits.as_chunks::<2>().0.iter().take(8).map(|pair| hex_byte(pair));
        let block: Vec<_> = bytes.collect::<Option<_>>()?;
        vnc::password(block.try_into().ok()?)
    };
    password().map_or(Val::Null, Val::from)
}

/// `scheme://user:secret@host/…`; null without user information.
fn url_user(val: &Val) -> Val {
    let parts = || {
        let url = text(val).ok()?;
        let (protocol, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        // A password may hold an unescaped `@`; a host may not.
        let (user, host) = authority.rsplit_once('@')?;
        let (account, secret) = match user.split_once(':') {
            Some((account, secret)) => (account, Some(percent_decoded(secret))),
            None => (user, None),
        };
        let account = Some(percent_decoded(account)).filter(|account| !account.is_empty());
        let secret = secret.filter(|secret| !secret.is_empty());
        let url = format!("{protocol}://{host}{path}");
        Some(object(&[
            ("protocol", Some(protocol)),
            ("host", Some(host)),
            ("account", account.as_deref()),
            ("secret", secret.as_deref()),
            ("url", Some(&url)),
        ]))
    };
    parts().unwrap_or(Val::Null)
}

fn object(entries: &[(&str, Option<&str>)]) -> Val {
    let entry =
        |(key, value): &(&str, Option<&str>)| (to_text(key), value.map_or(Val::Null, to_text));
    Val::obj(entries.iter().map(entry).collect::<Map>())
}

/// `%41` undone; anything else stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex_byte);
        decoded.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// PEM, or base64 of DER or PEM (kubeconfig wraps one in the other).
fn certificate(val: &Val) -> Val {
    let certificate = text(val).ok().and_then(|text| x509::certificate(text.as_bytes()));
    certificate.map_or(Val::Null, |certificate| to_val(&certificate))
}
