// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which contexts, regions and leases this process has: so that a pointer to one that
 * is gone is an error and not a crash, and a child does not touch what is its
 * parent's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static struct {
	pthread_mutex_t lock;
	TAILQ_HEAD(, hf_context) contexts;
	TAILQ_HEAD(, hf_shared_lease) leases;
	struct hf_mr **mrs; /* sorted by pointer */
	size_t count;
	size_t room;
} hf_registry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.contexts = TAILQ_HEAD_INITIALIZER(hf_registry.contexts),
	.leases = TAILQ_HEAD_INITIALIZER(hf_registry.leases),
};

static int not_ours(pid_t owner)
{
	return hf_vfail(EPERM,
			"opened by process %d; after fork(2) a child opens "
			"the device again",
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
 * it would take the parent's events and outlive it as a holder. A context
 * without its epoll descriptor has been through this.
 */
static void in_child(void)
{
	struct hf_context *context;
	struct hf_mr *mr;

	TAILQ_FOREACH(context, &hf_registry.contexts, node) {
		if (context->owner == hf_process() || context->epoll < 0)
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

static bool reads_device(const struct hf_context *context)
{
	return !(context->attr.flags & HF_NO_DEVICE_EVENTS);
}

/* Another context of the device that takes the device's events. */
static bool has_reader(const struct ibv_context *device)
{
	struct hf_context *context;

	TAILQ_FOREACH(context, &hf_registry.contexts, node)
		if (context->device == device && reads_device(context) &&
		    context->owner == hf_process())
			return true;
	return false;
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
	ret = hf_process_init();
	if (!ret && reads_device(context) && has_reader(context->device))
		ret = -EBUSY;
	if (!ret) {
		context->owner = hf_process();
		TAILQ_INSERT_TAIL(&hf_registry.contexts, context, node);
	}
	pthread_mutex_unlock(&hf_registry.lock);
	if (ret == -EBUSY)
		return hf_vfail(EBUSY,
				"%s: another context of this ibv_context reads "
				"its events; set HF_NO_DEVICE_EVENTS",
				ibv_get_device_name(context->device->device));
	return ret ? hf_vfail(-ret, "MADV_WIPEONFORK: %s", strerror(-ret)) : 0;
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
				"%u regions are left; call hf_dereg_mr() first",
				users);
	return 0;
}

/* How many contexts of the device fit; *@out is one, *@owner another process's. */
static unsigned int find_contexts(const struct ibv_context *device,
				  const struct hf_context *asked,
				  struct hf_context **out, pid_t *owner)
{
	struct hf_context *context;
	unsigned int count = 0;

	TAILQ_FOREACH(context, &hf_registry.contexts, node) {
		if (context->device != device || (asked && asked != context))
			continue;
		if (context->owner != hf_process()) {
			*owner = context->owner_pid;
			continue;
		}
		*out = context;
		count++;
	}
	return count;
}

int hf_context_of(struct ibv_context *device, struct hf_context *asked,
		  struct hf_context **out)
{
	unsigned int count;
	pid_t owner = 0;

	pthread_mutex_lock(&hf_registry.lock);
	count = find_contexts(device, asked, out, &owner);
	pthread_mutex_unlock(&hf_registry.lock);
	if (count == 1) {
		pthread_mutex_lock(&(*out)->lock);
		return 0;
	}
	if (count)
		return hf_vfail(
			EINVAL,
			"%s has %u contexts; name one in the attributes",
			ibv_get_device_name(device->device), count);
	if (owner)
		return not_ours(owner);
	if (asked)
		return hf_vfail(EINVAL,
				"the context of the attributes is not one of "
				"the protection domain's device");
	return hf_vfail(ENOENT, "%s: no context; call hf_open_context() first",
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
	else if (known->owner != hf_process())
		ret = not_ours(known->owner_pid);
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

		mrs = reallocarray(hf_registry.mrs, room,
				   sizeof(struct hf_mr *));
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
	else if (mr->context->owner != hf_process())
		ret = not_ours(mr->context->owner_pid);
	else
		mr->refs++;
	pthread_mutex_unlock(&hf_registry.lock);
	if (!ret)
		pthread_mutex_lock(&mr->context->lock);
	return ret;
}

void hf_mr_put(struct hf_mr *mr)
{
	if (atomic_fetch_sub(&mr->refs, 1) > 1)
		return;
	atomic_fetch_sub(&mr->context->users, 1);
	free(mr);
}

void hf_mr_leave(struct hf_mr *mr)
{
	pthread_mutex_unlock(&mr->context->lock);
	hf_mr_put(mr);
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
	hf_mr_put(mr);
}

/* --- leases */

static struct hf_shared_lease *find_lease(uint64_t id)
{
	struct hf_shared_lease *shared;

	TAILQ_FOREACH(shared, &hf_registry.leases, node)
		if (shared->id == id)
			return shared;
	return NULL;
}

int hf_shared_lease_get(int lease, bool owned, struct hf_shared_lease **out)
{
	struct hf_shared_lease *new = calloc(1, sizeof(*new)), *shared;
	struct holdfast_query query;
	int ret;

	if (!new)
		return hf_vfail(ENOMEM, "no memory");
	ret = hf_query(lease, &query);
	if (ret) {
		free(new);
		return hf_vfail_lease(ret);
	}
	*new = (struct hf_shared_lease){
		.owned = owned,
		.id = query.id,
		.offset = query.offset,
		.length = query.length,
		.break_ms = query.break_ms,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	TAILQ_INIT(&new->mrs);
	pthread_mutex_lock(&hf_registry.lock);
	shared = find_lease(query.id);
	if (!shared) {
		shared = new;
		new = NULL;
		TAILQ_INSERT_TAIL(&hf_registry.leases, shared, node);
	}
	shared->refs++;
	pthread_mutex_unlock(&hf_registry.lock);
	free(new);
	*out = shared;
	return 0;
}

bool hf_shared_lease_put(struct hf_shared_lease *shared, bool *owned)
{
	bool last;

	pthread_mutex_lock(&hf_registry.lock);
	*owned = shared->owned;
	last = --shared->refs == 0;
	if (last)
		TAILQ_REMOVE(&hf_registry.leases, shared, node);
	pthread_mutex_unlock(&hf_registry.lock);
	if (last) {
		pthread_mutex_destroy(&shared->lock);
		free(shared);
	}
	return last;
}
