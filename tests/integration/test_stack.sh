#!/bin/bash
# deploy/dev/stack and its supervisor, with daemons that are shell scripts: what is tried here is who starts, who is restarted,
# who is stopped, and that two stacks leave each other alone. PostgreSQL and the devbroker are real.
#
# Prints `ok NAME`, `not ok NAME` (with what the test said) or `skip NAME reason`; exit status 1 when any is not ok.
# Arguments: names of tests, default all. The programs come from build/bin.
# No `grep -q` behind a pipe: it leaves early, the writer then dies of SIGPIPE, and pipefail calls that a failure.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/aftercare-test-stack.XXXXXX")
chmod 755 "$work" # an ordinary user must get in
stack=$work/tree/deploy/dev/stack
bin=$work/tree/build/bin
export AFTERCARE_BIN=$work/fake AFTERCARE_READY_SECONDS=30

# A copy of the tree with two daemons, alpha and beta: the stack finds them as it finds the real ones.
make_tree() {
	mkdir -p "$bin" "$work/tree/deploy/policies" "$work/fake"
	cp -r "$root/deploy/dev" "$work/tree/deploy/"
	cp "$root/build/bin/aftercare-supervisor" "$root/build/bin/aftercare-devbroker" "$bin/"
	local name
	for name in alpha beta ctl devbroker; do
		mkdir -p "$work/tree/services/$name"
		touch "$work/tree/services/$name/main.c"
	done
	echo '{"policy": "lifecycle"}' >"$work/tree/deploy/policies/lifecycle.json"
	echo '{"needs": {"resolve_limit": {}}}' >"$work/tree/deploy/policies/graded-2h-24h-48h.json"
	echo '{"needs": {"response_limit": {}}}' >"$work/tree/deploy/policies/second.json"
	cat >"$work/fake/aftercarectl" <<-'END'
		#!/bin/bash
		echo "said $3 $4 ${*:5}"
		[ ! -e "$(dirname "$2")/../fail-$3" ]
	END
	# What a fake daemon does is said by files in DIR: exit-NAME holds an exit status, mute-NAME keeps it from being ready.
	cat >"$work/fake/aftercare-alpha" <<-'END'
		#!/bin/bash
		name=${0##*/aftercare-} dir=$(dirname "$2")/..
		echo "$name says: $*"
		[ ! -e "$dir/exit-$name" ] || exit "$(cat "$dir/exit-$name")"
		trap 'kill $!; exit 0' TERM
		[ -e "$dir/mute-$name" ] || "$FAKE_NOTIFY" notify $'READY=1\nSTATUS=a "quoted" back\\slash, \303\274, \377 and \001'
		while :; do sleep 1000 & wait; done
	END
	cp "$work/fake/aftercare-alpha" "$work/fake/aftercare-beta"
	chmod 755 "$work"/fake/*
	export FAKE_NOTIFY=$bin/aftercare-supervisor
}

fail() {
	echo "$*"
	exit 1
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || fail "did not come true: $*"
		sleep 0.02
	done
}

A() { "$stack" "$@" --dir "$work/a"; }
B() { "$stack" "$@" --dir "$work/b"; }
field() { A status | awk -v n="$1" -v f="$2" '$1 == n { print $f }'; }
state_is() { [ "$(field "$1" 2)" = "$2" ]; }
value() { "$stack" env --dir "$1" | sed -n "s/^$2=//p"; }
sql() { psql -X -At "$(value "$1" AFTERCARE_DATABASE)" -c "$2"; }
pids() { "$stack" status --dir "$1" | awk '$3 != "-" { print $3 }'; }
# The pids of those whose command line, as words, matches the pattern (a minimal system has no pgrep).
matching() {
	local file words
	for file in /proc/[0-9]*/cmdline; do
		{ mapfile -d '' -t words <"$file"; } 2>/dev/null || continue
		# shellcheck disable=SC2053 # a pattern
		[[ ${words[*]} != $1 ]] || { file=${file#/proc/} && echo "${file%/cmdline}"; }
	done
}
supervisor_of() { matching "*aftercare-supervisor run $1"; }
nothing_of() { [ -z "$(matching "*$1*")" ] || fail "still running: $(matching "*$1*")"; }
tree_pids() { supervisor_of "$1" && pids "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

test_two_stacks_start_side_by_side() {
	A up & local one=$!
	B up & local two=$!
	wait $one
	wait $two
	[ "$(A status | awk '$2 == "ready"' | wc -l)" = 4 ] || fail "$(A status)"
	[ "$(B status | awk '$2 == "ready"' | wc -l)" = 4 ] || fail "$(B status)"
	[ -z "$(cat "$work/a/ports" "$work/b/ports" | awk '{ print $2 }' | sort | uniq -d)" ] || fail "a port is used twice"
	sql "$work/a" 'create table only_in_a (x int)'
	[ "$(sql "$work/b" "select count(*) from pg_tables where tablename = 'only_in_a'")" = 0 ]
}

test_status_is_valid_json() {
	local json
	json=$(A status --json)
	# PostgreSQL is at hand, and strict.
	[ "$(sql "$work/a" "select string_agg(j->>'name' || ' ' || (j->>'state') || ' ' || jsonb_typeof(j->'pid') || ' ' ||
		(j->>'restarts'), ',' order by n) from jsonb_array_elements(\$json\$$json\$json\$::jsonb) with ordinality t(j, n)")" = \
		"postgres ready number 0,broker ready number 0,alpha ready number 0,beta ready number 0" ] || fail "$json"
}

test_env_names_everything() {
	local lines
	lines=$(A env | cut -d= -f1 | tr '\n' ' ')
	[ "$lines" = "AFTERCARE_BROKERS AFTERCARE_DATABASE AFTERCARE_DIR AFTERCARE_METRICS_ALPHA AFTERCARE_METRICS_BETA " ] ||
		fail "$lines"
	(eval "$(A env)" && [ "$AFTERCARE_DIR" = "$work/a" ] && psql -X "$AFTERCARE_DATABASE" -c 'select 1' >/dev/null)
}

test_configuration_is_key_and_value() {
	! grep -v -E '^(#.*|[a-z_.]+ = [^ ].*)$' "$work/a/conf/alpha.conf" || fail "lines that are neither"
	grep -q "^database = postgresql://aftercare_alpha@" "$work/a/conf/alpha.conf"
}

test_steps_come_in_order() {
	[ "$(grep '^said' "$work/a/log/ctl.log" | sed "s|$work/tree/deploy/||" | tr '\n' ';')" = \
		"said db migrate ;said policy load policies/lifecycle.json --approved;said policy load policies/graded-2h-24h-48h.json --approved;" ] ||
		fail "$(cat "$work/a/log/ctl.log")"
}

test_up_while_running_is_ok() {
	local before
	before=$(pids "$work/a")
	A up | grep 'already running' >/dev/null
	[ "$before" = "$(pids "$work/a")" ]
}

test_killed_daemon_is_restarted() {
	local old
	old=$(field alpha 3)
	A kill alpha
	gone "$old" || fail "kill came back before the process was dead"
	until_true 10 state_is alpha ready
	[ "$(field alpha 3)" != "$old" ]
	[ "$(field alpha 4) $(field beta 4)" = "1 0" ]
}

test_stopped_daemon_stays_stopped() {
	A stop alpha
	state_is alpha stopped
	# Longer than a restart takes, measured by one.
	A kill beta
	until_true 10 state_is beta ready
	state_is alpha stopped || fail "it came back"
	A start alpha
	state_is alpha ready
}

test_restart_gives_a_new_process() {
	local old restarts
	old=$(field beta 3) restarts=$(field beta 4)
	A restart beta
	state_is beta ready
	[ "$(field beta 3)" != "$old" ]
	[ "$(field beta 4)" = "$restarts" ]
}

test_crashing_daemon_fails_in_the_end() {
	echo 1 >"$work/a/exit-beta"
	A kill beta
	until_true 30 state_is beta failed
	rm "$work/a/exit-beta"
	A start beta
	state_is beta ready
}

test_misconfigured_daemon_is_not_restarted() {
	local restarts
	restarts=$(field alpha 4)
	echo 78 >"$work/a/exit-alpha"
	! A restart alpha || fail "restart of a daemon that exits was called a success"
	state_is alpha failed
	[ "$(field alpha 4)" = "$restarts" ]
	rm "$work/a/exit-alpha"
	A start alpha
}

test_postgres_and_broker_come_back() {
	# A session that is busy outlives its server for a while and would keep the next one from starting.
	sql "$work/a" 'select pg_sleep(600)' & local busy=$!
	until_true 10 eval "[ \"\$(sql '$work/a' \"select count(*) from pg_stat_activity where query like 'select pg_sleep%'\")\" = 1 ]"
	A kill postgres
	! wait $busy
	until_true 20 state_is postgres ready
	sql "$work/a" 'select count(*) from only_in_a'
	A kill broker
	until_true 20 state_is broker ready
}

test_unknown_words_are_refused() {
	local words
	for words in 'stop nobody' frobnicate 'up --broker rabbit' 'up --nodes 2' kill 'up --set nonsense' 'policy nowhere' 'up --dir'; do
		# shellcheck disable=SC2086 # words
		! A $words || fail "taken: $words"
	done
}

test_policy_gets_its_values() {
	A policy second --set response_limit=PT2H | grep 'second.json --approved --set response_limit=PT2H' >/dev/null
	! A policy second --set resolve_limit=PT2H || fail "a value that nobody reads was taken"
}

test_logs_are_there() {
	A logs alpha | grep "alpha says: --config $work/a/conf/alpha.conf" >/dev/null
	A logs | grep 'database system is ready' >/dev/null
}

test_kcat_through_the_broker() {
	command -v kcat >/dev/null || { echo "kcat is not installed"; exit 77; }
	local b
	b=$(value "$work/a" AFTERCARE_BROKERS)
	echo 'k:v' | kcat -P -b "$b" -t aftercare.inbound -K :
	[ "$(kcat -C -b "$b" -t aftercare.inbound -e -q -K :)" = k:v ]
	[ "$(kcat -L -b "$b" | grep -c 'topic "aftercare\..*" with 12 partitions')" = 9 ]
}

test_down_stops_exactly_its_own() {
	local mine others pid ports
	mine=$(tree_pids "$work/a") others=$(tree_pids "$work/b") ports=$(cat "$work/a/ports")
	A down
	for pid in $mine; do gone "$pid" || fail "$pid is still there"; done
	for pid in $others; do ! gone "$pid" || fail "$pid of the other stack is gone"; done
	[ "$(A status | awk '{ print $2 }' | sort -u)" = stopped ]
	grep -q '"state": "stopped", "pid": null' < <(A status --json)
	A down # twice is fine
	A up
	[ "$ports" = "$(cat "$work/a/ports")" ] || fail "other ports: $ports and $(cat "$work/a/ports")"
	sql "$work/a" 'select count(*) from only_in_a' || fail "the data is gone"
}

test_failing_up_stops_what_it_started() {
	local said
	mkdir -p "$work/c"
	echo 78 >"$work/c/exit-beta"
	! said=$("$stack" up --dir "$work/c" 2>&1) || fail "a success"
	grep -q 'beta says: --config' <<<"$said" || fail "no log of the daemon that failed: $said"
	nothing_of "$work/c"
	rm "$work/c/exit-beta"
	touch "$work/c/fail-db"
	! said=$("$stack" up --dir "$work/c" 2>&1) || fail "a success"
	grep -q 'said db migrate' <<<"$said" || fail "no word of the failed migration: $said"
	nothing_of "$work/c"
}

test_up_does_not_hold_the_callers_pipe() {
	rm -f "$work/c/fail-db"
	timeout 60 bash -c '"$0" up --dir "$1" 2>&1 | cat >/dev/null' "$stack" "$work/c"
	"$stack" down --dir "$work/c"
}

test_killed_supervisor_leaves_nothing_behind() {
	local old pid
	"$stack" up --dir "$work/c"
	old=$(tree_pids "$work/c")
	kill -KILL "$(supervisor_of "$work/c")"
	"$stack" up --dir "$work/c"
	for pid in $old; do gone "$pid" || fail "$pid of the first run is still there"; done
	"$stack" down --dir "$work/c"
}

test_deep_private_directory_with_a_space() {
	local deep
	deep=$work/private/$(printf 'd%.0s' {1..150})/"a b"
	mkdir -p "$deep"
	chmod 700 "$work/private"
	"$stack" up --dir "$deep"
	sql "$deep" 'select 1'
	"$stack" kill alpha --dir "$deep"
	"$stack" down --dir "$deep"
}

test_ordinary_user() {
	[ "$(id -u)" = 0 ] || { echo "runs as one anyway"; exit 77; }
	local as=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/)
	mkdir "$work/user"
	chown 65534:65534 "$work/user"
	"${as[@]}" "$stack" up --dir "$work/user"
	[ "$("${as[@]}" "$stack" status --dir "$work/user" | awk '$2 == "ready"' | wc -l)" = 4 ]
	"${as[@]}" "$stack" down --dir "$work/user"
}

cleanup() {
	local dir home
	for dir in "$work/a" "$work/b" "$work/c" "$work/user" "$work"/private/*/*; do
		[ -d "$dir" ] || continue
		"$stack" down --dir "$dir" >/dev/null 2>&1
		home=$(cat "$dir/postgres.path" 2>/dev/null) && case $home in /var/tmp/aftercare-postgres.*) rm -rf "$home" ;; esac
		home=$(cat "$dir/postgres.socket" 2>/dev/null) && case $home in /tmp/aftercare-pg.*) rm -rf "$home" ;; esac
	done
	rm -rf "$work"
}

if [ ! -x "$root/build/bin/aftercare-supervisor" ] || [ ! -x "$root/build/bin/aftercare-devbroker" ]; then
	echo "not ok stack: build/bin/aftercare-supervisor or aftercare-devbroker is not built"
	rm -rf "$work"
	exit 1
fi
trap cleanup EXIT
trap 'exit 1' INT TERM
make_tree
if [ $# -gt 0 ]; then
	tests=("$@")
	A up >/dev/null && B up >/dev/null
else
	mapfile -t tests < <(sed -n 's/^test_\([a-z_]*\)() {$/\1/p' "${BASH_SOURCE[0]}")
fi
bad=0
for name in "${tests[@]}"; do
	# Not inside an `if`: there, bash would ignore what fails within.
	(set -e && "test_$name") >"$work/out" 2>&1 </dev/null
	case $? in
	0) echo "ok $name" ;;
	77) echo "skip $name $(tail -n 1 "$work/out")" ;;
	*)
		bad=1
		echo "not ok $name"
		sed 's/^/    /' "$work/out"
		;;
	esac
done
exit $bad
