#!/bin/bash
# Runs built tests of one group, says what fails and why, and counts.
#
#   run.sh GROUP [NAME]...     unit | integration | scenarios | fault | shell; NAME chooses programs: test_bus, test_stack.sh
#   run.sh GROUP -NAME...      all of the group but these
#
# Environment: OUT (default build; build/asan for the sanitized ones), AFTERCARE_TEST_BROKER (devbroker | kafka), AFTERCARE_BIN
# (whose daemons run, default OUT/bin), AFTERCARE_TEST_ONLY (a pattern of test names), TEST_COUNTS (a file to add "passed failed
# skipped" to instead of printing the closing line), TEST_LABEL (said with each program), TEST_RESULTS (a file to add
# "verdict<TAB>label<TAB>group/program/test" to; tests/scenarios/page reads it).
#
# Scenarios share one stack, unless AFTERCARE_BROKERS and AFTERCARE_DATABASE name one that runs already. Exit status 1 when anything
# fails.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
out=${OUT:-build}
group=${1:-}
case $group in unit | integration | scenarios | fault | shell) shift ;; *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;; esac
label=${TEST_LABEL:+ [$TEST_LABEL]}
patience=${TEST_PATIENCE:-300}
work=$(mktemp -d)
stack=""
passed=0 failed=0 skipped=0

# The sanitizers must be heard also where a daemon's exit status is nobody's business: their words go to the daemon's log.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export AFTERCARE_BIN=${AFTERCARE_BIN:-$root/${out#"$root"/}/bin}

cleanup() {
	[ -z "$stack" ] || stack_down
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

failure() { # NAME TEXTFILE
	failed=$((failed + 1))
	echo "not ok $group/$1$label"
	sed 's/^/    /' "$2" | cut -c1-1000 | tail -n 80
}

# ---- what a program said ----

# One test a line: VERDICT NAME; what a failing one said stands in $work/said/NAME.
read_cmocka() { # LOG
	rm -rf "$work/said"
	mkdir "$work/said"
	awk -v dir="$work/said" '
		/^\[==========\] / { over = $2 != "Running" }
		over { next }
		/^\[ RUN      \] / { name = $4; said = ""; next }
		/^\[       OK \] / { print "ok", name; name = ""; next }
		/^\[  SKIPPED \] / { print "skip", name; name = ""; next }
		/^\[  FAILED  \] / && name != "" { print "failed", name; printf "%s", said > (dir "/" name); close(dir "/" name); name = ""; next }
		{ said = said $0 "\n" }
		END { if (name != "") { print "failed", name; printf "%s", said > (dir "/" name) } }
	' "$1"
}

# The tests of a cmocka program from its log and exit status.
judge_program() { # NAME LOG STATUS SECONDS
	local name=$1 log=$2 status=$3 seconds=$4 verdict test ok=0 bad=0 not=0
	while read -r verdict test; do
		printf '%s\t%s\t%s\n' "$verdict" "${TEST_LABEL:-}" "$group/$name/$test" >>"${TEST_RESULTS:-/dev/null}"
		case $verdict in
		ok) ok=$((ok + 1)) ;;
		skip) not=$((not + 1)) ;;
		failed)
			bad=$((bad + 1))
			failure "$name/$test" "$work/said/$test"
			;;
		esac
	done < <(read_cmocka "$log")
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || ! grep -q '^\[==========\] [0-9]* test(s) run' "$log" ||
			       grep -q '^\[  FAILED  \] GROUP TEARDOWN' "$log"; }; then
		# Its setup or its teardown failed (cmocka counts neither), it crashed, it leaked, or it took too long.
		bad=1
		{
			tail -n 60 "$log"
			[ "$status" = 124 ] && echo "it took longer than $patience s" || echo "exit status $status"
		} >"$work/why"
		failure "$name" "$work/why"
	fi
	passed=$((passed + ok)) skipped=$((skipped + not))
	echo "  $group/$name$label: $ok passed$([ $bad = 0 ] || echo ", $bad failed")$([ $not = 0 ] || echo ", $not skipped") ($seconds s)"
	sed -n 's/^figure: /    /p' "$log"
}

