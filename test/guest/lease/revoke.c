// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation: ends any lease, with an answer when its pins are gone. Zombies:
 * leases that only their pins keep.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH   PMEM "revoke"
#define LENGTH (4 * MIB)

static int revoke_lease(uint64_t id, uint32_t grace_ms, uint32_t flags)
{
	struct holdfast_revoke args = { .size = sizeof(args),
					.id = id,
					.grace_ms = grace_ms,
					.flags = flags };
	int device = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);
	int err;

	if (device < 0)
		tap_bail("%s: %s", HOLDFAST_DEVICE, strerror(errno));
	err = ioctl(device, HOLDFAST_IOC_REVOKE, &args) ? errno : 0;
	close(device);
	return err;
}

/* A child that revokes; its errno is its exit status. */
static pid_t revoke_start(uint64_t id, uint32_t grace_ms, uid_t uid)
{
	pid_t pid = child_fork();

	if (!pid) {
		if (uid && setresuid(uid, uid, uid))
			_exit(255);
		_exit(revoke_lease(id, grace_ms, 0));
	}
	return pid;
}

static void test_kind(struct rdma *rdma, int fd, uint32_t kind,
		      const char *name)
{
	int lease = lease_make(fd, 0, LENGTH, kind, LONG_BREAK);
	uint64_t id = lease_query(lease).id;
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct holdfast_event event;
	pid_t pid;

	tap_is(revoke_lease(id, 0, HOLDFAST_REVOKE_NOWAIT), EINPROGRESS,
	       "%s: begun", name);
	tap_ok(event_next(lease, &event, SOON), "%s: the holder is told", name);
	tap_is(event.op, HOLDFAST_OP_REVOKE, "%s: what", name);
	tap_is(event.pid, getpid(), "%s: by whom", name);
	tap_is(lease_query(lease).state, HOLDFAST_RELEASING, "%s: state", name);
	pid = revoke_start(id, 0, 0);
	tap_is(child_wait(pid, STILL), -1, "%s: no answer while pinned", name);
	ibv_dereg_mr(mr);
	tap_is(child_wait(pid, SOON), 0, "%s: the answer", name);
	tap_is(lease_query(lease).state, HOLDFAST_RELEASED, "%s: ended", name);
	tap_ok(!lease_listed(PATH, "releasing"), "%s: not listed any more",
	       name);
	tap_is(revoke_lease(id, 0, 0), ENOENT, "%s: there is none now", name);
	tap_is(change_make("punch", PATH, 0, 4096, NULL, AT_ONCE), 0,
	       "%s: nothing is in a change's way", name);
	munmap(map, LENGTH);
	close(lease);
}

/* The holder does not let go: the grace, then the fence. */
static void test_stubborn(int fd)
{
	int pipefd[2], status;
	uint64_t id = 0;
	pid_t pid;

	if (pipe(pipefd))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		int lease = lease_make(fd, 0, LENGTH, HOLDFAST_EXCLUSIVE,
				       LONG_BREAK);
		struct rdma rdma = rdma_open();

		rdma_register(&rdma, map_shared(fd, 0, LENGTH), LENGTH);
		id = lease_query(lease).id;
		if (write(pipefd[1], &id, sizeof(id)) != sizeof(id))
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pipefd[0], &id, sizeof(id)) != sizeof(id))
		tap_bail("no holder");
	tap_is(revoke_lease(id, 300, 0), 0, "a stubborn holder's lease");
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "costs its life, after the grace");
	close(pipefd[0]);
	close(pipefd[1]);
}

static void test_permission(int fd)
{
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	uint64_t id = lease_query(lease).id;
	pid_t pid = revoke_start(id, 0, 1000);
	int status = child_wait(pid, SOON);

	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == EPERM,
	       "a stranger may not revoke");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE, "nothing happened");
	if (fchown(fd, 1000, 1000))
		tap_bail("fchown: %s", strerror(errno));
	status = child_wait(revoke_start(id, 0, 1000), SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "the file's owner may");
	tap_is(revoke_lease(id, 0, 4), EINVAL, "unknown flags: EINVAL");
	tap_is(revoke_lease(~0ULL, 0, 0), ENOENT, "unknown lease: ENOENT");
	close(lease);
}

/* munmap and close with the region alive. */
static void test_zombie(struct rdma *rdma)
{
	int fd = file_make(PATH ".zombie", LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	uint64_t id;
	pid_t pid;

	munmap(map, LENGTH);
	close(lease);
	close(fd);
	id = lease_listed(PATH ".zombie", "zombie");
	tap_ok(id, "a zombie is listed");
	tap_is(revoke_lease(id, 0, HOLDFAST_REVOKE_NOWAIT), EINPROGRESS,
	       "and can be revoked");
	pid = revoke_start(id, 0, 0);
	tap_is(child_wait(pid, STILL), -1, "with no answer while pinned");
	unlink(PATH ".zombie");
	ibv_dereg_mr(mr);
	tap_is(child_wait(pid, SOON), 0, "it ends when its pins do");
	tap_ok(!lease_listed(PATH ".zombie", "zombie"), "and is gone");
}

static void test_unlinked(struct rdma *rdma)
{
	int fd = file_make(PATH ".unlinked", LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr;

	rdma_connect_self(rdma);
	mr = rdma_register(rdma, map, LENGTH);
	unlink(PATH ".unlinked");
	munmap(map, LENGTH);
	close(lease);
	close(fd);
	tap_ok(lease_listed(PATH ".unlinked (deleted)", "zombie"),
	       "an unlinked file's zombie is listed");
	/* Its blocks must not become another file's. */
	fd = file_make_seed(PATH ".canary", 64 * MIB, 99);
	tap_ok(mr && lease_listed(PATH ".unlinked (deleted)", "zombie"),
	       "it stays while it is pinned");
	ibv_dereg_mr(mr);
	for (int i = 0;
	     i < 200 && lease_listed(PATH ".unlinked (deleted)", "zombie"); i++)
		usleep(10000);
	tap_ok(!lease_listed(PATH ".unlinked (deleted)", "zombie"),
	       "then it is gone");
	close(fd);
	unlink(PATH ".canary");
}

int main(void)
{
	int fd = file_make(PATH, LENGTH);
	struct rdma rdma = rdma_open();

	test_kind(&rdma, fd, HOLDFAST_BREAKABLE, "breakable");
	test_kind(&rdma, fd, HOLDFAST_EXCLUSIVE, "exclusive");
	test_stubborn(fd);
	test_permission(fd);
	test_zombie(&rdma);
	test_unlinked(&rdma);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
