use proptest::prelude::*;
use serde_json::json;

use super::*;

fn run(source: &str, document: &Value) -> Outcome {
    let filter =
        Filter::compile(source, &["$path", "$cert"]).unwrap_or_else(|p| panic!("{source}: {p:?}"));
    filter.run(document, &[json!(["home", ".x"]), json!({"a": 1})])
}

fn outputs(source: &str, document: &Value) -> Vec<Value> {
    let outcome = run(source, document);
    assert!(!outcome.failed, "{source} failed");
    outcome.outputs
}

fn problems(source: &str) -> Vec<Problem> {
    Filter::compile(source, &["$path", "$cert"]).err().unwrap_or_default()
}

#[test]
fn accepted_filters_mean_what_jq_means() {
    for (source, document, expected) in [
        (".", json!({"b": 1, "a": [1.5, null, true]}), json!([{"b": 1, "a": [1.5, null, true]}])),
        (".[]", json!({"b": 1, "a": 2}), json!([1, 2])),
        (".a?, .b?", json!([]), json!([])),
        (
            "to_entries[] | .key as $k | {$k, v: .value}",
            json!({"x": 1}),
            json!([{"k": "x", "v": 1}]),
        ),
        (
            ". as {a: $x, b: [$y, {c: $z}]} | [$x, $y, $z]",
            json!({"a": 1, "b": [2, {"c": 3}]}),
            json!([[1, 2, 3]]),
        ),
        (
            ". as {$a, \"b\": $b, (\"c\"): $c} | [$a, $b, $c]",
            json!({"a": 1, "b": 2, "c": 3}),
            json!([[1, 2, 3]]),
        ),
        ("\"\\(.a)-\\(.b)!\"", json!({"a": 1, "b": "x"}), json!(["1-x!"])),
        ("@uri \"a=\\(.a)&b\"", json!({"a": "x y"}), json!(["a=x%20y&b"])),
        ("if .a then \"y\" elif .b then \"z\" else empty end", json!({"b": 1}), json!(["z"])),
        ("(.a // .b) // \"none\"", json!({"b": false}), json!(["none"])),
        ("[..|numbers]", json!([1, {"a": 2, "b": [3]}]), json!([[1, 2, 3]])),
        ("map(select(. > 1)) | add", json!([1, 2, 3]), json!([5])),
        ("with_entries(select(.value != null))", json!({"a": null, "b": 1}), json!([{"b": 1}])),
        ("map_values(. + 1)", json!({"a": 1}), json!([{"a": 2}])),
        ("group_by(.a) | map(length)", json!([{"a": 2}, {"a": 1}, {"a": 2}]), json!([[1, 2]])),
        ("[.[] | tonumber?]", json!(["1", "x", "2.5", 3]), json!([[1, 2.5, 3]])),
        ("try error(\"x\") catch .", json!(null), json!(["x"])),
        ("join(\",\")", json!(["a", 1, null, true]), json!(["a,1,,true"])),
        ("split(\", \")", json!("a, b"), json!([["a", "b"]])),
        ("split(\", *\"; null)", json!("a,b,  c"), json!([["a", "b", "c"]])),
        ("test(\"^A\"; \"i\")", json!("abc"), json!([true])),
        (
            "capture(\"(?<k>\\\\w+)=(?<v>\\\\w*)(?<n>z)?\")",
            json!("a=b"),
            json!([{"k": "a", "v": "b", "n": null}]),
        ),
        (
            "[scan(\"[0-9]+\")], [scan(\"(.)(.)\")]",
            json!("a1b22"),
            json!([["1", "22"], [["a", "1"], ["b", "2"]]]),
        ),
        (
            "sub(\"a\"; \"b\"), gsub(\"(?<x>a)\"; \"<\\(.x)>\")",
            json!("aXa"),
            json!(["bXa", "<a>X<a>"]),
        ),
        ("sub(\"^https?://\"; \"\")", json!("https://x"), json!(["x"])),
        ("$path[-1], $cert.a", json!(null), json!([".x", 1])),
        (
            ".a |= . + 1 | .b = 2 | .c //= 3 | del(.d)",
            json!({"a": 1, "d": 1}),
            json!([{"a": 2, "b": 2, "c": 3}]),
        ),
        (".expires * 1000, 7 / 2, 7 % 4", json!({"expires": 5}), json!([5000, 3.5, 3])),
        ("[paths]", json!({"a": [1]}), json!([[["a"], ["a", 0]]])),
        ("getpath([\"a\", 0])", json!({"a": [1]}), json!([1])),
        (
            ".a | fromjson | .b",
            json!({"a": "{\"b\": 18446744073709551615}"}),
            json!([18_446_744_073_709_551_615_u64]),
        ),
        ("@base64d", json!("YTpi"), json!(["a:b"])),
        ("@base64d", json!("_-8"), json!(["\u{fffd}\u{fffd}"])),
        (".x | tojson", json!({"x": {"b": 1, "a": [null]}}), json!(["{\"b\":1,\"a\":[null]}"])),
        ("fromdate, todate", json!("2026-01-02T03:04:05Z"), json!([1_767_323_045])),
        (
            "first(.[] | select(. > 1)), last, (.[1:] | length), any(. > 2), all",
            json!([1, 2, 3]),
            json!([2, 3, 2, true, true]),
        ),
        ("[.[] | ltrimstr(\"a\") | ascii_upcase]", json!(["ab", "c"]), json!([["B", "C"]])),
        ("flatten | unique | reverse | index(2)", json!([[1, [2]], 1]), json!([0])),
        ("# a comment with ( \" [\n .", json!(1), json!([1])),
    ] {
        let outcome = run(source, &document);
        assert_eq!(Value::Array(outcome.outputs), expected, "{source}");
    }
}

