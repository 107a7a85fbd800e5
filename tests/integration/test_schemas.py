#!/usr/bin/python3
"""The contract's documents: every schema is one, every example fits by a validator that is not ours and by ours, both refuse the same
broken variants; asyncapi.yaml is valid, complete and up to date; what dashboards read names no person's particulars.

Needs build/bin/aftercarectl (AFTERCARE_BIN). Names of tests as arguments choose some of them."""

import copy
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import jsonschema  # noqa: E402
import yaml  # noqa: E402
from contract import EVENTS, ROOT, Resolver, formats, load_schemas, none, run, validators  # noqa: E402

CTL = pathlib.Path(os.environ.get("AFTERCARE_BIN", ROOT / "build/bin")) / "aftercarectl"
schemas = load_schemas()
independent = validators(schemas)
records = {name: schema for name, schema in schemas.items() if schema.get("x-topic")}


# ---- schemas and examples ----

def c_every_schema_is_one():
    problems = []
    for name, schema in schemas.items():
        for error in jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA).iter_errors(schema):
            problems.append("%s: at %s: %s" % (name, "/".join(map(str, error.absolute_path)), error.message[:200]))
        if schema.get("$schema") != "https://json-schema.org/draft/2020-12/schema":
            problems.append("%s: $schema does not say 2020-12" % name)
        if not schema.get("$id", "").endswith("/events/%s.json" % name):
            problems.append("%s: $id is not that of its file" % name)
    policy = json.loads((ROOT / "schemas/policy.json").read_text())
    jsonschema.Draft202012Validator.check_schema(policy)
    assert len(schemas) > 190
    none(problems, "things wrong with schemas")


def c_every_reference_leads_somewhere():
    problems = []
    for name, schema in schemas.items():
        resolver = independent[name].resolver
        for reference in references(schema):
            try:
                with resolver.resolving(reference) as found:
                    assert isinstance(found, (dict, bool))
            except Exception as error:
                problems.append("%s: %s: %s" % (name, reference, error))
    none(problems, "references lead nowhere")


def references(part):
    if isinstance(part, dict):
        for word, value in part.items():
            if word == "$ref" and isinstance(value, str):
                yield value
            elif word not in ("examples", "enum", "const"):
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def c_every_schema_has_an_example():
    none((name for name, schema in schemas.items() if name != "common" and not schema.get("examples")), "without examples")


def c_every_example_fits_by_an_independent_validator():
    problems = []
    for name, schema in schemas.items():
        for i, example in enumerate(schema.get("examples", [])):
            for error in independent[name].iter_errors(example):
                problems.append("%s: example %d: at /%s: %s" % (name, i, "/".join(map(str, error.absolute_path)), error.message[:200]))
    none(problems, "examples that do not fit")


def c_every_example_says_only_what_its_schema_names():
    """A slip in the name of an optional member would fit."""
    problems = []
    for name, schema in records.items():
        for example in schema.get("examples", []):
            problems += ["%s: %s" % (name, member) for member in example if member not in schema["properties"]]
    none(problems, "members of examples that no schema names")


def envelope(name, data):
    event = {"specversion": "1.0", "id": "e-1", "source": "test", "type": "aftercare.%s.v1" % name,
             "time": "2026-11-23T10:41:57+08:00", "data": data}
    return json.dumps(event, ensure_ascii=False)


def ours(lines):
    """What `aftercarectl event check` says of each line: an answer for each."""
    done = subprocess.run([CTL, "event", "check", "--facts", "--json", "-"], input="\n".join(lines).encode(), capture_output=True)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(answers) == len(lines), "%d answers to %d events; %s" % (len(answers), len(lines), done.stderr.decode())
    assert done.returncode == (0 if all(answer["ok"] for answer in answers) else 1), "exit status %d" % done.returncode
    return answers


def c_every_example_fits_by_our_own_validator():
    lines = [envelope(name, example) for name, schema in records.items() for example in schema["examples"]]
    none((json.dumps(answer) for answer in ours(lines) if not answer["ok"]), "examples that we refuse")


# ---- variants that are wrong ----

WRONG_TYPES = [("a string", "string"), (7, "integer"), (True, "boolean"), ([], "array"), ({}, "object"), (None, "null"), (0.5, "number")]


def flat(schema, name):
    """The schema behind a reference."""
    while "$ref" in schema:
        with independent[name].resolver.resolving(schema["$ref"]) as found:
            name = pathlib.PurePath(schema["$ref"].partition("#")[0]).stem or name
            schema = found
    return schema


