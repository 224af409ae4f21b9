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
	return tracers_test(tracers, sizeof(tracers) / sizeof(tracers[0]));
}
