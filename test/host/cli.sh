#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# holdfast(1) as far as it goes without a module: usage, and the list of a saved report.

# shellcheck source-path=SCRIPTDIR disable=SC2016,SC2317	# perl's variables; functions by name
. "$(dirname "$0")/../tap.sh"

holdfast=$BUILD/bin/holdfast
report=$scratch/report
head='id kind state backing pid uid comm major minor ino offset length pinned age_ms break_ms'
head+=' deadline_ms op change_pid change_comm change_offset change_length pinners path'

# A file of our own, so that there is one to be filtered by.
file=$scratch/file
truncate -s 5000 "$file"
read -r device inode < <(stat -c '%Hd\ %Ld %i' "$file" | sed 's/\\ /:/')

{
	echo "$head"
	printf '%s\n' "7 breakable active dax 812 0 my\\040app ${device/:/ } $inode 0 1073741824 4096 \
185000 45000 - - - - - - 812,813 $file"
	echo "8 exclusive breaking dax 0 0 - 511 77 9 4096 8192 0 5000 45000 -3000 truncate 99 dd" \
		"4096 - - -"
} >"$report"
{
	cat "$report"
	echo torn
	sed -n 's/^7 /9 /p' "$report"
} >"$scratch/torn"
echo "$head" >"$scratch/empty"

gives "no command" 2 'usage: holdfast COMMAND*' "$holdfast"
gives "--version" 0 "holdfast $(cat VERSION)" "$holdfast" --version
gives "--help" 0 'usage: holdfast COMMAND*lease*ls*' "$holdfast" --help
gives "help" 0 'usage: holdfast COMMAND*' "$holdfast" help
gives "help ls" 0 'usage: holdfast ls *' "$holdfast" help ls
gives "help lease" 0 'usage: holdfast lease *' "$holdfast" help lease
gives "help lss" 2 "holdfast: lss: no such command; did you mean 'ls'?*" "$holdfast" help lss
gives "help ls lease" 2 '*one command at a time*' "$holdfast" help ls lease
gives "a wrong command" 2 '*did you mean*lease*' "$holdfast" leese
gives "a command like none" 2 'holdfast: frobnicate: no such command?Try*' "$holdfast" frobnicate
gives "a wrong option" 2 'holdfast: --foo: no such option*' "$holdfast" --foo
gives "ls: a wrong option" 2 'holdfast: -q: no such option*help ls*' "$holdfast" ls -q
gives "ls: a wrong long option" 2 'holdfast: --foo: no such option*' "$holdfast" ls --foo
gives "ls: a value too many" 2 'holdfast: --json=3: takes no value*' "$holdfast" ls --json=3
gives "ls: a value too few" 2 'holdfast: --report: needs a value*' "$holdfast" ls --report

gives "ls: an empty table is empty" 0 '' "$holdfast" ls --report "$scratch/empty"
gives "ls: and so is an empty list" 0 '{"leases": \[*\]}' "$holdfast" ls -J --report "$scratch/empty"
gives "ls: the table" 0 "ID *PID *COMMAND *USER *KIND *STATE *RANGE *SIZE *PINNED *AGE *CHANGE *FILE*
*7 *812 *my app *root *breakable *active *0-1G *1G *4K *3m05s *- *$file
*8 *- *- *root *exclusive *breaking *4K-12K *8K *0B *5s *truncate by dd (99), 3s over *-" \
	"$holdfast" ls --report "$report"
gives "ls --bytes" 0 '*0-1073741824 *1073741824 *4096 *3m05s*4096-12288 *8192 *0 *' \
	"$holdfast" ls --bytes --report "$report"
gives "ls --output" 0 "FILE *PINNERS *STATE
$file *812,813 *active
- *- *breaking" "$holdfast" ls -o file,PINNERS,state --report "$report"
gives "ls --output: no such column" 2 'holdfast: NAME: no such column; there are ID *BACKING *' \
	"$holdfast" ls --output ID,NAME --report "$report"
