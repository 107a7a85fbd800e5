#!/bin/bash
# make mutate: takes each rule of the exactly-once protocol out (AFTERCARE_WITHOUT, common/base/rule.h) and shows the test that
# then fails. Needs what `make mutate` builds.
#
#   run.sh [RULE]...               default: all of tests/mutate/rules.txt
#   run.sh --programs [RULE]...    what make has to build for that
#
# RESUME=1 goes on where the last run was broken off, if nothing was built since. Each test is first run with every rule in place;
# without the rule each of its waits may then take as long as all of that did, so that a slow machine is not taken for a broken rule.
# Ends with `N rules, N noticed, N survive`; exit status 1 when any is otherwise than rules.txt says.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
out=build/mutants
results=$out/results
export AFTERCARE_TEST_KILLS=${AFTERCARE_TEST_KILLS:-10} AFTERCARE_BIN=$PWD/$out/bin
shortest=${AFTERCARE_TEST_SECONDS:-12} longest=120 patience=600 # the last: of a whole program, for those that survive
programs_only=no
[ "${1:-}" != --programs ] || { programs_only=yes; shift; }

# Those chosen: RULE PROGRAM TEST.
rows() {
	local rule program test
	sed '/^#/d; /^[[:space:]]*$/d' tests/mutate/rules.txt | while read -r rule program test; do
		[ $# = 0 ] || [[ " $* " == *" $rule "* ]] || continue
		echo "$rule $program $test"
	done
}

unknown() {
	local rule
	for rule; do grep -q "^$rule " tests/mutate/rules.txt || echo "$rule"; done
}

group() { if [ -e "tests/integration/$1.c" ]; then echo integration; else echo scenarios; fi; } # PROGRAM

wrong=$(unknown "$@")
[ -z "$wrong" ] || { echo "tests/mutate/rules.txt has no rule" $wrong >&2; exit 2; }

if [ $programs_only = yes ]; then
	echo $out/bin/aftercare-devbroker
	rows "$@" | while read -r rule program test; do
		where=$(group "$program")
		# A scenario has a stack of its own, with all daemons.
		[ "$where" = integration ] || echo all
		echo "$out/tests/$where/$program"
	done | sort -u
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
noticed=0 survive=0 unjudged=0 wrong=0 at=0
survivors=()

# try RULE PROGRAM PATTERN DEADLINE: leaves `log`, `status`, `seconds`; RULE none: all are kept.
try() {
	local begin
	begin=$(date +%s%N)
	for _ in 1 2 3; do
		AFTERCARE_WITHOUT=$1 AFTERCARE_TEST_ONLY=$3 AFTERCARE_TEST_SECONDS=$4 timeout -k 5 "$patience" \
			"$out/tests/$(group "$2")/$2" >"$work/log" 2>&1 </dev/null
		status=$?
		# What it lives on did not come up.
		grep -q '^\[  FAILED  \] GROUP SETUP' "$work/log" || break
	done
	seconds=$(awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.1f", ns / 1e9 }')
}

why() { # the first thing that was found
	sed -n -E '/^ERROR: /{s/^ERROR: //p;q}; /, ticket AC-/{s/, ticket AC-.*//p;q}; /^\[  ERROR   \] --- ./{s/^\[  ERROR   \] --- //;N;s/\n\[   LINE   \] --- .*\/([^/]*): error: Failure!/ at \1/p;q}' "$work/log" |
		cut -c1-110
}

declare -A good took
intact() { # PROGRAM TEST: whether it passes with every rule in place, tried once
	local key=$1/$2
	if [ -z "${good[$key]:-}" ]; then
		live "$key with every rule in place"
		try none "$1" "$2" $longest
		[ "$status" = 0 ] || { live "$key with every rule in place, again"; try none "$1" "$2" $longest; }
		good[$key]=$status took[$key]=${seconds%.*}
		[ "$status" = 0 ] || { tell "not ok mutate/$key: fails with every rule in place"; tail -n 20 "$work/log" | sed 's/^/    /'; }
	fi
	[ "${good[$key]}" = 0 ]
}

live() { [ ! -t 1 ] || printf '\r\033[K[%d/%d, %d s] %s' "$at" "$total" "$SECONDS" "$*"; }
tell() { [ ! -t 1 ] || printf '\r\033[K'; printf '%s\n' "$*"; }

# RULE TEST SECONDS WHAT: a line of the table, kept for RESUME.
row() {
	printf '%-22s %-72s %8s  %s\n' "$@" >>"$results"
	tell "$(tail -n 1 "$results")"
}

judge() { # RULE PROGRAM TEST
	local rule=$1 program=$2 test=$3 pattern=$3 what deadline=$shortest
	[ "$test" != survives ] || pattern='*'
	intact "$program" "$pattern" || { unjudged=$((unjudged + 1)); return; }
	live "$rule: $program/$pattern"
	[ "${took[$program/$pattern]}" -le "$deadline" ] || deadline=${took[$program/$pattern]}
	[ "$test" = survives ] || patience=$((5 * deadline + 60))
	try "$rule" "$program" "$pattern" "$deadline"
	# On a busy machine a rebalance can come in between: its take mends what the missing rule has done.
	[ "$status" != 0 ] || [ "$test" = survives ] || try "$rule" "$program" "$pattern" "$deadline"
	patience=600
	if [ "$test" = survives ]; then
		if [ "$status" = 0 ]; then
			survive=$((survive + 1)) survivors+=("$rule")
			row "$rule" "none of $program" "$seconds" "survives, as it should"
		else
			wrong=$((wrong + 1)) noticed=$((noticed + 1))
			tell "not ok mutate/$rule: should survive, but $program fails: $(why)"
		fi
	elif [ "$status" = 124 ] || { [ "$status" != 0 ] && grep -q "^\[  \(FAILED\|ERROR \)  *\] $test" "$work/log"; }; then
		noticed=$((noticed + 1))
		what=$(why)
		[ "$status" != 124 ] || what="waits for ever"
		row "$rule" "$program/$test" "$seconds" "$what"
	else
		wrong=$((wrong + 1)) survive=$((survive + 1)) survivors+=("$rule (unexpected)")
		tell "not ok mutate/$rule: $program/$test does not notice (exit status $status, $seconds s)"
	fi
}

# What the last run has found, when nothing was built since.
resumed() { # RULE
	[ "${RESUME:-}" = 1 ] && [ -e "$results" ] && grep -m 1 "^$1 " "$results"
}

total=$(rows "$@" | wc -l)
if [ "${RESUME:-}" = 1 ] && [ -e "$results" ] && [ -z "$(find $out/bin $out/tests -type f -perm -u+x -newer "$results.begun")" ]; then
	tell "going on with the results of $(date -r "$results.begun" '+%F %T')"
else
	: >"$results"
	touch "$results.begun"
fi
printf '%-22s %-72s %8s  %s\n' "rule taken out" "test that fails" "seconds" "what it says"
while read -r rule program test; do
	at=$((at + 1))
	if before=$(resumed "$rule"); then
		tell "$before"
		if [ "$test" = survives ]; then survive=$((survive + 1)) survivors+=("$rule"); else noticed=$((noticed + 1)); fi
		continue
	fi
	judge "$rule" "$program" "$test"
done < <(rows "$@")

[ ${#survivors[@]} = 0 ] || tell "survivors: $(printf '%s, ' "${survivors[@]}" | sed 's/, $//')"
[ $unjudged = 0 ] || tell "$unjudged not judged: their tests fail with every rule in place"
tell "$total rules, $noticed noticed, $survive survive"
[ $((wrong + unjudged)) = 0 ]
