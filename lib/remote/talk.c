// SPDX-License-Identifier: LGPL-2.1-or-later
/* The importer's messages, and what they say of its regions. All with the importer's lock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal/clock.h"
#include "importer.h"

#define NS_PER_MS UINT64_C(1000000)

/* How soon a name that a new exporter does not know yet is asked for again. */
#define ASK_AGAIN_MS 200

/* A request has the index of its region, and a number that changes. */
#define INDEX_BITS 20
#define INDEX_MASK ((1U << INDEX_BITS) - 1)

/* --- from the exporter */

static struct hf_remote *by_request(struct hf_importer *importer,
				    uint32_t request)
{
	uint32_t index = request & INDEX_MASK;
	struct hf_remote *remote =
		index < importer->table_room ? importer->table[index] : NULL;

	return remote && remote->sent && remote->request == request ? remote
								    : NULL;
}

static struct hf_remote *by_number(struct hf_importer *importer,
				   uint32_t number)
{
	return number < importer->numbers_room ? importer->numbers[number]
					       : NULL;
}

static int set_number(struct hf_importer *importer, struct hf_remote *remote,
		      uint32_t number)
{
	size_t room = importer->numbers_room;
	struct hf_remote **more;

	if (number > INDEX_MASK)
		return -EPROTO;
	if (number >= room) {
		room = 2 * (size_t)number + 16;
		more = reallocarray(importer->numbers, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + importer->numbers_room, 0,
		       (room - importer->numbers_room) * sizeof(*more));
		importer->numbers = more;
		importer->numbers_room = room;
	}
	importer->numbers[number] = remote;
	remote->number = number;
	return 0;
}

static void set_stage(struct hf_remote *remote, enum hf_remote_stage stage)
{
	struct hf_importer *importer = remote->importer;

	importer->pausing += (stage == HF_STAGE_PAUSING) -
			     (remote->stage == HF_STAGE_PAUSING);
	remote->stage = stage;
}

static void to_open(struct hf_remote *remote)
{
	if (remote->opening)
		return;
	remote->opening = true;
	TAILQ_INSERT_TAIL(&remote->importer->opening, remote, open_node);
}

static int set_active(struct hf_remote *remote,
		      const struct hf_wire_region *entry)
{
	/* The exporter gives new keys only after a pause. */
	if (!remote->closed || remote->stage == HF_STAGE_PAUSING)
		return -EPROTO;
	remote->generation = entry->generation;
	remote->iova = entry->iova;
	remote->length = entry->length;
	remote->rkey = entry->rkey;
	remote->access = entry->access;
	set_stage(remote, HF_STAGE_ACTIVE);
	to_open(remote);
	return 0;
}

static void set_paused(struct hf_remote *remote,
		       const struct hf_wire_region *entry)
{
	struct hf_importer *importer = remote->importer;

	remote->generation = entry->generation;
	if (remote->stage == HF_STAGE_PAUSING)
		return;
	remote->info.pauses++;
	if (remote->stage == HF_STAGE_ACTIVE) {
		hf_park_close(remote);
		set_stage(remote, HF_STAGE_PAUSING);
		return;
	}
	set_stage(remote, HF_STAGE_PAUSED);
	remote->tell_still = true;
	importer->todo = true;
}

static void set_gone(struct hf_remote *remote, uint32_t error)
{
	hf_park_close(remote);
	/* So that the way without the mutex finds nothing. */
	remote->length = 0;
	remote->error = -(int)error;
	set_stage(remote, HF_STAGE_GONE);
	to_open(remote);
	pthread_cond_broadcast(&remote->importer->changed);
}

/* A new exporter may not have exported it yet: it has as long again as the connection. */
static bool may_come(struct hf_remote *remote, uint32_t error)
{
	const struct hf_importer *importer = remote->importer;
	uint64_t now = hf_clock_ns();

	if (error != ENOENT || !remote->generation)
		return false;
	if (importer->timeout_ns &&
	    now - importer->up_ns > importer->timeout_ns)
		return false;
	remote->retry_ns = now + ASK_AGAIN_MS * NS_PER_MS;
	return true;
}

