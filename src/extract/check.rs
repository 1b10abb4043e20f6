//! Offline checks: could this text have been issued, and what does it say of itself?
//!
//! Vendors put checksums, payloads and class marks into their tokens so that a leak can be recognised without asking them. Nothing
//! here needs a network, and nothing here proves that a token is still valid.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::jwt::{self, Claims};
use super::time::timestamp;
use crate::grant::{CredentialKind, Privilege};

/// What a token says of itself. Holds no secret.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Principal, key id or tenant.
    pub(crate) account: Option<String>,
    /// When it was issued.
    pub(crate) issued: Option<Timestamp>,
    /// When it ends.
    pub(crate) expires: Option<Timestamp>,
    /// Scopes it carries.
    pub(crate) scopes: Vec<String>,
    /// How far its class goes.
    pub(crate) privilege: Option<Privilege>,
    /// Its kind, where one shape serves several.
    pub(crate) kind: Option<CredentialKind>,
}

/// One check, as rules name it.
pub(crate) struct Check {
    /// Its name in rules.
    pub(crate) name: &'static str,
    /// What it looks at, for rule authors.
    pub(crate) about: &'static str,
    /// Whether a text that it cannot read was never issued; otherwise it only reads what is there.
    pub(crate) decides: bool,
    /// Reads a token; none where it fails.
    pub(crate) read: fn(&str) -> Option<Reading>,
}

/// The checks, by name.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "aad-secret",
        about: "Entra ID client secret: Marvin checksum in its last 3 characters",
        decides: true,
        read: aad_secret,
    },
    Check {
        name: "artifactory-reference",
        about: "base64 of reftkn:<version>:<expiry>:<text>",
        decides: true,
        read: artifactory_reference,
    },
    Check {
        name: "aws-key-id",
        about: "account number in an AWS key id made since 2019",
        decides: false,
        read: aws_key_id,
    },
    Check {
        name: "aws-bedrock",
        about: "base64 that names Bedrock, and the service user of a long-term key",
        decides: true,
        read: aws_bedrock,
    },
    Check {
        name: "azure-acr",
        about: "Azure Container Registry password: Marvin checksum",
        decides: true,
        read: |t| azure(t, AZURE_ACR),
    },
    Check {
        name: "azure-cosmos",
        about: "Azure Cosmos DB key: Marvin checksum, seed tells the class",
        decides: true,
        read: |t| azure(t, AZURE_COSMOS),
    },
    Check {
        name: "azure-function",
        about: "Azure Functions key: Marvin checksum, seed tells the class",
        decides: true,
        read: |t| azure(t, AZURE_FUNCTION),
    },
    Check {
        name: "azure-iothub",
        about: "Azure IoT key: Marvin checksum, seed tells the class",
        decides: true,
        read: |t| azure(t, AZURE_IOTHUB),
    },
    Check {
        name: "azure-messaging",
        about: "Azure Service Bus or Event Hubs key: Marvin checksum, seed tells the right",
        decides: true,
        read: |t| azure(t, AZURE_MESSAGING),
    },
    Check {
        name: "azure-redis",
        about: "Azure Cache for Redis key: Marvin checksum",
        decides: true,
        read: |t| azure(t, AZURE_REDIS),
    },
    Check {
        name: "azure-search",
        about: "Azure AI Search key: Marvin checksum, seed tells the class",
        decides: true,
        read: |t| azure(t, AZURE_SEARCH),
    },
    Check {
        name: "azure-storage",
        about: "Azure Storage account key: Marvin checksum",
        decides: true,
        read: |t| azure(t, AZURE_STORAGE),
    },
    Check { name: "bech32", about: "Bech32 checksum", decides: true, read: bech32 },
    Check {
        name: "cask",
        about: "Azure common annotated key: Marvin checksum, month of issue",
        decides: true,
        read: cask,
    },
    Check {
        name: "cloudflared",
        about: "base64 JSON with account, tunnel and secret",
        decides: true,
        read: cloudflared,
    },
    Check {
        name: "der",
        about: "PEM body that decodes to a DER sequence",
        decides: true,
        read: der,
    },
    Check {
        name: "discord-bot",
        about: "first part decodes to the bot's numeric id",
        decides: true,
        read: discord_bot,
    },
    Check {
        name: "github",
        about: "last 6 characters are the base-62 CRC-32 of what stands between prefix and them",
        decides: true,
        read: github,
    },
    Check {
        name: "gitlab-routable",
        about: "last 7 characters are the base-36 CRC-32 of the rest; the payload names the user",
        decides: true,
        read: gitlab_routable,
    },
    Check {
        name: "grafana",
        about: "last 8 characters are the little-endian CRC-32 of the rest, in hex",
        decides: true,
        read: grafana,
    },
    Check {
        name: "grafana-cloud",
        about: "base64 JSON with organisation and name",
        decides: true,
        read: grafana_cloud,
    },
    Check {
        name: "jwt",
        about: "header and payload are JSON; claims tell account, scopes and times",
        decides: true,
        read: jwt_claims,
    },
    Check {
        name: "kubernetes-service-account",
        about: "claims of a Kubernetes service account",
        decides: true,
        read: kubernetes_service_account,
    },
    Check {
        name: "ksuid",
        about: "creation time in the first 27 characters",
        decides: false,
        read: ksuid,
    },
    Check {
        name: "mapbox",
        about: "middle part is base64 JSON with the user",
        decides: true,
        read: mapbox,
    },
    Check {
        name: "object-id",
        about: "creation time in the first 8 digits of an ObjectId behind the prefix",
        decides: false,
        read: object_id,
    },
    Check {
        name: "onepassword-service-account",
        about: "base64 JSON with the sign-in address and the account's e-mail",
        decides: true,
        read: onepassword,
    },
    Check {
        name: "openssh-private",
        about: "frames an openssh-key-v1 container",
        decides: true,
        read: openssh,
    },
    Check {
        name: "pypi",
        about: "macaroon of the Python index; caveats tell projects, user and expiry",
        decides: true,
        read: pypi,
    },
    Check {
        name: "sas",
        about: "rights and expiry of an Azure shared access signature",
        decides: false,
        read: sas,
    },
    Check {
        name: "sentry-org",
        about: "base64 JSON with organisation and time of issue",
        decides: true,
        read: sentry_org,
    },
    Check {
        name: "wireguard",
        about: "32 bytes, clamped as a Curve25519 private key",
        decides: true,
        read: wireguard,
    },
];

