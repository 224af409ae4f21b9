// SPDX-License-Identifier: GPL-2.0
/*
 * Tricks to hold up another user's truncate: deadlines that begin again, many
 * processes that register anew, and places where a process that is
 * killed stays for a while.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "attacker-fuse.h"

#define PROCESSES 6

static struct hf_attr long_time = { .kind = HOLDFAST_BREAKABLE,
				    .break_ms = ASKED_MS };

/* --- deadlines */

/* Changes of his own that are killed while they wait: one after the other. */
static void changes_are_killed(struct attacker *me)
{
	attacker_hold(me);
	for (unsigned int n = 0; n < PROCESSES; n++) {
		if (fork())
			continue;
		for (;;) {
			pid_t pid = fork();

			if (!pid)
				_exit(ftruncate(me->fd, 4096 * n) ? 1 : 0);
			usleep(10000 * (n + 1));
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	usleep(100000);
	attacker_ready(me);
}

static void *revoke_on(void *arg)
{
	struct attacker *me = arg;
	struct holdfast_query query;

	while (!hf_query(me->lease, &query)) {
		hf_revoke(query.id, ASKED_MS, HOLDFAST_REVOKE_NOWAIT);
		usleep(1000);
	}
	return NULL;
}

/* He ends it himself, again and again, with much patience. */
static void revokes_in_a_loop(struct attacker *me)
{
	pthread_t thread;

	attacker_hold(me);
	must(!pthread_create(&thread, NULL, revoke_on, me), "thread");
	attacker_ready(me);
}

/* Registrations that wait for the change, or are refused for it. */
static void *register_on(void *arg)
{
	struct attacker *me = arg;
	struct ibv_mr *mr;

	for (;;) {
		mr = ibv_reg_mr(me->rdma.pd, me->map, LENGTH, RDMA_ACCESS);
		if (mr)
			ibv_dereg_mr(mr);
	}
	return NULL;
}

static void registers_again(struct attacker *me)
{
	pthread_t thread;
	int held[2];
	char byte;

	must(!pipe(held), "pipe");
	for (unsigned int n = 0; n < PROCESSES; n++) {
		if (fork())
			continue;
		attacker_hold(me);
		for (int i = 0; i < 4; i++)
			must(!pthread_create(&thread, NULL, register_on, me),
			     "thread");
		must(write(held[1], "h", 1) == 1, "held");
		sit();
	}
	for (unsigned int n = 0; n < PROCESSES; n++)
		must(read(held[0], &byte, 1) == 1, "held");
	attacker_ready(me);
}

/* --- who takes it again */

static void take_on(struct attacker *me)
{
	for (;;) {
		int lease = hf_acquire(me->fd, 0, LENGTH, &long_time);

		if (lease < 0)
			continue;
		ibv_reg_mr(me->rdma.pd, me->map, LENGTH, RDMA_ACCESS);
		/* Its region goes on. */
		close(lease);
	}
}

/* Each process that is killed has a successor that is at it already. */
static void is_replaced(struct attacker *me)
{
	for (unsigned int n = 0; n < PROCESSES; n++) {
		if (fork())
			continue;
		for (;;) {
			pid_t pid = fork();

			if (!pid) {
				me->fd = open(PATH, O_RDWR | O_CLOEXEC);
				me->map = map_shared(me->fd, 0, LENGTH);
				me->rdma = rdma_open();
				take_on(me);
			}
			waitpid(pid, NULL, 0);
		}
	}
	attacker_hold(me);
	attacker_ready(me);
}

/* --- places to be slow to die in */

static void *touch_page(void *page)
{
	*(volatile char *)page = 'x';
	return NULL;
}

/* A page that userfaultfd keeps back; what everybody may have of it. */
static void waits_for_userfaultfd(struct attacker *me)
{
	int fault = syscall(SYS_userfaultfd,
			    O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	range.range.start = (uintptr_t)page;
	range.range.len = 4096;
	must(fault >= 0 && !ioctl(fault, UFFDIO_API, &api) &&
		     !ioctl(fault, UFFDIO_REGISTER, &range),
	     "userfaultfd");
	attacker_hold(me);
	must(!pthread_create(&thread, NULL, touch_page, page), "thread");
	must(readable(fault, SOON), "fault");
	attacker_ready(me);
	touch_page(page);
}

/* The first process of a namespace ignores SIGKILL from within, at least. */
static void is_init(struct attacker *me)
{
	own_namespaces(CLONE_NEWPID);
	if (fork())
		sit();
	must(getpid() == 1, "pid 1");
	attacker_hold(me);
	/* Its end waits for all of them. */
	for (unsigned int n = 0; n < PROCESSES; n++) {
		if (!fork()) {
			raise(SIGSTOP);
			sit();
		}
	}
	attacker_ready(me);
}

/* He dies already: of a signal that has his memory written to that filesystem. */
static void dumps_core(struct attacker *me)
{
	mount_deaf_filesystem(me);
	must(!chdir(MOUNT), "chdir");
	attacker_hold(me);
	must(!prctl(PR_SET_DUMPABLE, 1), "dumpable");
	abort();
}

/* --- on a connection that nobody accepts */

static void is_not_accepted(struct attacker *me)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(sa_family_t);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), out;

	/* A name of the kernel's choice */
	must(!bind(listener, (struct sockaddr *)&name, length) &&
		     !listen(listener, 8),
	     "listen");
	length = sizeof(name);
	must(!getsockname(listener, (struct sockaddr *)&name, &length), "name");
	if (!fork()) {
		close(me->ready);
		sit();
	}
	close(listener);
	out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(!connect(out, (struct sockaddr *)&name, length), "connect");
	attacker_hold(me);
	fd_send(out, me->rdma.context->cmd_fd);
	attacker_ready(me);
	_exit(0);
}

static void test_fuse(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (!fuse_prepare())
		return;
	/* The lab forbids what users may, mostly. */
	if (setrlimit(RLIMIT_CORE, &all))
		tap_bail("setrlimit: %s", strerror(errno));
	attack_hidden("dumps core into a filesystem of his own", dumps_core);
	rmdir(MOUNT);
}

int main(void)
{
	unsigned int before = attack_init();

	attack("his own changes are killed, in a loop", changes_are_killed);
	attack("revokes it himself, in a loop", revokes_in_a_loop);
	attack("registers again, in a loop", registers_again);
	attack("who is killed has a successor", is_replaced);
	attack("waits for userfaultfd", waits_for_userfaultfd);
	attack("is the first process of a namespace", is_init);
	attack("is on a connection that nobody accepts", is_not_accepted);
	test_fuse();
	parameter_set(CAP, before);
	return tap_done();
}
