/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The importer as the library sees it.
 *
 * Locks, outermost first:
 *   hf_importer.lock	connection, regions, messages; the control thread holds it while it
 *			works
 *   hf_queue.bias	a queue's slots; see bias.h
 *   hf_importer.flush_lock  flushes that wait for the exporter
 *
 * What an operation reads of its region (key, address, length) changes only while the
 * gates of all queues are closed: each region that is not active keeps them closed.
 */
#ifndef HOLDFAST_REMOTE_IMPORTER_H
#define HOLDFAST_REMOTE_IMPORTER_H

#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <sys/queue.h>

#include "bias.h"
#include "holdfast_remote.h"
#include "placement.h"
#include "rlink.h"
#include "wire.h"

enum hf_slot_state {
	HF_SLOT_FREE,
	HF_SLOT_POSTED, /* the device has it */
	HF_SLOT_PARKED, /* waits for its region, or a connection */
	HF_SLOT_ASKING, /* a flush: waits to be sent to the exporter, or for the answer */
	HF_SLOT_DONE, /* its completion is to be taken */
};

/**
 * struct hf_slot - an operation
 * @order: of posting, in its queue
 * @offset: @length: in the region; @length of a read or write is that of @local
 * @compare: @swap: of atomics; @swap is also what is added
 * @refused: see hf_fate()
 * @waiter: a call waits for it, and takes it without a completion
 * @all: a flush up to the end of the region, wherever that is when it is issued
 * @by_device: a flush: posted as RDMA FLUSH
 */
struct hf_slot {
	enum hf_slot_state state;
	enum hf_remote_op op;
	struct hf_remote *remote;
	uint64_t order;
	uint64_t offset;
	uint64_t length;
	uint64_t compare;
	uint64_t swap;
	struct ibv_sge local;
	uint64_t user_data;
	unsigned int refused;
	bool waiter;
	bool sent;
	bool all;
	bool by_device;
	int error;
	TAILQ_ENTRY(hf_slot) flush_node;
};

/**
 * struct hf_queue - a queue pair, and its operations
 * @qp: NULL while there is no connection
 * @connection: number of the connection: completions of earlier ones are dropped
 * @slots: @depth of them; @free: those that are free
 * @done: a ring of slots whose completions are to be taken: @done_head, @done_count
 * @parked: room for park.c to sort
 * @saw_error: this connection has reported an error, or has been ended by us
 * @armed: the program waits for an event
 * @notified: wake_fd has been written
 * @scratch: where the read of a flush goes to
 */
struct hf_queue {
	struct hf_bias bias;
	struct hf_importer *importer;
	unsigned int number;
	struct rdma_cm_id *id;
	struct ibv_qp *qp;
	struct ibv_cq *cq;
	struct ibv_comp_channel *channel;
	uint32_t connection;
	struct hf_slot *slots;
	uint32_t depth;
	uint32_t *free;
	uint32_t free_count;
	struct hf_slot **parked;
	uint32_t *done;
	uint32_t done_head;
	uint32_t done_count;
	uint64_t order;
	int wake_fd;
	int epoll;
	bool saw_error;
	bool armed;
	bool notified;
	uint64_t *scratch;
	struct ibv_mr *scratch_mr;
};

enum hf_remote_stage {
	HF_STAGE_WANTED, /* to be asked for, or the answer is awaited */
	HF_STAGE_ACTIVE,
	HF_STAGE_PAUSING, /* operations are in flight */
	HF_STAGE_PAUSED,
	HF_STAGE_GONE,
};

/**
 * struct hf_remote - a region
 * @index: in the importer's table
 * @opening: it is in the list of those that have become active
 * @request: of the last HF_WIRE_OPEN
 * @sent: it has been sent
 * @number: the exporter's
 * @closed: it keeps the gates closed
 * @waiting: hf_remote_open() waits
 * @since_ns: since when operations have had to wait
 * @retry_ns: when it is asked for again
 * @device_flushes: @exporter_flushes: completed, by RDMA FLUSH and by the exporter's processor
 */
struct hf_remote {
	TAILQ_ENTRY(hf_remote) node;
	TAILQ_ENTRY(hf_remote) open_node;
	struct hf_importer *importer;
	uint32_t index;
	bool opening;
	char name[HF_WIRE_NAME];
	_Atomic enum hf_remote_stage stage;
	uint32_t request;
	bool sent;
	bool tell_still;
	uint32_t number;
	uint32_t generation;
	uint64_t iova;
	uint64_t length;
	uint32_t rkey;
	uint32_t access;
	int error;
	bool closed;
	uint64_t since_ns;
	uint64_t retry_ns;
	_Atomic uint64_t device_flushes;
	_Atomic uint64_t exporter_flushes;
	struct hf_remote_info info;
};

enum hf_connection {
	HF_DOWN,       /* none; the next attempt is at retry_ns */
	HF_CONNECTING, /* the control connection is being made */
	HF_JOINING,    /* and then those of the queues */
	HF_UP,
};

