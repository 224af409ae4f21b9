/* SPDX-License-Identifier: GPL-2.0 */
/* Tracers on hooked functions, for hooks-probes.c and its like. */
#ifndef HOLDFAST_TEST_HOOKED_TRACERS_H
#define HOLDFAST_TEST_HOOKED_TRACERS_H

#include "hooked.h"

static struct hooked hooked;

/* Removing a probe takes the kernel a second or so: those that the test calls only. */
static inline bool is_probed(const char *name)
{
	return strstr(name, "fallocate") || !strcmp(name, "notify_change") ||
	       !strncmp(name, "dax_", 4);
}

/* On these functions; the name says which of @kind ("p", "r", "f", "x"). */
static inline int probes_add(const char *kind)
{
	const bool fprobe = kind[0] == 'f' || kind[0] == 'x';
	char line[256];
	int err = 0;

	for (unsigned int i = 0; !err && i < hooked.nr; i++) {
		if (!is_probed(hooked.name[i]))
			continue;
		snprintf(line, sizeof(line), "%c:hooked_%s/%s %s%s\n",
			 fprobe ? 'f' : kind[0], kind, hooked.name[i],
			 hooked.name[i], kind[0] == 'x' ? "%return" : "");
		err = try_write_to(TRACING "dynamic_events", line);
	}
	if (!err) {
		snprintf(line, sizeof(line), TRACING "events/hooked_%s/enable",
			 kind);
		err = try_write_to(line, "1");
	}
	return err;
}

static inline void probes_remove(const char *kind)
{
	char line[256];
	int err;

	snprintf(line, sizeof(line), TRACING "events/hooked_%s/enable", kind);
	write_to(line, "0");
	for (unsigned int i = 0; i < hooked.nr; i++) {
		if (!is_probed(hooked.name[i]))
			continue;
		snprintf(line, sizeof(line), "-:hooked_%s/%s\n", kind,
			 hooked.name[i]);
		err = try_write_to(TRACING "dynamic_events", line);
		if (err)
			tap_bail("%s: %s", line, strerror(err));
	}
}

static inline int tracer_add(const char *tracer)
{
	int err;

	for (unsigned int i = 0; i < hooked.nr; i++)
		write_to(TRACING "set_ftrace_filter", hooked.name[i]);
	write_to(TRACING "set_ftrace_filter", "hf_wrap_*");
	err = try_write_to(TRACING "current_tracer", tracer);
	return err;
}

static inline void tracer_remove(const char *tracer)
{
	int fd;

	(void)tracer;
	write_to(TRACING "current_tracer", "nop");
	fd = open(TRACING "set_ftrace_filter", O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		tap_bail("set_ftrace_filter: %s", strerror(errno));
	close(fd);
}

/* Whether the tracer has seen a hooked function. */
static inline bool traced(void)
{
	FILE *trace = fopen(TRACING "trace", "r");
	char line[512];
	bool seen = false;

	if (!trace)
		tap_bail("trace: %s", strerror(errno));
	while (!seen && fgets(line, sizeof(line), trace))
		seen = line[0] != '#' && strstr(line, "fallocate");
	fclose(trace);
	return seen;
}

struct tracer {
	const char *name;
	int (*add)(const char *what);
	void (*remove)(const char *what);
	const char *what;
	bool may_lack; /* not in every kernel */
};

static inline void tracer_start(const struct tracer *tracer)
{
	int err = tracer->add(tracer->what);

	if (err)
		tap_bail("%s: %s", tracer->name, strerror(err));
}

static inline void test_order(const struct tracer *tracer)
{
	char text[64];
	int err;

	unhooked_wait();
	err = tracer->add(tracer->what);
	if (err && tracer->may_lack) {
		tap_skip("%s: %s", tracer->name, strerror(err));
		return;
	}
	if (err)
		tap_bail("%s: %s", tracer->name, strerror(err));
	snprintf(text, sizeof(text), "%s, then the hooks", tracer->name);
	hooks_protect(text);
	tap_ok(traced(), "%s: the calls are in the trace", tracer->name);
	tracer->remove(tracer->what);
	snprintf(text, sizeof(text), "%s gone, the hooks are there",
		 tracer->name);
	hooks_protect(text);
	tracer_start(tracer);
	snprintf(text, sizeof(text), "the hooks, then %s", tracer->name);
	hooks_protect(text);
	tracer->remove(tracer->what);
}

#endif
