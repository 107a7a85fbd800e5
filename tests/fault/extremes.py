#!/usr/bin/python3
"""make extremes: claims that their schemas take, at the edge of what they take, through all daemons on a real PostgreSQL.

Every member of every claim in turn gets what is hard for a database: the longest text there may be, of characters of four bytes;
quotes, control characters, numbers beyond int4, int8 and double, the first and the last day. What PostgreSQL cannot hold must
be refused before it gets there: one value that only the database refuses costs its whole batch. Nothing may become a dead letter as
poison, and no daemon may end. CLAIMS=N of each kind (default 40), SEED=N. Needs kcat, and build/bin."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
warnings.simplefilter("ignore", DeprecationWarning)

from contract import ROOT, load_schemas, none, run, validators  # noqa: E402

STACK = [ROOT / "deploy/dev/stack", "--dir", ROOT / "build/test-stacks/extremes"]
CTL = ROOT / "build/bin/aftercarectl"
SERVICES = ["intake", "routing", "sla", "notification", "survey", "reporting"]
PATIENCE = 600
DEPTH = 6

TIMES = ["0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999999-23:59",
         "1582-10-10T00:00:00+23:59", "1969-12-31T23:59:59.999999Z", "0000-12-31", "0001-01-01", "9999-12-31", "2000-02-29"]
NUMBERS = [2**31 - 1, 2**31, -2**31 - 1, 2**53 + 1, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 10**25, 1e308, 1e-320, -0.0, 0.1]
TEXTS = ["", " ", "'", "\\", "\n", "{}", "NULL", "\u0001\u001f\u007f\ufffe\uffff\u200b\u202e", "a:b:c", "%s%n", "\U0010ffff"]

schemas = load_schemas()
independent = validators(schemas)
claims = {name: schema for name, schema in schemas.items() if schema.get("x-role") == "claim" and schema.get("x-topic")}


def flat(schema, name):
    """The schema behind a reference, and whose it is."""
    while "$ref" in schema:
        with independent[name].resolver.resolving(schema["$ref"]) as found:
            name = pathlib.PurePath(schema["$ref"].partition("#")[0]).stem or name
            schema = found
    return schema, name


def edges(schema):
    types = schema.get("type", [])
    longest = min(schema.get("maxLength", 3000), 60000)
    if "string" in types or "anyOf" in schema:
        yield from TEXTS + TIMES + ["\U00020bb7" * longest, "0" * longest, "\"\\'{}," * (longest // 6)]
    yield from schema.get("enum", [])
    if "number" in types or "integer" in types:
        yield from NUMBERS
    if "boolean" in types:
        yield from (True, False)
    if "array" in types:
        yield []
    if "object" in types:
        yield {}


def variants(schema, name, value, put, depth=0):
    """Whole data with one member at an edge; `put` sets a value where this one stands."""
    schema, name = flat(schema, name)
    for edge in edges(schema):
        yield put(edge)
    if depth == DEPTH:
        return
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, []):
            yield from variants(part, name, value, put, depth + 1)
    members = value if isinstance(value, dict) else {}
    for member, part in schema.get("properties", {}).items():
        if depth > 0 or member not in ("ticket", "request"):
            yield from variants(part, name, members.get(member), lambda x, m=member: put({**members, m: x}), depth + 1)
    if isinstance(schema.get("items"), dict):
        items = value if isinstance(value, list) and value else [None]
        yield from variants(schema["items"], name, items[0], lambda x: put([x] + items[1:]), depth + 1)
        yield put((items * schema.get("maxItems", 1))[:schema.get("maxItems", 1)])


def made(name, schema, most):
    all = [data for data in variants(schema, name, schema["examples"][0], lambda x: x)
           if isinstance(data, dict) and independent[name].is_valid(data) and len(json.dumps(data)) < 250000]
    return random.sample(all, most) if len(all) > most else all


# ---- the system ----

def sql(query):
    done = subprocess.run(["psql", "-AtXq", os.environ["AFTERCARE_DATABASE"], "-c", query], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def event(name, id, data, when="2026-11-23T10:41:57+08:00"):
    """Structured: kcat gives all records of a call the same headers."""
    return id + "\t" + json.dumps({"specversion": "1.0", "id": id, "source": "edge", "type": "aftercare.%s.v1" % name, "time": when,
                                   "data": data})


def send(topic, lines):
    done = subprocess.run(["kcat", "-P", "-b", os.environ["AFTERCARE_BROKERS"], "-t", topic, "-K", "\t", "-X", "message.max.bytes=2000000",
                           "-X", "topic.partitioner=murmur2_random"], input="\n".join(lines).encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "not within %d s: %s" % (PATIENCE, what)
        time.sleep(0.2)


def at_rest():
    """Nobody has anything to read, and between two looks nobody has made anything to read."""
    ends = "select sum(next_offset) + sum(out_seq) + sum(published_seq) from (%s) s" % " union all ".join(
        "select next_offset, out_seq, published_seq from %s.source" % service for service in SERVICES)
    before = sql(ends)
    status = subprocess.run([CTL, "--config", STACK[2] / "conf/ctl.conf", "status", "--json"], capture_output=True, text=True)
    daemons = json.loads(status.stdout)["daemons"]
    return all(daemon["lag"] == 0 for daemon in daemons) and sql(ends) == before


def c_nothing_that_a_schema_takes_is_poison():
    seed = int(os.environ.get("SEED", os.getpid()))
    random.seed(seed)
    requests, about = [], {}
    for name, schema in sorted(claims.items()):
        for data in made(name, schema, int(os.environ.get("CLAIMS", 40))):
            id = "%s-%d" % (name, len(about))
            if "ticket" in flat(schema, name)[0].get("properties", {}) and schema.get("x-about") != "opens":
                # A ticket of its own, named by its request.
                requests.append(event("request.submitted", "r-" + id, {"channel": "phone", "customer": {"id": "C-" + id, "name": "Ana"},
                                                                       "problem": "x"}))
                data = {**{m: v for m, v in data.items() if m != "ticket"}, "request": {"source": "edge", "id": "r-" + id}}
            about[id] = (schema["x-topic"], event(name, id, data))
    for i, when in enumerate(TIMES):
        about["when-%d" % i] = ("aftercare.inbound", event("request.submitted", "when-%d" % i, {"channel": "phone", "customer": {}}, when))
    send("aftercare.inbound", requests)
    until("the requests are tickets", lambda: int(sql("select count(*) from intake.ticket")[0]) == len(requests))
    for topic in sorted({topic for topic, line in about.values()}):
        send(topic, [line for to, line in about.values() if to == topic])
    until("all is at rest", at_rest)
    poison = [line for service in SERVICES for line in
              sql("select '%s: ' || coalesce(event_id, '') || ': ' || detail from %s.dead_letter where reason = 'poison'" % (service, service))]
    refused = sum(int(sql("select count(*) from %s.dead_letter" % service)[0]) for service in SERVICES)
    print("seed %d: %d claims of %d kinds, %d refused, %d of them as poison" % (seed, len(about), len(claims), refused, len(poison)))
    none(poison, "became poison")
    status = json.loads(subprocess.run(STACK[:1] + ["status", "--json"] + STACK[1:], capture_output=True, text=True).stdout)
    services = status["services"] if isinstance(status, dict) else status
    none(("%(name)s: %(state)s, %(restarts)d restarts" % one for one in services if one["state"] != "ready" or one["restarts"]), "daemons ended")


def down():
    subprocess.run(STACK[:1] + ["down"] + STACK[1:], capture_output=True)
    shutil.rmtree(STACK[2], ignore_errors=True)


def main():
    down()
    up = subprocess.run(STACK[:1] + ["up"] + STACK[1:], capture_output=True, text=True)
    try:
        assert up.returncode == 0, up.stderr + up.stdout
        told = subprocess.run(STACK[:1] + ["env"] + STACK[1:], capture_output=True, text=True).stdout
        os.environ.update(line.split("=", 1) for line in told.splitlines())
        return run([c_nothing_that_a_schema_takes_is_poison])
    finally:
        down()


sys.exit(main())
