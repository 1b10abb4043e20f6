//! What a JSON Web Token says of itself, unverified: it is read as a statement, never trusted as a proof.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::check::decode;
use super::time::timestamp;

/// Longest token that is looked into, in bytes. Headers of HTTP servers stop at less.
const MAX_TOKEN: usize = 64 * 1024;

/// The claims of a signed token (three parts), or the members of an encrypted token's header (five parts), where RFC 7519 lets an
/// issuer repeat claims. None for anything else. Nesting is bounded by `serde_json`'s own limit of 128.
pub(crate) fn claims(token: &str) -> Option<Map<String, Value>> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let parts: Vec<&str> = token.split('.').take(6).collect();
    let header = object(parts.first()?)?;
    match parts.len() {
        3 if header.contains_key("alg") => object(parts[1]),
        5 if header.contains_key("enc") => Some(header),
        _ => None,
    }
}

/// What the claims say, in the words of a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// The principal: a UPN, user name, e-mail or service account; else its opaque id.
    pub(crate) account: Option<String>,
    /// `iss`.
    pub(crate) issuer: Option<String>,
    /// `aud`, several joined by a space.
    pub(crate) audience: Option<String>,
    /// Client registration that asked for the token.
    pub(crate) client_id: Option<String>,
    /// Tenant or organisation of the principal.
    pub(crate) tenant: Option<String>,
    /// `scope` or `scp`.
    pub(crate) scopes: Vec<String>,
    /// `roles`, then `groups`.
    pub(crate) roles: Vec<String>,
    /// `iat`, else `nbf`.
    pub(crate) issued: Option<Timestamp>,
    /// `exp`.
    pub(crate) expires: Option<Timestamp>,
}

impl Claims {
    /// Reads the registered claims, and those of the large issuers: Entra ID, Google, Okta, Cognito, Keycloak, Kubernetes.
    pub(crate) fn of(map: &Map<String, Value>) -> Self {
        let mut roles = words(map, "roles");
        roles.extend(words(map, "groups"));
        let mut scopes = words(map, "scope");
        if scopes.is_empty() {
            scopes = words(map, "scp");
        }
        Self {
            account: account(map),
            issuer: text(map, "iss"),
            audience: Some(words(map, "aud").join(" ")).filter(|joined| !joined.is_empty()),
            client_id: first(map, &["client_id", "azp", "appid", "cid"]),
            tenant: first(map, &["tid", "tenant", "tenant_id", "org_id", "hd"]),
            scopes,
            roles,
            issued: map
                .get("iat")
                .and_then(timestamp)
                .or_else(|| map.get("nbf").and_then(timestamp)),
            expires: map.get("exp").and_then(timestamp),
        }
    }
}

/// Whether these are the claims of a Kubernetes service account, legacy or bound.
pub(crate) fn is_service_account(map: &Map<String, Value>) -> bool {
    text(map, "iss").is_some_and(|issuer| issuer == "kubernetes/serviceaccount")
        || map.contains_key("kubernetes.io")
        || text(map, "sub").is_some_and(|subject| subject.starts_with("system:serviceaccount:"))
}

/// Whether somebody issued it for something: a registered or usual claim is there, and it is not the sample that every manual prints.
pub(crate) fn is_meant(map: &Map<String, Value>) -> bool {
    let usual = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "jti",
        "azp",
        "client_id",
        "scope",
        "scp",
        "email",
        "upn",
        "oid",
        "tid",
        "sid",
        "uid",
        "user_id",
        "user",
        "username",
        "role",
        "roles",
    ];
    let sample = text(map, "sub").as_deref() == Some("1234567890")
        || text(map, "name").as_deref() == Some("John Doe");
    !sample && usual.iter().any(|name| map.contains_key(*name))
}

/// A name a person would know before an id only the issuer knows.
fn account(map: &Map<String, Value>) -> Option<String> {
    let names = [
        "upn",
        "preferred_username",
        "email",
        "unique_name",
        "user_name",
        "username",
        "cognito:username",
    ];
    let subject = text(map, "sub");
    first(map, &names)
        .or_else(|| profile_email(map))
        .or_else(|| subject.clone().filter(|name| is_readable(name)))
        .or_else(|| service_account(map))
        .or_else(|| text(map, "appid"))
        .or(subject)
}

/// Issuers that keep to RFC 7519 put their own claims under a URL: `"https://api.example.com/profile": {"email": …}`.
fn profile_email(map: &Map<String, Value>) -> Option<String> {
    let own = |(name, value): (&String, &Value)| {
        if !name.starts_with("https://") {
            return None;
        }
        match value {
            Value::Object(profile) => text(profile, "email"),
            Value::String(email) if name.ends_with("/email") => Some(email.clone()),
            _ => None,
        }
    };
    map.iter().find_map(own)
}

fn service_account(map: &Map<String, Value>) -> Option<String> {
    let legacy = || {
        let namespace = text(map, "kubernetes.io/serviceaccount/namespace")?;
        let name = text(map, "kubernetes.io/serviceaccount/service-account.name")?;
        Some((namespace, name))
    };
    let bound = || {
        let claims = map.get("kubernetes.io")?.as_object()?;
        Some((
            text(claims, "namespace")?,
            text(claims.get("serviceaccount")?.as_object()?, "name")?,
        ))
    };
    let (namespace, name) = legacy().or_else(bound)?;
    Some(format!("system:serviceaccount:{namespace}:{name}"))
}

/// Names are words with separators; ids are digits, hex, or letters and digits thrown together.
fn is_readable(subject: &str) -> bool {
    if subject.contains(['@', ':']) {
        return true;
    }
    let has = |kind: fn(&u8) -> bool| subject.as_bytes().iter().any(kind);
    let number = subject.bytes().all(|byte| byte.is_ascii_digit());
    let hex =
        subject.len() >= 12 && subject.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let mixed = subject.len() >= 16
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase);
    !(number || hex || mixed || subject.contains('|'))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&decode(part)?).ok()
}

