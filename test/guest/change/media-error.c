// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a leased file fails: the holder gets an event with the range, nothing
 * is taken away from it, and a new pin of what has failed is refused.
 */
#define _GNU_SOURCE
#include <setjmp.h>

#include "implicit.h"
#include "mr.h"
#include "pages.h"
#include "sigbus.h"

#define PATH   PMEM "media-error"
#define LENGTH (8 * MIB)
/* Not at the beginning of a page cache entry. */
#define BAD    (3 * MIB + 5 * 4096)
#define INJECT "/sys/kernel/debug/hwpoison/corrupt-pfn"

static struct rdma rdma;
static struct pages pages;
static int file;

/* As the driver does when the device has cleared the error. */
static void clear_errors(void)
{
	for (size_t i = 0; i < pages.nr; i++) {
		if (ioctl(pages.device, PAGES_UNPOISON, pages.pfn[i]))
			tap_diag("page %zu stays poisoned", i);
	}
}

/* Blocks that are known by their pages, all written. */
static void file_begin(void)
{
	file = file_make(PATH, LENGTH);
	pages = pages_of(file, 0, LENGTH);
}

static void file_end(void)
{
	clear_errors();
	pages_free(&pages);
	pages.nr = 0;
	close(file);
	unlink(PATH);
}

/* The memory fails under the hands of this process: whether it got SIGBUS. */
static bool fail_at(char *addr)
{
	*(volatile char *)addr;
	if (sigsetjmp(sigbus_fault, 1))
		return true;
	if (madvise(addr, 4096, MADV_HWPOISON))
		tap_bail("MADV_HWPOISON: %s", strerror(errno));
	return false;
}

static void told(const char *name, int queue, uint64_t offset)
{
	struct holdfast_event event = { 0 };
	bool any = event_next(queue, &event, SOON);

	tap_ok(any && event.type == HOLDFAST_EVENT_MEDIA_ERROR,
	       "%s: is told of a media error (%s)", name,
	       any ? hf_event_name(event.type) : "of nothing");
	tap_ok(event.offset == offset && event.length == 4096,
	       "%s: with its range (%#llx, %llu)", name,
	       (unsigned long long)event.offset,
	       (unsigned long long)event.length);
	tap_ok(!event.op && !event.pid && !event.deadline_ns && !event.comm[0],
	       "%s: it is no change", name);
	tap_ok(!readable(queue, 0), "%s: once", name);
}

static void still_works(struct ibv_mr *mr)
{
	static char sent[4096], seen[4096];

	pattern_fill(sent, sizeof(sent), 7);
	tap_is(rdma_write(&rdma, mr, 6 * MIB, sent, sizeof(sent)),
	       IBV_WC_SUCCESS, "the region goes on");
	tap_ok(pread(file, seen, sizeof(seen), 6 * MIB) == sizeof(seen) &&
		       !memcmp(seen, sent, sizeof(seen)),
	       "and the file has what it gets");
}

static void refused(char *map)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);

	tap_ok(!mr && errno == EHWPOISON,
	       "a registration with the bad page is refused (%s)",
	       mr ? "it was not" : strerror(errno));
	if (mr)
		ibv_dereg_mr(mr);
	tap_is(pins_become(getpid(), 1), 1, "and leaves nothing behind");
	mr = ibv_reg_mr(rdma.pd, map, 2 * MIB, RDMA_ACCESS);
	tap_ok(mr, "one of good pages is not (%s)",
	       mr ? "it was not" : strerror(errno));
	if (mr)
		ibv_dereg_mr(mr);
}

/* Taken out of the file, and the device has mended it: as good as any. */
static void mended(char *map)
{
	static char zeros[4096];
	struct ibv_mr *mr;

	if (pwrite(file, zeros, sizeof(zeros), BAD) != sizeof(zeros))
		tap_bail("write: %s", strerror(errno));
	clear_errors();
	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	tap_ok(mr, "punched, written and mended it can be registered (%s)",
	       mr ? "yes" : strerror(errno));
	if (mr)
		ibv_dereg_mr(mr);
}

