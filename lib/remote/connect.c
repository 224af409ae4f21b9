// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The importer's connections: one for messages, then one for each queue. If one of them is
 * lost all are, and are made anew. All with the importer's lock.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal/clock.h"
#include "rerror.h"
#include "importer.h"

#define NS_PER_MS UINT64_C(1000000)

#define RESOLVE_MS     2000
/* An attempt that takes longer is given up. */
#define ATTEMPT_MS     10000
/* Between attempts, doubled each time. */
#define FIRST_RETRY_MS 50
#define LAST_RETRY_MS  1000
/* How long a broken queue pair may take to report what it had. */
#define DRAIN_MS       1000

#define MAX_READS 16

/* --- gates, for as long as there is no connection */

static void forget_numbers(struct hf_importer *importer)
{
	struct hf_remote *remote;

	for (size_t i = 0; i < importer->numbers_room; i++)
		importer->numbers[i] = NULL;
	TAILQ_FOREACH(remote, &importer->remotes, node)
		remote->number = 0;
	importer->closing_count = 0;
}

static void close_gates(struct hf_importer *importer)
{
	struct hf_remote *remote;

	for (unsigned int i = 0; i < importer->queue_count; i++) {
		hf_bias_close(&importer->queues[i].bias);
		hf_bias_unlock(&importer->queues[i].bias);
	}
	TAILQ_FOREACH(remote, &importer->remotes, node) {
		if (remote->stage == HF_STAGE_GONE)
			continue;
		hf_park_close(remote);
		remote->stage = HF_STAGE_WANTED;
		remote->sent = false;
		remote->tell_still = false;
		remote->retry_ns = 0;
	}
	importer->pausing = 0;
	importer->todo = true;
}

static void open_gates(struct hf_importer *importer)
{
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		struct hf_queue *queue = &importer->queues[i];

		hf_bias_lock(&queue->bias);
		queue->qp = queue->id->qp;
		queue->saw_error = false;
		hf_bias_open(&queue->bias);
		hf_bias_unlock(&queue->bias);
	}
}

/* --- the end of a connection */

static bool has_posted(struct hf_queue *queue)
{
	bool has = false;

	hf_bias_lock(&queue->bias);
	while (hf_queue_collect(queue))
		;
	for (uint32_t i = 0; i < queue->depth; i++)
		has |= queue->slots[i].state == HF_SLOT_POSTED;
	hf_bias_unlock(&queue->bias);
	return has;
}

/* What the device has done it reports; the rest it flushes. */
static void drain(struct hf_importer *importer)
{
	struct ibv_qp_attr error = { .qp_state = IBV_QPS_ERR };
	uint64_t limit = hf_clock_ns() + DRAIN_MS * NS_PER_MS;

	for (unsigned int i = 0; i < importer->queue_count; i++) {
		struct hf_queue *queue = &importer->queues[i];

		if (!queue->id || !queue->id->qp)
			continue;
		hf_bias_lock(&queue->bias);
		while (hf_queue_collect(queue))
			;
		queue->saw_error = true;
		hf_bias_unlock(&queue->bias);
		ibv_modify_qp(queue->id->qp, &error, IBV_QP_STATE);
		while (has_posted(queue) && (uint64_t)hf_clock_ns() < limit)
			usleep(1000);
	}
}

static void destroy_ids(struct hf_importer *importer)
{
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		struct hf_queue *queue = &importer->queues[i];

		if (!queue->id)
			continue;
		if (queue->id->qp)
			rdma_destroy_qp(queue->id);
		rdma_destroy_id(queue->id);
		queue->id = NULL;
	}
	if (!importer->id)
		return;
	hf_link_close(&importer->link);
	rdma_destroy_id(importer->id);
	importer->id = NULL;
}

static void set_retry(struct hf_importer *importer)
{
	unsigned int shift = importer->failures < 8 ? importer->failures : 8;
	uint64_t ms = (uint64_t)FIRST_RETRY_MS << shift;

	importer->failures++;
	importer->retry_ns =
		hf_clock_ns() +
		(ms < LAST_RETRY_MS ? ms : LAST_RETRY_MS) * NS_PER_MS;
}

/* What operations fail with once the timeout is over. */
static void set_failure(struct hf_importer *importer)
{
	switch (importer->reason) {
	case -EACCES:
	case -EDQUOT:
	case -EHOSTDOWN:
		importer->failure = importer->reason;
		break;
	default:
		/* An attempt that fails afterwards says less than the silence. */
		if (importer->failure != -EHOSTDOWN)
			importer->failure = -ETIMEDOUT;
	}
}