gives "ls --noheadings" 0 $' 7\n 8' "$holdfast" ls -n -o ID --report "$report"
gives "ls --noheadings of a FILE" 0 ' 7' "$holdfast" ls -n -o ID --report "$report" "$file"
gives "ls --pid: of a process that pins" 0 ' 7' "$holdfast" ls -n -o ID --pid 5,813 --report "$report"
gives "ls --pid: of the holder" 0 ' 7' "$holdfast" ls -n -o ID --pid 812 --report "$report"
gives "ls --pid: of no other" 0 '' "$holdfast" ls -n -o ID --pid 81 --report "$report"
gives "ls --user" 0 '*7*8' "$holdfast" ls -n -o ID -u daemon,root --report "$report"
gives "ls --user: of no other" 0 '' "$holdfast" ls -n -o ID --user 1 --report "$report"
gives "ls: no such user" 2 'holdfast: none-such: no such user*' "$holdfast" ls -u none-such
gives "ls: no process" 2 'holdfast: 1x: not a process*' "$holdfast" ls --pid 1,1x
gives "ls: one list at a time" 2 '*one of --consumers, --pins and*' "$holdfast" ls -p -c
gives "ls FILE" 0 "ID *7 *$file" "$holdfast" ls --report "$report" "$file"
gives "ls MOUNTPOINT" 0 '' "$holdfast" ls --report "$report" /proc
gives "ls FOLDER" 1 '*not a mount point' "$holdfast" ls --report "$report" "$scratch"
gives "ls of no file" 1 "holdfast: $scratch/none: No such file*" \
	"$holdfast" ls --report "$report" "$scratch/none"
gives "ls of no report" 1 "holdfast: $scratch/none: No such file*" \
	"$holdfast" ls --report "$scratch/none"
gives "ls: a torn line hides no other" 1 "*line 4: *7 *$file*8 *9 *$file" \
	"$holdfast" ls --report "$scratch/torn"

# json EXPRESSION - what the list says, decoded
json()
{
	"$holdfast" ls --json --report "$report" |
		perl -MJSON::PP -e "\$l = decode_json(join '', <>)->{leases}; print $1"
}
gives "JSON: numbers are numbers" 0 8192 json '$l->[0]{pinned} + $l->[1]{offset}'
gives "JSON: names" 0 'my app' json '$l->[0]{command}'
gives "JSON: a pid that is not visible" 0 1 json '!defined $l->[1]{pid}'
gives "JSON: pinners" 0 '812 813' json '"@{$l->[0]{pinners}}"'
gives "JSON: a change" 0 'truncate 99 dd 4096 -3000' \
	json 'join " ", @{$l->[1]}{qw(op change_pid change_command change_offset deadline_ms)}'
gives "JSON: to any end of the file" 0 1 json '!defined $l->[1]{change_length}'
gives "JSON: no pinners are an empty list" 0 0 json 'scalar @{$l->[1]{pinners}}'
gives "JSON: chosen columns" 0 'device,id' \
	bash -c '"$0" ls -J -o ID,DEVICE --report "$1" | perl -MJSON::PP -e "print join q{,},
		sort keys %{decode_json(join q{}, <>)->{leases}[0]}"' "$holdfast" "$report"
# C1 as a character and as a byte, half of a surrogate pair, a character cut short
sed 's/my.040app/\\302\\233\\233\\355\\240\\200\\342\\202/' "$report" >"$scratch/bytes"
r=$(printf '\xef\xbf\xbd')
gives "JSON: is UTF-8, and nothing that a terminal obeys" 0 "*\"command\": \"\\\\u009b$r$r$r$r$r$r\"*" \
	"$holdfast" ls -J --report "$scratch/bytes"
sed 's/my.040app/\\377/' "$report" >"$scratch/bytes"
gives "JSON: a name that is not UTF-8" 0 "*\"command\": \"$(printf '\xef\xbf\xbd')\"*" \
	"$holdfast" ls -J --report "$scratch/bytes"
