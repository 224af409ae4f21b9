// SPDX-License-Identifier: GPL-2.0
/* What libholdfast-verbs answers to calls that make no sense, and to children. */
#define _GNU_SOURCE
#include "mr.h"

#define PATH   PMEM "mr-misuse"
#define LENGTH (4 * MIB)

static struct rdma rdma;
static struct hf_context *context;
static int fd;

static int reg(int file, off_t offset, size_t length, int access,
	       unsigned int kind, unsigned int flags)
{
	const struct hf_mr_attr attr = { .kind = kind, .flags = flags };
	struct hf_mr *mr = (struct hf_mr *)&attr;
	int ret = hf_reg_mr(rdma.pd, file, offset, length, access, &attr, &mr);

	if (!ret)
		hf_dereg_mr(mr);
	else if (mr != (const struct hf_mr *)&attr)
		return 1; /* no out parameter is written */
	return ret;
}

static void test_arguments(void)
{
	const struct hf_context_attr unknown = { .flags = 0x80 };
	const struct hf_context_attr hooks = { .margin_ms = 1 };
	void *nothing = mmap(NULL, LENGTH, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hf_context *other;
	struct hf_mr *mr;

	munmap(nothing, LENGTH);
	tap_is(reg(fd, 0, LENGTH, RDMA_ACCESS, 0, 0), -ENOENT,
	       "a device without a context");
	tap_ok(strstr(hf_verbs_error(), "hf_open_context"), "%s",
	       hf_verbs_error());
	tap_is(hf_open_context(rdma.context, &unknown, &other), -EINVAL,
	       "unknown flags of a context");
	tap_is(hf_open_context(rdma.context, &hooks, &other), -EINVAL,
	       "a margin without HF_AUTOMATIC");
	context = context_open(&rdma, NULL);
	tap_is(hf_open_context(rdma.context, NULL, &other), -EBUSY,
	       "a second context");

	tap_is(reg(fd, 0, LENGTH, RDMA_ACCESS, 0, 1U << 20), -EINVAL,
	       "unknown flags");
	tap_is(reg(fd, 0, LENGTH, RDMA_ACCESS, 0, HF_MR_LEASE | HF_MR_OR_ODP),
	       -EINVAL, "flags that contradict each other");
	tap_is(reg(fd, 0, LENGTH, RDMA_ACCESS, HOLDFAST_EXCLUSIVE, HF_MR_ODP),
	       -EINVAL, "an exclusive lease with on-demand paging");
	tap_is(reg(fd, 0, LENGTH, IBV_ACCESS_ON_DEMAND, 0, 0), -EINVAL,
	       "on-demand paging by access flag");
	tap_is(reg(fd, 0, 0, RDMA_ACCESS, 0, 0), -EINVAL, "length zero");
	tap_is(reg(fd, -1, LENGTH, RDMA_ACCESS, 0, 0), -EINVAL,
	       "a negative offset: %s", hf_verbs_error());
	tap_is(reg(fd, LENGTH, LENGTH, RDMA_ACCESS, 0, 0), -ENXIO,
	       "beyond the end of the file");
	tap_is(reg(fd, 0, LENGTH, RDMA_ACCESS, 77, 0), -EINVAL,
	       "an unknown kind of lease");
	tap_is(reg(-1, 0, LENGTH, RDMA_ACCESS, 0, 0), -EBADF, "no file");
	/* Remote write without local write: verbs' own rule. */
	tap_is(reg(fd, 0, LENGTH, IBV_ACCESS_REMOTE_WRITE, 0, 0), -EINVAL,
	       "what the device refuses: %s", hf_verbs_error());
	tap_is(hf_reg_mr_addr(rdma.pd, NULL, LENGTH, RDMA_ACCESS, NULL, &mr),
	       -EFAULT, "no address");
	tap_is(hf_reg_mr_addr(rdma.pd, (void *)12345, LENGTH, RDMA_ACCESS, NULL,
			      &mr),
	       -EFAULT, "an odd address where nothing is");
	tap_is(hf_reg_mr_addr(rdma.pd, nothing, LENGTH, RDMA_ACCESS, NULL, &mr),
	       -EFAULT, "an address where nothing is");
}

static void test_twice(void)
{
	struct hf_mr *mr = mr_make(&rdma, fd, 0, LENGTH, NULL);
	struct hf_mr_info info;

	tap_is(hf_restore_mr(mr), -EALREADY, "a restore without a break");
	tap_is(mr_query(mr).generation, 1, "changes nothing");
	tap_is(hf_close_context(context), -EBUSY, "a context with regions");
	tap_is(ibv_dealloc_pd(rdma.pd), EBUSY, "a domain with regions");
	tap_is(hf_dereg_mr(mr), 0, "deregister");
	tap_is(hf_dereg_mr(mr), -EINVAL, "deregister twice");
	tap_is(hf_suspend_mr(mr), -EINVAL, "suspend what is gone");
	tap_is(hf_restore_mr(mr), -EINVAL, "restore what is gone");
	tap_is(hf_query_mr(mr, &info), -EINVAL, "query what is gone");
}

static void test_lease_as_file(void)
{
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	tap_is(reg(lease, 0, LENGTH, RDMA_ACCESS, 0, 0), -ENODEV,
	       "a lease is no file: %s", hf_verbs_error());
	close(lease);
}

/* In the child; the number of the first check that fails, or 0. */
static int child(struct hf_mr *mr, int lease, bool inherits)
{
	struct hf_async_event event;
	struct hf_context *own;
	struct hf_mr_info info;
	struct rdma device;
	struct hf_mr *region;
	struct hf_key key;

	if (hf_query_mr(mr, &info) != -EPERM)
		return 1;
	if (hf_suspend_mr(mr) != -EPERM || hf_restore_mr(mr) != -EPERM ||
	    hf_dereg_mr(mr) != -EPERM)
		return 2;
	if (hf_get_async_event(context, &event, 0) != -EPERM ||
	    hf_context_fd(context) != -EPERM ||
	    hf_find_mr(context, 1, &key) != -EPERM ||
	    hf_close_context(context) != -EPERM)
		return 3;
	if (reg(fd, 0, LENGTH, RDMA_ACCESS, 0, 0) != -EPERM)
		return 4;
	if (inherits ? hf_join(lease) : fcntl(lease, F_GETFD) != -1)
		return 5;
	/* By itself it can do what its parent can. */
	device = rdma_open();
	if (hf_open_context(device.context, NULL, &own))
		return 7;
	if (hf_reg_mr(device.pd, fd, 0, LENGTH, RDMA_ACCESS, NULL, &region))
		return 8;
	if (hf_dereg_mr(region) || hf_close_context(own))
		return 9;
	rdma_close(&device);
	return 0;
}

static void test_fork(unsigned int flags)
{
	const struct hf_mr_attr attr = { .flags = flags,
					 .break_ms = LONG_BREAK };
	const char *name = flags ? "HF_MR_FORK" : "fork";
	struct hf_mr *mr = mr_make(&rdma, fd, 0, LENGTH, &attr);
	int lease = mr_query(mr).lease, status;
	struct hf_async_event event;
	struct change change;
	pid_t pid = child_fork();

	if (!pid)
		_exit(child(mr, lease, flags & HF_MR_FORK));
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "%s: the child is refused, and can register by itself", name);
	tap_diag("child: %#x", status);
	mr_works(&rdma, mr, fd, 0, "the parent's region works");
	change = change_start("punch", PATH, 0, MIB, NULL);
	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_DECOHERENCE, "%s: and is told", name);
	tap_is(hf_restore_mr(mr), 0, "%s: and restored", name);
	tap_ok(change_done(&change, SOON), "%s: the change is done", name);
	tap_is(hf_dereg_mr(mr), 0, "%s: and ended", name);
}

