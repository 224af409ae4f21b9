// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks from within a container on what is outside, and with a lease's
 * descriptor across namespaces: of users, of processes, of mounts.
 */
#define _GNU_SOURCE
#include <sys/mount.h>

#include "attack.h"
#include "rdma.h"
#include "remount.h"

#define PATH	 PMEM "attack-container"
#define LENGTH	 (2 * MIB)
#define BREAK_MS 1000

static int file;

static int register_errno(void)
{
	struct rdma rdma = rdma_open();
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map_shared(file, 0, LENGTH),
				       LENGTH, RDMA_ACCESS);

	return mr ? 0 : errno;
}

/* --- a descriptor in another user's namespace */

static int sockets[2];

/* Receives a lease, which has to be number @id, and joins it. */
static int join_passed(long id)
{
	int lease = fd_receive(sockets[1]);
	struct holdfast_query query;

	attack_needs(lease >= 0 && !hf_query(lease, &query), "lease");
	if (query.id != (uint64_t)id)
		return EINVAL;
	return -hf_join(lease) ?: register_errno();
}

/* The same without joining it. */
static int use_passed(long id)
{
	(void)id;
	attack_needs(fd_receive(sockets[1]) >= 0, "lease");
	return register_errno();
}

/* Another ordinary user's lease: a process that pins could be killed for it. */
static void hold_for_others(int ready)
{
	int lease;

	become(OWNER);
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	fd_send(sockets[0], lease);
	fd_send(sockets[0], lease);
	attack_needs(write(ready, "r", 1) == 1, "ready");
	for (;;)
		pause();
}

static void test_passed(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	uint64_t id = lease_query(lease).id;
	int ready[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) ||
	    pipe2(ready, O_CLOEXEC))
		tap_bail("socketpair: %s", strerror(errno));
	fd_send(sockets[0], lease);
	tap_is(attack_as_fake_root(join_passed, id), 0,
	       "root's lease, passed to a namespace: it is one there");
	close(lease);
	pid = child_fork();
	if (!pid)
		hold_for_others(ready[1]);
	if (!readable(ready[0], SOON))
		tap_bail("no holder");
	id = lease_listed(PATH, "active");
	tap_is(attack_as_fake_root(join_passed, id), EPERM,
	       "another user's: the root of a namespace cannot join it");
	tap_is(attack_as_fake_root(use_passed, id), EOPNOTSUPP,
	       "nor pin without that");
	kill(pid, SIGKILL);
	child_wait(pid, SOON);
	close(sockets[0]);
	close(sockets[1]);
}

/* --- those outside who happen to have the same number */

/* Has what the fence looks for: a socket with something unread. */
static pid_t bystander_start(uid_t uid)
{
	int ready[2], socket[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		become(uid);
		attack_needs(!socketpair(AF_UNIX, SOCK_STREAM, 0, socket) &&
				     write(socket[0], "u", 1) == 1 &&
				     write(ready[1], "r", 1) == 1,
			     "bystander");
		for (;;)
			pause();
	}
	if (!readable(ready[0], SOON))
		tap_bail("no bystander");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* Holds pins in a file that nobody has received: see attacker-hides.c. */
static void hold_in_flight(int ready)
{
	int out[2];
	pid_t deaf;

	become(OWNER);
	attack_needs(!socketpair(AF_UNIX, SOCK_STREAM, 0, out), "socketpair");
	deaf = fork();
	if (!deaf) {
		close(out[0]);
		for (;;)
			pause();
	}
	if (!fork()) {
		struct rdma rdma = rdma_open();

		lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
		rdma_register(&rdma, map_shared(file, 0, LENGTH), LENGTH);
		fd_send(out[0], rdma.context->cmd_fd);
		attack_needs(write(ready, "r", 1) == 1, "ready");
		_exit(0);
	}
	close(out[0]);
	close(out[1]);
	for (;;)
		pause();
}

/* Root's container: it has its own processes, and the host's users. */
static pid_t container_start(void)
{
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		attack_needs(!unshare(CLONE_NEWPID | CLONE_NEWNS), "unshare");
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (!fork())
				hold_in_flight(ready[1]);
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	close(ready[1]);
	if (!readable(ready[0], SOON))
		tap_bail("no container");
	close(ready[0]);
	return pid;
}

static bool is_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static void test_same_number(void)
{
	pid_t same = bystander_start(OWNER), other = bystander_start(ATTACKER);
	pid_t container = container_start();

	tap_is(change_make("truncate", PATH, 0, 0, NULL, SOON), 0,
	       "pins in flight in a container: a truncate goes on");
	/* Whoever was killed is gone. */
	usleep(200000);
	tap_ok(is_alive(other), "another user's process lives");
	tap_ok(is_alive(same),
	       "and one outside, of whom the container knows the number only");
	kill(same, SIGKILL);
	kill(other, SIGKILL);
	child_wait(same, SOON);
	child_wait(other, SOON);
	kill(container, SIGKILL);
	child_wait(container, SOON);
	if (ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
}

/* --- a mount of one's own */

/* Leases the file in a namespace where it stays mounted, and goes on with it. */
static void hold_mount(int socket)
{
	uint64_t id;
	int fd, lease, ret;
	char byte;

	become(ATTACKER);
	become_fake_root(CLONE_NEWNS);
	fd = open(PATH, O_RDWR | O_CLOEXEC);
	attack_needs(fd >= 0, PATH);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	id = lease_query(lease).id;
	close(fd);
	close(file);
	attack_needs(write(socket, &id, sizeof(id)) == sizeof(id) &&
			     read(socket, &byte, 1) == 1,
		     "socket");
	ret = -hf_join(lease);
	attack_needs(write(socket, &ret, sizeof(ret)) == sizeof(ret), "socket");
	_exit(0);
}

static void test_unmount(void)
{
	int ends[2], ret;
	uint64_t id;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		tap_bail("socketpair: %s", strerror(errno));
	/* As systemd has it: what is unmounted here is unmounted there. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL))
		tap_bail("mount: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		hold_mount(ends[1]);
	close(ends[1]);
	if (read(ends[0], &id, sizeof(id)) != sizeof(id))
		tap_bail("no holder");
	close(file);
	tap_ok(umount(PMEM) && errno == EBUSY,
	       "a lease in a mount namespace: the filesystem is busy");
	tap_is(lease_listed(PATH, "active"), id, "root sees why");
	tap_is(hf_revoke(id, 0, 0), 0, "revokes it");
	tap_ok(pmem_unmount(SOON), "and unmounts");
	if (write(ends[0], "g", 1) != 1 ||
	    read(ends[0], &ret, sizeof(ret)) != sizeof(ret))
		tap_bail("the holder has died");
	tap_is(ret, EBADFD, "what was a lease is none, without its filesystem");
	close(ends[0]);
	child_wait(pid, SOON);
	pmem_mount("dax=always");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		tap_bail("mount: %s", strerror(errno));
}

int main(void)
{
	file = file_of(PATH, LENGTH, OWNER, 0666);
	test_passed();
	test_same_number();
	test_unmount();
	unlink(PATH);
	return tap_done();
}
