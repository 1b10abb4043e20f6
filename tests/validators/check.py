"""Hands every report of a folder to the validator of its own format.

    python check.py FOLDER [NODE_MODULES]

FOLDER holds a folder a case, each with files named by format. Prints a line a case and format; ends with 1 if any is refused.
A validator that is not installed is named, and its formats pass unjudged: see `.ci/run` for where they come from.
"""

import contextlib
import csv
import importlib.util
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

# What the SARIF rule sets note and we want so: no snippets and no content of files (2010, 2011); no home page to name (2005);
# ids that are those of the rules (2009) and the schema's usual address (2006); messages, links and provenance that are optional
# (2002, 2003, 2012).
SARIF_WANTED = {"SARIF2002", "SARIF2003", "SARIF2005", "SARIF2006", "SARIF2009", "SARIF2010", "SARIF2011", "SARIF2012"}


def need(module):
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(module)


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def sarif(path, report, node):
    tool = node / "@microsoft/sarif-multitool-linux/Sarif.Multitool"
    if not tool.exists():
        raise ModuleNotFoundError("@microsoft/sarif-multitool")
    tool.chmod(0o755)
    with tempfile.TemporaryDirectory() as scratch:
        # The tool goes by the ending.
        log, verdict = Path(scratch, "log.sarif"), Path(scratch, "verdict.sarif")
        log.write_bytes(path.read_bytes())
        run = subprocess.run(
            [tool, "validate", log, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning;Note", "--output", verdict,
             "--log", "ForceOverwrite", "--max-file-size-in-kb", "100000"],
            capture_output=True, text=True, check=False)
        assert verdict.exists(), run.stdout[-2000:] + run.stderr[-2000:]
        judged = json.loads(verdict.read_text("utf-8-sig"))["runs"][0]
        # What it leaves aside it also calls a success.
        assert judged["invocations"][0]["executionSuccessful"] and "was not analyzed" not in json.dumps(judged)
        results = judged.get("results", [])
    bad = [r for r in results if r["ruleId"] not in SARIF_WANTED and r.get("kind", "fail") == "fail"]
    assert not bad, json.dumps(bad[:3])
    run = json.loads(path.read_text("utf-8"))["runs"][0]
    assert len(run["results"]) == min(len(report["findings"]), 25_000)


def ocsf(path, report, _):
    need("ocsf_json_schema")
    import jsonschema
    from ocsf_json_schema import get_ocsf_schema
    from ocsf_json_schema.embedded import OcsfJsonSchemaEmbedded
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
    names = {2006: "data_security_finding", 2003: "compliance_finding", 6007: "scan_activity"}
    judges = {uid: jsonschema.Draft202012Validator(schemas.get_class_schema(name, ["host"])) for uid, name in names.items()}
    events = lines(path)
    # Thousands of a kind are judged by a sample.
    step = max(1, len(events) // 200)
    for event in events[::step] + events[-1:]:
        errors = [f"{list(e.absolute_path)} {e.message[:200]}" for e in judges[event["class_uid"]].iter_errors(event)]
        assert not errors, errors[:3]
    assert sum(e["class_uid"] == 2006 for e in events) == len(report["findings"])
    assert events[-1]["class_uid"] == 6007


def oscal(path, report, _):
    need("trestle")
    from trestle.oscal.assessment_results import AssessmentResults
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "results.json")
        copy.write_bytes(path.read_bytes())
        results = AssessmentResults.oscal_read(copy)
    assert results is not None and len(results.results) == 1
    seen = set(re.findall(r'"uuid": "([^"]+)"', path.read_text("utf-8")))
    assert len(seen) >= min(len(report["findings"]), 5_000)


def cyclonedx(version):
    def check(path, report, _):
        need("cyclonedx")
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
        text = path.read_text("utf-8")
        error = JsonStrictValidator(SchemaVersion[version]).validate_str(text)
        assert error is None, str(error)[:500]
        references = [c["bom-ref"] for c in json.loads(text)["components"]]
        assert len(references) == len(set(references)) >= min(len(report["findings"]), 20_000)
    return check


def in_toto(path, _report, _):
    need("in_toto_attestation")
    from google.protobuf.json_format import ParseDict
    import in_toto_attestation.v1.statement_pb2 as pb
    from in_toto_attestation.v1.statement import Statement
    Statement.copy_from_pb(ParseDict(json.loads(path.read_text("utf-8")), pb.Statement())).validate()


def in_toto_digest(path, report, node):
    in_toto(path, report, node)
    import hashlib
    digest = json.loads(path.read_text("utf-8"))["subject"][0]["digest"]["sha256"]
    assert digest == hashlib.sha256((path.parent / "json").read_bytes()).hexdigest(), "the subject is not the JSON report"


def junit(path, report, _):
    need("junitparser")
    from junitparser import JUnitXml
    suites = JUnitXml.fromfile(str(path))
    cases = sum(len(list(suite)) for suite in suites)
    assert suites.tests == cases > len(report["findings"]), (suites.tests, cases)
    assert suites.failures == sum(
        f["score"]["severity"] in ("high", "critical") and not f["exception"] for f in report["findings"])


