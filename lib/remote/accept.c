// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connection requests: a peer that is admitted gets a session, or a queue pair of one.
 * Nothing is kept of a request that is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "exporter.h"

static void refuse(struct hf_exporter *exporter, struct rdma_cm_id *id,
		   int error)
{
	unsigned char data[HF_REFUSAL_BYTES];

	exporter->info.refused++;
	hf_refusal_put(data, error);
	rdma_reject(id, data, sizeof(data));
	rdma_destroy_id(id);
}

/* --- which peer it is */

static bool is_address(const struct sockaddr_storage *wanted,
		       const struct sockaddr *from)
{
	const struct sockaddr_in6 *a6 = (const void *)wanted;
	const struct sockaddr_in6 *b6 = (const void *)from;
	const struct sockaddr_in *a = (const void *)wanted;
	const struct sockaddr_in *b = (const void *)from;

	if (wanted->ss_family == AF_UNSPEC)
		return true;
	if (wanted->ss_family != from->sa_family)
		return false;
	if (wanted->ss_family == AF_INET)
		return a->sin_addr.s_addr == b->sin_addr.s_addr;
	return !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

static bool is_gid(const struct hf_admitted *peer, const struct rdma_cm_id *id)
{
	return !peer->has_gid ||
	       !memcmp(&peer->gid, &id->route.addr.addr.ibaddr.dgid,
		       sizeof(peer->gid));
}

/* Looks at all, so that the time says nothing. */
static const struct hf_admitted *identify(const struct hf_exporter *exporter,
					  struct rdma_cm_id *id,
					  const struct hf_hello *hello)
{
	const struct hf_admitted *peer, *found = NULL;

	TAILQ_FOREACH(peer, &exporter->admitted, node)
		if (hf_token_equal(peer->token, hello->token))
			found = peer;
	if (!found || !is_address(&found->address, rdma_get_peer_addr(id)) ||
	    !is_gid(found, id))
		return NULL;
	return found;
}

/* --- acceptance */

static int accept_id(struct rdma_cm_id *id, const struct rdma_conn_param *asked,
		     const struct hf_session *session)
{
	unsigned char data[HF_WELCOME_BYTES];
	const struct hf_exporter_attr *attr = &session->exporter->attr;
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = sizeof(data),
		/* As many reads at a time as the other side can have. */
		.responder_resources = asked->responder_resources,
		.initiator_depth = asked->initiator_depth,
		.rnr_retry_count = 7,
		.retry_count = HF_RETRIES,
	};

	hf_welcome_put(data,
		       &(struct hf_welcome){ session->number, attr->regions,
					     HF_FLUSHES, attr->queues });
	hf_link_set_timeout(id);
	return rdma_accept(id, &param) ? -errno : 0;
}

/* Nothing of an earlier session of this importer must arrive after this one begins. */
static void end_earlier(struct hf_exporter *exporter,
			const struct hf_admitted *peer,
			const struct hf_hello *hello)
{
	struct hf_session *session;

again:
	TAILQ_FOREACH(session, &exporter->sessions, node) {
		if (session->dead || session->instance != hello->instance ||
		    strcmp(session->peer, peer->name))
			continue;
		hf_session_end(session);
		goto again;
	}
}

static void accept_control(struct hf_exporter *exporter, struct rdma_cm_id *id,
			   const struct rdma_conn_param *param,
			   const struct hf_admitted *peer,
			   const struct hf_hello *hello)
{
	struct hf_session *session;
	int ret = 0;

	end_earlier(exporter, peer, hello);
	if (exporter->info.sessions >= exporter->attr.sessions)
		ret = -EUSERS;
	if (!ret)
		ret = hf_session_new(exporter, id, peer, hello, &session);
	if (ret) {
		refuse(exporter, id, -ret);
		return;
	}
	if (accept_id(id, param, session))
		hf_session_end(session);
}

static struct hf_session *find_session(struct hf_exporter *exporter,
				       const struct hf_admitted *peer,
				       const struct hf_hello *hello)
{
	struct hf_session *session;

	TAILQ_FOREACH(session, &exporter->sessions, node)
		if (!session->dead && session->number == hello->session &&
		    session->instance == hello->instance &&
		    !strcmp(session->peer, peer->name))
			return session;
	return NULL;
}

/* No message comes here: it has no receives, and completes nothing. */
static int make_data_qp(struct hf_session *session, struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr init = {
		.send_cq = session->link.cq,
		.recv_cq = session->link.cq,
		.cap = { .max_send_wr = 1,
			 .max_recv_wr = 1,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	return rdma_create_qp(id, session->pd, &init) ? -errno : 0;
}

static void accept_data(struct hf_exporter *exporter, struct rdma_cm_id *id,
			const struct rdma_conn_param *param,
			const struct hf_admitted *peer,
			const struct hf_hello *hello)
{
	struct hf_session *session = find_session(exporter, peer, hello);
	struct hf_data *data;
	int ret = 0;

	if (!session)
		ret = -ENOTCONN;
	else if (session->data_count >= exporter->attr.queues)
		ret = -EDQUOT;
	data = ret ? NULL : malloc(sizeof(*data));
	if (!ret)
		ret = data ? make_data_qp(session, id) : -ENOMEM;
	if (ret) {
		free(data);
		refuse(exporter, id, -ret);
		return;
	}
	*data = (struct hf_data){ .id = id, .session = session };
	id->context = session;
	TAILQ_INSERT_TAIL(&session->data, data, node);
	session->data_count++;
	if (accept_id(id, param, session))
		hf_session_end(session);
}

static void requested(struct hf_exporter *exporter, struct rdma_cm_id *id,
		      const struct rdma_conn_param *param,
		      const unsigned char *private_data)
{
	const struct hf_admitted *peer = NULL;
	struct hf_hello hello;

	id->context = NULL;
	if (!hf_hello_get(private_data, param->private_data_len, &hello)) {
		refuse(exporter, id, EPROTO);
		return;
	}
	peer = identify(exporter, id, &hello);
	if (!peer)
		refuse(exporter, id, EACCES);
	else if (hello.kind == HF_HELLO_CONTROL)
		accept_control(exporter, id, param, peer, &hello);
	else
		accept_data(exporter, id, param, peer, &hello);
}

void hf_accept_events(struct hf_exporter *exporter)
{
	unsigned char private_data[256];
	struct rdma_conn_param param;
	enum rdma_cm_event_type type;
	struct rdma_cm_event *event;
	struct rdma_cm_id *id;

	while (!rdma_get_cm_event(exporter->events, &event)) {
		type = event->event;
		id = event->id;
		param = event->param.conn;
		if (type == RDMA_CM_EVENT_CONNECT_REQUEST && param.private_data)
			memcpy(private_data, param.private_data,
			       param.private_data_len);
		/* First: an id is not destroyed while it has events. */
		rdma_ack_cm_event(event);
		switch (type) {
		case RDMA_CM_EVENT_CONNECT_REQUEST:
			requested(exporter, id, &param, private_data);
			break;
		case RDMA_CM_EVENT_DISCONNECTED:
		case RDMA_CM_EVENT_CONNECT_ERROR:
		case RDMA_CM_EVENT_REJECTED:
		case RDMA_CM_EVENT_UNREACHABLE:
		case RDMA_CM_EVENT_DEVICE_REMOVAL:
			if (id->context)
				hf_session_end(id->context);
			break;
		default:
			break;
		}
	}
}
