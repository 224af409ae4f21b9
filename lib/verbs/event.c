// SPDX-License-Identifier: LGPL-2.1-or-later
/* The queue of events that a program reads, and the device's own events. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "internal/clock.h"
#include "internal.h"

void hf_wake(struct hf_context *context)
{
	/* Full is as good as one more. */
	eventfd_write(context->wake_fd, 1);
}

/*
 * Of each region and type one event at most waits: a later one takes its place
 * and says that it has.
 */
static void post(struct hf_mr *mr, enum hf_async_type type, int error,
		 const struct holdfast_event *change)
{
	struct hf_context *context = mr->context;
	struct hf_note *note = &mr->notes[type];
	unsigned int lost = 0;

	if (note->queued) {
		lost = note->event.lost + 1;
		TAILQ_REMOVE(&context->queue, note, node);
	}
	note->queued = true;
	note->event = (struct hf_async_event){
		.type = type,
		.error = error,
		.mr = mr,
		.user_data = mr->attr.user_data,
		.generation = mr->generation,
		.lost = lost,
		.change = *change,
	};
	TAILQ_INSERT_TAIL(&context->queue, note, node);
	eventfd_write(context->queue_fd, 1);
}

void hf_post(struct hf_mr *mr, enum hf_async_type type, int error)
{
	post(mr, type, error, &mr->last_break);
}

void hf_post_media_error(struct hf_mr *mr, const struct holdfast_event *event)
{
	post(mr, HF_ASYNC_MEDIA_ERROR, 0, event);
}

static void drained(struct hf_context *context)
{
	eventfd_t count;

	if (TAILQ_EMPTY(&context->queue))
		eventfd_read(context->queue_fd, &count);
}

void hf_unpost(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;

	for (size_t i = 0; i < sizeof(mr->notes) / sizeof(mr->notes[0]); i++) {
		if (!mr->notes[i].queued)
			continue;
		TAILQ_REMOVE(&context->queue, &mr->notes[i], node);
		mr->notes[i].queued = false;
	}
	drained(context);
}

static bool take_note(struct hf_context *context, struct hf_async_event *event)
{
	struct hf_note *note = TAILQ_FIRST(&context->queue);

	if (!note)
		return false;
	TAILQ_REMOVE(&context->queue, note, node);
	note->queued = false;
	*event = note->event;
	drained(context);
	return true;
}

/* 1, 0 when there is none, or -errno. Without a context's lock. */
static int take_device_event(struct hf_context *context,
			     struct hf_async_event *event)
{
	struct pollfd pollfd = { .fd = context->device->async_fd,
				 .events = POLLIN };
	struct hf_async_event next = { .type = HF_ASYNC_DEVICE };
	int ret = 0;

	/* One thread at a time: a second one would wait for the next event. */
	pthread_mutex_lock(&context->device_lock);
	if (poll(&pollfd, 1, 0) == 1) {
		if (!ibv_get_async_event(context->device, &next.device)) {
			*event = next;
			ret = 1;
		} else if (errno != EAGAIN) {
			ret = hf_vfail(
				errno, "%s: event of the device: %s",
				ibv_get_device_name(context->device->device),
				strerror(errno));
		}
	}
	pthread_mutex_unlock(&context->device_lock);
	return ret;
}

/* 1, 0 when there is none, or -errno */
static int take(struct hf_context *context, struct hf_async_event *event)
{
	int ret = hf_context_enter(context);
	bool taken;

	if (ret)
		return ret;
	if (!(context->attr.flags & HF_AUTOMATIC))
		hf_notice_all(context);
	taken = take_note(context, event);
	hf_context_leave(context);
	if (taken)
		return 1;
	return context->attr.flags & HF_NO_DEVICE_EVENTS
		       ? 0
		       : take_device_event(context, event);
}

HF_EXPORT int hf_get_async_event(struct hf_context *context,
				 struct hf_async_event *event, int timeout_ms)
{
	uint64_t end = hf_clock_ns() +
		       (timeout_ms > 0 ? timeout_ms : 0) * UINT64_C(1000000);

	for (;;) {
		struct pollfd pollfd = { .events = POLLIN };
		int ret = take(context, event), left = timeout_ms;

		if (ret)
			return ret < 0 ? ret : 0;
		if (timeout_ms >= 0) {
			uint64_t now = hf_clock_ns();

			if (now >= end)
				return hf_vfail(ETIMEDOUT,
						"no event within %d ms",
						timeout_ms);
			/* Rounded up, or the last millisecond would spin. */
			left = (end - now + 999999) / 1000000;
		}
		pollfd.fd = context->epoll;
		if (poll(&pollfd, 1, left) < 0)
			return hf_vfail(errno, "waiting for an event: %s",
					strerror(errno));
	}
}

HF_EXPORT void hf_ack_async_event(struct hf_async_event *event)
{
	if (event->type == HF_ASYNC_DEVICE)
		ibv_ack_async_event(&event->device);
}
