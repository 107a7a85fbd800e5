#!/usr/bin/python3
"""schemas/compare: nothing that was published is narrow now; a narrowing planted in a schema is noticed, whichever sort it is and
whichever schema; what only widens passes; publishing refuses what is narrower.

Names of tests as arguments choose some of them."""

import copy
import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from contract import ROOT, load_schemas, none, run, validators  # noqa: E402

sys.dont_write_bytecode = True
TOOL = ROOT / "schemas/compare"
loader = importlib.machinery.SourceFileLoader("compare", str(TOOL))
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
loader.exec_module(tool)
schemas = load_schemas()
records = {name: schema for name, schema in schemas.items() if schema.get("x-topic")}

OLD = {
    "x-role": "claim", "x-topic": "aftercare.staff", "x-key": "ticket", "x-about": "ticket", "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-z]"},
        "level": {"enum": ["low", "high", None]},
        "count": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
        "share": {"type": "number"},
        "names": {"type": "array", "maxItems": 5, "minItems": 1, "items": {"type": "string", "maxLength": 20}},
        "item": {"type": "object", "properties": {"model": {"type": "string"}, "grade": {"type": "integer"}}, "required": ["model"]},
        "when": {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]},
        "by": {"$ref": "common.json#/$defs/person"},
        "free": {},
    },
    "required": ["text", "item"],
    "if": {"required": ["count"]}, "then": {"required": ["share"]},
}
COMMON = {"$defs": {"person": {"type": "object", "properties": {"id": {"type": "string", "maxLength": 50}}, "required": ["id"]}}}


def at(document, path):
    for step in path.split("/"):
        document = document[int(step) if isinstance(document, list) else step]
    return document


def set_(path, word, value):
    return lambda s: at(s, path).__setitem__(word, value) if path else s.__setitem__(word, value)


def drop(path, word):
    return lambda s: (at(s, path) if path else s).pop(word)


def add(path, value):
    return lambda s: at(s, path).append(value)


