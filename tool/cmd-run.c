// SPDX-License-Identifier: GPL-2.0
/*
 * holdfast-run(1): runs a program that knows nothing of leases, with a permission
 * for implicit ones, and with the shim that lets go for it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../preload/run.h"
#include "holdfast.h"
#include "size.h"
#include "tool.h"

struct running {
	uint32_t break_ms;
	uint32_t grace_ms;
	bool verbose;
	bool shim;
	const char *for_shim; /* an option that only the shim has, or NULL */
};

/* Above what a program expects to be its own, below the usual limit of 1024. */
#define PERMISSION_FD 900

/*
 * The permission gets a high number, so that descriptors of the command have
 * the numbers that they would have without it.
 */
static int move_up(int permission)
{
	struct rlimit limit;
	int lowest = PERMISSION_FD, high;

	if (!getrlimit(RLIMIT_NOFILE, &limit) &&
	    limit.rlim_cur <= PERMISSION_FD)
		lowest = limit.rlim_cur / 2;
	high = fcntl(permission, F_DUPFD, lowest);
	if (high < 0)
		return failed("descriptor %d: %s", permission, strerror(errno));
	close(permission);
	return 0;
}

static int open_permission(const struct running *running)
{
	int permission = hf_allow(running->break_ms);

	return permission < 0 ? failed("%s", hf_error()) : move_up(permission);
}

/*
 * Where the loader will find the shim: it would leave out one that it does not
 * find, and run the command as if nothing were wrong. Malloced.
 */
static char *find_shim(void)
{
	void *shim = dlopen(RUN_LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	struct link_map *map;
	char *path;

	if (!shim || dlinfo(shim, RTLD_DI_LINKMAP, &map)) {
		failed("%s", dlerror());
		return NULL;
	}
	path = realpath(map->l_name, NULL);
	if (!path)
		failed("%s: %s", map->l_name, strerror(errno));
	return path;
}

static int set_environment(const struct running *running)
{
	const char *others = getenv("LD_PRELOAD");
	char *shim = find_shim(), *preload, text[96];

	if (!shim)
		return EXIT_FAILED;
	if (asprintf(&preload, "%s%s%s", shim, others ? ":" : "",
		     others ? others : "") < 0)
		return failed("%s", strerror(ENOMEM));
	snprintf(text, sizeof(text), RUN_FORMAT, running->grace_ms,
		 running->verbose);
	if (setenv("LD_PRELOAD", preload, 1) || setenv(RUN_VARIABLE, text, 1))
		return failed("environment: %s", strerror(errno));
	free(preload);
	free(shim);
	return 0;
}

static void usage(void)
{
	puts("usage: holdfast run [OPTION...] [--] COMMAND [ARG...]\n"
	     "Run COMMAND so that what it maps of DAX files can be registered: "
	     "each registration\n"
	     "makes a lease.\n\n"
	     "  -t, --break-time S  seconds from a break to the fence\n"
	     "  -s, --shim          put a library before COMMAND that lets "
	     "go of memory regions\n"
	     "                      for it on a break\n"
	     "  -h, --help\n\n"
	     "With --shim:\n"
	     "  -g, --grace S       seconds from a break until memory regions "
	     "are taken from\n"
	     "                      COMMAND; half of the break time at most, "
	     "and the default\n"
	     "  -v, --verbose       report each break");
}

/* -1 to go on, or the exit status. */
static int parse(struct running *running, int argc, char **argv)
{
	static const struct option options[] = {
		{ "break-time", required_argument, NULL, 't' },
		{ "grace", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "shim", no_argument, NULL, 's' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	/* "+": options behind COMMAND are its own. */
	while ((option = getopt_long(argc, argv, "+:g:hst:v", options, NULL)) >=
	       0) {
		switch (option) {
		case 's':
			running->shim = true;
			break;
		case 't':
			if (!seconds_parse(optarg, &running->break_ms))
				return bad_usage("run", "%s: not a break time",
						 optarg);
			break;
		case 'g':
			if (!seconds_parse(optarg, &running->grace_ms))
				return bad_usage("run", "%s: not a time",
						 optarg);
			running->for_shim = "--grace";
			break;
		case 'v':
			running->verbose = true;
			running->for_shim = "--verbose";
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("run", option, argv);
		}
	}
	return -1;
}

int cmd_run(int argc, char **argv)
{
	struct running running = { .grace_ms = RUN_GRACE_MOST };
	int status = parse(&running, argc, argv);

	if (status >= 0)
		return status;
	if (optind == argc)
		return bad_usage("run", "no COMMAND");
	if (running.for_shim && !running.shim)
		return bad_usage("run", "%s: only with --shim",
				 running.for_shim);
	status = open_permission(&running);
	if (!status && running.shim)
		status = set_environment(&running);
	if (status)
		return status;
	execvp(argv[optind], argv + optind);
	/* The exit statuses of env(1). */
	status = errno == ENOENT ? 127 : 126;
	failed("%s: %s", argv[optind], strerror(errno));
	return status;
}
