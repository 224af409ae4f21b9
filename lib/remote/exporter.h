/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exporter as the library sees it. hf_exporter.lock covers everything except what
 * says otherwise. The control thread (serve.c) holds it while it works, and drops it while
 * it waits. Workers (job.c) hold it only to take a job and to give back its result.
 */
#ifndef HOLDFAST_REMOTE_EXPORTER_H
#define HOLDFAST_REMOTE_EXPORTER_H

#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "holdfast_remote.h"
#include "holdfast_verbs.h"
#include "placement.h"
#include "rlink.h"
#include "pause.h"
#include "wire.h"

/* Flushes that an importer may ask for at a time. */
#define HF_FLUSHES 64U

/* A peer that may connect. */
struct hf_admitted {
	TAILQ_ENTRY(hf_admitted) node;
	char name[HF_WIRE_NAME];
	unsigned char token[HF_WIRE_TOKEN];
	struct sockaddr_storage address; /* AF_UNSPEC: any */
	bool has_gid;
	union ibv_gid gid;
};

/**
 * struct hf_export - a range that is shared
 * @file: @lease: descriptors of the library
 * @map: the mapping of the whole range
 * @access: enum ibv_access_flags of its registrations
 * @durable: its memory is persistent: a flush makes durable
 * @flushable: what a device writes is durable once it has left the processor's caches;
 *	no device that does that has refused to register it
 * @peers: names, @peer_count of them; without them all
 * @uses: regions of it
 */
struct hf_export {
	TAILQ_ENTRY(hf_export) node;
	struct hf_exporter *exporter;
	char name[HF_WIRE_NAME];
	int file;
	int lease;
	void *map;
	uint64_t offset;
	size_t length;
	int access;
	bool durable;
	atomic_bool flushable;
	char (*peers)[HF_WIRE_NAME];
	size_t peer_count;
	unsigned int uses;
	bool ended;
};

/**
 * struct hf_region - an export that a session has open
 * @number: its number in the session
 * @request: of the message that opened it, until it is answered
 * @mr: its registration; NULL before the first one
 * @length: @rkey: @iova: @access: what the peer is told
 * @jobs: workers that have it
 * @again: its registration may stand differently, and a worker has it
 * @tell: it is in the session's list of those that the peer has to be told of
 * @dead: the session has ended or the peer has closed it
 * @error: HF_PAUSE_GONE: a positive errno value
 * @retry_ns: when it is tried again, 0: not
 * @broken_ns: when the change came
 */
struct hf_region {
	TAILQ_ENTRY(hf_region) node;
	TAILQ_ENTRY(hf_region) tell_node;
	struct hf_session *session;
	struct hf_export *export_;
	uint32_t number;
	uint32_t request;
	struct hf_mr *mr;
	struct hf_pause pause;
	uint64_t length;
	uint64_t iova;
	uint32_t rkey;
	uint32_t access;
	unsigned int jobs;
	bool again;
	bool tell;
	bool dead;
	int error;
	uint64_t retry_ns;
	uint64_t broken_ns;
};

TAILQ_HEAD(hf_region_list, hf_region);

/* A queue pair of a session, for data. */
struct hf_data {
	TAILQ_ENTRY(hf_data) node;
	struct rdma_cm_id *id;
	struct hf_session *session;
};

/* An answer that waits for a buffer: to a flush, or of an open that is refused. */
struct hf_answer {
	TAILQ_ENTRY(hf_answer) node;
	enum hf_wire_type type;
	uint32_t request;
	uint32_t error;
};

/* A peer that lets more wait sends what no importer does. */
#define HF_ANSWERS 1024U

/**
 * struct hf_session - an importer that is connected
 * @peer: its name
 * @pd: all that the peer reaches is in here: keys of others do not work
 * @placement: what its device can do, see placement.h
 * @regions: by number; @region_count: that are open
 * @bytes: that it has open
 * @flushes: that it has asked for
 * @answers: @tell: what waits for a buffer
 * @failed: an answer could not be kept: the peer would wait for it for ever
 * @dead: the queue pairs are gone, and a worker still has a region of it
 */
struct hf_session {
	TAILQ_ENTRY(hf_session) node;
	struct hf_exporter *exporter;
	char peer[HF_WIRE_NAME];
	uint64_t number;
	uint64_t instance;
	struct rdma_cm_id *id;
	struct ibv_pd *pd;
	unsigned int placement;
	struct hf_link link;
	TAILQ_HEAD(, hf_data) data;
	unsigned int data_count;
	struct hf_region **regions;
	size_t room;
	unsigned int region_count;
	uint64_t bytes;
	unsigned int flushes;
	TAILQ_HEAD(, hf_answer) answers;
	unsigned int answer_count;
	struct hf_region_list tell;
	bool failed;
	bool dead;
};

