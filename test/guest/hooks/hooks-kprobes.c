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
	return tracers_test(tracers, sizeof(tracers) / sizeof(tracers[0]));
}