def spoiled(schema):
    """Values that the schema of one member refuses, each with what is wrong with it."""
    types = schema.get("type")
    types = [types] if isinstance(types, str) else types
    for value, kind in WRONG_TYPES if types else []:
        if kind not in types and not (kind == "integer" and "number" in types):
            yield "%s for %s" % (kind, "/".join(types)), value
    if "maxLength" in schema:
        yield "too long", "x" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield "too short", "x" * (schema["minLength"] - 1)
    if "maxItems" in schema:
        yield "too many", ["x"] * (schema["maxItems"] + 1)
    if "minimum" in schema:
        yield "too small", schema["minimum"] - 1
    if "maximum" in schema:
        yield "too large", schema["maximum"] + 1
    if "enum" in schema:
        yield "not on the list", "no such word"
    if "pattern" in schema:
        yield "of another form", "~"
    if schema.get("format") == "date-time":
        for text in ("2026-11-23", "2026-11-23T10:00:00", "2026-02-30T10:00:00Z", "2026-11-23T10:00:00+25:00", "soon"):
            yield "no time", text


def variants(name, schema):
    example = schema["examples"][0]
    for member in schema.get("required", []):
        yield member + ": missing", {key: value for key, value in example.items() if key != member}
    for member, part in schema["properties"].items():
        for why, value in spoiled(flat(part, name)):
            yield "%s: %s" % (member, why), {**example, member: value}
        inner = flat(part, name)
        if not isinstance(example.get(member), dict):
            continue
        for below, deeper in inner.get("properties", {}).items():
            for why, value in spoiled(flat(deeper, name)):
                broken = copy.deepcopy(example)
                broken[member][below] = value
                yield "%s/%s: %s" % (member, below, why), broken


def c_both_validators_refuse_the_same_broken_variants():
    made = [(name, why, data) for name, schema in records.items() for why, data in variants(name, schema)]
    answers = ours([envelope(name, data) for name, why, data in made])
    problems, refused = [], {}
    for (name, why, data), answer in zip(made, answers):
        theirs = not independent[name].is_valid(data)
        refused[name] = refused.get(name, 0) + theirs
        if theirs == answer["ok"]:
            problems.append("%s, %s: ours %s, the independent one %s it" %
                            (name, why, answer["detail"] or "takes it", "refuses" if theirs else "takes"))
        elif theirs and ": missing" in why and "/data/" + why.split(":")[0] != answer["pointer"]:
            problems.append("%s, %s: the place is not named: %s" % (name, why, answer["pointer"]))
    none(problems, "variants judged differently")
    none((name for name in records if not refused.get(name)), "schemas that refuse nothing")
    assert len(made) > 3000, "only %d variants" % len(made)


# ---- asyncapi.yaml ----

asyncapi = yaml.safe_load((ROOT / "schemas/asyncapi.yaml").read_text())


