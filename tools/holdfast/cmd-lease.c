// SPDX-License-Identifier: GPL-2.0
/* holdfast-lease(1): holds a lease while a command runs, or until a signal. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"
#include "holdfast.h"
#include "signals.h"
#include "size.h"
#include "tool.h"

#define LEASE_FD_VARIABLE "HOLDFAST_LEASE_FD"

struct holding {
	const char *file;
	char **command; /* NULL: until a signal */
	bool pass_fd;
	struct hf_attr attr;
	uint64_t offset;
	uint64_t length;
	bool has_length;

	FILE *to; /* where events go: the command owns standard output */
	int lease;
	int signals; /* a signalfd */
	sigset_t old_mask;
	pid_t child;
	uint64_t seq; /* of the last event */
};

/* To the end of the file, the last page whole. */
static int find_length(struct holding *holding, int fd)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	struct stat st;
	uint64_t end;

	if (fstat(fd, &st))
		return failed("%s: %s", holding->file, strerror(errno));
	end = (st.st_size + page - 1) / page * page;
	if (holding->offset >= end)
		return failed("%s: nothing to lease from %" PRIu64
			      ": the file ends at %jd",
			      holding->file, holding->offset,
			      (intmax_t)st.st_size);
	holding->length = end - holding->offset;
	return 0;
}

/* What a change leaves beside a rewriting lease is in these units. */
static void round_range(struct holding *holding)
{
	uint64_t unit = HOLDFAST_CHANGE_ALIGN;
	uint64_t begin = holding->offset / unit * unit;

	holding->length += holding->offset - begin;
	holding->length = (holding->length + unit - 1) / unit * unit;
	holding->offset = begin;
}

static int acquire(struct holding *holding)
{
	int fd = open(holding->file, O_RDWR | O_CLOEXEC);
	int status = 0;

	/* For reading, the file's owner can lease it, too. */
	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
		fd = open(holding->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed("%s: %s", holding->file,
			      errno == EISDIR ? "a directory: only a regular "
						"file can be leased"
					      : strerror(errno));
	if (!holding->has_length)
		status = find_length(holding, fd);
	if (!status && holding->attr.kind == HOLDFAST_REWRITING)
		round_range(holding);
	if (!status) {
		holding->lease = hf_acquire(fd, holding->offset,
					    holding->length, &holding->attr);
		if (holding->lease < 0)
			status = failed("%s", hf_error());
	}
	close(fd);
	return status;
}

static int announce(struct holding *holding)
{
	struct holdfast_query query;

	if (hf_query(holding->lease, &query))
		return failed("%s", hf_error());
	print_acquired(holding->to, &query);
	return 0;
}

static int catch_signals(struct holding *holding)
{
	static const int signals[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, 0 };

	holding->signals = signals_open(signals, &holding->old_mask);
	return holding->signals < 0 ? EXIT_FAILED : 0;
}

/* The exit statuses of env(1) when it cannot run its command. */
static int spawn(struct holding *holding)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char number[16];
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &holding->old_mask);
	if (holding->pass_fd) {
		snprintf(number, sizeof(number), "%d", holding->lease);
		setenv(LEASE_FD_VARIABLE, number, 1);
		/* Onto itself: only takes close-on-exec off, in the child. */
		posix_spawn_file_actions_adddup2(&actions, holding->lease,
						 holding->lease);
	}
	err = posix_spawnp(&holding->child, holding->command[0], &actions,
			   &attr, holding->command, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (!err)
		return 0;
	failed("%s: %s", holding->command[0], strerror(err));
	return err == ENOENT ? 127 : 126;
}

static int read_event(struct holding *holding)
{
	struct holdfast_event event;
	int ret = hf_wait(holding->lease, &event, 0);

	if (ret == -ETIMEDOUT)
		return 0;
	if (ret)
		return failed("%s", hf_error());
	if (event.seq > holding->seq + 1)
		print_lost(holding->to, event.seq - holding->seq - 1);
	holding->seq = event.seq;
	print_event(holding->to, &event);
	return 0;
}