def gitlab(path, report, _):
    document = json.loads(path.read_text("utf-8"))
    clock = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
    assert clock.match(document["scan"]["start_time"]) and clock.match(document["scan"]["end_time"])
    assert len(document["vulnerabilities"]) == min(len(report["findings"]), 20_000)
    first = {v["identifiers"][0]["value"] for v in document["vulnerabilities"]}
    assert len(first) == len(document["vulnerabilities"])
    schema = os.environ.get("NHI_SCAN_GITLAB_SCHEMA")
    if schema is None:
        raise ModuleNotFoundError("GitLab's schema, which is in no registry (NHI_SCAN_GITLAB_SCHEMA names a copy)")
    run = subprocess.run([Path(sys.executable).parent / "check-jsonschema", "--schemafile", schema, path],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-1000:]


def own_schema(name):
    def check(path, _report, _):
        need("jsonschema")
        import jsonschema
        schema = json.loads((path.parent / f"{name}.schema").read_text("utf-8"))
        judge = jsonschema.Draft202012Validator(schema)
        for document in [json.loads(path.read_text("utf-8"))] if name == "report" else lines(path):
            errors = [e.message[:200] for e in judge.iter_errors(document)]
            assert not errors, errors[:3]
    return check


def check_csv(path, report, _):
    text = path.read_bytes().decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert text.count("\r\n") == len(rows) and len({len(row) for row in rows}) == 1
    assert len(rows) == 1 + len(report["findings"]) + len(report["coverage"]["skipped"])
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for row in rows for cell in row if cell)


def check_sqlite(path, report, _):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as base:
        one = lambda query: base.execute(query).fetchone()[0]
        assert one("PRAGMA integrity_check") == "ok"
        assert one("SELECT count(*) FROM findings") == len(report["findings"])
        assert one("SELECT count(*) FROM skips") == len(report["coverage"]["skipped"])
        assert one("SELECT complete FROM scan") == report["coverage"]["complete"]
        # As osquery's automatic table construction asks, and as a Fleet policy judges.
        base.execute("SELECT id, tool, account, path, severity, level, score, age_days, storage, mode FROM findings").fetchall()
        critical = any(f["score"]["severity"] == "critical" for f in report["findings"])
        passes = base.execute("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM findings WHERE level >= 4)").fetchone()
        assert (passes is None) == critical


def json_lines(path, report, _):
    assert len(lines(path)) > len(report["findings"])


def otlp(path, report, _):
    for line in lines(path):
        record = line["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
        assert record["timeUnixNano"].isdigit() and 1 <= record["severityNumber"] <= 24
    json_lines(path, report, _)


def splunk(path, report, _):
    json_lines(path, report, _)
    assert max(len(line) for line in path.read_bytes().splitlines()) < 10_000


def jamf(path, _report, _):
    import xml.etree.ElementTree as tree
    assert tree.fromstring(path.read_text("utf-8")).tag == "result"


def intune(path, _report, _):
    text = path.read_text("utf-8")
    assert len(text) < 2_048 and text.count("\n") == 1 and isinstance(json.loads(text), dict)


def oneline(path, _report, _):
    text = path.read_text("utf-8")
    assert text.count("\n") == 1 and len(text) < 200


def html(path, report, _):
    import html.parser

    class Page(html.parser.HTMLParser):
        found, ids, outside = 0, set(), []

        def handle_starttag(self, tag, attributes):
            attributes = dict(attributes)
            if "id" in attributes:
                assert attributes["id"] not in self.ids, attributes["id"]
                self.ids.add(attributes["id"])
            self.found += "finding" in (attributes.get("class") or "").split()
            self.outside += [v for k, v in attributes.items() if k in ("src", "data") and not v.startswith("data:")]
            assert not any(name.startswith("on") or name == "style" for name in attributes), attributes

    page = Page()
    page.feed(path.read_text("utf-8"))
    assert page.found == len(report["findings"]), (page.found, len(report["findings"]))
    assert not page.outside, page.outside


CHECKS = {
    "json": own_schema("report"), "ndjson": own_schema("ndjson"), "csv": check_csv, "sarif": sarif, "junit": junit,
    "gitlab": gitlab, "ocsf": ocsf, "ecs": json_lines, "splunk": splunk, "otlp": otlp, "cyclonedx": cyclonedx("V1_6"),
    "cyclonedx-1.7": cyclonedx("V1_7"), "oscal": oscal, "in-toto": in_toto_digest, "in-toto-test-result": in_toto_digest,
    "sqlite": check_sqlite, "jamf-ea": jamf, "intune": intune, "intune-compliance": intune, "oneline": oneline, "html": html,
}


def main():
    folder = Path(sys.argv[1])
    node = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("node_modules")
    refused = 0
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        report = json.loads((case / "json").read_text("utf-8"))
        for name, check in CHECKS.items():
            path = case / name
            if not path.exists():
                continue
            try:
                check(path, report, node)
                verdict = f"accepted, {path.stat().st_size} bytes"
            except ModuleNotFoundError as missing:
                verdict = f"not judged: {missing.name or missing} is not installed"
            except Exception as error:  # Whatever a validator raises is its word against the report.
                refused += 1
                verdict = f"REFUSED: {type(error).__name__}: {str(error)[:800]}"
            print(f"{case.name} {name}: {verdict}", flush=True)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
