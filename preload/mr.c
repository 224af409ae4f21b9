// SPDX-License-Identifier: LGPL-2.1-or-later
/* What stands before ibv_reg_mr(3) and its like, see shim.h. */
#include <dlfcn.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <string.h>

#include "shim.h"
#include "uverbs.h"

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

static struct ibv_mr *track(struct ibv_mr *mr)
{
	bool tracked;

	if (!mr || !table_used())
		return mr;
	table_lock();
	table_add_mr(mr);
	tracked = table_find_mr(mr);
	table_unlock();
	/* A child of fork(2) has no thread yet. */
	if (tracked)
		thread_watch();
	return mr;
}

SHIM_EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr,
				      size_t length, int access)
{
	return track(NEXT(ibv_reg_mr)(pd, addr, length, access));
}

SHIM_EXPORT struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr,
					   size_t length, uint64_t iova,
					   int access)
{
	return track(NEXT(ibv_reg_mr_iova)(pd, addr, length, iova, access));
}

SHIM_EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr,
					    size_t length, uint64_t iova,
					    unsigned int access)
{
	return track(NEXT(ibv_reg_mr_iova2)(pd, addr, length, iova, access));
}

/*
 * The program gets success for a region that is gone already. libibverbs' part
 * of it stays: only a driver that deregisters frees that.
 */
SHIM_EXPORT int ibv_dereg_mr(struct ibv_mr *mr)
{
	struct tracked_mr *tracked;
	bool fenced = false;
	int ret;

	table_lock();
	tracked = table_find_mr(mr);
	if (tracked) {
		fenced = tracked->fenced;
		tracked->leaving = true;
	}
	if (fenced)
		table_drop_mr(tracked);
	table_unlock();
	if (fenced)
		return 0;
	ret = NEXT(ibv_dereg_mr)(mr);
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

SHIM_EXPORT int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd,
			     void *addr, size_t length, int access)
{
	int ret = NEXT(ibv_rereg_mr)(mr, flags, pd, addr, length, access);
	struct tracked_mr *tracked;

	if (ret || !(flags & IBV_REREG_MR_CHANGE_TRANSLATION))
		return ret;
	table_lock();
	tracked = table_find_mr(mr);
	if (tracked)
		table_drop_mr(tracked);
	table_unlock();
	track(mr);
	return ret;
}

/* Takes with it the regions that are left. */
SHIM_EXPORT int ibv_close_device(struct ibv_context *context)
{
	struct tracked_mr *tracked, *after;

	table_lock();
	for (tracked = table_mrs(); tracked; tracked = after) {
		after = tracked->next;
		if (tracked->mr->context == context && !tracked->leaving)
			table_drop_mr(tracked);
	}
	table_unlock();
	return NEXT(ibv_close_device)(context);
}

static bool is_on(const struct tracked_mr *tracked, const struct lease *lease)
{
	for (unsigned int i = 0; i < tracked->count; i++)
		if (tracked->leases[i] == lease)
			return true;
	return false;
}

void mr_fence(struct lease *lease)
{
	struct tracked_mr *tracked;

	for (tracked = table_mrs(); tracked; tracked = tracked->next) {
		struct ibv_mr *mr = tracked->mr;
		int driver, err;

		if (tracked->leaving || !is_on(tracked, lease))
			continue;
		driver = uverbs_driver(mr->context->cmd_fd);
		err = driver < 0 ? driver
				 : uverbs_mr_destroy(mr->context->cmd_fd,
						     driver, mr->handle);
		if (err && err != -ENOENT) {
			shim_say(
				"lease %llu: memory region with rkey %#x is left to the kernel: %s",
				(unsigned long long)lease->id, mr->rkey,
				strerror(-err));
			tracked->leaving = true;
			continue;
		}
		shim_say(
			"lease %llu is broken: took the memory region of %zu bytes at %p (rkey %#x)",
			(unsigned long long)lease->id, mr->length, mr->addr,
			mr->rkey);
		table_fence_mr(tracked);
	}
}
