// SPDX-License-Identifier: GPL-2.0
/* Names of the numbers of the ABI. */
#include <linux/holdfast_names.h>
#include "core/names.h"

#define HF_BY_VALUE(value, name) [value] = name

const char *hf_kind_name(enum holdfast_kind kind)
{
	static const char *const names[] = { HOLDFAST_KIND_NAMES(HF_BY_VALUE) };

	return names[kind];
}

const char *hf_state_name(enum holdfast_state state)
{
	static const char *const names[] = { HOLDFAST_STATE_NAMES(
		HF_BY_VALUE) };

	return names[state];
}

const char *hf_op_name(enum holdfast_op op)
{
	static const char *const names[] = { HOLDFAST_OP_NAMES(HF_BY_VALUE) };

	return names[op];
}

const char *hf_consumer_name(enum holdfast_consumer consumer)
{
	static const char *const names[] = { HOLDFAST_CONSUMER_NAMES(
		HF_BY_VALUE) };

	return names[consumer];
}
