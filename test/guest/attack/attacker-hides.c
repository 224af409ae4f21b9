// SPDX-License-Identifier: GPL-2.0
/*
 * Tricks to hold up another user's truncate: what holds the pins is with no process
 * that has pinned or has the same device open, or the process that is killed for it
 * does not die.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/ptrace.h>

#include "attacker-fuse.h"

/* --- who could be found is gone */

/* A child that never pinned has the device, and no other process. */
static void exits_first(struct attacker *me)
{
	pid_t pid = getpid();

	attacker_hold(me);
	if (fork())
		_exit(0);
	close(me->lease);
	close(me->fd);
	munmap(me->map, LENGTH);
	while (getppid() == pid)
		sched_yield();
	attacker_ready(me);
}

/* The mapping ends with execve(), the device stays open. */
static void executes(struct attacker *me)
{
	attacker_hold(me);
	fcntl(me->rdma.context->cmd_fd, F_SETFD, 0);
	fcntl(me->ready, F_SETFD, 0);
	must(dup2(me->ready, STDOUT_FILENO) == STDOUT_FILENO, "dup");
	execl("/bin/sh", "sh", "-c", "echo; sleep 1000", NULL);
	must(false, "exec");
}

/* --- nobody has it in his table of files */

/* A process that does not read its socket. */
static int deaf_process(void)
{
	int sockets[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair");
	if (!fork()) {
		close(sockets[0]);
		sit();
	}
	close(sockets[1]);
	return sockets[0];
}

static void in_flight(struct attacker *me)
{
	int socket = deaf_process();

	attacker_hold(me);
	fd_send(socket, me->rdma.context->cmd_fd);
	attacker_ready(me);
}

static void in_flight_and_exits(struct attacker *me)
{
	int socket = deaf_process();

	attacker_hold(me);
	fd_send(socket, me->rdma.context->cmd_fd);
	attacker_ready(me);
	_exit(0);
}

/* Descriptors that are in flight in each other: only the kernel finds them. */
static void passes_in_a_circle(struct attacker *me)
{
	int one[2], two[2];

	attacker_hold(me);
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, one) &&
		     !socketpair(AF_UNIX, SOCK_STREAM, 0, two),
	     "socketpair");
	fd_send(one[0], me->rdma.context->cmd_fd);
	fd_send(one[0], me->lease);
	fd_send(one[0], two[0]);
	fd_send(one[0], two[1]);
	fd_send(two[0], me->rdma.context->cmd_fd);
	fd_send(two[0], one[0]);
	fd_send(two[0], one[1]);
	close(one[0]);
	close(one[1]);
	close(two[0]);
	close(two[1]);
	attacker_ready(me);
}

/* A queue's memory is a mapping of the device, which keeps it open. */
static void maps_the_device(struct attacker *me)
{
	attacker_hold(me);
	must(ibv_create_cq(me->rdma.context, 16, NULL, NULL, 0), "queue");
	if (fork())
		sit();
	close(me->lease);
	close(me->fd);
	munmap(me->map, LENGTH);
	close(me->rdma.context->cmd_fd);
	close(me->rdma.context->async_fd);
	attacker_ready(me);
}

/* --- who is killed does not die */

/* A tracer may have his tracee stop at its end, also when it is killed. */
static void is_traced_to_the_end(struct attacker *me)
{
	pid_t pid = attacker_hold_in_child(me);

	must(!ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT), "seize");
	attacker_ready(me);
}

static void *look_up(void *arg)
{
	open(MOUNT "/file", O_RDONLY);
	return arg;
}

/* A thread is in a request to a filesystem of his own, which ends it. */
static void waits_for_fuse(struct attacker *me)
{
	pthread_t thread;

	mount_deaf_filesystem(me);
	attacker_hold(me);
	must(!pthread_create(&thread, NULL, look_up, NULL), "thread");
}

/* Unless the administrator allows it, the fence kills no process for a guess. */
static void test_no_guess(void)
{
	const char *what = "without a guess";
	struct change change;
	int fd = file_make(PATH, LENGTH);

	if (fchmod(fd, 0666))
		tap_bail("%s: %s", PATH, strerror(errno));
	close(fd);
	attack_start(waits_for_fuse);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(!change_done(&change, LIMIT_MS), "%s: a truncate waits", what);
	kill(change.pid, SIGKILL);
	tap_ok(child_wait(change.pid, SOON) != -1, "%s: it can be killed",
	       what);
	close(change.out);
	attackers_kill();
	tap_ok(children_gone(SOON) && !attack_leased(),
	       "%s: no process and no lease is left", what);
	unlink(PATH);
}

static void test_fuse(void)
{
	if (!fuse_prepare())
		return;
	attack_hidden("a filesystem of his own does not answer",
		      waits_for_fuse);
	test_no_guess();
	rmdir(MOUNT);
}

int main(void)
{
	unsigned int before = attack_init();

	attack("a child has it, he exits", exits_first);
	attack("he executes another program", executes);
	attack("in flight", in_flight);
	attack("in flight, he exits", in_flight_and_exits);
	attack("in flight in a circle", passes_in_a_circle);
	attack("a child maps the device", maps_the_device);
	attack("traced to the end", is_traced_to_the_end);
	test_fuse();
	parameter_set(CAP, before);
	return tap_done();
}
