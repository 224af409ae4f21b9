// SPDX-License-Identifier: GPL-2.0
/*
 * The library's calls for implicit leases and for leases of others: a process
 * joins a lease that it inherited, watches tell what happens to leases, and the
 * list of pins has who made them.
 */
#define _GNU_SOURCE
#include "implicit.h"
#include "rdma.h"

#define PATH	PMEM "parties"
#define LENGTH	(4 * MIB)
/* What a watch keeps is 64 events; each change makes two. */
#define CHANGES 40
#define REGIONS 200
#define APART	8192

static int file;

/* In a process of its own; the number of failures. */
static int joins(int lease)
{
	struct rdma rdma = rdma_open();
	char *map = map_shared(file, 0, LENGTH);
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	int bad = 0;

	bad += mr || errno != EOPNOTSUPP;
	bad += hf_join(lease) != 0;
	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	bad += !mr;
	if (mr)
		ibv_dereg_mr(mr);
	return bad;
}

static void test_join(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 3000);
	int status;
	pid_t pid = child_fork();

	if (!pid)
		_exit(joins(lease));
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status),
	       "a child that has joined registers, and not before (%#x)",
	       status);
	close(lease);
}

/* The first record of this process: whether there is one. */
static bool own_pins(struct hf_pins_entry *entry)
{
	struct hf_pins *pins;
	bool found = false;

	if (hf_pins_open(NULL, &pins))
		tap_bail("%s", hf_error());
	while (!found && hf_pins_next(pins, entry) > 0)
		found = entry->pid == getpid();
	hf_pins_close(pins);
	return found;
}

static void test_own(struct rdma *rdma)
{
	int permission = hf_allow(3000), watch = hf_watch_own();
	char *map = map_shared(file, 0, LENGTH);
	struct holdfast_event event = { 0 };
	struct hf_pins_entry pins = { 0 };
	struct change change;
	struct ibv_mr *mr;

	tap_ok(permission >= 0 && watch >= 0, "the library allows and watches");
	tap_ok(!(fcntl(permission, F_GETFD) & FD_CLOEXEC),
	       "execve(2) passes the permission on");
	tap_ok(fcntl(watch, F_GETFD) & FD_CLOEXEC, "and not the watch");
	tap_is(hf_wait(watch, &event, 0), -ETIMEDOUT, "no event");
	mr = rdma_register(rdma, map + MIB, MIB);
	tap_ok(own_pins(&pins), "the list of pins has the region");
	tap_is(pins.consumer, HOLDFAST_CONSUMER_MR, "its consumer");
	tap_is(pins.address, (uintptr_t)map + MIB, "its address");
	tap_is(pins.offset, MIB, "its place in the file");
	tap_is(pins.length, MIB, "its length");
	change = change_start("punch", PATH, MIB, 4096, NULL);
	tap_is(hf_wait(watch, &event, SOON), 0, "hf_wait() has the break");
	tap_is(event.type, HOLDFAST_EVENT_BREAK, "its type");
	tap_is(event.lease, pins.lease, "its lease");
	tap_is(event.address, pins.address, "its address");
	tap_is(event.lease_offset, MIB, "its place in the file");
	tap_is(event.lease_length, MIB, "its length");
	tap_is(event.lost, 0, "nothing is lost");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error, "the change ends");
	close(permission);
	close(watch);
	munmap(map, LENGTH);
}

static void test_filesystem(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 3000);
	int watch = hf_watch_filesystem(file), bad = 0;
	struct holdfast_event event = { 0 };

	tap_ok(watch >= 0, "the administrator watches a filesystem");
	for (int i = 0; i < CHANGES; i++)
		bad += change_make("punch", PATH, 0, 4096, NULL, SOON);
	tap_is(bad, 0, "%d changes break an explicit lease", CHANGES);
	tap_is(hf_wait(watch, &event, SOON), 0, "they are told");
	tap_is(event.lease, lease_query(lease).id, "with the lease");
	tap_is(event.address, 0, "which has no address");
	tap_is(event.lease_length, LENGTH, "but a length");
	tap_is(event.lost, 2 * CHANGES - 64, "older events are lost");
	tap_is(hf_wait(watch, &event, SOON), 0, "the next");
	tap_is(event.lost, 0, "is told of no others");
	close(watch);
	close(lease);
}

/* Reads all that a watch has: of how many regions of test_lost() it tells that they break. */
static int breaks_told(int watch, unsigned int *lost)
{
	struct holdfast_event event;
	bool told[REGIONS] = { 0 };
	int count = 0;

	*lost = 0;
	while (!hf_wait(watch, &event, STILL)) {
		*lost += event.lost;
		if (event.type == HOLDFAST_EVENT_BREAK &&
		    event.lease_offset < REGIONS * APART)
			told[event.lease_offset / APART] = true;
	}
	for (int i = 0; i < REGIONS; i++)
		count += told[i];
	return count;
}

/* One change breaks more leases than a queue has room for. */
static void test_lost(struct rdma *rdma)
{
	int permission = hf_allow(LONG_BREAK), own = hf_watch_own(), others;
	char *map = map_shared(file, 0, LENGTH);
	struct ibv_mr *mrs[REGIONS];
	struct change change;
	unsigned int lost;

	others = hf_watch_filesystem(file);
	for (int i = 0; i < REGIONS; i++)
		mrs[i] = rdma_register(rdma, map + i * APART, 4096);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_is(breaks_told(own, &lost), REGIONS, "a process hears of all");
	tap_ok(lost > 0, "although the queue had no room for %u", lost);
	tap_is(breaks_told(others, &lost), REGIONS, "and the administrator");
	tap_is(breaks_told(own, &lost), 0, "once");
	tap_ok(lseek(own, 1, SEEK_SET) == -1 && errno == EINVAL &&
		       lseek(own, 0, SEEK_END) == -1 && errno == EINVAL,
	       "a watch has no other place than its beginning");
	tap_is(lseek(own, 0, SEEK_SET), 0, "where it goes back to");
	tap_is(breaks_told(own, &lost), REGIONS, "and tells of all again");
	for (int i = 0; i < REGIONS; i++)
		ibv_dereg_mr(mrs[i]);
	tap_ok(change_done(&change, SOON) && !change.error, "the change ends");
	tap_ok(!lseek(own, 0, SEEK_SET) && !lseek(others, 0, SEEK_SET) &&
		       !breaks_told(own, &lost) && !breaks_told(others, &lost),
	       "and nothing breaks any longer");
	close(permission);
	close(own);
	close(others);
	munmap(map, LENGTH);
}

int main(void)
{
	struct rdma rdma = rdma_open();

	file = file_make(PATH, LENGTH);
	test_join();
	test_own(&rdma);
	test_filesystem();
	test_lost(&rdma);
	close(file);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