enum hf_job_kind {
	HF_JOB_REGISTER,
	HF_JOB_RESTORE,
	HF_JOB_FLUSH
};

/* What a worker does, and how it went. */
struct hf_job {
	TAILQ_ENTRY(hf_job) node;
	enum hf_job_kind kind;
	struct hf_region *region;
	struct hf_mr *mr; /* HF_JOB_REGISTER: the new one */
	bool flushable;	  /* and RDMA FLUSH reaches it */
	uint64_t
		reach; /* what is durable of the file's length, see hf_export_reach() */
	struct ibv_pd *pd;
	uint64_t offset;
	uint64_t length;
	uint32_t request;
	int ret;
};

TAILQ_HEAD(hf_job_list, hf_job);

struct hf_exporter {
	pthread_mutex_t lock;
	struct hf_exporter_attr attr;
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
	struct ibv_comp_channel *completions;
	struct hf_context *context;
	int wake_fd;

	pthread_t thread;
	bool stopping;
	pthread_t *workers;
	unsigned int worker_count;
	pthread_cond_t work;
	struct hf_job_list jobs;
	struct hf_job_list done;
	pthread_cond_t changed; /* a job is done, or a region is gone */

	TAILQ_HEAD(, hf_admitted) admitted;
	TAILQ_HEAD(, hf_export) exports;
	TAILQ_HEAD(hf_session_list, hf_session) sessions;
	/* All regions of all sessions, also dead ones. */
	struct hf_region_list regions;
	uint64_t next_session;
	struct hf_exporter_info info;
};

/* --- serve.c */
int hf_serve_start(struct hf_exporter *exporter);
void hf_serve_stop(struct hf_exporter *exporter);
void hf_exporter_wake(struct hf_exporter *exporter);

/* --- accept.c: connection requests */
void hf_accept_events(struct hf_exporter *exporter);

/* --- session.c; all with the lock */
int hf_session_new(struct hf_exporter *exporter, struct rdma_cm_id *id,
		   const struct hf_admitted *peer, const struct hf_hello *hello,
		   struct hf_session **out);
/* Ends it: nothing of the peer reaches memory when it returns. */
void hf_session_end(struct hf_session *session);
/* Messages that have come; ends the session if one is none. */
void hf_session_receive(struct hf_session *session);
/* Messages that wait. */
void hf_session_send(struct hf_session *session);
void hf_session_ping(struct hf_session *session);
/* When the last region is gone. */
void hf_session_free_if_over(struct hf_session *session);

/* --- region.c; all with the lock */
/* 0 or a negative errno value for the peer. */
int hf_region_new(struct hf_session *session, struct hf_export *export_,
		  uint32_t request);
/* The peer, or its session, no longer needs it. */
void hf_region_end(struct hf_region *region);
/* Do what hf_pause_*() wants to have done; may end the session. */
void hf_region_do(struct hf_region *region, unsigned int what);
/* Look how the registration stands. */
void hf_region_look(struct hf_region *region);
/* Its export ends. */
void hf_region_withdraw(struct hf_region *region);
void hf_region_flush(struct hf_region *region,
		     const struct hf_wire_flush *flush);
/* A worker no longer reads its mapping. */
void hf_region_untouched(struct hf_region *region);
/* Events of leases. */
void hf_region_events(struct hf_exporter *exporter);
/* Deadlines and retries. */
int hf_region_tick(struct hf_exporter *exporter); /* ms until the next */
void hf_region_answer(struct hf_session *session, enum hf_wire_type type,
		      uint32_t request, int error);
void hf_region_done(struct hf_job *job);

/* --- export.c */
struct hf_export *hf_export_find(struct hf_exporter *exporter, const char *name,
				 const char *peer);
/* Bytes that the file has of the range: the last page need not be full. */
uint64_t hf_export_reach(const struct hf_export *export_);

/* --- job.c */
int hf_jobs_start(struct hf_exporter *exporter);
void hf_jobs_stop(struct hf_exporter *exporter);
/* With the lock: 0 or -ENOMEM. */
int hf_job_start(struct hf_exporter *exporter, const struct hf_job *job);
/* With the lock: what workers have ended. */
void hf_jobs_reap(struct hf_exporter *exporter);

/* --- persist.c */
/* Whether a file's memory is persistent. */
bool hf_persist_can(int fd);
/* Whether it is enough to write back the processor's caches. */
bool hf_persist_by_caches(int fd, off_t offset);
/*
 * Has the kernel see a range of a writable mapping as dirty: 0, or -errno; -EFAULT is
 * beyond the end of the file.
 */
int hf_persist_dirty(const void *addr, size_t length);
/* Writes back what is dirty of it: 0 or -errno. */
int hf_persist_sync(const void *addr, size_t length);

#endif
