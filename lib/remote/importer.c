// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of an importer and of its regions. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "internal/visibility.h"
#include "internal/clock.h"
#include "rerror.h"
#include "importer.h"

#define TIMEOUT_MS 30000
#define DEPTH	   128
#define MAX_DEPTH  16384
#define MAX_QUEUES 1024
#define MAX_OPEN   (1U << 20)
#define NS_PER_MS  UINT64_C(1000000)

static int check(const struct hf_importer_attr *attr)
{
	if (!attr->address || (attr->address->sa_family != AF_INET &&
			       attr->address->sa_family != AF_INET6))
		return hf_rfail(EAFNOSUPPORT,
				"the exporter's address is neither IPv4 nor "
				"IPv6");
	if (!attr->token)
		return hf_rfail(EINVAL, "an importer needs a token");
	if (attr->depth > MAX_DEPTH || attr->queues > MAX_QUEUES)
		return hf_rfail(EINVAL,
				"%u queues of %u operations; there are at most "
				"%d of %d",
				attr->queues, attr->depth, MAX_QUEUES,
				MAX_DEPTH);
	return 0;
}

static struct hf_importer *new_importer(const struct hf_importer_attr *attr)
{
	struct hf_importer *importer = calloc(1, sizeof(*importer));
	unsigned int timeout_ms = attr->timeout_ms ?: TIMEOUT_MS;
	unsigned int answer_ms = attr->answer_ms ?: timeout_ms;

	if (!importer)
		return NULL;
	pthread_mutex_init(&importer->lock, NULL);
	pthread_mutex_init(&importer->flush_lock, NULL);
	pthread_cond_init(&importer->changed, NULL);
	TAILQ_INIT(&importer->remotes);
	TAILQ_INIT(&importer->opening);
	TAILQ_INIT(&importer->asking);
	memcpy(&importer->address, attr->address,
	       attr->address->sa_family == AF_INET
		       ? sizeof(struct sockaddr_in)
		       : sizeof(struct sockaddr_in6));
	memcpy(importer->token, attr->token, sizeof(importer->token));
	if (timeout_ms != UINT_MAX)
		importer->timeout_ns = timeout_ms * NS_PER_MS;
	if (answer_ms != UINT_MAX)
		importer->answer_ns = answer_ms * NS_PER_MS;
	importer->down_ns = hf_clock_ns();
	importer->wake_fd = -1;
	return importer;
}

static int prepare(struct hf_importer *importer,
		   const struct hf_importer_attr *attr)
{
	unsigned int queues = attr->queues ?: 1;
	int ret = hf_bias_setup();

	if (ret)
		return hf_rfail(-ret, "membarrier: %s", strerror(-ret));
	if (getrandom(&importer->instance, sizeof(importer->instance), 0) !=
	    sizeof(importer->instance))
		return hf_rfail(errno, "getrandom: %s", strerror(errno));
	importer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (importer->wake_fd < 0)
		return hf_rfail(errno, "eventfd: %s", strerror(errno));
	importer->events = rdma_create_event_channel();
	if (!importer->events)
		return hf_rfail(errno, "librdmacm: %s", strerror(errno));
	ret = hf_nonblocking(importer->events->fd);
	if (ret)
		return hf_rfail(-ret, "librdmacm: %s", strerror(-ret));
	importer->queues = calloc(queues, sizeof(*importer->queues));
	if (!importer->queues)
		return hf_rfail(ENOMEM, "no memory");
	while (importer->queue_count < queues) {
		ret = hf_queue_init(importer, importer->queue_count++,
				    attr->depth ?: DEPTH);
		if (ret)
			return hf_rfail(-ret, "no memory");
	}
	/* There is no connection yet. */
	for (unsigned int i = 0; i < queues; i++) {
		hf_bias_close(&importer->queues[i].bias);
		hf_bias_unlock(&importer->queues[i].bias);
	}
	return 0;
}

static void free_importer(struct hf_importer *importer)
{
	for (unsigned int i = 0; i < importer->queue_count; i++)
		hf_queue_destroy(&importer->queues[i]);
	free(importer->queues);
	if (importer->completions)
		ibv_destroy_comp_channel(importer->completions);
	if (importer->pd)
		ibv_dealloc_pd(importer->pd);
	if (importer->events)
		rdma_destroy_event_channel(importer->events);
	if (importer->wake_fd >= 0)
		close(importer->wake_fd);
	free(importer->table);
	free(importer->numbers);
	free(importer->closing);
	pthread_cond_destroy(&importer->changed);
	pthread_mutex_destroy(&importer->flush_lock);
	pthread_mutex_destroy(&importer->lock);
	explicit_bzero(importer->token, sizeof(importer->token));
	free(importer);
}

