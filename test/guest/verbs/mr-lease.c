// SPDX-License-Identifier: GPL-2.0
/*
 * Several regions of one lease, in several protection domains and contexts; regions
 * that begin anywhere; and memory that is mapped anew behind the library's back.
 */
#define _GNU_SOURCE
#include "mr.h"
#include <sys/syscall.h>

#define PATH   PMEM "mr-lease"
#define OTHER  PMEM "mr-lease-other"
#define LENGTH (8 * MIB)
#define HALF   (4 * MIB)

static struct rdma rdma;
static struct hf_context *context;
static int fd;

static struct hf_mr *reg_lease(struct ibv_pd *pd, int lease, void *addr,
			       size_t length, struct hf_context *of)
{
	const struct hf_mr_attr attr = { .context = of };
	struct hf_mr *mr;

	if (hf_reg_mr_lease(pd, lease, addr, length, RDMA_ACCESS, &attr, &mr))
		tap_bail("hf_reg_mr_lease: %s", hf_verbs_error());
	return mr;
}

/* A change of the second half: both rails' regions of it go, that of the first stays. */
static void test_rails(void)
{
	const struct hf_context_attr second = { .flags = HF_NO_DEVICE_EVENTS };
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_pd *pd = ibv_alloc_pd(rdma.context);
	struct hf_context *rail = context_open(&rdma, &second);
	struct hf_mr *first = reg_lease(rdma.pd, lease, map, HALF, context);
	struct hf_mr *here =
		reg_lease(rdma.pd, lease, map + HALF, HALF, context);
	struct hf_mr *there = reg_lease(pd, lease, map + HALF, HALF, rail);
	struct hf_async_event event;
	struct change change;
	struct hf_mr *none;

	tap_is(hf_reg_mr_lease(rdma.pd, lease, map, HALF, RDMA_ACCESS, NULL,
			       &none),
	       -EINVAL, "two contexts, and none is named: %s",
	       hf_verbs_error());
	close(lease);
	change = change_start("punch", PATH, HALF, HALF, NULL);
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == here,
	       "the region of the changed half is told");
	event = mr_event(rail, SOON);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == there,
	       "that of the other context, too");
	tap_is(hf_suspend_mr(here), 0, "one is suspended");
	tap_ok(!change_done(&change, STILL), "the change waits for the other");
	tap_is(hf_suspend_mr(there), 0, "it is suspended");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change comes to pass");
	tap_is(mr_query(first).state, HF_MR_ACTIVE,
	       "the region of the first half was not met");
	tap_is(mr_event(context, SOON).type, HF_ASYNC_RESTORABLE,
	       "the end of the change is told");
	tap_is(mr_event(rail, SOON).type, HF_ASYNC_RESTORABLE, "to both");
	tap_is(hf_restore_mr(here) ?: hf_restore_mr(there), 0, "both restored");
	mr_works(&rdma, here, fd, HALF, "RDMA writes the file");
	tap_is(hf_dereg_mr(here) ?: hf_dereg_mr(there) ?: hf_dereg_mr(first), 0,
	       "all deregistered");
	tap_is(hf_close_context(rail), 0, "the second context closes");
	ibv_dealloc_pd(pd);
	tap_is(change_make("punch", PATH, 0, LENGTH, NULL, AT_ONCE), 0,
	       "no lease is left");
	munmap(map, LENGTH);
}

