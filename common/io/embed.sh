#!/bin/sh
# Prints assembler that puts the given files into a program, as embed.h declares them:
#   sh common/io/embed.sh schemas/events/common.json ... > build/embed.S
# Run it, and the assembler, at the root of the tree: the paths are the names by which embed_find knows the files.
# The table holds addresses, so it stands in .data.rel.ro (read-only once a position independent program is loaded);
# everything else is plain .rodata. A zero byte follows each file, for those who want it as a terminated string.
set -eu
LC_ALL=C
export LC_ALL

for file in "$@"; do
	case $file in
	*[!A-Za-z0-9_./@+-]*) echo "embed.sh: $file: a path may hold only letters, digits and _ . / @ + -" >&2; exit 1 ;;
	esac
	[ -f "$file" ] && [ -r "$file" ] || { echo "embed.sh: $file: cannot be read" >&2; exit 1; }
done
# None of these paths holds a blank, so splitting at blanks is safe from here on.
# shellcheck disable=SC2046
[ $# -eq 0 ] || set -- $(printf '%s\n' "$@" | sort -u)

echo '/* Made by common/io/embed.sh; do not edit. */'
echo '	.section .rodata'
i=0
for file in "$@"; do
	printf '.Lpath%d:\n\t.asciz "%s"\n' "$i" "$file"
	printf '\t.balign 16\n.Lbegin%d:\n\t.incbin "%s"\n.Lend%d:\n\t.byte 0\n' "$i" "$file" "$i"
	i=$((i + 1))
done
cat <<END
	.balign 8
	.globl embed_count
	.type embed_count, %object
	.size embed_count, 8
embed_count:
	.quad $#
	.section .data.rel.ro, "aw", %progbits
	.balign 8
	.globl embed_files
	.type embed_files, %object
	.size embed_files, $(($# * 24))
embed_files:
END
i=0
for file in "$@"; do
	printf '\t.quad .Lpath%d, .Lbegin%d, .Lend%d\n' "$i" "$i" "$i"
	i=$((i + 1))
done
echo '	.section .note.GNU-stack, "", %progbits'
