//! Values that standards and documents print as examples: the whole world knows them, and people paste them.

/// Values by the document that prints them, each as a whole.
const VALUES: &[(&str, &[&str])] = &[
    (
        "RFC 6749 (OAuth 2.0), 6750 (bearer tokens), 7009 (revocation), 7523 (assertions), 7662 (introspection)",
        &[
            "2YotnFZFEjr1zCsicMWpAA",
            "tGzv3JOkF0XG5Qx2TlKWIA",
            "SplxlOBeZQQYbYS6WxSbIA",
            "gX1fBat3bV",
            "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
            "7Fjfp0ZBr1KtDRbnfVdmIw",
            "A3ddj3w",
            "mF_9.B5f-4.1JqM",
            "vF9dft4qmT",
            "45ghiukldjahdnhzdauz",
            "n0esc3NRze7LTCu7iYzS6a5acc3f0ogp4",
        ],
    ),
    (
        "RFC 7591 and 7592 (client registration)",
        &[
            "cf136dc3c1fc93f31185e5885805d",
            "reg-23410913-abewfq.123483",
            "this.is.an.access.token.value.ffx83",
        ],
    ),
    ("RFC 7636 (PKCE)", &["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"]),
    ("RFC 8628 (device grant)", &["GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS", "WDJB-MJHT"]),
    ("RFC 8693 (token exchange)", &["accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"]),
    (
        "OpenID Connect Core and Registration 1.0",
        &[
            "SlAV32hkKG",
            "8xLOxBtZp8",
            "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            "ZJYCqe3GGRvdrudKyZS0XhGv_Z45DuKhCUk0gBR1vZk",
        ],
    ),
    (
        "RFC 7515 A.1 and A.3, 7517 A.1 and A.3, 8037 A.1 (keys)",
        &[
            "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
            "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
            "GawgguFyGrWKav7AX4VKUg",
            "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        ],
    ),
];

/// Values by how they begin, too long to be written out.
const BEGINNINGS: &[(&str, &str)] = &[
    ("RFC 7515 A.1 and 7517 A.3: the symmetric key", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"),
    ("RFC 7515 A.2: `d` of the RSA key", "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAe"),
    ("RFC 7517 A.2: `d` of the RSA key", "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH"),
];

/// How the claims of published JSON Web Tokens begin; the same claims stand under many headers and signatures.
const CLAIMS: &[(&str, &str)] = &[
    (
        "RFC 7515 and 7519: `iss` is joe, until 2011",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog",
    ),
    (
        "jwt.io: `sub` is 1234567890, `name` is John Doe",
        "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIi",
    ),
];

/// How session tokens of AWS begin; those that its documents print spell `EXAMPLE` in the middle.
const AWS_SESSIONS: &[&str] = &["AQo", "FQo", "FwoG", "IQoJ"];

/// Whether a value is an example that a standard or the documents of a provider print.
pub(super) fn is_published(value: &str) -> bool {
    let claims = value.split('.').nth(1).filter(|_| value.starts_with("eyJ"));
    VALUES.iter().any(|(_, values)| values.contains(&value))
        || BEGINNINGS.iter().any(|(_, beginning)| value.starts_with(beginning))
        || claims.is_some_and(|claims| CLAIMS.iter().any(|(_, known)| claims.starts_with(known)))
        || AWS_SESSIONS.iter().any(|start| value.starts_with(start)) && value.contains("EXAMPLE")
}

#[cfg(test)]
mod tests {
    use super::super::placeholder::is_placeholder;

    #[test]
    fn examples_of_standards_are_no_credentials() {
        for value in [
            "2YotnFZFEjr1zCsicMWpAA",
            "mF_9.B5f-4.1JqM",
            "\"tGzv3JOkF0XG5Qx2TlKWIA\"",
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in [
            "2YotnFZFEjr1zCsicMWpAB",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkxIiwibmFtZSI6IkphbmUifQ.c2lnbmF0dXJl",
            "IQoJb3JpZ2luX2VjEHoaCXVzLWVhc3QtMSJHMEUCIQ",
            "eyJ",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
