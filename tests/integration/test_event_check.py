#!/usr/bin/python3
"""aftercarectl event check, example and list: what is right is taken, what is wrong is named with file, line, place, reason and what
belongs there; one event, many, data alone; nothing that comes in on stdin does harm.

Needs build/bin/aftercarectl (AFTERCARE_BIN). Names of tests as arguments choose some of them."""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from contract import ROOT, load_schemas, none, run  # noqa: E402

CTL = pathlib.Path(os.environ.get("AFTERCARE_BIN", ROOT / "build/bin")) / "aftercarectl"


def ctl(*words, given=b""):
    """Exit status, stdout, stderr."""
    given = given.encode() if isinstance(given, str) else given
    done = subprocess.run([CTL, *words], input=given, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(*words, given=b""):
    status, out, _ = ctl("event", "check", *words, "-", given=given)
    return status, out


def event(name="staff.replied", **over):
    made = {"specversion": "1.0", "id": "e-1", "source": "test", "type": "aftercare.%s.v1" % name,
            "time": "2026-11-20T10:41:57+08:00", "subject": "AC-7K2M", "data": {"text": "On our way.", "automatic": False}}
    made.update(over)
    return json.dumps({key: value for key, value in made.items() if value is not ...}, ensure_ascii=False)


def refused(given, reason, *parts, words=()):
    status, out = check(*words, given=given)
    assert status == 1 and " %s: " % reason in out.splitlines()[0], "status %d: %s" % (status, out)
    for part in parts:
        assert part in out, "%r is not in: %s" % (part, out)


# ---- one event ----

def e_a_right_event_is_taken_with_topic_and_key():
    assert check(given=event()) == (0, "-: ok: staff.replied, for the topic aftercare.staff, key: the ticket's id\n")
    for name, key in (("request.submitted", "the event id of the request that opens the ticket"), ("call.missed", "data.call"),
                      ("staff.upserted", "staff:ID"), ("staff.on_post", "post:STAFF")):
        status, out, _ = ctl("event", "check", "-", given=ctl("event", "example", name)[1])
        assert status == 0 and out.endswith("key: %s\n" % key), out
    assert check("--topic", "aftercare.staff", given=event())[0] == 0


def e_a_slip_in_the_type_is_told_with_the_nearest_name():
    refused(event("staff.replyed"), "type_unknown", "at /type: no event has this name", "did you mean staff.replied?")
    refused(event("complaint.submitted"), "type_unknown", "order.submitted or request.submitted")
    refused(event(type="staff.replied"), "type_unknown", "did you mean staff.replied? A type is written aftercare.NAME.v1")
    refused(event(type="aftercare.staff.replied.v2"), "type_unknown")
    refused(event("zzzzzzzzzzz"), "type_unknown", "aftercarectl event list names them all")
    refused(event("common"), "type_unknown")
    refused(event("envelope"), "type_unknown")


def e_the_wrong_topic_is_told_with_the_right_one():
    refused(event(), "type_unknown", "staff.replied belongs on aftercare.staff, not on aftercare.inbound",
            words=("--topic", "aftercare.inbound"))


def e_a_fact_is_refused_unless_facts_are_asked_for():
    fact = ctl("event", "example", "ticket.assigned")[1]
    refused(fact, "type_unknown", "ticket.assigned is a fact; those come from us, never from outside")
    assert check("--facts", given=fact)[0] == 0


def e_the_place_is_told_with_its_line_and_what_belongs_there():
    lines = json.dumps(json.loads(event("staff.scheduled", data={"content": "x", "window": {"from": "soon", "to": 1}})), indent=1)
    wanted = [i for i, line in enumerate(lines.splitlines(), 1) if '"from"' in line][0]
    refused(lines, "schema_invalid", "-:%d: schema_invalid: at /data/window/from: no RFC 3339 time with zone" % wanted,
            "for example \"2026-11-2")
    refused(event("staff.scheduled", data={}), "schema_invalid", "at /data/window: required, but missing (for example {\"from\": ")
    refused(event(data={"text": "x" * 65537}), "schema_invalid", "at /data/text: 65537 characters, at most 65536")
    refused(event(data={"text": "x", "a/b~c": [0] * 101}), "schema_invalid", "at /data/a~1b~0c: 101 elements, at most 100")
    refused(event("staff.waiting", data={"on": "cust"}), "schema_invalid", "at /data/on: must be one of customer, internal")
    refused(event(data=...), "schema_invalid", "at /data: required, an object")
    refused(event(data=[]), "schema_invalid", "at /data: an array, must be an object")


def e_time_needs_a_zone():
    for time in ("2026-11-20T10:41:57", "2026-11-20", "20.11.2026", "2026-02-30T00:00:00Z"):
        refused(event(time=time), "schema_invalid", "at /time: no RFC 3339 time with zone (for example 2026-11-23T10:41:57+08:00")
    refused(event(time=...), "schema_invalid", "at /time: required, when it happened")
    status, out = check(given=event(time="2999-01-01T00:00:00Z"))
    assert status == 0 and "note: at /time: later than this machine's clock" in out, out


def e_the_envelope_is_checked():
    refused(event(id=...), "not_an_event", "id is missing")
    refused(event(id=""), "not_an_event", "id is empty")
    refused(event(specversion="0.3"), "not_an_event", "specversion is not 1.0")
    refused(event(source="s" * 1025), "schema_invalid", "at /source: 1025 bytes, at most 1024")
    refused('{"hello": 1}', "not_an_event", "--type NAME checks data alone")
    refused(event(data={"text": "x", "more": "y" * 262144}), "too_large", "at most 262144")


def e_what_is_odd_becomes_a_note():
    status, out = check(given=event("request.submitted", data={"channel": "fone", "kind": "falt", "severity": "urgnt",
                                                             "customer": {"phon": "1"}, "prodct": {"model": "x"}}))
    assert status == 0, out
    for part in ("at /data/channel: none of the channels that ship: refused as channel_unknown unless a policy names it",
                 "at /data/kind: none of the kinds that ship: taken for \"other\" unless a policy names it (did you mean \"fault\"?)",
                 "at /data/severity: none of the severities that ship", "(did you mean \"urgent\"?)",
                 "at /data/customer/phon: ", "(did you mean \"phone\"?)", "at /data/prodct: ", "(did you mean \"product\"?)"):
        assert part in out, "%r is not in: %s" % (part, out)
    assert "names no ticket, which is refused as ticket_unknown" in check(given=event(subject=...))[1]
    assert check(given=event(subject=..., data={"text": "x", "ticket": "AC-1"}))[1].count("\n") == 1
    assert check(given=event(data={"text": "x", "our_own_extension": 1}))[1].count("\n") == 1


def e_directory_entries_may_be_deleted():
    assert check(given=event("customer.upserted", data=None, subject=...))[0] == 0
    refused(event("staff.replied", data=None), "schema_invalid", "at /data: required, an object")


# ---- data alone, many events ----

def e_data_alone_is_checked_with_type():
    for name in ("staff.replied", "aftercare.staff.replied.v1"):
        status, out = check("--type", name, given='{"ticket": "AC-1", "text": 3}')
        assert status == 1 and out.startswith("-:1: schema_invalid: at /text: a number, must be a string or null"), out
    assert check("--type", "staff.replied", given='{"ticket": "AC-1", "text": "x"}')[0] == 0
    assert "did you mean staff.replied?" in check("--type", "staff.replid", given="{}")[1]
    assert check("--type", "staff.replied", given="[]")[0] == 1


def e_many_events_one_a_line():
    status, out = check(given="\n".join([event(), "", event("staff.replid"), "{broken}", '{"specversion": ', event()]) + "\r\n")
    lines = out.splitlines()
    assert status == 1 and lines[-1] == "-: 5 events: 2 right, 3 wrong", out
    assert [line.split(": ")[:2] for line in lines[:-1]] == [["-:3", "type_unknown"], ["-:4", "json_invalid"], ["-:5", "json_invalid"]]
    assert check(given="\n".join([event(), event()])) == (0, "-: 2 events: 2 right, 0 wrong\n")
    # A slip in the first line does not hide the others.
    assert check(given="{broken}\n%s\n" % event())[1].endswith("-: 2 events: 1 right, 1 wrong\n")


def e_many_events_in_an_array():
    status, out = check(given="[\n%s,\n%s,\n 7]" % (event(), event("staff.replid")))
    assert status == 1 and out.splitlines()[-1] == "-: 3 events: 1 right, 2 wrong", out
    assert out.startswith("-:3: type_unknown: ") and "\n-:4: not_an_event: " in out, out
    assert check(given="[]") == (0, "-: 0 events: 0 right, 0 wrong\n")


def e_json_twin():
    status, out = check("--json", given="\n".join([event(), event("staff.scheduled", data={"windw": 1})]))
    right, wrong = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert right == {"file": "-", "ok": True, "id": "e-1", "name": "staff.replied", "topic": "aftercare.staff", "key": "the ticket's id",
                     "reason": None, "detail": None, "line": 1, "pointer": None, "hint": None, "notes": []}, right
    assert (wrong["ok"], wrong["reason"], wrong["pointer"], wrong["line"]) == (False, "schema_invalid", "/data/window", 2), wrong
    assert wrong["detail"] == "required, but missing" and wrong["hint"].startswith("for example {"), wrong
    assert wrong["notes"][0]["pointer"] == "/data/windw" and "\"window\"" in wrong["notes"][0]["note"], wrong


def e_exit_status_is_that_of_the_worst_file():
    with tempfile.TemporaryDirectory() as folder:
        good, bad = pathlib.Path(folder) / "good.json", pathlib.Path(folder) / "bad.json"
        good.write_text(event())
        bad.write_text(event("staff.replid"))
        assert ctl("event", "check", good)[0] == 0
        status, out, _ = ctl("event", "check", good, bad)
        assert status == 1 and out.splitlines()[1].startswith("%s:1: type_unknown: " % bad), out
        status, out, error = ctl("event", "check", bad, good, pathlib.Path(folder) / "none.json")
        assert status == 2 and "none.json" in error and out.count("\n") == 2, (out, error)
        assert ctl("event", "check", folder)[0] == 2
    assert ctl("event", "check")[0] == 64 and ctl("event", "check", "--tipe", "x", "-")[0] == 64


def e_bytes_that_are_no_events_do_no_harm():
    chance = random.Random(7)
    for given, part in ((b"", "json_invalid"), (b"\xef\xbb\xbf" + event().encode(), "byte order mark"),
                        (event().encode("utf-16"), "UTF-16"), (b"\x1f\x8b\x08\0\0", "gzip"), (b"<event/>", "XML"), (b"---\nid: 1\n", "YAML"),
                        (event().encode() + b"\0", "json_invalid"), (b'{"a": "\xff"}', "json_invalid"), (b"\0" * 5000, "binary"),
                        (b"[" * 5000000, "too_large"), (b'{"a":' * 40000, "json_invalid"), (b"\x1b[31m\x1b]0;x\x07", "json_invalid"),
                        (b'{"specversion":"1.0","specversion":"1.0"}', "json_invalid")):
        status, out = check(given=given)
        assert status == 1 and part in out and "\x1b" not in out, (given[:20], status, out[:300])
    bytes_ = event("request.submitted", data={"channel": "phone", "customer": {"name": "x"}}).encode()
    for _ in range(150):
        spoiled = bytearray(bytes_)
        for _ in range(chance.randrange(1, 6)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        status, out, error = ctl("event", "check", "-", given=bytes(spoiled))
        assert status in (0, 1) and out and not error, (bytes(spoiled), status, out, error)


def e_no_file_is_too_large_to_be_refused_in_words():
    status, _, error = ctl("event", "check", "-", given=b" " * ((64 << 20) + 1))
    assert status == 2 and "larger than 65536 KiB" in error


# ---- example, list ----

def e_every_example_is_right_as_it_is_printed():
    schemas = {name: schema for name, schema in load_schemas().items() if schema.get("x-topic")}
    problems = []
    for name, schema in schemas.items():
        status, out, error = ctl("event", "example", name)
        facts = ["--facts"] if schema["x-role"] != "claim" else []
        checked, said = check(*facts, given=out)
        if status or checked or json.loads(out)["data"] != schema["examples"][0]:
            problems.append("%s: %s%s" % (name, error, said))
        if "note:" in said and "names no ticket" not in said:
            problems.append("%s: %s" % (name, said))
    none(problems, "examples that cannot be sent")


def e_example_of_data_alone():
    data = ctl("event", "example", "staff.replied", "--data")[1]
    assert "specversion" not in data and check("--type", "staff.replied", given=data)[0] == 0
    status, _, error = ctl("event", "example", "staff.replid")
    assert status == 1 and "did you mean staff.replied?" in error
    assert ctl("event", "example")[0] == 64


def e_list_names_what_there_is():
    claims = ctl("event", "list")[1].splitlines()
    everything = [json.loads(line) for line in ctl("event", "list", "--facts", "--json")[1].splitlines()]
    schemas = {name for name, schema in load_schemas().items() if schema.get("x-topic")}
    assert {entry["name"] for entry in everything} == schemas
    assert len(claims) == sum(entry["role"] == "claim" for entry in everything) and all("aftercare." in line for line in claims)
    assert ctl("event", "list", "CALL.")[1].count("call.") >= 4
    status, _, error = ctl("event", "list", "nosuchthing")
    assert status == 1 and "nosuchthing" in error


def e_help_and_manual_name_the_commands():
    manual = (ROOT / "deploy/man/aftercarectl.1").read_text()
    for command, words in (("check", ("--type", "--topic", "--facts", "--json")), ("example", ("--data",)), ("list", ("--facts",))):
        status, out, _ = ctl("event", command, "--help")
        assert status == 0 and all(word in out for word in words), out
        section = manual.split(".It Cm event %s" % command, 1)
        assert len(section) == 2, command
        for word in words:
            assert "Fl " + word[1:] in section[1].split(".It Cm ")[0] or word == "--json", (command, word)


if __name__ == "__main__":
    sys.exit(run([test for name, test in list(globals().items()) if name.startswith("e_")]))
