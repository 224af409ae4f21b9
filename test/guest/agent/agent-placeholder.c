// SPDX-License-Identifier: GPL-2.0
/*
 * A holder that lives on after holdfastd took a region deregisters that region, too,
 * at some time. By then the region's number must not be another region's: neither
 * for a program that knows nothing of it, nor for libholdfast-verbs.
 */
#define _GNU_SOURCE
#include "agent.h"
#include "mr.h"
#include <pthread.h>

#define PATH	 PMEM "agent-placeholder"
#define LENGTH	 (4 * MIB)
#define BUFFERS	 8
#define STORMERS 2

static struct ibv_mr *buffer_make(struct rdma *rdma, size_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return rdma_register(rdma, memory, length);
}

/*
 * How many of them are not there any more. The kernel refuses with EBUSY to destroy an
 * object that is being looked at, here by the agent.
 */
static int buffers_end(struct ibv_mr **buffers, int count)
{
	int missing = 0;

	for (int i = 0; i < count; i++) {
		int err;

		while ((err = ibv_dereg_mr(buffers[i])) == EBUSY)
			sched_yield();
		missing += err != 0;
	}
	return missing;
}

static void *lease_mapped(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	void *map;

	lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, AGENT_BREAK_MS);
	map = map_shared(fd, 0, LENGTH);
	close(fd);
	return map;
}

/* There are free numbers below that of the region that is taken. */
static void hold_plain(int from, int to)
{
	struct rdma rdma = rdma_open();
	struct ibv_mr *buffers[BUFFERS], *early[BUFFERS], *taken;

	for (int i = 0; i < BUFFERS; i++)
		early[i] = buffer_make(&rdma, 4096);
	taken = rdma_register(&rdma, lease_mapped(), LENGTH);
	buffers_end(early, BUFFERS / 2);
	holder_ready(from, to);
	for (int i = 0; i < BUFFERS; i++)
		buffers[i] = buffer_make(&rdma, 4096);
	holder_say(to, ibv_dereg_mr(taken));
	holder_say(to, buffers_end(buffers, BUFFERS));
	holder_say(to, buffers_end(early + BUFFERS / 2, BUFFERS / 2));
	holder_ready(from, to);
}

static void truncated_in_time(const char *what)
{
	struct change change = change_start("truncate", PATH, 0, 0, NULL);

	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON) && !change.error,
	       "%s: the change completes", what);
	tap_ok(change_ms(&change) < AGENT_BREAK_MS,
	       "%s: before the deadline (%ld ms)", what, change_ms(&change));
}

static void try_plain(void)
{
	struct holder holder = holder_start(hold_plain);

	kill(holder.pid, SIGSTOP);
	truncated_in_time("plain");
	kill(holder.pid, SIGCONT);
	holder_ask(&holder);
	tap_is(holder_answer(&holder), 0,
	       "plain: the holder deregisters the region that was taken");
	tap_is(holder_answer(&holder), 0,
	       "plain: no region that was made after that is lost");
	tap_is(holder_answer(&holder), 0, "plain: nor one of before");
	holder_end(&holder);
}

