// SPDX-License-Identifier: GPL-2.0
/* Several tracers on every hooked function at a time: see hooks-tracers.c. */
#define _GNU_SOURCE
#include "hooked-tracers.h"

static const struct tracer graph_tracer = { "graph tracer", tracer_add,
					    tracer_remove, "function_graph",
					    false };

/* Several at a time, and the hooks come between them. */
static void test_all(void)
{
	unhooked_wait();
	if (probes_add("p") || probes_add("r"))
		tap_bail("probes: %s", strerror(errno));
	tracer_start(&graph_tracer);
	hooks_protect("kprobes, kretprobes and the graph tracer");
	tracer_remove("function_graph");
	probes_remove("r");
	probes_remove("p");
	hooks_protect("all gone");
}

int main(void)
{
	tracing_mount();
	hooked_find();
	test_all();
	return tap_done();
}
