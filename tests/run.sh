#!/bin/bash
# tests/run.sh GROUP... : runs the built programs of build/tests/GROUP (unit, integration, scenarios) or the shell tests of
# tests/integration (shell), prints one line each and all that a failing one said, and closes with
# `N passed, N failed, N skipped`.
#
# OUT=build/asan runs another variant; ONLY=PATTERN only the programs whose name matches; RESULTS=FILE appends
# "passed failed skipped" lines there and prints no closing line (check.sh adds them up).
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-build} only=${ONLY:-} results=${RESULTS:-}
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Counts what a program said: cmocka's lines, or "ok NAME", "not ok NAME", "skip NAME" of the shell tests.
count() { # exit status, name, seconds
	local p f s
	p=$(grep -cE '^(\[       OK \]|ok )' "$log")
	f=$(sed -nE 's/^(\[  FAILED  \]|not ok) ([A-Za-z0-9_]+).*/\2/p' "$log" | sort -u | wc -l)
	s=$(sed -nE 's/^(\[  SKIPPED \]|skip) ([A-Za-z0-9_]+).*/\2/p' "$log" | sort -u | wc -l)
	# A program that died said nothing of it.
	[ "$1" = 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" -gt 0 ]; then
		printf 'FAILED  %-44s %3d ok, %d failed, exit status %d, %d s\n' "$2" "$p" "$f" "$1" "$3"
		sed 's/^/        /' "$log" | tail -n 150
	else
		printf 'ok      %-44s %3d ok%s, %d s\n' "$2" "$p" "$([ "$s" = 0 ] || echo ", $s skipped")" "$3"
		grep -E '^skip ' "$log" | sed 's/^/        /'
	fi
}

run() { # name, command...
	local name=$1 began=$SECONDS status
	shift
	[[ -z $only || $name =~ $only ]] || return 0
	timeout --kill-after=10 "${LIMIT:-240}" "$@" >"$log" 2>&1 </dev/null
	status=$?
	[ "$status" != 124 ] || echo "not ok timeout: stopped after ${LIMIT:-240} s" >>"$log"
	count "$status" "$name" $((SECONDS - began))
}

for group; do
	if [ "$group" = shell ]; then
		for script in tests/integration/test_*.sh; do run "shell/$(basename "$script" .sh)" bash "$script"; done
	else
		# By source, so that a program left over from an older tree is not run, and one that was not built is missed.
		for source in "tests/$group"/test_*.c; do run "$group/$(basename "$source" .c)" "$out/${source%.c}"; done
	fi
done
if [ -n "$results" ]; then
	echo "$passed $failed $skipped" >>"$results"
else
	echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" = 0 ]
