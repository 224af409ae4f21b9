// SPDX-License-Identifier: GPL-2.0
/*
 * Regions with leases: registered, found by their keys, told of changes through
 * one descriptor, restored at the same address with new keys.
 */
#define _GNU_SOURCE
#include "mr.h"

#define PATH	 PMEM "mr-events"
#define FILE_LEN (12 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (8 * MIB)

static struct rdma rdma;
static struct hf_context *context;
static int fd;

static struct {
	struct hf_mr *mr;
	uint32_t lkey;
	uint32_t rkey;
	int calls;
} told;

static void new_keys(struct hf_mr *mr, uint32_t lkey, uint32_t rkey,
		     void *user_data)
{
	told.mr = mr;
	told.lkey = lkey;
	told.rkey = rkey;
	told.calls++;
	(*(int *)user_data)++;
}

static int user;

static struct hf_mr *make(void)
{
	const struct hf_mr_attr attr = { .break_ms = LONG_BREAK,
					 .keys = new_keys,
					 .user_data = &user };

	return mr_make(&rdma, fd, OFFSET, LENGTH, &attr);
}

static void test_query(void)
{
	struct hf_mr *mr = make();
	struct hf_mr_info info = mr_query(mr);
	struct holdfast_query lease = lease_query(info.lease);
	struct hf_key key;

	tap_is(info.state, HF_MR_ACTIVE, "active");
	tap_is(info.generation, 1, "generation 1");
	tap_is(info.length, LENGTH, "all of it");
	tap_ok(info.registered && info.lkey && info.rkey, "with keys");
	tap_ok(!info.on_demand, "pinned");
	tap_is(info.lease_id, lease.id, "the number of its lease");
	tap_is(lease.offset, OFFSET, "which is on the range");
	tap_is(lease.pinned, LENGTH, "and pinned");
	tap_is(info.breaks, 0, "no break yet");
	tap_ok(info.user_data == &user, "the program's own");
	mr_works(&rdma, mr, fd, OFFSET, "RDMA writes the file");
	tap_ok(!hf_find_mr(context, info.lkey, &key) && key.mr == mr &&
		       key.generation == 1 && !key.retired,
	       "its lkey leads to it");
	tap_ok(!hf_find_mr(context, info.rkey, &key) && key.mr == mr,
	       "its rkey too");
	tap_is(told.calls, 0, "no new keys so far");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	tap_ok(!hf_find_mr(context, info.rkey, &key) && !key.mr && key.retired,
	       "the key is remembered, without a region");
	tap_is(hf_find_mr(context, 0x12345678, &key), -ENOENT,
	       "a key of nobody: ENOENT");
}

/* As the kernel lists had it: poll, read, quiesce, restore, resume. */
static void test_sequence(void)
{
	struct hf_mr *mr = make();
	struct hf_mr_info before = mr_query(mr), after;
	struct pollfd pollfd = { .fd = hf_context_fd(context),
				 .events = POLLIN };
	struct hf_async_event event;
	struct change change;
	struct hf_key key;
	static char bytes[64];
	int status;

	tap_is(poll(&pollfd, 1, 0), 0, "nothing to read");
	tap_is(hf_get_async_event(context, &event, 0), -ETIMEDOUT,
	       "nothing to get");
	change = change_start("punch", PATH, 3 * MIB, MIB, NULL);
	tap_is(poll(&pollfd, 1, SOON), 1, "a change makes it readable");
	event = mr_event(context, 0);
	tap_is(event.type, HF_ASYNC_DECOHERENCE, "decoherence");
	tap_ok(event.mr == mr && event.user_data == &user, "of the region");
	tap_is(event.change.op, HOLDFAST_OP_PUNCH, "which operation");
	tap_ok(event.change.offset == 3 * MIB && event.change.length == MIB,
	       "which range");
	tap_is(event.change.pid, change.pid, "which task");
	tap_ok(event.change.deadline_ns > now_ns(), "a deadline to come");
	after = mr_query(mr);
	tap_is(after.state, HF_MR_BREAKING, "breaking");
	tap_is(after.breaks, 1, "one break");
	tap_is_str(after.last_break.comm, "change", "by change");
	tap_ok(!change_done(&change, STILL), "the change waits");
	mr_works(&rdma, mr, fd, OFFSET, "meanwhile RDMA goes on");

	tap_is(hf_restore_mr(mr), 0, "restore: %s", hf_verbs_error());
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change has come to pass");
	after = mr_query(mr);
	tap_is(after.state, HF_MR_ACTIVE, "active again");
	tap_ok(after.addr == before.addr, "at the same address");
	tap_is(after.generation, 2, "the second generation");
	tap_ok(after.rkey != before.rkey, "with other keys");
	tap_ok(told.calls == 1 && told.mr == mr && told.lkey == after.lkey &&
		       told.rkey == after.rkey && user == 1,
	       "which the program was told");
	mr_works(&rdma, mr, fd, OFFSET, "RDMA writes the new pages");
	event = mr_event(context, STILL);
	tap_is(event.type, 0, "the end of the change is no news any more");

	status = mr_write(&rdma, &before, 0, bytes, sizeof(bytes));
	tap_ok(status != IBV_WC_SUCCESS && status != -1,
	       "a key of before: an error completion (%s)",
	       ibv_wc_status_str(status));
	tap_ok(!hf_find_mr(context, before.rkey, &key) && key.mr == mr &&
		       key.retired && key.generation == 1,
	       "it leads to the region, and says: retired, generation 1");
	tap_ok(!hf_find_mr(context, after.rkey, &key) && !key.retired &&
		       key.generation == 2,
	       "the new one is not retired");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	rdma_disconnect(&rdma);
}

