#!/bin/bash
# make bench: speed and size on this machine, on real Kafka (BROKER=devbroker for a quick look), printed, never judged by a test.
#
# Three runs of each part: min / median / max. Every run is checked: nothing lost, nothing doubled.
#   intake     requests waiting in the topic -> ticket row, outbox, published; one process, the other daemons stopped
#   lifecycle  register, assign, contact, resolve, confirm, close, survey through all daemons
#   latency    request published -> ticket.assigned readable, at 30 % of the lifecycle rate
# POISON=PERCENT does this instead: intake with so much poison among its requests and without, in turn, for each kind (POISONS):
#   torn, schema, nul, large   refused before the transaction: no JSON, not the schema, not to be stored, one byte over the limit
#   unknown                    refused by intake's decision: there is no such ticket
#   database                   refused by the database alone, by a constraint that this script makes: a defect of ours, played
# BROKER, RUNS, EVENTS, TICKETS, IN_FLIGHT, DIR, SKIP_INTAKE, SKIP_LIFECYCLE: see the next lines.
set -euo pipefail
cd "$(dirname "$0")/../.."
broker=${BROKER:-kafka} runs=${RUNS:-3} events=${EVENTS:-$([ -n "${POISON:-}" ] && echo 200000 || echo 1800000)} tickets=${TICKETS:-12000} in_flight=${IN_FLIGHT:-4000}
poison=${POISON:-} poisons=${POISONS:-torn schema nul large unknown database}
dir=${DIR:-build/bench} stack="deploy/dev/stack --dir $dir" load=build/tests/load
make -j"$(nproc)" all build/tests/load >/dev/null || exit 1

cleanup() { $stack down >/dev/null 2>&1 || true; }
trap cleanup EXIT
trap 'exit 130' INT TERM

sql() { psql -AtXq "$AFTERCARE_DATABASE" -c "$1"; }
pid_of() { $stack status --json | tr '{' '\n' | sed -n "s/.*\"name\": *\"$1\".*\"pid\": *\([0-9]*\).*/\1/p"; }
daemons() { $stack status --json | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | grep -vxE 'postgres|broker'; }
# A daemon in the middle of long work may answer late, or not this time.
metric() {
	local value="" tries
	for tries in 1 2 3 4 5 6 7 8 9 10; do
		value=$(curl -s "$1" | sed -n "s/^$2{.*} //p") && [ -n "$value" ] && break
		read -rt 0.5 <> <(:) || true
	done
	echo "${value:-0}"
}
# CPU seconds of a process / of a process and all its children.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"; }
cpu_family() {
	local pid total=0
	for pid in $1 $(pgrep -P "$1"); do total=$(awk -v a="$total" -v b="$(cpu "$pid" 2>/dev/null || echo 0)" 'BEGIN { print a + b }'); done
	echo "$total"
}
resident() { awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }
calc() { awk "BEGIN { printf \"%.$1f\", $2 }"; }
spread() { sort -g | awk '{ v[NR] = $1 } END { printf "%s / %s / %s", v[1], v[int((NR + 1) / 2)], v[NR] }'; }
die() { echo "bench: $*" >&2; exit 1; }

fresh() {
	cleanup
	rm -rf "$dir"
	mkdir -p "$dir/conf"
	echo 'shared_buffers = 1GB' >"$dir/conf/postgres.local"
	$stack up --broker "$broker" >/dev/null
	set -a
	eval "$($stack env | sed "s/=\(.*\)/='\1'/")"
	set +a
}

# Starts intake on what `load fill` left in the topic, waits until all is published; sets pid, seconds, rate and the CPU seconds
# per 100,000: cpu_daemon, cpu_postgres, cpu_broker.
drain() {
	$stack start intake >/dev/null || die "intake does not become ready: see $dir/log"
	local postgres broker_pid c0 p0 b0 t0 t1 first done_events
	pid=$(pid_of intake) postgres=$(pid_of postgres) broker_pid=$(pid_of broker)
	c0=$(cpu "$pid") p0=$(cpu_family "$postgres") b0=$(cpu "$broker_pid") t0=$(date +%s.%N)
	first=$(metric "$AFTERCARE_METRICS_INTAKE" aftercare_events_total)
	while [ "$(metric "$AFTERCARE_METRICS_INTAKE" aftercare_published_total)" -lt $((unique + invalid + poisoned)) ]; do
		[ "$(calc 0 "$(date +%s) - ${t0%.*}")" -lt 600 ] || die "intake did not finish within 10 minutes"
		read -rt 0.5 <> <(:) || true
	done
	t1=$(date +%s.%N)
	done_events=$((sent - first))
	[ "$done_events" -gt 0 ] || die "$sent events were done before they could be timed: more EVENTS"
	seconds=$(calc 2 "$t1 - $t0") rate=$(calc 0 "$done_events / ($t1 - $t0)")
	cpu_daemon=$(calc 2 "($(cpu "$pid") - $c0) / $done_events * 100000")
	cpu_postgres=$(calc 2 "($(cpu_family "$postgres") - $p0) / $done_events * 100000")
	cpu_broker=$(calc 2 "($(cpu "$broker_pid") - $b0) / $done_events * 100000")
}

