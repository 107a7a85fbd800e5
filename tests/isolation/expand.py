#!/usr/bin/env python3
"""Makes the spec that isolationtester reads: expand.py LEDGER.sql SPEC > OUT

@ledger becomes a PREPARE of every statement of the ledger, so that steps run the statements of the daemons and no copies.
Every order in which the steps of the sessions can follow each other becomes a `permutation` line. Left out is only what no
client can do: a session cannot send its next step while it waits for the row lock.
"""
import re
import sys

LOCKS = re.compile(r"execute source_(take|advance|beat|suspect|attempt|rewind)\b")


def statements(path):
    """The named statements of a .sql file, in its order."""
    named = {}
    name = None
    for line in open(path, encoding="utf-8"):
        if line.startswith("-- name:"):
            name = line[len("-- name:"):].strip()
            named[name] = ""
        elif name and not line.startswith("--"):
            named[name] += line
    return named


class Row:
    """Who holds the source row, and under which epoch: as much as is needed to know who waits."""

    def __init__(self, sessions):
        self.epoch, self.holder, self.queue = 1, None, []
        self.mine = {session: 1 for session in sessions}
        self.open, self.raised = set(), set()

    def wants(self, session, sql):
        """One step; False when the session still waits with an earlier one."""
        if any(session == waiting for waiting, _ in self.queue):
            return False
        if "begin;" in sql:
            self.open.add(session)
        if LOCKS.search(sql):
            if self.holder not in (None, session):
                self.queue.append((session, sql))
                return True
            self.holder = session
            self.run(session, sql)
        if re.search(r"\b(commit|rollback);", sql) or session not in self.open:
            self.open.discard(session)
            self.release(session, "rollback;" not in sql)
        return True

    def run(self, session, sql):
        """The lock is there: a take raises the epoch, anything else finds out whether the epoch is its own."""
        if "source_take" in sql:
            self.raised.add(session)
        elif session not in self.raised and self.mine[session] != self.epoch:
            self.release(session, False)

    def release(self, session, done):
        """The end of a transaction, or of the lock because it failed."""
        if session in self.raised:
            self.raised.discard(session)
            if done:
                self.epoch += 1
                self.mine[session] = self.epoch
        if self.holder == session:
            self.holder = None
            if self.queue:
                waiting, sql = self.queue.pop(0)
                self.holder = waiting
                self.run(waiting, sql)
                if waiting not in self.open:
                    self.release(waiting, True)


def orders(steps):
    """All interleavings of the sessions' steps that clients can bring about."""
    def feasible(order):
        row = Row(steps)
        return all(row.wants(session, sql) for session, (_, sql) in order)

    def grow(order, left):
        if not feasible(order):
            return
        if not any(left.values()):
            yield order
        for session in left:
            if left[session]:
                yield from grow(order + [(session, left[session][0])], {**left, session: left[session][1:]})

    return grow([], dict(steps))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    ledger = statements(sys.argv[1])
    text = re.sub(r"(?m)^#.*\n", "", open(sys.argv[2], encoding="utf-8").read())
    unknown = set(re.findall(r"execute (\w+)", text)) - set(ledger)
    if unknown:
        sys.exit(f"{sys.argv[2]}: the ledger has no {', '.join(sorted(unknown))}")
    steps, session = {}, None
    for found in re.finditer(r"(?s)^session (\w+)|^step (\w+)\s*\{(.*?)\}", text, re.M):
        if found.group(1):
            session = found.group(1)
            steps[session] = []
        else:
            steps[session].append((found.group(2), found.group(3)))
    prepared = "deallocate all; set timezone = 'UTC';\n" + "".join(f"prepare {name} as {sql.strip()};\n" for name, sql in ledger.items())
    print(text.replace("@ledger", prepared))
    for order in orders(steps):
        print("permutation " + " ".join(name for _, (name, _) in order))


main()
