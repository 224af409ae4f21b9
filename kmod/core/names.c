// SPDX-License-Identifier: GPL-2.0
/*
 * Names of the numbers of the ABI.
 */
#include <linux/build_bug.h>
#include "core/names.h"

/* clang-format off */
static const char *const hf_op_names[] = {
	[HOLDFAST_OP_UNKNOWN]	= "unknown",
	[HOLDFAST_OP_TRUNCATE]	= "truncate",
	[HOLDFAST_OP_PUNCH]	= "punch",
	[HOLDFAST_OP_COLLAPSE]	= "collapse",
	[HOLDFAST_OP_INSERT]	= "insert",
	[HOLDFAST_OP_ZERO]	= "zero",
	[HOLDFAST_OP_UNSHARE]	= "unshare",
	[HOLDFAST_OP_REFLINK]	= "reflink",
	[HOLDFAST_OP_DEDUPE]	= "dedupe",
	[HOLDFAST_OP_REVOKE]	= "revoke",
	[HOLDFAST_OP_EXCHANGE]	= "exchange",
};

const char *hf_op_name(enum holdfast_op op)
{
	return hf_op_names[op];
}
