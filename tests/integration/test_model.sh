#!/bin/bash
# The short form of `make model`: the protocol under a few faults, and each of its rules broken in turn.
exec "$(dirname "${BASH_SOURCE[0]}")/../model/run.sh" --short
