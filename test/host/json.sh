#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tool prints as JSON of a saved report fits doc/holdfast.schema.json; what it prints of the module
# does test/guest/tool/json.

# shellcheck source-path=SCRIPTDIR disable=SC2317
. "$(dirname "$0")/../tap.sh"

holdfast=$BUILD/bin/holdfast
report=$scratch/report
if ! /usr/bin/python3 -c 'import jsonschema' 2>/dev/null; then
	result 1 "a validator is there (apt-get install python3-jsonschema)"
	finish
fi

# One line for each that does not begin with a blank
sed -z 's/\n\t/ /g' >"$report" <<'END'
id kind state backing pid uid comm major minor ino offset length pinned age_ms break_ms deadline_ms op
	change_pid change_comm change_offset change_length pinners origin absorbed media_errors path
7 breakable active dax 812 0 my\040app 259 0 131 0 1073741824 4096 185000 45000 - - - - - -
	812,813 implicit 0 0 /mnt/pmem/\134\042\033\302\233\233\355\240\200\342\202
8 exclusive breaking dax 0 4294967295 - 511 77 9 4096 8192 0 5000 45000 -3000
	truncate 99 \042 4096 - - explicit 3 18446744073709551615 -
9 shared frozen cxl 1 1 - 1 1 18446744073709551615 0 4096 0 0 1 5 rename - - - - - - 0 0 /
END
head -1 "$report" >"$scratch/empty"

echo '{"leases": []}' >"$scratch/none"

# fits OPTIONS... - test/json-check of "holdfast ls" with these options
fits()
{
	"$holdfast" ls --json "$@" | test/json-check "${check[@]}" -
}

check=(--all leases)
gives "all members, and no others, whatever the values are" 0 '1 ok' fits --report "$report"
check=()
gives "no lease" 0 '1 ok' fits --report "$scratch/empty"
gives "chosen members, those of the table too" 0 '1 ok' \
	fits --report "$report" --output ID,RANGE,SIZE,AGE,CHANGE,PINNERS,STATE
gives "a report with few columns" 0 '1 ok' fits --report <(cut -d' ' -f1,5,6,8-15 "$report")
gives "what does not fit is found: a word" 1 'json-check: -: *' \
	test/json-check - <<<'{"leases": [{"state": "frozen"}]}'
gives "what does not fit is found: null in a list" 1 'json-check:*' \
	test/json-check - <<<'{"leases": [{"pinners": [null]}]}'
gives "what does not fit is found: a member" 1 'json-check:*' test/json-check - <<<'{"leases": [{"ids": 1}]}'
gives "what does not fit is found: no items" 1 '*no items*' test/json-check --all leases "$scratch/none"
gives "what does not fit is found: bytes" 1 "json-check:*decode*" \
	test/json-check - < <(printf '{"leases": [{"file": "\377"}]}')
gives "what does not fit is found: an end" 1 'json-check:*' test/json-check - <<<'{"leases": ['
finish
