#!/usr/bin/env python3
"""README.md and README.zh-CN.md say the same: headings, commands, pictures, tables and names, in the same order; what they
name is there."""
import os
import re
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
failed = False


def check(name, english, chinese):
    global failed
    if english == chinese:
        print(f"ok readme_{name}")
        return
    failed = True
    first = next((pair for pair in zip(english, chinese) if pair[0] != pair[1]), (len(english), len(chinese)))
    print(f"not ok readme_{name}: English has {first[0]!r}, Chinese {first[1]!r}")


def blocks(text):
    """(language, lines) of each fenced block, and the text without them."""
    found = [(m[1], m[2].splitlines()) for m in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)]
    return found, re.sub(r"^```\w*\n.*?^```$", "```", text, flags=re.S | re.M)


def read(path):
    with open(path, encoding="utf-8") as file:
        return blocks(file.read())


def commands(fenced):
    """What is typed, without comments."""
    return [re.sub(r"\s+# .*", "", line) for language, lines in fenced if language == "sh" for line in lines]


def tables(text):
    """Of each row the number of cells and what stands in them as code."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [(row.count("|"), re.findall(r"`[^`]*`", row)) for row in rows]


english, english_text = read("README.md")
chinese, chinese_text = read("README.zh-CN.md")
check("headings", re.findall(r"^#+", english_text, re.M), re.findall(r"^#+", chinese_text, re.M))
check("blocks", [(language, len(lines)) for language, lines in english], [(language, len(lines)) for language, lines in chinese])
check("commands", commands(english), commands(chinese))
check("tables", tables(english_text), tables(chinese_text))
check("pictures", re.findall(r"\]\(([^)]*?)\)", english_text.replace("README.zh-CN", "README")),
      re.findall(r"\]\(([^)]*?)\)", chinese_text.replace(".zh-CN.svg", ".svg")))
check("names", sorted(set(re.findall(r"`([^`\n]+)`", english_text))), sorted(set(re.findall(r"`([^`\n]+)`", chinese_text))))

missing = []
for name in sorted(set(re.findall(r"[`(]((?:schemas|common|services|deploy|tests)/[\w./-]*)", english_text + chinese_text))):
    if not os.path.exists(name):
        missing.append(name)
check("paths_exist", [], missing)
sys.exit(failed)
