#!/bin/bash
# make check: everything that says whether the system is right, on a machine where nothing but git and make needs to be.
#
# Installs, builds twice (plain; with AddressSanitizer and UndefinedBehaviorSanitizer), runs every test, the scenarios on the
# devbroker with the sanitized daemons and on real Apache Kafka with the plain ones. Where Kafka cannot be had its part is
# skipped and said so; with CI=true or AFTERCARE_REQUIRE_KAFKA=1 that is a failure. Ends with one line:
# `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "$0")/.."
export RESULTS
RESULTS=$(mktemp)
trap 'rm -f "$RESULTS"' EXIT
began=$SECONDS
require=${AFTERCARE_REQUIRE_KAFKA:-$([ "${CI:-}" = true ] && echo 1)}

step() { printf '\n== %s (after %d s)\n' "$*" $((SECONDS - began)); }
close() {
	awk '{ p += $1; f += $2; s += $3 } END { printf "\n%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' "$RESULTS"
	exit $?
}
# A step that is one test by itself.
one() { # name, command...
	local name=$1
	shift
	if "$@"; then echo "1 0 0" >>"$RESULTS"; else echo "not ok $name"; echo "0 1 0" >>"$RESULTS"; return 1; fi
}

step "packages"
one packages deploy/install-packages build run test kafka || close
step "build"
one build make -j"$(nproc)" all tests || close
step "build with AddressSanitizer and UndefinedBehaviorSanitizer"
one build_asan make -j"$(nproc)" VARIANT=asan all tests || close

step "layers"
one layers make -s layers

export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
step "unit"
tests/run.sh unit
step "unit, sanitized"
OUT=build/asan tests/run.sh unit

step "Apache Kafka"
kafka=yes
if ! deploy/dev/kafka-fetch; then
	kafka=no
	if [ -n "$require" ]; then
		echo "not ok kafka: Apache Kafka cannot be had, and this run demands it"
		echo "0 1 0" >>"$RESULTS"
	else
		echo "skip kafka: Apache Kafka cannot be had here; scenarios, kills and the replay on it are left out"
		echo "0 0 1" >>"$RESULTS"
	fi
fi

step "stack script, SQL, ledger, outages on the devbroker"
ONLY='stack' tests/run.sh shell
AFTERCARE_TEST_BROKER=devbroker tests/run.sh integration
step "scenarios on the devbroker, sanitized daemons"
AFTERCARE_TEST_BROKER=devbroker AFTERCARE_BIN="$PWD/build/asan/bin" tests/run.sh scenarios
if [ "$kafka" = yes ]; then
	step "scenarios on Apache Kafka"
	AFTERCARE_TEST_BROKER=kafka tests/run.sh scenarios
	step "kill -9 and outages on Apache Kafka"
	AFTERCARE_TEST_BROKER=kafka ONLY='kill|outage' tests/run.sh integration
	step "a real help desk's log, replayed on Apache Kafka"
	AFTERCARE_TEST_BROKER=kafka ONLY='replay' tests/run.sh shell
fi
close
