// SPDX-License-Identifier: GPL-2.0
/*
 * What libholdfast-remote adds to ibv_post_send(): instructions that a program executes in
 * user space to post one write, by the library and by itself. A process steps through
 * both with ptrace(2) and counts exactly; no clock is used.
 */
#define _GNU_SOURCE
#include <sys/ptrace.h>
#include <sys/user.h>

#include "rdma.h"
#include "remote.h"

#define LENGTH MIB

/* The process that counts stops here, and goes on by single instructions. */
#define MARK() __asm__ volatile("int3" : : : "memory")

static const char *address = "192.0.2.1", *path = "/mnt/pmem/bench-post";
static unsigned long rounds = 11, gid = 1;

/* --- the process that posts */

static void post_by_hand(struct rdma *rdma, const struct ibv_sge *part,
			 const struct ibv_mr *to)
{
	struct ibv_sge sge = *part;
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { (uintptr_t)to->addr, to->rkey },
	};

	if (ibv_post_send(rdma->qp, &wr, &bad))
		_exit(2);
}

static void await(struct hf_queue *queue)
{
	struct hf_completion done;

	while (!hf_queue_poll(queue, &done, 1))
		usleep(1000);
	if (done.error)
		_exit(3);
}

static void post(void)
{
	struct hf_remote *remote;
	struct hf_importer *importer = remote_import(address, 0, &remote);
	struct hf_queue *queue = hf_importer_queue(importer, 0);
	static char data[8], to[8];
	struct ibv_mr *mr, *own, *target;
	struct ibv_sge part, mine;
	struct rdma rdma;
	struct ibv_wc wc;

	mr = ibv_reg_mr(hf_importer_pd(importer), data, sizeof(data), 0);
	rdma_open(&rdma);
	rdma_connect(&rdma, gid);
	own = ibv_reg_mr(rdma.pd, data, sizeof(data), 0);
	target = ibv_reg_mr(rdma.pd, to, sizeof(to), RDMA_ACCESS);
	if (!mr || !own || !target)
		err(1, "memory region");
	part = (struct ibv_sge){ (uintptr_t)data, sizeof(data), mr->lkey };
	mine = (struct ibv_sge){ (uintptr_t)data, sizeof(data), own->lkey };
	/* Once before, so that no symbol is looked up while it is counted. */
	for (unsigned long i = 0; i <= rounds; i++) {
		if (i)
			MARK();
		if (hf_post_write(queue, remote, 0, &part, 0))
			_exit(4);
		if (i)
			MARK();
		await(queue);
		if (i)
			MARK();
		post_by_hand(&rdma, &mine, target);
		if (i)
			MARK();
		while (!ibv_poll_cq(rdma.cq, 1, &wc))
			usleep(1000);
	}
	ibv_dereg_mr(mr);
	if (hf_importer_close(importer))
		errx(1, "importer: %s", hf_remote_error());
}

/* --- the process that counts */

/* Until the next mark. */
static void run_to_mark(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_CONT, pid, NULL, NULL) ||
	    waitpid(pid, &status, 0) != pid)
		err(1, "ptrace");
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		errx(1, "the process that posts has failed (%#x)", status);
}

/* From one mark to the next. */
static unsigned int count(pid_t pid)
{
	struct user_regs_struct regs;
	unsigned int n = 0;
	int status;

	for (;;) {
		if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
			err(1, "ptrace");
		errno = 0;
		if ((ptrace(PTRACE_PEEKTEXT, pid, regs.rip, NULL) & 0xff) ==
		    0xcc) {
			run_to_mark(pid);
			return n;
		}
		n++;
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		    WSTOPSIG(status) != SIGTRAP)
			errx(1, "ptrace: no single step (%#x)", status);
	}
}

int main(int argc, char **argv)
{
	const struct bench_option options[] = {
		{ "address", "of the RDMA device", .text = &address },
		{ "gid", "index of the address to use", .number = &gid },
		{ "rounds", "how often", .number = &rounds },
		{ 0 },
	};
	struct hf_exporter *exporter;
	int status, go[2];
	pid_t pid;
	char byte;

	parse_options(argc, argv, "Count what posting a write takes.", options);
	if (pipe(go))
		err(1, "pipe");
	pid = fork();
	if (!pid) {
		if (read(go[0], &byte, 1) != 1 ||
		    ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(5);
		raise(SIGTRAP);
		post();
		_exit(0);
	}
	exporter = remote_share(address, path, LENGTH);
	if (pid < 0 || write(go[1], "", 1) != 1 ||
	    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		errx(1, "no process that posts");
	for (unsigned int round = 0; round < rounds; round++) {
		run_to_mark(pid);
		sample("post", 0, "library", round, count(pid));
		run_to_mark(pid);
		sample("post", 0, "ibv_post_send", round, count(pid));
	}
	if (ptrace(PTRACE_CONT, pid, NULL, NULL) ||
	    waitpid(pid, &status, 0) != pid || status)
		errx(1, "the process that posts has failed (%#x)", status);
	hf_exporter_close(exporter);
	unlink(path);
	return 0;
}