sed '1s/pinners path/pinners origin path/; 2s/ 812,813 / 812,813 implicit /; 3s/ - - -$/ - - explicit -/' \
	"$report" >"$scratch/origins"
gives "ls: which leases a pin has made" 0 '*ORIGIN*7 *breakable *implicit *active*8 *exclusive *explicit*' \
	"$holdfast" ls --report "$scratch/origins"
gives "ls: a report of before has no origins" 0 '*7 *breakable *- *active*' \
	"$holdfast" ls --report "$report"
sed '1s/pinners path/pinners absorbed path/; 2s/ breakable / rewriting /; 2s/ 812,813 / 812,813 5 /; 3s/ - - -$/ - - 0 -/' \
	"$report" >"$scratch/absorbed"
gives "ls: how many changes a lease has absorbed" 0 '*7 *rewriting *active*5 absorbed*' \
	"$holdfast" ls --report "$scratch/absorbed"
# What only a newer module has words and columns for.
sed '1s/$/ cgroup/; 2s/ breakable active dax / shared frozen cxl /; 3s/ truncate 99 / rename 99 /; 2,$s/$/ x/' \
	"$report" >"$scratch/newer"
gives "ls: words that are not known hide no lease" 0 '*7 *unknown *unknown *cxl *8 *exclusive *unknown by dd*' \
	"$holdfast" ls --report "$scratch/newer"
gives "JSON: nor do they there" 0 '*"kind": "unknown",*"state": "unknown",*"op": "unknown",*' \
	"$holdfast" ls -J --report "$scratch/newer"
cut -d' ' -f1,5,6,8-15 "$report" >"$scratch/older"
gives "ls: nor do columns that are not there" 0 '*7 *812 *unknown *unknown *- *0-1G *8 *unknown *4K-12K*' \
	"$holdfast" ls --report "$scratch/older"
gives "JSON: no change" 0 1 json '!defined $l->[0]{op}'
gives "JSON: device and inode" 0 "$device $inode" json '"$l->[0]{device} $l->[0]{inode}"'

sed -i 's/ my.040app / - /; s/ 812 0 - / 0 0 - /; s/ breakable active / breakable zombie /' \
	"$scratch/bytes"
gives "ls: what to do about a zombie" 0 "*zombie *holdfast: lease 7 is a zombie: *registered by \
processes 812, 813; to end that: holdfast revoke 7" "$holdfast" ls --report "$scratch/bytes"

gives "watch --once" 0 "??:??:??  2 leases, 4K pinned, 1 met by a change

Time to the fence:
+3.0s: truncate of bytes 4K-end by dd (99) meets lease 8 of ? (0) on ?

ID *7 *my app*$file*8 *" "$holdfast" watch --once --report "$report"
sed '1s/pinners path/pinners media_errors path/; 2s/ 812,813 / 812,813 3 /; 3s/ - - -$/ - - 0 -/' \
	"$report" >"$scratch/errors"
gives "watch: memory that has failed" 0 "*
Media errors:
3 in lease 7 of my app (812) on $file

ID *" "$holdfast" watch --once --report "$scratch/errors"
gives "JSON: memory that has failed" 0 '*"media_errors": 3,*"media_errors": 0,*' \
	"$holdfast" ls -J --report "$scratch/errors"
gives "watch FILE" 0 "*1 lease, 4K *7 *$file" "$holdfast" watch --once --report "$report" "$file"
gives "watch: nothing" 0 '*  0 leases, 0B pinned, 0 met by a change' \
	"$holdfast" watch --once --report "$scratch/empty"
gives "watch: frames without a terminal, until a signal" 124 '* 2 leases,* 2 leases,*' \
	timeout 2 "$holdfast" watch --interval 0.2 --report "$report"
gives "watch of no report" 1 "holdfast: $scratch/none: No such file*" \
	"$holdfast" watch --report "$scratch/none"
gives "watch: a wrong interval" 2 'holdfast: often: not a time*' "$holdfast" watch -i often

