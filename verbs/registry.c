// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which contexts and regions this process has: so that a pointer to one that
 * is gone is an error and not a crash, munmap() finds what it meets, and a
 * child does not touch what is its parent's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static struct {
	pthread_mutex_t lock;
	TAILQ_HEAD(, hf_context) contexts;
	struct hf_mr **mrs; /* sorted by pointer */
	size_t count;
	size_t room;
} hf_registry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.contexts = TAILQ_HEAD_INITIALIZER(hf_registry.contexts),
};

static int not_ours(pid_t owner)
{
	return hf_vfail(EPERM,
			"opened by process %d: after fork(2) a child opens "
			"the device again and registers by itself",
			(int)owner);
}

/* --- fork */

static void before_fork(void)
{
	struct hf_context *context;

	pthread_mutex_lock(&hf_registry.lock);
	TAILQ_FOREACH(context, &hf_registry.contexts, node)
		pthread_mutex_lock(&context->lock);
}

static void unlock_all(void)
{
	struct hf_context *context;

	TAILQ_FOREACH(context, &hf_registry.contexts, node)
		pthread_mutex_unlock(&context->lock);
	pthread_mutex_unlock(&hf_registry.lock);
}

/*
 * The child keeps the structures, to know them for what they are, but no lease:
 * it would take the parent's events and outlive him as a holder. A context
 * without its epoll descriptor has been through this.
 */
static void in_child(void)
{
	struct hf_context *context;
	struct hf_mr *mr;

	TAILQ_FOREACH(context, &hf_registry.contexts, node) {
		if (context->owner == getpid() || context->epoll < 0)
			continue;
		TAILQ_FOREACH(mr, &context->mrs, node) {
			if (mr->lease >= 0 && !(mr->attr.flags & HF_MR_FORK))
				close(mr->lease);
			if (mr->file >= 0)
				close(mr->file);
			mr->lease = mr->file = -1;
		}
		close(context->epoll);
		close(context->lease_epoll);
		close(context->queue_fd);
		close(context->wake_fd);
		context->epoll = -1;
	}
	unlock_all();
}

static int fork_handlers_result;

static void install_fork_handlers(void)
{
	fork_handlers_result =
		-pthread_atfork(before_fork, unlock_all, in_child);
}

/* --- contexts */

static struct hf_context *find_context(const struct ibv_context *device)
{
	struct hf_context *context;

	TAILQ_FOREACH(context, &hf_registry.contexts, node)
		if (context->device == device && context->owner == getpid())
			return context;
	return NULL;
}

int hf_registry_add_context(struct hf_context *context)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int ret;

	pthread_once(&once, install_fork_handlers);
	if (fork_handlers_result)
		return hf_vfail(-fork_handlers_result, "fork handlers: %s",
				strerror(-fork_handlers_result));
	pthread_mutex_lock(&hf_registry.lock);
	ret = find_context(context->device) ? -EBUSY : 0;
	if (!ret)
		TAILQ_INSERT_TAIL(&hf_registry.contexts, context, node);
	pthread_mutex_unlock(&hf_registry.lock);
	if (ret)
		return hf_vfail(EBUSY,
				"%s: this ibv_context has been opened already",
				ibv_get_device_name(context->device->device));
	return 0;
}

int hf_registry_del_context(struct hf_context *context)
{
	unsigned int users;

	pthread_mutex_lock(&hf_registry.lock);
	users = context->users;
	if (!users)
		TAILQ_REMOVE(&hf_registry.contexts, context, node);
	pthread_mutex_unlock(&hf_registry.lock);
	if (users)
		return hf_vfail(EBUSY,
				"%u regions are left: hf_dereg_mr() them first",
				users);
	return 0;
}

int hf_context_of(struct ibv_context *device, struct hf_context **out)
{
	struct hf_context *context;
	pid_t owner = 0;

	pthread_mutex_lock(&hf_registry.lock);
	*out = find_context(device);
	TAILQ_FOREACH(context, &hf_registry.contexts, node)
		if (context->device == device)
			owner = context->owner;
	pthread_mutex_unlock(&hf_registry.lock);
	if (*out) {
		pthread_mutex_lock(&(*out)->lock);
		return 0;
	}
	if (owner)
		return not_ours(owner);
	return hf_vfail(ENOENT, "%s: hf_open_context() this device first",
			ibv_get_device_name(device->device));
}