/// The check of this name.
pub(crate) fn check(name: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.name == name)
}

/// Bytes of base64 text of either alphabet, padded or not.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    if text.contains(['-', '_']) { URL_SAFE.decode(text) } else { STANDARD.decode(text) }.ok()
}

fn decode_json(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&decode(text)?).ok()
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key)?.as_str().map(str::to_owned)
}

fn named(account: Option<String>) -> Reading {
    Reading { account, ..Reading::default() }
}

// GitHub, npm, GitLab, Grafana: CRC-32.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Digits of `number`, most significant first, padded on the left to `width`.
fn digits(number: u32, alphabet: &[u8], width: usize) -> Vec<u8> {
    let base = u32::try_from(alphabet.len()).unwrap_or(u32::MAX);
    let mut rest = number;
    let mut text = Vec::with_capacity(width);
    while rest > 0 || text.len() < width {
        text.push(alphabet[(rest % base) as usize]);
        rest /= base;
    }
    text.reverse();
    text
}

fn github(token: &str) -> Option<Reading> {
    let body = token.split_once('_')?.1.as_bytes();
    let (covered, sum) = body.split_at_checked(body.len().checked_sub(6)?)?;
    (digits(crc32fast::hash(covered), BASE62, 6) == sum).then(Reading::default)
}

fn gitlab_routable(token: &str) -> Option<Reading> {
    let bytes = token.as_bytes();
    let (covered, sum) = bytes.split_at_checked(bytes.len().checked_sub(7)?)?;
    if digits(crc32fast::hash(covered), BASE36, 7) != sum {
        return None;
    }
    Some(named(gitlab_routing(token)))
}