static void lease_explicit(void)
{
	struct holdfast_query query;
	struct change change;
	struct ibv_mr *mr;
	int lease, other;
	char *map;

	file_begin();
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	other = lease_make(file, 4 * MIB, 4 * MIB, HOLDFAST_EXCLUSIVE, 0);
	map = map_shared(file, 0, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	tap_ok(fail_at(map + BAD), "the process gets SIGBUS, as always");
	told("the holder", lease, BAD);
	tap_ok(!readable(other, 0), "a lease of other bytes is not told");
	query = lease_query(lease);
	tap_ok(query.state == HOLDFAST_ACTIVE && query.pinned == LENGTH,
	       "the lease is active, and everything is pinned");
	close(other);
	still_works(mr);
	refused(map);

	change = change_start("punch", PATH, BAD, 4096, NULL);
	tap_ok(!change_done(&change, STILL), "a punch of the page waits");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and ends when the region is gone");
	mended(map);
	munmap(map, LENGTH);
	close(lease);
	file_end();
}

static void lease_implicit(void)
{
	struct holdfast_watch args = { .size = sizeof(args),
				       .what = HOLDFAST_WATCH_FILESYSTEM };
	struct holdfast_event event = { 0 };
	int permission, own, all;
	struct change change;
	struct ibv_mr *mr;
	char *map;

	file_begin();
	permission = implicit_allow(LONG_BREAK);
	own = implicit_watch();
	args.fd = file;
	all = device_call(HOLDFAST_IOC_WATCH, &args);
	if (all < 0)
		tap_bail("watch: %s", strerror(-all));
	map = map_shared(file, 0, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	tap_ok(fail_at(map + BAD), "implicit: the process gets SIGBUS");
	told("its queue", own, BAD);
	told("the administrator", all, BAD);
	still_works(mr);
	refused(map);

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(own, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "a truncation is told");
	tap_ok(!change_done(&change, STILL), "and waits");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "until the region is gone");
	munmap(map, LENGTH);
	close(own);
	close(all);
	close(permission);
	file_end();
}

/* By its number: the memory fails while nobody reads it. */
static void injected(void)
{
	int lease, debugfs, ret;
	struct ibv_mr *mr;
	char line[120];
	char *map;

	if (system("modprobe -q hwpoison-inject")) {
		tap_skip("this guest has no hwpoison-inject");
		return;
	}
	debugfs = access(INJECT, F_OK)
			  ? system("mount -t debugfs debugfs /sys/kernel/debug")
			  : 0;
	file_begin();
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(file, 0, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	snprintf(line, sizeof(line), "echo %llu >" INJECT,
		 (unsigned long long)pages.pfn[BAD / 4096]);
	ret = system(line);
	tap_ok(!debugfs && !ret, "an error is injected");
	told("the holder", lease, BAD);
	still_works(mr);
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	file_end();
}

/* A holder that does not read must hear of a change: it has a deadline. */
static void many(void)
{
	struct holdfast_event event = { 0 };
	struct change change;
	struct ibv_mr *mr;
	int lease;
	char *map;

	file_begin();
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(file, 0, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	change = change_start("punch", PATH, 0, 4096, NULL);
	tap_ok(readable(lease, SOON), "a change is told");
	for (int i = 0; i < 6; i++)
		fail_at(map + BAD + i * 4096UL);
	tap_ok(event_next(lease, &event, 0) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "media errors do not push that out (%s)",
	       hf_event_name(event.type));
	tap_ok(event_next(lease, &event, 0) &&
		       event.type == HOLDFAST_EVENT_MEDIA_ERROR &&
		       event.offset == BAD,
	       "the first of them is there, too");
	tap_is(lease_query(lease).events_lost, 3,
	       "those that found no room are counted");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error, "it is done");
	munmap(map, LENGTH);
	close(lease);
	file_end();
}

/* A region of the library: it is told, and stays active. */
static void library(void)
{
	const struct hf_mr_attr attr = { .flags = HF_MR_LEASE };
	struct hf_context *context;
	struct hf_async_event event;
	struct hf_mr *mr;
	char *map;

	file_begin();
	context = context_open(&rdma, NULL);
	mr = mr_make(&rdma, file, 0, LENGTH, &attr);
	map = map_shared(file, 0, LENGTH);
	fail_at(map + BAD);
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_MEDIA_ERROR && event.mr == mr &&
		       event.change.offset == BAD,
	       "library: the region's event (%s)", hf_async_name(event.type));
	tap_is(mr_query(mr).state, HF_MR_ACTIVE, "library: it is active");
	tap_is(mr_event(context, 0).type, 0, "library: nothing is to be done");
	tap_is(hf_suspend_mr(mr), 0, "library: suspended");
	tap_is(hf_restore_mr(mr), -EHWPOISON,
	       "library: with the page it does not come back");
	tap_is(hf_dereg_mr(mr), 0, "library: deregistered");
	hf_close_context(context);
	munmap(map, LENGTH);
	file_end();
}

int main(void)
{
	sigbus_catch();
	atexit(clear_errors);
	rdma = rdma_open();
	lease_explicit();
	lease_implicit();
	injected();
	many();
	library();
	rdma_close(&rdma);
	return tap_done();
}
