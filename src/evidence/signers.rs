//! The file of allowed signers, as ssh-keygen(1) describes it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

/// One line: whose key, for what, from when to when.
#[derive(Debug, Default)]
pub(super) struct Signer {
    pub(super) principals: String,
    namespaces: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    authority: bool,
    key: Option<PublicKey>,
}

/// How a key fares before the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may sign, as these principals.
    Allowed(String),
    /// It stands there, but not for this purpose.
    OtherPurpose,
    /// It stands there, but not for this time.
    OtherTime,
    /// It does not stand there.
    Unknown,
}

/// The lines of the file, or the number of the first that is none.
pub(super) fn parse(text: &str) -> Result<Vec<Signer>, usize> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| signer(line).ok_or(number)).collect()
}

/// What the file says of a key at a time.
pub(super) fn standing(
    signers: &[Signer],
    key: &KeyData,
    namespace: &str,
    at: Timestamp,
) -> Standing {
    let mut standing = Standing::Unknown;
    let is_it = |signer: &&Signer| {
        !signer.authority && signer.key.as_ref().is_some_and(|known| known.key_data() == key)
    };
    for signer in signers.iter().filter(is_it) {
        if signer.namespaces.as_deref().is_some_and(|list| !matches(list, namespace)) {
            standing = Standing::OtherPurpose;
        } else if signer.after.is_some_and(|after| at < after)
            || signer.before.is_some_and(|before| at >= before)
        {
            standing = Standing::OtherTime;
        } else {
            return Standing::Allowed(signer.principals.clone());
        }
    }
    standing
}

fn signer(line: &str) -> Option<Signer> {
    let (principals, rest) = field(line)?;
    let mut signer =
        Signer { principals: principals.trim_matches('"').into(), ..Signer::default() };
    let (options, key) = field(rest)?;
    // What begins with the kind of a key has no options.
    if let Ok(key) = PublicKey::from_openssh(rest) {
        signer.key = Some(key);
        return Some(signer);
    }
    for option in split(options) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => signer.namespaces = Some(value.into()),
            "valid-after" => signer.after = Some(time(value)?),
            "valid-before" => signer.before = Some(time(value)?),
            "cert-authority" => signer.authority = true,
            _ => return None,
        }
    }
    // A kind of key that is not known here matches nothing; the line is a line all the same.
    signer.key = PublicKey::from_openssh(key).ok();
    (signer.key.is_some() || field(key).is_some()).then_some(signer)
}

/// Up to the next blank outside quotes, and what follows.
fn field(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    })?;
    Some((&text[..end], text[end..].trim_start()))
}

/// At commas outside quotes.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// `YYYYMMDD[HHMM[SS]][Z]`; without the `Z` in the local time of this machine.
fn time(text: &str) -> Option<Timestamp> {
    let (digits, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(digits) => (digits, TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return None;
    }
    let part = |from: usize, to: usize| {
        digits.get(from..to).map_or(Some(0), |part| part.parse::<i8>().ok())
    };
    let year: i16 = digits[..4].parse().ok()?;
    let second = if digits.len() == 14 { part(12, 14)? } else { 0 };
    let (hour, minute) = if digits.len() > 8 { (part(8, 10)?, part(10, 12)?) } else { (0, 0) };
    let local = DateTime::new(year, part(4, 6)?, part(6, 8)?, hour, minute, second, 0).ok()?;
    zone.to_timestamp(local).ok()
}

/// A pattern list of `ssh_config(5)`: `*`, `?`, and `!` before what must not match.
fn matches(list: &str, name: &str) -> bool {
    let (mut found, mut refused) = (false, false);
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) => refused |= fits(pattern.as_bytes(), name.as_bytes()),
            None => found |= fits(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found && !refused
}

/// Whether a name fits a pattern: going back to the last `*` is enough.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last = Some((at + 1, seen));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star, from)) = last else { return false };
                (at, seen) = (star, from + 1);
                last = Some((star, from + 1));
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn lines_say_who_may_sign_what_when() {
        let key = PublicKey::from_openssh(KEY).unwrap();
        let allowed = Standing::Allowed("a@b".into());
        for (line, expected) in [
            (format!("a@b {KEY}"), Ok(&allowed)),
            (format!("a@b {KEY} a comment"), Ok(&allowed)),
            (format!("a@b namespaces=\"git,n@v1\" {KEY}"), Ok(&allowed)),
            (
                format!(
                    "a@b namespaces=\"n@*\",valid-after=\"20260101Z\",valid-before=\"20270101Z\" {KEY}"
                ),
                Ok(&allowed),
            ),
            (format!("a@b namespaces=\"git\" {KEY}"), Ok(&Standing::OtherPurpose)),
            (format!("a@b namespaces=\"*,!n@v1\" {KEY}"), Ok(&Standing::OtherPurpose)),
            (format!("a@b valid-before=\"202606010000Z\" {KEY}"), Ok(&Standing::OtherTime)),
            (format!("a@b valid-after=\"20261231235959Z\" {KEY}"), Ok(&Standing::OtherTime)),
            (format!("a@b cert-authority {KEY}"), Ok(&Standing::Unknown)),
            ("a@b ssh-ed25519 AAAA".into(), Err(1)),
            (format!("a@b surprise {KEY}"), Err(1)),
            (format!("a@b valid-after=\"yesterday\" {KEY}"), Err(1)),
            ("a@b".into(), Err(1)),
            ("# nothing".into(), Ok(&Standing::Unknown)),
        ] {
            let at = "2026-11-23T08:00:00Z".parse().unwrap();
            let told = parse(&line).map(|signers| standing(&signers, key.key_data(), "n@v1", at));
            assert_eq!(told.as_ref(), expected.as_ref().map(|it| *it), "{line}");
        }
    }

    #[test]
    fn patterns_fit() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("?", "", false),
            ("a", "a", true),
            ("**b", "ab", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