/// The payload is random bytes, lines such as `u:<user id in base 36>`, and the length of those lines in one byte.
fn gitlab_routing(token: &str) -> Option<String> {
    let body = token.split_once('-')?.1;
    let body = body
        .split_once('_')
        .filter(|(class, _)| class.len() == 2 && class.starts_with('t'))
        .map_or(body, |(_, rest)| rest);
    let payload = decode(body.split('.').next()?)?;
    let (length, rest) = payload.split_last()?;
    let lines =
        std::str::from_utf8(rest.get(rest.len().checked_sub(usize::from(*length))?..)?).ok()?;
    let id = |key: &str| {
        let digits = lines.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        u64::from_str_radix(digits, 36).ok()
    };
    [("u", "user"), ("p", "project"), ("g", "group"), ("o", "organisation")]
        .into_iter()
        .find_map(|(key, word)| id(key).map(|id| format!("{word} {id}")))
}

fn grafana(token: &str) -> Option<Reading> {
    let (covered, sum) = token.rsplit_once('_')?;
    (super::secret::hex(&crc32fast::hash(covered.as_bytes()).to_le_bytes()) == sum)
        .then(Reading::default)
}

// AWS.

/// Base 32 of 10 bytes; 40 bits behind the first one are the account number. Keys older than 2019 lack the leading bit and the number.
fn aws_key_id(id: &str) -> Option<Reading> {
    let bits = id.get(4..20)?.bytes().take(10).try_fold(0_u64, |bits, byte| {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        Some(bits << 5 | u64::from(digit))
    })?;
    // 50 bits were read; the number is in the first 48.
    let head = bits >> 2;
    if head >> 47 == 0 {
        return None;
    }
    Some(named(Some(format!("{:012}", (head & 0x7fff_ffff_ff80) >> 7))))
}

fn aws_bedrock(token: &str) -> Option<Reading> {
    if let Some(body) = token.strip_prefix("ABSK") {
        let text = String::from_utf8(decode(body)?).ok()?;
        let user = text.split(':').next().filter(|user| user.starts_with("BedrockAPIKey-"))?;
        return Some(named(Some(user.to_owned())));
    }
    let url = decode(token.strip_prefix("bedrock-api-key-")?)?;
    url.starts_with(b"bedrock.amazonaws.com/?Action=").then(Reading::default)
}

// Microsoft.

/// Where the classes of one Azure service's keys differ: the seed of the checksum.
struct AzureKey {
    /// Four characters that name the service, before the checksum.
    mark: &'static str,
    /// Seeds, and what a key of that class may do.
    seeds: &'static [(&'static [u8; 8], Option<Privilege>)],
}

const ADMIN: Option<Privilege> = Some(Privilege::Admin);
const WRITE: Option<Privilege> = Some(Privilege::Write);
const READ: Option<Privilege> = Some(Privilege::Read);

const AZURE_STORAGE: &[AzureKey] = &[AzureKey { mark: "+ASt", seeds: &[(b"Default0", ADMIN)] }];
const AZURE_ACR: &[AzureKey] = &[AzureKey { mark: "+ACR", seeds: &[(b"ACRDflt0", None)] }];
const AZURE_COSMOS: &[AzureKey] = &[AzureKey {
    mark: "ACDb",
    seeds: &[
        (b"MastRW00", ADMIN),
        (b"MastRO00", READ),
        (b"Resour00", None),
        (b"SysAll00", ADMIN),
        (b"SystRW00", WRITE),
        (b"SystRO00", READ),
        (b"Encryp00", None),
    ],
}];
const AZURE_FUNCTION: &[AzureKey] = &[AzureKey {
    mark: "AzFu",
    seeds: &[(b"Master00", ADMIN), (b"System00", ADMIN), (b"Functi00", WRITE)],
}];
const AZURE_SEARCH: &[AzureKey] =
    &[AzureKey { mark: "AzSe", seeds: &[(b"PAdmin00", ADMIN), (b"Query000", READ)] }];
const AZURE_REDIS: &[AzureKey] = &[AzureKey { mark: "AzCa", seeds: &[(b"Access00", ADMIN)] }];
const MESSAGING_SEEDS: &[(&[u8; 8], Option<Privilege>)] = &[
    (b"Listen00", READ),
    (b"Send0000", WRITE),
    (b"Manage00", ADMIN),
    (b"System00", ADMIN),
    (b"Unknown0", None),
];
const AZURE_MESSAGING: &[AzureKey] = &[
    AzureKey { mark: "+ASb", seeds: MESSAGING_SEEDS },
    AzureKey { mark: "+AEh", seeds: MESSAGING_SEEDS },
];
const AZURE_IOTHUB: &[AzureKey] = &[AzureKey {
    mark: "AIoT",
    seeds: &[(b"IoTHub00", ADMIN), (b"DpsKey00", ADMIN), (b"Device00", WRITE)],
}];

