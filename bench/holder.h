/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that holds something while its parent does something else: they
 * share a page, and say "go on" over pipes.
 */
#ifndef HOLDFAST_BENCH_HOLDER_H
#define HOLDFAST_BENCH_HOLDER_H

#include <sys/prctl.h>

#include "bench.h"

struct shared {
	uint64_t took_ns; /* what the holder did for itself */
	uint64_t deadline_ns;
};

struct holder {
	pid_t pid;
	int to;	  /* the holder */
	int from; /* it */
	struct shared *shared;
};

static inline void say_go(int fd)
{
	if (write(fd, "g", 1) != 1)
		err(1, "pipe");
}

/* False when the other one is gone. */
static inline bool wait_go(int fd)
{
	char c;

	return read(fd, &c, 1) == 1;
}

/* @hold runs in the holder, with pipes from its parent and to it. */
static inline struct holder start_holder(void (*hold)(int from, int to,
						      struct shared *shared))
{
	struct holder holder;
	int down[2], up[2];

	holder.shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (holder.shared == MAP_FAILED || pipe2(down, O_CLOEXEC) ||
	    pipe2(up, O_CLOEXEC))
		err(1, "holder");
	fflush(stdout);
	holder.pid = fork();
	if (holder.pid < 0)
		err(1, "fork");
	if (!holder.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(down[1]);
		close(up[0]);
		hold(down[0], up[1], holder.shared);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	holder.to = down[1];
	holder.from = up[0];
	return holder;
}

static inline void wait_ready(struct holder *holder)
{
	if (!wait_go(holder->from))
		errx(1, "the holder has failed");
}

static inline void end_holder(struct holder *holder)
{
	close(holder->to);
	close(holder->from);
	kill(holder->pid, SIGKILL);
	waitpid(holder->pid, NULL, 0);
	munmap(holder->shared, PAGE);
}

#endif
