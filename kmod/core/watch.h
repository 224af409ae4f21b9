/* SPDX-License-Identifier: GPL-2.0 */
/* Queues of events of many leases: see watch.c. */
#ifndef HF_CORE_WATCH_H
#define HF_CORE_WATCH_H

#include "core/types.h"

/* Kept unread, at most. */
#define HF_WATCH_EVENTS 64

/* An event, and the lease as it was then. */
struct hf_watch_event {
	struct hf_event event;
	u64 lease, address, offset, length;
};

struct hf_watch {
	struct list_head node;
	struct mm_struct *mm; /* grabbed, to compare; NULL: all of @dev */
	dev_t dev;
	wait_queue_head_t wait;
	struct hf_watch_event ring[HF_WATCH_EVENTS];
	unsigned int first, nr;
	u32 lost; /* since the last event that was read */
	/* The number from which on leases are to be looked at; 0: none */
	unsigned long next;
};

bool hf_watch_wants(const struct hf_watch *watch, const struct hf_lease *lease);
bool hf_watch_is_open(const struct mm_struct *mm);
void hf_watch_push(struct hf_watch *watch, const struct hf_lease *lease,
		   const struct hf_event *event);
void hf_watches_push(const struct hf_lease *lease,
		     const struct hf_event *event);
bool hf_watch_take(struct hf_watch *watch, struct holdfast_event *out);
void hf_watch_rewind(struct hf_watch *watch);
void hf_watch_advance(struct hf_watch *watch, unsigned long from,
		      unsigned long to);
int hf_watch_add(struct hf_watch *watch);
void hf_watch_remove(struct hf_watch *watch);

#endif