fn first(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(map, name))
}

fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A list, or a text of words.
fn words(map: &Map<String, Value>, name: &str) -> Vec<String> {
    match map.get(name) {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn token(header: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmF0dXJl", part(header), part(payload))
    }

    fn said(payload: Value) -> Claims {
        let Value::Object(map) = payload else { panic!("not an object") };
        Claims::of(&map)
    }

    #[test]
    fn three_parts_give_claims_and_five_the_header() {
        let signed = token(&json!({"alg": "RS256"}), &json!({"sub": "alice"}));
        assert_eq!(claims(&signed).unwrap()["sub"], "alice");
        let header = URL_SAFE_NO_PAD
            .encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM","iss":"https://id.example"}"#);
        assert_eq!(
            claims(&format!("{header}.AAAA.BBBB.CCCC.DDDD")).unwrap()["iss"],
            "https://id.example"
        );
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for text in [
            String::new(),
            "..".into(),
            "a.b.c".into(),
            "eyJhbGciOiJub25lIn0.e30".into(),
            token(&json!({"typ": "JWT"}), &json!({"sub": "alice"})),
            token(&json!({"alg": "RS256"}), &json!(["sub"])),
            format!("eyJhbGciOiJub25lIn0.{}.x", URL_SAFE_NO_PAD.encode(deep)),
            token(&json!({"alg": "RS256"}), &json!({"sub": "a".repeat(70_000)})),
        ] {
            assert!(claims(&text).is_none());
        }
    }

    #[test]
    fn account_is_the_name_a_person_would_know() {
        for (payload, expected) in [
            (
                json!({"upn": "jane@corp.example", "email": "j@x", "sub": "abc"}),
                Some("jane@corp.example"),
            ),
            (json!({"preferred_username": "alice-acme", "email": "a@x"}), Some("alice-acme")),
            (
                json!({"email": "dana@acme.example", "sub": "109419666206277716250"}),
                Some("dana@acme.example"),
            ),
            (json!({"unique_name": "live.com#x@y", "sub": "q"}), Some("live.com#x@y")),
            (json!({"sub": "DANA"}), Some("DANA")),
            (
                json!({"sub": "repo:acme/app:ref:refs/heads/main"}),
                Some("repo:acme/app:ref:refs/heads/main"),
            ),
            (
                json!({"sub": "ocid1.user.oc1..aaaaaaaa461vcptafgp5m5"}),
                Some("ocid1.user.oc1..aaaaaaaa461vcptafgp5m5"),
            ),
            (
                json!({"sub": "arn:aws:iam::310228047751:user/dana"}),
                Some("arn:aws:iam::310228047751:user/dana"),
            ),
            (
                json!({"sub": "system:serviceaccount:ci:deployer"}),
                Some("system:serviceaccount:ci:deployer"),
            ),
            (
                json!({"kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "deployer"}}}),
                Some("system:serviceaccount:ci:deployer"),
            ),
            (
                json!({"kubernetes.io/serviceaccount/namespace": "kube-system",
                       "kubernetes.io/serviceaccount/service-account.name": "admin"}),
                Some("system:serviceaccount:kube-system:admin"),
            ),
            (
                json!({"sub": "auth0|hV3NBkKzFM4ck8CxN9H4JA8u", "https://api.vendor.example/profile": {"email": "alice@acme.example"}}),
                Some("alice@acme.example"),
            ),
            (
                json!({"appid": "1f3c9b5e-11aa-4c2b-9f0e-6d2f5b7a9c10", "sub": "80faf920-1908-4b52-b5ef-a8e7bedfc67a"}),
                Some("1f3c9b5e-11aa-4c2b-9f0e-6d2f5b7a9c10"),
            ),
            (
                json!({"sub": "80faf920-1908-4b52-b5ef-a8e7bedfc67a"}),
                Some("80faf920-1908-4b52-b5ef-a8e7bedfc67a"),
            ),
            (json!({"sub": 7, "email": ""}), None),
        ] {
            assert_eq!(said(payload).account.as_deref(), expected);
        }
    }

    #[test]
    fn the_other_fields() {
        let claims = said(json!({
            "iss": "https://login.example/v2.0", "aud": ["api://one", "api://two"], "azp": "client", "tid": "tenant",
            "scp": "user.read mail.send", "roles": ["Reader"], "groups": ["developers"], "nbf": 1_795_433_047, "exp": 1_795_436_647.0
        }));
        assert_eq!(claims.issuer.as_deref(), Some("https://login.example/v2.0"));
        assert_eq!(claims.audience.as_deref(), Some("api://one api://two"));
        assert_eq!(claims.client_id.as_deref(), Some("client"));
        assert_eq!(claims.tenant.as_deref(), Some("tenant"));
        assert_eq!(claims.scopes, ["user.read", "mail.send"]);
        assert_eq!(claims.roles, ["Reader", "developers"]);
        assert_eq!(claims.issued.unwrap().to_string(), "2026-11-23T11:24:07Z");
        assert_eq!(claims.expires.unwrap().to_string(), "2026-11-23T12:24:07Z");
        assert_eq!(
            said(json!({"scope": ["api", "offline_access"], "scp": "x"})).scopes,
            ["api", "offline_access"]
        );
        assert_eq!(said(json!({"exp": 0, "aud": [], "scope": {}})), Claims::default());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = claims(&text);
            let _ = claims(&format!("eyJhbGciOiJub25lIn0.{}.x", URL_SAFE_NO_PAD.encode(bytes)));
        }
    }
}
