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

/* Several at a time, and the hooks come between them. */
static void test_all(void)
{
	unhooked_wait();
	if (probes_add("p") || probes_add("r"))
		tap_bail("probes: %s", strerror(errno));
	tracer_start(&tracers[1]);
	hooks_protect("kprobes, kretprobes and the graph tracer");
	tracer_remove("function_graph");
	probes_remove("r");
	probes_remove("p");
	hooks_protect("all gone");
}

int main(void)
{
	tracing_mount();
	hooked = hooked_with_lease();
	for (size_t i = 0; i < sizeof(tracers) / sizeof(tracers[0]); i++)
		test_order(&tracers[i]);
	test_all();
	return tap_done();
}
