// SPDX-License-Identifier: GPL-2.0
/*
 * Fprobes, at the entry and at the exit, on hooked functions, there before
 * the hooks or after them. The hooks protect as without them.
 */
#define _GNU_SOURCE
#include "hooked-tracers.h"

static const struct tracer tracers[] = {
	{ "fprobes", probes_add, probes_remove, "f", true },
	{ "exit fprobes", probes_add, probes_remove, "x", true },
};

int main(void)
{
	tracing_mount();
	hooked = hooked_with_lease();
	for (size_t i = 0; i < sizeof(tracers) / sizeof(tracers[0]); i++)
		test_order(&tracers[i]);
	return tap_done();
}
