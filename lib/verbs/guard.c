// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HF_AUTOMATIC: the guard, one thread a context. It reads the events of leases, and
 * deregisters what a hook of the program has not let go of when its time is up. It
 * calls no hook and waits for nothing except ibv_dereg_mr().
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "internal/clock.h"
#include "internal.h"
#include "internal/thread.h"

#define NS_PER_MS UINT64_C(1000000)

/* How soon a deregistration that failed is tried again. */
#define RETRY_MS 20

static bool is_guarded(const struct hf_mr *mr)
{
	return mr->ibv && !mr->ending && mr->deadline_ns &&
	       mr->state == HF_MR_BREAKING;
}

/*
 * Deregisters what is due. Returns how long the next one has time, in ms, -1
 * for ever.
 */
static int guard_deadlines(struct hf_context *context)
{
	struct hf_mr *mr, *next;
	uint64_t now;

again:
	now = hf_clock_ns();
	next = NULL;
	TAILQ_FOREACH(mr, &context->mrs, node) {
		if (!is_guarded(mr))
			continue;
		if (mr->due_ns <= now && !mr->busy && mr->retry_ns <= now) {
			int ret = hf_mr_suspend(mr);

			/* The lock was given up: the list may be another. */
			if (ret)
				mr->retry_ns =
					hf_clock_ns() + RETRY_MS * NS_PER_MS;
			goto again;
		}
		if (!next || mr->due_ns < next->due_ns)
			next = mr;
	}
	if (!next)
		return -1;
	if (next->due_ns <= now)
		return RETRY_MS;
	return (next->due_ns - now) / NS_PER_MS + 1;
}

static void *guard(void *arg)
{
	struct hf_context *context = arg;
	struct pollfd pollfd = { .fd = context->lease_epoll, .events = POLLIN };
	int timeout;

	pthread_setname_np(pthread_self(), "hf-guard");
	pthread_mutex_lock(&context->lock);
	while (!context->stopping) {
		hf_notice_all(context);
		timeout = guard_deadlines(context);
		pthread_mutex_unlock(&context->lock);
		poll(&pollfd, 1, timeout);
		pthread_mutex_lock(&context->lock);
	}
	pthread_mutex_unlock(&context->lock);
	return NULL;
}

int hf_guard_start(struct hf_context *context)
{
	int ret = hf_thread_start(&context->guard, guard, context);

	return ret ? hf_vfail(-ret, "no thread: %s", strerror(-ret)) : 0;
}

void hf_guard_stop(struct hf_context *context)
{
	pthread_mutex_lock(&context->lock);
	context->stopping = true;
	hf_wake(context);
	pthread_mutex_unlock(&context->lock);
	pthread_join(context->guard, NULL);
}
