// SPDX-License-Identifier: GPL-2.0
/* Tricks to hold up another user's truncate: what one process can do alone. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "attacker.h"

#ifndef __NR_mseal
#define __NR_mseal 462
#endif

#define THREADS 8

static void ignores(struct attacker *me)
{
	attacker_hold(me);
	attacker_ready(me);
}

static void is_stopped(struct attacker *me)
{
	attacker_hold(me);
	attacker_ready(me);
	raise(SIGSTOP);
}

static void blocks_signals(struct attacker *me)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	attacker_hold(me);
	attacker_ready(me);
	for (;;)
		sched_yield();
}

/* The holder is held by a partner that never lets him go on. */
static void is_traced(struct attacker *me)
{
	pid_t pid = attacker_hold_in_child(me);

	must(!ptrace(PTRACE_SEIZE, pid, 0, 0), "seize");
	must(!ptrace(PTRACE_INTERRUPT, pid, 0, 0), "interrupt");
	must(waitpid(pid, NULL, 0) == pid, "traced");
	attacker_ready(me);
}

/* Nobody has the lease open or the file mapped. */
static void is_zombie(struct attacker *me)
{
	attacker_hold(me);
	must(!munmap(me->map, LENGTH), "munmap");
	close(me->lease);
	close(me->fd);
	attacker_ready(me);
}

static void moves_the_mapping(struct attacker *me)
{
	size_t half = LENGTH / 2;
	char *half_map;

	attacker_hold(me);
	half_map = mremap(me->map + half, half, half, MREMAP_MAYMOVE);
	must(half_map != MAP_FAILED, "mremap");
	mremap(me->map, half, half, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	madvise(half_map, half, MADV_DOFORK);
	mprotect(half_map, half, PROT_READ);
	mlock(half_map, half);
	/* No such call before 6.10. */
	syscall(__NR_mseal, half_map, half, 0);
	munmap(half_map, half);
	munmap(me->map, half);
	attacker_ready(me);
}

static void vforks(struct attacker *me)
{
	attacker_hold(me);
	attacker_ready(me);
	if (!vfork())
		sit();
}

/* A child in the same memory that has the same files in a table of its own. */
static void shares_memory(struct attacker *me)
{
	attacker_hold(me);
	if (syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0))
		sit();
	attacker_ready(me);
	sit();
}

#define RELAY_STACK 16384
static char relay_stacks[8][RELAY_STACK] __attribute__((aligned(16)));

/* Memory and files go from process to process; each is there for a moment. */
static int relay(void *arg)
{
	uintptr_t n = (uintptr_t)arg;

	clone(relay, relay_stacks[n % 8] + RELAY_STACK,
	      CLONE_VM | CLONE_FILES | SIGCHLD, (void *)(n + 1));
	syscall(SYS_exit_group, 0);
	return 0;
}

static void is_a_relay(struct attacker *me)
{
	int held[2];
	char byte;

	must(!pipe(held), "pipe");
	if (!fork()) {
		attacker_hold(me);
		must(write(held[1], "h", 1) == 1, "held");
		relay(NULL);
	}
	/* Nobody has to wait for them. */
	must(!prctl(PR_SET_CHILD_SUBREAPER, 1) &&
		     signal(SIGCHLD, SIG_IGN) != SIG_ERR,
	     "subreaper");
	must(read(held[0], &byte, 1) == 1, "held");
	attacker_ready(me);
}

/* The leader is gone, a thread goes on. */
static void *be_thread(void *arg)
{
	attacker_ready(arg);
	sit();
}

static void leader_exits(struct attacker *me)
{
	pthread_t thread;

	attacker_hold(me);
	must(!pthread_create(&thread, NULL, be_thread, me), "thread");
	pthread_exit(NULL);
}

/* --- who does much at once */

static void threads_start(void *(*run)(void *), struct attacker *me)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		must(!pthread_create(&thread, NULL, run, me), "thread");
	/* So that they are at it. */
	usleep(100000);
	attacker_ready(me);
}

/* Takes what he can get, and registers it. */
static void *take_again(void *arg)
{
	struct hf_attr attr = { .kind = HOLDFAST_BREAKABLE,
				.break_ms = ASKED_MS };
	struct attacker *me = arg;

	for (;;) {
		int lease = hf_acquire(me->fd, 0, LENGTH, &attr);

		ibv_reg_mr(me->rdma.pd, me->map, LENGTH, RDMA_ACCESS);
		if (lease >= 0)
			close(lease);
	}
	return NULL;
}