static int take_region(struct hf_importer *importer,
		       const struct hf_wire_region *entry)
{
	struct hf_remote *remote =
		entry->request ? by_request(importer, entry->request)
			       : by_number(importer, entry->region);
	int ret = 0;

	/* It has been closed here in the meantime. */
	if (!remote || remote->stage == HF_STAGE_GONE)
		return 0;
	if (entry->request) {
		if (entry->state == HF_WIRE_GONE &&
		    may_come(remote, entry->error))
			return 0;
		if (entry->region)
			ret = set_number(importer, remote, entry->region);
		if (ret)
			return ret;
	}
	if (entry->state == HF_WIRE_ACTIVE)
		return set_active(remote, entry);
	if (entry->state == HF_WIRE_PAUSED)
		set_paused(remote, entry);
	else
		set_gone(remote, entry->error);
	return 0;
}

static int take_message(void *arg, const void *data, size_t length)
{
	struct hf_importer *importer = arg;
	struct hf_wire_flushed flushed;
	struct hf_wire_region region;
	struct hf_message message;
	int ret = 0;

	if (!hf_wire_parse(data, length, HF_WIRE_EXPORTER, &message))
		return -EPROTO;
	importer->heard_ns = hf_clock_ns();
	for (unsigned int i = 0; i < message.count && !ret; i++) {
		if (message.type == HF_WIRE_REGION) {
			hf_wire_get_region(&message, i, &region);
			ret = take_region(importer, &region);
		} else {
			hf_wire_get_flushed(&message, i, &flushed);
			hf_park_flushed(importer, flushed.request,
					-(int)flushed.error);
		}
	}
	return ret;
}

/* Operations that waited go first, then the gates open. */
static void open_all(struct hf_importer *importer)
{
	struct hf_remote *remote;

	if (TAILQ_EMPTY(&importer->opening))
		return;
	hf_park_release(importer);
	while ((remote = TAILQ_FIRST(&importer->opening))) {
		TAILQ_REMOVE(&importer->opening, remote, open_node);
		remote->opening = false;
		if (remote->stage == HF_STAGE_ACTIVE ||
		    remote->stage == HF_STAGE_GONE)
			hf_park_open(remote);
	}
	pthread_cond_broadcast(&importer->changed);
}

void hf_talk_receive(struct hf_importer *importer)
{
	int ret = 0;

	while (importer->completions && hf_link_event(importer->completions))
		;
	if (importer->link.id)
		ret = hf_link_poll(&importer->link, take_message, importer);
	open_all(importer);
	if (ret)
		hf_connect_lost(importer, ret);
}

/* --- to the exporter */

static uint32_t next_request(struct hf_importer *importer,
			     const struct hf_remote *remote)
{
	importer->sequence++;
	/* 0 is none. */
	if (!(importer->sequence << INDEX_BITS))
		importer->sequence++;
	return importer->sequence << INDEX_BITS | remote->index;
}

static bool put_close(struct hf_importer *importer, struct hf_writer *writer)
{
	while (importer->closing_count && hf_wire_room(writer))
		hf_wire_put_close(writer,
				  importer->closing[--importer->closing_count]);
	return writer->count;
}

static bool put_open(struct hf_importer *importer, struct hf_writer *writer)
{
	struct hf_wire_open entry;
	struct hf_remote *remote;

	TAILQ_FOREACH(remote, &importer->remotes, node) {
		if (remote->stage != HF_STAGE_WANTED || remote->sent)
			continue;
		if (!hf_wire_room(writer))
			break;
		remote->request = next_request(importer, remote);
		remote->sent = true;
		entry.request = remote->request;
		memcpy(entry.name, remote->name, sizeof(entry.name));
		hf_wire_put_open(writer, &entry);
	}
	return writer->count;
}

static bool put_still(struct hf_importer *importer, struct hf_writer *writer)
{
	struct hf_remote *remote;

	TAILQ_FOREACH(remote, &importer->remotes, node) {
		if (!remote->tell_still)
			continue;
		if (!hf_wire_room(writer))
			break;
		remote->tell_still = false;
		hf_wire_put_still(writer,
				  &(struct hf_wire_still){
					  remote->number, remote->generation });
	}
	return writer->count;
}

/* Under flush_lock. */
static void put_one_flush(struct hf_importer *importer,
			  struct hf_writer *writer, struct hf_slot *slot)
{
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		const struct hf_queue *queue = &importer->queues[i];
		uint32_t index;