/* Registered at the address of leased memory, it has no page of the file. */
static void hold_shadow(int from, int to)
{
	struct rdma rdma = rdma_open();
	char *leased = lease_mapped();
	char *memory = mmap(NULL, 2 * LENGTH, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ibv_mr *shadow = ibv_reg_mr_iova(rdma.pd, memory, 2 * LENGTH,
						(uintptr_t)leased, RDMA_ACCESS);
	struct ibv_mr *taken = rdma_register(&rdma, leased, LENGTH);

	if (!shadow)
		tap_bail("ibv_reg_mr_iova: %s", strerror(errno));
	holder_ready(from, to);
	shadow->addr = leased; /* what rdma_write() names to the device */
	holder_say(to, rdma_write(&rdma, shadow, 0, memory + LENGTH, 4096));
	holder_say(to, rdma_write(&rdma, taken, 0, memory + LENGTH, 4096));
	holder_ready(from, to);
}

static void try_shadow(void)
{
	struct holder holder = holder_start(hold_shadow);

	truncated_in_time("smallest first");
	holder_ask(&holder);
	tap_is(holder_answer(&holder), IBV_WC_SUCCESS,
	       "smallest first: a larger region that pins nothing is left");
	tap_ok(holder_answer(&holder) > IBV_WC_SUCCESS,
	       "smallest first: that of the file is gone");
	holder_end(&holder);
}

/* Threads that register and deregister while the agent is at work. */
static struct rdma rdma;
static bool calm;

static void *storm(void *arg)
{
	long *rounds = arg, missing = 0;

	while (!__atomic_load_n(&calm, __ATOMIC_ACQUIRE)) {
		static __thread char memory[4096];
		struct ibv_mr *mrs[4];

		for (int i = 0; i < 4; i++)
			mrs[i] = rdma_register(&rdma, memory, sizeof(memory));
		missing += buffers_end(mrs, 4);
		++*rounds;
	}
	return (void *)missing;
}

static void hold_storm(int from, int to)
{
	const struct hf_mr_attr attr = { .break_ms = AGENT_BREAK_MS };
	struct ibv_mr *buffers[BUFFERS];
	struct hf_context *context;
	pthread_t threads[STORMERS];
	long rounds[STORMERS] = { 0 };
	int missing = 0;
	struct hf_mr *mr;

	rdma = rdma_open();
	context = context_open(&rdma, NULL);
	mr = mr_make(&rdma, open(PATH, O_RDWR | O_CLOEXEC), 0, LENGTH, &attr);
	for (int i = 0; i < STORMERS; i++)
		pthread_create(&threads[i], NULL, storm, &rounds[i]);
	holder_ready(from, to);
	for (int i = 0; i < BUFFERS; i++)
		buffers[i] = buffer_make(&rdma, 4096);
	holder_say(to, hf_dereg_mr(mr));
	__atomic_store_n(&calm, true, __ATOMIC_RELEASE);
	for (int i = 0; i < STORMERS; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		missing += (long)ret;
	}
	holder_say(to, missing);
	holder_say(to, buffers_end(buffers, BUFFERS));
	holder_say(to, hf_close_context(context));
	tap_diag("storm: %ld and %ld rounds", rounds[0], rounds[1]);
	holder_ready(from, to);
}

static void try_storm(void)
{
	struct holder holder = holder_start(hold_storm);

	truncated_in_time("storm");
	holder_ask(&holder);
	tap_is(holder_answer(&holder), 0, "storm: the region ends");
	tap_is(holder_answer(&holder), 0, "storm: the threads lose no region");
	tap_is(holder_answer(&holder), 0, "storm: others are all there");
	tap_is(holder_answer(&holder), 0, "storm: the context closes");
	holder_end(&holder);
}

/* A hook that never returns: the library is earlier than the agent. */
static void stuck(struct hf_mr *mr, const struct holdfast_event *change,
		  void *arg)
{
	(void)mr;
	(void)change;
	(void)arg;
	for (;;)
		pause();
}

static void hold_stuck(int from, int to)
{
	const struct hf_context_attr automatic = { .flags = HF_AUTOMATIC,
						   .quiesce = stuck };
	const struct hf_mr_attr attr = { .break_ms = AGENT_BREAK_MS };
	struct hf_async_event event;
	struct hf_context *context;
	int fenced = 0;
	struct hf_mr *mr;

	rdma = rdma_open();
	context = context_open(&rdma, &automatic);
	mr = mr_make(&rdma, open(PATH, O_RDWR | O_CLOEXEC), 0, LENGTH, &attr);
	holder_ready(from, to);
	while ((event = mr_event(context, AT_ONCE)).type)
		fenced += event.type == HF_ASYNC_FENCED;
	holder_say(to, mr_query(mr).registered);
	holder_say(to, fenced);
	holder_ready(from, to);
}

static void try_stuck(void)
{
	struct holder holder = holder_start(hold_stuck);

	truncated_in_time("stuck hook");
	holder_ask(&holder);
	tap_is(holder_answer(&holder), 0, "stuck hook: it is deregistered");
	tap_is(holder_answer(&holder), 0,
	       "stuck hook: by the library, before the agent");
	holder_end(&holder);
}

int main(void)
{
	pid_t agent = agent_start();

	close(file_make(PATH, LENGTH));
	try_plain();
	close(file_make(PATH, LENGTH));
	try_shadow();
	close(file_make(PATH, LENGTH));
	try_storm();
	close(file_make(PATH, LENGTH));
	try_stuck();
	tap_ok(agent_said("deregistered memory region", AT_ONCE),
	       "the log says what was taken");
	tap_ok(agent_stop(agent), "the agent ends");
	unlink(PATH);
	return tap_done();
}