int hf_context_enter(struct hf_context *context)
{
	struct hf_context *known;
	int ret = 0;

	pthread_mutex_lock(&hf_registry.lock);
	TAILQ_FOREACH(known, &hf_registry.contexts, node)
		if (known == context)
			break;
	if (!known)
		ret = hf_vfail(EINVAL, "not a context, or closed already");
	else if (known->owner != getpid())
		ret = not_ours(known->owner);
	pthread_mutex_unlock(&hf_registry.lock);
	if (!ret)
		pthread_mutex_lock(&context->lock);
	return ret;
}

void hf_context_leave(struct hf_context *context)
{
	pthread_mutex_unlock(&context->lock);
}

/* --- regions */

static size_t place_of(const struct hf_mr *mr)
{
	size_t low = 0, high = hf_registry.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((uintptr_t)hf_registry.mrs[middle] < (uintptr_t)mr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct hf_mr *mr, size_t place)
{
	return place < hf_registry.count && hf_registry.mrs[place] == mr;
}

int hf_registry_add_mr(struct hf_mr *mr)
{
	int ret = 0;
	size_t at;

	pthread_mutex_lock(&hf_registry.lock);
	if (hf_registry.count == hf_registry.room) {
		size_t room = hf_registry.room ? hf_registry.room * 2 : 64;
		struct hf_mr **mrs;

		hf_watch_off();
		mrs = reallocarray(hf_registry.mrs, room,
				   sizeof(struct hf_mr *));
		hf_watch_on();
		if (!mrs) {
			ret = hf_vfail(ENOMEM, "no memory");
			goto unlock;
		}
		hf_registry.mrs = mrs;
		hf_registry.room = room;
	}
	at = place_of(mr);
	memmove(&hf_registry.mrs[at + 1], &hf_registry.mrs[at],
		(hf_registry.count - at) * sizeof(struct hf_mr *));
	hf_registry.mrs[at] = mr;
	hf_registry.count++;
	mr->refs = 1;
	mr->context->users++;
unlock:
	pthread_mutex_unlock(&hf_registry.lock);
	return ret;
}

int hf_mr_enter(struct hf_mr *mr)
{
	int ret = 0;

	pthread_mutex_lock(&hf_registry.lock);
	if (!is_at(mr, place_of(mr)))
		ret = hf_vfail(EINVAL, "not a region, or deregistered already");
	else if (mr->context->owner != getpid())
		ret = not_ours(mr->context->owner);
	else
		mr->refs++;
	pthread_mutex_unlock(&hf_registry.lock);
	if (!ret)
		pthread_mutex_lock(&mr->context->lock);
	return ret;
}

static void put(struct hf_mr *mr)
{
	bool last;

	pthread_mutex_lock(&hf_registry.lock);
	last = --mr->refs == 0;
	if (last)
		mr->context->users--;
	pthread_mutex_unlock(&hf_registry.lock);
	if (last)
		free(mr);
}

void hf_mr_leave(struct hf_mr *mr)
{
	pthread_mutex_unlock(&mr->context->lock);
	put(mr);
}

void hf_mr_kill(struct hf_mr *mr)
{
	size_t at;

	pthread_mutex_lock(&hf_registry.lock);
	at = place_of(mr);
	hf_registry.count--;
	memmove(&hf_registry.mrs[at], &hf_registry.mrs[at + 1],
		(hf_registry.count - at) * sizeof(struct hf_mr *));
	pthread_mutex_unlock(&hf_registry.lock);
	put(mr);
}

static bool overlaps(const struct hf_mr *mr, uintptr_t addr, size_t length)
{
	uintptr_t start = (uintptr_t)mr->addr;

	return start < addr + length && addr < start + mr->asked;
}

struct hf_mr *hf_mr_next_overlapping(const struct hf_mr *after, uintptr_t addr,
				     size_t length)
{
	struct hf_mr *found = NULL;

	pthread_mutex_lock(&hf_registry.lock);
	for (size_t i = place_of(after); i < hf_registry.count; i++) {
		struct hf_mr *mr = hf_registry.mrs[i];

		if (mr == after || mr->context->owner != getpid() ||
		    !overlaps(mr, addr, length))
			continue;
		found = mr;
		found->refs++;
		break;
	}
	pthread_mutex_unlock(&hf_registry.lock);
	if (found)
		pthread_mutex_lock(&found->context->lock);
	return found;
}
