// SPDX-License-Identifier: GPL-2.0
/*
 * munmap(), mremap() and madvise() of memory that is registered: by the
 * library's names, by their own with HF_WATCH_MEMORY, and past the library.
 */
#define _GNU_SOURCE
#include "mr.h"
#include <pthread.h>
#include <sys/syscall.h>

#define PATH   PMEM "mr-memory"
#define LENGTH (4 * MIB)
#define SHORT  3000

static struct rdma rdma;
static struct hf_context *context;
static int fd;

/* One call, made by a thread of its own. */
struct call {
	pthread_t thread;
	int (*make)(struct call *call);
	void *addr;
	size_t length;
	bool done;
	int error;
	uint64_t end_ns;
};

static void *call_thread(void *arg)
{
	struct call *call = arg;

	call->error = call->make(call) ? errno : 0;
	call->end_ns = now_ns();
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void call_start(struct call *call)
{
	if (pthread_create(&call->thread, NULL, call_thread, call))
		tap_bail("pthread_create: %s", strerror(errno));
}

static bool call_done(const struct call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

static int by_hf_munmap(struct call *call)
{
	return hf_munmap(call->addr, call->length);
}

static int by_munmap(struct call *call)
{
	return munmap(call->addr, call->length);
}

static int by_mremap(struct call *call)
{
	void *to = mmap(NULL, call->length, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mremap(call->addr, call->length, call->length,
		      MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED;
}

static int by_madvise(struct call *call)
{
	return madvise(call->addr, call->length, MADV_DONTNEED);
}

static struct hf_mr *make(uint32_t break_ms)
{
	const struct hf_mr_attr attr = { .break_ms = break_ms };

	return mr_make(&rdma, fd, 0, LENGTH, &attr);
}

static void test_answered(const char *name, enum hf_memory_op op,
			  int (*by)(struct call *))
{
	struct hf_mr *mr = make(LONG_BREAK);
	struct call call = { .make = by,
			     .addr = mr_query(mr).addr,
			     .length = LENGTH };
	struct hf_async_event event;

	call_start(&call);
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == mr,
	       "%s: the region is told", name);
	tap_is(event.memory_op, op, "%s: of what", name);
	tap_is(event.change.op, 0, "%s: it is no change of the file", name);
	tap_is(mr_query(mr).state, HF_MR_DECOHERENT, "%s: decoherent", name);
	usleep(STILL * 1000);
	tap_ok(!call_done(&call), "%s: the call waits", name);
	mr_works(&rdma, mr, fd, 0, "meanwhile RDMA goes on");
	tap_is(hf_suspend_mr(mr), 0, "%s: suspended", name);
	pthread_join(call.thread, NULL);
	tap_is(call.error, 0, "%s: the call is done", name);
	tap_is(hf_restore_mr(mr), -EFAULT, "%s: it can not be restored: %s",
	       name, hf_verbs_error());
	tap_is(hf_dereg_mr(mr), 0, "%s: deregistered", name);
	tap_is(mr_event(context, 0).type, 0, "%s: no more events", name);
}

static void test_not_answered(void)
{
	struct hf_mr *mr = make(SHORT);
	struct call call = { .make = by_hf_munmap,
			     .addr = mr_query(mr).addr,
			     .length = LENGTH };
	uint64_t began = now_ns();

	call_start(&call);
	pthread_join(call.thread, NULL);
	tap_is(call.error, 0, "nobody answers: the call is done");
	tap_ok(call.end_ns - began >= SHORT * 1000000ULL,
	       "after the break time");
	tap_ok(!mr_query(mr).registered, "and the region is not registered");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	while (mr_event(context, 0).type)
		;
}

/* What has nothing to do with a region does not wait. */
static void test_elsewhere(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	char *addr = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	tap_is(madvise(mr_query(mr).addr, LENGTH, MADV_DONTNEED), 0,
	       "pages of a file may leave their mapping");
	mr_works(&rdma, mr, fd, 0, "and stay the file's");
	tap_ok(mremap(addr, LENGTH, LENGTH / 2, 0) == addr, "mremap elsewhere");
	tap_is(madvise(addr, LENGTH / 2, MADV_DONTNEED), 0,
	       "madvise elsewhere");
	tap_is(munmap(addr, LENGTH / 2), 0, "munmap elsewhere");
	tap_is(munmap(addr, 0), -1, "munmap of nothing fails as ever");
	tap_is(mr_query(mr).state, HF_MR_ACTIVE, "the region heard nothing");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

/* Memory that is no file's: there madvise() takes pages away. */
static void test_anonymous(void)
{
	char *addr = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct call call = { .make = by_madvise,
			     .addr = addr,
			     .length = LENGTH };
	static char sent[64] = "sent";
	struct hf_async_event event;
	struct hf_mr_info info;
	struct hf_mr *mr;

	tap_is(hf_reg_mr_addr(rdma.pd, addr, LENGTH, RDMA_ACCESS, NULL, &mr), 0,
	       "anonymous memory: registered");
	tap_is(mr_query(mr).lease, -1, "anonymous memory: without a lease");
	call_start(&call);
	event = mr_event(context, SOON);
	tap_is(event.memory_op, HF_MEMORY_MADVISE, "anonymous memory: told");
	tap_is(hf_suspend_mr(mr), 0, "anonymous memory: suspended");
	pthread_join(call.thread, NULL);
	tap_is(call.error, 0, "anonymous memory: the call is done");
	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_RESTORABLE, "anonymous memory: restorable");
	tap_is(hf_restore_mr(mr), 0, "anonymous memory: restored");
	info = mr_query(mr);
	tap_is(mr_write(&rdma, &info, 0, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "anonymous memory: RDMA writes");
	tap_is_str(addr, sent, "anonymous memory: what the program sees");
	tap_is(hf_dereg_mr(mr), 0, "anonymous memory: deregistered");
	tap_is(addr[0], 's', "anonymous memory: it is still there");
	munmap(addr, LENGTH);
}

/* Past the library: the lease stays, the next change is told and answered. */
static void test_raw(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	struct hf_mr_info info = mr_query(mr);
	struct hf_async_event event;
	struct change change;

	tap_is(syscall(SYS_munmap, info.addr, LENGTH), 0,
	       "a system call past the library");
	mr_works(&rdma, mr, fd, 0, "the region is the file's still");
	change = change_start("truncate", PATH, MIB, 0, NULL);
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == mr,
	       "a change is told");
	tap_ok(!change_done(&change, STILL), "and waits");
	tap_is(hf_restore_mr(mr), -EFAULT, "the memory has gone: %s",
	       hf_verbs_error());
	tap_ok(change_done(&change, SOON) && !change.error,
	       "but the change goes on");
	tap_ok(!mr_query(mr).registered, "the region is not registered");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	if (ftruncate(fd, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
}

/* The library's thread answers for a program whose only thread is in munmap(). */
static void test_automatic(void)
{
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC |
						       HF_WATCH_MEMORY };
	struct hf_async_event event;
	struct hf_mr *mr;

	context = context_open(&rdma, &attr);
	mr = make(LONG_BREAK);
	tap_is(munmap(mr_query(mr).addr, LENGTH), 0, "automatic: munmap");
	tap_ok(!mr_query(mr).registered, "automatic: it was deregistered");
	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_DECOHERENCE, "automatic: it can be read");
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_FAILED && event.error == -EFAULT,
	       "automatic: and that it is not restored");
	tap_is(hf_dereg_mr(mr), 0, "automatic: deregistered");
	tap_is(hf_close_context(context), 0, "automatic: closed");
}

int main(void)
{
	const struct hf_context_attr attr = { .flags = HF_WATCH_MEMORY };

	rdma = rdma_open();
	fd = file_make(PATH, LENGTH);
	context = context_open(&rdma, &attr);
	test_answered("hf_munmap", HF_MEMORY_MUNMAP, by_hf_munmap);
	test_answered("munmap", HF_MEMORY_MUNMAP, by_munmap);
	test_answered("mremap", HF_MEMORY_MREMAP, by_mremap);
	test_not_answered();
	test_elsewhere();
	test_anonymous();
	test_raw();
	tap_is(hf_close_context(context), 0, "closed");
	test_automatic();

	context = context_open(&rdma, NULL);
	{
		struct hf_mr *mr = make(LONG_BREAK);

		tap_is(munmap(mr_query(mr).addr, LENGTH), 0,
		       "who has not asked is not watched");
		tap_is(mr_query(mr).state, HF_MR_ACTIVE, "and not told");
		tap_is(hf_dereg_mr(mr), 0, "deregistered");
	}
	tap_is(hf_close_context(context), 0, "closed");
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
