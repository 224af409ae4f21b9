#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demo's pictures. What they are of comes from guests: test/guest/tool/demo and test/pair/demo.

# shellcheck source-path=SCRIPTDIR disable=SC2317
. "$(dirname "$0")/../tap.sh"

cat >"$scratch/timeline" <<-END
	- title A truncate meets a lease
	100.000000 axis truncate(2) begins
	100.001400 axis the holder_1 has the event
	100.031000 axis truncate(2) returns
	100.042700 then registered again
	100.046600 then data moves again
END
draw()
{
	demo/timeline "$scratch/timeline" >"$scratch/timeline.svg"
}

quiet "a timeline is drawn" draw
for text in 'A truncate meets a lease' 'truncate(2) begins, 0.0 ms' 'the holder_1 has the event, 1.4 ms' \
	'truncate(2) returns, 31.0 ms' '11.7 ms after that: registered again' '3.9 ms after that: data moves again'; do
	quiet "it says: $text" grep -qF "$text" "$scratch/timeline.svg"
done
sed -i '/axis.*returns/d; /axis.*event/d' "$scratch/timeline"
gives "without two points there is nothing to draw" 1 "demo/timeline: *: no two points" demo/timeline "$scratch/timeline"
finish
