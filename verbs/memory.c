// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * munmap() and its like meet regions: what a region has pinned would not be
 * what its addresses mean any more. Its owner is told first, as of a change of
 * the file, and the call waits until the region is not registered.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static atomic_uint watchers;
static __thread unsigned int off;

void hf_watch_off(void)
{
	off++;
}

void hf_watch_on(void)
{
	off--;
}

void hf_watch_begin(void)
{
	watchers++;
}

void hf_watch_end(void)
{
	watchers--;
}

bool hf_is_watched(void)
{
	return watchers && !off;
}

/**
 * struct call - one call, and the regions that it has met
 * @op: what it is
 * @watched: only regions whose context is HF_WATCH_MEMORY
 * @mrs: with a reference each, and hf_mr.memory_calls raised
 */
struct call {
	enum hf_memory_op op;
	bool watched;
	struct hf_mr **mrs;
	size_t count;
};

static bool is_met(const struct hf_mr *mr, const struct call *call)
{
	if (call->watched && !(mr->context->attr.flags & HF_WATCH_MEMORY))
		return false;
	if (mr->ending)
		return false;
	/* The device follows the page tables by itself. */
	if (mr->backing == HF_BACKING_ODP)
		return false;
	/* The pages of a file's mapping are the file's, mapped or not. */
	return call->op != HF_MEMORY_MADVISE || mr->backing == HF_BACKING_PLAIN;
}

/* Waits until the region is not registered. Called with the context locked. */
static int wait_for(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;
	struct timespec until = {
		.tv_sec = mr->deadline_ns / 1000000000,
		.tv_nsec = mr->deadline_ns % 1000000000,
	};

	while (mr->ibv && !mr->ending) {
		if (hf_now_ns() < mr->deadline_ns)
			pthread_cond_clockwait(&context->changed,
					       &context->lock, CLOCK_MONOTONIC,
					       &until);
		else
			return hf_mr_suspend(mr);
	}
	return 0;
}

/* Called with the context locked and a reference, which the call keeps. */
static int meet(struct call *call, struct hf_mr *mr)
{
	struct hf_mr **mrs = reallocarray(call->mrs, call->count + 1,
					  sizeof(struct hf_mr *));

	if (!mrs)
		return -ENOMEM;
	call->mrs = mrs;
	call->mrs[call->count++] = mr;
	mr->memory_calls++;
	if (!mr->ibv)
		return 0;
	/* A change of the file that waits for it already has its own deadline. */
	if (mr->state != HF_MR_BREAKING) {
		mr->deadline_ns =
			hf_now_ns() + mr->break_ms * UINT64_C(1000000);
		mr->state = HF_MR_DECOHERENT;
	}
	mr->memory_op = call->op;
	hf_post(mr, HF_ASYNC_DECOHERENCE, 0);
	hf_automatic_answer(mr);
	return wait_for(mr);
}

/* 0, or -errno, and then nothing may be done to the memory. */
static int begin(struct call *call, uintptr_t addr, size_t length)
{
	const struct hf_mr *after = NULL;
	struct hf_mr *mr;
	int ret = 0;

	while (!ret && (mr = hf_mr_next_overlapping(after, addr, length))) {
		size_t count = call->count;

		after = mr;
		hf_watch_off();
		if (is_met(mr, call))
			ret = meet(call, mr);
		hf_watch_on();
		if (call->count > count)
			hf_context_leave(mr->context);
		else
			hf_mr_leave(mr);
	}
	return ret;
}

static void end(struct call *call, bool done)
{
	for (size_t i = 0; i < call->count; i++) {
		struct hf_mr *mr = call->mrs[i];

		pthread_mutex_lock(&mr->context->lock);
		mr->memory_calls--;
		if (done && call->op != HF_MEMORY_MADVISE)
			mr->unmapped = true;
		else if (mr->state == HF_MR_RESTORABLE && !mr->ending)
			hf_post(mr, HF_ASYNC_RESTORABLE, 0);
		pthread_cond_broadcast(&mr->context->changed);
		hf_mr_leave(mr);
	}
	free(call->mrs);
}

