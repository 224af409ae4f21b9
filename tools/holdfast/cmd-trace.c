// SPDX-License-Identifier: GPL-2.0
/* holdfast-trace(1): what happens to leases, as it happens. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "holdfast.h"
#include "signals.h"
#include "process.h"
#include "tool.h"
#include "trace-line.h"

#define INSTANCE "holdfast-"

/* The pipe's poll(2) is slow to wake in some kernels: look now and then. */
#define LOOK_MS 200

struct tracing {
	char folder[64];   /* of all instances */
	char instance[96]; /* ours; empty: none */
	bool json;
	int pipe;
	int signals;
	char text[8192]; /* of the pipe, up to @length not printed */
	size_t length;
};

static int no_tracefs(void)
{
	if (geteuid())
		return failed("only the administrator (CAP_SYS_ADMIN) can "
			      "trace");
	return failed("the kernel's traces are not there: mount -t tracefs "
		      "tracefs /sys/kernel/tracing");
}

static int find_tracefs(struct tracing *tracing)
{
	static const char *const places[] = { "/sys/kernel/tracing",
					      "/sys/kernel/debug/tracing" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(tracing->folder, sizeof(tracing->folder),
			 "%s/instances", places[i]);
		if (!access(tracing->folder, W_OK | X_OK))
			return 0;
	}
	return no_tracefs();
}

/* One whose process was killed. The number may be in use again: no harm. */
static void remove_stale(const struct tracing *tracing)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(tracing->folder);

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		const char *pid = entry->d_name + strlen(INSTANCE);

		if (strncmp(entry->d_name, INSTANCE, strlen(INSTANCE)) ||
		    !isdigit((unsigned char)*pid) || !kill(atoi(pid), 0) ||
		    errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/%s", tracing->folder,
			 entry->d_name);
		rmdir(path);
	}
	closedir(dir);
}

static int set(const struct tracing *tracing, const char *name,
	       const char *value)
{
	char path[sizeof(tracing->instance) + 32];
	ssize_t written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", tracing->instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	written = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return written;
}

static int make_instance(struct tracing *tracing)
{
	char path[sizeof(tracing->instance) + 32];
	int ret;

	remove_stale(tracing);
	snprintf(path, sizeof(tracing->instance), "%s/" INSTANCE "%d",
		 tracing->folder, getpid());
	if (mkdir(path, 0700))
		return failed("%s: %s", path, strerror(errno));
	strcpy(tracing->instance, path);
	ret = set(tracing, "trace_clock", "mono");
	if (ret)
		return failed("%s/trace_clock: %s", path, strerror(-ret));
	/* Wake at the first event; kernels that cannot are polled. */
	set(tracing, "buffer_percent", "0");
	ret = set(tracing, "events/holdfast/enable", "1");
	if (ret == -ENOENT)
		return failed("holdfast has no trace events: load the module "
			      "(modprobe holdfast)");
	if (ret)
		return failed("%s/events/holdfast/enable: %s", path,
			      strerror(-ret));
	snprintf(path, sizeof(path), "%s/trace_pipe", tracing->instance);
	tracing->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (tracing->pipe < 0)
		return failed("%s: %s", path, strerror(errno));
	return 0;
}

static void remove_instance(struct tracing *tracing)
{
	if (tracing->pipe >= 0)
		close(tracing->pipe);
	if (!*tracing->instance)
		return;
	set(tracing, "events/holdfast/enable", "0");
	if (rmdir(tracing->instance))
		failed("%s: %s", tracing->instance, strerror(errno));
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static void print_line(const struct tracing *tracing, char *text)
{
	uint64_t boot_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
	char name[PROCESS_NAME_ROOM];
	struct trace_line line;
	int err = 0;

	if (!trace_line_parse(text, &line)) {
		err = trace_line_print_other(stdout, text, tracing->json);
	} else {
		/* The kernel notes names only when it switches tasks. */
		if (!strcmp(line.comm, "<...>"))
			line.comm = process_name(name, line.pid);
		if (tracing->json)
			err = trace_line_print_json(stdout, &line,
						    boot_us + line.time_us);
		else
			trace_line_print(stdout, &line, boot_us + line.time_us);
	}
	if (err)
		failed("an event is missing: no memory");
}

/* Print the whole lines, keep the beginning of another. */
static void print_lines(struct tracing *tracing)
{
	char *at = tracing->text, *newline;

	while ((newline = memchr(at, '\n',
				 tracing->text + tracing->length - at))) {
		*newline = '\0';
		print_line(tracing, at);
		at = newline + 1;
	}
	tracing->length -= at - tracing->text;
	memmove(tracing->text, at, tracing->length);
	/* No line is that long. */
	if (tracing->length == sizeof(tracing->text))
		tracing->length = 0;
}

/* All there is now. */
static int read_pipe(struct tracing *tracing)
{
	ssize_t length;

	while ((length = read(tracing->pipe, tracing->text + tracing->length,
			      sizeof(tracing->text) - tracing->length)) > 0) {
		tracing->length += length;
		print_lines(tracing);
	}
	if (length < 0 && errno != EAGAIN && errno != EINTR)
		return failed("trace_pipe: %s", strerror(errno));
	if (fflush(stdout))
		return EXIT_FAILED; /* main() says why */
	return 0;
}

static int follow(struct tracing *tracing)
{
	struct pollfd fds[] = {
		{ .fd = tracing->signals, .events = POLLIN },
		{ .fd = tracing->pipe, .events = POLLIN },
		{ .fd = STDOUT_FILENO }, /* POLLERR: the reader is gone */
	};

	for (;;) {
		int status;

		if (poll(fds, 3, LOOK_MS) < 0)
			return failed("poll: %s", strerror(errno));
		if (fds[2].revents)
			return 0;
		/* What came before the signal is printed. */
		status = read_pipe(tracing);
		if (status || fds[0].revents)
			return status;
	}
}

static int trace(struct tracing *tracing)
{
	int status = find_tracefs(tracing);

	if (status)
		return status;
	tracing->signals = signals_open(ending_signals, NULL);
	if (tracing->signals < 0)
		return EXIT_FAILED;
	/* A reader that goes away is an error, and we clean up. */
	signal(SIGPIPE, SIG_IGN);
	status = make_instance(tracing);
	if (!status)
		status = follow(tracing);
	remove_instance(tracing);
	return status;
}

static void usage(void)
{
	puts("usage: holdfast trace [OPTION...]\n"
	     "Print what happens to leases, as it happens, until a signal.\n\n"
	     "  -J, --json  one JSON object a line\n"
	     "  -h, --help");
}

int cmd_trace(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ 0 },
	};
	struct tracing tracing = { .pipe = -1 };
	int option;

	while ((option = getopt_long(argc, argv, ":hJ", options, NULL)) >= 0) {
		switch (option) {
		case 'J':
			tracing.json = true;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("trace", option, argv);
		}
	}
	if (optind < argc)
		return bad_usage("trace", "%s: what for?", argv[optind]);
	return trace(&tracing);
}
