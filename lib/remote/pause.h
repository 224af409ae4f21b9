/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exporter's side of a pause, of one region of one peer: which state it is in, and
 * what has to be done next. Nothing here calls a device or sends a message: each
 * function returns what the caller has to do.
 *
 *	OPENING --restored--> ACTIVE --break--> ASKED --still--> STILL --over--> RESTORING
 *	                        ^                 |                                  |
 *	                        |                due: the peer is dropped            |
 *	                        +------------------------restored--------------------+
 *
 * While a worker reads the mapping to flush it (touching), the region stays registered.
 */
#ifndef HOLDFAST_REMOTE_PAUSE_H
#define HOLDFAST_REMOTE_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

enum hf_pause_state {
	HF_PAUSE_OPENING,   /* a worker registers it for the first time */
	HF_PAUSE_ACTIVE,    /* registered, the peer has the keys */
	HF_PAUSE_ASKED,	    /* registered, the peer has been asked to stop */
	HF_PAUSE_STILL,	    /* not registered, waits for the change */
	HF_PAUSE_RESTORING, /* a worker registers it again */
	HF_PAUSE_GONE,	    /* it does not come back */
};

/* What to do; more than one is possible. */
#define HF_DO_TELL    1U /* send the peer how the region stands */
#define HF_DO_SUSPEND 2U /* deregister, then look whether the change is over */
#define HF_DO_RESTORE 4U /* give it to a worker */
#define HF_DO_DROP    8U /* end the peer's session */

/**
 * struct hf_pause - how a region stands
 * @generation: counts what the peer has been told of; from 1, 0: of nothing yet
 * @due_ns: HF_PAUSE_ASKED: when the peer is dropped
 * @still: the peer has answered
 * @touching: workers that read the mapping
 */
struct hf_pause {
	enum hf_pause_state state;
	uint32_t generation;
	uint64_t due_ns;
	bool still;
	unsigned int touching;
};

/* A change waits for the region; the peer has until @due_ns. */
unsigned int hf_pause_break(struct hf_pause *pause, uint64_t due_ns);
/* The peer says that nothing of @generation is in flight. */
unsigned int hf_pause_still(struct hf_pause *pause, uint32_t generation);
/* A worker wants to read the mapping: whether it may. */
bool hf_pause_touch(struct hf_pause *pause);
unsigned int hf_pause_untouch(struct hf_pause *pause);
/* Nothing keeps the region from being registered again. */
unsigned int hf_pause_over(struct hf_pause *pause);
/*
 * A worker has registered it; @breaking: and the next change waits for it already, of
 * which the peer need not hear.
 */
unsigned int hf_pause_restored(struct hf_pause *pause, bool breaking);
/* A worker could not; it is tried again later. */
void hf_pause_not_yet(struct hf_pause *pause);
/* Neither now nor later. */
unsigned int hf_pause_gone(struct hf_pause *pause);
unsigned int hf_pause_due(const struct hf_pause *pause, uint64_t now_ns);

#endif
