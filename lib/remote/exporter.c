// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of an exporter, and the peers that may connect. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal/visibility.h"
#include "rerror.h"
#include "exporter.h"

#define SESSIONS 256
#define QUEUES	 16
#define REGIONS	 10000
#define BACKLOG	 64

static socklen_t length_of(const struct sockaddr *address)
{
	return address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

static int check_address(const struct sockaddr *address)
{
	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return hf_rfail(EAFNOSUPPORT,
				"address of family %d; give an IPv4 or IPv6 "
				"address",
				address->sa_family);
	return 0;
}

static int listen_at(struct hf_exporter *exporter,
		     const struct sockaddr *address)
{
	int ret;

	exporter->events = rdma_create_event_channel();
	if (!exporter->events)
		return hf_rfail(errno, "librdmacm: %s", strerror(errno));
	ret = hf_nonblocking(exporter->events->fd);
	if (ret)
		return hf_rfail(-ret, "librdmacm: %s", strerror(-ret));
	if (rdma_create_id(exporter->events, &exporter->listener, NULL,
			   RDMA_PS_TCP))
		return hf_rfail(errno, "librdmacm: %s", strerror(errno));
	if (rdma_bind_addr(exporter->listener, (struct sockaddr *)address))
		return hf_rfail(errno, "the exporter's address: %s",
				strerror(errno));
	if (!exporter->listener->verbs)
		return hf_rfail(EADDRNOTAVAIL,
				"the exporter's address is of no RDMA device; "
				"give one that is");
	if (rdma_listen(exporter->listener, BACKLOG))
		return hf_rfail(errno, "listen: %s", strerror(errno));
	exporter->info.port = ntohs(rdma_get_src_port(exporter->listener));
	return 0;
}

static int open_device(struct hf_exporter *exporter)
{
	const struct hf_context_attr attr = { .flags = HF_NO_DEVICE_EVENTS };
	int ret;

	exporter->completions =
		ibv_create_comp_channel(exporter->listener->verbs);
	if (!exporter->completions)
		return hf_rfail(errno, "completion channel: %s",
				strerror(errno));
	ret = hf_nonblocking(exporter->completions->fd);
	if (ret)
		return hf_rfail(-ret, "completion channel: %s", strerror(-ret));
	ret = hf_open_context(exporter->listener->verbs, &attr,
			      &exporter->context);
	return ret ? hf_rfail(-ret, "%s", hf_verbs_error()) : 0;
}

static void free_exporter(struct hf_exporter *exporter)
{
	struct hf_admitted *peer;

	while ((peer = TAILQ_FIRST(&exporter->admitted))) {
		TAILQ_REMOVE(&exporter->admitted, peer, node);
		explicit_bzero(peer, sizeof(*peer));
		free(peer);
	}
	if (exporter->context)
		hf_close_context(exporter->context);
	if (exporter->completions)
		ibv_destroy_comp_channel(exporter->completions);
	if (exporter->listener)
		rdma_destroy_id(exporter->listener);
	if (exporter->events)
		rdma_destroy_event_channel(exporter->events);
	if (exporter->wake_fd >= 0)
		close(exporter->wake_fd);
	pthread_cond_destroy(&exporter->changed);
	pthread_cond_destroy(&exporter->work);
	pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}

static struct hf_exporter *new_exporter(const struct hf_exporter_attr *attr)
{
	struct hf_exporter *exporter = calloc(1, sizeof(*exporter));

	if (!exporter)
		return NULL;
	if (attr)
		exporter->attr = *attr;
	exporter->attr.sessions = exporter->attr.sessions ?: SESSIONS;
	exporter->attr.queues = exporter->attr.queues ?: QUEUES;
	exporter->attr.regions = exporter->attr.regions ?: REGIONS;
	pthread_mutex_init(&exporter->lock, NULL);
	pthread_cond_init(&exporter->work, NULL);
	pthread_cond_init(&exporter->changed, NULL);
	TAILQ_INIT(&exporter->admitted);
	TAILQ_INIT(&exporter->exports);
	TAILQ_INIT(&exporter->sessions);
	TAILQ_INIT(&exporter->regions);
	TAILQ_INIT(&exporter->jobs);
	TAILQ_INIT(&exporter->done);
	exporter->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return exporter;
}

HF_EXPORT int hf_exporter_open(const struct sockaddr *address,
			       const struct hf_exporter_attr *attr,
			       struct hf_exporter **out)
{
	struct hf_exporter *exporter;
	int ret = check_address(address);

	if (ret)
		return ret;
	exporter = new_exporter(attr);
	if (!exporter)
		return hf_rfail(ENOMEM, "no memory");
	if (exporter->wake_fd < 0)
		ret = hf_rfail(errno, "eventfd: %s", strerror(errno));
	if (!ret)
		ret = listen_at(exporter, address);
	if (!ret)
		ret = open_device(exporter);
	if (!ret)
		ret = hf_jobs_start(exporter);
	if (ret)
		goto free_exporter;
	ret = hf_serve_start(exporter);
	if (ret)
		goto stop_jobs;
	*out = exporter;
	return 0;

stop_jobs:
	hf_jobs_stop(exporter);
free_exporter:
	free_exporter(exporter);
	return ret;
}

HF_EXPORT int hf_exporter_close(struct hf_exporter *exporter)
{
	struct hf_export *export_;
	struct hf_session *session, *next;

	hf_serve_stop(exporter);
	pthread_mutex_lock(&exporter->lock);
	for (session = TAILQ_FIRST(&exporter->sessions); session;
	     session = next) {
		next = TAILQ_NEXT(session, node);
		hf_session_end(session);
	}
	pthread_mutex_unlock(&exporter->lock);
	/* What workers still had is done now, and ends with its session. */
	hf_jobs_stop(exporter);
	pthread_mutex_lock(&exporter->lock);
	hf_jobs_reap(exporter);
	pthread_mutex_unlock(&exporter->lock);
	while ((export_ = TAILQ_FIRST(&exporter->exports)))
		hf_unexport(export_);
	free_exporter(exporter);
	return 0;
}

/* --- peers */

static struct hf_admitted *find_peer(struct hf_exporter *exporter,
				     const char *name)
{
	struct hf_admitted *peer;

	TAILQ_FOREACH(peer, &exporter->admitted, node)
		if (!strcmp(peer->name, name))
			return peer;
	return NULL;
}

static int check_peer(const struct hf_peer *peer)
{
	if (!peer->name || !hf_wire_is_name(peer->name))
		return hf_rfail(EINVAL,
				"name of a peer: 1 to %d characters "
				"without spaces",
				HF_NAME_MAX);
	if (!peer->token)
		return hf_rfail(EINVAL, "%s: a peer needs a token", peer->name);
	return peer->address ? check_address(peer->address) : 0;
}

/* With the lock. */
static int why_not(struct hf_exporter *exporter, const struct hf_peer *asked)
{
	struct hf_admitted *peer;

	if (find_peer(exporter, asked->name))
		return hf_rfail(EEXIST, "%s: admitted already", asked->name);
	TAILQ_FOREACH(peer, &exporter->admitted, node)
		if (hf_token_equal(peer->token, asked->token))
			return hf_rfail(EEXIST,
					"%s: %s has the same token; tokens "
					"tell peers apart",
					asked->name, peer->name);
	return 0;
}

HF_EXPORT int hf_exporter_admit(struct hf_exporter *exporter,
				const struct hf_peer *asked)
{
	struct hf_admitted *peer;
	int ret = check_peer(asked);

	if (ret)
		return ret;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return hf_rfail(ENOMEM, "no memory");
	strcpy(peer->name, asked->name);
	memcpy(peer->token, asked->token, sizeof(peer->token));
	if (asked->address)
		memcpy(&peer->address, asked->address,
		       length_of(asked->address));
	if (asked->gid) {
		peer->has_gid = true;
		peer->gid = *asked->gid;
	}
	pthread_mutex_lock(&exporter->lock);
	ret = why_not(exporter, asked);
	if (!ret)
		TAILQ_INSERT_TAIL(&exporter->admitted, peer, node);
	pthread_mutex_unlock(&exporter->lock);
	if (ret)
		free(peer);
	return ret;
}

HF_EXPORT int hf_exporter_expel(struct hf_exporter *exporter, const char *name)
{
	struct hf_session *session, *next;
	struct hf_admitted *peer;

	pthread_mutex_lock(&exporter->lock);
	peer = find_peer(exporter, name);
	if (peer) {
		TAILQ_REMOVE(&exporter->admitted, peer, node);
		explicit_bzero(peer, sizeof(*peer));
		free(peer);
	}
	for (session = peer ? TAILQ_FIRST(&exporter->sessions) : NULL; session;
	     session = next) {
		next = TAILQ_NEXT(session, node);
		if (!strcmp(session->peer, name))
			hf_session_end(session);
	}
	pthread_mutex_unlock(&exporter->lock);
	return peer ? 0 : hf_rfail(ENOENT, "%s: no such peer", name);
}

HF_EXPORT int hf_exporter_query(struct hf_exporter *exporter,
				struct hf_exporter_info *info)
{
	struct hf_region *region;

	pthread_mutex_lock(&exporter->lock);
	*info = exporter->info;
	TAILQ_FOREACH(region, &exporter->regions, node)
		info->regions += !region->dead;
	pthread_mutex_unlock(&exporter->lock);
	return 0;
}
