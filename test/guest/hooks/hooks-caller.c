// SPDX-License-Identifier: GPL-2.0
/*
 * Tracers that replace the return addresses of hooked functions do not hide from
 * the hooks which driver calls. hooks-bpf.c does the same with BPF programs.
 */
#define _GNU_SOURCE
#include "hooked-callers.h"
#include "hooked-tracers.h"

static const struct hooked callers = {
	.name = { "notify_change", "pin_user_pages", "pin_user_pages_fast",
		  "pin_user_pages_remote", "unpin_user_pages_dirty_lock" },
	.nr = 5,
};

static const struct tracer tracers[] = {
	{ "graph tracer", tracer_add, tracer_remove, "function_graph", false },
	{ "kretprobes", probes_add, probes_remove, "r", false },
	{ "exit fprobes", probes_add, probes_remove, "x", true },
};

int main(void)
{
	tracing_mount();
	hooked = callers;
	probed = callers;
	for (size_t i = 0; i < sizeof(tracers) / sizeof(tracers[0]); i++) {
		if (!tracer_start(&tracers[i]))
			continue;
		callers_known(tracers[i].name);
		tracers[i].remove(tracers[i].what);
	}
	return tap_done();
}
