"""What the tests of the contract share: the schemas, an independent validator, and how a test is told (see run.sh)."""

import datetime
import json
import pathlib
import re
import sys
import traceback
import urllib.parse

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EVENTS = ROOT / "schemas/events"
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-](\d\d):(\d\d))")
formats = jsonschema.FormatChecker(formats=["date"])


@formats.checks("date-time")
def is_time(text):
    if not isinstance(text, str):
        return True
    match = TIME.fullmatch(text)
    try:
        return bool(match and datetime.date.fromisoformat(match[1]) and int(match[2]) < 24 and int(match[3]) < 60 and
                    int(match[4]) < 61 and int(match[7] or 0) < 24 and int(match[8] or 0) < 60)
    except ValueError:
        return False


def once(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), "a member stands twice: %s" % [name for name, _ in pairs]
    return members


def load_schemas():
    return {path.stem: json.loads(path.read_text(), object_pairs_hook=once) for path in sorted(EVENTS.glob("*.json"))}


class Resolver(jsonschema.RefResolver):
    """References within what we have, by address and pointer; nothing is ever fetched."""

    def resolve(self, ref):
        url = urllib.parse.urljoin(self.resolution_scope, ref)
        return url, self.resolve_from_url(url)

    def resolve_remote(self, uri):
        raise KeyError("no such document here: " + uri)


def validators(schemas):
    """A validator for each schema, of one independent of ours."""
    store = {schema["$id"]: schema for schema in schemas.values()}
    made = {}
    for name, schema in schemas.items():
        resolver = Resolver(schema["$id"], schema, store=store)
        made[name] = jsonschema.Draft202012Validator(schema, resolver=resolver, format_checker=formats)
    return made


def run(tests):
    """Calls each test, tells ok or not ok; the exit status."""
    chosen = sys.argv[1:]
    failed = 0
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        try:
            test()
            print("ok", test.__name__, flush=True)
        except Exception as error:
            failed += 1
            print("not ok", test.__name__)
            print(error if isinstance(error, AssertionError) and error.args else traceback.format_exc(), flush=True)
    return 1 if failed else 0


def none(problems, what):
    """Fails with the first of the problems."""
    problems = list(problems)
    assert not problems, "%d %s:\n  %s" % (len(problems), what, "\n  ".join(problems[:20]))
