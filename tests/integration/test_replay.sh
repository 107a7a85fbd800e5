#!/bin/bash
# A real help desk's log, replayed whole: every case one ticket; closed, never closed and reopened as the log says; the sum of
# times to resolve as an independent calculation from the file says. The data is not part of the project: skipped without it.
# AFTERCARE_TEST_BROKER=devbroker|kafka, AFTERCARE_REPLAY_DATA=FILE.csv[.gz]
set -uo pipefail
cd "$(dirname "$0")/../.."
data=${AFTERCARE_REPLAY_DATA:-../shared/data/helpdesk-italian.csv.gz}
broker=${AFTERCARE_TEST_BROKER:-kafka}
names="each_case_is_one_ticket closed_as_the_log_says never_closed_as_the_log_says reopened_as_the_log_says times_to_resolve_add_up
nothing_was_refused a_second_replay_changes_nothing"
if [ ! -f "$data" ]; then
	for name in $names; do echo "skip replay_$name the data is not here ($data)"; done
	exit 0
fi
dir=build/test-stacks/replay
bin=${AFTERCARE_BIN:-build/bin}
failed=0
stack() { deploy/dev/stack --dir "$dir" "$@"; }
check() { # name, expected, got
	if [ "$2" = "$3" ]; then echo "ok replay_$1"; else echo "not ok replay_$1: the log says $2, the system $3"; failed=1; fi
}
mkdir -p build/test-stacks
stack down >/dev/null 2>&1
rm -rf "$dir"
trap 'stack down >/dev/null 2>&1' EXIT
if ! stack up --broker "$broker" --policy deploy/policies/helpdesk-replay.json >"$dir.log" 2>&1; then
	cat "$dir.log"
	for name in $names; do echo "not ok replay_$name: the stack did not start"; done
	exit 1
fi
set -a
eval "$(stack env | sed "s/=\(.*\)/='\1'/")"
set +a
sql() { psql -AtXq "$AFTERCARE_DATABASE" -c "$1"; }

# All that was published has been read by whoever reads it.
log_end() {
	kcat -Q -b "$AFTERCARE_BROKERS" $(for lane in $(seq 0 11); do printf -- '-t aftercare.tickets:%d:-1 ' "$lane"; done) 2>/dev/null |
		awk '{ n += $NF } END { print n + 0 }'
}
settle() {
	local deadline=$((SECONDS + 240))
	while [ "$SECONDS" -lt "$deadline" ]; do
		[ "$(sql "select sum(next_offset) from intake.source where topic = 'aftercare.staff'")" = "$1" ] &&
			[ "$(sql "select sum(next_offset) from routing.source where topic = 'aftercare.tickets'")" = "$(log_end)" ] &&
			[ "$(sql "select sum(next_offset) from sla.source where topic = 'aftercare.tickets'")" = "$(log_end)" ] && return 0
		read -rt 0.5 <> <(:)
	done
	echo "# did not settle within 240 s"
	return 1
}

# The independent calculation: repeats dropped, each case in the order of time (the file has it so), nothing but awk.
independent() {
	gzip -dcf "$data" | awk -F, '
		function seconds(text,   d, y, m, days) { # of 2012/10/09 14:50:17.000, Gregorian
			split(text, d, /[\/ :]/); y = d[1]; m = d[2]
			if (m <= 2) { y--; m += 12 }
			days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d[3]
			return days * 86400 + d[4] * 3600 + d[5] * 60 + d[6]
		}
		NR == 1 || seen[$0]++ { next }
		{
			at = seconds($4)
			if (!($1 in first)) { first[$1] = at; cases++ }
			if ($2 == "Resolve ticket" && !($1 in resolved)) { resolved[$1] = at; sum += at - first[$1] }
			if ($2 == "Closed") { if (closed[$1]) reopened++; closed[$1] = 1; ever[$1] = 1 }
			if ($2 == "Take in charge ticket" && closed[$1]) { reopened++; closed[$1] = 0 }
		}
		END {
			for (c in ever) n++
			for (c in closed) k += closed[c]
			printf "cases=%d\never=%d\nclosed=%d\nnever=%d\nreopened=%d\nsum=%d\n", cases, n, k, cases - n, reopened, sum
		}'
}
eval "$(independent)"

replayed=$("$bin/aftercarectl" --config "$dir/conf/ctl.conf" replay "$data" --map deploy/replay/helpdesk-italian.json) || failed=1
claims=$(echo "$replayed" | sed -n 's/.* as \([0-9]*\) claims$/\1/p')
settle $((claims - cases))

check each_case_is_one_ticket "$cases" "$(sql 'select count(*) from routing.ticket')"
check closed_as_the_log_says "$closed" "$(sql "select count(*) from routing.ticket where state = 'closed'")"
facts=$(kcat -C -e -q -b "$AFTERCARE_BROKERS" -t aftercare.tickets -f '%k %h\n' |
	sed -n 's/^\([^ ]*\) .*ce_type=aftercare\.\(ticket\.[a-z_]*\)\.v1.*ce_time=\([^,]*\).*/\1 \2 \3/p')
check never_closed_as_the_log_says "$never" "$(echo "$facts" | awk '$2 == "ticket.registered" { t[$1] } $2 == "ticket.closed" { c[$1] }
	END { for (k in t) n += !(k in c); print n + 0 }')"
check reopened_as_the_log_says "$reopened" "$(echo "$facts" | grep -c ' ticket.reopened ')"
check times_to_resolve_add_up "$sum" "$(echo "$facts" | awk '
	function seconds(text,   d) { split(text, d, /[-T:.Z]/); return days(d[1], d[2], d[3]) * 86400 + d[4] * 3600 + d[5] * 60 + d[6] }
	function days(y, m, d) { if (m <= 2) { y--; m += 12 } return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d }
	$2 == "ticket.registered" { first[$1] = seconds($3) }
	$2 == "ticket.resolved" && !done[$1]++ { sum += seconds($3) - first[$1] }
	END { printf "%d\n", sum }')"
refused=$(sql "select count(*) from (select reason from intake.dead_letter union all select reason from routing.dead_letter) d")
check nothing_was_refused 0 "$refused"
[ "$refused" = 0 ] || sql "select reason, detail, event_type, count(*) from routing.dead_letter group by 1, 2, 3 order by 4 desc limit 10" | sed 's/^/# /'

before=$(sql 'select count(*), sum(revision) from routing.ticket')
"$bin/aftercarectl" --config "$dir/conf/ctl.conf" replay "$data" --map deploy/replay/helpdesk-italian.json >/dev/null 2>&1
settle $((2 * (claims - cases)))
check a_second_replay_changes_nothing "$before" "$(sql 'select count(*), sum(revision) from routing.ticket')"
exit $failed