fn azure(token: &str, keys: &[AzureKey]) -> Option<Reading> {
    let body = token.trim_end_matches('=');
    let mark = body.get(body.len().checked_sub(10)?..body.len().checked_sub(6)?)?;
    let key = keys.iter().find(|key| key.mark == mark)?;
    let bytes = decode(token)?;
    let (covered, sum) = bytes.split_last_chunk::<4>()?;
    let (_, privilege) =
        key.seeds.iter().find(|(seed, _)| marvin32(covered, **seed).to_le_bytes() == *sum)?;
    Some(Reading { privilege: *privilege, ..Reading::default() })
}

/// Common annotated security key: the first 60 bytes, and three bytes of their checksum in base 64 or base 62.
fn cask(token: &str) -> Option<Reading> {
    let covered = decode(token.get(..80)?)?;
    let sum = marvin32(&covered, *b"Default0").to_le_bytes();
    if token.get(80..84)? != base64::engine::general_purpose::STANDARD.encode(&sum[..3]) {
        return None;
    }
    Some(Reading { issued: cask_month(token), ..Reading::default() })
}

/// Year (A is 2024) and month (A is January) of issue, at characters 58 and 59: told as the first of that month.
fn cask_month(token: &str) -> Option<Timestamp> {
    let [year, month] = token.as_bytes().get(58..60)?.try_into().ok()?;
    let year = i16::from(year.checked_sub(b'A')?).checked_add(2024)?;
    let month = i8::try_from(month.checked_sub(b'A')?).ok()?.checked_add(1)?;
    TimeZone::UTC.to_timestamp(Date::new(year, month, 1).ok()?.at(0, 0, 0, 0)).ok()
}

fn aad_secret(token: &str) -> Option<Reading> {
    const ALPHABET: &[u8; 66] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
    let bytes = token.as_bytes();
    let (covered, sum) = bytes.split_at_checked(bytes.len().checked_sub(3)?)?;
    (digits(marvin32(covered, *b"AadPwd00"), ALPHABET, 6).get(..3)? == sum).then(Reading::default)
}

/// Marvin32, as Microsoft's key formats use it: the seed is 8 ASCII characters, big endian; the halves of the state are folded.
fn marvin32(data: &[u8], seed: [u8; 8]) -> u32 {
    fn mix(mut low: u32, mut high: u32) -> (u32, u32) {
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        (low, high.rotate_left(19))
    }
    let (high, low) = seed.split_at(4);
    let half = |bytes: &[u8]| bytes.iter().fold(0, |half, byte| half << 8 | u32::from(*byte));
    let (mut low, mut high) = (half(low), half(high));
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        (low, high) = mix(low.wrapping_add(u32::from_le_bytes(*word)), high);
    }
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    last[tail.len()] = 0x80;
    (low, high) = mix(low.wrapping_add(u32::from_le_bytes(last)), high);
    (low, high) = mix(low, high);
    low ^ high
}

/// `sp` tells the rights, `st` and `se` from when to when.
fn sas(token: &str) -> Option<Reading> {
    let value = |name: &str| {
        let pair = token.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(pair.replace("%3A", ":").replace("%3a", ":"))
    };
    value("sig")?;
    let time = |name| value(name).and_then(|text| timestamp(&Value::String(text)));
    let privilege = value("sp").map(|rights| match rights {
        rights if rights.contains(['w', 'd', 'a', 'c', 'u', 'p', 'x']) => Privilege::Write,
        _ => Privilege::Read,
    });
    Some(Reading { issued: time("st"), expires: time("se"), privilege, ..Reading::default() })
}

// Tokens with a payload of text.

fn jwt_claims(token: &str) -> Option<Reading> {
    // Some vendors put a prefix before the token proper.
    let map = jwt::claims(token.get(token.find("eyJ")?..)?)?;
    if !jwt::is_meant(&map) {
        return None;
    }
    let claims = Claims::of(&map);
    let kind = if !claims.scopes.is_empty() {
        Some(CredentialKind::OauthAccessToken)
    } else if ["nonce", "at_hash", "c_hash"].iter().any(|name| map.contains_key(*name)) {
        Some(CredentialKind::IdToken)
    } else {
        None
    };
    Some(Reading {
        kind,
        account: claims.account,
        issued: claims.issued,
        expires: claims.expires,
        scopes: claims.scopes,
        privilege: None,
    })
}

