/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What guest tests share: files on the DAX filesystem, leases, changes made by
 * another process. Whatever a test only builds on ends it when it fails; what
 * it tests it checks itself.
 */
#ifndef HOLDFAST_TEST_COMMON_H
#define HOLDFAST_TEST_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/holdfast.h>

#include "holdfast.h"
#include "../../tap.h"

#define MIB  (1UL << 20)
#define PMEM "/mnt/pmem/"

/* How many times slower than others this guest is: lab/guest knows. */
static inline int time_scale(void)
{
	const char *scale = getenv("HOLDFAST_TIME_SCALE");

	return scale ? atoi(scale) : 1;
}

/*
 * Limits of time, in ms. A change that does not wait ends well within AT_ONCE
 * even in emulation; one that waits is watched for STILL before we believe it;
 * SOON is for what must come to an end at all.
 */
#define AT_ONCE	   (5000 * time_scale())
#define STILL	   (300 * time_scale())
#define SOON	   (20000 * time_scale())
#define LONG_BREAK (40000 * time_scale())

extern char **environ;

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline void pattern_fill(void *buf, size_t len, unsigned int seed)
{
	uint32_t *word = buf;

	for (size_t i = 0; i < len / sizeof(*word); i++)
		word[i] = (uint32_t)i * 2654435761U + seed;
}

/* A file of @len bytes of pattern @seed, open for reading and writing. */
static inline int file_make_seed(const char *path, size_t len,
				 unsigned int seed)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char *buf = malloc(MIB);

	if (fd < 0 || !buf)
		tap_bail("%s: %s", path, strerror(errno));
	for (size_t done = 0; done < len; done += MIB) {
		size_t part = len - done < MIB ? len - done : MIB;

		pattern_fill(buf, MIB, seed + done / MIB);
		if (write(fd, buf, part) != (ssize_t)part)
			tap_bail("%s: write: %s", path, strerror(errno));
	}
	free(buf);
	return fd;
}

static inline int file_make(const char *path, size_t len)
{
	return file_make_seed(path, len, 1);
}

static inline int lease_make(int fd, uint64_t offset, uint64_t length,
			     uint32_t kind, uint32_t break_ms)
{
	struct hf_attr attr = { .kind = kind, .break_ms = break_ms };
	int lease = hf_acquire(fd, offset, length, &attr);

	if (lease < 0)
		tap_bail("lease: %s", hf_error());
	return lease;
}

/* An ordinary mapping of a file. */
static inline char *map_shared(int fd, uint64_t offset, size_t length)
{
	char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 offset);

	if (map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	return map;
}

static inline struct holdfast_query lease_query(int lease)
{
	struct holdfast_query query = { .size = sizeof(query) };

	if (ioctl(lease, HOLDFAST_IOC_QUERY, &query))
		tap_bail("query: %s", strerror(errno));
	return query;
}

static inline bool readable(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1 && (pfd.revents & POLLIN);
}

/* The next event of a lease, or none within @timeout_ms. */
static inline bool event_next(int lease, struct holdfast_event *event,
			      int timeout_ms)
{
	return readable(lease, timeout_ms) &&
	       read(lease, event, sizeof(*event)) == sizeof(*event);
}

/* The events that a lease has now are dropped. */
static inline void events_drop(int lease)
{
	struct holdfast_event event;

	while (event_next(lease, &event, 0))
		;
}

/* Bytes that all leases together have pinned, by the report. */
static inline uint64_t report_pinned(void)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	uint64_t pinned = 0;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	while (hf_report_next(report, &entry) == 1)
		pinned += entry.pinned;
	hf_report_close(report);
	return pinned;
}

/* The number of the lease of a file that the report has in a state, or 0. */
static inline uint64_t lease_listed(const char *path, const char *state)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	uint64_t id = 0;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	while (hf_report_next(report, &entry) == 1) {
		if (!strcmp(entry.path, path) &&
		    !strcmp(hf_state_name(entry.state), state))
			id = entry.id;
	}
	hf_report_close(report);
	return id;
}

/*
 * The same, as soon as there is one: on a busy machine a change that was just
 * started may not have reached the kernel yet. 0: not within SOON.
 */
static inline uint64_t lease_awaited(const char *path, const char *state)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL, id;

	while (!(id = lease_listed(path, state)) && now_ns() < limit)
		usleep(20000);
	return id;
}

/* A child must not outlive the test that a bail ends. */
static inline pid_t child_fork(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		tap_bail("fork: %s", strerror(errno));
	return pid;
}

/* The child's wait status, or -1 when it has not ended within @timeout_ms. */
static inline int child_wait(pid_t pid, int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ns() > limit)
			return -1;
		usleep(5000);
	}
	return status;
}

/* Whether a status of child_wait() is that of a child that SIGKILL has ended. */
static inline bool was_killed(int status)
{
	return status > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* A change to a file, made by a process of its own: test/guest/change.c. */
struct change {
	pid_t pid;
	int out;
	bool done;
	int error;
	uint64_t begin_ns;
	uint64_t end_ns;
};

/* The change is at its call when this returns. */
static inline struct change change_start(const char *op, const char *path,
					 uint64_t offset, uint64_t length,
					 const char *other)
{
	char from[24], count[24], begin[22] = "";
	const char *argv[] = { "change", op, path, from, count, other, NULL };
	posix_spawn_file_actions_t actions;
	struct change change = { 0 };
	int pipefd[2], ret;

	snprintf(from, sizeof(from), "%llu", (unsigned long long)offset);
	snprintf(count, sizeof(count), "%llu", (unsigned long long)length);
	if (pipe2(pipefd, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDOUT_FILENO);
	/* What it says of a refused change is no news to the test. */
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	ret = posix_spawnp(&change.pid, "change", &actions, NULL, (char **)argv,
			   environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		tap_bail("change: %s", strerror(ret));
	close(pipefd[1]);
	change.out = pipefd[0];
	if (!readable(change.out, SOON) || read(change.out, begin, 21) != 21)
		tap_bail("change does not begin: \"%s\"", begin);
	change.begin_ns = strtoull(begin, NULL, 10);
	return change;
}

/* True when the change has ended, after at most @timeout_ms. */
static inline bool change_done(struct change *change, int timeout_ms)
{
	unsigned long long end;
	char line[80] = "";

	if (change->done)
		return true;
	if (!readable(change->out, timeout_ms))
		return false;
	/* One short line, written in one piece. */
	if (read(change->out, line, sizeof(line) - 1) <= 0 ||
	    sscanf(line, "%d %llu", &change->error, &end) != 2)
		tap_bail("change said \"%s\"", line);
	change->end_ns = end;
	change->done = true;
	close(change->out);
	waitpid(change->pid, NULL, 0);
	return true;
}

/* How long it has taken, or takes by now. */
static inline long change_ms(const struct change *change)
{
	uint64_t end_ns = change->done ? change->end_ns : now_ns();

	return (end_ns - change->begin_ns) / 1000000;
}

/* The change from begin to end; its errno, or -1 when it is late. */
static inline int change_make(const char *op, const char *path, uint64_t offset,
			      uint64_t length, const char *other,
			      int timeout_ms)
{
	struct change change = change_start(op, path, offset, length, other);

	if (change_done(&change, timeout_ms))
		return change.error;
	/* It must not go on by surprise later; the test has failed anyway. */
	kill(change.pid, SIGKILL);
	return -1;
}

#endif
