// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HF_AUTOMATIC: threads that answer breaks, started with the context. They call the
 * program's hooks, and so may be kept waiting for as long as these like: the
 * guard (guard.c) keeps the deadlines. None waits for the end of a change, which may
 * be waiting for a region that is next in the queue: a region that is suspended comes
 * into the queue again when its change is over (notice.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal/clock.h"
#include "internal.h"
#include "internal/thread.h"

#define THREADS 8

/* How soon what failed is tried again. */
#define RETRY_MS 20

static __thread bool in_hook;

bool hf_in_hook(void)
{
	return in_hook;
}

static void wait_a_little(struct hf_context *context)
{
	uint64_t until_ns = hf_clock_ns() + RETRY_MS * UINT64_C(1000000);
	struct timespec until = { .tv_sec = until_ns / 1000000000,
				  .tv_nsec = until_ns % 1000000000 };

	pthread_cond_clockwait(&context->changed, &context->lock,
			       CLOCK_MONOTONIC, &until);
}

static bool is_breaking(const struct hf_mr *mr)
{
	return mr->state == HF_MR_BREAKING || mr->state == HF_MR_DECOHERENT;
}

static void quiesce(struct hf_mr *mr)
{
	const struct hf_context_attr *attr = &mr->context->attr;
	struct holdfast_event change = mr->last_break;

	if (mr->quiesced)
		return;
	mr->quiesced = true;
	if (!attr->quiesce)
		return;
	pthread_mutex_unlock(&mr->context->lock);
	in_hook = true;
	attr->quiesce(mr, &change, attr->arg);
	in_hook = false;
	pthread_mutex_lock(&mr->context->lock);
}

static void resume(struct hf_mr *mr, int error)
{
	const struct hf_context_attr *attr = &mr->context->attr;

	mr->open = false;
	mr->quiesced = false;
	if (!attr->resume)
		return;
	pthread_mutex_unlock(&mr->context->lock);
	in_hook = true;
	attr->resume(mr, error, attr->arg);
	in_hook = false;
	pthread_mutex_lock(&mr->context->lock);
}

/* Another thread may do it, or have done so, at any time. */
static void suspend(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;
	int failed = 0;

	while (!mr->ending && mr->ibv && is_breaking(mr)) {
		int ret = hf_mr_suspend(mr);

		if (!ret || ret == -EALREADY)
			break;
		if (ret != failed)
			hf_post(mr, HF_ASYNC_FAILED, ret);
		failed = ret;
		wait_a_little(context);
	}
}

static void restore(struct hf_mr *mr)
{
	int ret = hf_mr_restore(mr);

	if (mr->ending)
		return;
	if (ret == -EDEADLK) {
		/* A change waits for a region that is answered by another thread. */
		wait_a_little(mr->context);
		hf_answer_want(mr);
		return;
	}
	if (!ret)
		hf_post(mr, HF_ASYNC_RESTORED, 0);
	else if (ret == -EALREADY)
		ret = 0; /* the program was quicker */
	else if (!mr->revoked)
		hf_post(mr, HF_ASYNC_FAILED, ret);
	resume(mr, -ret);
}

/* As far as it goes now. */
static void answer(struct hf_mr *mr)
{
	if (!mr->open)
		return;
	quiesce(mr);
	suspend(mr);
	if (!mr->ending && mr->state != HF_MR_SUSPENDED)
		restore(mr);
}

static void answer_and_leave(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;

	/* The region itself has one, as it has not ended. */
	atomic_fetch_add(&mr->refs, 1);
	mr->answering = true;
	mr->answerer = pthread_self();
	answer(mr);
	mr->answering = false;
	if (mr->again) {
		mr->again = false;
		hf_answer_want(mr);
	}
	pthread_cond_broadcast(&context->changed);
	if (mr->orphan) {
		pthread_mutex_unlock(&context->lock);
		hf_mr_free_memory(mr);
		pthread_mutex_lock(&context->lock);
	}
	hf_mr_put(mr);
}

static void *work(void *arg)
{
	struct hf_context *context = arg;
	struct hf_mr *mr;

	pthread_setname_np(pthread_self(), "hf-answer");
	pthread_mutex_lock(&context->lock);
	while (!context->stopping) {
		mr = hf_answer_next(context);
		if (mr)
			answer_and_leave(mr);
		else
			pthread_cond_wait(&context->work, &context->lock);
	}
	pthread_mutex_unlock(&context->lock);
	return NULL;
}

int hf_workers_start(struct hf_context *context)
{
	unsigned int count = context->attr.threads ?: THREADS;

	context->workers = calloc(count, sizeof(*context->workers));
	if (!context->workers)
		return hf_vfail(ENOMEM, "no memory");
	while (context->worker_count < count) {
		int ret = hf_thread_start(
			&context->workers[context->worker_count], work,
			context);

		if (ret) {
			hf_workers_stop(context);
			return hf_vfail(-ret, "no thread: %s", strerror(-ret));
		}
		context->worker_count++;
	}
	return 0;
}

void hf_workers_stop(struct hf_context *context)
{
	pthread_mutex_lock(&context->lock);
	context->stopping = true;
	pthread_cond_broadcast(&context->work);
	pthread_mutex_unlock(&context->lock);
	for (unsigned int i = 0; i < context->worker_count; i++)
		pthread_join(context->workers[i], NULL);
	free(context->workers);
}
