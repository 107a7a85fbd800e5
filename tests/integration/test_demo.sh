#!/bin/bash
# A small demo from end to end: a day in seconds, every plot at least once, a daemon killed at noon. What it counts itself is
# compared with what it told line by line.
# AFTERCARE_TEST_BROKER=devbroker|kafka
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
dir=build/test-stacks/demo
out=$dir.out
failed=0
check() { # name, expected, got
	if [ "$2" = "$3" ]; then echo "ok demo_$1"; else echo "not ok demo_$1: expected $2, got $3"; failed=1; fi
}
mkdir -p build/test-stacks
trap 'deploy/dev/stack down --dir "$dir" >/dev/null 2>&1' EXIT

LANG=C.UTF-8 LC_ALL=C.UTF-8 KEEP="" deploy/dev/demo --built --dir "$dir" --broker "${AFTERCARE_TEST_BROKER:-devbroker}" --requests 60 \
	--rate 4000 --picture "$dir.svg" >"$out" 2>"$dir.err"
rc=$?
check adds_up 0 "$rc"
[ "$rc" = 0 ] || { grep -v "$(printf '\t')" "$out"; cat "$dir.err"; } | sed 's/^/# /'

# lines FACT: how many lines on the pipe tell of it.
lines() { awk -F'\t' -v fact="$1" 'NF == 4 && $3 == fact' "$out" | wc -l; }
# summed LABEL WORD: the number before WORD in the summary's line LABEL.
summed() { sed -n "s/^  $1 .* \([0-9]*\) $2.*/\1/p" "$out"; }
check tells_of_every_ticket "$(summed 'requests sent' tickets)" "$(lines ticket.registered)"
check tells_of_every_closing "$(summed tickets closed)" "$(lines ticket.closed)"
check tells_of_every_refusal "$(summed 'further claims' 'of them')" "$(($(lines refused) - $(summed 'requests sent' refused)))"
# What the stories wait for, on a machine however slow; whether a ticket finds nobody on post depends on its speed.
missing=""
for fact in sla.breached sla.met ticket.incomplete ticket.reopened ticket.cancelled ticket.spare_required \
	ticket.spare_issued task.opened staff.off_post warranty_card.issued killed back; do
	[ "$(lines "$fact")" -gt 0 ] || missing+=" $fact"
done
check shows_what_happens_in_a_day "" "$missing"
check watches_a_project 1 "$(awk -F'\t' '$2 == "-" && $3 == "sla.breached" && $4 ~ /P-601/' "$out" | wc -l)"
check makes_a_picture 1 "$(python3 -c 'import sys, xml.dom.minidom as x; print(len(x.parse(sys.argv[1]).getElementsByTagName("svg")))' "$dir.svg" 2>&1 | tail -n 1)"
deploy/dev/stack status --dir "$dir" >/dev/null 2>&1
check leaves_nothing_running 3 "$?"
exit "$failed"
