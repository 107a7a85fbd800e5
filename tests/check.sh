#!/bin/bash
# make check: everything there is to check, from a fresh clone on. Ends with one line `N passed, N failed, N skipped`.
#
# What is missing of Debian's packages is installed. Built plain and with AddressSanitizer and UndefinedBehaviorSanitizer; on the
# devbroker the daemons run sanitized, on a real Kafka as they are delivered. Where Kafka cannot be had its tests are skipped, which
# CI=true or AFTERCARE_REQUIRE_KAFKA=1 makes a failure.
#
#   check.sh [PART]...     default: layers unit simulator shell integration scenarios faults
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
parts=" ${*:-layers unit simulator shell integration scenarios faults} "
jobs=$(nproc)
begin=$SECONDS
mkdir -p build
work=$(mktemp -d)
export TEST_COUNTS=$work/counts TEST_RESULTS=$PWD/build/test-results.txt AFTERCARE_TEST_SECONDS=${AFTERCARE_TEST_SECONDS:-60}
touch "$TEST_COUNTS"
: >"$TEST_RESULTS"
trap 'rm -rf "$work"' EXIT
# What runs in the background does not hear a Ctrl-C; with us it ends whatever we have started.
trap 'trap "" TERM; kill -TERM 0; wait; exit 130' INT TERM
unset AFTERCARE_BROKERS AFTERCARE_DATABASE AFTERCARE_DIR AFTERCARE_BIN "${!PG@}"

say() { echo "check: [$(((SECONDS - begin) / 60)):$(printf %02d $(((SECONDS - begin) % 60)))] $*"; }
wants() { [[ $parts == *" $1 "* ]]; }
count() { echo "$1 $2 $3" >>"$TEST_COUNTS"; }

finish() {
	local p=0 f=0 s=0 a b c
	while read -r a b c; do
		p=$((p + a)) f=$((f + b)) s=$((s + c))
	done <"$TEST_COUNTS"
	say "done"
	echo "$p passed, $f failed, $s skipped"
	[ $f = 0 ]
	exit $?
}

broken() { # WHAT: nothing that comes after it would say anything
	echo "not ok $1"
	count 0 1 0
	finish
}

# build VARIANT [TARGET]...
build() {
	local variant=$1 targets=(all tests)
	[ $# = 1 ] || targets=("${@:2}")
	say "building ($1)"
	if ! make -s -j"$jobs" VARIANT="$variant" "${targets[@]}" >"build/check-$1.log" 2>&1; then
		tail -n 40 "build/check-$1.log"
		broken "build $1"
	fi
	count 1 0 0
}

# group LABEL NAME=VALUE... GROUP [PROGRAM]...: one run of tests/run.sh, told in one piece when it is over.
group() {
	local label=$1 settings=() out
	shift
	while [[ $1 == *=* ]]; do
		settings+=("$1")
		shift
	done
	out=$(mktemp "$work/out.XXXXXX")
	say "$1 ($label) ..."
	env TEST_LABEL="$label" ${settings[@]+"${settings[@]}"} tests/run.sh "$@" >"$out" 2>&1
	{
		flock 9
		cat "$out"
		say "$1 ($label): over"
	} 9>"$work/lock"
}

# ---- what it needs ----

say "packages"
deploy/install-packages build run test || broken "packages"
# Where it cannot be had the test of the model says so.
deploy/install-packages model >build/check-model.log 2>&1 || tail -n 1 build/check-model.log

kafka=no why=""
if { deploy/install-packages kafka && deploy/dev/kafka-fetch; } >build/check-kafka.log 2>&1; then
	kafka=yes
else
	why=$(tail -n 1 build/check-kafka.log)
	tail -n 5 build/check-kafka.log
	if [ "${CI:-}" = true ] || [ "${AFTERCARE_REQUIRE_KAFKA:-}" = 1 ]; then
		echo "not ok kafka: a real Kafka is required here and cannot be had: $why"
		count 0 1 0
	fi
fi

build plain
if wants unit || wants scenarios; then build asan; fi
if wants faults; then build fault fault-tests; fi

# ---- the parts ----

simulate() { # PROGRAM SEEDS
	local log=$work/$1.log status
	say "$1 ..."
	"build/tests/$1" --quiet --seeds "$2" >"$log" 2>&1
	status=$?
	[ $status = 0 ] || grep -q '^not ok ' "$log" || echo "not ok $1: exit status $status" >>"$log"
	count "$(grep -c '^ok ' "$log")" "$(grep -c '^not ok ' "$log")" 0
	{
		flock 9
		sed 's/^ok /  /' "$log"
		say "$1: over"
	} 9>"$work/lock"
}

if wants layers; then
	say "layers"
	tests/layers.sh build/obj >build/check-layers.log
	grep -v '^ok ' build/check-layers.log
	count "$(grep -c '^ok ' build/check-layers.log)" "$(grep -c '^not ok ' build/check-layers.log)" 0
fi

# What is mostly about a broker and its groups is tried on Kafka where there is one, and only there.
group_tests=(test_instances test_kill test_outage)

# Four at a time: most of it is waiting, for a deadline, a restart, a session's end.
ledger_lane() {
	local without=(-test_cluster) # minutes on a Kafka of three nodes: make faults
	[ $kafka = no ] || without+=("${group_tests[@]/#/-}")
	if wants simulator; then
		simulate simulator 20000
		simulate simulator_postgres 5
	fi
	! wants integration || group devbroker AFTERCARE_TEST_BROKER=devbroker integration "${without[@]}"
}
sanitized_lane() {
	! wants unit || group asan OUT=build/asan unit
	! wants scenarios || group "devbroker, sanitized" AFTERCARE_TEST_BROKER=devbroker OUT=build/asan scenarios
	! wants unit || group plain unit
}
kafka_lane() {
	! wants scenarios || [ $kafka = no ] || group kafka AFTERCARE_TEST_BROKER=kafka scenarios
	! wants integration || [ $kafka = no ] || group kafka AFTERCARE_TEST_BROKER=kafka integration "${group_tests[@]}"
}
# The daemon fails at every point of the protocol; the long form is make faults.
faults_lane() {
	! wants faults || group failpoints OUT=build/fault fault test_failpoints
	if wants shell; then
		if [ $kafka = yes ]; then
			group plain shell
		else
			group devbroker AFTERCARE_TEST_BROKER=devbroker shell
		fi
	fi
}
ledger_lane &
faults_lane &
sanitized_lane &
kafka_lane &
wait

# Clause -> scenario -> result.
if wants scenarios; then
	if tests/scenarios/page >"$work/page"; then count 1 0 0; else count 0 "$(grep -c '^not ok ' "$work/page")" 0; fi
	sed 's/^clauses:/  &/' "$work/page"
fi

if [ $kafka = no ] && { wants integration || wants scenarios; }; then
	echo "  skip everything on a real Kafka: $why"
	count 0 0 1
fi
finish
