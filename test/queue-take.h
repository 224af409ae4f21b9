/* SPDX-License-Identifier: GPL-2.0 */
/* How a program that sleeps takes completions of a queue of libholdfast-remote. */
#ifndef HOLDFAST_TEST_QUEUE_TAKE_H
#define HOLDFAST_TEST_QUEUE_TAKE_H

#include <holdfast_remote.h>
#include <poll.h>

/* Waits for one completion or more, up to @room: how many. @sleep_ms: of poll(2). */
static inline int queue_take(struct hf_queue *queue,
			     struct hf_completion *completions, int room,
			     int sleep_ms)
{
	struct pollfd pollfd = { .fd = hf_queue_fd(queue), .events = POLLIN };
	int n;

	while (!(n = hf_queue_poll(queue, completions, room))) {
		hf_queue_arm(queue);
		n = hf_queue_poll(queue, completions, room);
		if (n)
			break;
		poll(&pollfd, 1, sleep_ms);
	}
	return n;
}

#endif