/* Let go at once, restore when it does not wait. */
static void test_suspend(void)
{
	struct hf_mr *mr = make();
	struct hf_async_event event;
	struct change change =
		change_start("truncate", PATH, OFFSET + 5 * MIB, 0, NULL);

	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_DECOHERENCE, "a truncate");
	tap_is(hf_suspend_mr(mr), 0, "suspend");
	tap_is(hf_suspend_mr(mr), -EALREADY, "once is enough");
	tap_ok(!mr_query(mr).registered, "it has no keys");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done");
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_RESTORABLE && event.mr == mr,
	       "restorable");
	tap_is(mr_query(mr).state, HF_MR_RESTORABLE, "it says so");
	tap_is(ibv_dealloc_pd(rdma.pd), EBUSY,
	       "its protection domain can not go meanwhile");
	tap_is(hf_restore_mr(mr), 0, "restored");
	tap_is(mr_query(mr).length, 5 * MIB, "as much as is left of the file");
	mr_works(&rdma, mr, fd, OFFSET, "RDMA writes that");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	if (ftruncate(fd, FILE_LEN))
		tap_bail("ftruncate: %s", strerror(errno));

	mr = make();
	tap_is(hf_suspend_mr(mr), 0, "suspended without a change");
	tap_is(mr_query(mr).state, HF_MR_RESTORABLE, "restorable at once");
	tap_is(hf_restore_mr(mr), 0, "restored");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

/* The change gives up: nothing has happened, but who waited hears of it. */
static void test_given_up(void)
{
	struct hf_mr *mr = make();
	struct change change = change_start("punch", PATH, OFFSET, MIB, NULL);
	struct hf_async_event event = mr_event(context, SOON);

	tap_is(event.type, HF_ASYNC_DECOHERENCE, "a change");
	kill(change.pid, SIGKILL);
	waitpid(change.pid, NULL, 0);
	close(change.out);
	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_RESTORABLE, "that is killed");
	tap_ok(mr_query(mr).registered, "the region is registered");
	mr_works(&rdma, mr, fd, OFFSET, "and works");
	tap_is(hf_restore_mr(mr), 0, "restore");
	tap_is(mr_query(mr).state, HF_MR_ACTIVE, "active");
	mr_works(&rdma, mr, fd, OFFSET, "and works");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

static void test_two_regions(void)
{
	const struct hf_mr_attr attr = { .break_ms = LONG_BREAK };
	struct hf_mr *low = mr_make(&rdma, fd, 0, 2 * MIB, &attr);
	struct hf_mr *high = mr_make(&rdma, fd, 4 * MIB, 2 * MIB, &attr);
	struct change change = change_start("truncate", PATH, 4 * MIB, 0, NULL);
	struct hf_async_event event = mr_event(context, SOON);

	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == high,
	       "of two regions the one that is met is told");
	tap_is(hf_dereg_mr(high), 0, "deregister it");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done");
	tap_is(mr_event(context, STILL).type, 0, "the other hears nothing");
	tap_is(mr_query(low).state, HF_MR_ACTIVE, "and is active");
	tap_is(hf_dereg_mr(low), 0, "deregistered");
	if (ftruncate(fd, FILE_LEN))
		tap_bail("ftruncate: %s", strerror(errno));
}

