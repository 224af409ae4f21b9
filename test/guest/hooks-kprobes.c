// SPDX-License-Identifier: GPL-2.0
/*
 * Kprobes and kretprobes on hooked functions, there before
 * the hooks or after them. The hooks protect as without them.
 */
#define _GNU_SOURCE
#include "hooked-tracers.h"

static const struct tracer tracers[] = {
	{ "kprobes", probes_add, probes_remove, "p", false },
	{ "kretprobes", probes_add, probes_remove, "r", false },
};

int main(void)
{
	tracing_mount();
	hooked = hooked_with_lease();
	for (size_t i = 0; i < sizeof(tracers) / sizeof(tracers[0]); i++)
		test_order(&tracers[i]);
	return tap_done();
}
