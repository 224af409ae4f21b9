// SPDX-License-Identifier: LGPL-2.1-or-later
/* What holdfast run was told, and messages, see shim.h. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "shim.h"

/* Out of the way of programs that expect low numbers, or walk over them. */
#define FDS_FROM 512

static struct settings current = { .grace_ms = RUN_GRACE_MOST };
static int messages = -1;
static struct stat messages_stat;
static pthread_once_t once = PTHREAD_ONCE_INIT;

int fd_move_up(int fd)
{
	struct rlimit limit;
	int up = -1;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= 2 * FDS_FROM)
		up = fcntl(fd, F_DUPFD_CLOEXEC, FDS_FROM);
	if (up < 0)
		return fd;
	close(fd);
	return up;
}

/* An open file of our own: whether it waits is not the program's matter. */
static void open_messages(void)
{
	int fd = open("/proc/self/fd/2",
		      O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		fd = fd_move_up(fd);
	if (fd >= 0 && !fstat(fd, &messages_stat))
		messages = fd;
}

static void read_settings(void)
{
	const char *text = getenv(RUN_VARIABLE);
	unsigned int grace_ms, verbose;

	open_messages();
	/* The program may have been run by hand: then all is as it is by default. */
	if (!text ||
	    sscanf(text, RUN_FORMAT, &grace_ms, &verbose) != RUN_FIELDS)
		return;
	current.grace_ms = grace_ms;
	current.verbose = verbose;
}

const struct settings *settings(void)
{
	pthread_once(&once, read_settings);
	return &current;
}

/* Programs close all that is open, and open files of their own. */
static bool are_ours(void)
{
	struct stat st;

	return messages >= 0 && !fstat(messages, &st) &&
	       st.st_dev == messages_stat.st_dev &&
	       st.st_ino == messages_stat.st_ino;
}

void shim_say(const char *fmt, ...)
{
	struct pollfd pollfd = { .events = POLLOUT };
	char line[512];
	va_list args;
	int length;

	settings();
	if (!are_ours())
		return;
	length = snprintf(line, sizeof(line), "holdfast run: ");
	va_start(args, fmt);
	length += vsnprintf(line + length, sizeof(line) - length, fmt, args);
	va_end(args);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* A pipe that nobody reads would be the program's SIGPIPE. */
	pollfd.fd = messages;
	if (poll(&pollfd, 1, 0) != 1 || pollfd.revents != POLLOUT ||
	    write(messages, line, length) < 0)
		return;
}