		if (slot < queue->slots || slot >= queue->slots + queue->depth)
			continue;
		index = slot - queue->slots;
		hf_wire_put_flush(writer, &(struct hf_wire_flush){
						  i << INDEX_BITS | index,
						  slot->remote->number,
						  slot->offset, slot->length });
	}
	TAILQ_REMOVE(&importer->asking, slot, flush_node);
	slot->sent = true;
	importer->asked++;
}

static bool put_flush(struct hf_importer *importer, struct hf_writer *writer)
{
	struct hf_slot *slot, *next;

	pthread_mutex_lock(&importer->flush_lock);
	for (slot = TAILQ_FIRST(&importer->asking);
	     slot && hf_wire_room(writer) &&
	     importer->asked < importer->flushes;
	     slot = next) {
		next = TAILQ_NEXT(slot, flush_node);
		put_one_flush(importer, writer, slot);
	}
	pthread_mutex_unlock(&importer->flush_lock);
	return writer->count;
}

/* One message of a type, if there is something to say. False: nothing, or no room now. */
static bool send_one(struct hf_importer *importer, enum hf_wire_type type,
		     bool (*put)(struct hf_importer *importer,
				 struct hf_writer *writer))
{
	struct hf_writer writer;
	void *buffer = hf_link_buffer(&importer->link);
	bool any;

	if (!buffer)
		return false;
	hf_wire_begin(&writer, buffer, type);
	any = put(importer, &writer);
	if (hf_link_send(&importer->link, buffer,
			 any ? hf_wire_end(&writer) : 0)) {
		hf_connect_lost(importer, -ECONNRESET);
		return false;
	}
	return any;
}

void hf_talk_send(struct hf_importer *importer)
{
	if (importer->connection != HF_UP)
		return;
	while (send_one(importer, HF_WIRE_FLUSH, put_flush))
		;
	if (!importer->todo)
		return;
	while (send_one(importer, HF_WIRE_STILL, put_still) ||
	       send_one(importer, HF_WIRE_CLOSE, put_close) ||
	       send_one(importer, HF_WIRE_OPEN, put_open))
		;
	/* Without a buffer there may be more: when one comes back. */
	if (importer->link.free)
		importer->todo = false;
}

void hf_talk_ping(struct hf_importer *importer)
{
	struct hf_writer writer;
	void *buffer;

	if (importer->connection != HF_UP || !hf_link_is_idle(&importer->link))
		return;
	buffer = hf_link_buffer(&importer->link);
	hf_wire_begin(&writer, buffer, HF_WIRE_PING);
	if (hf_link_send(&importer->link, buffer, hf_wire_end(&writer)))
		hf_connect_lost(importer, -ECONNRESET);
}

/* --- time */

/*
 * An exporter that runs sends a message each second, however long a pause takes. One
 * that has been stopped sends none, and its device keeps the connection alive.
 */
static void watch_silence(struct hf_importer *importer, bool waits,
			  uint64_t now)
{
	uint64_t since;

	if (!waits)
		importer->waits_ns = 0;
	else if (!importer->waits_ns)
		importer->waits_ns = now;
	if (!waits || !importer->answer_ns)
		return;
	since = importer->waits_ns > importer->heard_ns ? importer->waits_ns
							: importer->heard_ns;
	if (now - since > importer->answer_ns)
		hf_connect_silent(importer);
}

void hf_talk_tick(struct hf_importer *importer)
{
	bool waits = importer->asked;
	uint64_t now = hf_clock_ns();
	struct hf_remote *remote;

	if (importer->connection != HF_UP)
		return;
	TAILQ_FOREACH(remote, &importer->remotes, node) {
		waits |= remote->closed && remote->stage != HF_STAGE_GONE;
		if (remote->stage == HF_STAGE_PAUSING &&
		    hf_park_is_still(remote)) {
			set_stage(remote, HF_STAGE_PAUSED);
			remote->tell_still = true;
			importer->todo = true;
		}
		if (remote->retry_ns && remote->retry_ns <= now) {
			remote->retry_ns = 0;
			remote->sent = false;
			importer->todo = true;
		}
	}
	watch_silence(importer, waits, now);
}
