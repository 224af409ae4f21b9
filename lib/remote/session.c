// SPDX-License-Identifier: LGPL-2.1-or-later
/* The exporter's sessions: each is an importer that is connected, and what it may reach. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rerror.h"
#include "exporter.h"

int hf_session_new(struct hf_exporter *exporter, struct rdma_cm_id *id,
		   const struct hf_admitted *peer, const struct hf_hello *hello,
		   struct hf_session **out)
{
	struct hf_session *session = calloc(1, sizeof(*session));
	int ret;

	if (!session)
		return -ENOMEM;
	session->exporter = exporter;
	session->number = ++exporter->next_session;
	session->instance = hello->instance;
	session->id = id;
	strcpy(session->peer, peer->name);
	TAILQ_INIT(&session->data);
	TAILQ_INIT(&session->answers);
	TAILQ_INIT(&session->tell);
	session->placement = hf_placement_of(id->verbs);
	session->pd = ibv_alloc_pd(id->verbs);
	if (!session->pd) {
		ret = -errno;
		goto free_session;
	}
	ret = hf_link_open(&session->link, id, session->pd,
			   exporter->completions, session);
	if (ret)
		goto dealloc;
	id->context = session;
	TAILQ_INSERT_TAIL(&exporter->sessions, session, node);
	exporter->info.sessions++;
	*out = session;
	return 0;

dealloc:
	ibv_dealloc_pd(session->pd);
free_session:
	free(session);
	return ret;
}

static void close_queues(struct hf_session *session)
{
	struct hf_data *data;

	while ((data = TAILQ_FIRST(&session->data))) {
		TAILQ_REMOVE(&session->data, data, node);
		rdma_destroy_qp(data->id);
		rdma_destroy_id(data->id);
		free(data);
	}
	hf_link_close(&session->link);
	rdma_destroy_id(session->id);
}

static void forget_answers(struct hf_session *session)
{
	struct hf_answer *answer;

	while ((answer = TAILQ_FIRST(&session->answers))) {
		TAILQ_REMOVE(&session->answers, answer, node);
		free(answer);
	}
}

void hf_session_free_if_over(struct hf_session *session)
{
	if (!session->dead || session->region_count)
		return;
	TAILQ_REMOVE(&session->exporter->sessions, session, node);
	ibv_dealloc_pd(session->pd);
	free(session->regions);
	free(session);
}

void hf_session_end(struct hf_session *session)
{
	if (session->dead)
		return;
	close_queues(session);
	forget_answers(session);
	session->exporter->info.sessions--;
	/* The last region that ends must not end the session here. */
	session->region_count++;
	session->dead = true;
	for (size_t i = 0; i < session->room; i++)
		if (session->regions[i])
			hf_region_end(session->regions[i]);
	session->region_count--;
	hf_session_free_if_over(session);
}

/* --- messages of the importer */

static struct hf_region *find_region(struct hf_session *session,
				     uint32_t number)
{
	return number && number <= session->room ? session->regions[number - 1]
						 : NULL;
}

static void take_open(struct hf_session *session,
		      const struct hf_wire_open *entry)
{
	struct hf_export *export_ =
		hf_export_find(session->exporter, entry->name, session->peer);
	int ret = export_ ? hf_region_new(session, export_, entry->request)
			  : -ENOENT;

	if (ret)
		hf_region_answer(session, HF_WIRE_REGION, entry->request, -ret);
}

/* What is not of a region that the session has, or of an earlier generation, is no news. */
static void take_entry(struct hf_session *session,
		       const struct hf_message *message, unsigned int i)
{
	struct hf_wire_still still;
	struct hf_wire_flush flush;
	struct hf_wire_open open;
	struct hf_region *region;

	switch (message->type) {
	case HF_WIRE_OPEN:
		hf_wire_get_open(message, i, &open);
		take_open(session, &open);
		break;
	case HF_WIRE_CLOSE:
		region = find_region(session, hf_wire_get_close(message, i));
		if (region)
			hf_region_end(region);
		break;
	case HF_WIRE_STILL:
		hf_wire_get_still(message, i, &still);
		region = find_region(session, still.region);
		if (region)
			hf_region_do(region, hf_pause_still(&region->pause,
							    still.generation));
		break;
	case HF_WIRE_FLUSH:
		hf_wire_get_flush(message, i, &flush);
		region = find_region(session, flush.region);
		if (region && session->flushes < HF_FLUSHES)
			hf_region_flush(region, &flush);
		else
			hf_region_answer(session, HF_WIRE_FLUSHED,
					 flush.request,
					 region ? EDQUOT : ESTALE);
		break;
	default:
		break;
	}
}