static void test_revoked(void)
{
	struct hf_mr *mr = make();
	struct hf_mr_info info = mr_query(mr);
	struct hf_async_event event;

	tap_is(hf_revoke(info.lease_id, 0, HF_REVOKE_NOWAIT), -EINPROGRESS,
	       "the lease is revoked");
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE &&
		       event.change.op == HOLDFAST_OP_REVOKE,
	       "the region is told");
	tap_is(hf_restore_mr(mr), -EPIPE, "it does not come back: EPIPE");
	tap_ok(mr_query(mr).registered, "it is still registered");
	tap_is(hf_suspend_mr(mr), 0, "let go");
	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_RELEASED, "released");
	tap_is(mr_query(mr).state, HF_MR_RELEASED, "it says so");
	tap_is(mr_event(context, STILL).type, 0, "once");
	tap_is(hf_restore_mr(mr), -EPIPE, "restore: EPIPE");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

/* A change of a file in memory does not wait, and is over when it is told. */
static void test_memory(const char *name, unsigned int flags)
{
	const struct hf_mr_attr attr = { .flags = HF_MR_LEASE };
	int memfd = memfd_create("mr-events", MFD_CLOEXEC | flags);
	struct hf_async_event event;
	struct hf_mr *mr;

	if (memfd < 0 || ftruncate(memfd, LENGTH))
		tap_bail("%s: %s", name, strerror(errno));
	mr = mr_make(&rdma, memfd, 0, LENGTH, &attr);
	mr_works(&rdma, mr, memfd, 0, "RDMA writes the file");
	for (int suspended = 0; suspended < 2; suspended++) {
		if (suspended)
			tap_is(hf_suspend_mr(mr), 0, "%s: suspended", name);
		tap_is(fallocate(memfd,
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				 LENGTH),
		       0, "%s: a change does not wait", name);
		event = mr_event(context, SOON);
		tap_ok(event.type == HF_ASYNC_DECOHERENCE &&
			       !event.change.deadline_ns,
		       "%s: it is told, without a deadline", name);
		tap_is(mr_query(mr).state,
		       suspended ? HF_MR_RESTORABLE : HF_MR_DECOHERENT,
		       "%s: the state", name);
		tap_is(hf_restore_mr(mr), 0, "%s: restored", name);
		mr_works(&rdma, mr, memfd, 0, "RDMA writes the new pages");
	}
	tap_is(hf_dereg_mr(mr), 0, "%s: deregistered", name);
	tap_is(mr_event(context, 0).type, 0, "%s: no more events", name);
	close(memfd);
}

/* A device's own event comes the same way. */
static void test_device_event(void)
{
	struct hf_async_event event;

	if (!rdma.qp && rdma_connect_self(&rdma))
		tap_bail("queue pair: %s", strerror(errno));
	tap_is(system("ip link set dummy0 down"), 0, "the port goes down");
	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_DEVICE, "an event of the device");
	tap_is(event.device.event_type, IBV_EVENT_PORT_ERR, "%s",
	       ibv_event_type_str(event.device.event_type));
	tap_is(system("ip link set dummy0 up"), 0, "and up");
	event = mr_event(context, SOON);
	tap_is(event.device.event_type, IBV_EVENT_PORT_ACTIVE, "%s",
	       ibv_event_type_str(event.device.event_type));
}

int main(void)
{
	rdma = rdma_open();
	context = context_open(&rdma, NULL);
	fd = file_make(PATH, FILE_LEN);
	test_query();
	test_sequence();
	test_suspend();
	test_given_up();
	test_two_regions();
	test_revoked();
	test_memory("tmpfs", 0);
	if (system("echo 8 >/proc/sys/vm/nr_hugepages"))
		tap_bail("no huge pages");
	test_memory("hugetlbfs", MFD_HUGETLB);
	if (system("echo 0 >/proc/sys/vm/nr_hugepages"))
		tap_bail("huge pages");
	test_device_event();
	tap_is(hf_close_context(context), 0, "the context closes");
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
