// SPDX-License-Identifier: LGPL-2.1-or-later
/* The importer's control thread: it waits for the exporter, and for its own program. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "internal/clock.h"
#include "rerror.h"
#include "importer.h"
#include "internal/thread.h"

#define PING_MS 1000
#define TICK_MS 50

void hf_importer_wake(struct hf_importer *importer)
{
	eventfd_write(importer->wake_fd, 1);
}

static void work(struct hf_importer *importer, int64_t *ping_ms)
{
	hf_connect_events(importer);
	hf_talk_receive(importer);
	hf_connect_tick(importer);
	hf_talk_tick(importer);
	hf_talk_send(importer);
	if (hf_clock_ms() >= *ping_ms) {
		*ping_ms = hf_clock_ms() + PING_MS;
		hf_talk_ping(importer);
	}
}

static void *control(void *arg)
{
	struct hf_importer *importer = arg;
	int64_t ping_ms = 0;
	eventfd_t count;
	int timeout;

	pthread_setname_np(pthread_self(), "hf-import");
	pthread_mutex_lock(&importer->lock);
	while (!importer->stopping) {
		struct pollfd fds[] = {
			{ .fd = importer->events->fd, .events = POLLIN },
			{ .fd = importer->wake_fd, .events = POLLIN },
			{ .fd = -1, .events = POLLIN },
		};

		eventfd_read(importer->wake_fd, &count);
		work(importer, &ping_ms);
		/* What is in flight ends soon, without an event for us. */
		timeout = importer->pausing ? 1 : TICK_MS;
		if (importer->completions)
			fds[2].fd = importer->completions->fd;
		pthread_mutex_unlock(&importer->lock);
		poll(fds, sizeof(fds) / sizeof(fds[0]), timeout);
		pthread_mutex_lock(&importer->lock);
	}
	pthread_mutex_unlock(&importer->lock);
	return NULL;
}

int hf_control_start(struct hf_importer *importer)
{
	int ret = hf_thread_start(&importer->thread, control, importer);

	return ret ? hf_rfail(-ret, "no thread: %s", strerror(-ret)) : 0;
}

void hf_control_stop(struct hf_importer *importer)
{
	pthread_mutex_lock(&importer->lock);
	importer->stopping = true;
	hf_importer_wake(importer);
	pthread_mutex_unlock(&importer->lock);
	pthread_join(importer->thread, NULL);
}
