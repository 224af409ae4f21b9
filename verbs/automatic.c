// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HF_AUTOMATIC: breaks are answered without the program's doing.
 *
 * One thread a context, the guard, takes what leases tell and looks after the
 * deadlines; it calls no hook and waits for nothing but ibv_dereg_mr(). Each
 * break of a region is answered by a thread of its own, which may wait as long
 * as hooks and changes do.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "internal.h"

#define NS_PER_MS UINT64_C(1000000)

/* How soon a deregistration that failed is tried again. */
#define RETRY_MS 20

/* A thread that takes no signals, which are the program's. */
static int start(pthread_t *thread, bool detached, void *(*run)(void *),
		 void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	if (detached)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* Called with a context locked, and takes memory. */
	hf_watch_off();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	hf_watch_on();
	return -err;
}

/* --- the answer to a break */

static bool to_be_answered(const struct hf_mr *mr)
{
	return !mr->ending &&
	       (mr->state == HF_MR_BREAKING || mr->state == HF_MR_DECOHERENT ||
		mr->state == HF_MR_SUSPENDED);
}

static void wait_a_little(struct hf_context *context)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RETRY_MS * NS_PER_MS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_clockwait(&context->changed, &context->lock,
			       CLOCK_MONOTONIC, &until);
}

/* Somebody else may do it, or have done so, at any time. */
static void suspend(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;
	int failed = 0;

	while (!mr->ending && mr->ibv &&
	       (mr->state == HF_MR_BREAKING || mr->state == HF_MR_DECOHERENT)) {
		int ret = hf_mr_suspend(mr);

		if (!ret || ret == -EALREADY)
			break;
		if (ret != failed)
			hf_post(mr, HF_ASYNC_FAILED, ret);
		failed = ret;
		wait_a_little(context);
	}
}

/*
 * EDEADLK: the change waits for another region of this process. That one has a
 * thread of its own to answer, or is fenced, so the change ends.
 */
static int restore(struct hf_mr *mr)
{
	int ret;

	while ((ret = hf_mr_restore(mr)) == -EDEADLK && !mr->ending)
		wait_a_little(mr->context);
	return ret;
}

/* One break, from quiesce to resume. */
static void answer_one(struct hf_mr *mr)
{
	const struct hf_context_attr *attr = &mr->context->attr;
	struct hf_context *context = mr->context;
	struct holdfast_event change = mr->last_break;
	int ret;

	if (attr->quiesce) {
		pthread_mutex_unlock(&context->lock);
		attr->quiesce(mr, &change, attr->arg);
		pthread_mutex_lock(&context->lock);
	}
	suspend(mr);
	if (mr->ending)
		return;
	ret = restore(mr);
	if (mr->ending)
		return;
	if (!ret)
		hf_post(mr, HF_ASYNC_RESTORED, 0);
	else if (ret == -EALREADY)
		ret = 0; /* the program was quicker */
	else if (!mr->revoked)
		hf_post(mr, HF_ASYNC_FAILED, ret);
	if (attr->resume) {
		pthread_mutex_unlock(&context->lock);
		attr->resume(mr, -ret, attr->arg);
		pthread_mutex_lock(&context->lock);
	}
}

static void *answer(void *arg)
{
	struct hf_mr *mr = arg;
	struct hf_context *context = mr->context;
	uint64_t wanted;

	pthread_setname_np(pthread_self(), "hf-answer");
	pthread_mutex_lock(&context->lock);
	do {
		wanted = mr->answers_wanted;
		answer_one(mr);
	} while (mr->answers_wanted != wanted && to_be_answered(mr));
	mr->answering = false;
	pthread_cond_broadcast(&context->changed);
	pthread_mutex_unlock(&context->lock);
	return NULL;
}

void hf_automatic_answer(struct hf_mr *mr)
{
	if (!(mr->context->attr.flags & HF_AUTOMATIC))
		return;
	/* The guard looks at the deadline. */
	hf_wake(mr->context);
	mr->answers_wanted++;
	if (mr->answering || mr->ending)
		return;
	mr->answering = true;
	if (start(&mr->answerer, true, answer, mr)) {
		/* No thread: no hooks, but the guard is there. */
		mr->answering = false;
		mr->guard_now = true;
	}
}

/* --- the guard */

static uint64_t margin_ns(const struct hf_mr *mr)
{
	uint64_t quarter = mr->break_ms / 4;

	if (mr->context->attr.margin_ms)
		return mr->context->attr.margin_ms * NS_PER_MS;
	return (quarter < 1000 ? quarter : 1000) * NS_PER_MS;
}

static bool is_guarded(const struct hf_mr *mr)
{
	return mr->ibv && !mr->ending &&
	       (mr->state == HF_MR_BREAKING || mr->state == HF_MR_DECOHERENT) &&
	       (mr->deadline_ns || mr->guard_now);
}

static uint64_t due_ns(const struct hf_mr *mr)
{
	uint64_t margin = margin_ns(mr);

	if (mr->guard_now || mr->deadline_ns < margin)
		return 0;
	return mr->deadline_ns - margin;
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
	now = hf_now_ns();
	next = NULL;
	TAILQ_FOREACH(mr, &context->mrs, node) {
		if (!is_guarded(mr))
			continue;
		if (due_ns(mr) <= now && !mr->busy && mr->retry_ns <= now) {
			int ret = hf_mr_suspend(mr);

			/* The lock was given up: the list may be another. */
			if (ret)
				mr->retry_ns =
					hf_now_ns() + RETRY_MS * NS_PER_MS;
			goto again;
		}
		if (!next || due_ns(mr) < due_ns(next))
			next = mr;
	}
	if (!next)
		return -1;
	if (due_ns(next) <= now)
		return RETRY_MS;
	return (due_ns(next) - now) / NS_PER_MS + 1;
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

int hf_automatic_start(struct hf_context *context)
{
	int ret = start(&context->thread, false, guard, context);

	return ret ? hf_vfail(-ret, "no thread: %s", strerror(-ret)) : 0;
}

void hf_automatic_stop(struct hf_context *context)
{
	pthread_mutex_lock(&context->lock);
	context->stopping = true;
	hf_wake(context);
	pthread_mutex_unlock(&context->lock);
	pthread_join(context->thread, NULL);
}
