/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors of queues of events of many leases: see events.c. */
#ifndef HF_REPORT_EVENTS_H
#define HF_REPORT_EVENTS_H

struct holdfast_watch;

int hf_events_open(const struct holdfast_watch *args);

#endif
