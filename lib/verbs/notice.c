// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What leases tell, as changes of their regions. Events can be old news when
 * they are read, or be lost: each is a reason to look at the lease as it is.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "internal/margin.h"
#include "internal.h"

int hf_notice_watch(struct hf_mr *mr)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = mr };
	struct hf_shared_lease *shared = mr->shared;

	if (epoll_ctl(mr->context->lease_epoll, EPOLL_CTL_ADD, mr->lease,
		      &event))
		return -errno;
	mr->watched = true;
	pthread_mutex_lock(&shared->lock);
	mr->heard = shared->taken;
	TAILQ_INSERT_TAIL(&shared->mrs, mr, shared_node);
	pthread_mutex_unlock(&shared->lock);
	return 0;
}

static void unwatch_descriptor(struct hf_mr *mr)
{
	if (!mr->watched)
		return;
	/* It is in there, and ours: nothing can go wrong. */
	epoll_ctl(mr->context->lease_epoll, EPOLL_CTL_DEL, mr->lease, NULL);
	mr->watched = false;
}

void hf_notice_unwatch(struct hf_mr *mr)
{
	if (!mr->shared)
		return;
	unwatch_descriptor(mr);
	pthread_mutex_lock(&mr->shared->lock);
	TAILQ_REMOVE(&mr->shared->mrs, mr, shared_node);
	pthread_mutex_unlock(&mr->shared->lock);
}

void hf_notice_break(struct hf_mr *mr)
{
	/* A change of a file in memory is over when it is told. */
	if (!mr->ibv)
		mr->state = mr->deadline_ns ? HF_MR_SUSPENDED
					    : HF_MR_RESTORABLE;
	else if (mr->deadline_ns)
		mr->state = HF_MR_BREAKING;
	else
		mr->state = HF_MR_DECOHERENT;
	hf_post(mr, HF_ASYNC_DECOHERENCE, 0);
	mr->open = true;
	hf_answer_want(mr);
}

/* Before the agent, and in time for the program. */
static uint64_t due_ns(const struct hf_mr *mr,
		       const struct holdfast_event *event)
{
	uint64_t time_ms = (event->deadline_ns - event->time_ns) / 1000000;
	uint64_t margin_ms = mr->context->attr.margin_ms;

	if (event->deadline_ns < event->time_ns)
		return 0;
	if (!margin_ms)
		margin_ms = hf_library_margin_ms(time_ms);
	return margin_ms < time_ms
		       ? event->deadline_ns - margin_ms * UINT64_C(1000000)
		       : event->time_ns;
}

static void note_break(struct hf_mr *mr, const struct holdfast_event *event,
		       bool over)
{
	mr->breaks++;
	mr->last_break = *event;
	if (event->op == HOLDFAST_OP_REVOKE)
		mr->revoked = true;
	if (over)
		return;
	mr->deadline_ns = event->deadline_ns;
	mr->due_ns = due_ns(mr, event);
	hf_notice_break(mr);
}

/*
 * The change is over. It has given up, and then the region is as before, or it
 * has got the memory that it waited for: from us, or from an agent that has
 * deregistered the region from outside.
 */
static void note_changed(struct hf_mr *mr)
{
	/* Where we deregister it ourselves, that may have happened already. */
	if (mr->ibv && !mr->busy &&
	    hf_registration_of(mr->context, mr->ibv, mr->iova) !=
		    HF_REGISTERED) {
		mr->deadline_ns = 0;
		mr->state = HF_MR_FENCED;
		hf_post(mr, HF_ASYNC_FENCED, 0);
		mr->open = true;
		hf_answer_want(mr);
		return;
	}
	if (mr->state == HF_MR_ACTIVE)
		return; /* registered again already, or never told */
	mr->deadline_ns = 0;
	mr->state = HF_MR_RESTORABLE;
	/* No news where a thread restores it, and tells how that went. */
	if (mr->restoring || mr->answering || mr->queued ||
	    (mr->open && mr->context->attr.flags & HF_AUTOMATIC))
		hf_answer_want(mr);
	else
		hf_post(mr, HF_ASYNC_RESTORABLE, 0);
}

static void note(struct hf_mr *mr, const struct holdfast_event *event,
		 const struct holdfast_query *lease)
{
	switch (event->type) {
	case HOLDFAST_EVENT_BREAK:
		/* The end of a change that is over has an event of its own. */
		note_break(mr, event, lease->state == HOLDFAST_ACTIVE);
		break;
	case HOLDFAST_EVENT_DECOHERENCE:
		note_break(mr, event, false);
		break;
	case HOLDFAST_EVENT_CHANGED:
		/* The next one's event is still to be read. */
		if (lease->state != HOLDFAST_BREAKING)
			note_changed(mr);
		break;
	case HOLDFAST_EVENT_FENCED:
		hf_post(mr, HF_ASYNC_FENCED, 0);
		break;
	case HOLDFAST_EVENT_ABSORBED:
		break; /* the region has all that it had */
	case HOLDFAST_EVENT_MEDIA_ERROR:
		/* The region stays as it is, except for the bytes that it has lost. */
		hf_post_media_error(mr, event);
		break;
	default:
		break; /* of a later module, and no break */
	}
}