static void takes_again(struct attacker *me)
{
	attacker_hold(me);
	threads_start(take_again, me);
}

/* Answers each break, and has a lease with a consumer again at once. */
static void *answer(void *arg)
{
	struct hf_attr attr = { .kind = HOLDFAST_BREAKABLE,
				.break_ms = ASKED_MS };
	struct attacker *me = arg;
	struct holdfast_event event;
	struct ibv_mr *mr;
	int lease;

	for (;;) {
		lease = hf_acquire(me->fd, 0, LENGTH, &attr);
		if (lease < 0)
			continue;
		do {
			mr = ibv_reg_mr(me->rdma.pd, me->map, LENGTH,
					RDMA_ACCESS);
			hf_wait(lease, &event, 100);
			if (mr)
				ibv_dereg_mr(mr);
		} while (mr);
		close(lease);
	}
	return NULL;
}

static void answers_and_takes_again(struct attacker *me)
{
	attacker_lease(me);
	me->rdma = rdma_open();
	threads_start(answer, me);
}

/* Faults that map again what the change has unmapped. */
static void *touch(void *arg)
{
	struct attacker *me = arg;

	for (size_t at = 0;; at = (at + 4096) % LENGTH)
		((volatile char *)me->map)[at] = 't';
	return NULL;
}

static void touches(struct attacker *me)
{
	attacker_hold(me);
	threads_start(touch, me);
}

/* In the file's locks as often as he can. */
static void *write_on(void *arg)
{
	struct attacker *me = arg;
	static char buf[MIB];

	for (;;) {
		if (pwrite(me->fd, buf, MIB, MIB) < 0 || fsync(me->fd) ||
		    pread(me->fd, buf, 4096, 0) < 0)
			sched_yield();
	}
	return NULL;
}

static void writes(struct attacker *me)
{
	attacker_hold(me);
	threads_start(write_on, me);
}

/* Changes of his own, which wait for his own lease. */
static void *change_on(void *arg)
{
	struct attacker *me = arg;

	for (uint64_t at = 0;; at = (at + 4096) % LENGTH) {
		fallocate(me->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  at, 4096);
		if (ftruncate(me->fd, LENGTH + at))
			sched_yield();
	}
	return NULL;
}

static void changes(struct attacker *me)
{
	attacker_hold(me);
	threads_start(change_on, me);
}

/* Break times must not add up, nor deadlines come one after the other. */
static void has_many_leases(struct attacker *me)
{
	attacker_hold(me);
	for (unsigned int n = 0; n < 64; n++) {
		uint64_t at = n % 16 * 64 * 1024;
		int lease = lease_make(me->fd, at, LENGTH - at,
				       HOLDFAST_BREAKABLE, CAP_MS - n);

		rdma_register(&me->rdma, me->map + at, LENGTH - at);
		close(lease);
	}
	attacker_ready(me);
}

static void is_many(struct attacker *me)
{
	int held[2];
	char byte;

	must(!pipe(held), "pipe");
	for (unsigned int n = 0; n < 8; n++) {
		if (fork())
			continue;
		attacker_hold(me);
		must(write(held[1], "h", 1) == 1, "held");
		if (n % 2)
			raise(SIGSTOP);
		sit();
	}
	for (unsigned int n = 0; n < 8; n++)
		must(read(held[0], &byte, 1) == 1, "held");
	attacker_ready(me);
}

/* In the end the filesystem can be unmounted, and is as before. */
static void test_unmount(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");

	tap_ok(!umount("/mnt/pmem"), "the filesystem can be unmounted");
	tap_ok(!mount("/dev/pmem0", "/mnt/pmem", fs ?: "xfs", 0, "dax=always"),
	       "and mounted");
}

int main(void)
{
	unsigned int before = attack_init();

	attack("ignores the break", ignores);
	attack("is stopped", is_stopped);
	attack("blocks all signals", blocks_signals);
	attack("is stopped by a tracer", is_traced);
	attack("has only the region left", is_zombie);
	attack("moves and seals the mapping", moves_the_mapping);
	attack("waits in vfork", vforks);
	attack("shares its memory", shares_memory);
	attack("is a relay of processes", is_a_relay);
	attack("the first thread exits", leader_exits);
	attack("acquires and registers in a loop", takes_again);
	attack("answers, and takes again in a loop", answers_and_takes_again);
	attack("touches the mapping in a loop", touches);
	attack("writes in a loop", writes);
	attack("changes the file in a loop", changes);
	attack("has many leases", has_many_leases);
	attack("is many processes", is_many);
	parameter_set(CAP, before);
	test_unmount();
	return tap_done();
}