/**
 * struct hf_importer
 * @instance: a random number: see struct hf_hello
 * @opened: the first connection has been made
 * @down_ns: since when there is no connection
 * @up_ns: since when there is one
 * @attempt_ns: when this attempt began
 * @expired: the timeout is over: operations fail with @failure
 * @answer_ns: how long the exporter may be silent while something waits for it, 0: for ever
 * @heard_ns: when its last message came
 * @waits_ns: since when something waits for it, 0: nothing does
 * @placement: what the queue pairs can post, see placement.h
 * @reason: why there is no connection, a negative errno value
 * @joined: queues that are connected
 * @broken: a queue has seen an error
 * @asking: flushes to be sent to the exporter
 * @remotes: all regions; @opening: those that have become active; @table: by index;
 *	@numbers: by the exporter's number
 * @pausing: how many are HF_STAGE_PAUSING
 * @todo: there may be something to send of a region
 * @closing: numbers of regions to be closed
 */
struct hf_importer {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct sockaddr_storage address;
	unsigned char token[HF_WIRE_TOKEN];
	uint64_t timeout_ns;
	uint64_t instance;

	struct rdma_event_channel *events;
	struct ibv_context *device;
	struct ibv_pd *pd;
	struct ibv_comp_channel *completions;
	struct rdma_cm_id *id;
	struct hf_link link;
	uint32_t max_reads;
	uint32_t max_message;
	unsigned int placement;

	enum hf_connection connection;
	uint32_t number;
	uint64_t session;
	uint32_t flushes;
	bool opened;
	atomic_bool expired;
	uint64_t answer_ns;
	uint64_t heard_ns;
	uint64_t waits_ns;
	int reason;
	atomic_int failure;
	uint64_t down_ns;
	uint64_t up_ns;
	uint64_t attempt_ns;
	uint64_t retry_ns;
	unsigned int failures;
	unsigned int joined;
	uint64_t reconnects;
	atomic_bool broken;

	struct hf_queue *queues;
	unsigned int queue_count;

	TAILQ_HEAD(, hf_remote) remotes;
	TAILQ_HEAD(, hf_remote) opening;
	struct hf_remote **table;
	size_t table_room;
	struct hf_remote **numbers;
	size_t numbers_room;
	unsigned int pausing;
	uint32_t sequence;
	bool todo;
	uint32_t *closing;
	size_t closing_count;
	size_t closing_room;

	pthread_mutex_t flush_lock;
	TAILQ_HEAD(, hf_slot) asking;
	unsigned int asked;

	int wake_fd;
	pthread_t thread;
	bool stopping;
};

/* --- control.c: the control thread */
int hf_control_start(struct hf_importer *importer);
void hf_control_stop(struct hf_importer *importer);
void hf_importer_wake(struct hf_importer *importer);

/* --- connect.c; with the lock */
void hf_connect_events(struct hf_importer *importer);
/* Attempts and their limits. */
void hf_connect_tick(struct hf_importer *importer);
/* The connection is no more, or never was: the next attempt comes by itself. */
void hf_connect_lost(struct hf_importer *importer, int reason);
/* The exporter does not answer: operations fail, until there is another connection. */
void hf_connect_silent(struct hf_importer *importer);

/* --- talk.c: messages; with the lock */
void hf_talk_receive(struct hf_importer *importer);
/* Regions that pause, and no longer have anything in flight; those that wait for an answer. */
void hf_talk_tick(struct hf_importer *importer);
void hf_talk_send(struct hf_importer *importer);
void hf_talk_ping(struct hf_importer *importer);

/* --- park.c; with the importer's lock: operations that have to wait */
void hf_park_close(struct hf_remote *remote);
void hf_park_open(struct hf_remote *remote);
/* Whether nothing of a region is in flight. */
bool hf_park_is_still(struct hf_remote *remote);
/* Queues without a connection: what was in flight waits for the next one. */
void hf_park_lost(struct hf_importer *importer);
/* Post or end what waits, as far as it is possible now. */
void hf_park_release(struct hf_importer *importer);
void hf_park_flushed(struct hf_importer *importer, uint32_t request, int error);
/* Whether operations of a region are left. */
bool hf_park_has(struct hf_remote *remote);

/* --- queue.c */
int hf_queue_init(struct hf_importer *importer, unsigned int number,
		  uint32_t depth);
/* When the device is known: 0 or -errno. What was made before stays. */
int hf_queue_open(struct hf_queue *queue);
/* Has its memory registered in the importer's protection domain: 0 or -errno. */
int hf_queue_join(struct hf_queue *queue);
/* Has none there any longer; the queue has no connection. */
void hf_queue_leave(struct hf_queue *queue);
void hf_queue_destroy(struct hf_queue *queue);
/* Called by who is in the bias: */
/* Gives the operation to the device; or ends it, or parks it. */
void hf_queue_issue(struct hf_queue *queue, struct hf_slot *slot);
void hf_queue_done(struct hf_queue *queue, struct hf_slot *slot, int error);
/* Takes what the device has completed. Returns how many. */
int hf_queue_collect(struct hf_queue *queue);
/* Tells the program of completions that it was not there to see; not the owner. */
void hf_queue_notify(struct hf_queue *queue);
int hf_queue_start(struct hf_queue *queue, const struct hf_slot *asked,
		   struct hf_slot **out);
void hf_queue_recycle(struct hf_queue *queue, struct hf_slot *slot);
/* Whether both devices have ATOMIC WRITE. */
bool hf_queue_can_atomic_write(const struct hf_remote *remote);

#endif