P = "properties/"
# What is done to the schema, and a word of what must be said of it.
NARROWER = [
    (drop("properties", "share"), "/share: the member is gone"),
    (drop("properties/item/properties", "grade"), "/item/grade: the member is gone"),
    (add("required", "level"), "/level: is required now"),
    (add("properties/item/required", "grade"), "/item/grade: is required now"),
    (set_("", "type", "array"), "no longer takes object"),
    (set_(P + "count", "type", "integer"), "/count: no longer takes null"),
    (set_(P + "share", "type", "integer"), "/share: no longer takes number"),
    (set_(P + "free", "type", "string"), "/free: no longer takes"),
    (set_("properties", "free", False), "/free: "),
    (set_(P + "text", "maxLength", 99), "/text: maxLength was 100, is 99"),
    (set_(P + "text", "minLength", 2), "/text: minLength was 1, is 2"),
    (set_(P + "text", "pattern", "^[a-y]"), "/text: pattern was"),
    (set_(P + "text", "format", "date"), "/text: format was not there"),
    (set_(P + "text", "enum", ["a", "b"]), "/text: takes only listed values now"),
    (set_(P + "text", "const", "a"), "/text: takes only listed values now"),
    (set_(P + "level", "enum", ["low", None]), "/level: no longer takes \"high\""),
    (set_(P + "level", "enum", ["low", "high"]), "/level: no longer takes null"),
    (set_(P + "count", "minimum", 1), "/count: minimum was 0, is 1"),
    (set_(P + "count", "maximum", 8), "/count: maximum was 9, is 8"),
    (set_(P + "share", "minimum", 0), "/share: minimum was not there"),
    (set_(P + "share", "exclusiveMinimum", 0), "/share: exclusiveMinimum was not there"),
    (set_(P + "share", "multipleOf", 2), "/share: multipleOf was not there"),
    (set_(P + "names", "maxItems", 4), "/names: maxItems was 5, is 4"),
    (set_(P + "names", "minItems", 2), "/names: minItems was 1, is 2"),
    (set_(P + "names", "uniqueItems", True), "/names: uniqueItems was not there"),
    (set_(P + "names/items", "maxLength", 19), "/names/[]: maxLength was 20, is 19"),
    (set_(P + "free", "items", {"type": "string"}), "/free/[]: no longer takes"),
    (set_(P + "item", "minProperties", 2), "/item: minProperties was not there"),
    (set_("", "additionalProperties", False), "unknown members were free"),
    (set_(P + "item", "additionalProperties", {"type": "string"}), "/item: unknown members were free"),
    (lambda s: s["properties"]["when"]["anyOf"].pop(), "/when: one of the forms of anyOf"),
    (set_(P + "share", "anyOf", [{"minimum": 0}]), "/share: one of the forms of anyOf"),
    (set_(P + "text", "allOf", [{"maxLength": 50}]), "/text: allOf demands more"),
    (set_(P + "text", "not", {"const": "x"}), "/text: \"not\" is new"),
    (set_(P + "text", "oneOf", [{"const": "x"}]), "/text: \"oneOf\" is new"),
    (set_("", "if", {"required": ["level"]}), "\"if\" is new or another"),
    (add("then/required", "level"), "/level: is required now"),
    (set_("", "else", {"required": ["level"]}), "/level: is required now"),
    (set_("", "propertyNames", {"maxLength": 3}), "\"propertyNames\" is new"),
    (set_("", "dependentRequired", {"text": ["by"]}), "\"dependentRequired\" is new"),
    (set_("", "x-topic", "aftercare.inbound"), "its topic was aftercare.staff, is aftercare.inbound"),
    (set_("", "x-key", "request"), "its key was ticket, is request"),
    (set_("", "x-role", "fact"), "its role was claim, is fact"),
    (set_("", "x-about", "desk"), "it was about ticket, is about desk"),
]
WIDER = [
    lambda s: None,
    set_("properties", "new", {"type": "string", "maxLength": 3}),
    drop("", "required"),
    lambda s: s["required"].remove("text"),
    set_(P + "share", "type", ["number", "string"]),
    drop(P + "text", "pattern"),
    drop(P + "text", "maxLength"),
    set_(P + "text", "maxLength", 200),
    set_(P + "text", "minLength", 0),
    set_(P + "share", "maxLength", 5),
    set_(P + "share", "minLength", 5),
    add(P + "level/enum", "middle"),
    drop(P + "level", "enum"),
    set_(P + "count", "minimum", -1),
    set_("properties", "free", True),
    set_(P + "names", "items", {"type": ["string", "null"]}),
    add(P + "when/anyOf", {"const": "soon"}),
    drop(P + "when", "anyOf"),
    lambda s: (s.pop("if"), s.pop("then")),
    drop("then", "required"),
    set_("", "title", "Another"),
    set_(P + "text", "description", "Another"),
    set_("", "x-about", "maybe"),
    set_("", "additionalProperties", True),
    set_(P + "names", "minItems", 0),
    # Said in another way, the same.
    set_("properties", "by", copy.deepcopy(COMMON["$defs"]["person"])),
    set_(P + "text", "allOf", [{"maxLength": 100}]),
]
# Only of facts: a promise taken back.
PROMISES = [
    (lambda s: s["required"].remove("text"), "/text: was promised, is optional now"),
    (lambda s: s["properties"]["item"]["required"].remove("model"), "/item/model: was promised, is optional now"),
    (drop("", "required"), "was promised, is optional now"),
    (set_(P + "text", "type", ["string", "null"]), "/text: was promised as string, now null may come too"),
    (set_(P + "item", "type", ["object", "string"]), "/item: was promised as object, now string may come too"),
    (lambda s: s["then"]["required"].remove("share"), "/share: was promised, is optional now"),
    (lambda s: (s.pop("if"), s.pop("then")), "what was promised by \"if\" is gone"),
    (set_("", "x-topic", "aftercare.desk"), "its topic was"),
]


def compared(change, role="claim", common=None):
    old = {"common": COMMON, "staff.tested": {**copy.deepcopy(OLD), "x-role": role}}
    new = copy.deepcopy(old)
    if change:
        change(new["staff.tested"])
    if common:
        common(new["common"])
    return tool.compare(old, new)


def d_every_sort_of_narrowing_is_noticed():
    for change, want in NARROWER:
        for role in ("claim", "fact") if want.find("its role") < 0 else ("claim",):
            found = compared(change, role)
            assert any(want in line for line in found), "wanted %r, found %r" % (want, found)


def d_a_narrowing_of_what_is_shared_is_noticed():
    found = compared(None, common=set_("$defs/person/properties/id", "maxLength", 49))
    assert found == ["staff.tested: at /by/id: maxLength was 50, is 49"], found
    assert compared(None, common=set_("$defs/person/properties/id", "maxLength", 51)) == []


def d_what_only_widens_passes():
    for i, change in enumerate(WIDER):
        assert compared(change) == [], "widening %d: %r" % (i, compared(change))


def d_a_promise_taken_back_is_noticed_of_facts_only():
    for change, want in PROMISES:
        assert any(want in line for line in compared(change, "fact")), "wanted %r, found %r" % (want, compared(change, "fact"))
    for change, want in PROMISES[:-1]:
        assert compared(change, "claim") == [], "of claims this is wider: %r" % want
    # A fact may say more.
    for change in (WIDER[1], set_(P + "count", "type", ["integer", "null", "string"]), add(P + "level/enum", "middle")):
        assert compared(change, "fact") == [], compared(change, "fact")