static void test_bounds(void)
{
	int lease = lease_make(fd, MIB, MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	char *private = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct hf_mr_attr exclusive = { .kind = HOLDFAST_EXCLUSIVE };
	struct hf_mr *mr;

	tap_is(hf_reg_mr_lease(rdma.pd, lease, map, 2 * MIB, RDMA_ACCESS, NULL,
			       &mr),
	       -ERANGE, "not all in the lease: %s", hf_verbs_error());
	tap_is(hf_reg_mr_lease(rdma.pd, lease, private, MIB, RDMA_ACCESS, NULL,
			       &mr),
	       -ENOENT, "other memory: %s", hf_verbs_error());
	tap_is(hf_reg_mr_lease(rdma.pd, lease, map + MIB, MIB, RDMA_ACCESS,
			       &exclusive, &mr),
	       -EINVAL, "a kind: %s", hf_verbs_error());
	tap_is(hf_reg_mr_lease(rdma.pd, fd, map, MIB, RDMA_ACCESS, NULL, &mr),
	       -ENOTTY, "a file is no lease: %s", hf_verbs_error());
	munmap(map, LENGTH);
	munmap(private, MIB);
	close(lease);
}

/* Neither its address nor its length is a multiple of anything. */
static void test_unaligned(void)
{
	const struct hf_mr_attr attr = { .flags = HF_MR_IOVA,
					 .iova = 0x7000000000 + 777 };
	char *map = map_shared(fd, 0, LENGTH), sent[100];
	char *heap = malloc(100000);
	struct hf_mr_info info;
	struct hf_mr *mr;

	tap_is(hf_reg_mr_addr(rdma.pd, map + 777, 12345, RDMA_ACCESS, &attr,
			      &mr),
	       0, "an odd range, and another address for the device");
	info = mr_query(mr);
	tap_ok(info.addr == map + 777 && info.iova == attr.iova &&
		       info.length == 12345,
	       "it is what was asked for");
	pattern_fill(sent, sizeof(sent), 5);
	info.addr = (void *)(uintptr_t)info.iova;
	tap_is(mr_write(&rdma, &info, 12000, sent, sizeof(sent)),
	       IBV_WC_SUCCESS, "RDMA writes by that address");
	tap_ok(!memcmp(map + 777 + 12000, sent, sizeof(sent)),
	       "the bytes are where they belong");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	tap_is(hf_reg_mr(rdma.pd, fd, MIB + 5, 100, RDMA_ACCESS, NULL, &mr), 0,
	       "an odd range of a file");
	tap_is((uintptr_t)mr_query(mr).addr % 4096, 5, "is mapped for it");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	tap_is(hf_reg_mr_addr(rdma.pd, heap, 100000, RDMA_ACCESS, NULL, &mr), 0,
	       "memory of malloc(3)");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	free(heap);
	munmap(map, LENGTH);
}

/* The kernel knows the file, whatever became of its name and descriptor. */
static void test_nameless(void)
{
	int memfd = memfd_create("mr-lease", MFD_CLOEXEC);
	int gone = file_make(OTHER, MIB);
	char *memory, *map;
	struct hf_mr *mr;

	if (memfd < 0 || ftruncate(memfd, MIB))
		tap_bail("memfd: %s", strerror(errno));
	memory = map_shared(memfd, 0, MIB);
	map = map_shared(gone, 0, MIB);
	unlink(OTHER);
	close(gone);
	tap_is(hf_reg_mr_addr(rdma.pd, memory, MIB, RDMA_ACCESS, NULL, &mr), 0,
	       "a memfd");
	tap_ok(mr_query(mr).lease_id, "is leased");
	tap_is(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 MIB),
	       0, "and changed");
	tap_is(mr_event(context, SOON).type, HF_ASYNC_DECOHERENCE,
	       "which is told");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	tap_is(hf_reg_mr_addr(rdma.pd, map, MIB, RDMA_ACCESS, NULL, &mr), 0,
	       "a file that was removed and closed");
	tap_ok(mr_query(mr).lease_id, "is leased");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	munmap(map, MIB);
	munmap(memory, MIB);
	close(memfd);
}

/* A region is unmapped by mistake, and another file comes to be at its address. */
static void test_replaced(void)
{
	int other = file_make(OTHER, MIB);
	struct hf_mr *mr = mr_make(&rdma, fd, 0, MIB, NULL);
	char *addr = mr_query(mr).addr;
	struct hf_mr *second;

	munmap(addr, MIB);
	tap_ok(mmap(addr, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    other, 0) == addr,
	       "another file is mapped where a region was");
	tap_is(hf_reg_mr_addr(rdma.pd, addr, MIB, RDMA_ACCESS, NULL, &second),
	       0, "and registered");
	tap_is(hf_suspend_mr(mr), 0, "the first one is suspended");
	tap_is(hf_restore_mr(mr), -ENOENT, "and not restored: %s",
	       hf_verbs_error());
	tap_is(hf_dereg_mr(mr), 0, "it is deregistered");
	mr_works(&rdma, second, other, 0, "the other's mapping is still there");
	tap_is(hf_dereg_mr(second), 0, "deregistered");
	munmap(addr, MIB);
	close(other);
	unlink(OTHER);
}

/* The first process of a PID namespace has the pid that its parent may have. */
static void test_namespace(void)
{
	struct hf_mr *mr = mr_make(&rdma, fd, 0, MIB, NULL);
	struct hf_mr_info info;
	pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	int status;

	if (!pid)
		_exit(hf_query_mr(mr, &info) == -EPERM ? 0 : 1);
	status = child_wait(pid, SOON);
	tap_is(status, 0, "a child of a raw clone(2) is known as one");
	pid = child_fork();
	if (!pid) {
		struct hf_context *own;

		/* Pid 1, and so is its child. */
		unshare(CLONE_NEWPID);
		pid = fork();
		if (pid) {
			waitpid(pid, &status, 0);
			_exit(!!status);
		}
		rdma = rdma_open();
		if (hf_open_context(rdma.context, NULL, &own) ||
		    hf_reg_mr(rdma.pd, fd, 0, MIB, RDMA_ACCESS, NULL, &mr))
			_exit(1);
		unshare(CLONE_NEWPID);
		pid = fork();
		if (!pid)
			_exit(getpid() == 1 &&
					      hf_query_mr(mr, &info) ==
						      -EPERM &&
					      hf_dereg_mr(mr) == -EPERM
				      ? 0
				      : 1);
		waitpid(pid, &status, 0);
		_exit(status || hf_query_mr(mr, &info));
	}
	status = child_wait(pid, SOON);
	tap_is(status, 0, "so is the first process of a PID namespace");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

int main(void)
{
	struct hf_context *second;

	rdma = rdma_open();
	fd = file_make(PATH, LENGTH);
	context = context_open(&rdma, NULL);
	tap_is(hf_open_context(rdma.context, NULL, &second), -EBUSY,
	       "one context reads the device's events: %s", hf_verbs_error());
	test_rails();
	test_bounds();
	test_unaligned();
	test_nameless();
	test_replaced();
	test_namespace();
	tap_is(hf_close_context(context), 0, "the context closes");
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
