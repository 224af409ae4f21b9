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
#include <sys/stat.h>
#include <unistd.h>

#include "../../preload/run.h"
#include "holdfast.h"
#include "preload.h"
#include "size.h"
#include "tool.h"

/* Whether the shim is put before the command. */
enum hitless {
	HITLESS_IF_POSSIBLE,
	HITLESS_YES,
	HITLESS_NO,
};

struct running {
	uint32_t break_ms;
	uint32_t grace_ms;
	bool verbose;
	enum hitless hitless;
	enum holdfast_kind kind;
	const char **files;   /* to lease as a whole, then NULL */
	const char *for_shim; /* an option that only the shim has, or NULL */
};

/* Above what a program expects to be its own, below the usual limit of 1024. */
#define DESCRIPTORS_FROM 900

/*
 * What the command inherits gets a high number, so that its own descriptors have the
 * numbers that they would have without it.
 */
static int leave_open(int fd)
{
	int lowest = DESCRIPTORS_FROM, high;
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) &&
	    limit.rlim_cur <= DESCRIPTORS_FROM)
		lowest = limit.rlim_cur / 2;
	high = fcntl(fd, F_DUPFD, lowest);
	if (high < 0)
		return failed("descriptor %d: %s", fd, strerror(errno));
	close(fd);
	return 0;
}

static int open_permission(const struct running *running)
{
	int permission = hf_allow(running->break_ms);

	return permission < 0 ? failed("%s", hf_error())
			      : leave_open(permission);
}

/* To the end of the file, the last page whole. */
static int lease_file(const struct running *running, const char *file)
{
	struct hf_attr attr = {
		.kind = running->kind,
		.break_ms = running->break_ms,
	};
	uint64_t page = sysconf(_SC_PAGESIZE);
	int fd = open(file, O_RDWR | O_CLOEXEC), lease;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return failed("%s: %s", file, strerror(errno));
	if (S_ISREG(st.st_mode) && !st.st_size)
		return failed("%s: the file is empty: nothing to lease", file);
	lease = hf_acquire(fd, 0, (st.st_size + page - 1) / page * page, &attr);
	close(fd);
	return lease < 0 ? failed("%s: %s", file, hf_error())
			 : leave_open(lease);
}

static int lease_files(const struct running *running)
{
	int status = 0;

	for (const char **file = running->files; *file && !status; file++)
		status = lease_file(running, *file);
	return status;
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

static int set_environment(const struct running *running, const char *shim)
{
	const char *others = getenv("LD_PRELOAD");
	char *preload, text[96];

	if (asprintf(&preload, "%s%s%s", shim, others ? ":" : "",
		     others ? others : "") < 0)
		return failed("%s", strerror(ENOMEM));
	snprintf(text, sizeof(text), RUN_FORMAT, running->grace_ms,
		 running->verbose);
	if (setenv("LD_PRELOAD", preload, 1) || setenv(RUN_VARIABLE, text, 1))
		return failed("environment: %s", strerror(errno));
	free(preload);
	return 0;
}

/* Also for a command that does not get the shim: what it starts may. */
static int prepare_shim(const struct running *running, const char *command)
{
	const char *why = preload_hindrance(command);
	int status;
	char *shim;

	if (running->hitless == HITLESS_YES && why)
		return failed("%s: --hitless needs the shim, and %s", command,
			      why);
	shim = find_shim();
	if (!shim)
		return EXIT_FAILED;
	if (why && running->verbose)
		fprintf(stderr, "holdfast: %s: without the shim: %s\n", command,
			why);
	status = set_environment(running, shim);
	free(shim);
	return status;
}

static void usage(void)
{
	puts("usage: holdfast run [OPTION...] [--] COMMAND [ARG...]\n"
	     "Run COMMAND so that what it maps of DAX files can be registered: "
	     "each registration\n"
	     "makes a lease.\n\n"
	     "  -t, --break-time S  seconds from a break to the fence\n"
	     "  -l, --lease FILE    lease FILE before, for as long as COMMAND "
	     "runs; repeatable\n"
	     "  -x, --exclusive     these leases are exclusive: changes of FILE "
	     "fail\n"
	     "  -H, --hitless       insist on the shim, a library before "
	     "COMMAND that lets go of\n"
	     "                      memory regions for it on a break; by "
	     "default COMMAND gets it\n"
	     "                      unless it is statically linked or setuid\n"
	     "  -n, --no-hitless    without the shim\n"
	     "  -g, --grace S       seconds from a break until the shim takes "
	     "memory regions from\n"
	     "                      COMMAND; half of the break time at most, "
	     "and the default\n"
	     "  -v, --verbose       the shim reports each break\n"
	     "  -h, --help");
}

/* -1 to go on, or the exit status. */
static int parse(struct running *running, int argc, char **argv)
{
	static const struct option options[] = {
		{ "break-time", required_argument, NULL, 't' },
		{ "exclusive", no_argument, NULL, 'x' },
		{ "grace", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "hitless", no_argument, NULL, 'H' },
		{ "lease", required_argument, NULL, 'l' },
		{ "no-hitless", no_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	const char **file = running->files;
	int option;

	/* "+": options behind COMMAND are its own. */
	while ((option = getopt_long(argc, argv, "+:g:hHl:nt:vx", options,
				     NULL)) >= 0) {
		switch (option) {
		case 'H':
			running->hitless = HITLESS_YES;
			break;
		case 'n':
			running->hitless = HITLESS_NO;
			break;
		case 'l':
			*file++ = optarg;
			break;
		case 'x':
			running->kind = HOLDFAST_EXCLUSIVE;
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

static int run(const struct running *running, char **command)
{
	int status = open_permission(running);

	status = status ?: lease_files(running);
	if (!status && running->hitless != HITLESS_NO)
		status = prepare_shim(running, *command);
	if (status)
		return status;
	execvp(*command, command);
	/* The exit statuses of env(1). */
	status = errno == ENOENT ? 127 : 126;
	failed("%s: %s", *command, strerror(errno));
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct running running = {
		.grace_ms = RUN_GRACE_MOST,
		.kind = HOLDFAST_BREAKABLE,
		.files = calloc(argc, sizeof(*running.files)),
	};
	int status;

	if (!running.files)
		return failed("%s", strerror(ENOMEM));
	status = parse(&running, argc, argv);
	if (status < 0 && optind == argc)
		status = bad_usage("run", "no COMMAND");
	else if (status < 0 && running.for_shim &&
		 running.hitless == HITLESS_NO)
		status = bad_usage("run", "%s: not with --no-hitless",
				   running.for_shim);
	else if (status < 0 && running.kind == HOLDFAST_EXCLUSIVE &&
		 !*running.files)
		status = bad_usage("run", "--exclusive: only with --lease");
	if (status < 0)
		status = run(&running, argv + optind);
	free(running.files);
	return status;
}