/* Ends the connection; nothing is made anew. */
static void disconnect(struct hf_importer *importer)
{
	hf_control_stop(importer);
	pthread_mutex_lock(&importer->lock);
	hf_connect_lost(importer, -ECONNRESET);
	pthread_mutex_unlock(&importer->lock);
}

/* What another attempt would not mend. */
static bool is_final(int reason)
{
	return reason == -EACCES || reason == -EDQUOT || reason == -EPROTO ||
	       reason == -EXDEV;
}

static int explain(int reason)
{
	switch (reason) {
	case -EACCES:
		return hf_rfail(EACCES, "the exporter does not admit this "
					"address with this token");
	case -EDQUOT:
		return hf_rfail(EDQUOT, "the exporter allows fewer queues");
	case -EPROTO:
		return hf_rfail(EPROTO, "there is no exporter of this version "
					"at the address");
	case -ETIMEDOUT:
		return hf_rfail(ETIMEDOUT, "no exporter at the address");
	case -EHOSTDOWN:
		return hf_rfail(EHOSTDOWN, "the exporter does not answer");
	default:
		return hf_rfail(-reason, "connecting: %s", strerror(-reason));
	}
}

static int await_connection(struct hf_importer *importer)
{
	int reason;

	pthread_mutex_lock(&importer->lock);
	while (!importer->opened && !importer->expired &&
	       !is_final(importer->reason))
		pthread_cond_wait(&importer->changed, &importer->lock);
	reason = importer->opened    ? 0
		 : importer->expired ? importer->failure
				     : importer->reason;
	pthread_mutex_unlock(&importer->lock);
	return reason ? explain(reason) : 0;
}

HF_EXPORT int hf_importer_open(const struct hf_importer_attr *attr,
			       struct hf_importer **out)
{
	struct hf_importer *importer;
	int ret = check(attr);

	if (ret)
		return ret;
	importer = new_importer(attr);
	if (!importer)
		return hf_rfail(ENOMEM, "no memory");
	ret = prepare(importer, attr);
	if (!ret)
		ret = hf_control_start(importer);
	if (ret)
		goto free_importer;
	ret = await_connection(importer);
	if (ret)
		goto disconnect;
	*out = importer;
	return 0;

disconnect:
	disconnect(importer);
free_importer:
	free_importer(importer);
	return ret;
}

HF_EXPORT struct ibv_pd *hf_importer_pd(struct hf_importer *importer)
{
	return importer->pd;
}

HF_EXPORT struct hf_queue *hf_importer_queue(struct hf_importer *importer,
					     unsigned int number)
{
	return number < importer->queue_count ? &importer->queues[number]
					      : NULL;
}

/*
 * With the lock. Only the end of the protection domain shows whether the program still
 * has something in it, and before that all of ours has to go. If it stays, the control
 * thread makes the connection again, as it does when one is lost.
 */
static int leave_domain(struct hf_importer *importer)
{
	int err;

	hf_connect_lost(importer, -ECONNRESET);
	for (unsigned int i = 0; i < importer->queue_count; i++)
		hf_queue_leave(&importer->queues[i]);
	err = ibv_dealloc_pd(importer->pd);
	if (err)
		return hf_rfail(err,
				"the protection domain: %s; deregister "
				"local memory first",
				strerror(err));
	importer->pd = NULL;
	return 0;
}

HF_EXPORT int hf_importer_close(struct hf_importer *importer)
{
	struct hf_remote *remote;
	int ret;

	pthread_mutex_lock(&importer->lock);
	ret = leave_domain(importer);
	if (!ret)
		importer->stopping = true;
	pthread_mutex_unlock(&importer->lock);
	if (ret)
		return ret;
	hf_control_stop(importer);
	while ((remote = TAILQ_FIRST(&importer->remotes))) {
		TAILQ_REMOVE(&importer->remotes, remote, node);
		free(remote);
	}
	free_importer(importer);
	return 0;
}

/* --- regions */

static int free_index(struct hf_importer *importer)
{
	size_t i, room;
	struct hf_remote **more;

	for (i = 0; i < importer->table_room; i++)
		if (!importer->table[i])
			return i;
	if (i == MAX_OPEN)
		return -EMFILE;
	room = i ? 2 * i : 16;
	more = reallocarray(importer->table, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + i, 0, (room - i) * sizeof(*more));
	importer->table = more;
	importer->table_room = room;
	return i;
}

/* With the lock; and out of all that knows it. */
static void forget(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;

	if (remote->opening)
		TAILQ_REMOVE(&importer->opening, remote, open_node);
	if (remote->stage == HF_STAGE_PAUSING)
		importer->pausing--;
	hf_park_open(remote);
	TAILQ_REMOVE(&importer->remotes, remote, node);
	importer->table[remote->index] = NULL;
	if (remote->number < importer->numbers_room &&
	    importer->numbers[remote->number] == remote)
		importer->numbers[remote->number] = NULL;
	free(remote);
}

