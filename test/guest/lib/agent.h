/* SPDX-License-Identifier: GPL-2.0 */
/* holdfastd in the background, and a holder that is stopped and told what to do. */
#ifndef HOLDFAST_TEST_AGENT_H
#define HOLDFAST_TEST_AGENT_H

#include "common.h"
#include "rdma.h"

#define AGENT	  "/src/build/sbin/holdfastd"
#define AGENT_LOG "/tmp/holdfastd.log"

/* The agent acts in the middle of it, which leaves it the same again. */
#define AGENT_BREAK_MS 8000

/* Whether the log has the text, within @timeout_ms. */
static inline bool agent_said(const char *text, int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;
	static char log[65536];

	do {
		int fd = open(AGENT_LOG, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, log, sizeof(log) - 1);

		if (fd >= 0)
			close(fd);
		log[n > 0 ? n : 0] = '\0';
		if (strstr(log, text))
			return true;
		usleep(20000);
	} while (now_ns() < limit);
	tap_diag("the log has no \"%s\":\n%s", text, log);
	return false;
}

/*
 * Starts with an empty log, and with no more rights than its unit has; is at
 * work when this returns.
 */
static inline pid_t agent_start(void)
{
	char *const argv[] = { "setpriv",
			       "--no-new-privs",
			       "--bounding-set",
			       "-all,+sys_ptrace,+sys_admin,+dac_read_search",
			       AGENT,
			       "--margin",
			       "60",
			       NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, AGENT_LOG,
					 O_WRONLY | O_CREAT | O_TRUNC, 0644);
	err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		tap_bail(AGENT ": %s", strerror(err));
	if (!agent_said("watching", SOON))
		tap_bail("holdfastd does not start");
	return pid;
}

/* True when it ends with status 0. */
static inline bool agent_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	return child_wait(pid, SOON) == 0;
}

/* A process of our own behind two pipes. */
struct holder {
	pid_t pid;
	int to;
	int from;
};

/* Runs @main(from, to) in a child; it says one byte when it holds. */
static inline struct holder holder_start(void (*run)(int from, int to))
{
	struct holder holder;
	int down[2], up[2];
	char byte;

	if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	holder.pid = child_fork();
	if (!holder.pid) {
		close(down[1]);
		close(up[0]);
		run(down[0], up[1]);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	holder.to = down[1];
	holder.from = up[0];
	if (!readable(holder.from, SOON) || read(holder.from, &byte, 1) != 1)
		tap_bail("the holder does not hold");
	return holder;
}

static inline void holder_say(int to, int value)
{
	if (write(to, &value, sizeof(value)) != sizeof(value))
		_exit(1);
}

/* In the holder: until its parent asks. */
static inline void holder_ready(int from, int to)
{
	char byte;

	if (write(to, "", 1) != 1 || read(from, &byte, 1) != 1)
		_exit(0);
}

/* In the holder: leases of a page each, each with a region. */
static inline void holder_register(const char *path, int leases,
				   unsigned int break_ms)
{
	const size_t page = 4096;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct rdma rdma = rdma_open();
	char *map = map_shared(fd, 0, leases * page);

	for (int i = 0; i < leases; i++) {
		lease_make(fd, i * page, page, HOLDFAST_BREAKABLE, break_ms);
		rdma_register(&rdma, map + i * page, page);
	}
}

static inline void holder_ask(struct holder *holder)
{
	if (write(holder->to, "", 1) != 1)
		tap_bail("the holder is gone");
}

/* What the holder says next, or -1. */
static inline int holder_answer(struct holder *holder)
{
	int value;

	if (!readable(holder->from, SOON) ||
	    read(holder->from, &value, sizeof(value)) != sizeof(value))
		return -1;
	return value;
}

static inline void holder_end(struct holder *holder)
{
	close(holder->to);
	close(holder->from);
	kill(holder->pid, SIGKILL);
	waitpid(holder->pid, NULL, 0);
}

#endif