static void note_end(struct hf_mr *mr)
{
	unwatch_descriptor(mr);
	mr->revoked = true;
	mr->deadline_ns = 0;
	mr->state = HF_MR_RELEASED;
	hf_post(mr, HF_ASYNC_RELEASED, 0);
	hf_answer_want(mr);
}

/*
 * XFS also moves blocks beside what these changes take, at most a unit of copy on
 * write, which is no longer than HOLDFAST_CHANGE_ALIGN.
 */
static bool reaches_beside(unsigned int op)
{
	return op == HOLDFAST_OP_REFLINK || op == HOLDFAST_OP_DEDUPE ||
	       op == HOLDFAST_OP_EXCHANGE || op == HOLDFAST_OP_COLLAPSE ||
	       op == HOLDFAST_OP_INSERT;
}

/* Whether the change takes bytes of the region: its lease may have others. */
static bool concerns(const struct hf_mr *mr, const struct holdfast_event *event)
{
	const uint64_t unit = HOLDFAST_CHANGE_ALIGN;
	uint64_t beside = reaches_beside(event->op) ? unit : 0;
	uint64_t start = event->offset / unit * unit, end;

	if (event->op == HOLDFAST_OP_REVOKE || event->op == HOLDFAST_OP_UNKNOWN)
		return true;
	start -= start < beside ? start : beside;
	end = event->offset + event->length;
	end = event->length > UINT64_MAX - event->offset ||
			      end > UINT64_MAX - 2 * unit
		      ? UINT64_MAX
		      : (end + unit - 1) / unit * unit + beside;
	return mr->file_offset < end && start < mr->file_offset + mr->asked;
}

/* The next event of its lease that the region has not heard of. */
static bool hear(struct hf_mr *mr, struct holdfast_event *event)
{
	struct hf_shared_lease *shared = mr->shared;
	bool new;

	pthread_mutex_lock(&shared->lock);
	if (shared->taken - mr->heard > HF_LEASE_EVENTS)
		mr->heard = shared->taken - HF_LEASE_EVENTS;
	new = mr->heard != shared->taken;
	if (new)
		*event = shared->events[mr->heard++ % HF_LEASE_EVENTS];
	pthread_mutex_unlock(&shared->lock);
	return new;
}

static void hear_all(struct hf_mr *mr)
{
	struct holdfast_event event;
	struct holdfast_query lease;

	while (hear(mr, &event))
		if (concerns(mr, &event) && !hf_query(mr->lease, &lease))
			note(mr, &event, &lease);
}

static void all_hear(struct hf_context *context)
{
	struct hf_mr *mr;

	TAILQ_FOREACH(mr, &context->mrs, node)
		if (mr->shared)
			hear_all(mr);
}

/* Reads one event for all regions of the lease. 1: for others, too; or -errno. */
static int take(struct hf_mr *mr)
{
	struct hf_shared_lease *shared = mr->shared;
	struct holdfast_event event;
	struct hf_mr *other;
	int ret;

	pthread_mutex_lock(&shared->lock);
	ret = hf_wait(mr->lease, &event, 0);
	if (!ret) {
		shared->events[shared->taken++ % HF_LEASE_EVENTS] = event;
		TAILQ_FOREACH(other, &shared->mrs, shared_node) {
			if (other == mr)
				continue;
			ret = 1;
			if (other->context != mr->context)
				hf_wake(other->context);
		}
	}
	pthread_mutex_unlock(&shared->lock);
	return ret;
}

/* A lease is readable or has ended. */
static void notice(struct hf_mr *mr)
{
	int ret = take(mr);

	if (ret == -EPIPE)
		note_end(mr);
	else if (ret == 1)
		all_hear(mr->context);
	else
		hear_all(mr);
	pthread_cond_broadcast(&mr->context->changed);
	/* -ETIMEDOUT, a child with HF_MR_FORK was quicker: see the next one. */
}

void hf_notice_all(struct hf_context *context)
{
	struct epoll_event ready[32];
	eventfd_t count;
	int n;

	/* Each is taken as far as one event, so that none starves the others. */
	do {
		n = epoll_wait(context->lease_epoll, ready,
			       sizeof(ready) / sizeof(ready[0]), 0);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr) {
				notice(ready[i].data.ptr);
				continue;
			}
			eventfd_read(context->wake_fd, &count);
			all_hear(context);
		}
	} while (n > 0);
}
