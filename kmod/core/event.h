/* SPDX-License-Identifier: GPL-2.0 */
/* What the holder is told: see event.c. */
#ifndef HF_CORE_EVENT_H
#define HF_CORE_EVENT_H

#include "core/types.h"

extern struct wait_queue_head hf_report_wait;
extern atomic_t hf_report_event;

void hf_report_wake(void);
void hf_events_init(struct hf_lease *lease);
void hf_event_tell(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now, const struct hf_change_info *change,
		   ktime_t deadline);
void hf_event_push(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now);
void hf_events_free(struct hf_lease *lease);
ssize_t hf_event_read(struct hf_lease *lease, char __user *buf, size_t size,
		      bool nonblock);

#endif