# on_terminal KEYS COMMAND... - what COMMAND does to a terminal, typed KEYS at once it has drawn. The
# trap: the shell is in the foreground, too, and would die of what is typed for COMMAND.
on_terminal()
{
	local keys=$1 screen=$scratch/screen

	shift
	: >"$screen"
	(
		for ((tries = 0; tries < 200; tries++)); do
			grep -q leases "$screen" && break
			sleep 0.1
		done
		printf %b "$keys"
		sleep 1
	) | TERM=xterm timeout 30 script -qefc "trap : INT; $*; stty -a | grep -o -e '-*icanon'" "$screen"
}
for key in q '\003'; do
	gives "watch in a terminal: the screen comes and goes with '$key'" 0 \
		$'\e[?1049h\e[?25l*2 leases*my app*\e[?25h\e[?1049l'"icanon*" \
		on_terminal "$key" "$holdfast" watch --report "$report"
done

gives "revoke: nothing named" 2 '*which leases?*' "$holdfast" revoke
gives "revoke: a wrong time" 2 'holdfast: soon: not a time*' "$holdfast" revoke -g soon 7
gives "revoke of no file" 1 "holdfast: $scratch/none: No such file*" \
	"$holdfast" revoke "$scratch/none"
gives "revoke of a folder" 1 '*not a mount point' "$holdfast" revoke "$scratch"
gives "drain: two mount points" 2 '*one MOUNTPOINT*' "$holdfast" drain / /proc
gives "drain: one and all" 2 '*one MOUNTPOINT, or --all*' "$holdfast" drain --all /
gives "drain: none" 2 '*one MOUNTPOINT, or --all*' "$holdfast" drain
gives "drain of a folder" 1 '*not a mount point' "$holdfast" drain "$scratch"
gives "drain of a file" 1 '*not a mount point' "$holdfast" drain "$file"
gives "drain: a wrong time" 2 'holdfast: 0: not a time*' "$holdfast" drain -t 0 /
gives "trace: of something" 2 'holdfast: 7: what for?*' "$holdfast" trace 7

gives "lease: no file" 2 'holdfast: no FILE*' "$holdfast" lease
gives "lease: no such file" 1 "holdfast: $scratch/none: No such file*" \
	"$holdfast" lease "$scratch/none"
gives "lease: a folder" 1 "holdfast: $scratch: a directory: only a regular file*" "$holdfast" lease "$scratch"
gives "lease: behind the end" 1 '*nothing to lease from 8192: the file ends at 5000' \
	"$holdfast" lease -o 8K "$file"
gives "lease: a wrong offset" 2 'holdfast: 1.5G: not an offset*' "$holdfast" lease -o 1.5G "$file"
gives "lease: a wrong length" 2 'holdfast: -1: not a length*' "$holdfast" lease -l -1 "$file"
gives "lease: a wrong time" 2 'holdfast: soon: not a break time*' "$holdfast" lease -t soon "$file"
gives "lease: no command" 2 '*no COMMAND*' "$holdfast" lease "$file" --
gives "lease: two files" 2 '*one FILE, and -- before COMMAND*' "$holdfast" lease "$file" true
gives "lease: an option behind the file" 2 'holdfast: soon: not a break time*' \
	"$holdfast" lease "$file" -t soon
gives "lease: a descriptor for nobody" 2 '*--pass-fd needs a COMMAND*' "$holdfast" lease -p "$file"

gives "run: no command" 2 'holdfast: no COMMAND*' "$holdfast" run
gives "run: a wrong time" 2 'holdfast: soon: not a break time*' "$holdfast" run -t soon true
gives "run: a wrong grace" 2 'holdfast: soon: not a time*' "$holdfast" run -g soon true
gives "run: an option of the shim" 2 'holdfast: --grace: not with --no-hitless*' \
	"$holdfast" run --no-hitless -g 1 true
