#!/bin/bash
# That `make mutate` speaks of the code as it stands: it takes long and is not part of make check, so what it rests on is.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rules=tests/mutate/rules.txt
grep -v '^#\|^$' $rules | sort >"$work/rows"
cut -d ' ' -f 1 "$work/rows" >"$work/rules"
{
	grep -rhoE 'RULE\("[a-z0-9-]+"\)' common services --include='*.c' | sed 's/.*"\(.*\)".*/\1/'
	sed -n 's,^-- edit: \([^/]*\)/.*,\1,p' tests/mutate/edits.sql
} | sort -u >"$work/switches"
awk '/^[A-Z]/ { print $3 == "" ? $1 : $3 }' tests/model/rules.txt | sort >"$work/model"

# verdict NAME: fails when anything is said on stdin.
verdict() {
	local said
	said=$(cat)
	if [ -z "$said" ]; then echo "ok $1"; else printf 'not ok %s\n%s\n' "$1" "$said"; fi
}

tests/mutate/make-rules common/*/*.sql services/*/*.sql tests/mutate/edits.sql 2>&1 >"$work/rules.sql" |
	verdict "each edit fits the product's statements"
# A statement that is as it was would be no mutant.
for edit in $(sed -n 's/^-- name: \(.*\/.*\)/\1/p' "$work/rules.sql"); do
	awk -v name="$edit" '/^-- name: / { on = $3 == name; next } on && !/^--/' "$work/rules.sql" | tr -s ' \n' ' ' >"$work/mutant"
	awk -v name="${edit#*/}" '/^-- name: / { on = $3 == name; next } on && !/^--/' common/*/*.sql services/*/*.sql | tr -s ' \n' ' ' |
		cmp -s - "$work/mutant" && echo "$edit is as the product's"
done | verdict "each edit changes its statement"
comm -13 "$work/switches" "$work/rules" | sed "s,\$,: neither RULE() nor an edit takes it out," | verdict "each rule can be taken out"
comm -23 "$work/switches" "$work/rules" | sed "s,\$,: not in $rules," | verdict "each switch is tried"
comm -23 "$work/model" "$work/rules" | sed "s,\$,: in tests/model/rules.txt\, not in $rules," | verdict "each rule of the model is tried"
uniq -d "$work/rules" | sed 's,$,: twice,' | verdict "no rule stands twice"
while read -r rule program test; do
	source=tests/integration/$program.c
	[ -e "$source" ] || source=tests/scenarios/$program.c
	[ "$test" = survives ] || grep -qsw "static void $test" "$source" || echo "$rule: no $test in $source"
done <"$work/rows" | verdict "each test is there"