/* So that the exporter does not keep it; of an earlier connection it keeps nothing. */
static int want_close(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;

	if (!remote->number || importer->connection != HF_UP ||
	    importer->numbers[remote->number] != remote)
		return 0;
	if (importer->closing_count == importer->closing_room) {
		size_t room = 2 * importer->closing_room + 16;
		uint32_t *more =
			reallocarray(importer->closing, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		importer->closing = more;
		importer->closing_room = room;
	}
	importer->closing[importer->closing_count++] = remote->number;
	importer->todo = true;
	hf_importer_wake(importer);
	return 0;
}

/* With the lock. */
static int add(struct hf_importer *importer, struct hf_remote *remote)
{
	int index = free_index(importer);

	if (index < 0)
		return hf_rfail(-index, "%s: %s", remote->name,
				strerror(-index));
	remote->index = index;
	importer->table[index] = remote;
	TAILQ_INSERT_TAIL(&importer->remotes, remote, node);
	hf_park_close(remote);
	importer->todo = true;
	hf_importer_wake(importer);
	return 0;
}

static int await_region(struct hf_importer *importer, struct hf_remote *remote)
{
	while (remote->closed && remote->stage != HF_STAGE_GONE &&
	       !importer->expired)
		pthread_cond_wait(&importer->changed, &importer->lock);
	if (remote->stage == HF_STAGE_GONE) {
		if (remote->error == -ENOENT)
			return hf_rfail(ENOENT,
					"%s: no such export, or not "
					"for this peer",
					remote->name);
		return hf_rfail(-remote->error, "%s: the exporter says: %s",
				remote->name, strerror(-remote->error));
	}
	return remote->closed ? explain(importer->failure) : 0;
}

HF_EXPORT int hf_remote_open(struct hf_importer *importer, const char *name,
			     struct hf_remote **out)
{
	struct hf_remote *remote;
	int ret;

	if (!hf_wire_is_name(name))
		return hf_rfail(EINVAL,
				"name of a region: 1 to %d characters without "
				"spaces",
				HF_NAME_MAX);
	remote = calloc(1, sizeof(*remote));
	if (!remote)
		return hf_rfail(ENOMEM, "no memory");
	remote->importer = importer;
	strcpy(remote->name, name);
	pthread_mutex_lock(&importer->lock);
	ret = add(importer, remote);
	if (ret) {
		free(remote);
		goto unlock;
	}
	ret = await_region(importer, remote);
	if (!ret) {
		remote->info.longest_ns = 0;
		*out = remote;
	} else {
		want_close(remote);
		forget(remote);
	}
unlock:
	pthread_mutex_unlock(&importer->lock);
	return ret;
}

HF_EXPORT int hf_remote_close(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;
	int ret = 0;

	pthread_mutex_lock(&importer->lock);
	if (hf_park_has(remote))
		ret = hf_rfail(EBUSY,
			       "%s: operations are left; take their "
			       "completions first",
			       remote->name);
	else if (want_close(remote))
		ret = hf_rfail(ENOMEM, "no memory");
	else
		forget(remote);
	pthread_mutex_unlock(&importer->lock);
	return ret;
}

static enum hf_remote_state state_of(const struct hf_remote *remote)
{
	switch (atomic_load(&remote->stage)) {
	case HF_STAGE_ACTIVE:
		return HF_REMOTE_ACTIVE;
	case HF_STAGE_PAUSING:
	case HF_STAGE_PAUSED:
		return HF_REMOTE_PAUSED;
	case HF_STAGE_GONE:
		return HF_REMOTE_GONE;
	default:
		return HF_REMOTE_AWAY;
	}
}

HF_EXPORT int hf_remote_query(struct hf_remote *remote,
			      struct hf_remote_info *info)
{
	struct hf_importer *importer = remote->importer;

	pthread_mutex_lock(&importer->lock);
	*info = remote->info;
	info->state = state_of(remote);
	info->length = remote->length;
	info->read_only = !(remote->access & HF_WIRE_WRITE);
	info->durable = remote->access & HF_WIRE_DURABLE;
	info->rdma_flush = remote->access & HF_WIRE_FLUSHABLE &&
			   importer->placement & HF_PLACEMENT_FLUSH;
	info->atomic_write = !info->read_only &&
			     hf_queue_can_atomic_write(remote);
	info->device_flushes = remote->device_flushes;
	info->exporter_flushes = remote->exporter_flushes;
	info->reconnects = importer->reconnects;
	pthread_mutex_unlock(&importer->lock);
	return 0;
}
