# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests with two guests share (lab/pair). Each guest writes TAP: /share/A.tap, which is of A's second boot if
# its power is cut, and /share/B.tap. What A sees before that it leaves to B, in /pair.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../guest/lib/common.sh"
exec >"/share/$PAIR_SELF.tap"

barrier()
{
	pair barrier "$1" $((120 * scale)) || bail "barrier $1"
}