void hf_connect_lost(struct hf_importer *importer, int reason)
{
	if (importer->connection == HF_DOWN)
		return;
	importer->reason = reason;
	if (importer->expired)
		set_failure(importer);
	if (importer->connection == HF_UP) {
		importer->down_ns = hf_clock_ns();
		close_gates(importer);
		forget_numbers(importer);
	}
	importer->connection = HF_DOWN;
	drain(importer);
	destroy_ids(importer);
	hf_park_lost(importer);
	importer->joined = 0;
	importer->broken = false;
	set_retry(importer);
	pthread_cond_broadcast(&importer->changed);
}

/* --- an attempt */

static int resolve(struct hf_importer *importer, struct rdma_cm_id **id,
		   void *context)
{
	if (rdma_create_id(importer->events, id, context, RDMA_PS_TCP))
		return -errno;
	return rdma_resolve_addr(*id, NULL,
				 (struct sockaddr *)&importer->address,
				 RESOLVE_MS)
		       ? -errno
		       : 0;
}

static void attempt(struct hf_importer *importer)
{
	int ret;

	importer->connection = HF_CONNECTING;
	importer->attempt_ns = hf_clock_ns();
	ret = resolve(importer, &importer->id, NULL);
	if (ret)
		hf_connect_lost(importer, ret);
}

static int open_completions(struct hf_importer *importer)
{
	struct ibv_comp_channel *channel =
		ibv_create_comp_channel(importer->device);
	int ret;

	if (!channel)
		return -errno;
	ret = hf_nonblocking(channel->fd);
	if (ret)
		ibv_destroy_comp_channel(channel);
	else
		importer->completions = channel;
	return ret;
}

/* The first time, the device is found out; an attempt that fails leaves what it has made. */
static int open_device(struct hf_importer *importer, struct rdma_cm_id *id)
{
	struct ibv_device_attr attr;
	struct ibv_port_attr port;
	int ret = 0;

	if (importer->device && importer->device != id->verbs)
		return -EXDEV;
	if (importer->completions)
		return 0;
	if (ibv_query_device(id->verbs, &attr) ||
	    ibv_query_port(id->verbs, id->port_num, &port))
		return -EIO;
	importer->device = id->verbs;
	importer->max_message = port.max_msg_sz;
	importer->max_reads = attr.max_qp_rd_atom < MAX_READS
				      ? attr.max_qp_rd_atom
				      : MAX_READS;
	if (!importer->pd)
		importer->pd = ibv_alloc_pd(id->verbs);
	if (!importer->pd)
		return -errno;
	for (unsigned int i = 0; i < importer->queue_count && !ret; i++)
		ret = hf_queue_open(&importer->queues[i]);
	return ret ? ret : open_completions(importer);
}