expect_rows() {
	local rows=$(sql 'select count(*) from intake.ticket') dead=$(sql 'select count(*) from intake.dead_letter')
	[ "$rows" = "$unique" ] || die "intake: $rows tickets, $unique different requests"
	[ "$dead" = $((invalid + poisoned)) ] || die "intake: $dead dead letters, $((invalid + poisoned)) that cannot be accepted"
}

bench_intake() {
	fresh
	for service in $(daemons); do $stack stop "$service" >/dev/null; done
	eval "$($load fill "$events")"
	drain
	echo "$rate" >>"$out.rate"
	echo "$cpu_daemon $cpu_postgres $cpu_broker" >>"$out.cpu"
	resident "$pid" >>"$out.rss"; echo >>"$out.rss"
	expect_rows
	eval "$($load count ticket.registered)"
	[ "$facts_different" = "$unique" ] || die "intake: $facts_different different registrations in the log, $unique requests"
	echo "  intake     $rate events/s over $seconds s; $unique tickets, $facts facts, $invalid dead letters: nothing lost or doubled"
}

# One run on the stack that stands, with tables as empty as in the run before.
poison_run() { # KIND: none or one of POISONS
	local kind=$1 wanted
	sql 'truncate intake.ticket, intake.claim, intake.outbox, intake.dead_letter' && sql checkpoint
	if [ "$kind" = none ]; then eval "$($load fill "$events")"; else eval "$($load fill "$events" "$poison" "$kind")"; fi
	drain
	expect_rows
	wanted=$(sql "select count(*) from intake.dead_letter where reason <> 'json_invalid'")
	case $kind in none | torn | nul) wanted=$((wanted + poisoned)) ;; esac
	[ "$wanted" = "$poisoned" ] || die "$kind: $wanted other dead letters, $poisoned of poison"
	$stack stop intake >/dev/null
	echo "$rate $cpu_daemon $cpu_postgres" >>"$out.$2"
	printf '  %-10s %6s events/s, CPU s per 100,000: daemon %s, PostgreSQL %s; %s poisoned, %s dead letters\n' "$kind" "$rate" \
		"$cpu_daemon" "$cpu_postgres" "$poisoned" $((poisoned + invalid))
}

bench_poison() {
	local kind round
	fresh
	for service in $(daemons); do $stack stop "$service" >/dev/null; done
	sql "alter table intake.ticket add check (customer <> 'refused')"
	poison_run none warm
	for kind in $poisons; do
		for round in $(seq 1 "$runs"); do
			poison_run none "none.$kind"
			poison_run "$kind" "$kind"
		done
	done
}

column() { cut -d' ' -f"$2" "$out.$1" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
poison_report() {
	local kind
	printf '\nmedians of %s runs each       events/s            CPU s per 100,000, daemon + PostgreSQL\n' "$runs"
	echo "$poison % of poison            without    with  loss  without                with  more"
	for kind in $poisons; do
		awk -v kind="$kind" -v r0="$(column "none.$kind" 1)" -v r1="$(column "$kind" 1)" -v d0="$(column "none.$kind" 2)" \
			-v d1="$(column "$kind" 2)" -v p0="$(column "none.$kind" 3)" -v p1="$(column "$kind" 3)" 'BEGIN {
			printf "  %-24s %9d %7d %4.0f%%  %.2f + %.2f = %.2f   %.2f + %.2f = %.2f  %.0f%%\n", kind, r0, r1, (1 - r1 / r0) * 100,
				d0, p0, d0 + p0, d1, p1, d1 + p1, ((d1 + p1) / (d0 + p0) - 1) * 100 }'
	done
}