/// A bound token that lives a day or less is a pod's session; any other serves as a key until it is deleted.
fn kubernetes_service_account(token: &str) -> Option<Reading> {
    const DAY: i64 = 86_400;
    let map = jwt::claims(token)?;
    if !jwt::is_service_account(&map) {
        return None;
    }
    let reading = jwt_claims(token)?;
    let short = reading
        .issued
        .zip(reading.expires)
        .is_some_and(|(from, to)| to.as_second() - from.as_second() <= DAY);
    Some(Reading { kind: short.then_some(CredentialKind::SessionToken), ..reading })
}

fn onepassword(token: &str) -> Option<Reading> {
    let map = decode_json(token.strip_prefix("ops_")?)?;
    map.get("signInAddress")?;
    Some(named(text(&map, "email")))
}

fn sentry_org(token: &str) -> Option<Reading> {
    let map = decode_json(token.strip_prefix("sntrys_")?.rsplit_once('_')?.0)?;
    Some(Reading {
        account: Some(text(&map, "org")?),
        issued: map.get("iat").and_then(timestamp),
        ..Reading::default()
    })
}

fn grafana_cloud(token: &str) -> Option<Reading> {
    let map = decode_json(token.strip_prefix("glc_")?)?;
    map.get("k")?;
    let name = text(&map, "n");
    let organisation = map.get("o")?;
    Some(named(name.or_else(|| organisation.as_str().map(str::to_owned))))
}

fn mapbox(token: &str) -> Option<Reading> {
    Some(named(Some(text(&decode_json(token.split('.').nth(1)?)?, "u")?)))
}

fn cloudflared(token: &str) -> Option<Reading> {
    let map = decode_json(token)?;
    map.get("s")?;
    map.get("t")?;
    Some(named(Some(text(&map, "a")?)))
}

fn discord_bot(token: &str) -> Option<Reading> {
    let id = String::from_utf8(decode(token.split('.').next()?)?).ok()?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| named(Some(id)))
}

fn artifactory_reference(token: &str) -> Option<Reading> {
    let text = String::from_utf8(decode(token)?).ok()?;
    let mut parts = text.splitn(4, ':');
    if parts.next()? != "reftkn" || parts.next()?.is_empty() {
        return None;
    }
    let expiry: i64 = parts.next()?.parse().ok()?;
    parts.next()?;
    Some(Reading { expires: timestamp(&Value::from(expiry)), ..Reading::default() })
}

/// A KSUID begins with seconds since 2014-05-13 (1,400,000,000) in 4 of its 20 bytes, base 62.
fn ksuid(token: &str) -> Option<Reading> {
    let value = token.get(..27)?.bytes().try_fold([0_u8; 20], |value, byte| {
        let digit = BASE62.iter().position(|known| *known == byte)?;
        let mut carry = digit;
        let mut next = value;
        for place in next.iter_mut().rev() {
            carry += usize::from(*place) * 62;
            *place = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        (carry == 0).then_some(next)
    })?;
    let seconds = u32::from_be_bytes(*value.first_chunk()?);
    let issued = timestamp(&Value::from(i64::from(seconds) + 1_400_000_000));
    Some(Reading { issued, ..Reading::default() })
}

fn object_id(token: &str) -> Option<Reading> {
    let id = token.split_once('-')?.1;
    let seconds = u32::from_str_radix(id.get(..8)?, 16).ok()?;
    Some(Reading { issued: timestamp(&Value::from(seconds)), ..Reading::default() })
}

// Python index: macaroon, version 2.

/// Identifier, caveats and location are fields of type, length and bytes; a caveat is JSON text.
fn pypi(token: &str) -> Option<Reading> {
    let bytes = decode(token.strip_prefix("pypi-")?)?;
    let body = bytes.strip_prefix(&[2])?;
    let (location, mut rest) = macaroon_field(body, 1)?;
    if !location.strip_prefix(b"test.").unwrap_or(location).starts_with(b"pypi.") {
        return None;
    }
    let mut reading = Reading { privilege: Some(Privilege::Admin), ..Reading::default() };
    let mut projects = Vec::new();
    // 2 is an identifier; a zero ends a section.
    while let Some((first, after)) = rest.split_first() {
        if *first != 2 {
            rest = after;
            if *first != 0 {
                break;
            }
            continue;
        }
        let (caveat, after) = macaroon_field(rest, 2)?;
        rest = after;
        if let Ok(caveat) = serde_json::from_slice::<Value>(caveat) {
            pypi_caveat(&caveat, &mut reading, &mut projects);
        }
    }
    if !projects.is_empty() {
        reading.privilege = Some(Privilege::Write);
        reading.scopes = projects;
    }
    Some(reading)
}

fn macaroon_field(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[kind])?;
    let (low, rest) = rest.split_first()?;
    if *low < 0x80 {
        return rest.split_at_checked(usize::from(*low));
    }
    let (high, rest) = rest.split_first()?;
    (*high < 0x80).then_some(())?;
    rest.split_at_checked(usize::from(*low & 0x7f) | usize::from(*high) << 7)
}

