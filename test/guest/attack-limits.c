// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on limits: to lease more than RLIMIT_MEMLOCK by being many, by being
 * root somewhere, by passing leases on, by having other numbers; and to have the
 * kernel keep what nobody uses. Elsewhere: memlock.c, fs-limit.c,
 * break-time-max.c, lost-events.c.
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "attack.h"
#include "parameter.h"
#include "rdma.h"

#define PATH   PMEM "attack-limits"
#define LENGTH (8 * MIB)
#define LIMIT  (4 * MIB)
#define SUBUID 100000

static int file;

static void limit_memory(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	attack_needs(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
}

/* Processes that lease @each, in turn, and stay; how many have it. */
static long holders(long each, int count, void (*change)(int n))
{
	int answers[2], stay[2];
	long had = 0;

	attack_needs(!pipe(answers) && !pipe(stay), "pipe");
	for (int n = 0; n < count; n++) {
		char answer;

		if (!fork()) {
			close(stay[1]);
			if (change)
				change(n);
			answer = hf_acquire(file, 0, each, NULL) >= 0;
			attack_needs(write(answers[1], &answer, 1) == 1,
				     "pipe");
			_exit(read(stay[0], &answer, 1) != 0);
		}
		attack_needs(read(answers[0], &answer, 1) == 1, "pipe");
		had += answer;
	}
	close(stay[1]);
	while (wait(NULL) > 0)
		;
	return had;
}

static int by_forking(long each)
{
	return holders(each, 8, NULL);
}

static void be_root_there(int n)
{
	(void)n;
	become_fake_root(0);
}

static int by_namespaces(long each)
{
	return holders(each, 8, be_root_there);
}

static int by_raising(long length)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	become_fake_root(0);
	if (!setrlimit(RLIMIT_MEMLOCK, &all))
		return 0;
	return errno == EPERM ? acquire_errno(file, HOLDFAST_BREAKABLE, length)
			      : NO_ATTACK;
}

/* He passes each lease on, closes it, and takes the next. */
static int by_passing(long each)
{
	int sockets[2], had = 0;

	attack_needs(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets),
		     "socketpair");
	for (int n = 0; n < 8; n++) {
		int lease = hf_acquire(file, 0, each, NULL);

		if (lease < 0)
			break;
		had++;
		fd_send(sockets[0], lease);
		close(lease);
	}
	return had;
}

/* Only their mappings are left. */
static int by_mapping(long each)
{
	int had = 0;

	for (int n = 0; n < 8; n++) {
		int lease = hf_acquire(file, 0, each, NULL);

		if (lease < 0)
			break;
		had++;
		lease_map(lease, 0, each);
		close(lease);
	}
	return had;
}

/* Only their memory regions are left. */
static int by_zombies(long each)
{
	struct rdma rdma = rdma_open();
	int had = 0;

	for (int n = 0; n < 8; n++) {
		int lease = hf_acquire(file, 0, each, NULL);
		void *map;

		if (lease < 0)
			break;
		had++;
		map = lease_map(lease, 0, each);
		/* Of that the limit has to do with, too: a page will do. */
		rdma_register(&rdma, map, 4096);
		munmap(map, each);
		close(lease);
	}
	return had;
}

static void test_memlock(void)
{
	tap_is(attack_as(ATTACKER, by_forking, LIMIT / 2), 2,
	       "half the limit each: two of eight processes have it");
	tap_is(attack_as(ATTACKER, by_namespaces, LIMIT / 2), 2,
	       "nor more by being root in a namespace each");
	tap_is(attack_as(ATTACKER, by_raising, LIMIT + 4096), ENOMEM,
	       "nor by raising the limit there");
	tap_is(attack_as(ATTACKER, by_passing, LIMIT / 2), 2,
	       "nor by leases that are in flight");
	tap_is(attack_as(ATTACKER, by_mapping, LIMIT / 2), 2,
	       "nor by leases of which the mappings are left");
	/* Regions are charged by themselves: a page each. */
	tap_is(attack_as(ATTACKER, by_zombies, LIMIT / 2), 2,
	       "nor by leases of which regions are left");
	tap_is(attack_as(ATTACKER, by_forking, LIMIT / 8), 8,
	       "an eighth each: all have it, and all was given back");
}

/* --- numbers of his own, as /etc/subuid gives them */

/* One of the users in a namespace that newuidmap(1) filled. */
static void be_another(int n)
{
	attack_needs(!setresuid(n + 1, n + 1, n + 1), "setresuid");
}

static int as_others(long each)
{
	return holders(each, 8, be_another);
}

/* What newuidmap(1) does for him, @attack in that namespace. */
static int in_filled_namespace(int (*attack)(long), long arg)
{
	int ready[2], go[2], status;
	char path[64], byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		become(ATTACKER);
		attack_needs(!unshare(CLONE_NEWUSER) &&
				     write(ready[1], "r", 1) == 1 &&
				     read(go[0], &byte, 1) == 1 &&
				     !setresuid(0, 0, 0),
			     "namespace");
		_exit(attack(arg));
	}
	if (!readable(ready[0], SOON))
		tap_bail("no namespace");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_text(path, "0 65534 1\n1 100000 100");
	if (write(go[1], "g", 1) != 1)
		tap_bail("pipe: %s", strerror(errno));
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * To the kernel they are users like others, with limits of their own, also
 * those of io_uring and RDMA. What the administrator sets for the filesystem
 * is for all together.
 */
static void test_subordinates(void)
{
	unsigned int before = parameter_get("fs_limit_mib");

	tap_is(in_filled_namespace(as_others, LIMIT), 8,
	       "subordinate users have a limit each: so it is (doc/attacks.md)");
	parameter_set("fs_limit_mib", LIMIT * 3 / MIB);
	tap_is(in_filled_namespace(as_others, LIMIT), 3,
	       "the filesystem's limit is for them all");
	parameter_set("fs_limit_mib", before);
}

/* --- the kernel's memory */

static long kernel_bytes(void)
{
	char line[128];
	long kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "SUnreclaim: %ld", &kib);
	if (file)
		fclose(file);
	return kib * 1024;
}

/* Events that nobody reads: change upon change, on a lease that is restored. */
static int make_events(long count)
{
	int lease = lease_make(file, 0, 4096, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct holdfast_query query;

	for (long n = 0; n < count; n++) {
		if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      0, 4096) ||
		    hf_restore(lease, NULL))
			return NO_ATTACK;
	}
	query = lease_query(lease);
	/* A break and an end each; some are kept. */
	return query.events_lost + 16 >= 2 * count ? 0 : 1;
}

static void test_events(void)
{
	long before = kernel_bytes(), more;

	tap_is(attack_as(ATTACKER, make_events, 1000), 0,
	       "2000 events that nobody reads: the oldest are dropped");
	more = kernel_bytes() - before;
	tap_ok(more < (long)(4 * MIB),
	       "the kernel keeps no more for it: %ld KiB", more / 1024);
}

int main(void)
{
	file = file_of(PATH, LENGTH, OWNER, 0666);
	limit_memory(LIMIT);
	test_memlock();
	test_subordinates();
	test_events();
	close(file);
	unlink(PATH);
	return tap_done();
}