gives "run: another" 2 'holdfast: --verbose: not with --no-hitless*' "$holdfast" run -v -n true
gives "run: exclusive what" 2 'holdfast: --exclusive: only with --lease*' "$holdfast" run -x true
gives "policy: a wrong word" 2 'holdfast: permit: none of allow, forbid*' "$holdfast" policy permit /
gives "policy: no mount point" 2 '*one MOUNTPOINT*' "$holdfast" policy allow
gives "policy: two mount points" 2 '*one MOUNTPOINT*' "$holdfast" policy forbid / /proc
gives "policy: a folder" 1 '*not a mount point' "$holdfast" policy allow "$scratch"
gives "policy: no such group" 2 'holdfast: none-such: no such group*' \
	"$holdfast" policy allow -g none-such /
gives "policy: a wrong time" 2 'holdfast: soon: not a break time*' "$holdfast" policy allow -t soon /
gives "policy: a group for nothing" 2 '*goes with allow only*' "$holdfast" policy -g root forbid /
gives "policy: a size for allow" 2 "*goes with cap only*" "$holdfast" policy -p 1G allow /
gives "policy: a wrong UUID" 2 "holdfast: UUID=4b0e: not a UUID*" "$holdfast" policy allow UUID=4b0e
gives "policy: apply of nothing" 1 "holdfast: $scratch/none: No such file*nothing was changed" \
	"$holdfast" policy apply --config "$scratch/none"
gives "doctor: a wrong option" 2 "holdfast: -x: no such option*help doctor*" "$holdfast" doctor -x
gives "ls: --pins of a report" 2 '*--report is of leases*' "$holdfast" ls --pins --report "$report"
gives "run: a wrong option" 2 'holdfast: -q: no such option*' "$holdfast" run -q true

holdfastd=$BUILD/sbin/holdfastd
gives "holdfastd --version" 0 "holdfastd $(cat VERSION)" "$holdfastd" --version
gives "holdfastd --help" 0 'usage: holdfastd *--margin*' "$holdfastd" --help
gives "holdfastd: a wrong time" 2 'holdfastd: soon: not a time*' "$holdfastd" -m soon
gives "holdfastd: no time" 2 'holdfastd: -m: needs a value*' "$holdfastd" -m
gives "holdfastd: a wrong option" 2 'holdfastd: --foo: no such option*' "$holdfastd" --foo
gives "holdfastd: an argument" 2 'holdfastd: 7: unexpected argument*' "$holdfastd" 7

if [[ -e /dev/holdfast ]]; then
	skip "the module is loaded"
else
	gives "ls without a module" 1 \
		'holdfast: /proc/fs/holdfast/leases: not there; load the module (modprobe holdfast)' \
		"$holdfast" ls
	gives "lease without a module" 1 \
		'holdfast: /dev/holdfast: not there; load the module (modprobe holdfast)' \
		"$holdfast" lease "$file" -- true
	gives "run without a module" 1 \
		'holdfast: /dev/holdfast: not there; load the module (modprobe holdfast)' \
		"$holdfast" run true
	gives "run --no-hitless without a module" 1 \
		'holdfast: /dev/holdfast: not there; load the module (modprobe holdfast)' \
		"$holdfast" run --no-hitless true
	gives "policy without a module" 1 \
		'holdfast: /proc/fs/holdfast/policy: not there: load the module (modprobe holdfast)' \
		"$holdfast" policy
	gives "ls --pins without a module" 1 \
		'holdfast: /proc/fs/holdfast/pins: not there; load the module (modprobe holdfast)' \
		"$holdfast" ls --pins
	gives "holdfastd without a module" 1 '*/leases: not there; load the module (modprobe holdfast)' \
		"$holdfastd"
	gives "revoke without a module" 1 \
		'holdfast: /dev/holdfast: not there; load the module (modprobe holdfast)' \
		"$holdfast" revoke 1
	gives "drain without a module" 1 '*: not there; load the module*' "$holdfast" drain /
fi
if ((EUID)); then
	gives "trace is for root" 1 'holdfast: only the administrator*' "$holdfast" trace
fi
if [[ -w /dev/full ]]; then
	gives "a full disk is a failure" 1 'holdfast: standard output: No space*' \
		bash -c "$holdfast --version >/dev/full"
fi

finish
