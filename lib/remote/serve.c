// SPDX-License-Identifier: LGPL-2.1-or-later
/* The exporter's control thread: it waits for importers, leases and workers at once. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "internal/clock.h"
#include "rerror.h"
#include "exporter.h"
#include "internal/thread.h"

#define PING_MS 1000

void hf_exporter_wake(struct hf_exporter *exporter)
{
	eventfd_write(exporter->wake_fd, 1);
}

static void receive(struct hf_exporter *exporter)
{
	struct hf_session *session;

	while ((session = hf_link_event(exporter->completions)))
		hf_session_receive(session);
}

/* Calls for each session, which it may end. */
static void for_all(struct hf_exporter *exporter,
		    void (*call)(struct hf_session *session))
{
	struct hf_session *session, *next;

	for (session = TAILQ_FIRST(&exporter->sessions); session;
	     session = next) {
		next = TAILQ_NEXT(session, node);
		call(session);
	}
}

static int work(struct hf_exporter *exporter, int64_t *ping_ms)
{
	int timeout;

	hf_accept_events(exporter);
	receive(exporter);
	hf_region_events(exporter);
	hf_jobs_reap(exporter);
	timeout = hf_region_tick(exporter);
	for_all(exporter, hf_session_send);
	if (hf_clock_ms() >= *ping_ms) {
		*ping_ms = hf_clock_ms() + PING_MS;
		for_all(exporter, hf_session_ping);
	}
	return timeout;
}

static void *serve(void *arg)
{
	struct hf_exporter *exporter = arg;
	struct pollfd fds[] = {
		{ .fd = exporter->events->fd, .events = POLLIN },
		{ .fd = exporter->completions->fd, .events = POLLIN },
		{ .fd = hf_context_fd(exporter->context), .events = POLLIN },
		{ .fd = exporter->wake_fd, .events = POLLIN },
	};
	int64_t ping_ms = 0;
	eventfd_t count;
	int timeout;

	pthread_setname_np(pthread_self(), "hf-serve");
	pthread_mutex_lock(&exporter->lock);
	while (!exporter->stopping) {
		eventfd_read(exporter->wake_fd, &count);
		timeout = work(exporter, &ping_ms);
		pthread_mutex_unlock(&exporter->lock);
		poll(fds, sizeof(fds) / sizeof(fds[0]), timeout);
		pthread_mutex_lock(&exporter->lock);
	}
	pthread_mutex_unlock(&exporter->lock);
	return NULL;
}

int hf_serve_start(struct hf_exporter *exporter)
{
	int ret = hf_thread_start(&exporter->thread, serve, exporter);

	return ret ? hf_rfail(-ret, "no thread: %s", strerror(-ret)) : 0;
}

void hf_serve_stop(struct hf_exporter *exporter)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->stopping = true;
	hf_exporter_wake(exporter);
	pthread_mutex_unlock(&exporter->lock);
	pthread_join(exporter->thread, NULL);
}
