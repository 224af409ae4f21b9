// SPDX-License-Identifier: GPL-2.0
/* The events of a lease: numbers, poll, read, and who else has the lease open. */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "pass-fd.h"
#include "rdma.h"

#define PATH	 PMEM "events"
#define FILE_LEN (8 * MIB)

static void test_read(void)
{
	struct holdfast_event events[8], event;
	int fd = file_make(PATH, FILE_LEN);
	int lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_BREAKABLE, LONG_BREAK);
	char small[offsetof(struct holdfast_event, address) - 1];
	ssize_t n;

	fcntl(lease, F_SETFL, O_NONBLOCK);
	tap_ok(read(lease, &event, sizeof(event)) == -1 && errno == EAGAIN,
	       "O_NONBLOCK: EAGAIN without an event");
	tap_ok(!readable(lease, 0), "poll says no");
	tap_is(hf_wait(lease, &event, 10), -ETIMEDOUT, "hf_wait times out");

	tap_is(change_make("punch", PATH, 4096, 4096, NULL, AT_ONCE), 0,
	       "a change");
	tap_ok(readable(lease, SOON), "poll says yes");
	tap_ok(read(lease, small, sizeof(small)) == -1 && errno == EINVAL,
	       "a buffer too small for an event of any header: EINVAL");
	tap_is(change_make("punch", PATH, MIB, 4096, NULL, AT_ONCE), 0,
	       "a second change");
	n = read(lease, events, sizeof(events));
	tap_ok(n >= (ssize_t)(2 * sizeof(event)) && n % sizeof(event) == 0,
	       "several events in one read, whole ones");
	tap_ok(events[0].size == sizeof(event) && events[0].seq == 1 &&
		       events[1].seq == 2,
	       "numbered from 1");
	tap_is(events[0].type, HOLDFAST_EVENT_BREAK, "a break");
	tap_is(events[1].type, HOLDFAST_EVENT_CHANGED, "and its end");
	tap_is(events[1].op, HOLDFAST_OP_PUNCH, "of the same operation");
	tap_is(lease_query(lease).events_lost, 0, "none is lost");
	tap_ok(!readable(lease, 0), "poll says no again");
	close(lease);
	close(fd);
}

/* Two readers, one queue: each event goes to one of them, both are woken. */
static void test_fork(void)
{
	int fd = file_make(PATH, FILE_LEN), ready[2], status;
	int lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct holdfast_event event;
	struct change change;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		if (write(ready[1], "", 1) != 1)
			_exit(2);
		_exit(readable(lease, SOON) ? 0 : 1);
	}
	if (!readable(ready[0], SOON))
		tap_bail("no child");
	change = change_start("truncate", PATH, 4096, 0, NULL);
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "a child that inherited the lease sees POLLIN");
	tap_ok(event_next(lease, &event, SOON), "and so does the parent");
	tap_ok(change_done(&change, SOON), "the change ends");
	close(lease);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

/* The lease lives in the process that has it, not in the one that acquired it. */
static void test_passed(void)
{
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, FILE_LEN), pair[2], lease, status;
	struct holdfast_event event;
	struct change change;
	struct ibv_mr *mr;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		tap_bail("socketpair: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_BREAKABLE,
				   LONG_BREAK);
		fd_send(pair[1], lease);
		_exit(0);
	}
	lease = fd_receive(pair[0]);
	status = child_wait(pid, SOON);
	tap_ok(lease >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "a lease comes over a socket, its maker is gone");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "the lease is active");
	tap_is(hf_join(lease), 0, "its receiver joins");
	mr = rdma_register(&rdma, map_shared(fd, 0, FILE_LEN), FILE_LEN);
	change = change_start("truncate", PATH, 4096, 0, NULL);
	tap_ok(event_next(lease, &event, SOON),
	       "the new holder gets the event");
	change_waits_for(&change, mr, "the new holder");
	close(lease);
	close(fd);
	rdma_close(&rdma);
}

/* More changes than the queue has room for: the newest stay, losses are counted. */
static void test_overflow(void)
{
	int fd = file_make(PATH, FILE_LEN), i;
	int lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct holdfast_event event;
	uint64_t last = 0, seen = 0, gaps = 0;

	for (i = 0; i < 200; i++)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      4096 * i, 4096))
			tap_bail("punch: %s", strerror(errno));
	while (event_next(lease, &event, 0)) {
		gaps += event.seq - last - 1;
		last = event.seq;
		seen++;
	}
	tap_ok(seen > 0, "events came");
	tap_is(gaps, lease_query(lease).events_lost,
	       "gaps in the numbers are the events lost");
	tap_is(seen + gaps, last, "each event has a number");
	close(lease);
	close(fd);
}

int main(void)
{
	test_read();
	test_fork();
	test_passed();
	test_overflow();
	unlink(PATH);
	return tap_done();
}
