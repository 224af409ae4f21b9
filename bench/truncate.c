// SPDX-License-Identifier: GPL-2.0
/*
 * truncate(2) of a file that another process holds and lets go at once: a lease
 * with a registered region, and an fcntl(2) lease. What the holder needs to
 * deregister is not counted.
 */
#define _GNU_SOURCE
#include "holder.h"
#include "rdma.h"

static const char *file = "/mnt/pmem/bench";
static unsigned long rounds = 15, size = 2 * MIB;

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "size", "bytes of the region", .number = &size },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

/*
 * Whose deregistering lets the truncation go on is not to be preempted by it in
 * the middle, or that would be counted as the holder's.
 */
static void run_first(void)
{
	const struct sched_param param = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "SCHED_FIFO");
}

static void hold_lease(int from, int to, struct shared *shared)
{
	struct holdfast_event event;
	struct rdma rdma;

	rdma_open(&rdma);
	run_first();
	while (wait_go(from)) {
		int fd = open(file, O_RDWR | O_CLOEXEC);
		int lease = acquire(fd, 0, size);
		void *addr = map_shared(fd, size);
		struct ibv_mr *mr = rdma_register(&rdma, addr, size);
		uint64_t began;

		say_go(to);
		if (hf_wait(lease, &event, -1))
			errx(1, "wait: %s", hf_error());
		began = now_ns();
		rdma_deregister(mr);
		shared->took_ns = now_ns() - began;
		say_go(to);
		munmap(addr, size);
		close(lease);
		close(fd);
	}
}

/* As samba and the like do: a signal, and the lease is given up. */
static void hold_fcntl(int from, int to, struct shared *shared)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	run_first();
	while (wait_go(from)) {
		int fd = open(file, O_RDWR | O_CLOEXEC);

		if (fcntl(fd, F_SETSIG, SIGRTMIN) ||
		    fcntl(fd, F_SETLEASE, F_WRLCK))
			err(1, "F_SETLEASE");
		say_go(to);
		if (sigwaitinfo(&signals, NULL) < 0)
			err(1, "sigwaitinfo");
		if (fcntl(fd, F_SETLEASE, F_UNLCK))
			err(1, "F_SETLEASE");
		shared->took_ns = 0;
		say_go(to);
		close(fd);
	}
}

static void hold_nothing(int from, int to, struct shared *shared)
{
	shared->took_ns = 0;
	while (wait_go(from)) {
		say_go(to); /* ready */
		say_go(to); /* and done */
	}
}

int main(int argc, char **argv)
{
	struct {
		const char *name;
		void (*hold)(int from, int to, struct shared *shared);
		struct holder holder;
	} variants[] = { { .name = "lease", .hold = hold_lease },
			 { .name = "fcntl lease", .hold = hold_fcntl },
			 { .name = "nobody", .hold = hold_nothing } };

	parse_options(argc, argv,
		      "truncate(2) of what another process lets go at once.",
		      options);
	for (unsigned int v = 0; v < 3; v++)
		variants[v].holder = start_holder(variants[v].hold);
	for (int round = -1; round < (int)rounds; round++) {
		for (unsigned int v = 0; v < 3; v++) {
			struct holder *holder = &variants[v].holder;
			uint64_t began, took;

			close(make_file(file, size));
			say_go(holder->to);
			wait_ready(holder);
			began = now_ns();
			if (truncate(file, 0))
				err(1, "truncate");
			took = now_ns() - began;
			wait_ready(holder);
			if (round >= 0)
				sample("truncate", 0, variants[v].name, round,
				       took - holder->shared->took_ns);
		}
	}
	for (unsigned int v = 0; v < 3; v++)
		end_holder(&variants[v].holder);
	unlink(file);
	return 0;
}
