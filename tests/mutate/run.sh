#!/bin/bash
# make mutate: takes each rule of the exactly-once protocol out (AFTERCARE_WITHOUT, common/base/rule.h) and shows the test that
# then fails. Needs what `make mutate` builds.
#
#   run.sh [RULE]...     default: all of tests/mutate/rules.txt
#
# Each test is first run with every rule in place. Ends with `N passed, N failed, N skipped`: a rule counts as passed when its test
# fails without it, or when nothing fails and rules.txt says that it survives. Exit status 1 when any is otherwise.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
out=build/mutants
export AFTERCARE_TEST_SECONDS=${AFTERCARE_TEST_SECONDS:-12} AFTERCARE_TEST_KILLS=${AFTERCARE_TEST_KILLS:-10} AFTERCARE_BIN=$PWD/$out/bin
patience=${TEST_PATIENCE:-150}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0
survivors=()

rows() { sed '/^#/d; /^[[:space:]]*$/d' tests/mutate/rules.txt; }

# try RULE PROGRAM PATTERN: leaves `log`, `status`, `seconds`; RULE none: all are kept.
try() {
	local begin
	begin=$(date +%s%N)
	AFTERCARE_WITHOUT=$1 AFTERCARE_TEST_ONLY=$3 timeout -k 5 "$patience" "$out/tests/integration/$2" >"$work/log" 2>&1 </dev/null
	status=$?
	seconds=$(awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.1f", ns / 1e9 }')
}

why() { # the first thing that was found
	sed -n -E '/^ERROR: /{s/^ERROR: //p;q}; /^\[  ERROR   \] --- ./{s/^\[  ERROR   \] --- //;N;s/\n\[   LINE   \] --- .*\/([^/]*): error: Failure!/ at \1/p;q}' "$work/log" |
		cut -c1-110
}

declare -A good
intact() { # PROGRAM TEST: whether it passes with every rule in place, tried once
	local key=$1/$2
	if [ -z "${good[$key]:-}" ]; then
		try none "$1" "$2"
		good[$key]=$status
		[ "$status" = 0 ] || { echo "not ok mutate/$key: fails with every rule in place"; tail -n 20 "$work/log" | sed 's/^/    /'; }
	fi
	[ "${good[$key]}" = 0 ]
}

printf '%-22s %-62s %8s  %s\n' "rule taken out" "test that fails" "seconds" "what it says"
while read -r rule program test; do
	[ $# = 0 ] || [[ " $* " == *" $rule "* ]] || continue
	if [ "$test" = survives ]; then
		intact "$program" '*' || { failed=$((failed + 1)); continue; }
		try "$rule" "$program" '*'
		if [ "$status" = 0 ]; then
			survivors+=("$rule")
			passed=$((passed + 1))
			printf '%-22s %-62s %8s  %s\n' "$rule" "none of $program" "$seconds" "survives, as it should"
		else
			failed=$((failed + 1))
			echo "not ok mutate/$rule: should survive, but $program fails: $(why)"
		fi
		continue
	fi
	intact "$program" "$test" || { failed=$((failed + 1)); continue; }
	try "$rule" "$program" "$test"
	if [ "$status" = 124 ] || { [ "$status" != 0 ] && grep -q "^\[  FAILED  \] $test" "$work/log"; }; then
		passed=$((passed + 1))
		printf '%-22s %-62s %8s  %s\n' "$rule" "$program/$test" "$seconds" "$([ "$status" = 124 ] && echo "waits for ever" || why)"
	else
		failed=$((failed + 1))
		survivors+=("$rule (unexpected)")
		echo "not ok mutate/$rule: $program/$test does not notice (exit status $status, $seconds s)"
	fi
done < <(rows)

[ ${#survivors[@]} = 0 ] || echo "survivors: $(printf '%s, ' "${survivors[@]}" | sed 's/, $//')"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