/// `[0, expiry, from]`, `[1, [project names]]`, `[2, [project ids]]`, `[3, user id]`; before 2022 an object with `permissions`.
fn pypi_caveat(caveat: &Value, reading: &mut Reading, projects: &mut Vec<String>) {
    let names = |list: &Value| -> Vec<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|name| format!("project:{name}"))
            .collect()
    };
    if let Some(permissions) = caveat.get("permissions") {
        projects.extend(permissions.get("projects").map(names).unwrap_or_default());
        return;
    }
    let argument = caveat.get(1).unwrap_or(&Value::Null);
    match caveat.get(0).and_then(Value::as_i64) {
        Some(0) => {
            reading.expires = timestamp(argument);
            reading.issued = caveat.get(2).and_then(timestamp);
        }
        Some(1 | 2) => projects.extend(names(argument)),
        Some(3) => reading.account = argument.as_str().map(|id| format!("user {id}")),
        _ => {}
    }
}

// Keys.

/// Bech32 (BIP 173): the checksum over prefix and data leaves 1.
fn bech32(token: &str) -> Option<Reading> {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let token = token.to_ascii_lowercase();
    let (prefix, data) = token.rsplit_once('1')?;
    let step = |sum: u32, value: u8| {
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        (0..5)
            .filter(|bit| sum >> 25 >> bit & 1 == 1)
            .fold(next, |next, bit| next ^ GENERATORS[bit])
    };
    let sum = prefix
        .bytes()
        .map(|byte| byte >> 5)
        .chain([0])
        .chain(prefix.bytes().map(|byte| byte & 31))
        .fold(1, step);
    let sum = data.bytes().try_fold(sum, |sum, byte| {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        Some(step(sum, u8::try_from(value).ok()?))
    })?;
    (sum == 1).then(Reading::default)
}

fn wireguard(key: &str) -> Option<Reading> {
    let key: [u8; 32] = decode(key)?.try_into().ok()?;
    (key[0].trailing_zeros() >= 3 && key[31] >> 6 == 1).then(Reading::default)
}

/// The bytes that a PEM block frames, whether its lines are broken or written as `\n`.
fn pem_body(block: &str) -> Option<Vec<u8>> {
    let body = block.strip_prefix("-----BEGIN ")?.split_once("-----")?.1.split_once("-----END")?.0;
    let body = body.replace("\\r", "").replace("\\n", "\n");
    let lines = body.lines().map(str::trim).filter(|line| !line.contains(':'));
    decode(&lines.collect::<String>())
}

fn der(block: &str) -> Option<Reading> {
    (pem_body(block)?.first()? == &0x30).then(Reading::default)
}