/* -1 and errno, as the calls that we stand for have it. */
static int give_up(struct call *call, int ret)
{
	end(call, false);
	errno = -ret;
	return -1;
}

int hf_memory_munmap(void *addr, size_t length, bool watched,
		     int (*real)(void *, size_t))
{
	struct call call = { .op = HF_MEMORY_MUNMAP, .watched = watched };
	int ret = begin(&call, (uintptr_t)addr, length);

	if (ret)
		return give_up(&call, ret);
	ret = real(addr, length);
	end(&call, !ret);
	return ret;
}

int hf_memory_madvise(void *addr, size_t length, int advice, bool watched,
		      int (*real)(void *, size_t, int))
{
	struct call call = { .op = HF_MEMORY_MADVISE, .watched = watched };
	int ret;

	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_REMOVE:
		break;
	default:
		return real(addr, length, advice);
	}
	ret = begin(&call, (uintptr_t)addr, length);
	if (ret)
		return give_up(&call, ret);
	ret = real(addr, length, advice);
	end(&call, !ret);
	return ret;
}

/* What of the old place may go: all, or the end of it. */
static int begin_mremap(struct call *call, const struct hf_mremap *args)
{
	uintptr_t old = (uintptr_t)args->old_address;
	int ret = 0;

	if (args->flags & MREMAP_FIXED)
		ret = begin(call, (uintptr_t)args->new_address, args->new_size);
	if (ret)
		return ret;
	if (args->flags & MREMAP_FIXED ||
	    (args->flags & MREMAP_MAYMOVE && args->new_size > args->old_size))
		return begin(call, old, args->old_size);
	if (args->new_size < args->old_size)
		return begin(call, old + args->new_size,
			     args->old_size - args->new_size);
	return 0;
}

void *hf_memory_mremap(const struct hf_mremap *args, bool watched,
		       void *(*real)(void *, size_t, size_t, int, ...))
{
	struct call call = { .op = HF_MEMORY_MREMAP, .watched = watched };
	int ret = begin_mremap(&call, args);
	void *map;

	if (ret) {
		give_up(&call, ret);
		return MAP_FAILED;
	}
	map = real(args->old_address, args->old_size, args->new_size,
		   args->flags, args->new_address);
	end(&call, map != MAP_FAILED);
	return map;
}

/* --- by name; straight to the kernel, past everybody who has the C library's */

static int raw_munmap(void *addr, size_t length)
{
	return syscall(SYS_munmap, addr, length);
}

static int raw_madvise(void *addr, size_t length, int advice)
{
	return syscall(SYS_madvise, addr, length, advice);
}

static void *raw_mremap(void *old_address, size_t old_size, size_t new_size,
			int flags, ...)
{
	void *new_address;
	va_list args;

	va_start(args, flags);
	new_address = va_arg(args, void *);
	va_end(args);
	return (void *)syscall(SYS_mremap, old_address, old_size, new_size,
			       flags, new_address);
}

void hf_raw_munmap(void *addr, size_t length)
{
	raw_munmap(addr, length);
}

HF_EXPORT int hf_munmap(void *addr, size_t length)
{
	return hf_memory_munmap(addr, length, false, raw_munmap);
}

HF_EXPORT int hf_madvise(void *addr, size_t length, int advice)
{
	return hf_memory_madvise(addr, length, advice, false, raw_madvise);
}

HF_EXPORT void *hf_mremap(void *old_address, size_t old_size, size_t new_size,
			  int flags, ...)
{
	struct hf_mremap args;

	HF_MREMAP_ARGS(args, old_address, old_size, new_size, flags);
	return hf_memory_mremap(&args, false, raw_mremap);
}
