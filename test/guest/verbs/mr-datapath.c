// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is added to ibv_post_send() and ibv_poll_cq(): the instructions of a
 * program that has its regions from libholdfast-verbs are counted, by stepping
 * through them one by one, and those of one that does without.
 */
#define _GNU_SOURCE
#include "mr.h"
#include <dlfcn.h>
#include <sys/ptrace.h>

#define PATH	PMEM "mr-datapath"
#define LENGTH	(2 * MIB)
#define ROUNDS	6
#define NO_FLAG (~0U)

/* The tracer counts what is between two of these. */
#define MARK() __asm__ volatile("int3" ::: "memory")

static void post_and_poll(struct rdma *rdma, const struct ibv_sge *from,
			  uint64_t addr, uint32_t rkey, bool counted)
{
	struct ibv_sge sge = *from;
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = addr, .rkey = rkey },
	};
	struct ibv_wc wc = { 0 };
	int n;

	if (counted)
		MARK();
	if (ibv_post_send(rdma->qp, &wr, &bad))
		_exit(2);
	if (counted)
		MARK();
	/* Only a poll that finds something is always the same. */
	do {
		usleep(20000);
		if (counted)
			MARK();
		n = ibv_poll_cq(rdma->cq, 1, &wc);
		if (counted)
			MARK();
	} while (!n);
	if (n != 1 || wc.status)
		_exit(3);
	if (counted)
		raise(SIGUSR1); /* it was found */
}

/* In the child: @flags of a context, or NO_FLAG to do without the library. */
static void traced(unsigned int flags)
{
	struct hf_context_attr attr = { .flags = flags };
	struct rdma rdma = rdma_open();
	int fd = open(PATH, O_RDWR);
	struct ibv_mr *plain, *local;
	struct hf_mr *mr;
	static char bytes[256];
	struct ibv_sge sge;
	uint32_t rkey;
	void *addr;

	if (flags == NO_FLAG) {
		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
		addr = map_shared(fd, 0, LENGTH);
		plain = rdma_register(&rdma, addr, LENGTH);
		rkey = plain->rkey;
	} else {
		context_open(&rdma, &attr);
		mr = mr_make(&rdma, fd, 0, LENGTH, NULL);
		addr = mr_query(mr).addr;
		rkey = mr_query(mr).rkey;
	}
	local = rdma_register(&rdma, bytes, sizeof(bytes));
	sge = (struct ibv_sge){ .addr = (uintptr_t)bytes,
				.length = sizeof(bytes),
				.lkey = local->lkey };
	if (rdma_connect_self(&rdma))
		_exit(4);
	for (int i = 0; i < ROUNDS + 2; i++)
		post_and_poll(&rdma, &sge, (uintptr_t)addr, rkey, i >= 2);
	_exit(0);
}

/* Steps to the next MARK(): how many instructions, or -1. */
static long steps_to_mark(pid_t pid)
{
	long count = 0;

	for (;;) {
		siginfo_t info;
		int status;

		if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		    WSTOPSIG(status) != SIGTRAP ||
		    ptrace(PTRACE_GETSIGINFO, pid, 0, &info))
			return -1;
		if (info.si_code == SI_KERNEL)
			return count;
		count++;
	}
}

/* Runs to the next stop; its signal, or 0 at the end. */
static int run_on(pid_t pid)
{
	int status;

	ptrace(PTRACE_CONT, pid, 0, 0);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 0;
	return WSTOPSIG(status);
}

struct counts {
	long post;
	long poll;
	int rounds;
};

static struct counts count(unsigned int flags)
{
	struct counts counts = { 0 };
	long post = 0, poll = 0;
	pid_t pid = child_fork();
	int signal, status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGUSR1);
		traced(flags);
	}
	waitpid(pid, &status, 0);
	/* post, poll (and poll again), found; and so on */
	while ((signal = run_on(pid))) {
		if (signal == SIGUSR1) {
			counts.post += post;
			counts.poll += poll;
			counts.rounds++;
			post = 0;
		} else if (signal == SIGTRAP) {
			long steps = steps_to_mark(pid);

			if (steps < 0)
				break;
			if (post)
				poll = steps;
			else
				post = steps;
		} else {
			break;
		}
	}
	return counts;
}

static void compare(struct counts with, struct counts without, const char *name)
{
	tap_is(with.rounds, ROUNDS, "%s: counted", name);
	tap_is(with.post, without.post, "%s: ibv_post_send()", name);
	tap_is(with.poll, without.poll, "%s: ibv_poll_cq()", name);
}

static bool is_of_provider(void *function)
{
	Dl_info info;

	return dladdr(function, &info) && strstr(info.dli_fname, "rxe");
}

static void test_operations(void)
{
	struct rdma rdma = rdma_open();
	const struct ibv_context_ops before = rdma.context->ops;
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC };
	int fd = open(PATH, O_RDWR);
	struct hf_context *context = context_open(&rdma, &attr);
	struct hf_mr *mr = mr_make(&rdma, fd, 0, LENGTH, NULL);

	tap_ok(!memcmp(&before, &rdma.context->ops, sizeof(before)),
	       "the device's table of operations is as before");
	tap_ok(is_of_provider(before.post_send) &&
		       is_of_provider(before.poll_cq),
	       "and has its provider's functions");
	hf_dereg_mr(mr);
	hf_close_context(context);
	close(fd);
	rdma_close(&rdma);
}

int main(void)
{
	struct counts without;

	close(file_make(PATH, LENGTH));
	test_operations();
	without = count(NO_FLAG);
	tap_is(without.rounds, ROUNDS, "without the library: counted");
	tap_ok(without.post > 50 && without.poll > 20,
	       "%d writes: %ld and %ld instructions", ROUNDS, without.post,
	       without.poll);
	compare(count(0), without, "with the library");
	compare(count(HF_AUTOMATIC), without, "with all of it");
	unlink(PATH);
	return tap_done();
}