staff() {
	local i now
	now=$(date -u +%FT%TZ)
	for i in $(seq 1 20); do
		printf '{"id":"B%03d","name":"工程师 %d","role":"engineer","skills":[{"product":"*","fault_type":"*","level":3}]}' "$i" "$i" |
			kcat -P -b "$AFTERCARE_BROKERS" -t aftercare.directory -k "$(printf 'staff:B%03d' "$i")" -H ce_specversion=1.0 -H "ce_id=bench-staff-$i" \
				-H ce_source=bench -H ce_type=aftercare.staff.upserted.v1 -H "ce_time=$now" -X topic.partitioner=murmur2_random
	done
	printf '{"id":"B900","name":"客服","role":"csr"}' |
		kcat -P -b "$AFTERCARE_BROKERS" -t aftercare.directory -k staff:B900 -H ce_specversion=1.0 -H ce_id=bench-staff-900 -H ce_source=bench \
			-H ce_type=aftercare.staff.upserted.v1 -H "ce_time=$now" -X topic.partitioner=murmur2_random
	until [ "$(sql "select count(*) from directory.entity where kind = 'staff'")" = 21 ]; do read -rt 0.1 <> <(:) || true; done
}

bench_lifecycle() {
	fresh
	staff
	$load lifecycle 500 100 >/dev/null || die "lifecycle: the warm-up did not finish"
	local result
	result=$($load lifecycle "$tickets" "$in_flight") || die "lifecycle: not everything came to its end: $result"
	eval "$result"
	echo "$lifecycle_rate" >>"$out.lifecycle"
	local closed=$(sql "select count(*) from routing.ticket where state = 'closed'")
	[ "$closed" = $((tickets + 500)) ] || die "lifecycle: $closed tickets closed, $((tickets + 500)) sent"
	for service in $(daemons); do
		printf '%s %s\n' "$service" "$(resident "$(pid_of "$service")")" >>"$out.memory"
	done
	echo "  lifecycle  $lifecycle_rate tickets/s ($lifecycle_claims claims); $closed closed: nothing lost or doubled"
	local rate=$(calc 0 "$lifecycle_rate * 0.3")
	result=$($load latency "$rate" 20) || die "latency: $result"
	eval "$result"
	echo "$latency_p50_ms" >>"$out.p50"
	echo "$latency_p99_ms" >>"$out.p99"
	echo "  latency    at $rate requests/s: p50 $latency_p50_ms ms, p99 $latency_p99_ms ms, max $latency_max_ms ms"
}

out=$(mktemp -d)/bench
echo "machine    $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(. /etc/os-release && echo "$PRETTY_NAME")"
echo "versions   $(gcc -dumpfullversion) gcc, librdkafka $(pkg-config --modversion rdkafka), PostgreSQL $(psql --version | sed 's/.*) \([0-9.]*\).*/\1/'), broker $broker ${KAFKA_VERSION:-}"
echo "commit     $(git describe --always --dirty 2>/dev/null || echo unknown)"
if [ -n "$poison" ]; then
	bench_poison
	poison_report
	exit
fi
for run in $(seq 1 "$runs"); do
	echo "run $run of $runs"
	[ -n "${SKIP_INTAKE:-}" ] || bench_intake
	[ -n "${SKIP_LIFECYCLE:-}" ] || bench_lifecycle
done
echo
echo "                                          min / median / max of $runs runs"
if [ -z "${SKIP_INTAKE:-}" ]; then
	echo "intake, events/s                          $(spread <"$out.rate")"
	echo "  CPU s per 100,000: daemon               $(cut -d' ' -f1 "$out.cpu" | spread)"
	echo "                     PostgreSQL           $(cut -d' ' -f2 "$out.cpu" | spread)"
	echo "                     broker               $(cut -d' ' -f3 "$out.cpu" | spread)"
	echo "  resident, MB                            $(spread <"$out.rss")"
fi
if [ -z "${SKIP_LIFECYCLE:-}" ]; then
	echo "full lifecycle, tickets/s                 $(spread <"$out.lifecycle")"
	echo "request -> assigned at 30 %, p50 ms       $(spread <"$out.p50")"
	echo "                             p99 ms       $(spread <"$out.p99")"
	for service in $(cut -d' ' -f1 "$out.memory" | sort -u); do
		printf '  resident, MB: %-26s  %s\n' "$service" "$(sed -n "s/^$service //p" "$out.memory" | spread)"
	done
fi