static int make_qp(struct hf_queue *queue, struct rdma_cm_id *id)
{
	struct hf_importer *importer = queue->importer;
	const struct ibv_qp_init_attr init = {
		.send_cq = queue->cq,
		.recv_cq = queue->cq,
		.cap = { .max_send_wr = queue->depth,
			 .max_recv_wr = 1,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	int ret = hf_queue_join(queue);

	if (ret)
		return ret;
	/* The same for all queues, which have one device. */
	return hf_placement_create_qp(id, importer->pd, &init,
				      &importer->placement);
}

static int connect_id(struct hf_importer *importer, struct rdma_cm_id *id,
		      struct hf_queue *queue)
{
	const struct hf_hello hello = {
		.kind = queue ? HF_HELLO_DATA : HF_HELLO_CONTROL,
		.session = queue ? importer->session : 0,
		.instance = importer->instance
	};
	unsigned char data[HF_HELLO_BYTES];
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = sizeof(data),
		.responder_resources = 1,
		.initiator_depth = importer->max_reads,
		.retry_count = HF_RETRIES,
		.rnr_retry_count = 7,
	};
	struct hf_hello with_token = hello;

	memcpy(with_token.token, importer->token, sizeof(with_token.token));
	hf_hello_put(data, &with_token);
	return rdma_connect(id, &param) ? -errno : 0;
}

static int routed(struct hf_importer *importer, struct rdma_cm_id *id)
{
	struct hf_queue *queue = id->context;
	int ret = open_device(importer, id);

	if (!ret)
		ret = queue ? make_qp(queue, id)
			    : hf_link_open(&importer->link, id, importer->pd,
					   importer->completions, importer);
	return ret ? ret : connect_id(importer, id, queue);
}

static void up(struct hf_importer *importer)
{
	importer->connection = HF_UP;
	importer->reconnects += importer->opened;
	importer->opened = true;
	importer->expired = false;
	importer->failures = 0;
	importer->reason = 0;
	importer->failure = 0;
	importer->up_ns = hf_clock_ns();
	importer->heard_ns = importer->up_ns;
	importer->waits_ns = 0;
	importer->todo = true;
	open_gates(importer);
	pthread_cond_broadcast(&importer->changed);
}

static int welcomed(struct hf_importer *importer, const void *data,
		    size_t length)
{
	struct hf_welcome welcome;
	int ret = 0;

	if (!hf_welcome_get(data, length, &welcome))
		return -EPROTO;
	if (welcome.queues < importer->queue_count)
		return -EDQUOT;
	importer->session = welcome.session;
	importer->flushes = welcome.flushes;
	importer->connection = HF_JOINING;
	for (unsigned int i = 0; i < importer->queue_count && !ret; i++) {
		struct hf_queue *queue = &importer->queues[i];

		ret = resolve(importer, &queue->id, queue);
	}
	return ret;
}

static int established(struct hf_importer *importer, struct rdma_cm_id *id,
		       const void *data, size_t length)
{
	if (!id->context)
		return welcomed(importer, data, length);
	if (++importer->joined == importer->queue_count)
		up(importer);
	return 0;
}

static int refused(const void *data, size_t length)
{
	uint32_t error;

	return hf_refusal_get(data, length, &error) ? -(int)error
						    : -ECONNREFUSED;
}

static int handle(struct hf_importer *importer, struct rdma_cm_id *id,
		  enum rdma_cm_event_type type, const void *data, size_t length)
{
	switch (type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		hf_link_set_timeout(id);
		return rdma_resolve_route(id, RESOLVE_MS) ? -errno : 0;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		return routed(importer, id);
	case RDMA_CM_EVENT_ESTABLISHED:
		return established(importer, id, data, length);
	case RDMA_CM_EVENT_REJECTED:
		return refused(data, length);
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
		return -EHOSTUNREACH;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		return -ECONNRESET;
	default:
		return 0;
	}
}

void hf_connect_events(struct hf_importer *importer)
{
	unsigned char data[256];
	enum rdma_cm_event_type type;
	struct rdma_cm_event *event;
	struct rdma_cm_id *id;
	size_t length;
	int ret;

	while (!rdma_get_cm_event(importer->events, &event)) {
		type = event->event;
		id = event->id;
		length = event->param.conn.private_data
				 ? event->param.conn.private_data_len
				 : 0;
		if (type != RDMA_CM_EVENT_ESTABLISHED &&
		    type != RDMA_CM_EVENT_REJECTED)
			length = 0;
		if (length)
			memcpy(data, event->param.conn.private_data, length);
		/* First: an id is not destroyed while it has events. */
		rdma_ack_cm_event(event);
		ret = handle(importer, id, type, data, length);
		if (ret)
			hf_connect_lost(importer, ret);
	}
}

/* --- time */

/* Operations have waited long enough. */
static void expire(struct hf_importer *importer)
{
	set_failure(importer);
	importer->expired = true;
	hf_park_release(importer);
	pthread_cond_broadcast(&importer->changed);
}

void hf_connect_silent(struct hf_importer *importer)
{
	hf_connect_lost(importer, -EHOSTDOWN);
	expire(importer);
}

void hf_connect_tick(struct hf_importer *importer)
{
	uint64_t now = hf_clock_ns();

	if (importer->connection == HF_UP) {
		if (importer->broken)
			hf_connect_lost(importer, -ECONNRESET);
		return;
	}
	if (importer->connection == HF_DOWN && now >= importer->retry_ns)
		attempt(importer);
	else if (importer->connection != HF_DOWN &&
		 now - importer->attempt_ns > ATTEMPT_MS * NS_PER_MS)
		hf_connect_lost(importer, -ETIMEDOUT);
	if (!importer->expired && importer->timeout_ns &&
	    now - importer->down_ns > importer->timeout_ns)
		expire(importer);
}
