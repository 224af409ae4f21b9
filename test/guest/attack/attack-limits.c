// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on limits: to pin more of a filesystem than the administrator allows, by
 * many processes, as root somewhere, with other user ids; and to have the kernel
 * keep what nobody uses. Elsewhere: fs-limit.c, break-time-max.c, lost-events.c.
 */
#define _GNU_SOURCE
#include "attack.h"
#include "parameter.h"
#include "rdma.h"

#define PATH   PMEM "attack-limits"
#define LENGTH (8 * MIB)
#define LIMIT  (4 * MIB)

static int file;

/* Leases the file and registers a part of it; whether it could. */
static bool pin(long length)
{
	struct rdma rdma = rdma_open();
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	void *map = map_shared(file, 0, LENGTH);
	bool pinned = ibv_reg_mr(rdma.pd, map, length, RDMA_ACCESS);

	/* The region goes on. */
	munmap(map, LENGTH);
	close(lease);
	return pinned;
}

/* Processes that pin @each, in turn, and stay; how many have it. */
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
			answer = pin(each);
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

/* One process, with a lease for each region. */
static int by_zombies(long each)
{
	int had = 0;

	for (int n = 0; n < 8; n++)
		had += pin(each);
	return had;
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

static void test_pins(void)
{
	unsigned int before = parameter_get("fs_limit_mib");

	parameter_set("fs_limit_mib", LIMIT / MIB);
	tap_is(attack_as(ATTACKER, by_forking, LIMIT / 2), 2,
	       "half the limit each: two of eight processes have it");
	tap_is(attack_as(ATTACKER, by_namespaces, LIMIT / 2), 2,
	       "nor more as the root of a namespace each");
	tap_is(attack_as(ATTACKER, by_zombies, LIMIT / 2), 2,
	       "nor by leases of which regions are left");
	tap_is(in_filled_namespace(as_others, LIMIT / 2), 2,
	       "nor as subordinate users");
	tap_is(attack_as(ATTACKER, by_forking, LIMIT / 8), 8,
	       "an eighth each: all have it, and all was given back");
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

/* Events that nobody reads: change upon change. */
static int make_events(long count)
{
	int lease = lease_make(file, 0, 4096, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct holdfast_query query;

	for (long n = 0; n < count; n++) {
		if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      0, 4096))
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
	test_pins();
	test_events();
	close(file);
	unlink(PATH);
	return tap_done();
}
