// SPDX-License-Identifier: LGPL-2.1-or-later
/* What stands before ibv_reg_mr(3) and its like, see shim.h. */
#include <dlfcn.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <pthread.h>
#include <string.h>

#include "shim.h"
#include "internal/uverbs.h"

/* They are functions, too, and that is what programs import. */
#undef ibv_reg_mr
#undef ibv_reg_mr_iova

/*
 * The function that would have been called without us. A program may have
 * loaded libibverbs for itself alone.
 */
static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name), *library;

	if (function)
		return function;
	library = dlopen("libibverbs.so.1", RTLD_LAZY | RTLD_NOLOAD);
	return library ? dlsym(library, name) : NULL;
}

/* clang-format off */
#define NEXT(function) ({						\
	static typeof(&(function)) found;				\
									\
	if (!__atomic_load_n(&found, __ATOMIC_ACQUIRE))			\
		__atomic_store_n(&found, next(#function), __ATOMIC_RELEASE); \
	found;								\
})
/* clang-format on */

static void making_begin(struct making_mr *making, void *addr, size_t length)
{
	*making =
		(struct making_mr){ .addr = (uintptr_t)addr, .length = length };
	/* Others know it from here on, and it is on this thread's stack. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &making->cancel);
	thread_start();
	table_lock();
	table_add_making(making);
	table_unlock();
}

/* @mr: what was made, or NULL */
static void making_end(struct making_mr *making, struct ibv_mr *mr)
{
	struct tracked_mr *tracked;
	int err = errno;

	table_lock();
	table_drop_making(making);
	tracked = mr ? table_add_mr(mr) : NULL;
	if (tracked)
		wants_made(tracked, making);
	table_unlock();
	pthread_setcancelstate(making->cancel, NULL);
	errno = err;
}

/*
 * With EDEADLK a change of the range waits for regions of this process, and has begun
 * (before that the kernel makes more, see HOLDFAST_IOC_WATCH). They may be kept by a cache
 * that lets go of them when the program goes on: that is, here.
 */
/* clang-format off */
#define REGISTER(addr, length, access, call) ({				\
	struct making_mr making;					\
	struct ibv_mr *made;						\
	unsigned int tries = 0;						\
									\
	making_begin(&making, addr, length);				\
	do								\
		made = (call);						\
	while (!made && errno == EDEADLK && thread_hurry(tries++));	\
	/* Nothing is pinned for on-demand paging. */			\
	making_end(&making, (access) & IBV_ACCESS_ON_DEMAND ? NULL : made); \
	made;								\
})
/* clang-format on */

SHIM_EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr,
				      size_t length, int access)
{
	return REGISTER(addr, length, access,
			NEXT(ibv_reg_mr)(pd, addr, length, access));
}

SHIM_EXPORT struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr,
					   size_t length, uint64_t iova,
					   int access)
{
	return REGISTER(addr, length, access,
			NEXT(ibv_reg_mr_iova)(pd, addr, length, iova, access));
}

SHIM_EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr,
					    size_t length, uint64_t iova,
					    unsigned int access)
{
	return REGISTER(addr, length, access,
			NEXT(ibv_reg_mr_iova2)(pd, addr, length, iova, access));
}

/*
 * Of a region that was taken the program deregisters the placeholder. Where there is
 * none it gets success, and libibverbs' part of the region stays: only a driver that
 * deregisters frees that.
 */
SHIM_EXPORT int ibv_dereg_mr(struct ibv_mr *mr)
{
	struct tracked_mr *tracked;
	bool gone = false;
	int ret, cancel;

	table_lock();
	tracked = table_find_mr(mr);
	if (tracked) {
		gone = tracked->taken && !tracked->placed;
		tracked->leaving = true;
	}
	if (gone)
		table_drop_mr(tracked);
	table_unlock();
	if (gone)
		return 0;
	/* Who sets leaving clears it. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	ret = NEXT(ibv_dereg_mr)(mr);
	pthread_setcancelstate(cancel, NULL);
	if (!tracked)
		return ret;
	table_lock();
	if (ret)
		tracked->leaving = false;
	else
		table_drop_mr(tracked);
	table_unlock();
	return ret;
}

/* Gone from the table: it may not be taken. */
SHIM_EXPORT int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd,
			     void *addr, size_t length, int access)
{
	struct making_mr making;
	struct tracked_mr *tracked;
	bool taken = false;
	int ret;

	/* What there is of it stays where only its domain or access changes. */
	if (flags & IBV_REREG_MR_CHANGE_TRANSLATION)
		making_begin(&making, addr, length);
	else
		making_begin(&making, mr->addr, mr->length);
	table_lock();
	tracked = table_find_mr(mr);
	if (tracked)
		taken = tracked->taken;
	if (tracked && !taken) {
		if (tracked->take_ms) {
			making.take_ms = tracked->take_ms;
			making.look = tracked->look;
		}
		table_drop_mr(tracked);
	}
	table_unlock();
	if (taken) {
		making_end(&making, NULL);
		return IBV_REREG_MR_ERR_CMD;
	}
	ret = NEXT(ibv_rereg_mr)(mr, flags, pd, addr, length, access);
	making_end(&making, mr);
	return ret;
}

/* Takes with it the regions that are left. */
SHIM_EXPORT int ibv_close_device(struct ibv_context *context)
{
	struct tracked_mr *tracked, *after;

	table_lock();
	tracked = table_next_mr(NULL, 0, SIZE_MAX);
	for (; tracked; tracked = after) {
		after = table_next_mr(tracked, 0, SIZE_MAX);
		if (tracked->context == context && !tracked->leaving)
			table_drop_mr(tracked);
	}
	table_unlock();
	return NEXT(ibv_close_device)(context);
}

/* Its number may be another region's, see struct tracked_mr. */
static bool is_there(const struct tracked_mr *tracked, int driver)
{
	struct uverbs_mr found;
	int err = uverbs_mr_query(tracked->fd, driver, tracked->handle, &found);

	/* Not every driver reports it. */
	return err == -ENODATA || err == -EOPNOTSUPP ||
	       (!err && found.lkey == tracked->lkey &&
		found.rkey == tracked->rkey && found.length == tracked->length);
}

void mr_take(struct tracked_mr *tracked)
{
	int driver = uverbs_driver(tracked->fd), err = driver;

	if (driver >= 0 && !is_there(tracked, driver)) {
		table_drop_mr(tracked);
		return;
	}
	if (driver >= 0)
		err = placeholder_swap(tracked->fd, driver, tracked->pd,
				       tracked->handle, &tracked->placed);
	tracked->take_ms = 0;
	if (err) {
		shim_say(
			"memory region with rkey %#x is left to the kernel: %s",
			tracked->rkey, strerror(-err));
		tracked->leaving = true;
		return;
	}
	shim_say(
		"a change waits: took the memory region of %zu bytes at %p (rkey %#x)",
		tracked->length, (void *)tracked->addr, tracked->rkey);
	tracked->taken = true;
}
