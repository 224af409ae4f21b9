/* SPDX-License-Identifier: GPL-2.0 */
/* Tracers on hooked functions, for hooks-tracers.c and its like. */
#ifndef HOLDFAST_TEST_HOOKED_TRACERS_H
#define HOLDFAST_TEST_HOOKED_TRACERS_H

#include "hooked.h"

/* What the function tracers trace. */
static struct hooked hooked;
/* Where probes are: each takes the kernel seconds. */
static struct hooked probed;

/* On the probed functions; the name says which of @kind ("p", "r", "f", "x"). */
static inline int probes_add(const char *kind)
{
	const bool fprobe = kind[0] == 'f' || kind[0] == 'x';
	char line[256];
	int err = 0;

	for (unsigned int i = 0; !err && i < probed.nr; i++) {
		snprintf(line, sizeof(line), "%c:hooked_%s/%s %s%s\n",
			 fprobe ? 'f' : kind[0], kind, probed.name[i],
			 probed.name[i], kind[0] == 'x' ? "%return" : "");
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
	for (unsigned int i = 0; i < probed.nr; i++) {
		snprintf(line, sizeof(line), "-:hooked_%s/%s\n", kind,
			 probed.name[i]);
		err = try_write_to(TRACING "dynamic_events", line);
		if (err)
			tap_bail("%s: %s", line, strerror(err));
	}
}

/* On these functions, and on the wrappers. */
static inline bool is_traced(const char *name)
{
	for (unsigned int i = 0; i < hooked.nr; i++) {
		if (!strcmp(name, hooked.name[i]))
			return true;
	}
	return !strncmp(name, "hf_wrap_", 8);
}

/*
 * What the function tracers trace, as numbers: for each name the kernel would look
 * through all functions, which takes it seconds here.
 */
static inline const char *filter_numbers(void)
{
	static char numbers[1024];
	char name[256];
	int used = 0;
	FILE *functions;

	if (*numbers)
		return numbers;
	functions = fopen(TRACING "available_filter_functions", "r");
	if (!functions)
		tap_bail("available_filter_functions: %s", strerror(errno));
	for (unsigned int i = 1; fscanf(functions, "%255s%*[^\n]", name) > 0;
	     i++) {
		if (is_traced(name))
			used += snprintf(numbers + used, sizeof(numbers) - used,
					 "%u ", i);
	}
	fclose(functions);
	return numbers;
}

/* The kernel takes one word of each write. */
static inline void filter_set(const char *words)
{
	int fd = open(TRACING "set_ftrace_filter",
		      O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n;

	for (; fd >= 0 && *words; words += n) {
		n = write(fd, words, strlen(words));
		if (n <= 0)
			break;
	}
	if (fd < 0 || *words || close(fd))
		tap_bail("set_ftrace_filter: %s", strerror(errno));
}

static inline int tracer_add(const char *tracer)
{
	filter_set(filter_numbers());
	return try_write_to(TRACING "current_tracer", tracer);
}

static inline void tracer_remove(const char *tracer)
{
	(void)tracer;
	write_to(TRACING "current_tracer", "nop");
	filter_set("");
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

/* False: this kernel lacks it. */
static inline bool tracer_start(const struct tracer *tracer)
{
	int err = tracer->add(tracer->what);

	if (err && !tracer->may_lack)
		tap_bail("%s: %s", tracer->name, strerror(err));
	if (err)
		tap_skip("%s: %s", tracer->name, strerror(err));
	return !err;
}

static inline void test_order(const struct tracer *tracer)
{
	char text[64];

	unhooked_wait();
	if (!tracer_start(tracer))
		return;
	snprintf(text, sizeof(text), "%s, then the hooks", tracer->name);
	hooks_protect(text);
	tap_ok(traced(), "%s: the calls are in the trace", tracer->name);
	tracer->remove(tracer->what);
	snprintf(text, sizeof(text), "%s gone, the hooks are there",
		 tracer->name);
	hooks_protect(text);
	if (!tracer_start(tracer))
		tap_bail("%s: not a second time", tracer->name);
	snprintf(text, sizeof(text), "the hooks, then %s", tracer->name);
	hooks_protect(text);
	tracer->remove(tracer->what);
}

/* A hooked function that hooks_protect() calls. */
static inline bool is_called(const char *name)
{
	return strstr(name, "fallocate") || !strcmp(name, "notify_change") ||
	       strstr(name, "layout");
}

static inline void hooked_find(void)
{
	hooked = hooked_with_lease();
	for (unsigned int i = 0; i < hooked.nr; i++) {
		if (is_called(hooked.name[i]))
			strcpy(probed.name[probed.nr++], hooked.name[i]);
	}
}

/* Each of them there before the hooks, and after them. */
static inline int tracers_test(const struct tracer *tracers, size_t nr)
{
	tracing_mount();
	hooked_find();
	for (size_t i = 0; i < nr; i++)
		test_order(&tracers[i]);
	return tap_done();
}

#endif