def d_a_schema_may_go_only_when_its_successor_is_there():
    some = {"x-topic": "aftercare.staff"}
    old = {"staff.tested": some, "staff.other": some}
    assert tool.compare(old, {"staff.other": some}) == ["staff.tested: it is gone, and there is no staff.tested.v2"]
    assert tool.compare(old, {"staff.other": some, "staff.tested.v2": {}}) == []
    assert tool.compare({"staff.tested.v2": some}, {"staff.tested.v2.x": some}) != []
    assert tool.compare({"staff.tested.v2": some}, {"staff.tested.v10": some}) == []
    assert tool.compare({"staff.tested.v3": some}, {"staff.tested.v2": some}) != []


# ---- the real schemas ----

def d_nothing_published_is_narrower_now():
    published = json.loads((ROOT / "schemas/published/events.json").read_text())
    assert len(published) > 190
    none(tool.compare(published, schemas), "narrowings")


def d_every_published_example_is_still_right():
    """By an independent validator: the comparison must not be the only witness."""
    check = validators(schemas)
    problems = []
    for name, schema in json.loads((ROOT / "schemas/published/events.json").read_text()).items():
        for example in schema.get("examples", []):
            if name in check:
                problems += ["%s: %s" % (name, error.message[:200]) for error in check[name].iter_errors(example)]
    none(problems, "published examples that are refused now")


def d_a_narrowing_planted_in_any_real_schema_is_noticed():
    """Constructed so that an independent validator refuses the schema's own example afterwards: no narrowing in name only."""
    problems, planted = [], 0
    for name, schema in records.items():
        example = schema["examples"][0]
        changes = {
            "required": lambda s: s.setdefault("required", []).append("surely_absent"),
            "closed": lambda s: (s.__setitem__("additionalProperties", False), s["properties"].pop(next(iter(example)))),
        }
        for member, value in example.items():
            changes["type of " + member] = set_("properties", member, {"type": "null" if value is not None else "string"})
            changes["list of " + member] = set_("properties", member, {"enum": ["surely another"]})
        for what, change in changes.items():
            new = {**schemas, name: copy.deepcopy(schema)}
            change(new[name])
            planted += 1
            if validators({"common": schemas["common"], name: new[name]})[name].is_valid(example):
                problems.append("%s: %s: planted nothing" % (name, what))
            if not [line for line in tool.compare({name: schema, "common": schemas["common"]}, new) if line.startswith(name + ": ")]:
                problems.append("%s: %s: not noticed" % (name, what))
    assert planted > 1000, planted
    none(problems, "problems")


# ---- the command ----

def tree(folder):
    """A repository with the tool and a few schemas, committed."""
    (folder / "schemas").mkdir()
    shutil.copy(TOOL, folder / "schemas/compare")
    (folder / "schemas/events").mkdir()
    for name in ("common", "staff.replied", "ticket.replied"):
        shutil.copy(ROOT / ("schemas/events/%s.json" % name), folder / "schemas/events")
    git(folder, "init", "-q")
    commit(folder, "one")


def git(folder, *words):
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *words], check=True)


def commit(folder, tag):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", tag)
    git(folder, "tag", tag)


def command(folder, *words):
    done = subprocess.run([folder / "schemas/compare", *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def change(folder, name, how):
    path = folder / ("schemas/events/%s.json" % name)
    schema = json.loads(path.read_text())
    how(schema)
    path.write_text(json.dumps(schema))


def d_the_command_publishes_compares_and_refuses():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tree(folder)
        baseline = folder / "schemas/published/events.json"
        assert command(folder, "--publish") == (0, "3 schemas, nothing narrowed\n")
        first = baseline.read_text()
        assert json.loads(first)["staff.replied"]["x-topic"] == "aftercare.staff" and len(first.splitlines()) == 5
        change(folder, "staff.replied", lambda s: s["properties"].__setitem__("mood", {"type": "string"}))
        shutil.copy(ROOT / "schemas/events/staff.worked.json", folder / "schemas/events")
        commit(folder, "two")
        assert command(folder) == (0, "4 schemas, nothing narrowed; new: staff.worked\n")
        assert command(folder, "--publish")[0] == 0 and baseline.read_text() != first
        commit(folder, "three")
        published = baseline.read_text()
        change(folder, "staff.replied", lambda s: s["properties"].pop("mood"))
        status, said = command(folder)
        assert status == 1 and "staff.replied: at /mood: the member is gone" in said, said
        status, said = command(folder, "--publish")
        assert status == 1 and "NAME.v2" in said and baseline.read_text() == published, said
        commit(folder, "four")
        assert command(folder, "one", "three")[0] == 0
        assert command(folder, "three", "four")[0] == 1
        assert command(folder, "one", "four")[0] == 0
        assert command(folder, "three")[0] == 1
        (folder / "schemas/events/staff.replied.json").rename(folder / "schemas/events/staff.replied.v2.json")
        assert command(folder, "--publish")[0] == 0 and "staff.replied.v2" in baseline.read_text()
        assert command(folder, "no-such-revision")[0] == 1 and command(folder, "--publsh")[0] == 1


if __name__ == "__main__":
    sys.exit(run([test for name, test in list(globals().items()) if name.startswith("d_")]))
