#!/bin/bash
# Checks the model of the exactly-once protocol: as it is under every kind of fault, then with each rule broken in turn.
#
#   run.sh             everything in table.txt; exit status 1 when a line is not as expected
#   run.sh --short     the lines marked *, for make check: prints `ok NAME`, `not ok NAME`, `skip NAME reason`
#   run.sh TEXT        the lines whose name or rule contains TEXT
#   run.sh -v TEXT     and each counterexample in words
#
# JOBS=n: so many searches at once (default: processors); each may use 2 GB.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
short=no words=no text=""
for argument; do
	case $argument in
	--short) short=yes ;;
	-v) words=yes ;;
	-*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	*) text=$argument ;;
	esac
done

why=""
for program in spin gcc; do command -v $program >/dev/null || why="$program is not installed (deploy/install-packages model)"; done
if [ -n "$why" ]; then
	echo "skip model $why"
	[ $short = yes ] && exit 0 || exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 2
export here words short

number() { awk -v name="$1" '/^[A-Z]/ { n++; if ($1 == name) print n }' "$here/rules.txt"; }

# compile NAME FLAGS...: one checker for all lines; settings come from the environment.
compile() {
	local name=$1
	shift
	gcc -O1 -w -DNOREDUCE -DCOLLAPSE -DMEMLIM=2000 "$@" -o "$name" pan.c
}

# search DEPTH LOG: leaves a trail where a property breaks.
search() {
	if [ "$want" = ends ]; then
		"$work/endless" -n -l -m"$1" >"$2" 2>&1
	else
		"$work/safety" -n -m"$1" >"$2" 2>&1
	fi
}

# found LOG: holds, ends, I<n>, or what went wrong with the search itself.
found() {
	local invariant
	if compgen -G '*.trail' >/dev/null; then
		invariant=$(sed -n 's/^pan:[0-9]*: assertion violated.*||(\([0-9]\)==0).*/I\1/p' "$1" | head -n 1)
		if [ -z "$invariant" ] && grep -q 'non-progress cycle' "$1"; then invariant=endless; fi
		echo "${invariant:-$(grep -m 1 '^pan:' "$1")}"
	elif grep -q 'errors: 0' "$1" && ! grep -q -i 'out of memory\|depth too small\|memory exceeds' "$1"; then
		[ "$want" = ends ] && echo ends || echo holds
	else
		echo unfinished
	fi
}

# one LINE: a row of the table.
one() {
	local line=$1 name rule settings got begin log states mark=' '
	IFS='|' read -r name rule want settings <<<"${line#\*}"
	export inputs=3 poison=1 lanes=2 workers=1 batch=1 timers=1 second_lock=0 BROKEN=0 BROKEN_TOO=0
	[ "$rule" != - ] && [ "$rule" != "" ] || export second_lock=1
	[ "$settings" = - ] || export ${settings?}
	if [ "$rule" != - ]; then
		BROKEN=$(number "${rule%+*}")
		[[ $rule != *+* ]] || BROKEN_TOO=$(number "${rule#*+}")
		if [ -z "$BROKEN" ] || [ -z "$BROKEN_TOO" ]; then
			echo "! $name: rules.txt has no $rule"
			return 1
		fi
	fi
	log=$(mktemp -d "$work/line.XXXXXX")
	cd "$log" || return 1
	begin=$(date +%s%N)
	# What is to break breaks soon, and a short story is easier to read; only a full search can say that nothing breaks.
	case $want in I*) search 60 out ;; esac
	compgen -G '*.trail' >/dev/null || search 1000000 out
	got=$(found out)
	[ "$got" = "$want" ] || mark='!'
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out | head -n 1)
	if [ $short = yes ]; then
		[ "$mark" = ' ' ] && echo "ok model/$name" || printf 'not ok model/%s\n    %s: expected %s, found %s\n' "$name" "$rule" "$want" "$got"
	else
		printf '%s %-40s %-26s %-8s %-8s %9s %7s\n' "$mark" "$name" "$rule" "$want" "$got" "${states:-?}" \
			$((($(date +%s%N) - begin) / 100000000)) | sed 's/\(.\)$/.\1/; s/ \./0./'
	fi
	if [ $words = yes ] && compgen -G '*.trail' >/dev/null; then
		"$work/safety" -r ./*.trail 2>&1 | sed -n 's/^ *//; /^\(worker\|database\|reader\|broker\|group\|operator\|time\|from\)/s/^/      /p'
	fi
	rm -rf "$log"
	[ "$mark" = ' ' ]
}
export -f number search found one
export work

cp "$here"/*.pml .
awk '/^[A-Z]/ { print "#define", $1, ++n }' "$here/rules.txt" >rules.pml
if ! { spin -a exactly_once.pml && compile safety -DSAFETY && { [ $short = yes ] || compile endless -DNP; }; } >build.log 2>&1; then
	echo "not ok model: the checker cannot be built"
	sed 's/^/    /' build.log
	exit 1
fi

chosen() {
	if [ $short = yes ]; then grep '^\*' "$here/table.txt"; else grep -v '^#\|^$' "$here/table.txt"; fi | grep -F -i -- "$text"
}
missing=$(awk '/^[A-Z]/ { print $1 }' "$here/rules.txt" | while read -r rule; do grep -q "|\(.*+\)\?$rule\(+.*\)\?|" "$here/table.txt" || echo "$rule"; done)
if [ -n "$missing" ]; then
	echo "not ok model: no line of table.txt breaks" $missing
	exit 1
fi
[ $short = yes ] || printf '  %-40s %-26s %-8s %-8s %9s %7s\n' line "rule broken" expected found states seconds
# shellcheck disable=SC2016 # for the inner bash
chosen | tr '\n' '\0' | xargs -0 -P "${JOBS:-$(nproc)}" -I '{}' bash -c 'one "$1" || touch "$work/wrong"' bash '{}'
if [ -e wrong ]; then
	[ $short = yes ] || echo "NOT as expected: the lines marked !"
	exit 1
fi
[ $short = yes ] || echo "all as expected"
