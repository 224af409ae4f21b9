// SPDX-License-Identifier: GPL-2.0
/*
 * The function tracer and the graph tracer on every hooked function and on the
 * wrappers, there before the hooks or after them. The hooks protect as without them.
 */
#define _GNU_SOURCE
#include "hooked-tracers.h"

static const struct tracer tracers[] = {
	{ "function tracer", tracer_add, tracer_remove, "function", false },
	{ "graph tracer", tracer_add, tracer_remove, "function_graph", false },
};

int main(void)
{
	return tracers_test(tracers, sizeof(tracers) / sizeof(tracers[0]));
}
