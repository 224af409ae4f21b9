// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What leases tell, as changes of their regions. Events can be old news when
 * they are read, or be lost: each is a reason to look at the lease as it is.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "internal.h"

int hf_notice_watch(struct hf_mr *mr)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = mr };

	if (epoll_ctl(mr->context->lease_epoll, EPOLL_CTL_ADD, mr->lease,
		      &event))
		return -errno;
	mr->watched = true;
	return 0;
}

void hf_notice_unwatch(struct hf_mr *mr)
{
	if (!mr->watched)
		return;
	/* It is in there, and ours: nothing can go wrong. */
	epoll_ctl(mr->context->lease_epoll, EPOLL_CTL_DEL, mr->lease, NULL);
	mr->watched = false;
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
	hf_automatic_answer(mr);
}

static void note_break(struct hf_mr *mr, const struct holdfast_event *event,
		       bool over)
{
	mr->breaks++;
	mr->last_break = *event;
	mr->memory_op = HF_MEMORY_NONE;
	if (event->op == HOLDFAST_OP_REVOKE)
		mr->revoked = true;
	if (over)
		return;
	mr->deadline_ns = event->deadline_ns;
	hf_notice_break(mr);
}

/*
 * The change is over. It has given up, and then the region is as before, or it
 * has got what it waited for: from us, or from somebody who has deregistered the
 * region from outside.
 */
static void note_changed(struct hf_mr *mr)
{
	/* Where we deregister it ourselves, that may have happened already. */
	if (mr->ibv && !mr->busy &&
	    hf_registration_of(mr->context, mr->ibv) != HF_REGISTERED) {
		mr->deadline_ns = 0;
		mr->state = HF_MR_FENCED;
		hf_post(mr, HF_ASYNC_FENCED, 0);
		return;
	}
	if (mr->state == HF_MR_ACTIVE)
		return; /* registered again already, or never told */
	mr->deadline_ns = 0;
	mr->state = HF_MR_RESTORABLE;
	/* No news where somebody is at it, who will tell how it went. */
	if (!mr->restoring && !mr->answering)
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
		/* The region is as good as before, but for what it has lost. */
		hf_post_media_error(mr, event);
		break;
	default:
		break; /* of a later module, and no break */
	}
}

static void note_end(struct hf_mr *mr)
{
	hf_notice_unwatch(mr);
	mr->revoked = true;
	mr->deadline_ns = 0;
	mr->state = HF_MR_RELEASED;
	hf_post(mr, HF_ASYNC_RELEASED, 0);
}

/* A lease is readable or has ended. */
static void notice(struct hf_mr *mr)
{
	struct holdfast_event event;
	struct holdfast_query lease;
	int ret = hf_wait(mr->lease, &event, 0);

	if (ret == -EPIPE) {
		note_end(mr);
	} else if (!ret && !hf_query(mr->lease, &lease)) {
		note(mr, &event, &lease);
	}
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
			if (ready[i].data.ptr)
				notice(ready[i].data.ptr);
			else
				eventfd_read(context->wake_fd, &count);
		}
	} while (n > 0);
}