def c_asyncapi_is_up_to_date():
    done = subprocess.run([ROOT / "schemas/make-asyncapi", "--check"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def c_asyncapi_is_valid_by_the_official_schema():
    official = json.loads((ROOT / "tests/data/asyncapi/schema-3.0.0.json").read_text())
    check = jsonschema.Draft7Validator(official, resolver=Resolver("", official))
    none(("at /%s: %s" % ("/".join(map(str, e.absolute_path)), e.message[:300]) for e in check.iter_errors(asyncapi)), "errors")
    # It would notice: a channel with a member that AsyncAPI does not know, an operation without a channel.
    for break_it in (lambda d: d["channels"]["inbound"].update(adress="x"), lambda d: d["operations"]["sendCalls"].pop("channel"),
                     lambda d: d["channels"]["desk"]["bindings"]["kafka"].update(partitions=0), lambda d: d.pop("info")):
        broken = copy.deepcopy(asyncapi)
        break_it(broken)
        assert not check.is_valid(broken)


def pointed(document, reference):
    for step in reference[2:].split("/"):
        document = document[step.replace("~1", "/").replace("~0", "~")]
    return document


def c_asyncapi_references_lead_somewhere():
    problems = []
    for reference in references(asyncapi):
        try:
            if reference.startswith("#/"):
                pointed(asyncapi, reference)
            else:
                assert (ROOT / "schemas" / reference).is_file()
        except (KeyError, AssertionError):
            problems.append(reference)
    none(problems, "references lead nowhere")


def c_asyncapi_operations_have_messages_of_their_channels():
    problems = []
    for name, operation in asyncapi["operations"].items():
        channel = operation["channel"]["$ref"]
        problems += ["%s: %s" % (name, m["$ref"]) for m in operation["messages"] if not m["$ref"].startswith(channel + "/messages/")]
        sends = {"aftercare.inbound", "aftercare.staff", "aftercare.directory"}
        if (operation["action"] == "send") != (pointed(asyncapi, channel)["address"] in sends):
            problems.append("%s: %s is the wrong direction" % (name, operation["action"]))
    none(problems, "slips")


def c_asyncapi_has_every_claim_fact_and_topic():
    listed = {channel["address"]: set(channel["messages"]) for channel in asyncapi["channels"].values()}
    none((name for name, schema in records.items() if name not in listed[schema["x-topic"]]), "not in the channel of their topic")
    for name, message in asyncapi["components"]["messages"].items():
        if name in records:
            assert message["payload"] == {"$ref": "./events/%s.json" % name}, name
            assert message["headers"]["allOf"][1]["properties"]["ce_type"]["const"] == "aftercare.%s.v1" % name, name
    worker = (ROOT / "common/worker/worker.h").read_text()
    for topic in re.findall(r'"(aftercare\.[a-z-]+)"', worker):
        assert topic in listed, topic


def c_asyncapi_topics_are_those_that_are_created():
    created = (ROOT / "services/ctl/topics.c").read_text()
    for channel in asyncapi["channels"].values():
        kafka = channel["bindings"]["kafka"]
        assert '"%s"' % channel["address"] in created, channel["address"]
        compacted = re.search(r'"%s", \{ "cleanup.policy", "compact"' % re.escape(channel["address"]), created) is not None
        assert (kafka["topicConfiguration"]["cleanup.policy"] == ["compact"]) == compacted, channel["address"]


def c_asyncapi_headers_are_those_that_are_written():
    written = set(re.findall(r'STR\("(ce_[a-z]+)"\)', (ROOT / "common/io/event_out.c").read_text())) | {"ce_type"}
    dead = set(re.findall(r'STR\("(dl_[a-z]+)"\)', (ROOT / "common/worker/outcome.c").read_text()))
    said = set(re.findall(r"((?:ce|dl)_[a-z]+):\s", (ROOT / "schemas/asyncapi.base.yaml").read_text()))
    assert written | dead == said, "only written: %s; only said: %s" % ((written | dead) - said, said - written - dead)
    reasons = set(re.findall(r'\[REASON_[A-Z_]+\] = "([a-z_]+)"', (ROOT / "common/base/fault.c").read_text()))
    listed = set(asyncapi["components"]["schemas"]["deadLetterHeaders"]["properties"]["dl_reason"]["enum"])
    assert listed == reasons - {"none"}, "%s, in the code %s" % (sorted(listed), sorted(reasons))


def c_asyncapi_examples_fit_their_headers():
    parts = asyncapi["components"]["schemas"]
    for name, part in parts.items():
        check = jsonschema.Draft7Validator(part, resolver=Resolver("", asyncapi), format_checker=formats)
        for example in part.get("examples", []):
            check.validate(example)
        if part.get("examples"):
            assert not check.is_valid({**part["examples"][0], "ce_specversion": "0.3"}), name


# ---- personal data ----

PUBLIC = ("aftercare.ticket-state", "aftercare.metrics")
PERSONAL = {"name", "phone", "email", "address", "text", "note", "comment", "contact", "problem", "need", "demand", "signer", "signature",
            "customer_name", "from", "caller", "wechat", "fax", "mobile", "feedback", "body", "subject"}


# Not a person's.
ALLOWED = {"ticket.snapshot: /clocks/[]/name"}


def members(name, schema, path="", seen=()):
    """The path of every member that a schema names, in any depth; times are nobody's particulars."""
    if "$ref" in schema:
        place, _, fragment = schema["$ref"].partition("#")
        if schema["$ref"] not in seen:
            yield from members(name, flat(schema, name), path, (*seen, schema["$ref"]))
    for member, part in schema.get("properties", {}).items():
        if flat(part, name).get("format") != "date-time":
            yield "%s/%s" % (path, member)
        yield from members(name, part, "%s/%s" % (path, member), seen)
    for word in ("items", "additionalProperties", "then", "else"):
        if isinstance(schema.get(word), dict):
            yield from members(name, schema[word], path + ("/[]" if word == "items" else ""), seen)
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, []):
            yield from members(name, part, path, seen)


def particulars(name, schema):
    found = ["%s: %s" % (name, path) for path in members(name, schema) if path.split("/")[-1] in PERSONAL]
    return [line for line in found if line not in ALLOWED]


def c_snapshots_and_metrics_name_no_person():
    open_to_all = {name: schema for name, schema in records.items() if schema["x-topic"] in PUBLIC}
    none((line for name, schema in open_to_all.items() for line in particulars(name, schema)), "members with a person's particulars")
    for name, schema in open_to_all.items():
        text = json.dumps(schema["examples"], ensure_ascii=False)
        assert not re.search(r"@|\+86|1[3-9]\d{9}|有限公司", text), "%s: an example holds a person's particulars" % name
    # It would notice one in the depth.
    assert particulars("ticket.assigned", {"properties": {"customer": {"$ref": "common.json#/$defs/customer"}}})


def c_messages_carry_no_particulars_of_the_customer():
    """What gateways and dashboards both read names the recipient by role or id; besides the text itself only the one address that
    the gateway needs is there, because who asked may be in no directory."""
    for name, schema in records.items():
        if schema["x-topic"] == "aftercare.messages":
            bad = [line for line in particulars(name, schema) if line.split("/")[-1] not in ("text", "subject", "body", "address")]
            none(bad, "members with a person's particulars")


if __name__ == "__main__":
    sys.exit(run([test for name, test in list(globals().items()) if name.startswith("c_")]))