# Lines `ok NAME`, `not ok NAME` and what follows it, `skip NAME reason`.
judge_script() { # NAME LOG STATUS SECONDS
	local name=$1 log=$2 status=$3 seconds=$4 ok bad not
	ok=$(grep -c '^ok ' "$log")
	not=$(grep -c '^skip ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	if [ "$bad" -gt 0 ]; then
		sed -n '/^not ok /,/^\(ok\|skip\) /p' "$log" | grep -v '^\(ok\|skip\) ' | cut -c1-1000
		failed=$((failed + bad))
	elif [ "$status" != 0 ] || [ $((ok + not)) = 0 ]; then
		bad=1
		{
			tail -n 40 "$log"
			[ "$status" = 124 ] && echo "it took longer than $patience s" || echo "exit status $status"
		} >"$work/why"
		failure "$name" "$work/why"
	fi
	passed=$((passed + ok)) skipped=$((skipped + not))
	grep '^skip ' "$log" | sed 's/^/  /'
	echo "  $group/$name$label: $ok passed$([ "$bad" = 0 ] || echo ", $bad failed")$([ "$not" = 0 ] || echo ", $not skipped") ($seconds s)"
}

run_one() { # PROGRAM: leaves NAME.log, NAME.status, NAME.seconds
	local name begin
	name=$(basename "$1")
	begin=$(date +%s%N)
	timeout --foreground -k 20 "$patience" "$1" >"$work/$name.log" 2>&1 </dev/null
	echo $? >"$work/$name.status"
	echo $((($(date +%s%N) - begin) / 100000000)) | sed 's/\(.\)$/.\1/; s/^\./0./' >"$work/$name.seconds"
}
export -f run_one
export work patience

judge() { # HOW PROGRAM
	local name
	name=$(basename "$2")
	"$1" "$name" "$work/$name.log" "$(cat "$work/$name.status")" "$(cat "$work/$name.seconds")"
}

# ---- the scenarios' stack ----

stack_down() {
	local home
	"$root/deploy/dev/stack" down --dir "$stack" >/dev/null 2>&1
	home=$(cat "$stack/postgres.path" 2>/dev/null) && case $home in /var/tmp/aftercare-postgres.*) rm -rf "$home" ;; esac
	rm -rf "$stack/postgres" "$stack/kafka"
}

stack_up() {
	local broker=${AFTERCARE_TEST_BROKER:-devbroker} line
	stack=$root/build/test-stacks/scenarios-$broker
	stack_down
	rm -rf "$stack"
	if ! deploy/dev/stack up --dir "$stack" --broker "$broker" >"$work/up" 2>&1; then
		failure stack "$work/up"
		return 1
	fi
	while IFS= read -r line; do
		case $line in AFTERCARE_BROKERS=* | AFTERCARE_DATABASE=* | AFTERCARE_DIR=*) export "${line?}" ;; esac
	done < <(deploy/dev/stack env --dir "$stack")
}

# What a sanitizer said in the log of any daemon of a test's stack since we began.
check_logs() {
	local logs
	logs=$(find build/test-stacks/*/log -name '*.log' -newer "$work/begin" 2>/dev/null) || true
	[ -n "$logs" ] || return 0
	# shellcheck disable=SC2086 # a list
	if grep -l -E 'ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:' $logs >"$work/files" 2>/dev/null; then
		while read -r line; do
			grep -h -A 25 -E 'ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:' "$line" | head -n 60 >"$work/why"
			failure "$(basename "$(dirname "$(dirname "$line")")")/$(basename "$line" .log): sanitizer" "$work/why"
		done <"$work/files"
	fi
}

# ---- all of it ----

if [ "$group" = shell ]; then
	mapfile -t programs < <(printf '%s\n' tests/integration/test_*.sh tests/integration/test_*.py | sort)
else
	mapfile -t programs < <(find "$out/tests/$group" -maxdepth 1 -type f -name 'test_*' -perm -u+x 2>/dev/null | sort)
fi
if [ $# -gt 0 ]; then
	chosen=()
	for program in ${programs[@]+"${programs[@]}"}; do
		name=$(basename "$program")
		case " $* " in
		*" -$name "*) ;;
		*" $name "* | " -"*) chosen+=("$program") ;;
		esac
	done
	programs=(${chosen[@]+"${chosen[@]}"})
fi
# A program whose source is gone is of an older day.
if [ "$group" != shell ]; then
	present=()
	for program in ${programs[@]+"${programs[@]}"}; do
		[ ! -e "tests/$group/$(basename "$program").c" ] || present+=("$program")
	done
	programs=(${present[@]+"${present[@]}"})
fi
if [ ${#programs[@]} = 0 ]; then
	echo "nothing to run" >"$work/why"
	failure "(no program in $out/tests/$group)" "$work/why"
fi

touch "$work/begin"
how=judge_program
[ "$group" != shell ] || how=judge_script
if [ "$group" = unit ]; then
	# They disturb nobody: as many at once as there are processors, told in order.
	# shellcheck disable=SC2016 # for the inner bash
	printf '%s\n' "${programs[@]}" | xargs -P "$(nproc)" -I '{}' bash -c 'run_one "$1"' bash '{}'
	for program in "${programs[@]}"; do judge $how "$program"; done
elif [ "$group" != scenarios ] || [ -n "${AFTERCARE_BROKERS:-}" ] || stack_up; then
	for program in ${programs[@]+"${programs[@]}"}; do
		run_one "$program"
		judge $how "$program"
	done
fi
[ -z "$stack" ] || stack_down
stack=""
check_logs

if [ -n "${TEST_COUNTS:-}" ]; then
	echo "$passed $failed $skipped" >>"$TEST_COUNTS"
else
	echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ]
