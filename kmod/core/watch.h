/* SPDX-License-Identifier: GPL-2.0 */
/* Queues of events of many leases: see watch.c. */
#ifndef HF_CORE_WATCH_H
#define HF_CORE_WATCH_H

#include "core/types.h"

bool hf_watch_is_open(const struct mm_struct *mm);
void hf_watches_push(const struct hf_lease *lease,
		     const struct hf_event *event);
int hf_watch_open(const struct holdfast_watch *args);

#endif