/* Whether it was the last one; then *@status is the exit status. */
static bool read_signal(struct holding *holding, int *status)
{
	struct signalfd_siginfo info;
	int wstatus;

	if (read(holding->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (!holding->child)
		return info.ssi_signo != SIGCHLD;
	if (info.ssi_signo != SIGCHLD) {
		/* The terminal has sent its own to the command as well. */
		if (info.ssi_code != SI_KERNEL)
			kill(holding->child, info.ssi_signo);
		return false;
	}
	if (waitpid(holding->child, &wstatus, WNOHANG) != holding->child)
		return false;
	if (WIFSIGNALED(wstatus))
		*status = 128 + WTERMSIG(wstatus);
	else
		*status = WEXITSTATUS(wstatus);
	return true;
}

static int hold(struct holding *holding)
{
	struct pollfd fds[] = {
		{ .fd = holding->signals, .events = POLLIN },
		/* Each event is read once: by the process that has the lease. */
		{ .fd = holding->pass_fd ? -1 : holding->lease,
		  .events = POLLIN },
	};
	int status = 0;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			return failed("poll: %s", strerror(errno));
		if (fds[1].revents && read_event(holding)) {
			if (!holding->child)
				return EXIT_FAILED;
			/* The command must not suffer. */
			fds[1].fd = -1;
		}
		if (fds[0].revents && read_signal(holding, &status))
			return status;
	}
}

static int run(struct holding *holding)
{
	int status = acquire(holding);

	if (!status)
		status = announce(holding);
	if (!status)
		status = catch_signals(holding);
	if (!status && holding->command)
		status = spawn(holding);
	if (!status)
		status = hold(holding);
	/* The exit closes the lease, and with it ends it. */
	return status;
}

static void usage(void)
{
	puts("usage: holdfast lease [OPTION...] FILE [-- COMMAND [ARG...]]\n"
	     "Take a lease on FILE, hold it while COMMAND runs or until a "
	     "signal, and print\n"
	     "its events.\n\n"
	     "  -x, --exclusive     changes fail, in place of breaking the "
	     "lease\n"
	     "  -r, --rewriting     changes leave the range as it is; it is "
	     "rounded out to 2M\n"
	     "  -t, --break-time S  seconds from a break to the fence\n"
	     "  -o, --offset N      start of the range in bytes, or 4K, 2M, "
	     "1G (0)\n"
	     "  -l, --length N      its length (to the end of the file)\n"
	     "  -p, --pass-fd       give COMMAND the lease, as descriptor "
	     "$" LEASE_FD_VARIABLE ";\n"
	     "                      its events are COMMAND's then\n"
	     "  -h, --help");
}

/* -1 to go on, or the exit status. */
static int parse(struct holding *holding, int argc, char **argv)
{
	static const struct option options[] = {
		{ "break-time", required_argument, NULL, 't' },
		{ "exclusive", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ "length", required_argument, NULL, 'l' },
		{ "offset", required_argument, NULL, 'o' },
		{ "pass-fd", no_argument, NULL, 'p' },
		{ "rewriting", no_argument, NULL, 'r' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, ":hl:o:prt:x", options,
				     NULL)) >= 0) {
		switch (option) {
		case 'x':
			holding->attr.kind = HOLDFAST_EXCLUSIVE;
			break;
		case 'r':
			holding->attr.kind = HOLDFAST_REWRITING;
			break;
		case 't':
			if (!seconds_parse(optarg, &holding->attr.break_ms))
				return bad_usage("lease",
						 "%s: not a break time",
						 optarg);
			break;
		case 'o':
			if (!size_parse(optarg, &holding->offset) ||
			    holding->offset > INT64_MAX)
				return bad_usage("lease", "%s: not an offset",
						 optarg);
			break;
		case 'l':
			if (!size_parse(optarg, &holding->length))
				return bad_usage("lease", "%s: not a length",
						 optarg);
			holding->has_length = true;
			break;
		case 'p':
			holding->pass_fd = true;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("lease", option, argv);
		}
	}
	return -1;
}

/* What stands behind "--" is the command, and all its options are its own. */
static char **cut_command(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (!strcmp(argv[i], "--")) {
			*argc = i;
			argv[i] = NULL;
			return argv + i + 1;
		}
	}
	return NULL;
}

int cmd_lease(int argc, char **argv)
{
	struct holding holding = {
		.to = stdout,
		.command = cut_command(&argc, argv),
	};
	int status = parse(&holding, argc, argv);

	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return bad_usage("lease",
				 argc == optind
					 ? "no FILE"
					 : "one FILE, and -- before COMMAND");
	holding.file = argv[optind];
	if (holding.command) {
		if (!*holding.command)
			return bad_usage("lease", "no COMMAND after --");
		holding.to = stderr;
	} else if (holding.pass_fd) {
		return bad_usage("lease", "--pass-fd needs a COMMAND");
	}
	return run(&holding);
}
