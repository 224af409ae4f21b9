/* SPDX-License-Identifier: GPL-2.0 */
/* What has happened to the leases of a filesystem since the module was loaded. */
#ifndef HF_CORE_COUNTERS_H
#define HF_CORE_COUNTERS_H

#include "core/types.h"

struct seq_file;

/* The columns of HOLDFAST_COUNTERS, in this order. */
enum hf_count {
	HF_COUNT_LEASES,       /* made */
	HF_COUNT_BREAKS,       /* a change met a lease that lets go */
	HF_COUNT_REFUSED,      /* changes, with ETXTBSY */
	HF_COUNT_ABSORBED,     /* changes, by a rewriting lease */
	HF_COUNT_REVOKED,      /* leases */
	HF_COUNT_FENCED,       /* breaks whose deadline passed */
	HF_COUNT_KILLED,       /* processes, by the fence */
	HF_COUNT_MEDIA_ERRORS, /* of leases */
	HF_COUNTS
};

struct hf_counters *hf_counters_get(dev_t dev);
void hf_count(const struct hf_file *file, enum hf_count what);
void hf_count_wait(const struct hf_file *file, ktime_t since);
int hf_counters_show(struct seq_file *m, void *v);
void hf_counters_exit(void);

#endif
