// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: a program that arms its queue, polls it once more and then sleeps
 * is woken by each completion, also by one that comes in the middle of that poll. The
 * middle is made long: this program's ibv_get_cq_event() is the one the library calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "remote.h"

#define PATH   PMEM "remote-wake"
/* So long that it is under way when the queue is polled. */
#define LENGTH MIB
#define ROUNDS 20

static unsigned int overtaken;

/* Once it has come, or does not come: it may have completed before the queue was armed. */
int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq,
		     void **context)
{
	static int (*real)(struct ibv_comp_channel *, struct ibv_cq **,
			   void **);
	struct pollfd pollfd = { .fd = channel->fd, .events = POLLIN };

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ibv_get_cq_event");
	if (poll(&pollfd, 1, 200) == 1)
		overtaken++;
	return real(channel, cq, context);
}

static void begin(struct hf_exporter *exporter)
{
	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, LENGTH, NULL);
}

/* Whether a completion is had without a sleep that nothing ends. */
static bool is_woken(struct hf_queue *queue)
{
	struct pollfd pollfd = { .fd = hf_queue_fd(queue), .events = POLLIN };
	struct hf_completion completion;

	for (;;) {
		hf_queue_arm(queue);
		if (hf_queue_poll(queue, &completion, 1))
			return !completion.error;
		if (poll(&pollfd, 1, SOON) != 1)
			return false;
	}
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	struct exporter exporter;
	struct client client;
	int round;

	exporter_main(argc, argv, &does);
	close(file_make(PATH, LENGTH));
	exporter = exporter_start();
	client = client_start(1, NULL, LENGTH);

	for (round = 0; round < ROUNDS; round++)
		if (hf_post_write(client.queue, client.remote, 0, &client.part,
				  round) ||
		    !is_woken(client.queue))
			break;
	tap_is(round, ROUNDS, "each completion wakes who sleeps");
	tap_ok(overtaken, "completions came in the middle of a poll");

	tap_is(client_end(&client), 0, "the importer closes");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	unlink(PATH);
	return tap_done();
}
