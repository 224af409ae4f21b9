# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Completion of holdfast(1) in bash. What it offers, the tool says itself: commands and options are
# those of its help.

_holdfast_commands()
{
	holdfast --help 2>/dev/null | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p'
}

_holdfast_options()
{
	holdfast "$1" --help 2>/dev/null | grep -oE -- '(^|[ ,])--[a-z][a-z-]+' | tr -d ' ,' | sort -u
}

_holdfast_mountpoints()
{
	local mountpoint type rest

	while read -r _ mountpoint type rest; do
		[[ $type != xfs && $type != ext4 ]] || echo "$mountpoint"
	done </proc/mounts
}

_holdfast()
{
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_commands) --help --version" -- "$word")
		return
	fi
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_options "$command")" -- "$word")
		return
	fi
	case $command in
	drain)
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_mountpoints)" -- "$word")
		;;
	policy)
		if ((COMP_CWORD == 2)); then
			mapfile -t COMPREPLY < <(compgen -W "allow apply cap forbid" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_mountpoints)" -- "$word")
		fi
		;;
	help)
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_commands)" -- "$word")
		;;
	esac
}

complete -o default -F _holdfast holdfast
