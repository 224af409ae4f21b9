// SPDX-License-Identifier: GPL-2.0
/* The log, see log.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#ifdef HAVE_SYSTEMD
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#endif

#include "log.h"
#include "utf8.h"

#define LINE_ROOM 1024

/* Of all processes of the agent. */
struct limit {
	atomic_long interval; /* since when @lines are counted */
	atomic_uint lines;
};

static struct limit own_limit;
static struct limit *limit = &own_limit;

int log_init(void)
{
	struct limit *shared = mmap(NULL, sizeof(*shared),
				    PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	limit = shared;
	return 0;
}

#ifdef HAVE_SYSTEMD
/* "NAME=text", in @room. */
static void field(struct iovec *fields, int *count, char *room, size_t size,
		  const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(room, size, fmt, args);
	va_end(args);
	fields[(*count)++] = (struct iovec){
		.iov_base = room,
		.iov_len = (size_t)length < size ? (size_t)length : size - 1,
	};
}

/* systemd names the stream that it made of standard error. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device &&
	       st.st_ino == inode;
}

static bool to_journal(int level, const struct about *about, const char *line)
{
	char message[LINE_ROOM + 16], priority[16], lease[40], file[LINE_ROOM];
	char pid[32], id[64];
	struct iovec fields[6];
	int n = 0;

	if (!is_journal())
		return false;
	field(fields, &n, message, sizeof(message), "MESSAGE=%s", line);
	field(fields, &n, priority, sizeof(priority), "PRIORITY=%d", level);
	if (about->lease)
		field(fields, &n, lease, sizeof(lease), "LEASE=%" PRIu64,
		      about->lease);
	if (about->file)
		field(fields, &n, file, sizeof(file), "FILE=%s", about->file);
	if (about->pid)
		field(fields, &n, pid, sizeof(pid), "PID=%d", about->pid);
	if (about->message_id)
		field(fields, &n, id, sizeof(id), "MESSAGE_ID=%s",
		      about->message_id);
	return sd_journal_sendv(fields, n) >= 0;
}
#else
static bool to_journal(int level, const struct about *about, const char *line)
{
	(void)level;
	(void)about;
	(void)line;
	return false;
}
#endif

static void put(int level, const struct about *about, const char *line)
{
	if (to_journal(level, about, line))
		return;
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", level, line);
	else
		fprintf(stderr, "holdfastd: %s\n", line);
}

/* Whether one more line is within the limit; says what was not. */
static bool may_say(void)
{
	static const struct about nothing;
	struct timespec now;
	long interval, before;
	unsigned int lines;

	clock_gettime(CLOCK_MONOTONIC, &now);
	interval = now.tv_sec / LOG_INTERVAL_S + 1;
	before = atomic_load(&limit->interval);
	if (before != interval &&
	    atomic_compare_exchange_strong(&limit->interval, &before,
					   interval)) {
		lines = atomic_exchange(&limit->lines, 0);
		if (lines > LOG_BURST) {
			char line[64];

			snprintf(line, sizeof(line),
				 "%u lines were left out: too many at once",
				 lines - LOG_BURST);
			put(LOG_WARNING, &nothing, line);
		}
	}
	return atomic_fetch_add(&limit->lines, 1) < LOG_BURST;
}

static void vsay(int level, const struct about *about, const char *fmt,
		 va_list args)
{
	char line[LINE_ROOM];

	if (!may_say())
		return;
	vsnprintf(line, sizeof(line), fmt, args);
	utf8_tame(line);
	put(level, about, line);
}

void say(int level, const char *fmt, ...)
{
	static const struct about nothing;
	va_list args;

	va_start(args, fmt);
	vsay(level, &nothing, fmt, args);
	va_end(args);
}

void say_about(int level, const struct about *about, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsay(level, about, fmt, args);
	va_end(args);
}
