#!/usr/bin/python3
"""aftercarectl policy check on whatever a file may be: what ships is right, what is no document is told in one line, nothing in a
document reaches the terminal unasked. What is said of each slip inside a document is tests/unit/test_policy_slips.c's.

Needs build/bin/aftercarectl (AFTERCARE_BIN). Names of tests as arguments choose some of them."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from contract import ROOT, none, run  # noqa: E402

CTL = pathlib.Path(os.environ.get("AFTERCARE_BIN", ROOT / "build/bin")) / "aftercarectl"
RIGHT = {"policy": "p", "version": 1, "effective_from": "2026-01-01"}


def check(*contents, words=()):
    """Exit status, stdout and stderr for files a.json, b.json, ... of these contents."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, content in zip("abcdef", contents):
            names.append(name + ".json")
            bytes_ = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
            (pathlib.Path(folder) / names[-1]).write_bytes(bytes_)
        done = subprocess.run([CTL, "policy", "check", *names, *words], capture_output=True, cwd=folder, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def p_what_ships_is_right():
    problems = []
    for path in sorted((ROOT / "deploy/policies").glob("*.json")):
        document = json.loads(path.read_text())
        words = []
        for name, need in document.get("needs", {}).items():
            words += ["--set", "%s=%s" % (name, "P1D" if need.get("type") in ("duration", "hours", "days", "minutes") else "10")]
        done = subprocess.run([CTL, "policy", "check", path, *words], capture_output=True, text=True)
        if done.returncode:
            problems.append(done.stderr)
    none(problems, "presets that are wrong")


def p_every_regulation_has_a_preset():
    sources = [json.loads(path.read_text()).get("source") for path in (ROOT / "deploy/policies").glob("*.json")]
    none(["R%02d" % number for number in range(1, 29) if sources.count("R%02d" % number) != 1], "regulations without their one preset")


def p_a_blank_left_blank_is_named():
    problems = []
    for path in sorted((ROOT / "deploy/policies").glob("*.json")):
        needs = json.loads(path.read_text()).get("needs", {})
        done = subprocess.run([CTL, "policy", "check", path], capture_output=True, text=True)
        problems += ["%s: %s: %s" % (path.name, name, done.stderr) for name in needs if done.returncode != 1 or name not in done.stderr]
    none(problems, "blanks that are not named")


def p_what_is_no_document_is_told_in_a_line():
    for content, part in ((b"", "a.json: line 1, column 0: '[' or '{' expected near end of file"), (b"[]", "a.json: a document is a JSON object"),
                          (b"\xef\xbb\xbf{}", "byte order mark"), (json.dumps(RIGHT).encode("utf-16"), "UTF-16"),
                          (b"\x1f\x8b\x08", "gzip"), (b"policy: p\n", "a.json: line 1"), (b"---\npolicy: p\n", "YAML"),
                          (b'{"policy": "\xff"}', "unable to decode byte 0xff"), (b'{"a": 1, "a": 2}', "duplicate object key"),
                          (b" " * 5000000, "larger than 1024 KiB"), (b"[" * 300000, "maximum parsing depth"),
                          (b"\0" * 100, "a.json: line 1")):
        status, out, error = check(content)
        assert status == 1 and not out and part in error and error.count("\n") <= 2, (content[:20], status, out, error[:300])


def p_nothing_reaches_the_terminal_unasked():
    status, _, error = check({**RIGHT, "policy": "\x1b]0;owned\x07\x1b[31m", "zone": "\x1b[2J"})
    assert status == 1 and "\x1b" not in error and "\x07" not in error and error.count("\n") == 2, repr(error)


def p_a_document_without_its_name_is_still_a_policy():
    status, _, error = check({key: value for key, value in RIGHT.items() if key != "policy"})
    assert (status, error) == (1, 'a.json: "policy" is missing\n'), error


def p_each_file_is_told_by_its_name():
    status, out, error = check(RIGHT, {**RIGHT, "zone": "Asia/Shangai"}, {**RIGHT, "version": 0})
    assert status == 1 and out == "a.json: p version 1 is right\n", out
    assert error.startswith('b.json: /zone: "Asia/Shangai" is no zone (did you mean Asia/Shanghai?)\n') and "c.json: /version: 0" in error, error
    done = subprocess.run([CTL, "policy", "check", "/nonexistent.json"], capture_output=True, text=True)
    assert done.returncode != 0 and "/nonexistent.json: No such file" in done.stderr, done.stderr


def p_many_errors_come_at_once_and_soon():
    clocks = [{"name": "c%d" % i, "start": "recieved", "stop": "resolvd", "limit": "2h"} for i in range(2000)]
    status, _, error = check({**RIGHT, "clocks": clocks})
    assert status == 1 and error.count("did you mean") == 6000, error[:300]
    assert "/clocks/1999/limit" in error


def p_two_of_equal_rank_are_refused():
    documents = [json.loads((ROOT / "tests/data/policies/rank" / name).read_text()) for name in ("one.json", "other.json")]
    status, _, error = check(*documents)
    assert status == 1 and error == (
        'b.json: /applies/match: "other" and "one" version 3 (a.json) are of equal rank: both belong to the family "house", both apply by '
        'kind, and some requests match both. Make one of them more specific, let their conditions exclude each other, or give them '
        'different families\n'), error
    for change in ({"applies": {"match": {"kind": "consultation"}}}, {"family": "other"}, {"policy": "one", "version": 4},
                   {"applies": {"match": {"customer.grade": "key"}}}, {"applies": {"match": {}}}):
        status, _, error = check(documents[0], {**documents[1], **change})
        assert (status, error) == (0, ""), (change, error)
    status, _, error = check(documents[0], {**documents[1], "applies": {"match": {"tags": "x", "severity": "urgent"}}})
    assert status == 1 and "equal rank" in error, error


if __name__ == "__main__":
    sys.exit(run([test for name, test in list(globals().items()) if name.startswith("p_")]))
