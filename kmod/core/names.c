// SPDX-License-Identifier: GPL-2.0
/* Names of the numbers of the ABI. */
#include <linux/tracepoint-defs.h>
#include "core/names.h"
#include "core/trace.h"

const char *hf_op_name(enum holdfast_op op)
{
	static const struct trace_print_flags names[] = { HF_TRACE_OPS };

	return names[op].name;
}
