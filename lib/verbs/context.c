// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of a context, and what it holds for its regions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "internal/uverbs.h"

/* --- anchors */

struct hf_anchor *hf_anchor_get(struct hf_context *context, struct ibv_pd *pd)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct hf_anchor *anchor;
	int err;

	TAILQ_FOREACH(anchor, &context->anchors, node) {
		if (anchor->pd == pd) {
			anchor->users++;
			return anchor;
		}
	}
	anchor = calloc(1, sizeof(*anchor));
	if (!anchor) {
		err = ENOMEM;
		goto fail;
	}
	anchor->page = mmap(NULL, page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (anchor->page == MAP_FAILED) {
		err = errno;
		goto free_anchor;
	}
	/* Without access: nobody can use it. */
	anchor->mr = ibv_reg_mr(pd, anchor->page, page, 0);
	if (!anchor->mr) {
		err = errno;
		goto unmap;
	}
	anchor->pd = pd;
	anchor->users = 1;
	TAILQ_INSERT_TAIL(&context->anchors, anchor, node);
	return anchor;

unmap:
	munmap(anchor->page, page);
free_anchor:
	free(anchor);
fail:
	errno = err;
	return NULL;
}

void hf_anchor_put(struct hf_context *context, struct hf_anchor *anchor)
{
	if (--anchor->users)
		return;
	TAILQ_REMOVE(&context->anchors, anchor, node);
	/* It has no access and no windows: only a device that is gone refuses. */
	if (!hf_deregister(context, anchor->mr, (uintptr_t)anchor->page))
		munmap(anchor->page, sysconf(_SC_PAGESIZE));
	free(anchor);
}

/* --- contexts */

static int add_to_epoll(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void close_descriptors(struct hf_context *context)
{
	const int fds[] = { context->epoll, context->lease_epoll,
			    context->queue_fd, context->wake_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int open_descriptors(struct hf_context *context)
{
	bool automatic = context->attr.flags & HF_AUTOMATIC;
	int ret;

	context->epoll = epoll_create1(EPOLL_CLOEXEC);
	context->lease_epoll = epoll_create1(EPOLL_CLOEXEC);
	context->queue_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	context->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (context->epoll < 0 || context->lease_epoll < 0 ||
	    context->queue_fd < 0 || context->wake_fd < 0) {
		ret = -errno;
		goto close;
	}
	/* A lease's data is its region; NULL is wake_fd. */
	ret = add_to_epoll(context->lease_epoll, context->wake_fd);
	if (!ret)
		ret = add_to_epoll(context->epoll, context->queue_fd);
	if (!ret && !(context->attr.flags & HF_NO_DEVICE_EVENTS))
		ret = add_to_epoll(context->epoll, context->device->async_fd);
	if (!ret && !automatic)
		ret = add_to_epoll(context->epoll, context->lease_epoll);
	if (!ret)
		return 0;
close:
	close_descriptors(context);
	return ret;
}

static int check(const struct hf_context_attr *attr)
{
	unsigned int unknown = attr->flags &
			       ~(HF_AUTOMATIC | HF_NO_DEVICE_EVENTS);

	if (unknown)
		return hf_vfail(EINVAL, "unknown flags %#x of a context",
				unknown);
	if (!(attr->flags & HF_AUTOMATIC) &&
	    (attr->quiesce || attr->resume || attr->margin_ms || attr->threads))
		return hf_vfail(EINVAL,
				"quiesce, resume, margin_ms and threads are "
				"for HF_AUTOMATIC; set it in flags");
	return 0;
}

static int start_threads(struct hf_context *context)
{
	int ret = hf_workers_start(context);

	if (ret)
		return ret;
	ret = hf_guard_start(context);
	if (ret)
		hf_workers_stop(context);
	return ret;
}

HF_EXPORT int hf_open_context(struct ibv_context *device,
			      const struct hf_context_attr *attr,
			      struct hf_context **out)
{
	static const struct hf_context_attr none;
	struct hf_context *context;
	int ret;

	if (!attr)
		attr = &none;
	ret = check(attr);
	if (ret)
		return ret;
	context = calloc(1, sizeof(*context));
	if (!context)
		return hf_vfail(ENOMEM, "no memory");
	context->device = device;
	context->driver = uverbs_driver(device->cmd_fd);
	context->attr = *attr;
	context->owner_pid = getpid();
	pthread_mutex_init(&context->lock, NULL);
	pthread_mutex_init(&context->device_lock, NULL);
	pthread_cond_init(&context->changed, NULL);
	pthread_cond_init(&context->work, NULL);
	TAILQ_INIT(&context->mrs);
	TAILQ_INIT(&context->anchors);
	TAILQ_INIT(&context->queue);
	TAILQ_INIT(&context->answers);
	ret = open_descriptors(context);
	if (ret) {
		ret = hf_vfail(-ret, "event descriptors: %s", strerror(-ret));
		goto free_context;
	}
	ret = hf_registry_add_context(context);
	if (ret)
		goto close;
	if (attr->flags & HF_AUTOMATIC) {
		ret = start_threads(context);
		if (ret)
			goto del;
	}
	*out = context;
	return 0;

del:
	hf_registry_del_context(context);
close:
	close_descriptors(context);
free_context:
	free(context);
	return ret;
}

HF_EXPORT int hf_close_context(struct hf_context *context)
{
	int ret = hf_context_enter(context);

	if (ret)
		return ret;
	hf_context_leave(context);
	ret = hf_registry_del_context(context);
	if (ret)
		return ret;
	if (context->attr.flags & HF_AUTOMATIC) {
		hf_guard_stop(context);
		hf_workers_stop(context);
	}
	close_descriptors(context);
	pthread_cond_destroy(&context->work);
	pthread_cond_destroy(&context->changed);
	pthread_mutex_destroy(&context->device_lock);
	pthread_mutex_destroy(&context->lock);
	free(context->keys.entries);
	free(context);
	return 0;
}

HF_EXPORT int hf_context_fd(struct hf_context *context)
{
	int ret = hf_context_enter(context);

	if (ret)
		return ret;
	ret = context->epoll;
	hf_context_leave(context);
	return ret;
}