/* More keys of the past than are remembered. */
static void test_retired_keys(void)
{
	struct hf_mr *mr = mr_make(&rdma, fd, 0, 4096, NULL);
	struct hf_mr_info first = mr_query(mr), last;
	struct hf_key key;
	int i;

	for (i = 0; i < HF_RETIRED_KEYS + 100; i++) {
		last = mr_query(mr);
		if (hf_suspend_mr(mr) || hf_restore_mr(mr))
			break;
	}
	tap_is(i, HF_RETIRED_KEYS + 100, "suspend and restore many times");
	tap_is(mr_query(mr).generation, i + 1, "so many generations");
	tap_ok(!hf_find_mr(context, last.rkey, &key) && key.mr == mr,
	       "the key before is known");
	tap_ok(hf_find_mr(context, first.rkey, &key) == -ENOENT ||
		       key.generation != 1,
	       "the first one is forgotten");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

int main(void)
{
	struct hf_async_event event;

	rdma = rdma_open();
	fd = file_make(PATH, LENGTH);
	test_arguments();
	test_twice();
	test_lease_as_file();
	test_fork(0);
	test_fork(HF_MR_FORK);
	test_retired_keys();
	tap_is(hf_close_context(context), 0, "close");
	tap_is(hf_close_context(context), -EINVAL, "close twice");
	tap_is(hf_get_async_event(context, &event, 0), -EINVAL,
	       "events of a context that is gone");
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