static int take_message(void *arg, const void *data, size_t length)
{
	struct hf_session *session = arg;
	struct hf_message message;

	if (!hf_wire_parse(data, length, HF_WIRE_IMPORTER, &message)) {
		session->exporter->info.violations++;
		return -EPROTO;
	}
	for (unsigned int i = 0; i < message.count; i++)
		take_entry(session, &message, i);
	if (session->answer_count <= HF_ANSWERS)
		return 0;
	session->exporter->info.violations++;
	return -EPROTO;
}

void hf_session_receive(struct hf_session *session)
{
	if (session->dead)
		return;
	if (hf_link_poll(&session->link, take_message, session))
		hf_session_end(session);
	else
		hf_session_send(session);
}

/* --- messages to the importer */

void hf_region_answer(struct hf_session *session, enum hf_wire_type type,
		      uint32_t request, int error)
{
	struct hf_answer *answer = malloc(sizeof(*answer));

	/* The session ends when it is next looked at; the importer asks on another one. */
	if (!answer) {
		session->failed = true;
		hf_exporter_wake(session->exporter);
		return;
	}
	*answer = (struct hf_answer){ .type = type,
				      .request = request,
				      .error = error };
	TAILQ_INSERT_TAIL(&session->answers, answer, node);
	session->answer_count++;
	hf_exporter_wake(session->exporter);
}

static void put_region(struct hf_writer *writer, struct hf_region *region)
{
	const struct hf_wire_region entry = {
		.request = region->request,
		.region = region->number,
		.generation = region->pause.generation,
		.state = region->pause.state == HF_PAUSE_ACTIVE ? HF_WIRE_ACTIVE
			 : region->pause.state == HF_PAUSE_GONE
				 ? HF_WIRE_GONE
				 : HF_WIRE_PAUSED,
		.access = region->access,
		.error = region->pause.state == HF_PAUSE_GONE ? region->error
							      : 0,
		.rkey = region->rkey,
		.iova = region->iova,
		.length = region->length,
	};

	hf_wire_put_region(writer, &entry);
	region->request = 0;
}

static void put_answer(struct hf_writer *writer, const struct hf_answer *answer)
{
	if (writer->type == HF_WIRE_FLUSHED)
		hf_wire_put_flushed(writer,
				    &(struct hf_wire_flushed){ answer->request,
							       answer->error });
	else
		hf_wire_put_region(writer, &(struct hf_wire_region){
						   .request = answer->request,
						   .state = HF_WIRE_GONE,
						   .error = answer->error });
}

static void fill_answers(struct hf_session *session, struct hf_writer *writer)
{
	struct hf_answer *answer;

	while ((answer = TAILQ_FIRST(&session->answers)) &&
	       answer->type == writer->type && hf_wire_room(writer)) {
		put_answer(writer, answer);
		TAILQ_REMOVE(&session->answers, answer, node);
		session->answer_count--;
		free(answer);
	}
}

static void fill_regions(struct hf_session *session, struct hf_writer *writer)
{
	struct hf_region *region;

	while ((region = TAILQ_FIRST(&session->tell)) && hf_wire_room(writer)) {
		put_region(writer, region);
		TAILQ_REMOVE(&session->tell, region, tell_node);
		region->tell = false;
	}
}

void hf_session_send(struct hf_session *session)
{
	struct hf_writer writer;
	void *buffer;

	if (session->dead)
		return;
	if (session->failed) {
		hf_session_end(session);
		return;
	}
	while (!TAILQ_EMPTY(&session->tell) ||
	       !TAILQ_EMPTY(&session->answers)) {
		buffer = hf_link_buffer(&session->link);
		if (!buffer)
			return;
		if (!TAILQ_EMPTY(&session->tell)) {
			hf_wire_begin(&writer, buffer, HF_WIRE_REGION);
			fill_regions(session, &writer);
		} else {
			hf_wire_begin(&writer, buffer,
				      TAILQ_FIRST(&session->answers)->type);
			fill_answers(session, &writer);
		}
		if (hf_link_send(&session->link, buffer,
				 hf_wire_end(&writer))) {
			hf_session_end(session);
			return;
		}
	}
}

void hf_session_ping(struct hf_session *session)
{
	struct hf_writer writer;
	void *buffer;

	if (session->dead || !hf_link_is_idle(&session->link))
		return;
	buffer = hf_link_buffer(&session->link);
	hf_wire_begin(&writer, buffer, HF_WIRE_PING);
	if (hf_link_send(&session->link, buffer, hf_wire_end(&writer)))
		hf_session_end(session);
}