#[test]
fn every_builtin_of_the_list_compiles() {
    for (name, arities) in subset::BUILTINS {
        for arity in *arities {
            let arguments = match *name {
                "sub" | "gsub" => ["\"x\"", ".", "\"i\""],
                "test" | "capture" | "scan" | "split" => ["\"x\"", "\"i\"", ""],
                _ => [".a"; 3],
            };
            let source = match arity {
                0 => (*name).to_owned(),
                arity => format!("{name}({})", arguments[..*arity].join("; ")),
            };
            assert_eq!(problems(&source), [], "{source}");
        }
    }
}

#[test]
fn refused_filters_say_where_and_what_instead() {
    for (source, place, message, hint) in [
        ("def f: 1; f", (1, 5), "`def` is not part of the subset", None),
        (".a |\n  label $out | .", (2, 9), "`label` is not part of the subset", Some("first(f)")),
        ("label $x | break $x", (1, 7), "`label`", None),
        ("reduce .[] as $x (0; . + $x)", (1, 1), "`reduce`", Some("`add`")),
        ("foreach .[] as $x (0; .)", (1, 1), "`foreach`", None),
        ("[.a, \"é\" * .n]", (1, 7), "`*` multiplies numbers only", None),
        ("{} * {}", (1, 1), "`*` multiplies numbers only", None),
        (".a *= 2", (1, 2), "`*=`", Some(". * value")),
        ("[range(5)]", (1, 2), "`range` is not part of the subset", None),
        ("[limit(1; .[])]", (1, 2), "`limit`", Some("first(f)")),
        ("recurse(.a)", (1, 1), "`recurse` takes 0 arguments", Some("`..`")),
        ("while(true; .)", (1, 1), "`while`", None),
        ("until(true; .)", (1, 1), "`until`", None),
        ("repeat(.)", (1, 1), "`repeat`", None),
        ("[combinations]", (1, 2), "`combinations`", None),
        ("walk(.)", (1, 1), "`walk`", Some("`..`")),
        ("env.HOME", (1, 1), "`env`", Some("document only")),
        ("$ENV", (1, 1), "`$ENV` is not bound", Some("document only")),
        ("$__loc__", (1, 1), "`$__loc__` is not bound", None),
        ("input", (1, 1), "`input`", None),
        ("now", (1, 1), "`now`", None),
        ("halt", (1, 1), "`halt`", None),
        ("debug", (1, 1), "`debug`", None),
        ("stderr", (1, 1), "`stderr`", None),
        ("input_filename", (1, 1), "`input_filename`", None),
        ("setpath([]; 1)", (1, 1), "`setpath`", Some("|=")),
        ("@json", (1, 1), "`@json`", Some("tojson")),
        ("@base64 \"\\(.)\"", (1, 1), "`@base64`", None),
        ("@base64x", (1, 1), "`@base64x`", Some("did you mean `@base64d`?")),
        ("selct(.a)", (1, 1), "`selct`", Some("did you mean `select`?")),
        ("select", (1, 1), "`select` takes 1 arguments", None),
        ("a::b", (1, 1), "`a::b`", None),
        ("$pth", (1, 1), "`$pth` is not bound", Some("did you mean `$path`?")),
        (".a as $token | $tokn", (1, 16), "`$tokn` is not bound", Some("did you mean `$token`?")),
        ("test(.a)", (1, 1), "the pattern must be a string literal", None),
        ("test(\"\\(.a)\")", (1, 1), "the pattern must be a string literal", None),
        ("test(\"a(\")", (1, 1), "invalid pattern: unclosed group", None),
        ("test(\"(?=a)\")", (1, 1), "invalid pattern: look-around", None),
        ("test(\"a\"; \"q\")", (1, 1), "unknown flag `q`", None),
        ("test(\"\\\\w{500}{500}{500}\")", (1, 1), "invalid pattern", None),
        (".. |= 1", (1, 1), "only keys, indices", None),
        ("recurse = 1", (1, 1), "only keys, indices", None),
        ("getpath([\"a\"]) |= 1", (1, 1), "only keys, indices", None),
        ("del(..)", (1, 1), "only keys, indices", None),
        // In patterns, string parts, keys, indices and arguments just the same.
        (". as {(now | tostring): $x} | $x", (1, 8), "`now`", None),
        ("\"a\\(env)\"", (1, 5), "`env`", None),
        ("{(\"\\(env)\"): 1}", (1, 6), "`env`", None),
        (".[env]", (1, 3), "`env`", None),
        (".[1:env]", (1, 5), "`env`", None),
        ("map(if . then env else . end)", (1, 15), "`env`", None),
        ("try . catch env", (1, 13), "`env`", None),
        ("-env", (1, 2), "`env`", None),
        // What is no jq at all.
        (".a |", (1, 5), "term expected", None),
        ("(.a", (1, 4), "closing parenthesis expected", None),
        ("if .a then .b", (1, 14), "else or end expected", None),
        ("\"a", (1, 3), "closing quote expected", None),
        (".a )", (1, 4), "token expected", None),
        ("", (1, 1), "term expected", None),
    ] {
        let found = problems(source);
        let first = found.first().unwrap_or_else(|| panic!("{source} is accepted"));
        assert_eq!((first.line, first.column), place, "{source}: {first:?}");
        assert!(first.message.contains(message), "{source}: {first:?}");
        if let Some(hint) = hint {
            assert!(
                first.hint.as_deref().unwrap_or_default().contains(hint),
                "{source}: {first:?}"
            );
        }
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let found = problems("now,\nselct(.a),\ntest(\"(\")");
    let places: Vec<_> = found.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn deep_or_long_sources_are_refused_not_parsed() {
    for unit in [
        "(",
        "[",
        "{a:",
        "\"\\(",
        "-",
        "if ",
        "try ",
        ".|",
        ".,",
        ". as $x|",
        ".a.b|",
        "def f: ",
        "label $x|",
        "reduce ",
        ".+",
        ".//",
        ".[",
        "not|",
        ".a=",
        "a(",
    ] {
        for count in [45, 95, 195, 1000, 30_000] {
            let _ = Filter::compile(&unit.repeat(count), &[]);
            let _ = Filter::compile(&format!("{}.", unit.repeat(count)), &[]);
            let _ = Filter::compile(&format!("{}.{}", unit.repeat(count), ")".repeat(count)), &[]);
            let _ = Filter::compile(&format!("{}.{}", unit.repeat(count), "]".repeat(count)), &[]);
        }
    }
    assert!(!problems(&".|".repeat(20_000)).is_empty());
    assert_eq!(problems(&format!("{}.", ".a|".repeat(195))), []);
}

#[test]
fn outputs_before_a_failure_count() {
    let outcome = run(".[] | tonumber", &json!(["1", "2", "x", "3"]));
    assert!(outcome.failed);
    assert_eq!(outcome.outputs, [json!(1), json!(2)]);
    assert!(run(".a.b.c", &json!({"a": "text"})).failed);
    assert!(run("error", &json!("boo")).failed);
    assert!(run("{(.a): 1}", &json!({"a": 5})).failed);
    assert!(run(".a * 3", &json!({"a": "text"})).failed);
}

#[test]
fn work_is_bounded() {
    let many: Value = (0..5_000).map(|i| json!({"a": i, "s": "x".repeat(40)})).collect();
    let long = json!({"text": "a".repeat(4_000_000), "list": (0..200_000).collect::<Vec<_>>(), "path": vec!["a"; 200_000]});
    for (source, document) in [
        ("[.[] as $a | .[] as $b | .[] as $c | select(false)]", &many),
        ("[.[] + .[] + .[]] | length", &many),
        (".[] as $a | .[] as $b | {a: $a, b: $b}", &many),
        ("[try (.[] as $a | .[] as $b | .[] as $c | empty) catch 1]", &many),
        ("[.[] as $a | .[].a? as $b | .[].a? as $c | empty] // 1", &many),
        ("[.text as $t | .list[] | \"\\($t)\\(.)\"] | length", &long),
        ("[.text as $t | .list[] | $t + \"x\"] | length", &long),
        ("[.text as $t | .list[] | $t | ascii_upcase] | length", &long),
        ("[. as $all | .list[] | $all | tojson] | length", &long),
        ("[.list as $l | $l[] | $l + [1]] | length", &long),
        ("[.list as $l | $l[] | $l[1:]] | length", &long),
        ("[.list as $l | $l[] | $l | sort] | length", &long),
        ("[.list as $l | $l[] | first($l[])] | length", &long),
        (".list[] as $x | .text", &long),
        (
            "[.text, .text] | [.[], .[]] | [.[], .[]] | [.[], .[]] | [.[], .[]] | [.[], .[]] | [.[], .[]]",
            &long,
        ),
        (".text as $t | [.list[] | tostring] | join($t)", &long),
        (
            ".text | [gsub(\"a\"; \"bbbbbbbbbb\") | gsub(\"b\"; \"cccccccccc\") | gsub(\"c\"; \"dddddddddd\")]",
            &long,
        ),
    ] {
        let outcome = Filter::compile(source, &[]).unwrap().run_within(300_000, document, &[]);
        assert!(outcome.failed, "{source}");
    }
    assert_eq!(outputs(".path as $p | getpath($p)", &long), [Value::Null]);
}

#[test]
fn large_documents_are_within_the_bounds() {
    let entries: serde_json::Map<_, _> = (0..100_000)
        .map(|i| (format!("k{i}"), json!({"token": format!("t{i}"), "n": i})))
        .collect();
    let document = Value::Object(entries);
    assert_eq!(outputs("with_entries(.value |= .token) | length", &document), [json!(100_000)]);
    assert_eq!(
        outputs(
            "[to_entries[] | {at: .key, secret: .value.token} + {kind: \"api-key\"}] | length",
            &document
        ),
        [json!(100_000)]
    );
    assert_eq!(outputs("[.. | strings] | join(\" \") | length", &document), [json!(688_889)]);
    assert_eq!(outputs("[.[].n] | add", &document), [json!(4_999_950_000_u64)]);
    assert_eq!(outputs("[.[].token] | add | length", &document), [json!(588_890)]);
}

#[test]
fn natives_read_what_credentials_are_wrapped_in() {
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln";
    for (source, document, expected) in [
        ("jwt | .sub", json!(jwt), json!("alice")),
        ("jwt", json!("no.token.here"), Value::Null),
        ("jwt", json!(null), Value::Null),
        ("basic", json!("b2N0bzpodW50ZXI6Mg=="), json!({"account": "octo", "secret": "hunter:2"})),
        ("basic", json!("b2N0bzpodW50ZXI6Mg"), json!({"account": "octo", "secret": "hunter:2"})),
        ("basic", json!("bm8gY29sb24="), Value::Null),
        ("basic", json!("not base64!"), Value::Null),
        ("basic", json!(7), Value::Null),
        (
            "sha256",
            json!("abc"),
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
        ("sha256", json!(7), Value::Null),
        ("vncpassword", json!("0e20914cFF61063a"), json!("hunter2")),
        ("vncpassword", json!("0e20914cff61063a9f"), json!("hunter2")),
        ("vncpassword", json!("0e20914cff61063b"), Value::Null),
        ("vncpassword", json!("0e20914cff6106"), Value::Null),
        ("vncpassword", json!("hunter2hunter2hu"), Value::Null),
        (
            "urluser",
            json!("https://oc%40to:p%3Aw@git.example:8443/a?b#c"),
            json!({"protocol": "https", "host": "git.example:8443", "account": "oc@to", "secret": "p:w", "url": "https://git.example:8443/a?b#c"}),
        ),
        (
            "urluser",
            json!("postgres://u:p@ss@db"),
            json!({"protocol": "postgres", "host": "db", "account": "u", "secret": "p@ss", "url": "postgres://db"}),
        ),
        (
            "urluser",
            json!("https://token@host/x%zz"),
            json!({"protocol": "https", "host": "host", "account": "token", "secret": null, "url": "https://host/x%zz"}),
        ),
        (
            "urluser",
            json!("redis://:pw@h"),
            json!({"protocol": "redis", "host": "h", "account": null, "secret": "pw", "url": "redis://h"}),
        ),
        ("urluser", json!("https://host/@x"), Value::Null),
        ("urluser", json!("mailto:a@b"), Value::Null),
        ("x509", json!("nothing"), Value::Null),
    ] {
        assert_eq!(outputs(source, &document), [expected], "{source} {document}");
    }
    assert!(run("fromjson", &json!("[".repeat(5_000))).failed);
    assert!(run("fromjson", &json!("")).failed);
}

#[test]
fn numbers_and_order_survive() {
    for number in [
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0),
        json!(-1),
        json!(0.1),
        json!(1e300),
    ] {
        let document = json!({"z": number, "a": {"y": [number], "b": null}});
        let output = outputs(".", &document).remove(0);
        assert_eq!(output.to_string(), document.to_string());
    }
}

#[test]
fn static_keys_are_seen() {
    let source = "to_entries[] | .key as $account\n| {host: .a, $account, \"at\": 1} + if .x then {kind: \"apikey\"}\n  else {credentials: [{knd: 1}, {kind: (if .a then \"x\" else \"y\" end)}] | map(select(.a))} end\n| select(.a)";
    let found: Vec<_> = keys(source)
        .into_iter()
        .map(|key| (key.line, key.column, key.part, key.name, key.texts.join(" ")))
        .collect();
    let key = |line, column, part, name: &str, texts: &str| {
        (line, column, part, name.to_owned(), texts.to_owned())
    };
    assert_eq!(
        found,
        [
            key(2, 4, Part::Output, "host", ""),
            key(2, 14, Part::Output, "account", ""),
            key(2, 25, Part::Output, "at", ""),
            key(2, 47, Part::Output, "kind", "apikey"),
            key(3, 24, Part::Credential, "knd", ""),
            key(3, 34, Part::Credential, "kind", "x y"),
            key(3, 9, Part::Output, "credentials", ""),
        ]
    );
    assert_eq!(keys("[{a: 1}][]").len(), 1);
    assert_eq!(keys("({a: 1} | .b), .c | {d: 1}?").len(), 1);
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-d]|\\PC{0,3}", inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn filters() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        proptest::sample::select(vec![
            ".", "..", ".a", ".[]", ".[]?", ".b?", ".[0]", ".[1:]", "\"x\"", "1", "null", "$path",
            "[]", "{}", "-1", "1e400"
        ])
        .prop_map(str::to_owned),
        proptest::sample::select(
            subset::BUILTINS
                .iter()
                .filter(|(_, arities)| arities.contains(&0))
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
        )
        .prop_map(str::to_owned),
        Just("test(\"a\")".to_owned()),
        Just("capture(\"(?<a>.)\"; \"g\")".to_owned()),
        Just("gsub(\".\"; .)".to_owned()),
    ];
    leaf.prop_recursive(6, 40, 3, |inner| {
        let operators =
            vec!["|", ",", "//", "+", "-", "*", "/", "%", "==", "<", "and", "or", "=", "|=", "//="];
        let one = vec![
            "map",
            "select",
            "map_values",
            "with_entries",
            "sort_by",
            "group_by",
            "first",
            "del",
            "path",
            "any",
            "min_by",
            "add",
            "flatten",
            "join",
            "getpath",
            "contains",
            "indices",
            "has",
            "split",
            "inside",
            "isempty",
            "ltrimstr",
            "unique_by",
        ];
        prop_oneof![
            (inner.clone(), proptest::sample::select(operators), inner.clone())
                .prop_map(|(l, op, r)| format!("({l} {op} {r})")),
            (proptest::sample::select(one), inner.clone())
                .prop_map(|(name, f)| format!("{name}({f})")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({a} as $x | {b} | [$x, .])")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({a} as [$x, {{a: $y}}] | {b} + $y)")),
            inner.clone().prop_map(|f| format!("[{f}]")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{{a: {a}, ({b} | tostring): 1}}")),
            inner.clone().prop_map(|f| format!("\"<\\({f})>\"")),
            inner.clone().prop_map(|f| format!("try {f}")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("(if {a} then {b} else {c} end)")),
        ]
    })
}

