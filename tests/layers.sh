#!/bin/bash
# The shape of the house, checked on what the compiler has written: includes point down only, decisions are pure.
#
#   layers.sh OBJDIR      objects and .d files of a plain build, for example build/obj
#
# Prints `ok layers NAME` or `not ok layers NAME` with what was found; exit status 1 when anything is not ok.
set -uo pipefail

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
	echo "usage: layers.sh OBJDIR" >&2
	exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
obj=$1
bad=0

verdict() {
	if [ -z "$2" ]; then
		echo "ok layers $1"
	else
		bad=1
		echo "not ok layers $1"
		printf '%s\n' "$2" | sed 's/^/    /'
	fi
}

# sources DIRECTORY: the .d files below it whose source is still there.
sources() {
	local d source
	find "$obj/$1" -name '*.d' 2>/dev/null | sort | while read -r d; do
		source=${d#"$obj"/}
		[ ! -e "${source%.d}.c" ] || echo "$d"
	done
}

# includes DFILE: what the object was made from, one a line, without the object itself.
includes() { sed '/^$/q' "$1" | tr -s ' \\' '\n' | grep -v ':$' | grep . ; }

# The headers of the C library and the kernel, by package; a library's header lies among them in /usr/include.
libc=$(dpkg -L libc6-dev linux-libc-dev 2>/dev/null | grep '^/usr/include/.*\.h$')
[ -n "$libc" ] || { echo "not ok layers: dpkg does not tell the headers of libc6-dev"; exit 1; }

# not_allowed DIRECTORY PATTERN [libc]: lines "source includes header" of what the pattern does not cover. System headers are
# free, but for `libc`: then only those of the C library and the compiler.
not_allowed() {
	local d header
	sources "$1" | while read -r d; do
		includes "$d" | while read -r header; do
			case $header in
			/usr/lib/gcc/*) continue ;;
			/*)
				[ "${3:-}" = libc ] || continue
				[[ $'\n'$libc$'\n' == *$'\n'$header$'\n'* ]] && continue
				;;
			*) [[ $header =~ $2 ]] && continue ;;
			esac
			echo "${d#"$obj"/} includes $header" | sed 's/\.d includes/.c includes/'
		done
	done
}

verdict 'common/base includes the C library and itself only' "$(not_allowed common/base '^common/base/' libc)"
verdict 'common/io includes common/base and itself' "$(not_allowed common/io '^common/(base|io)/')"
verdict 'common/worker includes common/base, common/io and itself' "$(not_allowed common/worker '^common/(base|io|worker)/')"
for service in services/*/; do
	service=${service%/}
	[ -n "$(sources "$service")" ] || continue
	verdict "$service includes itself and common" "$(not_allowed "$service" "^(common/(base|io|worker)|$service)/")"
done

# ---- purity ----

# What a decision may ask of the C library: memory, strings, formatting, sorting. No clock, no file, no environment.
allowed='^(malloc|calloc|realloc|free|abort|mem(cpy|move|set|cmp|chr|rchr|mem)|str(len|nlen|cmp|ncmp|chr|rchr|str|spn|cspn|pbrk|tol|toul|toll|toull|tod|casecmp|ncasecmp)|v?snprintf|qsort|qsort_r|bsearch|__(mem|str|v?snprintf)[a-z]*_chk|__stack_chk_fail|__assert_fail|__ctype_b_loc|_GLOBAL_OFFSET_TABLE_|__isoc99_strto.*)$'

declare -A home needs
for object in "$obj"/common/base/*.o "$obj"/services/*/*_decide*.o; do
	[ -e "$object" ] || continue
	source=${object#"$obj"/}
	[ -e "${source%.o}.c" ] || continue
	needs[$object]=$(nm -u "$object" | awk '{ print $2 }')
	while read -r symbol; do
		home[$symbol]+="$object "
	done < <(nm --defined-only -g "$object" | awk '{ print $3 }')
done

# impurities OBJECT: follows its symbols through common/base and the decide objects of the same folder.
impurities() {
	local start=$1 folder symbol at object target
	local -A seen=()
	local -a queue=("$1")
	folder=$(dirname "$1")
	seen[$1]=1
	while [ ${#queue[@]} -gt 0 ]; do
		object=${queue[0]}
		queue=("${queue[@]:1}")
		for symbol in ${needs[$object]:-}; do
			[[ $symbol =~ $allowed ]] && continue
			target=""
			for at in ${home[$symbol]:-}; do
				case $(dirname "$at") in "$folder" | "$obj/common/base") target=$at ;; esac
			done
			if [ -z "$target" ]; then
				echo "${start#"$obj"/} needs $symbol$([ "$object" = "$start" ] || echo " through ${object#"$obj"/}")"
			elif [ -z "${seen[$target]:-}" ]; then
				seen[$target]=1
				queue+=("$target")
			fi
		done
	done
}

decides=0
for object in "$obj"/services/*/*_decide*.o; do
	[ -n "${needs[$object]+there}" ] || continue
	decides=$((decides + 1))
	verdict "${object#"$obj"/} is pure" "$(impurities "$object")"
done
[ $decides -gt 0 ] || verdict 'decisions' "there is no services/*/*_decide*.o in $obj"
exit $bad