fn openssh(block: &str) -> Option<Reading> {
    pem_body(block)?.starts_with(b"openssh-key-v1\0").then(Reading::default)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(name: &str, token: &str) -> Option<Reading> {
        (check(name).unwrap().read)(token)
    }

    #[test]
    fn every_check_is_told_in_a_clause() {
        assert!(CHECKS.iter().all(|check| !check.about.is_empty() && check.about.len() < 100));
    }

    #[test]
    fn tokens_say_whose_they_are() {
        for (name, token, account) in [
            ("aws-key-id", "ASIAQNZGKIQY56JQ7WML", "029608264753"),
            (
                "discord-bot",
                "MTE5ODYyMjQ4MzQ3MTkyNTI0OA.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
                "1198622483471925248",
            ),
        ] {
            assert_eq!(run(name, token).unwrap().account.as_deref(), Some(account), "{name}");
        }
    }

    #[test]
    fn old_aws_key_ids_carry_no_account() {
        assert_eq!(run("aws-key-id", "AKIAIOSFODNN7EXAMPLE"), None);
    }

    #[test]
    fn pypi_macaroons_tell_their_reach() {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let field = |kind: u8, text: &str| {
            let mut bytes = vec![kind, u8::try_from(text.len()).unwrap()];
            bytes.extend(text.bytes());
            bytes
        };
        let token = |caveats: &[&str]| {
            let mut bytes = vec![2];
            bytes.extend(field(1, "pypi.example"));
            bytes.extend(field(2, "4d7e2b1a-0000-4000-8000-000000000000"));
            bytes.push(0);
            for caveat in caveats {
                bytes.extend(field(2, caveat));
                bytes.push(0);
            }
            bytes.extend([0, 6, 4, 1, 2, 3, 4]);
            format!("pypi-{}", URL_SAFE_NO_PAD.encode(bytes))
        };
        let whole = run("pypi", &token(&[r#"{"version": 1, "permissions": "user"}"#])).unwrap();
        assert_eq!((whole.privilege, whole.scopes.len()), (Some(Privilege::Admin), 0));
        let narrow = run(
            "pypi",
            &token(&[r#"[1,["sampleproject"]]"#, r"[0,1795436647,1795433047]", r#"[3,"42"]"#]),
        )
        .unwrap();
        assert_eq!(narrow.privilege, Some(Privilege::Write));
        assert_eq!(narrow.scopes, ["project:sampleproject"]);
        assert_eq!(narrow.account.as_deref(), Some("user 42"));
        assert_eq!(narrow.expires.unwrap().to_string(), "2026-11-23T12:24:07Z");
    }

    #[test]
    fn signatures_tell_rights_and_end() {
        let reading =
            run("sas", "sv=2023-11-03&ss=b&srt=co&sp=rl&se=2026-12-01T00%3A00%3A00Z&sig=AAAA")
                .unwrap();
        assert_eq!(reading.privilege, Some(Privilege::Read));
        assert_eq!(reading.expires.unwrap().to_string(), "2026-12-01T00:00:00Z");
    }

    #[test]
    fn ksuids_and_object_ids_tell_when() {
        assert_eq!(
            run("ksuid", "0ujtsYcgvSTl8PAuAdqWYSMnLOv_x").unwrap().issued.unwrap().to_string(),
            "2017-10-10T04:00:47Z"
        );
        assert_eq!(
            run("object-id", "PMAK-507f191e810c19729de860ea-x")
                .unwrap()
                .issued
                .unwrap()
                .to_string(),
            "2012-10-17T20:46:22Z"
        );
    }

    #[test]
    fn service_account_keys_are_told_from_sessions() {
        let token = |payload: &str| {
            use base64::engine::general_purpose::URL_SAFE_NO_PAD;
            format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
        };
        let kind = |payload: &str| {
            run("kubernetes-service-account", &token(payload)).map(|reading| reading.kind)
        };
        let session = Some(Some(CredentialKind::SessionToken));
        assert_eq!(
            kind(r#"{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:a:b"}"#),
            Some(None)
        );
        assert_eq!(
            kind(r#"{"sub":"system:serviceaccount:a:b","iat":1795433047,"exp":1826969047}"#),
            Some(None)
        );
        assert_eq!(
            kind(r#"{"sub":"system:serviceaccount:a:b","iat":1795433047,"exp":1795436647}"#),
            session
        );
        assert_eq!(kind(r#"{"sub":"alice","iat":1795433047,"exp":1795436647}"#), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,120}", tail in "[0-9A-Za-z+/=_.:-]{0,120}", prefix in 0..8_usize) {
            let prefixes = ["", "pypi-", "ops_", "glpat-t1_", "ABSK", "-----BEGIN X-----", "eyJ", "sntrys_"];
            for check in CHECKS {
                let _ = (check.read)(&text);
                let _ = (check.read)(&format!("{}{tail}", prefixes[prefix]));
            }
        }
    }
}