proptest! {
    #[test]
    fn compiling_any_text_ends_without_panic(source in "\\PC{0,80}") {
        let _ = Filter::compile(&source, &["$path"]);
        let _ = keys(&source);
    }

    #[test]
    fn compiling_any_tokens_ends_without_panic(tokens in proptest::collection::vec(
        proptest::sample::select(vec!["(", ")", "[", "]", "{", "}", "\"", "\\(", "\\", "|", ",", ".", "..", ".a", "$x", "@uri", "as", "if", "then", "else",
            "end", "try", "catch", "def", "f", ":", ";", "reduce", "foreach", "label", "break", "?", "//", "|=", "-", "*", "#", "\n", "\r\n", "1", "1e", "\\u", "ÿ", " "]), 0..60)) {
        let source = tokens.concat();
        let _ = Filter::compile(&source, &["$path"]);
        let _ = keys(&source);
        let spaced = tokens.join(" ");
        let _ = Filter::compile(&spaced, &["$path"]);
        let _ = keys(&spaced);
    }

    #[test]
    fn accepted_filters_end(source in filters(), document in documents()) {
        if let Ok(filter) = Filter::compile(&source, &["$path"]) {
            let outcome = filter.run(&document, &[json!(["a"])]);
            prop_assert!(outcome.outputs.len() <= MAX_OUTPUTS);
        }
    }

    #[test]
    fn documents_come_back_as_they_went(document in documents()) {
        let outcome = Filter::compile(".", &[]).unwrap().run(&document, &[]);
        prop_assert_eq!(outcome.outputs, vec![document]);
    }
}
